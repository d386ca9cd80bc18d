//! A year of files from a partner whom nobody controls, in any order and at once: the table stays whole, and every row
//! is somewhere.

#![allow(clippy::unwrap_used, clippy::panic)]

mod world;

use std::collections::{BTreeMap, BTreeSet};

use cleanzone_error::{ErrorName, Fault as _};
use cleanzone_lake::Report;
use futures_util::{StreamExt, stream};
use proptest::{prelude::*, test_runner::Config};
use world::World;

const DAYS: usize = 365;
const ROWS: usize = 8;

/// What one day's file says: columns come and go, change their places and their case, are empty, or hold other things
/// than yesterday.
fn file(day: usize, draw: &mut impl FnMut(usize) -> usize) -> String {
    let mut columns = vec!["id", "amount", "day"];
    for (name, since) in [("note", 0), ("flag", 60), ("region", 120), ("weight", 180), ("code", 240)] {
        if day >= since && draw(10) > 0 {
            columns.push(name);
        }
    }
    for place in (1..columns.len()).rev() {
        columns.swap(place, draw(place + 1));
    }
    let upper = draw(5) == 0;
    let header: Vec<String> = columns.iter().map(|c| if upper { c.to_uppercase() } else { (*c).to_owned() }).collect();
    let mut text = header.join(",") + "\n";
    let rows = if draw(20) == 0 { 0 } else { ROWS };
    let empty = columns[draw(columns.len())];
    for row in 0..rows {
        let value = |column: &str| match column {
            "id" => format!("{}", day * ROWS + row),
            _ if column == empty && day.is_multiple_of(7) => String::new(),
            "amount" if day < 120 => format!("{}", day + row),
            "amount" if day < 300 => format!("{}.{}", day, row + 1),
            "amount" => ["unknown", "12", "1.5"][row % 3].to_owned(),
            "day" if day < 200 => format!("2026-{:02}-{:02}", day % 12 + 1, row + 13),
            "day" => format!("{:02}.{:02}.2026", row + 13, day % 12 + 1),
            "flag" => ["true", "false"][row % 2].to_owned(),
            "weight" => format!("{row}.5"),
            "code" => format!("{row:03}"),
            column => format!("{column} {row}"),
        };
        let fields: Vec<String> = columns.iter().map(|column| value(column)).collect();
        text += &(fields.join(",") + "\n");
    }
    text
}

/// All files of the year, by name, and the ids of their rows.
fn year(seed: u64) -> BTreeMap<String, String> {
    let mut state = seed | 1;
    let mut draw = move |below: usize| {
        // xorshift, G. Marsaglia 2003.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % below as u64).unwrap()
    };
    (0..DAYS).map(|day| (format!("db/t/{day:03}.csv"), file(day, &mut draw))).collect()
}

/// Converts all files, so many at once, in an order that the seed decides.
async fn convert(
    world: &World,
    files: &BTreeMap<String, String>,
    order: u64,
    at_once: usize,
) -> BTreeMap<String, Result<Report, ErrorName>> {
    let lake = world.lake();
    let mut keys: Vec<&String> = files.keys().collect();
    keys.sort_by_key(|key| {
        let day: u64 = key[5..8].parse().unwrap();
        (day + 1).wrapping_mul(order | 1).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 20
    });
    let events: Vec<_> = keys.into_iter().map(|key| (key.clone(), world.land(key, files[key].clone(), 1))).collect();
    stream::iter(events)
        .map(|(key, event)| {
            let lake = lake.clone();
            async move { (key, lake.convert(&event, None).await.map_err(|error| error.name())) }
        })
        .buffer_unordered(at_once)
        .collect()
        .await
}

/// Every id of the files that were converted is in the table or among the rejected rows, once.
fn assert_accounted(
    world: &World,
    files: &BTreeMap<String, String>,
    done: &BTreeMap<String, Result<Report, ErrorName>>,
) {
    let mut found: BTreeMap<u64, u32> = BTreeMap::new();
    for row in world.rows("db/t/") {
        *found.entry(row["id"].parse().unwrap()).or_default() += 1;
    }
    for (key, report) in done {
        let day: u64 = key[5..8].parse().unwrap();
        let records = files[key].lines().count() as u64 - 1;
        let Ok(report) = report else {
            // Reported as a whole, and nothing of it is visible.
            assert_eq!(*report.as_ref().unwrap_err(), ErrorName::TooManyRejectedRows, "{key}");
            assert!((0..ROWS as u64).all(|row| !found.contains_key(&(day * ROWS as u64 + row))), "{key}");
            continue;
        };
        assert_eq!(report.content.records, records, "{key}");
        assert_eq!(report.content.rows + report.content.rejected, records, "{key}");
        let ids = (0..records).map(|row| day * ROWS as u64 + row);
        let rows: u64 = ids.map(|id| u64::from(found.remove(&id).unwrap_or(0))).sum();
        assert_eq!(rows, report.content.rows, "{key}");
        assert_eq!(world.rejected_rows(report), report.content.rejected, "{key}");
    }
    assert!(found.is_empty(), "{found:?}");
}

fn run<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap().block_on(work)
}

proptest! {
    #![proptest_config(Config::with_cases(4))]

    #[test]
    fn a_year_of_drifting_files_leaves_no_row_unaccounted_for(seed: u64, order: u64, at_once in 1usize..12) {
        let files = year(seed);
        run(async {
            let world = World::new();
            let done = convert(&world, &files, order, at_once).await;
            assert_accounted(&world, &files, &done);
            let columns: BTreeSet<String> = world.columns("db", "t").await.into_iter().map(|(name, _)| name).collect();
            let expected = ["id", "amount", "day", "note", "flag", "region", "weight", "code"];
            assert_eq!(columns, expected.map(str::to_owned).into());
        });
    }

    #[test]
    fn with_declared_types_the_schema_is_the_same_whatever_the_order(seed: u64, orders: (u64, u64), at_once in 1usize..12) {
        const RULES: &str = r#"
            [[dataset]]
            match = "db/t/*"
            [dataset.columns]
            amount = { type = "double", on_misfit = "sibling" }
            day = { type = "date", on_misfit = "sibling" }
            code = { type = "string" }
        "#;
        let files = year(seed);
        let schema = |order| run(async {
            let world = World::new();
            world.rule(RULES);
            let done = convert(&world, &files, order, at_once).await;
            assert_accounted(&world, &files, &done);
            assert!(done.values().all(|report| report.as_ref().is_ok_and(|report| report.content.rejected == 0)));
            let columns: BTreeMap<String, String> = world.columns("db", "t").await.into_iter().collect();
            columns
        });
        let columns = schema(orders.0);
        prop_assert_eq!(&columns, &schema(orders.1));
        let type_of = |name: &str| columns.get(name).map(String::as_str);
        prop_assert_eq!(type_of("amount"), Some("double"));
        prop_assert_eq!(type_of("amount_string"), Some("string"));
        // Another notation of the declared type is no misfit.
        prop_assert_eq!(type_of("day_date"), None);
    }
}
