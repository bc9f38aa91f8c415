//! Selects cases of a spec by id, flag value, route (the way to submit a job), upstream, job or fault.

use std::str::FromStr;

use super::Case;
use crate::document::suggestion;
use crate::spec::Value;

/// A filter for cases: `NAME=value`, or `!NAME` for a flag that is unset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter {
    name: String,
    value: Value,
}

impl FromStr for Filter {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(name) = text.strip_prefix('!') {
            return Ok(Self { name: name.to_owned(), value: Value::Unset });
        }
        match text.split_once('=') {
            Some((name, value)) => {
                Ok(Self { name: name.to_owned(), value: Value::Set(value.to_owned()) })
            }
            None => Err("expected NAME=VALUE, or !NAME for a flag that is unset".into()),
        }
    }
}

/// A selection of cases; the default selects all cases.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// Ids or prefixes of ids. A case must match one of them.
    pub ids: Vec<String>,
    /// Filters. A case must meet all of them; filters with the same name are alternatives.
    pub filters: Vec<Filter>,
}

impl Selection {
    /// Returns the selected cases.
    ///
    /// # Errors
    /// If an id or a filter selects no case, if no case meets all filters, or if a prefix belongs
    /// to several ids.
    pub fn pick(&self, cases: Vec<Case>) -> Result<Vec<Case>, String> {
        for id in &self.ids {
            match cases.iter().filter(|case| case.id.starts_with(id.as_str())).count() {
                0 => {
                    return Err(format!(
                        "no case has the id `{id}`; `spanproof plan` lists the ids"
                    ));
                }
                1 => {}
                n => return Err(format!("`{id}` is a prefix of {n} ids; give more digits")),
            }
        }
        for filter in &self.filters {
            check_filter(filter, &cases)?;
        }
        let picked: Vec<Case> = cases.into_iter().filter(|case| self.selects(case)).collect();
        if picked.is_empty() {
            let cases = if self.ids.is_empty() { "no case" } else { "no case with these ids" };
            return Err(format!("{cases} meets all of the filters"));
        }
        Ok(picked)
    }

    fn selects(&self, case: &Case) -> bool {
        let facts = case.facts();
        let by_id =
            self.ids.is_empty() || self.ids.iter().any(|id| case.id.starts_with(id.as_str()));
        let by_filter = self.filters.iter().all(|filter| {
            let alternatives = self.filters.iter().filter(|other| other.name == filter.name);
            let fact = facts.get(filter.name.as_str());
            alternatives.into_iter().any(|other| fact == Some(&other.value))
        });
        by_id && by_filter
    }
}

/// Rejects a filter that no case meets.
fn check_filter(filter: &Filter, cases: &[Case]) -> Result<(), String> {
    let facts: Vec<_> = cases.iter().map(Case::facts).collect();
    let Filter { name, value } = filter;
    if !facts.iter().any(|facts| facts.contains_key(name.as_str())) {
        let names = facts.first().into_iter().flat_map(|facts| facts.keys().copied());
        let hint = suggestion(name, names);
        return Err(format!(
            "`{name}` is neither a flag nor `route`, `upstream`, `job` or `fault`{hint}"
        ));
    }
    if facts.iter().any(|facts| facts.get(name.as_str()) == Some(value)) {
        return Ok(());
    }
    let mut values: Vec<_> = facts
        .iter()
        .filter_map(|facts| facts.get(name.as_str()))
        .map(ToString::to_string)
        .collect();
    values.sort();
    values.dedup();
    Err(format!("`{name}` is never {value}; its values are {}", values.join(", ")))
}
