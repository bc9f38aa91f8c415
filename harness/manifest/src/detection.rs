//! Recognises the format of a file by its name and content.

use std::path::Path;

use super::files::{file_name, folder};
use super::format::{Format, Input};
use super::node::Node;
use super::variable::Reason;
use super::{cloudformation, compose, dotenv, foreign, kubernetes, values, workflow};

/// The format of a file, if this crate reads it.
#[derive(Debug, Clone)]
pub(crate) enum Detected {
    /// A format that this crate reads.
    Format(Format),
    /// A format that this crate does not read, with advice how to get the values instead.
    Foreign(Reason),
}

/// Returns the format of a file.
pub(crate) fn detect(input: &Input<'_>) -> Detected {
    let name = file_name(&input.path).to_lowercase();
    if let Some(format) = by_name(&name, &input.path) {
        return Detected::Format(format);
    }
    if let Some(reason) = foreign::by_name(&name) {
        return Detected::Foreign(kustomize_sources(input, &reason).unwrap_or(reason));
    }
    let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
    match extension {
        "yaml" | "yml" | "json" | "toml" => by_tree(input, &name, extension),
        _ => by_text(input),
    }
}

fn by_name(name: &str, path: &Path) -> Option<Format> {
    let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
    let starts = |word: &str| name == word || name.starts_with(&format!("{word}."));
    let in_drop_in = file_name(&folder(path)).ends_with(".service.d");
    let template_extensions = ["example", "sample", "dist", "template", "tmpl", "tpl", "j2", "erb"];
    Some(match extension {
        extension if template_extensions.contains(&extension) => return None,
        "env" => Format::DotEnv,
        "service" | "container" => Format::Systemd,
        "conf" if in_drop_in => Format::Systemd,
        "dockerfile" | "containerfile" => Format::Dockerfile,
        _ if starts(".env") || name == "env" => Format::DotEnv,
        "toml" if name.starts_with("fly.") => Format::Fly,
        _ if matches!(name, "fly.json" | "fly.yaml") => Format::Fly,
        _ if name == "app.json" => Format::AppJson,
        "yaml" | "yml" | "json" | "toml" | "sh" => return None,
        _ if starts("dockerfile") || starts("containerfile") => Format::Dockerfile,
        _ if starts("procfile") => Format::Procfile,
        _ => return None,
    })
}

/// Recognises a YAML, JSON or TOML file by its content.
fn by_tree(input: &Input<'_>, name: &str, extension: &str) -> Detected {
    let is_yaml = matches!(extension, "yaml" | "yml");
    let documents = match input.documents() {
        Ok(documents) => documents,
        Err(_) if is_yaml && foreign::is_template(&input.text) => {
            return Detected::Foreign(foreign::helm());
        }
        // The reader of this format reports the error.
        Err(_) => {
            return Detected::Format(if is_yaml { Format::Kubernetes } else { Format::Values });
        }
    };
    if documents.iter().any(|document| document.text_at("kind") == Some("Kustomization")) {
        let reason = foreign::by_name("kustomization.yaml").unwrap_or_else(foreign::helm);
        return Detected::Foreign(kustomize_sources(input, &reason).unwrap_or(reason));
    }
    let any = |accepts: fn(&Node) -> bool| documents.iter().any(accepts);
    let format = if any(kubernetes::is_object) {
        Format::Kubernetes
    } else if any(workflow::is_workflow) {
        Format::Workflow
    } else if any(cloudformation::is_template) {
        Format::CloudFormation
    } else if any(|one| {
        one.get("containerDefinitions").is_some()
            || one.at("taskDefinition.containerDefinitions").is_some()
    }) {
        Format::Ecs
    } else if any(compose::is_project) {
        Format::Compose
    } else if extension == "toml"
        && any(|one| {
            one.get("app").is_some()
                && (one.get("env").is_some() || one.get("primary_region").is_some())
        })
    {
        Format::Fly
    } else if any(is_playbook) {
        return Detected::Foreign(foreign::ansible());
    } else if any(values::has_values) {
        Format::Values
    } else {
        return Detected::Foreign(unrecognised(name));
    };
    Detected::Format(format)
}

fn is_playbook(document: &Node) -> bool {
    let is_play = |item: &Node| {
        ["hosts", "tasks", "roles", "ansible.builtin.import_playbook", "import_playbook"]
            .iter()
            .any(|name| item.get(name).is_some())
            || item.text_at("name").is_some()
                && item.entries().iter().any(|entry| entry.name.starts_with("ansible."))
    };
    document.items().iter().any(is_play)
}

/// Recognises any other file by its text.
fn by_text(input: &Input<'_>) -> Detected {
    let lines = || super::files::without_bom(&input.text).lines().map(str::trim);
    if lines().any(|line| line == "[Service]") {
        return Detected::Format(Format::Systemd);
    }
    if let Some(reason) = foreign::by_text(&input.text) {
        return Detected::Foreign(reason);
    }
    let mut first = lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let first = first.next().unwrap_or_default().to_uppercase();
    if first.starts_with("FROM ")
        || first.starts_with("ARG ") && lines().any(|line| line.starts_with("FROM "))
    {
        return Detected::Format(Format::Dockerfile);
    }
    if dotenv::looks_like(&input.text) {
        return Detected::Format(Format::DotEnv);
    }
    Detected::Foreign(unrecognised(&input.name))
}

fn unrecognised(name: &str) -> Reason {
    Reason::new(
        format!("the format of `{name}` is not known"),
        "give a manifest in a known format, or print the variable in the running process: `printenv`",
    )
}

/// Returns the reason for a kustomization, with the files that its generators read.
fn kustomize_sources(input: &Input<'_>, reason: &Reason) -> Option<Reason> {
    if !reason.why.contains("kustomization") {
        return None;
    }
    let documents = input.documents().ok()?;
    let generators = ["configMapGenerator", "secretGenerator"];
    let items = documents.iter().flat_map(|document| {
        generators.iter().flat_map(|name| document.get(name).map(Node::items).unwrap_or_default())
    });
    let mut sources: Vec<&str> = Vec::new();
    for item in items {
        for field in ["envs", "env", "files"] {
            sources.extend(item.get(field).map(Node::texts).unwrap_or_default());
        }
    }
    if sources.is_empty() {
        return None;
    }
    let why = format!("{}; its generators read {}", reason.why, sources.join(", "));
    Some(Reason::new(why, &reason.resolve))
}
