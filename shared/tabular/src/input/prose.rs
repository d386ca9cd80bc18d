//! Text that people and programs write, and that is no table: told by its content.
//!
//! A table is never taken for something else: what is told here has a form that all of its lines keep to, and where that
//! form is loose, no delimiter may split the lines alike.

use super::format::FileFormat;

mod code;
mod layout;
mod sql;

/// Text that is looked at, bytes.
pub(super) const LENGTH: usize = 64 << 10;

/// Told by the beginning of a text in UTF-8; `whole` where that is all of it.
pub(super) fn detect(text: &[u8], whole: bool) -> Option<FileFormat> {
    let looked = &text[..text.len().min(LENGTH)];
    let whole = whole && looked.len() == text.len();
    let text = String::from_utf8_lossy(looked);
    let end = if text.contains('\n') { '\n' } else { '\r' };
    let mut lines: Vec<&str> = text.split(end).map(|line| line.trim_end_matches('\r')).collect();
    if !whole {
        // It may be cut off.
        lines.pop();
    }
    let lines = Lines(lines);
    let first = lines.filled().next()?;
    if let Some(format) = by_first(first, lines.filled().nth(1)?) {
        return Some(format);
    }
    if mail(&lines) {
        return Some(FileFormat::Mail);
    }
    if code::is_diff(&lines) {
        return Some(FileFormat::Diff);
    }
    if sql::is_sql(&lines, whole) {
        return Some(FileFormat::Sql);
    }
    if layout::is_prose(&lines) && !lines.are_tabular(false) {
        return Some(FileFormat::Prose);
    }
    if lines.are_tabular(false) {
        return None;
    }
    if layout::is_settings(&lines) {
        Some(FileFormat::Settings)
    } else if layout::is_yaml(&lines) {
        Some(FileFormat::Yaml)
    } else if lines.are_tabular(true) {
        None
    } else if code::is_source(&lines) {
        Some(FileFormat::SourceCode)
    } else {
        layout::is_markdown(&lines).then_some(FileFormat::Markdown)
    }
}

/// Lines without their ends.
struct Lines<'t>(Vec<&'t str>);

impl<'t> Lines<'t> {
    /// Those that are not blank.
    fn filled(&self) -> impl Iterator<Item = &'t str> {
        self.0.iter().copied().filter(|line| !line.trim().is_empty())
    }

    /// Whether a delimiter splits most of the lines alike, comments aside; `spaced` where one counts that a space follows,
    /// as in a sentence.
    fn are_tabular(&self, spaced: bool) -> bool {
        let lines: Vec<_> = self.filled().filter(|line| !line.starts_with(['#', '%'])).collect();
        [',', ';', '\t', '|'].into_iter().any(|delimiter| {
            let counts = lines.iter().map(|line| {
                // One at the end of a line ends a statement, or whatever else it may be; tabs before a text indent it.
                let within = line.trim_end().trim_end_matches(delimiter);
                let is_indented = !within.trim_start_matches(delimiter).contains(delimiter) && delimiter == '\t';
                let parts = within.split(delimiter).skip(1);
                if is_indented { 0 } else { parts.filter(|part| spaced || !part.starts_with(' ')).count() }
            });
            let mut counts: Vec<_> = counts.collect();
            counts.sort_unstable();
            let most = counts.chunk_by(|a, b| a == b).filter(|same| same[0] > 0).map(<[_]>::len).max();
            most.is_some_and(|most| most > 1 && most * 5 >= lines.len() * 3)
        })
    }
}

/// What no table begins with.
fn by_first(first: &str, second: &str) -> Option<FileFormat> {
    let line = first.trim_start_matches('\u{FEFF}').trim();
    let lower = line.to_ascii_lowercase();
    let is_script = line.strip_prefix("#!").is_some_and(|path| path.trim_start().starts_with('/'))
        || lower == "@echo off"
        || lower == "<?php"
        || lower.starts_with("<?php ");
    if is_script {
        return Some(FileFormat::Script);
    }
    if line.starts_with("Windows Registry Editor Version ") {
        return Some(FileFormat::Settings);
    }
    if line.starts_with("%!PS") {
        return Some(FileFormat::PostScript);
    }
    // Two of them, as one word alone may be anything.
    let fields = second.contains([':', ';']);
    match lower.strip_prefix("begin:") {
        Some("vcard") if fields => return Some(FileFormat::VCard),
        Some("vcalendar" | "vevent" | "vtodo" | "vjournal" | "vfreebusy") if fields => {
            return Some(FileFormat::Calendar);
        }
        _ => {}
    }
    let latex = |line: &str| {
        [
            "\\documentclass",
            "\\documentstyle",
            "\\begin{",
            "\\usepackage",
            "\\NeedsTeXFormat",
            "\\section{",
            "\\chapter{",
        ]
        .iter()
        .any(|command| line.starts_with(command))
    };
    (latex(line) || line.starts_with('%') && latex(second.trim())).then_some(FileFormat::Latex)
}

/// Fields of a header that nothing but mail and news have.
const OF_MAIL: &[&str] = &[
    "received",
    "message-id",
    "mime-version",
    "return-path",
    "delivered-to",
    "dkim-signature",
    "content-transfer-encoding",
    "x-mailer",
    "x-received",
    "x-original-to",
    "newsgroups",
    "in-reply-to",
];

/// A header of `Name: value` lines, of mail, and a blank line before whatever follows. A statement of a bank has such
/// lines too, `From` and `Subject` among them.
fn mail(lines: &Lines<'_>) -> bool {
    let mut rest = lines.0.as_slice();
    while rest.first().is_some_and(|line| line.trim().is_empty()) {
        rest = &rest[1..];
    }
    if rest.first().is_some_and(|line| line.starts_with("From ") && line.contains('@')) {
        // The envelope that mailboxes have.
        rest = &rest[1..];
    }
    let (mut fields, mut of_mail, mut from, mut subject) = (0, 0, false, false);
    let mut body: &[&str] = &[];
    for (at, line) in rest.iter().enumerate() {
        if line.trim().is_empty() {
            body = &rest[at..];
            break;
        }
        if line.starts_with([' ', '\t']) && fields > 0 {
            continue;
        }
        let Some((name, value)) = line.split_once(':') else { return false };
        if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') {
            return false;
        }
        let name = name.to_ascii_lowercase();
        fields += 1;
        of_mail += usize::from(OF_MAIL.contains(&name.as_str()));
        from |= name == "from" && value.contains('@');
        subject |= name == "subject";
    }
    fields >= 3
        && (of_mail > 1
            || of_mail > 0 && (from || subject)
            || from && subject && !Lines(body.to_vec()).are_tabular(true))
}

#[cfg(test)]
mod tests;
