//! Tests with databases whose tables are created by a command, or by the service at its start.

use rstest::rstest;

use super::project::Project;
use crate::run::Output;

/// A command that creates the tables of the project, and adds a line to `runs.txt` each time it
/// runs.
const MIGRATE: &str = r#"
import os, sys
import psycopg
with open("runs.txt", "a") as runs:
    runs.write(" ".join(sys.argv[1:]) + "\n")
with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
    assert connection.info.dbname == os.environ["PGDATABASE"] == sys.argv[1]
    connection.execute(open("tables.sql").read())
"#;

/// A service that creates its tables at its start, waits, and has no HTTP interface.
const SERVICE: &str = r#"
import os, signal, sys
import psycopg
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
    connection.execute("create table if not exists jobs (status text)")
    if os.environ.get("BUG") != "no-tables":
        connection.execute(open("tables.sql").read())
if os.environ.get("BUG") == "crash":
    sys.exit("no licence")
print("ready", flush=True)
signal.pause()
"#;

/// Creates a project whose `[database]` has these settings. Its migrations are in `tables.sql`.
fn project(settings: &str) -> Project {
    let project = Project::new("accepts-no-job");
    let tables = std::fs::read_to_string(project.path().join("migrations/0001_work.up.sql"));
    let tables = tables.unwrap().replace("create table", "create table if not exists");
    project.write("tables.sql", &tables);
    std::fs::remove_dir_all(project.path().join("migrations")).unwrap();
    project.write("migrate.py", MIGRATE);
    project.write("service.py", SERVICE);
    project.edit("[[route]]", &format!("[database]\n{settings}\n[[route]]"));
    project
}

/// Runs `check` with a cache inside the project's folder.
fn check(project: &Project) -> Output {
    let cache = project.path().join("cache");
    project.spanproof(&["check"]).env("XDG_CACHE_HOME", cache).output()
}

/// Asserts that the service started, which needs the tables, and that it accepted no job.
fn assert_tables_existed(Output { code, stdout, stderr }: &Output) {
    assert_eq!(*code, 1, "{stdout}{stderr}");
    assert!(stdout.contains("FAIL job-failed-early"), "{stdout}{stderr}");
}

fn count_runs(project: &Project) -> usize {
    std::fs::read_to_string(project.path().join("runs.txt")).unwrap().lines().count()
}

#[test]
fn a_command_runs_again_only_if_its_inputs_have_changed() {
    let project = project(
        "migrate = ['/usr/bin/python3', 'migrate.py', '{database.name}']\n\
         inputs = ['*.py', 'tables.sql']",
    );
    assert_tables_existed(&check(&project));
    assert_tables_existed(&check(&project));
    assert_eq!(count_runs(&project), 1);
    project.write("tables.sql", "create table other (n int);\n");
    let Output { code, stderr, .. } = check(&project);
    assert_eq!(code, 2, "{stderr}");
    let expected = "`tables.jobs.table` = `jobs`: the migrations create no such table";
    assert!(stderr.contains(expected), "{stderr}");
    assert_eq!(count_runs(&project), 2);
}

#[test]
fn a_command_without_inputs_always_runs() {
    let project = project("migrate = ['/usr/bin/python3', 'migrate.py', '{database.name}']");
    assert_tables_existed(&check(&project));
    assert_tables_existed(&check(&project));
    assert_eq!(count_runs(&project), 2);
}

#[rstest]
#[case::fails(
    "migrate = ['/bin/sh', '-c', 'echo relation exists >&2; exit 3']",
    3,
    "failed with exit status: 3\n    relation exists"
)]
#[case::missing("migrate = ['no-such-tool']", 2, "there is no program `no-such-tool` in PATH")]
#[case::no_input(
    "migrate = ['true']\ninputs = ['versions/**/*.py']",
    2,
    "`inputs` `versions/**/*.py`: no file matches it"
)]
#[case::no_command(
    "inputs = ['a']",
    2,
    "`inputs` lists the files that `migrate` reads, but `migrate` is missing"
)]
fn a_command_that_does_not_work_is_reported(
    #[case] settings: &str,
    #[case] expected_code: i32,
    #[case] expected: &str,
) {
    let Output { code, stdout, stderr } = check(&project(settings));
    assert_eq!(code, expected_code, "{stdout}{stderr}");
    assert!(stderr.contains(expected), "expected {expected}\nfound {stderr}");
    assert!(!stderr.contains("no Postgres"), "{stderr}");
}

#[rstest]
#[case::creates_tables("", 1, "FAIL job-failed-early")]
#[case::crashes("crash", 3, "and so did not create its tables")]
#[case::without_tables("no-tables", 2, "`tables.units.table` = `executions`")]
fn a_service_creates_its_tables_at_its_start(
    #[case] bug: &str,
    #[case] expected_code: i32,
    #[case] expected: &str,
) {
    let project = project("service-migrates = true");
    let spec = std::fs::read_to_string(project.path().join("spanproof.toml")).unwrap();
    let (start, rest) = spec.split_once("command = ").unwrap();
    let (_, end) = rest.split_once('\n').unwrap();
    let environment = format!("env = {{ DATABASE_URL = '{{database.url}}', BUG = '{bug}' }}");
    let command = "command = ['/usr/bin/python3', 'service.py']";
    project.write("spanproof.toml", &format!("{start}{command}\n{environment}\n{end}"));
    let Output { code, stdout, stderr } = check(&project);
    assert_eq!(code, expected_code, "{stdout}{stderr}");
    let text = format!("{stdout}{stderr}");
    assert!(text.contains(expected), "expected {expected}\nfound {text}");
    if bug == "crash" {
        assert!(text.contains("stderr: no licence"), "{text}");
    }
}
