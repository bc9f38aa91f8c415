//! Compares cases that differ only in one flag. A difference counts only if enough trials (runs of the
//! service) show it, so that it is unlikely to be random. A trait is one observable property of a case.

use std::collections::{BTreeMap, BTreeSet};

use super::behaviour::{Behaviour, Key, Kind, Observed, without_numbers};
use super::noise;
use crate::observation::{Observation, unmasked_flags};
use crate::spec::{Flag, Spec, Value};

/// Number of trials, with both values of the flag together, that must agree before a difference counts. In
/// six trials, a trait that takes one of two values at random looks like an effect with a probability of
/// 1/32.
const MIN_TRIALS: usize = 6;
/// The same number for differences in spans between values of the tracing flag: a few trials are enough,
/// because the spec promises this effect.
const MIN_PROMISED_TRIALS: usize = 2;

/// The cases of a run, for the comparison of the values of one flag.
pub(super) struct Cases<'a> {
    flag: &'a Flag,
    /// The names of all other inputs: flags, then route, upstream and job.
    inputs: Vec<&'a str>,
    /// The number of flags among the inputs.
    flags: usize,
    pub(super) trials: Vec<Trial>,
    /// Traits that differ between trials of the same case.
    varying: BTreeSet<Key>,
    /// How many more trials must agree on a difference, at startup and later, because traits vary at random.
    more_trials: [usize; 2],
    /// Whether the service has no job when it starts, so that its output at startup depends on flags only.
    starts_without_work: bool,
}

/// One trial of a case.
pub(super) struct Trial {
    /// The index of the observation.
    pub(super) index: usize,
    /// The value of the flag.
    pub(super) value: Value,
    /// The values of all other inputs.
    pub(super) context: Vec<Value>,
    behaviour: Behaviour,
    job_ended: bool,
    is_incomplete: bool,
}

/// The result of comparing two values of a flag.
#[derive(Debug, Default)]
pub(super) struct Comparison {
    /// Number of pairs of cases that differ only in the flag, with a job that ended in at least one of the
    /// two.
    pub(super) pairs: usize,
    /// The indexes of the observations of the first pair.
    pub(super) example: Option<[usize; 2]>,
    /// Differences that enough trials show, so that the flag is their reason.
    pub(super) proven: Vec<Difference>,
    /// Differences that may be random, because too few trials show them.
    pub(super) unproven: Vec<Difference>,
    /// Lines that differ only in the value of the flag.
    pub(super) printed: Vec<Difference>,
    /// Inputs with a value under which the flag makes no difference, although it makes one with a different
    /// value of the input: for example, another flag that disables this one.
    pub(super) inert_under: Vec<(String, Value)>,
    /// Whether output was dropped, which may have shown a difference.
    pub(super) is_incomplete: bool,
}

/// A difference between two cases.
#[derive(Debug, Clone)]
pub(super) struct Difference {
    pub(super) key: Key,
    /// The trait with the first value; empty if it is absent.
    pub(super) from: String,
    /// The trait with the second value; empty if it is absent.
    pub(super) to: String,
    /// The indexes of the two observations.
    pub(super) pair: [usize; 2],
}

/// Two groups of trials that differ only in the flag.
pub(super) struct Pair<'a> {
    /// The values of all other inputs.
    pub(super) context: Vec<Value>,
    sides: [Vec<&'a Trial>; 2],
}

impl<'a> Cases<'a> {
    /// Reads the cases without a fault. `observed` contains what was observed in each case.
    pub(super) fn new(
        spec: &'a Spec,
        flag: &'a Flag,
        observations: &[&Observation],
        observed: &[Option<Observed>],
    ) -> Self {
        let others = spec.flags.iter().map(|flag| flag.name.as_str());
        let mut inputs: Vec<_> = others.filter(|name| *name != flag.name).collect();
        let flags = inputs.len();
        inputs.extend(["route", "upstream", "job"]);
        let mut trials = Vec::new();
        for (index, (observation, observed)) in observations.iter().zip(observed).enumerate() {
            let Some(observed) = observed.as_ref().filter(|_| observation.case.fault.is_none())
            else {
                continue;
            };
            let case = unmasked_flags(spec, &observation.case);
            let facts = case.facts();
            let input = |name: &&str| facts.get(name).cloned().unwrap_or(Value::Unset);
            let value = case.flag(&flag.name);
            trials.push(Trial {
                index,
                context: inputs.iter().map(input).collect(),
                behaviour: observed.behaviour(&flag.name, &value),
                value,
                job_ended: observed.job_ended(),
                is_incomplete: observed.is_incomplete,
            });
        }
        let starts_without_work = !spec.has_work_at_start();
        let (varying, more_trials) = (BTreeSet::new(), [0; 2]);
        let mut cases =
            Self { flag, inputs, flags, trials, varying, more_trials, starts_without_work };
        cases.find_varying();
        cases.more_trials = [true, false].map(|startup| more_trials_for(&cases, startup));
        cases
    }

    /// Returns the values that the flag has in these cases, in the order of the spec.
    pub(super) fn values(&self) -> Vec<Value> {
        let mut values: Vec<Value> = Vec::new();
        let seen = self.trials.iter().map(|trial| &trial.value);
        let declared =
            self.flag.values.iter().filter(|value| seen.clone().any(|one| one == *value));
        for value in declared.chain(seen.clone()) {
            if !values.contains(value) {
                values.push(value.clone());
            }
        }
        values
    }

    /// Returns the trait in the first trial with a value of the flag; empty if it is absent.
    pub(super) fn trait_of(&self, value: &Value, key: &Key) -> &str {
        let trial = self.trials.iter().find(|trial| trial.value == *value);
        trial.and_then(|trial| trial.behaviour.get(key)).map_or("", String::as_str)
    }

    /// Returns the values of the other flags in the context of a trial or a pair.
    pub(super) fn other_flags<'b>(&self, context: &'b [Value]) -> &'b [Value] {
        &context[..self.flags]
    }

    /// Returns the part of a context on which traits of this kind may depend.
    fn context_of<'b>(&self, kind: Kind, context: &'b [Value]) -> &'b [Value] {
        if kind == Kind::Startup && self.starts_without_work {
            self.other_flags(context)
        } else {
            context
        }
    }

    /// Finds traits that differ between trials of the same case. Before that, merges lines into one trait
    /// if they differ only in numbers and such trials print different numbers.
    fn find_varying(&mut self) {
        let lines = |key: &Key| matches!(key.0, Kind::Startup | Kind::Log);
        let merged: BTreeSet<String> = self
            .differing_repetitions()
            .into_iter()
            .filter(lines)
            .map(|(_, text)| without_numbers(&text))
            .collect();
        for trial in &mut self.trials {
            let all = std::mem::take(&mut trial.behaviour);
            for ((kind, text), value) in all {
                let name = without_numbers(&text);
                if matches!(kind, Kind::Startup | Kind::Log) && merged.contains(&name) {
                    let count = trial.behaviour.entry((kind, name)).or_default();
                    let sum = [count.as_str(), &value].map(|one| one.parse().unwrap_or(0_usize));
                    *count = sum.iter().sum::<usize>().to_string();
                } else {
                    trial.behaviour.insert((kind, text), value);
                }
            }
        }
        self.varying = self.differing_repetitions();
    }

    fn differing_repetitions(&self) -> BTreeSet<Key> {
        let mut varying = BTreeSet::new();
        for is_startup in [true, false] {
            let mut first: BTreeMap<(&Value, &[Value]), &Trial> = BTreeMap::new();
            for trial in &self.trials {
                let kind = if is_startup { Kind::Startup } else { Kind::Log };
                let cell = (&trial.value, self.context_of(kind, &trial.context));
                let other = *first.entry(cell).or_insert(trial);
                let keys = trial.behaviour.keys().chain(other.behaviour.keys());
                let keys = keys.filter(|key| (key.0 == Kind::Startup) == is_startup);
                let differs = |key: &&Key| trial.behaviour.get(*key) != other.behaviour.get(*key);
                varying.extend(keys.filter(differs).cloned());
            }
        }
        varying
    }

    /// Returns the pairs of groups of trials that differ only in the flag. Leaves out pairs in which no job
    /// ended, because they show nothing about the work; but not if `kind` is `Startup`, which is about
    /// lines before the work.
    pub(super) fn pairs(&self, kind: Kind, values: [&Value; 2]) -> Vec<Pair<'_>> {
        let mut cells: BTreeMap<&[Value], [Vec<&Trial>; 2]> = BTreeMap::new();
        for trial in &self.trials {
            let Some(side) = values.iter().position(|value| **value == trial.value) else {
                continue;
            };
            let cell = cells.entry(self.context_of(kind, &trial.context)).or_default();
            cell[side].push(trial);
        }
        let informative = |sides: &[Vec<&Trial>; 2]| {
            let ended = sides.iter().flatten().any(|trial| trial.job_ended);
            sides.iter().all(|side| !side.is_empty()) && (ended || kind == Kind::Startup)
        };
        let pairs = cells.into_iter().filter(|(_, sides)| informative(sides));
        pairs.map(|(context, sides)| Pair { context: context.to_vec(), sides }).collect()
    }

    /// Compares two values of the flag.
    pub(super) fn compare(&self, from: &Value, to: &Value) -> Comparison {
        let mut result = Comparison::default();
        let promised = self.flag.tracing && self.flag.is_on(from) != self.flag.is_on(to);
        for startup in [true, false] {
            let pairs = self.pairs(if startup { Kind::Startup } else { Kind::Log }, [from, to]);
            if !startup {
                result.pairs = pairs.len();
                result.example = pairs.first().map(Pair::indexes);
            }
            result.is_incomplete |= pairs.iter().any(Pair::is_incomplete);
            let trials = pairs.iter().flat_map(|pair| pair.sides.iter().flatten());
            let keys: BTreeSet<&Key> = trials.flat_map(|trial| trial.behaviour.keys()).collect();
            for key in keys.into_iter().filter(|key| (key.0 == Kind::Startup) == startup) {
                let Some(difference) = difference(&pairs, key) else { continue };
                if self.varying.contains(key) {
                    continue;
                }
                let needed = match key.0 {
                    Kind::Span if promised => MIN_PROMISED_TRIALS,
                    _ => MIN_TRIALS + self.more_trials[usize::from(!startup)],
                };
                if key.0 == Kind::Printed {
                    result.printed.push(difference);
                } else if let Some(proven) = proof(&pairs, key, needed) {
                    result.proven.push(proven);
                } else {
                    result.unproven.push(difference);
                }
            }
        }
        result.inert_under = self.inert_under([from, to], &result.proven);
        result
    }

    /// Finds inputs with a value under which the flag makes no difference, although it makes one in
    /// the same cases with a different value of that input.
    fn inert_under(&self, values: [&Value; 2], proven: &[Difference]) -> Vec<(String, Value)> {
        if proven.is_empty() {
            return Vec::new();
        }
        let pairs = self.pairs(Kind::Log, values);
        let differs: Vec<bool> = pairs.iter().map(|pair| self.differs(pair)).collect();
        let has_effect: Vec<bool> = pairs
            .iter()
            .map(|pair| proven.iter().any(|one| pair.value(0, &one.key) != pair.value(1, &one.key)))
            .collect();
        let mut found = Vec::new();
        for (at, name) in self.inputs.iter().enumerate() {
            let seen: BTreeSet<&Value> = pairs.iter().map(|pair| &pair.context[at]).collect();
            for value in seen {
                let with_value =
                    || (0..pairs.len()).filter(|pair| pairs[*pair].context[at] == *value);
                let is_twin = |one: usize, other: usize| {
                    let (one, other) = (&pairs[one].context, &pairs[other].context);
                    one[at] != other[at] && (0..one.len()).all(|i| i == at || one[i] == other[i])
                };
                let has_twin = |one: usize| {
                    (0..pairs.len()).any(|other| has_effect[other] && is_twin(one, other))
                };
                if with_value().all(|pair| !differs[pair] && has_twin(pair)) {
                    found.push(((*name).to_owned(), value.clone()));
                }
            }
        }
        found
    }

    /// Whether any trait differs in a pair, except traits that vary between trials of the same case and the
    /// printed value.
    fn differs(&self, pair: &Pair<'_>) -> bool {
        let keys = pair.sides.iter().flatten().flat_map(|trial| trial.behaviour.keys());
        let counts = |key: &&Key| key.0 != Kind::Printed && !self.varying.contains(*key);
        keys.filter(counts).any(|key| pair.value(0, key) != pair.value(1, key))
    }
}

/// Returns how many more trials must agree on a difference, because traits vary at random: on a difference
/// at startup, or on any other if `startup` is false. If cases were repeated, fewer are needed.
fn more_trials_for(cases: &Cases<'_>, startup: bool) -> usize {
    let kind = if startup { Kind::Startup } else { Kind::Log };
    let rows = cases.trials.iter().map(|trial| {
        let context = cases.context_of(kind, &trial.context);
        (std::iter::once(&trial.value).chain(context).collect(), &trial.behaviour)
    });
    let rows: Vec<noise::Row<'_>> = rows.collect();
    let counts = |key: &Key| (key.0 == Kind::Startup) == startup && key.0 != Kind::Printed;
    let different: BTreeSet<&Vec<&Value>> = rows.iter().map(|(inputs, _)| inputs).collect();
    // Repetitions of the compared cases are trials, too. `MIN_TRIALS` already includes the first of them.
    let repetitions = (rows.len() - different.len()).saturating_sub(MIN_TRIALS - 2);
    noise::more_trials(noise::count_unexplained(&rows, counts)).saturating_sub(repetitions)
}

impl Pair<'_> {
    /// Returns the value of a trait on one side; empty if it is absent.
    pub(super) fn value(&self, side: usize, key: &Key) -> &str {
        let first = self.sides[side].first();
        first.and_then(|trial| trial.behaviour.get(key)).map_or("", String::as_str)
    }

    /// Whether output of a trial was dropped.
    pub(super) fn is_incomplete(&self) -> bool {
        self.sides.iter().flatten().any(|trial| trial.is_incomplete)
    }

    fn indexes(&self) -> [usize; 2] {
        [0, 1].map(|side| self.sides[side].first().map_or(0, |trial| trial.index))
    }

    fn difference(&self, key: &Key) -> Difference {
        let [from, to] = [0, 1].map(|side| self.value(side, key).to_owned());
        Difference { key: key.clone(), from, to, pair: self.indexes() }
    }
}

/// Returns the difference in a trait in the first pair that has one.
fn difference(pairs: &[Pair<'_>], key: &Key) -> Option<Difference> {
    let pair = pairs.iter().find(|pair| pair.value(0, key) != pair.value(1, key))?;
    Some(pair.difference(key))
}

/// Returns a difference in the trait that enough trials show, so that it is unlikely to be random; `None`
/// if there is none. At least `needed` trials must agree: in all pairs, in all pairs with the same value of
/// one other input, or in one pair.
fn proof(pairs: &[Pair<'_>], key: &Key, needed: usize) -> Option<Difference> {
    let agree = |selected: &[&Pair<'_>]| {
        let (first, rest) = selected.split_first()?;
        let sides = [first.value(0, key), first.value(1, key)];
        let same = |pair: &&&Pair<'_>| [pair.value(0, key), pair.value(1, key)] == sides;
        let trials = selected.iter().flat_map(|pair| &pair.sides).map(Vec::len).sum::<usize>();
        let is_proof = sides[0] != sides[1] && rest.iter().all(|pair| same(&pair));
        (is_proof && trials >= needed).then(|| first.difference(key))
    };
    let all: Vec<_> = pairs.iter().collect();
    if let Some(found) = agree(&all) {
        return Some(found);
    }
    for pair in pairs.iter().filter(|pair| pair.value(0, key) != pair.value(1, key)) {
        for (at, value) in pair.context.iter().enumerate() {
            let selected: Vec<_> =
                pairs.iter().filter(|other| other.context[at] == *value).collect();
            if let Some(found) = agree(&selected) {
                return Some(found);
            }
        }
        if let Some(found) = agree(&[pair]) {
            return Some(found);
        }
    }
    None
}
