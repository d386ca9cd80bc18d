use crate::name::{assemble, sanitise};

/// A name with captures in it: `{1}_daily`.
#[derive(Clone, Debug)]
pub(crate) struct Template(Vec<Piece>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    /// What this wildcard matched, from 1.
    Capture(usize),
}

impl Template {
    pub(crate) fn new(text: &str) -> Result<Self, String> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            let (number, after) =
                after.split_once('}').ok_or("a `{` without `}`; captures are written `{1}`, `{2}`, …")?;
            let number = number.trim().parse().ok().filter(|n| *n > 0).ok_or_else(|| {
                format!(
                    "`{{{number}}}` is no capture; they are written `{{1}}`, `{{2}}`, …, in the order of the wildcards"
                )
            })?;
            pieces.extend([Piece::Text(before.to_owned()), Piece::Capture(number)]);
            rest = after;
        }
        pieces.push(Piece::Text(rest.to_owned()));
        pieces.retain(|piece| *piece != Piece::Text(String::new()));
        let letters = |text: &String| sanitise(text).contains(|c: char| c.is_ascii_alphanumeric());
        if !pieces.iter().any(|piece| match piece {
            Piece::Text(text) => letters(text),
            Piece::Capture(_) => true,
        }) {
            return Err("it has no Latin letter or digit to make a name of".to_owned());
        }
        Ok(Self(pieces))
    }

    /// The highest capture that it names; 0 where it names none.
    pub(crate) fn highest(&self) -> usize {
        let numbers = self.0.iter().map(|piece| match piece {
            Piece::Text(_) => 0,
            Piece::Capture(number) => *number,
        });
        numbers.max().unwrap_or(0)
    }

    /// The name, sanitised, with all letters of what wildcards have matched; empty where one of those has none.
    pub(crate) fn expand(&self, captures: &[&str]) -> String {
        if self.matched(captures).any(|text| !text.contains(char::is_alphanumeric)) {
            return String::new();
        }
        assemble(self.0.iter().map(|piece| match piece {
            Piece::Text(text) => (text.as_str(), false),
            Piece::Capture(number) => (captures.get(number - 1).copied().unwrap_or_default(), true),
        }))
    }

    /// What the wildcards have matched that are named in it.
    pub(crate) fn matched<'c>(&self, captures: &[&'c str]) -> impl Iterator<Item = &'c str> {
        self.0.iter().filter_map(|piece| match piece {
            Piece::Text(_) => None,
            Piece::Capture(number) => Some(captures.get(number - 1).copied().unwrap_or_default()),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn captures_are_filled_in_and_the_whole_is_sanitised() {
        let template = Template::new("{2}_{1} Daily").unwrap();
        assert_eq!((template.highest(), template.expand(&["A/b", "Größe"])), (2, "größe_a_b_daily".to_owned()));
        assert_eq!(Template::new("crm").unwrap().expand(&[]), "crm");
        // Of nothing but symbols there is no name that another folder would not give as well.
        assert_eq!(Template::new("{1}_daily").unwrap().expand(&["---"]), "");
    }

    #[test]
    fn what_is_no_capture_is_refused() {
        for text in ["{", "{0}", "{x}", "{-1}", "", "…", "_"] {
            assert!(Template::new(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn expanding_never_fails(text in "[{}0-9a-z _]{0,12}|.{0,12}", captures in prop::collection::vec(".{0,5}", 0..3)) {
            if let Ok(template) = Template::new(&text) {
                let captures: Vec<&str> = captures.iter().map(String::as_str).collect();
                let name = template.expand(&captures);
                prop_assert!(name.chars().all(|c| !c.is_ascii_uppercase() && (!c.is_ascii_punctuation() || c == '_')));
            }
        }
    }
}
