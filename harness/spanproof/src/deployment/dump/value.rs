//! Parses the values in a dump, and converts them to JSON.

use serde_json::Value as Json;

use super::lexer::Lexer;
use super::statement::{after, column_list};
use crate::timestamp::timestamp;

/// Converts a value of `COPY` to the JSON that `to_jsonb` returns for a column of this type.
pub(super) fn copy_value_to_json(sql_type: &str, value: &str) -> Json {
    if value == "\\N" { Json::Null } else { to_json(sql_type, unescape(value)) }
}

fn to_json(sql_type: &str, value: String) -> Json {
    let json = || serde_json::from_str(&value).ok();
    let known = match sql_type.split([' ', '(']).next().unwrap_or_default() {
        "bigint" | "integer" | "smallint" | "numeric" | "double" | "real" | "json" | "jsonb" => {
            json()
        }
        "boolean" => Some(Json::Bool(value == "t" || value == "true")),
        // In `character(n)`, trailing spaces have no meaning.
        "character" if !sql_type.starts_with("character varying") => {
            Some(Json::from(value.trim_end_matches(' ')))
        }
        "timestamp" if sql_type.contains("with time zone") => {
            timestamp(&value).map(|at| Json::String(at.to_rfc3339()))
        }
        // Without a zone, as `to_jsonb` returns it: the value may be a local time.
        "timestamp" => timestamp(&value)
            .map(|at| Json::String(at.naive_utc().format("%Y-%m-%dT%H:%M:%S%.f").to_string())),
        _ => None,
    };
    known.unwrap_or(Json::String(value))
}

/// The rows of an `INSERT` statement.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct InsertRows {
    /// The columns that the statement names; `None` for all columns of the table.
    pub(super) columns: Option<Vec<String>>,
    /// The values of each row; `None` stands for null and for a default.
    pub(super) rows: Vec<Vec<Option<String>>>,
}

/// Parses the SQL after the table's name in an `INSERT` statement. With `has_escapes`, a backslash is an
/// escape in strings without `E`. The error says what was found in place of a value.
pub(super) fn parse_insert(sql: &str, has_escapes: bool) -> Result<InsertRows, String> {
    let mut sql = sql.trim_start();
    let mut columns = None;
    if let Some(list) = sql.strip_prefix('(') {
        let (names, rest) = column_list(list).ok_or_else(|| unexpected(list))?;
        (columns, sql) = (Some(names), rest.trim_start());
    }
    for words in ["overriding system value", "overriding user value"] {
        sql = after(sql, words).unwrap_or(sql).trim_start();
    }
    sql = after(sql, "values").ok_or_else(|| unexpected(sql))?.trim_start();
    let mut rows = Vec::new();
    loop {
        let (row, rest) = row(sql, has_escapes)?;
        rows.push(row);
        let rest = rest.trim_start();
        match rest.strip_prefix(',') {
            Some(rest) => sql = rest.trim_start(),
            None => break check_end(rest),
        }
    }?;
    Ok(InsertRows { columns, rows })
}

/// Parses a row in brackets, and returns the SQL after it.
fn row(sql: &str, has_escapes: bool) -> Result<(Vec<Option<String>>, &str), String> {
    let mut sql = sql.strip_prefix('(').ok_or_else(|| unexpected(sql))?;
    let mut row = Vec::new();
    loop {
        let (value, rest) = value(sql.trim_start(), has_escapes).ok_or_else(|| unexpected(sql))?;
        row.push(value);
        let rest = rest.trim_start();
        match rest.strip_prefix(',') {
            Some(next) => sql = next,
            None => return Ok((row, rest.strip_prefix(')').ok_or_else(|| unexpected(rest))?)),
        }
    }
}

/// Checks what follows the last row: `ON CONFLICT DO NOTHING`, the semicolon, and comments.
fn check_end(sql: &str) -> Result<(), String> {
    let mut ends = Vec::new();
    Lexer::default().read_marks(sql.as_bytes(), |mark, at| {
        if mark == b';' {
            ends.push(at);
        }
    });
    let rest = ends.first().map_or("", |end| &sql[end + 1..]);
    let mut lexer = Lexer::default();
    lexer.read(rest.as_bytes());
    if ends.len() > 1 || !lexer.is_between_statements() {
        return Err(
            "several statements are on one line; put each statement on its own line".to_owned()
        );
    }
    Ok(())
}

fn unexpected(sql: &str) -> String {
    let found: String = sql.chars().take(20).collect();
    format!("an `INSERT` statement has `{found}` where `VALUES` or a value was expected")
}

/// Converts a value of `INSERT` to the JSON that `to_jsonb` returns for a column of this type.
pub(super) fn insert_value_to_json(sql_type: &str, value: Option<String>) -> Json {
    value.map_or(Json::Null, |value| to_json(sql_type, value))
}

/// Parses the value at the start of a piece of SQL, and returns the SQL after it.
fn value(sql: &str, has_escapes: bool) -> Option<(Option<String>, &str)> {
    let quoted = [("'", has_escapes), ("b'", false), ("x'", false), ("e'", true)];
    for (prefix, has_escapes) in quoted {
        if let Some(rest) = after(sql, prefix) {
            let (text, rest) = literal(rest, has_escapes)?;
            let text = if has_escapes { unescape(&text) } else { text };
            return Some((Some(text), without_cast(rest)));
        }
    }
    let end = sql.find([',', ')'])?;
    let word = sql[..end].trim_end();
    let is_plain =
        !word.is_empty() && word.chars().all(|c| c.is_alphanumeric() || "+-._".contains(c));
    let text = !word.eq_ignore_ascii_case("null") && !word.eq_ignore_ascii_case("default");
    is_plain.then(|| (text.then(|| word.to_owned()), &sql[end..]))
}

/// Splits SQL that follows an opening quote into the string, with its backslashes, and the SQL after the
/// closing quote. Two quotes in a row stand for one.
fn literal(sql: &str, has_escapes: bool) -> Option<(String, &str)> {
    let (mut text, mut rest) = (String::new(), sql);
    loop {
        let at = rest.find(|c| c == '\'' || has_escapes && c == '\\')?;
        let next = rest[at + 1..].chars().next();
        if rest[at..].starts_with('\\') {
            let length = 1 + next?.len_utf8();
            text.push_str(&rest[..at + length]);
            rest = &rest[at + length..];
        } else if next == Some('\'') {
            text.push_str(&rest[..=at]);
            rest = &rest[at + 2..];
        } else {
            text.push_str(&rest[..at]);
            return Some((text, &rest[at + 1..]));
        }
    }
}

/// Returns the SQL after a cast such as `::jsonb` or `::character varying(5)`; the same SQL without a cast.
fn without_cast(sql: &str) -> &str {
    let Some(sql_type) = sql.trim_start().strip_prefix("::") else { return sql };
    let is_end = |c: char| !(c.is_alphanumeric() || " _.\"[]".contains(c));
    let rest = &sql_type[sql_type.find(is_end).unwrap_or(sql_type.len())..];
    match rest.strip_prefix('(').and_then(|rest| rest.split_once(')')) {
        Some((_, rest)) => rest,
        None => rest,
    }
}

/// Removes the escapes of `COPY`.
fn unescape(value: &str) -> String {
    let mut plain = String::with_capacity(value.len());
    let mut letters = value.chars();
    while let Some(letter) = letters.next() {
        if letter != '\\' {
            plain.push(letter);
            continue;
        }
        plain.push(match letters.next() {
            Some('n') => '\n',
            Some('t') => '\t',
            Some('r') => '\r',
            Some('b') => '\u{8}',
            Some('f') => '\u{c}',
            Some('v') => '\u{b}',
            Some(other) => other,
            None => '\\',
        });
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_converted_to_utc_and_years_bc_stay_text() {
        let text = "0044-03-15 12:00:00 BC";
        assert_eq!(copy_value_to_json("timestamp without time zone", text), Json::from(text));
        let text = "2025-10-22 17:30:01.5+05:30";
        let at = copy_value_to_json("timestamp with time zone", text);
        assert_eq!(at, Json::from("2025-10-22T12:00:01.500+00:00"));
        let at = copy_value_to_json("timestamp without time zone", "2025-10-22 17:30:01.5");
        assert_eq!(at, Json::from("2025-10-22T17:30:01.500"), "it stays without a zone");
    }

    #[test]
    fn the_values_of_an_insert_are_read() {
        let sql = " (id, \"a b\") OVERRIDING SYSTEM VALUE VALUES\n\t(1, 'it''s, (x);\n'),\n\t(-2.5, NULL),\n\
                   \t(DEFAULT, E'a\\\\b') ON CONFLICT DO NOTHING;";
        let InsertRows { columns, rows } = parse_insert(sql, false).unwrap();
        assert_eq!(columns.unwrap(), ["id", "a b"]);
        let text = |text: &str| Some(text.to_owned());
        let expected = [
            vec![text("1"), text("it's, (x);\n")],
            vec![text("-2.5"), None],
            vec![None, text("a\\b")],
        ];
        assert_eq!(rows, expected);
        let (sql, has_escapes) = (" (a,b) values (e'it\\'s', 'b\\'::varchar(3)); -- ;", false);
        let rows = parse_insert(sql, has_escapes).unwrap().rows;
        assert_eq!(rows, [[text("it's"), text("b\\")]]);
        let error = parse_insert(" SELECT 1;", false).unwrap_err();
        assert!(error.contains("`SELECT 1;`"), "{error}");
    }
}
