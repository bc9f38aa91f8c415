//! One case: a value for every flag, a job, a route and an upstream, and maybe a fault.

use sha2::{Digest, Sha256};

use crate::spec::{Condition, Facts, Spec, Value};

/// One combination of the matrix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    /// Eight hexadecimal digits made from the content: the same for the same combination,
    /// whatever else is in the spec.
    pub id: String,
    /// Every flag with its value, in the order of the spec.
    pub flags: Vec<(String, Value)>,
    /// The route's name.
    pub route: String,
    /// The upstream's name.
    pub upstream: String,
    /// The job's name.
    pub job: String,
    /// The name of the fault of the world, if there is one.
    pub fault: Option<String>,
}

impl Case {
    /// A case with its id. Flags at their default do not count for the id, so adding a flag to
    /// the spec renames no case.
    pub fn new(spec: &Spec, flags: Vec<(String, Value)>, parts: [&str; 3]) -> Self {
        let [route, upstream, job] = parts.map(str::to_owned);
        let case = Self { id: String::new(), flags, route, upstream, job, fault: None };
        Self { id: case.hash(spec), ..case }
    }

    /// The same combination under a fault of the world, or under none.
    #[must_use]
    pub(crate) fn under(self, spec: &Spec, fault: Option<&str>) -> Self {
        let case = Self { fault: fault.map(str::to_owned), ..self };
        Self { id: case.hash(spec), ..case }
    }

    /// Its id, made from everything else.
    fn hash(&self, spec: &Spec) -> String {
        let mut hash = Sha256::new();
        for part in [&self.route, &self.upstream, &self.job] {
            hash.update(part);
            hash.update([0]);
        }
        let mut special: Vec<_> =
            self.flags.iter().filter(|(name, v)| !is_default(spec, name, v)).collect();
        special.sort();
        for (name, value) in special {
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

    /// The value of a flag; unset for a flag that is not in the spec.
    pub fn flag(&self, name: &str) -> Value {
        let found = self.flags.iter().find(|(flag, _)| flag == name);
        found.map_or(Value::Unset, |(_, value)| value.clone())
    }

    /// What conditions can ask about.
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

    /// Whether the condition holds for this case.
    pub(crate) fn meets(&self, condition: &Condition) -> bool {
        condition.holds(&self.facts())
    }

    /// Whether spans must be recorded in it.
    pub fn records(&self, spec: &Spec) -> bool {
        spec.tracing_flag().is_none_or(|flag| flag.records(&self.flag(&flag.name)))
    }

    /// The flags as `NAME=value`, without those that are usually unset and are unset here.
    pub fn settings(&self, spec: &Spec) -> String {
        let usual =
            |name: &str, value: &Value| *value == Value::Unset && is_default(spec, name, value);
        let told = self.flags.iter().filter(|(name, value)| !usual(name, value));
        let words: Vec<_> = told.map(|(name, value)| format!("{name}={value}")).collect();
        if words.is_empty() { "no flag set".into() } else { words.join(" ") }
    }
}

fn is_default(spec: &Spec, name: &str, value: &Value) -> bool {
    let flag = spec.flags.iter().find(|flag| flag.name == name);
    flag.map_or(Value::Unset, crate::spec::Flag::default_value) == *value
}
