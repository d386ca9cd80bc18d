//! Least and greatest values, of pages and of column chunks.
//!
//! Source: the comments of `Statistics`, `ColumnIndex` and `ColumnOrder` in
//! <https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift>.

use std::cmp::Ordering;

/// Longest text or binary value that is written as a bound, in bytes.
const LONGEST: usize = 64;

/// A value that can be a bound.
pub(crate) trait Bound: Clone {
    /// How it compares, in the order of its column's type.
    fn order(&self, other: &Self) -> Ordering;

    /// Its bytes as a lower bound, and whether they are it exactly.
    fn lower(&self, form: Form) -> (Vec<u8>, bool);

    /// Its bytes as an upper bound, and whether they are it exactly; `None` where there is no short one.
    fn upper(&self, form: Form) -> Option<(Vec<u8>, bool)>;

    /// The bound as it was written.
    fn written(&self, bytes: &[u8]) -> Self;
}

/// How the bounds of a column are written.
#[derive(Clone, Copy)]
pub(crate) struct Form {
    /// UTF-8, which is never cut within a character.
    pub(crate) text: bool,
    /// Bytes of a value of fixed length.
    pub(crate) width: usize,
}

/// The first bytes of a value of any length.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Prefix {
    bytes: Vec<u8>,
    longer: bool,
}

impl Prefix {
    pub(crate) fn new(value: &[u8]) -> Self {
        Self { bytes: value[..value.len().min(LONGEST)].to_vec(), longer: value.len() > LONGEST }
    }

    /// How `value` compares with the value that this is the prefix of, as far as bounds can tell.
    pub(crate) fn order_of(&self, value: &[u8]) -> Ordering {
        let longer = value.len() > LONGEST;
        value[..value.len().min(LONGEST)].cmp(&self.bytes).then(longer.cmp(&self.longer))
    }

    /// The first four bytes as a number that compares like them.
    pub(crate) fn head(&self) -> u32 {
        head(&self.bytes)
    }

    /// As much of it as is whole characters, where it is text.
    fn whole(&self, text: bool) -> &[u8] {
        match std::str::from_utf8(&self.bytes) {
            Err(error) if text => &self.bytes[..error.valid_up_to()],
            _ => &self.bytes,
        }
    }
}

/// The first four bytes as a number that compares like them, where it differs.
pub(crate) fn head(value: &[u8]) -> u32 {
    match value.first_chunk() {
        Some(bytes) => u32::from_be_bytes(*bytes),
        None => value.iter().enumerate().fold(0, |head, (i, b)| head | u32::from(*b) << (24 - 8 * i)),
    }
}

impl Bound for Prefix {
    fn order(&self, other: &Self) -> Ordering {
        self.bytes.cmp(&other.bytes).then(self.longer.cmp(&other.longer))
    }

    fn lower(&self, form: Form) -> (Vec<u8>, bool) {
        if self.longer { (self.whole(form.text).to_vec(), false) } else { (self.bytes.clone(), true) }
    }

    fn upper(&self, form: Form) -> Option<(Vec<u8>, bool)> {
        if !self.longer {
            return Some((self.bytes.clone(), true));
        }
        let whole = self.whole(form.text);
        let next = match std::str::from_utf8(whole) {
            Ok(text) if form.text => text_after(text),
            _ => bytes_after(whole),
        };
        next.map(|bytes| (bytes, false))
    }

    fn written(&self, bytes: &[u8]) -> Self {
        Self { bytes: bytes.to_vec(), longer: false }
    }
}

/// The least text above everything that begins with `text`, as far as there is one.
fn text_after(text: &str) -> Option<Vec<u8>> {
    text.char_indices().rev().find_map(|(at, c)| {
        let next = match c {
            char::MAX => None,
            '\u{d7ff}' => Some('\u{e000}'),
            _ => char::from_u32(u32::from(c) + 1),
        };
        next.map(|next| [&text[..at], next.encode_utf8(&mut [0; 4])].concat().into_bytes())
    })
}

/// The least bytes above everything that begins with `bytes`, as far as there are any.
fn bytes_after(bytes: &[u8]) -> Option<Vec<u8>> {
    let last = bytes.iter().rposition(|b| *b < u8::MAX)?;
    let mut next = bytes[..=last].to_vec();
    next[last] += 1;
    Some(next)
}

/// Least and greatest value of a page, as they are written.
#[derive(Debug, Default)]
pub(crate) struct Written {
    pub(crate) min: Vec<u8>,
    pub(crate) max: Vec<u8>,
}

/// How the bounds of successive pages compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Boundary {
    Unordered,
    Ascending,
    Descending,
}

/// The bounds of a column chunk: of the open page, and of all before it.
pub(crate) struct Bounds<B> {
    page: Option<(B, B)>,
    chunk: Option<(B, B)>,
    previous: Option<(B, B)>,
    ascending: bool,
    descending: bool,
    /// A page has values but no bounds.
    unbounded: bool,
}

/// The bounds of a column chunk.
#[derive(Debug)]
pub(crate) struct ChunkBounds {
    pub(crate) min: Option<(Vec<u8>, bool)>,
    pub(crate) max: Option<(Vec<u8>, bool)>,
    /// `None` where a page that has values has no bounds.
    pub(crate) boundary: Option<Boundary>,
}

impl<B: Bound> Bounds<B> {
    pub(crate) fn new() -> Self {
        Self { page: None, chunk: None, previous: None, ascending: true, descending: true, unbounded: false }
    }

    /// Bounds of the open page so far.
    pub(crate) fn page(&self) -> Option<&(B, B)> {
        self.page.as_ref()
    }

    /// Widens the bounds of the open page.
    pub(crate) fn widen(&mut self, min: B, max: B) {
        widen(&mut self.page, min, max);
    }

    /// Ends the open page, which has values if `values`.
    pub(crate) fn end_page(&mut self, values: bool, form: Form) -> Written {
        let Some((min, max)) = self.page.take() else {
            self.unbounded |= values;
            return Written::default();
        };
        let (lower, upper) = (min.lower(form).0, max.upper(form));
        let Some((upper, _)) = upper else {
            self.unbounded = true;
            widen(&mut self.chunk, min, max);
            return Written::default();
        };
        let written = (min.written(&lower), max.written(&upper));
        if let Some(previous) = &self.previous {
            let orders = [previous.0.order(&written.0), previous.1.order(&written.1)];
            self.ascending &= !orders.contains(&Ordering::Greater);
            self.descending &= !orders.contains(&Ordering::Less);
        }
        self.previous = Some(written);
        widen(&mut self.chunk, min, max);
        Written { min: lower, max: upper }
    }

    /// Ends the chunk.
    pub(crate) fn end_chunk(&mut self, form: Form) -> ChunkBounds {
        let ended = std::mem::replace(self, Self::new());
        let boundary = match (ended.unbounded, ended.ascending, ended.descending) {
            (true, ..) => None,
            (_, true, _) => Some(Boundary::Ascending),
            (_, _, true) => Some(Boundary::Descending),
            _ => Some(Boundary::Unordered),
        };
        let (min, max) = ended.chunk.unzip();
        ChunkBounds { min: min.map(|b| b.lower(form)), max: max.and_then(|b| b.upper(form)), boundary }
    }
}

fn widen<B: Bound>(bounds: &mut Option<(B, B)>, min: B, max: B) {
    let Some((least, greatest)) = bounds else {
        *bounds = Some((min, max));
        return;
    };
    if min.order(least).is_lt() {
        *least = min;
    }
    if max.order(greatest).is_gt() {
        *greatest = max;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TEXT: Form = Form { text: true, width: 0 };
    const BINARY: Form = Form { text: false, width: 0 };

    proptest! {
        #[test]
        fn cut_text_still_encloses(texts in proptest::collection::vec("[a\u{7f}\u{d7ff}\u{10ffff}ß]{0,40}", 1..4)) {
            let mut bounds = Bounds::new();
            for text in &texts {
                let prefix = Prefix::new(text.as_bytes());
                bounds.widen(prefix.clone(), prefix);
            }
            let written = bounds.end_page(true, TEXT);
            let chunk = bounds.end_chunk(TEXT);
            let (min, min_exact) = chunk.min.unwrap();
            let least = texts.iter().min().unwrap();
            prop_assert!(min.as_slice() <= least.as_bytes());
            prop_assert!(!min_exact || min == least.as_bytes());
            prop_assert!(std::str::from_utf8(&min).is_ok());
            let greatest = texts.iter().max().unwrap();
            if let Some((max, max_exact)) = chunk.max {
                prop_assert!(max.as_slice() >= greatest.as_bytes());
                prop_assert!(!max_exact || max == greatest.as_bytes());
                prop_assert!(std::str::from_utf8(&max).is_ok());
                prop_assert!(written.min == min && written.max == max);
            } else {
                prop_assert!(chunk.boundary.is_none());
            }
        }

        #[test]
        fn cut_bytes_still_enclose(values in proptest::collection::vec(proptest::collection::vec(250u8.., 0..80), 1..4)) {
            let mut bounds = Bounds::new();
            for value in &values {
                bounds.widen(Prefix::new(value), Prefix::new(value));
            }
            bounds.end_page(true, BINARY);
            let chunk = bounds.end_chunk(BINARY);
            prop_assert!(chunk.min.unwrap().0 <= *values.iter().min().unwrap());
            prop_assert!(chunk.max.is_none_or(|(max, _)| max >= *values.iter().max().unwrap()));
        }

        #[test]
        fn heads_compare_like_values(a: Vec<u8>, b: Vec<u8>) {
            prop_assert!(head(&a) == head(&b) || head(&a).cmp(&head(&b)) == a.cmp(&b));
        }
    }

    #[test]
    fn what_cannot_be_exceeded_has_no_short_upper_bound() {
        let prefix = Prefix::new(&[0xff; 65]);
        assert!(prefix.upper(BINARY).is_none());
        assert_eq!(prefix.lower(BINARY), (vec![0xff; 64], false));
    }
}
