//! The values of one partition key, as small numbers: rows with the same value have the same number.

use std::{collections::HashMap, hash::Hash};

use arrow::{
    array::{Array, ArrowPrimitiveType, AsArray},
    datatypes::{
        DataType, Date32Type, Decimal128Type, DecimalType, Int8Type, Int16Type, Int32Type, Int64Type, TimeUnit,
        TimestampMicrosecondType,
    },
};
use cleanzone_rules::civil;

use crate::{Error, naming::HIVE_NULL, settings::Transform};

const MICROSECONDS_OF_AN_HOUR: i64 = 3_600_000_000;
const MICROSECONDS_OF_A_DAY: i64 = 24 * MICROSECONDS_OF_AN_HOUR;

/// The number of the null value.
const NULL: u32 = 0;

/// Gives numbers to values, in the order in which they are first seen.
#[derive(Debug)]
pub(crate) struct Codes {
    transform: Transform,
    /// What the path says of each.
    values: Vec<String>,
    texts: HashMap<Box<str>, u32>,
    numbers: HashMap<i128, u32>,
    most: usize,
}

impl Codes {
    /// For at most so many values.
    pub(crate) fn new(transform: Transform, most: usize) -> Self {
        let values = vec![HIVE_NULL.to_owned()];
        Self { transform, values, texts: HashMap::new(), numbers: HashMap::new(), most }
    }

    /// Whether a column of this type can be a partition key.
    pub(crate) fn takes(data_type: &DataType, transform: Transform) -> bool {
        use DataType as D;
        match data_type {
            // No value has been seen: all rows are in the null partition.
            D::Null | D::Date32 => true,
            D::Timestamp(TimeUnit::Microsecond, None) => transform != Transform::Identity,
            D::Utf8 | D::Boolean | D::Int8 | D::Int16 | D::Int32 | D::Int64 | D::Decimal128(..) => {
                transform == Transform::Identity
            }
            _ => false,
        }
    }

    /// What the path says of a value.
    pub(crate) fn value(&self, code: u32) -> &str {
        self.values.get(code as usize).map_or(HIVE_NULL, String::as_str)
    }

    /// The number of one point in time, in microseconds since 1970.
    pub(crate) fn time(&mut self, microseconds: i64) -> Result<u32, Error> {
        let transform = self.transform;
        self.number(i128::from(of_time(microseconds, transform)), |value| of_date_part(value, transform))
    }

    /// Appends the number of each row's value.
    pub(crate) fn read(&mut self, array: &dyn Array, codes: &mut Vec<u32>) -> Result<(), Error> {
        use DataType as D;
        let transform = self.transform;
        match array.data_type() {
            D::Utf8 => self.read_texts(array, codes),
            D::Boolean => {
                let array = array.as_boolean();
                let values = (0..array.len()).map(|row| array.is_valid(row).then(|| array.value(row)));
                self.read_numbers(values, codes, i128::from, |value| (value != 0).to_string())
            }
            D::Int8 => self.read_primitive::<Int8Type>(array, codes, i128::from, |value| value.to_string()),
            D::Int16 => self.read_primitive::<Int16Type>(array, codes, i128::from, |value| value.to_string()),
            D::Int32 => self.read_primitive::<Int32Type>(array, codes, i128::from, |value| value.to_string()),
            D::Int64 => self.read_primitive::<Int64Type>(array, codes, i128::from, |value| value.to_string()),
            D::Decimal128(precision, scale) => {
                let print = |value| Decimal128Type::format_decimal(value, *precision, *scale);
                self.read_primitive::<Decimal128Type>(array, codes, |value| value, print)
            }
            D::Date32 => self.read_primitive::<Date32Type>(
                array,
                codes,
                |days| i128::from(of_days(days.into(), transform)),
                |value| of_date_part(value, transform),
            ),
            D::Timestamp(TimeUnit::Microsecond, _) => self.read_primitive::<TimestampMicrosecondType>(
                array,
                codes,
                |microseconds| i128::from(of_time(microseconds, transform)),
                |value| of_date_part(value, transform),
            ),
            _ => {
                codes.resize(codes.len() + array.len(), NULL);
                Ok(())
            }
        }
    }

    fn read_texts(&mut self, array: &dyn Array, codes: &mut Vec<u32>) -> Result<(), Error> {
        let array = array.as_string::<i32>();
        let mut last = ("", NULL);
        for row in 0..array.len() {
            let text = if array.is_null(row) { "" } else { array.value(row) };
            if text != last.0 {
                last = (text, self.text(text)?);
            }
            codes.push(last.1);
        }
        Ok(())
    }

    fn text(&mut self, text: &str) -> Result<u32, Error> {
        if text.is_empty() || text == HIVE_NULL {
            return Ok(NULL);
        }
        if let Some(code) = self.texts.get(text) {
            return Ok(*code);
        }
        let code = self.add(text.to_owned())?;
        self.texts.insert(text.into(), code);
        Ok(code)
    }

    fn read_primitive<T: ArrowPrimitiveType>(
        &mut self,
        array: &dyn Array,
        codes: &mut Vec<u32>,
        convert: impl Fn(T::Native) -> i128,
        print: impl Fn(i128) -> String,
    ) -> Result<(), Error>
    where
        T::Native: PartialEq,
    {
        self.read_numbers(array.as_primitive::<T>().iter(), codes, convert, print)
    }

    fn read_numbers<T: Copy + PartialEq>(
        &mut self,
        values: impl Iterator<Item = Option<T>>,
        codes: &mut Vec<u32>,
        convert: impl Fn(T) -> i128,
        print: impl Fn(i128) -> String,
    ) -> Result<(), Error> {
        let mut last = (None, NULL);
        for value in values {
            if value != last.0 {
                let code = value.map_or(Ok(NULL), |value| self.number(convert(value), &print))?;
                last = (value, code);
            }
            codes.push(last.1);
        }
        Ok(())
    }

    fn number(&mut self, value: i128, print: impl Fn(i128) -> String) -> Result<u32, Error> {
        if let Some(code) = self.numbers.get(&value) {
            return Ok(*code);
        }
        let code = self.add(print(value))?;
        self.numbers.insert(value, code);
        Ok(code)
    }

    fn add(&mut self, value: String) -> Result<u32, Error> {
        // Each value is in a partition of its own at least.
        let code = next(self.values.len(), self.most + 1, self.most)?;
        self.values.push(value);
        Ok(code)
    }
}

/// Numbers for pairs of numbers.
#[derive(Debug, Default)]
pub(crate) struct Pairs {
    numbers: HashMap<(u32, u32), u32>,
    pairs: Vec<(u32, u32)>,
}

impl Pairs {
    /// Replaces each of `left` by the number of it and its partner.
    pub(crate) fn join(&mut self, left: &mut [u32], right: &[u32], most: usize) -> Result<(), Error> {
        let mut last = None;
        for (left, right) in left.iter_mut().zip(right) {
            let pair = (*left, *right);
            *left = match last {
                Some((known, number)) if known == pair => number,
                _ => self.number(pair, most)?,
            };
            last = Some((pair, *left));
        }
        Ok(())
    }

    /// The pair of a number.
    pub(crate) fn pair(&self, number: u32) -> (u32, u32) {
        self.pairs.get(number as usize).copied().unwrap_or_default()
    }

    fn number(&mut self, pair: (u32, u32), most: usize) -> Result<u32, Error> {
        number(&mut self.numbers, pair, || {
            let number = next(self.pairs.len(), most, most)?;
            self.pairs.push(pair);
            Ok(number)
        })
    }
}

/// What a key of a map stands for, or will from now on.
pub(crate) fn number<K: Eq + Hash>(
    numbers: &mut HashMap<K, u32>,
    key: K,
    make: impl FnOnce() -> Result<u32, Error>,
) -> Result<u32, Error> {
    use std::collections::hash_map::Entry;
    match numbers.entry(key) {
        Entry::Occupied(known) => Ok(*known.get()),
        Entry::Vacant(place) => Ok(*place.insert(make()?)),
    }
}

/// The number after `taken` others.
pub(crate) fn next(taken: usize, limit: usize, most: usize) -> Result<u32, Error> {
    if taken < limit
        && let Ok(number) = u32::try_from(taken)
    {
        return Ok(number);
    }
    Err(Error::Limit(format!(
        "the rows of the file are in more than {most} partitions; partition by columns with fewer values, or by month(…) \
         or year(…) of a date, or raise max_partitions"
    )))
}

fn of_time(microseconds: i64, transform: Transform) -> i64 {
    match transform {
        Transform::Identity => microseconds,
        Transform::Hour => microseconds.rem_euclid(MICROSECONDS_OF_A_DAY) / MICROSECONDS_OF_AN_HOUR,
        _ => of_days(microseconds.div_euclid(MICROSECONDS_OF_A_DAY), transform),
    }
}

fn of_days(days: i64, transform: Transform) -> i64 {
    match transform {
        Transform::Identity | Transform::Day => days,
        Transform::Year => civil(days).0,
        Transform::Month => civil(days).1,
        Transform::Hour => 0,
    }
}

fn of_date_part(value: i128, transform: Transform) -> String {
    match (transform, i64::try_from(value)) {
        (Transform::Identity | Transform::Day, Ok(days)) => {
            let (year, month, day) = civil(days);
            format!("{year:04}-{month:02}-{day:02}")
        }
        _ => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{
        ArrayRef, BooleanArray, Date32Array, Decimal128Array, Int16Array, StringArray, TimestampMicrosecondArray,
    };

    use super::*;

    fn values(array: &dyn Array, transform: Transform) -> Vec<String> {
        let mut codes = Codes::new(transform, 100);
        let mut read = Vec::new();
        codes.read(array, &mut read).unwrap();
        read.iter().map(|code| codes.value(*code).to_owned()).collect()
    }

    #[test]
    fn values_stand_in_the_path_as_they_are_printed() {
        let days = [Some(0), Some(-1), Some(19_782), None];
        let cases: Vec<(ArrayRef, [&str; 4])> = vec![
            (
                Arc::new(StringArray::from(vec![Some("a b/ü"), Some(""), None, Some(HIVE_NULL)])),
                ["a b/ü", HIVE_NULL, HIVE_NULL, HIVE_NULL],
            ),
            (
                Arc::new(BooleanArray::from(vec![Some(true), Some(false), None, Some(true)])),
                ["true", "false", HIVE_NULL, "true"],
            ),
            (
                Arc::new(Int16Array::from(vec![Some(-7), Some(0), None, Some(i16::MAX)])),
                ["-7", "0", HIVE_NULL, "32767"],
            ),
            (
                Arc::new(
                    Decimal128Array::from(vec![Some(150), Some(-5), None, Some(0)])
                        .with_precision_and_scale(5, 2)
                        .unwrap(),
                ),
                ["1.50", "-0.05", HIVE_NULL, "0.00"],
            ),
            (Arc::new(Date32Array::from(days.to_vec())), ["1970-01-01", "1969-12-31", "2024-02-29", HIVE_NULL]),
        ];
        for (array, expected) in cases {
            assert_eq!(values(&array, Transform::Identity), expected, "{:?}", array.data_type());
            assert!(Codes::takes(array.data_type(), Transform::Identity));
        }
    }

    #[test]
    fn parts_of_a_date_are_those_of_the_calendar() {
        // 2024-02-29T23:59:59.999999, 1969-12-31T23:59:59.999999, and the year 1.
        let times = TimestampMicrosecondArray::from(vec![1_709_251_199_999_999, -1, -62_135_596_800_000_000]);
        for (transform, expected) in [
            (Transform::Year, ["2024", "1969", "1"]),
            (Transform::Month, ["2", "12", "1"]),
            (Transform::Day, ["2024-02-29", "1969-12-31", "0001-01-01"]),
            (Transform::Hour, ["23", "23", "0"]),
        ] {
            assert_eq!(values(&times, transform), expected, "{transform:?}");
            assert!(Codes::takes(times.data_type(), transform));
        }
        let dates = Date32Array::from(vec![19_782]);
        assert_eq!(values(&dates, Transform::Month), ["2"]);
        assert_eq!(values(&dates, Transform::Hour), ["0"]);
    }

    #[test]
    fn what_reads_back_as_something_else_is_no_key() {
        for (data_type, transform) in [
            (DataType::Float64, Transform::Identity),
            (DataType::Timestamp(TimeUnit::Microsecond, None), Transform::Identity),
            (DataType::Utf8, Transform::Year),
            (DataType::Int64, Transform::Day),
        ] {
            assert!(!Codes::takes(&data_type, transform), "{data_type} {transform:?}");
        }
    }

    #[test]
    fn pairs_have_one_number_each() {
        let mut pairs = Pairs::default();
        let mut left = vec![0, 0, 1, 0, 1];
        pairs.join(&mut left, &[5, 5, 5, 6, 5], 3).unwrap();
        assert_eq!(left, [0, 0, 1, 2, 1]);
        assert_eq!(pairs.pair(2), (0, 6));
        assert!(matches!(pairs.join(&mut [9], &[9], 3), Err(Error::Limit(_))));
    }
}
