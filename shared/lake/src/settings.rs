use std::{str::FromStr, sync::Arc};

pub use cleanzone_catalog::Evolution;
pub use cleanzone_columnar::Compression;
use cleanzone_rules::Dataset;

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
    /// These, and what the values of each column are like: nulls, bounds, lengths, about how many are distinct. Of the
    /// whole table, also where it has partitions. Costs two further requests to the store and two to the catalog for
    /// each source, and about 4 ns of the processor for each value: a tenth more of its time, for a file of 200 MB.
    /// Where whole partitions are taken over ([`Mode::OverwritePartitions`]), it is the same as `Counts`.
    Columns,
}

impl FromStr for Statistics {
    type Err = UnknownStatistics;

    fn from_str(text: &str) -> Result<Self, UnknownStatistics> {
        match text.to_ascii_lowercase().as_str() {
            "off" => Ok(Self::Off),
            "counts" => Ok(Self::Counts),
            "columns" => Ok(Self::Columns),
            _ => Err(UnknownStatistics),
        }
    }
}

/// None of [`Statistics`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected off, counts or columns")]
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
#[derive(Clone, Debug, Default)]
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
    /// What the rows are parted by, after the Hive folders of the source's key.
    pub partition_by: Vec<PartitionBy>,
    /// Columns that are added to those of the file.
    pub context: Context,
    /// What becomes of columns that the table lacks.
    pub evolution: Evolution,
    /// The rules of the dataset: what they say of columns holds as they say it, all else is in the fields above.
    pub dataset: Arc<Dataset>,
}

impl Settings {
    /// Whether it is kept what the values of columns are like. What adds up of them is known of each source, not of
    /// each partition of it, and could not be taken away with a partition.
    pub(crate) fn keeps_column_statistics(&self) -> bool {
        self.statistics == Statistics::Columns && self.mode != Mode::OverwritePartitions
    }
}

/// A partition key whose values come from the rows.
///
/// Text stands in the path as it is, escaped as Hive does; whole numbers, decimals and booleans as they are printed;
/// dates as `YYYY-MM-DD`. Null, the empty text, and Hive's own word for null become
/// `__HIVE_DEFAULT_PARTITION__`, as in Hive, and are null when they are read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionBy {
    /// The name of the key, as a table has it.
    pub name: String,
    /// The column that gives the values, by its name in the table. `ingested_at`, where the file has no such column,
    /// is when the source was stored.
    pub column: String,
    /// What the value is made of.
    pub transform: Transform,
    /// The type of the key in a new table.
    pub hive_type: String,
}

/// What a partition value is made of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Transform {
    /// The value itself. The column leaves the file.
    #[default]
    Identity,
    /// The year of a date or timestamp, `2026`. The column stays in the file, here and in those below.
    Year,
    /// The month of the year, `1` to `12`.
    Month,
    /// The day, as a date.
    Day,
    /// The hour of the day, `0` to `23`; that of a date is 0.
    Hour,
}

impl Transform {
    /// The Hive type of what it makes; `None` where that depends on the column.
    pub fn hive_type(self) -> Option<&'static str> {
        match self {
            Self::Identity => None,
            Self::Year | Self::Month | Self::Hour => Some("int"),
            Self::Day => Some("date"),
        }
    }
}

/// Columns that are added to those of the file, after them: the same value in every row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Context {
    /// The name of a timestamp: when the source was stored. It does not depend on when the source is converted, so
    /// that a further conversion writes the same bytes.
    pub ingested_at: Option<String>,
    /// The name of a text: the source's address, `s3://bucket/key`.
    pub source_key: Option<String>,
}

impl Context {
    /// The names of the columns.
    pub fn names(&self) -> impl Iterator<Item = &String> {
        self.ingested_at.iter().chain(&self.source_key)
    }
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
    /// Bytes of rows that wait in memory until their partitions can be written (64 MiB). What is more goes to a file
    /// in the temporary folder.
    pub partition_buffer_bytes: usize,
    /// The most partitions that one source may have rows in (20,000).
    pub max_partitions: usize,
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
            partition_buffer_bytes: 64 << 20,
            max_partitions: 20_000,
        }
    }
}
