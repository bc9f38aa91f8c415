//! Compares the value that a process gets for a flag (an environment variable of the service) with the proof:
//! the file with what passing cases showed about each value of each flag.

use spanproof_format::{
    Comparison, DeployedValue, Difference, Effect, FlagProof, GuardResult, ProvedFlag,
};

use super::deployed::{Deployed, DeployedFlag, Setting};
use super::effect::{EffectLookup, Missing, display, look_up_effect};
use crate::spec::{Expect, Flag, Intent, Value};

/// Maximum number of cases that a comparison names.
const MAX_CASES: usize = 3;

/// A flag of a process, with the result of comparing its value with the proof.
#[derive(Debug, Clone)]
pub(super) struct JudgedFlag<'a> {
    pub(super) environment: &'a str,
    pub(super) deployed: &'a Deployed,
    pub(super) flag: &'a DeployedFlag,
    /// Whether the flag is on; `None` if that is not proved.
    pub(super) on: Option<bool>,
    pub(super) result: GuardResult,
    /// What was found, as a sentence.
    pub(super) found: String,
    pub(super) cases: Vec<String>,
    /// What to do; empty if there is nothing to do.
    pub(super) next: String,
}

/// What values are compared with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Judge<'a> {
    /// The name of the environment.
    pub(super) environment: &'a str,
    /// Whether the flag must be on or off; `None` for a flag other than the tracing flag if the spec does not
    /// say this. Then every value is accepted that does what a person expects of it.
    pub(super) expect: Option<Expect>,
    /// The proof, or why it can't be used.
    pub(super) proof: Result<&'a FlagProof, &'a str>,
}

impl<'a> Judge<'a> {
    /// Compares what a process gets for a flag.
    pub(super) fn judge(
        &self,
        flag: &Flag,
        deployed: &'a Deployed,
        found: &'a DeployedFlag,
    ) -> JudgedFlag<'a> {
        let judged = |result, text: String, next: &str| JudgedFlag {
            environment: self.environment,
            deployed,
            flag: found,
            on: None,
            result,
            found: text,
            cases: Vec::new(),
            next: next.to_owned(),
        };
        let value = match &found.setting {
            Setting::Unknown(reason) => {
                let text = format!("{}: {}", self.environment, reason.why);
                return judged(GuardResult::Unknown, text, &reason.resolve);
            }
            Setting::Refused(reason) => {
                let text = format!("{}: {}", self.environment, reason.why);
                return judged(GuardResult::Disabled, text, &reason.resolve);
            }
            Setting::Known(value) => value,
        };
        let sets = self.describe_setting(found, value);
        let proof = match self.proof {
            Ok(proof) => proof,
            Err(why) => {
                let next = "run `spanproof check --write-proof` and commit the file";
                return judged(GuardResult::Unproven, format!("{sets}; {why}"), next);
            }
        };
        match look_up_effect(proof, &flag.name, value, &deployed.flags) {
            EffectLookup::Untried { why, missing } => {
                let next = self.next_for_untried(proof, flag, value, missing);
                judged(GuardResult::Unproven, format!("{sets}, and {why}"), &next)
            }
            EffectLookup::Depends(why) => {
                let next = "find out the value of the other flag first";
                judged(GuardResult::Unknown, format!("{sets}, and {why}"), next)
            }
            EffectLookup::Effect { effect, differences, cases, depends_on, others_tried } => {
                let state = ValueEffect { effect, differences, depends_on, value };
                let (on, result) = state.result(flag, self.expect);
                let need = need(proof, flag, result);
                let by = proved_by(effect, &cases, others_tried);
                let text = format!("{need}{sets}, which {}{by}", state.text());
                let next = state.next(result, || next_for_disabled(proof, flag, found));
                let cases = cases.into_iter().take(MAX_CASES).collect();
                JudgedFlag { on, cases, ..judged(result, text, &next) }
            }
        }
    }

    /// Returns what to do about a value whose effect the proof does not show.
    fn next_for_untried(
        &self,
        proof: &FlagProof,
        flag: &Flag,
        value: &Value,
        missing: Missing,
    ) -> String {
        match missing {
            Missing::Flag => "run `spanproof check --write-proof` and commit the file".to_owned(),
            Missing::Value if !flag.values.contains(value) => {
                let should_be_on = match self.expect {
                    Some(expect) => expect == Expect::On,
                    None => value.intent() == Intent::On,
                };
                let values = working_values(proof, flag);
                let others = match values.as_str() {
                    values if should_be_on && !values.is_empty() => {
                        format!(", or use one of: {values}")
                    }
                    _ => String::new(),
                };
                format!(
                    "add the value to `values` of the flag and run `spanproof check \
                     --write-proof`{others}"
                )
            }
            // `exclude` or `pin` may leave out cases with a value of the spec.
            Missing::Value | Missing::Combination => format!(
                "run `spanproof check --as {} --write-proof`, which adds a case with exactly these values",
                self.environment
            ),
        }
    }

    /// Returns the start of a sentence: what the environment sets, and where.
    fn describe_setting(&self, found: &DeployedFlag, value: &Value) -> String {
        let place = found.place.as_ref().map(|place| format!(" ({place})")).unwrap_or_default();
        match value {
            Value::Unset if found.place.is_some() => {
                format!("{} removes it{place}", self.environment)
            }
            Value::Unset => format!("{} does not set it", self.environment),
            Value::Set(_) => format!("{} sets {value}{place}", self.environment),
        }
    }
}

/// What the proof shows that a value does.
struct ValueEffect<'a> {
    effect: Effect,
    differences: Vec<Difference>,
    depends_on: String,
    value: &'a Value,
}

impl ValueEffect<'_> {
    /// Returns whether the flag is on (`None` if that is not proved), and whether that is as expected.
    fn result(&self, flag: &Flag, expect: Option<Expect>) -> (Option<bool>, GuardResult) {
        let means_on = self.value.intent() == Intent::On;
        let on = match self.effect {
            Effect::Records => true,
            Effect::RecordsNothing | Effect::ChangesNothing => false,
            // If all values are words for on and off, the baseline is off. So a value that changes something
            // is on, also one that a person reads as off, such as `0`.
            Effect::Changes => means_on || has_only_on_off_words(flag),
            // A baseline such as `300` or `info` is on.
            Effect::Baseline if !(means_on && has_only_on_off_words(flag)) => means_on,
            _ => return (None, GuardResult::Unproven),
        };
        let result = match (on, expect) {
            (true, Some(Expect::On)) | (false, Some(Expect::Off)) => GuardResult::Ok,
            (true, None) if means_on => GuardResult::Ok,
            (true, _) => GuardResult::Enabled,
            (false, None) if !means_on => GuardResult::Ok,
            (false, _) => GuardResult::Disabled,
        };
        (Some(on), result)
    }

    /// Returns what to do about a result; empty if there is nothing to do.
    fn next(&self, result: GuardResult, disabled: impl FnOnce() -> String) -> String {
        match result {
            GuardResult::Ok => String::new(),
            GuardResult::Enabled => "use a value that is proved to be off".to_owned(),
            GuardResult::Unproven if self.effect == Effect::Baseline => {
                "add a value that means off to `values` of the flag and run `spanproof check \
                 --write-proof`"
                    .to_owned()
            }
            GuardResult::Unproven => {
                "let passing cases differ only in this flag and run `spanproof check --write-proof`"
                    .to_owned()
            }
            _ if !self.depends_on.is_empty() => format!("it needs {}", self.depends_on),
            _ => disabled(),
        }
    }

    /// Returns the effect, as the end of a sentence.
    fn text(&self) -> String {
        let differences: Vec<_> =
            self.differences.iter().copied().filter_map(difference_name).collect();
        match self.effect {
            Effect::Records => "records spans".to_owned(),
            Effect::RecordsNothing => "records nothing".to_owned(),
            Effect::Changes => format!("changes {}", differences.join(", ")),
            Effect::ChangesNothing if self.differences.is_empty() => {
                "changes nothing that can be observed".to_owned()
            }
            Effect::ChangesNothing => {
                "is printed and changes nothing else that can be observed".to_owned()
            }
            Effect::Baseline if self.value.intent() == Intent::Off => "leaves it off".to_owned(),
            Effect::Baseline => "is the value that the others were compared with".to_owned(),
            _ => "has no proved effect: the cases of the proof do not show what it does".to_owned(),
        }
    }
}

/// Returns a difference for a message; `None` for one that shows no effect.
fn difference_name(difference: Difference) -> Option<&'static str> {
    Some(match difference {
        Difference::Spans => "spans",
        Difference::Statuses => "results",
        Difference::Requests => "requests to the upstream",
        Difference::Exit => "readiness or exit",
        Difference::Log => "output",
        Difference::Startup => "startup lines",
        _ => return None,
    })
}

/// Whether each value of a flag is unset or a word for on or off. The flag's `kind` does not show this: without
/// this key, a flag with values such as `info` is a switch, too.
fn has_only_on_off_words(flag: &Flag) -> bool {
    const WORDS: [&str; 21] = [
        "",
        "0",
        "1",
        "true",
        "false",
        "yes",
        "no",
        "on",
        "off",
        "y",
        "n",
        "t",
        "f",
        "enable",
        "enabled",
        "disable",
        "disabled",
        "none",
        "active",
        "enabled=true",
        "enabled=false",
    ];
    flag.values.iter().all(|value| {
        let Value::Set(text) = value else { return true };
        let word = text.trim().trim_matches(['"', '\'']).trim().to_ascii_lowercase();
        WORDS.contains(&word.as_str())
    })
}

/// Returns the start of a sentence that names the spans that need the flag; empty unless the flag is off
/// although it should be on, and the proof names such spans and values to set.
fn need(proof: &FlagProof, flag: &Flag, result: GuardResult) -> String {
    let proved = proof.flag(&flag.name);
    let Some(proved) = proved.filter(|proved| {
        result == GuardResult::Disabled && proved.tracing && !proved.spans.is_empty()
    }) else {
        return String::new();
    };
    let values = enabling_values(proved);
    if values.is_empty() {
        return String::new();
    }
    let spans = proved.spans.join("`, `");
    format!("`{spans}` spans need {}={}; ", flag.name, values.join("|"))
}

/// Returns the end of a sentence: in which combinations an effect is proved, and by which cases.
fn proved_by(effect: Effect, cases: &[String], others_tried: bool) -> String {
    let where_tried = if others_tried { "" } else { " in every combination that was tried" };
    let by = match cases {
        _ if effect == Effect::Baseline => String::new(),
        [] => String::new(),
        [one] => format!(" (proved by case {one})"),
        [one, more @ ..] => format!(" (proved by case {one} and {} more)", more.len()),
    };
    format!("{where_tried}{by}")
}

/// Returns what to do about a value that does nothing.
fn next_for_disabled(proof: &FlagProof, flag: &Flag, found: &DeployedFlag) -> String {
    let values = working_values(proof, flag);
    let name = &flag.name;
    let elsewhere = match found.others.as_slice() {
        [] => String::new(),
        [one] => format!("; {name} is set in another process: {one}"),
        others => format!("; {name} is set in other processes: {}", others.join(", ")),
    };
    match values.as_str() {
        "" => format!("no value of {name} that means on was proved to do anything{elsewhere}"),
        values => format!("set {name} to one of: {values}{elsewhere}"),
    }
}

/// Returns the [`enabling_values`] of a flag as a list for a message; empty if there are none.
fn working_values(proof: &FlagProof, flag: &Flag) -> String {
    proof.flag(&flag.name).map(enabling_values).unwrap_or_default().join(", ")
}

/// Returns the values that were proved to record spans or to change something, and that mean on to a person.
fn enabling_values(flag: &ProvedFlag) -> Vec<String> {
    let works = |effect: Effect| matches!(effect, Effect::Records | Effect::Changes);
    let values = flag.values.iter().filter(|value| {
        value.effects.iter().any(|effect| works(effect.effect))
            && value
                .value
                .as_ref()
                .is_some_and(|text| Value::Set(text.clone()).intent() == Intent::On)
    });
    values.map(|value| display(value.value.as_ref())).collect()
}

impl JudgedFlag<'_> {
    /// Converts this to a comparison in the document.
    pub(super) fn comparison(&self) -> Comparison {
        let value = match &self.flag.setting {
            Setting::Known(Value::Set(text)) => DeployedValue::Set(text.clone()),
            Setting::Known(Value::Unset) => DeployedValue::Unset,
            Setting::Refused(_) | Setting::Unknown(_) => DeployedValue::NotKnown,
        };
        let mut comparison =
            Comparison::new(self.environment, &self.flag.name, value, self.result, &self.found);
        comparison.files.clone_from(&self.deployed.files);
        let process = &self.deployed.process;
        comparison.processes = if process.is_empty() { Vec::new() } else { vec![process.clone()] };
        comparison.steps.clone_from(&self.flag.steps);
        comparison.cases.clone_from(&self.cases);
        comparison.next.clone_from(&self.next);
        comparison
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    /// A proof of the flags `name` and `LEVEL`: of the values of `name`, `true` changes something, and `maybe` has
    /// no proved effect. No case tried `true` together with `LEVEL=2`.
    fn proof(name: &str) -> FlagProof {
        let value = |value: &str, effect: &str| {
            let effect = json!({ "effect": effect, "cases": ["1"] });
            json!({ "value": value, "effects": [effect] })
        };
        let proof = json!({
            "schema": 1,
            "inputs": { "spec": "" },
            "flags": [
                {
                    "name": name, "tracing": false, "spans": [],
                    "values": [
                        { "value": null, "effects": [{ "effect": "baseline", "cases": ["0"] }] },
                        value("true", "changes"), value("maybe", "not-known"),
                    ],
                },
                {
                    "name": "LEVEL", "tracing": false, "spans": [],
                    "values": [value("1", "baseline"), value("2", "changes")],
                },
            ],
            "combinations": [
                { "flags": { "CACHE": "true", "LEVEL": "1" }, "cases": ["1"] },
                { "flags": { "CACHE": "maybe", "LEVEL": "1" }, "cases": ["2"] },
            ],
        });
        serde_json::from_value(proof).unwrap()
    }

    fn deployed_flag(name: &str, value: &str) -> DeployedFlag {
        let value = Value::Set(value.to_owned());
        DeployedFlag {
            name: name.to_owned(),
            setting: Setting::Known(value.clone()),
            raw: Some(value),
            place: None,
            steps: Vec::new(),
            others: Vec::new(),
        }
    }

    fn deployed(flags: Vec<DeployedFlag>) -> Deployed {
        Deployed {
            files: Vec::new(),
            process: "web".into(),
            role: None,
            is_service: true,
            flags,
            variables: Vec::new(),
            missing_scripts: Vec::new(),
        }
    }

    /// Returns what to do about a value of the flag `CACHE`.
    fn next(proof: &FlagProof, expect: Option<Expect>, cache: &str, level: &str) -> String {
        let flag = "name = 'CACHE'\nvalues = [{ unset = true }, 'true', 'maybe', 'pinned']";
        let flag: Flag = toml::from_str(flag).unwrap();
        let deployed = deployed(vec![deployed_flag("CACHE", cache), deployed_flag("LEVEL", level)]);
        let judge = Judge { environment: "live", expect, proof: Ok(proof) };
        let judged = judge.judge(&flag, &deployed, &deployed.flags[0]);
        assert_eq!(judged.result, GuardResult::Unproven, "{}", judged.found);
        judged.next
    }

    const ADD: &str =
        "add the value to `values` of the flag and run `spanproof check --write-proof`";
    const RUN_AS: &str = "run `spanproof check --as live --write-proof`, which adds a case with exactly these values";

    #[rstest]
    #[case::value_that_means_on("on", "1", None, &format!("{ADD}, or use one of: true"))]
    #[case::value_that_must_be_on("off", "1", Some(Expect::On), &format!("{ADD}, or use one of: true"))]
    #[case::value_that_means_off("off", "1", None, ADD)]
    #[case::value_that_must_be_off("on", "1", Some(Expect::Off), ADD)]
    #[case::value_of_the_spec("pinned", "1", None, RUN_AS)]
    #[case::combination("true", "2", None, RUN_AS)]
    #[case::effect_not_known(
        "maybe",
        "1",
        None,
        "let passing cases differ only in this flag and run `spanproof check --write-proof`"
    )]
    fn the_advice_about_an_unproven_value_fits_the_reason(
        #[case] cache: &str,
        #[case] level: &str,
        #[case] expect: Option<Expect>,
        #[case] expected: &str,
    ) {
        assert_eq!(next(&proof("CACHE"), expect, cache, level), expected);
    }

    #[test]
    fn a_tracing_flag_without_a_value_that_means_on_and_records_is_not_said_to_need_one() {
        let proof = json!({
            "schema": 1,
            "inputs": { "spec": "" },
            "flags": [{
                "name": "QUIET", "tracing": true, "spans": ["ask"],
                "values": [
                    { "value": "0", "effects": [{ "effect": "records", "cases": ["1"] }] },
                    { "value": "1", "effects": [{ "effect": "records-nothing", "cases": ["2"] }] },
                ],
            }],
            "combinations": [{ "flags": { "QUIET": "1" }, "cases": ["2"] }],
        });
        let proof: FlagProof = serde_json::from_value(proof).unwrap();
        let flag = "name = 'QUIET'\nvalues = ['0', '1']\ntracing = true\nenables = ['0']";
        let deployed = deployed(vec![deployed_flag("QUIET", "1")]);
        let judge = Judge { environment: "live", expect: Some(Expect::On), proof: Ok(&proof) };
        let flag: Flag = toml::from_str(flag).unwrap();
        let judged = judge.judge(&flag, &deployed, &deployed.flags[0]);
        assert_eq!(judged.found, "live sets 1, which records nothing (proved by case 2)");
    }

    #[test]
    fn the_advice_about_a_flag_that_the_proof_lacks_names_no_values() {
        let expected = "run `spanproof check --write-proof` and commit the file";
        assert_eq!(next(&proof("OTHER"), None, "true", "1"), expected);
    }
}
