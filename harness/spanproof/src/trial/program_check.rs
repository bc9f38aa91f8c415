//! Checks that the programs of a spec exist, before any of them is started.

use std::collections::BTreeMap;
use std::path::Path;

use super::problems::Problems;
use super::program::{Program, cargo_words};
use super::values::{process_environment, service_environment};
use crate::matrix::Case;
use crate::process::Launch;
use crate::spec::{Spec, placeholder};

/// Checks that the programs of a spec exist, except those that a command of the spec may create. If the
/// service is built, only the first build command is checked, because the build can create any program. If
/// there is a `migrate` command, programs given as paths are not checked, because the command can create
/// any file. If there is a `binary`, it replaces the program of the service, and nothing is built.
pub(super) fn check(spec: &Spec, binary: Option<&Path>, problems: &mut Problems) {
    if binary.is_none() && spec.builds() {
        return check_launch(&caller_launch(spec, &build_command(spec)), problems);
    }
    let migrate = &spec.database.migrate;
    if !migrate.is_empty() {
        check_launch(&caller_launch(spec, migrate), problems);
    }
    for launch in launches(spec, binary, problems) {
        if migrate.is_empty() || launch.is_bare_name() {
            check_launch(&launch, problems);
        }
    }
}

/// Checks that a program exists. Does nothing if the program or the `PATH` that finds it contains
/// placeholders, whose values are not known yet.
fn check_launch(launch: &Launch, problems: &mut Problems) {
    let path = launch.environment.get("PATH").filter(|_| launch.is_bare_name());
    let program = launch.program.to_string_lossy();
    let mut texts = std::iter::once(program.as_ref()).chain(path.map(String::as_str));
    if !texts.any(placeholder::is_in) {
        problems.keep(launch.check());
    }
}

/// Returns the commands that a case starts: those of the service, of the other processes and of the
/// routes.
fn launches(spec: &Spec, binary: Option<&Path>, problems: &mut Problems) -> Vec<Launch> {
    let service = &spec.service;
    let as_written = |text: &str| text.to_owned();
    let environment = service_environment(spec, &Case::default_of(spec), as_written);
    let main = match binary {
        Some(path) => Ok(Program::from_binary(path.to_owned())),
        None => Program::from_words(spec, &service.command),
    };
    let mut all = vec![(main, &service.cwd, environment.clone())];
    for process in &spec.processes {
        let environment = process_environment(process, &environment, as_written);
        all.push((Program::from_words(spec, &process.command), &process.cwd, environment));
    }
    for route in spec.routes.iter().filter(|route| !route.command.is_empty()) {
        let program = Program::from_words(spec, &route.command);
        all.push((program, &service.cwd, environment.clone()));
    }
    let launch = |(program, cwd, environment): (_, &Option<String>, _)| {
        let cwd = cwd.as_deref().filter(|cwd| !placeholder::is_in(cwd));
        Some(Program::launch(&problems.keep(program)?, spec, cwd, environment, as_written))
    };
    all.into_iter().filter_map(launch).collect()
}

/// Returns the first command that builds the service.
fn build_command(spec: &Spec) -> Vec<String> {
    match &spec.service.cargo {
        Some(cargo) if spec.service.build.is_empty() => cargo_words(cargo),
        _ => spec.service.build.clone(),
    }
}

/// Returns the launch of a command that inherits spanproof's own environment and runs in the spec's folder.
fn caller_launch(spec: &Spec, words: &[String]) -> Launch {
    Launch {
        program: words.first().cloned().unwrap_or_default().into(),
        args: words.iter().skip(1).cloned().collect(),
        folder: spec.folder.clone(),
        environment: BTreeMap::new(),
    }
}
