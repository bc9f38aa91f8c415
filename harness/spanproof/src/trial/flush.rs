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

/// Unchanged polls in a row after which the lines of the service are compared with the stored spans.
/// Another task reads these lines and may be slower than the polls.
const IDLE_POLLS: usize = 3;

/// Waits until one of these is true: every unit (part of the job) has its required spans; the service has
/// exited; every span is stored of which the service printed that it began; the time `within` is over. If
/// spans are then missing, that is evidence.
pub(super) async fn wait_for_spans(
    connection: &mut PgConnection,
    spec: &Spec,
    case: &Case,
    service: &RunningService,
    within: Duration,
) {
    let units = read_units(connection, &spec.tables).await.all().len();
    let mut required: BTreeMap<&str, usize> = BTreeMap::new();
    for rule in spec.required_spans(&case.facts()) {
        *required.entry(&rule.name).or_default() += units;
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
        if *idle == IDLE_POLLS && count.is_some_and(|rows| is_nothing_pending(spec, service, rows))
        {
            return Attempt::Done(());
        }
        if exited || (changed && has_spans(connection, spec, &required).await) {
            return Attempt::Done(());
        }
        Attempt::NotYet(String::new())
    })
    .await;
}

/// Whether as many spans are stored as the service began, by its own lines. `false` if the spec has no
/// pattern for such lines, or if no line shows that tracing is on: the patterns may not match.
fn is_nothing_pending(spec: &Spec, service: &RunningService, rows: i64) -> bool {
    if !spec.probes.has_attempt() {
        return false;
    }
    let output = service.output();
    let (mut begun, mut is_on) = (0_i64, false);
    for line in &output.lines {
        for event in TracerEvent::parse(&spec.probes, &line.text) {
            match event {
                TracerEvent::Attempt(attempt) if attempt.enabled => begun += 1,
                TracerEvent::Banner(banner) => is_on |= banner.enabled,
                _ => {}
            }
        }
    }
    (is_on || begun > 0) && begun == rows && output.dropped_bytes == 0
}

/// Returns the number of rows in the table of spans; `None` if it can't be read.
pub(super) async fn count_spans(connection: &mut PgConnection, spec: &Spec) -> Option<i64> {
    let table = identifier::table(&spec.tables.spans.table);
    let sql = format!("select count(*) from {table}");
    sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(connection).await.ok()
}

/// Whether at least the required number of spans of each name is stored.
async fn has_spans(
    connection: &mut PgConnection,
    spec: &Spec,
    required: &BTreeMap<&str, usize>,
) -> bool {
    let rows = read_spans(connection, &spec.tables).await;
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for row in rows.all() {
        let name = text(row, &spec.tables.spans.name).unwrap_or_default();
        *counts.entry(name).or_default() += 1;
    }
    required.iter().all(|(name, required)| counts.get(*name).is_some_and(|count| count >= required))
}
