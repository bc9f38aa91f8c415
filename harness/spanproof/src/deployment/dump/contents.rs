//! What a dump contains: its tables, its databases, and signs that a part of it is missing.

use super::relation::Relation;
use crate::identifier::TableName;

/// Maximum number of bytes of a line; a longer line is read in pieces.
pub(super) const MAX_LINE_BYTES: u64 = 64 * 1024 * 1024;

/// What a dump contains.
#[derive(Debug, Default)]
pub(super) struct Contents {
    /// The tables in the order of their definitions.
    pub(super) relations: Vec<Relation>,
    /// The names of the databases, with [`Relation::database`] as the index; empty if the dump names none.
    /// The first database has no name.
    pub(super) databases: Vec<String>,
    /// Why the dump is certainly truncated, for a message; `None` if it is not.
    pub(super) cut_off: Option<String>,
    /// The table that may lack rows: the dump lacks the comment at its end, and its last statements are
    /// `INSERT` statements into this table. `None` if there is no such table.
    pub(super) may_lack_rows: Option<TableName>,
    /// Whether the dump was made with `row_security = on`, so that policies decided which rows it contains.
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
    fn a_table_has_the_schema_of_the_search_path_and_the_number_of_its_database() {
        let dump = "SET search_path = app, pg_catalog;\nCREATE TABLE jobs (\n);\n\
                    \\connect other\nCREATE TABLE jobs (\n);\n";
        let contents = Contents::read(dump.as_bytes()).unwrap();
        let found: Vec<_> =
            contents.relations.iter().map(|one| (one.name.to_string(), one.database)).collect();
        assert_eq!(found, [("app.jobs".to_owned(), 0), ("jobs".to_owned(), 1)]);
    }

    #[test]
    fn a_dump_that_ends_inside_rows_is_cut_off() {
        for dump in ["COPY public.jobs (id) FROM stdin;\n1\n", "INSERT INTO public.jobs VALUES (1,"]
        {
            let contents = Contents::read(dump.as_bytes()).unwrap();
            assert!(contents.cut_off.unwrap().ends_with("the rows of `public.jobs`"));
        }
    }
}
