//! The pieces in which a conversion spends its time: text to batches, batches to Parquet, and what a small file costs
//! before its first row; and what many datasets in `lake.toml` cost.
//!
//! `cargo bench -p cleanzone-benches -- read/reviews` measures one of them.

#![allow(missing_docs, reason = "criterion's macros")]

use std::{
    hint::black_box,
    io::{self, Cursor, Read},
    sync::Arc,
};

use arrow::{
    array::RecordBatch,
    datatypes::{Schema, SchemaRef},
};
use cleanzone_benches::{KINDS, text};
use cleanzone_columnar::{Compression, Settings, Writer};
use cleanzone_lake::{Naming, column_names};
use cleanzone_rules::Rules;
use cleanzone_tabular::{
    Column, ColumnPlan, Header, Options, Planner, RejectedRow, Report, Sink, SinkError, Source, inspect, read,
};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

/// Bytes of a text; as a test, which only shows that all of this still runs, few.
const BYTES: usize = if cfg!(debug_assertions) { 8 << 10 } else { 16 << 20 };

/// Text to batches, which nobody takes.
fn reading(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("read");
    group.sample_size(10);
    for kind in KINDS {
        let text: Arc<[u8]> = text(kind, BYTES).into();
        group.throughput(Throughput::BytesDecimal(text.len() as u64));
        for threads in [1, 2] {
            let options = Options { threads, ..Options::default() };
            group.bench_function(format!("{}/{threads}", kind.name()), |bencher| {
                bencher.iter(|| rows(&text, &mut Nobody, &options));
            });
        }
    }
}

/// Batches to Parquet, on one thread; bytes are those of the text that the batches come from.
fn writing(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("write");
    group.sample_size(10);
    for kind in KINDS {
        let text: Arc<[u8]> = text(kind, BYTES).into();
        let mut batches = Batches::default();
        rows(&text, &mut batches, &Options { threads: 1, ..Options::default() });
        group.throughput(Throughput::BytesDecimal(text.len() as u64));
        for (name, compression) in [("snappy", Compression::Snappy), ("zstd", Compression::Zstd(3))] {
            let settings = Settings { compression, row_group_bytes: 16 << 20, threads: 1, metadata: Vec::new() };
            group.bench_function(format!("{}/{name}", kind.name()), |bencher| {
                bencher.iter(|| batches.write(&settings));
            });
        }
    }
}

/// What comes before the first row: names from the key and the header, dialect and types from the text.
fn small(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("small");
    let test: Arc<[u8]> = Arc::from(*b"name,favorite_num\nGareth,23\nTracy,28\nChris,16\nEmma,14\n");
    let options = Options { threads: 1, ..Options::default() };
    group.bench_function("read", |bencher| bencher.iter(|| rows(&test, &mut Nobody, &options)));
    group.bench_function("inspect", |bencher| {
        bencher
            .iter(|| inspect(&mut Bytes(test.clone()), &Names, &options).map(|found| found.rows).unwrap_or_default());
    });
    group.bench_function("naming", |bencher| {
        bencher.iter(|| Naming::from_key(black_box("sales/Orders 2026/year=2026/month=11/LOAD00000001.csv.gz")));
    });
    let header: Vec<String> = (0..1000).map(|i| format!("Größe, № {i}")).collect();
    group.bench_function("1000 column names", |bencher| bencher.iter(|| column_names(black_box(&header), &[])));
}

/// Reads a text, which has to be a good one.
#[expect(clippy::panic, reason = "a measurement of a failure is none")]
fn rows(text: &Arc<[u8]>, sink: &mut dyn Sink, options: &Options) -> Report {
    match read(&mut Bytes(Arc::clone(text)), sink, &Names, options) {
        Ok(report) if report.rejected == 0 && report.rows > 0 => report,
        Ok(report) => panic!("{} rows, {} rejected", report.rows, report.rejected),
        Err(error) => panic!("{error}"),
    }
}

/// A source in memory.
struct Bytes(Arc<[u8]>);

impl Source for Bytes {
    fn open(&mut self) -> io::Result<Box<dyn Read + Send>> {
        Ok(Box::new(Cursor::new(Arc::clone(&self.0))))
    }
}

/// Takes names as they are.
struct Names;

impl Planner for Names {
    fn plan(&self, header: &Header) -> Result<Vec<ColumnPlan>, SinkError> {
        Ok(header.names.iter().map(|name| ColumnPlan { name: name.clone(), ..ColumnPlan::default() }).collect())
    }
}

/// Throws everything away.
struct Nobody;

impl Sink for Nobody {
    fn begin(&mut self, _: &SchemaRef, _: &[Column]) -> Result<(), SinkError> {
        Ok(())
    }

    fn batch(&mut self, batch: RecordBatch) -> Result<(), SinkError> {
        black_box(batch);
        Ok(())
    }

    fn rejected(&mut self, _: &RejectedRow<'_>) -> Result<(), SinkError> {
        Ok(())
    }
}

/// Keeps everything.
#[derive(Default)]
struct Batches(Vec<RecordBatch>);

impl Batches {
    #[expect(clippy::panic, reason = "a measurement of a failure is none")]
    fn write(&self, settings: &Settings) -> u64 {
        let write = || {
            let schema = self.0.first().map_or_else(|| Schema::empty().into(), RecordBatch::schema);
            let mut writer = Writer::new(io::sink(), schema, settings)?;
            self.0.iter().try_for_each(|batch| writer.write(batch))?;
            writer.finish()
        };
        match write() {
            Ok((_, summary)) => summary.bytes,
            Err(error) => panic!("{error}"),
        }
    }
}

impl Sink for Batches {
    fn begin(&mut self, _: &SchemaRef, _: &[Column]) -> Result<(), SinkError> {
        self.0.clear();
        Ok(())
    }

    fn batch(&mut self, batch: RecordBatch) -> Result<(), SinkError> {
        self.0.push(batch);
        Ok(())
    }

    fn rejected(&mut self, _: &RejectedRow<'_>) -> Result<(), SinkError> {
        Ok(())
    }
}

/// A `lake.toml` of many datasets: to read it, and to find the last of them; by the beginning of a key and by its middle.
fn ruling(criterion: &mut Criterion) {
    let count = if cfg!(debug_assertions) { 10 } else { 10_000 };
    let mut group = criterion.benchmark_group("rules");
    group.sample_size(10);
    for (name, before, after) in [("beginning", "tenant_", "/orders/**"), ("middle", "*/tenant_", "_daily/**")] {
        let text: String = (0..count).map(|number| dataset(&format!("{before}{number}{after}"))).collect();
        group.throughput(Throughput::Elements(count));
        group.bench_function(format!("parse/{name}"), |bencher| bencher.iter(|| parsed(&text)));
        let rules = parsed(&text);
        let key = format!("{before}{}{after}", count - 1).replace("**", "1.csv").replace('*', "a");
        group.throughput(Throughput::Elements(1));
        group.bench_function(format!("find/{name}"), |bencher| bencher.iter(|| rules.find("b", black_box(&key))));
    }
    group.finish();
}

fn dataset(glob: &str) -> String {
    format!(
        "[[dataset]]\nmatch = {glob:?}\ndatabase = \"sales\"\nmode = \"append\"\npartition_by = [\"country\"]\n\
         columns.zip = {{ type = \"string\" }}\ncolumns.mail = {{ pii = \"token\" }}\n"
    )
}

#[expect(clippy::panic, reason = "a measurement of a failure is none")]
fn parsed(text: &str) -> Rules {
    match Rules::parse(text) {
        Ok(rules) => rules,
        Err(error) => panic!("{error}"),
    }
}

criterion_group!(hot, reading, writing, small, ruling);
criterion_main!(hot);
