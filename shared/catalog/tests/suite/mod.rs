//! What every catalog promises, and what a commit to any of them does.

use std::{sync::Arc, time::Duration};

use arrow::datatypes::DataType;
use cleanzone_catalog::{
    Catalog, Column, Commit, Committed, Committer, Error, FileColumn, FileSchema, Partition, Result, Table, TableName,
    Written,
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
    FileSchema { partition_keys: vec!["year".into()], ..file(columns) }
}

pub(crate) fn year(name: &TableName, year: &str) -> Partition {
    Partition { values: vec![year.to_owned()], location: format!("{}year={year}/", location(name)) }
}

pub(crate) async fn commit(
    committer: &Committer,
    name: &TableName,
    file: &FileSchema,
    partitions: &[Partition],
    seen: Option<Table>,
) -> Result<Committed> {
    let location = location(name);
    let commit =
        Commit { name, location: &location, file, partitions, compression: "snappy", seen, patience: PATIENCE };
    committer.commit(commit).await
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
        assert_eq!((&*columns[0].column, &*columns[0].table, &*columns[0].file), ("note", "date", "string"));
        assert_eq!(self.catalog.table(&name).await.unwrap().unwrap(), table);
    }

    async fn a_file_that_does_not_fit_is_refused(&self) {
        let (committer, name) = (self.committer(), self.name("refuses"));
        let schema = file_by_year(&[("id", Some(DataType::Int64))]);
        commit(&committer, &name, &schema, &[year(&name, "2026")], None).await.unwrap();
        let before = self.catalog.table(&name).await.unwrap().unwrap();

        let elsewhere = Commit {
            name: &name,
            location: "s3://other/place",
            file: &schema,
            partitions: &[],
            compression: "snappy",
            seen: None,
            patience: PATIENCE,
        };
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
