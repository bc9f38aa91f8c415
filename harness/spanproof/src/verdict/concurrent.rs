//! Removes lines of an existing system's log that are about spans of other jobs, which ran at the same time.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};

use super::facts::Facts;
use super::impossible::CLOCK_TOLERANCE;
use crate::observation::{Deployment, has_id};
use crate::timestamp::shifted;

impl Facts<'_> {
    /// Removes the lines about spans of other jobs that ran at the same time. Lines that name a unit of these
    /// jobs stay. For each span of another job, one line with its name is removed, if the span started when
    /// that line was written. Also removes as many spans from the lines that report written spans.
    pub(super) fn drop_lines_of_other_jobs(&mut self, deployment: &Deployment) {
        let mut starts: BTreeMap<&str, BTreeMap<DateTime<Utc>, usize>> = BTreeMap::new();
        for span in &deployment.concurrent_spans {
            *starts.entry(&span.name).or_default().entry(span.started).or_default() += 1;
        }
        let before = self.begin_lines.len();
        let ids: BTreeSet<_> = self.units.iter().filter_map(|unit| unit.id.clone()).collect();
        let names_unit = |text: &str| has_id(text, &ids);
        self.begin_lines.retain(|begun| {
            if names_unit(begun.line.text) {
                return true;
            }
            let name = begun.report.name.as_deref().unwrap_or_default();
            let Some(starts) = starts.get_mut(name).filter(|_| begun.report.enabled) else {
                return true;
            };
            let times =
                begun.line.at.map_or(DateTime::<Utc>::MIN_UTC..=DateTime::<Utc>::MAX_UTC, |at| {
                    shifted(at, -CLOCK_TOLERANCE)..=shifted(at, CLOCK_TOLERANCE)
                });
            let Some(start) = starts.range(times).next().map(|(start, _)| *start) else {
                return true;
            };
            let more = starts.remove(&start).unwrap_or_default().saturating_sub(1);
            if more > 0 {
                starts.insert(start, more);
            }
            false
        });
        let mut left = before - self.begin_lines.len();
        for line in self.written_lines.iter_mut().filter(|line| !names_unit(line.line.text)) {
            let dropped = left.min(line.report);
            (left, line.report) = (left - dropped, line.report - dropped);
        }
        self.written_lines.retain(|line| line.report > 0);
    }
}
