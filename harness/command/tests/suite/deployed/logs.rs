//! Tests of `diagnose` with unusual logs: logs with prefixes, compressed, empty and huge logs.

use rstest::rstest;

use super::job_dump::{JobDump, ON, codes, command, diagnose, first_message, run};
use crate::run::Output;

/// A dump of `pg_dump` with the job of [`JobDump`].
const DUMP: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/production/dump.sql");

#[rstest]
#[case::damaged_gzip(b"\x1f\x8b\x08\x00rest".as_slice(), "`gzip -dc` ended with exit status: 1: ")]
#[case::damaged_utf_16(b"\xff\xfeD\x00B".as_slice(), "`iconv -f UTF-16 -t UTF-8` ended with exit status: 1: ")]
#[case::zip(b"PK\x03\x04rest".as_slice(), "it is a zip archive; unpack it with `unzip -p FILE`")]
#[case::binary(b"\x7fELF\x00\x00".as_slice(), "not text: it contains NUL bytes")]
fn a_file_that_is_not_a_log_is_refused(#[case] bytes: &[u8], #[case] expected: &str) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("runner.log"), bytes).unwrap();
    let Output { code, stderr, .. } = run(folder.path(), &["diagnose", "--log", "runner.log"]);
    assert_eq!(code, 2);
    assert!(
        stderr.contains("could not read `runner.log`") && stderr.contains(expected),
        "{stderr}"
    );
}

#[test]
fn an_empty_log_and_a_latin_1_log_make_the_verdict_undetermined() {
    for bytes in [b"".as_slice(), b"caf\xe9\n"] {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("runner.log"), bytes).unwrap();
        let Output { code, stdout, stderr } =
            run(folder.path(), &["diagnose", "--log", "runner.log"]);
        assert_eq!(code, 1, "{stderr}");
        assert!(stdout.contains("FAIL undetermined"), "{stdout}");
    }
}

#[test]
fn a_log_is_read_from_standard_input() {
    let folder = tempfile::tempdir().unwrap();
    let prefixed = format!("2025-10-22T12:00:00Z app[148e2] iad [info]{ON}");
    let command = command(folder.path(), &["diagnose", "--log", "-"]);
    let Output { stdout, .. } = command.stdin(prefixed).output();
    assert!(stdout.contains("log       -: 1 line (flyctl), 2025-10-22 12:00:00Z"), "{stdout}");
    assert!(stdout.contains("log:1  🔍 DBTracer: ENABLED"), "{stdout}");
}

#[rstest]
#[case::missing(&["--log", "none.log"], "could not open the log `none.log`")]
#[case::folder(&["--log", "."], "the log `.` is a folder")]
#[case::both(&["--log", "-", "--dump", "-"], "can't both read standard input")]
#[case::nothing(&[], "no database, dump or log: use `--database URL`")]
#[case::job(&["--log", "x.log", "--job", "469"], "`--job` needs a database or a dump")]
#[case::flag(&["--log", "x.log", "--flag", "ENABLE_DB_TRACIN=true"], "did you mean `ENABLE_DB_TRACING`")]
#[case::flag_without_a_name(&["--log", "x.log", "--flag", "=true"], "expected NAME=VALUE, or !NAME for an unset flag")]
#[case::time(&["--log", "x.log", "--since", "yesterday"], "`yesterday` is not a time; write `30m`")]
#[case::zone(&["--log", "x.log", "--log-zone", "CEST"], "expected an offset from UTC such as `+02:00`")]
#[case::window(&["--log", "x.log", "--since", "1h", "--until", "2h"], "`--since` must be before `--until`")]
#[case::config_twice(&["--log", "x.log", "--config", "none.toml"], "the argument '--config <FILE>' cannot be used multiple times")]
fn wrong_arguments_are_refused(#[case] args: &[&str], #[case] expected: &str) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("x.log"), ON).unwrap();
    let Output { code, stdout, stderr } = run(folder.path(), &[&["diagnose"], args].concat());
    assert_eq!(code, 2, "{stdout}{stderr}");
    assert!(stderr.contains(expected), "expected {expected}\nfound {stderr}");
}

#[test]
fn lines_from_before_the_job_are_not_evidence() {
    // The lines are an hour older than the job, so they are about another job.
    let started = "🔍 StartSpan called: service=runner, operation=execute_question, enabled=true";
    let log = format!(
        "2025-10-22T10:59:00Z {ON}{}2025-10-22T12:00:01Z something else\n",
        format!("2025-10-22T11:00:00Z {started}\n").repeat(8)
    );
    let (_, json) = JobDump::default().diagnose(Some(&log), &[]);
    assert_eq!(codes(&json), ["path-not-executed"], "{json:#}");
}

#[test]
fn a_log_that_is_too_long_to_be_read_completely_makes_the_verdict_undetermined() {
    let started = "🔍 StartSpan called: service=runner, operation=other, enabled=true\n";
    let log = format!("{ON}{}", started.repeat(40_000));
    let (_, json) = JobDump::default().diagnose(Some(&log), &[]);
    assert_eq!(codes(&json), ["undetermined"]);
    let message = first_message(&json);
    assert!(message.contains(" bytes of output exceeded the limit and were dropped"), "{message}");
    assert!(
        message.contains("among them; give a shorter log, from the time of these jobs"),
        "{message}"
    );
}

/// A line: a write of a span failed.
const REFUSED: &str = "❌ StartSpan RecordSpan error: permission denied";
/// A line: the service has started a span.
const BEGUN: &str = "🔍 StartSpan called: service=runner, operation=execute_question, enabled=true";

/// Regression test: times without a zone were silently read as UTC, and the lines of the job seemed to be
/// missing.
#[test]
fn times_without_a_zone_make_the_verdict_undetermined_unless_an_option_sets_the_zone() {
    let line = |text: &str| format!("2025-10-22 14:00:00.030 {text}\n");
    let log =
        format!("2025-10-22 11:00:00.000 {ON}{}", line(BEGUN).repeat(4) + &line(REFUSED).repeat(8));
    let (_, json) = JobDump::default().diagnose(Some(&log), &[]);
    assert_eq!(codes(&json), ["undetermined"], "{json:#}");
    let advice = "use `--log-zone`; with `--log-zone +02:00` most units have a line at their start";
    assert!(first_message(&json).contains(advice), "{json:#}");
    let (_, json) = JobDump::default().diagnose(Some(&log), &["--log-zone", "+02:00"]);
    assert_eq!(codes(&json)[0], "write-failed-reported", "{json:#}");
}

/// A line with the name of a job is written when the job is submitted.
#[test]
fn a_line_that_names_the_job_shows_the_zone() {
    let line = |text: &str| format!("2025-10-22 14:00:00.030 {text}\n");
    let dump = JobDump::default().text().replace("bias-1", "bias-detection-1");
    let log = format!(
        "2025-10-22 11:00:00.000 {ON}{}{}",
        line("accepted bias-detection-1"),
        line(BEGUN).repeat(4) + &line(REFUSED).repeat(8)
    );
    let (_, json) = diagnose(&dump, Some(&log), &[]);
    assert_eq!(codes(&json)[0], "write-failed-reported", "{json:#}");
    let facts = &json["sources"]["log"];
    assert_eq!(facts["fitting_zone"], "+02:00 (log:2)");
    assert_eq!(facts["first"], "2025-10-22T09:00:00Z");
    // A line too long after the job's start shows nothing.
    let late = log.replace("2025-10-22 14:00:00.030 accepted", "2025-10-22 14:05:00.030 accepted");
    let (_, json) = diagnose(&dump, Some(&late), &[]);
    assert_eq!(codes(&json), ["undetermined"], "{json:#}");
}

/// The rows give the year of `Oct 22`, which syslog and journald print, and the order of `10/11/2025`.
#[rstest]
#[case::syslog("Oct 11 14:00:00 web-1 runner[812]: ")]
#[case::month_first("10/11/2025 02:00:00 PM INFO: ")]
#[case::day_first("11.10.2025 14:00:00 [MainThread] INFO ")]
#[case::spark("25/10/11 14:00:00 INFO ")]
#[case::mail("Sat, 11 Oct 2025 12:00:00 GMT ")]
fn the_rows_determine_the_year_and_the_order_of_day_and_month(#[case] stamp: &str) {
    let dump = JobDump::default().text().replace("bias-1", "bias-detection-1");
    let dump = dump.replace("2025-10-22", "2025-10-11");
    let lines = |text: &str| format!("{stamp}{text}\n").repeat(4);
    let named = "accepted bias-detection-1";
    let log = format!("{stamp}{ON}{stamp}{named}\n{}{}", lines(BEGUN), lines(REFUSED));
    let (_, json) = diagnose(&dump, Some(&log), &[]);
    assert_eq!(codes(&json)[0], "write-failed-reported", "{json:#}");
    assert_eq!(json["sources"]["log"]["first"], "2025-10-11T12:00:00Z", "{json:#}");
}

/// spanproof does not choose between two equally plausible dates.
#[test]
fn an_ambiguous_date_makes_the_verdict_undetermined() {
    let stamp = "10/11/2025 12:00:00 INFO: ";
    let log = format!("{stamp}{ON}{}", format!("{stamp}{BEGUN}\n{stamp}{REFUSED}\n").repeat(4));
    for (date, code) in [("2025-10-11", "write-failed-reported"), ("2026-05-05", "undetermined")] {
        let dump = JobDump::default().text().replace("2025-10-22", date);
        let (_, json) = diagnose(&dump, Some(&log), &[]);
        assert_eq!(codes(&json)[0], code, "{json:#}");
        let is_named = json.to_string().contains("its date may begin with the day or the month");
        assert_eq!(is_named, code == "undetermined", "{json:#}");
        assert!(!json.to_string().contains("change the probe"), "{json:#}");
    }
}

/// Regression test: a line that a probe (a pattern of the spec) with `$` does not match was not mentioned if
/// other lines gave a reason.
#[test]
fn a_line_with_more_text_than_a_probe_allows_is_mentioned() {
    let line = |text: &str| format!("2025-10-22T12:00:00.030Z {text} ~~7\n");
    let log = format!("2025-10-22T11:00:00Z {ON}{}", line(BEGUN) + &line(REFUSED).repeat(4));
    let (_, json) = JobDump::default().diagnose(Some(&log), &[]);
    let text = json.to_string();
    assert!(
        text.contains("before or after the part that a probe with `^` or `$` matches"),
        "{json:#}"
    );
}

/// A line with the id of a unit shows the zone, too, if the id is long. A short number can have another
/// meaning.
#[test]
fn a_line_that_names_a_unit_shows_the_zone() {
    let id = "5f1c2a9e-7b64-4c1d-9a55-8d2f6f0b7e11";
    let dump = JobDump::default().text().replace("\n1\t469", &format!("\n{id}\t469"));
    let line = |text: &str| format!("2025-10-22 14:00:00.030 {text}\n");
    let lines = line(BEGUN).repeat(4) + &line(REFUSED).repeat(8);
    let log = format!("2025-10-22 11:00:00.000 {ON}{}{lines}", line(&format!("execution {id}")));
    let (_, json) = diagnose(&dump, Some(&log), &[]);
    assert_eq!(codes(&json)[0], "write-failed-reported", "{json:#}");
    assert_eq!(json["sources"]["log"]["fitting_zone"], "+02:00 (log:2)");
}

#[test]
fn the_option_log_format_replaces_the_detected_format() {
    let lines = format!("web-1 | {BEGUN}\nweb-1 | {REFUSED}\n").repeat(4);
    let log = format!("web-1 | {ON}{lines}");
    let detected = JobDump::default().run(Some(&log), &[]).stdout;
    assert!(detected.contains("9 lines (docker compose)"), "{detected}");
    let (_, json) = JobDump::default().diagnose(Some(&log), &["--log-format", "plain"]);
    assert_eq!(codes(&json), ["undetermined"], "{json:#}");
    let Output { code, stderr, .. } = JobDump::default().run(Some(&log), &["--log-format", "x"]);
    assert_eq!(code, 2);
    assert!(stderr.contains("unknown log format `x`; expected one of plain, flyctl"), "{stderr}");
}

/// Lines from another time are shown with `path-not-executed`, because they can belong to the job if the
/// clocks differ.
#[test]
fn the_report_contains_lines_about_spans_from_another_time() {
    let log =
        format!("2025-10-22T11:59:00Z {ON}2025-10-22T12:00:01Z x\n2025-10-22T13:00:00Z {BEGUN}\n");
    let (_, json) = JobDump::default().diagnose(Some(&log), &[]);
    assert_eq!(codes(&json), ["path-not-executed"], "{json:#}");
    let reasons = json["diagnoses"][0]["reasons"].to_string();
    assert!(
        reasons.contains("1 line about spans was not written at the time of these jobs"),
        "{reasons}"
    );
    assert!(reasons.contains("log:3  2025-10-22 13:00:00Z  🔍 StartSpan called"), "{reasons}");
}

/// Regression test: lines in an unknown format were treated as missing.
#[test]
fn a_log_in_an_unknown_format_makes_the_verdict_undetermined() {
    let log: String =
        [ON.trim_end(), BEGUN, REFUSED].map(|text| format!("~~7~~ {text}\n")).concat();
    let (_, json) = JobDump::default().diagnose(Some(&log), &[]);
    assert_eq!(codes(&json), ["undetermined"], "{json:#}");
    let text = json.to_string();
    assert!(text.contains("no known log format explains this text"), "{json:#}");
}

/// Each log has the same lines in the format of a collector or logger. Regression test: none of them was
/// read.
#[rstest]
#[case::heroku(|text: &str| format!("2025-10-22T12:00:00.030000+00:00 app[worker.1]: {text}\n"))]
#[case::syslog(|text: &str| format!("<14>1 2025-10-22T12:00:00.030Z web-1 runner 8 - - {text}\n"))]
#[case::coloured_json(|text: &str| format!("{{\"log\":\"\\u001b[3{}m{}\\u001b[0m\\n\",\"time\":\"2025-10-22T12:00:00.030Z\"}}\n", 1, text.replace("Span", "\\u001b[1mSpan")))]
#[case::bytes(|text: &str| format!("{{\"__REALTIME_TIMESTAMP\":\"1761134400030000\",\"MESSAGE\":{:?}}}\n", text.as_bytes()))]
#[case::indented(|text: &str| format!("{{\n  \"message\": \"{text}\",\n  \"timestamp\": \"2025-10-22T12:00:00.030Z\"\n}}\n"))]
#[case::structlog(|text: &str| format!("{{\"event\": \"{text}\", \"timestamp\": \"2025-10-22T12:00:00.030Z\"}}\n"))]
#[case::pieces(|text: &str| { let (a, b) = text.split_at(text.find("Span").unwrap_or(0)); format!("2025-10-22T12:00:00.030Z stderr P {a}\n2025-10-22T12:00:00.030Z stderr F {b}\n") })]
#[case::structlog_console(|text: &str| format!("2025-10-22T12:00:00.030Z [info     ] {text:<30} attempt=1 job_ref='x y'\n"))]
#[case::python_dict(|text: &str| format!("{{'time': '2025-10-22T12:00:00.030Z', 'level': 'INFO', 'message': '{text}'}}\n"))]
#[case::java(|text: &str| format!("Oct 22, 2025 12:00:00 PM runner.Worker run\nINFO: {text}\n"))]
#[case::podman(|text: &str| format!("runner 2025-10-22T12:00:00.030000000+00:00 {text}\n"))]
#[case::grep(|text: &str| format!("12:2025-10-22T12:00:00.030Z {text}\n"))]
#[case::tracing(|text: &str| format!("2025-10-22T12:00:00.030000Z  WARN runner::spans: {text}\n"))]
fn the_lines_of_every_collector_are_evidence(#[case] wrap: fn(&str) -> String) {
    let lines = [BEGUN, BEGUN, BEGUN, BEGUN, REFUSED, REFUSED, REFUSED, REFUSED];
    let log: String = [ON.trim_end()].iter().chain(&lines).map(|text| wrap(text)).collect();
    let dump = std::fs::read_to_string(DUMP).unwrap();
    for dump in [JobDump::default().text(), dump] {
        let (_, json) = diagnose(&dump, Some(&log), &["--job", "469"]);
        assert_eq!(codes(&json)[0], "write-failed-reported", "{json:#}");
    }
}

#[test]
fn the_number_of_kept_lines_is_not_reported_as_the_total() {
    let folder = tempfile::tempdir().unwrap();
    let log = format!("{ON}{}", format!("{BEGUN}\n").repeat(40_000));
    std::fs::write(folder.path().join("runner.log"), log).unwrap();
    let Output { stdout, .. } = run(folder.path(), &["diagnose", "--log", "runner.log"]);
    let expected = "bytes of lines about spans exceeded the limit, and are not counted";
    assert!(stdout.contains("at least ") && stdout.contains(expected), "{stdout}");
}
