//! Runs all checks of a database for `preflight`, the command that checks whether a deployment can
//! record spans.

use spanproof_format::Check;

use super::check::PendingCheck;
use super::login::{Login, login};
use super::migrations::migration_checks;
use super::trial_insert::trial_insert;
use super::{clock, table};
use crate::deployment::{Error, Session};
use crate::spec::Spec;

/// Checks a database. Switches to `role` first, if there is one.
///
/// # Errors
/// If the database can't be reached, refuses the login, or closes the connection.
pub async fn check_database(
    spec: &Spec,
    url: &str,
    role: Option<&str>,
) -> Result<Vec<Check>, Error> {
    let mut session = Session::open_read_write(url, "preflight").await?;
    let mut checks = match login(&mut session, role).await? {
        Login::Granted(checks) => checks,
        Login::Denied(check) => {
            session.close().await;
            let unchecked = PendingCheck::new("the database", "");
            let why = "not checked without a login: tables, columns, indexes, privileges, functions and the trial insert";
            return Ok(vec![check, unchecked.untried(why, "")]);
        }
    };
    checks.push(clock::clock_check(&mut session).await?);
    checks.extend(table::table_checks(&mut session, spec).await?);
    checks.extend(migration_checks(&mut session, spec).await?);
    checks.push(trial_insert(&mut session, spec).await?);
    session.close().await;
    Ok(checks)
}
