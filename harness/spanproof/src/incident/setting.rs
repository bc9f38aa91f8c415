//! What has to be there to see an incident again, and what of it this spec can give.

use serde_json::Value as Json;
use spanproof_format as format;

use crate::document::suggestion;
use crate::mask::MASK;
use crate::matrix::Case;
use crate::spec::{Spec, Value};
use crate::upstream::Behaviour;

/// The world of an incident, as far as it is known.
#[derive(Debug, Clone, Default)]
pub(crate) struct Setting {
    /// The flags whose values are known.
    pub flags: Vec<(String, Value)>,
    /// The route the job came in by.
    pub route: Option<String>,
    /// The job's name in the spec.
    pub job: Option<String>,
    /// How many units it had.
    pub units: usize,
    /// The job itself, where it was asked to be kept.
    pub input: Option<Json>,
    /// The name of the upstream's behaviour.
    pub upstream: Option<String>,
    /// How the upstream answers: its replies with their delays.
    pub behaviour: Option<Behaviour>,
    /// The fault of the world.
    pub fault: Option<String>,
    /// What identifies the program; nothing where any may be meant.
    pub program: Option<String>,
}

/// One way to set the world up again.
#[derive(Debug, Clone)]
pub(crate) struct Choice {
    /// The case.
    pub case: Case,
    /// The upstream's behaviour, where the bundle has it.
    pub behaviour: Option<Behaviour>,
    /// The job, where the bundle has it.
    pub input: Option<Json>,
}

/// The ways in which the world may be set up again, and what is not known or not to be had.
#[derive(Debug, Clone)]
pub(super) struct Choices {
    pub(super) all: Vec<Choice>,
    pub(super) lacking: Vec<String>,
}

impl Setting {
    /// Every way to set this world up by a spec: what is not known is tried in all ways that the
    /// spec has, and said.
    ///
    /// # Errors
    /// When the spec has no such flag, route, upstream, job or fault.
    pub(super) fn choices(&self, spec: &Spec) -> Result<Choices, String> {
        let mut lacking = Vec::new();
        let flags = self.flags(spec, &mut lacking)?;
        let names = |all: Vec<&str>| all.into_iter().map(str::to_owned).collect::<Vec<_>>();
        let routes = if let Some(route) = &self.route {
            vec![known("route", route, spec.routes.iter().map(|r| r.name.as_str()))?]
        } else {
            let all = names(spec.routes.iter().map(|route| route.name.as_str()).collect());
            unknown(&mut lacking, "by which route the job came in", &all);
            all
        };
        let upstreams = match (&self.upstream, &self.behaviour) {
            (Some(name), Some(_)) => vec![name.clone()],
            (Some(name), None) => {
                vec![known("upstream", name, spec.upstreams.iter().map(|u| u.name.as_str()))?]
            }
            (None, _) => {
                let all = names(spec.upstreams.iter().map(|u| u.name.as_str()).collect());
                unknown(&mut lacking, "what the upstream answered", &all);
                all
            }
        };
        let job = self.job(spec, &mut lacking)?;
        if let Some(fault) = &self.fault {
            known("fault", fault, spec.faults.iter().map(crate::spec::Fault::name))?;
        }
        let mut all = Vec::new();
        for route in &routes {
            for upstream in &upstreams {
                let case = Case::new(spec, flags.clone(), [route, upstream, &job]);
                let case = case.under(spec, self.fault.as_deref());
                let (behaviour, input) = (self.behaviour.clone(), self.input.clone());
                all.push(Choice { case, behaviour, input });
            }
        }
        Ok(Choices { all, lacking })
    }

    /// The flags of the spec, each with its recorded value or else its default.
    fn flags(
        &self,
        spec: &Spec,
        lacking: &mut Vec<String>,
    ) -> Result<Vec<(String, Value)>, String> {
        for (name, _) in &self.flags {
            known("flag", name, spec.flags.iter().map(|flag| flag.name.as_str()))?;
        }
        let value = |flag: &crate::spec::Flag| {
            let recorded = self.flags.iter().find(|(name, _)| *name == flag.name);
            let value = match recorded {
                Some((_, Value::Set(text))) if text.contains(MASK) => {
                    // A masked value says which one of the spec's it was.
                    let place = text.trim_start_matches('*').parse::<usize>().ok();
                    let found = place.and_then(|at| flag.values.get(at.checked_sub(1)?)).cloned();
                    if found.is_none() {
                        lacking.push(format!("the value of {}: it is masked", flag.name));
                    }
                    found.unwrap_or_else(|| flag.default_value())
                }
                Some((_, value)) => value.clone(),
                None => {
                    let value = flag.default_value();
                    lacking.push(format!("the value of {}: `{value}` was taken", flag.name));
                    value
                }
            };
            (flag.name.clone(), value)
        };
        Ok(spec.flags.iter().map(value).collect())
    }

    /// The job of the spec that stands for the recorded one.
    fn job(&self, spec: &Spec, lacking: &mut Vec<String>) -> Result<String, String> {
        let names = || spec.jobs.iter().map(|job| job.name.as_str());
        if let Some(name) = &self.job {
            return known("job", name, names());
        }
        let alike = spec.jobs.iter().find(|job| job.units == self.units);
        let taken = alike.or(spec.jobs.first()).map(|job| (job.name.clone(), job.units));
        let (name, units) = taken.ok_or("the spec has no job")?;
        if self.input.is_none() {
            lacking.push(format!(
                "the job itself, of {} units: its input is not in the bundle, and `{name}`, of {units}, was taken",
                self.units
            ));
        }
        Ok(name)
    }
}

fn unknown(lacking: &mut Vec<String>, what: &str, all: &[String]) {
    if all.len() == 1 {
        lacking.push(format!("{what}: `{}` is the only one of the spec", all[0]));
    } else {
        lacking.push(format!("{what}: all {} of the spec were tried", all.len()));
    }
}

fn known<'a>(
    kind: &str,
    name: &str,
    names: impl Iterator<Item = &'a str> + Clone,
) -> Result<String, String> {
    if names.clone().any(|known| known == name) {
        return Ok(name.to_owned());
    }
    Err(format!(
        "the incident needs the {kind} `{name}`, which the spec does not have{}; use the spec it was captured with",
        suggestion(name, names)
    ))
}

impl From<Setting> for format::Setting {
    fn from(setting: Setting) -> Self {
        let Setting { flags, route, job, units, input, upstream, behaviour, fault, program } =
            setting;
        let mut stored = Self::default();
        stored.flags = flags.into_iter().map(|(name, value)| (name, value.into())).collect();
        (stored.route, stored.job, stored.units) = (route, job, units);
        (stored.input, stored.upstream) = (input, upstream);
        stored.behaviour = behaviour.map(Into::into);
        (stored.fault, stored.program) = (fault, program);
        stored
    }
}

impl From<format::Setting> for Setting {
    fn from(stored: format::Setting) -> Self {
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
