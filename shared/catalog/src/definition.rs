//! What a table of ours looks like in Glue, and back.
//!
//! The shape is that which Athena's `CREATE EXTERNAL TABLE … STORED AS PARQUET` leaves, with the parameters that Glue's
//! crawlers and AWS SDK for pandas add, so that all of them know the table as their own. Source:
//! [`TableInput`](https://docs.aws.amazon.com/glue/latest/webapi/API_TableInput.html) and
//! [`StorageDescriptor`](https://docs.aws.amazon.com/glue/latest/webapi/API_StorageDescriptor.html).

use std::{collections::HashMap, sync::Arc};

use aws_sdk_glue::{
    error::BuildError,
    types::{
        self as glue, BatchUpdatePartitionRequestEntry, PartitionInput, PartitionValueList, SerDeInfo,
        StorageDescriptor, TableInput,
    },
};

use crate::{Column, Format, Partition, RegisteredPartition, Table, TableName, table::Origin};

const TABLE_TYPE: &str = "EXTERNAL_TABLE";
const INPUT_FORMAT: &str = "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat";
const OUTPUT_FORMAT: &str = "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat";
const SERDE: &str = "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe";

/// The definition of a table that is new.
pub(crate) fn new_table(name: &TableName, table: &Table) -> Result<TableInput, BuildError> {
    let keep = |parameter: &str| table.parameters.get(parameter).map(|value| (parameter.to_owned(), value.clone()));
    let described = ["classification", "compressionType", "typeOfData"].into_iter().filter_map(keep).collect();
    let storage = storage(&table.location, is_compressed(table))
        .set_columns(Some(columns(&table.columns)?))
        .set_parameters(Some(described))
        .build();
    TableInput::builder()
        .name(&name.table)
        .table_type(TABLE_TYPE)
        .storage_descriptor(storage)
        .set_partition_keys(Some(columns(&table.partition_keys)?))
        .set_parameters(Some(table.parameters.clone().into_iter().collect()))
        .build()
}

/// The definition as it was read, but for the columns and the parameters.
pub(crate) fn updated_table(name: &TableName, origin: &glue::Table, table: &Table) -> Result<TableInput, BuildError> {
    let mut storage = origin.storage_descriptor.clone().unwrap_or_else(|| StorageDescriptor::builder().build());
    storage.columns = Some(columns(&table.columns)?);
    TableInput::builder()
        .name(&name.table)
        .set_description(origin.description.clone())
        .set_owner(origin.owner.clone())
        .set_last_access_time(origin.last_access_time)
        .set_last_analyzed_time(origin.last_analyzed_time)
        .retention(origin.retention)
        .storage_descriptor(storage)
        .set_partition_keys(origin.partition_keys.clone())
        .set_view_original_text(origin.view_original_text.clone())
        .set_view_expanded_text(origin.view_expanded_text.clone())
        .set_table_type(origin.table_type.clone())
        .set_parameters(Some(table.parameters.clone().into_iter().collect()))
        .build()
}

/// The definition of a partition that is new.
pub(crate) fn new_partition(table: &Table, partition: &Partition) -> Result<PartitionInput, BuildError> {
    let storage =
        storage(&partition.location, is_compressed(table)).set_columns(Some(columns(table.file_columns())?)).build();
    Ok(PartitionInput::builder().set_values(Some(partition.values.clone())).storage_descriptor(storage).build())
}

/// The definition of a partition as it was read, but for the columns and the parameters.
pub(crate) fn updated_partition(
    table: &Table,
    held: &RegisteredPartition,
) -> Result<BatchUpdatePartitionRequestEntry, BuildError> {
    let input = match held.origin.as_deref() {
        None => new_partition(table, &held.partition)?,
        Some(origin) => {
            let mut storage = origin.storage_descriptor.clone().unwrap_or_else(|| StorageDescriptor::builder().build());
            storage.columns = Some(columns(table.file_columns())?);
            PartitionInput::builder()
                .set_values(origin.values.clone())
                .set_last_access_time(origin.last_access_time)
                .set_last_analyzed_time(origin.last_analyzed_time)
                .set_parameters(Some(held.parameters.clone().into_iter().collect()))
                .storage_descriptor(storage)
                .build()
        }
    };
    BatchUpdatePartitionRequestEntry::builder()
        .set_partition_value_list(Some(held.partition.values.clone()))
        .partition_input(input)
        .build()
}

/// The values of a partition as a key to ask for it.
pub(crate) fn values(partition: &Partition) -> Result<PartitionValueList, BuildError> {
    PartitionValueList::builder().set_values(Some(partition.values.clone())).build()
}

/// A table as Glue gives it.
pub(crate) fn read_table(table: glue::Table) -> Table {
    let storage = table.storage_descriptor.as_ref();
    Table {
        columns: storage.map(|storage| read_columns(storage.columns())).unwrap_or_default(),
        partition_keys: read_columns(table.partition_keys()),
        location: storage.and_then(|storage| storage.location()).unwrap_or_default().to_owned(),
        format: format(&table),
        parameters: table.parameters().map(sorted).unwrap_or_default(),
        version: table.version_id.clone(),
        origin: Origin { glue: Some(Arc::new(table)) },
    }
}

/// A partition as Glue gives it.
pub(crate) fn read_partition(partition: glue::Partition) -> RegisteredPartition {
    let storage = partition.storage_descriptor.as_ref();
    RegisteredPartition {
        columns: storage.map(|storage| read_columns(storage.columns())).unwrap_or_default(),
        partition: Partition {
            values: partition.values().to_vec(),
            location: storage.and_then(|storage| storage.location()).unwrap_or_default().to_owned(),
        },
        parameters: partition.parameters().map(sorted).unwrap_or_default(),
        origin: Some(Box::new(partition)),
    }
}

/// What is common to a table and a partition.
fn storage(location: &str, compressed: bool) -> aws_sdk_glue::types::builders::StorageDescriptorBuilder {
    let serde = SerDeInfo::builder().serialization_library(SERDE).parameters("serialization.format", "1").build();
    StorageDescriptor::builder()
        .location(location)
        .input_format(INPUT_FORMAT)
        .output_format(OUTPUT_FORMAT)
        .serde_info(serde)
        .compressed(compressed)
        .number_of_buckets(-1)
        .stored_as_sub_directories(false)
}

fn is_compressed(table: &Table) -> bool {
    let compression = table.parameters.get("compressionType").map_or("none", String::as_str);
    !matches!(compression, "none" | "uncompressed")
}

fn columns<'a>(columns: impl IntoIterator<Item = &'a Column>) -> Result<Vec<glue::Column>, BuildError> {
    let column = |column: &Column| {
        glue::Column::builder()
            .name(&column.name)
            .r#type(&column.hive_type)
            .set_comment(column.comment.clone())
            .set_parameters((!column.parameters.is_empty()).then(|| column.parameters.clone().into_iter().collect()))
            .build()
    };
    columns.into_iter().map(column).collect()
}

fn read_columns(columns: &[glue::Column]) -> Vec<Column> {
    let column = |column: &glue::Column| Column {
        name: column.name.clone(),
        hive_type: column.r#type.clone().unwrap_or_default(),
        comment: column.comment.clone(),
        parameters: column.parameters().map(sorted).unwrap_or_default(),
    };
    columns.iter().map(column).collect()
}

fn sorted(parameters: &HashMap<String, String>) -> std::collections::BTreeMap<String, String> {
    parameters.iter().map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// Whether files can simply be put into the table's location. A table format such as Iceberg has Parquet files too,
/// but only those that its own log knows.
fn format(table: &glue::Table) -> Format {
    let other = |kind: &str| Format::Other(kind.to_owned());
    if table.target_table.is_some() {
        return other("a link to another table");
    }
    if table.federated_table.is_some() {
        return other("a table of another catalog");
    }
    if table.table_type().is_some_and(|kind| kind.to_ascii_uppercase().ends_with("VIEW")) {
        return other("a view");
    }
    for parameter in ["table_type", "spark.sql.sources.provider", "classification"] {
        let value = table.parameters().and_then(|parameters| parameters.get(parameter));
        match value.map(|value| value.to_ascii_lowercase()).as_deref() {
            Some("iceberg") => return other("an Iceberg table"),
            Some("delta") => return other("a Delta Lake table"),
            Some("hudi") => return other("a Hudi table"),
            _ => {}
        }
    }
    let Some(storage) = &table.storage_descriptor else { return other("a table without storage") };
    if storage.schema_reference.is_some() {
        return other("a table whose columns are kept in a schema registry");
    }
    match storage.input_format() {
        Some(INPUT_FORMAT) => Format::Parquet,
        Some(input) => Format::Other(format!("a table of {input}")),
        None => other("a table without an input format"),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use aws_sdk_glue::{primitives::DateTime, types::Order};

    use super::*;

    fn name() -> TableName {
        TableName::new("sales", "orders")
    }

    fn ours() -> Table {
        let mut column = Column::new("id", "bigint");
        column.comment = Some("the number".into());
        let mut table = Table::new(
            "s3://clean/sales/orders/",
            vec![column, Column::provisional("note")],
            vec![Column::new("year", "string")],
        );
        table.parameters = crate::table::parameters("snappy");
        table
    }

    /// What Glue returns for a definition.
    fn stored(input: &TableInput) -> glue::Table {
        glue::Table::builder()
            .name(&input.name)
            .database_name("sales")
            .set_description(input.description.clone())
            .set_owner(input.owner.clone())
            .set_last_access_time(input.last_access_time)
            .set_last_analyzed_time(input.last_analyzed_time)
            .retention(input.retention)
            .set_storage_descriptor(input.storage_descriptor.clone())
            .set_partition_keys(input.partition_keys.clone())
            .set_table_type(input.table_type.clone())
            .set_parameters(input.parameters.clone())
            .version_id("7")
            .build()
            .unwrap()
    }

    #[test]
    fn a_new_table_is_what_every_engine_expects() {
        let input = new_table(&name(), &ours()).unwrap();
        assert_eq!((input.name(), input.table_type()), ("orders", Some("EXTERNAL_TABLE")));
        let parameters: BTreeMap<_, _> = input.parameters().unwrap().iter().map(|(k, v)| (&**k, &**v)).collect();
        let expected = BTreeMap::from([
            ("EXTERNAL", "TRUE"),
            ("classification", "parquet"),
            ("compressionType", "snappy"),
            ("projection.enabled", "false"),
            ("typeOfData", "file"),
        ]);
        assert_eq!(parameters, expected);

        let storage = input.storage_descriptor().unwrap();
        assert_eq!(storage.location(), Some("s3://clean/sales/orders/"));
        assert_eq!(storage.input_format(), Some("org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat"));
        assert_eq!(storage.output_format(), Some("org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat"));
        assert!(storage.compressed());
        let serde = storage.serde_info().unwrap();
        assert_eq!(serde.serialization_library(), Some("org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"));
        assert_eq!(serde.parameters().unwrap()["serialization.format"], "1");
        assert_eq!(storage.columns().len(), 2);
        assert_eq!(storage.columns()[0].comment(), Some("the number"));
        assert_eq!(input.partition_keys().len(), 1);

        let read = read_table(stored(&input));
        assert_eq!(read, Table { version: Some("7".into()), ..ours() });
    }

    #[test]
    fn an_update_keeps_what_others_have_put_there() {
        let mut theirs = stored(&new_table(&name(), &ours()).unwrap());
        theirs.description = Some("All orders".into());
        theirs.owner = Some("finance".into());
        theirs.retention = 30;
        theirs.last_access_time = Some(DateTime::from_secs(1_700_000_000));
        theirs.parameters.as_mut().unwrap().insert("team".into(), "finance".into());
        let storage = theirs.storage_descriptor.as_mut().unwrap();
        storage.sort_columns = Some(vec![Order::builder().column("id").sort_order(1).build().unwrap()]);
        storage.parameters.as_mut().unwrap().insert("crawler".into(), "nightly".into());

        let mut table = read_table(theirs.clone());
        table.columns.push(Column::new("total", "double"));
        let input = updated_table(&name(), table.origin.glue.as_ref().unwrap(), &table).unwrap();

        let mut expected = theirs;
        expected
            .storage_descriptor
            .as_mut()
            .unwrap()
            .columns
            .as_mut()
            .unwrap()
            .push(glue::Column::builder().name("total").r#type("double").build().unwrap());
        assert_eq!(stored(&input), expected);
    }

    #[test]
    fn a_partition_lists_what_its_files_may_hold() {
        let partition =
            Partition { values: vec!["2026".into()], location: "s3://clean/sales/orders/year=2026/".into() };
        let input = new_partition(&ours(), &partition).unwrap();
        let storage = input.storage_descriptor().unwrap();
        assert_eq!(storage.columns().iter().map(glue::Column::name).collect::<Vec<_>>(), ["id"]);
        assert_eq!(storage.location(), Some("s3://clean/sales/orders/year=2026/"));

        let theirs = glue::Partition::builder()
            .values("2026")
            .parameters("rows", "12")
            .storage_descriptor(StorageDescriptor::builder().location("s3://elsewhere/").compressed(true).build())
            .build();
        let entry = updated_partition(&ours(), &read_partition(theirs)).unwrap();
        let input = entry.partition_input().unwrap();
        assert_eq!(entry.partition_value_list(), ["2026"]);
        assert_eq!(input.parameters().unwrap()["rows"], "12");
        assert_eq!(input.storage_descriptor().unwrap().location(), Some("s3://elsewhere/"));
        assert_eq!(input.storage_descriptor().unwrap().columns().len(), 1);
    }

    #[test]
    fn only_plain_parquet_tables_are_written() {
        let plain = stored(&new_table(&name(), &ours()).unwrap());
        let kind = |change: &dyn Fn(&mut glue::Table)| {
            let mut table = plain.clone();
            change(&mut table);
            match read_table(table).format {
                Format::Parquet => "parquet".to_owned(),
                Format::Other(kind) => kind,
            }
        };
        let parameter = |table: &mut glue::Table, name: &str, value: &str| {
            table.parameters.as_mut().unwrap().insert(name.into(), value.into());
        };
        assert_eq!(kind(&|_| {}), "parquet");
        assert_eq!(kind(&|t| parameter(t, "table_type", "ICEBERG")), "an Iceberg table");
        assert_eq!(kind(&|t| parameter(t, "spark.sql.sources.provider", "delta")), "a Delta Lake table");
        assert_eq!(kind(&|t| parameter(t, "classification", "hudi")), "a Hudi table");
        assert_eq!(kind(&|t| t.table_type = Some("VIRTUAL_VIEW".into())), "a view");
        assert_eq!(kind(&|t| t.storage_descriptor = None), "a table without storage");
        assert_eq!(
            kind(&|t| t.storage_descriptor.as_mut().unwrap().input_format = Some("a.TextInputFormat".into())),
            "a table of a.TextInputFormat"
        );
    }
}
