//! The worker: takes jobs out of the queue, oldest first, one at a time.

use std::sync::Arc;
use std::time::Duration;

use sqlx::postgres::PgListener;
use tokio::time::timeout;

use crate::execute::Executor;
use crate::stop::Phase;
use crate::store::{Claim, Claims, JobStatus};

/// How long the queue goes unlooked at when nothing is announced: what it finds then is a job
/// whose worker died, or one whose announcement was lost with a connection.
const POLL: Duration = Duration::from_secs(5);
/// A job that took down its worker this often is given up.
const MOST_ATTEMPTS: i32 = 3;

/// Works until it is told to stop.
#[derive(Debug)]
pub(crate) struct Worker {
    pub(crate) executor: Arc<Executor>,
    pub(crate) claims: Box<dyn Claims>,
    pub(crate) announcements: PgListener,
}

impl Worker {
    /// Takes and executes jobs until the stop.
    pub(crate) async fn run(mut self) {
        while !self.executor.stop.asked() {
            match self.claims.claim().await {
                Ok(Some(claim)) => self.work(claim).await,
                Ok(None) => self.wait().await,
                Err(error) => {
                    tracing::error!(%error, "no job could be taken from the queue");
                    self.pause().await;
                }
            }
        }
    }

    async fn work(&self, claim: Claim) {
        let job_id = claim.job_id;
        let store = &self.executor.store;
        let job = match store.load(job_id).await {
            Ok(job) => job,
            Err(error) => {
                tracing::error!(%error, job_id, "the job could not be loaded");
                self.give_up(job_id, &error.to_string()).await;
                return;
            }
        };
        if claim.attempts > MOST_ATTEMPTS {
            self.executor.clear_up(&job, "the job's workers were lost too often").await;
            self.give_up(job_id, "too many attempts").await;
            return;
        }
        self.executor.run(job).await;
    }

    async fn give_up(&self, job_id: i64, reason: &str) {
        let store = &self.executor.store;
        let noted = store.note_error(job_id, reason).await;
        if let Err(error) = noted.and(store.finish_job(job_id, JobStatus::Failed).await) {
            tracing::error!(%error, job_id, "the job could not be given up");
        }
    }

    /// Waits for an announcement; not for ever, and not when told to stop.
    async fn wait(&mut self) {
        let heard = tokio::select! {
            () = self.executor.stop.reached(Phase::Draining) => return,
            heard = timeout(POLL, self.announcements.recv()) => heard,
        };
        if let Ok(Err(error)) = heard {
            tracing::error!(%error, "announcements of jobs can't be heard");
            self.pause().await;
        }
    }

    /// Lets a database that is in trouble recover.
    async fn pause(&self) {
        drop(timeout(POLL, self.executor.stop.reached(Phase::Draining)).await);
    }
}
