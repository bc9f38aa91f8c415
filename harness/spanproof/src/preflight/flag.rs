//! Checks the tracing flag (the environment variable that switches tracing on) in deploy manifests
//! and in the running process. A *banner* is the line in which the tracer reports at startup whether
//! tracing is on.

use spanproof_format::Check;

use super::check::PendingCheck;
use super::manifest::{Answer, ManifestFlag};
use crate::deployment::{Error, LogQuery, LogStream, read_log};
use crate::observation::{Line, Location, Log, current_startup_lines};
use crate::spec::{Banner, Flag, Intent, Spec, Value};
use spanproof_manifest as manifest;
use spanproof_manifest::Reason;

/// What a log reports about the startup of a running process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Startup {
    /// The name of the log.
    pub(crate) log: String,
    /// Whether the spec has a pattern for the startup line that reports whether tracing is on.
    pub(crate) has_pattern: bool,
    /// The newest startup line that reports whether tracing is on, with its line number; `None` if
    /// the log has no such line.
    pub(crate) banner: Option<(u64, Banner)>,
    /// The number of the newest line that reports a start of the service; `None` if the log has no
    /// such line.
    pub(crate) start_line: Option<u64>,
}

impl Startup {
    /// Reads the startup of a process from its log.
    ///
    /// # Errors
    /// If the log can't be read.
    pub fn read(spec: &Spec, log: LogStream<'_>) -> Result<Self, Error> {
        Ok(Self::from_log(spec, &read_log(spec, log, LogQuery::default(), &mut ())?))
    }

    fn from_log(spec: &Spec, log: &Log) -> Self {
        let all: Vec<Line<'_>> = log.lines.iter().map(Line::from).collect();
        let is_startup = |line: &&Line<'_>| spec.probes.banner(line.text).is_some();
        let startup: Vec<_> = all.iter().filter(is_startup).copied().collect();
        // A line of a process whose tracing is off is preferred, because this process may be the one that
        // does the work.
        let current = current_startup_lines(&startup, &all).into_iter().filter_map(|at| {
            let Location::Log(number) = startup[at].location else { return None };
            Some((at, number, spec.probes.banner(startup[at].text)?))
        });
        // The lines are sorted by time, which may not be the order of their line numbers.
        let banner = current.max_by_key(|(at, _, banner)| (!banner.enabled, *at));
        Self {
            log: log.facts.name.clone(),
            has_pattern: spec.probes.has_tracer(),
            banner: banner.map(|(_, number, banner)| (number, banner)),
            start_line: log.facts.last_start,
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

/// Checks the flag's value in one manifest.
pub fn check_manifest(flag: &Flag, found: &ManifestFlag) -> Check {
    let checked =
        "the environment of the process, computed from the manifest, with its exact spelling";
    let check = PendingCheck::new(format!("{} in {}", flag.name, found.files), checked);
    if let Some(Reason { why, resolve }) = &found.unresolved {
        return check.untried(why, resolve);
    }
    match found.answers.as_slice() {
        [] => check.untried("the manifest has no process", "give the manifest of the service"),
        [one] => check_answer(flag, &check, one, found),
        several => check_answers(flag, &check, several),
    }
}

/// Checks the answer (a value, and the processes that get it) that all selected processes share.
fn check_answer(flag: &Flag, check: &PendingCheck, answer: &Answer, found: &ManifestFlag) -> Check {
    let history = answer.history();
    let mut notes = String::new();
    if !found.ignoring.is_empty() {
        notes = format!("; this line is ignored by {}", found.ignoring.join(", "));
    }
    match &answer.variable.value {
        manifest::Value::Literal(text) => {
            let place = format!("{}{history}{notes}", answer.location());
            check_value(flag, check, text, &place)
        }
        manifest::Value::Unset if flag.records(&Value::Unset) => {
            check.passed(format!("it is not set, which enables recording{history}"))
        }
        manifest::Value::Unset => {
            if !found.others.is_empty() {
                notes = format!("; of the other processes, {}", found.others.join(", "));
            }
            let next = format!("set {} to one of: {}", flag.name, enabling_values(flag));
            check.failed(format!("it is not set{history}{notes}"), next)
        }
        manifest::Value::Refused(reason) => {
            check.failed(format!("{}{history}", reason.why), &reason.resolve)
        }
        manifest::Value::Elsewhere(reason) | manifest::Value::Unknown(reason) => {
            check.untried(format!("{}{history}", reason.why), &reason.resolve)
        }
    }
}

/// Checks different answers: one per process, or one per program that reads a `.env` file.
fn check_answers(flag: &Flag, check: &PendingCheck, answers: &[Answer]) -> Check {
    let describe = |answer: &Answer| {
        let value = match &answer.variable.value {
            manifest::Value::Literal(text) => display_value(text),
            manifest::Value::Unset => "not set".to_owned(),
            manifest::Value::Elsewhere(reason)
            | manifest::Value::Unknown(reason)
            | manifest::Value::Refused(reason) => format!("not known: {}", reason.why),
        };
        format!("{value} for {}{}", answer.names(), answer.history())
    };
    let all: Vec<_> = answers.iter().map(describe).collect();
    let all = all.join("; ");
    let is_reader = answers.iter().any(|answer| answer.role == manifest::Role::Reader);
    if is_reader && let Some(values) = repeated_values(answers) {
        let next = "keep one setting: which value the service gets depends on the program that reads the file";
        return check.failed(format!("it is set more than once: {values}: {all}"), next);
    }
    let fails = |answer: &Answer| match &answer.variable.value {
        manifest::Value::Literal(text) => !flag.records(&Value::Set(text.clone())),
        manifest::Value::Unset => !flag.records(&Value::Unset),
        manifest::Value::Refused(_) => true,
        manifest::Value::Elsewhere(_) | manifest::Value::Unknown(_) => false,
    };
    if answers.iter().all(fails) {
        let next = format!("set {} to one of: {}", flag.name, enabling_values(flag));
        return check.failed(format!("no process has a value that enables recording: {all}"), next);
    }
    let (depends, example) = if is_reader {
        ("the program that reads the file", "reader")
    } else {
        ("the process", "process that runs the service")
    };
    let name =
        answers.iter().flat_map(|answer| &answer.processes).next().cloned().unwrap_or_default();
    let next = format!("select the {example}, such as `--process \"{name}\"`");
    check.untried(format!("it depends on {depends}: {all}"), next)
}

/// Returns the values of a flag that a `.env` file sets more than once; `None` if it is set once.
fn repeated_values(answers: &[Answer]) -> Option<String> {
    answers.iter().find_map(|answer| {
        let set = |step: &&manifest::Step| {
            matches!(step.event, manifest::Event::Set | manifest::Event::Shadowed)
        };
        let steps = answer.variable.steps.iter().filter(set);
        let values: Vec<_> = steps.map(|step| step.note.trim_matches('`')).collect();
        (values.len() > 1).then(|| values.join(", "))
    })
}

/// Checks the only value of the flag in a manifest. `place` is the part of the message after the value: the
/// place of the value, and notes.
fn check_value(flag: &Flag, check: &PendingCheck, text: &str, place: &str) -> Check {
    let value = Value::Set(text.to_owned());
    let found = format!("it is {}{place}", display_value(text));
    if flag.records(&value) {
        return check.passed(found);
    }
    let next = format!("use a value that enables recording: {}", enabling_values(flag));
    match value.intent() {
        Intent::On => {
            let problem = "which a person reads as on, but it does not enable recording";
            check.failed(format!("{found}, {problem}"), next)
        }
        Intent::Off => check.failed(format!("{found}, which means off"), next),
    }
}

/// Formats a value for a message: with secrets masked, and in quotes if a reader would overlook its spaces.
fn display_value(text: &str) -> String {
    Value::Set(crate::mask::text(text)).to_string()
}

/// Checks the flag's value in the running process, and compares it with the manifests.
pub fn check_startup(flag: &Flag, startup: &Startup, manifests: &[ManifestFlag]) -> Check {
    let name = format!("{} in the running process", flag.name);
    let check = PendingCheck::new(
        name,
        "the newest startup line in the log that says whether tracing is on, compared with the manifests",
    );
    if !startup.has_pattern {
        let why = "the spec has no pattern for a startup line that says whether tracing is on";
        return check.untried(why, "set `tracer` and `enabled` under `[probes]`");
    }
    let log = &startup.log;
    let Some((number, banner)) = &startup.banner else {
        return match startup.start_line {
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
    let mut values = manifests.iter().filter_map(ManifestFlag::value);
    if let Some(raw) = raw
        && let Some(other) = values.find(|value| *value != raw)
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

    #[test]
    fn without_a_pattern_for_the_startup_line_the_check_is_not_made() {
        let without = |text: String| {
            let kept = text
                .lines()
                .filter(|line| !line.starts_with("tracer = ") && !line.starts_with("enabled = \""));
            kept.collect::<Vec<_>>().join("\n")
        };
        let spec = crate::spec::example(without);
        let log = LogStream {
            name: "runner.log".into(),
            bytes: Box::new(&b"listening on 127.0.0.1:1\n"[..]),
            zone: None,
            format: None,
        };
        let check = check_startup(&flag(), &Startup::read(&spec, log).unwrap(), &[]);
        assert_eq!(check.outcome, CheckResult::Untried, "{check:?}");
        assert!(check.next.contains("`tracer`"), "{check:?}");
    }

    /// Looks up the tracing flag in a manifest.
    fn look_up(file: &str, text: &str, process: Option<&str>) -> ManifestFlag {
        let spec = Spec::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../spanproof.toml"));
        let files = manifest::MemoryFiles::default().with(file, text);
        let all = manifest::read(&files, &[file.into()], &manifest::Options::default()).unwrap();
        ManifestFlag::new(&spec.unwrap(), &all[0], "ENABLE_DB_TRACING", process, &files)
    }

    fn value(text: &str) -> ManifestFlag {
        look_up("fly.toml", &format!("[env]\nENABLE_DB_TRACING = {text:?}\n"), None)
    }

    #[test]
    fn a_script_that_may_change_the_flag_makes_its_value_unknown() {
        let spec = Spec::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../spanproof.toml"));
        let compose =
            "services:\n  runner:\n    build: .\n    environment: { ENABLE_DB_TRACING: 'true' }\n";
        let files = manifest::MemoryFiles::default()
            .with("compose.yaml", compose)
            .with("Dockerfile", "FROM x\nCOPY . /app\nENTRYPOINT [\"/app/run.sh\"]\n")
            .with("run.sh", "#!/bin/sh\n[ -n \"$SLIM\" ] && unset ENABLE_DB_TRACING\nexec app\n");
        let options = manifest::Options::default();
        let all = manifest::read(&files, &["compose.yaml".into()], &options).unwrap();
        let found = ManifestFlag::new(&spec.unwrap(), &all[0], "ENABLE_DB_TRACING", None, &files);
        let check = check_manifest(&flag(), &found);
        assert_eq!(check.outcome, CheckResult::Untried);
        let text = format!("{check:?}");
        assert!(text.contains("runs the script `run.sh`, which may change it (line 2)"), "{text}");
    }

    #[test]
    fn a_manifest_passes_only_with_a_value_that_enables_recording() {
        for (text, outcome, part) in [
            ("true", CheckResult::Passed, "it is true under env (fly.toml:2)"),
            ("TRUE", CheckResult::Failed, "which a person reads as on, but it does not enable"),
            ("true ", CheckResult::Failed, "\"true \""),
            ("false", CheckResult::Failed, "which means off"),
        ] {
            let check = check_manifest(&flag(), &value(text));
            assert_eq!(check.outcome, outcome, "{check:?}");
            assert!(check.found.contains(part), "{check:?}");
        }
    }

    /// Returns a compose file with a service for each pair of a name and the flag's value.
    fn compose(services: &[(&str, &str)]) -> String {
        let service = |(name, value): &(&str, &str)| match *value {
            "" => format!("  {name}: {{image: x}}\n"),
            value => format!("  {name}: {{environment: [{value}]}}\n"),
        };
        format!("services:\n{}", services.iter().map(service).collect::<String>())
    }

    #[test]
    fn a_flag_that_only_some_processes_have_does_not_pass() {
        const ON: &str = "ENABLE_DB_TRACING=true";
        const OFF: &str = "ENABLE_DB_TRACING=false";
        for (services, process, outcome, part) in [
            (
                &[("runner", ON), ("db", "")][..],
                None,
                CheckResult::Passed,
                "services.runner.environment",
            ),
            (
                &[("a", ON), ("db", "")],
                None,
                CheckResult::Untried,
                "true for `a` (compose.yaml:2); not set for `db`",
            ),
            (&[("a", ON), ("db", "")], Some("a"), CheckResult::Passed, "it is true"),
            (
                &[("a", ON), ("db", "")],
                Some("db"),
                CheckResult::Failed,
                "it is not set; of the other processes, `a` has true (compose.yaml:2)",
            ),
            (
                &[("a", ON), ("db", "")],
                Some("x"),
                CheckResult::Untried,
                "no process `x`; it has `a`, `db`",
            ),
            (&[("a", ON), ("b", ON)], None, CheckResult::Passed, "it is true"),
            (&[("a", ON), ("b", OFF)], None, CheckResult::Untried, "it depends on the process"),
            (
                &[("a", OFF), ("b", "")],
                None,
                CheckResult::Failed,
                "no process has a value that enables recording",
            ),
            (&[("runner", "ENABLE_DB_TRACING")], None, CheckResult::Untried, "it is passed on"),
            (&[("runner", "")], None, CheckResult::Failed, "it is not set"),
        ] {
            let check =
                check_manifest(&flag(), &look_up("compose.yaml", &compose(services), process));
            assert_eq!(check.outcome, outcome, "{check:?}");
            assert!(check.found.contains(part), "{check:?}");
        }
    }

    /// Regression test: the value of another variable was printed.
    #[test]
    fn a_secret_that_is_interpolated_into_the_flag_is_masked() {
        let text = "services: {runner: {environment: [\"ENABLE_DB_TRACING=${DB_PASSWORD}\"]}}\n";
        let spec = Spec::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../spanproof.toml"));
        let files = manifest::MemoryFiles::default()
            .with("compose.yaml", text)
            .with(".env", "DB_PASSWORD=hunter2x\n");
        let options = manifest::Options::default();
        let all = manifest::read(&files, &["compose.yaml".into()], &options).unwrap();
        let found = ManifestFlag::new(&spec.unwrap(), &all[0], "ENABLE_DB_TRACING", None, &files);
        let check = check_manifest(&flag(), &found);
        assert!(check.found.contains("`DB_PASSWORD` is `***`"), "{check:?}");
    }

    #[test]
    fn the_value_in_an_env_file_may_depend_on_the_program_that_reads_it() {
        for (text, process, outcome, part) in [
            ("ENABLE_DB_TRACING=true", None, CheckResult::Passed, "it is true (x.env:1)"),
            (
                "\u{feff}ENABLE_DB_TRACING=true\r\n",
                None,
                CheckResult::Passed,
                "this line is ignored by python-dotenv, systemd, foreman",
            ),
            ("ENABLE_DB_TRACING: true", None, CheckResult::Passed, "it is true (x.env:1)"),
            (
                "ENABLE_DB_TRACING=\"true\"",
                None,
                CheckResult::Untried,
                "it depends on the program that reads the file",
            ),
            ("ENABLE_DB_TRACING=\"true\"", Some("compose"), CheckResult::Passed, "it is true"),
            (
                "ENABLE_DB_TRACING=\"true\"",
                Some("docker run"),
                CheckResult::Failed,
                "does not enable recording",
            ),
            ("ENABLE_DB_TRACING=\"off\"", None, CheckResult::Failed, "no process has a value"),
            (
                "ENABLE_DB_TRACING=true\nexport ENABLE_DB_TRACING=false",
                None,
                CheckResult::Failed,
                "set more than once: true, false",
            ),
            (
                "ENABLE_DB_TRACING=false\nENABLE_DB_TRACING=true",
                None,
                CheckResult::Passed,
                "it replaces `false` of x.env:1",
            ),
            ("A=1", None, CheckResult::Failed, "it is not set"),
        ] {
            let check = check_manifest(&flag(), &look_up("x.env", text, process));
            assert_eq!(check.outcome, outcome, "{check:?}");
            assert!(check.found.contains(part), "{check:?}");
        }
    }

    #[test]
    fn the_running_process_is_compared_with_the_manifest() {
        let banner = |raw: &str| Banner { enabled: raw == "true", raw: Some(raw.into()) };
        let log = |banner: Option<Banner>, start_line| Startup {
            has_pattern: true,
            log: "x.log".into(),
            banner: banner.map(|banner| (3, banner)),
            start_line,
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
