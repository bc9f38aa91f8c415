//! Spans that the spec places below a span that belongs to no unit, such as the span of the request that
//! submitted the job. A unit is one part of a job.

use rstest::rstest;
use serde_json::json;

use super::*;

/// The spec with the span `POST /jobs` of the request, and `run job` below it, above the units.
fn spec_with_request() -> Spec {
    example(|text| {
        let own = "name = \"execute_question\"";
        let text = text.replacen(own, &format!("{own}\nbelow = \"run job\""), 1);
        text + "\n[[span]]\nname = \"POST *\"\nunit = \"none\"\n\
                [[span]]\nname = \"run job\"\nunit = \"none\"\nbelow = \"POST *\"\n"
    })
}

/// A span that belongs to no unit.
fn outer(operation: &str, id: &str, parent: &Json) -> Row {
    let mut row = span(0, operation, id, parent);
    let fields = row.as_object_mut().unwrap();
    fields.insert("trace_id".into(), json!("t1"));
    fields.insert("execution_id".into(), Json::Null);
    fields.clone()
}

/// A passing case with one trace: the request, below it the job, and below that the units.
fn case_with_request() -> TrialParts {
    let mut evidence = recording_case();
    change_rows(&mut evidence.spans, |span| {
        span.insert("trace_id".into(), json!("t1"));
        if span["operation"] == "execute_question" {
            span.insert("parent_span_id".into(), json!("r1"));
        }
    });
    for exchange in &mut evidence.exchanges {
        exchange.headers.insert("x-trace-id".into(), "t1".into());
    }
    let spans = evidence.spans.found_mut().unwrap();
    spans.push(outer("POST /jobs", "p1", &Json::Null));
    // A framework's span between the request and the job.
    spans.push(outer("queue.take", "q1", &json!("p1")));
    spans.push(outer("run job", "r1", &json!("q1")));
    evidence
}

fn remove(evidence: &mut TrialParts, operation: &str) {
    let spans = evidence.spans.found_mut().unwrap();
    spans.retain(|span| span["operation"] != operation);
}

fn change_span(evidence: &mut TrialParts, operation: &str, key: &str, value: &Json) {
    change_rows(&mut evidence.spans, |span| {
        if span["operation"] == operation {
            span.insert(key.to_owned(), value.clone());
        }
    });
}

#[test]
fn units_below_the_request_pass() {
    let judgement = judge_parts(&spec_with_request(), &case_with_request());
    assert_eq!(judgement.verdict, Verdict::Pass, "{judgement:#?}");
}

#[rstest]
#[case::context_lost("1 `run job` span is not below a `POST *` span", "it has no parent",
    |e: &mut TrialParts| change_span(e, "run job", "parent_span_id", &Json::Null))]
#[case::request_not_stored("1 `run job` span is not below", "the parent of its ancestor `queue.take` is not stored",
    |e: &mut TrialParts| remove(e, "POST /jobs"))]
#[case::job_not_stored("4 `execute_question` spans are not below a `run job` span", "its parent is not stored",
    |e: &mut TrialParts| remove(e, "run job"))]
#[case::another_outermost_span("1 `run job` span is not below", "its outermost ancestor is `queue.take`",
    |e: &mut TrialParts| change_span(e, "queue.take", "parent_span_id", &Json::Null))]
#[case::another_trace("1 `run job` span is not below", "its ancestor `POST /jobs` is in another trace",
    |e: &mut TrialParts| change_span(e, "POST /jobs", "trace_id", &json!("t9")))]
fn a_context_that_is_lost_above_the_units_is_reported(
    #[case] message: &str,
    #[case] remark: &str,
    #[case] change: fn(&mut TrialParts),
) {
    let mut evidence = case_with_request();
    change(&mut evidence);
    let judgement = judge_parts(&spec_with_request(), &evidence);
    let findings: Vec<_> = judgement.findings().iter().map(ToString::to_string).collect();
    let is_expected = |text: &String| {
        text.starts_with("broken-tree") && text.contains(message) && text.contains(remark)
    };
    assert!(findings.iter().any(is_expected), "{findings:#?}");
    // Without `below` in the spec, the loss is not noticed, unless the parent of the units is not stored.
    let passes = judge_parts(&spec(), &evidence).verdict == Verdict::Pass;
    assert!(passes || message.starts_with('4'), "{:#?}", judge_parts(&spec(), &evidence));
}

/// The span of the job is lost together with a span of a unit, or another span has the id of the job's span.
#[test]
fn a_lost_or_ambiguous_ancestor_is_not_a_broken_tree() {
    let spec = spec_with_request();
    let has_broken_tree = |evidence: &TrialParts| {
        judge_parts(&spec, evidence).codes().contains(&spanproof_format::Code::BrokenTree)
    };
    let mut evidence = case_with_request();
    remove(&mut evidence, "run job");
    assert!(has_broken_tree(&evidence));
    let spans = evidence.spans.found_mut().unwrap();
    spans.retain(|span| span["span_id"] != "c4");
    assert!(!has_broken_tree(&evidence), "a unit lacks a span, too");
    let mut evidence = case_with_request();
    let spans = evidence.spans.found_mut().unwrap();
    spans.insert(0, outer("queue.take", "r1", &Json::Null));
    assert!(!has_broken_tree(&evidence), "two spans share the id of the job's span");
}
