//! Scripts and dumps of databases.

use super::Lines;

/// What makes or fills tables, or asks them.
const TELLING: &[&str] = &[
    "create table",
    "create temp",
    "create temporary",
    "create global",
    "create view",
    "create index",
    "create unique",
    "create database",
    "create schema",
    "create type",
    "create function",
    "create procedure",
    "create or",
    "create sequence",
    "create extension",
    "create external",
    "create materialized",
    "create trigger",
    "create user",
    "create role",
    "insert into",
    "insert ignore",
    "insert overwrite",
    "insert [",
    "replace into",
    "drop table",
    "drop database",
    "drop schema",
    "drop view",
    "drop index",
    "drop sequence",
    "drop type",
    "drop function",
    "alter table",
    "alter sequence",
    "alter database",
    "alter schema",
    "delete from",
    "merge into",
    "truncate table",
];

/// What else stands in scripts.
const OTHER: &[&str] = &[
    "set",
    "use",
    "begin",
    "commit",
    "rollback",
    "start",
    "lock",
    "unlock",
    "pragma",
    "grant",
    "revoke",
    "analyze",
    "comment",
    "declare",
    "exec",
    "execute",
    "print",
    "go",
    "delimiter",
    "copy",
    "update",
    "select",
    "with",
    "create",
    "drop",
    "alter",
    "delete",
    "insert",
    "merge",
    "truncate",
    "vacuum",
    "explain",
    "call",
    "show",
    "prompt",
    "exit",
    "quit",
    "end",
    "reindex",
    "refresh",
    "if",
    "spool",
    "whenever",
    "attach",
    "describe",
    "optimize",
];

/// Whether all statements begin as those of SQL do, and end as they do.
pub(super) fn is_sql(lines: &Lines<'_>, whole: bool) -> bool {
    let (mut statements, mut known, mut telling, mut ended) = (0, 0, 0, 0);
    let mut within = false;
    let mut in_comment = false;
    let mut in_data = false;
    let mut asks = false;
    for line in lines.filled() {
        let text = line.trim();
        if in_data {
            // What `COPY` of PostgreSQL reads.
            in_data = text != "\\.";
            continue;
        }
        if in_comment {
            in_comment = !text.contains("*/");
            continue;
        }
        if !within {
            if text.starts_with("/*") {
                in_comment = !text.contains("*/");
                continue;
            }
            if text.starts_with("--") || text.starts_with('#') || is(text, "rem") || text == ";" {
                continue;
            }
        }
        let tells = TELLING.iter().any(|with| begins(text, with));
        let separates = text.eq_ignore_ascii_case("go") || text == "/" || text.starts_with('\\');
        if within && !separates && tells && !line.starts_with([' ', '\t']) {
            // The one before had no end, as some dialects allow.
            ended += 1;
            within = false;
        }
        if separates {
            ended += usize::from(within);
            within = false;
            continue;
        }
        if !within {
            statements += 1;
            telling += usize::from(tells);
            known += usize::from(tells || OTHER.iter().any(|word| is(text, word)));
            if known == 0 {
                return false;
            }
            asks = is(text, "select") || is(text, "with") || is(text, "update");
        }
        within = true;
        let words = format!(" {} ", text.to_ascii_lowercase());
        if asks && (words.contains(" from ") || words.contains(" set ")) {
            telling += 1;
            asks = false;
        }
        let code = text.split(" --").next().unwrap_or(text).trim_end();
        if code.ends_with(';') || code.ends_with("$$") || code.ends_with("//") {
            within = false;
            ended += 1;
            in_data = is(text, "copy") && code.to_ascii_lowercase().ends_with("from stdin;");
        }
    }
    telling > 0 && known * 5 >= statements * 4 && (ended > 0 || !whole)
}

/// Whether the first word is this one, in whatever case.
fn is(text: &str, word: &str) -> bool {
    let first = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next().unwrap_or_default();
    // Behind a comma or the like it is a field.
    let next = text[first.len()..].chars().next();
    first.eq_ignore_ascii_case(word) && matches!(next, None | Some(' ' | ';' | '\t'))
}

/// Whether a text begins with these words, and a name.
fn begins(text: &str, with: &str) -> bool {
    let mut words = text.split_ascii_whitespace();
    let mut all = with.split(' ').zip(words.by_ref()).peekable();
    if all.peek().is_none() {
        return false;
    }
    let mut last = true;
    let count = with.split(' ').count();
    let mut seen = 0;
    for (expected, word) in all {
        seen += 1;
        last = word.eq_ignore_ascii_case(expected) || expected == "[" && word.starts_with('[');
        if !last {
            return false;
        }
    }
    last && seen == count && (words.next().is_some() || with.ends_with('['))
}
