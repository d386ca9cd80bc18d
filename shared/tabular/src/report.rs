use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    Column, Dialect, InputFacts,
    flaw::{Flaw, Place},
};

/// What was read.
#[derive(Clone, Debug)]
pub struct Report {
    /// What the lines of the file are.
    pub lines: Lines,
    /// Records of the file: `rows + rejected`.
    pub records: u64,
    /// Rows that reached the sink in batches.
    pub rows: u64,
    /// Rows that did not fit.
    pub rejected: u64,
    /// The same by the kind of flaw; `duplicate` are those that
    /// [`DuplicateAction::Drop`](crate::DuplicateAction::Drop) rejects.
    pub rejected_by_reason: BTreeMap<&'static str, u64>,
    /// Rows that are kept although something in them did not fit, with [`BadRows::Rescue`](crate::BadRows::Rescue).
    pub rescued: u64,
    /// Rows that had too few fields and were filled with nulls.
    pub padded: u64,
    /// Values that their columns' types did not take, and that are null instead: see
    /// [`Misfit::Null`](crate::Misfit::Null).
    pub nulled: u64,
    /// Rows that the file already had, dropped or flagged: see [`Options::duplicates`](crate::Options::duplicates).
    pub duplicates: u64,
    /// The columns, in order.
    pub columns: Vec<Column>,
    /// Names, as they stand in the file, of columns that were left out.
    pub dropped: Vec<String>,
    /// How the file is written.
    pub dialect: Dialect,
    /// How sure that is, from 0 to 1.
    pub certainty: f64,
    /// Bytes of the file, as it lies there.
    pub bytes_in: u64,
    /// Its compression and character set.
    pub input: InputFacts,
    /// How often the source was read: 1, or 2 where the types that a sample suggested did not hold.
    pub passes: u32,
}

/// What the lines of a file are, each of them one thing: their sum is the number of lines that the file has. Lines that are
/// neither rows nor blank, nor the header, reach [`Sink::rejected`](crate::Sink::rejected), with the reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lines {
    /// The names of the columns, also where they are said again further below.
    pub header: u64,
    /// Lines before the header, such as a title.
    pub preamble: u64,
    /// Comments, and lines of dashes.
    pub comment: u64,
    /// Lines with nothing in them but blanks.
    pub blank: u64,
    /// Lines about the rows above them, such as how many there are.
    pub footer: u64,
    /// Lines of rows.
    pub rows: u64,
    /// Lines of records that are rejected.
    pub rejected: u64,
}

impl Lines {
    /// All lines.
    pub fn total(&self) -> u64 {
        self.header + self.preamble + self.comment + self.blank + self.footer + self.rows + self.rejected
    }

    /// Adds the lines of something that is not among the rows.
    pub(crate) fn count(&mut self, flaw: &Flaw, lines: u64) {
        let place = match flaw {
            Flaw::NoRecord(Place::Preamble) => &mut self.preamble,
            Flaw::NoRecord(Place::Comment) => &mut self.comment,
            Flaw::NoRecord(Place::Header) => &mut self.header,
            Flaw::NoRecord(Place::Footer) => &mut self.footer,
            _ => &mut self.rejected,
        };
        *place += lines;
    }

    /// Adds what other lines are.
    pub(crate) fn add(&mut self, other: &Self) {
        self.header += other.header;
        self.preamble += other.preamble;
        self.comment += other.comment;
        self.blank += other.blank;
        self.footer += other.footer;
        self.rows += other.rows;
        self.rejected += other.rejected;
    }
}
