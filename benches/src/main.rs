//! `generate KIND BYTES`, `generate people ROWS PEOPLE SEED`: writes a text to measure with to standard output.

use std::{
    env,
    io::{self, BufWriter},
    process::ExitCode,
};

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let mut out = BufWriter::with_capacity(1 << 20, io::stdout().lock());
    let number = |text: &str| text.parse().map_err(|error| format!("{text}: {error}"));
    let made = match &arguments[..] {
        ["people", rows, people, seed] => (|| {
            let (rows, people, seed) = (number(rows)?, number(people)?, number(seed)?);
            cleanzone_benches::write_people(rows, people, seed, &mut out).map_err(|error| error.to_string())
        })(),
        [kind, bytes] => (|| {
            let (kind, bytes) = (kind.parse().map_err(|expected| format!("{kind}: {expected}"))?, number(bytes)?);
            cleanzone_benches::write(kind, bytes, &mut out).map_err(|error| error.to_string())
        })(),
        _ => Err("usage: generate KIND BYTES | generate people ROWS PEOPLE SEED".to_owned()),
    };
    match made {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
