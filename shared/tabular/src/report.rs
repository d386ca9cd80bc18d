use std::collections::BTreeMap;

use crate::{Column, Dialect, InputFacts};

/// What was read.
#[derive(Clone, Debug)]
pub struct Report {
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
