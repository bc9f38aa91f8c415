//! The formats of manifests, and the input and output of their readers.

use std::path::PathBuf;

use super::error::Error;
use super::files::Files;
use super::node::Node;
use super::process::Process;
use super::variable::Reason;

/// The format of a manifest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Format {
    /// Heroku's `app.json`.
    AppJson,
    /// AWS `CloudFormation`.
    CloudFormation,
    /// Docker Compose.
    Compose,
    /// Lines of `NAME=value`.
    DotEnv,
    /// A Dockerfile.
    Dockerfile,
    /// An AWS ECS task definition.
    Ecs,
    /// `fly.toml`.
    Fly,
    /// A format that this crate recognises but does not read.
    Foreign,
    /// Kubernetes objects.
    Kubernetes,
    /// A Procfile.
    Procfile,
    /// A systemd unit.
    Systemd,
    /// A mapping of names to values.
    Values,
    /// A GitHub Actions workflow.
    Workflow,
}

/// What the user knows about a deployment and the manifests do not contain.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The names of the variables that the platform sets as secrets; `None` if they are not known.
    pub secrets: Option<Secrets>,
}

/// Names of secrets, from a file.
#[derive(Debug, Clone, Default)]
pub struct Secrets {
    /// The name of the file.
    pub file: String,
    /// The names with their lines.
    pub names: Vec<(String, usize)>,
}

impl Secrets {
    /// Parses the output of `fly secrets list`, `heroku config` and similar commands: lines that start
    /// with a name, or JSON.
    pub fn parse(file: &str, text: &str) -> Self {
        let text = super::files::without_bom(text);
        if text.trim_start().starts_with(['[', '{']) {
            let names = super::json::parse(text).map(|root| names(&root)).unwrap_or_default();
            return Self { file: file.to_owned(), names };
        }
        let name = |line: &str| {
            let line = line.trim_start_matches(['*', '|', '│', ' ', '\t']);
            let end = super::command::name_length(line);
            let after = line[end..].chars().next();
            let ends = after.is_none_or(|c| c.is_whitespace() || ":=|│,".contains(c));
            let is_heading =
                line[..end].eq_ignore_ascii_case("name") && line.to_lowercase().contains("digest");
            (end > 0 && ends && !is_heading).then(|| line[..end].to_owned())
        };
        let names =
            (1..).zip(text.lines()).filter_map(|(number, line)| Some((name(line)?, number)));
        Self { file: file.to_owned(), names: names.collect() }
    }
}

/// Returns the names in a JSON tree: the keys of an object, or the `name` fields of a list of objects.
fn names(root: &Node) -> Vec<(String, usize)> {
    let own = root.entries().iter().map(|entry| (entry.name.clone(), entry.line));
    let listed = root.items().iter().filter_map(|item| {
        let name = ["name", "Name", "key", "Key"].iter().find_map(|field| item.text_at(field))?;
        Some((name.to_owned(), item.line))
    });
    own.chain(listed).collect()
}

/// A file of a manifest, with its text.
#[derive(Debug, Clone)]
pub(crate) struct Input<'a> {
    pub(crate) files: &'a dyn Files,
    pub(crate) options: &'a Options,
    pub(crate) path: PathBuf,
    /// The path in messages.
    pub(crate) name: String,
    pub(crate) text: String,
    /// Whether the user gave a folder, and the file was found in it as the format's own tool finds it.
    pub(crate) found_in_folder: bool,
}

impl std::fmt::Debug for dyn Files + '_ {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Files")
    }
}

impl Input<'_> {
    /// Parses the file as TOML, JSON or YAML, depending on its extension.
    pub(crate) fn documents(&self) -> Result<Vec<Node>, Error> {
        documents(&self.name, &self.text)
    }
}

/// Parses `text` as TOML, JSON or YAML, depending on the extension of `name`.
pub(crate) fn documents(name: &str, text: &str) -> Result<Vec<Node>, Error> {
    let lower = name.to_lowercase();
    let documents = match lower.rsplit('.').next() {
        Some("toml") => super::toml_tree::parse(text).map(|node| vec![node]),
        Some("json") => super::json::parse(text).map(|node| vec![node]),
        _ => super::yaml::parse(text),
    };
    documents.map_err(|message| Error::parse(name, message))
}

/// What a manifest contains.
#[derive(Debug, Clone)]
pub(crate) enum Content {
    /// Its processes.
    Processes(Vec<Process>),
    /// Nothing that this crate can compute, and why.
    Unresolved(Reason),
}
