//! Reads a file and throws the rows away: what reading alone costs.
//!
//! `cargo run --release -p cleanzone-tabular --example read -- FILE [THREADS]`

use std::{env, error::Error, fs::File, io, io::Read, path::PathBuf, time::Instant};

use arrow::{array::RecordBatch, datatypes::SchemaRef};
use cleanzone_tabular::{Column, ColumnPlan, Header, Options, Planner, RejectedRow, Sink, SinkError, Source, read};

struct Local(PathBuf);

impl Source for Local {
    fn open(&mut self) -> io::Result<Box<dyn Read + Send>> {
        Ok(Box::new(File::open(&self.0)?))
    }
}

struct Nowhere;

impl Sink for Nowhere {
    fn begin(&mut self, _: &SchemaRef, _: &[Column]) -> Result<(), SinkError> {
        Ok(())
    }

    fn batch(&mut self, _: RecordBatch) -> Result<(), SinkError> {
        Ok(())
    }

    fn rejected(&mut self, _: &RejectedRow<'_>) -> Result<(), SinkError> {
        Ok(())
    }
}

struct AsTheyAre;

impl Planner for AsTheyAre {
    fn plan(&self, header: &Header) -> Result<Vec<ColumnPlan>, SinkError> {
        Ok(header.names.iter().map(|name| ColumnPlan { name: name.clone(), ..ColumnPlan::default() }).collect())
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = env::args_os().skip(1);
    let file = args.next().ok_or("which file?")?;
    let mut options = Options::default();
    if let Some(threads) = args.next() {
        options.threads = threads.to_string_lossy().parse()?;
    }
    let start = Instant::now();
    let report = read(&mut Local(file.into()), &mut Nowhere, &AsTheyAre, &options)?;
    println!("{report:#?}");
    println!("{:?}", start.elapsed());
    Ok(())
}
