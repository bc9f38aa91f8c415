//! Tests of `diagnose` with logs of which a part is missing: a line that the log lacks proves nothing then.

use rstest::rstest;

use super::job_dump::{JobDump, ON, codes, diagnose, first_message};

/// Returns a log that begins before the job and ends after it, with lines in between.
fn log(lines: &str) -> String {
    format!("2025-10-22T11:59:00Z {ON}{lines}2025-10-22T12:01:00Z idle\n")
}

#[rstest]
#[case::complete("", "path-not-executed", "")]
#[case::lost(
    "2025-10-22T12:00:01Z rsyslogd: imuxsock lost 512 messages from pid 417 due to rate-limiting\n",
    "undetermined",
    "log:2 reports that lines were lost"
)]
#[case::lost_at_another_time(
    "2025-10-22T11:59:01Z rsyslogd: imuxsock lost 512 messages from pid 417 due to rate-limiting\n",
    "path-not-executed",
    ""
)]
#[case::library_off(
    "2025-10-22T11:59:01Z OTEL_SDK_DISABLED=true, using no-op tracer\n",
    "undetermined",
    "switches OpenTelemetry off"
)]
#[case::late_clock(
    "2025-10-22T12:00:27Z picked up bias-detection-1\n",
    "undetermined",
    "26 seconds after the end of its last unit"
)]
#[case::unknown_names(
    "2025-10-22T12:00:00.03Z 🔍 StartSpan called: service=runner, operation=run, enabled=true\n\
     2025-10-22T12:00:00.03Z 🔍 StartSpan called: service=runner, operation=run, enabled=true\n",
    "undetermined",
    "which no `[[span]]` of the spec names"
)]
fn a_missing_line_proves_nothing_in_a_damaged_log(
    #[case] lines: &str,
    #[case] code: &str,
    #[case] message: &str,
) {
    let dump = JobDump::default().text().replace("bias-1", "bias-detection-1");
    let (_, json) = diagnose(&dump, Some(&log(lines)), &[]);
    assert_eq!(codes(&json), [code], "{json:#}");
    assert!(first_message(&json).contains(message), "{json:#}");
}

#[test]
fn a_log_that_ends_while_a_unit_runs_proves_nothing() {
    let log = format!("2025-10-22T11:59:00Z {ON}2025-10-22T12:00:00.005Z picked up bias-1\n");
    let (_, json) = JobDump::default().diagnose(Some(&log), &[]);
    assert_eq!(codes(&json), ["undetermined"], "{json:#}");
    assert!(first_message(&json).contains("before the last unit ended"), "{json:#}");
}

/// Regression test: a job was reported as not picked up although the log names it, or ends before it.
#[rstest]
#[case::taken("2025-10-22T12:00:05Z picked up bias-1\n", "undetermined", "the log names it")]
#[case::submitted("2025-10-22T12:00:05Z accepted bias-1\n", "job-not-picked-up", "")]
#[case::no_line("2025-10-22T12:00:05Z idle\n", "job-not-picked-up", "")]
#[case::later_than_the_log("", "undetermined", "after the last line of the log")]
fn a_waiting_job_was_not_picked_up_only_if_the_log_can_show_that(
    #[case] lines: &str,
    #[case] code: &str,
    #[case] message: &str,
) {
    let dump = JobDump { job_status: "queued", units: 0, ..JobDump::default() };
    let (_, json) = dump.diagnose(Some(&format!("2025-10-22T11:59:00Z {ON}{lines}")), &[]);
    assert_eq!(codes(&json), [code], "{json:#}");
    assert!(first_message(&json).contains(message), "{json:#}");
}
