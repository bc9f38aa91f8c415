//! Gaps: which units of work lack a span that the spec expects. Spans of another name or service
//! that stand where the missing ones should be are taken out before.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::expectation::Expected;
use super::facts::Facts;
use crate::observation::{Span, Unit};

/// The units that lack a span of one name.
#[derive(Debug)]
pub(super) struct Gap<'a> {
    pub(super) rule: &'a Expected<'a>,
    /// The units that have too few of them. A span that names no unit may belong to one of these.
    pub(super) units: Vec<&'a Unit>,
    /// How many are missing.
    pub(super) missing: usize,
    /// How many are stored.
    pub(super) stored: usize,
}

impl<'a> Gap<'a> {
    /// Returns every gap, those of the most units first, and among these in the order of the spec.
    pub(super) fn find(facts: &'a Facts<'_>) -> Vec<Self> {
        let mut gaps = Self::in_spec_order(facts);
        gaps.sort_by_key(|gap| Reverse(gap.units.len()));
        gaps
    }

    /// Returns every gap, in the order of the spec.
    pub(super) fn in_spec_order(facts: &'a Facts<'_>) -> Vec<Self> {
        facts.rules.iter().filter_map(|rule| Self::from_rule(facts, rule)).collect()
    }

    fn from_rule(facts: &'a Facts<'_>, rule: &'a Expected<'a>) -> Option<Self> {
        let (stored, wanted) = (facts.stored(rule), facts.wanted(rule));
        let missing = wanted.checked_sub(stored).filter(|missing| *missing > 0)?;
        let lacks = |unit: &&Unit| facts.spans_of(unit, rule.name).len() < rule.per_unit();
        let units = facts.units.iter().filter(lacks).collect();
        Some(Self { rule, units, missing, stored })
    }

    /// How many there should be.
    pub(super) fn wanted(&self) -> usize {
        self.stored + self.missing
    }

    /// The ids of these units.
    pub(super) fn unit_ids(&self) -> impl Iterator<Item = &str> {
        self.units.iter().filter_map(|unit| unit.id.as_deref())
    }

    /// Whether a span is of one of these units.
    pub(super) fn has_unit_of(&self, span: &Span) -> bool {
        span.unit.is_some() && self.units.iter().any(|unit| unit.id == span.unit)
    }

    /// Returns the spans that take the place of the missing ones: they have nearly the same name, the
    /// same name and another service, or they are as many and have the unit or the parent of
    /// the missing ones. `None` if there are none.
    pub(super) fn replacements(&self, facts: &'a Facts<'_>) -> Option<Vec<&'a Span>> {
        let mut groups: BTreeMap<(&str, &Option<String>), Vec<&Span>> = BTreeMap::new();
        for span in facts.strangers() {
            let name = span.name.as_deref().unwrap_or_default();
            // A name may end with what differs from unit to unit.
            let name = if is_extended(self.rule.name, name) { self.rule.name } else { name };
            groups.entry((name, &span.service)).or_default().push(span);
        }
        let found = groups.into_values().filter(|spans| self.is_replaced_by(facts, spans));
        found.min_by_key(|spans| Reverse(self.nearness(spans[0])))
    }

    /// Whether a span's parent is where that of a missing span would be.
    fn is_in_place(&self, facts: &Facts<'_>, span: &Span) -> bool {
        let is_parent = |other: &&Span| {
            let name = other.name.as_deref().unwrap_or_default();
            let mut places = self.rule.places.iter();
            other.id == span.parent && places.any(|place| place.iter().any(|parent| parent == name))
        };
        let parent = facts.spans.iter().find(is_parent);
        span.parent.is_some() && parent.is_some_and(|parent| self.has_unit_of(parent))
    }

    fn is_replaced_by(&self, facts: &Facts<'_>, spans: &[&Span]) -> bool {
        // Fewer than are missing do not explain the gap: a service may have spans beside its units.
        if spans.len() < self.missing {
            return false;
        }
        let of_these = spans.iter().filter(|span| self.has_unit_of(span)).count();
        let of_units = spans.iter().filter(|span| span.unit.is_some()).count();
        let one_each = of_these == spans.len() && spans.len() == self.missing;
        match self.nearness(spans[0]) {
            Nearness::Same | Nearness::Spelling => of_units == 0 || of_these >= self.missing,
            Nearness::Near => one_each || (of_units == 0 && spans.len() == self.missing),
            Nearness::Far => {
                let in_place = spans.iter().all(|span| self.is_in_place(facts, span));
                let in_place = in_place && spans.len() == self.missing;
                // Beside spans of the right name, only the same unit and the same parent count.
                if self.stored > 0 { one_each && in_place } else { one_each || in_place }
            }
        }
    }

    fn nearness(&self, span: &Span) -> Nearness {
        let name = span.name.as_deref().unwrap_or_default();
        Nearness::between(self.rule.name, name)
    }
}

/// Whether a name begins with another one and goes on after a separator: `carry parcel 7`.
fn is_extended(name: &str, longer: &str) -> bool {
    let rest = longer.strip_prefix(name).unwrap_or_default();
    rest.starts_with(|c: char| !c.is_alphanumeric() && c != '_')
}

/// How near two names are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Nearness {
    Far,
    /// One contains the other, or they differ in few letters.
    Near,
    /// They differ in case and punctuation only.
    Spelling,
    Same,
}

impl Nearness {
    fn between(one: &str, other: &str) -> Self {
        if one == other {
            return Self::Same;
        }
        let letters = |text: &str| -> String {
            text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
        };
        let (one, other) = (letters(one), letters(other));
        if one.is_empty() || other.is_empty() {
            return Self::Far;
        }
        if one == other {
            return Self::Spelling;
        }
        let contains = one.contains(other.as_str()) || other.contains(one.as_str());
        // Three of four letters in common: the threshold that "did you mean" uses for commands.
        if contains || strsim::normalized_levenshtein(&one, &other) >= 0.75 {
            return Self::Near;
        }
        Self::Far
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::same("ask", "ask", Nearness::Same)]
    #[case::case_and_separator("execute_question", "executeQuestion", Nearness::Spelling)]
    #[case::prefix("execute_question", "worker.execute_question", Nearness::Near)]
    #[case::typing_error("execute_question", "excute_question", Nearness::Near)]
    #[case::http_span("execute_question", "GET /questions", Nearness::Far)]
    #[case::empty("execute_question", "", Nearness::Far)]
    fn names_are_near_or_far(#[case] one: &str, #[case] other: &str, #[case] nearness: Nearness) {
        assert_eq!(Nearness::between(one, other), nearness);
    }
}
