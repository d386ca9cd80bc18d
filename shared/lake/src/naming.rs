//! From an object key to a table, and from a header to column names.
//!
//! The last two folders of a key are database and table, as in `dms/sakila/film/LOAD01.csv`; Hive folders between
//! table and file, as in `…/film/year=2026/month=11/LOAD01.csv`, are partition values. Names become what Athena
//! accepts, exactly as AWS SDK for pandas does it (`awswrangler.catalog.sanitize_table_name`), so that both can write
//! to one table.

use std::{collections::HashSet, fmt::Write as _};

use cleanzone_rules::Dataset;
pub use cleanzone_rules::sanitise;

use crate::Error;

/// Glue's limit for the names of databases, tables and columns, in bytes.
/// <https://docs.aws.amazon.com/glue/latest/webapi/API_Column.html>
const MAX_NAME: usize = 255;
/// What Hive writes in place of a null partition value.
pub(crate) const HIVE_NULL: &str = "__HIVE_DEFAULT_PARTITION__";
/// Bytes of the source's own name that an output key carries; S3 allows 1,024 for the whole key.
const MAX_STEM: usize = 200;

/// What a key says of the object under it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Naming {
    /// The database.
    pub database: String,
    /// The table.
    pub table: String,
    /// The Hive folders, as name and decoded value.
    pub partitions: Vec<(String, String)>,
    /// The source's name without extensions, fit for an output key.
    pub stem: String,
}

impl Naming {
    /// Reads a decoded object key.
    ///
    /// # Errors
    /// [`Error::Key`] where it is too shallow, or a folder gives no name.
    pub fn from_key(key: &str) -> Result<Self, Error> {
        Self::with(key, None, None)
    }

    /// Reads a decoded object key of which the rules say to what database or table it belongs. What they do not say, the
    /// last folders do.
    ///
    /// # Errors
    /// [`Error::Key`] where it is too shallow, or something gives no name.
    pub fn with(key: &str, database: Option<&str>, table: Option<&str>) -> Result<Self, Error> {
        let error = |reason: String| Error::Key { key: key.to_owned(), reason };
        let mut folders: Vec<&str> = key.split('/').collect();
        let file = folders.pop().unwrap_or_default();
        let first_partition = folders.iter().rposition(|f| !f.contains('=')).map_or(0, |table| table + 1);
        let partitions = partitions(&folders[first_partition..]).map_err(error)?;
        let mut named = folders[..first_partition].iter().rev();
        let mut folder = |given: Option<&str>| match (given, named.next()) {
            (Some(given), _) => Ok((given.to_owned(), true)),
            (None, Some(folder)) => Ok(((*folder).to_owned(), false)),
            (None, None) => {
                Err(error("it needs two folders, database and table, as in `sales/orders/file.csv`, or a rule".into()))
            }
        };
        let (table, database) = (folder(table)?, folder(database)?);
        let name = |what: &str, (text, ruled): (String, bool)| {
            if !ruled && text.contains('=') {
                return Err(error(format!("a Hive folder stands where the {what} is expected")));
            }
            let whence = if ruled { "of lake.toml" } else { "folder" };
            // Rules keep letters of all scripts in the text that wildcards match.
            let keeps_letters = ruled && !text.is_ascii();
            let (name, letters) = if keeps_letters { (text, "letter") } else { (sanitise(&text), "Latin letter") };
            if !name.contains(|c: char| c.is_ascii_alphanumeric() || keeps_letters && c.is_alphanumeric()) {
                return Err(error(format!("the {what} {whence} has no {letters} or digit to make a name of")));
            }
            if name.len() > MAX_NAME {
                return Err(error(format!("the {what} name is longer than {MAX_NAME} bytes")));
            }
            Ok(name)
        };
        Ok(Self { database: name("database", database)?, table: name("table", table)?, partitions, stem: stem(file) })
    }

    /// The database and the table that a key belongs to under these rules, if to any.
    pub fn dataset(key: &str, rules: &Dataset) -> Option<(String, String)> {
        let naming = Self::with(key, rules.database.as_deref(), rules.table.as_deref()).ok()?;
        Some((naming.database, naming.table))
    }

    /// The partition folders of an output key, escaped as Hive does, each with a trailing slash.
    pub fn partition_path(&self) -> String {
        let mut path = String::new();
        for (name, value) in &self.partitions {
            push_folder(&mut path, name, value);
        }
        path
    }
}

/// Adds a partition folder to a path, with a trailing slash.
pub(crate) fn push_folder(path: &mut String, name: &str, value: &str) {
    path.push_str(name);
    path.push('=');
    path.push_str(&hive_escape(value));
    path.push('/');
}

fn partitions(folders: &[&str]) -> Result<Vec<(String, String)>, String> {
    let mut seen = HashSet::new();
    folders
        .iter()
        .map(|folder| {
            let (name, value) = folder.split_once('=').unwrap_or((folder, ""));
            let name = sanitise(name);
            if !name.contains(|c: char| c.is_ascii_alphanumeric()) {
                return Err("a Hive folder has no name before its `=`".to_owned());
            }
            if !seen.insert(name.clone()) {
                return Err(format!("the Hive folder `{name}` stands in it twice"));
            }
            // Hive writes an empty value as null, and Glue refuses an empty one.
            let value = if value.is_empty() { HIVE_NULL.to_owned() } else { hive_unescape(value)? };
            Ok((name, value))
        })
        .collect()
}

/// The names that the columns of a header would have if each were the only one.
pub(crate) fn wanted_names(header: &[String]) -> Vec<String> {
    let wanted = |(i, name): (usize, &String)| match sanitise(name.trim()) {
        name if name.is_empty() => format!("column_{}", i + 1),
        name => truncate(&name, MAX_NAME).to_owned(),
    };
    header.iter().enumerate().map(wanted).collect()
}

/// Column names for a header: sanitised, `column_3` for an empty third one, unique among themselves and against
/// `taken` (the partition keys), a second `a` becoming `a_1`.
pub fn column_names(header: &[String], taken: &[String]) -> Vec<String> {
    let wanted = wanted_names(header);
    // A name that stands in the header as such is never given to another column.
    let mut used: HashSet<String> = taken.iter().cloned().collect();
    let mut reserved: HashSet<String> = wanted.iter().cloned().collect();
    let mut next = std::collections::HashMap::<&str, u32>::new();
    wanted
        .iter()
        .map(|name| {
            if used.insert(name.clone()) {
                return name.clone();
            }
            let suffix = next.entry(name).or_default();
            loop {
                *suffix += 1;
                let tail = format!("_{suffix}");
                let candidate = format!("{}{tail}", truncate(name, MAX_NAME - tail.len()));
                if !used.contains(&candidate) && reserved.insert(candidate.clone()) {
                    used.insert(candidate.clone());
                    return candidate;
                }
            }
        })
        .collect()
}

/// The source's name for use in an output key. Query engines ignore files that begin with `_` or `.`, and Hadoop
/// paths break on some punctuation: both would lose rows silently.
pub(crate) fn stem(file: &str) -> String {
    const COMPRESSION: [&str; 7] = [".gz", ".gzip", ".zst", ".zstd", ".bz2", ".xz", ".zip"];
    const DATA: [&str; 6] = [".csv", ".tsv", ".txt", ".tab", ".psv", ".dat"];
    let mut name = file;
    for extensions in [&COMPRESSION[..], &DATA[..]] {
        if let Some(rest) = extensions.iter().find_map(|e| strip_suffix_ignore_case(name, e)) {
            name = rest;
        }
    }
    let safe: String = name.chars().map(|c| if c.is_alphanumeric() || "-_.+=".contains(c) { c } else { '_' }).collect();
    let stem = truncate(safe.trim_start_matches(['_', '.']), MAX_STEM);
    if stem.is_empty() { "data".to_owned() } else { stem.to_owned() }
}

fn strip_suffix_ignore_case<'a>(text: &'a str, suffix: &str) -> Option<&'a str> {
    let at = text.len().checked_sub(suffix.len())?;
    (at > 0 && text.is_char_boundary(at) && text[at..].eq_ignore_ascii_case(suffix)).then(|| &text[..at])
}

fn truncate(text: &str, bytes: usize) -> &str {
    &text[..text.floor_char_boundary(bytes)]
}

/// The characters that Hive escapes in a partition folder (`FileUtils.escapePathName`).
fn hive_escape(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    for c in value.chars() {
        if c.is_ascii_control() || "\"#%'*/:=?\\{[]^".contains(c) {
            // Writing to a string cannot fail.
            let _ = write!(out, "%{:02X}", u32::from(c));
        } else {
            out.push(c);
        }
    }
    out
}

/// The values in partition folders such as `a=1/b=2/`.
pub(crate) fn folder_values(path: &str) -> Option<Vec<String>> {
    let folders = path.split_terminator('/');
    folders.map(|folder| folder.split_once('=').and_then(|(_, value)| hive_unescape(value).ok())).collect()
}

fn hive_unescape(value: &str) -> Result<String, String> {
    let bytes = value.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut i = 0;
    while i < bytes.len() {
        let escaped = (bytes[i] == b'%')
            .then(|| bytes.get(i + 1..i + 3))
            .flatten()
            .and_then(|hex| std::str::from_utf8(hex).ok())
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        if let Some(byte) = escaped {
            out.push(byte);
            i += 3;
        } else {
            out.push(bytes[i]);
            i += 1;
        }
    }
    String::from_utf8(out).map_err(|_| "the escapes in a Hive folder's value are not UTF-8".to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(key: &str) -> Naming {
        Naming::from_key(key).unwrap()
    }

    #[test]
    fn the_last_two_folders_are_database_and_table() {
        let naming = of("dms/sakila/film/LOAD01.csv");
        assert_eq!((&*naming.database, &*naming.table, &*naming.stem), ("sakila", "film", "LOAD01"));
        assert!(naming.partitions.is_empty());
    }

    #[test]
    fn hive_folders_are_partitions() {
        let naming = of("sales/orders/Year=2026/city=S%C3%A3o Paulo%2FBR/a=/x.csv.gz");
        let expected = [("year", "2026"), ("city", "São Paulo/BR"), ("a", HIVE_NULL)];
        assert_eq!(naming.partitions, expected.map(|(n, v)| (n.to_owned(), v.to_owned())));
        assert_eq!(naming.partition_path(), "year=2026/city=São Paulo%2FBR/a=__HIVE_DEFAULT_PARTITION__/");
        assert_eq!(naming.stem, "x");
    }

    #[test]
    fn keys_that_name_no_table_are_refused() {
        for key in [
            "",
            "x.csv",
            "a/x.csv",
            "year=1/month=2/x.csv",
            "a/year=1/x.csv",
            "//x.csv",
            "a//x.csv",
            "日本/表/x.csv",
            "db=1/t/x.csv",
            "a/b/y=1/y=2/x.csv",
            "a/b/=1/x.csv",
        ] {
            assert!(matches!(Naming::from_key(key), Err(Error::Key { .. })), "{key}");
        }
    }

    #[test]
    fn rules_name_what_they_name_and_folders_the_rest() {
        let of = |key: &str, database: Option<&str>, table: Option<&str>| {
            let naming = Naming::with(key, database, table).unwrap();
            (naming.database, naming.table, naming.partitions.len())
        };
        let names = |database: &str, table: &str, partitions| (database.to_owned(), table.to_owned(), partitions);
        assert_eq!(of("x.csv", Some("Sales"), Some("Orders 2026")), names("sales", "orders_2026", 0));
        assert_eq!(of("day=1/x.csv", Some("a"), Some("b")), names("a", "b", 1));
        assert_eq!(of("crm/users/x.csv", None, Some("people")), names("crm", "people", 0));
        assert_eq!(of("users/x.csv", Some("crm"), None), names("crm", "users", 0));
        assert!(matches!(Naming::with("x.csv", Some("crm"), None), Err(Error::Key { .. })));
        assert_eq!(of("x.csv", Some("crm"), Some("日本_daily")), names("crm", "日本_daily", 0));
        assert!(matches!(Naming::with("x.csv", Some("crm"), Some("…")), Err(Error::Key { .. })));
    }

    #[test]
    fn names_are_made_as_aws_sdk_for_pandas_makes_them() {
        for (name, expected) in [
            ("Crème Brûlée", "creme_brulee"),
            ("a  b--c", "a_b_c"),
            ("Foo.Bar", "foo_bar"),
            ("50%", "50_"),
            ("naïve_", "naive_"),
            ("%", "_"),
        ] {
            assert_eq!(sanitise(name), expected);
        }
    }

    #[test]
    fn stems_never_hide_a_file_from_query_engines() {
        for (file, expected) in [
            ("_x.csv", "x"),
            (".csv", "csv"),
            ("..", "data"),
            ("a b:c%.TSV.GZ", "a_b_c_"),
            ("", "data"),
            ("x", "x"),
            ("r.2026.csv", "r.2026"),
        ] {
            assert_eq!(stem(file), expected, "{file}");
        }
    }

    #[test]
    fn columns_are_named_uniquely_and_the_first_keeps_its_name() {
        let header = ["A", "a", "", "a_1", "Year", "a"].map(str::to_owned);
        assert_eq!(column_names(&header, &["year".to_owned()]), ["a", "a_2", "column_3", "a_1", "year_1", "a_3"]);
    }

    proptest! {
        #[test]
        fn column_names_are_always_unique_and_short(header in prop::collection::vec(".{0,12}|[aA]_?[12]?|.{300}", 0..20)) {
            let names = column_names(&header, &["a".to_owned()]);
            prop_assert_eq!(names.iter().chain([&"a".to_owned()]).collect::<HashSet<_>>().len(), header.len() + 1);
            prop_assert!(names.iter().all(|n| n.len() <= MAX_NAME && !n.is_empty()));
        }

        #[test]
        fn hive_escapes_come_back(value in "\\PC{1,20}|[\\x00-\\x7f]{1,20}") {
            prop_assert_eq!(hive_unescape(&hive_escape(&value)).unwrap(), value);
        }

        #[test]
        fn any_key_is_named_or_refused(key in "\\PC{0,40}|([a-z=%]{0,5}/){0,6}[a-z.]{0,6}") {
            if let Ok(naming) = Naming::from_key(&key) {
                prop_assert!(!naming.stem.starts_with(['_', '.']) && !naming.stem.contains('/'));
                prop_assert!(naming.partitions.iter().all(|(n, v)| !n.is_empty() && !v.is_empty()));
            }
        }
    }
}
