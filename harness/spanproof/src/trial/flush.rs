//! Waits for spans that the service writes after its job has ended, as a batch exporter does.

use std::collections::BTreeMap;
use std::time::Duration;

use sqlx::{AssertSqlSafe, PgConnection};
use tokio::sync::Mutex;

use super::rows::{read_spans, read_units};
use super::service::RunningService;
use crate::identifier;
use crate::matrix::Case;
use crate::observation::{TracerEvent, text};
use crate::spec::Spec;
use spanproof_lease::wait::{self, Attempt};

/// Polls in a row that must find no span on its way before the wait ends: the lines of the service are
/// read by another task, which may be behind.
const IDLE_POLLS: usize = 3;

/// Waits until every unit has the spans that it must have in this case, the service has exited, every
/// span that the service says it began is stored, or `within` is over. If spans are still missing then,
/// that is evidence.
pub(super) async fn wait_for_spans(
    connection: &mut PgConnection,
    spec: &Spec,
    case: &Case,
    service: &RunningService,
    within: Duration,
) {
    let units = read_units(connection, &spec.tables).await.all().len();
    let mut wanted: BTreeMap<&str, usize> = BTreeMap::new();
    for rule in spec.required_spans(&case.facts()) {
        *wanted.entry(&rule.name).or_default() += units;
    }
    let state = Mutex::new((connection, None, 0));
    let _timed_out = wait::until("the spans of every unit", within, || async {
        let exited = service.has_exited();
        let (connection, last, idle) = &mut *state.lock().await;
        let count = count_spans(connection, spec).await;
        // Rows are only read when there are more of them: a table may be large.
        let changed = count.is_none() || count != *last;
        *last = count;
        *idle = if changed { 0 } else { *idle + 1 };
        if *idle == IDLE_POLLS && count.is_some_and(|rows| is_nothing_pending(spec, service, rows))
        {
            return Attempt::Done(());
        }
        if exited || (changed && has_spans(connection, spec, &wanted).await) {
            return Attempt::Done(());
        }
        Attempt::NotYet(String::new())
    })
    .await;
}

/// Whether as many spans are stored as the service says it began. `false` if it does not say, or if
/// none of its lines shows that its tracer is on: the pattern may not match its lines.
fn is_nothing_pending(spec: &Spec, service: &RunningService, rows: i64) -> bool {
    if !spec.probes.has_attempt() {
        return false;
    }
    let output = service.output();
    let (mut starts, mut is_on) = (0_i64, false);
    for line in &output.lines {
        for event in TracerEvent::parse(&spec.probes, &line.text) {
            match event {
                TracerEvent::Attempt(attempt) if attempt.enabled => starts += 1,
                TracerEvent::Banner(banner) => is_on |= banner.enabled,
                _ => {}
            }
        }
    }
    (is_on || starts > 0) && starts == rows && output.dropped_bytes == 0
}

/// Returns the number of rows in the table of spans; `None` if it can't be read.
pub(super) async fn count_spans(connection: &mut PgConnection, spec: &Spec) -> Option<i64> {
    let table = identifier::table(&spec.tables.spans.table);
    let sql = format!("select count(*) from {table}");
    sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(connection).await.ok()
}

/// Whether there are as many spans of each name as wanted.
async fn has_spans(
    connection: &mut PgConnection,
    spec: &Spec,
    wanted: &BTreeMap<&str, usize>,
) -> bool {
    let rows = read_spans(connection, &spec.tables).await;
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for row in rows.all() {
        let name = text(row, &spec.tables.spans.name).unwrap_or_default();
        *counts.entry(name).or_default() += 1;
    }
    wanted.iter().all(|(name, wanted)| counts.get(*name).is_some_and(|count| count >= wanted))
}
