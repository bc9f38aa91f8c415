//! Parses one log line: removes what log collectors and loggers added to the text of the service.

use super::date::{Date, Time};
use super::escape::without_escapes;
use super::format::Format;
use super::level::Level;
use super::logger::{LOGGER, without_word};
use super::message::Message;
use super::process::Process;
use super::stamp::{bare_stamp, stamp};
use super::suffix::without_suffixes;
use super::time::{split_time, time_text};
use super::wrapper::{EPOCH, Prefix, TS, Wrapper};

/// Maximum number of parts to remove from a line, such as a prefix, a JSON object or a word of a logger.
const MAX_STEPS: usize = 16;
const RECORD_SEPARATOR: char = '\u{1e}';

/// A parsed line. Its wrappers (what collectors and loggers put around a text) may be nested: a collector may
/// have put the line of another tool into its own line.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Entry {
    /// When the line was written; `None` if the line has no time with a date.
    pub at: Option<Time>,
    /// The texts of the line, without escape sequences: the whole line, what is left after each wrapper or
    /// time was removed, and what is left without the parts that a logger may have appended. The last one is
    /// what the service wrote.
    pub texts: Vec<String>,
    /// The names of the removed wrappers, from the outermost to the innermost. A time alone is no wrapper.
    pub wrappers: Vec<&'static str>,
    /// The process that wrote the line; `None` if no wrapper names it.
    pub process: Option<Process>,
    /// The level of the line; `None` if its logger writes none.
    pub level: Option<Level>,
}

/// Parses a line: removes what log collectors and loggers added, and keeps the time that they or the service
/// wrote. `format` determines which wrappers are removed.
pub(crate) fn parse_line(line: &str, format: &Format) -> Entry {
    // A record separator precedes each object of a JSON text sequence (RFC 7464).
    let line = line.trim_start_matches(RECORD_SEPARATOR).trim_end_matches(['\r', '\n']);
    let whole = without_escapes(line).into_owned();
    let mut entry = Entry { texts: vec![whole], ..Entry::default() };
    let mut is_after_time = false;
    for _ in 0..MAX_STEPS {
        let time = entry.without_time();
        let unwrapped = || entry.unwrapped(format, is_after_time);
        let Some((text, is_time)) = time.or_else(unwrapped) else { break };
        is_after_time = is_time;
        entry.texts.push(without_escapes(text.trim_end_matches(['\r', '\n'])).into_owned());
    }
    let outer = entry.wrappers.last().copied();
    let ends = without_suffixes(entry.text(), outer, entry.at.is_some());
    entry.texts.extend(ends);
    entry
}

impl Entry {
    /// Returns the text that the service wrote.
    pub(crate) fn text(&self) -> &str {
        self.texts.last().map_or("", String::as_str)
    }

    /// Whether one of the line's texts contains `text`.
    pub(crate) fn contains(&self, text: &str) -> bool {
        self.texts.iter().any(|one| one.contains(text))
    }

    /// Removes the ISO 8601 time at the start of the last text, and adds it to the entry. Returns the rest,
    /// and `true` because a time was removed; `None` if the text does not start with a time.
    fn without_time(&mut self) -> Option<(String, bool)> {
        let (at, rest) = split_time(self.text())?;
        self.add_time(Some(at));
        Some((rest, true))
    }

    /// Removes one more wrapper or time from the last text, and adds it to the entry. Returns the rest, and
    /// whether a time was removed; `None` if nothing can be removed. `is_after_time` is whether the step
    /// before removed a time.
    fn unwrapped(&mut self, format: &Format, is_after_time: bool) -> Option<(String, bool)> {
        let text = self.text();
        let allows = |name: &str| format.allows(self.wrappers.len(), name);
        if text.starts_with('{')
            && let Some(Message { logger, text, at, process, level }) = Message::from_json(text)
            && allows(logger)
        {
            self.add(logger, at, process);
            self.add_level(level);
            return Some((text, false));
        }
        if let Some(Message { logger, text, at, process, level }) = Message::from_pairs(text)
            && allows(logger)
        {
            self.add(logger, at, process);
            self.add_level(level);
            return Some((text, false));
        }
        if let Some(Message { logger, text, at, process, level }) = Message::from_csv(text)
            && allows(logger)
        {
            self.add(logger, at, process);
            self.add_level(level);
            return Some((text, false));
        }
        let outer = self.wrappers.last().copied();
        let is_outermost = outer.is_none() && self.at.is_none();
        let prefix = Wrapper::find(text, outer, is_outermost, allows);
        if let Some(Prefix { name, time, process, metadata, rest }) = prefix {
            let level = metadata.and_then(Level::in_metadata);
            let time = time.map(|time| time.replace("][", " "));
            let at = time.and_then(|time| time_text(&time).or_else(|| bare_stamp(&time)));
            let rest = rest.to_owned();
            self.add(name, at, process);
            self.add_level(level);
            return Some((rest, name == EPOCH || name == TS));
        }
        if let Some((at, rest)) = stamp(text) {
            self.add_time(Some(at));
            return Some((rest, true));
        }
        // All words of a logger's metadata are one wrapper.
        let position = self.wrappers.iter().position(|name| *name == LOGGER);
        let is_allowed = format.allows(position.unwrap_or(self.wrappers.len()), LOGGER);
        if is_allowed && let Some(rest) = without_word(text, outer, is_after_time) {
            let level = Level::in_metadata(&text[..text.len() - rest.len()]);
            let rest = rest.to_owned();
            if position.is_none() {
                self.add(LOGGER, None, None);
            }
            self.add_level(level);
            return Some((rest, false));
        }
        let trimmed = text.trim_start();
        (trimmed.len() < text.len()).then(|| (trimmed.to_owned(), false))
    }

    /// Adds a time from inside the wrappers that are already removed. It replaces the outer time, which is
    /// from a collector, because only the innermost time is from the service. The outer time stays if it has
    /// a whole date or a zone, and the inner time does not.
    fn add_time(&mut self, at: Option<Time>) {
        let known = |time: Time| (time.date == Date::Whole, time.has_zone);
        let says_less = |inner: Time| self.at.is_some_and(|outer| known(outer) > known(inner));
        self.at = at.filter(|inner| !says_less(*inner)).or(self.at);
    }

    /// Adds a level from inside the wrappers that are already removed. The outermost level is kept: a message
    /// may begin with a level that it quotes, and a name may contain the word for a level.
    fn add_level(&mut self, level: Option<Level>) {
        self.level = self.level.or(level);
    }

    /// Adds a wrapper inside the others, with its time and its process.
    fn add(&mut self, name: &'static str, at: Option<Time>, process: Option<Process>) {
        self.wrappers.push(name);
        self.add_time(at);
        self.process = match (self.process.take(), process) {
            (Some(outer), Some(inner)) => Some(outer.around(inner)),
            (outer, inner) => outer.or(inner),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "⚠️  DBTracer: DISABLED (ENABLE_DB_TRACING=true )";

    /// Returns the time of an entry; `None` if the entry has no time with a whole date.
    fn whole_time(entry: &Entry) -> Option<String> {
        entry.at.filter(|time| time.date == Date::Whole).map(|time| time.at.to_rfc3339())
    }

    #[test]
    fn the_text_is_the_same_from_every_collector() {
        let json = serde_json::to_string(TEXT).unwrap();
        let bytes: Vec<u8> = TEXT.bytes().collect();
        for (line, time) in [
            (TEXT.to_owned(), None),
            (format!("\u{1b}[33m{TEXT}\u{1b}[0m\r"), None),
            (format!("2025-10-22T12:00:01Z app[148e2] iad [info] {TEXT}"), Some("12:00:01")),
            (format!("2025-10-22T12:00:01Z app[148e2] iad [info]{TEXT}"), Some("12:00:01")),
            (format!("2025-10-22T14:00:01.5+02:00 {TEXT}"), Some("12:00:01.500")),
            (format!("2025-10-22 12:00:01,250 {TEXT}"), Some("12:00:01.250")),
            (format!("[2025-10-22T12:00:01Z] {TEXT}"), Some("12:00:01")),
            (format!("runner-1  | {TEXT}"), None),
            (format!("runner-1  | 2025-10-22T12:00:01.000000000Z {TEXT}"), Some("12:00:01")),
            (format!("2025-10-22T12:00:01.5Z stderr F {TEXT}"), Some("12:00:01.500")),
            (format!("[pod/runner-7f/runner] {TEXT}"), None),
            (format!("Oct 22 12:00:01 host runner[12]: {TEXT}"), None),
            (format!("2025-10-22T12:00:01+0000 host runner[12]: {TEXT}"), Some("12:00:01")),
            (format!(r#"{{"time":"2025-10-22T12:00:01Z","msg":{json}}}"#), Some("12:00:01")),
            (format!(r#"{{"log":{json},"stream":"stderr","ts":1761134401}}"#), Some("12:00:01")),
            (
                format!(r#"{{"ts":1761134401.5,"fields":{{"message":{json}}}}}"#),
                Some("12:00:01.500"),
            ),
            (
                format!(r#"{{"__REALTIME_TIMESTAMP":"1761134401000000","MESSAGE":{bytes:?}}}"#),
                Some("12:00:01"),
            ),
            (
                format!(
                    r#"2025-10-22T13:00:00Z app[1a] iad [info] {{"time":"2025-10-22T12:00:01Z","message":{json}}}"#
                ),
                Some("12:00:01"),
            ),
        ] {
            let found = parse_line(&line, &Format::Detected);
            assert_eq!(found.text(), TEXT, "{line}");
            let at = whole_time(&found);
            let expected = time.map(|time| format!("2025-10-22T{time}+00:00"));
            assert_eq!(at, expected, "{line}");
        }
    }

    /// Samples of prefixes as the tools print them, with the names of the wrappers and the time.
    #[test]
    fn the_wrappers_of_common_tools_are_removed() {
        const AT: Option<&str> = Some("12:00:01");
        for (line, names, time) in [
            ("2025-10-22T12:00:01.000000+00:00 app[worker.1]: ", "Heroku", AT),
            ("<14>1 2025-10-22T12:00:01Z web-1 runner 812 - - ", "syslog", AT),
            ("74 <14>1 - web-1 runner - ID47 [a@1 b=\"]\"][c@2 d=\"\\\"\"] ", "syslog", None),
            ("<30>Oct 22 12:00:01 web-1 runner[812]: ", "syslog", None),
            ("Wed 2025-10-22 12:00:01 UTC web-1 runner[812]: ", "journald", AT),
            ("[ 1001.870000] web-1 runner[812]: ", "journald", None),
            ("1761134401.000000 web-1 runner[812]: ", "journald", AT),
            ("runner.1.x7k2@node-2    | ", "docker swarm", None),
            ("0|runner  | ", "pm2", None),
            ("12:00:01 web.1     | ", "foreman", None),
            ("runner-7f9c5b-x7k2f runner ", "stern", None),
            ("test\tRun tests\t2025-10-22T12:00:01.0000000Z ", "GitHub Actions", AT),
            ("2025-10-22T12:00:01Z {app=\"runner\", x=\"y z\"} ", "Loki", AT),
            ("2025-10-22T12:00:01.000000+00:00 app/runner/5d1f0c2e7a ", "CloudWatch", AT),
            ("I, [2025-10-22T12:00:01.000000 #812]  INFO -- : ", "Ruby's logger", AT),
            ("2025-10-22 12:00:01.000 | INFO     | app.worker:run:12 - ", "loguru", AT),
            (
                "2025-10-22 12:00:01.000  INFO 812 --- [           main] c.e.Runner : ",
                "logback",
                AT,
            ),
            ("2025-10-22 12:00:01,000 INFO [main] c.e.Runner - ", "log4j", AT),
            ("[2025-10-22T12:00:01Z INFO  runner::worker] ", "env_logger", AT),
            (
                "2025-10-22T12:00:01.000000Z  INFO runner::worker: ",
                "log level, tracing-subscriber",
                AT,
            ),
            ("2025-10-22T12:00:01.000000Z  WARN job{id=7}: ", "log level, tracing-subscriber", AT),
            ("2025-10-22 12:00:01,000 - runner - INFO - ", "Python's logging", AT),
            ("INFO:runner.worker:", "Python's logging", None),
            ("[2025-10-22 12:00:01,000] [INFO] [runner.worker] ", "Python's logging", AT),
            ("2025-10-22 12:00:01,000 | INFO | runner.worker | ", "Python's logging", AT),
            ("[2025-10-22 12:00:01,000: INFO/MainProcess] ", "Celery", AT),
            ("[2025-10-22 12:00:01 +0000] [812] [INFO] ", "gunicorn", AT),
            ("INFO 2025-10-22 12:00:01,000 svc 6985 140077365902208 ", "log level, Django", AT),
            ("2025-10-22 12:00:01,000 INFO     [svc.py:8] ", "log level, a source position", AT),
            ("2025-10-22 12:00:01 web-1 runner[812] INFO ", "coloredlogs", AT),
            (
                "[2025-10-22T12:00:01.000Z] INFO (runner/12 on web-1): ",
                "log level, pino-pretty",
                AT,
            ),
            ("2025/10/22 12:00:01 ", "", AT),
            ("2025/10/22 12:00:01 main.go:42: ", "Go's log", AT),
            ("2025-10-22 12:00:01 [info     ] ", "structlog", AT),
            ("INFO:     ", "log level", None),
            ("[2025-10-22 12:00:01.000000] INFO: runner: ", "log level, tracing-subscriber", AT),
            ("<13>Oct 22 12:00:01 runner[812]: ", "syslog", None),
            ("2025-10-22T12:00:01Z app[148e2] iad [info] 0|runner  | ", "flyctl, pm2", AT),
        ] {
            let found = parse_line(&format!("{line}{TEXT}"), &Format::Detected);
            assert_eq!((found.text(), found.wrappers.join(", ").as_str()), (TEXT, names), "{line}");
            let expected = time.map(|time| format!("2025-10-22T{time}+00:00"));
            assert_eq!(whole_time(&found), expected, "{line}");
        }
    }

    /// Checks the text of each line, which is [`TEXT`], the names of its wrappers and its time.
    fn assert_texts(lines: &[(String, &str, Option<&str>)]) {
        for (line, names, time) in lines {
            let found = parse_line(line, &Format::Detected);
            let at = whole_time(&found);
            let expected = time.map(|time| format!("2025-10-22T{time}+00:00"));
            let found = (found.text(), found.wrappers.join(", "), at);
            assert_eq!(found, (TEXT, (*names).to_owned(), expected), "{line}");
        }
    }

    /// Samples of lines as the tools print them. In some of them, more follows the text.
    #[test]
    fn the_wrappers_of_further_tools_are_removed() {
        const AT: Option<&str> = Some("12:00:01");
        assert_texts(&[
            (format!("I1022 12:00:01.000000     812 main.go:42] {TEXT}"), "glog", None),
            (format!("[10/22/25 12:00:01] INFO     {TEXT}          app.py:13"), "rich", None),
            (format!("                    INFO     {TEXT}          app.py:13"), "rich", None),
            (format!("2025-10-22T12:00:01+0000 [runner#info] {TEXT}"), "Twisted", AT),
            (format!("2025-10-22T12:00:01+0000 [-] {TEXT}"), "Twisted", AT),
            (format!("@4000000068f8c74b00000000 {TEXT}"), "", AT),
            (format!("2025-10-22_12:00:01.00000 {TEXT}"), "", AT),
            (format!("Oct 22 12:00:01 {TEXT}"), "ts", None),
            (format!("[I 251022 12:00:01 web:7] {TEXT}"), "Tornado", AT),
            (format!("2025-10-22T12:00:01.000Z\tINFO\tspans/span.go:12\t{TEXT}"), "zap", AT),
            (
                format!(
                    "2025-10-22T12:00:01.000Z\tinfo\trunner\tspans/span.go:12\t{TEXT}\t{{\"job\": 1}}"
                ),
                "zap",
                AT,
            ),
            (format!("INFO[0000] {TEXT}"), "logrus", None),
            (format!("[12:00:01 INF] {TEXT}"), "Serilog", None),
            (
                format!("[Nest] 812  - 10/22/2025, 12:00:01 PM     LOG [Spans] {TEXT}"),
                "NestJS",
                None,
            ),
            (format!("[2025-10-22 12:00:01] production.INFO: {TEXT}  "), "Monolog", AT),
            (format!("[2025-10-22T12:00:01.000000+00:00] app.INFO: {TEXT} [] []"), "Monolog", AT),
            (format!("12:00:01.123 [info] {TEXT}"), "a time of day, log level", None),
        ]);
    }

    #[test]
    fn the_wrappers_of_further_loggers_and_exports_are_removed() {
        const AT: Option<&str> = Some("12:00:01");
        let json = serde_json::to_string(TEXT).unwrap();
        let csv = TEXT.replace('"', "\"\"");
        assert_texts(&[
            (format!("{{\"dt\":\"2025-10-22 12:00:01.000 UTC\",\"message\":{json}}}"), "JSON", AT),
            (format!("Oct 22 12:00:01 web-1 app/worker.1: {TEXT}"), "syslog", None),
            (format!("2025-10-22 12:00:01.0000|INFO|Runner.Spans|{TEXT}"), "NLog", AT),
            (
                format!("2025-10-22 12:00:01,000 INFO  [c.e.Spans] (main) {TEXT}"),
                "log level, JBoss",
                AT,
            ),
            (format!("22-Oct-2025 12:00:01.000 INFO [main] c.e.Spans.start {TEXT}"), "Tomcat", AT),
            (format!("[2025-10-22 12:00:01.000] [runner] [info] {TEXT}"), "spdlog", AT),
            (format!("[2025-10-22 12:00:01.000] [info] {TEXT}"), "log level", AT),
            (format!("2025-10-22T12:00:01.000Z info: {TEXT}"), "log level", AT),
            (format!("2025-10-22T12:00:01.000Z [info]: {TEXT}"), "log level", AT),
            (
                format!(
                    "{{\"TimeStamp\":\"2025-10-22T12:00:01.000Z\",\"Log\":{}}}",
                    json.replacen('"', "\"F ", 1)
                ),
                "JSON, Azure",
                AT,
            ),
            (format!("\"2025-10-22T12:00:01.000Z\",\"web-1\",\"runner\",\"{csv}\""), "CSV", AT),
            (format!("2025-10-22T12:00:01.000Z,web-1,runner,{TEXT}"), "CSV", AT),
            (format!("2025-10-22T12:00:01.000000Z 01O {TEXT}"), "GitLab CI", AT),
            (format!("\u{1b}_bk;t=1761134401000\u{7}{TEXT}"), "", None),
            (
                format!(
                    "{{\"asctime\": \"2025-10-22 12:00:01,000\", \"levelname\": \"INFO\", \"message\": {json}}}"
                ),
                "JSON",
                AT,
            ),
            (format!("\u{1b}[32mINFO    \u{1b}[0m \u{1b}[34m{TEXT}\u{1b}[0m"), "log level", None),
            (
                format!(
                    "{{\"message\": {json}, \"timestamp\": 1761134401.0, \"task_uuid\": \"c6\", \"message_type\": \"a\"}}"
                ),
                "JSON",
                AT,
            ),
        ]);
    }

    #[test]
    fn a_line_without_a_wrapper_is_unchanged() {
        for line in ["", "plain words", "{not json", r#"{"other":"field"}"#, "| pipe", "a [b] c: d"]
        {
            let expected = Entry { texts: vec![line.into()], ..Entry::default() };
            assert_eq!(parse_line(line, &Format::Detected), expected);
        }
    }

    #[test]
    fn a_given_format_replaces_the_detected_one() {
        let line = r#"2025-10-22T12:00:01Z app[1a] iad [info] {"level":"info","msg":"x"}"#;
        for (format, text) in [
            ("flyctl around JSON", "x"),
            ("flyctl", r#"{"level":"info","msg":"x"}"#),
            ("plain", r#"app[1a] iad [info] {"level":"info","msg":"x"}"#),
            ("JSON", r#"app[1a] iad [info] {"level":"info","msg":"x"}"#),
        ] {
            let format = Format::parse(format).unwrap();
            assert_eq!(parse_line(line, &format).text(), text, "{format:?}");
        }
    }

    #[test]
    fn the_logger_of_a_json_line_is_recognised_by_its_keys() {
        for (line, logger) in [
            (r#"{"level":"info","ts":1761134401.5,"caller":"a.go:1","msg":"x"}"#, "zap JSON"),
            (r#"{"level":30,"time":1761134401000,"pid":1,"hostname":"h","msg":"x"}"#, "pino JSON"),
            (
                r#"{"name":"a","hostname":"h","pid":1,"level":30,"msg":"x","time":"2025-10-22T12:00:01Z","v":0}"#,
                "bunyan JSON",
            ),
            (r#"{"log":"x\n","stream":"stderr","time":"2025-10-22T12:00:01Z"}"#, "docker JSON"),
            (
                r#"{"timestamp":"2025-10-22T12:00:01Z","level":"INFO","fields":{"message":"x"},"target":"a"}"#,
                "tracing-subscriber JSON",
            ),
            (r#"{"message":"x"}"#, "JSON"),
        ] {
            let found = parse_line(line, &Format::Detected);
            assert_eq!((found.text(), found.wrappers.as_slice()), ("x", [logger].as_slice()));
        }
    }
}
