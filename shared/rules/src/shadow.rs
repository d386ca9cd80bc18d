//! Datasets that never apply, because others come first that match all of their objects.

use std::collections::{BTreeSet, HashMap};

use crate::{Rule, Rules, compiled::Compiled, glob::Glob};

/// A dataset that never applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shadowed {
    /// The dataset.
    pub rule: Rule,
    /// One of those before it that match its objects.
    pub by: Rule,
}

/// A piece of a glob.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token<'g> {
    Char(char),
    /// `?`
    One,
    /// `*`
    Star,
    /// `**`
    Stars,
    /// `[…]` or `{…}`, taken as a whole.
    Choice(&'g str),
}

/// Globs of datasets that come first, by the text that every match of theirs begins with.
#[derive(Default)]
struct Before<'d> {
    by_prefix: HashMap<&'d str, Vec<(&'d Glob, &'d Compiled)>>,
    lengths: BTreeSet<usize>,
}

impl Rules {
    /// Datasets of which earlier ones match every object. Where that takes more than a look at the globs piece by piece
    /// to see, as with different lists of alternatives, nothing is said.
    pub fn shadowed(&self) -> Vec<Shadowed> {
        let mut found = Vec::new();
        let mut before = Before::default();
        for compiled in &self.datasets {
            let by: Option<Vec<&Compiled>> = compiled.globs.iter().map(|glob| before.cover(compiled, glob)).collect();
            if let Some(first) = by.as_ref().and_then(|by| by.first()) {
                found.push(Shadowed { rule: compiled.rule, by: first.rule });
            }
            before.add(compiled);
        }
        found
    }
}

impl<'d> Before<'d> {
    fn add(&mut self, compiled: &'d Compiled) {
        for glob in &compiled.globs {
            self.by_prefix.entry(glob.prefix()).or_default().push((glob, compiled));
            self.lengths.insert(glob.prefix().len());
        }
    }

    /// The dataset that matches all that a glob of another one does.
    fn cover(&self, compiled: &Compiled, glob: &Glob) -> Option<&'d Compiled> {
        let prefix = glob.prefix();
        let bucket = |other: &Compiled| match (&other.bucket, &compiled.bucket) {
            (None, _) => true,
            (Some(other), Some(bucket)) => covers(other.as_str(), bucket.as_str()),
            (Some(_), None) => false,
        };
        let prefixes = self.lengths.iter().take_while(|length| **length <= prefix.len());
        let lists = prefixes.filter_map(|length| self.by_prefix.get(prefix.get(..*length)?));
        let mut possible = lists.flatten();
        possible.find(|(other, dataset)| bucket(dataset) && covers(other.as_str(), glob.as_str())).map(|found| found.1)
    }
}

/// Whether one glob matches all that another one does; `false` where that is not plain to see.
fn covers(wide: &str, narrow: &str) -> bool {
    let (wide, narrow) = (tokens(wide), tokens(narrow));
    // Reachable places in `wide` for each place in `narrow`, as in matching a text.
    let mut at = vec![false; wide.len() + 1];
    at[0] = true;
    skip_empty(&wide, &mut at);
    for token in narrow {
        let mut next = vec![false; wide.len() + 1];
        for (i, piece) in wide.iter().enumerate().filter(|(i, _)| at[*i]) {
            match (piece, token) {
                (Token::Stars, _) => next[i] = true,
                (Token::Star, token) if stays_in_folder(token) => next[i] = true,
                (Token::One, Token::Char(c)) if c != '/' => next[i + 1] = true,
                (piece, token) if *piece == token => next[i + 1] = true,
                _ => {}
            }
        }
        at = next;
        skip_empty(&wide, &mut at);
    }
    at[wide.len()]
}

/// Wildcards may match nothing.
fn skip_empty(wide: &[Token<'_>], at: &mut [bool]) {
    for (i, piece) in wide.iter().enumerate() {
        if at[i] && matches!(piece, Token::Star | Token::Stars) {
            at[i + 1] = true;
        }
    }
}

fn stays_in_folder(token: Token<'_>) -> bool {
    match token {
        Token::Char(c) => c != '/',
        Token::One | Token::Star => true,
        Token::Stars => false,
        Token::Choice(text) => !text.contains('/') && !text.contains("**"),
    }
}

fn tokens(glob: &str) -> Vec<Token<'_>> {
    let mut all = Vec::new();
    let mut rest = glob;
    while let Some(c) = rest.chars().next() {
        let (token, len) = match c {
            '*' if rest.starts_with("**") => (Token::Stars, 2),
            '*' => (Token::Star, 1),
            '?' => (Token::One, 1),
            '[' | '{' => {
                let close = if c == '[' { ']' } else { '}' };
                // A class may begin with the bracket that ends it.
                let from = if c == '[' { 2 } else { 1 };
                let end = rest.char_indices().skip(from).find(|(_, other)| *other == close);
                let end = end.map_or(rest.len(), |(at, _)| at + 1);
                (Token::Choice(&rest[..end]), end)
            }
            c => (Token::Char(c), c.len_utf8()),
        };
        all.push(token);
        rest = &rest[len..];
    }
    all
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn datasets_that_never_apply_are_found() {
        let shadowed = |text: &str| -> Vec<(usize, usize)> {
            let rules = Rules::parse(text).unwrap();
            rules.shadowed().iter().map(|shadowed| (shadowed.rule.index, shadowed.by.index)).collect()
        };
        let datasets = |globs: &[&str]| {
            let text: Vec<_> = globs.iter().map(|glob| format!("[[dataset]]\nmatch = {glob}\n")).collect();
            shadowed(&text.concat())
        };
        assert_eq!(datasets(&["\"crm/**\"", "\"crm/*/users/*\"", "\"erp/*\""]), [(1, 0)]);
        assert_eq!(datasets(&["\"crm/*/users/*\"", "\"crm/**\""]), []);
        assert_eq!(datasets(&["\"a/**\"", "\"b/**\"", "[\"a/x\", \"b/*\"]"]), [(2, 0)]);
        assert_eq!(datasets(&["\"a/**\"", "[\"a/x\", \"c/*\"]"]), []);
        assert_eq!(datasets(&["\"a/*.csv\"", "\"a/b/c.csv\"", "\"a/{x,y}.csv\"", "\"a/[xy]z.csv\""]), [(2, 0), (3, 0)]);
        assert_eq!(shadowed("[[dataset]]\nmatch = \"**\"\nbucket = \"x\"\n[[dataset]]\nmatch = \"a\"\n"), []);
    }

    proptest! {
        /// A wide glob matches every key of a narrow glob that it covers.
        #[test]
        fn what_is_covered_is_matched(
            wide in prop::collection::vec(prop::sample::select(vec!["a", "b", "/", "*", "**", "?", "{a,b}", "[ab]"]), 1..6),
            narrow in prop::collection::vec(prop::sample::select(vec!["a", "b", "/", "*", "**", "?", "{a,b}", "[ab]"]), 1..6),
            keys in prop::collection::vec("[ab/]{1,6}", 1..40),
        ) {
            let (wide, narrow) = (wide.concat(), narrow.concat());
            let (Ok(one), Ok(other)) = (Glob::new(&wide), Glob::new(&narrow)) else { return Ok(()) };
            if covers(&wide, &narrow) {
                for key in keys.iter().filter(|key| other.is_match(key)) {
                    prop_assert!(one.is_match(key), "{wide} {narrow} {key}");
                }
            }
        }
    }
}
