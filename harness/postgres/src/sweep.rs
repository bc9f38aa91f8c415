//! Drops databases that dead runs left on an existing or a shared server. A run is the use of one
//! server by one process.
//!
//! A database is named after its run: `<prefix>_<run>_<kind>_<n>`. Each administrative connection
//! of a run holds a shared advisory lock on the run's number. If no connection holds this lock, the
//! run is dead, whatever machine it ran on.

use sqlx::{AssertSqlSafe, Executor, PgPool};

use super::query_limit::limited;
use super::run::Run;

/// Selects the databases that dead runs left and that have no sessions. `$1` is the id of our run, `$2`
/// is our prefix.
///
/// The statement reads the databases first and then the locks. A run takes its lock before it
/// creates a database, so this statement sees the lock of each live run that has a database.
const DEAD_DATABASES: &str = r"
with ours as (
    select oid, datname::text as name, split_part(datname, '_', 2) as run
    from pg_database
    where datname ~ ('^' || $2 || '_[0-9a-f]{16}_[a-z]+_[0-9a-f]+$')
), numbered as materialized (
    select *, ('x' || run)::bit(64)::bigint as number from ours
)
select name from numbered
where run <> $1
  and not exists (
    select from pg_locks
    where locktype = 'advisory' and objsubid = 1
      and classid::bigint = (number >> 32) & x'ffffffff'::bigint
      and objid::bigint = number & x'ffffffff'::bigint)
  and not exists (select from pg_stat_activity where datid = numbered.oid)
order by name";

/// Returns the databases that dead runs left; an empty list if the server does not answer.
pub(super) async fn dead_databases(pool: &PgPool, own: &Run) -> Vec<String> {
    let query = sqlx::query_scalar::<_, String>(DEAD_DATABASES);
    let query = query.bind(own.id()).bind(own.prefix().as_str());
    limited(query.fetch_all(pool)).await.unwrap_or_default()
}

/// Drops the databases that dead runs left. A database with sessions stays until a later call. A
/// database of another role stays until this is called with a connection of that role.
pub(super) async fn sweep(pool: &PgPool, own: &Run) {
    for name in dead_databases(pool, own).await {
        // A name that matches the pattern needs no quotes. The first statement has no FORCE, which
        // would terminate a session that was opened in the meantime. The second statement drops the
        // role with the name of the database, which the dead run may have created for this database.
        for sql in
            [format!("drop database if exists {name}"), format!("drop role if exists {name}")]
        {
            let _dropped = limited(pool.execute(sqlx::raw_sql(AssertSqlSafe(sql)))).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use sqlx::{Connection, PgConnection};

    use super::*;
    use crate::{Options, Prefix, Server, Source};

    /// The id of a dead run.
    const DEAD: &str = "fedcba9876543210";
    /// The id of a live run.
    const LIVE: &str = "fedcba9876543211";
    /// The id of a dead run that differs from the live run only in its upper half.
    const SIMILAR: &str = "0edcba9876543211";

    async fn connect(url: &str) -> PgConnection {
        PgConnection::connect(url).await.unwrap()
    }

    async fn run(connection: &mut PgConnection, sql: &str) {
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(connection).await.unwrap();
    }

    async fn lock(connection: &mut PgConnection, run: &str) {
        let key = i64::from_ne_bytes(u64::from_str_radix(run, 16).unwrap().to_ne_bytes());
        let sql = "select pg_advisory_lock_shared($1)";
        sqlx::query(sql).bind(key).execute(connection).await.unwrap();
    }

    #[tokio::test]
    async fn drops_a_database_only_if_its_run_is_dead_and_it_has_no_session() {
        let source = Source::Binaries(None);
        let server = Server::start(Options { source, ..Options::default() }).await.unwrap();
        let host = server.empty_database().await.unwrap();
        let mut admin = connect(host.url()).await;
        let own = Run::new(Prefix::default());
        let connected = format!("spanproof_{DEAD}_case_7");
        let dropped = [DEAD, SIMILAR]
            .map(|run| [format!("spanproof_{run}_case_0"), format!("spanproof_{run}_template_0c")]);
        let kept = [
            own.database("case", "0"),
            format!("spanproof_{LIVE}_case_0"),
            connected.clone(),
            "spanproof_notes".into(),
            format!("spanproof_kept_{DEAD}_case_0"),
            format!("spanproof_{DEAD}"),
            format!("spanproof_{DEAD}_case_0_copy"),
            format!("my_spanproof_{DEAD}_case_0"),
            format!("acme_{DEAD}_case_0"),
            format!("spanproof2_{DEAD}_case_0"),
            format!("spanproof_{}_case_0", &DEAD[1..]),
        ];
        for name in dropped.iter().flatten().chain(&kept) {
            run(&mut admin, &format!("create database {name}")).await;
        }
        // The live run is on another machine, connected to another database.
        let mut live = connect(&host.url().replace(host.name(), "spanproof_notes")).await;
        lock(&mut live, LIVE).await;
        let session = connect(&host.url().replace(host.name(), &connected)).await;
        let pool = PgPool::connect(host.url()).await.unwrap();
        sweep(&pool, &own).await;
        let left: Vec<String> = sqlx::query_scalar("select datname::text from pg_database")
            .fetch_all(&mut admin)
            .await
            .unwrap();
        let left: BTreeSet<_> = left.into_iter().collect();
        for name in dropped.iter().flatten() {
            assert!(!left.contains(name), "{name} is left");
        }
        for name in &kept {
            assert!(left.contains(name), "{name} was dropped");
        }
        drop((session, live, admin));
        pool.close().await;
        host.close().await.unwrap();
        server.close().await.unwrap();
    }

    #[tokio::test]
    async fn leaves_databases_of_other_roles_alone() {
        let source = Source::Binaries(None);
        let server = Server::start(Options { source, ..Options::default() }).await.unwrap();
        let host = server.empty_database().await.unwrap();
        let mut admin = connect(host.url()).await;
        let (theirs, ours) = (format!("spanproof_{DEAD}_a_0"), format!("spanproof_{DEAD}_b_0"));
        let own = Run::new(Prefix::default());
        run(&mut admin, "create role plain login createdb").await;
        run(&mut admin, &format!("create database {theirs}")).await;
        run(&mut admin, &format!("create database {ours} owner plain")).await;
        let pool = PgPool::connect(&host.url().replace("spanproof@", "plain@")).await.unwrap();
        sweep(&pool, &own).await;
        let pattern = format!("spanproof_{DEAD}_%");
        let left: Vec<String> =
            sqlx::query_scalar("select datname::text from pg_database where datname like $1")
                .bind(pattern)
                .fetch_all(&mut admin)
                .await
                .unwrap();
        assert_eq!(left, [theirs]);
        drop(admin);
        pool.close().await;
        host.close().await.unwrap();
        server.close().await.unwrap();
    }
}
