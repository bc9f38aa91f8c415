//! Specs, files and arguments that are wrong: exit 2, naming file, line and key.

use rstest::rstest;

use crate::project::Project;

#[test]
fn without_a_spec_the_error_says_where_it_was_looked_for() {
    let project = Project::new("obedient");
    std::fs::remove_file(project.path().join("spanproof.toml")).unwrap();
    let (code, _, said) = project.run(&["check"]);
    assert_eq!(code, 2);
    assert_eq!(said, "error: there is no `spanproof.toml` here; name one with `--config FILE`\n");
}

#[rstest]
#[case::unknown_key(
    "[[job]]",
    "[[job]]\nunit = 1",
    "spanproof.toml:14:1: unknown key `unit`, expected one of `name`, `file`, `units`, `id`; did you mean `units`?"
)]
#[case::wrong_type(
    "units = 1",
    "units = \"one\"",
    "spanproof.toml:16:9: invalid type: string \"one\", expected usize"
)]
#[case::version_in_words(
    "schema = 1",
    "schema = 1\ndatabase = { version = \"sixteen\" }",
    "spanproof.toml:2:24: invalid value: string \"sixteen\", expected a major version of PostgreSQL, such as `16` or `\"16\"`"
)]
#[case::version_below_zero(
    "schema = 1",
    "schema = 1\ndatabase = { version = -1 }",
    "spanproof.toml:2:24: invalid value: integer `-1`, expected a major version of PostgreSQL, such as `16`"
)]
#[case::fault_without_a_kind(
    "schema = 1",
    "schema = 1\nfault = [{ kind = \"table-mising\" }]",
    "no kind of fault is named `table-mising`; did you mean `table-missing`?"
)]
#[case::fault_without_its_files(
    "schema = 1",
    "schema = 1\nfault = [{ kind = \"sql\" }]",
    "spanproof.toml:2:10: fault `sql`: the kind `sql` needs `apply` and `clear`"
)]
#[case::fault_that_can_not_be_told(
    "schema = 1",
    "schema = 1\nfault = [{ kind = \"locked\" }]",
    "can't be told without `refused` or `unfinished` in `[probes]`"
)]
#[case::expected_code(
    "schema = 1",
    "schema = 1\nexpected = [{ code = \"unliked\", reason = \"r\", until = 2030-01-01 }]",
    "spanproof.toml:2:22: no code is named `unliked`; did you mean `unlinked`?"
)]
#[case::newer_schema(
    "schema = 1",
    "schema = 2",
    "spanproof.toml:1:10: this version understands `schema = 1`"
)]
#[case::no_values(
    "schema = 1",
    "schema = 1\nflag = [{ name = \"A\", values = [] }]",
    "spanproof.toml:2:9: flag `A` has no values; give at least one, or remove the flag"
)]
#[case::twice(
    "schema = 1",
    "schema = 1\nflag = [{ name = \"A\", values = [\"x\"] }, { name = \"A\", values = [\"y\"] }]",
    "spanproof.toml:2:41: `A` is declared twice; remove one `[[flag]]`"
)]
#[case::same_value(
    "schema = 1",
    "schema = 1\nflag = [{ name = \"A\", values = [\"x\", \"x\"] }]",
    "flag `A` has the value x twice"
)]
#[case::two_tracing(
    "schema = 1",
    "schema = 1\nflag = [{ name = \"A\", tracing = true, values = [\"x\"] }, { name = \"B\", tracing = true, values = [\"x\"] }]",
    "only one flag may have `tracing = true`"
)]
#[case::enables(
    "schema = 1",
    "schema = 1\nflag = [{ name = \"A\", enables = [\"on\"], values = [\"x\"] }]",
    "flag `A`: on is not among its `values`"
)]
#[case::parent(
    "operation = \"work\"",
    "operation = \"work\"\n[[span]]\noperation = \"call\"\nparent = \"wrok\"",
    "no `[[span]]` has the operation `wrok`; did you mean `work`?"
)]
#[case::condition(
    "operation = \"work\"",
    "operation = \"work\"\nwhen = { rout = \"direct\" }",
    "no flag, and no part of a case, is named `rout`; did you mean `route`?"
)]
#[case::condition_value(
    "operation = \"work\"",
    "operation = \"work\"\nwhen = { route = \"other\" }",
    "`route` is never other; its values are direct"
)]
#[case::pattern(
    "[[route]]",
    "[probes]\nattempt = \"(\"\n[[route]]",
    "spanproof.toml:8:11: not a regular expression: unclosed group"
)]
#[case::probe_group(
    "[[route]]",
    "[probes]\ntracer = \"x\"\nenabled = \"ON\"\n[[route]]",
    "the pattern needs a group named `(?<state>…)`"
)]
#[case::ready("line = \"^ready$\", ", "", "`ready` needs one of `http`, `line` and `sql`")]
#[case::unused_rule(
    "[[route]]",
    "[matrix]\nexclude = [{ route = \"direct\", upstream = \"healthy\" }, { job = \"one\", route = [] }]\n[[route]]",
    "the rule `exclude` = { job=one and route= } leaves out no case; remove it or correct it"
)]
#[case::limit(
    "schema = 1",
    "schema = 1\nmatrix = { limit = 3 }\nflag = [{ name = \"A\", values = [\"1\", \"2\", \"3\", \"4\"] }]",
    "the matrix has 4 cases and the limit is 3 (A: 4, route: 1, upstream: 1, job: 1); pin or exclude some, or raise `limit` in `[matrix]`"
)]
#[case::no_units(
    "units = 1",
    "units = 0",
    "spanproof.toml:16:9: job `one` has no units, so nothing could be proven; say how many it has"
)]
#[case::enables_nothing(
    "schema = 1",
    "schema = 1\nflag = [{ name = \"A\", tracing = true, enables = [], values = [\"true\"] }]",
    "spanproof.toml:2:9: flag `A` has `tracing = true`, and none of its values records"
)]
#[case::means_nothing(
    "schema = 1",
    "schema = 1\nflag = [{ name = \"A\", tracing = true, values = [{ unset = true }, \"false\"] }]",
    "spanproof.toml:2:9: flag `A` has `tracing = true`, and none of its values records"
)]
#[case::placeholder_in_env(
    "[[route]]",
    "[service.env]\nBASE = \"{upstrem.url}/v1\"\n[[route]]",
    "spanproof.toml:8:8: nothing stands for `{upstrem.url}` here; did you mean `{upstream.url}`?"
)]
#[case::placeholder_in_url(
    "command =",
    "url = \"http://127.0.0.1:{prt}\"\ncommand =",
    "spanproof.toml:4:7: nothing stands for `{prt}` here; did you mean `{port}`?"
)]
#[case::placeholder_in_body(
    "path = \"/jobs\"",
    "path = \"/jobs\"\nbody = '{\"a\": [\"{jobs:/id}\"]}'",
    "spanproof.toml:10:8: nothing stands for `{jobs:/id}` here; did you mean `{job:/pointer}`?"
)]
#[case::parent_without_column(
    "operation = \"work\"",
    "operation = \"work\"\n[[span]]\noperation = \"call\"\nparent = \"work\"\n[tables.spans]\nparent = \"\"",
    "`call` has a `parent`, and `parent` in `[tables.spans]` is empty"
)]
#[case::table(
    "[[route]]",
    "[tables.units]\ntable = \"execution\"\n[[route]]",
    "`tables.units.table` = `execution`: the migrations make no such table; found: `executions`, `jobs`, `trace_spans`; did you mean `executions`?"
)]
#[case::table_of_a_schema(
    "[[route]]",
    "[tables.jobs]\ntable = \"public.job\"\n[[route]]",
    "found: `public.executions`, `public.jobs`, `public.trace_spans`; did you mean `public.jobs`?"
)]
#[case::column(
    "[[route]]",
    "[tables.jobs]\nstatus = \"state\"\n[[route]]",
    "`tables.jobs.status` = `state`: `jobs` has no such column; found: `status`; did you mean `status`?"
)]
#[case::key_column(
    "[[route]]",
    "[tables.units]\nkey = [\"regon\"]\n[[route]]",
    "`tables.units.key` = `regon`: `executions` has no such column; found: "
)]
#[case::link_to_a_unit(
    "[[route]]",
    "[tables.spans.link]\njob_id = \"jobid\"\n[[route]]",
    "`tables.spans.link` = `jobid`: `executions` has no such column; found: "
)]
#[case::link_of_a_span(
    "[[route]]",
    "[tables.spans.link]\njobid = \"job_id\"\n[[route]]",
    "`tables.spans.link` = `jobid`: `trace_spans` has no such column; found: "
)]
fn a_wrong_spec_is_shown_at_its_place(
    #[case] old: &str,
    #[case] new: &str,
    #[case] expected: &str,
) {
    let project = Project::new("obedient");
    project.edit(old, new);
    let (code, results, said) = project.run(&["check"]);
    assert_eq!((code, results.as_str()), (2, ""), "{said}");
    assert!(said.contains(expected), "expected {expected}\nfound {said}");
}

#[rstest]
#[case::job(
    "job.json",
    "{ not json",
    "job file `./job.json`: not JSON: key must be a string at line 1 column 3"
)]
#[case::upstream(
    "upstream.toml",
    "about = 1",
    "./upstream.toml:1:9: invalid type: integer `1`, expected a string"
)]
#[case::query(
    "upstream.toml",
    "about = \"x\"\n[[reply]]\nmethod = \"GET\"\npath = \"/price?x=1\"",
    "the path must start with `/` and have no query"
)]
#[case::method(
    "upstream.toml",
    "about = \"x\"\n[[reply]]\nmethod = \"G T\"\npath = \"/\"",
    "`G T` is not an HTTP method"
)]
#[case::no_replies(
    "upstream.toml",
    "about = \"x\"\nreply = []",
    "a behaviour needs at least one `[[reply]]`"
)]
#[case::two_versions(
    "migrations/0001_other.up.sql",
    "select 1",
    "0001_other.up.sql` and `0001_work.up.sql` have the same version 1; renumber one"
)]
fn a_wrong_file_of_the_spec_is_named(
    #[case] name: &str,
    #[case] text: &str,
    #[case] expected: &str,
) {
    let project = Project::new("obedient");
    project.write(name, text);
    let (code, _, said) = project.run(&["check"]);
    assert_eq!(code, 2, "{said}");
    let swapped = "0001_work.up.sql` and `0001_other.up.sql` have the same version 1; renumber one";
    let twins = name.starts_with("migrations") && said.contains(swapped);
    assert!(said.contains(expected) || twins, "expected {expected}\nfound {said}");
}

#[test]
fn an_empty_migrations_folder_is_refused() {
    let project = Project::new("obedient");
    std::fs::remove_file(project.path().join("migrations/0001_work.up.sql")).unwrap();
    let (code, _, said) = project.run(&["check"]);
    assert_eq!(code, 2, "{said}");
    assert!(
        said.contains("migrations in `./migrations`: it holds no `NNNN_name.up.sql`"),
        "{said}"
    );
}

#[rstest]
#[case::missing("no/such/service", "there is no program at")]
#[case::not_executable("job.json", "is not executable; try `chmod +x")]
fn a_service_that_can_not_be_started_is_named(#[case] program: &str, #[case] expected: &str) {
    let project = Project::new("obedient");
    let path = project.path().join(program);
    let text = std::fs::read_to_string(project.path().join("spanproof.toml")).unwrap();
    let old = text.lines().find(|line| line.starts_with("command")).unwrap();
    project.edit(old, &format!("command = [\"{}\"]", path.display()));
    let (code, results, said) = project.run(&["check"]);
    assert_eq!(code, 3, "{said}");
    assert!(format!("{results}{said}").contains(expected), "{results}{said}");
}

#[rstest]
#[case::id(&["check", "--case", "ffff"], "no case has the id `ffff`")]
#[case::name(&["check", "--filter", "rout=direct"], "is named `rout`; did you mean `route`?")]
#[case::value(&["check", "--filter", "route=other"], "`route` is never other; its values are direct")]
fn a_selector_that_matches_nothing_is_never_green(#[case] args: &[&str], #[case] expected: &str) {
    let (code, results, said) = Project::new("obedient").run(args);
    assert_eq!((code, results.as_str()), (4, ""), "{said}");
    assert!(said.contains(expected), "{said}");
}

#[rstest]
#[case::code(&["explain", "flag-unsett"], "did you mean `flag-unset`?")]
#[case::filter(&["check", "--filter", "x"], "expected NAME=VALUE, or !NAME")]
#[case::command(&["chek"], "a similar subcommand exists: 'check'")]
fn wrong_arguments_are_explained(#[case] args: &[&str], #[case] expected: &str) {
    let (code, _, said) = Project::new("obedient").run(args);
    assert_eq!(code, 2, "{said}");
    assert!(said.contains(expected), "{said}");
}

#[test]
fn snapshots_are_never_written_in_ci() {
    let project = Project::new("obedient");
    let output = project.spanproof(&["check", "--update"]).env("CI", "true").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("refused while CI is set"));
}

#[test]
fn a_default_column_that_is_missing_is_named_until_it_is_switched_off() {
    let project = Project::new("never-ready");
    project.write(
        "migrations/0002_less.up.sql",
        "alter table trace_spans drop duration_ms, drop parent_span_id, drop service;\n\
         alter table executions drop output;",
    );
    let (code, _, said) = project.run(&["check"]);
    assert_eq!(code, 2, "{said}");
    let expected = "`tables.units.outcome` = `output`: `executions` has no such column; found: ";
    assert!(said.contains(expected), "{said}");
    assert!(said.contains("; `\"\"` says that there is none"), "{said}");
    project.append("[tables.units]\noutcome = \"\"");
    project.append("[tables.spans]\nduration = \"\"\nparent = \"\"\nservice = \"\"");
    let (code, results, said) = project.run(&["check"]);
    assert_eq!(code, 3, "{said}");
    assert!(results.contains("did not become ready"), "{results}{said}");
}

#[test]
fn a_brace_that_is_no_placeholder_is_left_alone() {
    let project = Project::new("never-ready");
    project.edit("[[route]]", "[service.env]\nJSON = '{\"a\": {}} {A} {port}'\n[[route]]");
    project.edit(
        "path = \"/jobs\"",
        "path = \"/jobs\"\nbody = '{\"a\": \"{}\", \"b\": \"{job:/x/0/Y}\"}'",
    );
    let (code, results, said) = project.run(&["check"]);
    assert_eq!(code, 3, "{results}{said}");
}
