//! Reads the database just before the service is asked to stop. Spans that are stored only later were written
//! because the service stopped; if it were killed instead, these spans would be lost. A statement that is
//! running at this moment, after the job has ended, may be blocked forever.

use sqlx::Row as _;
use sqlx::postgres::PgRow;

use super::flush::count_spans;
use super::reader::reader;
use super::run::Trial;
use crate::observation::RunningStatement;
use crate::spec::FaultKind;

/// Selects the statements that the server is executing in this database, the oldest first. Each row also has
/// the time since the statement's start in milliseconds, and the last statement of a session that blocks it.
const RUNNING: &str = "select query, \
    (extract(epoch from clock_timestamp() - query_start) * 1000)::bigint, \
    (select blocker.query from pg_stat_activity blocker \
     where blocker.pid = any(pg_blocking_pids(running.pid)) order by blocker.query_start limit 1) \
    from pg_stat_activity running \
    where datname = current_database() and pid <> pg_backend_pid() and state = 'active' \
    and backend_type = 'client backend' order by query_start limit 20";

impl Trial {
    /// Returns the number of stored spans, and the statements that the server is executing for the service.
    pub(super) async fn before_stop(&mut self) -> (Option<u64>, Vec<RunningStatement>) {
        (self.spans_before_stop().await, self.running_statements().await)
    }

    /// Returns the number of spans that were stored since the service started; `None` if the case need not
    /// record spans or has a fault, if the service is not ready or has exited, or if the table of spans can't
    /// be read.
    async fn spans_before_stop(&mut self) -> Option<u64> {
        let spec = self.world.spec();
        let is_running = self.service.ready.is_reached() && !self.service.has_exited();
        if !is_running || self.fault.is_some() || !self.case.records(spec) {
            return None;
        }
        let session = reader(&mut self.fault, &mut self.reader, &self.database).await.ok()?;
        let count = count_spans(session, spec).await?.unsigned_abs();
        Some(count.saturating_sub(self.earlier_rows.span_count()))
    }

    /// Returns the statements that the server is executing for the service; empty if the case need not
    /// record spans, if the service is not ready, or if the case has any fault except `job-repeated`, which
    /// only submits the job several times.
    async fn running_statements(&mut self) -> Vec<RunningStatement> {
        let is_disturbed =
            self.fault.as_ref().is_some_and(|fault| fault.kind() != FaultKind::JobRepeated);
        if is_disturbed || !self.service.ready.is_reached() || !self.case.records(self.world.spec())
        {
            return Vec::new();
        }
        let session = reader(&mut self.fault, &mut self.reader, &self.database).await;
        let Ok(session) = session else { return Vec::new() };
        let rows = sqlx::query(RUNNING).fetch_all(session).await.unwrap_or_default();
        rows.iter().filter_map(running_statement).collect()
    }
}

/// Reads a row of [`RUNNING`]; `None` if the server does not show the statement to this role.
fn running_statement(row: &PgRow) -> Option<RunningStatement> {
    let statement: String = row.try_get(0).ok()?;
    let running_ms: i64 = row.try_get(1).ok()?;
    let blocked_by = row.try_get(2).ok()?;
    Some(RunningStatement { statement, running_ms: running_ms.try_into().ok()?, blocked_by })
}
