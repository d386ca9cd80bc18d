use std::collections::BTreeSet;

use crate::{Column, Dataset, name::column_key, suggest::nearest};

/// The names that columns have in a file and in its table.
#[derive(Clone, Debug, Default)]
pub struct Names {
    file: BTreeSet<String>,
    table: BTreeSet<String>,
}

impl Names {
    /// Adds columns of a file, by their names there.
    pub fn in_file<'n>(&mut self, names: impl IntoIterator<Item = &'n str>) {
        self.file.extend(names.into_iter().map(column_key));
    }

    /// Adds columns and partition keys of a table.
    pub fn in_table<'n>(&mut self, names: impl IntoIterator<Item = &'n str>) {
        self.table.extend(names.into_iter().map(column_key));
    }

    /// The name that one which no column has was probably meant to be.
    pub fn nearest(&self, name: &str) -> Option<&str> {
        nearest(&column_key(name), self.file.union(&self.table).map(String::as_str))
    }

    fn have(&self, key: &str, column: &Column) -> bool {
        let in_table = |name: &str| self.table.contains(name);
        self.file.contains(key) || in_table(key) || column.rename.as_deref().is_some_and(in_table)
    }
}

impl Dataset {
    /// The columns with rules of their own that are neither in the file nor in the table. Those with personal data come
    /// first: under another name, such a column is in the clear.
    pub fn absent(&self, names: &Names) -> Vec<&Column> {
        let absent = self.columns.iter().filter(|(key, column)| !names.have(key, column));
        let mut absent: Vec<&Column> = absent.map(|(_, column)| column.as_ref()).collect();
        absent.sort_by_key(|column| column.pii.is_none());
        absent
    }
}

impl Column {
    /// The rules that are its own, as `lake.toml` calls them.
    pub fn said(&self) -> Vec<&'static str> {
        let all = [
            ("pii", self.pii.is_some()),
            ("type", self.data_type.is_some()),
            ("rename", self.rename.is_some()),
            ("drop", self.drop),
            ("map", !self.map.is_empty()),
            ("on_misfit", self.on_misfit.is_some()),
            ("comment", self.comment.is_some()),
        ];
        all.into_iter().filter_map(|(name, given)| given.then_some(name)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Rules;

    #[test]
    fn a_column_is_found_by_its_names_in_file_and_table() {
        let rules = "[[dataset]]\nmatch = \"**\"\n[dataset.columns]\n\"Prénom\" = { drop = true }\nplz = { rename = \"zip\" }\n\
                     mail.pii = \"token\"\nage.type = \"int\"\n\"日本\".type = \"string\"\n";
        let dataset = Rules::parse(rules).map(|rules| rules.find("b", "k").dataset);
        let absent = |file: &[&str], table: &[&str]| {
            let mut names = Names::default();
            names.in_file(file.iter().copied());
            names.in_table(table.iter().copied());
            dataset.as_ref().unwrap().absent(&names).iter().map(|column| column.name.as_str()).collect::<Vec<_>>()
        };
        assert_eq!(absent(&[], &[]), ["mail", "age", "plz", "Prénom", "日本"]);
        assert_eq!(absent(&["PRENOM ", "Mail", "PLZ"], &["age"]), ["日本"]);
        assert_eq!(absent(&["日本", "zip"], &["zip", "mail"]), ["age", "Prénom"]);
    }

    #[test]
    fn the_nearest_name_is_told() {
        let mut names = Names::default();
        names.in_file(["E-Mail", "zip"]);
        assert_eq!((names.nearest("email"), names.nearest("birthday")), (Some("e_mail"), None));
    }
}
