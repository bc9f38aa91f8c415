//! Checks of a case in which tracing is off: the service must report that, and record no span.

use super::evidence::{Evidence, limit};
use super::facts::{Facts, is_of_service};
use super::finding::{Checks, Finding};
use super::stage::flag_setting;
use crate::observation::Field;
use crate::spec::Intent;
use spanproof_format::{Code, count_phrase};

/// The service must not report at startup that tracing is on. If the flag has a value that a user would
/// understand as on, such as `TRUE`, the service must report that tracing is off, and if it reports the
/// value, the right one.
pub(super) fn check_startup_line(facts: &Facts<'_>, checks: &mut Checks) {
    if !facts.spec.probes.has_tracer() {
        return;
    }
    let setting = flag_setting(facts);
    let stored = facts.spans.len();
    let spans = count_phrase(stored, "span is", "spans are");
    if let Some(on) = facts.startup_lines.iter().find(|startup_line| startup_line.report.enabled) {
        let code = if stored > 0 { Code::LeakedWhileOff } else { Code::BannerContradicts };
        return checks.expect(false, || {
            let message = format!(
                "{setting} leaves tracing off, and the service says that it is on; {spans} stored"
            );
            Finding::new(code, message, vec![on.into()])
        });
    }
    let Some(flag) = facts.spec.tracing_flag() else { return };
    let value = facts.observation.case.flag(&flag.name);
    if value.intent() == Intent::Off {
        return;
    }
    let Some(off) = facts.startup_lines.first() else {
        return checks.expect(false, || {
            let message =
                format!("{setting} leaves tracing off, and the service does not report that");
            Finding::new(Code::TracerNotConstructed, message, Vec::new())
        });
    };
    let reported_value = off.report.raw.as_deref();
    checks.expect(reported_value.is_none() || reported_value == value.text(), || {
        let reported_value = reported_value.unwrap_or_default();
        let message =
            format!("{setting} was given to the process, and the service saw {reported_value:?}");
        Finding::new(Code::FlagUnset, message, vec![off.into()])
    });
}

/// No span may be stored, and the service must not report that it began or wrote one.
pub(super) fn check_nothing_recorded(facts: &Facts<'_>, checks: &mut Checks) {
    let setting = flag_setting(facts);
    // A helper may write spans of its own to the same table.
    let has_helpers = facts.spec.processes.iter().any(|process| process.helper);
    let spans = facts.spans.iter().filter(|span| !has_helpers || is_of_service(facts.spec, span));
    let leaked: Vec<_> = spans.collect();
    checks.expect(leaked.is_empty(), || {
        let stored = count_phrase(leaked.len(), "span is", "spans are");
        let message = format!("{setting} leaves tracing off, and {stored} stored");
        let spans = leaked.iter();
        let lines = limit(spans.map(|span| Evidence::span(facts, span, &[Field::Status])));
        Finding::new(Code::LeakedWhileOff, message, lines)
    });
    // Only the first of these findings is reported: the others follow from it.
    let begun: Vec<_> = facts.begin_lines.iter().filter(|line| line.report.enabled).collect();
    let is_first = checks.is_clean();
    checks.expect(begun.is_empty() || !is_first, || {
        let message = format!(
            "{setting} leaves tracing off, and {} begun as if it were on",
            count_phrase(begun.len(), "span was", "spans were")
        );
        Finding::new(Code::LeakedWhileOff, message, limit(begun.iter().map(|line| (*line).into())))
    });
    let acknowledged = &facts.written_lines;
    let is_first = checks.is_clean();
    checks.expect(acknowledged.is_empty() || !is_first, || {
        let message = format!(
            "tracing is off and nothing is stored, and the service reports {} as written",
            count_phrase(facts.written_count(), "span", "spans")
        );
        let first = facts.begin_lines.iter().take(1).map(Evidence::from);
        let lines = first.chain(Evidence::lines(acknowledged));
        Finding::new(Code::BannerContradicts, message, lines.collect())
    });
}
