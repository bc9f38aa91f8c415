//! Known failures: an `[[expected]]` rule of the spec accepts one failure code in some cases until a
//! given day. A case is one combination of flags, route, upstream and fault. A case that fails with
//! a different code, that passes, or that still fails after that day is reported.

use super::evidence::Evidence;
use super::finding::Finding;
use super::judgement::{Judgement, Verdict};
use crate::matrix::Case;
use crate::observation::unmasked_flags;
use crate::spec::{Day, Expected, Spec};
use spanproof_format::Code;

/// Changes the verdict on a case according to the `[[expected]]` rules of the spec. `today` is compared with
/// the last day of each rule. A failure under a fault that the spec does not declare, which spanproof adds by
/// itself, becomes a notice. The exception is a fault that submits the job again, because each job must leave
/// its spans.
pub(crate) fn apply_expected_rules(
    spec: &Spec,
    case: &Case,
    judgement: &mut Judgement,
    today: Day,
) {
    if case.is_experiment(spec) && !case.repeats_job(spec) {
        if let Verdict::Fail(findings) = &mut judgement.verdict {
            judgement.verdict = Verdict::Notice(std::mem::take(findings));
        }
        return;
    }
    let case = unmasked_flags(spec, case);
    let rules = spec.expected.iter().filter(|rule| case.matches(&rule.when));
    let rules: Vec<&Expected> = rules.collect();
    let Some(first_rule) = rules.first() else { return };
    match &mut judgement.verdict {
        Verdict::Fail(findings) => {
            let codes: Vec<Code> = findings.iter().map(|finding| finding.code).collect();
            let rule = rules.iter().find(|rule| codes == [rule.code]);
            let note = match rule {
                None => {
                    let accepted: Vec<_> = rules.iter().map(|rule| rule.code.text()).collect();
                    format!("expected: in this case, only {} is accepted", accepted.join(" or "))
                }
                Some(rule) if rule.until < today => {
                    format!(
                        "expected: {} was accepted until {}: {}",
                        rule.code, rule.until, rule.reason
                    )
                }
                Some(rule) => {
                    let known = format!("{} until {}: {}", rule.code, rule.until, rule.reason);
                    judgement.verdict = Verdict::Known(known);
                    return;
                }
            };
            if let Some(finding) = findings.first_mut() {
                finding.evidence.push(Evidence::Note(note));
            }
        }
        Verdict::Pass => {
            let message = format!("{} is expected here, and the case passes", first_rule.code);
            let until = format!("expected: until {}: {}", first_rule.until, first_rule.reason);
            let note = vec![Evidence::Note(until)];
            let finding = Finding::new(Code::ExpectedFailurePassed, message, note);
            judgement.verdict = Verdict::Fail(vec![finding]);
        }
        Verdict::Known(_) | Verdict::Notice(_) | Verdict::Broken(_) | Verdict::Skipped(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::matrix::cases;
    use crate::spec::example;

    const RULE: &str = "\n[[expected]]\ncode = 'unlinked'\nreason = 'the new table'\nuntil = 2026-06-30\n\
                        when = { route = 'queued' }";

    /// The verdict on a case of this route that failed with these codes, after [`apply_expected_rules`].
    fn verdict(codes: &[Code], route: &str, today: &str) -> Verdict {
        let spec = example(|text| text + RULE);
        let case = cases(&spec).unwrap().into_iter().find(|case| case.route == route).unwrap();
        let mut judgement = Judgement::broken("");
        let findings = codes.iter().map(|code| Finding::new(*code, "m", Vec::new()));
        let findings: Vec<_> = findings.collect();
        judgement.verdict =
            if findings.is_empty() { Verdict::Pass } else { Verdict::Fail(findings) };
        apply_expected_rules(&spec, &case, &mut judgement, today.parse().unwrap());
        judgement.verdict
    }

    #[test]
    fn the_exact_code_is_accepted_until_the_last_day_of_its_rule() {
        let known = Verdict::Known("unlinked until 2026-06-30: the new table".into());
        assert_eq!(verdict(&[Code::Unlinked], "queued", "2026-06-30"), known);
        let Verdict::Fail(expired) = verdict(&[Code::Unlinked], "queued", "2026-07-01") else {
            panic!("the day has passed")
        };
        let note = "expected: unlinked was accepted until 2026-06-30: the new table";
        assert_eq!(
            (expired[0].code, expired[0].evidence[0].to_string().as_str()),
            (Code::Unlinked, note)
        );
    }

    #[rstest]
    #[case::another_code(&[Code::BrokenTree], Code::BrokenTree)]
    #[case::an_additional_code(&[Code::Unlinked, Code::NotStopped], Code::Unlinked)]
    #[case::a_pass(&[], Code::ExpectedFailurePassed)]
    fn an_outcome_that_is_not_exactly_the_accepted_code_is_reported(
        #[case] codes: &[Code],
        #[case] first: Code,
    ) {
        let Verdict::Fail(findings) = verdict(codes, "queued", "2026-06-30") else {
            panic!("not reported")
        };
        assert_eq!(findings[0].code, first);
    }

    #[test]
    fn cases_without_a_rule_keep_their_verdict() {
        assert_eq!(verdict(&[], "cross-region", "2026-06-30"), Verdict::Pass);
        let fail = verdict(&[Code::Unlinked], "cross-region", "2026-06-30");
        assert!(matches!(fail, Verdict::Fail(_)));
    }
}
