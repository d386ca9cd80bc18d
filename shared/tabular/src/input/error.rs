use std::io;

use cleanzone_error::{ErrorName, Fault};

use super::{compression::Compression, format::FileFormat};

/// Why the text in a file could not be got at.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InputError {
    /// The bytes could not be fetched.
    #[error("cannot read the source")]
    Read(#[source] io::Error),
    /// The content is something else than delimited text.
    #[error("the file is no delimited text: it looks like {0}; convert it, or keep such files elsewhere")]
    Format(FileFormat),
    /// The compressed stream ends before its end.
    #[error("the {compression} stream is cut off at byte {offset}; send the whole file again")]
    Truncated {
        /// How it is compressed.
        compression: Compression,
        /// Length of the compressed stream, bytes.
        offset: u64,
    },
    /// The compressed stream breaks its own rules.
    #[error("the {compression} stream is corrupt before byte {offset}; compress and send the file again")]
    Corrupt {
        /// How it is compressed.
        compression: Compression,
        /// Bytes of the compressed stream that were read when it showed.
        offset: u64,
        /// What the decoder says.
        source: io::Error,
    },
    /// The decompressed text is longer than allowed.
    #[error("decompressed, the file is longer than the limit of {limit} bytes; split it")]
    TooLong {
        /// Bytes allowed.
        limit: u64,
    },
    /// The compressed stream expands more than delimited text does.
    #[error(
        "the {compression} stream expands to more than {limit} times its length within its first {offset} bytes; if it is \
         as it should be, send it uncompressed"
    )]
    Bomb {
        /// How it is compressed.
        compression: Compression,
        /// Times allowed.
        limit: u64,
        /// Bytes of the compressed stream that were read when it showed.
        offset: u64,
    },
    /// The ZIP archive is encrypted.
    #[error("the ZIP archive is encrypted; send it without a password")]
    Encrypted,
    /// The ZIP archive does not hold exactly one file.
    #[error("the ZIP archive holds {0}, where exactly one is read; send each file by itself")]
    Entries(ZipEntries),
    /// The file in the ZIP archive is compressed in a way that is not read.
    #[error("the ZIP archive uses compression method {0}, which is not read; use Deflate, or gzip")]
    ZipMethod(u16),
    /// No character set has this name.
    #[error("no character set is called {0:?}: use a name of the WHATWG Encoding Standard, or utf-32")]
    UnknownCharset(String),
}

/// How many files a ZIP archive holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ZipEntries {
    /// None.
    None,
    /// More than one.
    Several,
}

impl std::fmt::Display for ZipEntries {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::None => "no file",
            Self::Several => "several files",
        })
    }
}

impl Fault for InputError {
    fn name(&self) -> ErrorName {
        match self {
            Self::Read(_) => ErrorName::Io,
            Self::Format(_) | Self::Encrypted | Self::Entries(_) | Self::ZipMethod(_) => ErrorName::InvalidFileFormat,
            Self::Truncated { .. } | Self::Corrupt { .. } => ErrorName::InvalidCompression,
            Self::TooLong { .. } | Self::Bomb { .. } => ErrorName::LimitExceeded,
            Self::UnknownCharset(_) => ErrorName::InvalidSettings,
        }
    }
}

impl From<InputError> for io::Error {
    fn from(error: InputError) -> Self {
        match error {
            InputError::Read(error) => error,
            error => io::Error::other(error),
        }
    }
}

impl From<io::Error> for InputError {
    /// A text that fails while it is read does so with an `InputError` in an [`io::Error`].
    fn from(error: io::Error) -> Self {
        error.downcast::<InputError>().unwrap_or_else(InputError::Read)
    }
}
