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
    /// The same by the kind of flaw.
    pub rejected_by_reason: BTreeMap<&'static str, u64>,
    /// Rows that are kept although something in them did not fit, with [`BadRows::Rescue`](crate::BadRows::Rescue).
    pub rescued: u64,
    /// Rows that had too few fields and were filled with nulls.
    pub padded: u64,
    /// The columns, in order; with [`BadRows::Rescue`](crate::BadRows::Rescue) the last is
    /// [`RESCUED`](crate::RESCUED).
    pub columns: Vec<Column>,
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
