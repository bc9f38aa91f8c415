//! Counterparts: span rules whose conditions exclude each other, such as two routes. They may give one span
//! different parents, and give the units different root spans.

use super::*;
use spanproof_format::Code;

/// In cases of the route `queued`, the root span of a unit is `work`; in the others, `execute_question`.
fn spec_with_two_roots() -> Spec {
    example(|text| {
        let own = "name = \"execute_question\"";
        let text = text.replacen(own, &format!("{own}\nunless = {{ route = \"queued\" }}"), 1);
        let parent = "parent = \"execute_question\"";
        let text = text.replacen(parent, "parent = [\"execute_question\", \"work\"]", 1);
        text + "\n[[span]]\nname = \"work\"\nwhen = { route = \"queued\" }\n"
    })
}

/// In cases of the route `queued`, the parent of `hybrid_router_call` is `attempt`; in the others,
/// `execute_question`.
fn spec_with_two_places() -> Spec {
    example(|text| {
        let unless = "unless = { HYBRID_ROUTER_DISABLE = \"true\" }";
        let text = text.replacen(unless, "unless = { route = \"queued\" }", 1);
        text + "\n[[span]]\nname = \"attempt\"\nparent = \"execute_question\"\nwhen = { route = \"queued\" }\n\
                [[span]]\nname = \"hybrid_router_call\"\nparent = \"attempt\"\nwhen = { route = \"queued\" }\n"
    })
}

fn rename(evidence: &mut TrialParts, from: &str, to: &str) {
    change_rows(&mut evidence.spans, |span| {
        if span["operation"] == from {
            span.insert("operation".into(), json!(to));
        }
    });
    for line in &mut evidence.output.lines {
        line.text = line.text.replace(from, to);
    }
}

/// A passing case of the route `queued` whose calls are below attempts.
fn case_with_attempts() -> TrialParts {
    let mut evidence = recording_case();
    change_rows(&mut evidence.spans, |span| {
        if span["operation"] == "hybrid_router_call" {
            let id = span["execution_id"].clone();
            span.insert("parent_span_id".into(), json!(format!("a{id}")));
        }
    });
    let spans = evidence.spans.found_mut().unwrap();
    for id in 1..=4 {
        let attempt = span(id, "attempt", &format!("a{id}"), &json!(format!("s{id}")));
        spans.push(attempt.as_object().unwrap().clone());
        let begun = "🔍 StartSpan called: service=runner, operation=attempt, enabled=true";
        evidence.output.lines.push(line(Stream::Stderr, begun));
        evidence.output.lines.push(line(Stream::Stderr, "✅ StartSpan RecordSpan success"));
    }
    evidence
}

#[test]
fn the_root_span_of_a_unit_may_depend_on_the_route() {
    let mut evidence = recording_case();
    rename(&mut evidence, "execute_question", "work");
    let judgement = judge_parts(&spec_with_two_roots(), &evidence);
    assert_eq!(judgement.verdict, Verdict::Pass, "{judgement:#?}");
    let judgement = judge_parts(&spec_with_two_roots(), &recording_case());
    assert_ne!(judgement.verdict, Verdict::Pass, "passed with the root span of the other route");
}

#[test]
fn the_parent_of_a_span_may_depend_on_the_route() {
    let spec = spec_with_two_places();
    let judgement = judge_parts(&spec, &case_with_attempts());
    assert_eq!(judgement.verdict, Verdict::Pass, "{judgement:#?}");
    let mut evidence = case_with_attempts();
    change_rows(&mut evidence.spans, |span| {
        if span["span_id"] == "c2" {
            span.insert("parent_span_id".into(), json!("s2"));
        }
    });
    let judgement = judge_parts(&spec, &evidence);
    assert_eq!(judgement.code(), Some(Code::BrokenTree), "{judgement:#?}");
}

#[test]
fn counterparts_with_the_same_parent_allow_one_span() {
    let spec = example(|text| {
        let rule = "name = \"hybrid_router_call\"\nparent = \"execute_question\"\n";
        let unless = "unless = { HYBRID_ROUTER_DISABLE = \"true\" }\n";
        let split = format!(
            "{rule}when = {{ route = \"queued\" }}\n[[span]]\n{rule}unless = {{ route = \"queued\" }}\n"
        );
        let changed = text.replacen(&format!("{rule}{unless}"), &split, 1);
        assert_ne!(changed, text);
        changed
    });
    let mut evidence = recording_case();
    assert_eq!(judge_parts(&spec, &evidence).verdict, Verdict::Pass);
    let spans = evidence.spans.found_mut().unwrap();
    let duplicate = span(2, "hybrid_router_call", "c9", &json!("s2"));
    spans.push(duplicate.as_object().unwrap().clone());
    let judgement = judge_parts(&spec, &evidence);
    assert_eq!(judgement.code(), Some(Code::Duplicate), "{judgement:#?}");
}
