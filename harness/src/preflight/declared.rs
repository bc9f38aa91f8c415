//! What the migrations declare and the database must have: tables, views, functions.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use regex::Regex;

use super::Check;
use super::clock::text;
use crate::deployment::{Error, Session};
use crate::evidence::quoted;
use crate::postgres::Migrations;
use crate::spec::Spec;

static STATEMENT: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r#"(?im)^\s*(create|drop)\s+(?:or\s+replace\s+)?(?:materialized\s+)?(table|view|function)\s+(?:if\s+(?:not\s+)?exists\s+)?([\w."]+)"#,
    )
    .ok()
});

/// What is declared, by name, with its kind.
fn names(statements: impl Iterator<Item = String>) -> BTreeMap<String, String> {
    let mut names = BTreeMap::new();
    for sql in statements {
        for found in STATEMENT.iter().flat_map(|statement| statement.captures_iter(&sql)) {
            let name = found[3].replace('"', "");
            if found[1].eq_ignore_ascii_case("create") {
                names.insert(name, found[2].to_lowercase());
            } else {
                names.remove(&name);
            }
        }
    }
    names
}

/// Everything that the migrations declare is there, and may be used.
pub(super) async fn declared(session: &mut Session, spec: &Spec) -> Result<Vec<Check>, Error> {
    let folder = spec.path(&spec.database.migrations);
    let migrations = match Migrations::read(&folder) {
        Ok(migrations) => migrations,
        Err(why) => {
            let next = "run it where the migrations are, to compare the database with them";
            return Ok(vec![Check::untried("migrations", why.to_string(), next)]);
        }
    };
    let names = names(migrations.statements());
    let mut wrong = Vec::new();
    let mut counts = BTreeMap::new();
    for (name, kind) in &names {
        *counts.entry(kind.as_str()).or_insert(0_usize) += 1;
        let why = match kind.as_str() {
            "function" => function(session, name).await?,
            _ => relation(session, name).await?,
        };
        wrong.extend(why.map(|why| Check::failed(&format!("{kind} {name}"), why, next(kind))));
    }
    if wrong.is_empty() {
        let counts: Vec<_> =
            counts.iter().map(|(kind, count)| format!("{count} {kind}s")).collect();
        let found =
            format!("what they declare is there, and the role may use it: {}", counts.join(", "));
        wrong.push(Check::passed("migrations", found));
    }
    Ok(wrong)
}

fn next(kind: &str) -> String {
    format!("apply the migrations to this database, and grant the role what the {kind} needs")
}

/// Why a table or view can't be read.
async fn relation(session: &mut Session, name: &str) -> Result<Option<String>, Error> {
    let sql = format!("select to_jsonb(r) from {} r limit 0", quoted(name));
    Ok(session.values(name, &sql, &[]).await?.err())
}

/// Why a function can't be called.
async fn function(session: &mut Session, name: &str) -> Result<Option<String>, Error> {
    let sql = "select jsonb_build_object('may', bool_or(has_function_privilege(p.oid, 'execute')))
               from pg_proc p join pg_namespace n on n.oid = p.pronamespace
               where p.proname = ($1::text[])[1]
                 and (($2::text[])[1] = '' and pg_function_is_visible(p.oid) or n.nspname = ($2::text[])[1])";
    let (schema, plain) = name.rsplit_once('.').unwrap_or(("", name));
    let rows = session.rows(name, sql, &[&[plain.to_owned()], &[schema.to_owned()]]).await?;
    let rows = match rows {
        Ok(rows) => rows,
        Err(why) => return Ok(Some(why)),
    };
    Ok(match rows.first().map(|row| text(row, "may")).as_deref() {
        Some("true") => None,
        Some("false") => Some("the role may not execute it".into()),
        _ => Some("there is no such function on the search path".into()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_created_and_not_dropped_is_declared() {
        let sql = [
            "CREATE TABLE a (id int);\n-- create table in_a_comment (id int)\ncreate or replace view \"b\" as select 1;",
            "create function app.c() returns int;\nCREATE TABLE IF NOT EXISTS d (id int);\ndrop table a;",
        ];
        let names = names(sql.iter().map(|sql| (*sql).to_owned()));
        let names: Vec<_> = names.iter().map(|(name, kind)| format!("{kind} {name}")).collect();
        assert_eq!(names, ["function app.c", "view b", "table d"]);
    }
}
