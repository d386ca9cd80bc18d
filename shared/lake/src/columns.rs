//! Names of a file's columns in its table: what a name stands for there never changes from file to file.

use std::collections::HashSet;

use cleanzone_catalog::{Column, Mark, Table};
use cleanzone_tabular::RESCUED;

use crate::{
    Error,
    naming::{column_names, wanted_names},
    places::Placed,
    warning::{Warning, WarningKind, Warnings},
};

/// The name of a file's column in the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Named {
    pub(crate) name: String,
    pub(crate) mark: Mark,
}

/// What names have to make room for.
#[derive(Debug)]
pub(crate) struct Around<'a> {
    /// Names that the rules and the key give to other columns and partition keys.
    pub(crate) reserved: &'a [String],
    pub(crate) table: Option<&'a Table>,
    /// Whether the table may have a column of rescued values, whatever this file brings.
    pub(crate) may_rescue: bool,
}

impl Around<'_> {
    /// Names columns that are called so in the file, or by a rule.
    pub(crate) fn name(&self, columns: &[Placed], warnings: &Warnings) -> Vec<Named> {
        let called: Vec<String> = columns.iter().map(Placed::called).cloned().collect();
        let (wanted, names) = (wanted_names(&called), column_names(&called, self.reserved));
        let mut used: HashSet<String> = names.iter().chain(&wanted).chain(self.reserved).cloned().collect();
        let mut all = Vec::with_capacity(names.len());
        let mut seen = HashSet::new();
        for ((column, wanted), name) in columns.iter().zip(wanted).zip(names) {
            // The second column of a name goes by the name that tells it from the first.
            let wanted = if seen.insert(wanted.clone()) { wanted } else { name.clone() };
            let moved = self.table.and_then(|table| instead_of(table, &wanted));
            let found = if let Some(held) = &column.held {
                held.clone()
            } else if let Some(held) = moved {
                Named { name: held.name.clone(), mark: Mark::InsteadOf(wanted) }
            } else if self.is_taken(&wanted) || self.is_taken(&name) {
                let name = self.free(name, &mut used);
                warnings.add(met(&name, &wanted));
                Named { name, mark: Mark::InsteadOf(wanted) }
            } else {
                Named { name, mark: Mark::File }
            };
            all.push(found);
        }
        all
    }

    /// Whether a name stands for something that is no column of files.
    fn is_taken(&self, name: &str) -> bool {
        if self.reserved.iter().any(|other| other == name) {
            return true;
        }
        let held = self.table.and_then(|table| Some((table, table.column(name)?)));
        match held {
            Some((table, column)) => table.known_mark(column).is_some_and(|mark| mark != Mark::File),
            None => self.may_rescue && name == RESCUED,
        }
    }

    /// The name itself, or with `_` behind it, that neither the table nor the file has.
    fn free(&self, mut name: String, used: &mut HashSet<String>) -> String {
        let is_held = |name: &str| self.table.is_some_and(|table| table.column(name).is_some());
        while self.is_taken(&name) || is_held(&name) || used.contains(&name) && !self.is_numbered(&name) {
            name.push('_');
        }
        used.insert(name.clone());
        name
    }

    /// A name that was made for this very column is in use by it alone.
    fn is_numbered(&self, name: &str) -> bool {
        self.reserved.iter().any(|reserved| {
            name.strip_prefix(reserved.as_str())
                .and_then(|rest| rest.strip_prefix('_'))
                .is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()))
        })
    }
}

/// The column that holds what files call by a name that stands for something else.
fn instead_of<'t>(table: &'t Table, wanted: &str) -> Option<&'t Column> {
    table.columns.iter().find(|column| column.mark() == Mark::InsteadOf(wanted.to_owned()))
}

fn met(name: &str, wanted: &str) -> Warning {
    let message = format!(
        "the file's column {wanted} is called so in the table, as {wanted} stands for something else there; rename it in \
         lake.toml to choose the name"
    );
    Warning::of_column(WarningKind::NamesMet, name, message)
}

/// Two columns of the file must not become one because a rule renames one of them.
pub(crate) fn check_renames(in_file: &[&String], renamed: &[Option<&String>]) -> Result<(), Error> {
    let names = wanted_names(&in_file.iter().map(|name| (*name).clone()).collect::<Vec<_>>());
    for (i, new) in renamed.iter().enumerate().filter_map(|(i, new)| Some((i, (*new)?))) {
        let same = |j: &usize| *j != i && renamed[*j].map_or(names[*j] == *new, |other| other == new);
        if let Some(other) = (0..names.len()).find(same) {
            return Err(Error::Schema(format!(
                "column {:?} is renamed to {new}, which column {:?} of the file is called as well; rename or drop one of \
                 them in lake.toml",
                in_file[i], in_file[other],
            )));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use cleanzone_catalog::MARKED;

    use super::*;
    use crate::places::placed;

    fn column(name: &str, parameters: &[(&str, &str)]) -> Column {
        let parameters = parameters.iter().map(|(name, value)| (format!("cleanzone.{name}"), (*value).to_owned()));
        Column { parameters: parameters.collect(), ..Column::new(name, "string") }
    }

    fn table(columns: Vec<Column>, is_marked: bool) -> Table {
        let mut table = Table::new("s3://lake/db/t/", columns, vec![]);
        table.parameters.extend(is_marked.then(|| (MARKED.to_owned(), "marked".to_owned())));
        table
    }

    fn named(table: Option<&Table>, reserved: &[&str], file: &[&str]) -> Vec<String> {
        let texts = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let around = Around { reserved: &texts(reserved), table, may_rescue: true };
        let (file, warnings) = (texts(file), Warnings::default());
        let named = around.name(&placed(&file), &warnings);
        let moved = named.iter().filter(|named| named.mark != Mark::File).count();
        let known = named.iter().filter(|named| table.is_some_and(|table| table.column(&named.name).is_some()));
        let known = known.filter(|named| named.mark != Mark::File).count();
        assert_eq!(warnings.take().len(), moved - known);
        named.into_iter().map(|named| named.name).collect()
    }

    #[test]
    fn a_name_stands_for_one_thing_in_every_file() {
        assert_eq!(named(None, &["year"], &["a", "year", "_rescued"]), ["a", "year_1", "_rescued_"]);
        let sibling = [("origin", "sibling"), ("sibling-of", "a")];
        let held = table(vec![column("a", &[]), column("a_string", &sibling)], true);
        assert_eq!(named(Some(&held), &[], &["a", "a_string"]), ["a", "a_string_"]);
        let held = table(vec![column("a_string", &sibling), column("a_string_", &[("instead-of", "a_string")])], true);
        assert_eq!(named(Some(&held), &[], &["a_string"]), ["a_string_"]);
        assert_eq!(named(Some(&held), &[], &["a_string_"]), ["a_string__"]);
        // A column that rules have added keeps its mark when they add it no longer.
        let held = table(vec![column("source_key", &[("origin", "context")])], true);
        assert_eq!(named(Some(&held), &[], &["source_key"]), ["source_key_"]);
        let held = table(vec![column("_rescued", &[])], true);
        assert_eq!(named(Some(&held), &[], &["_rescued"]), ["_rescued"]);
    }

    #[test]
    fn two_columns_of_a_taken_name_keep_theirs_apart() {
        assert_eq!(named(None, &[], &["_rescued", "_RESCUED"]), ["_rescued_", "_rescued_1"]);
        let held = [("_rescued_", "_rescued"), ("source_key_1", "source_key")];
        let held = held.map(|(name, other)| column(name, &[("instead-of", other)]));
        let held = table(held.to_vec(), true);
        assert_eq!(named(Some(&held), &[], &["_rescued", "_RESCUED"]), ["_rescued_", "_rescued_1"]);
        let file = ["source_key", "Source Key"];
        assert_eq!(named(Some(&held), &["source_key"], &file), ["source_key_1", "source_key_2"]);
        // The same where the rules no longer add a column of that name.
        assert_eq!(named(Some(&held), &[], &file)[0], "source_key_1");
    }

    #[test]
    fn a_rename_onto_another_column_is_refused() {
        let (a, b) = ("a".to_owned(), "B".to_owned());
        let to = "b".to_owned();
        assert!(check_renames(&[&a, &b], &[None, None]).is_ok());
        assert!(check_renames(&[&a], &[Some(&to)]).is_ok());
        let error = check_renames(&[&a, &b], &[Some(&to), None]).unwrap_err().to_string();
        assert!(error.contains("column \"a\" is renamed to b, which column \"B\""), "{error}");
        assert!(check_renames(&[&a, &b], &[Some(&to), Some(&to)]).is_err());
        let swapped = "a".to_owned();
        assert!(check_renames(&[&a, &b], &[Some(&to), Some(&swapped)]).is_ok());
    }
}
