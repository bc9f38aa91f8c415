//! What only several cases together can tell.

use std::borrow::Borrow;
use std::cell::LazyCell;
use std::collections::{BTreeMap, BTreeSet};

use super::evidence::Evidence;
use super::facts::Facts;
use super::finding::Finding;
use super::judge::{judge, judge_facts};
use super::judgement::{Judgement, Verdict, shape};
use super::outcome::Outcome;
use super::stage;
use crate::observation::{Job, Observation, Origin, Unit, WaitResult};
use crate::spec::{Spec, Value};
use spanproof_format::{Code, Confidence};

/// Judges all cases of a run: each by itself, then beside its peers. The judgements come in the
/// order of the observations.
pub fn judge_all<O: Borrow<Observation>>(spec: &Spec, all: &[O]) -> Vec<Judgement> {
    let all: Vec<&Observation> = all.iter().map(Borrow::borrow).collect();
    let mut judgements: Vec<_> = all.iter().map(|observation| judge(spec, observation)).collect();
    compare(spec, &all, &mut judgements);
    judgements
}

/// Compares cases that were judged by themselves with their peers; each judgement stands where
/// its observation stands.
pub(crate) fn compare(spec: &Spec, all: &[&Observation], judgements: &mut [Judgement]) {
    with_peers(spec, all, judgements);
    never_up(all, judgements);
    ignored(spec, all, judgements);
    never_keeps_its_word(spec, all, judgements);
    outcomes(spec, all, judgements);
}

/// Whether the service became ready. An existing system did.
fn was_ready(observation: &Observation) -> bool {
    observation.trial().is_none_or(|trial| trial.run.ready.is_reached())
}

/// A service that became ready in no case is not a finding about one: its world is wrong. One that
/// became ready in some cases and not in others is.
fn never_up(all: &[&Observation], judgements: &mut [Judgement]) {
    if all.iter().any(|observation| was_ready(observation)) {
        for (observation, judgement) in all.iter().zip(judgements) {
            if let (Verdict::Broken(why), false) = (&judgement.verdict, was_ready(observation)) {
                let exit = exit(observation).into_iter().collect();
                let finding = Finding::new(Code::NeverReady, why.clone(), exit);
                judgement.verdict = Verdict::Fail(vec![finding]);
            }
        }
        return;
    }
    for (observation, judgement) in all.iter().zip(judgements) {
        let Some(trial) = observation.trial() else { continue };
        if judgement.code() == Some(Code::ProcessCrashed) {
            let tail = stage::tail(trial);
            let (ending, ms) = (trial.run.exit.ending, trial.run.exit.at_ms);
            let name = trial.run.exit.name();
            *judgement = Judgement::broken(format!(
                "{name} ended before it was ready, with {ending} after {ms} ms{tail}"
            ));
        }
    }
}

fn exit(observation: &Observation) -> Option<Evidence> {
    let exit = &observation.trial()?.run.exit;
    let (ending, at_ms) = (exit.ending, Some(exit.at_ms));
    Some(Evidence::Exit { ending, at_ms, remark: Some("when it was asked to stop".into()) })
}

/// A flag is ignored when several values that should switch it on were tried and none did.
fn ignored(spec: &Spec, all: &[&Observation], judgements: &mut [Judgement]) {
    let Some(flag) = spec.tracing_flag() else { return };
    let mut tried: Vec<Value> = Vec::new();
    for observation in all.iter().filter(|observation| observation.case.records(spec)) {
        let value = observation.case.flag(&flag.name);
        if !tried.contains(&value) {
            tried.push(value);
        }
    }
    let recording = all.iter().zip(judgements.iter()).filter(|(one, _)| one.case.records(spec));
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

/// Judges each case that misses spans once more, beside the other cases: what those recorded shows
/// what could have been recorded here.
fn with_peers(spec: &Spec, all: &[&Observation], judgements: &mut [Judgement]) {
    let misses = |judgement: &Judgement| {
        judgement.recording
            && judgement.findings().iter().any(|finding| !finding.alternatives.is_empty())
    };
    if all.len() < 2 || !judgements.iter().any(misses) {
        return;
    }
    let facts: Vec<_> = all.iter().map(|observation| Facts::read(spec, observation)).collect();
    // Only cases that need a lender pay for it.
    let unaided = LazyCell::new(|| -> Vec<_> {
        all.iter().map(|observation| unaided_shape(spec, observation)).collect()
    });
    for (index, judgement) in judgements.iter_mut().enumerate() {
        if !misses(judgement) || all[index].case.fault.is_some() {
            continue;
        }
        let others = facts.iter().enumerate().filter(|(other, _)| *other != index);
        let others: Vec<_> = others.map(|(_, facts)| facts).collect();
        let own = shape(judgement);
        *judgement = judge_facts(&facts[index], &others);
        if judgement.next.is_none() {
            continue;
        }
        // A case that failed alike without its witness lends its testimony.
        let is_alike = |other: &usize| unaided[*other].as_ref() == Some(&own);
        if let Some(lender) = (0..all.len()).find(is_alike) {
            *judgement = borrowed(spec, all[index], all[lender], &others);
        }
    }
}

/// The shape of a failure without its witness; `None` if there was no witness.
fn unaided_shape(spec: &Spec, observation: &Observation) -> Option<String> {
    observation.trial()?.witness.as_ref()?;
    let mut unaided = observation.clone();
    if let Origin::Trial(trial) = &mut unaided.origin {
        trial.witness = None;
    }
    Some(shape(&judge(spec, &unaided)))
}

/// Judges a case by the witness of another one that failed alike. What it shows is likely here.
fn borrowed(
    spec: &Spec,
    observation: &Observation,
    lender: &Observation,
    others: &[&Facts<'_>],
) -> Judgement {
    let mut aided = observation.clone();
    if let (Origin::Trial(trial), Some(other)) = (&mut aided.origin, lender.trial()) {
        trial.witness.clone_from(&other.witness);
    }
    let mut judgement = judge_facts(&Facts::read(spec, &aided), others);
    if let Verdict::Fail(findings) = &mut judgement.verdict {
        for finding in findings.iter_mut().filter(|finding| !finding.alternatives.is_empty()) {
            let text = format!("the witness is that of case {}, which fails alike", lender.case.id);
            finding.evidence.push(Evidence::Note(text));
            if finding.confidence == Confidence::Certain {
                finding.confidence = Confidence::Likely;
            }
        }
    }
    judgement
}

/// A tracer that says it is on, and never begins a span on any of several routes.
fn never_keeps_its_word(spec: &Spec, all: &[&Observation], judgements: &mut [Judgement]) {
    let pairs = || all.iter().zip(judgements.iter()).filter(|(one, _)| one.case.records(spec));
    let mut routes: Vec<_> =
        pairs().map(|(observation, _)| observation.case.route.as_str()).collect();
    routes.sort_unstable();
    routes.dedup();
    let silent = |(_, judgement): (&&Observation, &Judgement)| {
        judgement.code() == Some(Code::PathNotExecuted) && judgement.funnel.attempted == 0
    };
    if !spec.probes.has_tracer() || routes.len() < 2 || !pairs().all(silent) {
        return;
    }
    let message = format!(
        "the tracer says that it is on, and begins no span on any of the routes {}",
        routes.join(", ")
    );
    for (observation, judgement) in all.iter().zip(judgements) {
        if judgement.code() != Some(Code::PathNotExecuted) {
            continue;
        }
        let facts = Facts::read(spec, observation);
        let claims = facts.banners.iter().filter(|line| line.what.enabled);
        let lines: Vec<_> = claims.map(Evidence::from).collect();
        if !lines.is_empty() {
            judgement.add(Finding::new(Code::BannerContradicts, message.clone(), lines));
        }
    }
}

/// A job must come to the same with tracing on as with tracing off, and under a fault as without.
fn outcomes(spec: &Spec, all: &[&Observation], judgements: &mut [Judgement]) {
    for SameWork { calm, off, disturbed } in same_work(spec, all) {
        let message = "the same job ends differently with tracing on than with tracing off";
        let comparison = Comparison { all, message, words: ["on", "off"] };
        for member in &calm {
            if comparison.ends_alike(member, &off, judgements) {
                comparison.gives_the_same(member, &off, judgements);
            }
        }
        let message = "the same job ends differently when spans can't be written";
        let comparison = Comparison { all, message, words: ["with", "without"] };
        let baseline = if off.is_empty() { &calm } else { &off };
        for member in &disturbed {
            comparison.ends_alike(member, baseline, judgements);
        }
    }
}

/// Cases that differ in the tracing flag and the fault only, each by its index with its outcome.
pub(super) struct SameWork {
    /// Cases that record, without a fault.
    pub(super) calm: Vec<(usize, Outcome)>,
    /// Cases that do not record.
    pub(super) off: Vec<(usize, Outcome)>,
    /// Cases that record under a fault that spares the work.
    disturbed: Vec<(usize, Outcome)>,
}

/// Returns the groups of cases that do the same work.
pub(super) fn same_work(spec: &Spec, all: &[&Observation]) -> Vec<SameWork> {
    let Some(flag) = spec.tracing_flag() else { return Vec::new() };
    let mut groups: BTreeMap<String, SameWork> = BTreeMap::new();
    for (at, observation) in all.iter().enumerate().filter(|(_, one)| settled(one)) {
        let case = &observation.case;
        let mut facts = case.facts();
        facts.remove(flag.name.as_str());
        facts.remove("fault");
        let empty = || SameWork { calm: Vec::new(), off: Vec::new(), disturbed: Vec::new() };
        let group = groups.entry(format!("{facts:?}")).or_insert_with(empty);
        let member = (at, outcome(spec, observation));
        let fault = case.fault.as_deref().and_then(|name| spec.fault(name));
        match fault {
            _ if !case.records(spec) => group.off.push(member),
            _ if case.fault.is_none() => group.calm.push(member),
            Some(fault) if fault.hits_work() => {}
            _ => group.disturbed.push(member),
        }
    }
    groups.into_values().collect()
}

/// Returns the cases without tracing, by their indexes, that give other values than a case with
/// tracing, and of which nobody knows yet whether their values vary by themselves.
pub(crate) fn unrepeated(spec: &Spec, all: &[&Observation]) -> Vec<usize> {
    let mut found = Vec::new();
    for SameWork { calm, off, .. } in same_work(spec, all) {
        let Some((at, other)) = off.first() else { continue };
        let differs = calm
            .iter()
            .any(|(_, one)| one.ends_like(other) && !one.different_values(other).is_empty());
        if differs && all[*at].variations().is_none() {
            found.push(*at);
        }
    }
    found
}

/// How outcomes that should be the same are compared and told.
struct Comparison<'a> {
    all: &'a [&'a Observation],
    message: &'static str,
    words: [&'static str; 2],
}

impl Comparison<'_> {
    /// One outcome must be among those of the baseline, where there is one. Returns whether it is.
    fn ends_alike(
        &self,
        (at, outcome): &(usize, Outcome),
        baseline: &[(usize, Outcome)],
        judgements: &mut [Judgement],
    ) -> bool {
        let Some((first, other)) = baseline.first() else { return true };
        judgements[*at].assertions += 1;
        let mut varying: BTreeSet<String> = BTreeSet::new();
        for (index, one) in baseline {
            varying.extend(one.different_units(other));
            varying.extend(self.all[*index].variations().into_iter().flatten().cloned());
        }
        // What varies with tracing on only may be due to tracing.
        if !varying.is_empty() {
            varying.extend(self.all[*at].variations().into_iter().flatten().cloned());
        }
        let is_same = |one: &Outcome| {
            // The status of a job follows from those of its units.
            one.ends_like(outcome)
                || (!varying.is_empty() && one.different_units(outcome).is_subset(&varying))
        };
        if baseline.iter().any(|(_, other)| is_same(other)) {
            return true;
        }
        let lines = self.compared((*at, outcome.to_text()), (*first, other.to_text()));
        judgements[*at].add(Finding::new(Code::OutcomeChangedByTracing, self.message, lines));
        false
    }

    /// The values must be those of the first case of the baseline, if it is known which of them vary
    /// by themselves.
    fn gives_the_same(
        &self,
        (at, outcome): &(usize, Outcome),
        baseline: &[(usize, Outcome)],
        judgements: &mut [Judgement],
    ) {
        let Some((first, other)) = baseline.first() else { return };
        let Some(varying) = self.all[*first].variations() else { return };
        judgements[*at].assertions += 1;
        let different = outcome.different_values(other);
        let Some(key) = different.difference(varying).next() else { return };
        let lines = self.compared((*at, outcome.value_text(key)), (*first, other.value_text(key)));
        let message = "the same job gives other results with tracing on than with tracing off, and the \
                       same results each time with tracing off";
        let mut finding = Finding::new(Code::OutcomeChangedByTracing, message, lines);
        finding.confidence = Confidence::Likely;
        judgements[*at].add(finding);
    }

    fn compared(&self, here: (usize, String), there: (usize, String)) -> Vec<Evidence> {
        let [on, off] = self.words;
        let line = |word: &str, (at, outcome): (usize, String), other: bool| Evidence::Compared {
            word: word.to_owned(),
            case: self.all[at].case.id.clone(),
            outcome,
            other,
        };
        vec![line(on, here, false), line(off, there, true)]
    }
}

/// Returns the keys of the units that end differently or give other values in two trials.
pub(crate) fn different_units(
    spec: &Spec,
    (one, other): (&Observation, &Observation),
) -> BTreeSet<String> {
    let (one, other) = (outcome(spec, one), outcome(spec, other));
    let mut keys = one.different_units(&other);
    keys.extend(one.different_values(&other));
    keys
}

/// What the job came to.
fn outcome(spec: &Spec, observation: &Observation) -> Outcome {
    let (tables, rows) = (&spec.tables, &observation.tables);
    let jobs = Job::from_rows(tables, rows.jobs.all());
    Outcome::new(&jobs, &Unit::from_rows(tables, rows.units.all()))
}

fn settled(observation: &Observation) -> bool {
    let work = observation.trial().map(|trial| &trial.job_run);
    work.and_then(|work| work.settled.as_ref()).is_some_and(WaitResult::is_reached)
}
