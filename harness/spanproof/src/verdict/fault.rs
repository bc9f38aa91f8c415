//! Judges a case in which spanproof causes a fault: it disturbs the database or kills the service on
//! purpose. During the fault, the service must report spans that it loses. After the fault, the next
//! job must leave all its spans. A unit is one part of a job; a "begin line" is a line of output that
//! reports the start of a span. `peer.rs` checks that the fault does not change the job's outcome.

use super::evidence::Evidence;
use super::expected_spans::ExpectedSpans;
use super::facts::Facts;
use super::finding::{Checks, Finding};
use super::judgement::{Judgement, Verdict};
use super::{missing, stage};
use crate::identifier;
use crate::observation::{KnownError, Line};
use crate::spec::{Fault, FaultKind};
use spanproof_format::Code;

/// Checks the job that ran during the fault.
pub(super) fn check_during(facts: &Facts<'_>, fault: &Fault, checks: &mut Checks) {
    if fault.kind.kills_service() {
        check_spans_survive_kill(facts, fault, checks);
    } else {
        check_losses_are_reported(facts, fault, checks);
    }
}

/// The service must report spans that it loses during the fault.
fn check_losses_are_reported(facts: &Facts<'_>, fault: &Fault, checks: &mut Checks) {
    use stage::{check_alive, check_executed, check_tracer_not_reported_off};
    // If the fault may make the job fail, the units of the job need not be executed.
    let stages: &[fn(&Facts<'_>, &mut Checks)] = if fault.may_fail_job() {
        &[check_alive, check_tracer_not_reported_off, check_any_span_begun]
    } else {
        &[check_alive, check_tracer_not_reported_off, check_executed, check_any_span_begun]
    };
    for stage in stages {
        stage(facts, checks);
        if !checks.is_clean() {
            return;
        }
    }
    if !facts.spec.probes.has_failure() {
        return;
    }
    let lost = incomplete_spans(facts);
    checks.expect(lost.is_empty() || reports_loss(facts), || {
        let message = format!(
            "under the fault `{}`, spans were lost, and the service did not report the loss: {}",
            fault.name(),
            lost.join(", ")
        );
        let (name, about) = (fault.name().to_owned(), fault.kind.description().to_owned());
        let mut evidence = vec![Evidence::Fault { name, about }];
        evidence.extend(Evidence::lines(&facts.begin_lines));
        evidence.extend(Evidence::lines(&facts.written_lines));
        evidence.push(Evidence::span_count(facts));
        Finding::new(Code::WriteFailedSilent, message, evidence)
    });
}

/// Whether a line reports lost spans: one that the spec describes, or a known error of an exporter or a driver.
fn reports_loss(facts: &Facts<'_>) -> bool {
    let (_, table) = identifier::parts(&facts.spec.tables.spans.table);
    let is_known = |line: &Line<'_>| KnownError::is_in(line.text, &table);
    !facts.refused_lines.is_empty()
        || !facts.unfinished_lines.is_empty()
        || facts.observation.lines().iter().any(is_known)
}

/// The service must begin at least one span before the fault stops its work. The log level may hide the begin
/// lines. Then stored spans, or a line about lost spans, also show that spans were begun.
fn check_any_span_begun(facts: &Facts<'_>, checks: &mut Checks) {
    let has_begun = facts.total_begun() > 0 || !facts.spans.is_empty() || reports_loss(facts);
    if facts.spec.probes.has_attempt() && !has_begun {
        missing::check_spans(facts, &[], checks);
    }
}

/// Describes each span name with too few complete spans. A span is complete if it has ended,
/// and has a duration if the table has a column for durations.
fn incomplete_spans(facts: &Facts<'_>) -> Vec<String> {
    let text = |expected: &ExpectedSpans<'_>| {
        let name = expected.name;
        let complete = facts.spans_named(name).filter(|span| span.is_complete()).count();
        let required = facts.required_count(expected);
        (complete < required)
            .then(|| format!("{complete} of {required} `{name}` spans are complete"))
    };
    facts.expected_spans.iter().filter_map(text).collect()
}

/// Describes each span name with fewer stored spans than begun spans. When the service
/// is killed, it may not have begun all units. A begin line shows that a span was begun; without such
/// lines, a request to the fake upstream shows that a unit was begun.
fn begun_but_missing(facts: &Facts<'_>) -> Vec<String> {
    let units = facts.units.len();
    let requests = facts.exchanges().len();
    let text = |expected: &ExpectedSpans<'_>| {
        let name = expected.name;
        let has_begin_lines = facts.total_begun() > 0;
        let begun = if has_begin_lines { facts.begin_line_count(name) } else { requests };
        let (stored, begun) = (facts.spans_named(name).count(), begun.min(units));
        (stored < begun).then(|| format!("{stored} of {begun} `{name}` spans are stored"))
    };
    facts.expected_spans.iter().filter_map(text).collect()
}

/// Every span that was begun before the service was killed must be stored. If the service was killed as soon
/// as the job had ended (`KilledAtExit`), all spans must be stored, and must have ended.
fn check_spans_survive_kill(facts: &Facts<'_>, fault: &Fault, checks: &mut Checks) {
    stage::check_tracer_not_reported_off(facts, checks);
    if !checks.is_clean() {
        return;
    }
    check_any_span_begun(facts, checks);
    if !checks.is_clean() {
        return;
    }
    if fault.kind == FaultKind::KilledAtExit {
        stage::check_executed(facts, checks);
        if !checks.is_clean() {
            return;
        }
    }
    let missing = match fault.kind {
        FaultKind::KilledAtExit => incomplete_spans(facts),
        _ => begun_but_missing(facts),
    };
    checks.expect(missing.is_empty(), || {
        let when = match fault.kind {
            FaultKind::KilledAtExit => "after the job had ended",
            _ => "while its units waited for the upstream",
        };
        let message =
            format!("the service was killed {when}, and spans are lost: {}", missing.join(", "));
        let exit = facts.process_run().map(|run| Evidence::Exit {
            ending: run.exit.ending,
            at_ms: None,
            remark: Some("on purpose".into()),
        });
        let exit: Vec<_> = exit.into_iter().collect();
        let (begun, units) = (Evidence::lines(&facts.begin_lines), Evidence::units(facts));
        let lines = [exit, begun, units, vec![Evidence::span_count(facts)]].concat();
        Finding::new(Code::LostAtExit, message, lines)
    });
}

/// The first job after the fault must pass. `next_job` is the judgement of that job; `None` if it could
/// not be submitted.
pub(super) fn check_after(fault: &Fault, next_job: Option<&Judgement>, checks: &mut Checks) {
    let subject = format!("after the fault `{}` was over, the next job", fault.name());
    let Some(judgement) = next_job else {
        return checks.expect(false, || {
            let message = format!("{subject} could not be submitted: the service was gone");
            Finding::new(Code::NotRecovered, message, Vec::new())
        });
    };
    checks.count(judgement.assertions);
    checks.expect(judgement.verdict == Verdict::Pass, || {
        let (why, evidence) = match &judgement.verdict {
            Verdict::Fail(findings) | Verdict::Notice(findings) => {
                let first = &findings[0];
                (format!("{}: {}", first.code, first.message), first.evidence.clone())
            }
            Verdict::Broken(why) | Verdict::Known(why) | Verdict::Skipped(why) => {
                (why.clone(), Vec::new())
            }
            Verdict::Pass => (String::new(), Vec::new()),
        };
        let message = format!("{subject} did not pass: {why}");
        Finding::new(Code::NotRecovered, message, evidence)
    });
}
