//! The second file of a table: its types are given, and it proves its own notation.

use arrow::datatypes::TimeUnit;

use super::*;
use crate::{Ambiguity, Misfit, Notation, NumberFormat};

const TIMESTAMP: DataType = DataType::Timestamp(TimeUnit::Microsecond, None);

/// Plans by the names of columns.
#[derive(Debug, Default)]
struct Held(Vec<ColumnPlan>);

impl Planner for Held {
    fn plan(&self, header: &Header) -> Result<Vec<ColumnPlan>, SinkError> {
        let plan = |name: &String| {
            let held = self.0.iter().find(|plan| plan.name == *name);
            held.cloned().unwrap_or_else(|| ColumnPlan { name: name.clone(), ..ColumnPlan::default() })
        };
        Ok(header.names.iter().map(plan).collect())
    }
}

fn held(name: &str, data_type: DataType, known: &[&str]) -> ColumnPlan {
    let known = known.iter().map(|text| text.parse().unwrap()).collect();
    ColumnPlan { name: name.to_owned(), declared: Some(data_type), known, ..ColumnPlan::default() }
}

fn detected() -> Options {
    Options { dialect: DialectOverrides { delimiter: Some(b";".to_vec()), ..options().dialect }, ..options() }
}

/// The contract that a first file leaves behind.
fn contract(report: &Report) -> Held {
    let plan = |column: &Column| ColumnPlan {
        name: column.name.clone(),
        declared: Some(column.data_type.clone()).filter(|found| *found != DataType::Null),
        known: known(column),
        ..ColumnPlan::default()
    };
    Held(report.columns.iter().map(plan).collect())
}

/// As the catalog remembers it: doubles without a mention are plain.
fn known(column: &Column) -> Vec<Notation> {
    let unit = column.unit.as_ref().map(|unit| format!("unit:{unit}").parse().unwrap());
    match column.notation {
        _ if unit.is_some() => column.notation.into_iter().chain(unit).collect(),
        Some(notation) => vec![notation],
        None if column.data_type == DataType::Float64 => vec![Notation::PLAIN],
        None => Vec::new(),
    }
}

fn values(text: &str, plans: &dyn Planner) -> (Report, Vec<String>) {
    let options = Options { max_rejected_ratio: 1.0, ..detected() };
    let (report, sink) = run(text, plans, &options).unwrap();
    let rows = sink.rows().into_iter().map(|row| row.join("|")).collect();
    (report, rows)
}

fn one(values_of: &[&str], plan: ColumnPlan) -> (Vec<String>, u64, Column) {
    let text = format!("a;z\n{};x\n", values_of.join(";x\n"));
    let options = Options { max_rejected_ratio: 1.0, ..detected() };
    let mut sink = Collected::default();
    match read(&mut Bytes(text.into_bytes()), &mut sink, &Held(vec![plan]), &options) {
        Ok(report) => {
            let rows = sink.rows().into_iter().map(|mut row| row.swap_remove(0)).collect();
            (rows, report.rejected, report.columns[0].clone())
        }
        Err(Error::TooManyRejectedRows { rejected, .. }) => {
            let nothing = Column {
                name: String::new(),
                source_name: String::new(),
                origin: crate::Origin::File,
                beside: None,
                data_type: DataType::Null,
                nulls: 0,
                nulled: 0,
                notation: None,
                unit: None,
                ambiguity: None,
            };
            (Vec::new(), rejected, nothing)
        }
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn a_second_file_is_read_in_the_notation_that_it_proves() {
    for (values_of, data_type, expected) in [
        (&["1,5", "2,25"][..], DataType::Float64, &["1.5", "2.25"][..]),
        (&["1.234,56", "7"], DataType::Float64, &["1234.56", "7.0"]),
        (&["1 234,56"], DataType::Float64, &["1234.56"]),
        (&["1,234.56"], DataType::Float64, &["1234.56"]),
        (&["1'234.56"], DataType::Float64, &["1234.56"]),
        (&["1.234,56", "1.234"], DataType::Float64, &["1234.56", "1234.0"]),
        (&["1.234", "1.234,56"], DataType::Float64, &["1234.0", "1234.56"]),
        (&["1.234.567"], DataType::Int64, &["1234567"]),
        (&["1,234,567", "1,234"], DataType::Int64, &["1234567", "1234"]),
        (&["5.0", "6"], DataType::Int64, &["5", "6"]),
        (&["1.234,5"], DataType::Decimal128(10, 2), &["1234.50"]),
        (&["31.01.2026", "01.02.2026"], DataType::Date32, &["2026-01-31", "2026-02-01"]),
        (&["01/02/2026", "31/01/2026"], DataType::Date32, &["2026-02-01", "2026-01-31"]),
        (&["01/02/2026", "01/31/2026"], DataType::Date32, &["2026-01-02", "2026-01-31"]),
        (&["31-01-2026"], DataType::Date32, &["2026-01-31"]),
        (&["31.01.2026 14:30"], TIMESTAMP, &["2026-01-31T14:30:00"]),
        (&["01/31/2026 2:30 PM"], TIMESTAMP, &["2026-01-31T14:30:00"]),
        (&["2026-01-31", "31.01.2026"], DataType::Date32, &["2026-01-31", "2026-01-31"]),
        (&["5/11/63", "25/11/63"], DataType::Date32, &["2063-11-05", "2063-11-25"]),
        (&["3/30/12", "4/11/12"], DataType::Date32, &["2012-03-30", "2012-04-11"]),
        (&["14.05.98", "14.05.2026"], DataType::Date32, &["1998-05-14", "2026-05-14"]),
        (&["1/15/24 10:30"], TIMESTAMP, &["2024-01-15T10:30:00"]),
    ] {
        let (rows, rejected, column) = one(values_of, held("a", data_type.clone(), &[]));
        assert_eq!(
            (rows.iter().map(String::as_str).collect::<Vec<_>>(), rejected),
            (expected.to_vec(), 0),
            "{values_of:?}"
        );
        assert_eq!(column.ambiguity, None, "{values_of:?}");
    }
}

#[test]
fn earlier_files_decide_where_a_file_leaves_several_notations() {
    for (value, data_type, known, expected) in [
        ("1.234", DataType::Float64, &["1.234,5"][..], Some("1234.0")),
        ("1.234", DataType::Float64, &["1234,5"], Some("1234.0")),
        ("1.234", DataType::Float64, &["1234.5"], Some("1.234")),
        ("1,234", DataType::Float64, &["1234.5"], Some("1234.0")),
        ("1,234", DataType::Float64, &["1.234,5"], Some("1.234")),
        ("1,234", DataType::Float64, &[], None),
        ("1.234", DataType::Float64, &[], Some("1.234")),
        ("1.234", DataType::Float64, &["1234.5", "1.234,5"], None),
        ("1.234", DataType::Int64, &[], None),
        ("1.234", DataType::Int64, &["1.234,5"], Some("1234")),
        // Five, or five thousand.
        ("5.000", DataType::Int64, &[], None),
        ("5.000", DataType::Int64, &["1.234,5"], Some("5000")),
        ("5.0", DataType::Int64, &[], Some("5")),
        // An address of the internet is no number, unless points are known to stand between thousands.
        ("192.168.178.101", DataType::Int64, &[], None),
        ("192.168.178.101", DataType::Decimal128(20, 2), &[], None),
        ("192.168.178.101", DataType::Int64, &["1.234,5"], Some("192168178101")),
        ("1.250.000.000", DataType::Int64, &[], Some("1250000000")),
        // Groups of three alone prove nothing against earlier files.
        ("192.168.178.101", DataType::Float64, &["1234.5"], None),
        ("555 123 456", DataType::Float64, &["1234.5"], None),
        ("1,234,567", DataType::Float64, &["1234,5"], None),
        ("01/02/2026", DataType::Date32, &["%d/%m/%Y"], Some("2026-02-01")),
        ("01/02/2026", DataType::Date32, &["%m/%d/%Y"], Some("2026-01-02")),
        ("01/02/2026", DataType::Date32, &["%d-%m-%Y"], None),
        ("01/02/2026", DataType::Date32, &["%d/%m/%Y", "%m/%d/%Y"], None),
        ("05/05/2026", DataType::Date32, &[], Some("2026-05-05")),
        ("01/02/03", DataType::Date32, &["%d/%m/%y"], Some("2003-02-01")),
        ("01/02/03", DataType::Date32, &["%m/%d/%y"], Some("2003-01-02")),
        ("01/02/03", DataType::Date32, &["%y/%m/%d"], Some("2001-02-03")),
        ("01/02/03", DataType::Date32, &[], None),
        ("01/02/03", DataType::Date32, &["%d/%m/%Y"], None),
        ("01/02/03", DataType::Date32, &["%d/%m/%y", "%m/%d/%y"], None),
        ("05/05/63", DataType::Date32, &[], Some("2063-05-05")),
        ("05/05/05", DataType::Date32, &[], Some("2005-05-05")),
        // Only the day or the year can come first.
        ("20-10-12", DataType::Date32, &[], None),
        ("20-10-12", DataType::Date32, &["%m-%d-%y"], None),
        ("20-10-12", DataType::Date32, &["%y-%m-%d"], Some("2020-10-12")),
        ("20-10-12", DataType::Date32, &["%m-%d-%y", "%d-%m-%y"], Some("2012-10-20")),
    ] {
        let (rows, rejected, _) = one(&[value], held("a", data_type, known));
        assert_eq!(rows.first().map(String::as_str), expected, "{value} {known:?}");
        assert_eq!(rejected, u64::from(expected.is_none()), "{value} {known:?}");
    }
}

#[test]
fn a_contradiction_within_a_column_is_settled_by_earlier_files_or_not_at_all() {
    let (rows, rejected, _) = one(&["1,5", "2,5", "3.5"], held("a", DataType::Float64, &["1.234,5"]));
    assert_eq!((rows, rejected), (vec!["1.5".to_owned(), "2.5".to_owned()], 1));
    // Only what can be read in one way alone is taken.
    let (rows, rejected, column) = one(&["1,5", "3.5", "1.234"], held("a", DataType::Float64, &[]));
    assert_eq!((rows, rejected), (vec!["1.5".to_owned(), "3.5".to_owned()], 1));
    assert_eq!(column.ambiguity, Some(Ambiguity::Misfits));
    let (rows, rejected, _) = one(&["31/01/2026", "01/31/2026", "01/02/2026"], held("a", DataType::Date32, &[]));
    assert_eq!((rows, rejected), (vec!["2026-01-31".to_owned(), "2026-01-31".to_owned()], 1));
}

#[test]
fn a_file_that_is_written_otherwise_is_told_of() {
    for (value, data_type, known, expected) in [
        ("1,5", DataType::Float64, &["1234.5"][..], Some("1234,5")),
        ("1,5", DataType::Float64, &["1.234,5"], None),
        ("1.234,50", DataType::Float64, &["1234,5"], None),
        ("31/01/2026", DataType::Date32, &["%m/%d/%Y"], Some("%d/%m/%Y")),
        ("31/01/2026", DataType::Date32, &["%d/%m/%Y"], None),
        ("2026-01-31", DataType::Date32, &["%d/%m/%Y"], None),
        ("31/01/63", DataType::Date32, &["%m/%d/%y"], Some("%d/%m/%y")),
        ("31/01/63", DataType::Date32, &["%d/%m/%Y"], Some("%d/%m/%y")),
        ("31/01/63", DataType::Date32, &["%d/%m/%y"], None),
    ] {
        let (_, rejected, column) = one(&[value], held("a", data_type, known));
        assert_eq!(rejected, 0, "{value}");
        assert_eq!(column.notation.map(|notation| notation.to_string()).as_deref(), expected, "{value} {known:?}");
    }
}

#[test]
fn groups_of_three_are_no_proof_to_be_remembered() {
    let (rows, _, column) = one(&["1.234.567"], held("a", DataType::Int64, &[]));
    assert_eq!((rows, column.notation), (vec!["1234567".to_owned()], None));
}

#[test]
fn identifiers_in_groups_of_three_are_text_in_a_first_file_and_said_to_be() {
    for (value, ambiguity) in
        [("601 123 456", Some(Ambiguity::Text)), ("1.234.567", Some(Ambiguity::Text)), ("192.168.178.101", None)]
    {
        let (report, rows) = values(&format!("a;b\n{value};x\n{value};y\n"), &Held::default());
        assert_eq!((types(&report)[0].clone(), rows[0].clone()), (DataType::Utf8, format!("{value}|x")));
        assert_eq!((report.columns[0].ambiguity, report.columns[0].notation), (ambiguity, None), "{value}");
    }
    // Beyond what is sampled, too.
    let rows: Vec<_> = (1..400).map(|i| format!("{i};x")).collect();
    let mut text = format!("a;b\n{}\n200'404'500;x\n", rows.join("\n"));
    let small = Options { block_bytes: 64, sample_bytes: 16, ..detected() };
    let (report, _) = run(text.clone(), &Held::default(), &small).unwrap();
    assert_eq!(types(&report)[0], DataType::Utf8);
    text.push_str("1'404'500;x\n");
    let (report, _) = run(text, &Held::default(), &small).unwrap();
    assert_eq!(types(&report)[0], DataType::Int64);
}

#[test]
fn a_sibling_is_no_guess() {
    let plan = ColumnPlan { misfit: Misfit::Sibling, ..held("a", DataType::Float64, &["1234.5", "1.234,5"]) };
    let (report, rows) = values("a;b\n1.234;x\n", &Held(vec![plan]));
    assert_eq!((types(&report)[2].clone(), rows), (DataType::Utf8, vec!["∅|x|1.234".to_owned()]));
    let plan = ColumnPlan { misfit: Misfit::Sibling, ..held("a", DataType::Int64, &[]) };
    let (report, rows) = values("a;b\n1.5;x\n", &Held(vec![plan]));
    assert_eq!((types(&report)[2].clone(), rows), (DataType::Float64, vec!["∅|x|1.5".to_owned()]));
}

#[test]
fn points_that_could_be_between_thousands_are_told_of() {
    let (report, rows) = values("a;b\n1.234;x\n172;y\n", &Held::default());
    assert_eq!(rows, ["1.234|x", "172.0|y"]);
    assert_eq!(report.columns[0].ambiguity, Some(Ambiguity::DecimalPoint));
    let (report, _) = values("a;b\n1.234;x\n172.5;y\n", &Held::default());
    assert_eq!(report.columns[0].ambiguity, None);
}

#[test]
fn columns_of_a_file_speak_for_each_other() {
    // A first file: the point of `bestand` cannot be a decimal point, as `preis` has a decimal comma.
    let (report, rows) =
        values("artikel;preis;bestand\nSchraube;1.299,00;1.500\nMutter;0,05;12.000\n", &Held::default());
    assert_eq!(rows, ["Schraube|1299.0|1500", "Mutter|0.05|12000"]);
    assert_eq!(types(&report), [DataType::Utf8, DataType::Float64, DataType::Int64]);
    // Wherever people write a decimal comma, the day comes first.
    let (_, rows) = values("d;x\n01.02.2026;1,5\n", &Held::default());
    assert_eq!(rows, ["2026-02-01|1.5"]);
    let (report, rows) = values("d;e\n01/02/2026;31/01/2026\n", &Held::default());
    assert_eq!((rows, types(&report)), (vec!["2026-02-01|2026-01-31".to_owned()], vec![DataType::Date32; 2]));
    // Also one in which everything is as it was.
    let (_, rows) = values("a;b\n1,5;1.500\n", &Held(vec![held("a", DataType::Float64, &["1.234,5"])]));
    assert_eq!(rows, ["1.5|1500"]);
    // Points between groups of three are no decimal comma: they are found in addresses and versions, too.
    let (_, rows) = values("host;load\n192.168.178.101;1.250\n192.168.178.102;2.125\n", &Held::default());
    assert!(rows[0].ends_with("|1.25") && rows[1].ends_with("|2.125"), "{rows:?}");
    // Nor are the points of versions and the exponents of codes decimal points.
    let codes = "code;version;preis;bestand\n12E5;3.1;1.299,00;1.500\n13E5;3.10;0,05;12.000\n";
    let (report, rows) = values(codes, &Held::default());
    assert_eq!(rows, ["12E5|3.1|1299.0|1500", "13E5|3.10|0.05|12000"]);
    assert!(report.columns[..2].iter().all(|column| column.notation.is_none()));
    // Without a proof it is text, and said to be so.
    let (report, rows) = values("d;x\n01/02/2026;1.5\n", &Held::default());
    assert_eq!((rows, report.columns[0].ambiguity), (vec!["01/02/2026|1.5".to_owned()], Some(Ambiguity::Text)));
    // A column that is written otherwise than before speaks for the others of the file, one that is not does not.
    let plans = || vec![held("a", DataType::Float64, &["1234.5"]), held("b", DataType::Float64, &["1234.5"])];
    let (_, rows) = values("a;b\n1,5;1.234\n", &Held(plans()));
    assert_eq!(rows, ["1.5|1234.0"]);
    let mixed = vec![held("a", DataType::Float64, &["1.234,5"]), held("b", DataType::Float64, &["1234.5"])];
    let (_, rows) = values("a;b\n1,5;1.234\n", &Held(mixed));
    assert_eq!(rows, ["1.5|1.234"]);
}

#[test]
fn rules_say_how_numbers_are_written() {
    let format = |decimal: Option<char>, thousands: Option<Option<char>>| NumberFormat {
        decimal: decimal.map(|c| c as u8),
        thousands: thousands.map(|mark| mark.map(|c| c as u8)),
    };
    for (value, numbers, expected) in [
        ("1,234", format(Some(','), None), Some("1.234")),
        ("1.234", format(Some(','), None), Some("1234.0")),
        ("1,234", format(Some('.'), None), Some("1234.0")),
        ("1.234", format(None, Some(Some('.'))), Some("1234.0")),
        ("1 234.5", format(Some('.'), Some(Some(' '))), Some("1234.5")),
        ("1'234,5", format(Some(','), Some(Some('\''))), Some("1234.5")),
        ("1.234,5", format(Some(','), Some(None)), None),
        ("1234,5", format(Some(','), Some(None)), Some("1234.5")),
        ("1.5", format(Some(','), None), None),
    ] {
        let plan = ColumnPlan { numbers: Some(numbers), ..held("a", DataType::Float64, &[]) };
        let (rows, ..) = one(&[value], plan);
        assert_eq!(rows.first().map(String::as_str), expected, "{value} {numbers:?}");
        let plan = ColumnPlan { declared: None, numbers: Some(numbers), ..held("a", DataType::Null, &[]) };
        let (rows, ..) = one(&[value, "7"], plan);
        let inferred = rows[0].parse::<f64>().ok().filter(|_| !rows[0].contains(','));
        let is_read = expected.is_some_and(|expected| inferred == expected.parse().ok());
        assert!(is_read || expected.is_none() && rows[0] == value, "{value} {numbers:?}: {}", rows[0]);
    }
}

#[test]
fn several_formats_have_to_agree_and_seconds_can_be_cut() {
    let dates = |formats: &[&str]| ColumnPlan {
        formats: formats.iter().map(|format| (*format).to_owned()).collect(),
        ..held("a", DataType::Date32, &[])
    };
    let (rows, rejected, _) = one(&["31.12.26", "2026-12-31"], dates(&["%d.%m.%y", "%Y-%m-%d"]));
    assert_eq!((rows, rejected), (vec!["2026-12-31".to_owned(); 2], 0));
    let (rows, rejected, _) = one(&["01/02/2026", "31/01/2026"], dates(&["%d/%m/%Y", "%m/%d/%Y"]));
    assert_eq!((rows, rejected), (vec!["2026-01-31".to_owned()], 1));
    let nanos = ["2026-01-31 10:00:00.123456789", "2026-01-31T10:00:00.1234560"];
    let (rows, rejected, _) = one(&nanos, held("a", TIMESTAMP, &[]));
    assert_eq!((rows, rejected), (vec!["2026-01-31T10:00:00.123456".to_owned()], 1));
    let cut = ColumnPlan { truncate: true, ..held("a", TIMESTAMP, &[]) };
    let (rows, rejected, _) = one(&nanos, cut);
    assert_eq!((rows, rejected), (vec!["2026-01-31T10:00:00.123456".to_owned(); 2], 0));
}

/// Notations that a first file may have: the values of one row, from a number.
const COUNTRIES: [fn(u32) -> String; 22] = [
    |n| format!("{};{};2026-{:02}-{:02}", n, ledger(n, ",", ".", ["(", ")"]), n % 12 + 1, n % 28 + 1),
    |n| format!("{};{};2026-{:02}-{:02}", n, ledger(n, ".", ",", ["", "-"]), n % 12 + 1, n % 28 + 1),
    |n| format!("{};{}.{:02};2026-{:02}-{:02}", n, n % 977, n % 100, n % 12 + 1, n % 28 + 1),
    |n| format!("{};{};{:02}.{:02}.2026", n, grouped(n, ".", ","), n % 28 + 1, n % 12 + 1),
    |n| format!("{};{};{:02}/{:02}/2026", n, grouped(n, "\u{202f}", ","), n % 28 + 1, n % 12 + 1),
    |n| format!("{};{};{:02}/{:02}/2026", n, grouped(n, ",", "."), n % 12 + 1, n % 28 + 1),
    |n| format!("{};{};{:02}/{:02}/2026 {}:30", n, grouped(n, ",", "."), n % 28 + 1, n % 12 + 1, n % 24),
    |n| format!("{};{};{:02}.{:02}.2026 {:02}:00:00", n, grouped(n, "'", "."), n % 28 + 1, n % 12 + 1, n % 24),
    |n| format!("{};{},{:02};{:02}-{:02}-2026", n, n % 3977, n % 100, n % 28 + 1, n % 12 + 1),
    |n| format!("{};{};{:02}/{:02}/2026 {}:15 PM", n, grouped(n, ",", "."), n % 12 + 1, n % 28 + 1, n % 12 + 1),
    |n| format!("{};{};{}", n, grouped(n, " ", ","), ["2026/01/31", "2026/12/01"][n as usize % 2]),
    |n| format!("{};{};{}/{}/{:02}", n, grouped(n, ",", "."), n % 28 + 1, n % 12 + 1, n % 100),
    |n| format!("{};{};{}-{}-{:02}", n, grouped(n, ",", "."), n % 12 + 1, n % 28 + 1, n % 97),
    |n| format!("{};{};{:02}.{:02}.{:02}", n, grouped(n, ".", ","), n % 28 + 1, n % 12 + 1, n % 100),
    |n| {
        format!(
            "{};{};{:02}/{:02}/{:02} {}:15 PM",
            n,
            grouped(n, ",", "."),
            n % 100,
            n % 12 + 1,
            n % 28 + 1,
            n % 12 + 1
        )
    },
    |n| format!("{};{};2026-{:02}-{:02}", n, priced(n, "$", ""), n % 12 + 1, n % 28 + 1),
    |n| format!("{};{} €;2026-{:02}-{:02}", n, ledger(n, ".", ",", ["-", ""]), n % 12 + 1, n % 28 + 1),
    |n| format!("{};{};2026-{:02}-{:02}", n, priced(n % 977, "", "%"), n % 12 + 1, n % 28 + 1),
    |n| format!("{};USD {};2026-{:02}-{:02}", n, grouped(n, ",", "."), n % 12 + 1, n % 28 + 1),
    |n| format!("{};{}\u{a0}‰;2026-{:02}-{:02}", n, n % 1_000, n % 12 + 1, n % 28 + 1),
    |n| {
        let price = grouped(n, "\u{202f}", ",");
        let price = if n.is_multiple_of(2) { price.trim_end_matches(",00") } else { &price };
        format!("{};{price}\u{a0}€;2026-{:02}-{:02}", n, n % 12 + 1, n % 28 + 1)
    },
    |n| {
        format!(
            "{};{};{:02}.{:02}.2026",
            n,
            grouped(n * 1000, ".", ",").trim_end_matches(",00"),
            n % 28 + 1,
            n % 12 + 1
        )
    },
];

/// A number in a notation, with two decimals.
fn grouped(n: u32, thousands: &str, decimal: &str) -> String {
    let whole = n.wrapping_mul(7919) % 3_000_000;
    let (millions, thousand, rest) = (whole / 1_000_000, whole / 1000 % 1000, whole % 1000);
    let whole = match (millions, thousand) {
        (0, 0) => rest.to_string(),
        (0, _) => format!("{thousand}{thousands}{rest:03}"),
        _ => format!("{millions}{thousands}{thousand:03}{thousands}{rest:03}"),
    };
    format!("{whole}{decimal}{:02}", n % 100)
}

/// The same, and some of them below zero.
fn ledger(n: u32, thousands: &str, decimal: &str, [before, behind]: [&str; 2]) -> String {
    let number = grouped(n, thousands, decimal);
    if n.is_multiple_of(3) { format!("{before}{number}{behind}") } else { number }
}

/// The same with a unit, and some of them below zero in one of three ways.
fn priced(n: u32, before: &str, behind: &str) -> String {
    let number = grouped(n, ",", ".");
    match n % 5 {
        0 => format!("-{before}{number}{behind}"),
        1 => format!("{before}-{number}{behind}"),
        2 => format!("({before}{number}{behind})"),
        _ => format!("{before}{number}{behind}"),
    }
}

#[test]
fn a_unit_that_a_first_file_proves_is_read_in_a_later_one_and_no_other_is() {
    let first = "price;share;total\n$1,234.50;12 %;USD 1.50\n($5.00);5%;USD 3.00\nNA;;\n";
    let (report, rows) = values(first, &Held::default());
    assert_eq!(types(&report), vec![DataType::Float64; 3]);
    assert_eq!(rows, ["1234.5|12.0|1.5", "-5.0|5.0|3.0", "∅|∅|∅"]);
    assert_eq!(
        report.columns.iter().map(|c| c.unit.as_deref()).collect::<Vec<_>>(),
        [Some("$"), Some("%"), Some("USD")]
    );
    let (later, rows) = values("price;share;total\n$7;7,5 %;USD 3\n2.25;8;-1.5 USD\n-$1,000;;0\n", &contract(&report));
    assert_eq!((later.rejected, types(&later)), (0, types(&report)));
    assert_eq!(rows, ["7.0|7.5|3.0", "2.25|8.0|-1.5", "-1000.0|∅|0.0"]);
    assert_eq!(later.columns[0].unit.as_deref(), Some("$"));
    // What is not of the unit does not fit, whatever else the file holds.
    for value in ["€7;1;1", "£7;1;1", "USD 7;1;1", "7 %;1;1", "1;1 ‰;1", "1;$1;1", "1;1;$7", "1;1;EUR 7"] {
        let (later, rows) = values(&format!("price;share;total\n$1.50;1 %;USD 1\n{value}\n"), &contract(&report));
        assert_eq!((later.rejected, rows), (1, vec!["1.5|1.0|1.0".to_owned()]), "{value}");
    }
}

#[test]
fn numbers_with_a_unit_fit_no_column_that_has_none() {
    for (value, data_type, known, expected) in [
        ("$5.00", DataType::Float64, &["1234.5"][..], None),
        ("5 %", DataType::Float64, &[], None),
        ("5 %", DataType::Int64, &["unit:%"], None),
        ("5 %", DataType::Float64, &["unit:%"], Some("5.0")),
        ("5 %", DataType::Float64, &["1,234.5", "unit:%"], Some("5.0")),
        ("5 %", DataType::Decimal128(9, 2), &["unit:%"], Some("5.00")),
        ("5 %", DataType::Float64, &["unit:%", "unit:$"], None),
        ("$5 %", DataType::Float64, &["unit:%"], None),
        ("5m", DataType::Float64, &["unit:%"], None),
        // A thousand, or a little more than one.
        ("$1.234", DataType::Float64, &["unit:$"], None),
        ("$1,234", DataType::Float64, &["unit:$"], None),
        ("$1,234", DataType::Float64, &["1234.5", "unit:$"], Some("1234.0")),
        ("$1,234", DataType::Float64, &["1234,5", "unit:$"], Some("1.234")),
        ("$1,234.5", DataType::Float64, &["unit:$"], Some("1234.5")),
        ("$2026-01-01", DataType::Date32, &["unit:$"], None),
    ] {
        let (rows, rejected, _) = one(&[value], held("a", data_type, known));
        assert_eq!(rows.first().map(String::as_str), expected, "{value} {known:?}");
        assert_eq!(rejected, u64::from(expected.is_none()), "{value} {known:?}");
    }
    let plans = Held(vec![held("a", DataType::Float64, &["unit:$"])]);
    let (_, sink) = run("a;z\n€5;x\n$1;x\n", &plans, &Options { max_rejected_ratio: 1.0, ..detected() }).unwrap();
    assert!(sink.rejected[0].2.contains("found another unit"), "{:?}", sink.rejected);
}

#[test]
fn a_sibling_has_no_unit() {
    let plan = ColumnPlan { misfit: Misfit::Sibling, ..held("a", DataType::Float64, &["unit:$"]) };
    let (report, rows) = values("a;b\n€5;x\n$1.50;y\n", &Held(vec![plan]));
    assert_eq!(types(&report)[2], DataType::Utf8);
    assert_eq!((rows, report.columns[2].unit.as_deref()), (vec!["∅|x|€5".to_owned(), "1.5|y|∅".to_owned()], None));
}

#[test]
fn a_unit_may_be_contradicted_late() {
    let prices: Vec<_> = (1..300).map(|n| format!("${n}.50")).collect();
    for (more, expected) in [
        ("$1,234.00", DataType::Float64),
        ("($3.00)", DataType::Float64),
        ("NA", DataType::Float64),
        ("7", DataType::Utf8),
        ("7.50", DataType::Utf8),
        ("(7.50)", DataType::Utf8),
        ("€7.50", DataType::Utf8),
        ("USD 7.50", DataType::Utf8),
        ("$7,50", DataType::Utf8),
        ("$x", DataType::Utf8),
    ] {
        for block_bytes in [64, 700, 0] {
            let late = [prices.clone(), vec![more.to_owned()]].concat();
            let early: Vec<_> = late.iter().rev().cloned().collect();
            assert_eq!(type_of(&late, block_bytes, 2), expected, "{more} late");
            assert_eq!(type_of(&early, block_bytes, 1), expected, "{more} early");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    /// For every notation that a first file may have, any split into two gives the rows and types of the whole, once
    /// the first part has the types of the whole.
    #[test]
    fn two_files_hold_what_one_would(
        country in 0usize..COUNTRIES.len(),
        numbers in vec(0u32..400_000, 2..40),
        at in any::<prop::sample::Index>(),
        block_bytes in prop::sample::select(vec![1usize, 64, 0]),
        threads in 1usize..4,
    ) {
        let rows: Vec<String> = numbers.iter().map(|n| COUNTRIES[country](*n)).collect();
        let file = |rows: &[String]| format!("id;amount;day\n{}\n", rows.join("\n"));
        let (whole, all) = values(&file(&rows), &Held::default());
        let at = at.index(rows.len() - 1) + 1;
        let (first, mut parts) = values(&file(&rows[..at]), &Held::default());
        prop_assume!(types(&first) == types(&whole));
        let options = Options { block_bytes, threads, sample_bytes: 16, max_rejected_ratio: 1.0, ..detected() };
        let (second, sink) = run(file(&rows[at..]), &contract(&first), &options).unwrap();
        parts.extend(sink.rows().into_iter().map(|row| row.join("|")));
        prop_assert_eq!(second.rejected, 0, "{:?}", rows);
        prop_assert_eq!(types(&second), types(&whole));
        prop_assert_eq!(parts, all);
    }

    /// What a column is read as depends on all its values, not on their order, or on how they are cut.
    #[test]
    fn the_order_of_values_does_not_matter(
        cells in vec((
            prop::sample::select(vec![
                "1,5", "1.5", "1.234", "1,234", "1.234,5", "7", "", "x", "1.234.567", "1 234", "$5", "1.234 €", "-€1.5",
                "1,50 €",
            ]),
            prop::sample::select(vec![
                "01/02/2026", "31/01/2026", "01/31/2026", "2026-01-01", "05.06.2026", "01/02/03", "31/01/26", "20/10/12",
                "", "y",
            ]),
            prop::sample::select(vec!["1,5", "1.234", "9", "1.250", "2,125"]),
        ), 1..12),
        known in prop::sample::subsequence(vec!["1234.5", "1.234,5", "unit:€"], 0..=3),
        orders in prop::sample::subsequence(vec!["%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y", "%m/%d/%y"], 0..=3),
        turn in any::<prop::sample::Index>(),
        misfit in prop::sample::select(vec![Misfit::Null, Misfit::Sibling]),
        block_bytes in prop::sample::select(vec![1usize, 40, 0]),
        threads in 1usize..4,
    ) {
        let plans = Held(vec![
            ColumnPlan { misfit, ..held("a", DataType::Float64, &known) },
            ColumnPlan { misfit, ..held("b", DataType::Date32, &orders) },
        ]);
        let read = |cells: &[(&str, &str, &str)], options: &Options| {
            let lines: Vec<_> = cells.iter().enumerate().map(|(i, (a, b, c))| format!("{a};{b};{c};{i}")).collect();
            let (report, sink) = run(format!("a;b;c;i\n{}\n", lines.join("\n")), &plans, options).unwrap();
            let place = report.columns.iter().position(|column| column.name == "i").unwrap();
            let mut rows = sink.rows();
            for row in &mut rows {
                row.remove(place);
            }
            rows.sort_unstable();
            (types(&report), rows)
        };
        let expected = read(&cells, &detected());
        let mut turned = cells.clone();
        turned.rotate_left(turn.index(cells.len()));
        let small = Options { block_bytes, threads, sample_bytes: 1, ..detected() };
        prop_assert_eq!(read(&turned, &small), expected);
    }
}

/// A file of one column and its type, with blocks and samples too small to see much at once.
fn type_of(values_of: &[String], block_bytes: usize, threads: usize) -> DataType {
    let text = format!("a;z\n{};x\n", values_of.join(";x\n"));
    let small = Options { block_bytes, threads, sample_bytes: 1, ..detected() };
    types(&run(text, &Held::default(), &small).unwrap().0)[0].clone()
}

#[test]
fn what_tells_codes_from_numbers_may_come_late() {
    let numbers = |of: fn(u32) -> String| (1..300).map(of).collect::<Vec<_>>();
    let cents = |n: u32| format!("{}.{:02}", n / 7, n % 100);
    let shortest = |n: u32| format!("{}.{}", n / 7, n % 9 + 1);
    let commas = |n: u32| format!("{},{:02}", n / 7, n % 100);
    let whole = |n: u32| n.to_string();
    for (values_of, more, expected) in [
        (numbers(cents), &["3.1"][..], DataType::Utf8),
        (numbers(cents), &["3.125", "-4.00"], DataType::Float64),
        (numbers(cents), &["3.1", "3.1250"], DataType::Float64),
        (numbers(cents), &["3.1", "-3.10"], DataType::Float64),
        (numbers(shortest), &["3.10"], DataType::Utf8),
        (numbers(shortest), &["1234.10"], DataType::Utf8),
        (numbers(shortest), &["12345678901.10"], DataType::Float64),
        (numbers(shortest), &["3.10", "0.0001"], DataType::Float64),
        (numbers(shortest), &["100", "3.0", "250.0"], DataType::Float64),
        (numbers(commas), &["3,1"], DataType::Utf8),
        (numbers(whole), &["1E5"], DataType::Utf8),
        (numbers(whole), &["1e5", "2.5"], DataType::Float64),
        (numbers(shortest), &["1E5"], DataType::Utf8),
        (numbers(shortest), &["1E5", "1E+05"], DataType::Float64),
        (numbers(whole), &["-0"], DataType::Float64),
    ] {
        for block_bytes in [64, 700, 0] {
            let late = [values_of.clone(), more.iter().map(|&text| text.to_owned()).collect()].concat();
            let early: Vec<_> = late.iter().rev().cloned().collect();
            assert_eq!(type_of(&late, block_bytes, 2), expected, "{more:?} late");
            assert_eq!(type_of(&early, block_bytes, 1), expected, "{more:?} early");
        }
    }
}

#[test]
fn what_a_ledger_has_below_zero_is_a_number_in_a_first_file_and_in_a_later_one() {
    let first = "change;total\n1,234.50;5,1-\n(5.00);1.299,00\n(1,500.25);7,25-\n0.75;0-\n";
    let (report, rows) = values(first, &Held::default());
    assert_eq!(types(&report), [DataType::Float64, DataType::Float64]);
    assert_eq!(rows, ["1234.5|-5.1", "-5.0|1299.0", "-1500.25|-7.25", "0.75|0.0"]);
    let (later, rows) = values("change;total\n(5);3-\n(12.25);2,5-\n", &contract(&report));
    assert_eq!((later.rejected, rows), (0, vec!["-5.0|-3.0".to_owned(), "-12.25|-2.5".to_owned()]));
    for (value, data_type, known, expected) in [
        ("(5)", DataType::Int64, &[][..], None),
        ("5-", DataType::Int64, &[], None),
        ("(5)", DataType::Int64, &["1,234.5"], Some("-5")),
        ("(1,234,567)", DataType::Int64, &[], Some("-1234567")),
        ("(5.00)", DataType::Decimal128(9, 2), &[], Some("-5.00")),
        ("(5)", DataType::Float64, &[], Some("-5.0")),
        ("(5", DataType::Float64, &[], None),
        ("(2026-01-01)", DataType::Date32, &[], None),
        ("(true)", DataType::Boolean, &[], None),
    ] {
        let (rows, rejected, _) = one(&[value], held("a", data_type, known));
        assert_eq!(rows.first().map(String::as_str), expected, "{value} {known:?}");
        assert_eq!(rejected, u64::from(expected.is_none()), "{value} {known:?}");
    }
}

proptest! {
    #[test]
    fn which_columns_are_numbers_does_not_depend_on_the_order_of_values(
        mut cells in vec(prop_oneof![
            4 => "[1-9]?[0-9]\\.[0-9]",
            4 => "[1-9]?[0-9]\\.[0-9]{2}",
            1 => "-?[1-9]\\.[0-9]{3,4}",
            1 => "[1-9][eE][+]?[0-9]",
            1 => "[1-9][0-9]{0,2}( [0-9]{3}){1,2}",
            2 => "[0-9]|-0|-?[1-9][0-9]{2}",
            1 => "\\([1-9](\\.[0-9])?\\)|[1-9](,[0-9]{2})?-",
            1 => "NA|-|nan",
        ], 1..90),
        unit in prop::sample::select(vec!["", "", "$", "€", "USD "]),
        also in prop::option::weighted(0.3, prop::sample::select(vec!["$", "", "€"])),
        turn in any::<prop::sample::Index>(),
        block_bytes in prop::sample::select(vec![1usize, 40, 0]),
        threads in 1usize..4,
    ) {
        for cell in &mut cells {
            *cell = format!("{unit}{cell}");
        }
        if let Some(also) = also {
            cells[0] = format!("{also}5.25");
        }
        let expected = type_of(&cells, 0, 1);
        let turn = turn.index(cells.len());
        cells.rotate_left(turn);
        prop_assert_eq!(type_of(&cells, block_bytes, threads), expected);
    }
}

#[test]
fn where_all_fields_are_quoted_nothing_in_quotes_is_null_among_numbers() {
    let quoted = |cells: &[&str]| cells.iter().map(|cell| format!("\"{cell}\"")).collect::<Vec<_>>().join(";");
    let rows = [["11", "2.75", "2026-02-01", "a"], ["12", "", "", ""], ["NA", "1.20", " ", "NA"]];
    let body: Vec<_> = rows.iter().map(|row| quoted(row)).collect();
    let all = format!("n;cost;sent;note\n{}\n", body.join("\n"));
    let numbers = [DataType::Int64, DataType::Float64, DataType::Date32, DataType::Utf8];
    for header in ["n;cost;sent;note", "\"n\";\"cost\";\"sent\";\"note\""] {
        let (report, rows) = values(&all.replace("n;cost;sent;note", header), &Held::default());
        assert_eq!(types(&report), numbers);
        assert_eq!(rows, ["11|2.75|2026-02-01|a", "12|∅|∅|", "∅|1.2|∅|NA"]);
        assert_eq!(report.columns.iter().map(|column| column.ambiguity).collect::<Vec<_>>(), [None; 4]);
    }
    // Fields that are empty without quotes say nothing; one that is not does, wherever it stands.
    let (report, _) = values(&format!("{all};;;\n"), &Held::default());
    assert_eq!(types(&report), numbers);
    let many = format!("{all}{}", format!("{}\n", body[0]).repeat(3000));
    for block_bytes in [64, 0] {
        let small = Options { block_bytes, sample_bytes: 16, ..detected() };
        let (report, _) = run(many.clone(), &Held::default(), &small).unwrap();
        assert_eq!((types(&report), report.rows), (numbers.to_vec(), 3003));
        for last in ["13;\"\";\"\";\"\"", "\"13\";\"\";\"\";b", "\"13\";\"\";NA;\"\""] {
            let (report, sink) = run(format!("{many}{last}\n"), &Held::default(), &small).unwrap();
            assert_eq!(types(&report), vec![DataType::Utf8; 4], "{last}");
            assert_eq!(sink.rows()[1], ["12", "", "", ""]);
        }
    }
}

#[test]
fn nothing_in_quotes_is_null_in_a_later_file_as_in_a_first_one() {
    let numbers = || Held(vec![held("a", DataType::Int64, &[]), held("b", DataType::Utf8, &[])]);
    let (report, rows) = values("a;b\n\"1\";\"\"\n\"\";\"x\"\n", &numbers());
    assert_eq!((report.rejected, rows), (0, vec!["1|".to_owned(), "∅|x".to_owned()]));
    let (report, rows) = values("a;b\n\"1\";\"\"\n\"\";x\n", &numbers());
    assert_eq!((report.rejected, rows), (1, vec!["1|".to_owned()]));
    assert_eq!(report.rejected_by_reason.len(), 1);
    let sibling = || Held(vec![ColumnPlan { misfit: Misfit::Sibling, ..held("a", DataType::Int64, &[]) }]);
    let (report, rows) = values("a;b\n\"1\";x\n\"\";x\n", &sibling());
    assert_eq!(
        (types(&report), rows),
        (vec![DataType::Int64, DataType::Utf8, DataType::Utf8], vec!["1|x|∅".to_owned(), "∅|x|".to_owned()])
    );
    let (report, rows) = values("a;b\n\"1\";\"x\"\n\"\";\"x\"\n", &sibling());
    assert_eq!(
        (types(&report), rows),
        (vec![DataType::Int64, DataType::Utf8], vec!["1|x".to_owned(), "∅|x".to_owned()])
    );
}

#[test]
fn an_empty_null_marker_makes_nothing_in_quotes_null_in_every_column() {
    let marked = Options { null_markers: Some(vec![String::new(), "x".to_owned()]), ..detected() };
    let text = "a;b;c\n1;\"\";u\n\"\";\"x\";x\n3;;\"\"\n";
    let (report, sink) = run(text, &Held::default(), &marked).unwrap();
    assert_eq!(types(&report), [DataType::Int64, DataType::Utf8, DataType::Utf8]);
    assert_eq!(sink.rows(), [["1", "∅", "u"], ["∅", "x", "∅"], ["3", "∅", "∅"]]);
    let (report, sink) = run(text, &Held(vec![held("a", DataType::Int64, &[])]), &marked).unwrap();
    assert_eq!((report.rejected, sink.rows()[1][0].as_str()), (0, "∅"));
}

proptest! {
    #[test]
    fn whether_all_fields_are_quoted_does_not_depend_on_the_order_of_rows(
        mut cells in vec((
            prop_oneof![6 => Just("\"1\""), 2 => Just("\"\""), 2 => Just(""), 1 => Just("2"), 1 => Just("\"NA\"")],
            prop_oneof![6 => Just("\"x\""), 2 => Just("\"\""), 2 => Just(""), 1 => Just("y")],
        ), 1..40),
        turn in any::<prop::sample::Index>(),
        declared in any::<bool>(),
        misfit in prop::sample::select(vec![Misfit::Null, Misfit::Sibling]),
        block_bytes in prop::sample::select(vec![1usize, 40, 0]),
        threads in 1usize..4,
    ) {
        let plans = Held(if declared { vec![ColumnPlan { misfit, ..held("a", DataType::Int64, &[]) }] } else { Vec::new() });
        let read = |cells: &[(&str, &str)], options: &Options| {
            let lines: Vec<_> = cells.iter().map(|(a, b)| format!("{a};{b}")).collect();
            let (report, sink) = run(format!("a;b\n{}\n", lines.join("\n")), &plans, options).unwrap();
            let mut rows = sink.rows();
            rows.sort_unstable();
            (types(&report), rows)
        };
        let expected = read(&cells, &detected());
        let turn = turn.index(cells.len());
        cells.rotate_left(turn);
        let small = Options { block_bytes, threads, sample_bytes: 1, ..detected() };
        prop_assert_eq!(read(&cells, &small), expected);
    }
}
