//! A defect has one finding: its consequences are not reported separately.

use super::*;
use spanproof_format::Code;

fn codes(spec: &Spec, evidence: &TrialParts) -> Vec<Code> {
    judge_parts(spec, evidence).codes()
}

fn change(evidence: &mut TrialParts, id: &str, key: &str, value: &Json) {
    change_rows(&mut evidence.spans, |span| {
        if span["span_id"] == id {
            span.insert(key.to_owned(), value.clone());
        }
    });
}

fn remove_spans(evidence: &mut TrialParts, is_lost: impl Fn(&Row) -> bool) {
    let spans = evidence.spans.found_mut().unwrap();
    spans.retain(|span| !is_lost(span));
}

/// The work of the last unit runs outside the tracer, so its request has no trace to carry.
#[test]
fn requests_of_units_without_spans_are_not_a_broken_tree() {
    let mut evidence = recording_case();
    evidence.exchanges[3].headers.clear();
    assert!(codes(&spec(), &evidence).contains(&Code::BrokenTree), "all spans are stored");
    remove_spans(&mut evidence, |span| span["execution_id"] == json!(4));
    let codes = codes(&spec(), &evidence);
    assert!(!codes.is_empty() && !codes.contains(&Code::BrokenTree), "{codes:?}");
}

/// A queue drops the span above the units together with that of a unit.
#[test]
fn a_parent_that_is_lost_with_other_spans_is_not_a_broken_tree() {
    let mut evidence = recording_case();
    for id in 1..=4 {
        change(&mut evidence, &format!("s{id}"), "parent_span_id", &json!("lost"));
    }
    assert!(codes(&spec(), &evidence).contains(&Code::BrokenTree), "only the parent is lost");
    remove_spans(&mut evidence, |span| span["span_id"] == "c4");
    let codes = codes(&spec(), &evidence);
    assert!(!codes.is_empty() && !codes.contains(&Code::BrokenTree), "{codes:?}");
}

/// Each `hybrid_router_call` span contains the id of the unit that began last, but belongs to another unit. A
/// unit may have several of these spans.
#[test]
fn spans_with_the_id_of_another_unit_are_not_missing() {
    let spec = example(|text| {
        let parent = "parent = \"execute_question\"";
        text.replacen(parent, &format!("{parent}\nrepeats = true"), 1)
    });
    let mut evidence = recording_case();
    for (call, unit) in [("c1", 2), ("c2", 3), ("c3", 4)] {
        change(&mut evidence, call, "execution_id", &json!(unit));
    }
    assert_eq!(codes(&spec, &evidence), [Code::Unlinked]);
    let mut evidence = recording_case();
    for call in ["c1", "c2", "c3"] {
        change(&mut evidence, call, "execution_id", &json!(4));
    }
    assert_eq!(codes(&spec, &evidence), [Code::Unlinked]);
}

/// If two spans share an id, it is not known which of them is the parent.
#[test]
fn a_shared_id_is_not_an_impossible_time() {
    let mut evidence = recording_case();
    for id in ["s1", "c1", "s2", "c2"] {
        change(&mut evidence, id, "trace_id", &json!("t"));
    }
    evidence.exchanges[0].headers.insert("x-trace-id".into(), "t".into());
    evidence.exchanges[1].headers.insert("x-trace-id".into(), "t".into());
    assert_eq!(codes(&spec(), &evidence), []);
    change(&mut evidence, "c2", "span_id", &json!("s1"));
    change(&mut evidence, "s1", "started_at", &json!("2026-01-01T00:00:02+00:00"));
    change(&mut evidence, "s1", "completed_at", &json!("2026-01-01T00:00:03+00:00"));
    assert_eq!(codes(&spec(), &evidence), [Code::InvalidIds]);
}

/// No child can be found below a span whose id is all zeros, so only the id is reported.
#[rstest]
#[case::zeros("0000000000000000", &[Code::InvalidIds])]
#[case::not_the_parent_id_of_its_child("x", &[Code::BrokenTree])]
fn a_span_id_of_zeros_is_invalid_and_one_that_its_child_does_not_name_breaks_the_tree(
    #[case] id: &str,
    #[case] expected: &[Code],
) {
    let mut evidence = recording_case();
    change(&mut evidence, "s1", "span_id", &json!(id));
    assert_eq!(codes(&spec(), &evidence), expected);
}

/// The service prints that a batch failed, and the server that one of its rows was refused.
#[test]
fn a_reported_loss_is_not_called_silent() {
    let mut evidence = recording_case();
    remove_spans(&mut evidence, |_| true);
    let statement = "insert into trace_spans (span_id) values ($1), ($2)".to_owned();
    evidence.server_errors.push(Failure {
        state: "22001".into(),
        message: "value too long for type character varying(4)".into(),
        statement: Some(statement),
    });
    evidence.output.lines.retain(|line| !line.text.contains("RecordSpan"));
    let failed = "❌ StartSpan RecordSpan failed: value too long for type character varying(4)";
    evidence.output.lines.push(line(Stream::Stderr, failed));
    let judgement = judge_parts(&spec(), &evidence);
    let text = format!("{judgement:?}");
    assert!(
        text.contains("BatchPoisoned") && text.contains("WriteFailedReported"),
        "{judgement:#?}"
    );
    assert!(!text.contains("WriteFailedSilent"), "{judgement:#?}");
}

/// An exporter writes a batch again after an error. A unit may have several `hybrid_router_call`
/// spans, so their number shows nothing.
#[test]
fn a_span_that_is_stored_twice_is_found_even_if_the_number_of_spans_does_not_show_it() {
    let spec = example(|text| {
        let parent = "parent = \"execute_question\"";
        let text = text.replacen(parent, &format!("{parent}\nrepeats = true"), 1);
        text + "\n[[span]]\nname = \"timer\"\nunit = \"none\"\n"
    });
    assert_eq!(codes(&spec, &recording_case()), []);
    let mut timer = span(9, "timer", "x1", &Json::Null);
    timer["execution_id"] = Json::Null;
    let call = span(2, "hybrid_router_call", "c2", &json!("s2"));
    let other_call = span(2, "hybrid_router_call", "c9", &json!("s2"));
    let mut later_call = call.clone();
    later_call["started_at"] = json!("2026-01-01T00:00:00.5+00:00");
    later_call["duration_ms"] = json!(500);
    // All spans of the unit have one id.
    let same_id = span(2, "hybrid_router_call", "s2", &json!("s2"));
    for (rows, expected) in [
        (vec![other_call], vec![]),
        (vec![call], vec![Code::Duplicate]),
        (vec![later_call], vec![Code::Duplicate]),
        (vec![same_id.clone(), same_id], vec![Code::InvalidIds]),
        (vec![timer.clone()], vec![]),
        (vec![timer.clone(), timer], vec![Code::Duplicate]),
    ] {
        let mut evidence = recording_case();
        let spans = evidence.spans.found_mut().unwrap();
        spans.extend(rows.iter().map(|row| row.as_object().unwrap().clone()));
        assert_eq!(codes(&spec, &evidence), expected, "{rows:?}");
    }
}

/// The work of one unit runs outside the tracer, and the request of another unit is sent again.
#[test]
fn a_request_that_is_sent_again_counts_once() {
    let mut evidence = recording_case();
    for (number, exchange) in evidence.exchanges.iter_mut().enumerate() {
        exchange.body = format!("{{\"unit\": {number}}}");
    }
    evidence.exchanges.push(evidence.exchanges[0].clone());
    evidence.exchanges[3].headers.clear();
    remove_spans(&mut evidence, |span| span["execution_id"] == json!(4));
    let judgement = judge_parts(&spec(), &evidence);
    let text = judgement.findings()[0].to_string();
    assert!(text.contains("upstream: 1 of 4 requests carried no trace"), "{text}");
}

/// Regression test: a span below a span that was stored twice had no unit.
#[test]
fn a_parent_that_is_stored_twice_still_names_the_unit() {
    let spec = example(|text| {
        text.replace(
            "name = \"hybrid_router_call\"",
            "name = \"hybrid_router_call\"\nunit = \"parent\"",
        )
    });
    let mut evidence = recording_case();
    change_rows(&mut evidence.spans, |span| {
        if span["operation"] == "hybrid_router_call" {
            span.insert("execution_id".into(), Json::Null);
        }
    });
    let spans = evidence.spans.found_mut().unwrap();
    let again = spans.clone();
    spans.extend(again);
    assert_eq!(codes(&spec, &evidence), [Code::Duplicate]);
}
