//! Parses the log of a server, and keeps the entries about the databases of this run and about databases
//! that this crate did not create. A run is the use of one server by one process.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};

use super::run::Run;

/// The setting for the start of each line: time, process, database and SQLSTATE.
pub(super) const LINE_PREFIX: &str = "log_line_prefix=%m [%p] %d %e ";

/// One entry of a server's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogEntry {
    /// The database of the session, or the one that a refused login named.
    pub database: String,
    /// The id of the session's server process.
    pub pid: u32,
    /// `LOG`, `ERROR`, `FATAL` and so on.
    pub severity: String,
    /// The SQLSTATE: five characters, `00000` if nothing failed.
    pub sqlstate: String,
    /// The message, without the severity.
    pub message: String,
    /// The statement that caused the entry; `None` if the log has no statement for it.
    pub statement: Option<String>,
}

/// A line that begins with [`LINE_PREFIX`].
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

    fn entry(&self) -> LogEntry {
        LogEntry {
            database: self.database.to_owned(),
            pid: self.pid,
            severity: self.severity.to_owned(),
            sqlstate: self.sqlstate.to_owned(),
            message: self.text.to_owned(),
            statement: None,
        }
    }
}

/// A part of an entry that may continue on the next line.
#[derive(Debug, Clone, Copy)]
enum Part {
    Message,
    Statement,
}

/// The entries read so far from the log of one server, and where to continue reading. The log is read
/// once: it grows with each database, and most of it is about dropped databases.
#[derive(Debug)]
pub(super) struct Log {
    /// Prefix of the names of databases that any run of this crate creates.
    any_run_prefix: String,
    /// Prefix of the names of databases that this run creates.
    this_run_prefix: String,
    /// The entries by database; `None` stands for all databases that this crate did not create.
    entries: HashMap<Option<String>, Vec<LogEntry>>,
    /// What a continuation line is appended to: a database, the index of an entry, and a part of the
    /// entry.
    last: Option<(Option<String>, usize, Part)>,
    /// The bytes after the last complete line.
    rest: Vec<u8>,
    position: u64,
}

impl Log {
    pub(super) fn new(run: &Run) -> Self {
        Self {
            any_run_prefix: run.prefix().database_prefix(),
            this_run_prefix: run.database_prefix(),
            entries: HashMap::new(),
            last: None,
            rest: Vec::new(),
            position: 0,
        }
    }

    /// Returns the number of bytes read so far.
    pub(super) fn position(&self) -> u64 {
        self.position
    }

    /// Reads what was appended to a file.
    pub(super) fn read(&mut self, mut file: File) -> io::Result<()> {
        file.seek(SeekFrom::Start(self.position))?;
        let mut added = Vec::new();
        file.read_to_end(&mut added)?;
        self.push(&added);
        Ok(())
    }

    /// Adds the bytes that follow those read so far. An incomplete line waits for its end.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.position += bytes.len() as u64;
        self.rest.extend_from_slice(bytes);
        let Some(end) = self.rest.iter().rposition(|byte| *byte == b'\n') else { return };
        let rest = self.rest.split_off(end + 1);
        let complete = std::mem::replace(&mut self.rest, rest);
        for line in String::from_utf8_lossy(&complete).lines() {
            self.push_line(line);
        }
    }

    /// Returns the entries about a database of this run, in order.
    pub(super) fn entries_about(&self, database: &str) -> &[LogEntry] {
        self.entries.get(&Some(database.to_owned())).map_or(&[], Vec::as_slice)
    }

    /// Returns the entries about databases that this crate did not create, in order.
    pub(super) fn entries_about_others(&self) -> &[LogEntry] {
        self.entries.get(&None).map_or(&[], Vec::as_slice)
    }

    /// Removes the entries about a database that is dropped.
    pub(super) fn forget(&mut self, database: &str) {
        let key = Some(database.to_owned());
        self.entries.remove(&key);
        self.last.take_if(|(last, ..)| *last == key);
    }

    fn push_line(&mut self, line: &str) {
        let Some(line) = Line::parse(line) else { return self.continue_last(line) };
        self.last = None;
        let key = match line.database {
            "" => return,
            name if name.starts_with(&self.this_run_prefix) => Some(name.to_owned()),
            name if name.starts_with(&self.any_run_prefix) => return,
            _ => None,
        };
        let entries = self.entries.entry(key.clone()).or_default();
        match line.severity {
            "STATEMENT" => {
                let index = entries.iter().rposition(|entry| entry.pid == line.pid);
                if let Some(index) = index {
                    entries[index].statement = Some(line.text.to_owned());
                    self.last = Some((key, index, Part::Statement));
                }
            }
            "DETAIL" | "HINT" | "CONTEXT" | "QUERY" | "LOCATION" => {}
            _ => {
                self.last = Some((key, entries.len(), Part::Message));
                entries.push(line.entry());
            }
        }
    }

    fn continue_last(&mut self, line: &str) {
        let Some((key, index, part)) = &self.last else { return };
        let Some(entry) = self.entries.get_mut(key).and_then(|entries| entries.get_mut(*index))
        else {
            return;
        };
        let text = match part {
            Part::Message => Some(&mut entry.message),
            Part::Statement => entry.statement.as_mut(),
        };
        if let Some(text) = text {
            text.push('\n');
            text.push_str(line.trim_start());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prefix::Prefix;

    /// Returns a log without entries, and the name of a database of its run.
    fn log() -> (Log, String) {
        let run = Run::new(Prefix::default());
        (Log::new(&run), run.database("case", "0"))
    }

    fn line(pid: u32, database: &str, sqlstate: &str, text: &str) -> String {
        format!("2026-01-01 00:00:00.123 UTC [{pid}] {database} {sqlstate} {text}\n")
    }

    fn messages(entries: &[LogEntry]) -> Vec<&str> {
        entries.iter().map(|entry| entry.message.as_str()).collect()
    }

    #[test]
    fn a_statement_is_matched_to_its_entry_across_other_lines() {
        let (mut log, one) = log();
        let refused = format!("too many connections for database \"{one}\"");
        let text = line(7, &one, "42501", "ERROR:  permission denied for table t")
            + &line(8, "two", "42P01", "ERROR:  relation \"t\" does not exist")
            + &line(9, "", "00000", "LOG:  checkpoint starting: immediate force wait")
            + &line(7, &one, "42501", "STATEMENT:  insert into t\n\tvalues (1)")
            + &line(6, &one, "53300", &format!("FATAL:  {refused}"));
        log.push(text.as_bytes());
        let entry =
            |pid, severity: &str, sqlstate: &str, message: &str, statement: Option<&str>| {
                let (severity, sqlstate) = (severity.to_owned(), sqlstate.to_owned());
                let (message, statement) = (message.to_owned(), statement.map(str::to_owned));
                LogEntry { database: one.clone(), pid, severity, sqlstate, message, statement }
            };
        let denied = "permission denied for table t";
        let statement = "insert into t\nvalues (1)";
        assert_eq!(
            log.entries_about(&one),
            [
                entry(7, "ERROR", "42501", denied, Some(statement)),
                entry(6, "FATAL", "53300", &refused, None),
            ]
        );
        assert_eq!(log.entries_about("three"), []);
    }

    #[test]
    fn other_databases_are_those_that_no_run_of_this_crate_created() {
        let (mut log, one) = log();
        let of_another_run = Run::new(Prefix::default()).database("case", "0");
        let text = line(1, &one, "42501", "ERROR:  own")
            + &line(2, &of_another_run, "42501", "ERROR:  of another run")
            + &line(3, "app", "42501", "ERROR:  of the service")
            + &line(4, "", "42501", "ERROR:  of no database");
        log.push(text.as_bytes());
        assert_eq!(messages(log.entries_about_others()), ["of the service"]);
        assert_eq!(messages(log.entries_about(&one)), ["own"]);
        assert_eq!(log.entries_about(&of_another_run), []);
    }

    #[test]
    fn a_log_read_in_pieces_has_the_same_entries() {
        let (mut whole, one) = log();
        let text = line(7, &one, "42501", "ERROR:  größer\n\tand longer")
            + &line(7, &one, "42501", "STATEMENT:  insert\n\tinto t")
            + &line(8, &one, "42P01", "ERROR:  second");
        whole.push(text.as_bytes());
        assert_eq!(messages(whole.entries_about(&one)), ["größer\nand longer", "second"]);
        for length in 1..text.len() {
            let run = Run::new(Prefix::default());
            let mut pieces =
                Log { this_run_prefix: whole.this_run_prefix.clone(), ..Log::new(&run) };
            text.as_bytes().chunks(length).for_each(|piece| pieces.push(piece));
            assert_eq!(
                pieces.entries_about(&one),
                whole.entries_about(&one),
                "pieces of {length} bytes"
            );
        }
    }

    #[test]
    fn the_log_is_read_from_where_the_last_read_ended() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("server.log");
        let (mut log, one) = log();
        let first = line(7, &one, "42501", "ERROR:  first");
        std::fs::write(&file, &first).unwrap();
        log.read(File::open(&file).unwrap()).unwrap();
        let second = line(7, &one, "42501", "ERROR:  second");
        std::fs::write(&file, "x".repeat(first.len() - 1) + "\n" + &second).unwrap();
        log.read(File::open(&file).unwrap()).unwrap();
        assert_eq!(messages(log.entries_about(&one)), ["first", "second"]);
    }

    #[test]
    fn entries_about_a_dropped_database_take_no_memory() {
        let (mut log, one) = log();
        log.push(line(7, &one, "42501", "ERROR:  first").as_bytes());
        log.forget(&one);
        log.push(b"\tcontinued\n");
        assert!(log.entries.is_empty(), "{log:?}");
    }
}
