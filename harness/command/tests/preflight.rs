//! A deployment before it is trusted: what would lose spans is told, and nothing is left of trying.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::path::Path;

use assert_cmd::Command;
use rstest::rstest;
use spanproof_postgres::Database;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};

const SPEC: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../spanproof.toml");
const MIGRATIONS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../migrations");
/// A role of this test's own; it may do what a tracer does.
const ROLE: &str =
    "do $$ begin create role preflight_tracer; exception when duplicate_object or unique_violation then null; end $$;
    grant select, insert, update on all tables in schema public to preflight_tracer;";

async fn database(change: &str) -> (Database, PgConnection) {
    let database = Database::migrated(MIGRATIONS).await.unwrap();
    let mut connection = PgConnection::connect(database.url()).await.unwrap();
    let sql = format!("{ROLE}{change}");
    connection.execute(sqlx::raw_sql(AssertSqlSafe(sql))).await.unwrap();
    (database, connection)
}

async fn preflight(folder: &Path, args: &[&str]) -> (i32, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_spanproof"));
    command.current_dir(folder).arg("preflight").args(args);
    if !args.contains(&"--config") {
        command.args(["--config", SPEC]);
    }
    command.env_remove("DATABASE_URL").timeout(std::time::Duration::from_mins(1));
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.code().unwrap_or(-1), String::from_utf8_lossy(&text).into_owned())
}

#[tokio::test]
async fn a_deployment_that_records_passes_and_nothing_is_left_of_trying() {
    let (database, mut connection) = database("").await;
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("fly.toml"), "[env]\nENABLE_DB_TRACING = 'true'\n").unwrap();
    let log = "🔍 DBTracer: ENABLED (ENABLE_DB_TRACING=true)\n";
    std::fs::write(folder.path().join("runner.log"), log).unwrap();
    let more = ["--role", "preflight_tracer", "--manifest", "fly.toml", "--log", "runner.log"];
    let args = [&["--database", database.url()], &more[..]].concat();
    let (exit, out) = preflight(folder.path(), &args).await;
    assert_eq!(exit, 0, "{out}");
    assert!(out.contains("0 failed, 0 advice, 0 not tried"), "{out}");
    for said in [
        "ok         ENABLE_DB_TRACING in fly.toml: it is true under env",
        "ok         ENABLE_DB_TRACING in the running process: its startup line (runner.log:1)",
        "ok         login: as `preflight_tracer`",
        "ok         columns: all 14 columns of the spec are there",
        "ok         indexes: on span_id, execution_id, trace_id, job_id, started_at",
        "ok         privileges: `preflight_tracer` may insert, update and select",
        "ok         migrations: what they declare is there, and the role may use it: 7 functions, 4 tables, 2 views",
        "ok         a span, written and undone: inserted, read, completed and rolled back, and nothing of it is left",
    ] {
        assert!(out.contains(said), "expected {said}\nfound {out}");
    }
    let left = "select (select count(*) from trace_spans) + (select count(*) from pg_locks l \
                join pg_stat_activity a using (pid) where a.datname = current_database() and a.application_name like 'spanproof preflight%')";
    let left: i64 = sqlx::query_scalar(left).fetch_one(&mut connection).await.unwrap();
    assert_eq!(left, 0);
    connection.close().await.unwrap();
    database.close().await.unwrap();
}

#[tokio::test]
async fn programs_read_what_was_checked_found_and_is_to_be_done() {
    let (database, connection) =
        database("alter table executions alter region type varchar(200)").await;
    connection.close().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let args = ["--database", database.url(), "--role", "preflight_tracer", "--format", "json"];
    let (exit, out) = preflight(folder.path(), &args).await;
    assert_eq!(exit, 0, "{out}");
    let told: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!((&told["schema"], &told["advice"]), (&1.into(), &1.into()), "{out}");
    assert_eq!((&told["failed"], &told["not_tried"]), (&0.into(), &2.into()), "{out}");
    let widths = told["checks"].as_array().unwrap().iter().find(|one| one["name"] == "widths");
    let expected = serde_json::json!({
        "name": "widths",
        "outcome": "advice",
        "checked": "each linking column beside what it links to",
        "found": "`region` holds 100 characters, `region` of the unit is character varying(200)",
        "next": "make the column as wide as the unit's: a longer value is refused with 22001, and the span with it",
    });
    assert_eq!(widths, Some(&expected));
    database.close().await.unwrap();
}

/// What is changed, what fails, and why.
#[rstest]
#[case::revoked("revoke insert on trace_spans from preflight_tracer", &["FAIL       privileges: `preflight_tracer` has no insert", "FAIL       a span, written and undone: inserting it was refused: permission denied"])]
#[case::no_update("revoke update on trace_spans from preflight_tracer", &["completing it was refused: permission denied"])]
#[case::no_table("drop table trace_spans cascade", &["FAIL       table trace_spans: there is none on the search path \"$user\", public [", "not tried  a span, written and undone"])]
#[case::no_column("alter table trace_spans rename model_id to model", &["FAIL       columns: `trace_spans` has no model_id; it has "])]
#[case::discarded("create function gone() returns trigger language plpgsql as 'begin return null; end'; create trigger gone before insert on trace_spans for each row execute function gone()", &["FAIL       a span, written and undone: the server took the span, told no error and kept none"])]
#[case::rejected("alter table trace_spans add check (service <> 'runner')", &["inserting it was refused: new row for relation"])]
#[case::at_commit("create table known (id uuid primary key); alter table trace_spans add foreign key (trace_id) references known deferrable initially deferred", &["the end of its transaction was refused: insert or update on table \"trace_spans\" violates foreign key"])]
#[case::one_more_column("alter table trace_spans add tenant text not null, add kind uuid not null, add at date not null, add tags int[] not null, add raw bytea not null", &[])]
#[case::by_a_rule("create rule gone as on insert to trace_spans do instead nothing", &["FAIL       a span, written and undone: the server took the span, told no error and kept none"])]
#[case::elsewhere_by_a_trigger("create table newer () inherits (trace_spans); grant select, insert, update on newer to preflight_tracer; create function route() returns trigger language plpgsql as 'begin insert into newer values (new.*); return null; end'; alter table newer alter id set default 1; create trigger route before insert on trace_spans for each row execute function route()", &[])]
#[case::not_completed("create function gone() returns trigger language plpgsql as 'begin return null; end'; create trigger gone before update on trace_spans for each row execute function gone()", &["FAIL       a span, written and undone: completing it changed no row, and no error was told"])]
#[case::completed_for_nothing("create function same() returns trigger language plpgsql as 'begin return old; end'; create trigger same before update on trace_spans for each row execute function same()", &["FAIL       a span, written and undone: completing it was taken, and the row is as before"])]
#[case::sequence("alter table trace_spans add n bigserial", &["inserting it was refused: permission denied for sequence trace_spans_n_seq (SQLSTATE 42501)", "next: grant usage on that sequence to the role"])]
#[case::of_a_unit("alter table trace_spans add foreign key (execution_id) references executions", &[])]
#[case::of_a_unit_that_is_there("insert into jobs (jobspec_id, jobspec, route) values ('a', '{}', 'queued'); insert into executions (job_id, region, model_id, question_id) select id, repeat('r', 100), 'm', 'q' from jobs; alter table trace_spans add foreign key (execution_id) references executions, alter execution_id set not null", &[])]
#[case::no_unit_to_refer_to("alter table trace_spans add foreign key (execution_id) references executions, alter execution_id set not null", &["inserting it was refused: insert or update on table \"trace_spans\" violates foreign key constraint \"trace_spans_execution_id_fkey\" (SQLSTATE 23503)"])]
#[case::big("alter table trace_spans drop constraint trace_spans_span_id_key; insert into trace_spans (trace_id, span_id, service, operation, started_at, status) select gen_random_uuid(), gen_random_uuid(), 'x', 'y', now(), 'started' from generate_series(1, 110000); analyze trace_spans", &["FAIL       index on span_id: there is none, with about 110000 rows: each span is completed by it", "next: create index concurrently on \"trace_spans\" (\"span_id\")", "not tried  a span, written and undone: it was inserted and rolled back; finding it again goes through all of the table"])]
#[case::by_columns("revoke insert, update on trace_spans from preflight_tracer; grant insert (trace_id, span_id, parent_span_id, service, operation, started_at, completed_at, duration_ms, status, job_id, execution_id, model_id, region, error_message), update (completed_at, duration_ms, status, error_message) on trace_spans to preflight_tracer", &[])]
#[case::no_error_column("alter table trace_spans rename error_message to error", &["FAIL       columns: `trace_spans` has no error_message; it has "])]
#[case::narrow("drop view trace_waterfall, trace_spans_health cascade; alter table trace_spans alter operation type varchar(5)", &["inserting it was refused: value too long for type character varying(5) (SQLSTATE 22001)"])]
#[case::narrow_link("alter table executions alter region type varchar(200)", &["advice     widths: `region` holds 100 characters, `region` of the unit is character varying(200)"])]
#[case::hidden("revoke usage on schema public from public", &["FAIL       table trace_spans: there is none on the search path \"$user\", public; `public` has one of that name"])]
#[case::settings("do $$ begin execute format('alter role preflight_tracer in database %I set default_transaction_read_only = on', current_database()); end $$", &["ok         settings: as `preflight_tracer` has them: default_transaction_read_only=on", "FAIL       writable: transactions of `preflight_tracer` are read-only", "inserting it was refused: cannot execute INSERT in a read-only transaction (SQLSTATE 25006)"])]
#[case::another_path("create schema other; do $$ begin execute format('alter role preflight_tracer in database %I set search_path = other', current_database()); end $$", &["FAIL       table trace_spans: there is none on the search path other; `public` has one of that name"])]
#[case::never_analysed("alter table trace_spans set (autovacuum_enabled = off); insert into trace_spans (trace_id, span_id, service, operation, started_at, status) select gen_random_uuid(), gen_random_uuid(), 'x', 'y', now(), 'started' from generate_series(1, 20000); drop index trace_spans_execution_id_idx", &["FAIL       index on execution_id: there is none, with about "])]
#[case::no_function("drop function identify_root_cause cascade", &["FAIL       function identify_root_cause: there is no such function"])]
#[case::no_view("drop view trace_spans_health", &["FAIL       view trace_spans_health: relation \"trace_spans_health\" does not exist"])]
#[case::no_index("insert into trace_spans (trace_id, span_id, service, operation, started_at, status) select gen_random_uuid(), gen_random_uuid(), 'x', 'y', now(), 'started' from generate_series(1, 20000); drop index trace_spans_execution_id_idx; analyze trace_spans", &["FAIL       index on execution_id: there is none, with about 20000 rows"])]
#[case::elsewhere("create schema other; create table other.trace_spans (id int)", &["advice     table trace_spans: it is in the schema `public`; `other` has one of that name too"])]
#[case::read_only("do $$ begin execute format('alter database %I set default_transaction_read_only = on', current_database()); end $$", &["FAIL       writable: transactions of `preflight_tracer` are read-only", "(SQLSTATE 25006)"])]
#[case::secured("alter table trace_spans enable row level security", &["advice     privileges: ", "row level security is on, and no policy is there", "FAIL       a span, written and undone: inserting it was refused: new row violates row-level security"])]
#[tokio::test]
async fn what_would_lose_spans_is_told(#[case] change: &str, #[case] said: &[&str]) {
    let (database, connection) = database(change).await;
    connection.close().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let args = ["--database", database.url(), "--role", "preflight_tracer"];
    let (exit, out) = preflight(folder.path(), &args).await;
    let fails = said.iter().any(|said| !said.starts_with("advice"));
    assert_eq!(exit, i32::from(fails), "{out}");
    for said in said {
        assert!(out.contains(said), "expected {said}\nfound {out}");
    }
    database.close().await.unwrap();
}

#[rstest]
#[case::no_manifest(&["--manifest", "none.toml"], 2, "the manifest `none.toml` could not be read")]
#[case::torn(&["--manifest", "torn.toml"], 2, "the manifest `torn.toml` can't be understood")]
#[case::spelling(&["--manifest", "k8s.yaml"], 1, "it is yes under env, which means on and does not count")]
#[case::secret(&["--manifest", "secret.yaml"], 4, "not tried  ENABLE_DB_TRACING in secret.yaml: it comes from a secret")]
#[case::off(&["--log", "off.log"], 1, "its startup line (off.log:1) says that tracing is off, and that it saw 1")]
#[case::two_that_differ(&["--manifest", "k8s.yaml", "--manifest", "secret.yaml"], 1, "0 passed, 1 failed, 0 advice, 3 not tried")]
#[case::both(&["--manifest", "fly.toml", "--manifest", "both.env"], 1, "FAIL       ENABLE_DB_TRACING in both.env: it is set more than once: true, false")]
#[case::absent(&["--manifest", "absent.yaml"], 1, "FAIL       ENABLE_DB_TRACING in absent.yaml: it is not set")]
#[case::not_restarted(&["--manifest", "fly.toml", "--log", "off.log"], 1, "says that tracing is off, and that it saw 1; the manifest says true")]
#[case::no_start(&["--log", "absent.yaml"], 4, "not tried  ENABLE_DB_TRACING in the running process: `absent.yaml` has no tracer line")]
#[case::no_flag(&["--config", "spanproof.toml", "--manifest", "fly.toml"], 4, "not tried  the flag: no `[[flag]]` of the spec has `tracing = true`")]
#[case::nothing(&[], 4, "0 passed, 0 failed, 0 advice, 3 not tried")]
#[case::unreachable(&["--database", "postgres://u:hunter2@127.0.0.1:1/x"], 3, "the database `postgres://u:***@127.0.0.1:1/x` does not let us in")]
#[tokio::test]
async fn what_is_given_is_tried_and_what_is_not_is_said(
    #[case] args: &[&str],
    #[case] code: i32,
    #[case] said: &str,
) {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("torn.toml", "[env");
    write("k8s.yaml", "env:\n- name: ENABLE_DB_TRACING\n  value: yes\n");
    write(
        "secret.yaml",
        "env:\n- name: ENABLE_DB_TRACING\n  valueFrom: {secretKeyRef: {name: s, key: k}}\n",
    );
    write("fly.toml", "[env]\nENABLE_DB_TRACING = 'true'\n");
    write("both.env", "ENABLE_DB_TRACING=true\nexport ENABLE_DB_TRACING=false\n");
    write("absent.yaml", "env: {DB_TRACING: true}\n");
    let spec = std::fs::read_to_string(SPEC).unwrap();
    write("spanproof.toml", &spec.replace("tracing = true\nenables = [\"true\"]\n", ""));
    write("off.log", "⚠️  DBTracer: DISABLED (ENABLE_DB_TRACING=1)\n");
    let (exit, out) = preflight(folder.path(), args).await;
    assert_eq!(exit, code, "{out}");
    assert!(out.contains(said), "expected {said}\nfound {out}");
}

#[tokio::test]
async fn a_role_that_is_none_is_told_and_nothing_else_is_tried() {
    let (database, connection) = database("").await;
    connection.close().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let args = ["--database", database.url(), "--role", "no\"body"];
    let (exit, out) = preflight(folder.path(), &args).await;
    assert_eq!(exit, 1);
    assert!(
        out.contains(
            "FAIL       login: the role `no\"body` can't be taken: role \"no\"body\" does not exist"
        ),
        "{out}"
    );
    database.close().await.unwrap();
}

/// A lock that somebody holds is told, and not waited for.
#[tokio::test]
async fn a_table_that_is_locked_is_told_at_once() {
    let (database, mut connection) = database("").await;
    let lock = "begin; lock table trace_spans in access exclusive mode";
    connection.execute(sqlx::raw_sql(lock)).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let args = ["--database", database.url(), "--role", "preflight_tracer"];
    let (exit, out) = preflight(folder.path(), &args).await;
    assert_eq!(exit, 1, "{out}");
    let said = "inserting it was refused: canceling statement due to lock timeout (SQLSTATE 55P03)";
    assert!(out.contains(said), "expected {said}\nfound {out}");
    connection.close().await.unwrap();
    database.close().await.unwrap();
}

/// Each format, with a value that means on and is none.
#[rstest]
#[case::toml("fly.toml", "[env]\nENABLE_DB_TRACING = 'TRUE'", "it is TRUE under env")]
#[case::yaml(
    "compose.yaml",
    "services: {a: {environment: {ENABLE_DB_TRACING: yes}}}",
    "it is yes under"
)]
#[case::json(
    "task.json",
    r#"{"env": [{"name": "ENABLE_DB_TRACING", "value": "1"}]}"#,
    "it is 1 under env"
)]
#[case::lines(".env", "export ENABLE_DB_TRACING=\"true \"", "it is \"true \"")]
#[case::image("Dockerfile", "ENV A=1 ENABLE_DB_TRACING=on", "it is on")]
#[tokio::test]
async fn a_spelling_that_does_not_count_fails_in_every_format(
    #[case] name: &str,
    #[case] text: &str,
    #[case] said: &str,
) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join(name), text).unwrap();
    let (exit, out) = preflight(folder.path(), &["--manifest", name]).await;
    assert_eq!(exit, 1, "{out}");
    let said = format!("FAIL       ENABLE_DB_TRACING in {name}: {said}");
    assert!(out.contains(&said), "expected {said}\nfound {out}");
    assert!(out.contains("which means on and does not count"), "{out}");
    assert!(out.contains("next: what switches recording on: true\n"), "{out}");
}
