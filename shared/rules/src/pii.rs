use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How a column's personal data is protected.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ColumnPii {
    /// What is done with each value.
    pub method: Method,
    /// What the values are, such as `email`; `None`: what detection says, or the column's name.
    #[serde(rename = "type")]
    pub kind: Option<String>,
    /// Within what equal values become equal: the column's scope, or else the dataset's.
    pub scope: Option<String>,
}

/// What is done with a value that is personal data.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// A random token stands for it, and the vault knows which.
    Token {
        /// Whether the token has the shape of the value.
        shape: bool,
    },
    /// A keyed hash.
    Hash,
    /// Encryption.
    Encrypt(EncryptMode),
    /// Encryption into the same form, over these characters.
    Fpe(Alphabet),
    /// All characters but some become one.
    Mask {
        /// Characters at the end that stay.
        keep_last: u32,
        /// What the others become.
        char: char,
    },
    /// A fixed text stands for it.
    Redact,
    /// Values change places within so many rows; `None`: as many as is usual.
    Shuffle(Option<u32>),
    /// It becomes less exact.
    Generalize(Generalize),
    /// The column is left out.
    Drop,
}

/// How values are encrypted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EncryptMode {
    /// Equal values are equal afterwards, so that joins work.
    #[default]
    Deterministic,
    /// Equal values differ afterwards.
    Randomized,
}

/// The characters that format-preserving encryption works on; all others stay in their places.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Alphabet {
    /// `0` to `9`.
    Digits,
    /// Latin letters and digits.
    Alphanumeric,
    /// These, each once.
    Custom(String),
}

/// What a value becomes when it is made less exact.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Generalize {
    /// A date: the first day of its year.
    Year,
    /// A date: the first day of its month.
    Month,
    /// A number: the beginning of a range that is this wide.
    Bucket(f64),
    /// A text: its first characters, so many.
    Prefix(u32),
}

/// Personal data in a whole dataset.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct DatasetPii {
    /// Within what equal values get equal tokens.
    pub scope: Option<String>,
    /// What is done about personal data that no column declares.
    pub detect: Option<Detect>,
    /// The share of a column's values, 0 to 1, that makes a finding.
    pub threshold: Option<f64>,
    /// Rows that are looked at; `None`: all.
    pub sample_rows: Option<u64>,
    /// Kinds of personal data by name, each with a regular expression that the crate `regex` understands.
    pub custom: BTreeMap<String, String>,
}

/// What is done about personal data that no column declares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Detect {
    /// Nothing; it is not looked for.
    Off,
    /// The findings are in the report.
    Report,
    /// A finding fails the file.
    Fail,
    /// The values found become tokens.
    Token,
}

/// The name of a method.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "PiiMethod")]
pub(crate) enum MethodName {
    /// A random token stands for the value, and the vault knows which.
    Token,
    /// A keyed hash; nobody can turn it back.
    Hash,
    /// Encryption, deterministic or randomized.
    Encrypt,
    /// Encryption into the same form: digits remain digits.
    Fpe,
    /// All characters but the last few become one.
    Mask,
    /// A fixed text stands for the value.
    Redact,
    /// Values change places within a window of rows.
    Shuffle,
    /// The value becomes less exact.
    Generalize,
    /// The column is left out.
    Drop,
}

impl MethodName {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Hash => "hash",
            Self::Encrypt => "encrypt",
            Self::Fpe => "fpe",
            Self::Mask => "mask",
            Self::Redact => "redact",
            Self::Shuffle => "shuffle",
            Self::Generalize => "generalize",
            Self::Drop => "drop",
        }
    }

    const fn options(self) -> &'static [&'static str] {
        match self {
            Self::Token => &["type", "scope", "shape"],
            Self::Hash => &["type", "scope"],
            Self::Encrypt => &["type", "scope", "mode"],
            Self::Fpe => &["type", "scope", "alphabet"],
            Self::Mask => &["type", "keep_last", "char"],
            Self::Shuffle => &["type", "window"],
            Self::Generalize => &["type", "to"],
            Self::Redact | Self::Drop => &["type"],
        }
    }

    /// Whether a text comes of every value, whatever its type was.
    pub(crate) const fn makes_text(self) -> bool {
        matches!(self, Self::Token | Self::Hash | Self::Encrypt | Self::Mask | Self::Redact)
    }
}

/// What `pii = { … }` of a column says.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "ColumnPii")]
pub(crate) struct PiiEntry {
    /// What is done with each value.
    pub(crate) method: MethodName,
    /// What the values are, such as `email`.
    #[serde(rename = "type")]
    pub(crate) kind: Option<String>,
    /// For token, hash, encrypt and fpe: within what equal values become equal; the dataset's scope if absent.
    pub(crate) scope: Option<String>,
    /// For token: whether tokens have the shape of the values.
    pub(crate) shape: Option<bool>,
    /// For encrypt: whether equal values become equal; deterministic if absent.
    pub(crate) mode: Option<EncryptMode>,
    /// For mask: characters at the end that stay; 4 if absent.
    pub(crate) keep_last: Option<u32>,
    /// For mask: what the others become; `*` if absent.
    #[schemars(length(min = 1, max = 1))]
    pub(crate) char: Option<String>,
    /// For fpe: `digits`, `alphanumeric`, or all the characters themselves; digits if absent.
    #[schemars(length(min = 2))]
    pub(crate) alphabet: Option<String>,
    /// For shuffle: rows within which values change places.
    #[schemars(range(min = 2))]
    pub(crate) window: Option<u32>,
    /// For generalize: `year`, `month`, `{ bucket = 10 }` or `{ prefix = 3 }`.
    pub(crate) to: Option<Generalize>,
}

impl PiiEntry {
    pub(crate) fn plain(method: MethodName) -> Self {
        Self {
            method,
            kind: None,
            scope: None,
            shape: None,
            mode: None,
            keep_last: None,
            char: None,
            alphabet: None,
            window: None,
            to: None,
        }
    }

    /// # Errors
    /// The options that are wrong (empty: the whole), and why.
    pub(crate) fn resolve(&self, scope: Option<&str>) -> Result<ColumnPii, Vec<(&'static str, String)>> {
        let mut problems = self.options_that_do_not_fit();
        let mut refuse = |option: &'static str, why: &str| problems.push((option, why.to_owned()));
        let char = match self.char.as_deref().map(|text| (text.chars().next(), text.chars().count())) {
            None => '*',
            Some((Some(char), 1)) => char,
            Some(_) => {
                refuse("char", "expected one character");
                '*'
            }
        };
        if self.window.is_some_and(|rows| rows < 2) {
            refuse("window", "values cannot change places within fewer than 2 rows");
        }
        for (option, text) in [("type", &self.kind), ("scope", &self.scope)] {
            if text.as_ref().is_some_and(|text| text.trim().is_empty()) {
                refuse(option, "it is empty; leave it out instead");
            }
        }
        let alphabet = match self.alphabet.as_deref() {
            None | Some("digits") => Alphabet::Digits,
            Some("alphanumeric") => Alphabet::Alphanumeric,
            Some(custom) => {
                let mut characters: Vec<char> = custom.chars().collect();
                characters.sort_unstable();
                characters.dedup();
                if characters.len() < 2 || characters.len() != custom.chars().count() {
                    refuse("alphabet", "expected `digits`, `alphanumeric`, or at least two characters, each once");
                }
                Alphabet::Custom(custom.to_owned())
            }
        };
        match self.to {
            Some(Generalize::Bucket(width)) if !(width > 0.0 && width.is_finite()) => {
                refuse("to", "a bucket has to be wider than 0");
            }
            None if self.method == MethodName::Generalize => {
                let why = "`generalize` needs `to`: \"year\", \"month\", { bucket = 10 } or { prefix = 3 }";
                refuse("", why);
            }
            _ => {}
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        let method = match self.method {
            MethodName::Token => Method::Token { shape: self.shape.unwrap_or(false) },
            MethodName::Hash => Method::Hash,
            MethodName::Encrypt => Method::Encrypt(self.mode.unwrap_or_default()),
            MethodName::Fpe => Method::Fpe(alphabet),
            MethodName::Mask => Method::Mask { keep_last: self.keep_last.unwrap_or(4), char },
            MethodName::Redact => Method::Redact,
            MethodName::Shuffle => Method::Shuffle(self.window),
            MethodName::Generalize => Method::Generalize(self.to.unwrap_or(Generalize::Year)),
            MethodName::Drop => Method::Drop,
        };
        let scope = self.scope.as_deref().or(scope).map(str::to_owned);
        Ok(ColumnPii { method, kind: self.kind.clone(), scope })
    }

    fn options_that_do_not_fit(&self) -> Vec<(&'static str, String)> {
        let given = [
            ("type", self.kind.is_some()),
            ("scope", self.scope.is_some()),
            ("shape", self.shape.is_some()),
            ("mode", self.mode.is_some()),
            ("keep_last", self.keep_last.is_some()),
            ("char", self.char.is_some()),
            ("alphabet", self.alphabet.is_some()),
            ("window", self.window.is_some()),
            ("to", self.to.is_some()),
        ];
        let fit = self.method.options();
        given
            .into_iter()
            .filter(|(option, given)| *given && !fit.contains(option))
            .map(|(option, _)| {
                let takes = crate::suggest::one_of(fit);
                (option, format!("`{}` has no option `{option}`; it takes {takes}", self.method.as_str()))
            })
            .collect()
    }
}
