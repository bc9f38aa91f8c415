//! Finds out whether the service ignores the tracing flag: no value of it switches tracing on. A case is one
//! combination of flags, route, upstream and fault.

use super::judgement::{Judgement, Verdict};
use crate::matrix::{Case, SPELLINGS_OF_ON};
use crate::spec::{Flag, Intent, Spec, Value};
use spanproof_format::{Code, Confidence};

/// Replaces `flag-unrecognised-value` with `flag-ignored` if no value of the flag is recognised. `extra` are
/// cases that were run only to find a value that is recognised.
pub(crate) fn find_ignored_flag(
    spec: &Spec,
    cases: &mut [(&Case, &mut Judgement)],
    extra: &[(&Case, &Judgement)],
) {
    let Some(flag) = spec.tracing_flag() else { return };
    let own = cases.iter().map(|(case, judgement)| (*case, &**judgement));
    let own: Vec<(&Case, &Judgement)> = own.collect();
    let all: Vec<_> = own.iter().chain(extra).copied().collect();
    let by_spec = no_value_of_spec(spec, flag, &own);
    let Some((message, confidence)) = by_spec.or_else(|| no_spelling(flag, &all)) else { return };
    for (_, judgement) in cases {
        if let Verdict::Fail(findings) = &mut judgement.verdict
            && let Some(finding) = findings.first_mut()
            && finding.code == Code::FlagUnrecognisedValue
        {
            (finding.code, finding.confidence) = (Code::FlagIgnored, confidence);
            finding.message.clone_from(&message);
        }
    }
}

/// Returns the message if at least two values of the spec should switch tracing on, and none does.
fn no_value_of_spec(
    spec: &Spec,
    flag: &Flag,
    cases: &[(&Case, &Judgement)],
) -> Option<(String, Confidence)> {
    let mut recording = cases.iter().filter(|(case, _)| case.records(spec));
    let values = different_values(flag, recording.clone().map(|(case, _)| *case));
    let is_off = |judgement: &Judgement| judgement.code() == Some(Code::FlagUnrecognisedValue);
    (values.len() > 1 && recording.all(|(_, judgement)| is_off(judgement))).then(|| {
        let message =
            format!("none of the values {} of {} switches tracing on", list(&values), flag.name);
        (message, Confidence::Certain)
    })
}

/// Returns the message if the service reads every common spelling of "on" as off. Then the spelling is not
/// the reason: something other than the variable decides, such as a file or a property.
fn no_spelling(flag: &Flag, cases: &[(&Case, &Judgement)]) -> Option<(String, Confidence)> {
    let is_on = |case: &Case| case.flag(&flag.name).intent() == Intent::On && case.fault.is_none();
    let mut on = cases.iter().filter(|(case, _)| is_on(case));
    let values = different_values(flag, on.clone().map(|(case, _)| *case));
    let is_tried = |text: &&str| values.contains(&Value::Set((*text).to_owned()));
    let is_off = |judgement: &Judgement| {
        judgement.spans == 0 && judgement.code() == Some(Code::FlagUnrecognisedValue)
    };
    // The message lists the values in the same order, whatever the order of the cases.
    let spellings = SPELLINGS_OF_ON.iter().map(|text| Value::Set((*text).to_owned()));
    let mut tried: Vec<Value> = spellings.collect();
    tried.extend(values.iter().filter(|value| !tried.contains(value)).cloned().collect::<Vec<_>>());
    let is_ignored =
        SPELLINGS_OF_ON.iter().all(is_tried) && on.all(|(_, judgement)| is_off(judgement));
    is_ignored.then(|| {
        let message = format!(
            "the service says that tracing is off with each of the values {} of {}: something other than the \
             variable decides, such as a file or a property",
            list(&tried),
            flag.name
        );
        (message, Confidence::Likely)
    })
}

fn different_values<'a>(flag: &Flag, cases: impl Iterator<Item = &'a Case>) -> Vec<Value> {
    let mut values: Vec<Value> = Vec::new();
    for value in cases.map(|case| case.flag(&flag.name)) {
        if !values.contains(&value) {
            values.push(value);
        }
    }
    values
}

fn list(values: &[Value]) -> String {
    values.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
