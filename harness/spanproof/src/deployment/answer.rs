//! What the diagnostic functions of a database say of executions, where it has them.

use crate::identifier;
use serde_json::Value as Json;

use super::lookup::{Lookup, texts};
use super::reply::Reply;
use super::session::{Error, Session};
use crate::mask::Secrets;
use crate::observation::Row;

/// The functions that explain an execution, asked where they are there.
const FUNCTIONS: [&str; 3] =
    ["identify_root_cause", "diagnose_execution_trace", "find_similar_traces"];
/// Executions that are explained at most.
const EXPLAINED_UNITS: usize = 4;

/// What a diagnostic function of the database says of an execution, secrets masked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    /// The execution.
    pub unit: String,
    /// The function.
    pub function: String,
    /// Its rows, or why the call failed.
    pub rows: Result<Vec<Row>, String>,
}

/// What the database's own functions say of the executions of these spans. Notes missing functions
/// as unread.
pub(super) async fn answers(lookup: &mut Lookup<'_>, spans: &[Row]) -> Result<Vec<Answer>, Error> {
    let mut seen = std::collections::BTreeSet::new();
    let mut units = texts(spans, &lookup.spec.tables.spans.unit);
    units.retain(|unit| unit.parse::<i64>().is_ok() && seen.insert(unit.clone()));
    if units.is_empty() {
        return Ok(Vec::new());
    }
    let known = callable(lookup.session).await?;
    let (there, missing): (Vec<&str>, Vec<&str>) =
        FUNCTIONS.into_iter().partition(|name| known.contains(&Json::from(*name)));
    if !missing.is_empty() {
        lookup.unread.push(format!("{}: the database has no such function", missing.join(", ")));
    }
    if units.len() > EXPLAINED_UNITS && !there.is_empty() {
        let more = units.len() - EXPLAINED_UNITS;
        let there = there.join(", ");
        lookup.unread.push(format!("{there} of {more} more executions; ask for one by its id"));
    }
    let mut answers = Vec::new();
    for unit in units.iter().take(EXPLAINED_UNITS) {
        for function in &there {
            let rows = call(lookup.session, function, unit).await?.into_result();
            answers.push(Answer { unit: unit.clone(), function: (*function).to_owned(), rows });
        }
    }
    Ok(answers)
}

/// Which of the functions can be called with an execution alone.
async fn callable(session: &mut Session) -> Result<Vec<Json>, Error> {
    let sql = "select to_jsonb(p.proname) from pg_proc p
               where p.proname = any($1) and p.pronargs - p.pronargdefaults = 1
                 and pg_function_is_visible(p.oid)";
    let names = FUNCTIONS.map(str::to_owned);
    let found = session.values("the diagnostic functions", sql, &[&names]).await?;
    Ok(found.accepted_or_default())
}

async fn call(
    session: &mut Session,
    function: &str,
    unit: &String,
) -> Result<Reply<Vec<Row>>, Error> {
    // From a query of its own: a function with one column only would give no row, but a value.
    let sql = format!(
        "select to_jsonb(r) from (select * from {}((($1::text[])[1])::bigint)) r limit 100",
        identifier::name(function)
    );
    let rows = session.rows(function, &sql, &[std::slice::from_ref(unit)]).await?;
    Ok(rows.map(|rows| rows.into_iter().map(mask).collect()))
}

fn mask(row: Row) -> Row {
    let mut value = Json::Object(row);
    Secrets::default().json(&mut value);
    match value {
        Json::Object(row) => row,
        _ => Row::new(),
    }
}
