//! Traces that are in a database: found by what somebody knows of them, and shown.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use assert_cmd::Command;
use rstest::rstest;
use serde_json::Value as Json;
use spanproof_postgres::Database;
use sqlx::{Connection as _, Executor as _, PgConnection};

const SPEC: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../spanproof.toml");
const MIGRATIONS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../migrations");
const TRACE: &str = "0af76519-16cd-43dd-8448-eb211c80319c";

/// One job with two units. The first has spans of two services, one of which knows the trace only;
/// the second has an open span whose parent is missing.
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

/// A migrated database with these rows.
async fn filled(rows: &'static str) -> Database {
    let database = Database::migrated(MIGRATIONS).await.unwrap();
    let mut connection = PgConnection::connect(database.url()).await.unwrap();
    connection.execute(sqlx::raw_sql(rows)).await.unwrap();
    connection.close().await.unwrap();
    database
}

/// What the command prints of a database: exit code, results and notes.
async fn traces(rows: &'static str, args: &[&str]) -> (i32, String, String) {
    let database = filled(rows).await;
    let mut command = Command::new(env!("CARGO_BIN_EXE_spanproof"));
    command.arg("traces").args(["--config", SPEC, "--database", database.url()]).args(args);
    let command = command.timeout(std::time::Duration::from_mins(1));
    let output = command.output().unwrap();
    database.close().await.unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap_or(-1), text(&output.stdout), text(&output.stderr))
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
async fn traces_are_found_by_what_is_known_of_them(#[case] args: &[&str], #[case] count: usize) {
    let (exit, out, notes) = traces(ROWS, &[args, &["--format", "json"]].concat()).await;
    assert_eq!(exit, 0, "{notes}");
    let json: Json = serde_json::from_str(&out).unwrap();
    assert_eq!(json["traces"].as_array().unwrap().len(), count, "{out}");
    for trace in json["traces"].as_array().unwrap() {
        assert_eq!(trace["diagnostics"].as_array().unwrap().len(), 3, "{out}");
    }
}

#[tokio::test]
async fn a_waterfall_shows_nesting_gaps_failures_and_what_the_database_says() {
    let (exit, out, notes) = traces(ROWS, &["--job", "1", "--width", "110"]).await;
    assert_eq!(exit, 0, "{notes}");
    for said in [
        "trace 0af76519-16cd-43dd-8448-eb211c80319c  job 1  execution 1  2025-10-22 12:00:00.000Z  90.00 s  2 spans\n  router, runner",
        "\nrunner.execute_question  ###",
        "\n  … 80.00 s of nothing\n  router.infer  ",
        "failed  refused by post",
        "open  orphan: its parent is not here  started  ",
        "  identify_root_cause(1)\n    root_cause_type: ",
        "  diagnose_execution_trace(1)\n",
        "\n2 traces, 3 spans\n",
    ] {
        assert!(out.contains(said), "expected {said}\nfound {out}");
    }
    assert!(!out.contains("hunter2") && !out.contains('\u{1b}'), "{out}");
    assert!(out.lines().all(|line| line.chars().count() <= 110), "{out}");
}

/// `script` gives a terminal to whoever wants one.
#[rstest]
#[case::terminal("TERM=xterm", true, true)]
#[case::no_colour("TERM=xterm NO_COLOR=1", true, false)]
#[case::dumb("TERM=dumb", false, false)]
#[case::forced("TERM=dumb CLICOLOR_FORCE=1", false, true)]
#[case::not_forced("TERM=dumb CLICOLOR_FORCE=0", false, false)]
#[tokio::test]
async fn a_terminal_is_drawn_on_as_it_can_be(
    #[case] variables: &str,
    #[case] blocks: bool,
    #[case] colour: bool,
) {
    let database = filled(ROWS).await;
    let traces = format!(
        "'{}' traces --config '{SPEC}' --database '{}' --trace {TRACE}",
        env!("CARGO_BIN_EXE_spanproof"),
        database.url()
    );
    let command = format!("stty rows 24 cols 72; {variables} {traces}");
    let mut script = Command::new("script");
    for name in ["NO_COLOR", "CLICOLOR_FORCE", "FORCE_COLOR"] {
        script.env_remove(name);
    }
    let output = script.args(["-qec", &command, "/dev/null"]).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    database.close().await.unwrap();
    assert!(text.contains(if blocks { "██" } else { "##" }), "{text}");
    assert_eq!(text.contains('█'), blocks, "{text}");
    assert_eq!(text.contains("\u{1b}[31m"), colour, "{text}");
    let seen = text.replace("\u{1b}[31m", "").replace("\u{1b}[0m", "");
    assert!(seen.lines().all(|line| line.chars().count() <= 72), "{text}");
}

#[rstest]
#[case::human("human")]
#[case::json("json")]
#[case::otlp("otlp")]
#[tokio::test]
async fn no_format_tells_a_secret(#[case] format: &str) {
    let change = "insert into trace_spans (trace_id, span_id, service, operation, started_at, completed_at,
        status, execution_id, error_message, metadata) values
        ('0af76519-16cd-43dd-8448-eb211c80319c', '00000000-0000-4000-8000-000000000001', 'runner', 'x',
         now(), now(), 'failed', 1, 'refused by postgres://u:hunter2@h/db', '{\"api_key\": \"hunter2\"}')";
    let (exit, out, notes) = traces(change, &["--format", format, "--width", "300"]).await;
    assert_eq!(exit, 0, "{notes}");
    assert!(out.contains("refused by postgres://u:***@h/db") && !out.contains("hunter2"), "{out}");
}

#[tokio::test]
async fn any_viewer_can_open_the_export() {
    let (exit, out, _) = traces(ROWS, &["--trace", TRACE, "--format", "otlp"]).await;
    assert_eq!(exit, 0);
    let json: Json = serde_json::from_str(&out).unwrap();
    let services = json["resourceSpans"].as_array().unwrap();
    let names: Vec<_> = services
        .iter()
        .map(|one| one["resource"]["attributes"][0]["value"]["stringValue"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["router", "runner"]);
    assert_eq!(out.lines().count(), 1);
    let span = |service: usize| services[service]["scopeSpans"][0]["spans"][0].clone();
    assert_eq!(span(0)["parentSpanId"], span(1)["spanId"]);
    assert_eq!(span(0)["traceId"], "0af7651916cd43dd8448eb211c80319c");
    assert!(!out.contains("hunter2"));
}

#[rstest]
#[case::no_job(ROWS, &["--job", "7"], 4, "no job is `7` in `jobs`; the newest are id=1 (jobspec_id bias-1)")]
#[case::no_execution(ROWS, &["--execution", "7"], 4, "`trace_spans` has no span of the execution `7`; the newest is of the trace")]
#[case::no_trace(ROWS, &["--trace", "0af76519-16cd-43dd-8448-000000000000"], 4, "`trace_spans` has no span of the trace `0af7")]
#[case::no_uuid(ROWS, &["--trace", "x"], 2, "`x` can't be a trace: `trace_id` of `trace_spans` is uuid")]
#[case::no_number(ROWS, &["--execution", "x"], 2, "`x` can't be an execution: `execution_id` of `trace_spans` is bigint")]
#[case::no_span("select 1", &[], 4, "`trace_spans` has no span; `trace_spans` is empty; `spanproof diagnose` says why")]
#[case::no_time(ROWS, &["--until", "2020-01-01"], 4, "`trace_spans` has no span at this time; the newest is of the trace 0af")]
#[case::never(ROWS, &["--since", "1h", "--until", "2h"], 2, "nothing is between `--since` and `--until`")]
#[case::no_table("drop table trace_spans cascade", &[], 4, "`trace_spans` (`table` under `[tables.spans]`): relation \"trace_spans\" does not exist")]
#[case::column("alter table trace_spans rename span_id to own_id", &[], 4, "`trace_spans` has no column `span_id`: it has ")]
#[case::its_key("alter table trace_spans rename started_at to since", &[], 4, "; name it as `started` under `[tables.spans]`")]
#[case::unit_column("alter table trace_spans rename execution_id to work", &["--execution", "1"], 4, "; name it as `unit` under `[tables.spans]`")]
#[case::narrow(ROWS, &["--width", "39"], 2, "39 is not in 40..")]
#[case::both(ROWS, &["--job", "1", "--trace", "x"], 2, "cannot be used with")]
#[tokio::test]
async fn what_is_not_there_is_told(
    #[case] rows: &'static str,
    #[case] args: &[&str],
    #[case] code: i32,
    #[case] said: &str,
) {
    let (exit, _, notes) = traces(rows, args).await;
    assert_eq!(exit, code, "{notes}");
    assert!(notes.contains(said), "expected {said}\nfound {notes}");
}

/// One trace of 12 000 spans, all newer than four others.
const BIG: &str = "
insert into trace_spans (trace_id, span_id, parent_span_id, service, operation, started_at, completed_at, status)
select '0af76519-16cd-43dd-8448-eb211c803191', md5('s' || n)::uuid, case when n > 1 then md5('s1')::uuid end,
       's', 'op', now() + n * interval '1 ms', now() + interval '1 min', 'completed'
from generate_series(12000, 1, -1) n;
insert into trace_spans (trace_id, span_id, service, operation, started_at, completed_at, status)
select ('0af76519-16cd-43dd-8448-eb211c80320' || n)::uuid, gen_random_uuid(), 's', 'op',
       now() - n * interval '1 h', now(), 'completed' from generate_series(1, 4) n";

#[tokio::test]
async fn a_big_trace_hides_no_other_and_its_missing_spans_are_counted() {
    let (exit, out, notes) = traces(BIG, &[]).await;
    assert_eq!(exit, 0, "{notes}");
    assert_eq!(out.lines().filter(|line| line.starts_with("trace ")).count(), 5, "{out}");
    for said in [
        "\n… 9496 more spans not shown\n",
        "not looked at: trace_spans by trace_id: 2004 of 12004 spans, the latest",
        "\n5 traces, 10000 spans\n",
    ] {
        assert!(out.contains(said), "expected {said}\nfound {out}");
    }
    // The parent was written last, and is among what is read all the same.
    assert!(!out.contains("parent"), "{out}");
}

/// A table of one's own without any constraint, with times that have no zone.
const LOOSE: &str = "
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
async fn a_table_that_allows_anything_is_shown_as_it_is() {
    let (exit, out, notes) = traces(LOOSE, &["--width", "100"]).await;
    assert_eq!(exit, 0, "{notes}");
    for said in [
        "trace t  2025-10-22 12:00:00.000Z  10.00 s  5 spans  ",
        "+5.00 s   -2.00 s  completed\n",
        "circle: it is its own ancestor",
        "+?      open\n",
        "\n1 trace, 5 spans\n",
    ] {
        assert!(out.contains(said), "expected {said}\nfound {out}");
    }
    assert!(!out.contains('\u{1b}'), "{out}");
    let (exit, out, notes) = traces(LOOSE, &["--format", "otlp"]).await;
    assert_eq!(exit, 0, "{notes}");
    let json: Json = serde_json::from_str(&out).unwrap();
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
async fn functions_that_are_not_there_or_fail_are_no_error() {
    let change = "insert into trace_spans (trace_id, span_id, service, operation, started_at, status, execution_id)
        values ('0af76519-16cd-43dd-8448-eb211c80319c', '00000000-0000-4000-8000-000000000001', 'runner', 'x', now(), 'started', 1);
        drop function find_similar_traces; drop function identify_root_cause;
        create function identify_root_cause(bigint) returns table (a int) language sql as 'select 1 / 0';
        drop function diagnose_execution_trace;
        create function diagnose_execution_trace(bigint) returns text language sql as 'select ''all is well''::text'";
    let (exit, out, notes) = traces(change, &[]).await;
    assert_eq!(exit, 0, "{notes}");
    assert!(out.contains("identify_root_cause(1) could not be asked: division by zero"), "{out}");
    assert!(out.contains("find_similar_traces: the database has no such function"), "{out}");
    assert!(out.contains("all is well"), "{out}");
}
