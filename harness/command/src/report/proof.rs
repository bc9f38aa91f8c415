//! Results of `check --prove` as text. A sabotage is a change to a passing case, such as a trigger
//! that discards spans. The verdict on the changed case must detect it.

use std::fmt::Write as _;

use super::table::table;
use spanproof_format::{Proofs, SabotageResult};

/// Returns a line per sabotage and case, the details of missed and impossible sabotages, and the counts.
pub fn proofs(document: &Proofs) -> String {
    let rows: Vec<Vec<String>> = document
        .proofs
        .iter()
        .map(|proof| {
            let result = match &proof.result {
                SabotageResult::Caught(code) => format!("caught: {code}"),
                SabotageResult::Missed(code) => format!("MISSED: {code}"),
                _ => "not possible".into(),
            };
            let cells = [&proof.name, &proof.description, &proof.case.route, &result];
            cells.into_iter().cloned().collect()
        })
        .collect();
    let mut text = table(&["sabotage", "description", "route", "result"], &rows);
    for proof in &document.proofs {
        match &proof.result {
            SabotageResult::Missed(found) => {
                let expected = proof.expected_codes.join(" or ");
                let _infallible = writeln!(
                    text,
                    "\nMISSED {} on route {}: {}\n    expected {expected}, found {found}\n    case {}",
                    proof.name, proof.case.route, proof.description, proof.case.id
                );
            }
            SabotageResult::Impossible(why) => {
                let (name, route) = (&proof.name, &proof.case.route);
                let _infallible =
                    writeln!(text, "\n{name} is not possible on route {route}: {why}");
            }
            _ => {}
        }
    }
    let Proofs { caught, missed, impossible, .. } = document;
    let _infallible =
        writeln!(text, "\n{caught} caught, {missed} missed, {impossible} not possible");
    text
}

#[cfg(test)]
mod tests {
    use spanproof_format::{Case, Proof};

    use super::*;

    #[test]
    fn a_missed_sabotage_is_printed_with_its_expected_codes() {
        let proof = |name: &str, result| {
            let mut case = Case::new("1a2b3c4d");
            case.route = "queued".into();
            let mut proof = Proof::new(name, "the flag is misspelt", case, result);
            proof.expected_codes = vec!["flag-unset".into(), "flag-unrecognised-value".into()];
            proof
        };
        let all = Proofs::new(vec![
            proof("flag-misspelt", SabotageResult::Missed("pass".into())),
            proof("flag-unset", SabotageResult::Caught("flag-unset".into())),
            proof("no-table", SabotageResult::Impossible("no such table".into())),
        ]);
        let expected = "\
sabotage       description           route   result
flag-misspelt  the flag is misspelt  queued  MISSED: pass
flag-unset     the flag is misspelt  queued  caught: flag-unset
no-table       the flag is misspelt  queued  not possible

MISSED flag-misspelt on route queued: the flag is misspelt
    expected flag-unset or flag-unrecognised-value, found pass
    case 1a2b3c4d

no-table is not possible on route queued: no such table

1 caught, 1 missed, 1 not possible
";
        assert_eq!(proofs(&all), expected);
    }
}
