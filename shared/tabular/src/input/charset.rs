//! Which character set a text is in, and its translation to UTF-8.
//!
//! A sequence of bytes that is wrong in the character set is counted, located, and handed on as one byte `0xFF`, which
//! UTF-8 never holds: so the row that it is in is rejected, like a row that is not UTF-8 in a file that is.

use std::{
    io::{self, Read},
    sync::{Arc, atomic::Ordering},
};

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{DecoderResult, Encoding};

use super::{Counters, InputError};

mod dos;
mod evidence;
mod languages;
mod place;
mod score;

pub(crate) use dos::CodePage;
pub(super) use evidence::Evidence;

/// What stands for a sequence that is wrong in the character set.
const WRONG: u8 = 0xFF;

/// A character set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Charset {
    Utf8,
    Utf16 {
        big_endian: bool,
    },
    Utf32 {
        big_endian: bool,
    },
    /// UTF-16 and UTF-32 aside, whatever the WHATWG Encoding Standard names.
    Legacy(&'static Encoding),
    Dos(&'static CodePage),
}

impl Charset {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Utf8 => "UTF-8",
            Self::Utf16 { big_endian: false } => "UTF-16LE",
            Self::Utf16 { big_endian: true } => "UTF-16BE",
            Self::Utf32 { big_endian: false } => "UTF-32LE",
            Self::Utf32 { big_endian: true } => "UTF-32BE",
            Self::Legacy(encoding) => encoding.name(),
            Self::Dos(page) => page.name,
        }
    }

    fn byte_order_mark(self) -> &'static [u8] {
        match self {
            Self::Utf8 => b"\xEF\xBB\xBF",
            Self::Utf16 { big_endian: false } => b"\xFF\xFE",
            Self::Utf16 { big_endian: true } => b"\xFE\xFF",
            Self::Utf32 { big_endian: false } => b"\xFF\xFE\0\0",
            Self::Utf32 { big_endian: true } => b"\0\0\xFE\xFF",
            Self::Legacy(_) | Self::Dos(_) => b"",
        }
    }
}

/// A character set, and how it is known.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Detected {
    pub(crate) charset: Charset,
    /// Length of the byte order mark, bytes.
    pub(super) mark: usize,
    /// From 0 to 1.
    pub(super) certainty: f64,
    /// The second-best set, if it reads the text otherwise and is not out of the question.
    pub(super) alternative: Option<&'static str>,
}

impl Detected {
    fn new(charset: Charset, certainty: f64) -> Self {
        Self { charset, mark: 0, certainty, alternative: None }
    }
}

/// Names in use that the WHATWG Encoding Standard does not have.
const ALIASES: &[(&str, &str)] = &[
    ("utf-8-sig", "utf-8"),
    ("latin-1", "latin1"),
    ("cp932", "shift_jis"),
    ("cp936", "gbk"),
    ("cp949", "euc-kr"),
    ("cp950", "big5"),
    ("mac-roman", "macintosh"),
];

/// The character set of this name, for a text that begins with `head`.
pub(super) fn by_name(name: &str, head: &[u8]) -> Result<Detected, InputError> {
    let lower = name.trim().to_ascii_lowercase().replace('_', "-");
    let marked = |big: Charset, little: Charset| if head.starts_with(big.byte_order_mark()) { big } else { little };
    let charset = match lower.as_str() {
        "utf-16" | "utf16" => marked(Charset::Utf16 { big_endian: true }, Charset::Utf16 { big_endian: false }),
        "utf-16le" | "utf-16-le" => Charset::Utf16 { big_endian: false },
        "utf-16be" | "utf-16-be" => Charset::Utf16 { big_endian: true },
        "utf-32" | "utf32" => marked(Charset::Utf32 { big_endian: true }, Charset::Utf32 { big_endian: false }),
        "utf-32le" | "utf-32-le" => Charset::Utf32 { big_endian: false },
        "utf-32be" | "utf-32-be" => Charset::Utf32 { big_endian: true },
        _ => {
            if let Some(page) = dos::by_name(&lower) {
                return Ok(Detected::new(Charset::Dos(page), 1.0));
            }
            let alias = ALIASES.iter().find(|(alias, _)| *alias == lower).map(|(_, label)| *label);
            let label = alias.unwrap_or(name.trim());
            match Encoding::for_label(label.as_bytes()).or_else(|| Encoding::for_label(lower.as_bytes())) {
                Some(encoding) if encoding == encoding_rs::UTF_8 => Charset::Utf8,
                Some(encoding) if encoding == encoding_rs::UTF_16LE => Charset::Utf16 { big_endian: false },
                Some(encoding) if encoding == encoding_rs::UTF_16BE => Charset::Utf16 { big_endian: true },
                // It stands for sets that are unsafe in a browser, and decodes nothing.
                Some(encoding) if encoding != encoding_rs::REPLACEMENT => Charset::Legacy(encoding),
                _ => return Err(InputError::UnknownCharset(name.to_owned())),
            }
        }
    };
    let mark = charset.byte_order_mark();
    let mark = if head.starts_with(mark) { mark.len() } else { 0 };
    Ok(Detected { mark, ..Detected::new(charset, 1.0) })
}

/// The character set of a text that begins with `head`; `whole` where that is all of it. Where `head` is ASCII alone,
/// whatever follows is taken for UTF-8 too.
pub(super) fn detect(head: &[u8], whole: bool) -> Detected {
    if let Some((charset, certainty)) = wide(head) {
        let mark = charset.byte_order_mark();
        let mark = if head.starts_with(mark) { mark.len() } else { 0 };
        return Detected { mark, ..Detected::new(charset, certainty) };
    }
    let mark = Charset::Utf8.byte_order_mark();
    if head.starts_with(mark) {
        return Detected { mark: mark.len(), ..Detected::new(Charset::Utf8, 1.0) };
    }
    // Escape sequences that switch to a Japanese set: nothing else in text has them.
    if [&b"\x1B$"[..], b"\x1B(J"].iter().any(|escape| memchr::memmem::find(head, escape).is_some()) {
        return japanese(head, whole);
    }
    match std::str::from_utf8(head) {
        Ok(_) if head.is_ascii() && !whole => Detected::new(Charset::Utf8, 0.9),
        Ok(_) => Detected::new(Charset::Utf8, 1.0),
        // A character is cut off.
        Err(error) if error.error_len().is_none() && !whole => Detected::new(Charset::Utf8, 1.0),
        Err(_) => Evidence::of(head, whole).settle(),
    }
}

fn japanese(head: &[u8], whole: bool) -> Detected {
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Allow);
    detector.feed(head, whole);
    let encoding = detector.guess(None, Utf8Detection::Allow);
    if encoding == encoding_rs::UTF_8 {
        return Detected::new(Charset::Utf8, 0.9);
    }
    let plausible = plausibility(encoding, head, whole);
    if plausible < 0.5 {
        return Detected::new(Charset::Utf8, 1.0 - plausible);
    }
    Detected::new(Charset::Legacy(encoding), plausible * 0.9)
}

/// Whether a text is in units of two or four bytes.
pub(super) fn is_wide(head: &[u8]) -> bool {
    wide(head).is_some()
}

/// UTF-16 or UTF-32 by the byte order mark, or by where the zeros are: in Latin text every unit has some.
fn wide(head: &[u8]) -> Option<(Charset, f64)> {
    // UTF-32 first: its mark begins like the one of UTF-16.
    for big_endian in [false, true] {
        let charset = Charset::Utf32 { big_endian };
        if head.starts_with(charset.byte_order_mark()) && mostly_scalars(head, big_endian) {
            return Some((charset, 1.0));
        }
    }
    for big_endian in [false, true] {
        let charset = Charset::Utf16 { big_endian };
        if head.starts_with(charset.byte_order_mark()) {
            return Some((charset, 1.0));
        }
    }
    let head = &head[..head.len().min(4096) & !3];
    if head.len() < 8 {
        return short_wide(head);
    }
    let mut zeros = [0_usize; 4];
    for unit in head.chunks_exact(4) {
        for (zeros, &byte) in zeros.iter_mut().zip(unit) {
            *zeros += usize::from(byte == 0);
        }
    }
    let units = head.len() / 4;
    let most = |n: usize, of: usize| n * 10 >= of * 9;
    let many = |n: usize, of: usize| n * 10 >= of * 4;
    let few = |n: usize, of: usize| n * 50 <= of;
    let [a, b, c, d] = zeros;
    if most(a, units) && most(b, units) && few(d, units) && mostly_scalars(head, true) {
        Some((Charset::Utf32 { big_endian: true }, 0.95))
    } else if most(d, units) && most(c, units) && few(a, units) && mostly_scalars(head, false) {
        Some((Charset::Utf32 { big_endian: false }, 0.95))
    } else if many(a + c, units * 2) && few(b + d, units * 2) {
        Some((Charset::Utf16 { big_endian: true }, 0.95))
    } else if many(b + d, units * 2) && few(a + c, units * 2) {
        Some((Charset::Utf16 { big_endian: false }, 0.95))
    } else {
        None
    }
}

/// Two or three ASCII characters in units of two bytes.
fn short_wide(head: &[u8]) -> Option<(Charset, f64)> {
    let ascii = |at: usize, zero: usize| {
        head.len() >= 4 && head.chunks_exact(2).all(|unit| unit[zero] == 0 && (b'\t'..0x7F).contains(&unit[at]))
    };
    if ascii(0, 1) {
        Some((Charset::Utf16 { big_endian: false }, 0.8))
    } else if ascii(1, 0) {
        Some((Charset::Utf16 { big_endian: true }, 0.8))
    } else {
        None
    }
}

fn mostly_scalars(head: &[u8], big_endian: bool) -> bool {
    let units = head.len().min(4096) / 4;
    let scalars = head.chunks_exact(4).take(units).filter(|unit| scalar(unit, big_endian).is_some()).count();
    scalars * 10 >= units * 9
}

fn scalar(unit: &[u8], big_endian: bool) -> Option<char> {
    let unit: [u8; 4] = unit.try_into().ok()?;
    char::from_u32(if big_endian { u32::from_be_bytes(unit) } else { u32::from_le_bytes(unit) })
}

/// How much of what is beyond ASCII makes sense in a character set, from 0 to 1.
fn plausibility(encoding: &'static Encoding, head: &[u8], whole: bool) -> f64 {
    let mut decoder = encoding.new_decoder_without_bom_handling();
    let mut text = String::with_capacity(8192);
    let (mut read, mut strange, mut wrong) = (0, 0, 0);
    let mut total = 0;
    let mut before = ' ';
    loop {
        text.clear();
        let (result, n) = decoder.decode_to_string_without_replacement(&head[read..], &mut text, whole);
        read += n;
        for c in text.chars() {
            if !c.is_ascii() {
                total += 1;
                // No text has control characters of this range; ÿ and þ are what 0xFF and 0xFE become, the bytes
                // that stray most; and hardly any language doubles an accented letter that is no vowel.
                let filler = |c| matches!(c, 'ÿ' | 'þ' | '\u{FFFD}' | '\u{80}'..='\u{9F}');
                strange += u64::from(filler(c) && (c != 'þ' || !before.is_alphabetic() || filler(before)));
            }
            before = c;
        }
        match result {
            DecoderResult::InputEmpty => break,
            DecoderResult::OutputFull => {}
            DecoderResult::Malformed(..) => wrong += 1,
        }
    }
    1.0 - share(strange + wrong, total + wrong)
}

#[allow(clippy::cast_precision_loss)] // a share of a count need not be more exact
fn share(part: u64, of: u64) -> f64 {
    if of == 0 { 0.0 } else { part as f64 / of as f64 }
}

/// Translates a text, which begins after its byte order mark.
pub(super) fn decode(
    charset: Charset,
    source: Box<dyn Read + Send>,
    mark: usize,
    counters: Arc<Counters>,
) -> Box<dyn Read + Send> {
    let decoder = match charset {
        Charset::Utf8 => return source,
        Charset::Utf16 { big_endian: false } => {
            Decoder::Standard(encoding_rs::UTF_16LE.new_decoder_without_bom_handling())
        }
        Charset::Utf16 { big_endian: true } => {
            Decoder::Standard(encoding_rs::UTF_16BE.new_decoder_without_bom_handling())
        }
        Charset::Legacy(encoding) => Decoder::Standard(encoding.new_decoder_without_bom_handling()),
        Charset::Dos(page) => Decoder::Dos(page),
        Charset::Utf32 { big_endian } => Decoder::Utf32 { big_endian },
    };
    Box::new(Decode {
        source,
        decoder,
        counters,
        input: vec![0; Decode::BUFFER].into(),
        start: 0,
        end: 0,
        offset: mark as u64,
        source_ended: false,
        over: false,
        output: vec![0; Decode::BUFFER].into(),
        ready: 0..0,
    })
}

enum Decoder {
    Standard(encoding_rs::Decoder),
    Utf32 { big_endian: bool },
    Dos(&'static CodePage),
}

struct Decode {
    source: Box<dyn Read + Send>,
    decoder: Decoder,
    counters: Arc<Counters>,
    input: Box<[u8]>,
    start: usize,
    end: usize,
    /// Of `input[start]` in the text before it is decoded.
    offset: u64,
    source_ended: bool,
    over: bool,
    output: Box<[u8]>,
    ready: std::ops::Range<usize>,
}

impl Decode {
    const BUFFER: usize = 64 << 10;

    fn fill(&mut self) -> io::Result<()> {
        if self.source_ended || self.end - self.start >= 4 {
            return Ok(());
        }
        self.input.copy_within(self.start..self.end, 0);
        (self.start, self.end) = (0, self.end - self.start);
        while !self.source_ended && self.end < 4 {
            match self.source.read(&mut self.input[self.end..]) {
                Ok(0) => self.source_ended = true,
                Ok(n) => self.end += n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Decodes some input into `output`; returns how much of each was used.
    fn step(&mut self) -> (usize, usize) {
        let input = &self.input[self.start..self.end];
        let last = self.source_ended;
        match &mut self.decoder {
            Decoder::Standard(decoder) => {
                let room = self.output.len() - 1;
                let (result, read, mut written) =
                    decoder.decode_to_utf8_without_replacement(input, &mut self.output[..room], last);
                match result {
                    DecoderResult::InputEmpty => self.over = last,
                    DecoderResult::OutputFull => {}
                    DecoderResult::Malformed(length, after) => {
                        let back = u64::from(length) + u64::from(after);
                        self.counters.wrong((self.offset + read as u64).saturating_sub(back));
                        self.output[written] = WRONG;
                        written += 1;
                    }
                }
                (read, written)
            }
            Decoder::Dos(page) => {
                let (read, written) = page.decode(input, &mut self.output);
                self.over = last && read == input.len();
                (read, written)
            }
            Decoder::Utf32 { big_endian } => {
                let (mut read, mut written) = (0, 0);
                let mut units = input.chunks_exact(4);
                for unit in units.by_ref() {
                    if self.output.len() - written < 4 {
                        return (read, written);
                    }
                    if let Some(c) = scalar(unit, *big_endian) {
                        written += c.encode_utf8(&mut self.output[written..]).len();
                    } else {
                        self.counters.wrong(self.offset + read as u64);
                        self.output[written] = WRONG;
                        written += 1;
                    }
                    read += 4;
                }
                if last && self.output.len() > written {
                    let rest = units.remainder().len();
                    if rest > 0 {
                        self.counters.wrong(self.offset + read as u64);
                        self.output[written] = WRONG;
                        written += 1;
                        read += rest;
                    }
                    self.over = true;
                }
                (read, written)
            }
        }
    }
}

impl Read for Decode {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if out.is_empty() {
            return Ok(0);
        }
        while self.ready.is_empty() {
            if self.over {
                return Ok(0);
            }
            self.fill()?;
            let (read, written) = self.step();
            self.start += read;
            self.offset += read as u64;
            self.ready = 0..written;
        }
        let n = (&self.output[self.ready.clone()]).read(out)?;
        self.ready.start += n;
        Ok(n)
    }
}

impl Counters {
    fn wrong(&self, offset: u64) {
        self.wrong_sequences.fetch_add(1, Ordering::Relaxed);
        self.first_wrong.fetch_min(offset, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests;
