//! Verdicts on cases that ran several times, and on cases that submit several jobs to the same process.

use rstest::rstest;
use spanproof_format::{Code, Confidence, JobTimes};

use super::*;
use crate::observation::{Repetition, SecondJob};

/// A case in which the tracer is on, prints no line about spans, and stores none.
fn silent_case() -> TrialParts {
    let mut evidence = recording_case();
    drop_lines(&mut evidence, "Span");
    clear_rows(&mut evidence.spans);
    evidence
}

fn trial(codes: &[Code], error: Option<&str>) -> Repetition {
    Repetition {
        witness: false,
        codes: codes.to_vec(),
        error: error.map(str::to_owned),
        longer_wait: None,
    }
}

/// Judges the silent case after further trials.
fn judge_after(trials: Vec<Repetition>) -> Judgement {
    let mut observation = silent_case().observation();
    observation.set_repetitions(trials);
    judge(&spec(), &observation)
}

#[rstest]
#[case::all_spans_once(vec![trial(&[Code::NeverSent], None), trial(&[], None)], "flaky")]
#[case::the_same(vec![trial(&[Code::PathNotExecuted], None)], "path-not-executed")]
#[case::another_reason(vec![trial(&[Code::NeverSent], None)], "undetermined")]
#[case::did_not_start(vec![trial(&[], Some("no port"))], "path-not-executed")]
fn a_reason_must_hold_in_every_trial(#[case] trials: Vec<Repetition>, #[case] code: &str) {
    assert_eq!(codes(&judge_after(Vec::new()))[0], "path-not-executed");
    let judgement = judge_after(trials);
    assert_eq!(codes(&judgement)[0], code);
    let finding = judgement.findings()[0].to_string();
    assert!(finding.contains("    another trial: "), "{finding}");
}

#[test]
fn a_finding_contains_the_error_of_a_trial_that_did_not_start() {
    let finding = judge_after(vec![trial(&[], Some("no port"))]).findings()[0].to_string();
    assert!(finding.contains("another trial: did not start: no port"), "{finding}");
}

#[rstest]
#[case::in_every_pair(&[(20, 900), (25, 910)], &["slowed-by-tracing"])]
#[case::one_slow_trial_without_tracing(&[(20, 900), (400, 910)], &["slowed-by-tracing"])]
#[case::all_slow_without_tracing(&[(300, 900), (310, 910)], &[])]
#[case::in_one_pair(&[(20, 900), (500, 910)], &[])]
#[case::never(&[(20, 30), (20, 40)], &[])]
fn a_job_is_reported_as_slow_only_if_it_is_slow_in_every_pair_of_trials(
    #[case] pairs: &[(u64, u64)],
    #[case] expected: &[&str],
) {
    let mut observation = recording_case().observation();
    observation.set_job_times(JobTimes::new("0a", pairs));
    let judgement = judge(&spec(), &observation);
    assert_eq!(codes(&judgement), expected);
    assert!(judgement.findings().iter().all(|one| one.confidence == Confidence::Likely));
}

/// Returns an observation of a case whose job took `ms`.
fn with_job_ms(parts: &TrialParts, ms: u64) -> Observation {
    let mut observation = parts.observation();
    let Origin::Trial(trial) = &mut observation.origin else { unreachable!() };
    trial.timings = [("submit".to_owned(), 0), ("settle".to_owned(), ms * 1000)].into();
    observation
}

/// Other trials at the same time may have slowed down the case with tracing off.
#[rstest]
#[case::twice_as_slow(400, 1000, true)]
#[case::nearly_as_fast(900, 1000, false)]
#[case::both_fast(20, 200, false)]
fn jobs_are_measured_again_if_tracing_may_slow_them_down(
    #[case] off_ms: u64,
    #[case] on_ms: u64,
    #[case] is_measured: bool,
) {
    let off = with_job_ms(&case_with_tracing_off(), off_ms);
    let on = with_job_ms(&recording_case(), on_ms);
    let expected = if is_measured { vec![(0, 1)] } else { Vec::new() };
    assert_eq!(slow_pairs(&spec(), &[&off, &on]), expected);
}

/// Gives the spans of a job, and its requests, traces of their own.
fn with_own_traces(mut job: TrialParts, number: usize) -> TrialParts {
    change_rows(&mut job.spans, |row| {
        let trace = format!("{}-{number}", row["trace_id"].as_str().unwrap_or_default());
        row.insert("trace_id".into(), trace.into());
    });
    for exchange in &mut job.exchanges {
        for (_, value) in exchange.headers.iter_mut().filter(|(name, _)| *name == "x-trace-id") {
            *value = format!("{value}-{number}");
        }
    }
    job
}

/// Judges a case whose first job is healthy, with these later jobs, each with its own traces.
fn judge_jobs(later: &[TrialParts]) -> Judgement {
    let later = later.iter().cloned().zip(2..);
    judge_jobs_unchanged(
        &later.map(|(job, number)| with_own_traces(job, number)).collect::<Vec<_>>(),
    )
}

/// Judges a case whose first job is healthy, with these later jobs.
fn judge_jobs_unchanged(later: &[TrialParts]) -> Judgement {
    judge(&spec(), &with_later_jobs("job-repeated", later))
}

/// A case with a fault whose first job is healthy, with these later jobs.
fn with_later_jobs(fault: &str, later: &[TrialParts]) -> Observation {
    let spec = spec();
    let mut observation = recording_case().observation();
    observation.case = observation.case.with_fault(&spec, Some(fault));
    let jobs = later.iter().map(|parts| {
        let Observation { tables, origin, .. } = parts.observation();
        let Origin::Trial(trial) = origin else { panic!("not a trial") };
        SecondJob { run: trial.run, job_run: trial.job_run, tables, server_errors: None }
    });
    let mut jobs: Vec<_> = jobs.collect();
    let Origin::Trial(trial) = &mut observation.origin else { panic!("not a trial") };
    trial.second_job = (!jobs.is_empty()).then(|| Box::new(jobs.remove(0)));
    trial.further_jobs = jobs;
    let mut count = trial.exchanges.len();
    for parts in later {
        trial.request_counts.push(count);
        count += parts.exchanges.len();
    }
    trial.exchanges.extend(later.iter().flat_map(|parts| parts.exchanges.clone()));
    observation
}

fn refused_job() -> TrialParts {
    let mut evidence = silent_case();
    evidence.submission =
        Some(Submission { request: "POST /".into(), status: 409, body: "{}".into() });
    evidence
}

/// A job whose work runs outside the tracer, so its requests carry no trace either.
fn untraced_job() -> TrialParts {
    let mut evidence = silent_case();
    for exchange in &mut evidence.exchanges {
        exchange.headers.remove("x-trace-id");
    }
    evidence
}

fn failed_job() -> TrialParts {
    let mut evidence = silent_case();
    change_rows(&mut evidence.units, |row| drop(row.insert("status".into(), "failed".into())));
    evidence
}

/// A job during which the tracer prints no startup line: it was made for the first job.
fn job_without_startup_line() -> TrialParts {
    let mut evidence = recording_case();
    drop_lines(&mut evidence, "DBTracer");
    evidence
}

#[rstest]
#[case::none(&[], &[])]
#[case::lazy_tracer(&[job_without_startup_line()], &[])]
#[case::all_recorded(&[recording_case(), recording_case()], &[])]
#[case::stopped(&[recording_case(), silent_case(), silent_case()], &["recording-stopped"])]
#[case::stopped_at_once(&[silent_case(), silent_case()], &["recording-stopped"])]
#[case::lost_once(&[silent_case(), recording_case()], &["path-not-executed"])]
#[case::untraced_once(&[untraced_job(), recording_case()], &["path-not-executed"])]
#[case::refused(&[recording_case(), refused_job()], &[])]
#[case::other_outcome(&[failed_job()], &[])]
fn later_jobs_must_leave_the_spans_of_the_first_one(
    #[case] later: &[TrialParts],
    #[case] expected: &[&str],
) {
    let judgement = judge_jobs(later);
    let found: Vec<_> = codes(&judgement).into_iter().take(1).collect();
    assert_eq!(found, expected, "{judgement:#?}");
}

#[test]
fn a_trace_that_jobs_with_different_ids_share_is_reported_as_likely_wrong() {
    let judgement = judge_jobs_unchanged(&[recording_case()]);
    assert_eq!(codes(&judgement), ["invalid-ids"]);
    assert_eq!(judgement.findings()[0].confidence, Confidence::Likely);
}

/// Regression test: the witness has no effect on a later job, so it decides nothing.
#[test]
fn the_next_step_for_a_later_job_is_not_the_witness() {
    let mut lost = recording_case();
    clear_rows(&mut lost.spans);
    let judgement = judge_jobs(&[lost, recording_case()]);
    let finding = judgement.findings()[0].to_string();
    assert!(finding.contains("job 2 of 3"), "{finding}");
    assert!(finding.contains("to decide, "), "{finding}");
    assert!(!finding.contains("with the witness"), "{finding}");
}

/// A sampler may also drop a few jobs in a row.
#[test]
fn recording_stopped_is_certain_only_if_it_is_known_how_spans_were_lost() {
    let judgement = judge_jobs(&[recording_case(), recording_case(), silent_case()]);
    assert_eq!(judgement.findings()[0].confidence, Confidence::Likely);
    let judgement = judge_jobs(&[silent_case(), silent_case(), silent_case(), silent_case()]);
    assert_eq!(judgement.findings()[0].confidence, Confidence::Likely);
    let reporting = || {
        let mut evidence = recording_case();
        clear_rows(&mut evidence.spans);
        let error = "❌ StartSpan RecordSpan error: permission denied";
        evidence.output.lines.extend((0..8).map(|_| line(Stream::Stderr, error)));
        evidence
    };
    let judgement = judge_jobs(&[recording_case(), reporting(), reporting()]);
    let finding = &judgement.findings()[0];
    assert_eq!(finding.confidence, Confidence::Certain, "{finding}");
    let text = finding.to_string();
    for part in ["jobs 1 to 2 left their spans", "job 2: 8 spans", "job 4: 0 spans for 4 units"] {
        assert!(text.contains(part), "expected {part}\nfound {text}");
    }
}

/// A job that executes none of its units.
fn empty_job() -> TrialParts {
    let mut evidence = silent_case();
    clear_rows(&mut evidence.units);
    evidence
}

/// Regression test: the fault was blamed for a next job that ends in the same way without it.
#[rstest]
#[case::other_outcome(&empty_job(), &empty_job(), "known")]
#[case::lost_without_it(&untraced_job(), &untraced_job(), "known")]
#[case::healthy_without_it(&recording_case(), &untraced_job(), "not-recovered")]
#[case::ends_otherwise_only_after_it(&recording_case(), &empty_job(), "not-recovered")]
#[case::loses_spans_only_after_it(&empty_job(), &untraced_job(), "not-recovered")]
fn the_job_after_a_fault_is_compared_with_a_repeated_job(
    #[case] repeated: &TrialParts,
    #[case] after_fault: &TrialParts,
    #[case] expected: &str,
) {
    let case = |fault, job: &TrialParts| with_later_jobs(fault, &[with_own_traces(job.clone(), 2)]);
    let all = [
        recording_case().observation(),
        case("insert-revoked", after_fault),
        case("job-repeated", repeated),
    ];
    let judgements = judge_all(&spec(), &all);
    let found = match &judgements[1].verdict {
        Verdict::Known(_) => "known",
        _ => judgements[1].code().map_or("", Code::text),
    };
    assert_eq!(found, expected, "{judgements:#?}");
}

/// Regression test: a service that hangs at its second job was only `not-stopped`.
#[rstest]
#[case::hangs("running", &["job-not-finished"])]
#[case::ended_too_late("completed", &[])]
fn a_later_job_must_end_if_the_first_one_did(#[case] status: &str, #[case] expected: &[&str]) {
    let mut hanging = silent_case();
    hanging.settled = Some(WaitResult::NotReached("the job is still running".into()));
    set_job_status(&mut hanging, status);
    clear_rows(&mut hanging.units);
    let judgement = judge_jobs(&[hanging]);
    assert_eq!(codes(&judgement), expected, "{judgement:#?}");
}
