//! Reading a log as a stream, at the speed of the disk where its lines say nothing of interest.

use std::io::Read;

use chrono::{DateTime, Utc};
use memchr::{memchr, memchr_iter, memrchr};

use super::{Entry, Needles, entry};

/// So much is read at once; a longer line is broken here.
const CHUNK: usize = 1024 * 1024;
/// So much of a log's end is looked into for its last time.
const TAIL: usize = 16 * 1024;
/// So many lines at either end are looked into for a time.
const ENDS: usize = 64;

/// A log that can't be read as lines of text.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum Error {
    /// The file or stream itself.
    #[error("it could not be read")]
    Read(#[from] std::io::Error),
    /// Not text.
    #[error("it is {0}")]
    NotText(&'static str),
    /// Text in a form that another program turns into lines.
    #[error("it is {0}")]
    Encoded(&'static str),
}

/// What a log is, as a whole.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Scan {
    /// How many lines.
    pub lines: u64,
    /// How many bytes.
    pub bytes: u64,
    /// The first time that a line near its beginning has.
    pub first: Option<DateTime<Utc>>,
    /// The last time that a line near its end has.
    pub last: Option<DateTime<Utc>>,
}

/// Reads a whole log and gives each line that may be of interest, with its number, from 1.
///
/// # Errors
/// When it can't be read, or is no text.
pub(crate) fn scan(
    mut log: impl Read,
    needles: &Needles,
    mut found: impl FnMut(u64, Entry),
) -> Result<Scan, Error> {
    let mut scan = Scan::default();
    let mut tail = Vec::new();
    let mut buffer = Vec::with_capacity(CHUNK);
    loop {
        let room = (CHUNK - buffer.len()) as u64;
        let read = log.by_ref().take(room).read_to_end(&mut buffer)?;
        if scan.bytes == 0 {
            readable(&buffer)?;
            scan.first = lines(&buffer).take(ENDS).find_map(time);
        }
        scan.bytes += read as u64;
        let ended = (read as u64) < room;
        // A last line that is not whole waits for its rest, unless there is none or no room for it.
        let whole = memrchr(b'\n', &buffer).map_or(0, |at| at + 1);
        let whole = if ended || whole == 0 { buffer.len() } else { whole };
        scan.lines += part(&buffer[..whole], scan.lines, needles, &mut found);
        if whole > 0 {
            tail = buffer[whole.saturating_sub(TAIL)..whole].to_vec();
        }
        buffer.drain(..whole);
        if ended {
            break;
        }
    }
    scan.last = lines(&tail).rev().take(ENDS).find_map(time);
    Ok(scan)
}

/// Goes through whole lines; gives how many there are.
fn part(text: &[u8], before: u64, needles: &Needles, found: &mut impl FnMut(u64, Entry)) -> u64 {
    let (mut at, mut number, mut counted) = (0, before + 1, 0);
    while let Some(hit) = needles.next(text, at) {
        let start = memrchr(b'\n', &text[..hit]).map_or(0, |end| end + 1);
        let end = memchr(b'\n', &text[hit..]).map_or(text.len(), |end| hit + end);
        number += memchr_iter(b'\n', &text[counted..start]).count() as u64;
        counted = start;
        found(number, entry(&String::from_utf8_lossy(&text[start..end])));
        at = end + 1;
        if at >= text.len() {
            break;
        }
    }
    let unended = u64::from(text.last().is_some_and(|byte| *byte != b'\n'));
    number - before - 1 + memchr_iter(b'\n', &text[counted..]).count() as u64 + unended
}

/// Why the beginning of a log is not the beginning of a text.
fn readable(begin: &[u8]) -> Result<(), Error> {
    if begin.starts_with(b"PGDMP") {
        return Err(Error::NotText("a dump of a database, and no log"));
    }
    let iconv = "in UTF-16; convert it: `iconv -f UTF-16 -t UTF-8 FILE`";
    let known: [(&[u8], &str); 4] = [
        (b"\x1f\x8b", "compressed by gzip; give it unpacked: `zcat FILE`"),
        (b"\x28\xb5\x2f\xfd", "compressed by zstd; give it unpacked: `zstdcat FILE`"),
        (b"\xff\xfe", iconv),
        (b"\xfe\xff", iconv),
    ];
    if let Some((_, what)) = known.iter().find(|(magic, _)| begin.starts_with(magic)) {
        return Err(Error::Encoded(what));
    }
    if memchr(0, begin).is_some() {
        return Err(Error::NotText("no text: there are NUL bytes in it"));
    }
    Ok(())
}

fn lines(text: &[u8]) -> impl DoubleEndedIterator<Item = &[u8]> {
    text.split(|byte| *byte == b'\n')
}

fn time(line: &[u8]) -> Option<DateTime<Utc>> {
    entry(&String::from_utf8_lossy(line)).at
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives a few bytes at a time.
    struct Slow<'a>(&'a [u8], usize);

    impl Read for Slow<'_> {
        fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
            let count = self.0.len().min(self.1).min(into.len());
            into[..count].copy_from_slice(&self.0[..count]);
            self.0 = &self.0[count..];
            Ok(count)
        }
    }

    fn found(log: &[u8], step: usize) -> (Scan, Vec<(u64, String)>) {
        let mut all = Vec::new();
        let needles = Needles::of(["tracer (on|off)"]);
        let scan = scan(Slow(log, step), &needles, |number, entry| all.push((number, entry.text)));
        (scan.unwrap(), all)
    }

    #[test]
    fn lines_keep_their_numbers_however_the_bytes_arrive() {
        let log = b"a\ntracer on\n\nb tracer off tracer on\nlast tracer on";
        for step in [1, 7, 1000] {
            let (scan, lines) = found(log, step);
            let numbers: Vec<_> = lines.iter().map(|(number, _)| *number).collect();
            assert_eq!((numbers.as_slice(), scan.lines), ([2, 4, 5].as_slice(), 5));
            assert_eq!(scan.bytes, log.len() as u64);
        }
    }

    #[test]
    fn a_log_that_is_longer_than_memory_has_room_for_is_the_same() {
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
        assert_eq!(scan.first.unwrap().to_rfc3339(), "2025-10-22T12:00:00+00:00");
        assert_eq!(scan.last.unwrap().to_rfc3339(), "2025-10-22T12:00:02+00:00");
    }

    #[test]
    fn what_is_no_text_is_told_with_what_to_do() {
        let needles = Needles::of(["tracer"]);
        for (bytes, said) in [
            (b"\x1f\x8b\x08".as_slice(), "gzip"),
            (b"\xff\xfet\0r\0".as_slice(), "iconv"),
            (b"abc\0def".as_slice(), "NUL"),
            (b"PGDMP".as_slice(), "a dump of a database"),
        ] {
            let error = scan(bytes, &needles, |_, _| {}).unwrap_err();
            assert!(error.to_string().contains(said), "{error}");
        }
        assert_eq!(scan(b"".as_slice(), &needles, |_, _| {}).unwrap(), Scan::default());
    }
}
