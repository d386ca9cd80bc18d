//! What a file is and what becomes of it, without making anything of it.

use std::collections::BTreeMap;

use arrow::{array::RecordBatch, datatypes::SchemaRef};
use serde::Serialize;

use crate::{
    Attempt, BadRows, Column, Dialect, Error, InputFacts, Layout, Options, Planner, RejectedRow, Report, Sink,
    SinkError, Source, Terminator, input, layout, read, types::sql_name,
};

mod distinct;
mod shape;
mod statistics;

use statistics::Statistics;

/// What a file is, and what reading it gives. No string value of the file is in it, only shapes of them.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Inspection {
    /// Compression and character set.
    pub input: InputFacts,
    /// How the file is written.
    pub dialect: InspectedDialect,
    /// Ways of writing that were compared, the best first.
    pub tried: Vec<Attempt>,
    /// Records of the file: `rows + rejected`.
    pub records: u64,
    /// Rows that fit.
    pub rows: u64,
    /// Rows that do not.
    pub rejected: u64,
    /// The same by reason.
    pub rejected_by_reason: BTreeMap<String, u64>,
    /// The columns, in order.
    pub columns: Vec<InspectedColumn>,
    /// What would be different with which flag of the command line.
    pub hints: Vec<Hint>,
}

/// A [`Dialect`], for people.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct InspectedDialect {
    /// What separates fields; empty: nothing, a record is one field, unless there is a [layout](Self::layout).
    pub delimiter: String,
    /// How fields lie in a line where no delimiter is between them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub layout: Option<Layout>,
    /// What wraps fields.
    pub quote: Option<char>,
    /// What makes a special character literal, where a quote is not doubled.
    pub escape: Option<char>,
    /// What ends a record.
    pub line_end: &'static str,
    /// What begins a line that is no record.
    pub comment: Option<char>,
    /// Lines before the header.
    pub skip_lines: u64,
    /// Records that hold the names of the columns.
    pub header_rows: u32,
    /// How sure all this is, from 0 to 1.
    pub certainty: f64,
}

/// A column, by what is in it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct InspectedColumn {
    /// The name it gets.
    pub name: String,
    /// The name in the file.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub source_name: String,
    /// Its type: `boolean`, `bigint`, `double`, `date`, `timestamp`, `string`, …; `null` where it has no value.
    #[serde(rename = "type")]
    pub data_type: String,
    /// Rows in which it is null.
    pub nulls: u64,
    /// About how many different values it has: exact up to 1,024, beyond within about 2 %.
    pub distinct: u64,
    /// The least value; never of a string.
    pub min: Option<String>,
    /// The greatest value; never of a string.
    pub max: Option<String>,
    /// What most strings look like: `9` for a digit, `a` and `A` for letters, `…` where more of the same follow.
    pub shape: Option<String>,
}

/// What a flag would change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Hint {
    /// The flag.
    pub flag: String,
    /// What would be different.
    pub effect: String,
}

/// Reads a source as [`read`] does, and tells what is in it. Rejected rows are only counted, however many.
///
/// # Errors
/// Those of [`read`], except that no number of rejected rows is too many as long as one row fits.
pub fn inspect(source: &mut dyn Source, planner: &dyn Planner, options: &Options) -> Result<Inspection, Error> {
    let options = Options { bad_rows: BadRows::Quarantine, max_rejected_ratio: 1.0, ..options.clone() };
    let tried = attempts(source, &options)?;
    let mut gauge = Gauge::default();
    let report = read(source, &mut gauge, planner, &options)?;
    let columns = report.columns.iter().zip(gauge.columns).map(|(column, statistics)| inspected(column, &statistics));
    let columns: Vec<_> = columns.collect();
    Ok(Inspection {
        hints: hints(&report, &tried, &columns, &options),
        dialect: InspectedDialect::new(&report.dialect, report.certainty),
        input: report.input,
        tried,
        records: report.records,
        rows: report.rows,
        rejected: report.rejected,
        rejected_by_reason: report.rejected_by_reason.iter().map(|(reason, n)| ((*reason).to_owned(), *n)).collect(),
        columns,
    })
}

/// What the sniffer compares: the beginning is read for it once more.
fn attempts(source: &mut dyn Source, options: &Options) -> Result<Vec<Attempt>, Error> {
    let input = input::open(source.open()?, &options.opening())?;
    Ok(layout::open(Box::new(input), options)?.sniffed.tried)
}

impl InspectedDialect {
    fn new(dialect: &Dialect, certainty: f64) -> Self {
        Self {
            delimiter: match dialect.layout {
                None => String::from_utf8_lossy(&dialect.delimiter).into_owned(),
                Some(_) => String::new(),
            },
            layout: dialect.layout.clone(),
            quote: dialect.quote.map(char::from),
            escape: dialect.escape.map(char::from),
            line_end: match dialect.terminator {
                Terminator::Lf => "LF or CRLF",
                Terminator::Cr => "CR",
                Terminator::Any => "CR, LF or CRLF",
            },
            comment: dialect.comment.map(char::from),
            skip_lines: dialect.skip_lines,
            header_rows: dialect.header_rows,
            certainty,
        }
    }
}

/// Measures what it is given, and keeps nothing of it.
#[derive(Default)]
struct Gauge {
    columns: Vec<Statistics>,
}

impl Sink for Gauge {
    fn begin(&mut self, schema: &SchemaRef, _: &[Column]) -> Result<(), SinkError> {
        self.columns = schema.fields().iter().map(|_| Statistics::default()).collect();
        Ok(())
    }

    fn batch(&mut self, batch: RecordBatch) -> Result<(), SinkError> {
        for (statistics, column) in self.columns.iter_mut().zip(batch.columns()) {
            statistics.add(column);
        }
        Ok(())
    }

    fn rejected(&mut self, _: &RejectedRow<'_>) -> Result<(), SinkError> {
        Ok(())
    }
}

fn inspected(column: &Column, statistics: &Statistics) -> InspectedColumn {
    let (min, max) = statistics.extremes(&column.data_type);
    InspectedColumn {
        name: column.name.clone(),
        source_name: column.source_name.clone(),
        data_type: sql_name(&column.data_type),
        nulls: column.nulls,
        distinct: statistics.distinct(),
        min,
        max,
        shape: statistics.shape(),
    }
}

/// Below this a guess is worth a second look.
const SURE: f64 = 0.9;
/// Bits by which another way of writing may be worse, and still be the right one.
const NEAR: f64 = 40.0;

fn hints(report: &Report, tried: &[Attempt], columns: &[InspectedColumn], options: &Options) -> Vec<Hint> {
    let mut hints = Vec::new();
    let mut hint = |flag: String, effect: String| hints.push(Hint { flag, effect });
    let found = String::from_utf8_lossy(&report.dialect.delimiter);
    if report.certainty < SURE && options.dialect.delimiter.is_none() && report.dialect.layout.is_none() {
        let columns_found = tried.first().map_or(0, |attempt| attempt.columns);
        let near = |a: &&Attempt| a.worse_by < NEAR && a.consistency >= 0.5 && a.columns > 1;
        let rival = tried.iter().filter(near).find(|a| a.delimiter != found && a.columns != columns_found);
        if let Some(rival) = rival {
            hint(
                match rival.delimiter.as_str() {
                    "\t" => "--delimiter tab".to_owned(),
                    delimiter => format!("--delimiter '{}'", delimiter.escape_debug()),
                },
                format!("{} columns, in {:.0} % of the records", rival.columns, rival.consistency * 100.0),
            );
        }
    }
    if options.dialect.header_rows.is_none() && !columns.is_empty() {
        match report.dialect.header_rows {
            0 => hint("--header-rows 1".to_owned(), "the first record names the columns, and is no row".to_owned()),
            _ if columns.iter().all(|c| c.shape.is_some() || c.data_type == "null") => hint(
                "--header-rows 0".to_owned(),
                "the first record is a row: nothing but text speaks for it being a header".to_owned(),
            ),
            _ => {}
        }
    }
    if report.input.charset_certainty < SURE && options.input.charset.is_none() {
        let guess = format!("{} is a guess ({:.0} %)", report.input.charset, report.input.charset_certainty * 100.0);
        let other = report.input.charset_alternative.map(|other| format!(", {other} comes next"));
        hint("--encoding NAME".to_owned(), guess + &other.unwrap_or_default());
    }
    let of = |reason: &str| report.rejected_by_reason.get(reason).copied().unwrap_or(0);
    let short = of("too few fields");
    if short > 0 && !options.pad_short_rows {
        hint("--pad-short-rows".to_owned(), format!("{short} rejected rows are kept, their last fields null"));
    }
    let flawed = report.rejected - of("duplicate");
    if flawed > 0 {
        hint(
            "--bad-rows rescue".to_owned(),
            format!("{flawed} rejected rows are kept; what does not fit is in the column _rescued"),
        );
    }
    let typed = columns.iter().filter(|c| c.min.is_some()).count();
    if typed > 0 && !options.all_strings {
        hint(
            "--all-strings".to_owned(),
            format!("every field stays as it is written; {typed} of {} columns have another type now", columns.len()),
        );
    }
    hints
}

#[cfg(test)]
mod tests;
