//! Rows that a file has more than once.
//!
//! Of each row only 128 bits are kept: a `SipHash`, under keys drawn for each reading, of its values. That two of a
//! billion different rows have the same has a probability of 10⁻²¹, and nobody can prepare such rows.
//! (J.-P. Aumasson, D. J. Bernstein, *`SipHash`: a fast short-input PRF*, 2012.)

use std::{
    collections::HashSet,
    hash::{BuildHasher, BuildHasherDefault, Hasher, RandomState},
    sync::Arc,
};

use arrow::{
    array::{Array, ArrayRef, AsArray, BooleanArray, RecordBatch, StringArray},
    datatypes::{
        DataType, Date32Type, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
        TimestampMicrosecondType,
    },
};
use siphasher::sip128::SipHasher13;

use crate::{
    DuplicateAction, Error,
    convert::{Output, convert},
    flaw::Flaw,
    plan::Plan,
    scan::Scanner,
};

/// By what rows are told to be equal, in one reading.
#[derive(Clone, Debug)]
pub(crate) struct Key {
    /// Columns of the file; empty: all there is in a row.
    pub(crate) by: Vec<usize>,
    pub(crate) action: DuplicateAction,
    hasher: SipHasher13,
}

impl Key {
    pub(crate) fn new(by: Vec<usize>, action: DuplicateAction) -> Self {
        let random = || RandomState::new().hash_one(());
        Self { by, action, hasher: SipHasher13::new_with_keys(random(), random()) }
    }

    /// Whether a column of the file is part of it.
    pub(crate) fn has(&self, column: usize) -> bool {
        self.by.is_empty() || self.by.contains(&column)
    }

    /// What rows are compared by: for each of `rows` rows its values in `columns`, and in `more` if that has one.
    pub(crate) fn of(
        &self,
        rows: usize,
        columns: &[&ArrayRef],
        more: Option<&StringArray>,
    ) -> Result<Vec<u128>, Error> {
        let cells: Vec<_> = columns.iter().map(|column| Cells::new(column)).collect::<Result<_, _>>()?;
        let mut text = Vec::new();
        let keys = (0..rows).map(|row| {
            text.clear();
            for cells in &cells {
                cells.write(row, &mut text);
            }
            if let Some(more) = more.filter(|more| more.is_valid(row)) {
                write_text(more.value(row).as_bytes(), &mut text);
            }
            self.hasher.hash(&text).as_u128()
        });
        Ok(keys.collect())
    }
}

/// The values of a column, to be written one after the other so that no two rows of different values read the same:
/// whether there is one, then it, in a width that is the column's, or with its length before it.
enum Cells<'a> {
    Boolean(&'a BooleanArray),
    /// As they lie in memory.
    Fixed(&'a dyn Array, &'a [u8], usize),
    Single(&'a dyn Array, &'a [f32]),
    Double(&'a dyn Array, &'a [f64]),
    Text(&'a StringArray),
}

impl<'a> Cells<'a> {
    fn new(array: &'a ArrayRef) -> Result<Self, Error> {
        macro_rules! fixed {
            ($of:ty) => {
                array.as_primitive_opt::<$of>().map(|a| {
                    let bytes = a.values().inner().as_slice();
                    Self::Fixed(array, bytes, bytes.len() / a.len().max(1))
                })
            };
        }
        let cells = match array.data_type() {
            DataType::Boolean => array.as_boolean_opt().map(Self::Boolean),
            DataType::Int8 => fixed!(Int8Type),
            DataType::Int16 => fixed!(Int16Type),
            DataType::Int32 => fixed!(Int32Type),
            DataType::Int64 => fixed!(Int64Type),
            DataType::Date32 => fixed!(Date32Type),
            DataType::Timestamp(..) => fixed!(TimestampMicrosecondType),
            DataType::Decimal128(..) => fixed!(Decimal128Type),
            DataType::Float32 => array.as_primitive_opt::<Float32Type>().map(|a| Self::Single(array, a.values())),
            DataType::Float64 => array.as_primitive_opt::<Float64Type>().map(|a| Self::Double(array, a.values())),
            DataType::Utf8 => array.as_string_opt().map(Self::Text),
            _ => None,
        };
        cells.ok_or_else(|| Error::Internal(format!("no rows are compared by a {}", array.data_type())))
    }

    fn write(&self, row: usize, out: &mut Vec<u8>) {
        let array: &dyn Array = match self {
            Self::Boolean(array) => *array,
            Self::Text(array) => *array,
            Self::Fixed(array, ..) | Self::Single(array, _) | Self::Double(array, _) => *array,
        };
        if array.is_null(row) {
            out.push(0);
            return;
        }
        out.push(1);
        match self {
            Self::Boolean(array) => out.push(array.value(row).into()),
            Self::Fixed(_, bytes, width) => out.extend_from_slice(&bytes[row * width..(row + 1) * width]),
            // Minus nought is nought.
            Self::Single(_, values) => out.extend((values[row] + 0.0).to_ne_bytes()),
            Self::Double(_, values) => out.extend((values[row] + 0.0).to_ne_bytes()),
            Self::Text(array) => write_text(array.value(row).as_bytes(), out),
        }
    }
}

fn write_text(text: &[u8], out: &mut Vec<u8>) {
    out.extend(text.len().to_ne_bytes());
    out.extend_from_slice(text);
}

/// The rows that there were, by their keys.
#[derive(Default)]
pub(crate) struct Seen {
    keys: HashSet<u128, BuildHasherDefault<AsItIs>>,
    limit: usize,
}

impl Seen {
    pub(crate) fn new(limit: usize) -> Self {
        Self { limit, ..Self::default() }
    }

    /// The rows among these that are equal to an earlier one.
    ///
    /// # Errors
    /// If there are more different rows than the limit.
    pub(crate) fn again(&mut self, keys: &[u128]) -> Result<Vec<usize>, Error> {
        let again = keys.iter().enumerate().filter(|(_, key)| !self.keys.insert(**key)).map(|(row, _)| row).collect();
        if self.keys.len() > self.limit {
            return Err(Error::LimitExceeded(format!(
                "more than {} different rows, among which duplicates cannot be looked for in bounded memory; \
                 do not look for them, or raise the limit",
                self.limit
            )));
        }
        Ok(again)
    }
}

/// What is a hash already needs no other.
#[derive(Default)]
struct AsItIs(u64);

impl Hasher for AsItIs {
    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(byte);
        }
    }

    #[expect(clippy::cast_possible_truncation, reason = "half of a hash is one")]
    fn write_u128(&mut self, key: u128) {
        self.0 = key as u64;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

impl Output {
    /// Does with rows, given in order, what becomes of duplicates.
    pub(crate) fn settle(&mut self, again: &[usize], key: &Key, scanner: &Scanner, plan: &Plan) -> Result<(), Error> {
        if again.is_empty() {
            return Ok(());
        }
        if key.action == DuplicateAction::Drop {
            let Some(mut block) = self.block.take() else {
                return Err(Error::Internal("the text of a duplicate is gone".to_owned()));
            };
            block.reject(again.iter().map(|&row| (row, Flaw::Duplicate)).collect(), scanner.fields);
            *self = convert(&mut block, scanner, &plan.without_key())?;
        } else if let Some(batch) = self.batch.take() {
            let mut flags = vec![false; batch.num_rows()];
            for &row in again {
                flags[row] = true;
            }
            let mut columns = batch.columns().to_vec();
            // The flag is the last one.
            columns.pop();
            columns.push(Arc::new(BooleanArray::from(flags)));
            let batch = RecordBatch::try_new(batch.schema(), columns);
            self.batch = Some(batch.map_err(|e| Error::Internal(e.to_string()))?);
        }
        self.duplicates = again.len() as u64;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{Float64Array, Int64Array};

    use super::*;

    fn keys(key: &Key, columns: &[ArrayRef]) -> Vec<u128> {
        key.of(columns[0].len(), &columns.iter().collect::<Vec<_>>(), None).unwrap()
    }

    #[test]
    fn values_do_not_run_into_each_other() {
        let key = Key::new(Vec::new(), DuplicateAction::Drop);
        let a: ArrayRef = Arc::new(StringArray::from(vec![Some("ab"), Some("a"), Some(""), None, Some("ab")]));
        let b: ArrayRef = Arc::new(StringArray::from(vec![Some("c"), Some("bc"), None, Some(""), Some("c")]));
        let keys = keys(&key, &[a, b]);
        assert_eq!(keys[0], keys[4]);
        assert_eq!(keys.iter().collect::<HashSet<_>>().len(), 4);
    }

    #[test]
    fn equal_numbers_are_equal_and_keys_differ_from_reading_to_reading() {
        let one = Key::new(Vec::new(), DuplicateAction::Drop);
        let zeros: ArrayRef = Arc::new(Float64Array::from(vec![Some(0.0), Some(-0.0), None, Some(1.0)]));
        let found = keys(&one, std::slice::from_ref(&zeros));
        assert_eq!(found[0], found[1]);
        assert_eq!(found.iter().collect::<HashSet<_>>().len(), 3);
        assert_ne!(found, keys(&Key::new(Vec::new(), DuplicateAction::Drop), &[zeros]));
        let whole: ArrayRef = Arc::new(Int64Array::from(vec![None, Some(0), Some(1 << 40)]));
        assert_eq!(keys(&one, &[whole]).iter().collect::<HashSet<_>>().len(), 3);
    }

    #[test]
    fn no_more_rows_are_remembered_than_the_limit() {
        let mut seen = Seen::new(2);
        assert_eq!(seen.again(&[1, 1, 2, 1]).unwrap(), [1, 3]);
        assert!(matches!(seen.again(&[3]), Err(Error::LimitExceeded(_))));
    }
}
