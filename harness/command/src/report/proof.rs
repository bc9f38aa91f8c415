//! Proofs as a table.

use std::fmt::Write as _;

use super::table::table;
use spanproof_format::{ProofResult, Proofs};

/// Returns one line per sabotage and case, each miss with what was expected, and the counts.
pub fn proofs(outcome: &Proofs) -> String {
    let rows: Vec<Vec<String>> = outcome
        .proofs
        .iter()
        .map(|proof| {
            let result = match &proof.result {
                ProofResult::Caught(code) => format!("caught: {code}"),
                ProofResult::Missed(code) => format!("MISSED: {code}"),
                _ => "not possible here".into(),
            };
            let words = [&proof.name, &proof.what, &proof.case.route, &result];
            words.into_iter().cloned().collect()
        })
        .collect();
    let mut text = table(&["sabotage", "what is done", "route", "told"], &rows);
    for proof in &outcome.proofs {
        match &proof.result {
            ProofResult::Missed(found) => {
                let right = proof.right.join(" or ");
                let _infallible = writeln!(
                    text,
                    "\nMISSED {} by {}: {}\n    expected {right}, found {found}\n    case {}",
                    proof.name, proof.case.route, proof.what, proof.case.id
                );
            }
            ProofResult::Impossible(why) => {
                let (name, route) = (&proof.name, &proof.case.route);
                let _infallible = writeln!(text, "\n{name} by {route} is not possible here: {why}");
            }
            _ => {}
        }
    }
    let Proofs { caught, missed, impossible, .. } = outcome;
    let _infallible =
        writeln!(text, "\n{caught} caught, {missed} missed, {impossible} not possible");
    text
}
