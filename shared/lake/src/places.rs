//! What the fields of a file without a header are.
//!
//! Nothing but places tells, so they have to be proved. A column that such a file brought has its number, and is found by
//! it, also where rules rename or drop others. The columns of a table that a file with a header made are taken in order,
//! where that file had as many fields as this one, and all of them are in the table. So are those of a table that says
//! nothing of places, where there are as many. Whatever else a table has, the file is refused rather than guessed.

use cleanzone_catalog::{Column, Mark, Position, Table};
use cleanzone_rules::Dataset;

use crate::{Error, columns::Named};

/// A field of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Placed {
    /// The name by which rules mean it.
    pub(crate) in_file: String,
    /// The table's column that its place proves, unless a rule gives it another name.
    pub(crate) held: Option<Named>,
    /// Whether its number alone says what it is.
    pub(crate) is_numbered: bool,
}

impl Placed {
    /// The name that asks for room.
    pub(crate) fn called(&self) -> &String {
        self.held.as_ref().map_or(&self.in_file, |named| &named.name)
    }

    fn new(in_file: impl Into<String>) -> Self {
        Self { in_file: in_file.into(), held: None, is_numbered: false }
    }
}

/// Fields that have names.
pub(crate) fn placed(names: &[String]) -> Vec<Placed> {
    names.iter().map(Placed::new).collect()
}

/// Fields that have nothing but numbers.
pub(crate) fn numbered(fields: usize) -> Vec<Placed> {
    (1..=fields).map(|place| Placed { is_numbered: true, ..Placed::new(own_name(place)) }).collect()
}

fn own_name(place: usize) -> String {
    format!("column_{place}")
}

/// The number in a name such as `column_2`.
fn number_in(name: &str) -> Option<usize> {
    let digits = name.strip_prefix("column_")?;
    digits.parse().ok().filter(|place| own_name(*place) == name)
}

/// The number of the field that a column comes from, in files without a header.
fn number(column: &Column) -> Option<usize> {
    match column.position() {
        Some(Position::Field(place)) => Some(place),
        Some(_) => None,
        None => number_in(&column.name),
    }
}

/// The table that tells what fields are.
pub(crate) struct Places<'a> {
    pub(crate) table: &'a Table,
    pub(crate) dataset: &'a Dataset,
    /// Whether some of a file's columns are partition keys, whose places no table tells.
    pub(crate) has_keys: bool,
}

impl Places<'_> {
    /// The columns of so many fields. `is_added` tells which columns of a table without marks the rules add.
    ///
    /// # Errors
    /// [`Error::Schema`] where nothing proves which field is which column.
    pub(crate) fn of(&self, fields: usize, is_added: impl Fn(&str) -> bool) -> Result<Vec<Placed>, Error> {
        let of_files = |column: &&Column| match self.table.known_mark(column) {
            Some(mark) => mark.is_of_files(),
            None => !is_added(&column.name),
        };
        let columns: Vec<&Column> = self.table.columns.iter().filter(of_files).collect();
        let is_by_number = columns.iter().any(|column| number(column).is_some())
            && columns.iter().all(|column| number(column).is_some() || column.position().is_some());
        if columns.is_empty() || is_by_number {
            (1..=fields).map(|place| Ok(Placed { is_numbered: true, ..self.by_number(&columns, place)? })).collect()
        } else if columns.len() == fields && !self.has_keys && is_in_order(&columns) {
            Ok((1..).zip(&columns).map(|(place, column)| self.placed(place, column)).collect())
        } else {
            Err(self.unproved(fields, columns.len()))
        }
    }

    /// Rules that mean the field by its number come first.
    fn by_number(&self, columns: &[&Column], place: usize) -> Result<Placed, Error> {
        let own = own_name(place);
        let mut found = columns.iter().filter(|column| number(column) == Some(place));
        match (found.next(), found.next()) {
            _ if self.dataset.column(&own).is_some() => Ok(Placed::new(own)),
            (None, _) => Ok(Placed::new(own)),
            (Some(column), None) => Ok(self.placed(place, column)),
            // It had another name for a while.
            _ => match columns.iter().find(|column| column.name == own) {
                Some(column) => Ok(self.placed(place, column)),
                None => Err(Error::Schema(format!(
                    "the file has no header, and the table has several columns that were field {place} of such files; \
                     name the fields by `format.columns` in lake.toml, or send a header"
                ))),
            },
        }
    }

    /// A field that is this column of the table.
    fn placed(&self, place: usize, column: &Column) -> Placed {
        let is_meant = |name: &str| number_in(name).is_none_or(|number| number == place);
        let named_so = |rename: Option<&String>| rename == Some(&column.name);
        let mut rules = self.dataset.columns.values();
        let renamed = rules.find(|rule| named_so(rule.rename.as_ref()) && is_meant(&rule.name));
        let in_file = match (renamed, column.mark()) {
            (Some(rule), _) => rule.name.clone(),
            (None, Mark::InsteadOf(name)) => name,
            (None, _) => column.name.clone(),
        };
        let rename = self.dataset.column(&in_file).and_then(|rule| rule.rename.as_ref());
        let held =
            (rename.is_none() || named_so(rename)).then(|| Named { name: column.name.clone(), mark: column.mark() });
        Placed { in_file, held, is_numbered: false }
    }

    fn unproved(&self, fields: usize, columns: usize) -> Error {
        let why = match (columns == fields, self.has_keys) {
            (true, true) => ", beside partition keys",
            (true, false) => ", whose places in files without a header nothing tells",
            (false, _) => "",
        };
        Error::Schema(format!(
            "the file has no header and {fields} fields, and the table has {columns} columns of files{why}, so that nothing \
             proves which field is which; name them by `format.columns` in lake.toml, or send a header"
        ))
    }
}

/// Whether the columns are all fields of one file, in their order, as far as the table says.
fn is_in_order(columns: &[&Column]) -> bool {
    let unknown = columns.iter().filter(|column| column.position().is_none()).count();
    let made = |(i, column): (usize, &&Column)| column.position() == Some(Position::Of(i + 1, columns.len()));
    let in_place = |(i, column): (usize, &&Column)| match column.position() {
        None => i < unknown,
        Some(position) => position == Position::Field(i + 1),
    };
    columns.iter().enumerate().all(made) || columns.iter().enumerate().all(in_place)
}

#[cfg(test)]
mod tests {
    use cleanzone_catalog::MARKED;
    use cleanzone_rules::Rules;

    use super::*;

    fn column(name: &str, parameters: &[(&str, &str)]) -> Column {
        let parameters = parameters.iter().map(|(name, value)| (format!("cleanzone.{name}"), (*value).to_owned()));
        Column { parameters: parameters.collect(), ..Column::new(name, "string") }
    }

    fn at(name: &str, position: &str) -> Column {
        column(name, &[("position", position)])
    }

    fn table(columns: impl IntoIterator<Item = Column>, is_marked: bool) -> Table {
        let mut table = Table::new("s3://lake/db/t/", columns.into_iter().collect(), vec![]);
        table.parameters.extend(is_marked.then(|| (MARKED.to_owned(), "marked".to_owned())));
        table
    }

    fn under(rules: &str, table: &Table, fields: usize) -> Result<Vec<(String, Option<String>)>, String> {
        let rules = Rules::parse(format!("[[dataset]]\nmatch = \"**\"\n{rules}")).unwrap();
        let dataset = rules.find("b", "k").dataset;
        let found = Places { table, dataset: &dataset, has_keys: false }.of(fields, |name| name == "at");
        let texts = |placed: Placed| (placed.in_file, placed.held.map(|named| named.name));
        found.map(|all| all.into_iter().map(texts).collect()).map_err(|error| error.to_string())
    }

    fn names(table: &Table, fields: usize) -> Result<Vec<String>, String> {
        let found = under("", table, fields)?;
        Ok(found.into_iter().map(|(in_file, held)| held.unwrap_or(in_file)).collect())
    }

    #[test]
    fn the_file_that_made_the_table_proves_the_order_of_its_own_fields() {
        let held = table([at("ship", "1 of 2"), at("ship_date", "2 of 2")], true);
        assert_eq!(names(&held, 2).unwrap(), ["ship", "ship_date"]);
        assert!(names(&held, 1).is_err() && names(&held, 3).is_err());
        // One was dropped, one is from another file, one was only declared.
        for more in [vec![], vec![at("x", "later")], vec![at("b", "3 of 3"), at("x", "later")]] {
            let held = table([at("a", "1 of 3")].into_iter().chain(more), true);
            assert!((0..5).all(|fields| names(&held, fields).is_err()), "{held:?}");
        }
    }

    #[test]
    fn a_table_that_says_nothing_is_taken_in_order_where_there_are_as_many() {
        let held = table([column("ship", &[]), column("ship_date", &[])], true);
        assert_eq!(names(&held, 2).unwrap(), ["ship", "ship_date"]);
        assert!(names(&held, 1).is_err() && names(&held, 3).is_err());
        let more = [at("x", "3"), column("at", &[("origin", "context")])];
        let held = table(held.columns.into_iter().chain(more), true);
        assert_eq!(names(&held, 3).unwrap(), ["ship", "ship_date", "x"]);
        let held = table([column("a", &[]), at("b", "later")], true);
        assert!(names(&held, 2).unwrap_err().contains("whose places"));
        // Of before: what the rules name is no column of files.
        let held = table([column("a", &[]), column("at", &[])], false);
        assert_eq!(names(&held, 1).unwrap(), ["a"]);
        let held = table([column("a", &[]), column("a_string", &[])], false);
        assert!(names(&held, 1).is_err());
    }

    #[test]
    fn columns_of_files_without_a_header_are_found_by_their_numbers() {
        let held = table([column("column_1", &[]), at("column_2", "later")], true);
        assert_eq!(names(&held, 3).unwrap(), ["column_1", "column_2", "column_3"]);
        let held = table([at("id", "1"), at("column_3", "3"), at("zip", "later")], true);
        assert_eq!(names(&held, 4).unwrap(), ["id", "column_2", "column_3", "column_4"]);
        assert_eq!(names(&held, 1).unwrap(), ["id"]);
        // It had another name for a while, or had two.
        let held = table([at("column_1", "1"), at("id", "1")], true);
        assert_eq!(names(&held, 1).unwrap(), ["column_1"]);
        let held = table([at("a", "1"), at("b", "1")], true);
        assert!(names(&held, 1).unwrap_err().contains("several columns that were field 1"));
        assert_eq!(names(&table([], true), 2).unwrap(), ["column_1", "column_2"]);
    }

    #[test]
    fn rules_mean_a_field_by_its_number_or_by_its_columns_name() {
        let held = table([at("id", "1"), at("column_2", "2")], true);
        let own = |name: &str| (name.to_owned(), None);
        let both = |name: &str, held: &str| (name.to_owned(), Some(held.to_owned()));
        let rules = "columns.column_1.rename = \"id\"\ncolumns.column_2.drop = true\n";
        assert_eq!(under(rules, &held, 2).unwrap(), [own("column_1"), own("column_2")]);
        assert_eq!(under("columns.id.trim = true\n", &held, 1).unwrap(), [both("id", "id")]);
        assert_eq!(under("columns.number.rename = \"id\"\n", &held, 1).unwrap(), [both("number", "id")]);
        // A rule asks for another name, or means another field.
        assert_eq!(under("columns.id.rename = \"number\"\n", &held, 1).unwrap(), [own("id")]);
        assert_eq!(under("columns.column_5.rename = \"id\"\n", &held, 1).unwrap(), [both("id", "id")]);
        let held = table([column("id", &[]), column("name", &[])], false);
        let rules = "columns.column_1.rename = \"id\"\n";
        assert_eq!(under(rules, &held, 2).unwrap(), [both("column_1", "id"), both("name", "name")]);
        let held = table([at("a_string_", "1")], true);
        assert_eq!(under("", &held, 1).unwrap(), [both("a_string_", "a_string_")]);
        let held = table([column("a_string_", &[("instead-of", "a_string"), ("position", "1")])], true);
        assert_eq!(under("", &held, 1).unwrap(), [both("a_string", "a_string_")]);
    }

    #[test]
    fn partition_keys_have_places_only_by_number() {
        let rules = Dataset::default();
        let places = |table: &Table| Places { table, dataset: &rules, has_keys: true }.of(2, |_| false);
        assert!(places(&table([column("a", &[]), column("b", &[])], true)).is_err());
        assert!(places(&table([at("id", "1")], true)).is_ok());
    }
}
