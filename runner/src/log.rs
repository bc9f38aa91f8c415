//! The log on standard output.

use tracing_subscriber::EnvFilter;

use crate::config::LogLevel;

/// Starts the log. Lines have no timestamp: the platform that collects them adds its own.
pub(crate) fn start(level: LogLevel) {
    let level = level.as_str();
    // Libraries are heard only when something is wrong, and never louder than the runner itself.
    let others = if level == "error" { "error" } else { "warn" };
    let filter = EnvFilter::new(format!("{others},runner={level}"));
    let started = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(false)
        .with_target(false)
        .without_time()
        .try_init();
    // A second runner in one process goes on with the log of the first.
    drop(started);
}
