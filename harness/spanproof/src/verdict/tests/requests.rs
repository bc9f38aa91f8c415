//! Requests to the fake upstream that carry, or should carry, the traces of units.

use rstest::rstest;
use serde_json::json;

use super::impossible_values::set;
use super::*;
use spanproof_format::Code;

/// The healthy case, in which the fourth unit sent no request, and the upstream answered these requests of the
/// others.
fn case_with_requests(requests: &[(&str, Answer)]) -> TrialParts {
    let exchanges =
        requests.iter().map(|(trace, answer)| exchange(answer.clone(), trace)).collect();
    TrialParts { exchanges, ..recording_case() }
}

/// Regression test: a unit without a request had a broken tree if others sent several requests.
#[rstest]
#[case::fewer_requests(&[("t1", Answer::Status(200)), ("t2", Answer::Status(200)), ("t3", Answer::Status(200))], &[])]
#[case::retries(
    &[("t1", Answer::Status(503)), ("t1", Answer::Closed), ("t1", Answer::Status(200)), ("t2", Answer::Status(500)),
      ("t2", Answer::Status(500)), ("t3", Answer::Hanging)],
    &[]
)]
#[case::trace_of_another_unit(
    &[("t1", Answer::Status(200)), ("t1", Answer::Status(200)), ("t2", Answer::Status(200)), ("t3", Answer::Status(200))],
    &["broken-tree"]
)]
#[case::unknown_trace(
    &[("t1", Answer::Status(200)), ("t2", Answer::Status(200)), ("t9", Answer::Status(200))],
    &["broken-tree"]
)]
fn a_unit_may_send_no_request_if_fewer_units_than_there_are_sent_one(
    #[case] requests: &[(&str, Answer)],
    #[case] expected: &[&str],
) {
    let judgement = judge_parts(&spec(), &case_with_requests(requests));
    assert_eq!(codes(&judgement), expected, "{judgement:#?}");
}

/// A unit may send several requests, to different endpoints.
#[test]
fn requests_of_one_unit_to_several_endpoints_count_once() {
    let traces = ["t1", "t1", "t2", "t2", "t3", "t3"];
    let mut evidence = case_with_requests(&traces.map(|trace| (trace, Answer::Status(200))));
    for exchange in evidence.exchanges.iter_mut().step_by(2) {
        exchange.path = "/invoice/new".into();
    }
    assert_eq!(judge_parts(&spec(), &evidence).verdict, Verdict::Pass);
}

/// The service may load its settings from another endpoint, without a trace.
#[test]
fn a_request_to_another_endpoint_need_not_carry_a_trace() {
    let mut evidence = case_with_requests(&[
        ("t1", Answer::Status(200)),
        ("t2", Answer::Status(200)),
        ("t3", Answer::Status(200)),
        ("", Answer::Status(200)),
    ]);
    evidence.exchanges[3].path = "/config/current".into();
    assert_eq!(judge_parts(&spec(), &evidence).verdict, Verdict::Pass);
    evidence.exchanges[3].path = "/inference".into();
    assert_eq!(codes(&judge_parts(&spec(), &evidence)), ["broken-tree"]);
}

/// Regression test: a stored id that was a part of the sent one counted as sent.
#[rstest]
#[case::first_half("0af7651916cd43dd", "0af7651916cd43dd8448eb211c80319c", false)]
#[case::zeros("00", "0af7651916cd43dd8448eb211c80319c", false)]
#[case::whole("0af7651916cd43dd8448eb211c80319c", "0af7651916cd43dd8448eb211c80319c", true)]
#[case::lower_half("8448eb211c80319c", "0af7651916cd43dd8448eb211c80319c", true)]
#[case::padded("8448eb211c80319c", "00000000000000008448eb211c80319c", true)]
fn a_part_of_a_trace_id_is_another_id(
    #[case] stored: &str,
    #[case] sent: &str,
    #[case] same: bool,
) {
    for form in ["00-#-b7ad6b7169203331-01", "#", "trace=#;parent=1", "req_#"] {
        let mut evidence = recording_case();
        change_rows(&mut evidence.spans, |row| set(row, "trace_id", stored));
        for exchange in &mut evidence.exchanges {
            exchange.headers.insert("x-trace-id".into(), form.replace('#', sent));
        }
        // Another form of an id is recognised only as a field of its own, and its half only in `traceparent`.
        let is_whole = stored == sent || sent.trim_start_matches('0') == stored;
        let is_field = if is_whole { !form.contains('_') } else { form.contains('-') };
        let expected = same && (stored == sent || is_field);
        let judgement = judge_parts(&spec(), &evidence);
        assert_eq!(judgement.verdict == Verdict::Pass, expected, "{form} {judgement:#?}");
    }
}

/// Regression test: the same defect counted once more as one under the fault, with another code.
#[rstest]
#[case::also_fails_without_it(8, "known")]
#[case::only_under_the_fault(0, "write-failed-silent")]
#[case::more_under_the_fault(2, "write-failed-silent")]
fn a_defect_that_is_there_without_the_fault_is_not_one_under_it(
    #[case] lost_without: usize,
    #[case] expected: &str,
) {
    let lossy = |lost: usize| {
        let mut evidence = recording_case();
        if lost > 0 {
            drop(evidence.spans.found_mut().unwrap().drain(..lost));
            drop_lines(&mut evidence, "RecordSpan");
        }
        evidence.observation()
    };
    let (plain, mut under_fault) = (lossy(lost_without), lossy(8));
    under_fault.case = under_fault.case.with_fault(&spec(), Some("insert-revoked"));
    let judgements = judge_all(&spec(), &[plain, under_fault]);
    let found = match &judgements[1].verdict {
        Verdict::Known(_) => "known",
        _ => judgements[1].code().map_or("", Code::text),
    };
    assert_eq!(found, expected, "{judgements:#?}");
}

#[test]
fn a_report_of_more_spans_than_are_stored_gets_a_remark() {
    let mut evidence = recording_case();
    evidence.output.lines.push(line(Stream::Stderr, "✅ StartSpan RecordSpan success"));
    let found = remarks(&spec(), &evidence.observation()).join("\n");
    assert!(found.contains("reports 9 spans as written, and 8 are stored"), "{found}");
    assert_eq!(remarks(&spec(), &recording_case().observation()), [""; 0]);
}

/// The spec of this repository, with spans named `request` that belong to no unit.
fn spec_with_request() -> Spec {
    let rule =
        "[[span]]\nname = \"request\"\nunit = \"none\"\n\n[[span]]\nname = \"execute_question\"";
    example(|text| text.replacen("[[span]]\nname = \"execute_question\"", rule, 1))
}

/// Regression test: the parent of a unit's own span counted as a span of the unit.
#[test]
fn spans_of_no_unit_may_have_the_id_of_one() {
    let mut evidence = recording_case();
    let mut request = span(1, "request", "r1", &Json::Null).as_object().unwrap().clone();
    request.insert("execution_id".into(), json!(1));
    evidence.spans.found_mut().unwrap().push(request);
    change_rows(&mut evidence.spans, |row| {
        if row["span_id"] == "s1" {
            row.insert("parent_span_id".into(), json!("r1"));
        }
    });
    let judgement = judge_parts(&spec_with_request(), &evidence);
    assert_eq!(judgement.verdict, Verdict::Pass, "{judgement:#?}");
}

/// Regression test: the spans of a unit were `unlinked` if its UUID was written in capitals or without hyphens.
#[rstest]
#[case::capitals("6F1B2C3D-0000-4000-8000-00000000000#")]
#[case::without_hyphens("6f1b2c3d00004000800000000000000#")]
fn a_uuid_may_be_spelled_in_several_ways(#[case] form: &str) {
    let mut evidence = recording_case();
    change_rows(&mut evidence.units, |row| {
        let id = format!("6f1b2c3d-0000-4000-8000-00000000000{}", row["id"]);
        set(row, "id", &id);
    });
    change_rows(&mut evidence.spans, |row| {
        let id = form.replace('#', &row["execution_id"].to_string());
        set(row, "execution_id", &id);
    });
    assert_eq!(judge_parts(&spec(), &evidence).verdict, Verdict::Pass);
}

/// Regression test: the id of a parent was searched for in all traces.
#[test]
fn an_id_may_be_unique_only_within_its_trace() {
    let mut evidence = recording_case();
    change_rows(&mut evidence.spans, |row| {
        let is_own = row["operation"] == "execute_question";
        set(row, "span_id", if is_own { "2" } else { "3" });
        set(row, "parent_span_id", if is_own { "1" } else { "2" });
    });
    for id in 1..=4 {
        let mut request = span(id, "request", "1", &Json::Null).as_object().unwrap().clone();
        request.remove("execution_id");
        evidence.spans.found_mut().unwrap().push(request);
    }
    let judgement = judge_parts(&spec_with_request(), &evidence);
    assert_eq!(judgement.verdict, Verdict::Pass, "{judgement:#?}");
}

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

/// Regression test: an id in the notation of another standard than the column's was no sent id.
#[rstest]
#[case::base64("S/kvNXezTaajzpKdDg5HNg==", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", &[])]
#[case::x_ray(TRACE, "Root=1-4bf92f35-77b34da6a3ce929d0e0e4736;Parent=00f067aa0ba902b7;Sampled=1", &[])]
#[case::jaeger("00092f3577b34da6a3ce929d0e0e4736", "92f3577b34da6a3ce929d0e0e4736:f067aa0ba902b7:0:1", &[])]
#[case::google(TRACE, "4bf92f3577b34da6a3ce929d0e0e4736/67667974448284343;o=1", &[])]
#[case::datadog(TRACE, "11803532876627986230", &[])]
#[case::x_ray_of_another_trace(TRACE, "Root=1-4bf92f35-77b34da6a3ce929d0e0e4737", &["broken-tree"])]
#[case::datadog_of_another_trace(TRACE, "11803532876627986231", &["broken-tree"])]
fn requests_may_carry_a_trace_id_in_another_notation(
    #[case] stored: &str,
    #[case] header: &str,
    #[case] expected: &[&str],
) {
    let mut evidence = case_with_requests(&[("t1", Answer::Status(200))]);
    for exchange in &mut evidence.exchanges {
        exchange.headers.insert("x-trace-id".into(), header.into());
    }
    change_rows(&mut evidence.spans, |span| {
        span.insert("trace_id".into(), json!(stored));
    });
    let judgement = judge_parts(&spec(), &evidence);
    assert_eq!(codes(&judgement), expected, "{judgement:#?}");
}

/// Regression test: units below a span of the client, which is not stored, had a broken tree.
#[rstest]
#[case::sent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", &[])]
#[case::another("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b8-01", &["broken-tree"])]
fn units_may_be_below_a_span_of_the_client(#[case] header: &str, #[case] expected: &[&str]) {
    let spec = example(|text| {
        let path = "path = \"/api/v1/jobs/cross-region\"";
        assert!(text.contains(path), "{text}");
        text.replacen(path, &format!("{path}\nheaders = {{ traceparent = \"{header}\" }}"), 1)
    });
    let mut evidence = recording_case();
    evidence.case.route = "cross-region".into();
    change_rows(&mut evidence.spans, |span| {
        if span["operation"] == "execute_question" {
            span.insert("parent_span_id".into(), json!("00f067aa0ba902b7"));
        }
    });
    let judgement = judge_parts(&spec, &evidence);
    assert_eq!(codes(&judgement), expected, "{judgement:#?}");
}

/// Regression test: requests to two endpoints counted as requests to one, so that an untraced one broke the tree.
#[rstest]
#[case::another_endpoint("/v1/notify", &[])]
#[case::same_endpoint("/v1/inference", &["broken-tree"])]
#[case::number("/v1/7", &["broken-tree"])]
#[case::key_of_a_unit("/v1/r2", &["broken-tree"])]
fn the_last_part_of_a_path_names_an_endpoint_or_an_id(
    #[case] path: &str,
    #[case] expected: &[&str],
) {
    let mut evidence = recording_case();
    let is_id = path.ends_with(['7', '2']);
    for exchange in &mut evidence.exchanges {
        exchange.path = if is_id { "/v1/r1".into() } else { "/v1/inference".into() };
    }
    let untraced = exchange(Answer::Status(200), "");
    evidence.exchanges.push(Exchange { path: path.into(), ..untraced });
    let judgement = judge_parts(&spec(), &evidence);
    assert_eq!(codes(&judgement), expected, "{judgement:#?}");
}

/// Regression test: units without any span ran outside the tracer, although their requests named spans that are not
/// stored.
#[rstest]
#[case::own_span_of_each(["a1", "a2", "a3", "a4"], &["never-sent"])]
#[case::span_of_the_client(["c0", "c0", "c0", "c0"], &["path-not-executed"])]
fn requests_that_name_lost_spans_show_that_spans_began(
    #[case] ids: [&str; 4],
    #[case] expected: &[&str],
) {
    let spec = spec_with_request_and_silence();
    let mut evidence = recording_case();
    drop_lines(&mut evidence, "Span");
    let mut request = span(1, "request", "r1", &Json::Null).as_object().unwrap().clone();
    request.insert("trace_id".into(), json!("t"));
    evidence.spans = Rows::from(vec![request]);
    for (exchange, id) in evidence.exchanges.iter_mut().zip(ids) {
        exchange.headers = [("traceparent".to_owned(), format!("00-t-{id}-01"))].into();
    }
    let mut lost = evidence.observation();
    let Origin::Trial(trial) = &mut lost.origin else { panic!("not a trial") };
    trial.witness =
        Some(Witness { statements: 1, attempted_rows: 1, written_rows: 1, ..Witness::default() });
    let mut other_route = recording_case();
    drop_lines(&mut other_route, "Span");
    other_route.case.route = "cross-region".into();
    let scores = (1..=4).map(|id| span(id, "score", &format!("x{id}"), &json!(format!("s{id}"))));
    other_route
        .spans
        .found_mut()
        .unwrap()
        .extend(scores.map(|row| row.as_object().unwrap().clone()));
    let judgements = judge_all(&spec, &[lost, other_route.observation()]);
    let mut found = codes(&judgements[0]);
    found.dedup();
    assert_eq!(found, expected, "{:#?}", judgements[0]);
}

/// The spec of [`spec_with_request`], for a service that prints no line about the start of a span. Two of its spans
/// may be those that send the requests.
fn spec_with_request_and_silence() -> Spec {
    let rule =
        "[[span]]\nname = \"request\"\nunit = \"none\"\n\n[[span]]\nname = \"execute_question\"";
    example(|text| {
        let text = text.replacen("[[span]]\nname = \"execute_question\"", rule, 1);
        without_begin_lines(&text) + "[[span]]\nname = \"score\"\nparent = \"execute_question\"\n"
    })
}
