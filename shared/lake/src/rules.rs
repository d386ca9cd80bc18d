//! What `lake.toml` says of a dataset, in the terms of the rooms below.

use std::sync::Arc;

use cleanzone_columnar::Compression;
use cleanzone_rules::{self as rules, Dataset, Mark};
use cleanzone_storage::ObjectMeta;
use cleanzone_tabular::{self as tabular, BadRows, Cleanse, Setting};

use crate::{
    PartitionBy, Settings, Transform,
    settings::{Evolution, Mode, Statistics},
};

/// User metadata of an object from which personal data has been taken; whoever may write to the landing zone can set
/// it, so it guards against mistakes, not against people.
pub const DEIDENTIFIED: &str = "cleanzone-deidentified";

/// User metadata of a copy without personal data: which version of the original it was made from. Made again from the
/// same version, it adds no rows to a table that every version adds to.
pub const ORIGIN: &str = "cleanzone-source";

/// Whether personal data has been taken from an object.
pub fn is_deidentified(meta: &ObjectMeta) -> bool {
    meta.metadata.contains_key(DEIDENTIFIED)
}

impl Settings {
    /// These settings, as far as the rules of a dataset say nothing else.
    #[must_use]
    pub fn under(&self, dataset: Arc<Dataset>) -> Self {
        let mut settings = self.clone();
        if let Some(mode) = dataset.mode {
            settings.mode = match mode {
                rules::Mode::Replace => Mode::Replace,
                rules::Mode::Append => Mode::Append,
                rules::Mode::OverwritePartitions => Mode::OverwritePartitions,
            };
        }
        if let Some(evolution) = dataset.schema {
            settings.evolution = match evolution {
                rules::Evolution::Evolve => Evolution::Evolve,
                rules::Evolution::Rescue => Evolution::Rescue,
                rules::Evolution::Fail => Evolution::Fail,
                rules::Evolution::Fixed => Evolution::Fixed,
            };
        }
        if let Some(statistics) = dataset.statistics {
            settings.statistics = match statistics {
                rules::Statistics::Off => Statistics::Off,
                rules::Statistics::Counts => Statistics::Counts,
                rules::Statistics::Columns => Statistics::Columns,
            };
        }
        let layout = &mut settings.layout;
        if let Some(compression) = dataset.compression {
            layout.compression = match compression {
                rules::Compression::None => Compression::None,
                rules::Compression::Snappy => Compression::Snappy,
                rules::Compression::Zstd(level) => Compression::Zstd(level.unwrap_or(3)),
            };
        }
        if let Some(bytes) = dataset.row_group_bytes {
            layout.row_group_bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
        }
        layout.max_file_bytes = dataset.max_file_bytes.unwrap_or(layout.max_file_bytes);
        if !dataset.partition_by.is_empty() {
            settings.partition_by = dataset.partition_by.iter().map(|by| partition_by(by, &dataset)).collect();
        }
        or(&mut settings.context.ingested_at, dataset.context.ingested_at.as_ref());
        or(&mut settings.context.source_key, dataset.context.source_key.as_ref());
        read_under(&mut settings.read, &dataset);
        settings.dataset = dataset;
        settings
    }
}

fn partition_by(by: &rules::PartitionBy, dataset: &Dataset) -> PartitionBy {
    let transform = match by.transform {
        rules::Transform::Identity => Transform::Identity,
        rules::Transform::Year => Transform::Year,
        rules::Transform::Month => Transform::Month,
        rules::Transform::Day => Transform::Day,
        rules::Transform::Hour => Transform::Hour,
    };
    // A key's type can never change, and is no provisional one: it is decided by the rules, not by the first file.
    let declared = || dataset.column(&by.column).and_then(|column| column.data_type).map(|found| found.to_string());
    let hive_type = transform.hive_type().map(str::to_owned).or_else(declared).unwrap_or_else(|| "string".to_owned());
    PartitionBy { name: by.name.clone(), column: by.column.clone(), transform, hive_type }
}

fn read_under(read: &mut tabular::Options, dataset: &Dataset) {
    if let Some(bad_rows) = dataset.bad_rows {
        read.bad_rows = match bad_rows {
            rules::BadRows::Quarantine => BadRows::Quarantine,
            rules::BadRows::Rescue => BadRows::Rescue,
            rules::BadRows::Fail => BadRows::Fail,
        };
    }
    read.max_rejected_ratio = dataset.max_rejected_ratio.unwrap_or(read.max_rejected_ratio);
    or(&mut read.row_number, dataset.context.source_row.as_ref());
    if let Some(duplicates) = &dataset.duplicates {
        read.duplicates = Some(tabular::Duplicates {
            by: duplicates.by.clone(),
            action: match &duplicates.action {
                rules::DuplicateAction::Drop => tabular::DuplicateAction::Drop,
                rules::DuplicateAction::Flag(column) => tabular::DuplicateAction::Flag(column.clone()),
            },
        });
    }
    let format = &dataset.format;
    let mark = |to: &mut Setting<Option<u8>>, mark: Option<Mark>| match mark {
        None => {}
        Some(Mark::None) => *to = Setting::Is(None),
        // Parsed as one character of ASCII.
        Some(Mark::Is(c)) => *to = Setting::Is(u8::try_from(c).ok()),
    };
    or(&mut read.input.charset, format.encoding.as_ref());
    let delimiter = format.delimiter.as_ref().map(|delimiter| delimiter.as_bytes().to_vec());
    or(&mut read.dialect.delimiter, delimiter.as_ref());
    or(&mut read.dialect.widths, format.widths.as_ref());
    // Whoever knows the widths knows that it is a table.
    read.input.any_text |= format.widths.is_some();
    mark(&mut read.dialect.quote, format.quote);
    mark(&mut read.dialect.escape, format.escape);
    mark(&mut read.dialect.comment, format.comment);
    or(&mut read.dialect.skip_lines, format.skip_lines.as_ref());
    // Names that are given are those of a file that has none.
    let header_rows = format.header_rows.or(format.columns.as_ref().map(|_| 0));
    or(&mut read.dialect.header_rows, header_rows.as_ref());
    or(&mut read.null_markers, format.null.as_ref());
    read.pad_short_rows = format.pad_short_rows.unwrap_or(read.pad_short_rows);
}

/// Takes over what is given.
fn or<T: Clone>(setting: &mut Option<T>, given: Option<&T>) {
    if let Some(given) = given {
        *setting = Some(given.clone());
    }
}

/// What is done to the values of a column; `None`: nothing.
pub(crate) fn cleanse(dataset: &Dataset, column: Option<&rules::Column>) -> Option<Arc<Cleanse>> {
    let rule = column.map_or(dataset.cleanse.clone(), |column| column.cleanse.clone());
    let cleanse = Cleanse {
        trim: rule.trim,
        map: column.map(|column| column.map.clone().into_iter().collect()).unwrap_or_default(),
        case: rule.case.map(|case| match case {
            rules::Case::Lower => tabular::Case::Lower,
            rules::Case::Upper => tabular::Case::Upper,
        }),
        empty_is_null: rule.empty_as_null,
    };
    (cleanse != Cleanse::default()).then(|| Arc::new(cleanse))
}
