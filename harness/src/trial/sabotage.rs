//! Doing something to a healthy world on purpose, to see whether it is noticed.

use std::collections::BTreeMap;

use sqlx::{AssertSqlSafe, Executor, PgConnection};

use super::run::{Setting, Trial};
use super::{Error, World};
use crate::evidence::Evidence;
use crate::matrix::Case;
use crate::spec::Value;

/// What is done to the world of one case.
#[derive(Debug, Clone, Default)]
pub struct Sabotage {
    /// Variables that the service gets otherwise than the case says, or not at all.
    pub env: BTreeMap<String, Value>,
    /// SQL that is run before the service starts.
    pub before: String,
    /// SQL that is run when the service has stopped, before anything is read.
    pub after: String,
    /// The service is killed as soon as the job is submitted.
    pub kill: bool,
    /// A header that the upstream forgets.
    pub forget: Option<String>,
}

impl Trial {
    /// Runs one case in a sabotaged world, with the server as a witness.
    ///
    /// # Errors
    /// When the world does not come up, or refuses the sabotage.
    pub async fn sabotaged(
        world: &World,
        case: &Case,
        sabotage: &Sabotage,
    ) -> Result<Evidence, Error> {
        let behaviour = world.behaviour(&case.upstream)?;
        let Sabotage { env, before, after, kill, forget } = sabotage.clone();
        let setting = Setting { env, sql: before, after, witnessed: true, input: None };
        let mut trial = Box::pin(Self::begin(world, case, behaviour, &setting)).await?;
        if trial.ready().yes() {
            trial.submit().await?;
            if kill {
                trial.life.child.kill().await;
            }
            trial.settle().await?;
        }
        let mut evidence = trial.finish().await?;
        if let Some(header) = forget {
            for exchange in &mut evidence.exchanges {
                exchange.headers.remove(&header.to_lowercase());
            }
        }
        Ok(evidence)
    }
}

/// Runs the statements of a sabotage.
pub(super) async fn run(connection: &mut PgConnection, sql: &str) -> Result<(), Error> {
    if sql.is_empty() {
        return Ok(());
    }
    let sql = sqlx::raw_sql(AssertSqlSafe(sql.to_owned()));
    connection.execute(sql).await.map(drop).map_err(|error| Error::Sabotage(error.to_string()))
}
