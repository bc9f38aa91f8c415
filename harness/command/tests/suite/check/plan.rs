//! Tests that `plan` checks everything that `check` reads before it starts a process.

use rstest::rstest;

use super::project::Project;
use crate::run::Output;

/// Runs `plan` and `check`. Asserts that both exit with 2 and print the same error, and returns the
/// error.
fn common_error(project: &Project) -> String {
    let Output { code, stdout, stderr } = project.run(&["plan"]);
    assert_eq!((code, stdout.as_str()), (2, ""), "{stderr}");
    let check = project.run(&["check"]);
    assert_eq!((check.code, check.stdout.as_str()), (2, ""), "{}", check.stderr);
    assert_eq!(check.stderr, stderr);
    stderr
}

/// Returns a project with a spec that names one file of each kind. All of the files are valid.
fn project_with_every_file() -> Project {
    let project = Project::new("accepts-no-job");
    project.edit("ready =", "files = { \"a.conf\" = \"a.conf\" }\ninherit = [\"PATH\"]\nready =");
    project.append(
        "[database]\nmigrations = \"migrations\"\nseed = [\"seed.sql\"]\n\
         migrate = [\"sh\", \"migrate.sh\"]\ninputs = [\"migrate.sh\"]\n\
         [probes]\nrefused = \"refused\"\n\
         [[fault]]\nkind = \"sql\"\napply = \"apply.sql\"\nclear = \"clear.sql\"\n\
         [[route]]\nname = \"command\"\ncommand = [\"sh\", \"submit.sh\"]\n\
         [[process]]\nname = \"helper\"\nhelper = true\ncommand = [\"sh\", \"helper.sh\"]",
    );
    for name in ["a.conf", "seed.sql", "migrate.sh", "apply.sql", "clear.sql"] {
        project.write(name, "select 1;");
    }
    project
}

#[test]
fn a_plan_of_a_spec_with_every_kind_of_file_is_printed() {
    let Output { code, stdout, stderr } = project_with_every_file().run(&["plan"]);
    assert_eq!((code, stderr.as_str()), (0, ""));
    assert!(stdout.contains("\n5 cases, 5 units\nafter failures: at most "), "{stdout}");
}

#[rstest]
#[case::job("job.json", "{ not json", "job file `./job.json`: not JSON: key must be a string")]
#[case::upstream("upstream.toml", "about = 1", "./upstream.toml:1:9: invalid type: integer `1`")]
#[case::key("upstream.toml", "abuot = 'x'", "./upstream.toml:1:1: unknown key `abuot`")]
#[case::migration("migrations/0001_x.up.sql", "select 1", "the same version 1; renumber one")]
#[case::seed("seed.sql", "\\dt", "seed `./seed.sql`: ")]
fn plan_and_check_report_the_same_error_in_a_file(
    #[case] name: &str,
    #[case] text: &str,
    #[case] expected: &str,
) {
    let project = project_with_every_file();
    project.write(name, text);
    let stderr = common_error(&project);
    assert!(stderr.contains(expected), "expected {expected}\nfound {stderr}");
}

#[rstest]
#[case::job("job.json", "job file `./job.json`: No such file")]
#[case::upstream("upstream.toml", "`./upstream.toml` can't be read: No such file")]
#[case::migration("migrations/0001_work.up.sql", "migrations in `./migrations`: it has no")]
#[case::seed("seed.sql", "seed `./seed.sql`: ")]
#[case::template("a.conf", "template `./a.conf`: No such file")]
#[case::fault("apply.sql", "fault file `./apply.sql`: No such file")]
#[case::end_of_the_fault("clear.sql", "fault file `./clear.sql`: No such file")]
#[case::inputs("migrate.sh", "`inputs` `migrate.sh`: no file matches it")]
fn plan_and_check_report_the_same_missing_file(#[case] name: &str, #[case] expected: &str) {
    let project = project_with_every_file();
    std::fs::remove_file(project.path().join(name)).unwrap();
    let stderr = common_error(&project);
    assert!(stderr.contains(expected), "expected {expected}\nfound {stderr}");
}

#[rstest]
#[case::path("no/such/service", "there is no program at")]
#[case::bare_name("no-such-service", "there is no program `no-such-service` in PATH")]
#[case::not_executable("./job.json", "is not executable; try `chmod +x")]
fn a_program_that_cannot_be_started_is_reported(#[case] program: &str, #[case] expected: &str) {
    let project = Project::new("accepts-no-job");
    let text = std::fs::read_to_string(project.path().join("spanproof.toml")).unwrap();
    let old = text.lines().find(|line| line.starts_with("command")).unwrap().to_owned();
    project.edit(&old, &format!("command = [\"{program}\"]"));
    let stderr = common_error(&project);
    assert!(stderr.contains(expected), "expected {expected}\nfound {stderr}");
}

#[rstest]
#[case::process("[\"sh\", \"helper.sh\"]", "[\"no-such-helper\"]")]
#[case::route("[\"sh\", \"submit.sh\"]", "[\"no-such-submitter\"]")]
#[case::migrate("[\"sh\", \"migrate.sh\"]", "[\"no-such-migrator\"]")]
fn the_program_of_every_command_is_searched_for_in_path(#[case] old: &str, #[case] new: &str) {
    let project = project_with_every_file();
    project.edit(old, new);
    let stderr = common_error(&project);
    let program = new.trim_matches(['[', ']', '"']);
    assert!(stderr.contains(&format!("there is no program `{program}` in PATH")), "{stderr}");
}

#[test]
fn a_missing_working_folder_is_reported() {
    let project = Project::new("accepts-no-job");
    project.edit("ready =", "cwd = \"no-such-folder\"\nready =");
    let stderr = common_error(&project);
    assert!(stderr.contains("the working folder `"), "{stderr}");
}

#[test]
fn all_errors_are_reported_at_once() {
    let project = project_with_every_file();
    project.write("job.json", "{ not json");
    project.write("upstream.toml", "about = 1");
    project.edit("[\"sh\", \"helper.sh\"]", "[\"no-such-helper\"]");
    let stderr = common_error(&project);
    let lines: Vec<_> = stderr.lines().filter(|line| !line.starts_with(' ')).collect();
    assert_eq!(lines.len(), 4, "{stderr}");
    assert_eq!(lines[0], "error: 3 files or programs are wrong:");
    assert!(lines[1].starts_with("job file `./job.json`: not JSON"), "{stderr}");
    assert!(lines[2].starts_with("./upstream.toml:1:9: "), "{stderr}");
    assert!(lines[3].starts_with("`no-such-helper`: there is no program"), "{stderr}");
}

#[test]
fn plan_builds_nothing_and_a_program_that_the_build_creates_may_be_missing() {
    let project = Project::new("accepts-no-job");
    let text = std::fs::read_to_string(project.path().join("spanproof.toml")).unwrap();
    let old = text.lines().find(|line| line.starts_with("command")).unwrap().to_owned();
    project.edit(&old, "build = [\"touch\", \"built\"]\ncommand = [\"./built\"]");
    let Output { code, stderr, .. } = project.run(&["plan"]);
    assert_eq!((code, stderr.as_str()), (0, ""));
    assert!(!project.path().join("built").exists(), "`plan` built the service");
    project.edit("\"touch\"", "\"no-such-builder\"");
    let Output { code, stderr, .. } = project.run(&["plan"]);
    assert_eq!(code, 2, "{stderr}");
    assert!(stderr.contains("there is no program `no-such-builder` in PATH"), "{stderr}");
}

#[test]
fn plan_does_not_search_for_programs_that_do_not_exist_yet() {
    let project = project_with_every_file();
    // The first program is a file that each case creates in its own folder. The second program could
    // be created by `migrate`.
    project.edit("[\"sh\", \"helper.sh\"]", "[\"{dir}/a.conf\"]");
    project.edit("[\"sh\", \"submit.sh\"]", "[\"created/by-migrate\"]");
    let Output { code, stderr, .. } = project.run(&["plan"]);
    assert_eq!((code, stderr.as_str()), (0, ""));
}

#[test]
fn plan_starts_a_server_only_with_the_option_database() {
    let project = Project::new("accepts-no-job");
    project.append("[database]\nsource = \"binaries:/no/such/folder\"");
    let Output { code, stdout, stderr } = project.run(&["plan"]);
    assert_eq!((code, stderr.as_str()), (0, ""));
    assert!(stdout.contains("\n5 cases, "), "{stdout}");
    let Output { code, stdout, stderr } = project.run(&["plan", "--database"]);
    assert_eq!((code, stdout.as_str()), (3, ""), "{stderr}");
    assert!(stderr.contains("/no/such/folder"), "{stderr}");
}

#[test]
fn the_tables_of_the_spec_are_checked_on_a_real_server() {
    let project = Project::new("accepts-no-job");
    let Output { code, stdout, stderr } = project.run(&["plan", "--database"]);
    assert_eq!(code, 0, "{stderr}");
    assert!(stdout.contains("\n5 cases, "), "{stdout}");
    assert!(stderr.contains("every table and all 21 columns of `[tables]` exist\n"), "{stderr}");
    project.append("[tables.jobs]\nstatus = \"state\"");
    let Output { code, stdout, stderr } = project.run(&["plan", "--database"]);
    assert_eq!((code, stdout.as_str()), (2, ""), "{stderr}");
    let expected = "`tables.jobs.status` = `state`: `jobs` has no such column; found: `status`";
    assert!(stderr.contains(expected), "{stderr}");
}

#[test]
fn tables_that_a_command_creates_are_checked_too() {
    let project = Project::new("accepts-no-job");
    std::fs::rename(
        project.path().join("migrations/0001_work.up.sql"),
        project.path().join("tables.sql"),
    )
    .unwrap();
    project.append("[database]\nmigrate = [\"psql\", \"{database.url}\", \"-f\", \"tables.sql\"]");
    let Output { code, stderr, .. } = project.run(&["plan", "--database"]);
    assert_eq!(code, 0, "{stderr}");
    assert!(stderr.contains("every table and all 21 columns"), "{stderr}");
    project.edit("tables.sql", "no-such.sql");
    let Output { code, stdout, stderr } = project.run(&["plan", "--database"]);
    assert_eq!((code, stdout.as_str()), (3, ""), "{stderr}");
    assert!(stderr.contains("no-such.sql"), "{stderr}");
}

#[test]
fn tables_that_the_service_creates_cannot_be_checked() {
    let project = Project::new("accepts-no-job");
    project.append("[database]\nservice-migrates = true");
    let Output { code, stderr, .. } = project.run(&["plan", "--database"]);
    assert_eq!(code, 0, "{stderr}");
    let expected = "`[tables]` was not checked, because the service creates its tables at its \
                    start; `spanproof check` starts it\n";
    assert!(stderr.contains(expected), "{stderr}");
}

#[test]
fn plan_and_check_report_the_same_error_in_a_migration() {
    let project = Project::new("accepts-no-job");
    project.write("migrations/0002_wrong.up.sql", "select 1;\nselect no_such_column;\n");
    let plan = project.run(&["plan", "--database"]);
    let check = project.run(&["check"]);
    assert_eq!(plan.code, check.code, "{plan:?}");
    assert_eq!(plan.stderr, check.stderr);
    assert!(plan.stderr.contains("no_such_column"), "{plan:?}");
}
