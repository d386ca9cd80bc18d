//! Any bytes through the character set detector and the decoder: the text is UTF-8 but for one byte `0xFF` for each wrong
//! sequence, however the bytes arrive; a cut changes its end alone; and what was encoded comes back.

#![no_main]

use cleanzone_fuzz::{Bytes, Input};
use cleanzone_tabular::{InputFacts, InputOptions, recognise, text};
use libfuzzer_sys::fuzz_target;

const NAMES: [Option<&str>; 32] = [
    None,
    None,
    None,
    None,
    Some("utf-8"),
    Some("utf-16"),
    Some("utf-16le"),
    Some("utf-16be"),
    Some("utf-32"),
    Some("utf-32le"),
    Some("utf-32be"),
    Some("latin1"),
    Some("windows-1250"),
    Some("windows-1251"),
    Some("windows-1253"),
    Some("windows-1255"),
    Some("windows-1258"),
    Some("windows-874"),
    Some("iso-8859-2"),
    Some("iso-8859-7"),
    Some("ibm866"),
    Some("koi8-u"),
    Some("macintosh"),
    Some("x-mac-cyrillic"),
    Some("shift_jis"),
    Some("euc-jp"),
    Some("iso-2022-jp"),
    Some("euc-kr"),
    Some("big5"),
    Some("gb18030"),
    Some("gbk"),
    Some("x-user-defined"),
];

/// Bytes of text by which the end of a cut one may differ: what was a character is a wrong sequence or two.
const END: usize = 8;

fuzz_target!(|data: &[u8]| {
    let input = Input::new(data);
    let name = NAMES[usize::from(input.choice[1]) % NAMES.len()];
    let pieces = [1, 2, 3, 5, 7, 64, 1000, 4096][usize::from(input.choice[2] & 7)];
    for whole in [true, false] {
        let seen = recognise(input.file, whole);
        assert!(seen.delimiter.as_deref() != Some(""), "a delimiter without bytes");
    }
    let Some((decoded, facts)) = decode(input.file, usize::MAX, name) else { return };
    let again = decode(input.file, pieces, name);
    assert_eq!(again, Some((decoded.clone(), facts.clone())), "in pieces of {pieces} bytes it is another text");

    let cut = &input.file[..input.place(input.file.len() + 1)];
    recognise(cut, false);
    decode(cut, usize::MAX, name);
    // The same set for both.
    let set = name.or(Some(facts.charset));
    if let (Some((all, _)), Some((begun, _))) = (decode(input.file, usize::MAX, set), decode(cut, usize::MAX, set)) {
        let same = all.iter().zip(&begun).take_while(|(a, b)| a == b).count();
        assert!(same + END >= begun.len(), "of {} bytes of a cut text, {same} are as in the whole", begun.len());
    }
    if let Ok(text) = str::from_utf8(input.file) {
        round_trip(text);
    }
});

/// The text of a file, and what was found out about it, if it is one.
fn decode(file: &[u8], pieces: usize, name: Option<&str>) -> Option<(Vec<u8>, InputFacts)> {
    let charset = name.map(str::to_owned);
    let options = InputOptions { charset, max_bytes: 1 << 20, ..InputOptions::default() };
    let (text, facts) = text(Bytes(file, pieces).reader(), &options).ok()?;
    assert!((0.0..=1.0).contains(&facts.charset_certainty), "certainty of {}", facts.charset_certainty);
    assert_eq!(facts.first_wrong.is_some(), facts.wrong_sequences > 0, "where, but not how many");
    if facts.compression.is_some() {
        return Some((text, facts));
    }
    assert_eq!(facts.bytes, file.len() as u64, "bytes that were read");
    assert!(facts.first_wrong.is_none_or(|at| at < facts.bytes), "a wrong sequence behind the end");
    if facts.charset == "UTF-8" {
        assert!(file.ends_with(&text), "UTF-8 is left as it is");
        assert_eq!(file.len() - text.len(), if facts.byte_order_mark { 3 } else { 0 }, "the byte order mark");
        assert_eq!(facts.wrong_sequences, 0, "nobody counts in UTF-8");
        return Some((text, facts));
    }
    let wrong = text.split(|byte| *byte == 0xFF).inspect(|part| {
        assert!(str::from_utf8(part).is_ok(), "{} is decoded to something else than UTF-8", facts.charset);
    });
    assert_eq!(wrong.count() as u64 - 1, facts.wrong_sequences, "wrong sequences of {}", facts.charset);
    Some((text, facts))
}

/// Text in units of two and four bytes, behind a byte order mark, comes back.
fn round_trip(text: &str) {
    let text = text.strip_prefix('\u{FEFF}').unwrap_or(text);
    if text.starts_with('\0') {
        // The mark of UTF-16 and a zero are the mark of UTF-32.
        return;
    }
    let marked = || std::iter::once('\u{FEFF}').chain(text.chars());
    let units = |c: char| c.encode_utf16(&mut [0; 2]).to_vec();
    let files: [(&str, Vec<u8>); 4] = [
        ("UTF-16LE", marked().flat_map(units).flat_map(u16::to_le_bytes).collect()),
        ("UTF-16BE", marked().flat_map(units).flat_map(u16::to_be_bytes).collect()),
        ("UTF-32LE", marked().flat_map(|c| u32::from(c).to_le_bytes()).collect()),
        ("UTF-32BE", marked().flat_map(|c| u32::from(c).to_be_bytes()).collect()),
    ];
    for (charset, file) in files {
        for name in [None, Some(charset)] {
            let Some((decoded, facts)) = decode(&file, usize::MAX, name) else { continue };
            assert_eq!((facts.charset, decoded.as_slice()), (charset, text.as_bytes()), "it does not come back");
            assert!(facts.byte_order_mark && facts.wrong_sequences == 0, "{facts:?}");
        }
    }
}
