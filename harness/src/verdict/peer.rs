//! What only several cases together can tell.

use std::borrow::Borrow;
use std::collections::BTreeMap;

use super::code::Code;
use super::finding::Finding;
use super::judge::{Judgement, Verdict, judge, records};
use super::outcome::Outcome;
use crate::evidence::Evidence;
use crate::spec::{Spec, Value};

/// Judges all cases of a run: each by its own evidence, then beside its peers. The judgements come
/// in the order of the evidence.
pub fn judge_all<E: Borrow<Evidence>>(spec: &Spec, all: &[E]) -> Vec<Judgement> {
    let all: Vec<&Evidence> = all.iter().map(Borrow::borrow).collect();
    let mut judgements: Vec<_> = all.iter().map(|evidence| judge(spec, evidence)).collect();
    never_up(&all, &mut judgements);
    ignored(spec, &all, &mut judgements);
    lying_banner(spec, &all, &mut judgements);
    outcomes(spec, &all, &mut judgements);
    judgements
}

/// A service that became ready in no case is not a finding about one: its world is wrong. One that
/// became ready in some cases and not in others is.
fn never_up(all: &[&Evidence], judgements: &mut [Judgement]) {
    if all.iter().any(|evidence| evidence.ready.yes()) {
        for (evidence, judgement) in all.iter().zip(judgements) {
            if let (Verdict::Broken(why), false) = (&judgement.verdict, evidence.ready.yes()) {
                let finding = Finding::new(Code::NeverReady, why.clone(), vec![exit(evidence)]);
                judgement.verdict = Verdict::Fail(vec![finding]);
            }
        }
        return;
    }
    for (evidence, judgement) in all.iter().zip(judgements) {
        if judgement.code() == Some(Code::ProcessCrashed) {
            let tail = evidence.output.tail(5);
            let (ending, ms) = (evidence.exit.ending, evidence.exit.at_ms);
            *judgement = Judgement::broken(format!(
                "the service ended before it was ready, with {ending} after {ms} ms{tail}"
            ));
        }
    }
}

fn exit(evidence: &Evidence) -> String {
    format!(
        "exit: {} after {} ms, when it was asked to stop",
        evidence.exit.ending, evidence.exit.at_ms
    )
}

/// A flag is ignored when several values that should switch it on were tried and none did.
fn ignored(spec: &Spec, all: &[&Evidence], judgements: &mut [Judgement]) {
    let Some(flag) = spec.tracing_flag() else { return };
    let mut tried: Vec<Value> = Vec::new();
    for evidence in all.iter().filter(|evidence| records(spec, evidence)) {
        let value = evidence.case.flag(&flag.name);
        if !tried.contains(&value) {
            tried.push(value);
        }
    }
    let recording = all.iter().zip(judgements.iter()).filter(|(e, _)| records(spec, e));
    let mut codes = recording.map(|(_, judgement)| judgement.code());
    let none_works = codes.all(|code| code == Some(Code::FlagUnrecognisedValue));
    if tried.len() < 2 || !none_works {
        return;
    }
    let values: Vec<_> = tried.iter().map(ToString::to_string).collect();
    for judgement in judgements {
        if let Verdict::Fail(findings) = &mut judgement.verdict
            && let Some(finding) =
                findings.first_mut().filter(|finding| finding.code == Code::FlagUnrecognisedValue)
        {
            finding.code = Code::FlagIgnored;
            finding.message = format!(
                "none of the values {} of {} switches tracing on",
                values.join(", "),
                flag.name
            );
        }
    }
}

/// A tracer that says it is on, and never begins a span on any of several routes, is not a route
/// that was forgotten: its line is wrong.
fn lying_banner(spec: &Spec, all: &[&Evidence], judgements: &mut [Judgement]) {
    let pairs = || all.iter().zip(judgements.iter()).filter(|(e, _)| records(spec, e));
    let mut routes: Vec<_> = pairs().map(|(evidence, _)| evidence.case.route.as_str()).collect();
    routes.sort_unstable();
    routes.dedup();
    let silent = |(_, judgement): (&&Evidence, &Judgement)| {
        judgement.code() == Some(Code::PathNotExecuted) && judgement.funnel.attempted == 0
    };
    if routes.len() < 2 || !pairs().all(silent) {
        return;
    }
    let message = format!(
        "the tracer says that it is on, and begins no span on any of the routes {}",
        routes.join(", ")
    );
    for judgement in judgements {
        if let Verdict::Fail(findings) = &mut judgement.verdict
            && let Some(finding) =
                findings.first_mut().filter(|finding| finding.code == Code::PathNotExecuted)
        {
            finding.code = Code::BannerContradicts;
            finding.message.clone_from(&message);
        }
    }
}

/// A job must come to the same with tracing on as with tracing off, and under a fault as without.
fn outcomes(spec: &Spec, all: &[&Evidence], judgements: &mut [Judgement]) {
    let Some(flag) = spec.tracing_flag() else { return };
    let mut groups: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (at, evidence) in all.iter().enumerate() {
        let mut facts = evidence.case.facts();
        facts.remove(flag.name.as_str());
        facts.remove("fault");
        groups.entry(format!("{facts:?}")).or_default().push(at);
    }
    let told = |at: &usize| settled(all[*at]).then(|| (*at, Outcome::of(spec, all[*at])));
    for members in groups.values() {
        let (on, off): (Vec<usize>, Vec<usize>) =
            members.iter().partition(|at| records(spec, all[**at]));
        let (calm, disturbed): (Vec<usize>, Vec<usize>) =
            on.into_iter().partition(|at| all[*at].case.fault.is_none());
        let off: Vec<_> = off.iter().filter_map(told).collect();
        let calm: Vec<_> = calm.iter().filter_map(told).collect();
        let message = "the same job ends differently with tracing on than with tracing off";
        let comparison = Comparison { all, message, words: ["on ", "off"] };
        for member in &calm {
            comparison.of(member, &off, judgements);
        }
        let message = "the same job ends differently when spans can't be written";
        let comparison = Comparison { all, message, words: ["with", "without"] };
        let spared = |at: &&usize| {
            let fault = all[**at].case.fault.as_deref().and_then(|name| spec.fault(name));
            fault.is_none_or(|fault| !fault.hits_work())
        };
        let baseline = if off.is_empty() { &calm } else { &off };
        for member in disturbed.iter().filter(spared).filter_map(told) {
            comparison.of(&member, baseline, judgements);
        }
    }
}

/// How outcomes that should be the same are compared and told.
struct Comparison<'a> {
    all: &'a [&'a Evidence],
    message: &'static str,
    words: [&'static str; 2],
}

impl Comparison<'_> {
    /// One outcome must be among those of the baseline, where there is one.
    fn of(
        &self,
        (at, outcome): &(usize, Outcome),
        baseline: &[(usize, Outcome)],
        judgements: &mut [Judgement],
    ) {
        let Some((first, other)) = baseline.first() else { return };
        judgements[*at].assertions += 1;
        if baseline.iter().any(|(_, other)| other == outcome) {
            return;
        }
        let [here, there] = self.words;
        let id = |at: usize| self.all[at].case.id.as_str();
        let lines = vec![
            format!("{here}  case {}: {}", id(*at), outcome.shown()),
            format!("{there}  case {}: {}", id(*first), other.shown()),
        ];
        judgements[*at].add(Finding::new(Code::OutcomeChangedByTracing, self.message, lines));
    }
}

fn settled(evidence: &Evidence) -> bool {
    evidence.settled.as_ref().is_some_and(crate::evidence::Reached::yes)
}
