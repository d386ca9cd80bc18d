//! The allow-list: who may do what, for which purpose, with which scope and types. What it does not name is denied.
//!
//! ```toml
//! # The fraud desk, which signs in through IAM Identity Center, looks up single persons.
//! [[allow]]
//! role = "arn:aws:iam::123456789012:role/AWSReservedSSO_FraudDesk_*"
//! purpose = ["fraud-investigation"]
//! scope = "crm"
//! types = ["email", "phone"]
//! actions = ["resolve"]
//! max_tokens = 100
//!
//! # The mailing job gets files of the lake with addresses in the clear.
//! [[allow]]
//! role = "arn:aws:iam::123456789012:role/mailing"
//! purpose = ["product-recall"]
//! scope = "crm"
//! types = ["email"]
//! actions = ["resolve"]
//! max_tokens = 1
//! objects = ["s3://lake-landing/crm/*"]
//! max_rows = 100_000
//!
//! # Requests for erasure, and new keys.
//! [[allow]]
//! role = "arn:aws:iam::123456789012:role/data-protection-officer"
//! purpose = ["erasure", "yearly-rotation"]
//! scope = "crm"
//! types = ["email", "phone", "name"]
//! actions = ["forget", "rotate"]
//! max_tokens = 1000
//! ```
//!
//! All of it is required but `objects` and `max_rows`, which come together. A `role` is the ARN of an IAM role without
//! its path, which STS does not tell, or of a user, a federated user or the root user; in the name `*` stands for any
//! characters. `objects` name a bucket, and in the key `*` stands for any characters. Entries add up: a call may do what
//! any of them allows, except that an entry counts only where the call stays within its `max_tokens` or `max_rows`.
//!
//! Whoever can write this file can allow himself everything. It has to lie where only those can write who answer for the
//! vault.

use std::{fmt::Write, ops::Range, sync::Arc};

use cleanzone_storage::{Error as StorageError, Location, ObjectStore, Pin};
use serde::Deserialize;
use toml::Spanned;

use crate::{
    error::Error,
    request::{Action, MOST},
};

/// Bytes of the longest list that is read.
const LONGEST: u64 = 1 << 20;
/// Rows of the largest object that can be allowed.
const MOST_ROWS: u64 = 1_000_000_000;

/// The list, read anew for every call: what was taken away is away at once.
#[derive(Debug, Default)]
pub(crate) struct AllowList {
    allow: Vec<Arc<Entry>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    #[serde(default)]
    allow: Vec<Form>,
}

type Text = Spanned<String>;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Form {
    role: Text,
    purpose: Spanned<Vec<Text>>,
    scope: Text,
    types: Spanned<Vec<Text>>,
    actions: Spanned<Vec<Action>>,
    max_tokens: Spanned<i64>,
    objects: Option<Spanned<Vec<Text>>>,
    max_rows: Option<Spanned<i64>>,
}

#[derive(Debug)]
struct Entry {
    role: String,
    purpose: Vec<String>,
    scope: String,
    types: Vec<String>,
    actions: Vec<Action>,
    max_tokens: usize,
    objects: Vec<String>,
    max_rows: u64,
}

/// How much a call asks for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Extent<'a> {
    /// Tokens or values.
    Items(usize),
    /// An object of any size.
    Object(&'a Location),
}

impl AllowList {
    /// The allow-list at this place; an empty one where there is none.
    pub(crate) async fn read(store: &dyn ObjectStore, at: &Location) -> Result<Self, Error> {
        let mut reader = match store.open(at, &Pin::default()).await {
            Err(StorageError::NotFound(_)) => return Ok(Self::default()),
            opened => opened.map_err(Error::Storage)?,
        };
        let wrong = |source| Error::AllowList { at: at.to_string(), source };
        let size = reader.meta().size;
        if size > LONGEST {
            return Err(wrong(format!("it has {size} bytes, and {LONGEST} are the most").into()));
        }
        let mut bytes = Vec::new();
        while let Some(chunk) = reader.next().await.map_err(Error::Storage)? {
            bytes.extend_from_slice(&chunk);
        }
        let text = str::from_utf8(&bytes).map_err(|error| wrong(error.into()))?;
        Self::parse(text).map_err(wrong)
    }

    fn parse(text: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        let document: Document = toml::from_str(text)?;
        let mut problems = Problems { text, found: String::new() };
        let allow = document.allow.into_iter().map(|form| Arc::new(form.checked(&mut problems))).collect();
        if problems.found.is_empty() { Ok(Self { allow }) } else { Err(problems.found.into()) }
    }

    /// What the caller may do for this purpose.
    ///
    /// # Errors
    /// [`Error::Denied`] where no entry names the caller, the purpose, the action and the object; [`Error::TooMany`]
    /// where those that do allow fewer tokens.
    pub(crate) fn grants(
        &self,
        caller: &str,
        purpose: &str,
        action: Action,
        extent: Extent<'_>,
    ) -> Result<Grants, Error> {
        let mut named: Vec<Arc<Entry>> = self
            .allow
            .iter()
            .filter(|entry| entry.actions.contains(&action))
            .filter(|entry| entry.purpose.iter().any(|allowed| allowed == purpose) && matches(&entry.role, caller))
            .cloned()
            .collect();
        match extent {
            Extent::Items(count) => {
                let limit = named.iter().map(|entry| entry.max_tokens).max().ok_or(Error::Denied)?;
                if count > limit {
                    let (what, found, limit) = ("tokens or values", count as u64, limit as u64);
                    return Err(Error::TooMany { what, found, limit });
                }
                named.retain(|entry| count <= entry.max_tokens);
            }
            Extent::Object(at) => {
                let uri = at.to_string();
                named.retain(|entry| entry.objects.iter().any(|pattern| matches(pattern, &uri)));
                if named.is_empty() {
                    return Err(Error::Denied);
                }
            }
        }
        Ok(Grants(named))
    }
}

/// The entries that hold for a call.
#[derive(Clone, Debug)]
pub(crate) struct Grants(Vec<Arc<Entry>>);

impl Grants {
    /// Whether one of them names this scope and type.
    pub(crate) fn cover(&self, scope: &str, kind: &str) -> bool {
        self.rows(scope, kind).is_some()
    }

    /// How many rows an object may have in which this scope and type come back; none where they may not.
    pub(crate) fn rows(&self, scope: &str, kind: &str) -> Option<u64> {
        let names = |entry: &&Arc<Entry>| entry.scope == scope && entry.types.iter().any(|allowed| allowed == kind);
        self.0.iter().filter(names).map(|entry| entry.max_rows).max()
    }

    /// How many rows an object may have in any case.
    pub(crate) fn most_rows(&self) -> u64 {
        self.0.iter().map(|entry| entry.max_rows).max().unwrap_or(0)
    }
}

/// What is wrong with a list, and where.
struct Problems<'t> {
    text: &'t str,
    found: String,
}

impl Problems<'_> {
    fn add(&mut self, at: Range<usize>, what: &str) {
        let before = &self.text[..at.start.min(self.text.len())];
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        let separator = if self.found.is_empty() { "" } else { "; " };
        let _ = write!(self.found, "{separator}line {line}, column {column}: {what}");
    }

    fn name(&mut self, name: &Text) {
        if !is_name(name.get_ref()) {
            self.add(name.span(), "expected 1 to 64 of a-z, 0-9, `_`, `.` and `-`");
        }
    }

    fn names(&mut self, names: &Spanned<Vec<Text>>) {
        self.some(names);
        names.get_ref().iter().for_each(|name| self.name(name));
    }

    fn some<T>(&mut self, items: &Spanned<Vec<T>>) {
        if items.get_ref().is_empty() {
            self.add(items.span(), "expected one at least");
        }
    }

    /// A number from 1 to this.
    fn number(&mut self, number: &Spanned<i64>, most: u64) -> u64 {
        match u64::try_from(*number.get_ref()) {
            Ok(found) if (1..=most).contains(&found) => found,
            _ => {
                self.add(number.span(), &format!("expected a number from 1 to {most}"));
                0
            }
        }
    }
}

impl Form {
    fn checked(self, problems: &mut Problems<'_>) -> Entry {
        if let Err(what) = check_role(self.role.get_ref()) {
            problems.add(self.role.span(), what);
        }
        problems.names(&self.purpose);
        problems.name(&self.scope);
        problems.names(&self.types);
        problems.some(&self.actions);
        let max_tokens = problems.number(&self.max_tokens, MOST as u64);
        let max_rows = self.max_rows.as_ref().map(|rows| problems.number(rows, MOST_ROWS));
        if let Some(objects) = &self.objects {
            problems.some(objects);
            for object in objects.get_ref().iter().filter(|object| !is_object(object.get_ref())) {
                problems.add(object.span(), "expected s3://<bucket>/<key>, with `*` in the key only");
            }
            if max_rows.is_none() {
                problems.add(objects.span(), "`objects` need `max_rows`");
            }
            if !self.actions.get_ref().contains(&Action::Resolve) {
                problems.add(objects.span(), "`objects` need the action \"resolve\"");
            }
        } else if let Some(rows) = &self.max_rows {
            problems.add(rows.span(), "`max_rows` needs `objects`");
        }
        let texts = |texts: Vec<Text>| texts.into_iter().map(Spanned::into_inner).collect();
        Entry {
            role: self.role.into_inner(),
            purpose: texts(self.purpose.into_inner()),
            scope: self.scope.into_inner(),
            types: texts(self.types.into_inner()),
            actions: self.actions.into_inner(),
            max_tokens: usize::try_from(max_tokens).unwrap_or(0),
            objects: texts(self.objects.map(Spanned::into_inner).unwrap_or_default()),
            max_rows: max_rows.unwrap_or(0),
        }
    }
}

fn is_name(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_' | b'.');
    (1..=64).contains(&text.len()) && text.bytes().all(plain)
}

fn is_object(text: &str) -> bool {
    let parts = text.strip_prefix("s3://").and_then(|rest| rest.split_once('/'));
    parts.is_some_and(|(bucket, key)| (3..=63).contains(&bucket.len()) && !bucket.contains('*') && !key.is_empty())
}

/// Whether a pattern can name callers, and cannot name those of other accounts.
fn check_role(pattern: &str) -> Result<(), &'static str> {
    const EXPECTED: &str = "expected arn:<partition>:iam::<account>:role/<name>, or user/<name>, root, or \
                            federated-user/<name> of STS; only the name can have `*`";
    let parts: Vec<&str> = pattern.splitn(6, ':').collect();
    let &["arn", partition, service, "", account, resource] = parts.as_slice() else { return Err(EXPECTED) };
    let (kind, name) = resource.split_once('/').unwrap_or((resource, ""));
    let fits = match (service, kind) {
        ("iam", "role" | "user") | ("sts", "federated-user") => !name.is_empty(),
        ("iam", "root") => resource == "root",
        _ => false,
    };
    let account = account.len() == 12 && account.bytes().all(|b| b.is_ascii_digit());
    if !fits || !account || !(partition == "aws" || partition.starts_with("aws-")) || partition.contains('*') {
        return Err(EXPECTED);
    }
    if kind == "role" && name.contains('/') {
        return Err("a role has to be named without its path, which STS does not tell");
    }
    if name.bytes().all(|b| b == b'*') && kind != "root" {
        return Err("everybody in the account is too many: name the roles");
    }
    Ok(())
}

/// Whether the text is like the pattern, whose `*` stand for any characters, also none.
fn matches(pattern: &str, text: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(text) = text.strip_prefix(first) else { return false };
    // The earliest place of each middle part leaves the most for those behind it.
    let (middle, last) = rest.rsplit_once('*').map_or((None, rest), |(middle, last)| (Some(middle), last));
    let mut left = text;
    for part in middle.into_iter().flat_map(|middle| middle.split('*')) {
        match left.find(part) {
            Some(at) => left = &left[at + part.len()..],
            None => return false,
        }
    }
    left.ends_with(last)
}

#[cfg(test)]
mod tests {
    use cleanzone_storage::MemoryStore;
    use proptest::prelude::*;

    use super::*;

    const FRAUD: &str = "arn:aws:iam::123456789012:role/fraud-desk";
    const ENTRY: &str = r#"[[allow]]
role = "arn:aws:iam::123456789012:role/fraud-*"
purpose = ["fraud-investigation"]
scope = "crm"
types = ["email", "phone"]
actions = ["resolve"]
max_tokens = 10
objects = ["s3://lake/crm/*.csv"]
max_rows = 100
"#;

    fn list(text: &str) -> AllowList {
        AllowList::parse(text).unwrap()
    }

    fn grants(list: &AllowList, count: usize) -> Result<Grants, Error> {
        list.grants(FRAUD, "fraud-investigation", Action::Resolve, Extent::Items(count))
    }

    fn object(list: &AllowList, bucket: &str, key: &str) -> Result<Grants, Error> {
        let at = Location::new(bucket, key);
        list.grants(FRAUD, "fraud-investigation", Action::Resolve, Extent::Object(&at))
    }

    #[test]
    fn the_example_is_a_list() {
        let lines = include_str!("access.rs").lines().map_while(|line| line.strip_prefix("//!"));
        let example: Vec<&str> = lines.skip_while(|line| *line != " ```toml").skip(1).collect();
        let example = example.join("\n");
        let list = list(example.split("```").next().unwrap());
        assert_eq!(list.allow.len(), 3);
        let jane = "arn:aws:iam::123456789012:role/AWSReservedSSO_FraudDesk_0123456789abcdef";
        list.grants(jane, "fraud-investigation", Action::Resolve, Extent::Items(100)).unwrap();
        assert_eq!(AllowList::parse(include_str!("../../../examples/access.toml")).unwrap().allow.len(), 2);
    }

    #[test]
    fn an_empty_list_allows_nothing() {
        assert!(matches!(grants(&list(""), 1), Err(Error::Denied)));
        assert!(matches!(object(&list(""), "lake", "crm/a.csv"), Err(Error::Denied)));
    }

    #[test]
    fn everything_has_to_be_named() {
        let list = list(ENTRY);
        let grants = grants(&list, 10).unwrap();
        assert!(grants.cover("crm", "email") && grants.cover("crm", "phone"));
        assert!(!grants.cover("crm", "name") && !grants.cover("shop", "email"));
        for (caller, purpose, action) in [
            ("arn:aws:iam::123456789012:role/analyst", "fraud-investigation", Action::Resolve),
            ("arn:aws:iam::999999999999:role/fraud-desk", "fraud-investigation", Action::Resolve),
            (FRAUD, "marketing", Action::Resolve),
            (FRAUD, "fraud-investigation", Action::Forget),
        ] {
            let denied = list.grants(caller, purpose, action, Extent::Items(1));
            assert!(matches!(denied, Err(Error::Denied)), "{caller} {purpose}");
        }
    }

    #[test]
    fn objects_have_to_be_named() {
        let list = list(ENTRY);
        assert_eq!(object(&list, "lake", "crm/users/a.csv").unwrap().rows("crm", "email"), Some(100));
        assert_eq!(object(&list, "lake", "crm/users/a.csv").unwrap().rows("crm", "name"), None);
        for (bucket, key) in [("lake", "shop/a.csv"), ("pii", "crm/a.csv"), ("lake", "crm/a.parquet")] {
            assert!(matches!(object(&list, bucket, key), Err(Error::Denied)), "{bucket} {key}");
        }
        let without = ENTRY.replace("objects = [\"s3://lake/crm/*.csv\"]\nmax_rows = 100\n", "");
        assert!(matches!(object(&AllowList::parse(&without).unwrap(), "lake", "crm/a.csv"), Err(Error::Denied)));
    }

    #[test]
    fn more_tokens_than_allowed_are_too_many() {
        let error = grants(&list(ENTRY), 11).unwrap_err();
        assert!(matches!(error, Error::TooMany { found: 11, limit: 10, .. }), "{error}");
    }

    #[test]
    fn an_entry_counts_only_within_its_limit() {
        let second = ENTRY.replace("\"crm\"", "\"shop\"").replace("max_tokens = 10", "max_tokens = 20");
        let list = list(&format!("{ENTRY}{second}"));
        assert!(grants(&list, 10).unwrap().cover("crm", "email"));
        let more = grants(&list, 11).unwrap();
        assert!(!more.cover("crm", "email") && more.cover("shop", "email"));
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        for (from, to, line, word) in [
            ("role =", "roles =", 2, "unknown field `roles`"),
            ("\"arn:aws:iam::123456789012:role/fraud-*\"", "\"*\"", 2, "expected arn:"),
            ("123456789012", "*", 2, "expected arn:"),
            ("123456789012", "1234*", 2, "expected arn:"),
            ("role/fraud-*", "role/*", 2, "everybody"),
            ("role/fraud-*", "role/team/fraud", 2, "without its path"),
            ("role/fraud-*", "*", 2, "expected arn:"),
            ("aws:iam", "*:iam", 2, "expected arn:"),
            ("[\"fraud-investigation\"]", "[]", 3, "one at least"),
            ("\"fraud-investigation\"", "\"Fraud!\"", 3, "expected 1 to 64"),
            ("\"crm\"", "\"\"", 4, "expected 1 to 64"),
            ("[\"email\", \"phone\"]", "[]", 5, "one at least"),
            ("\"phone\"", "\"*\"", 5, "expected 1 to 64"),
            ("[\"resolve\"]", "[]", 6, "one at least"),
            ("[\"resolve\"]", "[\"steal\"]", 6, "unknown variant"),
            ("[\"resolve\"]", "[\"forget\"]", 8, "need the action"),
            ("max_tokens = 10", "max_tokens = 0", 7, "from 1 to 1000"),
            ("max_tokens = 10", "max_tokens = 1001", 7, "from 1 to 1000"),
            ("max_tokens = 10", "max_tokens = -1", 7, "from 1 to 1000"),
            ("s3://lake/", "s3://*/", 8, "expected s3://"),
            ("s3://lake/crm/*.csv", "lake/crm", 8, "expected s3://"),
            ("max_rows = 100\n", "", 8, "need `max_rows`"),
            ("objects = [\"s3://lake/crm/*.csv\"]\n", "", 8, "needs `objects`"),
            ("max_tokens = 10\n", "", 1, "missing field `max_tokens`"),
        ] {
            let text = ENTRY.replacen(from, to, 1);
            assert_ne!(text, ENTRY);
            let error = AllowList::parse(&text).unwrap_err().to_string();
            assert!(error.contains(&format!("line {line}, column ")) && error.contains(word), "{to}: {error}");
        }
        let twice = ENTRY.replace("\"crm\"", "\"\"").replace("= 10\n", "= 0\n");
        let error = AllowList::parse(&twice).unwrap_err().to_string();
        assert!(error.contains("line 4, column 9: ") && error.contains("; line 7, column 14: "), "{error}");
    }

    #[test]
    fn who_can_be_named() {
        for good in [
            "arn:aws:iam::123456789012:user/team/jane",
            "arn:aws:iam::123456789012:root",
            "arn:aws-us-gov:sts::123456789012:federated-user/*-desk",
        ] {
            check_role(good).unwrap();
        }
        assert!(check_role("arn:aws:sts::123456789012:assumed-role/fraud/jane").is_err());
        assert!(check_role("arn:aws:iam::123456789012:root*").is_err());
        assert!(check_role("arn:aws:iam::123456789012:user/**").is_err());
    }

    #[test]
    fn a_star_stands_for_any_characters() {
        for (pattern, text, expected) in [
            ("a", "a", true),
            ("a", "ab", false),
            ("*", "", true),
            ("a*", "abc", true),
            ("a*c", "abc", true),
            ("ab*ba", "aba", false),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "a-c", false),
            ("*desk", "fraud-desks", false),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
    }

    /// The definition, spelt out.
    fn plainly(pattern: &[char], text: &[char]) -> bool {
        match pattern {
            [] => text.is_empty(),
            ['*', rest @ ..] => (0..=text.len()).any(|taken| plainly(rest, &text[taken..])),
            [first, rest @ ..] => text.first() == Some(first) && plainly(rest, &text[1..]),
        }
    }

    proptest! {
        #[test]
        fn patterns_match_as_they_are_defined_to(pattern in "[abé*]{0,7}", text in "[abé]{0,9}") {
            let characters = |text: &str| text.chars().collect::<Vec<_>>();
            prop_assert_eq!(matches(&pattern, &text), plainly(&characters(&pattern), &characters(&text)));
        }

        #[test]
        fn any_text_is_a_list_or_an_error(text in "\\PC{0,80}", at in 0..ENTRY.len(), with in "[\\[\\]\"=*é\n]{0,3}") {
            let _ = AllowList::parse(&text);
            let mut spoilt = ENTRY.to_owned();
            spoilt.insert_str(at, &with);
            let _ = AllowList::parse(&spoilt);
        }
    }

    #[tokio::test]
    async fn a_missing_list_is_an_empty_one_and_a_wrong_one_says_where() {
        let (store, at) = (MemoryStore::new(["pii"]), Location::new("pii", "_cleanzone/access.toml"));
        assert!(AllowList::read(&store, &at).await.unwrap().allow.is_empty());
        for (content, word) in
            [(b"[[allow]]\nroles = \"x\"\n".to_vec(), "line 2"), (vec![b'#'; 1 << 21], "bytes"), (vec![255], "utf-8")]
        {
            store.insert(&at, content);
            let text = cleanzone_error::chain(&AllowList::read(&store, &at).await.unwrap_err());
            assert!(text.contains("s3://pii/_cleanzone/access.toml") && text.contains(word), "{text}");
        }
    }
}
