//! The entries of a server's log that are about one database.

/// How each line of the log begins: time, process, database and SQLSTATE.
pub(super) const LINE_PREFIX: &str = "log_line_prefix=%m [%p] %d %e ";

/// One entry of a server's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogEntry {
    /// The server process of the session.
    pub process: u32,
    /// `LOG`, `ERROR`, `FATAL` and so on.
    pub severity: String,
    /// The SQLSTATE: five characters, `00000` where nothing failed.
    pub state: String,
    /// Its text.
    pub message: String,
    /// The statement that it is about; `None` if it is about none.
    pub statement: Option<String>,
}

/// A line that has the prefix.
struct Line<'a> {
    process: u32,
    database: &'a str,
    state: &'a str,
    severity: &'a str,
    text: &'a str,
}

impl<'a> Line<'a> {
    /// Parses `DATE TIME ZONE [PROCESS] DATABASE STATE SEVERITY:  TEXT`; `None` for a line that
    /// continues the one before it.
    fn parse(line: &'a str) -> Option<Self> {
        let (head, text) = line.split_once(":  ")?;
        let mut words = head.split(' ');
        let [date, _time, _zone, process, database, state, severity] =
            std::array::from_fn(|_| words.next().unwrap_or_default());
        let is_date =
            |text: &str| text.len() == 10 && text.starts_with(|c: char| c.is_ascii_digit());
        let is_state =
            |text: &str| text.len() == 5 && text.chars().all(|c| c.is_ascii_alphanumeric());
        if words.next().is_some() || !is_date(date) || !is_state(state) || severity.is_empty() {
            return None;
        }
        let process = process.strip_prefix('[')?.strip_suffix(']')?.parse().ok()?;
        Some(Self { process, database, state, severity, text })
    }
}

/// The entries about `database`, in their order.
pub(super) fn entries(text: &str, database: &str) -> Vec<LogEntry> {
    let mut entries: Vec<LogEntry> = Vec::new();
    // The text that a line without a prefix goes on with.
    let mut open: Option<(usize, bool)> = None;
    for line in text.lines() {
        let Some(Line { process, database: name, state, severity, text: message }) =
            Line::parse(line)
        else {
            if let Some((at, statement)) = open {
                let entry = &mut entries[at];
                let text =
                    if statement { entry.statement.as_mut() } else { Some(&mut entry.message) };
                if let Some(text) = text {
                    text.push('\n');
                    text.push_str(line.trim_start());
                }
            }
            continue;
        };
        open = None;
        if name != database {
            continue;
        }
        match severity {
            "STATEMENT" => {
                let last = entries.iter().rposition(|entry| entry.process == process);
                if let Some(at) = last {
                    entries[at].statement = Some(message.to_owned());
                    open = Some((at, true));
                }
            }
            "DETAIL" | "HINT" | "CONTEXT" | "QUERY" | "LOCATION" => {}
            _ => {
                open = Some((entries.len(), false));
                entries.push(LogEntry {
                    process,
                    severity: severity.to_owned(),
                    state: state.to_owned(),
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
    fn an_entry_has_its_statement_whoever_speaks_in_between() {
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
            |process, severity: &str, state: &str, message: &str, statement: Option<&str>| {
                let (severity, state, message) = (severity.into(), state.into(), message.into());
                LogEntry { process, severity, state, message, statement: statement.map(Into::into) }
            };
        let refused = "too many connections for database \"one\"";
        assert_eq!(
            entries(&text, "one"),
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
        assert_eq!(entries(&text, "three"), []);
    }
}
