//! Reads a plain-text dump of a database, as `pg_dump` writes it. No SQL of the dump is executed.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use serde_json::Value as Json;

use super::lookup::{ids, texts};
use super::records::Records;
use super::selection::JobSelection;
use super::session::Error;
use super::window::Window;
use crate::identifier::{self, TableName};
use crate::json_path::Paths;
use crate::observation::{
    self, ConcurrentSpan, Owner, Row, Rows, Span, Table, TableRows, text, time,
};
use crate::spec::{Spec, Tables};
use crate::timestamp::timestamp;

/// Maximum number of bytes of a line; a longer line is read in pieces.
const MAX_LINE_BYTES: u64 = 64 * 1024 * 1024;
/// Maximum number of rows that are read from one table.
const ROW_LIMIT: usize = 10_000;

/// A dump in a file, which can be read several times.
#[derive(Debug)]
pub struct Dump {
    name: String,
    file: File,
}

/// The part of the dump that contains the next line.
enum Position {
    /// Between statements.
    TopLevel,
    /// In the definition of a table; `true` for the table that the reader looks for.
    Definition(bool),
    /// In the rows of the table that the reader looks for; with the names of the columns.
    Rows(Vec<String>),
    /// In the rows of another table.
    OtherRows,
}

impl Dump {
    /// Opens a dump. `-` is standard input, which is copied to an unnamed temporary file.
    ///
    /// # Errors
    /// If the file can't be read, or is not a plain-text dump.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let name = path.display().to_string();
        let failed =
            |error: std::io::Error| Error::File { name: name.clone(), reason: error.to_string() };
        let mut file = if name == "-" {
            let mut copy = tempfile::tempfile().map_err(failed)?;
            std::io::copy(&mut std::io::stdin().lock(), &mut copy).map_err(failed)?;
            copy.rewind().map_err(failed)?;
            copy
        } else {
            File::open(path).map_err(failed)?
        };
        let mut magic = [0_u8; 5];
        let read = file.read(&mut magic).map_err(failed)?;
        file.rewind().map_err(failed)?;
        let invalid =
            |reason: &str| Err(Error::File { name: name.clone(), reason: reason.to_owned() });
        let needs_conversion = |reason: &str| {
            let (name, reason) = (name.clone(), reason.to_owned());
            Err(Error::NeedsConversion { name, reason, input: "dump" })
        };
        match &magic[..read] {
            b"PGDMP" => needs_conversion(
                "it is a dump in Postgres's custom format; convert it with \
                 `pg_restore -f - FILE`",
            ),
            [0x1f, 0x8b, ..] => {
                needs_conversion("it is compressed with gzip; unpack it with `zcat FILE`")
            }
            [] => invalid("it is empty"),
            _ => Ok(Self { name, file }),
        }
    }

    /// Returns the file name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Reads the selected jobs with their units of work and spans.
    pub(super) fn find(&self, spec: &Spec, selection: &JobSelection) -> Result<Records, Error> {
        let tables = &spec.tables;
        let jobs = self.jobs(spec, selection)?;
        let job_ids = texts(jobs.all(), &tables.jobs.id);
        let units = self.rows(spec, Table::Units, |row| {
            text(row, &tables.units.job).is_some_and(|job| job_ids.contains(&job))
        })?;
        let unit_ids = ids(units.all(), &tables.units.id);
        let spans = self.rows(spec, Table::Spans, |row| {
            // A span that names neither a unit nor a job may belong to these units. The judgement
            // of the rows decides.
            Owner::from_row(tables, row).is_among(&unit_ids, &job_ids).unwrap_or(true)
        })?;
        let spans = spans.without_orphans(spec);
        let other_spans = self.rows(spec, Table::Spans, |row| {
            observation::id(row, &tables.spans.unit).is_some_and(|unit| !unit_ids.contains(&unit))
        })?;
        // The other spans may have started at any time. `Observation::for_jobs` keeps only spans
        // that started while the jobs ran.
        let other_spans = Span::from_rows(&tables.spans, other_spans.all());
        let concurrent_spans = other_spans.iter().filter_map(ConcurrentSpan::from_span).collect();
        let unread =
            vec!["other schemas: only the tables that the spec names are read from a dump".into()];
        let tables = TableRows { jobs, units, spans };
        Ok(Records { tables, other_tables: Vec::new(), concurrent_spans, unread })
    }

    /// Reads the selected jobs.
    fn jobs(&self, spec: &Spec, selection: &JobSelection) -> Result<Rows, Error> {
        let columns = &spec.tables.jobs;
        let all = self
            .rows(spec, Table::Jobs, |row| is_in_window(row, &columns.created, selection.window))?;
        let Rows::Found(mut rows) = all else { return Ok(all) };
        let number = |row: &Row| text(row, &columns.id).and_then(|id| id.parse::<i64>().ok());
        rows.sort_by_key(number);
        if selection.jobs.is_empty() {
            return Ok(Rows::Found(
                rows.split_off(rows.len().saturating_sub(selection.last.max(1))),
            ));
        }
        let matches = |row: &Row, key: &String| {
            [&columns.id, &columns.name].into_iter().any(|column| {
                let value = text(row, column);
                value.as_ref() == Some(key)
                    || value.is_some_and(|value| *key == format!("{column}={value}"))
            })
        };
        let mut found = Vec::new();
        for key in &selection.jobs {
            let matching: Vec<_> = rows.iter().filter(|row| matches(row, key)).cloned().collect();
            match matching.as_slice() {
                [one] => found.push(one.clone()),
                [] => {
                    let message =
                        format!("`{}` in `{}` has no job `{key}`", columns.table, self.name);
                    return Err(Error::NotFound(message));
                }
                many => {
                    let ids: Vec<_> =
                        many.iter().filter_map(|row| text(row, &columns.id)).collect();
                    let (ids, id) = (ids.join(", "), &columns.id);
                    let message = format!("`{key}` matches {} jobs, with {id} {ids}", many.len());
                    return Err(Error::Ambiguous { message, example: format!("{id}=…") });
                }
            }
        }
        Ok(Rows::Found(found))
    }

    /// Reads the rows of one table for which `is_wanted` returns `true`.
    fn rows(
        &self,
        spec: &Spec,
        table: Table,
        is_wanted: impl Fn(&Row) -> bool,
    ) -> Result<Rows, Error> {
        let failed = |error: std::io::Error| Error::File {
            name: self.name.clone(),
            reason: error.to_string(),
        };
        let mut file = &self.file;
        file.seek(SeekFrom::Start(0)).map_err(failed)?;
        let mut reader = BufReader::with_capacity(1024 * 1024, file);
        let mut table_reader = TableReader::new(&spec.tables, table);
        let (mut line, mut number) = (Vec::new(), 0_u64);
        loop {
            line.clear();
            let read = reader
                .by_ref()
                .take(MAX_LINE_BYTES)
                .read_until(b'\n', &mut line)
                .map_err(failed)?;
            number += 1;
            if read == 0 {
                break;
            }
            let text = String::from_utf8_lossy(&line);
            let result = table_reader.read_line(text.trim_end_matches(['\n', '\r']), &is_wanted);
            result.map_err(|reason| Error::File {
                name: self.name.clone(),
                reason: format!("line {number}: {reason}"),
            })?;
        }
        table_reader.finish().map_err(|reason| Error::File { name: self.name.clone(), reason })
    }
}

/// Reads one table of a dump, line by line.
struct TableReader<'a> {
    /// The name of the table as written in the spec, for messages.
    name_in_spec: &'a str,
    table: TableName,
    /// The columns of the spec that are paths into JSON.
    paths: Paths,
    position: Position,
    /// SQL types by column.
    types: BTreeMap<String, String>,
    /// Whether the dump contains the table.
    exists: bool,
    rows: Vec<Row>,
}

impl<'a> TableReader<'a> {
    fn new(tables: &'a Tables, table: Table) -> Self {
        let name_in_spec = match table {
            Table::Jobs => &tables.jobs.table,
            Table::Units => &tables.units.table,
            Table::Spans => &tables.spans.table,
        };
        let (schema, name) = identifier::parts(name_in_spec);
        Self {
            name_in_spec,
            table: TableName { schema, name },
            paths: table.paths(tables),
            position: Position::TopLevel,
            types: BTreeMap::new(),
            exists: false,
            rows: Vec::new(),
        }
    }

    /// Whether `table` is the table to read. If the spec names no schema, any schema matches.
    fn is_table(&self, table: &TableName) -> bool {
        table.name == self.table.name
            && (self.table.schema.is_none() || self.table.schema == table.schema)
    }

    /// Handles one line.
    fn read_line(&mut self, line: &str, is_wanted: &impl Fn(&Row) -> bool) -> Result<(), String> {
        match &mut self.position {
            Position::TopLevel => self.read_statement(line)?,
            Position::Definition(_) if line.starts_with(')') => self.position = Position::TopLevel,
            Position::Definition(true) => {
                let line = line.trim().trim_end_matches(',');
                if let Some((column, column_type)) = identifier::from_sql(line) {
                    self.types.insert(column, column_type.trim_start().to_owned());
                }
            }
            Position::Rows(_) | Position::OtherRows if line == "\\." => {
                self.position = Position::TopLevel;
            }
            Position::Definition(false) | Position::OtherRows => {}
            Position::Rows(columns) => {
                let values: Vec<_> = line.split('\t').collect();
                if values.len() != columns.len() {
                    return Err(format!(
                        "a row of `{}` has {} values for {} columns",
                        self.name_in_spec,
                        values.len(),
                        columns.len()
                    ));
                }
                let typed = columns.iter().zip(values).map(|(column, value)| {
                    let column_type = self.types.get(column).map_or("", String::as_str);
                    (column.clone(), to_json(column_type, value))
                });
                let mut row: Row = typed.collect();
                self.paths.add_to(&mut row);
                if is_wanted(&row) && self.rows.len() < ROW_LIMIT {
                    self.rows.push(row);
                }
            }
        }
        Ok(())
    }

    /// Handles the first line of a statement.
    fn read_statement(&mut self, line: &str) -> Result<(), String> {
        if let Some(rest) = line.strip_prefix("CREATE TABLE ") {
            let is_table =
                TableName::from_sql(rest).is_some_and(|(table, _)| self.is_table(&table));
            self.exists |= is_table;
            self.position = Position::Definition(is_table);
        } else if let Some(rest) = line.strip_prefix("COPY ") {
            let Some((table, columns)) = TableName::from_sql(rest) else { return Ok(()) };
            let Some(columns) = copied_columns(columns) else { return Ok(()) };
            self.position = if self.is_table(&table) {
                self.exists = true;
                Position::Rows(columns)
            } else {
                Position::OtherRows
            };
        } else if let Some(rest) = line.strip_prefix("INSERT INTO ")
            && TableName::from_sql(rest).is_some_and(|(table, _)| self.is_table(&table))
        {
            return Err("the dump was made with `--inserts`; make it without this option".into());
        }
        Ok(())
    }

    /// Returns the rows after the last line.
    fn finish(self) -> Result<Rows, String> {
        match self.position {
            Position::Rows(_) | Position::OtherRows => Err(format!(
                "the dump is truncated: it ends in the middle of a table, after {} rows of `{}`",
                self.rows.len(),
                self.name_in_spec
            )),
            _ if self.exists => Ok(Rows::Found(self.rows)),
            _ => Ok(Rows::Unreadable(format!("the dump has no table `{}`", self.name_in_spec))),
        }
    }
}

/// Parses the columns after the table name in `COPY table (a, b) FROM stdin;`; `None` for other SQL.
fn copied_columns(sql: &str) -> Option<Vec<String>> {
    let mut rest = sql.strip_prefix(" (")?;
    let mut columns = Vec::new();
    loop {
        let (column, after) = identifier::from_sql(rest)?;
        columns.push(column);
        match after.strip_prefix(", ") {
            Some(after) => rest = after,
            None => return after.starts_with(") FROM stdin").then_some(columns),
        }
    }
}

/// Converts a value to the JSON that `to_jsonb` returns for a column of this type.
fn to_json(column_type: &str, value: &str) -> Json {
    if value == "\\N" {
        return Json::Null;
    }
    let value = unescape(value);
    let json = || serde_json::from_str(&value).ok();
    let known = match column_type.split([' ', '(']).next().unwrap_or_default() {
        "bigint" | "integer" | "smallint" | "numeric" | "double" | "real" | "json" | "jsonb" => {
            json()
        }
        "boolean" => Some(Json::Bool(value == "t")),
        "timestamp" => timestamp(&value).map(|at| Json::String(at.to_rfc3339())),
        _ => None,
    };
    known.unwrap_or(Json::String(value))
}

/// Removes the escapes of `COPY`.
fn unescape(value: &str) -> String {
    let mut plain = String::with_capacity(value.len());
    let mut letters = value.chars();
    while let Some(letter) = letters.next() {
        if letter != '\\' {
            plain.push(letter);
            continue;
        }
        plain.push(match letters.next() {
            Some('n') => '\n',
            Some('t') => '\t',
            Some('r') => '\r',
            Some('b') => '\u{8}',
            Some('f') => '\u{c}',
            Some('v') => '\u{b}',
            Some(other) => other,
            None => '\\',
        });
    }
    plain
}

/// Whether the time in a column is in the window; `true` if the row has no time there.
fn is_in_window(row: &Row, column: &str, window: Window) -> bool {
    time(row, column).is_none_or(|at| window.contains(at))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    const DUMP: &str = "--
CREATE TABLE public.other (
    id bigint NOT NULL
);
CREATE TABLE public.jobs (
    id bigint NOT NULL,
    \"jobspec_id\" character varying(255),
    created_at timestamp without time zone,
    status character varying(50) DEFAULT 'queued'::character varying,
    spec jsonb,
    done boolean
);
COPY public.other (id) FROM stdin;
1
\\.
COPY public.jobs (id, \"jobspec_id\", created_at, status, spec, done) FROM stdin;
470\tb\\tias\t2025-10-22 12:00:01\tfailed\t{\"a\": \"x\\\\ny\"}\tt
469\t\\N\t2025-10-22 12:00:00\tfailed\t{}\tf
\\.
";

    fn dump(text: &str) -> Dump {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        Dump { name: "x.sql".into(), file }
    }

    fn spec() -> Spec {
        Spec::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../spanproof.toml")).unwrap()
    }

    #[test]
    fn rows_are_converted_to_the_json_that_postgres_returns() {
        let rows = dump(DUMP).rows(&spec(), Table::Jobs, |_| true).unwrap();
        let row = Json::from(rows.all()[0].clone());
        assert_eq!(
            row,
            serde_json::json!({"id": 470, "jobspec_id": "b\tias",
            "created_at": "2025-10-22T12:00:01+00:00", "status": "failed",
            "spec": {"a": "x\ny"}, "done": true})
        );
        assert_eq!(rows.all()[1]["jobspec_id"], Json::Null);
    }

    /// `pg_dump` puts a name in double quotes if it contains a space, comma or parenthesis.
    #[test]
    fn quoted_names_are_read() {
        let spec = crate::spec::example(|text| {
            let table = "\n[tables.jobs]\ntable = 'audit.Public (Jobs)'\nid = 'job, id'\n";
            let table = format!("{table}status = 'weird \"name\"'\n");
            text.replace("\n[tables.jobs]\n", &table)
        });
        let text = r#"CREATE TABLE audit."Public (Jobs)" (
    "job, id" bigint NOT NULL,
    "weird ""name""" jsonb
);
CREATE TABLE public."Public (Jobs)" (
    "job, id" bigint NOT NULL
);
COPY audit."Public (Jobs)" ("job, id", "weird ""name""") FROM stdin;
7	{"a": 1}
\.
COPY public."Public (Jobs)" ("job, id") FROM stdin;
8
\.
"#;
        let rows = dump(text).rows(&spec, Table::Jobs, |_| true).unwrap();
        let expected = serde_json::json!({"job, id": 7, "weird \"name\"": {"a": 1}});
        assert_eq!(Json::from(rows.all()), Json::from(vec![expected]));
    }

    #[test]
    fn times_are_converted_to_utc_and_years_bc_stay_text() {
        let text = "0044-03-15 12:00:00 BC";
        assert_eq!(to_json("timestamp without time zone", text), Json::from(text));
        let text = "2025-10-22 17:30:01.5+05:30";
        let at = to_json("timestamp with time zone", text);
        assert_eq!(at, Json::from("2025-10-22T12:00:01.500+00:00"));
    }

    #[test]
    fn a_missing_table_and_a_truncated_dump_are_reported() {
        let found = dump(DUMP).rows(&spec(), Table::Units, |_| true).unwrap();
        assert_eq!(found, Rows::Unreadable("the dump has no table `executions`".into()));
        let error =
            dump(DUMP.trim_end_matches("\\.\n")).rows(&spec(), Table::Jobs, |_| true).unwrap_err();
        assert!(error.to_string().contains("the dump is truncated"), "{error}");
        let damaged = DUMP.replace("\t{}\tf", "");
        let error = dump(&damaged).rows(&spec(), Table::Jobs, |_| true).unwrap_err();
        assert!(
            error.to_string().contains("line 18: a row of `jobs` has 4 values for 6"),
            "{error}"
        );
        let error = dump("INSERT INTO public.jobs VALUES (1);")
            .rows(&spec(), Table::Jobs, |_| true)
            .unwrap_err();
        assert!(error.to_string().contains("--inserts"), "{error}");
    }

    #[test]
    fn jobs_are_found_by_id_or_name_and_default_to_the_newest() {
        let (dump, spec) = (dump(DUMP), spec());
        let find = |jobs: &[&str]| {
            let jobs = jobs.iter().map(|job| (*job).to_owned()).collect();
            dump.jobs(&spec, &JobSelection { jobs, last: 1, ..JobSelection::default() })
        };
        let ids = |rows: Rows| {
            rows.all().iter().map(|row| row["id"].as_i64().unwrap()).collect::<Vec<_>>()
        };
        assert_eq!(ids(find(&["469"]).unwrap()), [469]);
        assert_eq!(ids(find(&["b\tias", "id=469"]).unwrap()), [470, 469]);
        assert_eq!(ids(find(&[]).unwrap()), [470]);
        assert!(find(&["471"]).unwrap_err().to_string().contains("has no job `471`"));
    }
}
