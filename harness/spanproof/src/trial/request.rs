//! The ways to submit a job: an HTTP request, SQL, or a command.

use std::collections::BTreeMap;

use regex::Regex;
use serde_json::Value as Json;
use std::sync::LazyLock;

use crate::identifier::literal;
use crate::spec::Route;
use crate::template::{fill, plain};

/// Matches `{job}` and `{job:/pointer}` in SQL, and the same with `answer`.
static JOB: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"\{(job|answer)(?::(/[^{}\s]*))?\}").ok());

/// How a job is submitted. The placeholders of the job are replaced; other placeholders are replaced when
/// the request is sent.
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
        let words =
            route.command.iter().map(|word| plain(&fill(&Json::String(word.clone()), "job", job)));
        Self::Command(words.collect())
    }
}

/// Replaces the placeholders of the job in SQL with literals: text in quotes, or `null` if the value is null
/// or missing. Postgres converts a quoted literal to the type that it needs. `value` returns the JSON for
/// a name, which is `job` or `answer`.
pub(super) fn with_literals<'a>(sql: &str, value: impl Fn(&str) -> &'a Json) -> String {
    let Some(pattern) = JOB.as_ref() else { return sql.to_owned() };
    let replaced = pattern.replace_all(sql, |found: &regex::Captures<'_>| {
        let whole = value(&found[1]);
        let value = found.get(2).map_or(Some(whole), |pointer| whole.pointer(pointer.as_str()));
        match value {
            None | Some(Json::Null) => "null".to_owned(),
            Some(other) => literal(&plain(other)),
        }
    });
    replaced.into_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_job_becomes_literals_in_sql() {
        let job = json!({"id": "it's", "n": 7, "none": null, "tags": ["a"]});
        let sql = "insert into j values ({job:/id}, {job:/n}, {job:/none}, {job:/missing}, {job:/tags}, '{jobs}')";
        let expected = "insert into j values ('it''s', '7', null, null, '[\"a\"]', '{jobs}')";
        assert_eq!(with_literals(sql, |_| &job), expected);
        let job_of_one = json!({"a": 1});
        assert_eq!(
            with_literals("select {job}::jsonb", |_| &job_of_one),
            "select '{\"a\":1}'::jsonb"
        );
    }
}
