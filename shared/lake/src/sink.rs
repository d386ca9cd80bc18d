//! Typed batches and rejected rows become files: of each partition one, or more where it is large.
//!
//! The rows of the first few partitions are written as they come. Those of all others wait in memory, and beyond its
//! budget in a temporary file, until the source has been read; then one partition is written after the other. A
//! partition's rows reach its file in pieces that depend on the source alone, so that its bytes do not depend on
//! where the rows have waited.

use std::{io::Write, sync::Arc};

use arrow::{
    array::{RecordBatch, UInt32Array},
    compute::{concat_batches, take_record_batch},
    datatypes::{DataType, SchemaRef},
};
use cleanzone_columnar as columnar;
use cleanzone_tabular::{Column, RejectedRow, Sink, SinkError};

use crate::{
    Error,
    column_statistics::{Gathered, Gatherer},
    context::Appended,
    convert::Target,
    partition::{PartitionValues, Partitioner},
    partition_rows::{NOWHERE, Waiting, row_bytes},
    spill::{Spill, Spilled},
};

/// Partitions that are written while the source is read: the first ones, as most files have rows in one or two. Each
/// holds as much memory as an unpartitioned file.
const STREAMED: usize = 2;

/// Bytes of rows of a partition that are encoded as one piece, unless a batch brings more.
const PIECE_BYTES: u64 = 1 << 20;

/// Which file of a conversion.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum FileKind {
    /// A Parquet file.
    Data {
        /// The partition of its rows.
        partition: Arc<PartitionValues>,
        /// Which of the partition's files, from 0.
        number: u32,
    },
    /// The rejected rows, as CSV.
    Rejected,
}

impl FileKind {
    /// The first Parquet file of a conversion that parts nothing.
    pub(crate) fn first() -> Self {
        Self::Data { partition: Arc::default(), number: 0 }
    }
}

/// Where the files of one conversion go. Nothing that goes there is visible before the conversion has succeeded.
pub(crate) trait Files {
    type File: Write + Send;

    fn create(&mut self, kind: &FileKind) -> Result<Self::File, Error>;

    /// Takes a file that has been written.
    fn close(&mut self, kind: FileKind, file: Self::File) -> Result<(), Error>;

    /// Waits until all files that were closed are complete.
    fn complete(&mut self) -> Result<(), Error>;

    /// Gives up all files closed so far.
    fn discard(&mut self) -> Result<(), Error>;
}

/// What becomes of columns in which nothing gives evidence of a type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoEvidence {
    /// They are written as strings, all null.
    Write,
    /// They are left out of the file, so that the table can still give them any type; but see [`Written::settled`].
    LeaveOut,
}

/// A Parquet file that was written.
#[derive(Clone, Debug)]
pub(crate) struct WrittenFile {
    pub(crate) partition: Arc<PartitionValues>,
    /// Which of the partition's files, from 0.
    pub(crate) number: u32,
    pub(crate) rows: u64,
    pub(crate) bytes: u64,
}

/// What a [`FileSink`] has written.
#[derive(Debug, Default)]
pub(crate) struct Written {
    /// By partition.
    pub(crate) files: Vec<WrittenFile>,
    /// The positions of columns that went into the path instead.
    pub(crate) parted_by: Vec<usize>,
    /// The position of a column that was written as strings although nothing gave it a type. Rows need a column to be
    /// counted by, and a type that is in a file has to be the table's: no later one could be read from that file. It is
    /// the last one, which is the least likely to be a key.
    pub(crate) settled: Option<usize>,
    /// What the values of the columns are like, where that was asked for.
    pub(crate) gathered: Option<Gathered>,
}

pub(crate) struct FileSink<'a, F: Files> {
    files: &'a mut F,
    target: Target,
    rejected: Option<csv::Writer<F::File>>,
    /// Once the columns are known.
    rows: Option<Rows<F::File>>,
}

impl<'a, F: Files> FileSink<'a, F> {
    pub(crate) fn new(files: &'a mut F, target: Target) -> Self {
        Self { files, target, rejected: None, rows: None }
    }

    /// Ends all files.
    pub(crate) fn finish(self) -> Result<Written, Error> {
        let mut written = Written::default();
        if let Some(rows) = self.rows {
            written = rows.finish(self.files, self.target.even_empty)?;
        }
        if let Some(rejected) = self.rejected {
            self.files.close(FileKind::Rejected, into_file(rejected)?)?;
        }
        self.files.complete()?;
        Ok(written)
    }
}

impl<F: Files> Sink for FileSink<'_, F> {
    fn begin(&mut self, schema: &SchemaRef, columns: &[Column]) -> Result<(), SinkError> {
        self.rows = None;
        self.rejected = None;
        self.files.discard()?;
        self.rows = Some(Rows::new(schema, columns, &self.target)?);
        Ok(())
    }

    fn batch(&mut self, batch: RecordBatch) -> Result<(), SinkError> {
        match &mut self.rows {
            Some(rows) if batch.num_rows() > 0 => Ok(rows.take(batch, self.files)?),
            _ => Ok(()),
        }
    }

    fn is_choosy(&self) -> bool {
        self.target.partitioning.rejects()
    }

    fn refuse(&mut self, batch: &RecordBatch) -> Result<Vec<(usize, String)>, SinkError> {
        Ok(self.rows.as_mut().map_or_else(|| Ok(Vec::new()), |rows| rows.partitioner.missed(batch))?)
    }

    fn rejected(&mut self, row: &RejectedRow<'_>) -> Result<(), SinkError> {
        let mut writer = if let Some(writer) = self.rejected.take() {
            writer
        } else {
            let mut writer = csv::Writer::from_writer(self.files.create(&FileKind::Rejected)?);
            writer.write_record(["line", "offset", "reason", "raw"]).map_err(rejected_error)?;
            writer
        };
        let (line, offset) = (row.line.to_string(), row.offset.to_string());
        writer
            .write_record([line.as_bytes(), offset.as_bytes(), row.reason.as_bytes(), row.raw])
            .map_err(rejected_error)?;
        self.rejected = Some(writer);
        Ok(())
    }
}

/// The rows of one reading, on their way into files.
struct Rows<W: Write + Send> {
    /// The columns that are written.
    projection: Vec<usize>,
    parted_by: Vec<usize>,
    settled: Option<usize>,
    gatherer: Option<Gatherer>,
    partitioner: Partitioner,
    outlet: Outlet,
    /// What is known of each partition.
    heaps: Vec<Heap>,
    streams: Vec<PartitionFile<W>>,
    waiting: Waiting,
    spill: Option<Spill>,
    buffer_bytes: usize,
    schema: SchemaRef,
}

/// How far a partition has come.
#[derive(Debug, Default)]
struct Heap {
    rows: u64,
    /// Bytes since the last cut.
    bytes: u64,
    /// The rows after which a piece ends.
    cuts: Vec<u64>,
}

impl Heap {
    fn cut(&mut self) {
        self.cuts.push(self.rows);
        self.bytes = 0;
    }
}

impl<W: Write + Send> Rows<W> {
    fn new(schema: &SchemaRef, columns: &[Column], target: &Target) -> Result<Self, Error> {
        let types: Vec<_> = columns.iter().map(|c| (c.name.as_str(), c.data_type.clone())).collect();
        let (partitioner, parted_by) = Partitioner::new(&target.partitioning, &types, &target.provenance)?;
        let mut projection: Vec<usize> = (0..schema.fields().len()).filter(|i| !parted_by.contains(i)).collect();
        let added = target.provenance.columns().next().is_some();
        if projection.is_empty() && !added {
            let keys: Vec<&str> = target.partitioning.by.iter().map(|key| key.name.as_str()).collect();
            return Err(Error::Schema(format!(
                "all columns of the file are partition keys ({}), which leaves the table none; name fewer in \
                 `partition_by`, or add a column by `context`, as in `context = [\"source_key\"]`",
                keys.join(", ")
            )));
        }
        let evident = |i: &usize| columns.get(*i).is_none_or(|c| c.data_type != DataType::Null);
        let mut settled = None;
        if target.no_evidence == NoEvidence::LeaveOut {
            if added || projection.iter().any(evident) {
                projection.retain(evident);
            } else if let Some(last) = projection.pop() {
                projection = vec![last];
                settled = Some(last);
            }
        }
        let schema = Arc::new(schema.project(&projection).map_err(Error::Rows)?);
        let layout = &target.layout;
        let outlet = Outlet {
            settings: columnar::Settings {
                compression: layout.compression,
                row_group_bytes: layout.row_group_bytes,
                threads: layout.threads,
                metadata: target.metadata.clone(),
            },
            max_file_bytes: layout.max_file_bytes,
            appended: Appended::new(&schema, target.provenance.clone()),
            written: Vec::new(),
        };
        Ok(Self {
            projection,
            parted_by,
            settled,
            gatherer: target.column_statistics.then(|| Gatherer::new(&schema)),
            partitioner,
            outlet,
            heaps: Vec::new(),
            streams: Vec::new(),
            waiting: Waiting::default(),
            spill: None,
            buffer_bytes: layout.partition_buffer_bytes,
            schema,
        })
    }

    fn take<F: Files<File = W>>(&mut self, batch: RecordBatch, files: &mut F) -> Result<(), Error> {
        let rows = batch.num_rows() as u64;
        if !self.partitioner.parts() {
            let batch = self.project(batch)?;
            self.gather(&batch);
            self.know_partitions(1);
            if let Some(heap) = self.heaps.first_mut() {
                heap.rows += rows;
                heap.cut();
            }
            return self.stream(0, batch, files);
        }
        let mut partitions = self.partitioner.read(&batch)?;
        let batch = self.project(batch)?;
        self.gather(&batch);
        let bytes = row_bytes(&batch);
        self.know_partitions(self.partitioner.partitions().len());
        self.account(&partitions, &bytes);

        let first = partitions.first().copied().unwrap_or_default();
        if (first as usize) < STREAMED && partitions.iter().all(|partition| *partition == first) {
            return self.stream(first as usize, batch, files);
        }
        let streamed = |partition: u32| (partition as usize) < STREAMED;
        for stream in 0..self.streams.len() {
            let rows = positions(&partitions, |partition| partition as usize == stream);
            if !rows.is_empty() {
                let rows = take_record_batch(&batch, &UInt32Array::from(rows)).map_err(Error::Rows)?;
                self.stream(stream, rows, files)?;
            }
        }
        let rest = positions(&partitions, |partition| !streamed(partition));
        if rest.is_empty() {
            return Ok(());
        }
        if 2 * rest.len() <= partitions.len() {
            // Rather a copy of few rows than memory for many that have gone.
            let kept = |of: &[u32]| rest.iter().filter_map(|row| of.get(*row as usize).copied()).collect::<Vec<_>>();
            let (partitions, bytes) = (kept(&partitions), kept(&bytes));
            let rows = take_record_batch(&batch, &UInt32Array::from(rest)).map_err(Error::Rows)?;
            self.waiting.push(rows, partitions, bytes);
        } else {
            for partition in partitions.iter_mut().filter(|partition| streamed(**partition)) {
                *partition = NOWHERE;
            }
            self.waiting.push(batch, partitions, bytes);
        }
        if self.waiting.bytes() >= self.buffer_bytes { self.spill() } else { Ok(()) }
    }

    /// The columns that are written.
    fn project(&self, batch: RecordBatch) -> Result<RecordBatch, Error> {
        if self.projection.len() == batch.num_columns() {
            return Ok(batch);
        }
        batch.project(&self.projection).map_err(Error::Rows)
    }

    fn gather(&mut self, batch: &RecordBatch) {
        if let Some(gatherer) = &mut self.gatherer {
            gatherer.add(batch);
        }
    }

    fn know_partitions(&mut self, count: usize) {
        self.heaps.resize_with(count, Heap::default);
        while self.streams.len() < count.min(STREAMED) {
            let partition = self.partitioner.partitions().get(self.streams.len()).cloned().unwrap_or_default();
            self.streams.push(PartitionFile::new(partition));
        }
    }

    /// Counts the rows of a batch, and ends pieces after it.
    fn account(&mut self, partitions: &[u32], bytes: &[u32]) {
        let mut full = Vec::new();
        for (partition, bytes) in partitions.iter().zip(bytes) {
            if let Some(heap) = self.heaps.get_mut(*partition as usize) {
                heap.rows += 1;
                if heap.bytes < PIECE_BYTES && heap.bytes + u64::from(*bytes) >= PIECE_BYTES {
                    full.push(*partition);
                }
                heap.bytes += u64::from(*bytes);
            }
        }
        for partition in full {
            if let Some(heap) = self.heaps.get_mut(partition as usize) {
                heap.cut();
            }
        }
    }

    fn stream<F: Files<File = W>>(&mut self, stream: usize, rows: RecordBatch, files: &mut F) -> Result<(), Error> {
        match (self.streams.get_mut(stream), self.heaps.get(stream)) {
            (Some(file), Some(heap)) => file.feed(rows, &heap.cuts, &mut self.outlet, files),
            _ => Ok(()),
        }
    }

    /// Makes room in memory.
    fn spill(&mut self) -> Result<(), Error> {
        let mut sorted = std::mem::take(&mut self.waiting).sorted(self.heaps.len());
        let spill = match &mut self.spill {
            Some(spill) => spill,
            none => none.insert(Spill::new(self.schema.clone())?),
        };
        while let Some((partition, rows)) = sorted.next()? {
            spill.write(partition, &rows)?;
        }
        Ok(())
    }

    fn finish<F: Files<File = W>>(mut self, files: &mut F, even_empty: bool) -> Result<Written, Error> {
        if even_empty && self.heaps.is_empty() && !self.partitioner.parts() {
            self.know_partitions(1);
            if let Some(file) = self.streams.first_mut() {
                file.open(&self.outlet, files)?;
            }
        }
        let streamed = self.streams.len();
        for file in std::mem::take(&mut self.streams) {
            file.finish(&mut self.outlet, files)?;
        }
        let mut spilled = self.spill.take().map(Spill::finish).transpose()?;
        let mut sorted = self.waiting.sorted(self.heaps.len());
        let all = (0_u32..).zip(self.partitioner.partitions()).zip(&self.heaps);
        for ((number, partition), heap) in all.skip(streamed) {
            let mut file = PartitionFile::new(partition.clone());
            for segment in spilled.as_mut().map_or(Ok(Vec::new()), |spilled: &mut Spilled| spilled.segments(number))? {
                if let Some(spilled) = &mut spilled {
                    file.feed(spilled.read(segment)?, &heap.cuts, &mut self.outlet, files)?;
                }
            }
            while let Some(rows) = sorted.next_of(number)? {
                file.feed(rows, &heap.cuts, &mut self.outlet, files)?;
            }
            file.finish(&mut self.outlet, files)?;
        }
        let mut written = self.outlet.written;
        written.sort_by(|a, b| (&a.partition, a.number).cmp(&(&b.partition, b.number)));
        let gathered = self.gatherer.map(Gatherer::finish);
        Ok(Written { files: written, parted_by: self.parted_by, settled: self.settled, gathered })
    }
}

fn positions(partitions: &[u32], wanted: impl Fn(u32) -> bool) -> Vec<u32> {
    (0_u32..).zip(partitions).filter(|(_, partition)| wanted(**partition)).map(|(row, _)| row).collect()
}

/// What files are written with.
struct Outlet {
    settings: columnar::Settings,
    max_file_bytes: u64,
    appended: Appended,
    written: Vec<WrittenFile>,
}

/// The files of one partition, one after the other.
struct PartitionFile<W: Write + Send> {
    partition: Arc<PartitionValues>,
    /// Which of its files is the next one.
    number: u32,
    writer: Option<columnar::Writer<W>>,
    /// Rows of the piece that is not complete.
    pending: Vec<RecordBatch>,
    /// Rows so far.
    rows: u64,
    /// Pieces so far.
    pieces: usize,
}

impl<W: Write + Send> PartitionFile<W> {
    fn new(partition: Arc<PartitionValues>) -> Self {
        Self { partition, number: 0, writer: None, pending: Vec::new(), rows: 0, pieces: 0 }
    }

    fn kind(&self) -> FileKind {
        FileKind::Data { partition: self.partition.clone(), number: self.number }
    }

    /// Adds rows, which are written piece by piece, each ending at one of the `cuts`.
    fn feed<F: Files<File = W>>(
        &mut self,
        mut rows: RecordBatch,
        cuts: &[u64],
        outlet: &mut Outlet,
        files: &mut F,
    ) -> Result<(), Error> {
        while rows.num_rows() > 0 {
            let room = cuts.get(self.pieces).map(|cut| cut.saturating_sub(self.rows));
            let count = room.and_then(|room| usize::try_from(room).ok()).unwrap_or(usize::MAX).min(rows.num_rows());
            if count > 0 {
                self.pending.push(rows.slice(0, count));
                self.rows += count as u64;
                rows = rows.slice(count, rows.num_rows() - count);
            }
            if cuts.get(self.pieces) == Some(&self.rows) {
                self.pieces += 1;
                self.write(outlet, files)?;
            }
        }
        Ok(())
    }

    fn write<F: Files<File = W>>(&mut self, outlet: &mut Outlet, files: &mut F) -> Result<(), Error> {
        let pending = std::mem::take(&mut self.pending);
        let piece = match <[RecordBatch; 1]>::try_from(pending) {
            Ok([piece]) => piece,
            Err(pending) => match pending.first() {
                Some(first) => concat_batches(first.schema_ref(), &pending).map_err(Error::Rows)?,
                None => return Ok(()),
            },
        };
        let piece = outlet.appended.append(piece)?;
        let writer = self.open(outlet, files)?;
        writer.write(&piece).map_err(Error::write)?;
        if writer.bytes_written() >= outlet.max_file_bytes {
            self.close(outlet, files)?;
        }
        Ok(())
    }

    fn open<F: Files<File = W>>(&mut self, outlet: &Outlet, files: &mut F) -> Result<&mut columnar::Writer<W>, Error> {
        let writer = if let Some(writer) = self.writer.take() {
            writer
        } else {
            let file = files.create(&self.kind())?;
            columnar::Writer::new(file, outlet.appended.schema().clone(), &outlet.settings).map_err(Error::write)?
        };
        Ok(self.writer.insert(writer))
    }

    fn close<F: Files<File = W>>(&mut self, outlet: &mut Outlet, files: &mut F) -> Result<(), Error> {
        if let Some(writer) = self.writer.take() {
            let (file, summary) = writer.finish().map_err(Error::write)?;
            files.close(self.kind(), file)?;
            let (partition, number) = (self.partition.clone(), self.number);
            outlet.written.push(WrittenFile { partition, number, rows: summary.rows, bytes: summary.bytes });
            self.number += 1;
        }
        Ok(())
    }

    fn finish<F: Files<File = W>>(mut self, outlet: &mut Outlet, files: &mut F) -> Result<(), Error> {
        self.write(outlet, files)?;
        self.close(outlet, files)
    }
}

fn into_file<W: Write>(writer: csv::Writer<W>) -> Result<W, Error> {
    writer.into_inner().map_err(|e| rejected_error(csv::Error::from(e.into_error())))
}

/// The `csv` crate hands back the I/O error of our own stream, which carries the typed one.
fn rejected_error(error: csv::Error) -> Error {
    match error.into_kind() {
        csv::ErrorKind::Io(io) => Error::write(columnar::Error::Write(io)),
        other => Error::write(columnar::Error::Write(std::io::Error::other(format!("{other:?}")))),
    }
}

#[cfg(test)]
mod tests {
    use std::{
        collections::BTreeMap,
        sync::atomic::{AtomicUsize, Ordering},
    };

    use arrow::{
        array::{ArrayRef, AsArray, Int64Array, StringArray, TimestampMicrosecondArray},
        datatypes::{Field, Int64Type, Schema, TimeUnit},
    };
    use cleanzone_error::{ErrorName, Fault as _};
    use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
    use proptest::prelude::*;

    use super::*;
    use crate::{
        context::Provenance,
        partition::Partitioning,
        settings::{Context, Layout, PartitionBy, Transform},
    };

    /// Files in memory, and how many are open at once.
    #[derive(Default)]
    struct MemoryFiles {
        files: BTreeMap<String, Vec<u8>>,
        most_open: usize,
        open: Arc<AtomicUsize>,
    }

    struct MemoryFile {
        bytes: Vec<u8>,
        open: Arc<AtomicUsize>,
    }

    impl Write for MemoryFile {
        fn write(&mut self, buf: &[u8]) -> std::io::Result<usize> {
            self.bytes.write(buf)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    impl Drop for MemoryFile {
        fn drop(&mut self) {
            self.open.fetch_sub(1, Ordering::Relaxed);
        }
    }

    impl Files for MemoryFiles {
        type File = MemoryFile;

        fn create(&mut self, _: &FileKind) -> Result<MemoryFile, Error> {
            self.most_open = self.most_open.max(self.open.fetch_add(1, Ordering::Relaxed) + 1);
            Ok(MemoryFile { bytes: Vec::new(), open: self.open.clone() })
        }

        fn close(&mut self, kind: FileKind, mut file: MemoryFile) -> Result<(), Error> {
            let name = match kind {
                FileKind::Data { partition, number } => format!("{}{number}", partition.path),
                FileKind::Rejected => "rejected".to_owned(),
            };
            assert!(self.files.insert(name, std::mem::take(&mut file.bytes)).is_none());
            Ok(())
        }

        fn complete(&mut self) -> Result<(), Error> {
            Ok(())
        }

        fn discard(&mut self) -> Result<(), Error> {
            self.files.clear();
            Ok(())
        }
    }

    fn by(column: &str, transform: Transform) -> PartitionBy {
        let name = if transform == Transform::Identity { column.to_owned() } else { format!("{column}_part") };
        PartitionBy { name, column: column.to_owned(), transform, hive_type: "string".into() }
    }

    fn target(by: Vec<PartitionBy>, buffer: usize, threads: usize) -> Target {
        Target {
            layout: Layout { partition_buffer_bytes: buffer, threads, ..Layout::default() },
            metadata: Vec::new(),
            no_evidence: NoEvidence::LeaveOut,
            column_statistics: false,
            even_empty: false,
            partitioning: Partitioning { by, most: 20_000, folder_bytes: 900, ..Partitioning::default() },
            provenance: Provenance::default(),
        }
    }

    fn batch(keys: &[Option<String>], first: i64) -> RecordBatch {
        let n = first..first + i64::try_from(keys.len()).unwrap();
        let texts = StringArray::from_iter_values(n.clone().map(|n| format!("text {:100}", n % 7)));
        let times = n.clone().map(|n| n * 3_600_000_000);
        let columns: Vec<ArrayRef> = vec![
            Arc::new(keys.iter().cloned().collect::<StringArray>()),
            Arc::new(Int64Array::from_iter_values(n.clone())),
            Arc::new(texts),
            Arc::new(TimestampMicrosecondArray::from_iter_values(times)),
        ];
        RecordBatch::try_new(schema(), columns).unwrap()
    }

    fn schema() -> SchemaRef {
        Arc::new(Schema::new(vec![
            Field::new("key", DataType::Utf8, true),
            Field::new("n", DataType::Int64, true),
            Field::new("text", DataType::Utf8, true),
            Field::new("time", DataType::Timestamp(TimeUnit::Microsecond, None), true),
        ]))
    }

    /// Remembers the columns that the reader tells of.
    #[derive(Default)]
    struct Told(Vec<Column>);

    impl Sink for Told {
        fn begin(&mut self, _: &SchemaRef, columns: &[Column]) -> Result<(), SinkError> {
            self.0 = columns.to_vec();
            Ok(())
        }

        fn batch(&mut self, _: RecordBatch) -> Result<(), SinkError> {
            Ok(())
        }

        fn rejected(&mut self, _: &RejectedRow<'_>) -> Result<(), SinkError> {
            Ok(())
        }
    }

    struct Text(&'static str);

    impl cleanzone_tabular::Source for Text {
        fn open(&mut self) -> std::io::Result<Box<dyn std::io::Read + Send>> {
            Ok(Box::new(self.0.as_bytes()))
        }
    }

    fn columns() -> Vec<Column> {
        let mut text = Text("key,n,text,time\nx,1,y,2026-01-01 00:00:00\n");
        let planner = crate::planner::TablePlanner::without_table(crate::Settings::default());
        let options = cleanzone_tabular::Options { threads: 1, ..Default::default() };
        let mut told = Told::default();
        cleanzone_tabular::read(&mut text, &mut told, &planner, &options).unwrap();
        told.0
    }

    fn write(batches: &[RecordBatch], target: Target) -> Result<(MemoryFiles, Written), Error> {
        let mut files = MemoryFiles::default();
        let mut sink = FileSink::new(&mut files, target);
        let typed = |error: SinkError| *error.downcast::<Error>().unwrap();
        sink.begin(&schema(), &columns()).map_err(typed)?;
        for batch in batches {
            sink.batch(batch.clone()).map_err(typed)?;
        }
        let written = sink.finish()?;
        Ok((files, written))
    }

    fn numbers(file: &[u8]) -> Vec<i64> {
        let reader = ParquetRecordBatchReaderBuilder::try_new(bytes::Bytes::copy_from_slice(file)).unwrap();
        let batches = reader.build().unwrap().map(Result::unwrap);
        batches.flat_map(|b| b.column_by_name("n").unwrap().as_primitive::<Int64Type>().values().to_vec()).collect()
    }

    fn keys() -> impl Strategy<Value = Vec<Vec<Option<String>>>> {
        let key = prop_oneof![
            6 => (0..12_u32).prop_map(|k| Some(format!("k{k}"))),
            1 => Just(None),
            1 => Just(Some(String::new())),
            1 => "\\PC{1,6}".prop_map(Some),
        ];
        prop::collection::vec(prop::collection::vec(key, 1..60), 1..8)
    }

    proptest! {
        #[test]
        fn every_row_is_in_the_file_of_its_partition_in_order(batches in keys()) {
            let mut expected: BTreeMap<String, Vec<i64>> = BTreeMap::new();
            let mut n = 0;
            let batches: Vec<_> = batches.iter().map(|keys| {
                for (row, key) in (n..).zip(keys) {
                    let key = key.as_deref().filter(|key| !key.is_empty());
                    let mut path = String::new();
                    crate::naming::push_folder(&mut path, "key", key.unwrap_or("__HIVE_DEFAULT_PARTITION__"));
                    expected.entry(path + "0").or_default().push(row);
                }
                let first = n;
                n += i64::try_from(keys.len()).unwrap();
                batch(keys, first)
            }).collect();
            let (whole, written) = write(&batches, target(vec![by("key", Transform::Identity)], usize::MAX, 1)).unwrap();
            let found: BTreeMap<_, _> = whole.files.iter().map(|(name, file)| (name.clone(), numbers(file))).collect();
            prop_assert_eq!(found, expected);
            prop_assert_eq!(written.files.iter().map(|file| file.rows).sum::<u64>(), n.unsigned_abs());
            prop_assert_eq!(written.parted_by, [0]);
            prop_assert!(written.files.is_sorted_by(|a, b| a.partition < b.partition));

            for (buffer, threads) in [(0, 1), (3000, 3)] {
                let spilled = write(&batches, target(vec![by("key", Transform::Identity)], buffer, threads)).unwrap().0;
                prop_assert!(spilled.files == whole.files, "the bytes depend on where rows have waited");
            }
        }
    }

    #[test]
    fn thousands_of_partitions_need_few_open_files_and_little_memory() {
        let batches: Vec<_> = (0..20)
            .map(|b| {
                let keys: Vec<_> = (0..2000).map(|row| Some(format!("{}", (b * 977 + row * 31) % 5000))).collect();
                batch(&keys, b * 2000)
            })
            .collect();
        let spilled = write(&batches, target(vec![by("key", Transform::Identity)], 100_000, 1)).unwrap();
        let whole = write(&batches, target(vec![by("key", Transform::Identity)], usize::MAX, 1)).unwrap();
        assert!(spilled.0.files == whole.0.files);
        assert!(spilled.0.files.len() > 4900 && spilled.0.most_open <= STREAMED + 1, "{}", spilled.0.most_open);
        let rows: usize = spilled.0.files.values().map(|file| numbers(file).len()).sum();
        assert_eq!(rows, 40_000);
    }

    #[test]
    fn pieces_and_further_files_end_in_the_same_places_wherever_rows_waited() {
        let long = |n: i64| Some(format!("{}{}", n % 3, " ".repeat(usize::from(n % 3 == 2))));
        let batches: Vec<_> = (0..60)
            .map(|b| {
                let keys: Vec<_> = (0..3000).map(|row| long(b * 3000 + row)).collect();
                batch(&keys, b * 3000)
            })
            .collect();
        let with = |buffer, threads| {
            let mut target = target(vec![by("key", Transform::Identity)], buffer, threads);
            target.layout = Layout { row_group_bytes: 1 << 15, max_file_bytes: 1 << 17, ..target.layout };
            write(&batches, target).unwrap()
        };
        let (whole, written) = with(usize::MAX, 1);
        let last: Vec<_> = whole.files.iter().filter(|(name, _)| name.starts_with("key=1/")).collect();
        assert!(last.len() > 1 && written.files.len() == whole.files.len(), "{:?}", whole.files.keys());
        assert_eq!(with(1 << 20, 3).0.files, whole.files);
        assert_eq!(with(0, 2).0.files, whole.files);
    }

    #[test]
    fn a_derived_key_leaves_its_column_in_the_file_and_an_identity_takes_it_out() {
        let target = || {
            let mut target = target(vec![by("time", Transform::Day), by("key", Transform::Identity)], usize::MAX, 1);
            let names = Context { ingested_at: Some("at".into()), source_key: Some("from".into()) };
            target.provenance = Provenance { names, ingested_at: 42, address: "s3://b/k".into() };
            target
        };
        let keys = vec![Some("a=/b".to_owned()); 30];
        let (files, _) = write(&[batch(&keys, 0)], target()).unwrap();
        let names: Vec<_> = files.files.keys().map(String::as_str).collect();
        assert_eq!(names, ["time_part=1970-01-01/key=a%3D%2Fb/0", "time_part=1970-01-02/key=a%3D%2Fb/0"]);
        let file = bytes::Bytes::from(files.files.into_values().next().unwrap());
        let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap().build().unwrap();
        let rows: Vec<_> = reader.map(Result::unwrap).collect();
        let names: Vec<_> = rows[0].schema_ref().fields().iter().map(|f| f.name().clone()).collect();
        assert_eq!((names.join(","), rows[0].num_rows()), ("n,text,time,at,from".to_owned(), 24));
        assert_eq!(rows[0].column(4).as_string::<i32>().value(23), "s3://b/k");
    }

    #[test]
    fn more_partitions_than_allowed_are_refused() {
        let mut target = target(vec![by("key", Transform::Identity)], usize::MAX, 1);
        target.partitioning.most = 2;
        let keys: Vec<_> = ["a", "b", "c"].map(|key| Some(key.to_owned())).to_vec();
        let error = write(&[batch(&keys, 0)], target).map(|_| ()).unwrap_err();
        assert_eq!(error.name(), ErrorName::LimitExceeded);
        assert!(error.to_string().contains("more than 2 partitions"), "{error}");
    }
}
