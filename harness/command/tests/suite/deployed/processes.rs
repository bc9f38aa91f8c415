//! Tests of `diagnose` with logs that several machines, containers or processes wrote: a line about tracing
//! of one process is no evidence about the work of another process.

use rstest::rstest;
use serde_json::Value as Json;

use super::job_dump::{JobDump, ON, codes};

/// A startup line: tracing is off, and the flag is unset.
const OFF: &str = "⚠️  DBTracer: DISABLED (ENABLE_DB_TRACING=)";
/// A startup line: tracing is off, and the flag is `0`.
const ZERO: &str = "⚠️  DBTracer: DISABLED (ENABLE_DB_TRACING=0)";
/// A line: the service has started a span.
const BEGUN: &str = "🔍 StartSpan called: service=runner, operation=execute_question, enabled=true";
/// A line: a write of a span failed.
const REFUSED: &str = "❌ StartSpan RecordSpan error: permission denied";
/// A line: the service has called the tracer, but the tracer is off and starts no span.
const NOT_STARTED: &str =
    "🔍 StartSpan called: service=runner, operation=execute_question, enabled=false";

/// Returns a log line with the name of its process, the second of its time, and its text.
type Wrap = fn(&str, u32, &str) -> String;

const FLY: Wrap = |name, second, text| {
    format!("2025-10-22T12:00:{second:02}Z app[148e{name}] iad [info]{text}\n")
};
const PODS: Wrap = |name, second, text| {
    let time = format!("2025-10-22T12:00:{second:02}Z");
    format!(
        "{{\"log\":\"{text}\\n\",\"time\":\"{time}\",\"kubernetes\":{{\"pod_name\":\"runner-{name}\"}}}}\n"
    )
};
const PIDS: Wrap =
    |name, second, text| format!("2025-10-22T12:00:{second:02}Z web-1 runner[1{name}]: {text}\n");

fn log(wrap: Wrap, lines: &[(&str, u32, &str)]) -> String {
    lines.iter().map(|(name, second, text)| wrap(name, *second, text)).collect()
}

fn diagnose(log: &str) -> (i32, Json) {
    JobDump::default().diagnose(Some(log), &[])
}

#[rstest]
#[case::machines(FLY)]
#[case::pods(PODS)]
fn contradicting_startup_lines_of_two_processes_make_the_verdict_undetermined(#[case] wrap: Wrap) {
    let on = ON.trim_end();
    for lines in [
        [("1", 0, on), ("2", 0, OFF)],
        [("2", 0, OFF), ("1", 0, on)],
        [("1", 0, on), ("2", 0, ZERO)],
    ] {
        let log = log(wrap, &lines);
        let (code, json) = diagnose(&log);
        assert_eq!((code, codes(&json)), (1, vec!["undetermined".to_owned()]), "{log}{json:#}");
        assert!(json.to_string().contains("no line shows which of them did the work"), "{json:#}");
    }
    // The same process started twice: the last startup line is used.
    let (_, json) = diagnose(&log(wrap, &[("1", 0, on), ("1", 0, OFF)]));
    assert_eq!(codes(&json), ["flag-unset"], "{json:#}");
}

#[rstest]
#[case::machines(FLY)]
#[case::pods(PODS)]
#[case::process_ids(PIDS)]
fn the_startup_line_of_the_process_that_starts_spans_is_used(#[case] wrap: Wrap) {
    let on = ON.trim_end();
    let work = [("1", 0, BEGUN); 4].into_iter().chain([("1", 0, REFUSED); 4]);
    for startup_lines in [
        vec![("1", 0, on), ("2", 0, OFF)],
        vec![("1", 0, on), ("2", 0, ZERO)],
        vec![("2", 0, OFF)],
        vec![("2", 0, ZERO)],
    ] {
        let lines: Vec<_> = startup_lines.into_iter().chain(work.clone()).collect();
        let log = log(wrap, &lines);
        let (code, json) = diagnose(&log);
        assert_eq!((code, codes(&json)[0].as_str()), (1, "write-failed-reported"), "{log}{json:#}");
    }
}

#[test]
fn the_startup_line_of_another_machine_does_not_prove_that_tracing_is_on() {
    let on = ON.trim_end();
    let (_, json) =
        diagnose(&log(FLY, &[("1", 0, on), ("2", 0, NOT_STARTED), ("2", 0, NOT_STARTED)]));
    assert_eq!(codes(&json), ["undetermined"], "{json:#}");
    assert!(json.to_string().contains("at each span that the tracer is off"), "{json:#}");
}

/// The startup line of a process that starts after the job is no evidence about the job.
#[test]
fn the_startup_line_of_the_last_process_before_the_job_is_used() {
    let on = ON.trim_end();
    let log = log(PIDS, &[("1", 0, OFF), ("2", 30, on)]);
    let (_, json) = diagnose(&log);
    assert_eq!(codes(&json), ["flag-unset"], "{json:#}");
    let end = PIDS("2", 10, "idle");
    let (_, json) = diagnose(&(log.replace("T12:00:", "T11:59:") + &end));
    assert_eq!(codes(&json), ["path-not-executed"], "{json:#}");
    assert!(
        json.to_string().contains(
            "1 earlier tracer line of the log contradicts the last one of the same process"
        ),
        "{json:#}"
    );
}
