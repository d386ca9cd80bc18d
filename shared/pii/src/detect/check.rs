//! Whether one value is of a kind, by its digits and letters alone.

use std::{
    collections::HashSet,
    net::{Ipv4Addr, Ipv6Addr},
    sync::LazyLock,
};

use super::{names, shape::Shape};
use crate::Kind;

/// Years in which somebody may be born; the upper end only keeps out marks such as 9999-12-31.
const BIRTH_YEARS: std::ops::RangeInclusive<u32> = 1900..=2099;

/// Whether a value of a column whose header announces `kind` can be of that kind. Weaker than a check of the value
/// alone: it may rely on the header.
pub(super) fn supports(kind: &Kind, value: &str, shape: &Shape) -> bool {
    match kind {
        Kind::Email => shape.ats > 0 && email(value),
        Kind::Phone => phone(value, shape).is_some(),
        Kind::PaymentCard => card(value, shape) == Some(Checked { passed: true }),
        Kind::Iban => iban(value, shape) == Some(Checked { passed: true }),
        Kind::UsSsn => ssn(value, shape).is_some(),
        Kind::IpAddress => ipv4(value, shape).is_some() || ipv6(value, shape),
        Kind::DateOfBirth => date_of_birth(value, shape),
        Kind::FirstName | Kind::LastName | Kind::Nationality => person(shape) && shape.spaces <= 3,
        Kind::FullName => person(shape) && (1..=5).contains(&shape.spaces),
        Kind::Address => address(shape),
        Kind::PostalCode => postal_code(shape),
        Kind::Gender => gender(value),
        Kind::Passport => document(shape) && (6..=12).contains(&shape.length) && shape.digits >= 4,
        Kind::DriversLicence => document(shape) && (5..=22).contains(&shape.length) && shape.digits >= 3,
        Kind::Custom(_) => false,
    }
}

/// A value that has the form of a kind with check digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Checked {
    /// Whether the check digits are right.
    pub(super) passed: bool,
}

/// An address as of RFC 5321, without quotes and with a top-level domain; also between angle brackets behind a name.
pub(super) fn email(value: &str) -> bool {
    let value = match value.strip_suffix('>').and_then(|v| v.split_once('<')) {
        Some((_, inner)) => inner,
        None => value,
    };
    let Some((local, domain)) = value.rsplit_once('@') else { return false };
    let atom = |byte: u8| byte.is_ascii_alphanumeric() || byte >= 0x80 || b"!#$%&'*+-/=?^_`{|}~.".contains(&byte);
    if local.is_empty() || local.len() > 64 || domain.len() > 253 || value.len() > 254 {
        return false;
    }
    if !local.bytes().all(atom) || local.starts_with('.') || local.ends_with('.') || local.contains("..") {
        return false;
    }
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b >= 0x80)
    };
    let Some((names, top)) = domain.rsplit_once('.') else { return false };
    let top_level =
        top.starts_with("xn--") || (top.len() >= 2 && top.bytes().all(|b| !b.is_ascii_digit() && b != b'-'));
    top_level && label(top) && names.split('.').all(label)
}

/// How a telephone number is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phone {
    /// `+`, country, number: ITU-T E.164, with or without separators.
    International,
    /// Three, three and four digits, as the North American Numbering Plan has them.
    NorthAmerican,
    /// A zero, an area, separators: as in most of Europe.
    National,
    /// A number of digits that could be one.
    Bare,
}

/// The longest number is 15 digits (ITU-T E.164, 6.2).
pub(super) fn phone(value: &str, shape: &Shape) -> Option<Phone> {
    if !(7..=20).contains(&shape.digits) || shape.colons + shape.ats + shape.commas + shape.high > 0 {
        return None;
    }
    let value = if shape.letters + shape.others > 0 { without_extension(value)? } else { value };
    let mut digits = [0_u8; 15];
    let mut n = 0;
    let mut groups = [0_u8; 8];
    let (mut group, mut previous, mut dots, mut separators) = (0, b' ', 0, 0);
    for (at, byte) in value.bytes().enumerate() {
        match byte {
            b'0'..=b'9' => {
                *digits.get_mut(n)? = byte - b'0';
                n += 1;
                if !previous.is_ascii_digit() && n > 1 {
                    group += 1;
                }
                *groups.get_mut(group)? += 1;
            }
            b'+' if at == 0 => {}
            b'(' | b')' | b' ' => separators += 1,
            b'-' | b'/' | b'.' if previous.is_ascii_digit() || b") ".contains(&previous) => {
                separators += 1;
                dots += u32::from(byte == b'.');
            }
            _ => return None,
        }
        previous = byte;
    }
    // A single dot is a decimal point.
    if !(7..=15).contains(&n) || dots == 1 || !(previous.is_ascii_digit() || previous == b')') {
        return None;
    }
    let (digits, groups) = (&digits[..n], &groups[..=group]);
    let north_american = match groups {
        [3, 3, 4] => Some(digits),
        [1, 3, 3, 4] if digits[0] == 1 => Some(&digits[1..]),
        _ => None,
    };
    Some(if value.starts_with('+') {
        if digits[0] == 0 || n < 8 {
            return None;
        }
        Phone::International
    } else if separators > 0 && north_american.is_some_and(|digits| digits[0] >= 2 && digits[3] >= 2) {
        Phone::NorthAmerican
    } else if separators > 0 && digits[0] == 0 && groups[0] >= 2 && groups.len() > 1 && (9..=14).contains(&n) {
        Phone::National
    } else {
        Phone::Bare
    })
}

/// What stands before `x12` or `ext. 12`.
fn without_extension(value: &str) -> Option<&str> {
    let at = value.find(|c: char| c.is_ascii_alphabetic() || c == '#')?;
    let (number, extension) = value.split_at(at);
    let digits = extension.trim_start_matches(|c: char| c.is_ascii_alphabetic() || ". #".contains(c));
    let word = extension[..extension.len() - digits.len()].trim_end_matches([' ', '.', '#']);
    let known = ["x", "ext", "extension", "X", "Ext", ""].contains(&word);
    (known && (1..=6).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit())).then(|| number.trim_end())
}

/// A number that begins and is as long as an issuer's cards (ISO/IEC 7812-1); passed with the Luhn digit.
pub(super) fn card(value: &str, shape: &Shape) -> Option<Checked> {
    if !(12..=19).contains(&shape.digits)
        || shape.length != usize::from(shape.digits + shape.spaces + shape.hyphens)
        || shape.spaces + shape.hyphens > 6
    {
        return None;
    }
    let mut digits = [0_u8; 19];
    let mut n = 0;
    let mut after_digit = false;
    for byte in value.bytes() {
        if byte.is_ascii_digit() {
            *digits.get_mut(n)? = byte - b'0';
            n += 1;
            after_digit = true;
        } else if after_digit {
            after_digit = false;
        } else {
            return None;
        }
    }
    let digits = &digits[..n];
    (after_digit && issued(digits)).then(|| Checked { passed: luhn(digits) })
}

fn issued(digits: &[u8]) -> bool {
    let prefix = digits[..6].iter().fold(0_u32, |number, digit| number * 10 + u32::from(*digit));
    match prefix {
        // Visa.
        400_000..=499_999 => matches!(digits.len(), 16 | 19),
        // Mastercard.
        510_000..=559_999 | 222_100..=272_099 => digits.len() == 16,
        // American Express.
        340_000..=349_999 | 370_000..=379_999 => digits.len() == 15,
        // Diners Club.
        300_000..=305_999 | 309_500..=309_599 | 360_000..=369_999 | 380_000..=399_999 => digits.len() == 14,
        // Discover, UnionPay, JCB, Mir.
        601_100..=601_199 | 644_000..=659_999 | 620_000..=629_999 | 352_800..=358_999 | 220_000..=220_499 => {
            (16..=19).contains(&digits.len())
        }
        // Maestro.
        501_800..=501_899
        | 502_000..=502_099
        | 503_800..=503_899
        | 589_300..=589_399
        | 630_400..=630_499
        | 675_900..=675_999
        | 676_100..=676_399 => true,
        _ => false,
    }
}

fn luhn(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(i, digit)| {
            let weighted = u32::from(*digit) << (i & 1);
            if weighted > 9 { weighted - 9 } else { weighted }
        })
        .sum();
    sum.is_multiple_of(10)
}

/// The two ways to write a social security number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ssn {
    /// `123-45-6789` or `123 45 6789`.
    Separated,
    /// Nine digits.
    Bare,
}

/// A number that can have been assigned: no area 000, 666 or from 900, no group 00, no serial 0000
/// (<https://www.ssa.gov/employer/randomization.html>).
pub(super) fn ssn(value: &str, shape: &Shape) -> Option<Ssn> {
    if shape.digits != 9 {
        return None;
    }
    let (area, group, serial, written) = match (shape.length, shape.hyphens, shape.spaces) {
        (9, ..) => (value.get(..3)?, value.get(3..5)?, value.get(5..)?, Ssn::Bare),
        (11, 2, 0) | (11, 0, 2) => {
            let separator = if shape.hyphens > 0 { '-' } else { ' ' };
            let mut parts = value.split(separator);
            let parts = (parts.next()?, parts.next()?, parts.next()?);
            (parts.0, parts.1, parts.2, Ssn::Separated)
        }
        _ => return None,
    };
    let valid = (area.len(), group.len(), serial.len()) == (3, 2, 4)
        && area != "000"
        && area != "666"
        && !area.starts_with('9')
        && group != "00"
        && serial != "0000";
    valid.then_some(written)
}

/// Lengths by country, from the SWIFT IBAN registry (ISO 13616).
#[rustfmt::skip]
const IBAN_LENGTHS: [(&[u8; 2], u8); 89] = [
    (b"AD", 24), (b"AE", 23), (b"AL", 28), (b"AT", 20), (b"AZ", 28), (b"BA", 20), (b"BE", 16), (b"BG", 22),
    (b"BH", 22), (b"BI", 27), (b"BR", 29), (b"BY", 28), (b"CH", 21), (b"CR", 22), (b"CY", 28), (b"CZ", 24),
    (b"DE", 22), (b"DJ", 27), (b"DK", 18), (b"DO", 28), (b"EE", 20), (b"EG", 29), (b"ES", 24), (b"FI", 18),
    (b"FK", 18), (b"FO", 18), (b"FR", 27), (b"GB", 22), (b"GE", 22), (b"GI", 23), (b"GL", 18), (b"GR", 27),
    (b"GT", 28), (b"HN", 28), (b"HR", 21), (b"HU", 28), (b"IE", 22), (b"IL", 23), (b"IQ", 23), (b"IS", 26),
    (b"IT", 27), (b"JO", 30), (b"KW", 30), (b"KZ", 20), (b"LB", 28), (b"LC", 32), (b"LI", 21), (b"LT", 20),
    (b"LU", 20), (b"LV", 21), (b"LY", 25), (b"MC", 27), (b"MD", 24), (b"ME", 22), (b"MK", 19), (b"MN", 20),
    (b"MR", 27), (b"MT", 31), (b"MU", 30), (b"NI", 28), (b"NL", 18), (b"NO", 15), (b"OM", 23), (b"PK", 24),
    (b"PL", 28), (b"PS", 29), (b"PT", 25), (b"QA", 29), (b"RO", 24), (b"RS", 22), (b"RU", 33), (b"SA", 24),
    (b"SC", 31), (b"SD", 18), (b"SE", 24), (b"SI", 19), (b"SK", 24), (b"SM", 27), (b"SO", 23), (b"ST", 25),
    (b"SV", 28), (b"TL", 23), (b"TN", 24), (b"TR", 26), (b"UA", 29), (b"VA", 22), (b"VG", 24), (b"XK", 20),
    (b"YE", 30),
];

/// A number of a country's length, in groups or not; passed with the check digits of ISO 7064 MOD 97-10.
pub(super) fn iban(value: &str, shape: &Shape) -> Option<Checked> {
    let length = shape.digits + shape.letters;
    if !(15..=34).contains(&length) || shape.length != usize::from(length + shape.spaces) || shape.spaces > 9 {
        return None;
    }
    let mut text = [0_u8; 34];
    let mut n = 0;
    for byte in value.bytes().filter(|byte| *byte != b' ') {
        *text.get_mut(n)? = byte.to_ascii_uppercase();
        n += 1;
    }
    let text = &text[..n];
    let country = IBAN_LENGTHS.binary_search_by(|(country, _)| country.as_slice().cmp(&text[..2])).ok()?;
    if usize::from(IBAN_LENGTHS[country].1) != n || !text[2..4].iter().all(u8::is_ascii_digit) {
        return None;
    }
    let rest = text[4..].iter().chain(&text[..4]).fold(0_u32, |rest, byte| match byte {
        b'0'..=b'9' => (rest * 10 + u32::from(byte - b'0')) % 97,
        _ => (rest * 100 + u32::from(byte - b'A') + 10) % 97,
    });
    Some(Checked { passed: rest == 1 })
}

/// An IPv4 address, which may as well be a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ipv4 {
    /// No part is above 31, as in most versions and few addresses.
    pub(super) small: bool,
}

pub(super) fn ipv4(value: &str, shape: &Shape) -> Option<Ipv4> {
    if shape.dots != 3 || shape.length != usize::from(shape.digits) + 3 {
        return None;
    }
    let address: Ipv4Addr = value.parse().ok()?;
    Some(Ipv4 { small: address.octets().iter().all(|octet| *octet < 32) })
}

pub(super) fn ipv6(value: &str, shape: &Shape) -> bool {
    shape.colons >= 2 && shape.digits + shape.letters >= 3 && value.parse::<Ipv6Addr>().is_ok()
}

/// A date with a year, or a year.
fn date_of_birth(value: &str, shape: &Shape) -> bool {
    if !(4..=8).contains(&shape.digits) && shape.colons == 0 || shape.length > 40 {
        return false;
    }
    if shape.letters > 0 && shape.colons == 0 {
        return written_date(value);
    }
    let date = value.split([' ', 'T']).next().unwrap_or(value);
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    let number = |text: &str| if digits(text) { text.parse::<u32>().ok() } else { None };
    if let [year, month, day] = date.split(['-', '/', '.']).collect::<Vec<_>>()[..] {
        let (Some(a), Some(b), Some(c)) = (number(year), number(month), number(day)) else { return false };
        let month_and_day = |a: u32, b: u32| (1..=31).contains(&a) && (1..=31).contains(&b) && a.min(b) <= 12;
        return match (year.len(), month.len(), day.len()) {
            (4, 1..=2, 1..=2) => BIRTH_YEARS.contains(&a) && month_and_day(b, c),
            (1..=2, 1..=2, 4) => BIRTH_YEARS.contains(&c) && month_and_day(a, b),
            (1..=2, 1..=2, 2) => month_and_day(a, b),
            _ => false,
        };
    }
    match (date.len(), number(date)) {
        (4, Some(year)) => BIRTH_YEARS.contains(&year),
        (8, Some(n)) => {
            let plausible =
                |year, month, day| BIRTH_YEARS.contains(&year) && (1..=12).contains(&month) && (1..=31).contains(&day);
            plausible(n / 10_000, n / 100 % 100, n % 100)
                || plausible(n % 10_000, n / 10_000 % 100, n / 1_000_000)
                || plausible(n % 10_000, n / 1_000_000, n / 10_000 % 100)
        }
        _ => false,
    }
}

/// `12 March 1980` and the like, in any language: a year, a day, one or two words.
fn written_date(value: &str) -> bool {
    let (mut year, mut day, mut words) = (false, false, 0);
    for part in value.split([' ', '-', '.', ',', '/']).filter(|part| !part.is_empty()) {
        match part.parse::<u32>() {
            Ok(n) if part.len() == 4 && BIRTH_YEARS.contains(&n) && !year => year = true,
            Ok(1..=31) if !day => day = true,
            Ok(_) => return false,
            Err(_) => words += 1,
        }
    }
    year && day && (1..=3).contains(&words)
}

/// Words of letters, as names are.
pub(super) fn person(shape: &Shape) -> bool {
    let letters = usize::from(shape.any_letters());
    let marks = shape.spaces + shape.hyphens + shape.apostrophes + shape.dots + shape.commas;
    letters >= 1 && shape.length <= 60 && letters + usize::from(marks) == shape.length && shape.spaces <= 6
}

/// A line that may be part of a postal address.
fn address(shape: &Shape) -> bool {
    shape.any_letters() >= 2
        && (4..=160).contains(&shape.length)
        && shape.ats == 0
        && shape.others <= 2
        && shape.colons <= 1
}

/// Words in which the names of streets end or begin, in the languages of [`super::header`].
const STREET_WORDS: [&str; 74] = [
    "allee",
    "alley",
    "av",
    "avda",
    "ave",
    "avenida",
    "avenue",
    "bd",
    "blvd",
    "boulevard",
    "calle",
    "chemin",
    "circle",
    "close",
    "corso",
    "court",
    "crescent",
    "crossing",
    "ct",
    "dr",
    "drive",
    "estrada",
    "gasse",
    "gracht",
    "hill",
    "highway",
    "hwy",
    "junction",
    "kade",
    "lane",
    "largo",
    "ln",
    "loop",
    "parkway",
    "paseo",
    "pass",
    "path",
    "piazza",
    "piazzale",
    "pkwy",
    "place",
    "plac",
    "plaza",
    "platz",
    "pl",
    "point",
    "praca",
    "quai",
    "rd",
    "road",
    "route",
    "rua",
    "rue",
    "sq",
    "square",
    "st",
    "str",
    "straat",
    "strada",
    "strasse",
    "street",
    "terrace",
    "trail",
    "travessa",
    "vereda",
    "via",
    "viale",
    "vicolo",
    "way",
    "weg",
    "plein",
    "laan",
    "parkweg",
    "carrera",
];

static STREETS: LazyLock<HashSet<&'static str>> = LazyLock::new(|| STREET_WORDS.into_iter().collect());

/// How German and Dutch streets end, written as one word.
const STREET_ENDINGS: [&str; 12] =
    ["strasse", "straße", "str.", "str", "weg", "platz", "allee", "gasse", "straat", "laan", "gracht", "plein"];

/// A house number beside a word for a street.
pub(super) fn street(value: &str, shape: &Shape) -> bool {
    if !(1..=9).contains(&shape.digits)
        || shape.any_letters() < 4
        || shape.spaces == 0
        || shape.length > 120
        || shape.ats + shape.colons + shape.others > 1
    {
        return false;
    }
    let (mut street, mut house) = (false, false);
    for part in value.split(',') {
        let mut words = part.split(' ').filter(|word| !word.is_empty()).peekable();
        // A house number begins or ends a part, or follows the street: in "order 17 is on its way", 17 is none.
        let mut place = true;
        while let Some(word) = words.next() {
            let number = word.as_bytes()[0].is_ascii_digit();
            house |= number && word.len() <= 6 && (place || words.peek().is_none());
            place = !number && street_word(word);
            street |= place;
        }
    }
    street && house
}

fn street_word(word: &str) -> bool {
    let mut lower = [0_u8; 40];
    let Some(lower) = lower.get_mut(..word.len()) else { return false };
    lower.copy_from_slice(word.as_bytes());
    lower.make_ascii_lowercase();
    let Ok(lower) = std::str::from_utf8(lower) else { return false };
    STREETS.contains(lower.trim_end_matches('.'))
        || (lower.len() >= 7 && STREET_ENDINGS.iter().any(|ending| lower.ends_with(ending)))
}

/// Letters and digits as the postal codes of the world have them; a ZIP code may have lost its zeros to a spreadsheet.
fn postal_code(shape: &Shape) -> bool {
    (3..=10).contains(&shape.length)
        && shape.length == usize::from(shape.digits + shape.letters + shape.spaces + shape.hyphens)
        && (2..=9).contains(&shape.digits)
        && shape.letters <= 5
        && shape.spaces + shape.hyphens <= 1
        && (shape.letters > 0 || shape.digits >= 3)
}

fn gender(value: &str) -> bool {
    const WORDS: [&str; 48] = [
        "agender",
        "androgyne",
        "bigender",
        "d",
        "divers",
        "diverse",
        "dhr",
        "f",
        "female",
        "feminin",
        "feminino",
        "femenino",
        "femme",
        "femmina",
        "frau",
        "genderfluid",
        "genderqueer",
        "h",
        "herr",
        "homme",
        "hombre",
        "m",
        "male",
        "man",
        "mann",
        "maennlich",
        "masculin",
        "masculino",
        "maschio",
        "mevrouw",
        "mme",
        "mr",
        "mrs",
        "ms",
        "mujer",
        "mw",
        "maschile",
        "non-binary",
        "nonbinary",
        "other",
        "polygender",
        "u",
        "v",
        "vrouw",
        "w",
        "weiblich",
        "woman",
        "x",
    ];
    let value = value.trim_end_matches('.');
    value.len() <= 12
        && (WORDS.iter().any(|word| value.eq_ignore_ascii_case(word)) || value.eq_ignore_ascii_case("männlich"))
}

fn document(shape: &Shape) -> bool {
    shape.length == usize::from(shape.digits + shape.letters + shape.spaces + shape.hyphens) && shape.spaces <= 4
}

/// How many words a value of letters has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Words {
    /// One, which may be a given name.
    One,
    /// Two to four, of which one may be a given name.
    Few,
}

/// Whether the value is written as names are; passed if a frequent given name is among its words.
pub(super) fn named(value: &str, shape: &Shape) -> Option<(Words, Checked)> {
    if !person(shape) || shape.length > 40 {
        return None;
    }
    match shape.spaces {
        0 => Some((Words::One, Checked { passed: names::is_given(value.split('-').next().unwrap_or(value)) })),
        1..=3 => {
            let passed = value.split(' ').any(|word| names::is_given(word.trim_end_matches(',')));
            Some((Words::Few, Checked { passed }))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shape(value: &str) -> Shape {
        Shape::of(value).unwrap()
    }

    fn supported(kind: &Kind, values: &[&str]) -> Vec<bool> {
        values.iter().map(|value| supports(kind, value, &shape(value))).collect()
    }

    #[test]
    fn emails_need_a_domain() {
        let good =
            ["a@b.co", "ann.o'neil+x@mail.example.org", "Ann <ann@example.com>", "jürgen@müller.de", "a@b.xn--p1ai"];
        let bad = ["a@b", "@b.com", "a@.com", "a..b@c.de", "a@b.c1", "a b@c.de", "a@-b.de", "a@b.c", "@handle"];
        assert!(good.iter().all(|value| email(value)));
        assert!(!bad.iter().any(|value| email(value)));
    }

    #[test]
    fn cards_need_issuer_length_and_check_digit() {
        // Numbers that the issuers publish for tests.
        for number in
            ["4111 1111 1111 1111", "5555-5555-5555-4444", "378282246310005", "30569309025904", "2223003122003222"]
        {
            assert_eq!(card(number, &shape(number)), Some(Checked { passed: true }), "{number}");
        }
        assert_eq!(card("4111111111111112", &shape("4111111111111112")), Some(Checked { passed: false }));
        for number in
            ["1234567812345670", "4006381333931", "490154203237518", "4111  111111111111", "-4111111111111111"]
        {
            assert_eq!(card(number, &shape(number)), None, "{number}");
        }
    }

    #[test]
    fn ibans_need_the_length_of_their_country_and_check_digits() {
        // Examples of the SWIFT registry.
        for number in [
            "DE89370400440532013000",
            "GB29 NWBK 6016 1331 9268 19",
            "NO9386011117947",
            "mt84malt011000012345mtlcast001s",
        ] {
            assert_eq!(iban(number, &shape(number)), Some(Checked { passed: true }), "{number}");
        }
        let (wrong, short) = ("DE88370400440532013000", "DE8937040044053201300");
        assert_eq!(iban(wrong, &shape(wrong)), Some(Checked { passed: false }));
        assert_eq!(iban(short, &shape(short)), None);
        assert!(IBAN_LENGTHS.is_sorted());
    }

    #[test]
    fn social_security_numbers_that_cannot_be_assigned_are_none() {
        for (number, expected) in [
            ("123-45-6789", Some(Ssn::Separated)),
            ("123 45 6789", Some(Ssn::Separated)),
            ("123456789", Some(Ssn::Bare)),
            ("000-12-3456", None),
            ("666-12-3456", None),
            ("900-12-3456", None),
            ("123-00-4567", None),
            ("123-45-0000", None),
            ("12-345-6789", None),
            ("123-456-789", None),
            ("123-45 6789", None),
        ] {
            assert_eq!(ssn(number, &shape(number)), expected, "{number}");
        }
    }

    #[test]
    fn telephone_numbers_are_told_by_how_they_are_written() {
        for (number, expected) in [
            ("+49 171 1234567", Some(Phone::International)),
            ("+4915112345678", Some(Phone::International)),
            ("+1 (540) 994-5196", Some(Phone::International)),
            ("540-994-5196", Some(Phone::NorthAmerican)),
            ("(540) 994-5196", Some(Phone::NorthAmerican)),
            ("540.994.5196 x123", Some(Phone::NorthAmerican)),
            ("1-540-994-5196", Some(Phone::NorthAmerican)),
            ("0171/1234567", Some(Phone::National)),
            ("(030) 12345678", Some(Phone::National)),
            ("01 23 45 67 89", Some(Phone::National)),
            ("612 345 678", Some(Phone::Bare)),
            ("5409945196", Some(Phone::Bare)),
            ("140-994-5196", Some(Phone::Bare)),
            ("0-306-40615-2", Some(Phone::Bare)),
            ("1234567.89", None),
            ("2026-11-21 10:00", None),
            ("12345", None),
            ("AB-1234567", None),
            ("+0 171 1234567", None),
            ("1234567890123456", None),
            ("12345678-", None),
        ] {
            assert_eq!(phone(number, &shape(number)), expected, "{number}");
        }
    }

    #[test]
    fn a_version_is_a_small_address() {
        assert_eq!(ipv4("192.168.0.77", &shape("192.168.0.77")), Some(Ipv4 { small: false }));
        assert_eq!(ipv4("1.12.3.4", &shape("1.12.3.4")), Some(Ipv4 { small: true }));
        assert_eq!(ipv4("10.0.19041.1", &shape("10.0.19041.1")), None);
        assert!(ipv6("2001:db8::1", &shape("2001:db8::1")));
        assert!(!ipv6("00:1b:44:11:3a:b7", &shape("00:1b:44:11:3a:b7")) && !ipv6("12:30:45", &shape("12:30:45")));
    }

    #[test]
    fn with_a_header_the_look_is_enough() {
        let dates =
            ["1980-03-12", "12.03.1980", "3/12/1980", "12 March 1980", "12. März 1980", "1980", "19800312", "03/12/80"];
        assert!(supported(&Kind::DateOfBirth, &dates).iter().all(|ok| *ok));
        let others = ["1780-03-12", "9999-12-31", "30.30.1980", "true", "12", "1500000000", "March"];
        assert!(!supported(&Kind::DateOfBirth, &others).iter().any(|ok| *ok));
        let codes = ["24034", "24034-1234", "SW1A 1AA", "1012 AB", "D-10115", "4000-123", "K1A 0B1", "501"];
        assert!(supported(&Kind::PostalCode, &codes).iter().all(|ok| *ok));
        assert!(!supported(&Kind::PostalCode, &["Berlin", "1.5", "12", "1700000000123"]).iter().any(|ok| *ok));
    }

    #[test]
    fn streets_have_a_number_and_a_word() {
        for line in [
            "785 Stephen Terrace",
            "Hauptstraße 12a",
            "12 rue de la Paix",
            "Calle Mayor 5",
            "Lange Laan 7",
            "1 Elm St.",
            "Flat 3, 12 Main Street, Springfield",
            "Hauptstraße 12 Hinterhaus",
        ] {
            assert!(street(line, &shape(line)), "{line}");
        }
        for line in ["2 large pizzas", "Elm Street", "iPhone 12 Pro", "12", "Section 4 b", "order 17 is on its way"] {
            assert!(!street(line, &shape(line)), "{line}");
        }
    }

    proptest! {
        #[test]
        fn no_value_is_too_odd(value in "\\PC{0,60}", other in "[-+0-9a-fA-F.:/ @<>()x]{0,40}") {
            for value in [&value, &other] {
                let shape = shape(value);
                let kinds = [
                    Kind::Email, Kind::Phone, Kind::PaymentCard, Kind::Iban, Kind::UsSsn, Kind::IpAddress, Kind::DateOfBirth,
                    Kind::FullName, Kind::Address, Kind::PostalCode, Kind::Gender, Kind::Passport,
                ];
                for kind in kinds {
                    supports(&kind, value, &shape);
                }
                street(value, &shape);
                named(value, &shape);
            }
        }

        #[test]
        fn one_wrong_digit_never_passes_luhn(digits in proptest::collection::vec(0_u8..10, 15), at in 0_usize..16, by in 1_u8..10) {
            let mut card = digits;
            let check = (0..10).find(|check| luhn(&[card.as_slice(), &[*check]].concat())).unwrap();
            card.push(check);
            card[at] = (card[at] + by) % 10;
            prop_assert!(!luhn(&card));
        }
    }
}
