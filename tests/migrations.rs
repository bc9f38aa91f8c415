//! Tests of the runner's database schema: its objects, its down migrations and its constraints.

use rstest::rstest;
use spanproof_postgres::{Database, Migrations, Server};
use sqlx::migrate::Migrator;
use sqlx::{PgPool, Row};
use std::path::Path;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../migrations");

/// Returns every object of the schema, one per line, in a fixed order. Some lines contain
/// expressions as the server prints them; all supported versions print these expressions alike.
const CATALOG: &str = "
select kind || ' ' || owner || ': ' || what from (
    select 1 as rank, 'column' as kind, r.relname as owner, a.attnum::int as place,
        a.attname || ' ' || format_type(a.atttypid, a.atttypmod)
        || case when a.attnotnull then ' not null' else '' end
        || case when a.attidentity = 'a' then ' always identity' else '' end
        || coalesce(' default ' || pg_get_expr(d.adbin, d.adrelid), '') as what
    from pg_attribute a
    join pg_class r on r.oid = a.attrelid and r.relkind in ('r', 'v')
    left join pg_attrdef d on d.adrelid = r.oid and d.adnum = a.attnum
    where r.relnamespace = 'public'::regnamespace and a.attnum > 0 and not a.attisdropped
    union all
    select 2, 'constraint', r.relname, 0, c.conname || ' ' || pg_get_constraintdef(c.oid)
    from pg_constraint c
    join pg_class r on r.oid = c.conrelid
    where c.connamespace = 'public'::regnamespace and c.contype in ('c', 'f', 'p', 'u', 'x')
    union all
    select 3, 'index', r.relname, 0, replace(replace(pg_get_indexdef(i.indexrelid), 'CREATE ', ''), 'INDEX ', '')
    from pg_index i
    join pg_class r on r.oid = i.indrelid
    where r.relnamespace = 'public'::regnamespace
    union all
    select 4, 'function', p.proname, 0,
        '(' || pg_get_function_arguments(p.oid) || ') ' || l.lanname || ' '
        || case p.provolatile when 'i' then 'immutable' when 's' then 'stable' else 'volatile' end
        || ' set ' || array_to_string(p.proconfig, ', ') || ' returns ' || pg_get_function_result(p.oid)
    from pg_proc p
    join pg_language l on l.oid = p.prolang
    where p.pronamespace = 'public'::regnamespace
) as object
where owner <> '_sqlx_migrations'
order by owner collate \"C\", rank, place, what collate \"C\"";

/// Returns the definitions of views, the bodies of functions, and the comments. [`CATALOG`] omits
/// them, because server versions print them differently or because the migration files show them.
const DEFINITIONS: &str = "
select definition from (
    select 'view ' || viewname || ' ' || definition as definition
    from pg_views where schemaname = 'public'
    union all
    select pg_get_functiondef(oid) from pg_proc where pronamespace = 'public'::regnamespace
    union all
    select pg_describe_object(classoid, objoid, objsubid) || ' ' || description
    from pg_description
    where (classoid = 'pg_class'::regclass and objoid in (select oid from pg_class where relnamespace = 'public'::regnamespace))
       or (classoid = 'pg_proc'::regclass and objoid in (select oid from pg_proc where pronamespace = 'public'::regnamespace))
) as defined
order by definition collate \"C\"";

/// Returns every relation, function and type, except those of sqlx.
const OBJECTS: &str = "
select 'relation ' || relname from pg_class
where relnamespace = 'public'::regnamespace and relname not like '\\_sqlx\\_migrations%'
union all
select 'function ' || proname from pg_proc where pronamespace = 'public'::regnamespace
union all
select 'type ' || typname from pg_type
where typnamespace = 'public'::regnamespace and typname not like '%\\_sqlx\\_migrations'";

/// Returns every table, view and function that has no comment.
const UNCOMMENTED: &str = "
select 'relation ' || relname from pg_class
where relnamespace = 'public'::regnamespace and relkind in ('r', 'v') and relname <> '_sqlx_migrations'
    and obj_description(oid, 'pg_class') is null
union all
select 'function ' || proname from pg_proc
where pronamespace = 'public'::regnamespace and obj_description(oid, 'pg_proc') is null";

async fn lines(pool: &PgPool, query: &'static str) -> Vec<String> {
    sqlx::query_scalar(query).fetch_all(pool).await.unwrap()
}

/// Returns every object of the schema with its definition and comment.
async fn schema(pool: &PgPool) -> Vec<String> {
    let mut schema = lines(pool, CATALOG).await;
    schema.extend(lines(pool, DEFINITIONS).await);
    schema
}

async fn migrator() -> Migrator {
    Migrator::new(Path::new(FOLDER)).await.unwrap()
}

async fn empty_database() -> (Database, PgPool) {
    let database = Server::shared().await.unwrap().empty_database().await.unwrap();
    let pool = PgPool::connect(database.url()).await.unwrap();
    (database, pool)
}

async fn migrated_database() -> (Database, PgPool) {
    let migrations = Migrations::read(FOLDER).unwrap();
    let database = Server::shared().await.unwrap().migrated_database(&migrations).await.unwrap();
    let pool = PgPool::connect(database.url()).await.unwrap();
    (database, pool)
}

/// Creates a database with job 1, its execution 1, and one open span.
async fn database_with_a_job() -> (Database, PgPool) {
    let (database, pool) = migrated_database().await;
    sqlx::raw_sql(
        "insert into jobs (jobspec_id, jobspec, route) values ('job', '{}', 'queued');
         insert into executions (job_id, region, model_id, question_id) values (1, 'us-east', 'llama', 'q1');
         insert into job_queue (job_id) values (1);
         insert into trace_spans (trace_id, span_id, service, operation, started_at, status, job_id, execution_id)
         values (gen_random_uuid(), '00000000-0000-0000-0000-000000000001', 'runner', 'execute_question', now(), 'started', 1, 1)",
    )
    .execute(&pool)
    .await
    .unwrap();
    (database, pool)
}

#[tokio::test]
async fn the_schema_matches_its_snapshot() {
    let (_database, pool) = migrated_database().await;
    insta::assert_snapshot!(lines(&pool, CATALOG).await.join("\n"));
}

#[tokio::test]
async fn up_down_up_gives_the_same_schema() {
    let (_database, pool) = empty_database().await;
    let migrator = migrator().await;
    migrator.run(&pool).await.unwrap();
    let first = schema(&pool).await;
    assert!(first.len() > 100, "the catalog query finds nothing: {first:?}");
    migrator.undo(&pool, 0).await.unwrap();
    migrator.run(&pool).await.unwrap();
    assert_eq!(schema(&pool).await, first);
}

#[tokio::test]
async fn down_removes_every_object() {
    let (_database, pool) = empty_database().await;
    let migrator = migrator().await;
    migrator.run(&pool).await.unwrap();
    assert!(!lines(&pool, OBJECTS).await.is_empty());
    migrator.undo(&pool, 0).await.unwrap();
    assert_eq!(lines(&pool, OBJECTS).await, [""; 0]);
}

#[tokio::test]
async fn each_down_migration_undoes_its_up_migration() {
    let (_database, pool) = empty_database().await;
    let migrator = migrator().await;
    let versions: Vec<i64> = migrator
        .iter()
        .filter(|migration| migration.migration_type.is_up_migration())
        .map(|migration| migration.version)
        .collect();
    let mut previous_version = 0;
    for version in versions {
        let before = schema(&pool).await;
        migrator.run_to(version, &pool).await.unwrap();
        assert_ne!(schema(&pool).await, before, "migration {version} changes nothing");
        migrator.undo(&pool, previous_version).await.unwrap();
        assert_eq!(schema(&pool).await, before, "migration {version} is not undone");
        migrator.run_to(version, &pool).await.unwrap();
        previous_version = version;
    }
}

#[tokio::test]
async fn every_table_view_and_function_has_a_comment() {
    let (_database, pool) = migrated_database().await;
    assert_eq!(lines(&pool, UNCOMMENTED).await, [""; 0]);
}

#[rstest]
#[case::unknown_job_status("update jobs set status = 'created'", "jobs_status_check")]
#[case::unknown_route("update jobs set route = 'retry'", "jobs_route_check")]
#[case::same_jobspec_twice(
    "insert into jobs (jobspec_id, jobspec, route) values ('job', '{}', 'queued')",
    "jobs_jobspec_id_key"
)]
#[case::unknown_execution_status(
    "update executions set status = 'error'",
    "executions_status_check"
)]
#[case::same_unit_twice(
    "insert into executions (job_id, region, model_id, question_id) values (1, 'us-east', 'llama', 'q1')",
    "executions_job_id_region_model_id_question_id_key"
)]
#[case::execution_without_job(
    "insert into executions (job_id, region, model_id, question_id) values (2, 'us-east', 'llama', 'q1')",
    "executions_job_id_fkey"
)]
#[case::job_queued_twice("insert into job_queue (job_id) values (1)", "job_queue_job_id_key")]
#[case::same_span_twice(
    "insert into trace_spans (trace_id, span_id, service, operation, started_at, status)
     select trace_id, span_id, service, operation, started_at, status from trace_spans",
    "trace_spans_span_id_key"
)]
#[case::unknown_span_status(
    "update trace_spans set status = 'error', completed_at = started_at",
    "trace_spans_status_check"
)]
#[case::end_before_start(
    "update trace_spans set status = 'completed', completed_at = started_at - interval '4 ms'",
    "trace_spans_ends_after_it_starts"
)]
#[case::ended_without_an_end(
    "update trace_spans set status = 'failed'",
    "trace_spans_is_open_or_ended"
)]
#[case::open_with_an_end(
    "update trace_spans set completed_at = started_at",
    "trace_spans_is_open_or_ended"
)]
#[case::negative_duration(
    "update trace_spans set duration_ms = -4",
    "trace_spans_duration_ms_check"
)]
#[tokio::test]
async fn the_schema_rejects_an_invalid_row(
    #[case] statement: &'static str,
    #[case] constraint: &str,
) {
    let (_database, pool) = database_with_a_job().await;
    let error = sqlx::query(statement).execute(&pool).await.unwrap_err();
    assert_eq!(error.as_database_error().unwrap().constraint(), Some(constraint), "{error}");
}

#[rstest]
#[case::execution_region("executions", "region")]
#[case::span_region("trace_spans", "region")]
#[case::execution_model("executions", "model_id")]
#[case::span_model("trace_spans", "model_id")]
#[tokio::test]
async fn regions_and_models_have_at_most_100_characters(#[case] table: &str, #[case] column: &str) {
    let (_database, pool) = database_with_a_job().await;
    for (length, fits) in [(100, true), (101, false)] {
        let update = format!("update {table} set {column} = repeat('x', {length})");
        let updated = sqlx::query(sqlx::AssertSqlSafe(update)).execute(&pool).await;
        assert_eq!(updated.is_ok(), fits, "{length} characters");
    }
}

#[tokio::test]
async fn spans_need_no_job_and_outlive_their_job() {
    let (_database, pool) = database_with_a_job().await;
    let written = sqlx::query(
        "insert into trace_spans (trace_id, span_id, service, operation, started_at, status, job_id, execution_id)
         values (gen_random_uuid(), gen_random_uuid(), 'router', 'inference', now(), 'started', 999, 999)",
    )
    .execute(&pool)
    .await;
    assert!(written.is_ok(), "{written:?}");
    sqlx::query("delete from jobs").execute(&pool).await.unwrap();
    let left = sqlx::query(
        "select (select count(*) from executions) as executions, (select count(*) from job_queue) as queued,
                (select count(*) from trace_spans where execution_id = 1) as spans",
    )
    .fetch_one(&pool)
    .await
    .unwrap();
    let left: [i64; 3] = ["executions", "queued", "spans"].map(|column| left.get(column));
    assert_eq!(left, [0, 0, 1]);
}

#[tokio::test]
async fn created_at_is_the_time_of_the_write() {
    let (_database, pool) = migrated_database().await;
    let mut transaction = pool.begin().await.unwrap();
    sqlx::query("select pg_sleep(0.002)").execute(&mut *transaction).await.unwrap();
    // `now()` is the start of the transaction.
    let later: bool = sqlx::query_scalar(
        "insert into trace_spans (trace_id, span_id, service, operation, started_at, status)
         values (gen_random_uuid(), gen_random_uuid(), 'runner', 'execute_question', now(), 'started')
         returning created_at > now() + interval '1 ms'",
    )
    .fetch_one(&mut *transaction)
    .await
    .unwrap();
    assert!(later);
}
