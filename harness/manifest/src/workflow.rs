//! GitHub Actions workflows.
//!
//! Source: <https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-syntax> and
//! <https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands>:
//! - `env` of a step overrides that of its job, which overrides that of the workflow.
//! - A line in `$GITHUB_ENV` sets a variable for the later steps of the job.
//! - `env` does not reach a workflow that a job calls (`uses`).

use super::command;
use super::error::Error;
use super::format::{Content, Input};
use super::node::{Node, Scalar};
use super::process::{Process, Role};
use super::variable::{Place, Reason, Value};
use super::variables::{Scope, Setting, Unread, Variables};

/// Whether a document is a workflow.
pub(crate) fn is_workflow(document: &Node) -> bool {
    let jobs = document.get("jobs").map(Node::entries).unwrap_or_default();
    document.get("on").is_some()
        && jobs.iter().any(|job| {
            ["steps", "uses", "runs-on"].iter().any(|name| job.value.get(name).is_some())
        })
}

/// Reads a manifest.
pub(crate) fn read(input: &Input<'_>) -> Result<Content, Error> {
    let mut processes = Vec::new();
    for document in input.documents()? {
        let mut variables = Variables::default();
        apply(&document, "env", &input.name, &mut variables);
        for job in document.get("jobs").map(Node::entries).unwrap_or_default() {
            processes.extend(job_processes(&job.name, &job.value, &input.name, &variables));
        }
    }
    Ok(Content::Processes(processes))
}

/// Computes the processes of a job: the job itself, each step whose variables differ, and the services.
fn job_processes(name: &str, job: &Node, file: &str, workflow: &Variables) -> Vec<Process> {
    let mut variables = Variables::default();
    if let Some(called) = job.text_at("uses") {
        let why = format!(
            "the workflow `{called}` does not get the `env` of its caller, and may set it itself"
        );
        variables.add_unread(Unread::new(Place::new(file, job.line), why, "give that workflow"));
        return vec![Process::new(name, Role::Main, variables)];
    }
    if let Some(container) = job.get("container") {
        apply(container, &format!("jobs.{name}.container.env"), file, &mut variables);
    }
    variables.overlay(workflow);
    apply(job, &format!("jobs.{name}.env"), file, &mut variables);
    let mut steps = Vec::new();
    let mut commands = Vec::new();
    for (index, step) in job.get("steps").map(Node::items).unwrap_or_default().iter().enumerate() {
        let label = step
            .text_at("name")
            .or(step.text_at("id"))
            .map_or_else(|| format!("step {}", index + 1), str::to_owned);
        let script = step.text_at("run").unwrap_or_default();
        let mut own = variables.clone();
        apply(step, &format!("jobs.{name}.steps[{index}].env"), file, &mut own);
        let place = Place::new(file, step.get("run").map_or(step.line, |run| run.line));
        let sets_itself =
            step.get("env").is_some() || script.contains('=') && !script.contains("GITHUB_ENV");
        if sets_itself {
            if !script.is_empty() {
                command::apply_step(script, &place, &mut own);
            }
            let mut process = Process::new(&format!("{name}/{label}"), Role::Main, own);
            process.command = script.split_whitespace().map(str::to_owned).collect();
            steps.push(process);
        } else {
            commands.extend(script.split_whitespace().map(str::to_owned));
        }
        if script.contains("GITHUB_ENV") {
            apply_github_env(script, &place, &mut variables);
        }
    }
    let mut process = Process::new(name, Role::Main, variables.clone());
    process.command = commands;
    let mut processes = vec![process];
    // A step is a process of its own only if it differs from its job.
    let sources = variables.unread_count();
    steps.retain(|step| {
        step.variables.unread_count() > sources
            || step
                .variable_names()
                .any(|name| step.variable(name).value != variables.get(name).value)
    });
    processes.extend(steps);
    processes.extend(services(name, job, file));
    processes
}

/// Computes the processes of a job's service containers.
fn services(name: &str, job: &Node, file: &str) -> Vec<Process> {
    let mut processes = Vec::new();
    for service in job.get("services").map(Node::entries).unwrap_or_default() {
        let mut variables = Variables::default();
        apply(
            &service.value,
            &format!("jobs.{name}.services.{}.env", service.name),
            file,
            &mut variables,
        );
        let mut process = Process::new(&service.name, Role::Helper, variables);
        process.image = service.value.text_at("image").map(str::to_owned);
        processes.push(process);
    }
    processes
}

/// Applies what a script writes to `$GITHUB_ENV`.
fn apply_github_env(script: &str, place: &Place, variables: &mut Variables) {
    for line in script.lines().filter(|line| line.contains("GITHUB_ENV")) {
        let is_echo = ["echo", "printf"].iter().any(|word| line.trim_start().starts_with(word));
        let names_variable = line.split(['"', '\'', ' ']).any(|word| {
            word.split_once('=').is_some_and(|(name, _)| {
                command::name_length(name) == name.len() && !name.is_empty()
            })
        });
        let why = "a step writes it to `$GITHUB_ENV`";
        let unread =
            Unread::new(place.clone(), why, "print it in the step that needs it: `printenv`");
        variables.add_unread(if is_echo && names_variable {
            unread.only(Scope::Mentioned(script.to_owned()))
        } else {
            unread
        });
    }
}

/// Applies the `env` of a workflow, job, step or container.
fn apply(node: &Node, location: &str, file: &str, variables: &mut Variables) {
    let Some(part) = node.get("env") else { return };
    if part.text().is_some() {
        let why = "`env` is an expression";
        variables.add_unread(Unread::new(
            Place::new(file, part.line),
            why,
            "print it in a step: `printenv`",
        ));
    }
    // An expression can use the variables of the levels above, but not those of its own mapping.
    let above = variables.clone();
    for entry in part.entries() {
        let place = Place::new(file, entry.value.line.max(entry.line));
        variables.set(Setting::new(&entry.name, value(&entry.value, &above), location, place));
    }
}

/// Returns the value of an entry of `env`. `variables` are those that an expression can use.
fn value(node: &Node, variables: &Variables) -> Value {
    let Some(scalar) = node.scalar() else {
        return Value::Unknown(Reason::new("its value is not a string", "write a string"));
    };
    let text = match scalar {
        Scalar::Null => return Value::Literal(String::new()),
        Scalar::Boolean(value) => return Value::Literal(value.to_string()),
        Scalar::Number(text) | Scalar::Text(text) => text,
    };
    let Some((before, rest)) = text.split_once("${{") else {
        return Value::Literal(text.to_owned());
    };
    let Some((expression, after)) = rest.split_once("}}") else {
        return Value::Literal(text.to_owned());
    };
    let expression = expression.trim();
    if let Some(name) = expression.strip_prefix("env.")
        && let Some(Value::Literal(value)) = variables.known(name)
        && !after.contains("${{")
    {
        return Value::Literal(format!("{before}{value}{after}"));
    }
    let why = format!("GitHub fills it in when the workflow runs: `{expression}`");
    let reason = Reason::new(why, "print it in a step of the job: `printenv`");
    match expression.split('.').next() {
        Some("secrets" | "vars") => Value::Elsewhere(reason),
        _ => Value::Unknown(reason),
    }
}
