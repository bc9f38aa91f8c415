//! Tests that `preflight` compares the objects that the migrations create with the objects in the database,
//! however the migrations are written.

use std::path::Path;

use rstest::rstest;
use spanproof_postgres::Database;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};

use crate::run::{MIGRATIONS, Output, SPEC, Spanproof};

/// Writes the spec of this repository and its migrations to a folder, with one more migration.
/// `spec` is added to the spec's section `[tables.spans]`.
fn write_project(folder: &Path, migration: &str, spec: &str) {
    let migrations = folder.join("migrations");
    std::fs::create_dir(&migrations).unwrap();
    for entry in std::fs::read_dir(MIGRATIONS).unwrap() {
        let path = entry.unwrap().path();
        std::fs::copy(&path, migrations.join(path.file_name().unwrap())).unwrap();
    }
    std::fs::write(migrations.join("0100_more.up.sql"), migration).unwrap();
    let text = std::fs::read_to_string(SPEC).unwrap();
    let text = text.replace("[tables.spans]\n", &format!("[tables.spans]\n{spec}\n"));
    std::fs::write(folder.join("spanproof.toml"), text).unwrap();
}

/// Runs `preflight` in the folder, against a database with the project's migrations and `change`.
async fn preflight(folder: &Path, change: &str, args: &[&str]) -> (i32, String) {
    let database = Database::migrated(folder.join("migrations")).await.unwrap();
    let mut connection = PgConnection::connect(database.url()).await.unwrap();
    connection.execute(sqlx::raw_sql(AssertSqlSafe(change))).await.unwrap();
    connection.close().await.unwrap();
    let args = [&["preflight", "--database", database.url()], args].concat();
    let Output { code, stdout, stderr } = Spanproof::new(folder, &args).output_async().await;
    database.close().await.unwrap();
    (code, stdout + &stderr)
}

#[rstest]
#[case::capitals(
    "CREATE TABLE Audit_Log (id int); CREATE FUNCTION Do_It() RETURNS int LANGUAGE sql AS 'select 1';"
)]
#[case::quoted_name(
    "create table \"The Log, 1.0\" (id int); create index on \"The Log, 1.0\" (id);"
)]
#[case::renamed_only(
    "create table if not exists old (id int); alter table if exists only old rename to new;"
)]
#[case::statement_in_a_string("comment on table jobs is 'see\ncreate table not_made (id int)';")]
#[case::two_on_a_line("create table a (id int); drop table a; create table b (id int);")]
#[case::search_path(
    "create schema app; set search_path to app, public; create table app_t (id int); create function app_f() returns int language sql as 'select 1'; reset search_path;"
)]
#[case::do_block("do $do$ begin execute 'create table made_by_do (id int primary key)'; end $do$;")]
#[case::dropped_by_cascade(
    "create table p (id int); create view v as select * from p; drop table p cascade;"
)]
#[case::moved("create schema s; create table t (id int); alter table t set schema s;")]
#[case::partitioned(
    "create table part (id int) partition by range (id); create index on part (id); create table part_1 partition of part for values from (0) to (9);"
)]
#[case::overloaded(
    "create function f(a int) returns int language sql as 'select 1'; create function f(a text[]) returns int language sql as 'select 1'; drop function f(int);"
)]
#[tokio::test]
async fn a_database_with_all_migrations_passes(#[case] migration: &str) {
    let folder = tempfile::tempdir().unwrap();
    write_project(folder.path(), migration, "");
    let (code, output) = preflight(folder.path(), "", &[]).await;
    assert_eq!(code, 0, "{output}");
    let expected = "ok         migrations: every object that the migrations create exists";
    assert!(output.contains(expected) && output.contains(" 0 advice"), "{output}");
}

/// Each test case has a migration, SQL that changes the database after it, and an expected line of the
/// output. The command must exit with 1 if this line begins with `FAIL`, and otherwise with 0.
#[rstest]
#[case::table_of_a_do_block(
    "do $$ begin execute 'create table made (id int)'; end $$;",
    "drop table made",
    "FAIL       table made: relation \"made\" does not exist"
)]
#[case::table_in_a_schema(
    "create schema app; set search_path = app; create table t (id int); reset search_path;",
    "drop table app.t",
    "FAIL       table app.t: relation \"app.t\" does not exist"
)]
#[case::capitals(
    "create table \"Audit\" (id int);",
    "alter table \"Audit\" rename to audit",
    "FAIL       table Audit: relation \"Audit\" does not exist"
)]
#[case::partition_of_the_past(
    "create table part (id int) partition by list (id); create table part_1 partition of part default;",
    "drop table part_1",
    "ok         migrations"
)]
#[case::other_parameters(
    "create function f(a int, b text) returns int language sql as 'select 1';",
    "drop function f; create function f(a int) returns int language sql as 'select 1'",
    "FAIL       function f: it exists only with the parameters `(int4)`, not with `(int4, text)`"
)]
#[case::column(
    "alter table jobs add note text;",
    "alter table jobs drop note",
    "advice     columns of jobs: the migrations create `note`, which the table lacks"
)]
#[case::index(
    "create index by_status on executions (status) where status <> 'done';",
    "drop index by_status",
    "advice     indexes of executions: the index `by_status` (btree (status) WHERE ((status)::text <> 'done'::text)) is missing"
)]
#[case::unique_index(
    "create unique index once on executions (job_id, question_id, model_id);",
    "drop index once; create index once on executions (job_id, question_id, model_id)",
    "advice     indexes of executions: the index `once` is btree (job_id, question_id, model_id), but unique btree (job_id, question_id, model_id) in the migrations"
)]
#[tokio::test]
async fn an_object_that_the_database_lacks_is_reported(
    #[case] migration: &str,
    #[case] change: &str,
    #[case] expected: &str,
) {
    let folder = tempfile::tempdir().unwrap();
    write_project(folder.path(), migration, "");
    let (code, output) = preflight(folder.path(), change, &[]).await;
    assert!(output.contains(expected), "expected {expected}\nfound {output}");
    assert_eq!(code, i32::from(expected.starts_with("FAIL")), "{output}");
}

/// SQL that creates the role `inserting_exporter`, which may not update spans.
const INSERT_ONLY: &str = "do $$ begin create role inserting_exporter; exception when duplicate_object or unique_violation then null; end $$;
    grant select on all tables in schema public to inserting_exporter; grant insert on trace_spans to inserting_exporter;
    alter table trace_spans drop constraint trace_spans_status_check, add check (status in ('OK', 'ERROR')), alter completed_at set not null;";

#[tokio::test]
async fn a_role_that_only_inserts_spans_passes_if_the_spec_lists_no_status_without_end() {
    for (spec, expected_code, expected) in [
        (
            "not-ended = []",
            0,
            "ok         a span, written and undone: inserted, read and rolled back; not completed, because",
        ),
        ("", 1, "grant update on trace_spans to inserting_exporter, or set `not-ended = []`"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        write_project(folder.path(), "", spec);
        let args = ["--role", "inserting_exporter"];
        let (code, output) = preflight(folder.path(), INSERT_ONLY, &args).await;
        assert!(output.contains(expected), "expected {expected}\nfound {output}");
        assert_eq!(code, expected_code, "{output}");
    }
}

#[tokio::test]
async fn a_missing_column_gets_no_advice_about_an_index() {
    let folder = tempfile::tempdir().unwrap();
    write_project(folder.path(), "", "");
    let change = "alter table trace_spans rename trace_id to trace";
    let (code, output) = preflight(folder.path(), change, &[]).await;
    assert_eq!(code, 1, "{output}");
    assert!(output.contains("FAIL       columns: `trace_spans` has no trace_id"), "{output}");
    assert!(!output.contains("index on trace_id"), "{output}");
}

#[tokio::test]
async fn without_a_database_the_exit_code_is_9() {
    let folder = tempfile::tempdir().unwrap();
    write_project(folder.path(), "", "");
    std::fs::write(folder.path().join("fly.toml"), "[env]\nENABLE_DB_TRACING = 'true'\n").unwrap();
    let args = ["preflight", "--manifest", "fly.toml"];
    let Output { code, stdout, .. } = Spanproof::new(folder.path(), &args).output_async().await;
    assert_eq!(code, 9, "{stdout}");
    assert!(stdout.contains("not tried  database: no database was given"), "{stdout}");
}

#[tokio::test]
async fn if_a_migration_fails_the_comparison_is_reported_as_not_tried() {
    let folder = tempfile::tempdir().unwrap();
    write_project(folder.path(), "", "");
    let database = Database::migrated(MIGRATIONS).await.unwrap();
    let migration = folder.path().join("migrations/0100_more.up.sql");
    std::fs::write(migration, "create tabel t (id int);").unwrap();
    let args = ["preflight", "--database", database.url()];
    let Output { stdout, .. } = Spanproof::new(folder.path(), &args).output_async().await;
    let line = stdout.lines().find(|line| line.contains(" migrations: ")).unwrap_or_default();
    assert!(line.starts_with("not tried") && line.contains("tabel"), "{stdout}");
    database.close().await.unwrap();
}
