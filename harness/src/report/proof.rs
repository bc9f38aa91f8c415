//! The table of sabotages: caught or missed.

use std::fmt::Write as _;

use super::table::table;
use crate::suite::{Proof, Told};

/// What proving came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Proofs {
    /// Sabotages that were told, for the right reason.
    pub caught: usize,
    /// Sabotages that were not.
    pub missed: usize,
    /// Sabotages that the world does not allow.
    pub impossible: usize,
}

impl Proofs {
    /// Counts.
    pub fn of(proofs: &[Proof]) -> Self {
        let mut counts = Self::default();
        for proof in proofs {
            match proof.told {
                Told::Caught(_) => counts.caught += 1,
                Told::Missed(_) => counts.missed += 1,
                Told::Impossible(_) => counts.impossible += 1,
            }
        }
        counts
    }
}

/// One line per sabotage and case, then each miss with what should have been told, and the counts.
pub fn proofs(all: &[Proof]) -> String {
    let rows: Vec<Vec<String>> = all
        .iter()
        .map(|proof| {
            let told = match &proof.told {
                Told::Caught(code) => format!("caught: {code}"),
                Told::Missed(code) => format!("MISSED: {code}"),
                Told::Impossible(_) => "not possible here".into(),
            };
            let words = [proof.name, proof.what, &proof.case.route, &told];
            words.into_iter().map(str::to_owned).collect()
        })
        .collect();
    let mut text = table(&["sabotage", "what is done", "route", "told"], &rows);
    for proof in all {
        match &proof.told {
            Told::Caught(_) => {}
            Told::Missed(told) => {
                let right = proof.right.join(" or ");
                let _infallible = writeln!(
                    text,
                    "\nMISSED {} by {}: {}\n    expected {right}, found {told}\n    case {}",
                    proof.name, proof.case.route, proof.what, proof.case.id
                );
            }
            Told::Impossible(why) => {
                let (name, route) = (proof.name, &proof.case.route);
                let _infallible = writeln!(text, "\n{name} by {route} is not possible here: {why}");
            }
        }
    }
    let Proofs { caught, missed, impossible } = Proofs::of(all);
    let _infallible =
        writeln!(text, "\n{caught} caught, {missed} missed, {impossible} not possible");
    text
}
