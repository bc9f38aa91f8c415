//! What a finding says about the units that lack spans. A unit is a part of a job.

use rstest::rstest;
use serde_json::json;

use super::*;

/// The spans of the units with the ids in `lost` are missing. The fourth unit failed.
#[rstest]
#[case::of_the_failed_unit(&[4], true)]
#[case::also_of_another_unit(&[3, 4], false)]
#[case::of_another_unit(&[3], false)]
fn a_gap_of_all_units_with_one_status_is_named(#[case] lost: &[u64], #[case] is_named: bool) {
    let mut evidence = recording_case();
    change_rows(&mut evidence.units, |unit| {
        if unit["id"] == 4 {
            unit.insert("status".into(), json!("failed"));
        }
    });
    let spans = evidence.spans.found_mut().unwrap();
    spans.retain(|span| !lost.iter().any(|id| span["execution_id"] == *id));
    for span in spans.iter_mut().filter(|span| span["execution_id"] == 4) {
        span.insert("status".into(), json!("failed"));
    }
    let finding = judge_parts(&spec(), &evidence).findings()[0].to_string();
    let line = "all units with status failed lack them, and no others";
    assert_eq!(finding.contains(line), is_named, "{finding}");
}

/// A case whose service prints no line about spans. With `recorded`, its spans are stored.
fn silent_case(recorded: bool, route: &str) -> TrialParts {
    let mut evidence = recording_case();
    drop_lines(&mut evidence, "Span");
    if !recorded {
        clear_rows(&mut evidence.spans);
    }
    evidence.case.route = route.into();
    evidence
}

/// Adds a flag to a case.
fn with_flag(evidence: TrialParts, name: &str, value: &str) -> TrialParts {
    let mut evidence = evidence;
    evidence.case.flags.push((name.into(), Value::Set(value.into())));
    evidence
}

/// Regression test: lines that no case prints at this log level were thought to be missing because no span
/// began.
#[rstest]
#[case::printed_here(recording_case(), "LOG_LEVEL", "path-not-executed")]
#[case::stored_without_lines(silent_case(true, "queued"), "LOG_LEVEL", "undetermined")]
#[case::printed_at_another_level(
    with_flag(recording_case(), "LOG_LEVEL", "debug"),
    "LOG_LEVEL",
    "undetermined"
)]
#[case::printed_with_another_flag(
    with_flag(recording_case(), "ROUTER", "debug"),
    "ROUTER",
    "path-not-executed"
)]
fn a_missing_line_needs_a_case_that_prints_it(
    #[case] peer: TrialParts,
    #[case] flag: &str,
    #[case] code: &str,
) {
    let broken = silent_case(false, "cross-region");
    let value = if peer.case.flags.len() == 2 { None } else { Some("info") };
    let broken = value.map_or(broken.clone(), |value| with_flag(broken, flag, value));
    let judgements = judge_all_parts(&spec(), &[broken, peer]);
    assert_eq!(codes(&judgements[0])[0], code, "{:#?}", judgements[0]);
}

/// Regression test: an error that also occurs in a passing case was the certain reason.
#[test]
fn errors_that_also_occur_in_a_passing_case_are_not_the_reason() {
    let mut passing = recording_case();
    refuse_inserts(&mut passing, "23505");
    let mut broken = silent_case(false, "cross-region");
    refuse_inserts(&mut broken, "23505");
    let judgements = judge_all_parts(&spec(), &[broken, passing]);
    assert_ne!(codes(&judgements[0])[0], "write-failed-silent", "{:#?}", judgements[0]);
    assert_eq!(judgements[1].verdict, Verdict::Pass);
}

/// Makes all lines those of a worker whose startup line is `banner`, and adds a startup line of the main
/// process, which says that tracing is on.
fn with_worker(banner: &str, mut evidence: TrialParts) -> TrialParts {
    for line in &mut evidence.output.lines {
        line.process = Some("worker".into());
    }
    set_startup_line(&mut evidence, banner);
    let main = line(Stream::Stderr, "🔍 DBTracer: ENABLED (ENABLE_DB_TRACING=true)");
    evidence.output.lines.insert(0, main);
    evidence
}

/// Regression test: the startup line of the main process counted for the worker, too, and the finding was
/// `path-not-executed`.
#[test]
fn tracing_is_off_if_the_process_that_does_the_work_says_so() {
    let on = "🔍 DBTracer: ENABLED (ENABLE_DB_TRACING=true)";
    let off = "⚠️  DBTracer: DISABLED (ENABLE_DB_TRACING=)";
    let broken = with_worker(off, silent_case(false, "queued"));
    let healthy = TrialParts { case: silent_case(true, "cross-region").case, ..recording_case() };
    let judgements = judge_all_parts(&spec(), &[broken, with_worker(on, healthy)]);
    assert_eq!(codes(&judgements[0])[0], "flag-unset", "{:#?}", judgements[0]);
    let finding = judgements[0].findings()[0].to_string();
    assert!(finding.contains("DISABLED (ENABLE_DB_TRACING=)"), "{finding}");
}

/// Regression test: with a retry, there was one span more than units, and the finding was
/// `path-not-executed`.
#[rstest]
#[case::declared("repeats = true")]
#[case::not_declared("")]
fn renamed_spans_are_found_despite_a_retry(#[case] key: &str) {
    let rule = "name = \"hybrid_router_call\"";
    let spec = example(|text| text.replace(rule, &format!("{rule}\n{key}")));
    let mut evidence = recording_case();
    let spans = evidence.spans.found_mut().unwrap();
    let retry = span(1, "hybrid_router_call", "c9", &json!("s1"));
    spans.push(retry.as_object().unwrap().clone());
    change_rows(&mut evidence.spans, |span| {
        if span["operation"] == "hybrid_router_call" {
            span.insert("operation".into(), json!("hybrid_router_calls"));
        }
    });
    replace_in_lines(&mut evidence, "hybrid_router_call", "hybrid_router_calls");
    let judgement = judge_parts(&spec, &evidence);
    assert_eq!(codes(&judgement)[0], "wrong-attributes", "{judgement:#?}");
}

/// Regression test: the last `[[span]]` was thought to make the requests, so the verdict depended on the
/// order.
#[rstest]
#[case::before("store_answer", "execute_question")]
#[case::after("execute_question", "store_answer")]
fn requests_are_not_a_sign_of_spans_that_make_none(#[case] first: &str, #[case] second: &str) {
    let stored = "\n[[span]]\nname = \"store_answer\"\nparent = \"execute_question\"\n";
    let rule = "[[span]]\nname = \"hybrid_router_call\"";
    let spec = example(|text| match (first, second) {
        ("store_answer", _) => text.replace(rule, &format!("{stored}{rule}")),
        _ => format!("{text}{stored}"),
    });
    let mut peer = silent_case(true, "queued");
    for (id, exchange) in (1..).zip(&mut peer.exchanges) {
        let context = format!("00-t{id}-c{id}-01");
        exchange.headers.insert("traceparent".into(), context);
    }
    let mut broken = with_flag(peer.clone(), "LOG_LEVEL", "info");
    let spans = peer.spans.found_mut().unwrap();
    for id in 1..=4 {
        let stored = span(id, "store_answer", &format!("a{id}"), &json!(format!("s{id}")));
        spans.push(stored.as_object().unwrap().clone());
    }
    let spans = broken.spans.found_mut().unwrap();
    spans.retain(|span| span["operation"] == "execute_question");
    let judgements = judge_all_parts(&spec, &[broken, peer]);
    let sign = "requests of stored traces name a span that is not stored";
    for finding in judgements[0].findings() {
        let text = finding.to_string();
        let is_about_answers = text.contains("`store_answer`");
        assert!(!is_about_answers || !text.contains(sign), "{text}");
    }
    let all: Vec<_> = judgements[0].findings().iter().map(ToString::to_string).collect();
    assert!(
        all.iter().any(|text| text.contains("`hybrid_router_call`") && text.contains(sign)),
        "{all:#?}"
    );
}

/// Regression test: a submission that timed out was "refused", although the job was stored.
#[rstest]
#[case::stored(0, true, "job-not-finished", "the job was stored")]
#[case::nothing_stored(0, false, "job-failed-early", "the job could not be submitted")]
#[case::refused(500, true, "job-failed-early", "the service refused the job")]
fn a_submission_without_an_answer_is_not_a_refusal(
    #[case] status: u16,
    #[case] is_stored: bool,
    #[case] code: &str,
    #[case] message: &str,
) {
    let mut evidence = recording_case();
    let body = "operation timed out".to_owned();
    evidence.submission = Some(Submission { request: "POST /".into(), status, body });
    evidence.settled = None;
    if !is_stored {
        clear_rows(&mut evidence.jobs);
    }
    let judgement = judge_parts(&spec(), &evidence);
    assert_eq!(codes(&judgement)[0], code, "{judgement:#?}");
    assert!(judgement.findings()[0].to_string().contains(message), "{judgement:#?}");
}

/// Regression test: no process recorded in any case, and `flag-unset` was not among the possible reasons.
#[test]
fn flag_unset_is_a_possible_reason_if_a_process_says_off() {
    let off = "⚠️  DBTracer: DISABLED (ENABLE_DB_TRACING=)";
    let judgement = judge_parts(&spec(), &with_worker(off, silent_case(false, "queued")));
    assert_eq!(codes(&judgement)[0], "undetermined", "{judgement:#?}");
    let finding = judgement.findings()[0].to_string();
    assert!(finding.contains("fits flag-unset, "), "{finding}");
    assert!(finding.contains("DISABLED (ENABLE_DB_TRACING=)"), "{finding}");
    assert!(finding.contains("ENABLED (ENABLE_DB_TRACING=true)"), "{finding}");
}

/// Regression test: under a fault, a service that prints errors and no begin lines "ran outside the tracer".
#[rstest]
#[case::reported("❌ StartSpan RecordSpan error: read-only transaction", false)]
#[case::silent(" INFO job finished", true)]
fn a_reported_loss_under_a_fault_shows_that_spans_began(
    #[case] text: &str,
    #[case] reports_missing: bool,
) {
    let spec = spec();
    let mut evidence = silent_case(false, "queued");
    evidence.output.lines.push(line(Stream::Stderr, text));
    let mut observation = evidence.observation();
    observation.case = observation.case.with_fault(&spec, Some("read-only"));
    let judgement = judge(&spec, &observation);
    let about_missing =
        |finding: &super::super::Finding| finding.to_string().contains("`execute_question`");
    assert_eq!(judgement.findings().iter().any(about_missing), reports_missing, "{judgement:#?}");
}

/// Regression test: with one trace for all units, one request with the header was enough.
#[rstest]
#[case::every_request([true, true, true, true], "/inference", true)]
#[case::one_request([true, false, false, false], "/inference", false)]
#[case::another_endpoint([true, true, true, false], "/oauth/token", true)]
fn each_request_to_an_endpoint_must_carry_the_trace(
    #[case] carries: [bool; 4],
    #[case] path: &str,
    #[case] passes: bool,
) {
    let mut evidence = recording_case();
    change_rows(&mut evidence.spans, |span| drop(span.insert("trace_id".into(), json!("t1"))));
    for (exchange, carries) in evidence.exchanges.iter_mut().zip(carries) {
        exchange.headers.insert("x-trace-id".into(), "t1".into());
        if !carries {
            exchange.headers.clear();
            path.clone_into(&mut exchange.path);
        }
    }
    let judgement = judge_parts(&spec(), &evidence);
    assert_eq!(judgement.verdict == Verdict::Pass, passes, "{judgement:#?}");
    if !passes {
        assert_eq!(codes(&judgement), ["broken-tree"]);
    }
}

/// A batch exporter prints one line for many spans.
#[test]
fn a_line_with_a_count_reports_that_many_spans() {
    let spec = example(|text| {
        let own = "acknowledged = '^✅ StartSpan RecordSpan success$'";
        let changed = text.replacen(own, r"acknowledged = '^flushed (?<count>\d+) spans$'", 1);
        assert_ne!(changed, text);
        changed
    });
    let mut evidence = recording_case();
    evidence.output.lines.retain(|line| !line.text.contains("RecordSpan"));
    evidence.output.lines.push(line(Stream::Stdout, "flushed 8 spans"));
    assert_eq!(judge_parts(&spec, &evidence).verdict, Verdict::Pass);
    let spans = evidence.spans.found_mut().unwrap();
    spans.retain(|span| span["execution_id"] != json!(4));
    let judgement = judge_parts(&spec, &evidence);
    let findings = judgement.findings().iter();
    let claims =
        findings.filter(|finding| finding.code == spanproof_format::Code::BannerContradicts);
    let messages: Vec<_> = claims.map(|claim| claim.message.clone()).collect();
    assert_eq!(messages, ["the service reports 8 spans as written, and 6 are stored"]);
}

#[test]
fn without_enables_every_spelling_that_means_on_must_record() {
    let spec = spec_without_enables();
    let mut evidence = case_with_tracing_off();
    evidence.case.flags[0].1 = Value::Set("TRUE".into());
    set_startup_line(&mut evidence, "⚠️  DBTracer: DISABLED (ENABLE_DB_TRACING=TRUE)");
    let judgement = judge_parts(&spec, &evidence);
    assert_eq!(codes(&judgement), ["flag-unrecognised-value"]);
    let evidence = &judgement.findings()[0].evidence;
    assert_eq!(
        evidence.iter().map(ToString::to_string).collect::<Vec<_>>(),
        [
            "environment  ENABLE_DB_TRACING=TRUE",
            "stderr:1  ⚠️  DBTracer: DISABLED (ENABLE_DB_TRACING=TRUE)"
        ]
    );
}

/// Regression test: a span that a full queue dropped was thought to be refused by the database.
#[rstest]
#[case::full_queue("the span queue is full", "never-sent")]
#[case::failed_write("connection reset by peer", "write-failed-reported")]
fn a_reported_loss_is_a_failed_write_or_a_full_queue(#[case] error: &str, #[case] code: &str) {
    let mut evidence = recording_case();
    clear_rows(&mut evidence.spans);
    let error = format!("❌ StartSpan RecordSpan error: {error}");
    replace_in_lines(&mut evidence, "✅ StartSpan RecordSpan success", &error);
    let judgement = judge_parts(&spec(), &evidence);
    assert_eq!(codes(&judgement), [code], "{judgement:#?}");
}

/// Regression test: a service that switched its SDK off by itself, and said so, was `undetermined`.
#[test]
fn a_service_can_report_that_it_switched_its_sdk_off() {
    let mut evidence = silent_case(false, "cross-region");
    let before = judge_parts(&spec(), &evidence);
    assert_ne!(codes(&before), ["sdk-disabled"], "{before:#?}");
    let report = line(Stream::Stdout, "observability: OTEL_SDK_DISABLED=true");
    evidence.output.lines.push(report);
    let judgement = judge_parts(&spec(), &evidence);
    assert_eq!(codes(&judgement)[0], "sdk-disabled", "{judgement:#?}");
}

/// Regression test: one line about a whole batch counted as an error of each row.
#[rstest]
#[case::one_line("8", 1, true)]
#[case::one_line_each("1", 8, false)]
fn a_report_about_a_batch_leaves_it_open_which_row_was_bad(
    #[case] count: &str,
    #[case] lines: usize,
    #[case] may_be_poisoned: bool,
) {
    let spec = example(|text| {
        text.replace(
            "refused = '^❌ StartSpan RecordSpan error: '",
            r"refused = 'lost (?<count>\d+) spans'",
        )
    });
    let mut evidence = recording_case();
    drop_lines(&mut evidence, "✅");
    clear_rows(&mut evidence.spans);
    let report = line(Stream::Stderr, &format!("lost {count} spans"));
    evidence.output.lines.extend(vec![report; lines]);
    refuse_inserts(&mut evidence, "23514");
    evidence.server_errors.truncate(1);
    let finding = judge_parts(&spec, &evidence).findings()[0].clone();
    let poisoned =
        finding.alternatives.iter().find(|one| one.code.text() == "batch-poisoned").unwrap();
    assert_eq!(poisoned.excluded_by.is_none(), may_be_poisoned, "{finding:#?}");
}

/// Whether the first finding of a case leaves a cause open.
fn is_possible(judgement: &Judgement, code: &str) -> bool {
    let mut alternatives = judgement.findings()[0].alternatives.iter();
    alternatives.any(|one| one.code.text() == code && one.excluded_by.is_none())
}

/// Regression test: sampled requests ruled out a sampler that drops spans that send no request.
#[rstest]
#[case::spans_without_requests(
    "[[span]]\nname = \"score\"\nparent = \"execute_question\"\n",
    "c",
    true
)]
#[case::spans_with_requests("", "lost", false)]
fn sampled_requests_say_nothing_about_spans_that_send_none(
    #[case] rules: &str,
    #[case] sender: &str,
    #[case] is_open: bool,
) {
    let mut evidence = recording_case();
    drop_lines(&mut evidence, "Span");
    for (exchange, id) in evidence.exchanges.iter_mut().zip(1..) {
        let value = format!("00-t{id}-{sender}{id}-01");
        exchange.headers = [("traceparent".to_owned(), value)].into();
    }
    if rules.is_empty() {
        let spans = evidence.spans.found_mut().unwrap();
        spans.retain(|span| span["operation"] != "hybrid_router_call");
    }
    let judgement = judge_parts(&example(|text| without_begin_lines(&text) + rules), &evidence);
    assert_eq!(is_possible(&judgement, "sampled-out"), is_open, "{judgement:#?}");
}

/// Regression test: the startup line ruled out a disabled SDK. It is the service's own line.
#[test]
fn a_startup_line_does_not_show_that_the_sdk_is_on() {
    let spec = example(|text| without_begin_lines(&text));
    let judgement = judge_parts(&spec, &silent_case(false, "cross-region"));
    assert!(is_possible(&judgement, "sdk-disabled"), "{judgement:#?}");
}
