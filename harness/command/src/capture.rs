//! `spanproof capture`: saves a case of a run, or a job of an existing system, as an incident file.
//! A case is one combination of flags and other inputs with which `check` started the service.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::anyhow;

use super::args::{Capture, with_suggestion};
use super::sources::{self, Inputs};
use super::{Exit, Failure, output, runs, runtime};
use spanproof::Observation;
use spanproof::Spec;
use spanproof::{IncidentError, Masking, capture_case, capture_deployment};

pub(super) fn capture(args: &Capture) -> Result<Exit, Failure> {
    let config = &args.system.config;
    let read = if args.case.is_some() { sources::spec } else { sources::spec_with_jobs };
    let spec = read(config)?;
    let masking = Masking::new(args.mask.as_deref()).map_err(incident_failure)?;
    let masking = masking.keep_contents(args.with_contents);
    match &args.case {
        Some(id) => write_case(args, &spec, id, masking),
        None => write_job(args, &spec, masking),
    }
}

/// Captures a case of a stored run.
fn write_case(
    args: &Capture,
    spec: &Spec,
    id: &str,
    mut masking: Masking,
) -> Result<Exit, Failure> {
    let run = match &args.run {
        Some(folder) => folder.clone(),
        None => runs::newest(spec.folder()).ok_or_else(|| {
            Failure::usage(anyhow!("no stored run; `spanproof check` stores one"))
        })?,
    };
    let observation = read_case(&run, id)?;
    let path = output_path(args, &observation.case.id);
    let path = capture_case(spec, &observation, &mut masking, &path).map_err(incident_failure)?;
    print_summary(args, &path, &masking);
    Ok(Exit::Passed)
}

/// Reads the evidence of the only case with this id or id prefix.
fn read_case(run: &Path, id: &str) -> Result<Observation, Failure> {
    let folders = spanproof::list_evidence(run).map_err(Failure::usage)?;
    let matches = |folder: &&PathBuf| {
        folder.file_name().is_some_and(|name| name.to_string_lossy().starts_with(id))
    };
    let found: Vec<_> = folders.iter().filter(matches).collect();
    match found.as_slice() {
        [one] => spanproof::read_evidence(one).map_err(Failure::usage),
        [] => Err(Failure {
            exit: Exit::Nothing,
            text: format!("no case with id `{id}` in the run `{}`", run.display()),
        }),
        many => {
            let text = format!("`{id}` matches {} cases; use more digits of the id", many.len());
            Err(Failure { exit: Exit::Nothing, text })
        }
    }
}

/// Captures one job of an existing system.
fn write_job(args: &Capture, spec: &Spec, mut masking: Masking) -> Result<Exit, Failure> {
    if args.system.jobs.len() > 1 {
        return Err(Failure::usage(anyhow!("an incident has one job; use `--job` once")));
    }
    let runtime = runtime()?;
    let job = args.system.jobs.first().map_or("newest", String::as_str);
    let path = output_path(args, job);
    let path = runtime.block_on(async {
        let mut inputs = Inputs::open(&args.system, spec, "capture").await?;
        inputs.selection.last = 1;
        let selection = inputs.selection.clone();
        let system = inputs.existing_system(spec, &selection);
        let captured = capture_deployment(system, &mut masking, &path).await;
        inputs.close().await;
        captured.map_err(|error| {
            if path.exists() && !matches!(error, IncidentError::File { .. }) {
                output::note(&format!("an incomplete incident is in {}", path.display()));
            }
            incident_failure(error)
        })
    })?;
    print_summary(args, &path, &masking);
    Ok(Exit::Passed)
}

/// Returns the path of the incident file: the argument `--output`, or a path that contains `name`.
/// `name` is the id of the case, the argument `--job`, or `newest`.
fn output_path(args: &Capture, name: &str) -> PathBuf {
    let replaced = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' };
    let name: String = name.chars().map(replaced).take(64).collect();
    args.output.clone().unwrap_or_else(|| format!("incident-{name}.jsonl").into())
}

/// Prints the path of the incident file, and how many values are masked there.
fn print_summary(args: &Capture, path: &Path, masking: &Masking) {
    let mut text = format!("{}\n", path.display());
    for masked in masking.counts() {
        let _infallible =
            writeln!(text, "  masked: {}: {} x {}", masked.place, masked.count, masked.what);
    }
    output::print(&text);
    if !args.with_contents {
        output::note("inputs and outputs of jobs are masked; `--with-contents` keeps them");
    }
}

/// Converts an error to an exit code and a message. The code is [`Exit::World`] if Postgres or the
/// service did not start.
pub(super) fn incident_failure(error: IncidentError) -> Failure {
    match error {
        IncidentError::Deployment(error) => sources::deployment_failure(error),
        IncidentError::World(error) if !error.is_usage() => Failure::world(error),
        IncidentError::Code(error) => Failure::usage(anyhow!("{}", with_suggestion(&error))),
        error => {
            let hint = hint(&error);
            Failure::usage(anyhow::Error::new(error)).with_hint(hint)
        }
    }
}

/// Returns the arguments that resolve an error; empty if there are none.
fn hint(error: &IncidentError) -> &'static str {
    match error {
        IncidentError::Edited { .. } => "`--edited` accepts the change",
        IncidentError::SpecMismatch(_) => "`--config FILE` selects another spec",
        IncidentError::Ambiguous(_) => "use `--route NAME` and `--upstream NAME`",
        IncidentError::NotReproduced(_) => "`--adopt=pass` needs no reproduction",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_incidents_name_the_arguments_that_help() {
        let unknown = spanproof_format::UnknownCode("unliked".into());
        let rows = [
            (IncidentError::Edited { path: "x".into() }, "(`--edited` accepts the change)"),
            (
                IncidentError::SpecMismatch("the spec differs".into()),
                "the spec differs (`--config FILE` selects another spec)",
            ),
            (
                IncidentError::Ambiguous("say more".into()),
                "say more (use `--route NAME` and `--upstream NAME`)",
            ),
            (
                IncidentError::NotReproduced("not seen".into()),
                "not seen (`--adopt=pass` needs no reproduction)",
            ),
            (
                unknown.into(),
                "`unliked`; did you mean `unlinked`?; `spanproof explain` lists all codes",
            ),
        ];
        for (error, expected) in rows {
            let Failure { exit, text } = incident_failure(error);
            assert!(
                exit == Exit::Usage && text.ends_with(expected),
                "expected {expected}\nfound {text}"
            );
        }
    }
}
