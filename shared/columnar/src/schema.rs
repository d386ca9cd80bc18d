//! The Parquet schema of an Arrow schema.
//!
//! Source: <https://github.com/apache/parquet-format/blob/master/LogicalTypes.md>.

use arrow::datatypes::{DataType, Field, Schema, TimeUnit};

use crate::{
    Error,
    thrift::{self, Struct, Type},
};

/// How values are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Physical {
    Boolean,
    Int32,
    Int64,
    Float,
    Double,
    Bytes,
    /// Of this many bytes.
    Fixed(usize),
}

impl Physical {
    pub(crate) fn code(self) -> i32 {
        match self {
            Self::Boolean => 0,
            Self::Int32 => 1,
            Self::Int64 => 2,
            Self::Float => 4,
            Self::Double => 5,
            Self::Bytes => 6,
            Self::Fixed(_) => 7,
        }
    }

    /// Bytes of a value, about, once it is encoded and compressed.
    pub(crate) fn guessed_bytes(self) -> usize {
        match self {
            Self::Boolean => 1,
            Self::Int32 | Self::Float => 2,
            Self::Int64 | Self::Double => 4,
            Self::Bytes | Self::Fixed(_) => 8,
        }
    }
}

/// What values mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Logical {
    None,
    String,
    Decimal { precision: u8, scale: i8 },
    Date,
    Timestamp { unit: TimeUnit, utc: bool },
    Integer { bits: u8 },
}

/// A column as it is stored.
#[derive(Clone, Debug)]
pub(crate) struct ColumnType {
    pub(crate) name: String,
    pub(crate) physical: Physical,
    pub(crate) nullable: bool,
    logical: Logical,
}

impl ColumnType {
    fn new(position: usize, field: &Field) -> Result<Self, Error> {
        use Logical as L;
        use Physical as P;
        let (physical, logical) = match field.data_type() {
            DataType::Boolean => (P::Boolean, L::None),
            DataType::Int8 => (P::Int32, L::Integer { bits: 8 }),
            DataType::Int16 => (P::Int32, L::Integer { bits: 16 }),
            DataType::Int32 => (P::Int32, L::None),
            DataType::Int64 => (P::Int64, L::None),
            DataType::Float32 => (P::Float, L::None),
            DataType::Float64 => (P::Double, L::None),
            DataType::Date32 => (P::Int32, L::Date),
            DataType::Timestamp(
                unit @ (TimeUnit::Millisecond | TimeUnit::Microsecond | TimeUnit::Nanosecond),
                zone,
            ) => (P::Int64, L::Timestamp { unit: *unit, utc: zone.is_some() }),
            DataType::Decimal128(precision, scale)
                if (0..=*precision).contains(&scale.unsigned_abs()) && *scale >= 0 =>
            {
                let logical = L::Decimal { precision: *precision, scale: *scale };
                match precision {
                    0..=9 => (P::Int32, logical),
                    10..=18 => (P::Int64, logical),
                    _ => (P::Fixed(decimal_bytes(*precision)), logical),
                }
            }
            // Nothing is known of a column without values; text is what every engine and every later type accepts.
            DataType::Null | DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => (P::Bytes, L::String),
            DataType::Binary | DataType::LargeBinary | DataType::BinaryView => (P::Bytes, L::None),
            other => return Err(Error::Type { column: position, data_type: other.clone() }),
        };
        Ok(Self { name: field.name().clone(), physical, logical, nullable: field.is_nullable() })
    }

    /// Whether values are UTF-8.
    pub(crate) fn is_text(&self) -> bool {
        self.logical == Logical::String
    }

    /// Writes Parquet's `SchemaElement`.
    fn write(&self, s: &mut Struct<'_>) {
        s.i32(1, self.physical.code());
        if let Physical::Fixed(bytes) = self.physical {
            s.i32(2, i32::try_from(bytes).unwrap_or_default());
        }
        s.i32(3, i32::from(self.nullable));
        s.binary(4, self.name.as_bytes());
        // The older, equivalent annotation, for readers that know no other.
        let converted = match self.logical {
            Logical::String => Some(0),
            Logical::Decimal { .. } => Some(5),
            Logical::Date => Some(6),
            Logical::Timestamp { unit: TimeUnit::Millisecond, .. } => Some(9),
            Logical::Timestamp { unit: TimeUnit::Microsecond, .. } => Some(10),
            Logical::Integer { bits: 8 } => Some(15),
            Logical::Integer { .. } => Some(16),
            Logical::None | Logical::Timestamp { .. } => None,
        };
        if let Some(converted) = converted {
            s.i32(6, converted);
        }
        if let Logical::Decimal { precision, scale } = self.logical {
            s.i32(7, scale.into());
            s.i32(8, precision.into());
        }
        if self.logical != Logical::None {
            s.nested(10, |s| self.write_logical(s));
        }
    }

    fn write_logical(&self, s: &mut Struct<'_>) {
        match self.logical {
            Logical::None => {}
            Logical::String => s.nested(1, |_| {}),
            Logical::Decimal { precision, scale } => s.nested(5, |s| {
                s.i32(1, scale.into());
                s.i32(2, precision.into());
            }),
            Logical::Date => s.nested(6, |_| {}),
            Logical::Timestamp { unit, utc } => s.nested(8, |s| {
                s.bool(1, utc);
                s.nested(2, |s| match unit {
                    TimeUnit::Second | TimeUnit::Millisecond => s.nested(1, |_| {}),
                    TimeUnit::Microsecond => s.nested(2, |_| {}),
                    TimeUnit::Nanosecond => s.nested(3, |_| {}),
                });
            }),
            Logical::Integer { bits } => s.nested(10, |s| {
                s.byte(1, bits);
                s.bool(2, true);
            }),
        }
    }
}

/// Bytes of the shortest two's complement that holds `precision` digits.
fn decimal_bytes(precision: u8) -> usize {
    (1..16).find(|n| 10i128.pow(precision.into()) <= 1 << (8 * n - 1)).unwrap_or(16)
}

/// The columns of a file.
pub(crate) fn columns(schema: &Schema) -> Result<Vec<ColumnType>, Error> {
    schema.fields().iter().enumerate().map(|(i, f)| ColumnType::new(i, f)).collect()
}

/// Writes the schema as the field `id` of the footer.
pub(crate) fn write(columns: &[ColumnType], id: i16, footer: &mut Struct<'_>) {
    let root = std::iter::once(None);
    let all: Vec<_> = root.chain(columns.iter().map(Some)).collect();
    footer.list(id, Type::Struct, all.into_iter(), |out, column| {
        thrift::structure(out, |s| {
            if let Some(column) = column {
                return column.write(s);
            }
            s.binary(4, b"schema");
            s.i32(5, i32::try_from(columns.len()).unwrap_or(i32::MAX));
        });
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_take_the_bytes_the_specification_gives() {
        // floor(log10(2^(8n-1) - 1)) digits fit into n bytes.
        for (bytes, digits) in [(9, 21), (10, 23), (11, 26), (12, 28), (13, 31), (14, 33), (15, 35), (16, 38)] {
            assert_eq!(decimal_bytes(digits), bytes, "{digits}");
            assert!(digits == 38 || decimal_bytes(digits + 1) == bytes + 1, "{digits}");
        }
    }

    #[test]
    fn a_type_that_is_not_written_is_refused_by_position() {
        let list = DataType::new_list(DataType::Int32, true);
        let schema = Schema::new(vec![Field::new("a", DataType::Int8, true), Field::new("b", list, true)]);
        assert!(matches!(columns(&schema), Err(Error::Type { column: 1, .. })));
    }
}
