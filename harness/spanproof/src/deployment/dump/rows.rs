//! Reads the rows of a table of a dump.

use std::io::{BufRead as _, Read as _};

use super::contents::{MAX_LINE_BYTES, trim_end};
use super::file::Dump;
use super::lexer::Lexer;
use super::relation::{Form, Relation, Section};
use super::statement::insert_target;
use super::value::{InsertRows, copy_value_to_json, insert_value_to_json, parse_insert};
use crate::deployment::session::Error;
use crate::identifier::TableName;
use crate::json_path::Paths;
use crate::observation::Row;
use spanproof_format::count;

/// Calls `each` with every row of a table. Adds the values of `paths`, paths into JSON columns, to each row.
pub(super) fn read_rows(
    dump: &Dump,
    relation: &Relation,
    paths: &Paths,
    mut each: impl FnMut(Row),
) -> Result<(), Error> {
    for section in &relation.sections {
        let mut lines = Lines::new(dump, section).map_err(|error| dump.error(error.to_string()))?;
        let mut on_row = |mut row: Row| {
            paths.add_to(&mut row);
            each(row);
        };
        loop {
            let read = match &section.form {
                Form::Copy(columns) => lines.read_copy_row(relation, columns, &mut on_row),
                Form::Inserts(end) => lines.read_insert_rows(relation, *end, &mut on_row),
            };
            let number = lines.number;
            if !read.map_err(|reason| dump.error(format!("line {number}: {reason}")))? {
                break;
            }
        }
    }
    Ok(())
}

/// The lines of a section.
struct Lines<'a> {
    reader: std::io::BufReader<&'a std::fs::File>,
    /// The last line that was read.
    line: Vec<u8>,
    /// The number of that line.
    number: u64,
    /// The offset after that line.
    offset: u64,
    /// Whether a backslash is an escape in strings without `E`.
    has_escapes: bool,
}

impl<'a> Lines<'a> {
    fn new(dump: &'a Dump, section: &Section) -> std::io::Result<Self> {
        Ok(Self {
            reader: dump.reader_at(section.offset)?,
            line: Vec::new(),
            number: section.line.saturating_sub(1),
            offset: section.offset,
            has_escapes: section.has_escapes,
        })
    }

    /// Reads the next line. Returns `false` at the end of the dump.
    fn advance(&mut self) -> Result<bool, String> {
        self.line.clear();
        let mut reader = self.reader.by_ref().take(MAX_LINE_BYTES);
        let read = reader.read_until(b'\n', &mut self.line).map_err(|error| error.to_string())?;
        self.number += 1;
        self.offset += read as u64;
        if read as u64 == MAX_LINE_BYTES && !self.line.ends_with(b"\n") {
            let limit = MAX_LINE_BYTES / (1024 * 1024);
            return Err(format!(
                "the line is longer than {limit} MiB, the limit for one row; give the database, or a dump without this row"
            ));
        }
        Ok(read > 0)
    }

    /// Reads a row of `COPY`. Returns `false` at the end of the rows.
    fn read_copy_row(
        &mut self,
        relation: &Relation,
        columns: &[String],
        each: &mut impl FnMut(Row),
    ) -> Result<bool, String> {
        if !self.advance()? || trim_end(&self.line) == b"\\." {
            return Ok(false);
        }
        let line = String::from_utf8_lossy(trim_end(&self.line));
        let values: Vec<_> = line.split('\t').collect();
        check_count(&relation.name, values.len(), columns.len())?;
        let types = relation.types();
        let typed = columns.iter().zip(values).map(|(column, value)| {
            let sql_type = types.get(column.as_str()).copied().unwrap_or_default();
            (column.clone(), copy_value_to_json(sql_type, value))
        });
        each(typed.collect());
        Ok(true)
    }

    /// Reads the rows of an `INSERT` statement. Returns `false` after the last statement, which ends at
    /// the offset `end`.
    fn read_insert_rows(
        &mut self,
        relation: &Relation,
        end: u64,
        each: &mut impl FnMut(Row),
    ) -> Result<bool, String> {
        let (mut statement, mut lexer) = (String::new(), Lexer::default());
        lexer.set_escapes(self.has_escapes);
        loop {
            if self.offset >= end || !self.advance()? {
                return Ok(false);
            }
            statement.push_str(&String::from_utf8_lossy(&self.line));
            lexer.read(&self.line);
            if lexer.is_between_statements() {
                break;
            }
        }
        let Some((_, rest)) = insert_target(statement.trim_start()) else { return Ok(true) };
        let InsertRows { columns, rows } = parse_insert(rest, self.has_escapes)?;
        let columns = columns.unwrap_or_else(|| relation.column_names());
        let types = relation.types();
        for values in rows {
            check_count(&relation.name, values.len(), columns.len())?;
            let typed = columns.iter().zip(values).map(|(column, value)| {
                let sql_type = types.get(column.as_str()).copied().unwrap_or_default();
                (column.clone(), insert_value_to_json(sql_type, value))
            });
            each(typed.collect());
        }
        Ok(true)
    }
}

fn check_count(table: &TableName, values: usize, columns: usize) -> Result<(), String> {
    if columns == 0 {
        return Err(format!(
            "a row of `{table}` names no columns, and the dump does not define this table; make the dump with the schema, or \
             with `pg_dump --column-inserts`"
        ));
    }
    if values == columns {
        return Ok(());
    }
    Err(format!(
        "a row of `{table}` has {} for {}",
        count(values, "value"),
        count(columns, "column")
    ))
}
