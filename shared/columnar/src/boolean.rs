//! Columns of booleans.

use std::{cmp::Ordering, ops::Range};

use arrow::array::{Array, BooleanArray, BooleanBufferBuilder};

use crate::{
    Error,
    bounds::{Bound, Bounds, Form},
    page::{Encoding, Page},
};

impl Bound for bool {
    fn order(&self, other: &Self) -> Ordering {
        self.cmp(other)
    }

    fn lower(&self, _: Form) -> (Vec<u8>, bool) {
        (vec![u8::from(*self)], true)
    }

    fn upper(&self, form: Form) -> Option<(Vec<u8>, bool)> {
        Some(self.lower(form))
    }

    fn written(&self, _: &[u8]) -> Self {
        *self
    }
}

/// A column chunk of booleans, one bit each.
pub(crate) struct Boolean {
    bits: BooleanBufferBuilder,
    pub(crate) bounds: Bounds<bool>,
}

impl Boolean {
    pub(crate) fn new() -> Self {
        Self { bits: BooleanBufferBuilder::new(0), bounds: Bounds::new() }
    }

    /// Adds the rows of `range` to the open page.
    pub(crate) fn append(&mut self, array: &BooleanArray, range: Range<usize>) {
        let array = array.slice(range.start, range.len());
        match array.nulls() {
            Some(nulls) if nulls.null_count() > 0 => {
                for row in nulls.valid_indices() {
                    self.bits.append(array.value(row));
                }
            }
            _ => self.bits.append_buffer(array.values()),
        }
        let (trues, falses) = (array.true_count(), array.false_count());
        if trues + falses > 0 {
            self.bounds.widen(falses == 0, trues > 0);
        }
    }

    pub(crate) fn open_bytes(&self) -> usize {
        self.bits.len() / 8
    }

    pub(crate) fn end_page(&mut self, page: &mut Page<'_>) -> Result<(), Error> {
        page.body().extend_from_slice(self.bits.as_slice());
        self.bits.truncate(0);
        page.write_body(Encoding::Plain)
    }
}
