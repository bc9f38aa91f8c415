//! Tests of `traces`, the command that finds traces in a database and prints them. A job consists of
//! units of work, which are the rows of the table `executions`. The option `--execution` takes the id
//! of a unit.

use rstest::rstest;
use serde_json::Value as Json;
use spanproof_postgres::Database;
use sqlx::{Connection as _, Executor as _, PgConnection};

use crate::run::{MIGRATIONS, Output, SPEC, Spanproof, run};

/// The id of the trace of the first unit in [`ROWS`].
const TRACE: &str = "0af76519-16cd-43dd-8448-eb211c80319c";

/// SQL that inserts one job with two units. The first unit has spans of two services; the span of
/// `router` has no job and no unit. The second unit has a span that has not ended and whose parent
/// is missing.
const ROWS: &str = "
insert into jobs (jobspec_id, jobspec, status, route) values ('bias-1', '{}', 'failed', 'queued');
insert into executions (job_id, region, model_id, question_id, status, trace_id)
select 1, 'us-east', 'm' || n, 'q', 'failed', ('0af76519-16cd-43dd-8448-eb211c80319' || chr(97 + n))::uuid
from generate_series(1, 2) n;
insert into trace_spans (trace_id, span_id, parent_span_id, service, operation, started_at, completed_at,
    duration_ms, status, job_id, execution_id, error_message) values
('0af76519-16cd-43dd-8448-eb211c80319c', '00000000-0000-4000-8000-000000000001', null, 'runner',
 'execute_question', '2025-10-22 12:00:00Z', '2025-10-22 12:01:30Z', 90000, 'failed', 1, 1, null),
('0af76519-16cd-43dd-8448-eb211c80319c', '00000000-0000-4000-8000-000000000002',
 '00000000-0000-4000-8000-000000000001', 'router', 'infer', '2025-10-22 12:01:20Z',
 '2025-10-22 12:01:30Z', 10000, 'failed', null, null, E'refused\\nby postgres://u:hunter2@h/db'),
('0af76519-16cd-43dd-8448-eb211c80319b', '00000000-0000-4000-8000-000000000003',
 '00000000-0000-4000-8000-000000000009', 'runner', 'execute_question', '2025-10-22 12:00:00Z', null,
 null, 'started', 1, 2, null)";

/// Creates a migrated database and executes `rows` in it.
async fn database(rows: &'static str) -> Database {
    let database = Database::migrated(MIGRATIONS).await.unwrap();
    let mut connection = PgConnection::connect(database.url()).await.unwrap();
    connection.execute(sqlx::raw_sql(rows)).await.unwrap();
    connection.close().await.unwrap();
    database
}

/// Runs `traces` on a migrated database in which `rows` was executed.
async fn traces(rows: &'static str, args: &[&str]) -> Output {
    let database = database(rows).await;
    let start = ["traces", "--config", SPEC, "--database", database.url()];
    let output = run(".", &[&start, args].concat());
    database.close().await.unwrap();
    output
}

#[rstest]
#[case::job(&["--job", "1"], 2)]
#[case::job_by_name(&["--job", "bias-1"], 2)]
#[case::execution(&["--execution", "1"], 1)]
#[case::trace(&["--trace", TRACE], 1)]
#[case::newest(&["--last", "1"], 1)]
#[case::since(&["--since", "2025-10-22T12:01:00Z"], 1)]
#[case::all(&[], 2)]
#[tokio::test]
async fn traces_are_found_by_job_execution_trace_and_time(
    #[case] args: &[&str],
    #[case] count: usize,
) {
    let output = traces(ROWS, &[args, &["--format", "json"]].concat()).await;
    assert_eq!(output.code, 0, "{output:?}");
    let json = output.json();
    assert_eq!(json["traces"].as_array().unwrap().len(), count, "{json:#}");
    for trace in json["traces"].as_array().unwrap() {
        assert_eq!(trace["diagnostics"].as_array().unwrap().len(), 3, "{json:#}");
    }
}

/// spanproof's own SQL names rows `r`.
#[tokio::test]
async fn a_table_may_have_a_column_with_the_name_of_an_alias() {
    let database = database(ROWS).await;
    let mut connection = PgConnection::connect(database.url()).await.unwrap();
    for table in ["jobs", "executions", "trace_spans"] {
        let sql = format!("alter table {table} add r text");
        connection.execute(sqlx::raw_sql(sqlx::AssertSqlSafe(sql))).await.unwrap();
    }
    connection.close().await.unwrap();
    let args = ["traces", "--config", SPEC, "--database", database.url(), "--job", "1"];
    let Output { code, stdout, stderr } = run(".", &args);
    assert_eq!(code, 0, "{stdout}{stderr}");
    assert!(stdout.contains("\n2 traces, 3 spans\n"), "{stdout}{stderr}");
    database.close().await.unwrap();
}

#[tokio::test]
async fn a_waterfall_shows_gaps_failures_and_results_of_diagnostic_functions() {
    let Output { code, stdout, stderr } = traces(ROWS, &["--job", "1", "--width", "110"]).await;
    assert_eq!(code, 0, "{stderr}");
    for expected in [
        "trace 0af76519-16cd-43dd-8448-eb211c80319c  job 1  execution 1  2025-10-22 12:00:00.000Z  90.00 s  2 spans\n  router, runner",
        "\nrunner.execute_question  ###",
        "\n  … gap of 80.00 s\n  router.infer  ",
        "failed  refused by post",
        "not ended  orphan: its parent is missing  started  ",
        "  identify_root_cause(1)\n    root_cause_type: ",
        "  diagnose_execution_trace(1)\n",
        "\n2 traces, 3 spans\n",
    ] {
        assert!(stdout.contains(expected), "expected {expected}\nfound {stdout}");
    }
    assert!(!stdout.contains("hunter2") && !stdout.contains('\u{1b}'), "{stdout}");
    assert!(stdout.lines().all(|line| line.chars().count() <= 110), "{stdout}");
}

#[rstest]
#[case::terminal("TERM=xterm", true, true)]
#[case::no_colour("TERM=xterm NO_COLOR=1", true, false)]
#[case::dumb("TERM=dumb", false, false)]
#[case::forced("TERM=dumb CLICOLOR_FORCE=1", false, true)]
#[case::not_forced("TERM=dumb CLICOLOR_FORCE=0", false, false)]
#[tokio::test]
async fn blocks_and_colours_depend_on_the_environment(
    #[case] variables: &str,
    #[case] blocks: bool,
    #[case] colour: bool,
) {
    let database = database(ROWS).await;
    let args = format!("--config '{SPEC}' --database '{}' --trace {TRACE}", database.url());
    let script = format!("stty rows 24 cols 72; {variables} spanproof traces {args}");
    let text = Spanproof::terminal(".", &script).output().stdout;
    database.close().await.unwrap();
    assert!(text.contains(if blocks { "██" } else { "##" }), "{text}");
    assert_eq!(text.contains('█'), blocks, "{text}");
    assert_eq!(text.contains("\u{1b}[31m"), colour, "{text}");
    let visible = text.replace("\u{1b}[31m", "").replace("\u{1b}[0m", "");
    assert!(visible.lines().all(|line| line.chars().count() <= 72), "{text}");
}

#[rstest]
#[case::human("human")]
#[case::json("json")]
#[case::otlp("otlp")]
#[tokio::test]
async fn secrets_are_masked_in_every_format(#[case] format: &str) {
    let change = "insert into trace_spans (trace_id, span_id, service, operation, started_at, completed_at,
        status, execution_id, error_message, metadata) values
        ('0af76519-16cd-43dd-8448-eb211c80319c', '00000000-0000-4000-8000-000000000001', 'runner', 'x',
         now(), now(), 'failed', 1, 'refused by postgres://u:hunter2@h/db', '{\"api_key\": \"hunter2\"}')";
    let Output { code, stdout, stderr } =
        traces(change, &["--format", format, "--width", "300"]).await;
    assert_eq!(code, 0, "{stderr}");
    assert!(
        stdout.contains("refused by postgres://u:***@h/db") && !stdout.contains("hunter2"),
        "{stdout}"
    );
}

#[tokio::test]
async fn the_otlp_export_has_services_and_parents() {
    let Output { code, stdout, .. } = traces(ROWS, &["--trace", TRACE, "--format", "otlp"]).await;
    assert_eq!(code, 0);
    let json: Json = serde_json::from_str(&stdout).unwrap();
    let services = json["resourceSpans"].as_array().unwrap();
    let names: Vec<_> = services
        .iter()
        .map(|service| {
            service["resource"]["attributes"][0]["value"]["stringValue"].as_str().unwrap()
        })
        .collect();
    assert_eq!(names, ["router", "runner"]);
    assert_eq!(stdout.lines().count(), 1);
    let span = |service: usize| services[service]["scopeSpans"][0]["spans"][0].clone();
    assert_eq!(span(0)["parentSpanId"], span(1)["spanId"]);
    assert_eq!(span(0)["traceId"], "0af7651916cd43dd8448eb211c80319c");
    assert!(!stdout.contains("hunter2"));
}

#[rstest]
#[case::no_job(ROWS, &["--job", "7"], 4, "`jobs` has no job `7`; the jobs with the largest `id` are id=1 (jobspec_id bias-1)")]
#[case::no_execution(ROWS, &["--execution", "7"], 4, "`trace_spans` has no span of the execution `7`; the newest span belongs to trace")]
#[case::no_trace(ROWS, &["--trace", "0af76519-16cd-43dd-8448-000000000000"], 4, "`trace_spans` has no span of the trace `0af7")]
#[case::no_uuid(ROWS, &["--trace", "x"], 2, "`x` is not a trace id: `trace_spans.trace_id` has the type uuid")]
#[case::no_number(ROWS, &["--execution", "x"], 2, "`x` is not an execution id: `trace_spans.execution_id` has the type bigint")]
#[case::no_span("select 1", &[], 4, "`trace_spans` has no span; `trace_spans` is empty; `spanproof diagnose` explains")]
#[case::row_security(
    "do $$ begin create role hidden_tracer; exception when duplicate_object or unique_violation then null; end $$;
     grant select on all tables in schema public to hidden_tracer; alter table trace_spans enable row level security;
     do $$ begin execute format('alter database %I set role = hidden_tracer', current_database()); end $$",
    &[], 4, "`trace_spans` has no span; row security may hide rows of `trace_spans`"
)]
#[case::no_time(ROWS, &["--until", "2020-01-01"], 4, "`trace_spans` has no span in this period; the newest span belongs to trace 0af")]
#[case::empty_window(ROWS, &["--since", "1h", "--until", "2h"], 2, "`--since` must be before `--until`")]
#[case::no_table("drop table trace_spans cascade", &[], 4, "`trace_spans` (`table` under `[tables.spans]`): relation \"trace_spans\" does not exist")]
#[case::no_span_id_column("alter table trace_spans rename span_id to own_id", &[], 4, "`trace_spans` has no column `span_id`, only ")]
#[case::no_start_column("alter table trace_spans rename started_at to since", &[], 4, "; set `started` under `[tables.spans]`")]
#[case::no_unit_column("alter table trace_spans rename execution_id to work", &["--execution", "1"], 4, "; set `unit` under `[tables.spans]`")]
#[case::narrow(ROWS, &["--width", "39"], 2, "39 is not in 40..")]
#[case::job_and_trace(ROWS, &["--job", "1", "--trace", "x"], 2, "cannot be used with")]
#[tokio::test]
async fn missing_traces_and_wrong_arguments_are_reported(
    #[case] rows: &'static str,
    #[case] args: &[&str],
    #[case] expected_code: i32,
    #[case] expected: &str,
) {
    let Output { code, stderr, .. } = traces(rows, args).await;
    assert_eq!(code, expected_code, "{stderr}");
    assert!(stderr.contains(expected), "expected {expected}\nfound {stderr}");
}

/// SQL that inserts a trace of 12 000 spans and four older traces.
const BIG: &str = "
insert into trace_spans (trace_id, span_id, parent_span_id, service, operation, started_at, completed_at, status)
select '0af76519-16cd-43dd-8448-eb211c803191', md5('s' || n)::uuid, case when n > 1 then md5('s1')::uuid end,
       's', 'op', now() + n * interval '1 ms', now() + interval '1 min', 'completed'
from generate_series(12000, 1, -1) n;
insert into trace_spans (trace_id, span_id, service, operation, started_at, completed_at, status)
select ('0af76519-16cd-43dd-8448-eb211c80320' || n)::uuid, gen_random_uuid(), 's', 'op',
       now() - n * interval '1 h', now(), 'completed' from generate_series(1, 4) n";

#[tokio::test]
async fn a_big_trace_is_shortened_and_other_traces_are_shown() {
    let Output { code, stdout, stderr } = traces(BIG, &[]).await;
    assert_eq!(code, 0, "{stderr}");
    assert_eq!(stdout.lines().filter(|line| line.starts_with("trace ")).count(), 5, "{stdout}");
    for expected in [
        "\n… 9496 more spans not shown\n",
        "not read: trace_spans by trace_id: the latest 2004 of 12004 spans",
        "\n5 traces, 10000 spans\n",
    ] {
        assert!(stdout.contains(expected), "expected {expected}\nfound {stdout}");
    }
    // The root span was inserted last. If `traces` did not read it, the output would report that the
    // parent of all other spans is missing.
    assert!(!stdout.contains("parent"), "{stdout}");
}

/// SQL that creates a span table without constraints and time zones, and inserts impossible spans.
const IMPOSSIBLE_SPANS: &str = "
drop table trace_spans cascade;
create table trace_spans (trace_id text, span_id text, parent_span_id text, service text, operation text,
    started_at timestamp, completed_at timestamp, duration_ms float, status text, execution_id int);
insert into trace_spans values
('t', 'a', null, E'\\x1b[31mrunner', 'ask', '2025-10-22 12:00', '2025-10-22 12:00:10', null, 'completed', null),
('t', 'b', 'a', 'runner', 'back', '2025-10-22 12:00:05', '2025-10-22 12:00:03', -2000, 'completed', null),
('t', 'c', 'd', 'runner', 'one', '2025-10-22 12:00:05', '2025-10-22 12:00:05', 0, 'completed', null),
('t', 'd', 'c', 'runner', 'other', '2025-10-22 12:00:06', 'infinity', null, 'completed', null),
('t', null, null, null, null, null, null, null, null, null)";

#[tokio::test]
async fn traces_with_impossible_spans_are_shown() {
    let Output { code, stdout, stderr } = traces(IMPOSSIBLE_SPANS, &["--width", "100"]).await;
    assert_eq!(code, 0, "{stderr}");
    for expected in [
        "trace t  2025-10-22 12:00:00.000Z  10.00 s  5 spans  ",
        "+5.00 s   -2.00 s  completed\n",
        "cycle: it is its own ancestor",
        "+? not ended\n",
        "\n1 trace, 5 spans\n",
    ] {
        assert!(stdout.contains(expected), "expected {expected}\nfound {stdout}");
    }
    assert!(!stdout.contains('\u{1b}'), "{stdout}");
    let Output { code, stdout, stderr } = traces(IMPOSSIBLE_SPANS, &["--format", "otlp"]).await;
    assert_eq!(code, 0, "{stderr}");
    let json: Json = serde_json::from_str(&stdout).unwrap();
    for span in
        json["resourceSpans"].as_array().unwrap().iter().map(|one| &one["scopeSpans"][0]["spans"])
    {
        for span in span.as_array().unwrap() {
            let nano = |name: &str| span[name].as_str().unwrap().parse::<u64>().unwrap();
            assert!(nano("startTimeUnixNano") <= nano("endTimeUnixNano"), "{span}");
            assert_eq!(span["spanId"].as_str().unwrap().len(), 16, "{span}");
            assert_eq!(span["traceId"].as_str().unwrap().len(), 32, "{span}");
        }
    }
}

#[tokio::test]
async fn missing_and_failing_diagnostic_functions_are_reported() {
    let change = "insert into trace_spans (trace_id, span_id, service, operation, started_at, status, execution_id)
        values ('0af76519-16cd-43dd-8448-eb211c80319c', '00000000-0000-4000-8000-000000000001', 'runner', 'x', now(), 'started', 1);
        drop function find_similar_traces; drop function identify_root_cause;
        create function identify_root_cause(bigint) returns table (a int) language sql as 'select 1 / 0';
        drop function diagnose_execution_trace;
        create function diagnose_execution_trace(bigint) returns text language sql as 'select ''all is well''::text'";
    let Output { code, stdout, stderr } = traces(change, &[]).await;
    assert_eq!(code, 0, "{stderr}");
    assert!(stdout.contains("identify_root_cause(1) failed: division by zero"), "{stdout}");
    assert!(stdout.contains("find_similar_traces: the database has no such function"), "{stdout}");
    assert!(stdout.contains("all is well"), "{stdout}");
}
