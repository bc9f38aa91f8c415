//! Tests that wrong specs, files and arguments are refused. The error about a spec names the file, the
//! line and the key.

use rstest::rstest;

use super::project::Project;
use crate::run::Output;

#[test]
fn the_error_for_a_missing_spec_suggests_the_option_config() {
    let project = Project::new("accepts-no-job");
    std::fs::remove_file(project.path().join("spanproof.toml")).unwrap();
    let Output { code, stderr, .. } = project.run(&["check"]);
    assert_eq!(code, 2);
    assert_eq!(stderr, "error: no spec file `spanproof.toml`; use `--config FILE`\n");
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
    "unknown kind of fault `table-mising`; did you mean `table-missing`?"
)]
#[case::fault_without_its_files(
    "schema = 1",
    "schema = 1\nfault = [{ kind = \"sql\" }]",
    "spanproof.toml:2:10: fault `sql`: the kind `sql` needs `apply` and `clear`"
)]
#[case::fault_without_a_probe(
    "schema = 1",
    "schema = 1\nfault = [{ kind = \"locked\" }]",
    "`[probes]` needs `refused` or `unfinished`"
)]
#[case::expected_code(
    "schema = 1",
    "schema = 1\nexpected = [{ code = \"unliked\", reason = \"r\", until = 2030-01-01 }]",
    "spanproof.toml:2:22: no code is named `unliked`; did you mean `unlinked`?"
)]
#[case::table_with_two_dots(
    "schema = 1",
    "schema = 1\ntables = { spans = { table = \"my.app.spans\" } }",
    "such as `\"my.app.spans\"` or `\"my.app\".spans`"
)]
#[case::path_without_quotes(
    "schema = 1",
    "schema = 1\ntables = { spans = { unit = \"data->>unit\" } }",
    "spanproof.toml:2:29: `data->>unit` is not a path into JSON: write each key in single quotes"
)]
#[case::path_in_attributes(
    "schema = 1",
    "schema = 1\ntables = { spans = { attributes = { job_id = \"data->>\" } } }",
    "`data->>` is not a path into JSON"
)]
#[case::unit_of_fewer_columns(
    "schema = 1",
    "schema = 1\ntables = { units = { id = [\"job\", \"step\"] }, spans = { unit = \"step\" } }",
    "spanproof.toml:2:63: `unit` in `[tables.spans]` names a unit by `step`, but `id` in `[tables.units]` is `job` and `step`; list the same parts of the id in the same order"
)]
#[case::column_twice_in_an_id(
    "schema = 1",
    "schema = 1\ntables = { units = { id = [\"job\", \"job\"] } }",
    "`job` occurs twice in this id; remove one"
)]
#[case::newer_schema(
    "schema = 1",
    "schema = 2",
    "spanproof.toml:1:10: expected `schema = 1`, the version that this spanproof reads"
)]
#[case::no_values(
    "schema = 1",
    "schema = 1\nflag = [{ name = \"A\", values = [] }]",
    "spanproof.toml:2:9: flag `A` has no values; add one, or remove the flag"
)]
#[case::flag_declared_twice(
    "schema = 1",
    "schema = 1\nflag = [{ name = \"A\", values = [\"x\"] }, { name = \"A\", values = [\"y\"] }]",
    "spanproof.toml:2:41: `A` is declared twice; remove one `[[flag]]`"
)]
#[case::value_given_twice(
    "schema = 1",
    "schema = 1\nflag = [{ name = \"A\", values = [\"x\", \"x\"] }]",
    "flag `A` has the value x twice"
)]
#[case::two_tracing_flags(
    "schema = 1",
    "schema = 1\nflag = [{ name = \"A\", tracing = true, values = [\"x\"] }, { name = \"B\", tracing = true, values = [\"x\"] }]",
    "only one flag may have `tracing = true`"
)]
#[case::enables(
    "schema = 1",
    "schema = 1\nflag = [{ name = \"A\", enables = [\"on\"], values = [\"x\"] }]",
    "flag `A`: on is not one of its `values`"
)]
#[case::on_and_off(
    "schema = 1",
    "schema = 1\nflag = [{ name = \"A\", enables = [\"x\"], disables = [\"x\"], values = [\"x\"] }]",
    "spanproof.toml:2:9: flag `A`: x is in `enables` and in `disables`; remove it from one"
)]
#[case::same_effect(
    "schema = 1",
    "schema = 1\nflag = [{ name = \"A\", values = [\"1\", \"0\"], on = { log = \"x\" }, off = { log = \"x\" } }]",
    "spanproof.toml:2:9: flag `A`: `on` and `off` have the same `log`, so each forbids what the other requires; remove one"
)]
#[case::effect_that_no_value_has(
    "schema = 1",
    "schema = 1\nflag = [{ name = \"A\", values = [\"0\"], on = { log = \"x\" } }]",
    "flag `A` has `on` or `off`, but none of its values means on, so no case can show the effects; add such a value"
)]
#[case::effect_of_every_line(
    "schema = 1",
    "schema = 1\nflag = [{ name = \"A\", values = [\"1\", \"0\"], on = { log = \"x*\" } }]",
    "spanproof.toml:2:57: the pattern `x*` matches every line; make it match specific text"
)]
#[case::effect_without_the_value(
    "schema = 1",
    "schema = 1\nflag = [{ name = \"A\", kind = \"number\", values = [\"1\", \"2\"], each = { log = \"x\" } }]",
    "flag `A`: `each` can contain only patterns with `{value}`"
)]
#[case::neither_on_nor_off(
    "schema = 1",
    "schema = 1\nflag = [{ name = \"A\", tracing = true, values = [\"1\", \"x\", \"0\"], enables = [\"1\"], disables = [\"0\"] }]",
    "flag `A`: x is neither in `enables` nor in `disables`, but every case must either record spans or record none"
)]
#[case::needs_an_unknown_flag(
    "schema = 1",
    "schema = 1\nflag = [{ name = \"CACHE\", values = [\"1\"], needs = { CACH = \"1\" } }]",
    "spanproof.toml:2:9: flag `CACHE` needs `CACH`, which is not a flag; did you mean `CACHE`?"
)]
#[case::needs_in_a_cycle(
    "schema = 1",
    "schema = 1\nflag = [{ name = \"A\", values = [\"1\"], needs = { B = \"1\" } }, { name = \"B\", values = [\"1\"], needs = { A = \"1\" } }]",
    "flags need each other in a cycle: A needs B needs A; remove one `needs`"
)]
#[case::parent(
    "name = \"work\"",
    "name = \"work\"\n[[span]]\nname = \"call\"\nparent = \"wrok\"",
    "no `[[span]]` has the name `wrok`; did you mean `work`?"
)]
#[case::condition(
    "name = \"work\"",
    "name = \"work\"\nwhen = { rout = \"direct\" }",
    "`rout` is neither a flag nor `route`, `upstream`, `job` or `fault`; did you mean `route`?"
)]
#[case::condition_value(
    "name = \"work\"",
    "name = \"work\"\nwhen = { route = \"other\" }",
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
#[case::method(
    "path = \"/jobs\"",
    "path = \"/jobs\"\nmethod = \"post it\"",
    "route `direct`: `post it` is not an HTTP method; use one such as `POST`"
)]
#[case::optional_root(
    "[[span]]\nname = \"work\"",
    "[[span]]\nname = \"work\"\noptional = true",
    "`work` is the span of the unit itself, which can't be `optional`"
)]
#[case::ready(
    "line = \"^ready$\", ",
    "",
    "`ready` needs exactly one of `http`, `line`, `sql` and `tcp`"
)]
#[case::unused_rule(
    "[[route]]",
    "[matrix]\npin = { A = \"1\" }\nexclude = [{ A = \"2\", job = \"one\" }]\n[[flag]]\nname = \"A\"\nvalues = [\"1\", \"2\"]\n[[route]]",
    "the rule { A=2 and job=one } in `exclude` excludes no case; correct or remove it"
)]
#[case::empty_list(
    "[[route]]",
    "[matrix]\nexclude = [{ job = \"one\", route = [] }]\n[[route]]",
    "an empty list holds for no case; name a value, or remove the key"
)]
#[case::limit(
    "schema = 1",
    "schema = 1\nmatrix = { limit = 3 }\nflag = [{ name = \"A\", values = [\"1\", \"2\", \"3\", \"4\"] }]",
    "the matrix has 4 cases and the limit is 3 (A: 4, route: 1, upstream: 1, job: 1); leave out values with `pin` or `exclude`, or raise `limit`, in `[matrix]`"
)]
#[case::no_units(
    "units = 1",
    "units = 0",
    "spanproof.toml:16:9: job `one` has no units, so it would pass without any span; set `units`"
)]
#[case::enables_nothing(
    "schema = 1",
    "schema = 1\nflag = [{ name = \"A\", tracing = true, enables = [], values = [\"true\"] }]",
    "spanproof.toml:2:9: flag `A` has `tracing = true`, but none of its values switches tracing on"
)]
#[case::means_nothing(
    "schema = 1",
    "schema = 1\nflag = [{ name = \"A\", tracing = true, values = [{ unset = true }, \"false\"] }]",
    "spanproof.toml:2:9: flag `A` has `tracing = true`, but none of its values switches tracing on"
)]
#[case::placeholder_in_env(
    "[[route]]",
    "[service.env]\nBASE = \"{upstrem.url}/v1\"\n[[route]]",
    "spanproof.toml:8:8: unknown placeholder `{upstrem.url}`; did you mean `{upstream.url}`?"
)]
#[case::placeholder_in_url(
    "command =",
    "url = \"http://127.0.0.1:{prt}\"\ncommand =",
    "spanproof.toml:4:7: unknown placeholder `{prt}`; did you mean `{port}`?"
)]
#[case::placeholder_in_body(
    "path = \"/jobs\"",
    "path = \"/jobs\"\nbody = '{\"a\": [\"{jobs:/id}\"]}'",
    "spanproof.toml:10:8: unknown placeholder `{jobs:/id}`; did you mean `{job:/pointer}`?"
)]
#[case::parent_without_column(
    "name = \"work\"",
    "name = \"work\"\n[[span]]\nname = \"call\"\nparent = \"work\"\n[tables.spans]\nparent = \"\"",
    "`call` has a `parent`, but `parent` in `[tables.spans]` is empty"
)]
#[case::table(
    "[[route]]",
    "[tables.units]\ntable = \"execution\"\n[[route]]",
    "`tables.units.table` = `execution`: the migrations create no such table; found: `executions`, `jobs`, `trace_spans`; did you mean `executions`?"
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
    "[tables.spans.attributes]\njob_id = \"jobid\"\n[[route]]",
    "`tables.spans.attributes` = `jobid`: `executions` has no such column; found: "
)]
#[case::link_of_a_span(
    "[[route]]",
    "[tables.spans.attributes]\njobid = \"job_id\"\n[[route]]",
    "`tables.spans.attributes` = `jobid`: `trace_spans` has no such column; found: "
)]
fn an_error_in_a_spec_is_reported_with_its_position(
    #[case] old: &str,
    #[case] new: &str,
    #[case] expected: &str,
) {
    let project = Project::new("accepts-no-job");
    project.edit(old, new);
    let Output { code, stdout, stderr } = project.run(&["check"]);
    assert_eq!((code, stdout.as_str()), (2, ""), "{stderr}");
    assert!(stderr.contains(expected), "expected {expected}\nfound {stderr}");
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
    "have the same version 1; renumber one"
)]
fn an_error_in_a_file_that_the_spec_names_is_reported(
    #[case] name: &str,
    #[case] text: &str,
    #[case] expected: &str,
) {
    let project = Project::new("accepts-no-job");
    project.write(name, text);
    let Output { code, stderr, .. } = project.run(&["check"]);
    assert_eq!(code, 2, "{stderr}");
    assert!(stderr.contains(expected), "expected {expected}\nfound {stderr}");
}

#[test]
fn an_empty_migrations_folder_is_refused() {
    let project = Project::new("accepts-no-job");
    std::fs::remove_file(project.path().join("migrations/0001_work.up.sql")).unwrap();
    let Output { code, stderr, .. } = project.run(&["check"]);
    assert_eq!(code, 2, "{stderr}");
    assert!(
        stderr.contains("migrations in `./migrations`: it has no `NNNN_name.up.sql`"),
        "{stderr}"
    );
}

#[rstest]
#[case::id(&["check", "--case", "ffff"], "no case has the id `ffff`")]
#[case::name(&["check", "--filter", "rout=direct"], "`rout` is neither a flag nor `route`, `upstream`, `job` or `fault`; did you mean `route`?")]
#[case::value(&["check", "--filter", "route=other"], "`route` is never other; its values are direct")]
fn a_selection_without_cases_exits_with_4(#[case] args: &[&str], #[case] expected: &str) {
    let Output { code, stdout, stderr } = Project::new("accepts-no-job").run(args);
    assert_eq!((code, stdout.as_str()), (4, ""), "{stderr}");
    assert!(stderr.contains(expected), "{stderr}");
}

#[rstest]
#[case::code(&["explain", "flag-unsett"], "did you mean `flag-unset`?")]
#[case::filter(&["check", "--filter", "x"], "expected NAME=VALUE, or !NAME")]
#[case::command(&["chek"], "some similar subcommands exist: 'schema', 'check'")]
fn wrong_arguments_are_refused(#[case] args: &[&str], #[case] expected: &str) {
    let Output { code, stderr, .. } = Project::new("accepts-no-job").run(args);
    assert_eq!(code, 2, "{stderr}");
    assert!(stderr.contains(expected), "{stderr}");
}

#[test]
fn snapshots_are_never_written_in_ci() {
    let project = Project::new("accepts-no-job");
    let command = project.spanproof(&["check", "--update"]).env("CI", "true");
    let Output { code, stderr, .. } = command.output();
    assert_eq!(code, 2);
    assert!(stderr.contains("refused because the environment variable `CI` is set"), "{stderr}");
}

#[test]
fn a_missing_column_is_reported_unless_the_spec_disables_the_column() {
    let project = Project::new("never-ready");
    project.write(
        "migrations/0002_less.up.sql",
        "alter table trace_spans drop duration_ms, drop parent_span_id, drop service;\n\
         alter table executions drop output;",
    );
    let Output { code, stderr, .. } = project.run(&["check"]);
    assert_eq!(code, 2, "{stderr}");
    let expected = "`tables.units.outcome` = `output`: `executions` has no such column; found: ";
    assert!(stderr.contains(expected), "{stderr}");
    assert!(stderr.contains("; use `\"\"` if the table has no such column"), "{stderr}");
    project.append("[tables.units]\noutcome = \"\"");
    project.append("[tables.spans]\nduration = \"\"\nparent = \"\"\nservice = \"\"");
    let Output { code, stdout, stderr } = project.run(&["check"]);
    assert_eq!(code, 3, "{stderr}");
    assert!(stdout.contains("did not become ready"), "{stdout}{stderr}");
}

#[test]
fn braces_that_are_not_placeholders_are_accepted() {
    let project = Project::new("never-ready");
    project.edit("[[route]]", "[service.env]\nJSON = '{\"a\": {}} {A} {port}'\n[[route]]");
    project.edit(
        "path = \"/jobs\"",
        "path = \"/jobs\"\nbody = '{\"a\": \"{}\", \"b\": \"{job:/x/0/Y}\"}'",
    );
    let Output { code, stdout, stderr } = project.run(&["check"]);
    assert_eq!(code, 3, "{stdout}{stderr}");
}
