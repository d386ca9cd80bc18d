//! The conversion itself, on a thread that may block: a source is read, files are written.

use std::io;

use cleanzone_catalog::hive_type;
use cleanzone_tabular::{self as tabular, Planner, Source};

use crate::{
    Error,
    report::{ColumnReport, Content},
    settings::Layout,
    sink::{FileSink, Files, NoEvidence, settle},
};

/// What differs between a conversion into the lake and one into a local file.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) layout: Layout,
    /// Key-value metadata of the Parquet files.
    pub(crate) metadata: Vec<(String, String)>,
    pub(crate) no_evidence: NoEvidence,
    /// Whether a file is written even if there is no row.
    pub(crate) even_empty: bool,
}

/// What a conversion made.
#[derive(Debug)]
pub(crate) struct Converted {
    pub(crate) content: Content,
    pub(crate) columns: Vec<tabular::Column>,
    /// Bytes of Parquet.
    pub(crate) bytes: u64,
}

/// Converts a source. After an error, nothing that `files` holds is worth anything; it is discarded.
pub(crate) fn convert<F: Files>(
    source: &mut dyn Source,
    files: &mut F,
    planner: &dyn Planner,
    options: &tabular::Options,
    target: Target,
) -> Result<Converted, Error> {
    let result = (|| {
        let mut sink = FileSink::new(files, target.layout, target.metadata, target.no_evidence);
        let mut report = tabular::read(source, &mut sink, planner, options).map_err(Error::read)?;
        if target.no_evidence == NoEvidence::LeaveOut && report.rows > 0 {
            settle(&mut report.columns);
        }
        let bytes = sink.finish(target.even_empty)?;
        Ok(Converted { content: content(&report), columns: report.columns, bytes })
    })();
    if result.is_err() {
        files.discard()?;
    }
    result
}

pub(crate) fn content(report: &tabular::Report) -> Content {
    let columns = report.columns.iter().map(|column| ColumnReport {
        name: column.name.clone(),
        source_name: column.source_name.clone(),
        hive_type: hive_type(&column.data_type).unwrap_or_else(|| "string".to_owned()),
        nulls: column.nulls,
        provisional: column.data_type == arrow::datatypes::DataType::Null,
    });
    Content {
        records: report.records,
        rows: report.rows,
        rejected: report.rejected,
        rejected_by_reason: report.rejected_by_reason.iter().map(|(why, rows)| ((*why).to_owned(), *rows)).collect(),
        rescued: report.rescued,
        padded: report.padded,
        columns: columns.collect(),
        bytes_in: report.bytes_in,
        encoding: report.input.charset.to_owned(),
        wrong_sequences: report.input.wrong_sequences,
        passes: report.passes,
    }
}

/// An error that crosses [`std::io`].
pub(crate) fn io_error(error: Error) -> io::Error {
    io::Error::other(error)
}
