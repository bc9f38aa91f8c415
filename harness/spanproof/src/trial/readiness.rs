//! Waits until the service is ready, according to the rule of the spec.

use std::time::Duration;

use regex::Regex;
use sqlx::Connection;
use tokio::net::TcpStream;

use super::login::log_in_to_read;
use super::rows::expect_true;
use super::values::Values;
use crate::observation::WaitResult;
use crate::process::{Activity, Child};
use crate::spec::Ready;
use spanproof_lease::wait::{self, Attempt, Timeout};

/// A busy process gets up to this many times the time limit to become ready.
const BUSY_FACTOR: u32 = 6;
/// A process that uses at least this share of one processor, in percent, is busy. A process that only
/// answers the readiness checks uses less.
const BUSY_PERCENT: u128 = 20;
/// Length of a clock tick in milliseconds.
const TICK_MS: u64 = 10;

/// Waits until a process is ready, has exited, or the time `within` is over. If the process is then still
/// busy, it is perhaps only slow, and gets more time, half of `within` after it becomes idle, up to
/// [`BUSY_FACTOR`] times `within`.
pub(super) async fn wait_until_ready(
    child: &Child,
    rule: &Ready,
    values: &Values,
    url: &str,
    within: Duration,
) -> WaitResult {
    let check = ReadyCheck::new(rule, url, values);
    let awaited = check.description();
    // Waits for half the time again and again. The activity in each half shows whether the process is busy.
    let part = within / 2;
    let mut parts = 0;
    let mut was_busy = false;
    loop {
        parts += 1;
        let before = child.activity();
        let result = wait::until(&awaited, part, || async {
            // Read before the check: a service may have become ready just before it exited.
            let exited = child.has_exited();
            match check.run(child).await {
                Ok(()) => Attempt::Done(Ok(())),
                Err(_) if exited => Attempt::Done(Err(())),
                Err(seen) => Attempt::NotYet(seen),
            }
        })
        .await;
        let last_seen = match result {
            Ok(Ok(())) => return WaitResult::Reached,
            Ok(Err(())) => {
                let reason = format!("it exited before {awaited}");
                return WaitResult::NotReached(reason);
            }
            Err(timeout) => timeout.last_seen,
        };
        let busy = is_busy(before, child.activity(), part);
        // A process that was busy until this half may have become ready just now. A process that was busy in
        // the first half only has had another half already.
        let gets_more = busy || (parts > 2 && was_busy);
        if parts == 1 || (gets_more && parts < 2 * BUSY_FACTOR) {
            was_busy = busy;
            continue;
        }
        let timeout = Timeout { awaited, waited: within * parts / 2, last_seen };
        let activity = if busy {
            "the process was busy until the end: if it is only slow, raise `timeout-ms`"
        } else {
            "the process was idle, so it waits for something"
        };
        return WaitResult::NotReached(format!("{timeout}; {activity}"));
    }
}

/// Whether a process was busy between two measurements of its activity.
fn is_busy(before: Activity, after: Activity, between: Duration) -> bool {
    let used = after.ticks.saturating_sub(before.ticks) * TICK_MS;
    after.is_busy || u128::from(used) * 100 >= between.as_millis() * BUSY_PERCENT
}

/// How readiness is checked.
enum ReadyCheck {
    Http { client: reqwest::Client, url: String },
    Line(Option<Regex>),
    Sql { database: String, query: String },
    Tcp(String),
}

impl ReadyCheck {
    fn new(rule: &Ready, url: &str, values: &Values) -> Self {
        if let Some(path) = &rule.http {
            return Self::Http { client: client(), url: format!("{url}{path}") };
        }
        if let Some(line) = &rule.line {
            return Self::Line(Regex::new(line).ok());
        }
        if let Some(address) = &rule.tcp {
            let address = values.fill(address);
            let is_port = address.parse::<u16>().is_ok();
            return Self::Tcp(if is_port { format!("127.0.0.1:{address}") } else { address });
        }
        let query = rule.sql.clone().unwrap_or_else(|| "select true".into());
        Self::Sql { database: values.database.clone(), query }
    }

    /// Describes the awaited condition as a noun phrase.
    fn description(&self) -> String {
        match self {
            Self::Http { url, .. } => format!("a successful answer to `GET {url}`"),
            Self::Line(Some(pattern)) => format!("a line that matches `{pattern}`"),
            Self::Line(None) => "a line".into(),
            Self::Tcp(address) => format!("a TCP connection to `{address}`"),
            Self::Sql { query, .. } => format!("the result `true` of `{query}`"),
        }
    }

    /// Checks the condition once.
    ///
    /// # Errors
    /// If the process is not ready. The error describes the current state.
    async fn run(&self, child: &Child) -> Result<(), String> {
        match self {
            Self::Http { client, url } => match client.get(url).send().await {
                Ok(answer) if answer.status().is_success() => Ok(()),
                Ok(answer) => Err(format!("HTTP {}", answer.status().as_u16())),
                Err(error) if error.is_connect() => Err("connection refused".into()),
                Err(error) => Err(error.to_string()),
            },
            Self::Line(pattern) => {
                let output = child.output();
                let matches = |text: &str| pattern.as_ref().is_some_and(|p| p.is_match(text));
                if output.lines.iter().any(|line| matches(&line.text)) {
                    return Ok(());
                }
                Err(match output.lines.len() {
                    0 => "no output".into(),
                    1 => "1 line, which does not match".into(),
                    count => format!("{count} lines, none of which matches"),
                })
            }
            Self::Tcp(address) => match TcpStream::connect(address).await {
                Ok(_) => Ok(()),
                Err(error) => Err(error.to_string()),
            },
            Self::Sql { database, query } => {
                let opened = log_in_to_read(database).await;
                let mut connection = opened.map_err(|error| error.to_string())?;
                let result = expect_true(&mut connection, query).await;
                drop(connection.close().await);
                result
            }
        }
    }
}

/// Creates a client without connection pool and proxy, because the service is on loopback.
pub(super) fn client() -> reqwest::Client {
    let builder = reqwest::Client::builder().no_proxy().pool_max_idle_per_host(0);
    builder.build().unwrap_or_default()
}
