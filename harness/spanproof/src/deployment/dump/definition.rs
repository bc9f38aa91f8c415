//! The definition of a table: its columns, and what follows them.

use super::lexer::Lexer;
use crate::identifier;

/// First words of the parts of a definition that are not columns. A column with such a name is quoted.
const NOT_COLUMNS: [&str; 6] = ["constraint", "check", "unique", "primary", "foreign", "like"];

/// What follows the table's name in `CREATE TABLE`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Definition<'a> {
    /// The columns in order, each with its SQL type and what follows the type.
    pub(super) columns: Vec<(String, String)>,
    /// The SQL after the columns.
    pub(super) options: &'a str,
}

impl<'a> Definition<'a> {
    /// Parses the SQL after the table's name.
    pub(super) fn parse(sql: &'a str) -> Self {
        let sql = sql.trim_start();
        if !sql.starts_with('(') {
            return Self { columns: Vec::new(), options: sql };
        }
        let (mut depth, mut start, mut end) = (0_usize, 1, sql.len());
        let mut parts = Vec::new();
        Lexer::default().read_marks(sql.as_bytes(), |mark, at| match (mark, depth) {
            (b'(' | b'[', _) => depth += 1,
            (b')', 1) if end == sql.len() => {
                parts.push(&sql[start..at]);
                end = at + 1;
                depth = 0;
            }
            (b')' | b']', _) => depth = depth.saturating_sub(1),
            (b',', 1) if end == sql.len() => {
                parts.push(&sql[start..at]);
                start = at + 1;
            }
            _ => {}
        });
        let columns = parts.into_iter().filter_map(column).collect();
        Self { columns, options: sql.get(end..).unwrap_or_default() }
    }
}

/// Parses one part of a definition; `None` if it is not a column.
fn column(part: &str) -> Option<(String, String)> {
    let mut part = part.trim_start();
    while part.starts_with("--") {
        part = part.split_once('\n').map_or("", |(_, rest)| rest).trim_start();
    }
    let (name, sql_type) = identifier::from_sql(part)?;
    // `pg_dump` does not quote a column with the name `exclude`.
    let next = sql_type.split(|c: char| !c.is_ascii_alphanumeric()).find(|word| !word.is_empty());
    let is_exclusion = sql_type.trim_start().starts_with('(')
        || next.is_some_and(|word| word.eq_ignore_ascii_case("using"));
    let is_constraint = NOT_COLUMNS.contains(&&*name) || name == "exclude" && is_exclusion;
    let is_column = part.starts_with('"') || !is_constraint;
    is_column.then(|| (name, sql_type.trim().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_split_outside_quotes_and_brackets() {
        let sql = " (\n    -- the id, a number\n    id numeric(12,1) DEFAULT 'a,(',\n    \"check\" text[] DEFAULT ARRAY['x'::text, 'y'::text],\n    \
                   CONSTRAINT c CHECK ((id > 0)),\n    exclude uuid,\n    EXCLUDE USING gist (id WITH =)\n)\nPARTITION BY RANGE (id);";
        let Definition { columns, options } = Definition::parse(sql);
        let names: Vec<_> = columns.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["id", "check", "exclude"]);
        assert_eq!(columns[0].1, "numeric(12,1) DEFAULT 'a,('");
        assert_eq!(options.trim(), "PARTITION BY RANGE (id);");
        assert_eq!(Definition::parse(" AS SELECT (1);").columns, []);
        assert_eq!(Definition::parse(" (\n)\nINHERITS (a);").options, "\nINHERITS (a);");
    }
}
