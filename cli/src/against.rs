//! The columns that rules are held against: those of a file, or of a table as Glue describes it.

use std::{fs, path::Path, sync::Arc};

use cleanzone_lake::{Error, Settings, inspect_file};
use cleanzone_rules::{Column, Dataset, Names};
use serde_json::Value;

/// The columns of a delimited file, read as the rules say, or of a table: the JSON that `aws glue get-table` prints.
///
/// # Errors
/// Why the file cannot be read.
pub(crate) fn names(path: &Path, dataset: &Dataset) -> Result<Names, Error> {
    let mut names = Names::default();
    let is_json = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json"));
    if is_json {
        let unreadable = |error: String| Error::Config(format!("{}: {error}", path.display()));
        let text = fs::read_to_string(path).map_err(|error| unreadable(error.to_string()))?;
        let value: Value = serde_json::from_str(&text).map_err(|error| unreadable(error.to_string()))?;
        let table = value.get("Table").unwrap_or(&value);
        let columns = table.pointer("/StorageDescriptor/Columns").and_then(Value::as_array);
        let columns = columns.ok_or_else(|| unreadable("it has no Table.StorageDescriptor.Columns".to_owned()))?;
        let keys = table.get("PartitionKeys").and_then(Value::as_array).into_iter().flatten();
        names.in_table(columns.iter().chain(keys).filter_map(|column| column.get("Name")?.as_str()));
        return Ok(names);
    }
    // Only the format of the file matters here, not the rules of its columns.
    let format = Dataset { format: dataset.format.clone(), ..Dataset::default() };
    let settings = Settings::default().under(Arc::new(format));
    let inspection = inspect_file(path, &settings)?;
    names.in_file(inspection.columns.iter().map(|column| column.source_name.as_str()));
    Ok(names)
}

/// A rule on a column that the file or table does not have, in words.
pub(crate) fn absent(column: &Column, names: &Names, path: &Path) -> String {
    let meant = names.nearest(&column.name).map_or_else(String::new, |name| format!("; did you mean `{name}`?"));
    format!("`{}` has rules, and {} has no such column{meant}", column.name, path.display())
}

#[cfg(test)]
mod tests {
    use cleanzone_rules::Rules;

    use super::*;

    #[test]
    fn rules_are_held_against_a_file_and_a_table() {
        let rules = "[[dataset]]\nmatch = \"**\"\nformat.delimiter = \";\"\n[dataset.columns]\nzip = { drop = true }\n\
                     mial = { type = \"string\" }\n";
        let dataset = Rules::parse(rules).unwrap().find("b", "k").dataset;
        let folder = tempfile::tempdir().unwrap();
        let (file, table) = (folder.path().join("1.csv"), folder.path().join("t.json"));
        fs::write(&file, "zip;mail\n1;a,b\n2;c\n").unwrap();
        let glue =
            r#"{"Table": {"StorageDescriptor": {"Columns": [{"Name": "mail"}]}, "PartitionKeys": [{"Name": "zip"}]}}"#;
        fs::write(&table, glue).unwrap();
        for path in [&file, &table] {
            let names = names(path, &dataset).unwrap();
            let told: Vec<_> = dataset.absent(&names).into_iter().map(|column| absent(column, &names, path)).collect();
            assert_eq!(told.len(), 1, "{told:?}");
            assert!(
                told[0].starts_with("`mial` has rules, and ") && told[0].ends_with("did you mean `mail`?"),
                "{told:?}"
            );
        }
        fs::write(&table, "{}").unwrap();
        assert!(names(&table, &dataset).is_err());
    }
}
