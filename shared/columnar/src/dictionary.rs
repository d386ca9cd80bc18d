//! Dictionaries: each distinct value once, found by hash.

use crate::{
    recent::{BATCH, Batch, Recent},
    value::Value,
};

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
        Self::room_of(self.0.len())
    }

    fn room_of(size: usize) -> usize {
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

    /// Makes room for one more than `len`, whose hashes are `hashes`; or, where they do not lie by hash yet, arranges
    /// them so in any case.
    fn grow(&mut self, len: usize, arrange: bool, hashes: impl Iterator<Item = u64>) {
        if len < self.room() && !arrange {
            return;
        }
        let mut size = self.0.len();
        while len >= Self::room_of(size) {
            size = (2 * size).max(32);
        }
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
///
/// Whole numbers that lie close together, as codes, counts and dates do, have a slot each by value: there is no hash to
/// make, nothing to compare with, and neighbours share a line of cache.
pub(crate) struct FixedDictionary<T> {
    values: Vec<T>,
    slots: Slots,
    /// The number of the first slot, while slots are by number and not by hash.
    first: Option<i64>,
    width: usize,
}

impl<T: Value> FixedDictionary<T> {
    /// Of values that take `width` bytes.
    pub(crate) fn new(width: usize) -> Self {
        Self { values: Vec::new(), slots: Slots::default(), first: None, width }
    }

    /// Fibonacci hashing: numbers that lie close together, as most do, never collide while there is room.
    #[inline]
    fn hash(value: T) -> u64 {
        value.key().wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }

    /// Appends the position of each of `values` to `indices`, until one is new and the dictionary would exceed
    /// `limit` bytes with it. Returns how many were appended.
    pub(crate) fn encode(&mut self, values: &[T], limit: usize, indices: &mut Vec<u32>) -> usize {
        let most = limit / self.width.max(1);
        let all = values.len();
        let mut done = 0;
        loop {
            done += self.encode_known(&values[done..], indices);
            let values = &values[done..];
            // Among these is a new one.
            let values = &values[..values.len().min(BATCH)];
            let (taken, full) = match self.first {
                Some(first) => self.encode_by_number(first, values, most, indices),
                None => self.encode_by_hash(values, most, indices),
            };
            done += taken;
            if full || done == all {
                return done;
            }
        }
    }

    /// Takes values a chunk at a time, for as long as all of a chunk are known; returns how many it took. Where nothing
    /// is added, nothing has to be looked at twice.
    #[allow(clippy::cast_possible_truncation)]
    fn encode_known(&self, values: &[T], indices: &mut Vec<u32>) -> usize {
        let (slots, known) = (self.slots.0.as_slice(), self.values.as_slice());
        if slots.is_empty() {
            return 0;
        }
        let shift = u64::BITS - slots.len().trailing_zeros();
        let mut found = [0; BATCH];
        let mut taken = 0;
        for chunk in values.chunks(BATCH) {
            let mut all = true;
            if let Some(first) = self.first {
                for (value, found) in chunk.iter().zip(&mut found) {
                    let at = usize::try_from(value.number().wrapping_sub(first).cast_unsigned()).unwrap_or(usize::MAX);
                    let slot = slots.get(at).copied().unwrap_or_default();
                    all &= slot != 0;
                    *found = slot.wrapping_sub(1);
                }
            } else {
                for (value, found) in chunk.iter().zip(&mut found) {
                    let mut at = (Self::hash(*value) >> shift) as usize & (slots.len() - 1);
                    *found = loop {
                        let position = slots[at].wrapping_sub(1);
                        match known.get(position as usize) {
                            Some(known) if known.same(*value) => break position,
                            Some(_) => at = next(at, slots.len()),
                            None => {
                                all = false;
                                break 0;
                            }
                        }
                    };
                }
            }
            if !all {
                break;
            }
            indices.extend_from_slice(&found[..chunk.len()]);
            taken += chunk.len();
        }
        taken
    }

    /// Takes values until slots have to be arranged anew; says how many it took, and whether the dictionary is full.
    #[allow(clippy::cast_possible_truncation)]
    fn encode_by_number(&mut self, first: i64, values: &[T], most: usize, indices: &mut Vec<u32>) -> (usize, bool) {
        for (taken, value) in values.iter().enumerate() {
            let at = usize::try_from(value.number().wrapping_sub(first).cast_unsigned()).unwrap_or(usize::MAX);
            let Some(slot) = self.slots.0.get_mut(at) else {
                self.first = None;
                self.slots.grow(self.values.len(), true, self.values.iter().map(|v| Self::hash(*v)));
                return (taken, false);
            };
            if *slot == 0 {
                if self.values.len() == most {
                    return (taken, true);
                }
                self.values.push(*value);
                *slot = self.values.len() as u32;
            }
            indices.push(*slot - 1);
        }
        (values.len(), false)
    }

    /// The same for values that may be any.
    #[allow(clippy::cast_possible_truncation)]
    fn encode_by_hash(&mut self, values: &[T], most: usize, indices: &mut Vec<u32>) -> (usize, bool) {
        if self.values.len() >= self.slots.room() {
            self.slots.grow(self.values.len(), false, self.values.iter().map(|v| Self::hash(*v)));
            if self.arrange_by_number() {
                return (0, false);
            }
        }
        let room = self.slots.room();
        let (slots, known) = (self.slots.0.as_mut_slice(), &mut self.values);
        for (taken, value) in values.iter().enumerate() {
            let mut at = start(Self::hash(*value), slots.len());
            let mut steps = 0;
            let position = loop {
                match slots[at].checked_sub(1) {
                    Some(position) if known[position as usize].same(*value) => break position,
                    Some(_) => at = next(at, slots.len()),
                    None if known.len() == most || steps > MAX_STEPS => return (taken, true),
                    None if known.len() == room => return (taken, false),
                    None => {
                        known.push(*value);
                        slots[at] = known.len() as u32;
                        break known.len() as u32 - 1;
                    }
                }
                steps += 1;
            };
            indices.push(position);
        }
        (values.len(), false)
    }

    /// Gives each number a slot of its own, if the slots there are reach from the least known one to the greatest.
    #[allow(clippy::cast_possible_truncation)]
    fn arrange_by_number(&mut self) -> bool {
        let values = if T::IS_NUMBER { self.values.as_slice() } else { &[] };
        let Some((min, max)) = T::bounds(values) else { return false };
        let (min, max) = (min.number(), max.number());
        let slots = self.slots.0.as_mut_slice();
        let Some(spare) = (slots.len() as u64 - 1).checked_sub(max.abs_diff(min)) else { return false };
        // What comes may be smaller as well as greater.
        let first = min.saturating_sub_unsigned(spare / 2);
        slots.fill(0);
        for (position, value) in (1..).zip(&self.values) {
            slots[value.number().abs_diff(first) as usize] = position;
        }
        self.first = Some(first);
        true
    }
}

impl<T: Value> Dictionary for FixedDictionary<T> {
    fn clear(&mut self) {
        self.values = Vec::new();
        self.slots.clear();
        // Where slots are kept, their arrangement is.
        self.first = self.first.filter(|_| !self.slots.0.is_empty());
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

    /// The key of the first `len` bytes of `tail`.
    ///
    /// Sixteen bytes are loaded at once where there are so many: to copy a number of them that is only now known takes
    /// a call, and what is loaded after that waits for it.
    #[inline]
    pub(crate) fn of_tail(tail: &[u8], len: usize) -> Self {
        match (tail.first_chunk(), MASKS.get(len)) {
            (Some(bytes), Some(mask)) => Self((u128::from_le_bytes(*bytes) & mask) << 32 | len as u128),
            _ => Self::new(&tail[..len]),
        }
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

/// The lowest bytes of a number, as many as the index says.
const MASKS: [u128; Key::INLINE + 1] = {
    let mut masks = [0; Key::INLINE + 1];
    let mut len = 1;
    while len < masks.len() {
        masks[len] = masks[len - 1] << 8 | 0xff;
        len += 1;
    }
    masks
};

/// Whether two values are equal; those of 16 to 32 bytes without a call.
#[inline]
fn equal(a: &[u8], b: &[u8]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    match (a.first_chunk::<16>(), b.first_chunk::<16>(), a.last_chunk::<16>(), b.last_chunk::<16>()) {
        (Some(a_first), Some(b_first), Some(a_last), Some(b_last)) if a.len() <= 32 => {
            let differ = |a: &[u8; 16], b: &[u8; 16]| u128::from_le_bytes(*a) ^ u128::from_le_bytes(*b);
            differ(a_first, b_first) | differ(a_last, b_last) == 0
        }
        _ => a == b,
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
    recent: Recent,
}

impl BytesDictionary {
    /// Appends the positions of so many values to `indices`, for as long as most have come before; returns how many
    /// were appended. `tail` says where each begins, and how long it is.
    pub(crate) fn encode<'a>(
        &mut self,
        values: usize,
        tail: impl Fn(usize) -> Option<(&'a [u8], usize)>,
        limit: usize,
        indices: &mut Vec<u32>,
    ) -> usize {
        let mut batch = Batch::EMPTY;
        let mut done = 0;
        while done < values && self.recent.is_on() {
            let begin = indices.len();
            let more = BATCH.min(values - done);
            let mut missed = self.recent.find(&mut batch, (done..done + more).map(&tail), indices);
            while missed != 0 {
                let i = missed.trailing_zeros() as usize;
                let index =
                    tail(done + i).and_then(|(tail, len)| self.index(Key::of_tail(tail, len), tail.get(..len)?, limit));
                let Some(index) = index else {
                    indices.truncate(begin + i);
                    return done + i;
                };
                self.recent.add(&batch, i, index);
                indices[begin + i] = index;
                missed &= missed - 1;
            }
            done += more;
        }
        done
    }

    /// The value at a position.
    pub(crate) fn value(&self, position: usize) -> &[u8] {
        let begin = position.checked_sub(1).map_or(0, |p| self.ends[p] as usize);
        &self.page[begin + 4..self.ends[position] as usize]
    }

    /// The position of `value`, of which `key` is the key; `None` if it is new and the dictionary would exceed `limit`
    /// bytes with it.
    #[inline]
    pub(crate) fn index(&mut self, key: Key, value: &[u8], limit: usize) -> Option<u32> {
        self.find(key, value).or_else(|| self.insert(key, value, limit))
    }

    /// The position of `value`, if it is known.
    #[expect(clippy::inline_always, reason = "it is most of a loop over values")]
    #[inline(always)]
    fn find(&self, key: Key, value: &[u8]) -> Option<u32> {
        let slots = self.slots.0.as_slice();
        if slots.is_empty() {
            return None;
        }
        let mut at = start(key.hash(), slots.len());
        loop {
            let position = slots.get(at)?.checked_sub(1)?;
            let found = position as usize;
            if self.keys[found] == key && (key.is_whole() || equal(self.value(found), value)) {
                return Some(position);
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
        self.slots.grow(self.keys.len(), false, self.keys.iter().map(|k| k.hash()));
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
        fn numbers_are_found_again_however_slots_are_arranged(
            // Dense ones, some far away on either side, and the ends of what there is.
            values in proptest::collection::vec(
                prop_oneof![8 => 0i64..5_000, 1 => -100_000i64..100_000, 1 => any::<i64>(), 1 => Just(i64::MIN)],
                0..3_000,
            ),
            dense in 0..3_000usize,
        ) {
            let mut dictionary = FixedDictionary::new(8);
            for chunk in 0..2 {
                let mut indices = Vec::new();
                let number = |(i, v): (usize, &i64)| if i < dense { v.rem_euclid(5_000) + chunk } else { *v };
                let values: Vec<_> = values.iter().enumerate().map(number).collect();
                prop_assert_eq!(dictionary.encode(&values, usize::MAX, &mut indices), values.len());
                let mut firsts = std::collections::HashMap::new();
                for (value, index) in values.iter().zip(&indices) {
                    let next = firsts.len();
                    prop_assert_eq!(*firsts.entry(value).or_insert(next), *index as usize);
                }
                dictionary.clear();
            }
        }

        #[test]
        fn texts_are_found_again(values in proptest::collection::vec("[ab]{0,20}|[ab]{30,34}", 0..500)) {
            let mut dictionary = BytesDictionary::default();
            for value in &values {
                let value = value.as_bytes();
                let index = dictionary.index(Key::new(value), value, usize::MAX).unwrap();
                prop_assert_eq!(dictionary.value(index as usize), value);
                for more in [0, 5, 20] {
                    let tail = [value, &b"abcdefghijklmnopqrst"[..more]].concat();
                    prop_assert!(Key::of_tail(&tail, value.len()) == Key::new(value));
                }
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
