//! Checks of a case that must record spans, in the order in which work becomes a trace: the process
//! runs, the units of work of the job are executed, spans end, each span agrees with its unit, and the
//! spans of a unit form one tree.

use super::evidence::{Evidence, some};
use super::facts::{Facts, Match};
use super::finding::{Checks, Finding};
use super::funnel::differences;
use super::tree;
use crate::observation::{Field, Span, TrialRecord, WaitResult};
use crate::process::Ending;
use crate::spec::{Banner, Value};
use spanproof_format::Code;

/// Returns why the case shows nothing about tracing: the service kept running, and did not become
/// ready in time. `None` if it became ready, or exited by itself.
pub(super) fn never_ready(trial: &TrialRecord) -> Option<String> {
    let run = &trial.run;
    match &run.ready {
        WaitResult::NotReached(why) if run.exit.stop_requested => {
            let tail = tail(trial);
            Some(format!("the service did not become ready: {why}{tail}"))
        }
        _ => None,
    }
}

/// Returns the last lines of the service and the errors of the server, each on an indented line.
pub(super) fn tail(trial: &TrialRecord) -> String {
    let errors = Evidence::server_errors(trial).into_iter();
    let errors: String = errors.map(|error| format!("\n    {error}")).collect();
    format!("{}{errors}", trial.run.output.tail(5))
}

/// The service did not end by itself.
pub(super) fn alive(facts: &Facts<'_>, checks: &mut Checks) {
    let Some(run) = facts.run() else { return };
    let exit = &run.exit;
    checks.expect(exit.stop_requested, || {
        let when = if run.ready.is_reached() { "while the job ran" } else { "before it was ready" };
        let message = format!("{} ended by itself {when}, with {}", exit.name(), exit.ending);
        let (ending, at_ms) = (exit.ending, Some(exit.at_ms));
        let clean = "if that is a success, add the code to `stop.clean`".to_owned();
        let has_success_code = facts.spec.service.one_shot && matches!(ending, Ending::Code(_));
        let mut evidence =
            vec![Evidence::Exit { ending, at_ms, remark: has_success_code.then_some(clean) }];
        if facts.spec.probes.has_tracer() && facts.banners.is_empty() {
            evidence.push(Evidence::Note("output: no tracer line at startup".into()));
        }
        evidence.extend(Evidence::circumstances(facts));
        Finding::new(Code::ProcessCrashed, message, evidence)
    });
}

/// If any spans are stored, the tracer must have reported at startup that it is on.
pub(super) fn claimed(facts: &Facts<'_>, checks: &mut Checks) {
    if facts.spans.is_empty() || !facts.spec.probes.has_tracer() {
        return;
    }
    let Some(banner) = facts.banners.first() else {
        // The log of an existing system may begin after the startup, and dropped output may have
        // contained the line.
        let is_complete = facts.run().is_some() && facts.observation.dropped_bytes() == 0;
        return checks.expect(!is_complete, || {
            let count = facts.observation.lines().len();
            let message = "spans are recorded, and no startup line says that tracing is on";
            let searched = format!("output: {count} lines, none matches `tracer` under `[probes]`");
            Finding::new(Code::ClaimMissing, message, vec![Evidence::Note(searched)])
        });
    };
    checks.expect(banner.what.enabled, || {
        let message =
            format!("the tracer says that it is off, and {} spans are stored", facts.spans.len());
        Finding::new(Code::BannerContradicts, message, vec![banner.into()])
    });
}

/// Under a fault spans may be lost although tracing is on, so only a startup line that reports off is
/// a finding.
pub(super) fn announced(facts: &Facts<'_>, checks: &mut Checks) {
    if let Some(banner) = facts.banners.first() {
        checks.expect(banner.what.enabled, || disabled(facts, banner));
    }
}

/// The finding for a tracer that says it is off although it should be on.
pub(super) fn disabled(facts: &Facts<'_>, banner: &Match<'_, Banner>) -> Finding {
    let setting_text = setting(facts);
    let given = facts
        .spec
        .tracing_flag()
        .map(|flag| (flag.name.clone(), facts.observation.case.flag(&flag.name)));
    let variable = given.clone().map(|(name, value)| Evidence::Variable { name, value });
    let variable =
        variable.unwrap_or_else(|| Evidence::Note(format!("environment  {setting_text}")));
    let given = given.as_ref().and_then(|(_, value)| Value::text(value));
    let lines = vec![variable, banner.into()];
    match &banner.what.raw {
        Some(raw) if raw.is_empty() && given.is_some_and(|given| !given.is_empty()) => {
            let message = format!(
                "{setting_text} was given to the process, and the service saw it unset or empty"
            );
            Finding::new(Code::FlagUnset, message, lines)
        }
        _ => {
            let message = format!("{setting_text} means on, and the service reads it as off");
            Finding::new(Code::FlagUnrecognisedValue, message, lines)
        }
    }
}

/// `NAME=value` of the tracing flag.
pub(super) fn setting(facts: &Facts<'_>) -> String {
    match facts.spec.tracing_flag() {
        Some(flag) => format!("{}={}", flag.name, facts.observation.case.flag(&flag.name)),
        None => "tracing".into(),
    }
}

/// Stage 4: every unit of the job was executed, and the job ended.
pub(super) fn executed(facts: &Facts<'_>, checks: &mut Checks) {
    let Some(work) = facts.trial().map(|trial| &trial.job_run) else { return };
    let Some(submission) = &work.submission else { return };
    checks.expect(submission.is_accepted(), || {
        let message = "the service refused the job";
        let answer = vec![Evidence::Submission(submission.clone())];
        let evidence = [answer, Evidence::circumstances(facts)].concat();
        Finding::new(Code::JobFailedEarly, message, evidence)
    });
    if !checks.is_clean() {
        return;
    }
    let (done, expected) = (facts.units.len(), facts.expected);
    let unfinished = match &work.settled {
        Some(WaitResult::NotReached(why)) => Some(why.as_str()),
        _ => None,
    };
    checks.expect(done >= expected, || missing_units(facts, done, expected, unfinished));
    checks.expect(done <= expected, || {
        let message = format!("the job has {expected} units, and {done} were executed");
        Finding::new(Code::Duplicate, message, Evidence::units(facts))
    });
    if let (true, Some(why)) = (checks.is_clean(), unfinished) {
        checks.expect(false, || {
            let mut lines = Evidence::jobs(facts, false);
            lines.extend(Evidence::units(facts));
            lines.extend(Evidence::circumstances(facts));
            Finding::new(Code::JobNotFinished, why, lines)
        });
    }
}

/// The finding for a job with too few units. `unfinished` is what was awaited in vain, if the job did
/// not end in time.
fn missing_units(
    facts: &Facts<'_>,
    done: usize,
    expected: usize,
    unfinished: Option<&str>,
) -> Finding {
    let jobs = &facts.spec.tables.jobs;
    let status = facts.jobs.first().and_then(|job| job.status.clone());
    let waiting = status.as_ref().is_some_and(|status| jobs.waiting.contains(status));
    let (code, message) = match status {
        Some(status) if waiting && done == 0 => (
            Code::JobNotPickedUp,
            format!("the job was accepted and is still `{status}`: nobody took it"),
        ),
        Some(status) if unfinished.is_some() && !jobs.done.contains(&status) => {
            let why = unfinished.unwrap_or_default();
            (Code::JobNotFinished, format!("{why}; {done} of {expected} units were executed"))
        }
        Some(status) => (
            Code::JobFailedEarly,
            format!("the job is `{status}` with {done} of {expected} units executed"),
        ),
        None if jobs.table.is_empty() => match unfinished {
            Some(why) => {
                (Code::JobNotFinished, format!("{why}; {done} of {expected} units were executed"))
            }
            None => (
                Code::JobFailedEarly,
                format!("the job ended with {done} of {expected} units executed"),
            ),
        },
        None => {
            (Code::JobFailedEarly, "the job was accepted and there is no row for it".to_owned())
        }
    };
    let mut lines = Evidence::jobs(facts, false);
    let table = facts.spec.tables.units.table.clone();
    lines.push(Evidence::RowCount { table, rows: done, of: None });
    lines.extend(Evidence::circumstances(facts));
    Finding::new(code, message, lines)
}

/// The startup line and the lines about the start of spans must agree: a tracer that is not off at
/// startup must not report at a span that it is off.
pub(super) fn consistent(facts: &Facts<'_>, checks: &mut Checks) {
    if !facts.spec.probes.has_attempt() {
        return;
    }
    let is_on = facts.banners.first().is_none_or(|line| line.what.enabled);
    let idle: Vec<_> = facts.attempts.iter().filter(|found| !found.what.enabled).collect();
    checks.expect(idle.is_empty() || !is_on, || {
        let message = "the tracer says at spans that it is off, and did not say so at startup";
        let idle = some(idle.iter().map(|found| Evidence::from(*found)));
        let lines = facts.banners.iter().map(Evidence::from).chain(idle);
        Finding::new(Code::BannerContradicts, message, lines.collect())
    });
}

/// The service must not report more successful writes than spans are stored, up to the number of spans
/// that the spec expects. Why spans are missing is another check.
pub(super) fn acknowledged(facts: &Facts<'_>, checks: &mut Checks) {
    let (claimed, stored) = (facts.acknowledged.len(), facts.spans.len());
    let wanted: usize = facts.rules.iter().map(|rule| facts.wanted(rule)).sum();
    if claimed == 0 || facts.unreadable.is_some() {
        return;
    }
    checks.expect(stored >= claimed.min(wanted), || {
        let message =
            format!("the service reports {claimed} spans as written, and {stored} are stored");
        let lines = Evidence::lines(&facts.acknowledged);
        let rows = vec![Evidence::span_count(facts)];
        Finding::new(Code::BannerContradicts, message, [lines, rows].concat())
    });
}

/// Stage 8: every span has an end, and one after its start.
pub(super) fn finished(facts: &Facts<'_>, checks: &mut Checks) {
    let fields = [Field::Status, Field::Ended, Field::Duration];
    let all = facts.spans.len();
    // If a unit has more spans of one name than it may have, an open one beside an ended one is
    // reported as a duplicate.
    let has_ended_twin = |span: &&Span| {
        let is_twin = |other: &Span| {
            other.is_complete() && other.unit == span.unit && other.name == span.name
        };
        let rule = facts.rules.iter().find(|rule| Some(rule.name) == span.name.as_deref());
        let same =
            facts.spans.iter().filter(|other| other.unit == span.unit && other.name == span.name);
        let is_too_many =
            rule.and_then(|rule| rule.at_most).is_some_and(|most| same.count() > most);
        span.unit.is_some() && is_too_many && facts.spans.iter().any(is_twin)
    };
    let open = facts.spans.iter().filter(|span| !span.is_complete() && !has_ended_twin(span));
    let open: Vec<_> = open.collect();
    checks.expect_each(open.is_empty(), || {
        let lines = some(open.iter().map(|span| Evidence::span(facts, span, &fields)));
        let lines = [lines, Evidence::lines(&facts.unfinished)].concat();
        if facts.killed() {
            let message =
                format!("{} of {all} spans were open when the service was killed", open.len());
            return Finding::new(Code::LostAtExit, message, lines);
        }
        let message = if open.iter().all(|span| span.has_ended()) {
            format!("{} of {all} spans ended without a duration", open.len())
        } else {
            format!("{} of {all} spans were begun and never completed", open.len())
        };
        Finding::new(Code::NotFinished, message, lines)
    });
    let impossible: Vec<_> =
        facts.spans.iter().filter(|span| span.has_negative_duration()).collect();
    checks.expect_each(impossible.is_empty(), || {
        let fields = [Field::Started, Field::Ended, Field::Duration];
        let message = format!("{} of {all} spans end before they start", impossible.len());
        let lines = some(impossible.iter().map(|span| Evidence::span(facts, span, &fields)));
        Finding::new(Code::ImpossibleTimes, message, lines)
    });
}

/// Stage 9: every span names its unit and agrees with it. A span that is linked by its parent is
/// looked at in the next stage.
pub(super) fn linked(facts: &Facts<'_>, checks: &mut Checks) {
    let table = &facts.spec.tables.spans;
    let rules = &facts.rules;
    let by_parent =
        |span: &&Span| facts.spec.links_by_parent(span.name.as_deref().unwrap_or_default());
    let expected: Vec<_> = rules.iter().flat_map(|rule| facts.of_operation(rule.name)).collect();
    let unit_of = |span: &Span| {
        let id = span.unit.as_ref()?;
        facts.units.iter().find(|unit| unit.id.as_ref() == Some(id))
    };
    let with_unit_column: Vec<_> =
        expected.iter().copied().filter(|span| !by_parent(span)).collect();
    let lost: Vec<_> = with_unit_column.iter().filter(|span| unit_of(span).is_none()).collect();
    checks.expect_each(lost.is_empty(), || {
        let column = table.unit.to_string();
        let message = format!(
            "{} of {} spans name no unit in `{column}`",
            lost.len(),
            with_unit_column.len()
        );
        let mut lines = some(lost.iter().map(|span| {
            let unit = (!column.is_empty()).then(|| (column.clone(), span.unit.clone()));
            let links =
                span.unit_attributes.iter().map(|(name, value)| (name.clone(), value.clone()));
            Evidence::span_with(facts, span, unit.into_iter().chain(links).collect())
        }));
        // Shows how the ids of units look.
        lines.extend(facts.units.first().map(|unit| Evidence::unit(facts, unit)));
        Finding::new(Code::Unlinked, message, lines)
    });
    for span in &expected {
        let Some(unit) = unit_of(span) else { continue };
        let differences = differences(facts, span, unit);
        checks.expect_each(differences.is_empty(), || {
            let code = if differences == [table.status.as_str()] {
                Code::StatusDisagrees
            } else {
                Code::Unlinked
            };
            let message = format!("a span differs from its unit in {}", differences.join(", "));
            let value = |name: &str| span.unit_attributes.get(name).cloned().flatten();
            let fields = differences.iter().map(|name| ((*name).to_owned(), value(name)));
            let span = Evidence::span_with(facts, span, fields.collect());
            Finding::new(code, message, vec![span, Evidence::unit(facts, unit)])
        });
    }
}

/// No span names another unit than the span that contains it.
fn attributed(facts: &Facts<'_>, checks: &mut Checks) -> bool {
    let wrong = tree::misattributed(facts);
    checks.expect_each(wrong.is_empty(), || {
        let column = facts.spec.tables.spans.unit.to_string();
        let message = format!("{} spans name another unit than the span above them", wrong.len());
        let lines = some(wrong.iter().map(|span| {
            let unit = (column.clone(), span.unit.clone());
            Evidence::span_with(facts, span, vec![unit, ("parent".to_owned(), span.parent.clone())])
        }));
        Finding::new(Code::Unlinked, message, lines)
    });
    wrong.is_empty()
}

/// No unit has more spans of one name than it may have, and the spans of each unit form one tree.
pub(super) fn joined(facts: &Facts<'_>, checks: &mut Checks) {
    with_parents(facts, checks);
    // Spans with the wrong unit are too many in one unit, and below no span of another one.
    if !attributed(facts, checks) {
        return;
    }
    for unit in &facts.units {
        for rule in &facts.rules {
            let spans = facts.spans_of(unit, rule.name);
            let most = rule.at_most.unwrap_or(usize::MAX);
            checks.expect_each(spans.len() <= most, || {
                let most = if most == 1 { "one".to_owned() } else { most.to_string() };
                let message = format!(
                    "a unit has {} `{}` spans and should have {most}",
                    spans.len(),
                    rule.name
                );
                let shown = |span: &&Span| Evidence::span(facts, span, &[Field::Trace]);
                let lines = some(spans.iter().map(shown));
                let unit = vec![Evidence::unit(facts, unit)];
                Finding::new(Code::Duplicate, message, [unit, lines].concat())
            });
        }
        let faults = tree::faults(facts, unit);
        checks.expect_each(faults.is_empty(), || {
            let message = "the spans of a unit are not one tree";
            let lines = [vec![Evidence::unit(facts, unit)], some(faults.clone())].concat();
            Finding::new(Code::BrokenTree, message, lines)
        });
    }
}

/// Every span that is linked by its parent has a span above it that names a unit.
fn with_parents(facts: &Facts<'_>, checks: &mut Checks) {
    if !facts.spec.has_parent_links() {
        return;
    }
    let is_lost = |span: &&Span| {
        let name = span.name.as_deref().unwrap_or_default();
        span.unit.is_none() && facts.spec.links_by_parent(name)
    };
    let expected = facts.rules.iter().flat_map(|rule| facts.of_operation(rule.name));
    let lost: Vec<_> = expected.filter(is_lost).collect();
    let has_findings = !checks.is_clean();
    checks.expect_each(lost.is_empty() || has_findings, || {
        let message = format!(
            "{} spans are linked by their parent, and no span above them names a unit",
            lost.len()
        );
        let fields = [Field::Trace, Field::Parent];
        let lines = some(lost.iter().map(|span| Evidence::span(facts, span, &fields)));
        Finding::new(Code::BrokenTree, message, lines)
    });
}
