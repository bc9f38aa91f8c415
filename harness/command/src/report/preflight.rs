//! The checks of `preflight` as text.

use std::fmt::Write as _;

use spanproof_format::{CheckResult, Preflight};

/// Returns a line per check with its next step, and the counts at the end.
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
        if !check.checked.is_empty() {
            let _infallible = write!(text, " [{}]", check.checked);
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
