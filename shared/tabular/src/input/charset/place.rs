//! Whether a character is at home where it stands.

/// What a character between others is worth, in tenths of a bit, and whether it is a letter, of which a language says
/// how frequent it is. There are two characters at least on either side of it; a line end is the border of a field.
pub(super) fn worth(text: &[char], at: usize) -> (i32, bool) {
    let place =
        Place { text, at, c: text[at], before: [text[at - 1], text[at - 2]], after: [text[at + 1], text[at + 2]] };
    if is_letter(place.c) {
        place.letter()
    } else {
        let crowded = [place.before[0], place.after[0]].into_iter().any(is_odd) && !is_drawn(place.c);
        (place.sign() - if crowded { 30 } else { 0 }, false)
    }
}

struct Place<'t> {
    text: &'t [char],
    at: usize,
    c: char,
    /// From the nearest one on.
    before: [char; 2],
    after: [char; 2],
}

/// What units of length and the like, after which a square or a cube may stand, end with.
const RAISED: &[&str] = &["m", "mm", "cm", "dm", "km", "ft", "in", "yd", "mi", "s", "r", "x", "nm", "R"];

impl Place<'_> {
    fn letter(&self) -> (i32, bool) {
        let (c, [p, pp], [n, _]) = (self.c, self.before, self.after);
        let script = script(c);
        let (left, right) = (is_letter(p), is_letter(n));
        if left && self::script(p) != script || right && self::script(n) != script {
            return (-80, true);
        }
        if !left && !right {
            let number = p.is_ascii_digit() || n.is_ascii_digit();
            return (if number { -60 } else { -20 }, true);
        }
        let mut worth = 0;
        if p.is_ascii_digit() || n.is_ascii_digit() {
            worth -= 20;
        }
        if c.is_uppercase() {
            worth -= match (left, right) {
                _ if left && p.is_lowercase() => 50,
                _ if left && right && n.is_lowercase() => 30,
                (false, true) => 5,
                _ => 0,
            };
        } else if c.is_lowercase() && c != 'ß' {
            worth -= match (left, right) {
                (true, true) if p.is_uppercase() && n.is_uppercase() => 70,
                _ if right && n.is_uppercase() => 40,
                (true, false) if p.is_uppercase() && is_letter(pp) && pp.is_uppercase() => 50,
                _ => 0,
            };
        }
        for (beside, is) in [(p, left), (n, right)] {
            if is {
                worth += match script {
                    Script::Latin if lower(beside) == lower(c) => 0,
                    // Vowels stand beside consonants.
                    Script::Latin => {
                        if is_vowel(beside) == is_vowel(c) {
                            -12
                        } else {
                            12
                        }
                    }
                    _ => 8,
                };
            }
        }
        (worth, true)
    }

    /// What is no letter.
    #[allow(clippy::match_same_arms, clippy::too_many_lines)] // a list of signs, in order
    fn sign(&self) -> i32 {
        let (c, [p, pp], [n, nn]) = (self.c, self.before, self.after);
        let digit_before = p.is_ascii_digit() || is_blank(p) && pp.is_ascii_digit();
        let digit_after = n.is_ascii_digit() || nn.is_ascii_digit() && (is_blank(n) && n != '\n' || "-.(+".contains(n));
        let (left, right) = (is_letter(p), is_letter(n));
        let (wordy_before, wordy_after) = (left || p.is_ascii_digit(), right || n.is_ascii_digit());
        let (blank_before, blank_after) = (is_blank(p), is_blank(n));
        let opens = !wordy_before && wordy_after;
        let closes = !blank_before && !wordy_after;
        match c {
            '£' | '€' | '¥' if digit_before || digit_after => 60,
            '£' | '€' | '¥' if !left && !right => 20,
            '£' | '€' | '¥' if left != right => 0,
            '¢' if p.is_ascii_digit() => 50,
            '¢' if !left && !right => 0,
            '½' | '¼' | '¾' if n.is_ascii_digit() => -40,
            '½' | '¼' | '¾' if digit_before => 60,
            '½' | '¼' | '¾' if blank_before && !right => 30,
            '½' | '¼' | '¾' if !left => 20,
            '²' | '³' if !wordy_after && left && RAISED.contains(&self.word_before().as_str()) => 60,
            '²' | '³' if !wordy_after && (left || p == ')') => 5,
            '²' | '³' if !right && p.is_ascii_digit() => 10,
            '¹' if !wordy_after && !blank_before => 0,
            '°' if digit_before => 60,
            '°' if matches!(n, 'C' | 'F' | 'K') && !left => 40,
            '°' if matches!(p, 'n' | 'N') && !is_letter(pp) && !right => 50,
            '°' if !left && !right => 10,
            'º' | 'ª' if p.is_ascii_digit() && !wordy_after => 50,
            'º' | 'ª' if matches!(p, 'N' | 'n' | 'r' | 'a' | 'o' | 'D' | 'M') && !right => 20,
            'µ' if !left && "mgslLAVFWMHSP".contains(n) => 60,
            'µ' if !left && !right => 0,
            '±' if digit_after => 50,
            '±' if blank_before && blank_after => 10,
            '×' if !left && !right && (digit_before || digit_after) => 50,
            '×' | '÷' if !left && !right => 20,
            '‰' if digit_before => 40,
            '§' if digit_after || n == '§' || blank_before && blank_after => 30,
            // Delimiters.
            '§' | '¦' | '¬' if wordy_before && wordy_after => 20,
            '§' | '¦' | '¬' if wordy_before || wordy_after => 0,
            '¶' | '†' | '‡' if !wordy_after || !wordy_before => 0,
            '©' if !left && !n.is_lowercase() => 30,
            '®' | '™' if !wordy_after => 40,
            '«' if !wordy_before && !matches!(n, '\n') => 30,
            '»' if !wordy_after => 30,
            '«' if !wordy_after => 20,
            '»' if !wordy_before => 20,
            '“' | '„' | '‹' | '‘' if opens => 40,
            '”' | '“' | '›' | '’' | '‘' if closes => 30,
            '’' if left && right => {
                if self.contracts() {
                    70
                } else {
                    40
                }
            }
            '’' if wordy_before || n.is_ascii_digit() => 20,
            '’' if right => 5,
            '‚' if opens => 10,
            '”' | '›' if !left || !right => 10,
            '–' | '—' if blank_before && blank_after => 50,
            '–' | '—' if p.is_ascii_digit() && n.is_ascii_digit() => 50,
            '–' | '—' if left && right => 15,
            '–' | '—' if blank_before || blank_after => 20,
            '–' | '—' => 0,
            '•' if blank_before => 30,
            '·' if left == right => 5,
            '…' if !wordy_after => {
                if blank_before {
                    30
                } else {
                    40
                }
            }
            '…' if !left => 20,
            '…' => -10,
            '¡' | '¿' if opens => 50,
            '\u{A0}' => {
                if left && right {
                    38
                } else {
                    50
                }
            }
            '\u{AD}' if left && right => 5,
            '´' if !blank_before && !is_letter(p) || left && right => 20,
            '≤' | '≥' | '≈' if digit_after => 40,
            '≤' | '≥' | '≈' if !left && !right => 10,
            '№' if !left && !right => 40,
            // Marks of Hebrew, Arabic, Thai and Vietnamese belong to letters.
            '\u{300}'..='\u{36F}' | '\u{5B0}'..='\u{5C7}' | '\u{64B}'..='\u{652}' if left => 20,
            '،' | '؛' | '؟' | '\u{200C}'..='\u{200F}' => 10,
            '\u{2500}'..='\u{259F}' if is_drawn(p) || is_drawn(n) => 15,
            '\u{80}'..='\u{9F}' => -120,
            '\u{FFFD}' => -150,
            '\u{F8FF}' => -60,
            _ if left && right => -50,
            _ if left || right => -40,
            _ => -30,
        }
    }

    /// The letters before it.
    fn word_before(&self) -> String {
        let letters = self.text[..self.at].iter().rev().take_while(|c| is_letter(**c)).take(4);
        let mut word: Vec<char> = letters.copied().collect();
        word.reverse();
        word.into_iter().collect()
    }

    /// Whether an apostrophe stands for what English, French or Italian leave out there.
    fn contracts(&self) -> bool {
        let after: String = self.text[self.at + 1..].iter().take_while(|c| is_letter(**c)).collect();
        matches!(after.to_ascii_lowercase().as_str(), "s" | "t" | "d" | "m" | "re" | "ve" | "ll")
            || matches!(
                self.word_before().to_ascii_lowercase().as_str(),
                "l" | "d" | "s" | "n" | "j" | "qu" | "c" | "m" | "t" | "dell" | "all" | "o"
            )
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Script {
    Latin,
    Greek,
    Cyrillic,
    Other,
}

fn script(c: char) -> Script {
    match c {
        '\0'..='\u{24F}' | '\u{1E00}'..='\u{1EFF}' => Script::Latin,
        '\u{370}'..='\u{3FF}' => Script::Greek,
        '\u{400}'..='\u{52F}' => Script::Cyrillic,
        _ => Script::Other,
    }
}

/// Letters, without those that are used as signs, and with the vowels of Thai.
fn is_letter(c: char) -> bool {
    match c {
        // The last of them are accents that stand for themselves.
        'ª' | 'º' | 'ƒ' | 'µ' | 'ﬁ' | 'ﬂ' | 'ⁿ' | '\u{2B0}'..='\u{2FF}' => false,
        '\u{E30}'..='\u{E3A}' | '\u{E40}'..='\u{E4E}' => true,
        _ => c.is_alphabetic(),
    }
}

/// Signs that do not come in rows.
fn is_odd(c: char) -> bool {
    !c.is_ascii() && !is_letter(c) && !is_drawn(c) && !"\u{A0}“”‘’„«»…–—".contains(c)
}

fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\n' | '\u{A0}')
}

fn is_drawn(c: char) -> bool {
    matches!(c, '\u{2500}'..='\u{259F}')
}

fn lower(c: char) -> char {
    c.to_lowercase().next().unwrap_or(c)
}

fn is_vowel(c: char) -> bool {
    "aeiouyáàâäãåæăąāéèêëęěėēíìîïįīıóòôöõøœőōúùûüůűųūýÿơư".contains(lower(c)) || c == 'İ'
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> i32 {
        let text: Vec<char> = format!("\n\n{text}\n\n").chars().collect();
        let at = text.iter().position(|c| !c.is_ascii()).unwrap();
        worth(&text, at).0
    }

    #[test]
    fn what_is_at_home_is_worth_more_than_what_is_not() {
        for (home, abroad) in [
            ("£12", "Ł12"),
            ("5 m³", "5 mł"),
            ("1½", "1˝"),
            ("Plzeň", "Plzeò"),
            ("it’s", "itÕs"),
            ("µm", "ľm"),
            ("20 °C", "20 ˇC"),
            ("Čech", "čEch"),
            ("MÜLLER", "MüLLER"),
            ("(±5)", "(ą5)"),
            ("¿Qué", "żQu"),
        ] {
            assert!(of(home) > of(abroad), "{home}: {}, {abroad}: {}", of(home), of(abroad));
        }
    }
}
