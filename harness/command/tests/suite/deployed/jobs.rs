//! Tests of `diagnose` with several jobs: each job is judged by its own rows and lines, whatever happens to
//! the other jobs.

use rstest::rstest;
use serde_json::Value as Json;

use super::dumps::{BEGUN, job_codes};
use super::job_dump::{JobDump, ON, codes, diagnose, first_message};

/// A line: the service has written a span.
const WRITTEN: &str = "✅ StartSpan RecordSpan success\n";
/// A line: a write of a span failed.
const REFUSED: &str = "❌ StartSpan RecordSpan error: permission denied\n";

/// Returns a dump with jobs a minute apart, each with one unit (a row of `executions`). Jobs in `stored` have
/// spans. Jobs in `unlinked` have spans that name neither a unit nor a job.
pub(super) fn dump(jobs: u32, stored: &[u32], unlinked: &[u32]) -> String {
    let job_dump = JobDump { units: 1, traced_units: 1, job_status: "completed", change: ("", "") };
    // The rows of this dump are copied for each job, with other ids and times.
    let one = job_dump.text();
    let parts: Vec<&str> = one.split_inclusive("FROM stdin;\n").collect();
    let [head, job, unit, span] = parts[..] else { panic!("{one}") };
    let rows = |text: &str| {
        text.split_once("\\.\n").map(|(rows, rest)| (rows.to_owned(), rest.to_owned()))
    };
    let ((job, to_units), (unit, to_spans), (span, end)) =
        (rows(job).unwrap(), rows(unit).unwrap(), rows(span).unwrap());
    let minute = |text: &str, job: u32| text.replace(" 12:00:", &format!(" 12:{job:02}:"));
    let mut texts = [String::new(), String::new(), String::new()];
    for number in 1..=jobs {
        texts[0] +=
            &minute(&job.replace("469\tbias-1", &format!("{number}\tbias-{number}")), number);
        texts[1] += &minute(&unit.replace("1\t469", &format!("{number}\t{number}")), number);
        let own = span.replace("\t469\t1\t", &format!("\t{number}\t{number}\t"));
        let own = own
            .replace("\ts1\t", &format!("\ts{number}\t"))
            .replace("\tc1\t", &format!("\tc{number}\t"));
        let own = own.replace("t1\t", &format!("t{number}\t"));
        if stored.contains(&number) {
            texts[2] += &minute(&own, number);
        }
        if unlinked.contains(&number) {
            let ids = format!("\t{number}\t{number}\tm\tr1");
            texts[2] += &minute(&own.replace(&ids, "\t\\N\t\\N\tm\tr1"), number);
        }
    }
    let [jobs, units, spans] = texts;
    format!("{head}{jobs}\\.\n{to_units}{units}\\.\n{to_spans}{spans}\\.\n{end}")
}

/// Returns the lines with the time of a job.
pub(super) fn at(job: u32, lines: &str) -> String {
    lines.lines().map(|line| format!("2025-10-22T12:{job:02}:00.025Z {line}\n")).collect()
}

/// Returns the startup line with a time before all jobs.
fn started() -> String {
    format!("2025-10-22T12:00:00Z {ON}")
}

/// Regression test: jobs with the same code were judged again together, with all spans and lines from the
/// start of the first to the end of the last job. So a healthy job got the spans and lines of the jobs in
/// between.
#[test]
fn jobs_with_the_same_code_are_not_judged_by_the_spans_of_jobs_between_them() {
    let log = started() + &at(1, BEGUN) + &at(2, BEGUN) + &at(3, BEGUN);
    let (_, json) = diagnose(&dump(3, &[1, 3], &[2]), Some(&log), &[]);
    assert_eq!(job_codes(&json), [Json::Null, "unlinked".into(), Json::Null], "{json:#}");
    let (_, json) = diagnose(&dump(3, &[1, 3], &[2]), Some(&log), &["--job", "1"]);
    assert_eq!(job_codes(&json), [Json::Null], "{json:#}");
}

/// Regression test: jobs without evidence were explained with the error lines of another job.
#[test]
fn jobs_with_different_causes_have_separate_findings() {
    let lost = at(1, &format!("{BEGUN}{WRITTEN}{WRITTEN}"));
    let refused = at(2, &format!("{BEGUN}{REFUSED}{REFUSED}"));
    let log = started() + &lost + &refused + &at(3, "accepted 3");
    let (_, json) = diagnose(&dump(3, &[], &[]), Some(&log), &[]);
    let expected = ["undetermined", "write-failed-reported", "path-not-executed"];
    assert_eq!(job_codes(&json), expected, "{json:#}");
    for diagnosis in json["diagnoses"].as_array().unwrap() {
        let quotes_error = diagnosis["judgement"].to_string().contains("permission denied");
        assert_eq!(quotes_error, diagnosis["jobs"][0] == "2", "{diagnosis:#}");
    }
}

/// Regression test: the table showed the spans of other jobs for a job without units.
#[test]
fn a_job_without_units_has_no_spans() {
    let dump = dump(2, &[], &[1]).replace(
        "2\t2\tr1\tm\tq\tfailed\t2025-10-22 12:02:00.02+00\t2025-10-22 12:02:00.04+00\n",
        "",
    );
    let (_, json) = diagnose(&dump, Some(&started()), &[]);
    assert_eq!(job_codes(&json), ["unlinked", "job-failed-early"], "{json:#}");
    assert_eq!(
        (&json["jobs"][0]["spans"], &json["jobs"][1]["spans"]),
        (&2.into(), &0.into()),
        "{json:#}"
    );
    let (_, json) = diagnose(&dump, Some(&started()), &["--job", "2"]);
    assert_eq!(json["jobs"][0]["spans"], 0, "{json:#}");
}

/// Regression test: a log without lines about the start of spans was taken as proof that none were started,
/// although another job has spans without such lines.
#[test]
fn a_log_that_lacks_lines_about_stored_spans_does_not_prove_that_none_were_started() {
    let log = started() + &at(1, "accepted 1") + &at(2, REFUSED) + &at(3, "accepted 3");
    let log = log.replace(REFUSED, "accepted 2");
    let (_, json) = diagnose(&dump(2, &[1], &[]), Some(&log), &[]);
    assert_eq!(job_codes(&json), [Json::Null, "undetermined".into()], "{json:#}");
    assert!(
        json.to_string().contains("job 1 has spans, and the log has no line about their start"),
        "{json:#}"
    );
}

/// Regression test: the last lines of the file were taken as the newest lines.
#[test]
fn lines_are_sorted_by_their_times() {
    let off = "2025-10-22T12:00:30Z ⚠️  DBTracer: DISABLED (ENABLE_DB_TRACING=TRUE)\n";
    let on = format!("2025-10-22T12:01:30Z {ON}");
    let written = at(2, &format!("{BEGUN}{WRITTEN}{WRITTEN}"));
    let refused = at(3, &format!("{BEGUN}{REFUSED}{REFUSED}"));
    let parts = [off.to_owned(), at(1, "accepted 1"), on, written, refused];
    let expected = ["flag-unrecognised-value".into(), Json::Null, "write-failed-reported".into()];
    let newest_first: Vec<&str> = parts.iter().flat_map(|part| part.lines()).rev().collect();
    let rotated = [&parts[2..], &parts[..2]].concat().concat();
    for log in [parts.concat(), newest_first.join("\n") + "\n", rotated] {
        let (_, json) = diagnose(&dump(3, &[2], &[]), Some(&log), &[]);
        assert_eq!(job_codes(&json), expected, "{log}{json:#}");
        assert_eq!(json["sources"]["log"]["first"], "2025-10-22T12:00:30Z", "{log}");
    }
}

/// Regression test: if the job was diagnosed alone, the startup line after the job was used.
#[test]
fn the_last_startup_line_before_the_job_is_used() {
    let off = "2025-10-22T12:00:30Z ⚠️  DBTracer: DISABLED (ENABLE_DB_TRACING=off)\n";
    let log = format!("{off}2025-10-22T12:01:30Z {ON}{}", at(2, BEGUN));
    let (code, json) = diagnose(&dump(2, &[2], &[]), Some(&log), &["--job", "1"]);
    assert_eq!(
        (code, job_codes(&json)),
        (0, vec![Json::Null]),
        "tracing is off on purpose: {json:#}"
    );
    let args = ["--job", "1", "--flag", "ENABLE_DB_TRACING=true"];
    let (_, json) = diagnose(&dump(2, &[2], &[]), Some(&log), &args);
    assert_eq!(codes(&json), ["flag-unset"], "{json:#}");
    assert!(first_message(&json).contains("the service saw ENABLE_DB_TRACING=off"), "{json:#}");
}

/// Regression test: each of these jobs was `path-not-executed`, or got the error lines of another job.
#[test]
fn a_time_zone_that_does_not_fit_every_job_makes_the_verdict_undetermined() {
    let name = |text: String| text.replace("bias-", "bias-detection-");
    let local = |job: u32, hour: &str, lines: &str| {
        at(job, lines).replace("2025-10-22T12:", &format!("2025-10-22 {hour}:")).replace("Z ", " ")
    };
    // The clocks went forward between the two jobs.
    let log = local(0, "13", ON)
        + &local(1, "13", &format!("accepted bias-detection-1\n{BEGUN}{WRITTEN}{WRITTEN}"))
        + &local(2, "14", &format!("accepted bias-detection-2\n{BEGUN}{REFUSED}{REFUSED}"));
    let zone = ["--log-zone", "+01:00"];
    let (_, json) = diagnose(&name(dump(2, &[1], &[])), Some(&log), &zone);
    assert_eq!(job_codes(&json), [Json::Null, "undetermined".into()], "{json:#}");
    assert!(json.to_string().contains("60 minutes after the time of its row"), "{json:#}");
    // Jobs an hour apart, in a zone an hour from UTC.
    let hourly = dump(3, &[1], &[]).replace(" 12:02:", " 13:01:").replace(" 12:03:", " 14:01:");
    let log = local(0, "12", ON)
        + &local(1, "13", &format!("{BEGUN}{WRITTEN}{WRITTEN}"))
        + &local(1, "14", &format!("{BEGUN}{REFUSED}{REFUSED}"));
    let (_, json) = diagnose(&hourly, Some(&log), &[]);
    assert_eq!(
        job_codes(&json),
        [Json::Null, "undetermined".into(), "undetermined".into()],
        "{json:#}"
    );
    assert!(json.to_string().contains("+00:00 or +01:00"), "{json:#}");
}

/// Regression test: failed writes were not taken as a sign of a tracer and of started spans.
#[test]
fn failed_writes_show_that_the_spans_were_started() {
    let refused = REFUSED.repeat(2);
    let (_, json) = diagnose(&dump(1, &[], &[]), Some(&at(1, &refused)), &[]);
    assert_eq!(codes(&json)[0], "write-failed-reported", "{json:#}");
}

/// Regression test: with `--job`, this job's lines were attributed to another job that has spans, whatever
/// their times.
#[test]
fn a_job_keeps_its_lines_if_another_job_has_spans() {
    let lines = |job| at(job, &format!("{BEGUN}{WRITTEN}{WRITTEN}"));
    let log = started() + &lines(1) + &lines(2);
    for more in [&[][..], &["--job", "2"]] {
        let (_, json) = diagnose(&dump(2, &[1], &[]), Some(&log), more);
        let last = json["diagnoses"].as_array().unwrap().last().unwrap();
        assert_eq!(job_codes(&json).last().unwrap(), "undetermined", "{json:#}");
        assert!(last.to_string().contains("removed-later"), "{last:#}");
    }
}

/// Regression test: lines without times that fit another job were attributed to the selected job.
#[test]
fn lines_without_times_that_fit_other_jobs_make_the_verdict_undetermined() {
    let log = format!("{ON}{BEGUN}{WRITTEN}{WRITTEN}{BEGUN}{REFUSED}{REFUSED}");
    let (_, json) = diagnose(&dump(3, &[1], &[]), Some(&log), &["--job", "3"]);
    assert_eq!(codes(&json), ["undetermined"], "{json:#}");
    assert!(first_message(&json).contains("it also contains lines of other jobs"), "{json:#}");
}

/// Regression test: each of two jobs that ran at the same time got the error lines of both.
#[test]
fn a_line_is_not_evidence_for_two_jobs_that_run_at_the_same_time() {
    let dump = dump(2, &[], &[]).replace(" 12:02:", " 12:01:");
    let lines = format!("{BEGUN}{REFUSED}{REFUSED}");
    let (_, json) = diagnose(&dump, Some(&(started() + &at(1, &lines))), &[]);
    assert_eq!(job_codes(&json), ["undetermined", "undetermined"], "{json:#}");
    let (_, json) = diagnose(&dump, Some(&(started() + &at(1, &lines.repeat(2)))), &[]);
    assert_eq!(job_codes(&json), ["write-failed-reported", "write-failed-reported"], "{json:#}");
    // The second job begins so soon that the service could still write spans of the first job.
    let soon = |text: &str| text.replace("12:02:00", "12:01:03");
    let dump = soon(&self::dump(2, &[], &[]));
    let log = soon(&(started() + &at(1, &lines) + &at(2, "accepted 2") + &at(3, "idle")));
    let (_, json) = diagnose(&dump, Some(&log), &[]);
    assert_eq!(job_codes(&json), ["write-failed-reported", "path-not-executed"], "{json:#}");
}

/// Regression test: an error that a background task prints after the job was attributed to no job.
#[test]
fn errors_shortly_after_a_job_belong_to_this_job() {
    let after = |job, text: &str| at(job, text).replace(":00.025Z", ":20.000Z");
    let log = started() + &at(1, BEGUN) + &after(1, &REFUSED.repeat(2)) + &at(2, "accepted 2");
    let (_, json) = diagnose(&dump(2, &[], &[]), Some(&log), &[]);
    assert_eq!(job_codes(&json), ["write-failed-reported", "path-not-executed"], "{json:#}");
}

/// Regression test: if the log's clock was behind, the lines of the job were not found.
#[test]
fn a_line_that_names_a_job_before_its_row_shows_that_the_clocks_differ() {
    let early = |job: u32, text: &str| {
        at(job, text).replace(&format!("12:{job:02}:00"), &format!("12:{:02}:55", job - 1))
    };
    let log = started()
        + &early(1, &format!("accepted bias-detection-1\n{BEGUN}{REFUSED}{REFUSED}"))
        + &at(2, "idle");
    let dump = dump(1, &[], &[]).replace("bias-1", "bias-detection-1");
    let (_, json) = diagnose(&dump, Some(&log), &[]);
    assert_eq!(codes(&json), ["undetermined"], "{json:#}");
    assert!(json.to_string().contains("seconds before the time of its row"), "{json:#}");
}

/// Regression test: values that `check` reports as impossible passed.
#[rstest]
#[case::hour_later(
    " 12:02:00.02+00\t2025-10-22 12:02:00.03+00\t10",
    " 13:02:00.02+00\t2025-10-22 13:02:00.03+00\t10",
    "impossible-times"
)]
#[case::before_the_job(
    " 12:02:00.02+00\t2025-10-22 12:02:00.03+00\t10",
    " 11:31:10.02+00\t2025-10-22 11:31:10.03+00\t10",
    "impossible-times"
)]
#[case::infinite(
    "2025-10-22 12:02:00.02+00\t2025-10-22 12:02:00.03+00\t10",
    "-infinity\t2025-10-22 12:02:00.03+00\t10",
    "impossible-times"
)]
#[case::zeros("t2\t", "00000000000000000000000000000000\t", "invalid-ids")]
fn impossible_values_do_not_pass(#[case] old: &str, #[case] new: &str, #[case] code: &str) {
    let whole = dump(2, &[1, 2], &[]);
    let (head, spans) = whole.split_once("COPY public.trace_spans ").unwrap();
    assert!(spans.contains(old), "{spans}");
    let dump = format!("{head}COPY public.trace_spans {}", spans.replace(old, new));
    let (exit_code, json) = diagnose(&dump, None, &[]);
    assert_eq!((exit_code, job_codes(&json)), (1, vec![Json::Null, code.into()]), "{json:#}");
}

/// Regression test: local times in a column without a time zone were reported as impossible.
#[test]
fn local_times_in_a_column_without_a_zone_make_the_verdict_undetermined() {
    let local = |text: String| {
        text.replace(
            "created_at timestamp with time zone",
            "created_at timestamp without time zone",
        )
        .replace("completed\t2025-10-22 12:01:00+00", "completed\t2025-10-22 21:01:00")
    };
    let (_, json) = diagnose(&local(dump(1, &[1], &[])), None, &[]);
    assert_eq!(codes(&json), ["undetermined"], "{json:#}");
    assert!(first_message(&json).contains("9:00 hours before those of the job"), "{json:#}");
    assert!(first_message(&json).contains("jobs.created_at` is without a time zone"), "{json:#}");
}

/// Regression test: a masked value was reported as "a value that means on".
#[test]
fn a_masked_value_of_the_flag_makes_the_verdict_undetermined() {
    let log = "2025-10-22T12:00:30Z ⚠️  DBTracer: DISABLED (ENABLE_DB_TRACING=***)\n".to_owned()
        + &at(1, "accepted 1");
    let (_, json) = diagnose(&dump(1, &[], &[]), Some(&log), &["--flag", "ENABLE_DB_TRACING=true"]);
    assert_eq!(codes(&json), ["undetermined"], "{json:#}");
    assert!(first_message(&json).contains("the log masks the value"), "{json:#}");
}

/// Regression test: spans that are expected only with one value of another flag were reported as missing,
/// whatever the value.
#[test]
fn an_unknown_flag_that_decides_about_spans_makes_the_verdict_undetermined() {
    let outer = "🔍 StartSpan called: service=runner, operation=execute_question, enabled=true\n";
    let whole = dump(1, &[1], &[]);
    let inner: Vec<&str> =
        whole.lines().filter(|line| line.contains("hybrid_router_call")).collect();
    let dump = whole.replace(&format!("{}\n", inner[0]), "");
    let log = started() + &at(1, &format!("{outer}{WRITTEN}"));
    let (_, json) = diagnose(&dump, Some(&log), &[]);
    assert_eq!(codes(&json), ["undetermined"], "{json:#}");
    assert!(first_message(&json).contains("HYBRID_ROUTER_DISABLE"), "{json:#}");
    let (exit_code, _) = diagnose(&dump, Some(&log), &["--flag", "HYBRID_ROUTER_DISABLE=true"]);
    assert_eq!(exit_code, 0);
    let (_, json) = diagnose(&dump, Some(&log), &["--flag", "HYBRID_ROUTER_DISABLE=false"]);
    assert_eq!(codes(&json), ["path-not-executed"], "{json:#}");
}

/// Regression test: of a log, only the lines that a probe (a pattern of the spec) matches were kept. So
/// errors of drivers, exporters and the system were lost.
#[rstest]
#[case::driver("pq: permission denied for table trace_spans", "write-failed-reported")]
#[case::other_table("pq: permission denied for table orders", "undetermined")]
#[case::exporter(
    "Failed to export traces to localhost:4317, error code: StatusCode.UNAVAILABLE",
    "undetermined"
)]
#[case::disk("write /var/lib/runner/queue: no space: ENOSPC", "undetermined")]
fn errors_that_no_probe_matches_are_read(#[case] line: &str, #[case] code: &str) {
    let log = started() + &at(1, &format!("{BEGUN}{line}"));
    let (_, json) = diagnose(&dump(1, &[], &[]), Some(&log), &[]);
    assert_eq!(codes(&json)[0], code, "{json:#}");
    let is_shown = json["diagnoses"][0]["judgement"].to_string().contains(line);
    assert_eq!(is_shown, !line.contains("orders"), "{json:#}");
}
