//! A preflight, for people and for programs.

use std::fmt::Write as _;

use serde_json::{Value as Json, json};

use crate::preflight::{Check, Outcome};

/// Every check in a line, with what to do, and their numbers.
pub fn preflight(checks: &[Check]) -> String {
    let mut text = String::new();
    for check in checks {
        let word = match check.outcome {
            Outcome::Passed => "ok",
            Outcome::Failed => "FAIL",
            Outcome::Advice => "advice",
            Outcome::Untried => "not tried",
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
    let _infallible = writeln!(
        text,
        "\n{} passed, {} failed, {} advice, {} not tried",
        count(checks, Outcome::Passed),
        count(checks, Outcome::Failed),
        count(checks, Outcome::Advice),
        count(checks, Outcome::Untried)
    );
    text
}

fn count(checks: &[Check], outcome: Outcome) -> usize {
    checks.iter().filter(|check| check.outcome == outcome).count()
}

/// The same as JSON. `"schema": 1`.
pub fn preflight_json(checks: &[Check]) -> Json {
    json!({
        "schema": 1,
        "passed": count(checks, Outcome::Passed),
        "failed": count(checks, Outcome::Failed),
        "advice": count(checks, Outcome::Advice),
        "not_tried": count(checks, Outcome::Untried),
        "checks": checks,
    })
}
