//! The columns by which work is judged: masked so that values that differ still do.

use std::collections::BTreeMap;

use super::Table;
use crate::mask;
use crate::spec::{Spec, Tables};

/// What is compared in a column that judging depends on. The column's name says nothing about it: a
/// job's id stays an id in a column `job_token`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Judged {
    /// A time or a duration, in which no secret can stand.
    Time,
    /// A status, of which the spec names the texts.
    Status,
    /// An id or a name, which is compared with others.
    Name,
}

impl Judged {
    /// What is compared in a column; `None` if nothing is.
    pub(crate) fn of(tables: &Tables, table: Table, column: &str) -> Option<Self> {
        let (jobs, units, spans) = (&tables.jobs, &tables.units, &tables.spans);
        let is_any = |names: &[&String]| names.iter().any(|name| *name == column);
        let (is_time, is_status, is_name) = match table {
            Table::Jobs => {
                (is_any(&[&jobs.created]), jobs.status == column, is_any(&[&jobs.id, &jobs.route]))
            }
            Table::Units => (
                is_any(&[&units.started, &units.completed]),
                units.status == column,
                is_any(&[&units.id, &units.job, &spans.trace])
                    || units.key.iter().chain(spans.link.values()).any(|name| name == column),
            ),
            Table::Spans => (
                is_any(&[&spans.started, &spans.completed, &spans.duration]),
                spans.status == column,
                is_any(&[&spans.trace, &spans.id, &spans.parent, &spans.unit])
                    || is_any(&[&spans.service, &spans.operation])
                    || spans.link.contains_key(column),
            ),
        };
        let judged = [(is_time, Self::Time), (is_status, Self::Status), (is_name, Self::Name)];
        judged.into_iter().find(|(is, _)| *is).map(|(_, judged)| judged)
    }
}

/// Whether recording is judged by this variable or header: the tracing flag, and the header with the
/// trace.
pub(crate) fn is_judged(spec: &Spec, name: &str) -> bool {
    spec.tracing_flag().is_some_and(|flag| flag.name == name)
        || spec.tables.spans.header.as_deref() == Some(name)
}

/// Masks names so that two that differ still do: of those that are masked alike, all but the first
/// get a number.
#[derive(Debug, Clone, Default)]
pub(crate) struct Names(BTreeMap<String, Vec<String>>);

impl Names {
    /// A text of a column that is judged, with its secrets masked by `secrets`.
    pub(crate) fn masked(
        &mut self,
        spec: &Spec,
        judged: Judged,
        text: &str,
        secrets: impl FnOnce(&str) -> String,
    ) -> String {
        match judged {
            Judged::Time => text.to_owned(),
            Judged::Status => mask::text(text),
            Judged::Name if is_id(text) || is_of_spec(spec, text) => text.to_owned(),
            Judged::Name => self.distinct(text, secrets(text)),
        }
    }

    fn distinct(&mut self, text: &str, masked: String) -> String {
        if !masked.contains(mask::MASK) {
            return masked;
        }
        let alike = self.0.entry(masked.clone()).or_default();
        let at = alike.iter().position(|other| other == text).unwrap_or(alike.len());
        if at == alike.len() {
            alike.push(text.to_owned());
        }
        if at == 0 { masked } else { format!("{masked} ({})", at + 1) }
    }
}

/// Whether it is a number, a UUID or a trace context. A short secret may happen to stand in one, and
/// the same id may stand elsewhere as a number or in a header.
fn is_id(text: &str) -> bool {
    text.chars().all(|c| c.is_ascii_hexdigit() || c == '-')
}

/// Whether the spec itself has this name: then it is no secret, and is compared with that.
fn is_of_spec(spec: &Spec, text: &str) -> bool {
    spec.service.name == text
        || spec.spans.iter().any(|rule| rule.operation == text)
        || spec.routes.iter().any(|route| route.name == text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::example;

    #[test]
    fn unlike_names_stay_unlike_and_masking_again_changes_nothing() {
        let spec = example(|text| text.replace("\"runner\"", "\"tokens:refresh\""));
        let names = ["Basic Llama-1b", "Basic Mistral-7b", "***", "us-east", "Basic Llama-1b"];
        let mask = |names: &[String]| -> Vec<String> {
            let mut masks = Names::default();
            let masked = |name: &String| masks.masked(&spec, Judged::Name, name, mask::text);
            names.iter().map(masked).collect()
        };
        let once = mask(&names.map(String::from));
        assert_eq!(once, ["Basic ***", "Basic *** (2)", "***", "us-east", "Basic ***"]);
        assert_eq!(mask(&once), once);
        let ids = ["91234", "5bc8fbbc-bde5-c099-1234-d8399f767c45", "eu-1234-west"];
        let secret = |text: &str| text.replace("1234", "***");
        let masked = ids.map(|id| Names::default().masked(&spec, Judged::Name, id, secret));
        assert_eq!(masked, [ids[0], ids[1], "eu-***-west"]);
        assert_eq!(mask(std::slice::from_ref(&spec.service.name)), ["tokens:refresh"]);
    }
}
