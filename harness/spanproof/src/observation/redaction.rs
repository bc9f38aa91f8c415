//! Puts placeholders, such as `[PORT]`, in place of values in the startup output that differ from run to run.
//! Replaces first the values that spanproof itself chose, then values that match a rule of the spec, and then
//! values that look like times, process ids and durations.

use regex::Regex;

use super::TrialRecord;
use super::variance::Variance;
use crate::spec::Startup;

/// The name of the placeholder for the service's port. Placeholders of other ports are named `PORT:name`.
const PORT: &str = "PORT";
/// The name of the placeholder for a process id.
const PID: &str = "PID";

/// Replaces the varying values of one trial (one run of the service) with placeholders.
#[derive(Debug)]
pub(crate) struct Redactor<'a> {
    /// Placeholder names, each with the value that it replaces.
    known: Vec<(&'a str, &'a str)>,
    /// Patterns that match the ids of the service's processes.
    processes: Vec<Regex>,
    /// The part of the spec with the rules for further values.
    startup: &'a Startup,
}

impl<'a> Redactor<'a> {
    /// Creates the redactor for the output of a trial.
    pub(crate) fn new(trial: &'a TrialRecord, startup: &'a Startup) -> Self {
        let all = trial.service.placeholders.iter();
        let all = all.map(|(name, value)| (name.as_str(), value.as_str()));
        let (ids, known): (Vec<_>, Vec<_>) =
            all.filter(|(_, value)| !value.is_empty()).partition(|(name, _)| *name == PID);
        let ids: Vec<_> = ids.into_iter().map(|(_, id)| regex::escape(id)).collect();
        Self { known, processes: process_patterns(&ids), startup }
    }

    /// Returns a line of output with placeholders.
    pub(crate) fn line(&self, line: &str) -> String {
        let mut line = line.to_owned();
        for (name, value) in &self.known {
            let is_port = *name == PORT || name.starts_with("PORT:");
            line = replace_whole(&line, value, &format!("[{name}]"), is_port);
        }
        for rule in &self.startup.redact {
            line = rule.pattern.replace_all(&line, format!("[{}]", rule.name)).into_owned();
        }
        line = Variance::redact(line);
        for pattern in &self.processes {
            line = pattern.replace_all(&line, "${before}[PID]${after}").into_owned();
        }
        line
    }

    /// Updates a stored snapshot of an older version, which had fewer placeholders and a different name for
    /// the placeholder of a named port.
    pub(crate) fn update_snapshot(&self, snapshot: &str) -> String {
        let names = self.known.iter().filter_map(|(name, _)| name.strip_prefix("PORT:"));
        let mut snapshot = snapshot.to_owned();
        for name in names {
            let former = format!("[PORT_{}]", name.to_uppercase().replace('-', "_"));
            snapshot = snapshot.replace(&former, &format!("[PORT:{name}]"));
        }
        let lines = snapshot.split_inclusive('\n').map(|line| {
            let text = line.trim_end_matches('\n');
            let (text, end) = (text, &line[text.len()..]);
            match text.strip_prefix("  ") {
                Some(text) => format!("  {}{end}", self.line(text)),
                None => line.to_owned(),
            }
        });
        lines.collect()
    }
}

/// Returns patterns that match the ids of the service's processes in the places where loggers write a
/// process id. Elsewhere, the same number is probably not an id.
fn process_patterns(ids: &[String]) -> Vec<Regex> {
    if ids.is_empty() {
        return Vec::new();
    }
    let ids = ids.join("|");
    let patterns = [
        // `gunicorn[123]`, `[123] Puma starting`.
        format!(r"(?P<before>\[)(?:{ids})(?P<after>\])"),
        // `#123` of Ruby's logger, `123#123` of nginx.
        format!(r"(?P<before>#)(?:{ids})\b"),
        // `INFO 123 --- [main]` of Spring Boot.
        format!(r"(?P<before>^|\s)(?:{ids})(?P<after>#|\s+---\s)"),
        // `[TIME] 123 main.go:10]` of klog, `[Nest] 123  - `, `worker process 123`.
        format!(r"(?P<before>\[TIME\]\s+|\[Nest\]\s+|\b[Pp]rocess )(?:{ids})\b"),
    ];
    patterns.iter().filter_map(|pattern| Regex::new(pattern).ok()).collect()
}

/// Replaces a value with a placeholder, unless it is part of a longer number. A port is also kept if it is
/// part of a longer word or of a decimal number.
fn replace_whole(line: &str, value: &str, placeholder: &str, is_port: bool) -> String {
    let mut replaced = String::new();
    let mut copied = 0;
    for (at, _) in line.match_indices(value) {
        let (before, after) = (&line[..at], &line[at + value.len()..]);
        let is_part = if is_port {
            let is_word_start = !continues_word(before.chars().rev()) || ends_with_escape(before);
            !is_word_start || continues_word(after.chars())
        } else {
            digits_touch(value.chars(), before.chars().rev())
                || digits_touch(value.chars().rev(), after.chars())
        };
        if !is_part {
            replaced.push_str(&line[copied..at]);
            replaced.push_str(placeholder);
            copied = at + value.len();
        }
    }
    replaced.push_str(&line[copied..]);
    replaced
}

/// Whether there are digits on both sides of the boundary between a value and the text beside it. Both
/// iterators start at the boundary.
fn digits_touch(value: impl Iterator<Item = char>, beside: impl Iterator<Item = char>) -> bool {
    starts_with_digit(value) && starts_with_digit(beside)
}

fn starts_with_digit(mut chars: impl Iterator<Item = char>) -> bool {
    chars.next().is_some_and(|c| c.is_ascii_digit())
}

/// Whether the next characters continue a word or a decimal number.
fn continues_word(mut chars: impl Iterator<Item = char>) -> bool {
    match chars.next() {
        Some('.') => starts_with_digit(chars),
        Some(c) => c.is_alphanumeric() || c == '_',
        None => false,
    }
}

/// Whether a text ends with an escape sequence for a colour, whose last letter is not part of a word.
fn ends_with_escape(text: &str) -> bool {
    let parameters = text
        .strip_suffix('m')
        .map(|text| text.trim_end_matches(|c: char| c.is_ascii_digit() || c == ';'));
    parameters.is_some_and(|text| text.ends_with("\u{1b}["))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::example;

    const ESCAPE: &str = "\u{1b}";

    /// Redacts a line of a case whose port is 45123, whose database has the port 45124, and whose
    /// processes have the ids 123 and 124.
    fn redacted(line: &str) -> String {
        let placeholders = [
            ("UPSTREAM", "http://127.0.0.1:4512"),
            ("PORT", "45123"),
            ("PORT:database", "45124"),
            ("PORT:redis-cache", "45125"),
            ("PID", "123"),
            ("PID", "124"),
        ];
        let known = placeholders.into_iter().filter(|(name, _)| *name != PID).collect();
        let processes = process_patterns(&["123".into(), "124".into()]);
        let spec = example(|text| text);
        Redactor { known, processes, startup: &spec.startup }.line(line)
    }

    /// Lines of well-known runtimes, and the same lines with placeholders. `E` is an escape character.
    const VARYING: &[(&str, &str)] = &[
        // uvicorn
        ("INFO:     Started server process [123]", "INFO:     Started server process [[PID]]"),
        (
            "INFO:     Uvicorn running on http://127.0.0.1:45123 (Press CTRL+C to quit)",
            "INFO:     Uvicorn running on http://127.0.0.1:[PORT] (Press CTRL+C to quit)",
        ),
        // gunicorn
        (
            "[2026-11-26 04:50:44 +0000] [123] [INFO] Starting gunicorn 20.1.0",
            "[[TIME]] [[PID]] [INFO] Starting gunicorn 20.1.0",
        ),
        (
            "[2026-11-26 04:50:44 +0000] [7] [INFO] Booting worker with pid: 7",
            "[[TIME]] [7] [INFO] Booting worker with pid: [PID]",
        ),
        // Spring Boot
        (
            "2026-11-26T04:50:44.123+01:00  INFO 123 --- [           main] c.e.App  : Starting App v0.0.1 using Java 17.0.9 with PID 123 (/app.jar started by u in /)",
            "[TIME]  INFO [PID] --- [           main] c.e.App  : Starting App v0.0.1 using Java 17.0.9 with PID [PID] (/app.jar started by u in /)",
        ),
        (
            "Root WebApplicationContext: initialization completed in 567 ms",
            "Root WebApplicationContext: initialization completed in [DURATION]",
        ),
        (
            "Started App in 1.234 seconds (process running for 1.567)",
            "Started App in [DURATION] (process running for [DURATION])",
        ),
        ("Tomcat initialized with port 45123 (http)", "Tomcat initialized with port [PORT] (http)"),
        // pino
        (
            r#"{"level":30,"time":1764132644123,"pid":9,"hostname":"h","msg":"listening on 45123"}"#,
            r#"{"level":30,"time":[TIME],"pid":[PID],"hostname":"h","msg":"listening on [PORT]"}"#,
        ),
        // zap
        (
            r#"{"level":"info","ts":1764132644.123456,"caller":"app/main.go:42","msg":"v1.2.3"}"#,
            r#"{"level":"info","ts":[TIME],"caller":"app/main.go:42","msg":"v1.2.3"}"#,
        ),
        (
            "2026-11-26T04:50:44.123+0100\tINFO\tapp/main.go:42\tstarted\t{\"workers\": 3}",
            "[TIME]\tINFO\tapp/main.go:42\tstarted\t{\"workers\": 3}",
        ),
        // tracing-subscriber
        (
            "2026-11-26T04:50:44.123456Z  INFO app: close time.busy=12.3µs time.idle=4.56ms",
            "[TIME]  INFO app: close time.busy=[DURATION] time.idle=[DURATION]",
        ),
        (
            "E[2m2026-11-26T04:50:44.123456ZE[0m E[32m INFOE[0m listening E[3mportE[0mE[2m=E[0m45123 E[3mpidE[0mE[2m=E[0m9",
            "E[2m[TIME]E[0m E[32m INFOE[0m listening E[3mportE[0mE[2m=E[0m[PORT] E[3mpidE[0mE[2m=E[0m[PID]",
        ),
        // Rails and puma
        ("[123] Puma starting in cluster mode...", "[[PID]] Puma starting in cluster mode..."),
        ("*          PID: 123", "*          PID: [PID]"),
        ("* Listening on http://127.0.0.1:45123", "* Listening on http://127.0.0.1:[PORT]"),
        (
            "[123] - Worker 0 (PID: 124) booted in 0.02s, phase: 0",
            "[[PID]] - Worker 0 (PID: [PID]) booted in [DURATION], phase: 0",
        ),
        (
            "I, [2026-11-26T04:50:44.123456 #123]  INFO -- : ready",
            "I, [[TIME] #[PID]]  INFO -- : ready",
        ),
        // Go
        ("2026/11/26 04:50:44 listening on :45123", "[TIME] listening on :[PORT]"),
        (
            "2026/11/26 04:50:44.123456 main.go:23: connected in 1m2.345s",
            "[TIME] main.go:23: connected in [DURATION]",
        ),
        ("I1126 04:50:44.123456     123 main.go:10] up", "[TIME]     [PID] main.go:10] up"),
        // nginx
        (
            "2026/11/26 04:50:44 [notice] 123#123: start worker process 124",
            "[TIME] [notice] [PID]#[PID]: start worker process [PID]",
        ),
        // NestJS and vite
        (
            "[Nest] 123  - 11/26/2026, 4:50:44 AM     LOG [NestFactory] Starting",
            "[Nest] [PID]  - [TIME]     LOG [NestFactory] Starting",
        ),
        ("  VITE v5.0.0  ready in 345 ms", "  VITE v5.0.0  ready in [DURATION]"),
        // Python, java.util.logging, syslog, Redis
        ("2026-11-26 04:50:44,123 INFO app", "[TIME] INFO app"),
        ("Nov 26, 2026 4:50:44 AM org.x.App main", "[TIME] org.x.App main"),
        ("Nov  6 04:50:44 host app[123]: up", "[TIME] host app[[PID]]: up"),
        ("123:M 26 Nov 2026 04:50:44.123 * Ready", "123:M [TIME] * Ready"),
        // other forms
        ("Date: Thu, 26 Nov 2026 04:50:44 GMT", "Date: [TIME]"),
        ("Thu Nov 26 04:50:44 UTC 2026: up", "[TIME]: up"),
        ("[26/Nov/2026:04:50:44 +0000] up", "[[TIME]] up"),
        ("04:50:44.123 [main] INFO up", "[TIME] [main] INFO up"),
        ("[04:50:44] INFO up", "[[TIME]] INFO up"),
        ("time=2026-11-26T04:50:44Z level=info pid=9", "time=[TIME] level=info pid=[PID]"),
        ("ts=1764132644.123 msg=up took=1.2ms", "ts=[TIME] msg=up took=[DURATION]"),
        (
            "migrated in 3s, warmed up after 12ms",
            "migrated in [DURATION], warmed up after [DURATION]",
        ),
        ("took 3 seconds", "took [DURATION]"),
        (
            "database 127.0.0.1:45124, cache 127.0.0.1:45125",
            "database 127.0.0.1:[PORT:database], cache 127.0.0.1:[PORT:redis-cache]",
        ),
        ("upstream http://127.0.0.1:4512/v1", "upstream [UPSTREAM]/v1"),
        ("listening on 127.0.0.1:45123.", "listening on 127.0.0.1:[PORT]."),
    ];

    fn assert_redacted(rows: &[(String, String)]) {
        let wrong = rows.iter().filter(|(line, as_expected)| redacted(line) != *as_expected);
        let wrong = wrong.map(|(line, as_expected)| (redacted(line), as_expected.clone()));
        assert_eq!(wrong.collect::<Vec<_>>(), []);
    }

    #[test]
    fn varying_values_in_lines_of_well_known_runtimes_are_replaced() {
        let rows = VARYING.iter().map(|(line, as_expected)| {
            let colour = |text: &str| text.replace("E[", &format!("{ESCAPE}["));
            (colour(line), colour(as_expected))
        });
        assert_redacted(&rows.collect::<Vec<_>>());
    }

    #[test]
    fn constant_values_are_kept() {
        let lines = [
            "app 1.2.3 with 123 plugins in 4 modules",
            "pool: 124 connections, [12] queues, 123 --verbose",
            "Ruby version: ruby 3.2.2 (2023-03-30 revision e51014f9c0) [x86_64-linux]",
            "* Min threads: 5",
            "config: ENABLE_DB_TRACING=\"true \" effective=disabled source=environment",
            "config: LIMIT=123 RATE=0.45123 MAX=145123 SIZE=451230 SHARE=45123.5 HASH=a45123f",
            "hybrid router enabled timeout=300s interval=500ms",
            "retrying in 500ms; the request times out after 250 ms",
            "the next poll is in 5s, idle connections are closed after 30s",
            "{\"count\":1764132644,\"limit\":1764132644123}",
            "build 20261126, licence until 2030-12-31",
            "the backup runs at 04:00:00 every day",
            "mac 00:1a:2b:3c:4d:5e, address fe80::12:34:56",
            "rapid 5, pids=10, pid_max=32768",
            "http://127.0.0.1:45129 is another upstream",
            "flag=1, retries=3, running for office",
            "release 2026.11.26-4, schema 20261126045044",
        ];
        assert_redacted(&lines.map(|line| (line.to_owned(), line.to_owned())));
    }

    #[test]
    fn redacting_again_changes_nothing() {
        let line = "[2026-11-26 04:50:44 +0000] [123] took 1.2s pid=9 on 45123";
        let once = redacted(line);
        assert_eq!(once, "[[TIME]] [[PID]] took [DURATION] pid=[PID] on [PORT]");
        assert_eq!(redacted(&once), once);
    }

    #[test]
    fn an_old_snapshot_gets_the_current_placeholders() {
        let spec = example(|text| text);
        let known = vec![("PORT:redis-cache", "45125")];
        let redactor = Redactor { known, processes: Vec::new(), startup: &spec.startup };
        assert_eq!(
            redactor.update_snapshot(
                "stderr:\n  2026-11-26 04:50:44 redis [PORT_REDIS_CACHE]\nstdout:\n"
            ),
            "stderr:\n  [TIME] redis [PORT:redis-cache]\nstdout:\n"
        );
    }

    #[test]
    fn rules_of_the_spec_apply_before_built_in_patterns() {
        let rule = "[startup]\nredact = [{ pattern = '\\d+:\\d+:\\d+', name = 'CLOCK' }]";
        let spec = example(|text| text.replace("[startup]", rule));
        let redactor =
            Redactor { known: Vec::new(), processes: Vec::new(), startup: &spec.startup };
        assert_eq!(redactor.line("04:50:44.123 pid=1"), "[CLOCK].123 pid=[PID]");
    }
}
