//! The shape of `lake.toml`, as it is written. The docs here are the descriptions in its JSON schema.

use std::{collections::BTreeMap, fmt, marker::PhantomData};

use schemars::JsonSchema;
use serde::{
    Deserialize, Deserializer,
    de::{
        Error, IntoDeserializer, MapAccess, SeqAccess, Visitor,
        value::{MapAccessDeserializer, SeqAccessDeserializer},
    },
};

use crate::{
    BadRows, Detect, Evolution, Misfit, Mode, Statistics,
    pii::{MethodName, PiiEntry},
    projection::ProjectionEntry,
};

/// What holds for which object that lands in the lake.
#[derive(Debug, JsonSchema)]
#[allow(dead_code, reason = "its parts are read one by one, so that each can be wrong by itself")]
#[schemars(deny_unknown_fields, title = "lake.toml")]
pub(crate) struct Document {
    /// What a dataset does not say; it also holds for objects that no dataset matches.
    #[schemars(default)]
    pub(crate) defaults: Entry,
    /// The datasets; the first one that matches an object holds for it.
    #[schemars(default)]
    pub(crate) dataset: Vec<Entry>,
}

/// What holds for the objects of one dataset.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Dataset")]
pub(crate) struct Entry {
    /// Which object keys belong to it: a glob, or a list of globs. `*` and `?` match within a folder, `**` across
    /// folders, `[a-z]` one of these characters, `{a,b}` one of these texts.
    pub(crate) r#match: Option<OneOrMany>,
    /// A glob over the bucket; any bucket if absent.
    pub(crate) bucket: Option<String>,
    /// The database. `{1}`, `{2}`, … are what the first, second, … wildcard of `match` matched. The next to last folder
    /// of the key if absent.
    pub(crate) database: Option<String>,
    /// The table, with captures as in `database`. The last folder of the key if absent.
    pub(crate) table: Option<String>,
    /// What a new upload means for what is there.
    pub(crate) mode: Option<Mode>,
    /// What becomes of columns that the table lacks.
    pub(crate) schema: Option<Evolution>,
    /// What becomes of rows that do not fit.
    pub(crate) bad_rows: Option<BadRows>,
    /// The share of rows, 0 to 1, that may be rejected before the whole file is.
    #[schemars(range(min = 0, max = 1))]
    pub(crate) max_rejected_ratio: Option<f64>,
    /// How Parquet pages are compressed.
    pub(crate) compression: Option<Codec>,
    /// The level of zstd.
    #[schemars(range(min = 1, max = 22))]
    pub(crate) compression_level: Option<i32>,
    /// Compressed size of a row group, about: bytes, or a text such as `16 MB` or `16 MiB`.
    pub(crate) row_group_bytes: Option<Size>,
    /// Size after which a further file is begun: bytes, or a text such as `512 MB`.
    pub(crate) max_file_bytes: Option<Size>,
    /// By what rows are divided into partitions, after the Hive folders of the key: a column, or `year(…)`, `month(…)`,
    /// `day(…)` or `hour(…)` of one, each with ` as name` if it is to have another name.
    pub(crate) partition_by: Option<Vec<String>>,
    /// Which statistics are kept in the catalog.
    pub(crate) statistics: Option<Statistics>,
    /// Columns that are added: a list of them, or a table of their names.
    pub(crate) context: Option<Short<Vec<ContextColumn>, ContextEntry>>,
    /// What becomes of rows that repeat an earlier one of the file.
    pub(crate) duplicates: Option<Short<DuplicateName, DuplicatesEntry>>,
    /// Athena's partition projection, by partition key.
    pub(crate) projection: Option<BTreeMap<String, ProjectionEntry>>,
    /// How the file is written. What is absent is found out from the file.
    pub(crate) format: Option<FormatEntry>,
    /// What is done to the values of every text column first; a column's own settings win.
    pub(crate) cleanse: Option<CleanseEntry>,
    /// Columns, by their name in the file or in the table; case and accents do not matter.
    pub(crate) columns: Option<BTreeMap<String, ColumnEntry>>,
    /// Personal data in the whole dataset.
    pub(crate) pii: Option<DatasetPiiEntry>,
}

impl Entry {
    /// This, and what it does not say from the defaults.
    pub(crate) fn or(self, defaults: &Self) -> Self {
        fn merged<T: Clone>(own: Option<T>, default: Option<&T>, merge: impl Fn(T, &T) -> T) -> Option<T> {
            match (own, default) {
                (Some(own), Some(default)) => Some(merge(own, default)),
                (own, default) => own.or_else(|| default.cloned()),
            }
        }
        let d = defaults.clone();
        // A level belongs to the compression that it was given with.
        let compression_level =
            self.compression_level.or(if self.compression.is_none() { d.compression_level } else { None });
        Self {
            r#match: self.r#match,
            bucket: self.bucket,
            database: self.database,
            table: self.table,
            columns: self.columns,
            mode: self.mode.or(d.mode),
            schema: self.schema.or(d.schema),
            bad_rows: self.bad_rows.or(d.bad_rows),
            max_rejected_ratio: self.max_rejected_ratio.or(d.max_rejected_ratio),
            compression: self.compression.or(d.compression),
            compression_level,
            row_group_bytes: self.row_group_bytes.or(d.row_group_bytes),
            max_file_bytes: self.max_file_bytes.or(d.max_file_bytes),
            partition_by: self.partition_by.or(d.partition_by),
            statistics: self.statistics.or(d.statistics),
            context: self.context.or(d.context),
            duplicates: self.duplicates.or(d.duplicates),
            projection: merged(self.projection, defaults.projection.as_ref(), |mut own, default| {
                for (key, value) in default {
                    own.entry(key.clone()).or_insert_with(|| value.clone());
                }
                own
            }),
            format: merged(self.format, defaults.format.as_ref(), FormatEntry::or),
            cleanse: merged(self.cleanse, defaults.cleanse.as_ref(), CleanseEntry::or),
            pii: merged(self.pii, defaults.pii.as_ref(), DatasetPiiEntry::or),
        }
    }
}

/// One text or several.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "expected a text or a list of texts")]
#[schemars(inline)]
pub(crate) enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl OneOrMany {
    pub(crate) fn as_slice(&self) -> &[String] {
        match self {
            Self::One(text) => std::slice::from_ref(text),
            Self::Many(texts) => texts,
        }
    }
}

/// How Parquet pages are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "Compression")]
pub(crate) enum Codec {
    /// With Snappy.
    Snappy,
    /// With Zstandard.
    Zstd,
    /// Not at all.
    None,
}

/// A number of bytes.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "expected a number of bytes, or a text such as `16 MB`")]
#[schemars(inline)]
pub(crate) enum Size {
    Bytes(#[schemars(range(min = 1))] u64),
    Text(#[schemars(regex(pattern = r"^\s*[0-9]+\s*([kKmMgG][iI]?)?[bB]\s*$"))] String),
}

/// A column that is added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ContextColumn {
    /// When the object was stored.
    IngestedAt,
    /// The object's URI.
    SourceKey,
    /// The number of the record in the file, from 1.
    SourceRow,
}

/// The columns that are added, by their names in the table.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Context")]
pub(crate) struct ContextEntry {
    /// The name of the column for when the object was stored.
    pub(crate) ingested_at: Option<String>,
    /// The name of the column for the object's URI.
    pub(crate) source_key: Option<String>,
    /// The name of the column for the number of the record in the file, from 1.
    pub(crate) source_row: Option<String>,
}

/// What becomes of rows that repeat an earlier one of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "DuplicateAction")]
pub(crate) enum DuplicateName {
    /// They go the way of rejected rows.
    Drop,
    /// They are kept, and true in a column.
    Flag,
    /// Nothing.
    Keep,
}

/// What becomes of rows that repeat an earlier one of the file, by which columns.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Duplicates")]
pub(crate) struct DuplicatesEntry {
    /// What becomes of them.
    pub(crate) action: DuplicateName,
    /// The columns that make two rows equal; all of the file if absent.
    #[schemars(length(min = 1))]
    pub(crate) by: Option<Vec<String>>,
    /// For flag: the column that is true; `is_duplicate` if absent.
    pub(crate) column: Option<String>,
}

/// How a file is written. What is absent is found out from the file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Format")]
pub(crate) struct FormatEntry {
    /// What separates fields: a text such as `;` or `||`, or `tab`; `none` for a single column.
    #[schemars(length(min = 1))]
    pub(crate) delimiter: Option<String>,
    /// The characters that each column has, where columns have fixed widths and no delimiter; the last column has what is
    /// left of the line.
    #[schemars(length(min = 1), inner(range(min = 1)))]
    pub(crate) widths: Option<Vec<u32>>,
    /// What fields are wrapped in: one character of ASCII, or `none`.
    pub(crate) quote: Option<String>,
    /// What stands before a quote inside a quoted field: one character of ASCII, or `none` where it is doubled.
    pub(crate) escape: Option<String>,
    /// What a line that is no record begins with: one character of ASCII, or `none`.
    pub(crate) comment: Option<String>,
    /// Whether the file has a header, or how many rows of header.
    pub(crate) header: Option<Header>,
    /// Lines before the header that are no records.
    pub(crate) skip_lines: Option<u64>,
    /// The character set, such as `windows-1252` or `utf-16le`.
    pub(crate) encoding: Option<String>,
    /// Texts that mean null without quotes, in columns of every type.
    pub(crate) null: Option<Vec<String>>,
    /// What stands before the decimals of a number.
    pub(crate) decimal: Option<DecimalName>,
    /// What stands between the thousands of a number.
    pub(crate) thousands: Option<ThousandsName>,
    /// The names of the columns, for a file without a header.
    #[schemars(length(min = 1))]
    pub(crate) columns: Option<Vec<String>>,
    /// Fill rows that have too few fields with nulls.
    pub(crate) pad_short_rows: Option<bool>,
}

impl FormatEntry {
    fn or(self, default: &Self) -> Self {
        let d = default.clone();
        // A dataset that names its columns has no header, and the other way round.
        let (header, columns) = match (self.header, self.columns) {
            (None, None) => (d.header, d.columns),
            own => own,
        };
        // So it is with a delimiter and widths.
        let (delimiter, widths) = match (self.delimiter, self.widths) {
            (None, None) => (d.delimiter, d.widths),
            own => own,
        };
        Self {
            delimiter,
            widths,
            quote: self.quote.or(d.quote),
            escape: self.escape.or(d.escape),
            comment: self.comment.or(d.comment),
            header,
            skip_lines: self.skip_lines.or(d.skip_lines),
            encoding: self.encoding.or(d.encoding),
            null: self.null.or(d.null),
            decimal: self.decimal.or(d.decimal),
            thousands: self.thousands.or(d.thousands),
            columns,
            pad_short_rows: self.pad_short_rows.or(d.pad_short_rows),
        }
    }
}

/// What stands before the decimals of a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[schemars(rename = "Decimal")]
pub(crate) enum DecimalName {
    /// A point: `1.5`.
    #[serde(rename = ".")]
    Point,
    /// A comma: `1,5`.
    #[serde(rename = ",")]
    Comma,
}

/// What stands between the thousands of a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[schemars(rename = "Thousands")]
pub(crate) enum ThousandsName {
    /// Nothing: `1234567`.
    #[serde(rename = "")]
    None,
    /// A comma: `1,234,567`.
    #[serde(rename = ",")]
    Comma,
    /// A point: `1.234.567`.
    #[serde(rename = ".")]
    Point,
    /// A space, also one that does not break: `1 234 567`.
    #[serde(rename = " ")]
    Space,
    /// An apostrophe, also a curved one: `1'234'567`.
    #[serde(rename = "'")]
    Apostrophe,
}

/// Whether a file has a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "expected true, false or a number of rows")]
#[schemars(inline)]
pub(crate) enum Header {
    Is(bool),
    Rows(u32),
}

/// What is done to values first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Cleanse")]
pub(crate) struct CleanseEntry {
    /// Take away white space at both ends.
    pub(crate) trim: Option<bool>,
    /// Bring letters into one case.
    pub(crate) case: Option<CaseName>,
    /// An empty text is null.
    pub(crate) empty_as_null: Option<bool>,
}

impl CleanseEntry {
    pub(crate) fn or(self, default: &Self) -> Self {
        Self {
            trim: self.trim.or(default.trim),
            case: self.case.or(default.case),
            empty_as_null: self.empty_as_null.or(default.empty_as_null),
        }
    }
}

/// The case that letters are brought into.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "Case")]
pub(crate) enum CaseName {
    /// Lower case.
    Lower,
    /// Upper case.
    Upper,
    /// They stay as they are.
    Keep,
}

/// What holds for one column.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Column")]
pub(crate) struct ColumnEntry {
    /// The type: boolean, tinyint, smallint, int, bigint, float, double, decimal(p,s), string, varchar(n), char(n), date
    /// or timestamp.
    /// Inferred from all values if absent.
    #[serde(rename = "type")]
    pub(crate) data_type: Option<String>,
    /// Its name in the table.
    pub(crate) rename: Option<String>,
    /// How dates or timestamps are written: `epoch`, `epoch_ms` or `epoch_us`, or a pattern of `%Y %y %m %b %d %H %I %M
    /// %S %f %p %z`; or a list of them, of which those that fit a value have to agree.
    pub(crate) date_format: Option<OneOrMany>,
    /// What stands before the decimals of a number; the format's if absent.
    pub(crate) decimal: Option<DecimalName>,
    /// What stands between the thousands of a number; the format's if absent.
    pub(crate) thousands: Option<ThousandsName>,
    /// For timestamps: cut off the digits of a second beyond microseconds. If false or absent, a value with such digits
    /// fits only where they are zeros.
    pub(crate) truncate: Option<bool>,
    /// The comment in the catalog.
    #[schemars(length(max = 255))]
    pub(crate) comment: Option<String>,
    /// Leave the column out.
    pub(crate) drop: Option<bool>,
    /// Take away white space at both ends.
    pub(crate) trim: Option<bool>,
    /// Bring letters into one case.
    pub(crate) case: Option<CaseName>,
    /// An empty text is null.
    pub(crate) empty_as_null: Option<bool>,
    /// Texts to put in place of others; false for null.
    pub(crate) map: Option<BTreeMap<String, Mapped>>,
    /// What becomes of a value that does not fit the type.
    pub(crate) on_misfit: Option<Misfit>,
    /// That it holds personal data, and how it is protected: a method, or a table with its options.
    pub(crate) pii: Option<Short<MethodName, PiiEntry>>,
}

/// What a value is mapped to.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "expected a text, or false for null")]
#[schemars(inline)]
pub(crate) enum Mapped {
    Text(String),
    Null(#[schemars(extend("const" = false))] bool),
}

/// Personal data in a whole dataset.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "DatasetPii")]
pub(crate) struct DatasetPiiEntry {
    /// Within what equal values get equal tokens.
    pub(crate) scope: Option<String>,
    /// What is done about personal data that no column declares.
    pub(crate) detect: Option<Detect>,
    /// The share of a column's values, 0 to 1, that makes a finding.
    #[schemars(range(min = 0, max = 1))]
    pub(crate) threshold: Option<f64>,
    /// Rows that are looked at; all if absent.
    #[schemars(range(min = 1))]
    pub(crate) sample_rows: Option<u64>,
    /// Further kinds of personal data: a name, and a regular expression that the whole value matches.
    pub(crate) custom: Option<BTreeMap<String, String>>,
}

impl DatasetPiiEntry {
    fn or(self, default: &Self) -> Self {
        let d = default.clone();
        Self {
            scope: self.scope.or(d.scope),
            detect: self.detect.or(d.detect),
            threshold: self.threshold.or(d.threshold),
            sample_rows: self.sample_rows.or(d.sample_rows),
            custom: self.custom.or(d.custom),
        }
    }
}

/// Something in short, or as a table of its settings.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema)]
#[schemars(untagged, inline)]
pub(crate) enum Short<S, T> {
    Short(S),
    Table(T),
}

// An untagged enum would say no more than that nothing fits.
impl<'de, S: Deserialize<'de>, T: Deserialize<'de>> Deserialize<'de> for Short<S, T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either<S, T>(PhantomData<(S, T)>);

        impl<'de, S: Deserialize<'de>, T: Deserialize<'de>> Visitor<'de> for Either<S, T> {
            type Value = Short<S, T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the short form or a table")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
                S::deserialize(text.into_deserializer()).map(Short::Short)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Self::Value, A::Error> {
                S::deserialize(SeqAccessDeserializer::new(list)).map(Short::Short)
            }

            fn visit_map<A: MapAccess<'de>>(self, table: A) -> Result<Self::Value, A::Error> {
                T::deserialize(MapAccessDeserializer::new(table)).map(Short::Table)
            }
        }

        deserializer.deserialize_any(Either(PhantomData))
    }
}
