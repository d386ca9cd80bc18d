//! What is kept of rejected rows in a file with columns that must not be.

use std::borrow::Cow;

use crate::{
    block::RAW,
    convert::Reject,
    flaw::{Flaw, Place},
    grammar::{Grammar, Step},
    plan::{Plan, PlannedColumn},
};

/// Why a row was rejected, and what is kept of it: the fields of columns that are [withheld](PlannedColumn::withheld)
/// are empty. Where it cannot be told which fields these are, nothing is kept, and the reason says so.
pub(crate) fn kept<'r>(reject: &'r Reject, grammar: &Grammar, plan: &Plan) -> (String, Cow<'r, [u8]>) {
    let reason = reject.flaw.to_string();
    if !plan.columns.iter().any(|column| column.withheld) {
        return (reason, Cow::Borrowed(&reject.raw));
    }
    // A title that is filled up to the width of the table has no fields of its columns.
    let has_fields = reject.flaw.is_of_record() || reject.flaw == Flaw::NoRecord(Place::Header);
    if has_fields && let Some(raw) = blanked(&reject.raw, grammar, &plan.columns) {
        return (reason, Cow::Owned(raw));
    }
    let what = if reject.flaw.is_of_record() { "row" } else { "line" };
    let why = format!("the {what} is not kept, as nobody can tell its fields from those of columns that are left out");
    (format!("{reason}; {why}"), Cow::Borrowed(&[]))
}

fn blanked(raw: &[u8], grammar: &Grammar, columns: &[PlannedColumn]) -> Option<Vec<u8>> {
    // A longer one was cut.
    if raw.len() >= RAW {
        return None;
    }
    let mut ends = Vec::new();
    match grammar.step(raw, 0, true, Some(columns.len()), &mut ends) {
        Step::Record { end, flaw: None, .. } if end == raw.len() && ends.len() == columns.len() => {}
        _ => return None,
    }
    let mut out = Vec::with_capacity(raw.len());
    let mut start = 0;
    for (i, (end, column)) in ends.into_iter().zip(columns).enumerate() {
        let end = end as usize;
        if i > 0 {
            out.extend_from_slice(&grammar.delimiter);
        }
        if !column.withheld {
            out.extend_from_slice(raw.get(start..end)?);
        }
        start = end + grammar.delimiter.len();
    }
    Some(out)
}
