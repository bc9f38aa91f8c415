//! Waits until the service is ready, by the rule of the spec.

use std::time::Duration;

use regex::Regex;
use sqlx::Connection;
use tokio::net::TcpStream;

use super::login::log_in;
use super::values::Values;
use crate::observation::WaitResult;
use crate::process::Child;
use crate::spec::Ready;
use spanproof_lease::wait::{self, Attempt};

/// Waits until the service is ready, has exited, or time is up.
pub(super) async fn wait_until_ready(
    child: &Child,
    rule: &Ready,
    values: &Values,
    url: &str,
    within: Duration,
) -> WaitResult {
    let probe = Probe::new(rule, url, values);
    let awaited = probe.description();
    let result = wait::until(&awaited, within, || async {
        // Read before the probe: a service may have become ready just before it exited.
        let exited = child.has_exited();
        match probe.check(child).await {
            Ok(()) => Attempt::Done(Ok(())),
            Err(_) if exited => Attempt::Done(Err(())),
            Err(seen) => Attempt::NotYet(seen),
        }
    })
    .await;
    match result {
        Ok(Ok(())) => WaitResult::Reached,
        Ok(Err(())) => WaitResult::NotReached(format!("the service exited before {awaited}")),
        Err(timeout) => WaitResult::NotReached(timeout.to_string()),
    }
}

/// How readiness is checked.
enum Probe {
    Http { client: reqwest::Client, url: String },
    Line(Option<Regex>),
    Sql { database: String, query: String },
    Tcp(String),
}

impl Probe {
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
    /// What was seen instead.
    async fn check(&self, child: &Child) -> Result<(), String> {
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
                let failed = |error: sqlx::Error| error.to_string();
                let mut connection = log_in(database).await.map_err(failed)?;
                let query = sqlx::query_scalar(sqlx::AssertSqlSafe(query.clone()));
                let row: Option<bool> =
                    query.fetch_optional(&mut connection).await.map_err(failed)?;
                drop(connection.close().await);
                row.filter(|ready| *ready).map(drop).ok_or_else(|| "no row, or not `true`".into())
            }
        }
    }
}

/// Creates a client without connection pool and proxy, because the service is on loopback.
pub(super) fn client() -> reqwest::Client {
    let builder = reqwest::Client::builder().no_proxy().pool_max_idle_per_host(0);
    builder.build().unwrap_or_default()
}
