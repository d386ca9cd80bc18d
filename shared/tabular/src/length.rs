//! Texts that may not be longer than so many characters.

use std::{fmt, sync::Arc};

use arrow::{
    array::{ArrayRef, AsArray, StringArray},
    error::ArrowError,
};

use crate::{
    Misfit,
    column::{Fields, Found},
    plan::PlannedColumn,
};

/// How long the texts of a column can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TextLimit {
    /// The most characters: code points, as Hive counts them.
    pub characters: u32,
    /// Whether blanks at the end do not count, as in Hive's `char`; they do in `varchar`.
    pub padded: bool,
}

impl TextLimit {
    fn takes(self, text: &str) -> bool {
        let most = self.characters as usize;
        // There are no more characters than bytes.
        let short = |text: &str| text.len() <= most || text.chars().count() <= most;
        short(text) || self.padded && short(text.trim_end_matches(' '))
    }
}

impl fmt::Display for TextLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}({})", if self.padded { "char" } else { "varchar" }, self.characters)
    }
}

/// A column that was built: its values, what was found on the way, and how many are null.
type Built = (Result<ArrayRef, ArrowError>, Found, u64);

/// Holds the texts of a column of these fields to its limit, if it has one: longer ones do not fit.
pub(crate) fn held(column: &PlannedColumn, fields: &Fields<'_>, built: Built) -> Built {
    let Some(limit) = column.limit else { return built };
    let (Ok(array), mut found, nulls) = built else { return built };
    let Some(texts) = array.as_string_opt::<i32>() else { return (Ok(array), found, nulls) };
    let fits = |text: Option<&str>| text.is_none_or(|text| limit.takes(text));
    let longer: Vec<usize> = texts.iter().enumerate().filter(|(_, text)| !fits(*text)).map(|(row, _)| row).collect();
    if longer.is_empty() {
        return (Ok(array), found, nulls);
    }
    let shorter: StringArray = texts.iter().map(|text| text.filter(|text| limit.takes(text))).collect();
    let nulls = nulls + longer.len() as u64;
    match column.misfit {
        Misfit::Reject => found.misfits.extend(longer.into_iter().map(|row| (row, "a longer text"))),
        Misfit::Null | Misfit::Sibling => {
            // A text that is too long in a flawed row is rescued with the rest of it.
            let (odd, diverted): (Vec<_>, Vec<_>) = longer.into_iter().partition(|row| fields.is_odd(*row));
            found.misfits.extend(odd.into_iter().map(|row| (row, "a longer text")));
            found.diverted.extend(diverted);
        }
    }
    (Ok(Arc::new(shorter)), found, nulls)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_are_counted_and_blanks_at_the_end_of_a_char_are_not() {
        let of = |characters, padded| TextLimit { characters, padded };
        for (text, varchar, char) in [
            ("ab", true, true),
            ("äö", true, true),
            ("日本", true, true),
            ("abc", false, false),
            ("ab  ", false, true),
            ("  ab", false, false),
            ("🙂🙂", true, true),
            ("e\u{301}x", false, false),
        ] {
            assert_eq!(of(2, false).takes(text), varchar, "{text}");
            assert_eq!(of(2, true).takes(text), char, "{text}");
        }
        assert_eq!((of(2, false).to_string(), of(3, true).to_string()), ("varchar(2)".into(), "char(3)".into()));
    }
}
