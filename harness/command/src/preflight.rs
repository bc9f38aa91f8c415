//! `spanproof preflight`: checks whether a deployment can record spans.

use super::args::{Format, Preflight};
use super::sources::{self, deployment_failure};
use super::{Exit, Failure, output, runtime};
use crate::report;
use spanproof::Spec;
use spanproof::{ManifestFlag, Startup};
use spanproof_format::{Check, CheckResult, Preflight as Document};
use spanproof_manifest::DiskFiles;

pub(super) fn preflight(args: &Preflight) -> Result<Exit, Failure> {
    let spec = sources::spec(&args.config)?;
    let mut checks = check_flag(args, &spec)?;
    let url = sources::database_url(args.database.as_ref());
    let has_database = url.is_some();
    match url {
        Some(url) => {
            let runtime = runtime()?;
            let results = spanproof::check_database(&spec, &url, args.role.as_deref());
            checks.extend(runtime.block_on(results).map_err(deployment_failure)?);
        }
        None => checks.push(untried("database", "no database was given", "--database URL")),
    }
    let document = Document::new(checks);
    output::print(&match args.format {
        Format::Human => report::preflight(&document),
        Format::Json => output::json(&document)?,
    });
    Ok(match (document.failed, document.passed) {
        (1.., _) => Exit::Findings,
        (0, 1..) if has_database => Exit::Passed,
        (0, 1..) => Exit::NoDatabase,
        (0, 0) => Exit::Nothing,
    })
}

/// Creates a check that could not be made, because the option `option` of the command is missing.
fn untried(name: &str, found: &str, option: &str) -> Check {
    let mut check = Check::new(name, CheckResult::Untried, found);
    check.next = format!("use `{option}`");
    check
}

/// Checks the tracing flag in the manifests, and in the log of the running process.
fn check_flag(args: &Preflight, spec: &Spec) -> Result<Vec<Check>, Failure> {
    let Some(flag) = spec.tracing_flag() else {
        let why = "no `[[flag]]` in the spec has `tracing = true`";
        let mut check = Check::new("the flag", CheckResult::Untried, why);
        check.next = "add `tracing = true` to the flag that switches tracing on".into();
        return Ok(vec![check]);
    };
    let mut checks = Vec::new();
    let manifests = sources::manifests(&args.manifests, args.secrets.as_deref())?;
    let process = args.process.as_deref();
    let all: Vec<_> = manifests
        .iter()
        .map(|manifest| ManifestFlag::new(spec, manifest, flag.name(), process, &DiskFiles))
        .collect();
    checks.extend(all.iter().map(|found| spanproof::check_manifest(flag, found)));
    if args.manifests.is_empty() {
        let name = format!("{} in the manifest", flag.name());
        checks.push(untried(&name, "no manifest was given", "--manifest FILE"));
    }
    if let Some(path) = &args.log {
        let startup = Startup::read(spec, sources::log(path)?).map_err(deployment_failure)?;
        checks.push(spanproof::check_startup(flag, &startup, &all));
    } else {
        let name = format!("{} in the running process", flag.name());
        checks.push(untried(&name, "no log was given", "--log FILE"));
    }
    Ok(checks)
}
