//! What a spec file may not say although each key of it is right by itself.

use std::collections::BTreeMap;
use std::ops::Range;

use serde::Deserialize;
use toml::Spanned;

use super::file::SpecFile;
use super::{Condition, Fault, Job, Value, placeholder};
use crate::document::{Document, Error, suggestion};

/// The newest version of the file's format that is understood.
const SCHEMA: u32 = 1;
/// Names of a case's parts that are not flags.
const PARTS: [&str; 4] = ["route", "upstream", "job", "fault"];

/// Where each job says how many units it has.
#[derive(Debug, Deserialize)]
struct UnitPlaces {
    job: Vec<UnitPlace>,
}

#[derive(Debug, Deserialize)]
struct UnitPlace {
    units: Spanned<usize>,
}

/// A file to be checked, with its text for the errors.
pub(super) struct Check<'a> {
    pub(super) document: &'a Document,
    pub(super) file: &'a SpecFile,
}

impl Check<'_> {
    pub(super) fn all(&self) -> Result<(), Error> {
        let schema = &self.file.schema;
        if *schema.get_ref() != SCHEMA {
            let message = format!("this version understands `schema = {SCHEMA}`");
            return Err(self.document.wrong(schema.span(), message));
        }
        self.service()?;
        self.names("route", &self.file.routes, |route| &route.name)?;
        self.names("upstream", &self.file.upstreams, |upstream| &upstream.name)?;
        self.names("job", &self.file.jobs, |job| &job.name)?;
        self.names("span", &self.file.spans, |span| &span.operation)?;
        self.units()?;
        self.flags()?;
        self.faults()?;
        self.spans()?;
        self.conditions()?;
        placeholder::check(self.document)
    }

    fn service(&self) -> Result<(), Error> {
        let service = &self.file.service;
        let wrong = |message: &str| Err(self.document.wrong(service.span(), message));
        let (cargo, command) = (&service.get_ref().cargo, &service.get_ref().command);
        if cargo.is_some() != command.is_empty() {
            return wrong("`[service]` needs either `cargo = { bin = … }` or `command = [ … ]`");
        }
        let ready = &service.get_ref().ready;
        let ways = [ready.http.is_some(), ready.line.is_some(), ready.sql.is_some()];
        if ways.iter().filter(|way| **way).count() != 1 {
            return wrong("`ready` needs one of `http`, `line` and `sql`");
        }
        if let Some(error) = ready.line.as_ref().and_then(|line| regex::Regex::new(line).err()) {
            return wrong(&format!("`ready.line` is not a regular expression: {error}"));
        }
        Ok(())
    }

    /// At least one item, and no name twice.
    fn names<T>(
        &self,
        kind: &str,
        items: &[Spanned<T>],
        name: impl Fn(&T) -> &str,
    ) -> Result<(), Error> {
        if items.is_empty() {
            return Err(self.document.wrong(0..0, format!("at least one `[[{kind}]]` is needed")));
        }
        for (at, item) in items.iter().enumerate() {
            let this = name(item.get_ref());
            if items[..at].iter().any(|other| name(other.get_ref()) == this) {
                let message = format!("`{this}` is declared twice; remove one `[[{kind}]]`");
                return Err(self.document.wrong(item.span(), message));
            }
        }
        Ok(())
    }

    /// A job without units passes whatever the service does.
    fn units(&self) -> Result<(), Error> {
        let places: UnitPlaces = self.document.parse()?;
        for (job, place) in self.file.jobs.iter().zip(places.job) {
            let Job { name, units, .. } = job.get_ref();
            if *units == 0 {
                let message = "has no units, so nothing could be proven; say how many it has";
                return Err(self
                    .document
                    .wrong(place.units.span(), format!("job `{name}` {message}")));
            }
        }
        Ok(())
    }

    fn flags(&self) -> Result<(), Error> {
        if !self.file.flags.is_empty() {
            self.names("flag", &self.file.flags, |flag| &flag.name)?;
        }
        let mut tracing = 0;
        for flag in &self.file.flags {
            let wrong = |message: String| Err(self.document.wrong(flag.span(), message));
            let span = flag.get_ref();
            let name = &span.name;
            if name.is_empty() || name.contains(['=', '\0']) || PARTS.contains(&name.as_str()) {
                return wrong(format!("`{name}` can't be the name of an environment variable"));
            }
            if span.values.is_empty() {
                let message = "has no values; give at least one, or remove the flag";
                return wrong(format!("flag `{name}` {message}"));
            }
            for (at, value) in span.values.iter().enumerate() {
                if span.values[..at].contains(value) {
                    return wrong(format!("flag `{name}` has the value {value} twice"));
                }
            }
            let also = span.default.iter().chain(span.enables.iter().flatten());
            if let Some(value) = also.into_iter().find(|value| !span.values.contains(value)) {
                return wrong(format!("flag `{name}`: {value} is not among its `values`"));
            }
            if span.tracing && !span.values.iter().any(|value| span.records(value)) {
                let message = "has `tracing = true`, and none of its values records, so nothing \
                               could be proven; add a value that means on, or name one in `enables`";
                return wrong(format!("flag `{name}` {message}"));
            }
            tracing += usize::from(span.tracing);
            if tracing > 1 {
                return wrong("only one flag may have `tracing = true`".into());
            }
            if self.file.service.get_ref().env.contains_key(name) {
                return wrong(format!("`{name}` is also in `[service.env]`; remove one"));
            }
        }
        Ok(())
    }

    fn faults(&self) -> Result<(), Error> {
        let faults = &self.file.faults;
        if !faults.is_empty() {
            self.names("fault", faults, Fault::name)?;
        }
        let answers = self.file.probes.recognises_failures();
        for fault in faults {
            if let Some(problem) = fault.get_ref().problem(&self.file.tables, answers) {
                return Err(self.document.wrong(fault.span(), problem));
            }
        }
        Ok(())
    }

    fn spans(&self) -> Result<(), Error> {
        let operations = || self.file.spans.iter().map(|span| span.get_ref().operation.as_str());
        let mut own = 0;
        for span in &self.file.spans {
            let wrong = |message: String| Err(self.document.wrong(span.span(), message));
            match &span.get_ref().parent {
                None => own += 1,
                Some(_) if self.file.tables.spans.parent.is_empty() => {
                    let operation = &span.get_ref().operation;
                    let message = "has a `parent`, and `parent` in `[tables.spans]` is empty; \
                                   name the column, or remove the span";
                    return wrong(format!("`{operation}` {message}"));
                }
                Some(parent) if operations().any(|name| name == parent) => {}
                Some(parent) => {
                    let hint = suggestion(parent, operations());
                    return wrong(format!("no `[[span]]` has the operation `{parent}`{hint}"));
                }
            }
            if own > 1 {
                return wrong("only one `[[span]]` may be without a `parent`".into());
            }
        }
        if own == 0 {
            let message = "one `[[span]]` must be without a `parent`: the unit's own span";
            return Err(self.document.wrong(0..0, message));
        }
        Ok(())
    }

    fn conditions(&self) -> Result<(), Error> {
        let matrix = &self.file.matrix;
        for rule in matrix.exclude.iter().chain(&matrix.pin) {
            self.condition(rule.get_ref(), rule.span())?;
        }
        for expected in &self.file.expected {
            self.condition(&expected.get_ref().when, expected.span())?;
        }
        for fault in &self.file.faults {
            if let Some(rule) = &fault.get_ref().when {
                self.condition(rule, fault.span())?;
            }
        }
        for span in &self.file.spans {
            let rules = std::iter::once(&span.get_ref().when).chain(&span.get_ref().unless);
            for rule in rules {
                self.condition(rule, span.span())?;
            }
        }
        Ok(())
    }

    fn condition(&self, rule: &Condition, span: Range<usize>) -> Result<(), Error> {
        let known = self.known();
        for (name, values) in rule.terms() {
            let Some(possible) = known.get(name) else {
                let hint = suggestion(name, known.keys().copied());
                let message = format!("no flag, and no part of a case, is named `{name}`{hint}");
                return Err(self.document.wrong(span, message));
            };
            if let Some(value) = values.iter().find(|value| !possible.contains(value)) {
                let list: Vec<_> = possible.iter().map(ToString::to_string).collect();
                let list = list.join(", ");
                let message = format!("`{name}` is never {value}; its values are {list}");
                return Err(self.document.wrong(span, message));
            }
        }
        Ok(())
    }

    fn known(&self) -> BTreeMap<&str, Vec<Value>> {
        let set = |name: &String| Value::Set(name.clone());
        let file = self.file;
        let mut known: BTreeMap<&str, Vec<Value>> = file
            .flags
            .iter()
            .map(|flag| (flag.get_ref().name.as_str(), flag.get_ref().values.clone()))
            .collect();
        known.insert("route", file.routes.iter().map(|r| set(&r.get_ref().name)).collect());
        known.insert("upstream", file.upstreams.iter().map(|u| set(&u.get_ref().name)).collect());
        known.insert("job", file.jobs.iter().map(|job| set(&job.get_ref().name)).collect());
        let faults = file.faults.iter().map(|fault| Value::Set(fault.get_ref().name().to_owned()));
        known.insert("fault", std::iter::once(Value::Unset).chain(faults).collect());
        known
    }
}
