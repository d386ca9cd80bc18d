//! What the beginning of a file, and nothing else of it, says of the whole: as [`open`](super::open) sees it, but
//! without an error where the rest is missing.

use std::{
    io::{Cursor, Read},
    sync::Arc,
};

use super::{
    Compression, Counters, FileFormat, InputError, charset,
    compression::{Limits, decompress},
    format::HEAD_LENGTH,
    prose,
};

/// What a head shows.
#[derive(Debug)]
pub(crate) struct Head {
    pub(crate) compression: Option<Compression>,
    /// What is inside; `None` where the compressed stream shows nothing of it.
    pub(crate) content: Option<FileFormat>,
    /// The text inside, as UTF-8 without byte order mark; empty where it is something else.
    pub(crate) text: Vec<u8>,
    /// Whether that is all of it.
    pub(crate) whole: bool,
}

/// Bytes that are decompressed at once. An error of the decoder costs no more than what it had of them.
const CHUNK: usize = 4096;

/// Looks at the first bytes of a file, `whole` where they are all; takes up to `most` bytes of text.
pub(crate) fn head(bytes: &[u8], whole: bool, most: usize) -> Head {
    let most = most.max(HEAD_LENGTH);
    let outside = FileFormat::detect(bytes);
    let FileFormat::Compressed(compression) = outside else {
        let taken = &bytes[..bytes.len().min(most)];
        return inside(None, outside, taken, whole && taken.len() == bytes.len());
    };
    let (unpacked, end) = unpack(bytes, compression, most);
    match end {
        // Nothing that is read: an archive of several files, or an encrypted one.
        End::Unreadable => Head { compression: None, content: Some(outside), text: Vec::new(), whole },
        End::Broken if unpacked.is_empty() => {
            Head { compression: Some(compression), content: None, text: Vec::new(), whole }
        }
        end => inside(Some(compression), FileFormat::detect(&unpacked), &unpacked, end == End::Reached),
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// That was all.
    Reached,
    /// More follows.
    Open,
    /// The stream is cut off, as a head is, or corrupt.
    Broken,
    Unreadable,
}

fn unpack(bytes: &[u8], compression: Compression, most: usize) -> (Vec<u8>, End) {
    // No more than `most` bytes come of it, so nothing can expand too far.
    let limits = Limits { ratio: u64::MAX, bytes: u64::MAX };
    let source = Box::new(Cursor::new(bytes.to_vec()));
    let mut unpacked = Vec::new();
    let end = match decompress(compression, source, Arc::default(), limits) {
        Err(_) => End::Broken,
        Ok(mut stream) => loop {
            let length = unpacked.len();
            if length >= most {
                break End::Open;
            }
            unpacked.resize(length + CHUNK, 0);
            match stream.read(&mut unpacked[length..]) {
                Ok(n) => {
                    unpacked.truncate(length + n);
                    if n == 0 {
                        break End::Reached;
                    }
                }
                Err(error) => {
                    unpacked.truncate(length);
                    break match InputError::from(error) {
                        InputError::Encrypted | InputError::Entries(_) | InputError::ZipMethod(_) => End::Unreadable,
                        _ => End::Broken,
                    };
                }
            }
        },
    };
    (unpacked, end)
}

fn inside(compression: Option<Compression>, content: FileFormat, bytes: &[u8], whole: bool) -> Head {
    if content != FileFormat::Text {
        return Head { compression, content: Some(content), text: Vec::new(), whole };
    }
    let found = charset::detect(bytes, whole);
    let bytes = &bytes[found.mark.min(bytes.len())..];
    if found.charset == charset::Charset::Utf8 {
        return written(compression, bytes.to_vec(), whole);
    }
    let (bytes, counters) = (Cursor::new(bytes.to_vec()), Arc::new(Counters::new(Arc::default())));
    let mut text = Vec::new();
    // Memory never fails to be read, and what is wrong in the character set is no error.
    let _ = charset::decode(found.charset, Box::new(bytes), found.mark, counters).read_to_end(&mut text);
    match FileFormat::of_text(&text[..text.len().min(HEAD_LENGTH)]) {
        FileFormat::Text => written(compression, text, whole),
        other => Head { compression, content: Some(other), text: Vec::new(), whole },
    }
}

/// A text in UTF-8, if it is one that may be a table.
fn written(compression: Option<Compression>, text: Vec<u8>, whole: bool) -> Head {
    match prose::detect(&text, whole) {
        None => Head { compression, content: Some(FileFormat::Text), text, whole },
        other => Head { compression, content: other, text: Vec::new(), whole },
    }
}
