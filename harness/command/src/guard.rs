//! `spanproof guard`: compares the flags in deploy manifests with the proof, the file in which `check` writes
//! what each value of each flag does.

use std::path::Path;

use super::args::{Check, Format, Guard};
use super::git::GitFiles;
use super::{Exit, Failure, check, deployed, output, proof, sources};
use crate::report;
use spanproof::{DeployedCase, GuardBase, GuardError, GuardInput, Spec};
use spanproof_format::{FlagProof, Guard as Document};
use spanproof_manifest::DiskFiles;

pub(super) fn guard(args: &Guard) -> Result<Exit, Failure> {
    let spec = sources::spec(&args.config)?;
    let file = proof::path(&args.config);
    let git = args.base.as_deref().map(GitFiles::open).transpose().map_err(Failure::usage)?;
    let base = args.base.as_deref().zip(git.as_ref());
    let base = base.map(|(name, git)| read_base(name, git, &args.config)).transpose()?;
    let (exit, found) =
        if args.run { run(args, &spec)? } else { (Exit::Passed, proof::read(&file)?) };
    if args.run && found.is_none() {
        output::error("nothing was compared, because the run did not pass and proves nothing");
        return Ok(exit);
    }
    let input = GuardInput {
        spec: &spec,
        files: &DiskFiles,
        proof: found.as_ref(),
        proof_file: if args.run { "this run".into() } else { file.display().to_string() },
        base: base.as_ref(),
    };
    let document = input.compare().map_err(deployed::failure)?;
    output::print(&match args.format {
        Format::Human => report::guard(&document),
        Format::Json => output::json(&document)?,
    });
    Ok(match exit {
        Exit::Passed => exit_code(&document),
        // The result of the run is more severe.
        exit => exit,
    })
}

/// Returns the exit code of the most severe result.
fn exit_code(document: &Document) -> Exit {
    if document.disabled + document.enabled > 0 {
        Exit::Findings
    } else if document.compared == 0 {
        Exit::Nothing
    } else if document.ok < document.compared {
        Exit::Unproven
    } else {
        Exit::Passed
    }
}

/// Runs all cases, and a case for each environment whose values are known. Returns the exit code of the run,
/// and what the run proves about the flags; `None` if it did not pass.
fn run(args: &Guard, spec: &Spec) -> Result<(Exit, Option<FlagProof>), Failure> {
    let mut environments = Vec::new();
    for name in spec.environments() {
        match DeployedCase::read(spec, name, &DiskFiles) {
            Ok(_) => environments.push(name.to_owned()),
            Err(error @ GuardError::NotKnown { .. }) => output::warning(&error.to_string()),
            Err(error) => return Err(deployed::failure(error)),
        }
    }
    let outcome = check::execute(&Check::for_environments(args, environments), true)?;
    Ok((outcome.exit, outcome.proof))
}

/// Reads the spec and the proof of another commit.
fn read_base<'a>(name: &str, git: &'a GitFiles, config: &Path) -> Result<GuardBase<'a>, Failure> {
    let text = git.text(config);
    if text.is_none() {
        output::note(&format!("`{name}` has no `{}`", config.display()));
    }
    let spec = text.map(|text| Spec::parse(config, text)).transpose().map_err(|error| {
        let context = format!("the spec of `{name}` can't be read");
        Failure::usage(anyhow::Error::new(error).context(context))
    })?;
    // A proof in the format of another version is ignored.
    let proof = git.text(&proof::path(config)).and_then(|text| proof::parse_text(&text).ok());
    Ok(GuardBase { name: name.to_owned(), spec, files: git, proof })
}
