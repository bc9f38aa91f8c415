//! Samples of log lines with the times and prefixes of many tools, as these tools print them. Each line has
//! the same text.

use std::io::Read;

use rstest::rstest;

use super::join::join_lines;
use super::{Format, parse_line};

const TEXT: &str = "⚠️  DBTracer: DISABLED (ENABLE_DB_TRACING=true )";

/// Returns the text and the time of a line, and whether the time has a zone. A time without a whole date is
/// on the first of January 2000.
fn read(line: &str) -> (String, Option<String>, bool) {
    let entry = parse_line(line, &Format::Detected);
    let at = entry.at.map(|time| time.at.format("%Y-%m-%dT%H:%M:%S%.f").to_string());
    (entry.texts.last().unwrap().clone(), at, entry.at.is_some_and(|time| time.has_zone))
}

/// Notations of the same time, with a zone.
#[rstest]
#[case::rfc_1123("Wed, 22 Oct 2025 12:00:01 GMT ")]
#[case::rfc_1123_numeric("[Wed, 22 Oct 2025 07:00:01 -0500] ")]
#[case::rfc_822("22 Oct 25 12:00:01 UTC ")]
#[case::rfc_850("Wednesday, 22-Oct-25 12:00:01 GMT ")]
#[case::ctime_with_zone("Wed Oct 22 08:00:01 EDT 2025 ")]
#[case::ruby_date("Wed Oct 22 14:00:01 +0200 2025 ")]
#[case::git("Wed Oct 22 14:00:01 2025 +0200 ")]
#[case::date_with_am_pm("Wed Oct 22 02:00:01 PM CEST 2025 ")]
#[case::date_with_day_before_month("Wed 22 Oct 14:00:01 CEST 2025 ")]
#[case::javascript("Wed Oct 22 2025 07:00:01 GMT-0500 (Eastern Standard Time) ")]
#[case::apache("[22/Oct/2025:17:30:01 +0530] [17917] [INFO] ")]
#[case::php("[22-Oct-2025 12:00:01 UTC] ")]
#[case::php_etc("[22-Oct-2025 12:00:01 Etc/UTC] ")]
#[case::go("2025-10-22 07:00:01 -0500 EST m=+1.892032050 ")]
#[case::go_in_utc("2025-10-22 12:00:01 +0000 UTC ")]
#[case::zone_by_name("2025-10-22 14:00:01 CEST ")]
#[case::weekday_and_zone("Wed 2025-10-22 08:00:01 EDT ")]
#[case::compact("20251022T120001Z ")]
#[case::epoch("1761134401 INFO ")]
#[case::epoch_with_bars("1761134401.0|INFO|shop.worker|")]
#[case::epoch_milliseconds("1761134401000 [1] I     Worker.run:2 | ")]
#[case::glog_style("2025-10-22T12:00:01Z I worker:13] ")]
#[case::lambda("2025-10-22T12:00:01.0Z\t5d1f0c2e-0a0b-4c4d-8e8f-0123456789ab\tINFO\t")]
#[case::lambda_of_python("[INFO]\t2025-10-22T12:00:01.0Z\t5d1f0c2e-0a0b-4c4d-8e8f-0123456789ab\t")]
#[case::docker_details("2025-10-22T12:00:01.0Z X=1,env=prod ")]
#[case::podman("shop 2025-10-22T12:00:01.000000000+00:00 ")]
#[case::grep_n("12:2025-10-22T12:00:01Z ")]
#[case::grep_with_name("logs/app.log:12:2025-10-22T12:00:01Z ")]
#[case::grep_context("app.log-12-2025-10-22T12:00:01Z ")]
#[case::quoted("> 2025-10-22T12:00:01Z ")]
#[case::quoted_twice("> > [2025-10-22T12:00:01Z] ")]
#[case::visible_colour("2025-10-22T12:00:01Z ESC[32mINFO ESC[0m ")]
#[case::colour_of_rsyslog("2025-10-22T12:00:01Z web-1 shop[8]: #033[32mINFO#033[0m ")]
#[case::php_after_time("2025-10-22T12:00:01Z [22-Oct-2025 14:00:01 Europe/Berlin] ")]
fn times_with_a_zone_are_read(#[case] prefix: &str) {
    let expected = (TEXT.to_owned(), Some("2025-10-22T12:00:01".to_owned()), true);
    assert_eq!(read(&format!("{prefix}{TEXT}")), expected, "{prefix}");
}

/// Times without a zone, or with a name of a zone whose offset is not known.
#[rstest]
#[case::ctime("Wed Oct 22 12:00:01 2025 ", "2025-10-22")]
#[case::apache_error("[Wed Oct 22 12:00:01 2025] ", "2025-10-22")]
#[case::java("Oct 22, 2025 12:00:01 PM INFO ", "2025-10-22")]
#[case::java_without_am_pm("22 Oct 2025, 12:00:01 INFO ", "2025-10-22")]
#[case::kibana("Oct 22, 2025 @ 12:00:01 ", "2025-10-22")]
#[case::whole_month("October 22, 2025 at 12:00:01 PM ", "2025-10-22")]
#[case::tomcat("22-Oct-2025 12:00:01.0 INFO [main] c.e.Spans.start ", "2025-10-22")]
#[case::php_with_unknown_offset("[22-Oct-2025 12:00:01 America/New_York] ", "2025-10-22")]
#[case::erlang("22-Oct-2025::12:00:01 ", "2025-10-22")]
#[case::ambiguous_zone("2025-10-22 12:00:01 CST ", "2025-10-22")]
#[case::compact("20251022120001000 INFO c.e.Runner ", "2025-10-22")]
#[case::am_pm("2025-10-22, 12:00:01 p.m. ", "2025-10-22")]
#[case::am_pm_after_iso("2025-10-22 12:00:01 PM INFO ", "2025-10-22")]
#[case::tornado("[I 251022 12:00:01 web:7] ", "2025-10-22")]
#[case::fern("[2025-10-22][12:00:01][runner::worker][INFO] ", "2025-10-22")]
#[case::gin("2025/10/22 - 12:00:01 ", "2025-10-22")]
#[case::go_with_prefix("2025/10/22 12:00:01 main.go:7: shop: ", "2025-10-22")]
#[case::rails_tags("Oct 22, 2025 12:00:01 PM INFO [req-1] [Job 7] ", "2025-10-22")]
// Without a year.
#[case::syslog("Oct 22 12:00:01 web-1 runner[812]: ", "2000-01-01")]
#[case::syslog_without_pid("<30>Oct 22 12:00:01 web-1 runner: ", "2000-01-01")]
#[case::syslog_on_leap_day("Feb 29 12:00:01 web-1 runner[812]: ", "2000-01-01")]
#[case::ts("Oct 22 12:00:01 ", "2000-01-01")]
#[case::glog("I1022 12:00:01.000000     812 main.go:42] ", "2000-01-01")]
#[case::redis("22 Oct 12:00:01 ", "2000-01-01")]
// With year, month and day in an unknown order.
#[case::american("10/22/2025 12:00:01 PM INFO: ", "2000-01-01")]
#[case::american_with_comma("10/22/2025, 12:00:01 PM - info: ", "2000-01-01")]
#[case::european("22.10.2025 12:00:01 [MainThread] INFO     ", "2000-01-01")]
#[case::british("22/10/2025, 12:00:01 ", "2000-01-01")]
#[case::spark("25/10/22 12:00:01 INFO Worker: ", "2000-01-01")]
#[case::nest("[Nest] 812  - 10/22/2025, 12:00:01 PM     LOG [Spans] ", "2000-01-01")]
#[case::rich("[10/22/25 12:00:01] INFO     ", "2000-01-01")]
fn times_without_a_zone_are_read(#[case] prefix: &str, #[case] date: &str) {
    let expected = (TEXT.to_owned(), Some(format!("{date}T12:00:01")), false);
    assert_eq!(read(&format!("{prefix}{TEXT}")), expected, "{prefix}");
}

/// Prefixes of loggers in a configuration that their documentation shows. `at` is the date, or empty if the
/// prefix has no time.
#[rstest]
#[case::flask("[2025-10-22 12:00:01,000] INFO in worker: ", "2025-10-22")]
#[case::python_level_first("INFO:2025-10-22 12:00:01,000:runner.worker:", "2025-10-22")]
#[case::python_level_and_time("WARNING:2025-10-22 12:00:01,000:", "2025-10-22")]
#[case::python_time_first("2025-10-22 12:00:01,000:INFO:runner.worker:", "2025-10-22")]
#[case::python_with_colons("2025-10-22 12:00:01,000: INFO: ", "2025-10-22")]
#[case::python_ctime("Wed Oct 22 12:00:01 2025 INFO ", "2025-10-22")]
#[case::celery_task(
    "[2025-10-22 12:00:01,000: INFO/ForkPoolWorker-1] shop.run[5d1f0c2e-0a0b-4c4d-8e8f-0123456789ab]: ",
    "2025-10-22"
)]
#[case::celery_without_a_task(
    "[2025-10-22 12:00:01,000: INFO/ForkPoolWorker-1] ???[???]: ",
    "2025-10-22"
)]
#[case::go_prefix("runner: 2025/10/22 12:00:01 ", "2025-10-22")]
#[case::go_prefix_with_position("runner: 2025/10/22 12:00:01.000000 worker.go:12: ", "2025-10-22")]
#[case::go_prefix_in_brackets("[runner] 2025/10/22 12:00:01 ", "2025-10-22")]
#[case::go_level("INFO: 2025/10/22 12:00:01 worker.go:12: ", "2025-10-22")]
#[case::logrus("INFO[0000] ", "")]
#[case::logrus_caller("INFO[0000]/app/worker.go:12 main.(*Worker).run() ", "")]
#[case::logrus_time_and_caller("INFO[2025-10-22T12:00:01Z]worker.go:12 main.run() ", "2025-10-22")]
#[case::glog_with_year("I20251022 12:00:01.000000   812 worker.cc:42] ", "2025-10-22")]
#[case::log4j_day_month_year("22 Oct 2025 12:00:01,000 INFO [main] runner.Worker - ", "2025-10-22")]
#[case::log4j_syslog("<142>Oct 22 12:00:01 web-1 ", "2000-01-01")]
#[case::log4perl_simple("INFO - ", "")]
#[case::log4perl("2025/10/22 12:00:01 812 INFO runner.worker worker.pl:12 - ", "2025-10-22")]
#[case::tracing_threads(
    "2025-10-22T12:00:01.000000Z  INFO                 main ThreadId(01) run{job=7}:unit{id=1}: runner::worker: ",
    "2025-10-22"
)]
#[case::tracing_pool(
    "2025-10-22T12:00:01.000000Z  INFO tokio-runtime-worker ThreadId(02) runner::worker: src/worker.rs:12: ",
    "2025-10-22"
)]
#[case::flexi_logger(
    "[2025-10-22 12:00:01.000000 +00:00] T[main] INFO [runner::worker] src/worker.rs:12: ",
    "2025-10-22"
)]
#[case::rails_request("[5d1f0c2e-0a0b-4c4d-8e8f-0123456789ab] ", "")]
#[case::rails_job("[ActiveJob] [RunJob] [5d1f0c2e-0a0b-4c4d-8e8f-0123456789ab] ", "")]
#[case::ruby_logging("[2025-10-22T12:00:01]  INFO  -- Runner::Worker : ", "2025-10-22")]
#[case::log4j_without_thread("22 Oct 2025 12:00:01,000 INFO  ", "2025-10-22")]
#[case::console_date("2025-10-22T12:00:01.000Z ", "2025-10-22")]
fn the_prefix_of_a_logger_is_removed(#[case] prefix: &str, #[case] at: &str) {
    let (text, found, _) = read(&format!("{prefix}{TEXT}"));
    let expected = (!at.is_empty()).then(|| format!("{at}T12:00:01"));
    assert_eq!((text.as_str(), found), (TEXT, expected), "{prefix}");
}

/// A message that quotes a line is not that line.
#[rstest]
#[case("2025-10-22T12:00:01Z INFO retried in worker: ")]
#[case("[2025-10-22 12:00:01,000] INFO quoted in the mail: ")]
#[case("<14>Oct 22 12:00:01 web-1 not stored: ")]
#[case("last line of the runner: 2025/10/22 12:00:01 ")]
#[case("[job 7] ")]
#[case("INFO:2025-10-22 12:00:01,000:runner.worker: quoted: ")]
fn a_quoted_line_keeps_the_words_before_it(#[case] prefix: &str) {
    let (text, ..) = read(&format!("{prefix}{TEXT}"));
    assert_ne!(text, TEXT, "{prefix}");
}

/// Prefixes without a valid date. `text` is [`TEXT`] if the prefix is removed, and empty if it stays part of
/// the text.
#[rstest]
#[case::time_of_day("12:00:01.171 [info] ", TEXT)]
#[case::details("env=prod,team=a ", TEXT)]
#[case::no_such_hour("10/22/2025 13:00:01 PM ", "")]
#[case::no_such_day("Oct 32 2025 12:00:01 ", "")]
#[case::quoted_words("> retried: ", "")]
#[case::number_of_line_alone("12:", "")]
fn a_line_without_a_valid_date_has_no_time(#[case] prefix: &str, #[case] text: &str) {
    let (found, at, _) = read(&format!("{prefix}{TEXT}"));
    assert_eq!((at, found == text), (None, !text.is_empty()), "{prefix}: {found}");
}

/// Several forms of an entry with the same text and time, some over several lines. `TEXT` stands for the text
/// as a JSON string, and `RAW` for the text itself.
#[rstest]
#[case::logfmter("at=INFO when=\"2025-10-22 12:00:01,000\" msg=TEXT\n")]
#[case::logrus(
    "time=\"Wed, 22 Oct 2025 07:00:01 -0500\" level=info msg=TEXT func=main.main job=7\n"
)]
#[case::python_dict("{'time': '2025-10-22 12:00:01,000', 'level': 'INFO', 'message': TEXT}\n")]
#[case::node_inspect(
    "{\n  time: 2025-10-22T12:00:01.000Z,\n  level: 'info',\n  msg: TEXT,\n  ctx: { job: 1, list: [ 1, 2 ] }\n}\n"
)]
#[case::java_simple("Oct 22, 2025 12:00:01 PM runner.Worker lambda$main$0\nINFO: RAW\n")]
#[case::java_xml(
    "<?xml version=\"1.0\"?>\n<log>\n<record>\n  <date>2025-10-22T12:00:01Z</date>\n  <millis>1761134401000</millis>\n  <level>INFO</level>\n  <message>RAW</message>\n</record>\n</log>\n"
)]
#[case::log4j_xml(
    "<log4j:event logger=\"a\" timestamp=\"1761134401000\" level=\"INFO\">\n<log4j:message><![CDATA[RAW]]></log4j:message>\n</log4j:event>\n"
)]
#[case::log4j_json(
    "{\"instant\":{\"epochSecond\":1761134401,\"nanoOfSecond\":0},\"level\":\"INFO\",\"message\":TEXT}\n"
)]
#[case::vercel(
    "{\"rowId\":\"0\",\"timestampInMs\":1761134401000,\"level\":\"info\",\"message\":TEXT}\n"
)]
#[case::syslog_ng(
    "{\"PROGRAM\":\"runner\",\"MESSAGE\":TEXT,\"DATE\":\"Oct 22 12:00:01\",\"ISODATE\":\"2025-10-22T12:00:01+00:00\"}\n"
)]
#[case::csv_with_a_number("2025-10-22 12:00:01,812,RAW\n")]
#[case::kibana("\"Oct 22, 2025 @ 12:00:01.000\",TEXT\n")]
#[case::papertrail(
    "7001\t2025-10-22T12:00:01Z\t2025-10-22T12:00:01Z\t42\tweb-1\t10.0.0.1\tUser\tInfo\tshop\tRAW\n"
)]
#[case::journal_verbose(
    "Wed 2025-10-22 08:00:01.000000 EDT [s=a;i=1]\n    _PID=12\n    MESSAGE=RAW\n"
)]
#[case::json_seq("\u{1e}{\"__REALTIME_TIMESTAMP\":\"1761134401000000\",\"MESSAGE\":TEXT}\n")]
#[case::json_sse("data: {\"__REALTIME_TIMESTAMP\":\"1761134401000000\",\"MESSAGE\":TEXT}\n")]
#[case::otlp(
    "{\"resourceLogs\":[{\"scopeLogs\":[{\"logRecords\":[{\"observedTimeUnixNano\":\"1761134401000000000\",\"body\":{\"kvlistValue\":{\"values\":[{\"key\":\"job\",\"value\":{\"intValue\":\"7\"}},{\"key\":\"message\",\"value\":{\"stringValue\":TEXT}}]}}}]}]}]}\n"
)]
#[case::structlog("2025-10-22 12:00:01 [info     ] RAW attempt=1 job_ref='x y'\n")]
#[case::structlog_with_name("2025-10-22 12:00:01 [warning  ] RAW   [shop.worker] job=7\n")]
#[case::loggly(
    "{\"message\":TEXT,\"context\":{},\"level\":200,\"level_name\":\"INFO\",\"channel\":\"runner\",\"extra\":{},\"timestamp\":\"2025-10-22T12:00:01.000000+0000\"}\n"
)]
#[case::position_after("2025-10-22 12:00:01,000 INFO RAW (worker.py:12)\n")]
fn the_text_and_the_time_of_an_entry_are_read(#[case] log: &str) {
    let json = serde_json::to_string(TEXT).unwrap();
    let log = log.replace("TEXT", &json).replace("RAW", TEXT);
    let mut text = String::new();
    join_lines(log.as_bytes()).unwrap().read_to_string(&mut text).unwrap();
    let found: Vec<_> = text.lines().map(read).filter(|(found, ..)| found == TEXT).collect();
    let [(_, at, _)] = found.as_slice() else { panic!("{found:?}\n{text}") };
    assert_eq!(at.as_deref(), Some("2025-10-22T12:00:01"), "{text}");
    assert_eq!(
        text.lines().count(),
        if log.starts_with("{\"res") { 1 } else { log.lines().count() }
    );
}

/// structlog appends pairs to the text, which may itself end with a pair. So the texts with and without each
/// of the last pairs are returned.
#[test]
fn the_text_before_pairs_is_among_the_texts() {
    let line =
        "2025-10-22 12:00:01 [debug    ] span begun: operation=a, enabled=true attempt=1 job='x y'";
    let texts = parse_line(line, &Format::Detected).texts;
    assert!(texts.contains(&"span begun: operation=a, enabled=true".to_owned()), "{texts:?}");
}

/// GitHub Actions separates fields by tabs, but other tools do so, too.
#[test]
fn a_format_is_not_reported_for_a_line_that_only_looks_like_it() {
    let found = parse_line(&format!("7001\ta\tb\tc\td\te\t{TEXT}"), &Format::Detected);
    assert!(!found.wrappers.contains(&"GitHub Actions"), "{:?}", found.wrappers);
}
