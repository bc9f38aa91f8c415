//! Databases that dead runs left on a server that goes on: a given one, or a shared one.
//!
//! A run's databases are named after it, `<prefix>_<run>_<kind>_<n>`, and for as long as it lives
//! each of its administrative connections holds a shared advisory lock on the run's number. So
//! whose lock nobody holds is dead, whatever machine it ran on.

use sqlx::{AssertSqlSafe, Executor, PgPool};

use super::run::Run;

/// The databases of dead runs that nobody is connected to; `$1` is our own run, `$2` our prefix.
///
/// One statement: it sees the databases first and the locks after them, so a run that starts in
/// between has its lock already.
const DEAD: &str = r"
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

/// The databases that dead runs left; none if the server does not answer.
pub(super) async fn dead(pool: &PgPool, own: &Run) -> Vec<String> {
    let query = sqlx::query_scalar::<_, String>(DEAD).bind(own.id()).bind(own.prefix().as_str());
    let found = query.fetch_all(pool).await;
    found.unwrap_or_default()
}

/// Drops what dead runs left. A database that somebody is connected to, or that is another
/// role's, stays: for the next time, or for its owner.
pub(super) async fn sweep(pool: &PgPool, own: &Run) {
    for name in dead(pool, own).await {
        // The pattern leaves nothing in it that would need quotes. Without FORCE: whoever came
        // in between is not thrown out.
        // A role of that name was made for it alone.
        for sql in
            [format!("drop database if exists {name}"), format!("drop role if exists {name}")]
        {
            let _dropped = pool.execute(sqlx::raw_sql(AssertSqlSafe(sql))).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use sqlx::{Connection, PgConnection};

    use super::*;
    use crate::{Options, Prefix, Server, Source};

    const DEAD: &str = "fedcba9876543210";
    const LIVING: &str = "fedcba9876543211";
    /// Differs from a living run in its upper half only.
    const ALIKE: &str = "0edcba9876543211";

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
    async fn only_databases_of_dead_runs_that_nobody_uses_are_dropped() {
        let source = Source::Binaries(None);
        let server = Server::start(Options { source, ..Options::default() }).await.unwrap();
        let host = server.empty().await.unwrap();
        let mut admin = connect(host.url()).await;
        let own = Run::new(Prefix::default());
        let connected = format!("spanproof_{DEAD}_case_7");
        let gone = [DEAD, ALIKE]
            .map(|run| [format!("spanproof_{run}_case_0"), format!("spanproof_{run}_template_0c")]);
        let kept = [
            own.database("case", "0"),
            format!("spanproof_{LIVING}_case_0"),
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
        for name in gone.iter().flatten().chain(&kept) {
            run(&mut admin, &format!("create database {name}")).await;
        }
        // The run lives on another machine, with a connection to some other database.
        let mut living = connect(&host.url().replace(host.name(), "spanproof_notes")).await;
        lock(&mut living, LIVING).await;
        let user = connect(&host.url().replace(host.name(), &connected)).await;
        let pool = PgPool::connect(host.url()).await.unwrap();
        sweep(&pool, &own).await;
        let left: Vec<String> = sqlx::query_scalar("select datname::text from pg_database")
            .fetch_all(&mut admin)
            .await
            .unwrap();
        let left: BTreeSet<_> = left.into_iter().collect();
        for name in gone.iter().flatten() {
            assert!(!left.contains(name), "{name} is left");
        }
        for name in &kept {
            assert!(left.contains(name), "{name} is gone");
        }
        drop((user, living, admin));
        pool.close().await;
        host.close().await.unwrap();
        server.close().await.unwrap();
    }

    #[tokio::test]
    async fn another_roles_database_is_left_to_it() {
        let source = Source::Binaries(None);
        let server = Server::start(Options { source, ..Options::default() }).await.unwrap();
        let host = server.empty().await.unwrap();
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
