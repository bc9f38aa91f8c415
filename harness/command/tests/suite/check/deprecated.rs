//! Tests that every command that reads a spec prints a warning for each former name in the spec.

use rstest::rstest;

use super::project::Project;

/// Returns a project whose spec has a former key in its last line, and the expected warning.
fn project() -> (Project, String) {
    let project = Project::new("accepts-no-job");
    project.edit("name = \"work\"", "operation = \"work\"");
    let spec = std::fs::read_to_string(project.path().join("spanproof.toml")).unwrap();
    let line = spec.lines().count();
    let warning = format!(
        "warning: spanproof.toml:{line}: `operation` is now called `name`; the old name works \
         until 0.3\n"
    );
    (project, warning)
}

#[rstest]
#[case::plan(&["plan"])]
#[case::report(&["report"])]
#[case::preflight(&["preflight"])]
#[case::diagnose(&["diagnose", "--log", "job.json"])]
#[case::traces(&["traces"])]
#[case::watch(&["watch"])]
fn every_command_prints_the_warning_once(#[case] args: &[&str]) {
    let (project, warning) = project();
    let output = project.run(args);
    assert_eq!(output.stderr.matches(&warning).count(), 1, "{output:?}");
}

#[test]
fn a_warning_is_not_part_of_the_json_document() {
    let (project, warning) = project();
    let output = project.run(&["check", "--format", "json"]);
    assert_eq!(output.stderr.matches(&warning).count(), 1, "{output:?}");
    assert!(output.json()["cases"].is_array(), "{output:?}");
}

#[test]
fn a_key_with_its_former_and_its_new_name_is_refused() {
    let project = Project::new("accepts-no-job");
    project.append("operation = \"other\"");
    let output = project.run(&["plan"]);
    assert_eq!((output.code, output.stdout.as_str()), (2, ""), "{output:?}");
    let expected = "`operation` is the old name of `name`, and both are given; remove `operation`";
    assert!(output.stderr.contains(expected), "{output:?}");
}
