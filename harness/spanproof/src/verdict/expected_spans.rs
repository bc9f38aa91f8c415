//! The spans that the spec requires of each unit (one part of a job) in a case (one combination of
//! flags, route, upstream and fault), grouped by name. The unit's own span is the root of its spans.

use crate::spec::{SpanRule, Spec};

/// The spans of one name that each unit must have.
#[derive(Debug)]
pub(super) struct ExpectedSpans<'a> {
    pub(super) name: &'a str,
    /// One entry for each of these spans: the names that its parent may have. The entry of the unit's
    /// own span is empty.
    pub(super) parents: Vec<&'a [String]>,
    /// Maximum number of spans of this name per unit; `None` if there is no limit.
    pub(super) max_per_unit: Option<usize>,
}

impl<'a> ExpectedSpans<'a> {
    /// Groups the span rules of one case by span name. The group of the unit's own span comes first.
    pub(super) fn group(spec: &'a Spec, rules: impl Iterator<Item = &'a SpanRule>) -> Vec<Self> {
        let mut groups: Vec<Self> = Vec::new();
        let mut rules: Vec<_> = rules.collect();
        rules.sort_by_key(|rule| !rule.is_root());
        for rule in rules {
            if let Some(group) = groups.iter_mut().find(|group| group.name == rule.name) {
                group.parents.push(&rule.parents);
                continue;
            }
            let repeats = spec.spans.iter().any(|other| other.name == rule.name && other.repeats);
            let max_per_unit = (!repeats).then(|| places(spec, &rule.name));
            groups.push(Self { name: &rule.name, parents: vec![&rule.parents], max_per_unit });
        }
        groups
    }

    /// Minimum number of spans of this name per unit.
    pub(super) fn min_per_unit(&self) -> usize {
        self.parents.len()
    }

    /// Whether a unit may have any number of these spans.
    pub(super) fn may_repeat(&self) -> bool {
        self.max_per_unit.is_none()
    }

    /// Whether it is the unit's own span, which has no parent within the unit.
    pub(super) fn is_root(&self) -> bool {
        self.parents.iter().all(|names| names.is_empty())
    }
}

/// Returns how many spans of this name a unit may have: one below each different parent that the rules name.
/// A rule whose condition does not hold in this case still allows its span. Rules with a common parent count
/// once.
fn places(spec: &Spec, name: &str) -> usize {
    let mut counted: Vec<&SpanRule> = Vec::new();
    for rule in spec.spans.iter().filter(|rule| rule.name == name) {
        if !counted.iter().any(|other| other.shares_parent_with(rule)) {
            counted.push(rule);
        }
    }
    counted.len()
}
