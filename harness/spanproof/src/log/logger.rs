//! Removes the metadata that a logger of any kind puts before the text of a line, word by word: level,
//! process, thread, name, position in the source. A word is removed only after a time or a level, because a
//! text may begin with such a word, too.

use std::sync::LazyLock;

use regex::Regex;

use super::first_byte::FirstBytes;
use super::pattern::compile;
use super::wrapper::{LOG_LEVEL, RUBY, STRUCTLOG};

/// The name, in reports, of metadata that is not in the table of wrappers (`wrapper.rs`).
pub(super) const LOGGER: &str = "a logger";
/// The names of wrappers (prefixes of tools) that metadata may follow.
const WRAPPERS_BEFORE_METADATA: [&str; 8] = [
    LOG_LEVEL,
    RUBY,
    STRUCTLOG,
    LOGGER,
    "a time of day",
    "a source position",
    "tracing-subscriber",
    "Go's log",
];

/// Words of metadata, each with the space that follows it.
const WORDS: [&str; 11] = [
    // `[main]`, `(worker-1):`, `{worker.py:12}`, `<worker.go:12>`.
    r"^(?:\[[^\[\]]{1,100}\]|\([^()]{1,100}\)|\{[^{}]{1,100}\}|<[^<>]{1,100}>):?\s+",
    // `-`, `--`, `|`, `>`.
    r"^(?:-{1,3}|[|>:›])\s+",
    // `pid=812`, `env=prod,team=a`.
    r"^[\w.-]{1,60}=[^\s=,]{1,100}(?:,[\w.-]{1,60}=[^\s=,]{1,100})*\s+",
    // `812`, `ThreadId(02)`, `main ThreadId(01)`, `T[main]`.
    r"^(?:\d{1,10}|(?:[\w.-]+\s+)?ThreadId\(\d+\)|T\[[^\[\]]{1,100}\])\s+",
    // `INFO>`, `INF`, `[inf]`; `info:` is in the table of wrappers.
    r"^(?:(?:TRACE|DEBUG|INFO|NOTICE|WARN|WARNING|ERROR|FATAL|CRITICAL)[>|]|\[?(?:TRC|DBG|INF|WRN|ERR|FTL)\]?:?|\[(?:dbg|inf|wrn|err)\])\s+",
    // `runner/812 on host:`.
    r"^[\w.-]+/\d+ on [\w.-]+:\s+",
    // `a.b.Class`, `a::b:`, `worker.rs:12:`, `/src/worker.ts:12`, `Runner.Worker[0]`.
    r"^/?[\w$@-]+(?:(?:::|[./:])[\w$@-]+)+(?:\[\d+\])?:?\s+",
    // `name -`, `name --`, `name >`, `name |`.
    r"^[\w.$@-]+\s+(?:-{1,2}|[>|›])\s+",
    // `I [812:main]`.
    r"^[TDIWEF] \[[^\[\]]{1,100}\]\s+",
    // `I     `: a level of one letter in a column.
    r"^[TDIWEF]\s{2,}",
    // `INFO|runner.worker|`.
    r"^(?:TRACE|DEBUG|INFO|NOTICE|WARN|WARNING|ERROR|FATAL|CRITICAL)\|(?:[\w.:$-]*\|)?",
];
/// A name (`worker:`, `Worker :`, Flask's `in worker:`), or spans with their fields (`run{job=7}:`). Removed
/// only after a level: after a time alone, this may be the start of the text.
const NAME: &str = r"^(?:(?:[\w.-]+(?:\{[^{}]*\})?:)+|[\w.:-]*\w :|in [\w.-]+:)\s+";
/// `I worker.py:12]`. Removed only after a time.
const SHORT: &str = r"^[TDIWEF] [\w./-]+:\d+\]\s+";
/// The name of a host or a thread before a level.
const HOST: &str = r"^[\w.-]+ (?:TRACE|DEBUG|INFO|NOTICE|WARN|WARNING|ERROR|FATAL):? ";

static PATTERNS: LazyLock<Vec<(FirstBytes, Regex)>> = LazyLock::new(|| {
    let pattern = |word: &&str| Some((FirstBytes::from_pattern(word).ok()?, compile(word)?));
    WORDS.iter().filter_map(pattern).collect()
});
static NAME_PATTERN: LazyLock<Option<Regex>> = LazyLock::new(|| compile(NAME));
static SHORT_PATTERN: LazyLock<Option<Regex>> = LazyLock::new(|| compile(SHORT));
static HOST_PATTERN: LazyLock<Option<Regex>> = LazyLock::new(|| compile(HOST));

/// Returns a text without the word of metadata at its start; `None` if it has none. `outer` is the name of
/// the wrapper that was removed last, and `is_after_time` is whether a time was removed after that wrapper.
pub(super) fn without_word<'a>(
    text: &'a str,
    outer: Option<&str>,
    is_after_time: bool,
) -> Option<&'a str> {
    let is_after_level = outer.is_some_and(|outer| WRAPPERS_BEFORE_METADATA.contains(&outer));
    if !is_after_level && !is_after_time {
        return None;
    }
    let end = |pattern: &Regex| Some(pattern.find(text)?.end());
    let possible = PATTERNS.iter().filter(|(first, _)| first.allow(text));
    let word = possible.map(|(_, pattern)| pattern).find_map(end);
    let name = || NAME_PATTERN.as_ref().filter(|_| is_after_level).and_then(end);
    let host = || HOST_PATTERN.as_ref().and_then(end).and_then(|_| Some(text.find(' ')? + 1));
    let short = || SHORT_PATTERN.as_ref().filter(|_| is_after_time).and_then(end);
    text.get(word.or_else(name).or_else(host).or_else(short)?..)
}

#[cfg(test)]
mod tests {
    use super::super::{Format, parse_line};
    use super::*;

    const TEXT: &str = "🔍 DBTracer: ENABLED (ENABLE_DB_TRACING=true)";

    /// Samples of prefixes as the documentation of the loggers shows them, with the names of the removed
    /// wrappers.
    #[test]
    fn the_metadata_of_loggers_is_removed() {
        for (prefix, names) in [
            // hclog, log4rs, fern, flexi_logger, simplelog, pretty_env_logger, slog-term.
            ("2025-10-22T12:00:01.020Z [INFO]  runner.worker: ", "log level, a logger"),
            ("2025-10-22T12:00:01.020+00:00 INFO runner::worker - ", "log level, a logger"),
            ("[2025-10-22][12:00:01][runner::worker][INFO] ", "fern"),
            (
                "[2025-10-22 12:00:01.020000 +00:00] INFO [runner::worker] src/worker.rs:12: ",
                "log level, a logger",
            ),
            (
                "12:00:01 [INFO] (1) runner::worker: [src/worker.rs:12] ",
                "a time of day, log level, a logger, a source position",
            ),
            (" INFO  runner::worker > ", "log level, a logger"),
            ("Oct 22 12:00:01.020 INFO ", "ts, log level"),
            // tracing-subscriber with thread ids, spans and positions.
            (
                "2025-10-22T12:00:01.020Z  INFO ThreadId(02) run{job=7}:unit{id=1}: runner::worker: src/worker.rs:12: ",
                "log level, a logger",
            ),
            // Akka, log4net, timbre, .NET's console.
            (
                "[INFO] [10/22/2025 12:00:01.020] [sys-default-dispatcher-3] [akka://sys/user/worker] ",
                "log level, a logger",
            ),
            ("2025-10-22 12:00:01,020 [1] INFO  Runner.Worker [(null)] - ", "a logger, log level"),
            (
                "2025-10-22T12:00:01.020Z web-1 INFO [runner.worker:12] - ",
                "a logger, log level, a source position",
            ),
            ("2025-10-22T12:00:01.0200000+00:00 info: Runner.Worker[0] ", "log level, a logger"),
            ("      ", ""),
            // Semantic Logger, Sidekiq, log4js, tslog, debug, bunyan's command.
            ("2025-10-22 12:00:01.020000 I [123:worker] Runner::Worker -- ", "a logger"),
            (
                "2025-10-22T12:00:01.020Z pid=12 tid=abc class=RunJob jid=0f3e INFO: ",
                "a logger, log level",
            ),
            ("[2025-10-22T12:00:01.020] [INFO] default - ", "log level, a logger"),
            ("2025-10-22 12:00:01.020\tINFO\t/src/worker.ts:12\t", "zap"),
            ("2025-10-22T12:00:01.020Z runner:worker ", "a logger"),
            ("[2025-10-22T12:00:01.020Z]  INFO: runner/123 on web-1: ", "log level, a logger"),
            // Airflow, Scrapy, Logbook, Prefect, Ray.
            ("[2025-10-22T12:00:01.020+0000] {worker.py:12} INFO - ", "a logger, log level"),
            ("2025-10-22 12:00:01 [runner.worker] INFO: ", "a logger, log level"),
            ("[2025-10-22 12:00:01.020000] INFO: Worker: ", "log level, tracing-subscriber"),
            ("12:00:01.020 | INFO    | Flow run 'cyan-owl' - ", "a time of day, Prefect"),
            ("(Worker pid=123, ip=10.0.0.1) ", "Ray"),
            // Log4perl, Mojolicious, Boost.Log, Easylogging++, zerolog.
            ("2025/10/22 12:00:01 INFO> worker.pl:12 main::run - ", "a logger"),
            ("[2025-10-22 12:00:01.02000] [123] [info] ", "spdlog"),
            ("[2025-10-22 12:00:01.020000] [0x00007f1f] [info]    ", "spdlog"),
            ("2025-10-22 12:00:01,020 INFO [default] ", "log level, a logger"),
            ("12:00PM INF worker.go:12 > ", "zerolog"),
            // Railway, Cloud Foundry, Dapr, Tilt, process-compose, TeamCity, Fluentd.
            ("2025-10-22T12:00:01.020000000Z [inf]  ", "a logger"),
            ("   2025-10-22T12:00:01.02+0000 [APP/PROC/WEB/0] OUT ", "Cloud Foundry"),
            ("== APP == ", "Dapr"),
            ("       runner │ ", "docker compose"),
            ("[worker\t] ", "process-compose"),
            ("[12:00:01]W:\t [Step 1/1] ", "TeamCity"),
        ] {
            assert_removed(prefix, names);
        }
    }

    /// Checks which prefix is removed.
    fn assert_removed(prefix: &str, names: &str) {
        let found = parse_line(&format!("{prefix}{TEXT}"), &Format::Detected);
        let found = (found.text(), found.wrappers.join(", "));
        assert_eq!(found, (TEXT, names.to_owned()), "{prefix}");
    }

    #[test]
    fn the_metadata_of_servers_and_platforms_is_removed() {
        for (prefix, names) in [
            ("Oct 22 12:00:01 PM  [x7k2f]  ", "ts, a logger"),
            // nginx, .NET's console for systemd, Python with threads, Rails with tags, journald, AWS, logcli,
            // Unix times.
            ("2025/10/22 12:00:01 [info] 812#812: *1 ", "nginx"),
            ("12:00:01 <6>Runner.Worker[0] ", "a time of day, .NET"),
            ("2025-10-22 12:00:01,020 MainThread INFO: ", "a logger, log level"),
            (
                "I, [2025-10-22T12:00:01.020000 #812]  INFO -- : [5d1f0c2e] ",
                "Ruby's logger, a logger",
            ),
            ("[ 1001.870000 <    0.001000>] web-1 runner[812]: ", "journald"),
            ("EVENTS\t375\t1761134405000\tapp/runner/5d\t1761134401020\t", "CloudWatch"),
            ("2025-10-22T12:00:01.020000Z {} ", "Loki"),
            ("[1761134401.020] ", "epoch"),
            ("1761134401020: ", "epoch"),
            ("22-OCT-2025 12:00:01 ", ""),
            ("oct 22 12:00:01 ", ""),
        ] {
            assert_removed(prefix, names);
        }
    }

    /// Samples in which something follows the text, or JSON with the special keys of a tool contains it.
    #[test]
    fn the_parts_before_and_after_a_text_are_removed() {
        let json = serde_json::to_string(TEXT).unwrap();
        for (line, names) in [
            (format!("[22-Oct-2025 12:00:01 UTC] {TEXT}"), "PHP"),
            (
                format!(
                    "[22-Oct-2025 12:00:01] WARNING: [pool www] child 12 said into stderr: \"NOTICE: PHP message: {TEXT}\""
                ),
                "PHP",
            ),
            (
                format!("[0] runner: [[1761134401.020000000, {{}}], {{\"log\"=>\"{TEXT}\"}}]"),
                "Fluent Bit",
            ),
            (format!("Body: Str({TEXT})"), "OpenTelemetry collector"),
            (format!("2025-10-22 12:00:01 +0000 runner.out: {{\"log\":{json}}}"), "a logger, JSON"),
            (format!("{{\"Timestamp\":\"2025-10-22T12:00:01Z\",\"Message\":{json}}}"), "JSON"),
            (
                format!("{{\"result\":{{\"_time\":\"2025-10-22T12:00:01Z\",\"_raw\":{json}}}}}"),
                "JSON",
            ),
            (format!("{{\"_index\":\"a\",\"_source\":{{\"message\":{json}}}}}"), "JSON"),
            (format!("{TEXT},2025-10-22T12:00:01.020+0000,web-1"), "CSV"),
        ] {
            let found = parse_line(&line, &Format::Detected);
            let found = (found.text(), found.wrappers.join(", "));
            assert_eq!(found, (TEXT, names.to_owned()), "{line}");
        }
    }

    /// A line that quotes another line must not be taken for that line.
    #[test]
    fn plain_words_before_a_text_are_not_removed() {
        for prefix in [
            "2025-10-22T12:00:01Z failed to send ",
            "2025-10-22T12:00:01Z retry: ",
            "2025-10-22T12:00:01Z INFO could not store: ",
            "retrying [1] ",
            "quoted > ",
            "a::b ",
        ] {
            let found = parse_line(&format!("{prefix}{TEXT}"), &Format::Detected);
            assert_ne!(found.text(), TEXT, "{prefix}");
        }
    }

    #[test]
    fn every_pattern_is_valid() {
        assert_eq!(PATTERNS.len(), WORDS.len());
        assert!(NAME_PATTERN.is_some() && HOST_PATTERN.is_some() && SHORT_PATTERN.is_some());
    }

    #[test]
    fn only_words_of_metadata_after_a_time_or_a_level_are_removed() {
        for text in ["", "word word", "sending: text", "failed to send: text", "[a", "a=b"] {
            assert_eq!(without_word(text, None, true), None, "{text}");
        }
        for text in ["[main] text", "runner.worker: text", "pid=8 text", "- text"] {
            assert_eq!(without_word(text, None, true), Some("text"), "{text}");
            assert_eq!(without_word(text, Some("docker JSON"), false), None, "{text}");
        }
        assert_eq!(without_word("worker: text", Some(LOG_LEVEL), false), Some("text"));
    }
}
