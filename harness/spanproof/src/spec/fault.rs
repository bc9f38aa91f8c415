//! `[[fault]]`: what goes wrong in the world while a job runs, and is put right again.

use std::path::PathBuf;

use serde::Deserialize;
use serde::de::Error as _;

use super::{Condition, Tables};
use crate::document::suggestion;

/// One fault of the world. It happens before the job is submitted and is over when the job has
/// ended; then a second job must record as if nothing had been.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Fault {
    /// What happens.
    pub kind: FaultKind,
    /// What it is called; by default as its kind.
    name: Option<String>,
    /// The recording cases that are run once more under it. By default those with every other
    /// flag at its default, the first upstream and the first value that records.
    pub when: Option<Condition>,
    /// Whether it hits the work itself as well, so that the job's outcome is not compared. By
    /// default only where the kind can't be kept away from the work.
    hits_work: Option<bool>,
    /// For the kind `sql`: the file that makes it happen.
    pub apply: Option<PathBuf>,
    /// For the kind `sql`: the file that puts it right.
    pub clear: Option<PathBuf>,
}

macro_rules! kinds {
    ($($(#[doc = $doc:literal])* $name:ident $text:literal;)*) => {
        /// What can happen to the world of a case.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum FaultKind { $($(#[doc = $doc])* $name,)* }

        impl FaultKind {
            /// Every kind.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The kind as the spec has it.
            pub fn text(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// What it does, in the words of its documentation.
            pub fn about(self) -> &'static str {
                match self { $(Self::$name => concat!($($doc),*).trim_ascii_start(),)* }
            }
        }
    };
}

kinds! {
    /// the service may not insert into the span table any more: 42501
    InsertRevoked "insert-revoked";
    /// the span table has another name: 42P01
    TableMissing "table-missing";
    /// the span table's column for the operation has another name: 42703
    ColumnMissing "column-missing";
    /// the span table's schema has another name: 42P01 or 3F000
    SchemaMissing "schema-missing";
    /// writing a span is refused as on a read-only server: 25006
    ReadOnly "read-only";
    /// somebody else holds a lock on the span table for as long as the job runs
    Locked "locked";
    /// writing a span takes for ever, and the server ends statements after 250 ms, or after what
    /// the service itself has set: 57014
    StatementTimeout "statement-timeout";
    /// somebody else holds a lock that writing a span needs, and the server ends waiting for it
    /// after 250 ms: 55P03
    LockTimeout "lock-timeout";
    /// the database lets nobody in who is not in already: 53300, or 55000 for a superuser
    ConnectionLimit "connection-limit";
    /// the server ends each session that writes a span: 57P01
    BackendTerminated "backend-terminated";
    /// a constraint refuses spans when their transaction ends: 23514
    CommitRefused "commit-refused";
    /// a trigger takes every span and keeps none
    Discarded "discarded";
    /// the service is killed while every unit waits for the upstream, and started again
    KilledMidJob "killed-mid-job";
    /// the service is killed as soon as the job has ended, and started again
    KilledAtExit "killed-at-exit";
    /// what the files `apply` and `clear` do
    Sql "sql";
}

impl FaultKind {
    /// Whether the service itself is killed.
    pub(crate) fn kills(self) -> bool {
        matches!(self, Self::KilledMidJob | Self::KilledAtExit)
    }
}

impl std::fmt::Display for FaultKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.text())
    }
}

impl<'de> Deserialize<'de> for FaultKind {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::ALL.iter().find(|kind| kind.text() == text).copied().ok_or_else(|| {
            let hint = suggestion(&text, Self::ALL.iter().map(|kind| kind.text()));
            D::Error::custom(format!("no kind of fault is named `{text}`{hint}"))
        })
    }
}

impl Fault {
    /// What it is called.
    pub(crate) fn name(&self) -> &str {
        self.name.as_deref().unwrap_or_else(|| self.kind.text())
    }

    /// Whether it hits the work itself as well.
    pub(crate) fn hits_work(&self) -> bool {
        let unavoidable = matches!(self.kind, FaultKind::ConnectionLimit | FaultKind::KilledMidJob);
        self.hits_work.unwrap_or(unavoidable)
    }

    /// What is wrong with it by itself, for an error that names its place.
    pub(super) fn problem(&self, tables: &Tables, answers: bool) -> Option<String> {
        let name = self.name();
        let files = (self.apply.is_some(), self.clear.is_some());
        match (self.kind, files) {
            (FaultKind::Sql, (true, true)) => {}
            (FaultKind::Sql, _) => {
                return Some(format!("fault `{name}`: the kind `sql` needs `apply` and `clear`"));
            }
            (_, (false, false)) => {}
            (kind, _) => {
                let message = format!("`{kind}` takes no files; only the kind `sql` does");
                return Some(format!("fault `{name}`: {message}"));
            }
        }
        let schema = |table: &str| table.split_once('.').map(|(schema, _)| schema.to_owned());
        let of_spans = schema(&tables.spans.table);
        let shared = [&tables.jobs.table, &tables.units.table].map(|table| schema(table));
        if self.kind == FaultKind::SchemaMissing
            && (of_spans.is_none() || shared.contains(&of_spans))
        {
            return Some(format!(
                "fault `{name}`: `schema-missing` needs the span table in a schema of its own, named in \
                 `[tables.spans]`: otherwise the work would miss its tables too"
            ));
        }
        if !answers && !self.kind.kills() {
            return Some(format!(
                "fault `{name}`: whether the service says something can't be told without `refused` or \
                 `unfinished` in `[probes]`"
            ));
        }
        None
    }
}
