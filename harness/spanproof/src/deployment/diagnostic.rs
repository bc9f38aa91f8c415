//! Calls the diagnostic functions of a database, if they exist. These SQL functions get the id of a
//! unit of work and explain what went wrong. The migrations of this repository create the functions.
//! The functions and the messages call a unit of work an execution.

use crate::identifier;
use serde_json::Value as Json;
use spanproof_format::count;

use super::lookup::{Lookup, ids};
use super::reply::Reply;
use super::session::{Error, Session};
use crate::mask::Secrets;
use crate::observation::Row;

/// Names of the diagnostic functions.
const FUNCTIONS: [&str; 3] =
    ["identify_root_cause", "diagnose_execution_trace", "find_similar_traces"];
/// Maximum number of executions to explain.
const MAX_UNITS: usize = 4;

/// What a diagnostic function returned for an execution, secrets masked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FunctionResult {
    /// The id of the unit of work.
    pub unit: String,
    /// The name of the function.
    pub function: String,
    /// The rows, or the reason why the call failed.
    pub rows: Result<Vec<Row>, String>,
}

/// Calls the diagnostic functions for the executions that these spans refer to, except for those whose id is
/// no integer: the functions get a `bigint`. Adds a note about missing functions to `lookup.unread`.
pub(super) async fn explain_executions(
    lookup: &mut Lookup<'_>,
    spans: &[Row],
) -> Result<Vec<FunctionResult>, Error> {
    let mut seen = std::collections::BTreeSet::new();
    let mut units = ids(spans, &lookup.spec.tables.spans.unit);
    units.retain(|unit| unit.parse::<i64>().is_ok() && seen.insert(unit.clone()));
    if units.is_empty() {
        return Ok(Vec::new());
    }
    let callable = callable_functions(lookup.session).await?;
    let (existing, missing): (Vec<&str>, Vec<&str>) =
        FUNCTIONS.into_iter().partition(|name| callable.contains(&Json::from(*name)));
    if !missing.is_empty() {
        lookup.unread.push(format!("{}: the database has no such function", missing.join(", ")));
    }
    if units.len() > MAX_UNITS && !existing.is_empty() {
        let more = units.len() - MAX_UNITS;
        let functions = existing.join(", ");
        lookup.unread.push(format!(
            "{functions}: not called for {}; query one execution by its id",
            count(more, "more execution")
        ));
    }
    let mut results = Vec::new();
    for unit in units.iter().take(MAX_UNITS) {
        for function in &existing {
            let rows = call(lookup.session, function, unit).await?.into_result();
            results.push(FunctionResult {
                unit: unit.clone(),
                function: (*function).to_owned(),
                rows,
            });
        }
    }
    Ok(results)
}

/// Returns the names of the diagnostic functions that can be called with an execution id as their
/// only argument.
async fn callable_functions(session: &mut Session) -> Result<Vec<Json>, Error> {
    let sql = "select to_jsonb(p.proname) from pg_proc p
               where p.proname = any($1) and p.pronargs - p.pronargdefaults = 1
                 and pg_function_is_visible(p.oid)";
    let names = FUNCTIONS.map(str::to_owned);
    let found = session.values("the diagnostic functions", sql, &[&names]).await?;
    Ok(found.accepted_or_default())
}

/// Calls one function for one execution.
async fn call(
    session: &mut Session,
    function: &str,
    unit: &String,
) -> Result<Reply<Vec<Row>>, Error> {
    // The subquery makes `r` a row, even if the function returns only one column.
    let sql = format!(
        "select to_jsonb(r.*) from (select * from {}((($1::text[])[1])::bigint)) r limit 100",
        identifier::name(function)
    );
    let rows = session.rows(function, &sql, &[std::slice::from_ref(unit)]).await?;
    Ok(rows.map(|rows| rows.into_iter().map(mask).collect()))
}

/// Masks the secrets of a row.
fn mask(row: Row) -> Row {
    let mut value = Json::Object(row);
    Secrets::default().json(&mut value);
    match value {
        Json::Object(row) => row,
        _ => Row::new(),
    }
}
