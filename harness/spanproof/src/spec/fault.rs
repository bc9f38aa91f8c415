//! `[[fault]]`: a fault that spanproof causes on purpose while a job runs, such as a locked table. The
//! service must report the spans that it loses, and the job must have the same outcome as without the
//! fault, unless the fault may also make the job fail.

use std::path::PathBuf;
use std::sync::LazyLock;

use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::Error as _;

use super::{Condition, Tables};
use crate::document::suggestion;
use crate::identifier;

/// A fault that spanproof causes on purpose. Most faults last from before the job is submitted until the
/// job ends. After the fault, a second job must leave spans as if there had been no fault.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Fault {
    /// What goes wrong.
    pub kind: FaultKind,
    /// The name of the fault; by default the name of its kind.
    name: Option<String>,
    /// The cases to run once more with this fault, among those that must record spans. By default the
    /// cases with the first upstream, and with every flag at its default except that tracing is on.
    pub when: Option<Condition>,
    /// Whether the fault may also make the job fail. If so, the job's outcome is not compared. `false`
    /// by default, except for `connection-limit` and `killed-mid-job`, which always affect the job.
    hits_work: Option<bool>,
    /// For kinds that kill: the `[[process]]` that is killed; the main process by default.
    pub process: Option<String>,
    /// For the kind `sql`: the SQL file that causes the fault.
    pub apply: Option<PathBuf>,
    /// For the kind `sql`: the SQL file that removes the fault.
    pub clear: Option<PathBuf>,
}

macro_rules! kinds {
    ($($(#[doc = $doc:literal])* $name:ident $text:literal;)*) => {
        /// The kinds of faults. A code such as `42501` is the SQLSTATE of the error that the service gets.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum FaultKind { $($(#[doc = $doc])* $name,)* }

        impl FaultKind {
            /// Every kind.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// Returns the kind as written in a spec.
            pub fn text(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// Returns a phrase that describes the fault.
            pub fn description(self) -> &'static str {
                match self { $(Self::$name => concat!($($doc),*).trim_ascii_start(),)* }
            }
        }
    };
}

kinds! {
    /// the service may not insert into the span table any more: 42501
    InsertRevoked "insert-revoked";
    /// the span table is renamed: 42P01
    TableMissing "table-missing";
    /// the column for the span's name is renamed: 42703
    ColumnMissing "column-missing";
    /// the schema of the span table is renamed: 42P01 or 3F000
    SchemaMissing "schema-missing";
    /// writing a span fails as on a read-only server: 25006
    ReadOnly "read-only";
    /// another session locks the span table until the job ends
    Locked "locked";
    /// writing a span never returns, and the server cancels statements after 250 ms, or after the
    /// service's own `statement_timeout`: 57014
    StatementTimeout "statement-timeout";
    /// another session holds a lock that writing a span needs, and the server stops waiting for it
    /// after 250 ms: 55P03
    LockTimeout "lock-timeout";
    /// the database accepts no new connections: 53300, or 55000 for a superuser
    ConnectionLimit "connection-limit";
    /// the server terminates every session that writes a span: 57P01
    BackendTerminated "backend-terminated";
    /// a constraint rejects spans at commit: 23514
    CommitRefused "commit-refused";
    /// a trigger discards every span without an error
    Discarded "discarded";
    /// nothing is broken; the job is submitted five times while the service keeps running
    JobRepeated "job-repeated";
    /// the service is killed and restarted while every unit waits for the upstream
    KilledMidJob "killed-mid-job";
    /// the service is killed and restarted as soon as the job has ended
    KilledAtExit "killed-at-exit";
    /// the SQL files `apply` and `clear` cause and remove the fault
    Sql "sql";
}

impl FaultKind {
    /// Whether the fault kills the service.
    pub(crate) fn kills_service(self) -> bool {
        matches!(self, Self::KilledMidJob | Self::KilledAtExit)
    }

    /// Whether the fault works with every schema, needs no files of the user, and does more than repeat the
    /// job.
    pub(crate) fn is_general(self) -> bool {
        !matches!(self, Self::SchemaMissing | Self::Sql | Self::JobRepeated)
    }

    /// Whether the fault makes the service lose spans while it keeps running. The service must report
    /// their loss.
    fn loses_spans(self) -> bool {
        !self.kills_service() && self != Self::JobRepeated
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
            D::Error::custom(format!("unknown kind of fault `{text}`{hint}"))
        })
    }
}

/// The faults that are tried once although the spec does not declare them: the job is repeated, all spans
/// are refused, the connection is lost, or the service is killed before it writes the spans that it has
/// collected.
static UNDECLARED: LazyLock<Vec<Fault>> = LazyLock::new(|| {
    let kinds = [
        FaultKind::JobRepeated,
        FaultKind::ReadOnly,
        FaultKind::BackendTerminated,
        FaultKind::KilledAtExit,
    ];
    kinds.map(Fault::from_kind).into()
});

impl Fault {
    fn from_kind(kind: FaultKind) -> Self {
        let (name, when, hits_work, process) = (None, None, None, None);
        Self { kind, name, when, hits_work, process, apply: None, clear: None }
    }

    /// Returns the faults that are tried once although the spec does not declare them. If the spec declares
    /// a fault of a kind other than `job-repeated`, the user has chosen the faults, and at most
    /// `job-repeated` is tried. `job-repeated` itself is not returned if the spec declares it.
    pub(crate) fn undeclared(declared: &[Self]) -> impl Iterator<Item = &Self> {
        let remains = |fault: &&Self| match fault.kind {
            FaultKind::JobRepeated => declared.iter().all(|one| one.kind != fault.kind),
            _ => declared.iter().all(|one| one.kind == FaultKind::JobRepeated),
        };
        UNDECLARED.iter().filter(remains)
    }

    /// Returns the name.
    pub(crate) fn name(&self) -> &str {
        self.name.as_deref().unwrap_or_else(|| self.kind.text())
    }

    /// Whether the fault may also make the job fail.
    pub(crate) fn may_fail_job(&self) -> bool {
        let default = matches!(self.kind, FaultKind::ConnectionLimit | FaultKind::KilledMidJob);
        self.hits_work.unwrap_or(default)
    }

    /// Returns what is wrong with the declaration of the fault; `None` if nothing is wrong.
    pub(super) fn problem(&self, tables: &Tables, has_failure_probe: bool) -> Option<String> {
        let name = self.name();
        let files = (self.apply.is_some(), self.clear.is_some());
        match (self.kind, files) {
            (FaultKind::Sql, (true, true)) => {}
            (FaultKind::Sql, _) => {
                return Some(format!("fault `{name}`: the kind `sql` needs `apply` and `clear`"));
            }
            (_, (false, false)) => {}
            (kind, _) => {
                let message = format!(
                    "only the kind `sql` has `apply` and `clear`, not `{kind}`; remove them"
                );
                return Some(format!("fault `{name}`: {message}"));
            }
        }
        if self.process.is_some() && !self.kind.kills_service() {
            return Some(format!(
                "fault `{name}`: `process` is for the kinds that kill, not `{}`; remove it",
                self.kind
            ));
        }
        let schema = |table: &str| identifier::parts(table).0;
        let span_schema = schema(&tables.spans.table);
        let other_schemas = [&tables.jobs.table, &tables.units.table].map(|table| schema(table));
        if self.kind == FaultKind::SchemaMissing
            && (span_schema.is_none() || other_schemas.contains(&span_schema))
        {
            return Some(format!(
                "fault `{name}`: `schema-missing` needs the span table in a separate schema, named in \
                 `table` under `[tables.spans]`; otherwise the jobs and units would lose their tables, too"
            ));
        }
        if !has_failure_probe && self.kind.loses_spans() {
            return Some(format!(
                "fault `{name}`: `[probes]` needs `refused` or `unfinished`, to recognise that the \
                 service reports a lost span"
            ));
        }
        None
    }
}
