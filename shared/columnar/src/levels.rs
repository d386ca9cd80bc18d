//! Which rows of a page are null: its definition levels.

use arrow::{array::BooleanBufferBuilder, buffer::NullBuffer};

use crate::hybrid;

/// Collects the validity of the rows of a page; costs next to nothing while all are alike.
#[derive(Default)]
pub(crate) struct Levels {
    rows: usize,
    nulls: usize,
    /// Only once rows differ.
    bits: Option<BooleanBufferBuilder>,
}

impl Levels {
    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    pub(crate) fn nulls(&self) -> usize {
        self.nulls
    }

    /// Adds `rows` rows, all valid or all null.
    fn extend(&mut self, rows: usize, valid: bool) {
        if self.bits.is_none() && self.rows > 0 && rows > 0 && (self.nulls == 0) != valid {
            self.spell_out();
        }
        if let Some(bits) = &mut self.bits {
            bits.append_n(rows, valid);
        }
        self.rows += rows;
        self.nulls += if valid { 0 } else { rows };
    }

    fn spell_out(&mut self) -> &mut BooleanBufferBuilder {
        let (rows, valid) = (self.rows, self.nulls == 0);
        self.bits.get_or_insert_with(|| {
            let mut bits = BooleanBufferBuilder::new(rows);
            bits.append_n(rows, valid);
            bits
        })
    }

    /// Adds `rows` rows, whose validity is `nulls`.
    pub(crate) fn append(&mut self, rows: usize, nulls: Option<&NullBuffer>) {
        match nulls {
            Some(nulls) if nulls.null_count() == rows => self.extend(rows, false),
            Some(nulls) if nulls.null_count() > 0 => {
                self.spell_out().append_buffer(nulls.inner());
                self.rows += rows;
                self.nulls += nulls.null_count();
            }
            _ => self.extend(rows, true),
        }
    }

    /// Appends the levels as a data page of version 1 has them: four bytes of length, then the hybrid.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        let begin = out.len();
        out.extend_from_slice(&[0; 4]);
        match &self.bits {
            Some(bits) => hybrid::encode_bits(bits.as_slice(), self.rows, out),
            None => hybrid::run(u32::from(self.nulls == 0), self.rows, 1, out),
        }
        let len = u32::try_from(out.len() - begin - 4).unwrap_or(u32::MAX);
        out[begin..begin + 4].copy_from_slice(&len.to_le_bytes());
    }

    /// Begins the next page.
    pub(crate) fn clear(&mut self) {
        (self.rows, self.nulls) = (0, 0);
        self.bits = None;
    }
}
