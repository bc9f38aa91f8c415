//! The rows of jobs and executions, and the queue: all SQL except that of the spans.

mod executions;
mod jobs;
mod queue;
mod view;

pub use executions::{Begun, Ending};
pub use jobs::{Job, JobStatus, Route, SubmitError};
pub use queue::{CHANNEL, Claim, Claims, LEASE, Queue};

use sqlx::PgPool;
use uuid::Uuid;

/// The database of jobs and executions.
#[derive(Debug, Clone)]
pub struct Store {
    pool: PgPool,
    /// Who this process is in the leases it holds.
    worker: String,
}

/// The tables the runner can't work without.
const TABLES: [&str; 3] = ["jobs", "executions", "job_queue"];

impl Store {
    /// The database behind this pool, for one process.
    pub fn new(pool: PgPool) -> Self {
        Self { pool, worker: format!("runner-{}", Uuid::new_v4()) }
    }

    /// The first table that is missing. The span table is not among those looked for: without
    /// it jobs run, and each span says that it could not be written.
    pub async fn missing_table(&self) -> Result<Option<&'static str>, sqlx::Error> {
        for table in TABLES {
            let found: bool = sqlx::query_scalar("SELECT to_regclass($1) IS NOT NULL")
                .bind(table)
                .fetch_one(&self.pool)
                .await?;
            if !found {
                return Ok(Some(table));
            }
        }
        Ok(None)
    }

    /// The queue, as seen by this process.
    pub fn queue(&self) -> Queue {
        Queue::new(self.pool.clone(), self.worker.clone())
    }
}
