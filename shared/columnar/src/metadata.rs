//! What a file says about itself: chunk metadata, page indexes, footer.
//!
//! Source: <https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift>.

use std::ops::Range;

use crate::{
    Compression,
    bounds::Boundary,
    column::Chunk,
    page::{Encoding, PageType, RLE},
    schema::{self, ColumnType},
    thrift::{self, Struct, Type},
};

/// The first and the last bytes of a file.
pub(crate) const MAGIC: &[u8; 4] = b"PAR1";

/// Written into every file, to recognise what a version got wrong.
const CREATED_BY: &str = concat!("cleanzone version ", env!("CARGO_PKG_VERSION"));

/// What the footer says of a column chunk.
struct ChunkEntry {
    /// `ColumnMetaData`, encoded.
    metadata: Vec<u8>,
    /// `ColumnIndex`, encoded.
    column_index: Option<Vec<u8>>,
    /// `OffsetIndex`, encoded.
    offset_index: Vec<u8>,
}

/// What the footer says of a row group.
pub(crate) struct RowGroup {
    begin: u64,
    rows: usize,
    bytes: usize,
    uncompressed: usize,
    chunks: Vec<ChunkEntry>,
}

impl RowGroup {
    /// Of so many rows, its first page at `begin`.
    pub(crate) fn new(begin: u64, rows: usize) -> Self {
        Self { begin, rows, bytes: 0, uncompressed: 0, chunks: Vec::new() }
    }

    /// Adds the next column's chunk, which lies behind the one before.
    pub(crate) fn add(&mut self, column: &ColumnType, chunk: &Chunk, compression: Compression) {
        let begin = self.begin + self.bytes as u64;
        let pages = || chunk.pages.iter().map(|page| &page.encoded);
        let dictionary_bytes = chunk.dictionary.as_ref().map_or(0, |page| page.bytes.len());
        let bytes = dictionary_bytes + pages().map(|page| page.bytes.len()).sum::<usize>();
        let uncompressed: usize = chunk.dictionary.iter().chain(pages()).map(|page| page.uncompressed).sum();
        self.bytes += bytes;
        self.uncompressed += uncompressed;

        let first = begin + dictionary_bytes as u64;
        let mut offset_index = Vec::new();
        thrift::structure(&mut offset_index, |s| {
            let (mut at, mut row) = (first, 0);
            s.list(1, Type::Struct, chunk.pages.iter(), |out, page| {
                let len = page.encoded.bytes.len();
                thrift::structure(out, |s| {
                    s.i64(1, signed(at));
                    s.i32(2, i32::try_from(len).unwrap_or(i32::MAX));
                    s.i64(3, signed(row));
                });
                at += len as u64;
                row += page.rows as u64;
            });
        });

        let mut metadata = Vec::new();
        thrift::structure(&mut metadata, |s| {
            let count = |encoding| chunk.pages.iter().filter(|page| page.encoding == encoding).count();
            let counts = [Encoding::Plain, Encoding::Dictionary].map(|encoding| (encoding, count(encoding)));
            let plain = counts[0].1 > 0 || chunk.dictionary.is_some();
            let used = [(plain, Encoding::Plain.code()), (true, RLE), (counts[1].1 > 0, Encoding::Dictionary.code())];
            let used: Vec<i32> = used.into_iter().filter(|(used, _)| *used).map(|(_, code)| code).collect();
            s.i32(1, column.physical.code());
            s.list(2, Type::I32, used.iter(), |out, code| thrift::zigzag(out, (*code).into()));
            s.list(3, Type::Binary, std::iter::once(&column.name), |out, name| thrift::binary(out, name.as_bytes()));
            s.i32(4, codec(compression));
            s.i64(5, signed(self.rows as u64));
            s.i64(6, signed(uncompressed as u64));
            s.i64(7, signed(bytes as u64));
            s.i64(9, signed(first));
            if chunk.dictionary.is_some() {
                s.i64(11, signed(begin));
            }
            s.nested(12, |s| statistics(s, chunk));
            let dictionary = chunk.dictionary.iter().map(|_| (PageType::Dictionary, Encoding::Plain, 1));
            let data = counts.iter().filter(|(_, n)| *n > 0).map(|(encoding, n)| (PageType::Data, *encoding, *n));
            let stats: Vec<_> = dictionary.chain(data).collect();
            s.list(13, Type::Struct, stats.into_iter(), |out, (page, encoding, pages)| {
                thrift::structure(out, |s| {
                    s.i32(1, page as i32);
                    s.i32(2, encoding.code());
                    s.i32(3, i32::try_from(pages).unwrap_or(i32::MAX));
                });
            });
        });
        // There are many of them in a large file, and they stay to its end.
        let mut column_index = column_index(chunk);
        column_index.iter_mut().for_each(Vec::shrink_to_fit);
        offset_index.shrink_to_fit();
        metadata.shrink_to_fit();
        self.chunks.push(ChunkEntry { metadata, column_index, offset_index });
    }
}

fn statistics(s: &mut Struct<'_>, chunk: &Chunk) {
    let nulls: usize = chunk.pages.iter().map(|page| page.nulls).sum();
    s.i64(3, signed(nulls as u64));
    if let Some(distinct) = chunk.distinct {
        s.i64(4, signed(distinct as u64));
    }
    let (min, max) = (&chunk.bounds.min, &chunk.bounds.max);
    if let Some((max, _)) = max {
        s.binary(5, max);
    }
    if let Some((min, _)) = min {
        s.binary(6, min);
    }
    if let Some((_, exact)) = max {
        s.bool(7, *exact);
    }
    if let Some((_, exact)) = min {
        s.bool(8, *exact);
    }
}

fn column_index(chunk: &Chunk) -> Option<Vec<u8>> {
    let boundary = chunk.bounds.boundary?;
    let mut index = Vec::new();
    thrift::structure(&mut index, |s| {
        let pages = || chunk.pages.iter();
        s.list(1, Type::True, pages(), |out, page| out.push(if page.nulls == page.rows { 1 } else { 2 }));
        s.list(2, Type::Binary, pages(), |out, page| thrift::binary(out, &page.bounds.min));
        s.list(3, Type::Binary, pages(), |out, page| thrift::binary(out, &page.bounds.max));
        s.i32(
            4,
            match boundary {
                Boundary::Unordered => 0,
                Boundary::Ascending => 1,
                Boundary::Descending => 2,
            },
        );
        s.list(5, Type::I64, pages(), |out, page| thrift::zigzag(out, signed(page.nulls as u64)));
    });
    Some(index)
}

/// Offset and length.
type Place = (i64, i32);

/// Where the indexes of a chunk lie: that of offsets, and that of columns.
pub(crate) type Indexes = (Place, Option<Place>);

/// Hands all page indexes to `write`, which says where each comes to lie, and frees them: first those of columns, then
/// those of offsets. Returns the places of each chunk's.
pub(crate) fn write_indexes<E>(
    row_groups: &mut [RowGroup],
    mut write: impl FnMut(&[u8]) -> Result<u64, E>,
) -> Result<Vec<Indexes>, E> {
    let mut place = |index: Vec<u8>| -> Result<Place, E> {
        Ok((signed(write(&index)?), i32::try_from(index.len()).unwrap_or(i32::MAX)))
    };
    let mut chunks: Vec<&mut ChunkEntry> = row_groups.iter_mut().flat_map(|group| &mut group.chunks).collect();
    let columns = chunks
        .iter_mut()
        .map(|chunk| chunk.column_index.take().map(&mut place).transpose())
        .collect::<Result<Vec<_>, E>>()?;
    let offsets = chunks.into_iter().map(|chunk| place(std::mem::take(&mut chunk.offset_index)));
    offsets.zip(columns).map(|(offset, column)| Ok((offset?, column))).collect()
}

/// Appends the footer of a file whose indexes lie at `places`. Returns where in `out` its structure lies.
pub(crate) fn footer(
    columns: &[ColumnType],
    row_groups: &[RowGroup],
    metadata: &[(String, String)],
    places: Vec<Indexes>,
    out: &mut Vec<u8>,
) -> Range<usize> {
    let mut places = places.into_iter();
    let begin = out.len();
    let rows = row_groups.iter().map(|group| group.rows as u64).sum();
    thrift::structure(out, |s| {
        s.i32(1, 1);
        schema::write(columns, 2, s);
        s.i64(3, signed(rows));
        s.list(4, Type::Struct, row_groups.iter().enumerate(), |out, (i, group)| {
            thrift::structure(out, |s| {
                s.list(1, Type::Struct, group.chunks.iter(), |out, chunk| {
                    let indexes = places.next().unwrap_or_default();
                    thrift::structure(out, |s| write_chunk(s, chunk, indexes));
                });
                s.i64(2, signed(group.uncompressed as u64));
                s.i64(3, signed(group.rows as u64));
                s.i64(5, signed(group.begin));
                s.i64(6, signed(group.bytes as u64));
                if let Ok(ordinal) = i16::try_from(i) {
                    s.i16(7, ordinal);
                }
            });
        });
        if !metadata.is_empty() {
            s.list(5, Type::Struct, metadata.iter(), |out, (key, value)| {
                thrift::structure(out, |s| {
                    s.binary(1, key.as_bytes());
                    s.binary(2, value.as_bytes());
                });
            });
        }
        s.binary(6, CREATED_BY.as_bytes());
        // All columns have the order that their type defines: bounds of floats are written so that readers which know
        // no other order can use them.
        s.list(7, Type::Struct, columns.iter(), |out, _| thrift::structure(out, |s| s.nested(1, |_| {})));
    });
    let structure = begin..out.len();
    let len = u32::try_from(structure.len()).unwrap_or(u32::MAX);
    out.extend_from_slice(&len.to_le_bytes());
    out.extend_from_slice(MAGIC);
    structure
}

fn write_chunk(s: &mut Struct<'_>, chunk: &ChunkEntry, (offset_index, column_index): Indexes) {
    // Where metadata lies a second time, which it does not.
    s.i64(2, 0);
    s.encoded(3, &chunk.metadata);
    s.i64(4, offset_index.0);
    s.i32(5, offset_index.1);
    if let Some((at, len)) = column_index {
        s.i64(6, at);
        s.i32(7, len);
    }
}

fn codec(compression: Compression) -> i32 {
    match compression {
        Compression::None => 0,
        Compression::Snappy => 1,
        Compression::Zstd(_) => 6,
    }
}

fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
