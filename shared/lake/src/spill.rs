//! Rows for which there is no room in memory, in a temporary file, until their partition is written.
//!
//! The file has no name: it is gone with the last handle on it, however the process ends. Nobody else can open it
//! meanwhile. It holds segments, each the compressed rows of one partition, and before each where the one before it
//! of the same partition lies. So memory holds one number a partition, however many segments there are.

use std::{
    fs::File,
    io::{self, ErrorKind, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use arrow::{
    array::{Array, ArrayData, ArrayRef, AsArray, RecordBatch, StringArray, make_array},
    buffer::{BooleanBuffer, Buffer, NullBuffer, OffsetBuffer, ScalarBuffer},
    datatypes::{DataType, SchemaRef},
    error::ArrowError,
};

use crate::Error;

/// Bytes that are collected before they are written.
const BUFFER: usize = 1 << 20;

/// Where there is no segment before.
const NONE: u64 = u64::MAX;

const MIB: u64 = 1 << 20;

/// What stands before each segment.
#[derive(Clone, Copy, Debug)]
struct Header {
    previous: u64,
    packed: u32,
    unpacked: u32,
    rows: u32,
}

impl Header {
    const BYTES: usize = 20;

    fn write(self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.previous.to_le_bytes());
        for number in [self.packed, self.unpacked, self.rows] {
            out.extend_from_slice(&number.to_le_bytes());
        }
    }

    fn read(bytes: [u8; Self::BYTES]) -> Self {
        let number = |at: usize| bytes[at..].first_chunk().map_or(0, |four| u32::from_le_bytes(*four));
        let previous = bytes.first_chunk().map_or(NONE, |eight| u64::from_le_bytes(*eight));
        Self { previous, packed: number(8), unpacked: number(12), rows: number(16) }
    }
}

/// A temporary file of rows.
pub(crate) struct Spill {
    file: File,
    folder: PathBuf,
    schema: SchemaRef,
    /// The last segment of each partition.
    last: Vec<u64>,
    /// What is not written yet.
    buffer: Vec<u8>,
    /// Bytes before `buffer`.
    written: u64,
    encoder: snap::raw::Encoder,
    plain: Vec<u8>,
}

impl Spill {
    /// An empty one, in the temporary folder that the environment names.
    pub(crate) fn new(schema: SchemaRef) -> Result<Self, Error> {
        let folder = std::env::temp_dir();
        let file = match create(&folder) {
            Ok(file) => file,
            Err(source) => return Err(Error::Spill { action: "create", folder, source }),
        };
        Ok(Self {
            file,
            folder,
            schema,
            last: Vec::new(),
            buffer: Vec::new(),
            written: 0,
            encoder: snap::raw::Encoder::new(),
            plain: Vec::new(),
        })
    }

    /// Adds rows to those of a partition.
    pub(crate) fn write(&mut self, partition: u32, rows: &RecordBatch) -> Result<(), Error> {
        let at = partition as usize;
        if at >= self.last.len() {
            self.last.resize(at + 1, NONE);
        }
        self.plain.clear();
        encode(rows, &mut self.plain)?;
        let begin = self.buffer.len();
        let body = begin + Header::BYTES;
        self.buffer.resize(body + snap::raw::max_compress_len(self.plain.len()), 0);
        let packed =
            self.encoder.compress(&self.plain, &mut self.buffer[body..]).map_err(|e| broken(&e.to_string()))?;
        self.buffer.truncate(body + packed);
        let header = Header {
            previous: self.last[at],
            packed: short(packed)?,
            unpacked: short(self.plain.len())?,
            rows: short(rows.num_rows())?,
        };
        let mut bytes = Vec::with_capacity(Header::BYTES);
        header.write(&mut bytes);
        self.buffer[begin..body].copy_from_slice(&bytes);
        self.last[at] = self.written + begin as u64;
        if self.buffer.len() >= BUFFER { self.flush() } else { Ok(()) }
    }

    /// Ends the writing.
    pub(crate) fn finish(mut self) -> Result<Spilled, Error> {
        self.flush()?;
        let Self { file, folder, schema, last, buffer, plain, .. } = self;
        Ok(Spilled { file, folder, schema, last, packed: buffer, plain })
    }

    fn flush(&mut self) -> Result<(), Error> {
        match self.file.write_all(&self.buffer) {
            Ok(()) => {
                self.written += self.buffer.len() as u64;
                self.buffer.clear();
                Ok(())
            }
            Err(source) => Err(self.full_or(source)),
        }
    }

    fn full_or(&self, source: io::Error) -> Error {
        let folder = self.folder.clone();
        match source.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => Error::Limit(format!(
                "the rows of the file's partitions need more temporary storage than there is: {} is full after {} MiB; \
                 give the function more ephemeral storage (EphemeralStorage in the template, up to 10,240 MB), or \
                 partition by fewer values",
                folder.display(),
                self.written / MIB,
            )),
            _ => Error::Spill { action: "write", folder, source },
        }
    }
}

/// A file without a name, readable by its owner alone.
fn create(folder: &Path) -> io::Result<File> {
    let file = tempfile::tempfile_in(folder)?;
    #[cfg(unix)]
    file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
    Ok(file)
}

/// A temporary file of rows that is complete.
pub(crate) struct Spilled {
    file: File,
    folder: PathBuf,
    schema: SchemaRef,
    last: Vec<u64>,
    packed: Vec<u8>,
    plain: Vec<u8>,
}

impl Spilled {
    /// Where the segments of a partition are, in the order in which they were written.
    pub(crate) fn segments(&mut self, partition: u32) -> Result<Vec<Segment>, Error> {
        let mut segments = Vec::new();
        let mut at = self.last.get(partition as usize).copied().unwrap_or(NONE);
        while at != NONE {
            let mut bytes = [0; Header::BYTES];
            self.read_at(at, &mut bytes)?;
            let header = Header::read(bytes);
            segments.push(Segment { at: at + Header::BYTES as u64, header });
            at = header.previous;
        }
        segments.reverse();
        Ok(segments)
    }

    /// Reads rows back.
    pub(crate) fn read(&mut self, segment: Segment) -> Result<RecordBatch, Error> {
        let Segment { at, header } = segment;
        let mut packed = std::mem::take(&mut self.packed);
        packed.resize(header.packed as usize, 0);
        let read = self.read_at(at, &mut packed);
        self.packed = packed;
        read?;
        self.plain.resize(header.unpacked as usize, 0);
        let unpacked = snap::raw::Decoder::new().decompress(&self.packed, &mut self.plain);
        unpacked.map_err(|e| broken(&e.to_string()))?;
        decode(&self.plain, &self.schema, header.rows as usize)
    }

    fn read_at(&mut self, at: u64, bytes: &mut [u8]) -> Result<(), Error> {
        let read = self.file.seek(SeekFrom::Start(at)).and_then(|_| self.file.read_exact(bytes));
        read.map_err(|source| Error::Spill { action: "read", folder: self.folder.clone(), source })
    }
}

/// Rows of one partition in a [`Spilled`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Segment {
    at: u64,
    header: Header,
}

fn short(number: usize) -> Result<u32, Error> {
    u32::try_from(number).map_err(|_| broken("a segment has more than 4 GiB"))
}

fn broken(what: &str) -> Error {
    Error::Rows(ArrowError::InvalidArgumentError(what.to_owned()))
}

/// Column after column: whether there are nulls, which; then the values, before texts their lengths.
fn encode(rows: &RecordBatch, out: &mut Vec<u8>) -> Result<(), Error> {
    for array in rows.columns() {
        match array.nulls().filter(|nulls| nulls.null_count() > 0) {
            Some(nulls) => {
                out.push(1);
                encode_bits(nulls.inner(), out);
            }
            None => out.push(0),
        }
        match array.data_type() {
            DataType::Boolean => encode_bits(array.as_boolean().values(), out),
            DataType::Utf8 => {
                let array = array.as_string::<i32>();
                let offsets = array.value_offsets();
                for ends in offsets.windows(2) {
                    let [begin, end] = ends else { continue };
                    out.extend_from_slice(&end.abs_diff(*begin).to_le_bytes());
                }
                let place = |offset: Option<&i32>| offset.and_then(|o| usize::try_from(*o).ok()).unwrap_or(0);
                out.extend_from_slice(&array.value_data()[place(offsets.first())..place(offsets.last())]);
            }
            other => {
                let width = other.primitive_width().ok_or_else(|| unknown(other))?;
                let data = array.to_data();
                let values = data.buffers().first().ok_or_else(|| unknown(other))?;
                out.extend_from_slice(&values.as_slice()[data.offset() * width..(data.offset() + data.len()) * width]);
            }
        }
    }
    Ok(())
}

fn encode_bits(bits: &BooleanBuffer, out: &mut Vec<u8>) {
    out.extend_from_slice(&bits.sliced().as_slice()[..bits.len().div_ceil(8)]);
}

fn unknown(data_type: &DataType) -> Error {
    broken(&format!("no segment holds {data_type}"))
}

fn decode(bytes: &[u8], schema: &SchemaRef, rows: usize) -> Result<RecordBatch, Error> {
    let mut rest = bytes;
    let mut take = |count: usize| {
        let (taken, after) = rest.split_at_checked(count).ok_or_else(|| broken("a segment is too short"))?;
        rest = after;
        Ok::<_, Error>(taken)
    };
    let mut columns: Vec<ArrayRef> = Vec::with_capacity(schema.fields().len());
    for field in schema.fields() {
        let nulls =
            if take(1)? == [1] { Some(NullBuffer::new(decode_bits(take(rows.div_ceil(8))?, rows))) } else { None };
        columns.push(match field.data_type() {
            DataType::Boolean => {
                let values = decode_bits(take(rows.div_ceil(8))?, rows);
                std::sync::Arc::new(arrow::array::BooleanArray::new(values, nulls))
            }
            DataType::Utf8 => {
                let lengths = take(4 * rows)?.chunks_exact(4);
                let mut end = 0_i32;
                let ends = lengths.map(|four| {
                    let length = four.first_chunk().map_or(0, |four| i32::from_le_bytes(*four));
                    end = end.saturating_add(length);
                    end
                });
                let offsets: Vec<i32> = std::iter::once(0).chain(ends).collect();
                let texts = take(usize::try_from(end).map_err(|_| broken("a segment has a text of no length"))?)?;
                let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
                let array = StringArray::try_new(offsets, Buffer::from_slice_ref(texts), nulls).map_err(Error::Rows)?;
                std::sync::Arc::new(array)
            }
            other => {
                let width = other.primitive_width().ok_or_else(|| unknown(other))?;
                let values = Buffer::from_slice_ref(take(rows * width)?);
                let data = ArrayData::builder(other.clone()).len(rows).nulls(nulls).add_buffer(values).build();
                make_array(data.map_err(Error::Rows)?)
            }
        });
    }
    RecordBatch::try_new(schema.clone(), columns).map_err(Error::Rows)
}

fn decode_bits(bytes: &[u8], bits: usize) -> BooleanBuffer {
    BooleanBuffer::new(Buffer::from_slice_ref(bytes), 0, bits)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::{
        array::{BooleanArray, Date32Array, Decimal128Array, Float64Array, Int8Array, Int64Array},
        datatypes::{Field, Schema},
    };
    use cleanzone_error::{ErrorName, Fault as _};
    use proptest::prelude::*;

    use super::*;

    type Row = (Option<bool>, Option<i8>, Option<i64>, Option<f64>, Option<i32>, Option<i128>, Option<String>);

    fn batch(rows: &[Row]) -> RecordBatch {
        let decimals = rows.iter().map(|r| r.5).collect::<Decimal128Array>().with_precision_and_scale(38, 2).unwrap();
        let columns: Vec<ArrayRef> = vec![
            Arc::new(rows.iter().map(|r| r.0).collect::<BooleanArray>()),
            Arc::new(rows.iter().map(|r| r.1).collect::<Int8Array>()),
            Arc::new(rows.iter().map(|r| r.2).collect::<Int64Array>()),
            Arc::new(rows.iter().map(|r| r.3).collect::<Float64Array>()),
            Arc::new(rows.iter().map(|r| r.4).collect::<Date32Array>()),
            Arc::new(decimals),
            Arc::new(rows.iter().map(|r| r.6.as_deref()).collect::<StringArray>()),
        ];
        let fields = columns.iter().enumerate().map(|(i, c)| Field::new(i.to_string(), c.data_type().clone(), true));
        RecordBatch::try_new(Arc::new(Schema::new(fields.collect::<Vec<_>>())), columns).unwrap()
    }

    fn row() -> impl Strategy<Value = Row> {
        let number = prop::option::of(-99_i128..99);
        let text = prop::option::of("\\PC{0,9}");
        (
            any::<Option<bool>>(),
            any::<Option<i8>>(),
            any::<Option<i64>>(),
            prop::option::of(-1e9..1e9),
            any::<Option<i32>>(),
            number,
            text,
        )
    }

    proptest! {
        #[test]
        fn rows_come_back_by_partition_as_they_were(
            rows in prop::collection::vec(row(), 1..60),
            pieces in prop::collection::vec((0_u32..4, 0_usize..60, 0_usize..20), 0..20),
        ) {
            let whole = batch(&rows);
            let mut spill = Spill::new(whole.schema()).unwrap();
            let mut expected: Vec<Vec<RecordBatch>> = vec![Vec::new(); 4];
            for (partition, begin, rows) in pieces {
                let begin = begin.min(whole.num_rows());
                let piece = whole.slice(begin, rows.min(whole.num_rows() - begin));
                spill.write(partition, &piece).unwrap();
                expected[partition as usize].push(piece);
            }
            let mut spill = spill.finish().unwrap();
            for (partition, expected) in (0..).zip(expected) {
                let segments = spill.segments(partition).unwrap();
                let found: Vec<_> = segments.into_iter().map(|segment| spill.read(segment).unwrap()).collect();
                prop_assert_eq!(found, expected);
            }
        }
    }

    #[test]
    fn a_full_disk_is_told_with_what_to_do() {
        let spill = Spill::new(Arc::new(Schema::empty())).unwrap();
        let error = spill.full_or(io::Error::from(ErrorKind::StorageFull));
        assert_eq!(error.name(), ErrorName::LimitExceeded);
        assert!(error.to_string().contains("ephemeral storage"), "{error}");
        assert_eq!(spill.full_or(io::Error::from(ErrorKind::BrokenPipe)).name(), ErrorName::Io);
    }

    #[cfg(unix)]
    #[test]
    fn the_file_has_no_name_and_is_its_owners_alone() {
        use std::os::unix::fs::MetadataExt as _;
        let spill = Spill::new(Arc::new(Schema::empty())).unwrap();
        let metadata = spill.file.metadata().unwrap();
        assert_eq!((metadata.nlink(), metadata.mode() & 0o777), (0, 0o600));
    }
}
