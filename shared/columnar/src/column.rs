//! A column, from arrays to the pages of its chunk in the open row group.

use std::ops::Range;

use arrow::{
    array::{Array, AsArray, PrimitiveArray, StringViewArray},
    buffer::NullBuffer,
    datatypes::{
        DataType, Date32Type, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
        TimeUnit, TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType,
    },
};

use crate::{
    Error,
    boolean::Boolean,
    bounds::{ChunkBounds, Form, Written},
    bytes::{Bytes, Source},
    compress::Content,
    dictionary::Dictionary,
    fixed::Fixed,
    levels::Levels,
    page::{Encoded, Encoding, Scratch},
    schema::{ColumnType, Physical},
    value::Value,
};

/// How large things may become; the more columns, the smaller.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Rows of a page.
    pub(crate) page_rows: usize,
    /// Bytes of a page of PLAIN values of any length.
    pub(crate) page_bytes: usize,
    /// Bytes of a dictionary.
    pub(crate) dictionary_bytes: usize,
}

impl Limits {
    /// For a file of so many columns.
    pub(crate) fn new(columns: usize) -> Self {
        let share = |all: usize| all / columns.max(1);
        Self {
            // A multiple of 64, so that the levels of a page begin with a whole word.
            page_rows: (share(1 << 20) & !63).clamp(128, 20_480),
            page_bytes: share(16 << 20).clamp(4 << 10, 256 << 10),
            dictionary_bytes: share(32 << 20).clamp(4 << 10, 2 << 20),
        }
    }
}

/// A data page of a chunk.
pub(crate) struct DataPage {
    pub(crate) encoded: Encoded,
    pub(crate) encoding: Encoding,
    pub(crate) rows: usize,
    pub(crate) nulls: usize,
    pub(crate) bounds: Written,
}

/// A column chunk, ready to be written.
pub(crate) struct Chunk {
    pub(crate) dictionary: Option<Encoded>,
    pub(crate) pages: Vec<DataPage>,
    pub(crate) bounds: ChunkBounds,
    /// Distinct values, where they are known.
    pub(crate) distinct: Option<usize>,
}

/// The values, by how they are stored.
enum Family {
    Boolean(Boolean),
    Int32(Fixed<i32>),
    Int64(Fixed<i64>),
    Float(Fixed<f32>),
    Double(Fixed<f64>),
    Decimal(Fixed<i128>),
    Bytes(Bytes),
}

impl Family {
    fn content(&self) -> Content {
        match self {
            Self::Bytes(_) => Content::Bytes,
            Self::Int64(_) | Self::Double(_) => Content::Words,
            _ => Content::Other,
        }
    }
}

/// Does the same with each of the families that have a dictionary, and another thing with booleans.
macro_rules! by_family {
    ($family:expr, $boolean:ident => $for_boolean:expr, $other:ident => $for_others:expr) => {
        match $family {
            Family::Boolean($boolean) => $for_boolean,
            Family::Int32($other) => $for_others,
            Family::Int64($other) => $for_others,
            Family::Float($other) => $for_others,
            Family::Double($other) => $for_others,
            Family::Decimal($other) => $for_others,
            Family::Bytes($other) => $for_others,
        }
    };
}

/// A column of the open row group.
pub(crate) struct Column {
    position: usize,
    nullable: bool,
    limits: Limits,
    levels: Levels,
    family: Family,
    pages: Vec<DataPage>,
    /// Bytes of `pages`.
    closed: usize,
    /// Bytes of the last page, compressed and not.
    last: (usize, usize),
    stored: u8,
    /// Rows that the row group will have, about.
    expected: usize,
}

impl Column {
    pub(crate) fn new(position: usize, kind: &ColumnType, limits: Limits, expected: usize) -> Self {
        let limit = limits.dictionary_bytes;
        let family = match kind.physical {
            Physical::Boolean => Family::Boolean(Boolean::new()),
            Physical::Int32 => Family::Int32(Fixed::new(4, limit)),
            Physical::Int64 => Family::Int64(Fixed::new(8, limit)),
            Physical::Float => Family::Float(Fixed::new(4, limit)),
            Physical::Double => Family::Double(Fixed::new(8, limit)),
            Physical::Fixed(width) => Family::Decimal(Fixed::new(width, limit)),
            Physical::Bytes => Family::Bytes(Bytes::new(kind.is_text(), limit, limits.page_bytes)),
        };
        Self {
            position,
            nullable: kind.nullable,
            limits,
            levels: Levels::default(),
            family,
            pages: Vec::new(),
            closed: 0,
            last: (1, 2),
            stored: 0,
            expected,
        }
    }

    /// Bytes that the chunk has so far, those of the open page and of the dictionary being estimated.
    pub(crate) fn bytes(&self) -> usize {
        let (page, dictionary) = by_family!(&self.family, b => (b.open_bytes(), 0), f => f.values.open_bytes());
        // In 64 bits, also on machines of 32.
        let page = page as u64 * self.last.0 as u64 / self.last.1.max(1) as u64;
        self.closed + dictionary + usize::try_from(page).unwrap_or(usize::MAX)
    }

    /// Adds all rows of `array`, which must be of the column's type.
    pub(crate) fn write(&mut self, array: &dyn Array, scratch: &mut Scratch) -> Result<(), Error> {
        use DataType as D;
        use TimeUnit as U;
        let (rows, nulls) = (array.len(), array.nulls().filter(|n| n.null_count() > 0));
        if !self.nullable && (nulls.is_some() || (*array.data_type() == D::Null && rows > 0)) {
            return Err(Error::Null(self.position));
        }
        match array.data_type() {
            D::Boolean => {
                let array = array.as_boolean();
                self.write_rows(rows, nulls, scratch, |family, range| {
                    let Family::Boolean(boolean) = family else { return Err(Error::Schema) };
                    boolean.append(array, range.clone());
                    Ok(range.len())
                })
            }
            D::Int8 => self.write_fixed(&widen(array.as_primitive::<Int8Type>().values()), nulls, scratch),
            D::Int16 => self.write_fixed(&widen(array.as_primitive::<Int16Type>().values()), nulls, scratch),
            D::Int32 => self.write_fixed(array.as_primitive::<Int32Type>().values(), nulls, scratch),
            D::Date32 => self.write_fixed(array.as_primitive::<Date32Type>().values(), nulls, scratch),
            D::Int64 => self.write_fixed(array.as_primitive::<Int64Type>().values(), nulls, scratch),
            D::Timestamp(U::Millisecond, _) => {
                self.write_fixed(array.as_primitive::<TimestampMillisecondType>().values(), nulls, scratch)
            }
            D::Timestamp(U::Microsecond, _) => {
                self.write_fixed(array.as_primitive::<TimestampMicrosecondType>().values(), nulls, scratch)
            }
            D::Timestamp(U::Nanosecond, _) => {
                self.write_fixed(array.as_primitive::<TimestampNanosecondType>().values(), nulls, scratch)
            }
            D::Float32 => self.write_fixed(array.as_primitive::<Float32Type>().values(), nulls, scratch),
            D::Float64 => self.write_fixed(array.as_primitive::<Float64Type>().values(), nulls, scratch),
            D::Decimal128(precision, _) => self.write_decimal(array.as_primitive(), *precision, scratch),
            D::Utf8 => self.write_bytes(array.as_string::<i32>(), nulls, scratch),
            D::LargeUtf8 => self.write_bytes(array.as_string::<i64>(), nulls, scratch),
            D::Utf8View => self.write_bytes(array.as_string_view(), nulls, scratch),
            D::Binary => self.write_bytes(array.as_binary::<i32>(), nulls, scratch),
            D::LargeBinary => self.write_bytes(array.as_binary::<i64>(), nulls, scratch),
            D::BinaryView => self.write_bytes(array.as_binary_view(), nulls, scratch),
            D::Null => {
                let array = StringViewArray::new_null(rows);
                self.write_bytes(&array, array.nulls(), scratch)
            }
            _ => Err(Error::Schema),
        }
    }

    fn write_decimal(
        &mut self,
        array: &PrimitiveArray<Decimal128Type>,
        precision: u8,
        scratch: &mut Scratch,
    ) -> Result<(), Error> {
        let most = 10u128.pow(precision.into());
        let fits = |row: usize| array.is_null(row) || array.value(row).unsigned_abs() < most;
        if !(0..array.len()).all(fits) {
            return Err(Error::Precision(precision));
        }
        // What does not fit here lies where the column is null.
        let (values, nulls) = (array.values().iter(), array.nulls());
        match &self.family {
            Family::Int32(_) => {
                let values: Vec<_> = values.map(|v| i32::try_from(*v).unwrap_or_default()).collect();
                self.write_fixed(&values, nulls, scratch)
            }
            Family::Int64(_) => {
                let values: Vec<_> = values.map(|v| i64::try_from(*v).unwrap_or_default()).collect();
                self.write_fixed(&values, nulls, scratch)
            }
            _ => self.write_fixed(array.values(), nulls, scratch),
        }
    }

    fn write_fixed<T: Stored>(
        &mut self,
        values: &[T],
        nulls: Option<&NullBuffer>,
        scratch: &mut Scratch,
    ) -> Result<(), Error> {
        self.write_rows(values.len(), nulls, scratch, |family, range| {
            T::of(family).ok_or(Error::Schema)?.append(values, nulls, range.clone());
            Ok(range.len())
        })
    }

    fn write_bytes(
        &mut self,
        array: &impl Source,
        nulls: Option<&NullBuffer>,
        scratch: &mut Scratch,
    ) -> Result<(), Error> {
        self.write_rows(array.len(), nulls, scratch, |family, range| {
            let Family::Bytes(bytes) = family else { return Err(Error::Schema) };
            Ok(bytes.append(array, nulls, range))
        })
    }

    /// Has `append` take rows, as many as go into the open page, until all are taken.
    fn write_rows(
        &mut self,
        rows: usize,
        nulls: Option<&NullBuffer>,
        scratch: &mut Scratch,
        mut append: impl FnMut(&mut Family, Range<usize>) -> Result<usize, Error>,
    ) -> Result<(), Error> {
        let mut row = 0;
        while row < rows {
            let end = rows.min(row + self.limits.page_rows - self.levels.rows());
            let taken = append(&mut self.family, row..end)?;
            self.levels.append(taken, nulls.map(|nulls| nulls.slice(row, taken)).as_ref());
            row += taken;
            let full = matches!(&self.family, Family::Bytes(bytes) if bytes.is_full());
            if full || self.levels.rows() >= self.limits.page_rows {
                self.end_page(self.expected, scratch)?;
            }
        }
        Ok(())
    }

    fn end_page(&mut self, expected: usize, scratch: &mut Scratch) -> Result<(), Error> {
        let (rows, nulls) = (self.levels.rows(), self.levels.nulls());
        let mut levels = Vec::new();
        if self.nullable {
            self.levels.encode(&mut levels);
        }
        self.levels.clear();
        let values = rows - nulls;
        let expected = expected.max(rows) / rows.max(1) * values;
        let mut page = scratch.page(rows, &levels, self.family.content(), &mut self.stored);
        let bounds = by_family!(
            &mut self.family,
            b => {
                b.end_page(&mut page)?;
                b.bounds.end_page(values > 0, Form { text: false, width: 1 })
            },
            f => {
                f.end_page(expected, &mut page)?;
                f.bounds.end_page(values > 0, f.form)
            }
        );
        let (encoding, encoded) = page.finish().ok_or(Error::Encoder)?;
        self.closed += encoded.bytes.len();
        self.last = (encoded.bytes.len(), encoded.uncompressed);
        self.pages.push(DataPage { encoded, encoding, rows, nulls, bounds });
        Ok(())
    }

    /// Ends the chunk and begins that of the next row group, which is expected to have so many rows.
    pub(crate) fn close(&mut self, expected: usize, scratch: &mut Scratch) -> Result<Chunk, Error> {
        if self.levels.rows() > 0 {
            // A first page that is the last one is judged by itself.
            let rows = if self.pages.is_empty() { 0 } else { self.expected };
            self.end_page(rows, scratch)?;
        }
        let exact = !matches!(self.family, Family::Float(_) | Family::Double(_));
        let (mut dictionary, mut distinct, content) = (None, None, self.family.content());
        let bounds = by_family!(
            &mut self.family,
            b => b.bounds.end_chunk(Form { text: false, width: 1 }),
            f => {
                if let Some((used, by_all)) = f.values.used_dictionary() {
                    distinct = (exact && by_all).then(|| used.len());
                    dictionary = Some(scratch.dictionary(used.len(), content, |out| used.page(out))?);
                }
                f.values.end_chunk();
                f.bounds.end_chunk(f.form)
            }
        );
        self.closed = 0;
        self.stored = 0;
        self.expected = expected;
        Ok(Chunk { dictionary, pages: std::mem::take(&mut self.pages), bounds, distinct })
    }
}

fn widen<T: Copy + Into<i32>>(values: &[T]) -> Vec<i32> {
    values.iter().map(|v| (*v).into()).collect()
}

/// A value that is stored in a family of its own.
trait Stored: Value {
    fn of(family: &mut Family) -> Option<&mut Fixed<Self>>;
}

macro_rules! stored {
    ($($type:ty => $family:ident),+) => {$(
        impl Stored for $type {
            fn of(family: &mut Family) -> Option<&mut Fixed<Self>> {
                match family {
                    Family::$family(fixed) => Some(fixed),
                    _ => None,
                }
            }
        }
    )+};
}

stored!(i32 => Int32, i64 => Int64, f32 => Float, f64 => Double, i128 => Decimal);
