//! Decompression by content, streamed and bounded.

use std::{
    fmt,
    io::{self, BufRead, Read},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use serde::Serialize;

use super::{InputError, zip::Zip};

/// How a file is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Compression {
    /// RFC 1952, one or more members.
    Gzip,
    /// RFC 8878, one or more frames.
    Zstd,
    /// One or more streams.
    Bzip2,
    /// One or more streams.
    Xz,
    /// An archive with exactly one file.
    Zip,
}

impl Compression {
    /// What it is called for short.
    pub fn id(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
            Self::Bzip2 => "bzip2",
            Self::Xz => "xz",
            Self::Zip => "zip",
        }
    }

    /// Told by the first bytes.
    pub fn detect(head: &[u8]) -> Option<Self> {
        let zstd_skippable = || {
            // A skippable frame has a free nibble; text cannot look like it, because of the control characters.
            head.len() >= 4 && (0x50..=0x5F).contains(&head[0]) && head[1..4] == [0x2A, 0x4D, 0x18]
        };
        if head.starts_with(&[0x1F, 0x8B, 0x08]) {
            Some(Self::Gzip)
        } else if head.starts_with(&[0x28, 0xB5, 0x2F, 0xFD]) || zstd_skippable() {
            Some(Self::Zstd)
        } else if is_bzip2(head) {
            Some(Self::Bzip2)
        } else if head.starts_with(&[0xFD, b'7', b'z', b'X', b'Z', 0]) {
            Some(Self::Xz)
        } else if head.starts_with(b"PK\x03\x04") || head.starts_with(b"PK\x05\x06") {
            Some(Self::Zip)
        } else {
            None
        }
    }
}

/// `BZh`, the block size, then the magic number of a block or of the end: text may begin with the first four.
fn is_bzip2(head: &[u8]) -> bool {
    const BLOCK: [u8; 6] = [0x31, 0x41, 0x59, 0x26, 0x53, 0x59];
    const END: [u8; 6] = [0x17, 0x72, 0x45, 0x38, 0x50, 0x90];
    head.starts_with(b"BZh")
        && head.len() >= 10
        && head[3].is_ascii_digit()
        && [BLOCK, END].iter().any(|m| head[4..10] == *m)
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Zip => "ZIP",
            other => other.id(),
        })
    }
}

/// How much a compressed file may expand.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) ratio: u64,
    pub(super) bytes: u64,
}

impl Limits {
    /// Whether `produced` bytes may come of the first `offset` bytes of a stream.
    pub(super) fn check(self, compression: Compression, produced: u64, offset: u64) -> Result<(), InputError> {
        if produced > self.bytes {
            return Err(InputError::TooLong { limit: self.bytes });
        }
        if produced > RATIO_COUNTS_FROM && produced / self.ratio.max(1) > offset {
            return Err(InputError::Bomb { compression, limit: self.ratio, offset });
        }
        Ok(())
    }
}

/// Below this many bytes of output the ratio is no matter: they cost nothing.
const RATIO_COUNTS_FROM: u64 = 16 << 20;

/// Memory that an xz stream may ask for, KiB: the 64 MiB dictionary of `xz -9`, and room for the decoder.
const XZ_MEMORY_KIB: u32 = 80 << 10;

/// Largest zstd window, as a power of two of bytes: what `zstd` itself accepts without being asked (128 MiB).
const ZSTD_WINDOW_LOG: u32 = 27;

/// The text of a compressed stream.
pub(super) fn decompress(
    compression: Compression,
    source: Box<dyn Read + Send>,
    consumed: Arc<AtomicU64>,
    limits: Limits,
) -> Result<Box<dyn Read + Send>, InputError> {
    let failed = Arc::new(AtomicBool::new(false));
    let source = Counted::new(source, Arc::clone(&consumed), Arc::clone(&failed));
    let decoder: Box<dyn Read + Send> = match compression {
        Compression::Gzip => Box::new(Members::<GzipMember>::new(source)),
        Compression::Bzip2 => Box::new(Members::<Bzip2Member>::new(source)),
        Compression::Zstd => {
            let mut decoder = zstd::Decoder::with_buffer(source).map_err(InputError::Read)?;
            decoder.window_log_max(ZSTD_WINDOW_LOG).map_err(InputError::Read)?;
            Box::new(decoder)
        }
        Compression::Xz => Box::new(lzma_rust2::XzReader::new_mem_limit(source, true, XZ_MEMORY_KIB)),
        Compression::Zip => Box::new(Zip::new(source, limits)),
    };
    Ok(Box::new(Guarded {
        decoder,
        compression,
        limits,
        consumed,
        source_failed: failed,
        produced: 0,
        ended: Ended::No,
    }))
}

/// A buffered source that counts what is consumed of it, and remembers that it failed.
pub(super) struct Counted {
    source: Box<dyn Read + Send>,
    buffer: Box<[u8]>,
    start: usize,
    end: usize,
    consumed: Arc<AtomicU64>,
    failed: Arc<AtomicBool>,
}

impl Counted {
    const BUFFER: usize = 128 << 10;

    fn new(source: Box<dyn Read + Send>, consumed: Arc<AtomicU64>, failed: Arc<AtomicBool>) -> Self {
        Self { source, buffer: vec![0; Self::BUFFER].into(), start: 0, end: 0, consumed, failed }
    }

    /// The count of bytes that were consumed, which goes on.
    pub(super) fn consumed(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.consumed)
    }
}

impl BufRead for Counted {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        while self.start == self.end {
            match self.source.read(&mut self.buffer) {
                Ok(0) => break,
                Ok(n) => (self.start, self.end) = (0, n.min(self.buffer.len())),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.failed.store(true, Ordering::Relaxed);
                    return Err(error);
                }
            }
        }
        Ok(&self.buffer[self.start..self.end])
    }

    fn consume(&mut self, amount: usize) {
        let amount = amount.min(self.end - self.start);
        self.start += amount;
        self.consumed.fetch_add(amount as u64, Ordering::Relaxed);
    }
}

impl Read for Counted {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let n = self.fill_buf()?.read(out)?;
        self.consume(n);
        Ok(n)
    }
}

/// One of the compressed streams that are written one after another into a file.
trait Member: Read + Sized {
    const FIRST_BYTE: u8;
    fn begin(source: Counted) -> Self;
    fn end(self) -> Counted;
}

type GzipMember = flate2::bufread::GzDecoder<Counted>;
type Bzip2Member = bzip2::bufread::BzDecoder<Counted>;

impl Member for GzipMember {
    const FIRST_BYTE: u8 = 0x1F;
    fn begin(source: Counted) -> Self {
        Self::new(source)
    }
    fn end(self) -> Counted {
        self.into_inner()
    }
}

impl Member for Bzip2Member {
    const FIRST_BYTE: u8 = b'B';
    fn begin(source: Counted) -> Self {
        Self::new(source)
    }
    fn end(self) -> Counted {
        self.into_inner()
    }
}

/// Member after member. Zeros after the last one are padding, as tapes and some uploaders leave it.
struct Members<M> {
    current: Option<M>,
}

impl<M: Member> Members<M> {
    fn new(source: Counted) -> Self {
        Self { current: Some(M::begin(source)) }
    }
}

impl<M: Member> Read for Members<M> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if out.is_empty() {
            return Ok(0);
        }
        while let Some(member) = &mut self.current {
            let n = member.read(out)?;
            if n > 0 {
                return Ok(n);
            }
            let Some(mut source) = self.current.take().map(M::end) else { break };
            match skip_zeros(&mut source)? {
                None => break,
                Some(first) if first == M::FIRST_BYTE => self.current = Some(M::begin(source)),
                Some(_) => return Err(io::Error::new(io::ErrorKind::InvalidData, "something else follows the stream")),
            }
        }
        Ok(0)
    }
}

/// The first byte that is not zero, unread.
fn skip_zeros(source: &mut Counted) -> io::Result<Option<u8>> {
    loop {
        let buffer = source.fill_buf()?;
        if buffer.is_empty() {
            return Ok(None);
        }
        let zeros = buffer.iter().take_while(|&&b| b == 0).count();
        let next = buffer.get(zeros).copied();
        source.consume(zeros);
        if next.is_some() {
            return Ok(next);
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Ended {
    No,
    Well,
    Badly,
}

/// Keeps a decoder within the limits, and says where its input broke.
struct Guarded {
    decoder: Box<dyn Read + Send>,
    compression: Compression,
    limits: Limits,
    consumed: Arc<AtomicU64>,
    source_failed: Arc<AtomicBool>,
    produced: u64,
    ended: Ended,
}

impl Guarded {
    fn offset(&self) -> u64 {
        self.consumed.load(Ordering::Relaxed)
    }

    fn explain(&self, error: io::Error) -> io::Error {
        if self.source_failed.load(Ordering::Relaxed)
            || error.get_ref().is_some_and(<dyn std::error::Error + Send + Sync>::is::<InputError>)
        {
            return error;
        }
        let (compression, offset) = (self.compression, self.offset());
        match error.kind() {
            io::ErrorKind::UnexpectedEof => InputError::Truncated { compression, offset }.into(),
            _ => InputError::Corrupt { compression, offset, source: error }.into(),
        }
    }
}

impl Read for Guarded {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        match self.ended {
            Ended::Well => return Ok(0),
            // A decoder that failed once may be in any state.
            Ended::Badly => return Err(self.explain(io::ErrorKind::InvalidData.into())),
            Ended::No => {}
        }
        if out.is_empty() {
            return Ok(0);
        }
        let done = self.decoder.read(out).map_err(|error| self.explain(error)).and_then(|n| {
            self.produced += n as u64;
            self.limits.check(self.compression, self.produced, self.offset())?;
            Ok(n)
        });
        match &done {
            Ok(0) => self.ended = Ended::Well,
            Err(error) if error.kind() != io::ErrorKind::Interrupted => self.ended = Ended::Badly,
            _ => {}
        }
        done
    }
}
