//! Texts that a dictionary was asked for lately.
//!
//! Most columns with a dictionary have few values, each of them often. To look one up takes a hash, a position, and a
//! comparison, none of which is much; but where lengths differ, branches on them are guessed wrong again and again. So
//! up to [`WIDEST`] bytes, texts are taken whole, in as many steps for one as for all: those of a batch first become
//! keys, then all keys are looked up, and only what is not found is left for the dictionary itself.

/// Texts that are looked up together.
pub(crate) const BATCH: usize = 64;

/// Longest text that is found, in bytes.
const WIDEST: usize = 32;

/// Entries at first, and at most.
const FEW: usize = 32;
const MANY: usize = 512;

/// A text of up to [`WIDEST`] bytes, with zeros behind it.
type Words = [u64; 4];

/// The length of what is not looked for, of no text.
const NONE: u32 = u32::MAX;

/// The length in an entry where there is nothing.
const EMPTY: u32 = u32::MAX - 1;

/// The first `len` bytes of `tail`; `None` if they are too many, or lie too near to the end.
#[inline]
fn words(tail: &[u8], len: usize) -> Option<Words> {
    let (bytes, mask) = (tail.first_chunk::<WIDEST>()?, MASKS.get(len)?);
    let words = bytes.as_chunks::<8>().0.first_chunk::<4>()?;
    Some(std::array::from_fn(|i| u64::from_le_bytes(words[i]) & mask[i]))
}

/// A hash, good in its lowest bits.
#[inline]
#[allow(clippy::cast_possible_truncation)]
fn hash([a, b, c, d]: Words, len: u32) -> usize {
    let mixed = a ^ b.rotate_left(23) ^ c.rotate_left(41) ^ d.rotate_left(11) ^ u64::from(len);
    let product = u128::from(mixed) * 0x9e37_79b9_7f4a_7c15;
    (product as u64 ^ (product >> 64) as u64) as usize
}

/// The lowest bytes of a text, as many as the index says.
const MASKS: [Words; WIDEST + 1] = {
    let mut masks = [[0; 4]; WIDEST + 1];
    let mut len = 1;
    while len < masks.len() {
        masks[len] = masks[len - 1];
        let word = &mut masks[len][(len - 1) / 8];
        *word = *word << 8 | 0xff;
        len += 1;
    }
    masks
};

/// A text, and its position in the dictionary.
#[derive(Clone, Copy)]
struct Entry {
    words: Words,
    len: u32,
    position: u32,
}

impl Entry {
    const EMPTY: Self = Self { words: [0; 4], len: EMPTY, position: 0 };

    #[inline]
    fn is(&self, words: &Words, len: u32) -> bool {
        let differ = std::array::from_fn::<_, 4, _>(|i| self.words[i] ^ words[i]);
        (differ[0] | differ[1]) | (differ[2] | differ[3]) | u64::from(self.len ^ len) == 0
    }
}

/// The texts of a column that were asked for lately.
#[derive(Default)]
pub(crate) struct Recent {
    /// By hash. None at all before the first text is added, and after it was found not to pay.
    entries: Vec<Entry>,
    /// Texts that were found, less those that were not.
    gain: i32,
    off: bool,
}

/// Balance at which looking is given up.
const LOSS: i32 = -1_024;

/// Balance beyond which nothing is saved for worse times.
const CREDIT: i32 = 4_096;

/// Texts that are looked up together.
pub(crate) struct Batch {
    texts: [Words; BATCH],
    lens: [u32; BATCH],
}

impl Batch {
    pub(crate) const EMPTY: Self = Self { texts: [[0; 4]; BATCH], lens: [NONE; BATCH] };
}

impl Recent {
    /// Whether it is of any use to ask.
    pub(crate) fn is_on(&self) -> bool {
        !self.off
    }

    /// Takes up to [`BATCH`] texts, each the first bytes of a tail, and appends the position of each to `positions`.
    /// Returns a bit for each that is not known, and whose position is nonsense.
    pub(crate) fn find<'a>(
        &mut self,
        batch: &mut Batch,
        texts: impl Iterator<Item = Option<(&'a [u8], usize)>>,
        positions: &mut Vec<u32>,
    ) -> u64 {
        let mut count = 0;
        for ((words, len), text) in batch.texts.iter_mut().zip(&mut batch.lens).zip(texts) {
            *len = NONE;
            if let Some((tail, own)) = text
                && let Some(found) = self::words(tail, own)
            {
                *words = found;
                #[allow(clippy::cast_possible_truncation, reason = "there is a mask for it")]
                (*len = own as u32);
            }
            count += 1;
        }
        let mask = self.entries.len().wrapping_sub(1);
        let mut missed = 0;
        let keys = batch.texts.iter().zip(&batch.lens).take(count).enumerate();
        positions.extend(keys.map(|(i, (words, len))| {
            let Some(entry) = self.entries.get(hash(*words, *len) & mask) else {
                missed |= 1 << i;
                return 0;
            };
            missed |= u64::from(!entry.is(words, *len)) << i;
            entry.position
        }));
        let lost = missed.count_ones().cast_signed();
        #[allow(clippy::cast_possible_truncation, clippy::cast_possible_wrap, reason = "a batch is small")]
        let all = count as i32;
        self.gain = (self.gain + all - 2 * lost).min(CREDIT);
        if self.gain < LOSS {
            (self.entries, self.off) = (Vec::new(), true);
        }
        missed
    }

    /// Adds text `i` of the batch, which was not known.
    pub(crate) fn add(&mut self, batch: &Batch, i: usize, position: u32) {
        let (words, len) = (batch.texts[i], batch.lens[i]);
        if len == NONE || self.off {
            return;
        }
        if self.entries.is_empty() {
            self.entries = vec![Entry::EMPTY; FEW];
        }
        loop {
            let mask = self.entries.len() - 1;
            let entry = &mut self.entries[hash(words, len) & mask];
            if entry.len == EMPTY || entry.is(&words, len) || mask + 1 == MANY {
                *entry = Entry { words, len, position };
                return;
            }
            // Two that are both asked for would drive each other out for ever.
            let old = std::mem::take(&mut self.entries);
            self.entries = vec![Entry::EMPTY; 4 * old.len()];
            let mask = self.entries.len() - 1;
            for entry in old.into_iter().filter(|entry| entry.len != EMPTY) {
                self.entries[hash(entry.words, entry.len) & mask] = entry;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::{collection::vec, prelude::*};

    use super::*;

    proptest! {
        #[test]
        fn what_is_known_has_the_position_it_was_given(
            values in vec(prop_oneof!["[ab]{0,3}", "[ab]{14,18}", "a{30,34}", "[a-z]{0,40}", "\u{0}{0,4}"], 1..80),
            picks in vec(any::<prop::sample::Index>(), 0..2_000),
        ) {
            let (mut recent, mut batch, mut positions) = (Recent::default(), Batch::EMPTY, Vec::new());
            let mut dictionary = HashMap::new();
            let texts: Vec<&str> = picks.iter().map(|pick| values[pick.index(values.len())].as_str()).collect();
            let padded: Vec<String> = texts.iter().map(|text| format!("{text}{}", "#".repeat(WIDEST))).collect();
            for (texts, padded) in texts.chunks(BATCH).zip(padded.chunks(BATCH)) {
                let begin = positions.len();
                let tails = texts.iter().zip(padded).map(|(text, padded)| Some((padded.as_bytes(), text.len())));
                let mut missed = recent.find(&mut batch, tails, &mut positions);
                prop_assert_eq!(positions.len(), begin + texts.len());
                while missed != 0 {
                    let i = missed.trailing_zeros() as usize;
                    let next = u32::try_from(dictionary.len()).unwrap();
                    let position = *dictionary.entry(texts[i]).or_insert(next);
                    recent.add(&batch, i, position);
                    positions[begin + i] = position;
                    missed &= missed - 1;
                }
            }
            for (text, position) in texts.iter().zip(positions) {
                prop_assert_eq!(dictionary[text], position);
            }
        }
    }

    /// Asks for texts in turn, so often; returns how many were not known.
    fn ask(recent: &mut Recent, texts: &[String], times: usize) -> u32 {
        let (mut batch, mut unknown) = (Batch::EMPTY, 0);
        for _ in 0..times {
            for texts in texts.chunks(BATCH) {
                let mut missed = recent.find(
                    &mut batch,
                    texts.iter().map(|t| Some((t.as_bytes(), t.len() - WIDEST))),
                    &mut Vec::new(),
                );
                unknown += missed.count_ones();
                while missed != 0 {
                    recent.add(&batch, missed.trailing_zeros() as usize, 0);
                    missed &= missed - 1;
                }
            }
        }
        unknown
    }

    fn numbered(count: usize) -> Vec<String> {
        (0..count).map(|i| format!("value {i}{}", "#".repeat(WIDEST))).collect()
    }

    #[test]
    fn a_few_texts_are_all_known() {
        let mut recent = Recent::default();
        ask(&mut recent, &numbered(10), 3);
        assert_eq!(ask(&mut recent, &numbered(10), 100), 0);
        assert!(recent.entries.len() <= MANY);
    }

    #[test]
    fn one_text_takes_little_room() {
        let mut recent = Recent::default();
        ask(&mut recent, &vec![numbered(1).remove(0); 200], 3);
        assert_eq!(recent.entries.len(), FEW);
    }

    #[test]
    fn where_all_texts_are_new_nobody_asks_for_long() {
        let mut recent = Recent::default();
        ask(&mut recent, &numbered(10_000), 1);
        assert!(!recent.is_on());
        assert_eq!(recent.entries.len(), 0);
    }
}
