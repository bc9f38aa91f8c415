//! The tree of a trace. Spans whose parent is missing, or whose ancestors form a cycle, are marked
//! and never dropped.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::{DateTime, Utc};

use crate::observation::Span;

/// A time without spans that is longer than this, in milliseconds, is a gap in every trace. In a short trace,
/// a shorter time may be a gap, too.
const GAP_MS: i64 = 5_000;

/// The position of a span in the tree of its trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Position {
    /// The span has no parent.
    Root,
    /// The span's parent is in the trace.
    Child,
    /// The span's parent is not in the trace.
    Orphan,
    /// The span is the earliest of a cycle of parents.
    Cycle,
}

/// A span as a node of the tree.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Node {
    /// The span.
    pub span: Span,
    /// Number of ancestors of the span.
    pub depth: usize,
    /// The span's position in the tree.
    pub position: Position,
    /// Milliseconds before the span's start in which no other span of the same parent ran; `None` if this
    /// time is too short to be a gap.
    pub gap_ms: Option<i64>,
}

/// A trace as a tree.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Trace {
    /// The trace's id; empty if its spans have no trace id.
    pub id: String,
    /// The trace's spans, depth first, siblings in the order of their start.
    pub nodes: Vec<Node>,
}

impl Trace {
    /// Whether the trace has a span that refers to this unit of work, by the unit's id.
    pub(crate) fn has_unit(&self, unit: &str) -> bool {
        self.nodes.iter().any(|node| node.span.unit.as_deref() == Some(unit))
    }

    /// Returns the earliest start of a span; `None` if no span has a start time.
    pub(crate) fn first_start(&self) -> Option<DateTime<Utc>> {
        self.nodes.iter().filter_map(|node| node.span.start()).min()
    }

    /// Returns the latest start or end of a span; `None` if no span has a time.
    pub(crate) fn last_time(&self) -> Option<DateTime<Utc>> {
        let times = self.nodes.iter().flat_map(|node| [node.span.start(), node.span.end()]);
        times.flatten().max()
    }

    /// Returns the milliseconds from the earliest start to the latest time; `0` if no span has a start time.
    pub(crate) fn elapsed_ms(&self) -> i64 {
        match (self.first_start(), self.last_time()) {
            (Some(first), Some(last)) => (last - first).num_milliseconds(),
            _ => 0,
        }
    }
}

/// Groups spans into traces, the earliest first. Spans without a trace id form one trace, whose id
/// is empty.
pub(crate) fn traces(spans: Vec<Span>) -> Vec<Trace> {
    let mut groups: BTreeMap<String, Vec<Span>> = BTreeMap::new();
    for span in spans {
        groups.entry(span.trace.clone().unwrap_or_default()).or_default().push(span);
    }
    let mut all: Vec<_> = groups.into_iter().map(|(id, spans)| trace(id, spans)).collect();
    all.sort_by_key(Trace::first_start);
    all
}

/// Builds the tree of one trace.
fn trace(trace_id: String, mut spans: Vec<Span>) -> Trace {
    spans.sort_by(|a, b| (a.start(), &a.id).cmp(&(b.start(), &b.id)));
    let mut first: HashMap<&str, usize> = HashMap::new();
    for (index, span) in spans.iter().enumerate() {
        first.entry(id(span)).or_insert(index);
    }
    let mut children: HashMap<&str, Vec<usize>> = HashMap::new();
    let mut tops: Vec<(usize, Position)> = Vec::new();
    for (index, span) in spans.iter().enumerate() {
        match &span.parent {
            None => tops.push((index, Position::Root)),
            Some(parent) if !first.contains_key(parent.as_str()) => {
                tops.push((index, Position::Orphan));
            }
            Some(parent) => children.entry(parent).or_default().push(index),
        }
    }
    let mut walk =
        Walk { spans: &spans, children, visited: vec![false; spans.len()], order: Vec::new() };
    for (index, position) in tops {
        walk.visit(index, position);
    }
    // A span that is not below a root or an orphan is in a cycle of parents, or below a cycle.
    for index in 0..spans.len() {
        if !walk.visited[index] {
            walk.visit(cycle_start(&spans, &first, index), Position::Cycle);
        }
    }
    let order = walk.order;
    let node = |(index, depth, position): (usize, usize, Position)| Node {
        span: spans[index].clone(),
        depth,
        position,
        gap_ms: None,
    };
    let mut trace = Trace { id: trace_id, nodes: order.into_iter().map(node).collect() };
    set_gaps(&mut trace);
    trace
}

/// Returns a span's id; empty if the span has no id.
fn id(span: &Span) -> &str {
    span.id.as_deref().unwrap_or_default()
}

/// Returns the earliest span of the cycle above a span. `first` contains the index of the
/// first span with each id.
fn cycle_start(spans: &[Span], first: &HashMap<&str, usize>, index: usize) -> usize {
    let parent = |index: usize| {
        let id = spans[index].parent.as_deref();
        id.and_then(|id| first.get(id)).copied().unwrap_or(index)
    };
    let mut seen = BTreeSet::new();
    let mut current = index;
    while seen.insert(current) {
        current = parent(current);
    }
    let (start, mut earliest) = (current, current);
    while parent(current) != start {
        current = parent(current);
        earliest = earliest.min(current);
    }
    earliest
}

/// A walk through the trees of a trace, depth first. Not recursive, because a tree may be deep.
struct Walk<'a> {
    spans: &'a [Span],
    /// The indexes of the children that have not been visited, by the id of their parent.
    children: HashMap<&'a str, Vec<usize>>,
    /// Whether each span has been visited.
    visited: Vec<bool>,
    /// Index, depth and position of each visited span.
    order: Vec<(usize, usize, Position)>,
}

impl Walk<'_> {
    /// Visits a span that is the top of a tree, and all spans below.
    fn visit(&mut self, top: usize, position: Position) {
        let mut pending = vec![(top, 0, position)];
        while let Some((index, depth, position)) = pending.pop() {
            if std::mem::replace(&mut self.visited[index], true) {
                continue;
            }
            self.order.push((index, depth, position));
            // The children are removed from the map, so that a second span with the same id does not get
            // them, too.
            let children = self.children.remove(id(&self.spans[index])).unwrap_or_default();
            let children = children.into_iter().rev();
            pending.extend(children.map(|child| (child, depth + 1, Position::Child)));
        }
    }
}

/// Whether a time without spans is a gap: it is longer than [`GAP_MS`], or than half of its trace.
fn is_gap(ms: i64, trace_ms: i64) -> bool {
    ms > GAP_MS || ms > 0 && ms * 2 > trace_ms
}

/// Sets the gap before each span: the time since the parent's start for a first child, and the time
/// since the end of all earlier siblings for other spans.
fn set_gaps(trace: &mut Trace) {
    let trace_ms = trace.elapsed_ms();
    // For each depth, the latest end of the spans so far; `None` if one of these spans has not ended. One
    // more entry, the last, is the start of the last span: a gap before the first child of that span would
    // begin there.
    let mut busy_until: Vec<Option<DateTime<Utc>>> = Vec::new();
    for node in &mut trace.nodes {
        let Node { span, depth, gap_ms, .. } = node;
        let (depth, ended) = (*depth, span.end());
        busy_until.truncate(depth + 1);
        let is_first = busy_until.len() <= depth;
        let since = busy_until.get(depth).copied().flatten();
        if let (Some(since), Some(started)) = (since, span.start()) {
            let ms = (started - since).num_milliseconds();
            if is_gap(ms, trace_ms) {
                *gap_ms = Some(ms);
            }
        }
        let until = match (since, ended) {
            (Some(since), Some(ended)) => Some(since.max(ended)),
            (None, ended) if is_first || depth == 0 && busy_until.is_empty() => ended,
            // An earlier sibling that has not ended may have been running all the time.
            _ => None,
        };
        busy_until.truncate(depth);
        busy_until.push(until);
        busy_until.push(span.start());
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::spec::SpanTable;

    /// Creates spans from `id parent start end`, with times in milliseconds and `-` for none.
    fn spans(spans: &[&str]) -> Vec<Span> {
        let at = |ms: &str| {
            let ms: i64 = ms.parse().ok()?;
            Some(DateTime::from_timestamp_millis(1_761_134_400_000 + ms).unwrap().to_rfc3339())
        };
        let row = |span: &&str| {
            let words: Vec<_> = span.split(' ').collect();
            let parent = (words[1] != "-").then_some(words[1]);
            let status = if words[3] == "-" { "started" } else { "completed" };
            let row = json!({"trace_id": "t", "span_id": words[0], "parent_span_id": parent,
                "started_at": at(words[2]), "completed_at": at(words[3]), "status": status,
                "duration_ms": words[3].parse::<i64>().ok()});
            Span::from_row(&SpanTable::default(), row.as_object().unwrap())
        };
        spans.iter().map(row).collect()
    }

    /// Returns each span as a line of the tree, indented by dots.
    fn lines(spans: &[&str]) -> Vec<String> {
        let traces = traces(self::spans(spans));
        let line = |node: &Node| {
            let gap = node.gap_ms.map(|ms| format!(" gap {ms}")).unwrap_or_default();
            format!("{}{} {:?}{gap}", ".".repeat(node.depth), id(&node.span), node.position)
        };
        traces.iter().flat_map(|trace| trace.nodes.iter().map(line)).collect()
    }

    #[test]
    fn children_are_below_their_parents_in_order_of_start() {
        assert_eq!(
            lines(&["c a 30 40", "a - 0 100", "b a 10 20", "d c 31 39"]),
            ["a Root", ".b Child", ".c Child", "..d Child"]
        );
    }

    #[test]
    fn orphans_cycles_and_repeated_ids_are_not_dropped() {
        assert_eq!(
            lines(&["a - 0 9", "o gone 1 2", "x y 3 4", "y x 4 5", "s s 5 6", "a - 7 8"]),
            ["a Root", "o Orphan", "a Root", "x Cycle", ".y Child", "s Cycle"]
        );
    }

    #[test]
    fn a_span_below_a_cycle_is_not_part_of_the_cycle() {
        assert_eq!(
            lines(&["e d 0 1", "d y 1 2", "y x 3 4", "x y 4 5"]),
            ["y Cycle", ".d Child", "..e Child", ".x Child"]
        );
    }

    #[test]
    fn no_span_is_dropped_for_any_combination_of_parents() {
        // Four spans, two of which have the same id, each with one of five parents.
        for combination in 0..5_usize.pow(4) {
            let names = ["-", "a", "b", "c", "gone"];
            let parents = (0..4).map(|at| names[combination / 5_usize.pow(at) % 5]);
            let spans: Vec<_> = ["a", "b", "c", "a"]
                .iter()
                .zip(parents)
                .map(|(id, parent)| format!("{id} {parent} 1 2"))
                .collect();
            let spans: Vec<&str> = spans.iter().map(String::as_str).collect();
            assert_eq!(lines(&spans).len(), 4, "{spans:?}");
        }
    }

    #[test]
    fn a_long_time_without_spans_is_a_gap_unless_a_sibling_has_not_ended() {
        assert_eq!(
            lines(&["a - 0 100000", "b a 60000 61000", "c a 90000 91000"]),
            ["a Root", ".b Child gap 60000", ".c Child gap 29000"]
        );
        assert_eq!(
            lines(&["a - 0 100000", "b a 1000 -", "c a 90000 91000"]),
            ["a Root", ".b Child", ".c Child"]
        );
        assert_eq!(lines(&["a - 0 100", "b a 10 90"]), ["a Root", ".b Child"]);
        assert_eq!(lines(&["a - 0 10", "b - 60000 60010"]), ["a Root", "b Root gap 59990"]);
    }

    #[test]
    fn a_tree_may_have_a_thousand_levels() {
        let spans: Vec<String> = (0..1000)
            .map(|n| {
                format!("s{n} {} {n} 5000", if n == 0 { "-".into() } else { format!("s{}", n - 1) })
            })
            .collect();
        let spans: Vec<&str> = spans.iter().map(String::as_str).collect();
        let traces = traces(self::spans(&spans));
        assert_eq!(traces[0].nodes.last().unwrap().depth, 999);
    }
}
