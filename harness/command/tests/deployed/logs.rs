//! Logs as they come: prefixed, wrapped, compressed, cut, huge.

use rstest::rstest;

use crate::scene::{ON, Scene, codes, command, run};

#[rstest]
#[case::gzip(b"\x1f\x8b\x08\x00rest".as_slice(), "compressed by gzip; give it unpacked: `zcat FILE")]
#[case::utf_16(b"\xff\xfeD\x00B\x00".as_slice(), "in UTF-16; convert it: `iconv")]
#[case::binary(b"\x7fELF\x00\x00".as_slice(), "no text: there are NUL bytes in it")]
fn what_is_no_log_is_told(#[case] bytes: &[u8], #[case] said: &str) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("runner.log"), bytes).unwrap();
    let (exit, _, notes) = run(folder.path(), &["diagnose", "--log", "runner.log"]);
    assert_eq!(exit, 2);
    assert!(notes.contains("could not read `runner.log`") && notes.contains(said), "{notes}");
}

#[test]
fn an_empty_log_and_latin_1_are_logs_with_nothing_in_them() {
    for bytes in [b"".as_slice(), b"caf\xe9\n"] {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("runner.log"), bytes).unwrap();
        let (exit, out, notes) = run(folder.path(), &["diagnose", "--log", "runner.log"]);
        assert_eq!(exit, 1, "{notes}");
        assert!(out.contains("FAIL undetermined"), "{out}");
    }
}

#[test]
fn a_log_may_come_by_standard_input() {
    let folder = tempfile::tempdir().unwrap();
    let wrapped = format!("2025-10-22T12:00:00Z app[148e2] iad [info]{ON}");
    let mut command = command(folder.path(), &["diagnose", "--log", "-"]);
    let output = command.write_stdin(wrapped).output().unwrap();
    let out = String::from_utf8_lossy(&output.stdout);
    assert!(out.contains("log       -: 1 line, 2025-10-22 12:00:00Z"), "{out}");
    assert!(out.contains("log:1  🔍 DBTracer: ENABLED"), "{out}");
}

#[rstest]
#[case::missing(&["--log", "none.log"], 2, "the log `none.log` could not be opened")]
#[case::folder(&["--log", "."], 2, "the log `.` is a folder")]
#[case::both(&["--log", "-", "--dump", "-"], 2, "can't both be standard input")]
#[case::nothing(&[], 2, "there is nothing to look at: name a database")]
#[case::job(&["--log", "x.log", "--job", "469"], 2, "`--job` needs a database or a dump")]
#[case::flag(&["--log", "x.log", "--flag", "ENABLE_DB_TRACIN=true"], 2, "did you mean `ENABLE_DB_TRACING`")]
#[case::setting(&["--log", "x.log", "--flag", "=true"], 2, "write NAME=VALUE")]
#[case::time(&["--log", "x.log", "--since", "yesterday"], 2, "`yesterday` is no time: write `30m`")]
#[case::window(&["--log", "x.log", "--since", "1h", "--until", "2h"], 2, "nothing is between")]
#[case::no_spec(&["--log", "x.log", "--config", "none.toml"], 2, "the argument '--config <FILE>' cannot be used multiple times")]
fn wrong_words_are_refused(#[case] args: &[&str], #[case] code: i32, #[case] said: &str) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("x.log"), ON).unwrap();
    let (exit, out, notes) = run(folder.path(), &[&["diagnose"], args].concat());
    assert_eq!(exit, code, "{out}{notes}");
    assert!(notes.contains(said), "expected {said}\nfound {notes}");
}

#[test]
fn lines_with_times_are_given_to_the_job_of_that_time() {
    // Another job's spans, an hour before, are not this one's.
    let begun = "🔍 StartSpan called: service=runner, operation=execute_question, enabled=true";
    let log = format!(
        "2025-10-22T10:59:00Z {ON}{}2025-10-22T12:00:01Z something else\n",
        format!("2025-10-22T11:00:00Z {begun}\n").repeat(8)
    );
    let (_, json) = Scene::default().diagnose(Some(&log), &[]);
    assert_eq!(codes(&json), ["path-not-executed"], "{json:#}");
}

#[test]
fn a_flood_of_lines_is_counted_and_proves_no_absence() {
    let begun = "🔍 StartSpan called: service=runner, operation=other, enabled=true\n";
    let log = format!("{ON}{}", begun.repeat(40_000));
    let (_, json) = Scene::default().diagnose(Some(&log), &[]);
    assert_eq!(codes(&json), ["undetermined"]);
    let said = json["diagnoses"][0]["judgement"]["verdict"]["fail"][0]["message"].to_string();
    assert!(said.contains("it looks like path-not-executed, but "), "{said}");
}
