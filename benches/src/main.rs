//! `generate KIND BYTES`: writes a text to measure with to standard output.

use std::{
    env,
    io::{self, BufWriter},
    process::ExitCode,
};

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [kind, bytes] = &arguments[..] else {
        eprintln!("usage: generate KIND BYTES");
        return ExitCode::FAILURE;
    };
    let (kind, bytes) = match (kind.parse(), bytes.parse()) {
        (Ok(kind), Ok(bytes)) => (kind, bytes),
        (Err(expected), _) => {
            eprintln!("error: {kind}: {expected}");
            return ExitCode::FAILURE;
        }
        (_, Err(error)) => {
            eprintln!("error: {bytes}: {error}");
            return ExitCode::FAILURE;
        }
    };
    match cleanzone_benches::write(kind, bytes, &mut BufWriter::with_capacity(1 << 20, io::stdout().lock())) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
