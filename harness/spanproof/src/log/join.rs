//! Joins what a log collector split over several lines: JSON with one key per line, and pieces of a long
//! line. Each joined line replaces its last piece; the other pieces become empty lines, so that line numbers
//! are still those of the log. A JSON document with several entries is split into lines with one entry each;
//! line numbers then count entries.

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Read};
use std::sync::LazyLock;

use memchr::{memchr, memchr_iter};
use regex::bytes::Regex;
use serde_json::{Map, Value as Json};

use super::block::Block;
use super::piece::{RuntimePiece, is_whole_docker, is_whole_runtime, runtime_piece};
use super::record::{LISTS, records};

/// Number of bytes at the start of a log from which its form is detected.
const START: u64 = 64 * 1024;
/// Number of bytes at which a joined line is returned although more of its pieces may follow.
const MAX_JOINED: usize = 4 * 1024 * 1024;

/// Maximum number of lines of text before the first entry of indented JSON.
const MAX_TEXT_LINES: usize = 30;
/// How one-line JSON documents with several entries begin, with spaces removed.
const DOCUMENTS: [&[u8]; 9] = [
    b"{\"resourceLogs\"",
    b"{\"resource_logs\"",
    b"{\"took\"",
    b"{\"data\":[{\"",
    b"{\"tables\"",
    b"{\"status\":\"success\",\"data\"",
    b"{\"results\"",
    b"{\"events\"",
    b"{\"logEvents\"",
];
/// Indent of a continuation line of Rich, a Python library: the width of the time and the level.
const RICH_INDENT: usize = 29;
/// Matches the first line of a log that Rich wrote: `[10/22/25 12:00:01] INFO     text          file.py:12`.
static RICH: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"^\[\d\d/\d\d/\d\d \d\d:\d\d:\d\d\] [A-Z]+ ").ok());
/// Matches the source position at the end of a line of Rich.
static RICH_POSITION: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"\s+[\w.]+:\d+\s*$").ok());

/// How the entries of a log are distributed over its lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// Each line is an entry.
    Lines,
    /// Lines end with this byte in place of a line feed, such as a carriage return.
    OtherLineEnd(u8),
    /// JSON objects over several lines, as `flyctl logs --json` writes them.
    IndentedJson,
    /// Docker's JSON files: if the text of an entry does not end with a line break, the next entry continues
    /// it (docker splits lines at 16 KiB).
    DockerJson,
    /// Files of a container runtime: `P` marks a piece, and `F` the last one (Container Runtime Interface).
    ContainerRuntime,
    /// Lines of Rich, which wraps them at the width of the terminal: 80 columns in a container. Continuation
    /// lines are indented by the width of the time and the level.
    Rich,
    /// One JSON document per line; each may have several entries.
    Documents,
    /// Entries of several lines.
    Blocks(Block),
}

/// Returns a reader of the same log with joined lines.
pub(super) fn join_lines<'a>(mut log: impl Read + 'a) -> io::Result<Box<dyn Read + 'a>> {
    let mut start = Vec::new();
    log.by_ref().take(START).read_to_end(&mut start)?;
    let form = Form::detect(&start);
    let log = io::Cursor::new(start).chain(log);
    Ok(match form {
        Form::Lines => Box::new(log),
        Form::OtherLineEnd(end) => Box::new(LineFeeds(log, end)),
        _ => Box::new(Joined {
            lines: BufReader::with_capacity(256 * 1024, log),
            form,
            depth: 0,
            pieces: BTreeMap::new(),
            whole: 0,
            ready: io::Cursor::new(Vec::new()),
        }),
    })
}

impl Form {
    fn detect(start: &[u8]) -> Self {
        let separates = |byte: u8| memchr(b'\n', start).is_none() && memchr(byte, start).is_some();
        // A message of GELF over TCP ends with a zero byte.
        let is_gelf = || start.starts_with(b"{") && separates(0);
        if let Some(end) = separates(b'\r').then_some(b'\r').or_else(|| is_gelf().then_some(0)) {
            return Self::OtherLineEnd(end);
        }
        let mut lines = start.split(|byte| *byte == b'\n');
        let line = lines.find(|line| !line.trim_ascii().is_empty()).unwrap_or_default();
        let first = line.trim_ascii();
        if let Some(block) = Block::detect(start) {
            Self::Blocks(block)
        } else if is_document(first) {
            Self::Documents
        } else if first == b"{" || first == b"[" || first == b"[{" || begins_object(start) {
            Self::IndentedJson
        } else if first.starts_with(b"{\"log\":") {
            Self::DockerJson
        } else if runtime_piece(line).is_some() {
            Self::ContainerRuntime
        } else if RICH.as_ref().is_some_and(|rich| rich.is_match(line)) {
            Self::Rich
        } else {
            Self::Lines
        }
    }
}

impl Form {
    /// Returns the last entry of a log, from the pieces that are left when the log ends.
    fn last_entry(self, piece: Vec<u8>) -> Vec<u8> {
        match self {
            Self::Blocks(block) => block.join_entry(piece),
            _ => piece,
        }
    }

    /// Returns the number of bytes at the start of a text that are complete lines, none of them a piece; 0
    /// for forms whose lines must be read one by one.
    fn whole_lines(self, text: &[u8]) -> usize {
        let is_whole: fn(&[u8]) -> bool = match self {
            Self::DockerJson => is_whole_docker,
            Self::ContainerRuntime => is_whole_runtime,
            _ => return 0,
        };
        let mut start = 0;
        for end in memchr_iter(b'\n', text) {
            if !is_whole(&text[start..end]) {
                break;
            }
            start = end + 1;
        }
        start
    }
}

/// Whether one of the first lines is `{`, and the line after it begins with a key in quotes. It need not be
/// the first line, because a service may print text before its first entry.
fn begins_object(start: &[u8]) -> bool {
    let lines = || start.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).take(MAX_TEXT_LINES);
    lines().zip(lines().skip(1)).any(|(line, next)| line == b"{" && next.starts_with(b"\""))
}

/// Whether a line is a JSON document that may have several entries: a list, or an object of a kind that
/// contains a list.
fn is_document(line: &[u8]) -> bool {
    let mut start = line.iter().filter(|byte| **byte != b' ').take(64).copied().collect::<Vec<_>>();
    start.truncate(start.iter().rposition(|byte| *byte == b'"').map_or(0, |at| at + 1));
    start.starts_with(b"[{\"") || DOCUMENTS.iter().any(|begin| start.starts_with(begin))
}

/// Returns the entries of a JSON document, one per line; the same bytes if the document is an entry itself.
fn entries(line: Vec<u8>) -> Vec<u8> {
    let document = serde_json::from_slice::<Json>(&line).ok();
    match document.and_then(records) {
        Some(entries) => entries.iter().flat_map(json_line).collect(),
        None => line,
    }
}

/// Replaces each occurrence of a byte with a line feed.
struct LineFeeds<R>(R, u8);

impl<R: Read> Read for LineFeeds<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = self.0.read(into)?;
        for byte in &mut into[..count] {
            if *byte == self.1 {
                *byte = b'\n';
            }
        }
        Ok(count)
    }
}

/// A log with joined lines.
struct Joined<R> {
    lines: BufReader<R>,
    form: Form,
    /// The number of open brackets of the JSON object that is being read.
    depth: i64,
    /// For each stream, the joined pieces of its current line. The key is empty in forms without streams.
    pieces: BTreeMap<Vec<u8>, Vec<u8>>,
    /// The number of bytes at the start of the buffer of `lines` that are complete lines.
    whole: usize,
    /// Joined lines that were not returned yet.
    ready: io::Cursor<Vec<u8>>,
}

impl<R: Read> Read for Joined<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            let count = self.ready.read(into)?;
            if count > 0 || into.is_empty() {
                return Ok(count);
            }
            if self.whole == 0 && self.pieces.values().all(Vec::is_empty) {
                self.whole = self.form.whole_lines(self.lines.fill_buf()?);
            }
            if self.whole > 0 {
                // Most lines, which are copied as they are.
                let count = self.lines.by_ref().take(self.whole as u64).read(into)?;
                self.whole -= count;
                return Ok(count);
            }
            let mut line = Vec::new();
            if self.lines.by_ref().take(MAX_JOINED as u64).read_until(b'\n', &mut line)? == 0 {
                // The log ended before the last piece.
                let rest = std::mem::take(&mut self.pieces).into_values();
                let rest = rest.map(|piece| self.form.last_entry(piece));
                let rest: Vec<u8> = rest.filter(|piece| !piece.is_empty()).flatten().collect();
                if rest.is_empty() {
                    return Ok(0);
                }
                self.ready = io::Cursor::new(rest);
                continue;
            }
            let joined = match self.form {
                Form::IndentedJson => self.indented(&line),
                Form::DockerJson => self.docker(&line),
                Form::ContainerRuntime => self.runtime(&line),
                Form::Rich => Some(self.rich(&line)),
                Form::Documents => Some(entries(line)),
                Form::Blocks(block) => Some(self.block(block, &line)),
                Form::Lines | Form::OtherLineEnd(_) => Some(line),
            };
            self.ready = io::Cursor::new(joined.unwrap_or_else(|| b"\n".to_vec()));
        }
    }
}

impl<R> Joined<R> {
    /// Handles a line of indented JSON. Returns `None` if the object continues on the next line.
    fn indented(&mut self, line: &[u8]) -> Option<Vec<u8>> {
        let text = line.trim_ascii();
        if self.depth == 0 && !text.starts_with(b"{") && !text.starts_with(b"[{") {
            return Some(line.to_vec());
        }
        let object = self.pieces.entry(Vec::new()).or_default();
        // Lines inside an object are indented. This line is not, so the object was cut off.
        if self.depth > 0
            && !line.starts_with(b" ")
            && !line.starts_with(b"\t")
            && cannot_be_json(text)
        {
            self.depth = 0;
            let object = std::mem::take(object);
            return Some([object.as_slice(), b"\n", line].concat());
        }
        object.extend_from_slice(text);
        object.push(b' ');
        // `{"events": [` of `aws logs filter-log-events`: the entries are the objects in the list.
        let is_list = LISTS.iter().any(|list| **object == *format!("{{ \"{list}\": [ ").as_bytes());
        if self.depth == 1 && is_list {
            self.depth = 0;
            object.clear();
            return None;
        }
        self.depth += depth(text.strip_prefix(b"[").filter(|_| self.depth == 0).unwrap_or(text));
        if self.depth > 0 && object.len() < MAX_JOINED {
            return None;
        }
        self.depth = 0;
        let mut object = std::mem::take(object);
        while object.last().is_some_and(|byte| b", ]".contains(byte)) {
            object.pop();
        }
        if object.starts_with(b"[") {
            object.remove(0);
        }
        object.push(b'\n');
        Some(entries(object))
    }

    /// Handles a line in a format whose entries have several lines. Returns the previous entry if this line
    /// starts a new one, and otherwise an empty list.
    fn block(&mut self, block: Block, line: &[u8]) -> Vec<u8> {
        let open = self.pieces.entry(Vec::new()).or_default();
        let ended = if block.starts_entry(line) || open.len() >= MAX_JOINED {
            std::mem::take(open)
        } else {
            Vec::new()
        };
        open.extend_from_slice(line);
        block.join_entry(ended)
    }

    /// Handles an entry of Docker. Returns `None` if its text continues in the next entry.
    fn docker(&mut self, line: &[u8]) -> Option<Vec<u8>> {
        let Ok(Json::Object(mut entry)) = serde_json::from_slice::<Json>(line) else {
            return Some(line.to_vec());
        };
        let Some(text) = entry.get("log").and_then(Json::as_str) else {
            return Some(line.to_vec());
        };
        let stream = entry.get("stream").map(ToString::to_string).unwrap_or_default().into_bytes();
        let is_last = text.ends_with('\n');
        let pieces = self.pieces.entry(stream).or_default();
        if is_last && pieces.is_empty() {
            return Some(line.to_vec());
        }
        pieces.extend_from_slice(text.as_bytes());
        if !is_last && pieces.len() < MAX_JOINED {
            return None;
        }
        let whole = String::from_utf8_lossy(&std::mem::take(pieces)).into_owned();
        entry.insert("log".to_owned(), Json::String(whole));
        Some(json_line(&entry))
    }

    /// Handles a line of Rich. Returns the previous line, or an empty line if this line continues the
    /// previous one.
    fn rich(&mut self, line: &[u8]) -> Vec<u8> {
        let before = self.pieces.entry(Vec::new()).or_default();
        let continues = line.starts_with(&[b' '; RICH_INDENT]) && before.len() < MAX_JOINED;
        if !continues {
            return std::mem::replace(before, line.to_vec());
        }
        let position = RICH_POSITION.as_ref().and_then(|position| position.find(before));
        before
            .truncate(position.map_or(before.trim_ascii_end().len(), |position| position.start()));
        before.push(b' ');
        before.extend_from_slice(line.trim_ascii());
        before.push(b'\n');
        b"\n".to_vec()
    }

    /// Handles a line of a container runtime. Returns `None` if the next line continues it.
    fn runtime(&mut self, line: &[u8]) -> Option<Vec<u8>> {
        let Some(RuntimePiece { head, stream, is_last, text }) = runtime_piece(line) else {
            return Some(line.to_vec());
        };
        let pieces = self.pieces.entry(stream.to_vec()).or_default();
        if is_last && pieces.is_empty() {
            return Some(line.to_vec());
        }
        if pieces.is_empty() {
            pieces.extend_from_slice(head);
            pieces.extend_from_slice(b"F ");
        }
        pieces.extend_from_slice(text.strip_suffix(b"\n").unwrap_or(text));
        if !is_last && pieces.len() < MAX_JOINED {
            return None;
        }
        pieces.push(b'\n');
        Some(std::mem::take(pieces))
    }
}

/// Whether a line that is not indented can't be part of a JSON object.
fn cannot_be_json(line: &[u8]) -> bool {
    line.first().is_some_and(|byte| !b"{}[]\"'".contains(byte))
}

/// Returns by how much a line of JSON changes the number of open brackets.
fn depth(line: &[u8]) -> i64 {
    let (mut depth, mut quote, mut is_escaped) = (0, None, false);
    for byte in line {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if quote.is_some() => is_escaped = true,
            b'"' | b'\'' | b'`' if quote.is_none() => quote = Some(byte),
            _ if quote == Some(byte) => quote = None,
            b'{' | b'[' if quote.is_none() => depth += 1,
            b'}' | b']' if quote.is_none() => depth -= 1,
            _ => {}
        }
    }
    depth.max(-1)
}

fn json_line(entry: &Map<String, Json>) -> Vec<u8> {
    let mut line = serde_json::to_vec(entry).unwrap_or_default();
    line.push(b'\n');
    line
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::lines("a\nb\n", "a\nb\n")]
    #[case::carriage_returns("a\rb\r", "a\nb\n")]
    #[case::zero_bytes("{}\0{}\0", "{}\n{}\n")]
    #[case::text_before_an_object("start\n{\n  \"m\": \"x\"\n}\n", "start\n\n\n{ \"m\": \"x\" }\n")]
    #[case::object_cut_off("{\n  \"m\": {\n2025 x\ny\n", "\n\n{ \"m\": { \n2025 x\ny\n")]
    #[case::indented(
        "{\n  \"a\": {\"b\": \"}\"},\n  \"m\": \"x\"\n}\n{\n  \"m\": \"y\"\n}\n",
        "\n\n\n{ \"a\": {\"b\": \"}\"}, \"m\": \"x\" }\n\n\n{ \"m\": \"y\" }\n"
    )]
    #[case::list(
        "[\n  {\n  \"m\": 1\n  },\n  {\n  \"m\": 2\n  }\n]\n",
        "[\n\n\n{ \"m\": 1 }\n\n\n{ \"m\": 2 }\n]\n"
    )]
    #[case::docker(
        "{\"log\":\"a\",\"stream\":\"stderr\"}\n{\"log\":\"x\\n\",\"stream\":\"stdout\"}\n{\"log\":\"b\\n\",\"stream\":\"stderr\"}\n",
        "\n{\"log\":\"x\\n\",\"stream\":\"stdout\"}\n{\"log\":\"ab\\n\",\"stream\":\"stderr\"}\n"
    )]
    #[case::runtime(
        "2025-10-22T12:00:01Z stderr P a\n2025-10-22T12:00:01Z stdout F x\n2025-10-22T12:00:01Z stderr F b\n",
        "\n2025-10-22T12:00:01Z stdout F x\n2025-10-22T12:00:01Z stderr F ab\n"
    )]
    #[case::runtime_after_whole_lines(
        "2025-10-22T12:00:01Z stderr F a\n2025-10-22T12:00:01Z stderr P b\n2025-10-22T12:00:01Z stderr F c\n2025-10-22T12:00:01Z stderr F d\n",
        "2025-10-22T12:00:01Z stderr F a\n\n2025-10-22T12:00:01Z stderr F bc\n2025-10-22T12:00:01Z stderr F d\n"
    )]
    #[case::docker_after_whole_lines(
        "{\"log\":\"a\\n\",\"stream\":\"stderr\",\"time\":\"t\"}\n{\"log\":\"b\\\\n\",\"stream\":\"stderr\",\"time\":\"t\"}\n{\"log\":\"c\\n\",\"stream\":\"stderr\",\"time\":\"t\"}\n",
        "{\"log\":\"a\\n\",\"stream\":\"stderr\",\"time\":\"t\"}\n\n{\"log\":\"b\\\\nc\\n\",\"stream\":\"stderr\",\"time\":\"t\"}\n"
    )]
    #[case::rich(
        "[10/22/25 12:00:01] INFO     Span called,     app.py:16\n                             on=true\n                    INFO     x     app.py:16\n",
        "\n[10/22/25 12:00:01] INFO     Span called, on=true\n                    INFO     x     app.py:16\n"
    )]
    #[case::events(
        "{\n  \"events\": [\n    {\n      \"message\": \"x\"\n    },\n    {\n      \"message\": \"y\"\n    }\n  ],\n  \"next\": 1\n}\n",
        "\n\n\n\n{ \"message\": \"x\" }\n\n\n{ \"message\": \"y\" }\n  ],\n  \"next\": 1\n}\n"
    )]
    #[case::last_piece_missing(
        "2025-10-22T12:00:01Z stderr P a\n",
        "\n2025-10-22T12:00:01Z stderr F a"
    )]
    fn pieces_are_joined_and_lines_keep_their_numbers(#[case] log: &str, #[case] expected: &str) {
        let mut found = String::new();
        join_lines(log.as_bytes()).unwrap().read_to_string(&mut found).unwrap();
        assert_eq!(found, expected);
    }
}
