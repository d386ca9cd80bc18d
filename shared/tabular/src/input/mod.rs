//! Bytes to UTF-8 text: recognises what a file is, decompresses it, and translates its character set.

use std::{
    io::{self, Read},
    sync::{
        Arc, Mutex, PoisonError,
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
mod prose;
mod zip;

use charset::Evidence;
pub(crate) use charset::{Charset, CodePage, Detected};
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
    /// Whether text is read that does not look like a table: see [`FileFormat::is_written`]. For where a person says how
    /// it is delimited.
    pub any_text: bool,
}

impl Default for InputOptions {
    /// 1 TiB; 2,000 times, twice of what gzip can reach.
    fn default() -> Self {
        Self { charset: None, max_bytes: 1 << 40, max_ratio: 2000, any_text: false }
    }
}

/// What was found out about a file.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct InputFacts {
    /// How it is compressed, if it is.
    pub compression: Option<Compression>,
    /// Its character set, by the name in the WHATWG Encoding Standard; code pages of DOS by that of IANA.
    pub charset: &'static str,
    /// How sure that is, from 0 to 1.
    pub charset_certainty: f64,
    /// The character set that explains the file second best, if it reads it otherwise and is not out of the question.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub charset_alternative: Option<&'static str>,
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
    found: Detected,
    counters: Arc<Counters>,
    guess: Guess,
}

/// Whether the rest of a file may say something else of its character set than the beginning did.
#[derive(Clone, Debug)]
enum Guess {
    /// It is given, or was found out from the whole file, or says itself what it is.
    Settled,
    /// What the beginning said is UTF-8: what contradicts costs its rows, and shows by that.
    Utf8,
    /// Another one, in which all bytes mean something. Says what all of the text does.
    Legacy(Arc<Mutex<Evidence>>),
}

impl Probe {
    /// Takes what all of the file says; `false` where that is another character set than it was read in.
    pub(crate) fn settle(&mut self, found: Detected) -> bool {
        let same = found.charset == self.found.charset;
        if same {
            self.found = Detected { mark: self.found.mark, ..found };
            self.guess = Guess::Settled;
        }
        same
    }

    /// What is known by now; final when the text has been read to its end.
    pub(crate) fn facts(&self) -> InputFacts {
        let first = self.counters.first_wrong.load(Ordering::Relaxed);
        InputFacts {
            compression: self.compression,
            charset: self.found.charset.name(),
            charset_certainty: self.found.certainty,
            charset_alternative: self.found.alternative,
            byte_order_mark: self.found.mark > 0,
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
pub(crate) fn open(reader: Box<dyn Read + Send>, options: &InputOptions) -> Result<Input, InputError> {
    open_as(reader, options, None)
}

/// Opens a file whose character set is `known`, from the whole of it; otherwise as [`open`].
pub(crate) fn open_as(
    reader: Box<dyn Read + Send>,
    options: &InputOptions,
    known: Option<Detected>,
) -> Result<Input, InputError> {
    let Unpacked { compression, mut text, head, whole, bytes } = unpack(reader, options)?;
    let mut guess = Guess::Settled;
    let found = match (&options.charset, known) {
        (Some(name), _) => charset::by_name(name, &head)?,
        (None, Some(known)) => known,
        (None, None) => {
            let found = charset::detect(&head, whole);
            if !whole {
                guess = match found.charset {
                    Charset::Utf8 if found.mark == 0 => Guess::Utf8,
                    Charset::Legacy(_) | Charset::Dos(_) => Guess::Legacy(Arc::new(Mutex::new(Evidence::new()))),
                    _ => Guess::Settled,
                };
            }
            found
        }
    };
    let counters = Arc::new(Counters::new(bytes));
    if found.charset == Charset::Utf8 {
        refuse_written(head.get(found.mark..).unwrap_or_default(), whole, options)?;
    }
    text = Box::new(Begun { head, at: found.mark, rest: text });
    if let Guess::Legacy(evidence) = &guess {
        text = Box::new(Witness { reader: text, evidence: Arc::clone(evidence) });
    }
    let mut text = charset::decode(found.charset, text, found.mark, Arc::clone(&counters));
    if found.charset != Charset::Utf8 {
        let (head, whole) = fill(&mut text, Vec::new(), prose::LENGTH)?;
        match FileFormat::of_text(&head[..head.len().min(format::HEAD_LENGTH)]) {
            FileFormat::Text => {}
            other => return Err(InputError::Format(other)),
        }
        refuse_written(&head, whole, options)?;
        text = Box::new(Begun { head, at: 0, rest: text });
    }
    Ok(Input { text, probe: Probe { compression, found, counters, guess } })
}

/// The character set of a file by all of it, where its beginning was taken for a set that the rest can contradict.
///
/// `probe` is of a reading to the end, in which `unreadable` says whether rows were no UTF-8. Only where there were is the
/// file read once more for this: what is plain or in UTF-8 costs nothing.
pub(crate) fn reconsider(
    probe: &Probe,
    unreadable: bool,
    reopen: &mut dyn FnMut() -> io::Result<Box<dyn Read + Send>>,
    options: &InputOptions,
) -> Result<Option<Detected>, InputError> {
    match &probe.guess {
        Guess::Settled => Ok(None),
        Guess::Utf8 if !unreadable => Ok(None),
        Guess::Utf8 => Ok(Some(survey(reopen()?, options)?)),
        Guess::Legacy(evidence) => {
            let evidence = evidence.lock().unwrap_or_else(PoisonError::into_inner);
            if evidence.is_whole() { Ok(Some(evidence.settle())) } else { Ok(Some(survey(reopen()?, options)?)) }
        }
    }
}

/// The character set of a file, which is read to its end where its beginning does not settle that. For what cannot begin
/// again when it shows on the way.
pub(crate) fn charset_of_all(
    mut open: impl FnMut() -> io::Result<Box<dyn Read + Send>>,
    options: &InputOptions,
) -> Result<Option<Detected>, InputError> {
    let input = open_as(open()?, options, None)?;
    if matches!(input.probe.guess, Guess::Settled) {
        return Ok(None);
    }
    drop(input);
    survey(open()?, options).map(Some)
}

fn survey(reader: Box<dyn Read + Send>, options: &InputOptions) -> Result<Detected, InputError> {
    let Unpacked { mut text, head, .. } = unpack(reader, options)?;
    let mut evidence = Evidence::new();
    evidence.add(&head);
    let mut piece = vec![0; 64 << 10];
    while !evidence.is_enough() {
        match text.read(&mut piece) {
            Ok(0) => break,
            Ok(n) => evidence.add(&piece[..n]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
    }
    evidence.end();
    Ok(evidence.settle())
}

/// A file without its compression.
struct Unpacked {
    compression: Option<Compression>,
    /// What follows `head`.
    text: Box<dyn Read + Send>,
    head: Vec<u8>,
    /// Whether nothing does.
    whole: bool,
    bytes: Arc<AtomicU64>,
}

fn unpack(mut reader: Box<dyn Read + Send>, options: &InputOptions) -> Result<Unpacked, InputError> {
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
    Ok(Unpacked { compression, text, head, whole, bytes })
}

/// Refuses a text that is no table.
fn refuse_written(text: &[u8], whole: bool, options: &InputOptions) -> Result<(), InputError> {
    match prose::detect(text, whole) {
        Some(format) if !options.any_text => Err(InputError::Format(format)),
        _ => Ok(()),
    }
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

/// Shows what is read to the evidence.
struct Witness {
    reader: Box<dyn Read + Send>,
    evidence: Arc<Mutex<Evidence>>,
}

impl Read for Witness {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let n = self.reader.read(out)?;
        let mut evidence = self.evidence.lock().unwrap_or_else(PoisonError::into_inner);
        if n > 0 {
            evidence.add(&out[..n]);
        } else if !out.is_empty() {
            evidence.end();
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
