//! Names of tables and columns as SQL identifiers: the one place where a name becomes SQL.

/// A table as a spec names it, as SQL.
pub(crate) fn table(table: &str) -> String {
    match parts(table) {
        (Some(schema), table) => in_schema(schema, table),
        (None, table) => name(table),
    }
}

/// The schema and the name of a table as a spec names it; what stands before the last dot is the
/// schema, `None` if there is no dot.
pub(crate) fn parts(table: &str) -> (Option<&str>, &str) {
    table.rsplit_once('.').map_or((None, table), |(schema, table)| (Some(schema), table))
}

/// A table in a schema, both as the server names them.
pub(crate) fn in_schema(schema: &str, table: &str) -> String {
    format!("{}.{}", name(schema), name(table))
}

/// One name: of a column, a role, a function or a schema. A dot in it is a part of the name.
pub(crate) fn name(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dot_is_a_schema_in_a_table_and_nothing_in_a_column() {
        assert_eq!(table("public.trace_spans"), r#""public"."trace_spans""#);
        assert_eq!(name("span.status"), r#""span.status""#);
        assert_eq!(table("my.app.spans"), r#""my.app"."spans""#);
        assert_eq!(in_schema("my.app", "a.b"), r#""my.app"."a.b""#);
        assert_eq!(table(r#"a"; drop table b; --"#), r#""a""; drop table b; --""#);
    }
}
