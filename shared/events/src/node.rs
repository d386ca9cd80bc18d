use std::fmt::Write;

use serde_json::Value;

use crate::Error;

/// A place in the payload that knows its path, so that errors can name it.
pub(crate) struct Node<'a> {
    value: &'a Value,
    at: String,
}

impl<'a> Node<'a> {
    pub(crate) fn root(value: &'a Value) -> Self {
        Self { value, at: String::new() }
    }

    /// The same place, with the JSON that its text holds.
    pub(crate) fn with<'b>(&self, value: &'b Value) -> Node<'b> {
        Node { value, at: self.at.clone() }
    }

    pub(crate) fn value(&self) -> &'a Value {
        self.value
    }

    /// The field, unless it is missing or `null`.
    pub(crate) fn get(&self, name: &str) -> Option<Self> {
        Some(self.child(name)).filter(|child| !child.value.is_null())
    }

    /// The field, also where it is missing.
    pub(crate) fn child(&self, name: &str) -> Self {
        let at = if self.at.is_empty() { name.to_owned() } else { format!("{}.{name}", self.at) };
        Self { value: self.value.get(name).unwrap_or(&Value::Null), at }
    }

    /// The first of these fields that is there.
    pub(crate) fn first(&self, names: &[&str]) -> Option<Self> {
        names.iter().find_map(|name| self.get(name))
    }

    pub(crate) fn need(&self, name: &str, expected: &'static str) -> Result<Self, Error> {
        self.get(name).ok_or_else(|| self.child(name).expected(expected))
    }

    pub(crate) fn need_text(&self, name: &str, expected: &'static str) -> Result<String, Error> {
        self.need(name, expected)?.non_empty(expected)
    }

    pub(crate) fn opt_text(&self, name: &str, expected: &'static str) -> Result<Option<String>, Error> {
        self.get(name).map(|node| node.text(expected).map(str::to_owned)).transpose()
    }

    pub(crate) fn size(&self, name: &str) -> Result<Option<u64>, Error> {
        self.get(name).map(|node| node.number()).transpose()
    }

    /// The field's elements, where it is a list.
    pub(crate) fn list(&self, name: &str) -> Option<Vec<Self>> {
        let list = self.get(name)?;
        let elements = list.value.as_array()?;
        Some(elements.iter().enumerate().map(|(i, value)| Self { value, at: format!("{}[{i}]", list.at) }).collect())
    }

    /// A map of texts, in order of name.
    pub(crate) fn texts(&self) -> Result<Vec<(String, String)>, Error> {
        const EXPECTED: &str = "a map of texts";
        let map = self.value.as_object().ok_or_else(|| self.expected(EXPECTED))?;
        let mut texts = Vec::with_capacity(map.len());
        for (name, value) in map {
            texts.push((name.clone(), value.as_str().ok_or_else(|| self.expected(EXPECTED))?.to_owned()));
        }
        texts.sort();
        Ok(texts)
    }

    pub(crate) fn text(&self, expected: &'static str) -> Result<&'a str, Error> {
        self.value.as_str().ok_or_else(|| self.expected(expected))
    }

    pub(crate) fn non_empty(&self, expected: &'static str) -> Result<String, Error> {
        match self.text(expected)? {
            "" => Err(self.expected(expected)),
            text => Ok(text.to_owned()),
        }
    }

    /// A count of bytes; a Distributed Map over a CSV manifest hands it over as text.
    pub(crate) fn number(&self) -> Result<u64, Error> {
        let number = match self.value {
            Value::String(text) => text.parse().ok(),
            other => other.as_u64(),
        };
        number.ok_or_else(|| self.expected("a number of bytes"))
    }

    pub(crate) fn expected(&self, expected: &'static str) -> Error {
        Error::Field { at: self.name(), expected }
    }

    pub(crate) fn key_not_utf8(&self) -> Error {
        Error::KeyNotUtf8 { at: self.name() }
    }

    pub(crate) fn not_json(&self, error: &serde_json::Error) -> Error {
        Error::NotJson { at: self.name(), line: error.line(), column: error.column() }
    }

    pub(crate) fn unknown(&self) -> Error {
        Error::UnknownShape { at: self.name(), found: self.shape() }
    }

    fn name(&self) -> String {
        if self.at.is_empty() { "the payload".to_owned() } else { self.at.clone() }
    }

    fn shape(&self) -> String {
        // Enough to recognise an event by; a payload of any size stays a message of a line.
        const FIELDS: usize = 8;
        const CHARACTERS: usize = 32;
        let fields = match self.value {
            Value::Null => return "nothing".to_owned(),
            Value::Bool(_) => return "a boolean".to_owned(),
            Value::Number(_) => return "a number".to_owned(),
            Value::String(_) => return "text".to_owned(),
            Value::Array(_) => return "a list".to_owned(),
            Value::Object(fields) if fields.is_empty() => return "no fields".to_owned(),
            Value::Object(fields) => fields,
        };
        let mut shape = "fields ".to_owned();
        for (i, name) in fields.keys().take(FIELDS).enumerate() {
            let name: String = name.chars().take(CHARACTERS).collect();
            let _ = write!(shape, "{}`{}`", if i > 0 { ", " } else { "" }, name.escape_default());
        }
        if fields.len() > FIELDS {
            shape.push_str(", …");
        }
        shape
    }
}
