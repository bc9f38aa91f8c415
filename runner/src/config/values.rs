//! The configuration as values, read from a lookup: no environment is needed to test it.

use std::fmt;
use std::time::Duration;

use super::mask::mask_url;
use super::reading;
use super::setting::{Setting, Source};

const DEFAULT_BASE: &str = "http://127.0.0.1:8000";
const DEFAULT_TIMEOUT: u64 = 300;
const DEFAULT_PORT: &str = "8090";

/// Everything the environment decides.
#[derive(Debug, Clone)]
pub struct Config {
    /// `ENABLE_DB_TRACING`.
    pub tracing: Switch,
    /// Where questions go.
    pub router: RouterChoice,
    /// How long one question may wait for its answer.
    pub router_timeout: Duration,
    /// The address to listen on.
    pub listen: String,
    /// What is logged.
    pub log_level: LogLevel,
    /// The database of jobs, executions and spans.
    pub database_url: DatabaseUrl,
    /// One line per flag, in the order they are printed.
    pub settings: Vec<Setting>,
    /// What forbids to start.
    pub problems: Vec<Problem>,
}

/// A flag with two positions, and the text it was set by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Switch {
    /// The text as found; `None` is unset.
    pub raw: Option<String>,
    /// Whether it is on.
    pub on: bool,
}

/// Which router answers questions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RouterChoice {
    /// This one; no slash at the end.
    At(String),
    /// None: `HYBRID_ROUTER_DISABLE` is `true`.
    Disabled,
    /// None: no flag names one.
    NotConfigured,
}

/// What is logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogLevel {
    /// Everything.
    Debug,
    /// Each step of a job.
    Info,
    /// What may be wrong.
    Warn,
    /// What is wrong.
    Error,
}

impl LogLevel {
    /// The name of the level.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }

    pub(super) fn named(text: &str) -> Option<Self> {
        match text {
            "debug" => Some(Self::Debug),
            "info" => Some(Self::Info),
            "warn" | "warning" => Some(Self::Warn),
            "error" => Some(Self::Error),
            _ => None,
        }
    }
}

/// A database URL that never shows its password.
#[derive(Clone, PartialEq, Eq)]
pub struct DatabaseUrl(String);

impl DatabaseUrl {
    /// The URL with its password, for connecting.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&mask_url(&self.0))
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DatabaseUrl({self})")
    }
}

/// A flag the runner can't start with.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{flag} {reason}")]
pub struct Problem {
    /// The flag.
    pub flag: &'static str,
    /// What is wrong with its value.
    pub reason: String,
}

/// The process's environment, as a lookup for [`Config::read`].
#[expect(clippy::disallowed_methods, reason = "`config` is where the runner reads variables")]
pub fn environment(name: &str) -> Option<String> {
    std::env::var_os(name).map(|value| value.to_string_lossy().into_owned())
}

impl Config {
    /// Reads every flag. Never fails: what is wrong is told line by line and kept in `problems`.
    pub fn read(lookup: impl Fn(&str) -> Option<String>) -> Self {
        let (tracing, tracing_line) = reading::switch(
            "ENABLE_DB_TRACING",
            lookup("ENABLE_DB_TRACING"),
            "true",
            ["disabled", "enabled"],
        );
        let mut settings = vec![tracing_line];
        let mut problems = Vec::new();
        let router = read_router(&lookup, &mut settings, &mut problems);
        let router_timeout = read_timeout(&lookup, &mut settings);
        let listen = read_listen(lookup("HTTP_PORT"), &mut settings, &mut problems);
        let (log_level, level_line) = reading::log_level(lookup("LOG_LEVEL"));
        settings.push(level_line);
        let database_url = read_database(lookup("DATABASE_URL"), &mut settings, &mut problems);
        Self {
            tracing,
            router,
            router_timeout,
            listen,
            log_level,
            database_url,
            settings,
            problems,
        }
    }
}

fn read_router(
    lookup: &impl Fn(&str) -> Option<String>,
    settings: &mut Vec<Setting>,
    problems: &mut Vec<Problem>,
) -> RouterChoice {
    let mut bases = ["HYBRID_BASE", "HYBRID_ROUTER_URL"].map(|flag| {
        let raw = lookup(flag);
        let read = reading::base(raw.as_deref().unwrap_or_default());
        let setting = reading::url_setting(flag, raw.as_deref(), &read);
        if let (Err(reason), Some(shown)) = (&read, &setting.raw) {
            problems
                .push(Problem { flag, reason: format!("is not a base URL: `{shown}`: {reason}") });
        }
        (read.ok().flatten(), setting)
    });
    if bases[0].0.is_some() && bases[1].0.is_some() {
        bases[1].1.effective = "none".into();
        bases[1].1.note = Some("HYBRID_BASE goes first".into());
    }
    let (disable, disable_line) = reading::switch(
        "HYBRID_ROUTER_DISABLE",
        lookup("HYBRID_ROUTER_DISABLE"),
        "true",
        ["router-allowed", "router-disabled"],
    );
    let (default, default_line) = reading::switch(
        "ENABLE_HYBRID_DEFAULT",
        lookup("ENABLE_HYBRID_DEFAULT"),
        "1",
        ["no-default-router", DEFAULT_BASE],
    );
    let [(first, first_line), (second, second_line)] = bases;
    settings.extend([first_line, second_line, disable_line, default_line]);
    match first.or(second).or_else(|| default.on.then(|| DEFAULT_BASE.to_owned())) {
        _ if disable.on => RouterChoice::Disabled,
        Some(base) => RouterChoice::At(base),
        None => RouterChoice::NotConfigured,
    }
}

fn read_timeout(lookup: &impl Fn(&str) -> Option<String>, settings: &mut Vec<Setting>) -> Duration {
    let read = ["HYBRID_ROUTER_TIMEOUT", "HYBRID_TIMEOUT"].map(|flag| {
        let raw = lookup(flag);
        let seconds = reading::seconds(raw.as_deref().unwrap_or_default());
        (flag, raw, seconds)
    });
    let chosen = read.iter().find_map(|(flag, _, value)| Some((*flag, value.clone().ok()??)));
    let effective = chosen.map_or(DEFAULT_TIMEOUT, |(_, seconds)| seconds);
    settings.extend(read.into_iter().map(|(name, raw, value)| {
        let source = match chosen {
            Some((flag, _)) if flag == name => Source::Environment,
            _ if value.is_err() => Source::Invalid,
            Some((flag, _)) => Source::Flag(flag),
            None => Source::Default,
        };
        Setting { name, raw, effective: format!("{effective}s"), source, note: value.err() }
    }));
    Duration::from_secs(effective)
}

fn read_listen(
    raw: Option<String>,
    settings: &mut Vec<Setting>,
    problems: &mut Vec<Problem>,
) -> String {
    let name = "HTTP_PORT";
    let given = raw.as_deref().filter(|text| !text.is_empty());
    let source = if given.is_some() { Source::Environment } else { Source::Default };
    let read = reading::listen(given.unwrap_or(DEFAULT_PORT));
    let (effective, source, note) = match &read {
        Ok(address) => (address.clone(), source, None),
        Err(reason) => ("none".into(), Source::Invalid, Some(reason.clone())),
    };
    if let (Err(reason), Some(text)) = (&read, given) {
        problems.push(Problem {
            flag: name,
            reason: format!("is not `n`, `:n` or `host:n`: {text:?}: {reason}"),
        });
    }
    settings.push(Setting { name, raw, effective, source, note });
    read.unwrap_or_default()
}

fn read_database(
    raw: Option<String>,
    settings: &mut Vec<Setting>,
    problems: &mut Vec<Problem>,
) -> DatabaseUrl {
    let flag = "DATABASE_URL";
    let read = reading::database(raw.as_deref());
    if let Err(reason) = &read {
        problems.push(Problem { flag, reason: reason.clone() });
    }
    settings.push(reading::url_setting(flag, raw.as_deref(), &read));
    DatabaseUrl(raw.unwrap_or_default())
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
