//! `check --as`: cases with the flag values that the manifests of an environment, such as production, set.

use std::borrow::Cow;

use super::{Exit, Failure, output};
use anyhow::anyhow;
use spanproof::{Case, CaseResult, DeployedCase, GuardError, Spec, Verdict};
use spanproof_manifest::DiskFiles;

/// Returns the case of each environment.
pub(super) fn cases(spec: &Spec, environments: &[String]) -> Result<Vec<DeployedCase>, Failure> {
    let case =
        |environment: &String| DeployedCase::read(spec, environment, &DiskFiles).map_err(failure);
    environments.iter().map(case).collect()
}

/// Adds the cases of environments, except those that are already in the matrix.
pub(super) fn add(all: &mut Vec<Case>, deployed: &[DeployedCase]) {
    for one in deployed {
        if all.iter().all(|case| case.id != one.case.id) {
            all.push(one.case.clone());
        }
    }
}

/// Returns the results of all cases except those that only an environment has. The spec has no startup
/// snapshots for the latter.
pub(super) fn matrix_results<'a>(
    results: &'a [CaseResult],
    matrix: &[Case],
    deployed: &[DeployedCase],
) -> Cow<'a, [CaseResult]> {
    if deployed.is_empty() {
        return results.into();
    }
    let only_deployed = |id: &str| {
        deployed.iter().any(|one| one.case.id == id) && matrix.iter().all(|case| case.id != id)
    };
    results.iter().filter(|result| !only_deployed(&result.case.id)).cloned().collect()
}

/// Prints what each environment's case shows. Returns [`Exit::Findings`] if a case does not pass, if it
/// records no spans although the environment must record spans, or if it records spans although tracing must
/// be off in the environment.
pub(super) fn judge(spec: &Spec, deployed: &[DeployedCase], results: &[CaseResult]) -> Exit {
    let mut exit = Exit::Passed;
    for one in deployed {
        let Some(result) = results.iter().find(|result| result.case.id == one.case.id) else {
            continue;
        };
        let DeployedCase { environment, must_record, .. } = one;
        let text =
            format!("{environment}: case {}, {}", result.case.id, result.case.settings(spec));
        let spans = result.judgement.spans;
        let records = spans > 0;
        if !matches!(result.judgement.verdict, Verdict::Pass | Verdict::Known(_)) {
            output::error(&format!("{text}: does not pass"));
            exit = Exit::Findings;
        } else if must_record.is_some_and(|must| must != records) {
            let what = if records { "spans are recorded" } else { "no spans are recorded" };
            let must = if records { "off" } else { "on" };
            output::error(&format!("{text}: {what}, but tracing must be {must} there"));
            exit = Exit::Findings;
        } else {
            output::note(&format!(
                "{text}: passes with {}",
                spanproof_format::count(spans, "span")
            ));
        }
    }
    exit
}

/// Converts an error of the guard to an exit code and a message.
pub(super) fn failure(error: GuardError) -> Failure {
    match error {
        GuardError::Nothing { .. } => Failure { exit: Exit::Nothing, text: error.to_string() },
        _ => Failure::usage(anyhow!(error)),
    }
}
