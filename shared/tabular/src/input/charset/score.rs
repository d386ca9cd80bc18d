//! Which character set explains the bytes beyond ASCII best.
//!
//! Each set is judged by what its characters do where they stand: letters make words, in one case and in one script, of
//! letters that some language has; currency signs stand beside digits, quotes at the borders of words. What a character
//! is worth is in tenths of a bit, as how much likelier it is to stand there than any other would be.

use std::collections::{BTreeSet, HashMap, HashSet};

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{BIG5, EUC_JP, EUC_KR, Encoding, GB18030, GBK, SHIFT_JIS};

use super::{
    Charset, Detected, dos,
    evidence::CONTEXT,
    languages::{self, Language},
    place::worth,
    plausibility, share,
};

/// What a letter is worth that no language of the set has.
const FOREIGN: f32 = 1e-4;
/// How much of a language's text is in other languages of the set.
const MIXED: f32 = 0.12;
/// Places of a byte that count in full.
const PLACES: i64 = 12;
/// What a set gets because `chardetng` names it: that knows pairs of letters.
const NAMED: i64 = 20;
/// What Windows-1252 gets for being used most.
const COMMON: i64 = 20;
/// How far behind an alternative may be, and still be worth its name.
const NEAR: i64 = 250;

/// A set of one byte a character.
struct Set {
    charset: Charset,
    languages: &'static [Language],
    prior: i64,
}

/// Of those that read a text alike, the first one is it.
fn sets() -> Vec<Set> {
    use encoding_rs::{
        IBM866, ISO_8859_2, ISO_8859_4, ISO_8859_5, ISO_8859_6, ISO_8859_7, ISO_8859_8, ISO_8859_13, ISO_8859_15,
        KOI8_R, KOI8_U, MACINTOSH, WINDOWS_874, WINDOWS_1250, WINDOWS_1251, WINDOWS_1252, WINDOWS_1253, WINDOWS_1254,
        WINDOWS_1255, WINDOWS_1256, WINDOWS_1257, WINDOWS_1258,
    };
    use languages::{ARABIAN, BALTIC, CENTRAL, CYRILLIC, HEBRAIC, HELLENIC, SIAMESE, TURKIC, VIETIC, WESTERN};
    let legacy = |encoding, languages, prior| Set { charset: Charset::Legacy(encoding), languages, prior };
    let dos = |page, languages, prior| Set { charset: Charset::Dos(page), languages, prior };
    vec![
        legacy(WINDOWS_1252, WESTERN, COMMON),
        legacy(WINDOWS_1250, CENTRAL, 0),
        legacy(WINDOWS_1251, CYRILLIC, 0),
        legacy(WINDOWS_1253, HELLENIC, 0),
        legacy(WINDOWS_1254, TURKIC, -15),
        legacy(WINDOWS_1255, HEBRAIC, 0),
        legacy(WINDOWS_1256, ARABIAN, 0),
        legacy(WINDOWS_1257, BALTIC, -20),
        legacy(WINDOWS_874, SIAMESE, 0),
        legacy(WINDOWS_1258, VIETIC, -30),
        legacy(ISO_8859_15, WESTERN, -20),
        legacy(ISO_8859_2, CENTRAL, -10),
        legacy(MACINTOSH, WESTERN, -30),
        dos(&dos::IBM850, WESTERN, -35),
        dos(&dos::IBM437, WESTERN, -45),
        dos(&dos::IBM852, CENTRAL, -45),
        legacy(IBM866, CYRILLIC, -20),
        legacy(KOI8_R, CYRILLIC, -10),
        legacy(KOI8_U, CYRILLIC, -15),
        legacy(ISO_8859_5, CYRILLIC, -20),
        legacy(ISO_8859_7, HELLENIC, -10),
        legacy(ISO_8859_13, BALTIC, -30),
        legacy(ISO_8859_4, BALTIC, -40),
        legacy(ISO_8859_6, ARABIAN, -30),
        legacy(ISO_8859_8, HEBRAIC, -30),
    ]
}

/// How a set reads a text.
struct Reading {
    charset: Charset,
    score: i64,
    /// The characters of the bytes from 0x80 on, where each byte is one.
    high: Option<[char; 128]>,
    /// How much of what it makes of the text can be in one, from 0 to 1.
    plausible: f64,
}

/// The best of all sets for a text with these words; `sample` is much of what is beyond ASCII, in order.
pub(super) fn best(words: &BTreeSet<Vec<u8>>, sample: &[u8]) -> Detected {
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
    detector.feed(sample, true);
    let named = detector.guess(None, Utf8Detection::Deny);
    let mut readings: Vec<_> = sets().iter().map(|set| read(set, words, named)).collect();
    let wide = [SHIFT_JIS, EUC_JP, EUC_KR, GBK, BIG5];
    if wide.contains(&named) || named == GB18030 {
        readings.extend(read_wide(named, sample, NAMED, if named == GBK || named == BIG5 { 3 } else { 2 }));
    } else {
        readings.extend(wide.into_iter().filter_map(|encoding| read_wide(encoding, sample, 0, 4)));
    }
    // Stable: the first of equals stays that.
    readings.sort_by_key(|reading| std::cmp::Reverse(reading.score));
    let Some((first, others)) = readings.split_first() else { return Detected::new(Charset::Utf8, 0.0) };
    if first.plausible < 0.5 {
        return Detected::new(Charset::Utf8, 1.0 - first.plausible);
    }
    let used: BTreeSet<u8> = words.iter().flatten().copied().filter(|b| !b.is_ascii()).collect();
    let differs = |other: &&Reading| match (&first.high, &other.high) {
        (Some(one), Some(other)) => used.iter().any(|b| one[usize::from(b - 0x80)] != other[usize::from(b - 0x80)]),
        _ => true,
    };
    let second = others.iter().find(differs);
    let margin = second.map_or(i64::MAX, |second| first.score - second.score);
    Detected {
        alternative: second.filter(|_| margin < NEAR).map(|second| second.charset.name()),
        ..Detected::new(first.charset, certainty(margin, words.len()) * first.plausible)
    }
}

/// From an even chance up to nearly sure; few words leave a doubt, however well they fit.
#[allow(clippy::cast_precision_loss)] // it is little
fn certainty(margin: i64, words: usize) -> f64 {
    let bits = margin.clamp(0, 1000) as f64 / 10.0;
    let most = 1.0 - 0.5 / (1.0 + words as f64);
    (1.0 / (1.0 + (-bits / 2.0).exp2())).min(most).min(0.99)
}

fn read(set: &Set, words: &BTreeSet<Vec<u8>>, named: &'static Encoding) -> Reading {
    let high = characters(set.charset);
    let mut score = set.prior;
    if set.charset == Charset::Legacy(named) && named != encoding_rs::WINDOWS_1252 {
        score += NAMED;
    }
    let mut bytes = [Byte::default(); 128];
    let mut seen = HashSet::new();
    let (mut strange, mut total) = (0_u64, 0_u64);
    let mut text = Vec::new();
    for word in words {
        text.clear();
        text.extend(word.iter().map(|&b| high.get(usize::from(b).wrapping_sub(0x80)).copied().unwrap_or(b.into())));
        let within = CONTEXT..word.len().saturating_sub(CONTEXT);
        for at in within.filter(|at| !word[*at].is_ascii()) {
            total += 1;
            strange += u64::from(is_strange(&text, at, word[at]));
            // What many words end with is one thing to know.
            if seen.insert([word[at - 1], word[at], word[at + 1]].map(|b| b.to_ascii_lowercase())) {
                let (worth, is_letter) = worth(&text, at);
                let byte = &mut bytes[usize::from(word[at] - 0x80)];
                byte.places += 1;
                byte.worth += i64::from(worth);
                byte.letters += i64::from(is_letter);
            }
        }
    }
    score += bytes.iter().map(|byte| byte.bounded(byte.worth)).sum::<i64>();
    let letters = bytes.iter().zip(high).filter(|(byte, _)| byte.letters > 0);
    // An upper-case letter is as frequent as the language has its lower-case one.
    score += by_language(&letters.map(|(byte, c)| (lower(c), *byte)).collect::<Vec<_>>(), set.languages);
    Reading { charset: set.charset, score, high: Some(high), plausible: 1.0 - share(strange, total) }
}

/// What was seen of a byte.
#[derive(Clone, Copy, Default)]
struct Byte {
    places: i64,
    worth: i64,
    /// Places at which it is a letter.
    letters: i64,
}

impl Byte {
    /// A sum over its places, or over the usual number where there are more: one byte is not to decide alone, however
    /// frequent it is.
    fn bounded(&self, sum: i64) -> i64 {
        sum * self.places.min(PLACES) / self.places.max(1)
    }
}

/// The characters of the bytes from 0x80 on.
fn characters(charset: Charset) -> [char; 128] {
    match charset {
        Charset::Dos(page) => page.high,
        Charset::Legacy(encoding) => std::array::from_fn(|i| {
            let byte = [u8::try_from(i + 0x80).unwrap_or(0xFF)];
            encoding.decode_without_bom_handling(&byte).0.chars().next().unwrap_or('\u{FFFD}')
        }),
        _ => ['\u{FFFD}'; 128],
    }
}

fn lower(c: char) -> char {
    let mut lower = c.to_lowercase();
    match (lower.next(), lower.next()) {
        (Some(lower), None) => lower,
        _ => c,
    }
}

/// What the letters are worth in the language that has them most.
fn by_language(letters: &[(char, Byte)], languages: &[Language]) -> i64 {
    let shares: Vec<_> = languages.iter().map(|language| languages::shares(language)).collect();
    #[allow(clippy::cast_precision_loss)] // there are a dozen
    let count = shares.len() as f32;
    let mut mixed: HashMap<char, f32> = HashMap::new();
    for (letter, share) in shares.iter().flatten() {
        *mixed.entry(*letter).or_default() += share / count;
    }
    let sum = |share: &dyn Fn(char) -> f32| {
        letters.iter().map(|(c, byte)| byte.bounded(byte.letters * bits(share(*c)))).sum::<i64>()
    };
    let of_all = |c: char| mixed.get(&c).copied().unwrap_or(0.0);
    let each =
        shares.iter().map(|own| sum(&|c| (1.0 - MIXED) * own.get(&c).copied().unwrap_or(0.0) + MIXED * of_all(c)));
    each.chain([sum(&of_all)]).max().unwrap_or(0)
}

/// How much likelier a share is than one of 64, in tenths of a bit.
#[allow(clippy::cast_possible_truncation)] // at most sixty
fn bits(share: f32) -> i64 {
    (((share + FOREIGN) * 64.0).log2() * 10.0).round() as i64
}

/// Whether no text has that: control characters, undefined bytes, and what stray bytes become.
fn is_strange(text: &[char], at: usize, byte: u8) -> bool {
    let c = text[at];
    match c {
        'ÿ' | '\u{FFFD}' | '\u{80}'..='\u{9F}' => true,
        'þ' => !text[at - 1].is_alphabetic() || matches!(text[at - 1], 'þ' | 'ÿ'),
        // Whatever Latin sets have there: the byte that strays most.
        _ => byte == 0xFF && (!c.is_alphabetic() || c < '\u{370}'),
    }
}

/// How a set of two bytes a character reads a text, in which there are so many different characters at least.
///
/// One or two prove nothing: a letter beyond ASCII before one of ASCII is a character in some of these sets.
fn read_wide(named: &'static Encoding, sample: &[u8], prior: i64, few: usize) -> Option<Reading> {
    let worth: fn(u8, u8) -> i64 = match named {
        e if e == SHIFT_JIS => |lead, trail| match lead {
            // Latin letters and digits of full width, and signs.
            0x82 if trail.is_ascii() => 5,
            0x82 | 0x83 | 0x88..=0x97 => 45,
            0x81 => 10,
            0x98..=0x9F | 0xE0..=0xEA => -10,
            _ => -30,
        },
        e if e == EUC_JP => |lead, _| match lead {
            0xA4 | 0xA5 => 40,
            0xB0..=0xCF => 35,
            0xA1 | 0xA3 => 10,
            0xD0..=0xF4 => -10,
            _ => -30,
        },
        e if e == EUC_KR => |lead, trail| match lead {
            0xB0..=0xC8 if trail >= 0xA1 => 35,
            0xA1..=0xAC if trail >= 0xA1 => 5,
            _ => -15,
        },
        e if e == GBK || e == GB18030 => |lead, trail| match lead {
            0xB0..=0xD7 if trail >= 0xA1 => 35,
            0xA1..=0xA3 if trail >= 0xA1 => 10,
            0xD8..=0xF7 if trail >= 0xA1 => -10,
            _ => -30,
        },
        e if e == BIG5 => |lead, _| match lead {
            0xA4..=0xC6 => 35,
            0xA1..=0xA3 => 10,
            0xC9..=0xF9 => -10,
            _ => -30,
        },
        _ => return None,
    };
    let mut seen = HashSet::new();
    let (mut score, mut good) = (prior, 0);
    let mut at = 0;
    // The character before, if it is ASCII.
    let mut before = None;
    while at < sample.len() {
        let lead = sample[at];
        if lead.is_ascii() {
            before = Some(lead);
            at += 1;
            continue;
        }
        let length = length(named, sample, at);
        let character = sample.get(at..at + length).unwrap_or(&sample[at..]);
        let is_one = !named.decode_without_bom_handling(character).1;
        let after_letter = before.is_some_and(|b| b.is_ascii_alphabetic());
        let after_digit = before.is_some_and(|b| b.is_ascii_digit());
        if seen.insert((character, after_letter, after_digit)) {
            let worth = match character {
                _ if !is_one => -80,
                // Katakana of half width, and what stands for a longer one.
                [_] => {
                    if after_digit {
                        -60
                    } else {
                        -10
                    }
                }
                // As in any word of Latin letters of which one is beyond ASCII.
                [_, trail] if trail.is_ascii_alphabetic() && after_letter => -20,
                [lead, trail] if trail.is_ascii() && *lead != 0x83 => worth(*lead, *trail).min(10),
                [lead, trail] => worth(*lead, *trail),
                _ => 0,
            };
            score += worth;
            good += usize::from(worth >= 10);
        }
        before = None;
        at += if is_one { character.len() } else { 1 };
    }
    let plausible = plausibility(named, sample, true);
    (good >= few).then_some(Reading { charset: Charset::Legacy(named), score, high: None, plausible })
}

/// Bytes of the character at a place that is beyond ASCII.
fn length(encoding: &'static Encoding, text: &[u8], at: usize) -> usize {
    let next = text.get(at + 1).copied().unwrap_or(0);
    match text[at] {
        0x80 | 0xA0..=0xDF if encoding == encoding_rs::SHIFT_JIS => 1,
        0x8F if encoding == encoding_rs::EUC_JP => 3,
        _ if next.is_ascii_digit() && (encoding == encoding_rs::GBK || encoding == encoding_rs::GB18030) => 4,
        _ => 2,
    }
}
