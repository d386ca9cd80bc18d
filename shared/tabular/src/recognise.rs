//! What a file is, by its beginning alone.

use crate::{Compression, DialectOverrides, FileFormat, input, sniff};

/// Text that is looked at, bytes.
const SAMPLE: usize = 32 << 10;

/// The share of records that has to have the shape of a table.
const SHAPED: f64 = 0.8;

/// What the beginning of a file says of the whole.
#[derive(Clone, Debug, PartialEq)]
pub struct Recognised {
    /// How the file is compressed, where that can be read.
    pub compression: Option<Compression>,
    /// What is in it, once decompressed. `None` where the beginning shows nothing of that: the stream is corrupt, or
    /// its first block longer than what is known of it.
    pub content: Option<FileFormat>,
    /// Whether there is nothing in it at all.
    pub is_empty: bool,
    /// What separates the fields of the text, where it shows by itself that it is a table: of two lines and more, most
    /// have the same number of fields, and what separates them is not a mere blank or colon. [`read`](crate::read)
    /// takes any text; this is for deciding whether it should.
    pub delimiter: Option<String>,
}

/// Recognises a file by its first bytes, `whole` where they are all of it. The more there are of a compressed file, the
/// likelier they show what is inside: 256 KiB are enough for all but bzip2, the blocks of which can be longer. Takes time
/// in proportion to their number, up to 32 KiB of text.
pub fn recognise(head: &[u8], whole: bool) -> Recognised {
    let head = input::head(head, whole, SAMPLE);
    let is_text = head.content == Some(FileFormat::Text);
    Recognised {
        compression: head.compression,
        content: head.content,
        is_empty: is_text && head.whole && head.text.is_empty(),
        delimiter: if is_text { delimiter(&head.text, head.whole) } else { None },
    }
}

fn delimiter(text: &[u8], whole: bool) -> Option<String> {
    let lines = text.split(|b| matches!(b, b'\n' | b'\r')).filter(|line| !line.trim_ascii().is_empty());
    if lines.take(2).count() < 2 {
        return None;
    }
    let sample = &text[..text.len().min(SAMPLE)];
    let sniffed = sniff::dialect(sample, whole && sample.len() == text.len(), &DialectOverrides::default()).ok()?;
    let best = sniffed.tried.into_iter().next()?;
    let shows = best.columns > 1 && best.consistency >= SHAPED && !matches!(best.delimiter.as_str(), " " | ":");
    shows.then_some(best.delimiter)
}

#[cfg(test)]
mod tests {
    use std::{io::Write, time::Instant};

    use proptest::prelude::*;

    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn bzip2(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn xz(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = lzma_rust2::XzWriter::new(Vec::new(), lzma_rust2::XzOptions::default()).unwrap();
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn zstd(bytes: &[u8]) -> Vec<u8> {
        zstd::encode_all(bytes, 3).unwrap()
    }

    /// Local files of an archive, stored, without its directory.
    fn zip(files: &[(&str, &[u8])]) -> Vec<u8> {
        let mut archive = Vec::new();
        for (name, content) in files {
            let mut crc = flate2::Crc::new();
            crc.update(content);
            let size = u32::try_from(content.len()).unwrap().to_le_bytes();
            archive.extend(b"PK\x03\x04\x14\0\0\0\0\0\0\0\0\0");
            archive.extend(crc.sum().to_le_bytes());
            archive.extend([size, size].concat());
            archive.extend(u16::try_from(name.len()).unwrap().to_le_bytes());
            archive.extend([0, 0]);
            archive.extend(name.bytes());
            archive.extend(*content);
        }
        archive.extend(b"PK\x01\x02");
        archive
    }

    fn rows(lines: usize) -> Vec<u8> {
        let row = |n: usize| format!("{n},{},\"row {}\"\n", n * n, n * 7919 % 1000);
        ["n,square,text\n".to_owned()].into_iter().chain((0..lines).map(row)).collect::<String>().into_bytes()
    }

    fn table(delimiter: &str, compression: Option<Compression>) -> Recognised {
        let (content, delimiter) = (Some(FileFormat::Text), Some(delimiter.to_owned()));
        Recognised { compression, content, is_empty: false, delimiter }
    }

    #[test]
    fn a_table_shows_in_every_delimiter_charset_and_compression() {
        assert_eq!(recognise(b"a;b\n1;2\n", true), table(";", None));
        assert_eq!(recognise(b"a\tb\n1\t2\n", true), table("\t", None));
        assert_eq!(recognise(b"\xEF\xBB\xBFa|b\r\n1|2\r\n", true), table("|", None));
        assert_eq!(recognise(b"\xFF\xFEa\0,\0b\0\n\x001\0,\x002\0\n\0", true), table(",", None));
        for (compression, bytes) in [
            (Compression::Gzip, gzip(&rows(50))),
            (Compression::Bzip2, bzip2(&rows(50))),
            (Compression::Xz, xz(&rows(50))),
            (Compression::Zstd, zstd(&rows(50))),
            (Compression::Zip, zip(&[("rows.csv", &rows(50))])),
        ] {
            assert_eq!(recognise(&bytes, true), table(",", Some(compression)), "{compression}");
        }
    }

    #[test]
    fn a_beginning_is_enough() {
        let rows = rows(30_000);
        assert_eq!(recognise(&rows[..50_000], false), table(",", None));
        for (compression, bytes) in
            [(Compression::Gzip, gzip(&rows)), (Compression::Xz, xz(&rows)), (Compression::Zstd, zstd(&rows))]
        {
            let head = &bytes[..72 << 10];
            assert_eq!(recognise(head, false), table(",", Some(compression)), "{compression}");
        }
    }

    #[test]
    fn what_is_inside_tells_and_not_what_is_around() {
        let png = b"\x89PNG\r\n\x1A\n\0\0\0\rIHDR";
        for (compression, bytes) in
            [(Compression::Gzip, gzip(png)), (Compression::Zstd, zstd(png)), (Compression::Zip, zip(&[("a.png", png)]))]
        {
            let seen = recognise(&bytes, true);
            assert_eq!((seen.compression, seen.content), (Some(compression), Some(FileFormat::Png)));
        }
        let twice = recognise(&gzip(&gzip(b"a,b\n")), true);
        assert_eq!(twice.content, Some(FileFormat::Compressed(Compression::Gzip)));
    }

    #[test]
    fn an_archive_of_several_files_is_an_archive() {
        let several = recognise(&zip(&[("a.csv", b"a,b\n1,2\n"), ("b.csv", b"a,b\n1,2\n")]), true);
        assert_eq!((several.compression, several.content), (None, Some(FileFormat::Compressed(Compression::Zip))));
        assert_eq!(several.delimiter, None);
    }

    #[test]
    fn what_does_not_show_is_not_guessed() {
        let unseen = recognise(&bzip2(&rows(100_000))[..1000], false);
        assert_eq!((unseen.compression, unseen.content), (Some(Compression::Bzip2), None));
        let mut corrupt = gzip(&rows(10));
        corrupt.truncate(12);
        assert_eq!(recognise(&corrupt, true).content, None);
    }

    #[test]
    fn a_text_is_a_table_only_where_it_shows() {
        for text in [
            "Dear all,\nplease find the file attached, as agreed.\nBest wishes\nA.\n",
            "name: x\nkind: y\nage: 3\n",
            "one line, with a comma\n",
            "a\nb\nc\n",
            "",
            "\n\n",
            "# Title\n\nSome words on it, and then some more.\n\n- a point\n- another, longer one\n",
        ] {
            let seen = recognise(text.as_bytes(), true);
            assert_eq!((seen.content, &seen.delimiter), (Some(FileFormat::Text), &None), "{text:?}");
            assert_eq!(seen.is_empty, text.is_empty());
        }
        assert!(recognise(&gzip(b""), true).is_empty);
        assert!(!recognise(b"", false).is_empty);
    }

    #[test]
    fn time_grows_with_the_head_and_no_faster() {
        for pattern in
            ["\"", "\"\n", ",", ",\n", "'\"\\,;\t|\n", "{\"a\":[", "<a ", "\\", "\r", "#\n", "\u{1}\u{2}\n", "é,"]
        {
            let bytes = pattern.repeat((256 << 10) / pattern.len());
            let begun = Instant::now();
            recognise(bytes.as_bytes(), false);
            // Milliseconds; what were quadratic would take minutes.
            assert!(begun.elapsed().as_secs() < 20, "{pattern:?} took {:?}", begun.elapsed());
        }
    }

    proptest! {
        #[test]
        fn no_bytes_are_too_strange(bytes in prop::collection::vec(any::<u8>(), 0..600), whole: bool) {
            recognise(&bytes, whole);
            for magic in [&b"\x1F\x8B\x08"[..], b"PK\x03\x04", b"\x28\xB5\x2F\xFD", b"\xFD7zXZ\0", b"BZh91AY&SY", b"<a"] {
                recognise(&[magic, &bytes].concat(), whole);
            }
        }

        #[test]
        fn a_table_is_never_taken_for_something_else(
            rows in prop::collection::vec(prop::collection::vec("[a-z0-9]{1,8}", 3), 3..20),
            delimiter in prop::sample::select(vec![",", ";", "\t", "|"]),
        ) {
            let text = rows.iter().map(|row| row.join(delimiter) + "\n").collect::<String>();
            for bytes in [text.clone().into_bytes(), gzip(text.as_bytes())] {
                let seen = recognise(&bytes, true);
                prop_assert_eq!((seen.content, seen.delimiter.as_deref()), (Some(FileFormat::Text), Some(delimiter)));
            }
        }

        #[test]
        fn a_head_cut_anywhere_is_no_error(cut in 0_usize..2000) {
            for bytes in [rows(200), gzip(&rows(200)), zstd(&rows(200)), bzip2(&rows(200)), xz(&rows(200))] {
                let seen = recognise(&bytes[..cut.min(bytes.len())], cut >= bytes.len());
                prop_assert!(matches!(seen.content, None | Some(FileFormat::Text)) || cut < 16, "{seen:?}");
            }
        }
    }
}
