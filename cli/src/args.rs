use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use clap::{Args, Parser, Subcommand, ValueEnum};
use cleanzone_lake::{Compression, Error, Settings};
use cleanzone_rules::Rules;
use cleanzone_tabular::{BadRows, Options, Setting};

/// Delimited files to typed Parquet, exactly.
#[derive(Debug, Parser)]
#[command(version, about, max_term_width = 100)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Convert a delimited file to Parquet.
    Convert(Convert),
    /// Show what a conversion would find: dialect, encoding, columns and types.
    Inspect(Inspect),
    /// Check a lake.toml, and show what it makes of a key.
    Check(Check),
}

#[derive(Debug, Args)]
pub(crate) struct Convert {
    /// The file to read; compressed or not.
    pub(crate) input: PathBuf,
    /// The Parquet file to write; a folder, where the rules divide rows into partitions.
    pub(crate) output: PathBuf,
    /// Print the report as one line of JSON.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) reading: Reading,
    /// How pages are compressed; Snappy, unless the rules say otherwise.
    #[arg(long, value_enum)]
    pub(crate) compression: Option<Codec>,
    /// Megabytes of a row group, compressed.
    #[arg(long, value_name = "MB")]
    pub(crate) row_group_mb: Option<usize>,
}

#[derive(Debug, Args)]
pub(crate) struct Inspect {
    /// The file to read; compressed or not.
    pub(crate) input: PathBuf,
    /// Print one line of JSON.
    #[arg(long)]
    pub(crate) json: bool,
    /// Look for columns of personal data, too. No value is shown.
    #[arg(long)]
    pub(crate) pii: bool,
    /// The share of a column's values, from 0 to 1, that has to be personal data.
    #[arg(long, value_name = "SHARE", default_value_t = 0.5, value_parser = share, requires = "pii")]
    pub(crate) pii_threshold: f64,
    #[command(flatten)]
    pub(crate) reading: Reading,
}

#[derive(Debug, Args)]
pub(crate) struct Check {
    /// The lake.toml to check.
    #[arg(required_unless_present = "schema")]
    pub(crate) file: Option<PathBuf>,
    /// Show what holds for this object, as `s3://bucket/key`; can be given several times.
    #[arg(long = "key", value_name = "URI", value_parser = object)]
    pub(crate) keys: Vec<Object>,
    /// Warn of rules on columns that this file does not have: a delimited file, or a table as `aws glue get-table` prints
    /// it (.json). It is held against the dataset of each `--key`, or of its own path.
    #[arg(long, value_name = "FILE")]
    pub(crate) against: Option<PathBuf>,
    /// Print one line of JSON.
    #[arg(long)]
    pub(crate) json: bool,
    /// Print the JSON schema of lake.toml, and nothing else.
    #[arg(long, conflicts_with_all = ["file", "keys", "against", "json"])]
    pub(crate) schema: bool,
}

/// An object in S3.
#[derive(Clone, Debug)]
pub(crate) struct Object {
    pub(crate) bucket: String,
    pub(crate) key: String,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Codec {
    None,
    Snappy,
    Zstd,
}

/// How the file is to be read. What is not given is found out from the file.
#[derive(Debug, Args)]
#[command(next_help_heading = "Reading")]
pub(crate) struct Reading {
    /// The lake.toml whose rules hold for the file, as far as no flag says otherwise.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// The object that the file is, for those rules: `s3://bucket/key`, or a key alone. Its path, if nothing is said.
    #[arg(long, value_name = "KEY", requires = "config")]
    pub(crate) key: Option<String>,
    /// Infer no types: every column is text, and only an empty field is null.
    #[arg(long)]
    pub(crate) all_strings: bool,
    /// What becomes of rows that do not fit; quarantine, unless the rules say otherwise.
    #[arg(long, value_enum)]
    pub(crate) bad_rows: Option<Bad>,
    /// The share of rows, from 0 to 1, that may be rejected.
    #[arg(long, value_name = "RATIO")]
    pub(crate) max_rejected_ratio: Option<f64>,
    /// Fill rows that have too few fields with nulls.
    #[arg(long)]
    pub(crate) pad_short_rows: bool,
    /// What separates fields: a text such as `;` or `||`, or `tab`; `none` for a single column.
    #[arg(long, value_parser = delimiter)]
    pub(crate) delimiter: Option<Delimiter>,
    /// The characters that each column has, as in `10,20,8`, where columns have fixed widths and no delimiter; the last
    /// column has what is left of the line.
    #[arg(long, value_name = "N,N,…", value_delimiter = ',', conflicts_with = "delimiter")]
    #[arg(value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) widths: Option<Vec<u32>>,
    /// What fields are wrapped in: one character, or `none`.
    #[arg(long, value_parser = byte_or_none)]
    pub(crate) quote: Option<ByteOrNone>,
    /// What stands before a quote inside a quoted field: one character, or `none` where it is doubled.
    #[arg(long, value_parser = byte_or_none)]
    pub(crate) escape: Option<ByteOrNone>,
    /// What a line that is no record begins with: one character, or `none`.
    #[arg(long, value_parser = byte_or_none)]
    pub(crate) comment: Option<ByteOrNone>,
    /// Lines before the header that are no records.
    #[arg(long, value_name = "N")]
    pub(crate) skip_lines: Option<u64>,
    /// Rows that hold the column names; 0 where there are none.
    #[arg(long, value_name = "N")]
    pub(crate) header_rows: Option<u32>,
    /// The character set, such as `windows-1252` or `utf-16le`.
    #[arg(long, value_name = "NAME")]
    pub(crate) encoding: Option<String>,
    /// A text that means null without quotes; can be given several times.
    #[arg(long = "null", value_name = "TEXT")]
    pub(crate) nulls: Option<Vec<String>>,
    /// Threads.
    #[arg(long, value_name = "N")]
    pub(crate) threads: Option<usize>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Bad {
    /// Write them to OUTPUT.rejected.csv, with line, offset and reason.
    Quarantine,
    /// Keep them, with what does not fit as JSON in the column `_rescued`.
    Rescue,
    /// Stop at the first one.
    Fail,
}

/// A delimiter; empty for none.
#[derive(Clone, Debug)]
pub(crate) struct Delimiter(Vec<u8>);

/// A character, or none.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ByteOrNone(Option<u8>);

fn object(text: &str) -> Result<Object, String> {
    match text.strip_prefix("s3://").and_then(|rest| rest.split_once('/')) {
        Some((bucket, key)) if !bucket.is_empty() && !key.is_empty() => {
            Ok(Object { bucket: bucket.to_owned(), key: key.to_owned() })
        }
        _ => Err("expected `s3://bucket/key`".to_owned()),
    }
}

fn delimiter(text: &str) -> Result<Delimiter, String> {
    match text {
        "none" => Ok(Delimiter(Vec::new())),
        "tab" | "\\t" => Ok(Delimiter(vec![b'\t'])),
        "" => Err("an empty text separates nothing; `none` means a single column".to_owned()),
        _ => Ok(Delimiter(text.as_bytes().to_vec())),
    }
}

fn share(text: &str) -> Result<f64, String> {
    text.parse()
        .ok()
        .filter(|share| (0.0..=1.0).contains(share))
        .ok_or_else(|| "expected a number from 0 to 1".to_owned())
}

fn byte_or_none(text: &str) -> Result<ByteOrNone, String> {
    match text.as_bytes() {
        b"none" => Ok(ByteOrNone(None)),
        [byte] => Ok(ByteOrNone(Some(*byte))),
        _ => Err("expected one ASCII character, or `none`".to_owned()),
    }
}

impl Reading {
    /// What the flags say, and where they say nothing, the rules for this file.
    ///
    /// # Errors
    /// [`Error::Config`] and [`Error::File`] where there are rules that cannot be read.
    pub(crate) fn settings(&self, input: &Path) -> Result<Settings, Error> {
        let mut settings = Settings::default();
        if let Some(config) = &self.config {
            let file =
                std::fs::read(config).map_err(|source| Error::File { action: "read", path: config.clone(), source })?;
            let rules = Rules::parse(&file).map_err(|error| Error::Config(format!("{}:{error}", config.display())))?;
            let key = self.key.clone().unwrap_or_else(|| input.to_string_lossy().into_owned());
            let uri = key.strip_prefix("s3://").and_then(|rest| rest.split_once('/'));
            let (bucket, key) = uri.unwrap_or(("", &key));
            settings = settings.under(Arc::new(rules.find(bucket, key).dataset));
        }
        self.apply(&mut settings.read);
        if let Some(threads) = self.threads {
            settings.layout.threads = threads.max(1);
        }
        Ok(settings)
    }

    fn apply(&self, read: &mut Options) {
        let set = |to: &mut Setting<Option<u8>>, given: Option<ByteOrNone>| {
            if let Some(ByteOrNone(byte)) = given {
                *to = Setting::Is(byte);
            }
        };
        let dialect = &mut read.dialect;
        if let Some(Delimiter(bytes)) = &self.delimiter {
            dialect.delimiter = Some(bytes.clone());
            dialect.widths = None;
        }
        if let Some(widths) = &self.widths {
            dialect.delimiter = None;
            dialect.widths = Some(widths.clone());
            // Whoever knows the widths knows that it is a table.
            read.input.any_text = true;
        }
        set(&mut dialect.quote, self.quote);
        set(&mut dialect.escape, self.escape);
        set(&mut dialect.comment, self.comment);
        dialect.skip_lines = self.skip_lines.or(dialect.skip_lines);
        dialect.header_rows = self.header_rows.or(dialect.header_rows);
        read.input.charset = self.encoding.clone().or(read.input.charset.take());
        read.null_markers = self.nulls.clone().or(read.null_markers.take());
        if let Some(bad_rows) = self.bad_rows {
            read.bad_rows = match bad_rows {
                Bad::Quarantine => BadRows::Quarantine,
                Bad::Rescue => BadRows::Rescue,
                Bad::Fail => BadRows::Fail,
            };
        }
        read.all_strings |= self.all_strings;
        read.pad_short_rows |= self.pad_short_rows;
        read.max_rejected_ratio = self.max_rejected_ratio.unwrap_or(read.max_rejected_ratio);
        read.threads = self.threads.unwrap_or(read.threads).max(1);
    }
}

impl Convert {
    /// What the flags say, and where they say nothing, the rules for this file.
    ///
    /// # Errors
    /// Those of [`Reading::settings`].
    pub(crate) fn settings(&self) -> Result<Settings, Error> {
        let mut settings = self.reading.settings(&self.input)?;
        if let Some(compression) = self.compression {
            settings.layout.compression = match compression {
                Codec::None => Compression::None,
                Codec::Snappy => Compression::Snappy,
                Codec::Zstd => Compression::Zstd(3),
            };
        }
        if let Some(mb) = self.row_group_mb {
            settings.layout.row_group_bytes = mb.max(1) << 20;
        }
        Ok(settings)
    }
}
