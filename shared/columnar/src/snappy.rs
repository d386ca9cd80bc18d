//! Snappy, raw: <https://github.com/google/snappy/blob/main/format_description.txt>.
//!
//! Matches are looked for as everywhere: where four bytes have come before, found by hash, last place first. What that
//! costs is waiting: for the table, then for the bytes it points to, then for the length that says where to look next,
//! and for a branch on it that nobody can predict. So a long page is searched in four places at once, each in the
//! shadow of the others, by steps without branches; what they find is noted, and written afterwards.

use std::hint::select_unpredictable;

use crate::thrift::varint;

/// Bytes of a page that are searched as one, at most: positions have 16 bits.
const BLOCK: usize = 1 << 16;

/// Bytes behind the last position that a search looks at.
const MARGIN: usize = 32;

/// Bytes that make another block.
const SHORT_BLOCK: usize = 1 << 14;

/// Blocks that are searched at the same time, at most.
const LANES: usize = 4;

/// Steps of a search before what it found is written.
const STEPS: usize = 128;

/// Length of a match up to which a search compares.
const SEEN: usize = 15;

/// Shortest match.
const SHORTEST: usize = 4;

/// Bits of a hash.
const BITS: u32 = 14;

/// Widest step over bytes in which nothing is found.
const STRIDE: usize = 64;

/// The last position of each hash.
type Table = [u16; 1 << BITS];

/// The bytes that positions of a search stand for.
type View = [u8; BLOCK + MARGIN];

/// Shortest page that is cut into blocks.
pub(crate) const LONG: usize = BLOCK + MARGIN;

/// Compresses long pages; keeps the memory that this takes.
pub(crate) struct Encoder {
    lanes: [Lane; LANES],
}

/// The memory of a search.
struct Lane {
    table: Box<Table>,
    found: Box<[Match; STEPS]>,
}

/// Bytes that have come before: from the lowest bits, 16 of their position, 16 of where they came before, their number.
#[derive(Clone, Copy, Default)]
struct Match(u64);

impl Match {
    #[inline]
    fn new(at: u16, from: u16, len: usize) -> Self {
        Self(u64::from(at) | u64::from(from) << 16 | (len as u64) << 32)
    }

    #[inline]
    #[allow(clippy::cast_possible_truncation)]
    fn parts(self) -> (usize, usize, usize) {
        (usize::from(self.0 as u16), usize::from((self.0 >> 16) as u16), (self.0 >> 32) as usize)
    }
}

impl Default for Encoder {
    fn default() -> Self {
        #[allow(clippy::large_stack_arrays, reason = "on the heap at once")]
        let lane = |_| Lane { table: Box::new([0; 1 << BITS]), found: Box::new([Match::default(); STEPS]) };
        Self { lanes: std::array::from_fn(lane) }
    }
}

impl Encoder {
    /// Bytes of `out` that a page of so many may need while it is compressed.
    pub(crate) fn room(page: usize) -> usize {
        page + page / 6 + (page / BLOCK + 2) * LANES * 128
    }

    /// Compresses a page into `out`, which has [`Self::room`] for it. Returns the length.
    pub(crate) fn compress(&mut self, page: &[u8], out: &mut [u8]) -> usize {
        let mut written = header(page.len(), out);
        let mut begin = 0;
        loop {
            // A short page has no view, and is left as it is.
            let left = if page.len() < LONG { 0 } else { page.len() - begin - MARGIN };
            let lanes = (left / SHORT_BLOCK).min(LANES);
            if lanes == 0 {
                return written + literal(&page[begin..], &mut out[written..]);
            }
            let block = (left / lanes).min(BLOCK);
            written += self.round(page, begin, lanes, block, &mut out[written..]);
            begin += lanes * block;
        }
    }

    /// Compresses so many blocks.
    fn round(&mut self, page: &[u8], begin: usize, lanes: usize, block: usize, out: &mut [u8]) -> usize {
        let stride = block + block / 6 + 64;
        let begins = (begin..).step_by(block);
        let outs = out.chunks_mut(stride);
        let lanes = self.lanes[..lanes].iter_mut().zip(begins).zip(outs);
        let mut searches: Vec<_> =
            lanes.filter_map(|((lane, begin), out)| Search::new(lane, page, begin, block, out)).collect();
        search_all(&mut searches);
        let ends: Vec<usize> = searches.into_iter().map(Search::finish).collect();
        let mut written = 0;
        for (lane, len) in ends.into_iter().enumerate() {
            out.copy_within(lane * stride..lane * stride + len, written);
            written += len;
        }
        written
    }
}

/// The search of a block.
struct Search<'a> {
    view: &'a View,
    table: &'a mut Table,
    found: &'a mut [Match; STEPS],
    /// Matches in `found`.
    matches: usize,
    /// The next position.
    at: usize,
    /// The end of the block.
    end: usize,
    /// Positions to go on by where nothing is found.
    stride: usize,
    out: &'a mut [u8],
    /// Bytes in `out`.
    written: usize,
    /// The position up to which they reach.
    covered: usize,
}

impl<'a> Search<'a> {
    /// Of a block that does not reach into the last [`MARGIN`] bytes of a page of [`LONG`] bytes or more.
    fn new(lane: &'a mut Lane, page: &'a [u8], begin: usize, len: usize, out: &'a mut [u8]) -> Option<Self> {
        // Near the end of the page the view begins before the block.
        let first = begin.min(page.len().checked_sub(LONG)?);
        let (view, at) = (page[first..].first_chunk()?, begin - first);
        let Lane { table, found } = lane;
        table.fill(0);
        Some(Self {
            view,
            table,
            found,
            matches: 0,
            at: at + 1,
            end: at + len,
            stride: 1,
            out,
            written: 0,
            covered: at,
        })
    }

    /// Steps that can be taken without a look at the end of the block.
    fn steps(&self) -> usize {
        (self.end.saturating_sub(self.at + SEEN) / SEEN.max(self.stride)).min(STEPS)
    }

    /// Writes what was found in so many steps.
    #[inline(never)]
    fn write(&mut self, steps: usize) {
        let (mut written, mut covered) = (self.written, self.covered);
        for found in &self.found[..self.matches] {
            let (mut at, mut from, mut len) = found.parts();
            if at < covered {
                // A match before it was longer than the search knew.
                let known = covered - at;
                if len < known + SHORTEST {
                    continue;
                }
                (at, from, len) = (covered, from + known, len - known);
            }
            written += short_literal(self.view, covered, at - covered, &mut self.out[written..]);
            if len < SEEN {
                written += short_copy(at - from, len, &mut self.out[written..]);
            } else {
                len += common(&self.view[at + len..self.end], &self.view[from + len..]);
                written += long_copy(at - from, len, &mut self.out[written..]);
            }
            covered = at + len;
        }
        self.stride = if self.matches * 32 < steps { (self.stride * 2).min(STRIDE) } else { 1 };
        (self.written, self.covered) = (written, covered);
        self.at = self.at.max(covered);
    }

    /// Writes what is left of the block; returns the bytes that were written of it.
    fn finish(self) -> usize {
        self.written + literal(&self.view[self.covered..self.end], &mut self.out[self.written..])
    }
}

/// Searches all blocks to their ends, and writes what is found.
fn search_all(searches: &mut [Search<'_>]) {
    let mut open: Vec<&mut Search<'_>> = searches.iter_mut().collect();
    loop {
        open.retain(|search| search.steps() > 0);
        let steps = open.iter().map(|search| search.steps()).min().unwrap_or(0);
        match open.as_mut_slice() {
            [] => return,
            [a] => search([a], steps),
            [a, b] => search([a, b], steps),
            [a, b, c] => search([a, b, c], steps),
            [a, b, c, d, ..] => search([a, b, c, d], steps),
        }
        for search in &mut open {
            search.write(steps);
        }
    }
}

/// Goes on by so many steps in some blocks at once.
#[inline(never)]
#[allow(clippy::cast_possible_truncation)]
fn search<const N: usize>(searches: [&mut Search<'_>; N], steps: usize) {
    // Out of what they lie in, so that they can be held in registers.
    let mut at = searches.each_ref().map(|search| search.at);
    let mut matches = [0; N];
    let mut parts = searches.map(|search| {
        let Search { view, table, found, stride, matches, at, .. } = search;
        (*view, &mut **table, &mut **found, *stride, matches, at)
    });
    for _ in 0..steps {
        for (lane, (view, table, found, stride, ..)) in parts.iter_mut().enumerate() {
            let here = at[lane] as u16;
            let before = here.wrapping_sub(1);
            table[hash(load(view, before, 0))] = before;
            let bytes = load(view, here, 0);
            let last = &mut table[hash(bytes)];
            let from = std::mem::replace(last, here);
            let low = bytes ^ load(view, from, 0);
            let high = load(view, here, 8) ^ load(view, from, 8) | 1 << (8 * (SEEN - 8));
            let (low_zeros, high_zeros) = (low.trailing_zeros(), high.trailing_zeros() + u64::BITS);
            let equal = select_unpredictable(low == 0, high_zeros, low_zeros) as usize / 8;
            // Overwritten by the next where it is none.
            found[matches[lane] & (STEPS - 1)] = Match::new(here, from, equal);
            let is_match = low << (8 * (size_of_val(&low) - SHORTEST)) == 0;
            matches[lane] += usize::from(is_match);
            at[lane] += select_unpredictable(is_match, equal, *stride);
        }
    }
    for (lane, (.., matches_of, at_of)) in parts.into_iter().enumerate() {
        (*matches_of, *at_of) = (matches[lane], at[lane]);
    }
}

/// Eight bytes, so many behind a position.
#[inline]
fn load(view: &View, at: u16, behind: usize) -> u64 {
    view[usize::from(at) + behind..].first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

/// A hash of the first four bytes.
#[inline]
#[allow(clippy::cast_possible_truncation)]
fn hash(bytes: u64) -> usize {
    ((bytes as u32).wrapping_mul(0x85eb_ca87) >> (u32::BITS - BITS)) as usize
}

/// Bytes that begin both.
#[inline(never)]
fn common(a: &[u8], b: &[u8]) -> usize {
    let words = a.as_chunks::<8>().0.iter().zip(b.as_chunks::<8>().0);
    let equal = 8 * words.take_while(|(a, b)| a == b).count();
    equal + a[equal..].iter().zip(&b[equal..]).take_while(|(a, b)| a == b).count()
}

/// Writes what begins a page of so many bytes.
pub(crate) fn header(page: usize, out: &mut [u8]) -> usize {
    let mut header = Vec::new();
    varint(&mut header, page as u64);
    out[..header.len()].copy_from_slice(&header);
    header.len()
}

/// Writes the `len` bytes at a position, behind which there are 16, as a literal.
#[inline]
#[allow(clippy::cast_possible_truncation)]
pub(crate) fn short_literal(bytes: &[u8], at: usize, len: usize, out: &mut [u8]) -> usize {
    if len > 16 {
        return literal(&bytes[at..at + len], out);
    }
    // Of none the tag is overwritten by what comes next.
    out[0] = (len.wrapping_sub(1) as u8) << 2;
    out[1..17].copy_from_slice(&bytes[at..at + 16]);
    len + usize::from(len > 0)
}

/// Writes bytes as literals.
#[inline(never)]
#[allow(clippy::cast_possible_truncation)]
pub(crate) fn literal(bytes: &[u8], out: &mut [u8]) -> usize {
    let mut written = 0;
    for block in bytes.chunks(BLOCK) {
        let last = block.len() - 1;
        let (low, high) = (last as u8, (last >> 8) as u8);
        let tag: &[u8] = match last {
            ..60 => &[low << 2],
            60..256 => &[60 << 2, low],
            _ => &[61 << 2, low, high],
        };
        out[written..][..tag.len()].copy_from_slice(tag);
        written += tag.len();
        out[written..][..block.len()].copy_from_slice(block);
        written += block.len();
    }
    written
}

/// Writes a copy of 4 to 64 bytes from `offset` bytes before.
#[inline]
#[allow(clippy::cast_possible_truncation)]
pub(crate) fn short_copy(offset: usize, len: usize, out: &mut [u8]) -> usize {
    #[allow(clippy::needless_bitwise_bool, reason = "one branch less")]
    let short = (len < 12) & (offset < 1 << 11);
    let two_bytes = 1 | (len.wrapping_sub(4) & 7) << 2 | offset >> 8 << 5 | (offset & 0xff) << 8;
    let three_bytes = 2 | (len - 1) << 2 | offset << 8;
    let tag = select_unpredictable(short, two_bytes, three_bytes);
    out[..4].copy_from_slice(&(tag as u32).to_le_bytes());
    3 - usize::from(short)
}

/// Writes a copy of 4 bytes or more.
#[inline(never)]
pub(crate) fn long_copy(offset: usize, mut len: usize, out: &mut [u8]) -> usize {
    let mut written = 0;
    while len > 64 {
        // What is left has four bytes at least.
        let part = (len - 4).min(64);
        written += short_copy(offset, part, &mut out[written..]);
        len -= part;
    }
    written + short_copy(offset, len, &mut out[written..])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn assert_comes_back(page: &[u8]) -> usize {
        let mut out = vec![0xee; Encoder::room(page.len())];
        let mut encoder = Encoder::default();
        let len = encoder.compress(page, &mut out);
        assert!(snap::raw::Decoder::new().decompress_vec(&out[..len]).unwrap() == page);
        let mut again = vec![0; out.len()];
        let mut compress = || encoder.compress(page, &mut again);
        assert_eq!((compress(), compress()), (len, len));
        assert!(again[..len] == out[..len]);
        len
    }

    /// Bytes of an alphabet of so many letters that look random.
    fn noise(len: usize, letters: u64) -> Vec<u8> {
        let mut state = 1u64;
        let byte = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            u8::try_from((state >> 33) % letters).unwrap()
        };
        std::iter::repeat_with(byte).take(len).collect()
    }

    /// Pieces of what came before, and some that did not, up to a length.
    fn pages() -> impl Strategy<Value = Vec<u8>> {
        let new = proptest::collection::vec(any::<u8>(), 0..200);
        let old = (any::<prop::sample::Index>(), 1usize..300, any::<bool>());
        let many = proptest::collection::vec((new, old, 1usize..200), 1..40);
        (many, LONG..LONG * 9).prop_map(|(pieces, len)| {
            let mut page = vec![7; 8];
            for (new, (from, old, far), times) in pieces.iter().cycle() {
                page.extend_from_slice(new);
                let from = if *far { from.index(page.len()) } else { page.len() - 1 - from.index(page.len().min(40)) };
                (from..from + old * if new.is_empty() { *times } else { 1 }).for_each(|i| page.push(page[i]));
                if page.len() >= len {
                    break;
                }
            }
            page.truncate(len);
            page
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn pages_come_back(page in pages()) {
            assert_comes_back(&page);
        }

        #[test]
        fn copies_and_literals_come_back(first in 1usize..200, offset in 1usize..65_535, len in 4usize..1_000) {
            let page = noise(offset.max(17) + first, 256);
            let mut out = vec![0; 2 * page.len() + 100];
            let mut written = header(page.len() + len, &mut out);
            written += literal(&page, &mut out[written..]);
            written += long_copy(offset, len, &mut out[written..]);
            let mut expected = page;
            (0..len).for_each(|_| expected.push(expected[expected.len() - offset]));
            prop_assert!(snap::raw::Decoder::new().decompress_vec(&out[..written]).unwrap() == expected);
        }
    }

    #[test]
    fn any_length_comes_back() {
        let noise = noise(LONG * 9, 3);
        for len in [
            0,
            1,
            LONG - 1,
            LONG,
            LONG + 1,
            100_001,
            4 * BLOCK - 1,
            4 * BLOCK + 31,
            4 * BLOCK + 33,
            8 * BLOCK + 40,
            noise.len(),
        ] {
            assert_comes_back(&noise[..len]);
        }
    }

    #[test]
    fn what_never_repeats_hardly_grows() {
        let noise = noise(LONG * 5, 256);
        assert!(assert_comes_back(&noise) < noise.len() + noise.len() / 1_000);
    }

    #[test]
    fn what_repeats_takes_little() {
        assert!(assert_comes_back(&vec![0; 300_000]) < 300_000 / 20);
        let line = noise(997, 256);
        let lines: Vec<u8> = line.iter().copied().cycle().take(300_000).collect();
        assert!(assert_comes_back(&lines) < 300_000 / 10);
    }

    #[test]
    fn text_gets_as_small_as_with_the_reference() {
        let letters = noise(32_000, 26);
        let words: Vec<_> = letters.chunks(16).enumerate().map(|(i, letters)| &letters[..3 + i % 9]).collect();
        let picks = noise(60_000, 199).into_iter().zip(noise(120_000, 10).split_off(60_000));
        let text: Vec<u8> =
            picks.flat_map(|(a, b)| [words[usize::from(a) * 10 + usize::from(b)], b" "].concat()).collect();
        let reference = snap::raw::Encoder::new().compress_vec(&text).unwrap().len();
        let len = assert_comes_back(&text);
        assert!(len < reference + reference / 20, "{len} for {reference}");
    }
}
