//! What a column's values say about its type.
//!
//! [`Evidence`] is a set: joining is associative, commutative and idempotent, so that neither the order of rows, nor
//! how they are cut into blocks, nor who looks at them first can change what [`Evidence::kind`] makes of it.

use super::{
    boolean, float,
    float::{Decimals, Number},
    integer::MAX_SAFE,
    locale::{Groups, Style, Styles, ledger},
    temporal::{self, Layout, Layouts, Moment},
    trim,
    unit::{self, Unit, Units},
};

/// What is known of a column from some of its values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Evidence {
    /// What was seen, joined by OR.
    seen: u64,
    /// [`Style`]s in which every number can be written, joined by AND.
    styles: Styles,
    /// [`Layout`]s in which every date can be written, joined by AND.
    layouts: Layouts,
    /// [`Unit`]s of numbers, joined by OR.
    units: Units,
}

/// A value of no narrower type, or a contradiction that nothing can heal.
const TEXT: u64 = 1;
/// A null token, or blanks only: null in a column of a narrower type, text elsewhere.
const TOKEN: u64 = 1 << 1;
const BOOLEAN: u64 = 1 << 2;
/// A plain whole number.
const INT: u64 = 1 << 3;
/// A whole number beyond [`MAX_SAFE`].
const BIG: u64 = 1 << 4;
/// A plain number with a fraction or an exponent.
const FLOAT: u64 = 1 << 5;
/// A number in another style.
const STYLED: u64 = 1 << 6;
/// A date without a time.
const DATE: u64 = 1 << 7;
/// A time without a zone.
const NAIVE: u64 = 1 << 8;
/// A time with a zone.
const ZONED: u64 = 1 << 9;
/// A time on twelve hours, and one on twenty-four.
const HALF: u64 = 1 << 10;
const FULL: u64 = 1 << 11;
/// In style `i`, a number with a fraction (bit `i`), one beyond [`MAX_SAFE`] (bit `i + 8`).
const STYLED_FLOAT: u64 = 1 << 16;
const STYLED_BIG: u64 = 1 << 24;
/// A number of `i` groups of digits, one if it is below a thousand, from 1 to 4 or more (bit `i - 1`).
const GROUPS: u64 = 1 << 32;
/// Of several groups, a first one of `i` digits (bit `i - 1`).
const FIRST: u64 = 1 << 36;
/// A number below zero.
const NEGATIVE: u64 = 1 << 39;
/// A group that no byte of an address can be: it is above 255, or begins with a zero.
const BEYOND_BYTE: u64 = 1 << 40;
/// Digits, `e` or `E`, digits, without point or sign: rather a code.
const LOWER_CODE: u64 = 1 << 41;
const UPPER_CODE: u64 = 1 << 42;
/// An exponent with a point or a sign beside it.
const SCIENTIFIC: u64 = 1 << 43;
/// `-0`, which no whole number is.
const MINUS_ZERO: u64 = 1 << 44;
/// Behind a point, a single digit; several, of which the last is a zero; more than codes have. Behind a comma: the same,
/// from bit [`COMMA`] on.
const SINGLE: u64 = 1 << 46;
const PADDED: u64 = 1 << 47;
const LONG: u64 = 1 << 48;
/// Several that do not end with a zero.
const SOME: u64 = 1 << 49;
const COMMA: u32 = 4;
/// Nothing, blanks or a null token in quotes: null in a column of a narrower type where quotes tell nothing, text elsewhere.
const QUOTED: u64 = 1 << 54;
/// Some field of the file that is not empty stands without quotes.
const UNQUOTED: u64 = 1 << 55;
/// A number without a unit, that is below zero as [`ledger`] has it, and one that is written as usual.
const LEDGER: u64 = 1 << 56;
const USUAL: u64 = 1 << 57;
/// A date in one of family `i` of layouts (bit `i`), in a column that is to hold dates.
const FAMILY: u64 = 1 << 58;
/// Groups of three, or decimals.
const AMOUNT: u64 = (FIRST * 7) | ((SINGLE | PADDED | LONG | SOME) * (1 | 1 << COMMA));

const THREE_GROUPS: u64 = GROUPS << 2 | GROUPS << 3;
const SHORT: u64 = FIRST | FIRST << 1;
const NUMBER: u64 = INT | FLOAT | STYLED | MINUS_ZERO;
const TEMPORAL: u64 = DATE | NAIVE | ZONED;

/// Decimals and digits that codes have at most.
const CODE_DECIMALS: usize = 3;
const CODE_DIGITS: usize = 6;

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
    /// Doubles in a style, each with this unit.
    Measure(Unit, Style),
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

/// Notations of a file that decide where the values of a column leave several.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FileNotation {
    /// Columns prove a decimal comma, and none proves a decimal point.
    pub(crate) decimal_comma: bool,
    /// Orders of day and month that columns prove, but for those whose opposite is proved as well.
    pub(crate) orders: Layouts,
    /// Every field that is not empty stands in quotes, so that they tell nothing.
    pub(crate) all_quoted: bool,
}

impl FileNotation {
    /// No column proves any.
    pub(crate) const UNKNOWN: Self = Self { decimal_comma: false, orders: Layouts::NONE, all_quoted: true };

    /// The layouts among some that only differ in the order of day and month which the file says they have: that of
    /// other columns, or else the one of all places that write a decimal comma, where the day comes first
    /// (CLDR 48, `decimal` and `yMd` of all locales).
    pub(crate) fn order(self, layouts: Layouts) -> Layouts {
        let proved = layouts.and(self.orders);
        if proved.only().is_some() {
            return proved;
        }
        if self.decimal_comma && proved.is_empty() { layouts.and(Layouts::DAY_FIRST) } else { Layouts::NONE }
    }
}

impl Evidence {
    /// What no value says.
    pub(crate) const NONE: Self = Self { seen: 0, styles: Styles::ANY, layouts: Layouts::ANY, units: Units::NONE };
    /// What a value says that can be nothing but text.
    pub(crate) const TEXT: Self = Self { seen: TEXT, ..Self::NONE };
    /// What a null token says.
    pub(crate) const TOKEN: Self = Self { seen: TOKEN, ..Self::NONE };
    /// What nothing in quotes says.
    pub(crate) const QUOTED: Self = Self { seen: QUOTED, ..Self::NONE };
    /// What a field without quotes says of the file.
    pub(crate) const UNQUOTED: Self = Self { seen: UNQUOTED, ..Self::NONE };
    /// What a whole number beyond [`MAX_SAFE`] says.
    pub(crate) const BIG: Self = Self { seen: INT | BIG, ..Self::NONE };

    /// What a plain number says.
    pub(crate) fn of_number(text: &[u8], number: Number) -> Self {
        match number {
            Number::Int(value) if value.unsigned_abs() > MAX_SAFE => Self::BIG,
            Number::Int(_) => Self { seen: INT | form(text), ..Self::NONE },
            Number::Float(_) if text == b"-0" => Self { seen: MINUS_ZERO | NEGATIVE, ..Self::NONE },
            Number::Float(_) => Self { seen: FLOAT | form(text), styles: Styles::reading(text), ..Self::NONE },
        }
    }

    /// What a number says that is known to be written in the style of its column: how its digits are arranged.
    pub(crate) fn of_form(text: &[u8]) -> Self {
        Self { seen: form(text), ..Self::NONE }
    }

    /// What a date or time says that is written in `layout`, at least; in which others it could be written as well is
    /// left out.
    pub(crate) fn of_moment(moment: Moment, layout: Layout) -> Self {
        let seen = match moment.time {
            None => DATE,
            Some(time) => (if time.zone.is_some() { ZONED } else { NAIVE }) | (if time.half_day { HALF } else { FULL }),
        };
        Self { seen, layouts: Layouts::of(&[layout]), ..Self::NONE }
    }

    /// What a value says of how the numbers of a column are written that is to hold numbers: whether its decimal point
    /// is a point or a comma. What is no number says nothing.
    pub(crate) fn of_decimal_point(text: &[u8]) -> Self {
        let styles = Styles::reading(text).and(Styles::USUAL);
        if styles.is_empty() || styles == Styles::USUAL {
            return Self::NONE;
        }
        let family = |family: Styles| if styles.meets(family) { family } else { Styles::NONE };
        let decimals = |family: Styles, style: Style| {
            let has_decimals = styles.and(family).plain(text).is_some_and(|plain| plain.contains(&b'.'));
            if has_decimals { STYLED_FLOAT << style as u32 } else { 0 }
        };
        let decimals = decimals(Styles::COMMA, Style::Comma) | decimals(Styles::POINT, Style::Plain);
        Self { seen: STYLED | decimals, styles: family(Styles::POINT).or(family(Styles::COMMA)), ..Self::NONE }
    }

    /// What a value says of how the dates of a column are written that is to hold dates: whether the day, the month
    /// or the year comes first, where it is written in one of [`temporal::FAMILIES`]. What is no such date says nothing.
    pub(crate) fn of_order(text: &[u8]) -> Self {
        let Some((i, family)) = temporal::family(text) else { return Self::NONE };
        let (mut reads, mut moments) = (Layouts::NONE, Vec::new());
        for layout in family.iter() {
            if let Some(moment) = temporal::parse(text, layout) {
                reads = reads.or(Layouts::of(&[layout]));
                moments.push(moment);
            }
        }
        if reads.is_empty() || reads == family && moments.iter().all(|moment| *moment == moments[0]) {
            return Self::NONE;
        }
        Self { seen: FAMILY << i, layouts: Layouts::ANY.without(family.without(reads)), ..Self::NONE }
    }

    /// Adds what other values say.
    pub(crate) fn join(&mut self, other: Self) {
        self.seen |= other.seen;
        self.styles = self.styles.and(other.styles);
        self.layouts = self.layouts.and(other.layouts);
        self.units = self.units.or(other.units);
    }

    /// What one value says. `quoted`: it stood in quotes, which have been taken off.
    pub(crate) fn of(value: &[u8], quoted: bool, is_token: impl Fn(&[u8]) -> bool) -> Self {
        if value.is_empty() && !quoted {
            return Self::NONE;
        }
        let nothing = Self::of_nothing(value, quoted, is_token);
        if nothing != Self::NONE {
            return nothing;
        }
        let text = trim(value);
        if let Some((unit, number)) = unit::split(text) {
            return Self::of_measure(unit, &number);
        }
        if let Some(plain) = ledger(text) {
            return Self::of_text(&plain).of_number_with(LEDGER).unwrap_or(Self::TEXT);
        }
        let evidence = Self::of_text(text);
        evidence.of_number_with(USUAL).unwrap_or(evidence)
    }

    /// The same with more said of it, if it is that of a number.
    fn of_number_with(self, more: u64) -> Option<Self> {
        self.has(NUMBER).then_some(Self { seen: self.seen | more, ..self })
    }

    /// What a number with a unit says.
    pub(crate) fn of_measure(unit: Unit, number: &[u8]) -> Self {
        let evidence = Self::of_text(number);
        if evidence.has(NUMBER) { Self { units: Units::of(unit), ..evidence } } else { Self::TEXT }
    }

    fn of_text(text: &[u8]) -> Self {
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
            Some(number) => Self::of_number(text, number),
            None => Self::of_temporal(text).or_else(|| Self::of_styled(text)).unwrap_or(Self::TEXT),
        }
    }

    /// What a number says that a [`ledger`] has in a column of numbers.
    pub(crate) fn of_ledger(of_plain: Self) -> Self {
        Self { seen: of_plain.seen | LEDGER, ..of_plain }
    }

    /// What a value says that stands for nothing: [`TOKEN`](Self::TOKEN), or [`QUOTED`](Self::QUOTED) where it is only
    /// null if quotes tell nothing. What does not stand for nothing says nothing of it.
    pub(crate) fn of_nothing(value: &[u8], quoted: bool, is_token: impl Fn(&[u8]) -> bool) -> Self {
        let text = trim(value);
        match quoted {
            true if value.is_empty() && is_token(value) => Self::TOKEN,
            true if text.is_empty() || is_token(text) => Self::QUOTED,
            false if text.is_empty() || is_token(text) => Self::TOKEN,
            _ => Self::NONE,
        }
    }

    fn of_styled(text: &[u8]) -> Option<Self> {
        let mut evidence = Self { seen: STYLED | form(text), styles: Styles::NONE, ..Self::NONE };
        for style in Styles::reading(text).grouped() {
            let Some(number) = style.parse(text) else { continue };
            let i = style as u32;
            evidence.styles = evidence.styles.or(Styles::of(&[style]));
            match number {
                Number::Float(_) => evidence.seen |= STYLED_FLOAT << i,
                Number::Int(value) if value.unsigned_abs() > MAX_SAFE => evidence.seen |= STYLED_BIG << i,
                Number::Int(_) => {}
            }
        }
        (!evidence.styles.is_empty()).then_some(evidence)
    }

    fn of_temporal(text: &[u8]) -> Option<Self> {
        // The shortest is `1/1/26`, the longest `September 30, 2026 11:59:59.000000000 PM` and a few zeros more.
        if !(6..=48).contains(&text.len()) {
            return None;
        }
        let mut evidence = Self { layouts: Layouts::NONE, ..Self::NONE };
        for layout in Layout::ALL {
            if let Some(moment) = temporal::parse(text, layout) {
                let one = Self::of_moment(moment, layout);
                evidence.seen |= one.seen;
                evidence.layouts = evidence.layouts.or(one.layouts);
            }
        }
        (!evidence.layouts.is_empty()).then_some(evidence)
    }

    fn has(self, bits: u64) -> bool {
        self.seen & bits != 0
    }

    /// Whether the column is text whatever else it holds.
    pub(crate) fn is_settled_text(self) -> bool {
        let families = u32::from(self.has(BOOLEAN)) + u32::from(self.has(NUMBER)) + u32::from(self.has(TEMPORAL));
        self.has(TEXT)
            || families > 1
            || self.has(NUMBER) && self.styles.is_empty()
            || self.has(BIG) && self.has(FLOAT) && !self.styles.meets(Styles::COMMA)
            || self.has(TEMPORAL) && self.layouts.is_empty()
            || self.has(ZONED) && self.has(NAIVE | DATE)
            || self.has(HALF) && self.has(FULL)
            || !self.units.is_empty() && (self.units.only().is_none() || self.has(USUAL | LEDGER))
    }

    /// How the column is read if there are no other values, and no other columns.
    pub(crate) fn kind(self) -> Kind {
        self.kind_in(Styles::USUAL, FileNotation::UNKNOWN)
    }

    /// How the column is read if there are no other values, its numbers are in one of these styles, and the file is
    /// written like this.
    pub(crate) fn kind_in(self, allowed: Styles, file: FileNotation) -> Kind {
        // Numbers in parentheses count footnotes, too, or are uncertain, and `2-` is a grade.
        let is_no_ledger = self.has(LEDGER) && !(self.has(USUAL) && self.has(AMOUNT));
        if self.is_settled_text() || self.has(QUOTED) && !file.all_quoted || is_no_ledger {
            Kind::Text
        } else if let Some(unit) = self.units.only() {
            self.measure(unit, allowed, file)
        } else if self.has(STYLED | FLOAT | MINUS_ZERO) {
            self.number(allowed, file)
        } else if self.has(INT) {
            Kind::Int
        } else if self.has(BOOLEAN) {
            Kind::Boolean
        } else if self.has(TEMPORAL) {
            let layout = self.layouts.only().or_else(|| file.order(self.layouts).only());
            match layout {
                None => Kind::Text,
                Some(layout) if self.has(NAIVE | ZONED) => Kind::Timestamp(layout),
                Some(layout) => Kind::Date(layout),
            }
        } else if self.has(TOKEN | QUOTED) {
            Kind::Text
        } else {
            Kind::Null
        }
    }

    /// Numbers with a unit: see the [module](super).
    fn measure(self, unit: Unit, allowed: Styles, file: FileNotation) -> Kind {
        let styles = self.styles.and(allowed);
        let (point, comma) = (styles.and(Styles::POINT), styles.and(Styles::COMMA));
        let family = match (point.is_empty(), comma.is_empty()) {
            (false, false) if file.decimal_comma => comma,
            (false, false) if !self.has(FLOAT | STYLED) => point,
            (false, false) | (true, true) => return Kind::Text,
            (false, true) => point,
            (true, false) => comma,
        };
        let Some(style) = family.common() else { return Kind::Text };
        let i = if style == Style::Comma { Style::PointComma } else { style } as u32;
        if !self.are_unnamed() && !self.has(BIG | STYLED_BIG << i) { Kind::Measure(unit, style) } else { Kind::Text }
    }

    fn number(self, allowed: Styles, file: FileNotation) -> Kind {
        let styles = self.styles.and(allowed);
        let (point, comma) = (styles.and(Styles::POINT), styles.and(Styles::COMMA));
        let family = match (point.is_empty(), comma.is_empty()) {
            (false, false) if file.decimal_comma => comma,
            // Programs write numbers so, and people who do not would set thousands apart in some other value.
            (false, false) if point.meets(Styles::PLAIN) => point,
            (false, false) | (true, true) => return Kind::Text,
            (false, true) => point,
            (true, false) => comma,
        };
        let Some(style) = family.common() else { return Kind::Text };
        let i = if style == Style::Comma { Style::PointComma } else { style } as u32;
        let float = MINUS_ZERO | if style.has_decimal_comma() { 0 } else { FLOAT };
        let fraction = self.has(STYLED_FLOAT << i | float);
        let big = self.has(BIG | STYLED_BIG << i);
        let is_taken = if fraction {
            !big && !self.has_codes() && !self.are_versions(style.has_decimal_comma())
        } else {
            style == Style::Plain || allowed.names_thousands() || self.is_quantity(style, file)
        };
        match (fraction, style) {
            _ if !is_taken => Kind::Text,
            (true, Style::Plain) => Kind::Double,
            (false, Style::Plain) => Kind::Int,
            (true, style) => Kind::StyledDouble(style),
            (false, style) => Kind::StyledInt(style),
        }
    }

    /// Whether whole numbers in groups of three are numbers, and not telephone numbers, articles, addresses or lists of
    /// codes: see the [module](super).
    fn is_quantity(self, style: Style, file: FileNotation) -> bool {
        let has_points = style == Style::PointComma;
        if self.has(THREE_GROUPS) && has_points && !self.has(BEYOND_BYTE) {
            return false;
        }
        let lengths = ((self.seen / FIRST) & 7).count_ones();
        let counts = ((self.seen / GROUPS) & 15).count_ones();
        let of_all_sizes = self.has(SHORT) && (counts > 1 || lengths == 3);
        let of_two = !self.has(THREE_GROUPS) && (self.has(FIRST) || lengths > 1 || has_points && file.decimal_comma);
        self.has(NEGATIVE) || of_all_sizes || of_two
    }

    /// Whether numbers with an exponent are codes: see the [module](super).
    fn has_codes(self) -> bool {
        let decimals = SINGLE | PADDED | SOME;
        let is_proved = |code| self.has(SCIENTIFIC) || code == LOWER_CODE && self.has(decimals);
        [LOWER_CODE, UPPER_CODE].into_iter().any(|code| self.has(code) && !is_proved(code))
    }

    /// Whether numbers with decimals are versions and other codes, of which each zero counts: see the [module](super).
    fn are_versions(self, has_decimal_comma: bool) -> bool {
        let seen = self.decimals(has_decimal_comma);
        seen & (SINGLE | PADDED) == SINGLE | PADDED && seen & LONG == 0 && !self.has(NEGATIVE)
    }

    /// Whether all its numbers are codes with a point or an exponent, so that they do not tell how numbers are written.
    pub(crate) fn are_codes(self) -> bool {
        if self.has_unit() {
            return self.are_unnamed();
        }
        self.has_codes() || self.are_versions(false) && !self.styles.meets(Styles::COMMA)
    }

    /// Whether the code of a currency may be another one, as no number with it is one of money.
    fn are_unnamed(self) -> bool {
        self.units.only().is_some_and(Unit::is_code) && !self.has(AMOUNT)
    }

    /// What is known of the digits behind the decimal point.
    fn decimals(self, has_decimal_comma: bool) -> u64 {
        if has_decimal_comma { self.seen >> COMMA } else { self.seen }
    }

    /// Which numbers have to be looked at closely, where the decimal point is this one, as one that is a version makes
    /// all of them versions.
    pub(crate) fn closely(self, has_decimal_comma: bool) -> Decimals {
        let seen = self.decimals(has_decimal_comma);
        if seen & LONG != 0 || self.has(NEGATIVE) {
            Decimals::None
        } else if seen & PADDED != 0 {
            Decimals::Single
        } else {
            Decimals::Padded
        }
    }

    /// Whether it can be nothing but addresses of the internet.
    fn is_addresses(self) -> bool {
        self.has(GROUPS << 3)
            && !self.has(BEYOND_BYTE)
            && self.styles.and(Styles::USUAL) == Styles::of(&[Style::PointComma])
    }

    /// Whether its numbers leave both decimal points open, or could: values that were only parsed have no say.
    pub(crate) fn spans_decimal_points(self) -> bool {
        let styles = self.styles.and(Styles::USUAL);
        styles.meets(Styles::POINT) && styles.meets(Styles::COMMA)
    }

    /// The decimal points that its numbers leave open; `None` where none of them says anything.
    pub(crate) fn decimal_points(self) -> Option<Styles> {
        self.has(FLOAT | STYLED).then(|| self.styles.and(Styles::USUAL))
    }

    /// Whether a number has decimals behind the decimal point of one of these styles.
    pub(crate) fn has_decimals(self, family: Styles) -> bool {
        let plain = family.meets(Styles::PLAIN) && self.has(FLOAT | STYLED_FLOAT << Style::Plain as u32);
        plain || family.grouped().any(|style| self.has(STYLED_FLOAT << style as u32))
    }

    /// The orders of day and month that its dates leave open.
    pub(crate) fn layouts(self) -> Layouts {
        self.layouts
    }

    /// Whether there are dates in one of the layouts of a family, in a column that is to hold dates.
    pub(crate) fn uses_family(self, i: usize) -> bool {
        self.has(FAMILY << i)
    }

    /// Whether it is text for now, but only because its values can be read in several ways.
    pub(crate) fn is_ambiguous(self) -> bool {
        let is_open = self.kind() == Kind::Text && !self.is_settled_text();
        is_open && self.has(NUMBER | TEMPORAL) && !self.is_addresses() && !self.has_codes() && !self.are_unnamed()
    }

    /// Whether it has a unit.
    pub(crate) fn has_unit(self) -> bool {
        !self.units.is_empty()
    }

    /// Whether its type depends on whether all fields of the file are quoted.
    pub(crate) fn depends_on_quotes(self) -> bool {
        self.has(QUOTED) && self.has(BOOLEAN | NUMBER | TEMPORAL) && !self.is_settled_text()
    }

    /// Whether nothing stands in quotes in it.
    pub(crate) fn has_quoted_nothing(self) -> bool {
        self.has(QUOTED)
    }

    /// Whether the file has a field without quotes.
    pub(crate) fn is_unquoted(self) -> bool {
        self.has(UNQUOTED)
    }

    /// How its times are written.
    pub(crate) fn times(self) -> Times {
        if self.has(HALF) {
            Times::HalfDay
        } else if self.has(ZONED) {
            Times::Zoned
        } else {
            Times::Plain
        }
    }
}

/// What the arrangement of a number's characters says.
fn form(text: &[u8]) -> u64 {
    let sign = if text.first() == Some(&b'-') { NEGATIVE } else { 0 };
    let Some(exponent) = text.iter().position(|b| matches!(b, b'e' | b'E')) else {
        return sign | groups(text) | decimals(text);
    };
    let has_marks = text.iter().any(|b| matches!(b, b'.' | b'-' | b'+'));
    sign | match text[exponent] {
        _ if has_marks => SCIENTIFIC,
        b'e' => LOWER_CODE,
        _ => UPPER_CODE,
    }
}

/// What the digits behind the last point or comma say.
fn decimals(text: &[u8]) -> u64 {
    let Some(point) = text.iter().rposition(|b| matches!(b, b'.' | b',')) else { return 0 };
    let count = text.iter().filter(|b| b.is_ascii_digit()).count();
    let seen = match &text[point + 1..] {
        [] => 0,
        [_] => SINGLE,
        [.., b'0'] => PADDED,
        _ => SOME,
    };
    let is_long = text.len() - point - 1 > CODE_DECIMALS || count > CODE_DIGITS;
    let seen = seen | if is_long { LONG } else { 0 };
    if text[point] == b',' { seen << COMMA } else { seen }
}

/// What the digits of a number say, that are in groups, or few enough to be one.
fn groups(text: &[u8]) -> u64 {
    let Some(groups) = Groups::of(text) else { return 0 };
    let count = GROUPS << (groups.count.min(4) - 1);
    let first = if groups.count > 1 { FIRST << (groups.first - 1) } else { 0 };
    let byte = if groups.are_bytes { 0 } else { BEYOND_BYTE };
    count | first | byte
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
            (&["25/11/63", "29/10/63", "5/11/63"], Date(Layout::DaySlashShort)),
            (&["3/30/12", "4/11/12"], Date(Layout::MonthSlashShort)),
            (&["14.05.98"], Date(Layout::DayDotShort)),
            (&["98-05-14", "NA", "01-12-01"], Date(Layout::YearDashShort)),
            (&["1/15/24 10:30", "1/2/24"], Timestamp(Layout::MonthSlashShort)),
            (&["01/02/03", "04/05/06"], Text),
            (&["25/11/63", "11/25/63"], Text),
            (&["25/11/63", "25/11/1963"], Text),
            (&["25/11/63", "25-11-63"], Text),
            (&["3.13.10", "3.12.11"], Text),
            (&["20.10.12", "20.10.21"], Text),
            (&["20-45-67", "20-11-12"], Text),
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
            (&["1.234,5", "1.234"], StyledDouble(Style::PointComma)),
            (&["1.234", "1.500"], Double),
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

    #[test]
    fn groups_of_three_are_numbers_where_they_have_the_sizes_of_numbers() {
        use Style::{ApostrophePoint, CommaPoint, PointComma, SpaceComma};
        for (values, expected) in [
            (&["39,538,223", "576,851", "8,715,698", "950", "12,003"][..], Some(CommaPoint)),
            (&["1.234.567", "12.345", "999"], Some(PointComma)),
            (&["1'234'567", "12'345"], Some(ApostrophePoint)),
            (&["1 234", "950"], Some(SpaceComma)),
            (&["12 345", "123 456"], Some(SpaceComma)),
            (&["1 234 567", "12 345 678", "123 456 789"], Some(SpaceComma)),
            (&["-600 100 201", "600 100 302"], Some(SpaceComma)),
            (&["600 100 201", "600 100 302", "-5"], Some(SpaceComma)),
            (&["1.000.000", "250.000", "10.000.000"], Some(PointComma)),
            (&["192.168.178.101", "192.168.178.120"], None),
            (&["10.100.200", "192.168.100", "10.100"], None),
            (&["1.100.200", "10.100.200", "192.168.100"], None),
            (&["600 100 201", "700 100 403"], None),
            (&["12 100 201", "600 100 302"], None),
            (&["123\u{a0}123\u{a0}123"], None),
            (&["600 100", "601 200"], None),
            (&["1.234.567", "2.345.678"], None),
            (&["100'200'300", "200'300'400"], None),
            (&["200,404,500", "200,301", "200"], None),
            (&["200,404,500", "1000"], None),
        ] {
            assert_eq!(kind(values), expected.map_or(Kind::Text, Kind::StyledInt), "{values:?}");
        }
        let all = |values: &[&str]| {
            values.iter().fold(Evidence::NONE, |mut all, value| {
                all.join(Evidence::of(value.as_bytes(), false, token));
                all
            })
        };
        assert!(all(&["1.234.567"]).is_ambiguous());
        assert!(!all(&["192.168.178.101"]).is_ambiguous());
        // Where a rule says what stands between thousands, no more is to be proved.
        let rule = Styles::of(&[Style::Comma, PointComma]);
        let kind = all(&["1.234.567"]).kind_in(rule, FileNotation::UNKNOWN);
        assert_eq!(kind, Kind::StyledInt(PointComma));
        // A file with decimal commas tells what a single point is, but not that articles are numbers.
        let file = FileNotation { decimal_comma: true, ..FileNotation::UNKNOWN };
        assert_eq!(all(&["1.500", "2.250"]).kind_in(Styles::USUAL, file), Kind::StyledInt(PointComma));
        assert_eq!(all(&["1.234.500", "2.345.250"]).kind_in(Styles::USUAL, file), Kind::Text);
        assert_eq!(all(&["601 123", "602 234"]).kind_in(Styles::USUAL, file), Kind::Text);
    }

    #[test]
    fn codes_with_an_exponent_are_text_unless_the_column_is_scientific() {
        use Kind::{Double, Text};
        for (values, expected) in [
            (&["6E171", "12E5"][..], Text),
            (&["1e5", "3"], Text),
            (&["1E5", "3.5"], Text),
            (&["1e3", "1012.5"], Double),
            (&["1.5E5", "1E5"], Double),
            (&["1E5", "1e-5"], Double),
            (&["1E+05", "3E5"], Double),
            (&["-1e5", "1e5"], Double),
            (&["2.5e3"], Double),
        ] {
            assert_eq!(kind(values), expected, "{values:?}");
        }
    }

    #[test]
    fn versions_are_text_and_measurements_are_not() {
        use Kind::{Double, StyledDouble, Text};
        for (values, expected) in [
            (&["3.1", "3.10"][..], Text),
            (&["2.9", "2.10", "2.11"], Text),
            (&["250.0", "250.00", "401.9"], Text),
            (&["100.1", "100.20"], Text),
            (&["1.1", "1.160"], Text),
            (&["100.1", "100.100"], Text),
            (&["4445.207", "4453.60", "63153.6"], Double),
            (&["3,1", "3,10"], Text),
            // Typed by hand, or a version: nobody can tell.
            (&["1.5", "2.50"], Text),
            (&["1.50", "2.00", "3.25", "10.10"], Double),
            (&["0.1", "0.25", "0.125"], Double),
            (&["10.0", "9.5", "100.0"], Double),
            (&["1", "1.5", "2.25"], Double),
            (&["1", "2.50"], Double),
            (&["0.0080", "0.018", "0.1"], Double),
            (&["-0.10", "0.5"], Double),
            (&["196.43", "420.996", "589.230"], Double),
            (&["1,50", "2,00", "1.234,25"], StyledDouble(Style::PointComma)),
            (&["1,234.5", "2.25"], StyledDouble(Style::CommaPoint)),
        ] {
            assert_eq!(kind(values), expected, "{values:?}");
        }
    }

    #[test]
    fn what_a_ledger_has_below_zero_is_a_number_among_amounts() {
        use Kind::{Double, StyledDouble, StyledInt, Text};
        for (values, expected) in [
            (&["1.50", "(5.00)", "( 2.25 )"][..], Double),
            (&["1,234.50", "(5.00)", "(1,500.25)"], StyledDouble(Style::CommaPoint)),
            (&["1.234,56-", "99,00", "12.000,00 -"], StyledDouble(Style::PointComma)),
            (&["1,234,567", "(12,345)", "(5)"], StyledInt(Style::CommaPoint)),
            (&["0.5", "(0)", "0-"], Double),
            (&["1.5", "(3)", "2-"], Double),
            (&["1", "(3)"], Text),
            (&["1", "2-"], Text),
            (&["(1.5)", "(2.5)"], Text),
            (&["1.5", "(-2.5)"], Text),
            (&["1.5", "-2.5-"], Text),
            (&["1.5", "((2.5))"], Text),
            (&["1.5", "(2026-01-01)"], Text),
            (&["1.5", "(1e5)"], Text),
            (&["1.5", "()"], Text),
            (&["2026-01-01", "(5.00)"], Text),
        ] {
            assert_eq!(kind(values), expected, "{values:?}");
        }
    }

    #[test]
    fn numbers_that_all_have_the_same_unit_are_doubles() {
        let measure = |unit: &str, style: Style| Kind::Measure(Unit::named(unit).unwrap(), style);
        for (values, unit, style) in [
            (&["$1,234.50", "$987.65", "$0.00"][..], "$", Style::CommaPoint),
            (&["12,50 €", "1.234,50 €", "-3,00 €"], "€", Style::PointComma),
            (&["12,50 €", "NA", "", "NULL"], "€", Style::Comma),
            (&["£3", "£4"], "£", Style::Plain),
            (&["12 %", "5%"], "%", Style::Plain),
            (&["0.1%", "0.10%"], "%", Style::Plain),
            (&["USD 12.50", "USD 3"], "USD", Style::Plain),
            (&["12.50 EUR", "7 EUR"], "EUR", Style::Plain),
            (&["$5.00", "-$5.00", "$-5.00", "($5.00)"], "$", Style::Plain),
            (&["($5.00)"], "$", Style::Plain),
            (&["$1,234,567", "$2,345,678"], "$", Style::CommaPoint),
            (&["1 234 567 €", "2 345 678 €"], "€", Style::SpaceComma),
            (&["€ 1.234.567", "€ 1.234"], "€", Style::PointComma),
            (&["$1234567.891", "$1.5"], "$", Style::Plain),
        ] {
            assert_eq!(kind(values), measure(unit, style), "{values:?}");
        }
        for values in [
            &["$5", "€5"][..],
            &["$5", "5"],
            &["$5", "(5.00)"],
            &["5.00-", "1.50", "5 %"],
            &["5 %", "x"],
            &["5 %", "true"],
            &["5 %", "2026-01-01"],
            &["5m", "10m"],
            &["10 kg"],
            &["5°"],
            &["CAD 101", "CAD 102"],
            &["CAD101.50"],
            &["%20", "%41"],
            &["$007"],
            &["$9007199254740993"],
            &["$1e5"],
            &["$1,5", "$1.5"],
            // A thousand, or a little more than one.
            &["$1,234", "$500"],
            &["1.234 €", "5 €"],
            &["2026-01-01 €"],
            &["USD 5.00", "$5.00"],
        ] {
            assert_eq!(kind(values), Kind::Text, "{values:?}");
        }
        let all = |values: &[&str]| {
            values.iter().fold(Evidence::NONE, |mut all, value| {
                all.join(Evidence::of(value.as_bytes(), false, token));
                all
            })
        };
        let ambiguous =
            [&["$1,234", "$500"][..], &["1.234 €"], &["$5", "5"], &["CAD 101"]].map(|of| all(of).is_ambiguous());
        assert_eq!(ambiguous, [true, true, false, false]);
        let file = FileNotation { decimal_comma: true, ..FileNotation::UNKNOWN };
        assert_eq!(all(&["1.234 €", "5 €"]).kind_in(Styles::USUAL, file), measure("€", Style::PointComma));
    }

    #[test]
    fn a_zero_with_a_minus_is_a_double() {
        assert_eq!(kind(&["-0", "5"]), Kind::Double);
        assert_eq!(kind(&["-0", "9007199254740993"]), Kind::Text);
        assert_eq!(kind(&["-0", "1.234.567"]), Kind::StyledDouble(Style::PointComma));
        assert_eq!(kind(&["-00", "5"]), Kind::Text);
    }

    fn value() -> impl Strategy<Value = String> {
        prop_oneof![
            Just(String::new()),
            Just("NA".to_owned()),
            Just("true".to_owned()),
            "-?[0-9]{1,3}",
            "[1-9][0-9]{16}",
            "-?[0-9]\\.[0-9]{1,4}",
            "[1-9]{1,2}[eE][+-]?[0-9]",
            Just("-0".to_owned()),
            "\\([1-9](\\.[0-9])?\\)|[1-9](,[0-9]{2})?-",
            "[0-9]{1,3},[0-9]{1,3}",
            "[1-9][0-9]{0,2}(\\.[0-9]{3}){1,3}",
            "[0-3]?[0-9]/[01]?[0-9]/(2026|24|11)",
            "2026-0[1-9]-1[0-9]( 10:00:00Z?)?",
            "-?\\$[0-9](\\.[0-9]{2})?|\\(\\$5\\)|[0-9](,[0-9]{3})? [%€]|USD [0-9](\\.5)?",
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
