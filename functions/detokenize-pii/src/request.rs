//! What can be asked for.
//!
//! An event is `{"request": "<text>", "proof": "<URL>"}`. The text is JSON, and the [proof](crate::proof) is made for its
//! very bytes, so that no canonical form of JSON is needed. It is one of
//!
//! ```json
//! {"action": "resolve", "purpose": "fraud-investigation", "tokens": ["tok1_…"]}
//! {"action": "resolve", "purpose": "fraud-investigation", "values": ["enc1d_…"], "scope": "crm", "type": "email"}
//! {"action": "resolve", "purpose": "card-check", "values": ["8153-…"], "scope": "crm", "type": "card", "alphabet": "digits"}
//! {"action": "resolve", "purpose": "recall", "object": {"bucket": "landing", "key": "crm/users/1.csv"},
//!  "columns": ["email", {"name": "phone", "scope": "crm", "type": "phone"}]}
//! {"action": "forget", "purpose": "erasure", "tokens": ["tok1_…"]}
//! {"action": "forget", "purpose": "erasure", "values": ["jane@example.com"], "scope": "crm", "type": "email"}
//! {"action": "rotate", "purpose": "yearly-rotation"}
//! ```
//!
//! `values` to resolve are what `encrypt` made, or with an `alphabet` (`digits`, `alphanumeric`, or the characters
//! themselves) what `fpe` made. In a column with a name alone only tokens are resolved, which know their scope and type.

use std::collections::BTreeSet;

use cleanzone_pii::Alphabet;
use cleanzone_storage::{Location, Pin};
use cleanzone_vault::{Field, Token};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::Error;

/// Tokens or values in one call, whatever the allow-list says.
pub(crate) const MOST: usize = 1000;
/// Columns in one call.
const MOST_COLUMNS: usize = 100;
/// Bytes of a column's name.
const LONGEST_NAME: usize = 1024;
/// Bytes of an object's key: S3 takes 1,024, and a result has a folder before it.
const LONGEST_KEY: usize = 900;

/// What is to be done with tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Action {
    Resolve,
    Forget,
    Rotate,
}

/// What the function is called with.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Event {
    pub(crate) request: String,
    /// A presigned URL of STS.
    #[serde(default)]
    pub(crate) proof: String,
}

/// What is asked for. `Debug` is left out here and below: it may hold values.
pub(crate) struct Request {
    pub(crate) action: Action,
    pub(crate) purpose: String,
    pub(crate) subject: Subject,
}

/// What it is asked for.
pub(crate) enum Subject {
    Tokens(Vec<Token>),
    Values {
        field: Method,
        values: Vec<String>,
    },
    Object(ObjectRequest),
    /// The vault itself.
    Vault,
}

/// How values were protected.
#[derive(Clone)]
pub(crate) struct Method {
    pub(crate) field: Field,
    /// Of `fpe`.
    pub(crate) alphabet: Option<Alphabet>,
}

#[derive(Clone)]
pub(crate) struct ObjectRequest {
    pub(crate) at: Location,
    pub(crate) pin: Pin,
    pub(crate) columns: Vec<Column>,
}

#[derive(Clone)]
pub(crate) struct Column {
    pub(crate) name: String,
    pub(crate) method: Option<Method>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Form {
    action: Action,
    purpose: String,
    tokens: Option<Vec<String>>,
    values: Option<Vec<String>>,
    scope: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
    alphabet: Option<String>,
    object: Option<ObjectForm>,
    columns: Option<Vec<ColumnForm>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ObjectForm {
    bucket: String,
    key: String,
    version_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum ColumnForm {
    Name(String),
    Protected(ProtectedForm),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ProtectedForm {
    name: String,
    scope: String,
    #[serde(rename = "type")]
    kind: String,
    alphabet: Option<String>,
}

const EVENT: &str = "expected {\"request\": \"<JSON as text>\", \"proof\": \"<URL>\"}";
const EXPECTED: &str = "expected {\"action\": \"resolve\" | \"forget\" | \"rotate\", \"purpose\": \"…\"} with \"tokens\": […], \
                        or \"values\": […], \"scope\" and \"type\", or to resolve, \"object\": {\"bucket\", \"key\"} and \
                        \"columns\": […]; to rotate, with nothing else";

impl Event {
    /// What a parser says of an event or request may quote a value, and is dropped.
    pub(crate) fn of(event: Value) -> Result<Self, Error> {
        serde_json::from_value(event).map_err(|_| Error::Request(EVENT))
    }
}

impl Request {
    /// The request that the text is.
    pub(crate) fn of(text: &str) -> Result<Self, Error> {
        let form: Form = serde_json::from_str(text).map_err(|_| Error::Request(EXPECTED))?;
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_' | b'.');
        if !(1..=64).contains(&form.purpose.len()) || !form.purpose.bytes().all(plain) {
            return Err(Error::Request("a purpose takes 1 to 64 of a-z, 0-9, `_`, `.` and `-`"));
        }
        let Form { action, purpose, tokens, values, scope, kind, alphabet, object, columns } = form;
        let method = match (scope, kind) {
            (Some(scope), Some(kind)) => Some(method(&scope, &kind, alphabet.as_deref())?),
            (None, None) if alphabet.is_none() => None,
            _ => return Err(Error::Request(EXPECTED)),
        };
        let subject = match (action, tokens, values, method, object, columns) {
            (Action::Rotate, None, None, None, None, None) => Subject::Vault,
            (Action::Resolve | Action::Forget, Some(tokens), None, None, None, None) => {
                Subject::Tokens(parsed(&some("tokens", tokens, MOST)?)?)
            }
            (Action::Resolve | Action::Forget, None, Some(values), Some(field), None, None)
                if action == Action::Resolve || field.alphabet.is_none() =>
            {
                Subject::Values { field, values: some("values", values, MOST)? }
            }
            (Action::Resolve, None, None, None, Some(object), Some(columns)) => {
                Subject::Object(ObjectRequest::of(object, some("columns", columns, MOST_COLUMNS)?)?)
            }
            _ => return Err(Error::Request(EXPECTED)),
        };
        Ok(Self { action, purpose, subject })
    }
}

impl Subject {
    /// Tokens or values asked for; those of an object are not known yet.
    pub(crate) fn count(&self) -> usize {
        match self {
            Self::Tokens(tokens) => tokens.len(),
            Self::Values { values, .. } => values.len(),
            Self::Object(_) | Self::Vault => 0,
        }
    }
}

impl ObjectRequest {
    fn of(object: ObjectForm, columns: Vec<ColumnForm>) -> Result<Self, Error> {
        let ObjectForm { bucket, key, version_id } = object;
        let long = key.len() > LONGEST_KEY || version_id.as_ref().is_some_and(|id| id.is_empty() || id.len() > 1024);
        if !(3..=63).contains(&bucket.len()) || key.is_empty() || key.ends_with('/') || long {
            return Err(Error::Request("an object has a bucket, a key of up to 900 bytes, and may have a version_id"));
        }
        let columns: Vec<Column> = columns.into_iter().map(Column::of).collect::<Result<_, _>>()?;
        let names: BTreeSet<&str> = columns.iter().map(|column| &*column.name).collect();
        if names.len() < columns.len() || names.iter().any(|name| name.is_empty() || name.len() > LONGEST_NAME) {
            return Err(Error::Request("a column has a name of 1 to 1,024 bytes, and comes once"));
        }
        Ok(Self { at: Location::new(bucket, key), pin: Pin { version: version_id, etag: None }, columns })
    }
}

impl Column {
    fn of(form: ColumnForm) -> Result<Self, Error> {
        Ok(match form {
            ColumnForm::Name(name) => Self { name, method: None },
            ColumnForm::Protected(ProtectedForm { name, scope, kind, alphabet }) => {
                Self { name, method: Some(method(&scope, &kind, alphabet.as_deref())?) }
            }
        })
    }
}

fn method(scope: &str, kind: &str, alphabet: Option<&str>) -> Result<Method, Error> {
    let field = Field::new(scope, kind)
        .map_err(|_| Error::Request("a scope and a type take 1 to 64 of a-z, 0-9, `_`, `.` and `-`"))?;
    let alphabet = match alphabet {
        None => None,
        Some("digits") => Some(Alphabet::digits()),
        Some("alphanumeric") => Some(Alphabet::alphanumeric()),
        Some(characters) => Some(Alphabet::custom(characters).map_err(|_| {
            Error::Request("an alphabet is `digits`, `alphanumeric`, or 2 to 1,024 characters, each of them once")
        })?),
    };
    Ok(Method { field, alphabet })
}

/// One at least, and no more than the most.
fn some<T>(what: &'static str, items: Vec<T>, most: usize) -> Result<Vec<T>, Error> {
    match items.len() {
        0 => Err(Error::Request(EXPECTED)),
        found if found > most => Err(Error::TooMany { what, found: found as u64, limit: most as u64 }),
        _ => Ok(items),
    }
}

fn parsed(texts: &[String]) -> Result<Vec<Token>, Error> {
    let parsed = texts.iter().map(|text| Token::parse(text)).collect::<Option<_>>();
    parsed.ok_or(Error::Request("one of the tokens is none"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const TOKEN: &str = "tok1_000g40o40k30e209185go38evsoetlak";

    fn parse(request: &Value) -> Result<Request, Error> {
        Request::of(&request.to_string())
    }

    #[test]
    fn every_form_is_understood() {
        let object = json!({"bucket": "landing", "key": "crm/users/1.csv", "version_id": "v1"});
        for (request, count) in [
            (json!({"action": "resolve", "purpose": "p", "tokens": [TOKEN, TOKEN]}), 2),
            (json!({"action": "resolve", "purpose": "p", "values": ["e"], "scope": "s", "type": "t"}), 1),
            (
                json!({"action": "resolve", "purpose": "p", "values": ["e"], "scope": "s", "type": "t",
                    "alphabet": "0123456789abcdef"}),
                1,
            ),
            (json!({"action": "forget", "purpose": "p", "values": ["v"], "scope": "s", "type": "t"}), 1),
            (json!({"action": "forget", "purpose": "p", "tokens": [TOKEN]}), 1),
            (json!({"action": "rotate", "purpose": "p"}), 0),
            (
                json!({"action": "resolve", "purpose": "p", "object": object, "columns": ["a",
                    {"name": "b", "scope": "s", "type": "t", "alphabet": "digits"}]}),
                0,
            ),
        ] {
            assert_eq!(parse(&request).ok().map(|request| request.subject.count()), Some(count), "{request}");
        }
    }

    #[test]
    fn what_does_not_fit_is_refused_without_being_quoted() {
        let object = json!({"bucket": "landing", "key": "sentinel/1.csv"});
        for request in [
            json!("sentinel"),
            json!({"action": "resolve", "purpose": "p"}),
            json!({"action": "resolve", "purpose": "p", "tokens": []}),
            json!({"action": "resolve", "purpose": "p", "tokens": "sentinel"}),
            json!({"action": "resolve", "purpose": "p", "tokens": ["sentinel"]}),
            json!({"action": "resolve", "purpose": "p", "tokens": [TOKEN], "sentinel": 1}),
            json!({"action": "sentinel", "purpose": "p", "tokens": [TOKEN]}),
            json!({"action": "resolve", "purpose": "sentinel jane", "tokens": [TOKEN]}),
            json!({"action": "resolve", "purpose": "p", "values": ["sentinel"], "scope": "crm"}),
            json!({"action": "resolve", "purpose": "p", "values": ["v"], "scope": "sentinel jane", "type": "t"}),
            json!({"action": "resolve", "purpose": "p", "values": ["v"], "scope": "s", "type": "t",
                "alphabet": "sentinelsentinel"}),
            json!({"action": "forget", "purpose": "p", "values": ["sentinel"]}),
            json!({"action": "forget", "purpose": "p", "values": ["sentinel"], "scope": "s", "type": "t",
                "alphabet": "digits"}),
            json!({"action": "forget", "purpose": "p", "tokens": [TOKEN], "values": ["v"], "scope": "s", "type": "t"}),
            json!({"action": "forget", "purpose": "p", "object": object, "columns": ["sentinel"]}),
            json!({"action": "rotate", "purpose": "p", "tokens": [TOKEN]}),
            json!({"action": "resolve", "purpose": "p", "object": object}),
            json!({"action": "resolve", "purpose": "p", "object": object, "columns": []}),
            json!({"action": "resolve", "purpose": "p", "object": object, "columns": ["sentinel", "sentinel"]}),
            json!({"action": "resolve", "purpose": "p", "object": object, "columns": ["a"], "scope": "s", "type": "t"}),
            json!({"action": "resolve", "purpose": "p", "object": object, "columns": [{"name": "a"}]}),
            json!({"action": "resolve", "purpose": "p", "object": {"bucket": "b", "key": "sentinel"}, "columns": ["a"]}),
            json!({"action": "resolve", "purpose": "p", "object": {"bucket": "landing", "key": "sentinel/"},
                "columns": ["a"]}),
            json!({"action": "resolve", "purpose": "p", "object": {"bucket": "landing", "key": "k".repeat(901)},
                "columns": ["a"]}),
        ] {
            let error = parse(&request).err().unwrap_or_else(|| panic!("{request}"));
            assert!(matches!(error, Error::Request(_)) && !error.to_string().contains("sentinel"), "{error}");
        }
        assert!(Request::of(r#"{"action": "rotate", "purpose": "a", "purpose": "b"}"#).is_err());
    }

    #[test]
    fn a_thousand_are_the_most() {
        let of = |n| parse(&json!({"action": "resolve", "purpose": "p", "tokens": vec![TOKEN; n]}));
        assert!(of(1000).is_ok());
        assert!(matches!(of(1001).err(), Some(Error::TooMany { found: 1001, limit: 1000, .. })));
    }

    #[test]
    fn an_event_is_a_text_and_a_proof() {
        assert!(Event::of(json!({"request": "{}", "proof": "p"})).is_ok());
        assert!(Event::of(json!({"request": "{}"})).is_ok());
        for event in [json!({"action": "rotate", "purpose": "p"}), json!({"request": {}}), json!([]), json!(null)] {
            assert!(Event::of(event).is_err());
        }
    }
}
