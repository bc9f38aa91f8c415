//! Tests of `capture` for a job of an existing system: what the incident file contains, what is
//! masked, and what remains if the capture fails.

use rstest::rstest;

use crate::run::{Output, SPEC, run};

const DUMP: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/first-incident/dump.sql");
const LOG: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/first-incident/runner.log");

/// Writes a dump and a log of a system in production, with personal data and secrets added to both.
fn write_secrets(folder: &std::path::Path) {
    let dump = std::fs::read_to_string(DUMP).unwrap();
    let dump = dump.replace(
        "{\"benchmark\": {\"name\": \"bias-detection\"}}",
        "{\"prompt\": \"who is Ada?\", \"mail\": \"ada@example.org\", \"api_key\": \"hunter2\", \"n\": 1815}",
    );
    let dump = dump.replace("bias-detection-1761131160", "ada@example.org");
    std::fs::write(folder.join("dump.sql"), dump).unwrap();
    let log = std::fs::read_to_string(LOG).unwrap();
    let more = "2025-10-22T11:06:00.050Z ❌ StartSpan RecordSpan error: ada@example.org at \
                postgres://u:hunter2@h/db, passport P1815\n";
    std::fs::write(folder.join("runner.log"), format!("{log}{more}")).unwrap();
    let rules = "[[mask]]\nname = \"passport\"\npattern = 'P\\d{4}'\n";
    std::fs::write(folder.join("rules.toml"), rules).unwrap();
}

/// In this dump, the columns with the job's JSON and with the output of units have the type `text`.
#[test]
fn content_is_masked_in_columns_of_any_type() {
    let folder = tempfile::tempdir().unwrap();
    let dump = std::fs::read_to_string(DUMP).unwrap();
    let dump = dump.replace("jobspec_data jsonb NOT NULL", "jobspec_data text NOT NULL");
    let dump =
        dump.replace("output_data jsonb", "output_data text").replace("output_data,", "output,");
    let dump = dump.replace("\t\\N\t\\N\t2025", "\tshe said so\t\\N\t2025");
    assert!(dump.contains("she said so") && dump.contains("bias-detection\"}}"), "{dump}");
    std::fs::write(folder.path().join("dump.sql"), dump).unwrap();
    let args = ["capture", "--dump", "dump.sql", "--job", "469", "--config", SPEC, "-oout.jsonl"];
    let Output { code, stdout, stderr } = run(folder.path(), &args);
    assert_eq!(code, 0, "{stdout}{stderr}");
    let text = std::fs::read_to_string(folder.path().join("out.jsonl")).unwrap();
    assert!(!text.contains("she said so") && !text.contains("bias-detection\\\""), "{text}");
    assert!(text.contains("bias-detection-1761131160"), "the job's name was masked");
}

const ARGS: [&str; 10] = [
    "capture",
    "--dump",
    "dump.sql",
    "--log",
    "runner.log",
    "--job",
    "469",
    "--config",
    SPEC,
    "-oout.jsonl",
];

#[rstest]
#[case::without_options(&[], &["hunter2", "ada@example", "Ada", "1815}"], &["P1815"])]
#[case::with_a_rule(&["--mask", "rules.toml"], &["hunter2", "ada@example", "Ada", "P1815"], &[])]
#[case::with_contents(&["--with-contents"], &["hunter2", "ada@example"], &["who is Ada?", "1815"])]
fn secrets_and_personal_data_are_masked(
    #[case] more: &[&str],
    #[case] masked: &[&str],
    #[case] unmasked: &[&str],
) {
    let folder = tempfile::tempdir().unwrap();
    write_secrets(folder.path());
    let Output { code, stdout, stderr } = run(folder.path(), &[&ARGS, more].concat());
    assert_eq!(code, 0, "{stdout}{stderr}");
    let text = std::fs::read_to_string(folder.path().join("out.jsonl")).unwrap();
    for secret in masked {
        assert!(!text.contains(secret), "`{secret}` is in the incident file: {text}");
    }
    for content in unmasked {
        assert!(text.contains(content), "`{content}` is not in the incident file: {text}");
    }
    assert!(stdout.contains("masked: output: 1 x e-mail address"), "{stdout}");
    assert!(text.contains(r#"{"place":"output","what":"secret","count":1}"#), "{text}");
    let Output { code, stdout, stderr } =
        run(folder.path(), &["replay", "out.jsonl", "--assert-only", "--config", SPEC]);
    assert_eq!(code, 0, "masking changed the verdict: {stdout}{stderr}");
    // The log has a line about a failed write, and none about the start of a span.
    let reasons = "the evidence fits path-not-executed, write-failed-reported;";
    assert!(stdout.contains(reasons), "{stdout}");
}

#[test]
fn a_failed_capture_keeps_the_records_that_it_has_read() {
    let folder = tempfile::tempdir().unwrap();
    write_secrets(folder.path());
    std::fs::write(folder.path().join("runner.log"), b"\x7fELF\x00\x00").unwrap();
    let Output { code, stderr, .. } = run(folder.path(), &ARGS);
    assert_eq!(code, 2, "{stderr}");
    assert!(
        stderr.contains("not text: it contains NUL bytes")
            && stderr.contains("an incomplete incident is in out.jsonl"),
        "{stderr}"
    );
    let text = std::fs::read_to_string(folder.path().join("out.jsonl")).unwrap();
    assert_eq!(text.lines().filter(|line| line.starts_with("{\"unit\":")).count(), 4);
    let args = ["replay", "out.jsonl", "--assert-only", "--config", SPEC];
    let Output { code, stdout, stderr } = run(folder.path(), &args);
    assert_eq!(code, 1, "{stdout}{stderr}");
    assert!(stdout.contains("doubt: the file is cut off: it has 1 job, 4 units"), "{stdout}");
}

#[rstest]
#[case::existing_file(&["-oout.jsonl"], "could not write `out.jsonl`: File exists")]
#[case::two_jobs(&["--job", "470"], "an incident has one job; use `--job` once")]
#[case::no_folder(&["-onone/out.jsonl"], "could not write `none/out.jsonl`")]
fn an_error_before_the_capture_changes_no_file(#[case] more: &[&str], #[case] expected: &str) {
    let folder = tempfile::tempdir().unwrap();
    write_secrets(folder.path());
    std::fs::write(folder.path().join("out.jsonl"), "mine").unwrap();
    let Output { code, stderr, .. } = run(folder.path(), &[&ARGS[..9], more].concat());
    assert_eq!(code, 2, "{stderr}");
    assert!(stderr.contains(expected), "expected {expected}\nfound {stderr}");
    assert_eq!(std::fs::read_to_string(folder.path().join("out.jsonl")).unwrap(), "mine");
}

#[test]
fn an_error_in_a_masking_rule_is_reported_with_its_line() {
    let folder = tempfile::tempdir().unwrap();
    write_secrets(folder.path());
    std::fs::write(folder.path().join("rules.toml"), "[[mask]]\nname = \"x\"\npattern = '('\n")
        .unwrap();
    let Output { code, stderr, .. } =
        run(folder.path(), &[&ARGS[..], &["--mask", "rules.toml"]].concat());
    assert_eq!(code, 2);
    assert!(
        stderr.contains("rules.toml:3") && stderr.contains("not a regular expression"),
        "{stderr}"
    );
}
