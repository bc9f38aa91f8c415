//! The report for programs: versioned, in the order of the cases.

use serde_json::{Value, json};

use super::Summary;
use super::group::Group;
use crate::incident::Adopted;
use crate::spec::Spec;
use crate::suite::{Ran, Snapshot, State};

/// The report as JSON. `"schema": 1`; a flag that is unset is `null`, an empty one `""`.
pub fn json(spec: &Spec, ran: &Ran, snapshots: &[Snapshot], incidents: &[Adopted]) -> Value {
    let summary = Summary::of(ran, snapshots);
    let cases: Vec<Value> = ran
        .outcomes
        .iter()
        .map(|outcome| {
            let judgement = &outcome.judgement;
            json!({
                "id": outcome.case.id,
                "flags": outcome.case.flags.iter().map(|(n, v)| (n.clone(), json!(v))).collect::<serde_json::Map<_, _>>(),
                "route": outcome.case.route,
                "upstream": outcome.case.upstream,
                "job": outcome.case.job,
                "fault": outcome.case.fault,
                "recording": judgement.recording,
                "funnel": judgement.funnel,
                "verdict": judgement.verdict,
                "evidence": outcome.folder,
            })
        })
        .collect();
    let snapshots: Vec<Value> = snapshots
        .iter()
        .map(|snapshot| {
            let state = match snapshot.state {
                State::Same => "same",
                State::Changed(_) => "changed",
                State::Missing(_) => "missing",
                State::Unstable(_) => "unstable",
            };
            json!({ "group": snapshot.group, "path": snapshot.path, "state": state })
        })
        .collect();
    json!({
        "schema": 1,
        "summary": {
            "passed": summary.passed,
            "failed": summary.failed,
            "known": summary.known,
            "broken": summary.broken,
            "not_run": summary.not_run,
            "units": summary.units,
            "spans": summary.spans,
            "assertions": summary.assertions,
        },
        "cases": cases,
        "failures": Group::all(spec, ran).iter().map(failure).collect::<Vec<_>>(),
        "snapshots": snapshots,
        "incidents": incidents.iter().map(incident).collect::<Vec<_>>(),
    })
}

fn incident(adopted: &Adopted) -> Value {
    let first = adopted.replayed.tried.first();
    json!({
        "path": adopted.bundle.path,
        "expects": adopted.bundle.expects,
        "back": adopted.is_back(),
        "differences": first.map(|one| one.differences.clone()).unwrap_or_default(),
    })
}

fn failure(group: &Group<'_>) -> Value {
    let ids: Vec<&str> = group.outcomes.iter().map(|outcome| outcome.case.id.as_str()).collect();
    let facts = group.counterfactuals.iter().map(|fact| {
        let (name, value) = (&fact.change.name, &fact.change.value);
        json!({ "of": fact.of, "name": name, "value": value, "case": fact.case, "spans": fact.spans })
    });
    json!({
        "codes": group.codes,
        "cases": ids,
        "whenever": group.whenever.as_ref().map(ToString::to_string),
        "counterfactuals": facts.collect::<Vec<_>>(),
    })
}
