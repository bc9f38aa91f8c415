//! When the service is ready, and what it looks like when it is not.

use std::time::Duration;

use regex::Regex;
use sqlx::{Connection, PgConnection};

use super::program::Addresses;
use crate::observation::Reached;
use crate::process::Child;
use crate::spec::Ready;
use spanproof_lease::wait::{self, Look};

/// Waits until the service is ready, has ended, or the deadline has passed.
pub(super) async fn ready(
    child: &Child,
    rule: &Ready,
    addresses: &Addresses,
    url: &str,
    within: Duration,
) -> Reached {
    let probe = Probe::of(rule, url, &addresses.database);
    let awaited = probe.awaited();
    let looked = wait::until(&awaited, within, || async {
        // Looked at first: a service that has ended can't be ready, but may have been.
        let ended = child.has_exited();
        match probe.look(child).await {
            Ok(()) => Look::Done(Ok(())),
            Err(_) if ended => Look::Done(Err(())),
            Err(seen) => Look::NotYet(seen),
        }
    })
    .await;
    match looked {
        Ok(Ok(())) => Reached::Yes,
        Ok(Err(())) => Reached::No(format!("the service ended before {awaited}")),
        Err(overdue) => Reached::No(overdue.to_string()),
    }
}

enum Probe {
    Http { client: reqwest::Client, url: String },
    Line(Option<Regex>),
    Sql { database: String, query: String },
}

impl Probe {
    fn of(rule: &Ready, url: &str, database: &str) -> Self {
        match (&rule.http, &rule.line, &rule.sql) {
            (Some(path), _, _) => Self::Http { client: client(), url: format!("{url}{path}") },
            (None, Some(line), _) => Self::Line(Regex::new(line).ok()),
            (None, None, sql) => Self::Sql {
                database: database.to_owned(),
                query: sql.clone().unwrap_or_else(|| "select true".into()),
            },
        }
    }

    fn awaited(&self) -> String {
        match self {
            Self::Http { url, .. } => format!("a success of GET {url}"),
            Self::Line(Some(pattern)) => format!("a line that matches `{pattern}`"),
            Self::Line(None) => "a line".into(),
            Self::Sql { query, .. } => format!("a true row of `{query}`"),
        }
    }

    async fn look(&self, child: &Child) -> Result<(), String> {
        match self {
            Self::Http { client, url } => match client.get(url).send().await {
                Ok(answer) if answer.status().is_success() => Ok(()),
                Ok(answer) => Err(format!("HTTP {}", answer.status().as_u16())),
                Err(error) if error.is_connect() => Err("nothing listens there".into()),
                Err(error) => Err(error.to_string()),
            },
            Self::Line(pattern) => {
                let output = child.output();
                let matches = |text: &str| pattern.as_ref().is_some_and(|p| p.is_match(text));
                if output.lines.iter().any(|line| matches(&line.text)) {
                    return Ok(());
                }
                Err(format!("{} lines, none like it", output.lines.len()))
            }
            Self::Sql { database, query } => {
                let failed = |error: sqlx::Error| error.to_string();
                let mut connection = PgConnection::connect(database).await.map_err(failed)?;
                let query = sqlx::query_scalar(sqlx::AssertSqlSafe(query.clone()));
                let row: Option<bool> =
                    query.fetch_optional(&mut connection).await.map_err(failed)?;
                drop(connection.close().await);
                row.filter(|ready| *ready).map(drop).ok_or_else(|| "no true row".into())
            }
        }
    }
}

/// A client that keeps no connection and follows no proxy: the service is on loopback.
pub(super) fn client() -> reqwest::Client {
    let builder = reqwest::Client::builder().no_proxy().pool_max_idle_per_host(0);
    builder.build().unwrap_or_default()
}
