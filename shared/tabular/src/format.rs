//! Dates and times in a declared format.

use arrow::datatypes::{DataType, TimeUnit};

use crate::types::{
    integer,
    temporal::{self, DAY},
};

/// How the dates or timestamps of a column are written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// Whole numbers since 1970-01-01T00:00:00 UTC, so many microseconds each.
    Epoch(i64),
    /// A pattern.
    Pattern(Vec<Item>),
}

/// A piece of a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Item {
    Literal(u8),
    Year,
    /// Its last two digits: 69 to 99 are of the last century, 00 to 68 of this one, as POSIX has it.
    ShortYear,
    Month,
    MonthName,
    Day,
    Hour,
    Hour12,
    Minute,
    Second,
    Fraction,
    Half,
    Zone,
}

impl Format {
    /// A format by its name (`epoch`, `epoch_ms`, `epoch_us`) or by a pattern of `%Y %y %m %b %d %H %I %M %S %f %p
    /// %z`
    /// and `%%`, as in POSIX `strptime`; `%b` takes long names as well, `%f` a fraction of a second without its point.
    pub(crate) fn new(text: &str, data_type: &DataType) -> Result<Self, String> {
        if !matches!(data_type, DataType::Date32 | DataType::Timestamp(TimeUnit::Microsecond, None)) {
            return Err("only dates and timestamps have a format".to_owned());
        }
        match text {
            "epoch" => return Ok(Self::Epoch(1_000_000)),
            "epoch_ms" => return Ok(Self::Epoch(1_000)),
            "epoch_us" => return Ok(Self::Epoch(1)),
            _ => {}
        }
        let mut items = Vec::new();
        let mut bytes = text.bytes();
        while let Some(byte) = bytes.next() {
            items.push(match byte {
                b'%' => match bytes.next() {
                    Some(b'Y') => Item::Year,
                    Some(b'y') => Item::ShortYear,
                    Some(b'm') => Item::Month,
                    Some(b'b' | b'B') => Item::MonthName,
                    Some(b'd') => Item::Day,
                    Some(b'H') => Item::Hour,
                    Some(b'I') => Item::Hour12,
                    Some(b'M') => Item::Minute,
                    Some(b'S') => Item::Second,
                    Some(b'f') => Item::Fraction,
                    Some(b'p') => Item::Half,
                    Some(b'z') => Item::Zone,
                    Some(b'%') => Item::Literal(b'%'),
                    _ => {
                        return Err(format!(
                            "the format {text:?} has an unknown %; there are %Y %y %m %b %d %H %I %M %S %f %p %z"
                        ));
                    }
                },
                literal => Item::Literal(literal),
            });
        }
        let has = |wanted: Item| items.contains(&wanted);
        if has(Item::Year) == has(Item::ShortYear) || !has(Item::Day) || !(has(Item::Month) || has(Item::MonthName)) {
            return Err(format!("the format {text:?} gives no date: it needs one of %Y and %y, %m or %b, and %d"));
        }
        if has(Item::Hour12) != has(Item::Half) {
            return Err(format!("the format {text:?} has only one of %I and %p"));
        }
        Ok(Self::Pattern(items))
    }

    /// Microseconds since 1970-01-01T00:00:00, if the text has the format and the moment lies in the years 1 to 9999.
    pub(crate) fn parse(&self, text: &[u8]) -> Option<i64> {
        let items = match self {
            Self::Epoch(unit) => return temporal::in_range(integer::parse(text)?.checked_mul(*unit)?),
            Self::Pattern(items) => items,
        };
        let mut cursor = temporal::Cursor(text);
        let (mut year, mut month, mut day) = (0, 0, 0);
        let (mut hour, mut minute, mut second, mut micros, mut zone) = (0, 0, 0, 0, 0);
        let mut afternoon = None;
        for (i, item) in items.iter().enumerate() {
            // Where numbers follow each other at once, they have all their digits.
            let is_number = |item: &Item| !matches!(item, Item::Literal(_) | Item::Half | Item::Zone);
            let before = i.checked_sub(1).and_then(|before| items.get(before));
            let least = if before.is_some_and(is_number) || items.get(i + 1).is_some_and(is_number) { 2 } else { 1 };
            match item {
                Item::Literal(byte) => cursor.eat(*byte)?,
                Item::Year => year = cursor.digits(4, 4)?,
                Item::ShortYear => year = temporal::full_year(cursor.digits(2, 2)?),
                Item::Month => month = cursor.digits(least, 2)?,
                Item::MonthName => month = cursor.month()?,
                Item::Day => day = cursor.digits(least, 2)?,
                Item::Hour => hour = cursor.digits(least, 2)?,
                Item::Hour12 => hour = Some(cursor.digits(least, 2)?).filter(|h| (1..=12).contains(h))? % 12,
                Item::Minute => minute = cursor.digits(2, 2)?,
                Item::Second => second = cursor.digits(2, 2)?,
                Item::Fraction => micros = cursor.fraction()?,
                Item::Half => afternoon = Some(cursor.afternoon()?),
                Item::Zone => zone = cursor.zone()?,
            }
        }
        if afternoon == Some(true) {
            hour += 12;
        }
        if !cursor.0.is_empty() || hour > 23 || minute > 59 || second > 59 {
            return None;
        }
        let seconds = i64::from(hour * 3600 + minute * 60 + second) - i64::from(zone);
        temporal::in_range(i64::from(temporal::days(year, month, day)?) * DAY + seconds * 1_000_000 + micros)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMESTAMP: DataType = DataType::Timestamp(TimeUnit::Microsecond, None);

    #[test]
    fn formats() {
        for (format, text, micros) in [
            ("epoch", "1", Some(1_000_000)),
            ("epoch_ms", "-1", Some(-1_000)),
            ("epoch_us", "1.5", None),
            ("epoch", "9223372036854775807", None),
            ("%d/%m/%Y", "2/1/1970", Some(DAY)),
            ("%Y%m%d", "19700102", Some(DAY)),
            ("%Y%m%d", "1970012", None),
            ("%d %b %Y %I:%M %p", "02 January 1970 12:30 AM", Some(DAY + 1_800_000_000)),
            ("%Y-%m-%dT%H:%M:%S.%f%z", "1970-01-01T01:00:00.5+01:00", Some(500_000)),
            ("%Y-%m-%d", "1970-01-01 ", None),
            ("%Y-%m-%d", "1970-02-30", None),
            ("%d.%m.%y", "02.01.70", Some(DAY)),
            ("%d%m%y", "020170", Some(DAY)),
            ("%d.%m.%y", "01.01.68", Some(35_794 * DAY)),
            ("%d.%m.%y", "2.1.1970", None),
        ] {
            assert_eq!(Format::new(format, &TIMESTAMP).unwrap().parse(text.as_bytes()), micros, "{format} {text}");
        }
        for format in ["%Y", "%y %Y %m %d", "%Y-%m-%d %I", "%Q", "%"] {
            assert!(Format::new(format, &TIMESTAMP).is_err(), "{format}");
        }
        assert!(Format::new("epoch", &DataType::Int64).is_err());
    }
}
