//! Pages, encoded and compressed.
//!
//! Data pages are of version 1, which every reader knows.

use crate::{
    Error,
    compress::{Codec, Content},
    thrift,
};

/// Bytes that are left free before PLAIN values, so that the levels of most pages fit there.
pub(crate) const HEADROOM: usize = 16;

/// Pages that are stored as they are after one that hardly shrank.
const STORED: u8 = 7;

/// How the values of a page are encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encoding {
    Plain,
    Dictionary,
}

impl Encoding {
    pub(crate) fn code(self) -> i32 {
        match self {
            Self::Plain => 0,
            Self::Dictionary => 8,
        }
    }
}

/// What a page holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PageType {
    Data = 0,
    Dictionary = 2,
}

/// The code of the encoding of levels.
pub(crate) const RLE: i32 = 3;

/// A page as it goes into the file.
pub(crate) struct Encoded {
    /// Header and compressed body.
    pub(crate) bytes: Vec<u8>,
    /// Bytes of the header and of the body before compression.
    pub(crate) uncompressed: usize,
}

/// What a thread needs to encode pages, of whatever column.
pub(crate) struct Scratch {
    codec: Codec,
    body: Vec<u8>,
    compressed: Vec<u8>,
}

impl Scratch {
    pub(crate) fn new(codec: Codec) -> Self {
        Self { codec, body: Vec::new(), compressed: Vec::new() }
    }

    /// Encodes the page of a dictionary of so many values; `write` appends its body.
    pub(crate) fn dictionary(
        &mut self,
        len: usize,
        content: Content,
        write: impl FnOnce(&mut Vec<u8>),
    ) -> Result<Encoded, Error> {
        self.body.clear();
        write(&mut self.body);
        let compressed = self.codec.compress(&self.body, content, &mut self.compressed)?;
        assemble(PageType::Dictionary, compressed, self.body.len(), |s| {
            s.nested(7, |s| {
                s.i32(1, i32::try_from(len).unwrap_or(i32::MAX));
                s.i32(2, Encoding::Plain.code());
            });
        })
    }

    /// Begins a data page of so many rows. `stored` is how many pages of the column will not be compressed.
    pub(crate) fn page<'a>(
        &'a mut self,
        rows: usize,
        levels: &'a [u8],
        content: Content,
        stored: &'a mut u8,
    ) -> Page<'a> {
        self.body.clear();
        Page { scratch: self, rows, levels, content, stored, encoded: None }
    }
}

/// A data page in the making.
pub(crate) struct Page<'a> {
    scratch: &'a mut Scratch,
    rows: usize,
    levels: &'a [u8],
    content: Content,
    stored: &'a mut u8,
    encoded: Option<(Encoding, Encoded)>,
}

impl Page<'_> {
    pub(crate) fn codec(&mut self) -> (&mut Codec, Content) {
        (&mut self.scratch.codec, self.content)
    }

    /// Where the values are to be appended, behind the levels.
    pub(crate) fn body(&mut self) -> &mut Vec<u8> {
        self.scratch.body.clear();
        self.scratch.body.extend_from_slice(self.levels);
        &mut self.scratch.body
    }

    /// Writes what is in [`Self::body`].
    pub(crate) fn write_body(&mut self, encoding: Encoding) -> Result<(), Error> {
        let body = std::mem::take(&mut self.scratch.body);
        let written = self.compress(encoding, &body);
        self.scratch.body = body;
        written
    }

    /// Writes `values`, which begin with [`HEADROOM`].
    pub(crate) fn write(&mut self, encoding: Encoding, values: &mut [u8]) -> Result<(), Error> {
        if let Some(begin) = HEADROOM.checked_sub(self.levels.len()) {
            values[begin..HEADROOM].copy_from_slice(self.levels);
            return self.compress(encoding, &values[begin..]);
        }
        self.body().extend_from_slice(&values[HEADROOM..]);
        self.write_body(encoding)
    }

    fn compress(&mut self, encoding: Encoding, body: &[u8]) -> Result<(), Error> {
        let Scratch { codec, compressed, .. } = &mut *self.scratch;
        let content = if encoding == Encoding::Plain { self.content } else { Content::Other };
        let compressed = if *self.stored > 0 {
            *self.stored -= 1;
            codec.store(body, content, compressed)?
        } else {
            let compressed = codec.compress(body, content, compressed)?;
            if compressed.len() > body.len() / 16 * 15 {
                *self.stored = STORED;
            }
            compressed
        };
        let rows = i32::try_from(self.rows).unwrap_or(i32::MAX);
        let encoded = assemble(PageType::Data, compressed, body.len(), |s| {
            s.nested(5, |s| {
                s.i32(1, rows);
                s.i32(2, encoding.code());
                s.i32(3, RLE);
                s.i32(4, RLE);
            });
        })?;
        self.encoded = Some((encoding, encoded));
        Ok(())
    }

    /// The page that was written.
    pub(crate) fn finish(self) -> Option<(Encoding, Encoded)> {
        self.encoded
    }
}

/// Header and body; `write` adds what depends on the type of the page.
fn assemble(
    kind: PageType,
    body: &[u8],
    uncompressed: usize,
    write: impl FnOnce(&mut thrift::Struct<'_>),
) -> Result<Encoded, Error> {
    let size = |bytes: usize| i32::try_from(bytes).map_err(|_| Error::Page(bytes));
    let (uncompressed_size, compressed_size) = (size(uncompressed)?, size(body.len())?);
    let mut bytes = Vec::with_capacity(48 + body.len());
    thrift::structure(&mut bytes, |s| {
        s.i32(1, kind as i32);
        s.i32(2, uncompressed_size);
        s.i32(3, compressed_size);
        write(s);
    });
    let header = bytes.len();
    bytes.extend_from_slice(body);
    Ok(Encoded { bytes, uncompressed: header + uncompressed })
}
