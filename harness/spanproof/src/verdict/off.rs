//! What must hold where tracing is off: the service says so, and nothing is recorded.

use super::evidence::{Evidence, some};
use super::facts::Facts;
use super::finding::{Checks, Finding};
use super::stage::setting;
use crate::observation::Field;
use crate::spec::Intent;
use spanproof_format::Code;

/// The tracer does not say that it is on; and where the value means on, it says that it is off,
/// with the value it saw: a spelling that does not count is never silent.
pub(super) fn banner(facts: &Facts<'_>, checks: &mut Checks) {
    if !facts.spec.probes.has_tracer() {
        return;
    }
    let told = setting(facts);
    let stored = facts.spans.len();
    if let Some(on) = facts.banners.iter().find(|said| said.what.enabled) {
        let code = if stored > 0 { Code::LeakedWhileOff } else { Code::BannerContradicts };
        return checks.expect(false, || {
            let message = format!("{told} leaves tracing off, and the service says that it is on; {stored} spans are stored");
            Finding::new(code, message, vec![on.into()])
        });
    }
    let Some(flag) = facts.spec.tracing_flag() else { return };
    let given = facts.observation.case.flag(&flag.name);
    if given.intent() == Intent::Off {
        return;
    }
    let Some(off) = facts.banners.first() else {
        return checks.expect(false, || {
            let message = format!("{told} does not count as on, and the service does not say so");
            Finding::new(Code::TracerNotConstructed, message, Vec::new())
        });
    };
    let seen = off.what.raw.as_deref();
    checks.expect(seen.is_none() || seen == given.text(), || {
        let message = format!("{told} was given to the process, and the service saw {seen:?}");
        Finding::new(Code::FlagUnset, message, vec![off.into()])
    });
}

/// Nothing is recorded, begun or acknowledged.
pub(super) fn silent(facts: &Facts<'_>, checks: &mut Checks) {
    let told = setting(facts);
    checks.expect(facts.spans.is_empty(), || {
        let message =
            format!("{told} leaves tracing off, and {} spans are stored", facts.spans.len());
        let spans = facts.spans.iter();
        let lines = some(spans.map(|span| Evidence::span(facts, span, &[Field::Status])));
        Finding::new(Code::LeakedWhileOff, message, lines)
    });
    let begun: Vec<_> = facts.attempts.iter().filter(|said| said.what.enabled).collect();
    let clean = checks.is_clean();
    checks.expect(begun.is_empty() || !clean, || {
        let message = format!(
            "{told} leaves tracing off, and {} spans were begun as if it were on",
            begun.len()
        );
        Finding::new(Code::LeakedWhileOff, message, some(begun.iter().map(|one| (*one).into())))
    });
    let claimed = &facts.acknowledged;
    let clean = checks.is_clean();
    checks.expect(claimed.is_empty() || !clean, || {
        let message = format!(
            "tracing is off and nothing is stored, and the service reports {} spans as written",
            claimed.len()
        );
        let first = facts.attempts.iter().take(1).map(Evidence::from);
        let lines = first.chain(Evidence::lines(claimed));
        Finding::new(Code::BannerContradicts, message, lines.collect())
    });
}
