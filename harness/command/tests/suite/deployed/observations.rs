//! Tests of the verdict of `diagnose` for combinations of rows with lines of a log. The lines are
//! startup lines that report whether tracing is on, and lines about spans. A unit is one piece of a
//! job's work: a row of `executions`.

use rstest::rstest;

use super::job_dump::{JobDump, ON, STARTED, codes, diagnose, first_message, run};
use crate::run::Output;

/// A startup line: tracing is off, and the flag is unset.
const OFF: &str = "⚠️  DBTracer: DISABLED (ENABLE_DB_TRACING=)\n";
/// A startup line: tracing is off, and the flag is `1`.
const OFF_1: &str = "⚠️  DBTracer: DISABLED (ENABLE_DB_TRACING=1)\n";
/// A startup line: tracing is off, and the flag is `false`.
const OFF_FALSE: &str = "⚠️  DBTracer: DISABLED (ENABLE_DB_TRACING=false)\n";
/// Two lines: the service has started both spans of a unit.
const STARTED_SPANS: &str = "🔍 StartSpan called: service=runner, operation=execute_question, enabled=true\n\
                     🔍 StartSpan called: service=runner, operation=hybrid_router_call, enabled=true\n";
/// A line: the service has called the tracer, but the tracer is off and starts no span.
const NOT_STARTED: &str =
    "🔍 StartSpan called: service=runner, operation=execute_question, enabled=false\n";
/// Two lines: the service has written both spans of a unit.
const WRITTEN_SPANS: &str = "✅ StartSpan RecordSpan success\n✅ StartSpan RecordSpan success\n";
/// A line: a write of a span failed.
const FAILED_WRITE: &str =
    "❌ StartSpan RecordSpan error: relation \"trace_spans\" does not exist\n";
/// A line: the service crashed.
const PANIC: &str = "thread 'worker' panicked at src/tracer.rs:7:5\n";

/// Each test case has the number of units in the dump, the number of units with spans, the lines of
/// the log, and the expected code.
#[rstest]
#[case::no_units_and_no_line_about_tracing(0, 0, &[STARTED], "tracer-not-constructed")]
#[case::panic(0, 0, &[PANIC], "process-crashed")]
#[case::flag_unset(4, 0, &[OFF, NOT_STARTED, WRITTEN_SPANS], "flag-unset")]
#[case::flag_unset_and_no_span_lines(4, 0, &[OFF], "flag-unset")]
#[case::unrecognised_spelling(4, 0, &[OFF_1, NOT_STARTED], "flag-unrecognised-value")]
#[case::no_span_lines(4, 0, &[ON, STARTED], "path-not-executed")]
#[case::no_units(0, 0, &[ON], "job-failed-early")]
#[case::writes_fail(4, 0, &[ON, STARTED_SPANS, FAILED_WRITE, STARTED_SPANS, FAILED_WRITE, STARTED_SPANS, FAILED_WRITE, STARTED_SPANS, FAILED_WRITE], "write-failed-reported")]
#[case::written_spans_are_missing(4, 0, &[ON, STARTED_SPANS, WRITTEN_SPANS, STARTED_SPANS, WRITTEN_SPANS, STARTED_SPANS, WRITTEN_SPANS, STARTED_SPANS, WRITTEN_SPANS], "undetermined")]
#[case::no_lines_about_writes(4, 0, &[ON, STARTED_SPANS, STARTED_SPANS, STARTED_SPANS, STARTED_SPANS], "undetermined")]
#[case::no_startup_lines(4, 0, &["something else\n"], "undetermined")]
#[case::no_log(4, 0, &[], "undetermined")]
#[case::disabled_spans_and_no_line_about_tracing(4, 0, &[NOT_STARTED, NOT_STARTED], "undetermined")]
#[case::last_startup_line_is_used(4, 0, &[ON, OFF, NOT_STARTED], "flag-unset")]
#[case::disabled_and_recording(4, 4, &[OFF], "banner-contradicts")]
fn each_combination_of_rows_and_lines_has_its_code(
    #[case] units: usize,
    #[case] traced_units: usize,
    #[case] log: &[&str],
    #[case] code: &str,
) {
    let job_dump = JobDump { units, traced_units, ..JobDump::default() };
    let log = (!log.is_empty()).then(|| log.concat());
    let (exit_code, json) = job_dump.diagnose(log.as_deref(), &[]);
    assert_eq!(codes(&json), [code], "{json:#}");
    assert_eq!(exit_code, 1);
}

/// Each test case has a change in the rows of spans, and the expected code.
#[rstest]
#[case::healthy(("", ""), None)]
#[case::without_ids(("\t469\t1\tm\tr1", "\t\\N\t\\N\t\\N\t\\N"), Some("unlinked"))]
#[case::not_ended(("2025-10-22 12:00:00.03+00\t10\tfailed", "\\N\t\\N\tstarted"), Some("not-finished"))]
#[case::other_status(("10\tfailed", "10\tcompleted"), Some("status-disagrees"))]
#[case::negative_duration(("\t10\tfailed", "\t-10\tfailed"), Some("impossible-times"))]
#[case::no_parent(("\ts1\trunner", "\t\\N\trunner"), Some("broken-tree"))]
#[case::renamed(("execute_question", "execute"), Some("wrong-attributes"))]
fn stored_spans_are_judged(
    #[case] change: (&'static str, &'static str),
    #[case] code: Option<&str>,
) {
    let job_dump = JobDump { units: 4, traced_units: 4, change, ..JobDump::default() };
    let (exit_code, json) = job_dump.diagnose(Some(ON), &[]);
    assert_eq!(codes(&json).first().map(String::as_str), code, "{json:#}");
    assert_eq!(exit_code, i32::from(code.is_some()));
    assert_eq!(json["jobs"][0]["spans"], 8);
}

#[rstest]
#[case::waits("queued", "job-not-picked-up")]
#[case::runs("processing", "job-not-finished")]
fn a_job_without_units_is_not_reported_as_lost_spans(
    #[case] job_status: &'static str,
    #[case] code: &str,
) {
    let job_dump = JobDump { job_status, units: 0, ..JobDump::default() };
    assert_eq!(codes(&job_dump.diagnose(Some(ON), &[]).1), [code]);
}

#[test]
fn spans_of_a_running_job_need_no_end() {
    let change = ("2025-10-22 12:00:00.03+00\t10\tfailed", "\\N\t\\N\tstarted");
    let job_dump =
        JobDump { job_status: "processing", traced_units: 4, change, ..JobDump::default() };
    let (_, json) = job_dump.diagnose(Some(ON), &[]);
    assert_eq!(codes(&json), ["job-not-finished"]);
}

#[test]
fn a_job_with_tracing_off_passes_unless_an_argument_sets_the_flag() {
    let job_dump = JobDump::default();
    let Output { code, stdout, .. } = job_dump.run(Some(OFF_FALSE), &[]);
    assert_eq!(code, 0, "{stdout}");
    assert!(stdout.contains("ENABLE_DB_TRACING is off, so no spans are expected"), "{stdout}");
    let (exit_code, json) = job_dump.diagnose(Some(OFF), &["--flag", "ENABLE_DB_TRACING=true"]);
    assert_eq!((exit_code, codes(&json)), (1, vec!["flag-unset".to_owned()]));
    let message = first_message(&json);
    assert!(message.contains("ENABLE_DB_TRACING=true should be set"), "{message}");
}

/// Each test case has the lines of a log, the expected code, and a part of the message. There is
/// neither a database nor a dump.
#[rstest]
#[case::enabled_and_written(&[ON, STARTED_SPANS, WRITTEN_SPANS], "undetermined", "2 spans were begun and 2 reported as written")]
#[case::disabled(&[OFF, NOT_STARTED], "flag-unset", "the service saw ENABLE_DB_TRACING unset or empty")]
#[case::no_line_about_tracing(&["job runner started\n"], "undetermined", "get the log from the start of the process")]
#[case::enabled_without_spans(&[ON, STARTED], "undetermined", "no span was begun")]
#[case::enabled_and_refused(&[ON, STARTED_SPANS, FAILED_WRITE], "write-failed-reported", "1 write failed")]
fn a_log_alone_has_a_verdict(#[case] log: &[&str], #[case] finding: &str, #[case] expected: &str) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("runner.log"), log.concat()).unwrap();
    let Output { code, stdout, stderr } = run(folder.path(), &["diagnose", "--log", "runner.log"]);
    assert_eq!(code, 1, "{stdout}{stderr}");
    assert!(stdout.contains(&format!("FAIL {finding}")) && stdout.contains(expected), "{stdout}");
}

#[test]
fn a_log_from_before_the_job_makes_the_verdict_undetermined() {
    let log = format!("2025-10-21T12:00:00Z {ON}2025-10-21T13:00:00Z something\n");
    let (_, json) = JobDump::default().diagnose(Some(&log), &[]);
    assert_eq!(codes(&json), ["undetermined"]);
    let message = first_message(&json);
    assert!(message.contains("the log is of another time"), "{message}");
}

#[test]
fn a_diagnosis_lists_evidence_for_and_against_it() {
    let log = format!("{OFF}{ON}{PANIC}");
    let Output { stdout, .. } = JobDump::default().run(Some(&log), &[]);
    for expected in [
        "FAIL path-not-executed (job 469)",
        "for:      the work was done: 4 rows in `executions`",
        "against:  1 earlier tracer line of the log contradicts the last one of the same process",
        "against:  the lines of the log have no timestamps",
        "against:  the log reports a process that died: log:3",
        "against:  a process other than the one whose log is `runner.log` may have done the work",
        "more:     spanproof explain path-not-executed",
    ] {
        assert!(stdout.contains(expected), "expected {expected}\nfound {stdout}");
    }
}

/// Jobs 469 and 470 run in parallel, but only job 469 records spans. The log has lines about the
/// spans of job 469 only.
#[rstest]
#[case::both(&[], &["path-not-executed"])]
#[case::untraced(&["--job", "470"], &["path-not-executed"])]
#[case::traced(&["--job", "469"], &[])]
fn lines_about_the_spans_of_a_job_are_not_evidence_for_another_job(
    #[case] more: &[&str],
    #[case] expected: &[&str],
) {
    let mut dump = JobDump { traced_units: 4, ..JobDump::default() }.text();
    let job = "469\tbias-1\tfailed\t2025-10-22 12:00:00+00\n";
    dump = dump.replace(job, &format!("{job}470\tbias-2\tfailed\t2025-10-22 12:00:00+00\n"));
    let unit = "1\t469\tr1\tm\tq\tfailed\t2025-10-22 12:00:00.02+00\t2025-10-22 12:00:00.04+00\n";
    assert!(dump.contains(unit), "{dump}");
    let untraced: String =
        (5..=8).map(|id| unit.replacen("1\t469\tr1", &format!("{id}\t470\tr{id}"), 1)).collect();
    dump = dump.replace(unit, &format!("{unit}{untraced}"));
    let lines = format!("{STARTED_SPANS}{WRITTEN_SPANS}").repeat(4);
    let timed: String =
        lines.lines().map(|line| format!("2025-10-22T12:00:00.03Z {line}\n")).collect();
    let log = format!("2025-10-22T11:59:00Z {ON}{timed}2025-10-22T12:01:00Z end\n");
    let (_, json) = diagnose(&dump, Some(&log), more);
    assert_eq!(codes(&json), expected, "{json:#}");
}

#[test]
fn a_manifest_sets_the_value_of_a_flag() {
    let folder = tempfile::tempdir().unwrap();
    let manifest = folder.path().join("fly.toml");
    std::fs::write(&manifest, "[env]\nENABLE_DB_TRACING = 'true'\n").unwrap();
    let manifest = manifest.to_str().unwrap();
    let (_, json) = JobDump::default().diagnose(Some(OFF), &["--manifest", manifest]);
    let message = first_message(&json);
    assert!(message.contains("ENABLE_DB_TRACING=true should be set"), "{message}");
    let other = folder.path().join(".env");
    std::fs::write(&other, "ENABLE_DB_TRACING=1\n").unwrap();
    let both = ["--manifest", manifest, "--manifest", other.to_str().unwrap()];
    let Output { code, stderr, .. } = JobDump::default().run(Some(OFF), &both);
    assert_eq!(code, 2);
    assert!(
        stderr.contains("`ENABLE_DB_TRACING` is `true` in one manifest and `1` in `"),
        "{stderr}"
    );
    let decided = [&both[..], &["--flag", "ENABLE_DB_TRACING=true"]].concat();
    assert_eq!(JobDump::default().run(Some(OFF), &decided).code, 1);
}
