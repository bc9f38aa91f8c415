//! Names of tables and columns as SQL identifiers: the one place where a name becomes SQL.

/// A table's name; what stands before a dot is its schema.
pub(crate) fn table(name: &str) -> String {
    let parts: Vec<_> = name.split('.').map(column).collect();
    parts.join(".")
}

/// The name of a column, a role or a function; a dot in it is a part of the name.
pub(crate) fn column(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dot_is_a_schema_in_a_table_and_nothing_in_a_column() {
        assert_eq!(table("public.trace_spans"), r#""public"."trace_spans""#);
        assert_eq!(column("span.status"), r#""span.status""#);
        assert_eq!(table(r#"a"; drop table b; --"#), r#""a""; drop table b; --""#);
    }
}
