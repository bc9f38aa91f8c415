//! The worker: executes queued jobs one at a time, oldest first.

use std::sync::Arc;
use std::time::Duration;

use sqlx::postgres::PgListener;
use tokio::time::timeout;

use crate::execute::Executor;
use crate::stop::Phase;
use crate::store::{Claim, JobQueue, JobStatus};

/// Polling interval of the queue while no notification arrives. Polling finds jobs whose worker
/// died, and jobs whose notification was lost with a connection.
const POLL_INTERVAL: Duration = Duration::from_secs(5);
/// Maximum number of times that a job is started. A job is started again if the worker that executed
/// it died.
const MAX_ATTEMPTS: i32 = 3;

/// Executes jobs of the queue until shutdown.
#[derive(Debug)]
pub(crate) struct Worker {
    pub(crate) executor: Arc<Executor>,
    pub(crate) queue: Box<dyn JobQueue>,
    pub(crate) notifications: PgListener,
}

impl Worker {
    /// Claims and executes jobs until shutdown.
    pub(crate) async fn run(mut self) {
        while !self.executor.stop.is_requested() {
            match self.queue.claim().await {
                Ok(Some(claim)) => self.execute(claim).await,
                Ok(None) => self.wait().await,
                Err(error) => {
                    tracing::error!(%error, "claiming a job failed");
                    self.pause().await;
                }
            }
        }
    }

    async fn execute(&self, claim: Claim) {
        let job_id = claim.job_id;
        let store = &self.executor.store;
        let job = match store.load(job_id).await {
            Ok(job) => job,
            Err(error) => {
                tracing::error!(%error, job_id, "loading the job failed");
                self.fail_job(job_id, &error.to_string()).await;
                return;
            }
        };
        if claim.attempts > MAX_ATTEMPTS {
            let reason = format!("{MAX_ATTEMPTS} workers died while they executed the job");
            self.executor.fail_unfinished_units(&job, &reason).await;
            self.fail_job(job_id, "too many attempts").await;
            return;
        }
        self.executor.run(job).await;
    }

    async fn fail_job(&self, job_id: i64, reason: &str) {
        let store = &self.executor.store;
        let stored = store.set_error(job_id, reason).await;
        if let Err(error) = stored.and(store.finish_job(job_id, JobStatus::Failed).await) {
            tracing::error!(%error, job_id, "storing the job's failure failed");
        }
    }

    /// Waits until a notification arrives, the polling interval has passed, or shutdown begins.
    async fn wait(&mut self) {
        let received = tokio::select! {
            () = self.executor.stop.wait_for(Phase::Draining) => return,
            received = timeout(POLL_INTERVAL, self.notifications.recv()) => received,
        };
        if let Ok(Err(error)) = received {
            tracing::error!(%error, "receiving notifications of jobs failed");
            self.pause().await;
        }
    }

    /// Waits for the polling interval, so that a failing database can recover. Returns at once on
    /// shutdown.
    async fn pause(&self) {
        drop(timeout(POLL_INTERVAL, self.executor.stop.wait_for(Phase::Draining)).await);
    }
}
