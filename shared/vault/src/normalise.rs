use std::borrow::Cow;

/// The one spelling that stands for all spellings of a value of this type.
///
/// The vault takes values as they come, but for Unicode's canonical composition (NFC). Whoever wants `+49 30 1234` and
/// `+49 (30) 12-34` to have one token tokenizes what this returns, and gets that back when it is resolved.
///
/// | type | what is changed |
/// |---|---|
/// | `email` | spaces around it; the domain in lower case (RFC 5321 §2.4: the local part may tell cases apart) |
/// | `phone` | everything but digits and a leading `+`, if there is nothing but digits, spaces and `+-./()` |
/// | `card`, `payment_card`, `ssn`, `us_ssn` | spaces and `-`, if there are digits besides |
/// | `iban` | spaces and `-`; capitals (ISO 13616) |
/// | any other | nothing |
pub fn normalise<'a>(kind: &str, value: &'a str) -> Cow<'a, str> {
    match kind {
        "email" => email(value.trim()),
        "phone" => phone(value.trim()),
        "card" | "payment_card" | "ssn" | "us_ssn" => digits(value.trim()),
        "iban" => iban(value.trim()),
        _ => Cow::Borrowed(value),
    }
}

fn email(value: &str) -> Cow<'_, str> {
    match value.rsplit_once('@') {
        Some((local, domain)) if domain.chars().any(char::is_uppercase) => {
            Cow::Owned(format!("{local}@{}", domain.to_lowercase()))
        }
        _ => Cow::Borrowed(value),
    }
}

fn phone(value: &str) -> Cow<'_, str> {
    let plus = value.starts_with('+');
    let separator = |c: char| c.is_whitespace() || matches!(c, '-' | '.' | '/' | '(' | ')');
    let rest = if plus { &value[1..] } else { value };
    without(value, rest, plus, separator)
}

fn digits(value: &str) -> Cow<'_, str> {
    without(value, value, false, |c| c.is_whitespace() || c == '-')
}

/// The digits of `rest`, if there are only separators besides.
fn without<'a>(value: &'a str, rest: &str, plus: bool, separator: impl Fn(char) -> bool) -> Cow<'a, str> {
    let digits = rest.bytes().filter(u8::is_ascii_digit).count();
    if digits == 0 || digits == rest.len() || !rest.chars().all(|c| c.is_ascii_digit() || separator(c)) {
        return Cow::Borrowed(value);
    }
    let mut normal = String::with_capacity(digits + 1);
    normal.extend(plus.then_some('+'));
    normal.extend(rest.bytes().filter(u8::is_ascii_digit).map(char::from));
    Cow::Owned(normal)
}

fn iban(value: &str) -> Cow<'_, str> {
    let changes = |c: char| c.is_whitespace() || c == '-' || c.is_ascii_lowercase();
    if !value.contains(changes) {
        return Cow::Borrowed(value);
    }
    let kept = value.chars().filter(|&c| !c.is_whitespace() && c != '-');
    Cow::Owned(kept.map(|c| c.to_ascii_uppercase()).collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn spellings_of_one_value_become_one() {
        for (kind, spelling, normal) in [
            ("email", " Jane.Doe@Example.COM ", "Jane.Doe@example.com"),
            ("email", "jane@example.com", "jane@example.com"),
            ("email", "nobody", "nobody"),
            ("phone", "+49 (30) 12-34.56/7", "+49301234567"),
            ("phone", "030/1234567", "0301234567"),
            ("phone", "555-1234 ext. 7", "555-1234 ext. 7"),
            ("phone", "+", "+"),
            ("phone", "()", "()"),
            ("card", "4111-1111 1111 1111", "4111111111111111"),
            ("payment_card", "4111 1111 1111 1111", "4111111111111111"),
            ("ssn", "123-45-6789", "123456789"),
            ("us_ssn", "123-45-6789", "123456789"),
            ("ssn", "n/a", "n/a"),
            ("iban", "de89 3704 0044 0532 0130 00", "DE89370400440532013000"),
            ("name", " Jane  Doe ", " Jane  Doe "),
        ] {
            assert_eq!(normalise(kind, spelling), normal, "{kind}");
        }
    }

    proptest! {
        #[test]
        fn what_is_normal_stays(kind in "email|phone|card|ssn|iban|name", value in "[ -~éß\u{a0}]{0,20}|[+0-9 ()./-]{0,20}") {
            let once = normalise(&kind, &value).into_owned();
            prop_assert_eq!(normalise(&kind, &once), once.clone());
        }
    }
}
