//! How much there is in a table, for those who plan queries.
//!
//! Numbers are parameters of a table and of its partitions, under the names that Hive and Spark read
//! ([`StatsSetupConst`]) and under those that Glue's crawlers write ([crawler parameters]). `COLUMN_STATS_ACCURATE` is
//! not among them: Hive would answer `count(*)` from the numbers alone.
//!
//! Statistics of columns have calls of their own ([`ColumnStatisticsData`]). Those of timestamps and binary columns are
//! left out: Glue has no kind for timestamps (its documentation gives them the kind of dates, which engines read as
//! days), and of binary columns nothing is planned with.
//!
//! [`StatsSetupConst`]: https://hive.apache.org/docs/latest/user/statsdev/
//! [crawler parameters]: https://docs.aws.amazon.com/glue/latest/dg/table-properties-crawler.html
//! [`ColumnStatisticsData`]: https://docs.aws.amazon.com/glue/latest/webapi/API_ColumnStatisticsData.html

use std::collections::BTreeMap;

use arrow::datatypes::DataType;

use crate::Column;

/// How much there is: as of now, not what was added.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Numbers {
    /// Rows.
    pub rows: u64,
    /// Files with rows.
    pub files: u64,
    /// Bytes of these files, as they are stored.
    pub bytes: u64,
}

impl Numbers {
    /// The parameters that say so.
    fn parameters(self) -> [(&'static str, u64); 7] {
        let Self { rows, files, bytes } = self;
        [
            ("numRows", rows),
            ("numFiles", files),
            ("totalSize", bytes),
            ("recordCount", rows),
            ("objectCount", files),
            ("sizeKey", bytes),
            ("averageRecordSize", bytes.checked_div(rows).unwrap_or(0)),
        ]
    }

    /// Puts them among other parameters, and says whether any has changed.
    pub(crate) fn put(self, parameters: &mut BTreeMap<String, String>) -> bool {
        let mut changed = false;
        for (name, value) in self.parameters() {
            let value = value.to_string();
            changed |= parameters.get(name) != Some(&value);
            parameters.insert(name.to_owned(), value);
        }
        changed
    }

    /// Takes them from among other parameters, and says whether they were there. Nobody else writes all of them.
    pub(crate) fn remove(parameters: &mut BTreeMap<String, String>) -> bool {
        let names = Self::default().parameters().map(|(name, _)| name);
        let are_there = names.iter().all(|name| parameters.contains_key(*name));
        if are_there {
            parameters.retain(|name, _| !names.contains(&&**name));
        }
        are_there
    }
}

/// The numbers of a table and of some of its partitions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Of the whole table; `None` leaves the table's numbers as they are.
    pub table: Option<Numbers>,
    /// Of partitions, by their values in the order of the keys.
    pub partitions: BTreeMap<Vec<String>, Numbers>,
}

/// What is known about the values of a column.
#[derive(Clone, Debug, PartialEq)]
pub struct ColumnStatistics {
    /// The column.
    pub name: String,
    /// How many values are null.
    pub nulls: u64,
    /// How many different values there are, null not among them; exactly or nearly. Of a boolean column, none is kept.
    pub distinct: u64,
    /// What depends on the type.
    pub kind: Kind,
}

/// What is known about values of one type. A range is the least value and the greatest one; without a range nothing is
/// written, because Glue reads a bound that is missing as 0.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// `boolean`.
    Boolean {
        /// How many are true.
        trues: u64,
        /// How many are false.
        falses: u64,
    },
    /// `tinyint`, `smallint`, `int`, `bigint`.
    Long {
        /// The bounds.
        range: Option<(i64, i64)>,
    },
    /// `float`, `double`.
    Double {
        /// The bounds. Finite: JSON has no others.
        range: Option<(f64, f64)>,
    },
    /// `decimal(p,s)`.
    Decimal {
        /// The bounds, as multiples of 10^-scale.
        range: Option<(i128, i128)>,
        /// Digits after the point.
        scale: u8,
    },
    /// `date`.
    Date {
        /// The bounds, in days since 1970-01-01.
        range: Option<(i32, i32)>,
    },
    /// `string`, `varchar`, `char`.
    String {
        /// Bytes of the longest value.
        longest: u64,
        /// Bytes of a value on average, nulls aside.
        average: f64,
    },
}

impl ColumnStatistics {
    /// Whether they can be kept for this column.
    pub(crate) fn suits(&self, column: &Column) -> bool {
        use DataType::{Boolean, Date32, Decimal128, Float32, Float64, Int8, Int16, Int32, Int64, Utf8};
        let Some(held) = column.data_type() else { return false };
        match (&self.kind, held) {
            (Kind::Boolean { .. }, Boolean)
            | (Kind::Long { range: Some(_) }, Int8 | Int16 | Int32 | Int64)
            | (Kind::Date { range: Some(_) }, Date32) => true,
            (Kind::Double { range: Some((least, greatest)) }, Float32 | Float64) => {
                least.is_finite() && greatest.is_finite()
            }
            (Kind::Decimal { range: Some(_), scale }, Decimal128(_, held)) => i8::try_from(*scale) == Ok(held),
            (Kind::String { average, .. }, Utf8) => average.is_finite(),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_the_names_that_others_read() {
        let mut parameters = BTreeMap::from([("team".to_owned(), "finance".to_owned())]);
        let numbers = Numbers { rows: 3, files: 2, bytes: 1000 };
        assert!(numbers.put(&mut parameters));
        let expected = [
            ("averageRecordSize", "333"),
            ("numFiles", "2"),
            ("numRows", "3"),
            ("objectCount", "2"),
            ("recordCount", "3"),
            ("sizeKey", "1000"),
            ("team", "finance"),
            ("totalSize", "1000"),
        ];
        assert!(parameters.iter().map(|(name, value)| (&**name, &**value)).eq(expected));
        assert!(!numbers.put(&mut parameters));
        assert!(Numbers::default().put(&mut parameters));
        assert_eq!(parameters["averageRecordSize"], "0");
    }

    #[test]
    fn only_what_glue_keeps_truthfully_is_written() {
        let of = |kind| ColumnStatistics { name: "a".into(), nulls: 0, distinct: 1, kind };
        for (kind, fits) in [
            (Kind::Long { range: Some((1, 2)) }, "smallint"),
            (Kind::Double { range: Some((1.0, 2.0)) }, "float"),
            (Kind::Decimal { range: Some((1, 2)), scale: 2 }, "decimal(9,2)"),
            (Kind::Date { range: Some((1, 2)) }, "date"),
            (Kind::String { longest: 1, average: 0.5 }, "varchar(3)"),
            (Kind::Boolean { trues: 1, falses: 0 }, "boolean"),
        ] {
            assert!(of(kind.clone()).suits(&Column::new("a", fits)), "{kind:?}");
            for other in ["timestamp", "binary", "decimal(9,3)", "array<int>"] {
                assert!(!of(kind.clone()).suits(&Column::new("a", other)), "{kind:?} {other}");
            }
            assert!(!of(kind).suits(&Column::provisional("a")));
        }
        assert!(!of(Kind::Long { range: None }).suits(&Column::new("a", "int")));
        assert!(!of(Kind::Double { range: Some((0.0, f64::INFINITY)) }).suits(&Column::new("a", "double")));
    }
}
