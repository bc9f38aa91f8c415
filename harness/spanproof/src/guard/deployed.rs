//! The value of each flag (an environment variable of the service) in the processes of an environment,
//! computed from the environment's deploy manifests.

use std::path::{Path, PathBuf};

use spanproof_format::GuardStep;
use spanproof_manifest::{
    Files, Manifest, Options, Process, Reason, Role, Secrets, Step, Value as Found, Variable, read,
};

use super::GuardError;
use crate::document::suggestion;
use crate::observation::masked_flag;
use crate::preflight::{ScriptLine, Scripts, label, selected_processes};
use crate::spec::{Manifests, Spec, Value};

/// A process of an environment that runs the service, with its flags.
#[derive(Debug, Clone)]
pub(super) struct Deployed {
    /// The files of the manifest.
    pub(super) files: Vec<String>,
    /// The name of the process; empty if no process can be computed from the manifest.
    pub(super) process: String,
    /// What the process is for; `None` if no process can be computed.
    pub(super) role: Option<Role>,
    /// Whether the process is known to run the service.
    pub(super) is_service: bool,
    /// The flags, in the order of the spec.
    pub(super) flags: Vec<DeployedFlag>,
    /// The names of all variables of the process.
    pub(super) variables: Vec<String>,
    /// The names of scripts that the process runs but that were not found.
    pub(super) missing_scripts: Vec<String>,
}

/// A flag in the environment of a process.
#[derive(Debug, Clone)]
pub(super) struct DeployedFlag {
    /// The name of the flag.
    pub(super) name: String,
    /// The value, for comparisons and messages.
    pub(super) setting: Setting,
    /// The unmasked value, for a run of the service; `None` if it is not known.
    pub(super) raw: Option<Value>,
    /// The line that determines the value, as `FILE:LINE`; `None` if no line does.
    pub(super) place: Option<String>,
    /// All lines that concern the flag, in order of effect.
    pub(super) steps: Vec<GuardStep>,
    /// Processes that have the flag but were not selected as processes of the service, each with the line
    /// that sets it.
    pub(super) others: Vec<String>,
}

/// The value of a flag in a process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Setting {
    /// The process gets this value. Secrets are masked.
    Known(Value),
    /// The tool that reads such manifests, such as Docker Compose, would refuse this one because of the
    /// variable.
    Refused(Reason),
    /// The value can't be computed.
    Unknown(Reason),
}

impl Setting {
    /// Returns the value; `None` if it is not known.
    pub(super) fn value(&self) -> Option<&Value> {
        match self {
            Self::Known(value) => Some(value),
            Self::Refused(_) | Self::Unknown(_) => None,
        }
    }
}

/// Reads the manifests of an environment. Returns the processes that run the service.
///
/// # Errors
/// If a file can't be read or parsed, or a manifest lacks the process that the spec names.
pub(super) fn read_environment(
    spec: &Spec,
    environment: &str,
    files: &dyn Files,
) -> Result<Vec<Deployed>, GuardError> {
    let manifests = environment_section(spec, environment)?;
    let place = || manifests.place.clone();
    let mut options = Options::default();
    if let Some(secrets) = &manifests.secrets {
        let path = path(spec, secrets);
        let file = path.display().to_string();
        let bytes = files.read(&path).map_err(|source| GuardError::Secrets {
            place: place(),
            environment: environment.to_owned(),
            file: file.clone(),
            source,
        })?;
        options.secrets = Some(Secrets::parse(&file, &String::from_utf8_lossy(&bytes)));
    }
    let paths: Vec<_> = manifests.files.iter().map(|file| path(spec, file)).collect();
    let found = read(files, &paths, &options).map_err(|source| GuardError::Manifest {
        place: place(),
        environment: environment.to_owned(),
        source,
    })?;
    let mut all = Vec::new();
    for manifest in &found {
        all.extend(processes(spec, (environment, manifests), manifest, files)?);
    }
    Ok(all)
}

/// Returns the section of an environment.
///
/// # Errors
/// If the spec has no such section.
pub(super) fn environment_section<'a>(
    spec: &'a Spec,
    environment: &str,
) -> Result<&'a Manifests, GuardError> {
    spec.manifests.get(environment).ok_or_else(|| GuardError::Environment {
        found: environment.to_owned(),
        hint: suggestion(environment, spec.manifests.keys().map(String::as_str)),
    })
}

/// Resolves a path of the spec, without a leading `./`.
fn path(spec: &Spec, file: &Path) -> PathBuf {
    if spec.folder == Path::new(".") { file.to_owned() } else { spec.path(file) }
}

fn processes(
    spec: &Spec,
    (environment, manifests): (&str, &Manifests),
    manifest: &Manifest,
    files: &dyn Files,
) -> Result<Vec<Deployed>, GuardError> {
    if let Some(reason) = &manifest.unresolved {
        return Ok(vec![unresolved(spec, manifest, reason)]);
    }
    let selected = selected_processes(spec, manifest, manifests.process.as_deref());
    if let (Some(process), true) = (&manifests.process, selected.is_empty()) {
        let known: Vec<_> =
            manifest.processes.iter().map(|one| format!("`{}`", label(one))).collect();
        return Err(GuardError::Process {
            place: manifests.place.clone(),
            environment: environment.to_owned(),
            process: process.clone(),
            files: format!("`{}`", manifest.files.join("`, `")),
            known: known.join(", "),
        });
    }
    let is_named = manifests.process.is_some();
    let is_service = is_named || selected.len() < manifest.running(&[]).len();
    let file = manifest.files.first().map_or("", String::as_str);
    let deployed = |process: &&Process| {
        let scripts = Scripts::find(files, file, process, &spec.service.command);
        Deployed {
            files: manifest.files.clone(),
            process: label(process),
            role: Some(process.role),
            is_service,
            flags: spec
                .flags
                .iter()
                .map(|flag| {
                    let found = deployed_flag(spec, &flag.name, (manifest, process, &selected));
                    after_scripts(found, &scripts)
                })
                .collect(),
            variables: process.variable_names().map(str::to_owned).collect(),
            missing_scripts: scripts.missing,
        }
    };
    Ok(selected.iter().filter(|one| may_be_service(one, &selected, spec)).map(deployed).collect())
}

/// Whether a process may belong to the service. A map of values ([`Role::Values`]) names no process: if one
/// of the maps has flags, a map without flags does not belong to the service.
fn may_be_service(process: &Process, selected: &[&Process], spec: &Spec) -> bool {
    let has = |process: &Process| {
        spec.flags.iter().any(|flag| process.variable(&flag.name).value != Found::Unset)
    };
    process.role != Role::Values
        || has(process)
        || !selected.iter().any(|other| other.role == Role::Values && has(other))
}

/// Returns an entry for a manifest whose processes can't be computed, with the reason for every flag.
fn unresolved(spec: &Spec, manifest: &Manifest, reason: &Reason) -> Deployed {
    let flag = |name: &str| DeployedFlag {
        name: name.to_owned(),
        setting: Setting::Unknown(with_spec_keys(reason)),
        raw: None,
        place: None,
        steps: Vec::new(),
        others: Vec::new(),
    };
    Deployed {
        files: manifest.files.clone(),
        process: String::new(),
        role: None,
        is_service: true,
        flags: spec.flags.iter().map(|one| flag(&one.name)).collect(),
        variables: Vec::new(),
        missing_scripts: Vec::new(),
    }
}

fn deployed_flag(
    spec: &Spec,
    name: &str,
    (manifest, process, selected): (&Manifest, &Process, &[&Process]),
) -> DeployedFlag {
    let variable = process.variable(name);
    let Variable { value, steps, .. } = &variable;
    let masked = |text: &str| masked_flag(spec, name, &Value::Set(text.to_owned()), None);
    let setting = match value {
        Found::Literal(text) => Setting::Known(masked(text)),
        Found::Unset => Setting::Known(Value::Unset),
        Found::Refused(reason) => Setting::Refused(with_spec_keys(reason)),
        Found::Elsewhere(reason) | Found::Unknown(reason) => {
            Setting::Unknown(with_spec_keys(reason))
        }
    };
    let raw = match value {
        Found::Literal(text) => Some(Value::Set(text.clone())),
        Found::Unset => Some(Value::Unset),
        _ => None,
    };
    let is_other = |one: &&Process| !selected.iter().any(|other| std::ptr::eq(*other, *one));
    let others = manifest.processes.iter().filter(is_other).filter_map(|one| {
        let variable = one.variable(name);
        variable.value.literal()?;
        Some(format!("`{}` ({})", label(one), variable.place()?))
    });
    DeployedFlag {
        name: name.to_owned(),
        setting,
        raw,
        place: variable.place().map(ToString::to_string),
        steps: steps.iter().map(|step| guard_step(step, &masked)).collect(),
        others: others.collect(),
    }
}

/// Returns the flag as the service gets it after the scripts that the process runs first. If a script may
/// change the flag, its value is not known.
fn after_scripts(flag: DeployedFlag, scripts: &Scripts) -> DeployedFlag {
    let changing = scripts.changing_line(&flag.name);
    let Some(changing) = changing.filter(|_| flag.raw.is_some()) else { return flag };
    let setting = Setting::Unknown(changing.reason());
    let ScriptLine { file, line } = changing;
    let mut steps = flag.steps;
    steps.push(GuardStep::new(file, line, "may change it"));
    DeployedFlag { setting, raw: None, steps, ..flag }
}

/// Returns a reason that names keys of the spec in place of options of `preflight`.
fn with_spec_keys(reason: &Reason) -> Reason {
    let names = [
        ("`--secrets FILE`", "name it as `secrets` in the spec"),
        ("`--manifest` for each", "as `files` in the spec"),
        ("`--manifest ", "`files` in the spec: `"),
    ];
    let mut resolve = reason.resolve.clone();
    for (option, key) in names {
        resolve = resolve.replace(option, key);
    }
    Reason { why: crate::mask::text(&reason.why), resolve }
}

/// Converts a step. A value in backticks is masked like the value of the flag. If another variable supplied
/// a part of the value, only its name is kept.
fn guard_step(step: &Step, masked: &dyn Fn(&str) -> Value) -> GuardStep {
    let inner = step.note.strip_prefix('`').and_then(|note| note.strip_suffix('`'));
    let note = match (inner, step.other_variable()) {
        (_, Some((name, _))) => format!("`{name}`"),
        (Some(value), None) => masked(value).to_string(),
        (None, None) => crate::mask::text(&step.note),
    };
    let prefix = format!("{} ", step.place);
    let step = Step { note, ..step.clone() };
    let text = step.to_string();
    let text = text.strip_prefix(&prefix).unwrap_or(&text);
    GuardStep::new(&step.place.file, step.place.line, text)
}
