//! Checks the tracing flag (the environment variable that switches tracing on) in deploy manifests
//! and in the running process. A *banner* is the line in which the tracer reports at startup whether
//! tracing is on.

use spanproof_format::Check;

use super::check::PendingCheck;
use super::manifest::{FlagSetting, SettingValue};
use crate::deployment::{Error, LogStream, Window, read_log};
use crate::observation::Log;
use crate::spec::{Banner, Flag, Intent, Spec, Value};

/// What a log reports about the startup of a running process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Startup {
    /// The name of the log.
    pub(crate) log: String,
    /// The last startup line that reports whether tracing is on, with its line number; `None` if
    /// the log has no such line.
    pub(crate) banner: Option<(u64, Banner)>,
    /// The number of the last line that reports a start of the service; `None` if the log has no
    /// such line.
    pub(crate) started: Option<u64>,
}

impl Startup {
    /// Reads the startup of a process from its log.
    ///
    /// # Errors
    /// If the log can't be read.
    pub fn read(spec: &Spec, log: LogStream<'_>) -> Result<Self, Error> {
        Ok(Self::from_log(spec, &read_log(spec, log, Window::default(), &mut ())?))
    }

    fn from_log(spec: &Spec, log: &Log) -> Self {
        let mut banners = log
            .lines
            .iter()
            .filter_map(|line| Some((line.number, spec.probes.banner(&line.text)?)));
        Self {
            log: log.facts.name.clone(),
            banner: banners.next_back(),
            started: log.facts.last_start,
        }
    }
}

/// Returns the values that enable recording, as a list for a message.
fn enabling_values(flag: &Flag) -> String {
    let values = flag.enables.clone().unwrap_or_else(|| {
        flag.values.iter().filter(|value| value.intent() == Intent::On).cloned().collect()
    });
    values.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// Checks the flag's value in one manifest. `settings` are all settings of the flag in this file.
pub fn check_manifest(flag: &Flag, file: &str, settings: &[FlagSetting]) -> Check {
    let checked = "each setting of the flag in the file, with its exact spelling";
    let check = PendingCheck::new(format!("{} in {file}", flag.name), checked);
    let mut values: Vec<&String> = Vec::new();
    for setting in settings {
        if let SettingValue::Literal(value) = &setting.value
            && !values.contains(&value)
        {
            values.push(value);
        }
    }
    let elsewhere = settings.iter().find_map(|setting| match &setting.value {
        SettingValue::Elsewhere(why) => Some(why),
        SettingValue::Literal(_) => None,
    });
    let locations = |value: &str| -> String {
        let literal = SettingValue::Literal(value.to_owned());
        let same = settings.iter().filter(|setting| setting.value == literal);
        let locations: Vec<_> =
            same.map(|setting| setting.location.as_str()).filter(|text| !text.is_empty()).collect();
        if locations.is_empty() {
            String::new()
        } else {
            format!(" under {}", locations.join(" and "))
        }
    };
    match (values.as_slice(), elsewhere) {
        ([], None) => {
            let next = format!("set {} to one of: {}", flag.name, enabling_values(flag));
            check.failed("it is not set", next)
        }
        ([], Some(why)) => {
            let next = "look at the startup line in the log of the running process";
            check.untried(why.clone(), next)
        }
        ([value], _) => check_value(flag, &check, value, &locations(value)),
        (several, _) => {
            let all: Vec<_> = several
                .iter()
                .map(|value| format!("{}{}", display_value(value), locations(value)))
                .collect();
            let next = "keep one setting: which value the service gets depends on the deployment";
            check.failed(format!("it is set more than once: {}", all.join(", ")), next)
        }
    }
}

/// Checks the only value of the flag in a manifest. `location` is a text with the places of the value.
fn check_value(flag: &Flag, check: &PendingCheck, text: &str, location: &str) -> Check {
    let value = Value::Set(text.to_owned());
    let found = format!("it is {}{location}", display_value(text));
    if flag.records(&value) {
        return check.passed(found);
    }
    let next = format!("use a value that enables recording: {}", enabling_values(flag));
    match value.intent() {
        Intent::On => {
            check.failed(format!("{found}, which means on but does not enable recording"), next)
        }
        Intent::Off => check.failed(format!("{found}, which means off"), next),
    }
}

/// Returns a value for a message, in quotes if a reader would overlook its spaces.
fn display_value(text: &str) -> String {
    Value::Set(text.to_owned()).to_string()
}

/// Checks the flag's value in the running process, and compares it with the manifests.
pub fn check_startup(flag: &Flag, startup: &Startup, manifests: &[FlagSetting]) -> Check {
    let name = format!("{} in the running process", flag.name);
    let check = PendingCheck::new(
        name,
        "the last startup line in the log that says whether tracing is on, compared with the manifests",
    );
    let log = &startup.log;
    let Some((number, banner)) = &startup.banner else {
        return match startup.started {
            Some(number) => check.failed(
                format!("`{log}` has the start of the service (line {number}), but no startup line that says whether tracing is on"),
                "check that this binary has the tracer and initializes it first",
            ),
            None => check.untried(
                format!("`{log}` has no startup line that says whether tracing is on, and may not have the start of the process"),
                "supply the log from the start of the process",
            ),
        };
    };
    let raw = banner.raw.as_deref();
    let value = raw.map_or("no value".into(), |raw| format!("the value {}", display_value(raw)));
    let found = format!("its startup line ({log}:{number}) reports {}, and {value}", state(banner));
    let mut values = manifests.iter().filter_map(|setting| match &setting.value {
        SettingValue::Literal(value) => Some(value),
        SettingValue::Elsewhere(_) => None,
    });
    if let Some(raw) = raw
        && let Some(other) = values.find(|value| value.as_str() != raw)
    {
        let next = "restart the process, because it reads the flag only at its start; or check whether the manifest belongs to \
                    another app or process group";
        return check.failed(format!("{found}; the manifest has {}", display_value(other)), next);
    }
    if banner.enabled {
        check.passed(found)
    } else {
        check
            .failed(found, format!("use a value that enables recording: {}", enabling_values(flag)))
    }
}

fn state(banner: &Banner) -> &'static str {
    if banner.enabled { "tracing on" } else { "tracing off" }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use spanproof_format::CheckResult;

    fn flag() -> Flag {
        let spec = Spec::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../spanproof.toml"));
        spec.unwrap().tracing_flag().unwrap().clone()
    }

    fn value(text: &str) -> FlagSetting {
        FlagSetting { location: "env".into(), value: SettingValue::Literal(text.into()) }
    }

    #[test]
    fn a_manifest_passes_only_with_a_value_that_enables_recording() {
        let elsewhere = FlagSetting {
            location: String::new(),
            value: SettingValue::Elsewhere("a secret".into()),
        };
        for (settings, outcome, part) in [
            (vec![value("true")], CheckResult::Passed, "it is true under env"),
            (vec![value("true"), elsewhere.clone()], CheckResult::Passed, "it is true"),
            (
                vec![value("TRUE")],
                CheckResult::Failed,
                "which means on but does not enable recording",
            ),
            (vec![value("true ")], CheckResult::Failed, "\"true \""),
            (vec![value("false")], CheckResult::Failed, "which means off"),
            (
                vec![value("true"), value("1")],
                CheckResult::Failed,
                "more than once: true under env, 1 under env",
            ),
            (vec![elsewhere], CheckResult::Untried, "a secret"),
            (Vec::new(), CheckResult::Failed, "it is not set"),
        ] {
            let check = check_manifest(&flag(), "fly.toml", &settings);
            assert_eq!(check.outcome, outcome, "{check:?}");
            assert!(check.found.contains(part), "{check:?}");
        }
    }

    #[test]
    fn the_running_process_is_compared_with_the_manifest() {
        let banner = |raw: &str| Banner { enabled: raw == "true", raw: Some(raw.into()) };
        let log = |banner: Option<Banner>, started| Startup {
            log: "x.log".into(),
            banner: banner.map(|banner| (3, banner)),
            started,
        };
        for (startup, manifests, outcome, part) in [
            (log(Some(banner("true")), None), vec![value("true")], CheckResult::Passed, "x.log:3"),
            (
                log(Some(banner("")), None),
                vec![value("true")],
                CheckResult::Failed,
                "the manifest has true",
            ),
            (log(Some(banner("1")), None), Vec::new(), CheckResult::Failed, "and the value 1"),
            (log(None, Some(7)), Vec::new(), CheckResult::Failed, "line 7"),
            (
                log(None, None),
                Vec::new(),
                CheckResult::Untried,
                "may not have the start of the process",
            ),
        ] {
            let check = check_startup(&flag(), &startup, &manifests);
            assert_eq!(check.outcome, outcome, "{check:?}");
            assert!(check.found.contains(part), "{check:?}");
        }
    }
}
