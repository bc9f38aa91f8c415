//! A case under a fault of the world. Two things are asked while it lasts: whether the service
//! says something about spans that are lost, and, beside its peers, whether the job's outcome is
//! unchanged. When it is over the service must record again.

use super::evidence::Evidence;
use super::expectation::Expected;
use super::facts::Facts;
use super::finding::{Checks, Finding};
use super::judgement::{Judgement, Verdict};
use super::{missing, stage};
use crate::spec::{Fault, FaultKind};
use spanproof_format::Code;

/// Judges the job under the fault.
pub(super) fn disturbed(facts: &Facts<'_>, fault: &Fault, checks: &mut Checks) {
    if fault.kind.kills_service() {
        killed(facts, fault, checks);
    } else {
        reported(facts, fault, checks);
    }
}

/// What is lost while the fault lasts is said.
fn reported(facts: &Facts<'_>, fault: &Fault, checks: &mut Checks) {
    let stages: &[fn(&Facts<'_>, &mut Checks)] = if fault.hits_work() {
        &[stage::alive, stage::announced, traced]
    } else {
        &[stage::alive, stage::announced, stage::executed, traced]
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
    let missing = incomplete(facts);
    let said = !facts.refused.is_empty() || !facts.unfinished.is_empty();
    checks.expect(missing.is_empty() || said, || {
        let message = format!(
            "under the fault `{}` spans were lost, and the service did not say so: {}",
            fault.name(),
            missing.join(", ")
        );
        let (name, about) = (fault.name().to_owned(), fault.kind.description().to_owned());
        let begun = Evidence::lines(&facts.attempts);
        let claimed = Evidence::lines(&facts.acknowledged);
        let lines = [vec![Evidence::Fault { name, about }], begun, claimed];
        let lines = [lines.concat(), vec![Evidence::span_count(facts)]].concat();
        Finding::new(Code::WriteFailedSilent, message, lines)
    });
}

/// Some span was begun. A unit that the fault took down may have begun fewer than it should, but
/// where none was begun at all the fault is not the reason.
fn traced(facts: &Facts<'_>, checks: &mut Checks) {
    if facts.spec.probes.has_attempt() && facts.all_attempts() == 0 {
        missing::spans(facts, &[], checks);
    }
}

/// What of each operation has no row, or one without an end.
fn incomplete(facts: &Facts<'_>) -> Vec<String> {
    let of = |rule: &Expected<'_>| {
        let whole = facts.of_operation(rule.name).filter(|span| span.is_complete()).count();
        let wanted = facts.wanted(rule);
        (whole < wanted).then(|| format!("{whole} of {wanted} `{}` spans are whole", rule.name))
    };
    facts.rules.iter().filter_map(of).collect()
}

/// Returns each span name with fewer rows than spans of that name were begun. A service that works on
/// one unit after the other has not begun the later ones: a begin line or a request to the upstream
/// shows that a unit was begun.
fn missing_of_begun(facts: &Facts<'_>) -> Vec<String> {
    let units = facts.units.len();
    let requests = facts.exchanges().len();
    let of = |operation: &str| {
        let seen =
            if facts.spec.probes.has_attempt() { facts.attempts(operation) } else { requests };
        let (rows, begun) = (facts.of_operation(operation).count(), seen.min(units));
        (rows < begun).then(|| format!("{rows} of {begun} `{operation}` spans are there"))
    };
    facts.rules.iter().filter_map(|rule| of(rule.name)).collect()
}

/// What was begun before the service was killed is there; when the job had ended, whole.
fn killed(facts: &Facts<'_>, fault: &Fault, checks: &mut Checks) {
    stage::announced(facts, checks);
    if !checks.is_clean() {
        return;
    }
    traced(facts, checks);
    if !checks.is_clean() {
        return;
    }
    if fault.kind == FaultKind::KilledAtExit {
        stage::executed(facts, checks);
        if !checks.is_clean() {
            return;
        }
    }
    let missing = match fault.kind {
        FaultKind::KilledAtExit => incomplete(facts),
        _ => missing_of_begun(facts),
    };
    checks.expect(missing.is_empty(), || {
        let when = match fault.kind {
            FaultKind::KilledAtExit => "when the job had ended",
            _ => "while its units waited for the upstream",
        };
        let message =
            format!("the service was killed {when}, and spans are lost: {}", missing.join(", "));
        let exit = facts.run().map(|run| Evidence::Exit {
            ending: run.exit.ending,
            at_ms: None,
            remark: Some("on purpose".into()),
        });
        let exit: Vec<_> = exit.into_iter().collect();
        let (begun, units) = (Evidence::lines(&facts.attempts), Evidence::units(facts));
        let lines = [exit, begun, units, vec![Evidence::span_count(facts)]].concat();
        Finding::new(Code::LostAtExit, message, lines)
    });
}

/// The job after the fault leaves what it would have left without one. `judged` is its judgement,
/// `None` if it could not be submitted.
pub(super) fn recovered(fault: &Fault, judged: Option<&Judgement>, checks: &mut Checks) {
    let message = || format!("after the fault `{}` was over, the next job", fault.name());
    let Some(judged) = judged else {
        return checks.expect(false, || {
            let message = format!("{} could not be submitted: the service was gone", message());
            Finding::new(Code::NotRecovered, message, Vec::new())
        });
    };
    checks.count(judged.assertions);
    checks.expect(judged.verdict == Verdict::Pass, || {
        let (why, lines) = match &judged.verdict {
            Verdict::Fail(findings) | Verdict::Notice(findings) => {
                let first = &findings[0];
                (format!("{}: {}", first.code, first.message), first.evidence.clone())
            }
            Verdict::Broken(why) | Verdict::Known(why) | Verdict::Skipped(why) => {
                (why.clone(), Vec::new())
            }
            Verdict::Pass => (String::new(), Vec::new()),
        };
        Finding::new(
            Code::NotRecovered,
            format!("{} is not as it should be: {why}", message()),
            lines,
        )
    });
}
