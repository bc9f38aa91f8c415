//! Counts the traits of a service that vary by themselves. The more traits vary, the more often one of them
//! looks like an effect, so more trials must agree on a difference.

use std::collections::BTreeMap;

use super::behaviour::{Behaviour, Key};
use crate::spec::Value;

/// Maximum number of inputs that a trait may depend on together. A trait that depends on more counts as
/// varying, which only asks for more trials.
const MAX_INPUTS: usize = 2;

/// The inputs of a trial, and its behaviour.
pub(super) type Row<'a> = (Vec<&'a Value>, &'a Behaviour);

/// Returns how many more trials must agree on a difference if `varying` traits vary by themselves. Each
/// trial halves the probability that a trait with one of two random values agrees.
pub(super) fn more_trials(varying: usize) -> usize {
    // Trials are compared under about 2³ conditions.
    const CONDITIONS: usize = 3;
    match varying {
        0 => 0,
        _ => CONDITIONS + varying.ilog2() as usize + 1,
    }
}

/// Counts the traits that no set of at most [`MAX_INPUTS`] inputs explains: for each such set, they differ
/// between cases with the same values of these inputs.
pub(super) fn count_unexplained(rows: &[Row<'_>], counts: impl Fn(&Key) -> bool) -> usize {
    let Some((first, _)) = rows.first() else { return 0 };
    let differs = |at: &usize| rows.iter().any(|(inputs, _)| inputs[*at] != first[*at]);
    let inputs: Vec<usize> = (0..first.len()).filter(differs).collect();
    let mut keys: Vec<&Key> = rows.iter().flat_map(|(_, left)| left.keys()).collect();
    keys.sort_unstable();
    keys.dedup();
    let is_explained = |key: &Key| {
        let alone = std::iter::once(Vec::new()).chain(inputs.iter().map(|one| vec![*one]));
        let pairs = inputs.iter().flat_map(|one| {
            inputs.iter().filter(move |other| one < *other).map(move |other| vec![*one, *other])
        });
        let mut sets = alone.chain(pairs).filter(|set| set.len() <= MAX_INPUTS);
        sets.any(|set| is_constant(rows, key, &set))
    };
    keys.into_iter().filter(|key| counts(key) && !is_explained(key)).count()
}

/// Whether a trait is the same in all trials with the same values of some inputs.
fn is_constant(rows: &[Row<'_>], key: &Key, inputs: &[usize]) -> bool {
    let mut cells: BTreeMap<Vec<&Value>, Option<&String>> = BTreeMap::new();
    rows.iter().all(|(values, left)| {
        let cell = inputs.iter().map(|at| values[*at]).collect();
        let value = left.get(key);
        *cells.entry(cell).or_insert(value) == value
    })
}
