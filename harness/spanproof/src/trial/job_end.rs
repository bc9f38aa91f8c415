//! Checks whether a job has ended, according to the rule of the spec.

use regex::Regex;
use serde_json::Value as Json;
use sqlx::PgConnection;
use tokio::sync::Mutex;

use super::earlier_rows::EarlierRows;
use super::readiness::client;
use super::request::with_literals;
use super::rows::{expect_true, read_jobs};
use super::service::RunningService;
use crate::observation::{Job, Row, Rows};
use crate::process::Output;
use crate::spec::{Done, Tables};
use crate::template::{fill, to_text};
use spanproof_format::count;

/// The condition that shows that a job has ended.
#[derive(Debug)]
pub(super) enum JobEnd {
    /// There is a new or changed row of a job, and every such row has a final status, which the spec lists
    /// as `done`.
    Status,
    /// More lines match than `before`, the number of matching lines before the job was submitted.
    Line { pattern: Regex, before: usize },
    /// A URL answers with success. If there is a JSON pointer, the answer has one of the values there.
    Http { client: reqwest::Client, url: String, pointer: Option<String>, values: Vec<String> },
    /// A query returns true.
    Sql(String),
    /// The service has accepted the job, and this already counts as its end.
    Accepted,
    /// The service has exited.
    Exit,
}

/// A submitted job. Its values replace the placeholders in the rule of the spec.
pub(super) struct Submitted<'a> {
    /// The base URL of the service.
    pub(super) url: &'a str,
    pub(super) job: &'a Json,
    /// The service's answer; `null` if it is not JSON.
    pub(super) answer: &'a Json,
    /// The output of the service before the job was submitted.
    pub(super) before: &'a Output,
}

impl JobEnd {
    /// Creates the condition for one job from the rule of its route. Without a rule, the job of a
    /// `one_shot` service ends with the exit of the service, and any other job with its final status.
    pub(super) fn new(rule: Option<&Done>, one_shot: bool, submitted: &Submitted<'_>) -> Self {
        let Some(rule) = rule else { return if one_shot { Self::Exit } else { Self::Status } };
        let Submitted { url, job, answer, before } = submitted;
        if let Some(pattern) = rule.line.as_deref().and_then(|line| Regex::new(line).ok()) {
            let before = matches(&pattern, before);
            return Self::Line { pattern, before };
        }
        if let Some(path) = &rule.http {
            let path = fill(&Json::String(path.clone()), "job", job);
            let path = to_text(&fill(&path, "answer", answer));
            let (pointer, values) = (rule.pointer.clone(), rule.values.clone());
            return Self::Http { client: client(), url: format!("{url}{path}"), pointer, values };
        }
        match &rule.sql {
            Some(sql) => {
                let value = |name: &str| if name == "job" { *job } else { *answer };
                Self::Sql(with_literals(sql, value))
            }
            None => Self::Accepted,
        }
    }

    /// Describes the awaited end as a noun phrase.
    pub(super) fn description(&self) -> String {
        match self {
            Self::Status | Self::Accepted => "the end of every job".to_owned(),
            Self::Line { pattern, .. } => format!("a line that matches `{pattern}`"),
            Self::Http { url, pointer: None, .. } => format!("a successful answer to `GET {url}`"),
            Self::Http { url, pointer: Some(pointer), values, .. } => {
                format!("{} at `{pointer}` in the answer to `GET {url}`", values.join(" or "))
            }
            Self::Sql(query) => format!("the result `true` of `{query}`"),
            Self::Exit => "the exit of the service".to_owned(),
        }
    }

    /// Checks once whether the job has ended. `before` contains the rows of earlier jobs of this trial
    /// (`None` for the first job), and the rows from before the service started.
    ///
    /// # Errors
    /// If the job has not ended. The error describes the current state.
    pub(super) async fn check(
        &self,
        connection: &Mutex<&mut PgConnection>,
        tables: &Tables,
        before: (Option<&Rows>, &EarlierRows),
        service: &RunningService,
    ) -> Result<(), String> {
        match self {
            Self::Accepted => Ok(()),
            Self::Exit if service.main_has_exited() => Ok(()),
            Self::Exit => Err("the service is still running".to_owned()),
            Self::Status => check_status(&mut **connection.lock().await, tables, before).await,
            Self::Line { pattern, before } => {
                let output = service.output();
                if matches(pattern, &output) > *before {
                    return Ok(());
                }
                Err(format!("{}, but no new line matches", count(output.lines.len(), "line")))
            }
            Self::Http { client, url, pointer, values } => {
                check_answer(client, url, pointer.as_deref(), values).await
            }
            Self::Sql(query) => expect_true(&mut **connection.lock().await, query).await,
        }
    }
}

/// Checks that there is a new or changed job, and that all such jobs have a final status. `before` are the
/// rows of earlier jobs of this trial, and `earlier` the rows from before the service started.
async fn check_status(
    connection: &mut PgConnection,
    tables: &Tables,
    (before, earlier): (Option<&Rows>, &EarlierRows),
) -> Result<(), String> {
    let jobs = &tables.jobs;
    let rows = earlier.own_jobs(tables, read_jobs(connection, tables).await);
    let rows = match before {
        Some(before) => rows.difference(before, Row::eq),
        None => rows,
    };
    let statuses = Job::from_rows(tables, rows.all()).into_iter().map(|job| job.status);
    let statuses: Vec<_> = statuses.map(|status| status.unwrap_or_else(|| "none".into())).collect();
    if !statuses.is_empty() && statuses.iter().all(|status| jobs.done.contains(status)) {
        return Ok(());
    }
    let seen = format!("jobs with status: {}", statuses.join(", "));
    let unknown = |status: &String| !jobs.waiting.contains(status) && !jobs.done.contains(status);
    if !statuses.iter().any(unknown) {
        return Err(seen);
    }
    let done = jobs.done.join(", ");
    Err(format!(
        "{seen}; a job has ended if its status is one of {done} (`done` under `[tables.jobs]`)"
    ))
}

/// Checks that a URL answers with success. If there is a JSON pointer, the answer must have one of the
/// values there.
async fn check_answer(
    client: &reqwest::Client,
    url: &str,
    pointer: Option<&str>,
    values: &[String],
) -> Result<(), String> {
    let answer = client.get(url).send().await.map_err(|error| error.to_string())?;
    let status = answer.status();
    let body = answer.text().await.map_err(|error| error.to_string())?;
    if !status.is_success() {
        return Err(format!("HTTP {}", status.as_u16()));
    }
    let Some(pointer) = pointer else { return Ok(()) };
    let json: Json = serde_json::from_str(&body).map_err(|_| "an answer that is not JSON")?;
    match json.pointer(pointer) {
        Some(value) if values.contains(&to_text(value)) => Ok(()),
        Some(value) => Err(format!("`{}` at `{pointer}`", to_text(value))),
        None => Err(format!("an answer without `{pointer}`")),
    }
}

/// Counts the lines that match.
fn matches(pattern: &Regex, output: &Output) -> usize {
    output.lines.iter().filter(|line| pattern.is_match(&line.text)).count()
}
