//! Arrow batches to Parquet.
//!
//! [`Writer`] takes batches in order and writes one Parquet file to anything that implements [`std::io::Write`]; it
//! never seeks and never holds more than one row group.

use std::io::Write;

use arrow::{array::RecordBatch, datatypes::SchemaRef};
use parquet::{
    arrow::ArrowWriter,
    basic::{Compression as Codec, ZstdLevel},
    file::{metadata::KeyValue, properties::WriterProperties},
};

mod error;

pub use error::Error;

/// How pages are compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Compression {
    /// Not at all.
    None,
    /// Snappy: fast, and read by everything.
    #[default]
    Snappy,
    /// Zstandard at a level from 1 to 22.
    Zstd(i32),
}

/// How a file is laid out.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How pages are compressed.
    pub compression: Compression,
    /// Bytes of a row group, compressed, about.
    pub row_group_bytes: usize,
    /// Threads that encode; 1 means the caller's own.
    pub threads: usize,
    /// Key-value metadata of the file, for lineage.
    pub metadata: Vec<(String, String)>,
}

/// What was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Rows.
    pub rows: u64,
    /// Bytes.
    pub bytes: u64,
    /// Row groups.
    pub row_groups: usize,
}

/// Writes one Parquet file.
pub struct Writer<W: Write + Send> {
    inner: ArrowWriter<W>,
    rows: u64,
}

impl<W: Write + Send> Writer<W> {
    /// Begins a file.
    ///
    /// # Errors
    /// Where the schema has a type that Parquet lacks, or the output cannot be written.
    pub fn new(out: W, schema: SchemaRef, settings: &Settings) -> Result<Self, Error> {
        let compression = match settings.compression {
            Compression::None => Codec::UNCOMPRESSED,
            Compression::Snappy => Codec::SNAPPY,
            Compression::Zstd(level) => Codec::ZSTD(ZstdLevel::try_new(level)?),
        };
        let metadata = settings.metadata.iter().map(|(k, v)| KeyValue::new(k.clone(), v.clone())).collect();
        let properties =
            WriterProperties::builder().set_compression(compression).set_key_value_metadata(Some(metadata)).build();
        Ok(Self { inner: ArrowWriter::try_new(out, schema, Some(properties))?, rows: 0 })
    }

    /// Adds a batch.
    ///
    /// # Errors
    /// Where the output cannot be written.
    pub fn write(&mut self, batch: &RecordBatch) -> Result<(), Error> {
        self.rows += batch.num_rows() as u64;
        Ok(self.inner.write(batch)?)
    }

    /// Bytes written so far, to decide when to begin another file.
    pub fn bytes_written(&self) -> u64 {
        self.inner.bytes_written() as u64
    }

    /// Ends the file and returns the output.
    ///
    /// # Errors
    /// Where the output cannot be written.
    pub fn finish(mut self) -> Result<(W, Summary), Error> {
        self.inner.finish()?;
        let summary = Summary {
            rows: self.rows,
            bytes: self.inner.bytes_written() as u64,
            row_groups: self.inner.flushed_row_groups().len(),
        };
        Ok((self.inner.into_inner()?, summary))
    }
}
