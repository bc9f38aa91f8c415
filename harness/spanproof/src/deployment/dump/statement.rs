//! The statements of a dump that matter here, by their first line.

use crate::identifier::{self, TableName};

/// The first line of a statement.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Statement {
    /// `\connect`: the following statements are about this database.
    Connect(String),
    /// `SET search_path`: the schema of the following names without a schema; `None` if there is none.
    SearchPath(Option<String>),
    /// `CREATE TABLE`, and what follows the name on the line.
    Create(TableName, String),
    /// `ALTER TABLE … ATTACH PARTITION`: the table, and its new partition.
    Attach(TableName, TableName),
    /// `COPY … FROM stdin`, with the columns; `None` for all columns of the table.
    Copy(TableName, Option<Vec<String>>),
    /// `INSERT INTO`.
    Insert(TableName),
    /// The comment that `pg_dump` writes before the rows of a table: the schema and the table.
    Data(TableName),
    /// The start of a text in dollar quotes that ends on another line: its tag with the dollars.
    Quoted(String),
    /// Another line.
    Other,
}

impl Statement {
    /// Parses the first line of a statement.
    pub(super) fn parse(line: &str) -> Self {
        Self::parse_known(line).unwrap_or_else(|| match open_dollar_quote(line) {
            Some(tag) => Self::Quoted(tag),
            None => Self::Other,
        })
    }

    fn parse_known(line: &str) -> Option<Self> {
        if let Some(rest) = line.strip_prefix("COPY ") {
            let (table, rest) = TableName::from_sql(rest)?;
            let (columns, rest) = match rest.strip_prefix(" (").map(column_list) {
                Some(list) => list.map(|(columns, rest)| (Some(columns), rest))?,
                None => (None, rest),
            };
            let is_from_stdin = rest.get(..11)?.eq_ignore_ascii_case(" FROM stdin");
            return is_from_stdin.then_some(Self::Copy(table, columns));
        }
        if let Some(rest) = line.strip_prefix("INSERT INTO ") {
            return Some(Self::Insert(TableName::from_sql(rest)?.0));
        }
        if let Some(rest) = line.strip_prefix("CREATE ") {
            let kinds = ["TABLE ", "UNLOGGED TABLE ", "FOREIGN TABLE "];
            let rest = kinds.iter().find_map(|kind| rest.strip_prefix(kind))?;
            let rest = rest.strip_prefix("IF NOT EXISTS ").unwrap_or(rest);
            let (table, rest) = TableName::from_sql(rest)?;
            return Some(Self::Create(table, rest.to_owned()));
        }
        if let Some(rest) = line.strip_prefix("ALTER TABLE ") {
            let (table, rest) = TableName::from_sql(rest.strip_prefix("ONLY ").unwrap_or(rest))?;
            let (part, _) = TableName::from_sql(rest.strip_prefix(" ATTACH PARTITION ")?)?;
            return Some(Self::Attach(table, part));
        }
        if let Some(rest) = line.strip_prefix("SET search_path = ") {
            let first = identifier::from_sql(rest).map(|(name, _)| name);
            return Some(Self::SearchPath(first.filter(|name| !name.starts_with("pg_"))));
        }
        if line.starts_with("SELECT pg_catalog.set_config('search_path', ''") {
            return Some(Self::SearchPath(None));
        }
        if let Some(rest) = line.strip_prefix("-- Data for Name: ") {
            let (name, rest) = rest.split_once("; Type: TABLE DATA; Schema: ")?;
            let (schema, _) = rest.split_once("; Owner:")?;
            let schema = (schema != "-").then(|| schema.to_owned());
            return Some(Self::Data(TableName { schema, name: name.to_owned() }));
        }
        line.strip_prefix("\\connect ").map(|rest| Self::Connect(database_name(rest)))
    }
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

/// Parses `a, "b c")` and returns the SQL after the bracket.
pub(super) fn column_list(mut sql: &str) -> Option<(Vec<String>, &str)> {
    let mut columns = Vec::new();
    loop {
        let (column, after) = identifier::from_sql(sql)?;
        columns.push(column);
        match after.strip_prefix(", ") {
            Some(after) => sql = after,
            None => return Some((columns, after.strip_prefix(')')?)),
        }
    }
}

/// The lines of an `INSERT` statement up to its end.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct InsertLines {
    /// Whether a text in quotes is open.
    is_open: bool,
}

impl InsertLines {
    /// Takes the next line. Returns whether the statement ends with it.
    pub(super) fn ends_with(&mut self, line: &[u8]) -> bool {
        // A quote inside of a text is written twice, so only the number of quotes matters.
        self.is_open ^= memchr::memchr_iter(b'\'', line).count() % 2 == 1;
        !self.is_open && line.trim_ascii_end().ends_with(b";")
    }
}

/// Returns the tag of a dollar quote that the line opens and does not close, such as `$$` or `$_$`.
fn open_dollar_quote(line: &str) -> Option<String> {
    let mut rest = line;
    loop {
        let from = rest.find('$')?;
        let tagged = &rest[from..];
        let length = tagged[1..].find(|c: char| !(c.is_alphanumeric() || c == '_'));
        let end = length.map_or(tagged.len(), |length| length + 1);
        if !tagged[end..].starts_with('$') {
            rest = &tagged[1..];
            continue;
        }
        let tag = &tagged[..=end];
        match tagged[tag.len()..].find(tag) {
            Some(close) => rest = &tagged[2 * tag.len() + close..],
            None => return Some(tag.to_owned()),
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
    #[case::copy_to("COPY jobs TO stdout;", Statement::Other)]
    #[case::insert(
        "INSERT INTO public.jobs VALUES (1);",
        Statement::Insert(table("public", "jobs"))
    )]
    #[case::create("CREATE UNLOGGED TABLE a.b (", Statement::Create(table("a", "b"), " (".into()))]
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
    #[case::body("    AS $_$", Statement::Quoted("$_$".into()))]
    #[case::closed("AS $$ select 1 $$; -- costs 5$", Statement::Other)]
    fn the_first_line_of_a_statement_is_recognised(
        #[case] line: &str,
        #[case] expected: Statement,
    ) {
        assert_eq!(Statement::parse(line), expected);
    }
}
