//! Reads manifests.

use std::path::{Path, PathBuf};

use super::detection::{Detected, detect};
use super::error::Error;
use super::files::{Files, join, normalized, read_text};
use super::format::{Content, Format, Input, Options};
use super::process::{Process, Role};
use super::variable::Reason;
use super::{
    app_json, cloudformation, compose, dockerfile, dotenv, ecs, fly, kubernetes, procfile, systemd,
    values, workflow,
};

/// A manifest: one file, or several files that their format merges.
#[derive(Debug, Clone)]
pub struct Manifest {
    /// The format.
    pub format: Format,
    /// The paths of the files, as the user gave them.
    pub files: Vec<String>,
    /// The processes; empty if `unresolved` is `Some`.
    pub processes: Vec<Process>,
    /// Why no process can be computed; `None` if they were computed.
    pub unresolved: Option<Reason>,
}

impl Manifest {
    /// Returns the processes with this name. `deployment/container` selects a container of one object.
    pub fn named(&self, name: &str) -> Vec<&Process> {
        let (group, container) = name.split_once('/').unwrap_or(("", name));
        let exact: Vec<_> = self.processes.iter().filter(|process| process.name == name).collect();
        if !exact.is_empty() || group.is_empty() {
            return exact;
        }
        let fits = |process: &&Process| {
            process.name == container && process.group.as_deref() == Some(group)
        };
        self.processes.iter().filter(fits).collect()
    }

    /// Returns the processes that run a service: the best matches for the first of its names that
    /// matches any process. Leaves out helpers. If no name matches, returns all processes except
    /// helpers, or the helpers if there is no other process.
    pub fn running(&self, names: &[&str]) -> Vec<&Process> {
        let main: Vec<_> = self.processes.iter().filter(|one| one.role != Role::Helper).collect();
        for name in names {
            let fit = |process: &&Process| process.fit(name);
            if let Some(best) = main.iter().filter_map(fit).max() {
                return main.into_iter().filter(|process| fit(process) == Some(best)).collect();
            }
        }
        if main.is_empty() { self.processes.iter().collect() } else { main }
    }
}

/// Reads manifests. Files that their format merges become one manifest: all Compose files, all
/// Kubernetes files, and a systemd unit with its drop-ins. A folder stands for the files that the
/// format's own tool reads in it.
///
/// # Errors
/// If a file can't be read or is not valid in its format.
pub fn read(
    files: &dyn Files,
    paths: &[PathBuf],
    options: &Options,
) -> Result<Vec<Manifest>, Error> {
    let mut groups: Vec<(Detected, Vec<Input<'_>>)> = Vec::new();
    for path in paths {
        for input in inputs(files, path, options)? {
            let detected = detect(&input);
            let is_drop_in = input.path.extension().is_some_and(|extension| extension == "conf");
            let same = |(known, _): &&mut (Detected, Vec<Input<'_>>)| match (known, &detected) {
                (Detected::Format(known), Detected::Format(format)) => {
                    let merges = matches!(format, Format::Compose | Format::Kubernetes)
                        || *format == Format::Systemd && is_drop_in;
                    merges && known == format
                }
                _ => false,
            };
            match groups.iter_mut().find(same) {
                Some((_, inputs)) => inputs.push(input),
                None => groups.push((detected, vec![input])),
            }
        }
    }
    let mut manifests = Vec::new();
    for (detected, inputs) in groups {
        let (format, content) = match detected {
            Detected::Format(format) => (format, content(format, &inputs)?),
            Detected::Foreign(reason) => (Format::Foreign, Content::Unresolved(reason)),
        };
        let (processes, unresolved) = match content {
            Content::Processes(processes) if processes.is_empty() => {
                (processes, Some(no_process(format)))
            }
            Content::Processes(processes) => (processes, None),
            Content::Unresolved(reason) => (Vec::new(), Some(reason)),
        };
        let files = inputs.into_iter().map(|input| input.name).collect();
        manifests.push(Manifest { format, files, processes, unresolved });
    }
    Ok(manifests)
}

fn content(format: Format, inputs: &[Input<'_>]) -> Result<Content, Error> {
    let Some(first) = inputs.first() else { return Ok(Content::Processes(Vec::new())) };
    match format {
        Format::AppJson => app_json::read(first),
        Format::CloudFormation => cloudformation::read(first),
        Format::Compose => compose::read(inputs),
        Format::DotEnv => Ok(Content::Processes(dotenv::processes(&first.name, &first.text))),
        Format::Dockerfile => dockerfile::read(first),
        Format::Ecs => ecs::read(first),
        Format::Fly => fly::read(first),
        Format::Foreign => Ok(Content::Processes(Vec::new())),
        Format::Kubernetes => kubernetes::read(inputs),
        Format::Procfile => Ok(procfile::read(first)),
        Format::Systemd => systemd::read(inputs),
        Format::Values => values::read(first),
        Format::Workflow => workflow::read(first),
    }
}

fn no_process(format: Format) -> Reason {
    let what = match format {
        Format::Kubernetes => "the manifest has no pod, no ConfigMap and no Secret",
        Format::Compose => "the manifest has no service",
        _ => "the manifest has no process",
    };
    Reason::new(what, "give the file that declares the process")
}

/// Reads a file, or the files in a folder.
fn inputs<'a>(
    files: &'a dyn Files,
    path: &Path,
    options: &'a Options,
) -> Result<Vec<Input<'a>>, Error> {
    let input = |path: &Path, name: String, found_in_folder: bool| -> Result<Input<'a>, Error> {
        let text =
            read_text(files, path).map_err(|source| Error::Read { file: name.clone(), source })?;
        Ok(Input { files, options, path: normalized(path), name, text, found_in_folder })
    };
    let inside = files.list(path);
    if inside.is_empty() {
        return Ok(vec![input(path, path.display().to_string(), false)?]);
    }
    let exists = |names: &[&str]| {
        names.iter().map(|name| join(path, name)).find(|path| files.read(path).is_ok())
    };
    let project = compose::project_files(files, path);
    if !project.is_empty() {
        let all = project.iter().map(|path| input(path, path.display().to_string(), true));
        return all.collect();
    }
    let tool_files = ["kustomization.yaml", "kustomization.yml", "Kustomization", "Chart.yaml"];
    if let Some(tool_file) = exists(&tool_files) {
        return Ok(vec![input(&tool_file, tool_file.display().to_string(), true)?]);
    }
    let is_manifest = |path: &&PathBuf| {
        path.extension().is_some_and(|extension| {
            ["yaml", "yml", "json"].iter().any(|known| extension == *known)
        })
    };
    let manifests: Vec<_> = inside.iter().filter(is_manifest).collect();
    if manifests.is_empty() {
        let file = path.display().to_string();
        return Err(Error::parse(&file, "the folder has no Compose, YAML or JSON file"));
    }
    manifests.into_iter().map(|path| input(path, path.display().to_string(), true)).collect()
}
