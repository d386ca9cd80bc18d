//! Which numbers of a table are complete.
//!
//! Numbers count what commits bring and take away. They are right only where each commit has counted, from the table's
//! first file on, so the table says itself who counts: a mark that the first commit puts there and that a commit which
//! does not count takes away, together with the numbers, before its files appear. Nobody puts it back.

use std::collections::BTreeMap;

use crate::{Table, statistics::Numbers};

/// The table parameter that holds the mark.
const MARK: &str = "cleanzone.statistics";
/// What it says while the numbers of partitions are still being removed.
const ENDING: &str = "ending";

/// How the files of a table are counted, from its first file on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bookkeeping {
    /// What tells this count from others of a table of the same name: letters and digits.
    pub id: String,
    /// Whether the values of columns are counted, too.
    pub columns: bool,
    /// Whether files are counted by the partitions that they take over, and not by the objects that they come from.
    pub by_partition: bool,
}

impl Bookkeeping {
    /// That of a table, if every commit to it has counted.
    pub fn of(table: &Table) -> Option<Self> {
        let mut words = table.parameters.get(MARK)?.split(' ');
        let (id, level, by) = (words.next()?, words.next()?, words.next()?);
        Some(Self { id: id.to_owned(), columns: level == "columns", by_partition: by == "partition" })
    }

    /// What is still counted after a commit that counts in this way.
    #[must_use]
    pub fn and(&self, commit: Option<&Self>) -> Option<Self> {
        let commit = commit.filter(|commit| commit.by_partition == self.by_partition)?;
        Some(Self { columns: self.columns && commit.columns, ..self.clone() })
    }

    /// Marks a table.
    pub(crate) fn mark(&self, parameters: &mut BTreeMap<String, String>) {
        let level = if self.columns { "columns" } else { "counts" };
        let by = if self.by_partition { "partition" } else { "object" };
        parameters.insert(MARK.to_owned(), format!("{} {level} {by}", self.id));
    }
}

/// Gives a table the mark that it has after a commit that counts in this way, and takes numbers away that are right no
/// more. Says whether anything has changed.
pub(crate) fn settle(table: &mut Table, commit: Option<&Bookkeeping>) -> bool {
    let held = Bookkeeping::of(table);
    match held.as_ref().and_then(|held| held.and(commit)) {
        Some(left) if Some(&left) == held.as_ref() => false,
        Some(left) => {
            left.mark(&mut table.parameters);
            true
        }
        None => {
            let had_numbers = Numbers::remove(&mut table.parameters);
            if (had_numbers || held.is_some()) && !table.partition_keys.is_empty() {
                table.parameters.insert(MARK.to_owned(), ENDING.to_owned());
            } else if held.is_some() {
                table.parameters.remove(MARK);
            }
            had_numbers || held.is_some()
        }
    }
}

/// Whether partitions of the table may have numbers that are right no more.
pub(crate) fn is_ending(table: &Table) -> bool {
    table.parameters.get(MARK).is_some_and(|mark| mark == ENDING)
}

/// Notes that none has.
pub(crate) fn end(table: &mut Table) {
    table.parameters.remove(MARK);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Column;

    fn bookkeeping(columns: bool, by_partition: bool) -> Bookkeeping {
        Bookkeeping { id: "1f".into(), columns, by_partition }
    }

    fn table(keys: &[&str], mark: Option<&Bookkeeping>) -> Table {
        let keys = keys.iter().map(|key| Column::new(*key, "string")).collect();
        let mut table = Table::new("s3://lake/db/t/", vec![], keys);
        if let Some(mark) = mark {
            mark.mark(&mut table.parameters);
        }
        table
    }

    #[test]
    fn less_is_counted_after_a_commit_that_counts_less() {
        let all = bookkeeping(true, false);
        for (commit, left) in [
            (Some(all.clone()), Some(all.clone())),
            (Some(Bookkeeping { id: "2".into(), ..all.clone() }), Some(all.clone())),
            (Some(bookkeeping(false, false)), Some(bookkeeping(false, false))),
            (Some(bookkeeping(true, true)), None),
            (None, None),
        ] {
            let mut table = table(&[], Some(&all));
            assert_eq!(settle(&mut table, commit.as_ref()), left.as_ref() != Some(&all), "{commit:?}");
            assert_eq!(Bookkeeping::of(&table), left);
            // Whoever counts again does not know what was missed.
            settle(&mut table, Some(&all));
            assert_eq!(Bookkeeping::of(&table), left);
        }
    }

    #[test]
    fn numbers_go_with_the_mark_and_partitions_are_seen_to() {
        for mark in [None, Some(bookkeeping(false, false))] {
            for (keys, ending) in [(&[][..], false), (&["year"][..], true)] {
                let mut table = table(keys, mark.as_ref());
                Numbers { rows: 1, files: 1, bytes: 1 }.put(&mut table.parameters);
                assert!(settle(&mut table, None));
                assert_eq!(is_ending(&table), ending);
                end(&mut table);
                assert!(table.parameters.is_empty(), "{:?}", table.parameters);
                assert!(!settle(&mut table, None));
            }
        }
    }

    #[test]
    fn numbers_of_others_stay() {
        let mut table = table(&["year"], None);
        table.parameters.insert("numRows".into(), "3".into());
        assert!(!settle(&mut table, None));
        assert_eq!(table.parameters["numRows"], "3");
    }
}
