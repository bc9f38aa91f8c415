//! Reads a service's log: the lines that match a probe (a line pattern of the spec), and facts about
//! the log as a whole.

use std::collections::BTreeMap;
use std::io::Read;
use std::sync::LazyLock;

use regex::RegexSet;

use super::session::Error;
use super::window::Window;
use crate::chain::chain;
use crate::log::{Entry, Needles, ScanError, scan};
use crate::observation::{self, LogLine, Sink, TracerEvent};
use crate::spec::{Probes, Spec};

/// Maximum number of bytes that are kept from all lines of one kind. Further lines of this kind are
/// dropped, and their bytes are counted.
const MAX_KIND_BYTES: usize = 2 * 1024 * 1024;
/// Maximum number of lines about crashed processes.
const MAX_CRASH_LINES: usize = 4;

/// Patterns of lines that runtimes and platforms print when a process crashes.
const CRASH_PATTERNS: [&str; 8] = [
    r"panicked at ",
    r"^panic: ",
    r"^fatal error: ",
    r"Traceback \(most recent call last\)",
    r"Main child exited (?:with code: [1-9]|with signal)",
    r"exited with code [1-9]",
    r"(?:segmentation fault|core dumped)",
    r"Out of memory: Killed process",
];

/// Matches the [`CRASH_PATTERNS`].
static CRASH: LazyLock<Option<RegexSet>> = LazyLock::new(|| RegexSet::new(CRASH_PATTERNS).ok());

/// A log to read.
pub struct LogStream<'a> {
    /// File name; `-` for standard input.
    pub name: String,
    /// Contents.
    pub bytes: Box<dyn Read + 'a>,
}

impl std::fmt::Debug for LogStream<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "LogStream({})", self.name)
    }
}

/// The kind of a line. Each kind has its own limit of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    /// A startup line that reports whether tracing is on.
    Banner { enabled: bool },
    /// A span was started.
    Attempt,
    /// A span was written.
    Acknowledged,
    /// A span could not be written.
    Refused,
    /// A span could not be ended.
    Unfinished,
}

/// Reads a log. Keeps all lines that report whether tracing is on. Keeps a line about a span if its
/// time is in the window, or if it has no time. Secrets are masked.
///
/// # Errors
/// If the log can't be read, or is not text.
pub(crate) fn read_log(
    spec: &Spec,
    log: LogStream<'_>,
    window: Window,
    sink: &mut dyn Sink,
) -> Result<observation::Log, Error> {
    let probes = &spec.probes;
    let needles = Needles::new(probes.patterns().into_iter().chain(CRASH_PATTERNS));
    let read = observation::Log::default();
    let mut reader = Reader { probes, window, bytes: BTreeMap::new(), read, sink };
    let scanned = scan(log.bytes, &needles, |number, entry| reader.read_line(number, entry));
    let name = log.name;
    let scanned = scanned.map_err(|error| {
        let (name, reason) = (name.clone(), chain(&error));
        match error {
            ScanError::Encoded(_) => Error::NeedsConversion { name, reason, input: "log" },
            _ => Error::File { name, reason },
        }
    })?;
    let mut read = reader.read;
    let banners: Vec<_> = read.lines.iter().filter_map(|line| probes.banner(&line.text)).collect();
    let last = banners.last().cloned();
    read.facts.contradictions =
        banners.iter().filter(|banner| Some(*banner) != last.as_ref()).count();
    read.facts.name = name;
    read.facts.lines = scanned.lines;
    (read.facts.first, read.facts.last) = (scanned.first, scanned.last);
    Ok(read)
}

/// Collects matching lines of a log.
struct Reader<'a> {
    probes: &'a Probes,
    window: Window,
    /// Bytes of the lines of each kind so far.
    bytes: BTreeMap<Kind, usize>,
    read: observation::Log,
    sink: &'a mut dyn Sink,
}

impl Reader<'_> {
    /// Handles the line with this line number.
    fn read_line(&mut self, number: u64, entry: Entry) {
        let Entry { at, text } = entry;
        if self.probes.started(&text) {
            self.read.facts.last_start = Some(number);
        }
        let is_in_window = at.is_none_or(|at| self.window.contains(at));
        let Some(kind) = self.kind(&text) else {
            let crashed = CRASH.as_ref().is_some_and(|crashed| crashed.is_match(&text));
            let crashes = &mut self.read.facts.crashes;
            if crashed && is_in_window && crashes.len() < MAX_CRASH_LINES {
                crashes.push(format!("log:{number}  {}", crate::mask::text(&text)));
            }
            return;
        };
        if !is_in_window && !matches!(kind, Kind::Banner { .. }) {
            return;
        }
        let bytes = self.bytes.entry(kind).or_default();
        *bytes += text.len();
        if *bytes > MAX_KIND_BYTES {
            self.read.dropped_bytes += text.len() as u64;
            return;
        }
        // A banner contains the value of the tracing flag, which is not a secret.
        let is_banner = matches!(kind, Kind::Banner { .. });
        let text = if is_banner { text } else { crate::mask::text(&text) };
        let line = LogLine { number, at, text };
        self.sink.line(&line);
        self.read.lines.push(line);
    }

    /// Returns the kind of a line; `None` if the line matches no probe. If it matches several probes,
    /// the first kind in the order of [`Kind`] counts.
    fn kind(&self, text: &str) -> Option<Kind> {
        Some(match TracerEvent::parse(self.probes, text).next()? {
            TracerEvent::Banner(banner) => Kind::Banner { enabled: banner.enabled },
            TracerEvent::Attempt(_) => Kind::Attempt,
            TracerEvent::Acknowledged => Kind::Acknowledged,
            TracerEvent::Refused => Kind::Refused,
            TracerEvent::Unfinished => Kind::Unfinished,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn read(text: &str, window: Window) -> observation::Log {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../spanproof.toml");
        let log = LogStream { name: "-".into(), bytes: Box::new(text.as_bytes()) };
        read_log(&Spec::read(&path).unwrap(), log, window, &mut ()).unwrap()
    }

    #[test]
    fn matching_lines_in_the_window_are_kept_with_their_line_numbers() {
        let log = "noise\n2025-10-22T12:00:00Z 🔍 DBTracer: ENABLED (ENABLE_DB_TRACING=true)\n\
                   2025-10-22T12:00:00Z listening on 1\n\
                   2025-10-22T12:00:01Z ❌ StartSpan RecordSpan error: password=hunter2\n\
                   2025-10-22T13:00:01Z ❌ StartSpan RecordSpan error: late\n\
                   thread 'main' panicked at src/x.rs\n";
        let until = Some("2025-10-22T12:30:00Z".parse().unwrap());
        let found = read(log, Window { since: None, until });
        let lines = &found.lines;
        assert_eq!(lines.iter().map(|line| line.number).collect::<Vec<_>>(), [2, 4]);
        assert!(lines[1].text.ends_with("password=***"), "{}", lines[1].text);
        assert_eq!((found.facts.lines, found.facts.last_start), (6, Some(3)));
        assert_eq!(found.facts.crashes, ["log:6  thread 'main' panicked at src/x.rs"]);
    }

    #[test]
    fn bytes_of_dropped_lines_are_counted() {
        let attempt =
            "🔍 StartSpan called: service=runner, operation=execute_question, enabled=true\n";
        let banner = "🔍 DBTracer: ENABLED (ENABLE_DB_TRACING=true)\n";
        let log =
            format!("{}{banner}", attempt.repeat(MAX_KIND_BYTES / (attempt.len() - 1) + 1000));
        let found = read(&log, Window::default());
        assert!(found.dropped_bytes > 900 * attempt.len() as u64);
        assert!(
            found.lines.last().unwrap().text.contains("ENABLED"),
            "a line of another kind is kept"
        );
    }

    #[test]
    fn startup_lines_that_contradict_the_last_startup_line_are_counted() {
        let on = "🔍 DBTracer: ENABLED (ENABLE_DB_TRACING=true)\n";
        let off = "⚠️  DBTracer: DISABLED (ENABLE_DB_TRACING=)\n";
        assert_eq!(read(&format!("{on}{off}{on}"), Window::default()).facts.contradictions, 1);
        assert_eq!(read(&format!("{on}{on}"), Window::default()).facts.contradictions, 0);
    }
}
