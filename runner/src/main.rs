//! The program `runner`.

use std::process::ExitCode;

fn main() -> ExitCode {
    // The default assembly builds the production runner. Tests replace some of its parts.
    runner::run(&runner::Assembly::default())
}
