use std::{
    collections::{HashMap, HashSet},
    fmt::Write as _,
};

use arrow::datatypes::DataType;

use crate::{
    Column, Error, Format, Mark, Mismatch, PROVISIONAL, Position, Result, Table, TableName, hive_type, mark::Met,
    partition, widening::widens,
};

/// What becomes of a file's columns that its table lacks. Without a table, they make it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Evolution {
    /// They are appended.
    #[default]
    Evolve,
    /// They go into the column of rescued values.
    Rescue,
    /// They are an error.
    Fail,
    /// They are left out.
    Fixed,
}

/// A column of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileColumn {
    /// The name, as Athena accepts it.
    pub name: String,
    /// The type; `None` where every value is null, so that there is no evidence of any. A file leaves such a column
    /// out.
    pub data_type: Option<DataType>,
    /// The Hive type that the dataset's rules declare, which may say more than `data_type` does: `varchar(20)`. It
    /// counts only where the file holds it.
    pub declared: Option<String>,
    /// A comment; it fills an empty one, and replaces none.
    pub comment: Option<String>,
    /// Whether the table takes it under every [`Evolution`]: `_rescued`, the typed siblings of a column, and what
    /// tells where a row is from.
    pub always: bool,
    /// The notation that the file proves for its values, where the table does not have it: see
    /// [`NOTATION`](crate::NOTATION).
    pub notation: Option<String>,
    /// The unit that all its numbers have, where they decide its type, in the same form: a table has to know it as well.
    pub unit: Option<String>,
    /// What it stands for.
    pub mark: Mark,
    /// Its place in the file; `None` says nothing.
    pub position: Option<Position>,
    /// No value of the file says how the column is written: the column is empty, or missing.
    pub unproved: bool,
}

impl FileColumn {
    /// A column that was not declared, without a comment.
    pub fn new(name: impl Into<String>, data_type: Option<DataType>) -> Self {
        Self { name: name.into(), data_type, ..Self::default() }
    }

    /// The Hive type of what the file holds, and whether it was declared.
    fn hive_type(&self, table: &TableName, found: &DataType) -> Result<(String, bool)> {
        match &self.declared {
            Some(declared) if hive_type::data_type(declared).as_ref() == Some(found) => Ok((declared.clone(), true)),
            _ => match hive_type::hive_type(found) {
                Some(name) => Ok((name, false)),
                None => Err(no_type(table, &self.name, found)),
            },
        }
    }
}

/// A partition key of a file: a folder that it lies in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionKey {
    /// The name, as Athena accepts it.
    pub name: String,
    /// The Hive type that it gets in a new table; the type in an existing one holds.
    pub hive_type: String,
}

impl PartitionKey {
    /// A key that takes any value: a `string`.
    pub fn new(name: impl Into<String>) -> Self {
        Self::typed(name, "string")
    }

    /// A key of that Hive type: a whole number, `boolean`, `date` or text.
    pub fn typed(name: impl Into<String>, hive_type: impl Into<String>) -> Self {
        Self { name: name.into(), hive_type: hive_type.into() }
    }
}

/// What a file brings to its table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileSchema {
    /// Its columns in order, without the partition keys.
    pub columns: Vec<FileColumn>,
    /// The partition keys in order.
    pub partition_keys: Vec<PartitionKey>,
}

/// A column whose type has become wider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Widened {
    /// The column.
    pub column: String,
    /// The Hive type that it had.
    pub from: String,
    /// The Hive type that it has.
    pub to: String,
}

/// What a file makes of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Plan {
    /// There is no table: create it.
    Create {
        /// Its columns.
        columns: Vec<Column>,
        /// Its partition keys.
        partition_keys: Vec<Column>,
    },
    /// The table learns something.
    Update {
        /// All its columns: those it has, in their places, then the new ones.
        columns: Vec<Column>,
        /// The names of the new ones.
        added: Vec<String>,
        /// The names of those that were provisional and now have a type.
        promoted: Vec<String>,
        /// Those that were declared wider than they were.
        widened: Vec<Widened>,
        /// The names of those that were there and now have a comment.
        described: Vec<String>,
        /// The names of those that were there and are now known in one more notation.
        noted: Vec<String>,
        /// The names of those that were there and are now marked as what they are.
        marked: Vec<String>,
    },
    /// The file holds other types or columns than the table: read it again under the table as it is.
    Reread {
        /// Where they differ.
        columns: Vec<Mismatch>,
    },
    /// The table knows all of it.
    Nothing,
}

impl Plan {
    /// The plan in words: one line a change, of names and types only.
    pub fn explain(&self) -> Vec<String> {
        match self {
            Self::Create { columns, partition_keys } => {
                let keys = partition_keys.iter().map(|key| format!("new partition key {} {}", key.name, key.hive_type));
                columns.iter().map(new_in_words).chain(keys).collect()
            }
            Self::Update { columns, added, promoted, widened, described, noted, marked } => {
                let named = |names: &[String], words: fn(&Column) -> String| -> Vec<String> {
                    let found = |name: &String| columns.iter().find(|column| column.name == *name).map(words);
                    names.iter().filter_map(found).collect()
                };
                let settled = |column: &Column| {
                    format!("column {} has its first values, and is {} from now on", column.name, column.hive_type)
                };
                let wider = |Widened { column, from, to }: &Widened| {
                    format!("column {column} widened from {from} to {to}, as declared")
                };
                let mut lines = named(added, new_in_words);
                lines.extend(named(promoted, settled));
                lines.extend(widened.iter().map(wider));
                lines.extend(named(described, |column| format!("column {} has a comment now", column.name)));
                lines.extend(named(marked, |column| format!("column {} is marked as {}", column.name, column.mark())));
                lines.extend(named(noted, |column| {
                    format!("column {} is written as {}", column.name, column.writings().join(" or "))
                }));
                lines
            }
            Self::Reread { columns } => columns.iter().map(ToString::to_string).collect(),
            Self::Nothing => Vec::new(),
        }
    }
}

fn new_in_words(column: &Column) -> String {
    let Column { name, hive_type, .. } = column;
    if column.is_provisional() {
        format!("new column {name}, {hive_type} until it has values")
    } else {
        format!("new column {name} {hive_type}")
    }
}

/// Decides what a file makes of a table. No column is ever dropped, moved or narrowed; one is widened only where every
/// engine reads the files that exist under the wider type; a second file of the same columns makes nothing of it; and
/// the order in which files come decides the order of new columns, nothing else.
///
/// The file was read as [`expect`](crate::expect()) said, so that only a change by another writer leads to
/// [`Plan::Reread`].
///
/// # Errors
/// [`Error::Schema`] where the file cannot become part of the table: the table is no Parquet table, its partition
/// keys are others, a column is also a partition key, two columns differ in case alone, a type has no place in it, or
/// the table lacks columns under [`Evolution::Fail`].
pub fn merge(name: &TableName, existing: Option<&Table>, file: &FileSchema, evolution: Evolution) -> Result<Plan> {
    check_names(name, existing, file)?;
    let Some(table) = existing else {
        let columns = file.columns.iter().map(|column| new_column(name, column)).collect::<Result<_>>()?;
        let partition_keys = file.partition_keys.iter().map(|key| new_key(name, key)).collect::<Result<_>>()?;
        return Ok(Plan::Create { columns, partition_keys });
    };
    check_format(name, table)?;
    check_partition_keys(name, table, file)?;

    let places: HashMap<String, usize> =
        table.columns.iter().enumerate().map(|(place, column)| (column.name.to_lowercase(), place)).collect();
    let mut columns = table.columns.clone();
    let (mut added, mut promoted, mut widened) = (Vec::new(), Vec::new(), Vec::new());
    let (mut described, mut noted, mut marked) = (Vec::new(), Vec::new(), Vec::new());
    let (mut mismatches, mut unknown) = (Vec::new(), Vec::new());
    for column in &file.columns {
        let Some(&place) = places.get(&column.name.to_lowercase()) else {
            match evolution {
                _ if column.always => {}
                Evolution::Evolve => {}
                Evolution::Fail => {
                    unknown.push(&*column.name);
                    continue;
                }
                Evolution::Rescue | Evolution::Fixed => {
                    // A file leaves out what has no values, so that nothing of it has to be rescued.
                    if let Some(found) = &column.data_type {
                        let file = column.hive_type(name, found)?.0;
                        mismatches.push(Mismatch { column: column.name.clone(), table: None, file });
                    }
                    continue;
                }
            }
            let mut new = new_column(name, column)?;
            if column.mark.is_of_files() && (column.position.is_some() || table.is_marked()) {
                new.put_position(column.position.map_or(Position::Later, Position::in_table));
            }
            added.push(new.name.clone());
            columns.push(new);
            continue;
        };
        let met = table.meet(name, &table.columns[place], &column.mark)?;
        if met == Met::Other {
            let (held, mark) = (&table.columns[place], &column.mark);
            let table = Some(table.known_mark(held).unwrap_or_default().to_string());
            mismatches.push(Mismatch { column: held.name.clone(), table, file: mark.to_string() });
            continue;
        }
        let held = &mut columns[place];
        if met == Met::Heals {
            held.put_mark(&column.mark);
            marked.push(held.name.clone());
        }
        if let Some(found) = &column.data_type {
            match settle(name, held, column, found)? {
                Settled::Same if has_another_unit(held, column) => {
                    let file = format!("{} in {}", held.hive_type, column.unit.as_deref().unwrap_or_default());
                    mismatches.push(Mismatch { column: held.name.clone(), table: Some(held.hive_type.clone()), file });
                }
                Settled::Same => {}
                Settled::First(hive_type) => {
                    held.hive_type = hive_type;
                    held.parameters.remove(PROVISIONAL);
                    held.begin_notations(column.notation.as_deref(), column.unit.as_deref(), column.unproved);
                    promoted.push(held.name.clone());
                }
                Settled::Wider(to) => {
                    let from = std::mem::replace(&mut held.hive_type, to.clone());
                    widened.push(Widened { column: held.name.clone(), from, to });
                }
                Settled::Other(file) => {
                    let table = Some(held.hive_type.clone());
                    mismatches.push(Mismatch { column: held.name.clone(), table, file });
                }
            }
        }
        if column.notation.as_ref().is_some_and(|notation| held.prove(notation)) {
            noted.push(held.name.clone());
        }
        if held.comment.as_deref().is_none_or(str::is_empty) && column.comment.as_ref().is_some_and(|c| !c.is_empty()) {
            held.comment.clone_from(&column.comment);
            described.push(held.name.clone());
        }
    }
    Ok(if !unknown.is_empty() {
        return Err(lacking(name, &unknown));
    } else if !mismatches.is_empty() {
        Plan::Reread { columns: mismatches }
    } else if [&added, &promoted, &described, &noted, &marked].iter().all(|names| names.is_empty())
        && widened.is_empty()
    {
        Plan::Nothing
    } else {
        Plan::Update { columns, added, promoted, widened, described, noted, marked }
    })
}

/// Whether numbers of a file have a unit that the table does not know: the file was read before another writer gave the
/// column its type.
fn has_another_unit(held: &Column, column: &FileColumn) -> bool {
    column.unit.as_ref().is_some_and(|unit| !held.notations().contains(&unit.as_str()))
}

/// What the values of a file mean for the type of a column.
enum Settled {
    /// It holds them.
    Same,
    /// They are its first ones, of this Hive type.
    First(String),
    /// They are of this Hive type, which old files can be read under.
    Wider(String),
    /// They are of this Hive type, and have to be read under the table's.
    Other(String),
}

fn settle(name: &TableName, held: &Column, column: &FileColumn, found: &DataType) -> Result<Settled> {
    let (hive_type, declared) = column.hive_type(name, found)?;
    if held.is_provisional() {
        return Ok(Settled::First(hive_type));
    }
    let held_type = held.data_type().ok_or_else(|| unfillable(name, held))?;
    let same = held_type == *found;
    Ok(if same && !declared {
        Settled::Same
    } else if widens(&held.hive_type, &hive_type) {
        Settled::Wider(hive_type)
    } else if same || widens(&hive_type, &held.hive_type) {
        // Read before another writer has widened the column: as readable as the older files are.
        Settled::Same
    } else {
        Settled::Other(hive_type)
    })
}

/// Names must be distinct, over columns and partition keys, whatever their case.
fn check_names(name: &TableName, existing: Option<&Table>, file: &FileSchema) -> Result<()> {
    let mut keys = HashSet::new();
    for key in &file.partition_keys {
        if !keys.insert(key.name.to_lowercase()) {
            return Err(Error::schema(
                name,
                format!("partition key {} occurs twice; rename one of the folders", key.name),
            ));
        }
    }
    // The table's own keys too: they give the clearer message where a file has one of them as a column.
    keys.extend(existing.iter().flat_map(|table| &table.partition_keys).map(|key| key.name.to_lowercase()));
    check_columns(name, &keys, file.columns.iter().map(|column| &*column.name))
}

/// The same for columns beside partition keys, which are in lower case.
pub(crate) fn check_columns<'a>(
    name: &TableName,
    keys: &HashSet<String>,
    columns: impl Iterator<Item = &'a str>,
) -> Result<()> {
    let mut seen = HashSet::new();
    for column in columns {
        let lower = column.to_lowercase();
        if keys.contains(&lower) {
            return Err(Error::schema(
                name,
                format!("column {column} is a partition key as well; rename or drop the column"),
            ));
        }
        if !seen.insert(lower) {
            return Err(Error::schema(name, format!("column {column} occurs twice; rename one of them")));
        }
    }
    Ok(())
}

pub(crate) fn check_format(name: &TableName, table: &Table) -> Result<()> {
    match &table.format {
        Format::Parquet => Ok(()),
        Format::Other(kind) => Err(Error::schema(
            name,
            format!("is {kind}, and only Parquet tables can be written; convert it, or name another table"),
        )),
    }
}

fn check_partition_keys(name: &TableName, table: &Table, file: &FileSchema) -> Result<()> {
    let same = table.partition_keys.len() == file.partition_keys.len()
        && table.partition_keys.iter().zip(&file.partition_keys).all(|(held, key)| held.is_called(&key.name));
    if same {
        return Ok(());
    }
    let list = |keys: Vec<&str>| if keys.is_empty() { "nothing".to_owned() } else { keys.join(", ") };
    let held = list(table.partition_keys.iter().map(|key| &*key.name).collect());
    let found = list(file.partition_keys.iter().map(|key| &*key.name).collect());
    Err(Error::schema(
        name,
        format!("is partitioned by {held}, the file by {found}; use the table's folders, or name another table"),
    ))
}

fn new_column(name: &TableName, column: &FileColumn) -> Result<Column> {
    // Athena and Hive know names in lower case only.
    let lower = column.name.to_lowercase();
    let new = match &column.data_type {
        Some(found) => Column::new(lower, column.hive_type(name, found)?.0),
        None => Column::provisional(lower),
    };
    let mut new = Column { comment: column.comment.clone(), ..new };
    new.begin_notations(column.notation.as_deref(), column.unit.as_deref(), column.unproved);
    new.put_mark(&column.mark);
    if let Some(position) = column.position {
        new.put_position(position);
    }
    Ok(new)
}

fn new_key(name: &TableName, key: &PartitionKey) -> Result<Column> {
    if partition::can_be_key(&key.hive_type) {
        return Ok(Column::new(key.name.to_lowercase(), &key.hive_type));
    }
    Err(Error::schema(
        name,
        format!(
            "partition key {} is to be {}, and keys are tinyint, smallint, int, bigint, boolean, date, string, \
             varchar or char; declare it as one of them",
            key.name, key.hive_type
        ),
    ))
}

/// The table lacks columns, and must not get them.
pub(crate) fn lacking(name: &TableName, columns: &[&str]) -> Error {
    let mut list = String::new();
    for (place, column) in columns.iter().enumerate() {
        let _ = write!(list, "{}{column}", if place == 0 { "" } else { ", " });
    }
    Error::schema(
        name,
        format!(
            "lacks the columns {list} of the file; add them to the table, drop them in the file, or set schema to \
             evolve, rescue or fixed"
        ),
    )
}

/// A column of the table has a type that files of ours do not hold.
pub(crate) fn unfillable(name: &TableName, held: &Column) -> Error {
    Error::schema(
        name,
        format!(
            "column {0} is {1}, which delimited text cannot fill; rename or drop the file's column in lake.toml, as in \
             `columns.{0}.rename = \"{0}_text\"`",
            held.name, held.hive_type
        ),
    )
}

/// A column of the file has a type that tables do not know.
pub(crate) fn no_type(name: &TableName, column: &str, found: &DataType) -> Error {
    Error::schema(name, format!("column {column} is {found}, which a table has no type for"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use arrow::datatypes::TimeUnit;
    use proptest::prelude::*;

    use super::*;

    fn orders() -> TableName {
        TableName::new("sales", "orders")
    }

    fn file(columns: &[(&str, Option<DataType>)]) -> FileSchema {
        let columns = columns.iter().map(|(name, data_type)| FileColumn::new(*name, data_type.clone())).collect();
        FileSchema { columns, partition_keys: vec![] }
    }

    fn table(columns: Vec<Column>) -> Table {
        Table::new("s3://lake/sales/orders/", columns, vec![])
    }

    /// What the table is after the plan.
    fn apply(existing: Option<&Table>, plan: Plan) -> Table {
        match (existing, plan) {
            (None, Plan::Create { columns, partition_keys }) => Table { partition_keys, ..table(columns) },
            (Some(held), Plan::Update { columns, .. }) => Table { columns, ..held.clone() },
            (Some(held), Plan::Nothing) => held.clone(),
            (held, plan) => panic!("{plan:?} for {held:?}"),
        }
    }

    fn evolve(existing: Option<&Table>, file: &FileSchema) -> Plan {
        merge(&orders(), existing, file, Evolution::Evolve).unwrap()
    }

    fn refusal(existing: Option<&Table>, file: &FileSchema) -> String {
        merge(&orders(), existing, file, Evolution::Evolve).unwrap_err().to_string()
    }

    #[test]
    fn a_column_without_values_waits_for_its_type() {
        let first = apply(None, evolve(None, &file(&[("id", Some(DataType::Int64)), ("note", None)])));
        assert!(first.columns[1].is_provisional());
        assert_eq!(evolve(Some(&first), &file(&[("note", None)])), Plan::Nothing);

        let plan = evolve(Some(&first), &file(&[("NOTE", Some(DataType::Date32))]));
        let Plan::Update { columns, added, promoted, .. } = plan else { panic!("{plan:?}") };
        assert_eq!((added, promoted), (vec![], vec!["note".to_owned()]));
        assert_eq!(columns, [Column::new("id", "bigint"), Column::new("note", "date")]);

        let second = table(columns);
        assert_eq!(evolve(Some(&second), &file(&[("note", None)])), Plan::Nothing);
    }

    #[test]
    fn a_provisional_column_keeps_what_others_said_about_it() {
        let mut held = Column::provisional("a");
        held.comment = Some("theirs".into());
        held.parameters.insert("owner".into(), "them".into());
        let mut found = FileColumn::new("a", Some(DataType::Int64));
        found.comment = Some("ours".into());
        let schema = FileSchema { columns: vec![found], partition_keys: vec![] };
        let after = apply(Some(&table(vec![held.clone()])), evolve(Some(&table(vec![held])), &schema));
        assert_eq!(after.columns[0].comment.as_deref(), Some("theirs"));
        assert_eq!(after.columns[0].parameters, BTreeMap::from([("owner".to_owned(), "them".to_owned())]));
    }

    #[test]
    fn the_tables_types_hold() {
        let held = table(vec![Column::new("a", "int"), Column::new("b", "varchar(10)"), Column::new("c", "decimal")]);
        let same = file(&[
            ("a", Some(DataType::Int32)),
            ("b", Some(DataType::Utf8)),
            ("c", Some(DataType::Decimal128(10, 0))),
        ]);
        assert_eq!(evolve(Some(&held), &same), Plan::Nothing);

        let other = file(&[("a", Some(DataType::Int64)), ("new", Some(DataType::Int64))]);
        let mismatch = Mismatch { column: "a".into(), table: Some("int".into()), file: "bigint".into() };
        assert_eq!(evolve(Some(&held), &other), Plan::Reread { columns: vec![mismatch] });
    }

    #[test]
    fn refusals_say_what_would_help() {
        let nested = table(vec![Column::new("tags", "array<string>")]);
        assert_eq!(evolve(Some(&nested), &file(&[("tags", None)])), Plan::Nothing);
        assert_eq!(
            refusal(Some(&nested), &file(&[("tags", Some(DataType::Utf8))])),
            "sales.orders: column tags is array<string>, which delimited text cannot fill; rename or drop the file's \
             column in lake.toml, as in `columns.tags.rename = \"tags_text\"`"
        );
        let iceberg = Table { format: Format::Other("an Iceberg table".into()), ..table(vec![]) };
        assert!(refusal(Some(&iceberg), &file(&[])).contains("is an Iceberg table"));
        assert!(refusal(None, &file(&[("a", None), ("A", None)])).contains("A occurs twice"));
        assert!(refusal(None, &file(&[("t", Some(DataType::Timestamp(TimeUnit::Second, None)))])).contains("column t"));

        let by_year = Table { partition_keys: vec![Column::new("year", "int")], ..table(vec![]) };
        assert!(refusal(Some(&by_year), &file(&[])).contains("is partitioned by year, the file by nothing;"));
        assert!(refusal(Some(&by_year), &file(&[("Year", None)])).contains("Year is a partition key as well"));
        let keyed = |keys: &[&str]| FileSchema {
            columns: vec![],
            partition_keys: keys.iter().map(|key| PartitionKey::new(*key)).collect(),
        };
        assert_eq!(evolve(Some(&by_year), &keyed(&["YEAR"])), Plan::Nothing);
        assert!(refusal(Some(&by_year), &keyed(&["year", "month"])).contains("by year, the file by year, month"));
        assert!(refusal(Some(&table(vec![])), &keyed(&["a", "A"])).contains("partition key A occurs twice"));
        let both = FileSchema { partition_keys: vec![PartitionKey::new("day")], ..file(&[("Day", None)]) };
        assert!(refusal(None, &both).contains("Day is a partition key as well"));
    }

    #[test]
    fn a_column_is_widened_only_where_old_files_stay_readable() {
        let held = table(vec![
            Column::new("id", "smallint"),
            Column::new("zip", "varchar(5)"),
            Column::new("price", "decimal(7,2)"),
            Column::new("count", "int"),
        ]);
        let declared = |name: &str, hive_type: &str| {
            let column = FileColumn::new(name, hive_type::data_type(hive_type));
            FileColumn { declared: Some(hive_type.to_owned()), ..column }
        };
        let wide = FileSchema {
            columns: vec![declared("id", "int"), declared("zip", "string"), declared("price", "decimal(9,2)")],
            ..FileSchema::default()
        };
        let plan = evolve(Some(&held), &wide);
        assert_eq!(
            plan.explain(),
            [
                "column id widened from smallint to int, as declared",
                "column zip widened from varchar(5) to string, as declared",
                "column price widened from decimal(7,2) to decimal(9,2), as declared",
            ]
        );
        let after = apply(Some(&held), plan);
        assert_eq!(evolve(Some(&after), &wide), Plan::Nothing);
        // Who has read before that has written what is as readable as the older files.
        let narrow = file(&[("id", Some(DataType::Int16)), ("price", Some(DataType::Decimal128(7, 2)))]);
        assert_eq!(evolve(Some(&after), &narrow), Plan::Nothing);
        // Text that nobody has declared says nothing about its length.
        assert_eq!(evolve(Some(&held), &file(&[("zip", Some(DataType::Utf8))])), Plan::Nothing);

        let long = FileSchema { columns: vec![declared("count", "bigint")], ..FileSchema::default() };
        assert_eq!(evolve(Some(&held), &long).explain(), ["column count is int in the table, not bigint"]);
    }

    #[test]
    fn what_the_table_lacks_goes_where_the_setting_says() {
        let held = table(vec![Column::new("id", "bigint")]);
        let schema = file(&[("id", None), ("new", Some(DataType::Date32)), ("empty", None)]);
        assert_eq!(
            evolve(Some(&held), &schema).explain(),
            ["new column new date", "new column empty, string until it has values"]
        );
        let error = merge(&orders(), Some(&held), &schema, Evolution::Fail).unwrap_err().to_string();
        assert_eq!(
            error,
            "sales.orders: lacks the columns new, empty of the file; add them to the table, drop them in the file, or \
             set schema to evolve, rescue or fixed"
        );
        for evolution in [Evolution::Rescue, Evolution::Fixed] {
            // The table had it when the file was read.
            let plan = merge(&orders(), Some(&held), &schema, evolution).unwrap();
            assert_eq!(plan.explain(), ["column new is not in the table, and date in the file"]);
        }
        let always = |name: &str| FileColumn { always: true, ..FileColumn::new(name, Some(DataType::Utf8)) };
        let ours = FileSchema { columns: vec![always("_rescued"), always("id_string")], ..FileSchema::default() };
        for evolution in [Evolution::Rescue, Evolution::Fixed, Evolution::Fail, Evolution::Evolve] {
            let plan = merge(&orders(), Some(&held), &ours, evolution).unwrap();
            assert_eq!(plan.explain(), ["new column _rescued string", "new column id_string string"]);
        }
    }

    #[test]
    fn a_file_with_another_unit_is_read_again_under_that_of_the_table() {
        let file = |unit: Option<&str>| {
            let column = FileColumn::new("price", Some(DataType::Float64));
            let column =
                FileColumn { unit: unit.map(str::to_owned), notation: Some(crate::table::PLAIN.to_owned()), ..column };
            FileSchema { columns: vec![column], ..FileSchema::default() }
        };
        let Plan::Create { columns, .. } = evolve(None, &file(Some("unit:$"))) else { panic!() };
        assert_eq!(columns[0].notations(), [crate::table::PLAIN, "unit:$"]);
        let held = table(columns);
        for unit in [None, Some("unit:$")] {
            assert_eq!(evolve(Some(&held), &file(unit)), Plan::Nothing);
        }
        let plan = evolve(Some(&held), &file(Some("unit:€")));
        assert_eq!(plan.explain(), ["column price is double in the table, not double in unit:€"]);
        let held = table(vec![Column::new("price", "double")]);
        assert!(matches!(evolve(Some(&held), &file(Some("unit:€"))), Plan::Reread { .. }));
        let held = table(vec![Column::provisional("price")]);
        let Plan::Update { columns, .. } = evolve(Some(&held), &file(Some("unit:€"))) else { panic!() };
        assert_eq!(columns[0].notations(), [crate::table::PLAIN, "unit:€"]);
    }

    #[test]
    fn a_comment_fills_an_empty_one_only() {
        let mut said = Column::new("b", "bigint");
        said.comment = Some("theirs".into());
        let mut silent = Column::new("a", "bigint");
        silent.comment = Some(String::new());
        let held = table(vec![silent, said]);
        let comment = |name: &str| FileColumn { comment: Some("ours".into()), ..FileColumn::new(name, None) };
        let schema = FileSchema { columns: vec![comment("a"), comment("b")], ..FileSchema::default() };
        let plan = evolve(Some(&held), &schema);
        assert_eq!(plan.explain(), ["column a has a comment now"]);
        let after = apply(Some(&held), plan);
        assert_eq!(
            after.columns.iter().map(|c| c.comment.as_deref()).collect::<Vec<_>>(),
            [Some("ours"), Some("theirs")]
        );
        assert_eq!(evolve(Some(&after), &schema), Plan::Nothing);
    }

    #[test]
    fn a_new_table_takes_the_types_of_its_keys() {
        let keys = ["int", "date", "string"].map(|kind| PartitionKey::typed(format!("By_{kind}"), kind));
        let schema = FileSchema { partition_keys: keys.to_vec(), ..file(&[("id", Some(DataType::Int64))]) };
        let plan = evolve(None, &schema);
        assert_eq!(
            plan.explain(),
            [
                "new column id bigint",
                "new partition key by_int int",
                "new partition key by_date date",
                "new partition key by_string string",
            ]
        );
        let mut held = apply(None, plan);
        held.partition_keys[0].hive_type = "bigint".into();
        assert_eq!(evolve(Some(&held), &schema), Plan::Nothing);
        let odd = FileSchema { partition_keys: vec![PartitionKey::typed("k", "array<int>")], ..file(&[]) };
        assert!(refusal(None, &odd).contains("partition key k is to be array<int>"));
    }

    /// Files whose columns agree on their types, as those of one dataset do, in any case and order, some without
    /// values.
    fn files() -> impl Strategy<Value = Vec<FileSchema>> {
        let types = [
            DataType::Int64,
            DataType::Float64,
            DataType::Utf8,
            DataType::Boolean,
            DataType::Date32,
            DataType::Timestamp(TimeUnit::Microsecond, None),
            DataType::Decimal128(10, 2),
        ];
        let column = (0..12usize, any::<bool>(), any::<bool>()).prop_map(move |(n, upper, empty)| {
            let name = if upper { format!("COL{n}") } else { format!("col{n}") };
            FileColumn::new(name, (!empty).then(|| types[n % types.len()].clone()))
        });
        let file = prop::collection::vec(column, 0..8).prop_map(|mut columns: Vec<FileColumn>| {
            let mut seen = HashSet::new();
            columns.retain(|column| seen.insert(column.name.to_lowercase()));
            FileSchema { columns, partition_keys: vec![] }
        });
        prop::collection::vec(file, 1..6)
    }

    fn feed(start: Option<Table>, files: &[FileSchema]) -> Table {
        let fed = files.iter().fold(start, |held, file| {
            let plan = evolve(held.as_ref(), file);
            Some(apply(held.as_ref(), plan))
        });
        fed.unwrap()
    }

    fn as_set(table: &Table) -> BTreeMap<String, Column> {
        table.columns.iter().map(|column| (column.name.clone(), column.clone())).collect()
    }

    /// Files that declare one column narrower or wider, in any order.
    fn declarations() -> impl Strategy<Value = Vec<FileSchema>> {
        let types = ["decimal(5,2)", "decimal(7,2)", "decimal(9,2)"];
        let file = prop::sample::select(types.to_vec()).prop_map(|declared| {
            let column = FileColumn::new("price", hive_type::data_type(declared));
            let column = FileColumn { declared: Some(declared.to_owned()), ..column };
            FileSchema { columns: vec![column], partition_keys: vec![] }
        });
        prop::collection::vec(file, 1..6)
    }

    proptest! {
        #[test]
        fn the_widest_declaration_wins_whatever_the_order(files in declarations()) {
            let widest = files.iter().filter_map(|file| file.columns[0].declared.clone()).max();
            prop_assert_eq!(Some(feed(None, &files).columns.remove(0).hive_type), widest);
        }

        #[test]
        fn a_file_is_merged_once(files in files()) {
            let fed = feed(None, &files);
            for file in &files {
                prop_assert_eq!(evolve(Some(&fed), file), Plan::Nothing);
            }
        }

        #[test]
        fn the_order_of_files_does_not_matter(files in files(), turn in 0usize..6) {
            let forwards = feed(None, &files);
            let mut other = files.clone();
            other.reverse();
            other.rotate_left(turn % files.len());
            prop_assert_eq!(as_set(&forwards), as_set(&feed(None, &other)));
        }

        #[test]
        fn nothing_is_dropped_moved_narrowed_or_doubled(before in files(), after in files()) {
            let held = feed(None, &before);
            let grown = feed(Some(held.clone()), &after);
            for (old, new) in held.columns.iter().zip(&grown.columns) {
                prop_assert_eq!(&old.name, &new.name);
                prop_assert!(old.is_provisional() || old == new);
            }
            prop_assert!(grown.columns.len() >= held.columns.len());
            prop_assert_eq!(as_set(&grown).len(), grown.columns.len());
            for file in before.iter().chain(&after) {
                for column in &file.columns {
                    prop_assert!(grown.column(&column.name).is_some());
                }
            }
        }

        #[test]
        fn a_type_once_settled_is_never_overruled(files in files(), found in prop::sample::select(vec![
            DataType::Int32, DataType::Utf8, DataType::Float32, DataType::Binary,
        ])) {
            let held = feed(None, &files);
            for column in held.file_columns() {
                let plan = evolve(Some(&held), &file(&[(&column.name, Some(found.clone()))]));
                if column.data_type().as_ref() == Some(&found) {
                    prop_assert_eq!(plan, Plan::Nothing);
                } else {
                    prop_assert!(matches!(plan, Plan::Reread { .. }), "{:?}", plan);
                }
            }
        }
    }
}
