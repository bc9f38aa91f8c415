//! The tables of a dump, and where their rows are.

use super::relation::Relation;
use crate::identifier::TableName;

/// Maximum number of bytes of a line; a longer line is read in pieces.
pub(super) const MAX_LINE_BYTES: u64 = 64 * 1024 * 1024;

/// The tables of a dump.
#[derive(Debug, Default)]
pub(super) struct Contents {
    /// The tables in the order of their definitions.
    pub(super) relations: Vec<Relation>,
    /// The names of the databases, by the number that each table has. The first one has no name.
    pub(super) databases: Vec<String>,
    /// How the dump ends too early; `None` if it is complete.
    pub(super) cut_off: Option<String>,
    /// The table that may have lost rows: the dump has no end, and its last statements are `INSERT`
    /// statements into this table. `None` if there is no such table.
    pub(super) may_go_on: Option<TableName>,
    /// Whether the dump was made with row security: then policies decided which rows it contains.
    pub(super) has_row_security: bool,
}

/// Returns a line without its line ending.
pub(super) fn trim_end(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deployment::dump::relation::{Form, Section};

    const DUMP: &str = "CREATE FUNCTION public.f() RETURNS void LANGUAGE plpgsql AS $_$
begin
INSERT INTO public.no VALUES (1);
end $_$;
CREATE TABLE public.spans (
    id bigint NOT NULL,
    at timestamp with time zone
)
PARTITION BY RANGE (at);
CREATE TABLE public.spans_1 (
    id bigint NOT NULL,
    at timestamp with time zone
);
CREATE TABLE public.old_spans (
)
INHERITS (public.spans);
ALTER TABLE ONLY public.spans ATTACH PARTITION public.spans_1 DEFAULT;
COPY public.spans_1 (id, at) FROM stdin;
1\tnow
INSERT INTO public.no VALUES (1);
\\.
INSERT INTO public.jobs VALUES (1, 'a
;');
INSERT INTO public.jobs (id, name) VALUES
\t(2, 'it''s;'),
\t(3, NULL);
";

    #[test]
    fn tables_and_their_rows_are_found() {
        let contents = Contents::read(DUMP.as_bytes()).unwrap();
        assert!(contents.cut_off.is_none());
        let names: Vec<_> = contents.relations.iter().map(|one| one.name.to_string()).collect();
        assert_eq!(names, ["public.spans", "public.spans_1", "public.old_spans", "public.jobs"]);
        let [spans, partition, child, jobs] = &contents.relations[..] else { panic!() };
        assert!(spans.is_partitioned && !spans.has_data && !child.has_data);
        assert_eq!(spans.column_names(), ["id", "at"]);
        let parents = [partition, child].map(|one| one.parent.as_ref().unwrap().to_string());
        assert_eq!(parents, ["public.spans", "public.spans"]);
        let at = |section: &Section| DUMP[usize::try_from(section.offset).unwrap()..].to_owned();
        assert!(at(&partition.sections[0]).starts_with("1\tnow\n"));
        let [inserts] = &jobs.sections[..] else { panic!("{jobs:?}") };
        assert!(at(inserts).starts_with("INSERT INTO public.jobs VALUES (1"));
        assert!(matches!(inserts.form, Form::Inserts(end) if end == DUMP.len() as u64));
    }

    #[test]
    fn the_search_path_and_the_database_belong_to_the_name() {
        let dump = "SET search_path = app, pg_catalog;\nCREATE TABLE jobs (\n);\n\
                    \\connect other\nCREATE TABLE jobs (\n);\n";
        let contents = Contents::read(dump.as_bytes()).unwrap();
        let found: Vec<_> =
            contents.relations.iter().map(|one| (one.name.to_string(), one.database)).collect();
        assert_eq!(found, [("app.jobs".to_owned(), 0), ("jobs".to_owned(), 1)]);
    }

    #[test]
    fn a_dump_may_end_too_early() {
        for dump in ["COPY public.jobs (id) FROM stdin;\n1\n", "INSERT INTO public.jobs VALUES (1,"]
        {
            let contents = Contents::read(dump.as_bytes()).unwrap();
            assert!(contents.cut_off.unwrap().ends_with("the rows of `public.jobs`"));
        }
    }
}
