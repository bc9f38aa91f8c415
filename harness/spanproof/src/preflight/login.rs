//! Checks that `preflight` (the command that checks whether a deployment can record spans) can log in
//! to the database, and that its transactions can write.

use spanproof_format::Check;

use super::check::PendingCheck;
use super::row::text;
use crate::deployment::{Error, Refusal, Reply, Session};
use crate::identifier;

/// Settings that preflight sets for its own transaction: the time zone, and the timeouts that limit
/// how long other sessions wait for preflight. The role's settings do not replace them.
const OWN_SETTINGS: [&str; 5] = [
    "statement_timeout",
    "lock_timeout",
    "idle_in_transaction_session_timeout",
    "transaction_timeout",
    "timezone",
];

/// The result of a login.
#[derive(Debug)]
pub(super) enum Login {
    /// The server accepts the login. Contains the results of the login's checks.
    Granted(Vec<Check>),
    /// The server refuses the login. Contains the failed check.
    Denied(Check),
}

/// Checks the session's login. If there is a `role`, switches to it first.
pub(super) async fn login(session: &mut Session, role: Option<&str>) -> Result<Login, Error> {
    let mut checks = Vec::new();
    let how = match role {
        Some(_) => "with `set role`; the role's password and its right to log in were not checked",
        None => "with the URL",
    };
    let check = PendingCheck::new("login", how);
    if let Some(role) = role {
        match set_role(session, role).await? {
            Reply::Accepted(settings) => checks.extend(settings),
            Reply::Refused(why) => {
                let found = format!("could not switch to the role `{role}`: {}", why.message);
                return Ok(Login::Denied(check.failed(found, next_step(&why))));
            }
        }
    }
    let sql = "select jsonb_build_object('version', current_setting('server_version'),
                  'role', current_user, 'standby', pg_is_in_recovery(),
                  'reads', current_setting('transaction_read_only'),
                  'path', current_setting('search_path'))";
    let row = match session.rows("the login", sql, &[]).await? {
        Reply::Accepted(rows) => rows.into_iter().next().unwrap_or_default(),
        Reply::Refused(why) => {
            return Ok(Login::Denied(check.failed(why, "see the server's log")));
        }
    };
    let column = |name: &str| text(&row, name);
    let (role, url) = (column("role"), session.url());
    let (version, path) = (column("version"), column("path"));
    let found = format!("as `{role}` on `{url}`, PostgreSQL {version}, search path {path}");
    checks.insert(0, check.passed(found));
    let check = PendingCheck::new("writable", "the transaction that preflight runs in");
    checks.push(if column("standby") == "true" {
        let next = "give the service the URL of the primary";
        check.failed("the server is a standby, which is read-only", next)
    } else if column("reads") == "on" {
        let found = format!("transactions of `{role}` are read-only");
        let next =
            "set default_transaction_read_only = off for the role, the database or the server";
        check.failed(found, next)
    } else {
        check.passed("transactions can write")
    });
    Ok(Login::Granted(checks))
}

/// Returns what to do if the session can't switch to a role.
fn next_step(why: &Refusal) -> &'static str {
    // The SQLSTATE of a missing privilege. Otherwise, there is no such role.
    if why.code == "42501" {
        "log in as that role, or as a member of it"
    } else {
        "correct the name of the role, or create it"
    }
}

/// Switches to a role and applies the role's settings, as the server does at a login. `set role`
/// alone would change only the privileges. Returns the check of the settings; `None` if the role has
/// no settings.
async fn set_role(
    session: &mut Session,
    role: &str,
) -> Result<Reply<Option<Check>, Refusal>, Error> {
    let sql = "select jsonb_build_object('name', split_part(c, '=', 1),
                  'value', substr(c, strpos(c, '=') + 1))
               from pg_db_role_setting s cross join unnest(s.setconfig) c
               where s.setrole in (0, (select oid from pg_roles where rolname = ($1::text[])[1]))
                 and s.setdatabase in (0, (select oid from pg_database where datname = current_database()))
               order by s.setrole <> 0, s.setdatabase";
    let found = session.rows("the role's settings", sql, &[&[role.to_owned()]]).await?;
    let (mut applied, mut refused) = (Vec::new(), Vec::new());
    let mut new_role = role.to_owned();
    for row in found.accepted_or_default() {
        let (name, value) = (text(&row, "name"), text(&row, "value"));
        if name == "role" {
            new_role.clone_from(&value);
        } else if !OWN_SETTINGS.contains(&name.to_lowercase().as_str()) {
            let setting = name.replace("default_transaction_read_only", "transaction_read_only");
            let set = "select set_config(($1::text[])[1], ($1::text[])[2], true)";
            match session.execute("a setting", set, &[&[setting, value.clone()]]).await? {
                Reply::Accepted(_) => applied.push(format!("{name}={value}")),
                Reply::Refused(why) => refused.push(format!("{name}={value}: {why}")),
            }
        }
    }
    let set = format!("set local role {}", identifier::name(&new_role));
    if let Reply::Refused(why) = session.execute("the role", &set, &[]).await? {
        return Ok(Reply::Refused(why));
    }
    let check = PendingCheck::new(
        "settings",
        "the settings of `alter role` and `alter database`, applied to this session",
    );
    Ok(Reply::Accepted(match (applied.as_slice(), refused.as_slice()) {
        ([], []) => None,
        (_, []) => {
            Some(check.passed(format!("of `{role}`: {}", crate::mask::text(&applied.join(", ")))))
        }
        _ => {
            let why = format!("could not apply settings of `{role}`: {}", refused.join(", "));
            Some(check.untried(crate::mask::text(&why), "log in as the role itself"))
        }
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_advice_about_a_role_fits_the_reason() {
        let refusal = |code: &str| Refusal { code: code.to_owned(), message: String::new() };
        assert_eq!(next_step(&refusal("42501")), "log in as that role, or as a member of it");
        // `set role` to a role that does not exist.
        assert_eq!(next_step(&refusal("22023")), "correct the name of the role, or create it");
    }
}
