//! The text of `lake.toml` as a tree that knows where everything stands.

use std::ops::Range;

use serde::de::DeserializeOwned;
use toml::{
    Spanned,
    de::{DeTable, DeValue, ValueDeserializer},
};

use crate::{Problem, RulesError, suggest::hint};

/// The text of a file, which has to be UTF-8: what is decoded otherwise names other columns, and hides them from their
/// rules.
pub(crate) fn text(file: &[u8]) -> Result<&str, RulesError> {
    if let [0xff, 0xfe, ..] | [0xfe, 0xff, ..] | [0, ..] | [_, 0, ..] = file {
        let message = "the file is UTF-16; save it as UTF-8".to_owned();
        return Err(RulesError { problems: vec![Problem { line: 1, column: 1, message }] });
    }
    std::str::from_utf8(file).map_err(|error| {
        let (valid, rest) = file.split_at(error.valid_up_to());
        let before = std::str::from_utf8(valid).unwrap_or_default();
        let message = match rest {
            _ if error.error_len().is_none() => "the file ends within a character; it is cut off".to_owned(),
            [byte, ..] => format!("the byte 0x{byte:02X} is no UTF-8; save the file as UTF-8"),
            [] => String::new(),
        };
        let (line, column) = Lines::new(before).position(before.len());
        RulesError { problems: vec![Problem { line, column, message }] }
    })
}

/// A text with the places of its lines.
pub(crate) struct Lines<'t> {
    text: &'t str,
    /// Where each line begins.
    starts: Vec<usize>,
}

impl<'t> Lines<'t> {
    pub(crate) fn new(text: &'t str) -> Self {
        let starts = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        Self { text, starts }
    }

    /// Line and character, both from 1.
    pub(crate) fn position(&self, offset: usize) -> (usize, usize) {
        let offset = self.text.floor_char_boundary(offset);
        let line = self.starts.partition_point(|start| *start <= offset);
        let start = line.checked_sub(1).and_then(|line| self.starts.get(line)).copied().unwrap_or(0);
        (line, self.text[start..offset].chars().count() + 1)
    }
}

/// Gathers what is wrong, each with its place in the text.
#[derive(Debug, Default)]
pub(crate) struct Problems(Vec<(usize, String)>);

impl Problems {
    pub(crate) fn add(&mut self, offset: usize, message: impl Into<String>) {
        self.0.push((offset, message.into()));
    }

    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }

    /// An error where anything was wrong.
    pub(crate) fn finish(self, lines: &Lines<'_>) -> Result<(), RulesError> {
        let problem = |(offset, message)| {
            let (line, column) = lines.position(offset);
            Problem { line, column, message }
        };
        let mut problems: Vec<Problem> = self.0.into_iter().map(problem).collect();
        problems.sort();
        problems.dedup();
        if problems.is_empty() { Ok(()) } else { Err(RulesError { problems }) }
    }
}

/// The tree, as far as the text is TOML.
pub(crate) fn tree<'t>(text: &'t str, problems: &mut Problems) -> DeTable<'t> {
    let (tree, errors) = DeTable::parse_recoverable(text);
    for error in errors {
        problems.add(error.span().map_or(0, |span| span.start), error.message());
    }
    tree.into_inner()
}

/// A place in the tree: where a setting stands, or would stand.
#[derive(Clone, Copy)]
pub(crate) struct Place<'t> {
    node: Option<&'t DeValue<'t>>,
    /// Where its name begins.
    pub(crate) key: usize,
    /// Where what it is set to begins.
    pub(crate) value: usize,
}

impl<'t> Place<'t> {
    pub(crate) fn new(key: usize, value: &'t Spanned<DeValue<'t>>) -> Self {
        Self { node: Some(value.get_ref()), key, value: value.span().start }
    }

    /// Whether there is anything here, and not only above.
    pub(crate) fn is_given(self) -> bool {
        self.node.is_some()
    }

    /// A setting of this table; the table itself where it has no such setting.
    pub(crate) fn field(self, name: &str) -> Self {
        let entry = match self.node {
            Some(DeValue::Table(table)) => table.get_key_value(name),
            _ => None,
        };
        entry.map_or(Self { node: None, ..self }, |(key, value)| Self::new(key.span().start, value))
    }

    /// An item of this list; the list itself, or the text in its place, where there is no such item.
    pub(crate) fn item(self, index: usize) -> Self {
        let item = match self.node {
            Some(DeValue::Array(list)) => list.get(index),
            _ => None,
        };
        item.map_or(self, |value| Self::new(value.span().start, value))
    }
}

/// Problems of one dataset after which no more are looked for: each takes as long as to read it again.
const MOST: usize = 100;

/// Reads a value; whatever is wrong is told and left out, so that all of it is told. `None` where anything was.
pub(crate) fn read<T: DeserializeOwned>(value: &Spanned<DeValue<'_>>, problems: &mut Problems) -> Option<T> {
    let mut value = value.clone();
    let mut left_out: Option<Vec<String>> = None;
    loop {
        match T::deserialize(ValueDeserializer::from(value.clone())) {
            Ok(read) => return left_out.is_none().then_some(read),
            Err(error) => {
                let left_out = left_out.get_or_insert_default();
                let span = error.span().unwrap_or(value.span());
                // What was wrong and is left out is not missing.
                let missing = error.message().strip_prefix("missing field `").and_then(|rest| rest.split('`').next());
                if missing.is_none_or(|field| !left_out.iter().any(|name| name == field)) {
                    problems.add(span.start, plain(error.message()));
                }
                left_out.push(remove(value.get_mut(), &span)?);
                if left_out.len() >= MOST {
                    return None;
                }
            }
        }
    }
}

/// Takes away the setting or item that stands exactly there, and gives its name, if it has one.
fn remove(value: &mut DeValue<'_>, span: &Range<usize>) -> Option<String> {
    match value {
        DeValue::Table(table) => {
            let here = table.iter().find(|(key, value)| key.span() == *span || value.span() == *span);
            if let Some(key) = here.map(|(key, _)| key.clone()) {
                return table.remove(&key).map(|_| key.into_inner().into_owned());
            }
            table.iter_mut().find_map(|(_, value)| remove(value.get_mut(), span))
        }
        DeValue::Array(list) => {
            if let Some(at) = list.iter().position(|item| item.span() == *span) {
                let others = list.iter().enumerate().filter(|(i, _)| *i != at).map(|(_, item)| item.clone());
                *list = others.collect();
                return Some(String::new());
            }
            list.iter_mut().find_map(|item| remove(item.get_mut(), span))
        }
        _ => None,
    }
}

/// A message of `serde` in the words of somebody who writes TOML, with a suggestion.
fn plain(message: &str) -> String {
    let message = message.trim_end();
    let mut quoted = message.split('`').skip(1).step_by(2);
    if let (Some(what), Some(word)) =
        (["field", "variant"].into_iter().find(|what| message.starts_with(&format!("unknown {what} `"))), quoted.next())
    {
        let candidates: Vec<&str> = quoted.collect();
        let what = if what == "field" { "field" } else { "value" };
        return format!("unknown {what} `{word}`{}", hint(word, &candidates));
    }
    if message == "wanted string or table" {
        return "expected a text".to_owned();
    }
    let Some((found, expected)) = message.rsplit_once(", expected ") else { return message.to_owned() };
    let expected = match expected {
        "a sequence" => "a list",
        "a map" => "a table",
        "a string" => "a text",
        "a boolean" => "true or false",
        "i32" | "i64" => "a whole number",
        "u32" | "u64" | "usize" => "a whole number, 0 or more",
        "f32" | "f64" => "a number",
        other if other.starts_with("struct ") => "a table",
        other if other.starts_with("enum ") => "one of the texts that it can be",
        other => other,
    };
    let found = ["invalid type: ", "invalid value: "].into_iter().find_map(|start| found.strip_prefix(start));
    let found = found.unwrap_or("something else").replace("string ", "the text ").replace("sequence", "a list");
    let found = if found == "map" { "a table" } else { &found };
    format!("found {found}, expected {expected}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_lines_and_characters_from_one() {
        let text = "ä = 1\nb = \"ö\" # x\n";
        let lines = Lines::new(text);
        assert_eq!(lines.position(0), (1, 1));
        assert_eq!(lines.position(text.find('=').unwrap()), (1, 3));
        assert_eq!(lines.position(text.find('#').unwrap()), (2, 9));
        assert_eq!(lines.position(1000), (3, 1));
    }

    #[test]
    fn messages_are_in_plain_words() {
        for (serde, says) in [
            ("unknown field `mod`, expected one of `mode`, `match`", "unknown field `mod`, did you mean `mode`?"),
            ("unknown variant `x`, expected `drop` or `flag`", "unknown value `x`, expected `drop` or `flag`"),
            ("invalid type: integer `5`, expected a string", "found integer `5`, expected a text"),
            ("invalid type: map, expected a sequence", "found a table, expected a list"),
            ("invalid value: integer `-1`, expected u32", "found integer `-1`, expected a whole number, 0 or more"),
            ("missing field `method`", "missing field `method`"),
            ("wanted string or table", "expected a text"),
        ] {
            assert_eq!(plain(serde), says);
        }
    }
}
