//! Submitting a job and waiting for its end.

use std::time::Duration;

use serde_json::Value as Json;
use sqlx::PgConnection;
use tokio::sync::Mutex;

use super::readiness::client;
use super::rows::read_rows;
use crate::chain::chain;
use crate::observation::{Job, Reached, Row, Rows, Submission};
use crate::process::Child;
use crate::spec::Tables;
use spanproof_lease::wait::{self, Look};

/// Posts a job. That the service refuses it, or does not answer, is evidence.
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

/// Waits until every job has ended that is not among `before`, the service has ended, or time is
/// up.
pub(super) async fn settled(
    connection: &mut PgConnection,
    tables: &Tables,
    before: Option<&Rows>,
    child: &Child,
    within: Duration,
) -> Reached {
    let (connection, jobs) = (Mutex::new(connection), &tables.jobs);
    let looked = wait::until("the end of every job", within, || async {
        let ended = child.has_exited();
        let rows = read_rows(*connection.lock().await, &jobs.table).await;
        let rows = match before {
            Some(before) => rows.since(before, Row::eq),
            None => rows,
        };
        let statuses = Job::from_rows(tables, rows.all()).into_iter().map(|job| job.status);
        let statuses: Vec<_> =
            statuses.map(|status| status.unwrap_or_else(|| "none".into())).collect();
        if !statuses.is_empty() && statuses.iter().all(|status| jobs.done.contains(status)) {
            return Look::Done(Reached::Yes);
        }
        let seen = format!("jobs with status: {}", statuses.join(", "));
        if ended {
            return Look::Done(Reached::No(format!("the service ended; {seen}")));
        }
        Look::NotYet(seen)
    })
    .await;
    looked.unwrap_or_else(|overdue| Reached::No(overdue.to_string()))
}
