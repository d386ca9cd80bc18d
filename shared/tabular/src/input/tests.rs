#![allow(clippy::cast_possible_truncation, clippy::cast_precision_loss, clippy::cast_sign_loss)] // of small test data

use std::io::Write;

use proptest::prelude::*;

use super::*;

/// Gives at most so many bytes a read.
struct Slowly {
    bytes: Vec<u8>,
    at: usize,
    chunk: usize,
}

impl Read for Slowly {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let n = out.len().min(self.chunk).min(self.bytes.len() - self.at);
        out[..n].copy_from_slice(&self.bytes[self.at..self.at + n]);
        self.at += n;
        Ok(n)
    }
}

fn read_with(bytes: &[u8], chunk: usize, options: &InputOptions) -> Result<(Vec<u8>, InputFacts), InputError> {
    let mut input = open(Box::new(Slowly { bytes: bytes.to_vec(), at: 0, chunk }), options)?;
    let probe = input.probe();
    let mut text = Vec::new();
    input.read_to_end(&mut text)?;
    Ok((text, probe.facts()))
}

fn read(bytes: &[u8]) -> Result<(Vec<u8>, InputFacts), InputError> {
    read_with(bytes, 4096, &InputOptions::default())
}

fn compress(compression: Compression, text: &[u8]) -> Vec<u8> {
    match compression {
        Compression::Gzip => {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            encoder.write_all(text).unwrap();
            encoder.finish().unwrap()
        }
        Compression::Zstd => {
            let mut encoder = zstd::Encoder::new(Vec::new(), 1).unwrap();
            // As the command line does.
            encoder.include_checksum(true).unwrap();
            encoder.write_all(text).unwrap();
            encoder.finish().unwrap()
        }
        Compression::Bzip2 => {
            let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
            encoder.write_all(text).unwrap();
            encoder.finish().unwrap()
        }
        Compression::Xz => {
            let mut encoder = lzma_rust2::XzWriter::new(Vec::new(), lzma_rust2::XzOptions::with_preset(1)).unwrap();
            encoder.write_all(text).unwrap();
            encoder.finish().unwrap()
        }
        Compression::Zip => zip(&[ZipEntry::new("data.csv", text)]),
    }
}

const STREAMS: [Compression; 4] = [Compression::Gzip, Compression::Zstd, Compression::Bzip2, Compression::Xz];
const ALL: [Compression; 5] =
    [Compression::Gzip, Compression::Zstd, Compression::Bzip2, Compression::Xz, Compression::Zip];

struct ZipEntry<'a> {
    name: &'a str,
    text: &'a [u8],
    deflate: bool,
    /// Sizes after the data: none, of 4 bytes, of 8 bytes.
    descriptor: Option<usize>,
    signature: bool,
    flags: u16,
}

impl<'a> ZipEntry<'a> {
    fn new(name: &'a str, text: &'a [u8]) -> Self {
        Self { name, text, deflate: true, descriptor: None, signature: true, flags: 0 }
    }
}

fn zip(entries: &[ZipEntry<'_>]) -> Vec<u8> {
    let mut out = Vec::new();
    for entry in entries {
        let data = if entry.deflate {
            let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::fast());
            encoder.write_all(entry.text).unwrap();
            encoder.finish().unwrap()
        } else {
            entry.text.to_vec()
        };
        let mut crc = flate2::Crc::new();
        crc.update(entry.text);
        let flags = entry.flags | if entry.descriptor.is_some() { 8 } else { 0 };
        out.extend(b"PK\x03\x04\x14\0");
        out.extend(flags.to_le_bytes());
        out.extend(if entry.deflate { 8_u16 } else { 0 }.to_le_bytes());
        out.extend([0; 4]);
        let known = entry.descriptor.is_none();
        for field in [crc.sum(), data.len() as u32, entry.text.len() as u32] {
            out.extend(if known { field } else { 0 }.to_le_bytes());
        }
        out.extend((entry.name.len() as u16).to_le_bytes());
        out.extend([4, 0]);
        out.extend(entry.name.as_bytes());
        out.extend([0xFE, 0xCA, 0, 0]);
        out.extend(&data);
        if let Some(width) = entry.descriptor {
            if entry.signature {
                out.extend(b"PK\x07\x08");
            }
            out.extend(crc.sum().to_le_bytes());
            for size in [data.len() as u64, entry.text.len() as u64] {
                out.extend(&size.to_le_bytes()[..width]);
            }
        }
    }
    // A reader that goes from front to back needs no more of the directory than its beginning.
    out.extend(b"PK\x01\x02");
    out.extend([0; 42]);
    out.extend(b"PK\x05\x06");
    out.extend([0; 18]);
    out
}

#[test]
fn several_members_are_one_text() {
    for compression in STREAMS {
        let bytes =
            [compress(compression, b"a,b\n1,"), compress(compression, b""), compress(compression, b"2\n")].concat();
        let (text, facts) = read(&bytes).unwrap();
        assert_eq!(text, b"a,b\n1,2\n", "{compression}");
        assert_eq!((facts.compression, facts.bytes), (Some(compression), bytes.len() as u64));
    }
}

#[test]
fn zeros_after_a_gzip_stream_are_padding_and_anything_else_is_not() {
    let mut bytes = compress(Compression::Gzip, b"a\n1\n");
    let length = bytes.len() as u64;
    bytes.resize(bytes.len() + 1000, 0);
    assert_eq!(read(&bytes).unwrap().0, b"a\n1\n");
    bytes.push(b'x');
    assert!(matches!(read(&bytes), Err(InputError::Corrupt { offset, .. }) if offset == length + 1000));
}

#[test]
fn skippable_zstd_frames_are_skipped() {
    let bytes = [&[0x50, 0x2A, 0x4D, 0x18, 3, 0, 0, 0, 9, 9, 9], &compress(Compression::Zstd, b"a\n1\n")[..]].concat();
    assert_eq!(read(&bytes).unwrap().0, b"a\n1\n");
}

#[test]
fn the_one_file_of_an_archive_is_found() {
    let text = b"a,b\n1,2\n".repeat(5000);
    for descriptor in [None, Some(4), Some(8)] {
        for signature in [true, false] {
            let bytes = zip(&[
                ZipEntry { deflate: false, ..ZipEntry::new("folder/", b"") },
                ZipEntry { descriptor, signature, ..ZipEntry::new("folder/data.csv", &text) },
                ZipEntry { descriptor, signature, ..ZipEntry::new("__MACOSX/folder/._data.csv", b"rubbish") },
                ZipEntry { descriptor, signature, ..ZipEntry::new("folder/.DS_Store", b"") },
            ]);
            let (read, facts) = read(&bytes).unwrap();
            assert!(read == text, "{descriptor:?} {signature}");
            assert_eq!(facts.compression, Some(Compression::Zip));
        }
    }
    let stored = zip(&[ZipEntry { deflate: false, ..ZipEntry::new("data.csv", &text) }]);
    assert!(read(&stored).unwrap().0 == text);
}

#[test]
fn an_archive_with_no_or_several_files_is_refused() {
    assert!(matches!(read(&zip(&[])), Err(InputError::Format(_) | InputError::Entries(ZipEntries::None))));
    let none = zip(&[ZipEntry { deflate: false, ..ZipEntry::new("folder/", b"") }]);
    assert!(matches!(read(&none), Err(InputError::Entries(ZipEntries::None))));
    let two = zip(&[ZipEntry::new("a.csv", b"a\n"), ZipEntry::new("b.csv", b"b\n")]);
    assert!(matches!(read(&two), Err(InputError::Entries(ZipEntries::Several))));
    let secret = zip(&[ZipEntry { flags: 1, ..ZipEntry::new("a.csv", b"a\n") }]);
    assert!(matches!(read(&secret), Err(InputError::Encrypted)));
}

#[test]
fn a_wrong_checksum_shows() {
    let mut bytes = zip(&[ZipEntry { deflate: false, ..ZipEntry::new("a.csv", b"a,b\n1,2\n") }]);
    let at = bytes.windows(3).position(|w| w == b"a,b").unwrap();
    bytes[at] = b'x';
    assert!(matches!(read(&bytes), Err(InputError::Corrupt { .. })));
}

#[test]
fn a_truncated_stream_says_where_it_ends() {
    let text: Vec<u8> =
        (0..2_000_u32).flat_map(|i| format!("{i},{}\n", i.wrapping_mul(2_654_435_761)).into_bytes()).collect();
    for compression in ALL {
        let bytes = compress(compression, &text);
        for cut in [12, bytes.len() / 3, bytes.len() / 2, bytes.len() - 70] {
            match read(&bytes[..cut]) {
                Err(InputError::Truncated { offset, .. }) => assert_eq!(offset, cut as u64, "{compression}"),
                other => panic!("{compression} cut at {cut}: {:?}", other.map(|(text, _)| text.len())),
            }
        }
    }
}

#[test]
fn a_corrupt_stream_says_about_where() {
    let text: Vec<u8> =
        (0..8_000_u32).flat_map(|i| format!("{}\n", i.wrapping_mul(2_654_435_761)).into_bytes()).collect();
    for compression in ALL {
        let mut bytes = compress(compression, &text);
        let at = bytes.len() / 2;
        for byte in &mut bytes[at..at + 64] {
            *byte = !*byte;
        }
        match read(&bytes) {
            Err(InputError::Corrupt { offset, .. }) => assert!(offset >= at as u64, "{compression}: {offset} < {at}"),
            other => panic!("{compression}: {:?}", other.map(|(text, _)| text.len())),
        }
    }
}

#[test]
fn bombs_are_defused() {
    let zeros = vec![b'0'; 20 << 20];
    let bytes = compress(Compression::Zstd, &zeros);
    assert!(matches!(read(&bytes), Err(InputError::Bomb { limit: 2000, .. })));
    let options = InputOptions { max_bytes: 1 << 20, ..InputOptions::default() };
    let bytes = compress(Compression::Gzip, &zeros);
    assert!(matches!(read_with(&bytes, 4096, &options), Err(InputError::TooLong { limit: 1_048_576 })));
    // What gzip makes of the most boring table there is.
    assert_eq!(read(&bytes).unwrap().0.len(), zeros.len());
    // What is passed over in an archive takes its time, too.
    let bytes = zip(&[ZipEntry::new("__MACOSX/a", &zeros), ZipEntry::new("a.csv", b"a,b\n")]);
    assert!(matches!(read_with(&bytes, 4096, &options), Err(InputError::TooLong { limit: 1_048_576 })));
    let options = InputOptions { max_ratio: 100, ..InputOptions::default() };
    assert!(matches!(read_with(&bytes, 4096, &options), Err(InputError::Bomb { limit: 100, .. })));
}

#[test]
fn an_error_of_the_source_is_not_taken_for_corruption() {
    struct Failing(Vec<u8>, usize);
    impl Read for Failing {
        fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
            if self.1 == self.0.len() {
                return Err(io::Error::new(io::ErrorKind::ConnectionReset, "reset"));
            }
            let n = (&self.0[self.1..]).read(out)?;
            self.1 += n;
            Ok(n)
        }
    }
    let text: Vec<u8> = (0..150_000_u32).flat_map(|i| i.wrapping_mul(2_654_435_761).to_string().into_bytes()).collect();
    for compression in ALL {
        let mut bytes = compress(compression, &text);
        bytes.truncate(bytes.len() / 2);
        let error = open(Box::new(Failing(bytes, 0)), &InputOptions::default()).and_then(|mut input| {
            io::copy(&mut input, &mut io::sink())?;
            Ok(())
        });
        match error {
            Err(InputError::Read(error)) => assert_eq!(error.kind(), io::ErrorKind::ConnectionReset, "{compression}"),
            other => panic!("{compression}: {other:?}"),
        }
    }
}

#[test]
fn what_is_no_text_is_refused_by_name_also_when_compressed() {
    let parquet = [&b"PAR1\x15\x04\x15"[..], &[0; 100]].concat();
    assert!(matches!(read(&parquet), Err(InputError::Format(FileFormat::Parquet))));
    for compression in ALL {
        assert!(matches!(read(&compress(compression, &parquet)), Err(InputError::Format(FileFormat::Parquet))));
        let twice = compress(compression, &compress(Compression::Gzip, b"a\n"));
        assert!(matches!(read(&twice), Err(InputError::Format(FileFormat::Compressed(Compression::Gzip)))));
    }
    let html: Vec<u8> = "<!DOCTYPE html><html>".encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert!(matches!(read(&html), Err(InputError::Format(FileFormat::Html))));
}

#[test]
fn byte_order_marks_are_taken_off() {
    for (bytes, name) in [
        (&b"\xEF\xBB\xBFa\n"[..], "UTF-8"),
        (b"\xFF\xFEa\0\n\0", "UTF-16LE"),
        (b"\xFE\xFF\0a\0\n", "UTF-16BE"),
        (b"\xFF\xFE\0\0a\0\0\0\n\0\0\0", "UTF-32LE"),
        (b"\0\0\xFE\xFF\0\0\0a\0\0\0\n", "UTF-32BE"),
    ] {
        let (text, facts) = read(bytes).unwrap();
        assert_eq!((&text[..], facts.charset, facts.byte_order_mark), (&b"a\n"[..], name, true));
    }
}

#[test]
fn legacy_sets_are_found() {
    for (label, text) in [
        ("windows-1252", "name,city\nJosé,Málaga\nMüller,Köln\nFrançois,Besançon\n"),
        ("windows-1251", "имя,город\nИван,Москва\nОльга,Казань\nПётр,Новосибирск\n"),
        ("windows-1250", "jméno,město\nJiří,Plzeň\nŽofie,České Budějovice\nLukáš,Děčín\n"),
        ("Shift_JIS", "名前,年齢\n本木,25\n山田太郎,30\n東京タワー,28\n"),
        ("EUC-KR", "이름,도시\n김철수,서울\n이영희,부산\n박민수,대구\n"),
        ("GBK", "姓名,城市\n张伟,北京\n王芳,上海\n李娜,广州\n"),
        ("Big5", "姓名,城市\n陳大文,臺北\n林小姐,高雄\n黃先生,臺中\n"),
        ("ISO-2022-JP", "名前,年齢\n本木,25\n山田太郎,30\n"),
    ] {
        let encoding = encoding_rs::Encoding::for_label(label.as_bytes()).unwrap();
        let (bytes, _, lossy) = encoding.encode(text);
        assert!(!lossy);
        let (read, facts) = read(&bytes).unwrap();
        assert_eq!((facts.charset, std::str::from_utf8(&read).unwrap()), (label, text));
        assert_eq!(facts.wrong_sequences, 0);
    }
}

#[test]
fn a_few_stray_bytes_leave_a_text_utf8() {
    for bytes in [
        &b"name,age\noogie boogie,3\noogie bo\xFF\xFFgie,3\n"[..],
        "stadt,n\nKöln,1\nMünchen,2\nF\u{fc}rth,3\n".as_bytes(),
        b"stadt,n\nK\xC3\xB6ln,1\nM\xC3\xBCnchen,2\nF\xFCrth,3\n",
    ] {
        let (text, facts) = read(bytes).unwrap();
        assert_eq!((&text[..], facts.charset), (bytes, "UTF-8"));
    }
}

#[test]
fn wrong_sequences_are_counted_located_and_never_valid() {
    // 0x81 leads no 0x20, and 0xFF leads nothing, in Shift_JIS.
    let (text, facts) = read_with(
        b"a,b\n\x96\xBC,1\n\x81 ,2\nx\xFF,3\n",
        3,
        &InputOptions { charset: Some("shift_jis".into()), ..InputOptions::default() },
    )
    .unwrap();
    assert_eq!(
        text,
        "a,b\n名,1\n? ,2\nx?,3\n".as_bytes().iter().map(|&b| if b == b'?' { 0xFF } else { b }).collect::<Vec<_>>()
    );
    assert_eq!((facts.wrong_sequences, facts.first_wrong), (2, Some(9)));

    let lone_surrogate = b"\xFF\xFEa\0\n\0\x00\xD8b\0\n\0";
    let (text, facts) = read(lone_surrogate).unwrap();
    assert_eq!((&text[..], facts.wrong_sequences, facts.first_wrong), (&b"a\n\xFFb\n"[..], 1, Some(6)));

    let half_unit = b"\xFF\xFE\0\0a\0\0\0\n\0\0\0b\0";
    let (text, facts) = read(half_unit).unwrap();
    assert_eq!((&text[..], facts.wrong_sequences, facts.first_wrong), (&b"a\n\xFF"[..], 1, Some(12)));
}

#[test]
fn an_unknown_name_is_an_error() {
    for name in ["klingon", "hz-gb-2312", ""] {
        let options = InputOptions { charset: Some(name.into()), ..InputOptions::default() };
        assert!(matches!(read_with(b"a\n", 1, &options), Err(InputError::UnknownCharset(n)) if n == name));
    }
}

fn table() -> impl Strategy<Value = String> {
    proptest::collection::vec("[a-zA-Z0-9 .,;é€—中ß]{0,40}", 1..200).prop_map(|lines| lines.join("\n"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn what_was_compressed_comes_back(text in table(), which in 0..5_usize, chunk in 1..5000_usize, split in 0.0..1.0_f64) {
        let compression = ALL[which];
        let mut bytes = compress(compression, text.as_bytes());
        if compression != Compression::Zip {
            let at = (text.len() as f64 * split) as usize;
            bytes = [compress(compression, &text.as_bytes()[..at]), compress(compression, &text.as_bytes()[at..])].concat();
        }
        let (read, facts) = read_with(&bytes, chunk, &InputOptions::default()).unwrap();
        prop_assert!(read == text.as_bytes());
        prop_assert_eq!(facts.compression, Some(compression));
    }

    #[test]
    fn what_was_encoded_comes_back(text in table(), which in 0..6_usize, chunk in 1..5000_usize) {
        let names = ["utf-16le", "utf-16be", "utf-32le", "utf-32be", "gb18030", "utf-8"];
        let bytes: Vec<u8> = match which {
            0 => text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
            1 => text.encode_utf16().flat_map(u16::to_be_bytes).collect(),
            2 => text.chars().flat_map(|c| (c as u32).to_le_bytes()).collect(),
            3 => text.chars().flat_map(|c| (c as u32).to_be_bytes()).collect(),
            4 => encoding_rs::GB18030.encode(&text).0.into_owned(),
            _ => text.clone().into_bytes(),
        };
        // Some are, by accident, the beginning of something else.
        prop_assume!(FileFormat::detect(&bytes) == FileFormat::Text);
        let options = InputOptions { charset: Some(names[which].into()), ..InputOptions::default() };
        let (read, facts) = read_with(&bytes, chunk, &options).unwrap();
        prop_assert!(read == text.as_bytes());
        prop_assert_eq!(facts.wrong_sequences, 0);
    }

    #[test]
    fn arbitrary_bytes_end_well(bytes in proptest::collection::vec(any::<u8>(), 0..2000), chunk in 1..300_usize) {
        let _ = read_with(&bytes, chunk, &InputOptions::default());
    }

    #[test]
    fn damaged_streams_end_well(
        text in table(), which in 0..5_usize, damage in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 1..6)
    ) {
        let mut bytes = compress(ALL[which], text.as_bytes());
        for (at, value) in damage {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        let _ = read_with(&bytes, 100, &InputOptions::default());
    }
}
