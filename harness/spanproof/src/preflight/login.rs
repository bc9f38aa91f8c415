//! Who we are on the server, and whether we may write there.

use crate::identifier;
use spanproof_format::Check;

use super::check::Topic;
use super::row::text;
use crate::deployment::{Error, Reply, Session};

/// Settings of our own transaction, which the role's do not replace: nobody waits for us.
const OWN_SETTINGS: [&str; 5] = [
    "statement_timeout",
    "lock_timeout",
    "idle_in_transaction_session_timeout",
    "transaction_timeout",
    "timezone",
];

/// Whether the session can go on.
#[derive(Debug)]
pub(super) enum Login {
    /// It can, with the checks of the login.
    Granted(Vec<Check>),
    /// It can't, with the check that failed.
    Denied(Check),
}

/// Checks the login, as a role if one is named.
pub(super) async fn login(session: &mut Session, role: Option<&str>) -> Result<Login, Error> {
    let mut checks = Vec::new();
    let how = match role {
        Some(_) => "by `set role`: its password, and whether it may log in, were not tried",
        None => "by the URL",
    };
    let topic = Topic::new("login", how);
    if let Some(role) = role {
        match take_role(session, role).await? {
            Reply::Accepted(settings) => checks.extend(settings),
            Reply::Refused(why) => {
                let found = format!("the role `{role}` can't be taken: {why}");
                let next = "log in as that role, or as one that is a member of it";
                return Ok(Login::Denied(topic.failed(found, next)));
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
            return Ok(Login::Denied(topic.failed(why, "look at what the server says")));
        }
    };
    let of = |name: &str| text(&row, name);
    let (role, url) = (of("role"), session.url());
    let (version, path) = (of("version"), of("path"));
    let found = format!("as `{role}` on `{url}`, PostgreSQL {version}, search path {path}");
    checks.insert(0, topic.passed(found));
    let topic = Topic::new("writable", "the transaction that all of this is tried in");
    checks.push(if of("standby") == "true" {
        let next = "give the service the URL of the primary";
        topic.failed("the server is a standby, which only reads", next)
    } else if of("reads") == "on" {
        let found = format!("transactions of `{role}` are read-only");
        let next = "set default_transaction_read_only = off where it was set on: for the role, the database or the server";
        topic.failed(found, next)
    } else {
        topic.passed("it may write")
    });
    Ok(Login::Granted(checks))
}

/// Takes a role as the server would at its login: `set role` gives its rights, not its settings.
/// The check of its settings; `None` if it has none.
async fn take_role(session: &mut Session, role: &str) -> Result<Reply<Option<Check>>, Error> {
    let sql = "select jsonb_build_object('name', split_part(c, '=', 1),
                  'value', substr(c, strpos(c, '=') + 1))
               from pg_db_role_setting s cross join unnest(s.setconfig) c
               where s.setrole in (0, (select oid from pg_roles where rolname = ($1::text[])[1]))
                 and s.setdatabase in (0, (select oid from pg_database where datname = current_database()))
               order by s.setrole <> 0, s.setdatabase";
    let found = session.rows("the role's settings", sql, &[&[role.to_owned()]]).await?;
    let (mut taken, mut refused) = (Vec::new(), Vec::new());
    let mut becomes = role.to_owned();
    for row in found.accepted_or_default() {
        let (name, value) = (text(&row, "name"), text(&row, "value"));
        if name == "role" {
            becomes.clone_from(&value);
        } else if !OWN_SETTINGS.contains(&name.to_lowercase().as_str()) {
            let own = name.replace("default_transaction_read_only", "transaction_read_only");
            let set = "select set_config(($1::text[])[1], ($1::text[])[2], true)";
            match session.execute("a setting", set, &[&[own, value.clone()]]).await? {
                Reply::Accepted(_) => taken.push(format!("{name}={value}")),
                Reply::Refused(why) => refused.push(format!("{name}={value}: {why}")),
            }
        }
    }
    let set = format!("set local role {}", identifier::name(&becomes));
    if let Reply::Refused(why) = session.execute("the role", &set, &[]).await? {
        return Ok(Reply::Refused(why.message));
    }
    let topic = Topic::new("settings", "what `alter role` and `alter database` set at a login");
    Ok(Reply::Accepted(match (taken.as_slice(), refused.as_slice()) {
        ([], []) => None,
        (_, []) => Some(
            topic.passed(format!("as `{role}` has them: {}", crate::mask::text(&taken.join(", ")))),
        ),
        _ => {
            let why = format!("`{role}` has some that we may not set: {}", refused.join(", "));
            Some(topic.untried(crate::mask::text(&why), "log in as the role itself"))
        }
    }))
}
