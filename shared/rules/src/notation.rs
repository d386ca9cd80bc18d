//! How numbers and dates are written.

use std::collections::BTreeSet;

use crate::{
    HiveType, Mark,
    document::{DecimalName, ThousandsName},
};

/// The character that a name of a decimal mark stands for.
pub(crate) fn decimal(name: DecimalName) -> char {
    match name {
        DecimalName::Point => '.',
        DecimalName::Comma => ',',
    }
}

/// The mark that a name of a thousands mark stands for.
pub(crate) fn thousands(name: ThousandsName) -> Mark {
    match name {
        ThousandsName::None => Mark::None,
        ThousandsName::Comma => Mark::Is(','),
        ThousandsName::Point => Mark::Is('.'),
        ThousandsName::Space => Mark::Is(' '),
        ThousandsName::Apostrophe => Mark::Is('\''),
    }
}

/// The type that a format of dates implies.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn type_of_format(text: &str) -> Result<HiveType, String> {
    if matches!(text, "epoch" | "epoch_ms" | "epoch_us") {
        return Ok(HiveType::Timestamp);
    }
    let directives = directives(text)?;
    let has = |c: char| directives.contains(&c);
    if !(has('Y') || has('y')) || !has('d') || !(has('m') || has('b')) {
        return Err(format!(
            "`{text}` gives no date: it needs %Y or %y, %m or %b, and %d, or is `epoch`, `epoch_ms`, `epoch_us`"
        ));
    }
    if has('Y') && has('y') {
        return Err(format!("`{text}` gives the year twice, by %Y and by %y"));
    }
    if has('I') != has('p') {
        return Err("%I and %p need each other".to_owned());
    }
    Ok(if "HIMSf".chars().any(has) { HiveType::Timestamp } else { HiveType::Date })
}

/// The letters after `%`; `b` for `B`.
fn directives(text: &str) -> Result<BTreeSet<char>, String> {
    let mut found = BTreeSet::new();
    let mut characters = text.chars();
    while let Some(c) = characters.next() {
        if c != '%' {
            continue;
        }
        match characters.next() {
            Some('B') => found.insert('b'),
            Some(c) if "YymbdHIMSfpz%".contains(c) => found.insert(c),
            Some(c) => {
                return Err(format!("unknown `%{c}`; there are %Y %y %m %b %d %H %I %M %S %f %p %z, and %% for a %"));
            }
            None => return Err("a `%` at the end; write `%%` for the character".to_owned()),
        };
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_format_implies_a_type_or_is_refused() {
        for (format, implied) in [
            ("%d.%m.%Y", HiveType::Date),
            ("%d.%m.%y", HiveType::Date),
            ("%y%m%d", HiveType::Date),
            ("%d %B %Y", HiveType::Date),
            ("%Y-%m-%d %H:%M", HiveType::Timestamp),
            ("epoch_ms", HiveType::Timestamp),
        ] {
            assert_eq!(type_of_format(format), Ok(implied), "{format}");
        }
        for (format, says) in [
            ("%m/%y", "gives no date"),
            ("%d.%m.%y %Y", "gives the year twice"),
            ("%Y-%m-%d %I", "need each other"),
            ("%Q", "unknown `%Q`"),
            ("%", "at the end"),
        ] {
            assert!(type_of_format(format).unwrap_err().contains(says), "{format}");
        }
    }
}
