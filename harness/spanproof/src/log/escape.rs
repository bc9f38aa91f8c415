//! Removes what terminals interpret: colours, links and other escape sequences.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::Regex;

/// Matches control sequences (`ESC [ … letter`), operating system commands such as links (`ESC ] … BEL` or
/// `ESC ] … ESC \`), application commands (`ESC _ … BEL`, in which Buildkite writes times), and other
/// sequences of two characters (ECMA-48).
static ESCAPE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        "\u{1b}(?:\\[[0-9;:?]*[ -/]*[@-~]|\\][^\u{7}\u{1b}]*(?:\u{7}|\u{1b}\\\\)|[P^_][^\u{7}\u{1b}]*(?:\u{7}|\u{1b}\\\\)|[@-Z\\\\^_])",
    )
    .ok()
});

/// Matches colours whose escape character a program replaced by visible characters: `ESC[32m` (`less`),
/// `^[[32m` (`cat -v`), `#033[32m` (rsyslog), `\033[32m`, `\x1b[32m`, `\u001b[32m`, `\e[32m`, `␛[32m`.
static VISIBLE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"(?:ESC|\^\[|#033|\\0?33|\\x1[bB]|\\u001[bB]|\\e|␛|<1[bB]>)\[[0-9;]*[mK]").ok()
});

/// Returns a text without escape sequences and NUL bytes. A file that was truncated while a process wrote to
/// it begins with NUL bytes.
pub(super) fn without_escapes(text: &str) -> Cow<'_, str> {
    let plain = match ESCAPE.as_ref() {
        Some(escape) if text.contains('\u{1b}') => escape.replace_all(text, ""),
        _ => Cow::Borrowed(text),
    };
    let plain = match VISIBLE.as_ref() {
        // Not in JSON, where `\\x1b[32m` may be an escaped backslash and a text. The text inside JSON comes
        // here again after the JSON is parsed.
        Some(visible) if plain.contains('[') && !plain.contains("{\"") => {
            Cow::Owned(visible.replace_all(&plain, "").into_owned())
        }
        _ => plain,
    };
    if plain.contains('\0') { Cow::Owned(plain.replace('\0', "")) } else { plain }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_and_links_are_removed() {
        for (text, expected) in [
            ("\u{1b}[1;31mtr\u{1b}[0macer", "tracer"),
            ("\u{1b}]8;;http://x\u{1b}\\tracer\u{1b}]8;;\u{1b}\\", "tracer"),
            ("\u{1b}]0;title\u{7}tracer", "tracer"),
            ("\u{1b}_bk;t=1761134401000\u{7}tracer", "tracer"),
            ("\0\0tracer", "tracer"),
            ("tracer [31m", "tracer [31m"),
            ("ESC[32mtracerESC[0m", "tracer"),
            ("^[[1;32mtracer^[[K", "tracer"),
            ("#033[32mtracer#033[0m", "tracer"),
            (r"\033[32mtracer\u001b[0m", "tracer"),
            ("ESC [32m", "ESC [32m"),
        ] {
            assert_eq!(without_escapes(text), expected);
        }
    }
}
