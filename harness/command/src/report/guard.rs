//! The comparisons of `guard` as text.

use std::fmt::Write as _;

use spanproof_format::count;
use spanproof_format::{Comparison, DeployedValue, Freshness, Guard, GuardResult};

/// Returns the comparisons of each environment, with the lines of manifests that decide each value, and the
/// counts of the results.
pub fn guard(guard: &Guard) -> String {
    let mut text = String::new();
    let mut environment = "";
    for comparison in &guard.comparisons {
        if comparison.environment != environment {
            environment = &comparison.environment;
            let _infallible = writeln!(text, "{environment}");
        }
        add(comparison, &mut text);
    }
    let _infallible = writeln!(text, "\n{}", proof(guard));
    let Guard { compared, ok, disabled, enabled, unproven, unknown, .. } = guard;
    let compared = count(*compared, "comparison");
    let _infallible = writeln!(
        text,
        "{compared}: {ok} ok, {disabled} disabled, {enabled} enabled, {unproven} unproven, \
         {unknown} unknown"
    );
    text
}

fn add(comparison: &Comparison, text: &mut String) {
    let word = match comparison.result {
        GuardResult::Ok => "ok",
        GuardResult::Disabled => "DISABLED",
        GuardResult::Enabled => "ENABLED",
        GuardResult::Unproven => "unproven",
        _ => "unknown",
    };
    let value = match &comparison.value {
        DeployedValue::Set(value) => format!("{value:?}"),
        DeployedValue::Unset => "unset".to_owned(),
        _ => "not known".to_owned(),
    };
    let Comparison { flag, files, processes, found, steps, next, .. } = comparison;
    let processes = match processes.as_slice() {
        [] => String::new(),
        names => format!(" [{}]", names.join(", ")),
    };
    let _infallible =
        writeln!(text, "  {word:<8}  {flag} {value}, {}{processes}", files.join(", "));
    let _infallible = writeln!(text, "            {found}");
    for step in steps {
        let _infallible = writeln!(text, "              {}:{} {}", step.file, step.line, step.text);
    }
    if !next.is_empty() {
        let _infallible = writeln!(text, "            next: {next}");
    }
}

/// Returns the state of the proof, and what was not checked.
fn proof(guard: &Guard) -> String {
    let state = &guard.proof;
    let mut text = if state.freshness == Freshness::Fresh {
        format!("proof: {}, {} of flags", state.file, count(state.combinations, "combination"))
    } else {
        format!("proof: {}; no value is proved", state.why)
    };
    for what in &state.not_checked {
        let _infallible = write!(text, "\nnot checked: {what}");
    }
    text
}
