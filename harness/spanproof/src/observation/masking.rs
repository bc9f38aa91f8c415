//! Masks the secrets of an observation as soon as it is created, so that no code can store or print
//! them.

use serde_json::Value as Json;

use super::column_role::{ColumnRole, NameMasker, is_compared};
use super::found_secrets::found_secrets;
use super::visit::{Part, Visitor};
use super::{Observation, Row, Rows, Table};
use crate::mask::{MASK, PemLines, Secrets};
use crate::matrix::Case;
use crate::spec::{Spec, Value};

impl Observation {
    /// Masks every text without changing the verdict: the tracing flag keeps its value, and
    /// different values stay different in the columns that verdicts compare.
    #[must_use]
    pub(crate) fn masked(mut self, spec: &Spec, secrets: &Secrets) -> Self {
        let secrets = secrets.and(&spec_secrets(spec)).and(&found_secrets(&mut self, spec));
        // The lines of a log were masked when they were read.
        let keep_lines = self.deployment().is_some();
        self.visit(&mut Masker::new(spec, &secrets, keep_lines));
        self
    }
}

impl Rows {
    /// Masks rows that are not part of an observation, as [`Observation::masked`] does.
    #[must_use]
    pub(crate) fn masked(mut self, spec: &Spec, table: Table, secrets: &Secrets) -> Self {
        let secrets = secrets.and(&spec_secrets(spec));
        self.visit(table, &mut Masker::new(spec, &secrets, false));
        self
    }
}

/// A visitor that masks secrets.
struct Masker<'a> {
    spec: &'a Spec,
    secrets: &'a Secrets,
    /// Whether lines were masked before. Then only known secrets, and private keys of several lines, are
    /// masked in them.
    keep_lines: bool,
    names: NameMasker,
    private_keys: PemLines,
}

impl<'a> Masker<'a> {
    fn new(spec: &'a Spec, secrets: &'a Secrets, keep_lines: bool) -> Self {
        let (names, private_keys) = (NameMasker::default(), PemLines::default());
        Self { spec, secrets, keep_lines, names, private_keys }
    }
}

impl Visitor for Masker<'_> {
    fn text(&mut self, _part: Part, text: &mut String) {
        *text = self.secrets.text(text);
    }

    fn named_value(&mut self, _part: Part, name: &str, value: &mut String) {
        if !is_compared(self.spec, name) {
            *value = self.secrets.variable(name, value);
        }
    }

    fn flag(&mut self, name: &str, value: &mut Value) {
        *value = masked_flag(self.spec, name, value, Some(self.secrets));
    }

    fn line(&mut self, text: &mut String) {
        if !self.keep_lines {
            self.private_keys.mask(text);
            *text = self.secrets.text(text);
        } else if self.spec.probes.banner(text).is_none() {
            self.private_keys.mask(text);
            *text = self.secrets.mask_values(text);
        }
    }

    fn body(&mut self, body: &mut String) {
        *body = self.secrets.text(body);
    }

    fn row(&mut self, table: Table, row: &mut Row) {
        for (column, value) in row.iter_mut() {
            match (ColumnRole::find(&self.spec.tables, table, column), value) {
                (Some(role), Json::String(text)) => {
                    let mask_secrets = |text: &str| self.secrets.text(text);
                    *text = self.names.mask(self.spec, role, text, mask_secrets);
                }
                (Some(_), Json::Null | Json::Bool(_) | Json::Number(_)) => {}
                (Some(_), value) => self.secrets.json(value),
                (None, value) => self.secrets.field(column, value),
            }
        }
    }
}

/// Collects the secrets among the environment variables and flags of a case. The value of the
/// tracing flag is never a secret.
pub(crate) fn secrets<'a>(
    spec: &Spec,
    case: &'a Case,
    environment: impl IntoIterator<Item = (&'a String, &'a String)>,
) -> Secrets {
    let tracing_flag = spec.tracing_flag().map(|flag| flag.name.as_str());
    let tracing_value = tracing_flag
        .and_then(|name| case.flags.iter().find(|(flag, _)| flag == name))
        .and_then(|(_, value)| value.text());
    let flags = case.flags.iter().filter_map(|(name, value)| Some((name.as_str(), value.text()?)));
    let all = environment.into_iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let all: Vec<_> = all
        .chain(flags)
        .filter(|(name, value)| Some(*name) != tracing_flag && Some(*value) != tracing_value)
        .collect();
    from_variables(spec, all.into_iter())
}

/// Returns the secrets that a spec contains: in the values of its flags and in the environments of its
/// processes. The values of the tracing flag are never secrets.
pub(crate) fn spec_secrets(spec: &Spec) -> Secrets {
    let is_tracing_value = |text: &str| {
        let value = Value::Set(text.to_owned());
        spec.tracing_flag().is_some_and(|flag| flag.values.contains(&value))
    };
    let flags = spec.flags.iter().filter(|flag| !flag.tracing);
    let flags =
        flags.flat_map(|flag| flag.values.iter().map(move |value| (&flag.name, value.text())));
    let flags = flags.filter_map(|(name, text)| Some((name, text?)));
    let others = spec.processes.iter().flat_map(|process| &process.env);
    let variables = spec.service.env.iter().chain(others);
    let variables = variables.map(|(name, text)| (name, text.as_str()));
    let all = flags.chain(variables).filter(|(_, text)| !is_tracing_value(text));
    // A text with a placeholder is not the value that the process gets. Without its name, the whole text is
    // not a secret, but a password in it still is.
    let all = all.map(|(name, text)| (if text.contains('{') { "" } else { name.as_str() }, text));
    from_variables(spec, all)
}

/// Collects the secrets of variables, including the variables that the spec lists as secrets.
fn from_variables<'a>(
    spec: &Spec,
    all: impl Iterator<Item = (&'a str, &'a str)> + Clone,
) -> Secrets {
    let names = &spec.service.secrets;
    let user = Secrets::default().with_names(names);
    let named = all.clone().filter(|(name, _)| user.is_named(name));
    let named = Secrets::new(named.map(|(_, text)| text.to_owned()).collect());
    Secrets::from_variables(all).and(&named).with_names(names)
}

/// Returns the case with masked flags, for output and storage.
#[must_use]
pub(crate) fn masked_case(spec: &Spec, case: &Case) -> Case {
    let mut case = case.clone();
    for (name, value) in &mut case.flags {
        *value = masked_flag(spec, name, value, None);
    }
    case
}

/// Puts the spec's values back into the flags of a masked case, so that the spec's conditions can
/// be evaluated. A value that the spec does not list stays masked.
#[must_use]
pub(crate) fn unmasked_flags(spec: &Spec, case: &Case) -> Case {
    let mut case = case.clone();
    for (name, value) in &mut case.flags {
        let number = value.text().and_then(|text| text.strip_prefix(MASK)?.parse::<usize>().ok());
        let flag = spec.flags.iter().find(|flag| flag.name == *name);
        let original =
            flag.zip(number).and_then(|(flag, number)| flag.values.get(number.checked_sub(1)?));
        *value = original.unwrap_or(value).clone();
    }
    case
}

/// Masks the value of a flag if it is a secret. The masked text ends with the position of the value
/// in the spec's list, so that different cases stay different. The tracing flag is never masked. `secrets`
/// are further values to mask; without them, the result depends only on the spec and the value.
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
        _ if Secrets::default().with_names(&spec.service.secrets).has_name(name, text) => {
            MASK.to_owned()
        }
        Some(secrets) => secrets.text(text),
        None => crate::mask::text(text),
    };
    if masked == *text {
        return value.clone();
    }
    let index = flag.and_then(|flag| flag.values.iter().position(|other| other == value));
    Value::Set(index.map_or(masked.clone(), |index| format!("{MASK}{}", index + 1)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::observation::{
        Deployment, Failure, JobRun, LineCounts, Log, LogFacts, LogLine, Origin, ProcessRun,
        Repetition, Rows, RunningStatement, SecondJob, Service, Submission, TableRows, TrialRecord,
        WaitResult, Witness, snapshot_name,
    };
    use crate::process::{Ending, Exit, Line, Output, Stream};
    use crate::spec::{Overlay, example};
    use crate::upstream::{Answer, Exchange};

    /// The spec of this repository with an additional flag that is a secret.
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
        Rows::from(vec![row.as_object().unwrap().clone()])
    }

    fn exit() -> Exit {
        Exit {
            ending: Ending::Code(0),
            stop_requested: true,
            killed: false,
            at_ms: 1,
            stop_ms: 1,
            strays: vec!["7 (hunter3)".into()],
            process: None,
        }
    }

    fn process_run(text: &str) -> ProcessRun {
        let lines = vec![Line::new(Stream::Stdout, 0, text)];
        ProcessRun {
            output: Output { lines, ..Output::default() },
            startup: LineCounts::default(),
            ready: WaitResult::NotReached(text.to_owned()),
            exit: exit(),
        }
    }

    fn job_run(text: &str) -> JobRun {
        JobRun {
            submission: Some(Submission { request: text.into(), status: 202, body: text.into() }),
            settled: Some(WaitResult::NotReached(text.to_owned())),
        }
    }

    fn tables(text: &str) -> TableRows {
        TableRows {
            jobs: Rows::Unreadable(text.into()),
            units: rows(&json!({"id": 7, "status": "hunter3ed", "output": {"error": text}})),
            spans: rows(
                &json!({"span_id": "s", "tokens": 5, "metadata": [{"x-api-key": "swordfish"}]}),
            ),
        }
    }

    fn failure(text: &str) -> Failure {
        Failure { state: "42501".into(), message: text.into(), statement: Some(text.into()) }
    }

    fn row_gain(text: &str) -> spanproof_format::RowGain {
        let mut gain = spanproof_format::RowGain::new("0");
        gain.error = Some(text.to_owned());
        gain
    }

    /// An observation with a secret in every text.
    fn with_secrets(spec: &Spec) -> Observation {
        with_text(spec, "hunter3 http://u:swordfish@h")
    }

    fn repetition(text: &str) -> Repetition {
        Repetition { witness: true, codes: Vec::new(), error: Some(text.into()), longer_wait: None }
    }

    /// An observation with this text in every field.
    fn with_text(spec: &Spec, text: &str) -> Observation {
        let named = |name: &str| (name.to_owned(), "swordfish".to_owned());
        let trial = TrialRecord {
            service: Service {
                command: format!("runner --api-key swordfish {text}"),
                program: None,
                environment: [named("DB_PASS"), ("ENABLE_DB_TRACING".into(), "true".into())].into(),
                placeholders: vec![("DATABASE".into(), text.into())],
            },
            run: process_run(text),
            job_run: job_run(text),
            strangers: [(format!("7 ({text})"), 1)].into(),
            server_errors: Vec::new(),
            server_log_read: false,
            other_tables: Vec::new(),
            period: None,
            variations: None,
            repetitions: vec![repetition(text)],
            job_times: None,
            spans_before_stop: None,
            most_spans: None,
            spans_arriving: false,
            running_statements: vec![RunningStatement {
                statement: text.into(),
                running_ms: 7,
                blocked_by: Some(text.into()),
            }],
            row_gains: vec![row_gain(text)],
            helpers: vec![process_run(text).output],
            witness: Some(Witness { failures: vec![failure(text)], ..Witness::default() }),
            exchanges: vec![Exchange {
                at_ms: 1,
                answered: None,
                method: "POST".into(),
                path: "/hunter3".into(),
                headers: [named("x-api-key"), named("authorization"), named("cookie")].into(),
                body: json!({"max_tokens": 500, "prompt": text}).to_string(),
                answer: Answer::Unmatched(text.into()),
            }],
            second_job: Some(Box::new(SecondJob {
                run: process_run(text),
                job_run: job_run(text),
                tables: tables(text),
                server_errors: None,
            })),
            request_counts: Vec::new(),
            is_later_job: false,
            further_jobs: vec![SecondJob {
                run: process_run(text),
                job_run: job_run(text),
                tables: tables(text),
                server_errors: Some(vec![failure(text)]),
            }],
            timings: std::collections::BTreeMap::new(),
        };
        let origin = Origin::Trial(Box::new(trial));
        Observation { case: case(spec, "hunter3"), tables: tables(text), origin }
    }

    #[test]
    fn every_text_of_a_trial_is_masked() {
        let spec = spec();
        let observation = with_secrets(&spec);
        let environment = &observation.trial().unwrap().service.environment;
        let secrets = secrets(&spec, &observation.case, environment);
        let masked = observation.masked(&spec, &secrets);
        assert_eq!(masked.tables.units.all()[0]["status"], "hunter3ed", "a status is not masked");
        let trial = masked.trial().unwrap();
        assert_eq!(trial.service.environment["ENABLE_DB_TRACING"], "true");
        assert_eq!(masked.case.flag("ENABLE_DB_TRACING"), Value::Set("true".into()));
        assert!(trial.exchanges[0].body.contains(r#""max_tokens":500"#));
        let all = format!("{masked:?}").replace("hunter3ed", "");
        assert!(!all.contains("hunter3") && !all.contains("swordfish"), "{all}");
    }

    #[test]
    fn a_secret_of_any_kind_is_masked_at_every_place_of_a_trial() {
        let spec = spec();
        for (text, parts) in crate::mask::tests::one_secret_of_each_kind() {
            let masked = with_text(&spec, &text).masked(&spec, &Secrets::default());
            let stored = spanproof_format::Observation::from(&masked);
            let all = format!("{masked:?} {}", serde_json::to_string(&stored).unwrap());
            let unmasked: Vec<_> =
                parts.iter().filter(|part| all.contains(part.as_str())).collect();
            assert!(unmasked.is_empty(), "{text}: {unmasked:?}");
        }
    }

    #[test]
    fn a_secret_that_follows_its_name_in_one_place_is_masked_in_all_places() {
        let spec = spec();
        let mut observation = with_text(&spec, "nothing");
        observation.tables.units = rows(&json!({"id": 7, "session_key": "Zq8rT2mW5xLp9v"}));
        if let Origin::Trial(trial) = &mut observation.origin {
            let lines =
                ["got Zq8rT2mW5xLp9v", "token=k3Jd82hsK1m", "again k3Jd82hsK1m", "id=5bc8fbbc1"];
            trial.run.output.lines = lines.map(|line| Line::new(Stream::Stdout, 0, line)).into();
        }
        let masked = observation.masked(&spec, &Secrets::default());
        let lines: Vec<_> = masked
            .trial()
            .unwrap()
            .run
            .output
            .lines
            .iter()
            .map(|line| line.text.as_str())
            .collect();
        assert_eq!(lines, ["got ***", "token=***", "again ***", "id=5bc8fbbc1"]);
    }

    #[test]
    fn values_whose_names_the_spec_lists_as_secrets_are_masked_everywhere() {
        let flag = "\n[[flag]]\nname = \"PIN_CODE\"\nvalues = [\"4821-77\"]\n";
        let spec = example(|text| {
            let named = "[service]\nsecrets = [\"pin_code\", \"badge\"]\n";
            text.replacen("[service]\n", named, 1) + flag
        });
        let mut observation = with_text(&spec, "the pin is 4821-77, the badge blue-7");
        observation.tables.units = rows(&json!({"id": 7, "badge": "blue-7", "n": {"badge": 5}}));
        let all = format!("{:?}", observation.masked(&spec, &Secrets::default()));
        assert!(!all.contains("4821-77") && !all.contains("blue-7"), "{all}");
        assert!(all.contains("{\"badge\": String(\"***\")}"), "{all}");
    }

    #[test]
    fn the_lines_of_a_private_key_are_masked_one_by_one() {
        let spec = spec();
        let mut observation = with_text(&spec, "nothing");
        let key = [
            "-----BEGIN EC PRIVATE KEY-----",
            "MHcCAQEEIBkg3Qz4j5tM",
            "x app: oUQDQgAEq1w2e3r4t5y6u7i8==",
            "ready",
            "-----END EC PRIVATE KEY-----",
            "MHcCAQEEIBkg3Qz4j5tM",
        ];
        if let Origin::Trial(trial) = &mut observation.origin {
            trial.run.output.lines = key.map(|line| Line::new(Stream::Stdout, 0, line)).into();
        }
        let masked = observation.masked(&spec, &Secrets::default());
        let lines: Vec<_> =
            masked.trial().unwrap().run.output.lines.iter().map(|line| line.text.clone()).collect();
        assert_eq!(lines[1..4], ["***", "x app: ***", "ready"]);
        assert_eq!(lines[5], key[5], "the key has ended");
    }

    #[test]
    fn every_text_of_a_deployment_is_masked_except_log_lines() {
        let spec = spec();
        let text = "hunter3 http://u:swordfish@h";
        let banner = "⚠️  DBTracer: DISABLED (ENABLE_DB_TRACING=hunter3)";
        let line = |text: &str| LogLine { number: 1, at: None, text: text.into(), process: None };
        let facts = LogFacts { name: text.into(), ..LogFacts::default() };
        let deployment = Deployment {
            database: Some(text.into()),
            log: Some(Log { facts, lines: vec![line(banner)], dropped_bytes: 0 }),
            unread: vec![text.into()],
            plans: vec![text.into()],
            ..Deployment::default()
        };
        let origin = Origin::Deployment(Box::new(deployment));
        let observation =
            Observation { case: case(&spec, "hunter3"), tables: tables(text), origin };
        let secrets = Secrets::from_variables([("ADMIN_TOKEN", "hunter3")]);
        let all = format!("{:?}", observation.masked(&spec, &secrets)).replace("hunter3ed", "");
        let flag = "ENABLE_DB_TRACING=hunter3";
        assert!(all.contains(flag), "{all}");
        let all = all.replace(flag, "");
        assert!(!all.contains("hunter3") && !all.contains("swordfish"), "{all}");
    }

    #[test]
    fn a_snapshot_name_never_contains_a_secret() {
        let spec = spec();
        let names =
            ["hunter3", "hunter4", "other"].map(|token| snapshot_name(&spec, &case(&spec, token)));
        assert!(!names.join(" ").contains("hunter"), "{names:?}");
        assert!(names[0] != names[1] && names[1] != names[2], "{names:?}");
        let observation = with_secrets(&spec);
        let environment = &observation.trial().unwrap().service.environment;
        let secrets = secrets(&spec, &observation.case, environment);
        assert_eq!(snapshot_name(&spec, &observation.masked(&spec, &secrets).case), names[0]);
    }

    #[test]
    fn unmasking_a_flag_restores_a_value_that_the_spec_lists() {
        let spec = spec();
        let masked = masked_case(&spec, &case(&spec, "hunter4"));
        assert!(!format!("{masked:?}").contains("hunter"));
        let unmasked = unmasked_flags(&spec, &masked);
        assert_eq!(unmasked.flag("ADMIN_TOKEN"), Value::Set("hunter4".into()));
        let other = unmasked_flags(&spec, &masked_case(&spec, &case(&spec, "elsewhere")));
        assert_eq!(
            other.flag("ADMIN_TOKEN"),
            Value::Set("***".into()),
            "the spec does not list this value"
        );
    }

    #[test]
    fn masking_a_row_keeps_the_columns_that_verdicts_compare() {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../spanproof.toml");
        let overlays = [
            Overlay::new("tables.spans.attributes", "{ api_key_id = 'api_key_id' }"),
            Overlay::new("tables.jobs.id", "'job_token'"),
            Overlay::new("tables.jobs.created", "'token_created_at'"),
        ];
        let spec = Spec::read_with(&path, &overlays).unwrap();
        let secrets = Secrets::from_variables([("ADMIN_TOKEN", "hunter3")]);
        let masked = |table: Table, row: &serde_json::Value| {
            let row = row.as_object().unwrap().clone();
            Rows::from(vec![row]).masked(&spec, table, &secrets).all()[0].clone()
        };
        let job = json!({"job_token": "469", "token_created_at": "2025-10-22T12:00:00+00:00"});
        assert_eq!(
            json!(masked(Table::Jobs, &job)),
            job,
            "the column names sound secret, the values are not"
        );
        let span = json!({"api_key_id": "hunter3", "operation": "GET http://u:swordfish@h/x",
            "status": "token=swordfish", "api_key": "swordfish"});
        let expected = json!({"api_key_id": "***", "operation": "GET http://u:***@h/x",
            "status": "token=***", "api_key": "***"});
        assert_eq!(json!(masked(Table::Spans, &span)), expected);
    }
}
