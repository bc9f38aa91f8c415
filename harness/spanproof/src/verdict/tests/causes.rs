//! Which cause of a gap follows from the facts. A gap is the set of units (parts of a job) that lack spans
//! of one name; a fact answers a question about the gap with yes or no.

use rstest::rstest;

use super::super::cause::{CAUSES, Cause, conclude};
use super::super::fact::{Answers, Fact, Question, Question as Q};
use spanproof_format::{Code, Confidence};

fn answers(yes: &[Question], no: &[Question]) -> Answers {
    let mut answers = Answers::default();
    for question in yes {
        answers.set(*question, Fact::yes("seen"));
    }
    for question in no {
        answers.set(*question, Fact::no("looked"));
    }
    answers
}

fn conclusion(yes: &[Question], no: &[Question]) -> (Option<Code>, Confidence) {
    let conclusion = conclude(&answers(yes, no));
    (conclusion.cause.map(|cause| cause.code), conclusion.confidence)
}

#[test]
fn without_any_fact_nothing_is_concluded() {
    assert_eq!(conclusion(&[], &[]), (None, Confidence::Undetermined));
}

/// Returns the sets of facts that point to a cause: those that prove it, and each fact that makes it
/// possible.
fn sets_for(cause: &Cause) -> Vec<Vec<Question>> {
    let sufficient = cause.sufficient.iter().map(|question| vec![*question]);
    cause.decisive.iter().map(|set| set.to_vec()).chain(sufficient).collect()
}

#[test]
fn the_facts_that_point_to_a_cause_leave_no_other_cause_alone() {
    for cause in CAUSES {
        for set in sets_for(cause) {
            let concluded = conclude(&answers(&set, &[])).cause;
            let wrong = concluded.filter(|other| other.code != cause.code);
            assert_eq!(wrong, None, "{} by {set:?}", cause.code);
        }
    }
}

/// Without such a fact, no evidence could distinguish the two causes.
#[test]
fn every_pair_of_causes_has_a_fact_that_separates_it() {
    for (index, one) in CAUSES.iter().enumerate() {
        for other in &CAUSES[index + 1..] {
            let separates = |question: &&Question| {
                let exclusions = |cause: &Cause| {
                    let is_excluded = |answers: &Answers| cause.exclusion(answers).is_some();
                    let [yes, no] = [answers(&[**question], &[]), answers(&[], &[**question])];
                    (is_excluded(&yes), is_excluded(&no))
                };
                exclusions(one) != exclusions(other)
            };
            let found = Question::ALL.iter().find(separates);
            assert!(found.is_some(), "{} and {}", one.code, other.code);
        }
    }
}

/// Without one of its facts, a cause may no longer be certain, but no other cause becomes certain.
#[test]
fn removing_a_fact_never_makes_another_cause_certain() {
    for cause in CAUSES {
        for set in sets_for(cause) {
            for left_out in &set {
                let rest: Vec<_> = set.iter().copied().filter(|one| one != left_out).collect();
                let (code, confidence) = conclusion(&rest, &[]);
                let is_other = code.is_some_and(|code| code != cause.code);
                assert!(!(is_other && confidence == Confidence::Certain), "{}", cause.code);
            }
        }
    }
}

#[rstest]
#[case::begun_and_acknowledged(
    &[Q::Begun, Q::Acknowledged], &[Q::Refused, Q::Killed], None, Confidence::Undetermined
)]
#[case::another_route_records(
    &[Q::OtherRoute], &[Q::Reached, Q::Refused, Q::Undone, Q::Removed, Q::Discarded, Q::Poisoned,
    Q::Elsewhere, Q::Killed, Q::ExporterError],
    Some(Code::PathNotExecuted), Confidence::Likely
)]
#[case::no_positive_fact(
    &[], &[Q::Reached, Q::Refused, Q::Undone, Q::Removed, Q::Discarded, Q::Poisoned, Q::Elsewhere],
    None, Confidence::Undetermined
)]
#[case::other_lines_about_starts(
    &[Q::NoBeginLine, Q::BeginPatternWorks, Q::OtherStarts], &[],
    Some(Code::PathNotExecuted), Confidence::Certain
)]
#[case::begun_and_not_sent(
    &[Q::Begun, Q::Unsent], &[Q::Reached, Q::Refused, Q::Undone, Q::Removed, Q::Discarded,
    Q::Poisoned, Q::Elsewhere, Q::Killed, Q::ExporterError],
    Some(Code::NeverSent), Confidence::Certain
)]
#[case::not_sent_with_one_value_of_the_flag(
    &[Q::Begun, Q::Unsent, Q::OtherValue], &[Q::Reached, Q::Refused, Q::Undone, Q::Removed,
    Q::Discarded, Q::Poisoned, Q::Elsewhere, Q::Killed, Q::ExporterError],
    Some(Code::NeverSent), Confidence::Certain
)]
#[case::traces_are_lost(
    &[Q::Propagated, Q::LostTraces], &[Q::Reached, Q::Refused, Q::Undone, Q::Removed,
    Q::Discarded, Q::Poisoned, Q::Elsewhere, Q::Killed, Q::ExporterError, Q::SampledOut],
    Some(Code::NeverSent), Confidence::Likely
)]
#[case::only_the_missing_spans_are_untraced(
    &[Q::Untraced, Q::OtherUnits], &[Q::Reached, Q::Refused, Q::Undone, Q::Removed, Q::Discarded,
    Q::Poisoned, Q::Elsewhere, Q::Killed, Q::ExporterError],
    Some(Code::PathNotExecuted), Confidence::Likely
)]
#[case::missing_spans_are_named_as_parents(
    &[Q::Named, Q::OtherSpans], &[Q::Reached, Q::Refused, Q::Undone, Q::Removed, Q::Discarded,
    Q::Poisoned, Q::Elsewhere, Q::Killed, Q::ExporterError],
    None, Confidence::Undetermined
)]
#[case::rows_were_inserted_without_a_begin_line(
    &[Q::NoBeginLine, Q::Reached, Q::Undone], &[],
    Some(Code::RolledBack), Confidence::Certain
)]
fn facts_leave_one_cause_or_several(
    #[case] yes: &[Question],
    #[case] no: &[Question],
    #[case] code: Option<Code>,
    #[case] confidence: Confidence,
) {
    assert_eq!(conclusion(yes, no), (code, confidence));
}

/// The server may have refused a connection of another part of the service.
#[test]
fn a_denied_connection_alone_is_only_likely_to_belong_to_the_tracer() {
    let likely = (Some(Code::WriteFailedSilent), Confidence::Likely);
    assert_eq!(conclusion(&[Q::Denied], &[Q::Refused, Q::Elsewhere]), likely);
    let certain = (Some(Code::WriteFailedSilent), Confidence::Certain);
    let denied_and_reported = [Q::Denied, Q::Reported];
    assert_eq!(conclusion(&denied_and_reported, &[Q::Refused, Q::Elsewhere]), certain);
}
