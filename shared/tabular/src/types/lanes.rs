//! Many fields of one column at once.
//!
//! A number is a dozen instructions, in which the next number has no part: vectors have room for eight. What lies
//! where in the text is looked up field by field; what it says is worked out eight fields at a time. A field that is
//! not as most are is left to those who parse one at a time.

use super::float::Decimals;

/// Fields that are read together.
pub(crate) const BATCH: usize = 64;

/// What parses a batch; returns a bit for each field whose value it knows. What it does not know may be anything.
pub(crate) type Lanes<T> = fn(&Batch, &mut [T; BATCH]) -> u64;

/// The beginnings of some fields.
pub(crate) struct Batch {
    /// The first sixteen bytes of each, and of what follows it if it is shorter.
    heads: [[u8; 16]; BATCH],
    /// How long each is, in bytes.
    lens: [u32; BATCH],
    /// How many they are.
    count: usize,
    /// Numbers that are not to be known.
    pub(crate) closely: Decimals,
}

impl Batch {
    pub(crate) const EMPTY: Self =
        Self { heads: [[0; 16]; BATCH], lens: [0; BATCH], count: 0, closely: Decimals::None };

    /// Takes the fields that begin and are as long as `spans` says; those are not more than [`BATCH`].
    #[inline]
    pub(crate) fn load(&mut self, text: &[u8], spans: impl Iterator<Item = (usize, usize)>) {
        (self.lens, self.count) = ([0; BATCH], 0);
        for ((head, own), (start, len)) in self.heads.iter_mut().zip(&mut self.lens).zip(spans) {
            // What is so near to the end of the text has no length here, and so is not known.
            if let Some(bytes) = text.get(start..).and_then(|tail| tail.first_chunk()) {
                *head = *bytes;
                *own = u32::try_from(len).unwrap_or(u32::MAX);
            }
            self.count += 1;
        }
    }
}

/// What parses batches on this processor, if it is any faster: whole numbers as [`integer::parse`], doubles as
/// [`float::parse_double`] but for the decimal point, dates as [`temporal::iso_date`].
///
/// [`integer::parse`]: super::integer::parse
/// [`float::parse_double`]: super::float::parse_double
/// [`temporal::iso_date`]: super::temporal::iso_date
pub(crate) use vector::{doubles, integers, iso_dates};

#[cfg(target_arch = "x86_64")]
#[allow(unsafe_code, reason = "vector instructions: three times as fast as one field after the other")]
mod vector {
    use std::arch::x86_64::{
        __m256i, __m512d, __m512i, __mmask8, _mm256_loadu_si256, _mm256_storeu_si256, _mm512_add_epi8,
        _mm512_add_epi64, _mm512_and_si512, _mm512_andnot_si512, _mm512_castpd_si512, _mm512_castsi512_pd,
        _mm512_cmpeq_epi8_mask, _mm512_cmpeq_epi64_mask, _mm512_cmpge_epu64_mask, _mm512_cmpgt_epu64_mask,
        _mm512_cmple_epu64_mask, _mm512_cmplt_epu64_mask, _mm512_cvtepi64_epi32, _mm512_cvtepi64_pd,
        _mm512_cvtepu32_epi64, _mm512_div_pd, _mm512_loadu_pd, _mm512_loadu_si512, _mm512_lzcnt_epi64,
        _mm512_madd_epi16, _mm512_maddubs_epi16, _mm512_mask_add_epi64, _mm512_mask_mov_epi64, _mm512_mask_sub_epi64,
        _mm512_mask_xor_epi64, _mm512_maskz_mov_epi64, _mm512_movm_epi8, _mm512_mul_epu32, _mm512_or_si512,
        _mm512_permutex2var_epi64, _mm512_permutex2var_pd, _mm512_permutexvar_epi64, _mm512_set1_epi8,
        _mm512_set1_epi64, _mm512_setr_epi64, _mm512_setzero_si512, _mm512_slli_epi64, _mm512_sllv_epi64,
        _mm512_srli_epi64, _mm512_storeu_si512, _mm512_sub_epi64, _mm512_subs_epu16, _mm512_ternarylogic_epi64,
        _mm512_test_epi64_mask, _mm512_xor_si512,
    };

    use super::{BATCH, Batch, Decimals, Lanes};

    /// Fields in a vector.
    const WIDTH: usize = 8;

    pub(crate) fn integers() -> Option<Lanes<i64>> {
        // SAFETY: the processor has been asked.
        is_there().then_some(|batch, out| unsafe { integers_avx512(batch, out) })
    }

    pub(crate) fn doubles<const POINT: u8>() -> Option<Lanes<f64>> {
        // SAFETY: the processor has been asked.
        is_there().then_some(|batch, out| unsafe { doubles_avx512::<POINT>(batch, out) })
    }

    pub(crate) fn iso_dates() -> Option<Lanes<i32>> {
        // SAFETY: the processor has been asked.
        is_there().then_some(|batch, out| unsafe { iso_dates_avx512(batch, out) })
    }

    fn is_there() -> bool {
        std::is_x86_feature_detected!("avx512f")
            && std::is_x86_feature_detected!("avx512bw")
            && std::is_x86_feature_detected!("avx512dq")
            && std::is_x86_feature_detected!("avx512cd")
    }

    /// Eight fields: their first eight bytes, the next eight, and their lengths in bits.
    struct Eight {
        low: __m512i,
        high: __m512i,
        bits: __m512i,
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512cd")]
    fn number(value: u64) -> __m512i {
        _mm512_set1_epi64(value.cast_signed())
    }

    impl Eight {
        #[inline]
        #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512cd")]
        fn load(heads: &[[u8; 16]; WIDTH], lens: &[u32; WIDTH]) -> Self {
            // SAFETY: loads need no alignment, and are as large as what they come from: 128 bytes, and 32.
            let (first, last, lens) = unsafe {
                (
                    _mm512_loadu_si512(heads[..4].as_ptr().cast()),
                    _mm512_loadu_si512(heads[4..].as_ptr().cast()),
                    _mm256_loadu_si256(lens.as_ptr().cast()),
                )
            };
            Self {
                low: _mm512_permutex2var_epi64(first, _mm512_setr_epi64(0, 2, 4, 6, 8, 10, 12, 14), last),
                high: _mm512_permutex2var_epi64(first, _mm512_setr_epi64(1, 3, 5, 7, 9, 11, 13, 15), last),
                bits: _mm512_slli_epi64::<3>(_mm512_cvtepu32_epi64(lens)),
            }
        }

        /// Takes a minus sign away; says who had one.
        #[inline]
        #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512cd")]
        fn take_sign(&mut self) -> __mmask8 {
            let negative = _mm512_cmpeq_epi64_mask(_mm512_and_si512(self.low, number(0xff)), number(u64::from(b'-')));
            if negative != 0 {
                let (low, high) = self.without_first();
                self.low = _mm512_mask_mov_epi64(self.low, negative, low);
                self.high = _mm512_mask_mov_epi64(self.high, negative, high);
                self.bits = _mm512_mask_sub_epi64(self.bits, negative, self.bits, number(8));
            }
            negative
        }

        /// All but the first byte.
        #[inline]
        #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512cd")]
        fn without_first(&self) -> (__m512i, __m512i) {
            let low = _mm512_or_si512(_mm512_srli_epi64::<8>(self.low), _mm512_slli_epi64::<56>(self.high));
            (low, _mm512_srli_epi64::<8>(self.high))
        }

        /// Who begins with a zero.
        #[inline]
        #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512cd")]
        fn zeros(&self) -> __mmask8 {
            _mm512_cmpeq_epi64_mask(_mm512_and_si512(self.low, number(0xff)), number(u64::from(b'0')))
        }

        /// The values of 1 to 15 digits, who has no others than digits, and so many, and of whom the last one is no zero.
        #[inline]
        #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512cd")]
        fn digits(&self) -> (__m512i, __mmask8, __mmask8) {
            let ends = |last| _mm512_cmpge_epu64_mask(last, number(1 << 56));
            let zeros = number(0x3030_3030_3030_3030);
            let known = _mm512_cmple_epu64_mask(_mm512_sub_epi64(self.bits, number(8)), number(8 * 14));
            // Leading bytes become zeros of value. Shifts by 64 or more leave nothing.
            let shift = _mm512_subs_epu16(number(64), self.bits);
            let low = _mm512_sllv_epi64(_mm512_xor_si512(self.low, zeros), shift);
            let long = _mm512_cmpgt_epu64_mask(self.bits, number(64));
            if long & known == 0 {
                return (value8(low), known & !long & all_digits(low), ends(low));
            }
            let beyond = _mm512_subs_epu16(self.bits, number(64));
            let high = _mm512_sllv_epi64(_mm512_xor_si512(self.high, zeros), _mm512_sub_epi64(number(64), beyond));
            let powers = _mm512_setr_epi64(1, 10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000);
            let power = _mm512_permutexvar_epi64(_mm512_srli_epi64::<3>(beyond), powers);
            let value = _mm512_add_epi64(_mm512_mul_epu32(value8(low), power), value8(high));
            (value, known & all_digits(low) & all_digits(high), ends(_mm512_mask_mov_epi64(low, long, high)))
        }
    }

    /// Who has no byte above 9.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512cd")]
    fn all_digits(word: __m512i) -> __mmask8 {
        let above = _mm512_or_si512(_mm512_add_epi8(word, _mm512_set1_epi8(0x76)), word);
        !_mm512_test_epi64_mask(above, number(0x8080_8080_8080_8080))
    }

    /// Eight digit values each, the most significant first in memory, as a number.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512cd")]
    fn value8(word: __m512i) -> __m512i {
        let pairs = _mm512_maddubs_epi16(word, number(0x010a_010a_010a_010a));
        let fours = _mm512_madd_epi16(pairs, number(0x0001_0064_0001_0064));
        _mm512_add_epi64(_mm512_mul_epu32(fours, number(10_000)), _mm512_srli_epi64::<32>(fours))
    }

    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512cd")]
    fn integers_avx512(batch: &Batch, out: &mut [i64; BATCH]) -> u64 {
        let mut all = 0;
        for ((i, out), (heads, lens)) in out.as_chunks_mut().0.iter_mut().enumerate().zip(eights(batch)) {
            let mut eight = Eight::load(heads, lens);
            let negative = eight.take_sign();
            let (value, digits, _) = eight.digits();
            // A leading zero is only right when it is the whole number; minus zero never is.
            let one = _mm512_cmpeq_epi64_mask(eight.bits, number(8)) & !negative;
            store(_mm512_mask_sub_epi64(value, negative, _mm512_setzero_si512(), value), out);
            all |= u64::from(digits & (!eight.zeros() | one)) << (WIDTH * i);
        }
        all
    }

    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512cd")]
    fn doubles_avx512<const POINT: u8>(batch: &Batch, out: &mut [f64; BATCH]) -> u64 {
        /// Powers of ten that are doubles exactly.
        const POWERS: [f64; 16] =
            [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15];
        // SAFETY: loads need no alignment, and both are within the array.
        let (few, many) = unsafe { (_mm512_loadu_pd(POWERS.as_ptr()), _mm512_loadu_pd(POWERS.as_ptr().add(WIDTH))) };
        let mut all = 0;
        for ((i, out), (heads, lens)) in out.as_chunks_mut().0.iter_mut().enumerate().zip(eights(batch)) {
            let mut eight = Eight::load(heads, lens);
            let negative = eight.take_sign();
            // Where the point is, in bits; 128 if there is none.
            let (before_low, in_low) = before_point::<POINT>(eight.low);
            let (before_high, _) = before_point::<POINT>(eight.high);
            let place = |before| _mm512_sub_epi64(number(64), _mm512_lzcnt_epi64(before));
            let low_place = place(before_low);
            let point = _mm512_mask_add_epi64(low_place, !in_low, low_place, place(before_high));
            let pointed = _mm512_cmplt_epu64_mask(point, eight.bits);
            // What is behind it moves up.
            let zeros = eight.zeros();
            let (low, high) = eight.without_first();
            eight.low = select(before_low, eight.low, low);
            eight.high = select(_mm512_maskz_mov_epi64(!in_low, before_high), eight.high, high);
            eight.bits = _mm512_mask_sub_epi64(eight.bits, pointed, eight.bits, number(8));
            let (value, digits, ends) = eight.digits();
            let one = _mm512_cmpeq_epi64_mask(eight.bits, number(8)) & !negative & !pointed;
            let zero_point = _mm512_cmpeq_epi64_mask(point, number(8)) & pointed;
            let scale = _mm512_srli_epi64::<3>(_mm512_sub_epi64(eight.bits, point));
            let power = _mm512_permutex2var_pd(few, _mm512_maskz_mov_epi64(pointed, scale), many);
            // One division of two exact numbers rounds correctly; see `float::fast`.
            let value = _mm512_castpd_si512(_mm512_div_pd(_mm512_cvtepi64_pd(value), power));
            store_doubles(_mm512_castsi512_pd(_mm512_mask_xor_epi64(value, negative, value, number(1 << 63))), out);
            let close = match batch.closely {
                Decimals::None => 0,
                Decimals::Single => pointed & _mm512_cmpeq_epi64_mask(scale, number(1)),
                Decimals::Padded => pointed & !ends & _mm512_cmpgt_epu64_mask(scale, number(1)),
            };
            all |= u64::from(digits & (!zeros | one | zero_point) & !close) << (WIDTH * i);
        }
        all
    }

    /// Ones below the first point, everywhere if there is none; and who has one.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512cd")]
    fn before_point<const POINT: u8>(word: __m512i) -> (__m512i, __mmask8) {
        let points = _mm512_movm_epi8(_mm512_cmpeq_epi8_mask(word, _mm512_set1_epi8(POINT.cast_signed())));
        (_mm512_andnot_si512(points, _mm512_sub_epi64(points, number(1))), _mm512_test_epi64_mask(points, points))
    }

    /// Bits of `a` where there are ones, else of `b`.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512cd")]
    fn select(ones: __m512i, a: __m512i, b: __m512i) -> __m512i {
        _mm512_ternarylogic_epi64::<0xca>(ones, a, b)
    }

    /// Days by Neri and Schneider, *Euclidean affine functions and their application to calendar algorithms* (2022):
    /// years begin with March, so that the day that is there every fourth year is their last one.
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512cd")]
    fn iso_dates_avx512(batch: &Batch, out: &mut [i32; BATCH]) -> u64 {
        /// Days from 1 March of the year 0 to 1970-01-01.
        const EPOCH: u64 = 719_468;
        let mut all = 0;
        for ((i, out), (heads, lens)) in out.as_chunks_mut().0.iter_mut().enumerate().zip(eights(batch)) {
            let Eight { low, high, bits } = Eight::load(heads, lens);
            // Bytes, lowest first: Y Y Y Y - M M - | D D.
            let low = _mm512_xor_si512(low, number(u64::from_le_bytes(*b"0000-00-")));
            let high = _mm512_and_si512(_mm512_xor_si512(high, number(0x3030)), number(0xffff));
            // A digit may be up to 9, and what is left of a dash nothing.
            let above = _mm512_or_si512(_mm512_add_epi8(low, number(0x7f76_767f_7676_7676)), low);
            let above = _mm512_or_si512(_mm512_or_si512(_mm512_add_epi8(high, _mm512_set1_epi8(0x76)), high), above);
            let mut known = !_mm512_test_epi64_mask(above, number(0x8080_8080_8080_8080));
            let pairs = _mm512_maddubs_epi16(low, number(0x0001_0a00_010a_010a));
            let fours = _mm512_madd_epi16(pairs, number(0x0001_0001_0001_0064));
            let year = _mm512_and_si512(fours, number(0xffff_ffff));
            let month = _mm512_srli_epi64::<32>(fours);
            let day = _mm512_maddubs_epi16(high, number(0x010a));
            // From 1 to what the month has; 29 February is left to those who know leap years.
            let odd = _mm512_and_si512(_mm512_add_epi64(month, _mm512_srli_epi64::<3>(month)), number(1));
            let february = _mm512_cmpeq_epi64_mask(month, number(2));
            let days = _mm512_mask_mov_epi64(_mm512_add_epi64(number(30), odd), february, number(28));
            known &= _mm512_cmpeq_epi64_mask(bits, number(80));
            known &= _mm512_cmplt_epu64_mask(_mm512_sub_epi64(month, number(1)), number(12));
            known &= _mm512_cmplt_epu64_mask(_mm512_sub_epi64(day, number(1)), days);
            // So are the years 0 and 1, of which a part lies before the first one that there is.
            known &= _mm512_cmpgt_epu64_mask(year, number(1));
            let early = _mm512_cmplt_epu64_mask(month, number(3));
            let year = _mm512_mask_sub_epi64(year, early, year, number(1));
            let month = _mm512_mask_add_epi64(month, early, month, number(12));
            // Divided by 100, exactly up to 43,698.
            let century = _mm512_srli_epi64::<19>(_mm512_mul_epu32(year, number(5_243)));
            let years = _mm512_srli_epi64::<2>(_mm512_mul_epu32(year, number(1_461)));
            let leaps = _mm512_sub_epi64(_mm512_srli_epi64::<2>(century), century);
            let months = _mm512_mul_epu32(month, number(979));
            let months = _mm512_srli_epi64::<5>(_mm512_sub_epi64(months, number(2_919)));
            let days = _mm512_add_epi64(_mm512_add_epi64(years, leaps), _mm512_add_epi64(months, day));
            store_half(_mm512_cvtepi64_epi32(_mm512_sub_epi64(days, number(EPOCH + 1))), out);
            all |= u64::from(known) << (WIDTH * i);
        }
        all
    }

    /// The fields of a batch, as many as go into a vector at a time.
    #[inline]
    fn eights(batch: &Batch) -> impl Iterator<Item = (&[[u8; 16]; WIDTH], &[u32; WIDTH])> {
        let all = batch.heads.as_chunks().0.iter().zip(batch.lens.as_chunks().0);
        all.take(batch.count.div_ceil(WIDTH))
    }

    #[inline]
    #[target_feature(enable = "avx512f")]
    fn store(values: __m512i, out: &mut [i64; WIDTH]) {
        // SAFETY: stores need no alignment, and this one is as large as the array.
        unsafe { _mm512_storeu_si512(out.as_mut_ptr().cast(), values) }
    }

    #[inline]
    #[target_feature(enable = "avx512f")]
    fn store_doubles(values: __m512d, out: &mut [f64; WIDTH]) {
        // SAFETY: stores need no alignment, and this one is as large as the array.
        unsafe { _mm512_storeu_si512(out.as_mut_ptr().cast(), _mm512_castpd_si512(values)) }
    }

    #[inline]
    #[target_feature(enable = "avx512f")]
    fn store_half(values: __m256i, out: &mut [i32; WIDTH]) {
        // SAFETY: stores need no alignment, and this one is as large as the array.
        unsafe { _mm256_storeu_si256(out.as_mut_ptr().cast(), values) }
    }
}

#[cfg(not(target_arch = "x86_64"))]
mod vector {
    use super::Lanes;

    pub(crate) fn integers() -> Option<Lanes<i64>> {
        None
    }

    pub(crate) fn doubles<const POINT: u8>() -> Option<Lanes<f64>> {
        None
    }

    pub(crate) fn iso_dates() -> Option<Lanes<i32>> {
        None
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;
    use crate::types::{float, integer, temporal};

    /// What a batch of `texts` is, field by field; none if there is no way on this processor.
    fn parse<T: Copy + Default>(texts: &[String], lanes: Option<Lanes<T>>) -> Vec<(String, Option<T>)> {
        parse_closely(texts, lanes, Decimals::None)
    }

    fn parse_closely<T: Copy + Default>(
        texts: &[String],
        lanes: Option<Lanes<T>>,
        closely: Decimals,
    ) -> Vec<(String, Option<T>)> {
        let Some(lanes) = lanes else { return Vec::new() };
        let mut text = texts.join(",").into_bytes();
        text.extend_from_slice(&[b'9'; 32]);
        let spans = texts.iter().scan(0, |at, text| {
            let start = *at;
            *at += text.len() + 1;
            Some((start, text.len()))
        });
        let (mut batch, mut out) = (Batch::EMPTY, [T::default(); BATCH]);
        batch.closely = closely;
        batch.load(&text, spans);
        let known = lanes(&batch, &mut out);
        if texts.len() < BATCH {
            assert_eq!(known >> texts.len(), 0, "there are no others");
        }
        let value = |(i, text): (usize, &String)| (text.clone(), (known >> i & 1 == 1).then_some(out[i]));
        texts.iter().enumerate().map(value).collect()
    }

    fn batch(pattern: &'static str) -> impl Strategy<Value = Vec<String>> {
        vec(pattern, 0..=BATCH)
    }

    proptest! {
        #[test]
        fn whole_numbers_are_what_they_are_one_at_a_time(
            texts in batch("-?[0-9]{0,17}|-?[0-9]{1,9}|[0-9/:.\u{80}-]{0,9}")
        ) {
            for (text, value) in parse(&texts, integers()) {
                let known = text.trim_start_matches('-').len() <= 15;
                prop_assert_eq!(value, integer::parse(text.as_bytes()).filter(|_| known), "{}", text);
            }
        }

        #[test]
        fn doubles_are_what_they_are_one_at_a_time(
            texts in batch("-?[0-9]{0,9}[.][0-9]{0,9}|-?[0-9]{1,3}[.][0-9]{1,2}|-?[0-9]{0,17}|[0-9/.-]{0,9}|-?0[.]0{0,9}1?")
        ) {
            for (text, value) in parse(&texts, doubles::<b'.'>()) {
                let known = text != "-0" && text.len() <= 16 && text.bytes().filter(u8::is_ascii_digit).count() <= 15;
                let expected = float::parse_double(text.as_bytes()).filter(|_| known);
                prop_assert_eq!(value.map(f64::to_bits), expected.map(f64::to_bits), "{}", text);
            }
            let commas: Vec<_> = texts.iter().map(|text| text.replace('.', ":")).collect();
            let points = parse(&texts, doubles::<b'.'>());
            for ((text, value), (_, expected)) in parse(&commas, doubles::<b':'>()).into_iter().zip(points) {
                prop_assert_eq!(value.map(f64::to_bits), expected.map(f64::to_bits), "{}", text);
            }
        }

        #[test]
        fn what_is_to_be_looked_at_closely_is_not_known(
            texts in batch("-?[0-9]{0,9}[.][0-9]{0,3}0|-?[0-9]{1,9}[.][0-9]|[0-9]{0,5}0|[0-9]{1,12}[.][0-9]{0,9}"),
            closely in prop::sample::select(vec![Decimals::Single, Decimals::Padded]),
        ) {
            for ((text, value), (_, all)) in
                parse_closely(&texts, doubles::<b'.'>(), closely).into_iter().zip(parse(&texts, doubles::<b'.'>()))
            {
                let expected = all.filter(|_| closely.spare::<b'.'>(text.as_bytes()));
                prop_assert_eq!(value.map(f64::to_bits), expected.map(f64::to_bits), "{}", text);
            }
        }

        #[test]
        fn dates_are_what_they_are_one_at_a_time(
            texts in batch("[0-9]{4}-[01][0-9]-[0-3][0-9]|000[0-2]-0[1-4]-[0-3][0-9]|[0-9/:-]{10}|[0-9-]{0,12}")
        ) {
            for (text, value) in parse(&texts, iso_dates()) {
                prop_assert_eq!(value, known_date(&text), "{}", text);
            }
        }
    }

    /// The date that a batch has to know.
    fn known_date(text: &str) -> Option<i32> {
        let padded = [text.as_bytes(), &[b'9'; 16]].concat();
        let rare = text.starts_with("0001") || text.ends_with("-02-29");
        if text.len() == 10 && !rare { temporal::iso_date(&padded, 0) } else { None }
    }

    #[test]
    fn every_day_there_is_is_found() {
        let months = (1..=9999).flat_map(|year| (1..=12).map(move |month| (year, month)));
        for (year, month) in months {
            let texts: Vec<_> = (0..=32).map(|day| format!("{year:04}-{month:02}-{day:02}")).collect();
            for (text, value) in parse(&texts, iso_dates()) {
                assert_eq!(value, known_date(&text), "{text}");
            }
        }
    }
}
