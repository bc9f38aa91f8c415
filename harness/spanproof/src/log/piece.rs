//! Lines in the log files of Docker and of container runtimes, which split a long line of a service into
//! pieces.

use memchr::{memchr, memrchr};

/// Whether the text of an entry of Docker certainly ends with a line break, so that it is not a piece.
pub(super) fn is_whole_docker(line: &[u8]) -> bool {
    let Some(time) = memrchr(b',', line) else { return false };
    let text = &line[..time];
    let end = text.strip_suffix(br#"\n","stream":"stderr""#);
    let end = end.or_else(|| text.strip_suffix(br#"\n","stream":"stdout""#));
    // After another backslash, `\n` is a backslash and the letter `n`.
    end.is_some_and(|end| end.last() != Some(&b'\\'))
}

/// Whether a line of a container runtime is certainly not a piece.
pub(super) fn is_whole_runtime(line: &[u8]) -> bool {
    let Some(time) = memchr(b' ', line) else { return false };
    let rest = &line[time..];
    rest.starts_with(b" stderr F ") || rest.starts_with(b" stdout F ")
}

/// A line of a container runtime: `2025-10-22T12:00:01Z stderr P text`.
pub(super) struct RuntimePiece<'a> {
    /// The text before the mark, which is `P` (a piece that continues) or `F` (a whole line, or its last
    /// piece).
    pub(super) head: &'a [u8],
    pub(super) stream: &'a [u8],
    /// Whether this is the last piece of its line.
    pub(super) is_last: bool,
    pub(super) text: &'a [u8],
}

/// Parses a line of a container runtime; `None` for any other line.
pub(super) fn runtime_piece(line: &[u8]) -> Option<RuntimePiece<'_>> {
    let time = memchr(b' ', line).filter(|end| *end >= 20 && line[4] == b'-')?;
    let rest = &line[time + 1..];
    let (stream, marked) = rest.split_at(memchr(b' ', rest)? + 1);
    let is_known = [b"stdout ".as_slice(), b"stderr "].contains(&stream);
    let text = marked.strip_prefix(b"P ").or_else(|| marked.strip_prefix(b"F "))?;
    let head = &line[..line.len() - marked.len()];
    is_known.then_some(RuntimePiece { head, stream, is_last: marked[0] == b'F', text })
}
