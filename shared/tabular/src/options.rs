use crate::{DialectOverrides, InputOptions};

/// How a file is read.
#[derive(Clone, Debug)]
pub struct Options {
    /// What is known of the file's compression and character set.
    pub input: InputOptions,
    /// What is known of its dialect.
    pub dialect: DialectOverrides,
    /// Infer nothing: every column that has no declared type is text.
    pub all_strings: bool,
    /// Texts that are null, without quotes, in columns of every type; the empty text always is, and if it is among them in
    /// quotes as well. `None`: those
    /// that the [crate](crate#types) lists are null in a column whose other values share a type narrower than text.
    pub null_markers: Option<Vec<String>>,
    /// What becomes of a row that does not fit.
    pub bad_rows: BadRows,
    /// Fill a row that has too few fields with nulls, instead of holding it for broken.
    pub pad_short_rows: bool,
    /// The share of records, from 0 to 1, that may be rejected. Of a file of ten records or more one may be, unless the
    /// share is 0. A file in which every record is rejected always fails.
    pub max_rejected_ratio: f64,
    /// The name of a column, `bigint`, with the number of each row among the records of the file, from 1; rejected
    /// ones count. `None`: there is no such column.
    pub row_number: Option<String>,
    /// What becomes of a row that the file already had. `None`: nobody looks.
    pub duplicates: Option<Duplicates>,
    /// Threads that parse; 1: the caller's own.
    pub threads: usize,
    /// What is refused.
    pub limits: Limits,
    /// Text that is parsed at once, in bytes: for tests and measurements. 0: what suits the number of columns.
    #[doc(hidden)]
    pub block_bytes: usize,
    /// Text from which types are guessed before the first batch, in bytes: for tests and measurements.
    #[doc(hidden)]
    pub sample_bytes: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            input: InputOptions::default(),
            dialect: DialectOverrides::default(),
            all_strings: false,
            null_markers: None,
            bad_rows: BadRows::default(),
            pad_short_rows: false,
            max_rejected_ratio: 0.05,
            row_number: None,
            duplicates: None,
            threads: std::thread::available_parallelism().map_or(1, usize::from),
            limits: Limits::default(),
            block_bytes: 0,
            sample_bytes: 2 << 20,
        }
    }
}

impl Options {
    /// How the file is opened: text that is no table is read as well where its delimiter is given.
    pub(crate) fn opening(&self) -> InputOptions {
        let any_text = self.input.any_text || self.dialect.delimiter.is_some();
        InputOptions { any_text, ..self.input.clone() }
    }

    /// The names of the columns that the reader adds to those of the file, but for what is rescued and siblings.
    pub fn added(&self) -> impl Iterator<Item = &String> {
        let flag = self.duplicates.as_ref().and_then(|duplicates| match &duplicates.action {
            DuplicateAction::Flag(column) => Some(column),
            DuplicateAction::Drop => None,
        });
        self.row_number.iter().chain(flag)
    }
}

/// What becomes of a row that does not fit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BadRows {
    /// It goes to [`Sink::rejected`](crate::Sink::rejected).
    #[default]
    Quarantine,
    /// It is kept. What does not fit is null, and stands in the column [`RESCUED`](crate::RESCUED): a JSON object
    /// a row, null where everything fits, `{"extra": [fields beyond the last column], "<column>": "<text>"}`. A
    /// column that is itself called `extra` has the key `extra_`, with as many `_` as no other column's name has. Such
    /// a row has no say in what types the columns have, and none of its values is given up as a
    /// [`Misfit`](crate::Misfit).
    Rescue,
    /// It ends the reading with [`Error::MalformedCsv`](crate::Error::MalformedCsv).
    Fail,
}

impl std::str::FromStr for BadRows {
    type Err = UnknownBadRows;

    /// `quarantine`, `rescue` or `fail`, in any case.
    fn from_str(text: &str) -> Result<Self, UnknownBadRows> {
        match text.to_ascii_lowercase().as_str() {
            "quarantine" => Ok(Self::Quarantine),
            "rescue" => Ok(Self::Rescue),
            "fail" => Ok(Self::Fail),
            _ => Err(UnknownBadRows),
        }
    }
}

/// None of what can become of a row that does not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected quarantine, rescue or fail")]
pub struct UnknownBadRows;

/// Which rows are duplicates, and what becomes of them.
///
/// A row is a duplicate if an earlier one that was kept has equal values: as they are read, so after cleansing and in
/// their types, null being equal to null. Which values a row has in a sibling column, and what of it is rescued in a
/// column that is compared, counts as well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Duplicates {
    /// Names of the columns that are compared, as [`ColumnPlan::name`](crate::ColumnPlan::name) has them; empty: all
    /// that come from the file.
    pub by: Vec<String>,
    /// What becomes of a duplicate.
    pub action: DuplicateAction,
}

/// What becomes of a duplicate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DuplicateAction {
    /// It goes to [`Sink::rejected`](crate::Sink::rejected), whatever becomes of flawed rows. It does not count towards
    /// [`Options::max_rejected_ratio`].
    Drop,
    /// It is kept. A column of this name, `boolean`, says of each row whether it is one.
    Flag(String),
}

/// What is refused, so that absurd input costs little.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Columns.
    pub columns: usize,
    /// Bytes of a record, and so of a field. A longer record is rejected; a longer header is an error.
    pub record_bytes: usize,
    /// Different rows among which [`Duplicates`] are looked for. A row takes 20 to 39 bytes, and while the table of
    /// them doubles half as much again: the default, 7 million, takes 143 MB, and 214 MB on the way.
    pub distinct_rows: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { columns: 10_000, record_bytes: 16 << 20, distinct_rows: 7_000_000 }
    }
}
