use serde::Serialize;

/// How a delimited file is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dialect {
    /// What separates fields: one byte, or a sequence such as `||` or a character beyond ASCII, in UTF-8. Empty where
    /// every record is one field, whatever it holds.
    pub delimiter: Vec<u8>,
    /// What a field with special characters is wrapped in; `None` where quotes mean nothing.
    pub quote: Option<u8>,
    /// What makes a special character literal; `None`: a quote inside a quoted field is doubled.
    pub escape: Option<u8>,
    /// What ends a record.
    pub terminator: Terminator,
    /// A line that begins with this byte is no record. Where that was found out from the file, it is one after the header if
    /// it has the right number of fields.
    pub comment: Option<u8>,
    /// Lines before the header (or before the first record, where there is no header) that are no records.
    pub skip_lines: u64,
    /// Records that hold the column names; 0: there are none, and columns are `column_1`, `column_2`, …
    pub header_rows: u32,
    /// How cells lie in a line where no delimiter stands between them. Lines are then read as if
    /// [`Layout::SEPARATOR`] did, which is the [`delimiter`](Self::delimiter).
    pub layout: Option<Layout>,
}

/// How cells lie in a line without a delimiter. Blanks and tabs around a cell are no part of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Layout {
    /// Any number of blanks or tabs is between two cells, and no cell has one in it or is empty. A line with fewer words
    /// than there are columns is one cell.
    Blanks,
    /// Each column has so many characters; the last one has what is left of the line. Unless the widths are
    /// [given](DialectOverrides::widths), a line of which they would cut a word in two is one cell.
    Widths(Vec<u32>),
}

impl Layout {
    /// What is put between the cells of a line.
    pub const SEPARATOR: u8 = 0x1F;
}

/// What ends a record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Terminator {
    /// LF or CRLF; a lone CR is part of a field.
    #[default]
    Lf,
    /// CR alone; an LF is part of a field.
    Cr,
    /// CR, LF or CRLF, mixed.
    Any,
}

impl Dialect {
    /// RFC 4180 with a header: commas, double quotes, doubled to escape.
    pub fn csv() -> Self {
        Self {
            delimiter: vec![b','],
            quote: Some(b'"'),
            escape: None,
            terminator: Terminator::Lf,
            comment: None,
            skip_lines: 0,
            header_rows: 1,
            layout: None,
        }
    }
}

impl Default for Dialect {
    fn default() -> Self {
        Self::csv()
    }
}

/// What is known of a dialect beforehand; the rest is found out from the file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DialectOverrides {
    /// [`Dialect::delimiter`]; empty: every record is one field.
    pub delimiter: Option<Vec<u8>>,
    /// [`Dialect::quote`].
    pub quote: Setting<Option<u8>>,
    /// [`Dialect::escape`].
    pub escape: Setting<Option<u8>>,
    /// [`Dialect::terminator`].
    pub terminator: Option<Terminator>,
    /// [`Dialect::comment`].
    pub comment: Setting<Option<u8>>,
    /// [`Dialect::skip_lines`].
    pub skip_lines: Option<u64>,
    /// [`Dialect::header_rows`].
    pub header_rows: Option<u32>,
    /// [`Layout::Widths`]: characters that each column has, in place of a delimiter.
    pub widths: Option<Vec<u32>>,
}

/// Something that is either given or found out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Setting<T> {
    /// Found out from the file.
    #[default]
    Detect,
    /// Given.
    Is(T),
}

impl<T> Setting<T> {
    /// What is given, if anything is.
    pub fn given(&self) -> Option<&T> {
        match self {
            Self::Detect => None,
            Self::Is(value) => Some(value),
        }
    }
}
