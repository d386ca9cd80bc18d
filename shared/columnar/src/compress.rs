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

    /// Appends the compressed `page` to `out`.
    pub(crate) fn compress(&mut self, page: &[u8], out: &mut Vec<u8>) -> Result<(), Error> {
        let begin = out.len();
        match self {
            Self::None => out.extend_from_slice(page),
            Self::Snappy(encoder) => {
                out.resize(begin + snap::raw::max_compress_len(page.len()), 0);
                let len = encoder.compress(page, &mut out[begin..]).map_err(|e| Error::Compress(e.into()))?;
                out.truncate(begin + len);
            }
            Self::Zstd(compressor) => {
                out.resize(begin + zstd::zstd_safe::compress_bound(page.len()), 0);
                let len = compressor.compress_to_buffer(page, &mut out[begin..]).map_err(Error::Compress)?;
                out.truncate(begin + len);
            }
        }
        Ok(())
    }

    /// Appends `page` to `out` in the form of the codec, without looking for anything to save.
    pub(crate) fn store(&mut self, page: &[u8], out: &mut Vec<u8>) -> Result<(), Error> {
        match self {
            Self::Snappy(_) => {
                varint(out, page.len() as u64);
                // What the reference encoder makes of a block in which nothing repeats.
                for block in page.chunks(1 << 16) {
                    literal(block, out);
                }
                Ok(())
            }
            other => other.compress(page, out),
        }
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
            Codec::new(Compression::Snappy).unwrap().store(&bytes[..len], &mut out).unwrap();
            assert_eq!(snap::raw::Decoder::new().decompress_vec(&out).unwrap(), bytes[..len]);
        }
    }

    #[test]
    fn a_level_that_is_none_is_refused() {
        assert!(matches!(Codec::new(Compression::Zstd(0)), Err(Error::Level(0))));
        assert!(matches!(Codec::new(Compression::Zstd(23)), Err(Error::Level(23))));
    }
}
