//! The stages of the funnel for a case that must record spans.

use super::code::Code;
use super::finding::{Bench, Finding, shown};
use super::funnel::differences;
use super::reading::{Reading, Said};
use super::tree;
use crate::evidence::{Reached, Rows, text};

/// Why nothing was learned, when the service runs and never became ready.
pub(super) fn never_ready(reading: &Reading<'_>) -> Option<String> {
    match &reading.evidence.ready {
        Reached::No(why) if reading.evidence.exit.asked => {
            let tail = reading.evidence.output.tail(5);
            Some(format!("the service did not become ready: {why}{tail}"))
        }
        _ => None,
    }
}

/// The service did not end by itself.
pub(super) fn alive(reading: &Reading<'_>, bench: &mut Bench) {
    let exit = &reading.evidence.exit;
    bench.check(exit.asked, || {
        let when =
            if reading.evidence.ready.yes() { "while the job ran" } else { "before it was ready" };
        let message = format!("the service ended by itself {when}, with {}", exit.ending);
        let mut evidence = vec![format!("exit: {} after {} ms", exit.ending, exit.at_ms)];
        if reading.spec.probes.knows_tracer() && reading.banners.is_empty() {
            evidence.push("output: no tracer line at startup".into());
        }
        let lines: Vec<_> = reading.evidence.numbered_lines().collect();
        let from = lines.len().saturating_sub(3);
        evidence
            .extend(lines[from..].iter().map(|(place, line)| format!("{place}  {}", line.text)));
        Finding::new(Code::ProcessCrashed, message, evidence)
    });
}

/// Stages 1 to 3: the flag reached the service, a tracer exists, and it says that it is enabled.
pub(super) fn constructed(reading: &Reading<'_>, bench: &mut Bench) {
    if !reading.spec.probes.knows_tracer() {
        return;
    }
    let stored = !reading.spans.is_empty();
    let told = setting(reading);
    let Some(banner) = reading.banners.first() else {
        return bench.check(stored, || {
            let message = format!("{told} is set, and no tracer line was printed at startup");
            Finding::new(Code::TracerNotConstructed, message, startup_lines(reading))
        });
    };
    if stored {
        return bench.check(banner.what.enabled, || {
            let message = format!(
                "the tracer says that it is off, and {} spans are stored",
                reading.spans.len()
            );
            Finding::new(Code::BannerContradicts, message, vec![banner.line.clone()])
        });
    }
    bench.check(banner.what.enabled, || disabled(reading, banner));
}

/// Stages 1 to 3 where spans may be lost for another reason: only the service's own word counts.
pub(super) fn announced(reading: &Reading<'_>, bench: &mut Bench) {
    if let Some(banner) = reading.banners.first() {
        bench.check(banner.what.enabled, || disabled(reading, banner));
    }
}

/// The finding for a tracer that says it is off although it should be on.
fn disabled(reading: &Reading<'_>, banner: &Said<crate::spec::Banner>) -> Finding {
    let told = setting(reading);
    let given = reading.spec.tracing_flag().map(|flag| reading.evidence.case.flag(&flag.name));
    let given = given.as_ref().and_then(crate::spec::Value::text);
    let lines = vec![format!("environment  {told}"), banner.line.clone()];
    match &banner.what.raw {
        Some(raw) if raw.is_empty() && given.is_some_and(|given| !given.is_empty()) => {
            let message =
                format!("{told} was given to the process, and the service saw it unset or empty");
            Finding::new(Code::FlagUnset, message, lines)
        }
        _ => {
            let message = format!("{told} means on, and the service reads it as off");
            Finding::new(Code::FlagUnrecognisedValue, message, lines)
        }
    }
}

/// `NAME=value` of the tracing flag.
pub(super) fn setting(reading: &Reading<'_>) -> String {
    match reading.spec.tracing_flag() {
        Some(flag) => format!("{}={}", flag.name, reading.evidence.case.flag(&flag.name)),
        None => "tracing".into(),
    }
}

fn startup_lines(reading: &Reading<'_>) -> Vec<String> {
    use crate::process::Stream;
    let stderr = reading.evidence.startup_lines(Stream::Stderr).count();
    let stdout = reading.evidence.startup_lines(Stream::Stdout).count();
    vec![format!("startup: {stderr} lines on stderr and {stdout} on stdout, none from a tracer")]
}

/// Stage 4: every unit of the job was executed, and the job ended.
pub(super) fn executed(reading: &Reading<'_>, bench: &mut Bench) {
    let evidence = reading.evidence;
    let Some(submission) = &evidence.submission else { return };
    bench.check(submission.accepted(), || {
        let message = "the service refused the job";
        let line = match submission.status {
            0 => format!("{}: no answer: {}", submission.request, submission.body),
            status => format!("{}: HTTP {status}: {}", submission.request, submission.body),
        };
        Finding::new(Code::JobFailedEarly, message, vec![line])
    });
    if !bench.is_clean() {
        return;
    }
    let (done, expected) = (reading.units.len(), reading.expected);
    bench.check(done >= expected, || missing_units(reading, done, expected));
    bench.check(done <= expected, || {
        let message = format!("the job has {expected} units, and {done} were executed");
        let lines = shown(reading.units.iter().map(super::reading::Unit::shown));
        Finding::new(Code::Duplicate, message, lines)
    });
    if let (true, Some(Reached::No(why))) = (bench.is_clean(), &evidence.settled) {
        bench.check(false, || {
            let mut lines = job_lines(reading);
            lines.extend(shown(reading.units.iter().map(super::reading::Unit::shown)));
            Finding::new(Code::JobNotFinished, why.clone(), lines)
        });
    }
}

fn missing_units(reading: &Reading<'_>, done: usize, expected: usize) -> Finding {
    let jobs = &reading.spec.tables.jobs;
    let rows = reading.evidence.jobs.all();
    let status = rows.first().and_then(|row| text(row, &jobs.status));
    let waiting = status.as_ref().is_some_and(|status| jobs.waiting.contains(status));
    let (code, message) = match status {
        Some(status) if waiting && done == 0 => (
            Code::JobNotPickedUp,
            format!("the job was accepted and is still `{status}`: nobody took it"),
        ),
        Some(status) => (
            Code::JobFailedEarly,
            format!("the job is `{status}` with {done} of {expected} units executed"),
        ),
        None => {
            (Code::JobFailedEarly, "the job was accepted and there is no row for it".to_owned())
        }
    };
    let mut lines = job_lines(reading);
    lines.push(format!("{}: {done} rows", reading.spec.tables.units.table));
    Finding::new(code, message, lines)
}

fn job_lines(reading: &Reading<'_>) -> Vec<String> {
    let jobs = &reading.spec.tables.jobs;
    match &reading.evidence.jobs {
        Rows::Unreadable(why) => vec![format!("{}: {why}", jobs.table)],
        Rows::Found(rows) => {
            let status = |row| text(row, &jobs.status).unwrap_or_else(|| "null".into());
            shown(rows.iter().map(|row| format!("{}: {}", jobs.table, status(row))))
        }
    }
}

/// Stage 5: a span was begun for every unit.
pub(super) fn attempted(reading: &Reading<'_>, bench: &mut Bench) {
    let units = reading.units.len();
    if !reading.spec.probes.knows_attempts() {
        return;
    }
    let idle: Vec<_> = reading.attempts.iter().filter(|said| !said.what.enabled).collect();
    bench.check(idle.is_empty(), || {
        let message = "the tracer says at startup that it is on, and off at each span";
        let lines = reading.banners.iter().map(|said| said.line.clone());
        let lines = lines.chain(shown(idle.iter().map(|said| said.line.clone())));
        Finding::new(Code::BannerContradicts, message, lines.collect())
    });
    for rule in &reading.rules {
        let begun = reading.attempts(&rule.operation);
        let stored = reading.of_operation(&rule.operation).count();
        let clean = bench.is_clean();
        bench.check(begun.max(stored) >= units || !clean, || {
            if let Some(finding) = renamed(reading, &rule.operation) {
                return finding;
            }
            let operation = &rule.operation;
            let message = format!(
                "{units} units were executed{}, and {begun} `{operation}` spans were begun: \
                 their work runs outside the tracer",
                by_route(reading)
            );
            let mut lines: Vec<_> = reading.banners.iter().map(|said| said.line.clone()).collect();
            lines.push(format!("output: {begun} lines about the start of `{operation}`"));
            lines.extend(shown(reading.units.iter().map(super::reading::Unit::shown)));
            lines.push(format!(
                "{}: {} rows",
                reading.spec.tables.spans.table,
                reading.spans.len()
            ));
            Finding::new(Code::PathNotExecuted, message, lines)
        });
    }
}

/// ` by route …`, where that is known.
fn by_route(reading: &Reading<'_>) -> String {
    match reading.evidence.case.route.as_str() {
        "" => String::new(),
        route => format!(" by route `{route}`"),
    }
}

/// The finding where spans are missing under one name and others are there under a name that
/// nothing knows.
pub(super) fn renamed(reading: &Reading<'_>, operation: &str) -> Option<Finding> {
    let strangers: Vec<_> = reading.strangers().collect();
    let units = reading.units.len();
    let stored = reading.of_operation(operation).count();
    // Fewer than are missing do not explain it: a service may have spans beside its units.
    if strangers.is_empty() || strangers.len() + stored < units {
        return None;
    }
    let table = &reading.spec.tables.spans;
    let message = format!(
        "{units} units left {stored} `{operation}` spans, and {} spans that no `[[span]]` names",
        strangers.len()
    );
    let columns: Vec<_> =
        [&table.service, &table.unit].into_iter().filter(|name| !name.is_empty()).collect();
    let columns: Vec<_> = columns.into_iter().map(String::as_str).collect();
    let lines = shown(strangers.iter().map(|span| span.shown(&columns)));
    Some(Finding::new(Code::WrongAttributes, message, lines))
}

/// Stage 8: every span has an end, and one after its start.
pub(super) fn finished(reading: &Reading<'_>, bench: &mut Bench) {
    let table = &reading.spec.tables.spans;
    let columns = [&table.status, &table.completed, &table.duration];
    let columns: Vec<_> =
        columns.into_iter().filter(|name| !name.is_empty()).map(String::as_str).collect();
    let all = reading.spans.len();
    let open: Vec<_> = reading.spans.iter().filter(|span| span.unfinished().is_some()).collect();
    bench.check(open.is_empty(), || {
        let lines = shown(open.iter().map(|span| span.shown(&columns)));
        let said = shown(reading.unfinished.iter().map(|said| said.line.clone()));
        let lines = [lines, said].concat();
        if reading.evidence.exit.killed {
            let message =
                format!("{} of {all} spans were open when the service was killed", open.len());
            return Finding::new(Code::LostAtExit, message, lines);
        }
        let message = format!("{} of {all} spans were begun and never completed", open.len());
        Finding::new(Code::NotFinished, message, lines)
    });
    let impossible: Vec<_> = reading.spans.iter().filter(|span| span.is_impossible()).collect();
    let clean = bench.is_clean();
    bench.check(impossible.is_empty() || !clean, || {
        let columns = [table.started.as_str(), &table.completed, &table.duration];
        let message = format!("{} of {all} spans end before they start", impossible.len());
        let lines = shown(impossible.iter().map(|span| span.shown(&columns)));
        Finding::new(Code::ImpossibleTimes, message, lines)
    });
}

/// Stage 9: every span names its unit and agrees with it.
pub(super) fn linked(reading: &Reading<'_>, bench: &mut Bench) {
    let table = &reading.spec.tables.spans;
    let rules = &reading.rules;
    let expected: Vec<_> =
        rules.iter().flat_map(|rule| reading.of_operation(&rule.operation)).collect();
    let unit_of = |span: &super::reading::Span<'_>| {
        let id = span.unit()?;
        reading.units.iter().find(|unit| unit.id().as_ref() == Some(&id)).copied()
    };
    let lost: Vec<_> = expected.iter().filter(|span| unit_of(span).is_none()).collect();
    bench.check(lost.is_empty(), || {
        let mut columns = vec![table.unit.as_str()];
        columns.extend(table.link.keys().map(String::as_str));
        let message =
            format!("{} of {} spans name no unit in `{}`", lost.len(), expected.len(), table.unit);
        let lines = shown(lost.iter().map(|span| span.shown(&columns)));
        Finding::new(Code::Unlinked, message, lines)
    });
    for span in &expected {
        let Some(unit) = unit_of(span) else { continue };
        let differences = differences(reading, *span, unit);
        let clean = bench.is_clean();
        bench.check(differences.is_empty() || !clean, || {
            let columns: Vec<_> = differences.iter().map(String::as_str).collect();
            let code = if columns == [table.status.as_str()] {
                Code::StatusDisagrees
            } else {
                Code::Unlinked
            };
            let message = format!("a span differs from its unit in {}", columns.join(", "));
            Finding::new(code, message, vec![span.shown(&columns), unit.shown()])
        });
    }
}

/// Stage 10: every unit has each span once, and its spans are one tree.
pub(super) fn joined(reading: &Reading<'_>, bench: &mut Bench) {
    for unit in &reading.units {
        for rule in &reading.rules {
            let spans = reading.spans_of(*unit, &rule.operation);
            let clean = bench.is_clean();
            bench.check(spans.len() <= 1 || !clean, || {
                let message = format!(
                    "a unit has {} `{}` spans and should have one",
                    spans.len(),
                    rule.operation
                );
                let trace = [reading.spec.tables.spans.trace.as_str()];
                let lines = shown(spans.iter().map(|span| span.shown(&trace)));
                Finding::new(Code::Duplicate, message, [vec![unit.shown()], lines].concat())
            });
        }
        let faults = tree::faults(reading, *unit);
        let clean = bench.is_clean();
        bench.check(faults.is_empty() || !clean, || {
            let message = "the spans of a unit are not one tree";
            Finding::new(
                Code::BrokenTree,
                message,
                [vec![unit.shown()], shown(faults.clone())].concat(),
            )
        });
    }
}
