//! The variables of the process that a systemd or Podman unit starts.

use std::path::{Path, PathBuf};

use crate::command;
use crate::dotenv::Reader;
use crate::error::Error;
use crate::files::{Files, file_name, folder, join, read_text};
use crate::format::{Content, Input};
use crate::interpolation::Lookup;
use crate::process::{Process, Role};
use crate::variable::{Place, Reason, Value};
use crate::variables::{Setting, Unread, Variables};

use super::unit::{Assignment, section, words};

/// The folders of units, in order of precedence.
const FOLDERS: [&str; 5] = [
    "etc/systemd/system",
    "run/systemd/system",
    "usr/local/lib/systemd/system",
    "usr/lib/systemd/system",
    "lib/systemd/system",
];
const READ_ENVIRON: &str = "read `/proc/PID/environ` of the running process on that machine";

/// Reads a unit, the drop-ins found for it, and then the drop-ins that are given as inputs.
pub(crate) fn read(inputs: &[Input<'_>]) -> Result<Content, Error> {
    let Some(first) = inputs.first() else { return Ok(Content::Processes(Vec::new())) };
    let mut texts: Vec<(String, String)> = Vec::new();
    for (index, input) in inputs.iter().enumerate() {
        texts.push((input.name.clone(), input.text.clone()));
        if index == 0 {
            let is_input = |path: &PathBuf| inputs.iter().any(|input| input.path == *path);
            let found = drop_ins(input.files, &input.path);
            for path in found.into_iter().filter(|path| !is_input(path)) {
                let name = path.display().to_string();
                let text = read_text(input.files, &path)
                    .map_err(|source| Error::Read { file: name.clone(), source })?;
                texts.push((name, text));
            }
        }
    }
    let unit = file_name(&first.path);
    let section_name = if unit.ends_with(".container") { "Container" } else { "Service" };
    let mut service =
        Service { files: first.files, unit: &first.path, ..Service::new(first.files, &first.path) };
    for (file, text) in &texts {
        for line in section(text, section_name) {
            service.apply(file, &line);
        }
    }
    let name = unit.rsplit_once('.').map_or(unit.as_str(), |(name, _)| name).to_owned();
    Ok(Content::Processes(vec![service.process(&name)]))
}

/// Returns the drop-ins of a unit, sorted by name. One in `/etc` hides one of the same name in `/usr`.
fn drop_ins(files: &dyn Files, unit: &Path) -> Vec<PathBuf> {
    let name = file_name(unit);
    let stem = name.strip_suffix(".service").unwrap_or(&name);
    let mut folders = vec![folder(unit)];
    if let Some(root) = root(unit) {
        folders.extend(FOLDERS.iter().map(|folder| join(&root, folder)));
    }
    // `a-b-c.service` also has the drop-ins of `a-b-.service.d` and `a-.service.d`.
    let prefixes = stem.match_indices('-').map(|(at, _)| format!("{}.service.d", &stem[..=at]));
    let template = stem.split_once('@').map(|(name, _)| format!("{name}@.service.d"));
    let mut names: Vec<String> = vec!["service.d".to_owned()];
    names.extend(prefixes);
    names.extend(template);
    names.push(format!("{name}.d"));
    let mut found: Vec<PathBuf> = Vec::new();
    for folder in &folders {
        for name in names.iter().rev() {
            for path in files.list(&join(folder, name)) {
                let file = file_name(&path);
                if path.extension().is_some_and(|extension| extension == "conf")
                    && !found.iter().any(|known| file_name(known) == file)
                {
                    found.push(path);
                }
            }
        }
    }
    found.sort_by_key(|path| file_name(path));
    found
}

/// Returns the root folder of the copy of a machine's files that contains the unit; `None` if the unit is
/// not in one of [`FOLDERS`].
fn root(unit: &Path) -> Option<PathBuf> {
    let folder = folder(unit);
    let folder = if folder.extension().is_some_and(|extension| extension == "d") {
        self::folder(&folder)
    } else {
        folder
    };
    FOLDERS.iter().find(|known| folder.ends_with(known)).map(|known| {
        let depth = known.split('/').count();
        folder.ancestors().nth(depth).map(Path::to_owned).unwrap_or_default()
    })
}

/// A file of `EnvironmentFile=`.
struct EnvironmentFile {
    path: String,
    optional: bool,
    place: Place,
}

/// A service, as its lines declare it.
struct Service<'a> {
    files: &'a dyn Files,
    unit: &'a Path,
    /// The names in `PassEnvironment=`.
    passed_on: Vec<(String, Place)>,
    /// The words in `Environment=`, such as `NAME=value`.
    assignments: Vec<(String, Place)>,
    environment_files: Vec<EnvironmentFile>,
    /// The words in `UnsetEnvironment=`: `NAME` or `NAME=value`.
    removed: Vec<(String, Place)>,
    /// The command in `ExecStart=` or `Exec=`.
    start: Option<(String, Place)>,
}

impl<'a> Service<'a> {
    fn new(files: &'a dyn Files, unit: &'a Path) -> Self {
        Self {
            files,
            unit,
            passed_on: Vec::new(),
            assignments: Vec::new(),
            environment_files: Vec::new(),
            removed: Vec::new(),
            start: None,
        }
    }

    fn apply(&mut self, file: &str, line: &Assignment) {
        let place = Place::new(file, line.line);
        let list = || {
            let words = words(&line.value);
            words.into_iter().map(|word| (word, place.clone())).collect::<Vec<_>>()
        };
        match line.name.as_str() {
            "Environment" if line.value.is_empty() => self.assignments.clear(),
            "Environment" => self.assignments.extend(list()),
            "PassEnvironment" if line.value.is_empty() => self.passed_on.clear(),
            "PassEnvironment" => self.passed_on.extend(list()),
            "UnsetEnvironment" if line.value.is_empty() => self.removed.clear(),
            "UnsetEnvironment" => self.removed.extend(list()),
            "EnvironmentFile" if line.value.is_empty() => self.environment_files.clear(),
            "EnvironmentFile" => {
                let path = line.value.strip_prefix('-');
                let optional = path.is_some();
                let path = path.unwrap_or(&line.value).trim_matches('"').to_owned();
                self.environment_files.push(EnvironmentFile { path, optional, place });
            }
            "ExecStart" | "Exec" if line.value.is_empty() => self.start = None,
            "ExecStart" | "Exec" => self.start = Some((line.value.clone(), place)),
            _ => {}
        }
    }

    fn process(&self, name: &str) -> Process {
        let mut variables = Variables::default();
        for (name, place) in &self.passed_on {
            let reason = Reason::new(
                "it is passed on from the manager (`PassEnvironment=`)",
                "`systemctl show-environment` shows it",
            );
            variables.set(Setting::new(
                name,
                Value::Elsewhere(reason),
                "PassEnvironment",
                place.clone(),
            ));
        }
        for (assignment, place) in &self.assignments {
            let Some((name, value)) = assignment.split_once('=') else { continue };
            if name.is_empty() || command::name_length(name) != name.len() {
                // systemd ignores an invalid name.
                continue;
            }
            variables.set(Setting::new(
                name,
                expand_specifiers(value),
                "Environment",
                place.clone(),
            ));
        }
        for file in &self.environment_files {
            self.read_file(file, &mut variables);
        }
        for (name, place) in &self.removed {
            match name.split_once('=') {
                None => variables.remove(name, place.clone(), "`UnsetEnvironment=`"),
                Some((name, value)) if variables.get(name).value.literal() == Some(value) => {
                    variables.remove(name, place.clone(), "`UnsetEnvironment=`");
                }
                Some(_) => {}
            }
        }
        let mut command = Vec::new();
        if let Some((start, place)) = &self.start {
            let start = start.trim_start_matches(['-', '@', '+', '!', ':', '|']);
            command = words(start);
            command::apply(&command, place, &mut variables);
        }
        let mut process = Process::new(name, Role::Main, variables);
        process.command = command;
        process
    }

    fn read_file(&self, file: &EnvironmentFile, variables: &mut Variables) {
        let path = &file.path;
        let is_service = self.unit.extension().is_some_and(|extension| extension == "service");
        if is_service && !path.starts_with(['/', '%', '$']) {
            // systemd ignores a path that is not absolute.
            return;
        }
        let read = if path.contains(['*', '?', '[', '%']) { None } else { self.local(path) };
        let text = read.as_ref().and_then(|path| read_text(self.files, path).ok());
        let (Some(read), Some(text)) = (read, text) else {
            let optional = if file.optional { ", if the file exists," } else { "" };
            let why = format!("`{path}` on the machine{optional} may set it (`EnvironmentFile=`)");
            let resolve = format!("look for it in `{path}` on that machine");
            variables.add_unread(Unread::new(file.place.clone(), why, resolve));
            return;
        };
        let name = read.display().to_string();
        for assignment in Reader::Systemd.read(&text, &|_| Lookup::Missing(None)).assignments {
            let place = Place::new(&name, assignment.line);
            variables.set(Setting::new(
                &assignment.name,
                assignment.value,
                "EnvironmentFile",
                place,
            ));
        }
    }

    /// Returns the path of the local copy of `path`, a file on the machine that runs the service. `None` if
    /// the unit is not in a copy of that machine's folders.
    fn local(&self, path: &str) -> Option<PathBuf> {
        let root = root(self.unit)?;
        Some(join(&root, path.trim_start_matches('/')))
    }
}

/// Replaces `%%` with `%`. Other specifiers depend on the machine.
fn expand_specifiers(text: &str) -> Value {
    let plain = text.replace("%%", "\0");
    if plain.contains('%') {
        let why = format!("systemd fills in the specifiers of `{text}`");
        return Value::Unknown(Reason::new(why, READ_ENVIRON));
    }
    Value::Literal(plain.replace('\0', "%"))
}
