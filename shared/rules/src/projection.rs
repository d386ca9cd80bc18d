use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{HiveType, Transform, projected::is_range};

/// How Athena computes the values of a partition key instead of asking the catalog.
///
/// Source: [Supported types for partition projection](https://docs.aws.amazon.com/athena/latest/ug/partition-projection-supported-types.html).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "type")]
pub enum Projection {
    /// One of these values.
    Enum {
        /// The values.
        values: Vec<String>,
    },
    /// Whole numbers.
    Integer {
        /// The first and the last.
        range: (i64, i64),
        /// What lies between two, 1 if absent.
        interval: Option<u32>,
        /// Digits that the value has, with zeros in front.
        digits: Option<u32>,
    },
    /// Dates.
    Date {
        /// The first and the last, as dates in `format` or relative to `NOW`.
        range: (String, String),
        /// A pattern of Java's `DateTimeFormatter`.
        format: String,
        /// What lies between two, in units.
        interval: Option<u32>,
        /// The unit of `interval`.
        interval_unit: Option<IntervalUnit>,
    },
    /// Values that every query has to name.
    Injected,
}

/// A partition key that Athena projects.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Projected {
    /// Its values.
    #[serde(flatten)]
    pub projection: Projection,
    /// What becomes of rows with others.
    pub on_miss: OnMiss,
}

/// What becomes of rows with a partition value that no query finds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnMiss {
    /// They are written, and the report warns of them.
    #[default]
    Warn,
    /// They go the way of bad rows.
    Reject,
}

/// What is known of a partition key's values, as they stand in its folders.
#[derive(Clone, Copy, Debug)]
pub(crate) struct KeyValues {
    pub(crate) transform: Transform,
    /// The type of the key.
    pub(crate) data_type: HiveType,
}

impl KeyValues {
    /// The first and the last number that a value can be.
    fn bounds(self) -> Option<(i64, i64)> {
        match self.transform {
            Transform::Year => Some((1, 9999)),
            Transform::Month => Some((1, 12)),
            Transform::Hour => Some((0, 23)),
            Transform::Identity | Transform::Day => None,
        }
    }

    fn is_whole(self) -> bool {
        matches!(self.data_type, HiveType::TinyInt | HiveType::SmallInt | HiveType::Int | HiveType::BigInt)
    }

    /// Whether a folder can have this value, as it is written.
    fn can_be(self, value: &str) -> bool {
        let within = |number: i64| self.bounds().is_none_or(|(first, last)| (first..=last).contains(&number));
        match self.data_type {
            HiveType::Boolean => matches!(value, "true" | "false"),
            HiveType::Date => is_date(value),
            _ if self.is_whole() => {
                value.parse().is_ok_and(|number: i64| number.to_string() == value && within(number))
            }
            _ => true,
        }
    }

    /// The formats of dates that give values as they are written; `None`: any does.
    fn formats(self) -> Option<&'static [&'static str]> {
        match (self.transform, self.data_type) {
            (_, HiveType::Date) => Some(&["yyyy-MM-dd", "uuuu-MM-dd"]),
            (_, HiveType::Boolean) => Some(&[]),
            (Transform::Year, _) => Some(&["yyyy", "uuuu", "y", "u"]),
            (Transform::Month, _) => Some(&["M", "L"]),
            (Transform::Hour, _) => Some(&["H"]),
            _ => None,
        }
    }
}

/// What can be projected of a type that has no numbers.
fn instead(found: HiveType) -> &'static str {
    match found {
        HiveType::Date => "give a `range` of dates, with `format = \"yyyy-MM-dd\"`",
        _ => "list its `values`",
    }
}

/// Whether a text is written as a date is in a folder: `2026-11-30`.
fn is_date(text: &str) -> bool {
    let digit = |(i, byte): (usize, u8)| if i == 4 || i == 7 { byte == b'-' } else { byte.is_ascii_digit() };
    text.len() == 10 && text.bytes().enumerate().all(digit)
}

/// The type of a partition projection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ProjectionType {
    /// One of a few values.
    Enum,
    /// Whole numbers.
    Integer,
    /// Dates.
    Date,
    /// Values that every query has to name.
    Injected,
}

/// The unit of an interval between projected dates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "the names say it")]
pub enum IntervalUnit {
    Years,
    Months,
    Weeks,
    Days,
    Hours,
    Minutes,
    Seconds,
}

impl IntervalUnit {
    /// As Athena spells it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Years => "YEARS",
            Self::Months => "MONTHS",
            Self::Weeks => "WEEKS",
            Self::Days => "DAYS",
            Self::Hours => "HOURS",
            Self::Minutes => "MINUTES",
            Self::Seconds => "SECONDS",
        }
    }
}

impl Projection {
    /// Holds a projection to the values that the folders of its key have: what it computes and no folder is called, no
    /// query finds.
    ///
    /// # Errors
    /// The field that is wrong, and why.
    pub(crate) fn fits(&self, key: KeyValues) -> Result<(), (&'static str, String)> {
        let found = key.data_type;
        match self {
            Self::Enum { values } => match values.iter().find(|value| !key.can_be(value)) {
                Some(value) => {
                    Err(("values", format!("the key is {found}, and no folder of it is called `{value}`; correct it")))
                }
                None => Ok(()),
            },
            Self::Integer { .. } if matches!(found, HiveType::Boolean | HiveType::Date) => Err((
                "range",
                format!("whole numbers cannot be values of the key, which is {found}; {}", instead(found)),
            )),
            Self::Integer { range: (first, last), digits, .. } => {
                let outside = |(least, most): &(i64, i64)| last < least || first > most;
                if let Some((least, most)) = key.bounds().filter(outside) {
                    let why =
                        format!("the values of the key are {least} to {most}, and none of them lies in the range");
                    return Err(("range", why));
                }
                // Years have four digits as it is.
                if key.is_whole() && digits.is_some_and(|digits| digits > 1) && key.transform != Transform::Year {
                    let why = "folders of numbers have no zeros in front, as in `month=2`; leave `digits` out";
                    return Err(("digits", why.to_owned()));
                }
                Ok(())
            }
            Self::Date { format, .. } => match key.formats() {
                Some([]) => Err(("format", format!("dates cannot be values of the key, which is {found}"))),
                Some(formats) if !formats.contains(&format.as_str()) => {
                    Err(("format", format!("folders of the key are called as `{}` writes it; set that", formats[0])))
                }
                _ => Ok(()),
            },
            Self::Injected => Ok(()),
        }
    }

    /// The table properties, without `projection.<key>.`.
    pub(crate) fn properties(&self) -> Vec<(&'static str, String)> {
        let text = str::to_owned;
        match self {
            Self::Enum { values } => vec![("type", text("enum")), ("values", values.join(","))],
            Self::Injected => vec![("type", text("injected"))],
            Self::Integer { range: (first, last), interval, digits } => {
                let mut all = vec![("type", text("integer")), ("range", format!("{first},{last}"))];
                all.extend(interval.map(|n| ("interval", n.to_string())));
                all.extend(digits.map(|n| ("digits", n.to_string())));
                all
            }
            Self::Date { range: (first, last), format, interval, interval_unit } => {
                let mut all =
                    vec![("type", text("date")), ("range", format!("{first},{last}")), ("format", format.clone())];
                all.extend(interval.map(|n| ("interval", n.to_string())));
                all.extend(interval_unit.map(|unit| ("interval.unit", text(unit.as_str()))));
                all
            }
        }
    }
}

/// What `[dataset.projection]` says of one partition key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Projection")]
pub(crate) struct ProjectionEntry {
    /// What the values are; follows from the other settings if absent.
    #[serde(rename = "type")]
    pub(crate) kind: Option<ProjectionType>,
    /// The first and the last value, as `2020,2035` or `2020-01-01,NOW`.
    pub(crate) range: Option<String>,
    /// For dates: a pattern of Java's `DateTimeFormatter`, such as `yyyy-MM-dd`.
    pub(crate) format: Option<String>,
    /// What lies between two values. Dates to the day or month need none.
    #[schemars(range(min = 1))]
    pub(crate) interval: Option<u32>,
    /// For dates: the unit of `interval`.
    pub(crate) interval_unit: Option<IntervalUnit>,
    /// For enum: the values.
    pub(crate) values: Option<Vec<String>>,
    /// For integer: the digits that a value has, with zeros in front.
    #[schemars(range(min = 1))]
    pub(crate) digits: Option<u32>,
    /// What becomes of rows with a value that is not among these, null included; `warn` if absent.
    pub(crate) on_miss: Option<OnMiss>,
}

impl ProjectionEntry {
    /// # Errors
    /// The field that is wrong (empty: the whole), and why.
    pub(crate) fn resolve(&self) -> Result<Projection, (&'static str, String)> {
        let error = |field: &'static str, why: &str| Err((field, why.to_owned()));
        let range = match &self.range {
            None => None,
            Some(text) => match text.split_once(',') {
                Some((first, last)) if !first.trim().is_empty() && !last.trim().is_empty() && !last.contains(',') => {
                    Some((first.trim(), last.trim()))
                }
                _ => return error("range", "a range is two values with a comma between, as in `2020,2035`"),
            },
        };
        let numbers = range.and_then(|(first, last)| Some((first.parse().ok()?, last.parse().ok()?)));
        let kind = match (self.kind, range) {
            (Some(kind), _) => kind,
            (None, _) if self.values.is_some() => ProjectionType::Enum,
            (None, Some(_)) if numbers.is_some() && self.format.is_none() => ProjectionType::Integer,
            (None, Some(_)) => ProjectionType::Date,
            (None, None) => {
                return error("", "a projection needs `values`, a `range`, or `type = \"injected\"`");
            }
        };
        self.only_what_fits(kind)?;
        if self.interval == Some(0) || self.digits == Some(0) {
            let field = if self.interval == Some(0) { "interval" } else { "digits" };
            return error(field, "it has to be 1 or more");
        }
        match kind {
            ProjectionType::Injected => Ok(Projection::Injected),
            ProjectionType::Enum => match &self.values {
                Some(values) if values.iter().any(|value| value.is_empty() || value.contains(',')) => {
                    error("values", "Athena separates the values by commas, so none can be empty or have one")
                }
                Some(values) if !values.is_empty() => Ok(Projection::Enum { values: values.clone() }),
                _ => error("values", "an enum projection needs `values`"),
            },
            ProjectionType::Integer => match numbers {
                Some((first, last)) if first <= last => {
                    Ok(Projection::Integer { range: (first, last), interval: self.interval, digits: self.digits })
                }
                Some(_) => error("range", "the range ends before it begins"),
                None => error("range", "an integer projection needs a `range` of whole numbers, as in `2020,2035`"),
            },
            ProjectionType::Date => self.date(range),
        }
    }

    fn date(&self, range: Option<(&str, &str)>) -> Result<Projection, (&'static str, String)> {
        let error = |field: &'static str, why: &str| Err((field, why.to_owned()));
        let Some((first, last)) = range else {
            return error("range", "a date projection needs a `range`, as in `2020-01-01,NOW`");
        };
        let Some(format) = self.format.as_ref().filter(|format| !format.is_empty()) else {
            return error("format", "a date projection needs a `format`, as in `yyyy-MM-dd`");
        };
        // What is in quotes stands for itself.
        let letters: String = format.split('\'').step_by(2).collect();
        let has = |wanted: &str| letters.contains(|c| wanted.contains(c));
        let plain = !has("HhKkmsSAnN") && has("dDML");
        if self.interval.is_some() != self.interval_unit.is_some() || (!plain && self.interval.is_none()) {
            let why = "unless dates are to the day or month, Athena needs both `interval` and `interval_unit`";
            return error(if self.interval.is_some() { "interval" } else { "interval_unit" }, why);
        }
        if !is_range(first, last, format) {
            return error("range", "both ends are dates in `format`, or `NOW` with an offset, as in `NOW-3YEARS`");
        }
        Ok(Projection::Date {
            range: (first.to_owned(), last.to_owned()),
            format: format.clone(),
            interval: self.interval,
            interval_unit: self.interval_unit,
        })
    }

    fn only_what_fits(&self, kind: ProjectionType) -> Result<(), (&'static str, String)> {
        let (name, fit): (_, &[&str]) = match kind {
            ProjectionType::Enum => ("an enum", &["values"]),
            ProjectionType::Integer => ("an integer", &["range", "interval", "digits"]),
            ProjectionType::Date => ("a date", &["range", "format", "interval", "interval_unit"]),
            ProjectionType::Injected => ("an injected", &[]),
        };
        let given = [
            ("range", self.range.is_some()),
            ("format", self.format.is_some()),
            ("interval", self.interval.is_some()),
            ("interval_unit", self.interval_unit.is_some()),
            ("values", self.values.is_some()),
            ("digits", self.digits.is_some()),
        ];
        match given.into_iter().find(|(field, given)| *given && !fit.contains(field)) {
            Some((field, _)) => Err((field, format!("{name} projection has no `{field}`"))),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Result<Projection, (&'static str, String)> {
        toml::from_str::<ProjectionEntry>(text).unwrap().resolve()
    }

    #[test]
    fn the_type_follows_from_the_settings() {
        let owned = |(a, b): (&str, &str)| (a.to_owned(), b.to_owned());
        assert_eq!(
            of("range = \"1,12\"\ndigits = 2"),
            Ok(Projection::Integer { range: (1, 12), interval: None, digits: Some(2) })
        );
        assert_eq!(of("values = [\"a\", \"b\"]"), Ok(Projection::Enum { values: vec!["a".into(), "b".into()] }));
        assert_eq!(
            of("range = \"2020,NOW\"\nformat = \"yyyy\"\ninterval = 1\ninterval_unit = \"years\""),
            Ok(Projection::Date {
                range: owned(("2020", "NOW")),
                format: "yyyy".into(),
                interval: Some(1),
                interval_unit: Some(IntervalUnit::Years)
            })
        );
        assert_eq!(of("type = \"injected\""), Ok(Projection::Injected));
    }

    #[test]
    fn properties_are_as_athena_reads_them() {
        let projection =
            of("range = \"2020-01-01T00, NOW\"\nformat = \"yyyy-MM-dd'T'HH\"\ninterval = 6\ninterval_unit = \"hours\"");
        let expected = [
            ("type", "date"),
            ("range", "2020-01-01T00,NOW"),
            ("format", "yyyy-MM-dd'T'HH"),
            ("interval", "6"),
            ("interval.unit", "HOURS"),
        ];
        assert_eq!(projection.unwrap().properties(), expected.map(|(name, value)| (name, value.to_owned())));
    }

    #[test]
    fn what_athena_would_refuse_is_refused() {
        for (text, field) in [
            ("", ""),
            ("range = \"2\"", "range"),
            ("range = \"2,1\"", "range"),
            ("type = \"integer\"\nrange = \"a,b\"", "range"),
            ("range = \"2020-01-01,NOW\"", "format"),
            ("range = \"2020,NOW\"\nformat = \"yyyy\"", "interval_unit"),
            ("range = \"2020,NOW\"\nformat = \"yyyy-MM-dd-HH\"", "interval_unit"),
            ("range = \"1,2\"\ninterval = 0", "interval"),
            ("values = []", "values"),
            ("values = [\"a,b\"]", "values"),
            ("values = [\"a\"]\nrange = \"1,2\"", "range"),
            ("type = \"injected\"\ndigits = 2", "digits"),
            ("range = \"2020-01-01,NOW\"\nformat = \"yyyyMMdd\"", "range"),
            ("range = \"20200101,NOW-3\"\nformat = \"yyyyMMdd\"", "range"),
        ] {
            assert_eq!(of(text).unwrap_err().0, field, "{text}");
        }
    }
}
