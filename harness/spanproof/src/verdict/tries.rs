//! Own spans of units (parts of a job) that were tried again: a queue may hand out a unit once more after it
//! failed, and each try has an own span.

use super::facts::Facts;
use crate::observation::{Span, Unit};

/// Maximum number of own spans of one unit that may be those of its tries: each span of the unit is compared with
/// all of them.
const MAX_TRIES: usize = 1000;
/// Maximum number of spans between a span and the own span of its unit.
const MAX_DEPTH: usize = 100;

/// Returns the own spans of a unit, each the root of a tree, with the last try at the end. If they can't be those of
/// tries, returns only the first one: the others are duplicates. Empty if the unit has none.
pub(super) fn roots<'a>(facts: &'a Facts<'_>, unit: &Unit) -> Vec<&'a Span> {
    let Some(own) = facts.expected_spans.first() else { return Vec::new() };
    let mut spans = facts.spans_of_unit(unit, own.name);
    if spans.len() < 2 {
        return spans;
    }
    if spans.len() > MAX_TRIES || !(own.may_repeat() || are_tries(&mut spans.clone())) {
        spans.truncate(1);
    }
    sort(&mut spans);
    spans
}

/// Whether own spans look like those of tries, although the spec allows one: none starts before the one before it has
/// ended, and all but the last one failed.
pub(super) fn are_tries(spans: &mut [&Span]) -> bool {
    sort(spans);
    let follows = |pair: &[&Span]| {
        let times = pair[0].ended.as_ref().zip(pair[1].started.as_ref());
        pair[0].failed() && times.is_some_and(|(end, start)| !start.is_before(end))
    };
    spans.len() > 1 && spans.windows(2).all(follows)
}

/// Whether a span belongs to a try after which the unit was tried again: it is the own span of this try, or below
/// it.
pub(super) fn is_of_earlier_try(facts: &Facts<'_>, span: &Span, unit: &Unit) -> bool {
    let roots = roots(facts, unit);
    let Some((last, earlier)) = roots.split_last().filter(|(_, earlier)| !earlier.is_empty())
    else {
        return false;
    };
    let is = |one: &Span, other: &Span| std::ptr::eq(one, other);
    let parent = |span: &&Span| {
        let mut parents = facts.spans_with_id(span.parent.as_deref());
        parents.find(|parent| parent.trace == span.trace)
    };
    let above = std::iter::successors(Some(span), parent);
    // Wrong parents may form a cycle, so the number of steps is limited.
    let mut above = above.take(MAX_DEPTH).take_while(|span| !is(span, last));
    above.any(|span| earlier.iter().any(|root| is(span, root)))
}

fn sort(spans: &mut [&Span]) {
    spans.sort_by_key(|span| span.start());
}
