//! Reads a service's log: the lines that match a probe (a line pattern of the spec), and facts about
//! the log as a whole.

use std::collections::BTreeMap;

use chrono::{DateTime, FixedOffset, Utc};
use regex::RegexSet;

use super::claims::{DoubtfulClaims, DoubtfulLine};
use super::line_kind::{Kind, context};
use super::log_date::Calendar;
use super::log_doubt;
use super::log_order::sort_by_time;
use super::log_pattern::{CRASH, needles, without_anchors, without_escapes};
use super::log_stream::LogStream;
use super::log_zone::{NamedLines, RowTimes, fitting_offsets, names_waiting_job, widened};
use super::quotation::Context;
use super::session::Error;
use super::window::Window;
use crate::chain::chain;
use crate::identifier;
use crate::log::{AROUND, Entry, Format, Level, ScanError, Time, scan};
use crate::observation::{self, FULL_DISK, KnownError, LogLine, Sink, contradictions, is_handled};
use crate::spec::{Probes, Spec};

/// Maximum number of bytes that are kept from all lines of one kind. Further lines of this kind are
/// dropped, and their bytes are counted.
const MAX_KIND_BYTES: usize = 2 * 1024 * 1024;
/// Maximum number of lines about crashed processes that are kept.
const MAX_CRASH_LINES: usize = 4;
/// Maximum number of lines about spans outside the window that are kept as examples.
const MAX_OUTSIDE_LINES: usize = 4;
/// Maximum number of kept lines that are unclear: a probe matches a part of them that is perhaps a quotation, or
/// their date is not known.
const MAX_UNCLEAR_LINES: usize = 4;

/// Which lines of a log to keep.
#[derive(Debug, Clone, Default)]
pub(crate) struct LogQuery {
    /// The window of time from which lines about spans are kept.
    pub(super) window: Window,
    /// The times of the rows, from which the zones and dates that log lines omit are deduced.
    pub(super) times: RowTimes,
}

/// Reads a log. Keeps all lines that report whether tracing is on. Keeps a line about a span if its
/// time is in the window of the query, or if it has no time. Secrets are masked. `sink` gets each kept line.
///
/// # Errors
/// If the log can't be read, or is not text.
pub(crate) fn read_log(
    spec: &Spec,
    log: LogStream<'_>,
    mut query: LogQuery,
    sink: &mut dyn Sink,
) -> Result<observation::Log, Error> {
    query.times.limit_names();
    let name = log.name.clone();
    let format = match &log.format {
        Some(format) => {
            Format::parse(format).map_err(|reason| Error::File { name: name.clone(), reason })?
        }
        None => Format::Detected,
    };
    let probes = &spec.probes;
    let needles = needles(spec, &query.times);
    let mut reader = Reader::new(spec, log.zone, query);
    let scanned = scan(log.bytes, &needles, &format, |number, entry| {
        reader.read_line(number, &entry, sink);
    });
    let scanned = scanned.map_err(|error| {
        let (name, reason) = (name.clone(), chain(&error));
        match error {
            ScanError::Encoded(_) => Error::NeedsConversion { name, reason, input: "log" },
            _ => Error::File { name, reason },
        }
    })?;
    let lacks_zone = scanned.first.is_some_and(|first| !first.has_zone);
    [scanned.first, scanned.last]
        .into_iter()
        .flatten()
        .for_each(|time| reader.calendar.learn(time));
    let (zone, calendar, mut read) = reader.finish(lacks_zone, sink);
    read.facts.contradictions = contradictions(probes, &read.lines);
    read.facts.name = name;
    read.facts.lines = scanned.lines;
    let at = |time: Option<Time>| time.and_then(|time| calendar.utc(time, zone));
    // Exports of log services often begin with the newest line.
    let ends = [at(scanned.first), at(scanned.last)];
    let times = || ends.into_iter().chain(read.lines.iter().map(|line| line.at)).flatten();
    let (first, last) = (times().min(), times().max());
    (read.facts.first, read.facts.last) = (first, last);
    read.facts.line_format = scanned.format.join(AROUND);
    Ok(read)
}

/// Collects the matching lines of a log.
struct Reader<'a> {
    probes: &'a Probes,
    /// The probes without their anchors; `None` if one is not valid without them.
    without_anchors: Option<RegexSet>,
    /// The name of the span table, without its schema.
    table: String,
    query: LogQuery,
    /// The offset of times that name no zone; `None` if the user did not give it.
    zone: Option<FixedOffset>,
    calendar: Calendar,
    /// Bytes of the lines of each kind so far.
    bytes: BTreeMap<Kind, usize>,
    /// Lines about spans whose time names no zone. The zone is deduced after the whole log was read; until
    /// then, their times are read as UTC.
    without_zone: Vec<LogLine>,
    /// Lines whose date can be determined only after the whole log was read, with their times.
    without_date: Vec<(LogLine, Time)>,
    /// The first line that names each job or unit.
    named: NamedLines,
    /// The time of the newest line that reports a start of the service.
    last_start: Option<DateTime<Utc>>,
    /// Startup lines (lines that report whether tracing is on) that are perhaps quotations.
    doubtful: DoubtfulClaims,
    /// Whether a line matches a probe other than `started`, or contains a known error.
    has_probe_line: bool,
    /// Whether a line names a job or a unit.
    has_name: bool,
    /// The result so far.
    read: observation::Log,
}

impl<'a> Reader<'a> {
    fn new(spec: &'a Spec, zone: Option<FixedOffset>, query: LogQuery) -> Self {
        Self {
            probes: &spec.probes,
            without_anchors: without_anchors(&spec.probes.patterns()),
            table: identifier::parts(&spec.tables.spans.table).1,
            zone,
            calendar: Calendar::new(&query.times, Utc::now()),
            query,
            bytes: BTreeMap::new(),
            without_zone: Vec::new(),
            without_date: Vec::new(),
            named: NamedLines::default(),
            last_start: None,
            doubtful: DoubtfulClaims::default(),
            has_probe_line: false,
            has_name: false,
            read: observation::Log::default(),
        }
    }

    /// Handles a line that may match. `number` is its line number.
    fn read_line(&mut self, number: u64, entry: &Entry, sink: &mut dyn Sink) {
        if let Some(time) = entry.at {
            self.calendar.learn(time);
        }
        let at = entry.at.and_then(|time| self.calendar.utc(time, self.zone));
        // The innermost text comes first: the outer ones also contain what collectors added.
        let texts = || entry.texts.iter().rev();
        if let Some(time) = entry.at {
            let whole = entry.texts.first().map_or("", String::as_str);
            self.named.add(&self.query.times, number, whole, time);
        }
        let is_start = texts().any(|text| self.probes.started(text));
        if is_start && (at.is_none() || at >= self.last_start) {
            (self.read.facts.last_start, self.last_start) = (Some(number), at);
        }
        let is_in_window = self.is_in_window(entry, at);
        self.has_name =
            self.has_name || self.query.times.names.iter().any(|(name, _)| entry.contains(name));
        let matching =
            texts().find_map(|text| Some((Kind::find(self.probes, text)?, text.clone())));
        let Some((kind, text)) = matching else {
            self.read_other_line(number, entry, is_in_window, is_start);
            if is_in_window {
                self.read_error(number, entry, sink);
            }
            log_doubt::add(&mut self.read.facts.doubts, number, entry, is_in_window);
            if names_waiting_job(&self.query.times, entry) && entry.at.is_some() {
                self.keep(number, entry, (Kind::Named, entry.text().to_owned()), sink);
            }
            return;
        };
        self.has_probe_line = true;
        match (context(self.probes, entry, &text), kind) {
            (Context::Own, _) => self.keep(number, entry, (kind, text), sink),
            (context, Kind::Banner { enabled }) => {
                let entry = entry.clone();
                self.doubtful.add(DoubtfulLine { number, entry, text, context, enabled });
            }
            (Context::Quoted, _) => self.add_unclear(number, entry.text()),
            _ => self.keep(number, entry, (kind, text), sink),
        }
    }

    /// Keeps a line with an error of a library, a driver or the system. If the line perhaps does not report the
    /// error, for example at the level debug, adds to the doubts that spans may have been lost.
    fn read_error(&mut self, number: u64, entry: &Entry, sink: &mut dyn Sink) {
        let text = entry.text();
        let error = KnownError::parse(text, &self.table);
        let is_known = error.is_some() || FULL_DISK.iter().any(|sign| text.contains(sign));
        // A word such as `handled:` looks like the name of a logger, and is not in the innermost text.
        let is_handled = error == Some(KnownError::Write)
            && entry.texts.iter().skip(1).any(|text| is_handled(text));
        if is_known && entry.level != Some(Level::Low) && !is_handled {
            self.has_probe_line = true;
            self.keep(number, entry, (Kind::KnownError, text.to_owned()), sink);
        } else if KnownError::find(text, &self.table).is_some() && self.read.facts.doubts.is_empty()
        {
            self.has_probe_line = true;
            self.read.facts.doubts.push(log_doubt::of_error(number, text));
        }
    }

    /// Adds an unclear line: the service may report something with it, or quote it.
    fn add_unclear(&mut self, number: u64, text: &str) {
        if self.read.facts.unclear.len() < MAX_UNCLEAR_LINES {
            let text = crate::mask::text(text);
            self.read.facts.unclear.push(format!("log:{number}  {text}"));
        }
    }

    /// Decides which of the doubtful startup lines the service wrote, and keeps them.
    fn finish_claims(&mut self, sink: &mut dyn Sink) {
        let dated = self.without_date.iter().map(|(line, _)| line);
        let own = self.read.lines.iter().chain(dated);
        let own = own.filter_map(|line| Some(self.probes.banner(&line.text)?.enabled));
        let own: Vec<bool> = own.collect();
        let [written, unclear] = std::mem::take(&mut self.doubtful).decide(&own);
        for DoubtfulLine { number, entry, text, enabled, .. } in written {
            self.keep(number, &entry, (Kind::Banner { enabled }, text), sink);
        }
        for DoubtfulLine { number, text, .. } in unclear {
            self.add_unclear(number, &text);
        }
        self.read.facts.is_foreign = !self.has_probe_line && !self.has_name;
    }

    /// Whether the time of a line names no zone, and the user gave none.
    fn lacks_zone(&self, entry: &Entry) -> bool {
        self.zone.is_none() && entry.at.is_some_and(|time| !time.has_zone)
    }

    /// Whether a line may have been written in the window of the query.
    fn is_in_window(&self, entry: &Entry, at: Option<DateTime<Utc>>) -> bool {
        let window =
            if self.lacks_zone(entry) { widened(self.query.window) } else { self.query.window };
        match entry.at.filter(|time| Calendar::is_ambiguous(*time)) {
            Some(time) => self.calendar.possible_times(time).any(|at| window.contains(at)),
            None => at.is_none_or(|at| window.contains(at)),
        }
    }

    /// Keeps a line, unless the lines of its kind have too many bytes. A line outside the window that does
    /// not report whether tracing is on is only counted and kept as an example.
    fn keep(
        &mut self,
        number: u64,
        entry: &Entry,
        (kind, text): (Kind, String),
        sink: &mut dyn Sink,
    ) {
        let is_ambiguous = entry.at.is_some_and(Calendar::is_ambiguous);
        let at = entry.at.and_then(|time| self.calendar.utc(time, self.zone));
        let lacks_zone = self.lacks_zone(entry);
        let is_in_window = self.is_in_window(entry, at);
        self.read.facts.has_begin_lines |= kind == Kind::Attempt;
        let is_banner = matches!(kind, Kind::Banner { .. });
        if !is_in_window && !is_banner {
            return self.add_outside(number, at, &text);
        }
        let bytes = self.bytes.entry(kind).or_default();
        *bytes += text.len();
        if *bytes > MAX_KIND_BYTES {
            self.read.dropped_bytes += text.len() as u64;
            return;
        }
        // A startup line contains the value of the tracing flag, which is not a secret.
        let text = if is_banner { text } else { crate::mask::text(&text) };
        let process = entry.process.as_ref().map(ToString::to_string);
        let line = LogLine { number, at, text, process };
        if let Some(time) = entry.at.filter(|_| at.is_none() || is_ambiguous) {
            self.without_date.push((line, time));
        } else if lacks_zone && !is_banner {
            self.without_zone.push(line);
        } else {
            sink.line(&line);
            self.read.lines.push(line);
        }
    }

    /// Counts a line about a span outside the window, and keeps it as an example.
    fn add_outside(&mut self, number: u64, at: Option<DateTime<Utc>>, text: &str) {
        let facts = &mut self.read.facts;
        facts.outside_lines += 1;
        // There may be millions of these lines, and to mask secrets takes long.
        if facts.outside.len() < MAX_OUTSIDE_LINES {
            let at = at.map(|at| at.format("%Y-%m-%d %H:%M:%SZ  ").to_string()).unwrap_or_default();
            facts.outside.push(format!("log:{number}  {at}{}", crate::mask::text(text)));
        }
    }

    /// Decides about the order of year, month and day in dates, and adds the lines that waited for this.
    fn finish_dates(&mut self, times: &RowTimes, sink: &mut dyn Sink) {
        self.calendar.decide(&self.named, times);
        for (mut line, time) in std::mem::take(&mut self.without_date) {
            line.at = self.calendar.utc(time, self.zone);
            let is_banner = self.probes.banner(&line.text).is_some();
            if let Some(why) = self.calendar.doubt(time).filter(|_| !is_banner) {
                // It is not known whether the line was written while the jobs ran.
                self.read.facts.unclear.truncate(MAX_UNCLEAR_LINES - 1);
                self.read.facts.unclear.push(format!("log:{}  {why}: {}", line.number, line.text));
                continue;
            }
            if self.zone.is_none() && !time.has_zone && line.at.is_some() && !is_banner {
                self.without_zone.push(line);
            } else if is_banner || line.at.is_none_or(|at| self.query.window.contains(at)) {
                sink.line(&line);
                self.read.lines.push(line);
            } else {
                self.add_outside(line.number, line.at, &line.text);
            }
        }
    }

    /// Decides about the zone of times that name none, and adds the lines with such a time. Returns this zone
    /// (`None` if it is not known), what is known about dates, and the log.
    fn finish(
        mut self,
        lacks_zone: bool,
        sink: &mut dyn Sink,
    ) -> (Option<FixedOffset>, Calendar, observation::Log) {
        self.finish_claims(sink);
        let times = std::mem::take(&mut self.query.times);
        self.finish_dates(&times, sink);
        let deduced = self.named.offset(&times, |time| self.calendar.at(time));
        let deduced = deduced.filter(|_| lacks_zone && self.zone.is_none());
        let zone = self.zone.or(deduced.map(|(zone, _)| zone));
        let is_known = self.read.facts.unclear.is_empty();
        self.read
            .facts
            .unclear
            .extend(self.calendar.unknown_order().filter(|_| is_known).map(str::to_owned));
        self.read.facts.lacks_zone = lacks_zone && zone.is_none();
        self.read.facts.fitting_zone = match deduced {
            Some((zone, number)) => format!("{zone} (log:{number})"),
            None if self.read.facts.lacks_zone => {
                let fitting = fitting_offsets(&self.without_zone, &times);
                let fitting: Vec<_> = fitting.iter().map(ToString::to_string).collect();
                fitting.join(" or ")
            }
            None => String::new(),
        };
        let seconds = deduced.map_or(0, |(zone, _)| zone.local_minus_utc());
        let offset = chrono::Duration::seconds(i64::from(seconds));
        for mut line in std::mem::take(&mut self.without_zone) {
            line.at = line.at.map(|at| at - offset);
            if line.at.is_none_or(|at| self.query.window.contains(at)) {
                sink.line(&line);
                self.read.lines.push(line);
            } else {
                self.add_outside(line.number, line.at, &line.text);
            }
        }
        for line in &mut self.read.lines {
            if self.probes.banner(&line.text).is_some() && lacks_zone {
                line.at = line.at.map(|at| at - offset);
            }
        }
        if deduced.is_none() && !self.read.facts.lacks_zone {
            self.read.facts.doubts.extend(
                self.named.contradiction(&times, |time| self.calendar.utc(time, self.zone)),
            );
        }
        self.read.lines.sort_by_key(|line| line.number);
        sort_by_time(&mut self.read.lines);
        (zone, self.calendar, self.read)
    }

    /// Handles a line that matches no probe.
    fn read_other_line(&mut self, number: u64, entry: &Entry, is_in_window: bool, is_start: bool) {
        let text = entry.text();
        let facts = &mut self.read.facts;
        let is_crash = CRASH.as_ref().is_some_and(|crash| crash.is_match(text));
        if is_crash && is_in_window && facts.crashes.len() < MAX_CRASH_LINES {
            facts.crashes.push(format!("log:{number}  {}", crate::mask::text(text)));
        }
        let is_unclear = |set: &RegexSet| {
            entry
                .texts
                .iter()
                .any(|text| set.is_match(text) || set.is_match(&without_escapes(text)))
        };
        if !is_start && self.without_anchors.as_ref().is_some_and(is_unclear) {
            self.has_probe_line = true;
            self.add_unclear(number, text);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn read(text: &str, window: Window) -> observation::Log {
        read_query(text, LogQuery { window, ..LogQuery::default() })
    }

    fn read_query(text: &str, query: LogQuery) -> observation::Log {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../spanproof.toml");
        let log = LogStream {
            name: "-".into(),
            bytes: Box::new(text.as_bytes()),
            zone: None,
            format: None,
        };
        read_log(&Spec::read(&path).unwrap(), log, query, &mut ()).unwrap()
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

    /// The zone of these times is west of UTC. Only the line that names the job shows this.
    #[test]
    fn an_unknown_zone_is_deduced_before_times_are_compared_with_the_window() {
        let line = |clock: &str, text: &str| format!("2025-10-22 {clock} {text}\n");
        let (on, begun) =
            ("🔍 DBTracer: ENABLED (ENABLE_DB_TRACING=true)", "❌ StartSpan RecordSpan error: x");
        let log = line("01:00:00", on)
            + &line("02:00:01", "accepted bias-detection-1")
            + &line("02:00:02", begun)
            + &line("14:00:02", begun).repeat(6);
        let at = |text: &str| Some(text.parse().unwrap());
        let window =
            Window { since: at("2025-10-22T12:00:00Z"), until: at("2025-10-22T12:10:00Z") };
        let mut query = LogQuery { window, ..LogQuery::default() };
        query.times.names = vec![("bias-detection-1".into(), at("2025-10-22T12:00:00Z").unwrap())];
        let west = read_query(&log, query.clone());
        assert_eq!(west.facts.fitting_zone, "-10:00 (log:2)");
        let times: Vec<_> = west.lines.iter().map(|line| line.at.unwrap().to_rfc3339()).collect();
        assert_eq!(times, ["2025-10-22T11:00:00+00:00", "2025-10-22T12:00:02+00:00"]);
        assert_eq!((west.facts.outside_lines, west.facts.outside.len()), (6, MAX_OUTSIDE_LINES));
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

    /// A probe without `$` also matches inside a field that is not the message.
    #[test]
    fn a_startup_line_in_a_field_that_is_not_the_message_is_unclear() {
        let spec = crate::spec::example(|text| text.replace(r"(?<raw>.*)\)$'", r"(?<raw>\w*)\)'"));
        let read = |text: &'static str| {
            let bytes = Box::new(text.as_bytes());
            let log = LogStream { name: "-".into(), bytes, zone: None, format: None };
            read_log(&spec, log, LogQuery::default(), &mut ()).unwrap()
        };
        for quoted in [
            r#"{"msg":"diff","patch":"DBTracer: DISABLED (ENABLE_DB_TRACING=0)"}"#,
            r#"level=info msg=diff patch="DBTracer: DISABLED (ENABLE_DB_TRACING=0)""#,
        ] {
            let log = read(quoted);
            assert_eq!((log.lines.len(), log.facts.unclear.len()), (0, 1), "{quoted}");
        }
        let own = read(r#"{"msg":"DBTracer: DISABLED (ENABLE_DB_TRACING=0)","patch":"x"}"#);
        assert_eq!((own.lines.len(), own.facts.unclear.len()), (1, 0));
    }

    /// Behind an unknown prefix, JSON is not parsed, and its quotes are escaped.
    #[test]
    fn a_startup_line_in_escaped_json_behind_an_unknown_prefix_is_unclear() {
        let spec =
            crate::spec::example(|text| text.replace(r"(?<raw>.*)\)$'", r#""?(?<raw>\w*)"?\)'"#));
        let text = r#"%% 17 {"msg":"DBTracer: ENABLED (ENABLE_DB_TRACING=\"true\")"}"#;
        let bytes = Box::new(text.as_bytes());
        let log = LogStream { name: "-".into(), bytes, zone: None, format: None };
        let log = read_log(&spec, log, LogQuery::default(), &mut ()).unwrap();
        assert_eq!((log.lines.len(), log.facts.unclear.len()), (0, 1));
    }

    #[test]
    fn startup_lines_that_contradict_the_last_startup_line_are_counted() {
        let on = "🔍 DBTracer: ENABLED (ENABLE_DB_TRACING=true)\n";
        let off = "⚠️  DBTracer: DISABLED (ENABLE_DB_TRACING=)\n";
        assert_eq!(read(&format!("{on}{off}{on}"), Window::default()).facts.contradictions, 1);
        assert_eq!(read(&format!("{on}{on}"), Window::default()).facts.contradictions, 0);
    }
}
