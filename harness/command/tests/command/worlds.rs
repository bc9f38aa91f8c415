//! Worlds that do not come up: exit 3, naming what failed and what to do.

use rstest::rstest;

use crate::project::Project;

#[test]
fn a_migration_with_a_syntax_error_is_named_with_its_line() {
    let project = Project::new("obedient");
    project.write("migrations/0002_broken.up.sql", "create table a (n int);\ncreate tabel b ();");
    let (code, _, said) = project.run(&["check"]);
    assert_eq!(code, 3, "{said}");
    let expected = "migration `0002_broken.up.sql`:2 failed: syntax error at or near \"tabel\"";
    assert!(said.contains(expected), "{said}");
}

#[rstest]
#[case::unreachable(
    "postgres://u:hunter2@127.0.0.1:1/db",
    "could not log in to postgres://u:***@127.0.0.1:1/db"
)]
#[case::folder("binaries:/nowhere", "there are no server binaries in `/nowhere`")]
#[case::version_in_words("sixteen", "`sixteen` is not a Postgres source")]
fn a_postgres_that_is_not_there_is_named(#[case] source: &str, #[case] expected: &str) {
    let project = Project::new("obedient");
    let output = project.spanproof(&["check"]).env("SPANPROOF_POSTGRES", source).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    let usage = expected.contains("not a Postgres source");
    assert_eq!(output.status.code(), Some(if usage { 2 } else { 3 }), "{said}");
    assert!(said.contains(expected), "{said}");
    assert!(!said.contains("hunter2"), "{said}");
}

#[test]
fn without_any_source_each_one_is_named_with_its_reason() {
    let project = Project::new("obedient");
    project.append("[database]\nversion = 99");
    let output =
        project.spanproof(&["check"]).env("DOCKER_HOST", "unix:///nowhere.sock").output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{said}");
    for part in ["no Postgres to be had; tried server binaries: ", "; Docker: ", "to get one: "] {
        assert!(said.contains(part), "expected {part}\nfound {said}");
    }
}

#[test]
fn a_seed_that_fails_breaks_the_case_and_is_named() {
    let project = Project::new("obedient");
    project.write("seed.sql", "insert into nowhere values (1)");
    project.append("[database]\nseed = [\"seed.sql\"]");
    let (code, results, said) = project.run(&["check"]);
    assert_eq!(code, 3, "{results}{said}");
    assert!(results.contains("seed `./seed.sql` failed: "), "{results}");
    assert!(results.contains("relation \"nowhere\" does not exist"), "{results}");
}

#[test]
fn a_place_for_evidence_that_can_not_be_written_is_named() {
    let project = Project::new("obedient");
    let (code, results, said) = project.run(&["check", "--evidence", "job.json"]);
    assert_eq!(code, 3, "{results}{said}");
    assert!(said.contains("could not write `job.json/run.json`"), "{results}{said}");
}

#[test]
fn a_full_disk_is_said_and_leaves_nothing() {
    let project = Project::new("obedient");
    // No file may grow beyond a megabyte: to the server that is a disk without room.
    let script = "trap '' XFSZ; ulimit -f 1024; exec \"$0\" check";
    let output = assert_cmd::Command::new("sh")
        .args(["-c", script, env!("CARGO_BIN_EXE_spanproof")])
        .current_dir(project.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(said.contains("`initdb` failed: "), "{said}");
}
