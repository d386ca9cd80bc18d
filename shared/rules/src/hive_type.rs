use std::{fmt, str::FromStr};

use crate::suggest::hint;

/// A type that a column can be declared to have, by its name in Hive.
///
/// Source: [Data types in Amazon Athena](https://docs.aws.amazon.com/athena/latest/ug/data-types.html).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HiveType {
    /// `boolean`.
    Boolean,
    /// `tinyint`: 8 bits.
    TinyInt,
    /// `smallint`: 16 bits.
    SmallInt,
    /// `int`, `integer`: 32 bits.
    Int,
    /// `bigint`: 64 bits.
    BigInt,
    /// `float`: 32 bits.
    Float,
    /// `double`: 64 bits.
    Double,
    /// `decimal(precision,scale)`, with up to 38 digits, `scale` of them after the point.
    Decimal {
        /// Digits, 1 to 38.
        precision: u8,
        /// Digits after the point, 0 to `precision`.
        scale: u8,
    },
    /// `string`.
    String,
    /// `varchar(length)`: a text of at most so many characters.
    Varchar(u16),
    /// `char(length)`: the same, not counting blanks at its end.
    Char(u8),
    /// `date`.
    Date,
    /// `timestamp`, in microseconds.
    Timestamp,
}

const PLAIN: [(&str, HiveType); 11] = [
    ("boolean", HiveType::Boolean),
    ("tinyint", HiveType::TinyInt),
    ("smallint", HiveType::SmallInt),
    ("int", HiveType::Int),
    ("integer", HiveType::Int),
    ("bigint", HiveType::BigInt),
    ("float", HiveType::Float),
    ("double", HiveType::Double),
    ("string", HiveType::String),
    ("date", HiveType::Date),
    ("timestamp", HiveType::Timestamp),
];

/// Types of Hive that a column of delimited text cannot have.
const NO_TEXT: [&str; 9] =
    ["binary", "varbinary", "array", "list", "map", "struct", "row", "uniontype", "interval_day_time"];

/// Names that other systems have for these types.
const ELSEWHERE: [(&str, &str); 26] = [
    ("int8", "tinyint"),
    ("int16", "smallint"),
    ("int32", "int"),
    ("float32", "float"),
    ("float64", "double"),
    ("dec", "decimal(p,s)"),
    ("money", "decimal(p,s)"),
    ("json", "string"),
    ("uuid", "string"),
    ("time", "string"),
    ("object", "string"),
    ("timestamptz", "timestamp"),
    ("timestampwithtimezone", "timestamp"),
    ("timestampwithouttimezone", "timestamp"),
    ("bool", "boolean"),
    ("byte", "tinyint"),
    ("short", "smallint"),
    ("long", "bigint"),
    ("int64", "bigint"),
    ("real", "float"),
    ("number", "decimal(p,s)"),
    ("numeric", "decimal(p,s)"),
    ("text", "string"),
    ("varchar", "string"),
    ("char", "string"),
    ("datetime", "timestamp"),
];

impl HiveType {
    /// Whether its values are numbers.
    pub fn is_number(self) -> bool {
        !matches!(self, Self::Boolean | Self::String | Self::Date | Self::Timestamp)
    }
}

impl FromStr for HiveType {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let lower: String = text.chars().filter(|c| !c.is_whitespace()).collect::<String>().to_ascii_lowercase();
        if let Some((_, found)) = PLAIN.iter().find(|(name, _)| *name == lower) {
            return Ok(*found);
        }
        let (name, arguments) = match lower.split_once('(') {
            Some((name, rest)) => (name, rest.strip_suffix(')')),
            None => (lower.as_str(), None),
        };
        if lower == "decimal" {
            return Err(
                "`decimal` alone is a decimal(10,0), which has no digits after the point; write how many digits \
                        it has, and how many of them after the point, as in `decimal(18,2)`"
                    .into(),
            );
        }
        if name == "decimal" {
            let (precision, scale) = arguments.and_then(|a| a.split_once(',').or(Some((a, "0")))).unwrap_or_default();
            return match (precision.parse(), scale.parse()) {
                (Ok(precision @ 1..=38), Ok(scale)) if scale <= precision => Ok(Self::Decimal { precision, scale }),
                _ => Err("a decimal is written `decimal(p,s)`, with 1 to 38 digits, s of them after the point".into()),
            };
        }
        let (kind, _) = name.split_once('<').unwrap_or((name, ""));
        if NO_TEXT.contains(&kind) {
            return Err(format!(
                "no field of delimited text becomes `{text}`; declare it as `string`, which queries can take apart"
            ));
        }
        let length = arguments.and_then(|length| length.parse::<u16>().ok()).filter(|length| *length > 0);
        match (name, lower.contains('('), length) {
            ("varchar", true, Some(length)) => return Ok(Self::Varchar(length)),
            ("char", true, Some(length)) if length <= 255 => {
                return Ok(Self::Char(u8::try_from(length).unwrap_or(255)));
            }
            ("varchar" | "char", true, _) => {
                return Err(
                    "a text is written `varchar(n)` with up to 65535 characters, `char(n)` with up to 255, or \
                            `string`"
                        .into(),
                );
            }
            _ => {}
        }
        let meant = match ELSEWHERE.iter().find(|(other, _)| *other == name) {
            Some((_, here)) => format!(", did you mean `{here}`?"),
            None => hint(name, &PLAIN.map(|(name, _)| name)),
        };
        Err(format!("unknown type `{text}`{meant}"))
    }
}

impl fmt::Display for HiveType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Decimal { precision, scale } => write!(f, "decimal({precision},{scale})"),
            Self::Varchar(length) => write!(f, "varchar({length})"),
            Self::Char(length) => write!(f, "char({length})"),
            plain => f.write_str(PLAIN.iter().find(|(_, found)| found == plain).map_or("", |(name, _)| name)),
        }
    }
}

impl serde::Serialize for HiveType {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_come_back_as_they_are_written() {
        for text in
            ["boolean", "tinyint", "smallint", "int", "bigint", "float", "double", "string", "date", "timestamp"]
        {
            assert_eq!(text.parse::<HiveType>().unwrap().to_string(), text);
        }
        for (text, written) in [
            ("VARCHAR( 10 )", "varchar(10)"),
            ("char(2)", "char(2)"),
            ("DECIMAL ( 12 , 2 )", "decimal(12,2)"),
            ("decimal(10)", "decimal(10,0)"),
            ("Integer", "int"),
        ] {
            assert_eq!(text.parse::<HiveType>().unwrap().to_string(), written);
        }
        assert_eq!("decimal(7)".parse(), Ok(HiveType::Decimal { precision: 7, scale: 0 }));
    }

    #[test]
    fn other_names_lead_to_the_right_ones() {
        for (text, says) in [
            ("varchar", "did you mean `string`?"),
            ("varchar(0)", "`varchar(n)`"),
            ("char(256)", "up to 255"),
            ("timestmp", "did you mean `timestamp`?"),
            ("decimal(39,1)", "1 to 38 digits"),
            ("decimal(3,4)", "1 to 38 digits"),
            ("decimal(3", "1 to 38 digits"),
            ("decimal", "as in `decimal(18,2)`"),
            (" Decimal ", "as in `decimal(18,2)`"),
            ("decimal()", "1 to 38 digits"),
            ("array<int>", "no field of delimited text becomes `array<int>`; declare it as `string`"),
            ("struct<a:decimal(1,0),b:int>", "declare it as `string`"),
            ("map<string,int>", "declare it as `string`"),
            ("binary", "declare it as `string`"),
            ("timestamp with time zone", "did you mean `timestamp`?"),
            ("quaternion", "expected `boolean`"),
        ] {
            let error = text.parse::<HiveType>().unwrap_err();
            assert!(error.contains(says), "{text}: {error}");
        }
    }
}
