//! A field's text without its quotes and escapes.

use std::borrow::Cow;

use memchr::{memchr, memchr2};

use crate::grammar::Grammar;

/// What a field says, and whether it stood in quotes.
///
/// A quote in the middle of quotes that is not doubled stays as it is; a field that begins with a quote and does not
/// end with one is taken as it stands.
pub(crate) fn content<'a>(raw: &'a [u8], grammar: &Grammar) -> (Cow<'a, [u8]>, bool) {
    if let Some(quote) = grammar.quote
        && raw.first() == Some(&quote)
    {
        let end = raw.len() - raw.iter().rev().take_while(|b| matches!(b, b' ' | b'\t')).count();
        if let [_, inner @ .., last] = &raw[..end]
            && *last == quote
        {
            return (unescape(inner, quote, grammar.escape), true);
        }
        return (Cow::Borrowed(raw), false);
    }
    match grammar.escape {
        Some(escape) => (unescape_bare(raw, escape, grammar), false),
        None => (Cow::Borrowed(raw), false),
    }
}

/// The contents of the fields of a record that begins with `text` and whose fields end at `ends`.
pub(crate) fn contents<'a>(text: &'a [u8], ends: &[u32], grammar: &Grammar) -> Vec<Cow<'a, [u8]>> {
    let mut from = 0;
    let of = |end: &u32| {
        let end = *end as usize;
        let (content, _) = content(&text[from..end], grammar);
        from = end + grammar.delimiter.len();
        content
    };
    ends.iter().map(of).collect()
}

fn unescape(inner: &[u8], quote: u8, escape: Option<u8>) -> Cow<'_, [u8]> {
    let escape = escape.unwrap_or(quote);
    let Some(first) = memchr2(quote, escape, inner) else { return Cow::Borrowed(inner) };
    let mut out = Vec::with_capacity(inner.len());
    out.extend_from_slice(&inner[..first]);
    let mut rest = &inner[first..];
    while let [byte, tail @ ..] = rest {
        rest = tail;
        match (byte, tail) {
            // A doubled quote is one.
            (byte, [next, tail @ ..]) if *byte == quote && *next == quote => {
                out.push(quote);
                rest = tail;
            }
            // An escape takes what follows as it is, if that needs it.
            (byte, [next, tail @ ..]) if *byte == escape && (*next == quote || *next == escape) => {
                out.push(*next);
                rest = tail;
            }
            _ => out.push(*byte),
        }
    }
    Cow::Owned(out)
}

/// Outside quotes an escape makes delimiters, line ends, quotes and itself literal, and nothing else: `\N` stays.
fn unescape_bare<'a>(raw: &'a [u8], escape: u8, grammar: &Grammar) -> Cow<'a, [u8]> {
    if memchr(escape, raw).is_none() {
        return Cow::Borrowed(raw);
    }
    let mut out = Vec::with_capacity(raw.len());
    let mut rest = raw;
    while let [byte, tail @ ..] = rest {
        rest = tail;
        if *byte == escape
            && let Some(next) = tail.first()
            && (*next == escape
                || Some(*next) == grammar.quote
                || grammar.delimiter.contains(next)
                || matches!(next, b'\n' | b'\r'))
        {
            out.push(*next);
            rest = &tail[1..];
        } else {
            out.push(*byte);
        }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Dialect;

    #[test]
    fn quotes_and_escapes_come_off() {
        let rfc = Grammar::new(&Dialect::csv());
        let backslash = Grammar::new(&Dialect { escape: Some(b'\\'), ..Dialect::csv() });
        let long = Grammar::new(&Dialect { delimiter: b", ".to_vec(), escape: Some(b'\\'), ..Dialect::csv() });
        for (grammar, raw, text, quoted) in [
            (&rfc, "abc", "abc", false),
            (&rfc, "\"abc\"", "abc", true),
            (&rfc, "\"\"", "", true),
            (&rfc, "\"a\"\"b\"", "a\"b", true),
            (&rfc, "\"abc\"  ", "abc", true),
            (&rfc, "\"He said \"hi\"\"", "He said \"hi\"", true),
            (&rfc, "\"abc\"def", "\"abc\"def", false),
            (&rfc, "\"", "\"", false),
            (&rfc, "a\\,b", "a\\,b", false),
            (&backslash, "a\\,b\\\\c", "a,b\\c", false),
            (&backslash, "\\N", "\\N", false),
            (&long, "a\\, b\\,\\ c", "a, b, c", false),
            (&backslash, "\"a\\\"b\\n\"", "a\"b\\n", true),
        ] {
            let (found, q) = content(raw.as_bytes(), grammar);
            assert_eq!((std::str::from_utf8(&found).unwrap(), q), (text, quoted), "{raw}");
        }
    }
}
