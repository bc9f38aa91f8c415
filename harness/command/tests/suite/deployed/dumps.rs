//! Tests of `diagnose` with imperfect dumps: rows in another schema, rows that are left out, other encodings.

use rstest::rstest;
use serde_json::Value as Json;

use super::job_dump::{JobDump, ON, STARTED, codes, diagnose, first_message, run};
use crate::run::Output;

/// Two lines: the service has started both spans of a unit (one part of a job's work).
pub(super) const BEGUN: &str = "🔍 StartSpan called: service=runner, operation=execute_question, enabled=true\n\
                     🔍 StartSpan called: service=runner, operation=hybrid_router_call, enabled=true\n";

/// Returns the code of each job in the table of jobs; null for a pass.
pub(super) fn job_codes(json: &Json) -> Vec<Json> {
    json["jobs"].as_array().unwrap().iter().map(|job| job["code"].clone()).collect()
}

#[rstest]
#[case::utf_16(b"\xff\xfe-\x00-".as_slice(), "convert it with `iconv")]
#[case::custom(b"PGDMP\x01".as_slice(), "convert it with `pg_restore -f - FILE`")]
#[case::xz(b"\xfd7zXZ\x00".as_slice(), "unpack it with `xzcat FILE`")]
fn a_damaged_dump_is_refused_with_advice(#[case] bytes: &[u8], #[case] expected: &str) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("dump.sql"), bytes).unwrap();
    let Output { code, stderr, .. } = run(folder.path(), &["diagnose", "--dump", "dump.sql"]);
    assert_eq!(code, 2);
    assert!(stderr.contains(expected), "{stderr}");
}

/// Regression test: spans in a table of another schema counted as stored, and the verdict was a pass.
#[test]
fn spans_in_another_schema_are_reported_as_wrong_destination() {
    let dump = JobDump { traced_units: 4, ..JobDump::default() }.text();
    let (tables, spans) = dump.split_once("COPY public.trace_spans ").unwrap();
    let (columns, _) = spans.split_once('\n').unwrap();
    let moved = format!("{tables}COPY public.trace_spans {columns}\n\\.\n");
    let moved = format!("{moved}COPY archive.trace_spans {spans}");
    let (_, json) = diagnose(&moved, Some(&format!("{ON}{}", BEGUN.repeat(4))), &[]);
    assert_eq!(codes(&json), ["wrong-destination"], "{json:#}");
    assert!(first_message(&json).contains("`archive.trace_spans`"), "{json:#}");
}

/// Regression test: a table whose rows the dump leaves out was taken for an empty table.
#[test]
fn rows_that_were_left_out_are_not_reported_as_missing() {
    let dump = JobDump::default().text();
    let (rest, _) = dump.split_once("COPY public.trace_spans ").unwrap();
    let (_, json) = diagnose(rest, Some(&format!("{ON}{STARTED}")), &[]);
    assert_eq!(codes(&json), ["undetermined"], "{json:#}");
    assert!(
        first_message(&json).contains("the dump has no rows of `public.trace_spans`"),
        "{json:#}"
    );
}

/// Regression test: if the log had no times, the units of one job were also attributed to the other job.
#[test]
fn a_job_without_units_is_judged_on_its_own() {
    let dump = JobDump { traced_units: 4, ..JobDump::default() }.text();
    let dump =
        dump.replace("469\tbias-1", "470\tnothing\tcompleted\t2025-10-22 12:00:00+00\n469\tbias-1");
    let (code, json) = diagnose(&dump, Some(&format!("{ON}{}", BEGUN.repeat(4))), &[]);
    assert_eq!(
        (code, job_codes(&json)),
        (1, vec![Json::Null, "job-failed-early".into()]),
        "{json:#}"
    );
}

/// Regression test: the last startup line was taken as true for all processes of the log.
#[test]
fn a_process_with_tracing_off_proves_nothing_about_a_process_that_starts_spans() {
    let off = "⚠️  DBTracer: DISABLED (ENABLE_DB_TRACING=)\n";
    let log = format!("{ON}{}{off}", BEGUN.repeat(4));
    let (_, json) = JobDump::default().diagnose(Some(&log), &[]);
    assert_eq!(codes(&json), ["undetermined"], "{json:#}");
}

/// Regression test: the table of jobs showed `tracer-not-constructed` above the verdict `undetermined`.
#[test]
fn the_table_of_jobs_agrees_with_the_verdict_below_it() {
    let dump = JobDump::default().text();
    let dump =
        dump.replace("469\tbias-1", "470\tother\tfailed\t2025-10-22 12:01:00+00\n469\tbias-1");
    let unit = "9\t470\tr\tm\tq\tfailed\t2025-10-22 12:01:00+00\t2025-10-22 12:01:00.02+00\n";
    let dump = dump.replace("\n1\t469", &format!("\n{unit}1\t469"));
    let log = format!("2025-10-23T12:00:00Z {ON}2025-10-23T12:00:00Z {STARTED}");
    let (_, json) = diagnose(&dump, Some(&log), &[]);
    assert_eq!(codes(&json), ["undetermined"], "{json:#}");
    assert_eq!(job_codes(&json), ["undetermined", "undetermined"], "{json:#}");
}

/// Lines about spans at a time when no job ran can belong to a job if the clock of the service differs.
#[test]
fn lines_about_spans_outside_all_jobs_make_the_verdict_undetermined() {
    let dump = JobDump { units: 1, ..JobDump::default() }.text();
    let dump =
        dump.replace("469\tbias-1", "470\tother\tfailed\t2025-10-22 13:00:00+00\n469\tbias-1");
    let unit = "9\t470\tr\tm\tq\tfailed\t2025-10-22 13:00:00.02+00\t2025-10-22 13:00:00.04+00\n";
    let dump = dump.replace("\n1\t469", &format!("\n{unit}1\t469"));
    let between: String =
        BEGUN.lines().map(|line| format!("2025-10-22T12:30:00Z {line}\n")).collect();
    let log = format!("2025-10-22T11:59:00Z {ON}{between}2025-10-22T13:01:00Z end\n");
    let (_, json) = diagnose(&dump, Some(&log), &[]);
    assert_eq!(job_codes(&json), ["undetermined", "undetermined"], "{json:#}");
    assert_eq!(codes(&json), ["undetermined"], "{json:#}");
    let (_, json) = diagnose(&dump, Some(&log), &["--job", "469"]);
    assert_eq!(job_codes(&json), ["path-not-executed"], "{json:#}");
}
