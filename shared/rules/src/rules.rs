use std::collections::HashMap;

use serde::Serialize;
use toml::{
    Spanned,
    de::{DeArray, DeTable, DeValue},
};

use crate::{
    Dataset, RulesError,
    compiled::Compiled,
    document::{Entry, OneOrMany},
    index::Index,
    resolve::resolve,
    source::{Lines, Place, Problems, read, text, tree},
    suggest::hint,
};

/// The fields that say which objects a dataset has and what it is; `[defaults]` cannot.
pub(crate) const DATASET_ONLY: [&str; 5] = ["match", "bucket", "database", "table", "columns"];

/// A `lake.toml`. The default is an empty one: everything by convention.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    pub(crate) datasets: Vec<Compiled>,
    defaults: Dataset,
    index: Index,
}

/// What holds for one object.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Applied {
    /// What was decided; `[defaults]` alone where no dataset matches.
    pub dataset: Dataset,
    /// Which `[[dataset]]` matched.
    pub rule: Option<Rule>,
}

/// Where a `[[dataset]]` stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Rule {
    /// Its number in the file, from 0.
    pub index: usize,
    /// The line of its header, from 1.
    pub line: usize,
}

impl Rules {
    /// Reads a `lake.toml`, as it is stored: the only way to rules, so that no reader decodes it otherwise.
    ///
    /// # Errors
    /// [`RulesError`] with every problem: what is no UTF-8, what is no TOML, unknown fields and values, settings that
    /// contradict each other, globs, captures, patterns and types that are none.
    pub fn parse(file: impl AsRef<[u8]>) -> Result<Self, RulesError> {
        let text = text(file.as_ref())?;
        let lines = Lines::new(text);
        let mut problems = Problems::default();
        let tree = tree(text, &mut problems);
        // What is left of a broken text would only give rise to problems that it has not.
        let rules = if problems.count() > 0 { Self::default() } else { Self::of(&lines, tree, &mut problems) };
        problems.finish(&lines).map(|()| rules)
    }

    fn of(lines: &Lines<'_>, tree: DeTable<'_>, problems: &mut Problems) -> Self {
        let (mut defaults, mut datasets) = (None, None);
        for (key, value) in tree {
            let at = key.span().start;
            match key.get_ref().as_ref() {
                "defaults" => defaults = Some((at, value)),
                "dataset" => datasets = Some((at, value)),
                other => {
                    let hint = hint(other, &["defaults", "dataset"]);
                    problems.add(at, format!("unknown field `{other}`{hint}"));
                }
            }
        }
        let mut rules = Self::default();
        let default = defaults.map(|(key, value)| rules.read_defaults(key, &value, problems)).unwrap_or_default();
        match datasets.map(|(key, value)| (key, value.into_inner())) {
            None => {}
            Some((_, DeValue::Array(list))) => rules.read_datasets(lines, list, &default, problems),
            Some((key, _)) => {
                problems.add(key, "datasets are written `[[dataset]]`, in double brackets: there can be several");
            }
        }
        rules.index = Index::new(rules.datasets.iter().map(|dataset| &dataset.globs[..]));
        rules
    }

    /// Reads `[defaults]`. What is wrong there is told once, and not again in each dataset.
    fn read_defaults(&mut self, key: usize, value: &Spanned<DeValue<'_>>, problems: &mut Problems) -> Entry {
        let before = problems.count();
        let Some(entry) = read::<Entry>(value, problems) else { return Entry::default() };
        let place = Place::new(key, value);
        refuse_dataset_fields(&entry, place, problems);
        self.defaults = resolve(&entry, place, problems);
        if problems.count() > before { Entry::default() } else { entry }
    }

    fn read_datasets(&mut self, lines: &Lines<'_>, list: DeArray<'_>, default: &Entry, problems: &mut Problems) {
        let mut seen: HashMap<(OneOrMany, Option<String>), Rule> = HashMap::new();
        // The tree of each goes as soon as it is read: there may be many.
        for (index, value) in list.into_iter().enumerate() {
            let place = Place::new(value.span().start, &value);
            let rule = Rule { index, line: lines.position(place.value).0 };
            let Some(entry) = read_dataset(&value, problems) else { continue };
            if let Some(texts) = &entry.r#match {
                let first = *seen.entry((texts.clone(), entry.bucket.clone())).or_insert(rule);
                if first != rule {
                    let line = first.line;
                    let message =
                        format!("the dataset in line {line} matches the same objects, so this one never does");
                    problems.add(place.field("match").key, message);
                }
            }
            self.datasets.extend(Compiled::new(rule, &entry.or(default), place, problems));
        }
    }

    /// What holds for an object, by its bucket and its decoded key: the first dataset in the file that matches.
    pub fn find(&self, bucket: &str, key: &str) -> Applied {
        let first = self.index.candidates(key).into_iter().find_map(|at| {
            let compiled = self.datasets.get(at)?;
            Some((compiled, compiled.captures(bucket, key)?))
        });
        match first {
            Some((compiled, captures)) => compiled.apply(&captures),
            None => Applied { dataset: self.defaults.clone(), rule: None },
        }
    }

    /// How many datasets there are.
    pub fn len(&self) -> usize {
        self.datasets.len()
    }

    /// Whether there is no dataset.
    pub fn is_empty(&self) -> bool {
        self.datasets.is_empty()
    }
}

fn read_dataset(value: &Spanned<DeValue<'_>>, problems: &mut Problems) -> Option<Entry> {
    if matches!(value.get_ref(), DeValue::Table(_)) {
        return read(value, problems);
    }
    problems.add(value.span().start, "expected a table: datasets are written `[[dataset]]`");
    None
}

fn refuse_dataset_fields(entry: &Entry, place: Place<'_>, problems: &mut Problems) {
    let Entry { r#match, bucket, database, table, columns, .. } = entry;
    let given = [r#match.is_some(), bucket.is_some(), database.is_some(), table.is_some(), columns.is_some()];
    for (field, _) in DATASET_ONLY.iter().zip(given).filter(|(_, given)| *given) {
        let message = format!("`{field}` is for a `[[dataset]]`; what is in `[defaults]` holds for every object");
        problems.add(place.field(field).key, message);
    }
}

#[cfg(test)]
mod tests;
