//! What a column of a table stands for.
//!
//! A name alone does not tell: `a_string` may be a column of files, or hold what the column `a` does not take. So columns
//! that are no plain columns of files carry their origin as a column parameter, and a table whose columns do has the table
//! parameter [`MARKED`]. In a table without it, made by others or by an early version of this program, an unmarked column
//! may stand for anything.

use std::fmt;

use crate::{Column, Error, Result, Table, TableName};

/// The table parameter (value `marked`) of a table in which a column without a mark is one of files.
pub const MARKED: &str = "cleanzone.columns";
/// The column parameter that says where values come from: `sibling`, `rescued`, `context`, `row-number`, `duplicate`.
const ORIGIN: &str = "cleanzone.origin";
/// The column whose misfits a sibling holds.
const SIBLING_OF: &str = "cleanzone.sibling-of";
/// The column of files that has this name because its own was taken.
const INSTEAD_OF: &str = "cleanzone.instead-of";
/// The place of a column in the file that brought it: `2` without a header, `2 of 3` with one, `later` where it proves
/// nothing of other files.
const POSITION: &str = "cleanzone.position";

/// What a column stands for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Mark {
    /// A column of files.
    #[default]
    File,
    /// A column of files of this name, which stood for something else.
    InsteadOf(String),
    /// The values that this column does not take.
    SiblingOf(String),
    /// Whatever has no column of its own, as JSON.
    Rescued,
    /// What is known of the object: when it was stored, or its address.
    Context,
    /// The number of the record.
    RowNumber,
    /// Whether the row repeats an earlier one.
    Duplicate,
}

impl Mark {
    /// Whether the rules alone decide that there is such a column, and what it is called.
    fn is_added(&self) -> bool {
        matches!(self, Self::Rescued | Self::Context | Self::RowNumber | Self::Duplicate)
    }

    /// Whether its values are those of a column of files.
    pub fn is_of_files(&self) -> bool {
        matches!(self, Self::File | Self::InsteadOf(_))
    }

    fn origin(&self) -> Option<&'static str> {
        match self {
            Self::File | Self::InsteadOf(_) => None,
            Self::SiblingOf(_) => Some("sibling"),
            Self::Rescued => Some("rescued"),
            Self::Context => Some("context"),
            Self::RowNumber => Some("row-number"),
            Self::Duplicate => Some("duplicate"),
        }
    }
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File => f.write_str("a column of files"),
            Self::InsteadOf(name) => write!(f, "the column {name} of files"),
            Self::SiblingOf(of) => write!(f, "the sibling of {of}"),
            Self::Rescued => f.write_str("the column of rescued values"),
            Self::Context => f.write_str("a context column"),
            Self::RowNumber => f.write_str("the number of the record"),
            Self::Duplicate => f.write_str("the flag of duplicates"),
        }
    }
}

/// The place of a column in the file that brought it, by which fields of files without a header are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Position {
    /// This field, from 1, of a file without a header.
    Field(usize),
    /// This field, from 1, of so many, in the file with a header that made the table.
    Of(usize, usize),
    /// None that proves anything: a file with a header added the column, or a rule names it.
    Later,
}

impl Position {
    /// The place, as far as it proves something in a table that was there.
    pub(crate) fn in_table(self) -> Self {
        if matches!(self, Self::Of(..)) { Self::Later } else { self }
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field(place) => write!(f, "{place}"),
            Self::Of(place, fields) => write!(f, "{place} of {fields}"),
            Self::Later => f.write_str("later"),
        }
    }
}

/// What a file's column and the table's column of its name are to each other.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Met {
    /// They stand for the same.
    Same,
    /// They stand for the same as far as anybody knows, and the table's gets its mark.
    Heals,
    /// They stand for different things: the file's needs another name.
    Other,
}

impl Column {
    /// What the column stands for, as its parameters say; a column of files where they say nothing.
    pub fn mark(&self) -> Mark {
        let text = |name: &str| self.parameters.get(name).cloned();
        match text(ORIGIN).as_deref() {
            Some("sibling") => Mark::SiblingOf(text(SIBLING_OF).unwrap_or_default()),
            Some("rescued") => Mark::Rescued,
            Some("context") => Mark::Context,
            Some("row-number") => Mark::RowNumber,
            Some("duplicate") => Mark::Duplicate,
            _ => text(INSTEAD_OF).map_or(Mark::File, Mark::InsteadOf),
        }
    }

    /// Its place in the file that brought it; `None` where nobody has noted it.
    pub fn position(&self) -> Option<Position> {
        let text = self.parameters.get(POSITION)?;
        let place = match text.split_once(" of ") {
            Some((place, fields)) => place.parse().ok().zip(fields.parse().ok()).map(|(p, n)| Position::Of(p, n)),
            None => text.parse().ok().map(Position::Field),
        };
        Some(place.unwrap_or(Position::Later))
    }

    pub(crate) fn put_mark(&mut self, mark: &Mark) {
        let more = match mark {
            Mark::InsteadOf(name) => Some((INSTEAD_OF, name.clone())),
            Mark::SiblingOf(of) => Some((SIBLING_OF, of.clone())),
            _ => None,
        };
        let origin = mark.origin().map(|origin| (ORIGIN, origin.to_owned()));
        self.parameters.extend(origin.into_iter().chain(more).map(|(name, value)| (name.to_owned(), value)));
    }

    pub(crate) fn put_position(&mut self, position: Position) {
        self.parameters.insert(POSITION.to_owned(), position.to_string());
    }
}

impl Table {
    /// Whether a column without a mark is certain to be one of files.
    pub fn is_marked(&self) -> bool {
        self.parameters.contains_key(MARKED)
    }

    /// What a column of the table stands for; `None` where nobody knows.
    pub fn known_mark(&self, column: &Column) -> Option<Mark> {
        let mark = column.mark();
        (self.is_marked() || mark != Mark::File).then_some(mark)
    }

    /// Holds a file's column to the table's column of its name.
    pub(crate) fn meet(&self, name: &TableName, held: &Column, mark: &Mark) -> Result<Met> {
        match self.known_mark(held) {
            Some(known) if known == *mark => Ok(Met::Same),
            Some(known) if mark.is_added() => Err(Error::schema(
                name,
                format!(
                    "column {} is to be {mark}, and is {known} in the table; give {mark} another name in lake.toml",
                    held.name
                ),
            )),
            None if mark.is_added() => Ok(Met::Heals),
            None if *mark == Mark::File => Ok(Met::Same),
            _ => Ok(Met::Other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> Vec<Mark> {
        let named = [Mark::InsteadOf("a".into()), Mark::SiblingOf("a".into()), Mark::SiblingOf("b".into())];
        [Mark::File, Mark::Rescued, Mark::Context, Mark::RowNumber, Mark::Duplicate].into_iter().chain(named).collect()
    }

    #[test]
    fn marks_and_positions_come_back() {
        for mark in all() {
            let mut column = Column::new("a", "string");
            column.put_mark(&mark);
            assert_eq!((column.mark(), column.position()), (mark, None));
            for position in [Position::Field(7), Position::Of(2, 3), Position::Later] {
                column.put_position(position);
                assert_eq!(column.position(), Some(position));
            }
        }
    }

    #[test]
    fn no_two_things_share_a_column() {
        let name = TableName::new("db", "t");
        for held in all() {
            let mut column = Column::new("a_string", "string");
            column.put_mark(&held);
            let mut table = Table::new("s3://lake/db/t/", vec![column.clone()], vec![]);
            table.parameters.insert(MARKED.to_owned(), "marked".to_owned());
            for mark in all() {
                let met = table.meet(&name, &column, &mark);
                match met {
                    Ok(Met::Same) => assert_eq!(mark, held),
                    Ok(met) => assert!(met == Met::Other && !mark.is_added() && mark != held),
                    Err(error) => {
                        assert!(mark.is_added() && mark != held);
                        let expected = format!("is to be {mark}, and is {held} in the table");
                        assert!(error.to_string().contains(&expected), "{error}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_table_of_before_gets_marks_where_rules_ask_for_a_column() {
        let (name, column) = (TableName::new("db", "t"), Column::new("a", "string"));
        let table = Table::new("s3://lake/db/t/", vec![column.clone()], vec![]);
        let meet = |mark| table.meet(&name, &column, &mark).unwrap();
        assert_eq!([meet(Mark::File), meet(Mark::Context)], [Met::Same, Met::Heals]);
        // It may be a column of files.
        assert_eq!(meet(Mark::SiblingOf("b".into())), Met::Other);
    }
}
