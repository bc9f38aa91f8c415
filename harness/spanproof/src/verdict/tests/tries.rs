//! Units that were tried again, with an own span for each try.

use rstest::rstest;
use serde_json::json;

use super::impossible_values::set;
use super::*;
use spanproof_format::{Code, Confidence};

/// The spec of this repository, in which a unit may have several own spans.
fn spec_with_tries() -> Spec {
    example(|text| {
        text.replacen(
            "name = \"execute_question\"",
            "name = \"execute_question\"\nrepeats = true",
            1,
        )
    })
}

/// The healthy case, in which the first unit was tried again: the first try failed, and the second one has a trace
/// of its own.
fn case_with_tries() -> TrialParts {
    let mut evidence = recording_case();
    let spans = evidence.spans.found_mut().unwrap();
    for (from, to, parent) in [("s1", "s9", Json::Null), ("c1", "c9", json!("s9"))] {
        let first = spans.iter_mut().find(|row| row["span_id"] == from).unwrap();
        let mut again = first.clone();
        set(first, "status", "failed");
        set(first, "completed_at", "2026-01-01T00:00:01.25+00:00");
        set(&mut again, "span_id", to);
        set(&mut again, "trace_id", "t9");
        again.insert("parent_span_id".into(), parent);
        set(&mut again, "started_at", "2026-01-01T00:00:01.5+00:00");
        set(&mut again, "completed_at", "2026-01-01T00:00:02.5+00:00");
        spans.push(again);
    }
    evidence
}

fn change_span(evidence: &mut TrialParts, id: &str, column: &str, value: &str) {
    let change = |row: &mut Row| {
        if row["span_id"] == id {
            set(row, column, value);
        }
    };
    change_rows(&mut evidence.spans, change);
}

/// Regression test: the spec could not allow this, and the unit had the codes `status-disagrees`, `duplicate` and
/// `broken-tree`.
#[test]
fn each_try_may_have_an_own_span() {
    let judgement = judge_parts(&spec_with_tries(), &case_with_tries());
    assert_eq!(judgement.verdict, Verdict::Pass, "{judgement:#?}");
    let judgement = judge_parts(&spec(), &case_with_tries());
    assert_eq!(codes(&judgement), ["duplicate"]);
    assert_eq!(judgement.findings()[0].confidence, Confidence::Likely);
}

/// Another worker may do the next try, so that the row of the unit has the values of the last one.
#[test]
fn only_the_last_try_has_the_attributes_of_the_unit() {
    let mut evidence = case_with_tries();
    for id in ["s1", "c1"] {
        change_span(&mut evidence, id, "region", "r9");
    }
    let judgement = judge_parts(&spec_with_tries(), &evidence);
    assert_eq!(judgement.verdict, Verdict::Pass, "{judgement:#?}");
    change_span(&mut evidence, "s9", "region", "r9");
    assert_eq!(codes(&judge_parts(&spec_with_tries(), &evidence)), ["unlinked"]);
}

#[rstest]
#[case::failed_at_last("s9", "status", "failed", "status-disagrees")]
#[case::inner_span_of_another_try("c9", "parent_span_id", "s1", "broken-tree")]
#[case::inner_span_in_another_trace("c9", "trace_id", "t8", "broken-tree")]
fn the_last_try_agrees_with_the_unit_and_each_try_is_a_tree(
    #[case] span: &str,
    #[case] column: &str,
    #[case] value: &str,
    #[case] code: &str,
) {
    let mut evidence = case_with_tries();
    change_span(&mut evidence, span, column, value);
    let judgement = judge_parts(&spec_with_tries(), &evidence);
    assert_eq!(codes(&judgement), [code], "{judgement:#?}");
}

/// Own spans that overlap, or of which more than the last one succeeded, were recorded twice.
#[rstest]
#[case::overlap("s9", "started_at", "2026-01-01T00:00:00.5+00:00")]
#[case::first_succeeded("s1", "status", "completed")]
fn other_own_spans_are_duplicates(#[case] span: &str, #[case] column: &str, #[case] value: &str) {
    let mut evidence = case_with_tries();
    change_span(&mut evidence, span, column, value);
    let judgement = judge_parts(&spec(), &evidence);
    let finding = judgement.findings().iter().find(|one| one.code == Code::Duplicate).unwrap();
    assert_eq!(finding.confidence, Confidence::Certain);
}
