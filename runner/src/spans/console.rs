//! Where the debug lines about tracing go.

use std::fmt;
use std::io::{self, Write};

/// Takes debug lines, one call a line.
pub trait Console: fmt::Debug + Send + Sync {
    /// Shows one line, given without its line break.
    fn line(&self, line: &str);
}

/// Standard error, with no timestamp and whatever the log level.
#[derive(Debug, Clone, Copy, Default)]
pub struct Stderr;

impl Console for Stderr {
    fn line(&self, line: &str) {
        // Text and line break in one write, so that lines of concurrent units never mix.
        // Nobody can be told that standard error is closed.
        drop(io::stderr().lock().write_all(format!("{line}\n").as_bytes()));
    }
}
