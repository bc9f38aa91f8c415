//! Waits for spans that the service writes after its job has ended, as a batch exporter does.

use std::collections::BTreeMap;
use std::time::Duration;

use sqlx::{AssertSqlSafe, PgConnection};
use tokio::sync::Mutex;

use super::earlier_rows::EarlierRows;
use super::recovery::{FirstJob, output_between, rows_of_second_job};
use super::rows::{read_spans, read_tables};
use super::service::RunningService;
use crate::identifier;
use crate::matrix::Case;
use crate::observation::{LineCounts, Rows, TableRows, TracerEvent, text};
use crate::spec::Spec;
use spanproof_lease::wait::{self, Attempt};

/// Unchanged polls in a row after which the lines of the service are compared with the stored spans.
/// Another task reads these lines and may be slower than the polls.
const IDLE_POLLS: usize = 3;

/// Waits until one of these is true: every unit (part of the job) has its required spans; the service has
/// exited; every span is stored of which the service printed that it began; the time `within` is over. If
/// spans are then missing, that is evidence. With the evidence of a first job, only what came after it counts.
pub(super) async fn wait_for_spans(
    connection: &mut PgConnection,
    spec: &Spec,
    (case, first_job, earlier): (&Case, Option<&FirstJob>, &EarlierRows),
    service: &RunningService,
    within: Duration,
) {
    let before = (first_job, earlier);
    let units = own_rows(connection, spec, before).await.units.all().len();
    let mut required: BTreeMap<&str, usize> = BTreeMap::new();
    for rule in spec.required_spans(&case.facts()) {
        *required.entry(&rule.name).or_default() += units;
    }
    // Another process may write these.
    for rule in spec.spans.iter().filter(|rule| rule.applies(&case.facts())) {
        if let [name] = &rule.below[..]
            && !name.contains('*')
        {
            required.entry(name).or_insert(1);
        }
    }
    let state = Mutex::new((connection, None, 0));
    let _timed_out = wait::until("the spans of every unit", within, || async {
        let exited = service.has_exited();
        let (connection, last, idle) = &mut *state.lock().await;
        let count = count_spans(connection, spec).await;
        // A table may be large, so its rows are read only if their number changed.
        let changed = count.is_none() || count != *last;
        *last = count;
        *idle = if changed { 0 } else { *idle + 1 };
        if *idle == IDLE_POLLS && count.is_some() {
            let begun = begun_spans(spec, service, first_job);
            if begun > 0 && begun == own_spans(connection, spec, before).await.all().len() {
                return Attempt::Done(());
            }
        }
        if exited
            || (changed && has_spans(&own_spans(connection, spec, before).await, spec, &required))
        {
            return Attempt::Done(());
        }
        Attempt::NotYet(String::new())
    })
    .await;
}

/// Returns the rows of the case, of the second job if there was a first one; none if the tables can't be read.
async fn own_rows(
    connection: &mut PgConnection,
    spec: &Spec,
    (first_job, earlier): (Option<&FirstJob>, &EarlierRows),
) -> TableRows {
    let tables = match read_tables(connection, &spec.tables).await {
        Ok(tables) => earlier.own_tables(&spec.tables, tables),
        Err(error) => return TableRows::unreadable(&error.to_string()),
    };
    match first_job {
        Some(first) => rows_of_second_job(&spec.tables, &first.tables, tables),
        None => tables,
    }
}

/// Returns the spans of the case, of the second job if there was a first one.
async fn own_spans(
    connection: &mut PgConnection,
    spec: &Spec,
    (first_job, earlier): (Option<&FirstJob>, &EarlierRows),
) -> Rows {
    match first_job {
        // The other tables are not needed, and this is read again and again.
        None => earlier.own_spans(read_spans(connection, &spec.tables).await),
        Some(_) => own_rows(connection, spec, (first_job, earlier)).await.spans,
    }
}

/// Returns how many spans began by the lines of the service. 0 says nothing: the pattern may not match, or the service
/// may not print such lines at this level. Also 0 if lines were dropped.
fn begun_spans(spec: &Spec, service: &RunningService, first_job: Option<&FirstJob>) -> usize {
    let mut output = service.output();
    if output.dropped_bytes > 0 {
        return 0;
    }
    if let Some(first) = first_job {
        output = output_between(&output, LineCounts::default(), first.lines, None);
    }
    let events = output.lines.iter().flat_map(|line| TracerEvent::parse(&spec.probes, &line.text));
    events.filter(|event| matches!(event, TracerEvent::Attempt(attempt) if attempt.enabled)).count()
}

/// Returns the number of rows in the table of spans; `None` if it can't be read.
pub(super) async fn count_spans(connection: &mut PgConnection, spec: &Spec) -> Option<i64> {
    let table = identifier::table(&spec.tables.spans.table);
    let sql = format!("select count(*) from {table}");
    sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(connection).await.ok()
}

/// Whether at least the required number of spans of each name is stored.
fn has_spans(rows: &Rows, spec: &Spec, required: &BTreeMap<&str, usize>) -> bool {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for row in rows.all() {
        let name = text(row, &spec.tables.spans.name).unwrap_or_default();
        *counts.entry(name).or_default() += 1;
    }
    required.iter().all(|(name, required)| counts.get(*name).is_some_and(|count| count >= required))
}
