//! Printing: results to standard output, everything else to standard error.

use std::io::Write;

use serde::Serialize;

use super::Failure;

/// Prints a result. A reader that has gone is no reason to panic.
pub(super) fn print(text: &str) {
    let mut out = std::io::stdout().lock();
    let _gone = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// Returns a document as JSON, with an end of line.
///
/// # Errors
/// When the document has something that JSON has no form for.
pub(super) fn json(document: &impl Serialize) -> Result<String, Failure> {
    let text = serde_json::to_string_pretty(document).map_err(Failure::world)?;
    Ok(format!("{text}\n"))
}

/// How many columns and lines the terminal has.
pub(super) fn size() -> Option<(usize, usize)> {
    let (lines, columns) = console::Term::stdout().size_checked()?;
    Some((usize::from(columns), usize::from(lines)))
}

/// Prints a note or progress.
pub(super) fn note(text: &str) {
    raw_error(&format!("{text}\n"));
}

/// Prints an error.
pub(super) fn error(text: &str) {
    raw_error(&format!("error: {text}\n"));
}

pub(super) fn raw_error(text: &str) {
    let _gone = std::io::stderr().lock().write_all(text.as_bytes());
}
