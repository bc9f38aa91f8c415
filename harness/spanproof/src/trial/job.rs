//! Submits a job and waits for its end.

use std::collections::BTreeMap;
use std::time::Duration;

use nix::sys::signal::Signal;
use reqwest::Method;
use serde_json::Value as Json;
use spanproof_postgres::ServerError;
use sqlx::{AssertSqlSafe, Executor as _, PgConnection};
use tokio::sync::Mutex;

use super::Error;
use super::earlier_rows::EarlierRows;
use super::job_end::JobEnd;
use super::readiness::client;
use super::service::RunningService;
use crate::chain::chain;
use crate::observation::{Rows, Submission, WaitResult};
use crate::process::{Ending, Family, Launch};
use crate::spec::Tables;
use spanproof_format::count;
use spanproof_lease::wait::{self, Attempt};

/// The status of an accepted job that was not submitted by HTTP.
const OK: u16 = 200;

/// Submits a job by HTTP. The target is a method, a base URL and a path. If the service refuses the job or
/// does not answer, that is evidence, not an error. Without an answer, the status of the submission is 0.
pub(super) async fn submit(
    (method, url, path): (&str, String, &str),
    headers: BTreeMap<String, String>,
    body: &Json,
    within: Duration,
) -> Submission {
    let verb = Method::from_bytes(method.as_bytes()).unwrap_or(Method::POST);
    let request = client().request(verb, format!("{url}{path}")).json(body).timeout(within);
    let request = headers.iter().fold(request, |request, (name, text)| request.header(name, text));
    let (status, body) = match request.send().await {
        Ok(answer) => {
            let status = answer.status().as_u16();
            (status, answer.text().await.unwrap_or_default())
        }
        Err(error) => (0, chain(&error)),
    };
    Submission { request: format!("{method} {path}"), status, body }
}

/// Returns the submission of a job that the service reads when it starts, so that nothing is sent.
pub(super) fn at_start() -> Submission {
    Submission { request: "the start of the service".to_owned(), status: OK, body: String::new() }
}

/// Submits a job by SQL.
pub(super) async fn submit_by_sql(connection: &mut PgConnection, sql: &str) -> Submission {
    let executed = connection.execute(sqlx::raw_sql(AssertSqlSafe(sql.to_owned()))).await;
    let (status, body) = match executed {
        Ok(done) => (OK, count(done.rows_affected(), "row")),
        Err(error) => (0, ServerError::from(error).to_string()),
    };
    let request = sql.split_whitespace().collect::<Vec<_>>().join(" ");
    Submission { request: format!("SQL {request}"), status, body }
}

/// Submits a job by a command, which must exit with 0 in time.
///
/// # Errors
/// When the command can't be started.
pub(super) async fn submit_by_command(
    launch: &Launch,
    family: &Family,
    within: Duration,
) -> Result<Submission, Error> {
    let child = family.start(launch)?;
    let request = format!("command {}", child.command());
    let ended = wait::until("the end of the command", within, || async {
        if child.has_exited() {
            Attempt::Done(())
        } else {
            Attempt::NotYet("it is still running".into())
        }
    })
    .await;
    let (exit, output) = child.stop(Signal::SIGKILL, Duration::ZERO).await?;
    let tail = output.tail(5);
    let (status, body) = match (ended, exit.ending) {
        (Err(timeout), _) => (0, format!("{timeout}{tail}")),
        (Ok(()), Ending::Code(0)) => (OK, tail.trim_start().to_owned()),
        (Ok(()), ending) => (0, format!("{ending}{tail}")),
    };
    Ok(Submission { request, status, body })
}

/// Waits until the job has ended, the service has exited, or the time `within` is over. `before` contains the
/// rows of earlier jobs of this trial (`None` for the first job), and the rows from before the service
/// started.
pub(super) async fn settle(
    connection: &mut PgConnection,
    tables: &Tables,
    before: (Option<&Rows>, &EarlierRows),
    (end, service): (&JobEnd, &RunningService),
    within: Duration,
) -> WaitResult {
    let connection = Mutex::new(connection);
    let result = wait::until(&end.description(), within, || async {
        // Read before the check: the job may have ended just before the service exited.
        let exited = service.has_exited();
        match end.check(&connection, tables, before, service).await {
            Ok(()) => Attempt::Done(WaitResult::Reached),
            Err(seen) if exited => {
                Attempt::Done(WaitResult::NotReached(format!("the service exited; {seen}")))
            }
            Err(seen) => Attempt::NotYet(seen),
        }
    })
    .await;
    result.unwrap_or_else(|timeout| WaitResult::NotReached(timeout.to_string()))
}
