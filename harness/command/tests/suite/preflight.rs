//! Tests of `preflight`, the command that reports why a deployment would lose spans. It must not change
//! the deployment.

use std::path::Path;

use rstest::rstest;
use spanproof_postgres::Database;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};

use crate::run::{MIGRATIONS, Output, SPEC, Spanproof};

/// SQL that creates the role `preflight_tracer`, with the privileges that a tracer needs.
const CREATE_ROLE: &str =
    "do $$ begin create role preflight_tracer; exception when duplicate_object or unique_violation then null; end $$;
    grant select, insert, update on all tables in schema public to preflight_tracer;";

/// Creates a migrated database and the role `preflight_tracer`, and executes `change` in the
/// database. Also returns a session in the database.
async fn database(change: &str) -> (Database, PgConnection) {
    let database = Database::migrated(MIGRATIONS).await.unwrap();
    let mut connection = PgConnection::connect(database.url()).await.unwrap();
    let sql = format!("{CREATE_ROLE}{change}");
    connection.execute(sqlx::raw_sql(AssertSqlSafe(sql))).await.unwrap();
    (database, connection)
}

/// Runs `preflight`, with the spec of this repository unless `args` has `--config`. Returns the
/// exit code, and standard output followed by standard error.
async fn preflight(folder: &Path, args: &[&str]) -> (i32, String) {
    let spec: &[&str] = if args.contains(&"--config") { &[] } else { &["--config", SPEC] };
    let command = Spanproof::new(folder, &[&["preflight"], args, spec].concat());
    let Output { code, stdout, stderr } = command.output_async().await;
    (code, stdout + &stderr)
}

#[tokio::test]
async fn a_working_deployment_passes_every_check_and_is_not_changed() {
    let (database, mut connection) = database("").await;
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("fly.toml"), "[env]\nENABLE_DB_TRACING = 'true'\n").unwrap();
    let log = "🔍 DBTracer: ENABLED (ENABLE_DB_TRACING=true)\n";
    std::fs::write(folder.path().join("runner.log"), log).unwrap();
    let more = ["--role", "preflight_tracer", "--manifest", "fly.toml", "--log", "runner.log"];
    let args = [&["--database", database.url()], &more[..]].concat();
    let (code, output) = preflight(folder.path(), &args).await;
    assert_eq!(code, 0, "{output}");
    assert!(output.contains("0 failed, 0 advice, 0 not tried"), "{output}");
    for line in [
        "ok         ENABLE_DB_TRACING in fly.toml: it is true under env",
        "ok         ENABLE_DB_TRACING in the running process: its startup line (runner.log:1)",
        "ok         login: as `preflight_tracer`",
        "ok         columns: all 14 columns of the spec exist",
        "ok         indexes: on span_id, execution_id, trace_id, job_id, started_at",
        "ok         privileges: `preflight_tracer` may insert, update and select",
        "ok         migrations: every object that the migrations create exists, and the role may use it (functions: 7, indexes: 17, tables: 4, views: 2)",
        "ok         a span, written and undone: inserted, read, completed and rolled back; nothing is left",
    ] {
        assert!(output.contains(line), "expected {line}\nfound {output}");
    }
    // Counts the spans and the locks that preflight has left behind.
    let left = "select (select count(*) from trace_spans) + (select count(*) from pg_locks l \
                join pg_stat_activity a using (pid) where a.datname = current_database() and a.application_name like 'spanproof preflight%')";
    let left: i64 = sqlx::query_scalar(left).fetch_one(&mut connection).await.unwrap();
    assert_eq!(left, 0);
    connection.close().await.unwrap();
    database.close().await.unwrap();
}

#[tokio::test]
async fn a_check_in_json_has_its_result_and_the_next_step() {
    let (database, connection) =
        database("alter table executions alter region type varchar(200)").await;
    connection.close().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let args = ["--database", database.url(), "--role", "preflight_tracer", "--format", "json"];
    let (code, output) = preflight(folder.path(), &args).await;
    assert_eq!(code, 0, "{output}");
    let json: serde_json::Value = serde_json::from_str(&output).unwrap();
    assert_eq!((&json["schema"], &json["advice"]), (&1.into(), &1.into()), "{output}");
    assert_eq!((&json["failed"], &json["not_tried"]), (&0.into(), &2.into()), "{output}");
    let widths = json["checks"].as_array().unwrap().iter().find(|one| one["name"] == "widths");
    let expected = serde_json::json!({
        "name": "widths",
        "outcome": "advice",
        "checked": "each attribute column, compared with the unit's column",
        "found": "`region` holds 100 characters, but the unit's column `region` is character varying(200)",
        "next": "make the column as wide as the unit's: the server refuses a span whose value is too long (SQLSTATE 22001)",
    });
    assert_eq!(widths, Some(&expected));
    database.close().await.unwrap();
}

/// Each test case has SQL that changes the database, and expected lines of the output. The command
/// must exit with 0 if there are no such lines or if all of them are advice, and otherwise with 1.
#[rstest]
#[case::no_insert("revoke insert on trace_spans from preflight_tracer", &["FAIL       privileges: `preflight_tracer` lacks insert", "FAIL       a span, written and undone: inserting the span was refused: permission denied"])]
#[case::no_update("revoke update on trace_spans from preflight_tracer", &["completing the span was refused: permission denied"])]
#[case::no_table("drop table trace_spans cascade", &["FAIL       table trace_spans: not found on the search path \"$user\", public [", "not tried  a span, written and undone"])]
#[case::no_column("alter table trace_spans rename model_id to model", &["FAIL       columns: `trace_spans` has no model_id; it has "])]
#[case::discarded_by_a_trigger("create function gone() returns trigger language plpgsql as 'begin return null; end'; create trigger gone before insert on trace_spans for each row execute function gone()", &["FAIL       a span, written and undone: the server reported no error, but stored no span"])]
#[case::check_constraint("alter table trace_spans add check (service <> 'runner')", &["inserting the span was refused: new row for relation"])]
#[case::deferred_constraint("create table known (id uuid primary key); alter table trace_spans add foreign key (trace_id) references known deferrable initially deferred", &["checking the deferred constraints was refused: insert or update on table \"trace_spans\" violates foreign key"])]
#[case::unknown_required_columns("alter table trace_spans add tenant text not null, add kind uuid not null, add at date not null, add tags int[] not null, add raw bytea not null", &[])]
#[case::discarded_by_a_rule("create rule gone as on insert to trace_spans do instead nothing", &["FAIL       a span, written and undone: the server reported no error, but stored no span"])]
#[case::moved_by_a_trigger("create table newer () inherits (trace_spans); grant select, insert, update on newer to preflight_tracer; create function route() returns trigger language plpgsql as 'begin insert into newer values (new.*); return null; end'; alter table newer alter id set default 1; create trigger route before insert on trace_spans for each row execute function route()", &[])]
#[case::discarded_update("create function gone() returns trigger language plpgsql as 'begin return null; end'; create trigger gone before update on trace_spans for each row execute function gone()", &["FAIL       a span, written and undone: the server reported no error, but completing the span changed no row"])]
#[case::update_without_effect("create function same() returns trigger language plpgsql as 'begin return old; end'; create trigger same before update on trace_spans for each row execute function same()", &["FAIL       a span, written and undone: completing the span succeeded, but its end time is still null"])]
#[case::sequence("alter table trace_spans add n bigserial", &["inserting the span was refused: permission denied for sequence trace_spans_n_seq (SQLSTATE 42501)", "next: grant usage on that sequence to the role"])]
#[case::foreign_key_to_a_unit("alter table trace_spans add foreign key (execution_id) references executions", &[])]
#[case::required_unit("insert into jobs (jobspec_id, jobspec, route) values ('a', '{}', 'queued'); insert into executions (job_id, region, model_id, question_id) select id, repeat('r', 100), 'm', 'q' from jobs; alter table trace_spans add foreign key (execution_id) references executions, alter execution_id set not null", &[])]
#[case::required_unit_that_does_not_exist("alter table trace_spans add foreign key (execution_id) references executions, alter execution_id set not null", &["inserting the span was refused: insert or update on table \"trace_spans\" violates foreign key constraint \"trace_spans_execution_id_fkey\" (SQLSTATE 23503)"])]
#[case::large_table_without_index("alter table trace_spans drop constraint trace_spans_span_id_key; insert into trace_spans (trace_id, span_id, service, operation, started_at, status) select gen_random_uuid(), gen_random_uuid(), 'x', 'y', now(), 'started' from generate_series(1, 110000); analyze trace_spans", &["FAIL       index on span_id: missing on a table of about 110000 rows; it is needed to complete spans", "next: create index concurrently on \"trace_spans\" (\"span_id\")", "not tried  a span, written and undone: inserted and rolled back, but not read and completed, because that would scan the whole table"])]
#[case::column_privileges("revoke insert, update on trace_spans from preflight_tracer; grant insert (trace_id, span_id, parent_span_id, service, operation, started_at, completed_at, duration_ms, status, job_id, execution_id, model_id, region, error_message), update (completed_at, duration_ms, status, error_message) on trace_spans to preflight_tracer", &[])]
#[case::no_error_column("alter table trace_spans rename error_message to error", &["FAIL       columns of trace_spans: the migrations create `error_message`, which the table lacks"])]
#[case::narrow_column("drop view trace_waterfall, trace_spans_health cascade; alter table trace_spans alter operation type varchar(5)", &["inserting the span was refused: value too long for type character varying(5) (SQLSTATE 22001)"])]
#[case::narrow_attribute("alter table executions alter region type varchar(200)", &["advice     widths: `region` holds 100 characters, but the unit's column `region` is character varying(200)"])]
#[case::no_usage_on_the_schema("revoke usage on schema public from public", &["FAIL       table trace_spans: not found on the search path \"$user\", public; `public` has a table of this name"])]
#[case::read_only_role("do $$ begin execute format('alter role preflight_tracer in database %I set default_transaction_read_only = on', current_database()); end $$", &["ok         settings: of `preflight_tracer`: default_transaction_read_only=on", "FAIL       writable: transactions of `preflight_tracer` are read-only", "inserting the span was refused: cannot execute INSERT in a read-only transaction (SQLSTATE 25006)"])]
#[case::other_search_path("create schema other; do $$ begin execute format('alter role preflight_tracer in database %I set search_path = other', current_database()); end $$", &["FAIL       table trace_spans: not found on the search path other; `public` has a table of this name"])]
#[case::empty_search_path("do $$ begin execute format('alter role preflight_tracer in database %I set search_path = ''''', current_database()); end $$", &["next: set the search path of the role, because it names no schema that exists"])]
#[case::never_analysed("alter table trace_spans set (autovacuum_enabled = off); insert into trace_spans (trace_id, span_id, service, operation, started_at, status) select gen_random_uuid(), gen_random_uuid(), 'x', 'y', now(), 'started' from generate_series(1, 20000); drop index trace_spans_execution_id_idx", &["FAIL       index on execution_id: missing on a table of about "])]
#[case::no_function("drop function identify_root_cause cascade", &["FAIL       function identify_root_cause: there is no such function"])]
#[case::no_view("drop view trace_spans_health", &["FAIL       view trace_spans_health: relation \"trace_spans_health\" does not exist"])]
#[case::no_index("insert into trace_spans (trace_id, span_id, service, operation, started_at, status) select gen_random_uuid(), gen_random_uuid(), 'x', 'y', now(), 'started' from generate_series(1, 20000); drop index trace_spans_execution_id_idx; analyze trace_spans", &["FAIL       index on execution_id: missing on a table of about 20000 rows"])]
#[case::same_name_in_another_schema("create schema other; create table other.trace_spans (id int)", &["advice     table trace_spans: found in the schema `public`; `other` has a table of this name, too"])]
#[case::read_only_database("do $$ begin execute format('alter database %I set default_transaction_read_only = on', current_database()); end $$", &["FAIL       writable: transactions of `preflight_tracer` are read-only", "(SQLSTATE 25006)"])]
#[case::row_level_security("alter table trace_spans enable row level security", &["advice     privileges: ", "row-level security is on, with no policy", "FAIL       a span, written and undone: inserting the span was refused: new row violates row-level security"])]
#[tokio::test]
async fn preflight_reports_changes_that_would_lose_spans(
    #[case] change: &str,
    #[case] expected: &[&str],
) {
    let (database, connection) = database(change).await;
    connection.close().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let args = ["--database", database.url(), "--role", "preflight_tracer"];
    let (code, output) = preflight(folder.path(), &args).await;
    let fails = expected.iter().any(|line| !line.starts_with("advice"));
    assert_eq!(code, i32::from(fails), "{output}");
    for line in expected {
        assert!(output.contains(line), "expected {line}\nfound {output}");
    }
    database.close().await.unwrap();
}

#[rstest]
#[case::no_manifest(&["--manifest", "none.toml"], 2, "could not read the manifest `none.toml`")]
#[case::invalid_toml(&["--manifest", "torn.toml"], 2, "could not parse the manifest `torn.toml`")]
#[case::spelling(&["--manifest", "k8s.yaml"], 1, "it is yes under env (k8s.yaml:3), which a person reads as on, but it does not enable recording")]
#[case::secret(&["--manifest", "secret.yaml"], 4, "not tried  ENABLE_DB_TRACING in secret.yaml: it comes from a secret")]
#[case::off(&["--log", "off.log"], 1, "its startup line (off.log:1) reports tracing off, and the value 1")]
#[case::two_manifests(&["--manifest", "k8s.yaml", "--manifest", "secret.yaml"], 1, "0 passed, 1 failed, 0 advice, 3 not tried")]
#[case::set_twice(&["--manifest", "fly.toml", "--manifest", "both.env"], 1, "FAIL       ENABLE_DB_TRACING in both.env: it is set more than once: true, false")]
#[case::unset(&["--manifest", "absent.yaml"], 1, "FAIL       ENABLE_DB_TRACING in absent.yaml: it is not set")]
#[case::newest_first(&["--log", "newest.log"], 1, "its startup line (newest.log:1) reports tracing off")]
#[case::not_restarted(&["--manifest", "fly.toml", "--log", "off.log"], 1, "reports tracing off, and the value 1; the manifest has true")]
#[case::no_line_about_tracing(&["--log", "absent.yaml"], 4, "not tried  ENABLE_DB_TRACING in the running process: `absent.yaml` has no startup line that says whether tracing is on")]
#[case::no_flag(&["--config", "spanproof.toml", "--manifest", "fly.toml"], 4, "not tried  the flag: no `[[flag]]` in the spec has `tracing = true`")]
#[case::no_input(&[], 4, "0 passed, 0 failed, 0 advice, 3 not tried")]
#[case::unreachable(&["--database", "postgres://u:hunter2@127.0.0.1:1/x"], 3, "could not connect to the database `postgres://u:***@127.0.0.1:1/x`")]
#[tokio::test]
async fn missing_and_wrong_inputs_are_reported(
    #[case] args: &[&str],
    #[case] expected_code: i32,
    #[case] expected: &str,
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
    write(
        "newest.log",
        "2026-03-10T10:00:00Z 🔍 DBTracer: DISABLED (ENABLE_DB_TRACING=)\n\
         2026-03-10T09:00:00Z 🔍 DBTracer: ENABLED (ENABLE_DB_TRACING=true)\n",
    );
    write("off.log", "⚠️  DBTracer: DISABLED (ENABLE_DB_TRACING=1)\n");
    let (code, output) = preflight(folder.path(), args).await;
    assert_eq!(code, expected_code, "{output}");
    assert!(output.contains(expected), "expected {expected}\nfound {output}");
}

/// Regression test: the spec names the error column only by its default, and a table without this column
/// failed.
#[tokio::test]
async fn a_table_without_the_optional_error_column_passes() {
    let (database, connection) = database(
        "drop view trace_waterfall, trace_spans_health cascade; alter table trace_spans drop error_message cascade",
    )
    .await;
    connection.close().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let spec = std::fs::read_to_string(SPEC).unwrap();
    let (before, rest) = spec.split_once("[database]").unwrap();
    let after = rest.find("\n[").map_or("", |at| &rest[at..]);
    let spec = folder.path().join("spanproof.toml");
    std::fs::write(&spec, format!("{before}{after}")).unwrap();
    let spec = spec.to_str().unwrap();
    let args = ["--database", database.url(), "--role", "preflight_tracer", "--config", spec];
    let (_, output) = preflight(folder.path(), &args).await;
    assert!(output.contains("ok         columns: all 13 columns of the spec exist"), "{output}");
    database.close().await.unwrap();
}

#[tokio::test]
async fn a_missing_role_is_reported() {
    let (database, connection) = database("").await;
    connection.close().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let args = ["--database", database.url(), "--role", "no\"body"];
    let (code, output) = preflight(folder.path(), &args).await;
    assert_eq!(code, 1);
    assert!(
        output.contains(
            "FAIL       login: could not switch to the role `no\"body`: role \"no\"body\" does not exist"
        ),
        "{output}"
    );
    database.close().await.unwrap();
}

#[tokio::test]
async fn a_locked_table_is_reported() {
    let (database, mut connection) = database("").await;
    let lock = "begin; lock table trace_spans in access exclusive mode";
    connection.execute(sqlx::raw_sql(lock)).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let args = ["--database", database.url(), "--role", "preflight_tracer"];
    let (code, output) = preflight(folder.path(), &args).await;
    assert_eq!(code, 1, "{output}");
    let expected =
        "inserting the span was refused: canceling statement due to lock timeout (SQLSTATE 55P03)";
    assert!(output.contains(expected), "expected {expected}\nfound {output}");
    connection.close().await.unwrap();
    database.close().await.unwrap();
}

/// Each test case has a manifest in another format. Its value means on, but `enables` in the spec does
/// not list this value.
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
async fn an_unrecognised_spelling_fails_in_every_format(
    #[case] name: &str,
    #[case] text: &str,
    #[case] value: &str,
) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join(name), text).unwrap();
    let (code, output) = preflight(folder.path(), &["--manifest", name]).await;
    assert_eq!(code, 1, "{output}");
    let expected = format!("FAIL       ENABLE_DB_TRACING in {name}: {value}");
    assert!(output.contains(&expected), "expected {expected}\nfound {output}");
    assert!(
        output.contains("which a person reads as on, but it does not enable recording"),
        "{output}"
    );
    assert!(output.contains("next: use a value that enables recording: true\n"), "{output}");
}
