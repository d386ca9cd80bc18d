use cleanzone_rules::{Column, Dataset, Method, Names};

use crate::warning::{Warning, WarningKind, Warnings};

/// Columns that are warned of one by one; the others are counted.
const TOLD: usize = 20;

/// Warns of rules on columns that neither the file nor the table has.
pub(crate) fn warn(dataset: &Dataset, names: &Names, warnings: &Warnings) {
    // A personal column that is left out is gone before a file comes here.
    let gone = |column: &Column| column.pii.as_ref().is_some_and(|pii| pii.method == Method::Drop);
    let absent: Vec<&Column> = dataset.absent(names).into_iter().filter(|column| !gone(column)).collect();
    for column in absent.iter().take(TOLD) {
        warnings.add(Warning::of_column(WarningKind::AbsentColumn, &column.name, message(column, names)));
    }
    if let more @ 1.. = absent.len().saturating_sub(TOLD) {
        let message = format!("{more} more columns with rules in lake.toml are neither in the file nor in the table");
        warnings.add(Warning::new(WarningKind::AbsentColumn, message));
    }
}

fn message(column: &Column, names: &Names) -> String {
    let said = match column.said()[..] {
        [] => "has rules".to_owned(),
        ref said => format!("has rules ({})", said.join(", ")),
    };
    let meant = names.nearest(&column.name).map_or_else(String::new, |name| format!("; did you mean `{name}`?"));
    let danger = match column.pii {
        Some(_) => "; under another name, its personal data is in the table as the file has it",
        None => "",
    };
    format!("it {said} in lake.toml, and neither the file nor the table has it{danger}{meant}")
}

#[cfg(test)]
mod tests {
    use cleanzone_rules::Rules;

    use super::*;

    fn warned(rules: &str, file: &[&str]) -> Vec<Warning> {
        let dataset = Rules::parse(format!("[[dataset]]\nmatch = \"**\"\n{rules}")).unwrap().find("b", "k").dataset;
        let (mut names, warnings) = (Names::default(), Warnings::default());
        names.in_file(file.iter().copied());
        warn(&dataset, &names, &warnings);
        warnings.take().into_iter().collect()
    }

    #[test]
    fn each_column_is_warned_of_once_with_its_rules() {
        let rules = "columns.mail.pii = \"token\"\ncolumns.notes.pii = \"drop\"\ncolumns.zip = { type = \"string\", \
                     rename = \"zip_code\" }\ncolumns.state.trim = true\n";
        let found: Vec<String> = warned(rules, &["e_mail", "State"]).iter().map(ToString::to_string).collect();
        assert_eq!(
            found,
            [
                "AbsentColumn: column mail: it has rules (pii) in lake.toml, and neither the file nor the table has it; \
                 under another name, its personal data is in the table as the file has it; did you mean `e_mail`?",
                "AbsentColumn: column zip: it has rules (type, rename) in lake.toml, and neither the file nor the table \
                 has it",
            ]
        );
        assert!(warned(rules, &["mail", "zip", "state"]).is_empty());
    }

    #[test]
    fn of_many_columns_the_personal_ones_are_told_and_the_others_counted() {
        let columns: Vec<String> = (0..30).map(|i| format!("columns.a{i:02}.drop = true\n")).collect();
        let found = warned(&(columns.concat() + "columns.z.pii = \"token\"\n"), &["x"]);
        assert_eq!(found.len(), 21);
        assert!(found.iter().any(|warning| warning.column.as_deref() == Some("z")));
        assert!(found.iter().any(|warning| warning.message.starts_with("11 more columns")));
    }
}
