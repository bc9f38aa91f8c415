//! The experiments: cases that a check adds to those of the spec. They are copies of one simple case that
//! must record spans, each with one fault that the spec does not declare. A fault is a disturbance that
//! spanproof causes on purpose.

use super::Case;
use crate::spec::{Fault, FaultKind, Spec};

/// Returns the cases that a check adds to `cases`, which are those of the spec. Empty if there is no case
/// that must record spans and can submit a second job; a service that reads its only job at its start can't
/// get a second one.
pub fn experiments(spec: &Spec, cases: &[Case]) -> Vec<Case> {
    let Some(case) = case_for_experiments(spec, cases) else { return Vec::new() };
    let with = |fault: &Fault| case.clone().with_fault(spec, Some(fault.name()));
    Fault::undeclared(&spec.faults).map(with).collect()
}

/// Like [`simplest_case`], but only among the cases that can submit several jobs.
fn case_for_experiments<'a>(spec: &Spec, cases: &'a [Case]) -> Option<&'a Case> {
    let takes_several_jobs = |case: &&Case| {
        let route = spec.route(&case.route);
        !spec.service.one_shot && route.is_some_and(|route| !route.at_start)
    };
    simplest(spec, cases.iter().filter(takes_several_jobs))
}

/// Returns the case that must record spans, with every other flag at its default and the first upstream; or
/// else the first case that must record spans. The case has no fault.
pub(super) fn simplest_case<'a>(spec: &Spec, cases: &'a [Case]) -> Option<&'a Case> {
    simplest(spec, cases.iter())
}

fn simplest<'a>(spec: &Spec, cases: impl Iterator<Item = &'a Case> + Clone) -> Option<&'a Case> {
    let mut recording = cases.filter(|case| case.fault.is_none() && case.records(spec));
    let first = recording.clone().next();
    recording.find(|case| case.is_default_for_faults(spec)).or(first)
}

impl Case {
    /// Whether the case has a fault that the spec does not declare, which means that a check added the case.
    pub(crate) fn is_experiment(&self, spec: &Spec) -> bool {
        self.fault.as_deref().is_some_and(|name| spec.declared_fault(name).is_none())
    }

    /// Whether the case submits its job several times.
    pub(crate) fn repeats_job(&self, spec: &Spec) -> bool {
        let fault = self.fault.as_deref().and_then(|name| spec.fault(name));
        fault.is_some_and(|fault| fault.kind == FaultKind::JobRepeated)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use rstest::rstest;

    use super::*;
    use crate::matrix::cases;
    use crate::spec::Overlay;

    fn faults(spec: &Spec) -> Vec<String> {
        let experiments = experiments(spec, &cases(spec).unwrap());
        assert!(experiments.iter().all(|case| case.is_experiment(spec) && case.records(spec)));
        experiments.into_iter().filter_map(|case| case.fault).collect()
    }

    #[rstest]
    #[case::none("[]", &["job-repeated", "read-only", "backend-terminated", "killed-at-exit"])]
    #[case::one("[{ kind = 'locked' }]", &["job-repeated"])]
    #[case::repetition(
        "[{ kind = 'job-repeated' }]",
        &["read-only", "backend-terminated", "killed-at-exit"]
    )]
    fn faults_that_the_spec_does_not_declare_are_tried(
        #[case] declared: &str,
        #[case] expected: &[&str],
    ) {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../spanproof.toml");
        let spec = Spec::read_with(&path, &[Overlay::new("fault", declared)]).unwrap();
        assert_eq!(faults(&spec), expected);
    }
}
