//! Replays of incidents as text. Two results are the same if they have the same verdict and the
//! same funnel, which counts the units (pieces of a job's work) that reach each stage.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::run::{FUNNEL_STAGES, funnel_counts};
use spanproof_format::{
    AdoptedIncident, Judgement, Rejudgement, Replay, ReplayAttempt, ReplayOutcome, Verdict, count,
};

/// Returns whether the incident happened again, the differences, and what could not be recreated.
pub fn replay(replay: &Replay) -> String {
    let mut text = format!("{}: {}\n", replay.path, outcome(replay));
    for uncertainty in &replay.uncertainties {
        let _infallible = writeln!(text, "    uncertain: {uncertainty}");
    }
    if replay.other_program {
        text.push_str("    `--any-program` accepts a different program\n");
    }
    let Some(first) = replay.attempts.first() else { return text };
    let same: Vec<_> =
        replay.attempts.iter().filter(|attempt| attempt.differences.is_empty()).collect();
    if replay.attempts.len() > 1 {
        let all = count(replay.attempts.len(), "attempt");
        let _infallible = writeln!(text, "    same result in {} of {all}", same.len());
        for attempt in &same {
            let _infallible = writeln!(text, "      {}", conditions(attempt));
        }
    }
    let closest = if same.is_empty() { "closest: " } else { "" };
    let _infallible = writeln!(text, "    {closest}{}", conditions(first));
    for difference in &first.differences {
        let _infallible = writeln!(text, "    differs: {difference}");
    }
    text.push_str(&judgement(&first.judgement));
    text
}

fn outcome(replay: &Replay) -> String {
    match (replay.outcome, &replay.expects) {
        (ReplayOutcome::Reproduced | ReplayOutcome::Uncertain, Some(expected)) => {
            format!("as expected: {expected}")
        }
        (ReplayOutcome::Reproduced, None) => "reproduced: same verdict and funnel".into(),
        (ReplayOutcome::Uncertain, None) => {
            "uncertain: same verdict and funnel, but the conditions may differ".into()
        }
        (ReplayOutcome::Different, Some(_)) => "not as expected".into(),
        (ReplayOutcome::Different, None) => "not reproduced".into(),
        _ => "not replayed: Postgres or the service did not start".into(),
    }
}

/// Returns the inputs of the attempt's case.
fn conditions(attempt: &ReplayAttempt) -> String {
    let case = &attempt.case;
    format!("route {}, upstream {}, job {}", case.route, case.upstream, case.job)
}

/// Returns the incidents whose replay had an unexpected verdict, and the counts of all incidents; empty
/// if there are no incidents.
pub fn incidents(all: &[AdoptedIncident]) -> String {
    if all.is_empty() {
        return String::new();
    }
    let regressed: Vec<_> = all.iter().filter(|incident| incident.regressed).collect();
    let replays = regressed.iter().filter_map(|incident| incident.replay.as_ref());
    let replays = replays.map(|document| format!("\nINCIDENT {}", replay(document)));
    let replays: String = replays.collect();
    let total = count(all.len(), "incident");
    // Several incidents can be the same case, because a replay runs the current program and not the
    // program that failed.
    let attempts = all.iter().filter_map(|incident| incident.replay.as_ref()?.attempts.first());
    let cases: BTreeSet<_> = attempts.map(|attempt| &attempt.case.id).collect();
    let distinct = match cases.len() {
        0 => String::new(),
        distinct if distinct == all.len() => String::new(),
        distinct => format!(" ({})", count(distinct, "distinct case")),
    };
    let result = match regressed.len() {
        0 => "all as expected".to_owned(),
        number => format!("{number} not as expected"),
    };
    format!("{replays}\n{total} replayed{distinct}: {result}\n")
}

/// Returns the judgement of stored evidence, and its differences from the recorded judgement.
pub fn rejudgement(rejudgement: &Rejudgement) -> String {
    let name = &rejudgement.path;
    let result = match rejudgement.differences.as_slice() {
        [] => "same verdict and funnel",
        _ => "differs from the recorded judgement",
    };
    let mut text = format!("{name}: {result}\n");
    for doubt in &rejudgement.doubts {
        let _infallible = writeln!(text, "    doubt: {doubt}");
    }
    for difference in &rejudgement.differences {
        let _infallible = writeln!(text, "    differs: {difference}");
    }
    text.push_str(&judgement(&rejudgement.judgement));
    text
}

fn judgement(judgement: &Judgement) -> String {
    let mut text = String::new();
    for finding in judgement.verdict.findings() {
        let _infallible = writeln!(text, "    {}: {}", finding.code, finding.message);
        for line in &finding.evidence {
            let _infallible = writeln!(text, "      {line}");
        }
    }
    if judgement.verdict == Verdict::Pass {
        let off = if judgement.recording { "" } else { " (tracing is off)" };
        let _infallible = writeln!(text, "    pass{off}");
    }
    if !matches!(judgement.verdict, Verdict::Broken(_)) {
        let counts = funnel_counts(judgement.funnel);
        let _infallible = writeln!(text, "    funnel: {counts} ({FUNNEL_STAGES})");
    }
    text
}

#[cfg(test)]
mod tests {
    use spanproof_format::{Case, Code, Finding};

    use super::*;

    fn attempt(route: &str, verdict: Verdict, differences: &[&str]) -> ReplayAttempt {
        let mut case = Case::new(format!("id of {route}"));
        (case.route, case.upstream, case.job) = (route.into(), "healthy".into(), "one".into());
        let differences = differences.iter().map(|text| (*text).to_owned()).collect();
        ReplayAttempt::new(case, Judgement::new(verdict), differences)
    }

    fn fail() -> Verdict {
        Verdict::Fail(vec![Finding::new(Code::PathNotExecuted, "no span was begun")])
    }

    #[test]
    fn several_attempts_are_counted_and_listed() {
        let mut replay = Replay::new("x.jsonl", ReplayOutcome::Uncertain);
        replay.attempts =
            vec![attempt("now", fail(), &[]), attempt("later", Verdict::Pass, &["verdict"])];
        replay.uncertainties = vec!["the program: recorded a, now b".into()];
        replay.other_program = true;
        let text = super::replay(&replay);
        for part in [
            "x.jsonl: uncertain: same verdict and funnel",
            "    uncertain: the program: recorded a, now b\n    `--any-program` accepts",
            "    same result in 1 of 2 attempts\n      route now, upstream healthy, job one\n",
            "    path-not-executed: no span was begun\n",
        ] {
            assert!(text.contains(part), "expected {part}\nfound {text}");
        }
    }

    #[test]
    fn regressed_incidents_are_printed_and_all_are_counted() {
        assert_eq!(incidents(&[]), "");
        let mut regressed = Replay::new("zero-spans.jsonl", ReplayOutcome::Different);
        regressed.expects = Some("pass".into());
        let difference = "verdict: expected pass, found path-not-executed";
        regressed.attempts = vec![attempt("now", fail(), &[difference])];
        let mut same = Replay::new("other.jsonl", ReplayOutcome::Reproduced);
        same.attempts = vec![attempt("later", Verdict::Pass, &[])];
        let all = [AdoptedIncident::new(regressed, true), AdoptedIncident::new(same, false)];
        let text = incidents(&all);
        assert!(text.contains("\nINCIDENT zero-spans.jsonl: not as expected\n"), "{text}");
        assert!(text.contains(&format!("    differs: {difference}\n")), "{text}");
        assert!(text.ends_with("\n2 incidents replayed: 1 not as expected\n"), "{text}");
    }

    #[test]
    fn incidents_of_the_same_case_are_counted_once() {
        let incident = |path: &str, route: &str| {
            let mut replay = Replay::new(path, ReplayOutcome::Reproduced);
            replay.attempts = vec![attempt(route, Verdict::Pass, &[])];
            AdoptedIncident::new(replay, false)
        };
        let all = [incident("a", "now"), incident("b", "later"), incident("c", "now")];
        let expected = "\n3 incidents replayed (2 distinct cases): all as expected\n";
        assert_eq!(incidents(&all), expected);
    }
}
