//! The program `runner`.

use std::process::ExitCode;

fn main() -> ExitCode {
    // The default assembly builds the runner of production. Tests replace some of its parts.
    runner::run(&runner::Assembly::default())
}
