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

#[cfg(test)]
mod tests {
    use spanproof_format::{Case, Proof};

    use super::*;

    #[test]
    fn a_sabotage_that_was_missed_is_shown_with_what_was_expected() {
        let proof = |name: &str, result| {
            let mut case = Case::new("1a2b3c4d");
            case.route = "queued".into();
            let mut proof = Proof::new(name, "the flag is misspelt", case, result);
            proof.right = vec!["flag-unset".into(), "flag-unrecognised-value".into()];
            proof
        };
        let all = Proofs::new(vec![
            proof("flag-misspelt", ProofResult::Missed("pass".into())),
            proof("flag-unset", ProofResult::Caught("flag-unset".into())),
            proof("no-table", ProofResult::Impossible("no such table".into())),
        ]);
        let expected = "\
sabotage       what is done          route   told
flag-misspelt  the flag is misspelt  queued  MISSED: pass
flag-unset     the flag is misspelt  queued  caught: flag-unset
no-table       the flag is misspelt  queued  not possible here

MISSED flag-misspelt by queued: the flag is misspelt
    expected flag-unset or flag-unrecognised-value, found pass
    case 1a2b3c4d

no-table by queued is not possible here: no such table

1 caught, 1 missed, 1 not possible
";
        assert_eq!(proofs(&all), expected);
    }
}
