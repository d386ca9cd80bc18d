//! Dates as Java's `DateTimeFormatter` writes them, as far as partition folders have any.

use crate::IntervalUnit;

const DAY: i64 = 86_400;

/// A pattern such as `yyyy-MM-dd`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DatePattern {
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Literal(String),
    /// A number; with a width it has zeros in front, without one it has none.
    Number(Field, Option<usize>),
    /// The last two digits of a year from 2000 on.
    ShortYear,
    /// The name of a month, or its first three letters.
    MonthName {
        whole: bool,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
    Year,
    Month,
    Day,
    DayOfYear,
    Hour,
    Minute,
    Second,
    /// Of a second; nothing is counted in them.
    Fraction,
}

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

impl DatePattern {
    /// `None` where it has letters that are not known here.
    pub(crate) fn new(pattern: &str) -> Option<Self> {
        let mut parts = Vec::new();
        let mut rest = pattern;
        while let Some(first) = rest.chars().next() {
            let length = rest.chars().take_while(|c| *c == first).count();
            if first == '\'' {
                let (text, after) = quoted(rest)?;
                parts.push(Part::Literal(text));
                rest = after;
                continue;
            }
            parts.push(if first.is_ascii_alphabetic() {
                Part::of(first, length)?
            } else {
                Part::Literal(rest.chars().take(length).collect())
            });
            rest = rest.get(length * first.len_utf8()..)?;
        }
        Some(Self { parts })
    }

    /// Seconds since 1970 of what the text says, `None` where the pattern does not write it so.
    pub(crate) fn seconds(&self, text: &str) -> Option<i64> {
        let mut found = Found::default();
        let mut rest = text;
        for part in &self.parts {
            rest = part.read(rest, &mut found)?;
        }
        if rest.is_empty() { found.seconds() } else { None }
    }

    /// The unit of the last difference that the text can show.
    pub(crate) fn finest(&self) -> IntervalUnit {
        let has = |wanted: &[Field]| {
            self.parts.iter().any(|part| matches!(part, Part::Number(field, _) if wanted.contains(field)))
        };
        if has(&[Field::Second, Field::Fraction]) {
            IntervalUnit::Seconds
        } else if has(&[Field::Minute]) {
            IntervalUnit::Minutes
        } else if has(&[Field::Hour]) {
            IntervalUnit::Hours
        } else if has(&[Field::Day, Field::DayOfYear]) {
            IntervalUnit::Days
        } else if has(&[Field::Month]) || self.parts.iter().any(|part| matches!(part, Part::MonthName { .. })) {
            IntervalUnit::Months
        } else {
            IntervalUnit::Years
        }
    }
}

/// What stands in quotes, `''` being a quote, and what follows.
fn quoted(text: &str) -> Option<(String, &str)> {
    if let Some(rest) = text.strip_prefix("''") {
        return Some(("'".to_owned(), rest));
    }
    let (inner, rest) = text.get(1..)?.split_once('\'')?;
    Some((inner.to_owned(), rest))
}

impl Part {
    fn of(letter: char, length: usize) -> Option<Self> {
        let number = |field| Some(Self::Number(field, (length > 1).then_some(length)));
        match (letter, length) {
            ('y' | 'u', 2) => Some(Self::ShortYear),
            ('y' | 'u', _) => number(Field::Year),
            ('M' | 'L', 1 | 2) => number(Field::Month),
            ('M' | 'L', 3) => Some(Self::MonthName { whole: false }),
            ('M' | 'L', 4) => Some(Self::MonthName { whole: true }),
            ('d', 1 | 2) => number(Field::Day),
            ('D', 1 | 3) => number(Field::DayOfYear),
            ('H', 1 | 2) => number(Field::Hour),
            ('m', 1 | 2) => number(Field::Minute),
            ('s', 1 | 2) => number(Field::Second),
            ('S', _) => Some(Self::Number(Field::Fraction, Some(length))),
            _ => None,
        }
    }

    /// Reads itself at the beginning of a text, and returns what follows.
    fn read<'t>(&self, text: &'t str, found: &mut Found) -> Option<&'t str> {
        match self {
            Self::Literal(literal) => text.strip_prefix(literal.as_str()),
            Self::ShortYear => {
                let (number, rest) = number(text, Some(2))?;
                found.year = Some(2000 + number);
                Some(rest)
            }
            Self::Number(field, width) => {
                let (number, rest) = number(text, *width)?;
                found.set(*field, number);
                Some(rest)
            }
            Self::MonthName { whole } => {
                let name = |name: &'static str| if *whole { name } else { &name[..3] };
                let (month, rest) =
                    (1..).zip(MONTHS).find_map(|(month, full)| Some((month, text.strip_prefix(name(full))?)))?;
                found.month = Some(month);
                Some(rest)
            }
        }
    }
}

fn number(text: &str, width: Option<usize>) -> Option<(i64, &str)> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let length = width.unwrap_or(digits);
    if length == 0 || digits < length {
        return None;
    }
    let (number, rest) = text.split_at(length);
    let padded = width.is_none() && length > 1 && number.starts_with('0');
    if padded { None } else { Some((number.parse().ok()?, rest)) }
}

/// What a text says of a point in time.
#[derive(Debug, Default)]
struct Found {
    year: Option<i64>,
    month: Option<i64>,
    day: Option<i64>,
    day_of_year: Option<i64>,
    hour: i64,
    minute: i64,
    second: i64,
}

impl Found {
    fn set(&mut self, field: Field, number: i64) {
        match field {
            Field::Year => self.year = Some(number),
            Field::Month => self.month = Some(number),
            Field::Day => self.day = Some(number),
            Field::DayOfYear => self.day_of_year = Some(number),
            Field::Hour => self.hour = number,
            Field::Minute => self.minute = number,
            Field::Second => self.second = number,
            Field::Fraction => {}
        }
    }

    fn seconds(&self) -> Option<i64> {
        let year = self.year.filter(|year| (0..=9999).contains(year))?;
        let days = if let Some(day) = self.day_of_year {
            let first = days(year, 1, 1);
            (1..=days(year + 1, 1, 1) - first).contains(&day).then(|| first + day - 1)?
        } else {
            let (month, day) = (self.month.unwrap_or(1), self.day.unwrap_or(1));
            let is_day = (1..=12).contains(&month) && (1..=length(year, month)).contains(&day);
            is_day.then(|| days(year, month, day))?
        };
        let is_time = self.hour < 24 && self.minute < 60 && self.second < 60;
        is_time.then(|| days * DAY + self.hour * 3600 + self.minute * 60 + self.second)
    }
}

/// Days of a month.
fn length(year: i64, month: i64) -> i64 {
    let (year_after, after) = if month == 12 { (year + 1, 1) } else { (year, month + 1) };
    days(year_after, after, 1) - days(year, month, 1)
}

/// Days from 1970-01-01 to a date of the proleptic Gregorian calendar. Years are counted from March, so that the leap
/// day is the last one of its year (<https://howardhinnant.github.io/date_algorithms.html#days_from_civil>).
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// Year, month and day of a number of days since 1970-01-01, in the proleptic Gregorian calendar. Years are counted
/// from March, so that the leap day is the last one of its year
/// (<https://howardhinnant.github.io/date_algorithms.html#civil_from_days>).
pub fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, day) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let of_month = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (era * 400 + year + i64::from(month <= 2), month, of_month)
}

/// Months since the year 0, and seconds since the month began.
fn months(seconds: i64) -> (i64, i64) {
    let (year, month, _) = civil(seconds.div_euclid(DAY));
    (year * 12 + month - 1, seconds - days(year, month, 1) * DAY)
}

impl IntervalUnit {
    /// Seconds of it; `None` where that depends on the calendar.
    fn seconds(self) -> Option<i64> {
        Some(match self {
            Self::Years | Self::Months => return None,
            Self::Weeks => 7 * DAY,
            Self::Days => DAY,
            Self::Hours => 3600,
            Self::Minutes => 60,
            Self::Seconds => 1,
        })
    }

    fn months(self) -> i64 {
        if self == Self::Years { 12 } else { 1 }
    }

    /// A point in time, so many of it later.
    pub(crate) fn add(self, seconds: i64, count: i64) -> i64 {
        if let Some(unit) = self.seconds() {
            return seconds.saturating_add(count.saturating_mul(unit));
        }
        let (month, rest) = months(seconds);
        let month = month.saturating_add(count.saturating_mul(self.months())).clamp(0, 12 * 9999);
        let (year, month) = (month / 12, month % 12 + 1);
        // The 31st is the last day of a shorter month.
        let rest = rest.min((length(year, month) - 1) * DAY + rest.rem_euclid(DAY));
        days(year, month, 1) * DAY + rest
    }

    /// The beginning of the one that a point in time lies in. Weeks have none: that of the day.
    pub(crate) fn begin(self, seconds: i64) -> i64 {
        match self {
            Self::Weeks => Self::Days.begin(seconds),
            Self::Years | Self::Months => {
                let (month, rest) = months(seconds);
                let begin = seconds - rest;
                if self == Self::Years { Self::Months.add(begin, -(month % 12)) } else { begin }
            }
            _ => seconds - seconds.rem_euclid(self.seconds().unwrap_or(1)),
        }
    }

    /// Whether a whole number of steps of `count` leads from one point in time to another.
    pub(crate) fn reaches(self, from: i64, to: i64, count: i64) -> bool {
        if let Some(unit) = self.seconds() {
            return (to - from) % unit.saturating_mul(count).max(1) == 0;
        }
        let ((from, of_from), (to, of_to)) = (months(from), months(to));
        of_from == of_to && (to - from) % self.months().saturating_mul(count).max(1) == 0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(pattern: &str, text: &str) -> Option<i64> {
        DatePattern::new(pattern).unwrap().seconds(text)
    }

    #[test]
    fn texts_are_read_only_as_the_pattern_writes_them() {
        let day = Some(20_484 * DAY);
        for (pattern, text) in [
            ("yyyy-MM-dd", "2026-01-31"),
            ("yyyyMMdd", "20260131"),
            ("yyyy/M/d", "2026/1/31"),
            ("dd-MMM-yy", "31-Jan-26"),
            ("d MMMM uuuu", "31 January 2026"),
            ("yyyy-DDD", "2026-031"),
            ("'d'''yyyy-MM-dd", "d'2026-01-31"),
        ] {
            assert_eq!(read(pattern, text), day, "{pattern}");
        }
        assert_eq!(read("yyyy-MM-dd'T'HH", "2026-01-31T05"), day.map(|day| day + 5 * 3600));
        assert_eq!(read("yyyy-MM-dd-HH-mm-ss", "1970-01-01-00-01-05"), Some(65));
        for (pattern, text) in [
            ("yyyy-MM-dd", "2026-1-31"),
            ("yyyy-MM-dd", "2026-02-29"),
            ("yyyy-MM-dd", "2026-01-31 "),
            ("yyyy/M/d", "2026/01/31"),
            ("yyyyMMdd", "2026-01-31"),
            ("yyyy-MM-dd-HH", "2026-01-31-24"),
            ("yyyy-DDD", "2026-366"),
            ("yyyy", "__HIVE_DEFAULT_PARTITION__"),
        ] {
            assert_eq!(read(pattern, text), None, "{pattern} {text}");
        }
        assert_eq!(DatePattern::new("yyyy-'W'ww"), None);
        assert_eq!(DatePattern::new("yyyy'open"), None);
    }

    #[test]
    fn the_finest_unit_is_that_of_the_last_difference() {
        for (pattern, unit) in [
            ("yyyy", IntervalUnit::Years),
            ("MMM yyyy", IntervalUnit::Months),
            ("yyyyMMdd", IntervalUnit::Days),
            ("yyyyMMddHH", IntervalUnit::Hours),
        ] {
            assert_eq!(DatePattern::new(pattern).unwrap().finest(), unit, "{pattern}");
        }
    }

    #[test]
    fn months_have_their_lengths() {
        let at = |text: &str| read("yyyy-MM-dd", text).unwrap();
        assert_eq!(IntervalUnit::Months.add(at("2024-01-31"), 1), at("2024-02-29"));
        assert_eq!(IntervalUnit::Years.add(at("2024-02-29"), -1), at("2023-02-28"));
        assert_eq!(IntervalUnit::Years.begin(at("2024-02-29")), at("2024-01-01"));
        assert!(IntervalUnit::Months.reaches(at("2020-01-01"), at("2026-07-01"), 6));
        assert!(!IntervalUnit::Months.reaches(at("2020-01-01"), at("2026-07-02"), 6));
        assert!(!IntervalUnit::Weeks.reaches(at("2026-01-01"), at("2026-01-09"), 1));
    }

    proptest! {
        #[test]
        fn days_come_back(day in -719_000i64..2_900_000) {
            let (year, month, of_month) = civil(day);
            prop_assert_eq!(days(year, month, of_month), day);
            let text = format!("{year:04}{month:02}{of_month:02}");
            prop_assert_eq!(read("yyyyMMdd", &text), Some(day * DAY));
        }
    }
}
