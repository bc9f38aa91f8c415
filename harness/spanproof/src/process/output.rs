//! The two output streams of a child: drained from the first byte, kept apart, in order, with times.

use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::net::unix::pipe::Receiver;
use tokio::sync::watch;

/// How many bytes of one stream are kept; what comes after is read, counted and dropped.
const KEPT: usize = 8 * 1024 * 1024;
/// A longer line is broken here, so that a stream without line ends still shows.
const LONGEST: usize = 64 * 1024;

/// One of a process's two output streams.
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

/// One line of output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Which stream it came from.
    pub stream: Stream,
    /// Milliseconds from the start of the process until it was read.
    pub at_ms: u64,
    /// The line without its end; bytes that are not UTF-8 stand as `\u{FFFD}`.
    pub text: String,
}

impl Line {
    /// A line of a stream.
    pub fn new(stream: Stream, at_ms: u64, text: impl Into<String>) -> Self {
        Self { stream, at_ms, text: text.into() }
    }
}

/// What a process has written so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Output {
    /// All lines, in the order in which they were read.
    pub lines: Vec<Line>,
    /// How many lines held bytes that are not UTF-8.
    pub invalid_lines: usize,
    /// How many bytes came after the limit of what is kept, and were dropped.
    pub dropped_bytes: u64,
}

#[derive(Debug)]
struct Shared {
    output: Output,
    partial: Vec<u8>,
    kept: usize,
    closed: bool,
}

/// One end of a pipe with what came through it. Whoever drains it holds the lock, so lines keep
/// their order whether the follower or a [`Tap::catch_up`] reads them.
#[derive(Debug, Clone)]
pub(super) struct Tap {
    stream: Stream,
    start: Instant,
    pipe: Arc<Receiver>,
    shared: Arc<Mutex<Shared>>,
    changed: watch::Sender<()>,
}

impl Tap {
    /// Follows `fd` in the background until it closes.
    pub(super) fn open(
        fd: OwnedFd,
        stream: Stream,
        start: Instant,
        changed: watch::Sender<()>,
    ) -> std::io::Result<Self> {
        let pipe = Arc::new(Receiver::from_owned_fd(fd)?);
        let shared =
            Shared { output: Output::default(), partial: Vec::new(), kept: 0, closed: false };
        let tap = Self { stream, start, pipe, shared: Arc::new(Mutex::new(shared)), changed };
        let follower = tap.clone();
        tokio::spawn(async move {
            while follower.pipe.readable().await.is_ok() {
                if follower.catch_up() {
                    break;
                }
            }
        });
        Ok(tap)
    }

    /// Reads what is in the pipe at this moment; says whether the stream has ended.
    pub(super) fn catch_up(&self) -> bool {
        let mut shared = self.lock();
        if shared.closed {
            return true;
        }
        let mut chunk = vec![0_u8; LONGEST];
        // Bounded, so that a flood can't hold the lock for ever.
        for _ in 0..64 {
            match self.pipe.try_read(&mut chunk) {
                Ok(0) => shared.closed = true,
                Ok(n) => {
                    shared.take(&chunk[..n], self.stream, self.start.elapsed());
                    continue;
                }
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
                Err(_) => shared.closed = true,
            }
            break;
        }
        if shared.closed {
            shared.end_line(self.stream, self.start.elapsed());
        }
        let closed = shared.closed;
        drop(shared);
        self.changed.send_replace(());
        closed
    }

    /// Whether the stream has ended.
    pub(super) fn closed(&self) -> bool {
        self.lock().closed
    }

    /// What came through so far, whole lines and a last one without its end.
    pub(super) fn snapshot(&self) -> Output {
        let shared = self.lock();
        let mut output = shared.output.clone();
        if !shared.partial.is_empty() {
            let text = String::from_utf8_lossy(&shared.partial).into_owned();
            let at_ms = millis(self.start.elapsed());
            output.lines.push(Line::new(self.stream, at_ms, text));
        }
        output
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shared {
    fn take(&mut self, bytes: &[u8], stream: Stream, at: Duration) {
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            if self.kept >= KEPT {
                self.output.dropped_bytes += part.len() as u64;
                continue;
            }
            self.kept += part.len();
            self.partial.extend_from_slice(part.strip_suffix(b"\n").unwrap_or(part));
            if part.ends_with(b"\n") || self.partial.len() >= LONGEST {
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
    /// Both streams as one, ordered by the time at which each line was read.
    pub(super) fn merged(self, other: Self) -> Self {
        let mut lines = self.lines;
        lines.extend(other.lines);
        lines.sort_by_key(|line| line.at_ms);
        Self {
            lines,
            invalid_lines: self.invalid_lines + other.invalid_lines,
            dropped_bytes: self.dropped_bytes + other.dropped_bytes,
        }
    }

    /// The lines of one stream.
    pub fn stream(&self, stream: Stream) -> impl Iterator<Item = &Line> {
        self.lines.iter().filter(move |line| line.stream == stream)
    }

    /// The last `most` lines of both streams, as text, for an error message.
    pub fn tail(&self, most: usize) -> String {
        let from = self.lines.len().saturating_sub(most);
        let lines = self.lines[from..].iter();
        lines.map(|line| format!("\n    {}: {}", line.stream, line.text)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[&[u8]]) -> Shared {
        let mut shared =
            Shared { output: Output::default(), partial: Vec::new(), kept: 0, closed: false };
        for chunk in bytes {
            shared.take(chunk, Stream::Stdout, Duration::ZERO);
        }
        shared.end_line(Stream::Stdout, Duration::ZERO);
        shared
    }

    #[test]
    fn lines_that_arrive_in_pieces_are_put_together() {
        let output = read(&[b"on", b"e\ntw", b"o\r\nthree"]).output;
        let texts: Vec<_> = output.lines.iter().map(|line| line.text.as_str()).collect();
        assert_eq!(texts, ["one", "two", "three"]);
    }

    #[test]
    fn bytes_that_are_not_text_are_kept_as_marks_and_counted() {
        let output = read(&[b"a\xff\xfeb\nfine\n"]).output;
        assert_eq!(output.lines[0].text, "a\u{fffd}\u{fffd}b");
        assert_eq!(output.invalid_lines, 1);
    }

    #[test]
    fn a_flood_is_counted_and_not_kept() {
        let line = [b"x".repeat(1023), b"\n".to_vec()].concat();
        let chunks: Vec<&[u8]> = std::iter::repeat_n(line.as_slice(), 9 * 1024).collect();
        let output = read(&chunks).output;
        assert_eq!(output.lines.len(), 8 * 1024);
        assert_eq!(output.dropped_bytes, 1024 * 1024);
    }
}
