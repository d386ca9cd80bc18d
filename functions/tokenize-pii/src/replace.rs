//! Values are replaced, block by block, while the file streams through.

use std::{borrow::Cow, sync::Arc, thread};

use cleanzone_lake::Bridge;
use cleanzone_pii::{Finding, Key, Place, Prepared, REDACTED, Replacer, Shuffle, is_replaced};
use cleanzone_rules::Dataset;
use cleanzone_tabular::{Cells, Change, Header, RejectedRow, Rewriter, SinkError};
use cleanzone_vault::{Field, Token, TokenVault, is_token, normalise};
use serde::Serialize;

use crate::{
    columns::{Protected, Way, names, protected},
    detect::Watch,
    error::Error,
    rejected::RejectedFile,
};

/// What values are replaced with.
#[derive(Clone, Debug)]
pub(crate) struct Means {
    pub(crate) vault: Arc<dyn TokenVault>,
    /// For the methods that take one.
    pub(crate) key: Option<Key>,
    /// What tells this version of this object from all others.
    pub(crate) object: String,
    pub(crate) bridge: Bridge,
}

/// Replaces what is personal in a file.
pub(crate) struct Replacing<'d> {
    dataset: &'d Dataset,
    /// What is taken for personal in columns that no rule declares.
    assumed: &'d [Finding],
    /// Looks at all rows of those columns, where the rules want that.
    watches: bool,
    means: Means,
    rejected: RejectedFile,
    columns: Vec<Column>,
    watch: Option<Watch>,
    row: u64,
}

struct Column {
    protected: Protected,
    work: Work,
    values: u64,
}

enum Work {
    Token(Field),
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

/// What is left when a file has streamed through.
pub(crate) struct Replaced {
    pub(crate) columns: Vec<ColumnReport>,
    pub(crate) watch: Option<Watch>,
    pub(crate) rejected: RejectedFile,
}

impl<'d> Replacing<'d> {
    pub(crate) fn new(
        dataset: &'d Dataset,
        assumed: &'d [Finding],
        watches: bool,
        means: Means,
        rejected: RejectedFile,
    ) -> Self {
        Self { dataset, assumed, watches, means, rejected, columns: Vec::new(), watch: None, row: 0 }
    }

    pub(crate) fn finish(self) -> Replaced {
        let told = |column: Column| ColumnReport {
            name: column.protected.name,
            kind: column.protected.kind,
            method: column.protected.way.name(),
            values: column.values,
        };
        let columns = self.columns.into_iter().map(told).collect();
        Replaced { columns, watch: self.watch, rejected: self.rejected }
    }

    fn prepare(&self, protected: Protected) -> Result<Column, Error> {
        let Means { key, object, .. } = &self.means;
        let work = match &protected.way {
            Way::Token(field) => Work::Token(field.clone()),
            Way::Method(method, field) => {
                let column = u32::try_from(protected.position).unwrap_or(u32::MAX);
                match method.prepare(field, key.as_ref(), Place { object, column })? {
                    Prepared::Values(replacer) => Work::Values(replacer),
                    Prepared::Rows(shuffle) => Work::Rows(shuffle),
                    Prepared::Gone => Work::Gone,
                }
            }
        };
        Ok(Column { protected, work, values: 0 })
    }
}

impl Rewriter for Replacing<'_> {
    fn plan(&mut self, header: &Header) -> Result<Vec<Change>, SinkError> {
        let names = names(self.dataset, header);
        let columns = protected(self.dataset, &names, self.assumed)?;
        self.columns = columns.into_iter().map(|column| self.prepare(column)).collect::<Result<_, _>>()?;
        let mut changes = vec![Change::Keep; header.names.len()];
        if self.watches {
            let watch = self.watch.insert(Watch::new(self.dataset, &names)?);
            for (column, change) in changes.iter_mut().enumerate() {
                *change = if watch.covers(column) { Change::Show } else { Change::Keep };
            }
        }
        for column in &self.columns {
            changes[column.protected.position] =
                if matches!(column.work, Work::Gone) { Change::Drop } else { Change::Replace };
        }
        Ok(changes)
    }

    fn rows(&mut self, columns: &mut [Cells<'_>]) -> Result<(), SinkError> {
        if let Some(watch) = &mut self.watch {
            for cells in &*columns {
                watch.observe(cells);
            }
        }
        let (first, means) = (self.row, &self.means);
        self.row += columns.first().map_or(0, |cells| cells.values().len()) as u64;
        let mut work: Vec<(&mut Column, &mut Cells<'_>)> = Vec::with_capacity(self.columns.len());
        let mut cells = columns.iter_mut();
        // Both are in the order of the file.
        for column in self.columns.iter_mut().filter(|column| !matches!(column.work, Work::Gone)) {
            work.extend(cells.find(|cells| cells.column() == column.protected.position).map(|cells| (column, cells)));
        }
        // Each column on a thread of its own: they wait for the vault side by side.
        let ended: Result<(), Error> = thread::scope(|scope| {
            let last = work.pop();
            let started: Vec<_> = work
                .into_iter()
                .map(|(column, cells)| scope.spawn(move || column.replace(cells, first, means)))
                .collect();
            let last = last.map_or(Ok(()), |(column, cells)| column.replace(cells, first, means));
            started.into_iter().try_for_each(|one| one.join().unwrap_or(Err(Error::Panicked))).and(last)
        });
        Ok(ended?)
    }

    fn rejected(&mut self, row: &RejectedRow<'_>) -> Result<(), SinkError> {
        Ok(self.rejected.add(row)?)
    }
}

impl Column {
    /// Replaces the values of one block that begins with the row `first`.
    fn replace(&mut self, cells: &mut Cells<'_>, first: u64, means: &Means) -> Result<(), Error> {
        self.values += match &mut self.work {
            Work::Gone => 0,
            Work::Token(field) => tokenize(field, cells, means)?,
            Work::Values(replacer) => replace(replacer, cells, first)?,
            Work::Rows(shuffle) => rearrange(shuffle, cells, first),
        };
        Ok(())
    }
}

/// Whether a value has no person behind it any more, or never had.
fn stays(value: &str) -> bool {
    value.trim().is_empty() || is_token(value) || is_replaced(value)
}

fn tokenize(field: &Field, cells: &mut Cells<'_>, means: &Means) -> Result<u64, Error> {
    let asked: Vec<bool> =
        cells.values().iter().map(|value| value.as_ref().is_some_and(|value| !stays(value))).collect();
    let tokens: Vec<Token> = {
        let values =
            cells.values().iter().zip(&asked).filter(|(_, asked)| **asked).filter_map(|(value, _)| value.as_ref());
        let values: Vec<Cow<'_, str>> = values.map(|value| normalise(field.kind(), value)).collect();
        let values: Vec<&str> = values.iter().map(AsRef::as_ref).collect();
        let asked = async { Ok(means.vault.tokenize(field, &values).await?) };
        means.bridge.wait_or(|| Error::Late, asked)?
    };
    let count = tokens.len() as u64;
    let mut tokens = tokens.into_iter();
    for asked in asked {
        if !asked {
            cells.keep();
            continue;
        }
        match tokens.next() {
            Some(token) => cells.put(Some(&token.text())),
            None => return Err(Error::Vault(cleanzone_vault::Error::Ended("it gave too few tokens".into()))),
        }
    }
    Ok(count)
}

fn replace(replacer: &mut Replacer, cells: &mut Cells<'_>, first: u64) -> Result<u64, Error> {
    let (mut count, mut text) = (0, String::new());
    for at in 0..cells.values().len() {
        match &cells.values()[at] {
            Some(value) if !stays(value) => {
                text.clear();
                replacer.apply(value, first + at as u64, &mut text).map_err(Error::Refused)?;
                cells.put(Some(&text));
                count += 1;
            }
            _ => cells.keep(),
        }
    }
    Ok(count)
}

fn rearrange(shuffle: &Shuffle, cells: &mut Cells<'_>, first: u64) -> u64 {
    let mut values: Vec<Option<String>> =
        cells.values().iter().map(|value| value.as_ref().map(|value| value.clone().into_owned())).collect();
    let stays = |value: &Option<String>| value.as_deref().is_none_or(stays);
    let count = values.iter().filter(|value| !stays(value)).count() as u64;
    let mut from = 0;
    while from < values.len() {
        let left = values.len() - from;
        // The last few rows go with those before them: alone they would hide nothing.
        let take = if left < 2 * shuffle.window() { left } else { shuffle.window() };
        let window = &mut values[from..from + take];
        if shuffle.apply(first + from as u64, window, stays).is_err() {
            // It is the only value among so many rows, and there is nothing to exchange it for.
            window.iter_mut().filter(|value| !stays(value)).for_each(|value| *value = Some(REDACTED.to_owned()));
        }
        from += take;
    }
    for value in &values {
        cells.put(value.as_deref());
    }
    count
}
