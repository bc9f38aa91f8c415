//! Sabotages of healthy cases.

use spanproof_format as format;
use spanproof_format::{ProofResult, Proofs};

use crate::suite::{Proof, Told};

/// Returns the document of sabotages: what `check --prove` prints.
pub fn proofs(proofs: &[Proof]) -> Proofs {
    let proof = |proof: &Proof| {
        let result = match proof.told.clone() {
            Told::Caught(code) => ProofResult::Caught(code),
            Told::Missed(found) => ProofResult::Missed(found),
            Told::Impossible(why) => ProofResult::Impossible(why),
        };
        let case = proof.case.clone().into();
        let mut document = format::Proof::new(proof.name, proof.what, case, result);
        document.right.clone_from(&proof.right);
        document
    };
    Proofs::new(proofs.iter().map(proof).collect())
}
