//! The configuration. Flags are read through a function, so that tests need not set environment
//! variables.

use std::fmt;
use std::time::Duration;

use super::mask::mask_url;
use super::parse;
use super::setting::{Setting, Source};

/// The router that `ENABLE_HYBRID_DEFAULT=1` selects.
const DEFAULT_BASE: &str = "http://127.0.0.1:8000";
/// Default timeout of the router, in seconds.
const DEFAULT_TIMEOUT: u64 = 300;
const DEFAULT_PORT: &str = "8090";

/// The configuration of the runner.
#[derive(Debug, Clone)]
pub struct Config {
    /// Whether spans are recorded: `ENABLE_DB_TRACING`.
    pub tracing: Switch,
    /// The router that answers questions.
    pub router: RouterChoice,
    /// Timeout for the answer to one question.
    pub router_timeout: Duration,
    /// The address to listen on, as `host:port`.
    pub listen: String,
    /// The level of the log.
    pub log_level: LogLevel,
    /// The database of jobs, executions and spans.
    pub database_url: DatabaseUrl,
    /// One entry per flag, in the order in which they are printed.
    pub settings: Vec<Setting>,
    /// The invalid flags that prevent the start; empty if there are none.
    pub errors: Vec<ConfigError>,
}

/// A flag that is on or off, and its raw value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Switch {
    /// The raw value; `None` if unset.
    pub raw: Option<String>,
    /// Whether the switch is on.
    pub on: bool,
}

/// The router that answers questions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RouterChoice {
    /// The router at this base URL, without trailing slashes.
    BaseUrl(String),
    /// No router: `HYBRID_ROUTER_DISABLE` is `true`.
    Disabled,
    /// No router: no flag names a router.
    NotConfigured,
}

/// The level of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogLevel {
    /// Logs everything.
    Debug,
    /// Logs each step of a job, warnings and errors.
    Info,
    /// Logs warnings and errors.
    Warn,
    /// Logs errors.
    Error,
}

impl LogLevel {
    /// Returns the name of the level.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        match text {
            "debug" => Some(Self::Debug),
            "info" => Some(Self::Info),
            "warn" | "warning" => Some(Self::Warn),
            "error" => Some(Self::Error),
            _ => None,
        }
    }
}

/// A database URL whose `Debug` and `Display` mask the password.
#[derive(Clone, PartialEq, Eq)]
pub struct DatabaseUrl(String);

impl DatabaseUrl {
    /// Returns the URL with its password, for connecting.
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

/// A flag has an invalid value, so the runner can't start.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{flag} {reason}")]
pub struct ConfigError {
    /// The name of the flag.
    pub flag: &'static str,
    /// What is wrong with the value.
    pub reason: String,
}

/// Returns the value of an environment variable, for [`Config::read`]; `None` if unset.
#[expect(clippy::disallowed_methods, reason = "the only place that reads environment variables")]
pub fn environment(name: &str) -> Option<String> {
    std::env::var_os(name).map(|value| value.to_string_lossy().into_owned())
}

impl Config {
    /// Reads every flag. Never fails: an invalid URL or address is listed in `errors`; for an invalid
    /// timeout or log level, another value is used.
    pub fn read(lookup: impl Fn(&str) -> Option<String>) -> Self {
        let (tracing, tracing_line) = parse::switch(
            "ENABLE_DB_TRACING",
            lookup("ENABLE_DB_TRACING"),
            "true",
            ["disabled", "enabled"],
        );
        let mut settings = vec![tracing_line];
        let mut errors = Vec::new();
        let router = read_router(&lookup, &mut settings, &mut errors);
        let router_timeout = read_timeout(&lookup, &mut settings);
        let listen = read_listen(lookup("HTTP_PORT"), &mut settings, &mut errors);
        let (log_level, level_line) = parse::log_level(lookup("LOG_LEVEL"));
        settings.push(level_line);
        let database_url = read_database(lookup("DATABASE_URL"), &mut settings, &mut errors);
        Self { tracing, router, router_timeout, listen, log_level, database_url, settings, errors }
    }
}

fn read_router(
    lookup: &impl Fn(&str) -> Option<String>,
    settings: &mut Vec<Setting>,
    errors: &mut Vec<ConfigError>,
) -> RouterChoice {
    let mut bases = ["HYBRID_BASE", "HYBRID_ROUTER_URL"].map(|flag| {
        let raw = lookup(flag);
        let parsed = parse::base_url(raw.as_deref().unwrap_or_default());
        let setting = parse::url_setting(flag, raw.as_deref(), &parsed);
        if let (Err(reason), Some(raw)) = (&parsed, &setting.raw) {
            errors.push(ConfigError {
                flag,
                reason: format!("is not a base URL: `{raw}`: {reason}"),
            });
        }
        (parsed.ok().flatten(), setting)
    });
    if bases[0].0.is_some() && bases[1].0.is_some() {
        bases[1].1.effective = "none".into();
        bases[1].1.note = Some("HYBRID_BASE takes precedence".into());
    }
    let (disable, disable_line) = parse::switch(
        "HYBRID_ROUTER_DISABLE",
        lookup("HYBRID_ROUTER_DISABLE"),
        "true",
        ["router-allowed", "router-disabled"],
    );
    let (default, default_line) = parse::switch(
        "ENABLE_HYBRID_DEFAULT",
        lookup("ENABLE_HYBRID_DEFAULT"),
        "1",
        ["no-default-router", DEFAULT_BASE],
    );
    let [(first, first_line), (second, second_line)] = bases;
    settings.extend([first_line, second_line, disable_line, default_line]);
    match first.or(second).or_else(|| default.on.then(|| DEFAULT_BASE.to_owned())) {
        _ if disable.on => RouterChoice::Disabled,
        Some(base) => RouterChoice::BaseUrl(base),
        None => RouterChoice::NotConfigured,
    }
}

fn read_timeout(lookup: &impl Fn(&str) -> Option<String>, settings: &mut Vec<Setting>) -> Duration {
    let timeouts = ["HYBRID_ROUTER_TIMEOUT", "HYBRID_TIMEOUT"].map(|flag| {
        let raw = lookup(flag);
        let seconds = parse::seconds(raw.as_deref().unwrap_or_default());
        (flag, raw, seconds)
    });
    let chosen = timeouts.iter().find_map(|(flag, _, value)| Some((*flag, value.clone().ok()??)));
    let effective = chosen.map_or(DEFAULT_TIMEOUT, |(_, seconds)| seconds);
    settings.extend(timeouts.into_iter().map(|(name, raw, value)| {
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
    errors: &mut Vec<ConfigError>,
) -> String {
    let name = "HTTP_PORT";
    let value = raw.as_deref().filter(|text| !text.is_empty());
    let source = if value.is_some() { Source::Environment } else { Source::Default };
    let parsed = parse::listen_address(value.unwrap_or(DEFAULT_PORT));
    let (effective, source, note) = match &parsed {
        Ok(address) => (address.clone(), source, None),
        Err(reason) => ("none".into(), Source::Invalid, Some(reason.clone())),
    };
    if let (Err(reason), Some(text)) = (&parsed, value) {
        errors.push(ConfigError {
            flag: name,
            reason: format!("is not `n`, `:n` or `host:n`: {text:?}: {reason}"),
        });
    }
    settings.push(Setting { name, raw, effective, source, note });
    parsed.unwrap_or_default()
}

fn read_database(
    raw: Option<String>,
    settings: &mut Vec<Setting>,
    errors: &mut Vec<ConfigError>,
) -> DatabaseUrl {
    let flag = "DATABASE_URL";
    let parsed = parse::database_url(raw.as_deref());
    if let Err(reason) = &parsed {
        errors.push(ConfigError { flag, reason: reason.clone() });
    }
    settings.push(parse::url_setting(flag, raw.as_deref(), &parsed));
    DatabaseUrl(raw.unwrap_or_default())
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
