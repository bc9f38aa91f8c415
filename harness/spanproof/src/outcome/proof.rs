//! Sabotages of healthy cases.

use crate::suite::{Proof, Told};

/// What proving found.
#[derive(Debug, Clone)]
pub struct ProofOutcome {
    /// One proof per sabotage and case.
    pub proofs: Vec<Proof>,
    /// Sabotages that were detected with the right code.
    pub caught: usize,
    /// Sabotages that were not.
    pub missed: usize,
    /// Sabotages that this world does not allow.
    pub impossible: usize,
}

impl ProofOutcome {
    /// Creates the outcome of all proofs.
    pub fn new(proofs: &[Proof]) -> Self {
        let count = |of: fn(&Told) -> bool| proofs.iter().filter(|proof| of(&proof.told)).count();
        Self {
            proofs: proofs.to_vec(),
            caught: count(|told| matches!(told, Told::Caught(_))),
            missed: count(|told| matches!(told, Told::Missed(_))),
            impossible: count(|told| matches!(told, Told::Impossible(_))),
        }
    }
}
