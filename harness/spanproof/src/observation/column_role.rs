//! The columns that verdicts depend on, and how their values are masked. Different names in such a column
//! stay different when masked, so masking changes no verdict. A unit is one part of a job.

use std::collections::BTreeMap;

use super::Table;
use crate::mask;
use crate::spec::{Spec, Tables};

/// The kind of values in a column that verdicts depend on. The kind follows from the spec, and not from
/// the column's name: if the spec says that a column `job_token` contains the ids of jobs, its values are
/// ids, although its name sounds like a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ColumnRole {
    /// A time or duration, which cannot contain a secret.
    Time,
    /// A status, which is compared with the statuses that the spec lists.
    Status,
    /// An id or a name, which is compared with values in other rows.
    Name,
}

impl ColumnRole {
    /// Returns the role of a column; `None` if verdicts do not depend on it.
    pub(crate) fn find(tables: &Tables, table: Table, column: &str) -> Option<Self> {
        let (jobs, units, spans) = (&tables.jobs, &tables.units, &tables.spans);
        let is_one_of = |names: &[&String]| names.iter().any(|name| *name == column);
        let (is_time, is_status, is_name) = match table {
            Table::Jobs => {
                let is_name = is_one_of(&[&jobs.id, &jobs.route]);
                (is_one_of(&[&jobs.created]), jobs.status == column, is_name)
            }
            Table::Units => (
                is_one_of(&[&units.started, &units.completed]),
                units.status == column,
                is_one_of(&[&units.job, &spans.trace])
                    || units
                        .id
                        .columns()
                        .iter()
                        .chain(&units.key)
                        .chain(spans.attributes.values())
                        .any(|name| name == column),
            ),
            Table::Spans => (
                is_one_of(&[&spans.started, &spans.completed, &spans.duration]),
                spans.status == column,
                is_one_of(&[&spans.trace, &spans.id, &spans.parent])
                    || spans.unit.columns().iter().any(|name| name == column)
                    || is_one_of(&[&spans.service, &spans.name])
                    || spans.attributes.contains_key(column),
            ),
        };
        let roles = [(is_time, Self::Time), (is_status, Self::Status), (is_name, Self::Name)];
        roles.into_iter().find(|(applies, _)| *applies).map(|(_, role)| role)
    }
}

/// Whether verdicts depend on the value of this variable or header: it is the tracing flag, or the header
/// that carries the trace id.
pub(crate) fn is_compared(spec: &Spec, name: &str) -> bool {
    spec.tracing_flag().is_some_and(|flag| flag.name == name)
        || spec.tables.spans.header.as_deref() == Some(name)
}

/// Masks names so that different names stay different: if several names become the same masked
/// text, all but the first get a number.
#[derive(Debug, Clone, Default)]
pub(crate) struct NameMasker {
    /// The original names of each masked text, in the order in which they were masked.
    names: BTreeMap<String, Vec<String>>,
}

impl NameMasker {
    /// Masks a value of a column with this role. `mask_secrets` masks a name that is neither an id nor in
    /// the spec.
    pub(crate) fn mask(
        &mut self,
        spec: &Spec,
        role: ColumnRole,
        text: &str,
        mask_secrets: impl FnOnce(&str) -> String,
    ) -> String {
        match role {
            ColumnRole::Time => text.to_owned(),
            ColumnRole::Status => mask::text(text),
            ColumnRole::Name if is_id(text) || is_in_spec(spec, text) => text.to_owned(),
            ColumnRole::Name => self.add_number(text, mask_secrets(text)),
        }
    }

    /// Adds a number to the masked text of a name if another name has the same masked text.
    fn add_number(&mut self, original: &str, masked: String) -> String {
        if !masked.contains(mask::MASK) {
            return masked;
        }
        let names = self.names.entry(masked.clone()).or_default();
        let index = names.iter().position(|name| name == original).unwrap_or(names.len());
        if index == names.len() {
            names.push(original.to_owned());
        }
        if index == 0 { masked } else { format!("{masked} ({})", index + 1) }
    }
}

/// Whether the text is an id: a number, a UUID or a trace context. Ids are never masked, even if they
/// contain a short secret by chance: the same id may also be in a JSON number or in the trace header, which
/// are not masked, and the id must be the same in all places.
fn is_id(text: &str) -> bool {
    text.chars().all(|c| c.is_ascii_hexdigit() || c == '-')
}

/// Whether the spec contains this name. Such a name is not a secret, and verdicts compare it.
pub(super) fn is_in_spec(spec: &Spec, text: &str) -> bool {
    spec.service.name == text
        || spec.spans.iter().any(|rule| rule.name == text)
        || spec.routes.iter().any(|route| route.name == text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::example;

    #[test]
    fn different_names_stay_different_and_masking_is_idempotent() {
        let spec = example(|text| text.replace("\"runner\"", "\"tokens:refresh\""));
        let names = ["Basic Llama-1b", "Basic Mistral-7b", "***", "us-east", "Basic Llama-1b"];
        let mask = |names: &[String]| -> Vec<String> {
            let mut masker = NameMasker::default();
            let masked = |name: &String| masker.mask(&spec, ColumnRole::Name, name, mask::text);
            names.iter().map(masked).collect()
        };
        let once = mask(&names.map(String::from));
        assert_eq!(once, ["Basic ***", "Basic *** (2)", "***", "us-east", "Basic ***"]);
        assert_eq!(mask(&once), once);
        let ids = ["91234", "5bc8fbbc-bde5-c099-1234-d8399f767c45", "eu-1234-west"];
        let secret = |text: &str| text.replace("1234", "***");
        let masked = ids.map(|id| NameMasker::default().mask(&spec, ColumnRole::Name, id, secret));
        assert_eq!(masked, [ids[0], ids[1], "eu-***-west"]);
        assert_eq!(mask(std::slice::from_ref(&spec.service.name)), ["tokens:refresh"]);
    }
}
