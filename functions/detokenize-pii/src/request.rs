//! What can be asked for.

use cleanzone_vault::Token;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::Error;

/// Tokens or values in one call, whatever the allow-list says.
const MOST: usize = 1000;

/// What is to be done with tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Action {
    Resolve,
    Forget,
    Rotate,
}

/// What is asked for. `Debug` is left out: it may hold values.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Request {
    pub(crate) action: Action,
    pub(crate) purpose: String,
    /// A presigned URL of STS; see [`proof`](crate::proof).
    #[serde(default)]
    pub(crate) proof: String,
    #[serde(default)]
    tokens: Vec<String>,
    #[serde(default)]
    pub(crate) values: Vec<String>,
    pub(crate) scope: Option<String>,
    #[serde(rename = "type")]
    pub(crate) kind: Option<String>,
}

const EXPECTED: &str = "expected {\"action\": \"resolve\" | \"forget\" | \"rotate\", \"purpose\": \"…\", \"proof\": \"…\", \
                        \"tokens\": […]}, or to forget, \"values\": […] with \"scope\" and \"type\"";

impl Request {
    /// The request that the event is. What a parser says of it may quote a value, and is dropped.
    pub(crate) fn of(event: Value) -> Result<Self, Error> {
        let request: Self = serde_json::from_value(event).map_err(|_| Error::Request(EXPECTED))?;
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_' | b'.');
        if !(1..=64).contains(&request.purpose.len()) || !request.purpose.bytes().all(plain) {
            return Err(Error::Request("a purpose takes 1 to 64 of a-z, 0-9, `_`, `.` and `-`"));
        }
        let of_values = !request.values.is_empty() || request.scope.is_some() || request.kind.is_some();
        let whole = !request.values.is_empty() && request.scope.is_some() && request.kind.is_some();
        let fits = match request.action {
            Action::Resolve => !request.tokens.is_empty() && !of_values,
            Action::Forget if of_values => whole && request.tokens.is_empty(),
            Action::Forget => !request.tokens.is_empty(),
            Action::Rotate => request.tokens.is_empty() && !of_values,
        };
        if !fits {
            return Err(Error::Request(EXPECTED));
        }
        match request.count() {
            count if count > MOST => Err(Error::TooMany { what: "tokens or values", count, limit: MOST }),
            _ => Ok(request),
        }
    }

    /// Tokens or values asked for.
    pub(crate) fn count(&self) -> usize {
        self.tokens.len() + self.values.len()
    }

    /// The tokens asked for.
    pub(crate) fn tokens(&self) -> Result<Vec<Token>, Error> {
        let parsed = self.tokens.iter().map(|text| Token::parse(text)).collect::<Option<_>>();
        parsed.ok_or(Error::Request("one of the tokens is none"))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_does_not_fit_is_refused_without_being_quoted() {
        for event in [
            json!({"action": "resolve", "purpose": "p"}),
            json!({"action": "resolve", "purpose": "p", "tokens": "sentinel"}),
            json!({"action": "resolve", "purpose": "p", "tokens": ["t"], "sentinel": 1}),
            json!({"action": "sentinel", "purpose": "p", "tokens": ["t"]}),
            json!({"action": "resolve", "purpose": "sentinel jane", "tokens": ["t"]}),
            json!({"action": "resolve", "purpose": "p", "values": ["sentinel"], "scope": "crm", "type": "email"}),
            json!({"action": "forget", "purpose": "p", "values": ["sentinel"]}),
            json!({"action": "forget", "purpose": "p", "tokens": ["t"], "values": ["v"], "scope": "s", "type": "t"}),
            json!({"action": "rotate", "purpose": "p", "tokens": ["t"]}),
        ] {
            let error = Request::of(event).err().unwrap();
            assert!(matches!(error, Error::Request(_)) && !error.to_string().contains("sentinel"), "{error}");
        }
    }

    #[test]
    fn a_thousand_are_the_most() {
        let of = |n| Request::of(json!({"action": "resolve", "purpose": "p", "tokens": vec!["t"; n]}));
        assert!(of(1000).is_ok());
        assert!(matches!(of(1001).err(), Some(Error::TooMany { count: 1001, limit: 1000, .. })));
    }
}
