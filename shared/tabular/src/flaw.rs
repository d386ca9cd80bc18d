use std::fmt;

/// What [`Flaw::Misfit`] finds in a number or a date in a notation that the column does not have, or that could be one of
/// two.
pub(crate) const OTHERWISE: &str = "another notation";
/// The same in a number with a unit that is not that of the column.
pub(crate) const OTHER_UNIT: &str = "another unit";

/// Why a line or a record is not among the rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Flaw {
    TooFew {
        found: usize,
        expected: usize,
    },
    TooMany {
        found: usize,
        expected: usize,
    },
    StrayQuote,
    UnterminatedQuote,
    TooLong {
        limit: usize,
    },
    InvalidUtf8,
    Nul,
    Misfit {
        column: String,
        expected: String,
        found: &'static str,
    },
    Duplicate,
    /// It sums up rows above it.
    Total,
    /// It stands below a line of other names, with as many fields as that.
    OtherTable {
        found: usize,
        expected: usize,
    },
    /// The sink says why.
    Refused {
        why: String,
    },
    /// It is no record.
    NoRecord(Place),
}

/// What a line is that is no record, and is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// It stands before the header.
    Preamble,
    Comment,
    /// It says the header again.
    Header,
    /// It speaks of the rows, such as how many there are.
    Footer,
}

impl Flaw {
    /// Its kind, as it is counted in a report.
    pub(crate) fn key(&self) -> &'static str {
        match self {
            Self::TooFew { .. } => "too few fields",
            Self::TooMany { .. } => "too many fields",
            Self::StrayQuote => "stray quote",
            Self::UnterminatedQuote => "unterminated quote",
            Self::TooLong { .. } => "too long",
            Self::InvalidUtf8 => "invalid UTF-8",
            Self::Nul => "NUL byte",
            Self::Misfit { .. } => "type mismatch",
            Self::Duplicate => "duplicate",
            Self::Total => "total row",
            Self::OtherTable { .. } => "another table",
            Self::Refused { .. } => "refused",
            Self::NoRecord(Place::Preamble) => "preamble",
            Self::NoRecord(Place::Comment) => "comment",
            Self::NoRecord(Place::Header) => "repeated header",
            Self::NoRecord(Place::Footer) => "footer",
        }
    }

    /// Whether it is something wrong with a record: that it is a duplicate or a sum is not.
    pub(crate) fn is_wrong(&self) -> bool {
        self.is_of_record() && !matches!(self, Self::Duplicate | Self::Total)
    }

    /// Whether it is a record that is rejected, rather than a line that is none.
    pub(crate) fn is_of_record(&self) -> bool {
        !matches!(self, Self::NoRecord(_))
    }

    /// What can be done about it.
    pub(crate) fn advice(&self) -> &'static str {
        match self {
            Self::TooFew { .. } => "pad short rows, or set the delimiter",
            Self::TooMany { .. } => "set the delimiter or the quote",
            Self::StrayQuote | Self::UnterminatedQuote => "set the quote and the escape",
            Self::TooLong { .. } => "set the quote, or raise the limit",
            Self::InvalidUtf8 | Self::Nul => "set the encoding",
            Self::Misfit { found, .. } if *found == OTHERWISE => {
                "declare how the column is written (decimal, thousands, date_format)"
            }
            Self::Misfit { .. } => "declare another type",
            Self::Duplicate => "flag duplicates instead of dropping them",
            Self::OtherTable { .. } => "send each table in a file of its own",
            Self::Refused { .. } | Self::Total | Self::NoRecord(_) => "see the reason",
        }
    }
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fields = |n: &usize| if *n == 1 { "1 field".to_owned() } else { format!("{n} fields") };
        match self {
            Self::TooFew { found, expected } => write!(f, "too few fields: {} of {expected}", fields(found)),
            Self::TooMany { found, expected } => write!(f, "too many fields: {} for {expected}", fields(found)),
            Self::StrayQuote => f.write_str("stray quote: a quoted field goes on after its closing quote"),
            Self::UnterminatedQuote => f.write_str("unterminated quote: a quoted field does not end"),
            Self::TooLong { limit } => write!(f, "too long: more than {limit} bytes"),
            Self::InvalidUtf8 => f.write_str("invalid UTF-8"),
            Self::Nul => f.write_str("NUL byte"),
            Self::Misfit { column, expected, found } => {
                write!(f, "type mismatch: column {column:?} is {expected}, found {found}")
            }
            Self::Duplicate => f.write_str("duplicate of an earlier row"),
            Self::OtherTable { found, expected } => {
                write!(
                    f,
                    "another table: {} for {expected}, from a line of names on; send each table in a file of its own",
                    fields(found)
                )
            }
            Self::Total => f.write_str("total row: a sum of rows above it, in a column of other values"),
            Self::Refused { why } => write!(f, "refused: {why}"),
            Self::NoRecord(Place::Preamble) => f.write_str("preamble: no record, but a line before the header"),
            Self::NoRecord(Place::Comment) => f.write_str("comment: no record"),
            Self::NoRecord(Place::Header) => {
                f.write_str("repeated header: no record, but the names of the columns again")
            }
            Self::NoRecord(Place::Footer) => f.write_str("footer: no record, but a line about those above it"),
        }
    }
}
