//! Whether a text is JSON.

use super::format::FileFormat;

/// How deep documents may be nested here; deeper ones are taken for text.
const MAX_DEPTH: usize = 64;

/// Told by a beginning that may be cut anywhere. `None`: neither objects nor arrays of JSON.
pub(super) fn detect(head: &[u8]) -> Option<FileFormat> {
    let mut rest = head.trim_ascii_start();
    let mut documents = 0;
    let mut adjoins = false;
    let objects = rest.starts_with(b"{");
    while let Some((b'{' | b'[', _)) = rest.split_first() {
        match (Scanner { text: rest, at: 0 }).value(0) {
            // Cut within the second or a later document: what precedes it has proven the form.
            Scan::Cut if documents > 0 => return Some(several(adjoins)),
            // A lone bracket proves nothing.
            Scan::Cut => return (rest.len() > 2).then_some(FileFormat::Json),
            Scan::Wrong => return None,
            Scan::Done(length) => {
                documents += 1;
                rest = &rest[length..];
                // Something on the same line: fields, not documents.
                // Objects alone, and with nothing between them: otherwise they may be fields.
                if objects && rest.starts_with(b"{") {
                    adjoins = true;
                    continue;
                }
                let next = rest.iter().position(|b| !matches!(b, b' ' | b'\t' | b'\r')).map(|at| rest[at]);
                if next.is_some_and(|next| next != b'\n') {
                    return None;
                }
                rest = rest.trim_ascii_start();
            }
        }
    }
    match documents {
        _ if !rest.is_empty() => None,
        0 => None,
        1 => Some(FileFormat::Json),
        _ => Some(several(adjoins)),
    }
}

/// Several documents, some of them on one line.
fn several(adjoin: bool) -> FileFormat {
    if adjoin { FileFormat::JsonSequence } else { FileFormat::JsonLines }
}

enum Scan {
    /// Valid, and this long.
    Done(usize),
    /// Valid so far.
    Cut,
    Wrong,
}

struct Scanner<'a> {
    text: &'a [u8],
    at: usize,
}

/// Returns unless the part is whole.
macro_rules! part {
    ($scan:expr) => {
        match $scan {
            Scan::Done(_) => {}
            other => return other,
        }
    };
}

impl Scanner<'_> {
    fn peek(&mut self) -> Option<u8> {
        while matches!(self.text.get(self.at), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
        self.text.get(self.at).copied()
    }

    fn value(&mut self, depth: usize) -> Scan {
        match self.peek() {
            None => Scan::Cut,
            Some(b'{') if depth < MAX_DEPTH => self.members(b'}', true, depth),
            Some(b'[') if depth < MAX_DEPTH => self.members(b']', false, depth),
            Some(b'"') => self.string(),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.word(b"true"),
            Some(b'f') => self.word(b"false"),
            Some(b'n') => self.word(b"null"),
            Some(_) => Scan::Wrong,
        }
    }

    fn members(&mut self, close: u8, named: bool, depth: usize) -> Scan {
        self.at += 1;
        if self.peek() == Some(close) {
            self.at += 1;
            return Scan::Done(self.at);
        }
        loop {
            if named {
                match self.peek() {
                    None => return Scan::Cut,
                    Some(b'"') => part!(self.string()),
                    Some(_) => return Scan::Wrong,
                }
                match self.peek() {
                    None => return Scan::Cut,
                    Some(b':') => self.at += 1,
                    Some(_) => return Scan::Wrong,
                }
            }
            part!(self.value(depth + 1));
            match self.peek() {
                None => return Scan::Cut,
                Some(b',') => self.at += 1,
                Some(b) if b == close => {
                    self.at += 1;
                    return Scan::Done(self.at);
                }
                Some(_) => return Scan::Wrong,
            }
        }
    }

    fn string(&mut self) -> Scan {
        self.at += 1;
        loop {
            match self.text.get(self.at) {
                None => return Scan::Cut,
                Some(b'"') => {
                    self.at += 1;
                    return Scan::Done(self.at);
                }
                Some(b'\\') => self.at += 2,
                Some(0..0x20) => return Scan::Wrong,
                Some(_) => self.at += 1,
            }
        }
    }

    fn number(&mut self) -> Scan {
        let length = self.text[self.at..]
            .iter()
            .take_while(|b| matches!(b, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E'))
            .count();
        self.at += length;
        Scan::Done(self.at)
    }

    fn word(&mut self, word: &[u8]) -> Scan {
        let rest = &self.text[self.at..];
        if rest.starts_with(word) {
            self.at += word.len();
            Scan::Done(self.at)
        } else if word.starts_with(rest) {
            Scan::Cut
        } else {
            Scan::Wrong
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_told_from_fields() {
        for (text, expected) in [
            (r#"{"a": 1, "b": [1, 2.5e3, {"c": null}]}"#, Some(FileFormat::Json)),
            ("[\n  {\"a\": tr", Some(FileFormat::Json)),
            ("{\"a\":1}\n{\"a\":2}\n", Some(FileFormat::JsonLines)),
            ("{\"a\":1}\n{\"a", Some(FileFormat::JsonLines)),
            ("[]", Some(FileFormat::Json)),
            ("{\"a\":1}{\"a\":2}", Some(FileFormat::JsonSequence)),
            ("{\"a\":1}{\"a\":", Some(FileFormat::JsonSequence)),
            ("{\"a\":1}{\"a\":2}\n{\"a\":3}\n", Some(FileFormat::JsonSequence)),
            ("{\"a\":1}\t{\"a\":2}\n{\"a\":3}\t{\"a\":4}\n", None),
            ("{\n  \"a\": 1\n}\n{\n  \"a\": 2\n}\n", Some(FileFormat::JsonLines)),
            ("{id}{name}\n", None),
            ("{\"a\":1}{b}\n", None),
            ("[1][2]\n", None),
            ("[1, 2],[3, 4]\n", None),
            ("{\"a\":1};{\"b\":2}\n", None),
            ("[note]\na,b\n", None),
            ("{id},{name}\n", None),
            ("{\"a\":1}\n[not a json]\n", None),
            ("key,val\n1,\"{}\"\n", None),
            ("", None),
            ("[", None),
        ] {
            assert_eq!(detect(text.as_bytes()), expected, "{text}");
        }
    }

    #[test]
    fn depth_is_bounded() {
        assert_eq!(detect(&b"[".repeat(100_000)), None);
        assert_eq!(detect(&b"[".repeat(MAX_DEPTH)), Some(FileFormat::Json));
    }
}
