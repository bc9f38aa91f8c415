//! The sections of a spec file, as values.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;

use super::{Condition, Intent, Value};

/// `[service]`: what is started, and how.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Service {
    /// The service's name, as its spans carry it.
    pub name: String,
    /// Build and start a binary of this cargo workspace.
    pub cargo: Option<Cargo>,
    /// A command that builds it, run once.
    #[serde(default)]
    pub build: Vec<String>,
    /// The command that starts it, unless `cargo` says.
    #[serde(default)]
    pub command: Vec<String>,
    /// Its environment besides the flags. `{database.url}`, `{upstream.url}` and `{port}` stand
    /// for what each case gets.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// Where its HTTP interface is.
    #[serde(default = "loopback")]
    pub url: String,
    /// When it is ready.
    pub ready: Ready,
    /// How it is stopped.
    #[serde(default)]
    pub stop: Stop,
    /// How long a job may take, in milliseconds.
    #[serde(default = "ten_seconds")]
    pub settle_ms: u64,
    /// How long after the end of its job a span may be on its way, in milliseconds: a service
    /// that collects spans writes them, or says that it could not, within this time.
    #[serde(default = "five_seconds")]
    pub flush_ms: u64,
}

/// A binary of a cargo workspace.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Cargo {
    /// The binary's name.
    pub bin: String,
}

/// When the service is ready: one of three conditions, within a deadline.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Ready {
    /// This path answers with a success.
    pub http: Option<String>,
    /// One of its output lines matches this pattern.
    pub line: Option<String>,
    /// This query gives a row whose first column is true.
    pub sql: Option<String>,
    /// The deadline in milliseconds.
    #[serde(default = "ten_seconds")]
    pub timeout_ms: u64,
}

/// How the service is stopped.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Stop {
    /// Milliseconds between SIGTERM and SIGKILL.
    pub grace_ms: u64,
}

impl Default for Stop {
    fn default() -> Self {
        Self { grace_ms: 5_000 }
    }
}

/// `[database]`: the disposable Postgres.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub(crate) struct Database {
    /// The folder with the migrations.
    pub migrations: PathBuf,
    /// `auto`, a URL, `binaries`, `binaries:FOLDER`, `docker`, `docker:IMAGE`, `download` or
    /// `download:VERSION`.
    pub source: String,
    /// The major version it must have, as a number or as a text.
    #[serde(deserialize_with = "major")]
    pub version: Option<u32>,
    /// The platform of a container, such as `linux/amd64`.
    pub platform: Option<String>,
    /// SQL files that are run in each case's database before the service starts.
    pub seed: Vec<PathBuf>,
}

impl Default for Database {
    fn default() -> Self {
        Self {
            migrations: "migrations".into(),
            source: "auto".into(),
            version: None,
            platform: None,
            seed: Vec::new(),
        }
    }
}

/// `[[route]]`: one way to submit a job.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Route {
    /// Its name.
    pub name: String,
    /// The HTTP path that jobs are posted to.
    pub path: String,
    /// The JSON body; `"{job}"` stands for the job, `"{job:/pointer}"` for a part of it.
    #[serde(default = "whole_job")]
    pub body: String,
}

/// `[[upstream]]`: one behaviour of the fake upstream.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct UpstreamRule {
    /// Its name.
    pub name: String,
    /// Its behaviour file.
    pub file: PathBuf,
}

/// `[[job]]`: one job to submit.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Job {
    /// Its name.
    pub name: String,
    /// Its JSON file.
    pub file: PathBuf,
    /// How many units it has.
    pub units: usize,
    /// Where in the file its id stands, as a JSON pointer: a second job of one case gets an id of
    /// its own there. Without it the same text is submitted again.
    pub id: Option<String>,
}

/// `[[flag]]`: an environment variable that changes the service.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Flag {
    /// The variable.
    pub(crate) name: String,
    /// The values it is run with.
    pub(crate) values: Vec<Value>,
    /// The value that stands for "nothing special"; cases with it are named as if the flag were
    /// not in the spec. Unset by default, or the first value where unset is not among them.
    pub(crate) default: Option<Value>,
    /// Whether this flag switches the recording of spans.
    #[serde(default)]
    pub(crate) tracing: bool,
    /// The values that the service promises to read as on. Without it every value that means on
    /// is expected to record.
    pub(crate) enables: Option<Vec<Value>>,
}

impl Flag {
    /// The variable.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The value that stands for "nothing special".
    pub fn default_value(&self) -> Value {
        let first = || self.values.first().cloned().unwrap_or(Value::Unset);
        match &self.default {
            Some(value) => value.clone(),
            None if self.values.contains(&Value::Unset) => Value::Unset,
            None => first(),
        }
    }

    /// Whether spans must be recorded under `value`.
    pub fn records(&self, value: &Value) -> bool {
        match &self.enables {
            Some(values) => values.contains(value),
            None => value.intent() == Intent::On,
        }
    }
}

/// `[matrix]`: which combinations are run.
#[derive(Debug, Clone)]
pub(crate) struct Matrix {
    /// More cases than this are refused.
    pub limit: usize,
    /// Combinations that are left out.
    pub exclude: Vec<Condition>,
    /// Values that are fixed.
    pub pin: Condition,
}

/// `[[span]]`: a span that each unit should leave.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SpanRule {
    /// Its operation.
    pub operation: String,
    /// The operation of its parent; the one without a parent is the unit's own span.
    pub parent: Option<String>,
    /// It is expected only where this holds.
    #[serde(default)]
    pub when: Condition,
    /// It is not expected where this holds.
    pub unless: Option<Condition>,
}

/// `[startup]`: what the service prints until it is ready.
#[derive(Debug, Clone, Default)]
pub(crate) struct Startup {
    /// The folder with one snapshot per combination of flags.
    pub snapshots: Option<PathBuf>,
    /// What varies and is replaced.
    pub redact: Vec<Redaction>,
}

/// Text that varies from run to run, and the placeholder that stands for it.
#[derive(Debug, Clone)]
pub(crate) struct Redaction {
    /// What varies.
    pub pattern: regex::Regex,
    /// The placeholder's name, shown as `[NAME]`.
    pub name: String,
}

/// A major version: `16` and `"16"` are the same.
fn major<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    struct Major;
    impl serde::de::Visitor<'_> for Major {
        type Value = u32;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("a major version of PostgreSQL, such as `16` or `\"16\"`")
        }

        fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<u32, E> {
            let unexpected = serde::de::Unexpected::Signed(number);
            u32::try_from(number).map_err(|_| E::invalid_value(unexpected, &self))
        }

        fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<u32, E> {
            let unexpected = serde::de::Unexpected::Str(text);
            text.parse().map_err(|_| E::invalid_value(unexpected, &self))
        }
    }
    deserializer.deserialize_any(Major).map(Some)
}

fn loopback() -> String {
    "http://127.0.0.1:{port}".into()
}

fn whole_job() -> String {
    "\"{job}\"".into()
}

/// The delay of a batch that most exporters have by default.
fn five_seconds() -> u64 {
    5_000
}

fn ten_seconds() -> u64 {
    10_000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_a_number_or_a_text() {
        let version = |text: &str| toml::from_str::<Database>(text).unwrap().version;
        assert_eq!(version("version = 16"), Some(16));
        assert_eq!(version("version = \"16\""), Some(16));
        assert_eq!(version(""), None);
    }
}
