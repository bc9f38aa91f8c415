//! Tests of `diagnose` on a database with the data of a recreated incident, in which jobs 469 to 472
//! recorded no spans. Some tests change the data first.

use rstest::rstest;

use super::job_dump::run;
use super::production::{LOG, Production};
use crate::run::Output;

const DUMP: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/first-incident/dump.sql");

#[tokio::test]
async fn jobs_469_to_472_never_called_the_tracer() {
    let production = Production::new("").await;
    let Output { code, stdout, stderr } = production.diagnose(&[]).await;
    assert_eq!(code, 1, "{stdout}{stderr}");
    let times = [1_761_131_160, 1_761_131_940, 1_761_132_960, 1_761_135_300];
    for (job, time) in (469..).zip(times) {
        let name = format!("bias-detection-{time}");
        let row = format!("{job}  {name}  -      failed  4 failed    0      path-not-executed");
        assert!(stdout.contains(&row), "expected {row}\nfound {stdout}");
    }
    assert!(stdout.contains("FAIL path-not-executed (jobs 469, 470, 471, 472)"), "{stdout}");
    assert!(
        stdout.contains("16 units were executed, and 0 `execute_question` spans were begun"),
        "{stdout}"
    );
    let dump = run(production.folder.path(), &["diagnose", "--dump", DUMP, "--log", LOG]);
    // The diagnosis of the dump has one more line, because only one database of a dump is read.
    let verdict = |text: &str| {
        text[text.find("\njob ").unwrap()..].replace(
        "    against:  not looked at: other databases of the server: only one database of a dump is read\n", "")
    };
    let difference = "the diagnoses of the dump (left) and of the database differ";
    assert_eq!(verdict(&dump.stdout), verdict(&stdout), "{difference}");
    production.close().await;
}

/// What is known of the incident: when the four jobs ran, and that their executions failed within 10 to 20 ms
/// without output.
#[tokio::test]
async fn the_recreated_incident_has_the_known_facts() {
    let mut production = Production::new("").await;
    let sql = "select format('%s %s %s', to_char(j.created_at, 'HH24:MI'), count(*), bool_and(
                 e.status = 'failed' and e.output_data is null and e.receipt_data is null
                 and e.completed_at - e.started_at between '10 ms' and '20 ms'))
               from jobs j join executions e on e.job_id = j.id group by j.id order by j.id";
    let facts: Vec<String> =
        sqlx::query_scalar(sql).fetch_all(&mut production.connection).await.unwrap();
    assert_eq!(facts, ["11:06 4 t", "11:19 4 t", "11:36 4 t", "12:15 4 t"]);
    let spans: i64 = sqlx::query_scalar("select count(*) from trace_spans")
        .fetch_one(&mut production.connection)
        .await
        .unwrap();
    assert_eq!(spans, 0);
    // The dump has the rows of the database.
    let dump = std::fs::read_to_string(DUMP).unwrap();
    let jobs =
        "select concat_ws(E'\\t', id, jobspec_id, jobspec_data, status, created_at, updated_at)
                from jobs order by id";
    let executions = r"select concat_ws(E'\t', id, job_id, provider_id, region, status, started_at,
                         completed_at, '\N', '\N', created_at, model_id, question_id)
                       from executions order by id";
    for sql in [jobs, executions] {
        let rows: Vec<String> =
            sqlx::query_scalar(sql).fetch_all(&mut production.connection).await.unwrap();
        let section = format!(" FROM stdin;\n{}\n\\.\n", rows.join("\n"));
        assert!(dump.contains(&section), "the dump does not contain these rows:\n{section}");
    }
    production.close().await;
}

/// Returns SQL that hides the rows of a table, by row security, from the role that every session gets.
fn hide_rows(table: &str, role: &str) -> String {
    format!(
        "do $$ begin create role {role}; exception when duplicate_object or unique_violation then null; end $$; \
         grant select on all tables in schema public to {role}; alter table {table} enable row level security; \
         do $$ begin execute format('alter database %I set role = {role}', current_database()); end $$"
    )
}

/// Each test case has SQL that changes the database, arguments, and an expected part of the output.
#[rstest]
#[case::no_privilege(
    "do $$ begin create role diagnose_reader; exception when duplicate_object then null; end $$; \
     grant usage on schema public to diagnose_reader; grant select on jobs, executions to diagnose_reader; \
     do $$ begin execute format('alter database %I set role = diagnose_reader', current_database()); end $$",
    &[],
    "against:  spans can't be read, so some may be stored: permission denied for table trace_spans"
)]
#[case::no_table("drop table trace_spans", &[], "against:  spans can't be read, so some may be stored: relation \"trace_spans\" does not exist")]
#[case::renamed_column(
    "alter table trace_spans rename execution_id to exec",
    &[],
    "against:  not looked at: trace_spans by execution_id: no such column"
)]
#[case::spans_in_another_schema(
    "create schema other; create table other.trace_spans (like public.trace_spans including all); \
     insert into other.trace_spans (trace_id, span_id, service, operation, started_at, status, execution_id) \
     select gen_random_uuid(), gen_random_uuid(), 'runner', 'execute_question', now(), 'started', id from executions",
    &[],
    "FAIL wrong-destination (jobs 469, 470, 471, 472)"
)]
#[case::spans_without_ids(
    "insert into trace_spans (trace_id, span_id, service, operation, started_at, completed_at, duration_ms, status) \
     select gen_random_uuid(), gen_random_uuid(), 'runner', o, started_at at time zone 'UTC', \
     completed_at at time zone 'UTC', 1, 'failed' from executions, \
     unnest(array['execute_question', 'hybrid_router_call']) o",
    &["--job", "469"],
    "FAIL unlinked (job 469)"
)]
#[case::no_index(
    "drop index idx_trace_spans_execution_id; insert into trace_spans (trace_id, span_id, service, operation, \
     started_at, status) select gen_random_uuid(), gen_random_uuid(), 'x', 'y', now(), 'started' \
     from generate_series(1, 150000); analyze trace_spans",
    &[],
    "trace_spans by execution_id: no index supports this query, and `trace_spans` has about 150000 rows; the query was not run"
)]
#[case::never_analysed(
    "drop index idx_trace_spans_execution_id; alter table trace_spans set (autovacuum_enabled = false); \
     insert into trace_spans (trace_id, span_id, service, operation, started_at, status) \
     select gen_random_uuid(), gen_random_uuid(), 'x', 'y', now(), 'started' from generate_series(1, 150000)",
    &[],
    "trace_spans by execution_id: no index supports this query, and `trace_spans` has about"
)]
#[case::newest_by_time(
    "update jobs set created_at = created_at + interval '1 day' where id = 469",
    &["--last", "1"],
    "FAIL path-not-executed (job 469)"
)]
#[case::fixed_width_ids(
    "alter table executions drop constraint if exists executions_job_id_fkey; \
     alter table trace_spans drop constraint if exists trace_spans_job_id_fkey; \
     alter table jobs alter id drop default, alter id type char(9) using lpad(id::text, 9, '0'); \
     alter table executions alter job_id type char(9) using lpad(job_id::text, 9, '0')",
    &["--job", "000000469"],
    "000000469  bias-detection-1761131160  -      failed  4 failed    0      path-not-executed"
)]
#[case::padded_ids(
    "alter table executions alter id drop default, alter id type char(12); alter table trace_spans alter execution_id type text; \
     insert into trace_spans (trace_id, span_id, service, operation, started_at, completed_at, duration_ms, status, execution_id) \
     select gen_random_uuid(), gen_random_uuid(), 'runner', 'execute_question', started_at at time zone 'UTC', \
     completed_at at time zone 'UTC', 1, 'failed', rtrim(id::text) from executions",
    &["--job", "469"],
    "469  bias-detection-1761131160  -      failed  4 failed    4  "
)]
#[case::numbers_with_a_scale(
    "alter table executions drop constraint if exists executions_job_id_fkey, alter job_id type numeric(12,1)",
    &["--job", "469"],
    "469  bias-detection-1761131160  -      failed  4 failed    0      path-not-executed"
)]
#[case::no_name_column(
    "alter table trace_spans rename operation to name",
    &[],
    "their spans can't be read: `trace_spans` has no column `operation`; correct `name` under `[tables.spans]`"
)]
#[case::no_id_of_units(
    "alter table executions rename id to number",
    &[],
    "`executions` has no column `id`; correct `id` under `[tables.units]`"
)]
#[case::no_search_path(
    "do $$ begin execute format('alter database %I set search_path = ''''', current_database()); end $$",
    &[],
    "relation \"jobs\" does not exist on the search path `\"\"`; it exists in `public`"
)]
#[case::row_security(
    &hide_rows("trace_spans", "hidden_reader"),
    &[],
    "row security may hide rows of `trace_spans` from the role that reads them"
)]
#[case::row_security_on_jobs(
    &hide_rows("jobs", "jobless_reader"),
    &[],
    "row security may hide rows of `jobs` from the role that reads them"
)]
#[case::one_job_without_ids(
    "insert into trace_spans (trace_id, span_id, service, operation, started_at, completed_at, duration_ms, status, execution_id) \
     select gen_random_uuid(), gen_random_uuid(), 'runner', o, started_at at time zone 'UTC', \
     completed_at at time zone 'UTC', 1, 'failed', case when job_id <> 469 then id end from executions, \
     unnest(array['execute_question', 'hybrid_router_call']) o",
    &[],
    "469  bias-detection-1761131160  -      failed  4 failed    8      unlinked"
)]
#[case::job_by_name("", &["--job", "bias-detection-1761131160"], "FAIL path-not-executed (job 469)")]
#[case::job_by_column("", &["--job", "id=470"], "FAIL path-not-executed (job 470)")]
#[case::jobs_by_time("", &["--since", "2025-10-22T11:30Z", "--until", "2025-10-22T11:50Z"], "FAIL path-not-executed (job 471)")]
#[case::newest_jobs("", &["--last", "2"], "FAIL path-not-executed (jobs 471, 472)")]
#[tokio::test]
async fn the_diagnosis_depends_on_the_database_and_the_arguments(
    #[case] change: &str,
    #[case] args: &[&str],
    #[case] expected: &str,
) {
    let production = Production::new(change).await;
    let Output { code, stdout, stderr } = production.diagnose(args).await;
    assert_eq!(code, 1, "{stdout}{stderr}");
    assert!(stdout.contains(expected), "expected {expected}\nfound {stdout}{stderr}");
    production.close().await;
}

#[rstest]
#[case::no_such_job(
    "",
    "471a",
    "`jobs` has no job `471a`; the jobs with the largest `id` are id=472 (jobspec_id bias-detection-1761135300), id=471"
)]
#[case::sql_in_the_name(
    "",
    "x'; drop table jobs; --",
    "`jobs` has no job `x'; drop table jobs; --`"
)]
#[case::two_jobs(
    "update jobs set jobspec_id = '470' where id = 471",
    "470",
    "`470` matches 2 jobs: id=470 (jobspec_id bias-detection-1761131940), id=471 (jobspec_id 470); choose one, for example with `--job id=470`"
)]
#[case::no_rows("truncate jobs, executions", "1", "`jobs` is empty")]
#[case::no_id(
    "alter table jobs rename id to number",
    "469",
    "`jobs` has no column `id`, only created_at, jobspec_data, jobspec_id, number"
)]
#[tokio::test]
async fn a_name_that_matches_no_job_or_several_jobs_is_refused(
    #[case] change: &str,
    #[case] job: &str,
    #[case] expected: &str,
) {
    let production = Production::new(change).await;
    let Output { code, stderr, .. } = production.diagnose(&["--job", job]).await;
    assert_eq!(code, 4, "{stderr}");
    assert!(stderr.contains(expected), "expected {expected}\nfound {stderr}");
    production.close().await;
}

#[test]
fn a_refused_login_is_reported_without_the_password() {
    let folder = tempfile::tempdir().unwrap();
    let url = "postgres://u:hunter2@127.0.0.1:1/none";
    let Output { code, stderr, .. } = run(folder.path(), &["diagnose", "--database", url]);
    assert_eq!(code, 3);
    assert!(
        stderr.contains("could not connect to the database `postgres://u:***@127.0.0.1:1/none`"),
        "{stderr}"
    );
    let Output { code, stderr, .. } = run(folder.path(), &["diagnose", "--database", "nonsense"]);
    assert_eq!(code, 3, "{stderr}");
}
