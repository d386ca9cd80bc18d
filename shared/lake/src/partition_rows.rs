//! Rows that wait in memory until their partition is written.

use std::collections::VecDeque;

use arrow::{
    array::{Array, AsArray, RecordBatch},
    compute::interleave_record_batch,
    datatypes::DataType,
};

use crate::Error;

/// The number of a partition that no row is in: what has it has been written already.
pub(crate) const NOWHERE: u32 = u32::MAX;

/// Rows that are put together at once, and their bytes.
const GROUP_ROWS: usize = 1 << 13;
const GROUP_BYTES: usize = 1 << 20;

/// Bytes that are kept for each row beside its values: partition, size, and its place when it is sorted.
const BESIDE: usize = 4 + 4 + 8;

/// The bytes of each row's values, about.
pub(crate) fn row_bytes(batch: &RecordBatch) -> Vec<u32> {
    let fixed: usize = batch.columns().iter().map(|array| array.data_type().primitive_width().unwrap_or(1)).sum();
    let mut bytes = vec![u32::try_from(fixed).unwrap_or(u32::MAX); batch.num_rows()];
    for array in batch.columns() {
        if *array.data_type() == DataType::Utf8 {
            let offsets = array.as_string::<i32>().value_offsets();
            for (bytes, ends) in bytes.iter_mut().zip(offsets.windows(2)) {
                if let [begin, end] = ends {
                    *bytes = bytes.saturating_add(end.abs_diff(*begin));
                }
            }
        }
    }
    bytes
}

/// Rows in the order of the source.
#[derive(Debug, Default)]
pub(crate) struct Waiting {
    batches: Vec<WaitingBatch>,
    rows: usize,
    bytes: usize,
}

#[derive(Debug)]
struct WaitingBatch {
    batch: RecordBatch,
    partitions: Vec<u32>,
    row_bytes: Vec<u32>,
}

impl Waiting {
    /// Adds rows, with the partition and the bytes of each.
    pub(crate) fn push(&mut self, batch: RecordBatch, partitions: Vec<u32>, row_bytes: Vec<u32>) {
        self.rows += batch.num_rows();
        self.bytes += batch.get_array_memory_size() + batch.num_rows() * BESIDE;
        self.batches.push(WaitingBatch { batch, partitions, row_bytes });
    }

    /// Bytes of memory, about.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The rows by partition, of which there are so many; those of one in the order of the source.
    pub(crate) fn sorted(self, partitions: usize) -> Sorted {
        let mut ends = vec![0_usize; partitions];
        let all = || self.batches.iter().flat_map(|waiting| &waiting.partitions);
        for partition in all() {
            if let Some(count) = ends.get_mut(*partition as usize) {
                *count += 1;
            }
        }
        let mut begin = 0;
        for end in &mut ends {
            begin += std::mem::replace(end, begin);
        }
        // Each `end` is where its partition begins now, and moves to its end as rows are put in their places.
        let mut order = vec![Place::default(); begin];
        for (batch, waiting) in (0_u32..).zip(&self.batches) {
            for (row, partition) in (0_u32..).zip(&waiting.partitions) {
                let Some(end) = ends.get_mut(*partition as usize) else { continue };
                if let Some(place) = order.get_mut(*end) {
                    *place = Place { batch, row };
                }
                *end += 1;
            }
        }
        let (batches, row_bytes) = self.batches.into_iter().map(|w| (w.batch, w.row_bytes)).unzip();
        Sorted { batches, row_bytes, order, ends, done: 0, partition: 0, ready: VecDeque::new() }
    }
}

/// Where a row is.
#[derive(Clone, Copy, Debug, Default)]
struct Place {
    batch: u32,
    row: u32,
}

/// Rows by partition.
#[derive(Debug)]
pub(crate) struct Sorted {
    batches: Vec<RecordBatch>,
    row_bytes: Vec<Vec<u32>>,
    order: Vec<Place>,
    /// Where each partition ends in `order`.
    ends: Vec<usize>,
    /// How much of `order` has been put together.
    done: usize,
    /// The partition of the row there.
    partition: usize,
    ready: VecDeque<(u32, RecordBatch)>,
}

impl Sorted {
    /// The next rows of a partition, if those that come next are of it.
    pub(crate) fn next_of(&mut self, partition: u32) -> Result<Option<RecordBatch>, Error> {
        self.prepare()?;
        if self.ready.front().is_some_and(|(of, _)| *of == partition) {
            return Ok(self.ready.pop_front().map(|(_, rows)| rows));
        }
        Ok(None)
    }

    /// The next rows that are of one partition, and which that is.
    pub(crate) fn next(&mut self) -> Result<Option<(u32, RecordBatch)>, Error> {
        self.prepare()?;
        Ok(self.ready.pop_front())
    }

    /// Puts rows together, of several partitions at once where they are few, and parts them again.
    fn prepare(&mut self) -> Result<(), Error> {
        if !self.ready.is_empty() || self.done == self.order.len() {
            return Ok(());
        }
        let mut bytes = 0;
        let rest = self.order.get(self.done..).unwrap_or_default();
        let places: Vec<(usize, usize)> = rest
            .iter()
            .take(GROUP_ROWS)
            .take_while(|place| {
                let before = bytes;
                let sizes = self.row_bytes.get(place.batch as usize);
                bytes += sizes.and_then(|sizes| sizes.get(place.row as usize)).map_or(0, |n| *n as usize);
                before < GROUP_BYTES
            })
            .map(|place| (place.batch as usize, place.row as usize))
            .collect();
        let batches: Vec<&RecordBatch> = self.batches.iter().collect();
        let group = interleave_record_batch(&batches, &places).map_err(Error::Rows)?;
        let mut at = 0;
        while at < group.num_rows() {
            let end = self.ends.get(self.partition).copied().unwrap_or(self.order.len());
            let rows = (end - self.done).min(group.num_rows() - at);
            if rows > 0 {
                let partition = u32::try_from(self.partition).unwrap_or(NOWHERE);
                self.ready.push_back((partition, group.slice(at, rows)));
            }
            at += rows;
            self.done += rows;
            if self.done == end {
                self.partition += 1;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::{
        array::{Int64Array, StringArray},
        datatypes::{Field, Int64Type, Schema},
    };
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_row_comes_out_once_in_its_partition_and_in_order(
            batches in prop::collection::vec(prop::collection::vec(prop_oneof![0_u32..5, Just(NOWHERE)], 0..50), 0..6),
        ) {
            let schema = Arc::new(Schema::new(vec![
                Field::new("n", DataType::Int64, true),
                Field::new("t", DataType::Utf8, true),
            ]));
            let mut waiting = Waiting::default();
            let mut expected: Vec<Vec<i64>> = vec![Vec::new(); 5];
            let mut n = 0;
            for partitions in batches {
                let numbers: Vec<i64> = (n..).take(partitions.len()).collect();
                n += i64::try_from(partitions.len()).unwrap();
                for (number, partition) in numbers.iter().zip(&partitions).filter(|(_, p)| **p != NOWHERE) {
                    expected[*partition as usize].push(*number);
                }
                let texts = StringArray::from_iter_values(numbers.iter().map(i64::to_string));
                let numbers = Int64Array::from(numbers);
                let batch = RecordBatch::try_new(schema.clone(), vec![Arc::new(numbers), Arc::new(texts)]).unwrap();
                let row_bytes = row_bytes(&batch);
                waiting.push(batch, partitions, row_bytes);
            }
            let mut sorted = waiting.sorted(5);
            let mut found: Vec<Vec<i64>> = vec![Vec::new(); 5];
            for partition in 0..5 {
                while let Some(rows) = sorted.next_of(partition).unwrap() {
                    found[partition as usize].extend(rows.column(0).as_primitive::<Int64Type>().values());
                }
            }
            prop_assert_eq!(found, expected);
            prop_assert!(sorted.next().unwrap().is_none());
        }
    }

    #[test]
    fn the_bytes_of_a_row_are_those_of_its_values() {
        let schema = Schema::new(vec![Field::new("n", DataType::Int64, true), Field::new("t", DataType::Utf8, true)]);
        let texts = StringArray::from(vec![Some("abc"), None, Some("")]);
        let numbers = Int64Array::from(vec![1, 2, 3]);
        let batch = RecordBatch::try_new(Arc::new(schema), vec![Arc::new(numbers), Arc::new(texts)]).unwrap();
        assert_eq!(row_bytes(&batch), [12, 9, 9]);
        assert_eq!(row_bytes(&batch.slice(1, 1)), [9]);
    }
}
