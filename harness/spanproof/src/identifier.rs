//! Quotes names of tables and columns as SQL identifiers. Parses names that are written in a spec or
//! in SQL. No other module turns names into SQL.

/// The name of a table, with its schema if it has one. Both are without quotes, as in `pg_class` and
/// `pg_namespace`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct TableName {
    /// The schema; `None` if the search path decides.
    pub(crate) schema: Option<String>,
    /// The name without the schema.
    pub(crate) name: String,
}

impl TableName {
    /// Parses a table name of a spec: `name` or `schema.name`. In double quotes a dot is a part of
    /// the name, and `""` is a double quote. Capitals and spaces need no quotes.
    ///
    /// # Errors
    /// If the text is not a table name, or is ambiguous. The message shows how to quote
    /// the name.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut rest = text;
        loop {
            let (part, after) = part(rest, |letter| letter == '.' || letter == '"')
                .ok_or_else(|| how_to_quote(text))?;
            parts.push(part);
            match after.strip_prefix('.') {
                Some(after) => rest = after,
                None if after.is_empty() => break,
                None => return Err(how_to_quote(text)),
            }
        }
        Self::from_parts(parts).ok_or_else(|| how_to_quote(text))
    }

    /// Parses the table name at the start of a piece of SQL, and also returns the SQL after the
    /// name; `None` if the SQL does not start with a name. Converts a name without quotes to lower
    /// case, as Postgres does.
    pub(crate) fn from_sql(sql: &str) -> Option<(Self, &str)> {
        let (mut parts, mut rest) = (Vec::new(), sql);
        loop {
            let (part, after) = from_sql(rest)?;
            parts.push(part);
            match after.strip_prefix('.') {
                Some(after) => rest = after,
                None => return Some((Self::from_parts(parts)?, after)),
            }
        }
    }

    fn from_parts(mut parts: Vec<String>) -> Option<Self> {
        let name = parts.pop()?;
        let schema = parts.pop();
        parts.is_empty().then_some(Self { schema, name })
    }

    /// Returns the name as SQL.
    pub(crate) fn sql(&self) -> String {
        match &self.schema {
            Some(schema) => in_schema(schema, &self.name),
            None => name(&self.name),
        }
    }
}

impl std::fmt::Display for TableName {
    /// Writes the name in the syntax of a spec, with double quotes only where they are needed.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let quoted = |part: &str| match part {
            part if part.contains(['.', '"']) => name(part),
            part => part.to_owned(),
        };
        if let Some(schema) = &self.schema {
            write!(f, "{}.", quoted(schema))?;
        }
        f.write_str(&quoted(&self.name))
    }
}

/// Quotes a table name of a spec, with its schema if it has one. Quotes any other string
/// as a whole; a spec with such a string is refused when it is read.
pub(crate) fn table(table: &str) -> String {
    TableName::parse(table).map_or_else(|_| name(table), |table| table.sql())
}

/// Splits a table name of a spec into schema and table; the schema is `None` if there is none. Any other
/// string is the table as a whole; a spec with such a string is refused when it is read.
pub(crate) fn parts(table: &str) -> (Option<String>, String) {
    TableName::parse(table)
        .map_or_else(|_| (None, table.to_owned()), |TableName { schema, name }| (schema, name))
}

/// Quotes the names of a schema and of one of its tables, both written as in the server's catalog.
pub(crate) fn in_schema(schema: &str, table: &str) -> String {
    format!("{}.{}", name(schema), name(table))
}

/// Quotes the name of a column, role, function or schema. A dot is a part of the name.
pub(crate) fn name(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Quotes a string as an SQL literal.
pub(crate) fn literal(text: &str) -> String {
    let quoted = text.replace('\'', "''");
    // Without `E`, a setting of the server decides what a backslash means.
    if quoted.contains('\\') {
        format!("E'{}'", quoted.replace('\\', "\\\\"))
    } else {
        format!("'{quoted}'")
    }
}

/// Parses the name at the start of a piece of SQL, up to a dot, and also returns the SQL after the
/// name; `None` if the SQL does not start with a name.
pub(crate) fn from_sql(sql: &str) -> Option<(String, &str)> {
    let is_end = |letter: char| !(letter.is_alphanumeric() || letter == '_' || letter == '$');
    let (part, rest) = part(sql, is_end)?;
    Some((if sql.starts_with('"') { part } else { part.to_lowercase() }, rest))
}

/// Parses the name at the start of a text, and also returns the text after the name. A name without
/// double quotes ends before the first character for which `is_end` is true. `None` if the name is
/// empty or its quote is unterminated.
fn part(text: &str, is_end: impl Fn(char) -> bool) -> Option<(String, &str)> {
    let (part, rest) = if let Some(rest) = text.strip_prefix('"') {
        until_quote(rest, '"')?
    } else {
        let (part, rest) = text.split_at(text.find(is_end).unwrap_or(text.len()));
        (part.to_owned(), rest)
    };
    (!part.is_empty()).then_some((part, rest))
}

/// Splits a piece of SQL that follows an opening quote into the quoted text and the SQL after the
/// closing quote; `None` if the quote is unterminated. Two quotes in a row stand for one quote.
pub(crate) fn until_quote(mut sql: &str, quote: char) -> Option<(String, &str)> {
    let mut text = String::new();
    loop {
        let (before, after) = sql.split_once(quote)?;
        text.push_str(before);
        match after.strip_prefix(quote) {
            Some(after) => {
                text.push(quote);
                sql = after;
            }
            None => return Some((text, after)),
        }
    }
}

/// Returns the error for a string that is not a table name, with the ways to quote it.
fn how_to_quote(text: &str) -> String {
    let example = match text.rsplit_once('.') {
        Some((schema, table)) if !text.contains('"') && !schema.is_empty() && !table.is_empty() => {
            format!("`{}` or `{}.{table}`", name(text), name(schema))
        }
        _ => format!("`{}`", name(text)),
    };
    format!(
        "`{text}` is not the name of a table: write `table` or `schema.table`; a name with a dot or a double quote needs \
         double quotes, and a double quote inside is written twice, such as {example}"
    )
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[test]
    fn a_dot_separates_a_schema_only_in_table_names() {
        assert_eq!(table("public.trace_spans"), r#""public"."trace_spans""#);
        assert_eq!(name("span.status"), r#""span.status""#);
        assert_eq!(in_schema("my.app", "a.b"), r#""my.app"."a.b""#);
        assert_eq!(table(r#"a"; drop table b; --"#), r#""a""; drop table b; --""#);
    }

    #[rstest]
    #[case::capitals("Public Jobs", None, "Public Jobs")]
    #[case::schema("audit.Order Lines", Some("audit"), "Order Lines")]
    #[case::dots(r#""my.schema"."my.table""#, Some("my.schema"), "my.table")]
    #[case::dot_in_one("app.\"v1.spans\"", Some("app"), "v1.spans")]
    #[case::quote(r#""a ""b""""#, None, r#"a "b""#)]
    fn a_table_name_of_a_spec_is_parsed_and_written_back(
        #[case] text: &str,
        #[case] schema: Option<&str>,
        #[case] table: &str,
    ) {
        let name = TableName::parse(text).unwrap();
        assert_eq!((name.schema.as_deref(), name.name.as_str()), (schema, table));
        assert_eq!(TableName::parse(&name.to_string()).unwrap(), name);
        assert_eq!(TableName::from_sql(&format!("{} (x", name.sql())), Some((name, " (x")));
    }

    #[rstest]
    #[case::two_dots("my.app.spans", r#"`"my.app.spans"` or `"my.app".spans`"#)]
    #[case::quote_inside(r#"a"b"#, r#"`"a""b"`"#)]
    #[case::unterminated(r#""ab"#, r#"`"""ab"`"#)]
    #[case::no_table("app.", r#"`"app."`"#)]
    #[case::text_after_the_quotes(r#""a"b"#, "such as")]
    fn an_ambiguous_name_is_refused_with_a_way_to_quote_it(
        #[case] text: &str,
        #[case] expected: &str,
    ) {
        let error = TableName::parse(text).unwrap_err();
        assert!(error.contains(expected), "{error}");
    }

    #[test]
    fn names_in_sql_become_lower_case_unless_they_are_quoted() {
        let (name, rest) = TableName::from_sql("Audit.\"Order Lines\" (id)").unwrap();
        assert_eq!((name.to_string().as_str(), rest), ("audit.Order Lines", " (id)"));
        assert_eq!(TableName::from_sql("a.b.c"), None);
    }

    #[test]
    fn a_literal_keeps_quotes_and_backslashes() {
        assert_eq!(literal("it's"), "'it''s'");
        assert_eq!(literal(r"a\'"), r"E'a\\'''");
    }
}
