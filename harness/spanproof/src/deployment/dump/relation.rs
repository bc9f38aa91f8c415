//! A table of a dump, and where its rows are in the file.

use std::collections::BTreeMap;

use crate::identifier::TableName;

/// A table of a dump.
#[derive(Debug, Clone)]
pub(super) struct Relation {
    /// The name, with its schema if the dump names one.
    pub(super) name: TableName,
    /// The number of the database in a dump of several databases, from 0.
    pub(super) database: usize,
    /// The columns in order, each with its SQL type.
    pub(super) columns: Vec<(String, String)>,
    /// The table of which this one is a partition or a child.
    pub(super) parent: Option<TableName>,
    /// Whether the table has no rows of its own, because they are in its partitions.
    pub(super) is_partitioned: bool,
    /// Whether the dump has a place for the table's rows, which may be empty. If it has none, the rows were
    /// left out when the dump was made.
    pub(super) has_data: bool,
    /// Whether row security is enabled for the table.
    pub(super) has_policies: bool,
    /// Why its rows can't be read; `None` if they can.
    pub(super) unreadable: Option<Unreadable>,
    /// Where its rows are.
    pub(super) sections: Vec<Section>,
}

/// Why the rows of a table can't be read.
#[derive(Debug, Clone)]
pub(super) enum Unreadable {
    /// It is a view, and a dump has no rows of views.
    View,
    /// The rows are not in the format of `pg_dump`. Contains the options of `COPY`.
    Format(String),
}

/// A place in the dump with rows of one table.
#[derive(Debug, Clone)]
pub(super) struct Section {
    /// The offset of its first byte.
    pub(super) offset: u64,
    /// The number of its first line, from 1.
    pub(super) line: u64,
    /// Whether a backslash is an escape in texts without `E`.
    pub(super) has_escapes: bool,
    /// How the rows are written.
    pub(super) form: Form,
}

/// How the rows of a section are written.
#[derive(Debug, Clone)]
pub(super) enum Form {
    /// Lines of `COPY` up to `\.`, with these columns.
    Copy(Vec<String>),
    /// `INSERT` statements up to this offset.
    Inserts(u64),
}

impl Relation {
    pub(super) fn new(name: TableName, database: usize) -> Self {
        Self {
            name,
            database,
            columns: Vec::new(),
            parent: None,
            is_partitioned: false,
            has_data: false,
            has_policies: false,
            unreadable: None,
            sections: Vec::new(),
        }
    }

    pub(super) fn is_view(&self) -> bool {
        matches!(self.unreadable, Some(Unreadable::View))
    }

    /// Returns the names of all columns.
    pub(super) fn column_names(&self) -> Vec<String> {
        self.columns.iter().map(|(name, _)| name.clone()).collect()
    }

    /// Returns the names of the columns that `COPY` writes without a list of columns.
    pub(super) fn copy_column_names(&self) -> Vec<String> {
        let columns = self.columns.iter().filter(|(_, sql_type)| !is_generated(sql_type));
        columns.map(|(name, _)| name.clone()).collect()
    }

    /// Whether the table has a column; also `true` if the dump does not show the columns of the table.
    pub(super) fn has_column(&self, column: &str) -> bool {
        let lists = self.sections.iter().filter_map(|section| match &section.form {
            Form::Copy(columns) if !columns.is_empty() => Some(columns),
            _ => None,
        });
        let mut lists = lists.peekable();
        if lists.peek().is_some() {
            return lists.any(|columns| columns.iter().any(|name| name == column));
        }
        self.columns.is_empty() || self.types().contains_key(column)
    }

    /// Whether the server computes the column, so that a dump has no values of it.
    pub(super) fn is_generated(&self, column: &str) -> bool {
        self.types().get(column).is_some_and(|sql_type| is_generated(sql_type))
    }

    /// Returns the SQL types by column.
    pub(super) fn types(&self) -> BTreeMap<&str, &str> {
        self.columns.iter().map(|(name, sql_type)| (name.as_str(), sql_type.as_str())).collect()
    }
}

/// Whether the server computes the column with this definition.
fn is_generated(definition: &str) -> bool {
    definition.to_ascii_lowercase().contains("generated always as (")
}
