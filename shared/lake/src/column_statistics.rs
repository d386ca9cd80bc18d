//! What the values of a table's columns are like, for those who plan queries: gathered from the rows of a source on
//! their way into files, merged commit by commit.
//!
//! Two kinds of things are known. [`Tally`] holds what adds up: rows, values that are not null, bytes of text, trues.
//! It is entered once for each commit, and what a replacement replaces is taken away again. [`Traits`] hold what can be
//! merged any number of times, in any order: bounds, the longest text, a sketch of the distinct values. Nothing can be
//! taken away from them: after a replacement they are bounds, which may be wider than what is left.
//!
//! Planners take them as estimates, so that is good enough; nobody may answer a query from them, and the catalog does
//! not say `COLUMN_STATS_ACCURATE`. They are those of the whole table, also where it has partitions: so are those that
//! Glue's own tasks compute (<https://docs.aws.amazon.com/glue/latest/dg/column-statistics.html>), which Athena's
//! optimiser plans with (<https://docs.aws.amazon.com/athena/latest/ug/cost-based-optimizer.html>).
//!
//! Of text, no value is kept, only lengths and hashes' leading zeros. Timestamps and binary columns have no statistics
//! in Glue, and columns that say where rows come from have the same value throughout a file: they are left out.

use std::collections::{BTreeMap, btree_map};

use arrow::{
    array::{Array, ArrowPrimitiveType, AsArray, RecordBatch},
    datatypes::{
        DataType, Date32Type, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
        Schema,
    },
};
use cleanzone_catalog::{ColumnStatistics, Kind};
use serde::{Deserialize, Serialize};
use twox_hash::XxHash3_64;

/// Bits of a hash that choose a register.
const INDEX_BITS: u8 = 10;
/// 1,024 of them give a standard error of 3.3 %.
const REGISTERS: usize = 1 << INDEX_BITS;
/// The greatest rank: no bit of the rest of the hash is set.
const GREATEST_RANK: u8 = 64 - INDEX_BITS + 1;

/// Of which type the values of a column are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Type {
    Boolean,
    Long,
    Double,
    Decimal(u8),
    Date,
    Text,
    /// Of different ones: of this column, nothing can be said any more.
    Mixed,
}

impl Type {
    /// `None` where no statistics are kept.
    fn of(data_type: &DataType) -> Option<Self> {
        Some(match data_type {
            DataType::Boolean => Self::Boolean,
            DataType::Int8 | DataType::Int16 | DataType::Int32 | DataType::Int64 => Self::Long,
            DataType::Float32 | DataType::Float64 => Self::Double,
            DataType::Decimal128(_, scale) => Self::Decimal(u8::try_from(*scale).ok()?),
            DataType::Date32 => Self::Date,
            DataType::Utf8 => Self::Text,
            _ => return None,
        })
    }
}

/// About how many different values there are, as `HyperLogLog` estimates it (P. Flajolet, É. Fusy, O. Gandouet,
/// F. Meunier, 2007). Sketches are kept in documents: neither the hash (XXH3, 64 bits, seed 0, of the value in
/// little-endian bytes) nor the number of registers can change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
struct Sketch(Box<[u8; REGISTERS]>);

impl Default for Sketch {
    fn default() -> Self {
        Self(Box::new([0; REGISTERS]))
    }
}

impl Sketch {
    #[allow(clippy::cast_possible_truncation)] // 10 bits, and at most 55
    fn add(&mut self, value: &[u8]) {
        let hash = XxHash3_64::oneshot(value);
        let index = (hash >> (64 - INDEX_BITS)) as usize;
        let rank = ((hash << INDEX_BITS).leading_zeros() as u8 + 1).min(GREATEST_RANK);
        if let Some(register) = self.0.get_mut(index) {
            *register = rank.max(*register);
        }
    }

    fn merge(&mut self, other: &Self) {
        for (register, rank) in self.0.iter_mut().zip(&other.0[..]) {
            *register = rank.max(register).to_owned();
        }
    }

    #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)] // an estimate
    fn count(&self) -> u64 {
        let registers = REGISTERS as f64;
        let sum: f64 = self.0.iter().map(|&rank| (-f64::from(rank)).exp2()).sum();
        let estimate = 0.7213 / (1.0 + 1.079 / registers) * registers * registers / sum;
        let zeros = self.0.iter().map(|&rank| usize::from(rank == 0)).sum::<usize>();
        if estimate <= 2.5 * registers && zeros > 0 {
            return (registers * (registers / zeros as f64).ln()).round() as u64;
        }
        estimate.round() as u64
    }
}

/// A character for each register, from `0`, up to the last one that is not empty.
impl From<Sketch> for String {
    fn from(sketch: Sketch) -> Self {
        let text: Self = sketch.0.iter().map(|rank| char::from(b'0' + rank)).collect();
        text.trim_end_matches('0').to_owned()
    }
}

/// No sketch of this kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a sketch has at most {REGISTERS} characters between 0 and g")]
struct NoSketch;

impl TryFrom<String> for Sketch {
    type Error = NoSketch;

    fn try_from(text: String) -> Result<Self, NoSketch> {
        let mut sketch = Self::default();
        if text.len() > REGISTERS {
            return Err(NoSketch);
        }
        for (register, byte) in sketch.0.iter_mut().zip(text.bytes()) {
            *register = byte.checked_sub(b'0').filter(|rank| *rank <= GREATEST_RANK).ok_or(NoSketch)?;
        }
        Ok(sketch)
    }
}

/// What can be merged any number of times.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Traits {
    r#type: Type,
    /// The bounds: of doubles, their places in the total order; of decimals, multiples of 10^-scale; of dates, days.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    range: Option<(i128, i128)>,
    /// Bytes of the longest text.
    #[serde(default)]
    longest: u64,
    distinct: Sketch,
}

impl Traits {
    fn new(r#type: Type) -> Self {
        Self { r#type, range: None, longest: 0, distinct: Sketch::default() }
    }

    fn merge(&mut self, other: &Self) {
        if self.r#type != other.r#type {
            *self = Self::new(Type::Mixed);
        }
        if self.r#type == Type::Mixed {
            return;
        }
        if let Some((least, greatest)) = other.range {
            self.widen(least, greatest);
        }
        self.longest = self.longest.max(other.longest);
        self.distinct.merge(&other.distinct);
    }

    fn widen(&mut self, least: i128, greatest: i128) {
        let (old_least, old_greatest) = self.range.unwrap_or((least, greatest));
        self.range = Some((least.min(old_least), greatest.max(old_greatest)));
    }
}

/// What adds up of a column.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Sums {
    /// Values, null not among them.
    values: i64,
    /// Bytes of text.
    bytes: i64,
    trues: i64,
}

impl Sums {
    fn add(&mut self, other: Self) {
        self.values = self.values.saturating_add(other.values);
        self.bytes = self.bytes.saturating_add(other.bytes);
        self.trues = self.trues.saturating_add(other.trues);
    }

    fn negative(self) -> Self {
        let negative = i64::saturating_neg;
        Self { values: negative(self.values), bytes: negative(self.bytes), trues: negative(self.trues) }
    }
}

/// What adds up: how much there is, or how much more or less.
///
/// Values are counted and not nulls, because in a column that a file lacks, all of its rows are null.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Tally {
    rows: i64,
    columns: BTreeMap<String, Sums>,
}

impl Tally {
    pub(crate) fn is_empty(&self) -> bool {
        self.rows == 0 && self.columns.values().all(|sums| *sums == Sums::default())
    }

    fn add(&mut self, other: &Self) {
        self.rows = self.rows.saturating_add(other.rows);
        for (name, sums) in &other.columns {
            self.columns.entry(name.clone()).or_default().add(*sums);
        }
    }

    /// How much more it is than another one.
    pub(crate) fn since(&self, before: Option<&Self>) -> Self {
        let mut change = self.clone();
        if let Some(before) = before {
            let columns = before.columns.iter().map(|(name, sums)| (name.clone(), sums.negative())).collect();
            change.add(&Self { rows: before.rows.saturating_neg(), columns });
        }
        change
    }
}

/// What is known of some rows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Gathered {
    pub(crate) tally: Tally,
    pub(crate) traits: BTreeMap<String, Traits>,
}

impl Gathered {
    /// Adds others. Their tally must not have been added before.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.tally.add(&other.tally);
        for (name, traits) in &other.traits {
            match self.traits.entry(name.clone()) {
                btree_map::Entry::Vacant(entry) => drop(entry.insert(traits.clone())),
                btree_map::Entry::Occupied(mut entry) => entry.get_mut().merge(traits),
            }
        }
    }

    /// As the catalog has them.
    pub(crate) fn statistics(&self) -> Vec<ColumnStatistics> {
        let of = |(name, traits): (&String, &Traits)| {
            let sums = self.tally.columns.get(name).copied().unwrap_or_default();
            let natural = |sum: i64| u64::try_from(sum).unwrap_or_default();
            let values = natural(sums.values);
            Some(ColumnStatistics {
                name: name.clone(),
                nulls: natural(self.tally.rows.saturating_sub(sums.values)),
                distinct: traits.distinct.count().min(values),
                kind: kind(traits, sums)?,
            })
        };
        self.traits.iter().filter_map(of).collect()
    }
}

#[allow(clippy::cast_precision_loss)] // an average
fn kind(traits: &Traits, sums: Sums) -> Option<Kind> {
    let natural = |sum: i64| u64::try_from(sum).unwrap_or_default();
    Some(match traits.r#type {
        Type::Boolean => {
            Kind::Boolean { trues: natural(sums.trues), falses: natural(sums.values.saturating_sub(sums.trues)) }
        }
        Type::Long => Kind::Long { range: narrow(traits.range) },
        Type::Double => Kind::Double {
            range: narrow(traits.range).map(|(least, greatest)| (from_place(least), from_place(greatest))),
        },
        Type::Decimal(scale) => Kind::Decimal { range: traits.range, scale },
        Type::Date => Kind::Date { range: narrow(traits.range) },
        Type::Text => {
            let average = natural(sums.bytes) as f64 / natural(sums.values).max(1) as f64;
            Kind::String { longest: traits.longest, average }
        }
        Type::Mixed => return None,
    })
}

fn narrow<T: TryFrom<i128>>(range: Option<(i128, i128)>) -> Option<(T, T)> {
    let (least, greatest) = range?;
    Some((T::try_from(least).ok()?, T::try_from(greatest).ok()?))
}

/// The place of a number in the total order of doubles (IEEE 754, 5.10). JSON would round the number itself.
fn to_place(number: f64) -> i64 {
    mirror(number.to_bits().cast_signed())
}

fn from_place(place: i64) -> f64 {
    f64::from_bits(mirror(place).cast_unsigned())
}

/// Turns the order of the negative ones around.
fn mirror(bits: i64) -> i64 {
    if bits < 0 { bits ^ i64::MAX } else { bits }
}

fn signed(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// Gathers from rows as they come.
#[derive(Debug)]
pub(crate) struct Gatherer {
    rows: i64,
    columns: Vec<Column>,
}

#[derive(Debug)]
struct Column {
    /// Where it stands.
    position: usize,
    name: String,
    sums: Sums,
    traits: Traits,
}

impl Gatherer {
    pub(crate) fn new(schema: &Schema) -> Self {
        let column = |(position, field): (usize, &arrow::datatypes::FieldRef)| {
            let traits = Traits::new(Type::of(field.data_type())?);
            Some(Column { position, name: field.name().clone(), sums: Sums::default(), traits })
        };
        Self { rows: 0, columns: schema.fields().iter().enumerate().filter_map(column).collect() }
    }

    /// Takes rows of the schema into account.
    pub(crate) fn add(&mut self, batch: &RecordBatch) {
        self.rows = self.rows.saturating_add(signed(batch.num_rows()));
        for column in &mut self.columns {
            if let Some(array) = batch.columns().get(column.position) {
                column.add(array);
            }
        }
    }

    pub(crate) fn finish(self) -> Gathered {
        let mut gathered = Gathered { tally: Tally { rows: self.rows, ..Tally::default() }, ..Gathered::default() };
        for column in self.columns {
            gathered.tally.columns.insert(column.name.clone(), column.sums);
            gathered.traits.insert(column.name, column.traits);
        }
        gathered
    }
}

impl Column {
    fn add(&mut self, array: &dyn Array) {
        self.sums.values = self.sums.values.saturating_add(signed(array.len() - array.null_count()));
        match array.data_type() {
            DataType::Boolean => {
                self.sums.trues = self.sums.trues.saturating_add(signed(array.as_boolean().true_count()));
            }
            DataType::Int8 => self.numbers::<Int8Type>(array, i64::from),
            DataType::Int16 => self.numbers::<Int16Type>(array, i64::from),
            DataType::Int32 => self.numbers::<Int32Type>(array, i64::from),
            DataType::Int64 => self.numbers::<Int64Type>(array, |number| number),
            DataType::Date32 => self.numbers::<Date32Type>(array, i64::from),
            DataType::Float32 => self.doubles::<Float32Type>(array),
            DataType::Float64 => self.doubles::<Float64Type>(array),
            DataType::Decimal128(..) => {
                for number in array.as_primitive::<Decimal128Type>().iter().flatten() {
                    self.traits.distinct.add(&number.to_le_bytes());
                    self.traits.widen(number, number);
                }
            }
            DataType::Utf8 => {
                let (mut bytes, mut longest) = (0, 0);
                for text in array.as_string::<i32>().iter().flatten() {
                    self.traits.distinct.add(text.as_bytes());
                    bytes += text.len();
                    longest = longest.max(text.len());
                }
                self.sums.bytes = self.sums.bytes.saturating_add(signed(bytes));
                self.traits.longest = self.traits.longest.max(longest as u64);
            }
            _ => {}
        }
    }

    fn numbers<T: ArrowPrimitiveType>(&mut self, array: &dyn Array, widened: impl Fn(T::Native) -> i64) {
        let (mut least, mut greatest) = (i64::MAX, i64::MIN);
        for number in array.as_primitive::<T>().iter().flatten().map(widened) {
            self.traits.distinct.add(&number.to_le_bytes());
            (least, greatest) = (least.min(number), greatest.max(number));
        }
        if least <= greatest {
            self.traits.widen(least.into(), greatest.into());
        }
    }

    /// NaN is a value, but outside all bounds; the two zeros are one.
    fn doubles<T: ArrowPrimitiveType>(&mut self, array: &dyn Array)
    where
        T::Native: Into<f64>,
    {
        let (mut least, mut greatest) = (i64::MAX, i64::MIN);
        for number in array.as_primitive::<T>().iter().flatten() {
            let number: f64 = number.into() + 0.0;
            let place = to_place(if number.is_nan() { f64::NAN } else { number });
            self.traits.distinct.add(&place.to_le_bytes());
            if !number.is_nan() {
                (least, greatest) = (least.min(place), greatest.max(place));
            }
        }
        if least <= greatest {
            self.traits.widen(least.into(), greatest.into());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{
        ArrayRef, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int64Array, StringArray,
        TimestampMicrosecondArray,
    };
    use proptest::prelude::*;

    use super::*;

    fn gather(columns: Vec<(&str, ArrayRef)>) -> Gathered {
        let batch = RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(n, a)| (n, a, true))).unwrap();
        let mut gatherer = Gatherer::new(&batch.schema());
        gatherer.add(&batch);
        gatherer.finish()
    }

    fn rows(rows: &[(Option<i64>, Option<f64>, Option<String>)]) -> Gathered {
        let (longs, rest): (Vec<_>, Vec<_>) = rows.iter().cloned().map(|(l, d, t)| (l, (d, t))).unzip();
        let (doubles, texts): (Vec<_>, Vec<_>) = rest.into_iter().unzip();
        gather(vec![
            ("l", Arc::new(Int64Array::from(longs))),
            ("d", Arc::new(Float64Array::from(doubles))),
            ("t", Arc::new(StringArray::from(texts))),
        ])
    }

    #[test]
    fn each_type_has_statistics_of_its_own() {
        let decimals = Decimal128Array::from(vec![Some(-150), None, Some(225)]).with_precision_and_scale(9, 2).unwrap();
        let found = gather(vec![
            ("b", Arc::new(BooleanArray::from(vec![Some(true), None, Some(true)]))),
            ("c", Arc::new(decimals)),
            ("d", Arc::new(Date32Array::from(vec![Some(9), Some(-9), Some(9)]))),
            ("f", Arc::new(Float64Array::from(vec![f64::NAN, 0.1, -0.0]))),
            ("i", Arc::new(Int64Array::from(vec![Some(i64::MIN), Some(i64::MAX), None]))),
            ("s", Arc::new(StringArray::from(vec![Some("ä"), Some(""), None]))),
            ("t", Arc::new(TimestampMicrosecondArray::from(vec![1, 2, 3]))),
        ]);
        let expected = [
            ("b", 1, 0, Kind::Boolean { trues: 2, falses: 0 }),
            ("c", 1, 2, Kind::Decimal { range: Some((-150, 225)), scale: 2 }),
            ("d", 0, 2, Kind::Date { range: Some((-9, 9)) }),
            ("f", 0, 3, Kind::Double { range: Some((0.0, 0.1)) }),
            ("i", 1, 2, Kind::Long { range: Some((i64::MIN, i64::MAX)) }),
            ("s", 1, 2, Kind::String { longest: 2, average: 1.0 }),
        ];
        let expected = expected.map(|(name, nulls, distinct, kind)| ColumnStatistics {
            name: name.to_owned(),
            nulls,
            distinct,
            kind,
        });
        assert_eq!(found.statistics(), expected);
    }

    #[test]
    fn in_a_column_that_a_file_lacks_all_of_its_rows_are_null() {
        let mut found = gather(vec![("a", Arc::new(Int64Array::from(vec![1, 2])))]);
        found.merge(&gather(vec![("b", Arc::new(Int64Array::from(vec![Some(5), None, None])))]));
        let nulls: Vec<_> = found.statistics().into_iter().map(|column| (column.name, column.nulls)).collect();
        assert_eq!(nulls, [("a".to_owned(), 3), ("b".to_owned(), 4)]);
    }

    #[test]
    fn of_a_column_whose_type_has_changed_nothing_is_said() {
        let mut found = gather(vec![("a", Arc::new(Int64Array::from(vec![1, 2])))]);
        found.merge(&gather(vec![("a", Arc::new(Float64Array::from(vec![1.5])))]));
        assert_eq!(found.statistics(), []);
        found.merge(&gather(vec![("a", Arc::new(Int64Array::from(vec![3])))]));
        assert_eq!(found.statistics(), []);
    }

    #[test]
    fn distinct_values_are_estimated() {
        // Three times the standard error, in thousandths; few are counted nearly exactly.
        for (count, tolerance) in [(0_i64, 0), (1, 0), (10, 0), (100, 50), (5_000, 100), (300_000, 100)] {
            let numbers: Int64Array = (0..count).chain(0..count.min(1000)).collect();
            let found = gather(vec![("a", Arc::new(numbers))]).traits["a"].distinct.count();
            let count = count.cast_unsigned();
            assert!(found.abs_diff(count) * 1000 <= count * tolerance, "{count}: {found}");
        }
    }

    #[test]
    fn a_sketch_that_is_none_is_refused() {
        let read = |text: &str| serde_json::from_value::<Sketch>(text.into());
        assert_eq!(read("").unwrap(), Sketch::default());
        assert!(read("0Ag").is_ok());
        for broken in ["h", "/", "é", &"0".repeat(REGISTERS + 1)] {
            assert!(read(broken).is_err());
        }
    }

    prop_compose! {
        fn some_rows()(
            rows in prop::collection::vec(
                (any::<Option<i64>>(), prop::option::of(prop::num::f64::ANY), any::<Option<String>>()), 0..20
            )
        ) -> Gathered {
            super::tests::rows(&rows)
        }
    }

    fn merged(a: &Gathered, b: &Gathered) -> Gathered {
        let mut merged = a.clone();
        merged.merge(b);
        merged
    }

    proptest! {
        #[test]
        fn merging_does_not_depend_on_the_order(a in some_rows(), b in some_rows(), c in some_rows()) {
            prop_assert_eq!(merged(&a, &b), merged(&b, &a));
            prop_assert_eq!(merged(&merged(&a, &b), &c), merged(&a, &merged(&b, &c)));
        }

        #[test]
        fn traits_can_be_merged_again(a in some_rows(), b in some_rows()) {
            let once = merged(&a, &b);
            prop_assert_eq!(&merged(&once, &b).traits, &once.traits);
        }

        #[test]
        fn what_is_merged_is_what_all_rows_give(
            all in prop::collection::vec((any::<Option<i64>>(), any::<Option<f64>>(), any::<Option<String>>()), 0..40),
            cut in 0_usize..40,
        ) {
            let (first, second) = all.split_at(cut.min(all.len()));
            prop_assert_eq!(merged(&rows(first), &rows(second)), rows(&all));
        }

        #[test]
        fn what_is_taken_away_is_gone(a in some_rows(), b in some_rows()) {
            let mut tally = merged(&a, &b).tally;
            tally.add(&Tally::default().since(Some(&b.tally)));
            prop_assert_eq!(tally.since(Some(&a.tally)).is_empty(), true);
        }

        #[test]
        fn a_document_gives_back_what_was_written(found in some_rows(), bounds in any::<(i128, i128)>()) {
            let mut found = found;
            for traits in found.traits.values_mut() {
                traits.range = Some(bounds);
            }
            let text = serde_json::to_vec(&found).unwrap();
            prop_assert_eq!(serde_json::from_slice::<Gathered>(&text).unwrap(), found);
        }

        #[test]
        fn places_are_in_the_order_of_the_numbers(a in prop::num::f64::ANY, b in prop::num::f64::ANY) {
            prop_assert_eq!(to_place(a).cmp(&to_place(b)), a.total_cmp(&b));
            prop_assert_eq!(from_place(to_place(a)).to_bits(), a.to_bits());
        }
    }
}
