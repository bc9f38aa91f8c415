//! Fills in the placeholders of a spec, such as `{port}`, and checks them. An unknown placeholder is
//! an error, because the service would get it literally.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use regex::Regex;
use serde::Deserialize;
use serde_json::Value as Json;
use toml::Spanned;

use crate::document::{Document, Error, suggestion};

/// The placeholders whose values differ from case to case.
const CASE_PLACEHOLDERS: [&str; 13] = [
    "{database.url}",
    "{database.host}",
    "{database.port}",
    "{database.name}",
    "{database.user}",
    "{database.password}",
    "{database.jdbc}",
    "{database.dotnet}",
    "{upstream.url}",
    "{port}",
    "{dir}",
    "{case}",
    "{job.file}",
];
/// The prefix of the placeholder of a named port, such as `{port:redis}`.
const NAMED_PORT: &str = "{port:";
/// The placeholders of a route's `body`, the request that submits a job.
const JOB_PLACEHOLDERS: [&str; 2] = ["{job}", "{job:/pointer}"];

/// Matches text in braces that looks like a placeholder, but not the braces of JSON.
static PLACEHOLDER: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"\{[a-z][a-z.]*(?::[^{}\s]*)?\}").ok());

/// The keys that may have placeholders, with their positions in the file.
#[derive(Debug, Deserialize)]
struct Templates {
    #[serde(default)]
    database: DatabaseTemplates,
    service: ProcessTemplates,
    #[serde(default)]
    process: Vec<ProcessTemplates>,
    #[serde(default)]
    route: Vec<RouteTemplates>,
}

#[derive(Debug, Deserialize)]
struct ProcessTemplates {
    #[serde(default)]
    command: Vec<Spanned<String>>,
    #[serde(default)]
    env: BTreeMap<String, Spanned<String>>,
    url: Option<Spanned<String>>,
    cwd: Option<Spanned<String>>,
    ready: Option<ReadyTemplates>,
}

#[derive(Debug, Default, Deserialize)]
struct DatabaseTemplates {
    #[serde(default)]
    migrate: Vec<Spanned<String>>,
}

#[derive(Debug, Deserialize)]
struct ReadyTemplates {
    tcp: Option<Spanned<String>>,
}

#[derive(Debug, Deserialize)]
struct RouteTemplates {
    body: Option<Spanned<String>>,
    #[serde(default)]
    headers: BTreeMap<String, Spanned<String>>,
    #[serde(default)]
    command: Vec<Spanned<String>>,
}

/// Rejects unknown placeholders, and a password in a command.
///
/// # Errors
/// If a string has an unknown placeholder; the error suggests the nearest known placeholder. Also if a
/// command contains `{database.password}`.
pub(super) fn check(document: &Document) -> Result<(), Error> {
    let templates: Templates = document.parse()?;
    for process in std::iter::once(&templates.service).chain(&templates.process) {
        let ready = process.ready.iter().filter_map(|ready| ready.tcp.as_ref());
        let texts = process.env.values().chain(&process.url).chain(&process.cwd).chain(ready);
        for text in texts {
            if let Some(found) = unknown(text.get_ref(), is_case_placeholder) {
                return Err(error(document, text, &found, &CASE_PLACEHOLDERS));
            }
        }
        for word in &process.command {
            check_argument(document, word)?;
        }
    }
    for word in &templates.database.migrate {
        check_argument(document, word)?;
    }
    for route in &templates.route {
        for text in route.headers.values() {
            if let Some(found) = unknown(text.get_ref(), is_case_placeholder) {
                return Err(error(document, text, &found, &CASE_PLACEHOLDERS));
            }
        }
        for word in &route.command {
            check_argument(document, word)?;
        }
        let Some(body) = &route.body else { continue };
        // A body that is not JSON is reported later, when the files of the spec are read.
        let Ok(json) = serde_json::from_str(body.get_ref()) else { continue };
        if let Some(found) = unknown_in(&json) {
            return Err(error(document, body, &found, &JOB_PLACEHOLDERS));
        }
    }
    Ok(())
}

/// Checks an argument of a command. Text in braces that does not start like a placeholder of spanproof is
/// accepted, since it may be a script, as in `awk '{print}'`.
fn check_argument(document: &Document, word: &Spanned<String>) -> Result<(), Error> {
    if word.get_ref().contains("{database.password}") {
        let message = "other users of the machine can see a password in an argument; pass \
                       `{database.password}` in `env`";
        return Err(document.error_at(word.span(), message));
    }
    let is_ours = |found: &str| {
        ["{database.", "{upstream.", NAMED_PORT].iter().any(|start| found.starts_with(start))
    };
    match unknown(word.get_ref(), |found| is_case_placeholder(found) || !is_ours(found)) {
        Some(found) => Err(error(document, word, &found, &CASE_PLACEHOLDERS)),
        None => Ok(()),
    }
}

fn is_case_placeholder(found: &str) -> bool {
    CASE_PLACEHOLDERS.contains(&found) || port_name(found).is_some()
}

/// Returns the name in `{port:NAME}`; `None` for any other string.
fn port_name(placeholder: &str) -> Option<&str> {
    let name = placeholder.strip_prefix(NAMED_PORT)?.strip_suffix('}')?;
    let is_word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    (!name.is_empty() && name.chars().all(is_word)).then_some(name)
}

/// Returns the names of all ports in strings with placeholders.
pub(super) fn port_names<'a>(texts: impl Iterator<Item = &'a str>) -> BTreeSet<String> {
    let Some(pattern) = PLACEHOLDER.as_ref() else { return BTreeSet::new() };
    texts
        .flat_map(|text| pattern.find_iter(text))
        .filter_map(|found| port_name(found.as_str()).map(str::to_owned))
        .collect()
}

/// Replaces each placeholder for which `value` returns `Some`. Leaves other placeholders unchanged.
/// `value` gets the name of the placeholder without braces.
pub(crate) fn fill(text: &str, value: impl Fn(&str) -> Option<String>) -> String {
    let Some(pattern) = PLACEHOLDER.as_ref() else { return text.to_owned() };
    let replaced = pattern.replace_all(text, |found: &regex::Captures<'_>| {
        let name = &found[0][1..found[0].len() - 1];
        value(name).unwrap_or_else(|| found[0].to_owned())
    });
    replaced.into_owned()
}

/// Whether a text has a placeholder, or text in braces that looks like one.
pub(crate) fn is_in(text: &str) -> bool {
    PLACEHOLDER.as_ref().is_some_and(|pattern| pattern.is_match(text))
}

/// Creates the error for the unknown placeholder `found`, and suggests a similar known placeholder.
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

/// Returns the first unknown placeholder in the strings of a route's body.
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
    fn text_in_braces_is_a_placeholder_only_if_it_looks_like_one() {
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
