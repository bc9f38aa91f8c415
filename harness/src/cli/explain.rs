//! `spanproof explain`.

use super::args::Explain;
use super::{Exit, output};
use crate::verdict::Code;

pub(super) fn explain(args: &Explain) -> Exit {
    let text = match args.code {
        Some(code) => {
            let (stage, meaning, remedy) = (code.stage(), code.meaning(), code.remedy());
            let stage = format!("{stage:?}").to_lowercase();
            format!("{code}\n  stage:   {stage}\n  means:   {meaning}\n  to do:   {remedy}\n")
        }
        None => Code::ALL.iter().map(|code| format!("{code:<28}{}\n", code.meaning())).collect(),
    };
    output::print(&text);
    Exit::Passed
}
