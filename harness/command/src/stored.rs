//! `spanproof report`: judges the stored evidence of a run again. The evidence of a run is the
//! folder that `check` wrote.

use anyhow::anyhow;

use super::args::{Format, Report};
use super::check::{exit_code, repeat_command, report_text};
use super::{Exit, Failure, output, runs, sources};
use spanproof::Day;
use spanproof::{compare_snapshots, rejudge_run};

pub(super) fn report(args: &Report) -> Result<Exit, Failure> {
    let spec = sources::spec(&args.config)?;
    let folder = match &args.evidence {
        Some(folder) => folder.clone(),
        None => runs::newest(spec.folder()).ok_or_else(|| {
            Failure::usage(anyhow!("no stored run; `spanproof check` stores one"))
        })?,
    };
    let start = std::time::Instant::now();
    let result = rejudge_run(&spec, &folder, Day::today()).map_err(Failure::usage)?;
    let snapshots = compare_snapshots(&spec, &result.cases);
    let run = result.document(&spec, &snapshots, Vec::new());
    match args.format {
        Format::Human => {
            let repeat = repeat_command(&args.config, None);
            output::print(&report_text(&run, &repeat, start.elapsed()));
        }
        Format::Json => output::print(&output::json(&run)?),
    }
    Ok(exit_code(&run.summary))
}
