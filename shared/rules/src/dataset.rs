use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{ColumnPii, DatasetPii, Detect, HiveType, PartitionBy, Projected, name::column_key};

/// All that `lake.toml` says of one object, defaults included. What is `None` it leaves to whoever asks.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Dataset {
    /// The database, sanitised; `None`: as the key says by convention. Whether a name remains of what wildcards
    /// matched, [`is_name`](crate::is_name) tells.
    pub database: Option<String>,
    /// The table, likewise.
    pub table: Option<String>,
    /// What the wildcards have matched of which `database` and `table` are made: two texts may give one name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub captured: Option<String>,
    /// What a new upload means for what is there.
    pub mode: Option<Mode>,
    /// What becomes of columns that the table lacks.
    pub schema: Option<Evolution>,
    /// What becomes of rows that do not fit.
    pub bad_rows: Option<BadRows>,
    /// The share of rows, 0 to 1, that may be rejected.
    pub max_rejected_ratio: Option<f64>,
    /// How Parquet pages are compressed.
    pub compression: Option<Compression>,
    /// Compressed bytes of a row group, about.
    pub row_group_bytes: Option<u64>,
    /// Bytes after which a further file is begun.
    pub max_file_bytes: Option<u64>,
    /// By what rows are divided, after the Hive folders of the key. Names are unique.
    pub partition_by: Vec<PartitionBy>,
    /// Athena's partition projection, by partition key.
    pub projection: BTreeMap<String, Projected>,
    /// Which statistics are kept in the catalog.
    pub statistics: Option<Statistics>,
    /// Columns that are added.
    pub context: Context,
    /// What becomes of rows that repeat an earlier one of the file; `None`: nothing.
    pub duplicates: Option<Duplicates>,
    /// How the file is written.
    pub format: Format,
    /// What is done to the values of columns that [`Dataset::column`] does not find.
    pub cleanse: Cleanse,
    /// Columns with rules of their own, under the key by which [`Dataset::column`] finds them. Boxed, since a map has room
    /// for eleven however few there are.
    pub columns: BTreeMap<String, Box<Column>>,
    /// Personal data in the whole dataset.
    pub pii: DatasetPii,
}

impl Dataset {
    /// The rules for a column, by its name in the file or in the table before it is renamed. Case does not matter, nor
    /// what [`sanitise`](crate::sanitise) takes away.
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.get(&column_key(name)).map(Box::as_ref)
    }

    /// Whether personal data has to be replaced before the object may land: a column says how, or what is found is to
    /// become tokens.
    pub fn declares_pii(&self) -> bool {
        self.pii.detect == Some(Detect::Token) || self.columns.values().any(|column| column.pii.is_some())
    }

    /// The table properties by which Athena projects the partitions; none where nothing is projected.
    ///
    /// Source: [Set up partition projection](https://docs.aws.amazon.com/athena/latest/ug/partition-projection-setting-up.html).
    pub fn projection_properties(&self) -> BTreeMap<String, String> {
        let mut properties = BTreeMap::new();
        for (key, Projected { projection, .. }) in &self.projection {
            properties.insert("projection.enabled".to_owned(), "true".to_owned());
            properties.extend(
                projection.properties().into_iter().map(|(name, value)| (format!("projection.{key}.{name}"), value)),
            );
        }
        properties
    }
}

/// What a new upload means for what is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// It replaces exactly the rows that came under the same object key before.
    Replace,
    /// It adds its rows.
    Append,
    /// It replaces all rows of the partitions in which it has rows.
    OverwritePartitions,
}

/// What becomes of columns that the table lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Evolution {
    /// They are appended to the table.
    Evolve,
    /// Their values go as JSON into the column `_rescued`.
    Rescue,
    /// The file is refused.
    Fail,
    /// They are left out.
    Fixed,
}

/// What becomes of rows that do not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum BadRows {
    /// They go to a file under `_rejected/`, with line, offset and reason.
    Quarantine,
    /// They are kept, with what does not fit as JSON in the column `_rescued`.
    Rescue,
    /// The first one fails the file.
    Fail,
}

/// How Parquet pages are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Compression {
    /// Not at all.
    None,
    /// With Snappy.
    Snappy,
    /// With Zstandard, at a level from 1 to 22 if one is given.
    Zstd(Option<i32>),
}

/// Which statistics are kept in the catalog.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Statistics {
    /// None.
    Off,
    /// Rows, files and bytes of tables and partitions.
    Counts,
    /// These, and statistics of each column.
    Columns,
}

/// The columns that are added, by their names in the table.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Context {
    /// The column for the time at which the object was stored.
    pub ingested_at: Option<String>,
    /// The column for the object's URI.
    pub source_key: Option<String>,
    /// The column for the number of the record in the file, from 1.
    pub source_row: Option<String>,
}

/// What becomes of rows that repeat an earlier one of the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Duplicates {
    /// What.
    pub action: DuplicateAction,
    /// The columns that make two rows equal, by their names in the table; all columns of the file where empty.
    pub by: Vec<String>,
}

/// What becomes of a row that repeats an earlier one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DuplicateAction {
    /// It goes the way of rejected rows.
    Drop,
    /// It is kept, and true in the column of this name.
    Flag(String),
}

/// How a file is written. What is `None` is found out from the file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Format {
    /// What separates fields; empty: every record is one field.
    pub delimiter: Option<String>,
    /// The characters that each column has, where there is no delimiter.
    pub widths: Option<Vec<u32>>,
    /// What fields are wrapped in.
    pub quote: Option<Mark>,
    /// What makes a special character literal.
    pub escape: Option<Mark>,
    /// What a line that is no record begins with.
    pub comment: Option<Mark>,
    /// Rows that hold the column names.
    pub header_rows: Option<u32>,
    /// Lines before the header.
    pub skip_lines: Option<u64>,
    /// The character set, by a name that the reader knows.
    pub encoding: Option<String>,
    /// Texts that mean null without quotes, in columns of every type.
    pub null: Option<Vec<String>>,
    /// What stands before the decimals of a number: a point or a comma.
    pub decimal: Option<char>,
    /// What stands between the thousands of a number: a comma, a point, a space, an apostrophe, or nothing. Never the
    /// same as [`decimal`](Self::decimal). A space stands for those that do not break, an apostrophe for the curved one.
    pub thousands: Option<Mark>,
    /// The names of the columns, where the file has no header.
    pub columns: Option<Vec<String>>,
    /// Fill rows that have too few fields with nulls.
    pub pad_short_rows: Option<bool>,
}

/// A character of a dialect or a notation, or that there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Mark {
    /// There is none.
    None,
    /// This one, of ASCII.
    Is(char),
}

/// What is done to the values of a column before anything else.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Cleanse {
    /// Take away white space at both ends.
    pub trim: bool,
    /// Bring letters into one case.
    pub case: Option<Case>,
    /// An empty text is null.
    pub empty_as_null: bool,
}

/// The case that letters are brought into.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Case {
    /// Lower case.
    Lower,
    /// Upper case.
    Upper,
}

/// What holds for one column.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Column {
    /// Its name, as the rules write it.
    pub name: String,
    /// The type it has to have; inferred where `None`.
    pub data_type: Option<HiveType>,
    /// Its name in the table, sanitised.
    pub rename: Option<String>,
    /// Patterns of its dates or timestamps; those that fit a value have to agree. There is a `data_type` where
    /// this is not empty: where the rules give none, `timestamp` if a format has a time, and else `date`.
    pub date_formats: Vec<String>,
    /// What stands before the decimals of its numbers: its own, or that of [`Format::decimal`]. `None` where its type is
    /// declared and no number.
    pub decimal: Option<char>,
    /// What stands between the thousands of its numbers: its own, or that of [`Format::thousands`], likewise.
    pub thousands: Option<Mark>,
    /// Whether digits of a second beyond microseconds are cut off. Its type is `timestamp` then.
    pub truncate: bool,
    /// The comment in the catalog.
    pub comment: Option<String>,
    /// Whether it is left out.
    pub drop: bool,
    /// What is done to its values first, the dataset's settings included.
    pub cleanse: Cleanse,
    /// Texts to put in place of others; `None` is null.
    pub map: BTreeMap<String, Option<String>>,
    /// What becomes of values that do not fit the type.
    pub on_misfit: Option<Misfit>,
    /// That it holds personal data, and how it is protected.
    pub pii: Option<ColumnPii>,
}

/// What becomes of a value that does not fit the type of its column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Misfit {
    /// Its row goes the way of `bad_rows`.
    Reject,
    /// It is null.
    Null,
    /// It is null, and kept in a column beside this one, typed by what is there.
    Sibling,
}
