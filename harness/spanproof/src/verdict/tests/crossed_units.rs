//! Verdicts on spans that contain the id of a wrong unit, if only their number and times show this.

use spanproof_format::{Code, Confidence};

use super::*;

/// Four units, one after another, with their spans. Each span is at the time of its unit.
fn case_with_times() -> TrialParts {
    let mut evidence = recording_case();
    let time = |id: u64, part: &str| json!(format!("2026-01-01T00:00:{:02}{part}+00:00", id * 10));
    change_rows(&mut evidence.units, |row| {
        let id = row["id"].as_u64().unwrap();
        row.insert("started_at".into(), time(id, ""));
        row.insert("completed_at".into(), time(id, ".9"));
    });
    change_rows(&mut evidence.spans, |row| {
        let id = row["execution_id"].as_u64().unwrap();
        row.insert("started_at".into(), time(id, ".1"));
        row.insert("completed_at".into(), time(id, ".5"));
        row.insert("duration_ms".into(), json!(400));
    });
    evidence
}

fn set_unit(evidence: &mut TrialParts, operation: &str, unit: u64) {
    change_rows(&mut evidence.spans, |row| {
        if row["operation"] == operation {
            row.insert("execution_id".into(), json!(unit));
            row.insert("region".into(), json!(format!("r{unit}")));
        }
    });
}

/// Regression test: these spans were reported as duplicates in a broken tree.
#[rstest]
#[case::all_spans(&["execute_question", "hybrid_router_call"])]
#[case::own_spans(&["execute_question"])]
fn spans_that_all_have_the_id_of_the_last_unit_are_unlinked(#[case] operations: &[&str]) {
    let mut evidence = case_with_times();
    assert_eq!(codes(&judge_parts(&spec(), &evidence)), Vec::<&str>::new());
    for operation in operations {
        set_unit(&mut evidence, operation, 4);
    }
    let judgement = judge_parts(&spec(), &evidence);
    assert_eq!(codes(&judgement), ["unlinked"]);
    let finding = &judgement.findings()[0];
    assert_eq!(finding.confidence, Confidence::Certain);
    let expected = "4 `execute_question` spans have the id of one unit, and 3 units have none";
    assert_eq!(finding.message, expected);
}

/// Without times, the spans may also be duplicates, and the spans of the other units may be lost.
#[test]
fn without_times_it_is_only_likely_that_spans_have_the_id_of_another_unit() {
    let mut evidence = recording_case();
    set_unit(&mut evidence, "execute_question", 4);
    let judgement = judge_parts(&spec(), &evidence);
    let found: Vec<_> = judgement.findings().iter().map(|one| (one.code, one.confidence)).collect();
    assert_eq!(found, [(Code::Unlinked, Confidence::Likely)]);
}

#[test]
fn a_duplicate_beside_complete_units_stays_a_duplicate() {
    let mut evidence = case_with_times();
    let spans = evidence.spans.found_mut().unwrap();
    let mut again = spans[0].clone();
    again.insert("span_id".into(), json!("again"));
    spans.push(again);
    assert_eq!(codes(&judge_parts(&spec(), &evidence)), ["duplicate"]);
}

/// Regression test: the surplus of a span that may repeat did not count for the other units, so they lacked
/// spans although all are stored.
#[test]
fn spans_that_may_repeat_are_not_missing_if_all_have_the_id_of_one_unit() {
    let parent = "parent = \"execute_question\"";
    let spec = example(|text| text.replacen(parent, &format!("{parent}\nrepeats = true"), 1));
    assert!(spec.spans.iter().any(|rule| rule.repeats && rule.name == "hybrid_router_call"));
    let mut evidence = case_with_times();
    for operation in ["execute_question", "hybrid_router_call"] {
        set_unit(&mut evidence, operation, 4);
    }
    assert_eq!(codes(&judge_parts(&spec, &evidence)), ["unlinked"]);
}

/// Regression test: such spans were also in a broken tree. Their number is right for each unit, and their
/// traces show the unit.
#[test]
fn inner_spans_with_the_id_of_the_next_unit_are_only_unlinked() {
    let mut evidence = case_with_times();
    change_rows(&mut evidence.spans, |row| {
        if row["operation"] == "hybrid_router_call" {
            let next = row["execution_id"].as_u64().unwrap() % 4 + 1;
            row.insert("execution_id".into(), json!(next));
        }
    });
    let judgement = judge_parts(&spec(), &evidence);
    assert_eq!(codes(&judgement), ["unlinked"]);
    let message = &judgement.findings()[0].message;
    assert!(message.contains("differs from that of the parent span"), "{message}");
}
