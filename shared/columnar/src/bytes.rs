//! Columns of text and of binary values.

use std::ops::Range;

use arrow::{
    array::{Array, GenericByteArray, GenericByteViewArray},
    buffer::NullBuffer,
    datatypes::{ArrowNativeType, ByteArrayType, ByteViewType},
};

use crate::{
    Error,
    bounds::{Bounds, Form, Prefix, head},
    dictionary::{BytesDictionary, Dictionary, Key},
    page::{HEADROOM, Page},
    values::Values,
};

/// Arrays of values of any length, whatever their layout.
pub(crate) trait Source: Array {
    /// Calls `each` with every row of `range`, until it returns false; returns the row that it did so for.
    fn scan<'a>(&'a self, range: Range<usize>, each: impl FnMut(Item<'a>) -> bool) -> Option<usize>;

    /// A row's value, as the beginning of what follows it, and its length; `None` where values lie apart.
    fn tail(&self, row: usize) -> Option<(&[u8], usize)>;
}

/// A value, and where it lies.
#[derive(Clone, Copy)]
pub(crate) enum Item<'a> {
    /// An Arrow view that holds a short value itself.
    Inline(u128),
    /// `len` bytes at the beginning of `tail`.
    Slice { tail: &'a [u8], len: usize },
}

impl Item<'_> {
    #[inline]
    fn with_value<R>(self, f: impl FnOnce(&[u8]) -> R) -> R {
        match self {
            Self::Inline(view) => f(&view.to_le_bytes()[4..][..inline_len(view)]),
            Self::Slice { tail, len } => f(&tail[..len]),
        }
    }

    #[inline]
    fn key(self) -> Key {
        match self {
            Self::Inline(view) => Key::of_view(view),
            Self::Slice { tail, len } => Key::of_tail(tail, len),
        }
    }

    #[inline]
    #[allow(clippy::cast_possible_truncation)]
    fn head(self) -> u32 {
        match self {
            Self::Inline(view) => ((view >> 32) as u32).swap_bytes(),
            Self::Slice { tail, len } => head(&tail[..len]),
        }
    }
}

#[inline]
#[allow(clippy::cast_possible_truncation)]
fn inline_len(view: u128) -> usize {
    (view as u32 as usize).min(Key::INLINE)
}

impl<T: ByteArrayType> Source for GenericByteArray<T> {
    #[inline]
    fn scan<'a>(&'a self, range: Range<usize>, mut each: impl FnMut(Item<'a>) -> bool) -> Option<usize> {
        let data = self.value_data();
        let offsets = &self.value_offsets()[range.start..=range.end];
        let found = offsets.windows(2).position(|pair| {
            let (begin, end) = (pair[0].as_usize(), pair[1].as_usize());
            !each(Item::Slice { tail: &data[begin..], len: end - begin })
        });
        found.map(|i| range.start + i)
    }

    #[inline]
    fn tail(&self, row: usize) -> Option<(&[u8], usize)> {
        let [begin, end] = *self.value_offsets().get(row..)?.first_chunk()?;
        let (begin, end) = (begin.as_usize(), end.as_usize());
        Some((self.value_data().get(begin..)?, end - begin))
    }
}

impl<T: ByteViewType> Source for GenericByteViewArray<T> {
    #[inline]
    #[allow(clippy::cast_possible_truncation)]
    fn scan<'a>(&'a self, range: Range<usize>, mut each: impl FnMut(Item<'a>) -> bool) -> Option<usize> {
        let buffers = self.data_buffers();
        let found = self.views()[range.clone()].iter().position(|view| {
            let len = *view as u32 as usize;
            !each(if len <= Key::INLINE {
                Item::Inline(*view)
            } else {
                let buffer = &buffers[(*view >> 64) as u32 as usize];
                Item::Slice { tail: &buffer[(*view >> 96) as usize..], len }
            })
        });
        found.map(|i| range.start + i)
    }

    fn tail(&self, _: usize) -> Option<(&[u8], usize)> {
        None
    }
}

/// A column chunk of values of any length.
pub(crate) struct Bytes {
    pub(crate) values: Values<BytesDictionary>,
    pub(crate) bounds: Bounds<Prefix>,
    pub(crate) form: Form,
    /// Which values of the dictionary the open page has.
    seen: Vec<bool>,
    /// Bytes after which a PLAIN page is full.
    full: usize,
}

impl Bytes {
    /// Of text or binary values, with a dictionary of at most `limit` bytes and PLAIN pages of about `full` bytes.
    pub(crate) fn new(text: bool, limit: usize, full: usize) -> Self {
        Self {
            values: Values::new(BytesDictionary::default(), limit),
            bounds: Bounds::new(),
            form: Form { text, width: 0 },
            seen: Vec::new(),
            full: full + HEADROOM,
        }
    }

    /// Adds the rows of `range` to the open page until it is full; returns how many were.
    pub(crate) fn append(&mut self, source: &impl Source, nulls: Option<&NullBuffer>, range: Range<usize>) -> usize {
        let begin = range.start;
        match nulls.map(|nulls| nulls.slice(begin, range.len())) {
            Some(nulls) if nulls.null_count() > 0 => {
                for (from, to) in nulls.valid_slices() {
                    let end = self.append_valid(source, begin + from..begin + to);
                    if self.is_full() {
                        return end - begin;
                    }
                }
                range.len()
            }
            _ => self.append_valid(source, range) - begin,
        }
    }

    pub(crate) fn is_full(&self) -> bool {
        self.values.plain_bytes() >= self.full
    }

    /// Adds rows without nulls until the page is full; returns the row to go on with.
    fn append_valid(&mut self, source: &impl Source, mut range: Range<usize>) -> usize {
        if let Some((dictionary, limit, indices)) = self.values.dictionary() {
            range.start += dictionary.encode(range.len(), |i| source.tail(range.start + i), limit, indices);
            let stopped = source.scan(range.clone(), |item| {
                let index = match item {
                    Item::Inline(view) => {
                        let bytes = view.to_le_bytes();
                        dictionary.index(item.key(), &bytes[4..][..inline_len(view)], limit)
                    }
                    Item::Slice { tail, len } => dictionary.index(item.key(), &tail[..len], limit),
                };
                index.map(|index| indices.push(index)).is_some()
            });
            let Some(row) = stopped else { return range.end };
            range.start = row;
            self.widen_by_indices();
            self.values.give_up_dictionary();
        }
        self.append_plain(source, range)
    }

    fn append_plain(&mut self, source: &impl Source, range: Range<usize>) -> usize {
        let Self { values, bounds, full, .. } = self;
        let plain = values.plain();
        // What lies between these, by its first bytes, changes no bound.
        let inner = |bounds: &Bounds<Prefix>| bounds.page().map_or((u32::MAX, 0), |(a, b)| (a.head(), b.head()));
        let (mut least, mut greatest) = inner(bounds);
        let stopped = source.scan(range.clone(), |item| {
            let head = item.head();
            if head <= least || head >= greatest {
                item.with_value(|value| widen(bounds, value));
                (least, greatest) = inner(bounds);
            }
            put(item, plain);
            plain.len() < *full
        });
        stopped.map_or(range.end, |row| row + 1)
    }

    /// Widens the bounds by the values that the open page has in the dictionary.
    fn widen_by_indices(&mut self) {
        let (dictionary, indices) = self.values.indices();
        if indices.is_empty() {
            return;
        }
        self.seen.clear();
        self.seen.resize(dictionary.len(), false);
        for index in indices {
            self.seen[*index as usize] = true;
        }
        for (position, _) in self.seen.iter().enumerate().filter(|(_, seen)| **seen) {
            widen(&mut self.bounds, dictionary.value(position));
        }
    }

    /// Ends the open page, in a chunk that is expected to have so many values.
    pub(crate) fn end_page(&mut self, expected: usize, page: &mut Page<'_>) -> Result<(), Error> {
        self.widen_by_indices();
        self.values.end_page(expected, page)
    }
}

fn widen(bounds: &mut Bounds<Prefix>, value: &[u8]) {
    let Some((min, max)) = bounds.page() else {
        return bounds.widen(Prefix::new(value), Prefix::new(value));
    };
    if min.order_of(value).is_lt() || max.order_of(value).is_gt() {
        bounds.widen(Prefix::new(value), Prefix::new(value));
    }
}

/// Appends a value as PLAIN has it: its length in four bytes, then its bytes.
#[inline]
#[allow(clippy::cast_possible_truncation)]
fn put(item: Item<'_>, plain: &mut Vec<u8>) {
    match item {
        // A view begins with the length, too.
        Item::Inline(view) => {
            let end = plain.len() + 4 + inline_len(view);
            plain.extend_from_slice(&view.to_le_bytes());
            plain.truncate(end);
        }
        Item::Slice { tail, len } => {
            plain.extend_from_slice(&(len as u32).to_le_bytes());
            let end = plain.len() + len;
            // Copying too much is quicker than copying a length that is only now known.
            match tail.first_chunk::<48>() {
                Some(chunk) if len <= 48 => {
                    plain.extend_from_slice(chunk);
                    plain.truncate(end);
                }
                _ => plain.extend_from_slice(&tail[..len]),
            }
        }
    }
}
