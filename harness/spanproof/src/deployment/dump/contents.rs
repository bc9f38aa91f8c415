//! Finds the tables of a dump, and where their rows are, without reading the rows.

use std::io::{self, BufRead, Read as _};

use super::relation::{Form, Relation, Section};
use super::statement::{InsertLines, Statement};
use crate::identifier::{self, TableName};

/// Maximum number of bytes of a line; a longer line is read in pieces.
pub(super) const MAX_LINE_BYTES: u64 = 64 * 1024 * 1024;

/// The tables of a dump.
#[derive(Debug, Default)]
pub(super) struct Contents {
    /// The tables in the order of their definitions.
    pub(super) relations: Vec<Relation>,
    /// The names of the databases, by the number that each table has. The first one has no name.
    pub(super) databases: Vec<String>,
    /// The table whose rows the dump ends in the middle of; `None` if the dump is whole.
    pub(super) cut_off: Option<TableName>,
}

/// The part of the dump that contains the next line.
#[derive(Debug, Default)]
enum Position {
    /// Between statements.
    #[default]
    TopLevel,
    /// In the definition of the table with this index.
    Definition(usize),
    /// After the columns of the table with this index.
    Options(usize),
    /// In the rows of the table with this index.
    Rows(usize),
    /// In an `INSERT` statement into the table with this index.
    Insert(usize, InsertLines),
    /// In a text in dollar quotes, with its tag.
    Quoted(String),
}

/// Reads a dump line by line.
#[derive(Debug, Default)]
struct Scanner {
    contents: Contents,
    position: Position,
    database: usize,
    search_path: Option<String>,
}

/// Where a line is.
#[derive(Debug, Clone, Copy)]
struct Place {
    /// The offset of its first byte.
    start: u64,
    /// The offset after its last byte.
    end: u64,
    /// Its number, from 1.
    number: u64,
}

impl Contents {
    /// Reads a dump from its start.
    pub(super) fn read(mut reader: impl BufRead) -> io::Result<Self> {
        let mut scanner = Scanner::default();
        let (mut line, mut place) = (Vec::new(), Place { start: 0, end: 0, number: 0 });
        loop {
            line.clear();
            let read = reader.by_ref().take(MAX_LINE_BYTES).read_until(b'\n', &mut line)?;
            if read == 0 {
                break;
            }
            place =
                Place { start: place.end, end: place.end + read as u64, number: place.number + 1 };
            scanner.read_line(&line, place);
        }
        let Scanner { mut contents, position, .. } = scanner;
        if let Position::Rows(index) | Position::Insert(index, _) = position {
            contents.cut_off = Some(contents.relations[index].name.clone());
        }
        Ok(contents)
    }
}

impl Scanner {
    fn read_line(&mut self, line: &[u8], place: Place) {
        let line = trim_end(line);
        match &self.position {
            Position::Rows(_) => {
                if line == b"\\." {
                    self.position = Position::TopLevel;
                }
            }
            Position::Insert(index, lines) => self.read_insert(*index, *lines, line, place),
            _ if line.is_empty() => {}
            _ => self.read_text(&String::from_utf8_lossy(line), line, place),
        }
    }

    /// Handles a line that is not among rows.
    fn read_text(&mut self, text: &str, line: &[u8], place: Place) {
        match &self.position {
            Position::Definition(index) => self.read_definition(*index, text),
            Position::Options(index) => {
                let index = *index;
                // A definition that a person wrote may end without a semicolon at the end of a line.
                if matches!(Statement::parse(text), Statement::Other) {
                    self.read_options(index, text);
                } else {
                    self.read_statement(text, line, place);
                }
            }
            Position::Quoted(tag) if text.contains(tag.as_str()) => {
                self.position = Position::TopLevel;
            }
            Position::Quoted(_) => {}
            _ => self.read_statement(text, line, place),
        }
    }

    fn read_statement(&mut self, text: &str, line: &[u8], place: Place) {
        self.position = Position::TopLevel;
        match Statement::parse(text) {
            Statement::Connect(name) => self.connect(name),
            Statement::SearchPath(schema) => self.search_path = schema,
            Statement::Create(name, rest) => {
                let name = self.qualified(name);
                let mut relation = Relation::new(name, self.database);
                if let Some(parent) = rest.strip_prefix(" PARTITION OF ") {
                    let parent = TableName::from_sql(parent).map(|(parent, _)| parent);
                    relation.parent = parent.map(|parent| self.qualified(parent));
                }
                self.contents.relations.push(relation);
                let index = self.contents.relations.len() - 1;
                self.position = match rest.as_str() {
                    rest if rest.ends_with(';') => Position::TopLevel,
                    rest if rest.ends_with('(') => Position::Definition(index),
                    _ => Position::Options(index),
                };
            }
            Statement::Attach(parent, part) => {
                let (parent, part) = (self.qualified(parent), self.qualified(part));
                let index = self.index(part);
                self.contents.relations[index].parent = Some(parent);
            }
            Statement::Copy(name, columns) => {
                let index = self.index(name);
                let relation = &mut self.contents.relations[index];
                relation.has_data = true;
                let form = Form::Copy(columns.unwrap_or_else(|| relation.column_names()));
                let section = Section { offset: place.end, line: place.number + 1, form };
                relation.sections.push(section);
                self.position = Position::Rows(index);
            }
            Statement::Insert(name) => {
                let index = self.index(name);
                let relation = &mut self.contents.relations[index];
                relation.has_data = true;
                let continues = relation.sections.last_mut().is_some_and(
                    |section| matches!(section.form, Form::Inserts(end) if end == place.start),
                );
                if !continues {
                    let form = Form::Inserts(place.end);
                    let section = Section { offset: place.start, line: place.number, form };
                    relation.sections.push(section);
                }
                self.read_insert(index, InsertLines::default(), line, place);
            }
            Statement::Data(name) => {
                let index = self.index(name);
                self.contents.relations[index].has_data = true;
            }
            Statement::Quoted(tag) => self.position = Position::Quoted(tag),
            Statement::Other => {}
        }
    }

    /// Begins another database.
    fn connect(&mut self, name: String) {
        let names = &mut self.contents.databases;
        if names.is_empty() {
            names.push(String::new());
        }
        names.push(name);
        self.database = names.len() - 1;
        self.search_path = None;
    }

    /// Handles a line of an `INSERT` statement. `lines` are those before it.
    fn read_insert(&mut self, index: usize, lines: InsertLines, line: &[u8], place: Place) {
        if let Some(section) = self.contents.relations[index].sections.last_mut() {
            section.form = Form::Inserts(place.end);
        }
        let mut lines = lines;
        let ends = lines.ends_with(line);
        self.position = if ends { Position::TopLevel } else { Position::Insert(index, lines) };
    }

    /// Handles a line between the brackets of `CREATE TABLE`.
    fn read_definition(&mut self, index: usize, text: &str) {
        if text.starts_with(')') {
            return self.read_options(index, text);
        }
        let column = identifier::from_sql(text.trim().trim_end_matches(','));
        self.contents.relations[index]
            .columns
            .extend(column.map(|(name, sql_type)| (name, sql_type.trim_start().to_owned())));
    }

    /// Handles what follows the columns of `CREATE TABLE`.
    fn read_options(&mut self, index: usize, text: &str) {
        if text.contains("PARTITION BY ") {
            self.contents.relations[index].is_partitioned = true;
        }
        if let Some((_, parents)) = text.split_once("INHERITS (") {
            let parent = TableName::from_sql(parents).map(|(parent, _)| self.qualified(parent));
            self.contents.relations[index].parent = parent;
        }
        self.position =
            if text.ends_with(';') { Position::TopLevel } else { Position::Options(index) };
    }

    /// Returns a name with the schema of the search path if it has none of its own.
    fn qualified(&self, name: TableName) -> TableName {
        let schema = name.schema.or_else(|| self.search_path.clone());
        TableName { schema, ..name }
    }

    /// Returns the index of a table. A table that the dump does not define gets no columns.
    fn index(&mut self, name: TableName) -> usize {
        let name = self.qualified(name);
        let all = &mut self.contents.relations;
        let is_it = |one: &Relation| one.database == self.database && one.name == name;
        all.iter().rposition(is_it).unwrap_or_else(|| {
            all.push(Relation::new(name.clone(), self.database));
            all.len() - 1
        })
    }
}

/// Returns a line without its end.
pub(super) fn trim_end(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use super::*;

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
            assert_eq!(contents.cut_off.unwrap().to_string(), "public.jobs");
        }
    }
}
