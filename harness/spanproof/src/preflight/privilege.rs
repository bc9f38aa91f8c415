//! Checks the role's privileges on the span table.

use spanproof_format::Check;

use super::check::PendingCheck;
use super::row::text;
use crate::deployment::{Error, Reply, Session};
use crate::identifier;
use crate::json_path::base;
use crate::observation::Row;
use crate::spec::{SpanTable, Spec};

/// Selects a count for each privilege that a tracer needs: the number of columns on which the role
/// lacks this privilege. `$2` is the list of the columns of a span, which all need `select`. `$3` is
/// the list of the columns that change when a span ends, which need `update`. All other columns need
/// `insert`; `insert-all` is the count for a service that inserts each span when it ends, and so all columns.
const MISSING_PRIVILEGES: &str = "select jsonb_build_object('role', current_user,
          'super', (select rolsuper from pg_roles where rolname = current_user),
          'insert-all', count(*) filter (where not has_column_privilege(c.oid, a.attnum, 'insert')),
          'insert', count(*) filter (where a.attname <> all($3) and not has_column_privilege(c.oid, a.attnum, 'insert')),
          'update', count(*) filter (where a.attname = any($3) and not has_column_privilege(c.oid, a.attnum, 'update')),
          'select', count(*) filter (where not has_column_privilege(c.oid, a.attnum, 'select')),
          'secured', row_security_active(c.oid),
          'policies', (select count(*) from pg_policy where polrelid = c.oid))
       from pg_class c join pg_attribute a on a.attrelid = c.oid
       where c.oid = to_regclass(($1::text[])[1]) and a.attname = any($2) and a.attnum > 0
         and not a.attisdropped and a.attgenerated = ''
       group by c.oid";

/// Checks that the role can insert, update and select spans.
pub(super) async fn privilege_check(session: &mut Session, spec: &Spec) -> Result<Check, Error> {
    let spans = &spec.tables.spans;
    let check = PendingCheck::new(
        "privileges",
        "the privilege on each column that the service inserts, updates or reads",
    );
    let set_at_end =
        [&spans.completed, &spans.duration, &spans.status, &spans.error].map(|name| base(name));
    let all: Vec<_> = spans.columns().into_iter().map(base).collect();
    let parameters: [&[String]; 3] = [&[identifier::table(&spans.table)], &all, &set_at_end];
    let row = match session.rows("the privileges", MISSING_PRIVILEGES, &parameters).await? {
        Reply::Accepted(rows) => rows.into_iter().next().unwrap_or_default(),
        Reply::Refused(why) => return Ok(check.untried(why, "")),
    };
    Ok(judge(&check, spans, &row))
}

/// Returns the result of the check for a row of [`MISSING_PRIVILEGES`].
fn judge(check: &PendingCheck, spans: &SpanTable, row: &Row) -> Check {
    let table = &spans.table;
    let role = text(row, "role");
    if row.get("super") == Some(&true.into()) {
        let found = format!("`{role}` is a superuser, which has all privileges");
        let next = "run preflight as the service's role, or with the service's URL";
        return check.untried(found, next);
    }
    let lacks = |privilege: &str| row.get(privilege).and_then(serde_json::Value::as_u64) != Some(0);
    let missing: Vec<_> =
        ["insert", "update", "select"].into_iter().filter(|privilege| lacks(privilege)).collect();
    // A service that inserts each span when it ends needs no update.
    if missing == ["update"] && spans.only_ended() && !lacks("insert-all") {
        let found = "may insert and select, which is enough with `not-ended = []`";
        return check.passed(format!("`{role}` {found}"));
    }
    if !missing.is_empty() {
        let only_update = if missing == ["update"] {
            ", or set `not-ended = []` in `[tables.spans]` if the service inserts each span when it ends"
        } else {
            ""
        };
        let missing = missing.join(", ");
        let found = format!("`{role}` lacks {missing} on `{table}`");
        return check.failed(found, format!("grant {missing} on {table} to {role}{only_update}"));
    }
    let found = format!("`{role}` may insert, update and select");
    if row.get("secured") != Some(&true.into()) {
        return check.passed(found);
    }
    let policies = match text(row, "policies").as_str() {
        "0" => "no policy".to_owned(),
        "1" => "1 policy".to_owned(),
        several => format!("{several} policies"),
    };
    let next =
        "make sure that the policies allow every span: preflight inserts only one span as a test";
    check.advice(format!("{found}; row-level security is on, with {policies}"), next)
}
