//! Tests of `diagnose` with a job that starts a second after another one: spans and lines of one job are not
//! evidence about its neighbour.

use serde_json::Value as Json;

use super::dumps::{BEGUN, job_codes};
use super::job_dump::{ON, diagnose};
use super::jobs::{at, dump};

/// Returns the text with job 2 a second after job 1, instead of a minute.
fn a_second_later(text: &str) -> String {
    text.replace(" 12:02:00", " 12:01:01").replace("T12:02:00", "T12:01:01")
}

/// Diagnoses a dump of two jobs, whose log has lines about the start of all their spans, and `more`.
fn diagnose_neighbours(dump: &str, more: &str) -> Json {
    let log = format!("2025-10-22T12:00:00Z {ON}{}{}{more}", at(1, BEGUN), at(2, BEGUN));
    diagnose(&a_second_later(dump), Some(&a_second_later(&log)), &[]).1
}

/// Regression test: the first job has all its spans, and got those of the second job in addition.
#[test]
fn a_job_with_all_its_spans_owns_no_span_without_a_unit() {
    let json = diagnose_neighbours(&dump(2, &[1], &[2]), "");
    assert_eq!(job_codes(&json), [Json::Null, "unlinked".into()], "{json:#}");
    let both = diagnose_neighbours(&dump(2, &[], &[1, 2]), "");
    assert_eq!(job_codes(&both), ["unlinked", "unlinked"], "{both:#}");
}

/// Regression test: both jobs were reported as unlinked, although one of them has no spans.
#[test]
fn spans_that_may_belong_to_two_jobs_make_the_verdict_undetermined() {
    let json = diagnose_neighbours(&dump(2, &[], &[1]), "");
    assert_eq!(job_codes(&json), ["undetermined", "undetermined"], "{json:#}");
    assert!(json.to_string().contains("may belong to any of the jobs 1, 2"), "{json:#}");
}

/// Regression test: the error of the second job was reported for the first one, too.
#[test]
fn a_line_that_names_another_job_is_not_evidence() {
    let error = at(2, "❌ StartSpan RecordSpan error: bias-2: permission denied").repeat(2);
    let json = diagnose_neighbours(&dump(2, &[], &[]), &error);
    assert_eq!(job_codes(&json), ["undetermined", "write-failed-reported"], "{json:#}");
}

/// Regression test: the lines of the first job were taken as lines about the spans of the second job, and its
/// missing span was reported as sampled out.
#[test]
fn spans_of_the_next_job_do_not_explain_the_lines_of_this_job() {
    let all = dump(2, &[1, 2], &[]);
    let child = all.lines().find(|line| line.starts_with("t1\tc1\t")).unwrap();
    let json = diagnose_neighbours(&all.replace(&format!("{child}\n"), ""), "");
    assert_eq!(job_codes(&json), ["undetermined".into(), Json::Null], "{json:#}");
}

/// Regression test: spans whose unit has no row were ignored, and the verdict was `path-not-executed`.
#[test]
fn spans_whose_unit_does_not_exist_are_unlinked() {
    for ids in ["\t\\N\t999\tm\tr1", "\t1\t999\tm\tr1"] {
        let dump = dump(1, &[1], &[]).replace("\t1\t1\tm\tr1", ids);
        let log = format!("2025-10-22T12:00:00Z {ON}{}", at(1, BEGUN));
        let (_, json) = diagnose(&dump, Some(&log), &[]);
        assert_eq!(job_codes(&json), ["unlinked"], "{json:#}");
        assert!(json.to_string().contains("999"), "{json:#}");
    }
}
