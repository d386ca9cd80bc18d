use std::{collections::BTreeMap, fmt};

use arrow::datatypes::DataType;

use crate::hive_type;

/// The column parameter (value `true`) of a column that no file has had a value for yet. Whoever adds files by other
/// means, with values for such a column, takes the parameter off: from then on the column is a `string`.
pub const PROVISIONAL: &str = "cleanzone.provisional";

/// The column parameter that holds the notations which files of the column proved, each as a number or a date pattern
/// with a bar between them: `1.234,5`, `%d/%m/%Y|%m/%d/%Y`. They decide where a later file leaves several open. Without
/// the parameter, numbers with a fraction were [`PLAIN`]. The unit of a column's numbers stands among them, as
/// `unit:USD`: a later file may have it or none, but no other.
pub const NOTATION: &str = "cleanzone.notation";

/// What a unit among notations begins with.
const UNIT: &str = "unit:";

/// The notation of numbers that programs write.
pub const PLAIN: &str = "1234.5";

/// The value of [`NOTATION`] of a column that is declared, but has no values yet that prove a notation.
const UNPROVED: &str = "unproved";

/// The name of a table.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TableName {
    /// The database.
    pub database: String,
    /// The table in it.
    pub table: String,
}

impl TableName {
    /// The name of `table` in `database`.
    pub fn new(database: impl Into<String>, table: impl Into<String>) -> Self {
        Self { database: database.into(), table: table.into() }
    }
}

impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.database, self.table)
    }
}

/// A column of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// The name, as Athena accepts it.
    pub name: String,
    /// The Hive type as it stands in Glue, such as `bigint` or `decimal(10,2)`.
    pub hive_type: String,
    /// The comment.
    pub comment: Option<String>,
    /// Column parameters.
    pub parameters: BTreeMap<String, String>,
}

impl Column {
    /// A column with neither comment nor parameters.
    pub fn new(name: impl Into<String>, hive_type: impl Into<String>) -> Self {
        Self { name: name.into(), hive_type: hive_type.into(), comment: None, parameters: BTreeMap::new() }
    }

    /// A column whose type the first value will decide.
    pub fn provisional(name: impl Into<String>) -> Self {
        let parameters = BTreeMap::from([(PROVISIONAL.to_owned(), "true".to_owned())]);
        Self { parameters, ..Self::new(name, "string") }
    }

    /// Whether no file has had a value for the column yet, so that its type is still open.
    pub fn is_provisional(&self) -> bool {
        self.parameters.get(PROVISIONAL).is_some_and(|value| value.eq_ignore_ascii_case("true"))
    }

    /// The notations that files of the column proved: see [`NOTATION`].
    pub fn notations(&self) -> Vec<&str> {
        match self.parameters.get(NOTATION) {
            Some(proved) => proved.split('|').filter(|one| !one.is_empty() && *one != UNPROVED).collect(),
            None if self.data_type().is_some_and(|found| has_fraction(&found)) => vec![PLAIN],
            None => Vec::new(),
        }
    }

    /// The same without the unit: how its values are written.
    pub fn writings(&self) -> Vec<&str> {
        let mut all = self.notations();
        all.retain(|notation| !notation.starts_with(UNIT));
        all
    }

    /// Remembers a notation that a file proved beside those of earlier files; says whether that is a change.
    pub(crate) fn prove(&mut self, notation: &str) -> bool {
        let known = self.notations();
        // Plain numbers need no mention where nothing else was ever found.
        let is_usual = notation == PLAIN && !self.parameters.contains_key(NOTATION);
        if is_usual || known.contains(&notation) {
            return false;
        }
        let all: Vec<&str> = known.into_iter().chain([notation]).collect();
        let all = all.join("|");
        self.parameters.insert(NOTATION.to_owned(), all);
        true
    }

    /// Remembers what the first file with the column proves; of one without values, that nothing is proved.
    pub(crate) fn begin_notations(&mut self, proved: Option<&str>, unit: Option<&str>, unproved: bool) {
        let measured = unit.map(|unit| proved.map_or(unit.to_owned(), |proved| format!("{proved}|{unit}")));
        let value = match proved {
            _ if measured.is_some() => measured.as_deref(),
            Some(PLAIN) => None,
            Some(notation) => Some(notation),
            None if unproved && self.data_type().is_some_and(|found| has_fraction(&found)) => Some(UNPROVED),
            None => None,
        };
        match value {
            Some(value) => self.parameters.insert(NOTATION.to_owned(), value.to_owned()),
            None => self.parameters.remove(NOTATION),
        };
    }

    /// The Arrow type that a file must hold for this column; `None` where the type is still open
    /// ([`is_provisional`](Self::is_provisional)) or is not one of those in [`data_type`](crate::data_type).
    pub fn data_type(&self) -> Option<DataType> {
        if self.is_provisional() { None } else { hive_type::data_type(&self.hive_type) }
    }

    /// Whether the column goes by `name`. Names in a catalog differ by more than case.
    pub fn is_called(&self, name: &str) -> bool {
        self.name == name || self.name.to_lowercase() == name.to_lowercase()
    }
}

/// Whether the numbers of a type have a fraction.
pub(crate) fn has_fraction(data_type: &DataType) -> bool {
    data_type.is_floating() || matches!(data_type, DataType::Decimal128(..))
}

/// How a table's files are read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Format {
    /// As Parquet files under one location: the only kind of table that is written here.
    Parquet,
    /// Otherwise; in words, such as `an Iceberg table`.
    Other(String),
}

/// A table as the catalog holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// Its columns, without the partition keys, in order.
    pub columns: Vec<Column>,
    /// Its partition keys, in order.
    pub partition_keys: Vec<Column>,
    /// Where its files are, with a trailing slash.
    pub location: String,
    /// How its files are read.
    pub format: Format,
    /// Table parameters.
    pub parameters: BTreeMap<String, String>,
    /// The version that an update must name. `None` in a table that was not read from a catalog.
    pub version: Option<String>,
    /// The definition that the service gave.
    pub origin: Origin,
}

impl Table {
    /// A Parquet table that is in no catalog yet.
    pub fn new(location: impl Into<String>, columns: Vec<Column>, partition_keys: Vec<Column>) -> Self {
        Self {
            columns,
            partition_keys,
            location: location.into(),
            format: Format::Parquet,
            parameters: BTreeMap::new(),
            version: None,
            origin: Origin::default(),
        }
    }

    /// The column of that name, whatever its case; not a partition key.
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.is_called(name))
    }

    /// The columns that a file of this table may hold, and so those of its partitions: all but the provisional ones.
    pub fn file_columns(&self) -> impl Iterator<Item = &Column> {
        self.columns.iter().filter(|column| !column.is_provisional())
    }
}

/// The parameters by which Athena, Glue's crawlers and AWS SDK for pandas know a Parquet table that they need not
/// look into. `projection.enabled` is stated because AWS SDK for pandas states it.
pub(crate) fn parameters(compression: &str) -> BTreeMap<String, String> {
    [
        ("EXTERNAL", "TRUE"),
        ("classification", "parquet"),
        ("compressionType", compression),
        ("projection.enabled", "false"),
        ("typeOfData", "file"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into()
}

/// A definition as the service gave it, from which an update is built, so that nothing that others have put into it
/// is lost. Two are always equal: it is no part of what a table is here.
#[derive(Clone, Debug, Default)]
pub struct Origin {
    #[cfg(feature = "glue")]
    pub(crate) glue: Option<std::sync::Arc<aws_sdk_glue::types::Table>>,
}

impl PartialEq for Origin {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Origin {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_provisional_column_has_no_type_yet() {
        let column = Column::provisional("a");
        assert_eq!((column.hive_type.as_str(), column.data_type()), ("string", None));
        assert_eq!(Column::new("a", "string").data_type(), Some(DataType::Utf8));
    }

    #[test]
    fn a_unit_is_remembered_beside_what_is_proved_later() {
        let mut column = Column::new("share", "double");
        column.begin_notations(None, Some("unit:%"), false);
        assert_eq!((column.notations(), column.writings()), (vec!["unit:%"], vec![]));
        assert!(column.prove(PLAIN) && !column.prove(PLAIN));
        assert_eq!((column.notations(), column.writings()), (vec!["unit:%", PLAIN], vec![PLAIN]));
        column.begin_notations(Some("1.234,5"), Some("unit:€"), false);
        assert_eq!(column.parameters[NOTATION], "1.234,5|unit:€");
        column.begin_notations(Some(PLAIN), Some("unit:$"), false);
        assert_eq!(column.parameters[NOTATION], "1234.5|unit:$");
    }

    #[test]
    fn notations_add_up_and_none_is_forgotten() {
        let mut column = Column::new("a", "double");
        assert_eq!(column.notations(), [PLAIN]);
        assert!(!column.prove(PLAIN) && column.parameters.is_empty());
        assert!(column.prove("1.234,5"));
        assert_eq!(column.notations(), [PLAIN, "1.234,5"]);
        assert!(!column.prove("1.234,5") && !column.prove(PLAIN));
        let mut column = Column::new("a", "decimal(10,2)");
        column.begin_notations(None, None, true);
        assert_eq!(column.notations(), [""; 0]);
        assert!(column.prove("1.234,5"));
        assert_eq!(column.parameters[NOTATION], "1.234,5");
        column.begin_notations(Some("1 234,5"), None, false);
        assert_eq!(column.notations(), ["1 234,5"]);
        column.begin_notations(Some(PLAIN), None, false);
        assert!(column.parameters.is_empty());
        let mut column = Column::new("a", "date");
        assert!(column.notations().is_empty() && column.prove("%d/%m/%Y") && column.prove("%m/%d/%Y"));
        assert_eq!(column.notations(), ["%d/%m/%Y", "%m/%d/%Y"]);
    }

    #[test]
    fn names_are_found_whatever_their_case() {
        let table =
            Table::new("s3://lake/db/t/", vec![Column::new("größe", "bigint"), Column::provisional("b")], vec![]);
        assert_eq!(table.column("GRÖSSE"), None);
        assert_eq!(table.column("GRÖßE").map(|column| &*column.hive_type), Some("bigint"));
        assert_eq!(table.file_columns().count(), 1);
    }
}
