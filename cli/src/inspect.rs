use std::{fmt, path::Path};

use cleanzone_lake::{Error, inspect_file};
use cleanzone_tabular::{InspectedColumn, InspectedDialect, Inspection};
use serde_json::json;

use crate::{args::Inspect, table};

pub(crate) fn run(arguments: &Inspect) -> Result<(), Error> {
    let inspection = inspect_file(&arguments.input, &arguments.reading.settings(&arguments.input)?)?;
    if arguments.json {
        println!("{}", json!(inspection));
    } else {
        print!("{}", Described { input: &arguments.input, found: &inspection });
    }
    Ok(())
}

/// What was found, for people.
struct Described<'a> {
    input: &'a Path,
    found: &'a Inspection,
}

impl fmt::Display for Described<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { input, found } = self;
        let facts = &found.input;
        write!(f, "\n  {}: {}", input.display(), table::bytes(facts.bytes))?;
        if let Some(compression) = facts.compression {
            write!(f, ", {compression}")?;
        }
        writeln!(f, ", {}", facts.charset)?;
        dialect(f, &found.dialect)?;
        writeln!(f, "; {} records\n", table::count(found.records))?;
        f.write_str(&columns(&found.columns))?;
        if found.rejected > 0 {
            writeln!(f, "\n  {} rejected", table::count(found.rejected))?;
            for (reason, rows) in &found.rejected_by_reason {
                writeln!(f, "    {}  {reason}", table::count(*rows))?;
            }
        }
        for hint in &found.hints {
            writeln!(f, "\n  {}\n    {}", hint.flag, hint.effect)?;
        }
        Ok(())
    }
}

fn dialect(f: &mut fmt::Formatter<'_>, dialect: &InspectedDialect) -> fmt::Result {
    let named = |character: Option<char>, none: &str| character.map_or(none.to_owned(), String::from);
    writeln!(
        f,
        "  delimiter {}, quote {}, escape {}, lines end with {} ({:.0} % sure)",
        if dialect.delimiter.is_empty() { "none".to_owned() } else { dialect.delimiter.escape_debug().to_string() },
        named(dialect.quote, "none"),
        named(dialect.escape, "doubled"),
        dialect.line_end,
        dialect.certainty * 100.0,
    )?;
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
    write!(f, "  {}", layout.join(", "))
}

fn columns(columns: &[InspectedColumn]) -> String {
    let rows: Vec<Vec<String>> = columns
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
    table::render(&["column", "type", "nulls", "distinct", "range or shape"], &rows, &[2, 3])
}
