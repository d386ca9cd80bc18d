//! Values are replaced, block by block, while the file streams through.

use std::{borrow::Cow, collections::HashMap, sync::Arc};

use cleanzone_lake::Bridge;
use cleanzone_pii::{Finding, Key, Place, Prepared, Replacer, Shuffle, is_replaced};
use cleanzone_rules::Dataset;
use cleanzone_storage::Staged;
use cleanzone_tabular::{Cells, Change, Header, RejectedRow, Rewriter, SinkError};
use cleanzone_vault::{Token, TokenVault, is_token, normalise};
use futures_util::future::try_join_all;
use serde::Serialize;

use crate::{
    columns::{Protected, Way, names, protected},
    error::Error,
    rejected::RejectedFile,
};

/// Replaces what is personal in a file.
pub(crate) struct Replacing {
    pub(crate) dataset: Arc<Dataset>,
    /// What was found in columns that no rule declares, where that is to be replaced.
    pub(crate) found: Vec<Finding>,
    pub(crate) vault: Arc<dyn TokenVault>,
    pub(crate) key: Option<Key>,
    /// What tells this version of this object from all others.
    pub(crate) object: String,
    pub(crate) bridge: Bridge,
    pub(crate) rejected: RejectedFile,
    columns: Vec<Column>,
    row: u64,
}

struct Column {
    protected: Protected,
    work: Work,
    values: u64,
}

enum Work {
    Token(cleanzone_vault::Field),
    Values(Replacer),
    Rows(Shuffle),
    Gone,
}

/// What was done to a column.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct ColumnReport {
    name: String,
    #[serde(rename = "type")]
    kind: String,
    method: &'static str,
    /// Values that were replaced.
    values: u64,
}

impl Replacing {
    pub(crate) fn new(
        dataset: Arc<Dataset>,
        found: Vec<Finding>,
        vault: Arc<dyn TokenVault>,
        key: Option<Key>,
        object: String,
        bridge: Bridge,
        rejected: RejectedFile,
    ) -> Self {
        Self { dataset, found, vault, key, object, bridge, rejected, columns: Vec::new(), row: 0 }
    }

    /// What was done, and the file of rejected rows, if there is one.
    pub(crate) fn finish(self) -> Result<(Vec<ColumnReport>, Option<Box<dyn Staged>>), Error> {
        let told = |column: Column| ColumnReport {
            name: column.protected.name,
            kind: column.protected.kind,
            method: column.protected.way.name(),
            values: column.values,
        };
        Ok((self.columns.into_iter().map(told).collect(), self.rejected.finish()?))
    }

    fn prepare(&self, protected: Protected) -> Result<Column, Error> {
        let work = match &protected.way {
            Way::Token(field) => Work::Token(field.clone()),
            Way::Method(method, field) => {
                let column = u32::try_from(protected.position).unwrap_or(u32::MAX);
                match method.prepare(field, self.key.as_ref(), Place { object: &self.object, column })? {
                    Prepared::Values(replacer) => Work::Values(replacer),
                    Prepared::Rows(shuffle) => Work::Rows(shuffle),
                    Prepared::Gone => Work::Gone,
                }
            }
        };
        Ok(Column { protected, work, values: 0 })
    }

    /// The tokens of all distinct values of all columns that get tokens, column by column.
    fn tokens(&self, cells: &[Cells<'_>]) -> Result<Vec<HashMap<String, Token>>, Error> {
        let asked = self.columns.iter().map(|column| async {
            let Work::Token(field) = &column.work else { return Ok(HashMap::new()) };
            let cells = cells.iter().find(|cells| cells.column() == column.protected.position);
            let mut distinct: HashMap<Cow<'_, str>, Vec<&str>> = HashMap::new();
            for value in cells.iter().flat_map(|cells| cells.values()).flatten().filter(|value| !stays(value)) {
                let spellings = distinct.entry(normalise(field.kind(), value)).or_default();
                if !spellings.contains(&value.as_ref()) {
                    spellings.push(value);
                }
            }
            let values: Vec<&str> = distinct.keys().map(AsRef::as_ref).collect();
            let tokens = self.vault.tokenize(field, &values).await?;
            let pairs = distinct.values().zip(tokens);
            Ok(pairs.flat_map(|(spellings, token)| spellings.iter().map(move |s| ((*s).to_owned(), token))).collect())
        });
        self.bridge.wait_for(try_join_all(asked))
    }
}

/// Whether a value has no person behind it any more, or never had.
fn stays(value: &str) -> bool {
    value.trim().is_empty() || is_token(value) || is_replaced(value)
}

impl Rewriter for Replacing {
    fn plan(&mut self, header: &Header) -> Result<Vec<Change>, SinkError> {
        let names = names(&self.dataset, header);
        let columns = protected(&self.dataset, &names, &self.found)?;
        self.columns = columns.into_iter().map(|column| self.prepare(column)).collect::<Result<_, _>>()?;
        let mut changes = vec![Change::Keep; header.names.len()];
        for column in &self.columns {
            changes[column.protected.position] =
                if matches!(column.work, Work::Gone) { Change::Drop } else { Change::Replace };
        }
        Ok(changes)
    }

    fn rows(&mut self, columns: &mut [Cells<'_>]) -> Result<(), SinkError> {
        let mut tokens = self.tokens(columns)?.into_iter();
        let rows = columns.first().map_or(0, |cells| cells.values().len());
        for column in &mut self.columns {
            let tokens = tokens.next().unwrap_or_default();
            let Some(cells) = columns.iter_mut().find(|cells| cells.column() == column.protected.position) else {
                continue;
            };
            column.values += replace(&mut column.work, cells, &tokens, self.row)?;
        }
        self.row += rows as u64;
        Ok(())
    }

    fn rejected(&mut self, row: &RejectedRow<'_>) -> Result<(), SinkError> {
        Ok(self.rejected.add(row)?)
    }
}

/// Replaces the values of a column in one block that begins with the row `first`; says how many.
fn replace(
    work: &mut Work,
    cells: &mut Cells<'_>,
    tokens: &HashMap<String, Token>,
    first: u64,
) -> Result<u64, Error> {
    let mut replaced = 0;
    let mut text = String::new();
    match work {
        Work::Gone => {}
        Work::Token(_) => {
            for at in 0..cells.values().len() {
                let token = cells.values()[at].as_ref().and_then(|value| tokens.get(value.as_ref()).map(|t| t.text()));
                replaced += u64::from(token.is_some());
                put(cells, at, token.as_deref());
            }
        }
        Work::Values(replacer) => {
            for at in 0..cells.values().len() {
                text.clear();
                let row = first + at as u64;
                let new = match &cells.values()[at] {
                    Some(value) if !stays(value) => {
                        replacer.apply(value, row, &mut text).map_err(Error::Refused)?;
                        replaced += 1;
                        Some(text.as_str())
                    }
                    _ => None,
                };
                put(cells, at, new);
            }
        }
        Work::Rows(shuffle) => {
            let mut values: Vec<Option<String>> =
                cells.values().iter().map(|value| value.as_ref().map(|value| value.clone().into_owned())).collect();
            // The last few rows go with those before them: alone they would hide nothing.
            let mut from = 0;
            while from < values.len() {
                let left = values.len() - from;
                let take = if left < 2 * shuffle.window() { left } else { shuffle.window() };
                let window = &mut values[from..from + take];
                shuffle
                    .apply(first + from as u64, window, |value| value.as_deref().is_none_or(stays))
                    .map_err(Error::Refused)?;
                from += take;
            }
            for value in &values {
                replaced += u64::from(value.as_deref().is_some_and(|value| !stays(value)));
                cells.put(value.as_deref());
            }
        }
    }
    Ok(replaced)
}

/// Puts the new value, or without one the old.
fn put(cells: &mut Cells<'_>, at: usize, new: Option<&str>) {
    match (new, cells.values()[at].clone()) {
        (Some(new), _) => cells.put(Some(new)),
        (None, old) => cells.put(old.as_deref()),
    }
}
