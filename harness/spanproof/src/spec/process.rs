//! `[[process]]`: a process besides the service. Also `ready` and `stop`, the keys of a process and of
//! the service that define when it is ready and how it is stopped.

use std::collections::BTreeMap;

use nix::sys::signal::Signal;
use schemars::JsonSchema;
use serde::Deserialize;

/// `[[process]]`: a process that is started in each case, before or after the service.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Process {
    /// The name of the process, and of its port in `{port:NAME}`.
    pub name: String,
    /// The command that starts the process, with placeholders.
    pub command: Vec<String>,
    /// The environment, with placeholders. A process that is not a helper also gets `[service.env]` and the
    /// flags.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// Variables of spanproof's own environment that the process also gets.
    #[serde(default)]
    pub inherit: Vec<String>,
    /// The working folder, relative to the spec; the folder of the spec by default.
    pub cwd: Option<String>,
    /// Whether the process is not under test, but the service needs it, such as a broker. A helper does not
    /// get the flags, faults do not kill it, and its output is not judged.
    #[serde(default)]
    pub helper: bool,
    /// Whether all cases share the process, which must be a helper. A shared process is started once, before
    /// the first case.
    #[serde(default)]
    pub shared: bool,
    /// Whether the process is started before the service. The default is `true` for a helper and
    /// `false` for any other process.
    pub before: Option<bool>,
    /// When the process is ready. Without this key, spanproof does not wait for the process.
    pub ready: Option<Ready>,
    /// How the process is stopped.
    #[serde(default)]
    pub stop: Stop,
}

impl Process {
    /// Returns every string that may have placeholders.
    pub(crate) fn texts(&self) -> impl Iterator<Item = &str> {
        let tcp = self.ready.iter().filter_map(|ready| ready.tcp.as_ref());
        let texts = self.command.iter().chain(self.env.values()).chain(&self.cwd).chain(tcp);
        texts.map(String::as_str)
    }

    /// Whether the process is started before the service.
    pub(crate) fn starts_before_service(&self) -> bool {
        self.before.unwrap_or(self.helper)
    }
}

/// When a process is ready: exactly one of four conditions, and a deadline.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub(crate) struct Ready {
    /// A path that answers with a success status.
    pub http: Option<String>,
    /// A pattern that matches an output line.
    pub line: Option<String>,
    /// A query that returns a row whose first column is true.
    pub sql: Option<String>,
    /// An address that accepts TCP connections: `{port}`, `{port:NAME}` or `host:port`.
    pub tcp: Option<String>,
    /// The deadline in milliseconds.
    pub timeout_ms: u64,
}

impl Default for Ready {
    fn default() -> Self {
        Self { http: None, line: None, sql: None, tcp: None, timeout_ms: 10_000 }
    }
}

/// How a process is stopped.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub(crate) struct Stop {
    /// The time between the signal and SIGKILL, in milliseconds.
    pub grace_ms: u64,
    /// The signal that asks the process to stop.
    pub signal: StopSignal,
    /// Exit codes that mean a clean stop, besides 0, and besides 128 plus the number of the signal.
    pub clean: Vec<i32>,
}

/// A signal that asks a process to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
pub(crate) enum StopSignal {
    #[serde(rename = "SIGTERM")]
    Terminate,
    #[serde(rename = "SIGINT")]
    Interrupt,
    #[serde(rename = "SIGQUIT")]
    Quit,
    #[serde(rename = "SIGHUP")]
    HangUp,
}

impl Default for Stop {
    fn default() -> Self {
        Self { grace_ms: 5_000, signal: StopSignal::Terminate, clean: Vec::new() }
    }
}

impl Stop {
    /// Returns the signal that asks the process to stop.
    pub(crate) fn signal(&self) -> Signal {
        match self.signal {
            StopSignal::Terminate => Signal::SIGTERM,
            StopSignal::Interrupt => Signal::SIGINT,
            StopSignal::Quit => Signal::SIGQUIT,
            StopSignal::HangUp => Signal::SIGHUP,
        }
    }
}

impl Stop {
    /// Whether this exit code means a clean stop even if no signal was sent.
    pub(crate) fn is_clean(&self, code: i32) -> bool {
        code == 0 || self.clean.contains(&code)
    }
}

impl Ready {
    /// Returns the number of conditions in the spec: 1 in a valid spec, or 0 for a `one-shot` service.
    pub(crate) fn condition_count(&self) -> usize {
        [&self.http, &self.line, &self.sql, &self.tcp].iter().filter(|key| key.is_some()).count()
    }
}
