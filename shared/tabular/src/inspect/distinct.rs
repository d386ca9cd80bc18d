//! About how many different values there are, in bounded memory.

use std::collections::HashSet;

/// Hashes that are kept as they are, before an estimate is made of them.
const EXACT: usize = 1024;
/// Bits of a hash that choose a register: 4,096 of them give a standard error of 1.6 %.
const INDEX_BITS: u32 = 12;

/// Counts exactly while there are few, then as `HyperLogLog` does (P. Flajolet, É. Fusy, O. Gandouet, F. Meunier, 2007).
#[derive(Debug)]
pub(super) enum Distinct {
    Few(HashSet<u64>),
    Many(Box<[u8; 1 << INDEX_BITS]>),
}

impl Default for Distinct {
    fn default() -> Self {
        Self::Few(HashSet::new())
    }
}

impl Distinct {
    pub(super) fn add(&mut self, hash: u64) {
        match self {
            Self::Few(hashes) => {
                hashes.insert(hash);
                if hashes.len() > EXACT {
                    let mut registers = Box::new([0; 1 << INDEX_BITS]);
                    for &hash in hashes.iter() {
                        register(&mut registers, hash);
                    }
                    *self = Self::Many(registers);
                }
            }
            Self::Many(registers) => register(registers, hash),
        }
    }

    #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)] // an estimate
    pub(super) fn count(&self) -> u64 {
        let registers = match self {
            Self::Few(hashes) => return hashes.len() as u64,
            Self::Many(registers) => registers,
        };
        let m = registers.len() as f64;
        let sum: f64 = registers.iter().map(|&rank| (-f64::from(rank)).exp2()).sum();
        let estimate = 0.7213 / (1.0 + 1.079 / m) * m * m / sum;
        let zeros = memchr::memchr_iter(0, &registers[..]).count();
        if estimate <= 2.5 * m && zeros > 0 {
            return (m * (m / zeros as f64).ln()).round() as u64;
        }
        estimate.round() as u64
    }
}

#[allow(clippy::cast_possible_truncation)] // 12 bits, and at most 53
fn register(registers: &mut [u8; 1 << INDEX_BITS], hash: u64) {
    let index = (hash >> (u64::BITS - INDEX_BITS)) as usize;
    let rank = ((hash << INDEX_BITS).leading_zeros() + 1).min(u64::BITS - INDEX_BITS + 1) as u8;
    registers[index] = registers[index].max(rank);
}

#[cfg(test)]
mod tests {
    use std::hash::{DefaultHasher, Hash, Hasher};

    use super::*;

    #[test]
    fn few_are_counted_and_many_estimated() {
        // Three times the standard error, in thousandths.
        for (count, tolerance) in [(0_u64, 0), (1, 0), (1000, 0), (5000, 48), (20_000, 48), (300_000, 48)] {
            let mut distinct = Distinct::default();
            for value in (0..count).chain(0..count.min(1000)) {
                let mut hasher = DefaultHasher::new();
                value.hash(&mut hasher);
                distinct.add(hasher.finish());
            }
            let off = distinct.count().abs_diff(count);
            assert!(off * 1000 <= count * tolerance, "{count}: {}", distinct.count());
        }
    }
}
