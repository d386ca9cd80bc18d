use std::str::FromStr;

pub use cleanzone_columnar::Compression;

/// What a new upload under a known source key means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// It replaces exactly the rows of the earlier one.
    #[default]
    Replace,
    /// It adds its rows.
    Append,
    /// It takes over the partitions that it has rows in, whichever file wrote what is in them; the others stay. A table
    /// without partitions is one. Of two files for a partition, the one that S3 stored later wins, in whatever order
    /// they arrive. As `overwrite_partitions` of AWS SDK for pandas
    /// (<https://aws-sdk-pandas.readthedocs.io/en/stable/stubs/awswrangler.s3.to_parquet.html>).
    OverwritePartitions,
}

/// Which numbers the lake keeps of its tables and partitions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Statistics {
    /// None.
    #[default]
    Off,
    /// Rows, files and bytes. Costs two small requests for each partition written to, and as many for the table.
    Counts,
}

impl FromStr for Statistics {
    type Err = UnknownStatistics;

    fn from_str(text: &str) -> Result<Self, UnknownStatistics> {
        match text.to_ascii_lowercase().as_str() {
            "off" => Ok(Self::Off),
            "counts" => Ok(Self::Counts),
            _ => Err(UnknownStatistics),
        }
    }
}

/// Neither `off` nor `counts`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected off or counts")]
pub struct UnknownStatistics;

impl FromStr for Mode {
    type Err = UnknownMode;

    fn from_str(text: &str) -> Result<Self, UnknownMode> {
        match text.to_ascii_lowercase().as_str() {
            "replace" => Ok(Self::Replace),
            "append" => Ok(Self::Append),
            "overwrite_partitions" => Ok(Self::OverwritePartitions),
            _ => Err(UnknownMode),
        }
    }
}

/// None of [`Mode`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected replace, append or overwrite_partitions")]
pub struct UnknownMode;

/// How objects are converted.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The bucket that tables are written to.
    pub clean_bucket: String,
    /// What a new upload under a known source key means.
    pub mode: Mode,
    /// Which numbers are kept of tables and partitions.
    pub statistics: Statistics,
    /// How the files are laid out.
    pub layout: Layout,
    /// How the source is read.
    pub read: cleanzone_tabular::Options,
}

/// How Parquet files are laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// How pages are compressed.
    pub compression: Compression,
    /// Compressed bytes of a row group, about: what one reader task takes at a time.
    pub row_group_bytes: usize,
    /// Bytes after which a further file is begun. Athena reads best from files of 128 MB and more
    /// (<https://docs.aws.amazon.com/athena/latest/ug/performance-tuning-data-optimization-techniques.html>).
    pub max_file_bytes: u64,
    /// Threads that encode.
    pub threads: usize,
}

impl Layout {
    /// The compression as table parameters name it.
    pub(crate) fn compression_name(&self) -> &'static str {
        match self.compression {
            Compression::None => "uncompressed",
            Compression::Snappy => "snappy",
            Compression::Zstd(_) => "zstd",
        }
    }
}

impl Default for Layout {
    fn default() -> Self {
        Self {
            compression: Compression::Snappy,
            row_group_bytes: 16 << 20,
            max_file_bytes: 512 << 20,
            threads: std::thread::available_parallelism().map_or(1, Into::into),
        }
    }
}
