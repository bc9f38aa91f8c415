//! A service of a compose file.

use std::path::{Path, PathBuf};

use crate::interpolation::{Source, fill};
use crate::node::Node;
use crate::variable::{Place, Value};
use crate::variables::Unread;

use super::settings::{self, Entry, EnvFile, Layer, Words};

/// A service, as declared by one file or several merged files.
#[derive(Debug, Clone)]
pub(super) struct Service {
    pub(super) name: String,
    pub(super) place: Place,
    pub(super) image: Option<String>,
    pub(super) build: Option<Build>,
    pub(super) environment: Layer<Entry>,
    pub(super) env_files: Layer<EnvFile>,
    pub(super) command: Option<Words>,
    pub(super) entrypoint: Option<Words>,
    /// Parts that can't be read. Everything else overrides them.
    pub(super) unread: Vec<Unread>,
    /// Lines of `build.args` and `labels` that name a variable but do not set it, and why.
    pub(super) dropped: Vec<(String, Place, &'static str)>,
}

/// How an image is built.
#[derive(Debug, Clone)]
pub(super) struct Build {
    /// The path of the Dockerfile; `None` if it is not a local file.
    pub(super) dockerfile: Option<PathBuf>,
    /// The folder of the context; `None` if it is not a local folder.
    pub(super) context: Option<PathBuf>,
    /// The text of `dockerfile_inline`, with its line.
    pub(super) inline: Option<(String, Place)>,
    pub(super) target: Option<String>,
    /// The build arguments with their values; `None` if a value is not known.
    pub(super) args: Vec<(String, Option<String>)>,
}

impl Service {
    /// Reads a service from a file. `folder` is the base folder of relative paths.
    pub(super) fn read(
        name: &str,
        node: &Node,
        file: &str,
        folder: &Path,
        source: Source<'_>,
    ) -> Self {
        let location = format!("services.{name}.environment");
        let environment = node.get("environment");
        let env_files = node.get("env_file");
        let words =
            |name: &str| node.get(name).and_then(|node| settings::words(node, file, source));
        Self {
            name: name.to_owned(),
            place: Place::new(file, node.line),
            image: node.text_at("image").and_then(|image| literal(image, source)),
            build: node.get("build").and_then(|build| Build::read(build, file, folder, source)),
            environment: environment
                .map(|node| settings::environment(node, file, &location, source))
                .unwrap_or_default(),
            env_files: env_files
                .map(|node| settings::env_files(node, file, folder, source))
                .unwrap_or_default(),
            command: words("command"),
            entrypoint: words("entrypoint"),
            unread: Vec::new(),
            dropped: dropped(node, file),
        }
    }

    /// Returns the service after a later file has changed it.
    pub(super) fn merged(&self, later: &Self) -> Self {
        Self {
            name: later.name.clone(),
            place: later.place.clone(),
            image: later.image.clone().or_else(|| self.image.clone()),
            build: later.build.clone().or_else(|| self.build.clone()),
            environment: self.environment.then(&later.environment),
            env_files: settings::merged_files(&self.env_files, &later.env_files),
            command: later.command.clone().or_else(|| self.command.clone()),
            entrypoint: later.entrypoint.clone().or_else(|| self.entrypoint.clone()),
            unread: self.unread.iter().chain(&later.unread).cloned().collect(),
            dropped: self.dropped.iter().chain(&later.dropped).cloned().collect(),
        }
    }
}

fn literal(text: &str, source: Source<'_>) -> Option<String> {
    match fill(text, source).value {
        Value::Literal(text) => Some(text),
        _ => None,
    }
}

impl Build {
    fn read(node: &Node, file: &str, folder: &Path, source: Source<'_>) -> Option<Self> {
        let context = node.text_at("context").or_else(|| node.text()).unwrap_or(".");
        let context = literal(context, source)?;
        let local = !context.contains("://") && !context.starts_with("git@");
        let name = node.text_at("dockerfile").unwrap_or("Dockerfile");
        let context = local.then(|| crate::files::join(folder, &context));
        let dockerfile = literal(name, source);
        let dockerfile = dockerfile.zip(context.as_ref());
        let dockerfile = dockerfile.map(|(name, context)| crate::files::join(context, &name));
        let inline = node
            .get("dockerfile_inline")
            .and_then(|node| Some((node.text()?.to_owned(), Place::new(file, node.line))));
        let args = node.get("args").map(|args| settings::environment(args, file, "", source));
        let args = args.unwrap_or_default().items.into_iter().map(|entry| {
            let value = match entry.value {
                settings::EntryValue::Value(filled) => filled.value.literal().map(str::to_owned),
                _ => None,
            };
            (entry.name, value)
        });
        let target = node.text_at("target").and_then(|target| literal(target, source));
        Some(Self { dockerfile, context, inline, target, args: args.collect() })
    }
}

/// Returns the names under `build.args` and `labels`.
fn dropped(node: &Node, file: &str) -> Vec<(String, Place, &'static str)> {
    let mut found = Vec::new();
    for (path, why) in [
        ("build.args", "`build.args` exist only while the image is built"),
        ("labels", "a label is not a variable"),
        ("deploy.labels", "a label is not a variable"),
    ] {
        let Some(node) = node.at(path) else { continue };
        let names = node.entries().iter().map(|entry| (entry.name.as_str(), entry.line));
        let items = node.items().iter().filter_map(|item| {
            Some((item.text()?.split('=').next().unwrap_or_default(), item.line))
        });
        for (name, line) in names.chain(items) {
            found.push((name.to_owned(), Place::new(file, line), why));
        }
    }
    found
}
