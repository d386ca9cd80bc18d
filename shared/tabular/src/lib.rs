//! Bytes to records to typed Arrow batches.
//!
//! [`read`] opens a [`Source`], finds out what it holds (compression, character set, dialect), and hands typed
//! batches and rejected rows, in the order of the file, to a [`Sink`]. It is wholly synchronous and knows nothing of
//! where bytes come from or go to.
//!
//! [`rewrite`](rewrite()) copies a file as it is, but for some of its values.
//!
//! [`recognise`] tells from the beginning of a file alone whether it is worth reading at all.
//!
//! A column's type is a function of all its values. [`read`] assumes the types of a sample and begins; where a later
//! value contradicts them, it finishes inferring and reads the source once more: [`Sink::begin`] is then called again,
//! and everything handed over before is void.
//!
//! # Types
//! A type is taken only if every value of the column has it without loss: the value prints back as the text, up to the
//! following.
//! - Spaces and tabs around it, and quotes; blanks alone are null. Texts keep their blanks.
//! - Numbers: zeros that end a fraction, a missing digit before or behind the point, how an exponent is written,
//!   thousands separators, and digits of a double beyond its shortest text, up to 17. A leading zero or `+`, more digits
//!   than a double gives back, and values out of range are no numbers. `-0` is a double. Whole numbers are doubles beside
//!   fractions up to 2^53 - 1, text beyond. A decimal comma or thousands separators are taken only where the values leave
//!   one way to read them all. Below zero are `(5.00)` and `5.00-` as well, beside numbers that are written as usual, and
//!   where numbers of the column have decimals or groups of three: otherwise they may be footnotes, or grades.
//! - Units of money and shares: where every number of a column has the same one before or behind it, they are doubles
//!   without it, as they are written: `12 %` is 12. Units are `$`, `€`, `£`, `%` and `‰`, and `USD 12.50`, `12.50 EUR` with
//!   the codes of twenty currencies where a number has decimals or groups of three; `-$5.00`, `$-5.00` and `($5.00)` are
//!   below zero. A number without the unit or with another one makes the column text. [`Column::unit`] tells it; it is the
//!   sign as it stands there, as `$` is the dollar of several countries.
//! - Codes that look like numbers are text: groups of three without the sizes of numbers (`600 100 201`,
//!   `192.168.178.101`), digits with an `E` among them (`6E171`), and decimals of which each zero counts (`3.1` beside
//!   `3.10`); the module `types` says how they are told apart. A declared type makes numbers of them, as does
//!   [`ColumnPlan::numbers`] with a separator of thousands of those in groups.
//! - Dates and times, of the years 1 to 9999: their layout, and zeros before day and month. Which of the two comes first
//!   has to follow from the values; without that, and with several layouts in a column, it is text. A year may have two
//!   digits, 69 to 99 being of the last century, where the values leave one order of all three: `25/11/63`, `98-05-14`,
//!   `14.05.98`, in points with two digits for day and month as well. Dates beside times are
//!   midnights. Times with a zone become UTC; beside times without one they are text. Digits of a second beyond the sixth
//!   have to be zeros.
//! - Booleans: the case of `true` and `false`.
//!
//! A given type ([`ColumnPlan::declared`]) is a contract; the notation of its values is proved by the file, by rules and by
//! earlier files: see [`Notation`]. A value of a given type need not print back: fractions round to nearest, and `5.0` is a
//! whole number. A number may have the unit that earlier files proved, or none; one with another unit does not fit, nor does
//! any unit where they proved none. `(5)` and `5-` are numbers of a float or a decimal, and whole ones where thousands are set apart.
//!
//! Nothing between two delimiters is null, `""` is an empty text. Without quotes, `NULL`, `NA`, `N/A`, `NaN`, `-nan`,
//! `None`, `nil`, `#N/A`, `<NA>` and `(null)` in any case, `\N`, `-`, `--`, `.`, `..`, `?` and the `1.#QNAN`, `-1.#IND` and
//! `-nan(ind)` of Windows are null beside values of a narrower type than text, and text otherwise.
//! Where every field of the file that is not empty stands in quotes, the names of columns aside, quotes tell nothing: beside
//! values of a narrower type, `""` and the same words in quotes are null as well. With an empty text among
//! [`Options::null_markers`], `""` is null everywhere.
//!
//! # Records
//! Every line is one thing: see [`Lines`]. Lines that begin with the sign of comments are comments before the header; after it
//! they are records where they have the right number of fields, unless [`DialectOverrides::comment`] is given. Lines that say
//! the header again, lines of dashes, and what a client of a database says of its rows are no records.
//!
//! An empty line is no record, nor is a blank one where records have several fields. A quote inside of an unquoted field
//! is text. A record whose quotes are broken ends with the line in which the broken field begins or shows to be broken,
//! so that it costs one row and not the rest of the file. Records with the wrong number of fields, broken quotes, bytes
//! that are no UTF-8, NUL, too many bytes, or a value that a declared type does not take are flawed: see [`BadRows`].
//!
//! # Columns
//! A [`Planner`] says how each column is read: its [`Role`], its type, how its values are cleansed ([`Cleanse`]), and
//! what becomes of one that the type does not take ([`Misfit`]). After the columns of the file come those that the
//! reader adds, each if it is asked for: [siblings](Misfit::Sibling), [`RESCUED`], the
//! [number of the record](Options::row_number), and whether the row is a [duplicate](Duplicates). [`Origin`] tells them
//! apart. A column of the file that has the name of one of the last three gets another one, with `_` behind it: no table
//! has two of a name.
//!
//! None of it depends on threads, or on how the text is cut into blocks.

use std::{
    io::{self, Read},
    sync::Arc,
};

use arrow::{
    array::RecordBatch,
    datatypes::{DataType, SchemaRef},
};

mod apart;
mod block;
mod cleanse;
mod column;
mod convert;
mod dialect;
mod duplicates;
mod error;
mod field;
mod flaw;
mod format;
mod grammar;
mod input;
mod inspect;
mod layout;
mod length;
mod notation;
mod options;
mod pipeline;
mod plan;
mod reader;
mod recognise;
mod refuse;
mod report;
mod rewrite;
mod scan;
mod sniff;
mod types;
mod withhold;

pub use cleanse::{Case, Cleanse};
pub use dialect::{Dialect, DialectOverrides, Layout, Setting, Terminator};
pub use error::Error;
#[doc(hidden)]
pub use input::text;
pub use input::{Compression, FileFormat, HEAD_LENGTH, InputError, InputFacts, InputOptions, ZipEntries};
pub use inspect::{Hint, InspectedColumn, InspectedDialect, Inspection, inspect};
pub use length::TextLimit;
pub use notation::{Ambiguity, Notation, NumberFormat, UnknownNotation};
pub use options::{BadRows, DuplicateAction, Duplicates, Limits, Options, UnknownBadRows};
pub use reader::read;
pub use recognise::{Recognised, recognise};
pub use report::{Lines, Report};
pub use rewrite::{Cells, Change, Rewriter, rewrite, survey};
pub use sniff::{Attempt, SniffError};

/// The column of what did not fit, with [`BadRows::Rescue`], and of what has no column of its own, with
/// [`Role::Rescue`].
pub const RESCUED: &str = "_rescued";

/// Something that can be read from its beginning, more than once.
pub trait Source: Send {
    /// Opens it at its beginning. Every call reads the same bytes.
    ///
    /// # Errors
    /// Whatever the place it lies in says; comes back as [`Error::Read`].
    fn open(&mut self) -> io::Result<Box<dyn Read + Send>>;
}

/// Takes what is read, in the order of the file, from one thread.
pub trait Sink {
    /// Batches of this schema follow. A second call makes everything handed over since the first one void.
    ///
    /// # Errors
    /// Ends the reading; comes back as [`Error::Sink`].
    fn begin(&mut self, schema: &SchemaRef, columns: &[Column]) -> Result<(), SinkError>;

    /// The next rows.
    ///
    /// # Errors
    /// Ends the reading; comes back as [`Error::Sink`].
    fn batch(&mut self, batch: RecordBatch) -> Result<(), SinkError>;

    /// A record that did not fit, or a line that is no record, such as a comment: see [`Lines`].
    ///
    /// # Errors
    /// Ends the reading; comes back as [`Error::Sink`].
    fn rejected(&mut self, row: &RejectedRow<'_>) -> Result<(), SinkError>;

    /// Whether there is anything to [`refuse`](Self::refuse). Asked once, before [`begin`](Self::begin).
    fn is_choosy(&self) -> bool {
        false
    }

    /// The rows of the next batch that have no place in it, in order, each with the reason, which holds no value. They
    /// go the way of rejected rows, whatever [`BadRows`] says, but for [`BadRows::Fail`]; then the rest is handed over.
    ///
    /// # Errors
    /// Ends the reading; comes back as [`Error::Sink`].
    fn refuse(&mut self, _batch: &RecordBatch) -> Result<Vec<(usize, String)>, SinkError> {
        Ok(Vec::new())
    }
}

/// What a [`Sink`] fails with.
pub type SinkError = Box<dyn std::error::Error + Send + Sync>;

/// A record that is not in any batch, or a line that is no record and neither blank nor the header; and why.
#[derive(Clone, Copy, Debug)]
pub struct RejectedRow<'a> {
    /// Line it begins at, from 1.
    pub line: u64,
    /// Byte it begins at, from 0, in the text of the file: decompressed, in UTF-8, behind the byte order mark. In a file
    /// with a [`Layout`], in that text with one character between cells and no blanks around them.
    pub offset: u64,
    /// Whether it is a record. Otherwise it is a line that is none, such as a comment.
    pub is_record: bool,
    /// Why it is not in a batch, without any value.
    pub reason: &'a str,
    /// The row as it stood in the file; no more than its first 64 KiB. In a file with a [`Layout`], a tab is between its
    /// cells. Fields whose values are
    /// [withheld](ColumnPlan::withheld) are empty; it is empty itself where nobody can tell which fields these are.
    pub raw: &'a [u8],
}

/// Decides, when the header is known, how each of its columns is read.
pub trait Planner {
    /// One plan a column of `header`, in order.
    ///
    /// # Errors
    /// Ends the reading; comes back as [`Error::Plan`].
    fn plan(&self, header: &Header) -> Result<Vec<ColumnPlan>, SinkError>;

    /// Names that no sibling gets, beside those of the file's own columns, but where
    /// [`ColumnPlan::siblings`] gives it: those of a table that the file becomes part of.
    fn taken(&self) -> Vec<String> {
        Vec::new()
    }
}

/// The columns of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// Their names as they stand in the file, in order: any text, also none, also twice.
    pub names: Vec<String>,
    /// Whether they stand there. Otherwise the file has no header, and they are `column_1`, `column_2`, …: only their
    /// places say what columns are.
    pub given: bool,
}

/// How a column is read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ColumnPlan {
    /// The name it gets, unique.
    pub name: String,
    /// The type it has to have; `None` to infer it. Booleans, signed integers, floats, `Utf8`, `Date32`,
    /// `Timestamp(Microsecond, None)` and `Decimal128` can be declared.
    pub declared: Option<DataType>,
    /// How the values of a declared date or timestamp are written: `epoch`, `epoch_ms`, `epoch_us` (whole numbers since
    /// 1970-01-01T00:00:00 UTC), or a pattern of `%Y %y %m %b %d %H %I %M %S %f %p %z` as in POSIX `strptime`. Of
    /// several, those that read a value have to agree. Empty: ISO 8601, any layout in which day and month cannot be
    /// mistaken for each other, and those in which they can, as the values of the file and `known` prove their order.
    pub formats: Vec<String>,
    /// Digits of a second beyond the sixth are cut off. Otherwise they have to be zeros.
    pub truncate: bool,
    /// A person has declared the type. Numbers of a declared type may have a plus and leading zeros, and whole numbers
    /// that a float does not hold are rounded; where earlier files alone give the type, such values do not fit.
    pub lenient: bool,
    /// Notations that earlier files of the column proved: they decide where the values of this file leave several.
    pub known: Vec<Notation>,
    /// How numbers are written. `None`: as the values of the file and `known` prove.
    pub numbers: Option<NumberFormat>,
    /// Siblings that the column has already, in a table that the file becomes part of: the type and the name of each.
    pub siblings: Vec<(DataType, String)>,
    /// Where its values go.
    pub role: Role,
    /// What is done to each value first.
    pub cleanse: Option<Arc<Cleanse>>,
    /// What becomes of a value that the declared type does not take.
    pub misfit: Misfit,
    /// How long the texts of a column can be that is declared `Utf8`.
    pub limit: Option<TextLimit>,
    /// Whether its values are left out of what is kept of rejected rows; those of [`Role::Drop`] always are.
    pub withheld: bool,
}

/// Where the values of a column go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Role {
    /// Into a column of batches.
    #[default]
    Keep,
    /// Nowhere. Its bytes still have to be text.
    Drop,
    /// As they stand in the file, without quotes, into the JSON of [`RESCUED`], under the column's name, unless they are
    /// empty; in every row, also where [`BadRows`] lets no flawed row in.
    Rescue,
}

/// What becomes of a value that a declared type does not take, in a row in which all else is right.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Misfit {
    /// The row is flawed: see [`BadRows`].
    #[default]
    Reject,
    /// It is null, and counted.
    Null,
    /// It is null, and its text stands in a column of its own, the sibling: that has the type that just these texts
    /// share, and is called as [`ColumnPlan::siblings`] says, or else `<column>_<type>`, of `boolean`, `bigint`,
    /// `double`, `date`, `timestamp` and `string`, with as many `_` behind as no column of the file, of those that the
    /// reader adds, or of [`Planner::taken`] has. Without such a value there is no sibling.
    Sibling,
}

/// A column as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// The name it got.
    pub name: String,
    /// The name as it stands in the file, that of a sibling being its column's; empty for what the file does not have.
    pub source_name: String,
    /// Where it comes from.
    pub origin: Origin,
    /// The name of the column whose misfits it holds, where it is a sibling.
    pub beside: Option<String>,
    /// Its type; `Null` where no value gives evidence of one.
    pub data_type: DataType,
    /// Rows in which it is null.
    pub nulls: u64,
    /// Rows in which it is null because its type does not take the value: see [`Misfit::Null`].
    pub nulled: u64,
    /// The notation that its values prove, where that is none of [`ColumnPlan::known`].
    pub notation: Option<Notation>,
    /// The unit of its numbers, as it is written: that which all its values have, where its type is inferred, or that
    /// which earlier files proved.
    pub unit: Option<String>,
    /// What becomes of values that can be read in several ways, if it has such.
    pub ambiguity: Option<Ambiguity>,
}

/// Where a column comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// From a column of the file.
    File,
    /// From the values of a column of the file that its type does not take: see [`Misfit::Sibling`].
    Sibling,
    /// It is [`RESCUED`].
    Rescued,
    /// It numbers the records: see [`Options::row_number`].
    RowNumber,
    /// It flags duplicates: see [`DuplicateAction::Flag`].
    Duplicate,
}

#[cfg(test)]
mod tests;
