//! The two output streams of a child, read from the first byte, as lines with times.

use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::net::unix::pipe::Receiver;
use tokio::sync::watch;

/// Maximum number of bytes to keep of a stream. Later bytes are read, counted and dropped.
const MAX_KEPT: usize = 8 * 1024 * 1024;
/// Maximum length of a line in bytes. A longer line is split, so that output without line ends is
/// kept too.
const MAX_LINE: usize = 64 * 1024;

/// One of the two output streams of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

impl std::fmt::Display for Stream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Stdout => "stdout",
            Self::Stderr => "stderr",
        })
    }
}

/// A line of output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The stream of the line.
    pub stream: Stream,
    /// Milliseconds from the start of the process until the line was read.
    pub at_ms: u64,
    /// The line without its end; `\u{FFFD}` stands for bytes that are not UTF-8.
    pub text: String,
    /// The name of the process in the spec; `None` for the main process of the service.
    pub process: Option<Arc<str>>,
}

impl Line {
    /// Creates a line of the main process.
    pub fn new(stream: Stream, at_ms: u64, text: impl Into<String>) -> Self {
        Self { stream, at_ms, text: text.into(), process: None }
    }
}

/// The output of a process so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Output {
    /// The lines in the order in which they were read.
    pub lines: Vec<Line>,
    /// The number of lines with bytes that are not UTF-8.
    pub invalid_lines: usize,
    /// The number of bytes that were dropped because the limit was reached.
    pub dropped_bytes: u64,
}

/// What was read from a stream so far.
#[derive(Debug)]
struct StreamContent {
    output: Output,
    /// The start of a line whose end was not read yet.
    partial: Vec<u8>,
    kept_bytes: usize,
    closed: bool,
}

/// Reads one stream in the background. [`StreamReader::catch_up`] holds the lock while it reads the
/// pipe, so lines stay in order, whether the background task or another caller reads them.
#[derive(Debug, Clone)]
pub(super) struct StreamReader {
    stream: Stream,
    start: Instant,
    pipe: Arc<Receiver>,
    content: Arc<Mutex<StreamContent>>,
    changed: watch::Sender<()>,
}

impl StreamReader {
    /// Reads `fd` in the background until it closes.
    pub(super) fn open(
        fd: OwnedFd,
        stream: Stream,
        start: Instant,
        changed: watch::Sender<()>,
    ) -> std::io::Result<Self> {
        let pipe = Arc::new(Receiver::from_owned_fd(fd)?);
        let content = StreamContent {
            output: Output::default(),
            partial: Vec::new(),
            kept_bytes: 0,
            closed: false,
        };
        let reader = Self { stream, start, pipe, content: Arc::new(Mutex::new(content)), changed };
        let background = reader.clone();
        tokio::spawn(async move {
            while background.pipe.readable().await.is_ok() {
                if background.catch_up() {
                    break;
                }
            }
        });
        Ok(reader)
    }

    /// Reads what is in the pipe. Returns whether the stream has ended.
    pub(super) fn catch_up(&self) -> bool {
        let mut content = self.lock();
        if content.closed {
            return true;
        }
        let mut chunk = vec![0_u8; MAX_LINE];
        // At most 64 chunks, so that a flood can't hold the lock forever.
        for _ in 0..64 {
            match self.pipe.try_read(&mut chunk) {
                Ok(0) => content.closed = true,
                Ok(n) => {
                    content.append(&chunk[..n], self.stream, self.start.elapsed());
                    continue;
                }
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
                Err(_) => content.closed = true,
            }
            break;
        }
        if content.closed {
            content.end_line(self.stream, self.start.elapsed());
        }
        let closed = content.closed;
        drop(content);
        self.changed.send_replace(());
        closed
    }

    /// Whether the stream has ended.
    pub(super) fn is_closed(&self) -> bool {
        self.lock().closed
    }

    /// Returns the output so far. The last line may be incomplete.
    pub(super) fn snapshot(&self) -> Output {
        let content = self.lock();
        let mut output = content.output.clone();
        if !content.partial.is_empty() {
            let text = String::from_utf8_lossy(&content.partial).into_owned();
            let at_ms = millis(self.start.elapsed());
            output.lines.push(Line::new(self.stream, at_ms, text));
        }
        output
    }

    fn lock(&self) -> MutexGuard<'_, StreamContent> {
        self.content.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl StreamContent {
    fn append(&mut self, bytes: &[u8], stream: Stream, at: Duration) {
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            if self.kept_bytes >= MAX_KEPT {
                self.output.dropped_bytes += part.len() as u64;
                continue;
            }
            self.kept_bytes += part.len();
            self.partial.extend_from_slice(part.strip_suffix(b"\n").unwrap_or(part));
            if part.ends_with(b"\n") || self.partial.len() >= MAX_LINE {
                self.push(stream, at);
            }
        }
    }

    fn end_line(&mut self, stream: Stream, at: Duration) {
        if !self.partial.is_empty() {
            self.push(stream, at);
        }
    }

    fn push(&mut self, stream: Stream, at: Duration) {
        let bytes = std::mem::take(&mut self.partial);
        let bytes = bytes.strip_suffix(b"\r").unwrap_or(&bytes);
        let text = String::from_utf8_lossy(bytes);
        if matches!(text, std::borrow::Cow::Owned(_)) {
            self.output.invalid_lines += 1;
        }
        self.output.lines.push(Line::new(stream, millis(at), text));
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

impl Output {
    /// Sets the process of every line to `name`.
    pub(crate) fn with_process(mut self, name: &str) -> Self {
        let name: Arc<str> = name.into();
        for line in &mut self.lines {
            line.process = Some(Arc::clone(&name));
        }
        self
    }

    /// Adds a delay to the time of every line.
    pub(crate) fn delayed(mut self, delay: Duration) -> Self {
        let delay = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX);
        for line in &mut self.lines {
            line.at_ms = line.at_ms.saturating_add(delay);
        }
        self
    }

    /// Merges two outputs, ordered by the time at which each line was read.
    pub(crate) fn merged(self, other: Self) -> Self {
        let mut lines = self.lines;
        lines.extend(other.lines);
        lines.sort_by_key(|line| line.at_ms);
        Self {
            lines,
            invalid_lines: self.invalid_lines + other.invalid_lines,
            dropped_bytes: self.dropped_bytes + other.dropped_bytes,
        }
    }

    /// Returns the lines of one stream.
    pub fn stream(&self, stream: Stream) -> impl Iterator<Item = &Line> {
        self.lines.iter().filter(move |line| line.stream == stream)
    }

    /// Returns the last `count` lines of both streams as text for an error message.
    pub fn tail(&self, count: usize) -> String {
        let from = self.lines.len().saturating_sub(count);
        let lines = self.lines[from..].iter();
        lines.map(|line| format!("\n    {}: {}", line.stream, line.text)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[&[u8]]) -> StreamContent {
        let mut content = StreamContent {
            output: Output::default(),
            partial: Vec::new(),
            kept_bytes: 0,
            closed: false,
        };
        for chunk in bytes {
            content.append(chunk, Stream::Stdout, Duration::ZERO);
        }
        content.end_line(Stream::Stdout, Duration::ZERO);
        content
    }

    #[test]
    fn a_line_that_arrives_in_pieces_is_one_line() {
        let output = read(&[b"on", b"e\ntw", b"o\r\nthree"]).output;
        let texts: Vec<_> = output.lines.iter().map(|line| line.text.as_str()).collect();
        assert_eq!(texts, ["one", "two", "three"]);
    }

    #[test]
    fn invalid_utf_8_is_replaced_and_counted() {
        let output = read(&[b"a\xff\xfeb\nfine\n"]).output;
        assert_eq!(output.lines[0].text, "a\u{fffd}\u{fffd}b");
        assert_eq!(output.invalid_lines, 1);
    }

    #[test]
    fn output_beyond_the_limit_is_dropped_and_counted() {
        let line = [b"x".repeat(1023), b"\n".to_vec()].concat();
        let chunks: Vec<&[u8]> = std::iter::repeat_n(line.as_slice(), 9 * 1024).collect();
        let output = read(&chunks).output;
        assert_eq!(output.lines.len(), 8 * 1024);
        assert_eq!(output.dropped_bytes, 1024 * 1024);
    }
}
