//! Which columns hold personal data.

use std::{collections::BTreeMap, fmt, sync::Arc};

use regex::{RegexSet, RegexSetBuilder};
use serde::Serialize;

use crate::{Error, Kind, method::is_replaced};

mod check;
mod header;
mod names;
mod shape;

use check::{Checked, Phone, Ssn, Words};
use header::Meaning;
use shape::Shape;

/// The least certainty of a [`Finding`].
pub const LEAST_CERTAINTY: f64 = 0.5;

/// Weak evidence, a header and the look of the values, needs at least this share of values with that look.
const LEAST_SHARE_OF_LOOKS: f64 = 0.5;

/// The largest compiled form of a custom expression, in bytes.
const EXPRESSION_LIMIT: usize = 1 << 20;

type IsToken = Arc<dyn Fn(&str) -> bool + Send + Sync>;

/// What is to be found beyond what is always looked for, and what is to be passed over.
#[derive(Clone, Default)]
pub struct Settings {
    custom: Vec<Kind>,
    expressions: RegexSet,
    is_token: Option<IsToken>,
}

impl Settings {
    /// Settings with kinds of one's own: names, and regular expressions for the whole of a value.
    ///
    /// # Errors
    /// [`Error::InvalidExpression`].
    pub fn new(custom: &BTreeMap<String, String>) -> Result<Self, Error> {
        let whole: Vec<_> = custom.values().map(|expression| format!("^(?:{expression})$")).collect();
        for (name, expression) in custom.keys().zip(&whole) {
            let built = regex::RegexBuilder::new(expression).size_limit(EXPRESSION_LIMIT).build();
            built.map_err(|source| Error::InvalidExpression { name: name.clone(), source: Box::new(source) })?;
        }
        let expressions = RegexSetBuilder::new(&whole)
            .size_limit(EXPRESSION_LIMIT * whole.len().max(1))
            .build()
            .map_err(|source| Error::InvalidExpression { name: "(all)".to_owned(), source: Box::new(source) })?;
        Ok(Self {
            custom: custom.keys().map(|name| Kind::Custom(name.as_str().into())).collect(),
            expressions,
            is_token: None,
        })
    }

    /// Values for which `is_token` holds are tokens of a vault, and so no personal data. What the methods of this crate
    /// make is known without.
    #[must_use]
    pub fn tokens(mut self, is_token: impl Fn(&str) -> bool + Send + Sync + 'static) -> Self {
        self.is_token = Some(Arc::new(is_token));
        self
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings").field("custom", &self.custom).finish_non_exhaustive()
    }
}

/// What a [`Finding`] rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Evidence {
    /// The values prove it, whatever the header says.
    Values,
    /// The header says it, and the values look like it.
    Header,
    /// The header says it, and the values prove it.
    Both,
}

/// A column that holds personal data. No value of it is in here.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Finding {
    /// The column's name.
    pub column: String,
    /// Its position, from 0.
    pub position: usize,
    /// What it holds.
    pub kind: Kind,
    /// The share of its values, without nulls, that are of this kind; from 0 to 1.
    pub share: f64,
    /// How sure it is that those are of this kind and do not only look so; from [`LEAST_CERTAINTY`] to 1.
    pub certainty: f64,
    /// What it rests on.
    pub by: Evidence,
}

/// Counts, column by column, what the values look like. It keeps no value.
///
/// Every value is judged alone and as a whole: values can come in any order and in parts, on several threads with one
/// [`Detector::fork`] each, and the findings are the same. A personal datum inside a longer text is not seen.
#[derive(Clone, Debug)]
pub struct Detector {
    settings: Arc<Settings>,
    columns: Vec<Column>,
}

#[derive(Clone, Debug)]
struct Column {
    name: String,
    meaning: Meaning,
    counts: Counts,
}

/// Values that have the form of a kind, and those that also pass its check: of digits, or against a list of names.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    formed: u64,
    passed: u64,
}

#[derive(Clone, Debug, Default)]
struct Counts {
    values: u64,
    /// Of the kind that the header announces.
    supporting: u64,
    emails: u64,
    cards: Tally,
    ibans: Tally,
    ssns: u64,
    international_phones: u64,
    north_american_phones: u64,
    national_phones: u64,
    ipv4s: u64,
    small_ipv4s: u64,
    ipv6s: u64,
    streets: u64,
    first_names: Tally,
    full_names: Tally,
    custom: Vec<u64>,
}

impl Detector {
    /// A detector for columns of these names, which may be empty.
    pub fn new<S: AsRef<str>>(headers: impl IntoIterator<Item = S>, settings: Settings) -> Self {
        let column = |header: S| Column {
            name: header.as_ref().to_owned(),
            meaning: header::meaning(header.as_ref()),
            counts: Counts { custom: vec![0; settings.custom.len()], ..Counts::default() },
        };
        Self { columns: headers.into_iter().map(column).collect(), settings: Arc::new(settings) }
    }

    /// One for the same columns that has seen nothing yet.
    #[must_use]
    pub fn fork(&self) -> Self {
        let empty = Counts { custom: vec![0; self.settings.custom.len()], ..Counts::default() };
        let mut fork = self.clone();
        fork.columns.iter_mut().for_each(|column| column.counts = empty.clone());
        fork
    }

    /// Adds what a fork of this detector has seen.
    pub fn merge(&mut self, fork: &Self) {
        for (column, other) in self.columns.iter_mut().zip(&fork.columns) {
            column.counts.add(&other.counts);
        }
    }

    /// Values of the column at `position`. Nulls are left out or empty; what stands for null in files (`NULL`, `NA`,
    /// `N/A`, `NaN`, `\N`) counts as null. A position beyond the last column is passed over.
    pub fn observe<'a>(&mut self, position: usize, values: impl IntoIterator<Item = &'a str>) {
        let Some(column) = self.columns.get_mut(position) else { return };
        for value in values {
            column.observe(value, &self.settings);
        }
    }

    /// The columns of which at least the share `threshold` of the values, from 0 to 1, is personal data, in order; a
    /// column of several kinds once for each that its values prove.
    pub fn findings(&self, threshold: f64) -> Vec<Finding> {
        let find = |(position, column): (usize, &Column)| column.findings(position, threshold, &self.settings);
        self.columns.iter().enumerate().flat_map(find).collect()
    }
}

impl Column {
    fn observe(&mut self, value: &str, settings: &Settings) {
        let value = value.trim_ascii();
        if matches!(value, "" | "NULL" | "null" | "NA" | "N/A" | "NaN" | "\\N") {
            return;
        }
        let counts = &mut self.counts;
        counts.values += 1;
        if is_replaced(value) || settings.is_token.as_ref().is_some_and(|is_token| is_token(value)) {
            return;
        }
        if !settings.custom.is_empty() {
            settings.expressions.matches(value).iter().for_each(|i| counts.custom[i] += 1);
        }
        let Some(shape) = Shape::of(value) else { return };
        if let Meaning::Personal(kind, _) = &self.meaning
            && check::supports(kind, value, &shape)
        {
            counts.supporting += 1;
        }
        counts.judge(value, &shape);
    }

    fn findings(&self, position: usize, threshold: f64, settings: &Settings) -> Vec<Finding> {
        let counts = &self.counts;
        let ratio = |n: u64| share(n, counts.values);
        let finding = |kind: Kind, share: f64, certainty: f64, by: Evidence| Finding {
            column: self.name.clone(),
            position,
            kind,
            share,
            certainty,
            by,
        };
        let mut found = Vec::new();
        for (name, n) in settings.custom.iter().zip(&counts.custom) {
            found.push(finding(name.clone(), ratio(*n), 1.0, Evidence::Values));
        }
        let announced = match &self.meaning {
            Meaning::Personal(kind, strength) => Some((kind, *strength)),
            _ => None,
        };
        for (kind, n, mut certainty) in counts.proofs() {
            // Addresses stand under `host` and `server`, too; versions have been told apart by their numbers.
            if self.meaning == Meaning::Other && !is_checked(&kind) && kind != Kind::IpAddress {
                certainty *= 0.5;
            }
            match announced {
                Some((announced, strength)) if *announced == kind => {
                    let share = ratio(n.max(counts.supporting));
                    let both = 1.0 - (1.0 - certainty) * (1.0 - strength);
                    let by = if certainty >= LEAST_CERTAINTY { Evidence::Both } else { Evidence::Header };
                    found.push(finding(kind, share, both, by));
                }
                // The header knows better what names and lines of text are.
                Some(_) if !is_checked(&kind) => {}
                _ => found.push(finding(kind, ratio(n), certainty, Evidence::Values)),
            }
        }
        if let Some((kind, strength)) = announced
            && !found.iter().any(|f| f.kind == *kind && f.certainty >= LEAST_CERTAINTY)
        {
            let share = ratio(counts.supporting);
            if share >= LEAST_SHARE_OF_LOOKS {
                found.push(finding(kind.clone(), share, strength * share, Evidence::Header));
            }
        }
        found.retain(|f| f.share > 0.0 && f.share >= threshold && f.certainty >= LEAST_CERTAINTY);
        found.sort_by(|a, b| (b.share * b.certainty).total_cmp(&(a.share * a.certainty)));
        // Values that are of a checked kind only look like whatever else they look like.
        let best = found.first().map(|f| f.kind.clone());
        found.retain(|f| is_checked(&f.kind) || Some(&f.kind) == best.as_ref());
        found
    }
}

/// Kinds of which a value alone shows that it is one.
fn is_checked(kind: &Kind) -> bool {
    matches!(kind, Kind::Email | Kind::Iban | Kind::PaymentCard | Kind::Custom(_))
}

#[allow(clippy::cast_precision_loss)]
fn share(n: u64, of: u64) -> f64 {
    if of == 0 { 0.0 } else { n as f64 / of as f64 }
}

impl Tally {
    fn count(&mut self, checked: Checked) {
        self.formed += 1;
        self.passed += u64::from(checked.passed);
    }

    fn add(&mut self, other: Self) {
        self.formed += other.formed;
        self.passed += other.passed;
    }

    /// How much more often the check digits are right than those of arbitrary numbers, from 0 to 1.
    fn beyond_chance(self, chance: f64) -> f64 {
        let lift = (share(self.passed, self.formed) - chance) / (1.0 - chance);
        let all_by_chance = chance.powi(i32::try_from(self.passed.min(100)).unwrap_or(100));
        lift.max(0.0) * (1.0 - all_by_chance)
    }
}

impl Counts {
    fn add(&mut self, other: &Self) {
        self.values += other.values;
        self.supporting += other.supporting;
        self.emails += other.emails;
        self.cards.add(other.cards);
        self.ibans.add(other.ibans);
        self.ssns += other.ssns;
        self.international_phones += other.international_phones;
        self.north_american_phones += other.north_american_phones;
        self.national_phones += other.national_phones;
        self.ipv4s += other.ipv4s;
        self.small_ipv4s += other.small_ipv4s;
        self.ipv6s += other.ipv6s;
        self.streets += other.streets;
        self.first_names.add(other.first_names);
        self.full_names.add(other.full_names);
        self.custom.iter_mut().zip(&other.custom).for_each(|(n, other)| *n += other);
    }

    /// Counts a value as the first kind that it proves to be.
    fn judge(&mut self, value: &str, shape: &Shape) {
        if shape.ats > 0 {
            self.emails += u64::from(check::email(value));
        } else if shape.digits == 0 {
            if shape.colons > 1 {
                self.ipv6s += u64::from(check::ipv6(value, shape));
            } else {
                match check::named(value, shape) {
                    Some((Words::One, checked)) => self.first_names.count(checked),
                    Some((Words::Few, checked)) => self.full_names.count(checked),
                    None => {}
                }
            }
        } else if shape.any_letters() > 0 {
            self.judge_mixed(value, shape);
        } else {
            self.judge_number(value, shape);
        }
    }

    fn judge_mixed(&mut self, value: &str, shape: &Shape) {
        if let Some(checked) = check::iban(value, shape) {
            self.ibans.count(checked);
        } else if check::street(value, shape) {
            self.streets += 1;
        } else if check::ipv6(value, shape) {
            self.ipv6s += 1;
        } else {
            self.judge_phone(value, shape);
        }
    }

    fn judge_number(&mut self, value: &str, shape: &Shape) {
        if let Some(checked) = check::card(value, shape) {
            self.cards.count(checked);
        } else if check::ssn(value, shape) == Some(Ssn::Separated) {
            self.ssns += 1;
        } else if let Some(address) = check::ipv4(value, shape) {
            self.ipv4s += 1;
            self.small_ipv4s += u64::from(address.small);
        } else if shape.colons > 1 {
            self.ipv6s += u64::from(check::ipv6(value, shape));
        } else {
            self.judge_phone(value, shape);
        }
    }

    fn judge_phone(&mut self, value: &str, shape: &Shape) {
        match check::phone(value, shape) {
            Some(Phone::International) => self.international_phones += 1,
            Some(Phone::NorthAmerican) => self.north_american_phones += 1,
            Some(Phone::National) => self.national_phones += 1,
            Some(Phone::Bare) | None => {}
        }
    }

    /// Kinds, the number of values that prove them, and how sure that is.
    #[allow(clippy::cast_precision_loss)]
    fn proofs(&self) -> impl Iterator<Item = (Kind, u64, f64)> {
        let phones = self.international_phones + self.north_american_phones + self.national_phones;
        let phone = 0.9 * share(self.international_phones, phones)
            + 0.8 * share(self.north_american_phones, phones)
            + 0.6 * share(self.national_phones, phones);
        // One address has a chance of 1 in 4,096 to look like a version, private networks apart.
        let ips = self.ipv4s + self.ipv6s;
        let ip = 0.95 * (1.0 - share(self.small_ipv4s, ips));
        // Frequent names are about half of all names.
        let named = |names: Tally| (1.7 * share(names.passed, names.formed)).min(0.85);
        [
            (Kind::Email, self.emails, 0.99),
            (Kind::Iban, self.ibans.passed, 0.99 * self.ibans.beyond_chance(1.0 / 97.0)),
            (Kind::PaymentCard, self.cards.passed, 0.97 * self.cards.beyond_chance(0.1)),
            (Kind::UsSsn, self.ssns, 0.9),
            (Kind::Phone, phones, phone),
            (Kind::IpAddress, ips, ip),
            (Kind::Address, self.streets, 0.8),
            (Kind::FirstName, self.first_names.formed, named(self.first_names)),
            (Kind::FullName, self.full_names.formed, named(self.full_names)),
        ]
        .into_iter()
        .filter(|(_, n, _)| *n > 0)
    }
}

#[cfg(test)]
mod tests;
