//! Scans a log as a stream. Lines that no pattern can match are counted and not parsed.

use std::collections::BTreeMap;
use std::io::Read;

use memchr::{memchr, memchr_iter, memmem, memrchr};

use super::join::join_lines;
use super::message::Message;
use super::{Entry, Format, Needles, Time, parse_line};

/// Number of bytes to read at once. A line with more bytes is split.
const CHUNK: usize = 1024 * 1024;
/// Number of bytes searched for a timestamp at the end of the log.
const TAIL: usize = 256 * 1024;
/// Number of lines searched for a timestamp at each end of the log.
const MAX_LINES: usize = 64;

/// Why a log can't be read as lines of text.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum Error {
    /// Reading failed.
    #[error("reading failed")]
    Read(#[from] std::io::Error),
    /// The log is not text; the field says what it is.
    #[error("it is {0}")]
    NotText(&'static str),
    /// The log is compressed or is not UTF-8; the field names the program that converts it.
    #[error("it is {0}")]
    Encoded(&'static str),
}

/// A summary of a log.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Scan {
    /// The number of lines.
    pub lines: u64,
    /// The number of bytes.
    pub bytes: u64,
    /// The first timestamp near the beginning; `None` if there is none.
    pub first: Option<Time>,
    /// The last timestamp near the end; `None` if there is none.
    pub last: Option<Time>,
    /// The names of the wrappers around the text of most lines, such as Docker's JSON inside kubectl's
    /// prefix, from the outermost to the innermost; empty if most lines have at most a time before their
    /// text.
    pub format: Vec<&'static str>,
}

/// Reads a whole log. Calls `on_line` for each line that may match a pattern of `needles`, with the line's
/// number, counted from 1. `given` is the format that the caller chose, or [`Format::Detected`].
///
/// # Errors
/// If the log can't be read or is not text.
pub(crate) fn scan(
    log: impl Read,
    needles: &Needles,
    given: &Format,
    mut on_line: impl FnMut(u64, Entry),
) -> Result<Scan, Error> {
    let mut log = join_lines(log)?;
    let mut scan = Scan::default();
    let (mut tail, mut is_in_utc) = (Vec::new(), false);
    let mut buffer = Vec::with_capacity(CHUNK);
    loop {
        let room = (CHUNK - buffer.len()) as u64;
        let read = log.by_ref().take(room).read_to_end(&mut buffer)?;
        if scan.bytes == 0 {
            check_text(&buffer)?;
            is_in_utc = has_utc_header(&buffer);
            let time = |line| parse(&String::from_utf8_lossy(line), given, is_in_utc).at;
            scan.first = lines(&buffer).take(MAX_LINES).find_map(time);
            scan.format = format(lines(&buffer).take(MAX_LINES), given);
        }
        scan.bytes += read as u64;
        let at_end = (read as u64) < room;
        // An incomplete last line stays in the buffer, unless the log ends or the buffer is full.
        let whole = memrchr(b'\n', &buffer).map_or(0, |at| at + 1);
        let whole = if at_end || whole == 0 { buffer.len() } else { whole };
        scan.lines += scan_lines(&buffer[..whole], scan.lines, needles, |number, line| {
            on_line(number, parse(line, given, is_in_utc));
        });
        if whole > 0 {
            tail = buffer[whole.saturating_sub(TAIL)..whole].to_vec();
        }
        buffer.drain(..whole);
        if at_end {
            break;
        }
    }
    let time = |line| parse(&String::from_utf8_lossy(line), given, is_in_utc).at;
    scan.last = lines(&tail).rev().take(MAX_LINES).find_map(time);
    Ok(scan)
}

/// Scans a part of the log that consists of whole lines, and returns the number of these lines. `before` is
/// the number of lines before this part.
fn scan_lines(
    text: &[u8],
    before: u64,
    needles: &Needles,
    mut on_line: impl FnMut(u64, &str),
) -> u64 {
    let (mut at, mut number, mut counted) = (0, before + 1, 0);
    let mut hits = needles.hits(text);
    while let Some(hit) = hits.next(at) {
        let start = memrchr(b'\n', &text[..hit]).map_or(0, |end| end + 1);
        let end = memchr(b'\n', &text[hit..]).map_or(text.len(), |end| hit + end);
        if hits.is_possible(&text[start..end]) {
            number += memchr_iter(b'\n', &text[counted..start]).count() as u64;
            counted = start;
            on_line(number, &String::from_utf8_lossy(&text[start..end]));
        }
        at = end + 1;
        if at >= text.len() {
            break;
        }
    }
    let unterminated = u64::from(text.last().is_some_and(|byte| *byte != b'\n'));
    number - before - 1 + memchr_iter(b'\n', &text[counted..]).count() as u64 + unterminated
}

/// Checks that a log is text, by its first bytes.
fn check_text(start: &[u8]) -> Result<(), Error> {
    // In a file of Docker's `local` logging driver, each entry begins with its length and the name of its
    // stream.
    let stream = start.get(4..12).filter(|_| start.starts_with(b"\0"));
    if stream.is_some_and(|name| [b"\n\x06stdout", b"\n\x06stderr"].iter().any(|one| name == *one))
    {
        return Err(Error::Encoded(
            "a file of Docker's `local` driver; print it with `docker logs --timestamps CONTAINER`",
        ));
    }
    if start.starts_with(b"PGDMP") {
        return Err(Error::NotText("a database dump, not a log"));
    }
    let iconv = "in UTF-16; convert it: `iconv -f UTF-16 -t UTF-8 FILE`";
    let known: [(&[u8], &str); 7] = [
        (b"\x1f\x8b", "compressed by gzip; unpack it: `zcat FILE`"),
        (b"\x28\xb5\x2f\xfd", "compressed by zstd; unpack it: `zstdcat FILE`"),
        (b"\xfd7zXZ", "compressed by xz; unpack it: `xzcat FILE`"),
        (b"BZh", "compressed by bzip2; unpack it: `bzcat FILE`"),
        (b"PK\x03\x04", "a zip archive; unpack it: `unzip -p FILE`"),
        (b"\xff\xfe", iconv),
        (b"\xfe\xff", iconv),
    ];
    if let Some((_, what)) = known.iter().find(|(magic, _)| start.starts_with(magic)) {
        return Err(Error::Encoded(what));
    }
    // A file that was truncated while a process wrote to it begins with NUL bytes, and a crash of the machine
    // may leave NUL bytes, too. Binary files also contain other control characters.
    let is_control = |byte: &u8| matches!(byte, 1..=6 | 14..=26 | 28..=31 | 127);
    if memchr(0, start).is_some() && start.iter().any(is_control) {
        return Err(Error::NotText("not text: it contains NUL bytes"));
    }
    Ok(())
}

/// Returns the names of the wrappers around the text of most lines, from the outermost to the innermost.
fn format<'a>(lines: impl Iterator<Item = &'a [u8]>, given: &Format) -> Vec<&'static str> {
    let mut counts: BTreeMap<Vec<&'static str>, usize> = BTreeMap::new();
    for line in lines.filter(|line| !line.is_empty()) {
        let entry = parse_line(&String::from_utf8_lossy(line), given);
        *counts.entry(entry.wrappers).or_default() += 1;
    }
    counts.into_iter().max_by_key(|(_, count)| *count).map(|(names, _)| names).unwrap_or_default()
}

/// Returns the lines of a text without their line endings.
fn lines(text: &[u8]) -> impl DoubleEndedIterator<Item = &[u8]> {
    text.split(|byte| *byte == b'\n')
}

/// Whether a log is a CSV file whose header says that times are in UTC: `"TimeGenerated [UTC]","LogEntry"`.
fn has_utc_header(start: &[u8]) -> bool {
    let header = lines(start).next().unwrap_or_default();
    memchr(b',', header).is_some() && memmem::find(header, b" [UTC]").is_some()
}

/// Parses a line. `is_in_utc` is whether the header of a CSV file says that its times are in UTC.
fn parse(line: &str, given: &Format, is_in_utc: bool) -> Entry {
    let mut entry = parse_line(line, given);
    let column = || Message::from_csv(entry.texts.first()?)?.at;
    if is_in_utc && entry.at.is_some() && entry.at == column() {
        entry.at = entry.at.map(|at| Time { has_zone: true, ..at });
    }
    entry
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A reader that returns a few bytes at a time.
    struct SlowReader<'a>(&'a [u8], usize);

    impl Read for SlowReader<'_> {
        fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
            let count = self.0.len().min(self.1).min(into.len());
            into[..count].copy_from_slice(&self.0[..count]);
            self.0 = &self.0[count..];
            Ok(count)
        }
    }

    /// Scans a log that is read in pieces of `step` bytes. Returns the summary, and the number and the text
    /// of each line that may match.
    fn found(log: &[u8], step: usize) -> (Scan, Vec<(u64, String)>) {
        let mut all = Vec::new();
        let needles = Needles::new(["tracer (on|off)"]);
        let scan = scan(SlowReader(log, step), &needles, &Format::Detected, |number, entry| {
            all.push((number, entry.text().to_owned()));
        });
        (scan.unwrap(), all)
    }

    #[test]
    fn the_header_of_a_csv_file_may_name_the_zone_of_its_times() {
        for (header, has_zone) in [("TimeGenerated [UTC]", true), ("TimeGenerated", false)] {
            let log = format!(
                "\u{feff}\"{header}\",\"LogEntry\"\n\"10/22/2025, 9:03:00.317 AM\",\"a tracer on b\"\n"
            );
            let mut found = Vec::new();
            let needles = Needles::new(["tracer (on|off)"]);
            let on_line = |_, entry: Entry| {
                found.push((entry.text().to_owned(), entry.at.is_some_and(|at| at.has_zone)));
            };
            let scan = scan(log.as_bytes(), &needles, &Format::Detected, on_line).unwrap();
            assert_eq!(found, [("a tracer on b".to_owned(), has_zone)]);
            assert_eq!(scan.last.map(|last| last.has_zone), Some(has_zone));
        }
    }

    #[test]
    fn the_error_for_a_file_of_dockers_local_driver_says_how_to_print_it() {
        let log = b"\0\0\0\x31\n\x06stdout\x10\xd0\xf4\x18\x1a\x05ready\0\0\0\x31";
        let error = check_text(log).unwrap_err().to_string();
        assert!(error.contains("docker logs --timestamps"), "{error}");
    }

    #[test]
    fn line_numbers_do_not_depend_on_the_read_size() {
        let log = b"a\ntracer on\n\nb tracer off tracer on\nlast tracer on";
        for step in [1, 7, 1000] {
            let (scan, lines) = found(log, step);
            let numbers: Vec<_> = lines.iter().map(|(number, _)| *number).collect();
            assert_eq!((numbers.as_slice(), scan.lines), ([2, 4, 5].as_slice(), 5));
            assert_eq!(scan.bytes, log.len() as u64);
        }
    }

    #[test]
    fn reads_a_log_that_is_larger_than_the_buffer() {
        let filler = format!("2025-10-22T12:00:00Z {}\n", "x".repeat(1000));
        let mut log = filler.repeat(3000).into_bytes();
        log.extend_from_slice(b"2025-10-22T12:00:01Z tracer on\n");
        log.extend(std::iter::repeat_n(b'y', 3 * CHUNK));
        log.extend_from_slice(b"\n2025-10-22T12:00:02Z tracer off\n");
        let (scan, lines) = found(&log, usize::MAX);
        assert_eq!(
            lines.iter().map(|(_, text)| text.as_str()).collect::<Vec<_>>(),
            ["tracer on", "tracer off"]
        );
        assert_eq!(lines[0].0, 3001);
        assert_eq!(scan.first.unwrap().at.to_rfc3339(), "2025-10-22T12:00:00+00:00");
        assert_eq!(scan.last.unwrap().at.to_rfc3339(), "2025-10-22T12:00:02+00:00");
    }

    #[test]
    fn rejects_a_log_that_is_not_text() {
        let needles = Needles::new(["tracer"]);
        for (bytes, expected) in [
            (b"\x1f\x8b\x08".as_slice(), "gzip"),
            (b"\xff\xfet\0r\0".as_slice(), "iconv"),
            (b"abc\0\x01\x02def".as_slice(), "NUL"),
            (b"PGDMP".as_slice(), "a database dump"),
        ] {
            let error = scan(bytes, &needles, &Format::Detected, |_, _| {}).unwrap_err();
            assert!(error.to_string().contains(expected), "{error}");
        }
        assert_eq!(
            scan(b"".as_slice(), &needles, &Format::Detected, |_, _| {}).unwrap(),
            Scan::default()
        );
        let (_, lines) = found(b"\0\0\0tracer on\n", 1000);
        assert_eq!(lines, [(1, "tracer on".to_owned())]);
    }
}
