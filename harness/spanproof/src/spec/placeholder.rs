//! Checks the placeholders in a spec: an unknown one is an error, not text for the service.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use regex::Regex;
use serde::Deserialize;
use serde_json::Value as Json;
use toml::Spanned;

use crate::document::{Document, Error, suggestion};

/// The placeholders of `[service.env]` and `service.url`.
const CASE_PLACEHOLDERS: [&str; 3] = ["{database.url}", "{upstream.url}", "{port}"];
/// The placeholders of a route's `body`.
const JOB_PLACEHOLDERS: [&str; 2] = ["{job}", "{job:/pointer}"];

/// Matches text in braces that is meant as a placeholder, and not braces of JSON.
static PLACEHOLDER: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"\{[a-z][a-z.]*(?::[^{}\s]*)?\}").ok());

/// The keys that may have placeholders, with their positions in the file.
#[derive(Debug, Deserialize)]
struct Templates {
    service: ServiceTemplates,
    #[serde(default)]
    route: Vec<RouteTemplates>,
}

#[derive(Debug, Deserialize)]
struct ServiceTemplates {
    #[serde(default)]
    env: BTreeMap<String, Spanned<String>>,
    url: Option<Spanned<String>>,
}

#[derive(Debug, Deserialize)]
struct RouteTemplates {
    body: Option<Spanned<String>>,
}

/// Rejects unknown placeholders.
///
/// # Errors
/// If a text has an unknown placeholder; the error names the nearest known one.
pub(super) fn check(document: &Document) -> Result<(), Error> {
    let templates: Templates = document.parse()?;
    for text in templates.service.env.values().chain(&templates.service.url) {
        let known = |found: &str| CASE_PLACEHOLDERS.contains(&found);
        if let Some(found) = unknown(text.get_ref(), known) {
            return Err(error(document, text, &found, &CASE_PLACEHOLDERS));
        }
    }
    for body in templates.route.iter().filter_map(|route| route.body.as_ref()) {
        // A body that is not JSON is reported later, when the files of the spec are read.
        let Ok(json) = serde_json::from_str(body.get_ref()) else { continue };
        if let Some(found) = unknown_in(&json) {
            return Err(error(document, body, &found, &JOB_PLACEHOLDERS));
        }
    }
    Ok(())
}

fn error(document: &Document, text: &Spanned<String>, found: &str, known: &[&str]) -> Error {
    let similar = known.iter().copied().filter(|name| name.contains(':') == found.contains(':'));
    let mut hint = suggestion(found, similar);
    if hint.is_empty() {
        let known: Vec<_> = known.iter().map(|name| format!("`{name}`")).collect();
        hint = format!("; expected one of {}", known.join(", "));
    }
    document.error_at(text.span(), format!("unknown placeholder `{found}`{hint}"))
}

/// Returns the first unknown placeholder in a text.
fn unknown(text: &str, known: impl Fn(&str) -> bool) -> Option<String> {
    let mut found = PLACEHOLDER.as_ref()?.find_iter(text).map(|found| found.as_str());
    found.find(|found| !known(found)).map(str::to_owned)
}

/// Returns the first unknown placeholder in the strings of a body.
fn unknown_in(body: &Json) -> Option<String> {
    let known = |found: &str| found == "{job}" || found.starts_with("{job:/");
    match body {
        Json::String(text) => unknown(text, known),
        Json::Array(items) => items.iter().find_map(unknown_in),
        Json::Object(fields) => fields.values().find_map(unknown_in),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_text_in_braces_is_not_a_placeholder() {
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
