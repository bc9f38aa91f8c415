//! AWS ECS task definitions.
//!
//! Source: <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ContainerDefinition.html>:
//! `environment` overrides `environmentFiles`; `secrets` come from a different AWS service.

use super::command;
use super::error::Error;
use super::format::{Content, Input};
use super::node::{Node, Scalar};
use super::process::{Process, Role};
use super::variable::{Place, Reason, Value};
use super::variables::{Setting, Unread, Variables};

/// Reads a manifest.
pub(crate) fn read(input: &Input<'_>) -> Result<Content, Error> {
    let mut processes = Vec::new();
    for document in input.documents()? {
        let task = document.get("taskDefinition").unwrap_or(&document);
        for container in containers(task) {
            processes.push(process(container, &input.name, &text_value));
        }
    }
    Ok(Content::Processes(processes))
}

/// Returns the containers of a task definition, or the items of a list of containers.
pub(crate) fn containers(task: &Node) -> &[Node] {
    field(task, "containerDefinitions").map_or(task.items(), Node::items)
}

/// Returns a field. In `CloudFormation`, its name starts with a capital letter.
fn field<'a>(node: &'a Node, name: &str) -> Option<&'a Node> {
    node.get(name).or_else(|| node.get(&format!("{}{}", name[..1].to_uppercase(), &name[1..])))
}

/// Returns the value of a field that must be a string.
fn text_value(node: &Node) -> Value {
    match node.scalar() {
        Some(Scalar::Text(text)) if text.contains("${") || text.contains("{{") => {
            let why = format!("it is filled in before the task definition is registered: `{text}`");
            Value::Unknown(Reason::new(
                why,
                "`aws ecs describe-task-definition` shows what is registered",
            ))
        }
        Some(Scalar::Text(text)) => Value::Literal(text.to_owned()),
        Some(Scalar::Null) | None => {
            Value::Unknown(Reason::new("its value is not a string", "write a quoted string"))
        }
        Some(_) => {
            let text = node.text().unwrap_or_default();
            let why =
                format!("ECS refuses the unquoted value `{text}`, because it is not a string");
            Value::Refused(Reason::new(why, format!("quote it: \"{text}\"")))
        }
    }
}

/// Whether a node is an expression that is evaluated at deployment, such as `!If`.
pub(crate) fn is_expression(node: &Node) -> bool {
    let is_tag =
        node.tag.as_deref().is_some_and(|tag| tag.starts_with('!') && !tag.starts_with("!!"));
    is_tag
        || node.entries().iter().any(|entry| entry.name == "Ref" || entry.name.starts_with("Fn::"))
}

/// Computes the process of a container. `value` converts the values of its variables.
pub(crate) fn process(container: &Node, file: &str, value: &dyn Fn(&Node) -> Value) -> Process {
    let mut variables = Variables::default();
    let items = |name: &str| field(container, name).map(Node::items).unwrap_or_default();
    for source in items("environmentFiles") {
        let path = field(source, "value").and_then(Node::text).unwrap_or("a file");
        let why = format!("`{path}` may set it (`environmentFiles`)");
        let resolve = format!("look for it in that file: `aws s3 cp {path} -`");
        variables.add_unread(Unread::new(Place::new(file, source.line), why, resolve));
    }
    let conditional = |node: &Node| {
        let why = "an expression decides which variables are set";
        Unread::new(Place::new(file, node.line), why, "look at the deployed task or function")
    };
    if let Some(node) = field(container, "environment").filter(|node| is_expression(node)) {
        variables.add_unread(conditional(node));
    }
    for pair in items("environment") {
        let Some(name) = field(pair, "name").and_then(Node::text) else {
            variables.add_unread(conditional(pair));
            continue;
        };
        let node = field(pair, "value").unwrap_or(pair);
        variables.set(Setting::new(name, value(node), "environment", Place::new(file, node.line)));
    }
    for pair in items("secrets") {
        let Some(name) = field(pair, "name").and_then(Node::text) else { continue };
        let from = field(pair, "valueFrom").and_then(Node::text).unwrap_or("a secret");
        let reason = Reason::new(
            format!("it comes from a secret: `{from}`"),
            "`aws ecs execute-command` with `printenv` shows it",
        );
        variables.set(Setting::new(
            name,
            Value::Elsewhere(reason),
            "secrets",
            Place::new(file, pair.line),
        ));
    }
    for label in field(container, "dockerLabels").map(Node::entries).unwrap_or_default() {
        variables.add_dropped(
            &label.name,
            Place::new(file, label.line),
            "a label is not a variable",
        );
    }
    let words = |name: &str| field(container, name).map(Node::texts).unwrap_or_default();
    let words: Vec<String> =
        [words("entryPoint"), words("command")].concat().into_iter().map(str::to_owned).collect();
    let line = field(container, "command").map_or(container.line, |node| node.line);
    command::apply(&words, &Place::new(file, line), &mut variables);
    let name = field(container, "name").and_then(Node::text).unwrap_or("container");
    let mut process = Process::new(name, Role::Main, variables);
    process.image = field(container, "image").and_then(Node::text).map(str::to_owned);
    process.command = words;
    process
}
