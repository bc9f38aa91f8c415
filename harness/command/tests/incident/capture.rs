//! Capturing a job in production: what is kept, what is masked, and what a crash leaves.

use rstest::rstest;

use crate::{SPEC, run};

const DUMP: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/production/dump.sql");
const LOG: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/production/runner.log");

/// The dump of production with personal data and secrets where they may stand.
fn leaking(folder: &std::path::Path) {
    let dump = std::fs::read_to_string(DUMP).unwrap();
    let dump = dump.replace(
        "{\"benchmark\": {\"name\": \"bias-detection\"}}",
        "{\"prompt\": \"who is Ada?\", \"mail\": \"ada@example.org\", \"api_key\": \"hunter2\", \"n\": 1815}",
    );
    let dump = dump.replace("bias-detection-1761134400", "ada@example.org");
    std::fs::write(folder.join("dump.sql"), dump).unwrap();
    let log = std::fs::read_to_string(LOG).unwrap();
    let more = "2025-10-22T12:00:00.050Z ❌ StartSpan RecordSpan error: ada@example.org at \
                postgres://u:hunter2@h/db, passport P1815\n";
    std::fs::write(folder.join("runner.log"), format!("{log}{more}")).unwrap();
    let rules = "[[mask]]\nname = \"passport\"\npattern = 'P\\d{4}'\n";
    std::fs::write(folder.join("rules.toml"), rules).unwrap();
}

/// JSON in a column of text, and what a unit gives as a text, are content too.
#[test]
fn content_is_masked_whatever_the_type_of_its_column() {
    let folder = tempfile::tempdir().unwrap();
    let dump = std::fs::read_to_string(DUMP).unwrap();
    let dump = dump.replace("jobspec_data jsonb NOT NULL", "jobspec_data text NOT NULL");
    let dump =
        dump.replace("output_data jsonb", "output_data text").replace("output_data,", "output,");
    let dump = dump.replace("\t\\N\t\\N\t2025", "\tshe said so\t\\N\t2025");
    assert!(dump.contains("she said so") && dump.contains("bias-detection\"}}"), "{dump}");
    std::fs::write(folder.path().join("dump.sql"), dump).unwrap();
    let args = ["capture", "--dump", "dump.sql", "--job", "469", "--config", SPEC, "-oout.jsonl"];
    let (exit, out, notes) = run(folder.path(), &args);
    assert_eq!(exit, 0, "{out}{notes}");
    let text = std::fs::read_to_string(folder.path().join("out.jsonl")).unwrap();
    assert!(!text.contains("she said so") && !text.contains("bias-detection\\\""), "{text}");
    assert!(text.contains("bias-detection-1761134400"), "the job's name stays");
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
#[case::by_itself(&[], &["hunter2", "ada@example", "Ada", "1815}"], &["P1815"])]
#[case::with_a_rule(&["--mask", "rules.toml"], &["hunter2", "ada@example", "Ada", "P1815"], &[])]
#[case::with_contents(&["--with-contents"], &["hunter2", "ada@example"], &["who is Ada?", "1815"])]
fn secrets_and_personal_data_stay_behind(
    #[case] more: &[&str],
    #[case] gone: &[&str],
    #[case] kept: &[&str],
) {
    let folder = tempfile::tempdir().unwrap();
    leaking(folder.path());
    let (exit, out, notes) = run(folder.path(), &[&ARGS, more].concat());
    assert_eq!(exit, 0, "{out}{notes}");
    let text = std::fs::read_to_string(folder.path().join("out.jsonl")).unwrap();
    for secret in gone {
        assert!(!text.contains(secret), "`{secret}` is in the bundle: {text}");
    }
    for content in kept {
        assert!(text.contains(content), "`{content}` is not in the bundle: {text}");
    }
    assert!(out.contains("masked: output: 1 x e-mail address"), "{out}");
    assert!(text.contains(r#"{"place":"output","what":"secret","count":1}"#), "{text}");
    let (exit, out, notes) =
        run(folder.path(), &["replay", "out.jsonl", "--assert-only", "--config", SPEC]);
    assert_eq!(exit, 0, "what is masked changes no verdict: {out}{notes}");
    assert!(out.contains("path-not-executed: 4 units were executed"), "{out}");
}

#[test]
fn what_was_read_before_a_failure_is_in_the_bundle() {
    let folder = tempfile::tempdir().unwrap();
    leaking(folder.path());
    std::fs::write(folder.path().join("runner.log"), b"\x1f\x8b\x08").unwrap();
    let (exit, _, notes) = run(folder.path(), &ARGS);
    assert_eq!(exit, 2, "{notes}");
    assert!(
        notes.contains("compressed by gzip")
            && notes.contains("what was read until then is in out.jsonl"),
        "{notes}"
    );
    let text = std::fs::read_to_string(folder.path().join("out.jsonl")).unwrap();
    assert_eq!(text.lines().filter(|line| line.starts_with("{\"unit\":")).count(), 4);
    let args = ["replay", "out.jsonl", "--assert-only", "--config", SPEC];
    let (exit, out, notes) = run(folder.path(), &args);
    assert_eq!(exit, 1, "{out}{notes}");
    assert!(out.contains("doubt: it is cut off: it has no end, and 1 jobs, 4 units"), "{out}");
}

#[rstest]
#[case::there_already(&["-oout.jsonl"], "could not write `out.jsonl`: File exists")]
#[case::two_jobs(&["--job", "470"], "an incident is of one job; give `--job` once")]
#[case::no_folder(&["-onone/out.jsonl"], "could not write `none/out.jsonl`")]
fn a_bundle_that_can_not_be_written_is_told(#[case] more: &[&str], #[case] said: &str) {
    let folder = tempfile::tempdir().unwrap();
    leaking(folder.path());
    std::fs::write(folder.path().join("out.jsonl"), "mine").unwrap();
    let (exit, _, notes) = run(folder.path(), &[&ARGS[..9], more].concat());
    assert_eq!(exit, 2, "{notes}");
    assert!(notes.contains(said), "expected {said}\nfound {notes}");
    assert_eq!(std::fs::read_to_string(folder.path().join("out.jsonl")).unwrap(), "mine");
}

#[test]
fn a_rule_that_is_none_is_told_with_its_line() {
    let folder = tempfile::tempdir().unwrap();
    leaking(folder.path());
    std::fs::write(folder.path().join("rules.toml"), "[[mask]]\nname = \"x\"\npattern = '('\n")
        .unwrap();
    let (exit, _, notes) = run(folder.path(), &[&ARGS[..], &["--mask", "rules.toml"]].concat());
    assert_eq!(exit, 2);
    assert!(
        notes.contains("rules.toml:3") && notes.contains("not a regular expression"),
        "{notes}"
    );
}
