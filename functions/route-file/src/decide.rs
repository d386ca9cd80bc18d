//! Which way a file goes, by its first bytes and its name.

use cleanzone_tabular::{Compression, FileFormat, Recognised, recognise};

use crate::{
    name::{Claim, Name},
    routing::Route,
};

/// Bytes of a file that are looked at. What a decompressor needs to begin with lies within, but for large blocks of
/// bzip2.
pub(crate) const HEAD: usize = 256 << 10;

/// What a file is, and which way it goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Decision {
    pub(crate) route: Route,
    pub(crate) file_extension: String,
    /// `csv`, `tsv`, `json`, `png`, …
    pub(crate) format: String,
    pub(crate) compression: Option<Compression>,
    /// For people; holds nothing of the content.
    pub(crate) reason: String,
    /// Whether name and content say the same.
    pub(crate) agrees: bool,
}

/// Decides on a file of `size` bytes that begins with `head`: its first [`HEAD`] bytes, or all.
pub(crate) fn decide(key: &str, head: &[u8], size: u64) -> Decision {
    let name = Name::of(key);
    if size == 0 && key.ends_with("_$folder$") {
        return Decision {
            route: Route::Skip,
            file_extension: String::new(),
            format: "folder".to_owned(),
            compression: None,
            reason: "folder marker".to_owned(),
            agrees: true,
        };
    }
    let seen = recognise(head, head.len() as u64 >= size);
    let (route, what) = judge(&name, &seen);
    let doubts = doubts(&name, &seen);
    let although = if doubts.is_empty() { String::new() } else { format!(", although {}", doubts.join(", and ")) };
    Decision {
        route,
        format: format(&name, &seen, route),
        compression: seen.compression,
        reason: what + &although,
        agrees: doubts.is_empty(),
        file_extension: name.extension,
    }
}

/// The way, and what lies behind it.
fn judge(name: &Name, seen: &Recognised) -> (Route, String) {
    let named = name.claim == Claim::Delimited;
    let by_name = if named { Route::Convert } else { Route::Reject };
    match (seen.content, &seen.delimiter) {
        (None, _) => {
            let compression = seen.compression.map_or("compressed", Compression::id);
            let way =
                if named { "taken for what it is called" } else { "and its name does not say it is delimited text" };
            (by_name, format!("a {compression} stream whose beginning shows nothing of its content, {way}"))
        }
        (Some(FileFormat::Text), _) if seen.is_empty && named => (Route::Convert, "an empty delimited file".to_owned()),
        (Some(FileFormat::Text), _) if seen.is_empty => (Route::Reject, "an empty file".to_owned()),
        (Some(FileFormat::Text), _) if named => (Route::Convert, "delimited text".to_owned()),
        (Some(FileFormat::Text), Some(_)) if name.claim != Claim::Prose => {
            (Route::Convert, "delimited text".to_owned())
        }
        (Some(FileFormat::Text), None) if name.claim != Claim::Prose => (
            Route::Reject,
            "text that does not look delimited; a list is taken for a table where its name ends in .csv".to_owned(),
        ),
        (Some(FileFormat::Text), _) => {
            (Route::Reject, format!("text that is no table, as its name says ({})", name.extension))
        }
        (Some(content), _) => (Route::Reject, format!("{content}, not delimited text")),
    }
}

/// What the name says, and the content does not.
fn doubts(name: &Name, seen: &Recognised) -> Vec<String> {
    let mut doubts = Vec::new();
    let disagrees = seen.content.is_some_and(|content| !seen.is_empty && !name.allows(content));
    if disagrees {
        doubts.push(format!("its name ends in {}", name.extension));
    }
    // An archive that is not read is compressed, too.
    let compression = match seen.content {
        Some(FileFormat::Compressed(outer)) => seen.compression.or(Some(outer)),
        _ => seen.compression,
    };
    match (compression, name.compression) {
        (found, named) if found == named => {}
        // A workbook is an archive by nature; and what is wrong altogether has been said.
        (None, Some(named)) if !disagrees || name.extension.is_empty() => {
            doubts.push(format!("it is not compressed with {}, as its name says", named.id()));
        }
        (Some(found), _) if !disagrees => {
            doubts.push(format!("it is compressed with {}, which its name does not say", found.id()));
        }
        _ => {}
    }
    doubts
}

fn format(name: &Name, seen: &Recognised, route: Route) -> String {
    let of_table = || match seen.delimiter.as_deref() {
        Some("\t") => "tsv",
        None if matches!(name.short(), "tsv" | "tab") => "tsv",
        _ => "csv",
    };
    let format = match seen.content {
        _ if route == Route::Convert => of_table(),
        None => seen.compression.map_or("unknown", Compression::id),
        Some(FileFormat::Text) if seen.is_empty => "empty",
        // What they have in common is all that shows of them.
        Some(content @ (FileFormat::Ole | FileFormat::OfficeDocument))
            if name.allows(content) && name.claim != Claim::Nothing =>
        {
            name.short()
        }
        Some(content) => content.id(),
    };
    format.to_owned()
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use proptest::prelude::*;

    use super::*;

    const CSV: &[u8] = b"name,favorite_num\nGareth,23\nTracy,28\n";
    const TSV: &[u8] = b"name\tfavorite_num\nGareth\t23\nTracy\t28\n";
    const PNG: &[u8] = b"\x89PNG\r\n\x1A\n\0\0\0\rIHDR\0\0\0\x01";
    const PDF: &[u8] = b"%PDF-1.7\n%\xE2\xE3\xCF\xD3\n";
    const OLE: &[u8] = b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1\0\0\0\0\0\0\0\0";
    const XLSX: &[u8] =
        b"PK\x03\x04\x14\0\x06\0\x08\0\0\0\x21\0\0\0\0\0\0\0\0\0\0\0\0\0\x13\0\0\0[Content_Types].xml\0\x01";
    /// `a,b\n1,2\n3,4\n`
    const GZIP: &[u8] = b"\x1F\x8B\x08\0\0\0\0\0\x02\x03\x4B\xD4\x49\xE2\x32\xD4\x31\xE2\x32\xD6\x31\xE1\x02\0\xE5\xE9\xD6\xCE\x0C\0\0\0";

    fn on(key: &str, content: &[u8]) -> Decision {
        decide(key, content, content.len() as u64)
    }

    fn assert_route(key: &str, content: &[u8], route: Route, format: &str, agrees: bool) {
        let decision = on(key, content);
        assert_eq!(
            (decision.route, decision.format.as_str(), decision.agrees),
            (route, format, agrees),
            "{key}: {decision:?}"
        );
        assert_eq!(decision.reason.contains("although"), !agrees, "{key}: {}", decision.reason);
    }

    #[test]
    fn delimited_text_is_converted_whatever_its_name() {
        for key in ["db/t/a.csv", "db/t/a.CSV", "db/t/a.txt", "db/t/a", "db/t/a.dat", "db/t/a b+%🙂.csv"] {
            assert_route(key, CSV, Route::Convert, "csv", true);
        }
        for key in ["db/t/a.tsv", "db/t/a.tab", "db/t/a.csv", "db/t/a.txt"] {
            assert_route(key, TSV, Route::Convert, "tsv", true);
        }
        for key in ["db/t/a.json", "db/t/a.png", "db/t/a.parquet", "db/t/a.xls", "db/t/a.xml"] {
            assert_route(key, CSV, Route::Convert, "csv", false);
        }
    }

    #[test]
    fn what_a_name_calls_delimited_is_left_to_the_reader() {
        assert_route("a.csv", b"", Route::Convert, "csv", true);
        assert_route("a.tsv", b"", Route::Convert, "tsv", true);
        assert_route("a.csv", b"name\n", Route::Convert, "csv", true);
        assert_route("a.csv", b"just one line of words", Route::Convert, "csv", true);
    }

    #[test]
    fn anything_else_is_rejected_whatever_its_name() {
        assert_route("a.pdf", PDF, Route::Reject, "pdf", true);
        assert_route("a.png", PNG, Route::Reject, "png", true);
        assert_route("a.csv", PNG, Route::Reject, "png", false);
        assert_route("a", PNG, Route::Reject, "png", true);
        assert_route("a.csv", XLSX, Route::Reject, "xlsx", false);
        assert_route("a.xlsx", XLSX, Route::Reject, "xlsx", true);
        assert_route("a.xls", OLE, Route::Reject, "xls", true);
        assert_route("a.doc", OLE, Route::Reject, "doc", true);
        assert_route("a.bin", OLE, Route::Reject, "ole", true);
        assert_route("a.csv", b"{\"a\": 1}\n{\"a\": 2}\n", Route::Reject, "jsonl", false);
        assert_route("a.json", b"{\"a\": 1}", Route::Reject, "json", true);
        assert_route("a.xml", b"<a><b/></a>", Route::Reject, "xml", true);
        assert_route("a.csv", b"<!doctype html><html>", Route::Reject, "html", false);
        assert_route("a.parquet", b"PAR1\x15\x04\x15\0\0\0", Route::Reject, "parquet", true);
        assert_route("a.txt", b"Dear all,\nfind the file attached.\n", Route::Reject, "text", true);
        assert_route("a", b"", Route::Reject, "empty", true);
        assert_route("a.png", b"", Route::Reject, "empty", true);
    }

    #[test]
    fn source_code_with_commas_is_source_code() {
        let code =
            b"INSERT INTO t VALUES (1, 2, 3);\nINSERT INTO t VALUES (2, 3, 4);\nINSERT INTO t VALUES (3, 4, 5);\n";
        assert_route("a.sql", code, Route::Reject, "sql", true);
        assert_route("a.csv", code, Route::Reject, "sql", false);
        assert_route("a", code, Route::Reject, "sql", true);
        assert_route("a.yaml", b"a: 1\nb: 2\nc: 3\n", Route::Reject, "text", true);
        assert_route("a.log", b"{\"a\": 1}\n{\"a\": 2}\n", Route::Reject, "jsonl", true);
    }

    #[test]
    fn a_compression_is_seen_through_and_compared() {
        for (key, agrees) in
            [("report.csv.gz", true), ("report.gz", true), ("report.csv", false), ("report.csv.zst", false)]
        {
            let decision = on(key, GZIP);
            assert_eq!((decision.route, decision.compression), (Route::Convert, Some(Compression::Gzip)), "{key}");
            assert_eq!((decision.format.as_str(), decision.agrees), ("csv", agrees), "{key}: {}", decision.reason);
        }
        assert_route("report.csv.gz", CSV, Route::Convert, "csv", false);
        assert_eq!(on("report.csv.gz", GZIP).file_extension, ".csv");
        // It ends before anything shows.
        let cut = decide("report.csv.gz", &GZIP[..12], 1 << 20);
        assert_eq!((cut.route, cut.agrees), (Route::Convert, true), "{}", cut.reason);
        assert_eq!(decide("report.gz", &GZIP[..12], 1 << 20).route, Route::Reject);
    }

    #[test]
    fn folder_markers_of_hadoop_are_skipped() {
        assert_eq!(on("db/t_$folder$", b"").route, Route::Skip);
        assert_eq!(on("db/t_$folder$", CSV).route, Route::Convert);
    }

    #[test]
    fn a_reason_reads_well() {
        for (key, content, reason) in [
            ("a.csv", CSV, "delimited text"),
            ("a.json", CSV, "delimited text, although its name ends in .json"),
            ("a.csv", PNG, "a PNG image, not delimited text, although its name ends in .csv"),
            ("a.csv", GZIP, "delimited text, although it is compressed with gzip, which its name does not say"),
            ("a.csv.gz", CSV, "delimited text, although it is not compressed with gzip, as its name says"),
            ("a.sql", CSV, "text that is no table, as its name says (.sql)"),
            ("a.csv", b"BEGIN:VCARD\nFN:x\nEND:VCARD\n", "vCards, not delimited text, although its name ends in .csv"),
        ] {
            assert_eq!(on(key, content).reason, reason);
        }
    }

    #[test]
    fn time_grows_with_the_head_and_no_faster() {
        for pattern in ["\"", "a,\"b\n", "\r", "<a ", "[[\"", "\0a"] {
            let head = pattern.repeat(HEAD / pattern.len());
            let begun = Instant::now();
            decide(&pattern.repeat(512), head.as_bytes(), u64::MAX);
            assert!(begun.elapsed().as_secs() < 20, "{pattern:?} took {:?}", begun.elapsed());
        }
    }

    proptest! {
        #[test]
        fn every_file_has_a_way(
            key in "\\PC{0,30}|([a-z=.]{0,5}/){0,3}[a-zA-Z.]{0,8}\\.(csv|CSV|gz|csv\\.gz|zip|json|xls|sql)",
            content in prop::collection::vec(any::<u8>(), 0..300),
            more in 0_u64..1000,
        ) {
            let decision = decide(&key, &content, content.len() as u64 + more);
            prop_assert!(!decision.reason.is_empty() && !decision.format.is_empty());
            prop_assert_eq!(decision.reason.contains("although"), !decision.agrees);
            prop_assert!(decision.file_extension.is_empty() || decision.file_extension.starts_with('.'));
        }

        #[test]
        fn a_reason_holds_nothing_of_the_content(rows in prop::collection::vec("[q-z]{12}", 2..6), key in "[a-p]{3}(\\.[a-p]{3})?") {
            for delimiter in [",", ";", "\n"] {
                let decision = on(&key, (rows.join(delimiter) + "\n").repeat(3).as_bytes());
                prop_assert!(rows.iter().all(|value| !decision.reason.contains(value.as_str())));
            }
        }
    }
}
