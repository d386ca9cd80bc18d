//! Files of ten countries, each in its own notation: the second file of a table is worth as much as the first.

#![allow(clippy::unwrap_used, clippy::panic)]

mod world;

use std::collections::BTreeMap;

use cleanzone_catalog::{Catalog as _, TableName};
use cleanzone_lake::{Report, WarningKind};
use futures_util::{StreamExt, stream};
use proptest::{prelude::*, test_runner::Config};
use world::{World, names};

const DAYS: u32 = 365;
const ROWS: u32 = 6;

/// How a country writes numbers and dates.
struct Country {
    delimiter: char,
    thousands: &'static str,
    decimal: char,
    date: fn(u32, u32) -> String,
}

/// Germany, France, Italy, Switzerland, Poland, the Netherlands, Brazil, the United Kingdom, the United States, Sweden.
const COUNTRIES: [Country; 10] = [
    Country { delimiter: ';', thousands: ".", decimal: ',', date: |m, d| format!("{d:02}.{m:02}.2026") },
    Country { delimiter: ';', thousands: "\u{202f}", decimal: ',', date: |m, d| format!("{d:02}/{m:02}/2026") },
    Country { delimiter: ';', thousands: ".", decimal: ',', date: |m, d| format!("{d}/{m}/2026") },
    Country { delimiter: ';', thousands: "'", decimal: '.', date: |m, d| format!("{d:02}.{m:02}.2026") },
    Country { delimiter: '\t', thousands: " ", decimal: ',', date: |m, d| format!("{d}.{m:02}.2026") },
    Country { delimiter: ';', thousands: "", decimal: ',', date: |m, d| format!("{d:02}-{m:02}-2026") },
    Country { delimiter: ';', thousands: ".", decimal: ',', date: |m, d| format!("{d:02}/{m:02}/2026") },
    Country { delimiter: '|', thousands: ",", decimal: '.', date: |m, d| format!("{d:02}/{m:02}/2026") },
    Country { delimiter: '|', thousands: ",", decimal: '.', date: |m, d| format!("{m}/{d}/2026") },
    Country { delimiter: ';', thousands: " ", decimal: ',', date: |m, d| format!("2026-{m:02}-{d:02}") },
];

impl Country {
    fn number(&self, cents: u32) -> String {
        let (whole, cents) = (cents / 100, cents % 100);
        let (thousands, decimal) = (self.thousands, self.decimal);
        if whole < 1000 {
            return format!("{whole}{decimal}{cents:02}");
        }
        format!("{}{thousands}{:03}{decimal}{cents:02}", whole / 1000, whole % 1000)
    }
}

/// The sum of the row `id`, in cents, and its date. A file whose dates all lie at the beginning of months leaves open
/// which of day and month is which.
fn facts(id: u32, proves: bool) -> (u32, u32, u32) {
    let day = if proves && id.is_multiple_of(ROWS) { 13 + id % 15 } else { id % 12 + 1 };
    (id.wrapping_mul(7919) % 99_999_900 + 100_000, id % 12 + 1, day)
}

/// One day's file: columns change their places, come and go.
fn file(country: &Country, day: u32, proves: bool) -> String {
    let has_note = !day.is_multiple_of(3);
    let turned = day.is_multiple_of(2);
    let row = |id: u32| {
        let (cents, month, day_of_month) = facts(id, proves);
        let mut fields = vec![id.to_string(), country.number(cents), (country.date)(month, day_of_month)];
        fields.extend(has_note.then(|| format!("note {id}")));
        fields
    };
    let mut header: Vec<String> = ["id", "amount", "day"].map(str::to_owned).to_vec();
    header.extend(has_note.then(|| "note".to_owned()));
    let rows = (0..ROWS).map(|i| row(day * ROWS + i));
    let lines = [header].into_iter().chain(rows).map(|mut fields| {
        if turned {
            fields.reverse();
        }
        fields.join(&country.delimiter.to_string())
    });
    lines.collect::<Vec<_>>().join("\n") + "\n"
}

/// Converts these days in an order that the seed decides, so many at once.
async fn convert(world: &World, files: BTreeMap<u32, String>, order: u64, at_once: usize) -> Vec<Report> {
    let lake = world.lake();
    let mut files: Vec<_> = files.into_iter().collect();
    files.sort_by_key(|(day, _)| u64::from(day + 1).wrapping_mul(order | 1).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 20);
    let events: Vec<_> = files.into_iter().map(|(day, text)| world.land(&format!("db/t/{day}.csv"), text, 1)).collect();
    stream::iter(events)
        .map(|event| {
            let lake = lake.clone();
            async move { lake.convert(&event, None).await.unwrap() }
        })
        .buffer_unordered(at_once)
        .collect()
        .await
}

/// Every row of all days is there, once, with its values.
fn assert_whole(world: &World, proves: impl Fn(u32) -> bool) {
    let mut rows = world.rows("db/t/");
    rows.sort_by_key(|row| row["id"].parse::<u32>().unwrap());
    assert_eq!(rows.len(), usize::try_from(DAYS * ROWS).unwrap());
    for (id, row) in (0..).zip(&rows) {
        let (cents, month, day) = facts(id, proves(id / ROWS));
        assert_eq!(row["id"], id.to_string());
        assert_eq!(row["amount"].parse(), Ok(f64::from(cents) / 100.0), "row {id}");
        assert_eq!(row["day"], format!("2026-{month:02}-{day:02}"), "row {id}");
    }
}

fn types(world: &World) -> Vec<(String, String)> {
    let mut columns = run(world.columns("db", "t"));
    columns.sort();
    columns
}

fn run<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap().block_on(work)
}

fn expected() -> Vec<(String, String)> {
    names(&[("amount", "double"), ("day", "date"), ("id", "bigint"), ("note", "string")])
}

proptest! {
    #![proptest_config(Config::with_cases(12))]

    /// Files that prove their notation are read alike in whatever order they come, at once or one by one.
    #[test]
    fn a_year_of_any_country_has_the_same_types_whatever_the_order(
        country in 0usize..COUNTRIES.len(), order: u64, at_once in 1usize..12,
    ) {
        let world = World::new();
        let files = (0..DAYS).map(|day| (day, file(&COUNTRIES[country], day, true))).collect();
        let reports = run(convert(&world, files, order, at_once));
        prop_assert!(reports.iter().all(|report| report.content.rejected == 0 && report.warnings.is_empty()));
        assert_whole(&world, |_| true);
        prop_assert_eq!(types(&world), expected());
    }

    /// Once a file has proved how days and months are written, those that do not are read as it was.
    #[test]
    fn what_was_proved_decides_where_a_file_is_ambiguous(
        country in 0usize..COUNTRIES.len(), order: u64, at_once in 1usize..12,
    ) {
        let world = World::new();
        let proves = |day: u32| day == 0;
        let all = |day| (day, file(&COUNTRIES[country], day, proves(day)));
        run(convert(&world, BTreeMap::from([all(0)]), order, 1));
        let reports = run(convert(&world, (1..DAYS).map(all).collect(), order, at_once));
        prop_assert!(reports.iter().all(|report| report.content.rejected == 0 && report.warnings.is_empty()));
        assert_whole(&world, proves);
        prop_assert_eq!(types(&world), expected());
    }
}

#[test]
fn a_file_in_another_notation_is_told_of_once_and_read_as_it_proves() {
    run(async {
        let world = World::new();
        let lake = world.lake();
        let convert = async |key: &str, text: &str| {
            lake.convert(&world.land(&format!("db/t/{key}.csv"), text.to_owned(), 1), None).await.unwrap()
        };
        convert("german", "id;amount;day\n1;1.234,50;31.01.2026\n").await;
        let english = convert("english", "id;amount;day\n2;1,234.50;2026-02-01\n").await;
        let told: Vec<_> = english.warnings.iter().map(|w| (w.kind, w.column.as_deref())).collect();
        assert_eq!(told, [(WarningKind::NotationChanged, Some("amount"))]);
        assert!(english.warnings[0].message.contains("1234.5, and earlier ones as 1.234,5"), "{:?}", english.warnings);
        let again = convert("english-2", "id;amount;day\n3;2,234.50;2026-02-01\n").await;
        assert!(again.warnings.is_empty());
        // Nobody can tell any more.
        let error = lake
            .convert(&world.land("db/t/both.csv", "id;amount;day\n4;1.234;2026-02-01\n", 1), None)
            .await
            .unwrap_err()
            .to_string();
        assert!(error.contains("\"amount\" is double, found another notation"), "{error}");
        assert!(error.contains("declare how the column is written"), "{error}");
        let amounts: Vec<_> = world.rows("db/t/").into_iter().map(|row| row["amount"].clone()).collect();
        assert_eq!(amounts.len(), 3);
        let table = world.catalog.table(&TableName::new("db", "t")).await.unwrap().unwrap();
        assert_eq!(table.column("amount").unwrap().notations(), ["1.234,5", "1234.5"]);
        assert_eq!(table.column("day").unwrap().notations(), ["%d.%m.%Y"]);
    });
}

#[test]
fn the_unit_of_a_first_file_is_remembered_and_no_other_fits() {
    run(async {
        let world = World::new();
        world.rule("[[dataset]]\nmatch = \"db/t/*\"\n[dataset.columns]\nshare = { comment = \"of all\" }\n");
        let lake = world.lake();
        let convert = async |key: &str, text: &str| {
            lake.convert(&world.land(&format!("db/t/{key}.csv"), text.to_owned(), 1), None).await
        };
        let first = convert("1", "id;price;share\n1;$1,234.50;12 %\n2;($5.00);5 %\n").await.unwrap();
        let units =
            |report: &Report| report.content.columns.iter().map(|column| column.unit.clone()).collect::<Vec<_>>();
        assert_eq!(units(&first)[..3], [None, Some("$".to_owned()), Some("%".to_owned())]);
        let again = convert("2", "id;price;share\n3;7;7.5 %\n4;-$1,000;8\n").await.unwrap();
        assert_eq!((units(&again), again.warnings), (units(&first), Vec::new()));
        let error = convert("3", "id;price;share\n5;€7;1\n").await.unwrap_err().to_string();
        assert!(error.contains("\"price\" is double, found another unit"), "{error}");
        let table = world.catalog.table(&TableName::new("db", "t")).await.unwrap().unwrap();
        let held = |name: &str| table.column(name).unwrap().clone();
        assert_eq!(
            (held("price").comment.as_deref(), held("share").comment.as_deref()),
            (Some("in $"), Some("of all"))
        );
        assert_eq!(held("price").notations(), ["1,234.5", "unit:$"]);
        assert_eq!(held("share").notations(), ["unit:%", "1234.5"]);
        let mut prices: Vec<_> = world.rows("db/t/").into_iter().map(|row| row["price"].clone()).collect();
        prices.sort();
        assert_eq!(prices, ["-1000.0", "-5.0", "1234.5", "7.0"]);
    });
}

#[test]
fn rules_settle_what_no_file_proves() {
    run(async {
        let world = World::new();
        world.rule(
            "[[dataset]]\nmatch = \"db/t/*\"\n[dataset.format]\ndecimal = \",\"\n[dataset.columns]\n\
             day = { date_format = [\"%d/%m/%y\", \"%d/%m/%Y\"] }\namount = { type = \"decimal(10,2)\" }\n",
        );
        let lake = world.lake();
        for (key, text) in [
            ("1", "id;amount;rate;day\n1;1.234;1,250;01/02/26\n"),
            ("2", "id;amount;rate;day\n007;+12;2,5;03/02/2026\n"),
        ] {
            let done = lake.convert(&world.land(&format!("db/t/{key}.csv"), text, 1), None).await;
            if key == "1" {
                assert!(done.unwrap().warnings.is_empty());
            } else {
                // `id` is no declared number: a leading zero is one of a code.
                assert!(done.unwrap_err().to_string().contains("\"id\" is bigint"));
            }
        }
        let rows = world.rows("db/t/");
        assert_eq!((rows[0]["amount"].as_str(), rows[0]["rate"].as_str()), ("1234.00", "1.25"));
        assert_eq!(rows[0]["day"], "2026-02-01");
    });
}

#[test]
fn ambiguous_dates_of_a_first_file_are_text_and_told_of() {
    run(async {
        let world = World::new();
        let event = world.land("db/t/1.csv", "id,day\n1,01/02/2026\n", 1);
        let report = world.lake().convert(&event, None).await.unwrap();
        let told: Vec<_> = report.warnings.iter().map(|w| (w.kind, w.column.as_deref())).collect();
        assert_eq!(told, [(WarningKind::AmbiguousNotation, Some("day"))]);
    });
}
