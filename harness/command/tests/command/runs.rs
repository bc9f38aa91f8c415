//! Runs as a whole: what one value breaks is seen beside the others, and a run that did not end
//! is never taken for one that did.

use rstest::rstest;

use crate::project::Project;

/// Five routes and two values of the tracing flag: ten cases, the failing value first.
fn failing_when_on(mode: &str) -> Project {
    let project = Project::new("fails-when-on");
    project.append("[[flag]]\nname = \"TRACE\"\ntracing = true\nvalues = [\"true\", \"false\"]");
    project.append(&format!("[[flag]]\nname = \"MODE\"\nvalues = [\"{mode}\"]"));
    for route in ["b", "c", "d", "e"] {
        project.append(&format!("[[route]]\nname = \"{route}\"\npath = \"/{route}\""));
    }
    project
}

#[rstest]
#[case::exits("exits", "process-crashed", "stderr:1  no table of spans", "4")]
#[case::exits_alone("exits", "process-crashed", "stderr:1  no table of spans", "1")]
#[case::hangs("hangs", "never-ready", "the service did not become ready", "4")]
fn a_service_that_fails_under_one_value_is_a_finding_beside_the_others(
    #[case] mode: &str,
    #[case] code: &str,
    #[case] proof: &str,
    #[case] workers: &str,
) {
    let (exit, results, said) = failing_when_on(mode).run(&["check", "-j", workers]);
    assert_eq!(exit, 1, "{results}{said}");
    assert_eq!(results.matches(&format!("FAIL {code}\n")).count(), 5, "{results}");
    assert!(results.contains(proof), "{results}");
    assert!(!results.contains("not run"), "{results}");
}

#[test]
fn what_a_run_stores_is_not_for_version_control_and_nothing_is_built_that_has_no_build() {
    let project = Project::new("obedient");
    let (_, _, said) = project.run(&["check"]);
    assert!(!said.contains("building"), "{said}");
    let file = project.path().join(".spanproof/.gitignore");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "*\n");
    std::fs::write(&file, "mine\n").unwrap();
    project.run(&["check"]);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "mine\n");
}

#[test]
fn a_report_without_a_spec_says_where_it_was_looked_for() {
    let project = Project::new("obedient");
    let (exit, _, said) = project.run(&["report", "--config", "nowhere.toml"]);
    assert_eq!(exit, 2, "{said}");
    assert!(said.contains("there is no `nowhere.toml` here"), "{said}");
}

#[test]
fn a_service_that_never_comes_up_is_not_tried_in_every_case() {
    let project = Project::new("exits-at-once");
    let values: Vec<_> = (0..40).map(|number| format!("\"{number}\"")).collect();
    project.append(&format!("[[flag]]\nname = \"N\"\nvalues = [{}]", values.join(", ")));
    let (exit, results, _) = project.run(&["check", "-j", "2"]);
    assert_eq!(exit, 3, "{results}");
    assert!(results.contains("came up, so the others were not run"), "{results}");
    assert!(results.contains("the service ended before it was ready, with exit code 7"));
    let (again, report, _) = project.run(&["report"]);
    assert_eq!(again, 3, "{report}");
    assert!(report.contains(" not run: "), "{report}");
}

#[test]
fn cases_without_evidence_stay_broken_in_the_report() {
    let project = Project::new("obedient");
    project.write("seed.sql", "insert into nowhere values (1)");
    project.append("[database]\nseed = [\"seed.sql\"]");
    let (exit, first, _) = project.run(&["check"]);
    let (again, second, said) = project.run(&["report"]);
    assert_eq!((exit, again), (3, 3), "{second}{said}");
    let cause = "relation \"nowhere\" does not exist";
    assert!(first.contains(cause) && second.contains(cause), "{first}\n{second}");
}

#[test]
fn a_world_that_does_not_come_up_pushes_no_evidence_out() {
    let project = Project::new("obedient");
    assert_eq!(project.run(&["check"]).0, 1);
    project.write("migrations/0002_broken.up.sql", "create tabel a ();");
    for _ in 0..6 {
        assert_eq!(project.run(&["check"]).0, 3);
    }
    assert_eq!(project.run(&["report"]).0, 1, "the first run's evidence is still there");
}

#[test]
fn the_command_that_repeats_a_case_carries_the_binary() {
    let project = Project::new("obedient");
    let binary = project.path().join("other.sh");
    project.write("other.sh", "#!/bin/sh\nexit 4\n");
    let mut rights = std::fs::metadata(&binary).unwrap().permissions();
    std::os::unix::fs::PermissionsExt::set_mode(&mut rights, 0o755);
    std::fs::set_permissions(&binary, rights).unwrap();
    let (_, results, _) = project.run(&["check", "--binary", "other.sh"]);
    assert!(results.contains("check --binary other.sh --case "), "{results}");
}
