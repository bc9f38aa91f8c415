//! Spans whose values cannot be right.

use rstest::rstest;
use serde_json::{Value as Json, json};
use spanproof_format::Confidence;

use super::*;

/// Changes the spans of one name.
fn change_spans(evidence: &mut TrialParts, name: &str, change: impl Fn(&mut Row)) {
    change_rows(&mut evidence.spans, |row| {
        if row["operation"] == name {
            change(row);
        }
    });
}

pub(super) fn set(row: &mut Row, column: &str, value: &str) {
    row.insert(column.into(), json!(value));
}

/// Makes a span 8.6 ms long, with a recorded duration.
fn short(row: &mut Row, duration: f64) {
    set(row, "started_at", "2026-01-01T00:00:00.1000+00:00");
    set(row, "completed_at", "2026-01-01T00:00:00.1086+00:00");
    row.insert("duration_ms".into(), json!(duration));
}

/// Gives a span times with fractions of a second.
fn exact(row: &mut Row) {
    set(row, "started_at", "2026-01-01T00:00:00.001+00:00");
    set(row, "completed_at", "2026-01-01T00:00:01.001+00:00");
}

/// The healthy case with the period of its job: from the submission to the stop of the service.
pub(super) fn case_with_period() -> TrialParts {
    let at = |text: &str| text.parse().unwrap();
    let period =
        Period { submitted: at("2025-12-31T23:59:59Z"), stopped: at("2026-01-01T00:00:03Z") };
    TrialParts { period: Some(period), ..recording_case() }
}

#[test]
fn a_healthy_case_with_the_time_of_its_job_passes() {
    assert_eq!(judge_parts(&spec(), &case_with_period()).verdict, Verdict::Pass);
}

/// Replaces the times of spans with Unix times. `per_second` is the number of units of these times in one
/// second.
fn use_unix_times(evidence: &mut TrialParts, per_second: i64) {
    change_rows(&mut evidence.spans, |row| {
        for column in ["started_at", "completed_at"] {
            let at =
                row[column].as_str().unwrap().parse::<chrono::DateTime<chrono::Utc>>().unwrap();
            let nanos = i128::from(at.timestamp_nanos_opt().unwrap());
            let count = nanos * i128::from(per_second) / 1_000_000_000;
            row.insert(column.into(), json!(i64::try_from(count).unwrap()));
        }
    });
}

/// Regression test: times as numbers switched off every check of times.
#[rstest]
fn times_may_be_numbers(
    #[values(1, 1_000, 1_000_000, 1_000_000_000)] per_second: i64,
    #[values(true, false)] healthy: bool,
) {
    let mut evidence = case_with_period();
    if !healthy {
        change_spans(&mut evidence, "execute_question", |span| {
            set(span, "started_at", "2025-12-31T23:50:40+00:00");
        });
    }
    use_unix_times(&mut evidence, per_second);
    let judgement = judge_parts(&spec(), &evidence);
    let codes: Vec<_> = judgement.findings().iter().map(|finding| finding.code.text()).collect();
    let expected: &[&str] = if healthy { &[] } else { &["impossible-times"] };
    assert_eq!(codes, expected, "{judgement:#?}");
}

#[test]
fn a_time_in_a_different_unit_is_impossible() {
    let mut evidence = case_with_period();
    use_unix_times(&mut evidence, 1_000);
    change_spans(&mut evidence, "hybrid_router_call", |span| {
        let seconds = span["completed_at"].as_i64().unwrap() / 1_000;
        span.insert("completed_at".into(), json!(seconds));
    });
    let text = format!("{:?}", judge_parts(&spec(), &evidence).findings());
    assert!(
        text.contains("its end is in seconds, and that of other spans is in milliseconds"),
        "{text}"
    );
}

/// Regression test: the unit of each column was determined separately, and the units were not compared.
#[test]
fn starts_and_ends_in_different_units_are_impossible() {
    let mut evidence = case_with_period();
    use_unix_times(&mut evidence, 1_000);
    change_rows(&mut evidence.spans, |row| {
        let micros = row["completed_at"].as_i64().unwrap() * 1_000;
        row.insert("completed_at".into(), json!(micros));
    });
    let text = format!("{:?}", judge_parts(&spec(), &evidence).findings());
    assert!(
        text.contains("its start is in milliseconds, and its end is in microseconds"),
        "{text}"
    );
}

#[rstest]
#[case::zero_span_id("invalid-ids", "all zeros", |e: &mut TrialParts| change_spans(e, "hybrid_router_call", |s| set(s, "span_id", "0000000000000000")))]
#[case::shared_id("invalid-ids", "share their id", |e: &mut TrialParts| change_rows(&mut e.spans, |s| { set(s, "span_id", "one"); set(s, "trace_id", "t"); }))]
#[case::before_the_job("impossible-times", "before the job was submitted", |e: &mut TrialParts| change_spans(e, "execute_question", |s| set(s, "started_at", "2025-12-31T23:50:40.5+00:00")))]
#[case::shortly_before_the_job("impossible-times", "200 ms before the job was submitted", |e: &mut TrialParts| change_spans(e, "execute_question", |s| set(s, "started_at", "2025-12-31T23:59:58.8+00:00")))]
#[case::two_units_of_time("impossible-times", "its duration 1 is in seconds, and those of other spans are in milliseconds", |e: &mut TrialParts| { change_rows(&mut e.spans, exact); change_spans(e, "hybrid_router_call", |s| { s.insert("duration_ms".into(), json!(1)); }); })]
#[case::in_the_future("impossible-times", "after the service stopped", |e: &mut TrialParts| change_spans(e, "execute_question", |s| set(s, "completed_at", "2026-01-01T00:08:20.5+00:00")))]
#[case::another_zone("impossible-times", "330 minutes from the time of the job", |e: &mut TrialParts| change_rows(&mut e.spans, |s| { set(s, "started_at", "2026-01-01T05:30:00+00:00"); set(s, "completed_at", "2026-01-01T05:30:01+00:00"); }))]
#[case::before_its_parent("impossible-times", "500 ms before the span that contains it", |e: &mut TrialParts| { change_spans(e, "execute_question", |s| set(s, "started_at", "2026-01-01T00:00:00.9+00:00")); change_spans(e, "hybrid_router_call", |s| set(s, "started_at", "2026-01-01T00:00:00.4+00:00")); change_rows(&mut e.spans, |s| { s.insert("duration_ms".into(), json!(100)); }); })]
#[case::from_the_start_of_the_process("impossible-times", "its duration 143 is not end minus start (8.6 ms) in any unit", |e: &mut TrialParts| change_rows(&mut e.spans, |s| short(s, 143.0)))]
#[case::no_unit_of_time("impossible-times", "in any unit", |e: &mut TrialParts| change_spans(e, "execute_question", |s| { set(s, "started_at", "2026-01-01T00:00:00.25+00:00"); set(s, "completed_at", "2026-01-01T00:00:01.75+00:00"); s.insert("duration_ms".into(), json!(70_000)); }))]
fn an_impossible_value_is_reported(
    #[case] code: &str,
    #[case] part: &str,
    #[case] change: fn(&mut TrialParts),
) {
    let mut evidence = case_with_period();
    change(&mut evidence);
    let judgement = judge_parts(&spec(), &evidence);
    let finding = judgement.findings().iter().find(|finding| finding.code.text() == code);
    let finding = finding.unwrap_or_else(|| panic!("no {code}: {judgement:#?}"));
    assert!(finding.to_string().contains(part), "expected {part}\nfound {finding}");
}

/// Services differ in what they measure: each of these is healthy.
#[rstest]
#[case::seconds(|e: &mut TrialParts| change_rows(&mut e.spans, |s| { s.insert("duration_ms".into(), json!(1)); }))]
#[case::short_and_rounded(|e: &mut TrialParts| change_rows(&mut e.spans, |s| short(s, 8.0)))]
#[case::short_in_microseconds(|e: &mut TrialParts| change_rows(&mut e.spans, |s| short(s, 8600.0)))]
#[case::durations_of_zero(|e: &mut TrialParts| change_rows(&mut e.spans, |s| short(s, 0.0)))]
#[case::nanoseconds(|e: &mut TrialParts| change_rows(&mut e.spans, |s| { s.insert("duration_ms".into(), json!(1_000_000_000)); }))]
#[case::one_trace_for_all_units(|e: &mut TrialParts| { change_rows(&mut e.spans, |s| set(s, "trace_id", "t1")); set_trace_header(e, "t1"); })]
#[case::child_outlives_its_parent(|e: &mut TrialParts| change_spans(e, "hybrid_router_call", |s| { set(s, "completed_at", "2026-01-01T00:00:02.5+00:00"); s.insert("duration_ms".into(), json!(2500)); }))]
#[case::short_spans_of_unclear_units(|e: &mut TrialParts| { change_rows(&mut e.spans, |s| { set(s, "started_at", "2026-01-01T00:00:00.1001+00:00"); set(s, "completed_at", "2026-01-01T00:00:00.1002+00:00"); s.insert("duration_ms".into(), json!(0.1)); }); change_spans(e, "hybrid_router_call", |s| { s.insert("duration_ms".into(), json!(0.0001)); }); })]
#[case::whole_seconds(|e: &mut TrialParts| change_rows(&mut e.spans, |s| set(s, "started_at", "2025-12-31T23:59:58+00:00")))]
#[case::rounded_starts(|e: &mut TrialParts| change_spans(e, "execute_question", |s| set(s, "started_at", "2026-01-01T00:00:00.005+00:00")))]
fn a_value_that_may_be_right_passes(#[case] change: fn(&mut TrialParts)) {
    let mut evidence = case_with_period();
    change(&mut evidence);
    assert_eq!(judge_parts(&spec(), &evidence).verdict, Verdict::Pass);
}

fn set_trace_header(evidence: &mut TrialParts, trace: &str) {
    for exchange in &mut evidence.exchanges {
        exchange.headers.insert("x-trace-id".into(), trace.into());
    }
}

/// A service that writes local times without an offset does so in the rows of units, too.
#[test]
fn times_in_the_zone_of_the_units_pass() {
    let mut evidence = case_with_period();
    let local = |row: &mut Row| {
        set(row, "started_at", "2026-01-01T02:00:00.5");
        set(row, "completed_at", "2026-01-01T02:00:01.5");
    };
    change_rows(&mut evidence.spans, local);
    change_rows(&mut evidence.units, |row| {
        let times: [(&str, Json); 2] = [
            ("started_at", json!("2026-01-01T02:00:00.1")),
            ("completed_at", json!("2026-01-01T02:00:02")),
        ];
        row.extend(times.map(|(name, value)| (name.to_owned(), value)));
    });
    assert_eq!(judge_parts(&spec(), &evidence).verdict, Verdict::Pass);
}

/// The spans start about 1 s after the submission of the job. The job ends 0.2 s after that, or had ended 0.1 s
/// before.
///
/// Regression test: Postgres rounds to the nearest second, so a span may seem to start half a second late.
#[rstest]
#[case::in_time("00.001", 1_200, None)]
#[case::too_late("00.001", 900, Some("it starts 101 ms after the job had ended"))]
#[case::rounded_up("00", 550, None)]
#[case::rounded_and_too_late("02", 550, Some("it starts 2450 ms after the job had ended"))]
fn a_span_that_starts_after_the_job_has_ended_is_impossible(
    #[case] seconds: &str,
    #[case] job_ms: u64,
    #[case] expected: Option<&str>,
) {
    let mut evidence = case_with_period();
    change_rows(&mut evidence.spans, |row| {
        set(row, "started_at", &format!("2026-01-01T00:00:{seconds}+00:00"));
        set(row, "completed_at", "2026-01-01T00:00:02.501+00:00");
        row.remove("duration_ms");
    });
    let mut observation = evidence.observation();
    let Origin::Trial(trial) = &mut observation.origin else { panic!("not a trial") };
    trial.timings =
        [("submit".to_owned(), 1_000), ("settle".to_owned(), job_ms * 1_000 - 1_000)].into();
    let judgement = judge(&spec(), &observation);
    let found = judgement.findings().first().map(ToString::to_string);
    assert_eq!(found.is_some(), expected.is_some(), "{judgement:#?}");
    assert!(expected.is_none_or(|part| found.unwrap().contains(part)), "{judgement:#?}");
}

/// The span of the second unit is below the router call of the first unit, which ends after one second.
#[rstest]
#[case::had_ended("2026-01-01T00:00:02.5+00:00", Some("broken-tree"))]
#[case::rounded_down("2026-01-01T00:00:01.5+00:00", None)]
#[case::still_open("2026-01-01T00:00:00.5+00:00", None)]
fn a_unit_below_an_ended_span_of_another_unit_is_likely_a_broken_tree(
    #[case] start: &str,
    #[case] code: Option<&str>,
) {
    let mut evidence = case_with_period();
    change_rows(&mut evidence.spans, |row| {
        if row["execution_id"] == 2 {
            set(row, "trace_id", "t1");
            set(row, "started_at", start);
            set(row, "completed_at", "2026-01-01T00:00:02.75+00:00");
            row.remove("duration_ms");
        }
        if row["span_id"] == "s2" {
            set(row, "parent_span_id", "c1");
        }
    });
    let judgement = judge_parts(&spec(), &evidence);
    assert_eq!(codes(&judgement).first().copied(), code, "{judgement:#?}");
    assert!(judgement.findings().iter().all(|one| one.confidence == Confidence::Likely));
}

/// Regression test: the search for a parent ignored its trace.
#[test]
fn a_parent_in_another_trace_breaks_the_tree() {
    let mut evidence = case_with_period();
    let mut outer = span(1, "GET /", "outer", &Json::Null);
    outer["execution_id"] = Json::Null;
    outer["trace_id"] = json!("t9");
    let spans = evidence.spans.found_mut().unwrap();
    spans.push(outer.as_object().unwrap().clone());
    change_rows(&mut evidence.spans, |row| {
        if row["span_id"] == "s2" {
            set(row, "parent_span_id", "outer");
        }
    });
    let text = format!("{:?}", judge_parts(&spec(), &evidence).findings());
    assert!(text.contains("the span with that id is in another trace"), "{text}");
}

/// Three requests for four units: the fourth unit may have sent none.
#[rstest]
#[case::one_per_unit(true, None)]
#[case::one_without_a_trace(false, Some("broken-tree"))]
fn a_unit_that_may_have_sent_no_request_needs_no_request_with_its_trace(
    #[case] has_traces: bool,
    #[case] code: Option<&str>,
) {
    let mut evidence = recording_case();
    evidence.exchanges.truncate(3);
    if !has_traces {
        evidence.exchanges[2].headers.clear();
    }
    assert_eq!(codes(&judge_parts(&spec(), &evidence)).first().copied(), code);
}

/// Each span is 8.6 ms long, and its recorded duration is longer by this number of milliseconds.
fn longer_by(milliseconds: &[f64]) -> TrialParts {
    let mut evidence = case_with_period();
    let spans = evidence.spans.found_mut().unwrap();
    for (row, more) in spans.iter_mut().zip(milliseconds) {
        short(row, 8.6 + more);
    }
    evidence
}

/// Regression test: a duration could be wrong by a quarter of a second. If durations are computed from the
/// start and the end, a suspended process is no excuse.
#[rstest]
#[case::computed(&[0.0; 8], &[])]
#[case::one_is_wrong(&[0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 130.0], &["impossible-times"])]
#[case::own_spans_are_wrong(&[0.0, 40.0, 0.0, -6.0, 0.0, 3.0, 0.0, 130.0], &["impossible-times"])]
#[case::measured_apart(&[0.05, 0.1, 0.04, 0.3, 0.2, 0.0, 0.07, 130.0], &[])]
#[case::two_are_exact(&[0.0, 0.0, 0.04, 0.3, 0.2, 0.1, 0.07, 130.0], &[])]
#[case::rounded(&[0.4, 0.4, 0.4, -0.6, 0.4, 0.4, 0.4, 0.4], &[])]
fn if_durations_are_computed_each_must_be_exact(#[case] more: &[f64], #[case] expected: &[&str]) {
    assert_eq!(codes(&judge_parts(&spec(), &longer_by(more))), expected);
}

/// Regression test: the ids and times of spans that belong to no unit were not checked.
#[rstest]
#[case::healthy("trace_id", json!("t9"), None)]
#[case::zero_trace("trace_id", json!("00000000000000000000000000000000"), Some("invalid-ids"))]
#[case::in_the_future("completed_at", json!("2026-01-01T02:00:07.5+00:00"), Some("impossible-times"))]
#[case::before_the_job("started_at", json!("2025-12-31T23:59:50.5+00:00"), None)]
#[case::wrong_duration("duration_ms", json!(4000), Some("impossible-times"))]
fn values_of_spans_that_belong_to_no_unit_are_checked(
    #[case] column: &str,
    #[case] value: Json,
    #[case] code: Option<&str>,
) {
    let spec = example(|text| text + "\n[[span]]\nname = \"timer\"\nunit = \"none\"\n");
    let mut evidence = case_with_period();
    let mut timer = span(9, "timer", "x1", &Json::Null);
    timer["execution_id"] = Json::Null;
    timer["started_at"] = json!("2026-01-01T00:00:00.5+00:00");
    timer["completed_at"] = json!("2026-01-01T00:00:01.5+00:00");
    timer["duration_ms"] = if column == "duration_ms" { value.clone() } else { Json::Null };
    timer[column] = value;
    let spans = evidence.spans.found_mut().unwrap();
    spans.push(timer.as_object().unwrap().clone());
    let judgement = judge_parts(&spec, &evidence);
    let codes = codes(&judgement).into_iter().filter(|code| *code != "not-finished");
    assert_eq!(codes.collect::<Vec<_>>().first().copied(), code, "{judgement:#?}");
}

/// Regression test: a service whose database has local times in all its columns was thought to be wrong.
#[rstest]
#[case::all_columns("2026-01-01T05:30:00.1", &[])]
#[case::other_columns_are_in_utc("2026-01-01T00:00:00.1", &["impossible-times"])]
#[case::other_columns_have_a_zone("2026-01-01T05:30:00.1+05:30", &["impossible-times"])]
fn times_without_a_zone_are_local_if_other_columns_of_the_case_are(
    #[case] created: &str,
    #[case] expected: &[&str],
) {
    let mut evidence = case_with_period();
    change_rows(&mut evidence.units, |unit| set(unit, "noted_at", created));
    change_rows(&mut evidence.spans, |span| {
        set(span, "started_at", "2026-01-01T05:30:00");
        set(span, "completed_at", "2026-01-01T05:30:01");
    });
    let judgement = judge_parts(&spec(), &evidence);
    assert_eq!(codes(&judgement), expected, "{judgement:#?}");
}

/// Regression test: an end that was computed from a start in whole seconds was before the job.
#[test]
fn an_end_may_be_the_sum_of_a_rounded_start_and_a_duration() {
    let mut evidence = case_with_period();
    evidence.period.as_mut().unwrap().submitted = "2026-01-01T00:00:00.6Z".parse().unwrap();
    change_rows(&mut evidence.spans, |span| {
        set(span, "started_at", "2026-01-01T00:00:00+00:00");
        set(span, "completed_at", "2026-01-01T00:00:00.3+00:00");
        span.insert("duration_ms".into(), json!(300));
    });
    let judgement = judge_parts(&spec(), &evidence);
    assert_eq!(judgement.verdict, Verdict::Pass, "{judgement:#?}");
}

/// Regression test: the units of a job that another job had started were too late for the first one.
#[test]
fn the_units_of_a_second_job_may_start_after_the_first_one_has_ended() {
    let mut evidence = case_with_period();
    change_rows(&mut evidence.spans, |row| {
        set(row, "started_at", "2026-01-01T00:00:02+00:00");
        set(row, "completed_at", "2026-01-01T00:00:02.501+00:00");
        row.remove("duration_ms");
    });
    for (jobs, expected) in [(1, &["impossible-times"][..]), (2, &[])] {
        let mut observation = evidence.observation();
        let job = observation.tables.jobs.all()[0].clone();
        observation.tables.jobs = Rows::from(vec![job; jobs]);
        let Origin::Trial(trial) = &mut observation.origin else { panic!("not a trial") };
        trial.timings = [("submit".to_owned(), 1_000), ("settle".to_owned(), 499_000)].into();
        assert_eq!(codes(&judge(&spec(), &observation)), expected, "{jobs}");
    }
}
