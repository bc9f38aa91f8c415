//! What may not leave with a bundle: secrets, personal data, and what jobs are about.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::LazyLock;

use regex::Regex;
use serde::Deserialize;
use serde_json::Value as Json;
use spanproof_format as format;
use spanproof_format::Masked;

use super::error::Error;
use crate::document::Document;
use crate::mask::{MASK, text as unsecret};
use crate::observation::{
    Judged, LogLine, Names, Observation, Part, Row, Rows, Table, Visitor, is_judged, masked_flag,
};
use crate::spec::{Spec, Value};
use crate::upstream::Behaviour;

static ADDRESS: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}").ok()
});

/// Masks everything that goes into a bundle, and keeps account of it.
#[derive(Debug, Clone, Default)]
pub struct Masking {
    rules: Vec<(String, Regex)>,
    contents: bool,
    account: BTreeMap<(String, String), usize>,
    names: Names,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleFile {
    #[serde(default, rename = "mask")]
    rules: Vec<Rule>,
}

/// One more thing to mask.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rule {
    name: String,
    pattern: toml::Spanned<String>,
}

impl Masking {
    /// Secrets and e-mail addresses are always masked, what a rule file names too. What jobs are
    /// given and give is masked unless `contents` says that it is wanted.
    ///
    /// # Errors
    /// When the rule file can't be read, or a pattern is none.
    pub fn new(rules: Option<&Path>, contents: bool) -> Result<Self, Error> {
        let mut masking = Self { contents, ..Self::default() };
        if let Some(path) = rules {
            let document = Document::read(path)?;
            let file: RuleFile = document.parse()?;
            for rule in file.rules {
                let pattern = Regex::new(rule.pattern.get_ref()).map_err(|error| {
                    let reason = error.to_string();
                    let last = reason.lines().last().unwrap_or_default().to_owned();
                    document.wrong(rule.pattern.span(), format!("not a regular expression: {last}"))
                })?;
                masking.rules.push((rule.name, pattern));
            }
        }
        Ok(masking)
    }

    /// What was masked so far.
    pub fn account(&self) -> Vec<Masked> {
        let all = self.account.iter();
        all.map(|((place, what), count)| Masked::new(place, what, *count)).collect()
    }

    /// Whether what jobs are given and give is kept.
    pub(super) fn keeps_contents(&self) -> bool {
        self.contents
    }

    /// Masks a job that is kept on request: secrets and personal data still are.
    pub(super) fn input(&mut self, input: &mut Json) {
        self.value("job", input, false);
    }

    fn count(&mut self, place: &str, what: &str, times: usize) {
        if times > 0 {
            *self.account.entry((place.to_owned(), what.to_owned())).or_default() += times;
        }
    }

    /// Masks a text.
    pub(super) fn text(&mut self, place: &str, text: &str) -> String {
        let mut masked = unsecret(text);
        // Also those that were masked when the evidence was made.
        self.count(place, "secret", masked.matches(MASK).count());
        if let Some(address) = ADDRESS.as_ref().filter(|_| masked.contains('@')) {
            let found = address.find_iter(&masked).count();
            masked = address.replace_all(&masked, MASK).into_owned();
            self.count(place, "e-mail address", found);
        }
        for at in 0..self.rules.len() {
            let (name, rule) = &self.rules[at];
            let (name, found) = (name.clone(), rule.find_iter(&masked).count());
            masked = rule.replace_all(&masked, MASK).into_owned();
            self.count(place, &name, found);
        }
        masked
    }

    /// Masks a value: as text, or where it is what a job is about, every part of it. Names of
    /// fields and the shape stay, because verdicts are made from these.
    fn value(&mut self, place: &str, value: &mut Json, content: bool) {
        match value {
            Json::Null | Json::Bool(_) => {}
            Json::String(text) if !content => *text = self.text(place, text),
            Json::Number(_) if !content => {}
            Json::String(_) | Json::Number(_) => {
                *value = MASK.into();
                self.count(place, "content", 1);
            }
            Json::Array(items) => {
                for item in items {
                    self.value(place, item, content);
                }
            }
            Json::Object(fields) => {
                for (name, field) in fields.iter_mut() {
                    let plain = field.as_str().map_or_else(|| field.to_string(), str::to_owned);
                    if !field.is_null() && crate::mask::is_secret(name, &plain) {
                        *field = MASK.into();
                        self.count(place, "secret", 1);
                    } else {
                        self.value(place, field, content);
                    }
                }
            }
        }
    }

    /// Masks a column that judging depends on: values that differ still do.
    fn judged(&mut self, spec: &Spec, judged: Judged, place: &str, value: &mut Json) {
        let Json::String(text) = value else { return self.value(place, value, false) };
        let mut names = std::mem::take(&mut self.names);
        *text = names.masked(spec, judged, text, |text| self.text(place, text));
        self.names = names;
    }

    /// Masks a column: by its name, or as what a job is given and a unit gives.
    fn column(&mut self, place: &str, column: &str, is_outcome: bool, value: &mut Json) {
        let plain = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        if !value.is_null() && crate::mask::is_secret(column, &plain) {
            *value = MASK.into();
            self.count(place, "secret", 1);
            return;
        }
        // JSON in a column of text is JSON as well.
        let json = match value {
            Json::Object(_) | Json::Array(_) => true,
            Json::String(text) => text.trim_start().starts_with(['{', '[']),
            _ => false,
        };
        let content = !self.contents && (json || is_outcome);
        self.value(place, value, content);
    }

    /// Masks the rows of one table.
    pub(super) fn rows(&mut self, spec: &Spec, table: Table, rows: &Rows) -> Rows {
        let mut rows = rows.clone();
        rows.visit(table, &mut Visit { masking: self, spec });
        rows
    }

    /// Masks a line of a log.
    pub(super) fn line(&mut self, spec: &Spec, line: &LogLine) -> LogLine {
        let mut line = line.clone();
        Visit { masking: self, spec }.line(&mut line.text);
        line
    }

    /// Masks how an upstream behaves.
    pub(super) fn behaviour(&mut self, behaviour: Behaviour) -> Behaviour {
        let stored = format::Behaviour::from(behaviour.clone());
        let Ok(mut json) = serde_json::to_value(stored) else { return behaviour };
        self.value("upstream", &mut json, false);
        let masked = serde_json::from_value::<format::Behaviour>(json);
        masked.map_or(behaviour, Behaviour::from)
    }

    /// Masks the values of flags.
    pub(super) fn flags(&mut self, spec: &Spec, flags: &[(String, Value)]) -> Vec<(String, Value)> {
        let mut flags = flags.to_vec();
        for (name, value) in &mut flags {
            Visit { masking: self, spec }.flag(name, value);
        }
        flags
    }

    /// Masks an observation.
    pub(super) fn observation(&mut self, spec: &Spec, observation: &Observation) -> Observation {
        let mut masked = observation.clone();
        masked.visit(&mut Visit { masking: self, spec });
        masked
    }

    /// Masks the body of a question to the upstream: what it asks is content.
    fn body(&mut self, place: &str, body: &str) -> String {
        match serde_json::from_str::<Json>(body) {
            Ok(mut json) => {
                self.value(place, &mut json, !self.contents);
                json.to_string()
            }
            Err(_) if self.contents || body.is_empty() => self.text(place, body),
            Err(_) => {
                self.count(place, "content", 1);
                MASK.into()
            }
        }
    }
}

/// Masks what it visits, by the names of a spec.
struct Visit<'a> {
    masking: &'a mut Masking,
    spec: &'a Spec,
}

impl Visitor for Visit<'_> {
    fn text(&mut self, part: Part, text: &mut String) {
        let tables = &self.spec.tables;
        let place = match part {
            // Shown where it is used, and counted there.
            Part::Addresses => return *text = unsecret(text),
            Part::Command => {
                // Where it lies on a machine is nobody's business.
                if let Some((_, name)) = text.rsplit_once('/') {
                    *text = name.to_owned();
                }
                "command"
            }
            Part::Environment => "environment",
            Part::Output => "output",
            Part::Submission => "submission",
            Part::Upstream => "upstream",
            Part::Witness => "witness",
            Part::Database => "database",
            Part::Table(Table::Jobs) => &tables.jobs.table,
            Part::Table(Table::Units) => &tables.units.table,
            Part::Table(Table::Spans) => &tables.spans.table,
        };
        *text = self.masking.text(place, text);
    }

    fn named(&mut self, part: Part, name: &str, value: &mut String) {
        if !is_judged(self.spec, name) {
            *value = crate::mask::variable(name, value);
            self.text(part, value);
        }
    }

    /// The tracing flag's value is what an incident is about.
    fn flag(&mut self, name: &str, value: &mut Value) {
        *value = masked_flag(self.spec, name, value, None);
        let is_masked = value.text().is_some_and(|text| text.contains(MASK));
        self.masking.count("flags", "secret", usize::from(is_masked));
    }

    /// The tracer's own line stays, because the flag's value in it is what it is read for.
    fn line(&mut self, text: &mut String) {
        if self.spec.probes.banner(text).is_none() {
            *text = self.masking.text("output", text);
        }
    }

    fn body(&mut self, body: &mut String) {
        *body = self.masking.body("upstream", body);
    }

    fn row(&mut self, table: Table, row: &mut Row) {
        let tables = &self.spec.tables;
        let (name, outcome) = match table {
            Table::Jobs => (&tables.jobs.table, ""),
            Table::Units => (&tables.units.table, tables.units.outcome.as_str()),
            Table::Spans => (&tables.spans.table, ""),
        };
        for (column, value) in row.iter_mut() {
            let place = format!("{name}.{column}");
            match Judged::of(tables, table, column) {
                Some(judged) => self.masking.judged(self.spec, judged, &place, value),
                None => self.masking.column(&place, column, column == outcome, value),
            }
        }
    }
}
