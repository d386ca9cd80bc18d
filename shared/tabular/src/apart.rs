//! Lines among the records that are none: the header once more, lines of dashes, footers; and rows of sums.
//!
//! They are recognised by what they hold, wherever they stand. What only looks like one, and has the right number of
//! fields, stays a row.

use crate::{
    block::Block,
    flaw::{Flaw, Place},
    scan::Scanner,
    types::integer::load8,
};

/// What is known of such lines before any is read.
#[derive(Clone, Debug, Default)]
pub(crate) struct Apart {
    /// The lines of the header, as they stand in the file, without their ends. None where a row may have the same values.
    header: Vec<Vec<u8>>,
    /// The beginning of each: its bytes, and which bits of them count.
    begins: Vec<(u64, u64)>,
    /// The values of the first column are no texts: a row that begins with `Total` is none of them.
    pub(crate) first_is_typed: bool,
}

/// What a file of UTF-8 begins with, also where it was appended to another one.
const MARK: &[u8] = b"\xEF\xBB\xBF";

/// First words of a row of sums.
const TOTALS: &[&str] = &[
    "total",
    "totals",
    "totale",
    "totaal",
    "sum",
    "sums",
    "grand total",
    "subtotal",
    "sub total",
    "summe",
    "gesamt",
    "gesamtsumme",
    "insgesamt",
    "somme",
    "suma",
    "soma",
    "razem",
    "celkem",
    "summa",
    "totalt",
    "yhteensä",
    "итого",
    "合計",
];

impl Apart {
    /// Looks for these lines of a header, if there are several columns and one of the names is a word.
    pub(crate) fn new(header: Vec<Vec<u8>>, columns: usize, first_is_typed: bool) -> Self {
        let is_telling = |line: &Vec<u8>| line.iter().any(u8::is_ascii_alphabetic) || line.iter().any(|b| *b >= 0x80);
        let header: Vec<_> = if columns > 1 { header.into_iter().filter(is_telling).collect() } else { Vec::new() };
        let begin = |line: &[u8]| {
            let length = line.len().min(8);
            let mut bytes = [0; 8];
            bytes[..length].copy_from_slice(&line[..length]);
            (u64::from_le_bytes(bytes), u64::MAX >> (64 - 8 * length))
        };
        let marked = header.iter().map(|line| begin(&[MARK, line].concat()));
        let begins = header.iter().map(|line| begin(line)).chain(marked).collect();
        Self { header, begins, first_is_typed }
    }

    /// What a line is that has one field where records have several.
    pub(crate) fn place(&self, line: &[u8]) -> Option<Place> {
        if is_rule(line) {
            return Some(Place::Comment);
        }
        if is_count(line) {
            return Some(Place::Footer);
        }
        self.is_header(line).then_some(Place::Header)
    }

    fn is_header(&self, line: &[u8]) -> bool {
        let line = line.strip_prefix(MARK).unwrap_or(line);
        self.header.iter().any(|header| header == line)
    }
}

impl Scanner {
    /// Takes the lines out of a block that are no records, though they have the right number of fields.
    pub(crate) fn set_apart(&self, block: &mut Block) {
        let mut flaws: Vec<(usize, Flaw)> = Vec::new();
        let fields = self.fields;
        if fields < 2 {
            return;
        }
        for (row, &start) in block.rows.iter().enumerate() {
            let Some(begin) = load8(&block.text, start as usize) else { continue };
            let is_dashed = matches!(begin.to_le_bytes(), [b'-', b'-', ..] | [b'=', b'=', ..]);
            let is_word = |byte: u8| byte.is_ascii_alphabetic() || byte >= 0x80;
            let [first, second, ..] = begin.to_le_bytes();
            let may_be_total = self.apart.first_is_typed && (is_word(first) || first == b'"' && is_word(second));
            if !is_dashed
                && !may_be_total
                && !self.apart.begins.iter().any(|(bytes, counts)| (begin ^ bytes) & counts == 0)
            {
                continue;
            }
            let (start, end) = block.span(row, fields);
            let text = &block.text[start..end];
            if is_dashed && self.is_rule(text) {
                flaws.push((row, Flaw::NoRecord(Place::Comment)));
            } else if self.apart.is_header(text) {
                flaws.push((row, Flaw::NoRecord(Place::Header)));
            } else if may_be_total && is_total(&block.text[start..block.ends[row * fields] as usize]) {
                flaws.push((row, Flaw::Total));
            }
        }
        if !flaws.is_empty() {
            block.simple = false;
            block.reject(flaws, fields);
        }
    }

    /// Whether all fields of a line are made of dashes.
    fn is_rule(&self, line: &[u8]) -> bool {
        let mut rest = line;
        let mut longest = 0;
        loop {
            let end = memchr::memmem::find(rest, &self.grammar.delimiter).unwrap_or(rest.len());
            let field = rest[..end].trim_ascii();
            if field.is_empty() || !field.iter().all(|b| matches!(b, b'-' | b'=')) {
                return false;
            }
            longest = longest.max(field.len());
            match rest.get(end + self.grammar.delimiter.len()..) {
                Some(after) if end < rest.len() => rest = after,
                // Two dashes may stand for a value that is missing.
                _ => return longest > 2,
            }
        }
    }
}

/// A line such as `-----` or `+---+---+`.
fn is_rule(text: &[u8]) -> bool {
    let text = text.trim_ascii();
    let dashes = text.iter().filter(|b| matches!(b, b'-' | b'=' | b'_')).count();
    dashes >= 2 && text.iter().all(|b| matches!(b, b'-' | b'=' | b'_' | b'+' | b'|' | b' '))
}

/// A line such as `(4 rows affected)`, in which a client of a database counts what it printed.
fn is_count(line: &[u8]) -> bool {
    let line = line.trim_ascii();
    let line = line.strip_prefix(b"(").and_then(|line| line.strip_suffix(b")")).unwrap_or(line);
    let digits = line.iter().take_while(|b| b.is_ascii_digit()).count();
    let (number, rest) = line.split_at(digits);
    if number.is_empty() || number.len() > 18 {
        return false;
    }
    let rest = rest.to_ascii_lowercase();
    let words: Vec<_> =
        rest.split(|b| matches!(b, b' ' | b'(' | b')' | b'.')).filter(|word| !word.is_empty()).collect();
    matches!(words.first(), Some(&(b"row" | b"rows" | b"record" | b"records")))
        && words[1..].iter().all(|word| {
            let is_time = word.iter().all(u8::is_ascii_digit);
            is_time
                || matches!(
                    *word,
                    b"affected" | b"selected" | b"returned" | b"fetched" | b"in" | b"set" | b"sec" | b"found"
                )
        })
}

/// The name of a row of sums.
fn is_total(field: &[u8]) -> bool {
    let is_mark = |b: &u8| matches!(b, b'"' | b'\'' | b':' | b' ' | b'*');
    let (Some(first), Some(last)) = (field.iter().position(|b| !is_mark(b)), field.iter().rposition(|b| !is_mark(b)))
    else {
        return false;
    };
    let Ok(name) = std::str::from_utf8(&field[first..=last]) else { return false };
    let name = name.to_lowercase();
    TOTALS.contains(&name.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_about_rows_are_told() {
        for line in ["(4 rows affected)", "40 rows selected.", "(1 row)", "3 rows in set (0.01 sec)", "12 records"] {
            assert!(is_count(line.as_bytes()), "{line}");
        }
        for line in ["4", "rows", "(4)", "4 apples", "4 rows of seats", "about 4 rows", "", "99999999999999999999 rows"]
        {
            assert!(!is_count(line.as_bytes()), "{line}");
        }
        for line in ["---", "+----+-----+", "=== ===", "--|--"] {
            assert!(is_rule(line.as_bytes()), "{line}");
        }
        for line in ["-", "", "-5", "--a", "+"] {
            assert!(!is_rule(line.as_bytes()), "{line}");
        }
        for field in ["Total", "\"TOTAL\"", "Summe:", "Итого"] {
            assert!(is_total(field.as_bytes()), "{field}");
        }
        assert!(!is_total("Totally".as_bytes()) && !is_total(b""));
    }
}
