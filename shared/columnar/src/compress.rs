//! Compression of pages.

use crate::{Compression, Error, thrift::varint};

/// The codec of a file, one for each thread.
pub(crate) enum Codec {
    None,
    Snappy(Box<snap::raw::Encoder>),
    Zstd(Box<zstd::bulk::Compressor<'static>>),
}

impl Codec {
    pub(crate) fn new(compression: Compression) -> Result<Self, Error> {
        Ok(match compression {
            Compression::None => Self::None,
            Compression::Snappy => Self::Snappy(Box::new(snap::raw::Encoder::new())),
            Compression::Zstd(level) => {
                if !(1..=22).contains(&level) {
                    return Err(Error::Level(level));
                }
                Self::Zstd(Box::new(zstd::bulk::Compressor::new(level).map_err(Error::Compress)?))
            }
        })
    }

    /// Compresses `page` into `out`, whose content is of no use before or after; returns the result.
    pub(crate) fn compress<'a>(&mut self, page: &'a [u8], out: &'a mut Vec<u8>) -> Result<&'a [u8], Error> {
        // Never shortened, so that it need not be cleared for every page.
        let mut room = |len: usize| {
            if out.len() < len {
                out.resize(len, 0);
            }
        };
        let len = match self {
            Self::None => return Ok(page),
            Self::Snappy(encoder) => {
                room(snap::raw::max_compress_len(page.len()));
                encoder.compress(page, out).map_err(|e| Error::Compress(e.into()))?
            }
            Self::Zstd(compressor) => {
                room(zstd::zstd_safe::compress_bound(page.len()));
                compressor.compress_to_buffer(page, out.as_mut_slice()).map_err(Error::Compress)?
            }
        };
        Ok(&out[..len])
    }

    /// Gives `page` the form of the codec, without looking for anything to save.
    pub(crate) fn store<'a>(&mut self, page: &'a [u8], out: &'a mut Vec<u8>) -> Result<&'a [u8], Error> {
        if !matches!(self, Self::Snappy(_)) {
            return self.compress(page, out);
        }
        out.clear();
        varint(out, page.len() as u64);
        // What the reference encoder makes of a block in which nothing repeats.
        for block in page.chunks(1 << 16) {
            literal(block, out);
        }
        Ok(out)
    }
}

/// A Snappy literal of 1 to 65,536 bytes:
/// <https://github.com/google/snappy/blob/main/format_description.txt>.
#[allow(clippy::cast_possible_truncation)]
fn literal(block: &[u8], out: &mut Vec<u8>) {
    let len = block.len() - 1;
    match len {
        ..60 => out.push((len as u8) << 2),
        60..256 => out.extend_from_slice(&[60 << 2, len as u8]),
        _ => {
            out.push(61 << 2);
            out.extend_from_slice(&(len as u16).to_le_bytes());
        }
    }
    out.extend_from_slice(block);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stored_pages_are_valid_snappy() {
        let bytes: Vec<u8> = (0..200_000u32).map(|i| i.to_le_bytes()[0]).collect();
        for len in [0, 1, 59, 60, 61, 255, 256, 257, 65_535, 65_536, 65_537, 200_000] {
            let mut out = Vec::new();
            let stored = Codec::new(Compression::Snappy).unwrap().store(&bytes[..len], &mut out).unwrap().to_vec();
            assert_eq!(snap::raw::Decoder::new().decompress_vec(&stored).unwrap(), bytes[..len]);
        }
    }

    #[test]
    fn a_level_that_is_none_is_refused() {
        assert!(matches!(Codec::new(Compression::Zstd(0)), Err(Error::Level(0))));
        assert!(matches!(Codec::new(Compression::Zstd(23)), Err(Error::Level(23))));
    }
}
