//! A block of text to a batch of rows.

#![allow(clippy::cast_possible_truncation, reason = "places in a block are 32 bits wide, and blocks far smaller")]

use std::{mem, sync::Arc};

use arrow::{
    array::{Array, ArrayRef, BooleanArray, Int64Array, RecordBatch, RecordBatchOptions, StringArray, StringBuilder},
    buffer::BooleanBuffer,
    datatypes::DataType,
    error::ArrowError,
};

use crate::{
    DuplicateAction, Error, Lines, Misfit, Role, Terminator,
    block::{Block, Odd, RAW},
    column::{Builder, Fields, Found, MAX_TEXT},
    duplicates::Key,
    field,
    flaw::Flaw,
    length::held,
    plan::{Plan, PlannedColumn},
    scan::Scanner,
    types::Evidence,
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
    /// What its values say of each column's type, and of each sibling's.
    pub(crate) evidence: Vec<Evidence>,
    /// Nulls of each column of the batch.
    pub(crate) nulls: Vec<u64>,
    /// Records that are not in the batch, and lines that are no records.
    pub(crate) rejected: Vec<Reject>,
    /// Whether a row follows the last of these.
    pub(crate) ends_with_row: bool,
    /// What its lines are.
    pub(crate) lines: Lines,
    pub(crate) padded: u64,
    /// Rows that are flawed and have something in the column of what did not fit.
    pub(crate) rescued: u64,
    /// Values of each column of the file that are null because its type does not take them; empty if none can be.
    pub(crate) nulled: Vec<u64>,
    /// What rows are compared by, if duplicates are looked for.
    pub(crate) keys: Vec<u128>,
    /// The text, if it is needed to reject duplicates.
    pub(crate) block: Option<Block>,
    /// Rows that the file already had.
    pub(crate) duplicates: u64,
    /// Whether rows that stay have bytes that are no text.
    pub(crate) unreadable: bool,
}

/// A record that is not in the batch, or a line that is no record.
#[derive(Clone, Debug)]
pub(crate) struct Reject {
    pub(crate) line: u64,
    pub(crate) offset: u64,
    /// Whether there is a row between it and the one before it.
    pub(crate) after_row: bool,
    pub(crate) flaw: Flaw,
    pub(crate) raw: Vec<u8>,
}

/// Converts the rows of a block. Those that turn out not to fit are taken out of it.
pub(crate) fn convert(block: &mut Block, scanner: &Scanner, plan: &Plan) -> Result<Output, Error> {
    // Rows that are rejected because their notation is another one have a say in which it is.
    let mut notations = None;
    loop {
        let columns = plan.columns.len();
        let fields = Fields::new(block, columns, &scanner.grammar, &plan.tokens);
        let kept = || plan.columns.iter().enumerate().filter(|(_, column)| column.role == Role::Keep);
        let texts: Vec<_> = kept().filter(|(_, c)| c.how.data_type() == DataType::Utf8).map(|(i, _)| i).collect();
        let mut lengths = texts.iter().zip(fields.lengths(&texts)).peekable();
        let rows = block.rows.len();
        let mut builders: Vec<_> = kept()
            .map(|(i, c)| Builder::new(i, c, rows, lengths.next_if(|(of, _)| **of == i).map_or(0, |(_, bytes)| bytes)))
            .collect();
        let run = (RUN * rows / block.len.max(1)).clamp(16, 1024);
        for first in (0..rows).step_by(run) {
            for builder in &mut builders {
                builder.push(&fields, first..rows.min(first + run));
            }
        }
        let mut read = Read { arrays: Vec::with_capacity(columns + 1), ..Read::default() };
        read.found.resize_with(columns, Found::default);
        for builder in builders {
            let place = builder.column();
            read.add(place, place, held(&plan.columns[place], &fields, builder.finish(&fields)));
        }
        let invalid = read.found.iter().any(|f| f.invalid) || plan.has_unread() && !block.is_text();
        if invalid && take_out_invalid(block, columns, plan.rescue) {
            continue;
        }
        let notations = &*notations.get_or_insert_with(|| plan.notations(&read.found));
        if !plan.rescue {
            let flaws = misfits(&read.found, plan);
            if !flaws.is_empty() {
                block.reject(flaws, columns);
                continue;
            }
        }
        // Those that are rejected show what they are.
        let is_unreadable = |row: usize| {
            let (start, end) = block.span(row, columns);
            std::str::from_utf8(&block.text[start..end]).is_err()
        };
        let unreadable = plan.rescue && block.odd.iter().any(|odd| is_unreadable(odd.row as usize));
        let mut output = finish(block, scanner, plan, read)?;
        output.unreadable = unreadable;
        output.evidence.iter_mut().zip(notations).for_each(|(evidence, notation)| evidence.join(*notation));
        return Ok(output);
    }
}

/// The columns of a block.
#[derive(Default)]
struct Read {
    /// Those that batches have: the column of the file that each comes from, and its values.
    arrays: Vec<(usize, ArrayRef)>,
    nulls: Vec<u64>,
    /// One a column of the file, and one a sibling.
    found: Vec<Found>,
    /// Why an array could not be made.
    broken: Option<ArrowError>,
}

impl Read {
    /// Adds what was built from column `of` of the file; `place` is that of what was found.
    fn add(&mut self, of: usize, place: usize, built: (Result<ArrayRef, ArrowError>, Found, u64)) {
        let (array, found, nulls) = built;
        match array {
            Ok(array) => self.arrays.push((of, array)),
            Err(error) => self.broken = Some(error),
        }
        self.nulls.push(nulls);
        self.found[place] = found;
    }
}

/// Adds what does not come from a single column of the file, when all rows are known that stay.
fn finish(block: &mut Block, scanner: &Scanner, plan: &Plan, mut read: Read) -> Result<Output, Error> {
    let columns = plan.columns.len();
    let rows = block.rows.len();
    let internal = |e: ArrowError| Error::Internal(e.to_string());
    let mut output = Output { rows: rows as u64, padded: block.padded, ..Output::default() };
    if !plan.siblings.is_empty() {
        let fields = Fields::new(block, columns, &scanner.grammar, &plan.tokens);
        for sibling in &plan.siblings {
            let built = sibling.build(&fields, &read.found[sibling.of].diverted);
            if sibling.exists() {
                read.found.push(Found::default());
                read.add(sibling.of, read.found.len() - 1, built);
            } else {
                read.found.push(built.1);
            }
        }
    }
    if let Some(column) = read.found.iter().position(|found| found.too_long) {
        let column = plan.columns.get(column).or_else(|| Some(&plan.siblings.get(column - columns)?.column));
        return Err(Error::LimitExceeded(format!(
            "cleansing makes more than {MAX_TEXT} bytes of a block of column {:?}; map to shorter texts",
            column.map_or("", |c| &c.name),
        )));
    }
    if let Some(error) = read.broken {
        return Err(internal(error));
    }
    if plan.emit {
        let mut arrays = Vec::with_capacity(read.arrays.len() + 3);
        arrays.extend(read.arrays.iter().map(|(_, array)| Arc::clone(array)));
        output.nulls = read.nulls;
        let mut rescued = None;
        if plan.has_rescued() {
            let fields = Fields::new(block, columns, &scanner.grammar, &plan.tokens);
            let array;
            (array, output.rescued) = rescue(block, &fields, &read.found, plan);
            output.nulls.push(array.null_count() as u64);
            arrays.push(Arc::new(array.clone()));
            rescued = Some(array);
        }
        if let Some(key) = &plan.key {
            output.keys = keys(key, rows, &read.arrays, &read.found, rescued)?;
        }
        if plan.row_number.is_some() {
            arrays.push(Arc::new(block.numbers().map(u64::cast_signed).collect::<Int64Array>()));
            output.nulls.push(0);
        }
        if plan.flag().is_some() {
            arrays.push(Arc::new(BooleanArray::new(BooleanBuffer::new_unset(rows), None)));
            output.nulls.push(0);
        }
        if rows > 0 {
            let options = RecordBatchOptions::new().with_row_count(Some(rows));
            let batch = RecordBatch::try_new_with_options(Arc::clone(&plan.schema), arrays, &options);
            output.batch = Some(batch.map_err(internal)?);
        }
        if plan.columns.iter().any(|column| column.misfit == Misfit::Null) {
            let nulled = |(column, found): (&PlannedColumn, &Found)| match column.misfit {
                Misfit::Null => found.diverted.len() as u64,
                Misfit::Reject | Misfit::Sibling => 0,
            };
            output.nulled = plan.columns.iter().zip(&read.found).map(nulled).collect();
        }
    }
    output.evidence = read.found.into_iter().map(|f| f.evidence.unwrap_or(Evidence::NONE)).collect();
    if plan.looks_for_unquoted
        && let Some(evidence) = output.evidence.first_mut()
        && Fields::new(block, columns, &scanner.grammar, &plan.tokens).has_unquoted()
    {
        // It is said of the file, whichever column it stands in.
        evidence.join(Evidence::UNQUOTED);
    }
    (output.rejected, output.lines) = rejects(block, scanner);
    output.ends_with_row = block.ends_with_row();
    let drops = plan.key.as_ref().is_some_and(|key| key.action == DuplicateAction::Drop);
    if plan.emit && (drops || plan.is_choosy) {
        output.block = Some(mem::take(block));
    }
    Ok(output)
}

/// What each row is compared by.
fn keys(
    key: &Key,
    rows: usize,
    arrays: &[(usize, ArrayRef)],
    found: &[Found],
    rescued: Option<StringArray>,
) -> Result<Vec<u128>, Error> {
    let compared: Vec<_> = arrays.iter().filter(|(of, _)| key.has(*of)).map(|(_, array)| array).collect();
    let more = rescued.map(|rescued| {
        if key.by.is_empty() {
            return rescued;
        }
        // What is null for not fitting is not equal to a null.
        let mut flawed = vec![false; rows];
        let misfits = key.by.iter().flat_map(|column| &found[*column].misfits);
        misfits.for_each(|(row, _)| flawed[*row] = true);
        flawed.iter().zip(&rescued).map(|(flawed, text)| text.filter(|_| *flawed)).collect()
    });
    key.of(rows, &compared, more.as_ref())
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
        (row, Flaw::Misfit { column: column.source_name.clone(), expected: column.expected(), found })
    };
    misfits.into_iter().map(flaw).collect()
}

/// The column of what did not fit or has no other place, and how many rows have something that did not fit.
fn rescue(block: &Block, fields: &Fields<'_>, found: &[Found], plan: &Plan) -> (StringArray, u64) {
    let mut misfits: Vec<_> =
        found.iter().enumerate().flat_map(|(column, found)| found.misfits.iter().map(move |m| (m.0, column))).collect();
    misfits.sort_unstable();
    let mut misfits = misfits.into_iter().peekable();
    let mut odd = block.odd.iter().filter(|odd| !odd.extra.is_empty()).peekable();
    let placeless: Vec<_> = (0..plan.columns.len()).filter(|&i| plan.columns[i].role == Role::Rescue).collect();
    let keys = keys_in_json(plan);
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
        if !members.is_empty() {
            rescued += 1;
        }
        for &column in &placeless {
            let raw = fields.raw(column, row);
            if !field::content(raw, fields.grammar()).0.is_empty() {
                members.push(format!("{}:{}", keys[column], json(raw, fields)));
            }
        }
        if members.is_empty() {
            builder.append_null();
        } else {
            builder.append_value(format!("{{{}}}", members.join(",")));
        }
    }
    (builder.finish(), rescued)
}

/// What each column is called in [`RESCUED`](crate::RESCUED), as JSON: its name, but not `extra`, which is taken.
fn keys_in_json(plan: &Plan) -> Vec<String> {
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

/// The records that are not among the rows and the lines that are none, with their places in the file; and what all lines
/// of the block are.
pub(crate) fn rejects(block: &Block, scanner: &Scanner) -> (Vec<Reject>, Lines) {
    let (mut line, mut at) = (block.line, 0);
    let mut rejects = Vec::with_capacity(block.rejected.len());
    let mut lines = Lines { blank: block.blank, ..Lines::default() };
    let mut rows = block.rows.iter().peekable();
    for rejected in &block.rejected {
        line += scanner.grammar.lines(&block.text[at..rejected.start]);
        at = rejected.start;
        let count = match rejected.flaw {
            // The rest of it is not in the block.
            Flaw::TooLong { .. } => block.line + block.lines - line,
            _ => lines_of(block, scanner, at, rejected.end),
        };
        lines.count(&rejected.flaw, count);
        let mut after_row = false;
        while rows.next_if(|row| (**row as usize) < at).is_some() {
            after_row = true;
        }
        let end = rejected.end.min(at + RAW);
        rejects.push(Reject {
            line,
            offset: block.offset + at as u64,
            after_row,
            flaw: rejected.flaw.clone(),
            raw: block.text[at..end].to_vec(),
        });
    }
    lines.rows = block.lines.saturating_sub(lines.total());
    debug_assert!(
        block.lines == 0 || lines.rows == lines_of_rows(block, scanner),
        "of {} lines {lines:?} have a place, but rows have {}",
        block.lines,
        lines_of_rows(block, scanner)
    );
    (rejects, lines)
}

/// The lines that the rows of a block take.
fn lines_of_rows(block: &Block, scanner: &Scanner) -> u64 {
    let lines = (0..block.rows.len()).map(|row| {
        let (start, end) = block.span(row, scanner.fields);
        lines_of(block, scanner, start, end)
    });
    lines.sum()
}

/// The lines that a part of a block takes, the last of which ends behind it; unless it is escaped at the very end.
fn lines_of(block: &Block, scanner: &Scanner, start: usize, end: usize) -> u64 {
    let text = &block.text[start..end];
    let grammar = &scanner.grammar;
    let is_over = end == block.len && grammar.ends_line(text);
    // An escaped CR before the LF of a CRLF.
    let is_half = grammar.terminator == Terminator::Any && text.ends_with(b"\r") && block.text[end] == b'\n';
    grammar.lines(text) + u64::from(!is_over) - u64::from(is_half)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_strings_are_escaped() {
        assert_eq!(quote("a\"b\\c\nd\u{e9}"), "\"a\\\"b\\\\c\\u000ad\u{e9}\"");
    }
}
