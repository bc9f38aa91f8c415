//! Prints results to standard output, and everything else to standard error.

use std::io::Write;

use serde::Serialize;

use super::Failure;

/// Prints a result. Ignores a closed pipe.
pub(super) fn print(text: &str) {
    let mut out = std::io::stdout().lock();
    let _closed = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// Returns a document as JSON, with a newline at its end.
///
/// # Errors
/// If the document can't be represented in JSON.
pub(super) fn json(document: &impl Serialize) -> Result<String, Failure> {
    let text = serde_json::to_string_pretty(document).map_err(Failure::world)?;
    Ok(format!("{text}\n"))
}

/// Returns the columns and lines of the terminal; `None` without a terminal.
pub(super) fn terminal_size() -> Option<(usize, usize)> {
    let (lines, columns) = console::Term::stdout().size_checked()?;
    Some((usize::from(columns), usize::from(lines)))
}

/// Prints a note or progress.
pub(super) fn note(text: &str) {
    print_stderr(&format!("{text}\n"));
}

/// Prints a warning.
pub(super) fn warning(text: &str) {
    print_stderr(&format!("warning: {text}\n"));
}

/// Prints an error.
pub(super) fn error(text: &str) {
    print_stderr(&format!("error: {text}\n"));
}

/// Prints a text to standard error. Ignores a closed pipe.
pub(super) fn print_stderr(text: &str) {
    let _closed = std::io::stderr().lock().write_all(text.as_bytes());
}
