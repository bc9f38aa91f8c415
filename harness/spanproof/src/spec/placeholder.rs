//! Placeholders that a spec may use, and where; any other is refused instead of passed on as text.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use regex::Regex;
use serde::Deserialize;
use serde_json::Value as Json;
use toml::Spanned;

use crate::document::{Document, Error, suggestion};

/// What stands for what a case gets, in `[service.env]` and in `service.url`.
const OF_A_CASE: [&str; 3] = ["{database.url}", "{upstream.url}", "{port}"];
/// What stands for the job or a part of it, in the body of a route.
const OF_A_JOB: [&str; 2] = ["{job}", "{job:/pointer}"];

/// Text in braces that is meant to be a placeholder; other braces, as JSON has them, are not.
static LIKE_ONE: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"\{[a-z][a-z.]*(?::[^{}\s]*)?\}").ok());

/// The keys that are filled, each with its place in the file. Everything else is read elsewhere.
#[derive(Debug, Deserialize)]
struct Filled {
    service: FilledService,
    #[serde(default)]
    route: Vec<FilledRoute>,
}

#[derive(Debug, Deserialize)]
struct FilledService {
    #[serde(default)]
    env: BTreeMap<String, Spanned<String>>,
    url: Option<Spanned<String>>,
}

#[derive(Debug, Deserialize)]
struct FilledRoute {
    body: Option<Spanned<String>>,
}

/// Refuses a placeholder that nothing stands for.
///
/// # Errors
/// Pointing at the text that has it, with the nearest that is known.
pub(super) fn check(document: &Document) -> Result<(), Error> {
    let filled: Filled = document.parse()?;
    for text in filled.service.env.values().chain(&filled.service.url) {
        let known = |found: &str| OF_A_CASE.contains(&found);
        if let Some(found) = unknown(text.get_ref(), known) {
            return Err(wrong(document, text, &found, &OF_A_CASE));
        }
    }
    for body in filled.route.iter().filter_map(|route| route.body.as_ref()) {
        // A body that is not JSON is told where the files of the spec are read.
        let Ok(json) = serde_json::from_str(body.get_ref()) else { continue };
        if let Some(found) = unknown_in(&json) {
            return Err(wrong(document, body, &found, &OF_A_JOB));
        }
    }
    Ok(())
}

fn wrong(document: &Document, text: &Spanned<String>, found: &str, known: &[&str]) -> Error {
    let alike = known.iter().copied().filter(|name| name.contains(':') == found.contains(':'));
    let mut hint = suggestion(found, alike);
    if hint.is_empty() {
        let known: Vec<_> = known.iter().map(|name| format!("`{name}`")).collect();
        hint = format!("; known are {}", known.join(", "));
    }
    document.wrong(text.span(), format!("nothing stands for `{found}` here{hint}"))
}

/// The first text like a placeholder that is not known.
fn unknown(text: &str, known: impl Fn(&str) -> bool) -> Option<String> {
    let like = LIKE_ONE.as_ref()?;
    like.find_iter(text).map(|found| found.as_str()).find(|found| !known(found)).map(str::to_owned)
}

/// The first such text in the strings of a body.
fn unknown_in(body: &Json) -> Option<String> {
    let of_a_job = |found: &str| found == "{job}" || found.starts_with("{job:/");
    match body {
        Json::String(text) => unknown(text, of_a_job),
        Json::Array(items) => items.iter().find_map(unknown_in),
        Json::Object(fields) => fields.values().find_map(unknown_in),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_looks_like_a_placeholder_is_looked_at() {
        for (text, found) in [
            ("{port}", Some("{port}")),
            ("a {upstrem.url}", Some("{upstrem.url}")),
            ("{jobs:/Id/0}", Some("{jobs:/Id/0}")),
            ("{}", None),
            ("{\"a\": {}}", None),
            ("{ port }", None),
            ("{PORT} ${HOME} {0}", None),
        ] {
            assert_eq!(unknown(text, |_| false).as_deref(), found, "{text}");
        }
    }
}
