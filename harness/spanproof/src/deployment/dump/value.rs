//! Values of a dump as JSON.

use serde_json::Value as Json;

use crate::identifier::until_quote;
use crate::timestamp::timestamp;

/// Converts a value of `COPY` to the JSON that `to_jsonb` returns for a column of this type.
pub(super) fn copied(sql_type: &str, value: &str) -> Json {
    if value == "\\N" { Json::Null } else { to_json(sql_type, unescape(value)) }
}

fn to_json(sql_type: &str, value: String) -> Json {
    let json = || serde_json::from_str(&value).ok();
    let known = match sql_type.split([' ', '(']).next().unwrap_or_default() {
        "bigint" | "integer" | "smallint" | "numeric" | "double" | "real" | "json" | "jsonb" => {
            json()
        }
        "boolean" => Some(Json::Bool(value == "t" || value == "true")),
        "timestamp" => timestamp(&value).map(|at| Json::String(at.to_rfc3339())),
        _ => None,
    };
    known.unwrap_or(Json::String(value))
}

/// The rows of an `INSERT` statement.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Inserted {
    /// The columns that the statement names; `None` for all columns of the table.
    pub(super) columns: Option<Vec<String>>,
    /// The values of each row; `None` stands for null and for a default.
    pub(super) rows: Vec<Vec<Option<String>>>,
}

/// Parses what follows the table's name in an `INSERT` statement. The error says what was found.
pub(super) fn inserted(sql: &str) -> Result<Inserted, String> {
    let unexpected = |sql: &str| {
        let found: String = sql.chars().take(20).collect();
        format!("an `INSERT` statement has `{found}` where a value was expected")
    };
    let mut sql = sql.trim_start();
    let mut columns = None;
    if let Some(list) = sql.strip_prefix('(') {
        let (names, rest) = super::statement::column_list(list).ok_or_else(|| unexpected(list))?;
        (columns, sql) = (Some(names), rest.trim_start());
    }
    for word in ["OVERRIDING SYSTEM VALUE", "OVERRIDING USER VALUE"] {
        sql = sql.strip_prefix(word).unwrap_or(sql).trim_start();
    }
    sql = sql.strip_prefix("VALUES").ok_or_else(|| unexpected(sql))?.trim_start();
    let mut rows = Vec::new();
    loop {
        sql = sql.strip_prefix('(').ok_or_else(|| unexpected(sql))?;
        let mut row = Vec::new();
        loop {
            let (value, rest) = value(sql.trim_start()).ok_or_else(|| unexpected(sql))?;
            row.push(value);
            let rest = rest.trim_start();
            let Some(next) = rest.strip_prefix(',') else {
                sql = rest.strip_prefix(')').ok_or_else(|| unexpected(rest))?.trim_start();
                break;
            };
            sql = next;
        }
        rows.push(row);
        match sql.strip_prefix(',') {
            Some(rest) => sql = rest.trim_start(),
            // `ON CONFLICT DO NOTHING` may follow.
            None => return Ok(Inserted { columns, rows }),
        }
    }
}

/// Converts a value of `INSERT` to the JSON that `to_jsonb` returns for a column of this type.
pub(super) fn inserted_json(sql_type: &str, value: Option<String>) -> Json {
    value.map_or(Json::Null, |value| to_json(sql_type, value))
}

/// Parses the value at the start of a piece of SQL, and returns the SQL after it.
fn value(sql: &str) -> Option<(Option<String>, &str)> {
    if let Some(rest) = sql.strip_prefix('\'') {
        let (text, rest) = until_quote(rest, '\'')?;
        return Some((Some(text), rest));
    }
    for prefix in ["B'", "X'"] {
        if let Some(rest) = sql.strip_prefix(prefix) {
            let (text, rest) = until_quote(rest, '\'')?;
            return Some((Some(text), rest));
        }
    }
    if let Some(rest) = sql.strip_prefix("E'") {
        let (text, rest) = until_quote(rest, '\'')?;
        return Some((Some(unescape(&text)), rest));
    }
    let end = sql.find([',', ')'])?;
    let word = sql[..end].trim_end();
    let is_plain =
        !word.is_empty() && word.chars().all(|c| c.is_alphanumeric() || "+-._".contains(c));
    let text = !word.eq_ignore_ascii_case("null") && !word.eq_ignore_ascii_case("default");
    is_plain.then(|| (text.then(|| word.to_owned()), &sql[end..]))
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
        assert_eq!(copied("timestamp without time zone", text), Json::from(text));
        let text = "2025-10-22 17:30:01.5+05:30";
        let at = copied("timestamp with time zone", text);
        assert_eq!(at, Json::from("2025-10-22T12:00:01.500+00:00"));
    }

    #[test]
    fn the_values_of_an_insert_are_read() {
        let sql = " (id, \"a b\") OVERRIDING SYSTEM VALUE VALUES\n\t(1, 'it''s, (x);\n'),\n\t(-2.5, NULL),\n\
                   \t(DEFAULT, E'a\\\\b') ON CONFLICT DO NOTHING;";
        let Inserted { columns, rows } = inserted(sql).unwrap();
        assert_eq!(columns.unwrap(), ["id", "a b"]);
        let text = |text: &str| Some(text.to_owned());
        let expected = [
            vec![text("1"), text("it's, (x);\n")],
            vec![text("-2.5"), None],
            vec![None, text("a\\b")],
        ];
        assert_eq!(rows, expected);
        let error = inserted(" SELECT 1;").unwrap_err();
        assert!(error.contains("`SELECT 1;`"), "{error}");
    }
}
