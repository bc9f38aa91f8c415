//! The cases of a run before it starts.

use crate::matrix::Case;
use crate::spec::{Intent, Spec};

/// The cases that a run would execute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanOutcome {
    /// The cases, in their order.
    pub cases: Vec<PlannedCase>,
    /// Units of work in all of them together.
    pub units: usize,
}

/// A case with what is expected of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedCase {
    /// The case: its id, flags, route, upstream, job and fault.
    pub case: Case,
    /// The flags as `NAME=value`.
    pub settings: String,
    /// What is expected, and why.
    pub expected: Expectation,
}

/// What is expected of a case, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expectation {
    /// Spans, because tracing is on.
    Spans,
    /// Lost spans are reported and the job is unchanged, because tracing is on under a fault;
    /// spans are recorded again after the fault.
    Recovery,
    /// No spans, because the spelling that means on is not one that the spec lists under
    /// `enables`; the service says so.
    SpellingNotEnabled,
    /// No spans, because tracing is off.
    Off,
}

impl PlanOutcome {
    /// Creates the plan of these cases.
    pub fn new(spec: &Spec, cases: &[Case]) -> Self {
        let units = cases
            .iter()
            .filter_map(|case| spec.jobs.iter().find(|job| job.name == case.job))
            .map(|job| job.units)
            .sum();
        let planned = |case: &Case| PlannedCase {
            case: case.clone(),
            settings: case.settings(spec),
            expected: Expectation::new(spec, case),
        };
        Self { cases: cases.iter().map(planned).collect(), units }
    }
}

impl Expectation {
    fn new(spec: &Spec, case: &Case) -> Self {
        let intent = || spec.tracing_flag().map(|flag| case.flag(&flag.name).intent());
        match (case.records(spec), &case.fault) {
            (true, Some(_)) => Self::Recovery,
            (true, None) => Self::Spans,
            (false, _) if intent() == Some(Intent::On) => Self::SpellingNotEnabled,
            (false, _) => Self::Off,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use rstest::rstest;

    use super::*;
    use crate::matrix::cases;
    use crate::spec::example;

    #[rstest]
    #[case::on("true", None, Expectation::Spans)]
    #[case::disturbed("true", Some("table-missing"), Expectation::Recovery)]
    #[case::spelled("TRUE", None, Expectation::SpellingNotEnabled)]
    #[case::off("false", None, Expectation::Off)]
    fn what_is_expected_follows_from_flag_and_fault(
        #[case] value: &str,
        #[case] fault: Option<&str>,
        #[case] expected: Expectation,
    ) {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../spanproof.toml");
        let spec = Spec::read(&path).unwrap();
        let flag = &spec.tracing_flag().unwrap().name;
        let wanted = |case: &&Case| case.flag(flag).text() == Some(value) && case.fault.is_none();
        let case = cases(&spec).unwrap().iter().find(wanted).unwrap().clone();
        let case = case.under(&spec, fault);
        let plan = PlanOutcome::new(&spec, &[case]);
        assert_eq!((plan.cases.len(), plan.cases[0].expected), (1, expected));
    }

    #[test]
    fn a_plan_counts_the_units_of_the_job_of_each_case() {
        let job =
            "\n[[job]]\nname = \"long\"\nfile = \"fixtures/jobs/four-units.json\"\nunits = 100\n";
        let spec = example(|text| text + job);
        let first = cases(&spec).unwrap().remove(0);
        let second = Case { job: "long".into(), ..first.clone() };
        let units = PlanOutcome::new(&spec, &[first, second]).units;
        assert_eq!(units, spec.jobs[0].units + 100);
    }
}
