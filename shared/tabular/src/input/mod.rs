//! Bytes to UTF-8 text: recognises what a file is, decompresses it, and translates its character set.

use std::{
    io::{self, Read},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use serde::Serialize;

mod charset;
mod compression;
mod error;
mod format;
mod head;
mod json;
mod zip;

pub(crate) use charset::Charset;
pub use compression::Compression;
pub use error::{InputError, ZipEntries};
pub use format::{FileFormat, HEAD_LENGTH};
pub(crate) use head::head;

/// Text that is looked at to find out its character set, bytes.
const SAMPLE: usize = 1 << 20;

/// What is known of a file beforehand, and how far it may expand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputOptions {
    /// Name of the character set, as in the WHATWG Encoding Standard, or `utf-32`; `None` to find out.
    pub charset: Option<String>,
    /// Longest text that is read from a compressed file, bytes.
    pub max_bytes: u64,
    /// How many times its length a compressed file may expand; counts from 16 MiB of text on.
    pub max_ratio: u64,
}

impl Default for InputOptions {
    /// 1 TiB; 2,000 times, twice of what gzip can reach.
    fn default() -> Self {
        Self { charset: None, max_bytes: 1 << 40, max_ratio: 2000 }
    }
}

/// What was found out about a file.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct InputFacts {
    /// How it is compressed, if it is.
    pub compression: Option<Compression>,
    /// Its character set, by the name in the WHATWG Encoding Standard.
    pub charset: &'static str,
    /// How sure that is, from 0 to 1.
    pub charset_certainty: f64,
    /// Whether it begins with a byte order mark.
    pub byte_order_mark: bool,
    /// Bytes consumed of the file, before it was decompressed.
    pub bytes: u64,
    /// Byte sequences that are wrong in the character set. Zero in UTF-8, where each row is checked by itself.
    pub wrong_sequences: u64,
    /// Where the first one is, in bytes from the beginning of the decompressed file.
    pub first_wrong: Option<u64>,
}

#[derive(Debug)]
struct Counters {
    bytes: Arc<AtomicU64>,
    wrong_sequences: AtomicU64,
    first_wrong: AtomicU64,
}

impl Counters {
    fn new(bytes: Arc<AtomicU64>) -> Self {
        Self { bytes, wrong_sequences: AtomicU64::new(0), first_wrong: AtomicU64::new(u64::MAX) }
    }
}

/// What is being found out about a file while it is read.
#[derive(Clone, Debug)]
pub(crate) struct Probe {
    compression: Option<Compression>,
    charset: &'static str,
    charset_certainty: f64,
    byte_order_mark: bool,
    counters: Arc<Counters>,
}

impl Probe {
    /// What is known by now; final when the text has been read to its end.
    pub(crate) fn facts(&self) -> InputFacts {
        let first = self.counters.first_wrong.load(Ordering::Relaxed);
        InputFacts {
            compression: self.compression,
            charset: self.charset,
            charset_certainty: self.charset_certainty,
            byte_order_mark: self.byte_order_mark,
            bytes: self.counters.bytes.load(Ordering::Relaxed),
            wrong_sequences: self.counters.wrong_sequences.load(Ordering::Relaxed),
            first_wrong: (first != u64::MAX).then_some(first),
        }
    }
}

/// The text of a file, in UTF-8 without byte order mark. Its errors are [`InputError`]s.
pub(crate) struct Input {
    text: Box<dyn Read + Send>,
    probe: Probe,
}

impl Input {
    /// Tells the facts, also while and after the text is read elsewhere.
    pub(crate) fn probe(&self) -> Probe {
        self.probe.clone()
    }
}

impl Read for Input {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        self.text.read(out)
    }
}

/// The character set of this name, as facts have it.
pub(crate) fn charset_by_name(name: &str) -> Result<Charset, InputError> {
    Ok(charset::by_name(name, b"")?.charset)
}

/// Opens a file as text.
///
/// # Errors
/// What [`InputError`] says of a beginning: the rest is said while it is read.
pub(crate) fn open(mut reader: Box<dyn Read + Send>, options: &InputOptions) -> Result<Input, InputError> {
    let (head, _) = fill(&mut reader, Vec::new(), format::HEAD_LENGTH)?;
    let compression = match FileFormat::detect(&head) {
        FileFormat::Text => None,
        FileFormat::Compressed(compression) => Some(compression),
        other => return Err(InputError::Format(other)),
    };
    let bytes = Arc::new(AtomicU64::new(0));
    let (mut text, head) = match compression {
        None => (Box::new(Plain { reader, bytes: Arc::clone(&bytes) }) as Box<dyn Read + Send>, head),
        Some(compression) => {
            let limits = compression::Limits { ratio: options.max_ratio, bytes: options.max_bytes };
            let source = Box::new(Begun { head, at: 0, rest: reader });
            (compression::decompress(compression, source, Arc::clone(&bytes), limits)?, Vec::new())
        }
    };
    if compression.is_none() {
        bytes.store(head.len() as u64, Ordering::Relaxed);
    }
    let (head, whole) = fill(&mut text, head, SAMPLE)?;
    if compression.is_some() {
        match FileFormat::detect(&head) {
            FileFormat::Text => {}
            other => return Err(InputError::Format(other)),
        }
    }
    let found = match &options.charset {
        Some(name) => charset::by_name(name, &head)?,
        None => charset::detect(&head, whole),
    };
    let counters = Arc::new(Counters::new(bytes));
    let text = Box::new(Begun { head, at: found.mark, rest: text });
    let mut text = charset::decode(found.charset, text, found.mark, Arc::clone(&counters));
    if found.charset != charset::Charset::Utf8 {
        let (head, _) = fill(&mut text, Vec::new(), format::HEAD_LENGTH)?;
        match FileFormat::of_text(&head) {
            FileFormat::Text => {}
            other => return Err(InputError::Format(other)),
        }
        text = Box::new(Begun { head, at: 0, rest: text });
    }
    let probe = Probe {
        compression,
        charset: found.charset.name(),
        charset_certainty: found.certainty,
        byte_order_mark: found.mark > 0,
        counters,
    };
    Ok(Input { text, probe })
}

/// The text of a file from beginning to end, and what was found out about it: for tests.
///
/// # Errors
/// Whatever is wrong with the file, be it at its end.
#[doc(hidden)]
pub fn text(reader: Box<dyn Read + Send>, options: &InputOptions) -> Result<(Vec<u8>, InputFacts), InputError> {
    let mut input = open(reader, options)?;
    let probe = input.probe();
    let mut text = Vec::new();
    input.read_to_end(&mut text)?;
    Ok((text, probe.facts()))
}

/// Reads on until there are `length` bytes, or no more; says whether it was the latter.
fn fill(reader: &mut dyn Read, mut head: Vec<u8>, length: usize) -> Result<(Vec<u8>, bool), InputError> {
    let missing = length.saturating_sub(head.len()) as u64;
    reader.take(missing).read_to_end(&mut head)?;
    let whole = head.len() < length;
    Ok((head, whole))
}

/// A reader of which the head was read already.
struct Begun {
    head: Vec<u8>,
    at: usize,
    rest: Box<dyn Read + Send>,
}

impl Read for Begun {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let mut head = self.head.get(self.at..).unwrap_or_default();
        if head.is_empty() {
            return self.rest.read(out);
        }
        let n = head.read(out)?;
        self.at += n;
        if self.at == self.head.len() {
            // It may be a mebibyte, and the rest is long.
            self.head = Vec::new();
        }
        Ok(n)
    }
}

/// A file that is not compressed.
struct Plain {
    reader: Box<dyn Read + Send>,
    bytes: Arc<AtomicU64>,
}

impl Read for Plain {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let n = self.reader.read(out)?;
        self.bytes.fetch_add(n as u64, Ordering::Relaxed);
        Ok(n)
    }
}

#[cfg(test)]
mod tests;
