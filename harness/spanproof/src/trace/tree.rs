//! The tree of a trace. Spans whose parent is missing, or that stand in a circle, are shown as such
//! and never lost.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::{DateTime, Utc};

use crate::observation::Span;

/// A gap is told when it is longer than this, in milliseconds,
const LONG_MS: i64 = 5_000;
/// or longer than half of its trace.
const HALF: i64 = 2;

/// Why a span stands where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// It has no parent.
    Root,
    /// It stands below its parent.
    Child,
    /// Its parent was never written.
    Orphan,
    /// Its ancestors stand in a circle.
    Circle,
}

/// A time in which nothing ran, before a span.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Gap {
    /// How long, in milliseconds.
    pub ms: i64,
}

/// A span in its place.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Placed {
    /// The span.
    pub span: Span,
    /// How deep it stands.
    pub depth: usize,
    /// Why it stands there.
    pub place: Place,
    /// A long time before it in which none of its siblings ran.
    pub gap: Option<Gap>,
}

/// A trace, its spans in the order in which they are shown.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Trace {
    /// Its id.
    pub id: String,
    /// Its spans.
    pub spans: Vec<Placed>,
}

impl Trace {
    /// Whether a span of it is of this unit.
    pub(crate) fn is_of(&self, unit: &str) -> bool {
        self.spans.iter().any(|placed| placed.span.unit.as_deref() == Some(unit))
    }

    /// When its first span began.
    pub(crate) fn started(&self) -> Option<DateTime<Utc>> {
        self.spans.iter().filter_map(|placed| placed.span.start()).min()
    }

    /// When its last span ended, or began.
    pub(crate) fn ended(&self) -> Option<DateTime<Utc>> {
        let ends = self.spans.iter().flat_map(|placed| [placed.span.start(), placed.span.end()]);
        ends.flatten().max()
    }

    /// From the first start to the last end, in milliseconds.
    pub(crate) fn took_ms(&self) -> i64 {
        match (self.started(), self.ended()) {
            (Some(started), Some(ended)) => (ended - started).num_milliseconds(),
            _ => 0,
        }
    }
}

/// Puts spans together to traces, the earliest first. Spans without a trace id are one trace,
/// whose id is empty.
pub(crate) fn traces(spans: Vec<Span>) -> Vec<Trace> {
    let mut groups: BTreeMap<String, Vec<Span>> = BTreeMap::new();
    for span in spans {
        groups.entry(span.trace.clone().unwrap_or_default()).or_default().push(span);
    }
    let mut all: Vec<_> = groups.into_iter().map(|(id, spans)| trace(id, spans)).collect();
    all.sort_by_key(Trace::started);
    all
}

fn trace(id: String, mut spans: Vec<Span>) -> Trace {
    spans.sort_by(|a, b| (a.start(), &a.id).cmp(&(b.start(), &b.id)));
    let mut first: HashMap<&str, usize> = HashMap::new();
    for (at, span) in spans.iter().enumerate() {
        first.entry(id_of(span)).or_insert(at);
    }
    let mut children: HashMap<&str, Vec<usize>> = HashMap::new();
    let mut tops: Vec<(usize, Place)> = Vec::new();
    for (at, span) in spans.iter().enumerate() {
        match &span.parent {
            None => tops.push((at, Place::Root)),
            Some(parent) if !first.contains_key(parent.as_str()) => tops.push((at, Place::Orphan)),
            Some(parent) => children.entry(parent).or_default().push(at),
        }
    }
    let mut order =
        Order { spans: &spans, children, placed: vec![false; spans.len()], all: Vec::new() };
    for (at, place) in tops {
        order.descend(at, place);
    }
    // What no root leads to stands in a circle, or below one.
    for at in 0..spans.len() {
        if !order.placed[at] {
            order.descend(circle(&spans, &first, at), Place::Circle);
        }
    }
    let all = order.all;
    let mut trace = Trace { id, spans: Vec::new() };
    trace.spans = all
        .into_iter()
        .map(|(at, depth, place)| Placed { span: spans[at].clone(), depth, place, gap: None })
        .collect();
    gaps(&mut trace);
    trace
}

/// A span's id; empty if it has none.
fn id_of(span: &Span) -> &str {
    span.id.as_deref().unwrap_or_default()
}

/// The earliest span of the circle that a span's ancestors lead to.
fn circle(spans: &[Span], first: &HashMap<&str, usize>, at: usize) -> usize {
    let above = |at: usize| {
        spans[at].parent.as_deref().and_then(|parent| first.get(parent)).copied().unwrap_or(at)
    };
    let mut seen = BTreeSet::new();
    let mut here = at;
    while seen.insert(here) {
        here = above(here);
    }
    let (start, mut earliest) = (here, here);
    while above(here) != start {
        here = above(here);
        earliest = earliest.min(here);
    }
    earliest
}

/// Going through a tree without recursion: it may be deep.
struct Order<'a> {
    spans: &'a [Span],
    children: HashMap<&'a str, Vec<usize>>,
    placed: Vec<bool>,
    all: Vec<(usize, usize, Place)>,
}

impl Order<'_> {
    fn descend(&mut self, top: usize, place: Place) {
        let mut waiting = vec![(top, 0, place)];
        while let Some((at, depth, place)) = waiting.pop() {
            if std::mem::replace(&mut self.placed[at], true) {
                continue;
            }
            self.all.push((at, depth, place));
            // Taken away: a second span of the same id has not got the same children again.
            let below = self.children.remove(id_of(&self.spans[at])).unwrap_or_default();
            waiting.extend(below.into_iter().rev().map(|child| (child, depth + 1, Place::Child)));
        }
    }
}

/// Finds the long times before a first child, and between siblings.
fn gaps(trace: &mut Trace) {
    let whole = trace.took_ms();
    let mut busy: Vec<Option<DateTime<Utc>>> = Vec::new();
    for placed in &mut trace.spans {
        let Placed { span, depth, gap, .. } = placed;
        let (depth, ended) = (*depth, span.end());
        busy.truncate(depth + 1);
        let first = busy.len() <= depth;
        // A first child waits since its parent's start, which stands one deeper in the list.
        let since = busy.get(depth).copied().flatten();
        if let (Some(since), Some(started)) = (since, span.start()) {
            let ms = (started - since).num_milliseconds();
            if ms > LONG_MS || ms > 0 && ms * HALF > whole {
                *gap = Some(Gap { ms });
            }
        }
        let until = match (busy.get(depth).copied().flatten(), ended) {
            (Some(before), Some(ended)) => Some(before.max(ended)),
            (None, ended) if first || depth == 0 && busy.is_empty() => ended,
            // An earlier sibling is open: it may have been busy all the time.
            _ => None,
        };
        busy.truncate(depth);
        busy.push(until);
        busy.push(span.start());
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::spec::SpanTable;

    /// `id parent start end`, in milliseconds; `-` for none.
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

    fn shown(spans: &[&str]) -> Vec<String> {
        let traces = traces(self::spans(spans));
        let line = |placed: &Placed| {
            let gap = placed.gap.map(|gap| format!(" gap {}", gap.ms)).unwrap_or_default();
            format!("{}{} {:?}{gap}", ".".repeat(placed.depth), id_of(&placed.span), placed.place)
        };
        traces.iter().flat_map(|trace| trace.spans.iter().map(line)).collect()
    }

    #[test]
    fn children_stand_below_their_parents_in_the_order_of_time() {
        assert_eq!(
            shown(&["c a 30 40", "a - 0 100", "b a 10 20", "d c 31 39"]),
            ["a Root", ".b Child", ".c Child", "..d Child"]
        );
    }

    #[test]
    fn orphans_circles_and_repeated_ids_are_not_lost() {
        assert_eq!(
            shown(&["a - 0 9", "o gone 1 2", "x y 3 4", "y x 4 5", "s s 5 6", "a - 7 8"]),
            ["a Root", "o Orphan", "a Root", "x Circle", ".y Child", "s Circle"]
        );
    }

    #[test]
    fn what_hangs_below_a_circle_is_not_one_itself() {
        assert_eq!(
            shown(&["e d 0 1", "d y 1 2", "y x 3 4", "x y 4 5"]),
            ["y Circle", ".d Child", "..e Child", ".x Child"]
        );
    }

    #[test]
    fn no_span_is_lost_whatever_the_parents_are() {
        // Every way to give four spans, two of which have the same id, one of five parents.
        for ways in 0..5_usize.pow(4) {
            let parents = (0..4).map(|at| ["-", "a", "b", "c", "gone"][ways / 5_usize.pow(at) % 5]);
            let spans: Vec<_> = ["a", "b", "c", "a"]
                .iter()
                .zip(parents)
                .map(|(id, up)| format!("{id} {up} 1 2"))
                .collect();
            let spans: Vec<&str> = spans.iter().map(String::as_str).collect();
            assert_eq!(shown(&spans).len(), 4, "{spans:?}");
        }
    }

    #[test]
    fn a_long_time_of_nothing_is_a_gap_and_an_open_span_hides_none() {
        assert_eq!(
            shown(&["a - 0 100000", "b a 60000 61000", "c a 90000 91000"]),
            ["a Root", ".b Child gap 60000", ".c Child gap 29000"]
        );
        assert_eq!(
            shown(&["a - 0 100000", "b a 1000 -", "c a 90000 91000"]),
            ["a Root", ".b Child", ".c Child"]
        );
        assert_eq!(shown(&["a - 0 100", "b a 10 90"]), ["a Root", ".b Child"]);
        assert_eq!(shown(&["a - 0 10", "b - 60000 60010"]), ["a Root", "b Root gap 59990"]);
    }

    #[test]
    fn a_thousand_levels_are_a_tree_too() {
        let spans: Vec<String> = (0..1000)
            .map(|n| {
                format!("s{n} {} {n} 5000", if n == 0 { "-".into() } else { format!("s{}", n - 1) })
            })
            .collect();
        let spans: Vec<&str> = spans.iter().map(String::as_str).collect();
        let traces = traces(self::spans(&spans));
        assert_eq!(traces[0].spans.last().unwrap().depth, 999);
    }
}
