//! Counts the attempts to insert spans, from the database server's log. The witness is a set of triggers
//! that `trigger.rs` creates. For each event they write a log entry, such as `begun` when an `INSERT`
//! begins. Before each row of an insert they write `tried` if the row is inserted into the span table
//! itself. For another table that contains spans, such as a partition, they write `passed on` if a trigger
//! inserts the row, and `tried below` otherwise.

use std::collections::HashMap;

use spanproof_postgres::LogEntry;

/// Prefix of the log entries of the triggers.
const PREFIX: &str = "spanproof witness: ";

/// The counts of one case. A row counts once, even if a trigger of the user inserts it into another table,
/// or if `ON CONFLICT` turns its insert into an update.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) statements: usize,
    pub(super) attempted: usize,
    pub(super) written: usize,
    pub(super) removed: usize,
    /// Rows whose span id was changed.
    pub(super) overwritten: usize,
}

/// The current statement of one session, and its counts of rows.
#[derive(Debug, Default)]
struct Session {
    kind: Kind,
    attempted: usize,
    written: usize,
    updated: usize,
    /// Rows that a view's `INSTEAD OF` trigger got.
    offered: usize,
    /// Rows that this trigger inserted into the tables of the view.
    stored: usize,
    /// Rows that an update moved into another partition.
    moved_in: usize,
    /// Rows that an update moved out of a partition, or that a trigger on the update deleted.
    moved_out: usize,
}

/// The kind of a statement.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A statement that fires no statement trigger.
    #[default]
    Other,
    /// An insert.
    Insert,
    /// `insert … on conflict do update`, or `merge`: it fires the statement triggers of inserts and of
    /// updates.
    Upsert,
    /// An update. If it moves a row to another partition, it fires the triggers of an insert, too.
    Update,
}

impl Tally {
    /// Counts the events in the entries of the log.
    pub(super) fn new(entries: &[LogEntry]) -> Self {
        let mut tally = Self::default();
        let mut sessions: HashMap<u32, Session> = HashMap::new();
        let (mut in_target, mut passed_on) = (0_usize, 0_usize);
        for entry in entries {
            let session = sessions.entry(entry.pid).or_default();
            let event = entry.message.strip_prefix(PREFIX).unwrap_or_default();
            let is_move = session.kind == Kind::Update;
            match event {
                "begun" => {
                    tally.statements += 1;
                    tally.finish(session, Kind::Insert);
                }
                "updating" if session.is_new_insert() => session.kind = Kind::Upsert,
                "updating" => tally.finish(session, Kind::Update),
                "tried" | "tried below" | "passed on" if !is_move => {
                    session.attempted += 1;
                    in_target += usize::from(event == "tried");
                    passed_on += usize::from(event == "passed on");
                }
                "written" if is_move => session.moved_in += 1,
                "written" => session.written += 1,
                "removed" if is_move => session.moved_out += 1,
                "removed" => tally.removed += 1,
                "updated" => session.updated += 1,
                "overwritten" => {
                    session.updated += 1;
                    tally.overwritten += 1;
                }
                "offered" => session.offered += 1,
                "stored" => session.stored += 1,
                _ if is_statement(entry) => tally.finish(session, Kind::Other),
                _ => {}
            }
        }
        for session in sessions.values_mut() {
            tally.finish(session, Kind::Other);
        }
        // A row that the user's trigger passes on was counted twice: in the span table, and where it was
        // passed to.
        tally.attempted -= in_target.min(passed_on);
        tally
    }

    /// Adds the counts of a session's statement that has ended, and begins its next statement.
    fn finish(&mut self, session: &mut Session, next: Kind) {
        let Session { kind, attempted, written, updated, offered, stored, moved_in, moved_out } =
            std::mem::take(session);
        self.removed += moved_out.saturating_sub(moved_in);
        let merged = if kind == Kind::Upsert { updated } else { 0 };
        self.attempted += attempted - merged.min(attempted.saturating_sub(written)) + offered;
        self.written += written + stored.min(offered);
        session.kind = next;
    }
}

impl Session {
    /// Whether the statement is an insert that has not tried a row yet.
    fn is_new_insert(&self) -> bool {
        self.kind == Kind::Insert && self.attempted == 0
    }
}

/// Whether an entry shows that a session's statement has ended: the session's next statement, or an error.
fn is_statement(entry: &LogEntry) -> bool {
    statement(entry).is_some() || entry.severity != "LOG" && entry.severity != "WARNING"
}

/// Returns the text of a logged statement; `None` for any other entry.
pub(super) fn statement(entry: &LogEntry) -> Option<&str> {
    let is_log = entry.severity == "LOG";
    let (kind, text) = entry.message.split_once(": ").filter(|_| is_log)?;
    (kind == "statement" || kind.starts_with("execute ")).then_some(text)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    /// Each word is an event of the triggers; `-` is a statement of the client. `counts` has the order of the
    /// fields of [`Tally`].
    #[rstest]
    #[case::rows("- begun tried tried written written", [1, 2, 2, 0, 0])]
    #[case::refused("- begun tried -", [1, 1, 0, 0, 0])]
    #[case::upsert("- begun updating tried updated", [1, 0, 0, 0, 0])]
    #[case::upsert_discarded("- begun updating tried - updating updated", [1, 1, 0, 0, 0])]
    #[case::overwritten("- begun updating tried overwritten", [1, 0, 0, 0, 1])]
    #[case::moved("- updating tried removed written", [0, 0, 0, 0, 0])]
    #[case::moved_and_removed("- updating tried removed written - removed", [0, 0, 0, 1, 0])]
    #[case::removed_by_a_trigger_on_update("- updating removed updated - updating removed removed", [0, 0, 0, 3, 0])]
    #[case::view("- begun offered stored stored offered", [1, 2, 2, 0, 0])]
    #[case::view_that_keeps_none("- begun offered - stored", [1, 1, 0, 0, 0])]
    #[case::passed_on("- begun tried begun passed-on written", [2, 1, 1, 0, 0])]
    #[case::only_passed_on("- begun passed-on written", [1, 1, 1, 0, 0])]
    fn a_row_counts_once(#[case] events: &str, #[case] counts: [usize; 5]) {
        let entry = |event: &str| LogEntry {
            database: "one".into(),
            pid: 7,
            severity: "LOG".into(),
            sqlstate: "00000".into(),
            message: match event {
                "-" => "statement: insert".into(),
                event => format!("{PREFIX}{}", event.replace('-', " ")),
            },
            statement: None,
        };
        let entries: Vec<_> = events.split(' ').map(entry).collect();
        let [statements, attempted, written, removed, overwritten] = counts;
        assert_eq!(
            Tally::new(&entries),
            Tally { statements, attempted, written, removed, overwritten }
        );
    }
}
