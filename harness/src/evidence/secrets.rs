//! The one place where all of evidence is masked, before anything can write it.

use super::{Evidence, Reached, Recovery, Row, Rows};
use crate::mask::{MASK, Secrets, is_secret};
use crate::matrix::Case;
use crate::spec::{Spec, Tables, Value};
use crate::upstream::Answer;

impl Evidence {
    /// Masks every text in it, but for what judging depends on: the tracing flag, and the columns
    /// that hold ids, statuses and operations.
    #[must_use]
    pub fn masked(mut self, spec: &Spec, secrets: &Secrets) -> Self {
        let tracing = spec.tracing_flag().map(|flag| flag.name.as_str());
        for (name, value) in &mut self.environment {
            if Some(name.as_str()) != tracing {
                *value = secrets.variable(name, value);
            }
        }
        for (name, value) in &mut self.case.flags {
            *value = shown(spec, name, value, Some(secrets));
        }
        for exchange in &mut self.exchanges {
            for (name, value) in &mut exchange.headers {
                if Some(name) != spec.tables.spans.header.as_ref() {
                    *value = secrets.variable(name, value);
                }
            }
            if let Answer::Unmatched(reply) = &mut exchange.answer {
                *reply = secrets.text(reply);
            }
        }
        for text in self.texts() {
            *text = secrets.text(text);
        }
        let kept = kept(&spec.tables);
        let mut tables = vec![[&mut self.jobs, &mut self.units, &mut self.spans]];
        tables.extend(self.recovery.as_mut().map(Recovery::tables));
        for table in tables {
            for (rows, kept) in table.into_iter().zip(&kept) {
                mask_rows(rows, kept, secrets);
            }
        }
        self
    }

    /// The texts that can be masked without regard to what they are.
    fn texts(&mut self) -> Vec<&mut String> {
        let mut texts = vec![&mut self.command];
        texts.extend(self.names.iter_mut().map(|(_, value)| value));
        texts.extend(self.output.lines.iter_mut().map(|line| &mut line.text));
        for reached in [Some(&mut self.ready), self.settled.as_mut()].into_iter().flatten() {
            if let Reached::No(why) = reached {
                texts.push(why);
            }
        }
        if let Some(submission) = &mut self.submission {
            texts.extend([&mut submission.request, &mut submission.body]);
        }
        if let Some(recovery) = &mut self.recovery {
            texts.extend(recovery.texts());
        }
        for exchange in &mut self.exchanges {
            texts.extend([&mut exchange.path, &mut exchange.body]);
        }
        texts.extend(&mut self.exit.strays);
        for failure in self.witness.iter_mut().flat_map(|witness| &mut witness.failures) {
            texts.push(&mut failure.message);
            texts.extend(&mut failure.statement);
        }
        texts
    }
}

/// The columns that stay as they are, of jobs, units and spans.
fn kept(tables: &Tables) -> [Vec<&str>; 3] {
    let (units, spans) = (&tables.units, &tables.spans);
    [
        vec![&tables.jobs.status],
        vec![&units.id, &units.status, &spans.trace],
        vec![&spans.trace, &spans.id, &spans.parent, &spans.unit, &spans.operation, &spans.status],
    ]
    .map(|names| names.into_iter().map(String::as_str).collect())
}

fn mask_rows(rows: &mut Rows, kept: &[&str], secrets: &Secrets) {
    let mask = |row: &mut Row| {
        for (column, value) in row.iter_mut() {
            if !kept.contains(&column.as_str()) {
                secrets.field(column, value);
            }
        }
    };
    match rows {
        Rows::Found(rows) => rows.iter_mut().for_each(mask),
        Rows::Unreadable(why) => *why = secrets.text(why),
    }
}

/// The secrets among the variables of a case; the value of the tracing flag is none.
pub fn secrets<'a>(
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

/// The value of a flag as it may be shown. One under a secret's name is masked; its place among
/// the values of the spec stays, so that unlike cases are still unlike.
pub(super) fn shown(spec: &Spec, name: &str, value: &Value, secrets: Option<&Secrets>) -> Value {
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
    use std::path::Path;

    use serde_json::json;

    use super::*;
    use crate::evidence::{FORMAT, Failure, StartupCut, Submission, Witness, group};
    use crate::process::{Ending, Exit, Line, Output, Stream};
    use crate::upstream::Exchange;

    /// The spec of this repository with a flag of its own that is a secret.
    fn spec() -> Spec {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../spanproof.toml");
        let mut spec = Spec::read(&path).unwrap();
        let mut flag = spec.flags[1].clone();
        flag.name = "ADMIN_TOKEN".into();
        flag.values = ["hunter3", "hunter4"].map(|text| Value::Set(text.into())).into();
        spec.flags.push(flag);
        spec
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

    fn recovery(said: &str) -> Recovery {
        let no = || Reached::No(said.to_owned());
        Recovery {
            output: Output { lines: vec![Line::new(Stream::Stderr, 0, said)], ..Output::default() },
            startup: StartupCut::default(),
            ready: no(),
            submission: Some(Submission { request: said.into(), status: 202, body: said.into() }),
            settled: Some(no()),
            jobs: Rows::Unreadable(said.into()),
            units: rows(&json!({"id": 7, "status": "hunter3ed", "output": {"error": said}})),
            spans: rows(&json!({"span_id": "s", "metadata": [{"x-api-key": "swordfish"}]})),
            exit: exit(),
        }
    }

    /// Evidence with a secret wherever a text can stand.
    fn leaking(spec: &Spec) -> Evidence {
        let said = "hunter3 http://u:swordfish@h";
        let named = |name: &str| (name.to_owned(), "swordfish".to_owned());
        let no = || Reached::No(said.to_owned());
        Evidence {
            format: FORMAT.into(),
            case: case(spec, "hunter3"),
            command: format!("runner --api-key swordfish {said}"),
            program: None,
            environment: [named("DB_PASS"), ("ENABLE_DB_TRACING".into(), "true".into())].into(),
            names: vec![("DATABASE".into(), said.into())],
            output: Output { lines: vec![Line::new(Stream::Stdout, 0, said)], ..Output::default() },
            startup: StartupCut::default(),
            ready: no(),
            submission: Some(Submission { request: said.into(), status: 202, body: said.into() }),
            settled: Some(no()),
            jobs: Rows::Unreadable(said.into()),
            units: rows(&json!({"id": 7, "status": "hunter3ed", "output": {"error": said}})),
            spans: rows(
                &json!({"span_id": "s", "tokens": 5, "metadata": [{"x-api-key": "swordfish"}]}),
            ),
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
            recovery: Some(recovery(said)),
            exit: exit(),
            timings: std::collections::BTreeMap::new(),
            deployment: None,
        }
    }

    #[test]
    fn no_text_of_evidence_is_left_out() {
        let spec = spec();
        let leaking = leaking(&spec);
        let secrets = secrets(&spec, &leaking.case, &leaking.environment);
        let masked = leaking.masked(&spec, &secrets);
        assert_eq!(masked.units.all()[0]["status"], "hunter3ed", "a status stays");
        assert_eq!(masked.environment["ENABLE_DB_TRACING"], "true");
        assert_eq!(masked.case.flag("ENABLE_DB_TRACING"), Value::Set("true".into()));
        assert!(masked.exchanges[0].body.contains(r#""max_tokens":500"#));
        let all = serde_json::to_string(&masked).unwrap().replace("hunter3ed", "");
        assert!(!all.contains("hunter3") && !all.contains("swordfish"), "{all}");
    }

    #[test]
    fn a_snapshot_is_never_named_by_a_secret() {
        let spec = spec();
        let names = ["hunter3", "hunter4", "other"].map(|token| group(&spec, &case(&spec, token)));
        assert!(!names.join(" ").contains("hunter"), "{names:?}");
        assert!(names[0] != names[1] && names[1] != names[2], "{names:?}");
        let evidence = leaking(&spec);
        let secrets = secrets(&spec, &evidence.case, &evidence.environment);
        assert_eq!(group(&spec, &evidence.masked(&spec, &secrets).case), names[0]);
    }
}
