use arrow::datatypes::DataType;

use crate::{
    Error, Evolution, Result, Table, TableName, hive_type,
    merge::{self, check_columns, check_format, lacking},
    widening,
};

/// A column of a file that is about to be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// The name, as Athena accepts it.
    pub name: String,
    /// The type that the dataset's rules declare.
    pub declared: Option<DataType>,
}

impl Wanted {
    /// A column, and the type declared for it.
    pub fn new(name: impl Into<String>, declared: Option<DataType>) -> Self {
        Self { name: name.into(), declared }
    }
}

/// How a column of a file is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reading {
    /// As the type that all its values share.
    Infer,
    /// As this type; what does not fit goes the way of rejected rows.
    As(DataType),
    /// Not at all: it is no part of the table.
    LeaveOut,
    /// Into the column of rescued values: it is no column of the table, and nothing of it may get lost.
    Rescue,
}

/// Decides how the columns of a file are read, one answer a column in their order. What is read so,
/// [`merge`](crate::merge()) takes, unless another writer changes the table meanwhile.
///
/// A column that the table has is read as the table's type. One that is declared otherwise is read
/// - as the table's type, where that holds all values of the declared one (declared `int`, table `bigint`);
/// - as the declared type, where every engine reads the table's files under it too (declared `int`, table `smallint`):
///   the table will be widened.
///
/// # Errors
/// [`Error::Schema`] where a declared type is neither; where the table has a type that delimited text cannot fill;
/// where the table lacks columns under [`Evolution::Fail`]; where names are not distinct; or where the table is no
/// Parquet table.
pub fn expect(
    name: &TableName,
    existing: Option<&Table>,
    columns: &[Wanted],
    evolution: Evolution,
) -> Result<Vec<Reading>> {
    let keys = existing.iter().flat_map(|table| &table.partition_keys).map(|key| key.name.to_lowercase()).collect();
    check_columns(name, &keys, columns.iter().map(|column| &*column.name))?;
    if let Some(table) = existing {
        check_format(name, table)?;
    }
    let mut unknown = Vec::new();
    let mut readings = Vec::with_capacity(columns.len());
    for column in columns {
        let free = column.declared.clone().map_or(Reading::Infer, Reading::As);
        readings.push(match (existing, existing.and_then(|table| table.column(&column.name))) {
            (None, _) => free,
            (_, Some(held)) if held.is_provisional() => free,
            (_, Some(held)) => {
                let fillable = held.data_type().filter(|held_type| *held_type != DataType::Binary);
                let held_type = fillable.ok_or_else(|| merge::unfillable(name, held))?;
                Reading::As(settle(name, &held.name, &held.hive_type, held_type, column.declared.as_ref())?)
            }
            (Some(_), None) => match evolution {
                Evolution::Evolve => free,
                Evolution::Rescue => Reading::Rescue,
                Evolution::Fixed => Reading::LeaveOut,
                Evolution::Fail => {
                    unknown.push(&*column.name);
                    Reading::LeaveOut
                }
            },
        });
    }
    if unknown.is_empty() { Ok(readings) } else { Err(lacking(name, &unknown)) }
}

/// The type under which table and declaration agree.
fn settle(
    name: &TableName,
    column: &str,
    held: &str,
    held_type: DataType,
    declared: Option<&DataType>,
) -> Result<DataType> {
    let Some(declared) = declared else { return Ok(held_type) };
    if widening::holds(&held_type, declared) {
        return Ok(held_type);
    }
    let wanted = hive_type::hive_type(declared).ok_or_else(|| merge::no_type(name, column, declared))?;
    if widening::widens(held, &wanted) {
        return Ok(declared.clone());
    }
    Err(Error::schema(
        name,
        format!(
            "column {column} is declared as {wanted}, and is {held} in the table, whose files not every engine can \
             read as {wanted}; declare it as {held}, give it another name, or write a new table"
        ),
    ))
}

#[cfg(test)]
mod tests {
    use arrow::datatypes::TimeUnit;
    use proptest::prelude::*;

    use super::*;
    use crate::{Column, FileColumn, FileSchema, Format, Plan, merge, widening::tests::types};

    fn orders() -> TableName {
        TableName::new("sales", "orders")
    }

    fn table(columns: Vec<Column>) -> Table {
        Table::new("s3://lake/sales/orders/", columns, vec![Column::new("year", "int")])
    }

    fn held() -> Table {
        table(vec![Column::new("id", "smallint"), Column::provisional("note"), Column::new("zip", "varchar(5)")])
    }

    fn one(column: &str, declared: Option<DataType>, evolution: Evolution) -> Result<Reading> {
        expect(&orders(), Some(&held()), &[Wanted::new(column, declared)], evolution).map(|mut found| found.remove(0))
    }

    #[test]
    fn the_table_says_how_its_columns_are_read() {
        for evolution in [Evolution::Evolve, Evolution::Rescue, Evolution::Fail, Evolution::Fixed] {
            assert_eq!(one("ID", None, evolution).unwrap(), Reading::As(DataType::Int16));
            assert_eq!(one("zip", None, evolution).unwrap(), Reading::As(DataType::Utf8));
            assert_eq!(one("note", None, evolution).unwrap(), Reading::Infer);
            assert_eq!(one("note", Some(DataType::Date32), evolution).unwrap(), Reading::As(DataType::Date32));
        }
    }

    #[test]
    fn a_declared_type_widens_the_value_or_the_column() {
        let id = |declared| one("id", Some(declared), Evolution::Evolve);
        assert_eq!(id(DataType::Int8).unwrap(), Reading::As(DataType::Int16));
        assert_eq!(id(DataType::Int32).unwrap(), Reading::As(DataType::Int32));
        assert_eq!(
            id(DataType::Int64).unwrap_err().to_string(),
            "sales.orders: column id is declared as bigint, and is smallint in the table, whose files not every \
             engine can read as bigint; declare it as smallint, give it another name, or write a new table"
        );
        assert!(id(DataType::Timestamp(TimeUnit::Microsecond, None)).is_err());
        // Whatever is declared narrower can be kept as text.
        assert_eq!(one("zip", Some(DataType::Int64), Evolution::Evolve).unwrap(), Reading::As(DataType::Utf8));
    }

    #[test]
    fn a_column_that_the_table_lacks_goes_where_the_setting_says() {
        let new = |evolution| one("new", None, evolution);
        assert_eq!(new(Evolution::Evolve).unwrap(), Reading::Infer);
        assert_eq!(new(Evolution::Rescue).unwrap(), Reading::Rescue);
        assert_eq!(new(Evolution::Fixed).unwrap(), Reading::LeaveOut);
        let columns = [Wanted::new("id", None), Wanted::new("a", None), Wanted::new("b", None)];
        let error = expect(&orders(), Some(&held()), &columns, Evolution::Fail).unwrap_err().to_string();
        assert!(error.starts_with("sales.orders: lacks the columns a, b "), "{error}");
        // Without a table there is nothing to lack.
        for evolution in [Evolution::Evolve, Evolution::Rescue, Evolution::Fail, Evolution::Fixed] {
            assert_eq!(expect(&orders(), None, &columns, evolution).unwrap(), [const { Reading::Infer }; 3]);
        }
    }

    #[test]
    fn what_cannot_be_read_is_refused_before() {
        let refused = |table: &Table, names: &[&str]| {
            let columns: Vec<_> = names.iter().map(|name| Wanted::new(*name, None)).collect();
            expect(&orders(), Some(table), &columns, Evolution::Evolve).unwrap_err().to_string()
        };
        assert!(refused(&held(), &["YEAR"]).contains("is a partition key as well"));
        assert!(refused(&held(), &["id", "Id"]).contains("occurs twice"));
        let nested = table(vec![Column::new("tags", "array<string>")]);
        let sealed = table(vec![Column::new("seal", "binary")]);
        assert!(refused(&sealed, &["seal"]).contains("seal is binary, which delimited text cannot fill"));
        assert!(refused(&nested, &["tags"]).contains("array<string>, which delimited text cannot fill"));
        let view = Table { format: Format::Other("a view".into()), ..held() };
        assert!(refused(&view, &["id"]).contains("is a view"));
    }

    fn evolutions() -> impl Strategy<Value = Evolution> {
        prop::sample::select(vec![Evolution::Evolve, Evolution::Rescue, Evolution::Fail, Evolution::Fixed])
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1000))]

        /// What is read as expected is taken: no second reading of an unchanged table, and no loss.
        #[test]
        fn what_is_expected_is_taken(
            held in prop::collection::btree_map("[a-d]", prop::option::of(types()), 0..4),
            wanted in prop::collection::btree_map("[a-f]", (prop::option::of(types()), types(), any::<bool>()), 0..6),
            evolution in evolutions(),
            exists: bool,
        ) {
            let columns = held.iter().map(|(name, found)| match found {
                Some(found) => Column::new(name, found),
                None => Column::provisional(name),
            });
            let held = exists.then(|| Table::new("s3://lake/sales/orders/", columns.collect(), vec![]));
            let columns: Vec<_> = wanted
                .iter()
                .map(|(name, (declared, ..))| Wanted::new(name, declared.as_deref().and_then(hive_type::data_type)))
                .collect();
            let Ok(readings) = expect(&orders(), held.as_ref(), &columns, evolution) else { return Ok(()) };
            let mut file = FileSchema::default();
            for ((name, (declared, inferred, empty)), reading) in wanted.iter().zip(readings) {
                let found = match reading {
                    Reading::Infer => hive_type::data_type(inferred),
                    Reading::As(found) => Some(found),
                    Reading::LeaveOut | Reading::Rescue => continue,
                };
                let mut column = FileColumn::new(name, found.filter(|_| !empty));
                column.declared.clone_from(declared);
                file.columns.push(column);
            }
            let mut rescued = FileColumn::new("_rescued", Some(DataType::Utf8));
            rescued.always = true;
            file.columns.push(rescued);

            let plan = merge(&orders(), held.as_ref(), &file, evolution).unwrap();
            prop_assert!(!matches!(plan, Plan::Reread { .. }), "{plan:?}");
            let Plan::Update { columns, .. } = plan else { return Ok(()) };
            for (before, after) in held.iter().flat_map(|table| &table.columns).zip(&columns) {
                prop_assert_eq!(&before.name, &after.name);
                let kept = hive_type::same(&before.hive_type, &after.hive_type)
                    || before.is_provisional()
                    || widening::widens(&before.hive_type, &after.hive_type);
                prop_assert!(kept, "{before:?} {after:?}");
            }
        }
    }
}
