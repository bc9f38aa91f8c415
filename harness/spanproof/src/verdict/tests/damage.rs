//! Verdicts on incomplete evidence. If evidence is missing, the verdict may become undetermined. It must
//! never become certain of another reason, and a pass must never become a failure.

use spanproof_format::{Code, Confidence};

use super::*;
use crate::observation::RunningStatement;

/// The right verdict on a case, and a function that makes the evidence of the case.
type NamedCase = (&'static str, fn() -> Observation);
/// The name of a part of the evidence, and a function that removes this part.
type NamedDamage = (&'static str, fn(&mut Observation));

const CASES: &[NamedCase] = &[
    ("pass", healthy),
    ("path-not-executed", || {
        let mut evidence = recording_case();
        drop_lines(&mut evidence, "Span");
        clear_rows(&mut evidence.spans);
        on_another_route(&evidence)
    }),
    ("flag-unrecognised-value", || {
        let mut evidence = recording_case();
        set_startup_line(&mut evidence, "⚠️  DBTracer: DISABLED (ENABLE_DB_TRACING=true)");
        switch_off(&mut evidence);
        evidence.observation()
    }),
    ("write-failed-reported", || {
        let mut evidence = only_begun_case();
        let error = "❌ StartSpan RecordSpan error: permission denied";
        evidence.output.lines.extend((0..8).map(|_| line(Stream::Stderr, error)));
        evidence.observation()
    }),
    ("write-failed-silent", || {
        let mut evidence = only_begun_case();
        refuse_inserts(&mut evidence, "42501");
        evidence.observation()
    }),
    // An insert waited for a lock until the stop.
    ("write-failed-silent", || {
        let mut observation = witnessed([0, 0, 0], |_| {});
        trial(&mut observation).running_statements = vec![RunningStatement {
            statement: "INSERT INTO trace_spans VALUES ($1)".to_owned(),
            running_ms: 60_000,
            blocked_by: Some("LOCK TABLE trace_spans".to_owned()),
        }];
        observation
    }),
    ("never-sent", || witnessed([0, 0, 0], |_| {})),
    // The tracer's lines say that the spans began. Regression test: they were reported as never sent.
    ("sampled-out", || {
        let mut observation = witnessed([0, 0, 0], |_| {});
        for exchange in &mut trial(&mut observation).exchanges {
            let unsampled = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00";
            exchange.headers.insert("traceparent".to_owned(), unsampled.to_owned());
        }
        observation
    }),
    ("silently-discarded", || witnessed([8, 8, 0], |_| {})),
    ("rolled-back", || witnessed([8, 8, 8], |witness| witness.rollbacks = Some(8))),
    ("removed-later", || witnessed([8, 8, 8], |witness| witness.removed_rows = 8)),
    ("batch-poisoned", || witnessed([1, 8, 0], |witness| witness.failures.push(failure("23505")))),
    ("wrong-destination", || {
        let mut observation = only_begun_case().observation();
        trial(&mut observation).other_tables = vec![("tenant.trace_spans".to_owned(), 8)];
        observation
    }),
    ("lost-at-exit", || {
        let mut observation = witnessed([0, 0, 0], |_| {});
        trial(&mut observation).run.exit.killed = true;
        observation
    }),
    ("export-failed", || {
        let mut evidence = only_begun_case();
        let error = "Failed to export traces to localhost:4317, error code: UNAVAILABLE";
        evidence.output.lines.push(line(Stream::Stderr, error));
        evidence.observation()
    }),
];

const DAMAGES: &[NamedDamage] = &[
    ("nothing", |_| {}),
    ("the witness", |observation| trial(observation).witness = None),
    ("the server's log", |observation| {
        let trial = trial(observation);
        (trial.witness, trial.server_log_read) = (None, false);
        trial.server_errors.clear();
    }),
    ("other tables", |observation| trial(observation).other_tables.clear()),
    ("the first half of the output", |observation| cut(observation, |at, all| at >= all / 2)),
    ("the second half of the output", |observation| cut(observation, |at, all| at < all / 2)),
    ("every second line", |observation| cut(observation, |at, _| at % 2 == 0)),
    ("the output", |observation| cut(observation, |_, _| false)),
    ("the requests", |observation| trial(observation).exchanges.clear()),
];

/// Without the requests, spans that are not sampled leave the same evidence as spans that are never sent: the
/// verdict on such spans is then right.
fn right_without(right: &'static str, damages: [&str; 2]) -> &'static str {
    let equals_never_sent = right == "sampled-out" && damages.contains(&"the requests");
    if equals_never_sent { "never-sent" } else { right }
}

/// All spans were begun, and nothing else is known about them.
fn only_begun_case() -> TrialParts {
    let mut evidence = recording_case();
    drop_lines(&mut evidence, "✅");
    clear_rows(&mut evidence.spans);
    evidence
}

fn failure(state: &str) -> Failure {
    let statement = Some("INSERT INTO trace_spans VALUES ($1)".to_owned());
    Failure { state: state.into(), message: "no".into(), statement }
}

/// All spans were begun, and the witness counted statements, attempted rows and written rows.
fn witnessed(counts: [usize; 3], change: fn(&mut Witness)) -> Observation {
    let [statements, attempted_rows, written_rows] = counts;
    let mut witness = Witness { statements, attempted_rows, written_rows, ..Witness::default() };
    change(&mut witness);
    let mut observation = only_begun_case().observation();
    trial(&mut observation).server_errors.clone_from(&witness.failures);
    trial(&mut observation).witness = Some(witness);
    observation
}

/// One error about one row does not explain eight lost rows.
#[test]
fn fewer_errors_than_lost_rows_do_not_show_why_the_other_rows_were_lost() {
    let refused = |errors: usize| {
        let mut observation = witnessed([4, 4, 4], |_| {});
        let trial = trial(&mut observation);
        trial.server_errors = vec![failure("22P05"); errors];
        let witness = trial.witness.as_mut().unwrap();
        witness.failures.clone_from(&trial.server_errors);
        witness.written_rows = 0;
        witness.attempted_rows = 0;
        judge(&spec(), &observation)
    };
    assert_eq!(refused(1).findings()[0].code, Code::Undetermined);
    assert_eq!(refused(8).findings()[0].code, Code::WriteFailedSilent);
}

fn trial(observation: &mut Observation) -> &mut TrialRecord {
    match &mut observation.origin {
        Origin::Trial(trial) => trial,
        Origin::Deployment(_) => panic!("not a trial"),
    }
}

/// Keeps the lines for which `keep` returns true, and records that output was dropped. The arguments of
/// `keep` are the index of the line and the number of all lines.
fn cut(observation: &mut Observation, keep: fn(usize, usize) -> bool) {
    let output = &mut trial(observation).run.output;
    let all = output.lines.len();
    let mut at = 0;
    output.lines.retain(|_| {
        at += 1;
        keep(at - 1, all)
    });
    output.dropped_bytes = 100;
}

fn on_another_route(evidence: &TrialParts) -> Observation {
    let mut evidence = evidence.clone();
    evidence.case.route = "cross-region".into();
    evidence.observation()
}

/// The code and confidence of the reason why spans are missing; `None` if none is missing.
fn reason(judgement: &Judgement) -> Option<(Code, Confidence)> {
    let is_reason = |code: Code, has_others: bool| has_others || code == Code::Undetermined;
    let findings = judgement.findings().iter();
    let mut reasons = findings.filter(|one| is_reason(one.code, !one.alternatives.is_empty()));
    reasons.next().map(|finding| (finding.code, finding.confidence))
}

/// Returns what is wrong with the verdict on damaged evidence; `None` if nothing is.
fn wrong(right: &str, judgement: &Judgement) -> Option<String> {
    let found = reason(judgement);
    let certain = found.filter(|(_, confidence)| *confidence == Confidence::Certain);
    let is_wrong = match certain {
        Some((code, _)) => code.text() != right,
        None => right == "pass" && !judgement.findings().is_empty(),
    };
    is_wrong.then(|| format!("{found:?} {:?}", codes(judgement)))
}

#[test]
fn missing_evidence_never_makes_another_reason_certain() {
    let spec = spec();
    let mut problems = Vec::new();
    for (right, case) in CASES {
        for (index, (first, damage)) in DAMAGES.iter().enumerate() {
            for (second, more) in &DAMAGES[index..] {
                let mut observation = case();
                damage(&mut observation);
                more(&mut observation);
                let judgements = judge_all(&spec, &[observation, healthy()]);
                let right = right_without(right, [*first, *second]);
                if let Some(found) = wrong(right, &judgements[0]) {
                    problems.push(format!("{right} without {first} and {second}: {found}"));
                }
            }
        }
    }
    assert!(problems.is_empty(), "{} problems:\n{}", problems.len(), problems.join("\n"));
}

/// With complete evidence, each case has the verdict that the other tests compare with.
#[test]
fn complete_evidence_gives_the_right_reason() {
    for (right, case) in CASES {
        let judgement = &judge_all(&spec(), &[case(), healthy()])[0];
        let found = reason(judgement).map_or("pass", |(code, _)| code.text());
        assert_eq!(found, *right, "{judgement:#?}");
    }
}

/// The line that reports the failure may be among the output that was dropped.
#[test]
fn a_silent_failure_is_not_certain_if_output_was_dropped() {
    let mut evidence = only_begun_case();
    refuse_inserts(&mut evidence, "42501");
    evidence.output.dropped_bytes = 9;
    let finding = judge_parts(&spec(), &evidence).findings()[0].clone();
    assert_eq!((finding.code, finding.confidence), (Code::Undetermined, Confidence::Undetermined));
}
