//! `spanproof report`.

use anyhow::anyhow;

use super::args::{Format, Report};
use super::check::{ended, repeat, show};
use super::{Exit, Failure, runs, sources};
use spanproof::Day;
use spanproof::{compare_snapshots, rejudge_run};

pub(super) fn report(args: &Report) -> Result<Exit, Failure> {
    let spec = sources::spec(&args.config)?;
    let folder = match &args.evidence {
        Some(folder) => folder.clone(),
        None => runs::newest(spec.folder()).ok_or_else(|| {
            Failure::usage(anyhow!("no run was stored yet; `spanproof check` stores one"))
        })?,
    };
    let start = std::time::Instant::now();
    let ran = rejudge_run(&spec, &folder, Day::today()).map_err(Failure::usage)?;
    let snapshots = compare_snapshots(&spec, &ran.outcomes);
    let human = args.format == Format::Human;
    let human = human.then(|| (repeat(&args.config, None), start.elapsed()));
    let run = ran.document(&spec, &snapshots, Vec::new());
    show(&run, human)?;
    Ok(ended(&run.summary))
}
