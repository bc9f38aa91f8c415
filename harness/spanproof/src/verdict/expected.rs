//! Known failures: accepted with exactly their code until their day. Another code, a pass and a
//! day that has passed are reported.

use super::evidence::Evidence;
use super::finding::Finding;
use super::judgement::{Judgement, Verdict};
use crate::matrix::Case;
use crate::observation::unmasked_flags;
use crate::spec::{Day, Expected, Spec};
use spanproof_format::Code;

/// Compares a judgement with what is expected of its case, on a given day. A failure under a fault that
/// the spec does not declare becomes a notice, except that a job must leave its spans as often as it is
/// submitted.
pub(crate) fn expect(spec: &Spec, case: &Case, judgement: &mut Judgement, today: Day) {
    if case.is_experiment(spec) && !case.repeats_job(spec) {
        if let Verdict::Fail(findings) = &mut judgement.verdict {
            judgement.verdict = Verdict::Notice(std::mem::take(findings));
        }
        return;
    }
    let case = unmasked_flags(spec, case);
    let mut rules = spec.expected.iter().filter(|rule| case.matches(&rule.when));
    let Some(first) = rules.next() else { return };
    let all: Vec<&Expected> = std::iter::once(first).chain(rules).collect();
    match &mut judgement.verdict {
        Verdict::Fail(findings) => {
            let codes: Vec<Code> = findings.iter().map(|finding| finding.code).collect();
            let Some(rule) = all.iter().find(|rule| codes == [rule.code]) else {
                let accepted: Vec<_> = all.iter().map(|rule| rule.code.text()).collect();
                let note = format!("expected: only {} is accepted here", accepted.join(" or "));
                if let Some(finding) = findings.first_mut() {
                    finding.evidence.push(Evidence::Note(note));
                }
                return;
            };
            if rule.until < today {
                let note =
                    format!("expected: it was accepted until {}: {}", rule.until, rule.reason);
                if let Some(finding) = findings.first_mut() {
                    finding.evidence.push(Evidence::Note(note));
                }
                return;
            }
            let told = format!("{} until {}: {}", rule.code, rule.until, rule.reason);
            judgement.verdict = Verdict::Known(told);
        }
        Verdict::Pass => {
            let rule = all[0];
            let message = format!("{} is expected here, and the case passes", rule.code);
            let until = format!("expected: until {}: {}", rule.until, rule.reason);
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

    fn told(codes: &[Code], route: &str, today: &str) -> Verdict {
        let spec = example(|text| text + RULE);
        let case = cases(&spec).unwrap().into_iter().find(|case| case.route == route).unwrap();
        let mut judgement = Judgement::broken("");
        let findings = codes.iter().map(|code| Finding::new(*code, "m", Vec::new()));
        let findings: Vec<_> = findings.collect();
        judgement.verdict =
            if findings.is_empty() { Verdict::Pass } else { Verdict::Fail(findings) };
        expect(&spec, &case, &mut judgement, today.parse().unwrap());
        judgement.verdict
    }

    #[test]
    fn the_exact_code_is_accepted_until_its_day() {
        let known = Verdict::Known("unlinked until 2026-06-30: the new table".into());
        assert_eq!(told(&[Code::Unlinked], "queued", "2026-06-30"), known);
        let Verdict::Fail(late) = told(&[Code::Unlinked], "queued", "2026-07-01") else {
            panic!("the day has passed")
        };
        let note = "expected: it was accepted until 2026-06-30: the new table";
        assert_eq!(
            (late[0].code, late[0].evidence[0].to_string().as_str()),
            (Code::Unlinked, note)
        );
    }

    #[rstest]
    #[case::another_code(&[Code::BrokenTree], Code::BrokenTree)]
    #[case::one_more(&[Code::Unlinked, Code::NotStopped], Code::Unlinked)]
    #[case::a_pass(&[], Code::ExpectedFailurePassed)]
    fn whatever_else_happens_is_reported(#[case] codes: &[Code], #[case] first: Code) {
        let Verdict::Fail(findings) = told(codes, "queued", "2026-06-30") else {
            panic!("not reported")
        };
        assert_eq!(findings[0].code, first);
    }

    #[test]
    fn other_cases_are_judged_as_ever() {
        assert_eq!(told(&[], "cross-region", "2026-06-30"), Verdict::Pass);
        let fail = told(&[Code::Unlinked], "cross-region", "2026-06-30");
        assert!(matches!(fail, Verdict::Fail(_)));
    }
}
