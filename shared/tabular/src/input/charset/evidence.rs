//! What the bytes beyond ASCII of a text say about its character set.
//!
//! Whatever the text's length, what is kept of it is bounded: of each byte, some of the words that it stands in. A byte
//! that is rare is in there too, and a word that is frequent counts once. How the text is cut into pieces is no matter.

use std::collections::BTreeSet;

use super::{Charset, Detected, score};

/// Bytes before the first one beyond ASCII that belong to a word with it, at most.
const BEFORE: usize = 16;
/// Bytes of a word from there on, at most.
const AFTER: usize = 32;
/// What is looked at on either side of a word.
pub(super) const CONTEXT: usize = 2;
/// What stands for the border of a field, a line, or the text.
pub(super) const EDGE: u8 = b'\n';

/// Words that are kept of each byte.
const WORDS: u8 = 64;
/// Text in which characters of several bytes are looked for, bytes.
const SAMPLE: usize = 256 << 10;
/// Sequences that are no UTF-8 after which nothing that follows is looked at, where few others are.
const ENOUGH: u64 = 1 << 18;

/// What was seen of a text.
#[derive(Debug)]
pub(crate) struct Evidence {
    /// Characters beyond ASCII in UTF-8.
    good: u64,
    /// Sequences that are none.
    bad: u64,
    utf8: Utf8,
    /// Each with [`CONTEXT`] on either side; digits in a row are one.
    words: BTreeSet<Vec<u8>>,
    /// How many words have a byte.
    counts: [u8; 128],
    /// Words with what is between them where they adjoin.
    sample: Vec<u8>,
    buffer: Vec<u8>,
    /// Where in `buffer` the next word may begin.
    at: usize,
    /// Up to where it is in `sample`.
    sampled: usize,
    /// Whether a word ends at `at`.
    adjoins: bool,
    enough: bool,
    ended: bool,
}

/// A character of UTF-8 that has begun.
#[derive(Debug, Default)]
struct Utf8 {
    /// Bytes that it lacks.
    missing: u8,
    /// What the next one can be.
    from: u8,
    to: u8,
}

impl Evidence {
    pub(crate) fn new() -> Self {
        Self {
            good: 0,
            bad: 0,
            utf8: Utf8::default(),
            words: BTreeSet::new(),
            counts: [0; 128],
            sample: Vec::new(),
            buffer: Vec::new(),
            at: 0,
            sampled: 0,
            adjoins: false,
            enough: false,
            ended: false,
        }
    }

    /// Of a text that begins with `head`; `whole` where that is all of it.
    pub(super) fn of(head: &[u8], whole: bool) -> Self {
        let mut evidence = Self::new();
        evidence.add(head);
        if whole {
            evidence.end();
        } else {
            evidence.look(evidence.buffer.len());
        }
        evidence
    }

    /// Takes the next piece.
    pub(crate) fn add(&mut self, piece: &[u8]) {
        if self.enough {
            return;
        }
        self.buffer.extend_from_slice(piece);
        self.look(self.buffer.len().saturating_sub(AFTER + CONTEXT));
        self.enough = self.bad >= ENOUGH && self.bad > 8 * self.good;
    }

    /// Whether nothing that follows would be looked at.
    pub(crate) fn is_enough(&self) -> bool {
        self.enough
    }

    /// Whether it is of all of the text, or enough of it.
    pub(crate) fn is_whole(&self) -> bool {
        self.ended || self.enough
    }

    /// The text is over.
    pub(crate) fn end(&mut self) {
        self.ended = true;
        if !self.enough {
            self.look(self.buffer.len());
            self.cut_off();
        }
    }

    /// The character set that explains it best.
    ///
    /// A text that is UTF-8 but for few bytes is UTF-8: only the rows with these are lost.
    pub(crate) fn settle(&self) -> Detected {
        if self.bad == 0 || self.good >= self.bad {
            return Detected::new(Charset::Utf8, super::share(self.good, self.good + self.bad));
        }
        score::best(&self.words, &self.sample)
    }

    fn look(&mut self, until: usize) {
        while self.at < until {
            let next = first_high(&self.buffer[self.at..until]);
            if next != Some(0) {
                self.cut_off();
                self.adjoins = false;
            }
            match next {
                Some(next) => self.word(self.at + next),
                None => self.at = until,
            }
        }
        let forgotten = self.at.saturating_sub(BEFORE + CONTEXT);
        self.buffer.drain(..forgotten);
        self.at -= forgotten;
        self.sampled = self.sampled.saturating_sub(forgotten);
    }

    /// Looks at the word whose first byte beyond ASCII is at `first`.
    fn word(&mut self, first: usize) {
        let text = &self.buffer;
        let mut start = first;
        // What precedes may be the end of a word that was looked at: then it is no part of this one.
        let earliest = if self.adjoins { first } else { first.saturating_sub(BEFORE) };
        while start > earliest && text[start - 1].is_ascii_alphanumeric() {
            start -= 1;
        }
        let is_word = |b: &u8| b.is_ascii_alphanumeric() || !b.is_ascii();
        let end = first + text[first..].iter().take(AFTER).take_while(|b| is_word(b)).count();
        for &byte in &text[first..end] {
            self.utf8.step(byte, &mut self.good, &mut self.bad);
        }
        let full = |b: &u8| b.is_ascii() || self.counts[usize::from(b - 0x80)] >= WORDS;
        if !text[first..end].iter().all(full) {
            let word = around(text, start, end);
            let mut bytes: Vec<u8> = word.iter().copied().filter(|b| !b.is_ascii()).collect();
            if self.words.insert(word) {
                bytes.sort_unstable();
                bytes.dedup();
                for byte in bytes {
                    let count = &mut self.counts[usize::from(byte - 0x80)];
                    *count = count.saturating_add(1);
                }
            }
        }
        if self.sample.len() < SAMPLE {
            let from = start.max(self.sampled);
            if from > self.sampled && !self.sample.is_empty() {
                self.sample.push(EDGE);
            }
            // The last byte of a character may be any of ASCII.
            self.sampled = text.len().min(end + 1);
            self.sample.extend_from_slice(text.get(from..self.sampled).unwrap_or_default());
        }
        self.at = end;
        self.adjoins = true;
    }

    /// A character that has begun does not go on.
    fn cut_off(&mut self) {
        self.bad += u64::from(self.utf8.missing > 0);
        self.utf8.missing = 0;
    }
}

impl Utf8 {
    fn step(&mut self, byte: u8, good: &mut u64, bad: &mut u64) {
        if self.missing > 0 {
            if (self.from..=self.to).contains(&byte) {
                self.missing -= 1;
                (self.from, self.to) = (0x80, 0xBF);
                *good += u64::from(self.missing == 0);
                return;
            }
            *bad += 1;
        }
        (self.missing, self.from, self.to) = match byte {
            0xC2..=0xDF => (1, 0x80, 0xBF),
            0xE0 => (2, 0xA0, 0xBF),
            0xED => (2, 0x80, 0x9F),
            0xE1..=0xEF => (2, 0x80, 0xBF),
            0xF0 => (3, 0x90, 0xBF),
            0xF1..=0xF3 => (3, 0x80, 0xBF),
            0xF4 => (3, 0x80, 0x8F),
            _ => (0, 0, 0),
        };
        *bad += u64::from(self.missing == 0 && !byte.is_ascii());
    }
}

fn first_high(text: &[u8]) -> Option<usize> {
    let mut at = 0;
    for chunk in text.chunks(64) {
        if !chunk.is_ascii() {
            return chunk.iter().position(|b| !b.is_ascii()).map(|within| at + within);
        }
        at += chunk.len();
    }
    None
}

/// A word, and what is around it.
fn around(text: &[u8], start: usize, end: usize) -> Vec<u8> {
    let is_edge = |b: u8| b < b' ' || b",;|\"".contains(&b);
    let mut word = vec![EDGE; CONTEXT];
    for (place, &byte) in word.iter_mut().rev().zip(text[..start].iter().rev()) {
        if is_edge(byte) {
            break;
        }
        *place = byte;
    }
    word.extend_from_slice(&text[start..end]);
    let after = text[end..].iter().take(CONTEXT).take_while(|b| !is_edge(**b));
    word.extend(after);
    word.resize(CONTEXT + end - start + CONTEXT, EDGE);
    for byte in &mut word {
        if byte.is_ascii_digit() {
            *byte = b'0';
        }
    }
    let mut place = 0;
    let length = word.len();
    // Only within the word, as its context has its length.
    word.dedup_by(|next, before| {
        place += 1;
        *next == b'0' && *before == b'0' && place > CONTEXT && place < length - CONTEXT
    });
    word
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_word_has_what_is_around_it() {
        for (text, expected) in [
            (&b"a,\xA312.50,b"[..], &[&b"\n\n\xA30.0"[..]][..]),
            (b"5 m\xB3,c", &[b"0 m\xB3\n\n"]),
            (b"\xE9", &[b"\n\n\xE9\n\n"]),
            (b"the caf\xE9 is", &[b"e caf\xE9 i"]),
            (b"M\xFCller\nM\xFCller\n", &[b"\n\nM\xFCller\n\n"]),
        ] {
            let evidence = Evidence::of(text, true);
            assert_eq!(evidence.words.iter().map(Vec::as_slice).collect::<Vec<_>>(), expected);
        }
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let mut evidence = Evidence::new();
        for i in 0..200_000_u32 {
            evidence.add(format!("wort{i},").as_bytes());
            evidence.add(&[0xE4, 0x80 + (i % 100) as u8, b'\n']);
        }
        evidence.end();
        assert!(evidence.words.len() <= 128 * usize::from(WORDS));
        assert!(evidence.sample.len() <= SAMPLE + BEFORE + AFTER + 2);
        assert!(evidence.buffer.len() <= BEFORE + AFTER + 2 * CONTEXT);
    }

    proptest! {
        #[test]
        fn pieces_are_no_matter(
            bytes in prop::collection::vec(prop_oneof![3 => 0x20_u8..0x7F, 2 => 0x80_u8..=0xFF, 1 => Just(b'\n')], 0..400),
            cuts in prop::collection::vec(0_usize..400, 0..6),
        ) {
            let whole = Evidence::of(&bytes, true);
            let mut pieces = Evidence::new();
            let mut cuts: Vec<_> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
            cuts.sort_unstable();
            let mut from = 0;
            for cut in cuts.into_iter().chain([bytes.len()]) {
                pieces.add(&bytes[from..cut]);
                from = cut;
            }
            pieces.end();
            prop_assert_eq!(&pieces.words, &whole.words);
            prop_assert_eq!(&pieces.sample, &whole.sample);
            prop_assert_eq!((pieces.good, pieces.bad), (whole.good, whole.bad));
        }

        #[test]
        fn characters_of_utf8_are_counted_as_the_standard_library_does(
            bytes in prop::collection::vec(prop_oneof![1 => 0x20_u8..0x7F, 4 => 0x80_u8..=0xFF], 0..60),
            text in "\\PC{0,20}",
        ) {
            for bytes in [bytes, text.into_bytes()] {
                let (mut good, mut bad) = (0, 0);
                for chunk in bytes.utf8_chunks() {
                    good += chunk.valid().chars().filter(|c| !c.is_ascii()).count() as u64;
                    bad += u64::from(!chunk.invalid().is_empty());
                }
                let evidence = Evidence::of(&bytes, true);
                prop_assert_eq!((evidence.good, evidence.bad), (good, bad));
            }
        }
    }
}
