//! Log entries that a tool writes on several lines, often one line for each key. Each entry is converted to
//! one line: text for `SimpleFormatter`, JSON for the other formats.

use std::sync::LazyLock;

use regex::bytes::Regex;
use serde_json::{Map, Value as Json};

/// A log format whose entries have several lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Block {
    /// `journalctl -o verbose`: a line with the time, and `KEY=value` in indented lines.
    JournalVerbose,
    /// `journalctl -o export`: `__CURSOR=…`, other lines with `KEY=value`, and an empty line.
    JournalExport,
    /// YAML documents, as `gcloud logging read` prints them.
    Yaml,
    /// `java.util.logging.SimpleFormatter`: a line with the time and the method, and one with the level and
    /// the text.
    JavaSimple,
    /// `java.util.logging.XMLFormatter` and Log4j's XML layouts.
    Xml,
}

/// Number of lines at the start of a log among which the first entry of a Java or XML format must begin.
const PREAMBLE: usize = 32;
/// Matches `Oct 22, 2025 12:00:01 PM runner.Worker run`.
static JAVA_SIMPLE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"^(?P<time>(?:[A-Z][a-z]{2} \d{1,2}, \d{4},?|\d{1,2} [A-Z][a-z]{2,3} \d{4},) \d{1,2}:\d\d:\d\d(?:\s[APap][Mm])?) [\w.$]+(?: [\w$<>]+)?\s*$").ok()
});
/// Matches the level before the text, in the second line of an entry.
static JAVA_LEVEL: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"^(?:SEVERE|WARNING|INFO|CONFIG|FINE|FINER|FINEST): ").ok());
/// Matches the elements and attributes of an XML entry that contain its text or its time.
static XML: LazyLock<Option<regex::Regex>> = LazyLock::new(|| {
    regex::Regex::new(r#"(?s)<(?:log4j:)?(?P<key>[Mm]essage|millis|nanos|date)>(?P<value>.*?)</|\s(?P<name>timestamp|timeMillis|epochSecond|nanoOfSecond)="(?P<number>\d+)""#).ok()
});

/// Matches `Wed 2025-10-22 12:00:01.020000 UTC [s=…`.
static VERBOSE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"^[A-Z][a-z]{2} \d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)? \S+ \[s=").ok()
});

impl Block {
    /// Detects the format from the first bytes of a log; `None` if it is none of these formats.
    pub(super) fn detect(start: &[u8]) -> Option<Self> {
        let mut lines = start.split(|byte| *byte == b'\n');
        // `-- Journal begins at …`
        let is_entry = |line: &&[u8]| !line.trim_ascii().is_empty() && !line.starts_with(b"-- ");
        let first = lines.find(is_entry)?;
        let block = [Self::JournalVerbose, Self::JournalExport, Self::Yaml];
        if let Some(block) = block.into_iter().find(|block| block.starts_entry(first)) {
            return Some(block);
        }
        let lines: Vec<_> = std::iter::once(first).chain(lines).take(PREAMBLE).collect();
        let is_java = lines.windows(2).any(|pair| {
            let is_level = || JAVA_LEVEL.as_ref().is_some_and(|level| level.is_match(pair[1]));
            Self::JavaSimple.starts_entry(pair[0]) && is_level()
        });
        let is_xml = || lines.iter().any(|line| Self::Xml.starts_entry(line));
        is_java.then_some(Self::JavaSimple).or_else(|| is_xml().then_some(Self::Xml))
    }

    /// Whether a line is the first line of an entry.
    pub(super) fn starts_entry(self, line: &[u8]) -> bool {
        match self {
            Self::JournalVerbose => VERBOSE.as_ref().is_some_and(|header| header.is_match(line)),
            Self::JournalExport => line.starts_with(b"__CURSOR="),
            Self::Yaml => line.trim_ascii_end() == b"---",
            Self::JavaSimple => JAVA_SIMPLE.as_ref().is_some_and(|header| header.is_match(line)),
            Self::Xml => {
                let line = line.trim_ascii();
                line == b"<record>"
                    || line.starts_with(b"<log4j:event ")
                    || line.starts_with(b"<Event ")
            }
        }
    }

    /// Converts the lines of an entry to one line, preceded by as many empty lines as the entry had other
    /// lines. Returns the same bytes if they are not an entry.
    pub(super) fn join_entry(self, lines: Vec<u8>) -> Vec<u8> {
        let text = String::from_utf8_lossy(&lines);
        let entry = match self {
            Self::JournalVerbose => verbose(&text),
            Self::JournalExport => Some(pairs(text.lines())),
            Self::Yaml => match spanproof_manifest::yaml_value(&text) {
                Some(Json::Object(entry)) => Some(entry),
                _ => None,
            },
            Self::JavaSimple => return java_simple(&text).map_or(lines, String::into_bytes),
            Self::Xml => xml(&text),
        };
        let Some(entry) = entry.filter(|entry| !entry.is_empty()) else { return lines };
        let mut joined = vec![b'\n'; text.matches('\n').count().saturating_sub(1)];
        joined.extend(serde_json::to_vec(&entry).unwrap_or_default());
        joined.push(b'\n');
        joined
    }
}

/// Joins an entry of `SimpleFormatter` to an empty line and `time LEVEL: text`; `None` for other lines.
fn java_simple(text: &str) -> Option<String> {
    let (header, rest) = text.split_once('\n')?;
    let found = JAVA_SIMPLE.as_ref()?.captures(header.as_bytes())?;
    let is_level = JAVA_LEVEL.as_ref()?.is_match(rest.as_bytes());
    let time = std::str::from_utf8(found.name("time")?.as_bytes()).ok()?;
    is_level.then(|| format!("\n{time} {rest}"))
}

/// Parses an entry in XML.
fn xml(text: &str) -> Option<Map<String, Json>> {
    let mut entry = Map::new();
    let (mut seconds, mut nanos) = (None, 0);
    for found in XML.as_ref()?.captures_iter(text) {
        let part = |name: &str| found.name(name).map(|part| part.as_str());
        let (key, value) = (part("key").or(part("name"))?, part("value").or(part("number"))?);
        match key {
            "message" | "Message" => {
                entry.entry("message").or_insert_with(|| Json::String(plain_text(value)));
            }
            "date" => {
                entry.entry("date").or_insert_with(|| value.into());
            }
            "epochSecond" => seconds = value.parse::<i64>().ok(),
            "nanoOfSecond" => nanos = value.parse().ok()?,
            "nanos" => {}
            // `millis`, `timestamp` and `timeMillis`: Unix time in milliseconds.
            _ => {
                entry.insert("time".to_owned(), value.into());
            }
        }
    }
    if let Some(seconds) = seconds {
        entry.insert("time".to_owned(), format!("{seconds}.{nanos:09}").into());
    }
    entry.contains_key("message").then_some(entry)
}

/// Returns the text of an XML element, without its escapes.
fn plain_text(value: &str) -> String {
    let data = value.strip_prefix("<![CDATA[").and_then(|data| data.strip_suffix("]]>"));
    match data {
        Some(data) => data.to_owned(),
        None => value
            .replace("&lt;", "<")
            .replace("&gt;", ">")
            .replace("&quot;", "\"")
            .replace("&apos;", "'")
            .replace("&#39;", "'")
            .replace("&amp;", "&"),
    }
}

/// Parses an entry of `journalctl -o verbose`.
fn verbose(text: &str) -> Option<Map<String, Json>> {
    let (header, rest) = text.split_once('\n')?;
    let (_day, rest_of_header) = header.split_once(' ')?;
    let (time, _cursor) = rest_of_header.split_once(" [")?;
    let mut entry = pairs(rest.lines().map(str::trim_start));
    entry.insert("time".to_owned(), Json::String(time.to_owned()));
    Some(entry)
}

/// Parses lines with `KEY=value`, and ignores other lines.
fn pairs<'a>(lines: impl Iterator<Item = &'a str>) -> Map<String, Json> {
    let is_key =
        |key: &str| key.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_');
    let pairs = lines.filter_map(|line| line.split_once('=')).filter(|(key, _)| is_key(key));
    pairs.map(|(key, value)| (key.to_owned(), Json::String(value.to_owned()))).collect()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::super::join::join_lines;
    use super::super::{Format, parse_line};

    /// Each log has two entries, `first` and `it's second`. `numbers` are the lines at which the entries end.
    #[rstest]
    #[case::verbose(
        "-- Journal begins --\nWed 2025-10-22 12:00:01.020000 UTC [s=a;i=1]\n    _PID=12\n    MESSAGE=first\nWed 2025-10-22 12:00:02 UTC [s=a;i=2]\n    MESSAGE=it's second\n    _PID=12\n",
        &[4, 7]
    )]
    #[case::export(
        "__CURSOR=s=a\n__REALTIME_TIMESTAMP=1761134401020000\nMESSAGE=first\n\n__CURSOR=s=b\n__REALTIME_TIMESTAMP=1761134402000000\nMESSAGE=it's second\n",
        &[4, 7]
    )]
    #[case::yaml(
        "---\ninsertId: a\ntextPayload: first\ntimestamp: '2025-10-22T12:00:01.020Z'\n---\ninsertId: b\nresource:\n  labels:\n    x: y\ntextPayload: 'it''s second'\ntimestamp: '2025-10-22T12:00:02Z'\n",
        &[4, 11]
    )]
    fn an_entry_of_several_lines_becomes_one_line(#[case] log: &str, #[case] numbers: &[usize]) {
        let mut text = String::new();
        std::io::Read::read_to_string(&mut join_lines(log.as_bytes()).unwrap(), &mut text).unwrap();
        assert_eq!(text.lines().count(), log.lines().count(), "{text}");
        let lines = text.lines().enumerate().filter(|(_, line)| line.starts_with('{'));
        let entries = lines.map(|(index, line)| {
            let entry = parse_line(line, &Format::Detected);
            let at = entry.at.unwrap().at.format("%H:%M:%S%.3f").to_string();
            (index + 1, entry.text().to_owned(), at)
        });
        let expected = ["first", "it's second"].into_iter().zip(["12:00:01.020", "12:00:02.000"]);
        let expected = expected.map(|(text, at)| (text.to_owned(), at.to_owned()));
        let expected: Vec<_> =
            numbers.iter().zip(expected).map(|(number, (text, at))| (*number, text, at)).collect();
        assert_eq!(entries.collect::<Vec<_>>(), expected);
    }
}
