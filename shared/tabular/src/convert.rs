//! A block of text to a batch of rows.

#![allow(clippy::cast_possible_truncation, reason = "places in a block are 32 bits wide, and blocks far smaller")]

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions, StringBuilder};

use crate::{
    Error,
    block::{Block, Odd, RAW},
    column::{Builder, Fields, Found},
    field,
    flaw::Flaw,
    plan::{Plan, PlannedColumn},
    scan::Scanner,
    types::{Evidence, sql_name},
};

/// Text of which the rows, with the places of their fields, stay in a near cache while column after column is built.
const RUN: usize = 64 << 10;

/// The key of fields beyond the last column.
const EXTRA: &str = "extra";

/// What a block turned into.
#[derive(Debug, Default)]
pub(crate) struct Output {
    /// Its rows, if they are wanted.
    pub(crate) batch: Option<RecordBatch>,
    /// How many they are.
    pub(crate) rows: u64,
    /// What its values say of each column's type.
    pub(crate) evidence: Vec<Evidence>,
    /// Nulls of each column of the batch.
    pub(crate) nulls: Vec<u64>,
    pub(crate) rejected: Vec<Reject>,
    pub(crate) padded: u64,
    pub(crate) rescued: u64,
}

/// A row that is not in the batch.
#[derive(Debug)]
pub(crate) struct Reject {
    pub(crate) line: u64,
    pub(crate) offset: u64,
    pub(crate) flaw: Flaw,
    pub(crate) raw: Vec<u8>,
}

/// Converts the rows of a block. Those that turn out not to fit are taken out of it.
pub(crate) fn convert(block: &mut Block, scanner: &Scanner, plan: &Plan) -> Result<Output, Error> {
    loop {
        let columns = plan.columns.len();
        let fields = Fields::new(block, columns, &scanner.grammar, &plan.tokens);
        let lengths = fields.lengths();
        let rows = block.rows.len();
        let mut builders: Vec<_> = plan
            .columns
            .iter()
            .zip(lengths)
            .enumerate()
            .map(|(i, (c, bytes))| Builder::new(i, c, rows, bytes))
            .collect();
        let run = (RUN * rows / block.len.max(1)).clamp(16, 1024);
        for first in (0..rows).step_by(run) {
            for builder in &mut builders {
                builder.push(&fields, first..rows.min(first + run));
            }
        }
        let mut arrays = Vec::with_capacity(columns + 1);
        let mut found = Vec::with_capacity(columns);
        let mut nulls = Vec::with_capacity(columns + 1);
        for builder in builders {
            let (array, column, null) = builder.finish(&fields);
            arrays.push(array);
            found.push(column);
            nulls.push(null);
        }
        if found.iter().any(|f| f.invalid) && take_out_invalid(block, columns, plan.rescue) {
            continue;
        }
        if !plan.rescue {
            let flaws = misfits(&found, plan);
            if !flaws.is_empty() {
                block.reject(flaws, columns);
                continue;
            }
        }
        let mut arrays =
            arrays.into_iter().collect::<Result<Vec<_>, _>>().map_err(|e| Error::Internal(e.to_string()))?;
        let mut rescued = 0;
        if plan.rescue {
            let array;
            (array, rescued) =
                rescue(block, &Fields::new(block, columns, &scanner.grammar, &plan.tokens), &found, plan);
            arrays.push(array);
            nulls.push(rows as u64 - rescued);
        }
        let batch = if plan.emit && rows > 0 {
            let options = RecordBatchOptions::new().with_row_count(Some(rows));
            let batch = RecordBatch::try_new_with_options(Arc::clone(&plan.schema), arrays, &options);
            Some(batch.map_err(|e| Error::Internal(e.to_string()))?)
        } else {
            None
        };
        let evidence = found.into_iter().map(|f| f.evidence.unwrap_or(Evidence::NONE)).collect();
        let rejected = rejects(block, scanner);
        return Ok(Output { batch, rows: rows as u64, evidence, nulls, rejected, padded: block.padded, rescued });
    }
}

/// Takes rows with bytes that are no text out of the block, or marks them as flawed; says whether there were any that
/// it did not know.
pub(crate) fn take_out_invalid(block: &mut Block, columns: usize, rescue: bool) -> bool {
    let mut flaws = Vec::new();
    for row in 0..block.rows.len() {
        let (start, end) = block.span(row, columns);
        let text = &block.text[start..end];
        if std::str::from_utf8(text).is_err() {
            flaws.push((row, Flaw::InvalidUtf8));
        } else if !rescue && memchr::memchr(0, text).is_some() {
            flaws.push((row, Flaw::Nul));
        }
    }
    if !rescue {
        let some = !flaws.is_empty();
        block.reject(flaws, columns);
        return some;
    }
    let before = block.odd.len();
    for (row, _) in flaws {
        let row = row as u32;
        if let Err(at) = block.odd.binary_search_by_key(&row, |odd| odd.row) {
            block.odd.insert(at, Odd { row, extra: Vec::new() });
        }
    }
    block.tricky = true;
    block.odd.len() > before
}

/// Rows with values that do not fit, each with the first of them.
fn misfits(found: &[Found], plan: &Plan) -> Vec<(usize, Flaw)> {
    let mut misfits: Vec<_> = found
        .iter()
        .enumerate()
        .flat_map(|(column, found)| found.misfits.iter().map(move |(row, class)| (*row, column, *class)))
        .collect();
    misfits.sort_unstable();
    misfits.dedup_by_key(|(row, ..)| *row);
    let flaw = |(row, column, found): (usize, usize, &'static str)| {
        let column = &plan.columns[column];
        (row, Flaw::Misfit { column: column.source_name.clone(), expected: sql_name(&column.how.data_type()), found })
    };
    misfits.into_iter().map(flaw).collect()
}

/// The column of what did not fit, and how many rows have something in it.
fn rescue(block: &Block, fields: &Fields<'_>, found: &[Found], plan: &Plan) -> (ArrayRef, u64) {
    let mut misfits: Vec<_> =
        found.iter().enumerate().flat_map(|(column, found)| found.misfits.iter().map(move |m| (m.0, column))).collect();
    misfits.sort_unstable();
    let mut misfits = misfits.into_iter().peekable();
    let mut odd = block.odd.iter().filter(|odd| !odd.extra.is_empty()).peekable();
    let keys = keys(plan);
    let mut builder = StringBuilder::new();
    let mut rescued = 0;
    for row in 0..block.rows.len() {
        let mut members = Vec::new();
        if let Some(odd) = odd.next_if(|odd| odd.row as usize == row) {
            let extra: Vec<_> =
                odd.extra.iter().map(|&(start, end)| json(&block.text[start as usize..end as usize], fields)).collect();
            members.push(format!("\"{EXTRA}\":[{}]", extra.join(",")));
        }
        while let Some((_, column)) = misfits.next_if(|(at, _)| *at == row) {
            members.push(format!("{}:{}", keys[column], json(fields.raw(column, row), fields)));
        }
        if members.is_empty() {
            builder.append_null();
        } else {
            builder.append_value(format!("{{{}}}", members.join(",")));
            rescued += 1;
        }
    }
    (Arc::new(builder.finish()), rescued)
}

/// What each column is called in [`RESCUED`](crate::RESCUED), as JSON: its name, but not `extra`, which is taken.
fn keys(plan: &Plan) -> Vec<String> {
    let taken = |key: &str| plan.columns.iter().any(|column| column.name == key);
    let key = |column: &PlannedColumn| {
        let mut key = column.name.clone();
        if key == EXTRA {
            while key == EXTRA || taken(&key) {
                key.push('_');
            }
        }
        quote(&key)
    };
    plan.columns.iter().map(key).collect()
}

/// A field's content as a JSON string; what is no UTF-8 in it becomes U+FFFD.
fn json(raw: &[u8], fields: &Fields<'_>) -> String {
    quote(&String::from_utf8_lossy(&field::content(raw, fields.grammar()).0))
}

fn quote(text: &str) -> String {
    use std::fmt::Write;
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c < ' ' => {
                // Writing to a string does not fail.
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// The records that are not among the rows, with their places in the file.
pub(crate) fn rejects(block: &Block, scanner: &Scanner) -> Vec<Reject> {
    let (mut line, mut at) = (block.line, 0);
    let mut rejects = Vec::with_capacity(block.rejected.len());
    for rejected in &block.rejected {
        line += scanner.grammar.lines(&block.text[at..rejected.start]);
        at = rejected.start;
        let end = rejected.end.min(at + RAW);
        rejects.push(Reject {
            line,
            offset: block.offset + at as u64,
            flaw: rejected.flaw.clone(),
            raw: block.text[at..end].to_vec(),
        });
    }
    rejects
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_strings_are_escaped() {
        assert_eq!(quote("a\"b\\c\nd\u{e9}"), "\"a\\\"b\\\\c\\u000ad\u{e9}\"");
    }
}
