//! Parquet's hybrid of run lengths and bit packing.
//!
//! Source: <https://github.com/apache/parquet-format/blob/master/Encodings.md#run-length-encoding--bit-packing-hybrid-rle--3>.

use crate::thrift::varint;

/// Bits that hold every number below `count`.
#[allow(clippy::cast_possible_truncation)]
pub(crate) fn width(count: usize) -> u8 {
    match count {
        0 | 1 => 0,
        _ => (usize::BITS - (count - 1).leading_zeros()) as u8,
    }
}

/// One run of `count` times `value`.
pub(crate) fn run(value: u32, count: usize, width: u8, out: &mut Vec<u8>) {
    varint(out, (count as u64) << 1);
    out.extend_from_slice(&value.to_le_bytes()[..usize::from(width).div_ceil(8)]);
}

/// Encodes `values`, each of at most `width` bits.
pub(crate) fn encode(values: &[u32], width: u8, out: &mut Vec<u8>) {
    let (mut packed, mut at) = (0, 0);
    while let Some(group) = values[at..].first_chunk::<8>() {
        let first = group[0];
        if group.iter().fold(0, |acc, v| acc | (v ^ first)) != 0 {
            at += 8;
            continue;
        }
        let count = 8 + values[at + 8..].iter().take_while(|v| **v == first).count();
        // A run costs its own header and that of the packed values after it.
        if width == 0 || count * usize::from(width) >= 64 {
            pack(&values[packed..at], width, out);
            run(first, count, width, out);
            at += count;
            packed = at;
        } else {
            at += count & !7;
        }
    }
    pack(&values[packed..], width, out);
}

/// Bit-packs `values`, filled up with zeros to a multiple of eight.
fn pack(values: &[u32], width: u8, out: &mut Vec<u8>) {
    macro_rules! widths {
        ($($width:literal)+) => {
            match width {
                $($width => pack_to::<$width>(values, out),)+
                _ => {}
            }
        };
    }
    if values.is_empty() {
        return;
    }
    if width == 0 {
        return run(0, values.len(), 0, out);
    }
    varint(out, (values.len().div_ceil(8) as u64) << 1 | 1);
    widths!(1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32);
}

fn pack_to<const WIDTH: usize>(values: &[u32], out: &mut Vec<u8>) {
    let (groups, rest) = values.as_chunks::<8>();
    let begin = out.len();
    out.resize(begin + values.len().div_ceil(8) * WIDTH, 0);
    let (target, tail) = out[begin..].split_at_mut(groups.len() * WIDTH);
    for (group, bytes) in groups.iter().zip(target.as_chunks_mut::<WIDTH>().0) {
        *bytes = pack_group(group);
    }
    if !rest.is_empty() {
        let mut group = [0; 8];
        group[..rest.len()].copy_from_slice(rest);
        tail.copy_from_slice(&pack_group::<WIDTH>(&group));
    }
}

/// Eight values of `WIDTH` bits, the first in the lowest bits.
#[inline]
#[allow(clippy::cast_possible_truncation)]
fn pack_group<const WIDTH: usize>(group: &[u32; 8]) -> [u8; WIDTH] {
    let mut bytes = [0; WIDTH];
    let pair = |i: usize| u64::from(group[i]) | u64::from(group[i + 1]) << WIDTH;
    if WIDTH <= 8 {
        let all = pair(0) | pair(2) << (2 * WIDTH) | pair(4) << (4 * WIDTH) | pair(6) << (6 * WIDTH);
        bytes.copy_from_slice(&all.to_le_bytes()[..WIDTH]);
        return bytes;
    }
    let four = |i: usize| u128::from(pair(i)) | u128::from(pair(i + 2)) << (2 * WIDTH);
    let (low, high) = (four(0), four(4));
    let first = low | high << (4 * WIDTH % 128);
    if WIDTH <= 16 {
        bytes.copy_from_slice(&first.to_le_bytes()[..WIDTH]);
    } else if WIDTH < 32 {
        bytes[..16].copy_from_slice(&first.to_le_bytes());
        bytes[16..].copy_from_slice(&(high >> (128 - 4 * WIDTH)).to_le_bytes()[..WIDTH - 16]);
    } else {
        bytes[..16].copy_from_slice(&low.to_le_bytes());
        bytes[16..].copy_from_slice(&high.to_le_bytes());
    }
    bytes
}

/// Encodes `count` bits, the first in the lowest bit of the first byte, as numbers of one bit.
pub(crate) fn encode_bits(bits: &[u8], count: usize, out: &mut Vec<u8>) {
    // Whole bytes can be runs; what is left over is packed.
    let whole = &bits[..count / 8];
    let (mut packed, mut at) = (0, 0);
    let pack = |bytes: &[u8], out: &mut Vec<u8>| {
        if !bytes.is_empty() {
            varint(out, (bytes.len() as u64) << 1 | 1);
            out.extend_from_slice(bytes);
        }
    };
    while at < whole.len() {
        let byte = whole[at];
        let run_bytes = match byte {
            0 | 0xff => whole[at..].iter().take_while(|b| **b == byte).count(),
            _ => 0,
        };
        if run_bytes >= 8 {
            pack(&whole[packed..at], out);
            run(u32::from(byte & 1), run_bytes * 8, 1, out);
            at += run_bytes;
            packed = at;
        } else {
            at += run_bytes.max(1);
        }
    }
    if count.is_multiple_of(8) {
        pack(&whole[packed..], out);
    } else {
        let last = bits[count / 8] & ((1 << (count % 8)) - 1);
        varint(out, ((whole.len() - packed + 1) as u64) << 1 | 1);
        out.extend_from_slice(&whole[packed..]);
        out.push(last);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The decoder as the specification has it, one bit at a time.
    fn decode(mut bytes: &[u8], width: u8, count: usize) -> Vec<u32> {
        let mut values = Vec::new();
        while !bytes.is_empty() {
            let (mut header, mut shift) = (0u64, 0);
            loop {
                let byte = bytes[0];
                bytes = &bytes[1..];
                header |= u64::from(byte & 0x7f) << shift;
                shift += 7;
                if byte < 0x80 {
                    break;
                }
            }
            let n = usize::try_from(header >> 1).unwrap();
            if header & 1 == 1 {
                let (group, rest) = bytes.split_at(n * usize::from(width));
                bytes = rest;
                let bit = |i: usize| u32::from(group[i / 8] >> (i % 8) & 1);
                let w = usize::from(width);
                values.extend((0..n * 8).map(|i| (0..w).fold(0, |v, b| v | bit(i * w + b) << b)));
            } else {
                let (value, rest) = bytes.split_at(usize::from(width).div_ceil(8));
                bytes = rest;
                let value = value.iter().rev().fold(0, |v, b| v << 8 | u32::from(*b));
                values.extend(std::iter::repeat_n(value, n));
            }
        }
        assert!(values.len() >= count && values[count..].iter().all(|v| *v == 0));
        values.truncate(count);
        values
    }

    fn runs(width: u8) -> impl Strategy<Value = Vec<u32>> {
        let value = any::<u32>().prop_map(move |v| if width == 0 { 0 } else { v >> (32 - width) });
        proptest::collection::vec((value, prop_oneof![Just(1usize), 1..80usize]), 0..60)
            .prop_map(|runs| runs.into_iter().flat_map(|(v, n)| std::iter::repeat_n(v, n)).collect())
    }

    proptest! {
        #[test]
        fn numbers_come_back((width, values) in (0u8..=32).prop_flat_map(|w| (Just(w), runs(w)))) {
            let mut out = Vec::new();
            encode(&values, width, &mut out);
            prop_assert_eq!(decode(&out, width, values.len()), values);
        }

        #[test]
        fn bits_come_back(values in runs(1)) {
            let mut bits = vec![0xaau8; values.len() / 8 + 1];
            for (i, v) in values.iter().enumerate() {
                bits[i / 8] = bits[i / 8] & !(1 << (i % 8)) | u8::try_from(*v).unwrap() << (i % 8);
            }
            let mut out = Vec::new();
            encode_bits(&bits, values.len(), &mut out);
            prop_assert_eq!(decode(&out, 1, values.len()), values);
        }
    }

    #[test]
    fn long_runs_take_few_bytes() {
        let mut out = Vec::new();
        encode(&vec![7; 20_000], 12, &mut out);
        assert_eq!(out.len(), 5);
        let mut out = Vec::new();
        encode_bits(&[0xff; 2_500], 20_000, &mut out);
        assert_eq!(out.len(), 4);
    }

    #[test]
    fn width_is_that_of_the_greatest() {
        assert_eq!([0, 1, 2, 3, 4, 5, 256, 257].map(width), [0, 0, 1, 2, 2, 3, 8, 9]);
    }
}
