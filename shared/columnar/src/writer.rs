use std::{collections::VecDeque, io::Write};

use arrow::{array::RecordBatch, datatypes::SchemaRef};

use crate::{
    Error, Settings, Summary,
    column::{Chunk, Column, Limits},
    engine::Engine,
    metadata::{self, MAGIC, RowGroup},
    proof::prove,
    schema::{self, ColumnType},
};

/// Batches that may be on their way through the encoder when `write` returns.
const IN_FLIGHT: usize = 2;

/// Rows that are encoded as one piece, at most.
const PIECE: usize = 1 << 16;

/// Rows that a row group is expected to have at most, whatever its bytes.
const MOST_EXPECTED: usize = 1 << 24;

/// Small writes are collected up to so many bytes.
const BUFFER: usize = 1 << 16;

/// Bytes of the last row group that are written with each piece of the next: many times what the piece becomes, so that
/// both together take no more memory than one, and little enough that the encoders do not run dry meanwhile.
const STRIDE: usize = 1 << 20;

/// Writes one Parquet file.
///
/// Dropped before [`Writer::finish`] has returned, it leaves behind something that is no Parquet file.
pub struct Writer<W: Write + Send> {
    output: Output<W>,
    engine: Engine,
    schema: SchemaRef,
    columns: Vec<ColumnType>,
    settings: Settings,
    row_groups: Vec<RowGroup>,
    /// Rows of the open row group.
    group_rows: usize,
    /// Its bytes, as far as they are known for sure to every run over the same batches.
    group_bytes: i64,
    rows: u64,
    failed: bool,
}

impl<W: Write + Send> Writer<W> {
    /// Begins a file.
    ///
    /// # Errors
    /// Where the schema has a type that is not written, or the compression a level that does not exist.
    pub fn new(out: W, schema: SchemaRef, settings: &Settings) -> Result<Self, Error> {
        let columns = schema::columns(&schema)?;
        let limits = Limits::new(columns.len());
        let row_bytes: usize = columns.iter().map(|column| column.physical.guessed_bytes()).sum();
        let expected = (settings.row_group_bytes / row_bytes.max(1)).min(MOST_EXPECTED);
        let encoders = columns.iter().enumerate().map(|(i, kind)| Column::new(i, kind, limits, expected)).collect();
        let engine = Engine::new(encoders, settings.threads, settings.compression)?;
        let mut output =
            Output { inner: out, buffer: Vec::new(), written: 0, waiting: VecDeque::new(), waiting_bytes: 0 };
        output.buffer.extend_from_slice(MAGIC);
        Ok(Self {
            output,
            engine,
            schema,
            columns,
            settings: settings.clone(),
            row_groups: Vec::new(),
            group_rows: 0,
            group_bytes: 0,
            rows: 0,
            failed: false,
        })
    }

    /// Adds a batch. It may return before the batch is encoded; what goes wrong then comes from a later call.
    ///
    /// # Errors
    /// Where the batch has another schema, a value does not fit into its column, or the output cannot be written.
    pub fn write(&mut self, batch: &RecordBatch) -> Result<(), Error> {
        self.attempt(|writer| {
            let types = |schema: &SchemaRef| schema.fields().iter().map(|f| f.data_type().clone()).collect::<Vec<_>>();
            let (own, other) = (&writer.schema, batch.schema_ref());
            if !std::sync::Arc::ptr_eq(own, other) && types(own) != types(other) {
                return Err(Error::Schema);
            }
            for begin in (0..batch.num_rows()).step_by(PIECE) {
                writer.write_piece(batch.slice(begin, PIECE.min(batch.num_rows() - begin)))?;
            }
            Ok(())
        })
    }

    /// Bytes of the file so far, those of the open row group being estimated, to decide when to begin another file.
    ///
    /// Like the file itself it depends on the batches alone, not on the number of threads or on timing.
    pub fn bytes_written(&self) -> u64 {
        self.output.position() + u64::try_from(self.group_bytes).unwrap_or(0)
    }

    /// Ends the file and returns the output.
    ///
    /// # Errors
    /// Where something written before did not fit into its column, or the output cannot be written.
    pub fn finish(mut self) -> Result<(W, Summary), Error> {
        self.attempt(|writer| {
            if writer.group_rows > 0 {
                writer.end_group()?;
            }
            let Self { output, columns, row_groups, settings, .. } = writer;
            output.write_waiting(usize::MAX)?;
            let written = output.position();
            let places = metadata::write_indexes(row_groups, |index| {
                let at = output.position();
                output.write(index).map(|()| at)
            })?;
            let mut tail = Vec::new();
            let footer = metadata::footer(columns, row_groups, &settings.metadata, places, &mut tail);
            prove(&tail[footer], writer.rows, writer.columns.len(), written)?;
            writer.output.write(&tail)?;
            writer.output.flush()
        })?;
        let summary = Summary { rows: self.rows, bytes: self.output.position(), row_groups: self.row_groups.len() };
        Ok((self.output.inner, summary))
    }

    /// Does something that leaves no way to go on where it fails.
    fn attempt(&mut self, action: impl FnOnce(&mut Self) -> Result<(), Error>) -> Result<(), Error> {
        if std::mem::replace(&mut self.failed, true) {
            return Err(Error::Abandoned);
        }
        action(self)?;
        self.failed = false;
        Ok(())
    }

    fn write_piece(&mut self, batch: RecordBatch) -> Result<(), Error> {
        while self.engine.pending() >= IN_FLIGHT {
            self.group_bytes += self.engine.acknowledge()?;
        }
        let full = i64::try_from(self.settings.row_group_bytes).unwrap_or(i64::MAX);
        if self.group_rows > 0 && self.group_bytes >= full {
            self.end_group()?;
        }
        self.group_rows += batch.num_rows();
        self.rows += batch.num_rows() as u64;
        self.engine.encode(batch)?;
        self.output.write_waiting(STRIDE)
    }

    fn end_group(&mut self) -> Result<(), Error> {
        let Self { output, engine, columns, settings, row_groups, .. } = self;
        output.write_waiting(usize::MAX)?;
        let mut group = RowGroup::new(output.position(), self.group_rows);
        let mut columns = columns.iter();
        engine.close(self.group_rows, |chunk| {
            let column = columns.next().ok_or(Error::Encoder)?;
            group.add(column, &chunk, settings.compression);
            output.queue(chunk);
            Ok(())
        })?;
        row_groups.push(group);
        (self.group_rows, self.group_bytes) = (0, 0);
        Ok(())
    }
}

/// Counts what is written, and spares `inner` small writes. Unlike a `BufWriter` it writes nothing when dropped.
struct Output<W> {
    inner: W,
    buffer: Vec<u8>,
    /// Bytes that went to `inner`.
    written: u64,
    /// Pages that are still to be written.
    waiting: VecDeque<Vec<u8>>,
    waiting_bytes: u64,
}

impl<W: Write> Output<W> {
    /// Where the next byte comes to lie.
    fn position(&self) -> u64 {
        self.written + self.buffer.len() as u64 + self.waiting_bytes
    }

    /// Takes all pages, to be written later.
    fn queue(&mut self, chunk: Chunk) {
        let pages = chunk.pages.into_iter().map(|page| page.encoded);
        for page in chunk.dictionary.into_iter().chain(pages) {
            self.waiting_bytes += page.bytes.len() as u64;
            self.waiting.push_back(page.bytes);
        }
    }

    /// Writes pages that wait, about so many bytes of them, and frees each at once.
    fn write_waiting(&mut self, bytes: usize) -> Result<(), Error> {
        let mut done = 0;
        while done < bytes
            && let Some(page) = self.waiting.pop_front()
        {
            done += page.len();
            self.waiting_bytes -= page.len() as u64;
            self.write(&page)?;
        }
        Ok(())
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        if self.buffer.len() + bytes.len() > BUFFER {
            self.write_buffer()?;
        }
        if bytes.len() >= BUFFER {
            self.inner.write_all(bytes).map_err(Error::Write)?;
            self.written += bytes.len() as u64;
        } else {
            self.buffer.extend_from_slice(bytes);
        }
        Ok(())
    }

    fn write_buffer(&mut self) -> Result<(), Error> {
        self.inner.write_all(&self.buffer).map_err(Error::Write)?;
        self.written += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }

    fn flush(&mut self) -> Result<(), Error> {
        self.write_buffer()?;
        self.inner.flush().map_err(Error::Write)
    }
}
