use std::{
    collections::{BTreeMap, BTreeSet},
    fmt, mem,
    sync::{Mutex, PoisonError},
};

use serde::{Deserialize, Serialize};

/// Warnings that a report lists.
const LISTED: usize = 50;
/// Bytes of a warning's message in a report.
const MESSAGE: usize = 500;
/// Bytes of the name of its column there, which is what Glue allows.
const COLUMN: usize = 255;

/// Something that a person should know of a conversion that succeeded. Holds names and numbers, never a value from the
/// file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Warning {
    /// The kind, which is stable: to count by, and to filter for.
    pub kind: WarningKind,
    /// The column of the table, or the partition key, where it is about one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub column: Option<String>,
    /// What was found, and what to do.
    pub message: String,
}

impl Warning {
    /// A warning about a file as a whole.
    pub fn new(kind: WarningKind, message: impl Into<String>) -> Self {
        Self { kind, column: None, message: message.into() }
    }

    /// A warning about one column.
    pub fn of_column(kind: WarningKind, column: impl Into<String>, message: impl Into<String>) -> Self {
        Self { kind, column: Some(column.into()), message: message.into() }
    }

    /// The message, and the column that it is about.
    pub fn finding(&self) -> String {
        match &self.column {
            Some(column) => format!("column {column}: {}", self.message),
            None => self.message.clone(),
        }
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind, self.finding())
    }
}

/// Kinds of [`Warning`]. The names are stable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum WarningKind {
    /// A column is written in another notation than in earlier files.
    NotationChanged,
    /// A column may be read in several notations, and neither the file nor earlier files prove one.
    AmbiguousNotation,
    /// Rows have partition values that partition projection does not list, so that no query finds them.
    ProjectionMiss,
    /// The rules name a column that neither the file nor the table has.
    AbsentColumn,
    /// Two columns share a name, and one of them has another name in the table.
    NamesMet,
    /// Columns of the table are of types that some engines cannot read from older files by path.
    WidenedByPath,
}

impl WarningKind {
    /// What a person can do about warnings of this kind.
    pub fn advice(self) -> &'static str {
        match self {
            Self::NotationChanged => {
                "Ask the sender what changed, and compare a few values with the file. Where the column has always been \
                 written in one way, declare it in lake.toml."
            }
            Self::AmbiguousNotation => {
                "Declare in lake.toml how the column is written, such as by its date_format. A column that is a string \
                 already stays one: to have it typed, drop the table and upload its files again."
            }
            Self::ProjectionMiss => {
                "Widen `values` or `range` of the key in the dataset's projection, so that queries find the rows. They are \
                 in the table, and counted."
            }
            Self::AbsentColumn => {
                "Correct the name in lake.toml, or remove the rule. Where the column should have come, ask the sender: a \
                 missing column is null in the table."
            }
            Self::NamesMet => "Rename one of the columns in lake.toml, so that each has a name that says what it is.",
            Self::WidenedByPath => {
                "Read the table through the catalog, or convert the older files again before anything reads all of them by \
                 path."
            }
        }
    }
}

impl fmt::Display for WarningKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// Collects warnings, each once, from code that has no place to return them from.
#[derive(Debug, Default)]
pub(crate) struct Warnings(Mutex<BTreeSet<Warning>>);

impl Warnings {
    pub(crate) fn add(&self, warning: Warning) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(warning);
    }

    /// Those that were collected; none are left.
    pub(crate) fn take(&self) -> BTreeSet<Warning> {
        mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// So many of them as a report lists, and how many there are of each kind.
///
/// Each kind has the same share of the list, and where that is not enough, one warning more, that says how many are left
/// out: many of one kind hide none of another.
pub(crate) fn bounded(all: Vec<Warning>) -> (Vec<Warning>, BTreeMap<WarningKind, u64>) {
    let mut kinds: BTreeMap<WarningKind, BTreeSet<Warning>> = BTreeMap::new();
    for warning in all {
        kinds.entry(warning.kind).or_default().insert(warning);
    }
    let share = LISTED / kinds.len().max(1);
    let counts = kinds.iter().map(|(kind, of_kind)| (*kind, of_kind.len() as u64)).collect();
    let listed = kinds.into_iter().flat_map(|(kind, of_kind)| share_of(kind, of_kind, share));
    (listed.collect(), counts)
}

fn share_of(kind: WarningKind, of_kind: BTreeSet<Warning>, share: usize) -> impl Iterator<Item = Warning> {
    let left_out = of_kind.len().saturating_sub(share);
    let rest = (left_out > 0).then(|| Warning::new(kind, format!("{left_out} more warnings of this kind")));
    of_kind.into_iter().take(share).map(shortened).chain(rest)
}

fn shortened(warning: Warning) -> Warning {
    Warning {
        column: warning.column.map(|column| cut(column, COLUMN)),
        message: cut(warning.message, MESSAGE),
        ..warning
    }
}

/// At most so many bytes of a text, with a mark where it goes on.
fn cut(mut text: String, most: usize) -> String {
    const MARK: char = '…';
    if text.len() > most {
        text.truncate(text.floor_char_boundary(most - MARK.len_utf8()));
        text.push(MARK);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [WarningKind; 6] = [
        WarningKind::NotationChanged,
        WarningKind::AmbiguousNotation,
        WarningKind::ProjectionMiss,
        WarningKind::AbsentColumn,
        WarningKind::NamesMet,
        WarningKind::WidenedByPath,
    ];

    fn of_columns(kind: WarningKind, columns: usize) -> impl Iterator<Item = Warning> {
        (0..columns).map(move |n| Warning::of_column(kind, format!("c{n}"), "found"))
    }

    #[test]
    fn a_short_list_stays_as_it_is_but_for_repetitions() {
        let warnings: Vec<_> = of_columns(WarningKind::NamesMet, 2).collect();
        let (listed, counts) = bounded([warnings.clone(), warnings.clone()].concat());
        assert_eq!((listed, counts), (warnings, [(WarningKind::NamesMet, 2)].into()));
        assert_eq!(bounded(Vec::new()), (Vec::new(), BTreeMap::new()));
    }

    #[test]
    fn many_of_one_kind_hide_none_of_another() {
        let one = Warning::new(WarningKind::WidenedByPath, "found");
        let many = of_columns(WarningKind::AbsentColumn, 1_000).chain([one.clone()]);
        let (listed, counts) = bounded(many.collect());
        assert_eq!(counts, [(WarningKind::AbsentColumn, 1_000), (WarningKind::WidenedByPath, 1)].into());
        assert_eq!((listed.len(), listed.last()), (27, Some(&one)));
        assert_eq!(listed[25].to_string(), "AbsentColumn: 975 more warnings of this kind");
    }

    #[test]
    fn a_message_is_cut_between_characters() {
        let long = Warning::of_column(WarningKind::AbsentColumn, "é".repeat(200), "é".repeat(400));
        let (listed, _) = bounded(vec![long]);
        assert_eq!(listed[0].message, format!("{}…", "é".repeat(248)));
        assert_eq!(listed[0].column.as_deref(), Some(&*format!("{}…", "é".repeat(126))));
    }

    #[test]
    fn every_kind_has_its_advice() {
        for kind in ALL {
            assert!(kind.advice().ends_with('.') && !kind.advice().contains("  "), "{kind}: {}", kind.advice());
        }
    }

    proptest::proptest! {
        #[test]
        fn a_list_is_bounded_and_nothing_goes_uncounted(columns in proptest::array::uniform7(0_usize..120)) {
            let all = ALL.into_iter().zip(columns).flat_map(|(kind, columns)| of_columns(kind, columns)).collect();
            let (listed, counts) = bounded(all);
            proptest::prop_assert!(listed.len() <= LISTED + ALL.len());
            for (kind, columns) in ALL.into_iter().zip(columns) {
                proptest::prop_assert_eq!(counts.get(&kind).copied().unwrap_or_default(), columns as u64);
                let of_kind = listed.iter().filter(|warning| warning.kind == kind).count();
                proptest::prop_assert_eq!(of_kind == 0, columns == 0);
            }
        }
    }
}
