//! May a deployment record spans? Its database, its manifests and its log are tried, and whatever
//! was not tried is said.

mod check;
mod clock;
mod column;
mod declared;
mod flag;
mod index;
mod login;
mod manifest;
mod privilege;
mod rehearsal;
mod table;

pub use check::{Check, Outcome};
pub use flag::{Startup, manifest, startup};
pub use manifest::{Setting, Told, settings};

use check::Topic;

use crate::deployment::{Error, Session};
use crate::spec::Spec;

/// Tries everything that has to do with the database, as a role where one is named.
///
/// # Errors
/// When the database does not let us in, or goes away.
pub async fn database(spec: &Spec, url: &str, role: Option<&str>) -> Result<Vec<Check>, Error> {
    let mut session = Session::rehearse(url, "preflight").await?;
    let mut checks = match login::login(&mut session, role).await? {
        Ok(checks) => checks,
        Err(failed) => {
            session.close().await;
            let rest = Topic::new("the database", "");
            let why = "without a login nothing of it was tried: tables, columns, indexes, privileges, functions, a span";
            return Ok(vec![failed, rest.untried(why, "")]);
        }
    };
    checks.push(clock::skew(&mut session).await?);
    checks.extend(table::tables(&mut session, spec).await?);
    checks.extend(declared::declared(&mut session, spec).await?);
    checks.push(rehearsal::span(&mut session, spec).await?);
    session.close().await;
    Ok(checks)
}
