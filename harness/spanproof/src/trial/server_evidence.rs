//! What the server shows about a trial: its log, the witness, and rows in places other than the span
//! table. Some of it counts only if it was not there before the service started.

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

/// What was on the server before the service started.
#[derive(Debug)]
pub(super) struct ServerBefore {
    /// The server's own processes.
    processes: BTreeSet<i32>,
    /// The rows in other tables.
    rows: OtherRows,
    /// The other databases; `None` without the witness.
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

    /// Collects the evidence. Nothing else must be read before, because the log would contain that, too.
    ///
    /// # Errors
    /// If the server has restarted since then and may have lost rows, or can't be read.
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
    /// Adds what happened in other databases. If other trials used the server at the same time
    /// (`is_alone` is `false`), the witness only records that it happened.
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
