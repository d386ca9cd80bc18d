//! What people are told of a file that was processed, and that they should know more of.

use std::{collections::BTreeMap, fmt::Write};

use crate::notify::{About, shorten};

/// Findings that a message lists.
const LISTED: usize = 10;
/// Characters of a finding.
const FINDING: usize = 600;

/// Warnings of one kind, about one file. No data values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WarningNotice {
    /// The kind, which is stable.
    pub kind: String,
    /// What was found, a sentence each.
    pub findings: Vec<String>,
    /// What a person can do about it.
    pub advice: &'static str,
    /// What they are about.
    pub about: About,
}

impl WarningNotice {
    /// One line: the kind and the file.
    pub fn subject(&self) -> String {
        self.about.subject(&self.kind)
    }

    /// What arrived, what was found, what to do.
    pub fn message(&self) -> String {
        let mut text = "A file that arrived is in its table, but look at this.\n\n".to_owned();
        text += &self.about.lines(("Warning", &self.kind));
        text += "\nWhat was found\n";
        for finding in self.findings.iter().take(LISTED) {
            let _ = writeln!(text, "- {}", shorten(finding.chars(), FINDING, "…"));
        }
        if let Some(more @ 1..) = self.findings.len().checked_sub(LISTED) {
            let _ = writeln!(text, "- {more} more, which stand in the log");
        }
        let _ = write!(
            text,
            "\nWhat to do\n{}\n\nWarnings of a kind are told once a day for each table; the log has all of them.\n",
            self.advice
        );
        text
    }

    /// What a program reads, and a subscription can filter by: `warning`, `kind` (`warning`), and where they are known
    /// `bucket`, `key`, `database`, `table`.
    pub fn attributes(&self) -> BTreeMap<&'static str, String> {
        let always = [("warning", self.kind.clone()), ("kind", "warning".to_owned())];
        always.into_iter().chain(self.about.attributes()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn notice(findings: usize) -> WarningNotice {
        WarningNotice {
            kind: "AbsentColumn".to_owned(),
            findings: (0..findings).map(|n| format!("column c{n}: the file has no such column")).collect(),
            advice: "Correct the name.",
            about: About {
                bucket: Some("landing".to_owned()),
                key: Some("crm/sales/users/ü.csv".to_owned()),
                version_id: Some("v1".to_owned()),
                database: Some("sales".to_owned()),
                table: Some("users".to_owned()),
                request_id: "r-1".to_owned(),
            },
        }
    }

    #[test]
    fn a_person_reads_what_arrived_what_was_found_and_what_to_do() {
        let expected = "\
A file that arrived is in its table, but look at this.

File:    s3://landing/crm/sales/users/ü.csv
Version: v1
Table:   sales.users
Warning: AbsentColumn
Request: r-1

What was found
- column c0: the file has no such column

What to do
Correct the name.

Warnings of a kind are told once a day for each table; the log has all of them.
";
        assert_eq!(notice(1).message(), expected);
        assert_eq!(notice(1).subject(), "AbsentColumn: sales.users, ?.csv");
        let attributes = notice(1).attributes();
        assert_eq!((&*attributes["kind"], &*attributes["warning"]), ("warning", "AbsentColumn"));
        assert_eq!((&*attributes["table"], attributes.get("error")), ("users", None));
    }

    #[test]
    fn a_message_is_bounded() {
        let mut notice = notice(12);
        assert!(notice.message().contains("- column c9:") && !notice.message().contains("c10"));
        assert!(notice.message().contains("- 2 more, which stand in the log\n"));
        notice.findings = vec!["x".repeat(100_000); 1_000];
        assert!(notice.message().len() < 8_000);
    }
}
