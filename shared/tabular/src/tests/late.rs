//! The character set of all of a file, whatever its beginning says.

use super::*;

/// Rows in ASCII, more than is looked at to begin with, and then these.
fn late(rows: &[&[u8]]) -> Vec<u8> {
    let plain = (0..60_000).flat_map(|i| format!("{i},Hamburg at the river\n").into_bytes());
    let mut text = b"n,city\n".iter().copied().chain(plain).collect::<Vec<u8>>();
    text.extend_from_slice(&rows.concat());
    text
}

#[track_caller]
fn assert_read(text: &[u8], charset: &str, rejected: u64, last: &[&str]) -> Report {
    let mut first: Option<Report> = None;
    for (threads, block_bytes) in [(1, 0), (3, 10_000)] {
        let options = Options { threads, block_bytes, ..detecting() };
        let (report, sink) = run(text, &Plans::default(), &options).unwrap();
        assert_eq!((report.input.charset, report.rejected), (charset, rejected));
        let rows = sink.rows();
        let found: Vec<_> = rows[rows.len() - last.len()..].iter().map(|row| row[1].as_str()).collect();
        assert_eq!(found, last);
        if let Some(first) = &first {
            assert_eq!((&first.columns, &first.input), (&report.columns, &report.input));
        }
        first = Some(report);
    }
    first.unwrap()
}

#[test]
fn late_bytes_say_what_the_character_set_is() {
    let report = assert_read(&late(&[b"1,M\xFCnchen\n"]), "windows-1252", 0, &["München"]);
    assert_eq!(report.passes, 2);
    assert_read(&late(&[b"1,Plze\xF2\n", b"2,T\xF8eb\xED\xE8\n"]), "windows-1250", 0, &["Plzeň", "Třebíč"]);
    let report = assert_read(&late(&["1,München\n".as_bytes()]), "UTF-8", 0, &["München"]);
    assert_eq!(report.passes, 1);
}

#[test]
fn stray_late_bytes_cost_their_rows() {
    assert_read(&late(&[b"1,x\xFF\n", b"2,y\n"]), "UTF-8", 1, &["y"]);
    let mixed = late(&["1,München\n2,Köln\n3,Gießen\n".as_bytes(), b"4,F\xFCrth\n"]);
    assert_read(&mixed, "UTF-8", 1, &["München", "Köln", "Gießen"]);
}

#[test]
fn a_character_set_of_the_beginning_is_contradicted_too() {
    let mut text = late(&[b"1,Plze\xF2\n", b"2,T\xF8eb\xED\xE8\n", b"3,D\xEC\xE8\xEDn\n", b"4,\xDAst\xED\n"]);
    text.splice(7..7, *b"0,M\xFCnchen\n");
    assert_read(&text, "windows-1250", 0, &["Plzeň", "Třebíč", "Děčín", "Ústí"]);
    let mut text = late(&["1,München\n2,Köln\n3,Gießen\n".as_bytes()]);
    text.splice(7..7, *b"0,F\xFCrth\n");
    assert_read(&text, "UTF-8", 1, &["München", "Köln", "Gießen"]);
}

#[test]
fn what_becomes_of_bad_rows_is_no_matter() {
    let text = late(&[b"1,M\xFCnchen\n", b"2,\xA31\n"]);
    for bad_rows in [BadRows::Rescue, BadRows::Fail, BadRows::Quarantine] {
        let options = Options { bad_rows, ..detecting() };
        let (report, sink) = run(&text, &Plans::default(), &options).unwrap();
        assert_eq!((report.input.charset, report.rescued, report.rejected), ("windows-1252", 0, 0), "{bad_rows:?}");
        assert_eq!(sink.rows()[60_000][1], "München");
    }
    // Rows that are rejected for something else bear witness, too.
    let options = Options { max_rejected_ratio: 0.1, ..detecting() };
    let (report, _) = run(late(&[b"1,M\xFCnchen,x\n"]), &Plans::default(), &options).unwrap();
    assert_eq!((report.input.charset, report.rejected), ("windows-1252", 1));
}

#[test]
fn what_a_person_says_is_not_reconsidered() {
    let input = InputOptions { charset: Some("utf-8".to_owned()), ..InputOptions::default() };
    let (report, _) = run(late(&[b"1,M\xFCnchen\n"]), &Plans::default(), &Options { input, ..detecting() }).unwrap();
    assert_eq!((report.input.charset, report.rejected, report.passes), ("UTF-8", 1, 1));
}

#[test]
fn text_that_is_no_table_is_refused_but_where_a_person_says_how_it_is_read() {
    let text = "BEGIN:VCARD\nN:Muster;Erika\nEND:VCARD\n";
    for bytes in [text.as_bytes().to_vec(), text.encode_utf16().flat_map(u16::to_le_bytes).collect()] {
        let error = run(&bytes, &Plans::default(), &detecting()).err().unwrap();
        assert_eq!(error.name(), ErrorName::InvalidFileFormat);
        assert!(error.to_string().contains("vCards"), "{error}");
        let input = InputOptions { any_text: true, ..InputOptions::default() };
        let options = Options { input, max_rejected_ratio: 1.0, ..detecting() };
        assert!(run(&bytes, &Plans::default(), &options).is_ok());
    }
}
