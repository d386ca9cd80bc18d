//! The fast way through well-formed records.
//!
//! Sixty-four bytes at a time become three sets of bits: delimiters, line ends, quotes. The exclusive or of all quotes
//! up to a byte says whether it lies within quotes, as long as quotes stand where they should: that is checked on the
//! same bits, and where they do not, [`Grammar::step`] takes over for that record. So this is exact, not a guess.
//! (After G. Langdale and D. Lemire, *Parsing Gigabytes of JSON per Second*, 2019.)

#![allow(clippy::cast_possible_truncation, reason = "places in a block are 32 bits wide, and blocks far smaller")]

use crate::{
    Options, Terminator,
    apart::Apart,
    block::{Block, Odd, Rejected},
    flaw::{Flaw, Place},
    grammar::{Grammar, Step},
    sniff::Sniffed,
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
    /// Empty fields beyond the last column are none.
    pub(crate) trim: bool,
}

impl Policy {
    /// What is wanted, and what the way in which the file is written asks for.
    pub(crate) fn new(rescue: bool, sniffed: &Sniffed, options: &Options) -> Self {
        Self { rescue, pad: options.pad_short_rows || sniffed.uneven.short, trim: sniffed.uneven.long }
    }
}

/// What makes up a record, and what becomes of it.
#[derive(Clone, Debug)]
pub(crate) struct Scanner {
    pub(crate) grammar: Grammar,
    pub(crate) fields: usize,
    pub(crate) policy: Policy,
    pub(crate) apart: Apart,
}

/// How far a scan came.
pub(crate) struct Reached {
    /// All records before this place are in the block.
    pub(crate) at: usize,
    /// The record that begins there is beyond the limit.
    pub(crate) long: bool,
}

impl Scanner {
    /// Finds all whole records from `from` to `len`, and adds them to `block`; those from the beginning on are its first.
    pub(crate) fn scan(&self, block: &mut Block, from: usize, len: usize, eof: bool) -> Reached {
        let grammar = &self.grammar;
        let fast = grammar.delimiter.len() == 1 && grammar.escape.is_none();
        let mut at = from;
        (block.plain, block.simple) = (fast, fast);
        loop {
            if fast {
                at = match grammar.terminator {
                    Terminator::Lf => vector::fast::<LF>(self, block, at, len),
                    Terminator::Cr => vector::fast::<CR>(self, block, at, len),
                    Terminator::Any => vector::fast::<ANY>(self, block, at, len),
                };
            } else if at == 0 {
                block.ends.clear();
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
                Step::Skip { end, next, is_comment } => {
                    if is_comment {
                        block.rejected.push(Rejected { start: at, end, flaw: Flaw::NoRecord(Place::Comment) });
                    } else {
                        block.blank += 1;
                    }
                    at = next;
                }
                Step::More | Step::End => return Reached { at, long: false },
                Step::Long => return Reached { at, long: true },
            }
            // Nobody has looked at all bytes of this one.
            (block.plain, block.simple) = (false, false);
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
            Some(Flaw::TooMany { .. }) if self.policy.trim && self.is_empty_beyond(block, first) => {
                block.ends.truncate(first + self.fields);
                block.rows.push(start as u32);
                return;
            }
            Some(Flaw::TooFew { found: 1, .. }) => match self.apart.place(&block.text[start..end]) {
                Some(place) => Some(Flaw::NoRecord(place)),
                None => flaw,
            },
            flaw => flaw,
        };
        match flaw {
            Some(flaw) if !self.policy.rescue || !flaw.is_of_record() => {
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

    /// Whether the fields beyond the last column, of the record whose ends are those from `first` on, are all empty.
    fn is_empty_beyond(&self, block: &Block, first: usize) -> bool {
        let width = self.grammar.delimiter.len() as u32;
        block.ends[first + self.fields - 1..].windows(2).all(|ends| ends[0] + width == ends[1])
    }

    /// Takes well-formed records from `start` on; returns where the first one begins that is not, or not whole. Ends of
    /// another text may be there at first, and are written over.
    #[expect(clippy::inline_always, reason = "it has to be compiled once for each set of instructions")]
    #[inline(always)]
    fn fast<const END: u8, V: Vector>(&self, block: &mut Block, start: usize, len: usize) -> usize {
        let fields = self.fields;
        let delimiter = self.grammar.delimiter[0];
        // Where quotes mean nothing, a byte that never is in UTF-8 stands for them, and a quoteless way is taken.
        let (quote, quotes) = self.grammar.quote.map_or((0xff, 0), |q| (q, !0u64));
        let comment = self.grammar.comment.map_or(256, u16::from);
        let limit = self.grammar.limit;

        let Block { text, rows, ends, tricky, plain, simple, .. } = block;
        // The next record begins here, and its ends at `first`.
        let mut record = start;
        let mut first = if start == 0 { 0 } else { ends.len() };
        let mut count = first;
        if u16::from(text[record]) == comment {
            ends.truncate(first);
            return start;
        }
        // Bits that the last word hands to the next one.
        let mut inside = 0u64;
        let mut may_open = 1u64;
        let mut closed = 0u64;
        let mut pairs = 0u64;
        let mut foreign = 0u64;
        let mut inner = 0u64;
        let mut base = start;
        'words: while base < len {
            let Some(chunk) = text.get(base..base + 64).and_then(|c| c.first_chunk::<64>()) else { break };
            let valid = if len - base >= 64 { !0 } else { (1u64 << (len - base)) - 1 };
            let chunk = V::load(chunk);
            foreign |= !chunk.plain() & valid;
            let delimiters = chunk.equal(delimiter) & valid;
            let line_ends = match END {
                CR => chunk.equal(b'\r'),
                LF => chunk.equal(b'\n'),
                _ => {
                    // The LF ends a CRLF. Whether one follows at the very end is not known yet.
                    let line_feeds = chunk.equal(b'\n');
                    let lf_next = line_feeds >> 1 | u64::from(text[base + 64] == b'\n') << 63;
                    let last = if base + 64 >= len { 1u64 << (len - 1 - base) } else { 0 };
                    line_feeds | chunk.equal(b'\r') & !lf_next & !last
                }
            } & valid;
            let quotes = chunk.equal(quote) & quotes & valid;
            let within = prefix_xor(quotes) ^ inside;
            inner |= line_ends & within;
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
                ends.resize((count + 64).max(ends.len() + ends.len() / 8), 0);
            }
            let Some(out) = ends.get_mut(count..count + 64).and_then(|o| o.first_chunk_mut::<64>()) else { break };
            V::write_positions(out, structure, base as u32);
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
            inside = (within >> 63).wrapping_neg();
            base += 64;
        }
        ends.truncate(first);
        *tricky |= pairs != 0;
        *plain &= foreign == 0;
        *simple &= inner == 0;
        record
    }
}

/// Writes the places of all bits, and perhaps some nonsense behind them.
#[inline]
fn write_positions(out: &mut [u32; 64], mut bits: u64, base: u32) {
    let count = bits.count_ones() as usize;
    // Eight at a time, without looking how many there are: a wrong guess costs more than a few idle writes.
    for eight in out.chunks_exact_mut(8).take(count.div_ceil(8)) {
        for slot in eight {
            *slot = base.wrapping_add(bits.trailing_zeros());
            bits &= bits.wrapping_sub(1);
        }
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

/// Sixty-four bytes.
trait Vector {
    fn load(bytes: &[u8; 64]) -> Self;

    /// A bit for each byte: whether it is `byte`.
    fn equal(&self, byte: u8) -> u64;

    /// A bit for each byte: whether it is ASCII, and not NUL.
    fn plain(&self) -> u64;

    /// Writes the places of all bits, counted from `base`, and perhaps some nonsense behind them.
    #[expect(clippy::inline_always, reason = "it has to be compiled once for each set of instructions")]
    #[inline(always)]
    fn write_positions(out: &mut [u32; 64], bits: u64, base: u32) {
        write_positions(out, bits, base);
    }
}

#[cfg(target_arch = "x86_64")]
#[allow(unsafe_code, reason = "vector instructions: several times as fast as what the compiler makes by itself")]
mod vector {
    use std::arch::x86_64::{
        __m128i, __m256i, __m512i, _mm_cmpeq_epi8, _mm_cmpgt_epi8, _mm_loadu_si128, _mm_movemask_epi8, _mm_set1_epi8,
        _mm_setzero_si128, _mm256_cmpeq_epi8, _mm256_cmpgt_epi8, _mm256_loadu_si256, _mm256_movemask_epi8,
        _mm256_set1_epi8, _mm256_setzero_si256, _mm512_add_epi32, _mm512_castsi512_si128, _mm512_cmpeq_epi8_mask,
        _mm512_cmpgt_epi8_mask, _mm512_cvtepu8_epi32, _mm512_extracti32x4_epi32, _mm512_loadu_si512,
        _mm512_maskz_compress_epi8, _mm512_set1_epi8, _mm512_set1_epi32, _mm512_setzero_si512, _mm512_storeu_si512,
    };

    use super::{Block, Scanner, Vector};

    pub(super) fn fast<const END: u8>(scanner: &Scanner, block: &mut Block, start: usize, len: usize) -> usize {
        if std::is_x86_feature_detected!("avx512bw")
            && std::is_x86_feature_detected!("avx512vbmi2")
            && std::is_x86_feature_detected!("bmi1")
            && std::is_x86_feature_detected!("popcnt")
        {
            // SAFETY: the processor has been asked; AVX-512F is part of AVX-512BW.
            unsafe { fast_avx512::<END>(scanner, block, start, len) }
        } else if std::is_x86_feature_detected!("avx2")
            && std::is_x86_feature_detected!("bmi1")
            && std::is_x86_feature_detected!("popcnt")
        {
            // SAFETY: the processor has been asked.
            unsafe { fast_avx2::<END>(scanner, block, start, len) }
        } else {
            scanner.fast::<END, Sse2>(block, start, len)
        }
    }

    #[target_feature(enable = "avx2,bmi1,popcnt")]
    fn fast_avx2<const END: u8>(scanner: &Scanner, block: &mut Block, start: usize, len: usize) -> usize {
        scanner.fast::<END, Avx2>(block, start, len)
    }

    #[target_feature(enable = "avx512f,avx512bw,avx512vbmi2,bmi1,popcnt")]
    fn fast_avx512<const END: u8>(scanner: &Scanner, block: &mut Block, start: usize, len: usize) -> usize {
        scanner.fast::<END, Avx512>(block, start, len)
    }

    pub(super) struct Sse2([__m128i; 4]);

    #[expect(clippy::inline_always, reason = "vectors stay in registers only where all is inlined")]
    impl Vector for Sse2 {
        #[inline(always)]
        fn load(bytes: &[u8; 64]) -> Self {
            // SAFETY: every x86-64 processor has SSE2, loads need no alignment, and 16 bytes from each are within 64.
            Self([0, 16, 32, 48].map(|at| unsafe { _mm_loadu_si128(bytes.as_ptr().add(at).cast()) }))
        }

        #[inline(always)]
        fn equal(&self, byte: u8) -> u64 {
            // SAFETY: every x86-64 processor has SSE2.
            let [a, b, c, d] = self.0.map(|part| unsafe {
                u64::from(_mm_movemask_epi8(_mm_cmpeq_epi8(part, _mm_set1_epi8(byte.cast_signed()))).cast_unsigned())
            });
            a | b << 16 | c << 32 | d << 48
        }

        #[inline(always)]
        fn plain(&self) -> u64 {
            // SAFETY: every x86-64 processor has SSE2.
            let [a, b, c, d] = self.0.map(|part| unsafe {
                u64::from(_mm_movemask_epi8(_mm_cmpgt_epi8(part, _mm_setzero_si128())).cast_unsigned())
            });
            a | b << 16 | c << 32 | d << 48
        }
    }

    /// Only made where the processor has AVX2.
    pub(super) struct Avx2([__m256i; 2]);

    #[expect(clippy::inline_always, reason = "vectors stay in registers only where all is inlined")]
    impl Vector for Avx2 {
        #[inline(always)]
        fn load(bytes: &[u8; 64]) -> Self {
            // SAFETY: called from `fast_avx2` alone; loads need no alignment, and 32 bytes from each are within 64.
            Self([0, 32].map(|at| unsafe { _mm256_loadu_si256(bytes.as_ptr().add(at).cast()) }))
        }

        #[inline(always)]
        fn equal(&self, byte: u8) -> u64 {
            // SAFETY: called from `fast_avx2` alone.
            let [a, b] = self.0.map(|part| unsafe {
                let equal = _mm256_cmpeq_epi8(part, _mm256_set1_epi8(byte.cast_signed()));
                u64::from(_mm256_movemask_epi8(equal).cast_unsigned())
            });
            a | b << 32
        }

        #[inline(always)]
        fn plain(&self) -> u64 {
            // SAFETY: called from `fast_avx2` alone.
            let [a, b] = self.0.map(|part| unsafe {
                u64::from(_mm256_movemask_epi8(_mm256_cmpgt_epi8(part, _mm256_setzero_si256())).cast_unsigned())
            });
            a | b << 32
        }
    }

    /// Only made where the processor has AVX-512F, BW and VBMI2.
    pub(super) struct Avx512(__m512i);

    #[expect(clippy::inline_always, reason = "vectors stay in registers only where all is inlined")]
    impl Vector for Avx512 {
        #[inline(always)]
        fn load(bytes: &[u8; 64]) -> Self {
            // SAFETY: called from `fast_avx512` alone; loads need no alignment.
            Self(unsafe { _mm512_loadu_si512(bytes.as_ptr().cast()) })
        }

        #[inline(always)]
        fn equal(&self, byte: u8) -> u64 {
            // SAFETY: called from `fast_avx512` alone.
            unsafe { _mm512_cmpeq_epi8_mask(self.0, _mm512_set1_epi8(byte.cast_signed())) }
        }

        #[inline(always)]
        fn plain(&self) -> u64 {
            // SAFETY: called from `fast_avx512` alone.
            unsafe { _mm512_cmpgt_epi8_mask(self.0, _mm512_setzero_si512()) }
        }

        /// One instruction moves the numbers of all bits that are set to the front. Sixteen of them are always
        /// written, as more are rare.
        #[inline(always)]
        fn write_positions(out: &mut [u32; 64], bits: u64, base: u32) {
            const NUMBERS: [u8; 64] = {
                let mut numbers = [0; 64];
                let mut i = 0;
                while i < 64 {
                    numbers[i] = i as u8;
                    i += 1;
                }
                numbers
            };
            let [a, b, c, d] = out.as_chunks_mut::<16>().0 else { return };
            // SAFETY: called from `fast_avx512` alone; loads and stores need no alignment, and the stores are of the
            // size of the arrays that they go to.
            unsafe {
                let numbers = _mm512_maskz_compress_epi8(bits, _mm512_loadu_si512(NUMBERS.as_ptr().cast()));
                let base = _mm512_set1_epi32(base.cast_signed());
                let places = |numbers| _mm512_add_epi32(_mm512_cvtepu8_epi32(numbers), base);
                let count = bits.count_ones();
                _mm512_storeu_si512(a.as_mut_ptr().cast(), places(_mm512_castsi512_si128(numbers)));
                if count > 16 {
                    _mm512_storeu_si512(b.as_mut_ptr().cast(), places(_mm512_extracti32x4_epi32::<1>(numbers)));
                    if count > 32 {
                        _mm512_storeu_si512(c.as_mut_ptr().cast(), places(_mm512_extracti32x4_epi32::<2>(numbers)));
                        _mm512_storeu_si512(d.as_mut_ptr().cast(), places(_mm512_extracti32x4_epi32::<3>(numbers)));
                    }
                }
            }
        }
    }

    #[cfg(test)]
    #[target_feature(enable = "avx512f,avx512bw,avx512vbmi2")]
    pub(super) fn of_avx512(bytes: &[u8; 64], byte: u8, base: u32) -> (u64, [u32; 64]) {
        let equal = Avx512::load(bytes).equal(byte);
        let mut out = [0; 64];
        Avx512::write_positions(&mut out, equal, base);
        (equal, out)
    }
}

#[cfg(target_arch = "aarch64")]
#[allow(unsafe_code, reason = "vector instructions: several times as fast as what the compiler makes by itself")]
mod vector {
    use std::arch::aarch64::{
        uint8x16_t, vandq_u8, vceqq_u8, vcgtzq_s8, vdupq_n_u8, vgetq_lane_u64, vld1q_u8, vpaddq_u8,
        vreinterpretq_s8_u8, vreinterpretq_u64_u8,
    };

    use super::{Block, Scanner, Vector};

    pub(super) fn fast<const END: u8>(scanner: &Scanner, block: &mut Block, start: usize, len: usize) -> usize {
        scanner.fast::<END, Neon>(block, start, len)
    }

    pub(super) struct Neon([uint8x16_t; 4]);

    #[expect(clippy::inline_always, reason = "vectors stay in registers only where all is inlined")]
    impl Vector for Neon {
        #[inline(always)]
        fn load(bytes: &[u8; 64]) -> Self {
            // SAFETY: the targets that Rust has for this architecture have NEON; 16 bytes from each are within 64.
            Self([0, 16, 32, 48].map(|at| unsafe { vld1q_u8(bytes.as_ptr().add(at)) }))
        }

        #[inline(always)]
        fn equal(&self, byte: u8) -> u64 {
            // SAFETY: the targets that Rust has for this architecture have NEON.
            bits(self.0.map(|part| unsafe { vceqq_u8(part, vdupq_n_u8(byte)) }))
        }

        #[inline(always)]
        fn plain(&self) -> u64 {
            // SAFETY: the targets that Rust has for this architecture have NEON.
            bits(self.0.map(|part| unsafe { vcgtzq_s8(vreinterpretq_s8_u8(part)) }))
        }
    }

    /// One bit for each byte, all bits of which are equal.
    #[inline(always)]
    fn bits(bytes: [uint8x16_t; 4]) -> u64 {
        const BITS: [u8; 16] = [1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128];
        // Each byte keeps the bit of its place in a group of eight; adding neighbours thrice packs them.
        // SAFETY: the targets that Rust has for this architecture have NEON; `BITS` is as long as a vector.
        unsafe {
            let bits = vld1q_u8(BITS.as_ptr());
            let [a, b, c, d] = bytes.map(|part| vandq_u8(part, bits));
            let packed = vpaddq_u8(vpaddq_u8(a, b), vpaddq_u8(c, d));
            vgetq_lane_u64::<0>(vreinterpretq_u64_u8(vpaddq_u8(packed, packed)))
        }
    }
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
mod vector {
    use super::{Block, Portable, Scanner};

    pub(super) fn fast<const END: u8>(scanner: &Scanner, block: &mut Block, start: usize, len: usize) -> usize {
        scanner.fast::<END, Portable>(block, start, len)
    }
}

/// For architectures without a way of their own, and to compare those with.
#[cfg(any(test, not(any(target_arch = "x86_64", target_arch = "aarch64"))))]
struct Portable([u8; 64]);

#[cfg(any(test, not(any(target_arch = "x86_64", target_arch = "aarch64"))))]
impl Vector for Portable {
    fn load(bytes: &[u8; 64]) -> Self {
        Self(*bytes)
    }

    fn equal(&self, byte: u8) -> u64 {
        self.0.iter().enumerate().fold(0, |bits, (i, &b)| bits | u64::from(b == byte) << i)
    }

    fn plain(&self) -> u64 {
        self.0.iter().enumerate().fold(0, |bits, (i, &b)| bits | u64::from(b.is_ascii() && b != 0) << i)
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;
    use crate::Dialect;

    fn block(text: &[u8]) -> Block {
        let mut block = Block { text: text.to_vec(), ..Block::default() };
        block.text.resize(text.len() + PADDING, 0);
        block
    }

    #[test]
    fn what_is_known_of_a_block_is_known_of_most() {
        let scanner = Scanner {
            grammar: Grammar::new(&Dialect::csv()),
            fields: 2,
            policy: Policy { rescue: false, pad: false, trim: false },
            apart: Apart::default(),
        };
        let known = |text: &str| {
            let mut block = block(text.as_bytes());
            scanner.scan(&mut block, 0, text.len(), false);
            (block.plain, block.simple)
        };
        assert_eq!(known(&"a,\"b c\"\n".repeat(100)), (true, true));
        assert_eq!(known(&"a,\"b\nc\"\n".repeat(100)), (true, false));
        assert_eq!(known(&"a,\u{e9}\n".repeat(100)), (false, true));
        assert_eq!(known(&"a,b\n\n".repeat(100)), (false, false));
    }

    proptest! {
        #[test]
        fn every_way_finds_the_same(
            text in vec(prop_oneof![Just(b','), Just(b'\n'), Just(b'"'), Just(b'\r'), Just(b'a')], 0..300)
        ) {
            let grammar = Grammar::new(&Dialect::csv());
            let policy = Policy { rescue: false, pad: false, trim: false };
            let scanner = Scanner { grammar, fields: 2, policy, apart: Apart::default() };
            let (mut one, mut other) = (block(&text), block(&text));
            let portable = scanner.fast::<LF, Portable>(&mut one, 0, text.len());
            prop_assert_eq!(vector::fast::<LF>(&scanner, &mut other, 0, text.len()), portable);
            prop_assert_eq!((&one.rows, &one.ends), (&other.rows, &other.ends));
            prop_assert_eq!(one.plain, other.plain);
            // And what it finds is what the grammar finds.
            let (mut at, mut ends) = (0, Vec::new());
            for &row in &one.rows {
                prop_assert_eq!(row as usize, at);
                match scanner.grammar.step(&text, at, false, Some(2), &mut ends) {
                    Step::Record { next, flaw: None, .. } => at = next,
                    other => prop_assert!(false, "{:?}", other),
                }
            }
            prop_assert_eq!(at, portable);
            prop_assert_eq!(ends, one.ends);
        }

        #[test]
        fn a_block_is_plain_if_all_its_records_are(
            text in vec(prop_oneof![20 => Just(b'a'), 4 => Just(b','), 1 => Just(b'"'), 2 => Just(b'\n'), 1 => Just(b'\r'), 1 => any::<u8>()], 0..300),
            plain: bool,
        ) {
            let text: Vec<u8> = text.into_iter().map(|b| if plain { (b & 0x7f).max(1) } else { b }).collect();
            let grammar = Grammar::new(&Dialect::csv());
            let scanner = Scanner { grammar, fields: 2, policy: Policy { rescue: true, pad: false, trim: false }, apart: Apart::default() };
            let mut block = block(&text);
            block.ends.extend([7; 100]);
            let at = scanner.scan(&mut block, 0, text.len(), true).at;
            let is_plain = text[..at].iter().all(|b| (1..0x80).contains(b));
            prop_assert!(is_plain || !block.plain);
            prop_assert!(!block.simple || scanner.grammar.lines(&text[..at]) == block.rows.len() as u64);
            prop_assert!(block.plain || !plain || !block.simple);
            prop_assert_eq!(block.ends.len(), 2 * block.rows.len());
        }

        #[test]
        fn every_byte_has_its_bit(chunk: [u8; 64], byte: u8) {
            let expected = Portable::load(&chunk).equal(byte);
            #[cfg(target_arch = "x86_64")]
            prop_assert_eq!(vector::Sse2::load(&chunk).equal(byte), expected);
            #[cfg(target_arch = "aarch64")]
            prop_assert_eq!(vector::Neon::load(&chunk).equal(byte), expected);
            let plain = Portable::load(&chunk).plain();
            #[cfg(target_arch = "x86_64")]
            prop_assert_eq!(vector::Sse2::load(&chunk).plain(), plain);
            #[cfg(target_arch = "aarch64")]
            prop_assert_eq!(vector::Neon::load(&chunk).plain(), plain);
            for (i, found) in chunk.iter().enumerate() {
                prop_assert_eq!(expected >> i & 1 == 1, *found == byte);
                prop_assert_eq!(plain >> i & 1 == 1, (1..0x80).contains(found));
            }
        }

        #[test]
        #[cfg(target_arch = "x86_64")]
        #[allow(unsafe_code, reason = "the processor is asked first")]
        fn places_are_written_as_other_processors_do(
            chunk in proptest::array::uniform32(0u8..4), other in proptest::array::uniform32(0u8..30), base in 0u32..1 << 30
        ) {
            let chunk: [u8; 64] = std::array::from_fn(|i| if i % 2 == 0 { chunk[i / 2] } else { other[i / 2] });
            for byte in 0..4 {
                let expected = Portable::load(&chunk).equal(byte);
                let (mut places, count) = ([0; 64], expected.count_ones() as usize);
                Portable::write_positions(&mut places, expected, base);
                let whole = (0..64).filter(|i| expected >> i & 1 == 1).map(|i| base + i);
                prop_assert!(whole.eq(places[..count].iter().copied()));
                if std::is_x86_feature_detected!("avx512bw") && std::is_x86_feature_detected!("avx512vbmi2") {
                    // SAFETY: the processor has been asked.
                    let (found, by_vector) = unsafe { vector::of_avx512(&chunk, byte, base) };
                    prop_assert_eq!(found, expected);
                    prop_assert_eq!(&by_vector[..count], &places[..count]);
                }
            }
        }
    }
}
