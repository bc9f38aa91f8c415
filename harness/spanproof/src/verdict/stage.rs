//! The checks for cases in which spans must be recorded. A case is one run of the service with certain flags.
//! The checks follow a job on its way: the process keeps running, the units (parts of the job) are
//! executed, spans end, each span agrees with its unit, and the spans of a unit form one tree.

use std::collections::HashSet;

use super::crossed_units;
use super::evidence::{Evidence, limit};
use super::facts::{Facts, Match};
use super::finding::{Checks, Finding};
use super::funnel::differences;
use super::impossible;
use super::tree;
use super::tries;
use crate::observation::{Field, Span, TrialRecord, WaitResult};
use crate::process::Ending;
use crate::spec::Banner;
use spanproof_format::{Code, Confidence, count_phrase};

/// Returns a message if the service kept running and did not become ready in time: such a case shows
/// nothing about tracing. `None` if the service became ready, or exited by itself.
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

/// Returns the last lines of the service and the errors of the database server, each on an indented
/// line.
pub(super) fn tail(trial: &TrialRecord) -> String {
    let errors = Evidence::server_errors(trial).into_iter();
    let errors: String = errors.map(|error| format!("\n    {error}")).collect();
    format!("{}{errors}", trial.run.output.tail(5))
}

/// The service must run until spanproof stops it.
pub(super) fn check_alive(facts: &Facts<'_>, checks: &mut Checks) {
    let Some(run) = facts.process_run() else { return };
    let exit = &run.exit;
    checks.expect(exit.stop_requested, || {
        let when = if run.ready.is_reached() { "while the job ran" } else { "before it was ready" };
        let message = format!("{} ended by itself {when}, with {}", exit.name(), exit.ending);
        let (ending, at_ms) = (exit.ending, Some(exit.at_ms));
        let hint = "if that is a success, add the exit code to `stop.clean`".to_owned();
        let may_be_success = facts.spec.service.one_shot && matches!(ending, Ending::Code(_));
        let remark = may_be_success.then_some(hint);
        let mut evidence = vec![Evidence::Exit { ending, at_ms, remark }];
        if facts.spec.probes.has_tracer() && facts.startup_lines.is_empty() {
            evidence.push(Evidence::Note("output: no tracer line at startup".into()));
        }
        evidence.extend(Evidence::circumstances(facts));
        Finding::new(Code::ProcessCrashed, message, evidence)
    });
}

/// If any spans are stored, the service must have reported at startup that its tracer is on.
pub(super) fn check_reported_on(facts: &Facts<'_>, checks: &mut Checks) {
    if facts.spans.is_empty() || !facts.spec.probes.has_tracer() {
        return;
    }
    let Some(startup_line) = facts.startup_lines.first() else {
        // The log of an existing system may begin after the startup. If output was dropped because
        // there was too much, the line may have been in it.
        // A tracer may be made for the first job, and print its line then.
        let is_later_job = facts.trial().is_some_and(|trial| trial.is_later_job);
        let is_complete = facts.process_run().is_some()
            && facts.observation.dropped_bytes() == 0
            && !is_later_job;
        return checks.expect(!is_complete, || {
            let lines = count_phrase(facts.observation.lines().len(), "line", "lines");
            let message = "spans are recorded, and no startup line says that tracing is on";
            let searched =
                format!("output: {lines}, none matches the pattern `tracer` of `[probes]`");
            Finding::new(Code::ClaimMissing, message, vec![Evidence::Note(searched)])
        });
    };
    checks.expect(startup_line.report.enabled, || {
        let stored = count_phrase(facts.spans.len(), "span is", "spans are");
        let message = format!("the tracer says that it is off, and {stored} stored");
        Finding::new(Code::BannerContradicts, message, vec![startup_line.into()])
    });
}

/// The service must not report at startup that its tracer is off. It need not report anything.
pub(super) fn check_tracer_not_reported_off(facts: &Facts<'_>, checks: &mut Checks) {
    if let Some(startup_line) = facts.startup_lines.first() {
        checks.expect(startup_line.report.enabled, || reported_off(facts, startup_line));
    }
}

/// The finding for a service that reports at startup that its tracer is off although it should be on.
pub(super) fn reported_off(facts: &Facts<'_>, startup_line: &Match<'_, Banner>) -> Finding {
    let setting = flag_setting(facts);
    let flag = facts.spec.tracing_flag();
    let flag = flag.map(|flag| (flag.name.clone(), facts.observation.case.flag(&flag.name)));
    let variable = flag.clone().map(|(name, value)| Evidence::Variable { name, value });
    let variable = variable.unwrap_or_else(|| Evidence::Note(format!("environment  {setting}")));
    let evidence = vec![variable, startup_line.into()];
    let has_value =
        flag.is_some_and(|(_, value)| value.text().is_some_and(|text| !text.is_empty()));
    match &startup_line.report.raw {
        Some(raw) if raw.is_empty() && has_value => {
            let message = format!(
                "{setting} was given to the process, and the service saw it unset or empty"
            );
            Finding::new(Code::FlagUnset, message, evidence)
        }
        _ => {
            let message =
                format!("{setting} means on to a person, and the service reads it as off");
            Finding::new(Code::FlagUnrecognisedValue, message, evidence)
        }
    }
}

/// Returns `NAME=value` of the tracing flag in this case.
pub(super) fn flag_setting(facts: &Facts<'_>) -> String {
    match facts.spec.tracing_flag() {
        Some(flag) => format!("{}={}", flag.name, facts.observation.case.flag(&flag.name)),
        None => "tracing".into(),
    }
}

/// The service must have accepted the job, executed exactly its units, and ended it in time.
pub(super) fn check_executed(facts: &Facts<'_>, checks: &mut Checks) {
    let Some(job_run) = facts.trial().map(|trial| &trial.job_run) else { return };
    let Some(submission) = &job_run.submission else { return };
    checks.expect(submission.is_accepted(), || {
        let (code, message) = match (submission.status, facts.jobs.is_empty()) {
            // The service took the job, and may still work on it.
            (0, false) => {
                (Code::JobNotFinished, "the job was stored, and its submission did not succeed")
            }
            (0, true) => (Code::JobFailedEarly, "the job could not be submitted"),
            _ => (Code::JobFailedEarly, "the service refused the job"),
        };
        let mut evidence = vec![Evidence::Submission(submission.clone())];
        evidence.extend(Evidence::jobs(facts, false));
        evidence.extend(Evidence::circumstances(facts));
        Finding::new(code, message, evidence)
    });
    if !checks.is_clean() {
        return;
    }
    let (executed, expected) = (facts.units.len(), facts.expected_units);
    let not_ended = match &job_run.settled {
        Some(WaitResult::NotReached(why)) => Some(why.as_str()),
        _ => None,
    };
    checks.expect(executed >= expected, || too_few_units(facts, not_ended));
    checks.expect(executed <= expected, || {
        let units = count_phrase(expected, "unit", "units");
        let message = format!("the job has {units}, and {executed} were executed");
        Finding::new(Code::Duplicate, message, Evidence::units(facts))
    });
    if checks.is_clean()
        && let Some(why) = not_ended
    {
        checks.expect(false, || {
            let mut evidence = Evidence::jobs(facts, false);
            evidence.extend(Evidence::units(facts));
            evidence.extend(Evidence::circumstances(facts));
            Finding::new(Code::JobNotFinished, why, evidence)
        });
    }
}

/// The finding for a job with too few executed units. `not_ended` describes what spanproof
/// waited for if the job did not end in time; `None` if the job ended.
fn too_few_units(facts: &Facts<'_>, not_ended: Option<&str>) -> Finding {
    let (executed, expected) = (facts.units.len(), facts.expected_units);
    let jobs = &facts.spec.tables.jobs;
    let status = facts.jobs.first().and_then(|job| job.status.clone());
    let is_waiting = status.as_ref().is_some_and(|status| jobs.waiting.contains(status));
    let count = format!("{executed} of {expected} units");
    let (code, message) = match (status, not_ended) {
        (Some(status), _) if is_waiting && executed == 0 => (
            Code::JobNotPickedUp,
            format!("the job was accepted and is still `{status}`: nobody took it"),
        ),
        (Some(status), Some(why)) if !jobs.done.contains(&status) => {
            (Code::JobNotFinished, format!("{why}; {count} were executed"))
        }
        (Some(status), _) => {
            (Code::JobFailedEarly, format!("the job is `{status}` with {count} executed"))
        }
        (None, Some(why)) if jobs.table.is_empty() => {
            (Code::JobNotFinished, format!("{why}; {count} were executed"))
        }
        (None, None) if jobs.table.is_empty() => {
            (Code::JobFailedEarly, format!("the job ended with {count} executed"))
        }
        (None, _) => {
            (Code::JobFailedEarly, "the job was accepted and there is no row for it".to_owned())
        }
    };
    let mut evidence = Evidence::jobs(facts, false);
    let table = facts.spec.tables.units.table.clone();
    evidence.push(Evidence::RowCount { table, rows: executed, of: None });
    evidence.extend(Evidence::circumstances(facts));
    Finding::new(code, message, evidence)
}

/// The startup line and the lines about begun spans must agree: the lines about begun spans may report that
/// the tracer is off only if the startup line does, too.
pub(super) fn check_lines_agree(facts: &Facts<'_>, checks: &mut Checks) {
    if !facts.spec.probes.has_attempt() {
        return;
    }
    let is_on = facts.startup_lines.first().is_none_or(|startup_line| startup_line.report.enabled);
    let disabled: Vec<_> = facts.begin_lines.iter().filter(|line| !line.report.enabled).collect();
    checks.expect(disabled.is_empty() || !is_on, || {
        let message = "the lines about spans report that the tracer is off, and the startup line reports that it is on";
        let disabled = limit(disabled.iter().map(|begun| Evidence::from(*begun)));
        let lines = facts.startup_lines.iter().map(Evidence::from).chain(disabled);
        Finding::new(Code::BannerContradicts, message, lines.collect())
    });
}

/// The service must not report more written spans than are stored. At most the number of
/// spans that the spec requires is compared: other checks report missing and surplus spans.
pub(super) fn check_acknowledged(facts: &Facts<'_>, checks: &mut Checks) {
    let (reported, stored) = (facts.written_count(), facts.spans.len());
    let expected = facts.expected_spans.iter();
    let required: usize = expected.map(|expected| facts.required_count(expected)).sum();
    if reported == 0 || facts.unreadable.is_some() {
        return;
    }
    checks.expect(stored >= reported.min(required), || {
        let message =
            format!("the service reports {reported} spans as written, and {stored} are stored");
        let lines = Evidence::lines(&facts.written_lines);
        let rows = vec![Evidence::span_count(facts)];
        Finding::new(Code::BannerContradicts, message, [lines, rows].concat())
    });
}

/// The hint for own spans that look like those of a unit that was tried again.
const TRIES: &str = "each of these spans starts after the one before it has ended, and all but the last one failed: \
     if the unit was tried again, write `repeats = true` in the `[[span]]`";

/// Every span must contain the id of its unit and agree with the unit's row. Spans that a framework makes
/// contain no unit's id and belong to the unit of their parent; `check_joined` checks them.
pub(super) fn check_linked(facts: &Facts<'_>, checks: &mut Checks) {
    let table = &facts.spec.tables.spans;
    let by_parent =
        |span: &&Span| facts.spec.links_by_parent(span.name.as_deref().unwrap_or_default());
    let spans: Vec<_> = facts.required_spans().collect();
    let unit_of = |span: &Span| facts.unit_of(span);
    let by_column: Vec<_> = spans.iter().copied().filter(|span| !by_parent(span)).collect();
    let without_unit: Vec<_> = by_column.iter().filter(|span| unit_of(span).is_none()).collect();
    checks.expect_each(without_unit.is_empty(), || {
        let column = table.unit.to_string();
        let (count, all) = (without_unit.len(), by_column.len());
        let message = format!("{count} of {all} spans have no id of a unit in `{column}`");
        let mut evidence = limit(without_unit.iter().map(|span| {
            let unit = (!column.is_empty()).then(|| (column.clone(), span.unit.clone()));
            let attributes =
                span.unit_attributes.iter().map(|(name, value)| (name.clone(), value.clone()));
            Evidence::span_with(facts, span, unit.into_iter().chain(attributes).collect())
        }));
        // One unit, to show what a unit's id looks like.
        evidence.extend(facts.units.first().map(|unit| Evidence::unit(facts, unit)));
        let mut finding = Finding::new(Code::Unlinked, message, evidence);
        // The units that these spans name may have been deleted.
        if facts.trial().is_none() && without_unit.iter().any(|span| span.unit.is_some()) {
            finding.confidence = Confidence::Likely;
        }
        finding
    });
    let crossed = crossed_units::units_with_spans_of_others(facts);
    let is_crossed = |span: &Span| span.unit.as_deref().is_some_and(|unit| crossed.contains(unit));
    // A span with the id of a wrong unit can't be compared with this unit.
    let misattributed: HashSet<*const Span> =
        tree::misattributed(facts).into_iter().map(std::ptr::from_ref).collect();
    let is_wrong = |span: &Span| misattributed.contains(&std::ptr::from_ref(span));
    for span in spans.iter().filter(|span| !is_crossed(span) && !is_wrong(span)) {
        let Some(unit) = unit_of(span) else { continue };
        let differences = differences(facts, span, unit);
        checks.expect_each(differences.is_empty(), || {
            let code = if differences == [table.status.as_str()] {
                Code::StatusDisagrees
            } else {
                Code::Unlinked
            };
            let message = format!("a span differs from its unit in {}", differences.join(", "));
            let value = |name: &str| match span.unit_attributes.get(name) {
                None if name == table.status => span.field_text(Field::Status),
                value => value.cloned().flatten(),
            };
            let fields = differences.iter().map(|name| ((*name).to_owned(), value(name)));
            let span = Evidence::span_with(facts, span, fields.collect());
            Finding::new(code, message, vec![span, Evidence::unit(facts, unit)])
        });
    }
}

/// No span may contain a wrong unit id, as far as the unit of its parent shows that. Returns whether none
/// does.
fn check_units_of_parents(facts: &Facts<'_>, checks: &mut Checks) -> bool {
    let wrong = tree::misattributed(facts);
    checks.expect_each(wrong.is_empty(), || {
        let column = facts.spec.tables.spans.unit.to_string();
        let spans = count_phrase(wrong.len(), "span has", "spans have");
        let message = format!("{spans} a unit id that differs from that of the parent span");
        let lines = limit(wrong.iter().map(|span| {
            let unit = (column.clone(), span.unit.clone());
            Evidence::span_with(facts, span, vec![unit, ("parent".to_owned(), span.parent.clone())])
        }));
        Finding::new(Code::Unlinked, message, lines)
    });
    wrong.is_empty()
}

/// No unit may have more spans of one name than the spec allows, and the spans of each unit must form one
/// tree.
pub(super) fn check_joined(facts: &Facts<'_>, checks: &mut Checks) {
    check_links_by_parent(facts, checks);
    // Spans with a wrong unit id make the other checks fail, too: their unit has too many spans, and
    // the unit of their parent lacks some.
    if !check_units_of_parents(facts, checks) || !crossed_units::check_units(facts, checks) {
        return;
    }
    let with_invalid_ids = impossible::units_with_invalid_ids(facts);
    for unit in &facts.units {
        let tries = tries::roots(facts, unit).len().max(1);
        for expected in &facts.expected_spans {
            let spans = facts.spans_of_unit(unit, expected.name);
            let (count, name) = (spans.len(), expected.name);
            let max = match expected.max_per_unit {
                Some(max) if expected.is_root() => max,
                Some(max) => max * tries,
                None => usize::MAX,
            };
            checks.expect_each(count <= max, || {
                let max = if max == 1 { "one".to_owned() } else { max.to_string() };
                let message = format!("a unit has {count} `{name}` spans and should have {max}");
                let with_trace = |span: &&Span| Evidence::span(facts, span, &[Field::Trace]);
                let lines = limit(spans.iter().map(with_trace));
                let unit = vec![Evidence::unit(facts, unit)];
                let mut finding = Finding::new(Code::Duplicate, message, [unit, lines].concat());
                if expected.is_root() && tries::are_tries(&mut spans.clone()) {
                    finding.confidence = Confidence::Likely;
                    finding.evidence.push(Evidence::Note(TRIES.to_owned()));
                }
                finding
            });
        }
        // The children of a span with an invalid id are not known.
        let has_valid_ids = !unit.id.as_deref().is_some_and(|id| with_invalid_ids.contains(id));
        let defects = if has_valid_ids { tree::defects(facts, unit) } else { Vec::new() };
        checks.expect_each(defects.is_empty(), || {
            let message = "the spans of a unit are not one tree";
            let lines = [vec![Evidence::unit(facts, unit)], limit(defects.clone())].concat();
            Finding::new(Code::BrokenTree, message, lines)
        });
        let parent = tree::ended_parent_of_other_unit(facts, unit);
        checks.expect_each(parent.is_none(), || {
            let message =
                "the span of a unit is below a span of another unit that had ended before it started";
            let lines = std::iter::once(Evidence::unit(facts, unit)).chain(parent.clone());
            let mut finding = Finding::new(Code::BrokenTree, message, lines.collect());
            // One trace may be intended if each unit hands its work to the next.
            finding.confidence = Confidence::Likely;
            finding
        });
    }
}

/// Every span that belongs to the unit of its parent must have an ancestor that contains a unit's id. A span
/// without such an ancestor is not reported if there are findings already, because they explain it.
fn check_links_by_parent(facts: &Facts<'_>, checks: &mut Checks) {
    if !facts.spec.has_parent_links() {
        return;
    }
    let is_unlinked = |span: &&Span| {
        let name = span.name.as_deref().unwrap_or_default();
        span.unit.is_none() && facts.spec.links_by_parent(name)
    };
    let unlinked: Vec<_> = facts.required_spans().filter(is_unlinked).collect();
    let has_findings = !checks.is_clean();
    checks.expect_each(unlinked.is_empty() || has_findings, || {
        let spans = count_phrase(unlinked.len(), "span has", "spans have");
        let message =
            format!("{spans} a parent but no unit id, and no span above has the id of a unit");
        let fields = [Field::Trace, Field::Parent];
        let lines = limit(unlinked.iter().map(|span| Evidence::span(facts, span, &fields)));
        Finding::new(Code::BrokenTree, message, lines)
    });
}
