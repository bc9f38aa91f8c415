//! Who we are on the server, and what time it is there.

use std::time::Instant;

use chrono::{DateTime, Utc};

use super::Check;
use crate::deployment::catalog::quoted_column;
use crate::deployment::{Error, Session};
use crate::evidence::Row;

/// Clocks that differ by more than this are worth a word, in milliseconds.
const APART_MS: i64 = 1_000;
/// Clocks that differ by more than this put spans into another time altogether, in milliseconds.
const FAR_APART_MS: i64 = 60_000;

pub(super) fn text(row: &Row, name: &str) -> String {
    row.get(name).map_or(String::new(), |value| match value.as_str() {
        Some(text) => text.to_owned(),
        None => value.to_string(),
    })
}

/// The login, as a role where one is named.
pub(super) async fn login(session: &mut Session, role: Option<&str>) -> Result<Vec<Check>, Error> {
    if let Some(role) = role {
        let sql = format!("set local role {}", quoted_column(role));
        if let Err(why) = session.act("the role", &sql).await? {
            let found = format!("the role `{role}` can't be taken: {why}");
            let next = "log in as that role, or as one that is a member of it";
            return Ok(vec![Check::failed("login", found, next)]);
        }
    }
    let sql = "select jsonb_build_object('version', current_setting('server_version'),
                  'role', current_user, 'database', current_database(),
                  'standby', pg_is_in_recovery(), 'reads', current_setting('transaction_read_only'),
                  'path', current_setting('search_path'))";
    let rows = session.rows("the login", sql, &[]).await?;
    let row = rows.unwrap_or_default().pop().unwrap_or_default();
    let of = |name: &str| text(&row, name);
    let (role, place) = (of("role"), session.place());
    let found = format!(
        "as `{role}` on `{place}`, PostgreSQL {}, search path {}",
        of("version"),
        of("path")
    );
    let mut checks = vec![Check::passed("login", found)];
    if of("standby") == "true" {
        let next = "give the service the URL of the primary";
        checks.push(Check::failed("writable", "the server is a standby, which only reads", next));
    } else if of("reads") == "on" {
        let found = format!("transactions of `{role}` are read-only");
        let next = format!("alter role {role} set default_transaction_read_only = off");
        checks.push(Check::failed("writable", found, next));
    } else {
        checks.push(Check::passed("writable", "a transaction that may write was begun"));
    }
    Ok(checks)
}

/// How far the server's clock is from that of this machine.
pub(super) async fn skew(session: &mut Session) -> Result<Check, Error> {
    let sql = "select jsonb_build_object('at', clock_timestamp())";
    let (before, start) = (Utc::now(), Instant::now());
    let rows = session.rows("the clock", sql, &[]).await?;
    let half = chrono::Duration::from_std(start.elapsed() / 2).unwrap_or_default();
    let there = rows.unwrap_or_default().pop();
    let there = there.and_then(|row| text(&row, "at").parse::<DateTime<Utc>>().ok());
    let Some(there) = there else {
        return Ok(Check::untried("clock", "the server did not tell its time", ""));
    };
    let apart = (there - (before + half)).num_milliseconds();
    let found = format!("the server's clock is {apart} ms from that of this machine");
    let next =
        "keep both by NTP: what is asked for by time (`--since`, retention) misses spans otherwise";
    Ok(match apart.abs() {
        FAR_APART_MS.. => Check::failed("clock", found, next),
        APART_MS.. => Check::advice("clock", found, next),
        _ => Check::passed("clock", found),
    })
}
