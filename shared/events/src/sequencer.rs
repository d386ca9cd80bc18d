use std::{cmp::Ordering, fmt, str::FromStr};

/// Where an event stands among the events of the same key: a hexadecimal number of any length.
///
/// The greater one happened later. S3 writes them in different lengths, with and without leading zeros: they compare
/// [after left-padding with zeros][s3], and upper and lower case are the same digit. Between two keys the order means
/// nothing.
///
/// ```
/// use cleanzone_events::Sequencer;
///
/// let first: Sequencer = "0055AED6DCD90281E5".parse()?;
/// assert!(first < "55aed6dcd90281e6".parse()?);
/// assert!(first < "155AED6DCD90281E5".parse()?);
/// # Ok::<(), cleanzone_events::NotHexadecimal>(())
/// ```
///
/// [s3]: https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html
#[derive(Clone, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Sequencer(
    // Lower case and without leading zeros, so that equality and hash are the derived ones.
    String,
);

impl Sequencer {
    /// The digits, in lower case and without leading zeros: what to keep, and to parse again later.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Sequencer {
    type Err = NotHexadecimal;

    fn from_str(text: &str) -> Result<Self, NotHexadecimal> {
        if text.is_empty() || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(NotHexadecimal);
        }
        let digits = text.trim_start_matches('0');
        Ok(Self(if digits.is_empty() { "0".to_owned() } else { digits.to_ascii_lowercase() }))
    }
}

impl TryFrom<String> for Sequencer {
    type Error = NotHexadecimal;

    fn try_from(text: String) -> Result<Self, NotHexadecimal> {
        text.parse()
    }
}

impl From<Sequencer> for String {
    fn from(sequencer: Sequencer) -> Self {
        sequencer.0
    }
}

impl Ord for Sequencer {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.len().cmp(&other.0.len()).then_with(|| self.0.cmp(&other.0))
    }
}

impl PartialOrd for Sequencer {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for Sequencer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The text is no hexadecimal number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a hexadecimal number")]
pub struct NotHexadecimal;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(number: u128, zeros: usize, upper: bool) -> Sequencer {
        let digits = if upper { format!("{number:X}") } else { format!("{number:x}") };
        format!("{}{digits}", "0".repeat(zeros)).parse().unwrap()
    }

    #[test]
    fn refuses_what_is_no_number() {
        for text in ["", "xyz", "0x12", "-1", " 1", "1 ", "１"] {
            assert_eq!(text.parse::<Sequencer>(), Err(NotHexadecimal), "{text:?}");
        }
    }

    #[test]
    fn survives_being_kept() {
        for text in ["0", "000", "00AB", "ab0"] {
            let sequencer: Sequencer = text.parse().unwrap();
            assert_eq!(sequencer.as_str().parse(), Ok(sequencer));
        }
    }

    proptest! {
        #[test]
        fn order_is_that_of_the_numbers(
            a in any::<u128>(), b in any::<u128>(), shift in 0_u32..128, zeros in (0_usize..20, 0_usize..20), case in any::<(bool, bool)>(),
        ) {
            // Shifted, so that lengths differ; and compared with a neighbour, so that equal prefixes occur.
            let a = a >> shift;
            for b in [b, a, a.wrapping_add(1), a ^ 0xff] {
                let (x, y) = (written(a, zeros.0, case.0), written(b, zeros.1, case.1));
                prop_assert_eq!(x.cmp(&y), a.cmp(&b));
                prop_assert_eq!(x == y, a == b);
            }
        }
    }
}
