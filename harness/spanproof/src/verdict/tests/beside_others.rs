//! Verdicts on cases that are compared with other cases of the same run. A route is a way to submit a job.

use serde_json::json;

use spanproof_format::{Code, Confidence};

use super::super::{Evidence, Judgement, Verdict};
use super::*;

#[test]
fn a_single_case_whose_service_never_becomes_ready_is_broken() {
    let mut evidence = recording_case();
    evidence.ready = WaitResult::NotReached("late".into());
    assert!(matches!(judge_parts(&spec(), &evidence).verdict, Verdict::Broken(_)));
}

#[test]
fn a_service_that_exits_at_startup_is_a_finding_only_if_another_case_became_ready() {
    let mut dead = recording_case();
    dead.ready = WaitResult::NotReached("ended".into());
    dead.exit.stop_requested = false;
    let alone = judge_all_parts(&spec(), std::slice::from_ref(&dead));
    assert!(matches!(alone[0].verdict, Verdict::Broken(_)));
    let with_other = judge_all_parts(&spec(), &[dead.clone(), case_with_tracing_off()]);
    assert_eq!(with_other[0].code(), Some(Code::ProcessCrashed));
    dead.exit.stop_requested = true;
    let hanging = judge_all_parts(&spec(), &[dead, case_with_tracing_off()]);
    assert_eq!(hanging[0].code(), Some(Code::NeverReady));
}

#[test]
fn a_tracing_flag_whose_values_all_leave_tracing_off_is_ignored() {
    let spec = spec_without_enables();
    let cases = ["true", "1"].map(|value| {
        let mut evidence = case_with_tracing_off();
        evidence.case.flags[0].1 = Value::Set(value.into());
        set_startup_line(
            &mut evidence,
            &format!("⚠️  DBTracer: DISABLED (ENABLE_DB_TRACING={value})"),
        );
        evidence
    });
    let judgements = judge_all_parts(&spec, &cases);
    assert_eq!(judgements.map_codes(), ["flag-ignored", "flag-ignored"]);
}

#[test]
fn a_startup_line_that_says_on_is_wrong_if_no_route_begins_a_span() {
    let mut queued = recording_case();
    drop_lines(&mut queued, "Span");
    clear_rows(&mut queued.spans);
    let mut direct = queued.clone();
    direct.case.route = "cross-region".into();
    let judgements = judge_all_parts(&spec(), &[queued.clone(), direct.clone()]);
    for judgement in &judgements {
        assert_eq!(codes(judgement), ["path-not-executed", "banner-contradicts"]);
        assert_eq!(judgement.findings()[0].confidence, Confidence::Likely);
    }
    // If the tracer records spans on one route, only the other route is wrong.
    let judgements = judge_all_parts(&spec(), &[recording_case(), direct]);
    assert_eq!(judgements.map_codes(), ["pass", "path-not-executed"]);
    assert_eq!(judgements[1].findings()[0].confidence, Confidence::Certain);
}

/// Regression test: a tracer that breaks the work was certainly work outside the tracer.
#[test]
fn work_that_tracing_ends_early_does_not_run_outside_the_tracer() {
    let mut broken = recording_case();
    broken.case.route = "cross-region".into();
    drop_lines(&mut broken, "Span");
    clear_rows(&mut broken.spans);
    change_rows(&mut broken.units, |unit| drop(unit.insert("status".into(), "failed".into())));
    let mut off = case_with_tracing_off();
    off.case.route = "cross-region".into();
    let mut untraced = broken.clone();
    let judgements = judge_all_parts(&spec(), &[recording_case(), off.clone(), broken]);
    assert_eq!(codes(&judgements[2])[..2], ["undetermined", "outcome-changed-by-tracing"]);
    let message = &judgements[2].findings()[0].message;
    assert!(message.contains("every unit ends differently"), "{message}");
    change_rows(&mut untraced.units, |unit| drop(unit.insert("status".into(), "completed".into())));
    let judgements = judge_all_parts(&spec(), &[recording_case(), off, untraced]);
    assert_eq!(codes(&judgements[2])[0], "path-not-executed");
}

#[test]
fn a_changed_outcome_names_the_case_without_tracing() {
    let mut changed = recording_case();
    change_rows(&mut changed.units, |unit| {
        unit.insert("output".into(), json!({"error": "tracer"}));
    });
    let judgements = judge_all_parts(&spec(), &[case_with_tracing_off(), changed.clone()]);
    assert_eq!(judgements.map_codes(), ["pass", "outcome-changed-by-tracing"]);
    let evidence = &judgements[1].findings()[0].evidence;
    let line = evidence[1].to_string();
    assert!(line.starts_with(&format!("off  case {}", case_with_tracing_off().case.id)), "{line}");
    let Evidence::Compared { case, other: true, .. } = &evidence[1] else { panic!("{evidence:?}") };
    assert_eq!(
        *case,
        case_with_tracing_off().case.id,
        "the report names the command that repeats this case"
    );
    // Cases with different upstreams are not compared.
    changed.case.upstream = "slow".into();
    assert_eq!(
        judge_all_parts(&spec(), &[case_with_tracing_off(), changed]).map_codes(),
        ["pass", "pass"]
    );
}

/// Different results are a finding only if the case without tracing gives the same results each time.
#[rstest]
#[case::not_repeated(None, "pass")]
#[case::always_the_same(Some(Vec::new()), "outcome-changed-by-tracing")]
#[case::varying_anyway(Some(vec!["r1 m q", "r2 m q", "r3 m q", "r4 m q"]), "pass")]
#[case::another_unit_varies(Some(vec!["r1 m q"]), "outcome-changed-by-tracing")]
fn only_values_that_do_not_vary_anyway_are_compared(
    #[case] variations: Option<Vec<&str>>,
    #[case] code: &str,
) {
    let mut untraced = case_with_tracing_off();
    let keys = |keys: Vec<&str>| keys.into_iter().map(str::to_owned).collect();
    untraced.variations = variations.map(keys);
    let mut changed = recording_case();
    change_rows(&mut changed.units, |unit| {
        unit.insert("output".into(), json!({"response": "y"}));
    });
    let judgements = judge_all_parts(&spec(), &[untraced, changed]);
    assert_eq!(judgements.map_codes(), ["pass", code], "{judgements:#?}");
}

/// The healthy case sends four requests with tracing on, and one with tracing off.
#[rstest]
#[case::not_repeated(None, None, "pass")]
#[case::always_the_same(Some(""), Some(""), "outcome-changed-by-tracing")]
#[case::varying_with_tracing_off(Some("requests to the upstream"), Some(""), "pass")]
#[case::varying_with_tracing_on(Some(""), Some("requests to the upstream"), "pass")]
fn numbers_of_requests_are_compared_only_if_neither_varies(
    #[case] varying_off: Option<&str>,
    #[case] varying_on: Option<&str>,
    #[case] code: &str,
) {
    let keys = |text: &str| [text.to_owned()].into();
    let untraced = TrialParts { variations: varying_off.map(keys), ..case_with_tracing_off() };
    let changed = TrialParts { variations: varying_on.map(keys), ..recording_case() };
    let judgements = judge_all_parts(&spec(), &[untraced, changed]);
    assert_eq!(judgements.map_codes(), ["pass", code], "{judgements:#?}");
}

#[test]
fn a_job_that_does_not_end_is_compared_with_the_same_job_without_tracing() {
    let mut untraced = case_with_tracing_off().observation();
    let Origin::Trial(trial) = &mut untraced.origin else { panic!("not a trial") };
    trial.timings = [("submit".to_owned(), 2_000), ("settle".to_owned(), 5_000)].into();
    let mut hanging = recording_case();
    hanging.settled = Some(WaitResult::NotReached("10 s passed".into()));
    hanging.jobs = Rows::from_json(vec![json!({"id": 1, "status": "running"})]);
    let judgements = judge_all(&spec(), &[untraced, hanging.observation()]);
    let finding = judgements[1].findings()[0].to_string();
    assert!(finding.contains("tracing off  case"), "{finding}");
    assert!(finding.contains("the job ended after 7 ms"), "{finding}");
}

trait MapCodes {
    fn map_codes(&self) -> Vec<&'static str>;
}

impl MapCodes for Vec<Judgement> {
    fn map_codes(&self) -> Vec<&'static str> {
        self.iter().map(|judgement| judgement.code().map_or("pass", Code::text)).collect()
    }
}
