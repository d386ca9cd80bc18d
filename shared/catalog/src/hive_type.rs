//! Hive's names of types and Arrow's, as far as a Parquet file of ours can hold them for Athena.
//!
//! Source: [Data types in Amazon Athena](https://docs.aws.amazon.com/athena/latest/ug/data-types.html).

use arrow::datatypes::{DataType, TimeUnit};

/// The digits that a decimal can have, in Hive as in Athena.
const MAX_PRECISION: u8 = 38;

/// The Hive type for an Arrow type; `None` where a table of ours has no column of that type.
///
/// ```
/// use arrow::datatypes::DataType;
/// assert_eq!(cleanzone_catalog::hive_type(&DataType::Int64).as_deref(), Some("bigint"));
/// assert_eq!(cleanzone_catalog::hive_type(&DataType::Null), None);
/// ```
pub fn hive_type(data_type: &DataType) -> Option<String> {
    let name = match data_type {
        DataType::Boolean => "boolean",
        DataType::Int8 => "tinyint",
        DataType::Int16 => "smallint",
        DataType::Int32 => "int",
        DataType::Int64 => "bigint",
        DataType::Float32 => "float",
        DataType::Float64 => "double",
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => "string",
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView => "binary",
        DataType::Date32 => "date",
        DataType::Timestamp(TimeUnit::Microsecond, None) => "timestamp",
        DataType::Decimal128(precision, scale) => return decimal_name(*precision, *scale),
        _ => return None,
    };
    Some(name.to_owned())
}

fn decimal_name(precision: u8, scale: i8) -> Option<String> {
    let scale = u8::try_from(scale).ok()?;
    (1..=MAX_PRECISION).contains(&precision).then_some(())?;
    (scale <= precision).then(|| format!("decimal({precision},{scale})"))
}

/// The Arrow type that a file holds for a Hive type; `None` for nested and other types that delimited text has no
/// form for. Case and blanks do not matter.
///
/// ```
/// use arrow::datatypes::DataType;
/// assert_eq!(cleanzone_catalog::data_type("varchar(10)"), Some(DataType::Utf8));
/// assert_eq!(cleanzone_catalog::data_type("array<string>"), None);
/// ```
pub fn data_type(hive_type: &str) -> Option<DataType> {
    let text: String = hive_type.chars().filter(|c| !c.is_whitespace()).collect::<String>().to_ascii_lowercase();
    let (name, arguments) = match text.split_once('(') {
        Some((name, rest)) => (name, Some(rest.strip_suffix(')')?)),
        None => (text.as_str(), None),
    };
    Some(match (name, arguments) {
        ("boolean", None) => DataType::Boolean,
        ("tinyint", None) => DataType::Int8,
        ("smallint", None) => DataType::Int16,
        ("int" | "integer", None) => DataType::Int32,
        ("bigint", None) => DataType::Int64,
        ("float", None) => DataType::Float32,
        ("double", None) => DataType::Float64,
        ("string" | "varchar" | "char", None) => DataType::Utf8,
        ("varchar" | "char", Some(length)) => {
            length.parse::<u16>().ok().filter(|n| *n > 0)?;
            DataType::Utf8
        }
        ("binary", None) => DataType::Binary,
        ("date", None) => DataType::Date32,
        ("timestamp", None) => DataType::Timestamp(TimeUnit::Microsecond, None),
        ("decimal", arguments) => decimal(arguments)?,
        _ => return None,
    })
}

/// `decimal` alone is `decimal(10,0)`, and `decimal(p)` is `decimal(p,0)`, as in Hive.
fn decimal(arguments: Option<&str>) -> Option<DataType> {
    let (precision, scale) = match arguments {
        None => (10, 0),
        Some(arguments) => match arguments.split_once(',') {
            Some((precision, scale)) => (precision.parse().ok()?, scale.parse().ok()?),
            None => (arguments.parse().ok()?, 0),
        },
    };
    decimal_name(precision, scale).map(|_| DataType::Decimal128(precision, scale))
}

/// Whether two Hive types are the same one, however they are written.
pub(crate) fn same(a: &str, b: &str) -> bool {
    let canonical = |text: &str| match data_type(text) {
        // These are the only ones with several spellings; `varchar(3)` and `string` are not the same.
        Some(found @ (DataType::Int32 | DataType::Decimal128(..))) => hive_type(&found),
        _ => Some(text.chars().filter(|c| !c.is_whitespace()).collect::<String>().to_ascii_lowercase()),
    };
    a == b || canonical(a) == canonical(b)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn storable() -> impl Strategy<Value = DataType> {
        prop_oneof![
            prop::sample::select(vec![
                DataType::Boolean,
                DataType::Int8,
                DataType::Int16,
                DataType::Int32,
                DataType::Int64,
                DataType::Float32,
                DataType::Float64,
                DataType::Utf8,
                DataType::Binary,
                DataType::Date32,
                DataType::Timestamp(TimeUnit::Microsecond, None),
            ]),
            (1u8..=38)
                .prop_flat_map(|p| (Just(p), 0..=i8::try_from(p).unwrap()))
                .prop_map(|(p, s)| DataType::Decimal128(p, s)),
        ]
    }

    proptest! {
        #[test]
        fn what_has_a_name_is_found_by_it(data_type in storable(), upper: bool, blanks in " {0,3}") {
            let mut name = hive_type(&data_type).unwrap();
            if upper {
                name = name.to_uppercase();
            }
            let written = format!("{blanks}{}{blanks}", name.replace(',', &format!("{blanks},{blanks}")));
            prop_assert_eq!(super::data_type(&written), Some(data_type));
            prop_assert!(same(&written, &name));
        }

        #[test]
        fn any_text_is_a_type_or_not(text in ".{0,40}") {
            if let Some(found) = data_type(&text) {
                prop_assert!(hive_type(&found).is_some());
            }
        }
    }

    #[test]
    fn other_spellings() {
        assert_eq!(data_type("INTEGER"), Some(DataType::Int32));
        assert_eq!(data_type("decimal"), Some(DataType::Decimal128(10, 0)));
        assert_eq!(data_type("decimal(7)"), Some(DataType::Decimal128(7, 0)));
        assert_eq!(data_type("char(3)"), Some(DataType::Utf8));
        assert!(same("integer", "int") && same("decimal", "Decimal(10, 0)") && same("decimal(7)", "decimal(7,0)"));
        assert!(!same("int", "bigint") && !same("varchar(3)", "string"));
    }

    #[test]
    fn what_delimited_text_cannot_hold_has_no_type() {
        for text in [
            "",
            "array<int>",
            "map<string,int>",
            "struct<a:int>",
            "decimal(39,2)",
            "decimal(2,3)",
            "decimal(0,0)",
            "decimal(2,-1)",
            "decimal(2,1",
            "decimal()",
            "varchar(0)",
            "bigint(3)",
            "timestamp with time zone",
            "interval",
        ] {
            assert_eq!(data_type(text), None, "{text}");
        }
        for unknown in [DataType::Null, DataType::UInt64, DataType::Timestamp(TimeUnit::Nanosecond, None)] {
            assert_eq!(hive_type(&unknown), None, "{unknown}");
        }
    }
}
