//! The spans that each unit should have in a case, by their names.

use crate::spec::{SpanRule, Spec};

/// The spans of one name that each unit should have.
#[derive(Debug)]
pub(super) struct Expected<'a> {
    pub(super) name: &'a str,
    /// Where each of them stands: below a span with one of these names.
    pub(super) places: Vec<&'a [String]>,
    /// How many a unit has at most; `None` if there is no limit.
    pub(super) at_most: Option<usize>,
}

impl<'a> Expected<'a> {
    /// Groups the rules that hold in a case by their names, the unit's own span first.
    pub(super) fn group(spec: &'a Spec, rules: impl Iterator<Item = &'a SpanRule>) -> Vec<Self> {
        let mut all: Vec<Self> = Vec::new();
        let mut rules: Vec<_> = rules.collect();
        rules.sort_by_key(|rule| !rule.is_root());
        for rule in rules {
            if let Some(same) = all.iter_mut().find(|other| other.name == rule.name) {
                same.places.push(&rule.parents);
                continue;
            }
            let named: Vec<_> = spec.spans.iter().filter(|other| other.name == rule.name).collect();
            let repeats = named.iter().any(|rule| rule.repeats);
            let at_most = (!repeats).then_some(named.len());
            all.push(Self { name: &rule.name, places: vec![&rule.parents], at_most });
        }
        all
    }

    /// How many a unit has at least.
    pub(super) fn per_unit(&self) -> usize {
        self.places.len()
    }
}
