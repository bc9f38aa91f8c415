//! Tests of runs that reach their time limit, of evidence that can't be written, and of many spans.

use std::path::Path;
use std::time::{Duration, Instant};

use rstest::rstest;

use crate::check::project::Project;
use crate::repository::root;
use crate::run::{Output, run};

/// A flag with two values, so that there are two cases.
const FLAG: &str = "[[flag]]\nname = \"MODE\"\nvalues = [\"a\", \"b\"]\ndefault = \"a\"";

#[test]
fn a_run_that_reaches_its_time_limit_reports_its_results_until_then() {
    let project = Project::new("never-ready");
    project.edit("timeout-ms = 1500", "timeout-ms = 600000");
    project.append(FLAG);
    let start = Instant::now();
    // The limit is long enough to start the server, even while many other tests run.
    let arguments = ["check", "--no-faults", "-j", "1", "--timeout", "20s", "--evidence", "run"];
    let Output { code, stdout, stderr } = project.run(&arguments);
    assert_eq!(code, 3, "{stdout}{stderr}");
    for expected in [
        "BROKEN",
        "the time limit of the run is over; the case waited for the service to become ready",
        "the time limit of the run is over; 1 case was not run: ",
        "1 broken, 1 not run",
    ] {
        assert!(stdout.contains(expected), "{expected}: {stdout}{stderr}");
    }
    assert!(start.elapsed() < Duration::from_mins(2), "{:?}", start.elapsed());
    let report = project.run(&["report", "run"]);
    assert_eq!(report.code, 3);
    assert!(report.stdout.contains("1 case was not run: "), "{}", report.stdout);
}

#[test]
fn a_time_limit_also_ends_the_build() {
    let project = Project::new("accepts-no-job");
    project.edit("command =", "build = [\"sleep\", \"600\"]\ncommand =");
    let Output { code, stderr, .. } = project.run(&["check", "--timeout", "1s"]);
    assert_eq!(code, 3, "{stderr}");
    let expected =
        "the time limit of the run is over; it waited for the build and the Postgres server";
    assert!(stderr.contains(expected), "{stderr}");
}

#[test]
fn a_time_limit_also_ends_check_with_sabotages() {
    let project = Project::new("never-ready");
    project.edit("timeout-ms = 1500", "timeout-ms = 600000");
    let start = Instant::now();
    let Output { code, stdout, stderr } = project.run(&["check", "--prove", "--timeout", "15s"]);
    assert_eq!(code, 3, "{stdout}{stderr}");
    let expected = "the time limit of the run is over; it waited for the sabotages";
    assert!(stderr.contains(expected), "{stdout}{stderr}");
    assert!(start.elapsed() < Duration::from_mins(1), "{:?}", start.elapsed());
}

/// Creates a project with an adopted incident, `early.jsonl`. After that, the first start of the service
/// succeeds, and all later starts hang.
fn project_with_incident() -> Project {
    let project = Project::new("accepts-no-job");
    let Output { stdout, .. } = project.run(&["check", "--no-faults", "--no-probe"]);
    let failed = stdout.lines().find(|line| line.contains("  FAIL ")).unwrap();
    let id = failed.split(' ').next().unwrap();
    for arguments in [
        &["capture", "--case", id, "-o", "early.jsonl"][..],
        &["replay", "early.jsonl", "--adopt=job-failed-early"],
    ] {
        let Output { code, stdout, stderr } = project.run(arguments);
        assert_eq!(code, 0, "{stdout}{stderr}");
    }
    let spec = std::fs::read_to_string(project.path().join("spanproof.toml")).unwrap();
    let command = spec.lines().find(|line| line.starts_with("command")).unwrap();
    let folder = project.path().display();
    let script = format!(
        "cd {folder}; [ -e started ] && exec sleep 600; touch started; echo ready; exec sleep 600"
    );
    project.edit(command, &format!("command = [\"/bin/sh\", \"-c\", {script:?}]"));
    project.edit("timeout-ms = 1500", "timeout-ms = 600000");
    project
}

#[test]
fn a_time_limit_also_ends_replays() {
    let project = project_with_incident();
    std::fs::write(project.path().join("started"), "").unwrap();
    let start = Instant::now();
    let Output { code, stdout, stderr } =
        project.run(&["replay", "fixtures/incidents", "--timeout", "15s"]);
    assert_eq!(code, 3, "{stdout}{stderr}");
    let expected = "the time limit of the run is over; it waited for replay 1 of 1";
    assert!(stderr.contains(expected), "{stdout}{stderr}");
    assert!(start.elapsed() < Duration::from_mins(1), "{:?}", start.elapsed());
}

#[test]
fn a_time_limit_also_ends_the_replays_of_adopted_incidents() {
    let project = project_with_incident();
    let start = Instant::now();
    let arguments = ["check", "--no-faults", "--no-probe", "--timeout", "15s"];
    let Output { code, stdout, stderr } = project.run(&arguments);
    assert_eq!(code, 3, "{stdout}{stderr}");
    let limit = "the time limit of the run is over; it waited for the replays of adopted incidents";
    for expected in [limit, "FAIL job-failed-early", "1 failed"] {
        assert!(stdout.contains(expected), "{expected}: {stdout}{stderr}");
    }
    assert!(start.elapsed() < Duration::from_mins(1), "{:?}", start.elapsed());
}

/// When it starts, the service removes the evidence of earlier cases. In the second test case, it also
/// creates a file with the name of the folder.
#[rstest]
#[case::removed("rm -rf run", "run/", "was removed while spanproof ran")]
#[case::replaced("rm -rf run; touch run", "could not create `run/", "run.json")]
fn evidence_that_cannot_be_written_loses_no_verdict(
    #[case] destroy: &str,
    #[case] first: &str,
    #[case] second: &str,
) {
    let project = Project::new("accepts-no-job");
    let spec = std::fs::read_to_string(project.path().join("spanproof.toml")).unwrap();
    let command = spec.lines().find(|line| line.starts_with("command")).unwrap();
    let script = format!("cd {}; {destroy}; echo ready; exec sleep 60", project.path().display());
    project.edit(command, &format!("command = [\"/bin/sh\", \"-c\", {script:?}]"));
    project.append(FLAG);
    let arguments = ["check", "--no-faults", "--no-probe", "-j", "1", "--evidence", "run"];
    let Output { code, stdout, stderr } = project.run(&arguments);
    assert_eq!(code, 3, "{stdout}{stderr}");
    let head = "the verdicts are complete, but not all evidence could be written";
    for expected in [head, first, second, "2 failed"] {
        assert!(stdout.contains(expected), "{expected}: {stdout}{stderr}");
    }
    assert!(!stdout.contains("BROKEN"), "{stdout}");
}

/// Creates a folder for evidence in which `name` is a broken symlink, so that nothing can be written below
/// it.
fn block_evidence_folder(folder: &Path, name: &str) {
    let evidence = folder.join("run");
    std::fs::create_dir(&evidence).unwrap();
    std::os::unix::fs::symlink("/nowhere/at/all", evidence.join(name)).unwrap();
}

#[test]
fn evidence_of_extra_cases_that_cannot_be_written_is_listed() {
    let project = Project::new("accepts-no-job");
    project.append(FLAG);
    block_evidence_folder(project.path(), "probes");
    let arguments = ["check", "--no-faults", "--filter", "MODE=a", "--evidence", "run"];
    let Output { code, stdout, stderr } = project.run(&arguments);
    assert_eq!(code, 3, "{stdout}{stderr}");
    for expected in ["but not all evidence could be written", "`run/probes/", "1 failed"] {
        assert!(stdout.contains(expected), "{expected}: {stdout}{stderr}");
    }
}

/// The service has a flag whose effect only repetitions show.
#[test]
fn evidence_of_repetitions_that_cannot_be_written_is_listed() {
    let folder = tempfile::tempdir().unwrap();
    block_evidence_folder(folder.path(), "repetitions");
    let evidence = folder.path().join("run");
    let spec = root().join("fixtures/newsletter/spanproof.toml");
    let [spec, evidence] = [&spec, &evidence].map(|path| path.to_str().unwrap());
    let arguments = ["check", "--no-faults", "--config", spec, "--evidence", evidence];
    let Output { code, stdout, stderr } = run(root(), &arguments);
    assert_eq!(code, 3, "{stdout}{stderr}");
    for expected in ["but not all evidence could be written", "/repetitions/1/", " 0 failed"] {
        assert!(stdout.contains(expected), "{expected}: {stdout}{stderr}");
    }
}

/// Regression test: the parent of each span was searched for among all spans of the unit.
#[test]
fn a_unit_with_many_spans_is_judged_in_time() {
    let project = Project::new("accepts-no-job");
    let id = |last: &str| format!("'00000000-0000-0000-0000-00000000000{last}'::uuid");
    let (trace, root) = (id("1"), id("2"));
    let rest = "now(), now() + interval '1 ms', 1, 'completed', 1, 1, 'm', 'r'";
    let sql = format!(
        "with j as (insert into jobs values ('completed')), e as (insert into executions \
         values (1, 1, 'r', 'm', 'q', 'completed', '{{}}')) insert into trace_spans \
         select {trace}, {root}, null::uuid, 'example', 'work', {rest} union all \
         select {trace}, gen_random_uuid(), {root}, 'example', 'item', {rest} from generate_series(1, 30000)"
    );
    project.edit("path = \"/jobs\"", &format!("sql = {sql:?}"));
    project.append("[[span]]\nname = \"item\"\nparent = \"work\"\nrepeats = true");
    project.append("[tables.jobs]\nid = \"\"");
    let start = Instant::now();
    let Output { stdout, stderr, .. } = project.run(&["check", "--no-faults", "--no-probe"]);
    assert!(stdout.contains("1 unit, 30001 spans"), "{stdout}{stderr}");
    assert!(start.elapsed() < Duration::from_mins(1), "{:?}", start.elapsed());
}
