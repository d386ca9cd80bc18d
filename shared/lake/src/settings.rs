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
}

impl FromStr for Mode {
    type Err = UnknownMode;

    fn from_str(text: &str) -> Result<Self, UnknownMode> {
        match text.to_ascii_lowercase().as_str() {
            "replace" => Ok(Self::Replace),
            "append" => Ok(Self::Append),
            _ => Err(UnknownMode),
        }
    }
}

/// Neither `replace` nor `append`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected replace or append")]
pub struct UnknownMode;

/// How objects are converted.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The bucket that tables are written to.
    pub clean_bucket: String,
    /// What a new upload under a known source key means.
    pub mode: Mode,
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
