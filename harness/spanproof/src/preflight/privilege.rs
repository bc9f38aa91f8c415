//! What the role may do with the span table.

use crate::identifier;
use spanproof_format::Check;

use super::check::Topic;
use super::row::text;
use crate::deployment::{Error, Reply, Session};
use crate::observation::Row;
use crate::spec::Spec;

/// For each privilege the columns that a tracer needs it on, as counts of those it is lacking on.
const LACKING: &str = "select jsonb_build_object('role', current_user,
          'super', (select rolsuper from pg_roles where rolname = current_user),
          'insert', count(*) filter (where a.attname <> all($3) and not has_column_privilege(c.oid, a.attnum, 'insert')),
          'update', count(*) filter (where a.attname = any($3) and not has_column_privilege(c.oid, a.attnum, 'update')),
          'select', count(*) filter (where not has_column_privilege(c.oid, a.attnum, 'select')),
          'secured', row_security_active(c.oid),
          'policies', (select count(*) from pg_policy where polrelid = c.oid))
       from pg_class c join pg_attribute a on a.attrelid = c.oid
       where c.oid = to_regclass(($1::text[])[1]) and a.attname = any($2) and a.attnum > 0
         and not a.attisdropped and a.attgenerated = ''
       group by c.oid";

/// Whether the role may do what a tracer does.
pub(super) async fn privileges(session: &mut Session, spec: &Spec) -> Result<Check, Error> {
    let spans = &spec.tables.spans;
    let topic =
        Topic::new("privileges", "on each column that a span is inserted and completed with");
    let later = [&spans.completed, &spans.duration, &spans.status, &spans.error].map(Clone::clone);
    let all: Vec<_> = spans.columns().into_iter().map(str::to_owned).collect();
    let asked: [&[String]; 3] = [&[identifier::table(&spans.table)], &all, &later];
    let row = match session.rows("the privileges", LACKING, &asked).await? {
        Reply::Accepted(rows) => rows.into_iter().next().unwrap_or_default(),
        Reply::Refused(why) => return Ok(topic.untried(why, "")),
    };
    Ok(judge(&topic, &spans.table, &row))
}

fn judge(topic: &Topic, table: &str, row: &Row) -> Check {
    let role = text(row, "role");
    if row.get("super") == Some(&true.into()) {
        let found = format!("`{role}` is a superuser, who lacks none");
        let next = "run it as the role that the service uses, or with the service's own URL";
        return topic.untried(found, next);
    }
    let lacking: Vec<_> = ["insert", "update", "select"]
        .into_iter()
        .filter(|privilege| row.get(*privilege).and_then(serde_json::Value::as_u64) != Some(0))
        .collect();
    if !lacking.is_empty() {
        let lacking = lacking.join(", ");
        let found = format!("`{role}` has no {lacking} on `{table}`");
        return topic.failed(found, format!("grant {lacking} on {table} to {role}"));
    }
    let found = format!("`{role}` may insert, update and select");
    if row.get("secured") != Some(&true.into()) {
        return topic.passed(found);
    }
    let policies = match text(row, "policies").as_str() {
        "0" => "no policy is there".to_owned(),
        "1" => "one policy is there".to_owned(),
        several => format!("{several} policies are there"),
    };
    let next = "look whether its policies let every span in; the span below tried one";
    topic.advice(format!("{found}; row level security is on, and {policies}"), next)
}
