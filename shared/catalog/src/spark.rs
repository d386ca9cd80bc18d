//! What Spark keeps of a table that it has made: the columns once more, as JSON in the table's parameters, because a
//! catalog forgets the case of names. Spark believes these and not the catalog, so a column that is not among them does
//! not exist for it.
//!
//! Source: `HiveExternalCatalog` of Spark (<https://github.com/apache/spark>): `spark.sql.sources.schema`, or cut into
//! `spark.sql.sources.schema.numParts` pieces `spark.sql.sources.schema.part.<N>`.

use std::collections::BTreeMap;

use arrow::datatypes::DataType;
use serde_json::{Map, Value, json};

use crate::{Column, Error, Result, Table, TableName};

const SCHEMA: &str = "spark.sql.sources.schema";
const PARTS: &str = "spark.sql.sources.schema.numParts";
/// Characters of a piece.
const PIECE: usize = 4000;

/// Gives Spark's schema, where the table has one, the columns that it lacks, and the types of those that `retyped` names.
///
/// # Errors
/// [`Error::Schema`] where it cannot be read.
pub(crate) fn follow(name: &TableName, table: &mut Table, retyped: &[&str]) -> Result<()> {
    if !table.parameters.contains_key(SCHEMA) && !table.parameters.contains_key(PARTS) {
        return Ok(());
    }
    let schema = text(&table.parameters).and_then(|text| serde_json::from_str::<Value>(&text).ok());
    let Some(schema) = schema.and_then(|schema| changed(schema, table, retyped)) else {
        return Err(Error::schema(
            name,
            format!(
                "was made by Spark, and its parameter {SCHEMA} cannot be read, so that Spark would not see what is new; \
                 remove the parameters that begin so, or make the table anew"
            ),
        ));
    };
    put(&mut table.parameters, &schema.to_string());
    Ok(())
}

/// The schema, in one piece; `None` where pieces are missing.
fn text(parameters: &BTreeMap<String, String>) -> Option<String> {
    if let Some(text) = parameters.get(SCHEMA) {
        return Some(text.clone());
    }
    let parts: u32 = parameters.get(PARTS)?.trim().parse().ok()?;
    (0..parts).map(|n| parameters.get(&format!("{SCHEMA}.part.{n}")).map(String::as_str)).collect()
}

/// Puts the schema where it was, in one piece or in several.
fn put(parameters: &mut BTreeMap<String, String>, text: &str) {
    if parameters.contains_key(SCHEMA) {
        parameters.insert(SCHEMA.to_owned(), text.to_owned());
        return;
    }
    parameters.retain(|name, _| !name.starts_with(&format!("{SCHEMA}.part.")));
    let characters: Vec<char> = text.chars().collect();
    let pieces = characters.chunks(PIECE);
    parameters.insert(PARTS.to_owned(), pieces.len().to_string());
    parameters
        .extend(pieces.enumerate().map(|(n, piece)| (format!("{SCHEMA}.part.{n}"), piece.iter().collect::<String>())));
}

/// The schema with all columns of the table; `None` where it is none.
fn changed(mut schema: Value, table: &Table, retyped: &[&str]) -> Option<Value> {
    let fields = schema.get_mut("fields")?.as_array_mut()?;
    let called = |field: &Value, name: &str| {
        field.get("name").and_then(Value::as_str).is_some_and(|field| field.to_lowercase() == name.to_lowercase())
    };
    // Partition keys stand behind all others.
    let is_key = |field: &&Value| table.partition_keys.iter().any(|key| called(field, &key.name));
    let mut end = fields.len() - fields.iter().rev().take_while(is_key).count();
    for column in &table.columns {
        match fields.iter_mut().find(|field| called(field, &column.name)) {
            None => {
                fields.insert(end, field(column)?);
                end += 1;
            }
            Some(held) if retyped.contains(&&*column.name) => {
                let held = held.as_object_mut()?;
                let Value::Object(new) = field(column)? else { return None };
                held.insert("type".to_owned(), new.get("type")?.clone());
                let metadata = held.entry("metadata").or_insert_with(|| json!({})).as_object_mut()?;
                metadata.remove(TEXT);
                metadata.extend(new.get("metadata")?.get(TEXT).map(|text| (TEXT.to_owned(), text.clone())));
            }
            Some(_) => {}
        }
    }
    Some(schema)
}

/// Where Spark keeps the type of texts with a length.
const TEXT: &str = "__CHAR_VARCHAR_TYPE_STRING";

fn field(column: &Column) -> Option<Value> {
    let kind = match crate::data_type(&column.hive_type)? {
        DataType::Boolean => "boolean".to_owned(),
        DataType::Int8 => "byte".to_owned(),
        DataType::Int16 => "short".to_owned(),
        DataType::Int32 => "integer".to_owned(),
        DataType::Int64 => "long".to_owned(),
        DataType::Float32 => "float".to_owned(),
        DataType::Float64 => "double".to_owned(),
        DataType::Utf8 => "string".to_owned(),
        DataType::Binary => "binary".to_owned(),
        DataType::Date32 => "date".to_owned(),
        DataType::Timestamp(..) => "timestamp".to_owned(),
        DataType::Decimal128(precision, scale) => format!("decimal({precision},{scale})"),
        _ => return None,
    };
    let mut metadata = Map::new();
    metadata.extend(column.comment.iter().map(|comment| ("comment".to_owned(), json!(comment))));
    if kind == "string" && column.hive_type.contains('(') {
        metadata.insert(TEXT.to_owned(), json!(column.hive_type));
    }
    Some(json!({ "name": column.name, "type": kind, "nullable": true, "metadata": metadata }))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPARKS: &str = r#"{"type":"struct","fields":[
        {"name":"orderId","type":"long","nullable":true,"metadata":{"comment":"the number"}},
        {"name":"Zip","type":"string","nullable":true,"metadata":{"__CHAR_VARCHAR_TYPE_STRING":"varchar(5)"}},
        {"name":"tags","type":{"type":"array","elementType":"string","containsNull":true},"nullable":true,"metadata":{}},
        {"name":"year","type":"integer","nullable":true,"metadata":{}}]}"#;

    fn table(more: Vec<Column>, zip: &str) -> Table {
        let mut columns =
            vec![Column::new("orderid", "bigint"), Column::new("zip", zip), Column::new("tags", "array<string>")];
        columns.extend(more);
        Table::new("s3://lake/db/t/", columns, vec![Column::new("year", "int")])
    }

    fn name() -> TableName {
        TableName::new("db", "t")
    }

    fn read(table: &Table) -> Vec<(String, Value)> {
        let schema: Value = serde_json::from_str(&text(&table.parameters).unwrap()).unwrap();
        let field = |field: &Value| (field["name"].as_str().unwrap().to_owned(), field["type"].clone());
        schema["fields"].as_array().unwrap().iter().map(field).collect()
    }

    #[test]
    fn new_columns_stand_before_partition_keys_and_names_keep_their_case() {
        let mut note = Column::new("note", "char(3)");
        note.comment = Some("free \"text\"".into());
        let mut table = table(vec![Column::new("total", "decimal(10,2)"), note], "string");
        table.parameters.insert(SCHEMA.into(), SPARKS.into());
        follow(&name(), &mut table, &["zip"]).unwrap();
        let names: Vec<_> = read(&table).into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["orderId", "Zip", "tags", "total", "note", "year"]);
        let schema: Value = serde_json::from_str(&table.parameters[SCHEMA]).unwrap();
        let fields = &schema["fields"];
        assert_eq!(fields[0]["metadata"]["comment"], "the number");
        assert_eq!((&fields[1]["type"], &fields[1]["metadata"]), (&json!("string"), &json!({})));
        assert_eq!(fields[3]["type"], "decimal(10,2)");
        assert_eq!(fields[4]["metadata"], json!({ "comment": "free \"text\"", TEXT: "char(3)" }));
        let before = table.parameters.clone();
        follow(&name(), &mut table, &[]).unwrap();
        assert_eq!(table.parameters, before);
    }

    #[test]
    fn a_schema_in_pieces_stays_in_pieces() {
        let more = (0..200).map(|n| Column::new(format!("größe_{n}"), "bigint")).collect();
        let mut table = table(more, "varchar(5)");
        let half = SPARKS.len() / 2;
        table.parameters.insert(PARTS.into(), "2".into());
        table.parameters.insert(format!("{SCHEMA}.part.0"), SPARKS[..half].into());
        table.parameters.insert(format!("{SCHEMA}.part.1"), SPARKS[half..].into());
        follow(&name(), &mut table, &[]).unwrap();
        assert_eq!(read(&table).len(), 204);
        let parts: usize = table.parameters[PARTS].parse().unwrap();
        assert!(parts > 2 && !table.parameters.contains_key(SCHEMA));
        assert!(table.parameters.values().all(|piece| piece.chars().count() <= PIECE));
        assert_eq!(table.parameters.len(), parts + 1);
    }

    #[test]
    fn what_cannot_be_read_is_refused_and_other_tables_are_left_alone() {
        for (parameter, value) in [(SCHEMA, "{"), (SCHEMA, "[]"), (PARTS, "2"), (PARTS, "many")] {
            let mut table = table(vec![], "string");
            table.parameters.insert(parameter.into(), value.into());
            let error = follow(&name(), &mut table, &[]).unwrap_err().to_string();
            assert!(error.contains("made by Spark"), "{error}");
        }
        let mut table = table(vec![], "string");
        follow(&name(), &mut table, &[]).unwrap();
        assert!(table.parameters.is_empty());
    }
}
