//! Which partitions Athena finds by a projection.

use std::collections::BTreeMap;

use crate::{
    IntervalUnit, Projection,
    date_pattern::DatePattern,
    projection::{ProjectionEntry, ProjectionType},
};

/// Seconds that a value may lie after `NOW`: it comes into sight within a day.
const AHEAD: i64 = 86_400;

impl Projection {
    /// Whether Athena finds the partition of this value, `None` being null. The value is what the partition's folder
    /// says, `now` is in seconds since 1970. A date whose format has letters that nobody here knows passes for found.
    ///
    /// Source: [Supported types for partition projection](https://docs.aws.amazon.com/athena/latest/ug/partition-projection-supported-types.html).
    pub fn finds(&self, value: Option<&str>, now: i64) -> bool {
        // Hive's word for null is in no list and no range, and a query for null names no value.
        let Some(value) = value else { return false };
        match self {
            Self::Injected => true,
            Self::Enum { values } => values.iter().any(|listed| listed == value),
            Self::Integer { range: (first, last), interval, digits } => {
                let Ok(number) = value.parse::<i64>() else { return false };
                let width = digits.map_or(0, |digits| digits as usize);
                let step = i128::from(interval.unwrap_or(1).max(1));
                format!("{number:0width$}") == value
                    && (*first..=*last).contains(&number)
                    && (i128::from(number) - i128::from(*first)) % step == 0
            }
            Self::Date { range: (first, last), format, interval, interval_unit } => {
                let Some(pattern) = DatePattern::new(format) else { return true };
                let (Some(first), Some(last)) = (Bound::new(first, &pattern), Bound::new(last, &pattern)) else {
                    return true;
                };
                let Some(at) = pattern.seconds(value) else { return false };
                let finest = pattern.finest();
                let unit = interval_unit.unwrap_or(finest);
                let begin = first.at(now);
                let from = finest.begin(unit.begin(begin));
                let until = last.at(now).saturating_add(if last.moves() { AHEAD } else { 0 });
                let step = i64::from(interval.unwrap_or(1));
                // Athena may or may not count from the beginning of the unit.
                let on_step =
                    || first.moves() || unit > finest || [begin, from].iter().any(|from| unit.reaches(*from, at, step));
                (from..=until).contains(&at) && on_step()
            }
        }
    }

    /// The projection of a partition key as the properties of a table say it; `None` where they say none, or one that
    /// Athena does not read.
    pub fn of_table(key: &str, properties: &BTreeMap<String, String>) -> Option<Self> {
        let of = |name: &str| properties.get(&format!("projection.{key}.{name}")).map(|value| value.trim());
        let kind = match of("type")?.to_ascii_lowercase().as_str() {
            "enum" => ProjectionType::Enum,
            "integer" => ProjectionType::Integer,
            "date" => ProjectionType::Date,
            "injected" => return Some(Self::Injected),
            _ => return None,
        };
        // White space is part of the values, and not of what is around them elsewhere.
        let values = properties.get(&format!("projection.{key}.values"));
        let is = |wanted| kind == wanted;
        let entry = ProjectionEntry {
            kind: Some(kind),
            range: of("range").filter(|_| !is(ProjectionType::Enum)).map(str::to_owned),
            format: of("format").filter(|_| is(ProjectionType::Date)).map(str::to_owned),
            interval: match of("interval") {
                Some(text) => Some(text.parse().ok()?),
                None => None,
            },
            interval_unit: match of("interval.unit").filter(|_| is(ProjectionType::Date)) {
                Some(text) => Some(IntervalUnit::read(text)?),
                None => None,
            },
            values: values
                .filter(|_| is(ProjectionType::Enum))
                .map(|text| text.split(',').map(str::to_owned).collect()),
            digits: match of("digits").filter(|_| is(ProjectionType::Integer)) {
                Some(text) => Some(text.parse().ok()?),
                None => None,
            },
            on_miss: None,
        };
        entry.resolve().ok()
    }
}

/// An end of a range of dates, in seconds since 1970.
enum Bound {
    At(i64),
    /// So many units from now.
    Now(IntervalUnit, i64),
}

impl Bound {
    /// `None` where it is neither a date of the pattern nor relative to `NOW`.
    fn new(text: &str, pattern: &DatePattern) -> Option<Self> {
        let Some(rest) = text.trim().strip_prefix("NOW") else { return pattern.seconds(text).map(Self::At) };
        let rest: String = rest.chars().filter(|c| !c.is_whitespace()).collect();
        if rest.is_empty() {
            return Some(Self::Now(IntervalUnit::Seconds, 0));
        }
        let (sign, rest) = match rest.strip_prefix('-') {
            Some(rest) => (-1, rest.to_owned()),
            None => (1, rest.strip_prefix('+')?.to_owned()),
        };
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let (count, unit) = rest.split_at(digits);
        Some(Self::Now(IntervalUnit::read(unit)?, sign * count.parse::<i64>().ok()?))
    }

    fn at(&self, now: i64) -> i64 {
        match self {
            Self::At(seconds) => *seconds,
            Self::Now(unit, count) => unit.add(now, *count),
        }
    }

    fn moves(&self) -> bool {
        matches!(self, Self::Now(..))
    }
}

/// Whether a date projection's range can be read under its format, as far as the format is known here.
pub(crate) fn is_range(first: &str, last: &str, format: &str) -> bool {
    DatePattern::new(format).is_none_or(|pattern| [first, last].iter().all(|text| Bound::new(text, &pattern).is_some()))
}

impl IntervalUnit {
    /// As Athena spells it, in the singular or the plural.
    fn read(text: &str) -> Option<Self> {
        let all = [Self::Years, Self::Months, Self::Weeks, Self::Days, Self::Hours, Self::Minutes, Self::Seconds];
        let text = text.trim().to_ascii_uppercase();
        all.into_iter().find(|unit| unit.as_str() == text || unit.as_str().strip_suffix('S') == Some(text.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(text: &str) -> Projection {
        toml::from_str::<ProjectionEntry>(text).unwrap().resolve().unwrap()
    }

    /// 2026-11-30T12:00:00Z.
    const NOW: i64 = 1_796_040_000;

    #[test]
    fn only_what_athena_lists_is_found() {
        for (projection, found, missed) in [
            ("values = [\"DE\", \" FR\"]", vec!["DE", " FR"], vec!["de", "FR", "IT"]),
            ("range = \"1,12\"", vec!["1", "12"], vec!["0", "13", "01", "+1", "x"]),
            ("range = \"1,12\"\ndigits = 2", vec!["01", "12"], vec!["1", "13"]),
            ("range = \"-5,20\"\ninterval = 5", vec!["-5", "0", "20"], vec!["-4", "21", "1"]),
            (
                "range = \"2020-01-01,NOW\"\nformat = \"yyyy-MM-dd\"",
                vec!["2020-01-01", "2026-11-30", "2026-12-01"],
                vec!["2019-12-31", "2026-12-03", "20260101", "2026-1-1"],
            ),
            (
                "range = \"NOW-3YEARS, NOW+ 1 MONTH\"\nformat = \"yyyyMM\"",
                vec!["202311", "202612"],
                vec!["202310", "202701", "2026-12"],
            ),
            (
                "range = \"2020,2030\"\nformat = \"yyyy\"\ninterval = 5\ninterval_unit = \"years\"",
                vec!["2020", "2025", "2030"],
                vec!["2021", "2035"],
            ),
            (
                "range = \"2026-01-01T00,NOW\"\nformat = \"yyyy-MM-dd'T'HH\"\ninterval = 6\ninterval_unit = \"hours\"",
                vec!["2026-01-01T06", "2026-11-30T12"],
                vec!["2026-01-01T07", "2025-12-31T18"],
            ),
            (
                "range = \"a,b\"\nformat = \"yyyy-'W'ww\"\ninterval = 1\ninterval_unit = \"weeks\"",
                vec!["2026-W01"],
                vec![],
            ),
            ("type = \"injected\"", vec!["anything"], vec![]),
        ] {
            let read = of(projection);
            for value in found {
                assert!(read.finds(Some(value), NOW), "{projection}: {value}");
            }
            for value in missed {
                assert!(!read.finds(Some(value), NOW), "{projection}: {value}");
            }
            assert!(!read.finds(None, NOW), "{projection}");
        }
    }

    #[test]
    fn what_a_table_says_is_what_the_rules_said() {
        for text in [
            "values = [\"a\", \" b\"]",
            "range = \"1,12\"\ndigits = 2\ninterval = 3",
            "range = \"2020-01-01,NOW\"\nformat = \"yyyy-MM-dd\"",
            "range = \"2020,NOW\"\nformat = \"yyyy\"\ninterval = 1\ninterval_unit = \"years\"",
            "type = \"injected\"",
        ] {
            let projection = of(text);
            let properties =
                projection.properties().into_iter().map(|(name, value)| (format!("projection.k.{name}"), value));
            let properties = properties.collect();
            assert_eq!(Projection::of_table("k", &properties), Some(projection), "{text}");
            assert_eq!(Projection::of_table("other", &properties), None);
        }
    }

    proptest! {
        #[test]
        fn every_whole_number_of_a_range_is_found(first in -1000i64..1000, many in 0i64..500, step in 1u32..9, digits in 1u32..6) {
            let projection = Projection::Integer { range: (first, first + many), interval: Some(step), digits: Some(digits) };
            let mut number = first;
            while number <= first + many {
                let value = format!("{number:0width$}", width = digits as usize);
                prop_assert!(projection.finds(Some(&value), 0), "{value}");
                number += i64::from(step);
            }
            prop_assert!(!projection.finds(Some(&(first - 1).to_string()), 0));
        }
    }
}
