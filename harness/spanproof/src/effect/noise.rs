//! Counts the traits (observable properties) of a service that vary at random. The more traits vary, the more
//! often one of them looks like an effect of a flag, so more trials must agree on a difference.

use std::collections::BTreeMap;

use super::behaviour::{Behaviour, Key};
use crate::spec::Value;

/// Maximum number of inputs (flags, route, upstream and job) that a trait may depend on together. A trait
/// that depends on more inputs counts as varying at random; this only means that more trials are needed.
const MAX_INPUTS: usize = 2;

/// The inputs of a trial, and its behaviour.
pub(super) type Row<'a> = (Vec<&'a Value>, &'a Behaviour);

/// Returns how many more trials must agree on a difference if `varying` traits vary at random. Each trial
/// halves the probability that a trait that takes one of two values at random looks like an effect.
pub(super) fn more_trials(varying: usize) -> usize {
    // Trials are compared under about 2³ conditions, each of which may show a random difference.
    const CONDITIONS_LOG2: usize = 3;
    match varying {
        0 => 0,
        _ => CONDITIONS_LOG2 + varying.ilog2() as usize + 1,
    }
}

/// Counts the traits that do not depend on inputs alone: for every set of at most [`MAX_INPUTS`] inputs,
/// the trait differs between trials with the same values of these inputs. Only traits for which
/// `is_counted` is true count.
pub(super) fn count_unexplained(rows: &[Row<'_>], is_counted: impl Fn(&Key) -> bool) -> usize {
    let Some((first, _)) = rows.first() else { return 0 };
    let differs = |at: &usize| rows.iter().any(|(inputs, _)| inputs[*at] != first[*at]);
    let inputs: Vec<usize> = (0..first.len()).filter(differs).collect();
    let mut keys: Vec<&Key> = rows.iter().flat_map(|(_, behaviour)| behaviour.keys()).collect();
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
    keys.into_iter().filter(|key| is_counted(key) && !is_explained(key)).count()
}

/// Whether a trait is the same in all trials with the same values of some inputs.
fn is_constant(rows: &[Row<'_>], key: &Key, inputs: &[usize]) -> bool {
    let mut cells: BTreeMap<Vec<&Value>, Option<&String>> = BTreeMap::new();
    rows.iter().all(|(values, behaviour)| {
        let cell = inputs.iter().map(|at| values[*at]).collect();
        let value = behaviour.get(key);
        *cells.entry(cell).or_insert(value) == value
    })
}
