//! A project: compose files that are given together.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::files::{Files, folder, join};
use crate::format::{Content, Input};
use crate::interpolation::Lookup;
use crate::process::Process;
use crate::variable::{Reason, Value};
use crate::variables::Setting;

use super::environment::process;
use super::load::{DEFAULT_FILES, Loaded, OVERRIDE_FILES, ProjectEnvironment, load};

/// Reads a project.
pub(crate) fn read(inputs: &[Input<'_>]) -> Result<Content, Error> {
    let Some(first) = inputs.first() else { return Ok(Content::Processes(Vec::new())) };
    let paths: Vec<_> = inputs.iter().map(|input| input.path.clone()).collect();
    let mut processes = project(first.files, &paths)?;
    if let [only] = inputs
        && !only.found_in_folder
        && DEFAULT_FILES.contains(&crate::files::file_name(&only.path).as_str())
    {
        let all = project_files(only.files, &folder(&only.path));
        let is_other = |path: &&PathBuf| **path != only.path;
        let others: Vec<_> =
            all.iter().filter(is_other).map(|path| path.display().to_string()).collect();
        let all_exist = all.iter().all(|path| only.files.read(path).is_ok());
        if all_exist && !others.is_empty() && all.contains(&only.path) {
            let overridden = project(only.files, &all)?;
            mark_overridden(&mut processes, &overridden, &others);
        }
    }
    Ok(Content::Processes(processes))
}

/// Returns the files that compose without `-f` reads in a folder: those of `COMPOSE_FILE` in `.env`, or
/// the first default file and the first override file. An empty list if there are none.
pub(crate) fn project_files(files: &dyn Files, folder: &Path) -> Vec<PathBuf> {
    let mut environment = ProjectEnvironment::default();
    if environment.read(files, &join(folder, ".env")).is_ok()
        && let Lookup::Found(list, _) = environment.lookup("COMPOSE_FILE")
    {
        let separator = match environment.lookup("COMPOSE_PATH_SEPARATOR") {
            Lookup::Found(separator, _) if !separator.is_empty() => separator,
            _ => ":".to_owned(),
        };
        return list.split(separator.as_str()).map(|name| join(folder, name)).collect();
    }
    let first = |names: &[&str]| {
        names.iter().map(|name| join(folder, name)).find(|path| files.read(path).is_ok())
    };
    let Some(project) = first(&DEFAULT_FILES) else { return Vec::new() };
    [Some(project), first(&OVERRIDE_FILES)].into_iter().flatten().collect()
}

/// Computes the processes of a project.
fn project(files: &dyn Files, paths: &[PathBuf]) -> Result<Vec<Process>, Error> {
    let folder = folder(&paths[0]);
    let mut environment = ProjectEnvironment::default();
    // `docker stack deploy` does not read `.env`.
    let name = crate::files::file_name(&paths[0]);
    if !["stack", "swarm"].iter().any(|word| name.contains(word)) {
        environment.read(files, &join(&folder, ".env"))?;
    }
    let Loaded { services, unread } = load(files, paths, &folder, &environment, 0)?;
    let mut processes = Vec::new();
    for (service, environment) in &services {
        processes.push(process(files, service, environment)?);
    }
    if processes.is_empty() && !unread.is_empty() {
        let mut variables = crate::variables::Variables::default();
        for source in unread {
            variables.add_unread(source);
        }
        processes.push(Process::new("included", crate::process::Role::Main, variables));
    }
    Ok(processes)
}

/// Makes each variable unknown that has a different value in `overridden`: the same processes, with
/// `others`, the files that compose reads only without `-f`.
fn mark_overridden(processes: &mut [Process], overridden: &[Process], others: &[String]) {
    let files = others.join("`, `");
    let those = if others.len() == 1 { "that file" } else { "those files" };
    for process in processes {
        let Some(other) = overridden.iter().find(|other| other.name == process.name) else {
            continue;
        };
        let names = other.variables.names().chain(process.variables.names());
        let names: BTreeSet<String> = names.map(str::to_owned).collect();
        for name in names {
            let (value, changed) = (process.variable(&name), other.variable(&name));
            if value.value == changed.value {
                continue;
            }
            let Some(place) = changed.place().cloned() else { continue };
            let text = |value: &Value| match value {
                Value::Literal(text) => format!("`{text}`"),
                Value::Unset => "unset".to_owned(),
                _ => "not known".to_owned(),
            };
            let why = format!(
                "it is {} with `{files}`, which compose reads if it is started without `-f`, and {} without {those}",
                text(&changed.value),
                text(&value.value),
            );
            let resolve = "give what is deployed: the folder, or each file that follows `-f` (`--manifest` for each)";
            process.variables.set(Setting::new(
                &name,
                Value::Unknown(Reason::new(why, resolve)),
                "",
                place,
            ));
        }
    }
}
