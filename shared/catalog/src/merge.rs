use std::collections::{HashMap, HashSet};

use arrow::datatypes::DataType;

use crate::{Column, Error, Format, Mismatch, PROVISIONAL, Result, Table, TableName, hive_type};

/// A column of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileColumn {
    /// The name, as Athena accepts it.
    pub name: String,
    /// The type; `None` where every value is null, so that there is no evidence of any. A file leaves such a column
    /// out.
    pub data_type: Option<DataType>,
    /// A comment for a column that is new to the table.
    pub comment: Option<String>,
}

impl FileColumn {
    /// A column without a comment.
    pub fn new(name: impl Into<String>, data_type: Option<DataType>) -> Self {
        Self { name: name.into(), data_type, comment: None }
    }
}

/// What a file brings to its table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileSchema {
    /// Its columns in order, without the partition keys.
    pub columns: Vec<FileColumn>,
    /// The names of the partition keys in order; `string` in a new table.
    pub partition_keys: Vec<String>,
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
    },
    /// The file holds other types than the table: read it again under the table's.
    Reread {
        /// Where they differ.
        columns: Vec<Mismatch>,
    },
    /// The table knows all of it.
    Nothing,
}

/// Decides what a file makes of a table. No column is ever dropped, moved, retyped or narrowed; a second file of the
/// same columns makes nothing of it; and the order in which files come decides the order of new columns, nothing
/// else.
///
/// # Errors
/// [`Error::Schema`] where the file cannot become part of the table: the table is no Parquet table, its partition
/// keys are others, a column is also a partition key, two columns differ in case alone, or a type has no place in it.
pub fn merge(name: &TableName, existing: Option<&Table>, file: &FileSchema) -> Result<Plan> {
    check_names(name, existing, file)?;
    let Some(table) = existing else {
        let columns = file.columns.iter().map(|column| new_column(name, column)).collect::<Result<_>>()?;
        let partition_keys = file.partition_keys.iter().map(|key| Column::new(key.to_lowercase(), "string")).collect();
        return Ok(Plan::Create { columns, partition_keys });
    };
    if let Format::Other(kind) = &table.format {
        return Err(Error::schema(
            name,
            format!("is {kind}, and only Parquet tables can be written; convert it, or name another table"),
        ));
    }
    check_partition_keys(name, table, file)?;

    let places: HashMap<String, usize> =
        table.columns.iter().enumerate().map(|(place, column)| (column.name.to_lowercase(), place)).collect();
    let mut columns = table.columns.clone();
    let (mut added, mut promoted, mut mismatches) = (Vec::new(), Vec::new(), Vec::new());
    for column in &file.columns {
        let Some(&place) = places.get(&column.name.to_lowercase()) else {
            let new = new_column(name, column)?;
            added.push(new.name.clone());
            columns.push(new);
            continue;
        };
        let Some(found) = &column.data_type else { continue };
        let found = hive_name(name, &column.name, found)?;
        let held = &mut columns[place];
        if held.is_provisional() {
            held.hive_type = found;
            held.parameters.remove(PROVISIONAL);
            held.comment = held.comment.take().or_else(|| column.comment.clone());
            promoted.push(held.name.clone());
        } else if held.data_type().is_none() {
            return Err(Error::schema(
                name,
                format!(
                    "column {} is {}, which delimited text cannot fill; rename or drop it in the file",
                    held.name, held.hive_type
                ),
            ));
        } else if held.data_type() != hive_type::data_type(&found) {
            mismatches.push(Mismatch { column: held.name.clone(), table: held.hive_type.clone(), file: found });
        }
    }
    Ok(if !mismatches.is_empty() {
        Plan::Reread { columns: mismatches }
    } else if added.is_empty() && promoted.is_empty() {
        Plan::Nothing
    } else {
        Plan::Update { columns, added, promoted }
    })
}

/// Names must be distinct, over columns and partition keys, whatever their case.
fn check_names(name: &TableName, existing: Option<&Table>, file: &FileSchema) -> Result<()> {
    let mut keys = HashSet::new();
    for key in &file.partition_keys {
        if !keys.insert(key.to_lowercase()) {
            return Err(Error::schema(name, format!("partition key {key} occurs twice; rename one of the folders")));
        }
    }
    // The table's own keys too: they give the clearer message where a file has one of them as a column.
    keys.extend(existing.iter().flat_map(|table| &table.partition_keys).map(|key| key.name.to_lowercase()));
    let mut columns = HashSet::new();
    for column in &file.columns {
        let lower = column.name.to_lowercase();
        if keys.contains(&lower) {
            return Err(Error::schema(
                name,
                format!("column {} is a partition key as well; rename or drop the column", column.name),
            ));
        }
        if !columns.insert(lower) {
            return Err(Error::schema(name, format!("column {} occurs twice; rename one of them", column.name)));
        }
    }
    Ok(())
}

fn check_partition_keys(name: &TableName, table: &Table, file: &FileSchema) -> Result<()> {
    let same = table.partition_keys.len() == file.partition_keys.len()
        && table.partition_keys.iter().zip(&file.partition_keys).all(|(held, key)| held.is_called(key));
    if same {
        return Ok(());
    }
    let list = |keys: Vec<&str>| if keys.is_empty() { "nothing".to_owned() } else { keys.join(", ") };
    let held = list(table.partition_keys.iter().map(|key| &*key.name).collect());
    let found = list(file.partition_keys.iter().map(String::as_str).collect());
    Err(Error::schema(
        name,
        format!("is partitioned by {held}, the file by {found}; use the table's folders, or name another table"),
    ))
}

fn new_column(name: &TableName, column: &FileColumn) -> Result<Column> {
    // Athena and Hive know names in lower case only.
    let lower = column.name.to_lowercase();
    let new = match &column.data_type {
        Some(found) => Column::new(lower, hive_name(name, &column.name, found)?),
        None => Column::provisional(lower),
    };
    Ok(Column { comment: column.comment.clone(), ..new })
}

fn hive_name(name: &TableName, column: &str, found: &DataType) -> Result<String> {
    hive_type::hive_type(found)
        .ok_or_else(|| Error::schema(name, format!("column {column} is {found}, which a table has no type for")))
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

    fn refusal(existing: Option<&Table>, file: &FileSchema) -> String {
        merge(&orders(), existing, file).unwrap_err().to_string()
    }

    #[test]
    fn a_column_without_values_waits_for_its_type() {
        let first =
            apply(None, merge(&orders(), None, &file(&[("id", Some(DataType::Int64)), ("note", None)])).unwrap());
        assert!(first.columns[1].is_provisional());
        assert_eq!(merge(&orders(), Some(&first), &file(&[("note", None)])).unwrap(), Plan::Nothing);

        let plan = merge(&orders(), Some(&first), &file(&[("NOTE", Some(DataType::Date32))])).unwrap();
        let Plan::Update { columns, added, promoted } = plan else { panic!("{plan:?}") };
        assert_eq!((added, promoted), (vec![], vec!["note".to_owned()]));
        assert_eq!(columns, [Column::new("id", "bigint"), Column::new("note", "date")]);

        let second = table(columns);
        assert_eq!(merge(&orders(), Some(&second), &file(&[("note", None)])).unwrap(), Plan::Nothing);
    }

    #[test]
    fn a_provisional_column_keeps_what_others_said_about_it() {
        let mut held = Column::provisional("a");
        held.comment = Some("theirs".into());
        held.parameters.insert("owner".into(), "them".into());
        let mut found = FileColumn::new("a", Some(DataType::Int64));
        found.comment = Some("ours".into());
        let schema = FileSchema { columns: vec![found], partition_keys: vec![] };
        let after =
            apply(Some(&table(vec![held.clone()])), merge(&orders(), Some(&table(vec![held])), &schema).unwrap());
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
        assert_eq!(merge(&orders(), Some(&held), &same).unwrap(), Plan::Nothing);

        let other = file(&[("a", Some(DataType::Int64)), ("new", Some(DataType::Int64))]);
        let mismatch = Mismatch { column: "a".into(), table: "int".into(), file: "bigint".into() };
        assert_eq!(merge(&orders(), Some(&held), &other).unwrap(), Plan::Reread { columns: vec![mismatch] });
    }

    #[test]
    fn refusals_say_what_would_help() {
        let nested = table(vec![Column::new("tags", "array<string>")]);
        assert_eq!(merge(&orders(), Some(&nested), &file(&[("tags", None)])).unwrap(), Plan::Nothing);
        assert_eq!(
            refusal(Some(&nested), &file(&[("tags", Some(DataType::Utf8))])),
            "sales.orders: column tags is array<string>, which delimited text cannot fill; rename or drop it in the file"
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
            partition_keys: keys.iter().map(ToString::to_string).collect(),
        };
        assert_eq!(merge(&orders(), Some(&by_year), &keyed(&["YEAR"])).unwrap(), Plan::Nothing);
        assert!(refusal(Some(&by_year), &keyed(&["year", "month"])).contains("by year, the file by year, month"));
        assert!(refusal(Some(&table(vec![])), &keyed(&["a", "A"])).contains("partition key A occurs twice"));
        let both = FileSchema { partition_keys: vec!["day".into()], ..file(&[("Day", None)]) };
        assert!(refusal(None, &both).contains("Day is a partition key as well"));
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
            let plan = merge(&orders(), held.as_ref(), file).unwrap();
            Some(apply(held.as_ref(), plan))
        });
        fed.unwrap()
    }

    fn as_set(table: &Table) -> BTreeMap<String, Column> {
        table.columns.iter().map(|column| (column.name.clone(), column.clone())).collect()
    }

    proptest! {
        #[test]
        fn a_file_is_merged_once(files in files()) {
            let fed = feed(None, &files);
            for file in &files {
                prop_assert_eq!(merge(&orders(), Some(&fed), file).unwrap(), Plan::Nothing);
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
                let plan = merge(&orders(), Some(&held), &file(&[(&column.name, Some(found.clone()))])).unwrap();
                if column.data_type().as_ref() == Some(&found) {
                    prop_assert_eq!(plan, Plan::Nothing);
                } else {
                    prop_assert!(matches!(plan, Plan::Reread { .. }), "{:?}", plan);
                }
            }
        }
    }
}
