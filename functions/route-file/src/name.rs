//! What the name of a file claims that it is.

use cleanzone_tabular::{Compression, FileFormat};

/// What a name says. Names lie: the content is heard first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Name {
    /// The extension with its dot, in lower case, without that of a compression: `.csv` of `report.CSV.gz`. Empty where
    /// there is none.
    pub(crate) extension: String,
    /// How the file should be compressed.
    pub(crate) compression: Option<Compression>,
    /// What should be in it.
    pub(crate) claim: Claim,
}

/// What should be in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Claim {
    /// Anything.
    Nothing,
    /// Delimited text.
    Delimited,
    /// Text for people or programs. No content can contradict that but one that is no text.
    Prose,
    /// One of these, which show by their content.
    Formats(&'static [&'static str]),
}

/// Characters of an extension; what is longer is a sentence with a dot in it.
const LONGEST: usize = 16;

const COMPRESSIONS: &[(&str, Compression)] = &[
    ("gz", Compression::Gzip),
    ("gzip", Compression::Gzip),
    ("zst", Compression::Zstd),
    ("zstd", Compression::Zstd),
    ("bz2", Compression::Bzip2),
    ("bzip2", Compression::Bzip2),
    ("xz", Compression::Xz),
    ("zip", Compression::Zip),
];

const DELIMITED: &[&str] = &["csv", "tsv", "tab", "psv", "ssv", "dsv"];

const PROSE: &[&str] = &[
    "md",
    "rst",
    "tex",
    "log",
    "sql",
    "ddl",
    "py",
    "r",
    "js",
    "ts",
    "rs",
    "go",
    "java",
    "scala",
    "c",
    "h",
    "cpp",
    "sh",
    "bat",
    "ps1",
    "yaml",
    "yml",
    "toml",
    "ini",
    "cfg",
    "conf",
    "properties",
    "env",
    "css",
    "diff",
    "patch",
    "eml",
    "ics",
    "vcf",
    "srt",
    "lock",
];

/// Extensions, and the formats that they stand for, by [`FileFormat::id`].
const FORMATS: &[(&[&str], &[&str])] = &[
    (&["json", "jsonl", "ndjson", "jsonlines", "geojson", "ipynb"], &["json", "jsonl"]),
    (&["xml", "xsd", "xsl", "xslt", "svg", "kml", "gpx", "rss", "wsdl"], &["xml"]),
    (&["html", "htm", "xhtml"], &["html", "xml"]),
    (&["rtf"], &["rtf"]),
    (&["parquet", "pq", "parq"], &["parquet"]),
    (&["avro"], &["avro"]),
    (&["orc"], &["orc"]),
    (&["arrow", "feather", "ipc", "arrows"], &["arrow"]),
    (&["h5", "hdf5", "hdf"], &["hdf5"]),
    (&["sqlite", "sqlite3", "db3"], &["sqlite"]),
    (&["xlsx", "xlsm", "xlsb", "xltx"], &["xlsx"]),
    (&["xls", "doc", "ppt", "msg"], &["ole"]),
    (&["docx", "pptx"], &["office"]),
    (&["ods", "odt", "odp"], &["opendocument"]),
    (&["pdf"], &["pdf"]),
    (&["png"], &["png"]),
    (&["jpg", "jpeg", "jpe", "jfif"], &["jpeg"]),
    (&["gif"], &["gif"]),
    (&["tif", "tiff"], &["tiff"]),
    (&["webp"], &["webp"]),
    (&["bmp"], &["bmp"]),
    (&["jar", "war"], &["jar", "zip"]),
    (&["tar"], &["tar"]),
    (&["7z", "rar", "lz4", "lz", "lzo", "sz", "snappy", "z"], &["archive"]),
    (&["mp3", "mp4", "m4a", "mov", "avi", "wav", "ogg", "flac", "mkv", "webm"], &["media"]),
    (&["exe", "dll", "so", "dylib", "wasm", "class", "o"], &["program"]),
    (&["gpg", "pgp"], &["pgp"]),
];

impl Name {
    /// Reads the name of a file, which is what follows the last slash of a key.
    pub(crate) fn of(key: &str) -> Self {
        let file = key.rsplit('/').next().unwrap_or_default();
        let (rest, last) = split(file);
        let compression = COMPRESSIONS.iter().find(|(known, _)| *known == last).map(|(_, compression)| *compression);
        let inner = compression.map(|_| split(rest).1).filter(|inner| !inner.is_empty());
        let (compression, extension) = match (last.as_str(), inner) {
            ("tgz", _) => (Some(Compression::Gzip), last),
            (_, Some(inner)) => (compression, inner),
            _ => (compression, last),
        };
        let known = |list: &[&str]| list.contains(&extension.as_str());
        let claim = if known(DELIMITED) {
            Claim::Delimited
        } else if known(PROSE) {
            Claim::Prose
        } else if extension == "tgz" {
            Claim::Formats(&["tar"])
        } else {
            FORMATS.iter().find(|(names, _)| known(names)).map_or(Claim::Nothing, |(_, ids)| Claim::Formats(ids))
        };
        let extension = if extension.is_empty() { extension } else { format!(".{extension}") };
        Self { extension, compression, claim }
    }

    /// Whether that is what the content is.
    pub(crate) fn allows(&self, content: FileFormat) -> bool {
        use FileFormat::{Html, Json, JsonLines, JsonSequence, Rtf, Text, Xml};
        match self.claim {
            Claim::Nothing => true,
            Claim::Delimited => content == Text,
            Claim::Prose => {
                content.is_written() || matches!(content, Text | Json | JsonLines | JsonSequence | Xml | Html | Rtf)
            }
            Claim::Formats(ids) => ids.contains(&content.id()),
        }
    }

    /// The extension without its dot.
    pub(crate) fn short(&self) -> &str {
        self.extension.trim_start_matches('.')
    }
}

/// What precedes the last dot, and what follows it in lower case; nothing follows that is no extension.
fn split(file: &str) -> (&str, String) {
    match file.rsplit_once('.') {
        Some((rest, extension))
            if (1..=LONGEST).contains(&extension.len())
                && extension.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-') =>
        {
            (rest, extension.to_ascii_lowercase())
        }
        _ => (file, String::new()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_extension_is_that_of_the_content() {
        for (key, extension, compression) in [
            ("db/t/a.csv", ".csv", None),
            ("db/t/a.CSV", ".csv", None),
            ("report.csv.gz", ".csv", Some(Compression::Gzip)),
            ("report.Tsv.ZST", ".tsv", Some(Compression::Zstd)),
            ("a.json.bz2", ".json", Some(Compression::Bzip2)),
            ("data.zip", ".zip", Some(Compression::Zip)),
            ("a.gz", ".gz", Some(Compression::Gzip)),
            ("a.tar.gz", ".tar", Some(Compression::Gzip)),
            ("a.tgz", ".tgz", Some(Compression::Gzip)),
            ("db.v1/t.x/noextension", "", None),
            ("report.", "", None),
            ("Report v1.2 final (new)", "", None),
            (".csv", ".csv", None),
            ("a b+ü🙂%.csv", ".csv", None),
            ("a.ünï", "", None),
            ("a.averyveryverylongextension", "", None),
            ("", "", None),
            ("folder/", "", None),
        ] {
            let name = Name::of(key);
            assert_eq!((name.extension.as_str(), name.compression), (extension, compression), "{key}");
        }
    }

    #[test]
    fn a_claim_allows_what_it_names() {
        for (key, allowed, not) in [
            ("a.csv", FileFormat::Text, FileFormat::Png),
            ("a.jpg", FileFormat::Jpeg, FileFormat::Text),
            ("a.ndjson", FileFormat::Json, FileFormat::Text),
            ("a.xls", FileFormat::Ole, FileFormat::Text),
            ("a.log", FileFormat::JsonLines, FileFormat::Binary),
            ("a.sql", FileFormat::Sql, FileFormat::Png),
            ("a.csv", FileFormat::Text, FileFormat::Sql),
            ("a.json", FileFormat::JsonSequence, FileFormat::Yaml),
            ("a.tgz", FileFormat::Tar, FileFormat::Text),
        ] {
            assert!(Name::of(key).allows(allowed) && !Name::of(key).allows(not), "{key}");
        }
        assert!(Name::of("a.dat").allows(FileFormat::Binary) && Name::of("a").allows(FileFormat::Text));
    }

    #[test]
    fn every_extension_has_one_meaning() {
        let mut all: Vec<_> = DELIMITED.iter().chain(PROSE).copied().collect();
        all.extend(FORMATS.iter().flat_map(|(names, _)| names.iter().copied()));
        all.extend(COMPRESSIONS.iter().map(|(name, _)| *name));
        let count = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), count);
        assert!(all.iter().all(|name| name.len() <= LONGEST && *name == name.to_ascii_lowercase()));
    }
}
