//! Checks that all spans use the same unit of time in a column, if a service records times as numbers.

use crate::observation::{Span, Time};
use crate::timestamp::TimeUnit;

/// The units of time of most starts and of most ends. `None` if they are not numbers.
pub(super) struct TimeUnits {
    start: Option<TimeUnit>,
    end: Option<TimeUnit>,
}

impl TimeUnits {
    pub(super) fn new(spans: &[&Span]) -> Self {
        let common = |field: fn(&Span) -> &Option<Time>| {
            let units = spans.iter().filter_map(|span| field(span).as_ref()?.unit);
            TimeUnit::most_common(&units.collect::<Vec<_>>())
        };
        Self { start: common(|span| &span.started), end: common(|span| &span.ended) }
    }

    /// Returns what is wrong if the start or end of a span is in a different unit from that of most spans;
    /// `None` if it is not.
    pub(super) fn other(&self, span: &Span) -> Option<String> {
        let other = |word: &str, time: &Option<Time>, common: Option<TimeUnit>| {
            let (unit, common) = (time.as_ref()?.unit?, common?);
            (unit != common).then(|| {
                let (found, common) = (unit.name(), common.name());
                format!("its {word} is in {found}, and that of other spans is in {common}")
            })
        };
        other("start", &span.started, self.start)
            .or_else(|| other("end", &span.ended, self.end))
            .or_else(|| self.mixed())
    }

    /// Returns what is wrong if starts are in a different unit from ends, so that one can't be subtracted
    /// from the other.
    fn mixed(&self) -> Option<String> {
        let (start, end) = (self.start?, self.end?);
        (start != end)
            .then(|| format!("its start is in {}, and its end is in {}", start.name(), end.name()))
    }
}
