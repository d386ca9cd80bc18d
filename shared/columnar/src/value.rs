//! Values of fixed length.

use std::cmp::Ordering;

use arrow::datatypes::ToByteSlice;

use crate::bounds::{Bound, Form};

#[cfg(target_endian = "big")]
compile_error!("Parquet is little-endian, and values are copied as they lie in memory");

/// A value of fixed length.
pub(crate) trait Value: Bound + Copy + Send + 'static {
    /// Whether it is a whole number of up to 64 bits.
    const IS_NUMBER: bool = false;

    /// A number that is the same exactly for values that are the same bit by bit, or, above 64 bits, for few others.
    fn key(self) -> u64;

    /// The whole number that it is; of no use where it is none.
    fn number(self) -> i64 {
        0
    }

    /// Whether it is the same bit by bit.
    fn same(self, other: Self) -> bool;

    /// Least and greatest of `values`.
    fn bounds(values: &[Self]) -> Option<(Self, Self)>;

    /// Appends `values` as Parquet's PLAIN encoding has them.
    fn plain(values: &[Self], width: usize, out: &mut Vec<u8>);
}

macro_rules! integers {
    ($($type:ty as $unsigned:ty),+) => {$(
        impl Bound for $type {
            fn order(&self, other: &Self) -> Ordering {
                self.cmp(other)
            }

            fn lower(&self, _: Form) -> (Vec<u8>, bool) {
                (self.to_le_bytes().to_vec(), true)
            }

            fn upper(&self, form: Form) -> Option<(Vec<u8>, bool)> {
                Some(self.lower(form))
            }

            fn written(&self, _: &[u8]) -> Self {
                *self
            }
        }

        impl Value for $type {
            const IS_NUMBER: bool = true;

            #[inline]
            fn key(self) -> u64 {
                self.cast_unsigned().into()
            }

            #[inline]
            fn number(self) -> i64 {
                self.into()
            }

            #[inline]
            fn same(self, other: Self) -> bool {
                self == other
            }

            fn bounds(values: &[Self]) -> Option<(Self, Self)> {
                extremes(values)
            }

            fn plain(values: &[Self], _: usize, out: &mut Vec<u8>) {
                out.extend_from_slice(values.to_byte_slice());
            }
        }
    )+};
}

integers!(i32 as u32, i64 as u64);

/// Least and greatest of some whole numbers.
#[allow(unsafe_code, reason = "numbers of 64 bits are compared several at a time by newer processors only")]
fn extremes<T: Copy + Ord>(values: &[T]) -> Option<(T, T)> {
    #[cfg(target_arch = "x86_64")]
    if std::is_x86_feature_detected!("avx2") {
        // SAFETY: the processor has been asked.
        return unsafe { extremes_avx2(values) };
    }
    extremes_of(values)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn extremes_avx2<T: Copy + Ord>(values: &[T]) -> Option<(T, T)> {
    extremes_of(values)
}

#[expect(clippy::inline_always, reason = "it has to be compiled once for each set of instructions")]
#[inline(always)]
fn extremes_of<T: Copy + Ord>(values: &[T]) -> Option<(T, T)> {
    let first = *values.first()?;
    Some(fold::<_, 16>(values, (first, first), T::min, T::max))
}

/// The least and the greatest of `values` and of two to begin with, in as many `LANES` as a processor can compare while
/// it waits for the first.
#[expect(clippy::inline_always, reason = "it has to be compiled once for each set of instructions")]
#[inline(always)]
fn fold<T: Copy, const LANES: usize>(
    values: &[T],
    (least, greatest): (T, T),
    less: impl Fn(T, T) -> T,
    more: impl Fn(T, T) -> T,
) -> (T, T) {
    let (mut min, mut max) = ([least; LANES], [greatest; LANES]);
    let (chunks, rest) = values.as_chunks::<LANES>();
    for chunk in chunks {
        for (lane, value) in chunk.iter().enumerate() {
            min[lane] = less(min[lane], *value);
            max[lane] = more(max[lane], *value);
        }
    }
    let min = min.iter().chain(rest).copied().fold(least, &less);
    let max = max.iter().chain(rest).copied().fold(greatest, &more);
    (min, max)
}

macro_rules! floats {
    ($($type:ty),+) => {$(
        impl Bound for $type {
            fn order(&self, other: &Self) -> Ordering {
                self.total_cmp(other)
            }

            /// The specification wants zero as a lower bound to be negative, as an upper one positive.
            fn lower(&self, _: Form) -> (Vec<u8>, bool) {
                let zero = *self == 0.0;
                (if zero { -0.0 } else { *self }.to_le_bytes().to_vec(), true)
            }

            fn upper(&self, _: Form) -> Option<(Vec<u8>, bool)> {
                let zero = *self == 0.0;
                Some((if zero { 0.0 } else { *self }.to_le_bytes().to_vec(), true))
            }

            fn written(&self, _: &[u8]) -> Self {
                *self
            }
        }

        impl Value for $type {
            #[inline]
            fn key(self) -> u64 {
                self.to_bits().into()
            }

            #[inline]
            fn same(self, other: Self) -> bool {
                self.to_bits() == other.to_bits()
            }

            /// NaN is never a bound.
            fn bounds(values: &[Self]) -> Option<(Self, Self)> {
                let less = |a: Self, b: Self| if b < a { b } else { a };
                let more = |a: Self, b: Self| if b > a { b } else { a };
                let (min, max) = fold::<_, 8>(values, (Self::INFINITY, Self::NEG_INFINITY), less, more);
                (min <= max).then_some((min, max))
            }

            fn plain(values: &[Self], _: usize, out: &mut Vec<u8>) {
                out.extend_from_slice(values.to_byte_slice());
            }
        }
    )+};
}

floats!(f32, f64);

/// Decimals of more than 18 digits, big-endian and as short as their precision allows.
impl Bound for i128 {
    fn order(&self, other: &Self) -> Ordering {
        self.cmp(other)
    }

    fn lower(&self, form: Form) -> (Vec<u8>, bool) {
        (self.to_be_bytes()[16 - form.width..].to_vec(), true)
    }

    fn upper(&self, form: Form) -> Option<(Vec<u8>, bool)> {
        Some(self.lower(form))
    }

    fn written(&self, _: &[u8]) -> Self {
        *self
    }
}

impl Value for i128 {
    #[allow(clippy::cast_possible_truncation)]
    fn key(self) -> u64 {
        let bits = self.cast_unsigned();
        bits as u64 ^ ((bits >> 64) as u64).rotate_left(32)
    }

    fn same(self, other: Self) -> bool {
        self == other
    }

    fn bounds(values: &[Self]) -> Option<(Self, Self)> {
        let first = *values.first()?;
        Some(values.iter().fold((first, first), |(min, max), v| (min.min(*v), max.max(*v))))
    }

    fn plain(values: &[Self], width: usize, out: &mut Vec<u8>) {
        for value in values {
            out.extend_from_slice(&value.to_be_bytes()[16 - width..]);
        }
    }
}
