//! Submits a job and waits for its end.

use std::time::Duration;

use serde_json::Value as Json;
use sqlx::PgConnection;
use tokio::sync::Mutex;

use super::readiness::client;
use super::rows::read_rows;
use super::service::RunningService;
use crate::chain::chain;
use crate::observation::{Job, Row, Rows, Submission, WaitResult};
use crate::spec::Tables;
use spanproof_lease::wait::{self, Attempt};

/// Submits a job by HTTP POST. A refusal, or no answer, is evidence and not an error.
pub(super) async fn submit(url: &str, path: &str, body: &Json, within: Duration) -> Submission {
    let sent = client().post(format!("{url}{path}")).json(body).timeout(within).send().await;
    let (status, body) = match sent {
        Ok(answer) => {
            let status = answer.status().as_u16();
            (status, answer.text().await.unwrap_or_default())
        }
        Err(error) => (0, chain(&error)),
    };
    Submission { request: format!("POST {path}"), status, body }
}

/// Waits until every job that is not in `before` has ended, the service has exited, or time is up.
pub(super) async fn settle(
    connection: &mut PgConnection,
    tables: &Tables,
    before: Option<&Rows>,
    service: &RunningService,
    within: Duration,
) -> WaitResult {
    let (connection, jobs) = (Mutex::new(connection), &tables.jobs);
    let result = wait::until("the end of every job", within, || async {
        let exited = service.has_exited();
        let rows = read_rows(*connection.lock().await, &jobs.table).await;
        let rows = match before {
            Some(before) => rows.difference(before, Row::eq),
            None => rows,
        };
        let statuses = Job::from_rows(tables, rows.all()).into_iter().map(|job| job.status);
        let statuses: Vec<_> =
            statuses.map(|status| status.unwrap_or_else(|| "none".into())).collect();
        if !statuses.is_empty() && statuses.iter().all(|status| jobs.done.contains(status)) {
            return Attempt::Done(WaitResult::Reached);
        }
        let mut seen = format!("jobs with status: {}", statuses.join(", "));
        if statuses
            .iter()
            .any(|status| !jobs.waiting.contains(status) && !jobs.done.contains(status))
        {
            let done = jobs.done.join(", ");
            seen = format!(
                "{seen}; a job has ended if its status is one of {done} (`done` under \
                 `[tables.jobs]`)"
            );
        }
        if exited {
            return Attempt::Done(WaitResult::NotReached(format!("the service exited; {seen}")));
        }
        Attempt::NotYet(seen)
    })
    .await;
    result.unwrap_or_else(|timeout| WaitResult::NotReached(timeout.to_string()))
}
