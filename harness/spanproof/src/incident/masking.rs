//! Masks secrets, personal data and the contents of jobs in what is written to a bundle, the file of
//! an incident.

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
use crate::mask::{MASK, PemLines, text as mask_secrets};
use crate::observation::{
    ColumnRole, LogLine, NameMasker, Observation, Part, Row, Rows, Table, Visitor, is_compared,
    masked_flag,
};
use crate::spec::{Spec, Value};
use crate::upstream::Behaviour;

static EMAIL_ADDRESS: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}").ok()
});

/// How much of a value is masked.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Content {
    /// Only secrets, e-mail addresses and matches of the user's rules are masked. The value does not
    /// belong to the contents of a job (its input and output), or the user keeps these contents.
    Kept,
    /// Every string and number is masked. The value belongs to the contents of a job.
    Masked,
}

/// Masks everything that is written to a bundle, and counts what it masked.
#[derive(Debug, Clone, Default)]
pub struct Masking {
    rules: Vec<(String, Regex)>,
    keeps_contents: bool,
    /// How many values were masked, by place (such as a column) and by kind (such as "secret").
    counts: BTreeMap<(String, String), usize>,
    /// Masks the values that verdicts compare. Different values stay different.
    names: NameMasker,
    /// Masks private keys, each of which has several lines.
    keys: PemLines,
}

/// A user's rule file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleFile {
    #[serde(default, rename = "mask")]
    rules: Vec<Rule>,
}

/// A rule of a user's rule file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rule {
    name: String,
    pattern: toml::Spanned<String>,
}

impl Masking {
    /// Creates a masking of secrets, e-mail addresses, the inputs and outputs of jobs, and
    /// everything that matches a pattern of the rule file.
    ///
    /// # Errors
    /// If the rule file can't be read, or a pattern is not a regular expression.
    pub fn new(rules: Option<&Path>) -> Result<Self, Error> {
        let mut masking = Self::default();
        if let Some(path) = rules {
            let document = Document::read(path)?;
            let file: RuleFile = document.parse()?;
            for rule in file.rules {
                let pattern = Regex::new(rule.pattern.get_ref()).map_err(|error| {
                    let reason = error.to_string();
                    let last = reason.lines().last().unwrap_or_default().to_owned();
                    document
                        .error_at(rule.pattern.span(), format!("not a regular expression: {last}"))
                })?;
                masking.rules.push((rule.name, pattern));
            }
        }
        Ok(masking)
    }

    /// Sets whether the inputs and outputs of jobs are kept, except for secrets and e-mail
    /// addresses in them.
    #[must_use]
    pub fn keep_contents(self, keep: bool) -> Self {
        Self { keeps_contents: keep, ..self }
    }

    /// Returns how many values of each kind were masked at each place, such as a column.
    pub fn counts(&self) -> Vec<Masked> {
        let counts = self.counts.iter();
        counts.map(|((place, what), count)| Masked::new(place, what, *count)).collect()
    }

    /// Whether the inputs and outputs of jobs are kept.
    pub(super) fn keeps_contents(&self) -> bool {
        self.keeps_contents
    }

    /// Returns how the contents of jobs are masked.
    fn content(&self) -> Content {
        if self.keeps_contents { Content::Kept } else { Content::Masked }
    }

    /// Masks the secrets and personal data of a job whose contents are kept.
    pub(super) fn input(&mut self, input: &mut Json) {
        self.value("job", input, Content::Kept);
    }

    /// Counts values of one kind (`what`) that were masked at a place.
    fn count(&mut self, place: &str, what: &str, times: usize) {
        if times > 0 {
            *self.counts.entry((place.to_owned(), what.to_owned())).or_default() += times;
        }
    }

    /// Masks secrets, e-mail addresses and the matches of rules in a string.
    pub(super) fn text(&mut self, place: &str, text: &str) -> String {
        let mut masked = mask_secrets(text);
        // This also counts secrets that were masked earlier, when the evidence was written.
        self.count(place, "secret", masked.matches(MASK).count());
        if let Some(email) = EMAIL_ADDRESS.as_ref().filter(|_| masked.contains('@')) {
            let found = email.find_iter(&masked).count();
            masked = email.replace_all(&masked, MASK).into_owned();
            self.count(place, "e-mail address", found);
        }
        for index in 0..self.rules.len() {
            let (name, pattern) = &self.rules[index];
            let (name, found) = (name.clone(), pattern.find_iter(&masked).count());
            masked = pattern.replace_all(&masked, MASK).into_owned();
            self.count(place, &name, found);
        }
        masked
    }

    /// Masks the strings and numbers in a JSON value. Keeps the structure and the names of fields, because
    /// verdicts depend on these.
    fn value(&mut self, place: &str, value: &mut Json, content: Content) {
        match value {
            Json::Null | Json::Bool(_) => {}
            Json::String(text) if content == Content::Kept => *text = self.text(place, text),
            Json::Number(_) if content == Content::Kept => {}
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

    /// Masks a column that verdicts depend on. Different values stay different.
    fn compared_column(&mut self, spec: &Spec, role: ColumnRole, place: &str, value: &mut Json) {
        let Json::String(text) = value else {
            return self.value(place, value, Content::Kept);
        };
        let mut names = std::mem::take(&mut self.names);
        *text = names.mask(spec, role, text, |text| self.text(place, text));
        self.names = names;
    }

    /// Masks a column that no verdict depends on. JSON values and the outcome of a unit of work count as
    /// contents of a job.
    fn column(&mut self, place: &str, column: &str, is_outcome: bool, value: &mut Json) {
        let plain = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        if !value.is_null() && crate::mask::is_secret(column, &plain) {
            *value = MASK.into();
            self.count(place, "secret", 1);
            return;
        }
        // A text column may also contain JSON.
        let is_json = match value {
            Json::Object(_) | Json::Array(_) => true,
            Json::String(text) => text.trim_start().starts_with(['{', '[']),
            _ => false,
        };
        let content = if is_json || is_outcome { self.content() } else { Content::Kept };
        self.value(place, value, content);
    }

    /// Masks the rows of one table.
    pub(super) fn rows(&mut self, spec: &Spec, table: Table, rows: &Rows) -> Rows {
        let mut rows = rows.clone();
        rows.visit(table, &mut MaskingVisitor { masking: self, spec });
        rows
    }

    /// Masks a line of a log.
    pub(super) fn line(&mut self, spec: &Spec, line: &LogLine) -> LogLine {
        let mut line = line.clone();
        let mut visitor = MaskingVisitor { masking: self, spec };
        visitor.line(&mut line.text);
        if let Some(process) = &mut line.process {
            visitor.text(Part::Output, process);
        }
        line
    }

    /// Masks the behaviour of an upstream.
    pub(super) fn behaviour(&mut self, behaviour: Behaviour) -> Behaviour {
        let stored = format::Behaviour::from(behaviour.clone());
        let Ok(mut json) = serde_json::to_value(stored) else { return behaviour };
        self.value("upstream", &mut json, Content::Kept);
        let masked = serde_json::from_value::<format::Behaviour>(json);
        masked.map_or(behaviour, Behaviour::from)
    }

    /// Masks the values of flags.
    pub(super) fn flags(&mut self, spec: &Spec, flags: &[(String, Value)]) -> Vec<(String, Value)> {
        let mut flags = flags.to_vec();
        for (name, value) in &mut flags {
            MaskingVisitor { masking: self, spec }.flag(name, value);
        }
        flags
    }

    /// Masks an observation.
    pub(super) fn observation(&mut self, spec: &Spec, observation: &Observation) -> Observation {
        let mut masked = observation.clone();
        masked.visit(&mut MaskingVisitor { masking: self, spec });
        masked
    }

    /// Masks the body of a request to the upstream, which belongs to the contents of a job.
    fn body(&mut self, place: &str, body: &str) -> String {
        match serde_json::from_str::<Json>(body) {
            Ok(mut json) => {
                self.value(place, &mut json, self.content());
                json.to_string()
            }
            Err(_) if self.keeps_contents || body.is_empty() => self.text(place, body),
            Err(_) => {
                self.count(place, "content", 1);
                MASK.into()
            }
        }
    }
}

/// A visitor that masks every string of an observation.
struct MaskingVisitor<'a> {
    masking: &'a mut Masking,
    spec: &'a Spec,
}

impl Visitor for MaskingVisitor<'_> {
    fn text(&mut self, part: Part, text: &mut String) {
        let tables = &self.spec.tables;
        let place = match part {
            // Not counted here: a secret in an address is counted in the strings that contain this address.
            Part::Addresses => return *text = mask_secrets(text),
            Part::Command => {
                // The path of the program may be private.
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

    fn named_value(&mut self, part: Part, name: &str, value: &mut String) {
        if !is_compared(self.spec, name) {
            *value = crate::mask::variable(name, value);
            self.text(part, value);
        }
    }

    /// Masks the value of a flag. The value of the tracing flag is not masked, because the verdict depends
    /// on it.
    fn flag(&mut self, name: &str, value: &mut Value) {
        *value = masked_flag(self.spec, name, value, None);
        let is_masked = value.text().is_some_and(|text| text.contains(MASK));
        self.masking.count("flags", "secret", usize::from(is_masked));
    }

    /// Masks a line. The startup line that reports whether tracing is on is not masked, because the verdict
    /// depends on the flag's value in this line.
    fn line(&mut self, text: &mut String) {
        if self.spec.probes.banner(text).is_none() {
            self.masking.keys.mask(text);
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
        let names = &self.spec.service.secrets;
        let is_named = |column: &str| names.iter().any(|name| name.eq_ignore_ascii_case(column));
        for (column, value) in row.iter_mut() {
            let place = format!("{name}.{column}");
            match ColumnRole::find(tables, table, column) {
                Some(role) => self.masking.compared_column(self.spec, role, &place, value),
                None if is_named(column) && !value.is_null() => {
                    *value = MASK.into();
                    self.masking.count(&place, "secret", 1);
                }
                None => self.masking.column(&place, column, column == outcome, value),
            }
        }
    }
}
