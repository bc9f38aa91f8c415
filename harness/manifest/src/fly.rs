//! `fly.toml`.
//!
//! Source: <https://fly.io/docs/reference/configuration/>: `[env]` is for every process group; a secret
//! with the same name overrides a variable (<https://fly.io/docs/apps/secrets/>). Secrets are set
//! outside the file.

use super::command;
use super::dockerfile::{self, Image};
use super::error::Error;
use super::files::{folder, join, read_text};
use super::format::{Content, Input};
use super::node::{Node, Scalar};
use super::process::{Process, Role};
use super::secrets;
use super::variable::{Place, Reason, Value};
use super::variables::Setting;

/// Reads a manifest.
pub(crate) fn read(input: &Input<'_>) -> Result<Content, Error> {
    let documents = input.documents()?;
    let Some(root) = documents.first() else { return Ok(Content::Processes(Vec::new())) };
    let image = image(input, root)?;
    let mut variables = image.variables.clone();
    for entry in root.get("env").map(Node::entries).unwrap_or_default() {
        let place = Place::new(&input.name, entry.line);
        variables.set(Setting::new(&entry.name, value(&entry.value), "env", place));
    }
    for path in ["build.args", "build.secrets"] {
        for entry in root.at(path).map(Node::entries).unwrap_or_default() {
            let place = Place::new(&input.name, entry.line);
            let note = format!("`{path}` exist only while the image is built");
            variables.add_dropped(&entry.name, place, &note);
        }
    }
    secrets::apply(input, &mut variables, "`fly secrets list > FILE` and `--secrets FILE`");
    let app = root.text_at("app").unwrap_or("app");
    let copied = image.copied(&[&folder(&input.path)]);
    let groups = root.get("processes").map(Node::entries).unwrap_or_default();
    let mut processes: Vec<_> = groups
        .iter()
        .map(|group| {
            let mut variables = variables.clone();
            let words = group.value.text().and_then(command::split).unwrap_or_default();
            let words = [image.entrypoint.clone(), words].concat();
            let place = Place::new(&input.name, group.value.line);
            command::apply(&words, &place, &mut variables);
            let mut process = Process::new(&group.name, Role::Main, variables);
            process.group = Some(app.to_owned());
            process.command = words;
            process.copied.clone_from(&copied);
            process
        })
        .collect();
    if processes.is_empty() {
        image.apply_command(&mut variables);
        let mut process = Process::new(app, Role::Main, variables);
        (process.command, process.copied) = (image.words(), copied);
        processes.push(process);
    }
    Ok(Content::Processes(processes))
}

fn value(node: &Node) -> Value {
    match node.scalar() {
        Some(Scalar::Null) | None => {
            Value::Unknown(Reason::new("its value is not a string", "write a quoted string"))
        }
        Some(_) => Value::Literal(node.text().unwrap_or_default().to_owned()),
    }
}

/// Returns the image of the Dockerfile that the manifest names; the default is `Dockerfile` beside the
/// manifest. Without a local Dockerfile, the image has no variables.
fn image(input: &Input<'_>, root: &Node) -> Result<Image, Error> {
    if root.text_at("build.image").is_some() || root.text_at("build.builder").is_some() {
        return Ok(Image::default());
    }
    let name = root.text_at("build.dockerfile").unwrap_or("Dockerfile");
    let path = join(&folder(&input.path), name);
    let Ok(text) = read_text(input.files, &path) else { return Ok(Image::default()) };
    let arguments = root.at("build.args").map(Node::entries).unwrap_or_default();
    let arguments: Vec<_> = arguments
        .iter()
        .map(|entry| (entry.name.clone(), entry.value.text().map(str::to_owned)))
        .collect();
    let target = root.text_at("build.build-target").or(root.text_at("build.target"));
    dockerfile::image(&path.display().to_string(), &text, target, &arguments)
}
