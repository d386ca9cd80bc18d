use std::{fmt, path::Path};

use arrow::{
    array::{AsArray, RecordBatch},
    datatypes::SchemaRef,
};
use cleanzone_lake::{Error, inspect_file, read_file};
use cleanzone_pii::{Detector, Finding};
use cleanzone_tabular::{
    BadRows, Column, InspectedColumn, InspectedDialect, Inspection, Layout, Options, RejectedRow, Sink, SinkError,
};
use serde_json::json;

use crate::{args::Inspect, table};

pub(crate) fn run(arguments: &Inspect) -> Result<(), Error> {
    let settings = arguments.reading.settings(&arguments.input)?;
    let inspection = inspect_file(&arguments.input, &settings)?;
    let personal =
        if arguments.pii { Some(personal(&arguments.input, settings.read, arguments.pii_threshold)?) } else { None };
    if arguments.json {
        let mut found = json!(inspection);
        if let Some(personal) = &personal {
            found["pii"] = json!(personal);
        }
        println!("{found}");
    } else {
        print!("{}", Described { input: &arguments.input, found: &inspection });
        if let Some(personal) = &personal {
            print!("{}", findings(personal));
        }
    }
    Ok(())
}

/// Reads a file once more, as text, for the columns of personal data.
fn personal(input: &Path, options: Options, threshold: f64) -> Result<Vec<Finding>, Error> {
    let options = Options { all_strings: true, bad_rows: BadRows::Quarantine, max_rejected_ratio: 1.0, ..options };
    let mut sink = Detecting(Detector::new([""; 0], cleanzone_pii::Settings::default()));
    read_file(input, &options, &mut sink)?;
    Ok(sink.0.findings(threshold))
}

/// Shows every value to a detector.
struct Detecting(Detector);

impl Sink for Detecting {
    fn begin(&mut self, _: &SchemaRef, columns: &[Column]) -> Result<(), SinkError> {
        let header = |column: &Column| match column.source_name.as_str() {
            "" => column.name.clone(),
            name => name.to_owned(),
        };
        self.0 = Detector::new(columns.iter().map(header), cleanzone_pii::Settings::default());
        Ok(())
    }

    fn batch(&mut self, batch: RecordBatch) -> Result<(), SinkError> {
        for (position, column) in batch.columns().iter().enumerate() {
            if let Some(texts) = column.as_string_opt::<i32>() {
                self.0.observe(position, texts.iter().flatten());
            }
        }
        Ok(())
    }

    fn rejected(&mut self, _: &RejectedRow<'_>) -> Result<(), SinkError> {
        Ok(())
    }
}

fn findings(findings: &[Finding]) -> String {
    if findings.is_empty() {
        return "\n  no personal data found\n".to_owned();
    }
    let percent = |share: f64| format!("{:.0} %", share * 100.0);
    let rows: Vec<Vec<String>> = findings
        .iter()
        .map(|found| {
            vec![
                found.column.clone(),
                found.kind.to_string(),
                percent(found.share),
                percent(found.certainty),
                json!(found.by).as_str().unwrap_or_default().to_owned(),
            ]
        })
        .collect();
    format!("\n{}", table::render(&["column", "personal data", "of values", "sure", "by"], &rows, &[2, 3]))
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
        "  {}, quote {}, escape {}, lines end with {} ({:.0} % sure)",
        match &dialect.layout {
            Some(Layout::Blanks) => "fields apart by runs of blanks".to_owned(),
            Some(Layout::Widths(widths)) => {
                let widths: Vec<_> = widths.iter().map(u32::to_string).collect();
                format!("widths {}", widths.join(","))
            }
            None if dialect.delimiter.is_empty() => "delimiter none".to_owned(),
            None => format!("delimiter {}", dialect.delimiter.escape_debug()),
        },
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn personal_columns_are_shown_without_their_values() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("users.csv");
        std::fs::write(&path, "id,contact,zip\n1,ann@example.org,01234\n2,bob@example.org,24034\n3,,\n").unwrap();
        let found = personal(&path, Options::default(), 0.5).unwrap();
        assert_eq!(found.iter().map(|f| f.kind.as_str()).collect::<Vec<_>>(), ["email", "postal_code"]);
        let shown = format!("{}{}", findings(&found), json!(found));
        assert!(shown.contains("contact") && !shown.contains("ann@") && !shown.contains("24034"), "{shown}");
        assert_eq!(findings(&[]), "\n  no personal data found\n");
    }
}
