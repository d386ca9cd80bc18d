use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use cleanzone_lake::{Compression, Layout};
use cleanzone_tabular::{BadRows, DialectOverrides, InputOptions, Options, Setting};

/// Delimited files to typed Parquet, exactly.
#[derive(Debug, Parser)]
#[command(version, about, max_term_width = 100)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Convert a delimited file to one Parquet file.
    Convert(Convert),
    /// Show what a conversion would find: dialect, encoding, columns and types.
    Inspect(Inspect),
}

#[derive(Debug, Args)]
pub(crate) struct Convert {
    /// The file to read; compressed or not.
    pub(crate) input: PathBuf,
    /// The Parquet file to write.
    pub(crate) output: PathBuf,
    /// Print the report as one line of JSON.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) reading: Reading,
    /// How pages are compressed.
    #[arg(long, value_enum, default_value_t = Codec::Snappy)]
    pub(crate) compression: Codec,
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
    /// Infer no types: every column is text, and only an empty field is null.
    #[arg(long)]
    pub(crate) all_strings: bool,
    /// What becomes of rows that do not fit.
    #[arg(long, value_enum, default_value_t = Bad::Quarantine)]
    pub(crate) bad_rows: Bad,
    /// The share of rows, from 0 to 1, that may be rejected.
    #[arg(long, value_name = "RATIO")]
    pub(crate) max_rejected_ratio: Option<f64>,
    /// Fill rows that have too few fields with nulls.
    #[arg(long)]
    pub(crate) pad_short_rows: bool,
    /// What separates fields: a text such as `;` or `||`, or `tab`; `none` for a single column.
    #[arg(long, value_parser = delimiter)]
    pub(crate) delimiter: Option<Delimiter>,
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
    pub(crate) fn options(&self) -> Options {
        let setting = |given: Option<ByteOrNone>| given.map_or(Setting::Detect, |ByteOrNone(byte)| Setting::Is(byte));
        let defaults = Options::default();
        Options {
            input: InputOptions { charset: self.encoding.clone(), ..defaults.input },
            dialect: DialectOverrides {
                delimiter: self.delimiter.clone().map(|Delimiter(bytes)| bytes),
                quote: setting(self.quote),
                escape: setting(self.escape),
                comment: setting(self.comment),
                skip_lines: self.skip_lines,
                header_rows: self.header_rows,
                ..DialectOverrides::default()
            },
            all_strings: self.all_strings,
            null_markers: self.nulls.clone(),
            bad_rows: match self.bad_rows {
                Bad::Quarantine => BadRows::Quarantine,
                Bad::Rescue => BadRows::Rescue,
                Bad::Fail => BadRows::Fail,
            },
            pad_short_rows: self.pad_short_rows,
            max_rejected_ratio: self.max_rejected_ratio.unwrap_or(defaults.max_rejected_ratio),
            threads: self.threads.unwrap_or(defaults.threads).max(1),
            ..defaults
        }
    }
}

impl Convert {
    pub(crate) fn layout(&self) -> Layout {
        let mut layout = Layout {
            compression: match self.compression {
                Codec::None => Compression::None,
                Codec::Snappy => Compression::Snappy,
                Codec::Zstd => Compression::Zstd(3),
            },
            ..Layout::default()
        };
        if let Some(mb) = self.row_group_mb {
            layout.row_group_bytes = mb.max(1) << 20;
        }
        if let Some(threads) = self.reading.threads {
            layout.threads = threads.max(1);
        }
        layout
    }
}
