//! The queue in Postgres: who may work on which job, and until when.

use std::fmt;
use std::time::Duration;

use sqlx::PgPool;
use sqlx::postgres::PgListener;

use super::Store;
use crate::Pending;

/// The channel on which a new job is announced.
pub const CHANNEL: &str = "job_queue";
/// After this time without a sign of life a worker is presumed dead, and its job free.
pub const LEASE: Duration = Duration::from_secs(15);

/// A job that this process may work on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claim {
    /// The job.
    pub job_id: i64,
    /// How often a worker took it, this time included.
    pub attempts: i32,
}

/// Gives out jobs.
pub trait Claims: fmt::Debug + Send + Sync {
    /// The oldest job that nobody works on, if there is one.
    fn claim(&self) -> Pending<'_, Result<Option<Claim>, sqlx::Error>>;
}

/// The table `job_queue`.
#[derive(Debug, Clone)]
pub struct Queue {
    pool: PgPool,
    worker: String,
}

impl Queue {
    pub(super) fn new(pool: PgPool, worker: String) -> Self {
        Self { pool, worker }
    }

    async fn take(&self) -> Result<Option<Claim>, sqlx::Error> {
        let mut transaction = self.pool.begin().await?;
        let claim: Option<(i64, i32)> = sqlx::query_as(
            "UPDATE job_queue
             SET locked_by = $1, attempts = attempts + 1,
                 locked_until = clock_timestamp() + make_interval(secs => $2)
             WHERE id = (SELECT id FROM job_queue
                         WHERE locked_until IS NULL OR locked_until < clock_timestamp()
                         ORDER BY id LIMIT 1
                         FOR UPDATE SKIP LOCKED)
             RETURNING job_id, attempts",
        )
        .bind(&self.worker)
        .bind(LEASE.as_secs_f64())
        .fetch_optional(&mut *transaction)
        .await?;
        if let Some((job_id, _)) = claim {
            sqlx::query(
                "UPDATE jobs SET status = 'processing', updated_at = clock_timestamp()
                 WHERE id = $1",
            )
            .bind(job_id)
            .execute(&mut *transaction)
            .await?;
        }
        transaction.commit().await?;
        Ok(claim.map(|(job_id, attempts)| Claim { job_id, attempts }))
    }
}

impl Claims for Queue {
    fn claim(&self) -> Pending<'_, Result<Option<Claim>, sqlx::Error>> {
        Box::pin(self.take())
    }
}

impl Store {
    /// Announcements of new jobs, over a connection of their own.
    pub(crate) async fn announcements(&self) -> Result<PgListener, sqlx::Error> {
        let mut listener = PgListener::connect_with(&self.pool).await?;
        listener.listen(CHANNEL).await?;
        Ok(listener)
    }

    /// A sign of life for a job this process works on; `false` when another has taken it over.
    pub(crate) async fn renew(&self, job_id: i64) -> Result<bool, sqlx::Error> {
        let renewed = sqlx::query(
            "UPDATE job_queue
             SET locked_until = clock_timestamp() + make_interval(secs => $3)
             WHERE job_id = $1 AND locked_by = $2",
        )
        .bind(job_id)
        .bind(&self.worker)
        .bind(LEASE.as_secs_f64())
        .execute(&self.pool)
        .await?;
        Ok(renewed.rows_affected() > 0)
    }

    /// Notes why a job could not be worked on; it is free again when its lease ends.
    pub(crate) async fn note_error(&self, job_id: i64, error: &str) -> Result<(), sqlx::Error> {
        sqlx::query("UPDATE job_queue SET last_error = $2 WHERE job_id = $1")
            .bind(job_id)
            .bind(error)
            .execute(&self.pool)
            .await?;
        Ok(())
    }
}
