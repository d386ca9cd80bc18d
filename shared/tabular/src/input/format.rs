//! What a file is, by its first bytes.

use std::fmt;

use serde::Serialize;

/// Bytes from the beginning of a file that [`FileFormat::detect`] looks at.
pub const HEAD_LENGTH: usize = 4096;

/// What a file looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FileFormat {
    /// Nothing else: text that may be delimited, in whatever character set.
    Text,
    /// One JSON document.
    Json,
    /// One JSON document a line.
    JsonLines,
    /// An XML document.
    Xml,
    /// An HTML page.
    Html,
    /// Rich Text Format.
    Rtf,
    /// A compressed stream or a ZIP archive that may hold delimited text.
    Compressed(super::Compression),
    /// Apache Parquet.
    Parquet,
    /// Apache Avro.
    Avro,
    /// Apache ORC.
    Orc,
    /// An Arrow IPC file or stream, or Feather.
    Arrow,
    /// HDF5.
    Hdf5,
    /// A `SQLite` database.
    Sqlite,
    /// An Excel workbook of 2007 or later.
    Excel,
    /// A Microsoft Office file of before 2007, such as an Excel workbook.
    Ole,
    /// Another Office document: Word, `PowerPoint`.
    OfficeDocument,
    /// An `OpenDocument` file, such as a `LibreOffice` spreadsheet.
    OpenDocument,
    /// A Java archive.
    Jar,
    /// PDF.
    Pdf,
    /// PNG.
    Png,
    /// JPEG.
    Jpeg,
    /// GIF.
    Gif,
    /// TIFF.
    Tiff,
    /// WebP.
    #[serde(rename = "webp")]
    WebP,
    /// BMP.
    Bmp,
    /// Sound or film.
    Media,
    /// A program for Linux, Windows or macOS, or a Java class.
    Program,
    /// A tar archive.
    Tar,
    /// A compressed format that is not read: 7-Zip, RAR, LZ4, Snappy, LZOP, compress.
    Archive,
    /// Encrypted with PGP.
    Pgp,
    /// Bytes that are no text in any character set.
    Binary,
    /// JSON documents without line ends between them.
    JsonSequence,
    /// A script or a dump of a database.
    Sql,
    /// vCards.
    #[serde(rename = "vcard")]
    VCard,
    /// iCalendar.
    Calendar,
    /// Mail or news.
    Mail,
    /// YAML.
    Yaml,
    /// INI, TOML, and the like.
    Settings,
    /// A script, by its first line.
    Script,
    /// The difference of two files.
    Diff,
    /// Source code of a program.
    SourceCode,
    /// Markdown.
    Markdown,
    /// LaTeX.
    Latex,
    /// PostScript.
    #[serde(rename = "postscript")]
    PostScript,
    /// Paragraphs of sentences.
    Prose,
}

impl FileFormat {
    /// What files of this kind are called for short, as in the names of many of them.
    pub fn id(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Json | Self::JsonSequence => "json",
            Self::JsonLines => "jsonl",
            Self::Xml => "xml",
            Self::Html => "html",
            Self::Rtf => "rtf",
            Self::Compressed(compression) => compression.id(),
            Self::Parquet => "parquet",
            Self::Avro => "avro",
            Self::Orc => "orc",
            Self::Arrow => "arrow",
            Self::Hdf5 => "hdf5",
            Self::Sqlite => "sqlite",
            Self::Excel => "xlsx",
            Self::Ole => "ole",
            Self::OfficeDocument => "office",
            Self::OpenDocument => "opendocument",
            Self::Jar => "jar",
            Self::Pdf => "pdf",
            Self::Png => "png",
            Self::Jpeg => "jpeg",
            Self::Gif => "gif",
            Self::Tiff => "tiff",
            Self::WebP => "webp",
            Self::Bmp => "bmp",
            Self::Media => "media",
            Self::Program => "program",
            Self::Tar => "tar",
            Self::Archive => "archive",
            Self::Pgp => "pgp",
            Self::Binary => "binary",
            Self::Sql => "sql",
            Self::VCard => "vcf",
            Self::Calendar => "ics",
            Self::Mail => "eml",
            Self::Yaml => "yaml",
            Self::Settings => "ini",
            Self::Script => "script",
            Self::Diff => "diff",
            Self::SourceCode => "source",
            Self::Markdown => "md",
            Self::Latex => "tex",
            Self::PostScript => "ps",
            Self::Prose => "prose",
        }
    }
}

impl fmt::Display for FileFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Text => "text",
            Self::Json => "a JSON document",
            Self::JsonLines => "JSON lines",
            Self::Xml => "an XML document",
            Self::Html => "an HTML page",
            Self::Rtf => "a Rich Text document",
            Self::Compressed(compression) => return write!(f, "a {compression} file"),
            Self::Parquet => "a Parquet file",
            Self::Avro => "an Avro file",
            Self::Orc => "an ORC file",
            Self::Arrow => "an Arrow file",
            Self::Hdf5 => "an HDF5 file",
            Self::Sqlite => "a SQLite database",
            Self::Excel => "an Excel workbook (xlsx)",
            Self::Ole => "an old Microsoft Office file, such as an Excel workbook (xls)",
            Self::OfficeDocument => "a Microsoft Office document",
            Self::OpenDocument => "an OpenDocument file",
            Self::Jar => "a Java archive",
            Self::Pdf => "a PDF document",
            Self::Png => "a PNG image",
            Self::Jpeg => "a JPEG image",
            Self::Gif => "a GIF image",
            Self::Tiff => "a TIFF image",
            Self::WebP => "a WebP image",
            Self::Bmp => "a BMP image",
            Self::Media => "sound or film",
            Self::Program => "a program",
            Self::Tar => "a tar archive",
            Self::Archive => "an archive or compressed file of a kind that is not read",
            Self::Pgp => "a PGP message",
            Self::Binary => "binary data",
            Self::JsonSequence => "JSON documents one after another",
            Self::Sql => "a SQL dump",
            Self::VCard => "vCards",
            Self::Calendar => "a calendar",
            Self::Mail => "an e-mail",
            Self::Yaml => "a YAML document",
            Self::Settings => "a file of settings (INI or TOML)",
            Self::Script => "a script",
            Self::Diff => "a diff",
            Self::SourceCode => "source code",
            Self::Markdown => "a Markdown document",
            Self::Latex => "a LaTeX document",
            Self::PostScript => "a PostScript document",
            Self::Prose => "running text",
        })
    }
}

/// Magic numbers that no text begins with.
const MAGIC: &[(&[u8], FileFormat)] = &[
    (b"Obj\x01", FileFormat::Avro),
    (b"ARROW1\0", FileFormat::Arrow),
    (b"\xFF\xFF\xFF\xFF", FileFormat::Arrow),
    (b"\x89HDF\r\n\x1A\n", FileFormat::Hdf5),
    (b"SQLite format 3\0", FileFormat::Sqlite),
    (b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1", FileFormat::Ole),
    (b"%PDF-", FileFormat::Pdf),
    (b"{\\rtf", FileFormat::Rtf),
    (b"\x89PNG\r\n\x1A\n", FileFormat::Png),
    (b"\xFF\xD8\xFF", FileFormat::Jpeg),
    (b"GIF87a", FileFormat::Gif),
    (b"GIF89a", FileFormat::Gif),
    (b"II*\0", FileFormat::Tiff),
    (b"MM\0*", FileFormat::Tiff),
    (b"\x7FELF", FileFormat::Program),
    (b"\xCA\xFE\xBA\xBE", FileFormat::Program),
    (b"\xCF\xFA\xED\xFE", FileFormat::Program),
    (b"\xCE\xFA\xED\xFE", FileFormat::Program),
    (b"\0asm", FileFormat::Program),
    (b"7z\xBC\xAF\x27\x1C", FileFormat::Archive),
    (b"Rar!\x1A\x07", FileFormat::Archive),
    (b"\x04\x22\x4D\x18", FileFormat::Archive),
    (b"\xFF\x06\0\0sNaPpY", FileFormat::Archive),
    (b"\x89LZO\0", FileFormat::Archive),
    (b"LZIP\x01", FileFormat::Archive),
    (b"\x1F\x9D", FileFormat::Archive),
    (b"OggS\0", FileFormat::Media),
    (b"\x1A\x45\xDF\xA3", FileFormat::Media),
    (b"-----BEGIN PGP", FileFormat::Pgp),
];

/// Magic numbers that text may begin with: they count only where control characters follow.
const WEAK_MAGIC: &[(&[u8], FileFormat)] = &[
    (b"PAR1", FileFormat::Parquet),
    (b"PARE", FileFormat::Parquet),
    (b"ORC", FileFormat::Orc),
    (b"FEA1", FileFormat::Arrow),
    (b"BM", FileFormat::Bmp),
    (b"RIFF", FileFormat::Media),
    (b"MZ", FileFormat::Program),
    (b"ID3", FileFormat::Media),
    (b"fLaC", FileFormat::Media),
];

impl FileFormat {
    /// Told by the first bytes of a file; [`HEAD_LENGTH`] of them are enough. A text is told from binary data by its
    /// few control characters, and from JSON by being not even the beginning of a valid document: a delimited file
    /// whose cells hold JSON is text. So is what takes more text to tell: see [`is_written`](Self::is_written).
    pub fn detect(head: &[u8]) -> Self {
        let head = &head[..head.len().min(HEAD_LENGTH)];
        if let Some(compression) = super::Compression::detect(head) {
            return if compression == super::Compression::Zip {
                inside_zip(head)
            } else {
                Self::Compressed(compression)
            };
        }
        if let Some((_, format)) = MAGIC.iter().find(|(magic, _)| head.starts_with(magic)) {
            return *format;
        }
        if head.get(257..262) == Some(b"ustar") {
            return Self::Tar;
        }
        if let Some((_, format)) = WEAK_MAGIC.iter().find(|(magic, _)| head.starts_with(magic))
            && controls(head) > 0
        {
            return if head.get(8..12) == Some(b"WEBP") { Self::WebP } else { *format };
        }
        if head.get(4..8) == Some(b"ftyp") && controls(head) > 0 {
            return Self::Media;
        }
        if super::charset::is_wide(head) {
            // Which text it is shows when it is decoded.
            return Self::Text;
        }
        // A text may have some by accident; random bytes have one in ten.
        let controls = controls(head);
        if controls > 2 && controls * 25 > head.len() {
            return Self::Binary;
        }
        Self::of_text(head)
    }

    /// Whether it is text that people and programs write, and no table.
    pub fn is_written(self) -> bool {
        use FileFormat::{
            Calendar, Diff, Latex, Mail, Markdown, PostScript, Prose, Script, Settings, SourceCode, Sql, VCard, Yaml,
        };
        matches!(
            self,
            Sql | VCard
                | Calendar
                | Mail
                | Yaml
                | Settings
                | Script
                | Diff
                | SourceCode
                | Markdown
                | Latex
                | PostScript
                | Prose
        )
    }

    /// Told by the beginning of a text in an ASCII-compatible character set.
    pub(super) fn of_text(head: &[u8]) -> Self {
        let text = head.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(head).trim_ascii_start();
        let begins = |with: &str| text.get(..with.len()).is_some_and(|t| t.eq_ignore_ascii_case(with.as_bytes()));
        if ["<!doctype html", "<html", "<head>", "<body"].into_iter().any(begins) {
            Self::Html
        } else if begins("<?xml") || is_markup(text) {
            Self::Xml
        } else {
            super::json::detect(text).unwrap_or(Self::Text)
        }
    }
}

/// XML without a declaration: an element, and after its tag more markup, or at the end its own.
fn is_markup(text: &[u8]) -> bool {
    let Some(name) = text.strip_prefix(b"<") else { return false };
    let length = name.iter().take_while(|b| b.is_ascii_alphanumeric() || b"_:-.".contains(b)).count();
    let (name, rest) = name.split_at(length);
    let named = name.first().is_some_and(|b| b.is_ascii_alphabetic() || *b == b'_')
        && rest.first().is_some_and(|b| b.is_ascii_whitespace() || b"/>".contains(b));
    let Some(close) = memchr::memchr2(b'<', b'>', rest).filter(|at| named && rest[*at] == b'>') else { return false };
    let empty = close > 0 && rest[close - 1] == b'/';
    let inside = rest[close + 1..].trim_ascii();
    match inside.first() {
        None => empty,
        Some(b'<') => true,
        Some(_) => {
            let end = inside.strip_suffix(b">").and_then(|text| text.strip_suffix(name));
            end.is_some_and(|text| text.ends_with(b"</"))
        }
    }
}

/// Office documents are ZIP archives; the names of their first files are in the clear.
fn inside_zip(head: &[u8]) -> FileFormat {
    let has = |name: &[u8]| memchr::memmem::find(head, name).is_some();
    let first = head.get(30..).unwrap_or_default();
    if first.starts_with(b"[Content_Types].xml") || first.starts_with(b"_rels/.rels") || first.starts_with(b"docProps/")
    {
        // The order of files is free, and a long first file may hide the telling one.
        if has(b"word/") || has(b"ppt/") { FileFormat::OfficeDocument } else { FileFormat::Excel }
    } else if first.starts_with(b"xl/") {
        FileFormat::Excel
    } else if first.starts_with(b"word/") || first.starts_with(b"ppt/") {
        FileFormat::OfficeDocument
    } else if first.starts_with(b"mimetypeapplication/vnd.oasis.opendocument") {
        FileFormat::OpenDocument
    } else if first.starts_with(b"META-INF/") {
        FileFormat::Jar
    } else {
        FileFormat::Compressed(super::Compression::Zip)
    }
}

/// Control characters, without those that text is laid out or delimited with. The most frequent one is left out where
/// it may be a delimiter (1 to 8, 28 to 31).
fn controls(head: &[u8]) -> usize {
    let mut counts = [0_usize; 32];
    for &byte in head {
        if let Some(count) = counts.get_mut(usize::from(byte)) {
            *count += 1;
        }
    }
    let layout = [b'\t', b'\n', b'\r', 0x0B, 0x0C, 0x1A, 0x1B];
    for byte in layout {
        counts[usize::from(byte)] = 0;
    }
    let delimiter = (1..9).chain(28..32).map(|b| counts[b]).max().unwrap_or(0);
    counts.iter().sum::<usize>() - delimiter
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_controls(start: &[u8]) -> Vec<u8> {
        [start, &[0, 1, 2, 3, 0, 0, 21, 4][..]].concat()
    }

    #[test]
    fn magic_numbers_tell() {
        for (magic, format) in MAGIC.iter().chain(WEAK_MAGIC) {
            assert_eq!(FileFormat::detect(&with_controls(magic)), *format, "{magic:x?}");
        }
        let mut tar = vec![0; 512];
        tar[..5].copy_from_slice(b"a.csv");
        tar[257..262].copy_from_slice(b"ustar");
        assert_eq!(FileFormat::detect(&tar), FileFormat::Tar);
        assert_eq!(FileFormat::detect(&with_controls(b"RIFF1234WEBP")), FileFormat::WebP);
        assert_eq!(FileFormat::detect(&with_controls(b"\0\0\0\x20ftypisom")), FileFormat::Media);
    }

    #[test]
    fn text_that_begins_like_a_magic_number_is_text() {
        for text in ["ORC,elf\n1,2\n", "BM;MZ\n1;2\n", "PAR1|x\n", "BZh1,a\n", "ID3\tRIFF\n", "PK,FK\n1,2\n", "MZ\n"] {
            assert_eq!(FileFormat::detect(text.as_bytes()), FileFormat::Text, "{text}");
        }
    }

    #[test]
    fn control_characters_may_delimit() {
        let rows = "1\u{1}a b c\u{1}\u{1}x\n".repeat(20);
        assert_eq!(FileFormat::detect(rows.as_bytes()), FileFormat::Text);
        let rows = "\u{1e}\u{1e}\u{1e}\n".repeat(20);
        assert_eq!(FileFormat::detect(rows.as_bytes()), FileFormat::Text);
    }

    #[test]
    fn noise_is_binary_and_any_character_set_is_text() {
        let mut state = 7_u32;
        let noise: Vec<u8> = std::iter::repeat_with(|| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state.to_be_bytes()[0]
        })
        .take(4096)
        .collect();
        assert_eq!(FileFormat::detect(&noise), FileFormat::Binary);
        assert_eq!(FileFormat::detect(b"caf\xE9,1\n"), FileFormat::Text);
        assert_eq!(FileFormat::detect(b"\xFF\xFEa\0,\0b\0\n\0"), FileFormat::Text);
        assert_eq!(FileFormat::detect(b"a\0,\0b\0\n\0c\0,\0d\0\n\0"), FileFormat::Text);
        assert_eq!(FileFormat::detect(b""), FileFormat::Text);
        assert_eq!(FileFormat::detect(b"a\0b,c\n1,2\n"), FileFormat::Text);
        assert_eq!(FileFormat::detect(&[0; 5]), FileFormat::Binary);
    }

    #[test]
    fn markup_is_told_from_delimited_text() {
        assert_eq!(FileFormat::detect(b"\xEF\xBB\xBF\n<!DOCTYPE html>\n<html>"), FileFormat::Html);
        assert_eq!(FileFormat::detect(b"<?xml version=\"1.0\"?><a/>"), FileFormat::Xml);
        for xml in ["<a/>", "<a b='c'>\n <d/>", "<ns:a>text</ns:a>\n", "<a\nb=\"1\"/>"] {
            assert_eq!(FileFormat::detect(xml.as_bytes()), FileFormat::Xml, "{xml}");
        }
        for text in ["<5,>5\n1,2\n", "<a>,<b>\n1,2\n", "<a>x</a>,y\n", "<a", "<a>", "<", "<a,<b>\n", "<a>x</b>"] {
            assert_eq!(FileFormat::detect(text.as_bytes()), FileFormat::Text, "{text}");
        }
    }

    #[test]
    fn office_documents_are_told_from_archives() {
        let zip = |name: &str| [&b"PK\x03\x04"[..], &[0; 26], name.as_bytes(), b"\x01\x02"].concat();
        assert_eq!(FileFormat::detect(&zip("xl/workbook.xml")), FileFormat::Excel);
        assert_eq!(FileFormat::detect(&zip("[Content_Types].xml")), FileFormat::Excel);
        assert_eq!(FileFormat::detect(&zip("[Content_Types].xml PK word/document.xml")), FileFormat::OfficeDocument);
        assert_eq!(
            FileFormat::detect(&zip("mimetypeapplication/vnd.oasis.opendocument.spreadsheet")),
            FileFormat::OpenDocument
        );
        assert_eq!(FileFormat::detect(&zip("data.csv")), FileFormat::Compressed(super::super::Compression::Zip));
    }
}
