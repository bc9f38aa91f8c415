//! The spans that each unit should have in a case, by their names.

use super::facts::Facts;
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

impl Facts<'_> {
    /// How many spans of one name all units should have together.
    pub(super) fn wanted(&self, rule: &Expected<'_>) -> usize {
        self.units.len() * rule.per_unit()
    }

    /// How many spans of one name are stored, without those that a unit has beyond what it needs: they
    /// don't stand in for the missing ones of another unit. Spans of no unit count.
    pub(super) fn stored(&self, rule: &Expected<'_>) -> usize {
        self.of_operation(rule.name).count() - self.surplus(rule)
    }

    /// How many spans of one name were begun with the tracer enabled, without the surplus.
    pub(super) fn begun(&self, rule: &Expected<'_>) -> usize {
        self.attempts(rule.name).saturating_sub(self.surplus(rule))
    }

    /// The spans that units have beyond what they need, if the spec allows that. Otherwise they are
    /// duplicates, which is another finding.
    fn surplus(&self, rule: &Expected<'_>) -> usize {
        let needed = rule.per_unit();
        if rule.at_most == Some(needed) {
            return 0;
        }
        let counts = self.units.iter().map(|unit| self.spans_of(unit, rule.name).len());
        counts.map(|count| count.saturating_sub(needed)).sum()
    }
}
