//! The tracing flag (an environment variable) in a deploy manifest: the value that each process gets, and the
//! lines that determine it.

use spanproof_manifest::{Event, Files, Manifest, Process, Reason, Role, Step, Value, Variable};

use super::script::Scripts;
use crate::spec::Spec;
use spanproof_format::FlagSetting;

/// The flag (an environment variable) in a manifest.
#[derive(Debug, Clone)]
pub struct ManifestFlag {
    /// The files of the manifest.
    pub(super) files: String,
    /// The values that the selected processes get; processes with the same value share one answer.
    pub(super) answers: Vec<Answer>,
    /// Processes that were not selected but have the flag, with the lines that set it.
    pub(super) others: Vec<String>,
    /// Programs that read a `.env` file and ignore the line of the flag.
    pub(super) ignoring: Vec<String>,
    /// Why the values are not known; `None` if they were computed.
    pub(super) unresolved: Option<Reason>,
}

/// A value of the flag, with the processes that get it.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub(super) processes: Vec<String>,
    pub(super) role: Role,
    pub(super) variable: Variable,
}

impl ManifestFlag {
    /// Looks up a flag in a manifest. `process` names the process to select. Without it, the process that
    /// clearly runs the service of the spec is selected or, if there is no such process, all main processes.
    /// `files` contains the scripts that a process may run first.
    pub fn new(
        spec: &Spec,
        manifest: &Manifest,
        flag: &str,
        process: Option<&str>,
        files: &dyn Files,
    ) -> Self {
        let selected = selected_processes(spec, manifest, process);
        let mut unresolved = manifest.unresolved.clone();
        if let (Some(name), true, None) = (process, selected.is_empty(), &unresolved) {
            let all: Vec<_> =
                manifest.processes.iter().map(|one| format!("`{}`", label(one))).collect();
            let why = format!("the manifest has no process `{name}`; it has {}", all.join(", "));
            unresolved =
                Some(Reason { why, resolve: "use `--process` with one of these".to_owned() });
        }
        let file = manifest.files.first().map_or("", String::as_str);
        let after_scripts = |process: &Process| {
            let mut variable = process.variable(flag);
            let is_known = variable.value.literal().is_some() || variable.value == Value::Unset;
            let scripts = || Scripts::find(files, file, process, &spec.service.command);
            let line = is_known.then(scripts).and_then(|scripts| scripts.changing_line(flag));
            if let Some(line) = line {
                variable.value = Value::Unknown(line.reason());
            }
            variable
        };
        let found = selected.iter().map(|process| (*process, after_scripts(process))).collect();
        let (answers, ignoring) = answers(found);
        let is_other =
            |one: &&Process| !selected.iter().any(|selected| std::ptr::eq(*selected, *one));
        let others = manifest.processes.iter().filter(is_other).filter_map(|one| {
            let variable = one.variable(flag);
            let place = variable.place()?;
            Some(format!("`{}` has {} ({place})", label(one), text(&variable.value)?))
        });
        let others = others.collect();
        Self { files: manifest.files.join(", "), answers, others, ignoring, unresolved }
    }

    /// Returns the value if all selected processes certainly get the same one; `None` otherwise.
    pub fn value(&self) -> Option<&str> {
        match self.answers.as_slice() {
            [one] if self.unresolved.is_none() => one.variable.value.literal(),
            _ => None,
        }
    }
}

impl ManifestFlag {
    /// Returns the values of the flag, each with the processes that get it. A value that may be a secret is
    /// masked.
    pub fn settings(&self, flag: &str) -> Vec<FlagSetting> {
        if let Some(reason) = &self.unresolved {
            let mut setting = FlagSetting::new(&self.files, Vec::new(), &reason.why);
            setting.known = false;
            return vec![setting];
        }
        let setting = |answer: &Answer| {
            let (text, known) = match &answer.variable.value {
                Value::Literal(text) => {
                    let masked = crate::mask::variable(flag, text);
                    (crate::spec::Value::Set(masked).to_string(), true)
                }
                Value::Unset => ("not set".to_owned(), true),
                Value::Elsewhere(reason) | Value::Unknown(reason) | Value::Refused(reason) => {
                    (reason.why.clone(), false)
                }
            };
            let mut setting = FlagSetting::new(&self.files, answer.processes.clone(), text);
            setting.place = answer.variable.place().map(ToString::to_string).unwrap_or_default();
            setting.known = known;
            setting
        };
        self.answers.iter().map(setting).collect()
    }
}

/// Returns the processes of a manifest that run the service: the one with this name, or those that fit
/// the service of the spec, or all main processes.
pub(crate) fn selected_processes<'a>(
    spec: &Spec,
    manifest: &'a Manifest,
    process: Option<&str>,
) -> Vec<&'a Process> {
    let names = service_names(spec);
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    match process {
        Some(name) => manifest.named(name),
        None => manifest.running(&names),
    }
}

/// Returns the names that identify a process of the service: the service's name, and its programs.
fn service_names(spec: &Spec) -> Vec<String> {
    let binary = spec.service.cargo.as_ref().map(|cargo| cargo.bin.clone());
    let program = spec
        .service
        .command
        .first()
        .map(|program| program.rsplit('/').next().unwrap_or(program).to_owned());
    let generic = |name: &String| {
        [
            "sh", "bash", "env", "python", "python3", "node", "java", "ruby", "php", "dotnet",
            "npm", "go", "cargo", "uv", "poetry",
        ]
        .contains(&name.as_str())
    };
    let programs = [binary, program].into_iter().flatten().filter(|name| !generic(name));
    [spec.service_name().to_owned()].into_iter().chain(programs).collect()
}

/// Returns the name of a process, as `GROUP/NAME` if its group has a different name.
pub(crate) fn label(process: &Process) -> String {
    match &process.group {
        Some(group) if *group != process.name => format!("{group}/{}", process.name),
        _ => process.name.clone(),
    }
}

/// Groups processes by the value that they get. Also returns the names of the programs that read a `.env`
/// file and ignore the line of the flag.
fn answers(processes: Vec<(&Process, Variable)>) -> (Vec<Answer>, Vec<String>) {
    let mut answers: Vec<Answer> = Vec::new();
    let mut ignoring = Vec::new();
    let any_set = processes.iter().any(|(_, variable)| variable.value.literal().is_some());
    for (process, variable) in processes {
        // This is a map of values that names no process. Another one has the flag, so this one, which lacks
        // it, does not belong to the service.
        if any_set && process.role == Role::Values && variable.value == Value::Unset {
            continue;
        }
        if any_set && process.role == Role::Reader && variable.value.literal().is_none() {
            ignoring.push(process.name.clone());
            continue;
        }
        let same = answers.iter_mut().find(|known| known.variable.value == variable.value);
        match same {
            Some(known) => known.processes.push(label(process)),
            None => answers.push(Answer {
                processes: vec![label(process)],
                role: process.role,
                variable,
            }),
        }
    }
    (answers, ignoring)
}

/// Returns the note of a step with secrets masked. If another variable supplied a part of the value, that
/// variable may be a secret.
fn masked_note(step: &Step) -> String {
    match step.other_variable() {
        Some((name, value)) => format!("`{name}` is `{}`", crate::mask::variable(name, value)),
        None => crate::mask::text(&step.note),
    }
}

/// Returns the text of a literal value for a message; `None` for other values.
fn text(value: &Value) -> Option<String> {
    Some(crate::spec::Value::Set(value.literal()?.to_owned()).to_string())
}

impl Answer {
    /// Returns, in brackets, the line that determines the value and the lines that were replaced, filled in
    /// or ignored; empty if no line concerns the flag.
    pub(super) fn history(&self) -> String {
        let mut parts: Vec<String> =
            self.variable.place().map(ToString::to_string).into_iter().collect();
        for step in &self.variable.steps {
            let place = &step.place;
            parts.extend(match step.event {
                Event::Shadowed => Some(format!("it replaces {} of {place}", step.note)),
                Event::Interpolated => {
                    Some(format!("filled in from {place}: {}", masked_note(step)))
                }
                Event::Dropped if self.role != Role::Reader => {
                    Some(format!("{place} has no effect: {}", step.note))
                }
                _ => None,
            });
        }
        if parts.is_empty() { String::new() } else { format!(" ({})", parts.join("; ")) }
    }

    /// Returns the path of keys to the setting, as ` under PATH`; empty if there is none.
    pub(super) fn location(&self) -> String {
        let location = &self.variable.location;
        if location.is_empty() { String::new() } else { format!(" under {location}") }
    }

    /// Returns the names of the processes as a list for a message.
    pub(super) fn names(&self) -> String {
        let names: Vec<_> = self.processes.iter().map(|name| format!("`{name}`")).collect();
        names.join(", ")
    }
}
