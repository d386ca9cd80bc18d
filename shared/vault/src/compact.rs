//! Items in memory, in little more than the bytes they are made of: about 120 for an entry with a short value, and 70
//! for a pointer.

use std::sync::Arc;

use crate::{
    Shape, Token,
    index::{Fingerprint, PROOF},
    item::{Body, Entry, Item, Pointer, WrappedKey, entry_id, pointer_id, print_of, token_of},
    token::RANDOM,
};

/// Bytes that are asked of the allocator at once.
const PAGE: usize = 256 << 10;

/// What a record begins with: what its key is made of.
const PRINT: u8 = 0;
const TOKEN: u8 = 1;
const TEXT: u8 = 2;
/// And the same for its body.
const ENTRY: u8 = 0;
const POINTER: u8 = 1;
const KEY: u8 = 2;
const UNREADABLE: u8 = 3;

/// A map of items by their keys. What is removed leaves its bytes behind.
#[derive(Default)]
pub(crate) struct Items {
    /// Records, one after the other; none goes over the end of a page.
    pages: Vec<Vec<u8>>,
    /// Open addressing, in a power of two of places.
    slots: Vec<Slot>,
    /// Slots that are not free.
    used: usize,
    count: usize,
    /// Scope, type and data key of entries, each once.
    names: Vec<[Arc<str>; 3]>,
}

#[derive(Clone, Copy, PartialEq, Eq, Default)]
enum Slot {
    #[default]
    Free,
    /// Of an item that was removed: the search goes on.
    Removed,
    At {
        page: u32,
        place: u32,
    },
}

impl Items {
    pub(crate) fn len(&self) -> usize {
        self.count
    }

    /// Bytes of memory that it takes.
    pub(crate) fn bytes(&self) -> usize {
        let pages: usize = self.pages.iter().map(Vec::capacity).sum();
        pages + self.slots.len() * size_of::<Slot>()
    }

    pub(crate) fn get(&self, id: &str) -> Option<Item> {
        let body = self.find(&key(id)).ok()?.1;
        Some(Item { id: id.to_owned(), body: self.body(body)? })
    }

    pub(crate) fn contains(&self, id: &str) -> bool {
        self.find(&key(id)).is_ok()
    }

    /// Keeps an item in place of what there was of its key.
    pub(crate) fn insert(&mut self, item: &Item) {
        if (self.used + 1) * 8 > self.slots.len() * 7 {
            self.grow();
        }
        let key = key(&item.id);
        let mut record = key.clone();
        self.write(&item.body, &mut record);
        if self.pages.last().is_none_or(|page| page.capacity() - page.len() < record.len()) {
            self.pages.push(Vec::with_capacity(PAGE.max(record.len())));
        }
        let number = |n| u32::try_from(n).unwrap_or(u32::MAX);
        let page = number(self.pages.len() - 1);
        let Some(last) = self.pages.last_mut() else { return };
        let at = Slot::At { page, place: number(last.len()) };
        last.extend_from_slice(&record);
        match self.find(&key) {
            Ok((slot, _)) => self.slots[slot] = at,
            Err(slot) => {
                self.used += usize::from(self.slots[slot] == Slot::Free);
                self.count += 1;
                self.slots[slot] = at;
            }
        }
    }

    pub(crate) fn remove(&mut self, id: &str) {
        if let Ok((slot, _)) = self.find(&key(id)) {
            self.slots[slot] = Slot::Removed;
            self.count -= 1;
        }
    }

    /// All of them, in no order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Item> {
        self.slots.iter().filter_map(|slot| {
            let mut record = self.record(*slot)?;
            Some(Item { id: read_key(&mut record)?, body: self.body(record)? })
        })
    }

    fn record(&self, slot: Slot) -> Option<&[u8]> {
        match slot {
            Slot::At { page, place } => self.pages.get(page as usize)?.get(place as usize..),
            Slot::Free | Slot::Removed => None,
        }
    }

    /// The slot of a key and the body of its item; where there is none, the slot to put it in.
    fn find(&self, key: &[u8]) -> Result<(usize, &[u8]), usize> {
        let mask = self.slots.len().wrapping_sub(1);
        let mut free = None;
        let mut slot = hash(key) & mask;
        for _ in 0..self.slots.len() {
            match self.slots[slot] {
                Slot::Free => return Err(free.unwrap_or(slot)),
                Slot::Removed => free = free.or(Some(slot)),
                at @ Slot::At { .. } => {
                    if let Some(body) = self.record(at).and_then(|record| record.strip_prefix(key)) {
                        return Ok((slot, body));
                    }
                }
            }
            slot = (slot + 1) & mask;
        }
        Err(free.unwrap_or_default())
    }

    fn grow(&mut self) {
        let slots = vec![Slot::Free; (self.slots.len() * 2).max(64)];
        let old = std::mem::replace(&mut self.slots, slots);
        let mask = self.slots.len() - 1;
        self.used = 0;
        for at in old {
            let Some(record) = self.record(at) else { continue };
            let mut rest = record;
            skip_key(&mut rest);
            let mut slot = hash(&record[..record.len() - rest.len()]) & mask;
            while self.slots[slot] != Slot::Free {
                slot = (slot + 1) & mask;
            }
            self.slots[slot] = at;
            self.used += 1;
        }
    }

    fn write(&mut self, body: &Body, out: &mut Vec<u8>) {
        match body {
            Body::Entry(Entry { token, scope, kind, key, sealed, proof }) => {
                out.push(ENTRY);
                out.push(u8::from(token.shape() == Shape::Email));
                out.extend_from_slice(token.random());
                let names = [scope, kind, key];
                let known = self.names.iter().position(|known| known.iter().eq(names));
                let known = known.unwrap_or_else(|| {
                    self.names.push(names.map(Arc::clone));
                    self.names.len() - 1
                });
                put_length(known, out);
                put(sealed, out);
                out.extend_from_slice(proof);
            }
            Body::Pointer(Pointer { entry, proof }) => {
                out.push(POINTER);
                out.extend_from_slice(&key(entry));
                out.extend_from_slice(proof);
            }
            Body::Key(WrappedKey { key, wrapped }) => {
                out.push(KEY);
                put(key.as_bytes(), out);
                put(wrapped, out);
            }
            Body::Unreadable => out.push(UNREADABLE),
        }
    }

    fn body(&self, mut record: &[u8]) -> Option<Body> {
        let record = &mut record;
        Some(match take::<1>(record)? {
            [ENTRY] => {
                let shape = if take::<1>(record)? == [1] { Shape::Email } else { Shape::Plain };
                let token = Token::new(&take::<RANDOM>(record)?, shape);
                let [scope, kind, key] = self.names.get(length(record)?)?.each_ref().map(Arc::clone);
                let sealed = part(record)?.to_vec();
                Body::Entry(Entry { token, scope, kind, key, sealed, proof: take::<PROOF>(record)? })
            }
            [POINTER] => Body::Pointer(Pointer { entry: read_key(record)?, proof: take::<PROOF>(record)? }),
            [KEY] => {
                let key = std::str::from_utf8(part(record)?).ok()?.to_owned();
                Body::Key(WrappedKey { key, wrapped: part(record)?.to_vec() })
            }
            _ => Body::Unreadable,
        })
    }
}

/// A key in few bytes; no two have the same, and none begins as another does.
fn key(id: &str) -> Vec<u8> {
    let mut key = Vec::with_capacity(160);
    if let Some(print) = print_of(id).filter(|print| entry_id(print) == id) {
        key.push(PRINT);
        key.extend_from_slice(&print.0);
    } else if let Some(token) = token_of(id) {
        key.push(TOKEN);
        key.extend_from_slice(token.random());
    } else {
        key.push(TEXT);
        put(id.as_bytes(), &mut key);
    }
    key
}

fn read_key(record: &mut &[u8]) -> Option<String> {
    Some(match take::<1>(record)? {
        [PRINT] => entry_id(&Fingerprint(take(record)?)),
        [TOKEN] => pointer_id(Token::new(&take(record)?, Shape::Plain)),
        _ => std::str::from_utf8(part(record)?).ok()?.to_owned(),
    })
}

fn skip_key(record: &mut &[u8]) -> Option<()> {
    match take::<1>(record)? {
        [PRINT] => take::<32>(record).map(drop),
        [TOKEN] => take::<RANDOM>(record).map(drop),
        _ => part(record).map(drop),
    }
}

/// Keys end in random bytes, but for a few.
fn hash(key: &[u8]) -> usize {
    let last = key.last_chunk().map_or(0, |last| u64::from_le_bytes(*last));
    // The upper half, mixed: text has little in each of its bytes.
    usize::try_from(last.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32).unwrap_or_default()
}

fn put(part: &[u8], out: &mut Vec<u8>) {
    put_length(part.len(), out);
    out.extend_from_slice(part);
}

/// Nothing here is longer than 4 GiB.
fn put_length(length: usize, out: &mut Vec<u8>) {
    out.extend_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes());
}

fn length(record: &mut &[u8]) -> Option<usize> {
    usize::try_from(u32::from_le_bytes(take(record)?)).ok()
}

fn part<'a>(record: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = length(record)?;
    let (part, rest) = record.split_at_checked(length)?;
    *record = rest;
    Some(part)
}

fn take<const N: usize>(record: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, rest) = record.split_first_chunk()?;
    *record = rest;
    Some(*taken)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn item(n: u8, kind: u8, length: usize) -> Item {
        let token = Token::new(&[n; 16], if n.is_multiple_of(2) { Shape::Plain } else { Shape::Email });
        let text = |prefix: &str| format!("{prefix}{n}");
        let (id, body) = match kind {
            0 => {
                let (scope, kind, key) = ("crm".into(), text("k").into(), text("d").into());
                let entry = Entry { token, scope, kind, key, sealed: vec![n; length], proof: [n; PROOF] };
                (entry_id(&Fingerprint([n; 32])), Body::Entry(entry))
            }
            1 => {
                let entry = entry_id(&Fingerprint([n; 32]));
                (pointer_id(token), Body::Pointer(Pointer { entry, proof: [n; PROOF] }))
            }
            2 => {
                // Not written by any vault.
                let entry = text("token#");
                (text("value#"), Body::Pointer(Pointer { entry, proof: [n; PROOF] }))
            }
            3 => (text("key#data#"), Body::Key(WrappedKey { key: text("k"), wrapped: vec![n; length] })),
            _ => (text(""), Body::Unreadable),
        };
        Item { id, body }
    }

    proptest! {
        #[test]
        fn it_is_a_map(steps in prop::collection::vec((any::<u8>(), 0..5_u8, 0..400_usize, 0..4_u8), 0..400)) {
            let (mut items, mut expected) = (Items::default(), BTreeMap::new());
            for (n, kind, length, act) in steps {
                let item = item(n, kind, length);
                if act == 0 {
                    items.remove(&item.id);
                    expected.remove(&item.id);
                } else {
                    items.insert(&item);
                    expected.insert(item.id.clone(), item.clone());
                }
                prop_assert_eq!(items.get(&item.id), expected.get(&item.id).cloned());
                prop_assert_eq!(items.contains(&item.id), expected.contains_key(&item.id));
                prop_assert_eq!(items.len(), expected.len());
            }
            let mut all: Vec<Item> = items.iter().collect();
            all.sort_by(|a, b| a.id.cmp(&b.id));
            prop_assert_eq!(all, expected.into_values().collect::<Vec<_>>());
        }
    }
}
