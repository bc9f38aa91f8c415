//! May a deployment record spans? Its database, its manifests and its log are tried, and whatever
//! was not tried is said.

mod check;
mod clock;
mod declared;
mod flag;
mod manifest;
mod rehearsal;
mod table;

pub use check::{Check, Outcome};
pub use flag::{Startup, manifest, startup};
pub use manifest::{Setting, Told, settings};

use crate::deployment::{Error, Session};
use crate::spec::Spec;

/// Tries everything that has to do with the database, as a role where one is named.
///
/// # Errors
/// When the database does not let us in, or goes away.
pub async fn database(spec: &Spec, url: &str, role: Option<&str>) -> Result<Vec<Check>, Error> {
    let mut session = Session::rehearse(url, "preflight").await?;
    let mut checks = clock::login(&mut session, role).await?;
    if checks.iter().any(|check| check.outcome == Outcome::Failed) && role.is_some() {
        session.close().await;
        return Ok(checks);
    }
    checks.push(clock::skew(&mut session).await?);
    checks.extend(table::tables(&mut session, spec).await?);
    checks.extend(declared::declared(&mut session, spec).await?);
    checks.push(table::size(&mut session, spec).await?);
    checks.push(rehearsal::span(&mut session, spec).await?);
    session.close().await;
    Ok(checks)
}
