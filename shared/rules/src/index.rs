//! Which datasets an object may belong to, without a look at all of them.

use std::collections::HashMap;

use crate::glob::{Glob, Pairs};

/// The globs of all datasets, by the text that every match begins with.
#[derive(Clone, Debug, Default)]
pub(crate) struct Index {
    by_prefix: HashMap<String, Vec<Candidate>>,
    /// How long the prefixes are, in bytes; each once.
    lengths: Vec<usize>,
}

#[derive(Clone, Copy, Debug)]
struct Candidate {
    /// The dataset's place among all.
    dataset: u32,
    /// What its glob needs.
    needs: Pairs,
}

impl Index {
    /// An index of the globs of each dataset, in the order of the datasets.
    pub(crate) fn new<'g>(datasets: impl Iterator<Item = &'g [Glob]>) -> Self {
        let mut by_prefix: HashMap<String, Vec<Candidate>> = HashMap::new();
        for (dataset, globs) in (0..).zip(datasets) {
            for glob in globs {
                let candidate = Candidate { dataset, needs: glob.needs() };
                match by_prefix.get_mut(glob.prefix()) {
                    Some(list) => list.push(candidate),
                    None => drop(by_prefix.insert(glob.prefix().to_owned(), vec![candidate])),
                }
            }
        }
        let mut lengths: Vec<usize> = by_prefix.keys().map(String::len).collect();
        lengths.sort_unstable();
        lengths.dedup();
        Self { by_prefix, lengths }
    }

    /// The places of all datasets of which a glob may match a key, in their order.
    pub(crate) fn candidates(&self, key: &str) -> Vec<usize> {
        let has = Pairs::of(key);
        let prefixes = self.lengths.iter().map_while(|length| (*length <= key.len()).then(|| key.get(..*length)));
        let lists = prefixes.flatten().filter_map(|prefix| self.by_prefix.get(prefix));
        let possible = lists.flatten().filter(|candidate| candidate.needs.are_among(has));
        let mut found: Vec<usize> = possible.filter_map(|candidate| usize::try_from(candidate.dataset).ok()).collect();
        found.sort_unstable();
        found.dedup();
        found
    }
}
