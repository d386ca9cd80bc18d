//! What people lay out in lines: settings, structured text, running text.

use super::Lines;

/// INI and TOML: sections in brackets, and `key = value`.
pub(super) fn is_settings(lines: &Lines<'_>) -> bool {
    let (mut sections, mut pairs, mut equal, mut bare) = (0, 0, 0, 0);
    // What closes a value of several lines.
    let mut open: Option<&str> = None;
    for line in lines.filled() {
        let text = line.trim();
        if let Some(close) = open {
            open = open.filter(|_| !text.contains(close));
            continue;
        }
        if text.starts_with(['#', ';']) || text.starts_with("//") {
            continue;
        }
        if is_section(text) {
            sections += 1;
            continue;
        }
        let Some((key, value)) = text.split_once('=').or_else(|| text.split_once(':')) else {
            if sections > 0 && (line.starts_with([' ', '\t']) || is_word(text)) {
                bare += 1;
                continue;
            }
            return false;
        };
        let key = key.trim();
        if key.is_empty() || key.len() > 80 || key.contains([',', ';', '|', '\t']) {
            return false;
        }
        pairs += 1;
        equal += usize::from(text[key.len()..].trim_start().starts_with('='));
        let value = value.trim();
        open = ["\"\"\"", "'''"].into_iter().find(|quotes| value.matches(quotes).count() == 1);
        if value.starts_with('[') && !value.contains(']') {
            open = Some("]");
        }
    }
    sections > 0 && pairs > 1 && equal * 2 >= pairs && bare * 2 <= pairs
}

fn is_section(text: &str) -> bool {
    let inner = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let inner = inner.map(|inner| inner.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(inner));
    inner.is_some_and(|name| !name.trim().is_empty() && !name.contains(['[', ']', ';', '|', '\t', '=']))
}

fn is_word(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-.".contains(&b))
}

/// YAML: keys and items, and some within others.
pub(super) fn is_yaml(lines: &Lines<'_>) -> bool {
    let (mut keys, mut items, mut nested, mut free) = (0, 0, 0, 0);
    let mut begun = false;
    // How deep the last key is, and whether it has no value of its own.
    let mut last: Option<(usize, bool)> = None;
    // How deep the key of a text is whose lines follow.
    let mut block: Option<usize> = None;
    for line in lines.filled() {
        let text = line.trim_start_matches(' ');
        let mut depth = line.len() - text.len();
        let text = text.trim_end();
        if let Some(key) = block {
            if depth > key {
                continue;
            }
            block = None;
        }
        if text.starts_with('#') {
            continue;
        }
        if text.starts_with('\t') {
            return false;
        }
        if text == "---" || text == "..." || text.starts_with("--- ") || text.starts_with("%YAML") {
            begun |= keys + items == 0;
            last = None;
            continue;
        }
        let mut text = text;
        while let Some(item) = text.strip_prefix('-').filter(|rest| rest.is_empty() || rest.starts_with(' ')) {
            items += 1;
            if last.is_some_and(|(key, is_open)| is_open && depth >= key) {
                nested += 1;
                last = None;
            }
            let inner = item.trim_start();
            depth += text.len() - inner.len();
            text = inner;
        }
        let Some(value) = key(text) else {
            match last {
                _ if text.is_empty() || items > 0 && line.trim_start().starts_with('-') => {}
                // The value goes on.
                Some((key, _)) if depth > key || text.starts_with([']', '}']) => free += 1,
                _ => return false,
            }
            continue;
        };
        if last.is_some_and(|(key, is_open)| is_open && depth > key)
            || items > 0 && depth > 0 && last.is_some_and(|(key, _)| key == depth)
        {
            nested += 1;
        }
        keys += 1;
        last = Some((depth, value.is_empty() || value.starts_with(['&', '!'])));
        if value.starts_with(['|', '>']) {
            block = Some(line.len() - line.trim_start().len());
        }
    }
    let structured = nested > 0 && keys > 2 || begun && keys > 1;
    structured && free <= keys + items
}

/// The value of a line that has a key.
fn key(text: &str) -> Option<&str> {
    let quote = text.chars().next().filter(|c| matches!(c, '"' | '\''));
    let (key, value) = if let Some(quote) = quote {
        let end = text[1..].find(quote)? + 2;
        (&text[..end], text[end..].strip_prefix(':')?)
    } else {
        let at = text.find(": ").or_else(|| text.len().checked_sub(1).filter(|_| text.ends_with(':')))?;
        (&text[..at], &text[at + 1..])
    };
    let value = value.split(" #").next().unwrap_or(value);
    let fits = key.len() <= 60 && !key.contains([',', ';', '|', '\t', '=']) && key.split(' ').count() <= 4;
    (fits && !key.is_empty() && (value.is_empty() || value.starts_with(' '))).then_some(value.trim())
}

/// Markdown: headings between paragraphs, and other marks.
pub(super) fn is_markdown(lines: &Lines<'_>) -> bool {
    let mut levels = [false; 7];
    let (mut headings, mut apart, mut text_lines, mut blank) = (0, 0, 0, 0);
    let (mut fences, mut references, mut list_items) = (0, 0, 0);
    let all = &lines.0;
    let is_blank = |at: Option<usize>| at.and_then(|at| all.get(at)).is_none_or(|line| line.trim().is_empty());
    let mut text_seen = false;
    let mut late = 0;
    for (at, line) in all.iter().enumerate() {
        let level = line.bytes().take_while(|b| *b == b'#').count();
        let text = line.trim();
        if text.is_empty() {
            blank += 1;
        } else if text.starts_with("```") || text.starts_with("~~~") {
            fences += 1;
        } else if fences % 2 == 1 {
            // Whatever is in there.
        } else if (1..=6).contains(&level) && line[level..].starts_with(' ') {
            headings += 1;
            levels[level] = true;
            apart += usize::from(is_blank(at.checked_sub(1)) || is_blank(Some(at + 1)));
            late += usize::from(text_seen);
        } else {
            text_lines += 1;
            text_seen = true;
            references += usize::from(text.contains("]("));
            list_items += usize::from(["- ", "* ", "+ ", "1. "].iter().any(|mark| text.starts_with(mark)));
        }
    }
    let marks = usize::from(levels.iter().filter(|is| **is).count() > 1)
        + usize::from(fences > 1)
        + usize::from(references > 0)
        + usize::from(list_items > 1);
    headings > 1 && late > 0 && apart * 5 >= headings * 4 && text_lines > 2 && blank > 2 && marks > 1
}

/// Paragraphs of sentences that go on from line to line, or that stand between blank lines.
///
/// A column of sentences has one a line; those of names and titles have none.
pub(super) fn is_prose(lines: &Lines<'_>) -> bool {
    let paragraphs: Vec<&[&str]> =
        lines.0.split(|line| line.trim().is_empty()).filter(|paragraph| !paragraph.is_empty()).collect();
    let filled: Vec<_> = lines.filled().collect();
    let wordy = |line: &&&str| {
        let letters = line.chars().filter(|c| c.is_alphabetic() || *c == ' ').count();
        let count = line.chars().count();
        !line.trim().contains("  ") && letters * 100 >= count * 85
    };
    if filled.iter().filter(wordy).count() * 5 < filled.len() * 4 || filled[0].starts_with('"') {
        return false;
    }
    wrapped(&paragraphs) || unwrapped(&paragraphs, &lines.0)
}

fn wrapped(paragraphs: &[&[&str]]) -> bool {
    // Lines that others follow: they are full.
    let mut full: Vec<usize> = Vec::new();
    let (mut goes_on, mut lower, mut ends) = (0, 0, 0);
    for paragraph in paragraphs {
        for pair in paragraph.windows(2) {
            full.push(pair[0].trim_end().chars().count());
            goes_on += usize::from(!pair[0].trim_end().ends_with(['.', '!', '?', ':', ';']));
            lower += usize::from(pair[1].trim_start().starts_with(char::is_lowercase));
        }
        ends += sentences(&paragraph.join(" "));
    }
    let longest = full.iter().copied().max().unwrap_or(0);
    let near = full.iter().filter(|length| **length * 4 >= longest * 3).count();
    full.len() >= 4
        && (40..=200).contains(&longest)
        && near * 4 >= full.len() * 3
        && goes_on * 3 >= full.len() * 2
        && lower * 100 >= full.len() * 45
        && ends > 1
}

fn unwrapped(paragraphs: &[&[&str]], lines: &[&str]) -> bool {
    let single = paragraphs.iter().filter(|paragraph| paragraph.len() == 1).count();
    let blank = lines.iter().filter(|line| line.trim().is_empty()).count();
    let long = |paragraph: &&&[&str]| {
        paragraph.iter().any(|line| line.split_whitespace().count() >= 25 && sentences(line) > 1)
    };
    paragraphs.len() > 2
        && single * 10 >= paragraphs.len() * 9
        && blank + 1 >= paragraphs.len()
        && paragraphs.iter().filter(long).count() * 10 >= paragraphs.len() * 6
}

/// Ends of sentences, also the last.
fn sentences(text: &str) -> usize {
    let text = text.trim_end();
    let inner = [". ", "! ", "? "].iter().flat_map(|end| text.match_indices(end));
    let inner = inner.filter(|(at, _)| text[at + 2..].trim_start().starts_with(|c: char| c.is_uppercase())).count();
    inner + usize::from(text.ends_with(['.', '!', '?']))
}
