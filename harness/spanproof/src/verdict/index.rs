//! Indexes of units and spans by their ids: a job may have many thousands.

use std::collections::BTreeMap;

use crate::observation::{Span, Unit};

/// The positions of units and spans in their lists, by ids.
#[derive(Debug, Default)]
pub(super) struct Index {
    units: BTreeMap<String, usize>,
    spans_of_unit: BTreeMap<String, Vec<usize>>,
    spans_with_id: BTreeMap<String, Vec<usize>>,
}

impl Index {
    pub(super) fn new(units: &[Unit], spans: &[Span]) -> Self {
        let mut index = Self::default();
        for (at, unit) in units.iter().enumerate() {
            if let Some(id) = &unit.id {
                index.units.entry(id.clone()).or_insert(at);
            }
        }
        for (at, span) in spans.iter().enumerate() {
            if let Some(unit) = &span.unit {
                index.spans_of_unit.entry(unit.clone()).or_default().push(at);
            }
            if let Some(id) = &span.id {
                index.spans_with_id.entry(id.clone()).or_default().push(at);
            }
        }
        index
    }

    /// The position of the unit with an id.
    pub(super) fn unit(&self, id: &str) -> Option<usize> {
        self.units.get(id).copied()
    }

    /// The positions of the spans with the id of a unit; empty if `id` is `None`.
    pub(super) fn spans_of_unit(&self, id: Option<&str>) -> impl Iterator<Item = usize> {
        let found = id.and_then(|id| self.spans_of_unit.get(id));
        found.into_iter().flatten().copied()
    }

    /// The positions of the spans with an id; empty if `id` is `None`.
    pub(super) fn spans_with_id(&self, id: Option<&str>) -> impl Iterator<Item = usize> {
        let found = id.and_then(|id| self.spans_with_id.get(id));
        found.into_iter().flatten().copied()
    }
}
