//! Prints the debug lines of the tracer, such as a line for each span that starts.

use std::fmt;
use std::io::{self, Write};

/// Prints debug lines.
pub trait Console: fmt::Debug + Send + Sync {
    /// Prints one line; `line` has no line break.
    fn line(&self, line: &str);
}

/// Prints to standard error, without timestamp and at every log level.
#[derive(Debug, Clone, Copy, Default)]
pub struct Stderr;

impl Console for Stderr {
    fn line(&self, line: &str) {
        // The line is one write, so that lines of concurrent tasks never mix. A closed stderr is
        // ignored.
        drop(io::stderr().lock().write_all(format!("{line}\n").as_bytes()));
    }
}
