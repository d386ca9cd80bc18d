use std::fmt::Write;

use crate::{Error, Reason};

/// What a value is made coarser to. Its type stays.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Generalization {
    /// A date or timestamp becomes the first day of its year, at midnight.
    Year(DateLayout),
    /// A date or timestamp becomes the first day of its month, at midnight.
    Month(DateLayout),
    /// A number becomes the lower end of its bucket: the greatest multiple of this that is not above it.
    Bucket(u64),
    /// Of a text, this many characters stay; the others become `*`.
    Prefix(usize),
}

/// How dates are written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DateLayout {
    /// `2026-11-21`, `2026/11/21`, `2026.11.21`, `20261121` or `21.11.2026`, alone or with a time of day behind a `T` or
    /// a space; for [`Generalization::Year`] also `11/21/2026` and `21/11/2026`.
    Usual,
    /// Patterns of `%Y %y %m %b %d %H %I %M %S %f %p %z` and text, as in POSIX `strptime`; the first that fits a value
    /// holds for it.
    Patterns(Vec<String>),
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Unit {
    Year,
    Month,
}

pub(super) enum Generalize {
    Date { unit: Unit, layouts: Vec<Vec<Item>> },
    Bucket(u64),
    Prefix(usize),
}

/// A piece of a layout.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Item {
    Literal(char),
    Year,
    ShortYear,
    Month,
    MonthName,
    Day,
    /// Up to this many digits of a time of day, no more than this.
    Time {
        digits: usize,
        most: u32,
    },
    /// On a clock of twelve hours, on which midnight is 12.
    ClockHour,
    Fraction,
    Meridiem,
    Zone,
}

const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

impl Generalize {
    pub(super) fn new(to: &Generalization) -> Result<Self, Error> {
        let invalid = |reason: &str| Error::InvalidMethod { method: "generalize", reason: reason.to_owned() };
        Ok(match to {
            Generalization::Year(layout) => Self::Date { unit: Unit::Year, layouts: layouts(layout, Unit::Year)? },
            Generalization::Month(layout) => Self::Date { unit: Unit::Month, layouts: layouts(layout, Unit::Month)? },
            Generalization::Bucket(0 | 1) => return Err(invalid("`bucket` has to be at least 2")),
            Generalization::Bucket(width) => Self::Bucket(*width),
            Generalization::Prefix(length) => Self::Prefix(*length),
        })
    }

    pub(super) fn apply(&self, value: &str, out: &mut String) -> Result<(), Reason> {
        match self {
            Self::Date { unit, layouts } => {
                let from = out.len();
                for layout in layouts {
                    if coarsen(value.trim_ascii(), layout, *unit, out).is_some() {
                        return Ok(());
                    }
                    out.truncate(from);
                }
                Err(Reason::NoDate)
            }
            Self::Bucket(width) => bucket(value.trim_ascii(), *width, out).ok_or(Reason::NoNumber),
            Self::Prefix(length) => {
                let all = value.chars().count() <= *length;
                let kept = if all { 0 } else { *length };
                out.extend(value.chars().enumerate().map(|(i, c)| if i < kept { c } else { '*' }));
                Ok(())
            }
        }
    }
}

fn bucket(value: &str, width: u64, out: &mut String) -> Option<()> {
    let (negative, digits) = match value.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, value),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let number = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    if !number(whole) || !number(fraction) || whole.is_empty() {
        return None;
    }
    let mut whole: i128 = whole.parse().ok()?;
    if negative {
        whole = -whole - i128::from(fraction.bytes().any(|b| b != b'0'));
    }
    let width = i128::from(width);
    let lower = whole.div_euclid(width).checked_mul(width)?;
    write!(out, "{lower}").ok()
}

fn layouts(layout: &DateLayout, unit: Unit) -> Result<Vec<Vec<Item>>, Error> {
    match layout {
        DateLayout::Patterns(patterns) => patterns.iter().map(|pattern| items(pattern)).collect(),
        DateLayout::Usual => {
            let mut dates = vec!["%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%d.%m.%Y", "%Y%m%d"];
            if unit == Unit::Year {
                dates.extend(["%m/%d/%Y", "%d/%m/%Y"]);
            }
            let mut times = vec![String::new()];
            for separator in ["T", " "] {
                for time in ["%H:%M:%S", "%H:%M:%S.%f", "%H:%M"] {
                    times.extend(["", "%z", " %z"].map(|zone| format!("{separator}{time}{zone}")));
                }
            }
            dates.iter().flat_map(|date| times.iter().map(move |time| items(&format!("{date}{time}")))).collect()
        }
    }
}

fn items(pattern: &str) -> Result<Vec<Item>, Error> {
    let mut items = Vec::new();
    let mut characters = pattern.chars();
    while let Some(c) = characters.next() {
        items.push(match c {
            '%' => match characters.next() {
                Some('Y') => Item::Year,
                Some('y') => Item::ShortYear,
                Some('m') => Item::Month,
                Some('b' | 'B') => Item::MonthName,
                Some('d') => Item::Day,
                Some('H') => Item::Time { digits: 2, most: 24 },
                Some('I') => Item::ClockHour,
                Some('M') => Item::Time { digits: 2, most: 59 },
                Some('S') => Item::Time { digits: 2, most: 60 },
                Some('f') => Item::Fraction,
                Some('p') => Item::Meridiem,
                Some('z') => Item::Zone,
                Some('%') => Item::Literal('%'),
                _ => return Err(unusable(pattern)),
            },
            c => Item::Literal(c),
        });
    }
    let year = items.iter().any(|item| matches!(item, Item::Year | Item::ShortYear));
    if year { Ok(items) } else { Err(unusable(pattern)) }
}

fn unusable(pattern: &str) -> Error {
    let reason = format!(
        "`{pattern}` is no pattern of %Y %y %m %b %d %H %I %M %S %f %p %z with a year; epochs cannot be generalized"
    );
    Error::InvalidMethod { method: "generalize", reason }
}

/// Copies a date that is written so, with everything below the unit at its beginning.
fn coarsen(value: &str, layout: &[Item], unit: Unit, out: &mut String) -> Option<()> {
    let mut rest = value;
    let year_only = unit == Unit::Year;
    for item in layout {
        match item {
            Item::Literal(c) => {
                rest = rest.strip_prefix(*c)?;
                out.push(*c);
            }
            Item::Year => out.push_str(take(&mut rest, 4, 4, 1, 9999)?),
            Item::ShortYear => out.push_str(take(&mut rest, 2, 2, 0, 99)?),
            Item::Month => {
                let month = take(&mut rest, 1, 2, 1, 12)?;
                out.push_str(if year_only { first(month) } else { month });
            }
            Item::MonthName => {
                let length = rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len());
                let (name, behind) = rest.split_at(length);
                let lower = name.to_ascii_lowercase();
                MONTHS.iter().find(|month| **month == lower || (lower.len() == 3 && month.starts_with(&lower)))?;
                rest = behind;
                out.push_str(if year_only { january(name) } else { name });
            }
            Item::Day => out.push_str(first(take(&mut rest, 1, 2, 1, 31)?)),
            Item::Time { digits, most } => {
                let taken = take(&mut rest, 1, *digits, 0, *most)?;
                out.extend(taken.chars().map(|_| '0'));
            }
            Item::ClockHour => {
                take(&mut rest, 1, 2, 1, 12)?;
                out.push_str("12");
            }
            Item::Fraction => {
                let taken = take(&mut rest, 1, 9, 0, u32::MAX)?;
                out.extend(taken.chars().map(|_| '0'));
            }
            Item::Meridiem => {
                let (meridiem, behind) = rest.split_at_checked(2)?;
                if !["am", "pm"].iter().any(|known| meridiem.eq_ignore_ascii_case(known)) {
                    return None;
                }
                rest = behind;
                out.push_str(if meridiem.starts_with(char::is_lowercase) { "am" } else { "AM" });
            }
            Item::Zone => {
                let zone = zone(rest)?;
                rest = &rest[zone.len()..];
                out.push_str(zone);
            }
        }
    }
    rest.is_empty().then_some(())
}

/// `least` to `most` digits that make a number from `from` to `to`.
fn take<'a>(rest: &mut &'a str, least: usize, most: usize, from: u32, to: u32) -> Option<&'a str> {
    let length = rest.bytes().take(most).take_while(u8::is_ascii_digit).count();
    let (digits, behind) = rest.split_at(length);
    let number: u32 = digits.parse().ok()?;
    if length < least || !(from..=to).contains(&number) {
        return None;
    }
    *rest = behind;
    Some(digits)
}

/// 1, with as many digits.
fn first(digits: &str) -> &'static str {
    if digits.len() == 1 { "1" } else { "01" }
}

/// The first month, written as another one is.
fn january(name: &str) -> &'static str {
    let capitals = name.bytes().all(|b| b.is_ascii_uppercase());
    let lower = name.bytes().all(|b| b.is_ascii_lowercase());
    match (name.len() > 3, capitals, lower) {
        (false, true, _) => "JAN",
        (false, _, true) => "jan",
        (false, ..) => "Jan",
        (true, true, _) => "JANUARY",
        (true, _, true) => "january",
        (true, ..) => "January",
    }
}

/// `Z`, `+01`, `+0100` or `+01:00` at the beginning of a text.
fn zone(text: &str) -> Option<&str> {
    if text.starts_with('Z') {
        return text.get(..1);
    }
    let digits = text.strip_prefix(['+', '-'])?;
    let two = |text: &str| text.len() >= 2 && text.bytes().take(2).all(|b| b.is_ascii_digit());
    if !two(digits) {
        return None;
    }
    let length = match digits.get(2..) {
        Some(rest) if two(rest) => 5,
        Some(rest) if rest.strip_prefix(':').is_some_and(two) => 6,
        _ => 3,
    };
    text.get(..length)
}
