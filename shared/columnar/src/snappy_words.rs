//! Snappy for numbers of eight bytes.
//!
//! What two numbers have in common are their last bytes, as those of integers, or their first ones, as those of most
//! doubles that were decimals. So each number is looked up once, by these or by those, instead of byte by byte, and
//! where to look next depends on nothing that was found.

use std::hint::select_unpredictable;

use crate::snappy::{header, literal, long_copy, short_copy, short_literal};

/// Numbers in which one is looked up.
const BLOCK: usize = 1 << 13;

/// Numbers that are looked up before what was found is written.
const STEPS: usize = 256;

/// Numbers at the end of a page that are not looked up.
const MARGIN: usize = 4;

/// Bits of a hash.
const BITS: u32 = 13;

/// Numbers that show how a page is best searched.
const SAMPLE: usize = 256;

/// The last position of each hash.
type Table = [u16; 1 << BITS];

/// The numbers that positions stand for.
type View = [[u8; 8]; BLOCK];

/// Compresses pages of numbers; keeps the memory that this takes.
pub(crate) struct Encoder {
    table: Box<Table>,
    found: Box<[Match; STEPS]>,
}

/// Bytes of a block that have come before.
#[derive(Clone, Copy, Default)]
struct Match {
    at: u32,
    /// Bytes to go back by.
    offset: u16,
    len: u16,
}

/// The bytes by which numbers are looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum By {
    /// All above so many bits.
    Last(u32),
    /// The first five.
    First,
    /// None: only the number before is compared.
    Nothing,
}

impl By {
    /// How a page is best searched; `None` if not by numbers: where they have too little in common, or some are close to
    /// the one before and some not.
    #[allow(clippy::cast_possible_truncation)]
    pub(crate) fn of(page: &[u8]) -> Option<Self> {
        let numbers = page.as_rchunks::<8>().1;
        if numbers.len() < BLOCK {
            return None;
        }
        // The first may be levels.
        let pairs = numbers.windows(2).skip(2);
        let (mut next, mut near, mut same, mut all) = (0, 0, 0, 0);
        let mut seen = [0u64; 64];
        for pair in pairs.step_by(numbers.len() / SAMPLE) {
            let (before, number) = (u64::from_le_bytes(pair[0]), u64::from_le_bytes(pair[1]));
            let differ = before ^ number;
            next += usize::from(differ >> 8 == 0);
            near += usize::from(differ >> 32 == 0);
            all |= differ;
            let hash = (number << 24).wrapping_mul(PRIME) >> 52;
            let (word, bit) = (&mut seen[(hash >> 6) as usize & 63], 1 << (hash & 63));
            same += usize::from(*word & bit != 0);
            *word |= bit;
        }
        match () {
            () if next > SAMPLE / 4 * 3 => Some(Self::Nothing),
            () if next > SAMPLE / 4 => None,
            // The two highest bytes that differ.
            () if near > SAMPLE / 8 * 7 => Some(Self::Last(if all >> 24 == 0 { 8 } else { 16 })),
            () if same > SAMPLE / 8 => Some(Self::First),
            () => None,
        }
    }
}

const PRIME: u64 = 0x9e37_79b1_85eb_ca87;

impl Default for Encoder {
    fn default() -> Self {
        Self { table: Box::new([0; 1 << BITS]), found: Box::new([Match::default(); STEPS]) }
    }
}

impl Encoder {
    /// Bytes of `out` that a page of so many may need while it is compressed.
    pub(crate) fn room(page: usize) -> usize {
        page + page / 6 + 64
    }

    /// Compresses a page that is searched by `by` into `out`, which has [`Self::room`] for it. Returns the length.
    pub(crate) fn compress(&mut self, page: &[u8], by: By, out: &mut [u8]) -> usize {
        let mut written = header(page.len(), out);
        let (levels, numbers) = page.as_rchunks::<8>();
        let mut covered = 0;
        for begin in (0..numbers.len()).step_by(BLOCK) {
            // Near the end of the page the view begins before the block.
            let first = begin.min(numbers.len().saturating_sub(BLOCK));
            let Some(view) = numbers[first..].first_chunk() else { break };
            let last = (begin - first + BLOCK).min(numbers.len() - first - MARGIN);
            self.table.fill(1);
            // The first that is looked up has two before it.
            let mut at = (begin - first).max(2);
            while at < last {
                let end = last.min(at + STEPS);
                let matches = match by {
                    By::Last(bits) => self.search::<true>(view, bits, at, end),
                    By::First => self.search::<false>(view, 0, at, end),
                    By::Nothing => self.compare(view, at, end),
                };
                let view_begins = levels.len() + 8 * first;
                for found in &self.found[..matches] {
                    let Match { at, offset, len } = *found;
                    let (mut at, offset, mut len) = (view_begins + at as usize, usize::from(offset), usize::from(len));
                    if at < covered {
                        // A match before it was longer than the search knew.
                        let known = covered - at;
                        if len < known + 4 {
                            continue;
                        }
                        (at, len) = (covered, len - known);
                    }
                    written += short_literal(page, covered, at - covered, &mut out[written..]);
                    let next = at + len - levels.len();
                    if by == By::First && next.is_multiple_of(8) {
                        len += common(&numbers[next / 8 - offset / 8..], &numbers[next / 8..]);
                    }
                    written += if len <= 64 {
                        short_copy(offset, len, &mut out[written..])
                    } else {
                        long_copy(offset, len, &mut out[written..])
                    };
                    covered = at + len;
                }
                at = end;
            }
        }
        written + literal(&page[covered..], &mut out[written..])
    }

    /// Looks up numbers; returns how many matches were found.
    #[inline(never)]
    #[allow(clippy::cast_possible_truncation)]
    fn search<const LAST: bool>(&mut self, view: &View, bits: u32, at: usize, end: usize) -> usize {
        let Self { table, found } = self;
        let number = |at: usize| u64::from_le_bytes(view[at & (BLOCK - 1)]);
        let mut before = number(at - 1);
        let mut matches = 0;
        for here in at..end {
            let this = number(here);
            let key = if LAST { this >> bits } else { this << 24 };
            let slot = &mut table[(key.wrapping_mul(PRIME) >> (u64::BITS - BITS)) as usize];
            let from = usize::from(std::mem::replace(slot, here as u16));
            let differ = this ^ number(from);
            let (at, from, len) = if LAST {
                let near = this ^ before;
                let is_same = differ >> bits == 0;
                let len = last(select_unpredictable(is_same, differ, near));
                (8 * here + 8 - len, select_unpredictable(is_same, from, here - 1), len)
            } else {
                let is_same = differ << 24 == 0;
                let len = differ.trailing_zeros() as usize / 8;
                let more = last(before ^ number(from.wrapping_sub(1)));
                (8 * here - more, from, select_unpredictable(is_same, len + more, 0))
            };
            // Overwritten by the next where it is none.
            found[matches & (STEPS - 1)] = Match { at: at as u32, offset: (8 * (here - from)) as u16, len: len as u16 };
            matches += usize::from(len >= 4);
            before = this;
        }
        matches
    }

    /// Compares each number with that before it; returns how many matches were found.
    #[inline(never)]
    #[allow(clippy::cast_possible_truncation)]
    fn compare(&mut self, view: &View, at: usize, end: usize) -> usize {
        let mut current = Match { at: 8 * at as u32, offset: 8, len: 0 };
        let mut matches = 0;
        for (here, pair) in (at..end).zip(view[at - 1..end].windows(2)) {
            let differ = u64::from_le_bytes(pair[0]) ^ u64::from_le_bytes(pair[1]);
            let len = last(differ);
            #[allow(clippy::needless_bitwise_bool, reason = "one branch less")]
            let is_next = (differ != 0) & (current.len >= 4);
            matches += usize::from(is_next);
            let begun = Match { at: (8 * here + 8 - len) as u32, offset: 8, len: len as u16 };
            let longer = Match { len: current.len + 8, ..current };
            current = select_unpredictable(differ == 0, longer, begun);
            self.found[matches & (STEPS - 1)] = current;
        }
        matches + usize::from(current.len >= 4)
    }
}

/// The last bytes of two numbers that are the same, where they are not all.
#[inline]
fn last(differ: u64) -> usize {
    (differ | 1).leading_zeros() as usize / 8
}

/// Bytes that begin both.
fn common(a: &[[u8; 8]], b: &[[u8; 8]]) -> usize {
    let mut len = 0;
    for (a, b) in a.iter().zip(b) {
        let differ = u64::from_le_bytes(*a) ^ u64::from_le_bytes(*b);
        if differ != 0 {
            return len + differ.trailing_zeros() as usize / 8;
        }
        len += 8;
    }
    len
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn assert_comes_back(page: &[u8], by: By) -> usize {
        let mut out = vec![0xee; Encoder::room(page.len())];
        let mut encoder = Encoder::default();
        let len = encoder.compress(page, by, &mut out);
        assert!(snap::raw::Decoder::new().decompress_vec(&out[..len]).unwrap() == page);
        assert_eq!(encoder.compress(page, by, &mut vec![0; out.len()]), len);
        len
    }

    fn page(levels: usize, numbers: impl Iterator<Item = u64>) -> Vec<u8> {
        let mut page = vec![3; levels];
        numbers.for_each(|n| page.extend_from_slice(&n.to_le_bytes()));
        page
    }

    /// Numbers that look random: `SplitMix64`.
    fn random(seed: u64) -> impl Iterator<Item = u64> {
        (seed..).map(|i| {
            let z = (i + 1).wrapping_mul(PRIME);
            let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            z ^ (z >> 31)
        })
    }

    #[allow(clippy::cast_precision_loss)]
    fn prices() -> impl Iterator<Item = u64> {
        random(7).map(|n| ((90_000 + n % 10_000_000) as f64 / 100.0).to_bits())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn pages_come_back(
            levels in 0usize..20,
            count in BLOCK..BLOCK * 4,
            masks in proptest::collection::vec((any::<u64>(), any::<u64>(), 1usize..2_000), 1..20),
            seed: u64,
        ) {
            let masks = masks.iter().flat_map(|(a, b, times)| std::iter::repeat_n(a & b, *times)).cycle();
            let numbers = random(seed >> 1).zip(masks).map(|(n, mask)| n & mask);
            let page = page(levels, numbers.take(count));
            assert_comes_back(&page, By::First);
            assert_comes_back(&page, By::Last(8));
            assert_comes_back(&page, By::Last(16));
            assert_comes_back(&page, By::Nothing);
        }
    }

    #[test]
    fn runs_come_back() {
        for times in [1, 2, 3, 9, 1_000, 100_000] {
            let numbers = random(times).flat_map(|n| std::iter::repeat_n(n % 99_999, usize::try_from(times).unwrap()));
            let page = page(6, numbers.take(3 * BLOCK + 3));
            assert_comes_back(&page, By::First);
            assert_comes_back(&page, By::Last(8));
            assert_comes_back(&page, By::Last(16));
            assert_comes_back(&page, By::Nothing);
        }
    }

    #[test]
    fn numbers_are_searched_as_it_suits_them() {
        let keys = || random(1).map(|n| n % 200_000);
        assert_eq!(By::of(&page(8, keys().take(20_480))), Some(By::Last(8)));
        assert_eq!(By::of(&page(6, prices().take(20_480))), Some(By::First));
        assert_eq!(By::of(&page(6, random(1).take(20_480))), None);
        assert_eq!(By::of(&page(6, (0..20_480).map(|n| n / 4))), Some(By::Nothing));
        assert_eq!(By::of(&page(6, keys().take(BLOCK - 1))), None);
    }

    #[test]
    fn pages_get_as_small_as_with_the_reference() {
        let keys = page(6, random(1).map(|n| n % 200_000).take(20_480));
        let customers = page(6, random(2).map(|n| n % 50_000_000).take(20_480));
        let prices = page(6, prices().take(20_480));
        let rising = page(6, random(1).scan(0, |sum, n| Some(std::mem::replace(sum, *sum + n % 2))).take(20_480));
        for (page, by) in [(keys, By::Last(8)), (customers, By::Last(16)), (prices, By::First), (rising, By::Nothing)] {
            let reference = snap::raw::Encoder::new().compress_vec(&page).unwrap().len();
            let len = assert_comes_back(&page, by);
            assert!(len < reference + reference / 10, "{by:?}: {len} for {reference}");
        }
    }
}
