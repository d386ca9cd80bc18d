//! What texts look like, without what they say.

/// Characters of a kind that are drawn one by one; where there are more, an ellipsis follows.
const RUN: usize = 4;
/// Characters of a shape.
const LENGTH: usize = 32;
/// Shapes that are counted at once.
const KEPT: usize = 16;

/// The shape of a text: letters and digits are replaced by their kind, the rest stays.
pub(super) fn of(text: &str) -> String {
    let mut shape = String::new();
    let mut length = 0;
    let (mut last, mut run) = ('\0', 0);
    for c in text.chars() {
        let kind = match c {
            _ if c.is_numeric() => '9',
            _ if c.is_uppercase() => 'A',
            _ if c.is_alphabetic() => 'a',
            ' ' => ' ',
            _ if c.is_whitespace() || c.is_control() => '␣',
            _ if c.is_ascii_punctuation() => c,
            _ => '•',
        };
        run = if kind == last { run + 1 } else { 1 };
        last = kind;
        match run {
            1..=RUN => shape.push(kind),
            _ if run == RUN + 1 => shape.push('…'),
            _ => continue,
        }
        length += 1;
        if length == LENGTH {
            shape.push('…');
            break;
        }
    }
    shape
}

/// Finds the most frequent shape in bounded memory: exactly where there are few, else likely (J. Misra, D. Gries,
/// *Finding repeated elements*, 1982).
#[derive(Debug, Default)]
pub(super) struct Frequent {
    counts: Vec<(String, u64)>,
}

impl Frequent {
    pub(super) fn add(&mut self, shape: String) {
        if let Some((_, count)) = self.counts.iter_mut().find(|(kept, _)| *kept == shape) {
            *count += 1;
        } else if self.counts.len() < KEPT {
            self.counts.push((shape, 1));
        } else {
            for (_, count) in &mut self.counts {
                *count -= 1;
            }
            self.counts.retain(|(_, count)| *count > 0);
        }
    }

    /// The most frequent one, and among equals the first in order.
    pub(super) fn most(&self) -> Option<&str> {
        let most = self.counts.iter().max_by(|a, b| a.1.cmp(&b.1).then(b.0.cmp(&a.0)));
        most.map(|(shape, _)| shape.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_tell_the_form_alone() {
        for (text, shape) in [
            ("2026-11-20", "9999-99-99"),
            ("Ada 42", "Aaa 99"),
            ("ada.lovelace@example.org", "aaa.aaaa…@aaaa….aaa"),
            ("Élodie", "Aaaaa…"),
            ("東京", "aa"),
            ("a\nb", "a␣a"),
            ("", ""),
        ] {
            assert_eq!(of(text), shape, "{text}");
        }
        assert_eq!(of(&"a1".repeat(100)).chars().count(), LENGTH + 1);
    }

    #[test]
    fn the_most_frequent_shape_is_found_among_many() {
        let mut frequent = Frequent::default();
        for i in 0..10_000 {
            frequent.add(if i % 3 == 0 { "aaa".to_owned() } else { format!("{i}") });
        }
        assert_eq!(frequent.most(), Some("aaa"));
    }
}
