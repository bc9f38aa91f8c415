//! Lists what a run did not try, for the end of its report, so that nobody takes a passing run as proof of
//! it.

use std::collections::BTreeMap;
use std::iter;

use crate::effect::FlagEffects;
use crate::observation::{Field, Observation, Row, Time, text};
use crate::spec::{FaultKind, SpanTable, Spec};
use crate::suite::RunResult;
use crate::verdict::{ContractCheck, comparable_jobs, contract_checks};
use spanproof_format::count;

/// Returns what a run did not try, as phrases such as `route a, b`.
pub(super) fn not_tried(spec: &Spec, run: &RunResult) -> Vec<String> {
    let tried = |name: &str, value: fn(&crate::matrix::Case) -> &str| {
        run.cases.iter().any(|result| value(&result.case) == name)
    };
    let mut all = Vec::new();
    let routes = spec.routes.iter().map(|route| route.name.as_str());
    all.extend(names("route", routes.filter(|name| !tried(name, |case| &case.route))));
    let upstreams = spec.upstreams.iter().map(|upstream| upstream.name.as_str());
    all.extend(names("upstream", upstreams.filter(|name| !tried(name, |case| &case.upstream))));
    let jobs = spec.jobs.iter().map(|job| job.name.as_str());
    all.extend(names("job", jobs.filter(|name| !tried(name, |case| &case.job))));
    let faults = FaultKind::ALL.iter().filter(|kind| kind.is_general()).map(|kind| kind.text());
    let is_untried = |name: &&str| {
        let is_kind =
            |fault: &String| spec.fault(fault).is_some_and(|fault| fault.kind.text() == *name);
        !run.cases.iter().filter_map(|result| result.case.fault.as_ref()).any(is_kind)
    };
    all.extend(names("fault", faults.filter(is_untried)));
    all.extend(run.untried.iter().map(|(case, why)| {
        format!("fault {}, because {why}", case.fault.as_deref().unwrap_or_default())
    }));
    all.push(repetition(spec, run));
    all.extend(unmatched_patterns(spec, run));
    let observations = run.cases.iter().filter_map(|result| result.observation.as_ref());
    let spans = observations.flat_map(|observation| observation.tables.spans.all());
    all.extend(uncompared_times(&spec.tables.spans, &spans));
    all.extend(obstructed_checks(spec, run));
    all
}

/// Returns a phrase with the keys of those log patterns in `[probes]` that no line of any case matches;
/// `None` if lines match each of them. Without this phrase, a misspelt pattern would look like a service
/// that does not print such lines.
fn unmatched_patterns(spec: &Spec, run: &RunResult) -> Option<String> {
    let trials = run.cases.iter().filter_map(|result| result.observation.as_ref()?.trial());
    let runs = trials.flat_map(|trial| {
        let later = trial.second_job.iter().map(|job| &**job).chain(&trial.further_jobs);
        iter::once(&trial.run).chain(later.map(|job| &job.run))
    });
    let lines = runs.flat_map(|run| &run.output.lines).map(|line| line.text.as_str());
    let keys = spec.probes.without_match(lines);
    let patterns = if keys.len() == 1 { "a log pattern" } else { "log patterns" };
    names("[probes]", keys.into_iter())
        .map(|probes| format!("{probes} ({patterns} that no line of any case matches)"))
}

/// Returns phrases about times of spans that were not compared with other times, by column: some can't be read,
/// and some lack a time zone.
fn uncompared_times<'a>(
    mapping: &SpanTable,
    spans: &(impl Iterator<Item = &'a Row> + Clone),
) -> Vec<String> {
    let columns = [Field::Started, Field::Ended].map(|field| field.column(mapping));
    let of_column = |column: &String| {
        let (mut unread, mut without_zone, mut example) = (0, 0, None);
        for time in spans.clone().filter_map(|row| text(row, column)).map(Time::new) {
            unread += usize::from(time.at.is_none());
            without_zone += usize::from(time.at.is_some() && !time.has_zone());
            example = example.or((time.at.is_none()).then_some(time.text));
        }
        let unread = example.map(|example| {
            format!(
                "{} in the column `{column}`, such as `{example}` (neither a timestamp nor a Unix time)",
                count(unread, "value")
            )
        });
        let without_zone = (without_zone > 0).then(|| {
            let times = count(without_zone, "time");
            format!("comparing {times} in the column `{column}` with requests and units, because the column has no time zone")
        });
        [unread, without_zone]
    };
    columns.iter().flat_map(of_column).flatten().collect()
}

/// Returns the checks of flags' contracts that could not be made, each with the reason and the number of
/// cases. A flag's contract is what the spec promises about the flag's values. A check of spans that is
/// impossible in some cases, because tracing is off there, is left out if it was made in another case.
fn obstructed_checks(spec: &Spec, run: &RunResult) -> Vec<String> {
    let mut counts: BTreeMap<ContractCheck, usize> = BTreeMap::new();
    let observations = run.cases.iter().filter_map(|result| result.observation.as_ref());
    let has_contract_checks = |observation: &&Observation| {
        observation.case.fault.is_none()
            && observation.trial().is_some_and(|trial| trial.run.ready.is_reached())
    };
    let observations = observations.filter(has_contract_checks);
    for check in observations.flat_map(|one| contract_checks(spec, one)) {
        *counts.entry(check).or_default() += 1;
    }
    let is_made =
        |what: &str| counts.keys().any(|check| check.what == what && check.obstacle.is_none());
    let text = |(check, cases): (&ContractCheck, &usize)| {
        let why = check.obstacle.as_ref()?;
        if check.lacks_tracing() && is_made(&check.what) {
            return None;
        }
        Some(format!("{}, because {why} ({})", check.what, count(*cases, "case")))
    };
    counts.iter().filter_map(text).collect()
}

/// Returns a phrase for each flag, except the tracing flag, whose values change only lines at startup. No
/// case shows whether the service does what these lines say.
pub(super) fn startup_lines_only(spec: &Spec, effects: &[FlagEffects]) -> Vec<String> {
    let flag = spec.tracing_flag();
    let is_other = |one: &&FlagEffects| flag.is_none_or(|flag| flag.name != one.name);
    let text = |one: &FlagEffects| {
        let name = &one.name;
        format!(
            "whether {name} does what the service prints at startup, because nothing else differs in any case"
        )
    };
    effects.iter().filter(is_other).filter(|one| one.changes_only_startup()).map(text).collect()
}

/// Returns a phrase such as `fault a, b`; `None` if there are no names.
fn names<'a>(kind: &str, names: impl Iterator<Item = &'a str>) -> Option<String> {
    let names: Vec<_> = names.collect();
    (!names.is_empty()).then(|| format!("{kind} {}", names.join(", ")))
}

/// Returns a phrase that says which number of jobs in a row, without a restart of the service, was not tried.
fn repetition(spec: &Spec, run: &RunResult) -> String {
    let repeated = run.cases.iter().find(|result| result.case.repeats_job(spec));
    let observation = repeated.and_then(|result| result.observation.as_ref());
    let Some(observation) = observation else {
        return "a second job without a restart of the service".to_owned();
    };
    let (jobs, why) = comparable_jobs(spec, observation);
    let why = why.map_or_else(String::new, |why| format!(", because {why}"));
    match jobs {
        1 => format!("a second job without a restart of the service{why}"),
        jobs => format!("more than {jobs} jobs without a restart of the service{why}"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn times_that_were_not_compared_are_listed_by_column() {
        let row = |started: &str, ended: &str| {
            let row = json!({"started_at": started, "completed_at": ended});
            row.as_object().unwrap().clone()
        };
        let rows = [
            row("2025-10-22T12:00:00.5", "2025-10-22T12:00:01+00:00"),
            row("2025-10-22T12:00:00.7", "infinity"),
            row("2025-10-22T12:00:00.9+02:00", "1761134400"),
        ];
        assert_eq!(
            uncompared_times(&SpanTable::default(), &rows.iter()),
            [
                "comparing 2 times in the column `started_at` with requests and units, because the column has no \
                 time zone",
                "1 value in the column `completed_at`, such as `infinity` (neither a timestamp nor a Unix time)",
            ]
        );
    }
}
