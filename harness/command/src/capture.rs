//! `spanproof capture`.

use std::path::{Path, PathBuf};

use anyhow::anyhow;

use super::args::{Capture, with_codes};
use super::sources::{self, Opened};
use super::{Exit, Failure, output, runs, runtime};
use spanproof::Observation;
use spanproof::Spec;
use spanproof::{IncidentError, Masking, capture_case, capture_deployment};

pub(super) fn capture(args: &Capture) -> Result<Exit, Failure> {
    let spec = sources::spec(&args.there.config)?;
    let masking = Masking::new(args.mask.as_deref(), args.with_contents).map_err(failure)?;
    match &args.case {
        Some(id) => case(args, &spec, id, masking),
        None => deployment(args, &spec, masking),
    }
}

/// Captures a case of a run that is stored.
fn case(args: &Capture, spec: &Spec, id: &str, mut masking: Masking) -> Result<Exit, Failure> {
    let run = match &args.run {
        Some(folder) => folder.clone(),
        None => runs::newest(spec.folder()).ok_or_else(|| {
            Failure::usage(anyhow!("no run was stored yet; `spanproof check` stores one"))
        })?,
    };
    let observation = stored(&run, id)?;
    let path = target(args, &observation.case.id);
    let path = capture_case(spec, &observation, &mut masking, &path).map_err(failure)?;
    told(args, &path, &masking);
    Ok(Exit::Passed)
}

/// The evidence of the one case whose id begins so.
fn stored(run: &Path, id: &str) -> Result<Observation, Failure> {
    let folders = spanproof::list_evidence(run).map_err(Failure::usage)?;
    let named = |folder: &&PathBuf| {
        folder.file_name().is_some_and(|name| name.to_string_lossy().starts_with(id))
    };
    let found: Vec<_> = folders.iter().filter(named).collect();
    match found.as_slice() {
        [one] => spanproof::read_evidence(one).map_err(Failure::usage),
        [] => Err(Failure {
            exit: Exit::Nothing,
            text: format!("no case of the run `{}` has the id `{id}`", run.display()),
        }),
        many => {
            let text = format!("`{id}` is the beginning of {} ids; give more digits", many.len());
            Err(Failure { exit: Exit::Nothing, text })
        }
    }
}

/// Captures one job of a system that is there.
fn deployment(args: &Capture, spec: &Spec, mut masking: Masking) -> Result<Exit, Failure> {
    if args.there.jobs.len() > 1 {
        return Err(Failure::usage(anyhow!("an incident is of one job; give `--job` once")));
    }
    let runtime = runtime()?;
    let job = args.there.jobs.first().map_or("newest", String::as_str);
    let path = target(args, job);
    let path = runtime.block_on(async {
        let mut opened = Opened::open(&args.there, spec, "capture").await?;
        opened.subject.last = 1;
        let subject = opened.subject.clone();
        let existing = opened.existing(spec, &subject);
        let written = capture_deployment(existing, &mut masking, &path).await;
        opened.close().await;
        written.map_err(|error| {
            if path.exists() && !matches!(error, IncidentError::File { .. }) {
                output::note(&format!("what was read until then is in {}", path.display()));
            }
            failure(error)
        })
    })?;
    told(args, &path, &masking);
    Ok(Exit::Passed)
}

/// The file to write.
fn target(args: &Capture, name: &str) -> PathBuf {
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' };
    let name: String = name.chars().map(plain).take(64).collect();
    args.output.clone().unwrap_or_else(|| format!("incident-{name}.jsonl").into())
}

/// Says what was written, and what is not in it.
fn told(args: &Capture, path: &Path, masking: &Masking) {
    let mut text = format!("{}\n", path.display());
    for masked in masking.account() {
        text.push_str(&format_masked(&masked.place, &masked.what, masked.count));
    }
    output::print(&text);
    if !args.with_contents {
        output::note("what jobs are given and give is masked; `--with-contents` keeps it");
    }
}

fn format_masked(place: &str, what: &str, count: usize) -> String {
    format!("  masked: {place}: {count} x {what}\n")
}

/// What can't be reached is the world's fault.
pub(super) fn failure(error: IncidentError) -> Failure {
    match error {
        IncidentError::Deployment(error) => sources::refused(error),
        IncidentError::World(error) if !error.is_usage() => Failure::world(error),
        IncidentError::Code(error) => Failure::usage(anyhow!("{}", with_codes(&error))),
        error => {
            let flags = flags(&error);
            Failure::usage(anyhow::Error::new(error)).with(flags)
        }
    }
}

/// The flags that help.
fn flags(error: &IncidentError) -> &'static str {
    match error {
        IncidentError::Edited { .. } => "`--edited` accepts it",
        IncidentError::Unfit(_) => "`--config`",
        IncidentError::Ambiguous(_) => "`--route`, `--upstream`",
        IncidentError::Unseen(_) => "`--adopt=pass`",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_of_an_incident_names_the_flags_that_help() {
        let unknown = spanproof_format::UnknownCode("unliked".into());
        let rows = [
            (IncidentError::Edited { path: "x".into() }, "(`--edited` accepts it)"),
            (IncidentError::Unfit("the spec differs".into()), "the spec differs (`--config`)"),
            (IncidentError::Ambiguous("say more".into()), "say more (`--route`, `--upstream`)"),
            (IncidentError::Unseen("not seen".into()), "not seen (`--adopt=pass`)"),
            (unknown.into(), "`unliked`; did you mean `unlinked`?; `spanproof explain` lists them"),
        ];
        for (error, expected) in rows {
            let Failure { exit, text } = failure(error);
            assert!(
                exit == Exit::Usage && text.ends_with(expected),
                "expected {expected}\nfound {text}"
            );
        }
    }
}
