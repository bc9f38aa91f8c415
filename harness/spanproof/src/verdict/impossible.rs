//! Checks for values of spans that cannot be right: ids that consist of zeros or are used twice, and times
//! that contradict each other or the time of the job. A unit is one part of a job. The period of a job begins
//! with its submission. It ends when the service is stopped; in an existing system, some time after the end
//! of the job's last unit.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};

use super::duration::Durations;
use super::evidence::{Evidence, limit};
use super::facts::Facts;
use super::finding::{Checks, Finding};
use super::other_zone::{self, zone_offset};
use super::request_time::RequestTimes;
use super::time_unit::TimeUnits;
use crate::observation::{Field, Period, Span, Time, TrialRecord, is_zero_id};
use crate::timestamp::shifted;
use spanproof_format::Code;

/// How far the clocks of the service, of spanproof and of the database server may differ, if the server
/// may run on another machine.
pub(super) const CLOCK_TOLERANCE: TimeDelta = TimeDelta::seconds(2);
/// How long after a job's last unit its spans may start or end in an existing system, in addition to the time
/// in which they may be written late: a job may do some work after its units.
const AFTERWARDS: TimeDelta = TimeDelta::minutes(1);
/// How far times that were taken on one machine may differ.
const SAME_CLOCK_TOLERANCE: TimeDelta = TimeDelta::milliseconds(50);
/// How much earlier than its parent a span may start: times may be rounded to milliseconds.
const START_TOLERANCE: TimeDelta = TimeDelta::milliseconds(10);

/// Checks the ids and times of the spans that the spec requires.
pub(super) fn check_values(facts: &Facts<'_>, checks: &mut Checks) {
    let spans: Vec<&Span> = facts.required_spans().collect();
    let outside_units: Vec<&Span> = facts.spans_outside_units().collect();
    check_ids(facts, &spans, &outside_units, checks);
    check_times(facts, &spans, &outside_units, checks);
}

fn check_ids(facts: &Facts<'_>, spans: &[&Span], outside_units: &[&Span], checks: &mut Checks) {
    let zero: Vec<_> = spans.iter().chain(outside_units).filter(|span| has_zero_id(span)).collect();
    let all = spans.len() + outside_units.len();
    checks.expect_each(zero.is_empty(), || {
        let message = format!("{} of {all} spans have an id that is all zeros", zero.len());
        Finding::new(Code::InvalidIds, message, spans_with_ids(facts, zero.into_iter().copied()))
    });
    let all = spans.len();
    let shared = with_shared_id(spans);
    checks.expect_each(shared.is_empty(), || {
        let message = format!("{} of {all} spans share their id with another one", shared.len());
        Finding::new(Code::InvalidIds, message, spans_with_ids(facts, shared.into_iter()))
    });
}

/// Returns the spans that share their id with a different span.
pub(super) fn with_shared_id<'a>(spans: &[&'a Span]) -> Vec<&'a Span> {
    let mut by_id: BTreeMap<(&Option<String>, &str), Vec<&Span>> = BTreeMap::new();
    for span in spans {
        if let Some(id) = &span.id {
            by_id.entry((&span.trace, id)).or_default().push(span);
        }
    }
    // Two rows with the same name and unit are one span that was recorded twice. Another check reports
    // duplicates.
    let is_shared = |spans: &&Vec<&Span>| {
        spans.iter().any(|span| span.name != spans[0].name || span.unit != spans[0].unit)
    };
    by_id.values().filter(is_shared).flatten().copied().collect()
}

/// Returns the ids of the units that have spans with an all-zero or a shared id.
pub(super) fn units_with_invalid_ids<'a>(facts: &'a Facts<'_>) -> BTreeSet<&'a str> {
    let spans: Vec<&Span> = facts.required_spans().collect();
    let zero = spans.iter().copied().filter(|span| has_zero_id(span));
    let invalid = zero.chain(with_shared_id(&spans));
    invalid.filter_map(|span| span.unit.as_deref()).collect()
}

fn has_zero_id(span: &Span) -> bool {
    [&span.trace, &span.id].into_iter().flatten().any(|id| is_zero_id(id))
}

fn spans_with_ids<'a>(facts: &Facts<'_>, spans: impl Iterator<Item = &'a Span>) -> Vec<Evidence> {
    let fields = [Field::Trace, Field::Unit];
    limit(spans.map(|span| Evidence::span(facts, span, &fields)))
}

fn check_times(facts: &Facts<'_>, spans: &[&Span], outside_units: &[&Span], checks: &mut Checks) {
    let mut wrong: Vec<(&Span, String)> = Vec::new();
    let limits = Limits::new(facts);
    let all: Vec<&Span> = spans.iter().chain(outside_units).copied().collect();
    let (time_units, durations) = (TimeUnits::new(&all), Durations::new(&all));
    let requests = RequestTimes::new(facts);
    for span in outside_units {
        // Such a span may be older than the job. In an existing system it may belong to a later job.
        let reason = limits
            .as_ref()
            .filter(|_| facts.trial().is_some())
            .and_then(|limits| limits.after_period(span))
            .or_else(|| infinite(span))
            .or_else(|| time_units.other(span))
            .or_else(|| durations.wrong(span))
            .or_else(|| durations.other_unit(span));
        wrong.extend(reason.map(|reason| (*span, reason)));
    }
    for span in spans {
        let reason = limits
            .as_ref()
            .and_then(|limits| limits.exceeded(facts, span))
            .or_else(|| infinite(span))
            .or_else(|| starts_before_parent(facts, span))
            .or_else(|| {
                // If spans share an id, it is not known which of them a request names.
                facts.only_span_with_id(span.id.as_deref())?;
                requests.starts_late(span, limits.as_ref()?.tolerance_of(span.started.as_ref()))
            })
            .or_else(|| time_units.other(span))
            .or_else(|| durations.wrong(span))
            .or_else(|| durations.other_unit(span));
        wrong.extend(reason.map(|reason| (*span, reason)));
    }
    checks.expect_each(wrong.is_empty(), || {
        if let Some(finding) = other_zone::finding(facts, spans, wrong.len()) {
            return finding;
        }
        let message =
            format!("{} of {} spans have impossible times: {}", wrong.len(), all.len(), wrong[0].1);
        let fields = [Field::Started, Field::Ended, Field::Duration];
        let line = |(span, reason): &(&Span, String)| {
            Evidence::span_with_remark(facts, span, &fields, reason)
        };
        Finding::new(Code::ImpossibleTimes, message, limit(wrong.iter().map(line)))
    });
}

/// Returns how far the clocks of the service and of the database server may differ in a trial. The server's log
/// can be read only if the server runs on this machine, so that there is one clock.
pub(super) fn clock_tolerance(trial: &TrialRecord) -> TimeDelta {
    if trial.server_log_read { SAME_CLOCK_TOLERANCE } else { CLOCK_TOLERANCE }
}

/// The limits for the times of spans.
struct Limits {
    period: Period,
    /// The end of the period, in words that follow "after".
    end: &'static str,
    /// How far clocks may differ.
    tolerance: TimeDelta,
    /// The offset from UTC that the times of spans may have: that of the times in other rows.
    offset: TimeDelta,
    /// The latest time at which the job can have ended; `None` if spanproof did not wait for its end.
    job_end: Option<DateTime<Utc>>,
}

impl Limits {
    /// Returns `None` if the time of the submission is not known.
    fn new(facts: &Facts<'_>) -> Option<Self> {
        let Some(trial) = facts.trial() else { return Self::for_existing_system(facts) };
        let period = trial.period?;
        let tolerance = clock_tolerance(trial);
        let (spec, case) = (facts.spec, &facts.observation.case);
        let route = spec.route(&case.route);
        let is_awaited = route.is_some_and(|route| route.done.is_none() && !route.at_start);
        let job_end = facts
            .observation
            .job_ms()
            // A job may start another one, whose units run after it has ended.
            .filter(|_| is_awaited && !spec.tables.jobs.table.is_empty() && facts.jobs.len() == 1)
            .and_then(|ms| {
                Some(shifted(period.submitted, TimeDelta::try_milliseconds(ms.try_into().ok()?)?))
            });
        let end = "the service stopped";
        Some(Self {
            period,
            end,
            tolerance,
            offset: other_zone::utc_offset_of_rows(facts),
            job_end,
        })
    }

    /// Returns `None` if the time at which a job was created, or a unit ended, is not known.
    fn for_existing_system(facts: &Facts<'_>) -> Option<Self> {
        let submitted = facts.jobs.iter().map(|job| job.created).collect::<Option<Vec<_>>>()?;
        let submitted = submitted.into_iter().min()?;
        let ended = facts.units.iter().map(|unit| unit.ended).collect::<Option<Vec<_>>>()?;
        let late = facts.spec.flush_delta() + AFTERWARDS;
        let period = Period { submitted, stopped: shifted(ended.into_iter().max()?, late) };
        let started = facts.units.iter().filter_map(|unit| unit.started).min();
        let offset = started.and_then(|started| zone_offset(started - submitted));
        Some(Self {
            period,
            end: "the latest time allowed, which is some time after the end of the last unit of its job",
            tolerance: CLOCK_TOLERANCE,
            offset: offset.unwrap_or_default(),
            job_end: None,
        })
    }

    /// Returns what is wrong if a span starts or ends outside the period, or if a unit's own span starts
    /// after the job has ended; `None` if neither is the case.
    fn exceeded(&self, facts: &Facts<'_>, span: &Span) -> Option<String> {
        self.outside_period(facts, span).or_else(|| self.starts_after_job(facts, span))
    }

    /// How far a time may differ: as far as clocks do, and as far as it is rounded.
    fn tolerance_of(&self, time: Option<&Time>) -> TimeDelta {
        self.tolerance + time.map_or(TimeDelta::zero(), Time::rounding)
    }

    fn outside_period(&self, facts: &Facts<'_>, span: &Span) -> Option<String> {
        let (submitted, stopped) = (self.period.submitted, self.period.stopped);
        let is_outside = |at: &DateTime<Utc>, time: Option<&Time>| {
            // The end may be the sum of a rounded start and an exact duration.
            let tolerance = self.tolerance_of(time).max(self.tolerance_of(span.started.as_ref()));
            let range = shifted(submitted, -tolerance)..=shifted(stopped, tolerance);
            !range.contains(at) && !range.contains(&shifted(*at, -self.offset))
        };
        let (at, word) = start_or_end(span, is_outside)?;
        if let Some(offset) = zone_offset(at - submitted) {
            let lacks_zone = span.started.as_ref().is_some_and(|time| !time.has_zone());
            // A service may write local times into a column without a time zone. The zone of an existing
            // system is not known.
            if lacks_zone && (offset == local_offset() || facts.trial().is_none()) {
                return None;
            }
            let minutes = offset.num_minutes();
            return Some(format!(
                "its {word} is {minutes} minutes from the time of the job, as if in another time zone"
            ));
        }
        Some(if at < submitted {
            let ms = (submitted - at).num_milliseconds();
            format!("its {word} is {ms} ms before the job was submitted")
        } else {
            let ms = (at - stopped).num_milliseconds();
            format!("its {word} is {ms} ms after {}", self.end)
        })
    }

    /// Returns what is wrong if a span starts or ends after the period; `None` if it does not.
    fn after_period(&self, span: &Span) -> Option<String> {
        let is_late = |at: &DateTime<Utc>, time: Option<&Time>| {
            let last = shifted(self.period.stopped, self.tolerance_of(time));
            *at > last && shifted(*at, -self.offset) > last
        };
        let (at, word) = start_or_end(span, is_late)?;
        // A service may write local times into a column without a time zone.
        let has_zone = span.started.as_ref().is_none_or(Time::has_zone);
        let ms = (at - self.period.stopped).num_milliseconds();
        has_zone.then(|| format!("its {word} is {ms} ms after {}", self.end))
    }

    /// Returns what is wrong if a unit's own span starts after the job has ended. `None` for other spans:
    /// their work may continue after that.
    fn starts_after_job(&self, facts: &Facts<'_>, span: &Span) -> Option<String> {
        let (end, start) = (self.job_end?, span.start()?);
        let own = facts.expected_spans.first()?;
        let is_own = own.is_root() && span.name.as_deref() == Some(own.name);
        let late = (start - end).min(shifted(start, -self.offset) - end);
        let is_local_time = zone_offset(start - self.period.submitted).is_some();
        let is_late = late > self.tolerance_of(span.started.as_ref());
        (is_own && span.unit.is_some() && !is_local_time && is_late)
            .then(|| format!("it starts {} ms after the job had ended", late.num_milliseconds()))
    }
}

/// Returns the start of a span if it is wrong, or else the end if that is wrong, with its name.
fn start_or_end(
    span: &Span,
    is_wrong: impl Fn(&DateTime<Utc>, Option<&Time>) -> bool,
) -> Option<(DateTime<Utc>, &'static str)> {
    let start = span.start().filter(|at| is_wrong(at, span.started.as_ref()));
    let end = span.end().filter(|at| is_wrong(at, span.ended.as_ref()));
    start.map(|at| (at, "start")).or(end.map(|at| (at, "end")))
}

/// Returns what is wrong if a span starts or ends at `infinity`, which Postgres accepts as a time; `None` if it does
/// not.
fn infinite(span: &Span) -> Option<String> {
    let is_infinite = |field: &Field| {
        let text = span.field_text(*field).unwrap_or_default().to_ascii_lowercase();
        ["infinity", "inf"].contains(&text.trim_start_matches(['+', '-']))
    };
    let word = match [Field::Started, Field::Ended].iter().find(|field| is_infinite(field))? {
        Field::Started => "start",
        _ => "end",
    };
    Some(format!("its {word} is infinite"))
}

fn local_offset() -> TimeDelta {
    TimeDelta::seconds(i64::from(chrono::Local::now().offset().local_minus_utc()))
}

/// Returns what is wrong if a span starts before its parent; `None` if it does not.
fn starts_before_parent(facts: &Facts<'_>, span: &Span) -> Option<String> {
    let parents = facts.spans_with_id(span.parent.as_deref());
    let mut parents = parents.filter(|other| other.trace == span.trace);
    // If spans share an id, it is not known which of them is the parent.
    let parent = parents.next().filter(|_| parents.next().is_none())?;
    // If units use the same ids, the parent of one of them may be lost, and another one has its id.
    if span.unit.is_some() && parent.unit.is_some() && span.unit != parent.unit {
        return None;
    }
    let early = parent.start()? - span.start()?;
    let starts = [&parent.started, &span.started].into_iter().flatten();
    let rounding = starts.map(Time::rounding).max().unwrap_or_default();
    let tolerance = START_TOLERANCE.max(rounding);
    (early > tolerance).then(|| {
        format!("it starts {} ms before the span that contains it", early.num_milliseconds())
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::zeros("00000000000000000000000000000000", true)]
    #[case::uuid("00000000-0000-0000-0000-000000000000", true)]
    #[case::number("0", false)]
    #[case::id("00f067aa0ba902b7", false)]
    fn an_id_is_invalid_if_it_consists_of_zeros_in_full_length(
        #[case] id: &str,
        #[case] zero: bool,
    ) {
        assert_eq!(is_zero_id(id), zero);
    }

    #[rstest]
    #[case::an_hour(3_610, Some(60))]
    #[case::india(-19_795, Some(-330))]
    #[case::same_zone(20, None)]
    #[case::not_an_offset(2_000, None)]
    fn a_difference_may_be_the_offset_of_a_time_zone(
        #[case] seconds: i64,
        #[case] minutes: Option<i64>,
    ) {
        let found = zone_offset(TimeDelta::seconds(seconds));
        assert_eq!(found.map(|offset| offset.num_minutes()), minutes);
    }
}
