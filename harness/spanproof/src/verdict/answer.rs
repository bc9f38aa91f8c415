//! Answers the questions about a gap from the evidence of its case and of other cases.

use super::evidence::{Evidence, some};
use super::fact::{Answers, Fact, Question};
use super::facts::Facts;
use super::gap::Gap;
use super::known_error::KnownError;
use super::propagation::TraceContext;
use super::server_errors::{self, ServerErrors};
use super::sign;
use crate::identifier;
use crate::observation::{Line, TrialRecord};
use crate::process::Ending;
use Question as Q;

/// Variables that switch OpenTelemetry off, with the values that do (OpenTelemetry specification,
/// "Environment Variable Specification").
const LIBRARY_OFF: &[(&str, &str)] =
    &[("OTEL_SDK_DISABLED", "true"), ("OTEL_TRACES_EXPORTER", "none")];

/// Answers every question about a gap. `peers` are the other cases of the run; `is_aided` is `false`
/// to leave the database witness out.
pub(super) fn answers(
    facts: &Facts<'_>,
    gap: &Gap<'_>,
    peers: &[&Facts<'_>],
    is_aided: bool,
) -> Answers {
    let mut answers = Answers::default();
    let respondent = Respondent { facts, gap };
    respondent.startup(&mut answers);
    respondent.starts(&mut answers);
    respondent.reports(&mut answers);
    respondent.variables(&mut answers);
    respondent.requests(&mut answers);
    respondent.signs(peers, &mut answers);
    respondent.process(&mut answers);
    respondent.rows(&mut answers);
    respondent.peers(peers, &mut answers);
    server_errors::answer(facts, gap, is_aided, &mut answers);
    answer_unsent(&mut answers);
    answers
}

/// Answers questions about one gap.
struct Respondent<'a> {
    facts: &'a Facts<'a>,
    gap: &'a Gap<'a>,
}

impl Respondent<'_> {
    /// What the service says about its tracer when it starts.
    fn startup(&self, answers: &mut Answers) {
        let facts = self.facts;
        if let Some(line) = facts.banners.first() {
            let claimed_off = if line.what.enabled {
                Fact::no("the service says that tracing is on")
            } else {
                Fact::Yes(vec![line.into()])
            };
            answers.set(Q::ClaimedOff, claimed_off);
            answers.set(Q::NoTracerLine, Fact::no("the startup line of the tracer is there"));
        } else if facts.spec.probes.has_tracer()
            && facts.run().is_some()
            && facts.spans.is_empty()
            && facts.all_attempts() == 0
            && facts.observation.dropped_bytes() == 0
        {
            let count = facts.observation.lines().len();
            let searched = format!("output: {count} lines, none from a tracer");
            answers.set(Q::NoTracerLine, Fact::yes(searched));
        }
    }

    /// The lines about the start of spans, and about their successful writes.
    fn starts(&self, answers: &mut Answers) {
        let Self { facts, gap } = self;
        if !facts.spec.probes.has_attempt() {
            let why = "the spec has no probe `attempt`";
            answers.set(Q::Begun, Fact::unknown(why));
            answers.set(Q::NoBeginLine, Fact::unknown(why));
            return;
        }
        let begun = facts.begun(gap.rule);
        let unexplained = begun.saturating_sub(gap.stored);
        let is_known = facts.counts_starts_of(gap.rule.name);
        let is_reliable = is_known && begun >= gap.stored.min(1) && self.counts_agree();
        if unexplained >= gap.missing && is_known {
            answers.set(Q::Begun, Fact::Yes(Evidence::lines(&facts.attempts)));
            answers.set(Q::NoBeginLine, Fact::no("the service began these spans"));
        } else if unexplained == 0 && is_reliable {
            let count = facts.attempts(gap.rule.name);
            let text = format!("output: {count} lines about the start of `{}`", gap.rule.name);
            answers.set(Q::NoBeginLine, Fact::yes(text));
        } else {
            let why = format!("{begun} starts are logged and {} spans stored", gap.stored);
            answers.set(Q::NoBeginLine, Fact::unknown(why));
        }
        if facts.all_attempts() > 0 && is_known {
            let lines = || Fact::Yes(Evidence::lines(&facts.attempts));
            answers.set(Q::BeginPatternWorks, lines());
            if unexplained == 0 {
                answers.set(Q::OtherStarts, lines());
            }
        }
        let acknowledged = facts.acknowledged.len();
        let claims_all = acknowledged >= facts.all_attempts().max(1);
        if claims_all && acknowledged > facts.spans.len() {
            answers.set(Q::Acknowledged, Fact::Yes(Evidence::lines(&facts.acknowledged)));
        }
    }

    /// Whether each stored span has a line about its start: if not, the pattern misses some.
    fn counts_agree(&self) -> bool {
        let facts = self.facts;
        let silent = |name: &str| facts.of_operation(name).count() > 0 && facts.attempts(name) == 0;
        facts.observation.dropped_bytes() == 0 && !facts.rules.iter().any(|rule| silent(rule.name))
    }

    /// The errors that the service, its exporter or its driver report.
    fn reports(&self, answers: &mut Answers) {
        let facts = self.facts;
        let (_, table) = identifier::parts(&facts.spec.tables.spans.table);
        let mut reported = Evidence::lines(&facts.refused);
        let lines = facts.observation.lines();
        let known = |kind: KnownError| {
            let is_kind = |line: &&Line<'_>| KnownError::parse(line.text, &table) == Some(kind);
            some(lines.iter().copied().filter(|line| is_kind(&line)).map(Evidence::from))
        };
        if reported.is_empty() {
            reported = known(KnownError::Write);
        }
        if reported.is_empty() {
            reported = self.server_words();
        }
        let is_whole = |line: &Evidence| KnownError::refuses_whole_statement(&line.to_string());
        if facts.refused.len() >= self.gap.missing && !facts.refused.is_empty() {
            answers.set(Q::Poisoned, Fact::no("each missing span has an error of its own"));
        } else if reported.iter().any(is_whole) {
            answers.set(
                Q::Poisoned,
                Fact::no("the error is about the statement, and not about a row"),
            );
        }
        if !reported.is_empty() {
            answers.set(Q::Reported, Fact::Yes(reported));
        }
        let dropped = known(KnownError::Dropped);
        if !dropped.is_empty() {
            answers.set(Q::Unsent, Fact::Yes(dropped));
        }
        let exporter = known(KnownError::Exporter);
        if !exporter.is_empty() {
            answers.set(Q::ExporterError, Fact::Yes(exporter));
        } else if facts.run().is_some() && facts.observation.dropped_bytes() == 0 {
            answers.set(Q::ExporterError, Fact::no("the output has no error of a known exporter"));
        }
    }

    /// The lines of the service that repeat an error of the server about spans.
    fn server_words(&self) -> Vec<Evidence> {
        let facts = self.facts;
        let Some(trial) = facts.trial() else { return Vec::new() };
        let errors = ServerErrors::about(&trial.server_errors, facts);
        let errors = errors.refused.iter().chain(&errors.denied);
        // Drivers print where a statement is wrong in another way than the server's log.
        let words = |message: &str| {
            let end = message.find(" at character ").unwrap_or(message.len());
            message[..end].to_owned()
        };
        let errors: Vec<_> = errors.map(|error| words(&error.message)).collect();
        let lines = facts.observation.lines().into_iter();
        let repeats = |line: &Line<'_>| {
            errors.iter().any(|error| error.len() > 8 && line.text.contains(error))
        };
        some(lines.filter(repeats).map(Evidence::from))
    }

    /// Variables of OpenTelemetry in the environment of the process.
    fn variables(&self, answers: &mut Answers) {
        let Some(trial) = self.facts.trial() else { return };
        let environment = &trial.service.environment;
        let variable = |name: &str| {
            let value = environment.get(name).cloned().unwrap_or_default();
            vec![Evidence::Note(format!("environment  {name}={value}"))]
        };
        let is_set = |(name, off): &&(&str, &str)| {
            environment.get(*name).is_some_and(|value| value.trim().eq_ignore_ascii_case(off))
        };
        match LIBRARY_OFF.iter().find(is_set) {
            Some((name, _)) => answers.set(Q::LibraryOff, Fact::Yes(variable(name))),
            None if self.facts.banners.first().is_some_and(|line| line.what.enabled) => {
                answers.set(Q::LibraryOff, Fact::no("the service says that tracing is on"));
            }
            None => {}
        }
        if samples_nothing(trial) {
            answers.set(Q::SampledOut, Fact::Yes(variable("OTEL_TRACES_SAMPLER")));
        }
    }

    /// The trace contexts that the upstream received. A context does not show that a span began: a
    /// service may pass on ids that it makes without a tracer.
    fn requests(&self, answers: &mut Answers) {
        let facts = self.facts;
        let exchanges = facts.exchanges();
        let contexts = sign::contexts(facts);
        if contexts.is_empty() {
            return;
        }
        let count = |sampled: bool| {
            contexts.iter().filter(|context| context.sampled == Some(sampled)).count()
        };
        let units = self.gap.units.len().max(1);
        if count(false) >= units {
            let text = format!(
                "upstream: {} of {} requests carried a trace that is not sampled",
                count(false),
                exchanges.len()
            );
            answers.set(Q::SampledOut, Fact::yes(text.clone()));
            answers.set(Q::UnsampledHeader, Fact::yes(text));
        } else if count(true) == exchanges.len() {
            answers.set(Q::SampledOut, Fact::no("the upstream received sampled traces only"));
        }
        let is_lost = |context: &&TraceContext| {
            context.sampled == Some(true) && !sign::is_stored(facts, context)
        };
        let lost = contexts.iter().filter(is_lost).count();
        if lost > 0 {
            let text =
                format!("upstream: {lost} requests carried a sampled trace that is not stored");
            answers.set(Q::Propagated, Fact::yes(text));
        }
    }

    /// What other spans, requests and cases show about the missing spans.
    fn signs(&self, peers: &[&Facts<'_>], answers: &mut Answers) {
        let Self { facts, gap } = self;
        if let Some(begun) = sign::of_begun(facts, gap).filter(|_| !answers.is_yes(Q::NoBeginLine))
        {
            answers.set(Q::Begun, begun);
            answers.set(Q::NoBeginLine, Fact::no("requests to the upstream name these spans"));
        }
        if let Some(named) = sign::of_named(facts, gap) {
            answers.set(Q::Named, named);
        }
        if let Some(lost) = sign::of_lost_traces(facts, gap, peers) {
            answers.set(Q::LostTraces, lost);
        }
        if let Some(untraced) = sign::of_untraced(facts, gap) {
            answers.set(Q::Untraced, untraced);
        }
    }

    /// How the process ended.
    fn process(&self, answers: &mut Answers) {
        let Some(run) = self.facts.run() else { return };
        let exit = &run.exit;
        let stop = self.facts.spec.service.stop.signal() as i32;
        let by_signal = |is_stop: bool| matches!(exit.ending, Ending::Signal(signal) if (signal == stop) == is_stop);
        let fact = if exit.killed || !exit.stop_requested || by_signal(false) {
            let (ending, at_ms) = (exit.ending, Some(exit.at_ms));
            Fact::Yes(vec![Evidence::Exit { ending, at_ms, remark: None }])
        } else if by_signal(true) {
            Fact::unknown(
                "the signal to stop ended the process, which may have written spans at its end",
            )
        } else {
            Fact::no("the service was asked to stop, and was not killed")
        };
        answers.set(Q::Killed, fact);
    }

    /// Other spans of the same units and other units with this span.
    fn rows(&self, answers: &mut Answers) {
        let Self { facts, gap } = self;
        if facts.unreadable.is_some() {
            return;
        }
        let has_span = |unit: &&&crate::observation::Unit| {
            facts.spans.iter().any(|span| span.unit.is_some() && span.unit == unit.id)
        };
        let count = gap.units.iter().filter(has_span).count();
        let text = format!("{count} of {} units have other spans", gap.units.len());
        let fact = match count {
            0 => Fact::no("the table of spans was read"),
            _ if count == gap.units.len() => Fact::yes(text),
            _ => Fact::unknown(text),
        };
        answers.set(Q::OtherSpans, fact);
        let fact = match gap.stored {
            0 => Fact::no("the table of spans was read"),
            stored => Fact::yes(format!("{stored} `{}` spans are stored", gap.rule.name)),
        };
        answers.set(Q::OtherUnits, fact);
    }

    /// The same work in other cases of the run.
    fn peers(&self, peers: &[&Facts<'_>], answers: &mut Answers) {
        let Self { facts, gap } = self;
        let name = gap.rule.name;
        let records = |peer: &&&Facts<'_>| {
            let rule = peer.rules.iter().find(|rule| rule.name == name);
            rule.is_some_and(|rule| {
                let wanted = peer.wanted(rule);
                wanted > 0 && peer.stored(rule) >= wanted
            })
        };
        let case = &facts.observation.case;
        let in_case = |peer: &Facts<'_>| {
            let other = &peer.observation.case;
            Evidence::Note(format!("case {} (route `{}`) has its spans", other.id, other.route))
        };
        let same_flags = |peer: &&&Facts<'_>| peer.observation.case.flags == case.flags;
        let is_calm = |peer: &&&Facts<'_>| peer.observation.case.fault.is_none();
        let route = peers.iter().filter(is_calm).filter(same_flags).find(records);
        if let Some(peer) = route {
            answers.set(Q::OtherRoute, Fact::Yes(vec![in_case(peer)]));
            // The variables of the environment are the same there.
            let control = "a case with the same environment has its spans";
            answers.set(Q::LibraryOff, Fact::no(control));
            if !answers.is_yes(Q::UnsampledHeader) && answers.is_yes(Q::SampledOut) {
                answers.set(Q::SampledOut, Fact::no(control));
            }
        }
        if let Some(flag) = facts.spec.tracing_flag() {
            let without_flag = |case: &crate::matrix::Case| {
                let mut facts = case.facts();
                facts.remove(flag.name.as_str());
                format!("{facts:?}")
            };
            let here = without_flag(case);
            let is_twin = |peer: &&&Facts<'_>| {
                let other = &peer.observation.case;
                other.flags != case.flags && without_flag(other) == here
            };
            if let Some(peer) = peers.iter().filter(is_twin).find(records) {
                let value = peer.observation.case.flag(&flag.name);
                let text = format!(
                    "case {} with {}={value} has its spans",
                    peer.observation.case.id, flag.name
                );
                answers.set(Q::OtherValue, Fact::yes(text));
            }
        }
        if let Some(line) = peers.iter().find_map(|peer| peer.banners.first()) {
            answers.set(Q::TracerPatternWorks, Fact::Yes(vec![line.into()]));
        }
        let begins = peers.iter().find(|peer| peer.attempts(name) > 0);
        if let Some(peer) = begins.filter(|_| !answers.is_yes(Q::BeginPatternWorks)) {
            let count = peer.attempts(name);
            let text = format!("case {}: {count} lines about its start", peer.observation.case.id);
            answers.set(Q::BeginPatternWorks, Fact::yes(text));
        }
    }
}

/// Whether spans began and never reached the server.
fn answer_unsent(answers: &mut Answers) {
    let began = [Q::Begun, Q::Acknowledged];
    if answers.is_yes(Q::Unsent) && !answers.is_yes(Q::Reached) {
        return;
    }
    if answers.is_yes(Q::Reached) || answers.is_yes(Q::Refused) {
        answers.set(Q::Unsent, Fact::no("inserts reached the server"));
    } else if answers.is_no(Q::Reached)
        && let Some(question) = began.into_iter().find(|question| answers.is_yes(*question))
    {
        let evidence = answers.evidence(question).to_vec();
        answers.set(Q::Unsent, Fact::Yes(evidence));
    }
}

/// Whether the environment tells OpenTelemetry's SDK to sample no trace.
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
