use std::path::Path;

use cleanzone_lake::{Error, inspect_file};
use cleanzone_tabular::Inspection;
use serde_json::json;

use crate::{args::Inspect, table};

pub(crate) fn run(arguments: &Inspect) -> Result<(), Error> {
    let inspection = inspect_file(&arguments.input, &arguments.reading.options())?;
    if arguments.json {
        println!("{}", json!(inspection));
    } else {
        print!("{}", describe(&arguments.input, &inspection));
    }
    Ok(())
}

fn describe(input: &Path, found: &Inspection) -> String {
    let dialect = &found.dialect;
    let named = |character: Option<char>| character.map_or("none".to_owned(), String::from);
    let compression = found.input.compression.map_or(String::new(), |c| format!(", {}", json!(c)).replace('"', ""));
    let mut text = format!(
        "\n  {}: {}{compression}, {}\n  delimiter {}, quote {}, escape {}, lines end with {} ({:.0} % sure)\n",
        input.display(),
        table::bytes(found.input.bytes),
        found.input.charset,
        dialect.delimiter.escape_debug(),
        named(dialect.quote),
        dialect.escape.map_or("doubled".to_owned(), String::from),
        dialect.line_end,
        dialect.certainty * 100.0,
    );
    let mut layout = vec![match dialect.header_rows {
        0 => "no header".to_owned(),
        1 => "a header".to_owned(),
        n => format!("{n} header rows"),
    }];
    if dialect.skip_lines > 0 {
        layout.push(format!("{} lines before it", dialect.skip_lines));
    }
    if let Some(comment) = dialect.comment {
        layout.push(format!("comments begin with {comment}"));
    }
    text += &format!("  {}; {} records\n\n", layout.join(", "), table::count(found.records));

    let rows: Vec<Vec<String>> = found
        .columns
        .iter()
        .map(|column| {
            let example =
                column.shape.clone().or_else(|| Some(format!("{} … {}", column.min.as_ref()?, column.max.as_ref()?)));
            vec![
                column.name.clone(),
                column.data_type.clone(),
                table::count(column.nulls),
                table::count(column.distinct),
                example.unwrap_or_default(),
            ]
        })
        .collect();
    text += &table::render(&["column", "type", "nulls", "distinct", "range or shape"], &rows, &[2, 3]);

    if found.rejected > 0 {
        text += &format!("\n  {} rejected\n", table::count(found.rejected));
        for (reason, rows) in &found.rejected_by_reason {
            text += &format!("    {}  {reason}\n", table::count(*rows));
        }
    }
    for hint in &found.hints {
        text += &format!("\n  {}\n    {}\n", hint.flag, hint.effect);
    }
    text
}
