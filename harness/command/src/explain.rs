//! `spanproof explain`: explains a code (a reason why spans are missing or wrong), lists all codes,
//! or prints the reference of all codes.

use super::args::Explain;
use super::{Exit, output};
use crate::report;

pub(super) fn explain(args: &Explain) -> Exit {
    output::print(&match args.code {
        Some(code) => report::explanation(code),
        None if args.markdown => report::reference(),
        None => report::codes(),
    });
    Exit::Passed
}
