//! The values of the open page of a column chunk, as positions in a dictionary or PLAIN.

use crate::{
    Error,
    choice::Trial,
    compress::{Codec, Content},
    dictionary::Dictionary,
    hybrid,
    page::{Encoding, HEADROOM, Page},
};

/// The values of a chunk's open page.
pub(crate) struct Values<D> {
    /// Values go in here until it is found not to pay, or is full.
    dictionary: D,
    with_dictionary: bool,
    /// Whether it was found to pay for the chunk.
    decided: bool,
    /// Whether a page that is ended uses the dictionary.
    used: bool,
    /// Bytes that the dictionary may have.
    limit: usize,
    indices: Vec<u32>,
    /// PLAIN values, after [`HEADROOM`].
    plain: Vec<u8>,
}

impl<D: Dictionary> Values<D> {
    pub(crate) fn new(dictionary: D, limit: usize) -> Self {
        Self {
            dictionary,
            with_dictionary: true,
            decided: false,
            used: false,
            limit,
            indices: Vec::new(),
            plain: vec![0; HEADROOM],
        }
    }

    /// The dictionary that values go into, with the bytes it may have and the positions to append to; `None` if they
    /// go to [`Self::plain`].
    pub(crate) fn dictionary(&mut self) -> Option<(&mut D, usize, &mut Vec<u32>)> {
        self.with_dictionary.then_some((&mut self.dictionary, self.limit, &mut self.indices))
    }

    /// PLAIN values, after [`HEADROOM`] bytes.
    pub(crate) fn plain(&mut self) -> &mut Vec<u8> {
        &mut self.plain
    }

    /// Bytes of [`Self::plain`].
    pub(crate) fn plain_bytes(&self) -> usize {
        self.plain.len()
    }

    /// The dictionary and the positions of the open page in it.
    pub(crate) fn indices(&self) -> (&D, &[u32]) {
        (&self.dictionary, &self.indices)
    }

    /// Values of the rest of the chunk are PLAIN, also those of the open page.
    pub(crate) fn give_up_dictionary(&mut self) {
        self.dictionary.expand(&self.indices, &mut self.plain);
        self.leave_dictionary();
    }

    fn leave_dictionary(&mut self) {
        self.indices.clear();
        self.with_dictionary = false;
        if !self.used {
            self.dictionary.clear();
        }
    }

    /// Bytes that the open page and the dictionary will take uncompressed, about.
    pub(crate) fn open_bytes(&self) -> (usize, usize) {
        let packed = self.indices.len() * usize::from(hybrid::width(self.dictionary.len())) / 8;
        (
            packed + self.plain.len() - HEADROOM,
            if self.with_dictionary || self.used { self.dictionary.bytes() } else { 0 },
        )
    }

    /// Decides for the chunk, if its first values have come.
    fn decide(&mut self, expected: usize, codec: (&mut Codec, Content)) -> Result<(), Error> {
        if self.decided || !self.with_dictionary || self.indices.is_empty() {
            return Ok(());
        }
        let (mut page, mut packed, mut scratch) = (Vec::new(), Vec::new(), Vec::new());
        self.dictionary.page(&mut page);
        self.dictionary.expand(&self.indices, &mut self.plain);
        hybrid::encode(&self.indices, hybrid::width(self.dictionary.len()), &mut packed);
        let trial = Trial {
            dictionary: &page,
            indices: &self.indices,
            packed: packed.len(),
            plain: &self.plain[HEADROOM..],
            expected,
            limit: self.limit,
        };
        self.decided = true;
        if trial.pays(codec, &mut scratch)? {
            self.plain.truncate(HEADROOM);
        } else {
            self.leave_dictionary();
        }
        Ok(())
    }

    /// Ends the open page, in a chunk that is expected to have so many values.
    pub(crate) fn end_page(&mut self, expected: usize, page: &mut Page<'_>) -> Result<(), Error> {
        self.decide(expected, page.codec())?;
        if !self.with_dictionary || (self.indices.is_empty() && !self.used) {
            page.write(Encoding::Plain, &mut self.plain)?;
            self.plain.truncate(HEADROOM);
            return Ok(());
        }
        self.used = true;
        let width = hybrid::width(self.dictionary.len());
        let body = page.body();
        body.push(width);
        hybrid::encode(&self.indices, width, body);
        self.indices.clear();
        page.write_body(Encoding::Dictionary)
    }

    /// The dictionary, if a page uses it, and whether all pages do.
    pub(crate) fn used_dictionary(&self) -> Option<(&D, bool)> {
        self.used.then_some((&self.dictionary, self.with_dictionary))
    }

    /// Begins the next chunk.
    pub(crate) fn end_chunk(&mut self) {
        self.dictionary.clear();
        (self.with_dictionary, self.decided, self.used) = (true, false, false);
    }
}
