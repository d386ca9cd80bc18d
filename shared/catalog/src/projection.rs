//! Partition projection: the table properties by which Athena computes partitions instead of asking the catalog.
//!
//! Source: [Set up partition projection](https://docs.aws.amazon.com/athena/latest/ug/partition-projection-setting-up.html).

use std::collections::{BTreeMap, BTreeSet};

use crate::{Column, Error, PartitionKey, Result, Table, TableName, commit::same_place};

/// The table parameter that lists, by commas, the properties that commits have set: these alone are ever removed again.
const OURS: &str = "cleanzone.projection";
/// The property that turns projection on.
const ENABLED: &str = "projection.enabled";
/// The property that says where partitions are, if not below the table in folders such as `year=2026`.
const TEMPLATE: &str = "storage.location.template";

/// Gives a table these properties, as far as they are about its partition keys, and takes those off that an earlier
/// commit has set and that are not among them. Returns what has changed, in words.
pub(crate) fn put(table: &mut Table, wanted: &BTreeMap<String, String>) -> Vec<String> {
    let wanted = of_keys(table, wanted);
    let held = &mut table.parameters;
    let mut ours: BTreeSet<String> =
        held.get(OURS).iter().flat_map(|list| list.split(',')).map(str::to_owned).collect();
    let mut changes = Vec::new();
    for gone in ours.iter().filter(|name| !wanted.contains_key(name.as_str())) {
        // A table of ours states it.
        let removed = if gone == ENABLED {
            held.insert(gone.clone(), "false".to_owned()).is_some_and(|before| before != "false")
        } else {
            held.remove(gone).is_some()
        };
        if removed {
            changes.push(format!("table parameter {gone} removed"));
        }
    }
    let before = ours.len();
    ours.retain(|name| wanted.contains_key(name));
    let forgotten = ours.len() < before;
    for (name, value) in wanted {
        if held.get(&name) != Some(&value) {
            changes.push(format!("table parameter {name} set"));
            held.insert(name.clone(), value);
            ours.insert(name);
        }
    }
    if forgotten && changes.is_empty() {
        changes.push("table parameters of projection removed".to_owned());
    }
    if ours.is_empty() {
        held.remove(OURS);
    } else {
        held.insert(OURS.to_owned(), ours.into_iter().collect::<Vec<_>>().join(","));
    }
    changes
}

/// Those properties that are about a partition key of the table; with what turns projection on, if there are any.
fn of_keys(table: &Table, wanted: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let of_key = |name: &str| {
        table.partition_keys.iter().any(|key| {
            let rest = name.strip_prefix("projection.").and_then(|name| name.strip_prefix(&*key.name));
            rest.is_some_and(|rest| rest.starts_with('.'))
        })
    };
    let mut found: BTreeMap<String, String> =
        wanted.iter().filter(|(name, _)| of_key(name)).map(|(name, value)| (name.clone(), value.clone())).collect();
    if let Some(enabled) = wanted.get(ENABLED).filter(|_| !found.is_empty()) {
        found.insert(ENABLED.to_owned(), enabled.clone());
    }
    found
}

/// The parameters that a table has after a commit with these properties; `keys` are the partition keys of a new one.
pub fn parameters_after(
    existing: Option<&Table>,
    keys: &[PartitionKey],
    wanted: &BTreeMap<String, String>,
) -> BTreeMap<String, String> {
    let mut table = existing.cloned().unwrap_or_else(|| {
        let keys = keys.iter().map(|key| Column::new(&key.name, &key.hive_type));
        Table::new(String::new(), Vec::new(), keys.collect())
    });
    put(&mut table, wanted);
    table.parameters
}

/// Whether Athena computes the partitions of a table.
pub fn is_projected(parameters: &BTreeMap<String, String>) -> bool {
    parameters.get(ENABLED).is_some_and(|enabled| enabled.trim().eq_ignore_ascii_case("true"))
}

/// Refuses a table that Athena would not find the files of, or could not query at all.
pub(crate) fn check(name: &TableName, table: &Table) -> Result<()> {
    let parameters = &table.parameters;
    if !is_projected(parameters) {
        return Ok(());
    }
    let has_type = |key: &str| parameters.contains_key(&format!("projection.{key}.type"));
    if let Some(key) = table.partition_keys.iter().find(|key| !has_type(&key.name)) {
        return Err(Error::schema(
            name,
            format!(
                "has partition projection, but none for its partition key {0}, so that every query of Athena fails; \
                 add {0} to [dataset.projection], or set the table property {ENABLED} to false",
                key.name
            ),
        ));
    }
    let Some(template) = parameters.get(TEMPLATE) else { return Ok(()) };
    let folders: Vec<_> = table.partition_keys.iter().map(|key| format!("{0}=${{{0}}}", key.name)).collect();
    let expected = format!("{}/{}/", table.location.trim_end_matches('/'), folders.join("/"));
    if same_place(template.trim(), &expected) {
        return Ok(());
    }
    Err(Error::schema(
        name,
        format!(
            "has a {TEMPLATE} by which Athena looks for partitions elsewhere than in {expected}, where they are \
             written; set it to that, or remove it"
        ),
    ))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn table(keys: &[&str]) -> Table {
        let keys = keys.iter().map(|key| Column::new(*key, "string")).collect();
        let mut table = Table::new("s3://lake/db/t/", vec![Column::new("id", "bigint")], keys);
        table.parameters = crate::table::parameters("snappy");
        table
    }

    fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    const YEAR: [(&str, &str); 3] =
        [(ENABLED, "true"), ("projection.year.type", "integer"), ("projection.year.range", "2020,2035")];

    #[test]
    fn what_was_set_is_removed_and_nothing_else() {
        let mut table = table(&["year"]);
        table.parameters.insert("projection.year.digits".into(), "4".into());
        let before = table.parameters.clone();
        assert_eq!(put(&mut table, &map(&YEAR)).len(), 3);
        assert!(is_projected(&table.parameters));
        assert_eq!(put(&mut table, &map(&YEAR)), Vec::<String>::new());
        let changes = put(&mut table, &map(&[(ENABLED, "true"), ("projection.year.type", "injected")]));
        assert_eq!(
            changes,
            ["table parameter projection.year.range removed", "table parameter projection.year.type set"]
        );
        assert_eq!(put(&mut table, &map(&[])).len(), 2);
        assert_eq!(table.parameters, before);
    }

    #[test]
    fn what_others_have_set_alike_stays_theirs() {
        let mut table = table(&["year"]);
        table.parameters.extend(map(&YEAR));
        let before = table.parameters.clone();
        for wanted in [map(&YEAR), map(&[])] {
            assert_eq!(put(&mut table, &wanted), Vec::<String>::new());
            assert_eq!(table.parameters, before);
        }
    }

    #[test]
    fn properties_of_other_keys_are_left_out() {
        let mut table = table(&["year_of"]);
        assert_eq!(put(&mut table, &map(&YEAR)), Vec::<String>::new());
        assert!(!is_projected(&table.parameters));
    }

    #[test]
    fn a_table_that_athena_cannot_query_is_refused() {
        let name = TableName::new("db", "t");
        let mut table = table(&["year", "month"]);
        put(&mut table, &map(&YEAR));
        let error = check(&name, &table).unwrap_err().to_string();
        assert!(error.contains("partition key month") && error.contains("[dataset.projection]"), "{error}");
        table.parameters.insert("projection.month.type".into(), "injected".into());
        check(&name, &table).unwrap();

        for (template, fits) in [
            ("s3://lake/db/t/year=${year}/month=${month}/", true),
            ("s3://lake/db/t/year=${year}/month=${month}", true),
            ("s3://lake/db/t/${year}/${month}/", false),
            ("s3://lake/db/t/month=${month}/year=${year}/", false),
        ] {
            table.parameters.insert(TEMPLATE.into(), template.into());
            assert_eq!(check(&name, &table).is_ok(), fits, "{template}");
        }
        // Without projection nobody reads it.
        table.parameters.insert(ENABLED.into(), "false".into());
        check(&name, &table).unwrap();
    }

    proptest! {
        /// However rules come and go, what they have set goes with them, and what others have set stays.
        #[test]
        fn histories_leave_what_others_have_set(
            theirs in prop::collection::btree_map("projection\\.(year|month)\\.(type|range|digits)", "[ab]", 0..4),
            rules in prop::collection::vec(
                prop::collection::btree_map("projection\\.(year|month)\\.(type|range|values)", "[ab]", 0..4), 0..8),
        ) {
            let mut table = table(&["year", "month"]);
            table.parameters.extend(theirs);
            let before = table.parameters.clone();
            for mut wanted in rules {
                // Where both say something of a property, the rules have the last word.
                wanted.retain(|name, value| before.get(name).is_none_or(|held| held == value));
                if !wanted.is_empty() {
                    wanted.insert(ENABLED.to_owned(), "true".to_owned());
                }
                put(&mut table, &wanted);
                prop_assert!(wanted.iter().all(|(name, value)| table.parameters.get(name) == Some(value)));
                let ours = table.parameters.iter().filter(|(name, _)| !before.contains_key(*name) && *name != OURS);
                prop_assert!(ours.map(|(name, _)| name).all(|name| wanted.contains_key(name)));
                prop_assert_eq!(put(&mut table, &wanted), Vec::<String>::new());
            }
            put(&mut table, &BTreeMap::new());
            prop_assert_eq!(table.parameters, before);
        }
    }
}
