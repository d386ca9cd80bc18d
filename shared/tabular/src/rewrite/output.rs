//! Text to a file as its original is: in the same character set, compressed in the same way.

use std::io::{self, Write};

use encoding_rs::EncoderResult;
use flate2::{Crc, write::DeflateEncoder, write::GzEncoder};

use crate::{
    Compression, InputFacts,
    input::{Charset, CodePage, charset_by_name},
};

/// Text that is translated at once, bytes.
const PIECE: usize = 64 << 10;
/// The effort of compression: what the tools that write such files do without being asked.
const LEVEL: u32 = 6;
/// A ZIP archive without the 64-bit extension holds no more.
const ZIP_LIMIT: u64 = u32::MAX as u64;

/// Writes text in UTF-8 as the facts say that a file is written.
pub(super) struct Output<W: Write> {
    charset: Encoder,
    /// What `charset` has made of a piece.
    piece: Vec<u8>,
    to: Packer<W>,
}

enum Encoder {
    Utf8,
    Utf16 { big_endian: bool },
    Utf32 { big_endian: bool },
    Legacy(encoding_rs::Encoder),
    Dos(&'static CodePage),
}

enum Packer<W: Write> {
    None(W),
    Gzip(GzEncoder<W>),
    Zstd(zstd::Encoder<'static, W>),
    Bzip2(bzip2::write::BzEncoder<W>),
    Xz(lzma_rust2::XzWriter<W>),
    Zip(Zip<W>),
}

/// A character that the file's character set does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a value that replaces another has a character that {0} does not have; choose one in ASCII")]
pub(super) struct Unmappable(&'static str);

impl<W: Write> Output<W> {
    /// `name` is what a file in an archive is called.
    pub(super) fn new(to: W, facts: &InputFacts, name: &str) -> io::Result<Self> {
        let to = match facts.compression {
            None => Packer::None(to),
            Some(Compression::Gzip) => Packer::Gzip(GzEncoder::new(to, flate2::Compression::new(LEVEL))),
            Some(Compression::Zstd) => Packer::Zstd(zstd::Encoder::new(to, 0)?),
            Some(Compression::Bzip2) => Packer::Bzip2(bzip2::write::BzEncoder::new(to, bzip2::Compression::new(9))),
            Some(Compression::Xz) => {
                Packer::Xz(lzma_rust2::XzWriter::new(to, lzma_rust2::XzOptions::with_preset(LEVEL)).map_err(other)?)
            }
            Some(Compression::Zip) => Packer::Zip(Zip::new(to, name)?),
        };
        let charset = charset_by_name(facts.charset).map_err(other)?;
        let mut output = Self { charset: Encoder::new(charset), piece: Vec::new(), to };
        if facts.byte_order_mark {
            output.write("\u{FEFF}")?;
        }
        Ok(output)
    }

    pub(super) fn write(&mut self, text: &str) -> io::Result<()> {
        if matches!(self.charset, Encoder::Utf8) {
            return self.to.write_all(text.as_bytes());
        }
        let mut rest = text;
        while !rest.is_empty() {
            let (now, later) = rest.split_at(rest.floor_char_boundary(PIECE));
            self.charset.encode(now, false, &mut self.piece)?;
            self.to.write_all(&self.piece)?;
            rest = later;
        }
        Ok(())
    }

    /// Ends the file.
    pub(super) fn finish(mut self) -> io::Result<W> {
        // Some character sets end in a state of their own.
        self.charset.encode("", true, &mut self.piece)?;
        self.to.write_all(&self.piece)?;
        match self.to {
            Packer::None(to) => Ok(to),
            Packer::Gzip(to) => to.finish(),
            Packer::Zstd(to) => to.finish(),
            Packer::Bzip2(to) => to.finish(),
            Packer::Xz(to) => to.finish().map_err(other),
            Packer::Zip(to) => to.finish(),
        }
    }
}

fn other(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::other(error)
}

impl Encoder {
    fn new(charset: Charset) -> Self {
        match charset {
            Charset::Utf8 => Self::Utf8,
            Charset::Utf16 { big_endian } => Self::Utf16 { big_endian },
            Charset::Utf32 { big_endian } => Self::Utf32 { big_endian },
            Charset::Legacy(encoding) => Self::Legacy(encoding.new_encoder()),
            Charset::Dos(page) => Self::Dos(page),
        }
    }

    fn encode(&mut self, text: &str, last: bool, out: &mut Vec<u8>) -> io::Result<()> {
        out.clear();
        match self {
            Self::Utf8 => out.extend_from_slice(text.as_bytes()),
            Self::Utf16 { big_endian } => {
                let big = *big_endian;
                out.extend(
                    text.encode_utf16().flat_map(|unit| if big { unit.to_be_bytes() } else { unit.to_le_bytes() }),
                );
            }
            Self::Utf32 { big_endian } => {
                let big = *big_endian;
                let bytes = |c: char| if big { u32::from(c).to_be_bytes() } else { u32::from(c).to_le_bytes() };
                out.extend(text.chars().flat_map(bytes));
            }
            Self::Dos(page) => {
                for c in text.chars() {
                    out.push(page.encode(c).ok_or_else(|| other(Unmappable(page.name)))?);
                }
            }
            Self::Legacy(encoder) => {
                let mut rest = text;
                loop {
                    let room = encoder.max_buffer_length_from_utf8_without_replacement(rest.len()).unwrap_or(PIECE);
                    out.reserve(room);
                    let (result, read) = encoder.encode_from_utf8_to_vec_without_replacement(rest, out, last);
                    match result {
                        EncoderResult::InputEmpty => break,
                        EncoderResult::OutputFull => rest = &rest[read..],
                        EncoderResult::Unmappable(_) => return Err(other(Unmappable(encoder.encoding().name()))),
                    }
                }
            }
        }
        Ok(())
    }
}

impl<W: Write> Write for Packer<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::None(to) => to.write(bytes),
            Self::Gzip(to) => to.write(bytes),
            Self::Zstd(to) => to.write(bytes),
            Self::Bzip2(to) => to.write(bytes),
            Self::Xz(to) => to.write(bytes),
            Self::Zip(to) => to.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// An archive with one file, written from front to back (APPNOTE.TXT 6.3.10, sections 4.3.7 to 4.3.16). It bears no
/// time, so that the same text is the same archive.
struct Zip<W: Write> {
    name: Vec<u8>,
    crc: Crc,
    data: DeflateEncoder<W>,
}

impl<W: Write> Zip<W> {
    const VERSION: u16 = 20;
    /// The sizes come after the data; the name is in UTF-8.
    const FLAGS: u16 = 1 << 3 | 1 << 11;
    const DEFLATED: u16 = 8;
    /// 1980-01-01, the first day there is.
    const DATE: u16 = 1 << 5 | 1;

    fn new(mut to: W, name: &str) -> io::Result<Self> {
        let mut name = name.as_bytes().to_vec();
        name.truncate(usize::from(u16::MAX));
        let mut header = Vec::new();
        put(&mut header, &[0x4B50, 0x0403, Self::VERSION, Self::FLAGS, Self::DEFLATED, 0, Self::DATE]);
        header.extend([0; 12]);
        put(&mut header, &[short(name.len()), 0]);
        header.extend_from_slice(&name);
        to.write_all(&header)?;
        Ok(Self { name, crc: Crc::new(), data: DeflateEncoder::new(to, flate2::Compression::new(LEVEL)) })
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.data.write(bytes)?;
        self.crc.update(&bytes[..written]);
        Ok(written)
    }

    fn finish(mut self) -> io::Result<W> {
        self.data.try_finish()?;
        let (packed, size) = (self.data.total_out(), self.data.total_in());
        if packed > ZIP_LIMIT || size > ZIP_LIMIT {
            return Err(other("the text is too large for a ZIP archive; compress it with gzip or zstd"));
        }
        let mut to = self.data.finish()?;
        let facts = [self.crc.sum().to_le_bytes(), long(packed), long(size)].concat();
        let mut tail = Vec::new();
        put(&mut tail, &[0x4B50, 0x0807]);
        tail.extend_from_slice(&facts);
        let directory = 30 + self.name.len() as u64 + packed + tail.len() as u64;
        if directory > ZIP_LIMIT {
            return Err(other("the text is too large for a ZIP archive; compress it with gzip or zstd"));
        }
        let before = tail.len();
        let fields = [0x4B50, 0x0201, Self::VERSION, Self::VERSION, Self::FLAGS, Self::DEFLATED, 0, Self::DATE];
        put(&mut tail, &fields);
        tail.extend_from_slice(&facts);
        put(&mut tail, &[short(self.name.len()), 0, 0, 0, 0]);
        // Attributes, and where the file begins.
        tail.extend([0; 8]);
        tail.extend_from_slice(&self.name);
        let length = (tail.len() - before) as u64;
        put(&mut tail, &[0x4B50, 0x0605, 0, 0, 1, 1]);
        tail.extend(long(length));
        tail.extend(long(directory));
        put(&mut tail, &[0]);
        to.write_all(&tail)?;
        Ok(to)
    }
}

fn put(out: &mut Vec<u8>, fields: &[u16]) {
    out.extend(fields.iter().flat_map(|field| field.to_le_bytes()));
}

/// A length that was checked.
fn short(length: usize) -> u16 {
    u16::try_from(length).unwrap_or(u16::MAX)
}

/// A length that was checked.
fn long(length: u64) -> [u8; 4] {
    u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes()
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;
    use crate::input::{self, InputOptions};

    fn facts(compression: Option<Compression>, charset: &'static str, byte_order_mark: bool) -> InputFacts {
        InputFacts {
            compression,
            charset,
            charset_certainty: 1.0,
            charset_alternative: None,
            byte_order_mark,
            bytes: 0,
            wrong_sequences: 0,
            first_wrong: None,
        }
    }

    #[test]
    fn what_is_written_is_read_again() {
        let text = "id,name\n1,Ann Müller\n2,Žofia\n".repeat(3000);
        let compressions = [
            None,
            Some(Compression::Gzip),
            Some(Compression::Zstd),
            Some(Compression::Bzip2),
            Some(Compression::Xz),
            Some(Compression::Zip),
        ];
        for compression in compressions {
            for (charset, mark) in [
                ("UTF-8", false),
                ("UTF-8", true),
                ("UTF-16LE", true),
                ("UTF-16BE", false),
                ("UTF-32LE", true),
                ("windows-1250", false),
                ("IBM852", false),
            ] {
                let facts = facts(compression, charset, mark);
                let write = || {
                    let mut output = Output::new(Vec::new(), &facts, "a.csv").unwrap();
                    output.write(&text).unwrap();
                    output.finish().unwrap()
                };
                let file = write();
                assert_eq!(file, write(), "{compression:?} {charset}");
                let options = InputOptions { charset: Some(charset.to_owned()), ..InputOptions::default() };
                let mut input = input::open(Box::new(io::Cursor::new(file)), &options).unwrap();
                let mut read = String::new();
                input.read_to_string(&mut read).unwrap();
                assert_eq!(read.len(), text.len(), "{compression:?} {charset}");
                assert!(read == text);
                let found = input.probe().facts();
                assert_eq!((found.compression, found.charset, found.byte_order_mark), (compression, charset, mark));
            }
        }
    }

    #[test]
    fn a_character_that_the_file_cannot_hold_is_an_error() {
        let mut output = Output::new(Vec::new(), &facts(None, "windows-1252", false), "").unwrap();
        let error = output.write("a█b").unwrap_err();
        assert!(error.to_string().contains("windows-1252") && !error.to_string().contains('█'), "{error}");
    }
}
