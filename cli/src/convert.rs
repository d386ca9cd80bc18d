use std::{
    fs,
    io::{IsTerminal, stderr, stdout},
    thread,
    time::{Duration, Instant},
};

use cleanzone_lake::{Content, Error, LocalReport, Progress, convert_file};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use crate::{args::Convert, table};

pub(crate) fn run(arguments: &Convert) -> Result<(), Error> {
    let begun = Instant::now();
    let settings = arguments.settings()?;
    let progress = Progress::default();
    let bar = bar(arguments, &progress);
    let result = convert_file(&arguments.input, &arguments.output, &settings, &progress);
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
    let report = result?;
    if arguments.json {
        print_json(&report, begun.elapsed());
    } else {
        print_table(arguments, &report.content, report.bytes_out, begun.elapsed());
    }
    for warning in &report.warnings {
        eprintln!("warning[{}]: {}", warning.kind, warning.finding());
    }
    Ok(())
}

/// A progress bar that follows the bytes read, where somebody is there to look at it.
fn bar(arguments: &Convert, progress: &Progress) -> Option<ProgressBar> {
    if arguments.json || !stderr().is_terminal() {
        return None;
    }
    let size = fs::metadata(&arguments.input).ok()?.len();
    let style = ProgressStyle::with_template("{bar:40.cyan} {bytes}/{total_bytes} {bytes_per_sec} {eta}").ok()?;
    let bar = ProgressBar::new(size).with_style(style);
    let (shown, progress) = (bar.downgrade(), progress.clone());
    thread::spawn(move || {
        while let Some(bar) = shown.upgrade().filter(|bar| !bar.is_finished()) {
            bar.set_position(progress.bytes());
            thread::sleep(Duration::from_millis(50));
        }
    });
    Some(bar)
}

fn print_json(report: &LocalReport, took: Duration) {
    let mut report = json!(report);
    report["duration_ms"] = json!(took.as_millis());
    println!("{report}");
}

fn print_table(arguments: &Convert, content: &Content, bytes_out: u64, took: Duration) {
    let rows: Vec<Vec<String>> = content
        .columns
        .iter()
        .map(|column| {
            let renamed = if column.name == column.source_name { "" } else { &*column.source_name };
            vec![column.name.clone(), column.hive_type.clone(), table::count(column.nulls), renamed.to_owned()]
        })
        .collect();
    if stdout().is_terminal() || !rows.is_empty() {
        print!("{}", table::render(&["column", "type", "nulls", "in the file"], &rows, &[2]));
    }
    println!(
        "\n  {} rows, {} rejected, {} → {} in {:.2} s: {}",
        table::count(content.rows),
        table::count(content.rejected),
        table::bytes(content.bytes_in),
        table::bytes(bytes_out),
        took.as_secs_f64(),
        arguments.output.display(),
    );
    let of = content.lines;
    for (lines, what) in [
        (of.preamble, "before the header"),
        (of.comment, "of comments"),
        (of.footer, "about the rows"),
        (of.blank, "blank"),
    ] {
        if lines > 0 {
            println!("  {} lines {what}", table::count(lines));
        }
    }
    for (reason, rows) in &content.rejected_by_reason {
        println!("  {} rejected: {reason}", table::count(*rows));
    }
    if content.wrong_sequences > 0 {
        println!(
            "  {} byte sequences are wrong in {}; the rows that hold them are among the rejected",
            content.wrong_sequences, content.encoding
        );
    }
}
