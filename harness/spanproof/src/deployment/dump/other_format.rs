//! Recognises, by its start, a file that is not a dump of Postgres.

/// Number of bytes at the start of a file by which its format is recognised.
pub(super) const HEAD: u64 = 4096;

/// What to do about a file that is not a dump.
const MAKE_DUMP: &str = "make a dump with `pg_dump`";

/// Returns what a file looks like, and what to do; `None` if it may be a dump.
pub(super) fn describe(head: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(head);
    let text = text.trim_start_matches('\u{feff}');
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let (first, second) = (lines.next()?, lines.next().unwrap_or_default());
    let what = if head.starts_with(b"SQLite format 3\0") {
        "a SQLite database"
    } else if first.contains("MySQL dump")
        || text.contains("MariaDB dump")
        || text.contains("ENGINE=InnoDB")
    {
        "a dump of MySQL or MariaDB"
    } else if first.starts_with("PRAGMA ") {
        "a dump of SQLite"
    } else if text.starts_with(';') && text.contains("Archive created at") || is_list_entry(first) {
        return Some(
            "it looks like a list of `pg_restore -l`, which has no rows; give the archive itself, as `pg_dump` made it"
                .to_owned(),
        );
    } else if is_ruler(first) || is_ruler(second) {
        "a table that `psql` printed"
    } else if first.starts_with(['{', '[']) {
        "JSON"
    } else if is_csv(first, second) {
        "CSV"
    } else {
        return None;
    };
    Some(format!("it looks like {what}, not like a dump of Postgres; {MAKE_DUMP}"))
}

/// Whether a line is between the heading and the rows of a table: `----+----`, or `- | -` with borders.
fn is_ruler(line: &str) -> bool {
    line.starts_with(['-', '+', '|'])
        && line.contains("-+")
        && line.chars().all(|c| "-+|".contains(c))
}

/// Whether a line is an entry of `pg_restore -l`: `215; 1259 16386 TABLE public jobs owner`.
fn is_list_entry(line: &str) -> bool {
    let Some((number, rest)) = line.split_once("; ") else { return false };
    let mut words = rest.split(' ');
    let is_number = |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit());
    is_number(number) && words.next().is_some_and(is_number) && words.next().is_some_and(is_number)
}

/// Whether the first line names columns, and the second one has at least as many values.
fn is_csv(first: &str, second: &str) -> bool {
    let is_name = |name: &str| {
        let name = name.trim().trim_matches('"');
        !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || " _.-".contains(c))
    };
    [',', ';', '\t', '|'].into_iter().any(|separator| {
        let names = first.split(separator).count();
        names > 1
            && !first.ends_with(separator)
            && !first.starts_with("--")
            && first.split(separator).all(is_name)
            && (second.is_empty() || second.split(separator).count() >= names)
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::dump("--\n-- PostgreSQL database dump\n--\n", None)]
    #[case::rows("COPY public.jobs (id, name) FROM stdin;\n1\ta\n", None)]
    #[case::statement("insert into jobs values (1, 'a');\n", None)]
    #[case::comment("-- a, b\n-- c, d\n", None)]
    #[case::command("\\connect app\n", None)]
    #[case::csv("id;name\n1;a\n", Some("CSV"))]
    #[case::tabs("id\tname\n1\ta\n", Some("CSV"))]
    #[case::one_row("\"id\",\"name\"\n", Some("CSV"))]
    #[case::entry("215; 1259 16386 TABLE public jobs x\n", Some("pg_restore -l"))]
    fn a_file_that_is_not_a_dump_is_recognised(#[case] text: &str, #[case] expected: Option<&str>) {
        let found = describe(text.as_bytes());
        match expected {
            Some(part) => {
                assert!(found.as_ref().is_some_and(|text| text.contains(part)), "{found:?}");
            }
            None => assert_eq!(found, None),
        }
    }
}
