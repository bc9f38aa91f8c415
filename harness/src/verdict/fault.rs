//! A case under a fault of the world. Two things are asked while it lasts: whether the service
//! says something about spans that are lost, and, beside its peers, whether the job's outcome is
//! unchanged. When it is over the service must record again.

use super::code::Code;
use super::finding::{Bench, Finding, shown};
use super::judge::{Verdict, judge};
use super::reading::Reading;
use super::{lost, outcome, stage};
use crate::evidence::Rows;
use crate::spec::{Fault, FaultKind};

/// Judges the job under the fault, and the one after it.
pub(super) fn disturbed(reading: &Reading<'_>, fault: &Fault, bench: &mut Bench) {
    if fault.kind.kills() {
        killed(reading, fault, bench);
    } else {
        reported(reading, fault, bench);
    }
    if bench.is_clean() {
        recovered(reading, fault, bench);
    }
    outcome::upstream(reading, bench);
}

/// What is lost while the fault lasts is said.
fn reported(reading: &Reading<'_>, fault: &Fault, bench: &mut Bench) {
    let stages: &[fn(&Reading<'_>, &mut Bench)] = if fault.hits_work() {
        &[stage::alive, stage::announced, traced]
    } else {
        &[stage::alive, stage::announced, stage::executed, traced]
    };
    for stage in stages {
        stage(reading, bench);
        if !bench.is_clean() {
            return;
        }
    }
    let missing = missing(reading);
    let said = !reading.refused.is_empty() || !reading.unfinished.is_empty();
    bench.check(missing.is_empty() || said, || {
        let message = format!(
            "under the fault `{}` spans were lost, and the service did not say so: {}",
            fault.name(),
            missing.join(", ")
        );
        let about = format!("fault  {}: {}", fault.name(), fault.kind.about());
        let begun = shown(reading.attempts.iter().map(|said| said.line.clone()));
        let claimed = shown(reading.acknowledged.iter().map(|said| said.line.clone()));
        let lines = [vec![about], begun, claimed, vec![rows(reading)]].concat();
        Finding::new(Code::WriteFailedSilent, message, lines)
    });
}

/// Some span was begun. A unit that the fault took down may have begun fewer than it should, but
/// where none was begun at all the fault is not the reason.
fn traced(reading: &Reading<'_>, bench: &mut Bench) {
    if reading.all_attempts() == 0 {
        stage::attempted(reading, bench);
    }
}

/// What of each operation has no row, or one without an end.
fn missing(reading: &Reading<'_>) -> Vec<String> {
    let units = reading.units.len();
    let of = |operation: &str| {
        let whole = reading.of_operation(operation).filter(|span| span.unfinished().is_none());
        let whole = whole.count();
        (whole < units).then(|| format!("{whole} of {units} `{operation}` spans are whole"))
    };
    reading.rules.iter().filter_map(|rule| of(&rule.operation)).collect()
}

fn rows(reading: &Reading<'_>) -> String {
    let table = &reading.spec.tables.spans.table;
    match &reading.evidence.spans {
        Rows::Found(rows) => format!("{table}: {} rows", rows.len()),
        Rows::Unreadable(why) => format!("{table}: {why}"),
    }
}

/// What was begun before the service was killed is there; when the job had ended, whole.
fn killed(reading: &Reading<'_>, fault: &Fault, bench: &mut Bench) {
    stage::announced(reading, bench);
    if !bench.is_clean() {
        return;
    }
    traced(reading, bench);
    if !bench.is_clean() {
        return;
    }
    if fault.kind == FaultKind::KilledAtExit {
        stage::executed(reading, bench);
        if !bench.is_clean() {
            return;
        }
    }
    let missing = match fault.kind {
        FaultKind::KilledAtExit => missing(reading),
        _ => lost::unbegun(reading),
    };
    bench.check(missing.is_empty(), || {
        let when = match fault.kind {
            FaultKind::KilledAtExit => "when the job had ended",
            _ => "while its units waited for the upstream",
        };
        let message =
            format!("the service was killed {when}, and spans are lost: {}", missing.join(", "));
        let exit = format!("exit: {}, on purpose", reading.evidence.exit.ending);
        let begun = shown(reading.attempts.iter().map(|said| said.line.clone()));
        let units = shown(reading.units.iter().map(super::reading::Unit::shown));
        let lines = [vec![exit], begun, units, vec![rows(reading)]].concat();
        Finding::new(Code::LostAtExit, message, lines)
    });
}

/// The job after the fault leaves what it would have left without one.
fn recovered(reading: &Reading<'_>, fault: &Fault, bench: &mut Bench) {
    let after = reading.evidence.recovered();
    let judged = after.as_ref().map(|after| {
        if !fault.kind.kills() {
            return judge(reading.spec, after);
        }
        // It may have taken up again what it was killed in.
        let mut spec = reading.spec.clone();
        for job in &mut spec.jobs {
            job.units = job.units.max(after.units.all().len());
        }
        judge(&spec, after)
    });
    let message = || format!("after the fault `{}` was over, the next job", fault.name());
    let Some(judged) = judged else {
        return bench.check(false, || {
            let message = format!("{} could not be submitted: the service was gone", message());
            Finding::new(Code::NotRecovered, message, Vec::new())
        });
    };
    bench.count(judged.assertions);
    bench.check(judged.verdict == Verdict::Pass, || {
        let (why, lines) = match &judged.verdict {
            Verdict::Fail(findings) => {
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
