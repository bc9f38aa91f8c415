//! Checks that the database has everything that the migrations create: tables with their columns, views,
//! functions and indexes. To find out what they create, the migrations are applied to a disposable database,
//! and its catalogue is read; their SQL is not interpreted.

use std::collections::BTreeSet;

use spanproof_format::Check;

use super::check::PendingCheck;
use super::declared::{Declared, Index, PARAMETERS, indexes};
use super::row::text;
use super::search_path;
use crate::chain::chain;
use crate::deployment::catalog::Table;
use crate::deployment::{Error, Reply, Session};
use crate::identifier;
use crate::json_path::base;
use crate::spec::Spec;
use crate::trial;

/// Maximum number of missing columns or indexes that one check lists.
const MAX_NAMES: usize = 10;

/// Checks that everything that the migrations create exists, and that the role may use it.
pub(super) async fn migration_checks(
    session: &mut Session,
    spec: &Spec,
) -> Result<Vec<Check>, Error> {
    let checked = "the migrations applied to a disposable database, whose catalogue is compared; \
                   each table and view read with `limit 0`, and the execute privilege on each function";
    let check = PendingCheck::new("migrations", checked);
    let declared = match read_declared(spec).await {
        Ok(declared) if declared.is_empty() => {
            return Ok(vec![check.untried("the spec has no migrations", "")]);
        }
        Ok(declared) => declared,
        Err(why) => {
            let next = next_step_without_migrations(spec);
            return Ok(vec![check.untried(why, next)]);
        }
    };
    let (mut found, missing_tables) = missing_objects(session, &declared, checked).await?;
    for (table, columns) in &declared.tables {
        found.extend(columns_check(session, spec, table, columns).await?);
        // The indexes of a missing table are missing, too.
        if !missing_tables.contains(table.as_str()) {
            let wanted = declared.indexes.get(table).map_or(&[][..], Vec::as_slice);
            found.extend(indexes_check(session, table, wanted).await?);
        }
    }
    if found.is_empty() {
        let found = format!(
            "every object that the migrations create exists, and the role may use it ({})",
            declared.counts()
        );
        return Ok(vec![check.passed(found)]);
    }
    Ok(found)
}

/// Returns what to do if the migrations can't be applied to a disposable database; empty for nothing, because
/// there are no migrations if the service creates its tables.
fn next_step_without_migrations(spec: &Spec) -> &'static str {
    if spec.database.service_migrates {
        return "";
    }
    "run preflight on a machine that has the migrations and a Postgres to apply them to; `spanproof doctor` \
     shows what is missing"
}

/// Applies the migrations to a disposable database and reads its catalogue. The error says why this
/// failed.
async fn read_declared(spec: &Spec) -> Result<Declared, String> {
    if spec.database.service_migrates {
        return Err("the service itself creates its tables, and preflight does not start it".into());
    }
    let database = trial::MigratedDatabase::create(spec).await.map_err(|error| chain(&error))?;
    let read = async {
        let mut session = Session::open(database.url(), "preflight").await?;
        let declared = Declared::read(&mut session).await;
        session.close().await;
        declared
    };
    let read: Result<Reply<Declared>, Error> = read.await;
    let closed = database.close().await;
    let declared = read.map_err(|error| chain(&error))?.into_result()?;
    closed.map_err(|error| chain(&error))?;
    Ok(declared)
}

/// Returns a failed check for each table, view and function that can't be used, and the names of these
/// tables and views.
async fn missing_objects<'a>(
    session: &mut Session,
    declared: &'a Declared,
    checked: &str,
) -> Result<(Vec<Check>, BTreeSet<&'a str>), Error> {
    let (mut failed, mut missing) = (Vec::new(), BTreeSet::new());
    let path_step = search_path::next_step(session).await?;
    let next_step = |kind| path_step.clone().unwrap_or_else(|| next_step(kind));
    let tables = declared.tables.keys().map(|name| ("table", name));
    for (kind, name) in tables.chain(declared.views.iter().map(|name| ("view", name))) {
        let check = PendingCheck::new(format!("{kind} {name}"), checked);
        let problem = relation_problem(session, name).await?;
        if let Some(problem) = problem {
            missing.insert(name.as_str());
            failed.push(check.failed(problem, next_step(kind)));
        }
    }
    for (name, parameters) in &declared.functions {
        let check = PendingCheck::new(format!("function {name}"), checked);
        let problem = function_problem(session, name, parameters).await?;
        failed.extend(problem.map(|problem| check.failed(problem, next_step("function"))));
    }
    Ok((failed, missing))
}

/// Returns what to do about a missing object.
fn next_step(kind: &str) -> String {
    format!("apply the migrations to this database, and grant the role access to the {kind}")
}

/// Returns the reason why a table or view can't be read; `None` if it can be read.
async fn relation_problem(session: &mut Session, name: &str) -> Result<Option<String>, Error> {
    let sql = format!("select to_jsonb(r.*) from {} r limit 0", identifier::table(name));
    Ok(session.values(name, &sql, &[]).await?.refused())
}

/// Returns the reason why a function can't be called; `None` if it can be called.
async fn function_problem(
    session: &mut Session,
    name: &str,
    parameters: &str,
) -> Result<Option<String>, Error> {
    let sql = format!(
        "select jsonb_build_object('may', has_function_privilege(p.oid, 'execute'),
                  'parameters', {PARAMETERS})
         from pg_proc p join pg_namespace n on n.oid = p.pronamespace
         where p.proname = ($1::text[])[1]
           and (($2::text[])[1] = '' and pg_function_is_visible(p.oid) or n.nspname = ($2::text[])[1])
         order by 1"
    );
    let (schema, plain) = identifier::parts(name);
    let rows = session.rows(name, &sql, &[&[plain], &[schema.unwrap_or_default()]]).await?;
    let rows = match rows {
        Reply::Accepted(rows) => rows,
        Reply::Refused(why) => return Ok(Some(why)),
    };
    let same = rows.iter().find(|row| text(row, "parameters") == parameters);
    Ok(match (same.map(|row| text(row, "may")).as_deref(), rows.as_slice()) {
        (Some("true"), _) => None,
        (Some(_), _) => Some("the role may not execute this function".into()),
        (None, []) => Some("there is no such function on the search path".into()),
        (None, others) => {
            let others: Vec<_> =
                others.iter().map(|row| format!("`({})`", text(row, "parameters"))).collect();
            Some(format!(
                "it exists only with the parameters {}, not with `({parameters})`",
                others.join(", ")
            ))
        }
    })
}

/// Returns advice about columns of a table that the database lacks, or a failure if the error column of spans
/// is among them; `None` if it has all columns, or the table can't be read. Leaves out the other columns of
/// spans that the spec names, which have a check of their own.
async fn columns_check(
    session: &mut Session,
    spec: &Spec,
    table: &str,
    columns: &[String],
) -> Result<Option<Check>, Error> {
    let Reply::Accepted(found) = Table::read(session, table).await? else { return Ok(None) };
    let spans = &spec.tables.spans;
    let own = if spans.table == table { spans.columns() } else { Vec::new() };
    // If the spec does not name the error column, only the migrations show that the service writes it.
    let is_error = |column: &String| spans.table == table && *column == spans.error;
    let is_own =
        |column: &String| !is_error(column) && own.iter().any(|name| base(name) == *column);
    let exists = |column: &String| found.names().any(|name| name == column);
    let missing: Vec<_> = columns
        .iter()
        .filter(|column| !exists(column) && !is_own(column))
        .map(|column| format!("`{column}`"))
        .collect();
    let check = PendingCheck::new(
        format!("columns of {table}"),
        "compared with the database to which the migrations were applied",
    );
    Ok((!missing.is_empty()).then(|| {
        let found = format!("the migrations create {}, which the table lacks", list(&missing));
        let next = "apply the migrations to this database";
        let lacks_error = columns.iter().any(|column| is_error(column) && !exists(column));
        if lacks_error { check.failed(found, next) } else { check.advice(found, next) }
    }))
}

/// Returns advice about indexes of a table that the database lacks or does not use; `None` if it has all
/// of them, or they can't be read. Indexes with the same definition count as the same, whatever their
/// names.
async fn indexes_check(
    session: &mut Session,
    table: &str,
    wanted: &[Index],
) -> Result<Option<Check>, Error> {
    let Reply::Accepted(found) = indexes(session, table).await? else { return Ok(None) };
    let problems: Vec<_> = wanted.iter().filter_map(|index| index_problem(index, &found)).collect();
    let check = PendingCheck::new(
        format!("indexes of {table}"),
        "compared with the database to which the migrations were applied",
    );
    Ok((!problems.is_empty()).then(|| {
        let next = "apply the migrations to this database; without a unique index the server refuses \
                    `insert … on conflict` on its columns";
        check.advice(list(&problems), next)
    }))
}

/// Returns what is wrong with an index of the migrations in a table with the indexes `found`; `None` if the
/// table has an equal index.
fn index_problem(wanted: &Index, found: &[Index]) -> Option<String> {
    let Index { name, definition, .. } = wanted;
    let is_same =
        |index: &&Index| index.definition == *definition && (index.unique || !wanted.unique);
    let unique = if wanted.unique { "unique " } else { "" };
    let same: Vec<_> = found.iter().filter(is_same).collect();
    if same.iter().any(|index| index.valid) {
        return None;
    }
    if let Some(index) = same.first() {
        return Some(format!("`{}` is invalid, so no query uses it", index.name));
    }
    Some(match found.iter().find(|index| index.name == *name) {
        None => format!("the {unique}index `{name}` ({definition}) is missing"),
        Some(other) => {
            let is_unique = if other.unique { "unique " } else { "" };
            format!(
                "the index `{name}` is {is_unique}{}, but {unique}{definition} in the migrations",
                other.definition
            )
        }
    })
}

/// Joins the first [`MAX_NAMES`] items, and counts the others.
fn list(items: &[String]) -> String {
    let length = items.len().min(MAX_NAMES);
    let more = items.len() - length;
    let text = items[..length].join(", ");
    if more == 0 { text } else { format!("{text} and {more} more") }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn index(name: &str, unique: bool, valid: bool, definition: &str) -> Index {
        Index { name: name.to_owned(), unique, valid, definition: definition.to_owned() }
    }

    #[rstest]
    #[case::same("i", false, true, "btree (a)", None)]
    #[case::renamed("other", false, true, "btree (a)", None)]
    #[case::stricter("i", true, true, "btree (a)", None)]
    #[case::invalid("i", false, false, "btree (a)", Some("is invalid"))]
    #[case::changed("i", false, true, "btree (b)", Some("is btree (b), but btree (a) in"))]
    #[case::missing("other", false, true, "btree (b)", Some("`i` (btree (a)) is missing"))]
    fn an_index_is_recognised_by_its_definition(
        #[case] name: &str,
        #[case] unique: bool,
        #[case] valid: bool,
        #[case] definition: &str,
        #[case] expected: Option<&str>,
    ) {
        let wanted = index("i", false, true, "btree (a)");
        let problem = index_problem(&wanted, &[index(name, unique, valid, definition)]);
        assert_eq!(problem.is_some(), expected.is_some(), "{problem:?}");
        assert!(problem.unwrap_or_default().contains(expected.unwrap_or_default()));
    }

    #[test]
    fn a_service_that_migrates_needs_no_other_machine() {
        let migrates =
            |text: String| text.replace("migrations = \"migrations\"", "service-migrates = true");
        assert_eq!(next_step_without_migrations(&crate::spec::example(migrates)), "");
        let next = next_step_without_migrations(&crate::spec::example(|text| text));
        assert!(next.contains("`spanproof doctor`"), "{next}");
    }

    #[test]
    fn a_plain_index_does_not_replace_a_unique_one() {
        let wanted = index("i", true, true, "btree (a)");
        let problem = index_problem(&wanted, &[index("i", false, true, "btree (a)")]).unwrap();
        assert!(problem.contains("`i` is btree (a), but unique btree (a) in"), "{problem}");
    }
}
