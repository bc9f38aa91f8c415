//! `spanproof diagnose`: explains missing spans in an existing system.

use super::args::{Diagnose, Format};
use super::{Exit, Failure, output, runtime, sources};
use crate::report;
use spanproof::Rows;
use spanproof::diagnose as judge;
use spanproof_format::{JobDiagnosis, Verdict};

pub(super) fn diagnose(args: &Diagnose) -> Result<Exit, Failure> {
    let spec = sources::spec_with_jobs(&args.system.config)?;
    let runtime = runtime()?;
    let observation = runtime.block_on(sources::observe(&args.system, &spec, "diagnose"))?;
    if let Rows::Found(jobs) = &observation.tables.jobs
        && jobs.is_empty()
    {
        let text =
            format!("no selected job in `{}`, so there is nothing to diagnose", spec.job_table());
        return Err(Failure { exit: Exit::Nothing, text });
    }
    let document = judge(&spec, &observation);
    output::print(&match args.format {
        Format::Human => report::diagnosis(&document, args.plans),
        Format::Json => output::json(&document)?,
    });
    let passes = |diagnosis: &JobDiagnosis| diagnosis.judgement.verdict == Verdict::Pass;
    let passed = document.diagnoses.iter().all(passes);
    Ok(if passed { Exit::Passed } else { Exit::Findings })
}
