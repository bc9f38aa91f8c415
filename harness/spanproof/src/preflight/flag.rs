//! The tracing flag, as manifests and the running process say.

use spanproof_format::Check;

use super::check::Topic;
use super::manifest::{FlagSetting, SettingValue};
use crate::deployment::{Error, LogStream, Window, read_log};
use crate::observation::Log;
use crate::spec::{Banner, Flag, Intent, Spec, Value};

/// What the log of the running process says of its start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Startup {
    /// The log's name.
    pub(crate) log: String,
    /// The last tracer line, with its number.
    pub(crate) banner: Option<(u64, Banner)>,
    /// The line that says that the service starts.
    pub(crate) started: Option<u64>,
}

impl Startup {
    /// Reads what a log says of the start of its process.
    ///
    /// # Errors
    /// When the log can't be read.
    pub fn read(spec: &Spec, log: LogStream<'_>) -> Result<Self, Error> {
        Ok(Self::from_log(spec, &read_log(spec, log, Window::default(), &mut ())?))
    }

    /// What was recognised in a log, read as the spec says.
    fn from_log(spec: &Spec, read: &Log) -> Self {
        let mut banners = read
            .lines
            .iter()
            .filter_map(|line| Some((line.number, spec.probes.banner(&line.text)?)));
        Self {
            log: read.facts.name.clone(),
            banner: banners.next_back(),
            started: read.facts.started,
        }
    }
}

/// The values that switch recording on, for an error.
fn enabling(flag: &Flag) -> String {
    let values = flag.enables.clone().unwrap_or_else(|| {
        flag.values.iter().filter(|value| value.intent() == Intent::On).cloned().collect()
    });
    values.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// The flag in one manifest, from all places that set it.
pub fn check_manifest(flag: &Flag, file: &str, settings: &[FlagSetting]) -> Check {
    let checked = "every place of the file that sets it, as it is spelled";
    let topic = Topic::new(format!("{} in {file}", flag.name), checked);
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
    let places = |value: &str| -> String {
        let meant =
            settings.iter().filter(|one| one.value == SettingValue::Literal(value.to_owned()));
        let places: Vec<_> =
            meant.map(|one| one.location.as_str()).filter(|place| !place.is_empty()).collect();
        if places.is_empty() { String::new() } else { format!(" under {}", places.join(" and ")) }
    };
    match (values.as_slice(), elsewhere) {
        ([], None) => {
            let next = format!("set {} to one of: {}", flag.name, enabling(flag));
            topic.failed("it is not set", next)
        }
        ([], Some(why)) => {
            let next = "look at the startup line in the log of the running process";
            topic.untried(why.clone(), next)
        }
        ([value], _) => check_value(flag, &topic, value, &places(value)),
        (several, _) => {
            let all: Vec<_> = several
                .iter()
                .map(|value| format!("{}{}", spelled(value), places(value)))
                .collect();
            let next = "leave one: which of them counts is decided by whoever deploys";
            topic.failed(format!("it is set more than once: {}", all.join(", ")), next)
        }
    }
}

fn check_value(flag: &Flag, topic: &Topic, text: &str, place: &str) -> Check {
    let value = Value::Set(text.to_owned());
    let found = format!("it is {}{place}", spelled(text));
    if flag.records(&value) {
        return topic.passed(found);
    }
    let counts = format!("what switches recording on: {}", enabling(flag));
    match value.intent() {
        Intent::On => topic.failed(format!("{found}, which means on and does not count"), counts),
        Intent::Off => topic.failed(format!("{found}, which is off"), counts),
    }
}

fn spelled(text: &str) -> String {
    Value::Set(text.to_owned()).to_string()
}

/// The running process: what it says that it saw, beside what the manifests say.
pub fn check_startup(flag: &Flag, startup: &Startup, manifests: &[FlagSetting]) -> Check {
    let name = format!("{} in the running process", flag.name);
    let topic = Topic::new(name, "the last tracer line of the log, beside the manifests");
    let log = &startup.log;
    let Some((number, banner)) = &startup.banner else {
        return match startup.started {
            Some(number) => topic.failed(format!("`{log}` has the start of the service (line {number}) and no tracer line"),
                "check that this binary has the tracer, and builds it before anything else",
            ),
            None => topic.untried(format!(
                    "`{log}` has no tracer line, and nothing says that it holds the start of the process"
                ),
                "give the log from the start of the process",
            ),
        };
    };
    let raw = banner.raw.as_deref();
    let saw = raw.map_or("a value it does not print".into(), spelled);
    let found =
        format!("its startup line ({log}:{number}) says {}, and that it saw {saw}", state(banner));
    let mut values = manifests.iter().filter_map(|one| match &one.value {
        SettingValue::Literal(value) => Some(value),
        SettingValue::Elsewhere(_) => None,
    });
    if let (Some(raw), Some(other)) = (raw, values.find(|value| Some(value.as_str()) != raw)) {
        let next = "restart the process: it reads the flag once; or the value is set on another app or process group";
        let found = format!("{found}; the manifest says {}", spelled(other));
        if raw != other {
            return topic.failed(found, next);
        }
    }
    if banner.enabled {
        topic.passed(found)
    } else {
        topic.failed(found, format!("what switches recording on: {}", enabling(flag)))
    }
}

fn state(banner: &Banner) -> &'static str {
    if banner.enabled { "that tracing is on" } else { "that tracing is off" }
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
    fn only_a_value_that_counts_passes() {
        let elsewhere = FlagSetting {
            location: String::new(),
            value: SettingValue::Elsewhere("a secret".into()),
        };
        for (settings, outcome, said) in [
            (vec![value("true")], CheckResult::Passed, "it is true under env"),
            (vec![value("true"), elsewhere.clone()], CheckResult::Passed, "it is true"),
            (vec![value("TRUE")], CheckResult::Failed, "which means on and does not count"),
            (vec![value("true ")], CheckResult::Failed, "\"true \""),
            (vec![value("false")], CheckResult::Failed, "which is off"),
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
            assert!(check.found.contains(said), "{check:?}");
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
        for (seen, manifests, outcome, said) in [
            (log(Some(banner("true")), None), vec![value("true")], CheckResult::Passed, "x.log:3"),
            (
                log(Some(banner("")), None),
                vec![value("true")],
                CheckResult::Failed,
                "the manifest says true",
            ),
            (log(Some(banner("1")), None), Vec::new(), CheckResult::Failed, "that it saw 1"),
            (log(None, Some(7)), Vec::new(), CheckResult::Failed, "line 7"),
            (
                log(None, None),
                Vec::new(),
                CheckResult::Untried,
                "nothing says that it holds the start",
            ),
        ] {
            let check = check_startup(&flag(), &seen, &manifests);
            assert_eq!(check.outcome, outcome, "{check:?}");
            assert!(check.found.contains(said), "{check:?}");
        }
    }
}
