//! Checks a whole spec file after its keys were parsed.
//!
//! The words of a spec: a *route* is a way to submit a job, an *upstream* is a behaviour of the fake
//! HTTP service that the service under test calls, a *unit* is one part of a job, which must leave spans
//! if tracing is on, a *fault* is a defect that spanproof causes on purpose, and a *helper* is a process
//! that the service needs and that is not under test.

use std::collections::BTreeMap;
use std::ops::Range;

use serde::Deserialize;
use toml::Spanned;

use super::file::SpecFile;
use super::{
    Condition, Done, Fault, Job, Process, Ready, Route, Service, Value, flag_check, placeholder,
    span_check,
};
use crate::document::{Document, Error, suggestion};

/// The supported version of the file format.
pub(super) const SCHEMA: u32 = 1;

/// The key `units` of each job, with its position in the file.
#[derive(Debug, Deserialize)]
struct JobUnits {
    job: Vec<Units>,
}

#[derive(Debug, Deserialize)]
struct Units {
    units: Spanned<usize>,
}

/// A parsed file to check, and its text to quote in errors.
pub(super) struct Check<'a> {
    pub(super) document: &'a Document,
    pub(super) file: &'a SpecFile,
}

impl Check<'_> {
    /// Runs every check; `Err` is the first problem.
    pub(super) fn run(&self) -> Result<(), Error> {
        let schema = &self.file.schema;
        if *schema.get_ref() != SCHEMA {
            let message =
                format!("expected `schema = {SCHEMA}`, the version that this spanproof reads");
            return Err(self.document.error_at(schema.span(), message));
        }
        self.service()?;
        self.processes()?;
        self.database()?;
        self.unique_names("route", &self.file.routes, |route| &route.name)?;
        self.routes()?;
        self.unique_names("upstream", &self.file.upstreams, |upstream| &upstream.name)?;
        self.unique_names("job", &self.file.jobs, |job| &job.name)?;
        self.units()?;
        self.flags()?;
        self.file.tables.check(self.document)?;
        self.faults()?;
        span_check::check(self)?;
        self.conditions()?;
        placeholder::check(self.document)
    }

    fn service(&self) -> Result<(), Error> {
        let service = &self.file.service;
        let fail = |message: &str| Err(self.document.error_at(service.span(), message));
        let (cargo, command) = (&service.get_ref().cargo, &service.get_ref().command);
        if cargo.is_some() != command.is_empty() {
            return fail("`[service]` needs either `cargo = { bin = … }` or `command = [ … ]`");
        }
        let Service { ready, one_shot, .. } = service.get_ref();
        if *one_shot && ready.condition_count() > 0 {
            return fail("a `one-shot` service is ready at once; remove `ready`");
        }
        if let Some(problem) = ready_problem(ready).filter(|_| !one_shot) {
            return fail(&problem);
        }
        let Service { command, env, inherit, .. } = service.get_ref();
        let uses_job = command.iter().chain(env.values()).any(|text| text.contains("{job.file}"));
        if uses_job && !self.file.routes.iter().any(|route| route.get_ref().at_start) {
            return fail(
                "`{job.file}` in `[service]` needs a route with `at-start = true`, and the spec has \
                 none",
            );
        }
        self.inherited(inherit, service.span())
    }

    /// Rejects flags among the inherited variables: each case sets every flag itself.
    fn inherited(&self, names: &[String], span: Range<usize>) -> Result<(), Error> {
        let is_flag =
            |name: &&String| self.file.flags.iter().any(|flag| flag.get_ref().name == **name);
        match names.iter().find(is_flag) {
            Some(name) => {
                let message =
                    format!("`{name}` is a flag, so each case sets it; remove it from `inherit`");
                Err(self.document.error_at(span, message))
            }
            None => Ok(()),
        }
    }

    fn processes(&self) -> Result<(), Error> {
        let processes = &self.file.processes;
        if !processes.is_empty() {
            self.unique_names("process", processes, |process| &process.name)?;
        }
        for process in processes {
            let fail = |message: String| Err(self.document.error_at(process.span(), message));
            let Process { name, command, ready, inherit, shared, .. } = process.get_ref();
            if let Some(problem) = self.sharing_problem(process.get_ref()).filter(|_| *shared) {
                return fail(format!("the process `{name}`: {problem}"));
            }
            let is_word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
            if name.is_empty() || !name.chars().all(is_word) {
                return fail(format!(
                    "`{name}` can't be the name of a process; use lowercase letters, digits and `-`"
                ));
            }
            if command.is_empty() {
                return fail(format!("the process `{name}` has an empty `command`"));
            }
            if let Some(problem) = ready.as_ref().and_then(ready_problem) {
                return fail(format!("the process `{name}`: {problem}"));
            }
            self.inherited(inherit, process.span())?;
        }
        Ok(())
    }

    /// Returns what is wrong with a process that all cases share; `None` if it can be shared.
    fn sharing_problem(&self, process: &Process) -> Option<String> {
        if !process.helper {
            return Some("only a `helper` can be `shared`".to_owned());
        }
        let others = self.file.processes.iter().map(Spanned::get_ref).filter(|other| !other.shared);
        let ports = others.map(|other| format!("{{port:{}}}", other.name));
        let per_case = ["{database.", "{upstream.", "{case}", "{port}", "{job.file}"];
        let per_case: Vec<_> = per_case.map(str::to_owned).into_iter().chain(ports).collect();
        let found = process.texts().find_map(|text| {
            let at = per_case.iter().find_map(|part| text.find(part.as_str()))?;
            text[at..].split_inclusive('}').next()
        })?;
        Some(format!("`{found}` differs from case to case; use another value, or remove `shared`"))
    }

    fn routes(&self) -> Result<(), Error> {
        for route in &self.file.routes {
            let Route { name, path, sql, command, method, at_start, .. } = route.get_ref();
            if let Some(problem) = self.end_problem(route.get_ref()) {
                return Err(self.document.error_at(route.span(), problem));
            }
            if method.is_empty() || !method.bytes().all(|byte| byte.is_ascii_uppercase()) {
                let message = format!(
                    "route `{name}`: `{method}` is not an HTTP method; use one such as `POST`"
                );
                return Err(self.document.error_at(route.span(), message));
            }
            let ways = [path.is_some(), sql.is_some(), !command.is_empty(), *at_start];
            if ways.iter().filter(|given| **given).count() != 1 {
                let message = format!(
                    "route `{name}` needs exactly one of `path`, `sql`, `command` and `at-start`"
                );
                return Err(self.document.error_at(route.span(), message));
            }
        }
        Ok(())
    }

    /// Returns what is wrong with the way to recognise that a job of the route has ended; `None` if
    /// nothing is wrong.
    fn end_problem(&self, route: &Route) -> Option<String> {
        let Route { name, at_start, done, .. } = route;
        let one_shot = self.file.service.get_ref().one_shot;
        if one_shot && !at_start {
            return Some(format!(
                "route `{name}`: a `one-shot` service gets its work when it starts; use `at-start = true`"
            ));
        }
        if one_shot && done.is_some() {
            return Some(format!(
                "route `{name}`: the job of a `one-shot` service ends with the service; remove `done`"
            ));
        }
        if !one_shot && done.is_none() && self.file.tables.jobs.table.is_empty() {
            return Some(format!(
                "route `{name}`: without a table of jobs, the route needs `done`, a way to recognise that a \
                 job has ended"
            ));
        }
        let problem = done.as_ref().and_then(Done::problem)?;
        Some(format!("route `{name}`: {problem}"))
    }

    fn database(&self) -> Result<(), Error> {
        let Some(section) = &self.file.database else { return Ok(()) };
        let database = section.get_ref();
        if database.schema.is_some() && database.migrations.is_some() {
            let message = "`[database]` can have `migrations` or `schema`, not both; remove one";
            return Err(self.document.error_at(section.span(), message));
        }
        if database.migrate.is_empty() && !database.inputs.is_empty() {
            let message =
                "`inputs` lists the files that `migrate` reads, but `migrate` is missing; add it";
            return Err(self.document.error_at(section.span(), message));
        }
        if database.service_migrates && self.file.service.get_ref().one_shot {
            let message = "for `service-migrates`, spanproof starts the service once more to create the \
                           tables, but a `one-shot` service would also do its work then; use `migrate` or \
                           `schema`";
            return Err(self.document.error_at(section.span(), message));
        }
        Ok(())
    }

    /// Rejects an empty list, and two items with the same name.
    fn unique_names<T>(
        &self,
        kind: &str,
        items: &[Spanned<T>],
        name: impl Fn(&T) -> &str,
    ) -> Result<(), Error> {
        if items.is_empty() {
            return Err(self
                .document
                .error_at(0..0, format!("the spec needs at least one `[[{kind}]]`")));
        }
        for (at, item) in items.iter().enumerate() {
            let this = name(item.get_ref());
            if items[..at].iter().any(|other| name(other.get_ref()) == this) {
                let message = format!("`{this}` is declared twice; remove one `[[{kind}]]`");
                return Err(self.document.error_at(item.span(), message));
            }
        }
        Ok(())
    }

    /// Rejects jobs without units, because they would pass even if the service did nothing.
    fn units(&self) -> Result<(), Error> {
        let places: JobUnits = self.document.parse()?;
        for (job, place) in self.file.jobs.iter().zip(places.job) {
            let Job { name, units, .. } = job.get_ref();
            if *units == 0 {
                let message = format!(
                    "job `{name}` has no units, so it would pass without any span; set `units`"
                );
                return Err(self.document.error_at(place.units.span(), message));
            }
        }
        Ok(())
    }

    fn flags(&self) -> Result<(), Error> {
        if !self.file.flags.is_empty() {
            self.unique_names("flag", &self.file.flags, |flag| &flag.name)?;
        }
        flag_check::check(self)
    }

    fn faults(&self) -> Result<(), Error> {
        let faults = &self.file.faults;
        if !faults.is_empty() {
            self.unique_names("fault", faults, Fault::name)?;
        }
        let submits = self.file.routes.iter().any(|route| !route.get_ref().at_start);
        if let (Some(fault), false) = (faults.first(), submits) {
            let message = if self.file.service.get_ref().one_shot {
                "after a fault, spanproof submits a second job, but a `one-shot` service gets only one; \
                 remove the fault"
            } else {
                "after a fault, spanproof submits a second job, but no `[[route]]` can submit one; add such \
                 a route, or remove the fault"
            };
            return Err(self.document.error_at(fault.span(), message));
        }
        let has_failure_probe = self.file.probes.has_failure_probe();
        for fault in faults {
            if let Some(problem) = fault.get_ref().problem(&self.file.tables, has_failure_probe) {
                return Err(self.document.error_at(fault.span(), problem));
            }
            let Some(target) = &fault.get_ref().process else { continue };
            let mut processes = self.file.processes.iter().map(Spanned::get_ref);
            let names = processes.clone().map(|process| process.name.as_str());
            let message = match processes.find(|process| process.name == *target) {
                Some(process) if process.helper => format!(
                    "`{target}` is a helper, and a fault kills only a process under test; name another process"
                ),
                Some(_) => continue,
                None => {
                    let hint = suggestion(target, names);
                    format!("there is no `[[process]]` named `{target}`{hint}")
                }
            };
            return Err(self.document.error_at(fault.span(), message));
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
        let known = self.possible_values();
        for (name, values) in rule.terms() {
            let Some(possible) = known.get(name) else {
                let hint = suggestion(name, known.keys().copied());
                let message = format!(
                    "`{name}` is neither a flag nor `route`, `upstream`, `job` or `fault`{hint}"
                );
                return Err(self.document.error_at(span, message));
            };
            if let Some(value) = values.iter().find(|value| !possible.contains(value)) {
                let list: Vec<_> = possible.iter().map(ToString::to_string).collect();
                let list = list.join(", ");
                let message = format!("`{name}` is never {value}; its values are {list}");
                return Err(self.document.error_at(span, message));
            }
        }
        Ok(())
    }

    /// Returns every name that a condition may use, with its values.
    fn possible_values(&self) -> BTreeMap<&str, Vec<Value>> {
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

/// Returns what is wrong with the conditions in `ready`; `None` if nothing is wrong.
fn ready_problem(ready: &Ready) -> Option<String> {
    if ready.condition_count() != 1 {
        return Some("`ready` needs exactly one of `http`, `line`, `sql` and `tcp`".to_owned());
    }
    let error = regex::Regex::new(ready.line.as_deref()?).err()?;
    Some(format!("`ready.line` is not a regular expression: {error}"))
}

#[cfg(test)]
mod tests {
    use crate::spec::try_example;

    #[test]
    fn a_process_is_refused_for_a_fault_that_kills_none() {
        let process = "\n[[process]]\nname = \"worker\"\ncommand = [\"worker\"]\n";
        let parse = |kind: &str| {
            let old = format!("kind = \"{kind}\"\n");
            let new = format!("{old}process = \"worker\"\n");
            try_example(|text| text.replace(&old, &new) + process)
                .err()
                .map(|error| error.to_string())
        };
        assert_eq!(parse("killed-mid-job"), None);
        let error = parse("locked").unwrap();
        assert!(error.contains("`process` is for the kinds that kill"), "{error}");
    }

    #[test]
    fn a_fault_can_not_kill_a_helper() {
        let process = "\n[[process]]\nname = \"redis\"\ncommand = [\"redis\"]\nhelper = true\n";
        let old = "kind = \"killed-mid-job\"\n";
        let new = format!("{old}process = \"redis\"\n");
        let error = try_example(|text| text.replace(old, &new) + process).unwrap_err().to_string();
        assert!(error.contains("`redis` is a helper"), "{error}");
    }
}
