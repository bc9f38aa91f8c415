//! Who we are on the server, and whether we may write there.

use super::Check;
use super::check::Topic;
use super::clock::text;
use crate::deployment::catalog::quoted_column;
use crate::deployment::{Error, Session};

/// Ours stay: nobody waits for us.
const OURS: [&str; 5] = [
    "statement_timeout",
    "lock_timeout",
    "idle_in_transaction_session_timeout",
    "transaction_timeout",
    "timezone",
];

/// The login, as a role where one is named; the last check alone where that role can't be taken.
pub(super) async fn login(
    session: &mut Session,
    role: Option<&str>,
) -> Result<Result<Vec<Check>, Check>, Error> {
    let mut checks = Vec::new();
    let how = match role {
        Some(_) => "by `set role`: its password, and whether it may log in, were not tried",
        None => "by the URL",
    };
    let topic = Topic::new("login", how);
    if let Some(role) = role {
        match take(session, role).await? {
            Ok(settings) => checks.extend(settings),
            Err(why) => {
                let found = format!("the role `{role}` can't be taken: {why}");
                let next = "log in as that role, or as one that is a member of it";
                return Ok(Err(topic.failed(found, next)));
            }
        }
    }
    let sql = "select jsonb_build_object('version', current_setting('server_version'),
                  'role', current_user, 'standby', pg_is_in_recovery(),
                  'reads', current_setting('transaction_read_only'),
                  'path', current_setting('search_path'))";
    let row = match session.rows("the login", sql, &[]).await? {
        Ok(rows) => rows.into_iter().next().unwrap_or_default(),
        Err(why) => return Ok(Err(topic.failed(why, "look at what the server says"))),
    };
    let of = |name: &str| text(&row, name);
    let (role, place) = (of("role"), session.place());
    let (version, path) = (of("version"), of("path"));
    let found = format!("as `{role}` on `{place}`, PostgreSQL {version}, search path {path}");
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
    Ok(Ok(checks))
}

/// Takes a role as the server would at its login: `set role` gives its rights, not its settings.
async fn take(session: &mut Session, role: &str) -> Result<Result<Option<Check>, String>, Error> {
    let sql = "select jsonb_build_object('name', split_part(c, '=', 1),
                  'value', substr(c, strpos(c, '=') + 1))
               from pg_db_role_setting s cross join unnest(s.setconfig) c
               where s.setrole in (0, (select oid from pg_roles where rolname = ($1::text[])[1]))
                 and s.setdatabase in (0, (select oid from pg_database where datname = current_database()))
               order by s.setrole <> 0, s.setdatabase";
    let found = session.rows("the role's settings", sql, &[&[role.to_owned()]]).await?;
    let (mut taken, mut refused) = (Vec::new(), Vec::new());
    let mut becomes = role.to_owned();
    for row in found.unwrap_or_default() {
        let (name, value) = (text(&row, "name"), text(&row, "value"));
        if name == "role" {
            becomes.clone_from(&value);
        } else if !OURS.contains(&name.to_lowercase().as_str()) {
            let own = name.replace("default_transaction_read_only", "transaction_read_only");
            let set = "select set_config(($1::text[])[1], ($1::text[])[2], true)";
            match session.act("a setting", set, &[&[own, value.clone()]]).await? {
                Ok(_) => taken.push(format!("{name}={value}")),
                Err(why) => refused.push(format!("{name}={value}: {why}")),
            }
        }
    }
    let set = format!("set local role {}", quoted_column(&becomes));
    if let Err(why) = session.act("the role", &set, &[]).await? {
        return Ok(Err(why.said));
    }
    let topic = Topic::new("settings", "what `alter role` and `alter database` set at a login");
    Ok(Ok(match (taken.as_slice(), refused.as_slice()) {
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
