//! Verdicts on spans that were on their way when the service was asked to stop: the database server was
//! executing a statement for them, or missing spans were still arriving.

use spanproof_format::{Code, Confidence, LongerWait};

use super::*;
use crate::observation::{Repetition, RunningStatement, SecondJob};

const INSERT: &str = "INSERT INTO trace_spans (span_id) VALUES ($1)";

fn running(statement: &str, running_ms: u64, blocked_by: Option<&str>) -> RunningStatement {
    let blocked_by = blocked_by.map(str::to_owned);
    RunningStatement { statement: statement.to_owned(), running_ms, blocked_by }
}

/// All spans began, and none is stored. The witness saw no insert.
fn lost(running: Vec<RunningStatement>, with_witness: bool) -> Observation {
    let mut evidence = recording_case();
    drop_lines(&mut evidence, "✅");
    clear_rows(&mut evidence.spans);
    let mut observation = evidence.observation();
    let Origin::Trial(trial) = &mut observation.origin else { panic!("not a trial") };
    trial.running_statements = running;
    trial.witness = with_witness.then(Witness::default);
    observation
}

/// The code of the first finding, its confidence, and the other possible codes.
fn first_causes(observation: &Observation) -> (Code, Confidence, Vec<Code>) {
    judge(&spec(), observation).findings()[0].causes()
}

/// Regression test: such spans were reported as certainly `never-sent`. The witness, a set of triggers, sees
/// an insert only after it has acquired the lock.
#[rstest]
#[case::without_witness(false)]
#[case::with_witness(true)]
fn an_insert_that_waits_for_a_lock_until_the_stop_is_a_failed_write(#[case] with_witness: bool) {
    let blocked = running(INSERT, 60_000, Some("lock table trace_spans"));
    let observation = lost(vec![blocked], with_witness);
    assert_eq!(first_causes(&observation), (Code::WriteFailedSilent, Confidence::Certain, vec![]));
    let text = judge(&spec(), &observation).findings()[0].to_string();
    assert!(text.contains("a statement for them still waited for a lock"), "{text}");
    assert!(text.contains("whose last statement is `lock table trace_spans`"), "{text}");
}

/// Regression test: all reasons were excluded. When the service has exited, the lock is released, and the
/// server undoes what the statement wrote.
#[test]
fn a_blocked_insert_is_a_failed_write_although_the_server_undoes_it_later() {
    let blocked = running(INSERT, 60_000, Some("lock table trace_spans"));
    let mut observation = lost(vec![blocked], true);
    let Origin::Trial(trial) = &mut observation.origin else { panic!("not a trial") };
    let counts =
        Witness { statements: 1, attempted_rows: 8, written_rows: 8, ..Witness::default() };
    trial.witness = Some(Witness { rollbacks: Some(1), ..counts });
    assert_eq!(first_causes(&observation), (Code::WriteFailedSilent, Confidence::Certain, vec![]));
}

/// The statement may have ended a moment later.
#[test]
fn a_statement_that_waits_for_no_lock_is_at_most_likely_to_have_failed() {
    let slow = vec![running(INSERT, 60_000, None)];
    assert_eq!(first_causes(&lost(slow.clone(), false)).1, Confidence::Undetermined);
    let with_witness = first_causes(&lost(slow, true));
    assert_eq!(with_witness, (Code::WriteFailedSilent, Confidence::Likely, vec![]));
}

#[test]
fn a_statement_that_has_just_begun_does_not_show_what_happened_to_the_spans() {
    let (code, _, possible) = first_causes(&lost(vec![running(INSERT, 20, Some("x"))], true));
    assert_eq!(code, Code::Undetermined);
    assert!(possible.contains(&Code::NeverSent), "{possible:?}");
    assert!(possible.contains(&Code::WriteFailedSilent), "{possible:?}");
}

#[test]
fn a_statement_about_something_else_explains_nothing() {
    let other = running("select pg_sleep(60)", 60_000, Some("x"));
    let expected = (Code::NeverSent, Confidence::Certain, vec![]);
    assert_eq!(first_causes(&lost(vec![other], true)), expected);
    assert_eq!(first_causes(&lost(Vec::new(), true)), expected);
}

/// The missing spans never began, so the statement is about other spans.
#[test]
fn a_blocked_statement_does_not_explain_spans_that_never_began() {
    let mut evidence = recording_case();
    drop_lines(&mut evidence, "hybrid_router_call");
    keep_first_lines(&mut evidence, "✅", 4);
    let spans = evidence.spans.found_mut().unwrap();
    spans.retain(|span| span["operation"] != "hybrid_router_call");
    let mut observation = evidence.observation();
    let Origin::Trial(trial) = &mut observation.origin else { panic!("not a trial") };
    trial.running_statements = vec![running(INSERT, 60_000, Some("x"))];
    assert_eq!(first_causes(&observation).0, Code::PathNotExecuted);
}

/// The missing spans may have been written later, too.
#[rstest]
#[case::without_witness(false)]
#[case::with_witness(true)]
fn spans_that_were_still_arriving_may_be_never_sent_or_lost_at_exit(#[case] with_witness: bool) {
    let mut observation = lost(Vec::new(), with_witness);
    let Origin::Trial(trial) = &mut observation.origin else { panic!("not a trial") };
    trial.spans_arriving = true;
    let (code, _, possible) = first_causes(&observation);
    assert_eq!(code, Code::Undetermined);
    for code in [Code::NeverSent, Code::LostAtExit] {
        assert!(possible.contains(&code), "{possible:?}");
    }
    let text = judge(&spec(), &observation).findings()[0].to_string();
    assert_eq!(text.contains("raise `flush-ms`"), with_witness, "{text}");
}

/// Regression test: a service that writes slowly was reported as `recording-stopped`.
#[rstest]
#[case::slow(true, &["undetermined"])]
#[case::stopped(false, &["recording-stopped"])]
fn a_slow_service_has_not_stopped_recording(#[case] arriving: bool, #[case] expected: &[&str]) {
    let spec = spec();
    let mut observation = healthy();
    observation.case = observation.case.with_fault(&spec, Some("job-repeated"));
    let later = |_| {
        let Observation { tables, origin, .. } = lost(Vec::new(), false);
        let Origin::Trial(trial) = origin else { panic!("not a trial") };
        SecondJob { run: trial.run, job_run: trial.job_run, tables, server_errors: None }
    };
    let mut later: Vec<_> = (0..2).map(later).collect();
    let Origin::Trial(trial) = &mut observation.origin else { panic!("not a trial") };
    trial.second_job = later.pop().map(Box::new);
    trial.further_jobs = later;
    trial.spans_arriving = arriving;
    assert_eq!(codes(&judge(&spec, &observation)), expected);
}

/// A tracer that checks its table may switch itself off.
#[test]
fn a_refused_query_of_the_span_table_is_shown_and_is_no_failed_write() {
    let mut evidence = recording_case();
    drop_lines(&mut evidence, "Span");
    clear_rows(&mut evidence.spans);
    let mut observation = evidence.observation();
    let failure = Failure {
        state: "42703".into(),
        message: "column \"version\" does not exist".into(),
        statement: Some("select version from trace_spans".into()),
    };
    let Origin::Trial(trial) = &mut observation.origin else { panic!("not a trial") };
    trial.witness = Some(Witness { failures: vec![failure.clone()], ..Witness::default() });
    trial.server_errors = vec![failure];
    let judgement = judge(&spec(), &observation);
    assert_eq!(codes(&judgement), ["undetermined"]);
    let text = judgement.findings()[0].to_string();
    assert!(text.contains("statement: select version from trace_spans"), "{text}");
}

/// The first trial waited 100 ms for spans. With several trials, `flaky` names those that have all spans.
#[rstest]
#[case::stored_later(&[], 1_500, 8, (Code::LostAtExit, Confidence::Certain))]
#[case::stored_in_time(&[], 90, 8, (Code::Flaky, Confidence::Certain))]
#[case::some_stored(&[Code::NeverSent], 6_000, 3, (Code::Undetermined, Confidence::Undetermined))]
#[case::none_stored(&[Code::NeverSent], 6_000, 0, (Code::NeverSent, Confidence::Certain))]
#[case::judged_alone(&[Code::Undetermined], 6_000, 0, (Code::NeverSent, Confidence::Certain))]
fn a_longer_wait_shows_whether_spans_are_stored_later(
    #[case] codes: &[Code],
    #[case] waited_ms: u64,
    #[case] spans: usize,
    #[case] expected: (Code, Confidence),
) {
    let mut observation = lost(Vec::new(), true);
    let Origin::Trial(trial) = &mut observation.origin else { panic!("not a trial") };
    trial.timings = [("flush".to_owned(), 100_000)].into();
    observation.add_repetition(Repetition {
        witness: false,
        codes: codes.to_vec(),
        error: None,
        longer_wait: Some(LongerWait::new(6_000, waited_ms, spans)),
    });
    let judgement = judge(&spec(), &observation);
    let (code, confidence, possible) = judgement.findings()[0].causes();
    assert_eq!((code, confidence), expected, "{judgement:#?}");
    if code == Code::Undetermined {
        assert!(possible.contains(&Code::LostAtExit), "{possible:?}");
    }
    let text = judgement.findings()[0].to_string();
    assert!(text.contains(&format!("which waited {waited_ms} ms for spans: ")), "{text}");
}
