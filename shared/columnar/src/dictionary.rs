//! Dictionaries: each distinct value once, found by hash.

use crate::value::Value;

/// Steps after which a search gives up: hashes this crowded are an accident that no data has, or an attack.
const MAX_STEPS: usize = 96;

/// What a dictionary is to the pages that use it.
pub(crate) trait Dictionary: Sized {
    /// Forgets all values.
    fn clear(&mut self);

    /// Distinct values.
    fn len(&self) -> usize;

    /// Bytes of its page.
    fn bytes(&self) -> usize;

    /// Appends its page: the values, PLAIN.
    fn page(&self, out: &mut Vec<u8>);

    /// Appends the values that `indices` stand for, PLAIN.
    fn expand(&self, indices: &[u32], out: &mut Vec<u8>);
}

/// Positions by hash: open addressing, a quarter full at most while small, then half. A slot holds a position plus one.
#[derive(Default)]
struct Slots(Vec<u32>);

/// Slots up to which a dictionary may be only a quarter full: collisions cost more than memory as long as that is cached.
const ROOMY: usize = 1 << 15;

impl Slots {
    /// Positions that there may be before it has to grow.
    fn room(&self) -> usize {
        let size = self.0.len();
        size / if size > ROOMY { 2 } else { 4 }
    }

    /// Empties all slots. Many are kept: the next chunk is likely to need them, and to let them grow takes time.
    fn clear(&mut self) {
        if self.0.len() > ROOMY {
            self.0.fill(0);
        } else {
            self.0 = Vec::new();
        }
    }

    /// Makes room for one more than `len`, whose hashes are `hashes`.
    fn grow(&mut self, len: usize, hashes: impl Iterator<Item = u64>) {
        if len < self.room() {
            return;
        }
        let size = (self.0.len() * 2).max(32);
        self.0.clear();
        self.0.resize(size, 0);
        for (position, hash) in (1..).zip(hashes) {
            let mut at = start(hash, size);
            while self.0[at] != 0 {
                at = next(at, size);
            }
            self.0[at] = position;
        }
    }
}

/// Where the search for a hash begins; `size` is a power of two, at least 2.
#[inline]
#[allow(clippy::cast_possible_truncation)]
fn start(hash: u64, size: usize) -> usize {
    (hash >> (u64::BITS - size.trailing_zeros())) as usize
}

/// The slot after another one.
#[inline]
fn next(at: usize, size: usize) -> usize {
    (at + 1) & (size - 1)
}

/// Spreads all bits of two numbers over all of one.
#[inline]
#[allow(clippy::cast_possible_truncation)]
fn mix(a: u64, b: u64) -> u64 {
    let product = u128::from(a ^ 0x9e37_79b9_7f4a_7c15) * u128::from(b ^ 0xd1b5_4a32_d192_ed03);
    product as u64 ^ (product >> 64) as u64
}

/// A dictionary of values of fixed length.
pub(crate) struct FixedDictionary<T> {
    values: Vec<T>,
    slots: Slots,
    width: usize,
}

impl<T: Value> FixedDictionary<T> {
    /// Of values that take `width` bytes.
    pub(crate) fn new(width: usize) -> Self {
        Self { values: Vec::new(), slots: Slots::default(), width }
    }

    /// Fibonacci hashing: numbers that lie close together, as most do, never collide while there is room.
    #[inline]
    fn hash(value: T) -> u64 {
        value.key().wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }

    /// Appends the position of each of `values` to `indices`, until one is new and the dictionary would exceed
    /// `limit` bytes with it. Returns how many were appended.
    #[allow(clippy::cast_possible_truncation)]
    pub(crate) fn encode(&mut self, values: &[T], limit: usize, indices: &mut Vec<u32>) -> usize {
        let begin = indices.len();
        indices.resize(begin + values.len(), 0);
        let most = limit / self.width.max(1);
        let mut done = 0;
        'grown: while done < values.len() {
            self.slots.grow(self.values.len(), self.values.iter().map(|v| Self::hash(*v)));
            let room = self.slots.room().min(most);
            let (slots, known) = (self.slots.0.as_mut_slice(), &mut self.values);
            let shift = u64::BITS - slots.len().trailing_zeros();
            for (value, index) in values[done..].iter().zip(&mut indices[begin + done..]) {
                let mut at = (Self::hash(*value) >> shift) as usize & (slots.len() - 1);
                let mut steps = 0;
                loop {
                    let slot = slots[at];
                    if slot == 0 {
                        if known.len() == most || steps > MAX_STEPS {
                            break 'grown;
                        }
                        if known.len() == room {
                            continue 'grown;
                        }
                        *index = known.len() as u32;
                        known.push(*value);
                        slots[at] = known.len() as u32;
                        break;
                    }
                    if known[slot as usize - 1].same(*value) {
                        *index = slot - 1;
                        break;
                    }
                    steps += 1;
                    at = next(at, slots.len());
                }
                done += 1;
            }
        }
        indices.truncate(begin + done);
        done
    }
}

impl<T: Value> Dictionary for FixedDictionary<T> {
    fn clear(&mut self) {
        self.values = Vec::new();
        self.slots.clear();
    }

    fn len(&self) -> usize {
        self.values.len()
    }

    fn bytes(&self) -> usize {
        self.values.len() * self.width
    }

    fn page(&self, out: &mut Vec<u8>) {
        T::plain(&self.values, self.width, out);
    }

    fn expand(&self, indices: &[u32], out: &mut Vec<u8>) {
        for chunk in indices.chunks(256) {
            let values: Vec<T> = chunk.iter().map(|i| self.values[*i as usize]).collect();
            T::plain(&values, self.width, out);
        }
    }
}

/// A value of any length as a number: shorter ones as a whole, in the layout of an Arrow view, others by their hash.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Key(u128);

impl Key {
    /// Longest value that is its own key, in bytes.
    pub(crate) const INLINE: usize = 12;

    /// The key of an inline Arrow view.
    #[inline]
    pub(crate) fn of_view(view: u128) -> Self {
        Self(view)
    }

    #[inline]
    #[allow(clippy::cast_possible_truncation)]
    pub(crate) fn new(value: &[u8]) -> Self {
        let len = value.len() as u32;
        if value.len() > Self::INLINE {
            return Self(u128::from(len) | u128::from(hash(value)) << 32);
        }
        let mut bytes = [0; 16];
        bytes[..4].copy_from_slice(&len.to_le_bytes());
        bytes[4..4 + value.len()].copy_from_slice(value);
        Self(u128::from_le_bytes(bytes))
    }

    #[inline]
    #[allow(clippy::cast_possible_truncation)]
    fn hash(self) -> u64 {
        mix(self.0 as u64, (self.0 >> 64) as u64)
    }

    /// Whether values with this key are equal.
    #[inline]
    fn is_whole(self) -> bool {
        self.0 & 0xffff_ffff <= Self::INLINE as u128
    }
}

/// A hash of more than eight bytes.
#[inline]
fn hash(value: &[u8]) -> u64 {
    let word = |bytes: Option<&[u8; 8]>| bytes.map_or(0, |b| u64::from_le_bytes(*b));
    let mut hash = value.len() as u64;
    let mut rest = value;
    while rest.len() > 16 {
        hash = mix(word(rest.first_chunk()) ^ hash, word(rest[8..].first_chunk()));
        rest = &rest[16..];
    }
    // The last bytes, some of them a second time.
    let tail = &value[value.len().saturating_sub(16)..];
    mix(word(tail.first_chunk()) ^ hash, word(tail.last_chunk()))
}

/// A dictionary of values of any length.
#[derive(Default)]
pub(crate) struct BytesDictionary {
    /// The page: each value after its length.
    page: Vec<u8>,
    /// Where each value ends in the page.
    ends: Vec<u32>,
    keys: Vec<Key>,
    slots: Slots,
}

impl BytesDictionary {
    /// The value at a position.
    pub(crate) fn value(&self, position: usize) -> &[u8] {
        let begin = position.checked_sub(1).map_or(0, |p| self.ends[p] as usize);
        &self.page[begin + 4..self.ends[position] as usize]
    }

    /// The position of `value`, of which `key` is the key; `None` if it is new and the dictionary would exceed `limit`
    /// bytes with it.
    #[inline]
    pub(crate) fn index(&mut self, key: Key, value: &[u8], limit: usize) -> Option<u32> {
        let slots = self.slots.0.as_slice();
        if slots.is_empty() {
            return self.insert(key, value, limit);
        }
        let mut at = start(key.hash(), slots.len());
        loop {
            let slot = slots[at];
            if slot == 0 {
                return self.insert(key, value, limit);
            }
            let position = slot as usize - 1;
            if self.keys[position] == key && (key.is_whole() || self.value(position) == value) {
                return Some(slot - 1);
            }
            at = next(at, slots.len());
        }
    }

    #[cold]
    #[inline(never)]
    #[allow(clippy::cast_possible_truncation)]
    fn insert(&mut self, key: Key, value: &[u8], limit: usize) -> Option<u32> {
        if self.page.len() + 4 + value.len() > limit {
            return None;
        }
        self.slots.grow(self.keys.len(), self.keys.iter().map(|k| k.hash()));
        let size = self.slots.0.len();
        let mut at = start(key.hash(), size);
        let mut steps = 0;
        while self.slots.0[at] != 0 {
            at = next(at, size);
            steps += 1;
        }
        if steps > MAX_STEPS {
            return None;
        }
        let position = self.keys.len() as u32;
        self.page.extend_from_slice(&(value.len() as u32).to_le_bytes());
        self.page.extend_from_slice(value);
        self.ends.push(self.page.len() as u32);
        self.keys.push(key);
        self.slots.0[at] = position + 1;
        Some(position)
    }
}

impl Dictionary for BytesDictionary {
    fn clear(&mut self) {
        self.slots.clear();
        *self = Self { slots: std::mem::take(&mut self.slots), ..Self::default() };
    }

    fn len(&self) -> usize {
        self.keys.len()
    }

    fn bytes(&self) -> usize {
        self.page.len()
    }

    fn page(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.page);
    }

    fn expand(&self, indices: &[u32], out: &mut Vec<u8>) {
        for index in indices {
            let position = *index as usize;
            let begin = position.checked_sub(1).map_or(0, |p| self.ends[p] as usize);
            out.extend_from_slice(&self.page[begin..self.ends[position] as usize]);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn numbers_are_found_again(values in proptest::collection::vec(-300i64..300, 0..2_000), cut in 0..2_000usize) {
            let mut dictionary = FixedDictionary::new(8);
            let mut indices = Vec::new();
            let (first, second) = values.split_at(cut.min(values.len()));
            for part in [first, second] {
                prop_assert_eq!(dictionary.encode(part, usize::MAX, &mut indices), part.len());
            }
            let mut plain = Vec::new();
            dictionary.expand(&indices, &mut plain);
            let expected: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
            prop_assert_eq!(plain, expected);
            let distinct: std::collections::HashSet<_> = values.iter().collect();
            prop_assert_eq!(dictionary.len(), distinct.len());
        }

        #[test]
        fn texts_are_found_again(values in proptest::collection::vec("[ab]{0,20}", 0..500)) {
            let mut dictionary = BytesDictionary::default();
            for value in &values {
                let value = value.as_bytes();
                let index = dictionary.index(Key::new(value), value, usize::MAX).unwrap();
                prop_assert_eq!(dictionary.value(index as usize), value);
            }
            let distinct: std::collections::HashSet<_> = values.iter().collect();
            prop_assert_eq!(dictionary.len(), distinct.len());
        }
    }

    #[test]
    fn a_full_dictionary_still_knows_what_it_has() {
        let mut dictionary = FixedDictionary::new(8);
        let mut indices = Vec::new();
        assert_eq!(dictionary.encode(&[1i64, 2, 1, 3, 1], 16, &mut indices), 3);
        assert_eq!(indices, [0, 1, 0]);
        let mut dictionary = BytesDictionary::default();
        assert_eq!(dictionary.index(Key::new(b"one"), b"one", 8), Some(0));
        assert_eq!(dictionary.index(Key::new(b"two"), b"two", 8), None);
        assert_eq!(dictionary.index(Key::new(b"one"), b"one", 8), Some(0));
    }

    #[test]
    fn the_key_of_a_view_is_that_of_its_value() {
        let array = arrow::array::StringViewArray::from(vec!["", "a", "twelve bytes"]);
        for (i, view) in array.views().iter().enumerate() {
            assert!(Key::of_view(*view) == Key::new(array.value(i).as_bytes()));
        }
    }

    #[test]
    fn hashes_of_like_values_differ() {
        let keys: std::collections::HashSet<u64> = (0..10_000)
            .map(|i| hash(format!("https://example.com/{i}/index.html").as_bytes()) & 0xffff_ffff_ffff)
            .collect();
        assert_eq!(keys.len(), 10_000);
        let starts: std::collections::HashSet<usize> =
            (0..1_000).map(|i| start(FixedDictionary::<f64>::hash(f64::from(i)), 1 << 16)).collect();
        assert!(starts.len() > 950, "{}", starts.len());
    }
}
