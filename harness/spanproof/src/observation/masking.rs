//! Secrets are masked when an observation is made, before anything can write it.

use serde_json::Value as Json;

use super::judged::{Judged, Names, is_judged};
use super::visit::{Part, Visitor};
use super::{Observation, Row, Rows, Table};
use crate::mask::{MASK, Secrets, is_secret};
use crate::matrix::Case;
use crate::spec::{Spec, Value};

impl Observation {
    /// Masks every text in it, so that it is judged as it was before: the tracing flag stays, and in
    /// columns that judging depends on values that differ still do.
    #[must_use]
    pub(crate) fn masked(mut self, spec: &Spec, secrets: &Secrets) -> Self {
        // A log was masked line by line while it was read.
        let keeps_lines = self.deployment().is_some();
        self.visit(&mut Masks { spec, secrets, keeps_lines, names: Names::default() });
        self
    }
}

impl Rows {
    /// Masks rows that are no part of an observation, as [`Observation::masked`] does.
    #[must_use]
    pub(crate) fn masked(mut self, spec: &Spec, table: Table, secrets: &Secrets) -> Self {
        self.visit(
            table,
            &mut Masks { spec, secrets, keeps_lines: false, names: Names::default() },
        );
        self
    }
}

/// Masks what it visits.
struct Masks<'a> {
    spec: &'a Spec,
    secrets: &'a Secrets,
    keeps_lines: bool,
    names: Names,
}

impl Visitor for Masks<'_> {
    fn text(&mut self, _part: Part, text: &mut String) {
        *text = self.secrets.text(text);
    }

    fn named(&mut self, _part: Part, name: &str, value: &mut String) {
        if !is_judged(self.spec, name) {
            *value = self.secrets.variable(name, value);
        }
    }

    fn flag(&mut self, name: &str, value: &mut Value) {
        *value = masked_flag(self.spec, name, value, Some(self.secrets));
    }

    fn line(&mut self, text: &mut String) {
        if !self.keeps_lines {
            *text = self.secrets.text(text);
        }
    }

    fn body(&mut self, body: &mut String) {
        *body = self.secrets.text(body);
    }

    fn row(&mut self, table: Table, row: &mut Row) {
        for (column, value) in row.iter_mut() {
            match (Judged::of(&self.spec.tables, table, column), value) {
                (Some(judged), Json::String(text)) => {
                    let secrets = |text: &str| self.secrets.text(text);
                    *text = self.names.masked(self.spec, judged, text, secrets);
                }
                (Some(_), Json::Null | Json::Bool(_) | Json::Number(_)) => {}
                (Some(_), value) => self.secrets.json(value),
                (None, value) => self.secrets.field(column, value),
            }
        }
    }
}

/// The secrets among the variables of a case; the value of the tracing flag is none.
pub(crate) fn secrets<'a>(
    spec: &Spec,
    case: &'a Case,
    environment: impl IntoIterator<Item = (&'a String, &'a String)>,
) -> Secrets {
    let tracing = spec.tracing_flag().map(|flag| flag.name.as_str());
    let told = tracing.and_then(|name| case.flags.iter().find(|(flag, _)| flag == name));
    let told = told.and_then(|(_, value)| value.text());
    let flags = case.flags.iter().filter_map(|(name, value)| Some((name.as_str(), value.text()?)));
    let all = environment.into_iter().map(|(name, value)| (name.as_str(), value.as_str()));
    Secrets::of(
        all.chain(flags).filter(|(name, value)| Some(*name) != tracing && Some(*value) != told),
    )
}

/// A case as it may be shown and stored.
#[must_use]
pub(crate) fn masked_case(spec: &Spec, case: &Case) -> Case {
    let mut case = case.clone();
    for (name, value) in &mut case.flags {
        *value = masked_flag(spec, name, value, None);
    }
    case
}

/// A masked case whose flags have the values of the spec again, so that conditions can be checked. A
/// value that the spec does not have stays masked.
#[must_use]
pub(crate) fn unmasked_flags(spec: &Spec, case: &Case) -> Case {
    let mut case = case.clone();
    for (name, value) in &mut case.flags {
        let place = value.text().and_then(|text| text.strip_prefix(MASK)?.parse::<usize>().ok());
        let flag = spec.flags.iter().find(|flag| flag.name == *name);
        let value_of_spec =
            flag.zip(place).and_then(|(flag, at)| flag.values.get(at.checked_sub(1)?));
        *value = value_of_spec.unwrap_or(value).clone();
    }
    case
}

/// The value of a flag as it may be shown. One under a secret's name is masked; its place among
/// the values of the spec stays, so that unlike cases are still unlike.
pub(crate) fn masked_flag(
    spec: &Spec,
    name: &str,
    value: &Value,
    secrets: Option<&Secrets>,
) -> Value {
    let Value::Set(text) = value else { return Value::Unset };
    let flag = spec.flags.iter().find(|flag| flag.name == name);
    if flag.is_some_and(|flag| flag.tracing) || text.starts_with(MASK) {
        return value.clone();
    }
    let masked = match secrets {
        _ if is_secret(name, text) => MASK.to_owned(),
        Some(secrets) => secrets.text(text),
        None => crate::mask::text(text),
    };
    if masked == *text {
        return value.clone();
    }
    let place = flag.and_then(|flag| flag.values.iter().position(|other| other == value));
    Value::Set(place.map_or(masked.clone(), |place| format!("{MASK}{}", place + 1)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::observation::{
        Deployment, Failure, Log, LogFacts, LogLine, Origin, ProcessRun, Reached, Rows, Second,
        Service, StartupCut, Submission, Tables, TrialRecord, Witness, Work, group,
    };
    use crate::process::{Ending, Exit, Line, Output, Stream};
    use crate::spec::{Overlay, example};
    use crate::upstream::{Answer, Exchange};

    /// The spec of this repository with a flag of its own that is a secret.
    fn spec() -> Spec {
        let flag = "\n[[flag]]\nname = \"ADMIN_TOKEN\"\nvalues = [\"hunter3\", \"hunter4\"]\n";
        example(|text| text + flag)
    }

    fn case(spec: &Spec, token: &str) -> Case {
        let set = |name: &str, text: &str| (name.to_owned(), Value::Set(text.to_owned()));
        let flags = vec![set("ENABLE_DB_TRACING", "true"), set("ADMIN_TOKEN", token)];
        Case::new(spec, flags, ["queued", "healthy", "one-unit"])
    }

    fn rows(row: &serde_json::Value) -> Rows {
        Rows::Found(vec![row.as_object().unwrap().clone()])
    }

    fn exit() -> Exit {
        Exit {
            ending: Ending::Code(0),
            asked: true,
            killed: false,
            at_ms: 1,
            stop_ms: 1,
            strays: vec!["7 (hunter3)".into()],
        }
    }

    fn run(said: &str) -> ProcessRun {
        let lines = vec![Line::new(Stream::Stdout, 0, said)];
        ProcessRun {
            output: Output { lines, ..Output::default() },
            startup: StartupCut::default(),
            ready: Reached::No(said.to_owned()),
            exit: exit(),
        }
    }

    fn work(said: &str) -> Work {
        Work {
            submission: Some(Submission { request: said.into(), status: 202, body: said.into() }),
            settled: Some(Reached::No(said.to_owned())),
        }
    }

    fn tables(said: &str) -> Tables {
        Tables {
            jobs: Rows::Unreadable(said.into()),
            units: rows(&json!({"id": 7, "status": "hunter3ed", "output": {"error": said}})),
            spans: rows(
                &json!({"span_id": "s", "tokens": 5, "metadata": [{"x-api-key": "swordfish"}]}),
            ),
        }
    }

    /// An observation with a secret wherever a text can stand.
    fn leaking(spec: &Spec) -> Observation {
        let said = "hunter3 http://u:swordfish@h";
        let named = |name: &str| (name.to_owned(), "swordfish".to_owned());
        let trial = TrialRecord {
            service: Service {
                command: format!("runner --api-key swordfish {said}"),
                program: None,
                environment: [named("DB_PASS"), ("ENABLE_DB_TRACING".into(), "true".into())].into(),
                names: vec![("DATABASE".into(), said.into())],
            },
            run: run(said),
            work: work(said),
            witness: Some(Witness {
                failures: vec![Failure {
                    state: "42501".into(),
                    message: said.into(),
                    statement: Some(said.into()),
                }],
                ..Witness::default()
            }),
            exchanges: vec![Exchange {
                at_ms: 1,
                method: "POST".into(),
                path: "/hunter3".into(),
                headers: [named("x-api-key"), named("authorization"), named("cookie")].into(),
                body: json!({"max_tokens": 500, "prompt": said}).to_string(),
                answer: Answer::Unmatched(said.into()),
            }],
            second: Some(Box::new(Second {
                run: run(said),
                work: work(said),
                tables: tables(said),
            })),
            timings: std::collections::BTreeMap::new(),
        };
        let origin = Origin::Trial(Box::new(trial));
        Observation { case: case(spec, "hunter3"), tables: tables(said), origin }
    }

    #[test]
    fn no_text_of_a_trial_is_left_out() {
        let spec = spec();
        let leaking = leaking(&spec);
        let environment = &leaking.trial().unwrap().service.environment;
        let secrets = secrets(&spec, &leaking.case, environment);
        let masked = leaking.masked(&spec, &secrets);
        assert_eq!(masked.tables.units.all()[0]["status"], "hunter3ed", "a status stays");
        let trial = masked.trial().unwrap();
        assert_eq!(trial.service.environment["ENABLE_DB_TRACING"], "true");
        assert_eq!(masked.case.flag("ENABLE_DB_TRACING"), Value::Set("true".into()));
        assert!(trial.exchanges[0].body.contains(r#""max_tokens":500"#));
        let all = format!("{masked:?}").replace("hunter3ed", "");
        assert!(!all.contains("hunter3") && !all.contains("swordfish"), "{all}");
    }

    #[test]
    fn no_text_of_a_deployment_is_left_out_but_lines_that_were_masked_as_they_were_read() {
        let spec = spec();
        let said = "hunter3 http://u:swordfish@h";
        let banner = "⚠️  DBTracer: DISABLED (ENABLE_DB_TRACING=hunter3)";
        let line = |text: &str| LogLine { number: 1, at: None, text: text.into() };
        let facts = LogFacts { name: said.into(), ..LogFacts::default() };
        let deployment = Deployment {
            database: Some(said.into()),
            log: Some(Log { facts, lines: vec![line(banner)], dropped_bytes: 0 }),
            unread: vec![said.into()],
            plans: vec![said.into()],
            ..Deployment::default()
        };
        let origin = Origin::Deployment(Box::new(deployment));
        let observation =
            Observation { case: case(&spec, "hunter3"), tables: tables(said), origin };
        let secrets = Secrets::of([("ADMIN_TOKEN", "hunter3")]);
        let all = format!("{:?}", observation.masked(&spec, &secrets)).replace("hunter3ed", "");
        let flag = "ENABLE_DB_TRACING=hunter3";
        assert!(all.contains(flag), "{all}");
        let all = all.replace(flag, "");
        assert!(!all.contains("hunter3") && !all.contains("swordfish"), "{all}");
    }

    #[test]
    fn a_snapshot_is_never_named_by_a_secret() {
        let spec = spec();
        let names = ["hunter3", "hunter4", "other"].map(|token| group(&spec, &case(&spec, token)));
        assert!(!names.join(" ").contains("hunter"), "{names:?}");
        assert!(names[0] != names[1] && names[1] != names[2], "{names:?}");
        let observation = leaking(&spec);
        let environment = &observation.trial().unwrap().service.environment;
        let secrets = secrets(&spec, &observation.case, environment);
        assert_eq!(group(&spec, &observation.masked(&spec, &secrets).case), names[0]);
    }

    #[test]
    fn a_condition_about_a_secret_flag_still_holds() {
        let spec = spec();
        let masked = masked_case(&spec, &case(&spec, "hunter4"));
        assert!(!format!("{masked:?}").contains("hunter"));
        let unmasked = unmasked_flags(&spec, &masked);
        assert_eq!(unmasked.flag("ADMIN_TOKEN"), Value::Set("hunter4".into()));
        let other = unmasked_flags(&spec, &masked_case(&spec, &case(&spec, "elsewhere")));
        assert_eq!(other.flag("ADMIN_TOKEN"), Value::Set("***".into()), "no value of the spec");
    }

    #[test]
    fn a_row_is_judged_as_it_was_before_it_was_masked() {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../spanproof.toml");
        let overlays = [
            Overlay::new("tables.spans.link", "{ api_key_id = 'api_key_id' }"),
            Overlay::new("tables.jobs.id", "'job_token'"),
            Overlay::new("tables.jobs.created", "'token_created_at'"),
        ];
        let spec = Spec::read_with(&path, &overlays).unwrap();
        let secrets = Secrets::of([("ADMIN_TOKEN", "hunter3")]);
        let masked = |table: Table, row: &serde_json::Value| {
            let row = row.as_object().unwrap().clone();
            Rows::Found(vec![row]).masked(&spec, table, &secrets).all()[0].clone()
        };
        let job = json!({"job_token": "469", "token_created_at": "2025-10-22T12:00:00+00:00"});
        assert_eq!(
            json!(masked(Table::Jobs, &job)),
            job,
            "columns are named so, and are no secrets"
        );
        let span = json!({"api_key_id": "hunter3", "operation": "GET http://u:swordfish@h/x",
            "status": "token=swordfish", "api_key": "swordfish"});
        let expected = json!({"api_key_id": "***", "operation": "GET http://u:***@h/x",
            "status": "token=***", "api_key": "***"});
        assert_eq!(json!(masked(Table::Spans, &span)), expected);
    }
}
