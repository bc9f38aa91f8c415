//! Remarks about a passing case: facts about its spans that may be defects, and may also be intended.

use chrono::{DateTime, TimeDelta, Utc};

use super::facts::Facts;
use super::impossible::clock_tolerance;
use super::request_time::RequestTimes;
use super::unit_time;
use crate::observation::{Observation, Span, Time};
use crate::spec::Spec;
use spanproof_format::count_phrase;

/// Returns the remarks about a passing case; none about an existing system, whose clocks may differ.
pub(crate) fn remarks(spec: &Spec, observation: &Observation) -> Vec<String> {
    let facts = Facts::read(spec, observation);
    let Some(trial) = facts.trial() else { return Vec::new() };
    let tolerance = clock_tolerance(trial) + rounding(&facts);
    let early = early_ends(&facts, tolerance);
    let all = [early, unit_time::remark(&facts, tolerance), more_written(&facts)];
    all.into_iter().flatten().collect()
}

/// Returns how far the times of spans and units may be off because they are rounded.
fn rounding(facts: &Facts<'_>) -> TimeDelta {
    let is_whole = |at: DateTime<Utc>| at.timestamp_subsec_nanos() == 0;
    let mut units = facts.units.iter().flat_map(|unit| [unit.started, unit.ended]).flatten();
    let of_units = TimeDelta::seconds(i64::from(units.any(is_whole)));
    let spans = facts.spans.iter().flat_map(|span| [&span.started, &span.ended]).flatten();
    spans.map(Time::rounding).max().unwrap_or_default().max(of_units)
}

/// Returns a remark if the service reports more spans as written than are stored, although none is missing.
fn more_written(facts: &Facts<'_>) -> Option<String> {
    let (reported, stored) = (facts.written_count(), facts.spans.len());
    (reported > stored).then(|| {
        format!(
            "the service reports {reported} spans as written, and {stored} are stored: some were lost, unless it \
             writes spans twice"
        )
    })
}

/// Returns a remark if spans end before the answers to their own requests.
fn early_ends(facts: &Facts<'_>, tolerance: TimeDelta) -> Option<String> {
    let requests = RequestTimes::new(facts);
    let of_span = |span: &Span| Some((span.name.clone()?, requests.ends_early(span, tolerance)?));
    let early: Vec<_> = facts.required_spans().filter_map(of_span).collect();
    let (name, how) = early.first()?;
    let spans = count_phrase(early.len(), "span ends", "spans end");
    Some(format!(
        "{spans} before the answer to a request with the same id (`{name}`: {how}): this is too early if the work \
         waits for the answer"
    ))
}
