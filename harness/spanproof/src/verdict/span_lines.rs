//! Answers from the lines in which the service reports that it began or wrote a span. A gap is the units
//! (parts of a job) that lack spans of one name; peers are other cases of the run.

use super::evidence::Evidence;
use super::fact::{Answers, Fact, Question as Q};
use super::facts::{Facts, Match};
use super::gap::Gap;
use super::unclear_log::doubt_about_missing_lines;
use crate::spec::Banner;
use spanproof_format::count_phrase;

/// Whether something shows that a begun span would have left a line in this case.
enum Control {
    /// Lines about other spans of this case, or about this span in a case whose flags should not change the
    /// output.
    Lines(Fact),
    /// Nothing shows it, and nothing speaks against it.
    None,
    /// Why a begun span may leave no line, such as a log level that hides it.
    Against(String),
}

/// Answers the questions about begun and written spans.
pub(super) fn answer(
    facts: &Facts<'_>,
    gap: &Gap<'_>,
    peers: &[&Facts<'_>],
    answers: &mut Answers,
) {
    if !facts.spec.probes.has_attempt() {
        let why = "the spec has no probe `attempt`";
        answers.set(Q::Begun, Fact::unknown(why));
        answers.set(Q::NoBeginLine, Fact::unknown(why));
        return;
    }
    let name = gap.expected.name;
    let begun = facts.begun_count(gap.expected);
    let begun_not_stored = begun.saturating_sub(gap.stored);
    let is_countable = facts.can_count_begun(name);
    let is_reliable = is_countable && begun >= gap.stored && stored_spans_have_lines(facts);
    let control = control(facts, gap, peers);
    if begun_not_stored >= gap.missing && is_countable {
        answers.set(Q::Begun, Fact::Yes(Evidence::lines(&facts.begin_lines)));
        answers.set(Q::NoBeginLine, Fact::no("the service began these spans"));
    } else if let Some(off) = process_with_tracing_off(facts) {
        // This process begins the spans in another case, so it should begin them here, too.
        let begins_these_spans = |peer: &&Facts<'_>| {
            peer.begin_lines.iter().any(|begun| {
                let is_named = begun.report.name.as_deref().is_none_or(|begun| begun == name);
                is_named && begun.report.enabled && begun.line.process == off.line.process
            })
        };
        if peers.iter().any(begins_these_spans) {
            answers.set(Q::ClaimedOff, Fact::Yes(vec![off.into()]));
        }
        let why = format!("another process says that tracing is off: {}", off.line);
        answers.set(Q::NoBeginLine, Fact::unknown(why));
    } else if begun_not_stored == 0 && is_reliable {
        let lines = count_phrase(facts.begin_line_count(name), "line", "lines");
        let text = format!("output: {lines} about the start of `{name}`");
        let fact = match (&control, doubt_about_missing_lines(facts)) {
            (Control::Against(why), _) => Fact::unknown(why),
            (_, Some(why)) => Fact::unknown(why),
            (Control::Lines(_) | Control::None, None) => Fact::yes(text),
        };
        answers.set(Q::NoBeginLine, fact);
    } else {
        let why = format!(
            "{} logged, and {} stored",
            count_phrase(begun, "start is", "starts are"),
            count_phrase(gap.stored, "span is", "spans are")
        );
        answers.set(Q::NoBeginLine, Fact::unknown(why));
    }
    if let Control::Lines(lines) = control {
        answers.set(Q::BeginPatternWorks, lines);
    }
    if facts.total_begun() > 0 && is_countable && begun_not_stored == 0 {
        answers.set(Q::OtherStarts, Fact::Yes(Evidence::lines(&facts.begin_lines)));
    }
    let acknowledged = facts.written_count();
    let claims_all = acknowledged >= facts.total_begun().max(1);
    if claims_all && acknowledged > facts.spans.len() {
        answers.set(Q::Acknowledged, Fact::Yes(Evidence::lines(&facts.written_lines)));
    }
}

/// Returns the control for a missing line about the start of a span.
fn control(facts: &Facts<'_>, gap: &Gap<'_>, peers: &[&Facts<'_>]) -> Control {
    let name = gap.expected.name;
    if facts.total_begun() > 0 && facts.can_count_begun(name) {
        return Control::Lines(Fact::Yes(Evidence::lines(&facts.begin_lines)));
    }
    let has_lines = |peer: &&&Facts<'_>| peer.begin_line_count(name) > 0;
    let id = |peer: &Facts<'_>| peer.observation.case.id.clone();
    let lines = |peer: &Facts<'_>| {
        let lines = count_phrase(peer.begin_line_count(name), "line", "lines");
        Control::Lines(Fact::yes(format!("case {}: {lines} about the start of `{name}`", id(peer))))
    };
    let differing = |peer: &Facts<'_>| differing_flags(facts, peer);
    let same_flags = |peer: &&&Facts<'_>| differing(peer).is_empty();
    if let Some(peer) = peers.iter().filter(has_lines).find(same_flags) {
        return lines(peer);
    }
    let stores_silently = |peer: &&&Facts<'_>| {
        peer.spans_named(name).next().is_some() && peer.begin_line_count(name) == 0
    };
    if let Some(peer) = peers.iter().find(stores_silently) {
        let id = id(peer);
        return Control::Against(format!(
            "case {id} stores such spans and prints no line about them"
        ));
    }
    let same_output = |peer: &&&Facts<'_>| !differing(peer).iter().any(|flag| decides_output(flag));
    if let Some(peer) = peers.iter().filter(has_lines).find(same_output) {
        return lines(peer);
    }
    match peers.iter().find(has_lines) {
        Some(peer) => Control::Against(format!(
            "case {} prints such lines with another value of {}",
            id(peer),
            differing(peer).join(", ")
        )),
        None => Control::None,
    }
}

/// Returns the names of the flags, besides the tracing flag, with different values in the two cases.
fn differing_flags(one: &Facts<'_>, other: &Facts<'_>) -> Vec<String> {
    let tracing = one.spec.tracing_flag().map(|flag| &flag.name);
    let case = &other.observation.case;
    let flags = one.observation.case.flags.iter();
    flags
        .filter(|(name, value)| Some(name) != tracing && case.flag(name) != *value)
        .map(|(name, _)| name.clone())
        .collect()
}

/// Whether the name of a flag says that it decides what the service prints, such as `LOG_LEVEL`.
fn decides_output(flag: &str) -> bool {
    let flag = flag.to_ascii_uppercase();
    ["LOG", "LEVEL", "DEBUG", "VERBOSE", "VERBOSITY", "QUIET"]
        .iter()
        .any(|word| flag.contains(word))
}

/// Returns the startup line of a process that says that tracing is off, and so begins no span; `None` unless
/// another process says that tracing is on.
fn process_with_tracing_off<'a>(facts: &'a Facts<'a>) -> Option<&'a Match<'a, Banner>> {
    let first = facts.startup_lines.first().filter(|line| line.report.enabled)?;
    let off = facts.startup_lines.iter().find(|line| !line.report.enabled)?;
    (first.line.process != off.line.process).then_some(off)
}

/// Whether there is a line about the start of a span for each name of stored spans, and no output was
/// dropped. If not, the spec's pattern does not match all such lines, or they were dropped, so a missing line
/// proves nothing.
fn stored_spans_have_lines(facts: &Facts<'_>) -> bool {
    let has_lines =
        |name: &str| facts.spans_named(name).count() == 0 || facts.begin_line_count(name) > 0;
    facts.observation.dropped_bytes() == 0
        && facts.expected_spans.iter().all(|expected| has_lines(expected.name))
}
