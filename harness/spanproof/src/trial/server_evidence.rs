//! The evidence about a trial (one run of the service) on its database server: the server's log, the counts
//! of the witness, and new rows in tables other than the span table. The witness is a set of triggers that
//! log each attempt to insert a span.

use std::collections::BTreeSet;

use sqlx::PgConnection;

use super::other_databases::OtherDatabases;
use super::other_tables::OtherRows;
use super::overrides::Overrides;
use super::phases::{PhaseErrors, Phases};
use super::{Error, World, witness};
use crate::observation::{Failure, Witness};
use spanproof_format::count;
use spanproof_postgres::{Database, LogEntry};

/// The state of the server before the service started, to which the state afterwards is compared.
#[derive(Debug)]
pub(super) struct ServerBefore {
    /// The ids of the server's own processes, such as the checkpointer. A restart replaces all of them.
    processes: BTreeSet<i32>,
    /// The numbers of rows in other tables of the trial's database.
    rows: OtherRows,
    /// The state of the server's other databases; `None` without the witness, or if the server's log can't be
    /// read.
    databases: Option<OtherDatabases>,
}

/// The evidence of the server after the service has stopped.
#[derive(Debug)]
pub(super) struct ServerEvidence {
    /// The entries of the log; `None` if it can't be read.
    pub(super) log: Option<Vec<LogEntry>>,
    /// Other tables that got rows, each with the number of rows.
    pub(super) other_tables: Vec<(String, u64)>,
    /// What the witness counted; `None` if there was none.
    pub(super) witness: Option<Witness>,
    /// The errors of the log.
    pub(super) errors: PhaseErrors,
}

impl ServerBefore {
    pub(super) async fn read(
        world: &World,
        processes: BTreeSet<i32>,
        connection: &mut PgConnection,
        has_witness: bool,
    ) -> Result<Self, Error> {
        let tables = &world.spec().tables;
        let rows = OtherRows::count(connection, tables).await?;
        let databases =
            if has_witness { OtherDatabases::read(world.server(), tables).await? } else { None };
        Ok(Self { processes, rows, databases })
    }

    /// Collects the evidence. The caller must run no query in the trial's database before this, because the
    /// log would contain the query.
    ///
    /// # Errors
    /// If the server has restarted since `self` was read and may have lost rows, or if it can't be read.
    pub(super) async fn evidence(
        self,
        world: &World,
        (database, connection): (&Database, &mut PgConnection),
        phases: &Phases,
        overrides: &Overrides,
    ) -> Result<ServerEvidence, Error> {
        let (server, tables) = (world.server(), &world.spec().tables);
        if has_restarted(&self.processes, &server.own_processes().await?) {
            return Err(Error::ServerRestarted);
        }
        let log = server.log(database).await?;
        let other_tables = OtherRows::count(connection, tables).await?.since(&self.rows);
        let entries = log.as_deref().filter(|_| overrides.witness);
        let witness = witness::read(entries, connection, &tables.spans, &other_tables).await?;
        let errors = phases.errors(log.as_deref());
        let mut evidence = ServerEvidence { log, other_tables, witness, errors };
        if let Some(before) = self.databases {
            let mut found = before.since(server, tables).await?;
            found.failures.retain(|failure| !overrides.background.contains(failure));
            evidence.add(found.tables, found.failures, world.is_alone());
        }
        Ok(evidence)
    }
}

/// Whether a server has replaced all its own processes; `false` if none were known before.
fn has_restarted(before: &BTreeSet<i32>, after: &BTreeSet<i32>) -> bool {
    !before.is_empty() && before.is_disjoint(after)
}

impl ServerEvidence {
    /// Adds rows and errors in other databases, if there is a witness. If other trials used the server at
    /// the same time (`is_alone` is `false`), it is not known which service caused them, so they are only
    /// listed as unattributed.
    fn add(&mut self, tables: Vec<(String, u64)>, failures: Vec<Failure>, is_alone: bool) {
        let Some(witness) = &mut self.witness else { return };
        if is_alone {
            witness.other_tables.extend(tables.iter().cloned());
            witness.failures.extend(failures.iter().cloned());
            self.other_tables.extend(tables);
            self.errors.before_fault.extend(failures);
            return;
        }
        let rows =
            tables.into_iter().map(|(table, rows)| format!("{} in `{table}`", count(rows, "row")));
        let errors = failures.into_iter().map(|error| format!("{} {}", error.state, error.message));
        witness.unattributed = rows.chain(errors).collect();
    }
}
