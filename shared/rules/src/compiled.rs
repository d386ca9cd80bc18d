//! A dataset that is ready to be asked.

use unicode_normalization::UnicodeNormalization;

use crate::{
    Applied, Dataset, Rule,
    document::Entry,
    glob::{Captures, Glob},
    resolve::resolve,
    source::{Place, Problems},
    template::Template,
};

/// One `[[dataset]]`.
#[derive(Clone, Debug)]
pub(crate) struct Compiled {
    pub(crate) rule: Rule,
    pub(crate) globs: Vec<Glob>,
    pub(crate) bucket: Option<Glob>,
    database: Option<Template>,
    table: Option<Template>,
    dataset: Dataset,
}

impl Compiled {
    /// What an entry says, defaults included; `None` where anything is wrong with it.
    pub(crate) fn new(rule: Rule, entry: &Entry, place: Place<'_>, problems: &mut Problems) -> Option<Self> {
        let before = problems.count();
        let globs = globs(entry, place, problems);
        let bucket = bucket(entry, place, problems);
        let database = name("database", entry.database.as_deref(), &globs, place, problems);
        let table = name("table", entry.table.as_deref(), &globs, place, problems);
        let dataset = resolve(entry, place, problems);
        (problems.count() == before).then_some(Self { rule, globs, bucket, database, table, dataset })
    }

    /// What the wildcards matched, if the object is one of the dataset's.
    pub(crate) fn captures<'k>(&self, bucket: &str, key: &'k str) -> Option<Captures<'k>> {
        if self.bucket.as_ref().is_some_and(|glob| !glob.is_match(bucket)) {
            return None;
        }
        self.globs.iter().find_map(|glob| glob.find(key))
    }

    /// What holds for an object of which the wildcards matched this.
    pub(crate) fn apply(&self, matched: &[&str]) -> Applied {
        let expand = |template: &Option<Template>| template.as_ref().map(|template| template.expand(matched));
        let (database, table) = (expand(&self.database), expand(&self.table));
        let both = self.database.iter().chain(&self.table);
        let used: Vec<String> = both.flat_map(|template| template.matched(matched)).map(composed).collect();
        let captured = (!used.is_empty()).then(|| used.join(" / "));
        Applied { dataset: Dataset { database, table, captured, ..self.dataset.clone() }, rule: Some(self.rule) }
    }
}

/// A text in which one letter is written in one way (NFC).
fn composed(text: &str) -> String {
    text.nfc().collect()
}

fn globs(entry: &Entry, place: Place<'_>, problems: &mut Problems) -> Vec<Glob> {
    let at = place.field("match");
    let texts = entry.r#match.as_ref().map_or(&[][..], |texts| texts.as_slice());
    if texts.is_empty() {
        problems.add(at.value, "a dataset needs `match`: a glob over the object key, such as `crm/*/users/*`");
    }
    let mut globs = Vec::new();
    for (i, text) in texts.iter().enumerate() {
        let at = at.item(i);
        match Glob::new(text) {
            Ok(_) if text.starts_with("s3://") => {
                problems.add(at.value, "`match` is over the key alone; say the bucket with `bucket`");
            }
            Ok(_) if text.starts_with('/') => problems.add(at.value, "object keys do not begin with `/`"),
            Ok(glob) => globs.push(glob),
            Err(why) => problems.add(at.value, format!("in the glob `{text}`: {why}")),
        }
    }
    globs
}

fn bucket(entry: &Entry, place: Place<'_>, problems: &mut Problems) -> Option<Glob> {
    let text = entry.bucket.as_deref()?;
    let why = match Glob::new(text) {
        Ok(glob) if !text.contains('/') => return Some(glob),
        Ok(_) => "it is a bucket's name, without `s3://` and key".to_owned(),
        Err(why) => why,
    };
    problems.add(place.field("bucket").value, format!("in the glob `{text}`: {why}"));
    None
}

fn name(
    field: &str,
    text: Option<&str>,
    globs: &[Glob],
    place: Place<'_>,
    problems: &mut Problems,
) -> Option<Template> {
    let text = text?;
    let at = place.field(field).value;
    let template = match Template::new(text) {
        Ok(template) => template,
        Err(why) => {
            problems.add(at, format!("in `{text}`: {why}"));
            return None;
        }
    };
    let highest = template.highest();
    if let Some(glob) = globs.iter().find(|glob| glob.captures() < highest) {
        let count = match glob.captures() {
            0 => "no wildcard".to_owned(),
            1 => "only one wildcard".to_owned(),
            n => format!("only {n} wildcards"),
        };
        problems.add(at, format!("there is no `{{{highest}}}`: `{}` has {count}", glob.as_str()));
    }
    Some(template)
}
