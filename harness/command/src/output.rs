//! Prints results to standard output, and everything else to standard error.
//!
//! Printed text may come from a service, a job or a file. Characters that would change the terminal, or
//! the order in which it shows text, are printed as escapes.

use std::borrow::Cow;
use std::io::{ErrorKind, Write};
use std::sync::OnceLock;

use serde::Serialize;

use super::{Exit, Failure};

/// The escape sequences of colours in reports: red, and the end of a colour.
const COLOURS: [&str; 2] = ["\u{1b}[31m", "\u{1b}[0m"];

/// The first error of printing.
static PRINT_ERROR: OnceLock<String> = OnceLock::new();

/// Prints a result. Ignores a closed pipe.
pub(super) fn print(text: &str) {
    print_raw(&visible(text));
}

/// Prints a result in which lines may be coloured.
pub(super) fn print_coloured(text: &str) {
    let mut rest = text;
    let mut all = String::with_capacity(text.len());
    while let Some((at, colour)) = COLOURS.iter().filter_map(|c| Some((rest.find(c)?, c))).min() {
        all.push_str(&visible(&rest[..at]));
        all.push_str(colour);
        rest = &rest[at + colour.len()..];
    }
    print_raw(&(all + &visible(rest)));
}

/// Prints text with control characters of this program. Pass any other text through [`visible`] first.
pub(super) fn print_raw(text: &str) {
    let mut out = std::io::stdout().lock();
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    store_error("standard output", written);
}

/// Returns a document as JSON, with a newline at its end. Characters that would change a terminal are
/// escaped.
///
/// # Errors
/// If the document can't be represented in JSON.
pub(super) fn json(document: &impl Serialize) -> Result<String, Failure> {
    let text = serde_json::to_string_pretty(document).map_err(Failure::world)?;
    Ok(visible_json(&text))
}

/// Returns JSON text with a newline at its end. Characters that would change a terminal are escaped.
pub(super) fn visible_json(text: &str) -> String {
    // Such characters can only be in strings. The characters below U+0020 are escaped already.
    let escape = |c: char| format!("\\u{:04x}", u32::from(c));
    format!("{}\n", escaped(text, escape))
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

/// Prints text to standard error. Ignores a closed pipe.
pub(super) fn print_stderr(text: &str) {
    let written = std::io::stderr().lock().write_all(visible(text).as_bytes());
    store_error("standard error", written);
}

/// Prints a panic as an error. A panic is a bug in this program or in a library.
pub(super) fn print_panic(panic: &std::panic::PanicHookInfo<'_>) {
    let payload = panic.payload();
    let message = payload.downcast_ref::<String>().map(String::as_str);
    let message = message.or_else(|| payload.downcast_ref::<&str>().copied()).unwrap_or("unknown");
    let message = spanproof::mask_secrets(message);
    let place = panic.location().map(|place| format!(" ({}:{})", place.file(), place.line()));
    let place = place.unwrap_or_default();
    let backtrace = std::backtrace::Backtrace::capture();
    let backtrace = match backtrace.status() {
        std::backtrace::BacktraceStatus::Captured => format!("\n{backtrace}"),
        _ => String::new(),
    };
    error(&format!(
        "internal error: {message}{place}; this is a bug in spanproof, please report it{backtrace}"
    ));
}

/// Returns the exit code of a command that ends with `exit`: [`Exit::World`] if something could not be
/// printed. Prints why.
pub(super) fn exit(exit: Exit) -> Exit {
    let Some(why) = PRINT_ERROR.get() else { return exit };
    error(why);
    Exit::World
}

/// Stores the first error of printing. A closed pipe is not an error.
fn store_error(stream: &str, written: std::io::Result<()>) {
    if let Err(error) = written
        && error.kind() != ErrorKind::BrokenPipe
    {
        let _earlier = PRINT_ERROR.set(format!("could not write to {stream}: {error}"));
    }
}

/// Escapes each character that would change the terminal, for example as `\u{1b}`. Line breaks and tabs
/// stay.
pub(super) fn visible(text: &str) -> Cow<'_, str> {
    escaped(text, |c| c.escape_default().to_string())
}

fn escaped(text: &str, escape: impl Fn(char) -> String) -> Cow<'_, str> {
    if !text.contains(changes_terminal) {
        return Cow::Borrowed(text);
    }
    let mut all = String::with_capacity(text.len());
    for c in text.chars() {
        if changes_terminal(c) { all.push_str(&escape(c)) } else { all.push(c) }
    }
    Cow::Owned(all)
}

/// Whether a character moves the cursor, starts an escape sequence, or changes the order in which
/// other characters are shown.
fn changes_terminal(c: char) -> bool {
    match c {
        '\n' | '\t' => false,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
            true
        }
        _ => c.is_control(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_that_change_the_terminal_are_escaped_and_all_others_stay() {
        let table = [
            ("plain ⚠️ ä\n\tx", "plain ⚠️ ä\n\tx"),
            ("\u{1b}[2J\u{1b}]0;x\u{7}", "\\u{1b}[2J\\u{1b}]0;x\\u{7}"),
            ("a\rb\u{8}\0", "a\\rb\\u{8}\\u{0}"),
            ("\u{9b}31m\u{7f}", "\\u{9b}31m\\u{7f}"),
            ("\u{202e}gpj.exe\u{2066}", "\\u{202e}gpj.exe\\u{2066}"),
        ];
        for (text, expected) in table {
            assert_eq!(visible(text), expected);
        }
        let all: String = (0..=u32::from(char::MAX)).filter_map(char::from_u32).collect();
        let controls = visible(&all).chars().filter(|c| c.is_control()).count();
        assert_eq!(controls, 2, "a line break and a tab");
    }

    #[test]
    fn json_stays_json_with_the_same_content() {
        let texts = ["\u{1b}[2J", "\u{9b}31m\u{7f}", "\u{202e}x\r\n", "ä"];
        let json = json(&texts).unwrap();
        assert!(!json.contains(changes_terminal), "{json}");
        assert_eq!(serde_json::from_str::<[String; 4]>(&json).unwrap(), texts);
    }
}
