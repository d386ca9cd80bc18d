//! Rows that fit the file, and that the sink has no place for.

use arrow::{
    array::{ArrayRef, BooleanArray, RecordBatch},
    compute::filter,
    error::ArrowError,
};

use crate::{
    Error, Sink,
    convert::{Output, convert},
    flaw::Flaw,
    plan::Plan,
    scan::Scanner,
};

impl Output {
    /// Asks the sink which rows it refuses, and takes them out. With `fail`, the first one is an error.
    pub(crate) fn refuse(
        &mut self,
        sink: &mut dyn Sink,
        scanner: &Scanner,
        plan: &Plan,
        fail: bool,
    ) -> Result<(), Error> {
        let Some(batch) = &self.batch else { return Ok(()) };
        let refused = sink.refuse(batch).map_err(Error::Sink)?;
        if refused.is_empty() {
            return Ok(());
        }
        let Some(mut block) = self.block.take() else {
            return Err(Error::Internal("the text of a refused row is gone".to_owned()));
        };
        let internal = |e: ArrowError| Error::Internal(e.to_string());
        let flags = plan.flag().map(|_| flags(batch, &refused)).transpose().map_err(internal)?;
        let duplicates = self.duplicates;
        block.reject(refused.into_iter().map(|(row, why)| (row, Flaw::Refused { why })).collect(), scanner.fields);
        *self = convert(&mut block, scanner, plan)?;
        self.duplicates = duplicates;
        if let Some(reject) = self.rejected.iter().find(|reject| fail && reject.flaw.is_wrong()) {
            let what = format!("{}; {}", reject.flaw, reject.flaw.advice());
            return Err(Error::MalformedCsv { line: reject.line, offset: reject.offset, what });
        }
        if let Some(flags) = flags
            && let Some(batch) = &self.batch
        {
            let mut columns = batch.columns().to_vec();
            // The flag is the last one.
            columns.pop();
            columns.push(flags);
            self.batch = Some(RecordBatch::try_new(batch.schema(), columns).map_err(internal)?);
        }
        Ok(())
    }
}

/// Which of the rows that stay are duplicates.
fn flags(batch: &RecordBatch, refused: &[(usize, String)]) -> Result<ArrayRef, ArrowError> {
    let mut stays = vec![true; batch.num_rows()];
    for (row, _) in refused {
        if let Some(stays) = stays.get_mut(*row) {
            *stays = false;
        }
    }
    let flags = batch.column(batch.num_columns() - 1);
    filter(flags, &BooleanArray::from(stays))
}
