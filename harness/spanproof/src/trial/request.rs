//! The ways to submit a job: an HTTP request, SQL, or a command.

use std::collections::BTreeMap;

use regex::Regex;
use serde_json::Value as Json;
use std::sync::LazyLock;

use crate::identifier::literal;
use crate::spec::Route;
use crate::template::{fill, to_text};

/// Matches the placeholders `{job}`, `{job:/pointer}`, `{answer}` and `{answer:/pointer}` in SQL.
static PLACEHOLDER: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"\{(job|answer)(?::(/[^{}\s]*))?\}").ok());

/// How a job is submitted. The placeholders for the job are already replaced; other placeholders, such as
/// `{port}`, are replaced when the request is sent.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Request {
    Http {
        method: String,
        path: String,
        headers: BTreeMap<String, String>,
        body: Json,
    },
    Sql(String),
    Command(Vec<String>),
    /// Nothing is submitted: the service reads its job at its start.
    AtStart,
}

impl Request {
    /// Creates the request of a route. `body` is the parsed body of the route.
    pub(super) fn new(route: &Route, body: &Json, job: &Json) -> Self {
        if route.at_start {
            return Self::AtStart;
        }
        if let Some(path) = &route.path {
            let (method, headers) = (route.method.clone(), route.headers.clone());
            return Self::Http {
                method,
                path: path.clone(),
                headers,
                body: fill(body, "job", job),
            };
        }
        if let Some(sql) = &route.sql {
            return Self::Sql(with_literals(sql, |_| job));
        }
        let words = route
            .command
            .iter()
            .map(|word| to_text(&fill(&Json::String(word.clone()), "job", job)));
        Self::Command(words.collect())
    }
}

/// Replaces the placeholders for the job and for the service's answer in SQL with literals: text in quotes,
/// or `null` if the value is null or missing. Postgres converts a quoted literal to the type that it needs.
/// `value` gets the name of a placeholder, `job` or `answer`, and returns the whole JSON of the job or
/// answer.
pub(super) fn with_literals<'a>(sql: &str, value: impl Fn(&str) -> &'a Json) -> String {
    let Some(pattern) = PLACEHOLDER.as_ref() else { return sql.to_owned() };
    let replaced = pattern.replace_all(sql, |found: &regex::Captures<'_>| {
        let whole = value(&found[1]);
        let value = found.get(2).map_or(Some(whole), |pointer| whole.pointer(pointer.as_str()));
        match value {
            None | Some(Json::Null) => "null".to_owned(),
            Some(other) => literal(&to_text(other)),
        }
    });
    replaced.into_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn placeholders_for_the_job_become_literals_in_sql() {
        let job = json!({"id": "it's", "n": 7, "none": null, "tags": ["a"]});
        let sql = "insert into j values ({job:/id}, {job:/n}, {job:/none}, {job:/missing}, {job:/tags}, '{jobs}')";
        let expected = "insert into j values ('it''s', '7', null, null, '[\"a\"]', '{jobs}')";
        assert_eq!(with_literals(sql, |_| &job), expected);
        let job = json!({"a": 1});
        assert_eq!(with_literals("select {job}::jsonb", |_| &job), "select '{\"a\":1}'::jsonb");
    }
}
