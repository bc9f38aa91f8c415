//! The part of a migration file that is applied. In the files of some tools, a second part undoes the
//! migration.
//!
//! The markers are those of goose, sql-migrate, dbmate and tern; a file without markers is applied
//! as a whole. Sources: the documentation of each tool.

/// The text that is applied.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Section {
    /// The file, with the lines that are not applied blanked, to keep the line numbers.
    pub(super) text: String,
    /// Whether the file asks to run outside of a transaction.
    pub(super) no_transaction: bool,
    /// Whether the file has a marker before the part that is applied.
    pub(super) is_marked: bool,
}

/// A comment line that tells a migration tool what the following lines are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Marker {
    Up { no_transaction: bool },
    Down,
    NoTransaction,
}

/// Returns the part of a file that is applied.
pub(super) fn applied(text: &str) -> Section {
    let markers: Vec<Option<Marker>> = text.lines().map(marker).collect();
    let is_marked = markers.iter().any(|marker| matches!(marker, Some(Marker::Up { .. })));
    // sqlx looks for this comment on the first line only.
    let first = text.lines().next().unwrap_or_default();
    let mut no_transaction = first.starts_with("-- no-transaction");
    // tern has a marker only before the part that undoes the migration.
    let mut is_up = !is_marked;
    let mut applied = String::with_capacity(text.len());
    for (line, marker) in text.split_inclusive('\n').zip(markers) {
        match marker {
            Some(Marker::Up { no_transaction: without }) => {
                is_up = true;
                no_transaction |= without;
            }
            Some(Marker::Down) => is_up = false,
            Some(Marker::NoTransaction) => no_transaction = true,
            None => {}
        }
        if is_up {
            applied.push_str(line);
        } else if line.ends_with('\n') {
            applied.push('\n');
        }
    }
    Section { text: applied, no_transaction, is_marked }
}

fn marker(line: &str) -> Option<Marker> {
    let line = line.trim().to_lowercase();
    if line == "---- create above / drop below ----" {
        return Some(Marker::Down);
    }
    let comment = line.strip_prefix("--")?.trim_start();
    let mut words = comment.split_whitespace();
    let tool = words.next()?;
    let rest: Vec<&str> = words.collect();
    match (tool, rest.as_slice()) {
        ("+goose" | "+migrate", ["up", options @ ..]) => {
            Some(Marker::Up { no_transaction: options.contains(&"notransaction") })
        }
        ("migrate:up", options) => {
            Some(Marker::Up { no_transaction: options.contains(&"transaction:false") })
        }
        ("+goose" | "+migrate", ["down", ..]) | ("migrate:down", _) => Some(Marker::Down),
        ("+goose", ["no", "transaction", ..]) => Some(Marker::NoTransaction),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::goose("-- +goose Up\ncreate\n-- +goose Down\ndrop\n", false)]
    #[case::goose_down_first("-- +goose Down\ndrop\n-- +goose Up\ncreate\n", false)]
    #[case::goose_no_transaction(
        "-- +goose NO TRANSACTION\n-- +goose Up\ncreate\n--+goose down\ndrop",
        true
    )]
    #[case::sql_migrate("-- +migrate Up notransaction\ncreate\n-- +migrate Down\ndrop\n", true)]
    #[case::dbmate("-- migrate:up\ncreate\n\n-- migrate:down\ndrop\n", false)]
    #[case::dbmate_no_transaction(
        "-- migrate:up transaction:false\ncreate\n-- migrate:down\ndrop",
        true
    )]
    #[case::tern("create\n---- create above / drop below ----\ndrop\n", false)]
    #[case::sqlx("-- no-transaction\ncreate\n", true)]
    #[case::no_marker("create\n-- goose is a bird; no-transaction\n", false)]
    fn only_the_part_that_applies_the_migration_is_kept(
        #[case] text: &str,
        #[case] no_transaction: bool,
    ) {
        let found = applied(text);
        assert!(found.text.contains("create"), "{found:?}");
        assert!(!found.text.contains("drop\n") && !found.text.ends_with("drop"), "{found:?}");
        assert_eq!(found.text.matches('\n').count(), text.matches('\n').count());
        assert_eq!(found.no_transaction, no_transaction);
    }
}
