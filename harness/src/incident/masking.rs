//! What may not leave with a bundle: secrets, personal data, and what jobs are about.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::LazyLock;

use regex::Regex;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::Error;
use crate::document::Document;
use crate::evidence::{Deployment, Evidence, Reached, Row, Rows};
use crate::mask::{MASK, text as unsecret};
use crate::process::Line;
use crate::spec::{Spec, Tables, Value};
use crate::upstream::Behaviour;

static ADDRESS: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}").ok()
});

/// Something that was masked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Masked {
    /// Where: a table with its column, or a kind of text.
    pub place: String,
    /// What: `secret`, `e-mail address`, `content`, or the name of a rule.
    pub what: String,
    /// How often.
    pub count: usize,
}

/// Masks everything that goes into a bundle, and keeps account of it.
#[derive(Debug, Clone, Default)]
pub struct Masking {
    rules: Vec<(String, Regex)>,
    contents: bool,
    account: BTreeMap<(String, String), usize>,
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
        all.map(|((place, what), count)| Masked {
            place: place.clone(),
            what: what.clone(),
            count: *count,
        })
        .collect()
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

    /// Masks a row. Columns that hold ids, times and statuses stay as they are; of the others, what
    /// a job is given and what a unit gives is content.
    fn row(&mut self, table: &str, kept: &[&str], outcome: &str, row: &mut Row) {
        for (column, value) in row.iter_mut().filter(|(column, _)| !kept.contains(&column.as_str()))
        {
            let place = format!("{table}.{column}");
            // JSON in a column of text is JSON as well.
            let json = match value {
                Json::Object(_) | Json::Array(_) => true,
                Json::String(text) => text.trim_start().starts_with(['{', '[']),
                _ => false,
            };
            let content = !self.contents && (json || column == outcome);
            self.value(&place, value, content);
        }
    }

    fn rows(&mut self, table: &str, kept: &[&str], outcome: &str, rows: &Rows) -> Rows {
        match rows {
            Rows::Found(rows) => {
                let mut rows = rows.clone();
                for row in &mut rows {
                    self.row(table, kept, outcome, row);
                }
                Rows::Found(rows)
            }
            Rows::Unreadable(why) => Rows::Unreadable(self.text(table, why)),
        }
    }

    /// Masks the rows of jobs, units or spans.
    pub(super) fn table(&mut self, spec: &Spec, at: usize, rows: &Rows) -> Rows {
        let tables = &spec.tables;
        let names = [&tables.jobs.table, &tables.units.table, &tables.spans.table];
        let outcome = if at == 1 { tables.units.outcome.as_str() } else { "" };
        self.rows(names[at], &kept(tables)[at], outcome, rows)
    }

    /// Masks a line; the tracer's own stays, because the flag's value in it is what it is read for.
    pub(super) fn line(&mut self, spec: &Spec, line: &Line) -> Line {
        let banner = spec.probes.banner(&line.text).is_some();
        let text = if banner { line.text.clone() } else { self.text("output", &line.text) };
        Line { text, ..line.clone() }
    }

    /// Masks how an upstream behaves.
    pub(super) fn behaviour(&mut self, behaviour: Behaviour) -> Behaviour {
        let Ok(mut json) = serde_json::to_value(&behaviour) else { return behaviour };
        self.value("upstream", &mut json, false);
        serde_json::from_value(json).unwrap_or(behaviour)
    }

    /// Masks the values of flags; that of the tracing flag is what an incident is about.
    pub(super) fn flags(&mut self, spec: &Spec, flags: &[(String, Value)]) -> Vec<(String, Value)> {
        let tracing = spec.tracing_flag().map(|flag| flag.name.as_str());
        let masked = flags.iter().map(|(name, value)| match value.text() {
            Some(text) if Some(name.as_str()) != tracing => {
                let masked = crate::mask::variable(name, text);
                self.count("flags", "secret", usize::from(masked != text));
                (name.clone(), Value::Set(masked))
            }
            _ => (name.clone(), value.clone()),
        });
        masked.collect()
    }

    fn deployment(&mut self, deployment: &mut Deployment) {
        if let Some(place) = &mut deployment.database {
            *place = self.text("database", place);
        }
        for line in deployment.log.iter_mut().flat_map(|log| &mut log.crashes) {
            *line = self.text("output", line);
        }
        for line in &mut deployment.unread {
            *line = self.text("database", line);
        }
    }

    /// Masks all of evidence.
    pub(super) fn evidence(&mut self, spec: &Spec, evidence: &Evidence) -> Evidence {
        let mut masked = evidence.clone();
        masked.jobs = self.table(spec, 0, &evidence.jobs);
        masked.units = self.table(spec, 1, &evidence.units);
        masked.spans = self.table(spec, 2, &evidence.spans);
        masked.output.lines =
            evidence.output.lines.iter().map(|line| self.line(spec, line)).collect();
        masked.case.flags = self.flags(spec, &evidence.case.flags);
        if let Some(deployment) = &mut masked.deployment {
            self.deployment(deployment);
        }
        let tracing = spec.tracing_flag().map(|flag| flag.name.clone());
        for (name, value) in &mut masked.environment {
            if Some(name) != tracing.as_ref() {
                *value = self.text("environment", &crate::mask::variable(name, value));
            }
        }
        // Where it lies on a machine is nobody's business.
        let command =
            masked.command.rsplit_once('/').map_or(masked.command.as_str(), |(_, name)| name);
        masked.command = self.text("command", command);
        for exchange in &mut masked.exchanges {
            exchange.path = self.text("upstream", &exchange.path);
            exchange.body = self.body("upstream", &exchange.body);
            for (name, value) in &mut exchange.headers {
                if Some(name.as_str()) != spec.tables.spans.header.as_deref() {
                    *value = self.text("upstream", value);
                }
            }
        }
        if let Some(submission) = &mut masked.submission {
            submission.body = self.text("submission", &submission.body);
        }
        for reached in [Some(&mut masked.ready), masked.settled.as_mut()].into_iter().flatten() {
            if let Reached::No(why) = reached {
                *why = self.text("output", why);
            }
        }
        for failure in masked.witness.iter_mut().flat_map(|witness| &mut witness.failures) {
            failure.message = self.text("witness", &failure.message);
            failure.statement = failure.statement.as_ref().map(|sql| self.text("witness", sql));
        }
        if let Some(recovery) = &mut masked.recovery {
            recovery.jobs = self.table(spec, 0, &recovery.jobs);
            recovery.units = self.table(spec, 1, &recovery.units);
            recovery.spans = self.table(spec, 2, &recovery.spans);
            for line in &mut recovery.output.lines {
                *line = self.line(spec, line);
            }
            if let Some(submission) = &mut recovery.submission {
                submission.body = self.text("submission", &submission.body);
            }
        }
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

/// The columns that stay as they are, of jobs, units and spans.
fn kept(tables: &Tables) -> [Vec<&str>; 3] {
    let (jobs, units, spans) = (&tables.jobs, &tables.units, &tables.spans);
    let of_jobs = vec![&jobs.id, &jobs.status, &jobs.route, &jobs.created];
    let mut of_units = vec![&units.id, &units.job, &units.status, &units.started, &units.completed];
    of_units.extend(&units.key);
    of_units.push(&spans.trace);
    let [of_jobs, of_units] =
        [of_jobs, of_units].map(|names| names.into_iter().map(String::as_str).collect());
    // The text of an error may say anything.
    let of_spans = spans.columns().into_iter().filter(|name| *name != spans.error).collect();
    [of_jobs, of_units, of_spans]
}
