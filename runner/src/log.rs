//! The log on standard output.

use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::config::LogLevel;

/// Starts the log. Lines have no timestamp: the platform that collects them adds its own.
pub(crate) fn start(level: LogLevel) {
    let level = match level {
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Error => LevelFilter::ERROR,
    };
    // Libraries log warnings and errors only, and never more than the runner itself.
    let filter =
        Targets::new().with_default(level.min(LevelFilter::WARN)).with_target("runner", level);
    let lines = tracing_subscriber::fmt::layer().with_ansi(false).with_target(false).without_time();
    let result = tracing_subscriber::registry().with(lines.with_filter(filter)).try_init();
    // This fails if another runner in this process has started the log. Then both use that log.
    drop(result);
}
