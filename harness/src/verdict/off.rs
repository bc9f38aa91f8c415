//! What must hold where tracing is off: the service says so, and nothing is recorded.

use super::code::Code;
use super::finding::{Bench, Finding, shown};
use super::reading::Reading;
use super::stage::setting;
use crate::spec::Intent;

/// The tracer does not say that it is on; and where the value means on, it says that it is off,
/// with the value it saw: a spelling that does not count is never silent.
pub(super) fn banner(reading: &Reading<'_>, bench: &mut Bench) {
    if !reading.spec.probes.knows_tracer() {
        return;
    }
    let told = setting(reading);
    let stored = reading.spans.len();
    if let Some(on) = reading.banners.iter().find(|said| said.what.enabled) {
        let code = if stored > 0 { Code::LeakedWhileOff } else { Code::BannerContradicts };
        return bench.check(false, || {
            let message = format!("{told} leaves tracing off, and the service says that it is on; {stored} spans are stored");
            Finding::new(code, message, vec![on.line.clone()])
        });
    }
    let Some(flag) = reading.spec.tracing_flag() else { return };
    let given = reading.evidence.case.flag(&flag.name);
    if given.intent() == Intent::Off {
        return;
    }
    let Some(off) = reading.banners.first() else {
        return bench.check(false, || {
            let message = format!("{told} does not count as on, and the service does not say so");
            Finding::new(Code::TracerNotConstructed, message, Vec::new())
        });
    };
    let seen = off.what.raw.as_deref();
    bench.check(seen.is_none() || seen == given.text(), || {
        let message = format!("{told} was given to the process, and the service saw {seen:?}");
        Finding::new(Code::FlagUnset, message, vec![off.line.clone()])
    });
}

/// Nothing is recorded, begun or acknowledged.
pub(super) fn silent(reading: &Reading<'_>, bench: &mut Bench) {
    let told = setting(reading);
    let table = &reading.spec.tables.spans;
    bench.check(reading.spans.is_empty(), || {
        let message =
            format!("{told} leaves tracing off, and {} spans are stored", reading.spans.len());
        let lines = shown(reading.spans.iter().map(|span| span.shown(&[table.status.as_str()])));
        Finding::new(Code::LeakedWhileOff, message, lines)
    });
    let begun: Vec<_> = reading.attempts.iter().filter(|said| said.what.enabled).collect();
    let clean = bench.is_clean();
    bench.check(begun.is_empty() || !clean, || {
        let message = format!(
            "{told} leaves tracing off, and {} spans were begun as if it were on",
            begun.len()
        );
        Finding::new(Code::LeakedWhileOff, message, shown(begun.iter().map(|s| s.line.clone())))
    });
    let claimed = &reading.acknowledged;
    let clean = bench.is_clean();
    bench.check(claimed.is_empty() || !clean, || {
        let message = format!(
            "tracing is off and nothing is stored, and the service reports {} spans as written",
            claimed.len()
        );
        let lines = reading.attempts.iter().take(1).map(|said| said.line.clone());
        let lines = lines.chain(shown(claimed.iter().map(|said| said.line.clone())));
        Finding::new(Code::BannerContradicts, message, lines.collect())
    });
}
