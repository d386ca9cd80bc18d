use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};

/// Glue's limit for the names of databases, tables and columns, in bytes.
/// <https://docs.aws.amazon.com/glue/latest/webapi/API_Column.html>
const MAX_NAME: usize = 255;

/// A name as Athena accepts it, made as AWS SDK for pandas makes it: accents folded, lower case, each run of anything
/// but letters and digits one `_`.
pub fn sanitise(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    let mut gap = false;
    for c in name.nfd().filter(|c| !is_combining_mark(*c)) {
        if c.is_ascii_alphanumeric() || c == '_' {
            out.push(c.to_ascii_lowercase());
            gap = false;
        } else if !gap {
            out.push('_');
            gap = true;
        }
    }
    out
}

/// Makes a name of pieces, some of which are what wildcards have matched: of those, letters of all scripts are kept, with
/// their accents, so that different folders give different names wherever the catalog can tell them apart. All else is
/// as [`sanitise`] does it.
pub(crate) fn assemble<'t>(pieces: impl Iterator<Item = (&'t str, bool)>) -> String {
    let mut out = String::new();
    let mut gap = false;
    let mut push = |c: char, is_letter: bool| {
        if is_letter {
            out.push(c);
        } else if !gap {
            out.push('_');
        }
        gap = !is_letter;
    };
    for (text, is_matched) in pieces {
        if is_matched {
            let letters = text.nfc().flat_map(char::to_lowercase);
            letters.for_each(|c| push(c, c.is_alphanumeric() || c == '_' || is_combining_mark(c)));
        } else {
            let plain = text.nfd().filter(|c| !is_combining_mark(*c));
            plain.for_each(|c| push(c.to_ascii_lowercase(), c.is_ascii_alphanumeric() || c == '_'));
        }
    }
    out
}

/// Whether a sanitised name can be that of a database, a table or a column: it has a letter or a digit, and fits
/// into the catalog.
pub fn is_name(sanitised: &str) -> bool {
    sanitised.len() <= MAX_NAME && sanitised.contains(char::is_alphanumeric)
}

/// By what a column is found: its sanitised name, or, where nothing remains of it, the name in lower case.
pub(crate) fn column_key(name: &str) -> String {
    let sanitised = sanitise(name.trim());
    if sanitised.contains(|c: char| c.is_ascii_alphanumeric()) { sanitised } else { name.trim().to_lowercase() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_wildcards_match_keeps_its_letters() {
        let daily = |text: &str| assemble([(text, true), ("_Daily", false)].into_iter());
        for (text, name) in [
            ("日本", "日本_daily"),
            ("中国", "中国_daily"),
            ("Ärzte", "ärzte_daily"),
            ("Arzte", "arzte_daily"),
            ("A\u{308}rzte", "ärzte_daily"),
            ("ACME Inc", "acme_inc_daily"),
            ("a--b.c", "a_b_c_daily"),
            ("हिन्दी", "हिन्दी_daily"),
        ] {
            assert_eq!(daily(text), name);
        }
        for text in ["eu-1", "A_b", "x  y", "_", "a-", "9"] {
            assert_eq!(daily(text), sanitise(&format!("{text}_Daily")), "{text}");
        }
    }

    #[test]
    fn columns_are_found_however_they_are_written() {
        assert_eq!(column_key(" Crème Brûlée "), column_key("creme_brulee"));
        assert_ne!(column_key("日本"), column_key("表"));
        assert!(is_name("a") && !is_name("_") && !is_name("") && !is_name(&"a".repeat(256)));
    }
}
