//! Any bytes through decompression, and any file in every packing: it reads as if it were not packed. What is cut off or
//! damaged reads as before or not at all, and never as less.

#![no_main]

use std::io::Write;

use cleanzone_fuzz::{Bytes, Input, Outcome, assert_same, outcome};
use cleanzone_tabular::{Compression, FileFormat, Options, recognise};
use libfuzzer_sys::fuzz_target;

/// Bytes at the beginning of a packed file without which it is something else.
const MAGIC: usize = 10;

fuzz_target!(|data: &[u8]| {
    let input = Input::new(data);
    if input.choice[0] < 8 {
        as_it_is(&input);
    } else {
        packed(&input);
    }
});

fn run(file: &[u8], pieces: usize, input: &Input<'_>) -> Result<Outcome, String> {
    // The dialect is another target's concern.
    let options = Options { dialect: cleanzone_tabular::DialectOverrides::default(), ..input.options() };
    outcome(Bytes(file, pieces), input.plans(), &options)
}

fn as_it_is(input: &Input<'_>) {
    let pieces = [1, 3, 17, 4096][usize::from(input.choice[3] & 3)];
    let whole = recognise(input.file, true);
    recognise(input.file, false);
    recognise(&input.file[..input.place(input.file.len() + 1)], false);
    let read = run(input.file, usize::MAX, input);
    assert_same(&read, &run(input.file, pieces, input), "how the file arrives changes what is read");
    if let (Some(content), Ok(_)) = (whole.content, &read) {
        let is_archive = content == FileFormat::Compressed(Compression::Zip) || content == FileFormat::Tar;
        assert!(content == FileFormat::Text || is_archive, "{content:?} was read");
    }
}

fn packed(input: &Input<'_>) {
    let seen = recognise(input.file, true);
    if seen.compression.is_some() || seen.content != Some(FileFormat::Text) || input.file.is_empty() {
        return;
    }
    let plain = run(input.file, usize::MAX, input);
    let (kind, change) = (input.choice[0] & 7, input.choice[3]);
    let mut file = pack(input.file, kind);
    assert_same(&plain, &run(&file, usize::MAX, input), "packed, it reads in another way");
    let at = input.place(file.len());
    match change & 3 {
        0 if kind < 4 => {
            // Two streams, one behind the other.
            let (first, second) = input.file.split_at(input.place(input.file.len()));
            if !first.is_empty() {
                let both = [pack(first, kind), pack(second, kind)].concat();
                assert_same(&plain, &run(&both, usize::MAX, input), "in two streams it reads in another way");
            }
            return;
        }
        1 if at >= MAGIC => file.truncate(at),
        2 if at >= MAGIC => file[at] ^= 1 << (change >> 2 & 7),
        3 if at >= MAGIC => file.insert(at, change),
        _ => return,
    }
    if let Ok(damaged) = run(&file, usize::MAX, input) {
        assert_same(&plain, &Ok(damaged), "damaged, it reads in another way");
    }
}

fn pack(text: &[u8], kind: u8) -> Vec<u8> {
    let done = match kind {
        0 => {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            encoder.write_all(text).and_then(|()| encoder.finish())
        }
        1 => {
            let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
            encoder.write_all(text).and_then(|()| encoder.finish())
        }
        2 => zstd::Encoder::new(Vec::new(), 1).and_then(|mut encoder| {
            encoder.include_checksum(true)?;
            encoder.write_all(text)?;
            encoder.finish()
        }),
        3 => lzma_rust2::XzWriter::new(Vec::new(), lzma_rust2::XzOptions::with_preset(0)).and_then(|mut encoder| {
            encoder.write_all(text)?;
            encoder.finish()
        }),
        other => Ok(zip(text, other & 1 != 0, other & 2 != 0)),
    };
    done.expect("memory takes all")
}

/// An archive of one file, stored or deflated, its sizes before the data or behind.
fn zip(text: &[u8], deflated: bool, streamed: bool) -> Vec<u8> {
    // The sizes of what is stored have to come first.
    let streamed = streamed && deflated;
    let mut crc = flate2::Crc::new();
    crc.update(text);
    let data = if deflated {
        let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(text).and_then(|()| encoder.finish()).expect("memory takes all")
    } else {
        text.to_vec()
    };
    let length = |bytes: &[u8]| u32::try_from(bytes.len()).expect("an input is small").to_le_bytes();
    let sums = [crc.sum().to_le_bytes(), length(&data), length(text)].concat();
    let about = [if streamed { 8 } else { 0 }, 0, if deflated { 8 } else { 0 }, 0, 0, 0, 0, 0];
    let name = b"a.csv";
    let mut file = b"PK\x03\x04\x14\0".to_vec();
    file.extend(about);
    file.extend(if streamed { &[0; 12] } else { sums.as_slice() });
    file.extend([5, 0, 0, 0]);
    file.extend(name);
    file.extend(data);
    if streamed {
        file.extend(b"PK\x07\x08");
        file.extend(&sums);
    }
    let directory = u32::try_from(file.len()).expect("an input is small");
    file.extend(b"PK\x01\x02\x14\0\x14\0");
    file.extend(about);
    file.extend(&sums);
    file.extend([5, 0]);
    file.extend([0; 16]);
    file.extend(name);
    let size = u32::try_from(file.len()).expect("an input is small") - directory;
    file.extend(b"PK\x05\x06\0\0\0\0\x01\0\x01\0");
    file.extend(size.to_le_bytes());
    file.extend(directory.to_le_bytes());
    file.extend([0, 0]);
    file
}
