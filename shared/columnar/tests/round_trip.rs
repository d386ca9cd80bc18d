//! What is written is read back by the `parquet` crate's reader, which shares nothing with our encoder.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    clippy::from_iter_instead_of_collect
)]

use std::{cmp::Ordering, sync::Arc};

use arrow::{
    array::{
        Array, ArrayRef, AsArray, BinaryArray, BinaryViewArray, BooleanArray, Date32Array, Decimal128Array,
        Float32Array, Float64Array, Int8Array, Int16Array, Int32Array, Int64Array, LargeStringArray, NullArray,
        RecordBatch, StringArray, StringViewArray, TimestampMicrosecondArray,
    },
    compute::concat_batches,
    datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit},
};
use bytes::Bytes;
use cleanzone_columnar::{Compression, Error, Settings, Summary, Writer};
use parquet::{
    arrow::arrow_reader::{ArrowReaderOptions, ParquetRecordBatchReaderBuilder},
    file::{
        metadata::{PageIndexPolicy, ParquetMetaData},
        statistics::Statistics,
    },
};
use proptest::prelude::*;

fn settings(threads: usize) -> Settings {
    Settings { compression: Compression::Snappy, row_group_bytes: 16 << 20, threads, metadata: Vec::new() }
}

fn write(schema: &SchemaRef, batches: &[RecordBatch], settings: &Settings) -> (Vec<u8>, Summary) {
    let mut writer = Writer::new(Vec::new(), schema.clone(), settings).unwrap();
    for batch in batches {
        writer.write(batch).unwrap();
    }
    writer.finish().unwrap()
}

/// Reads the file as `schema`, which the types in the file alone need not determine.
fn read(file: &[u8], schema: &SchemaRef) -> (RecordBatch, Arc<ParquetMetaData>) {
    let options = ArrowReaderOptions::new().with_page_index_policy(PageIndexPolicy::Required);
    let builder =
        ParquetRecordBatchReaderBuilder::try_new_with_options(Bytes::copy_from_slice(file), options.clone()).unwrap();
    let metadata = builder.metadata().clone();
    let options = options.with_schema(schema.clone());
    let builder = ParquetRecordBatchReaderBuilder::try_new_with_options(Bytes::copy_from_slice(file), options).unwrap();
    let batches: Vec<_> = builder.build().unwrap().map(Result::unwrap).collect();
    (concat_batches(schema, &batches).unwrap(), metadata)
}

/// The types under which the reader can give a column back.
fn readable(schema: &SchemaRef) -> SchemaRef {
    let fields = schema.fields().iter().map(|field| {
        let kind = match field.data_type() {
            DataType::Null => DataType::Utf8,
            other => other.clone(),
        };
        Field::new(field.name(), kind, field.is_nullable())
    });
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

/// Every value of a column as something that compares in the order of its type.
#[derive(Clone, Debug, PartialEq, PartialOrd)]
enum Cell {
    Number(i128),
    Float(f64),
    Bytes(Vec<u8>),
}

fn cells(array: &dyn Array) -> Vec<Option<Cell>> {
    use arrow::datatypes as t;
    macro_rules! numbers {
        ($type:ty) => {
            array.as_primitive::<$type>().iter().map(|v| v.map(|v| Cell::Number(v.into()))).collect()
        };
    }
    let bytes = |v: &[u8]| Cell::Bytes(v.to_vec());
    match array.data_type() {
        DataType::Boolean => array.as_boolean().iter().map(|v| v.map(|v| Cell::Number(v.into()))).collect(),
        DataType::Int8 => numbers!(t::Int8Type),
        DataType::Int16 => numbers!(t::Int16Type),
        DataType::Int32 => numbers!(t::Int32Type),
        DataType::Int64 => numbers!(t::Int64Type),
        DataType::Date32 => numbers!(t::Date32Type),
        DataType::Timestamp(..) => numbers!(t::TimestampMicrosecondType),
        DataType::Decimal128(..) => numbers!(t::Decimal128Type),
        DataType::Float32 => {
            array.as_primitive::<t::Float32Type>().iter().map(|v| v.map(|v| Cell::Float(v.into()))).collect()
        }
        DataType::Float64 => array.as_primitive::<t::Float64Type>().iter().map(|v| v.map(Cell::Float)).collect(),
        DataType::Utf8 => array.as_string::<i32>().iter().map(|v| v.map(|v| bytes(v.as_bytes()))).collect(),
        DataType::LargeUtf8 => array.as_string::<i64>().iter().map(|v| v.map(|v| bytes(v.as_bytes()))).collect(),
        DataType::Utf8View => array.as_string_view().iter().map(|v| v.map(|v| bytes(v.as_bytes()))).collect(),
        DataType::Binary => array.as_binary::<i32>().iter().map(|v| v.map(bytes)).collect(),
        DataType::BinaryView => array.as_binary_view().iter().map(|v| v.map(bytes)).collect(),
        other => panic!("no cells of {other}"),
    }
}

fn bound(stats: &Statistics, data_type: &DataType, bytes: Option<&[u8]>) -> Option<Cell> {
    let bytes = bytes?;
    Some(match stats {
        Statistics::Boolean(_) => Cell::Number(bytes[0].into()),
        Statistics::Int32(_) => Cell::Number(i32::from_le_bytes(bytes.try_into().unwrap()).into()),
        Statistics::Int64(_) => Cell::Number(i64::from_le_bytes(bytes.try_into().unwrap()).into()),
        Statistics::Float(_) => Cell::Float(f32::from_le_bytes(bytes.try_into().unwrap()).into()),
        Statistics::Double(_) => Cell::Float(f64::from_le_bytes(bytes.try_into().unwrap())),
        Statistics::FixedLenByteArray(_) if matches!(data_type, DataType::Decimal128(..)) => {
            let sign = if bytes[0] & 0x80 == 0 { 0 } else { -1 };
            Cell::Number(bytes.iter().fold(sign, |n, b| n << 8 | i128::from(*b)))
        }
        _ => Cell::Bytes(bytes.to_vec()),
    })
}

/// Checks all statistics and page bounds of a file against what was written into it.
fn check_statistics(written: &RecordBatch, metadata: &ParquetMetaData) {
    for (i, array) in written.columns().iter().enumerate() {
        let cells = cells(array);
        let mut begin = 0;
        for (g, group) in metadata.row_groups().iter().enumerate() {
            let rows = usize::try_from(group.num_rows()).unwrap();
            let own = &cells[begin..begin + rows];
            begin += rows;
            let chunk = group.column(i);
            assert_eq!(usize::try_from(chunk.num_values()).unwrap(), rows);
            let stats = chunk.statistics().unwrap();
            check_bounds(own, stats, array.data_type());

            let index = metadata.page_index_for_row_group(g);
            let pages = index.offset_index(i).unwrap().page_locations();
            let first_rows: Vec<_> = pages.iter().map(|p| usize::try_from(p.first_row_index).unwrap()).collect();
            let ends = first_rows.iter().copied().skip(1).chain([rows]);
            let Some(columns) = index.column_index(i) else {
                // Only where a page has values but no bounds.
                assert!(own.iter().flatten().any(|c| matches!(c, Cell::Float(f) if f.is_nan()) || has_no_bound(c)));
                continue;
            };
            for (page, (from, to)) in first_rows.iter().copied().zip(ends).enumerate() {
                let own = &own[from..to];
                let nulls = own.iter().filter(|c| c.is_none()).count();
                assert_eq!(columns.null_count(page), Some(i64::try_from(nulls).unwrap()));
                assert_eq!(columns.is_null_page(page), nulls == own.len());
            }
        }
        assert_eq!(begin, cells.len());
    }
}

fn has_no_bound(cell: &Cell) -> bool {
    matches!(cell, Cell::Bytes(b) if b.len() > 64 && (b[..64].iter().all(|b| *b == 0xff) || b.starts_with("\u{10ffff}".as_bytes())))
}

fn check_bounds(cells: &[Option<Cell>], stats: &Statistics, data_type: &DataType) {
    let nulls = cells.iter().filter(|c| c.is_none()).count() as u64;
    assert_eq!(stats.null_count_opt(), Some(nulls));
    let comparable = |c: &&Cell| !matches!(c, Cell::Float(f) if f.is_nan());
    let order = |a: &&Cell, b: &&Cell| a.partial_cmp(b).unwrap_or(Ordering::Equal);
    let least = cells.iter().flatten().filter(comparable).min_by(order);
    let greatest = cells.iter().flatten().filter(comparable).max_by(order);
    let (min, max) = (bound(stats, data_type, stats.min_bytes_opt()), bound(stats, data_type, stats.max_bytes_opt()));
    let Some((least, greatest)) = least.zip(greatest) else {
        assert!(min.is_none() && max.is_none());
        return;
    };
    let min = min.unwrap();
    assert!(min <= *least);
    assert_eq!(stats.min_is_exact(), min == *least);
    match max {
        Some(max) => {
            assert!(max >= *greatest);
            assert_eq!(stats.max_is_exact(), max == *greatest);
        }
        None => assert!(has_no_bound(greatest)),
    }
    for (zero, negative) in
        [(&min, true), (&bound(stats, data_type, stats.max_bytes_opt()).unwrap_or(min.clone()), false)]
    {
        if let (Cell::Float(f), true) = (zero, zero == &Cell::Float(0.0)) {
            assert_eq!(f.is_sign_negative(), negative || stats.max_bytes_opt().is_none());
        }
    }
    if let Some(distinct) = stats.distinct_count_opt() {
        let mut all: Vec<_> = cells.iter().flatten().collect();
        all.sort_by(order);
        all.dedup();
        assert_eq!(distinct, all.len() as u64);
    }
}

/// Everything that is promised of a file.
fn check(schema: &SchemaRef, batches: &[RecordBatch], settings: &Settings) {
    let (file, summary) = write(schema, batches, settings);
    let rows: usize = batches.iter().map(RecordBatch::num_rows).sum();
    assert_eq!((summary.rows, summary.bytes), (rows as u64, file.len() as u64));

    let (read, metadata) = read(&file, &readable(schema));
    assert_eq!(metadata.num_row_groups(), summary.row_groups);
    let written = concat_batches(schema, batches).unwrap();
    for (i, (a, b)) in written.columns().iter().zip(read.columns()).enumerate() {
        if *a.data_type() == DataType::Null {
            assert_eq!((b.len(), b.null_count()), (rows, rows));
        } else {
            assert_eq!(a, b, "column {i}");
        }
    }
    if !schema.fields().iter().any(|f| *f.data_type() == DataType::Null) {
        check_statistics(&written, &metadata);
    }
    for threads in [1, 2, 5] {
        let other = Settings { threads, ..settings.clone() };
        assert!(write(schema, batches, &other).0 == file, "{threads} threads write the same");
    }
}

fn schema_of(columns: &[(&str, ArrayRef)]) -> SchemaRef {
    Arc::new(Schema::new(
        columns.iter().map(|(name, array)| Field::new(*name, array.data_type().clone(), true)).collect::<Vec<_>>(),
    ))
}

/// Options of a value: with some, all or no nulls.
fn nullable<T: Clone + std::fmt::Debug + 'static>(
    value: impl Strategy<Value = T> + 'static,
    rows: usize,
) -> BoxedStrategy<Vec<Option<T>>> {
    let value = value.boxed();
    let share = prop_oneof![Just(0.0), Just(0.05), Just(0.5), Just(1.0)];
    // Few or many distinct values; in the order drawn, or in runs.
    let pool = prop_oneof![1..3usize, 20..60usize, Just(rows.max(1))];
    (share, pool, prop_oneof![Just(1usize), 2..200usize])
        .prop_flat_map(move |(share, pool, run)| {
            let some = proptest::collection::vec(value.clone(), pool);
            let picks = proptest::collection::vec((any::<prop::sample::Index>(), prop::bool::weighted(share)), rows);
            (some, picks, Just(run))
        })
        .prop_map(|(pool, picks, run)| {
            let unique = picks.len() == pool.len();
            let pick = |i: usize| {
                let (index, null) = &picks[i / run * run];
                (!null).then(|| if unique { pool[i].clone() } else { pool[index.index(pool.len())].clone() })
            };
            (0..picks.len()).map(pick).collect()
        })
        .boxed()
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => "[a-c]{0,3}",
        3 => "[ -~]{0,40}",
        1 => "[aß€\u{7f}\u{d7ff}\u{10ffff}]{0,30}",
        1 => "x{60,70}[yz]{0,3}",
    ]
}

fn double() -> impl Strategy<Value = f64> {
    prop_oneof![any::<f64>(), Just(0.0), Just(-0.0), Just(f64::NAN), (-50i32..50).prop_map(|i| f64::from(i) / 4.0)]
}

/// A column of any type.
fn column(rows: usize) -> BoxedStrategy<ArrayRef> {
    fn array<A: Array + 'static, T>(
        values: BoxedStrategy<Vec<Option<T>>>,
        make: impl Fn(Vec<Option<T>>) -> A + Clone + 'static,
    ) -> BoxedStrategy<ArrayRef>
    where
        T: Clone + std::fmt::Debug + 'static,
    {
        values.prop_map(move |values| Arc::new(make(values)) as ArrayRef).boxed()
    }
    fn decimals(rows: usize, precision: u8, scale: i8) -> BoxedStrategy<ArrayRef> {
        let most = 10i128.pow(precision.into()) - 1;
        array(nullable(-most..=most, rows), move |v| {
            Decimal128Array::from(v).with_precision_and_scale(precision, scale).unwrap()
        })
    }
    prop_oneof![
        array(nullable(any::<bool>(), rows), BooleanArray::from),
        array(nullable(any::<i8>(), rows), Int8Array::from),
        array(nullable(any::<i16>(), rows), Int16Array::from),
        array(nullable(any::<i32>(), rows), Int32Array::from),
        array(nullable(any::<i64>(), rows), Int64Array::from),
        array(nullable(-1_000i64..1_000, rows), Int64Array::from),
        array(nullable(double().prop_map(|v| v as f32), rows), Float32Array::from),
        array(nullable(double(), rows), Float64Array::from),
        array(nullable(any::<i32>(), rows), Date32Array::from),
        array(nullable(any::<i64>(), rows), TimestampMicrosecondArray::from),
        array(nullable(text(), rows), StringArray::from),
        array(nullable(text(), rows), LargeStringArray::from),
        array(nullable(text(), rows), StringViewArray::from_iter),
        array(nullable(text(), rows), |v| BinaryArray::from_iter(v.iter().map(|v| v.as_ref().map(String::as_bytes)))),
        array(nullable(proptest::collection::vec(prop_oneof![Just(255u8), any::<u8>()], 0..70), rows), |v| {
            BinaryViewArray::from_iter(v)
        }),
        decimals(rows, 9, 2),
        decimals(rows, 18, 0),
        decimals(rows, 19, 19),
        decimals(rows, 38, 10),
        Just(Arc::new(NullArray::new(rows)) as ArrayRef),
    ]
    .boxed()
}

fn compression() -> impl Strategy<Value = Compression> {
    prop_oneof![Just(Compression::None), Just(Compression::Snappy), Just(Compression::Zstd(3))]
}

/// Cuts columns into batches of so many rows.
fn cut(columns: Vec<ArrayRef>, rows: usize, batch: usize) -> (SchemaRef, Vec<RecordBatch>) {
    let named: Vec<_> = columns.into_iter().map(|column| ("column", column)).collect();
    let schema = schema_of(&named);
    let whole = RecordBatch::try_new(schema.clone(), named.into_iter().map(|(_, c)| c).collect()).unwrap();
    let batches = (0..rows).step_by(batch).map(|at| whole.slice(at, batch.min(rows - at))).collect();
    (schema, batches)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn anything_comes_back(
        (rows, columns) in (0..1_500usize).prop_flat_map(|rows| (Just(rows), proptest::collection::vec(column(rows), 1..6))),
        batch in 1..700usize,
        row_group_bytes in prop_oneof![Just(1usize), Just(2_000), Just(16 << 20)],
        compression in compression(),
    ) {
        let (schema, batches) = cut(columns, rows, batch);
        check(&schema, &batches, &Settings { compression, row_group_bytes, ..settings(2) });
    }
}

/// Numbers that look random: `SplitMix64`.
fn random(count: usize) -> impl Iterator<Item = u64> {
    (1..=count as u64).map(|i| {
        let z = i.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    })
}

/// Columns of many pages: few values, dictionaries that grow over a while or overflow, unique values, runs, rare nulls.
fn many_pages(rows: usize) -> Vec<ArrayRef> {
    let numbers: Vec<u64> = random(rows).collect();
    let below = |n: u64| numbers.iter().map(move |v| i64::try_from(v % n).unwrap());
    let rare = |i: usize| i % 30_000 > 40;
    vec![
        Arc::new(Int64Array::from_iter_values(below(7))),
        Arc::new(Int64Array::from_iter_values(below(30_000))),
        Arc::new(Int64Array::from_iter_values(below(u64::MAX >> 1))),
        Arc::new(Int64Array::from_iter_values((0..).take(rows))),
        Arc::new(Int32Array::from_iter((0..rows).map(|i| rare(i).then_some(i32::try_from(i / 5_000).unwrap())))),
        Arc::new(Float64Array::from_iter(
            below(100).enumerate().map(|(i, v)| (i > 50_000).then_some(v as f64 / 100.0)),
        )),
        Arc::new(StringViewArray::from_iter(
            below(5).enumerate().map(|(i, v)| rare(i).then(|| "ab".repeat(v as usize * 5))),
        )),
        Arc::new(StringViewArray::from_iter_values(numbers.iter().map(|v| format!("{:x} is a number", v >> (v % 60))))),
        // Few values for a while, then none that returns.
        Arc::new(StringArray::from_iter_values(
            numbers.iter().enumerate().map(|(i, v)| if i < 30_000 { "few".into() } else { format!("{v:0>90}") }),
        )),
        Arc::new(BooleanArray::from_iter(below(3).map(|v| (v > 0).then_some(v > 1)))),
    ]
}

#[test]
fn large_columns_come_back() {
    let (schema, batches) = cut(many_pages(100_000), 100_000, 7_777);
    for row_group_bytes in [1 << 20, 16 << 20, usize::MAX] {
        check(&schema, &batches, &Settings { row_group_bytes, ..settings(2) });
    }
}

#[test]
fn pages_do_not_depend_on_batches() {
    let (schema, small) = cut(many_pages(50_000), 50_000, 999);
    let (_, large) = cut(many_pages(50_000), 50_000, 50_000);
    assert!(write(&schema, &small, &settings(1)).0 == write(&schema, &large, &settings(1)).0);
}

#[test]
fn a_small_file_names_its_writer_and_carries_metadata() {
    let columns: [(&str, ArrayRef); 1] = [("a", Arc::new(Int64Array::from(vec![1, 2])))];
    let schema = schema_of(&columns);
    let batch = RecordBatch::try_new(schema.clone(), vec![columns[0].1.clone()]).unwrap();
    let settings = Settings { metadata: vec![("cleanzone.key".into(), "ü/a.csv".into())], ..settings(4) };
    let (file, summary) = write(&schema, &[batch], &settings);
    assert_eq!((summary.rows, summary.row_groups), (2, 1));
    let (_, metadata) = read(&file, &schema);
    let about = metadata.file_metadata();
    assert!(about.created_by().unwrap().starts_with("cleanzone version "));
    let pair = &about.key_value_metadata().unwrap()[0];
    assert_eq!((pair.key.as_str(), pair.value.as_deref()), ("cleanzone.key", Some("ü/a.csv")));
}

#[test]
fn without_rows_there_is_still_a_schema() {
    let schema = Arc::new(Schema::new(vec![
        Field::new("a", DataType::Utf8View, true),
        Field::new("b", DataType::Timestamp(TimeUnit::Microsecond, None), true),
        Field::new("c", DataType::Decimal128(20, 4), false),
    ]));
    let (file, summary) = write(&schema, &[], &settings(2));
    assert_eq!((summary.rows, summary.row_groups), (0, 0));
    let builder = ParquetRecordBatchReaderBuilder::try_new(Bytes::from(file)).unwrap();
    let types: Vec<_> = builder.schema().fields().iter().map(|f| (f.data_type().clone(), f.is_nullable())).collect();
    assert_eq!(types[0], (DataType::Utf8, true));
    assert_eq!(types[1], (DataType::Timestamp(TimeUnit::Microsecond, None), true));
    assert_eq!(types[2], (DataType::Decimal128(20, 4), false));
}

#[test]
fn a_thousand_columns_take_little_memory_and_come_back() {
    let columns: Vec<ArrayRef> = (0..1_000)
        .map(|c| {
            let values = random(3_000).map(|v| (!v.is_multiple_of(11)).then_some((v % (c + 2)).to_string()));
            Arc::new(StringViewArray::from_iter(values)) as ArrayRef
        })
        .collect();
    let (schema, batches) = cut(columns, 3_000, 1_000);
    check(&schema, &batches, &Settings { row_group_bytes: 1 << 20, ..settings(2) });
}

#[test]
fn row_groups_have_the_bytes_asked_for() {
    let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values(random(1_000_000).map(|v| (v >> 1).cast_signed())));
    let (schema, batches) = cut(vec![numbers], 1_000_000, 10_000);
    let (file, summary) = write(&schema, &batches, &Settings { row_group_bytes: 1 << 20, ..settings(2) });
    let (_, metadata) = read(&file, &schema);
    assert_eq!(metadata.num_row_groups(), summary.row_groups);
    for group in &metadata.row_groups()[..summary.row_groups - 1] {
        assert!((1 << 20..5 << 18).contains(&group.compressed_size()), "{}", group.compressed_size());
    }
}

#[test]
fn bytes_written_is_the_same_for_any_number_of_threads() {
    let (schema, batches) = cut(many_pages(60_000), 60_000, 3_000);
    let sizes = |threads| {
        let settings = Settings { row_group_bytes: 1 << 18, ..settings(threads) };
        let mut writer = Writer::new(Vec::new(), schema.clone(), &settings).unwrap();
        let each = batches.iter().map(|batch| {
            writer.write(batch).unwrap();
            writer.bytes_written()
        });
        each.collect::<Vec<_>>()
    };
    let alone = sizes(1);
    assert!(alone.is_sorted() && alone.last() > Some(&100_000));
    assert_eq!(alone, sizes(3));
}

#[test]
fn another_schema_a_null_and_a_long_decimal_are_refused() {
    let required = Arc::new(Schema::new(vec![Field::new("a", DataType::Int64, false)]));
    let nulls: ArrayRef = Arc::new(Int64Array::from(vec![Some(1), None]));
    let text: ArrayRef = Arc::new(StringArray::from(vec!["x"]));
    let batch =
        |array: &ArrayRef| RecordBatch::try_new(schema_of(&[("a", array.clone())]), vec![array.clone()]).unwrap();

    let mut writer = Writer::new(Vec::new(), required.clone(), &settings(1)).unwrap();
    assert!(matches!(writer.write(&batch(&text)), Err(Error::Schema)));
    assert!(matches!(writer.write(&batch(&nulls)), Err(Error::Abandoned)));
    assert!(matches!(writer.finish(), Err(Error::Abandoned)));

    let mut writer = Writer::new(Vec::new(), required, &settings(1)).unwrap();
    assert!(matches!(writer.write(&batch(&nulls)), Err(Error::Null(0))));

    let long: ArrayRef = Arc::new(Decimal128Array::from(vec![1_000]).with_precision_and_scale(3, 0).unwrap());
    let mut writer = Writer::new(Vec::new(), schema_of(&[("a", long.clone())]), &settings(1)).unwrap();
    assert!(matches!(writer.write(&batch(&long)), Err(Error::Precision(3))));
}

#[test]
fn what_fails_on_a_thread_fails_a_later_call() {
    let columns = many_pages(70_000);
    let fields: Vec<_> =
        columns.iter().enumerate().map(|(i, c)| Field::new("c", c.data_type().clone(), i != 4)).collect();
    let schema = Arc::new(Schema::new(fields));
    let (_, batches) = cut(columns, 70_000, 70_000);
    let mut writer = Writer::new(Vec::new(), schema, &settings(3)).unwrap();
    let result = writer.write(&batches[0]).and_then(|()| writer.finish().map(drop));
    assert!(matches!(result, Err(Error::Null(4))), "{result:?}");
}

#[test]
fn an_output_that_fails_is_reported_with_its_cause() {
    struct Full;
    impl std::io::Write for Full {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::StorageFull.into())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let schema = Arc::new(Schema::new(vec![Field::new("a", DataType::Int64, true)]));
    let result = Writer::new(Full, schema, &settings(1)).unwrap().finish();
    assert!(matches!(result, Err(Error::Write(e)) if e.kind() == std::io::ErrorKind::StorageFull));
}

#[test]
fn a_writer_can_be_dropped_at_any_time() {
    let (schema, batches) = cut(many_pages(40_000), 40_000, 10_000);
    let mut writer = Writer::new(Vec::new(), schema, &settings(4)).unwrap();
    for batch in &batches {
        writer.write(batch).unwrap();
    }
}
