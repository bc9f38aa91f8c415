//! Recognises, by their first line, the statements of a dump that define tables or contain rows.

use crate::identifier::{self, TableName};

/// The first line of a statement.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Statement {
    /// `\connect`: the following statements are about this database.
    Connect(String),
    /// `SET search_path`: the schema of the following names without a schema; `None` if there is none.
    SearchPath(Option<String>),
    /// `SET standard_conforming_strings`: `true` for `off`, so that a backslash is an escape in every string.
    Escapes(bool),
    /// `SET row_security`: `true` for `on`, so that the dump has only the rows that the policies show to the
    /// role.
    RowSecurity(bool),
    /// `CREATE TABLE`.
    Create(TableName),
    /// `CREATE VIEW` or `CREATE MATERIALIZED VIEW`.
    View(TableName),
    /// `ALTER TABLE … ENABLE ROW LEVEL SECURITY`.
    Policies(TableName),
    /// `ALTER TABLE … ATTACH PARTITION`: the table, and its new partition.
    Attach(TableName, TableName),
    /// `COPY … FROM stdin`, with the columns; `None` for all columns of the table.
    Copy(TableName, Option<Vec<String>>),
    /// `COPY … FROM stdin` in a format that `pg_dump` does not write, with its options.
    OtherCopy(TableName, String),
    /// `INSERT INTO`.
    Insert(TableName),
    /// The comment that `pg_dump` writes before the rows of a table: the schema and the table.
    Data(TableName),
    /// The comment at the start of a dump.
    Start(Scope),
    /// The comment at the end of a dump.
    End(Scope),
    /// Another line.
    Other,
}

/// What a dump contains.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    /// One database.
    Database,
    /// All databases of a server, as `pg_dumpall` writes them.
    Cluster,
}

impl Statement {
    /// Parses the first line of a statement.
    pub(super) fn parse(line: &str) -> Self {
        Self::parse_comment(line).or_else(|| Self::parse_sql(line)).unwrap_or(Self::Other)
    }

    fn parse_comment(line: &str) -> Option<Self> {
        if let Some(rest) = line.strip_prefix("-- PostgreSQL database ") {
            return match rest.trim_end() {
                "dump" => Some(Self::Start(Scope::Database)),
                "dump complete" => Some(Self::End(Scope::Database)),
                "cluster dump" => Some(Self::Start(Scope::Cluster)),
                "cluster dump complete" => Some(Self::End(Scope::Cluster)),
                _ => None,
            };
        }
        let rest = line.strip_prefix("-- Data for Name: ")?;
        let (name, rest) = rest.split_once("; Type: TABLE DATA; Schema: ")?;
        let (schema, _) = rest.split_once("; Owner:")?;
        let schema = (schema != "-").then(|| schema.to_owned());
        Some(Self::Data(TableName { schema, name: name.to_owned() }))
    }

    fn parse_sql(line: &str) -> Option<Self> {
        if let Some(rest) = after(line, "copy ") {
            let (table, rest) = TableName::from_sql(rest)?;
            let (columns, rest) = match rest.trim_start().strip_prefix('(').map(column_list) {
                Some(list) => list.map(|(columns, rest)| (Some(columns), rest))?,
                None => (None, rest),
            };
            let options = after(rest, " from stdin")?.trim().trim_end_matches(';').trim();
            return Some(if is_text_format(options) {
                Self::Copy(table, columns)
            } else {
                Self::OtherCopy(table, options.to_owned())
            });
        }
        if let Some((table, _)) = insert_target(line) {
            return Some(Self::Insert(table));
        }
        if let Some((table, _)) = create_target(line) {
            return Some(Self::Create(table));
        }
        if let Some(view) = view_target(line) {
            return Some(Self::View(view));
        }
        if let Some(rest) = after(line, "alter table ") {
            let (table, rest) = TableName::from_sql(after(rest, "only ").unwrap_or(rest))?;
            if after(rest, " enable row level security").is_some() {
                return Some(Self::Policies(table));
            }
            let (part, _) = TableName::from_sql(after(rest, " attach partition ")?)?;
            return Some(Self::Attach(table, part));
        }
        if let Some(rest) = after(line, "set search_path = ") {
            let first = identifier::from_sql(rest).map(|(name, _)| name);
            return Some(Self::SearchPath(first.filter(|name| !name.starts_with("pg_"))));
        }
        if let Some(rest) = after(line, "set standard_conforming_strings = ") {
            return Some(Self::Escapes(after(rest, "off").is_some()));
        }
        if let Some(rest) = after(line, "set row_security = ") {
            return Some(Self::RowSecurity(after(rest, "on").is_some()));
        }
        if line.starts_with("SELECT pg_catalog.set_config('search_path', ''") {
            return Some(Self::SearchPath(None));
        }
        line.strip_prefix("\\connect ").map(|rest| Self::Connect(database_name(rest)))
    }
}

/// Returns the text after `words`, which must be in lower case; `None` if the text does not start with them.
/// In the text, they may be in capitals.
pub(super) fn after<'a>(text: &'a str, words: &str) -> Option<&'a str> {
    let start = text.get(..words.len())?;
    start.eq_ignore_ascii_case(words).then(|| &text[words.len()..])
}

/// Returns the table of an `INSERT` statement, and the SQL after its name; `None` for another statement.
pub(super) fn insert_target(sql: &str) -> Option<(TableName, &str)> {
    TableName::from_sql(after(sql, "insert into ")?)
}

/// Returns the table of a `CREATE TABLE` statement, and the SQL after its name; `None` for another statement.
pub(super) fn create_target(sql: &str) -> Option<(TableName, &str)> {
    let rest = after(sql, "create ")?;
    let kinds = ["table ", "unlogged table ", "foreign table "];
    let rest = kinds.iter().find_map(|kind| after(rest, kind))?;
    TableName::from_sql(after(rest, "if not exists ").unwrap_or(rest))
}

/// Returns the name in a `CREATE VIEW` statement; `None` for another statement.
fn view_target(sql: &str) -> Option<TableName> {
    let rest = after(sql, "create ")?;
    let rest = after(rest, "or replace ").unwrap_or(rest);
    let kinds = ["view ", "materialized view ", "recursive view "];
    let rest = kinds.iter().find_map(|kind| after(rest, kind))?;
    Some(TableName::from_sql(after(rest, "if not exists ").unwrap_or(rest))?.0)
}

/// Whether rows of `COPY` with these options are written as `pg_dump` writes them.
fn is_text_format(options: &str) -> bool {
    let words: String = options.to_ascii_lowercase().replace(['(', ')', ','], " ");
    let words: Vec<_> = words.split_whitespace().filter(|word| *word != "with").collect();
    matches!(words.as_slice(), [] | ["format", "text" | "'text'"])
}

/// Returns the database that `\connect` names: `app`, `"My App"` or `-reuse-previous=on "dbname='app'"`.
fn database_name(arguments: &str) -> String {
    let name = match arguments.split_once("dbname='") {
        Some((_, name)) => {
            name.rsplit_once('\'').map_or(name, |(name, _)| name).replace("\\'", "'")
        }
        None => arguments.trim().trim_matches('"').replace("\"\"", "\""),
    };
    name.trim().to_owned()
}

/// Parses a list of columns such as `a, "b c")`. Returns the columns and the SQL after the closing bracket.
pub(super) fn column_list(mut sql: &str) -> Option<(Vec<String>, &str)> {
    let mut columns = Vec::new();
    loop {
        let (column, after) = identifier::from_sql(sql.trim_start())?;
        columns.push(column);
        let after = after.trim_start();
        match after.strip_prefix(',') {
            Some(after) => sql = after,
            None => return Some((columns, after.strip_prefix(')')?)),
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn table(schema: &str, name: &str) -> TableName {
        let schema = (!schema.is_empty()).then(|| schema.to_owned());
        TableName { schema, name: name.to_owned() }
    }

    #[rstest]
    #[case::copy("COPY public.jobs (id, \"a b\") FROM stdin;", Statement::Copy(table("public", "jobs"), Some(vec!["id".into(), "a b".into()])))]
    #[case::copy_all("COPY jobs FROM stdin;", Statement::Copy(table("", "jobs"), None))]
    #[case::copy_text(
        "COPY jobs FROM stdin WITH (FORMAT text);",
        Statement::Copy(table("", "jobs"), None)
    )]
    #[case::copy_csv(
        "COPY jobs (id) FROM stdin WITH (FORMAT csv, HEADER);",
        Statement::OtherCopy(table("", "jobs"), "WITH (FORMAT csv, HEADER)".into())
    )]
    #[case::copy_old_csv(
        "copy jobs from stdin csv;",
        Statement::OtherCopy(table("", "jobs"), "csv".into())
    )]
    #[case::copy_binary(
        "COPY jobs FROM STDIN WITH BINARY;",
        Statement::OtherCopy(table("", "jobs"), "WITH BINARY".into())
    )]
    #[case::copy_delimiter(
        "COPY jobs FROM stdin DELIMITER ',';",
        Statement::OtherCopy(table("", "jobs"), "DELIMITER ','".into())
    )]
    #[case::view("CREATE OR REPLACE VIEW a.b AS", Statement::View(table("a", "b")))]
    #[case::materialized("CREATE MATERIALIZED VIEW a.b AS", Statement::View(table("a", "b")))]
    #[case::copy_to("COPY jobs TO stdout;", Statement::Other)]
    #[case::insert(
        "INSERT INTO public.jobs VALUES (1);",
        Statement::Insert(table("public", "jobs"))
    )]
    #[case::create("CREATE UNLOGGED TABLE a.b (", Statement::Create(table("a", "b")))]
    #[case::lower_case("create table if not exists a.b", Statement::Create(table("a", "b")))]
    #[case::lower_case_insert("insert into jobs(id)", Statement::Insert(table("", "jobs")))]
    #[case::policies(
        "ALTER TABLE a.b ENABLE ROW LEVEL SECURITY;",
        Statement::Policies(table("a", "b"))
    )]
    #[case::start("-- PostgreSQL database dump", Statement::Start(Scope::Database))]
    #[case::end("-- PostgreSQL database cluster dump complete", Statement::End(Scope::Cluster))]
    #[case::attach(
        "ALTER TABLE ONLY a.b ATTACH PARTITION a.c DEFAULT;",
        Statement::Attach(table("a", "b"), table("a", "c"))
    )]
    #[case::alter("ALTER TABLE ONLY a.b ADD CONSTRAINT c PRIMARY KEY (id);", Statement::Other)]
    #[case::data(
        "-- Data for Name: jobs; Type: TABLE DATA; Schema: public; Owner: -",
        Statement::Data(table("public", "jobs"))
    )]
    #[case::path("SET search_path = app, pg_catalog;", Statement::SearchPath(Some("app".into())))]
    #[case::no_path(
        "SELECT pg_catalog.set_config('search_path', '', false);",
        Statement::SearchPath(None)
    )]
    #[case::connect(
        "\\connect -reuse-previous=on \"dbname='my app'\"",
        Statement::Connect("my app".into())
    )]
    #[case::connect_plain("\\connect app", Statement::Connect("app".into()))]
    #[case::connect_quoted("\\connect \"App\"", Statement::Connect("App".into()))]
    #[case::restrict("\\restrict abc", Statement::Other)]
    fn the_first_line_of_a_statement_is_recognised(
        #[case] line: &str,
        #[case] expected: Statement,
    ) {
        assert_eq!(Statement::parse(line), expected);
    }
}
