#![allow(clippy::format_collect, reason = "texts of tests are short")]

use proptest::prelude::*;

use super::*;

fn sniff_with(text: &str, overrides: &DialectOverrides) -> Sniffed {
    dialect(text.as_bytes(), true, overrides).unwrap()
}

fn sniff(text: &str) -> Sniffed {
    sniff_with(text, &DialectOverrides::default())
}

/// Delimiter, quote, escape, lines to skip, header rows, columns.
type Found = (String, Option<char>, Option<char>, u64, u32, usize);

fn found(text: &str) -> Found {
    let Sniffed { dialect, columns, .. } = sniff(text);
    let delimiter = String::from_utf8(dialect.delimiter).unwrap();
    (
        delimiter,
        dialect.quote.map(char::from),
        dialect.escape.map(char::from),
        dialect.skip_lines,
        dialect.header_rows,
        columns,
    )
}

#[track_caller]
fn check(text: &str, delimiter: &str, skip_lines: u64, header_rows: u32, columns: usize) {
    assert_eq!(found(text), (delimiter.to_owned(), Some('"'), None, skip_lines, header_rows, columns), "{text:?}");
}

#[test]
fn tiny_files_are_read_by_the_book() {
    check("", ",", 0, 1, 1);
    check("\n", ",", 0, 1, 1);
    check("name\n", ",", 0, 1, 1);
    check("32\n", ",", 0, 0, 1);
    check("a,b,c", ",", 0, 1, 3);
    check("Alice,30\n", ",", 0, 0, 2);
    check("1 2 3\n4 5 6\n7 8 9\n", " ", 0, 0, 3);
    check("a,b\n1,2\n", ",", 0, 1, 2);
    check("a;b\n1;2\n", ";", 0, 1, 2);
    check("a\tb\n", "\t", 0, 1, 2);
    check("1,2\n3,4\n5,6\n", ",", 0, 0, 2);
    check("name,city\nAda,London\nGrace,New York\n", ",", 0, 1, 2);
}

#[test]
fn one_column_stays_one() {
    check("when\n2026-11-20 12:30:00\n2026-11-21 09:15:30\n2026-11-22 23:00:01\n", ",", 0, 1, 1);
    check("at\n12:30\n9:15\n", ",", 0, 1, 1);
    check("full name\nAda Lovelace\nGrace Hopper\nAlan Turing\nKonrad Zuse\n", ",", 0, 1, 1);
    check("price\n1,50\n12,99\n3,00\n", "", 0, 1, 1);
    check("total\n1,234.50\n12,000.00\n7.00\n", "", 0, 1, 1);
    check(
        "review\nGood, but not great\nI came, I saw, I left; never again\nFine\nWell, well, well, well\n",
        "",
        0,
        1,
        1,
    );
    check("name\nLovelace, Ada\nHopper, Grace\nTuring, Alan\n", "", 0, 1, 1);
    check("phone\n030 123456\n040 7654321\n089 555123\n", ",", 0, 1, 1);
    check("url\nhttps://example.org/a\nhttps://example.org/b\nhttps://example.org/c\n", ",", 0, 1, 1);
    check("\"text\"\n\"one, two\"\n\"three, four\"\n", "", 0, 1, 1);
}

#[test]
fn every_delimiter_is_found() {
    for delimiter in [
        ",", ";", "\t", "|", "^", "~", ":", " ", "\u{1}", "\u{1e}", "\u{1f}", "||", "::", ";;", ", ", " | ", "¦", "|~|",
    ] {
        let rows = [
            ["id", "name", "share", "since"],
            ["1", "Ada", "0.5", "2026-11-20"],
            ["22", "Grace", "1.25", "2025-01-31"],
            ["333", "Alan", "20.75", "2024-12-24"],
            ["4", "Konrad", "3.0", "2023-02-28"],
        ];
        let text: String = rows.iter().map(|row| row.join(delimiter) + "\r\n").collect();
        check(&text, delimiter, 0, 1, 4);
    }
}

#[test]
fn excel_may_say_the_delimiter() {
    check("sep=;\r\na,b;c\r\nd,e;f\r\n", ";", 1, 1, 2);
}

#[test]
fn delimiters_in_text_do_not_mislead() {
    check("id;note\n1;one, two, three\n2;four, five, six\n3;seven, eight, nine\n", ";", 0, 1, 2);
    check("id|at|tags\n1|12:30:00|a;b;c\n2|13:30:00|d;e;f\n", "|", 0, 1, 3);
    check("amount;share\n1,50;0,25\n2,75;0,50\n", ";", 0, 1, 2);
    check("key,value\n1,\"{\"\"a\"\": 1, \"\"b\"\": [1, 2]}\"\n2,\"{\"\"a\"\": 2}\"\n", ",", 0, 1, 2);
    check("id,tags\n1,a;b;c\n2,d;e;f\n3,g;h;i\n", ",", 0, 1, 2);
    check("a,b\n1,\"x\ny;z\n;;;\"\n2,c\n", ",", 0, 1, 2);
}

#[test]
fn quotes_and_escapes_are_found() {
    let of = |text| {
        let (delimiter, quote, escape, ..) = found(text);
        (delimiter, quote, escape)
    };
    assert_eq!(of("a|'b|c'|1\nd|'e|f'|2\n"), ("|".into(), Some('\''), None));
    assert_eq!(of("1,\"say \\\"hi\\\", twice\"\n2,\"no\"\n"), (",".into(), Some('"'), Some('\\')));
    assert_eq!(of("1,\"say \"\"hi\"\", twice\"\n2,\"no\"\n"), (",".into(), Some('"'), None));
    assert_eq!(of("1,say \\, twice\n2,no\n3,never\n4,a\\,b\n"), (",".into(), Some('"'), Some('\\')));
    // An apostrophe quotes nothing, and a path is no escape.
    assert_eq!(of("id,name\n1,O'Brien\n2,D'Arcy\n3,'s Gravenhage\n"), (",".into(), Some('"'), None));
    assert_eq!(of("id,path\n1,\"C:\\new\\\"\n2,\"D:\\old\\\"\n"), (",".into(), Some('"'), None));
    // Lines of a quoted text are no short rows, also beside a broken record.
    let lines = "a|b|c\n1|\"x \\\"y\\\"\"|1.5\n|2|\"z\nz\"|2.5\n3|w|3.5\n4|\"v\nv\"|4.5\n5|u|5.5\n";
    assert_eq!(of(lines), ("|".into(), Some('"'), Some('\\')));
    // Inches: nothing is quoted here.
    assert_eq!(of("a;\"b \"x\" c\";1\nd;\"e \"y\" f\";2\ng;\"h \"z\" i\";3\n"), (";".into(), None, None));
}

#[test]
fn escapes_are_found_where_there_are_no_quotes() {
    let text = "id|note|at\n1|ring twice\\\nthen wait|12:30\n2|no|13:00\n3|call\\\nthem|14:15\n4|yes|9:00\n";
    let sniffed = sniff(text);
    assert_eq!((sniffed.dialect.escape, sniffed.columns, sniffed.dialect.header_rows), (Some(b'\\'), 3, 1));
    // A folder at the end of a line escapes nothing.
    let text = "id|at|folder\n1|12:30|C:\\new\\\n2|13:00|D:\\old\\\n3|14:15|E:\\\n4|9:00|none\n";
    assert_eq!(sniff(text).dialect.escape, None);
}

const BODY: &str = "1,Ada,2026-11-20,0.5\n2,Grace,2025-01-31,1.25\n3,Alan,2024-12-24,20.75\n4,Jo,2023-02-28,3.0\n";

/// Lines to skip, header rows, delimiter of the header, columns.
fn header_of(header: &str) -> (u64, u32, Option<String>, usize) {
    let Sniffed { dialect, header_delimiter, columns, .. } = sniff(&format!("{header}\n{BODY}"));
    let delimiter = header_delimiter.map(|delimiter| String::from_utf8(delimiter).unwrap());
    (dialect.skip_lines, dialect.header_rows, delimiter, columns)
}

#[test]
fn a_polluted_header_is_one() {
    for other in [";", "\t", "|", ":", " ", ", "] {
        let header = ["id", "name", "at", "share"].join(other);
        // After a comma a blank is none of a name.
        let delimiter = Some(other.to_owned()).filter(|other| other != ", ");
        assert_eq!(header_of(&header).1, 1, "{header}");
        assert_eq!(header_of(&header).0, 0, "{header}");
        assert_eq!(header_of(&header).2, delimiter, "{header}");
    }
    for broken in [
        "\"id,name,at,share",
        "id,\"name,at,share",
        "id,name,at,\"share",
        "id,name\",at,share",
        "\"id\"\",name,at,share",
        "id,na\"me,at,share",
    ] {
        assert_eq!(header_of(broken), (0, 1, None, 4), "{broken}");
    }
    for misshapen in ["id", "id,name", "id,name,at", "idname,at,share", "id,,name,at,share"] {
        assert_eq!(header_of(misshapen), (0, 1, None, 4), "{misshapen}");
    }
}

#[test]
fn what_precedes_a_table_without_header_names_nothing() {
    for preamble in ["List of all", "List of all, and of more", "Page: 1", "List of all; not checked"] {
        assert_eq!(header_of(preamble), (1, 0, None, 4), "{preamble}");
    }
    assert_eq!(header_of("List\nof,all"), (2, 0, None, 4));
    // A row is not what precedes rows, however broken.
    for row in [
        "0;Eve;2026-01-01;1.5",
        "0 Eve 2026-01-01 1.5",
        "0,\"Eve,2026-01-01,1.5",
        "0,\"Eve\nLee,2026-01-01,1.5",
        "0,Eve",
        "0",
        "0,Eve2026-01-01,1.5",
        "0,Eve,2026-01-01,1.5,7",
        ",0,Eve,2026-01-01,1.5",
    ] {
        assert_eq!(header_of(row), (0, 0, None, 4), "{row}");
    }
}

#[test]
fn line_ends_are_found() {
    let terminator = |text| sniff(text).dialect.terminator;
    assert_eq!(terminator("a,b\n1,2\n"), Terminator::Lf);
    assert_eq!(terminator("a,b\r\n1,2\r\n"), Terminator::Lf);
    assert_eq!(terminator("a,b\r1,2\r3,4"), Terminator::Cr);
    assert_eq!(terminator("a,b\r1,2\n3,4\r\n5,6\r"), Terminator::Any);
    assert_eq!(terminator("a,b\n1,\"x\ry\"\n2,z\n"), Terminator::Lf);
    check("a,b\r1,2\r3,4", ",", 0, 1, 2);
}

#[test]
fn headers_are_told_from_rows() {
    check("1,Ada\n2,Grace\n", ",", 0, 0, 2);
    check("id,name\n1,Ada\n2,Grace\n", ",", 0, 1, 2);
    check("Ada,London,f\nGrace,New York,f\nAlan,London,m\n", ",", 0, 0, 3);
    check("country,2019,2020,2021\nUS,1.5,2.5,3.5\nFR,4.5,5.5,6.5\n", ",", 0, 1, 4);
    check("a,,c\n1,x,3\n4,y,6\n", ",", 0, 1, 3);
    check("length,mass\nm,kg\n1.5,80\n1.6,60\n1.7,70\n1.8,90\n", ",", 0, 2, 2);
    check("length,mass\nunknown,missing\n1.5,80\n1.6,60\n1.7,70\n1.8,90\n", ",", 0, 1, 2);
    check("length,mass\nN/A,N/A\n1.5,80\n1.6,60\n1.7,70\n1.8,90\n", ",", 0, 1, 2);
    check("ada@example.org,Ada\n", ",", 0, 0, 2);
    check("US,EUR\nFR,USD\nDE,JPY\n", ",", 0, 0, 2);
}

#[test]
fn preambles_are_passed_over() {
    check("Sales report\nmade on Monday\n\nid,name,total\n1,a,2.5\n2,b,3.5\n", ",", 3, 1, 3);
    check("Sales \"report\n\nid,name,total\n1,a,2.5\n2,b,3.5\n", ",", 2, 1, 3);
    check("Report,,,\n,,,\nid,name,total,at\n1,a,2.5,2026-01-01\n2,b,3.5,2026-01-02\n", ",", 2, 1, 4);
    check("id,name,total\n1,a,2.5,\n2,b,3.5,\n3,c,4.5,\n", ",", 0, 1, 4);
    check("\n\nid,name\n1,a\n2,b\n", ",", 0, 1, 2);
}

#[test]
fn comments_are_told_from_values() {
    let of = |text| {
        let dialect = sniff(text).dialect;
        (dialect.comment, dialect.skip_lines, dialect.header_rows)
    };
    assert_eq!(of("# made by hand, today\n# really\na,b\n1,2\n# a pause\n3,4\n"), (Some(b'#'), 0, 1));
    assert_eq!(of("#id,name\n1,a\n2,b\n"), (None, 0, 1));
    assert_eq!(of("tag,n\n#one,1\n#two,2\n#three,3\n"), (None, 0, 1));
}

#[test]
fn ragged_files_are_read_by_what_most_rows_are() {
    check("a,b,c\n1,2,3\n1,2\n4,5,6\n7,8,9,10\n1,2,3\n", ",", 0, 1, 3);
    // A footer, and a second table below the first.
    check("a,b,c\n1,2,3\n4,5,6\n7,8,9\nTotal rows: 3\n", ",", 0, 1, 3);
    check("a,b,c\n1,2,3\n4,5,6\n7,8,9\n\nx,y\n1,2\n", ",", 0, 1, 3);
    // The last fields are left out.
    check("a,b,c\nx,y\n1,2,3\nz\n4,5\n", ",", 0, 1, 3);
    // One row in another delimiter.
    check("a,b,c\n1,2,3\n4;5;6\n7,8,9\n1,2,3\n", ",", 0, 1, 3);
}

#[test]
fn what_cannot_be_told_is_an_error_that_helps() {
    let torn = "a;b,c,d;e\n1,2;3\n4;5,6,7,8\n9,1,2,3,4,5,6\na;b;c;d;e;f,g\nx,y,z;1,2\n1;2;3;4,5,6,7,8,9\n";
    let error = dialect(torn.as_bytes(), true, &DialectOverrides::default()).unwrap_err();
    assert_eq!(error.name(), ErrorName::MalformedCsv);
    let text = error.to_string();
    assert!(["\",\" gives", "\";\" gives", "--delimiter"].iter().all(|part| text.contains(part)), "{text}");
    let told = DialectOverrides { delimiter: Some(vec![b',']), ..DialectOverrides::default() };
    assert_eq!(dialect(torn.as_bytes(), true, &told).unwrap().dialect.delimiter, b",");
}

#[test]
fn what_is_given_is_taken() {
    let given = DialectOverrides {
        delimiter: Some(b";".to_vec()),
        quote: Setting::Is(None),
        escape: Setting::Is(Some(b'\\')),
        terminator: Some(Terminator::Any),
        comment: Setting::Is(Some(b'%')),
        skip_lines: Some(1),
        header_rows: Some(3),
        widths: None,
    };
    let dialect = sniff_with("title\na,b\n1,2\n3,4\n", &given).dialect;
    let expected = Dialect {
        delimiter: b";".to_vec(),
        quote: None,
        escape: Some(b'\\'),
        terminator: Terminator::Any,
        comment: Some(b'%'),
        skip_lines: 1,
        header_rows: 3,
        layout: None,
    };
    assert_eq!(dialect, expected);
}

#[test]
fn certainty_grows_with_the_evidence() {
    let certainty = |rows: usize| sniff(&"1;2,5\n".repeat(rows)).certainty;
    assert!(certainty(1) < certainty(3) && certainty(3) < 1.0, "{} {}", certainty(1), certainty(3));
    assert!(certainty(50) > 0.99, "{}", certainty(50));
    let clean = sniff("a,b\n1,2\n3,4\n5,6\n7,8\n").certainty;
    let ragged = sniff("a,b\n1,2\n3,4,9\n5,6\n7,8\n").certainty;
    assert!(ragged < clean, "{ragged} {clean}");
}

/// A sample of any file, however quotes are placed, is looked at in about linear time.
#[test]
fn time_is_linear_in_the_sample() {
    for unit in
        ["\"", "\"\n", "\"a\n", "\\\"", "a,\"b\n", "'\"", ",", ", ", " ", "\"\",\n", "\r", "#\n", "1;2,3|4\t5 6:7\n"]
    {
        let text = unit.repeat(300_000 / unit.len());
        let started = std::time::Instant::now();
        let _ = dialect(text.as_bytes(), true, &DialectOverrides::default());
        let took = started.elapsed();
        assert!(took.as_secs() < 20, "{unit:?}: {took:?}");
    }
}

/// A table with a number, a date, a word and a text that may hold anything.
fn table() -> impl Strategy<Value = Vec<[String; 4]>> {
    let row = (0..100_000_u32, 1..29_u32, "[a-z]{3,9}", "[a-zA-Z ,;|.:'0-9]{0,20}\"?[a-z]{0,3}")
        .prop_map(|(number, day, word, text)| [number.to_string(), format!("2026-11-{day:02}"), word, text]);
    proptest::collection::vec(row, 3..40)
}

fn write(rows: &[[String; 4]], dialect: &Dialect) -> String {
    let delimiter = std::str::from_utf8(&dialect.delimiter).unwrap();
    let mut text = String::new();
    let header = ["id", "date", "word", "remark"].map(str::to_owned);
    for row in std::iter::once(&header).chain(rows) {
        let cells = row.each_ref().map(|cell| match dialect.quote.map(char::from) {
            Some(quote)
                if cell.contains([quote, '\\']) || cell.contains(delimiter) || cell.starts_with(['"', '\'', ' ']) =>
            {
                let escape = dialect.escape.map_or(quote, char::from);
                let inner: String = cell
                    .chars()
                    .flat_map(|c| [(c == quote || c == escape).then_some(escape), Some(c)].into_iter().flatten())
                    .collect();
                format!("{quote}{inner}{quote}")
            }
            Some(_) => cell.clone(),
            None => cell.replace(delimiter, "_").replace(['"', '\''], "_"),
        });
        text.push_str(&cells.join(delimiter));
        text.push_str(if dialect.terminator == Terminator::Cr { "\r" } else { "\r\n" });
    }
    text
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn a_table_is_read_as_it_was_written(
        rows in table(),
        delimiter in proptest::sample::select(vec![",", ";", "\t", "|", "^", "~", "\u{1}", "\u{1f}", "||"]),
        (quote, escape) in proptest::sample::select(vec![
            (Some(b'"'), None), (Some(b'"'), Some(b'\\')), (Some(b'\''), None), (None, None),
        ]),
        terminator in proptest::sample::select(vec![Terminator::Lf, Terminator::Cr]),
    ) {
        let written = Dialect {
            delimiter: delimiter.as_bytes().to_vec(), quote, escape, terminator, ..Dialect::csv()
        };
        let text = write(&rows, &written);
        let sniffed = sniff(&text);
        prop_assert_eq!(&sniffed.dialect.delimiter, &written.delimiter, "{}", text);
        prop_assert_eq!(sniffed.columns, 4);
        prop_assert_eq!(sniffed.dialect.header_rows, 1);
        prop_assert_eq!(sniffed.dialect.terminator, terminator);
        // A quote that is written hardly anywhere may be part of a text.
        let quoted = |q: u8| text.matches(&format!("{delimiter}{}", char::from(q))).count() >= 3;
        if let Some(quote) = quote && quoted(quote) {
            prop_assert_eq!(sniffed.dialect.quote, Some(quote), "{}", text);
        }
    }

    #[test]
    fn arbitrary_bytes_end_well(bytes in proptest::collection::vec(any::<u8>(), 0..3000), whole in any::<bool>()) {
        let _ = dialect(&bytes, whole, &DialectOverrides::default());
    }

    #[test]
    fn arbitrary_marks_end_well(text in "[a1,;|\t\"'\\\\#\r\n ]{0,400}", whole in any::<bool>(), skip in 0..5_u64) {
        let known = DialectOverrides { skip_lines: Some(skip), ..DialectOverrides::default() };
        let _ = dialect(text.as_bytes(), whole, &DialectOverrides::default());
        let _ = dialect(text.as_bytes(), whole, &known);
    }
}

#[test]
fn a_separator_that_splits_every_line_and_the_header_is_no_part_of_values() {
    let rows = |row: &dyn Fn(u32) -> String| (1..100).map(row).collect::<String>();
    check(&format!("order_id,amount\n{}", rows(&|i| format!("{i},{}.42\n", 100 + i))), ",", 0, 1, 2);
    check(&format!("id,paper,hard\n{}", rows(&|i| format!("{i},{},{}\n", 200 + i, 100 + i))), ",", 0, 1, 3);
    check(&format!("ts,clicks\n{}", rows(&|i| format!("2026-11-01 00:00:{:02},3{i:03}\n", i % 60))), ",", 0, 1, 2);
    check(&format!("day;n\n{}", rows(&|i| format!("{i};1,5\n"))), ";", 0, 1, 2);
    // Rows of which only the first cell is filled.
    check(&format!("id\tkind\tval\n1\tf\tx\n{}", "7\t\t\n".repeat(20)), "\t", 0, 1, 3);
    check(&format!("2099437000\tform\tD2\tname\n{}", "2099416000\t\t\t\n".repeat(9)), "\t", 0, 0, 4);
}

#[test]
fn blanks_behind_some_separators_belong_to_values() {
    let rows: String = (10..40).map(|i| format!("C{i},{i}, 10 349 0{i}, 10 432 0{i}\n")).collect();
    check(&format!("country,code, 1990, 1991\n{rows}"), ",", 0, 1, 4);
    let rows: String =
        (10..40).map(|i| format!("M, 0.{i}, 0.5,{}negative\n", if i % 9 == 0 { " " } else { "" })).collect();
    check(&rows, ",", 0, 0, 4);
}

#[test]
fn a_name_above_texts_with_separators_is_that_of_one_column() {
    for text in [
        "Full Name\nSmith, John\nDoe, Jane\n",
        "Street Address\n1 Main Lane, Alderby\n2 Oak Lane, Birchford\n3 Elm Lane, Cedarton\n",
        "Unit Price\n1,50\n2,75\n10,00\n",
        "tags\na;b\nc;d\ne;f\n",
        "label\nplain\nred;blue\n",
        "name\nIda\nOlaf|Olav\n",
    ] {
        let found = found(text);
        assert_eq!((found.3, found.4, found.5), (0, 1, 1), "{text:?}");
    }
    check("List of people\nname;city\nIda;Rome\nOlaf;Oslo\n", ";", 1, 1, 2);
    check("Daily counts\nid,amount\n1,2.5\n2,3.5\n", ",", 1, 1, 2);
}

#[test]
fn series_name_columns() {
    for header in [
        "country,1990,1995,2000",
        "country,2020,2019,2018",
        "country,0,1,2",
        "country,2000-01-31,2000-02-29,2000-03-31",
        "country,31.01.2020,29.02.2020,31.03.2020",
        "country,3/1/25,3/2/25,3/3/25",
        "country,2000-01,2001-02,2002-03",
        "country,0-4,5-9,85+",
        "country,00:00,01:00,02:00",
        ",1,2,3",
        "country,0.0,0.5,1.0",
        "[country],[a],[b],[c]",
        "{country},{a},{b},{c}",
    ] {
        check(&format!("{header}\nChad,5.0,4.5,3.0\nPeru,2.5,2.0,1.5\nMali,6.0,5.5,5.0\n"), ",", 0, 1, 4);
    }
    check("state,2018\nOhio,R+5.5\nIowa,R+3.2\nMaine,D+4.9\n", ",", 0, 1, 2);
    check(",0\nspeed,3.5\nweight,4.5\n", ",", 0, 1, 2);
    check("0,1,2\n5.1,3.5,1.4\n4.9,3.0,1.4\n4.7,3.2,1.3\n", ",", 0, 1, 3);
    check("id,100022,100025,100047\n1,0.5,0.3,0.2\n2,0.1,0.3,0.9\n", ",", 0, 1, 4);
}

#[test]
fn wide_rows_of_numbers_take_no_longer_than_others() {
    let row = |value: &dyn Fn(usize) -> String| (0..9000).map(value).collect::<Vec<_>>().join(",") + "\n";
    let text = |value: &dyn Fn(usize) -> String| row(value).repeat(3);
    let time = |text: &str| {
        let begun = std::time::Instant::now();
        sniff(text);
        begun.elapsed()
    };
    let words = time(&text(&|i| format!("word{i}")));
    for numbers in
        [text(&|i| (i * 7919 % 1000).to_string()), text(&|i| i.to_string()), text(&|i| format!("{}.5", i % 3))]
    {
        // Work that grows with the square of the width takes hundreds of times as long.
        assert!(time(&numbers) < words * 20 + std::time::Duration::from_millis(500), "{words:?}, {:?}", time(&numbers));
    }
}

#[test]
fn rows_are_no_names_for_following_one_another() {
    check("A,1,2,3\nB,4,5,6\nC,7,8,9\n", ",", 0, 0, 4);
    check("Alderland,2019,5.5\nAlderland,2020,6.5\nBirchland,2019,7.5\n", ",", 0, 0, 3);
    check("2026-01-01,5\n2026-01-02,6\n2026-01-03,7\n", ",", 0, 0, 2);
    check("x,2001,2003,2005\ny,1999,2000,2004\nz,2002,2003,2010\n", ",", 0, 0, 4);
    check("0.1,0.2,0.3\n0.7,0.2,0.5\n0.3,0.9,0.4\n", ",", 0, 0, 3);
}

#[test]
fn padded_titles_and_groups_are_above_the_names() {
    check("Population,,,\nSource: X,,,\nCountry,2019,2020,2021\nA,1,2,3\nB,4,5,6\n", ",", 2, 1, 4);
    check("Sales report,,,\nQ1,,,\n,,,\nRegion,Jan,Feb,\nNorth,1,2,\nSouth,3,4,\n", ",", 3, 1, 4);
    check("# report,\n# made in 2026,\ndate,count\n2026-01-01,1\n2026-01-02,2\n", ",", 2, 1, 2);
    check("Product,Sales,,Returns,\n,Units,EUR,Units,EUR\nA,1,1.5,0,0.0\nB,2,2.5,1,1.2\nC,3,3.5,0,0.0\n", ",", 0, 2, 5);
    check(",2024,,2025,\nRegion,S24,C24,S25,C25\nN,10,5,12,6\nS,20,9,22,8\nE,30,1,33,2\n", ",", 0, 2, 5);
    check(",mean,mean,std\n,a,b,a\nid,,,\n1,2.5,3.5,0.1\n2,2.6,3.6,0.2\n3,2.7,3.7,0.3\n4,2.8,3.8,0.4\n", ",", 0, 3, 4);
    check("time;temp;pressure\n[s];[C];[bar]\n1;20.5;1.01\n2;20.6;1.02\n3;20.7;1.03\n", ";", 0, 2, 3);
}

#[test]
fn header_rows_are_joined_and_groups_reach_to_the_next() {
    let rows = |rows: &[&str]| -> Vec<String> {
        let rows: Vec<Vec<String>> = rows.iter().map(|row| row.split(',').map(str::to_owned).collect()).collect();
        header::join(&rows)
    };
    let joined = rows(&["Product,Sales,,Returns,", ",Units,EUR,Units,EUR"]);
    assert_eq!(joined, ["Product", "Sales Units", "Sales EUR", "Returns Units", "Returns EUR"]);
    assert_eq!(rows(&["id,,Sales,", ",name,Units,EUR"]), ["id", "name", "Sales Units", "Sales EUR"]);
    assert_eq!(rows(&[" a,b"]), [" a", "b"]);
}

#[test]
fn a_name_too_few_is_that_of_row_names_where_that_shows() {
    let of = |text: &str| {
        let sniffed = dialect(text.as_bytes(), true, &DialectOverrides::default());
        sniffed.map(|sniffed| (sniffed.columns, sniffed.row_names)).map_err(|error| error.to_string())
    };
    assert_eq!(of("\"mpg\",\"cyl\"\n\"Mazda RX4\",21,6\n\"Datsun\",22.8,4\n\"Duster\",14.3,8\n"), Ok((3, true)));
    assert_eq!(of("mpg\tcyl\tgear\nMazda\t21\t6\t4\nDatsun\t22.8\t4\t4\nDuster\t14.3\t8\t3\n"), Ok((4, true)));
    assert_eq!(of("no,stamp,bid\n1,17,0.75,0\n2,18,0.5,0\n3,19,0.5,0\n"), Ok((4, false)));
    assert!(of("mpg,cyl\nMazda,21,6\nDatsun,22.8,4\n").is_err_and(|error| error.contains("2 names for 3 fields")));
}

#[test]
fn rows_that_leave_out_empty_cells_are_padded() {
    let uneven = |text: &str| sniff(text).uneven;
    let even = Uneven::default();
    let rows = |row: &str, n: usize| format!("{row}\n").repeat(n);
    let text = format!("Div,Home,HG,,\n{}{}", rows("E1,Aton,1,,", 3), rows("E1,Ceton,0", 90));
    assert_eq!(sniff(&text).columns, 3);
    assert_eq!(uneven(&text), Uneven { short: false, long: true });
    let text = format!("id,grade,n,note,more\n{}{}", rows("1,A,1,,", 16), rows("2,B,2", 32));
    assert_eq!(sniff(&text).columns, 5);
    assert_eq!(uneven(&text), Uneven { short: true, long: false });
    let text = format!("id,grade,note\n{}{}", rows("1,A,x", 20), rows("2,B,,,", 3));
    assert_eq!(uneven(&text), Uneven { short: false, long: true });
    // Torn rows are none.
    assert_eq!(uneven(&format!("id,note,n\n{}1,torn\nhere,5\n2,torn\nhere,6\n", rows("1,x,2", 10))), even);
    assert_eq!(uneven(&format!("id,note,n\n{}1\n", rows("1,x,2", 10))), even);
}

#[test]
fn a_directive_names_the_columns() {
    let sniffed = sniff(
        "#Version: 1.0\n#Fields: date time c-ip\n2026-02-21\t07:21:01\t192.0.2.1\n2026-02-22\t07:21:02\t192.0.2.2\n",
    );
    assert_eq!(sniffed.header_prefix.as_deref(), Some(&b"#Fields: "[..]));
    assert_eq!(sniffed.header_delimiter.as_deref(), Some(&b" "[..]));
    assert_eq!((sniffed.dialect.skip_lines, sniffed.dialect.header_rows, sniffed.columns), (1, 1, 3));
}

#[test]
fn cells_of_many_lines_are_cells() {
    let review = |n: usize| format!("{n},\"{}\",4\n", "A line of words, and more of them.\n".repeat(12));
    check(&format!("id,review,stars\n{}", (1..20).map(review).collect::<String>()), ",", 0, 1, 3);
    let review = |n: usize| format!("\"{}\",{n}\n", "A line of words, and more of them.\n".repeat(30));
    check(&format!("review,stars\n{}", (1..5).map(review).collect::<String>()), ",", 0, 1, 2);
}

#[test]
fn one_enclosed_cell_proves_no_quote() {
    assert_eq!(found("desc,target,expr\na,_t,x.y\nb,_u,'thing2'\nc,_v,z + 1\n").1, Some('"'));
    assert_eq!(found("desc,target,expr\n'a','_t','x.y'\n'b','_u','thing2'\n").1, Some('\''));
}

#[test]
fn a_vector_of_r_has_names_of_rows() {
    for text in
        ["\"x\"\n\"RDA1\",820.104\n\"RDA2\",399.28\n\"RDA3\",102.56\n", "x\nRDA1,820.104\nRDA2,399.28\nRDA3,102.56\n"]
    {
        let sniffed = sniff(text);
        assert_eq!((sniffed.columns, sniffed.row_names, sniffed.dialect.header_rows), (2, true, 1), "{text}");
    }
}

#[test]
fn numbers_that_all_have_the_same_groups_are_several() {
    let rows: String = (0..44).map(|i| format!("{i},{},{}\n", 100 + i, 200 + i)).collect();
    check(&rows, ",", 0, 0, 3);
}

#[test]
fn comments_above_and_below_a_header_are_none_of_it() {
    let of = |text: &str| {
        let sniffed = sniff(text);
        (sniffed.columns, sniffed.dialect.header_rows, sniffed.dialect.skip_lines, sniffed.dialect.comment)
    };
    let rows = "id1\t1\ta\nid2\t2\tb\nid3\t3\tc\n";
    assert_eq!(of(&format!("#SampleID\tcol1\tcol2\n# Comments are\n# below it.\n{rows}")), (3, 1, 0, Some(b'#')));
    assert_eq!(of(&format!("# above\nid\tcol1\tcol2\n# below\n{rows}")), (3, 1, 0, Some(b'#')));
    check("#,,alt file for it\nalt,out,in\na,0,0\nb,0,1\nc,1,0\n", ",", 1, 1, 3);
}

#[test]
fn two_readings_that_are_as_good_as_each_other_are_refused() {
    for text in
        ["w,w;12,7\nbc,x y;12,bc\n", "a;2.5;bc,x y,x y,7\na;x y;12,w,x y,12\nw;7;bc,7,12,a\n7;a;x y,x y,bc,x y\n"]
    {
        let error = dialect(text.as_bytes(), true, &DialectOverrides::default()).unwrap_err();
        assert_eq!(error.name(), ErrorName::AmbiguousDialect);
        let message = error.to_string();
        assert!(message.contains("\";\" gives") && message.contains("\",\" gives"), "{message}");
        let given = DialectOverrides { delimiter: Some(b";".to_vec()), ..DialectOverrides::default() };
        assert!(dialect(text.as_bytes(), true, &given).is_ok());
    }
}
