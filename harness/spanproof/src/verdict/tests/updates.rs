//! Verdicts on services that complete the row of a span with an update that the database server refuses.

use spanproof_format::{Code, Confidence};

use super::*;

const UPDATE: &str = "update trace_spans set ended = $1 where span_id = $2";
const INSERT: &str = "INSERT INTO trace_spans (span_id) VALUES ($1)";

fn refused(statement: &str) -> Failure {
    Failure {
        state: "42703".into(),
        message: "column \"ended\" does not exist".into(),
        statement: Some(statement.into()),
    }
}

/// Regression test: the finding did not contain the server's error.
#[test]
fn spans_without_an_end_come_with_the_errors_of_their_updates() {
    let mut evidence = recording_case();
    change_rows(&mut evidence.spans, |span| {
        span.insert("status".into(), json!("started"));
        span.insert("completed_at".into(), Json::Null);
    });
    evidence.server_errors = vec![refused(UPDATE); 8];
    let judgement = judge_parts(&spec(), &evidence);
    assert_eq!(codes(&judgement), ["not-finished"]);
    let text = judgement.findings()[0].to_string();
    assert!(text.contains("the server refused 8 updates, 42703 column"), "{text}");
    assert!(text.contains(&format!("statement: {UPDATE}")), "{text}");
    evidence.server_errors = vec![refused(INSERT)];
    let text = judge_parts(&spec(), &evidence).findings()[0].to_string();
    assert!(!text.contains("the server refused"), "{text}");
}

/// All spans began, and none is stored.
fn lost(errors: Vec<Failure>, witness: Option<Witness>) -> (Code, Confidence, Vec<Code>) {
    let mut evidence = recording_case();
    drop_lines(&mut evidence, "✅");
    clear_rows(&mut evidence.spans);
    let mut observation = evidence.observation();
    let Origin::Trial(trial) = &mut observation.origin else { panic!("not a trial") };
    trial.witness = witness.map(|witness| Witness { failures: errors.clone(), ..witness });
    trial.server_errors = errors;
    judge(&spec(), &observation).findings()[0].causes()
}

/// Regression test: each error about the span table was attributed to an insert.
#[test]
fn a_refused_update_explains_no_missing_row_by_itself() {
    let (code, _, possible) = lost(vec![refused(UPDATE); 8], None);
    assert_eq!(code, Code::Undetermined);
    assert!(possible.contains(&Code::WriteFailedSilent), "{possible:?}");
    let never_sent = lost(vec![refused(UPDATE); 8], Some(Witness::default()));
    assert_eq!(never_sent, (Code::NeverSent, Confidence::Certain, vec![]));
    let insert = lost(vec![refused(INSERT); 8], None);
    assert_eq!(insert, (Code::WriteFailedSilent, Confidence::Certain, vec![]));
}

/// Regression test: spans behind a refused update of the same batch were certainly `never-sent`.
#[rstest]
#[case::refused_update(vec![refused(UPDATE)], Code::Undetermined)]
#[case::no_error(Vec::new(), Code::NeverSent)]
fn spans_behind_a_refused_update_may_not_be_sent(
    #[case] errors: Vec<Failure>,
    #[case] expected: Code,
) {
    let mut evidence = recording_case();
    drop_lines(&mut evidence, "✅");
    evidence.spans.found_mut().unwrap().truncate(2);
    let mut observation = evidence.observation();
    let Origin::Trial(trial) = &mut observation.origin else { panic!("not a trial") };
    let counts =
        Witness { statements: 2, attempted_rows: 2, written_rows: 2, ..Witness::default() };
    trial.witness = Some(Witness { failures: errors.clone(), ..counts });
    trial.server_errors = errors;
    assert_eq!(judge(&spec(), &observation).findings()[0].code, expected);
}

#[test]
fn a_refused_update_undoes_the_inserts_of_its_transaction() {
    let counts =
        Witness { statements: 8, attempted_rows: 8, written_rows: 8, ..Witness::default() };
    let expected = (Code::WriteFailedSilent, Confidence::Certain, vec![]);
    assert_eq!(lost(vec![refused(UPDATE); 8], Some(counts)), expected);
}
