//! How much memory the writer takes.
#![allow(clippy::unwrap_used)]
// An allocator cannot be replaced by one that counts without it; this one only passes on.
#![allow(unsafe_code)]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use arrow::{
    array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringViewArray},
    datatypes::{Field, Schema},
};
use cleanzone_columnar::{Compression, Settings, Writer};

struct Counting;

static NOW: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        PEAK.fetch_max(NOW.fetch_add(layout.size(), Relaxed) + layout.size(), Relaxed);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        NOW.fetch_sub(layout.size(), Relaxed);
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Numbers that look random: `SplitMix64`.
fn random(count: usize, seed: u64) -> impl Iterator<Item = u64> {
    (1..=count as u64).map(move |i| {
        let z = (i ^ seed << 32).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    })
}

/// A batch with numbers, few and many, and text, short and long.
fn batch(rows: usize, columns: usize, seed: u64) -> RecordBatch {
    let column = |c: usize| -> ArrayRef {
        let numbers = random(rows, seed * 10_007 + c as u64);
        match c % 4 {
            0 => Arc::new(Int64Array::from_iter_values(numbers.map(|v| (v % 200_000).cast_signed()))),
            1 => Arc::new(Float64Array::from_iter_values(numbers.map(|v| f64::from((v >> 40) as u32) / 100.0))),
            2 => Arc::new(StringViewArray::from_iter_values(numbers.map(|v| (v % 5_000).to_string()))),
            _ => Arc::new(StringViewArray::from_iter_values(numbers.map(|v| format!("{v:x} and {:x}", v >> 7)))),
        }
    };
    let columns: Vec<_> = (0..columns).map(column).collect();
    let fields: Vec<_> = columns.iter().map(|c| Field::new("c", c.data_type().clone(), true)).collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).unwrap()
}

/// The most bytes that writing so many batches takes beyond one batch.
fn peak(rows: usize, columns: usize, batches: u64, threads: usize) -> usize {
    let settings = Settings { compression: Compression::Snappy, row_group_bytes: 16 << 20, threads, metadata: vec![] };
    let first = batch(rows, columns, 0);
    let before = NOW.load(Relaxed);
    PEAK.store(before, Relaxed);
    let mut writer = Writer::new(std::io::sink(), first.schema(), &settings).unwrap();
    for seed in 0..batches {
        writer.write(&batch(rows, columns, seed)).unwrap();
    }
    let (_, summary) = writer.finish().unwrap();
    assert!(summary.bytes > 8 << 20, "{summary:?}");
    PEAK.load(Relaxed) - before
}

/// One test, since all tests share the allocator.
#[test]
fn memory_is_bounded_by_the_row_group_however_long_or_wide_the_table() {
    for (rows, columns, batches, threads, limit) in
        [(8_192, 16, 60, 1, 48), (8_192, 16, 60, 2, 56), (64, 4_000, 30, 2, 160)]
    {
        let peak = peak(rows, columns, batches, threads) >> 20;
        println!("{columns} columns, {batches} batches of {rows} rows, {threads} threads: {peak} MiB");
        assert!(peak <= limit, "{columns} columns, {batches} batches: {peak} MiB");
    }
}
