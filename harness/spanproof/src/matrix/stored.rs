//! Conversions of cases and values to and from [`spanproof_format`].

use spanproof_format as format;

use super::Case;
use crate::spec::Value;

impl From<Case> for format::Case {
    fn from(case: Case) -> Self {
        let Case { id, flags, route, upstream, job, fault } = case;
        let mut stored = Self::new(id);
        stored.flags = flags.into_iter().map(|(name, value)| (name, value.into())).collect();
        (stored.route, stored.upstream, stored.job) = (route, upstream, job);
        stored.fault = fault;
        stored
    }
}

impl From<format::Case> for Case {
    fn from(stored: format::Case) -> Self {
        let flags = stored.flags.into_iter().map(|(name, value)| (name, value.into()));
        Self {
            id: stored.id,
            flags: flags.collect(),
            route: stored.route,
            upstream: stored.upstream,
            job: stored.job,
            fault: stored.fault,
        }
    }
}

impl From<Value> for Option<String> {
    fn from(value: Value) -> Self {
        match value {
            Value::Unset => None,
            Value::Set(text) => Some(text),
        }
    }
}

impl From<Option<String>> for Value {
    fn from(stored: Option<String>) -> Self {
        stored.map_or(Self::Unset, Self::Set)
    }
}
