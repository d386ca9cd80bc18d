//! The same for a Parquet file of the clean zone: row group by row group, and written as such a file is.

use std::{
    fs::File,
    io::{Read, Seek, copy},
    sync::Arc,
};

use arrow::{
    array::{Array, ArrayRef, RecordBatch, StringArray, StringBuilder},
    datatypes::{DataType, SchemaRef},
};
use cleanzone_columnar::{Compression, Settings, Writer};
use cleanzone_lake::{BlockingUpload, Error as LakeError, ObjectSource};
use cleanzone_tabular::Source;
use parquet::{
    arrow::arrow_reader::{ArrowReaderOptions, ParquetRecordBatchReaderBuilder},
    basic::Compression as Compressed,
    file::metadata::{ColumnChunkMetaData, ParquetMetaData},
};

use crate::{error::Error, reveal::Revival};

/// Rows that are dealt with at once.
const BATCH: usize = 8192;
/// Bytes of a row group, as csv-to-parquet has it.
const ROW_GROUP: usize = 16 << 20;
/// What Arrow's writers keep a schema of their own under, which nothing here needs.
const ARROW_SCHEMA: &str = "ARROW:schema";

/// Whether the key is that of a Parquet file.
pub(crate) fn is_parquet(key: &str) -> bool {
    key.rsplit('/').next().is_some_and(|name| name.ends_with(".parquet"))
}

/// Copies the file with values in place of what stands for them.
pub(crate) fn revive(
    source: &mut ObjectSource,
    to: BlockingUpload,
    revival: &mut Revival<'_>,
) -> Result<BlockingUpload, Error> {
    let file = spilled(&mut *source.open().map_err(read)?)?;
    // Texts are texts then, and not what some writer has kept them as.
    let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
    let builder = ParquetRecordBatchReaderBuilder::try_new_with_options(file, options).map_err(unreadable)?;
    let metadata = Arc::clone(builder.metadata());
    // All of them before the vault is asked for any.
    revival.count_rows(u64::try_from(metadata.file_metadata().num_rows()).unwrap_or(u64::MAX))?;
    let schema = Arc::clone(builder.schema());
    let names: Vec<String> = schema.fields().iter().map(|field| field.name().clone()).collect();
    let places = revival.places(&names)?;
    if let Some(number) = places.iter().position(|&place| schema.field(place).data_type() != &DataType::Utf8) {
        return Err(Error::NoText(number + 1));
    }
    let mut writer = Writer::new(to, schema, &settings(&metadata)).map_err(written)?;
    for batch in builder.with_batch_size(BATCH).build().map_err(unreadable)? {
        let batch = revived(&batch.map_err(unreadable)?, &places, revival)?;
        writer.write(&batch).map_err(written)?;
    }
    Ok(writer.finish().map_err(written)?.0)
}

/// The file in a temporary one, which ends with it: its footer has to be read first. It holds nothing in the clear that
/// the lake does not.
fn spilled(from: &mut dyn Read) -> Result<File, Error> {
    let spill = |action| move |source| LakeError::Spill { action, folder: std::env::temp_dir(), source };
    let mut file = tempfile::tempfile().map_err(spill("create"))?;
    let mut chunk = vec![0; 1 << 18];
    loop {
        match from.read(&mut chunk).map_err(read)? {
            0 => break,
            n => copy(&mut &chunk[..n], &mut file).map_err(spill("write"))?,
        };
    }
    file.rewind().map_err(spill("read"))?;
    Ok(file)
}

fn settings(metadata: &ParquetMetaData) -> Settings {
    let first = metadata.row_groups().first().and_then(|group| group.columns().first());
    let kept = metadata.file_metadata().key_value_metadata().into_iter().flatten();
    Settings {
        compression: match first.map(ColumnChunkMetaData::compression) {
            Some(Compressed::UNCOMPRESSED) => Compression::None,
            Some(Compressed::ZSTD(_)) => Compression::Zstd(3),
            _ => Compression::Snappy,
        },
        row_group_bytes: ROW_GROUP,
        threads: 1,
        metadata: kept
            .filter(|pair| pair.key != ARROW_SCHEMA)
            .filter_map(|pair| Some((pair.key.clone(), pair.value.clone()?)))
            .collect(),
    }
}

fn revived(batch: &RecordBatch, places: &[usize], revival: &mut Revival<'_>) -> Result<RecordBatch, Error> {
    let texts = |place: usize| batch.column(place).as_any().downcast_ref::<StringArray>();
    revival.learn(places.iter().filter_map(|&place| texts(place)).flatten().flatten())?;
    let mut columns: Vec<ArrayRef> = batch.columns().to_vec();
    for (column, &place) in places.iter().enumerate() {
        let Some(values) = texts(place) else { continue };
        let mut built = StringBuilder::with_capacity(values.len(), values.value_data().len());
        for value in values {
            match value {
                None => built.append_null(),
                Some(text) => {
                    if !revival.replace(column, text, |value| built.append_value(value)) {
                        built.append_value(text);
                    }
                }
            }
        }
        columns[place] = Arc::new(built.finish());
    }
    revival.count_rows(0)?;
    let schema: SchemaRef = batch.schema();
    RecordBatch::try_new(schema, columns).map_err(|error| LakeError::Rows(error).into())
}

fn read(error: std::io::Error) -> Error {
    LakeError::read(cleanzone_tabular::Error::Read(error)).into()
}

fn unreadable(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::Parquet(error.into())
}

fn written(error: cleanzone_columnar::Error) -> Error {
    match error {
        cleanzone_columnar::Error::Write(io) => LakeError::written(io).into(),
        other => LakeError::Write(other).into(),
    }
}
