//! The one file of a ZIP archive, read from front to back.
//!
//! The directory of an archive is at its end, where a stream cannot look first; but what precedes each file says
//! enough to read it (APPNOTE.TXT 6.3.10, sections 4.3.7 and 4.3.9). Whether it was the only one shows after it.

use std::{
    io::{self, BufRead, Read},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use flate2::{Crc, bufread::DeflateDecoder};

use super::{
    compression::{Compression, Counted, Limits},
    error::{InputError, ZipEntries},
};

const LOCAL_HEADER: u32 = 0x0403_4B50;
const DATA_DESCRIPTOR: u32 = 0x0807_4B50;
const DIRECTORY_HEADER: u32 = 0x0201_4B50;
const DIRECTORY_END: u32 = 0x0605_4B50;

pub(super) struct Zip {
    state: State,
    found: bool,
    /// Bytes of files that nobody wants: they cost as much time as the others.
    skipped: u64,
    consumed: Arc<AtomicU64>,
    limits: Limits,
}

enum State {
    Between(Counted),
    Within {
        entry: Entry,
        data: Data,
        crc: Crc,
    },
    /// At the end, or after an error.
    Over,
}

struct Entry {
    wanted: bool,
    crc: u32,
    size: u64,
    packed_size: u64,
    /// The checksum and sizes come after the data.
    descriptor: bool,
}

enum Data {
    Stored(io::Take<Counted>),
    Deflated(DeflateDecoder<Counted>),
}

impl Zip {
    pub(super) fn new(source: Counted, limits: Limits) -> Self {
        let consumed = source.consumed();
        Self { state: State::Between(source), found: false, skipped: 0, consumed, limits }
    }

    /// Opens the next file; `None` after the last one.
    fn next(&mut self, mut source: Counted) -> io::Result<Option<State>> {
        match u32::from_le_bytes(take(&mut source)?) {
            LOCAL_HEADER => {}
            DIRECTORY_HEADER | DIRECTORY_END if self.found => return Ok(None),
            DIRECTORY_HEADER | DIRECTORY_END => return Err(InputError::Entries(ZipEntries::None).into()),
            _ => return Err(corrupt("no header where one is expected")),
        }
        let header: [u8; 26] = take(&mut source)?;
        let u16_at = |at: usize| u16::from_le_bytes([header[at], header[at + 1]]);
        let u32_at = |at: usize| u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
        let (flags, method) = (u16_at(2), u16_at(4));
        let name = take_vec(&mut source, u16_at(22))?;
        let extra = take_vec(&mut source, u16_at(24))?;
        let (packed_size, size) = sizes(u32_at(14), u32_at(18), &extra)?;

        let entry =
            Entry { wanted: !is_bycatch(&name), crc: u32_at(10), size, packed_size, descriptor: flags & 8 != 0 };
        if entry.wanted && std::mem::replace(&mut self.found, true) {
            return Err(InputError::Entries(ZipEntries::Several).into());
        }
        if flags & 1 != 0 || method == 99 {
            return Err(InputError::Encrypted.into());
        }
        let data = match method {
            // Nothing but the directory would say where it ends.
            0 if entry.descriptor && packed_size == 0 && !name.ends_with(b"/") => {
                return Err(InputError::ZipMethod(method).into());
            }
            0 => Data::Stored(source.take(packed_size)),
            8 => Data::Deflated(DeflateDecoder::new(source)),
            _ => return Err(InputError::ZipMethod(method).into()),
        };
        Ok(Some(State::Within { entry, data, crc: Crc::new() }))
    }
}

impl Read for Zip {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if out.is_empty() {
            return Ok(0);
        }
        loop {
            match std::mem::replace(&mut self.state, State::Over) {
                State::Over => return Ok(0),
                State::Between(source) => match self.next(source)? {
                    Some(state) => self.state = state,
                    None => return Ok(0),
                },
                State::Within { entry, mut data, mut crc } => {
                    let n = match &mut data {
                        Data::Stored(data) => data.read(out)?,
                        Data::Deflated(data) => data.read(out)?,
                    };
                    if n == 0 {
                        self.state = State::Between(entry.finish(data, &crc)?);
                        continue;
                    }
                    crc.update(&out[..n]);
                    let wanted = entry.wanted;
                    self.state = State::Within { entry, data, crc };
                    if wanted {
                        return Ok(n);
                    }
                    self.skipped += n as u64;
                    self.limits.check(Compression::Zip, self.skipped, self.consumed.load(Ordering::Relaxed))?;
                }
            }
        }
    }
}

impl Entry {
    /// Compares what was read with what was announced, and gives back the source.
    fn finish(&self, data: Data, crc: &Crc) -> io::Result<Counted> {
        let (mut source, packed_size) = match data {
            Data::Stored(data) if data.limit() > 0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            Data::Stored(data) => (data.into_inner(), self.packed_size),
            Data::Deflated(data) => {
                let packed = data.total_in();
                (data.into_inner(), packed)
            }
        };
        // The checksum object counts modulo 2³²; so do the fields of most archives.
        let size = crc.amount();
        if self.descriptor {
            let mut expected = take(&mut source)?;
            if u32::from_le_bytes(expected) == DATA_DESCRIPTOR {
                expected = take(&mut source)?;
            }
            if u32::from_le_bytes(expected) != crc.sum() {
                return Err(corrupt("wrong checksum"));
            }
            let [packed_low, size_low]: [u32; 2] = take_two(&mut source)?;
            // The sizes are four bytes each, or eight in ZIP64: the second word tells, as the upper half of a size
            // below 4 GiB is zero.
            #[allow(clippy::cast_possible_truncation)]
            let short =
                packed_low == packed_size as u32 && size_low == size && (size != 0 || starts_header(&mut source)?);
            if !short {
                let [size_low, _]: [u32; 2] = take_two(&mut source)?;
                #[allow(clippy::cast_possible_truncation)]
                if packed_low != packed_size as u32 || size_low != size {
                    return Err(corrupt("wrong size"));
                }
            }
        } else if crc.sum() != self.crc || u64::from(size) != self.size & 0xFFFF_FFFF || packed_size != self.packed_size
        {
            return Err(corrupt("wrong size or checksum"));
        }
        Ok(source)
    }
}

fn starts_header(source: &mut Counted) -> io::Result<bool> {
    Ok(source.fill_buf()?.first() == Some(&b'P'))
}

/// Directories, and what macOS and Windows add to an archive by themselves.
fn is_bycatch(name: &[u8]) -> bool {
    let base = name.rsplit(|&b| b == b'/').next().unwrap_or_default();
    name.ends_with(b"/")
        || name.starts_with(b"__MACOSX/")
        || base.starts_with(b"._")
        || [&b".DS_Store"[..], b"Thumbs.db", b"desktop.ini"].contains(&base)
}

/// Packed and unpacked size: 32 bits in the header, or 64 in the ZIP64 field (4.5.3).
fn sizes(packed: u32, size: u32, mut extra: &[u8]) -> io::Result<(u64, u64)> {
    if packed != u32::MAX && size != u32::MAX {
        return Ok((packed.into(), size.into()));
    }
    while let [a, b, c, d, rest @ ..] = extra {
        let (id, length) = (u16::from_le_bytes([*a, *b]), usize::from(u16::from_le_bytes([*c, *d])));
        let Some((field, rest)) = rest.split_at_checked(length) else { break };
        if id == 1
            && let Some((sizes, _)) = field.split_first_chunk::<16>()
        {
            let (size, packed) = sizes.split_at(8);
            let u64_of = |b: &[u8]| b.iter().rev().fold(0, |n, &b| n << 8 | u64::from(b));
            return Ok((u64_of(packed), u64_of(size)));
        }
        extra = rest;
    }
    Err(corrupt("no ZIP64 sizes where they are announced"))
}

fn take<const N: usize>(source: &mut Counted) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    source.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn take_two(source: &mut Counted) -> io::Result<[u32; 2]> {
    Ok([u32::from_le_bytes(take(source)?), u32::from_le_bytes(take(source)?)])
}

fn take_vec(source: &mut Counted, length: u16) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; length.into()];
    source.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn corrupt(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}
