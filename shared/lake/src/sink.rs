//! Typed batches and rejected rows become files.

use std::{io::Write, sync::Arc};

use arrow::{
    array::RecordBatch,
    datatypes::{DataType, Schema, SchemaRef},
};
use cleanzone_columnar as columnar;
use cleanzone_tabular::{Column, RejectedRow, Sink, SinkError};

use crate::{Error, settings::Layout};

/// Which file of a conversion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FileKind {
    /// The Parquet file with this number, from 0.
    Data(u32),
    /// The rejected rows, as CSV.
    Rejected,
}

/// Where the files of one conversion go. Nothing that goes there is visible before the conversion has succeeded.
pub(crate) trait Files {
    type File: Write + Send;

    fn create(&mut self, kind: FileKind) -> Result<Self::File, Error>;

    /// Takes a file that is complete.
    fn close(&mut self, kind: FileKind, file: Self::File) -> Result<(), Error>;

    /// Gives up all files closed so far.
    fn discard(&mut self) -> Result<(), Error>;
}

/// What becomes of columns in which nothing gives evidence of a type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoEvidence {
    /// They are written as strings, all null.
    Write,
    /// They are left out of the file, so that the table can still give them any type; but see [`settle`].
    LeaveOut,
}

/// Makes the last column a string where rows came and not one value in them. Rows need a column
/// to be counted by, and a type that is in a file has to be the table's: no later one could be read from that file.
/// The last column is the one least likely to be a key.
pub(crate) fn settle(columns: &mut [Column]) {
    if columns.iter().all(|column| column.data_type == DataType::Null)
        && let Some(last) = columns.last_mut()
    {
        last.data_type = DataType::Utf8;
    }
}

pub(crate) struct FileSink<'a, F: Files> {
    files: &'a mut F,
    layout: Layout,
    metadata: Vec<(String, String)>,
    no_evidence: NoEvidence,
    schema: SchemaRef,
    /// The columns that are written.
    projection: Vec<usize>,
    writer: Option<columnar::Writer<F::File>>,
    rejected: Option<csv::Writer<F::File>>,
    data_files: u32,
    pub(crate) bytes: u64,
}

impl<'a, F: Files> FileSink<'a, F> {
    pub(crate) fn new(
        files: &'a mut F,
        layout: Layout,
        metadata: Vec<(String, String)>,
        no_evidence: NoEvidence,
    ) -> Self {
        Self {
            files,
            layout,
            metadata,
            no_evidence,
            schema: Arc::new(Schema::empty()),
            projection: Vec::new(),
            writer: None,
            rejected: None,
            data_files: 0,
            bytes: 0,
        }
    }

    fn writer(&mut self) -> Result<&mut columnar::Writer<F::File>, Error> {
        let writer = if let Some(writer) = self.writer.take() {
            writer
        } else {
            let file = self.files.create(FileKind::Data(self.data_files))?;
            let settings = columnar::Settings {
                compression: self.layout.compression,
                row_group_bytes: self.layout.row_group_bytes,
                threads: self.layout.threads,
                metadata: self.metadata.clone(),
            };
            columnar::Writer::new(file, self.schema.clone(), &settings).map_err(Error::write)?
        };
        Ok(self.writer.insert(writer))
    }

    fn end_file(&mut self) -> Result<(), Error> {
        if let Some(writer) = self.writer.take() {
            let (file, summary) = writer.finish().map_err(Error::write)?;
            self.files.close(FileKind::Data(self.data_files), file)?;
            self.data_files += 1;
            self.bytes += summary.bytes;
        }
        Ok(())
    }

    /// Ends all files. With `even_empty`, a file is written even if there was no row.
    pub(crate) fn finish(mut self, even_empty: bool) -> Result<u64, Error> {
        if even_empty && self.data_files == 0 && !self.schema.fields().is_empty() {
            self.writer()?;
        }
        self.end_file()?;
        if let Some(rejected) = self.rejected.take() {
            self.files.close(FileKind::Rejected, into_file(rejected)?)?;
        }
        Ok(self.bytes)
    }
}

impl<F: Files> Sink for FileSink<'_, F> {
    fn begin(&mut self, schema: &SchemaRef, columns: &[Column]) -> Result<(), SinkError> {
        self.writer = None;
        self.rejected = None;
        self.data_files = 0;
        self.bytes = 0;
        self.files.discard()?;
        self.projection = (0..schema.fields().len()).collect();
        if self.no_evidence == NoEvidence::LeaveOut {
            let mut columns = columns.to_vec();
            settle(&mut columns);
            self.projection.retain(|i| columns.get(*i).is_none_or(|column| column.data_type != DataType::Null));
        }
        self.schema = Arc::new(schema.project(&self.projection)?);
        Ok(())
    }

    fn batch(&mut self, batch: RecordBatch) -> Result<(), SinkError> {
        let batch =
            if self.projection.len() == batch.num_columns() { batch } else { batch.project(&self.projection)? };
        let full = self.layout.max_file_bytes;
        let writer = self.writer()?;
        writer.write(&batch).map_err(Error::write)?;
        if writer.bytes_written() >= full {
            self.end_file()?;
        }
        Ok(())
    }

    fn rejected(&mut self, row: &RejectedRow<'_>) -> Result<(), SinkError> {
        let mut writer = if let Some(writer) = self.rejected.take() {
            writer
        } else {
            let mut writer = csv::Writer::from_writer(self.files.create(FileKind::Rejected)?);
            writer.write_record(["line", "offset", "reason", "raw"]).map_err(rejected_error)?;
            writer
        };
        let (line, offset) = (row.line.to_string(), row.offset.to_string());
        writer
            .write_record([line.as_bytes(), offset.as_bytes(), row.reason.as_bytes(), row.raw])
            .map_err(rejected_error)?;
        self.rejected = Some(writer);
        Ok(())
    }
}

fn into_file<W: Write>(writer: csv::Writer<W>) -> Result<W, Error> {
    writer.into_inner().map_err(|e| rejected_error(csv::Error::from(e.into_error())))
}

/// The `csv` crate hands back the I/O error of our own stream, which carries the typed one.
fn rejected_error(error: csv::Error) -> Error {
    match error.into_kind() {
        csv::ErrorKind::Io(io) => Error::write(columnar::Error::Write(io)),
        other => Error::write(columnar::Error::Write(std::io::Error::other(format!("{other:?}")))),
    }
}
