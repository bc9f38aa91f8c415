//! Tests that a spec with contradictory rules for spans, routes (ways to submit a job) or processes is
//! refused. The error names the file and the line, and what to do.

use rstest::rstest;

use super::project::Project;

#[rstest]
#[case::two_roots(
    "[[span]]\nname = 'work'",
    "[[span]]\nname = 'work'\n[[span]]\nname = 'GET /'",
    "in each case only one `[[span]]` may lack a `parent`; set `unit = \"none\"` for a span that belongs to no unit"
)]
#[case::two_roots_in_the_same_case(
    "[[span]]\nname = 'work'",
    "[[span]]\nname = 'work'\nwhen = { route = 'direct' }\n[[span]]\nname = 'GET /'\nwhen = { job = 'one' }",
    "in each case only one `[[span]]` may lack a `parent`"
)]
#[case::no_root(
    "[[span]]\nname = 'work'",
    "[[span]]\nname = 'work'\nunit = 'none'",
    "one `[[span]]` must have no `parent`: the span of the unit itself"
)]
#[case::none_with_a_parent(
    "[[span]]\nname = 'work'",
    "[[span]]\nname = 'work'\n[[span]]\nname = 'GET *'\nparent = 'work'\nunit = 'none'",
    "`GET *` belongs to no unit, so it may occur any number of times anywhere; remove"
)]
#[case::parent_that_has_no_unit(
    "[[span]]\nname = 'work'",
    "[[span]]\nname = 'work'\n[[span]]\nname = 'gc'\nunit = 'none'\n[[span]]\nname = 'a'\nparent = 'gc'",
    "`gc` belongs to no unit, so it can't be the parent of a unit's span"
)]
#[case::below_a_span_of_units(
    "[[span]]\nname = 'work'",
    "[[span]]\nname = 'work'\n[[span]]\nname = 'a'\nparent = 'work'\nbelow = 'work'",
    "`work` is a span of a unit; write `parent = \"work\"`"
)]
#[case::below_an_unknown_span(
    "[[span]]\nname = 'work'",
    "[[span]]\nname = 'work'\nbelow = 'GET'\n[[span]]\nname = 'GET *'\nunit = 'none'",
    "no `[[span]]` with `unit = \"none\"` has the name `GET`; did you mean `GET *`?"
)]
#[case::star(
    "[[span]]\nname = 'work'",
    "[[span]]\nname = 'work*'",
    "`work*`: only the name of a span with `unit = \"none\"` may contain `*`"
)]
#[case::unit_of_a_missing_parent(
    "[[span]]\nname = 'work'",
    "[[span]]\nname = 'work'\nunit = 'parent'",
    "`work` has `unit = \"parent\"`, but no `parent`; name the parent"
)]
#[case::unknown_way_to_find_the_unit(
    "[[span]]\nname = 'work'",
    "[[span]]\nname = 'work'\nunit = 'trace'",
    "unknown variant `trace`, expected one of `column`, `parent`, `none`"
)]
#[case::same_place_twice(
    "[[span]]\nname = 'work'",
    "[[span]]\nname = 'work'\n[[span]]\nname = 'a'\nparent = 'work'\n[[span]]\nname = 'a'\nparent = ['a', 'work']",
    "`a` is declared twice; remove one `[[span]]`, or give it a different `parent`"
)]
#[case::parent_of_a_wrong_type(
    "[[span]]\nname = 'work'",
    "[[span]]\nname = 'work'\nparent = 3",
    "expected the name of a span, or a list of names"
)]
#[case::two_signs_of_the_end(
    "path = \"/jobs\"",
    "path = \"/jobs\"\ndone = { line = 'x', accepted = true }",
    "route `direct`: `done` needs exactly one of `line`, `http`, `sql` and `accepted = true`"
)]
#[case::pointer_without_values(
    "path = \"/jobs\"",
    "path = \"/jobs\"\ndone = { http = '/jobs/1', pointer = '/state' }",
    "route `direct`: `done` needs both `pointer` and `values`, or neither"
)]
#[case::values_without_a_url(
    "path = \"/jobs\"",
    "path = \"/jobs\"\ndone = { line = 'x', pointer = '/state', values = ['a'] }",
    "route `direct`: `done`: `pointer` and `values` need `http`"
)]
#[case::pattern_of_the_end(
    "path = \"/jobs\"",
    "path = \"/jobs\"\ndone = { line = '(' }",
    "route `direct`: `done.line` is not a regular expression"
)]
#[case::no_sign_of_the_end(
    "[[route]]",
    "[tables.jobs]\ntable = ''\n[[route]]",
    "route `direct`: without a table of jobs, the route needs `done`, a way to recognise that a job has ended"
)]
#[case::two_ways_to_submit(
    "path = \"/jobs\"",
    "path = \"/jobs\"\nat-start = true",
    "route `direct` needs exactly one of `path`, `sql`, `command` and `at-start`"
)]
#[case::fault_without_a_second_job(
    "path = \"/jobs\"",
    "at-start = true\n[[fault]]\nkind = 'killed-mid-job'",
    "after a fault, spanproof submits a second job, but no `[[route]]` can submit one; add such a route, or remove the fault"
)]
#[case::one_shot_that_gets_a_job(
    "ready = { line = \"^ready$\", timeout-ms = 1500 }",
    "one-shot = true",
    "route `direct`: a `one-shot` service gets its work when it starts; use `at-start = true`"
)]
#[case::one_shot_that_becomes_ready(
    "ready = {",
    "one-shot = true\nready = {",
    "a `one-shot` service is ready at once; remove `ready`"
)]
#[case::one_shot_that_migrates(
    "ready = { line = '^ready$', timeout-ms = 1500 }\nstop = { grace-ms = 300 }\n[[route]]\nname = 'direct'\npath = '/jobs'",
    "one-shot = true\n[database]\nservice-migrates = true\n[[route]]\nname = 'direct'\nat-start = true",
    "for `service-migrates`, spanproof starts the service once more to create the tables, but a `one-shot` service would also do its work then; use `migrate` or `schema`"
)]
#[case::shared_worker(
    "[[route]]",
    "[[process]]\nname = 'w'\nshared = true\ncommand = ['x']\n[[route]]",
    "the process `w`: only a `helper` can be `shared`"
)]
#[case::shared_helper_with_a_database(
    "[[route]]",
    "[[process]]\nname = 'w'\nhelper = true\nshared = true\ncommand = ['x', '{database.url}']\n[[route]]",
    "the process `w`: `{database.url}` differs from case to case; use another value, or remove `shared`"
)]
#[case::shared_helper_with_the_port_of_another(
    "[[route]]",
    "[[process]]\nname = 'a'\ncommand = ['x']\n[[process]]\nname = 'b'\nhelper = true\nshared = true\ncommand = ['x', '{port:a}']\n[[route]]",
    "the process `b`: `{port:a}` differs from case to case; use another value, or remove `shared`"
)]
#[case::job_that_is_submitted_later(
    "command = [",
    "env = { JOB = '{job.file}' }\ncommand = [",
    "`{job.file}` in `[service]` needs a route with `at-start = true`, and the spec has none"
)]
fn a_contradictory_rule_is_refused(#[case] old: &str, #[case] new: &str, #[case] expected: &str) {
    let project = Project::new("accepts-no-job");
    project.edit(&old.replace('\'', "\""), &new.replace('\'', "\""));
    let output = project.run(&["plan"]);
    assert_eq!(output.code, 2, "{output:?}");
    assert!(output.stderr.contains("spanproof.toml:"), "{output:?}");
    assert!(output.stderr.contains(expected), "expected {expected}\nfound {}", output.stderr);
}
