//! Proofs as a table.

use std::fmt::Write as _;

use super::table::table;
use spanproof::outcome::{ProofOutcome, Told};

/// Returns one line per sabotage and case, each miss with what was expected, and the counts.
pub fn proofs(outcome: &ProofOutcome) -> String {
    let rows: Vec<Vec<String>> = outcome
        .proofs
        .iter()
        .map(|proof| {
            let result = match &proof.told {
                Told::Caught(code) => format!("caught: {code}"),
                Told::Missed(code) => format!("MISSED: {code}"),
                Told::Impossible(_) => "not possible here".into(),
            };
            let words = [proof.name, proof.what, &proof.case.route, &result];
            words.into_iter().map(str::to_owned).collect()
        })
        .collect();
    let mut text = table(&["sabotage", "what is done", "route", "told"], &rows);
    for proof in &outcome.proofs {
        match &proof.told {
            Told::Caught(_) => {}
            Told::Missed(found) => {
                let right = proof.right.join(" or ");
                let _infallible = writeln!(
                    text,
                    "\nMISSED {} by {}: {}\n    expected {right}, found {found}\n    case {}",
                    proof.name, proof.case.route, proof.what, proof.case.id
                );
            }
            Told::Impossible(why) => {
                let (name, route) = (proof.name, &proof.case.route);
                let _infallible = writeln!(text, "\n{name} by {route} is not possible here: {why}");
            }
        }
    }
    let ProofOutcome { caught, missed, impossible, .. } = outcome;
    let _infallible =
        writeln!(text, "\n{caught} caught, {missed} missed, {impossible} not possible");
    text
}
