//! Whether a dictionary pays for a column chunk, judged by its first page.

use crate::{
    Error,
    compress::{Codec, Content},
};

/// The first page of a chunk, as it would be written with a dictionary and without one.
pub(crate) struct Trial<'a> {
    /// The dictionary's page.
    pub(crate) dictionary: &'a [u8],
    /// The values as positions in the dictionary, which was filled by them.
    pub(crate) indices: &'a [u32],
    /// The positions, encoded.
    pub(crate) packed: usize,
    /// The values, PLAIN.
    pub(crate) plain: &'a [u8],
    /// Values that the chunk will have, about.
    pub(crate) expected: usize,
    /// Bytes that a dictionary may have.
    pub(crate) limit: usize,
}

impl Trial<'_> {
    /// Whether the chunk will be smaller with a dictionary.
    ///
    /// How the dictionary will grow is seen in how it grew from the first half of the page to the second: values drawn
    /// from a finite set become known at an exponential rate, values that never return do not.
    #[allow(clippy::cast_precision_loss)]
    pub(crate) fn pays(&self, (codec, content): (&mut Codec, Content), scratch: &mut Vec<u8>) -> Result<bool, Error> {
        let count = self.indices.len();
        let distinct = |part: &[u32]| part.iter().max().map_or(0, |max| *max as usize + 1);
        let (first, all) = (distinct(&self.indices[..count / 2]), distinct(self.indices));
        if all == count {
            return Ok(false);
        }
        let halves = (2 * self.expected).div_ceil(count).max(2);
        let values = (count / 2 * halves) as f64;
        let second = (all - first) as f64;
        // What looks like the end of growth may be chance: two standard deviations of the number of values that return.
        let chance = if 2 * (all - first) > first { 2.0 * ((count - all) as f64).sqrt() } else { 0.0 };
        let grown = geometric(first as f64, second + chance, halves);
        let entry = self.dictionary.len() as f64 / all as f64;
        if grown * entry > self.limit as f64 {
            return Ok(false);
        }
        if grown * 16.0 <= values {
            return Ok(true);
        }
        let mut size = |bytes: &[u8]| codec.compress(bytes, content, scratch).map(|compressed| compressed.len() as f64);
        let (plain, dictionary) = (size(self.plain)?, size(self.dictionary)?);
        let widening = grown.max(2.0).log2().ceil() / (all.max(2) as f64).log2().ceil();
        let with = dictionary / all as f64 * grown + self.packed as f64 / count as f64 * widening * values;
        let without = plain / count as f64 * values;
        Ok(with < without * 0.95)
    }
}

/// The sum of a geometric series of so many terms, of which the first two are given, and which never rises.
#[allow(clippy::cast_precision_loss)]
fn geometric(first: f64, second: f64, terms: usize) -> f64 {
    if first <= 0.0 || second >= first {
        return first * terms as f64;
    }
    let ratio = second / first;
    // By squaring: `powf` need not give the same everywhere, but files should be.
    let (mut power, mut square, mut left) = (1.0, ratio, terms);
    while left > 0 {
        if left & 1 == 1 {
            power *= square;
        }
        square *= square;
        left >>= 1;
    }
    first * (1.0 - power) / (1.0 - ratio)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Compression,
        dictionary::{Dictionary, FixedDictionary},
        hybrid,
    };

    fn pays(values: &[i64], expected: usize) -> bool {
        let mut dictionary = FixedDictionary::new(8);
        let (mut indices, mut page, mut plain, mut packed) = (vec![], vec![], vec![], vec![]);
        dictionary.encode(values, usize::MAX, &mut indices);
        dictionary.page(&mut page);
        dictionary.expand(&indices, &mut plain);
        hybrid::encode(&indices, hybrid::width(dictionary.len()), &mut packed);
        let trial = Trial {
            dictionary: &page,
            indices: &indices,
            packed: packed.len(),
            plain: &plain,
            expected,
            limit: 2 << 20,
        };
        trial.pays((&mut Codec::new(Compression::Snappy).unwrap(), Content::Words), &mut Vec::new()).unwrap()
    }

    /// Numbers below `below` that look random: `SplitMix64`.
    fn random(count: u64, below: i64) -> Vec<i64> {
        let number = |i: u64| {
            let z = (i + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            (z ^ (z >> 31)).cast_signed().rem_euclid(below)
        };
        (0..count).map(number).collect()
    }

    #[test]
    fn few_values_take_a_dictionary_and_unique_ones_do_not() {
        assert!(pays(&random(20_000, 50), 500_000));
        assert!(!pays(&(0..20_000).map(|i| i * 7_919).collect::<Vec<_>>(), 500_000));
    }

    #[test]
    fn a_dictionary_that_will_be_used_often_pays_before_it_does_so() {
        let values = random(20_000, 150_000);
        assert!(pays(&values, 600_000));
        assert!(!pays(&values, 20_000));
    }

    #[test]
    fn a_series_is_summed_up_however_long_it_is() {
        assert!((geometric(8.0, 4.0, 3) - 14.0).abs() < 1e-9);
        assert!((geometric(8.0, 4.0, usize::MAX) - 16.0).abs() < 1e-9);
        assert!((geometric(8.0, 9.0, 3) - 24.0).abs() < 1e-9);
        assert!(geometric(8.0, 8.0, usize::MAX).is_finite());
    }

    #[test]
    fn values_that_come_in_groups_and_never_return_take_none() {
        // Four of each, but for some that do return.
        let groups: Vec<_> = (0..20_000).map(|i| if i % 250 == 249 { 7 } else { i / 4 }).collect();
        for expected in [50_000, 500_000, 1 << 24] {
            assert!(!pays(&groups, expected));
        }
    }
}
