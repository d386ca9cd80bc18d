use std::collections::BTreeMap;

use crate::{Column, Error, Result, Table, TableName, hive_type};

/// What Hive, and so Athena, reads as the null partition.
const NULL: &str = "__HIVE_DEFAULT_PARTITION__";

/// A partition of a table.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Partition {
    /// One value a partition key, in the keys' order.
    pub values: Vec<String>,
    /// Where its files are, with a trailing slash.
    pub location: String,
}

/// A partition as the catalog holds it.
#[derive(Clone, Debug)]
pub struct RegisteredPartition {
    /// The partition.
    pub partition: Partition,
    /// The columns that its files are read with.
    pub columns: Vec<Column>,
    /// Partition parameters.
    pub parameters: BTreeMap<String, String>,
    #[cfg(feature = "glue")]
    pub(crate) origin: Option<Box<aws_sdk_glue::types::Partition>>,
}

impl RegisteredPartition {
    /// Whether the partition lists other columns than the table's files hold: one is missing, or has another type.
    /// Columns that the table lacks are left alone.
    pub fn is_outdated(&self, table: &Table) -> bool {
        table.file_columns().any(|wanted| {
            !self
                .columns
                .iter()
                .any(|column| column.is_called(&wanted.name) && hive_type::same(&column.hive_type, &wanted.hive_type))
        })
    }
}

/// Refuses partitions that the table's keys cannot take: a wrong number of values, or a value that a typed key does
/// not read (Athena would fail on the whole table).
pub(crate) fn check(name: &TableName, keys: &[Column], partitions: &[Partition]) -> Result<()> {
    for Partition { values, .. } in partitions {
        if keys.len() != values.len() {
            let reason = format!("{} partition values for {} partition keys", values.len(), keys.len());
            return Err(Error::schema(name, reason));
        }
        for (key, value) in keys.iter().zip(values) {
            if !fits(&key.hive_type, value) {
                return Err(Error::schema(
                    name,
                    format!(
                        "the value of partition key {} is no {}; rename the folder, or name another table",
                        key.name, key.hive_type
                    ),
                ));
            }
        }
    }
    Ok(())
}

/// Whether a new table can have a partition key of that Hive type: those whose values [`check`] can judge.
pub(crate) fn can_be_key(hive_type: &str) -> bool {
    use arrow::datatypes::DataType::{Boolean, Date32, Int8, Int16, Int32, Int64, Utf8};
    matches!(hive_type::data_type(hive_type), Some(Boolean | Date32 | Int8 | Int16 | Int32 | Int64 | Utf8))
}

fn fits(hive_type: &str, value: &str) -> bool {
    if value == NULL {
        return true;
    }
    match hive_type.trim().to_ascii_lowercase().as_str() {
        "tinyint" => value.parse::<i8>().is_ok(),
        "smallint" => value.parse::<i16>().is_ok(),
        "int" | "integer" => value.parse::<i32>().is_ok(),
        "bigint" => value.parse::<i64>().is_ok(),
        "boolean" => value.eq_ignore_ascii_case("true") || value.eq_ignore_ascii_case("false"),
        "date" => is_date(value),
        _ => true,
    }
}

/// `YYYY-MM-DD`, which is what Hive reads.
fn is_date(value: &str) -> bool {
    let parts: Vec<&str> = value.split('-').collect();
    let number = |text: &str, digits: usize| {
        (text.len() == digits && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse::<u32>().ok()).flatten()
    };
    let [year, month, day] = parts.as_slice() else { return false };
    let (Some(year), Some(month), Some(day)) = (number(year, 4), number(month, 2), number(day, 2)) else {
        return false;
    };
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        4 | 6 | 9 | 11 => 30,
        2 => 28 + u32::from(leap),
        _ => 31,
    };
    (1..=12).contains(&month) && (1..=days).contains(&day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typed_key_takes_only_what_it_can_read() {
        for (hive_type, good, bad) in [
            ("int", "2026", "2026a"),
            ("tinyint", "-128", "128"),
            ("smallint", "32767", "32768"),
            ("bigint", "9223372036854775807", "1e3"),
            ("boolean", "TRUE", "yes"),
            ("date", "2024-02-29", "2026-02-29"),
            ("Date", "2026-11-20", "20.11.2026"),
        ] {
            assert!(fits(hive_type, good), "{hive_type} {good}");
            assert!(!fits(hive_type, bad), "{hive_type} {bad}");
            assert!(fits(hive_type, NULL));
        }
        assert!(fits("string", "anything"));
    }

    #[test]
    fn a_refusal_does_not_repeat_the_value() {
        let name = TableName::new("db", "t");
        let check = |values: &[&str]| {
            let values = values.iter().map(ToString::to_string).collect();
            check(&name, &[Column::new("year", "int")], &[Partition { values, location: "s3://lake/db/t/x/".into() }])
        };
        let error = check(&["secret"]).unwrap_err().to_string();
        assert!(error.contains("year") && !error.contains("secret"), "{error}");
        assert!(check(&["2026", "11"]).is_err());
        assert!(check(&["2026"]).is_ok());
    }

    #[test]
    fn a_partition_is_outdated_only_where_it_lacks_what_files_hold() {
        let table = Table::new(
            "s3://lake/db/t/",
            vec![Column::new("a", "bigint"), Column::provisional("b"), Column::new("c", "decimal(10,2)")],
            vec![Column::new("year", "string")],
        );
        let with = |columns: Vec<Column>| RegisteredPartition {
            partition: Partition { values: vec!["2026".into()], location: "s3://lake/db/t/year=2026/".into() },
            columns,
            parameters: BTreeMap::new(),
            #[cfg(feature = "glue")]
            origin: None,
        };
        assert!(!with(vec![Column::new("A", "bigint"), Column::new("c", "DECIMAL(10, 2)")]).is_outdated(&table));
        assert!(with(vec![Column::new("a", "bigint")]).is_outdated(&table));
        assert!(with(vec![Column::new("a", "int"), Column::new("c", "decimal(10,2)")]).is_outdated(&table));
    }
}
