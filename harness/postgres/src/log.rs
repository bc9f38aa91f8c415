//! Parses the log of a server, for the entries about some of its databases.

/// The setting for the start of each line: time, process, database and SQLSTATE.
pub(super) const LINE_PREFIX: &str = "log_line_prefix=%m [%p] %d %e ";

/// One entry of a server's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogEntry {
    /// The database of the session, or the one that a session asked for.
    pub database: String,
    /// The id of the session's server process.
    pub pid: u32,
    /// `LOG`, `ERROR`, `FATAL` and so on.
    pub severity: String,
    /// The SQLSTATE: five characters, `00000` if nothing failed.
    pub sqlstate: String,
    /// The text.
    pub message: String,
    /// The statement that caused the entry; `None` if the log has no statement for it.
    pub statement: Option<String>,
}

/// A line with the prefix.
struct Line<'a> {
    pid: u32,
    database: &'a str,
    sqlstate: &'a str,
    severity: &'a str,
    text: &'a str,
}

impl<'a> Line<'a> {
    /// Parses `DATE TIME ZONE [PID] DATABASE SQLSTATE SEVERITY:  TEXT`; `None` for a continuation
    /// line.
    fn parse(line: &'a str) -> Option<Self> {
        let (head, text) = line.split_once(":  ")?;
        let mut words = head.split(' ');
        let [date, _time, _zone, pid, database, sqlstate, severity] =
            std::array::from_fn(|_| words.next().unwrap_or_default());
        let is_date =
            |text: &str| text.len() == 10 && text.starts_with(|c: char| c.is_ascii_digit());
        let is_sqlstate =
            |text: &str| text.len() == 5 && text.chars().all(|c| c.is_ascii_alphanumeric());
        if words.next().is_some() || !is_date(date) || !is_sqlstate(sqlstate) || severity.is_empty()
        {
            return None;
        }
        let pid = pid.strip_prefix('[')?.strip_suffix(']')?.parse().ok()?;
        Some(Self { pid, database, sqlstate, severity, text })
    }
}

/// A text of an entry that may continue on the next line.
#[derive(Debug, Clone, Copy)]
enum Text {
    Message,
    Statement,
}

/// Returns the entries about the databases that `is_wanted` selects by their names, in their order.
pub(super) fn entries(text: &str, is_wanted: impl Fn(&str) -> bool) -> Vec<LogEntry> {
    let mut entries: Vec<LogEntry> = Vec::new();
    // What a continuation line is appended to: the index of an entry, and which of its texts.
    let mut last: Option<(usize, Text)> = None;
    for line in text.lines() {
        let Some(Line { pid, database: name, sqlstate, severity, text: message }) =
            Line::parse(line)
        else {
            if let Some((index, text)) = last {
                let entry = &mut entries[index];
                let text = match text {
                    Text::Message => Some(&mut entry.message),
                    Text::Statement => entry.statement.as_mut(),
                };
                if let Some(text) = text {
                    text.push('\n');
                    text.push_str(line.trim_start());
                }
            }
            continue;
        };
        last = None;
        if !is_wanted(name) {
            continue;
        }
        match severity {
            "STATEMENT" => {
                let index = entries.iter().rposition(|entry| entry.pid == pid);
                if let Some(index) = index {
                    entries[index].statement = Some(message.to_owned());
                    last = Some((index, Text::Statement));
                }
            }
            "DETAIL" | "HINT" | "CONTEXT" | "QUERY" | "LOCATION" => {}
            _ => {
                last = Some((entries.len(), Text::Message));
                entries.push(LogEntry {
                    database: name.to_owned(),
                    pid,
                    severity: severity.to_owned(),
                    sqlstate: sqlstate.to_owned(),
                    message: message.to_owned(),
                    statement: None,
                });
            }
        }
    }
    entries
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_is_matched_to_its_entry_across_other_lines() {
        let at = "2026-01-01 00:00:00.123 UTC";
        let text = format!(
            "{at} [7] one 42501 ERROR:  permission denied for table t\n\
             {at} [8] two 42P01 ERROR:  relation \"t\" does not exist\n\
             {at} [9]  00000 LOG:  checkpoint starting: immediate force wait\n\
             {at} [7] one 42501 STATEMENT:  insert into t\n\
             \tvalues (1)\n\
             {at} [6] one 53300 FATAL:  too many connections for database \"one\"\n"
        );
        let entry =
            |pid, severity: &str, sqlstate: &str, message: &str, statement: Option<&str>| {
                let (severity, sqlstate) = (severity.to_owned(), sqlstate.to_owned());
                let (message, statement) = (message.to_owned(), statement.map(str::to_owned));
                LogEntry { database: "one".into(), pid, severity, sqlstate, message, statement }
            };
        let refused = "too many connections for database \"one\"";
        assert_eq!(
            entries(&text, |name| name == "one"),
            [
                entry(
                    7,
                    "ERROR",
                    "42501",
                    "permission denied for table t",
                    Some("insert into t\nvalues (1)")
                ),
                entry(6, "FATAL", "53300", refused, None),
            ]
        );
        assert_eq!(entries(&text, |name| name == "three"), []);
    }
}
