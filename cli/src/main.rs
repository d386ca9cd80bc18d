//! `cleanzone`: the conversion of the lake, on local files.

mod args;
mod check;
mod convert;
mod inspect;
mod memory;
mod table;

use std::process::ExitCode;

use clap::Parser;
use cleanzone_error::{Fault, chain};

use args::{Arguments, Command};

fn main() -> ExitCode {
    memory::hand_back_early();
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
