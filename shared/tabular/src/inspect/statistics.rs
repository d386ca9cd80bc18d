//! What a column is like, of all its values and in bounded memory.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
};

use arrow::{
    array::{
        Array, ArrayRef, AsArray, Date32Array, Decimal128Array, PrimitiveArray, StringArray, TimestampMicrosecondArray,
    },
    datatypes::{
        ArrowPrimitiveType, DataType, Date32Type, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type,
        Int32Type, Int64Type, TimestampMicrosecondType,
    },
    util::display::{ArrayFormatter, FormatOptions},
};

use super::{
    distinct::Distinct,
    shape::{self, Frequent},
};

/// What a column is like.
#[derive(Debug, Default)]
pub(super) struct Statistics {
    distinct: Distinct,
    shapes: Frequent,
    /// Of whole numbers, and of whatever is counted in them: days, microseconds, units of a decimal.
    whole: Option<(i128, i128)>,
    float: Option<(f64, f64)>,
}

impl Statistics {
    pub(super) fn add(&mut self, column: &ArrayRef) {
        match column.data_type() {
            DataType::Boolean => {
                for value in column.as_boolean().iter().flatten() {
                    self.add_whole(value.into());
                }
            }
            DataType::Int8 => self.add_wholes::<Int8Type>(column),
            DataType::Int16 => self.add_wholes::<Int16Type>(column),
            DataType::Int32 => self.add_wholes::<Int32Type>(column),
            DataType::Int64 => self.add_wholes::<Int64Type>(column),
            DataType::Date32 => self.add_wholes::<Date32Type>(column),
            DataType::Timestamp(..) => {
                if let Some(column) = column.as_primitive_opt::<TimestampMicrosecondType>() {
                    column.iter().flatten().for_each(|value| self.add_whole(value.into()));
                }
            }
            DataType::Decimal128(..) => self.add_wholes::<Decimal128Type>(column),
            DataType::Float32 => {
                column.as_primitive::<Float32Type>().iter().flatten().for_each(|value| self.add_float(value.into()));
            }
            DataType::Float64 => {
                column.as_primitive::<Float64Type>().iter().flatten().for_each(|value| self.add_float(value));
            }
            DataType::Utf8 => self.add_texts(column.as_string()),
            _ => {}
        }
    }

    fn add_wholes<T: ArrowPrimitiveType<Native: Into<i128>>>(&mut self, column: &ArrayRef) {
        let column: &PrimitiveArray<T> = column.as_primitive();
        column.iter().flatten().for_each(|value| self.add_whole(value.into()));
    }

    fn add_whole(&mut self, value: i128) {
        self.distinct.add(hash(value));
        let (min, max) = self.whole.unwrap_or((value, value));
        self.whole = Some((min.min(value), max.max(value)));
    }

    fn add_float(&mut self, value: f64) {
        // Both zeros are one value.
        self.distinct.add(hash((value + 0.0).to_bits()));
        let (min, max) = self.float.unwrap_or((value, value));
        self.float = Some((min.min(value), max.max(value)));
    }

    fn add_texts(&mut self, column: &StringArray) {
        for text in column.iter().flatten() {
            self.distinct.add(hash(text));
            self.shapes.add(shape::of(text));
        }
    }

    pub(super) fn distinct(&self) -> u64 {
        self.distinct.count()
    }

    pub(super) fn shape(&self) -> Option<String> {
        self.shapes.most().map(str::to_owned)
    }

    /// The least and the greatest value, as they are printed; of text neither.
    pub(super) fn extremes(&self, data_type: &DataType) -> (Option<String>, Option<String>) {
        if let Some((min, max)) = self.float {
            return (Some(min.to_string()), Some(max.to_string()));
        }
        let Some((min, max)) = self.whole else { return (None, None) };
        (print(min, data_type), print(max, data_type))
    }
}

fn hash(value: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

fn print(value: i128, data_type: &DataType) -> Option<String> {
    let array: ArrayRef = match data_type {
        DataType::Boolean => return Some((value != 0).to_string()),
        DataType::Date32 => Arc::new(Date32Array::from(vec![i32::try_from(value).ok()?])),
        DataType::Timestamp(..) => Arc::new(TimestampMicrosecondArray::from(vec![i64::try_from(value).ok()?])),
        DataType::Decimal128(precision, scale) => {
            Arc::new(Decimal128Array::from(vec![value]).with_precision_and_scale(*precision, *scale).ok()?)
        }
        _ => return Some(value.to_string()),
    };
    let formatter = ArrayFormatter::try_new(&array, &FormatOptions::default()).ok()?;
    Some(formatter.value(0).to_string())
}
