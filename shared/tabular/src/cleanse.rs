//! Values made tidy before they are looked at.

use std::{borrow::Cow, collections::HashMap};

/// What is done to each value of a column, in the order of the fields, after quotes and escapes are off and before
/// anything else looks at it: null markers, the inferring of types and the parsing see only what comes of it. So a file
/// reads as one in which the values already stood like that, with the quotes they have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cleanse {
    /// Take white space off both ends, as Unicode defines it.
    pub trim: bool,
    /// Replace a text that is exactly one of these; by `None`: by null. A field without text, also one that is missing
    /// in a row that is filled up, is looked up as the empty text.
    pub map: HashMap<String, Option<String>>,
    /// Write all letters in one case, as Unicode maps them, whatever the language.
    pub case: Option<Case>,
    /// Make null of an empty text in quotes. Without quotes it is null anyway.
    pub empty_is_null: bool,
}

/// The case of letters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Case {
    /// `a`
    Lower,
    /// `A`
    Upper,
}

impl Cleanse {
    /// What becomes of a field's content; `None`: null. What is no UTF-8 stays as it is.
    pub(crate) fn apply<'v>(&'v self, value: &'v [u8]) -> Option<Cow<'v, [u8]>> {
        let Ok(mut text) = std::str::from_utf8(value) else { return Some(Cow::Borrowed(value)) };
        if self.trim {
            text = text.trim();
        }
        if !self.map.is_empty()
            && let Some(mapped) = self.map.get(text)
        {
            text = mapped.as_deref()?;
        }
        if self.empty_is_null && text.is_empty() {
            return None;
        }
        Some(match self.case {
            Some(Case::Lower) if text.chars().any(|c| !c.is_ascii_lowercase()) => {
                Cow::Owned(text.to_lowercase().into_bytes())
            }
            Some(Case::Upper) if text.chars().any(|c| !c.is_ascii_uppercase()) => {
                Cow::Owned(text.to_uppercase().into_bytes())
            }
            _ => Cow::Borrowed(text.as_bytes()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(pairs: &[(&str, Option<&str>)]) -> HashMap<String, Option<String>> {
        pairs.iter().map(|(from, to)| ((*from).to_owned(), to.map(str::to_owned))).collect()
    }

    #[test]
    fn the_order_is_trim_map_case_empty() {
        let all = Cleanse {
            trim: true,
            map: map(&[("NY", Some("New York")), ("-", None), ("x", Some("")), ("", Some("Unknown"))]),
            case: Some(Case::Upper),
            empty_is_null: true,
        };
        for (value, expected) in [
            ("NY", Some("NEW YORK")),
            (" NY\u{a0}", Some("NEW YORK")),
            // Exact: before the case.
            ("ny", Some("NY")),
            ("-", None),
            ("x", None),
            (" ", Some("UNKNOWN")),
            ("Straße", Some("STRASSE")),
        ] {
            let found = all.apply(value.as_bytes()).map(|v| String::from_utf8(v.into_owned()).unwrap());
            assert_eq!(found.as_deref(), expected, "{value:?}");
        }
        let lower = Cleanse { case: Some(Case::Lower), ..Cleanse::default() };
        assert_eq!(lower.apply("ÀB c".as_bytes()).unwrap().as_ref(), "àb c".as_bytes());
        assert_eq!(lower.apply(b"\xffA").unwrap().as_ref(), b"\xffA");
        assert_eq!(lower.apply(b"").unwrap().as_ref(), b"");
    }
}
