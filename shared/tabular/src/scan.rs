//! The fast way through well-formed records.
//!
//! Sixty-four bytes at a time become three sets of bits: delimiters, line ends, quotes. The exclusive or of all quotes
//! up to a byte says whether it lies within quotes, as long as quotes stand where they should: that is checked on the
//! same bits, and where they do not, [`Grammar::step`] takes over for that record. So this is exact, not a guess.
//! (After G. Langdale and D. Lemire, *Parsing Gigabytes of JSON per Second*, 2019.)

use crate::{
    Terminator,
    block::{Block, Odd, Rejected},
    flaw::Flaw,
    grammar::{Grammar, Step},
};

/// Bytes that have to be readable behind the end of a text.
pub(crate) const PADDING: usize = 64;

/// What becomes of flawed records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Policy {
    /// They are kept.
    pub(crate) rescue: bool,
    /// Short ones are not flawed.
    pub(crate) pad: bool,
}

/// What makes up a record, and what becomes of it.
#[derive(Clone, Debug)]
pub(crate) struct Scanner {
    pub(crate) grammar: Grammar,
    pub(crate) fields: usize,
    pub(crate) policy: Policy,
}

/// How far a scan came.
pub(crate) struct Reached {
    /// All records before this place are in the block.
    pub(crate) at: usize,
    /// The record that begins there is beyond the limit.
    pub(crate) long: bool,
}

impl Scanner {
    /// Finds all whole records from `from` to `len`, and adds them to `block`.
    pub(crate) fn scan(&self, block: &mut Block, from: usize, len: usize, eof: bool) -> Reached {
        let grammar = &self.grammar;
        let fast = grammar.delimiter.len() == 1 && grammar.escape.is_none();
        let mut at = from;
        loop {
            if fast {
                at = match grammar.terminator {
                    Terminator::Lf => self.fast::<LF>(block, at, len),
                    Terminator::Cr => self.fast::<CR>(block, at, len),
                    Terminator::Any => self.fast::<ANY>(block, at, len),
                };
            }
            let first = block.ends.len();
            let step = {
                let Block { text, ends, .. } = &mut *block;
                grammar.step(&text[..len], at, eof, Some(self.fields), ends)
            };
            match step {
                Step::Record { end, next, flaw } => {
                    self.record(block, at, end, first, flaw);
                    at = next;
                }
                Step::Skip { next } => at = next,
                Step::More | Step::End => return Reached { at, long: false },
                Step::Long => return Reached { at, long: true },
            }
        }
    }

    /// Takes a record whose ends are those from `first` on.
    fn record(&self, block: &mut Block, start: usize, end: usize, first: usize, flaw: Option<Flaw>) {
        block.tricky = true;
        let found = block.ends.len() - first;
        let flaw = match flaw {
            Some(Flaw::TooFew { .. }) if self.policy.pad => {
                block.padded += 1;
                None
            }
            flaw => flaw,
        };
        match flaw {
            Some(flaw) if !self.policy.rescue => {
                block.ends.truncate(first);
                block.rejected.push(Rejected { start, end, flaw });
                return;
            }
            Some(_) => {
                let width = self.grammar.delimiter.len() as u32;
                let extra = (self.fields..found)
                    .map(|i| {
                        let ends = &block.ends[first..];
                        let begin = if i == 0 { start as u32 } else { ends[i - 1] + width };
                        (begin, ends[i])
                    })
                    .collect();
                block.odd.push(Odd { row: block.rows.len() as u32, extra });
            }
            None => {}
        }
        // Missing fields begin behind their end: that is how they are told from empty ones, and both are null.
        let last = block.ends.last().copied().unwrap_or(start as u32);
        block.ends.resize(first + self.fields, last);
        block.rows.push(start as u32);
    }

    /// Takes well-formed records from `start` on; returns where the first one begins that is not, or not whole.
    fn fast<const END: u8>(&self, block: &mut Block, start: usize, len: usize) -> usize {
        let fields = self.fields;
        let delimiter = self.grammar.delimiter[0];
        // Where quotes mean nothing, a byte that never is in UTF-8 stands for them, and a quoteless way is taken.
        let (quote, quotes) = self.grammar.quote.map_or((0xff, 0), |q| (q, !0u64));
        let comment = self.grammar.comment.map_or(256, u16::from);
        let limit = self.grammar.limit;

        let Block { text, rows, ends, tricky, .. } = block;
        // The next record begins here, and its ends here.
        let mut record = start;
        let mut first = ends.len();
        let mut count = first;
        if u16::from(text[record]) == comment {
            return start;
        }
        // Bits that the last word hands to the next one.
        let mut inside = 0u64;
        let mut may_open = 1u64;
        let mut closed = 0u64;
        let mut pairs = 0u64;
        let mut base = start;
        'words: while base < len {
            let Some(chunk) = text.get(base..base + 64).and_then(|c| c.first_chunk::<64>()) else { break };
            let valid = if len - base >= 64 { !0 } else { (1u64 << (len - base)) - 1 };
            let masks = mask::of::<END>(chunk, delimiter, quote);
            let delimiters = masks.delimiters & valid;
            let mut line_ends = masks.line_ends & valid;
            if END == ANY {
                // The LF ends a CRLF. Whether one follows at the very end is not known yet.
                let lf_next = masks.line_feeds >> 1 | u64::from(text[base + 64] == b'\n') << 63;
                let last = if base + 64 >= len { 1u64 << (len - 1 - base) } else { 0 };
                line_ends &= masks.line_feeds | !lf_next & !last;
            }
            let quotes = masks.quotes & quotes & valid;
            let within = prefix_xor(quotes) ^ inside;
            let mut structure = (delimiters | line_ends) & !within;
            let openers = quotes & within;
            let closers = quotes & !within;
            let after_closer = closers << 1 | closed;
            pairs |= openers & after_closer;
            let mut wrong = openers & !((structure << 1 | may_open) | after_closer);
            wrong |= after_closer & !(structure | quotes) & valid;
            let mut stop = false;
            if wrong != 0 {
                // A closing quote may also stand before the CR of a CRLF.
                while wrong != 0 {
                    let at = base + wrong.trailing_zeros() as usize;
                    if END != CR && text[at] == b'\r' && at + 1 < len && text[at + 1] == b'\n' {
                        wrong &= wrong - 1;
                    } else {
                        structure &= (wrong & wrong.wrapping_neg()) - 1;
                        stop = true;
                        break;
                    }
                }
            }

            // All ends of the word.
            if ends.len() < count + 64 {
                ends.resize((count + 64).max(2 * ends.len()), 0);
            }
            let Some(out) = ends.get_mut(count..count + 64).and_then(|o| o.first_chunk_mut::<64>()) else { break };
            write_positions(out, structure, base as u32);
            // All records that end in it.
            let mut rest = line_ends & structure;
            while rest != 0 {
                let bit = rest.trailing_zeros();
                let line_end = base + bit as usize;
                let last = count + (structure & (1u64 << bit).wrapping_sub(1)).count_ones() as usize;
                if last + 1 - first != fields || line_end == record || line_end - record > limit {
                    break 'words;
                }
                if END != CR && text[line_end - 1] == b'\r' {
                    ends[last] -= 1;
                    if fields == 1 && line_end - 1 == record {
                        break 'words;
                    }
                }
                rows.push(record as u32);
                record = line_end + 1;
                first = last + 1;
                if u16::from(text[record]) == comment {
                    break 'words;
                }
                rest &= rest - 1;
            }
            if stop {
                break;
            }
            count += structure.count_ones() as usize;
            may_open = structure >> 63;
            closed = closers >> 63;
            inside = ((within as i64) >> 63) as u64;
            base += 64;
        }
        ends.truncate(first);
        *tricky |= pairs != 0;
        record
    }
}

/// Writes the places of all bits, and perhaps some nonsense behind them.
#[inline]
fn write_positions(out: &mut [u32; 64], mut bits: u64, base: u32) {
    let count = bits.count_ones() as usize;
    let mut done = 0;
    // Eight at a time, without looking how many there are: a wrong guess costs more than a few idle writes.
    while done < count {
        let Some(eight) = out.get_mut(done..done + 8) else { return };
        for slot in eight {
            *slot = base.wrapping_add(bits.trailing_zeros());
            bits &= bits.wrapping_sub(1);
        }
        done += 8;
    }
}

/// Every bit is the parity of the bits up to it.
#[inline]
fn prefix_xor(mut bits: u64) -> u64 {
    bits ^= bits << 1;
    bits ^= bits << 2;
    bits ^= bits << 4;
    bits ^= bits << 8;
    bits ^= bits << 16;
    bits ^= bits << 32;
    bits
}

/// What ends a line: [`Terminator`] as a constant.
const LF: u8 = 0;
const CR: u8 = 1;
const ANY: u8 = 2;

#[allow(unsafe_code, reason = "vector instructions, eight times as fast as the portable way")]
mod mask {
    //! Which of sixty-four bytes are special. Vectors are built from integers, which compiles to plain loads.

    use super::{ANY, CR};

    pub(super) struct Masks {
        pub(super) delimiters: u64,
        pub(super) quotes: u64,
        pub(super) line_ends: u64,
        /// LF alone, where `line_ends` has CR as well.
        pub(super) line_feeds: u64,
    }

    #[inline]
    pub(super) fn of<const END: u8>(chunk: &[u8; 64], delimiter: u8, quote: u8) -> Masks {
        let chunk = Chunk::load(chunk);
        let line_feeds = if END == CR { 0 } else { chunk.equal(b'\n') };
        let line_ends = match END {
            CR => chunk.equal(b'\r'),
            ANY => line_feeds | chunk.equal(b'\r'),
            _ => line_feeds,
        };
        Masks { delimiters: chunk.equal(delimiter), quotes: chunk.equal(quote), line_ends, line_feeds }
    }

    #[cfg(target_arch = "x86_64")]
    struct Chunk([std::arch::x86_64::__m128i; 4]);

    #[cfg(target_arch = "x86_64")]
    impl Chunk {
        #[inline]
        fn load(chunk: &[u8; 64]) -> Self {
            let half = |i: usize| i64::from_le_bytes(std::array::from_fn(|j| chunk[8 * i + j]));
            // SAFETY: every x86-64 processor has SSE2.
            Self(std::array::from_fn(|i| unsafe { std::arch::x86_64::_mm_set_epi64x(half(2 * i + 1), half(2 * i)) }))
        }

        #[inline]
        fn equal(&self, byte: u8) -> u64 {
            use std::arch::x86_64::{_mm_cmpeq_epi8, _mm_movemask_epi8, _mm_set1_epi8};
            // SAFETY: every x86-64 processor has SSE2.
            let part = |i: usize| unsafe {
                u64::from(_mm_movemask_epi8(_mm_cmpeq_epi8(self.0[i], _mm_set1_epi8(byte as i8))) as u32)
            };
            part(0) | part(1) << 16 | part(2) << 32 | part(3) << 48
        }
    }

    #[cfg(target_arch = "aarch64")]
    struct Chunk([std::arch::aarch64::uint8x16_t; 4]);

    #[cfg(target_arch = "aarch64")]
    impl Chunk {
        #[inline]
        fn load(chunk: &[u8; 64]) -> Self {
            Self(std::array::from_fn(|i| vector(std::array::from_fn(|j| chunk[16 * i + j]))))
        }

        #[inline]
        fn equal(&self, byte: u8) -> u64 {
            use std::arch::aarch64::{
                vandq_u8, vceqq_u8, vdupq_n_u8, vgetq_lane_u64, vpaddq_u8, vreinterpretq_u64_u8,
            };
            // Each byte keeps the bit of its place in a group of eight; adding neighbours thrice packs them.
            let bits = vector([1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128]);
            // SAFETY: every 64-bit ARM processor that Rust's targets run on has NEON.
            unsafe {
                let byte = vdupq_n_u8(byte);
                let part = |i: usize| vandq_u8(vceqq_u8(self.0[i], byte), bits);
                let packed = vpaddq_u8(vpaddq_u8(part(0), part(1)), vpaddq_u8(part(2), part(3)));
                vgetq_lane_u64::<0>(vreinterpretq_u64_u8(vpaddq_u8(packed, packed)))
            }
        }
    }

    #[cfg(target_arch = "aarch64")]
    #[inline]
    fn vector(bytes: [u8; 16]) -> std::arch::aarch64::uint8x16_t {
        use std::arch::aarch64::{vcombine_u8, vcreate_u8};
        // SAFETY: as above.
        let half = |i: usize| unsafe { vcreate_u8(u64::from_le_bytes(std::array::from_fn(|j| bytes[8 * i + j]))) };
        // SAFETY: as above.
        unsafe { vcombine_u8(half(0), half(1)) }
    }

    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    struct Chunk([u8; 64]);

    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    impl Chunk {
        fn load(chunk: &[u8; 64]) -> Self {
            Self(*chunk)
        }

        fn equal(&self, byte: u8) -> u64 {
            self.0.iter().enumerate().fold(0, |bits, (i, &b)| bits | u64::from(b == byte) << i)
        }
    }

    #[cfg(test)]
    mod tests {
        use proptest::prelude::*;

        use super::*;

        proptest! {
            #[test]
            fn every_byte_has_its_bit(chunk: [u8; 64], byte: u8) {
                let expected = chunk.iter().enumerate().fold(0u64, |bits, (i, &b)| bits | u64::from(b == byte) << i);
                prop_assert_eq!(Chunk::load(&chunk).equal(byte), expected);
            }
        }
    }
}
