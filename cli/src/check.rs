use std::{fmt::Write as _, fs, path::Path, process::ExitCode};

use cleanzone_error::{ErrorName, Fault as _};
use cleanzone_lake::{Error, Naming};
use cleanzone_rules::{Applied, Dataset, Rules, RulesError, Shadowed, is_name};
use serde_json::{Value, json};

use crate::{
    against,
    args::{Check, Object},
};

/// Checks a `lake.toml`, and shows what it makes of each key.
pub(crate) fn run(arguments: &Check) -> ExitCode {
    if arguments.schema {
        println!("{:#}", cleanzone_rules::schema());
        return ExitCode::SUCCESS;
    }
    let path = arguments.file.as_deref().unwrap_or(Path::new("lake.toml"));
    let file = match fs::read(path) {
        Ok(file) => file,
        Err(error) => {
            eprintln!("error[{}]: cannot read {}: {error}", ErrorName::Io, path.display());
            return ExitCode::FAILURE;
        }
    };
    match Rules::parse(&file) {
        Ok(rules) => {
            let answers: Vec<Answer> = arguments.keys.iter().map(|object| Answer::new(&rules, object)).collect();
            let warnings = match warnings(&rules, arguments, path) {
                Ok(warnings) => warnings,
                Err(error) => {
                    eprintln!("error[{}]: {error}", error.name());
                    return ExitCode::FAILURE;
                }
            };
            if arguments.json {
                let keys: Vec<Value> = answers.iter().map(Answer::json).collect();
                let warnings: Vec<_> =
                    warnings.iter().map(|(kind, text)| json!({ "kind": kind, "message": text })).collect();
                println!("{}", json!({ "valid": true, "datasets": rules.len(), "keys": keys, "warnings": warnings }));
            } else {
                println!("{}: {}", path.display(), datasets(rules.len()));
                for answer in answers {
                    print!("\n{}", answer.text());
                }
                for (kind, text) in &warnings {
                    eprintln!("warning[{kind}]: {text}");
                }
            }
            // Rules that do nothing are no reason not to deploy the others.
            ExitCode::SUCCESS
        }
        Err(RulesError { problems }) => {
            if arguments.json {
                println!("{}", json!({ "valid": false, "problems": problems }));
            }
            for problem in problems {
                eprintln!("error[{}]: {}:{problem}", ErrorName::InvalidSettings, path.display());
            }
            ExitCode::FAILURE
        }
    }
}

/// What is allowed, and probably not meant: the kind of each, and what it is.
fn warnings(rules: &Rules, arguments: &Check, path: &Path) -> Result<Vec<(&'static str, String)>, Error> {
    let never = |shadowed: Shadowed| {
        let (line, by) = (shadowed.rule.line, shadowed.by.line);
        let why = format!(
            "{}:{line}: this dataset never applies, as the one in line {by} matches all of its objects \
                           and comes first; put it before that one",
            path.display()
        );
        ("ShadowedDataset", why)
    };
    let mut found: Vec<_> = rules.shadowed().into_iter().map(never).collect();
    let Some(file) = &arguments.against else { return Ok(found) };
    let itself = Object { bucket: String::new(), key: file.to_string_lossy().into_owned() };
    let objects = if arguments.keys.is_empty() { std::slice::from_ref(&itself) } else { &arguments.keys };
    for object in objects {
        let dataset = rules.find(&object.bucket, &object.key).dataset;
        let names = against::names(file, &dataset)?;
        let absent = dataset.absent(&names).into_iter();
        found.extend(absent.map(|column| ("AbsentColumn", against::absent(column, &names, file))));
    }
    Ok(found)
}

fn datasets(count: usize) -> String {
    match count {
        0 => "valid, no dataset".to_owned(),
        1 => "valid, 1 dataset".to_owned(),
        n => format!("valid, {n} datasets"),
    }
}

/// What holds for an object, with the conventions for what the rules leave open.
struct Answer<'a> {
    object: &'a Object,
    applied: Applied,
    /// Database and table, or why there are none.
    table: Result<(String, String), String>,
    partition_keys: Vec<String>,
}

impl<'a> Answer<'a> {
    fn new(rules: &Rules, object: &'a Object) -> Self {
        let applied = rules.find(&object.bucket, &object.key);
        let Dataset { database, table, partition_by, .. } = &applied.dataset;
        let convention = Naming::from_key(&object.key);
        let table = match (database.clone(), table.clone(), &convention) {
            (Some(database), Some(table), _) => Ok((database, table)),
            (database, table, Ok(naming)) => {
                Ok((database.unwrap_or_else(|| naming.database.clone()), table.unwrap_or_else(|| naming.table.clone())))
            }
            (_, _, Err(error)) => Err(error.to_string()),
        };
        let table = table.and_then(|names| {
            let unfit = [&names.0, &names.1].into_iter().find(|name| !is_name(name));
            let why = unfit.map(|name| format!("`{name}`, which the wildcards give, is no name"));
            why.map_or(Ok(names), Err)
        });
        let folders = object.key.rsplit('/').skip(1).take_while(|folder| folder.contains('='));
        let mut partition_keys: Vec<String> =
            folders.map(|folder| cleanzone_rules::sanitise(folder.split('=').next().unwrap_or_default())).collect();
        partition_keys.reverse();
        partition_keys.extend(partition_by.iter().map(ToString::to_string));
        Self { object, applied, table, partition_keys }
    }

    fn by_convention(&self) -> bool {
        self.applied.dataset.database.is_none() || self.applied.dataset.table.is_none()
    }

    fn json(&self) -> Value {
        let (database, table) = self.table.as_ref().ok().cloned().unzip();
        json!({
            "bucket": self.object.bucket,
            "key": self.object.key,
            "rule": self.applied.rule,
            "database": database,
            "table": table,
            "by_convention": self.by_convention(),
            "problem": self.table.as_ref().err(),
            "partition_keys": self.partition_keys,
            "settings": self.applied.dataset,
        })
    }

    fn text(&self) -> String {
        let mut text = format!("s3://{}/{}\n", self.object.bucket, self.object.key);
        let mut line = |name: &str, value: &str| {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "  {name:<20}  {value}");
        };
        line(
            "rule",
            &match self.applied.rule {
                Some(rule) => format!("[[dataset]] in line {}", rule.line),
                None => "none matches; by convention and [defaults]".to_owned(),
            },
        );
        match &self.table {
            Ok((database, table)) => {
                let why = if self.by_convention() { " (as the folders say)" } else { "" };
                line("table", &format!("{database}.{table}{why}"));
            }
            Err(why) => line("table", &format!("none: {why}")),
        }
        if !self.partition_keys.is_empty() {
            line("partition keys", &self.partition_keys.join(", "));
        }
        let settings = json!(self.applied.dataset);
        for (name, default) in [("mode", "replace"), ("schema", "evolve"), ("bad_rows", "quarantine")] {
            line(name, &settings[name].as_str().map_or(format!("{default} (by convention)"), str::to_owned));
        }
        let shown = ["database", "table", "mode", "schema", "bad_rows", "partition_by", "columns"];
        for (name, value) in settings.as_object().into_iter().flatten() {
            if !shown.contains(&name.as_str()) && says_something(value) {
                line(name, &words(value));
            }
        }
        for column in self.applied.dataset.columns.values() {
            let mut rules = json!(column);
            if let Some(fields) = rules.as_object_mut() {
                fields.remove("name");
            }
            line(&format!("column {}", column.name), &words(&rules));
        }
        text
    }
}

/// Whether a setting is more than its absence.
fn says_something(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => false,
        Value::Array(items) => !items.is_empty(),
        Value::Object(fields) => fields.values().any(says_something),
        _ => true,
    }
}

/// A setting in one line, for people.
fn words(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::String(text) if text.is_empty() || text.contains(|c: char| c.is_whitespace() || c.is_control()) => {
            value.to_string()
        }
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(words).collect::<Vec<_>>().join(" "),
        Value::Object(fields) => {
            let said = fields.iter().filter_map(|(name, value)| match (name.as_str(), value) {
                ("map", Value::Object(map)) if !map.is_empty() => {
                    let pairs: Vec<String> = map.iter().map(|(from, to)| format!("{from} → {}", words(to))).collect();
                    Some(format!("map ({})", pairs.join(", ")))
                }
                // A method with options is a table, which may have nothing to say.
                ("method", Value::Object(method)) => {
                    let name = method.keys().next().map_or("", String::as_str);
                    Some(format!("method {}", if says_something(value) { words(value) } else { name.to_owned() }))
                }
                ("pii", Value::Object(_)) => Some(format!("pii ({})", words(value))),
                (_, value) if !says_something(value) => None,
                (_, Value::Bool(_)) => Some(name.clone()),
                (_, Value::Object(_)) => Some(format!("{name} ({})", words(value))),
                (_, value) => Some(format!("{name} {}", words(value))),
            });
            said.collect::<Vec<_>>().join(", ")
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(rules: &str, key: &str) -> (String, Value) {
        let object = Object { bucket: "b".to_owned(), key: key.to_owned() };
        let rules = Rules::parse(rules).unwrap();
        let answer = Answer::new(&rules, &object);
        (answer.text(), answer.json())
    }

    #[test]
    fn a_key_is_shown_with_what_its_dataset_says() {
        let rules = "[[dataset]]\nmatch = \"crm/*/**\"\ndatabase = \"crm\"\ntable = \"{1}_daily\"\nmode = \"append\"\n\
                     partition_by = [\"day(at)\"]\ncolumns.zip = { rename = \"zip_code\", trim = true, map = { \"N/A\" = false, Z = \"zip\" }, pii = \"token\" }\n";
        let (text, json) = answer(rules, "crm/acme/year=2026/a.csv");
        for line in [
            "  rule                  [[dataset]] in line 1\n",
            "  table                 crm.acme_daily\n",
            "  partition keys        year, day(at) as at_day\n",
            "  mode                  append\n",
            "  schema                evolve (by convention)\n",
            "  column zip            cleanse (trim), map (N/A → null, Z → zip), pii (method token), rename zip_code\n",
        ] {
            assert!(text.contains(line), "{line}{text}");
        }
        assert_eq!((&json["table"], &json["rule"]["line"]), (&json!("acme_daily"), &json!(1)));
    }

    #[test]
    fn the_example_for_personal_data_shows_every_method() {
        let rules = include_str!("../../examples/pii.toml");
        let (text, json) = answer(rules, "crm/acme/users/2026-11-21.csv");
        assert_eq!((&json["database"], &json["table"]), (&json!("crm"), &json!("acme_users")));
        for method in ["token", "hash", "encrypt", "fpe", "mask", "redact", "shuffle", "generalize", "drop"] {
            assert!(text.contains(&format!("pii (method {method}")), "{method}\n{text}");
        }
    }

    #[test]
    fn a_key_without_a_dataset_goes_by_convention() {
        let (text, json) = answer("", "dms/sakila/film/a.csv");
        assert!(text.contains("sakila.film (as the folders say)"), "{text}");
        assert_eq!((&json["database"], &json["rule"]), (&json!("sakila"), &Value::Null));
        let (text, json) = answer("", "a.csv");
        assert!(text.contains("  table                 none: "), "{text}");
        assert!(json["table"].is_null() && json["problem"].is_string());
    }
}
