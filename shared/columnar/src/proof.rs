//! A second opinion on every file, before anybody can read it.
//!
//! Pages and footer are written by this crate; here the `parquet` crate, which shares no line with it, reads the
//! footer back, and what it understands is held against what was written.

use parquet::file::metadata::ParquetMetaDataReader;

use crate::Error;

/// Refuses a footer (the Thrift structure, without its length and the magic bytes) that does not describe this many
/// rows in this many columns, in chunks that follow one another from the magic bytes to `pages_end`.
pub(crate) fn prove(footer: &[u8], rows: u64, columns: usize, pages_end: u64) -> Result<(), Error> {
    let metadata = ParquetMetaDataReader::decode_metadata(footer).map_err(Error::Footer)?;
    let mut at = 4;
    let mut counted = 0;
    for group in metadata.row_groups() {
        counted += group.num_rows();
        for chunk in group.columns() {
            let (begin, len) = chunk.byte_range();
            if begin != at || chunk.num_values() != group.num_rows() {
                return Err(Error::Encoder);
            }
            at += len;
        }
        if group.num_columns() != columns {
            return Err(Error::Encoder);
        }
    }
    let described = metadata.file_metadata();
    let whole = at == pages_end
        && u64::try_from(counted) == Ok(rows)
        && described.num_rows() == counted
        && described.schema_descr().num_columns() == columns;
    if whole { Ok(()) } else { Err(Error::Encoder) }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::{
        array::{Int64Array, RecordBatch},
        datatypes::{DataType, Field, Schema},
    };

    use super::*;
    use crate::{Compression, Settings, Writer};

    #[test]
    fn a_footer_that_tells_something_else_is_refused() {
        let schema = Arc::new(Schema::new(vec![Field::new("n", DataType::Int64, true)]));
        let batch = RecordBatch::try_new(schema.clone(), vec![Arc::new(Int64Array::from(vec![1, 2, 3]))]).unwrap();
        let settings =
            Settings { compression: Compression::Snappy, row_group_bytes: 1 << 20, threads: 1, metadata: Vec::new() };
        let mut writer = Writer::new(Vec::new(), schema, &settings).unwrap();
        writer.write(&batch).unwrap();
        let (file, _) = writer.finish().unwrap();

        let (rest, tail) = file.split_at(file.len() - 8);
        let len = u32::from_le_bytes(tail[..4].try_into().unwrap()) as usize;
        let footer = &rest[rest.len() - len..];
        let chunk = ParquetMetaDataReader::decode_metadata(footer).unwrap();
        let pages_end = 4 + chunk.row_group(0).column(0).byte_range().1;
        prove(footer, 3, 1, pages_end).unwrap();
        for (rows, columns, end) in [(4, 1, pages_end), (3, 2, pages_end), (3, 1, pages_end + 1)] {
            assert!(matches!(prove(footer, rows, columns, end), Err(Error::Encoder)), "{rows} {columns} {end}");
        }
        assert!(matches!(prove(&footer[..len / 2], 3, 1, pages_end), Err(Error::Footer(_))));
    }
}
