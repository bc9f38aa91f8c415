//! Quotes names of tables and columns as SQL identifiers. No other module turns names into SQL.

/// Quotes a table name of a spec, with its schema if it has one.
pub(crate) fn table(table: &str) -> String {
    match parts(table) {
        (Some(schema), table) => in_schema(schema, table),
        (None, table) => name(table),
    }
}

/// Splits a table name of a spec at the last dot into schema and table; the schema is `None` if
/// there is no dot.
pub(crate) fn parts(table: &str) -> (Option<&str>, &str) {
    table.rsplit_once('.').map_or((None, table), |(schema, table)| (Some(schema), table))
}

/// Quotes a table name and a schema name, both as the server's catalog has them.
pub(crate) fn in_schema(schema: &str, table: &str) -> String {
    format!("{}.{}", name(schema), name(table))
}

/// Quotes the name of a column, role, function or schema. A dot is a part of the name.
pub(crate) fn name(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dot_separates_the_schema_in_a_table_name_only() {
        assert_eq!(table("public.trace_spans"), r#""public"."trace_spans""#);
        assert_eq!(name("span.status"), r#""span.status""#);
        assert_eq!(table("my.app.spans"), r#""my.app"."spans""#);
        assert_eq!(in_schema("my.app", "a.b"), r#""my.app"."a.b""#);
        assert_eq!(table(r#"a"; drop table b; --"#), r#""a""; drop table b; --""#);
    }
}
