//! `cleanzone`: the conversion of the lake, on local files.

mod against;
mod args;
mod check;
mod convert;
mod inspect;
mod table;

use std::process::ExitCode;

use clap::Parser;
use cleanzone_allocator::{Limit, limit};
use cleanzone_error::{Fault, chain};

use args::{Arguments, Command};

/// Without them, a file of 10 GB took 20 MiB more than one of 1 GB.
const LIMITS: [(Limit, i32); 1] = [(Limit::Kept, 1 << 20)];

fn main() -> ExitCode {
    limit(&LIMITS);
    let result = match Arguments::parse().command {
        Command::Convert(arguments) => convert::run(&arguments),
        Command::Inspect(arguments) => inspect::run(&arguments),
        Command::Check(arguments) => return check::run(&arguments),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error[{}]: {}", error.name(), chain(&error));
            ExitCode::FAILURE
        }
    }
}
