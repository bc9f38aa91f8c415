//! Checks that no span is stored twice where the number of spans does not show it: if a unit may have any
//! number of spans of this name, or if they belong to no unit.

use std::collections::{BTreeMap, BTreeSet};

use super::evidence::{Evidence, limit};
use super::facts::Facts;
use super::finding::{Checks, Finding};
use super::impossible::with_shared_id;
use crate::observation::{Field, Span};
use spanproof_format::Code;

/// Checks that no two rows have the same id, trace, name and unit. If spans of other names or units have this id, too,
/// another check reports it.
pub(super) fn check_stored_twice(facts: &Facts<'_>, checks: &mut Checks) {
    let is_counted = |name: &str| {
        let mut expected = facts.expected_spans.iter();
        expected.any(|expected| expected.name == name && expected.max_per_unit.is_some())
    };
    let mut rows: BTreeMap<_, Vec<&Span>> = BTreeMap::new();
    for span in &facts.spans {
        if let (Some(id), Some(name)) = (&span.id, &span.name)
            && !is_counted(name)
        {
            rows.entry((name, id, &span.trace, &span.unit)).or_default().push(span);
        }
    }
    if rows.is_empty() {
        return;
    }
    let required: Vec<&Span> = facts.required_spans().collect();
    let shared: BTreeSet<_> =
        with_shared_id(&required).iter().map(|span| (&span.trace, &span.id)).collect();
    let is_duplicate =
        |spans: &Vec<&Span>| spans.len() > 1 && !shared.contains(&(&spans[0].trace, &spans[0].id));
    let mut duplicates: BTreeMap<&str, Vec<&Span>> = BTreeMap::new();
    for ((name, ..), spans) in rows.into_iter().filter(|(_, spans)| is_duplicate(spans)) {
        duplicates.entry(name).or_default().extend(spans);
    }
    checks.expect_each(duplicates.is_empty(), || {
        let names: Vec<_> = duplicates.keys().map(|name| format!("`{name}`")).collect();
        let spans: Vec<_> = duplicates.values().flatten().copied().collect();
        let message =
            format!("{} rows of {} share their id with another row", spans.len(), names.join(", "));
        let fields = [Field::Trace, Field::Unit];
        let lines = limit(spans.into_iter().map(|span| Evidence::span(facts, span, &fields)));
        Finding::new(Code::Duplicate, message, lines)
    });
}
