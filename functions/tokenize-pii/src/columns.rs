//! What becomes of each column.

use cleanzone_pii::{Alphabet, DateLayout, Field, Finding, Generalization, Method, Mode};
use cleanzone_rules::{self as rules, Column, ColumnPii, Dataset, EncryptMode, sanitise};
use cleanzone_tabular::Header;
use cleanzone_vault::Shape;

use crate::error::Error;

/// The scope of values where the rules name none: one for all datasets, so that they can be joined.
const SCOPE: &str = "default";
/// Rows among which values are shuffled, where the rules do not say.
const WINDOW: usize = 1000;

/// A column with personal data.
#[derive(Clone, Debug)]
pub(crate) struct Protected {
    /// Its position, from 0.
    pub(crate) position: usize,
    /// Its name in the file.
    pub(crate) name: String,
    /// What its values are.
    pub(crate) kind: String,
    pub(crate) way: Way,
}

/// How a column's values are replaced.
#[derive(Clone, Debug)]
pub(crate) enum Way {
    /// By tokens of the vault.
    Token(cleanzone_vault::Field),
    /// By what can be made of them.
    Method(Method, Field),
}

impl Way {
    /// The name of the method, as `lake.toml` has it.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Token(_) => "token",
            Self::Method(method, _) => method.name(),
        }
    }

    pub(crate) fn needs_key(&self) -> bool {
        matches!(self, Self::Method(method, _) if method.needs_key())
    }
}

/// The names by which the rules know the columns of a file.
pub(crate) fn names(dataset: &Dataset, header: &Header) -> Vec<String> {
    let listed = dataset.format.columns.as_deref().filter(|_| !header.given).unwrap_or_default();
    header.names.iter().enumerate().map(|(place, name)| listed.get(place).unwrap_or(name).clone()).collect()
}

/// The columns that have to be protected: those that the rules declare, and where they want that, those in which
/// something was found.
///
/// # Errors
/// [`Error::Missing`] where the file lacks a column that is declared to hold personal data.
pub(crate) fn protected(dataset: &Dataset, names: &[String], found: &[Finding]) -> Result<Vec<Protected>, Error> {
    let missing: Vec<&str> = dataset
        .columns
        .values()
        .filter(|column| column.pii.is_some())
        .filter(|column| !names.iter().any(|name| dataset.column(name).is_some_and(|c| c.name == column.name)))
        .map(|column| &*column.name)
        .collect();
    if !missing.is_empty() {
        return Err(Error::Missing(missing.join(", ")));
    }
    let mut columns = Vec::new();
    for (position, name) in names.iter().enumerate() {
        let rule = dataset.column(name);
        let finding = found.iter().find(|finding| finding.position == position);
        let declared = rule.and_then(|rule| rule.pii.as_ref());
        let kind = declared
            .and_then(|pii| pii.kind.clone())
            .or_else(|| finding.map(|finding| finding.kind.as_str().to_owned()))
            .unwrap_or_else(|| sanitise(name));
        // A type takes no more.
        let kind: String = kind.chars().take(64).collect();
        let way = match (declared, finding) {
            (Some(pii), _) => way(dataset, name, &kind, rule, pii)?,
            (None, Some(_)) => Way::Token(token(dataset, None, &kind, false)?),
            (None, None) => continue,
        };
        columns.push(Protected { position, name: name.clone(), kind, way });
    }
    Ok(columns)
}

fn scope<'d>(dataset: &'d Dataset, pii: Option<&'d ColumnPii>) -> &'d str {
    pii.and_then(|pii| pii.scope.as_deref()).or(dataset.pii.scope.as_deref()).unwrap_or(SCOPE)
}

fn token(dataset: &Dataset, pii: Option<&ColumnPii>, kind: &str, shape: bool) -> Result<cleanzone_vault::Field, Error> {
    let field = cleanzone_vault::Field::new(scope(dataset, pii), kind)?;
    Ok(if shape && kind == "email" { field.shaped(Shape::Email) } else { field })
}

fn way(dataset: &Dataset, name: &str, kind: &str, rule: Option<&Column>, pii: &ColumnPii) -> Result<Way, Error> {
    let layout = || {
        let declared = rule.map(|rule| rule.date_formats.clone()).filter(|formats| !formats.is_empty());
        declared.map_or(DateLayout::Usual, DateLayout::Patterns)
    };
    let method = match &pii.method {
        rules::Method::Token { shape } => return Ok(Way::Token(token(dataset, Some(pii), kind, *shape)?)),
        rules::Method::Hash => Method::Hash,
        rules::Method::Encrypt(EncryptMode::Deterministic) => Method::Encrypt(Mode::Deterministic),
        rules::Method::Encrypt(EncryptMode::Randomized) => Method::Encrypt(Mode::Randomized),
        rules::Method::Fpe(rules::Alphabet::Digits) => Method::Fpe(Alphabet::digits()),
        rules::Method::Fpe(rules::Alphabet::Alphanumeric) => Method::Fpe(Alphabet::alphanumeric()),
        rules::Method::Fpe(rules::Alphabet::Custom(characters)) => Method::Fpe(Alphabet::custom(characters)?),
        rules::Method::Mask { keep_last, char } => {
            Method::Mask { keep_last: usize::try_from(*keep_last).unwrap_or(usize::MAX), character: *char }
        }
        rules::Method::Redact => Method::Redact,
        rules::Method::Shuffle(window) => {
            Method::Shuffle { window: window.and_then(|rows| usize::try_from(rows).ok()).unwrap_or(WINDOW) }
        }
        rules::Method::Generalize(to) => Method::Generalize(match to {
            rules::Generalize::Year => Generalization::Year(layout()),
            rules::Generalize::Month => Generalization::Month(layout()),
            rules::Generalize::Bucket(width) => Generalization::Bucket(whole(*width)?),
            rules::Generalize::Prefix(characters) => {
                Generalization::Prefix(usize::try_from(*characters).unwrap_or(usize::MAX))
            }
        }),
        rules::Method::Drop => Method::Drop,
    };
    Ok(Way::Method(method, Field::new(name, scope(dataset, Some(pii)), kind)?))
}

/// A width of buckets.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked")]
fn whole(width: f64) -> Result<u64, Error> {
    if width.fract() == 0.0 && (1.0..=9_007_199_254_740_992.0).contains(&width) {
        Ok(width as u64)
    } else {
        Err(Error::Bucket)
    }
}

#[cfg(test)]
mod tests {
    use cleanzone_rules::Rules;

    use super::*;

    fn dataset(columns: &str) -> Dataset {
        let text = format!("[[dataset]]\nmatch = \"**\"\npii.scope = \"crm\"\n[dataset.columns]\n{columns}");
        Rules::parse(&text).unwrap().find("b", "a/b/c.csv").dataset
    }

    fn all(dataset: &Dataset, names: &[&str]) -> Result<Vec<String>, Error> {
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        let told = |column: Protected| format!("{} {} {}", column.position, column.kind, column.way.name());
        Ok(protected(dataset, &names, &[])?.into_iter().map(told).collect())
    }

    #[test]
    fn columns_are_protected_as_the_rules_say() {
        let rules = dataset(
            "mail = { pii = { method = \"token\", type = \"email\", shape = true } }\nphone.pii = \"hash\"\n\
             zip = { type = \"string\", pii = { method = \"generalize\", to = { prefix = 3 } } }",
        );
        assert_eq!(
            all(&rules, &["id", "Mail", "PHONE", "zip"]).unwrap(),
            ["1 email token", "2 phone hash", "3 zip generalize"]
        );
    }

    #[test]
    fn a_declared_column_has_to_be_there() {
        let rules = dataset("mail.pii = \"token\"\nphone.pii = \"hash\"");
        let error = all(&rules, &["id", "mail"]).unwrap_err();
        assert!(matches!(&error, Error::Missing(columns) if columns == "phone"), "{error}");
    }

    #[test]
    fn a_column_that_comes_twice_is_protected_twice() {
        let rules = dataset("mail.pii = \"redact\"");
        assert_eq!(all(&rules, &["mail", "Mail "]).unwrap().len(), 2);
    }
}
