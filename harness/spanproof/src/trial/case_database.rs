//! The database of a trial (one run of the service), and its content before the service starts.

use sqlx::Connection;

use super::earlier_rows::EarlierRows;
use super::overrides::Overrides;
use super::rows::read_existing_tables;
use super::server_evidence::ServerBefore;
use super::session::{connect, run_sql, seed};
use super::{Error, World, row_gains, witness};
use crate::matrix::Case;
use spanproof_format::RowGain;
use spanproof_postgres::Database;

/// A copy of the migrated template database, after the seed files and the SQL of the overrides were run.
pub(super) struct CaseDatabase {
    pub(super) database: Database,
    /// The state of the database server before the service started, to which the state after the trial is
    /// compared.
    pub(super) server_before: ServerBefore,
    /// The rows that were in the tables before the service started.
    pub(super) earlier_rows: EarlierRows,
    /// The numbers of rows before the service started, for each table and query in which, according to the
    /// spec, a value of a flag adds rows.
    pub(super) row_gains: Vec<RowGain>,
}

impl CaseDatabase {
    /// Creates the database of a case.
    pub(super) async fn create(
        world: &World,
        case: &Case,
        overrides: &Overrides,
    ) -> Result<Self, Error> {
        let tables = &world.spec().tables;
        let processes = world.server().own_processes().await?;
        let database = world.server().migrated_database(world.migrations()).await?;
        seed(world, &database).await?;
        let mut connection = connect(database.url()).await?;
        if overrides.witness {
            witness::install(world.server(), &database, &mut connection, &tables.spans).await?;
        }
        run_sql(&mut connection, "before the service starts", &overrides.sql_before).await?;
        let rows = read_existing_tables(&mut connection, tables).await?;
        let witness = overrides.witness;
        let server_before = ServerBefore::read(world, processes, &mut connection, witness).await?;
        let row_gains = row_gains::before(&mut connection, world.spec()).await;
        let earlier_rows =
            EarlierRows::new(&world.spec().tables, &rows, world.route(&case.route)?.at_start);
        drop(connection.close().await);
        Ok(Self { database, server_before, earlier_rows, row_gains })
    }
}
