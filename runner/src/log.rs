//! The log on standard output.

use tracing_subscriber::EnvFilter;

use crate::config::LogLevel;

/// Starts the log. Lines have no timestamp: the platform that collects them adds its own.
pub(crate) fn start(level: LogLevel) {
    let level = level.as_str();
    // Libraries log warnings and errors only, and never more than the runner itself.
    let libraries = if level == "error" { "error" } else { "warn" };
    let filter = EnvFilter::new(format!("{libraries},runner={level}"));
    let result = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(false)
        .with_target(false)
        .without_time()
        .try_init();
    // This fails if another runner in this process has started the log. Then both use that log.
    drop(result);
}
