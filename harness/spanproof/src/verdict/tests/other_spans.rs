//! Evidence about some spans, units or rows is not mistaken for evidence about the missing ones.

use spanproof_format::{Code, Confidence};

use super::*;

/// The code of the first finding, its confidence, and the other possible codes.
fn first_causes(spec: &Spec, observation: &Observation) -> (Code, Confidence, Vec<Code>) {
    let judgement = judge(spec, observation);
    judgement.findings()[0].causes()
}

/// The spec of a service that prints no line about the start of a span.
fn spec_without_begin_lines() -> Spec {
    example(|text| without_begin_lines(&text))
}

fn with_witness(parts: &TrialParts, witness: Witness) -> Observation {
    let mut observation = parts.observation();
    let Origin::Trial(trial) = &mut observation.origin else { panic!("not a trial") };
    trial.server_errors.clone_from(&witness.failures);
    trial.witness = Some(witness);
    observation
}

/// A case that prints no line about spans, sends no request and stores no span.
fn case_without_spans() -> TrialParts {
    let mut evidence = recording_case();
    drop_lines(&mut evidence, "StartSpan");
    clear_rows(&mut evidence.spans);
    evidence.exchanges.clear();
    evidence
}

fn refusal(statement: &str) -> Failure {
    Failure {
        state: "23514".into(),
        message: "new row violates check constraint".into(),
        statement: Some(statement.into()),
    }
}

/// The server stops at the first invalid row, so the triggers never see the rows after it.
#[rstest]
#[case::one_row("INSERT INTO trace_spans VALUES ($1)", (Code::WriteFailedSilent, Confidence::Certain))]
#[case::several("INSERT INTO trace_spans VALUES ($1), ($2), ($3)", (Code::Undetermined, Confidence::Undetermined))]
fn rows_after_a_refused_one_may_be_valid(
    #[case] statement: &str,
    #[case] expected: (Code, Confidence),
) {
    let counts = Witness { statements: 1, attempted_rows: 1, ..Witness::default() };
    let witness = Witness { failures: vec![refusal(statement)], ..counts };
    let (code, confidence, possible) =
        first_causes(&spec_without_begin_lines(), &with_witness(&case_without_spans(), witness));
    assert_eq!((code, confidence), expected);
    assert_eq!(possible.contains(&Code::BatchPoisoned), code == Code::Undetermined, "{possible:?}");
}

/// If the server refuses each row when it comes alone, a batch has no valid row to lose.
#[rstest]
#[case::same_error("new row violates check constraint", Code::WriteFailedSilent)]
#[case::other_error("value too long", Code::Undetermined)]
fn single_rows_that_are_refused_show_that_a_batch_has_no_valid_row(
    #[case] message: &str,
    #[case] expected: Code,
) {
    let spec = spec_without_begin_lines();
    let batch = refusal("INSERT INTO trace_spans VALUES ($1), ($2), ($3)");
    let counts = Witness { statements: 1, attempted_rows: 1, ..Witness::default() };
    let witness = Witness { failures: vec![batch.clone()], ..counts };
    let mut in_batches = with_witness(&case_without_spans(), witness);
    let single =
        Failure { message: message.into(), ..refusal("INSERT INTO trace_spans VALUES ($1)") };
    let mut other = case_without_spans();
    other.case.route = "cross-region".into();
    let mut one_by_one = other.observation();
    for (observation, errors) in
        [(&mut in_batches, vec![batch]), (&mut one_by_one, vec![single; 8])]
    {
        let Origin::Trial(trial) = &mut observation.origin else { panic!("not a trial") };
        (trial.server_errors, trial.server_log_read) = (errors, true);
    }
    let judgements = judge_all(&spec, &[in_batches, one_by_one]);
    assert_eq!(judgements[0].code(), Some(expected), "{judgements:#?}");
}

/// One row was written and removed: it can't be all eight missing spans.
#[rstest]
#[case::one(1, Code::Undetermined)]
#[case::all(8, Code::RemovedLater)]
fn one_removed_row_does_not_explain_eight_missing_spans(
    #[case] rows: usize,
    #[case] expected: Code,
) {
    let witness = Witness {
        statements: rows,
        attempted_rows: rows,
        written_rows: rows,
        removed_rows: rows,
        ..Witness::default()
    };
    let (code, _, possible) =
        first_causes(&spec_without_begin_lines(), &with_witness(&case_without_spans(), witness));
    assert_eq!(code, expected);
    assert_eq!(possible.contains(&Code::PathNotExecuted), rows == 1, "{possible:?}");
}

#[test]
fn rows_that_were_seen_and_are_gone_were_removed() {
    for (seen, expected) in
        [(8, Code::RemovedLater), (4, Code::RemovedLater), (1, Code::Undetermined)]
    {
        let mut observation = case_without_spans().observation();
        let Origin::Trial(trial) = &mut observation.origin else { panic!("not a trial") };
        trial.most_spans = Some(seen);
        assert_eq!(first_causes(&spec_without_begin_lines(), &observation).0, expected, "{seen}");
    }
}

/// The worker lacks the flag, and says so; the main process has it.
#[test]
fn a_process_that_says_off_makes_flag_unset_possible() {
    let mut evidence = case_without_spans();
    let mut off = line(Stream::Stderr, "⚠️  DBTracer: DISABLED (ENABLE_DB_TRACING=)");
    off.process = Some("worker".into());
    evidence.output.lines.push(off);
    let mut other_route = recording_case();
    other_route.case.route = "cross-region".into();
    let judgements = judge_all_parts(&spec_without_begin_lines(), &[evidence, other_route]);
    let (_, confidence, possible) = judgements[0].findings()[0].causes();
    assert_eq!(confidence, Confidence::Undetermined, "{judgements:#?}");
    assert!(possible.contains(&Code::FlagUnset), "{possible:?}");
}

/// Both spans of each unit are lost, and the requests carry the ids of the inner ones.
#[test]
fn inner_spans_that_began_are_a_sign_of_the_outer_ones() {
    let mut evidence = case_without_spans();
    let trace = "0af7651916cd43dd8448eb211c80319c";
    evidence.spans = Rows::from_json(vec![
        json!({"trace_id": trace, "span_id": "00f067aa0ba902b7", "operation": "tick",
        "service": "runner", "started_at": "2026-01-01T00:00:00+00:00", "status": "completed",
        "completed_at": "2026-01-01T00:00:01+00:00", "duration_ms": 1000}),
    ]);
    evidence.exchanges = (1..=4)
        .map(|id| {
            let mut exchange = exchange(Answer::Status(200), trace);
            let context = format!("00-{trace}-b7ad6b716920333{id}-01");
            exchange.headers.insert("traceparent".into(), context);
            exchange
        })
        .collect();
    let mut other_route = recording_case();
    other_route.case.route = "cross-region".into();
    let judgements = judge_all_parts(&spec_without_begin_lines(), &[evidence, other_route]);
    for finding in judgements[0].findings() {
        let (code, _, possible) = finding.causes();
        let codes = [vec![code], possible].concat();
        assert!(codes.contains(&Code::NeverSent), "{finding}");
        assert!(!codes.contains(&Code::PathNotExecuted), "{finding}");
    }
}

/// A framework's span gets its unit from its parent. Here the parent lacks its unit's id, or shares its span
/// id with another span.
#[rstest]
#[case::parent_without_unit(Code::Unlinked, |span: &mut Row| {
    if span["operation"] == "execute_question" { span.insert("execution_id".into(), Json::Null); }
})]
#[case::shared_id(Code::InvalidIds, |span: &mut Row| {
    span.insert("trace_id".into(), json!("t1"));
    let is_inner = span["operation"] == "hybrid_router_call";
    span.insert("span_id".into(), json!("same"));
    span.insert("parent_span_id".into(), if is_inner { json!("same") } else { json!("top") });
})]
fn framework_spans_whose_unit_can_not_be_found_are_not_missing(
    #[case] expected: Code,
    #[case] change: fn(&mut Row),
) {
    let spec = example(|text| {
        let parent = "parent = \"execute_question\"";
        let linked = text.replacen(parent, &format!("{parent}\nunit = \"parent\""), 1);
        format!("{linked}\n[[span]]\nname = \"request\"\nunit = \"none\"\n")
    });
    let mut evidence = recording_case();
    let top = json!({"trace_id": "t1", "span_id": "top", "operation": "request", "service": "runner",
        "started_at": "2026-01-01T00:00:00+00:00", "completed_at": "2026-01-01T00:00:01+00:00",
        "duration_ms": 1000, "status": "completed"});
    change_rows(&mut evidence.spans, |span| {
        if span["operation"] == "hybrid_router_call" {
            for column in ["execution_id", "model_id", "region"] {
                span.insert(column.into(), Json::Null);
            }
        } else {
            span.insert("parent_span_id".into(), json!("top"));
        }
    });
    change_rows(&mut evidence.spans, change);
    if let Some(rows) = evidence.spans.found_mut() {
        rows.push(top.as_object().unwrap().clone());
    }
    let judgement = judge_parts(&spec, &evidence);
    let codes = judgement.codes();
    assert_eq!(codes[0], expected, "{judgement:#?}");
    let missing = [Code::Undetermined, Code::PathNotExecuted, Code::NeverSent];
    assert!(!codes.iter().any(|code| missing.contains(code)), "{judgement:#?}");
}

/// Exporters write zeros or an empty string for a span without a parent.
#[rstest]
#[case::zeros("0000000000000000")]
#[case::empty("")]
fn a_parent_id_of_zeros_means_no_parent(#[case] parent: &str) {
    let mut evidence = recording_case();
    change_rows(&mut evidence.spans, |span| {
        if span["parent_span_id"].is_null() {
            span.insert("parent_span_id".into(), json!(parent));
        }
    });
    assert_eq!(judge_parts(&spec(), &evidence).verdict, Verdict::Pass);
}

/// The upstream refuses the first request, and which unit makes it depends on scheduling.
#[rstest]
#[case::first_request_refused([503, 200], None, None)]
#[case::varies([200, 200], Some(""), None)]
#[case::constant([200, 200], None, Some(Confidence::Likely))]
fn a_different_failing_unit_is_a_changed_outcome_only_if_chance_can_not_explain_it(
    #[case] answers: [u16; 2],
    #[case] variation: Option<&str>,
    #[case] expected: Option<Confidence>,
) {
    let refuse = |evidence: &mut TrialParts, refused: u64| {
        let [first, others] = answers;
        evidence.exchanges = [first, others, others, others]
            .map(|code| exchange(Answer::Status(code), "t1"))
            .to_vec();
        change_rows(&mut evidence.units, |unit| {
            if unit["id"] == refused {
                unit.insert("status".into(), json!("failed"));
                unit.insert("output".into(), json!({"error": "busy"}));
            }
        });
    };
    let (mut off, mut on) = (case_with_tracing_off(), recording_case());
    refuse(&mut off, 1);
    refuse(&mut on, 3);
    change_rows(&mut on.spans, |span| {
        if span["execution_id"] == 3 {
            span.insert("status".into(), json!("failed"));
        }
    });
    on.variations = variation.map(|unit| [unit.to_owned()].into());
    off.variations = Some(std::collections::BTreeSet::new());
    let judgements = judge_all_parts(&spec(), &[off, on]);
    let changed = judgements[1].findings().iter();
    let changed = changed.filter(|one| one.code == Code::OutcomeChangedByTracing);
    let found: Vec<_> = changed.map(|one| one.confidence).collect();
    assert_eq!(found, Vec::from_iter(expected), "{judgements:#?}");
}

/// Regression test: the spans of a helper in the same table were thought to be those of the service.
#[rstest]
#[case::helper("gateway", "helper = true\n", false)]
#[case::process_under_test("gateway", "", true)]
#[case::the_service("runner", "helper = true\n", true)]
fn a_helper_may_write_spans_while_tracing_is_off(
    #[case] service: &str,
    #[case] key: &str,
    #[case] is_leak: bool,
) {
    let spec = example(|text| {
        text + &format!("\n[[process]]\nname = \"gateway\"\n{key}command = [\"gateway\"]\n")
    });
    let mut evidence = case_with_tracing_off();
    evidence.spans = recording_case().spans;
    change_rows(&mut evidence.spans, |span| {
        span.insert("service".into(), json!(service));
    });
    let judgement = judge_parts(&spec, &evidence);
    assert_eq!(codes(&judgement).contains(&"leaked-while-off"), is_leak, "{judgement:#?}");
}
