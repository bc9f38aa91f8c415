//! A case: one combination of inputs for a run of the service. It has a value for every flag (an
//! environment variable), a route (a way to submit a job), a behaviour of the fake upstream, a job and
//! an optional fault (a disturbance that spanproof causes on purpose, such as a locked table).

use sha2::{Digest, Sha256};

use crate::spec::{Condition, Facts, FlagState, Spec, Value};

/// One combination of values in the matrix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    /// Eight hexadecimal digits: a hash of the other fields, without flags at their default.
    pub id: String,
    /// The name and value of every flag, in the order of the spec.
    pub flags: Vec<(String, Value)>,
    /// The name of the route.
    pub route: String,
    /// The name of the upstream.
    pub upstream: String,
    /// The name of the job.
    pub job: String,
    /// The name of the fault; `None` for a case without a fault.
    pub fault: Option<String>,
}

impl Case {
    /// Returns the case with every flag at its default, and the first route, upstream and job of the
    /// spec.
    pub(crate) fn default_of(spec: &Spec) -> Self {
        let flags = spec.flags.iter().map(|flag| (flag.name.clone(), flag.default_value()));
        let [route, upstream, job] = [
            spec.routes.first().map(|route| route.name.as_str()),
            spec.upstreams.first().map(|upstream| upstream.name.as_str()),
            spec.jobs.first().map(|job| job.name.as_str()),
        ]
        .map(Option::unwrap_or_default);
        Self::new(spec, flags.collect(), [route, upstream, job])
    }

    /// Creates a case without a fault. `names` are the names of route, upstream and job.
    ///
    /// The id does not depend on flags at their default, so all ids stay the same if a flag is added
    /// to the spec.
    pub fn new(spec: &Spec, flags: Vec<(String, Value)>, names: [&str; 3]) -> Self {
        let [route, upstream, job] = names.map(str::to_owned);
        let case = Self { id: String::new(), flags, route, upstream, job, fault: None };
        Self { id: case.hash(spec), ..case }
    }

    /// Returns the case with this fault, or without a fault.
    #[must_use]
    pub(crate) fn with_fault(self, spec: &Spec, fault: Option<&str>) -> Self {
        let case = Self { fault: fault.map(str::to_owned), ..self };
        Self { id: case.hash(spec), ..case }
    }

    /// Computes the id.
    fn hash(&self, spec: &Spec) -> String {
        let mut hash = Sha256::new();
        for part in [&self.route, &self.upstream, &self.job] {
            hash.update(part);
            hash.update([0]);
        }
        let mut changed: Vec<_> =
            self.flags.iter().filter(|(name, v)| !is_default(spec, name, v)).collect();
        changed.sort();
        for (name, value) in changed {
            hash.update(name);
            hash.update([1]);
            hash.update(value.text().unwrap_or("\u{0}unset"));
            hash.update([0]);
        }
        if let Some(fault) = &self.fault {
            hash.update([2]);
            hash.update(fault);
        }
        format!("{:x}", hash.finalize())[..8].to_owned()
    }

    /// Returns the value of a flag; [`Value::Unset`] if the spec has no such flag.
    pub fn flag(&self, name: &str) -> Value {
        let found = self.flags.iter().find(|(flag, _)| flag == name);
        found.map_or(Value::Unset, |(_, value)| value.clone())
    }

    /// Returns the values that the conditions of a spec are compared with, by name.
    pub(crate) fn facts(&self) -> Facts<'_> {
        let set = |name: &String| Value::Set(name.clone());
        let mut facts: Facts<'_> =
            self.flags.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
        facts.insert("route", set(&self.route));
        facts.insert("upstream", set(&self.upstream));
        facts.insert("job", set(&self.job));
        facts.insert("fault", self.fault.as_ref().map_or(Value::Unset, set));
        facts
    }

    /// Returns a string that identifies the work: equal for cases that differ only in the tracing flag and
    /// the fault.
    pub(crate) fn work(&self, spec: &Spec) -> String {
        let mut facts = self.facts();
        if let Some(flag) = spec.tracing_flag() {
            facts.remove(flag.name.as_str());
        }
        facts.remove("fault");
        format!("{facts:?}")
    }

    /// Whether this case does the same work as `other`, with tracing off and without a fault.
    pub(crate) fn is_untraced_twin(&self, other: &Self, spec: &Spec) -> bool {
        self.fault.is_none() && !self.records(spec) && self.work(spec) == other.work(spec)
    }

    /// Whether the case meets a condition of the spec.
    pub(crate) fn matches(&self, condition: &Condition) -> bool {
        condition.holds(&self.facts())
    }

    /// Whether the service must record spans in this case.
    pub fn records(&self, spec: &Spec) -> bool {
        spec.tracing_flag().is_none_or(|flag| flag.state(&self.facts()) == FlagState::On)
    }

    /// Whether a fault without a condition in the spec applies to the case: the case has the first
    /// upstream, every other flag at its default, and the first value of the tracing flag that records
    /// spans.
    pub(crate) fn is_default_for_faults(&self, spec: &Spec) -> bool {
        let has_default_flags = spec.flags.iter().all(|flag| {
            let value = self.flag(&flag.name);
            if flag.tracing {
                flag.values.iter().find(|value| flag.records(value)) == Some(&value)
            } else {
                flag.default_value() == value
            }
        });
        let first = spec.upstreams.first().is_some_and(|first| first.name == self.upstream);
        has_default_flags && first
    }

    /// Returns the flags as `NAME=value`. Omits a flag that is unset in this case and whose default in the
    /// spec is also unset.
    pub fn settings(&self, spec: &Spec) -> String {
        let omitted =
            |name: &str, value: &Value| *value == Value::Unset && is_default(spec, name, value);
        let printed = self.flags.iter().filter(|(name, value)| !omitted(name, value));
        let words: Vec<_> = printed.map(|(name, value)| format!("{name}={value}")).collect();
        if words.is_empty() { "no flag set".into() } else { words.join(" ") }
    }
}

/// Whether a value is the default of the flag `name`.
fn is_default(spec: &Spec, name: &str, value: &Value) -> bool {
    let flag = spec.flags.iter().find(|flag| flag.name == name);
    flag.map_or(Value::Unset, crate::spec::Flag::default_value) == *value
}
