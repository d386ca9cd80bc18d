//! Columns of values of fixed length.

use std::ops::Range;

use arrow::buffer::NullBuffer;

use crate::{
    Error,
    bounds::{Bounds, Form},
    dictionary::FixedDictionary,
    page::Page,
    value::Value,
    values::Values,
};

/// A column chunk of values of fixed length.
pub(crate) struct Fixed<T> {
    pub(crate) values: Values<FixedDictionary<T>>,
    pub(crate) bounds: Bounds<T>,
    pub(crate) form: Form,
}

impl<T: Value> Fixed<T> {
    /// Of values that take `width` bytes, with a dictionary of at most `limit` bytes.
    pub(crate) fn new(width: usize, limit: usize) -> Self {
        Self {
            values: Values::new(FixedDictionary::new(width), limit),
            bounds: Bounds::new(),
            form: Form { text: false, width },
        }
    }

    /// Adds the rows of `range` to the open page.
    pub(crate) fn append(&mut self, values: &[T], nulls: Option<&NullBuffer>, range: Range<usize>) {
        match nulls.map(|nulls| nulls.slice(range.start, range.len())) {
            Some(nulls) if nulls.null_count() > 0 => {
                let values = &values[range];
                let valid: Vec<T> = nulls.valid_indices().map(|i| values[i]).collect();
                self.append_valid(&valid);
            }
            _ => self.append_valid(&values[range]),
        }
    }

    fn append_valid(&mut self, mut values: &[T]) {
        if let Some((min, max)) = T::bounds(values) {
            self.bounds.widen(min, max);
        }
        if let Some((dictionary, limit, indices)) = self.values.dictionary() {
            let done = dictionary.encode(values, limit, indices);
            values = &values[done..];
            if values.is_empty() {
                return;
            }
            self.values.give_up_dictionary();
        }
        T::plain(values, self.form.width, self.values.plain());
    }

    /// Ends the open page, in a chunk that is expected to have so many values.
    pub(crate) fn end_page(&mut self, expected: usize, page: &mut Page<'_>) -> Result<(), Error> {
        self.values.end_page(expected, page)
    }
}
