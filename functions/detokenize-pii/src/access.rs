//! The allow-list: who may do what, for which purpose, with which scope and types. What it does not name is denied.

use cleanzone_storage::{Location, ObjectStore};
use serde::Deserialize;

use crate::{error::Error, request::Action};

/// The document, read anew for every call: what was taken away is away at once.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AllowList {
    #[serde(default)]
    allow: Vec<Entry>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    /// The ARN of an IAM role or user; `*` stands for any letters.
    role: String,
    purpose: Vec<String>,
    scope: String,
    types: Vec<String>,
    actions: Vec<Action>,
    max_tokens: usize,
}

impl AllowList {
    /// The allow-list at this place; an empty one where there is none.
    pub(crate) async fn read(store: &dyn ObjectStore, at: &Location) -> Result<Self, Error> {
        let Some((bytes, _)) = store.get(at).await.map_err(Error::Storage)? else { return Ok(Self::default()) };
        let wrong = |source| Error::AllowList { at: at.to_string(), source };
        let text = str::from_utf8(&bytes).map_err(|error| wrong(error.into()))?;
        toml::from_str(text).map_err(|error| wrong(error.into()))
    }

    /// What the caller may do for this purpose with so many tokens.
    ///
    /// # Errors
    /// [`Error::Denied`] where no entry names the caller, the purpose and the action; [`Error::TooMany`] where those
    /// that do allow fewer tokens.
    pub(crate) fn grants(
        &self,
        caller: &str,
        purpose: &str,
        action: Action,
        count: usize,
    ) -> Result<Grants<'_>, Error> {
        let named: Vec<&Entry> = self
            .allow
            .iter()
            .filter(|entry| entry.actions.contains(&action))
            .filter(|entry| entry.purpose.iter().any(|allowed| allowed == purpose) && matches(&entry.role, caller))
            .collect();
        let limit = named.iter().map(|entry| entry.max_tokens).max().ok_or(Error::Denied)?;
        if count > limit {
            return Err(Error::TooMany { what: "tokens or values", count, limit });
        }
        Ok(Grants(named.into_iter().filter(|entry| count <= entry.max_tokens).collect()))
    }
}

/// The entries that hold for a call.
#[derive(Debug)]
pub(crate) struct Grants<'a>(Vec<&'a Entry>);

impl Grants<'_> {
    /// Whether one of them names this scope and type.
    pub(crate) fn cover(&self, scope: &str, kind: &str) -> bool {
        self.0.iter().any(|entry| entry.scope == scope && entry.types.iter().any(|allowed| allowed == kind))
    }
}

/// Whether the text is like the pattern, whose `*` stand for any letters.
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

    use super::*;

    const FRAUD: &str = "arn:aws:iam::123456789012:role/fraud-desk";

    fn list(text: &str) -> AllowList {
        toml::from_str(text).unwrap()
    }

    fn one() -> AllowList {
        list(
            r#"[[allow]]
            role = "arn:aws:iam::123456789012:role/fraud-*"
            purpose = ["fraud-investigation"]
            scope = "crm"
            types = ["email", "phone"]
            actions = ["resolve"]
            max_tokens = 10"#,
        )
    }

    #[test]
    fn an_empty_list_allows_nothing() {
        assert!(matches!(list("").grants(FRAUD, "fraud-investigation", Action::Resolve, 1), Err(Error::Denied)));
    }

    #[test]
    fn everything_has_to_be_named() {
        let list = one();
        let grants = list.grants(FRAUD, "fraud-investigation", Action::Resolve, 10).unwrap();
        assert!(grants.cover("crm", "email") && grants.cover("crm", "phone"));
        assert!(!grants.cover("crm", "name") && !grants.cover("shop", "email"));
        for (caller, purpose, action) in [
            ("arn:aws:iam::123456789012:role/analyst", "fraud-investigation", Action::Resolve),
            ("arn:aws:iam::999999999999:role/fraud-desk", "fraud-investigation", Action::Resolve),
            (FRAUD, "marketing", Action::Resolve),
            (FRAUD, "fraud-investigation", Action::Forget),
        ] {
            assert!(matches!(list.grants(caller, purpose, action, 1), Err(Error::Denied)), "{caller} {purpose}");
        }
    }

    #[test]
    fn more_tokens_than_allowed_are_too_many() {
        let error = one().grants(FRAUD, "fraud-investigation", Action::Resolve, 11).unwrap_err();
        assert!(matches!(error, Error::TooMany { count: 11, limit: 10, .. }), "{error}");
    }

    #[test]
    fn a_star_stands_for_any_letters() {
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

    #[tokio::test]
    async fn a_missing_list_is_an_empty_one_and_a_wrong_one_says_where() {
        let (store, at) = (MemoryStore::new(["pii"]), Location::new("pii", "_cleanzone/access.toml"));
        assert!(AllowList::read(&store, &at).await.unwrap().allow.is_empty());
        store.insert(&at, "[[allow]]\nroles = \"x\"\n");
        let text = cleanzone_error::chain(&AllowList::read(&store, &at).await.unwrap_err());
        assert!(text.contains("s3://pii/_cleanzone/access.toml") && text.contains("line 2"), "{text}");
    }
}
