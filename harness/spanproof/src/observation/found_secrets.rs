//! Collects the secrets that an observation shows in one place, to mask them in every place: a service may
//! print a token with its name in one line, and without its name in the next.

use std::collections::BTreeSet;

use serde_json::Value as Json;

use super::column_role::{ColumnRole, is_in_spec};
use super::visit::{Part, Visitor};
use super::{Observation, Row, Table};
use crate::mask::{Secrets, secrets_in};
use crate::spec::{Spec, Value};

/// Lengths of values that are masked in every place, in bytes. Shorter values occur by chance.
const LENGTHS: std::ops::RangeInclusive<usize> = 10..=4096;
/// Maximum number of values.
const MAX_VALUES: usize = 2_000;

/// Returns the secrets that an observation shows, without values that verdicts depend on, such as ids.
pub(super) fn found_secrets(observation: &mut Observation, spec: &Spec) -> Secrets {
    let names = Secrets::default().with_names(&spec.service.secrets);
    let (values, compared) = (BTreeSet::new(), BTreeSet::new());
    let mut collector = Collector { spec, names, values, compared };
    observation.visit(&mut collector);
    let Collector { values, compared, .. } = collector;
    let can_mask = |value: &String| !compared.contains(value) && !is_in_spec(spec, value);
    Secrets::new(values.into_iter().filter(can_mask).collect())
}

struct Collector<'a> {
    spec: &'a Spec,
    /// The names that the spec lists as names of secrets.
    names: Secrets,
    /// The secrets.
    values: BTreeSet<String>,
    /// Values of the columns that verdicts compare.
    compared: BTreeSet<String>,
}

impl Collector<'_> {
    /// Adds a secret, unless the same text may occur elsewhere by chance.
    fn add(&mut self, value: &str) {
        let has = |test: fn(&u8) -> bool| value.bytes().any(|byte| test(&byte));
        let is_specific = has(u8::is_ascii_digit) && has(u8::is_ascii_alphabetic);
        let is_specific = is_specific
            && LENGTHS.contains(&value.len())
            && !value.contains(char::is_whitespace)
            && uuid::Uuid::try_parse(value).is_err();
        if is_specific && self.values.len() < MAX_VALUES {
            self.values.insert(value.to_owned());
        }
    }

    /// Adds the secrets that can be recognised in a text.
    fn add_from(&mut self, text: &str) {
        for secret in secrets_in(text) {
            self.add(&secret);
        }
    }

    /// Adds the secrets in a value with a name, such as a column or a field in JSON.
    fn field(&mut self, name: &str, value: &Json) {
        match value {
            Json::String(text) if self.names.is_named(name) => {
                self.values.insert(text.clone());
            }
            Json::String(text) if self.names.has_name(name, text) => self.add(text),
            Json::String(text) => self.add_from(text),
            Json::Array(items) => items.iter().for_each(|item| self.field(name, item)),
            Json::Object(fields) => {
                let outer = name;
                for (name, value) in fields {
                    // In an object of credentials, a field with any name may contain a secret.
                    let name = if self.names.has_name(outer, "{}") { outer } else { name };
                    self.field(name, value);
                }
            }
            Json::Null | Json::Bool(_) | Json::Number(_) => {}
        }
    }
}

impl Visitor for Collector<'_> {
    fn text(&mut self, _part: Part, text: &mut String) {
        self.add_from(text);
    }

    fn named_value(&mut self, _part: Part, name: &str, value: &mut String) {
        self.field(name, &Json::from(value.as_str()));
    }

    // The values of flags are collected from the spec and the case.
    fn flag(&mut self, _name: &str, _value: &mut Value) {}

    fn line(&mut self, text: &mut String) {
        // The startup line about tracing contains the value of the tracing flag, which is never a secret.
        if self.spec.probes.banner(text).is_none() {
            self.add_from(text);
        }
    }

    fn body(&mut self, body: &mut String) {
        match serde_json::from_str::<Json>(body) {
            Ok(json) => self.field("", &json),
            Err(_) => self.add_from(body),
        }
    }

    fn row(&mut self, table: Table, row: &mut Row) {
        for (column, value) in row.iter() {
            match (ColumnRole::find(&self.spec.tables, table, column), value) {
                (Some(_), Json::String(text)) => {
                    self.compared.insert(text.clone());
                }
                (Some(_), _) => {}
                (None, value) => self.field(column, value),
            }
        }
    }
}
