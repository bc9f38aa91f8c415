//! The file that `check --write-proof` writes and that a repository keeps: what each value of each
//! flag was proved to do. A flag is an environment variable of the service.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::flags;
use super::version::SCHEMA;

/// What a passing run proved about the flags.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct FlagProof {
    /// The version of this document.
    pub schema: u32,
    /// Hashes of what the proof depends on.
    pub inputs: ProofInputs,
    /// The flags, in the order of the spec.
    pub flags: Vec<ProvedFlag>,
    /// Every combination of values that passing cases tried.
    pub combinations: Vec<Combination>,
}

/// Hashes of what a proof depends on, in hexadecimal digits.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ProofInputs {
    /// The spec without comments and without the section `manifests`, and the files that it names.
    pub spec: String,
    /// The migrations; `None` if they can't be read without running a program.
    pub migrations: Option<String>,
    /// The program that ran; `None` if its file could not be read.
    pub program: Option<String>,
}

/// What the values of one flag were proved to do.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ProvedFlag {
    /// The name of the flag.
    pub name: String,
    /// Whether the flag switches the recording of spans.
    pub tracing: bool,
    /// The names of the spans that are recorded only while the flag is on; empty for other flags.
    pub spans: Vec<String>,
    /// The values that cases tried, in the order of the spec.
    pub values: Vec<ProvedValue>,
}

/// What one value of a flag was proved to do.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ProvedValue {
    /// The value; `None` if the flag is unset.
    pub value: Option<String>,
    /// The effects. More than one if the effect depends on other flags.
    pub effects: Vec<ProvedEffect>,
}

/// What a value was proved to do, and by which cases.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ProvedEffect {
    /// The effect.
    pub effect: Effect,
    /// What differs from cases with the baseline value (see [`Effect::Baseline`]); empty for the tracing
    /// flag.
    #[serde(default)]
    pub differences: Vec<Difference>,
    /// The other flags with which the value has this effect; empty if it has the same effect in
    /// every combination that was tried.
    #[serde(default, with = "flags")]
    pub with: Vec<(String, Option<String>)>,
    /// The ids of the cases that prove it.
    pub cases: Vec<String>,
}

/// The effect of a value.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Effect {
    /// The service records spans.
    Records,
    /// The service records no spans.
    RecordsNothing,
    /// The service behaves differently from the way it behaves with the baseline value.
    Changes,
    /// The service behaves the same as with the baseline value.
    ChangesNothing,
    /// This is the baseline value: the other values of the flag were compared with it.
    Baseline,
    /// No case with this value differs from another case only in this flag, or the same differences also
    /// occur between cases with the same value. Also an effect of a newer version.
    #[default]
    #[serde(other)]
    NotKnown,
}

/// A kind of difference between two cases.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Difference {
    /// Names, parents, statuses or the number of spans.
    Spans,
    /// Statuses and results of jobs and units, new rows, or the answer to the submitted job.
    Statuses,
    /// Requests to the upstream.
    Requests,
    /// Whether the service becomes ready, and how it exits.
    Exit,
    /// Lines after the service is ready.
    Log,
    /// Lines at startup.
    Startup,
    /// Lines that print the value. They show that the flag is read, not that it does anything.
    Echo,
    /// A difference of a newer version.
    #[serde(other)]
    Unknown,
}

/// A combination of one value for each flag, which passing cases tried.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Combination {
    /// Every flag with its value; `None` if the flag is unset.
    #[serde(with = "flags")]
    pub flags: Vec<(String, Option<String>)>,
    /// The ids of the cases that tried the combination.
    pub cases: Vec<String>,
}

impl FlagProof {
    /// Creates a proof.
    pub fn new(
        inputs: ProofInputs,
        flags: Vec<ProvedFlag>,
        combinations: Vec<Combination>,
    ) -> Self {
        Self { schema: SCHEMA, inputs, flags, combinations }
    }

    /// Returns what was proved about a flag; `None` if the proof lacks it.
    pub fn flag(&self, name: &str) -> Option<&ProvedFlag> {
        self.flags.iter().find(|flag| flag.name == name)
    }

    /// Returns the text of the file: JSON with one line for each value and each combination, which
    /// makes a change of the proof easy to review.
    pub fn to_text(&self) -> String {
        let json = serde_json::to_value(self).unwrap_or_default();
        let mut text = String::new();
        write(&json, 0, &mut text);
        text.push('\n');
        text
    }
}

impl ProofInputs {
    /// Creates the hashes of a spec, its migrations and a program.
    pub fn new(spec: String, migrations: Option<String>, program: Option<String>) -> Self {
        Self { spec, migrations, program }
    }
}

/// Writes JSON. Each value in a list is written on one line, unless it contains a list of objects.
fn write(json: &Json, depth: usize, text: &mut String) {
    let indent = "  ".repeat(depth + 1);
    let is_nested = |json: &Json| match json {
        Json::Object(fields) => {
            depth == 0 || fields.values().any(|field| field[0].is_object()) && depth < 4
        }
        Json::Array(items) => items.first().is_some_and(Json::is_object),
        _ => false,
    };
    if !is_nested(json) {
        text.push_str(&json.to_string());
        return;
    }
    let (open, close) = if json.is_object() { ('{', '}') } else { ('[', ']') };
    text.push(open);
    let fields = json.as_object().into_iter().flatten().map(|(name, field)| (Some(name), field));
    let items = json.as_array().into_iter().flatten().map(|item| (None, item));
    for (index, (name, inner)) in fields.chain(items).enumerate() {
        text.push_str(if index == 0 { "\n" } else { ",\n" });
        text.push_str(&indent);
        if let Some(name) = name {
            let _infallible = write!(text, "{}: ", Json::from(name.as_str()));
        }
        write(inner, depth + 1, text);
    }
    text.push('\n');
    text.push_str(&"  ".repeat(depth));
    text.push(close);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_has_a_line_for_each_value_and_each_combination() {
        let effect = ProvedEffect {
            effect: Effect::Records,
            cases: vec!["a4652ffa".into()],
            ..ProvedEffect::default()
        };
        let value = |text: &str| ProvedValue {
            value: Some(text.to_owned()),
            effects: vec![effect.clone()],
        };
        let flag = ProvedFlag {
            name: "TRACING".into(),
            tracing: true,
            spans: vec!["run".into()],
            values: vec![value("on"), value("1")],
        };
        let combination = |value: &str| Combination {
            flags: vec![("TRACING".into(), Some(value.to_owned()))],
            cases: vec!["a4652ffa".into()],
        };
        let inputs = ProofInputs::new("aa".into(), None, None);
        let proof = FlagProof::new(inputs, vec![flag], vec![combination("on"), combination("1")]);
        let text = proof.to_text();
        let expected = r#"{
  "schema": 1,
  "inputs": {"spec":"aa","migrations":null,"program":null},
  "flags": [
    {
      "name": "TRACING",
      "tracing": true,
      "spans": ["run"],
      "values": [
        {"value":"on","effects":[{"effect":"records","differences":[],"with":{},"cases":["a4652ffa"]}]},
        {"value":"1","effects":[{"effect":"records","differences":[],"with":{},"cases":["a4652ffa"]}]}
      ]
    }
  ],
  "combinations": [
    {"flags":{"TRACING":"on"},"cases":["a4652ffa"]},
    {"flags":{"TRACING":"1"},"cases":["a4652ffa"]}
  ]
}
"#;
        assert_eq!(text, expected);
        assert_eq!(crate::parse::<FlagProof>(&text).unwrap(), proof);
    }
}
