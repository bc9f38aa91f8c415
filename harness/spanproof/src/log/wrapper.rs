//! What log collectors and loggers put before the text of a line. The table has an entry for each format; the
//! comment is a sample of its lines, as the tool's documentation shows them or the tool prints them.

use std::sync::LazyLock;

use regex::Regex;

use super::first_byte::FirstBytes;
use super::pattern::compile;
use super::process::Process;

/// A prefix that a tool puts before the text, at the start of a line or after a time.
#[derive(Debug)]
pub(super) struct Wrapper {
    /// The name of the tool, for reports.
    name: &'static str,
    pattern: Regex,
    first: FirstBytes,
    /// What the tool puts after the text; `None` if it puts nothing there.
    suffix: Option<Regex>,
}

/// A prefix of a text.
#[derive(Debug)]
pub(super) struct Prefix<'a> {
    /// The name of the tool.
    pub(super) name: &'static str,
    /// The time in the prefix, as text; `None` if there is none.
    pub(super) time: Option<&'a str>,
    /// The process that the prefix names; `None` if it names none.
    pub(super) process: Option<Process>,
    /// The prefix, in which a level is searched for; `None` if a level in it would not come from the
    /// service's logger.
    pub(super) metadata: Option<&'a str>,
    /// The text after the prefix, without what the tool puts after the text.
    pub(super) rest: &'a str,
}

/// Name and pattern of each prefix. An earlier entry is tried first. The groups `process` and `instance`, or
/// `pod`, name the process that wrote the line. The group `time` is the time of the line. A pattern that also
/// checks how the text begins has a group `rest`, which starts where the text starts.
const PREFIXES: &[(&str, &str)] = &[
    // `2025-10-22T12:00:01Z app[148e2] iad [info] text`; the space before the text may be missing.
    ("flyctl", r"^[a-z][\w-]*\[(?P<process>[0-9a-f]+)\]\s+[a-z]{3}\s+\[\w+\]\s?"),
    // `2025-10-22T12:00:01.123456+00:00 app[worker.1]: text`, also `heroku[router]: `.
    ("Heroku", r"^(?:app|heroku)\[(?P<process>[\w.-]+)\]: ?"),
    // `<14>1 2025-10-22T12:00:01Z host app 812 ID47 [x@1 a="b"] text` (RFC 5424, section 6); the time may
    // be `-`, and a byte order mark may precede the text. `83 <14>1 …` counts octets (RFC 6587).
    (
        "syslog",
        r#"^(?:\d+ )?<\d{1,3}>1 (?P<time>\S+) (?P<process>\S+ \S+) (?P<instance>\S+) \S+ (?:-|(?:\[(?:[^\]"\\]|"(?:[^"\\]|\\.)*"|\\.)*\])+) ?\u{feff}?"#,
    ),
    // `Wed 2025-10-22 12:00:01 UTC host runner[812]: text` (`journalctl -o short-full`).
    (
        "journald",
        r"^[A-Z][a-z]{2} (?P<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)? [A-Z+-][\w:+-]*) (?P<process>[\w.-]+ [^\s:\[]+)(?:\[(?P<instance>\d+)\])?: ?",
    ),
    // `[ 1001.870000] host runner[812]: text` (`journalctl -o short-monotonic`),
    // `[ 1001.870000 <    0.001000>] host …` (`-o short-delta`), `1761134401.870000 host …`
    // (`-o short-unix`).
    (
        "journald",
        r"^\[\s*\d+\.\d{6}(?:\s*<\s*\d+\.\d+\s*>\s*)?\] (?P<process>[\w.-]+ [\w./@-]+)(?:\[(?P<instance>\d+)\])?: ?",
    ),
    (
        "journald",
        r"^(?P<time>\d{10}\.\d{6}) (?P<process>[\w.-]+ [\w./@-]+)(?:\[(?P<instance>\d+)\])?: ?",
    ),
    // `Oct 22 12:00:01 host runner[812]: text` (RFC 3164), `host runner[812]: text` after an ISO time, with
    // a priority such as `<14>` before it.
    (
        "syslog",
        r"^(?:<\d{1,3}>)?(?:(?P<time>[A-Z][a-z]{2}\s+\d{1,2}\s+\d\d:\d\d:\d\d(?:\.\d+)?)\s+)?(?P<process>[\w.-]+\s+[\w./@-]+)\[(?P<instance>\d+)\]:\s?",
    ),
    // `<13>Oct 22 12:00:01 runner[812]: text` (`logger -s`, without a host).
    (
        "syslog",
        r"^(?:<\d{1,3}>)?(?P<time>[A-Z][a-z]{2}\s+\d{1,2}\s+\d\d:\d\d:\d\d(?:\.\d+)?)\s+(?P<process>[\w./@-]+)\[(?P<instance>\d+)\]:\s?",
    ),
    // `Oct 22 12:00:01 host app/worker.1: text` (syslog without a process id, Papertrail).
    (
        "syslog",
        r"^(?:<\d{1,3}>)?(?P<time>[A-Z][a-z]{2}\s+\d{1,2}\s+\d\d:\d\d:\d\d(?:\.\d+)?)\s+(?P<process>[\w.-]+\s+[\w./@-]+):\s",
    ),
    // `<14>Oct 22 12:00:01 host text` (the syslog layout of Log4j, which names no program).
    (
        "syslog",
        r"^<\d{1,3}>(?P<time>[A-Z][a-z]{2}\s+\d{1,2}\s+\d\d:\d\d:\d\d(?:\.\d+)?)\s+(?P<process>[\w.-]+)\s",
    ),
    // `Oct 22 12:00:01 text` (`ts` of moreutils), `Oct 22 12:00:01.020 INFO text` (slog-term).
    // `Oct 22 12:00:01 PM  [x7k2f] text` (copied from Render's web page).
    (TS, r"^(?P<time>[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d(?:\.\d+)?(?: [AP]M)?)\s+"),
    // `1761134401.020 text`, `1761134401020 | text`, `1761134401|INFO|text`, `[1761134401.020] text`: Unix
    // time.
    (EPOCH, r"^\[?(?P<time>\d{10}(?:[.,]\d{1,9})?|\d{13}|\d{16}|\d{19})\]?(?:\s+|\s*\|\s*|: )"),
    // `12:text`, `runner.log:text`, `runner.log-12-text` (`grep -n`, `-H`, `-C`) before a time or JSON.
    (
        GREP,
        r#"^(?:(?:\d{1,9}|[\w./@+~-]*[a-z_][\w./@+~-]*)[:-]){1,2}(?P<rest>\[?\d{4}[-/]\d\d[-/]\d\d[T _]\d\d:|\{"|\[?(?:[A-Z][a-z]{2},? )?(?:\d{1,2} )?(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) )"#,
    ),
    // `> text`, `> > text` (a quotation in Markdown or a mail) before a time or JSON.
    (
        QUOTE,
        r#"^(?:> ?)+(?P<rest>[\[<]?\d|\{"|\[?(?:[A-Z][a-z]{2},? )?(?:\d{1,2} )?(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) )"#,
    ),
    // `data: {"MESSAGE": …}` (`journalctl -o json-sse`).
    ("server-sent events", r"^data: ?(?P<rest>\{)"),
    // `runner 2025-10-22T12:00:01.123456789+00:00 text` (`podman logs -n -t`).
    (
        "podman",
        r"^(?P<process>[a-z0-9][\w.-]*) (?P<rest>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}(?:Z|[+-]\d\d:\d\d) )",
    ),
    // `env=prod,team=a text` (`docker logs --details`), also after a time.
    (DETAILS, r"^[\w.%+/-]+=[^\s=,]*(?:,[\w.%+/-]+=[^\s=,]*)+ "),
    // `runner-1  | text`, `runner.1.x7k@node-2    | text` (swarm), `0|runner  | text` (pm2).
    ("docker compose", r"^\s*(?P<process>[\w.-]+)\s+[|│] ?"),
    ("docker swarm", r"^(?P<process>[\w.-]+\.\d+)\.(?P<instance>\w+@[\w.-]+)\s+\| ?"),
    ("pm2", r"^(?P<process>\d+\|[\w.-]+)\s*\| ?"),
    // `12:00:01 web.1     | text`, `12:00:01 PM web.1 |  text` (a Procfile's processes).
    ("foreman", r"^\d\d:\d\d:\d\d(?: [AP]M)? (?P<process>[\w.-]+\.\d+)\s+\|\s{1,2}"),
    // `[pod/runner-7f/runner] text`.
    ("kubectl", r"^\[pod/(?P<pod>[^\]/]+)[^\]]*\]\s?"),
    // `runner-7f9c5b-abcde runner text`, `+ runner-7f9c5b-abcde › runner`: names of pods end with five or
    // more letters and digits after a hyphen.
    ("stern", r"^(?P<pod>[a-z0-9][a-z0-9.-]*-[a-z0-9]{5,10}) [a-z0-9][a-z0-9-]* "),
    // `2025-10-22T12:00:01Z stderr F text` (Container Runtime Interface).
    ("container runtime", r"^(?:stdout|stderr) [FP] "),
    // `2025-10-22T12:00:01.123Z\tINFO\tname\tspans/span.go:12\ttext\t{"job": 1}` (zap's console encoder).
    (
        "zap",
        r"^(?i:DEBUG|INFO|WARN|ERROR|DPANIC|PANIC|FATAL)\t(?:(?:[\w./-]+\t)?[\w./@-]+\.[a-z]+:\d+\t)?",
    ),
    // `test\tRun tests\t2025-10-22T12:00:01.1234567Z text` (`gh run view --log`).
    (
        "GitHub Actions",
        r"^[^\t]+\t[^\t]+\t\u{feff}?(?P<rest>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{7}Z )",
    ),
    // `2025-10-22T12:00:01.123Z\t5d1f0c2e-…\tINFO\ttext`; Python's has the level before the time.
    (
        "AWS Lambda",
        r"^(?:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|undefined)\t(?:(?:TRACE|DEBUG|INFO|WARN|ERROR|FATAL)\t)?",
    ),
    // `2025-10-22T12:00:01Z {app="runner", job="x"} text` (`logcli`).
    ("Loki", r#"^\{(?:\w+="(?:[^"\\]|\\.)*"(?:, ?\w+="(?:[^"\\]|\\.)*")*)?\}\s+"#),
    // `2025-10-22T12:00:01.123000+00:00 app/runner/5d1f text` (`aws logs tail`).
    ("CloudWatch", r"^(?P<process>[\w.-]+/[\w.-]+)/(?P<instance>[0-9a-f]{8,64}) "),
    // `EVENTS\t3751…\t1761134405000\tapp/runner\t1761134401020\ttext`
    // (`aws logs filter-log-events --output text`).
    ("CloudWatch", r"^EVENTS\t\d+\t\d{13}\t(?P<process>[^\t]+)\t(?P<time>\d{13})\t"),
    // `2025/10/22 12:00:01 [info] 812#812: *1 text`.
    ("nginx", r"^\[(?:debug|info|notice|warn|error|crit|alert|emerg)\] \d+#\d+: (?:\*\d+ )?"),
    // `<6>Runner.Worker[0] text` (.NET's console for systemd).
    (".NET", r"^<\d>[\w.+`]+\[\d+\] "),
    // `I, [2025-10-22T12:00:01.123456 #812]  INFO -- : text` (Ruby's Logger and Rails).
    (RUBY, r"^[DIWEFA], \[(?P<time>[\dT:.-]+) #\d+\]\s+[A-Z]+ -- [^:]*: "),
    // `2025-10-22 12:00:01.123 | INFO     | module:function:12 - text`.
    ("loguru", r"^\| [A-Z]+\s+\| \S+:\S+:\d+ - "),
    // `2025-10-22 12:00:01.123  INFO 812 --- [main] c.e.Class : text` (Spring Boot's logback).
    (
        "logback",
        r"^(?:TRACE|DEBUG|INFO|WARN|ERROR) \d+ --- \[[^\]]*\]\s+(?:\[[^\]]*\]\s+)?\S+\s+: ",
    ),
    // `2025-10-22 12:00:01,123 INFO [main] a.b.Class - text`, `[main] INFO a.b.Class - text` (log4j).
    ("log4j", r"^(?:TRACE|DEBUG|INFO|WARN|ERROR|FATAL)\s+\[[^\]]*\] \S+ - "),
    ("log4j", r"^\[[^\]]*\]\s+(?:TRACE|DEBUG|INFO|WARN|ERROR|FATAL)\s+\S+ - "),
    // `[2025-10-22T12:00:01Z INFO  runner::worker] text` (env_logger).
    ("env_logger", r"^(?:TRACE|DEBUG|INFO|WARN|ERROR)\s+[\w:]+\] "),
    // `2025-10-22 12:00:01,123 - name - INFO - text`, `INFO:name:text` (Python's logging), also with a time
    // before or after the level: `INFO:2025-10-22 12:00:01,123:name:text`.
    ("Python's logging", r"^- [\w.-]+ - [A-Z]+ - "),
    (
        "Python's logging",
        r"^(?:DEBUG|INFO|WARNING|ERROR|CRITICAL):(?P<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:,\d{3})?):(?:[\w.]+:(?P<rest>\S))?",
    ),
    (
        "Python's logging",
        r"^(?P<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:,\d{3})?): ?(?:DEBUG|INFO|WARNING|ERROR|CRITICAL): ?(?:[\w.]+:(?P<rest>\S))?",
    ),
    ("Python's logging", r"^(?:DEBUG|INFO|WARNING|ERROR|CRITICAL):[\w.]+:"),
    // `[2025-10-22 12:00:01,123] [INFO] [name] text`, `2025-10-22 12:00:01,123 | INFO | name | text`.
    ("Python's logging", r"^\[[A-Z]+\] \[[\w.-]+\] "),
    ("Python's logging", r"^\| [A-Z]+\s+\| [\w.-]+ +\| "),
    // `[2025-10-22 12:00:01,123: INFO/MainProcess] text`, `… INFO/ForkPoolWorker-1] task[id]: text`. Outside
    // a task, the name and the id are `???`.
    (
        "Celery",
        r"^\[(?P<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d+): [A-Z]+/[\w-]+\] (?:(?:[\w.]+\[[0-9a-f-]{36}\]|\?{3}\[\?{3}\]): )?",
    ),
    // `[2025-10-22 12:00:01 +0000] [812] [INFO] text`.
    ("gunicorn", r"^\[\d+\] \[[A-Z]+\] "),
    // `INFO 2025-10-22 12:00:01,123 module 812 140077365902208 text` (Django's verbose formatter).
    ("Django", r"^[\w.]+ \d+ \d{6,} "),
    // `2025-10-22 12:00:01 host runner[812] INFO text`.
    (
        "coloredlogs",
        r"^(?P<process>[\w.-]+ [\w.-]+)\[(?P<instance>\d+)\] (?:DEBUG|INFO|NOTICE|WARNING|ERROR|CRITICAL) ",
    ),
    // `[2025-10-22T12:00:01.123Z] INFO (runner/812 on host): text`.
    ("pino-pretty", r"^\([^()]*\): "),
    // `2025-10-22 12:00:01,123 INFO     [file.py:12] text`, `2025/10/22 12:00:01 main.go:12: text`, and
    // `runner: 2025/10/22 12:00:01 text` (Go's log with a prefix).
    ("a source position", r"^\[[\w./-]+:\d+\] "),
    ("Go's log", r"^[\w./-]+\.go:\d+: "),
    ("Go's log", r"^(?:[\w./-]+:|\[[\w./-]+\]) ?(?P<rest>\d{4}/\d\d/\d\d \d\d:\d\d:\d\d)"),
    // `I1022 12:00:01.123456   812 main.go:42] text` (glog, klog, absl), in C++ also with a year.
    ("glog", r"^[IWEF](?P<time>(?:\d{4})?\d{4} \d\d:\d\d:\d\d\.\d{6})\s+\d+ [\w./-]+:\d+\] "),
    // `[10/22/25 12:00:01] INFO     text          file.py:12`; a time that is the same as before is left out.
    (
        "rich",
        r"^(?:\[(?P<time>\d\d/\d\d/\d\d \d\d:\d\d:\d\d)\]|\s{19}) (?:DEBUG|INFO|WARNING|ERROR|CRITICAL)\s+",
    ),
    // `2025-10-22T12:00:01+0000 [-] text`, `[name#info] text`.
    ("Twisted", r"^\[(?:-|[\w.,-]+#\w+)\] "),
    // `[I 251022 12:00:01 web:2271] text` (Tornado, logzero).
    ("Tornado", r"^\[[DIWEC] (?P<time>\d{6} \d\d:\d\d:\d\d) [\w.-]+:\d+\] "),
    // `INFO[0000] text` (logrus on a terminal), also with a whole time, and with the caller:
    // `INFO[0000]/app/main.go:12 main.main() text`.
    (
        "logrus",
        r"^(?:TRAC|DEBU|INFO|WARN|ERRO|FATA|PANI)\[(?:\d{4,}|(?P<time>\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:\d\d)))\](?:\S+:\d+ \S+\(\))? ",
    ),
    // `[12:00:01 INF] text`.
    ("Serilog", r"^\[\d\d:\d\d:\d\d (?:VRB|DBG|INF|WRN|ERR|FTL)\] "),
    // `[Nest] 812  - 10/22/2025, 12:00:01 PM     LOG [Context] text`.
    (
        "NestJS",
        r"^\[Nest\] \d+\s+- (?P<time>[\d/,.: ]*\d(?:\s[AP]M)?)\s+(?:LOG|ERROR|WARN|DEBUG|VERBOSE|FATAL) (?:\[[^\]]*\] )?",
    ),
    // `[2025-10-22 12:00:01] production.INFO: text [] []` (Laravel, Symfony).
    ("Monolog", r"^[\w-]+\.(?:DEBUG|INFO|NOTICE|WARNING|ERROR|CRITICAL|ALERT|EMERGENCY): "),
    // `2025-10-22 12:00:01.1234|INFO|Namespace.Class|text`.
    (
        "NLog",
        r"^(?P<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d[.,]\d+)\|(?i:TRACE|DEBUG|INFO|WARN|ERROR|FATAL)\|[^|]*\|",
    ),
    // `22-Oct-2025 12:00:01.123 INFO [main] a.b.Class.method text`.
    (
        "Tomcat",
        r"^(?P<time>\d\d-[A-Z][a-z]{2}-\d{4} \d\d:\d\d:\d\d\.\d+) [A-Z]+ \[[^\]]*\] [\w.$<>]+ ",
    ),
    // `2025-10-22 12:00:01,123 INFO  [a.b.Class] (main) text` (WildFly, Quarkus).
    ("JBoss", r"^\[[\w.$]+\] \([^()]*\) "),
    // `[2025-10-22 12:00:01.123] [name] [info] text`.
    ("spdlog", r"^\[[\w.-]+\] \[(?:trace|debug|info|warning|error|critical)\] "),
    // `2025-10-22T12:00:01.123456Z 01O text`: the number of the stream, and whether it is an error.
    ("GitLab CI", r"^[0-9a-f]{2}[OE][ +]"),
    // `{"TimeStamp": "…", "Log": "F text"}` (Azure Container Apps).
    ("Azure", r"^[FP] "),
    // `2025-10-22T12:00:01.12+0000 [APP/PROC/WEB/0] OUT text` (`cf logs`).
    ("Cloud Foundry", r"^\[(?P<process>[A-Z]+(?:/[A-Z]+)*)/(?P<instance>\d+)\] (?:OUT|ERR) "),
    // `(worker pid=812, ip=10.0.0.1) text`.
    ("Ray", r"^\((?P<process>[\w.:-]+) pid=(?P<instance>\d+)(?:, ip=[\d.]+)?\) "),
    // `== APP == text`, `== APP - runner == text`.
    ("Dapr", r"^== APP(?: - (?P<process>[\w.-]+))? == "),
    // `[worker\t] text`.
    ("process-compose", r"^\[(?P<process>[\w.-]+) *\t\] "),
    // `[12:00:01]W:\t [Step 1/1] text`.
    ("TeamCity", r"^\[\d\d:\d\d:\d\d\][A-Z ]:\s+(?:\[[^\]]*\] )?"),
    // `12:00:01.123 | INFO    | Flow run 'a' - text`.
    ("Prefect", r"^\| [A-Z]+\s+\| (?:Flow|Task) run '[^']*' - "),
    // `12:00PM INF worker.go:12 > text`.
    ("zerolog", r"^\d{1,2}:\d\d[AP]M (?:TRC|DBG|INF|WRN|ERR|FTL|PNC) (?:[\w./-]+:\d+ > )?"),
    // `[2025-10-22][12:00:01][runner::worker][INFO] text`.
    ("fern", r"^\[(?P<time>\d{4}-\d\d-\d\d\]\[\d\d:\d\d:\d\d)\]\[[^\]]*\]\[[A-Z]+\] "),
    // `[22-Oct-2025 12:00:01 UTC] text`, and `[…] WARNING: [pool www] child 12 said into stderr: "text"`
    // (PHP-FPM).
    (
        "PHP",
        r#"^\[(?P<time>\d\d-[A-Z][a-z]{2}-\d{4} \d\d:\d\d:\d\d(?: [\w/+:-]+)?)\] (?:WARNING: \[pool [^\]]*\] child \d+ said into std(?:err|out): "(?:NOTICE: PHP message: )?)?"#,
    ),
    // `[0] runner: [[1761134401.020000000, {}], {"log"=>"text"}]`.
    (
        "Fluent Bit",
        r#"^\[\d+\] [\w.*-]+: \[\[?(?P<time>\d+(?:\.\d+)?)(?:, \{[^}]*\}\])?, \{(?:.*, )?"(?:log|message|MESSAGE)"=>""#,
    ),
    // `Body: Str(text)` (the debug exporter of OpenTelemetry's collector).
    ("OpenTelemetry collector", r"^Body: Str\("),
    // `2025-10-22 12:00:01 [info     ] text            job=7`: levels have the width of the longest one.
    (STRUCTLOG, r"^\[(?:trace|debug|info|warn|warning|error|critical|exception|notset)\s+\] "),
    // `[5d1f0c2e-…] text`, `[ActiveJob] [RunJob] [5d1f0c2e-…] text`: tags, of which one is a UUID.
    (
        "Rails",
        r"^(?:\[[^\[\]]{1,100}\] )*\[[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\] (?:\[[^\[\]]{1,100}\] )*",
    ),
    // `12:00:01.123 [info] text` (Elixir, WildFly), `[12:00:01.123] INFO (812): text` (pino-pretty).
    ("a time of day", r"^(?:\d\d:\d\d:\d\d(?:[.,]\d+)?|\[\d\d:\d\d:\d\d(?:[.,]\d+)?\]) "),
    // `INFO text`, `[INFO] text`, `INFO: text` (java.util.logging, uvicorn), `[info] text`.
    (
        LOG_LEVEL,
        r"^(?:\[?(?:TRACE|DEBUG|INFO|NOTICE|WARN|WARNING|ERROR|FATAL|CRITICAL|SEVERE|CONFIG|FINE)\]?:?\s+|\[?(?:trace|debug|info|warn|warning|error)\]?:\s+|\[(?:trace|debug|info|warn|warning|error|critical)\s*\]\s+)",
    ),
    // `2025-10-22T12:00:01.123456Z  INFO runner::worker: text`, also with spans: `INFO job{id=7}: `.
    ("tracing-subscriber", r"^(?:[\w:]*\w(?:\{[^}]*\})?: )"),
];

pub(super) const LOG_LEVEL: &str = "log level";
pub(super) const STRUCTLOG: &str = "structlog";
/// The name of the time format of `ts`.
pub(super) const TS: &str = "ts";
/// Ruby's logger. Rails writes tags after its prefix.
pub(super) const RUBY: &str = "Ruby's logger";
/// The name of a Unix time before a text, in seconds, milli-, micro- or nanoseconds.
pub(super) const EPOCH: &str = "epoch";
const GREP: &str = "grep";
const QUOTE: &str = "a quotation";
const DETAILS: &str = "docker's details";
/// Prefixes that are recognised only at the start of a line.
const OUTERMOST: [&str; 3] = [EPOCH, GREP, QUOTE];
/// Prefixes that are recognised only after a log level, because many texts begin like them.
const AFTER_LOG_LEVEL: [&str; 4] = ["Django", "JBoss", "pino-pretty", "tracing-subscriber"];
/// Prefixes of tools that are not loggers and do not name a process.
const NO_LOGGERS: [&str; 6] = [GREP, QUOTE, DETAILS, "Loki", "GitHub Actions", "TeamCity"];
/// The only logger whose prefix names the process. All other prefixes that name a process are those of
/// collectors.
const WITH_PROCESS: &str = "coloredlogs";
/// The prefix that is recognised only in JSON of an unknown logger.
const IN_JSON: &str = "Azure";

/// What some of the tools put after the text.
const SUFFIXES: [(&str, &str); 6] = [
    ("rich", r"\s+[\w.]+:\d+\s*$"),
    ("zap", r"\t\{.*\}$"),
    ("PHP", r#"(?:", pipe is closed)?"?$"#),
    ("Fluent Bit", r#""(?:, "[^"]*"=>.*)?\}\]$"#),
    ("OpenTelemetry collector", r"\)$"),
    ("Monolog", r"(?: (?:\[\]|\{.*\})){1,2}\s*$|\s+$"),
];

static WRAPPERS: LazyLock<Vec<Wrapper>> = LazyLock::new(|| {
    let wrapper = |(name, pattern): &(&'static str, &str)| {
        let suffix = SUFFIXES.iter().find(|(of, _)| of == name);
        let suffix = suffix.and_then(|(_, pattern)| compile(pattern));
        let first = FirstBytes::from_pattern(pattern).ok()?;
        Some(Wrapper { name, pattern: compile(pattern)?, first, suffix })
    };
    PREFIXES.iter().filter_map(wrapper).collect()
});

/// Returns the names of all prefixes.
pub(super) fn wrapper_names() -> impl Iterator<Item = &'static str> {
    PREFIXES.iter().map(|(name, _)| *name)
}

impl Wrapper {
    /// Finds the wrapper of a text, among those that `allows` accepts. `outer` is the name of the wrapper
    /// that was removed last, and `is_outermost` is whether neither a wrapper nor a time was removed before.
    pub(super) fn find<'a>(
        text: &'a str,
        outer: Option<&str>,
        is_outermost: bool,
        allows: impl Fn(&str) -> bool,
    ) -> Option<Prefix<'a>> {
        let is_possible = |wrapper: &&Self| match wrapper.name {
            LOG_LEVEL => outer != Some(LOG_LEVEL),
            IN_JSON => outer == Some("JSON"),
            DETAILS => outer.is_none(),
            name if OUTERMOST.contains(&name) => is_outermost,
            name if AFTER_LOG_LEVEL.contains(&name) => outer == Some(LOG_LEVEL),
            _ => true,
        };
        let possible = WRAPPERS.iter().filter(|wrapper| wrapper.first.allow(text));
        let allowed = possible.filter(|wrapper| allows(wrapper.name));
        allowed.filter(is_possible).find_map(|wrapper| {
            let found = wrapper.pattern.captures(text)?;
            let time = found.name("time").map(|time| time.as_str());
            let end = found.get(0)?.end();
            let (prefix, rest) =
                text.split_at_checked(found.name("rest").map_or(end, |rest| rest.start()))?;
            let process = Process::from_captures(&found);
            let is_logger = wrapper.name == WITH_PROCESS
                || process.is_none() && !NO_LOGGERS.contains(&wrapper.name);
            let metadata = is_logger.then_some(prefix);
            let suffix = wrapper.suffix.as_ref().and_then(|suffix| suffix.find(rest));
            let rest = &rest[..suffix.map_or(rest.len(), |suffix| suffix.start())];
            Some(Prefix { name: wrapper.name, time, process, metadata, rest })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pattern_is_valid() {
        assert_eq!(WRAPPERS.len(), PREFIXES.len());
    }
}
