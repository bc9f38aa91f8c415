//! Answers the questions about a gap: the units (parts of a job) that lack spans of one name. The
//! answers come from the evidence of the gap's own case and of other cases of the same run.

use super::evidence::{Evidence, limit};
use super::fact::{Answers, Fact, Question};
use super::facts::Facts;
use super::gap::Gap;
use super::propagation::TraceContext;
use super::{error_line, server_errors, sign, span_lines};
use crate::observation::{LIBRARY_OFF, TrialRecord, reports_library_off};
use crate::process::Ending;
use Question as Q;
use spanproof_format::count_phrase;

/// Answers every question about a gap. `peers` are the other cases of the run. If `use_witness` is `false`,
/// the evidence of the witness, which is a set of triggers that log each attempt to insert a span, is
/// ignored.
pub(super) fn answers(
    facts: &Facts<'_>,
    gap: &Gap<'_>,
    peers: &[&Facts<'_>],
    use_witness: bool,
) -> Answers {
    let mut answers = Answers::default();
    let evidence = GapEvidence { facts, gap };
    evidence.answer_from_startup_line(&mut answers);
    span_lines::answer(facts, gap, peers, &mut answers);
    error_line::answer(facts, gap, &mut answers);
    evidence.answer_from_environment(&mut answers);
    evidence.answer_from_requests(peers, &mut answers);
    evidence.answer_from_signs(peers, &mut answers);
    evidence.answer_from_exit(&mut answers);
    evidence.answer_from_rows(&mut answers);
    evidence.answer_from_peers(peers, &mut answers);
    server_errors::answer(facts, gap, use_witness, &mut answers);
    server_errors::compare_with_passing(facts, peers, &mut answers);
    server_errors::compare_with_single_rows(facts, peers, &mut answers);
    error_line::answer_from_losses(facts, &mut answers);
    answer_unsent(&mut answers);
    answers
}

/// A gap, and the evidence of its case.
struct GapEvidence<'a> {
    facts: &'a Facts<'a>,
    gap: &'a Gap<'a>,
}

impl GapEvidence<'_> {
    /// Uses the line in which the service reports at startup whether tracing is on.
    fn answer_from_startup_line(&self, answers: &mut Answers) {
        let facts = self.facts;
        if let Some(line) = facts.startup_lines.first() {
            let off = facts.startup_lines.iter().find(|line| !line.report.enabled);
            let claimed_off = match off {
                None => Fact::no("the service says that tracing is on"),
                Some(_) if !line.report.enabled && !facts.begun_without_startup_line(true) => {
                    Fact::Yes(vec![line.into()])
                }
                // Another process says on, or begins spans and has no startup line in the log. So the process
                // that says off need not be the one that does the work.
                Some(off) => {
                    answers.set(Q::OffElsewhere, Fact::Yes(vec![off.into()]));
                    Fact::unknown(format!(
                        "a line says that tracing is off, and another process may do the work: {}",
                        off.line
                    ))
                }
            };
            answers.set(Q::ClaimedOff, claimed_off);
            answers.set(Q::NoTracerLine, Fact::no("the tracer printed its startup line"));
        } else if facts.spec.probes.has_tracer()
            && facts.process_run().is_some()
            && !facts.trial().is_some_and(|trial| trial.is_later_job)
            && facts.spans.is_empty()
            && facts.total_begun() == 0
            && facts.observation.dropped_bytes() == 0
        {
            let lines = count_phrase(facts.observation.lines().len(), "line", "lines");
            let searched = format!("output: {lines}, none from a tracer");
            answers.set(Q::NoTracerLine, Fact::yes(searched));
        }
    }

    /// Uses OpenTelemetry's environment variables of the process.
    fn answer_from_environment(&self, answers: &mut Answers) {
        let Some(trial) = self.facts.trial() else { return };
        let environment = &trial.service.environment;
        let variable = |name: &str| {
            let value = environment.get(name).cloned().unwrap_or_default();
            vec![Evidence::Note(format!("environment  {name}={value}"))]
        };
        let is_off = |(name, off_value): &&(&str, &str)| {
            environment.get(*name).is_some_and(|value| value.trim().eq_ignore_ascii_case(off_value))
        };
        // A service can also set these variables itself.
        let lines = self.facts.observation.lines().into_iter();
        let reports =
            limit(lines.filter(|line| reports_library_off(line.text)).map(Evidence::from));
        match LIBRARY_OFF.iter().find(is_off) {
            Some((name, _)) => answers.set(Q::LibraryOff, Fact::Yes(variable(name))),
            None if !reports.is_empty() => answers.set(Q::LibraryOff, Fact::Yes(reports)),
            None if !self.facts.spans.is_empty() && has_one_process(self.facts) => {
                answers.set(Q::LibraryOff, Fact::no("the same process recorded other spans"));
            }
            None => {}
        }
        if samples_nothing(trial) {
            let mut variables = variable("OTEL_TRACES_SAMPLER");
            if environment.contains_key("OTEL_TRACES_SAMPLER_ARG") {
                variables.extend(variable("OTEL_TRACES_SAMPLER_ARG"));
            }
            answers.set(Q::SampledOut, Fact::Yes(variables));
        }
    }

    /// Uses the trace contexts in the headers of requests to the fake upstream. A context alone does not
    /// show that a span began: a service may send trace ids that it makes without a tracer. If other spans
    /// of the trace are stored, [`sign::begun_by_requests`] uses it.
    fn answer_from_requests(&self, peers: &[&Facts<'_>], answers: &mut Answers) {
        let facts = self.facts;
        let exchanges = facts.exchanges();
        let contexts = sign::contexts(facts);
        if contexts.is_empty() {
            return;
        }
        let count = |sampled: bool| {
            contexts.iter().filter(|context| context.sampled == Some(sampled)).count()
        };
        let (sampled, unsampled) = (count(true), count(false));
        let units = self.gap.units.len().max(1);
        if unsampled >= units {
            let text = format!(
                "upstream: {unsampled} of {} requests carried a trace that is not sampled",
                exchanges.len()
            );
            answers.set(Q::SampledOut, Fact::yes(text.clone()));
            answers.set(Q::UnsampledHeader, Fact::yes(text));
        } else if sampled == exchanges.len()
            && (self.gap.expected.is_root()
                || !self.gap.has_units_with_spans(facts)
                || sign::is_requesting(facts, self.gap, peers))
        {
            // A sampler may drop other spans of the same traces.
            answers.set(Q::SampledOut, Fact::no("the upstream received sampled traces only"));
        }
        let is_lost = |context: &&TraceContext| {
            context.sampled == Some(true) && !sign::has_stored_span(facts, context)
        };
        let lost = contexts.iter().filter(is_lost).count();
        if lost > 0 {
            let requests = count_phrase(lost, "request", "requests");
            let text = format!("upstream: {requests} carried a sampled trace that is not stored");
            answers.set(Q::Propagated, Fact::yes(text));
        }
    }

    /// Uses signs of the missing spans: their ids in stored spans or in requests to the upstream, and
    /// requests with a trace that is not stored, or without any trace.
    fn answer_from_signs(&self, peers: &[&Facts<'_>], answers: &mut Answers) {
        let Self { facts, gap } = self;
        if !answers.is_yes(Q::NoBeginLine)
            && let Some(begun) = sign::begun_by_requests(facts, gap, peers)
        {
            answers.set(Q::Begun, begun);
            answers.set(Q::NoBeginLine, Fact::no("requests to the upstream name these spans"));
        }
        if let Some(named) = sign::named_as_parents(facts, gap) {
            answers.set(Q::Named, named);
        }
        if let Some(begun) = sign::begun_below(facts, gap, peers) {
            answers.set(Q::ChildrenBegun, begun);
        }
        if let Some(lost) = sign::lost_traces(facts, gap, peers) {
            answers.set(Q::LostTraces, lost);
            // These spans may have begun although no line says so.
            if answers.is_yes(Q::NoBeginLine) && !answers.is_yes(Q::BeginPatternWorks) {
                let why = "no line shows that the service prints when a span begins";
                answers.set(Q::NoBeginLine, Fact::unknown(why));
            }
        }
        if let Some(untraced) = sign::untraced_requests(facts, gap) {
            answers.set(Q::Untraced, untraced);
        }
    }

    /// Uses the exit of the process.
    fn answer_from_exit(&self, answers: &mut Answers) {
        let Some(run) = self.facts.process_run() else { return };
        let exit = &run.exit;
        let stop_signal = self.facts.spec.service.stop.signal() as i32;
        let (by_stop_signal, by_other_signal) = match exit.ending {
            Ending::Signal(signal) => (signal == stop_signal, signal != stop_signal),
            Ending::Code(_) => (false, false),
        };
        let fact = if exit.killed || !exit.stop_requested || by_other_signal {
            let (ending, at_ms) = (exit.ending, Some(exit.at_ms));
            Fact::Yes(vec![Evidence::Exit { ending, at_ms, remark: None }])
        } else if by_stop_signal {
            Fact::unknown(
                "the stop signal ended the process; it may have written its spans before that",
            )
        } else {
            Fact::no("the service exited after it was asked to stop, and was not killed")
        };
        answers.set(Q::Killed, fact);
    }

    /// Uses the stored spans: those of the units of the gap, with any name, and those with the name of the
    /// missing spans, of any unit.
    fn answer_from_rows(&self, answers: &mut Answers) {
        let Self { facts, gap } = self;
        if facts.unreadable.is_some() {
            return;
        }
        let has_span = |unit: &&&crate::observation::Unit| {
            facts.spans_with_unit(unit.id.as_deref()).next().is_some()
        };
        let units = gap.units.len();
        let units_with_spans = gap.units.iter().filter(has_span).count();
        let text = format!("{units_with_spans} of {units} units have other spans");
        let other_spans = match units_with_spans {
            0 => Fact::no("the table of spans was read"),
            _ if units_with_spans == units => Fact::yes(text),
            _ => Fact::unknown(text),
        };
        answers.set(Q::OtherSpans, other_spans);
        let other_units = match gap.stored {
            0 => Fact::no("the table of spans was read"),
            stored => {
                let spans = if stored == 1 { "span is" } else { "spans are" };
                Fact::yes(format!("{stored} `{}` {spans} stored", gap.expected.name))
            }
        };
        answers.set(Q::OtherUnits, other_units);
    }

    /// Uses other cases of the run: whether they recorded the spans that are missing here, and which
    /// lines their service printed.
    fn answer_from_peers(&self, peers: &[&Facts<'_>], answers: &mut Answers) {
        let Self { facts, gap } = self;
        let name = gap.expected.name;
        let has_all_spans = |peer: &&&Facts<'_>| {
            let expected = peer.expected_spans.iter().find(|expected| expected.name == name);
            expected.is_some_and(|expected| {
                let required = peer.required_count(expected);
                required > 0 && peer.stored_count(expected) >= required
            })
        };
        let case = &facts.observation.case;
        let has_same_flags = |peer: &&&Facts<'_>| peer.observation.case.flags == case.flags;
        let has_no_fault = |peer: &&&Facts<'_>| peer.observation.case.fault.is_none();
        let mut same_environment = peers.iter().filter(has_no_fault).filter(has_same_flags);
        if let Some(peer) = same_environment.find(has_all_spans) {
            let other = &peer.observation.case;
            let text = format!("case {} (route `{}`) has its spans", other.id, other.route);
            answers.set(Q::OtherRoute, Fact::yes(text));
            let control = "a case with the same environment has its spans";
            answers.set(Q::LibraryOff, Fact::no(control));
            if !answers.is_yes(Q::UnsampledHeader) && answers.is_yes(Q::SampledOut) {
                answers.set(Q::SampledOut, Fact::no(control));
            }
        }
        if let Some(flag) = facts.spec.tracing_flag() {
            let work = case.work(facts.spec);
            let differs_in_flag_only = |peer: &&&Facts<'_>| {
                let other = &peer.observation.case;
                other.flags != case.flags
                    && other.fault == case.fault
                    && other.work(facts.spec) == work
            };
            // A value with which any span is recorded is recognised.
            let is_recognised = peers.iter().filter(has_same_flags).any(|peer| has_any_span(peer));
            let mut others = peers.iter().filter(|_| !is_recognised).filter(differs_in_flag_only);
            if let Some(peer) = others.find(has_all_spans) {
                let value = peer.observation.case.flag(&flag.name);
                let text = format!(
                    "case {} with {}={value} has its spans",
                    peer.observation.case.id, flag.name
                );
                answers.set(Q::OtherValue, Fact::yes(text));
            }
        }
        if let Some(line) = peers.iter().find_map(|peer| peer.startup_lines.first()) {
            answers.set(Q::TracerPatternWorks, Fact::Yes(vec![line.into()]));
        }
    }
}

/// Whether a case has any span, also one of a later job.
fn has_any_span(facts: &Facts<'_>) -> bool {
    let later = facts.trial().and_then(|trial| trial.second_job.as_deref());
    !facts.spans.is_empty() || later.is_some_and(|job| !job.tables.spans.all().is_empty())
}

/// Answers whether spans began and never reached the database server, from the answers about both. Without these,
/// answers no if another value of the tracing flag records the spans: with this value, they probably never began.
/// Keeps an earlier yes, unless inserts reached the server. Answers nothing if missing spans were still arriving
/// at the end of the wait.
fn answer_unsent(answers: &mut Answers) {
    if answers.is_yes(Q::Unsent) && !answers.is_yes(Q::Reached) || answers.is_yes(Q::Arriving) {
        return;
    }
    let mut shows_begun = [Q::Begun, Q::Acknowledged].into_iter();
    if answers.is_yes(Q::Reached) || answers.is_yes(Q::Refused) {
        answers.set(Q::Unsent, Fact::no("inserts reached the server"));
    } else if answers.is_no(Q::Reached)
        // Behind a statement that the server refused, a service may send no more.
        && !answers.is_unknown(Q::Refused)
        // A span that is not sampled begins, but need not be sent.
        && !answers.is_yes(Q::UnsampledHeader)
        && let Some(question) = shows_begun.find(|question| answers.is_yes(*question))
    {
        let evidence = answers.evidence(question).to_vec();
        answers.set(Q::Unsent, Fact::Yes(evidence));
    } else if answers.is_yes(Q::OtherValue) {
        answers.set(Q::Unsent, Fact::no(Q::OtherValue.yes()));
    }
}

/// Whether the service is one process.
fn has_one_process(facts: &Facts<'_>) -> bool {
    facts.spec.processes.iter().all(|process| process.helper)
}

/// Whether environment variables make OpenTelemetry's SDK drop every trace, except, with a `parentbased_` sampler,
/// one that continues a sampled trace.
fn samples_nothing(trial: &TrialRecord) -> bool {
    let value = |name: &str| trial.service.environment.get(name).map(|text| text.trim());
    match value("OTEL_TRACES_SAMPLER") {
        Some("always_off" | "parentbased_always_off") => true,
        Some("traceidratio" | "parentbased_traceidratio") => {
            value("OTEL_TRACES_SAMPLER_ARG").and_then(|text| text.parse().ok()) == Some(0.0)
        }
        _ => false,
    }
}
