//! Creates a [`Plan`] document, which lists the cases of a run before the run starts.

use spanproof_format::{Expectation, Plan, PlannedCase};

use crate::matrix::Case;
use crate::observation::{masked_case, spec_secrets};
use crate::spec::{Intent, Spec};
use crate::suite::further_runs;

/// Returns the plan of a run: the cases, and what each case is expected to do.
pub fn plan(spec: &Spec, cases: &[Case]) -> Plan {
    let units = cases
        .iter()
        .filter_map(|case| spec.jobs.iter().find(|job| job.name == case.job))
        .map(|job| job.units)
        .sum();
    let secrets = spec_secrets(spec);
    let planned = |case: &Case| {
        let settings = secrets.text(&case.settings(spec));
        PlannedCase::new(masked_case(spec, case).into(), settings, expectation(spec, case))
    };
    let mut plan = Plan::new(cases.iter().map(planned).collect(), units);
    plan.further_runs = further_runs();
    plan
}

/// Returns what a case is expected to do.
fn expectation(spec: &Spec, case: &Case) -> Expectation {
    let intent = || spec.tracing_flag().map(|flag| case.flag(&flag.name).intent());
    match (case.records(spec), &case.fault) {
        (true, Some(_)) if case.repeats_job(spec) => Expectation::Repetition,
        (true, Some(_)) if case.is_experiment(spec) => Expectation::Notice,
        (true, Some(_)) => Expectation::Recovery,
        (true, None) => Expectation::Spans,
        (false, _) if intent() == Some(Intent::On) => Expectation::SpellingNotEnabled,
        (false, _) => Expectation::Off,
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
    #[case::under_a_fault("true", Some("table-missing"), Expectation::Recovery)]
    #[case::another_spelling("TRUE", None, Expectation::SpellingNotEnabled)]
    #[case::off("false", None, Expectation::Off)]
    fn flag_and_fault_decide_what_is_expected(
        #[case] value: &str,
        #[case] fault: Option<&str>,
        #[case] expected: Expectation,
    ) {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../spanproof.toml");
        let spec = Spec::read(&path).unwrap();
        let flag = &spec.tracing_flag().unwrap().name;
        let matches = |case: &&Case| case.flag(flag).text() == Some(value) && case.fault.is_none();
        let case = cases(&spec).unwrap().iter().find(matches).unwrap().clone();
        let case = case.with_fault(&spec, fault);
        let plan = plan(&spec, &[case]);
        assert_eq!((plan.cases.len(), plan.cases[0].expected), (1, expected));
    }

    #[test]
    fn a_plan_adds_up_the_units_of_each_case() {
        let job =
            "\n[[job]]\nname = \"long\"\nfile = \"fixtures/jobs/four-units.json\"\nunits = 100\n";
        let spec = example(|text| text + job);
        let first = cases(&spec).unwrap().remove(0);
        let second = Case { job: "long".into(), ..first.clone() };
        let units = plan(&spec, &[first, second]).units;
        assert_eq!(units, spec.jobs[0].units + 100);
    }
}
