//! What programmers write.

use super::Lines;

/// A unified diff, or one of commands.
pub(super) fn is_diff(lines: &Lines<'_>) -> bool {
    let all: Vec<_> = lines.filled().collect();
    let hunk = |line: &str| line.starts_with("@@ -") && line[3..].contains(" @@");
    let names = |at: usize| {
        let begins = |line: usize, with: &str| all.get(at + line).is_some_and(|line| line.starts_with(with));
        begins(0, "--- ") && begins(1, "+++ ") && all.get(at + 2).is_some_and(|line| hunk(line))
    };
    if let Some(at) = (0..all.len().min(60)).find(|at| names(*at)) {
        let of_diff = |line: &&&str| {
            line.starts_with([' ', '+', '-', '@', '\\'])
                || [
                    "diff ",
                    "index ",
                    "new file",
                    "deleted file",
                    "similarity",
                    "rename ",
                    "old mode",
                    "new mode",
                    "Only in",
                ]
                .iter()
                .any(|with| line.starts_with(with))
        };
        let rest = &all[at..];
        return rest.iter().filter(of_diff).count() * 10 >= rest.len() * 9;
    }
    let command = |line: &str| {
        let parts = line.split_once(['a', 'c', 'd']);
        let range = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit() || b == b',');
        parts.is_some_and(|(from, to)| range(from) && range(to))
    };
    all.len() > 1
        && command(all[0])
        && all[1..].iter().all(|line| line.starts_with(['<', '>', '\\']) || *line == "---" || command(line))
}

/// Source code: definitions, and lines that end as those of code do.
pub(super) fn is_source(lines: &Lines<'_>) -> bool {
    let (mut all, mut definitions, mut code, mut opened, mut closed) = (0, 0, 0, 0, 0);
    for line in lines.filled() {
        all += 1;
        let text = line.trim();
        let defines = is_definition(text);
        definitions += usize::from(defines);
        let comment = ["//", "/*", "*", "#", "--", "\"\"\""].iter().any(|with| text.starts_with(with));
        let ends = text.ends_with(['{', '}', ';', ')', '(', ',', ']', '[']) || text.ends_with("):");
        opened += usize::from(text.ends_with('{'));
        closed += usize::from(text.starts_with('}'));
        let indented = line.starts_with([' ', '\t']);
        code += usize::from(defines || comment || ends || indented);
    }
    (definitions >= 2 || opened >= 2 && closed >= 2) && code * 5 >= all * 4
}

/// What follows the name that a text begins with.
fn behind_name(text: &str) -> Option<&str> {
    let length = text.find(|c: char| !c.is_alphanumeric() && c != '_' && c != '$').unwrap_or(text.len());
    (length > 0).then(|| text[length..].trim_start())
}

fn is_definition(text: &str) -> bool {
    let end = text.trim_end().chars().last().unwrap_or(' ');
    let after = |with: &str| text.strip_prefix(with).map(str::trim_start);
    let is_path = |text: &str| {
        let path = text.trim_end_matches(';');
        !path.is_empty() && path.chars().all(|c| c.is_alphanumeric() || "_.:/*@-{}\"'".contains(c))
    };
    // Followed by a name, and that by one of these.
    let named =
        |with: &str, then: &[char]| after(with).and_then(behind_name).is_some_and(|rest| rest.starts_with(then));
    if let Some(file) = after("#include") {
        return file.starts_with(['<', '"']);
    }
    if after("#define ").or(after("#ifndef ")).or(after("#ifdef ")).is_some() {
        return true;
    }
    if let Some(what) = after("import ") {
        return is_path(what) || what.contains(" from ") || what.contains(" as ") || what.starts_with("static ");
    }
    if let Some(what) = after("from ") {
        return what.contains(" import ");
    }
    if let Some(what) = after("package ").or(after("using ")).or(after("use ")) {
        return is_path(what) && (end == ';' || what.contains("::") || text.starts_with("package "));
    }
    ["def ", "fn ", "pub fn ", "func ", "function ", "async function ", "async def ", "export function ", "sub "]
        .iter()
        .any(|with| named(with, &['(', '<', ' ']) || named(with, &['{']))
        && (end == '{' || end == ':' || end == ')' || end == '(' || end == ',' || end == '}')
        || [
            "class ",
            "struct ",
            "enum ",
            "interface ",
            "trait ",
            "impl ",
            "namespace ",
            "module ",
            "pub struct ",
            "pub enum ",
        ]
        .iter()
        .any(|with| after(with).is_some())
            && matches!(end, '{' | ':')
        || ["public ", "private ", "protected ", "static ", "export ", "extern ", "final ", "abstract "]
            .iter()
            .any(|with| after(with).is_some())
            && matches!(end, '{' | ';' | '(' | ',')
        || ["const ", "let ", "var "].iter().any(|with| named(with, &['=', ':']))
        || ["library(", "require("].iter().any(|with| after(with).is_some()) && matches!(end, ')' | ';')
        || ["int main(", "void "].iter().any(|with| after(with).is_some()) && matches!(end, ')' | '{')
        || behind_name(text).is_some_and(|rest| rest.starts_with("<- "))
}
