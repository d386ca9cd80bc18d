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

/// Whether a sanitised name can be that of a database, a table or a column: it has a Latin letter or a digit, and fits
/// into the catalog.
pub fn is_name(sanitised: &str) -> bool {
    sanitised.len() <= MAX_NAME && sanitised.contains(|c: char| c.is_ascii_alphanumeric())
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
    fn columns_are_found_however_they_are_written() {
        assert_eq!(column_key(" Crème Brûlée "), column_key("creme_brulee"));
        assert_ne!(column_key("日本"), column_key("表"));
        assert!(is_name("a") && !is_name("_") && !is_name("") && !is_name(&"a".repeat(256)));
    }
}
