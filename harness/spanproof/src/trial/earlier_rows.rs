//! The rows that seeds and migrations put into the tables before the service starts. Like the rows of
//! earlier jobs in production, they do not belong to the case. A unit is one part of a job.

use std::collections::BTreeSet;

use serde_json::Value as Json;

use crate::observation::{Row, Rows, TableRows, id};
use crate::spec::Tables;

/// The earlier rows of the tables of jobs, units and spans, each as JSON text.
#[derive(Debug, Clone, Default)]
pub(super) struct EarlierRows {
    jobs: BTreeSet<String>,
    units: BTreeSet<String>,
    spans: BTreeSet<String>,
}

impl EarlierRows {
    /// Remembers rows as earlier rows. If `works_at_start` is true, the service works off existing jobs when
    /// it starts; then jobs and units are not remembered, because those of the case are among them.
    pub(super) fn new(rows: &TableRows, works_at_start: bool) -> Self {
        let texts = |rows: &Rows| rows.all().iter().map(text).collect();
        let spans = texts(&rows.spans);
        if works_at_start {
            return Self { spans, ..Self::default() };
        }
        Self { jobs: texts(&rows.jobs), units: texts(&rows.units), spans }
    }

    /// Returns the jobs that are new or were changed.
    pub(super) fn own_jobs(&self, jobs: Rows) -> Rows {
        own(jobs, &self.jobs)
    }

    /// Returns the spans that are new or were changed.
    pub(super) fn own_spans(&self, spans: Rows) -> Rows {
        own(spans, &self.spans)
    }

    /// Returns the rows that are new or were changed. If no unit is new or changed, because the service does
    /// not write units, returns the units that the returned spans name.
    pub(super) fn own_tables(&self, tables: &Tables, all: TableRows) -> TableRows {
        let (jobs, spans) = (self.own_jobs(all.jobs), self.own_spans(all.spans));
        if self.units.is_empty() {
            return TableRows { jobs, units: all.units, spans };
        }
        let units = own(all.units.clone(), &self.units);
        if matches!(&units, Rows::Unreadable(_)) || !units.all().is_empty() {
            return TableRows { jobs, units, spans };
        }
        let named: BTreeSet<String> =
            spans.all().iter().filter_map(|span| id(span, &tables.spans.unit)).collect();
        let is_named =
            |unit: &Row| id(unit, &tables.units.id).is_some_and(|id| named.contains(&id));
        TableRows { jobs, units: all.units.filter(is_named), spans }
    }

    /// Returns the number of earlier spans.
    pub(super) fn span_count(&self) -> u64 {
        self.spans.len() as u64
    }
}

fn own(rows: Rows, earlier: &BTreeSet<String>) -> Rows {
    if earlier.is_empty() { rows } else { rows.filter(|row| !earlier.contains(&text(row))) }
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
        rows.iter().map(|row| row.as_object().unwrap().clone()).collect()
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
        let own = EarlierRows::new(&before, false).own_tables(&tables, after());
        assert_eq!(ids(&own.jobs), ["2", "3"], "job 2 was changed");
        assert_eq!(ids(&own.units), ["3", "4"], "unit 2 is earlier, although a new span names it");
        assert_eq!(ids(&own.spans), ["2", "3"]);
        let no_new_units = TableRows { units: before.units.clone(), ..after() };
        let own = EarlierRows::new(&before, false).own_tables(&tables, no_new_units);
        assert_eq!(ids(&own.units), ["2"], "the service does not write units");
        let own = EarlierRows::new(&before, true).own_tables(&tables, after());
        assert_eq!(own.jobs.all().len(), 3);
        assert_eq!((own.units.all().len(), own.spans.all().len()), (4, 2));
    }
}
