//! The process that wrote a line, as named by a log collector or logger. The log of a service may contain the
//! lines of several machines, containers or processes.

use std::fmt;
use std::sync::LazyLock;

use regex::{Captures, Regex};
use serde_json::{Map, Value as Json};

/// A process, machine or container that wrote a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Process {
    /// The part that stays the same when the service restarts, such as a machine, or a host and a program.
    name: String,
    /// The part that changes at each start, such as a process id; empty if there is none.
    instance: String,
}

/// Names of pods: `runner-7f9c5b4d6-x7k2f` of a deployment, `runner-x7k2f` of a daemon set or a job. Pods of
/// a stateful set (`runner-0`) keep their names.
static POD: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"^(?P<name>[a-z0-9.-]+?)-(?P<instance>(?:[a-z0-9]{6,10}-)?[bcdfghjklmnpqrstvwxz2456789]{5})$").ok()
});

/// Words for levels, which are not names of services.
const LEVELS: [&str; 7] = ["trace", "debug", "info", "notice", "warn", "warning", "error"];

/// Paths of keys in JSON and logfmt that name a pod.
const PODS: [&str; 7] = [
    "kubernetes.pod_name",
    "kubernetes.pod.name",
    "resource.labels.pod_name",
    "labels.pod",
    "k8s.pod.name",
    "pod_name",
    "pod",
];
/// Paths of keys whose values stay the same when the service restarts.
const NAMES: [&str; 20] = [
    "fly.app.instance",
    "instance",
    "machine_id",
    "dyno",
    "container_name",
    "CONTAINER_NAME",
    "container.name",
    "container_id",
    "container.id",
    "labels.container",
    "labels.instanceId",
    "ecs_task_arn",
    "logStreamName",
    "logStream",
    "_HOSTNAME",
    "syslog.host",
    "syslog.hostname",
    "host.hostname",
    "host.name",
    "hostname",
];
/// Paths of keys that name the program on a host.
const PROGRAMS: [&str; 4] = ["_SYSTEMD_UNIT", "SYSLOG_IDENTIFIER", "syslog.appname", "program"];
/// Paths of keys of process ids.
const IDS: [&str; 6] = ["_PID", "syslog.procid", "process.pid", "pid", "PID", "process_id"];

impl Process {
    /// Returns the process that a prefix names; `None` if it names none.
    pub(super) fn from_captures(found: &Captures<'_>) -> Option<Self> {
        let text = |name: &str| found.name(name).map_or("", |part| part.as_str());
        if let Some(pod) = found.name("pod") {
            return Some(Self::from_pod(pod.as_str()));
        }
        Self::new(text("process"), text("instance"))
    }

    /// Returns the process that the keys of a JSON object or of pairs name; `None` if they name none.
    pub(super) fn from_fields(fields: &Map<String, Json>) -> Option<Self> {
        let first = |paths: &[&str]| paths.iter().find_map(|path| text_at(fields, path));
        if let Some(pod) = first(&PODS) {
            return Some(Self::from_pod(&pod));
        }
        let name = [first(&NAMES), first(&PROGRAMS)].into_iter().flatten().collect::<Vec<_>>();
        Self::new(&name.join(" "), &first(&IDS).unwrap_or_default())
    }

    fn new(name: &str, instance: &str) -> Option<Self> {
        // Before a bar or a time, a level looks like the name of a service.
        let is_level = name.chars().all(|c| c.is_ascii_uppercase())
            || LEVELS.iter().any(|level| name.eq_ignore_ascii_case(level));
        let is_nil = |text: &str| text.is_empty() || text == "-";
        let instance = if is_nil(instance) { "" } else { instance };
        let (name, instance) = (name.trim().to_owned(), instance.to_owned());
        (!is_level && !is_nil(&name) || !instance.is_empty()).then_some(Self { name, instance })
    }

    fn from_pod(pod: &str) -> Self {
        let parts = POD.as_ref().and_then(|pattern| pattern.captures(pod));
        let part = |name| Some(parts.as_ref()?.name(name)?.as_str().to_owned());
        Self {
            name: part("name").unwrap_or_else(|| pod.to_owned()),
            instance: part("instance").unwrap_or_default(),
        }
    }

    /// Combines the processes that an outer and an inner wrapper (prefix or JSON of a tool) of a line name.
    /// Returns the outer process if it has an instance, and the inner one if both have the same name.
    /// Otherwise joins their names, such as a machine and a program on it.
    pub(super) fn around(self, inner: Self) -> Self {
        if !self.instance.is_empty() || self.name == inner.name {
            return if self.instance.is_empty() { inner } else { self };
        }
        let name = format!("{} {}", self.name, inner.name).trim().to_owned();
        Self { name, ..inner }
    }
}

/// Writes the process, such as `web-1 runner[812]`.
impl fmt::Display for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        if self.instance.is_empty() { Ok(()) } else { write!(f, "[{}]", self.instance) }
    }
}

/// Returns the string or number at a path of keys that are joined by dots. Several keys of the path may also
/// be one key that contains the dots.
fn text_at(fields: &Map<String, Json>, path: &str) -> Option<String> {
    let value = fields.get(path).or_else(|| {
        let (key, rest) = path.split_once('.')?;
        let mut object = fields.get(key)?.as_object()?;
        let mut rest = rest;
        loop {
            if let Some(value) = object.get(rest) {
                return Some(value);
            }
            let (key, after) = rest.split_once('.')?;
            (object, rest) = (object.get(key)?.as_object()?, after);
        }
    })?;
    match value {
        Json::String(text) if !text.is_empty() => Some(text.clone()),
        Json::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::super::{Format, parse_line};

    /// The part in brackets changes at each start.
    #[rstest]
    #[case::flyctl("2025-10-22T12:00:01Z app[148e2d7b] iad [info]x", "148e2d7b")]
    #[case::flyctl_json(r#"{"message":"x","instance":"148e","region":"iad","meta":{}}"#, "148e")]
    #[case::fly_nats(r#"{"message":"x","fly":{"app":{"instance":"148e","name":"a"}}}"#, "148e")]
    #[case::heroku("2025-10-22T12:00:01.0+00:00 app[worker.1]: x", "worker.1")]
    #[case::syslog("<14>1 2025-10-22T12:00:01Z web-1 runner 812 - - x", "web-1 runner[812]")]
    #[case::syslog_without_pid("<14>1 2025-10-22T12:00:01Z web-1 runner - - - x", "web-1 runner")]
    #[case::rfc_3164("Oct 22 12:00:01 web-1 runner[812]: x", "web-1 runner[812]")]
    #[case::logger("<13>Oct 22 12:00:01 runner[812]: x", "runner[812]")]
    #[case::short_full("Wed 2025-10-22 12:00:01 UTC web-1 runner[812]: x", "web-1 runner[812]")]
    #[case::short_unix("1761134401.000000 web-1 runner[812]: x", "web-1 runner[812]")]
    #[case::monotonic("[ 1001.870000] web-1 runner[812]: x", "web-1 runner[812]")]
    #[case::journald_json(
        r#"{"__REALTIME_TIMESTAMP":"1761134401000000","MESSAGE":"x","_HOSTNAME":"web-1","_SYSTEMD_UNIT":"runner.service","_PID":"812"}"#,
        "web-1 runner.service[812]"
    )]
    #[case::compose("runner-1  | x", "runner-1")]
    #[case::level_and_bar("INFO  | x", "")]
    #[case::swarm("runner.1.x7k2@node-2    | x", "runner.1[x7k2@node-2]")]
    #[case::pm2("0|runner  | x", "0|runner")]
    #[case::foreman("12:00:01 web.1     | x", "web.1")]
    #[case::kubectl("[pod/runner-7f9c5b4d6-x7k2f/runner] x", "runner[7f9c5b4d6-x7k2f]")]
    #[case::stateful_set("[pod/runner-0/runner] x", "runner-0")]
    #[case::stern("runner-7f9c5b4d6-x7k2f runner x", "runner[7f9c5b4d6-x7k2f]")]
    #[case::fluent_bit(
        r#"{"log":"x","kubernetes":{"pod_name":"runner-x7k2f","container_name":"runner"}}"#,
        "runner[x7k2f]"
    )]
    #[case::google_cloud(
        r#"{"textPayload":"x","insertId":"a","resource":{"labels":{"pod_name":"runner-7f9c5b4d6-x7k2f"}}}"#,
        "runner[7f9c5b4d6-x7k2f]"
    )]
    #[case::cloud_run(r#"{"textPayload":"x","labels":{"instanceId":"00bf"}}"#, "00bf")]
    #[case::elastic(r#"{"message":"x","host.name":"web-1","process":{"pid":812}}"#, "web-1[812]")]
    #[case::cloudwatch("2025-10-22T12:00:01Z app/runner/5d1f0c2e7a x", "app/runner[5d1f0c2e7a]")]
    #[case::pino(r#"{"level":30,"pid":812,"hostname":"web-1","msg":"x"}"#, "web-1[812]")]
    #[case::logfmt("level=info pod=runner-0 msg=x", "runner-0")]
    #[case::pm2_on_machines(
        "2025-10-22T12:00:01Z app[148e] iad [info] 0|runner  | x",
        "148e 0|runner"
    )]
    #[case::pino_in_syslog(
        r#"Oct 22 12:00:01 web-1 runner[812]: {"level":30,"pid":9,"hostname":"c","msg":"x"}"#,
        "web-1 runner[812]"
    )]
    #[case::plain("2025-10-22T12:00:01Z x", "")]
    fn the_process_of_a_line_is_named(#[case] line: &str, #[case] expected: &str) {
        let entry = parse_line(line, &Format::Detected);
        assert_eq!(entry.text(), "x");
        assert_eq!(entry.process.map(|process| process.to_string()).unwrap_or_default(), expected);
    }
}
