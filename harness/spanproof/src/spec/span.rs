//! `[[span]]`: a rule for a span that the service records. The span belongs to a unit (one part of a job), or
//! to no unit.

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};

use super::{Condition, Facts};

/// A rule for a span that each unit must have, for a span that units can have, or for a span that belongs to
/// no unit.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SpanRule {
    /// The name of the span. If the span belongs to no unit, the name may contain `*`, which stands
    /// for any text.
    pub name: String,
    /// The name of the parent, or a list of names if there are several possible parents. Empty for
    /// the span of the unit itself, and for a span that belongs to no unit.
    #[serde(default, rename = "parent", deserialize_with = "one_or_many")]
    #[schemars(schema_with = "super::schema::names")]
    pub parents: Vec<String>,
    /// The name of a required ancestor that belongs to no unit, or a list of such names, if an ancestor with
    /// one of them is enough. Empty if the spans above the unit are not checked.
    #[serde(default, deserialize_with = "one_or_many")]
    #[schemars(schema_with = "super::schema::names")]
    pub below: Vec<String>,
    /// How the span is linked to its unit.
    #[serde(default)]
    pub unit: UnitLink,
    /// Whether the span can be missing without an error, as after an early return. If it exists, it is
    /// checked like any other span.
    #[serde(default)]
    pub optional: bool,
    /// Whether a unit can have several spans of this name without an error, as with retries.
    #[serde(default)]
    pub repeats: bool,
    /// The span is required only in these cases.
    #[serde(default)]
    pub when: Condition,
    /// The span is not required in these cases.
    pub unless: Option<Condition>,
}

/// How a span is linked to its unit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum UnitLink {
    /// The span's own columns contain the unit's id.
    #[default]
    Column,
    /// Only the span's parent is linked to the unit, because a framework that does not know units records
    /// the span.
    Parent,
    /// The span belongs to no unit, such as the span of a timer.
    None,
}

impl SpanRule {
    /// Returns the conditions that decide whether the rule holds in a case.
    pub(crate) fn conditions(&self) -> impl Iterator<Item = &Condition> {
        std::iter::once(&self.when).chain(&self.unless)
    }

    /// Whether the rule is about the span of the unit itself.
    pub(crate) fn is_root(&self) -> bool {
        self.parents.is_empty() && self.unit != UnitLink::None
    }

    /// Whether every unit must have the span in every case, and the span's own columns contain the unit's id.
    pub(crate) fn is_always_required_by_column(&self) -> bool {
        let is_always = self.when == Condition::default() && self.unless.is_none();
        is_always && !self.optional && self.unit == UnitLink::Column
    }

    /// Whether the rule holds in a case with these values.
    pub(crate) fn applies(&self, facts: &Facts<'_>) -> bool {
        self.when.holds(facts) && self.unless.as_ref().is_none_or(|unless| !unless.holds(facts))
    }

    /// Whether this rule and `other` never hold in the same case, judging only by their conditions.
    pub(crate) fn excludes(&self, other: &Self) -> bool {
        let is_outside = |rule: &Self, other: &Self| {
            other.unless.as_ref().is_some_and(|unless| rule.when.implies(unless))
        };
        self.when.excludes(&other.when) || is_outside(self, other) || is_outside(other, self)
    }

    /// Whether the rules have a common parent, or both have none.
    pub(crate) fn shares_parent_with(&self, other: &Self) -> bool {
        let shared = other.parents.iter().any(|parent| self.parents.contains(parent));
        shared || (other.parents.is_empty() && self.parents.is_empty())
    }

    /// Whether the rule is about spans of this name.
    pub(crate) fn matches(&self, name: &str) -> bool {
        match self.unit {
            UnitLink::None => matches_pattern(&self.name, name),
            UnitLink::Column | UnitLink::Parent => self.name == name,
        }
    }
}

impl super::Spec {
    /// Whether spans of this name belong to no unit.
    pub(crate) fn is_outside_units(&self, name: &str) -> bool {
        let mut rules = self.spans.iter().filter(|rule| rule.matches(name)).peekable();
        rules.peek().is_some() && rules.all(|rule| rule.unit == UnitLink::None)
    }
}

/// Whether a pattern, in which `*` stands for any text, matches the whole text.
fn matches_pattern(pattern: &str, text: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(mut text) = text.strip_prefix(start) else { return false };
    let mut parts: Vec<_> = rest.split('*').collect();
    let end = parts.pop().unwrap_or_default();
    for part in parts {
        let Some((_, after)) = text.split_once(part) else { return false };
        text = after;
    }
    text.ends_with(end)
}

/// A string or a list of strings.
#[derive(Deserialize)]
#[serde(untagged, expecting = "expected the name of a span, or a list of names")]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

/// Deserializes a string or a list of strings.
fn one_or_many<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    Ok(match OneOrMany::deserialize(deserializer)? {
        OneOrMany::One(name) => vec![name],
        OneOrMany::Many(names) => names,
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::same("GET /orders", "GET /orders", true)]
    #[case::other("GET /orders", "GET /orders/1", false)]
    #[case::start("GET *", "GET /orders/1", true)]
    #[case::other_start("GET *", "POST /orders", false)]
    #[case::middle("GET */lines/*", "GET /orders/1/lines/2", true)]
    #[case::end("*.query", "pg.query", true)]
    #[case::other_end("*.query", "pg.query.rows", false)]
    #[case::overlap("ab*ba", "aba", false)]
    #[case::empty_text("ab*ba", "abba", true)]
    #[case::all("*", "", true)]
    fn a_star_stands_for_any_text(
        #[case] pattern: &str,
        #[case] text: &str,
        #[case] matches: bool,
    ) {
        assert_eq!(matches_pattern(pattern, text), matches);
    }
}
