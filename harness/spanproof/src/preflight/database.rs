//! Every check of a database.

use spanproof_format::Check;

use super::check::Topic;
use super::login::{Login, login};
use super::trial_insert::trial_insert;
use super::{clock, declared, table};
use crate::deployment::{Error, Session};
use crate::spec::Spec;

/// Tries everything that has to do with the database, as a role where one is named.
///
/// # Errors
/// When the database does not let us in, or goes away.
pub async fn check_database(
    spec: &Spec,
    url: &str,
    role: Option<&str>,
) -> Result<Vec<Check>, Error> {
    let mut session = Session::open_to_write(url, "preflight").await?;
    let mut checks = match login(&mut session, role).await? {
        Login::Granted(checks) => checks,
        Login::Denied(check) => {
            session.close().await;
            let rest = Topic::new("the database", "");
            let why = "without a login nothing of it was tried: tables, columns, indexes, privileges, functions, a span";
            return Ok(vec![check, rest.untried(why, "")]);
        }
    };
    checks.push(clock::skew(&mut session).await?);
    checks.extend(table::tables(&mut session, spec).await?);
    checks.extend(declared::declared(&mut session, spec).await?);
    checks.push(trial_insert(&mut session, spec).await?);
    session.close().await;
    Ok(checks)
}
