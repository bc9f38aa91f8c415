//! Tests of `diagnose` with logs whose lines only quote something: an error that the service recovers from,
//! or a startup line in a message about it. Also tests with the log of a different service.

use rstest::rstest;

use super::job_dump::{JobDump, ON, STARTED, codes, diagnose, first_message};

const BEGUN: &str =
    "🔍 StartSpan called: service=runner, operation=execute_question, enabled=true\n";
const OFF: &str = "⚠️  DBTracer: DISABLED (ENABLE_DB_TRACING=)\n";
const AT: &str = "2025-10-22T12:00:00.030Z ";

/// Returns a log of a service whose tracing is on, with `begun` lines about the start of spans and with one
/// more line.
fn log_with(line: &str, begun: usize) -> String {
    let begun = format!("{AT}{BEGUN}").repeat(begun);
    format!(
        "2025-10-22T11:00:00Z {ON}2025-10-22T11:00:00Z {STARTED}{begun}{line}\n2025-10-22T12:00:05Z later\n"
    )
}

/// Regression test: each of these lines was taken as proof of a failed write.
#[rstest]
#[case::retry("retrying after: permission denied for table trace_spans")]
#[case::info("INFO insert failed: permission denied for table trace_spans")]
#[case::json(r#"{"level":"info","msg":"insert failed: permission denied for table trace_spans"}"#)]
#[case::handled("INFO handled: ERROR: permission denied for table trace_spans")]
#[case::ignored("WARN ignored: relation \"trace_spans\" does not exist")]
#[case::logfmt("level=debug msg=\"permission denied for table trace_spans\"")]
fn an_error_from_which_the_service_recovers_is_not_proof_of_a_failed_write(#[case] line: &str) {
    let log = |line: &str, begun| log_with(&format!("{AT}{line}"), begun);
    for begun in [0, 4] {
        let (_, json) = JobDump::default().diagnose(Some(&log(line, begun)), &[]);
        assert_eq!(codes(&json)[0], "undetermined", "{begun} {json:#}");
        assert!(json.to_string().contains("has the text of an error, in a line below"), "{json:#}");
    }
    // The same error with the level of an error.
    let error = "ERROR insert failed: permission denied for table trace_spans";
    let (_, json) = JobDump::default().diagnose(Some(&log(error, 4)), &[]);
    assert_eq!(codes(&json)[0], "write-failed-reported", "{json:#}");
}

/// Regression test: each of these lines was taken as the service's own line that tracing is off.
#[rstest]
#[case::commit(format!("{AT}INFO [git] commit message: {OFF}"))]
#[case::expected(format!("{AT}expected: {OFF}"))]
#[case::added(format!("{AT}+{OFF}"))]
#[case::mail(format!("> {OFF}"))]
#[case::other_field(format!("{AT}{{\"msg\":\"diff\",\"patch\":{}}}\n", serde_json::to_string(OFF.trim_end()).unwrap()))]
fn a_quoted_startup_line_is_not_evidence(#[case] quoted: String) {
    let (_, json) = JobDump::default().diagnose(Some(&quoted), &[]);
    assert_eq!(codes(&json), ["undetermined"], "{json:#}");
    // The service's own startup line is used, not the quoted one.
    let (_, json) = JobDump::default().diagnose(Some(&log_with(quoted.trim_end(), 0)), &[]);
    assert_ne!(codes(&json)[0], "flag-unset", "{json:#}");
}

#[test]
fn both_sides_of_a_diff_are_not_evidence() {
    let diff = format!("{AT}+ {ON}{AT}- {OFF}");
    let (_, json) = JobDump::default().diagnose(Some(&diff), &[]);
    assert_eq!(codes(&json), ["undetermined"], "{json:#}");
    // Loggers write `-` before each message.
    let (_, json) = JobDump::default().diagnose(Some(&format!("{AT}- {OFF}")), &[]);
    assert_eq!(codes(&json), ["flag-unset"], "{json:#}");
}

/// A service can print words before its startup line. If another startup line contradicts this line, the
/// verdict is `undetermined`.
#[test]
fn a_startup_line_after_other_words_is_evidence_if_no_line_contradicts_it() {
    let after_words = format!("{AT}runner tracing {OFF}");
    let (_, json) = JobDump::default().diagnose(Some(&after_words), &[]);
    assert_eq!(codes(&json), ["flag-unset"], "{json:#}");
    let (_, json) = JobDump::default().diagnose(Some(&log_with(after_words.trim_end(), 0)), &[]);
    assert_eq!(codes(&json), ["undetermined"], "{json:#}");
}

#[test]
fn the_log_of_another_service_is_recognised() {
    let lines = |text: &str| format!("{AT}GET /index.html {text}\n").repeat(40);
    let (_, json) = JobDump::default().diagnose(Some(&lines("200")), &[]);
    assert_eq!(codes(&json), ["undetermined"], "{json:#}");
    let text = "the log may be of another service: no line matches a probe of the spec";
    assert!(first_message(&json).contains(text), "{json:#}");
    let dump = JobDump::default().text().replace("bias-1", "bias-detection-1");
    let (_, json) = diagnose(&dump, Some(&lines("bias-detection-1")), &[]);
    assert!(!first_message(&json).contains(text), "it names the job: {json:#}");
}

/// Regression test: spans of one job in a different schema were given as the reason for other jobs, too.
#[test]
fn spans_in_another_schema_explain_only_their_own_job() {
    let job = "469\tbias-1\tfailed\t2025-10-22 12:00:00+00\n";
    let later = job.replace("469", "470").replace("12:00", "13:00");
    let unit = "1\t469\tr1\tm\tq\tfailed\t2025-10-22 12:00:00.02+00\t2025-10-22 12:00:00.04+00\n";
    let later_unit = unit.replace("1\t469", "9\t470").replace(" 12:", " 13:");
    let dump = JobDump { units: 1, ..JobDump::default() }.text();
    let dump =
        dump.replace(job, &format!("{job}{later}")).replace(unit, &format!("{unit}{later_unit}"));
    let columns = "trace_id, span_id, parent_span_id, service, operation, started_at, completed_at, duration_ms, status, \
                   job_id, execution_id, model_id, region";
    let dump = format!(
        "{dump}CREATE TABLE old.trace_spans (\n    execution_id bigint\n);\nCOPY old.trace_spans ({columns}) FROM stdin;\n\
         t\ts\t\\N\trunner\texecute_question\t2025-10-22 12:00:00.02+00\t2025-10-22 12:00:00.03+00\t10\tfailed\t469\t1\tm\tr1\n\\.\n"
    );
    let log = log_with(&format!("2025-10-22T13:00:05Z {ON}"), 0);
    let (_, json) = diagnose(&dump, Some(&log), &["--last", "2"]);
    let code = |id: &str| {
        let jobs = json["jobs"].as_array().unwrap();
        jobs.iter().find(|job| job["id"] == id).unwrap()["code"].clone()
    };
    assert_eq!(code("469"), "wrong-destination", "{json:#}");
    assert_ne!(code("470"), "wrong-destination", "{json:#}");
}
