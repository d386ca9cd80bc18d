//! Notations of numbers and dates: what a file proves, what earlier files proved, and what follows for each column.
//!
//! The type of a column that exists is a contract; how a file writes it is not. A file proves its notation as its first
//! one would: by all values of a column. Where those leave both decimal points, or several orders of day, month and year, what
//! earlier files of the column proved decides ([`ColumnPlan::known`](crate::ColumnPlan::known)), unless other columns
//! show that this file is written otherwise than earlier ones. Where nothing decides, only what all readings agree on is
//! taken.

use std::{borrow::Cow, fmt, str::FromStr};

use arrow::datatypes::DataType;

use crate::types::{
    Evidence, Kind,
    evidence::FileNotation,
    locale::{Groups, Style, Styles, ledger},
    temporal::{FAMILIES, Layout, Layouts},
    unit::{self, Unit, Units},
};

/// A way to write numbers, an order of day, month and year, or the unit of numbers: `1.234,5`, `%d/%m/%Y`, `unit:USD`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Notation(Inner);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Inner {
    Numbers(Style),
    Dates(Layout),
    Unit(Unit),
}

/// What a unit has before it where it is remembered.
const UNIT: &str = "unit:";

impl Notation {
    /// Numbers as programs write them.
    pub const PLAIN: Self = Self(Inner::Numbers(Style::Plain));

    /// All that are proved by values and remembered: the written form of each, and itself.
    const NAMED: [(&'static str, Inner); 21] = [
        ("1234.5", Inner::Numbers(Style::Plain)),
        ("1,234.5", Inner::Numbers(Style::CommaPoint)),
        ("1'234.5", Inner::Numbers(Style::ApostrophePoint)),
        ("1234,5", Inner::Numbers(Style::Comma)),
        ("1.234,5", Inner::Numbers(Style::PointComma)),
        ("1 234,5", Inner::Numbers(Style::SpaceComma)),
        ("%d/%m/%Y", Inner::Dates(Layout::DaySlash)),
        ("%m/%d/%Y", Inner::Dates(Layout::MonthSlash)),
        ("%d-%m-%Y", Inner::Dates(Layout::DayDash)),
        ("%m-%d-%Y", Inner::Dates(Layout::MonthDash)),
        ("%d.%m.%Y", Inner::Dates(Layout::DayDot)),
        ("%m.%d.%Y", Inner::Dates(Layout::MonthDot)),
        ("%d/%m/%y", Inner::Dates(Layout::DaySlashShort)),
        ("%m/%d/%y", Inner::Dates(Layout::MonthSlashShort)),
        ("%y/%m/%d", Inner::Dates(Layout::YearSlashShort)),
        ("%d-%m-%y", Inner::Dates(Layout::DayDashShort)),
        ("%m-%d-%y", Inner::Dates(Layout::MonthDashShort)),
        ("%y-%m-%d", Inner::Dates(Layout::YearDashShort)),
        ("%d.%m.%y", Inner::Dates(Layout::DayDotShort)),
        ("%m.%d.%y", Inner::Dates(Layout::MonthDotShort)),
        ("%y.%m.%d", Inner::Dates(Layout::YearDotShort)),
    ];

    /// That of numbers with a unit: see [`Column::unit`](crate::Column::unit).
    pub fn of_unit(unit: &str) -> Option<Self> {
        Unit::named(unit).map(|unit| Self(Inner::Unit(unit)))
    }

    fn of_kind(kind: Kind) -> Option<Self> {
        match kind {
            Kind::Measure(_, Style::Plain) => None,
            Kind::StyledInt(style) | Kind::StyledDouble(style) | Kind::Measure(_, style) => {
                Some(Self(Inner::Numbers(style)))
            }
            Kind::Date(layout) | Kind::Timestamp(layout) if Layouts::MISTAKABLE.has(layout) => {
                Some(Self(Inner::Dates(layout)))
            }
            _ => None,
        }
    }
}

impl fmt::Display for Notation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Inner::Unit(unit) = self.0 {
            return write!(f, "{UNIT}{}", unit.name());
        }
        let named = Self::NAMED.iter().find(|(_, inner)| *inner == self.0);
        f.write_str(named.map_or("1234.5", |(name, _)| name))
    }
}

impl FromStr for Notation {
    type Err = UnknownNotation;

    fn from_str(text: &str) -> Result<Self, UnknownNotation> {
        if let Some(unit) = text.strip_prefix(UNIT) {
            return Self::of_unit(unit).ok_or(UnknownNotation);
        }
        let named = Self::NAMED.iter().find(|(name, _)| *name == text);
        named.map(|(_, inner)| Self(*inner)).ok_or(UnknownNotation)
    }
}

/// What becomes of values that can be read in several ways, where nothing decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ambiguity {
    /// The column is text.
    Text,
    /// Points are read as decimal points, as programs write them, and could be between thousands.
    DecimalPoint,
    /// Values of which the readings differ do not fit.
    Misfits,
}

/// No [`Notation`] is written so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a notation such as 1.234,5, %d/%m/%Y or unit:USD")]
pub struct UnknownNotation;

/// How numbers are written, by rule.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NumberFormat {
    /// The decimal point, `.` or `,`. `None`: what `thousands` is not.
    pub decimal: Option<u8>,
    /// The separator of thousands, `,`, `.`, a blank or `'`; `Some(None)`: there is none. `None`: any that the decimal
    /// point is not.
    pub thousands: Option<Option<u8>>,
}

impl NumberFormat {
    /// The styles that it allows; `None` where it says nothing, or contradicts itself.
    pub(crate) fn styles(self) -> Option<Styles> {
        let decimal = match (self.decimal, self.thousands) {
            (Some(decimal), _) => decimal,
            (None, Some(Some(b'.'))) => b',',
            (None, Some(Some(_))) => b'.',
            (None, _) => return None,
        };
        let plain = if decimal == b'.' { Styles::PLAIN } else { Styles::of(&[Style::Comma]) };
        match self.thousands {
            None if decimal == b'.' => Some(Styles::POINT),
            None => Some(Styles::COMMA),
            Some(thousands) => Style::with(decimal, thousands).map(|style| plain.or(Styles::of(&[style]))),
        }
    }
}

/// How the values of a column are read whose type is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each answers a question of its own")]
pub(crate) struct Reading {
    /// Styles of numbers. Where they read a value as different numbers, it does not fit.
    pub(crate) styles: Styles,
    /// Layouts of dates, likewise.
    pub(crate) layouts: Layouts,
    /// Whether each value is looked at, as other columns need to know how this one is written.
    pub(crate) watch: bool,
    /// Whether what is written like an address of the internet is a number: points between thousands are known here.
    pub(crate) takes_addresses: bool,
    /// Whether nothing in quotes is null: all fields of the file are quoted.
    pub(crate) all_quoted: bool,
    /// Whether earlier files proved how numbers are written: as whole ones only are where thousands are set apart.
    pub(crate) is_grouped: bool,
    /// The unit that numbers may have, as earlier files proved.
    pub(crate) unit: Option<Unit>,
}

impl Reading {
    /// That of a column of which nothing is known.
    pub(crate) const UNKNOWN: Self = Self {
        styles: Styles::POINT.and(Styles::USUAL),
        layouts: Layouts::MISTAKABLE,
        watch: false,
        takes_addresses: false,
        all_quoted: true,
        is_grouped: false,
        unit: None,
    };

    /// Whether another reading is wanted.
    pub(crate) fn contradicts(self, wanted: Self) -> bool {
        self.styles != wanted.styles
            || self.layouts != wanted.layouts
            || self.all_quoted != wanted.all_quoted
            || wanted.watch && !self.watch
    }

    /// Whether a text is one number or one date.
    pub(crate) fn reads(self, text: &[u8]) -> bool {
        self.styles.plain(text).is_some() || self.layouts.parse(text).is_some()
    }

    /// A text that can be a number, with the minus before it. `is_whole`: the column holds whole numbers.
    pub(crate) fn number(self, text: &[u8], is_whole: bool) -> Option<Cow<'_, [u8]>> {
        if !self.takes_addresses && Groups::is_address(text) {
            return None;
        }
        if let Some((unit, number)) = unit::split(text) {
            return (self.unit == Some(unit) && !is_whole).then_some(Cow::Owned(number));
        }
        let Some(plain) = ledger(text) else { return Some(Cow::Borrowed(text)) };
        // Among whole numbers it may be a footnote or a grade: see `Evidence::kind_in`.
        let is_amount = !is_whole || self.is_grouped || plain.iter().any(|b| !matches!(b, b'0'..=b'9' | b'-'));
        is_amount.then_some(Cow::Owned(plain))
    }

    /// What is written in a text as a number is, where it has the unit of the column or none.
    pub(crate) fn bare(self, text: &[u8]) -> Cow<'_, [u8]> {
        let number = unit::split(text).filter(|(unit, _)| self.unit == Some(*unit)).map(|(_, number)| number);
        number.or_else(|| ledger(text)).map_or(Cow::Borrowed(text), Cow::Owned)
    }

    /// Whether a text has a unit which is not that of the column.
    pub(crate) fn has_another_unit(self, text: &[u8]) -> bool {
        self.unit.is_some_and(|known| unit::split(text).is_some_and(|(unit, _)| unit != known))
    }

    /// The decimal point with which a number can be parsed at once.
    pub(crate) fn decimal_point(self) -> Option<u8> {
        match (self.styles.meets(Styles::POINT), self.styles.meets(Styles::COMMA)) {
            _ if self.watch => None,
            (true, false) if self.styles.meets(Styles::PLAIN) => Some(b'.'),
            (false, true) => Some(b','),
            _ => None,
        }
    }
}

/// A column whose notation is to be found out.
#[derive(Clone, Debug)]
pub(crate) struct Subject<'a> {
    pub(crate) evidence: Evidence,
    /// The type, where it is given.
    pub(crate) declared: Option<&'a DataType>,
    /// Styles that a rule allows.
    pub(crate) allowed: Option<Styles>,
    /// What earlier files of the column proved.
    pub(crate) known: &'a [Notation],
}

/// What the columns of a file say together.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Together {
    /// For columns whose type is inferred.
    pub(crate) file: FileNotation,
    /// The decimal point that columns prove, if none proves the other.
    decimal_points: Styles,
    /// Whether a column proves what its earlier files exclude.
    changed: bool,
    /// Whether some column depends on how all others are written.
    pub(crate) watch: bool,
}

impl Together {
    /// What nobody says.
    pub(crate) const NOTHING: Self =
        Self { file: FileNotation::UNKNOWN, decimal_points: Styles::NONE, changed: false, watch: false };

    /// What these columns say together.
    pub(crate) fn of<'a>(subjects: &(impl Iterator<Item = Subject<'a>> + Clone)) -> Self {
        let proofs = || subjects.clone().filter(|subject| subject.allowed.is_none()).map(|subject| subject.proof());
        let points = proofs().filter(|proof| !proof.is_only_grouped).filter_map(|proof| proof.decimal_point);
        let seen = points.fold(Styles::NONE, Styles::or);
        let decimal_points = if seen == Styles::POINT || seen == Styles::COMMA { seen } else { Styles::NONE };
        let orders = proofs().fold(Layouts::NONE, |all, proof| all.or(proof.orders));
        let orders = FAMILIES.iter().fold(orders, |orders, family| {
            if orders.and(*family).only().is_some() { orders } else { orders.without(*family) }
        });
        let decimal_comma = decimal_points == Styles::COMMA;
        let file = FileNotation { decimal_comma, orders, ..FileNotation::UNKNOWN };
        let changed = subjects.clone().any(|subject| subject.contradicts_known());
        let mut together = Self { file, decimal_points, changed, watch: false };
        together.watch = seen.meets(Styles::COMMA)
            || subjects.clone().any(|subject| {
                subject.declared.is_some_and(holds_numbers)
                    && subject.evidence.decimal_points().is_some()
                    && together.styles(&subject).common().is_none()
            });
        together
    }

    /// The reading of a column of a given type.
    pub(crate) fn reading(self, subject: &Subject<'_>) -> Reading {
        let styles = subject.allowed.unwrap_or_else(|| self.styles(subject));
        // Values on the fast path give no evidence, and a decimal comma is evidence for other columns.
        let proof = subject.proof();
        let speaks = proof.decimal_point == Some(Styles::COMMA) && !proof.is_only_grouped;
        let is_open = self.watch && subject.evidence.spans_decimal_points() || styles.meets(Styles::COMMA) && !speaks;
        let watch = is_open && subject.allowed.is_none() && subject.declared.is_some_and(holds_numbers);
        let takes_addresses = subject.allowed.is_some() || subject.known_styles().meets(Styles::COMMA);
        Reading {
            styles,
            layouts: self.layouts(subject),
            watch,
            takes_addresses,
            all_quoted: self.file.all_quoted,
            is_grouped: !subject.known_styles().is_empty(),
            unit: subject.known_unit(),
        }
    }

    fn styles(self, subject: &Subject<'_>) -> Styles {
        const POINT: Styles = Styles::POINT.and(Styles::USUAL);
        const COMMA: Styles = Styles::COMMA.and(Styles::USUAL);
        const EITHER: Styles = POINT.or(COMMA);
        let usual = |styles: Styles| styles.and(Styles::USUAL);
        let known = subject.known_styles();
        let is_one = |styles: Styles| styles == POINT || styles == COMMA;
        let or_known = |otherwise| if known.is_empty() { otherwise } else { known };
        let Some(found) = subject.evidence.decimal_points() else { return or_known(POINT) };
        let is_settled = is_one(known) && (found.is_empty() || subject.proof().is_only_grouped && !found.meets(known));
        match (found.meets(POINT), found.meets(COMMA)) {
            _ if is_settled => known,
            // They contradict each other.
            (false, false) => EITHER,
            (true, false) => POINT,
            (false, true) => COMMA,
            (true, true) if is_one(known) && (self.decimal_points.is_empty() || !self.changed) => known,
            (true, true) if !self.decimal_points.is_empty() => usual(self.decimal_points),
            (true, true) if !known.is_empty() => known,
            // `5.000` is 5, as programs write it, or 5000; `1.234` is no whole number but as 1234.
            (true, true) if subject.declared.is_some_and(DataType::is_integer) => EITHER,
            // People write units, and may have set thousands apart.
            (true, true) if subject.known_unit().is_some() => EITHER,
            (true, true) => Styles::PLAIN,
        }
    }

    fn layouts(self, subject: &Subject<'_>) -> Layouts {
        let families = FAMILIES.into_iter().enumerate();
        families.fold(Layouts::NONE, |all, (i, family)| all.or(self.order(subject, i, family)))
    }

    /// The layouts of a family in which a column is read.
    fn order(self, subject: &Subject<'_>, i: usize, family: Layouts) -> Layouts {
        let (found, known) = (subject.evidence.layouts().and(family), subject.known_layouts().and(family));
        if !subject.evidence.uses_family(i) || found.is_empty() {
            return if known.is_empty() { family } else { known };
        }
        if found.only().is_some() {
            return found;
        }
        let possible = if known.and(found).is_empty() { found } else { known.and(found) };
        let file = self.file.order(found);
        let decided = file.only().is_some();
        if decided && (self.changed || possible.only().is_none()) { file } else { possible }
    }
}

/// What a column proves of how the file is written.
struct Proof {
    decimal_point: Option<Styles>,
    /// No number has decimals: separators between groups of three are found in addresses and telephone numbers, too,
    /// which prove nothing of other columns, or against earlier files.
    is_only_grouped: bool,
    orders: Layouts,
}

impl Subject<'_> {
    fn proof(&self) -> Proof {
        let is_text = self.declared.is_none() && (self.evidence.is_settled_text() || self.evidence.are_codes());
        let styles = self.evidence.decimal_points().filter(|_| !is_text);
        let decimal_point =
            styles.and_then(|styles| match (styles.meets(Styles::POINT), styles.meets(Styles::COMMA)) {
                (true, false) => Some(Styles::POINT),
                (false, true) => Some(Styles::COMMA),
                _ => None,
            });
        let mut orders = Layouts::NONE;
        match self.declared {
            None if is_text => {}
            None => orders = self.evidence.layouts().only().map_or(orders, |layout| Layouts::of(&[layout])),
            Some(_) => {
                let used = FAMILIES.iter().enumerate().filter(|(i, _)| self.evidence.uses_family(*i));
                let found = used.map(|(_, family)| self.evidence.layouts().and(*family));
                orders = found.filter(|found| found.only().is_some()).fold(orders, Layouts::or);
            }
        }
        let is_only_grouped = decimal_point.is_some_and(|point| !self.evidence.has_decimals(point));
        Proof { decimal_point, is_only_grouped, orders: orders.and(Layouts::MISTAKABLE) }
    }

    /// The decimal points that earlier files proved.
    fn known_styles(&self) -> Styles {
        self.known.iter().fold(Styles::NONE, |all, notation| match notation.0 {
            Inner::Numbers(style) if style.has_decimal_comma() => all.or(Styles::COMMA.and(Styles::USUAL)),
            Inner::Numbers(_) => all.or(Styles::POINT.and(Styles::USUAL)),
            Inner::Dates(_) | Inner::Unit(_) => all,
        })
    }

    fn known_layouts(&self) -> Layouts {
        self.known.iter().fold(Layouts::NONE, |all, notation| match notation.0 {
            Inner::Dates(layout) => all.or(Layouts::of(&[layout])),
            Inner::Numbers(_) | Inner::Unit(_) => all,
        })
    }

    /// The unit that earlier files proved; none where they do not agree.
    pub(crate) fn known_unit(&self) -> Option<Unit> {
        let units = self.known.iter().fold(Units::NONE, |all, notation| match notation.0 {
            Inner::Unit(unit) => all.or(Units::of(unit)),
            Inner::Dates(_) | Inner::Numbers(_) => all,
        });
        units.only()
    }

    fn contradicts_known(&self) -> bool {
        let proof = self.proof();
        let (styles, layouts) = (self.known_styles(), self.known_layouts());
        let proved = proof.decimal_point.filter(|_| !proof.is_only_grouped);
        let numbers = proved.is_some_and(|point| !styles.is_empty() && !styles.meets(point));
        let dates = FAMILIES.into_iter().any(|family| {
            let (proved, known) = (proof.orders.and(family), layouts.and(family));
            !proved.is_empty() && !known.is_empty() && proved.and(known).is_empty()
        });
        numbers || dates
    }

    /// The notation that the values prove, where earlier files did not.
    pub(crate) fn news(&self, kind: Option<Kind>) -> Option<Notation> {
        let proof = self.proof();
        let known = self.known_styles();
        let inferred = kind.and_then(Notation::of_kind);
        let is_read = |kind| kind != Kind::Text && self.declared.is_none();
        let proved = proof.decimal_point.filter(|_| !proof.is_only_grouped || kind.is_some_and(is_read));
        if let Some(point) = proved.filter(|point| !known.meets(*point)) {
            let style = if point == Styles::COMMA { Style::Comma } else { Style::Plain };
            return Some(inferred.unwrap_or(Notation(Inner::Numbers(style))));
        }
        let unknown = proof.orders.without(self.known_layouts()).iter().next();
        unknown.map(|layout| Notation(Inner::Dates(layout))).or_else(|| inferred.filter(|_| self.known.is_empty()))
    }

    /// What becomes of values that have several readings between which nothing decides, if there are any.
    pub(crate) fn ambiguity(&self, together: Together) -> Option<Ambiguity> {
        let Some(declared) = self.declared else {
            return match self.evidence.kind_in(self.allowed.unwrap_or(Styles::USUAL), together.file) {
                Kind::Text if self.evidence.is_ambiguous() => Some(Ambiguity::Text),
                Kind::Double if self.allowed.is_none() && self.evidence.spans_decimal_points() => {
                    Some(Ambiguity::DecimalPoint)
                }
                _ => None,
            };
        };
        let is_open = if holds_numbers(declared) {
            self.evidence.decimal_points().is_some() && together.styles(self).common().is_none()
        } else {
            let mut families = FAMILIES.into_iter().enumerate();
            families.any(|(i, family)| self.evidence.uses_family(i) && together.order(self, i, family).only().is_none())
        };
        (is_open && self.allowed.is_none()).then_some(Ambiguity::Misfits)
    }
}

/// Whether values of a type are numbers.
pub(crate) fn holds_numbers(data_type: &DataType) -> bool {
    data_type.is_numeric()
}
