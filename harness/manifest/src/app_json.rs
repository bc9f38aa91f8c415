//! Heroku's `app.json`.
//!
//! Source: <https://devcenter.heroku.com/articles/app-json-schema>: `env` has values, or objects with
//! `value`, `required` and `generator`. They become the config vars of a new app; `heroku config` shows
//! the config vars of an existing one.

use super::error::Error;
use super::format::{Content, Input};
use super::node::Node;
use super::process::{Process, Role};
use super::secrets;
use super::variable::{Place, Reason, Value};
use super::variables::{Setting, Variables};

/// Reads a manifest.
pub(crate) fn read(input: &Input<'_>) -> Result<Content, Error> {
    let documents = input.documents()?;
    let mut processes = Vec::new();
    for root in &documents {
        let mut variables = Variables::default();
        apply(root, "env", input, &mut variables);
        let mut all =
            vec![(root.text_at("name").unwrap_or("app").to_owned(), Role::Main, variables.clone())];
        for environment in root.get("environments").map(Node::entries).unwrap_or_default() {
            let mut own = variables.clone();
            let location = format!("environments.{}.env", environment.name);
            apply(&environment.value, &location, input, &mut own);
            if environment.value.get("env").is_some() {
                all.push((format!("environment {}", environment.name), Role::Helper, own));
            }
        }
        for (name, role, mut variables) in all {
            secrets::apply(input, &mut variables, "`heroku config > FILE` and `--secrets FILE`");
            processes.push(Process::new(&name, role, variables));
        }
    }
    Ok(Content::Processes(processes))
}

/// Applies the `env` of the app or of one of its environments.
fn apply(node: &Node, location: &str, input: &Input<'_>, variables: &mut Variables) {
    for entry in node.get("env").map(Node::entries).unwrap_or_default() {
        let value =
            if entry.value.is_map() { entry.value.get("value") } else { Some(&entry.value) };
        let line = value.map_or(entry.line, |value| value.line);
        let place = Place::new(&input.name, line);
        let value = match value.and_then(Node::text) {
            Some(text) => Value::Literal(text.to_owned()),
            None if entry.value.get("generator").is_some() => Value::Elsewhere(Reason::new(
                "the platform generates its value",
                "`heroku config` shows it",
            )),
            None => {
                let why = "its value is chosen when the app is created";
                Value::Elsewhere(Reason::new(why, "`heroku config` shows it"))
            }
        };
        variables.set(Setting::new(&entry.name, value, location, place));
    }
}
