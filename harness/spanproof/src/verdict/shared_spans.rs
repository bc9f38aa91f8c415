//! Spans without a unit's id that may belong to several jobs, of which some lost their spans. A unit is one part
//! of a job.

use super::evidence::{Evidence, limit};
use super::facts::Facts;
use super::finding::Finding;
use crate::observation::{SharedSpans, Span};
use spanproof_format::{Code, count_phrase};

/// Returns the finding for spans that may belong to these jobs or to others; `None` if there are none.
pub(super) fn finding(facts: &Facts<'_>, shared: &SharedSpans) -> Option<Finding> {
    let columns = &facts.spec.tables.spans;
    let spans: Vec<Span> = shared.rows.iter().map(|row| Span::from_row(columns, row)).collect();
    let first = spans.first()?;
    let unit = columns.unit.to_string();
    let names_unit = |span: &Span| (unit.clone(), span.unit.clone());
    let message = format!(
        "{} without the id of a unit in `{unit}`, such as `{}`, may belong to any of the jobs {}, and there are fewer of \
         them than these jobs lack: some of these jobs lost their spans, and others only lack the link to them; give \
         the spans their ids, or compare the times of the spans with those of the units",
        count_phrase(spans.len(), "span", "spans"),
        first.name.as_deref().unwrap_or_default(),
        shared.jobs.join(", ")
    );
    let lines = spans.iter().map(|span| Evidence::span_with(facts, span, vec![names_unit(span)]));
    let evidence = Evidence::units(facts).into_iter().chain(limit(lines));
    Some(Finding::new(Code::Undetermined, message, evidence.collect()))
}
