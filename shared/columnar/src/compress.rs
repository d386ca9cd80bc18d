//! Compression of pages.

use crate::{
    Compression, Error, snappy,
    snappy_words::{self, By},
};

/// The codec of a file, one for each thread.
pub(crate) enum Codec {
    None,
    Snappy(Box<Snappy>),
    Zstd(Box<zstd::bulk::Compressor<'static>>),
}

/// What a page holds, as far as it matters to its compression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    /// Values of any length.
    Bytes,
    /// Numbers of eight bytes, perhaps after other things.
    Words,
    Other,
}

/// Encoders of one format.
pub(crate) struct Snappy {
    reference: snap::raw::Encoder,
    /// For long pages of values of any length; there is none before the first of them.
    bytes: Option<snappy::Encoder>,
    /// The same for long pages of numbers of eight bytes.
    words: Option<snappy_words::Encoder>,
}

impl Codec {
    pub(crate) fn new(compression: Compression) -> Result<Self, Error> {
        Ok(match compression {
            Compression::None => Self::None,
            Compression::Snappy => {
                Self::Snappy(Box::new(Snappy { reference: snap::raw::Encoder::new(), bytes: None, words: None }))
            }
            Compression::Zstd(level) => {
                if !(1..=22).contains(&level) {
                    return Err(Error::Level(level));
                }
                Self::Zstd(Box::new(zstd::bulk::Compressor::new(level).map_err(Error::Compress)?))
            }
        })
    }

    /// Compresses `page` into `out`, whose content is of no use before or after; returns the result.
    pub(crate) fn compress<'a>(
        &mut self,
        page: &'a [u8],
        content: Content,
        out: &'a mut Vec<u8>,
    ) -> Result<&'a [u8], Error> {
        let len = match self {
            Self::None => return Ok(page),
            Self::Snappy(snappy) if content == Content::Bytes && page.len() >= snappy::LONG => {
                room(out, snappy::Encoder::room(page.len()));
                snappy.bytes.get_or_insert_default().compress(page, out)
            }
            Self::Snappy(snappy) => {
                let by = if content == Content::Words { By::of(page) } else { None };
                if let Some(by) = by {
                    room(out, snappy_words::Encoder::room(page.len()));
                    snappy.words.get_or_insert_default().compress(page, by, out)
                } else {
                    room(out, snap::raw::max_compress_len(page.len()));
                    snappy.reference.compress(page, out).map_err(|e| Error::Compress(e.into()))?
                }
            }
            Self::Zstd(compressor) => {
                room(out, zstd::zstd_safe::compress_bound(page.len()));
                compressor.compress_to_buffer(page, out.as_mut_slice()).map_err(Error::Compress)?
            }
        };
        Ok(&out[..len])
    }

    /// Gives `page` the form of the codec, without looking for anything to save.
    pub(crate) fn store<'a>(
        &mut self,
        page: &'a [u8],
        content: Content,
        out: &'a mut Vec<u8>,
    ) -> Result<&'a [u8], Error> {
        if !matches!(self, Self::Snappy(_)) {
            return self.compress(page, content, out);
        }
        room(out, snappy::Encoder::room(page.len()));
        let header = snappy::header(page.len(), out);
        let len = header + snappy::literal(page, &mut out[header..]);
        Ok(&out[..len])
    }
}

/// Makes room for so many bytes. It is never made smaller, so that it need not be cleared for every page.
fn room(out: &mut Vec<u8>, len: usize) {
    if out.len() < len {
        out.resize(len, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stored_pages_are_valid_snappy() {
        let bytes: Vec<u8> = (0..200_000u32).map(|i| i.to_le_bytes()[0]).collect();
        for len in [0, 1, 59, 60, 61, 255, 256, 257, 65_535, 65_536, 65_537, 200_000] {
            let mut out = Vec::new();
            let stored = Codec::new(Compression::Snappy)
                .unwrap()
                .store(&bytes[..len], Content::Other, &mut out)
                .unwrap()
                .to_vec();
            assert_eq!(snap::raw::Decoder::new().decompress_vec(&stored).unwrap(), bytes[..len]);
        }
    }

    #[test]
    fn a_level_that_is_none_is_refused() {
        assert!(matches!(Codec::new(Compression::Zstd(0)), Err(Error::Level(0))));
        assert!(matches!(Codec::new(Compression::Zstd(23)), Err(Error::Level(23))));
    }
}
