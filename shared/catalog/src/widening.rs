//! Which types hold which others: in the files that a table has already, and as values.
//!
//! Athena (Trino), Hive and Spark agree on few changes of a Parquet column's type: Athena's guide allows none at all
//! in an unpartitioned table ([Change a column data type]). What is left is where the bytes of old files mean the same
//! under the new type, because the physical type and its annotation only bound the values ([Parquet logical types]).
//!
//! [Change a column data type]: https://docs.aws.amazon.com/athena/latest/ug/updates-changing-column-type.html
//! [Parquet logical types]: https://github.com/apache/parquet-format/blob/master/LogicalTypes.md

use arrow::datatypes::DataType;

use crate::hive_type::{self, same};

/// Whether every engine reads the Parquet files of a column of Hive type `from` under the wider Hive type `to`:
/// - `tinyint` → `smallint` → `int`: all are INT32;
/// - `char`, `varchar` → `string`, and `varchar(n)` → `varchar(m)` with `m` > `n`: all are UTF-8 byte arrays;
/// - `decimal(p,s)` → `decimal(q,s)` with `q` > `p`, both INT32, both INT64, or both byte arrays of one width.
///
/// A strict partial order.
pub(crate) fn widens(from: &str, to: &str) -> bool {
    if same(from, to) {
        return false;
    }
    let (Some(old), Some(new)) = (hive_type::data_type(from), hive_type::data_type(to)) else { return false };
    match (old, new) {
        (DataType::Int8, DataType::Int16 | DataType::Int32) | (DataType::Int16, DataType::Int32) => true,
        (DataType::Decimal128(old, scale), DataType::Decimal128(new, other)) => {
            scale == other && old < new && decimal_width(old) == decimal_width(new)
        }
        (DataType::Utf8, DataType::Utf8) => match (Text::of(from), Text::of(to)) {
            (Text::Unbounded, _) => false,
            (_, Text::Unbounded) => true,
            (Text::Varchar(old), Text::Varchar(new)) => old < new,
            _ => false,
        },
        _ => false,
    }
}

/// Whether each value of type `narrow` is one of type `wide`, so that a column declared as `narrow` can be read as
/// `wide` without loss. Text holds everything that is read from text.
pub(crate) fn holds(wide: &DataType, narrow: &DataType) -> bool {
    use DataType::{Binary, Date32, Decimal128, Float32, Float64, Int8, Int16, Int32, Int64, Timestamp, Utf8};
    match (narrow, wide) {
        (narrow, wide) if narrow == wide => true,
        (Binary, Utf8) => false,
        (_, Utf8)
        | (Date32, Timestamp(..))
        | (Float32, Float64)
        | (Int8, Int16 | Int32 | Int64 | Float32 | Float64)
        | (Int16, Int32 | Int64 | Float32 | Float64)
        | (Int32, Int64 | Float64) => true,
        (Int8 | Int16 | Int32 | Int64, Decimal128(precision, scale)) => {
            let digits = match narrow {
                Int8 => 3,
                Int16 => 5,
                Int32 => 10,
                _ => 19,
            };
            whole_digits(*precision, *scale) >= digits
        }
        (Decimal128(precision, scale), Decimal128(wider, longer)) => {
            longer >= scale && whole_digits(*wider, *longer) >= whole_digits(*precision, *scale)
        }
        _ => false,
    }
}

fn whole_digits(precision: u8, scale: i8) -> i16 {
    i16::from(precision) - i16::from(scale)
}

/// The bytes that Parquet keeps a decimal in: 4 and 8 are INT32 and INT64, more are a byte array of that width.
fn decimal_width(precision: u8) -> u32 {
    match precision {
        0..=9 => 4,
        10..=18 => 8,
        // The fewest bytes whose two's complement has room for 10^precision - 1.
        _ => (9..16).find(|bytes| 10u128.pow(u32::from(precision)) <= 1 << (8 * bytes - 1)).unwrap_or(16),
    }
}

/// The most characters that a column's texts can have, and whether blanks at their end do not count, as in `char`; `None`
/// where there is no limit. The column is of Hive type `held`, if it exists, and the rules declare `declared`, which
/// holds for a new one and where it widens `held`.
pub fn text_limit(held: Option<&str>, declared: Option<&str>) -> Option<(u16, bool)> {
    let decides = match (held, declared) {
        (Some(held), Some(declared)) if widens(held, declared) => declared,
        (Some(held), _) => held,
        (None, declared) => declared?,
    };
    match Text::of(decides) {
        Text::Varchar(most) => Some((most, false)),
        Text::Char(most) => Some((most, true)),
        Text::Unbounded => None,
    }
}

/// The kinds of text that Hive tells apart.
enum Text {
    Unbounded,
    Varchar(u16),
    Char(u16),
}

impl Text {
    fn of(hive_type: &str) -> Self {
        let text: String = hive_type.chars().filter(|c| !c.is_whitespace()).collect::<String>().to_ascii_lowercase();
        let length = |name: &str| {
            let rest = text.strip_prefix(name)?.strip_prefix('(')?;
            rest.strip_suffix(')')?.parse().ok()
        };
        match (length("varchar"), length("char")) {
            (Some(length), _) => Self::Varchar(length),
            (_, Some(length)) => Self::Char(length),
            // As in Hive.
            _ if text == "char" => Self::Char(1),
            _ => Self::Unbounded,
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use arrow::datatypes::TimeUnit;
    use proptest::prelude::*;

    use super::*;

    /// Any Hive type that a file of ours can fill.
    pub(crate) fn types() -> impl Strategy<Value = String> {
        let fixed = ["boolean", "tinyint", "smallint", "int", "bigint", "float", "double", "date", "timestamp"];
        prop_oneof![
            prop::sample::select(fixed.to_vec()).prop_map(str::to_owned),
            Just("string".to_owned()),
            (1u16..6, any::<bool>()).prop_map(|(n, bounded)| format!("{}char({n})", if bounded { "var" } else { "" })),
            (1u8..=38, 0u8..3).prop_map(|(p, s)| format!("decimal({p},{})", s.min(p))),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn widening_is_a_strict_partial_order(a in types(), b in types(), c in types()) {
            prop_assert!(!widens(&a, &a));
            prop_assert!(!(widens(&a, &b) && widens(&b, &a)), "{a} {b}");
            prop_assert!(!(widens(&a, &b) && widens(&b, &c)) || widens(&a, &c), "{a} {b} {c}");
        }

        #[test]
        fn what_widens_loses_nothing(a in types(), b in types()) {
            let [old, new] = [&a, &b].map(|name| hive_type::data_type(name).unwrap());
            prop_assert!(!widens(&a, &b) || holds(&new, &old), "{a} {b}");
        }
    }

    #[test]
    fn files_stay_readable_only_where_their_bytes_mean_the_same() {
        for (from, to) in [
            ("tinyint", "smallint"),
            ("tinyint", "INT"),
            ("smallint", "integer"),
            ("char(3)", "string"),
            ("varchar(3)", "string"),
            ("varchar(3)", "VARCHAR( 4 )"),
            ("decimal(5,2)", "decimal(9,2)"),
            ("decimal(10,2)", "decimal(18,2)"),
            ("decimal(19,0)", "decimal(21,0)"),
            ("decimal(36,4)", "decimal(38,4)"),
        ] {
            assert!(widens(from, to), "{from} {to}");
        }
        for (from, to) in [
            ("int", "bigint"),
            ("smallint", "bigint"),
            ("int", "smallint"),
            ("float", "double"),
            ("bigint", "double"),
            ("date", "timestamp"),
            ("bigint", "string"),
            ("varchar(4)", "varchar(3)"),
            ("char(3)", "char(4)"),
            ("char(3)", "varchar(4)"),
            ("string", "varchar(9)"),
            ("decimal(9,2)", "decimal(10,2)"),
            ("decimal(18,2)", "decimal(19,2)"),
            ("decimal(21,0)", "decimal(22,0)"),
            ("decimal(5,2)", "decimal(6,3)"),
            ("array<int>", "array<bigint>"),
        ] {
            assert!(!widens(from, to), "{from} {to}");
        }
    }

    #[test]
    fn the_table_limits_texts_unless_the_rules_widen_it() {
        for (held, declared, limit) in [
            (Some("varchar(5)"), None, Some((5, false))),
            (Some("CHAR ( 2 )"), None, Some((2, true))),
            (Some("varchar(5)"), Some("varchar(9)"), Some((9, false))),
            (Some("varchar(5)"), Some("varchar(3)"), Some((5, false))),
            (Some("varchar(5)"), Some("string"), None),
            (Some("string"), Some("varchar(3)"), None),
            (None, Some("varchar(3)"), Some((3, false))),
            (Some("varchar"), None, None),
            (None, None, None),
        ] {
            assert_eq!(text_limit(held, declared), limit, "{held:?} {declared:?}");
        }
    }

    /// The widths that the Parquet format lists for `FIXED_LEN_BYTE_ARRAY`.
    #[test]
    fn decimals_have_the_width_of_the_format() {
        let widths = [(9, 4), (18, 8), (19, 9), (21, 9), (22, 10), (23, 10), (24, 11), (26, 11), (28, 12), (31, 13)];
        for (precision, width) in widths.into_iter().chain([(33, 14), (35, 15), (36, 16), (38, 16)]) {
            assert_eq!(decimal_width(precision), width, "{precision}");
        }
    }

    #[test]
    fn values_fit_into_what_holds_them() {
        let timestamp = DataType::Timestamp(TimeUnit::Microsecond, None);
        for (wide, narrow) in [
            (DataType::Int64, DataType::Int32),
            (DataType::Float64, DataType::Int32),
            (DataType::Utf8, DataType::Boolean),
            (timestamp, DataType::Date32),
            (DataType::Decimal128(12, 2), DataType::Int32),
            (DataType::Decimal128(12, 3), DataType::Decimal128(11, 2)),
        ] {
            assert!(holds(&wide, &narrow), "{wide} {narrow}");
            assert!(!holds(&narrow, &wide), "{narrow} {wide}");
        }
        assert!(!holds(&DataType::Float64, &DataType::Int64));
        assert!(!holds(&DataType::Decimal128(12, 3), &DataType::Int32));
        assert!(!holds(&DataType::Float32, &DataType::Int32));
    }
}
