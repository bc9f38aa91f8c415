//! A run as JSON: versioned, in the order of the cases.

use serde_json::{Map, Value, json};

use spanproof::outcome::{
    CaseOutcome, FailureGroup, IncidentOutcome, RunOutcome, Snapshot, SnapshotState,
};

/// Returns a run as JSON. `"schema": 1`; a flag that is unset is `null`, an empty one `""`.
pub fn json(run: &RunOutcome) -> Value {
    let summary = &run.summary;
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
        "cases": run.cases.iter().map(case).collect::<Vec<_>>(),
        "failures": run.failures.iter().map(|group| failure(run, group)).collect::<Vec<_>>(),
        "snapshots": run.snapshots.iter().map(snapshot).collect::<Vec<_>>(),
        "incidents": run.incidents.iter().map(incident).collect::<Vec<_>>(),
    })
}

fn case(outcome: &CaseOutcome) -> Value {
    let CaseOutcome { case, judgement, .. } = outcome;
    let flags = case.flags.iter().map(|(name, value)| (name.clone(), json!(value)));
    json!({
        "id": case.id,
        "flags": flags.collect::<Map<_, _>>(),
        "route": case.route,
        "upstream": case.upstream,
        "job": case.job,
        "fault": case.fault,
        "recording": judgement.recording,
        "funnel": judgement.funnel,
        "verdict": judgement.verdict,
        "evidence": outcome.evidence,
    })
}

fn failure(run: &RunOutcome, group: &FailureGroup) -> Value {
    let ids: Vec<&str> = run.members(group).map(|member| member.case.id.as_str()).collect();
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

fn snapshot(snapshot: &Snapshot) -> Value {
    let state = match snapshot.state {
        SnapshotState::Same => "same",
        SnapshotState::Changed(_) => "changed",
        SnapshotState::Missing(_) => "missing",
        SnapshotState::Unstable(_) => "unstable",
    };
    json!({ "group": snapshot.group, "path": snapshot.path, "state": state })
}

fn incident(incident: &IncidentOutcome) -> Value {
    let replay = &incident.replay;
    let nearest = replay.tried.first();
    json!({
        "path": replay.path,
        "expects": replay.expects,
        "back": incident.back,
        "differences": nearest.map(|one| one.differences.clone()).unwrap_or_default(),
    })
}
