//! Parses the values of flags: pure functions from the text of a flag to a value. Some also return
//! the [`Setting`], the line about the flag in the startup output.

use reqwest::Url;

use super::mask::mask_url;
use super::setting::{Setting, Source};
use super::values::{LogLevel, Switch};

/// Parses a switch. It is on only if the raw value is exactly `on_value`, such as `true`.
/// `effective_values` are the texts to print for off and for on, in this order.
pub(super) fn switch(
    name: &'static str,
    raw: Option<String>,
    on_value: &'static str,
    effective_values: [&'static str; 2],
) -> (Switch, Setting) {
    let is_on = raw.as_deref() == Some(on_value);
    let source = match raw.as_deref() {
        None | Some("") => Source::Default,
        Some(_) if is_on => Source::Environment,
        Some(text) if means_off(text) => Source::Environment,
        Some(_) => Source::Unrecognised,
    };
    let note = (source == Source::Unrecognised).then(|| format!("only `{on_value}` counts"));
    let effective = effective_values[usize::from(is_on)].to_owned();
    let setting = Setting { name, raw: raw.clone(), effective, source, note };
    (Switch { raw, on: is_on }, setting)
}

fn means_off(text: &str) -> bool {
    ["false", "0", "no", "off"].iter().any(|word| text.eq_ignore_ascii_case(word))
}

/// Parses a base URL and removes trailing slashes; `None` if the text is empty.
pub(super) fn base_url(text: &str) -> Result<Option<String>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    let url = Url::parse(text).map_err(|error| error.to_string())?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(format!("scheme `{}` is not http or https", url.scheme()));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("a base URL has no query and no fragment".into());
    }
    Ok(Some(url.as_str().trim_end_matches('/').to_owned()))
}

/// Checks the scheme of a database URL. sqlx parses the rest.
pub(super) fn database_url(raw: Option<&str>) -> Result<Option<String>, String> {
    let needed = "the runner needs a Postgres database";
    match raw {
        None => Err(format!("is not set: {needed}")),
        Some("") => Err(format!("is empty: {needed}")),
        Some(url) if url.starts_with("postgres://") || url.starts_with("postgresql://") => {
            Ok(Some(url.to_owned()))
        }
        Some(url) => Err(format!("is not a Postgres URL: `{}`", mask_url(url))),
    }
}

/// Parses a positive whole number of seconds; `None` if the text is empty.
pub(super) fn seconds(text: &str) -> Result<Option<u64>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    match text.parse() {
        Ok(seconds) if seconds > 0 => Ok(Some(seconds)),
        _ => Err("not a positive whole number of seconds".into()),
    }
}

/// Parses `n`, `:n` or `host:n` as an address to bind. Without a host, the address means all
/// interfaces.
pub(super) fn listen_address(text: &str) -> Result<String, String> {
    let (host, port) = text.rsplit_once(':').unwrap_or(("", text));
    let port: u16 = port.parse().map_err(|_| format!("`{port}` is not a port (0 to 65535)"))?;
    let host = if host.is_empty() { "0.0.0.0" } else { host };
    Ok(format!("{host}:{port}"))
}

/// Parses a log level. An unknown level means info, and its setting has a note.
pub(super) fn log_level(raw: Option<String>) -> (LogLevel, Setting) {
    let parsed = match raw.as_deref() {
        None | Some("") => None,
        Some(text) => Some(LogLevel::parse(text)),
    };
    let (level, source) = match parsed {
        None => (LogLevel::Info, Source::Default),
        Some(Some(level)) => (level, Source::Environment),
        Some(None) => (LogLevel::Info, Source::Invalid),
    };
    let note = (source == Source::Invalid).then(|| "not debug, info, warn or error".to_owned());
    let effective = level.as_str().to_owned();
    (level, Setting { name: "LOG_LEVEL", raw, effective, source, note })
}

/// Returns the setting of a flag whose value is a URL, with secrets masked. `parsed` is the result
/// of parsing `raw`.
pub(super) fn url_setting(
    name: &'static str,
    raw: Option<&str>,
    parsed: &Result<Option<String>, String>,
) -> Setting {
    let (effective, source, note) = match parsed {
        Ok(None) => ("none".to_owned(), Source::Default, None),
        Ok(Some(url)) => (mask_url(url), Source::Environment, None),
        Err(reason) => ("none".to_owned(), Source::Invalid, Some(reason.clone())),
    };
    Setting { name, raw: raw.map(mask_url), effective, source, note }
}
