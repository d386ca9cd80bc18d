//! What every catalog promises, and what a commit to any of them does.

use std::{
    collections::BTreeMap,
    sync::{Arc, LazyLock},
    time::Duration,
};

use arrow::datatypes::DataType;
use cleanzone_catalog::{
    Bookkeeping, Catalog, Column, ColumnStatistics, Commit, Committed, Committer, Error, Evolution, FileColumn,
    FileSchema, Kind, Numbers, Partition, PartitionKey, Result, Statistics, Table, TableName, Written,
};
use tokio::task::JoinSet;

pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// The tests of one catalog; databases begin with `prefix`, because others may share it.
pub(crate) struct Suite {
    pub(crate) catalog: Arc<dyn Catalog>,
    pub(crate) prefix: String,
}

pub(crate) fn location(name: &TableName) -> String {
    format!("s3://clean/{}/{}/", name.database, name.table)
}

/// A file with these columns; `None` is a column without values.
pub(crate) fn file(columns: &[(&str, Option<DataType>)]) -> FileSchema {
    let columns = columns.iter().map(|(name, data_type)| FileColumn::new(*name, data_type.clone())).collect();
    FileSchema { columns, partition_keys: vec![] }
}

/// The same, under `year=…/` folders.
pub(crate) fn file_by_year(columns: &[(&str, Option<DataType>)]) -> FileSchema {
    FileSchema { partition_keys: vec![PartitionKey::new("year")], ..file(columns) }
}

pub(crate) fn year(name: &TableName, year: &str) -> Partition {
    Partition { values: vec![year.to_owned()], location: format!("{}year={year}/", location(name)) }
}

/// The id of [`counted`].
pub(crate) const ID: &str = "1f";

/// How commits count that are nothing special.
pub(crate) fn counted() -> &'static Bookkeeping {
    static COUNTED: LazyLock<Bookkeeping> =
        LazyLock::new(|| Bookkeeping { id: ID.to_owned(), columns: true, by_partition: false });
    &COUNTED
}

/// A commit without anything special.
pub(crate) fn plain<'a>(name: &'a TableName, location: &'a str, file: &'a FileSchema) -> Commit<'a> {
    Commit {
        name,
        location,
        captured: None,
        file,
        evolution: Evolution::default(),
        projection: BTreeMap::new(),
        statistics: Some(counted()),
        is_first: true,
        partitions: &[],
        compression: "snappy",
        seen: None,
        patience: PATIENCE,
    }
}

pub(crate) async fn commit(
    committer: &Committer,
    name: &TableName,
    file: &FileSchema,
    partitions: &[Partition],
    seen: Option<Table>,
) -> Result<Committed> {
    committer.commit(Commit { partitions, seen, ..plain(name, &location(name), file) }).await
}

pub(crate) fn types(columns: &[Column]) -> Vec<(&str, &str)> {
    columns.iter().map(|column| (&*column.name, &*column.hive_type)).collect()
}

pub(crate) fn names(columns: &[Column]) -> Vec<String> {
    let mut names: Vec<_> = columns.iter().map(|column| column.name.clone()).collect();
    names.sort_unstable();
    names
}

/// All partitions of a table that lack a column of it; and how many there are in all.
pub(crate) async fn outdated(catalog: &dyn Catalog, name: &TableName) -> (Vec<Partition>, usize) {
    let table = catalog.table(name).await.unwrap().unwrap();
    let (mut outdated, mut count, mut after) = (Vec::new(), 0, None);
    loop {
        let page = catalog.partitions(name, after).await.unwrap();
        count += page.partitions.len();
        outdated.extend(page.partitions.into_iter().filter(|p| p.is_outdated(&table)).map(|p| p.partition));
        after = page.next;
        if after.is_none() {
            return (outdated, count);
        }
    }
}

impl Suite {
    fn name(&self, database: &str) -> TableName {
        TableName::new(format!("{}_{database}", self.prefix), "orders")
    }

    fn committer(&self) -> Committer {
        Committer::new(Arc::clone(&self.catalog))
    }

    /// Everything.
    pub(crate) async fn run(&self) {
        self.a_table_has_versions().await;
        self.partitions_are_kept().await;
        self.a_file_makes_and_grows_its_table().await;
        self.a_file_that_does_not_fit_is_refused().await;
        self.partitions_follow_their_table().await;
        self.there_may_be_many_partitions().await;
        self.partition_keys_have_types().await;
        self.a_wider_declaration_widens_partitions_too().await;
        self.projection_follows_the_rules().await;
        self.numbers_end_with_the_count().await;
        self.numbers_stand_beside_what_is_there().await;
        self.statistics_of_columns_are_kept().await;
        self.writers_at_once_all_get_their_columns().await;
        self.writers_at_once_create_one_table().await;
        self.there_may_be_many_databases().await;
    }

    async fn a_table_has_versions(&self) {
        let (catalog, name) = (&self.catalog, self.name("versions"));
        assert_eq!(catalog.table(&name).await.unwrap(), None);
        let mut column = Column::new("id", "bigint");
        column.comment = Some("the number".into());
        let table =
            Table::new(location(&name), vec![column, Column::provisional("b")], vec![Column::new("year", "string")]);
        assert_eq!(catalog.create_table(&name, &table).await.unwrap(), Written::Missing);
        catalog.create_database(&name.database).await.unwrap();
        catalog.create_database(&name.database).await.unwrap();
        assert_eq!(catalog.table(&name).await.unwrap(), None);
        assert_eq!(catalog.create_table(&name, &table).await.unwrap(), Written::Done);
        assert_eq!(catalog.create_table(&name, &table).await.unwrap(), Written::Stale);
        // Not read, so not to be updated.
        assert_eq!(catalog.update_table(&name, &table).await.unwrap(), Written::Stale);

        let read = catalog.table(&name).await.unwrap().unwrap();
        assert!(read.version.is_some());
        assert_eq!(read, Table { version: read.version.clone(), ..table });

        let mut grown = read.clone();
        grown.columns.push(Column::new("c", "array<string>"));
        grown.parameters.insert("rows".into(), "3".into());
        assert_eq!(catalog.update_table(&name, &grown).await.unwrap(), Written::Done);
        let again = catalog.table(&name).await.unwrap().unwrap();
        assert_ne!(again.version, read.version);
        assert_eq!(again, Table { version: again.version.clone(), ..grown.clone() });

        grown.columns.push(Column::new("d", "bigint"));
        assert_eq!(catalog.update_table(&name, &grown).await.unwrap(), Written::Stale);
        assert_eq!(catalog.table(&name).await.unwrap().unwrap(), again);
        let gone = TableName::new(&name.database, "gone");
        assert_eq!(catalog.update_table(&gone, &grown).await.unwrap(), Written::Missing);
    }

    async fn partitions_are_kept(&self) {
        let (catalog, name) = (&self.catalog, self.name("partitions"));
        catalog.create_database(&name.database).await.unwrap();
        let columns = vec![Column::new("id", "bigint"), Column::provisional("b")];
        let table = Table::new(location(&name), columns, vec![Column::new("year", "string")]);
        assert_eq!(catalog.create_table(&name, &table).await.unwrap(), Written::Done);

        let all: Vec<_> = (0..250).map(|n| year(&name, &n.to_string())).collect();
        assert!(catalog.find_partitions(&name, &all).await.unwrap().is_empty());
        assert_eq!(catalog.create_partitions(&name, &table, &all[..240]).await.unwrap(), Written::Done);
        assert_eq!(catalog.create_partitions(&name, &table, &all[235..]).await.unwrap(), Written::Stale);
        let mut found = catalog.find_partitions(&name, &all).await.unwrap();
        found.sort_by_key(|held| held.partition.values[0].parse::<u32>().unwrap());
        assert_eq!(found.iter().map(|held| held.partition.clone()).collect::<Vec<_>>(), all);
        assert!(found.iter().all(|held| types(&held.columns) == [("id", "bigint")]));

        let grown = Table { columns: vec![Column::new("id", "bigint"), Column::new("c", "date")], ..table };
        assert_eq!(catalog.update_partitions(&name, &grown, &found).await.unwrap(), Written::Done);
        let found = catalog.find_partitions(&name, &all[..1]).await.unwrap();
        assert_eq!(types(&found[0].columns), [("id", "bigint"), ("c", "date")]);
        assert_eq!(found[0].partition, all[0]);
    }

    async fn a_file_makes_and_grows_its_table(&self) {
        let (committer, name) = (self.committer(), self.name("grows"));
        let first = file(&[("id", Some(DataType::Int64)), ("note", None), ("paid", Some(DataType::Boolean))]);
        let done = commit(&committer, &name, &first, &[], None).await.unwrap();
        assert!(done.created && done.added.is_empty() && done.conflicts == 0, "{done:?}");
        let seen = self.catalog.table(&name).await.unwrap().unwrap();
        assert_eq!(types(&seen.columns), [("id", "bigint"), ("note", "string"), ("paid", "boolean")]);
        assert!(seen.columns[1].is_provisional());
        assert_eq!(seen.parameters["classification"], "parquet");

        let done = commit(&committer, &name, &first, &[], None).await.unwrap();
        assert!(!done.created && done.added.is_empty() && done.promoted.is_empty(), "{done:?}");
        assert_eq!(done.table.version, seen.version);

        let second = file(&[("note", Some(DataType::Date32)), ("zip", Some(DataType::Utf8)), ("id", None)]);
        let done = commit(&committer, &name, &second, &[], Some(seen.clone())).await.unwrap();
        // Only who reads a table knows its version.
        assert_eq!(done.table.version, None);
        assert_eq!((done.added, done.promoted), (vec!["zip".to_owned()], vec!["note".to_owned()]));

        // What was seen is out of date by now.
        let third = file(&[("city", Some(DataType::Utf8))]);
        let done = commit(&committer, &name, &third, &[], Some(seen.clone())).await.unwrap();
        assert_eq!((done.conflicts, done.added), (1, vec!["city".to_owned()]));

        let table = self.catalog.table(&name).await.unwrap().unwrap();
        let expected = [("id", "bigint"), ("note", "date"), ("paid", "boolean"), ("zip", "string"), ("city", "string")];
        assert_eq!(types(&table.columns), expected);
        assert!(table.columns.iter().all(|column| !column.is_provisional()));

        // Another writer has settled the type of `note` since it was seen.
        let fourth = file(&[("note", Some(DataType::Utf8))]);
        let error = commit(&committer, &name, &fourth, &[], Some(seen)).await.unwrap_err();
        let Error::Reread { columns, .. } = error else { panic!("{error}") };
        assert_eq!(
            (&*columns[0].column, columns[0].table.as_deref(), &*columns[0].file),
            ("note", Some("date"), "string")
        );
        assert_eq!(self.catalog.table(&name).await.unwrap().unwrap(), table);
    }

    async fn a_file_that_does_not_fit_is_refused(&self) {
        let (committer, name) = (self.committer(), self.name("refuses"));
        let schema = file_by_year(&[("id", Some(DataType::Int64))]);
        commit(&committer, &name, &schema, &[year(&name, "2026")], None).await.unwrap();
        let before = self.catalog.table(&name).await.unwrap().unwrap();

        let elsewhere = plain(&name, "s3://other/place", &schema);
        let error = committer.commit(elsewhere).await.unwrap_err().to_string();
        assert!(error.contains(&location(&name)) && error.contains("s3://other/place"), "{error}");

        let unpartitioned = file(&[("new", Some(DataType::Int64))]);
        let error = commit(&committer, &name, &unpartitioned, &[], None).await.unwrap_err();
        assert!(matches!(error, Error::Schema { .. }), "{error}");
        let wrong = [Partition { values: vec!["2026".into(), "11".into()], location: location(&name) }];
        let error = commit(&committer, &name, &schema, &wrong, None).await.unwrap_err();
        assert!(matches!(error, Error::Schema { .. }), "{error}");
        let moved = [Partition { values: vec!["2026".into()], location: format!("{}moved/", location(&name)) }];
        let error = commit(&committer, &name, &schema, &moved, None).await.unwrap_err().to_string();
        assert!(error.contains("year=2026/") && error.contains("moved/"), "{error}");
        assert_eq!(self.catalog.table(&name).await.unwrap().unwrap(), before);
    }

    async fn partitions_follow_their_table(&self) {
        let (committer, name) = (self.committer(), self.name("follows"));
        let all: Vec<_> = (0..250).map(|n| year(&name, &n.to_string())).collect();
        let first = file_by_year(&[("id", Some(DataType::Int64)), ("note", None)]);
        let done = commit(&committer, &name, &first, &all, None).await.unwrap();
        assert_eq!((done.created, done.partitions_created, done.partitions_updated), (true, 250, 0));

        // In another process, which remembers nothing.
        let committer = self.committer();
        let done = commit(&committer, &name, &first, &all, None).await.unwrap();
        assert_eq!((done.partitions_created, done.partitions_updated), (0, 0));

        let second = file_by_year(&[("note", Some(DataType::Float64)), ("zip", Some(DataType::Utf8))]);
        let partitions = [year(&name, "7"), year(&name, "250")];
        let done = commit(&committer, &name, &second, &partitions, None).await.unwrap();
        assert_eq!((done.partitions_created, done.partitions_updated), (1, 250));
        assert_eq!(outdated(&*self.catalog, &name).await, (vec![], 251));
        let found = self.catalog.find_partitions(&name, &all[..1]).await.unwrap();
        assert_eq!(types(&found[0].columns), [("id", "bigint"), ("note", "double"), ("zip", "string")]);
    }

    async fn there_may_be_many_partitions(&self) {
        let (committer, name) = (self.committer(), self.name("many_partitions"));
        let all: Vec<_> = (0..2_150).map(|n| year(&name, &n.to_string())).collect();
        let schema = file_by_year(&[("id", Some(DataType::Int64))]);
        let done = commit(&committer, &name, &schema, &all[..1_200], None).await.unwrap();
        assert_eq!((done.partitions_created, done.partitions_updated), (1_200, 0));
        let done = commit(&committer, &name, &schema, &all, None).await.unwrap();
        assert_eq!((done.partitions_created, done.partitions_updated), (950, 0));
        let grown = file_by_year(&[("zip", Some(DataType::Utf8))]);
        let done = commit(&self.committer(), &name, &grown, &all[..1], None).await.unwrap();
        assert_eq!((done.partitions_created, done.partitions_updated), (0, 2_150));
        assert_eq!(outdated(&*self.catalog, &name).await, (vec![], 2_150));
    }

    async fn partition_keys_have_types(&self) {
        let (committer, name) = (self.committer(), self.name("typed_keys"));
        let columns = vec![FileColumn::new("id", Some(DataType::Int64))];
        let keyed = |hive_type: &str| FileSchema {
            columns: columns.clone(),
            partition_keys: vec![PartitionKey::typed("year", hive_type)],
        };
        let error = commit(&committer, &name, &keyed("int"), &[year(&name, "late")], None).await.unwrap_err();
        assert!(matches!(error, Error::Schema { .. }), "{error}");
        assert_eq!(self.catalog.table(&name).await.unwrap(), None);
        commit(&committer, &name, &keyed("int"), &[year(&name, "2026")], None).await.unwrap();
        // The table's type holds.
        commit(&committer, &name, &keyed("date"), &[year(&name, "2027")], None).await.unwrap();
        let table = self.catalog.table(&name).await.unwrap().unwrap();
        assert_eq!(types(&table.partition_keys), [("year", "int")]);
        let error = commit(&committer, &name, &keyed("date"), &[year(&name, "2026-11-21")], None).await.unwrap_err();
        assert!(matches!(error, Error::Schema { .. }), "{error}");
    }

    async fn a_wider_declaration_widens_partitions_too(&self) {
        let (committer, name) = (self.committer(), self.name("widens"));
        let declared = |hive_type: &str| {
            let column = FileColumn::new("id", cleanzone_catalog::data_type(hive_type));
            let column = FileColumn { declared: Some(hive_type.to_owned()), ..column };
            FileSchema { columns: vec![column], ..file_by_year(&[]) }
        };
        let partitions = [year(&name, "2025"), year(&name, "2026")];
        commit(&committer, &name, &declared("smallint"), &partitions, None).await.unwrap();
        let done = commit(&committer, &name, &declared("int"), &partitions[..1], None).await.unwrap();
        assert_eq!(done.changes, ["column id widened from smallint to int, as declared"]);
        assert_eq!(done.partitions_updated, 2);
        assert_eq!(outdated(&*self.catalog, &name).await, (vec![], 2));
        let held = self.catalog.find_partitions(&name, &partitions[1..]).await.unwrap();
        assert_eq!(types(&held[0].columns), [("id", "int")]);

        let done = commit(&committer, &name, &declared("tinyint"), &partitions, None).await.unwrap();
        assert_eq!((done.changes, done.widened, done.partitions_updated), (vec![], vec![], 0));
        let error = commit(&committer, &name, &declared("bigint"), &partitions, None).await.unwrap_err();
        assert!(matches!(error, Error::Reread { .. }), "{error}");
    }

    async fn projection_follows_the_rules(&self) {
        let (committer, name) = (self.committer(), self.name("projection"));
        let (place, schema) = (location(&name), file_by_year(&[("id", Some(DataType::Int64))]));
        let given = |projection: &[(&str, &str)]| {
            let projection = projection.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            Commit { projection, ..plain(&name, &place, &schema) }
        };
        let projection = [("projection.enabled", "true"), ("projection.year.type", "integer")];
        committer.commit(given(&projection)).await.unwrap();
        let first = self.catalog.table(&name).await.unwrap().unwrap();
        assert_eq!((&*first.parameters["projection.enabled"], &*first.parameters["EXTERNAL"]), ("true", "TRUE"));
        let done = committer.commit(given(&projection)).await.unwrap();
        assert_eq!((done.table.version, done.changes), (first.version.clone(), vec![]));
        let done = committer.commit(given(&[projection[0], ("projection.year.type", "enum")])).await.unwrap();
        assert_eq!(done.changes, ["table parameter projection.year.type set"]);
        let second = self.catalog.table(&name).await.unwrap().unwrap();
        let mut expected = first.parameters.clone();
        expected.insert("projection.year.type".into(), "enum".into());
        assert_eq!((second.parameters, &second.columns), (expected.clone(), &first.columns));

        committer.commit(given(&[])).await.unwrap();
        let third = self.catalog.table(&name).await.unwrap().unwrap();
        expected.retain(|name, _| name != "cleanzone.projection" && name != "projection.year.type");
        expected.insert("projection.enabled".into(), "false".into());
        assert_eq!((third.parameters, &third.columns), (expected, &first.columns));
        let error = committer.commit(given(&[projection[0], ("projection.year.range", "1,2")])).await.unwrap_err();
        assert!(error.to_string().contains("none for its partition key year"), "{error}");
    }

    async fn numbers_end_with_the_count(&self) {
        let (committer, name) = (self.committer(), self.name("uncounted"));
        let place = location(&name);
        let partitions = [year(&name, "2025"), year(&name, "2026")];
        let schema = file_by_year(&[("id", Some(DataType::Int64))]);
        commit(&committer, &name, &schema, &partitions, None).await.unwrap();
        let numbers = Numbers { rows: 30, files: 3, bytes: 900 };
        let values = partitions.iter().map(|partition| (partition.values.clone(), numbers));
        let statistics = Statistics { table: Some(numbers), partitions: values.collect() };
        assert!(!committer.record_statistics(&name, "2e", &statistics, PATIENCE).await.unwrap());
        assert!(committer.record_statistics(&name, ID, &statistics, PATIENCE).await.unwrap());

        let uncounted = Commit { statistics: None, partitions: &partitions, ..plain(&name, &place, &schema) };
        let done = committer.commit(uncounted).await.unwrap();
        assert_eq!((Bookkeeping::of(&done.table), done.changes), (None, vec![]));
        let untouched = async || {
            let held = self.catalog.table(&name).await.unwrap().unwrap();
            assert!(
                !held.parameters.keys().any(|name| name == "numRows" || name == "cleanzone.statistics"),
                "{held:?}"
            );
            let found = self.catalog.find_partitions(&name, &partitions).await.unwrap();
            assert!(found.len() == 2 && found.iter().all(|held| held.parameters.is_empty()), "{found:?}");
        };
        untouched().await;
        // It was the last one to be right.
        commit(&committer, &name, &schema, &partitions, None).await.unwrap();
        assert!(!committer.record_statistics(&name, ID, &statistics, PATIENCE).await.unwrap());
        assert!(!committer.record_column_statistics(&name, ID, None, &[], PATIENCE).await.unwrap());
        untouched().await;
    }

    async fn numbers_stand_beside_what_is_there(&self) {
        let (committer, name) = (self.committer(), self.name("numbers"));
        let mut statistics = Statistics { table: Some(Numbers::default()), ..Statistics::default() };
        assert!(!committer.record_statistics(&name, ID, &statistics, PATIENCE).await.unwrap());
        let partitions = [year(&name, "2025"), year(&name, "2026")];
        let schema = file_by_year(&[("id", Some(DataType::Int64))]);
        commit(&committer, &name, &schema, &partitions, None).await.unwrap();
        let before = self.catalog.table(&name).await.unwrap().unwrap();

        statistics.table = Some(Numbers { rows: 30, files: 3, bytes: 900 });
        let in_2026 = Numbers { rows: 10, files: 1, bytes: 333 };
        // The second partition is gone by now.
        statistics.partitions =
            [("2026", in_2026), ("1999", in_2026)].map(|(year, n)| (vec![year.to_owned()], n)).into();
        assert!(committer.record_statistics(&name, ID, &statistics, PATIENCE).await.unwrap());
        let after = self.catalog.table(&name).await.unwrap().unwrap();
        assert_eq!((&after.columns, &after.location), (&before.columns, &before.location));
        let said = |parameters: &BTreeMap<String, String>| {
            let names =
                ["numRows", "recordCount", "numFiles", "objectCount", "totalSize", "sizeKey", "averageRecordSize"];
            names.map(|name| parameters.get(name).cloned().unwrap_or_default())
        };
        assert_eq!(said(&after.parameters), ["30", "30", "3", "3", "900", "900", "30"]);
        assert!(before.parameters.iter().all(|(name, value)| after.parameters.get(name) == Some(value)));
        let mut found = self.catalog.find_partitions(&name, &partitions).await.unwrap();
        found.sort_by_key(|held| held.partition.clone());
        assert_eq!(found.iter().map(|held| held.partition.clone()).collect::<Vec<_>>(), partitions);
        assert_eq!(said(&found[1].parameters), ["10", "10", "1", "1", "333", "333", "33"]);
        assert!(found[0].parameters.is_empty() && types(&found[1].columns) == [("id", "bigint")]);

        // Nothing to write.
        assert!(committer.record_statistics(&name, ID, &statistics, PATIENCE).await.unwrap());
        assert_eq!(self.catalog.table(&name).await.unwrap().unwrap().version, after.version);
        // A table that grows keeps its numbers, and those of its partitions.
        let grown = file_by_year(&[("zip", Some(DataType::Utf8))]);
        commit(&committer, &name, &grown, &partitions, None).await.unwrap();
        let held = self.catalog.find_partitions(&name, &partitions[1..]).await.unwrap();
        assert_eq!((said(&held[0].parameters), held[0].columns.len()), (said(&found[1].parameters), 2));
    }

    async fn statistics_of_columns_are_kept(&self) {
        let (catalog, committer, name) = (&self.catalog, self.committer(), self.name("columns"));
        let decimal = DataType::Decimal128(20, 2);
        let mut columns: Vec<(String, DataType)> = (0..60).map(|n| (format!("c{n}"), DataType::Int64)).collect();
        for (column, data_type) in [
            ("paid", DataType::Boolean),
            ("weight", DataType::Float64),
            ("total", decimal),
            ("day", DataType::Date32),
            ("city", DataType::Utf8),
        ] {
            columns.push((column.to_owned(), data_type));
        }
        let columns = columns.into_iter().map(|(name, data_type)| FileColumn::new(name, Some(data_type))).collect();
        let schema = FileSchema { columns, ..file_by_year(&[]) };
        commit(&committer, &name, &schema, &[year(&name, "2026")], None).await.unwrap();

        let of = |name: &str, nulls, distinct, kind| ColumnStatistics { name: name.to_owned(), nulls, distinct, kind };
        let mut expected: Vec<_> = (0..60i64)
            .map(|n| of(&format!("c{n}"), 1, 2, Kind::Long { range: Some((-n - 1, i64::MAX - n)) }))
            .collect();
        expected.extend([
            of("paid", 3, 0, Kind::Boolean { trues: 4, falses: 5 }),
            of("weight", 0, 9, Kind::Double { range: Some((-0.25, 1e300)) }),
            of("total", 1, 9, Kind::Decimal { range: Some((-12_345, 1_234_567_890_123_456_789_012)), scale: 2 }),
            of("day", 1, 9, Kind::Date { range: Some((-400, 20_000)) }),
            of("city", 2, 7, Kind::String { longest: 12, average: 4.5 }),
        ]);
        let names: Vec<String> = expected.iter().map(|statistics| statistics.name.clone()).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        expected.sort_by(|a, b| a.name.cmp(&b.name));
        let mut asked = expected.clone();
        asked.push(of("gone", 0, 0, Kind::Long { range: Some((0, 1)) }));

        let in_2026 = ["2026".to_owned()];
        for partition in [None, Some(&in_2026[..])] {
            assert!(catalog.column_statistics(&name, partition, &names).await.unwrap().is_empty());
            assert!(committer.record_column_statistics(&name, ID, partition, &asked, PATIENCE).await.unwrap());
            let mut kept = catalog.column_statistics(&name, partition, &names).await.unwrap();
            kept.sort_by(|a, b| a.name.cmp(&b.name));
            assert_eq!(kept, expected);
        }
        let newer = [of("city", 0, 8, Kind::String { longest: 13, average: 5.0 })];
        assert!(committer.record_column_statistics(&name, ID, None, &newer, PATIENCE).await.unwrap());
        assert_eq!(catalog.column_statistics(&name, None, &["city"]).await.unwrap(), newer);
        // A type that is not the table's, and a range that nobody knows.
        let odd = [of("city", 0, 1, Kind::Boolean { trues: 1, falses: 0 }), of("c1", 0, 0, Kind::Long { range: None })];
        assert!(committer.record_column_statistics(&name, ID, None, &odd, PATIENCE).await.unwrap());
        assert_eq!(catalog.column_statistics(&name, None, &["city"]).await.unwrap(), newer);
        let gone = TableName::new(&name.database, "gone");
        assert!(!committer.record_column_statistics(&gone, ID, None, &newer, PATIENCE).await.unwrap());
    }

    async fn writers_at_once_all_get_their_columns(&self) {
        let name = self.name("at_once");
        commit(&self.committer(), &name, &file_by_year(&[("id", None)]), &[year(&name, "0")], None).await.unwrap();
        let seen = self.catalog.table(&name).await.unwrap();
        let mut writers = JoinSet::new();
        for n in 0..20 {
            let (committer, name, seen) = (self.committer(), name.clone(), seen.clone());
            writers.spawn(async move {
                let columns = [(&*format!("c{n}"), Some(DataType::Utf8)), ("id", Some(DataType::Int64))];
                let partitions = [year(&name, "0"), year(&name, &n.to_string())];
                commit(&committer, &name, &file_by_year(&columns), &partitions, seen).await
            });
        }
        let mut conflicts = 0;
        while let Some(done) = writers.join_next().await {
            conflicts += done.unwrap().unwrap().conflicts;
        }
        assert!(conflicts > 0, "nobody raced");
        let table = self.catalog.table(&name).await.unwrap().unwrap();
        let mut expected: Vec<_> = (0..20).map(|n| format!("c{n}")).chain(["id".to_owned()]).collect();
        expected.sort_unstable();
        assert_eq!(names(&table.columns), expected);
        assert_eq!(table.column("id").unwrap().hive_type, "bigint");
        assert_eq!(outdated(&*self.catalog, &name).await, (vec![], 20));
    }

    async fn writers_at_once_create_one_table(&self) {
        let name = self.name("create");
        let mut writers = JoinSet::new();
        for n in 0..20 {
            let (committer, name) = (self.committer(), name.clone());
            writers.spawn(async move {
                let columns = [(&*format!("c{}", n % 5), Some(DataType::Int64))];
                commit(&committer, &name, &file(&columns), &[], None).await
            });
        }
        let mut created = 0;
        while let Some(done) = writers.join_next().await {
            created += usize::from(done.unwrap().unwrap().created);
        }
        assert_eq!(created, 1);
        let table = self.catalog.table(&name).await.unwrap().unwrap();
        assert_eq!(names(&table.columns), ["c0", "c1", "c2", "c3", "c4"]);
    }

    async fn there_may_be_many_databases(&self) {
        let committer = self.committer();
        let schema = file(&[("id", Some(DataType::Int64))]);
        for turn in ["first", "second"] {
            for n in 0..150 {
                let done = commit(&committer, &self.name(&format!("many{n}")), &schema, &[], None).await.unwrap();
                assert_eq!(done.created, turn == "first");
            }
        }
    }
}
