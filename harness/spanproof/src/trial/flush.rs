//! Waits for spans that the service writes after its job has ended, as a batch exporter does.

use std::collections::BTreeMap;
use std::time::Duration;

use sqlx::{AssertSqlSafe, PgConnection};
use tokio::sync::Mutex;

use super::earlier_rows::EarlierRows;
use super::recovery::{FirstJob, output_between, rows_of_second_job};
use super::rows::read_spans;
use super::service::RunningService;
use crate::identifier;
use crate::matrix::Case;
use crate::observation::{LineCounts, Rows, TableRows, TracerEvent, text};
use crate::spec::Spec;
use spanproof_lease::wait::{self, Attempt};

/// Unchanged polls in a row after which the lines of the service are compared with the stored spans.
/// Another task reads these lines and may be slower than the polls.
const IDLE_POLLS: usize = 3;
/// Maximum number of waits in a row, while missing spans arrive.
const MAX_WAITS: usize = 6;
/// Minimum length of each wait after the first: a slow service may write one span a second.
const LATER_WAIT: Duration = Duration::from_secs(1);

/// Waits until every unit (part of the job) has its required spans, until as many spans are stored as began
/// according to the service's output, until the service has exited, or until the time `within` is over. If
/// missing spans arrived in this time, it waits again, up to [`MAX_WAITS`] times. Spans that are still
/// missing then are evidence, not an error.
///
/// `first_job` is `None` in a case with one job; otherwise only the spans and lines after the first job
/// count. `last` is the result of the wait for the previous job. `most_spans` is raised to the largest number of spans
/// that were stored at one moment.
pub(super) async fn wait_for_spans(
    connection: &mut PgConnection,
    spec: &Spec,
    (case, first_job, earlier): (&Case, Option<&FirstJob>, &EarlierRows),
    service: &RunningService,
    (within, last, most_spans): (Duration, Arrival, &mut u64),
) -> Arrival {
    let before = (first_job, earlier);
    let units = own_rows(connection, spec, before).await.units.all().len();
    let required = required_spans(spec, case, units);
    let mut arrival = last;
    for _ in 0..MAX_WAITS {
        let state = Mutex::new((&mut *connection, Polls::default()));
        let limit = if arrival == Arrival::None { within } else { within.max(LATER_WAIT) };
        let waited = wait::until("the spans of every unit", limit, || async {
            let (connection, polls) = &mut *state.lock().await;
            let count = count_spans(connection, spec).await;
            // A table may be large, so its rows are read only if their number changed.
            if polls.add(count) {
                let spans = own_spans(connection, spec, before).await;
                polls.add_missing(missing_spans(&spans, spec, &required));
            }
            if polls.idle == IDLE_POLLS && count.is_some() {
                let begun = begun_spans(spec, service, first_job);
                if begun > 0 && begun == own_spans(connection, spec, before).await.all().len() {
                    return Attempt::Done(());
                }
            }
            if service.has_exited() || polls.missing == Some(0) {
                return Attempt::Done(());
            }
            Attempt::NotYet(String::new())
        })
        .await;
        let Polls { has_arrived, most, .. } = state.into_inner().1;
        *most_spans = most.saturating_sub(earlier.span_count()).max(*most_spans);
        if has_arrived || arrival == Arrival::Continuing {
            arrival = Arrival::Ended;
        }
        if waited.is_ok() || !has_arrived {
            return arrival;
        }
    }
    Arrival::Continuing
}

/// Whether missing spans arrive after the end of their job.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Arrival {
    /// No missing span arrived during a wait.
    #[default]
    None,
    /// Missing spans arrived during a wait, but no more are expected.
    Ended,
    /// Missing spans were still arriving at the end of the last wait.
    Continuing,
}

/// The results of the polls of one wait.
#[derive(Debug, Default)]
struct Polls {
    /// Number of stored spans; `None` if the table can't be read.
    count: Option<i64>,
    /// Number of unchanged polls in a row.
    idle: usize,
    /// Number of missing spans; `None` before the first poll.
    missing: Option<usize>,
    /// Whether a missing span has arrived since the first poll.
    has_arrived: bool,
    /// The largest number of stored spans.
    most: u64,
}

impl Polls {
    /// Adds a poll, and returns whether the rows must be read.
    fn add(&mut self, count: Option<i64>) -> bool {
        let has_changed = count.is_none() || count != self.count;
        self.count = count;
        self.most = self.most.max(count.unwrap_or_default().unsigned_abs());
        self.idle = if has_changed { 0 } else { self.idle + 1 };
        has_changed
    }

    fn add_missing(&mut self, missing: usize) {
        self.has_arrived |= self.missing.is_some_and(|before| missing < before);
        self.missing = Some(missing);
    }
}

/// Returns the number of required spans of each name.
fn required_spans<'a>(spec: &'a Spec, case: &Case, units: usize) -> BTreeMap<&'a str, usize> {
    let mut required: BTreeMap<&str, usize> = BTreeMap::new();
    for rule in spec.required_spans(&case.facts()) {
        *required.entry(&rule.name).or_default() += units;
    }
    // If the spans must be nested in a span of a certain name, at least one such span is required: a process
    // other than the service may write it.
    for rule in spec.spans.iter().filter(|rule| rule.applies(&case.facts())) {
        if let [name] = &rule.below[..]
            && !name.contains('*')
        {
            required.entry(name).or_insert(1);
        }
    }
    required
}

/// Returns the rows of the second job if `first_job` is set, and else all rows of the case. If the tables
/// can't be read, the result contains the error.
async fn own_rows(
    connection: &mut PgConnection,
    spec: &Spec,
    (first_job, earlier): (Option<&FirstJob>, &EarlierRows),
) -> TableRows {
    let tables = match earlier.read_own_tables(connection, &spec.tables).await {
        Ok(tables) => tables,
        Err(error) => return TableRows::unreadable(&error.to_string()),
    };
    match first_job {
        Some(first) => rows_of_second_job(spec, &first.tables, tables),
        None => tables,
    }
}

/// Returns the spans of the second job if `first_job` is set, and else all spans of the case.
async fn own_spans(
    connection: &mut PgConnection,
    spec: &Spec,
    (first_job, earlier): (Option<&FirstJob>, &EarlierRows),
) -> Rows {
    match first_job {
        // Reads only the table of spans, because the rows are read again and again.
        None => earlier.own_spans(&spec.tables, read_spans(connection, &spec.tables).await),
        Some(_) => own_rows(connection, spec, (first_job, earlier)).await.spans,
    }
}

/// Returns the number of spans that began according to the service's output; 0 if lines of the output were
/// dropped. 0 does not prove that no span began: the spec's pattern may not match the lines, or the log level
/// of the service may hide them.
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

/// Returns the number of rows in the table of spans; `None` if the table can't be read.
pub(super) async fn count_spans(connection: &mut PgConnection, spec: &Spec) -> Option<i64> {
    let table = identifier::table(&spec.tables.spans.table);
    let sql = format!("select count(*) from {table}");
    sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(connection).await.ok()
}

/// Returns the number of required spans that are missing.
fn missing_spans(rows: &Rows, spec: &Spec, required: &BTreeMap<&str, usize>) -> usize {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for row in rows.all() {
        let name = text(row, &spec.tables.spans.name).unwrap_or_default();
        *counts.entry(name).or_default() += 1;
    }
    let missing = |(name, required): (&&str, &usize)| {
        required.saturating_sub(counts.get(*name).copied().unwrap_or_default())
    };
    required.iter().map(missing).sum()
}
