//! Compares the cases of a run with each other. A case is one combination of flags, route, upstream and
//! fault; the other cases of its run are its peers. A unit is one part of a job. The witness, which only
//! some cases have, is a set of triggers that log each attempt to insert a span.

use std::borrow::Borrow;
use std::cell::LazyCell;

use super::evidence::Evidence;
use super::facts::Facts;
use super::finding::Finding;
use super::ignored_flag::find_ignored_flag;
use super::inert_flag::check_inert_flags;
use super::judge::{judge, judge_facts};
use super::judgement::{Judgement, Verdict, failure_signature};
use super::same_job::{compare_outcomes, note_unfinished_jobs};
use super::stage;
use super::without_fault::explain_by_case_without_fault;
use crate::observation::{Observation, Origin};
use crate::spec::Spec;
use spanproof_format::{Code, Confidence};

/// Judges all cases of a run, first each on its own, then together. The judgements are in the order of
/// the observations.
pub fn judge_all<O: Borrow<Observation>>(spec: &Spec, all: &[O]) -> Vec<Judgement> {
    let all: Vec<&Observation> = all.iter().map(Borrow::borrow).collect();
    let mut judgements: Vec<_> = all.iter().map(|observation| judge(spec, observation)).collect();
    compare(spec, &all, &mut judgements);
    judgements
}

/// Compares cases that were already judged one by one, and updates their judgements, which are in
/// the order of the observations.
pub(crate) fn compare(spec: &Spec, all: &[&Observation], judgements: &mut [Judgement]) {
    use_evidence_of_peers(spec, all, judgements);
    compare_readiness(all, judgements);
    let cases = all.iter().map(|observation| &observation.case);
    find_ignored_flag(spec, &mut cases.zip(judgements.iter_mut()).collect::<Vec<_>>(), &[]);
    find_unused_tracer(spec, all, judgements);
    check_inert_flags(spec, all, judgements);
    compare_outcomes(spec, all, judgements);
    note_unfinished_jobs(spec, all, judgements);
    explain_by_case_without_fault(spec, all, judgements);
}

/// Whether the service became ready; `true` for an existing system.
fn was_ready(observation: &Observation) -> bool {
    observation.trial().is_none_or(|trial| trial.run.ready.is_reached())
}

/// A case in which the service does not become ready fails if the service became ready in another case.
/// If it became ready in no case, something outside the cases is wrong, and all of them are broken.
fn compare_readiness(all: &[&Observation], judgements: &mut [Judgement]) {
    if all.iter().any(|observation| was_ready(observation)) {
        for (observation, judgement) in all.iter().zip(judgements) {
            if let Verdict::Broken(why) = &judgement.verdict
                && !was_ready(observation)
            {
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
    Some(Evidence::Exit { ending, at_ms, remark: Some("after it was asked to stop".into()) })
}

/// Judges each case that lacks spans again, now with the evidence of its peers. If that does not
/// suffice, the witness of a peer that failed in the same way is used, too.
fn use_evidence_of_peers(spec: &Spec, all: &[&Observation], judgements: &mut [Judgement]) {
    let lacks_spans = |judgement: &Judgement| {
        judgement.recording && judgement.findings().iter().any(Finding::is_about_missing_spans)
    };
    if all.len() < 2 || !judgements.iter().any(lacks_spans) {
        return;
    }
    let facts: Vec<_> = all.iter().map(|observation| Facts::read(spec, observation)).collect();
    // Lazy, because it judges every case with a witness again.
    let failures_without_witness = LazyCell::new(|| -> Vec<_> {
        all.iter().map(|observation| failure_without_witness(spec, observation)).collect()
    });
    for (index, judgement) in judgements.iter_mut().enumerate() {
        if !lacks_spans(judgement) || all[index].case.fault.is_some() {
            continue;
        }
        let peers = facts.iter().enumerate().filter(|(other, _)| *other != index);
        let peers: Vec<_> = peers.map(|(_, facts)| facts).collect();
        let own_failure = failure_signature(judgement);
        *judgement = judge_facts(&facts[index], &peers);
        if judgement.next.is_none() {
            continue;
        }
        let mut failures = failures_without_witness.iter();
        let is_same = |failure: &Option<String>| failure.as_ref() == Some(&own_failure);
        if let Some(peer) = failures.position(is_same) {
            *judgement = judge_with_witness_of(all[peer], spec, all[index], &peers);
        }
    }
}

/// Describes how a case with a witness would fail without it; `None` if it has no witness.
fn failure_without_witness(spec: &Spec, observation: &Observation) -> Option<String> {
    observation.trial()?.witness.as_ref()?;
    let mut without_witness = observation.clone();
    if let Origin::Trial(trial) = &mut without_witness.origin {
        trial.witness = None;
    }
    Some(failure_signature(&judge(spec, &without_witness)))
}

/// Judges a case with the witness of a peer that failed in the same way. The result is at most likely.
fn judge_with_witness_of(
    peer: &Observation,
    spec: &Spec,
    observation: &Observation,
    peers: &[&Facts<'_>],
) -> Judgement {
    let mut with_witness = observation.clone();
    if let (Origin::Trial(trial), Some(other)) = (&mut with_witness.origin, peer.trial()) {
        trial.witness.clone_from(&other.witness);
    }
    let mut judgement = judge_facts(&Facts::read(spec, &with_witness), peers);
    if let Verdict::Fail(findings) = &mut judgement.verdict {
        for finding in findings.iter_mut().filter(|finding| finding.is_about_missing_spans()) {
            let text = format!(
                "the witness is that of case {}, which fails in the same way",
                peer.case.id
            );
            finding.evidence.push(Evidence::Note(text));
            if finding.confidence == Confidence::Certain {
                finding.confidence = Confidence::Likely;
            }
        }
    }
    judgement
}

/// If there are several routes (ways to submit a job), and no span is begun on any of them, the startup
/// line that reports that tracing is on is wrong, too.
fn find_unused_tracer(spec: &Spec, all: &[&Observation], judgements: &mut [Judgement]) {
    let recording = || {
        all.iter().zip(judgements.iter()).filter(|(observation, _)| observation.case.records(spec))
    };
    let mut routes: Vec<_> =
        recording().map(|(observation, _)| observation.case.route.as_str()).collect();
    routes.sort_unstable();
    routes.dedup();
    let begins_no_span = |(_, judgement): (&&Observation, &Judgement)| {
        judgement.code() == Some(Code::PathNotExecuted) && judgement.funnel.attempted == 0
    };
    let records_spans = |observation: &&Observation| !observation.tables.spans.all().is_empty();
    if all.iter().any(records_spans) {
        return;
    }
    if !spec.probes.has_tracer() || routes.len() < 2 || !recording().all(begins_no_span) {
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
        let enabled = facts.startup_lines.iter().filter(|startup_line| startup_line.report.enabled);
        let lines: Vec<_> = enabled.map(Evidence::from).collect();
        if !lines.is_empty() {
            judgement.add(Finding::new(Code::BannerContradicts, message.clone(), lines));
        }
    }
}
