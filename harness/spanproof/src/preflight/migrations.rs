//! Checks that the tables, views and functions that the migrations create exist in the database.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use regex::Regex;

use spanproof_format::Check;

use super::check::PendingCheck;
use super::row::text;
use crate::chain::chain;
use crate::deployment::{Error, Reply, Session};
use crate::identifier::{self, TableName};
use crate::spec::Spec;

/// Matches a `create`, `drop` or `alter` statement. Its groups are the verb, the kind and name of
/// the object, and the rest of the statement.
static STATEMENT: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r#"(?im)^\s*(create|drop|alter)\s+(?:or\s+replace\s+)?(?:unlogged\s+)?(?:materialized\s+)?(table|view|function)\s+(?:if\s+(?:not\s+)?exists\s+)?((?:\w+|"(?:[^"]|"")+")(?:\.(?:\w+|"(?:[^"]|"")+"))?)([^;]*)"#,
    )
    .ok()
});

/// Matches comments and function bodies: statements inside them create nothing.
static COMMENT_OR_BODY: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r"(?s)--[^\n]*|/\*.*?\*/|\$\$.*?\$\$|\$body\$.*?\$body\$|\$function\$.*?\$function\$",
    )
    .ok()
});

/// Returns the tables, views and functions that exist after these statements: the kind of each, by
/// name.
fn objects(statements: impl Iterator<Item = String>) -> BTreeMap<String, String> {
    let mut objects = BTreeMap::new();
    for sql in statements {
        let sql =
            COMMENT_OR_BODY.iter().fold(sql, |sql, body| body.replace_all(&sql, "''").into_owned());
        for found in STATEMENT.iter().flat_map(|statement| statement.captures_iter(&sql)) {
            let (name, rest) = (plain_name(&found[3]), &found[4]);
            match found[1].to_lowercase().as_str() {
                "create" => drop(objects.insert(name, found[2].to_lowercase())),
                "drop" => {
                    let others = rest.split(',').skip(1).map(plain_name);
                    for name in others.chain([name]) {
                        objects.remove(&name);
                    }
                }
                _ => rename(&mut objects, &name, rest),
            }
        }
    }
    objects
}

/// Returns the name at the start of a piece of SQL, in the syntax of a spec.
fn plain_name(sql: &str) -> String {
    let name = TableName::from_sql(sql.trim_start());
    name.map_or_else(String::new, |(name, _)| name.to_string())
}

/// Applies `alter … rename to b` and `alter … set schema s`. Ignores any other `alter`.
fn rename(objects: &mut BTreeMap<String, String>, name: &str, rest: &str) {
    static CHANGE: LazyLock<Option<Regex>> = LazyLock::new(|| {
        Regex::new(r#"(?i)\b(rename\s+to|set\s+schema)\s+(\w+|"(?:[^"]|"")+")\s*$"#).ok()
    });
    let Some(change) = CHANGE.as_ref().and_then(|change| change.captures(rest)) else { return };
    let Some((argument, _)) = identifier::from_sql(&change[2]) else { return };
    let (schema, plain) = identifier::parts(name);
    let new_name = if change[1].to_lowercase().starts_with("rename") {
        TableName { schema, name: argument }
    } else {
        TableName { schema: Some(argument), name: plain }
    };
    if let Some(kind) = objects.remove(name) {
        objects.insert(new_name.to_string(), kind);
    }
}

/// Checks that everything that the migrations create exists, and that the role may use it.
pub(super) async fn migration_checks(
    session: &mut Session,
    spec: &Spec,
) -> Result<Vec<Check>, Error> {
    let checked =
        "each table and view read with `limit 0`, and the execute privilege on each function";
    let check = PendingCheck::new("migrations", checked);
    let migrations = match spec.migrations() {
        Ok(migrations) => migrations,
        Err(why) => {
            let next = "run preflight on a machine that has the migrations";
            return Ok(vec![check.untried(chain(&why), next)]);
        }
    };
    let mut failed = Vec::new();
    let mut counts = BTreeMap::new();
    for (name, kind) in &objects(migrations.statements()) {
        *counts.entry(kind.clone()).or_insert(0_usize) += 1;
        let problem = match kind.as_str() {
            "function" => function_problem(session, name).await?,
            _ => relation_problem(session, name).await?,
        };
        let check = PendingCheck::new(format!("{kind} {name}"), checked);
        failed.extend(problem.map(|problem| check.failed(problem, next_step(kind))));
    }
    if failed.is_empty() {
        let counts: Vec<_> =
            counts.iter().map(|(kind, count)| format!("{kind}s: {count}")).collect();
        let counts = counts.join(", ");
        let found = format!(
            "every object that the migrations create exists, and the role may use it ({counts})"
        );
        return Ok(vec![check.passed(found)]);
    }
    Ok(failed)
}

/// Returns what to do about a missing object.
fn next_step(kind: &str) -> String {
    format!("apply the migrations to this database, and grant the role access to the {kind}")
}

/// Returns the reason why a table or view can't be read; `None` if it can be read.
async fn relation_problem(session: &mut Session, name: &str) -> Result<Option<String>, Error> {
    let sql = format!("select to_jsonb(r) from {} r limit 0", identifier::table(name));
    Ok(session.values(name, &sql, &[]).await?.refused())
}

/// Returns the reason why a function can't be called; `None` if it can be called.
async fn function_problem(session: &mut Session, name: &str) -> Result<Option<String>, Error> {
    let sql = "select jsonb_build_object('may', bool_and(has_function_privilege(p.oid, 'execute')))
               from pg_proc p join pg_namespace n on n.oid = p.pronamespace
               where p.proname = ($1::text[])[1]
                 and (($2::text[])[1] = '' and pg_function_is_visible(p.oid) or n.nspname = ($2::text[])[1])";
    let (schema, plain) = identifier::parts(name);
    let rows = session.rows(name, sql, &[&[plain], &[schema.unwrap_or_default()]]).await?;
    let rows = match rows {
        Reply::Accepted(rows) => rows,
        Reply::Refused(why) => return Ok(Some(why)),
    };
    Ok(match rows.first().map(|row| text(row, "may")).as_deref() {
        Some("true") => None,
        Some("false") => Some("the role may not execute this function".into()),
        _ => Some("there is no such function on the search path".into()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_are_created_renamed_and_dropped() {
        for (sql, expected) in [
            (
                "CREATE TABLE a (id int);\n-- create table c (id int)\ncreate or replace view \"b\" as select 1;",
                "table a, view b",
            ),
            (
                "create function app.c() returns int;\nCREATE TABLE IF NOT EXISTS d (id int);",
                "function app.c, table d",
            ),
            (
                "create table a ();\ncreate table b ();\ncreate table c ();\ndrop table if exists a, \"b\" cascade;",
                "table c",
            ),
            (
                "create function f() returns void as $$\ncreate table inner_one ();\n$$ language sql;",
                "function f",
            ),
            ("/*\ncreate table a ();\n*/\ncreate materialized view m as select 1;", "view m"),
            ("create table s.a ();\nalter table s.a rename to b;", "table s.b"),
            ("create table a ();\nalter table a\n  set schema s;", "table s.a"),
            ("create table a (x int);\nalter table a rename column x to y;", "table a"),
            ("create function f(a int, b int) returns int;\ndrop function f(int, int);", ""),
        ] {
            let objects = objects([sql.to_owned()].into_iter());
            let found: Vec<_> =
                objects.iter().map(|(name, kind)| format!("{kind} {name}")).collect();
            assert_eq!(found.join(", "), expected, "{sql}");
        }
    }
}
