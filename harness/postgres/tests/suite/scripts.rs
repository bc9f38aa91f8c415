//! Tests of migrations as people write them: files of other tools, dumps, statements that can't run
//! in a transaction, and settings that must not reach the next file.

use rstest::rstest;
use spanproof_postgres::{Migrations, Server, Source};

use crate::{chain, execute, migrations, query, start};

/// The second migration of a test. It fails, or creates its table in another schema, if the first migration's search
/// path, role, timeout, read-only mode or unchecked function bodies still apply.
const NEXT: (&str, &str) = (
    "0200_next.sql",
    "create table next (n int);
    insert into next values (1);
    do $$
    begin
        assert current_user = (select pg_get_userbyid(datdba) from pg_database where datname = current_database());
        create function unchecked() returns int language sql as 'select nothing from nowhere';
        raise 'function bodies are not checked';
    exception when undefined_table then
        null;
    end $$",
);

/// Applies a migration and then [`NEXT`]. Asserts that the latter created its table in the schema `public`, and that
/// both are recorded.
async fn apply_before_next(sql: &str) {
    let server = start(Source::Binaries(None)).await.unwrap();
    let (_folder, migrations) = migrations(&[("0100_first.sql", sql), NEXT]);
    let database = server.migrated_database(&migrations).await.map_err(chain).unwrap();
    let rows = query::<i64>(&database, "select count(*) from public.next").await;
    assert_eq!(rows, 1);
    let recorded = "select count(*) from _sqlx_migrations where success";
    assert_eq!(query::<i64>(&database, recorded).await, 2);
    database.close().await.unwrap();
    server.close().await.unwrap();
}

#[rstest]
#[case::search_path("select pg_catalog.set_config('search_path', '', false)")]
#[case::own_schema("create schema app; set search_path to app; create table inside (n int)")]
#[case::role("create role scripts_role; set role scripts_role")]
#[case::session("create role scripts_session; set session authorization scripts_session")]
#[case::read_only("set default_transaction_read_only = on")]
#[case::read_only_session("set session characteristics as transaction read only")]
#[case::statement_timeout("set statement_timeout = 1")]
#[case::checks(
    "set check_function_bodies = false; create function f() returns int language sql as 'select nothing from nowhere'"
)]
#[case::dump(
    "\\restrict x\nset client_encoding = 'UTF8';\nselect pg_catalog.set_config('search_path', '', false);\ncreate table public.d (n int);\n\\unrestrict x\n"
)]
#[tokio::test]
async fn the_next_file_starts_with_the_settings_of_a_new_session(#[case] sql: &str) {
    apply_before_next(sql).await;
}

#[rstest]
#[case::byte_order_mark("\u{feff}create table marked (n int)")]
#[case::windows("create table lines (\r\n n int\r\n);\r\n")]
#[case::concurrently(
    "create table c (a int, b int);\ncreate index concurrently on c (a);\ncreate index concurrently on c (b);"
)]
#[case::without_transaction(
    "-- no-transaction\ncreate table c (a int);\ncreate index concurrently on c (a);\nvacuum c;"
)]
#[case::own_transaction("begin; create table own (n int); commit;")]
#[case::semicolons(
    "create table s (t text default ';'); do $$ begin perform 1; end $$; -- the end;"
)]
#[case::atomic_body(
    "create table s (n int); create function f() returns bigint begin atomic select count(*) from s; end;"
)]
#[case::rule(
    "create table s (n int); create rule r as on insert to s do also (select 1; select 2);"
)]
#[case::copy(
    "create table c (a int, b text);\ncopy c (a, b) from stdin;\n1\tone;\n2\t\\N\n\\.\nalter table c add d int;"
)]
#[tokio::test]
async fn a_file_as_people_write_it_is_applied_and_recorded(#[case] sql: &str) {
    apply_before_next(sql).await;
}

#[rstest]
#[case::goose("-- +goose Up\ncreate table kept (n int);\n-- +goose Down\ndrop table kept;\n")]
#[case::goose_statement(
    "-- +goose Up\n-- +goose StatementBegin\ncreate table kept (n int);\n-- +goose StatementEnd\n-- +goose Down\ndrop table kept;\n"
)]
#[case::goose_without_transaction(
    "-- +goose NO TRANSACTION\n-- +goose Up\ncreate table kept (n int);\ncreate index concurrently on kept (n);\n-- +goose Down\ndrop table kept;\n"
)]
#[case::dbmate("-- migrate:up\ncreate table kept (n int);\n\n-- migrate:down\ndrop table kept;\n")]
#[case::sql_migrate(
    "-- +migrate Up\ncreate table kept (n int);\n-- +migrate Down\ndrop table kept;\n"
)]
#[case::tern("create table kept (n int);\n---- create above / drop below ----\ndrop table kept;\n")]
#[tokio::test]
async fn the_part_that_undoes_a_migration_is_not_run(#[case] sql: &str) {
    let server = Server::shared().await.unwrap();
    let (_folder, migrations) = migrations(&[("00100_both.sql", sql)]);
    let database = server.migrated_database(&migrations).await.map_err(chain).unwrap();
    assert_eq!(query::<i64>(&database, "select count(*) from kept").await, 0);
    database.close().await.unwrap();
}

#[rstest]
#[case::syntax("select 1;\n\nselec 2;\n", ":3 failed: syntax error at or near \"selec\"")]
#[case::without_a_position(
    "create table a (n int);\n\ncreate table a (n int);\n",
    ":3 failed: relation \"a\" already exists"
)]
#[case::within_a_statement(
    "create table b (n int);\ncreate table c (\n  n nothing\n);\n",
    ":3 failed: type \"nothing\" does not exist"
)]
#[case::deferred(
    "create table p (n int primary key);\ncreate table q (n int references p deferrable initially deferred);\ninsert into q values (1);\n",
    ":3 failed: insert or update on table \"q\" violates"
)]
#[case::rows(
    "create table r (n int);\ncopy r from stdin;\nword\n\\.\n",
    ":2 failed: invalid input syntax for type integer"
)]
#[case::database_by_name(
    "create table s (n int);\n\nalter database app set search_path = x;\n",
    ":3 failed; the database has a generated name here: use the name of the current database, as in `do $$ begin execute format('alter \
    database %I set …', current_database()); end $$`: database \"app\" does not exist"
)]
#[case::owner_of_another_server(
    "create table t (n int);\nalter table t owner to nobody_here;\n",
    ":2 failed; create the role in an earlier migration, or dump the schema with `--no-owner --no-privileges`: role \
    \"nobody_here\" does not exist"
)]
#[case::parameter_of_a_newer_server(
    "set lock_timeout = 0;\nset future_timeout = 0;\n",
    ":2 failed; if the file is a dump of a newer server, use a server of that version, or remove the line: \
    unrecognized configuration parameter \"future_timeout\""
)]
#[tokio::test]
async fn a_failed_statement_is_reported_with_its_line(#[case] sql: &str, #[case] expected: &str) {
    let server = Server::shared().await.unwrap();
    let (_folder, migrations) = migrations(&[("0001_bad.sql", sql)]);
    let error = server.migrated_database(&migrations).await.map_err(chain).unwrap_err();
    let expected = format!("migration `0001_bad.sql`{expected}");
    assert!(error.starts_with(&expected), "expected {expected}\nfound {error}");
}

/// Roles belong to the whole server, not to a database. On an existing server, a migration that
/// creates a role therefore works only once.
#[tokio::test]
async fn the_error_about_a_role_of_an_earlier_run_says_what_to_do() {
    let host = start(Source::Binaries(None)).await.unwrap();
    let host_database = host.empty_database().await.unwrap();
    execute(&host_database, "create role scripts_left").await;
    let (_folder, migrations) = migrations(&[("0001_role.sql", "create role scripts_left login")]);
    let server = start(Source::Url(host_database.url().to_owned())).await.unwrap();
    let error = server.migrated_database(&migrations).await.map_err(chain).unwrap_err();
    let expected = "migration `0001_role.sql`:1 failed; roles belong to the whole server, and an \
                    earlier run may have created this one: drop it, or create it only if it does \
                    not exist: role \"scripts_left\" already exists";
    assert!(error.starts_with(expected), "{error}");
    server.close().await.unwrap();
    host_database.close().await.unwrap();
    host.close().await.unwrap();
}

#[tokio::test]
async fn one_file_can_be_the_whole_schema() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("structure.sql");
    std::fs::write(
        &path,
        "create schema app;\ncreate table app.t (n int);\ncopy app.t from stdin;\n7\n\\.\n",
    )
    .unwrap();
    let schema = Migrations::read_file(&path).unwrap();
    let database = Server::shared().await.unwrap().migrated_database(&schema).await.unwrap();
    assert_eq!(query::<i32>(&database, "select n from app.t").await, 7);
    database.close().await.unwrap();
}
