//! Waits for spans that the service writes after its job has ended, as a batch exporter does.

use std::collections::BTreeMap;
use std::time::Duration;

use sqlx::{AssertSqlSafe, PgConnection};
use tokio::sync::Mutex;

use super::rows::{read_spans, read_units};
use super::service::RunningService;
use crate::identifier;
use crate::matrix::Case;
use crate::observation::text;
use crate::spec::Spec;
use spanproof_lease::wait::{self, Attempt};

/// Waits until every unit has the spans that it must have in this case, the service has exited, or
/// `within` is over. If spans are still missing then, that is evidence.
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
    let state = Mutex::new((connection, None));
    let _timed_out = wait::until("the spans of every unit", within, || async {
        let exited = service.has_exited();
        let (connection, last) = &mut *state.lock().await;
        let count = count_spans(connection, spec).await;
        // Rows are only read when there are more of them: a table may be large.
        let changed = count.is_none() || count != *last;
        *last = count;
        if exited || (changed && has_spans(connection, spec, &wanted).await) {
            return Attempt::Done(());
        }
        Attempt::NotYet(String::new())
    })
    .await;
}

/// Returns the number of rows in the table of spans; `None` if it can't be read.
async fn count_spans(connection: &mut PgConnection, spec: &Spec) -> Option<i64> {
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
