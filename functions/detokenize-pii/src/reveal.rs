//! What stands for a value becomes the value, or a word that says why not.

use std::collections::{HashMap, HashSet};

use cleanzone_lake::Bridge;
use cleanzone_pii::{self as pii, Alphabet, Key, Undecryptable, decrypt, is_replaced, key_id, reveal};
use cleanzone_vault::{Resolution, Secret, Token, TokenVault, is_token};
use zeroize::Zeroizing;

use crate::{
    access::Grants,
    audit::Counts,
    error::Error,
    request::{Column, Method},
};

/// What became of a token or value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    Allowed,
    Denied,
    NotFound,
    Tampered,
    UnknownKey,
    Invalid,
}

impl Status {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Allowed => "resolved",
            Self::Denied => "denied",
            Self::NotFound => "not_found",
            Self::Tampered => "tampered",
            Self::UnknownKey => "unknown_key",
            Self::Invalid => "invalid",
        }
    }

    /// Whether what a token stands for may leave.
    pub(crate) fn of(resolution: &Resolution, grants: &Grants) -> Self {
        match resolution {
            Resolution::Value { scope, kind, .. } if grants.cover(scope, kind) => Self::Allowed,
            Resolution::Value { .. } => Self::Denied,
            Resolution::NotFound => Self::NotFound,
            Resolution::Tampered => Self::Tampered,
        }
    }
}

impl Counts {
    /// Counts what became of one; `field` is `<scope>/<type>`.
    pub(crate) fn add(&mut self, status: Status, field: &str) {
        *match status {
            Status::Allowed => &mut self.allowed,
            Status::Denied => &mut self.denied,
            Status::NotFound => &mut self.not_found,
            Status::Tampered => &mut self.tampered,
            Status::UnknownKey => &mut self.unknown_key,
            Status::Invalid => &mut self.invalid,
        } += 1;
        if status == Status::Allowed {
            match self.fields.get_mut(field) {
                Some(count) => *count += 1,
                None => drop(self.fields.insert(field.to_owned(), 1)),
            }
        }
    }
}

/// The name of a field in the counts.
pub(crate) fn field(scope: &str, kind: &str) -> String {
    format!("{scope}/{kind}")
}

/// Reverts the methods of one field.
pub(crate) struct Reverter {
    field: pii::Field,
    alphabet: Option<Alphabet>,
    key: Key,
    /// Its name in the counts.
    pub(crate) name: String,
}

impl Reverter {
    pub(crate) fn new(method: &Method, key: Key) -> Result<Self, Error> {
        let (scope, kind) = (method.field.scope(), method.field.kind());
        let (of, alphabet) = (pii::Field::new("values", scope, kind)?, method.alphabet.clone());
        Ok(Self { field: of, alphabet, key, name: field(scope, kind) })
    }

    /// The value that this text was made of. What `fpe` has made cannot be told from anything else of that form.
    pub(crate) fn revert(&self, text: &str) -> Result<Zeroizing<String>, Status> {
        let reverted = match &self.alphabet {
            None => decrypt(text, &self.field, &self.key),
            Some(_) if key_id(text).is_some() => decrypt(text, &self.field, &self.key),
            Some(_) if text.is_empty() || is_token(text) || is_replaced(text) => return Err(Status::Invalid),
            Some(alphabet) => reveal(text, alphabet, &self.field, &self.key).map(Zeroizing::new),
        };
        reverted.map_err(|error| match error {
            pii::Error::Undecryptable { reason: Undecryptable::Key { .. } } => Status::UnknownKey,
            pii::Error::Undecryptable { reason: Undecryptable::Changed } => Status::Tampered,
            _ => Status::Invalid,
        })
    }

    /// Whether a text is one of those that this can be asked to revert.
    fn takes(&self, text: &str) -> bool {
        key_id(text).is_some() || self.alphabet.is_some() && !text.trim().is_empty() && !is_replaced(text)
    }
}

/// Tokens of an object that are remembered, at most, but for those of the block at hand.
const REMEMBERED: usize = if cfg!(test) { 1 << 10 } else { 1 << 16 };

/// Puts values in place of what stands for them, in columns of an object.
pub(crate) struct Revival<'v> {
    vault: &'v dyn TokenVault,
    grants: Grants,
    bridge: Bridge,
    columns: Vec<(String, Option<Reverter>)>,
    known: HashMap<Token, Known>,
    /// Names of fields that came back, and how many rows the object may have for that.
    fields: Vec<(String, u64)>,
    limit: u64,
    pub(crate) counts: Counts,
}

enum Known {
    Value { field: usize, value: Secret },
    Not(Status),
}

impl<'v> Revival<'v> {
    /// `key` is needed where one of the columns names its scope and type.
    pub(crate) fn new(
        vault: &'v dyn TokenVault,
        bridge: Bridge,
        grants: Grants,
        columns: &[Column],
        key: Option<&Key>,
    ) -> Result<Self, Error> {
        let mut limit = grants.most_rows();
        let mut revived = Vec::with_capacity(columns.len());
        for column in columns {
            let reverter = match (&column.method, key) {
                (Some(method), Some(key)) => {
                    limit = limit.min(grants.rows(method.field.scope(), method.field.kind()).ok_or(Error::Denied)?);
                    Some(Reverter::new(method, key.clone())?)
                }
                _ => None,
            };
            revived.push((column.name.clone(), reverter));
        }
        let (known, fields, counts) = (HashMap::new(), Vec::new(), Counts::default());
        Ok(Self { vault, grants, bridge, columns: revived, known, fields, limit, counts })
    }

    /// Where the columns stand among these, in the order of the request.
    pub(crate) fn places(&self, header: &[String]) -> Result<Vec<usize>, Error> {
        let place = |(number, (wanted, _)): (usize, &(String, _))| {
            let mut places = (0..header.len()).filter(|&at| header[at] == *wanted);
            match (places.next(), places.next()) {
                (Some(place), None) => Ok(place),
                (None, _) => Err(Error::NoColumn(number + 1)),
                (Some(_), Some(_)) => Err(Error::AmbiguousColumn(number + 1)),
            }
        };
        self.columns.iter().enumerate().map(place).collect()
    }

    /// Counts rows.
    ///
    /// # Errors
    /// [`Error::TooMany`] where they are more than may be read with what has come back so far. To be called again when
    /// all is done, as more may have.
    pub(crate) fn count_rows(&mut self, rows: u64) -> Result<(), Error> {
        self.counts.rows += rows;
        if self.counts.rows > self.limit {
            return Err(Error::TooMany { what: "rows", found: self.counts.rows, limit: self.limit });
        }
        Ok(())
    }

    /// Resolves the tokens among these texts, for [`Self::replace`].
    pub(crate) fn learn<'t>(&mut self, texts: impl Iterator<Item = &'t str>) -> Result<(), Error> {
        let tokens: HashSet<Token> = texts.filter_map(Token::parse).collect();
        if self.known.len() + tokens.len() > REMEMBERED {
            self.known.clear();
        }
        let unknown: Vec<Token> = tokens.into_iter().filter(|token| !self.known.contains_key(token)).collect();
        if unknown.is_empty() {
            return Ok(());
        }
        let asked = async { Ok(self.vault.resolve(&unknown).await?) };
        for resolved in self.bridge.wait_or(|| Error::OutOfTime, asked)? {
            let status = Status::of(&resolved.resolution, &self.grants);
            let known = match resolved.resolution {
                Resolution::Value { scope, kind, value } if status == Status::Allowed => {
                    Known::Value { field: self.field(&scope, &kind), value }
                }
                _ => Known::Not(status),
            };
            self.known.insert(resolved.token, known);
        }
        Ok(())
    }

    fn field(&mut self, scope: &str, kind: &str) -> usize {
        let name = field(scope, kind);
        self.fields.iter().position(|(known, _)| *known == name).unwrap_or_else(|| {
            self.fields.push((name, self.grants.rows(scope, kind).unwrap_or(0)));
            self.fields.len() - 1
        })
    }

    /// Hands on the value that a text of this column stands for; says whether there is one that may be seen.
    pub(crate) fn replace(&mut self, column: usize, text: &str, put: impl FnOnce(&str)) -> bool {
        let Self { columns, known, fields, counts, limit, .. } = self;
        if let Some(token) = Token::parse(text) {
            counts.asked += 1;
            return match known.get(&token) {
                Some(Known::Value { field, value }) => {
                    let (name, rows) = &fields[*field];
                    *limit = (*limit).min(*rows);
                    counts.add(Status::Allowed, name);
                    put(value.expose());
                    true
                }
                Some(Known::Not(status)) => {
                    counts.add(*status, "");
                    false
                }
                None => {
                    counts.add(Status::NotFound, "");
                    false
                }
            };
        }
        let Some(reverter) = columns[column].1.as_ref().filter(|reverter| reverter.takes(text)) else { return false };
        counts.asked += 1;
        match reverter.revert(text) {
            Ok(value) => {
                counts.add(Status::Allowed, &reverter.name);
                put(&value);
                true
            }
            Err(status) => {
                counts.add(status, "");
                false
            }
        }
    }
}
