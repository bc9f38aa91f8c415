//! Finds the tables of a dump, and where their rows are, line by line, without reading the rows.

use std::io::{self, BufRead, Read as _};

use super::contents::{Contents, MAX_LINE_BYTES, trim_end};
use super::definition::Definition;
use super::lexer::Lexer;
use super::relation::{Form, Relation, Section, Unreadable};
use super::statement::{Scope, Statement, after, create_target};
use crate::identifier::TableName;

/// Maximum number of bytes of the definition of a table.
const MAX_DEFINITION_BYTES: usize = 4 * 1024 * 1024;

/// The part of the dump that contains the next line.
#[derive(Debug, Default)]
enum Position {
    /// Between statements, or in a statement that is not needed.
    #[default]
    Other,
    /// In the definition of the table with this index, with its text so far.
    Definition(usize, String),
    /// In the rows of the table with this index.
    Rows(usize),
    /// In an `INSERT` statement into the table with this index.
    Insert(usize),
    /// In the body of a function whose statements are not in quotes.
    Body,
}

/// Reads a dump line by line.
#[derive(Debug, Default)]
struct Scanner {
    contents: Contents,
    position: Position,
    lexer: Lexer,
    database: usize,
    search_path: Option<String>,
    /// The dumps whose start comment was read, and whose end comment was not.
    open: Vec<Scope>,
    /// The last statement that has to do with rows.
    last: Last,
    /// If the next line is inside a quote or comment, the number of the line that opened it.
    opening_line: u64,
    /// Whether the next piece continues a line that is longer than [`MAX_LINE_BYTES`].
    is_in_line: bool,
}

/// The last statement of a dump that has to do with rows.
#[derive(Debug, Clone, Copy, Default)]
enum Last {
    /// The comment that `pg_dump` writes before the rows of a table.
    Data,
    /// An `INSERT` into the table with this index.
    Insert(usize),
    #[default]
    Other,
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
                return Ok(scanner.finish());
            }
            place =
                Place { start: place.end, end: place.end + read as u64, number: place.number + 1 };
            scanner.read_line(&line, place);
        }
    }
}

impl Scanner {
    /// Reads the next line, or the next piece of a long one.
    fn read_line(&mut self, line: &[u8], place: Place) {
        let is_start = !std::mem::replace(&mut self.is_in_line, !line.ends_with(b"\n"));
        let trimmed = trim_end(line);
        if matches!(self.position, Position::Rows(_)) {
            if is_start && trimmed == b"\\." {
                self.position = Position::Other;
            }
            return;
        }
        if is_start && self.lexer.is_code() && !trimmed.is_empty() {
            self.read_start(&String::from_utf8_lossy(trimmed), place);
            // A command of psql is no SQL.
            if matches!(self.position, Position::Rows(_)) || trimmed.starts_with(b"\\") {
                return;
            }
        }
        let was_code = self.lexer.is_code();
        self.lexer.read(line);
        if was_code && !self.lexer.is_code() {
            self.opening_line = place.number;
        }
        self.read_rest(line, place);
    }

    /// Returns what was found, after the last line.
    fn finish(mut self) -> Contents {
        let name = |index: usize| &self.contents.relations[index].name;
        let cut_off = match &self.position {
            // If the rows are not in the format of `pg_dump`, the line that ends them may be missing.
            Position::Rows(index) if self.contents.relations[*index].unreadable.is_some() => None,
            Position::Rows(index) | Position::Insert(index) => {
                Some(format!("it ends in the middle of the rows of `{}`", name(*index)))
            }
            Position::Definition(index, _) => {
                Some(format!("it ends in the middle of the definition of `{}`", name(*index)))
            }
            _ if !self.lexer.is_code() => Some(format!(
                "it ends inside of the quotes or comment that line {} opens",
                self.opening_line
            )),
            _ => self.truncation(),
        };
        self.contents.cut_off = self.contents.cut_off.or(cut_off);
        self.contents
    }

    /// Returns why a dump without an end comment is certainly truncated; `None` if this is not certain.
    /// People cut excerpts out of dumps, so it is certain only if the dump ends where the rows of a table
    /// must follow.
    fn truncation(&mut self) -> Option<String> {
        match self.last {
            _ if self.open.is_empty() => None,
            Last::Data => Some(NO_END.to_owned()),
            Last::Insert(index) => {
                self.contents.may_lack_rows = Some(self.contents.relations[index].name.clone());
                None
            }
            Last::Other => None,
        }
    }

    /// Handles the start of a line that is outside of quotes, comments and rows of `COPY`.
    fn read_start(&mut self, text: &str, place: Place) {
        match &self.position {
            Position::Insert(_) => return,
            Position::Body => {
                if after(text, "end").is_some() {
                    self.position = Position::Other;
                }
                return;
            }
            _ => {}
        }
        // An indented line inside another statement does not begin a new one.
        let text = if self.lexer.is_between_statements() { text.trim_start() } else { text };
        let statement = Statement::parse(text);
        if matches!(statement, Statement::Other) {
            let words = text.trim().to_ascii_lowercase();
            if matches!(self.position, Position::Other) && words.ends_with("begin atomic") {
                self.position = Position::Body;
            }
            return;
        }
        // A definition that a person wrote may end without a semicolon.
        if let Position::Definition(index, sql) = std::mem::take(&mut self.position) {
            self.define(index, &sql);
        }
        self.lexer.restart();
        self.read_statement(statement, place);
    }

    fn read_statement(&mut self, statement: Statement, place: Place) {
        match statement {
            Statement::Connect(name) => self.connect(name),
            Statement::SearchPath(schema) => self.search_path = schema,
            Statement::Escapes(has_escapes) => self.lexer.set_escapes(has_escapes),
            Statement::RowSecurity(is_on) => self.contents.has_row_security |= is_on,
            Statement::Create(name) => {
                let index = self.index(name);
                let relations = &mut self.contents.relations;
                // The dump may have named the table before. Two dumps in one file may both define it.
                let index = if relations[index].columns.is_empty() {
                    index
                } else {
                    let relation = Relation::new(relations[index].name.clone(), self.database);
                    relations.push(relation);
                    relations.len() - 1
                };
                self.position = Position::Definition(index, String::new());
            }
            Statement::Policies(name) => self.relation(name).has_policies = true,
            Statement::Attach(parent, part) => {
                let parent = self.qualified(parent);
                self.relation(part).parent = Some(parent);
            }
            Statement::View(name) => self.relation(name).unreadable = Some(Unreadable::View),
            Statement::OtherCopy(name, options) => {
                self.relation(name.clone()).unreadable = Some(Unreadable::Format(options));
                self.begin_copy(name, None, place);
            }
            Statement::Copy(name, columns) => self.begin_copy(name, columns, place),
            Statement::Insert(name) => self.begin_insert(name, place),
            Statement::Data(name) => {
                self.relation(name).has_data = true;
                self.last = Last::Data;
            }
            Statement::Start(scope) => {
                if self.open.contains(&scope)
                    && let Some(why) = self.truncation()
                {
                    self.contents.cut_off = Some(format!("before line {}, {why}", place.number));
                }
                self.open.push(scope);
                self.last = Last::Other;
            }
            Statement::End(scope) => {
                self.open.retain(|open| *open != scope);
                self.last = Last::Other;
            }
            Statement::Other => {}
        }
    }

    /// Handles the start of the rows of `COPY`.
    fn begin_copy(&mut self, name: TableName, columns: Option<Vec<String>>, place: Place) {
        let index = self.index(name);
        let relation = &mut self.contents.relations[index];
        relation.has_data = true;
        let form = Form::Copy(columns.unwrap_or_else(|| relation.copy_column_names()));
        let (offset, line) = (place.end, place.number + 1);
        let section = Section { offset, line, has_escapes: false, form };
        relation.sections.push(section);
        self.position = Position::Rows(index);
        self.last = Last::Other;
    }

    /// Handles the start of an `INSERT` statement.
    fn begin_insert(&mut self, name: TableName, place: Place) {
        let index = self.index(name);
        let relation = &mut self.contents.relations[index];
        relation.has_data = true;
        let continues = relation.sections.last_mut().is_some_and(
            |section| matches!(section.form, Form::Inserts(end) if end == place.start),
        );
        if !continues {
            let form = Form::Inserts(place.end);
            let (offset, line) = (place.start, place.number);
            let has_escapes = self.lexer.has_escapes();
            let section = Section { offset, line, has_escapes, form };
            relation.sections.push(section);
        }
        self.position = Position::Insert(index);
        self.last = Last::Insert(index);
    }

    /// Handles the rest of a line, after the lexer has read it.
    fn read_rest(&mut self, line: &[u8], place: Place) {
        match &mut self.position {
            Position::Insert(index) => {
                if let Some(section) = self.contents.relations[*index].sections.last_mut() {
                    section.form = Form::Inserts(place.end);
                }
                if self.lexer.is_between_statements() {
                    self.position = Position::Other;
                }
            }
            Position::Definition(index, sql) => {
                sql.push_str(&String::from_utf8_lossy(line));
                let index = *index;
                if self.lexer.is_between_statements() || sql.len() > MAX_DEFINITION_BYTES {
                    let sql = std::mem::take(sql);
                    self.define(index, &sql);
                    self.position = Position::Other;
                }
            }
            _ => {}
        }
    }

    /// Adds the columns and the parent in the definition of a table.
    fn define(&mut self, index: usize, sql: &str) {
        let Some((_, rest)) = create_target(sql.trim_start()) else { return };
        let Definition { columns, options } = Definition::parse(rest);
        let parent = |words: &str| {
            let at = options.to_ascii_lowercase().find(words)?;
            TableName::from_sql(options.get(at + words.len()..)?).map(|(parent, _)| parent)
        };
        let parent = parent("partition of ").or_else(|| parent("inherits ("));
        let parent = parent.map(|parent| self.qualified(parent));
        let is_partitioned = options.to_ascii_lowercase().contains("partition by ");
        let relation = &mut self.contents.relations[index];
        relation.columns = columns;
        relation.is_partitioned |= is_partitioned;
        relation.parent = parent.or(relation.parent.take());
    }

    /// Handles `\connect`: the following statements are about another database.
    fn connect(&mut self, name: String) {
        let names = &mut self.contents.databases;
        if names.is_empty() {
            names.push(String::new());
        }
        names.push(name);
        self.database = names.len() - 1;
        self.search_path = None;
    }

    /// Returns a name with the schema of the search path if it has none of its own.
    fn qualified(&self, name: TableName) -> TableName {
        let schema = name.schema.or_else(|| self.search_path.clone());
        TableName { schema, ..name }
    }

    /// Returns a table. A table that the dump has not named before is added, without columns.
    fn relation(&mut self, name: TableName) -> &mut Relation {
        let index = self.index(name);
        &mut self.contents.relations[index]
    }

    /// Returns the index of a table, which is added if the dump has not named it before.
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

/// The part of a message that says why a dump may be truncated.
pub(super) const NO_END: &str =
    "it has no line `-- PostgreSQL database dump complete`, which `pg_dump` writes at the end";
