//! Finds out how a service reads each spelling of the value of a flag: compares what the service does with
//! this spelling with what it does if the flag is on, and if the flag is off.

use super::behaviour::{Key, Kind, Observed};
use super::comparison::{Cases, Comparison};
use super::printed_value::without_value;
use crate::observation::Observation;
use crate::spec::{Flag, FlagKind, Spec, Value};

/// How a service reads one value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reading {
    /// The value.
    pub value: Value,
    /// How it is read.
    pub read_as: ReadAs,
    /// Whether the startup output contains the value after the name of the flag.
    pub announced: bool,
    /// The other values with which the service does the same, except that it may print the value.
    pub same_as: Vec<Value>,
    /// The index of the first observation.
    pub index: usize,
}

/// How a value is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ReadAs {
    /// The service does the same as with a value that is on.
    On,
    /// The service does the same as with a value that is off.
    Off,
    /// The service does something else.
    Neither,
    /// The service does not become ready. Contains how it ended.
    Refused(String),
    /// The trials do not show how the value is read. Contains the reason.
    Unknown(String),
}

/// Returns how the service reads each value. The observations are of cases that differ only in this flag,
/// with several trials of each value.
pub(crate) fn readings(spec: &Spec, flag: &Flag, observations: &[&Observation]) -> Vec<Reading> {
    let observed = Observed::read_all(spec, observations);
    let cases = Cases::new(spec, flag, observations, &observed);
    let values = cases.values();
    let traits = OnOffTraits::new(flag, &cases, &values);
    let reading = |value: &Value| {
        let mut trials = (0..observations.len())
            .filter(|index| observations[*index].case.flag(&flag.name) == *value);
        let all: Vec<usize> = trials.by_ref().collect();
        let same = |other: &&Value| *other != value && is_same(&cases.compare(value, other));
        Reading {
            value: value.clone(),
            read_as: read_as(flag, value, &traits, &cases, (observations, &all)),
            announced: all.iter().any(|index| announces(spec, flag, value, observations[*index])),
            same_as: values.iter().filter(same).cloned().collect(),
            index: all.first().copied().unwrap_or_default(),
        }
    };
    values.iter().map(reading).collect()
}

/// Whether nothing differs except the printed value.
fn is_same(comparison: &Comparison) -> bool {
    comparison.pairs > 0 && comparison.proven.is_empty() && comparison.unproven.is_empty()
}

/// The traits (observable properties) that distinguish a service with the flag on from one with the flag off.
struct OnOffTraits {
    /// The key of each trait, with the trait if the flag is on, and with the trait if the flag is off.
    all: Vec<(Key, String, String)>,
    /// Why nothing distinguishes on from off; empty if something does.
    reason: String,
}

impl OnOffTraits {
    /// Compares a value that is on with one that is off, according to the spec.
    fn new(flag: &Flag, cases: &Cases<'_>, values: &[Value]) -> Self {
        let declared = |on: bool| {
            let declared = flag.values.iter().chain([&Value::Unset]);
            let mut matching = declared.filter(|value| flag.is_on(value) == on);
            matching.find(|value| values.contains(value)).cloned()
        };
        let (Some(on), Some(off)) = (declared(true), declared(false)) else {
            let reason = "the values of the flag in the spec must include one that is on and one that is off";
            let reason = reason.to_owned();
            return Self { all: Vec::new(), reason };
        };
        let proven = cases.compare(&off, &on).proven;
        // A line may explain why the flag is off, in words that differ from value to value. So lines are
        // used only if nothing else differs.
        let is_work = |kind: Kind| !matches!(kind, Kind::Startup | Kind::Log);
        let has_work = proven.iter().any(|one| is_work(one.key.0));
        let traits = proven.into_iter().filter(|one| !has_work || is_work(one.key.0));
        let all: Vec<_> = traits.map(|one| (one.key, one.to, one.from)).collect();
        let reason = if all.is_empty() {
            format!("{on} and {off} do the same in this case, so nothing shows how a value is read")
        } else {
            String::new()
        };
        Self { all, reason }
    }
}

fn read_as(
    flag: &Flag,
    value: &Value,
    traits: &OnOffTraits,
    cases: &Cases<'_>,
    (observations, trials): (&[&Observation], &[usize]),
) -> ReadAs {
    let runs = || trials.iter().filter_map(|index| observations[*index].trial());
    if let Some(run) = runs().find(|trial| !trial.run.ready.is_reached()) {
        return ReadAs::Refused(run.run.exit.ending.to_string());
    }
    if flag.kind != FlagKind::Switch {
        return ReadAs::Unknown("the flag is not a switch".to_owned());
    }
    let spans = |index: &usize| observations[*index].tables.spans.all().len();
    if flag.tracing && traits.all.is_empty() && trials.iter().any(|index| spans(index) > 0) {
        return ReadAs::On;
    }
    if traits.all.is_empty() {
        return ReadAs::Unknown(traits.reason.clone());
    }
    let is_like = |on: bool| {
        traits.all.iter().all(|(key, if_on, if_off)| {
            cases.trait_of(value, key) == if on { if_on.as_str() } else { if_off.as_str() }
        })
    };
    match (is_like(true), is_like(false)) {
        (true, _) => ReadAs::On,
        (_, true) => ReadAs::Off,
        _ => ReadAs::Neither,
    }
}

/// Whether the startup output contains the raw value: after the name of the flag, or in the group `raw` of
/// the tracer's line.
fn announces(spec: &Spec, flag: &Flag, value: &Value, observation: &Observation) -> bool {
    let Some(text) = value.text().filter(|text| !text.is_empty()) else { return false };
    let Some(trial) = observation.trial() else { return false };
    let streams = [crate::process::Stream::Stdout, crate::process::Stream::Stderr];
    let mut lines = streams.into_iter().flat_map(|stream| trial.run.startup_lines(stream));
    lines.any(|line| {
        let banner = spec.probes.banner(&line.text).filter(|_| flag.tracing);
        banner.and_then(|banner| banner.raw).as_deref() == Some(text)
            || without_value(&line.text, &flag.name, value).is_some()
    })
}
