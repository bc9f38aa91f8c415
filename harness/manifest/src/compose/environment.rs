//! The variables of the container of a Compose service.

use std::path::Path;

use crate::command;
use crate::dockerfile;
use crate::dotenv::Reader;
use crate::error::Error;
use crate::files::{Files, file_name, join, read_text};
use crate::interpolation::Lookup;
use crate::process::{Process, Role};
use crate::variable::{Place, Reason, Value};
use crate::variables::{Scope, Setting, Unread, Variables};

use super::load::{DEFAULT_FILES, ProjectEnvironment};
use super::service::{Build, Service};
use super::settings::{EntryValue, EnvFile, Words};

/// Computes the process of a service.
pub(super) fn process(
    files: &dyn Files,
    service: &Service,
    project: &ProjectEnvironment,
) -> Result<Process, Error> {
    let mut image = dockerfile::Image::default();
    if let Some(build) = &service.build {
        image = build_image(files, build)?;
    }
    let mut variables = image.variables.clone();
    for (name, place, why) in &service.dropped {
        variables.add_dropped(name, place.clone(), why);
    }
    let mut own = Variables::default();
    for unread in &service.unread {
        own.add_unread(unread.clone());
    }
    let name = file_name(Path::new(&service.place.file));
    // A file with a default name counts as the whole project, so no other file is missing.
    let is_whole_project = DEFAULT_FILES.contains(&name.as_str());
    if service.image.is_none() && service.build.is_none() && !is_whole_project {
        own.add_unread_fallback(incomplete(service));
    }
    for file in &service.env_files.items {
        apply_file(files, file, service, project, &mut own)?;
    }
    apply_environment(service, project, &mut own);
    for (name, place) in project.places().filter(|(name, _)| own.known(name).is_none()) {
        let note = "it is filled into the compose file, but not passed on to the container";
        variables.add_dropped(name, place.clone(), note);
    }
    variables.overlay(&own);
    let command = apply_command(service, &image, &mut variables);
    let mut process = Process::new(&service.name, Role::Main, variables);
    process.image.clone_from(&service.image);
    process.command = command;
    if let Some(context) = service.build.as_ref().and_then(|build| build.context.as_ref()) {
        process.copied = image.copied(&[context]);
    }
    Ok(process)
}

/// Returns the unread source of a service without an image: another file that also declares the service.
fn incomplete(service: &Service) -> Unread {
    let why = format!(
        "the service `{}` has no image and no build, so another file must also declare it",
        service.name
    );
    let resolve = "give all merged files in the order of `-f` (`--manifest` for each)";
    Unread::new(service.place.clone(), why, resolve)
}

/// Returns the image that is built for a service. It has no variables if its Dockerfile is not here.
fn build_image(files: &dyn Files, build: &Build) -> Result<dockerfile::Image, Error> {
    let target = build.target.as_deref();
    if let Some((text, place)) = &build.inline {
        return dockerfile::image(&place.file, text, target, &build.args);
    }
    let Some(path) = &build.dockerfile else { return Ok(dockerfile::Image::default()) };
    let Ok(text) = read_text(files, path) else { return Ok(dockerfile::Image::default()) };
    dockerfile::image(&path.display().to_string(), &text, target, &build.args)
}

/// Applies a file of `env_file`.
fn apply_file(
    files: &dyn Files,
    file: &EnvFile,
    service: &Service,
    project: &ProjectEnvironment,
    variables: &mut Variables,
) -> Result<(), Error> {
    let path = match &file.path.value {
        Value::Literal(path) => join(&file.folder, path),
        Value::Elsewhere(reason) | Value::Unknown(reason) | Value::Refused(reason) => {
            let why = format!("an `env_file` with an unknown path may set it: {}", reason.why);
            variables.add_unread(Unread::new(file.place.clone(), why, &reason.resolve));
            return Ok(());
        }
        Value::Unset => return Ok(()),
    };
    let name = path.display().to_string();
    let Ok(text) = read_text(files, &path) else {
        let why = if file.required {
            format!("its `env_file` `{name}` does not exist, and may set it when it is deployed")
        } else {
            format!(
                "its optional `env_file` `{name}` does not exist, and may set it if it is deployed"
            )
        };
        let resolve = format!("create `{name}` with the content that is deployed");
        variables.add_unread(Unread::new(file.place.clone(), why, resolve));
        return Ok(());
    };
    let reader = if file.raw { Reader::Docker } else { Reader::Compose };
    let lookup = |name: &str| match project.lookup(name) {
        Lookup::Missing(reason) => {
            container_value(service, variables, name).unwrap_or(Lookup::Missing(reason))
        }
        found => found,
    };
    let parsed = reader.read(&text, &lookup);
    if let Some((line, message)) = parsed.error {
        return Err(Error::parse(&name, format!("line {line}: {message}")));
    }
    for assignment in parsed.assignments {
        let place = Place::new(&name, assignment.line);
        let mut setting = Setting::new(&assignment.name, assignment.value, "", place);
        setting.parts = assignment.steps;
        variables.set(setting);
    }
    for (variable, line) in parsed.passed_on {
        pass_on(&variable, Place::new(&name, line), "", project, variables);
    }
    Ok(())
}

/// Returns the value that `environment` or an earlier `env_file` gives to a variable that an `env_file`
/// refers to.
fn container_value(service: &Service, variables: &Variables, name: &str) -> Option<Lookup> {
    let entry = service.environment.items.iter().rev().find(|entry| entry.name == name);
    if let Some(EntryValue::Value(filled)) = entry.map(|entry| &entry.value) {
        return Some(match &filled.value {
            Value::Literal(text) => Lookup::Found(text.clone(), None),
            Value::Elsewhere(reason) | Value::Unknown(reason) | Value::Refused(reason) => {
                Lookup::Unknown(reason.clone())
            }
            Value::Unset => return None,
        });
    }
    match variables.known(name)? {
        Value::Literal(text) => Some(Lookup::Earlier(text.clone())),
        _ => None,
    }
}

/// Applies `environment`, with the entries of all merged files.
fn apply_environment(service: &Service, project: &ProjectEnvironment, variables: &mut Variables) {
    let entries = &service.environment.items;
    for (index, entry) in entries.iter().enumerate() {
        let is_reset = |value: &EntryValue| matches!(value, EntryValue::Reset);
        let mut later = entries[index + 1..].iter().filter(|later| later.name == entry.name);
        if is_reset(&entry.value) || later.any(|later| is_reset(&later.value)) {
            variables.add_dropped(
                &entry.name,
                entry.place.clone(),
                "a later file resets it (`!reset`)",
            );
            continue;
        }
        match &entry.value {
            EntryValue::Value(filled) => {
                let mut setting = Setting::new(
                    &entry.name,
                    filled.value.clone(),
                    &entry.location,
                    entry.place.clone(),
                );
                setting.parts.clone_from(&filled.steps);
                variables.set(setting);
            }
            EntryValue::PassedOn => {
                pass_on(&entry.name, entry.place.clone(), &entry.location, project, variables);
            }
            EntryValue::Reset => {}
        }
    }
}

/// Applies a variable that has a name but no value.
fn pass_on(
    name: &str,
    place: Place,
    location: &str,
    project: &ProjectEnvironment,
    variables: &mut Variables,
) {
    let (value, steps) = match project.lookup(name) {
        Lookup::Found(text, step) => (Value::Literal(text), step.into_iter().collect()),
        Lookup::Earlier(text) => (Value::Literal(text), Vec::new()),
        Lookup::Unknown(reason) => (Value::Unknown(reason), Vec::new()),
        Lookup::Missing(_) => {
            let why =
                "it is passed on from the shell that deploys; unset if that shell does not have it";
            (Value::Elsewhere(Reason::new(why, crate::interpolation::resolve(name))), Vec::new())
        }
    };
    let mut setting = Setting::new(name, value, location, place);
    setting.parts = steps;
    variables.set(setting);
}

/// Applies the variables that the command sets. Returns the words of the command.
fn apply_command(
    service: &Service,
    image: &dockerfile::Image,
    variables: &mut Variables,
) -> Vec<String> {
    if service.entrypoint.is_none() && service.command.is_none() {
        image.apply_command(variables);
        return image.words();
    }
    let mut words: Vec<String> = Vec::new();
    let mut place = None;
    let unknown = |part: &Words, variables: &mut Variables| {
        let why = "its command mentions it, and the command is filled in only at deployment";
        let unread =
            Unread::new(part.place.clone(), why, "`docker compose config` shows the command");
        variables.add_unread(unread.only(Scope::Mentioned(part.text.clone())));
    };
    match &service.entrypoint {
        Some(part) => {
            place = Some(part.place.clone());
            match &part.list {
                Some(found) => words.extend(found.iter().cloned()),
                None => unknown(part, variables),
            }
        }
        None => words.extend(image.entrypoint.iter().cloned()),
    }
    if let Some(part) = &service.command {
        place = Some(part.place.clone());
        match &part.list {
            Some(found) => words.extend(found.iter().cloned()),
            None => unknown(part, variables),
        }
    }
    if let Some(place) = place {
        command::apply(&words, &place, variables);
    }
    words
}
