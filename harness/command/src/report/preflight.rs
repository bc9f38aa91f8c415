//! The checks of `preflight` as text.

use std::fmt::Write as _;

use spanproof_format::{CheckResult, Preflight};

/// Returns a line per check, with how it was checked in brackets and the next step below. The counts
/// of the results come last.
pub fn preflight(preflight: &Preflight) -> String {
    let mut text = String::new();
    for check in &preflight.checks {
        let word = match check.outcome {
            CheckResult::Passed => "ok",
            CheckResult::Failed => "FAIL",
            CheckResult::Advice => "advice",
            _ => "not tried",
        };
        let _infallible = write!(text, "{word:<9}  {}: {}", check.name, check.found);
        let method = &check.checked;
        if !method.is_empty() {
            let _infallible = write!(text, " [{method}]");
        }
        text.push('\n');
        if !check.next.is_empty() {
            let _infallible = writeln!(text, "           next: {}", check.next);
        }
    }
    let Preflight { passed, failed, advice, not_tried, .. } = preflight;
    let _infallible = writeln!(
        text,
        "\n{passed} passed, {failed} failed, {advice} advice, {not_tried} not tried"
    );
    text
}
