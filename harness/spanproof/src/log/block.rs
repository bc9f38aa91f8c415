//! Entries that a tool writes in several lines, each with a key and a value. They become one line of JSON.

use std::sync::LazyLock;

use regex::bytes::Regex;
use serde_json::{Map, Value as Json};

/// The tool that wrote a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Block {
    /// `journalctl -o verbose`: a line with the time, and `KEY=value` in indented lines.
    JournalVerbose,
    /// `journalctl -o export`: `__CURSOR=…`, other lines with `KEY=value`, and an empty line.
    JournalExport,
    /// YAML documents, as `gcloud logging read` prints them.
    Yaml,
}

/// Matches `Wed 2025-10-22 12:00:01.020000 UTC [s=…`.
static VERBOSE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"^[A-Z][a-z]{2} \d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)? \S+ \[s=").ok()
});

impl Block {
    /// Finds the tool that wrote a log with this start; `None` for another tool.
    pub(super) fn of(start: &[u8]) -> Option<Self> {
        let mut lines = start.split(|byte| *byte == b'\n');
        // `-- Journal begins at …`
        let is_entry = |line: &&[u8]| !line.trim_ascii().is_empty() && !line.starts_with(b"-- ");
        let first = lines.find(is_entry)?;
        [Self::JournalVerbose, Self::JournalExport, Self::Yaml]
            .into_iter()
            .find(|block| block.starts(first))
    }

    /// Whether a line is the first one of an entry.
    pub(super) fn starts(self, line: &[u8]) -> bool {
        match self {
            Self::JournalVerbose => VERBOSE.as_ref().is_some_and(|header| header.is_match(line)),
            Self::JournalExport => line.starts_with(b"__CURSOR="),
            Self::Yaml => line.trim_ascii_end() == b"---",
        }
    }

    /// Returns the lines of an entry as empty lines and one line of JSON; the same bytes if they are no entry.
    pub(super) fn joined(self, lines: Vec<u8>) -> Vec<u8> {
        let text = String::from_utf8_lossy(&lines);
        let entry = match self {
            Self::JournalVerbose => verbose(&text),
            Self::JournalExport => Some(pairs(text.lines())),
            Self::Yaml => match spanproof_manifest::yaml_value(&text) {
                Some(Json::Object(entry)) => Some(entry),
                _ => None,
            },
        };
        let Some(entry) = entry.filter(|entry| !entry.is_empty()) else { return lines };
        let mut joined = vec![b'\n'; text.matches('\n').count().saturating_sub(1)];
        joined.extend(serde_json::to_vec(&entry).unwrap_or_default());
        joined.push(b'\n');
        joined
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

/// Parses lines with `KEY=value`.
fn pairs<'a>(lines: impl Iterator<Item = &'a str>) -> Map<String, Json> {
    let is_key =
        |key: &str| key.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_');
    let pairs = lines.filter_map(|line| line.split_once('=')).filter(|(key, _)| is_key(key));
    pairs.map(|(key, value)| (key.to_owned(), Json::String(value.to_owned()))).collect()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::super::join::joined;
    use super::super::{Format, parse_line};

    /// Reads a log with two entries: `first` and `it's second`.
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
    fn entries_of_several_lines_become_one(#[case] log: &str, #[case] numbers: &[usize]) {
        let mut text = String::new();
        std::io::Read::read_to_string(&mut joined(log.as_bytes()).unwrap(), &mut text).unwrap();
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
