//! The rows that seeds and migrations put into the tables before the service starts. Like the rows of
//! earlier jobs in production, they do not belong to the case. A unit is one part of a job.

use std::collections::BTreeSet;

use serde_json::Value as Json;
use sqlx::PgConnection;

use super::rows::{TooMuch, read_tables};
use super::span_jobs::span_id;
use crate::observation::{self, Row, Rows, TableRows, id_to_compare};
use crate::spec::Tables;

/// The earlier rows of the tables of jobs, units and spans.
#[derive(Debug, Clone, Default)]
pub(super) struct EarlierRows {
    jobs: Earlier,
    units: Earlier,
    spans: Earlier,
}

/// The earlier rows of one table.
#[derive(Debug, Clone, Default)]
struct Earlier {
    /// The rows as JSON text.
    texts: BTreeSet<String>,
    /// The ids of the rows.
    ids: BTreeSet<String>,
}

impl EarlierRows {
    /// Remembers rows as earlier rows. If `works_at_start` is true, the service works off existing jobs when
    /// it starts; then jobs and units are not remembered, because those of the case are among them.
    pub(super) fn new(tables: &Tables, rows: &TableRows, works_at_start: bool) -> Self {
        let spans = Earlier::new(&rows.spans, |row| span_id(tables, row));
        if works_at_start {
            return Self { spans, ..Self::default() };
        }
        let jobs = Earlier::new(&rows.jobs, |row| job_id(tables, row));
        let units = Earlier::new(&rows.units, |row| id_to_compare(row, &tables.units.id));
        Self { jobs, units, spans }
    }

    /// Returns the new jobs. If there is none, because the service works off an earlier job, returns the changed
    /// ones.
    pub(super) fn own_jobs(&self, tables: &Tables, jobs: Rows) -> Rows {
        let changed = self.jobs.changed(jobs);
        let is_new = |job: &Row| job_id(tables, job).is_some_and(|id| !self.jobs.ids.contains(&id));
        // A service may change old jobs, too, such as those of a process that died.
        if changed.all().iter().any(is_new) { changed.filter(is_new) } else { changed }
    }

    /// Returns the new spans. A service may change earlier ones, for example to archive them.
    pub(super) fn own_spans(&self, tables: &Tables, spans: Rows) -> Rows {
        let is_new =
            |span: &Row| span_id(tables, span).is_none_or(|id| !self.spans.ids.contains(&id));
        self.spans.changed(spans).filter(is_new)
    }

    /// Reads the rows of the case, as [`own_tables`](Self::own_tables) selects them.
    ///
    /// # Errors
    /// If the tables have too much data.
    pub(super) async fn read_own_tables(
        &self,
        connection: &mut PgConnection,
        tables: &Tables,
    ) -> Result<TableRows, TooMuch> {
        Ok(self.own_tables(tables, read_tables(connection, tables).await?))
    }

    /// Returns the rows of the case: those that are new, and some that were changed. If no unit is new or
    /// changed, because the service does not write units, returns the units that the returned spans name.
    pub(super) fn own_tables(&self, tables: &Tables, all: TableRows) -> TableRows {
        let jobs = self.own_jobs(tables, all.jobs);
        let spans = self.own_spans(tables, all.spans);
        let units = self.own_units(tables, &jobs, all.units.clone());
        let unit_ids = |units: &Rows| -> BTreeSet<String> {
            units.all().iter().filter_map(|unit| id_to_compare(unit, &tables.units.id)).collect()
        };
        let has_no_units = units.all().is_empty() && !self.units.texts.is_empty();
        if has_no_units && !matches!(&units, Rows::Unreadable(_)) {
            let named: BTreeSet<String> = spans
                .all()
                .iter()
                .filter_map(|span| id_to_compare(span, &tables.spans.unit))
                .collect();
            let is_named = |unit: &Row| {
                id_to_compare(unit, &tables.units.id).is_some_and(|id| named.contains(&id))
            };
            return TableRows { jobs, units: all.units.filter(is_named), spans };
        }
        let own = unit_ids(&units);
        let others: BTreeSet<String> = unit_ids(&self.units.changed(all.units));
        let is_of_other_unit = |span: &Row| {
            id_to_compare(span, &tables.spans.unit)
                .is_some_and(|id| others.contains(&id) && !own.contains(&id))
        };
        let spans = spans.filter(|span| !is_of_other_unit(span));
        TableRows { jobs, units, spans }
    }

    /// Returns the units that are new or were changed; without changed units of other jobs, if there are any others.
    fn own_units(&self, tables: &Tables, jobs: &Rows, units: Rows) -> Rows {
        let ids: BTreeSet<String> =
            jobs.all().iter().filter_map(|job| job_id(tables, job)).collect();
        let is_of_other_job = |unit: &Row| {
            let job = observation::text(unit, &tables.units.job);
            !ids.is_empty() && job.is_some_and(|job| !ids.contains(&job))
        };
        let is_earlier = |unit: &Row| {
            id_to_compare(unit, &tables.units.id).is_some_and(|id| self.units.ids.contains(&id))
        };
        // The service may also execute jobs that a seed put into its queue.
        let is_of_earlier_job = |unit: &Row| {
            let job = observation::text(unit, &tables.units.job);
            is_of_other_job(unit) && job.is_some_and(|job| self.jobs.ids.contains(&job))
        };
        let changed = self.units.changed(units);
        let is_own =
            |unit: &Row| !(is_earlier(unit) && is_of_other_job(unit) || is_of_earlier_job(unit));
        // The work of a job may be the units of an earlier one.
        if changed.all().iter().any(is_own) { changed.filter(is_own) } else { changed }
    }

    /// Returns the number of earlier spans.
    pub(super) fn span_count(&self) -> u64 {
        self.spans.texts.len() as u64
    }
}

impl Earlier {
    fn new(rows: &Rows, id: impl Fn(&Row) -> Option<String>) -> Self {
        let texts = rows.all().iter().map(text).collect();
        Self { texts, ids: rows.all().iter().filter_map(id).collect() }
    }

    /// Returns the rows that are new or were changed.
    fn changed(&self, rows: Rows) -> Rows {
        if self.texts.is_empty() {
            return rows;
        }
        rows.filter(|row| !self.texts.contains(&text(row)))
    }
}

fn job_id(tables: &Tables, job: &Row) -> Option<String> {
    observation::text(job, &tables.jobs.id)
}

fn text(row: &Row) -> String {
    Json::Object(row.clone()).to_string()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::spec::example;

    fn rows(rows: &[Json]) -> Rows {
        Rows::from_json(rows.to_vec())
    }

    fn ids(rows: &Rows) -> Vec<String> {
        rows.all().iter().map(|row| row["id"].to_string()).collect()
    }

    #[test]
    fn only_new_and_changed_rows_belong_to_the_case() {
        let tables = example(|text| text).tables;
        let job = |id: u64, status: &str| json!({ "id": id, "status": status });
        let span = |id: u64, unit: u64| json!({ "id": id, "execution_id": unit });
        let before = TableRows {
            jobs: rows(&[job(1, "completed"), job(2, "queued")]),
            units: rows(&[job(1, "completed"), job(2, "completed"), job(3, "queued")]),
            spans: rows(&[span(1, 1)]),
        };
        let after = || TableRows {
            jobs: rows(&[job(1, "completed"), job(2, "completed"), job(3, "completed")]),
            units: rows(&[
                job(1, "completed"),
                job(2, "completed"),
                job(3, "completed"),
                job(4, "completed"),
            ]),
            spans: rows(&[span(1, 1), span(2, 2), span(3, 4)]),
        };
        let own = EarlierRows::new(&tables, &before, false).own_tables(&tables, after());
        assert_eq!(ids(&own.jobs), ["3"], "job 2 was changed, but job 3 is new");
        assert_eq!(ids(&own.units), ["3", "4"], "unit 2 is earlier, although a new span names it");
        assert_eq!(ids(&own.spans), ["2", "3"]);
        let no_new_units = TableRows { units: before.units.clone(), ..after() };
        let own = EarlierRows::new(&tables, &before, false).own_tables(&tables, no_new_units);
        assert_eq!(ids(&own.units), ["2"], "the service does not write units");
        let no_new_jobs =
            TableRows { jobs: rows(&[job(1, "completed"), job(2, "done")]), ..after() };
        let own = EarlierRows::new(&tables, &before, false).own_tables(&tables, no_new_jobs);
        assert_eq!(ids(&own.jobs), ["2"], "job 2 was changed");
        let own = EarlierRows::new(&tables, &before, true).own_tables(&tables, after());
        assert_eq!(own.jobs.all().len(), 3);
        assert_eq!((own.units.all().len(), own.spans.all().len()), (4, 2));
    }

    /// Regression test: units of a job that a seed had put into the queue counted as those of the case.
    #[test]
    fn a_job_of_a_seed_may_be_executed_beside_the_case() {
        let tables = example(|text| text).tables;
        let job = |id: u64, status: &str| json!({ "id": id, "status": status });
        let unit = |id: u64, job: u64| json!({ "id": id, "job_id": job });
        let span =
            |unit: u64| json!({"trace_id": unit.to_string(), "span_id": "1", "execution_id": unit});
        let before = TableRows {
            jobs: rows(&[job(1, "queued")]),
            units: rows(&[unit(1, 9)]),
            spans: rows(&[]),
        };
        let after = TableRows {
            jobs: rows(&[job(1, "completed"), job(2, "completed")]),
            units: rows(&[unit(1, 9), unit(2, 1), unit(3, 2)]),
            spans: rows(&[span(2), span(3)]),
        };
        let own = EarlierRows::new(&tables, &before, false).own_tables(&tables, after.clone());
        assert_eq!((ids(&own.jobs), ids(&own.units)), (vec!["2".to_owned()], vec!["3".to_owned()]));
        assert_eq!(own.spans.all().len(), 1);
        let no_units = TableRows { units: rows(&[]), ..before };
        let after = TableRows { units: rows(&[unit(2, 1), unit(3, 2)]), ..after };
        let own = EarlierRows::new(&tables, &no_units, false).own_tables(&tables, after);
        assert_eq!((ids(&own.units), own.spans.all().len()), (vec!["3".to_owned()], 1));
    }

    /// Regression test: old items of a dead job, and archived spans, counted as those of the case.
    #[test]
    fn earlier_rows_of_other_jobs_may_be_changed() {
        let tables = example(|text| text).tables;
        let job = |id: u64, status: &str| json!({ "id": id, "status": status });
        let unit =
            |id: u64, job: u64, status: &str| json!({"id": id, "job_id": job, "status": status});
        let span = |trace: &str, status: &str| json!({"trace_id": trace, "span_id": "1", "status": status});
        let before = TableRows {
            jobs: rows(&[job(1, "running")]),
            units: rows(&[unit(1, 1, "running"), unit(2, 1, "waiting")]),
            spans: rows(&[span("a", "started")]),
        };
        let after = TableRows {
            jobs: rows(&[job(1, "failed"), job(2, "completed")]),
            units: rows(&[unit(1, 1, "failed"), unit(2, 2, "completed"), unit(3, 2, "completed")]),
            spans: rows(&[span("a", "archived"), span("b", "completed")]),
        };
        let own = EarlierRows::new(&tables, &before, false).own_tables(&tables, after);
        assert_eq!(ids(&own.jobs), ["2"]);
        assert_eq!(ids(&own.units), ["2", "3"], "unit 2 was given to the new job");
        assert_eq!(own.spans.all().len(), 1, "the id of a span is unique in its trace");
        let after = TableRows {
            jobs: rows(&[job(1, "running"), job(2, "completed")]),
            units: rows(&[unit(1, 1, "sent"), unit(2, 1, "sent")]),
            spans: rows(&[]),
        };
        let own = EarlierRows::new(&tables, &before, false).own_tables(&tables, after);
        assert_eq!(ids(&own.units), ["1", "2"], "job 2 works on the units of job 1");
    }
}
