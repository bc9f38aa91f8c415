//! Checks the `[[span]]` rules of a spec. A rule is about a span that belongs to a unit (one part of a job),
//! or to no unit.

use toml::Spanned;

use super::check::Check;
use super::span::{SpanRule, UnitLink};
use crate::document::{Error, suggestion};

/// Checks all rules; `Err` is the first problem.
pub(super) fn check(check: &Check<'_>) -> Result<(), Error> {
    let rules = &check.file.spans;
    for (at, rule) in rules.iter().enumerate() {
        let problem = own_problem(check, rule.get_ref())
            .or_else(|| unknown_parent(rules, rule.get_ref()))
            .or_else(|| unknown_ancestor(rules, rule.get_ref()))
            .or_else(|| duplicate(&rules[..at], rule.get_ref()));
        if let Some(problem) = problem {
            return Err(check.document.error_at(rule.span(), problem));
        }
    }
    let roots: Vec<_> = rules.iter().filter(|rule| rule.get_ref().is_root()).collect();
    if roots.is_empty() {
        let message = "one `[[span]]` must have no `parent`: the span of the unit itself";
        return Err(check.document.error_at(0..0, message));
    }
    let can_coincide = |at: usize| {
        let rule = roots[at].get_ref();
        roots[..at].iter().any(|other| !rule.excludes(other.get_ref()))
    };
    match (1..roots.len()).find(|at| can_coincide(*at)) {
        Some(at) => {
            let message = "in each case only one `[[span]]` may lack a `parent`; set `unit = \"none\"` for a span \
                           that belongs to no unit, or use `when` and `unless` to select one for each case";
            Err(check.document.error_at(roots[at].span(), message))
        }
        None => Ok(()),
    }
}

/// Returns what is wrong with a rule on its own; `None` if nothing is wrong.
fn own_problem(check: &Check<'_>, rule: &SpanRule) -> Option<String> {
    let SpanRule { name, parents, unit, optional, repeats, .. } = rule;
    let without_unit = *unit == UnitLink::None;
    if without_unit && (!parents.is_empty() || *optional || *repeats) {
        return Some(format!(
            "`{name}` belongs to no unit, so it may occur any number of times anywhere; remove \
             `parent`, `optional` and `repeats`; to require an ancestor, use `below`"
        ));
    }
    if *unit == UnitLink::Parent && parents.is_empty() {
        return Some(format!("`{name}` has `unit = \"parent\"`, but no `parent`; name the parent"));
    }
    if !without_unit && name.contains('*') {
        return Some(format!(
            "`{name}`: only the name of a span with `unit = \"none\"` may contain `*`"
        ));
    }
    if rule.is_root() && *optional {
        return Some(format!("`{name}` is the span of the unit itself, which can't be `optional`"));
    }
    let is_own_name = |parent: &String| parent == name;
    let mut roots = check.file.spans.iter().map(Spanned::get_ref).filter(|other| other.is_root());
    if parents.iter().all(is_own_name)
        && !parents.is_empty()
        && roots.any(|root| root.name == *name)
    {
        return Some(format!(
            "`{name}` is the name of the unit's own span and of a span below it, so they can't be told apart; give \
             one of them another name in the service"
        ));
    }
    let (key, removed) =
        if parents.is_empty() { ("below", "`below`") } else { ("parent", "the span") };
    let has_ancestor = !parents.is_empty() || !rule.below.is_empty();
    (has_ancestor && check.file.tables.spans.parent.is_empty()).then(|| {
        format!(
            "`{name}` has a `{key}`, but `parent` in `[tables.spans]` is empty; name the column, \
             or remove {removed}"
        )
    })
}

/// Returns what is wrong with the parents that a rule names; `None` if nothing is wrong.
fn unknown_parent(rules: &[Spanned<SpanRule>], rule: &SpanRule) -> Option<String> {
    let named = |name: &str| rules.iter().map(Spanned::get_ref).find(|rule| rule.name == name);
    rule.parents.iter().find_map(|parent| match named(parent) {
        Some(found) if found.unit == UnitLink::None => Some(format!(
            "`{parent}` belongs to no unit, so it can't be the parent of a unit's span; write \
             `below = \"{parent}\"`"
        )),
        Some(_) => None,
        None => {
            let names = rules.iter().map(|rule| rule.get_ref().name.as_str());
            let hint = suggestion(parent, names);
            Some(format!("no `[[span]]` has the name `{parent}`{hint}"))
        }
    })
}

/// Returns what is wrong with the ancestors that a rule names in `below`; `None` if nothing is wrong.
fn unknown_ancestor(rules: &[Spanned<SpanRule>], rule: &SpanRule) -> Option<String> {
    let no_unit = || rules.iter().map(Spanned::get_ref).filter(|rule| rule.unit == UnitLink::None);
    rule.below.iter().find_map(|ancestor| {
        if no_unit().any(|other| other.name == *ancestor) {
            return None;
        }
        let is_of_unit = rules.iter().any(|other| other.get_ref().name == *ancestor);
        Some(if is_of_unit {
            format!("`{ancestor}` is a span of a unit; write `parent = \"{ancestor}\"`")
        } else {
            let hint = suggestion(ancestor, no_unit().map(|rule| rule.name.as_str()));
            format!("no `[[span]]` with `unit = \"none\"` has the name `{ancestor}`{hint}")
        })
    })
}

/// Returns a problem if an earlier rule is about the same spans: it has the same name, may have the same
/// parent, and may hold in the same case.
fn duplicate(earlier: &[Spanned<SpanRule>], rule: &SpanRule) -> Option<String> {
    let is_same = |other: &SpanRule| {
        other.name == rule.name && other.shares_parent_with(rule) && !other.excludes(rule)
    };
    earlier.iter().map(Spanned::get_ref).any(is_same).then(|| {
        format!(
            "`{}` is declared twice; remove one `[[span]]`, or give it a different `parent`, or `when` and \
             `unless` that never hold in the same case",
            rule.name
        )
    })
}
