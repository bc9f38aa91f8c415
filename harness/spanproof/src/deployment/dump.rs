//! A dump of a database, as `pg_dump` writes it in plain text. It is read, and never executed.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use serde_json::Value as Json;

use super::lookup::texts;
use super::moment::Window;
use super::records::Records;
use super::session::Error;
use super::subject::Subject;
use crate::observation::{Neighbour, Owner, Row, Rows, Span, Tables, text, time};
use crate::spec::Spec;
use crate::timestamp::timestamp;

/// Bytes of the longest line that is read; a longer one is not one of a dump.
const MAX_LINE_BYTES: u64 = 64 * 1024 * 1024;
/// Rows of one table that are kept at most.
const ROW_LIMIT: usize = 10_000;

/// A dump in a file of its own, so that it can be read more than once.
#[derive(Debug)]
pub struct Dump {
    name: String,
    file: File,
}

/// Where in the dump the reader is.
enum Position {
    Outside,
    /// In the definition of a table, by its name.
    Definition(String),
    /// In the rows of a table that is wanted.
    Rows(Vec<String>),
    /// In rows of another one.
    Others,
}

impl Dump {
    /// Opens a dump; `-` is standard input, which is kept in a scratch file that has no name.
    ///
    /// # Errors
    /// When it can't be read, or is no plain dump.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let name = path.display().to_string();
        let failed =
            |error: std::io::Error| Error::File { name: name.clone(), reason: error.to_string() };
        let mut file = if name == "-" {
            let mut spool = tempfile::tempfile().map_err(failed)?;
            std::io::copy(&mut std::io::stdin().lock(), &mut spool).map_err(failed)?;
            spool.rewind().map_err(failed)?;
            spool
        } else {
            File::open(path).map_err(failed)?
        };
        let mut begin = [0_u8; 5];
        let read = file.read(&mut begin).map_err(failed)?;
        file.rewind().map_err(failed)?;
        let refused =
            |reason: &str| Err(Error::File { name: name.clone(), reason: reason.to_owned() });
        let convertible = |reason: &str| {
            let (name, reason) = (name.clone(), reason.to_owned());
            Err(Error::Convertible { name, reason, input: "dump" })
        };
        match &begin[..read] {
            b"PGDMP" => convertible(
                "it is a dump in PostgreSQL's custom format; make it plain: \
                 `pg_restore -f - FILE`",
            ),
            [0x1f, 0x8b, ..] => {
                convertible("it is compressed by gzip; give it unpacked: `zcat FILE`")
            }
            [] => refused("it is empty"),
            _ => Ok(Self { name, file }),
        }
    }

    /// The file's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The jobs that are asked for, with their units and spans.
    pub(super) fn find(&self, spec: &Spec, subject: &Subject) -> Result<Records, Error> {
        let tables = &spec.tables;
        let jobs = self.jobs(spec, subject)?;
        let ids = texts(jobs.all(), &tables.jobs.id);
        let units = self.rows(&tables.units.table, |row| {
            text(row, &tables.units.job).is_some_and(|job| ids.contains(&job))
        })?;
        let unit_ids = texts(units.all(), &tables.units.id);
        let spans = self.rows(&tables.spans.table, |row| {
            // One that names nobody may be of these units, and that it can't be told is a finding.
            Owner::from_row(tables, row).is_among(&unit_ids, &ids).unwrap_or(true)
        })?;
        let others = self.rows(&tables.spans.table, |row| {
            text(row, &tables.spans.unit).is_some_and(|unit| !unit_ids.contains(&unit))
        })?;
        let others = Span::from_rows(&tables.spans, others.all());
        let neighbours = others.iter().filter_map(Neighbour::from_span).collect();
        let unread =
            vec!["other schemas: a dump is looked into for the tables of the spec only".into()];
        let tables = Tables { jobs, units, spans };
        Ok(Records { tables, elsewhere: Vec::new(), neighbours, unread })
    }

    fn jobs(&self, spec: &Spec, subject: &Subject) -> Result<Rows, Error> {
        let columns = &spec.tables.jobs;
        let all =
            self.rows(&columns.table, |row| in_window(row, &columns.created, subject.window))?;
        let Rows::Found(mut rows) = all else { return Ok(all) };
        let number = |row: &Row| text(row, &columns.id).and_then(|id| id.parse::<i64>().ok());
        rows.sort_by_key(number);
        if subject.jobs.is_empty() {
            return Ok(Rows::Found(rows.split_off(rows.len().saturating_sub(subject.last.max(1)))));
        }
        let named = |row: &Row, asked: &String| {
            [&columns.id, &columns.name].into_iter().any(|column| {
                let value = text(row, column);
                value.as_ref() == Some(asked)
                    || value.is_some_and(|value| *asked == format!("{column}={value}"))
            })
        };
        let mut found = Vec::new();
        for asked in &subject.jobs {
            let meant: Vec<_> = rows.iter().filter(|row| named(row, asked)).cloned().collect();
            match meant.as_slice() {
                [one] => found.push(one.clone()),
                [] => {
                    let why =
                        format!("no job is `{asked}` in `{}` of {}", columns.table, self.name);
                    return Err(Error::Missing(why));
                }
                many => {
                    let ids: Vec<_> =
                        many.iter().filter_map(|row| text(row, &columns.id)).collect();
                    let (ids, id) = (ids.join(", "), &columns.id);
                    let message = format!("`{asked}` means {} jobs, with {id} {ids}", many.len());
                    return Err(Error::Ambiguous { message, example: format!("{id}=…") });
                }
            }
        }
        Ok(Rows::Found(found))
    }

    /// The rows of one table that are wanted.
    fn rows(&self, table: &str, wanted: impl Fn(&Row) -> bool) -> Result<Rows, Error> {
        let failed = |error: std::io::Error| Error::File {
            name: self.name.clone(),
            reason: error.to_string(),
        };
        let mut file = &self.file;
        file.seek(SeekFrom::Start(0)).map_err(failed)?;
        let mut reader = BufReader::with_capacity(1024 * 1024, file);
        let mut table_reader = TableReader::new(table);
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
            let taken = table_reader.take(text.trim_end_matches(['\n', '\r']), &wanted);
            taken.map_err(|reason| Error::File {
                name: self.name.clone(),
                reason: format!("line {number}: {reason}"),
            })?;
        }
        table_reader.end().map_err(|reason| Error::File { name: self.name.clone(), reason })
    }
}

/// Reads one table out of a dump, line by line.
struct TableReader<'a> {
    table: &'a str,
    position: Position,
    types: BTreeMap<String, String>,
    defined: bool,
    rows: Vec<Row>,
}

impl<'a> TableReader<'a> {
    fn new(table: &'a str) -> Self {
        let types = BTreeMap::new();
        Self { table, position: Position::Outside, types, defined: false, rows: Vec::new() }
    }

    /// Whether a name in the dump is the table; without a schema it is meant in any.
    fn is_meant(&self, name: &str) -> bool {
        let plain = name.replace('"', "");
        plain == self.table || plain.rsplit('.').next() == Some(self.table)
    }

    fn take(&mut self, line: &str, wanted: &impl Fn(&Row) -> bool) -> Result<(), String> {
        match &mut self.position {
            Position::Outside => self.outside(line)?,
            Position::Definition(_) if line.starts_with(')') => self.position = Position::Outside,
            Position::Definition(name) => {
                let mut words = line.trim().trim_end_matches(',').splitn(2, ' ');
                if let (Some(column), Some(of)) = (words.next(), words.next()) {
                    let meant = name.clone();
                    if self.is_meant(&meant) {
                        self.types.insert(column.replace('"', ""), of.to_owned());
                    }
                }
            }
            Position::Rows(_) | Position::Others if line == "\\." => {
                self.position = Position::Outside;
            }
            Position::Others => {}
            Position::Rows(columns) => {
                let values: Vec<_> = line.split('\t').collect();
                if values.len() != columns.len() {
                    return Err(format!(
                        "a row of `{}` has {} values for {} columns",
                        self.table,
                        values.len(),
                        columns.len()
                    ));
                }
                let typed = columns.iter().zip(values).map(|(column, value)| {
                    let of = self.types.get(column).map_or("", String::as_str);
                    (column.clone(), to_json(of, value))
                });
                let row: Row = typed.collect();
                if wanted(&row) && self.rows.len() < ROW_LIMIT {
                    self.rows.push(row);
                }
            }
        }
        Ok(())
    }

    fn outside(&mut self, line: &str) -> Result<(), String> {
        if let Some(rest) = line.strip_prefix("CREATE TABLE ") {
            let name = rest.split(" (").next().unwrap_or_default().to_owned();
            self.defined |= self.is_meant(&name);
            self.position = Position::Definition(name);
        } else if let Some(rest) = line.strip_prefix("COPY ") {
            let (name, rest) = rest.split_once(" (").unwrap_or((rest, ""));
            let Some((columns, _)) = rest.split_once(") FROM stdin") else { return Ok(()) };
            self.position = if self.is_meant(name) {
                self.defined = true;
                Position::Rows(columns.split(", ").map(|column| column.replace('"', "")).collect())
            } else {
                Position::Others
            };
        } else if let Some(rest) = line.strip_prefix("INSERT INTO ")
            && self.is_meant(rest.split(' ').next().unwrap_or_default())
        {
            return Err(
                "the dump was made with `--inserts`; make it without, as `pg_dump` does by itself"
                    .into(),
            );
        }
        Ok(())
    }

    fn end(self) -> Result<Rows, String> {
        match self.position {
            Position::Rows(_) | Position::Others => Err(format!(
                "it ends in the middle of a table's rows, after {} of `{}`: it is cut off",
                self.rows.len(),
                self.table
            )),
            _ if self.defined => Ok(Rows::Found(self.rows)),
            _ => Ok(Rows::Unreadable(format!("there is no table `{}` in the dump", self.table))),
        }
    }
}

/// A value as `to_jsonb` would give it, by its column's type.
fn to_json(of: &str, value: &str) -> Json {
    if value == "\\N" {
        return Json::Null;
    }
    let value = unescape(value);
    let json = || serde_json::from_str(&value).ok();
    let known = match of.split([' ', '(']).next().unwrap_or_default() {
        "bigint" | "integer" | "smallint" | "numeric" | "double" | "real" | "json" | "jsonb" => {
            json()
        }
        "boolean" => Some(Json::Bool(value == "t")),
        "timestamp" => timestamp(&value).map(|at| Json::String(at.to_rfc3339())),
        _ => None,
    };
    known.unwrap_or(Json::String(value))
}

/// A value without the backslashes of COPY.
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

fn in_window(row: &Row, column: &str, window: Window) -> bool {
    time(row, column).is_none_or(|at| window.holds(at))
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
    fn rows_are_read_as_the_database_would_give_them() {
        let rows = dump(DUMP).rows("jobs", |_| true).unwrap();
        let row = Json::from(rows.all()[0].clone());
        assert_eq!(
            row,
            serde_json::json!({"id": 470, "jobspec_id": "b\tias",
            "created_at": "2025-10-22T12:00:01+00:00", "status": "failed",
            "spec": {"a": "x\ny"}, "done": true})
        );
        assert_eq!(rows.all()[1]["jobspec_id"], Json::Null);
    }

    #[test]
    fn a_date_before_christ_stays_as_it_is_written() {
        let text = "0044-03-15 12:00:00 BC";
        assert_eq!(to_json("timestamp without time zone", text), Json::from(text));
        let text = "2025-10-22 17:30:01.5+05:30";
        let at = to_json("timestamp with time zone", text);
        assert_eq!(at, Json::from("2025-10-22T12:00:01.500+00:00"));
    }

    #[test]
    fn a_table_that_is_not_there_is_told_and_so_is_a_dump_that_was_cut_off() {
        let found = dump(DUMP).rows("executions", |_| true).unwrap();
        assert_eq!(found, Rows::Unreadable("there is no table `executions` in the dump".into()));
        let error = dump(DUMP.trim_end_matches("\\.\n")).rows("jobs", |_| true).unwrap_err();
        assert!(error.to_string().contains("it is cut off"), "{error}");
        let torn = DUMP.replace("\t{}\tf", "");
        let error = dump(&torn).rows("jobs", |_| true).unwrap_err();
        assert!(
            error.to_string().contains("line 18: a row of `jobs` has 4 values for 6"),
            "{error}"
        );
        let error = dump("INSERT INTO public.jobs VALUES (1);").rows("jobs", |_| true).unwrap_err();
        assert!(error.to_string().contains("--inserts"), "{error}");
    }

    #[test]
    fn jobs_are_found_by_id_by_name_and_as_the_newest() {
        let (dump, spec) = (dump(DUMP), spec());
        let find = |jobs: &[&str]| {
            let jobs = jobs.iter().map(|job| (*job).to_owned()).collect();
            dump.jobs(&spec, &Subject { jobs, last: 1, ..Subject::default() })
        };
        let ids = |rows: Rows| {
            rows.all().iter().map(|row| row["id"].as_i64().unwrap()).collect::<Vec<_>>()
        };
        assert_eq!(ids(find(&["469"]).unwrap()), [469]);
        assert_eq!(ids(find(&["b\tias", "id=469"]).unwrap()), [470, 469]);
        assert_eq!(ids(find(&[]).unwrap()), [470]);
        assert!(find(&["471"]).unwrap_err().to_string().contains("no job is `471`"));
    }
}
