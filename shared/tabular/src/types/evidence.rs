//! What a column's values say about its type.
//!
//! [`Evidence`] is a set: joining is associative, commutative and idempotent, so that neither the order of rows, nor
//! how they are cut into blocks, nor who looks at them first can change what [`Evidence::kind`] makes of it.

use super::{
    boolean, float,
    float::Number,
    integer::MAX_SAFE,
    locale::{self, Style},
    temporal::{self, Layout, Moment},
    trim,
};

/// What is known of a column from some of its values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Evidence {
    /// What was seen, joined by OR.
    seen: u32,
    /// [`Style`]s in which every number that is not plain can be written, joined by AND.
    styles: u8,
    /// [`Layout`]s in which every date can be written, joined by AND.
    layouts: u16,
}

/// A value of no narrower type, or a contradiction that nothing can heal.
const TEXT: u32 = 1;
/// A null token, or blanks only: null in a column of a narrower type, text elsewhere.
const TOKEN: u32 = 1 << 1;
const BOOLEAN: u32 = 1 << 2;
/// A plain whole number.
const INT: u32 = 1 << 3;
/// A whole number beyond [`MAX_SAFE`].
const BIG: u32 = 1 << 4;
/// A plain number with a fraction or an exponent.
const FLOAT: u32 = 1 << 5;
/// A number in another style.
const STYLED: u32 = 1 << 6;
/// A date without a time.
const DATE: u32 = 1 << 7;
/// A time without a zone.
const NAIVE: u32 = 1 << 8;
/// A time with a zone.
const ZONED: u32 = 1 << 9;
/// A time on twelve hours, and one on twenty-four.
const HALF: u32 = 1 << 10;
const FULL: u32 = 1 << 11;
/// In style `i`, a number with a fraction (bit `i`), one beyond [`MAX_SAFE`] (bit `i + 4`).
const STYLED_FLOAT: u32 = 1 << 16;
const STYLED_BIG: u32 = 1 << 20;

const STYLES: u8 = (1 << Style::ALL.len()) - 1;
const LAYOUTS: u16 = (1 << Layout::ALL.len()) - 1;

const NUMBER: u32 = INT | FLOAT | STYLED;
const TEMPORAL: u32 = DATE | NAIVE | ZONED;

/// How the values of a column are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// There are none.
    Null,
    /// As they stand.
    Text,
    /// `true` and `false`.
    Boolean,
    /// Whole numbers.
    Int,
    /// Doubles.
    Double,
    /// Whole numbers in another style.
    StyledInt(Style),
    /// Doubles in another style.
    StyledDouble(Style),
    /// Dates.
    Date(Layout),
    /// Timestamps, and dates as their midnights; with zones or without.
    Timestamp(Layout),
}

/// How the times of a column are written; one that is written otherwise contradicts them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Times {
    /// Without zones, on twenty-four hours.
    Plain,
    /// With zones.
    Zoned,
    /// On twelve hours.
    HalfDay,
}

impl Evidence {
    /// What no value says.
    pub(crate) const NONE: Self = Self { seen: 0, styles: u8::MAX, layouts: u16::MAX };
    /// What a value says that can be nothing but text.
    pub(crate) const TEXT: Self = Self { seen: TEXT, ..Self::NONE };
    /// What a null token says.
    pub(crate) const TOKEN: Self = Self { seen: TOKEN, ..Self::NONE };
    /// What a whole number beyond [`MAX_SAFE`] says.
    pub(crate) const BIG: Self = Self { seen: INT | BIG, ..Self::NONE };

    /// What a plain number says.
    pub(crate) fn of_number(number: Number) -> Self {
        match number {
            Number::Int(value) if value.unsigned_abs() > MAX_SAFE => Self::BIG,
            Number::Int(_) => Self { seen: INT, ..Self::NONE },
            Number::Float(_) => Self { seen: FLOAT, ..Self::NONE },
        }
    }

    /// What a date or time says that is written in `layout`, at least; in which others it could be written as well is
    /// left out.
    pub(crate) fn of_moment(moment: Moment, layout: Layout) -> Self {
        let seen = match moment.time {
            None => DATE,
            Some(time) => (if time.zone.is_some() { ZONED } else { NAIVE }) | (if time.half_day { HALF } else { FULL }),
        };
        Self { seen, layouts: 1 << layout as u16, ..Self::NONE }
    }

    /// Adds what other values say.
    pub(crate) fn join(&mut self, other: Self) {
        self.seen |= other.seen;
        self.styles &= other.styles;
        self.layouts &= other.layouts;
    }

    /// What one value says. `quoted`: it stood in quotes, which have been taken off.
    pub(crate) fn of(value: &[u8], quoted: bool, is_token: impl Fn(&[u8]) -> bool) -> Self {
        if value.is_empty() {
            // Nothing is null; a quoted nothing is an empty text.
            return if quoted { Self::TEXT } else { Self::NONE };
        }
        let text = trim(value);
        if text.is_empty() || !quoted && is_token(text) {
            return if quoted { Self::TEXT } else { Self::TOKEN };
        }
        match text[0] {
            b'0'..=b'9' | b'-' | b'.' | b',' => {}
            first if first.is_ascii_alphabetic() => {
                return if boolean(text).is_some() {
                    Self { seen: BOOLEAN, ..Self::NONE }
                } else {
                    Self::of_temporal(text).unwrap_or(Self::TEXT)
                };
            }
            _ => return Self::TEXT,
        }
        match float::parse(text) {
            Some(number) => Self::of_number(number),
            None => Self::of_temporal(text).or_else(|| Self::of_styled(text)).unwrap_or(Self::TEXT),
        }
    }

    fn of_styled(text: &[u8]) -> Option<Self> {
        if !locale::plausible(text) {
            return None;
        }
        let mut evidence = Self { seen: STYLED, styles: 0, layouts: u16::MAX };
        for (i, style) in Style::ALL.into_iter().enumerate() {
            let Some(number) = style.parse(text) else { continue };
            evidence.styles |= 1 << i;
            match number {
                Number::Float(_) => evidence.seen |= STYLED_FLOAT << i,
                Number::Int(value) if value.unsigned_abs() > MAX_SAFE => evidence.seen |= STYLED_BIG << i,
                Number::Int(_) => {}
            }
        }
        (evidence.styles != 0).then_some(evidence)
    }

    fn of_temporal(text: &[u8]) -> Option<Self> {
        // The shortest is `1/1/2026`, the longest `September 30, 2026 11:59:59.000000000 PM` and a few zeros more.
        if !(8..=48).contains(&text.len()) {
            return None;
        }
        let mut evidence = Self { seen: 0, styles: u8::MAX, layouts: 0 };
        for layout in Layout::ALL {
            if let Some(moment) = temporal::parse(text, layout) {
                let one = Self::of_moment(moment, layout);
                evidence.seen |= one.seen;
                evidence.layouts |= one.layouts;
            }
        }
        (evidence.layouts != 0).then_some(evidence)
    }

    /// Whether the column is text whatever else it holds.
    pub(crate) fn is_settled_text(self) -> bool {
        let has = |bits: u32| self.seen & bits != 0;
        let families = u32::from(has(BOOLEAN)) + u32::from(has(NUMBER)) + u32::from(has(TEMPORAL));
        has(TEXT)
            || families > 1
            || has(STYLED) && self.styles & STYLES == 0
            || has(BIG) && has(FLOAT)
            || has(TEMPORAL) && self.layouts & LAYOUTS == 0
            || has(ZONED) && has(NAIVE | DATE)
            || has(HALF) && has(FULL)
    }

    /// How the column is read if there are no other values.
    pub(crate) fn kind(self) -> Kind {
        let has = |bits: u32| self.seen & bits != 0;
        if self.is_settled_text() {
            Kind::Text
        } else if has(STYLED) {
            let Some((i, style)) = self.style() else { return Kind::Text };
            let fraction = has(FLOAT | STYLED_FLOAT << i);
            let big = has(BIG | STYLED_BIG << i);
            match (fraction, big) {
                _ if style.has_decimal_comma() && has(FLOAT) => Kind::Text,
                (true, true) => Kind::Text,
                (true, false) => Kind::StyledDouble(style),
                (false, _) => Kind::StyledInt(style),
            }
        } else if has(FLOAT) {
            Kind::Double
        } else if has(INT) {
            Kind::Int
        } else if has(BOOLEAN) {
            Kind::Boolean
        } else if has(TEMPORAL) {
            let candidates = self.layouts & LAYOUTS;
            if !candidates.is_power_of_two() {
                return Kind::Text;
            }
            let layout = Layout::ALL[candidates.trailing_zeros() as usize];
            if has(NAIVE | ZONED) { Kind::Timestamp(layout) } else { Kind::Date(layout) }
        } else if has(TOKEN) {
            Kind::Text
        } else {
            Kind::Null
        }
    }

    /// How its times are written.
    pub(crate) fn times(self) -> Times {
        if self.seen & HALF != 0 {
            Times::HalfDay
        } else if self.seen & ZONED != 0 {
            Times::Zoned
        } else {
            Times::Plain
        }
    }

    /// How its numbers are written, and the bit of a style that reads them so.
    fn style(self) -> Option<(usize, Style)> {
        let candidates = self.styles & STYLES;
        let i = candidates.trailing_zeros() as usize;
        let all_left = || (0..Style::ALL.len()).filter(|i| candidates & 1 << i != 0).map(|i| Style::ALL[i]);
        if candidates.is_power_of_two() {
            Some((i, Style::ALL[i]))
        } else if all_left().all(Style::has_decimal_comma) {
            // They differ in how thousands are set apart, which no value does.
            Some((i, Style::Comma))
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    fn token(text: &[u8]) -> bool {
        matches!(text, b"NULL" | b"NA" | b"N/A" | b"NaN" | b"\\N")
    }

    fn kind(values: &[&str]) -> Kind {
        let mut all = Evidence::NONE;
        for value in values {
            all.join(Evidence::of(value.as_bytes(), false, token));
        }
        all.kind()
    }

    #[test]
    fn columns_have_the_type_that_all_their_values_share() {
        use Kind::{Boolean, Date, Double, Int, Null, StyledDouble, StyledInt, Text, Timestamp};
        for (values, expected) in [
            (&[][..], Null),
            (&["", ""], Null),
            (&["NA", ""], Text),
            (&["NA", "", "5"], Int),
            (&["  ", "5"], Int),
            (&["  "], Text),
            (&["true", "FALSE", "NULL"], Boolean),
            (&["true", "tRUE"], Text),
            (&["true", "1"], Text),
            (&["1", "2.5"], Double),
            (&["9007199254740993", "1"], Int),
            (&["9007199254740993", "1.5"], Text),
            (&["1", "007"], Text),
            (&[" 1", "2\t"], Int),
            (&["2026-01-01", "2026-01-02"], Date(Layout::Iso)),
            (&["2026-01-01", "2026-01-02 10:00:00"], Timestamp(Layout::Iso)),
            (&["2026-01-01T10:00:00Z", "2026-01-02T10:00:00+01:00"], Timestamp(Layout::Iso)),
            (&["2026-01-01T10:00:00Z", "2026-01-02T10:00:00"], Text),
            (&["2026-01-01T10:00:00Z", "2026-01-02"], Text),
            (&["01/02/2026", "02/03/2026"], Text),
            (&["01/02/2026", "13/03/2026"], Date(Layout::DaySlash)),
            (&["01/02/2026", "03/13/2026"], Date(Layout::MonthSlash)),
            (&["13/02/2026", "03/13/2026"], Text),
            (&["13/02/2026", "13-02-2026"], Text),
            (&["2026-01-01", "01/13/2026"], Text),
            (&["13/02/2026 1:00 PM", "14/02/2026 2:00 AM"], Timestamp(Layout::DaySlash)),
            (&["13/02/2026 1:00 PM", "14/02/2026 13:00"], Text),
            (&["1,234", "5,678"], Text),
            (&["1,37", "1234,5", "7"], StyledDouble(Style::Comma)),
            (&["1,234", "5,67"], StyledDouble(Style::Comma)),
            (&["1,37", "1 234,5"], StyledDouble(Style::SpaceComma)),
            (&["1,37", "1.234,5", "1 234,5"], Text),
            (&["1,37", "1.5"], Text),
            (&["1,234", "5,678.9"], StyledDouble(Style::CommaPoint)),
            (&["1,234", "1,234,567", "5"], StyledInt(Style::CommaPoint)),
            (&["1.234,5", "7"], StyledDouble(Style::PointComma)),
            (&["1.234,5", "1.5"], Text),
            (&["1,5", "2.000,5"], StyledDouble(Style::PointComma)),
            (&["1,234.5", "1.234,5"], Text),
            (&["5", "2026-01-01"], Text),
            (&["+49", "5"], Text),
            (&["x"], Text),
        ] {
            assert_eq!(kind(values), expected, "{values:?}");
        }
        assert_eq!(Evidence::of(b"", true, token).kind(), Kind::Text);
        assert_eq!(Evidence::of(b"NA", true, token).kind(), Kind::Text);
        assert_eq!(Evidence::of(b"5", true, token).kind(), Kind::Int);
    }

    fn value() -> impl Strategy<Value = String> {
        prop_oneof![
            Just(String::new()),
            Just("NA".to_owned()),
            Just("true".to_owned()),
            "-?[0-9]{1,3}",
            "[1-9][0-9]{16}",
            "[0-9]\\.[0-9]{1,2}",
            "[0-9]{1,3},[0-9]{1,3}",
            "[0-3]?[0-9]/[01]?[0-9]/2026",
            "2026-0[1-9]-1[0-9]( 10:00:00Z?)?",
            "[a-c]",
        ]
    }

    proptest! {
        #[test]
        fn order_and_grouping_do_not_matter(values in vec(value(), 0..8), cut in 0usize..8, turn in 0usize..8) {
            let of = |v: &String| Evidence::of(v.as_bytes(), false, token);
            let join = |values: &[String]| values.iter().map(of).fold(Evidence::NONE, |mut a, b| { a.join(b); a });
            let whole = join(&values);
            let cut = cut.min(values.len());
            let mut right = join(&values[cut..]);
            right.join(join(&values[..cut]));
            right.join(whole);
            prop_assert_eq!(whole, right);
            let mut turned = values.clone();
            turned.rotate_left(turn % values.len().max(1));
            prop_assert_eq!(join(&turned).kind(), whole.kind());
        }

        #[test]
        fn settled_text_stays_text(values in vec(value(), 0..6), more in vec(value(), 0..6)) {
            let mut all = Evidence::NONE;
            for value in &values {
                all.join(Evidence::of(value.as_bytes(), false, token));
            }
            if all.is_settled_text() {
                for value in &more {
                    all.join(Evidence::of(value.as_bytes(), false, token));
                }
                prop_assert_eq!(all.kind(), Kind::Text);
                prop_assert!(all.is_settled_text());
            }
        }
    }
}
