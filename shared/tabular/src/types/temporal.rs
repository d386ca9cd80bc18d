//! Dates and timestamps.
//!
//! A single value seldom tells whether its day or its month comes first. So a value says which [`Layout`]s it can be
//! written in, and a column has a layout when all its values leave exactly one.
//!
//! Of two digits for the year, 69 to 99 are of the last century, and 00 to 68 of this one, as POSIX has it.

/// How the date in a value is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Layout {
    /// `2026-11-20`, ISO 8601, the only one with a time zone or a `T`; also `2026-1-2`.
    Iso,
    /// `2026/11/20`
    YearSlash,
    /// `2026.11.20`
    YearDot,
    /// `20/11/2026`
    DaySlash,
    /// `11/20/2026`
    MonthSlash,
    /// `20-11-2026`
    DayDash,
    /// `11-20-2026`
    MonthDash,
    /// `20.11.2026`
    DayDot,
    /// `11.20.2026`
    MonthDot,
    /// `20 Nov 2026`, `20 November 2026`
    DayNameSpace,
    /// `20-Nov-2026`
    DayNameDash,
    /// `20/Nov/2026`
    DayNameSlash,
    /// `Nov 20, 2026`, `November 20 2026`
    NameDay,
    /// `20/11/26`
    DaySlashShort,
    /// `11/20/26`
    MonthSlashShort,
    /// `26/11/20`
    YearSlashShort,
    /// `20-11-26`
    DayDashShort,
    /// `11-20-26`
    MonthDashShort,
    /// `26-11-20`
    YearDashShort,
    /// `20.11.26`; day and month have two digits as well, as otherwise versions would be dates.
    DayDotShort,
    /// `11.20.26`, likewise.
    MonthDotShort,
    /// `26.11.20`, likewise.
    YearDotShort,
}

impl Layout {
    pub(crate) const ALL: [Layout; 22] = [
        Layout::Iso,
        Layout::YearSlash,
        Layout::YearDot,
        Layout::DaySlash,
        Layout::MonthSlash,
        Layout::DayDash,
        Layout::MonthDash,
        Layout::DayDot,
        Layout::MonthDot,
        Layout::DayNameSpace,
        Layout::DayNameDash,
        Layout::DayNameSlash,
        Layout::NameDay,
        Layout::DaySlashShort,
        Layout::MonthSlashShort,
        Layout::YearSlashShort,
        Layout::DayDashShort,
        Layout::MonthDashShort,
        Layout::YearDashShort,
        Layout::DayDotShort,
        Layout::MonthDotShort,
        Layout::YearDotShort,
    ];
}

/// A set of [`Layout`]s.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Layouts(u32);

impl Layouts {
    pub(crate) const NONE: Self = Self(0);
    pub(crate) const ANY: Self = Self((1 << Layout::ALL.len()) - 1);
    /// Layouts that another one, with day, month and year in another order, can be mistaken for.
    pub(crate) const MISTAKABLE: Self = {
        let (mut all, mut i) = (Self::NONE, 0);
        while i < FAMILIES.len() {
            all = all.or(FAMILIES[i]);
            i += 1;
        }
        all
    };
    /// Those in which the day comes first, where only the month could instead.
    pub(crate) const DAY_FIRST: Self = Self::of(&[Layout::DaySlash, Layout::DayDash, Layout::DayDot]);

    pub(crate) const fn of(layouts: &[Layout]) -> Self {
        let mut all = 0;
        let mut i = 0;
        while i < layouts.len() {
            all |= 1 << layouts[i] as u32;
            i += 1;
        }
        Self(all)
    }

    pub(crate) const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    pub(crate) const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(crate) const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    pub(crate) const fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub(crate) const fn has(self, layout: Layout) -> bool {
        self.0 & 1 << layout as u32 != 0
    }

    /// The only one in it.
    pub(crate) fn only(self) -> Option<Layout> {
        self.0.is_power_of_two().then(|| Layout::ALL[self.0.trailing_zeros() as usize])
    }

    pub(crate) fn iter(self) -> impl Iterator<Item = Layout> {
        Layout::ALL.into_iter().filter(move |layout| self.has(*layout))
    }

    /// The moment that a text gives in these layouts, if all that read it agree.
    pub(crate) fn parse(self, text: &[u8]) -> Option<Moment> {
        let Some((_, family)) = family(text) else { return unmistakable(text) };
        let mut moments = family.and(self).iter().filter_map(|layout| parse(text, layout));
        let Some(first) = moments.next() else { return unmistakable(text) };
        moments.all(|other| other == first).then_some(first)
    }
}

/// The family among [`FAMILIES`] in which a text could be written, from how it begins, and its place.
pub(crate) fn family(text: &[u8]) -> Option<(usize, Layouts)> {
    let digits = |from: usize| text[from..].iter().take_while(|b| b.is_ascii_digit()).count();
    let first = digits(0);
    let place = match text.get(first)? {
        b'/' => 0,
        b'-' => 1,
        b'.' => 2,
        _ => return None,
    };
    let last = first + 1 + digits(first + 1);
    if !(1..=2).contains(&first) || text.get(last) != text.get(first) {
        return None;
    }
    let place = if digits(last + 1) > 2 { place } else { place + 3 };
    Some((place, FAMILIES[place]))
}

/// Layouts that only differ in the order of day, month and year: with four digits for the year behind the others, and
/// with two.
pub(crate) const FAMILIES: [Layouts; 6] = [
    Layouts::of(&[Layout::DaySlash, Layout::MonthSlash]),
    Layouts::of(&[Layout::DayDash, Layout::MonthDash]),
    Layouts::of(&[Layout::DayDot, Layout::MonthDot]),
    Layouts::of(&[Layout::DaySlashShort, Layout::MonthSlashShort, Layout::YearSlashShort]),
    Layouts::of(&[Layout::DayDashShort, Layout::MonthDashShort, Layout::YearDashShort]),
    Layouts::of(&[Layout::DayDotShort, Layout::MonthDotShort, Layout::YearDotShort]),
];

/// The year that two digits stand for: those of `%y` in POSIX `strptime`.
pub(crate) fn full_year(digits: u32) -> u32 {
    if digits >= 69 { 1900 + digits } else { 2000 + digits }
}

/// A date or a time in one of the layouts that can be no other.
pub(crate) fn unmistakable(text: &[u8]) -> Option<Moment> {
    use Layout::{DayNameDash, DayNameSlash, DayNameSpace, Iso, NameDay, YearDot, YearSlash};
    [Iso, YearSlash, YearDot, DayNameSpace, DayNameDash, DayNameSlash, NameDay]
        .into_iter()
        .find_map(|layout| parse(text, layout))
}

/// A point in time as it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Moment {
    /// Days since 1970-01-01.
    pub(crate) days: i32,
    /// The time of day, if there is one.
    pub(crate) time: Option<Time>,
}

/// A time of day as it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Time {
    /// Microseconds since midnight.
    pub(crate) micros: i64,
    /// Whether it is written with AM or PM.
    pub(crate) half_day: bool,
    /// Seconds east of UTC, if a zone is given.
    pub(crate) zone: Option<i32>,
}

/// Microseconds of a day.
pub(crate) const DAY: i64 = 86_400_000_000;
/// Days of 0001-01-01 and 9999-12-31.
const FIRST: i64 = -719_162;
const LAST: i64 = 2_932_896;

impl Moment {
    /// Microseconds since 1970-01-01T00:00:00, in UTC where a zone is given; `None` outside the years 1 to 9999.
    pub(crate) fn micros(&self) -> Option<i64> {
        let time = self.time.map_or(0, |t| t.micros - i64::from(t.zone.unwrap_or(0)) * 1_000_000);
        let micros = i64::from(self.days) * DAY + time;
        in_range(micros)
    }
}

/// Microseconds since 1970-01-01T00:00:00, if they lie in the years 1 to 9999.
pub(crate) fn in_range(micros: i64) -> Option<i64> {
    (FIRST * DAY..(LAST + 1) * DAY).contains(&micros).then_some(micros)
}

/// For each month, at `leap << 4 | month`: the days before it in its year, and, in the low byte, those it has. What is
/// no month has none.
const MONTHS: [u32; 32] = {
    let mut months = [0; 32];
    let mut leap = 0;
    while leap < 2 {
        let mut before = 0;
        let mut month = 1;
        while month <= 12 {
            let length = match month {
                2 => 28 + leap,
                4 | 6 | 9 | 11 => 30,
                _ => 31,
            };
            months[leap << 4 | month] = (before << 8 | length) as u32;
            before += length;
            month += 1;
        }
        leap += 1;
    }
    months
};

/// Days since 1970-01-01 of a date that exists, in the years 1 to 9999.
#[inline]
pub(crate) fn days(year: u32, month: u32, day: u32) -> Option<i32> {
    if !(1..=9999).contains(&year) || month > 12 {
        return None;
    }
    days_of(year / 100, year % 100, month, day)
}

/// The same of a year in two parts, below 100 each; a month below 16.
#[inline]
fn days_of(century: u32, rest: u32, month: u32, day: u32) -> Option<i32> {
    // Every fourth year is a leap year, but of those that end a century every fourth.
    let leap = u32::from(if rest == 0 { century } else { rest } % 4 == 0);
    let month = MONTHS[(leap << 4 | month) as usize % MONTHS.len()];
    let past = (century * 100 + rest).wrapping_sub(1);
    if day.wrapping_sub(1) >= month & 0xff || past >= 9999 {
        return None;
    }
    let past_centuries = past / 100;
    let days = past * 365 + past / 4 - past_centuries + past_centuries / 4 + (month >> 8) + day - 1;
    Some(days as i32 + FIRST as i32)
}

/// `YYYY-MM-DD` at the beginning of 16 readable bytes.
#[inline]
pub(crate) fn iso_date(text: &[u8], at: usize) -> Option<i32> {
    let bytes = text.get(at..)?.first_chunk::<16>()?;
    let all = u128::from_le_bytes(*bytes);
    let (low, high) = (all as u64, (all >> 64) as u64);
    // Bytes, lowest first: Y Y Y Y - M M - | D D.
    if (low >> 32) & 0xff00_00ff != 0x2d00_002d {
        return None;
    }
    let compact = (low & 0xffff_ffff) | (low >> 40 & 0xffff) << 32 | high << 48;
    let digits = compact ^ 0x3030_3030_3030_3030;
    if (digits.wrapping_add(0x7676_7676_7676_7676) | digits) & 0x8080_8080_8080_8080 != 0 {
        return None;
    }
    // Two digits each, in every other byte.
    let pairs = digits.wrapping_mul(10).wrapping_add(digits >> 8);
    let pair = |i: u32| (pairs >> (16 * i)) as u32 & 0xff;
    if pair(2) > 12 {
        return None;
    }
    days_of(pair(0), pair(1), pair(2), pair(3))
}

/// Reads what is left of a text.
pub(crate) struct Cursor<'a>(pub(crate) &'a [u8]);

impl Cursor<'_> {
    /// A number of `min` to `max` digits, with no digit behind it.
    fn number(&mut self, min: usize, max: usize) -> Option<u32> {
        let value = self.digits(min, max)?;
        (!self.0.first().is_some_and(u8::is_ascii_digit)).then_some(value)
    }

    /// A number of `min` to `max` digits.
    pub(crate) fn digits(&mut self, min: usize, max: usize) -> Option<u32> {
        let len = self.0.iter().take(max).take_while(|b| b.is_ascii_digit()).count();
        if len < min {
            return None;
        }
        let (digits, rest) = self.0.split_at(len);
        self.0 = rest;
        Some(digits.iter().fold(0, |n, d| n * 10 + u32::from(d - b'0')))
    }

    /// The digits behind the point of a second, in microseconds; those beyond the sixth have to be zeros.
    pub(crate) fn fraction(&mut self) -> Option<i64> {
        let len = self.0.iter().take_while(|b| b.is_ascii_digit()).count();
        let (digits, rest) = self.0.split_at(len);
        if len == 0 || digits.iter().skip(6).any(|&b| b != b'0') {
            return None;
        }
        self.0 = rest;
        Some((0..6).fold(0, |n, i| n * 10 + digits.get(i).map_or(0, |d| i64::from(d - b'0'))))
    }

    /// `AM` or `PM`.
    pub(crate) fn afternoon(&mut self) -> Option<bool> {
        match self.0 {
            [half @ (b'A' | b'a' | b'P' | b'p'), b'M' | b'm', rest @ ..] => {
                self.0 = rest;
                Some(half.eq_ignore_ascii_case(&b'p'))
            }
            _ => None,
        }
    }

    /// `Z`, `UTC`, `±HH`, `±HHMM` or `±HH:MM`, which is all that is left: seconds east of UTC.
    pub(crate) fn zone(&mut self) -> Option<i32> {
        let two = |a: u8, b: u8| -> Option<i32> {
            (a.is_ascii_digit() && b.is_ascii_digit()).then(|| i32::from(a - b'0') * 10 + i32::from(b - b'0'))
        };
        let seconds = match self.0 {
            b"Z" | b"z" | b"UTC" => 0,
            [sign @ (b'+' | b'-'), rest @ ..] => {
                let (hours, minutes) = match *rest {
                    [a, b] => (two(a, b)?, 0),
                    [a, b, c, d] | [a, b, b':', c, d] => (two(a, b)?, two(c, d)?),
                    _ => return None,
                };
                if hours > 23 || minutes > 59 {
                    return None;
                }
                let seconds = hours * 3600 + minutes * 60;
                if *sign == b'-' { -seconds } else { seconds }
            }
            _ => return None,
        };
        self.0 = &[];
        Some(seconds)
    }

    pub(crate) fn eat(&mut self, byte: u8) -> Option<()> {
        match self.0 {
            [first, rest @ ..] if *first == byte => {
                self.0 = rest;
                Some(())
            }
            _ => None,
        }
    }

    /// The name of a month, whole or its first three letters.
    pub(crate) fn month(&mut self) -> Option<u32> {
        const NAMES: [&[u8]; 12] = [
            b"january",
            b"february",
            b"march",
            b"april",
            b"may",
            b"june",
            b"july",
            b"august",
            b"september",
            b"october",
            b"november",
            b"december",
        ];
        let len = self.0.iter().take_while(|b| b.is_ascii_alphabetic()).count();
        let (name, rest) = self.0.split_at(len);
        let month = NAMES.iter().position(|n| name.eq_ignore_ascii_case(n) || name.eq_ignore_ascii_case(&n[..3]))?;
        self.0 = rest;
        Some(month as u32 + 1)
    }
}

/// The moment that a text gives in a layout, if it is exactly one: `date[ time]`, the time being
/// `HH:MM[:SS[.ffffff]]`, on twelve hours with a final `AM` or `PM`; [`Layout::Iso`] may have `T` for the blank and
/// end with `Z`, ` UTC`, `±HH`, `±HHMM` or `±HH:MM`. Digits of a second beyond the sixth have to be zeros.
pub(crate) fn parse(text: &[u8], layout: Layout) -> Option<Moment> {
    let mut cursor = Cursor(text);
    let days = date(&mut cursor, layout)?;
    let iso = layout == Layout::Iso;
    let time = match cursor.0 {
        [] => None,
        [separator, rest @ ..] if *separator == b' ' || iso && matches!(separator, b'T' | b't') => {
            cursor.0 = rest;
            Some(time_of_day(&mut cursor, iso)?)
        }
        _ => return None,
    };
    let moment = Moment { days, time };
    moment.micros()?;
    Some(moment)
}

fn date(cursor: &mut Cursor<'_>, layout: Layout) -> Option<i32> {
    use Layout::{
        DayDash, DayDashShort, DayDot, DayDotShort, DayNameDash, DayNameSlash, DayNameSpace, DaySlash, DaySlashShort,
        Iso, MonthDash, MonthDashShort, MonthDot, MonthDotShort, MonthSlash, MonthSlashShort, NameDay, YearDashShort,
        YearDot, YearDotShort, YearSlash, YearSlashShort,
    };
    let separator = match layout {
        Iso | DayDash | MonthDash | DayNameDash | DayDashShort | MonthDashShort | YearDashShort => b'-',
        YearSlash | DaySlash | MonthSlash | DayNameSlash | DaySlashShort | MonthSlashShort | YearSlashShort => b'/',
        YearDot | DayDot | MonthDot | DayDotShort | MonthDotShort | YearDotShort => b'.',
        DayNameSpace | NameDay => b' ',
    };
    match layout {
        Iso | YearSlash | YearDot => {
            let year = cursor.number(4, 4)?;
            cursor.eat(separator)?;
            let month = cursor.number(1, 2)?;
            cursor.eat(separator)?;
            days(year, month, cursor.number(1, 2)?)
        }
        DaySlash | DayDash | DayDot | MonthSlash | MonthDash | MonthDot => {
            let first = cursor.number(1, 2)?;
            cursor.eat(separator)?;
            let second = cursor.number(1, 2)?;
            cursor.eat(separator)?;
            let year = cursor.number(4, 4)?;
            if matches!(layout, DaySlash | DayDash | DayDot) {
                days(year, second, first)
            } else {
                days(year, first, second)
            }
        }
        DayNameSpace | DayNameDash | DayNameSlash => {
            let day = cursor.number(1, 2)?;
            cursor.eat(separator)?;
            let month = cursor.month()?;
            cursor.eat(separator)?;
            days(cursor.number(4, 4)?, month, day)
        }
        NameDay => {
            let month = cursor.month()?;
            cursor.eat(b' ')?;
            let day = cursor.number(1, 2)?;
            let _ = cursor.eat(b',');
            cursor.eat(b' ')?;
            days(cursor.number(4, 4)?, month, day)
        }
        DaySlashShort | DayDashShort | DayDotShort => {
            let [day, month, year] = short(cursor, separator, 2)?;
            days(year, month, day)
        }
        MonthSlashShort | MonthDashShort | MonthDotShort => {
            let [month, day, year] = short(cursor, separator, 2)?;
            days(year, month, day)
        }
        YearSlashShort | YearDashShort | YearDotShort => {
            let [year, month, day] = short(cursor, separator, 0)?;
            days(year, month, day)
        }
    }
}

/// The numbers of a date with two digits for the year, which is the one at `year`.
fn short(cursor: &mut Cursor<'_>, separator: u8, year: usize) -> Option<[u32; 3]> {
    let mut numbers = [0; 3];
    for (i, number) in numbers.iter_mut().enumerate() {
        if i > 0 {
            cursor.eat(separator)?;
        }
        *number = cursor.number(if i == year || separator == b'.' { 2 } else { 1 }, 2)?;
    }
    numbers[year] = full_year(numbers[year]);
    Some(numbers)
}

fn time_of_day(cursor: &mut Cursor<'_>, zoned: bool) -> Option<Time> {
    let mut hour = cursor.number(1, 2)?;
    cursor.eat(b':')?;
    let minute = cursor.number(2, 2)?;
    let (mut second, mut micros) = (0, 0);
    if cursor.eat(b':').is_some() {
        second = cursor.number(2, 2)?;
        if cursor.eat(b'.').is_some() {
            micros = cursor.fraction()?;
        }
    }
    let rest = cursor.0;
    // A blank before what follows is usual.
    let _ = cursor.eat(b' ');
    let afternoon = cursor.afternoon();
    if let Some(afternoon) = afternoon {
        if !(1..=12).contains(&hour) {
            return None;
        }
        hour = hour % 12 + if afternoon { 12 } else { 0 };
    }
    let zone = match rest {
        _ if afternoon.is_some() => cursor.0.is_empty().then_some(None)?,
        [] => None,
        _ if zoned => Some(cursor.zone()?),
        _ => return None,
    };
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let half_day = afternoon.is_some();
    let micros = i64::from(hour * 3600 + minute * 60 + second) * 1_000_000 + micros;
    Some(Time { micros, half_day, zone })
}

/// `YYYY-MM-DD HH:MM:SS`, with `T` or a blank and up to six digits of a second, in a text that goes on for at least
/// 16 bytes after its end.
#[inline]
pub(crate) fn iso_timestamp(text: &[u8], start: usize, len: usize) -> Option<i64> {
    if len < 19 {
        return None;
    }
    let days = iso_date(text, start)?;
    // Bytes, lowest first: T H H : M M : S | S
    let low = super::integer::load8(text, start + 10)?;
    if low >> 24 & 0xff != 0x3a || low >> 48 & 0xff != 0x3a || !matches!(low as u8, b' ' | b'T') {
        return None;
    }
    let last = u64::from(*text.get(start + 18)?);
    let compact = (low >> 8 & 0xffff) | (low >> 32 & 0xffff) << 16 | (low >> 56) << 32 | last << 40;
    let value = super::integer::digits8(compact, 6)?;
    let (hour, minute, second) = (value / 10_000, value / 100 % 100, value % 100);
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let mut micros = ((hour * 60 + minute) * 60 + second) * 1_000_000;
    if len > 19 {
        let digits = len - 20;
        if *text.get(start + 19)? != b'.' || !(1..=6).contains(&digits) {
            return None;
        }
        micros += super::integer::digits8(super::integer::load8(text, start + 20)?, digits)?
            * super::integer::POWERS[6 - digits];
    }
    Some(i64::from(days) * DAY + micros as i64)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn layouts(text: &str) -> Vec<Layout> {
        Layout::ALL.into_iter().filter(|&l| parse(text.as_bytes(), l).is_some()).collect()
    }

    fn micros(text: &str) -> Option<i64> {
        Layout::ALL.into_iter().find_map(|l| parse(text.as_bytes(), l))?.micros()
    }

    #[test]
    fn days_are_counted_as_the_calendar_does() {
        assert_eq!(days(1970, 1, 1), Some(0));
        assert_eq!(days(2000, 2, 29), Some(11_016));
        assert_eq!(days(1900, 2, 29), None);
        assert_eq!(days(1, 1, 1), Some(FIRST as i32));
        assert_eq!(days(9999, 12, 31), Some(LAST as i32));
        assert_eq!(days(0, 1, 1), None);
        assert_eq!(days(2026, 13, 1), None);
        assert_eq!(days(2026, 4, 31), None);
        assert_eq!(days(2026, 0, 1), None);
        let mut next = FIRST as i32;
        for year in 1..=9999 {
            for month in 1..=12 {
                for day in 1..=31 {
                    if let Some(found) = days(year, month, day) {
                        assert_eq!(found, next);
                        next += 1;
                    }
                }
            }
        }
        assert_eq!(next, LAST as i32 + 1);
    }

    #[test]
    fn a_value_tells_what_it_can_be() {
        use Layout::{DayDot, DayNameDash, DayNameSlash, DayNameSpace, DaySlash, Iso, MonthDot, MonthSlash, NameDay};
        assert_eq!(layouts("2026-11-20"), [Iso]);
        assert_eq!(layouts("01/02/2026"), [DaySlash, MonthSlash]);
        assert_eq!(layouts("13/02/2026"), [DaySlash]);
        assert_eq!(layouts("2/13/2026"), [MonthSlash]);
        assert_eq!(layouts("01.02.2026"), [DayDot, MonthDot]);
        assert_eq!(layouts("20 Nov 2026"), [DayNameSpace]);
        assert_eq!(layouts("20-NOV-2026"), [DayNameDash]);
        assert_eq!(layouts("20/november/2026"), [DayNameSlash]);
        assert_eq!(layouts("Nov 20, 2026"), [NameDay]);
        assert_eq!(layouts("13/13/2026"), []);
        assert_eq!(layouts("2026-2-3"), [Iso]);
        assert_eq!(layouts("2026-2-13"), [Iso]);
        for text in
            ["2026-02-30", "2026-2-30", "2026-02-003", "2026-11-20x", "2026-11-20 ", "20261120", "12:30", "0000-01-01"]
        {
            assert_eq!(layouts(text), [], "{text}");
        }
    }

    #[test]
    fn two_digits_for_the_year_are_of_the_century_that_posix_says() {
        use Layout::{
            DayDashShort, DayDotShort, DaySlashShort, MonthDashShort, MonthDotShort, MonthSlashShort, YearDashShort,
            YearDotShort, YearSlashShort,
        };
        assert_eq!(layouts("25/11/63"), [DaySlashShort]);
        assert_eq!(layouts("5/11/63"), [DaySlashShort, MonthSlashShort]);
        assert_eq!(layouts("3/30/12"), [MonthSlashShort]);
        assert_eq!(layouts("63/11/5"), [YearSlashShort]);
        assert_eq!(layouts("01-02-03"), [DayDashShort, MonthDashShort, YearDashShort]);
        assert_eq!(layouts("14.05.98"), [DayDotShort]);
        assert_eq!(layouts("05.14.98"), [MonthDotShort]);
        assert_eq!(layouts("98.05.14 10:30"), [YearDotShort]);
        for text in ["3.13.10", "1/1/1", "1/2/126", "31/02/63", "3/30-12", "26-11-20T10:00", "26-11-20 10:00Z"] {
            assert_eq!(layouts(text), [], "{text}");
        }
        for (text, day) in [
            ("31/12/68", "2068-12-31"),
            ("31/12/69", "1969-12-31"),
            ("31/12/99", "1999-12-31"),
            ("29/2/00", "2000-02-29"),
            ("29-02-24", "2024-02-29"),
        ] {
            assert_eq!(micros(text), micros(day), "{text}");
        }
    }

    #[test]
    fn layouts_of_a_family_are_told_from_others_by_their_beginning() {
        for layout in Layout::ALL {
            let place = FAMILIES.iter().position(|family| family.has(layout));
            assert_eq!(Layouts::MISTAKABLE.has(layout), place.is_some());
        }
        let texts = ["1/2/2026", "01-02-2026", "01.02.2026", "1/2/26", "26-2-1", "01.02.26"];
        for (i, text) in texts.into_iter().enumerate() {
            assert_eq!(family(text.as_bytes()), Some((i, FAMILIES[i])), "{text}");
            let first = FAMILIES[i].iter().next().unwrap();
            assert!(parse(text.as_bytes(), first).is_some() || text.starts_with("26"), "{text}");
        }
        for text in ["2026-01-02", "1/2", "1/2-26", "", "1/", "x/1/26", "123/1/26"] {
            assert_eq!(family(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn times_and_zones() {
        assert_eq!(micros("1970-01-01T00:00:01"), Some(1_000_000));
        assert_eq!(micros("1970-01-01 00:00:00.000001"), Some(1));
        assert_eq!(micros("1970-01-01 00:00:00.5000000"), Some(500_000));
        assert_eq!(micros("1970-01-01 00:00:00.0000005"), None);
        assert_eq!(micros("1970-01-01T01:00:00+01:00"), Some(0));
        assert_eq!(micros("1970-01-01T00:00:00Z"), Some(0));
        assert_eq!(micros("1970-01-01 00:00:00 UTC"), Some(0));
        assert_eq!(micros("1969-12-31T19:00:00-0500"), Some(0));
        assert_eq!(micros("01/13/1970 12:00:00 AM"), Some(12 * DAY));
        assert_eq!(micros("13/01/1970 1:30 PM"), Some(12 * DAY + 13 * 3_600_000_000 + 30 * 60_000_000));
        for text in [
            "1970-01-01 24:00:00",
            "1970-01-01 00:60:00",
            "1970-01-01 00:00:60",
            "1970-01-01T00",
            "1970-01-01 13:00 PM",
            "1970-01-01 0:00 AM",
            "1970-01-01 00:00:00.",
            "1970-01-01 00:00:00+1",
            "13/01/1970 00:00:00Z",
            "13/01/1970T00:00:00",
            "0001-01-01T00:00:00+01:00",
        ] {
            assert_eq!(micros(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn the_fast_date_agrees(text in "[0-9]{4}-[01][0-9]-[0-3][0-9]|[-0-9/:. ]{10}") {
            let padded = format!("{text},2026-01-01,");
            let expected = parse(text.as_bytes(), Layout::Iso).filter(|m| m.time.is_none()).map(|m| m.days);
            prop_assert_eq!(iso_date(padded.as_bytes(), 0), expected);
        }

        #[test]
        fn the_fast_timestamp_agrees(
            text in "[0-9]{4}-[01][0-9]-[0-3][0-9][ T][0-2][0-9]:[0-6][0-9]:[0-6][0-9](\\.[0-9]{0,7})?|[-0-9/:.T ]{19,24}"
        ) {
            let padded = format!("{text},2026-01-01,2026-01-01");
            let expected = parse(text.as_bytes(), Layout::Iso).and_then(|m| m.micros());
            let found = iso_timestamp(padded.as_bytes(), 0, text.len());
            if found.is_some() || text.len() <= 26 {
                prop_assert_eq!(found, expected);
            }
        }
    }
}
