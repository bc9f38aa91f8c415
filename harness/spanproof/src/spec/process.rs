//! The processes of a case: how each one is started, becomes ready and is stopped.

use std::collections::BTreeMap;

use nix::sys::signal::Signal;
use schemars::JsonSchema;
use serde::Deserialize;

/// `[[process]]`: one more process of a case, started before or after the service.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Process {
    /// The name, which is also that of its port: `{port:NAME}`.
    pub name: String,
    /// The command that starts the process, with placeholders.
    pub command: Vec<String>,
    /// The environment, with placeholders. A process under test also gets `[service.env]` and the
    /// flags.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// Variables of the caller that the process gets, too.
    #[serde(default)]
    pub inherit: Vec<String>,
    /// The working folder, relative to the spec; the folder of the spec by default.
    pub cwd: Option<String>,
    /// Whether the process is only needed by the service and not under test, as a broker is. The
    /// flags and faults do not concern it, and its output is not judged.
    #[serde(default)]
    pub helper: bool,
    /// Whether all cases share the helper: it is started once, before the first case.
    #[serde(default)]
    pub shared: bool,
    /// Whether the process is started before the service. By default only helpers are.
    pub before: Option<bool>,
    /// When the process is ready. Without it, nothing waits for the process.
    pub ready: Option<Ready>,
    /// How the process is stopped.
    #[serde(default)]
    pub stop: Stop,
}

impl Process {
    /// Returns every text that may have placeholders.
    pub(crate) fn texts(&self) -> impl Iterator<Item = &str> {
        let tcp = self.ready.iter().filter_map(|ready| ready.tcp.as_ref());
        let texts = self.command.iter().chain(self.env.values()).chain(&self.cwd).chain(tcp);
        texts.map(String::as_str)
    }

    /// Returns whether the process is started before the service.
    pub(crate) fn starts_before_service(&self) -> bool {
        self.before.unwrap_or(self.helper)
    }
}

/// When the service is ready: one of four conditions, and a deadline.
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

/// How the service is stopped.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub(crate) struct Stop {
    /// The time between the signal and SIGKILL, in milliseconds.
    pub grace_ms: u64,
    /// The signal that asks the service to stop.
    pub signal: StopSignal,
    /// Exit codes that are a clean stop, besides 0 and 128 plus the signal's number.
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
    /// Whether this exit code is a clean end, whether or not a signal was sent.
    pub(crate) fn is_clean(&self, code: i32) -> bool {
        code == 0 || self.clean.contains(&code)
    }
}

impl Ready {
    /// Returns how many conditions are given. One is needed.
    pub(crate) fn condition_count(&self) -> usize {
        [&self.http, &self.line, &self.sql, &self.tcp].iter().filter(|one| one.is_some()).count()
    }
}
