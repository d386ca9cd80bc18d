//! Arrow batches to Parquet.
//!
//! [`Writer`] takes batches in order and writes one Parquet file to anything that implements [`std::io::Write`]; it
//! never seeks and never holds more than one row group, and of that only compressed pages, the open page of each
//! column, and dictionaries of bounded size.
//!
//! The encoder is our own, made for tables that are read once and written once. A column chunk begins with a
//! dictionary; its first page shows whether the dictionary will pay, measured in compressed bytes, and otherwise the
//! chunk is PLAIN. Data pages are of version 1, with the encodings that Athena, Spark, `DuckDB`, pyarrow and Polars all
//! read. Every chunk has statistics, and every page bounds in the column index, text being cut to 64 bytes there.
//!
//! Columns are encoded in parallel, while the caller makes the next batch. What is written depends on the batches
//! alone: the same batches give the same bytes on any number of threads, so that a file can be made again.

mod boolean;
mod bounds;
mod bytes;
mod choice;
mod column;
mod compress;
mod dictionary;
mod engine;
mod error;
mod fixed;
mod hybrid;
mod levels;
mod metadata;
mod page;
mod proof;
mod recent;
mod schema;
mod snappy;
mod snappy_words;
mod thrift;
mod value;
mod values;
mod writer;

pub use error::Error;
pub use writer::Writer;

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

impl std::str::FromStr for Compression {
    type Err = UnknownCompression;

    /// `none`, `snappy` or `zstd` (level 3), in any case.
    fn from_str(text: &str) -> Result<Self, UnknownCompression> {
        match text.to_ascii_lowercase().as_str() {
            "none" => Ok(Self::None),
            "snappy" => Ok(Self::Snappy),
            "zstd" => Ok(Self::Zstd(3)),
            _ => Err(UnknownCompression),
        }
    }
}

/// A compression that is not known here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected none, snappy or zstd")]
pub struct UnknownCompression;

/// How a file is laid out.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How pages are compressed.
    pub compression: Compression,
    /// Bytes of a row group, compressed, about.
    pub row_group_bytes: usize,
    /// Threads that encode, one of which is the caller's own while it waits: 1 means that no other is started.
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
