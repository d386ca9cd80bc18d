use std::{collections::BTreeMap, mem};

use cleanzone_tabular::Lines;
use serde::{Deserialize, Serialize};

use crate::{
    statistics::{Counts, Figures},
    warning::{Warning, WarningKind, bounded},
};

/// What became of one source object. Holds names and numbers, never a value from the file.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// What became of it.
    pub status: Status,
    /// Why, where it was not converted just now.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reason: Option<String>,
    /// The object that was read.
    pub source: SourceReport,
    /// The database.
    pub database: String,
    /// The table.
    pub table: String,
    /// The line of `lake.toml` in which the rules of its dataset begin.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub rule_line: Option<usize>,
    /// Whether the newest `lake.toml` is broken, and an earlier one was followed.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub stale_rules: bool,
    /// The Parquet objects, as `s3://` URIs.
    pub paths: Vec<String>,
    /// The partition values of each partition folder written to, as AWS SDK for pandas returns them.
    pub partitions_values: BTreeMap<String, Vec<String>>,
    /// The partition folders that hold the rows of a newer file instead; only where files overwrite partitions.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub superseded_partitions: Vec<String>,
    /// Rows and columns.
    #[serde(flatten)]
    pub content: Content,
    /// The object that holds the rejected rows.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub rejected_path: Option<String>,
    /// What changed in the catalog, in words; empty where nothing did.
    pub catalog: Vec<String>,
    /// Findings that did not keep the file from being converted, and that a person should know; about 50 at most. Those
    /// of an earlier conversion, which [`Status::Unchanged`] tells of, are in its record alone.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub warnings: Vec<Warning>,
    /// How many there are of each kind, also of those that the list has no room for.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub warnings_by_kind: BTreeMap<WarningKind, u64>,
    /// How much the table and the partitions written to hold now, where statistics are kept.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub holds: Option<Figures>,
    /// Bytes written.
    pub bytes_out: u64,
    /// From the event's arrival to the commit, in milliseconds.
    pub duration_ms: u64,
}

impl Report {
    /// Counts the warnings, and keeps so many of them as a reply has room for.
    #[must_use]
    pub(crate) fn with_bounded_warnings(mut self) -> Self {
        (self.warnings, self.warnings_by_kind) = bounded(mem::take(&mut self.warnings));
        self
    }

    /// Nothing to be told of again.
    pub(crate) fn forget_warnings(&mut self) {
        self.warnings.clear();
        self.warnings_by_kind.clear();
    }

    /// Takes out what lies in folders of `bucket` that hold the rows of a newer file; `parts` says how much that was.
    pub(crate) fn give_up(&mut self, bucket: &str, folders: &[String], parts: &BTreeMap<String, Counts>) {
        for folder in folders {
            let location = format!("s3://{bucket}/{folder}");
            self.paths.retain(|path| path.strip_prefix(&location).is_none_or(|name| name.contains('/')));
            self.partitions_values.remove(&location);
            self.bytes_out -= parts.get(folder).map_or(0, |part| part.bytes).min(self.bytes_out);
            self.superseded_partitions.push(location);
        }
        if !folders.is_empty() && self.paths.is_empty() {
            self.status = Status::Superseded;
            self.reason = Some("newer files hold all its partitions".to_owned());
        }
    }
}

/// What became of a source object.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Its rows are in the table.
    #[default]
    Converted,
    /// Its rows were in the table already.
    Unchanged,
    /// A newer version of it is, or will be, in the table instead.
    Superseded,
}

/// The object that was read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceReport {
    /// The bucket.
    pub bucket: String,
    /// The decoded key.
    pub key: String,
    /// The version ID, in a versioned bucket.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub version: Option<String>,
    /// The entity tag.
    pub etag: String,
    /// Bytes.
    pub size: u64,
}

/// What was in the file.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Content {
    /// What the lines of the file are: their sum is the number of its lines.
    #[serde(default)]
    pub lines: Lines,
    /// Records read: always `rows + rejected`.
    pub records: u64,
    /// Rows written.
    pub rows: u64,
    /// Records that did not fit.
    pub rejected: u64,
    /// How many of them for which reason.
    pub rejected_by_reason: BTreeMap<String, u64>,
    /// Rows that were kept with what did not fit in the column `_rescued`.
    pub rescued: u64,
    /// Values that did not fit their column and are null instead, where the rules want that.
    #[serde(skip_serializing_if = "is_zero", default)]
    pub nulled: u64,
    /// Rows that repeat an earlier one of the file, where the rules look for them.
    #[serde(skip_serializing_if = "is_zero", default)]
    pub duplicates: u64,
    /// Columns of the file that were left out, by their names in it.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub dropped: Vec<String>,
    /// Rows that had too few fields and were filled with nulls.
    pub padded: u64,
    /// The columns.
    pub columns: Vec<ColumnReport>,
    /// Bytes read, as they lie in storage.
    pub bytes_in: u64,
    /// The character set, by its name in the WHATWG Encoding Standard.
    pub encoding: String,
    /// Byte sequences that are wrong in a character set other than UTF-8. Their rows are among the rejected, as those of
    /// wrong UTF-8 are, which are not counted here.
    pub wrong_sequences: u64,
    /// How often the source was read: 1, or 2 where a sample of it suggested other types than all of it.
    pub passes: u32,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// A column as it was written.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ColumnReport {
    /// The name in the table.
    pub name: String,
    /// The name as it stands in the file.
    pub source_name: String,
    /// The Hive type.
    #[serde(rename = "type")]
    pub hive_type: String,
    /// Rows in which it is null.
    pub nulls: u64,
    /// No value gave evidence of a type: the column is in the table as `string` until one does.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub provisional: bool,
    /// The unit of its numbers, as it is written: `$`, `%`, `EUR`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub unit: Option<String>,
}
