//! Files with values but without processes: a mapping of names to values, a list of pairs, or part of a
//! manifest with `env`.

use super::error::Error;
use super::format::{Content, Input};
use super::kubernetes;
use super::node::{Kind, Node, Scalar};
use super::process::{Process, Role};
use super::variable::{Place, Reason, Value};
use super::variables::{Setting, Variables};

/// The keys of sections with variables.
const SECTIONS: [&str; 5] = ["env", "environment", "env_variables", "envFrom", "Environment"];

/// Whether a document contains values.
pub(crate) fn has_values(document: &Node) -> bool {
    let section =
        |name: &&str| document.get(name).is_some_and(|node| node.is_map() || node.is_list());
    SECTIONS.iter().any(section) || is_flat(document) || is_pairs(document)
}

/// Whether a document is a mapping of upper-case names to scalars.
fn is_flat(document: &Node) -> bool {
    let is_variable =
        |name: &str| super::command::name_length(name) == name.len() && name.to_uppercase() == name;
    !document.entries().is_empty()
        && document
            .entries()
            .iter()
            .all(|entry| entry.value.scalar().is_some() && is_variable(&entry.name))
}

/// Whether a document is a list of `{name: …, value: …}`.
fn is_pairs(document: &Node) -> bool {
    let is_pair = |item: &Node| {
        let name = item.get("name").or_else(|| item.get("Name"));
        name.is_some()
            && ["value", "Value", "valueFrom"].iter().any(|field| item.get(field).is_some())
    };
    !document.items().is_empty() && document.items().iter().all(is_pair)
}

/// Reads a manifest.
pub(crate) fn read(input: &Input<'_>) -> Result<Content, Error> {
    let mut variables = Variables::default();
    for document in input.documents()? {
        if is_pairs(&document) {
            pairs(&document, "", &input.name, &mut variables);
        } else if is_flat(&document) {
            map(&document, "", &input.name, &mut variables);
        } else {
            for name in SECTIONS {
                let Some(part) = document.get(name) else { continue };
                if name == "envFrom"
                    || name == "env" && part.is_list() && part.items().iter().all(Node::is_map)
                {
                    let quoted = quoted(&document);
                    variables.overlay(&kubernetes::container_variables(&quoted, &input.name));
                } else if part.is_list() {
                    pairs(part, name, &input.name, &mut variables);
                } else {
                    map(part, name, &input.name, &mut variables);
                }
            }
        }
    }
    let name = super::files::file_name(&input.path);
    Ok(Content::Processes(vec![Process::new(&name, Role::Values, variables)]))
}

/// Returns the tree with all scalars quoted. Kubernetes refuses unquoted numbers and booleans, but the tool
/// that reads this file may accept them.
fn quoted(node: &Node) -> Node {
    let kind = match &node.kind {
        Kind::Scalar { text, .. } if !node.is_null() => {
            Kind::Scalar { text: text.clone(), plain: false }
        }
        Kind::List(items) => Kind::List(items.iter().map(quoted).collect()),
        Kind::Map(entries) => Kind::Map(
            entries
                .iter()
                .map(|entry| super::node::Entry { value: quoted(&entry.value), ..entry.clone() })
                .collect(),
        ),
        scalar @ Kind::Scalar { .. } => scalar.clone(),
    };
    Node { kind, ..node.clone() }
}

/// Sets a variable for each entry of a mapping.
fn map(node: &Node, location: &str, file: &str, variables: &mut Variables) {
    for entry in node.entries() {
        let place = Place::new(file, entry.value.line.max(entry.line));
        variables.set(Setting::new(&entry.name, value(&entry.value), location, place));
    }
}

/// Sets a variable for each item of a list: `{name: …, value: …}`, `NAME=value`, or a name alone.
fn pairs(node: &Node, location: &str, file: &str, variables: &mut Variables) {
    for item in node.items() {
        let field = |names: [&str; 2]| names.iter().find_map(|name| item.get(name));
        let (name, own_value) = match (field(["name", "Name"]).and_then(Node::text), item.text()) {
            (Some(name), _) => (name, field(["value", "Value"]).map(value)),
            (None, Some(text)) => match text.split_once('=') {
                Some((name, value)) => (name, Some(literal(value))),
                None => (text, None),
            },
            (None, None) => continue,
        };
        let own_value = own_value.unwrap_or_else(|| {
            Value::Elsewhere(Reason::new(
                "its value comes from outside this file",
                "look at the running process",
            ))
        });
        variables.set(Setting::new(name, own_value, location, Place::new(file, item.line)));
    }
}

fn value(node: &Node) -> Value {
    match node.scalar() {
        Some(Scalar::Null) => Value::Elsewhere(Reason::new(
            "the file has no value for it",
            "look at the running process",
        )),
        None => Value::Elsewhere(Reason::new(
            "its value is not a string but a mapping or a list, such as a reference to a Secret",
            "look at the running process",
        )),
        Some(_) => literal(node.text().unwrap_or_default()),
    }
}

/// Returns a string as a literal; unknown if it has a placeholder that is filled in at deployment.
fn literal(text: &str) -> Value {
    if text.contains("${") || text.contains("{{") || text.starts_with('$') {
        let why = format!("it is filled in at deployment: `{text}`");
        return Value::Unknown(Reason::new(why, "look at the running process"));
    }
    Value::Literal(text.to_owned())
}
