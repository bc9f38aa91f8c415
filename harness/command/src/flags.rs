//! `spanproof flags`: where each flag is named, who sets it, and what it does.

use std::collections::BTreeSet;
use std::path::PathBuf;

use anyhow::anyhow;
use tokio::sync::watch;

use super::args::{Flags, Format};
use super::check::{interruptible, world_failure};
use super::mentions::Mentions;
use super::{Exit, Failure, output, runs, sources};
use crate::report;
use spanproof::{Day, Flag, ManifestFlag, RunOptions, Spec, SweepResult, World};
use spanproof_format::{FlagEffects, FlagRow, FlagTable, Sweep};
use spanproof_manifest::DiskFiles;

/// The folder for the evidence of sweeps (runs with common spellings of a flag's values), beside the spec.
const SWEEPS: &str = ".spanproof/sweeps";

pub(super) fn flags(args: &Flags) -> Result<Exit, Failure> {
    let spec = sources::spec(&args.config)?;
    let (run, effects) = last_run(args, &spec)?;
    let rows = rows(args, &spec, &effects)?;
    let swept: Vec<&str> = spec
        .flags()
        .iter()
        .filter(|flag| flag.sweeps() || (args.sweep && flag.is_switch()))
        .map(Flag::name)
        .collect();
    if swept.is_empty() {
        return print(args, &FlagTable::new(run, rows, Vec::new()));
    }
    interruptible(|cancelled| async {
        let Some(sweeps) = sweep(args, spec.clone(), &swept, cancelled).await? else {
            return Ok(Exit::Interrupted);
        };
        print(args, &FlagTable::new(run, rows, sweeps))
    })
}

fn print(args: &Flags, table: &FlagTable) -> Result<Exit, Failure> {
    output::print(&match args.format {
        Format::Human => report::flag_table(table),
        Format::Json => output::json(table)?,
    });
    let findings: usize = table.sweeps.iter().map(Sweep::findings).sum();
    Ok(if findings > 0 { Exit::Findings } else { Exit::Passed })
}

/// Reads what the flags do in a stored run. Also returns the folder of the run; `None` without one.
fn last_run(args: &Flags, spec: &Spec) -> Result<(Option<String>, Vec<FlagEffects>), Failure> {
    let folder: Option<PathBuf> = args.evidence.clone().or_else(|| runs::newest(spec.folder()));
    let Some(folder) = folder else { return Ok((None, Vec::new())) };
    let result = spanproof::rejudge_run(spec, &folder, Day::today()).map_err(Failure::usage)?;
    Ok((Some(folder.display().to_string()), result.flag_effects(spec)))
}

/// Returns the flags of the spec, then the variables that only files of the service name.
fn rows(args: &Flags, spec: &Spec, effects: &[FlagEffects]) -> Result<Vec<FlagRow>, Failure> {
    let declared: BTreeSet<&str> = spec.flags().iter().map(Flag::name).collect();
    let folders = match args.sources.as_slice() {
        [] => vec![spec.folder().to_owned()],
        folders => folders.to_vec(),
    };
    if let Some(missing) = folders.iter().find(|folder| !folder.is_dir()) {
        return Err(Failure::usage(anyhow!(
            "no folder `{}`; correct `--source`",
            missing.display()
        )));
    }
    let mentions = Mentions::search(&folders, &declared).map_err(Failure::usage)?;
    let manifests = sources::manifests(&args.manifests, None)?;
    let environments = spec.flag_settings(&DiskFiles).map_err(Failure::usage)?;
    let fixed: BTreeSet<&str> = spec.fixed_variables().chain(declared.iter().copied()).collect();
    let others = mentions.others(&fixed);
    let names = spec.flags().iter().map(|flag| (flag.name(), true));
    let rows = names.chain(others.into_iter().map(|name| (name, false))).map(|(name, declared)| {
        let places = |places: &std::collections::BTreeMap<String, Vec<String>>| {
            places.get(name).cloned().unwrap_or_default()
        };
        let mut row = FlagRow::new(name, declared);
        row.documented = places(&mentions.documented);
        row.read = places(&mentions.read);
        row.named = places(&mentions.named);
        let in_environments = environments.iter().filter(|(flag, _)| flag == name);
        let in_manifests = manifests.iter().flat_map(|manifest| {
            let process = args.process.as_deref();
            ManifestFlag::new(spec, manifest, name, process, &DiskFiles).settings(name)
        });
        row.settings = in_environments
            .map(|(_, setting)| setting.clone())
            .chain(in_manifests)
            // For a variable that the spec does not declare, only manifests that set it are shown.
            .filter(|setting| declared || (setting.known && !setting.place.is_empty()))
            .collect();
        row.effects = effects.iter().find(|effects| effects.name == name).cloned();
        row
    });
    Ok(rows.collect())
}

/// Runs the service with common spellings of flags. `None` if it was cancelled.
async fn sweep(
    args: &Flags,
    spec: Spec,
    flags: &[&str],
    mut cancelled: watch::Receiver<bool>,
) -> Result<Option<Vec<Sweep>>, Failure> {
    let folder = spec.folder().join(SWEEPS);
    let mut builder = World::new(&args.config).show_build();
    if let Some(binary) = &args.binary {
        builder = builder.binary(std::path::absolute(binary).map_err(Failure::usage)?);
    }
    let mut options = RunOptions::new(&folder, cancelled.clone());
    options.workers = args.jobs.map_or(options.workers, usize::from);
    let world = tokio::select! {
        world = builder.open_spec(spec) => world.map_err(world_failure)?,
        _ = cancelled.wait_for(|cancelled| *cancelled) => return Ok(None),
    };
    output::note(&world.server().origin().to_string());
    runs::clear_sweeps(&folder).map_err(Failure::world)?;
    let results = SweepResult::run(&world, flags, &options).await;
    let spec = world.spec().clone();
    world.close().await.map_err(Failure::world)?;
    let Some(results) = results else { return Ok(None) };
    output::note(&format!("evidence of the spellings: {}", folder.display()));
    let mut sweeps = Vec::new();
    for result in results {
        let sweep = result.document(&spec);
        for error in result.errors() {
            output::warning(&format!("a spelling of `{}` was not tried: {error}", sweep.flag));
        }
        if !sweep.rows.is_empty() {
            sweeps.push(sweep);
        }
    }
    if sweeps.is_empty() {
        return Err(Failure::world(anyhow!("no spelling of a flag could be tried")));
    }
    Ok(Some(sweeps))
}
