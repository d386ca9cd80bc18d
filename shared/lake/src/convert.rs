//! The conversion itself, on a thread that may block: a source is read, files are written.

use std::io;

use arrow::{datatypes::DataType, error::ArrowError};
use cleanzone_catalog::{Mark, Position, hive_type};
use cleanzone_tabular::{self as tabular, Ambiguity, Origin, Planner, Source};

use crate::{
    Error,
    column_statistics::Gathered,
    context::Provenance,
    partition::Partitioning,
    report::{ColumnReport, Content},
    settings::Layout,
    sink::{FileSink, Files, NoEvidence, WrittenFile},
    warning::{Warning, WarningKind},
};

/// What differs between a conversion into the lake and one into a local file.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) layout: Layout,
    /// Key-value metadata of the Parquet files.
    pub(crate) metadata: Vec<(String, String)>,
    pub(crate) no_evidence: NoEvidence,
    /// Whether a file is written even if there is no row, where nothing is partitioned by.
    pub(crate) even_empty: bool,
    /// Whether it is gathered what the values of the columns are like.
    pub(crate) column_statistics: bool,
    pub(crate) partitioning: Partitioning,
    pub(crate) provenance: Provenance,
}

/// What a conversion made.
#[derive(Debug)]
pub(crate) struct Converted {
    pub(crate) content: Content,
    /// The columns of the table, without those that it is partitioned by.
    pub(crate) columns: Vec<TableColumn>,
    /// The Parquet files, by partition.
    pub(crate) files: Vec<WrittenFile>,
    /// Bytes of Parquet.
    pub(crate) bytes: u64,
    /// What the values of the columns are like, where that was asked for and there were rows.
    pub(crate) gathered: Option<Gathered>,
    /// What a person should know of it.
    pub(crate) warnings: Vec<Warning>,
}

/// A column as the table gets it.
#[derive(Clone, Debug)]
pub(crate) struct TableColumn {
    pub(crate) name: String,
    /// `Null` where no value gives evidence of a type.
    pub(crate) data_type: DataType,
    /// The name by which rules mean it; `None` where it does not come from the file as it is.
    pub(crate) in_file: Option<String>,
    /// The notation that its values prove, where the table does not know it.
    pub(crate) notation: Option<String>,
    /// The unit of its numbers.
    pub(crate) unit: Option<String>,
    /// It has no values.
    pub(crate) is_empty: bool,
    /// What it stands for.
    pub(crate) mark: Mark,
    /// Its place in the file.
    pub(crate) position: Option<Position>,
}

impl TableColumn {
    fn of(column: tabular::Column, rows: u64) -> Self {
        Self {
            in_file: Some(column.source_name).filter(|_| column.origin == Origin::File),
            notation: column.notation.map(|notation| notation.to_string()),
            unit: column.unit,
            is_empty: column.nulls == rows,
            mark: match column.origin {
                Origin::File => Mark::File,
                Origin::Sibling => Mark::SiblingOf(column.beside.unwrap_or_default()),
                Origin::Rescued => Mark::Rescued,
                Origin::RowNumber => Mark::RowNumber,
                Origin::Duplicate => Mark::Duplicate,
            },
            position: None,
            name: column.name,
            data_type: column.data_type,
        }
    }
}

/// Converts a source. After an error, nothing that `files` holds is worth anything; it is discarded.
pub(crate) fn convert<F: Files>(
    source: &mut dyn Source,
    files: &mut F,
    planner: &dyn Planner,
    options: &tabular::Options,
    target: Target,
) -> Result<Converted, Error> {
    let provenance = target.provenance.clone();
    let result = (|| {
        let mut sink = FileSink::new(files, target);
        let mut report = tabular::read(source, &mut sink, planner, options).map_err(Error::read)?;
        let written = sink.finish()?;
        check(&report, &written.files)?;
        if let Some(column) = written.settled.and_then(|at| report.columns.get_mut(at))
            && report.rows > 0
        {
            column.data_type = DataType::Utf8;
        }
        let mut content = content(&report);
        let warnings: Vec<_> = report.columns.iter().filter_map(ambiguous).collect();
        let mut columns: Vec<_> =
            report.columns.into_iter().map(|column| TableColumn::of(column, report.rows)).collect();
        if !columns.is_empty() {
            retain(&mut content.columns, &written.parted_by);
            retain(&mut columns, &written.parted_by);
            for (name, data_type) in provenance.columns() {
                let hive_type = hive_type(&data_type).unwrap_or_default();
                content.columns.push(ColumnReport { name: name.to_owned(), hive_type, ..ColumnReport::default() });
                let name = name.to_owned();
                columns.push(TableColumn {
                    name,
                    data_type,
                    in_file: None,
                    notation: None,
                    unit: None,
                    is_empty: false,
                    mark: Mark::Context,
                    position: None,
                });
            }
        }
        let bytes = written.files.iter().map(|file| file.bytes).sum();
        Ok(Converted { content, columns, files: written.files, bytes, gathered: written.gathered, warnings })
    })();
    if result.is_err() {
        files.discard()?;
    }
    result
}

/// That the values of a column can be read in several notations.
fn ambiguous(column: &tabular::Column) -> Option<Warning> {
    let found = match column.ambiguity? {
        Ambiguity::Text => {
            "its values are numbers or dates that can be read in two ways, so that it is text".to_owned()
        }
        Ambiguity::DecimalPoint => "its points are read as decimal points, and could be between thousands".to_owned(),
        Ambiguity::Misfits => {
            let name = hive_type(&column.data_type).unwrap_or_else(|| "string".to_owned());
            format!("its values can be read as {name} in two ways; those that differ do not fit")
        }
    };
    let advice = "declare decimal, thousands or date_format in lake.toml";
    Some(Warning::of_column(WarningKind::AmbiguousNotation, &column.name, format!("{found}; {advice}")))
}

/// Every row that was read has to be in a file. Whatever went wrong otherwise, nothing is published.
fn check(report: &tabular::Report, files: &[WrittenFile]) -> Result<(), Error> {
    let written: u64 = files.iter().map(|file| file.rows).sum();
    if written == report.rows {
        return Ok(());
    }
    let message = format!("{} rows were read, but {written} written", report.rows);
    Err(Error::Rows(ArrowError::ComputeError(message)))
}

/// Removes what is at these positions.
fn retain<T>(items: &mut Vec<T>, without: &[usize]) {
    let mut position = 0..;
    items.retain(|_| position.next().is_none_or(|at| !without.contains(&at)));
}

pub(crate) fn content(report: &tabular::Report) -> Content {
    let columns = report.columns.iter().map(|column| ColumnReport {
        name: column.name.clone(),
        source_name: column.source_name.clone(),
        hive_type: hive_type(&column.data_type).unwrap_or_else(|| "string".to_owned()),
        nulls: column.nulls,
        provisional: column.data_type == DataType::Null,
        unit: column.unit.clone(),
    });
    Content {
        lines: report.lines,
        records: report.records,
        rows: report.rows,
        rejected: report.rejected,
        rejected_by_reason: report.rejected_by_reason.iter().map(|(why, rows)| ((*why).to_owned(), *rows)).collect(),
        rescued: report.rescued,
        nulled: report.nulled,
        duplicates: report.duplicates,
        dropped: report.dropped.clone(),
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
