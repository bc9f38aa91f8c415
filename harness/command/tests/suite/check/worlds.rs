//! Tests of what a run needs besides the service: Postgres, migrations, seeds and the folder for the
//! evidence. If one of them fails, `check` exits with 3, and reports what failed and what to do.

use rstest::rstest;

use super::project::Project;
use crate::run::{Output, Spanproof};

#[test]
fn a_syntax_error_in_a_migration_is_reported_with_its_line() {
    let project = Project::new("accepts-no-job");
    project.write("migrations/0002_broken.up.sql", "create table a (n int);\ncreate tabel b ();");
    let Output { code, stderr, .. } = project.run(&["check"]);
    assert_eq!(code, 3, "{stderr}");
    let expected = "migration `0002_broken.up.sql`:2 failed: syntax error at or near \"tabel\"";
    assert!(stderr.contains(expected), "{stderr}");
}

#[rstest]
#[case::unreachable(
    "postgres://u:hunter2@127.0.0.1:1/db",
    3,
    "could not log in to postgres://u:***@127.0.0.1:1/db"
)]
#[case::folder("binaries:/nowhere", 3, "there are no server binaries in `/nowhere`")]
#[case::version_in_words("sixteen", 2, "`sixteen` is not a Postgres source")]
fn a_missing_postgres_is_reported(
    #[case] source: &str,
    #[case] expected_code: i32,
    #[case] expected: &str,
) {
    let project = Project::new("accepts-no-job");
    let command = project.spanproof(&["check"]).env("SPANPROOF_POSTGRES", source);
    let Output { code, stderr, .. } = command.output();
    assert_eq!(code, expected_code, "{stderr}");
    assert!(stderr.contains(expected), "{stderr}");
    assert!(!stderr.contains("hunter2"), "{stderr}");
}

#[test]
fn if_no_source_works_each_source_is_reported_with_its_reason() {
    let project = Project::new("accepts-no-job");
    project.append("[database]\nversion = 99");
    let command = project.spanproof(&["check"]).env("DOCKER_HOST", "unix:///nowhere.sock");
    let Output { code, stderr, .. } = command.output();
    assert_eq!(code, 3, "{stderr}");
    for part in ["no Postgres found; tried server binaries: ", "; Docker: ", "to get one: "] {
        assert!(stderr.contains(part), "expected {part}\nfound {stderr}");
    }
}

#[test]
fn a_case_with_a_failing_seed_is_broken_and_names_the_seed() {
    let project = Project::new("accepts-no-job");
    project.write("seed.sql", "insert into nowhere values (1)");
    project.append("[database]\nseed = [\"seed.sql\"]");
    let Output { code, stdout, stderr } = project.run(&["check"]);
    assert_eq!(code, 3, "{stdout}{stderr}");
    assert!(stdout.contains("seed `./seed.sql` failed: "), "{stdout}");
    assert!(stdout.contains("relation \"nowhere\" does not exist"), "{stdout}");
}

#[test]
fn an_evidence_folder_that_cannot_be_written_is_reported() {
    let project = Project::new("accepts-no-job");
    let Output { code, stdout, stderr } = project.run(&["check", "--evidence", "job.json"]);
    assert_eq!(code, 3, "{stdout}{stderr}");
    assert!(stderr.contains("could not write `job.json/run.json`"), "{stdout}{stderr}");
}

#[test]
fn a_full_disk_is_reported() {
    let project = Project::new("accepts-no-job");
    // Limits the size of a file to one megabyte. Postgres then fails as on a full disk.
    let script = "trap '' XFSZ; ulimit -f 1024; spanproof check";
    let Output { code, stderr, .. } = Spanproof::shell(project.path(), script).output();
    assert_eq!(code, 3, "{stderr}");
    assert!(stderr.contains("`initdb` failed: "), "{stderr}");
}

/// Environment variables that the caller has set for other servers do not affect the disposable
/// server.
#[rstest]
#[case::port("PGPORT", "5433")]
#[case::tls("PGSSLMODE", "verify-full")]
#[case::read_only("PGOPTIONS", "-c default_transaction_read_only=on")]
#[case::search_path("PGOPTIONS", "-c search_path=nowhere")]
#[case::host("PGHOST", "db.example")]
#[case::database("PGDATABASE", "nowhere")]
#[case::user("PGUSER", "nobody")]
fn variables_for_other_servers_are_ignored(#[case] name: &str, #[case] value: &str) {
    let project = Project::new("accepts-no-job");
    let command = project.spanproof(&["check", "--fresh"]).env(name, value);
    let Output { code, stdout, stderr } = command.output();
    // The case fails only because the service accepts no job, so the Postgres server works.
    assert_eq!(code, 1, "{stdout}{stderr}");
    assert!(stdout.contains("FAIL job-failed-early"), "{stdout}{stderr}");
}
