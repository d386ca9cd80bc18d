//! Columns that the file does not have: where its rows come from, and since when they are there.

use std::sync::Arc;

use arrow::{
    array::{ArrayRef, RecordBatch, StringArray, TimestampMicrosecondArray},
    datatypes::{DataType, Field, FieldRef, Schema, SchemaRef, TimeUnit},
};

use crate::{Error, settings::Context};

/// Rows for which the arrays are made at once.
const ROWS: usize = 1 << 13;

/// The type of the column that says when the source was stored.
pub(crate) const INGESTED_AT: DataType = DataType::Timestamp(TimeUnit::Microsecond, None);

/// The source, as the added columns tell of it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Provenance {
    pub(crate) names: Context,
    /// When it was stored, in microseconds since 1970.
    pub(crate) ingested_at: i64,
    pub(crate) address: String,
}

impl Provenance {
    /// Names and types, as a table has them, in the order of the columns.
    pub(crate) fn columns(&self) -> impl Iterator<Item = (&str, DataType)> {
        let ingested_at = self.names.ingested_at.as_deref().map(|name| (name, INGESTED_AT));
        ingested_at.into_iter().chain(self.names.source_key.as_deref().map(|name| (name, DataType::Utf8)))
    }
}

/// Appends the columns to batches of one schema.
#[derive(Debug)]
pub(crate) struct Appended {
    schema: SchemaRef,
    /// At least as long as any batch so far.
    arrays: Vec<ArrayRef>,
    provenance: Provenance,
}

impl Appended {
    pub(crate) fn new(schema: &SchemaRef, provenance: Provenance) -> Self {
        let added = provenance.columns().map(|(name, data_type)| Field::new(name, data_type, true));
        let fields: Vec<FieldRef> = schema.fields().iter().cloned().chain(added.map(Arc::new)).collect();
        Self { schema: Arc::new(Schema::new(fields)), arrays: Vec::new(), provenance }
    }

    /// The schema of the batches that it makes.
    pub(crate) fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    pub(crate) fn append(&mut self, batch: RecordBatch) -> Result<RecordBatch, Error> {
        if batch.num_columns() == self.schema.fields().len() {
            return Ok(batch);
        }
        let rows = batch.num_rows();
        if self.arrays.first().is_none_or(|array| array.len() < rows) {
            self.arrays = self.make(rows.next_multiple_of(ROWS));
        }
        let (_, mut columns, _) = batch.into_parts();
        columns.extend(self.arrays.iter().map(|array| array.slice(0, rows)));
        RecordBatch::try_new(self.schema.clone(), columns).map_err(Error::Rows)
    }

    fn make(&self, rows: usize) -> Vec<ArrayRef> {
        let Provenance { names, ingested_at, address } = &self.provenance;
        let mut arrays: Vec<ArrayRef> = Vec::new();
        if names.ingested_at.is_some() {
            arrays.push(Arc::new(TimestampMicrosecondArray::from_value(*ingested_at, rows)));
        }
        if names.source_key.is_some() {
            arrays.push(Arc::new(StringArray::new_repeated(address, rows)));
        }
        arrays
    }
}
