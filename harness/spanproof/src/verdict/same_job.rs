//! Compares the outcomes of the same job in different cases. A case is one combination of flags, route,
//! upstream and fault. A unit is one part of a job; its value is the result in the unit's row. A fault is a
//! disturbance that spanproof causes on purpose, such as an outage of the database.

use std::collections::{BTreeMap, BTreeSet};

use super::evidence::Evidence;
use super::finding::Finding;
use super::judgement::Judgement;
use super::outcome::Outcome;
use crate::observation::{Job, Observation, Unit};
use crate::spec::Spec;
use crate::upstream::{Answer, Exchange};
use spanproof_format::{Code, Confidence, count_phrase};

/// The entry that stands for the number of requests, in a set with the keys of the units that vary between
/// trials.
const REQUESTS: &str = "requests to the upstream";

/// Checks that a job has the same outcome with tracing on as with tracing off, and with a fault as
/// without one.
pub(super) fn compare_outcomes(spec: &Spec, all: &[&Observation], judgements: &mut [Judgement]) {
    for group in group_by_job(spec, all) {
        let message = "the same job ends differently with tracing on than with tracing off";
        let comparison = Comparison { all, message, own_word: "on", baseline_word: "off" };
        for case in &group.tracing_on {
            if comparison.ends_like_baseline(case, &group.tracing_off, judgements) {
                comparison.check_values(case, &group.tracing_off, judgements);
                comparison.check_requests(case, &group.tracing_off, judgements);
            }
        }
        let message = "the same job ends differently when spans can't be written";
        let comparison = Comparison { all, message, own_word: "with", baseline_word: "without" };
        let without_fault =
            if group.tracing_off.is_empty() { &group.tracing_on } else { &group.tracing_off };
        for case in &group.with_fault {
            comparison.ends_like_baseline(case, without_fault, judgements);
        }
    }
}

/// Makes a finding about work outside the tracer undetermined, for a case in which every unit ends differently
/// because of tracing: the work may have ended before it reached the span.
fn doubt_gaps(judgement: &mut Judgement) {
    if let Some(finding) = judgement.finding_mut(Code::PathNotExecuted) {
        let message = format!(
            "{}; or the work ended before it reached this span, because every unit ends differently with tracing on",
            finding.message
        );
        finding.make_undetermined(message);
    }
}

/// If a job does not end with tracing on, adds to its finding how long the job took with tracing off.
pub(super) fn note_unfinished_jobs(
    spec: &Spec,
    all: &[&Observation],
    judgements: &mut [Judgement],
) {
    for (observation, judgement) in all.iter().zip(judgements) {
        let Some(finding) = judgement.finding_mut(Code::JobNotFinished) else { continue };
        let case = &observation.case;
        let is_twin = |other: &&&Observation| {
            case.fault.is_none()
                && case.records(spec)
                && job_ended(other)
                && other.case.is_untraced_twin(case, spec)
        };
        if let Some(off) = all.iter().find(is_twin)
            && let Some(ms) = off.job_ms()
        {
            let outcome = format!("the job ended after {ms} ms");
            let (word, case) = ("tracing off".to_owned(), off.case.id.clone());
            finding.evidence.push(Evidence::Compared { word, case, outcome, other: true });
        }
    }
}

/// The outcome of the job in one case.
pub(super) struct CaseOutcome {
    /// The index of the case among all cases of the run.
    pub(super) index: usize,
    outcome: Outcome,
}

/// Cases that differ only in the tracing flag and the fault.
#[derive(Default)]
pub(super) struct SameJob {
    /// Cases that must record spans, without a fault.
    pub(super) tracing_on: Vec<CaseOutcome>,
    /// Cases that must not record spans.
    pub(super) tracing_off: Vec<CaseOutcome>,
    /// Cases that must record spans, with a fault that does not affect the job itself.
    with_fault: Vec<CaseOutcome>,
}

/// Groups the cases whose job ended. Empty if the spec has no tracing flag.
pub(super) fn group_by_job(spec: &Spec, all: &[&Observation]) -> Vec<SameJob> {
    if spec.tracing_flag().is_none() {
        return Vec::new();
    }
    let mut groups: BTreeMap<String, SameJob> = BTreeMap::new();
    for (index, observation) in all.iter().enumerate().filter(|(_, one)| job_ended(one)) {
        let case = &observation.case;
        let group = groups.entry(case.work(spec)).or_default();
        let outcome = CaseOutcome { index, outcome: outcome(spec, observation) };
        let fault = case.fault.as_deref().and_then(|name| spec.fault(name));
        match fault {
            _ if !case.records(spec) => group.tracing_off.push(outcome),
            _ if case.fault.is_none() => group.tracing_on.push(outcome),
            Some(fault) if fault.may_fail_job() => {}
            _ => group.with_fault.push(outcome),
        }
    }
    groups.into_values().collect()
}

/// Returns the indexes of the cases to run again: values, or the number of requests, differ between a case
/// with tracing and one without. The second run shows which of these vary anyway. Leaves out cases that
/// already ran more than once.
pub(crate) fn cases_to_repeat(spec: &Spec, all: &[&Observation]) -> Vec<usize> {
    let mut indexes = Vec::new();
    for SameJob { tracing_on, tracing_off, .. } in group_by_job(spec, all) {
        let Some(off) = tracing_off.first() else { continue };
        for on in &tracing_on {
            if on.outcome.ends_like(&off.outcome) && on.outcome.requests != off.outcome.requests {
                indexes.extend([on.index, off.index]);
            }
        }
        let has_different_values = |on: &CaseOutcome| {
            on.outcome.ends_like(&off.outcome)
                && !on.outcome.different_values(&off.outcome).is_empty()
        };
        if tracing_on.iter().any(has_different_values) {
            indexes.push(off.index);
        }
    }
    indexes.retain(|index| all[*index].variations().is_none());
    indexes
}

/// A comparison of the outcome in one case with the outcomes in baseline cases, and its messages.
struct Comparison<'a> {
    /// All cases of the run.
    all: &'a [&'a Observation],
    message: &'static str,
    /// What distinguishes the case from the baseline.
    own_word: &'static str,
    /// What distinguishes the baseline from the case.
    baseline_word: &'static str,
}

impl Comparison<'_> {
    /// The outcome must match that of a baseline case. Units that end differently within the baseline
    /// are not compared. Returns whether it matches; `true` if the baseline is empty.
    fn ends_like_baseline(
        &self,
        case: &CaseOutcome,
        baseline: &[CaseOutcome],
        judgements: &mut [Judgement],
    ) -> bool {
        let Some(first) = baseline.first() else { return true };
        judgements[case.index].assertions += 1;
        let mut varying: BTreeSet<String> = BTreeSet::new();
        for other in baseline {
            varying.extend(other.outcome.different_units(&first.outcome));
            varying.extend(self.variations(other).cloned());
        }
        // If nothing varies in the baseline, units that vary in the case are compared, because tracing may be
        // the reason.
        if !varying.is_empty() {
            varying.extend(self.variations(case).cloned());
        }
        let is_same = |other: &CaseOutcome| {
            // If units vary, the status of the job varies, too, so it is not compared.
            other.outcome.ends_like(&case.outcome)
                || (!varying.is_empty()
                    && other.outcome.different_units(&case.outcome).is_subset(&varying))
        };
        if baseline.iter().any(is_same) {
            return true;
        }
        // If chance decides which unit ends how, a different order is no finding.
        let is_permuted = case.outcome.is_permutation_of(&first.outcome);
        if is_permuted && (self.depends_on_order(case) || self.variations(case).next().is_some()) {
            return false;
        }
        let evidence = vec![
            self.evidence(case, case.outcome.to_text(), false),
            self.evidence(first, first.outcome.to_text(), true),
        ];
        let mut finding = Finding::new(Code::OutcomeChangedByTracing, self.message, evidence);
        if is_permuted {
            // Which unit comes first may depend only on scheduling.
            finding.confidence = Confidence::Likely;
        }
        judgements[case.index].add(finding);
        let different_units = case.outcome.different_units(&first.outcome).len();
        if different_units >= self.all[case.index].tables.units.all().len() {
            doubt_gaps(&mut judgements[case.index]);
        }
        false
    }

    /// Whether the upstream answered equal requests differently. The order in which units run then
    /// decides how each of them ends.
    fn depends_on_order(&self, case: &CaseOutcome) -> bool {
        let exchanges = self.all[case.index].trial().map_or(&[][..], |trial| &trial.exchanges);
        let mut answers: BTreeMap<(&str, &str), &Answer> = BTreeMap::new();
        exchanges.iter().any(|exchange| {
            let answer =
                answers.entry((&exchange.method, &exchange.path)).or_insert(&exchange.answer);
            **answer != exchange.answer
        })
    }

    /// The values must equal those of the first baseline case, except those that vary between runs of
    /// the baseline case. Not checked if the baseline case ran only once.
    fn check_values(
        &self,
        case: &CaseOutcome,
        baseline: &[CaseOutcome],
        judgements: &mut [Judgement],
    ) {
        let Some(first) = baseline.first() else { return };
        let Some(varying) = self.all[first.index].variations() else { return };
        judgements[case.index].assertions += 1;
        let mut different = case.outcome.different_values(&first.outcome);
        // With tracing on, the upstream may refuse the request of a different unit, so such units are not
        // compared.
        for unit in case.outcome.different_units(&first.outcome) {
            different.remove(&unit);
        }
        let Some(unit) = different.difference(varying).next() else { return };
        let evidence = vec![
            self.evidence(case, case.outcome.value_text(unit), false),
            self.evidence(first, first.outcome.value_text(unit), true),
        ];
        let message = "the same job gives different results with tracing on and off, but the same results \
                       each time with tracing off";
        let mut finding = Finding::new(Code::OutcomeChangedByTracing, message, evidence);
        finding.confidence = Confidence::Likely;
        judgements[case.index].add(finding);
    }

    /// The number of requests must equal that of the first baseline case. Checked only if both cases ran
    /// more than once, each time with the same number.
    fn check_requests(
        &self,
        case: &CaseOutcome,
        baseline: &[CaseOutcome],
        judgements: &mut [Judgement],
    ) {
        let Some(first) = baseline.first() else { return };
        let is_constant = |case: &CaseOutcome| {
            self.all[case.index].variations().is_some_and(|varying| !varying.contains(REQUESTS))
        };
        if !is_constant(case) || !is_constant(first) {
            return;
        }
        judgements[case.index].assertions += 1;
        let counts = [case, first].map(|case| case.outcome.requests);
        if counts[0] == counts[1] {
            return;
        }
        let evidence = vec![
            self.evidence(case, count_phrase(counts[0], "request", "requests"), false),
            self.evidence(first, count_phrase(counts[1], "request", "requests"), true),
        ];
        let message = "with tracing on, the same job always sends the upstream a different number of \
                       requests than with tracing off";
        let mut finding = Finding::new(Code::OutcomeChangedByTracing, message, evidence);
        finding.confidence = Confidence::Likely;
        judgements[case.index].add(finding);
    }

    /// What varies between runs of the case: the keys of units, and [`REQUESTS`]; empty if it ran only once.
    fn variations(&self, case: &CaseOutcome) -> impl Iterator<Item = &String> {
        self.all[case.index].variations().into_iter().flatten()
    }

    fn evidence(&self, case: &CaseOutcome, outcome: String, is_baseline: bool) -> Evidence {
        let word = if is_baseline { self.baseline_word } else { self.own_word };
        let case = self.all[case.index].case.id.clone();
        Evidence::Compared { word: word.to_owned(), case, outcome, other: is_baseline }
    }
}

/// Returns the keys of the units whose statuses or values differ between two trials, and `REQUESTS` if
/// the number of requests differs.
pub(crate) fn different_units(
    spec: &Spec,
    (one, other): (&Observation, &Observation),
) -> BTreeSet<String> {
    let (one, other) = (outcome(spec, one), outcome(spec, other));
    let mut keys = one.different_units(&other);
    keys.extend(one.different_values(&other));
    keys.extend((one.requests != other.requests).then(|| REQUESTS.to_owned()));
    keys
}

/// Reads the outcome of the job from its rows.
fn outcome(spec: &Spec, observation: &Observation) -> Outcome {
    let (tables, rows) = (&spec.tables, &observation.tables);
    let jobs = Job::from_rows(tables, rows.jobs.all());
    let exchanges = observation.trial().map_or(&[][..], |trial| &trial.exchanges);
    let is_matched = |exchange: &&Exchange| !matches!(exchange.answer, Answer::Unmatched(_));
    let requests = exchanges.iter().filter(is_matched).count();
    Outcome::new(&jobs, &Unit::from_rows(tables, rows.units.all()), requests)
}

/// Whether the job ended in time.
fn job_ended(observation: &Observation) -> bool {
    observation.trial().is_some_and(|trial| trial.job_run.has_ended())
}
