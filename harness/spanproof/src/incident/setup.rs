//! The setup of an incident as far as it is known: flags, route (the way the job was submitted), job,
//! upstream (the server that the service calls) and fault. Finds the cases of a spec that may recreate this
//! setup.

use serde_json::Value as Json;
use spanproof_format as format;

use crate::document::suggestion;
use crate::mask::MASK;
use crate::matrix::Case;
use crate::spec::{Spec, Value};
use crate::upstream::Behaviour;

/// The setup of an incident, as far as it is known.
#[derive(Debug, Clone, Default)]
pub(crate) struct Setup {
    /// The flags whose values are known.
    pub flags: Vec<(String, Value)>,
    /// The route of the job; `None` if it is not known.
    pub route: Option<String>,
    /// The job's name in the spec; `None` if it is not known.
    pub job: Option<String>,
    /// Number of units of work of the job.
    pub units: usize,
    /// The job's input; `None` if the capture masked it.
    pub input: Option<Json>,
    /// The name of the upstream; `None` if it is not known.
    pub upstream: Option<String>,
    /// The upstream's replies with their delays; `None` if they are not known.
    pub behaviour: Option<Behaviour>,
    /// The fault that was caused on purpose; `None` without a fault.
    pub fault: Option<String>,
    /// A hash of the program in hexadecimal digits; `None` if any program is accepted.
    pub program: Option<String>,
}

/// One way to recreate a setup.
#[derive(Debug, Clone)]
pub(crate) struct Recreation {
    /// The case to run.
    pub case: Case,
    /// The recorded behaviour of the upstream; `None` to use the behaviour in the spec.
    pub behaviour: Option<Behaviour>,
    /// The recorded input of the job; `None` to use the input in the spec.
    pub input: Option<Json>,
}

/// All ways to recreate a setup, and the parts of the setup that had to be assumed.
#[derive(Debug, Clone)]
pub(super) struct Recreations {
    pub(super) all: Vec<Recreation>,
    pub(super) uncertainties: Vec<String>,
}

impl Setup {
    /// Returns every way to recreate this setup with a spec. If the route is not known, there is one way
    /// for each route of the spec, and if the upstream is not known, one for each upstream. `recording` is
    /// whether the judgement of the incident expected spans.
    ///
    /// # Errors
    /// If the spec does not have a flag, route, upstream, job or fault of the setup.
    pub(super) fn recreations(&self, spec: &Spec, recording: bool) -> Result<Recreations, String> {
        let mut uncertainties = Vec::new();
        let flags = self.case_flags(spec, recording, &mut uncertainties)?;
        let routes = spec.routes.iter().map(|route| route.name.as_str());
        let routes = match &self.route {
            Some(route) => vec![require_name("route", route, routes)?],
            None => assume_each("the route of the job", "route", routes, &mut uncertainties),
        };
        let upstreams = spec.upstreams.iter().map(|upstream| upstream.name.as_str());
        let upstreams = match (&self.upstream, &self.behaviour) {
            // The upstream's behaviour is recorded, so the spec need not have this upstream.
            (Some(name), Some(_)) => vec![name.clone()],
            (Some(name), None) => vec![require_name("upstream", name, upstreams)?],
            (None, _) => {
                assume_each("the upstream's answers", "upstream", upstreams, &mut uncertainties)
            }
        };
        let job = self.case_job(spec, &mut uncertainties)?;
        // A check also adds faults that the spec does not declare.
        if let Some(fault) = self.fault.as_deref().filter(|fault| spec.fault(fault).is_none()) {
            require_name("fault", fault, spec.faults.iter().map(crate::spec::Fault::name))?;
        }
        let mut all = Vec::new();
        for route in &routes {
            for upstream in &upstreams {
                let case = Case::new(spec, flags.clone(), [route, upstream, &job]);
                let case = case.with_fault(spec, self.fault.as_deref());
                let (behaviour, input) = (self.behaviour.clone(), self.input.clone());
                all.push(Recreation { case, behaviour, input });
            }
        }
        Ok(Recreations { all, uncertainties })
    }

    /// Returns the flags of the spec. Each has its recorded value, or its default if no value was
    /// recorded. If `recording` is true, a tracing flag without a recorded value has its first value that
    /// enables recording.
    fn case_flags(
        &self,
        spec: &Spec,
        recording: bool,
        uncertainties: &mut Vec<String>,
    ) -> Result<Vec<(String, Value)>, String> {
        for (name, _) in &self.flags {
            require_name("flag", name, spec.flags.iter().map(|flag| flag.name.as_str()))?;
        }
        let value = |flag: &crate::spec::Flag| {
            let recorded = self.flags.iter().find(|(name, _)| *name == flag.name);
            let value = match recorded {
                Some((_, Value::Set(text))) if text.contains(MASK) => {
                    // A masked value ends with its position, from 1, among the flag's `values`.
                    let number = text.trim_start_matches('*').parse::<usize>().ok();
                    let index = number.and_then(|number| number.checked_sub(1));
                    let found = index.and_then(|index| flag.values.get(index)).cloned();
                    if found.is_none() {
                        uncertainties.push(format!("the value of {}: it is masked", flag.name));
                    }
                    found.unwrap_or_else(|| flag.default_value())
                }
                Some((_, value)) => value.clone(),
                None => {
                    let on = flag.values.iter().find(|value| flag.records(value));
                    let on = on.filter(|_| recording && flag.tracing).cloned();
                    let value = on.unwrap_or_else(|| flag.default_value());
                    let text = format!("the value of {}: `{value}` is assumed", flag.name);
                    uncertainties.push(text);
                    value
                }
            };
            (flag.name.clone(), value)
        };
        Ok(spec.flags.iter().map(value).collect())
    }

    /// Returns the name of the job to submit: the recorded name or, if no name was recorded, the first job of
    /// the spec with the same number of units. If there is no such job, returns the first job of the spec.
    fn case_job(&self, spec: &Spec, uncertainties: &mut Vec<String>) -> Result<String, String> {
        if let Some(name) = &self.job {
            return require_name("job", name, spec.jobs.iter().map(|job| job.name.as_str()));
        }
        let same_size = spec.jobs.iter().find(|job| job.units == self.units);
        let job = same_size.or(spec.jobs.first()).ok_or("the spec has no job")?;
        if self.input.is_none() {
            uncertainties.push(format!(
                "the job's input: it is not in the bundle; `{}` is used instead (units: {}, recorded: {})",
                job.name, job.units, self.units
            ));
        }
        Ok(job.name.clone())
    }
}

/// Returns all `names`, and adds a note to `uncertainties` that this part of the setup is not known.
fn assume_each<'a>(
    part: &str,
    kind: &str,
    names: impl Iterator<Item = &'a str>,
    uncertainties: &mut Vec<String>,
) -> Vec<String> {
    let all: Vec<String> = names.map(str::to_owned).collect();
    uncertainties.push(match all.as_slice() {
        [only] => format!("{part}: the spec has only the {kind} `{only}`"),
        all => format!("{part}: all {} {kind}s of the spec were tried", all.len()),
    });
    all
}

/// Returns `name` if it is one of the names that the spec has.
fn require_name<'a>(
    kind: &str,
    name: &str,
    names: impl Iterator<Item = &'a str> + Clone,
) -> Result<String, String> {
    if names.clone().any(|known| known == name) {
        return Ok(name.to_owned());
    }
    Err(format!(
        "the incident needs the {kind} `{name}`, which the spec does not have{}; use the spec that the incident was captured with",
        suggestion(name, names)
    ))
}

impl From<Setup> for format::Setup {
    fn from(setup: Setup) -> Self {
        let Setup { flags, route, job, units, input, upstream, behaviour, fault, program } = setup;
        let mut stored = Self::default();
        stored.flags = flags.into_iter().map(|(name, value)| (name, value.into())).collect();
        (stored.route, stored.job, stored.units) = (route, job, units);
        (stored.input, stored.upstream) = (input, upstream);
        stored.behaviour = behaviour.map(Into::into);
        (stored.fault, stored.program) = (fault, program);
        stored
    }
}

impl From<format::Setup> for Setup {
    fn from(stored: format::Setup) -> Self {
        let flags = stored.flags.into_iter().map(|(name, value)| (name, value.into()));
        Self {
            flags: flags.collect(),
            route: stored.route,
            job: stored.job,
            units: stored.units,
            input: stored.input,
            upstream: stored.upstream,
            behaviour: stored.behaviour.map(Into::into),
            fault: stored.fault,
            program: stored.program,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_that_spanproof_added_itself_can_be_recreated() {
        let spec = crate::spec::example(|text| text);
        let setup = |fault: &str| Setup { fault: Some(fault.to_owned()), ..Setup::default() };
        let found = setup("job-repeated").recreations(&spec, true).unwrap();
        assert!(found.all.iter().all(|one| one.case.fault.as_deref() == Some("job-repeated")));
        let error = setup("no-such-fault").recreations(&spec, true).unwrap_err();
        assert!(error.contains("needs the fault `no-such-fault`"), "{error}");
    }
}
