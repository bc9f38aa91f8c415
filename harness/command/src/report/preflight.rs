//! A preflight as text and as JSON.

use std::fmt::Write as _;

use serde_json::{Value as Json, json};

use spanproof::outcome::{CheckResult, PreflightOutcome};

/// Returns a line per check, with what to do next, and the counts.
pub fn preflight(outcome: &PreflightOutcome) -> String {
    let mut text = String::new();
    for check in &outcome.checks {
        let word = match check.outcome {
            CheckResult::Passed => "ok",
            CheckResult::Failed => "FAIL",
            CheckResult::Advice => "advice",
            CheckResult::Untried => "not tried",
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
    let PreflightOutcome { passed, failed, advice, untried, .. } = outcome;
    let _infallible =
        writeln!(text, "\n{passed} passed, {failed} failed, {advice} advice, {untried} not tried");
    text
}

/// Returns a preflight as JSON. `"schema": 1`.
pub fn preflight_json(outcome: &PreflightOutcome) -> Json {
    json!({
        "schema": 1,
        "passed": outcome.passed,
        "failed": outcome.failed,
        "advice": outcome.advice,
        "not_tried": outcome.untried,
        "checks": outcome.checks,
    })
}
