use std::fmt;

use serde::Serialize;

use crate::{
    name::{is_name, sanitise},
    suggest::hint,
};

/// One of the things by which rows are divided into partitions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PartitionBy {
    /// The partition key.
    pub name: String,
    /// The column that it is made of, by its name in the table; `ingested_at` also where no such column is added.
    pub column: String,
    /// How.
    pub transform: Transform,
}

/// How a partition value is made of a column's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Transform {
    /// The value itself; the column moves from the file into the path.
    Identity,
    /// The year of a date or timestamp.
    Year,
    /// The month, 1 to 12.
    Month,
    /// The day, as a date.
    Day,
    /// The hour, 0 to 23.
    Hour,
}

const TRANSFORMS: [(&str, Transform); 4] =
    [("year", Transform::Year), ("month", Transform::Month), ("day", Transform::Day), ("hour", Transform::Hour)];

impl fmt::Display for Transform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(TRANSFORMS.iter().find(|(_, transform)| transform == self).map_or("identity", |(name, _)| name))
    }
}

impl fmt::Display for PartitionBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, column, transform } = self;
        match transform {
            Transform::Identity if name == column => f.write_str(name),
            Transform::Identity => write!(f, "{column} as {name}"),
            _ => write!(f, "{transform}({column}) as {name}"),
        }
    }
}

impl PartitionBy {
    /// Reads `column`, `transform(column)`, or one of them with ` as name`. `renamed` is asked for the name that a
    /// column has in the table.
    pub(crate) fn new(text: &str, renamed: impl Fn(&str) -> String) -> Result<Self, String> {
        let (expression, name) = match text.rsplit_once(" as ") {
            Some((expression, name)) => (expression.trim(), Some(name.trim())),
            None => (text.trim(), None),
        };
        let (transform, column) = match expression.split_once('(') {
            None if expression.contains(')') => return Err(format!("`{text}` has a `)` without `(`")),
            None => (Transform::Identity, expression),
            Some((word, rest)) => {
                let column = rest.strip_suffix(')').ok_or_else(|| format!("`{text}` has a `(` without `)`"))?;
                let word = word.trim().to_lowercase();
                let found = TRANSFORMS.iter().find(|(name, _)| *name == word);
                let unknown =
                    || format!("unknown transform `{word}`{}", hint(&word, &TRANSFORMS.map(|(name, _)| name)));
                (found.ok_or_else(unknown)?.1, column.trim())
            }
        };
        let column = renamed(column);
        let name = match (name, transform) {
            (Some(name), _) => sanitise(name),
            (None, Transform::Identity) => column.clone(),
            (None, transform) => format!("{column}_{transform}"),
        };
        if is_name(&column) && is_name(&name) {
            Ok(Self { name, column, transform })
        } else {
            Err(format!("`{text}` names no column; expected `column`, `day(column)` or `day(column) as name`"))
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(text: &str) -> Result<PartitionBy, String> {
        PartitionBy::new(text, sanitise)
    }

    #[test]
    fn columns_and_transforms_are_read() {
        for (text, name, column, transform) in [
            ("country", "country", "country", Transform::Identity),
            ("Order Date as landed", "landed", "order_date", Transform::Identity),
            ("year(order_date)", "order_date_year", "order_date", Transform::Year),
            (" Day( ingested_at ) as landed ", "landed", "ingested_at", Transform::Day),
        ] {
            let expected = PartitionBy { name: name.to_owned(), column: column.to_owned(), transform };
            assert_eq!(of(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_partition_key_is_refused() {
        for (text, says) in [
            ("yaer(d)", "did you mean `year`?"),
            ("bucket(16, id)", "expected `year`, `month`, `day` or `hour`"),
            ("year(d", "without `)`"),
            ("d)", "without `(`"),
            ("year()", "names no column"),
            ("a as ", "names no column"),
            ("", "names no column"),
        ] {
            let error = of(text).unwrap_err();
            assert!(error.contains(says), "{text}: {error}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(text in "(year|day|hour|month)?\\(?[a-z_]{1,5}\\)?( as [a-z]{1,4})?") {
            if let Ok(partition) = of(&text) {
                prop_assert_eq!(of(&partition.to_string()), Ok(partition));
            }
        }
    }
}
