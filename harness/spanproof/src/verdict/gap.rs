//! A gap: the units that lack spans of one name that the spec requires. A unit is one part of a job
//! and should leave spans. Also finds spans of another name or service that the service recorded
//! instead of the missing ones.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use super::crossed_units::units_with_spans_of_others;
use super::expected_spans::ExpectedSpans;
use super::facts::Facts;
use crate::observation::{Span, Unit};

/// The units that lack spans of one name.
#[derive(Debug)]
pub(super) struct Gap<'a> {
    /// The name, and how many spans of that name the spec requires.
    pub(super) expected: &'a ExpectedSpans<'a>,
    /// The units that have too few spans of that name. A stored span that names no unit may belong to
    /// one of these units.
    pub(super) units: Vec<&'a Unit>,
    /// The ids of these units: there may be thousands, and each span's unit is searched for in them.
    ids: BTreeSet<&'a str>,
    /// How many spans of that name are missing.
    pub(super) missing: usize,
    /// How many spans of that name are stored.
    pub(super) stored: usize,
}

impl<'a> Gap<'a> {
    /// Returns every gap. Gaps of more units come first; gaps of equally many units keep the order of
    /// the spec.
    pub(super) fn find(facts: &'a Facts<'_>) -> Vec<Self> {
        let mut gaps = Self::in_spec_order(facts);
        gaps.sort_by_key(|gap| Reverse(gap.units.len()));
        gaps
    }

    /// Returns every gap, in the order of the spec.
    pub(super) fn in_spec_order(facts: &'a Facts<'_>) -> Vec<Self> {
        facts.expected_spans.iter().filter_map(|expected| Self::new(facts, expected)).collect()
    }

    /// Returns the gap of one span name; `None` if no span of this name is missing.
    fn new(facts: &'a Facts<'_>, expected: &'a ExpectedSpans<'a>) -> Option<Self> {
        let (stored, required) = (facts.stored_count(expected), facts.required_count(expected));
        let missing = required.checked_sub(stored).filter(|missing| *missing > 0)?;
        let lacks_spans =
            |unit: &&Unit| facts.spans_of_unit(unit, expected.name).len() < expected.min_per_unit();
        let units: Vec<_> = facts.units.iter().filter(lacks_spans).collect();
        let ids = units.iter().filter_map(|unit| unit.id.as_deref()).collect();
        let surplus = |unit: &Unit| {
            let count = facts.spans_of_unit(unit, expected.name).len();
            count.saturating_sub(expected.min_per_unit())
        };
        let total: usize = facts.units.iter().map(surplus).sum();
        // The missing spans may be stored with the id of another unit.
        if total >= missing {
            let of_others = units_with_spans_of_others(facts);
            let has_others =
                |unit: &&Unit| unit.id.as_deref().is_some_and(|id| of_others.contains(id));
            if facts.units.iter().filter(has_others).map(surplus).sum::<usize>() >= missing {
                return None;
            }
        }
        Some(Self { expected, units, ids, missing, stored })
    }

    /// How many spans of this name all units together must have.
    pub(super) fn required(&self) -> usize {
        self.stored + self.missing
    }

    /// Whether any of the units has a stored span of any name.
    pub(super) fn has_units_with_spans(&self, facts: &Facts<'_>) -> bool {
        self.unit_ids().any(|id| facts.spans_with_unit(Some(id)).next().is_some())
    }

    /// The ids of the units that lack spans.
    pub(super) fn unit_ids(&self) -> impl Iterator<Item = &str> {
        self.units.iter().filter_map(|unit| unit.id.as_deref())
    }

    /// Returns the common status of the units that lack spans. `None` unless they are exactly the units
    /// with this status, and other units have a different one.
    pub(super) fn common_status(&self, facts: &Facts<'_>) -> Option<&str> {
        let status = self.units.first()?.status.as_deref()?;
        let has_status = |unit: &&&Unit| unit.status.as_deref() == Some(status);
        let with_status = facts.units.iter().filter(|unit| unit.status.as_deref() == Some(status));
        let is_common = self.units.iter().filter(has_status).count() == self.units.len()
            && with_status.count() == self.units.len()
            && self.units.len() < facts.units.len();
        is_common.then_some(status)
    }

    /// Whether a span names one of the units that lack spans.
    pub(super) fn has_unit_of(&self, span: &Span) -> bool {
        span.unit.as_deref().is_some_and(|unit| self.ids.contains(unit))
    }

    /// Returns the spans that the service recorded instead of the missing ones, under another name or
    /// service name. `None` if no group of spans of one name and service qualifies.
    pub(super) fn replacements(&self, facts: &'a Facts<'_>) -> Option<Vec<&'a Span>> {
        let mut groups: BTreeMap<(&str, &Option<String>), Vec<&Span>> = BTreeMap::new();
        for span in facts.spans_outside_spec() {
            let name = span.name.as_deref().unwrap_or_default();
            let is_same = has_suffix_after(self.expected.name, name);
            let name = if is_same { self.expected.name } else { name };
            groups.entry((name, &span.service)).or_default().push(span);
        }
        let candidates = groups.into_values().filter(|spans| self.is_replaced_by(facts, spans));
        candidates.min_by_key(|spans| Reverse(self.similarity(spans[0])))
    }

    /// Whether the span's parent has a name that a missing span's parent would have, and names a unit
    /// that lacks spans.
    fn has_expected_parent(&self, facts: &Facts<'_>, span: &Span) -> bool {
        let is_parent = |other: &&Span| {
            let name = other.name.as_deref().unwrap_or_default();
            let mut allowed = self.expected.parents.iter().copied().flatten();
            allowed.any(|parent| parent == name)
        };
        let parent = facts.spans_with_id(span.parent.as_deref()).find(is_parent);
        parent.is_some_and(|parent| self.has_unit_of(parent))
    }

    /// Whether spans of one name and service replace the missing ones. The less similar the name is, the
    /// better the number of spans, their units and their parents must fit.
    fn is_replaced_by(&self, facts: &Facts<'_>, spans: &[&Span]) -> bool {
        // A service may also record a few spans that have nothing to do with units.
        if spans.len() < self.missing {
            return false;
        }
        let is_same_number = spans.len() == self.missing;
        let with_gap_unit = spans.iter().filter(|span| self.has_unit_of(span)).count();
        let none_has_unit = spans.iter().all(|span| span.unit.is_none());
        // There may be more such spans than are missing: a span may repeat, and a retry leaves one more.
        let units: BTreeSet<_> = spans.iter().filter_map(|span| span.unit.as_deref()).collect();
        let covers_units = with_gap_unit == spans.len() && units.len() == self.units.len();
        let may_repeat = self.expected.max_per_unit.is_none();
        let units_match =
            with_gap_unit == spans.len() && (is_same_number || may_repeat && covers_units);
        let parents_match =
            || is_same_number && spans.iter().all(|span| self.has_expected_parent(facts, span));
        match self.similarity(spans[0]) {
            Similarity::Same | Similarity::Spelling => {
                none_has_unit || with_gap_unit >= self.missing
            }
            Similarity::Similar => units_match || covers_units || (none_has_unit && is_same_number),
            // If some spans have the right name, the others are probably of a different kind.
            Similarity::Different if self.stored > 0 => units_match && parents_match(),
            Similarity::Different => units_match || parents_match(),
        }
    }

    fn similarity(&self, span: &Span) -> Similarity {
        let name = span.name.as_deref().unwrap_or_default();
        Similarity::between(self.expected.name, name)
    }
}

/// Returns a text for each gap, such as "3 of 4 `name` spans are stored".
pub(super) fn gap_texts(facts: &Facts<'_>) -> Vec<String> {
    let text = |gap: &Gap<'_>| {
        format!("{} of {} `{}` spans are stored", gap.stored, gap.required(), gap.expected.name)
    };
    Gap::in_spec_order(facts).iter().map(text).collect()
}

/// Whether `longer` is `name` with a separator and a suffix, such as `carry parcel` and
/// `carry parcel 7`: a suffix may differ from unit to unit.
fn has_suffix_after(name: &str, longer: &str) -> bool {
    let rest = longer.strip_prefix(name).unwrap_or_default();
    rest.starts_with(|c: char| !c.is_alphanumeric() && c != '_')
}

/// How similar two span names are, from least to most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Similarity {
    Different,
    /// One contains the other, or they differ in few letters.
    Similar,
    /// They differ only in case and punctuation.
    Spelling,
    Same,
}

impl Similarity {
    fn between(one: &str, other: &str) -> Self {
        if one == other {
            return Self::Same;
        }
        let letters = |text: &str| -> String {
            text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
        };
        let (one, other) = (letters(one), letters(other));
        if one.is_empty() || other.is_empty() {
            return Self::Different;
        }
        if one == other {
            return Self::Spelling;
        }
        let contains = one.contains(other.as_str()) || other.contains(one.as_str());
        // Three of four letters in common: the threshold that "did you mean" uses for commands.
        if contains || strsim::normalized_levenshtein(&one, &other) >= 0.75 {
            return Self::Similar;
        }
        Self::Different
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::same("ask", "ask", Similarity::Same)]
    #[case::case_and_separator("execute_question", "executeQuestion", Similarity::Spelling)]
    #[case::prefix("execute_question", "worker.execute_question", Similarity::Similar)]
    #[case::typing_error("execute_question", "excute_question", Similarity::Similar)]
    #[case::http_span("execute_question", "GET /questions", Similarity::Different)]
    #[case::empty("execute_question", "", Similarity::Different)]
    fn names_are_similar_or_different(
        #[case] one: &str,
        #[case] other: &str,
        #[case] similarity: Similarity,
    ) {
        assert_eq!(Similarity::between(one, other), similarity);
    }
}
