//! The comparisons of one environment with the proof (the file with what passing cases showed about each
//! value of each flag): each flag in each process that runs the service.

use spanproof_format::{Comparison, FlagProof, GuardResult};
use spanproof_manifest::Role;

use super::deployed::Deployed;
use super::judged::{Judge, JudgedFlag};
use crate::spec::{Manifests, Spec};

/// Compares every flag in every process of an environment.
pub(super) fn judge_all<'a>(
    spec: &Spec,
    (environment, manifests): (&'a str, &Manifests),
    deployed: &'a [Deployed],
    proof: Result<&'a FlagProof, &'a str>,
) -> Vec<JudgedFlag<'a>> {
    let mut all = Vec::new();
    for flag in &spec.flags {
        let judge = Judge { environment, expect: manifests.expected(flag), proof };
        for process in deployed {
            let found = process.flags.iter().find(|found| found.name == flag.name);
            all.extend(found.map(|found| judge.judge(flag, process, found)));
        }
    }
    all
}

/// Converts the results of an environment to comparisons. Processes of a manifest with the same value and
/// result share one comparison. If the results differ and it is not known which process runs the service, the
/// result is "not known".
pub(super) fn comparisons(judged: &[JudgedFlag<'_>]) -> Vec<Comparison> {
    let mut groups: Vec<Vec<&JudgedFlag<'_>>> = Vec::new();
    for one in judged {
        let same = |group: &&mut Vec<&JudgedFlag<'_>>| {
            let first = group[0];
            first.flag.name == one.flag.name && first.deployed.files == one.deployed.files
        };
        match groups.iter_mut().find(same) {
            Some(group) => group.push(one),
            None => groups.push(vec![one]),
        }
    }
    groups.iter().flat_map(|group| group_comparisons(group)).collect()
}

fn group_comparisons(group: &[&JudgedFlag<'_>]) -> Vec<Comparison> {
    let mut found: Vec<(&JudgedFlag<'_>, Comparison)> = Vec::new();
    for one in group {
        let same = |(known, _): &&mut (&JudgedFlag<'_>, Comparison)| {
            known.flag.setting == one.flag.setting && known.result == one.result
        };
        match found.iter_mut().find(same) {
            Some((_, comparison)) => comparison.processes.push(one.deployed.process.clone()),
            None => found.push((one, one.comparison())),
        }
    }
    let differ = found.iter().any(|(one, _)| one.result != found[0].0.result);
    let is_certain = found.iter().all(|(one, _)| one.deployed.is_service);
    if differ && !is_certain {
        return vec![ambiguous(&found)];
    }
    found.into_iter().map(|(_, comparison)| comparison).collect()
}

/// Returns one comparison for processes with different results, if it is not known which of them runs the
/// service.
fn ambiguous(found: &[(&JudgedFlag<'_>, Comparison)]) -> Comparison {
    let (first, comparison) = &found[0];
    let is_reader = first.deployed.role == Some(Role::Reader);
    let what = if is_reader { "the program that reads the file" } else { "the process" };
    let texts: Vec<_> = found
        .iter()
        .map(|(one, comparison)| format!("{} ({})", one.found, comparison.processes.join(", ")))
        .collect();
    let name = first.deployed.process.clone();
    let mut comparison = comparison.clone();
    comparison.value = spanproof_format::DeployedValue::NotKnown;
    comparison.result = GuardResult::Unknown;
    comparison.processes = found.iter().flat_map(|(_, one)| one.processes.clone()).collect();
    comparison.found = format!("it depends on {what}: {}", texts.join("; "));
    comparison.next = format!(
        "name it in the spec, for example with `process = {name:?}` in `[manifests.{}]`",
        first.environment
    );
    comparison.cases.clear();
    comparison
}
