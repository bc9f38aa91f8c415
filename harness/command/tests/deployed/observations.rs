//! What each combination of startup line, lines about spans and rows means.

use rstest::rstest;

use crate::scene::{ON, STARTED, Scene, codes, diagnose};

const OFF: &str = "⚠️  DBTracer: DISABLED (ENABLE_DB_TRACING=)\n";
const OFF_1: &str = "⚠️  DBTracer: DISABLED (ENABLE_DB_TRACING=1)\n";
const OFF_FALSE: &str = "⚠️  DBTracer: DISABLED (ENABLE_DB_TRACING=false)\n";
const BEGUN: &str = "🔍 StartSpan called: service=runner, operation=execute_question, enabled=true\n\
                     🔍 StartSpan called: service=runner, operation=hybrid_router_call, enabled=true\n";
const IDLE: &str =
    "🔍 StartSpan called: service=runner, operation=execute_question, enabled=false\n";
const DONE: &str = "✅ StartSpan RecordSpan success\n✅ StartSpan RecordSpan success\n";
const FAILED: &str = "❌ StartSpan RecordSpan error: relation \"trace_spans\" does not exist\n";
const PANIC: &str = "thread 'worker' panicked at src/tracer.rs:7:5\n";

/// `units` and `spans` in the dump, what the log says, and the verdict.
#[rstest]
#[case::nothing_was_done_and_no_tracer_was_built(0, 0, &[STARTED], "tracer-not-constructed")]
#[case::the_process_died(0, 0, &[PANIC], "process-crashed")]
#[case::the_flag_is_not_set(4, 0, &[OFF, IDLE, DONE], "flag-unset")]
#[case::the_flag_is_not_set_and_the_tracer_is_silent(4, 0, &[OFF], "flag-unset")]
#[case::the_spelling_does_not_count(4, 0, &[OFF_1, IDLE], "flag-unrecognised-value")]
#[case::the_work_runs_outside_the_tracer(4, 0, &[ON, STARTED], "path-not-executed")]
#[case::the_work_was_never_begun(0, 0, &[ON], "job-failed-early")]
#[case::writes_fail(4, 0, &[ON, BEGUN, FAILED, BEGUN, FAILED, BEGUN, FAILED, BEGUN, FAILED], "write-failed-reported")]
#[case::writes_vanish(4, 0, &[ON, BEGUN, DONE, BEGUN, DONE, BEGUN, DONE, BEGUN, DONE], "undetermined")]
#[case::nobody_says_anything_about_the_writes(4, 0, &[ON, BEGUN, BEGUN, BEGUN, BEGUN], "write-failed-silent")]
#[case::there_is_no_tracer_line_and_no_start(4, 0, &["something else\n"], "undetermined")]
#[case::there_is_no_log(4, 0, &[], "undetermined")]
#[case::off_at_each_span_and_no_startup_line(4, 0, &[IDLE, IDLE], "undetermined")]
#[case::the_last_start_counts(4, 0, &[ON, OFF, IDLE], "flag-unset")]
#[case::it_says_off_and_records(4, 4, &[OFF], "banner-contradicts")]
fn an_observation_has_one_meaning(
    #[case] units: usize,
    #[case] spans: usize,
    #[case] log: &[&str],
    #[case] code: &str,
) {
    let scene = Scene { units, spans, ..Scene::default() };
    let log = (!log.is_empty()).then(|| log.concat());
    let (exit, json) = scene.diagnose(log.as_deref(), &[]);
    assert_eq!(codes(&json), [code], "{json:#}");
    assert_eq!(exit, 1);
}

/// Spans that are there, and what is wrong with them.
#[rstest]
#[case::healthy(("", ""), None)]
#[case::without_ids(("\t469\t1\tm\tr1", "\t\\N\t\\N\t\\N\t\\N"), Some("unlinked"))]
#[case::open(("2025-10-22 12:00:00.03+00\t10\tfailed", "\\N\t\\N\tstarted"), Some("not-finished"))]
#[case::another_end(("10\tfailed", "10\tcompleted"), Some("status-disagrees"))]
#[case::backwards(("\t10\tfailed", "\t-10\tfailed"), Some("impossible-times"))]
#[case::no_parent(("\ts1\trunner", "\t\\N\trunner"), Some("broken-tree"))]
#[case::renamed(("execute_question", "execute"), Some("wrong-attributes"))]
fn spans_are_judged_as_by_check(
    #[case] change: (&'static str, &'static str),
    #[case] code: Option<&str>,
) {
    let scene = Scene { units: 4, spans: 4, change, ..Scene::default() };
    let (exit, json) = scene.diagnose(Some(ON), &[]);
    assert_eq!(codes(&json).first().map(String::as_str), code, "{json:#}");
    assert_eq!(exit, i32::from(code.is_some()));
    assert_eq!(json["jobs"][0]["spans"], 8);
}

#[rstest]
#[case::waits("queued", 0, "job-not-picked-up")]
#[case::runs("processing", 0, "job-not-finished")]
fn work_that_was_not_done_is_no_lost_span(
    #[case] job: &'static str,
    #[case] units: usize,
    #[case] code: &str,
) {
    let scene = Scene { job, units, ..Scene::default() };
    assert_eq!(codes(&scene.diagnose(Some(ON), &[]).1), [code]);
}

#[test]
fn open_spans_of_a_job_at_work_are_not_lost() {
    let change = ("2025-10-22 12:00:00.03+00\t10\tfailed", "\\N\t\\N\tstarted");
    let scene = Scene { job: "processing", spans: 4, change, ..Scene::default() };
    let (_, json) = scene.diagnose(Some(ON), &[]);
    assert_eq!(codes(&json), ["job-not-finished"]);
}

#[test]
fn tracing_that_is_off_on_purpose_passes_and_a_flag_that_is_said_to_be_set_does_not() {
    let scene = Scene::default();
    let (exit, out, _) = scene.run(Some(OFF_FALSE), &[]);
    assert_eq!(exit, 0, "{out}");
    assert!(out.contains("ENABLE_DB_TRACING is off, so no span is expected"), "{out}");
    let (exit, json) = scene.diagnose(Some(OFF), &["--flag", "ENABLE_DB_TRACING=true"]);
    assert_eq!((exit, codes(&json)), (1, vec!["flag-unset".to_owned()]));
    let message = json["diagnoses"][0]["judgement"]["verdict"]["fail"][0]["message"].to_string();
    assert!(message.contains("ENABLE_DB_TRACING=true is said to be set"), "{message}");
}

/// The three outputs that the debug session waited for, each without a database: what it means.
#[rstest]
#[case::on_and_recorded(&[ON, BEGUN, DONE], "undetermined", "2 spans were begun and 2 reported as written")]
#[case::off(&[OFF, IDLE], "flag-unset", "the service saw ENABLE_DB_TRACING unset or empty")]
#[case::nothing_at_all(&["job runner started\n"], "undetermined", "get the log from the start of the process")]
#[case::on_and_nothing_more(&[ON, STARTED], "undetermined", "no span was begun")]
#[case::on_and_refused(&[ON, BEGUN, FAILED], "write-failed-reported", "1 writes failed")]
fn a_log_alone_says_what_it_can(#[case] log: &[&str], #[case] code: &str, #[case] said: &str) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("runner.log"), log.concat()).unwrap();
    let (exit, out, notes) = crate::scene::run(folder.path(), &["diagnose", "--log", "runner.log"]);
    assert_eq!(exit, 1, "{out}{notes}");
    assert!(out.contains(&format!("FAIL {code}")) && out.contains(said), "{out}");
}

#[test]
fn a_log_of_another_time_decides_nothing() {
    let log = format!("2025-10-21T12:00:00Z {ON}2025-10-21T13:00:00Z something\n");
    let (_, json) = Scene::default().diagnose(Some(&log), &[]);
    assert_eq!(codes(&json), ["undetermined"]);
    let said = json["diagnoses"][0]["judgement"]["verdict"]["fail"][0]["message"].to_string();
    assert!(said.contains("the log is of another time"), "{said}");
}

#[test]
fn what_speaks_against_is_told() {
    let log = format!("{OFF}{ON}{PANIC}");
    let (_, out, _) = Scene::default().run(Some(&log), &[]);
    for said in [
        "FAIL path-not-executed (job 469)",
        "for:      the work was done: 4 rows in `executions`",
        "against:  1 earlier tracer lines in the log say otherwise",
        "against:  the lines of the log have no times",
        "against:  the log tells of a process that died: log:3",
        "against:  another process than the one whose log is `runner.log` may have done the work",
        "more:     spanproof explain path-not-executed",
    ] {
        assert!(out.contains(said), "expected {said}\nfound {out}");
    }
}

/// Two jobs at the same time, of which one is traced: its lines are not the other's.
#[rstest]
#[case::both(&[], &["path-not-executed"])]
#[case::the_dark_one(&["--job", "470"], &["path-not-executed"])]
#[case::the_other(&["--job", "469"], &[])]
fn lines_about_spans_that_are_there_are_not_those_of_another_job(
    #[case] more: &[&str],
    #[case] expected: &[&str],
) {
    let mut dump = Scene { spans: 4, ..Scene::default() }.dump();
    let job = "469\tbias-1\tfailed\t2025-10-22 12:00:00+00\n";
    dump = dump.replace(job, &format!("{job}470\tbias-2\tfailed\t2025-10-22 12:00:00+00\n"));
    let unit = "1\t469\tr1\tm\tq\tfailed\t2025-10-22 12:00:00.02+00\t2025-10-22 12:00:00.04+00\n";
    assert!(dump.contains(unit), "{dump}");
    let dark: String =
        (5..=8).map(|id| unit.replacen("1\t469\tr1", &format!("{id}\t470\tr{id}"), 1)).collect();
    dump = dump.replace(unit, &format!("{unit}{dark}"));
    let said = format!("{BEGUN}{DONE}").repeat(4);
    let timed: String =
        said.lines().map(|line| format!("2025-10-22T12:00:00.03Z {line}\n")).collect();
    let log = format!("2025-10-22T11:59:00Z {ON}{timed}2025-10-22T12:01:00Z end\n");
    let (_, json) = diagnose(&dump, Some(&log), more);
    assert_eq!(codes(&json), expected, "{json:#}");
}

#[test]
fn a_manifest_says_what_a_flag_is_set_to() {
    let folder = tempfile::tempdir().unwrap();
    let manifest = folder.path().join("fly.toml");
    std::fs::write(&manifest, "[env]\nENABLE_DB_TRACING = 'true'\n").unwrap();
    let manifest = manifest.to_str().unwrap();
    let (_, json) = Scene::default().diagnose(Some(OFF), &["--manifest", manifest]);
    let said = json["diagnoses"][0]["judgement"]["verdict"]["fail"][0]["message"].to_string();
    assert!(said.contains("ENABLE_DB_TRACING=true is said to be set"), "{said}");
    let other = folder.path().join(".env");
    std::fs::write(&other, "ENABLE_DB_TRACING=1\n").unwrap();
    let both = ["--manifest", manifest, "--manifest", other.to_str().unwrap()];
    let (exit, _, notes) = Scene::default().run(Some(OFF), &both);
    assert_eq!(exit, 2);
    assert!(notes.contains("ENABLE_DB_TRACING is `true`, and `1` in `"), "{notes}");
    let decided = [&both[..], &["--flag", "ENABLE_DB_TRACING=true"]].concat();
    assert_eq!(Scene::default().run(Some(OFF), &decided).0, 1);
}
