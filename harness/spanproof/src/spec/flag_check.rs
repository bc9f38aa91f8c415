//! Checks the flags of a spec: their values, and their contracts (the effects that the spec declares), which
//! must not contradict themselves.

use sha2::{Digest, Sha256};
use toml::Spanned;

use super::check::Check;
use super::flag::{Effects, FlagKind, Pattern, Requests};
use super::{Condition, Flag, Value};
use crate::document::{Error, suggestion};
use crate::identifier::TableName;
use crate::mask::{Secrets, is_secret};

/// The names that a condition may use besides the names of flags. No flag can have such a name.
const RESERVED: [&str; 4] = ["route", "upstream", "job", "fault"];

/// Checks every flag; `Err` is the first problem.
pub(super) fn check(check: &Check<'_>) -> Result<(), Error> {
    let mut tracing = 0;
    let secrets = Secrets::default().with_names(&check.file.service.get_ref().secrets);
    for place in &check.file.flags {
        let fail = |message: String| Err(check.document.error_at(place.span(), message));
        let flag = place.get_ref();
        tracing += usize::from(flag.tracing);
        if tracing > 1 {
            return fail("only one flag may have `tracing = true`".into());
        }
        let problem = values_problem(flag)
            .or_else(|| contract_problem(flag, &secrets))
            .or_else(|| needs_problem(flag, &check.file.flags));
        if let Some(problem) = problem {
            return fail(problem);
        }
        let name = &flag.name;
        if check.file.service.get_ref().env.contains_key(name) {
            return fail(format!("`{name}` is also in `[service.env]`; remove one"));
        }
    }
    Ok(())
}

/// Returns what is wrong with the name and the values of a flag; `None` if nothing is wrong.
fn values_problem(flag: &Flag) -> Option<String> {
    let name = &flag.name;
    if name.is_empty() || name.contains(['=', '\0']) || RESERVED.contains(&name.as_str()) {
        return Some(format!(
            "`{name}` can't be the name of a flag: it is not the name of an environment variable, or \
             conditions use it for something else"
        ));
    }
    if flag.values.is_empty() {
        return Some(format!("flag `{name}` has no values; add one, or remove the flag"));
    }
    for (at, value) in flag.values.iter().enumerate() {
        if flag.values[..at].contains(value) {
            return Some(format!("flag `{name}` has the value {value} twice; remove one"));
        }
    }
    let lists = flag.enables.iter().chain(&flag.disables).flatten();
    if let Some(value) = flag.default.iter().chain(lists).find(|one| !flag.values.contains(one)) {
        return Some(format!("flag `{name}`: {value} is not one of its `values`"));
    }
    let is_both = |value: &&Value| flag.disables.as_ref().is_some_and(|off| off.contains(value));
    if let Some(value) = flag.values.iter().filter(|value| flag.is_on(value)).find(is_both) {
        let what = match &flag.enables {
            Some(_) => "is in `enables` and in `disables`; remove it from one".to_owned(),
            None => format!(
                "means on without `enables`, but is in `disables`; list the values that the service reads as \
                 on in `enables`, without {value}"
            ),
        };
        return Some(format!("flag `{name}`: {value} {what}"));
    }
    let is_neither = |value: &&Value| {
        !flag.is_on(value) && flag.disables.as_ref().is_some_and(|off| !off.contains(value))
    };
    if let Some(value) = flag.values.iter().find(is_neither).filter(|_| flag.tracing) {
        return Some(format!(
            "flag `{name}`: {value} is neither in `enables` nor in `disables`, but every case must \
             either record spans or record none; add it to one, or remove `disables`"
        ));
    }
    if flag.tracing && !flag.values.iter().any(|value| flag.is_on(value)) {
        let message = "has `tracing = true`, but none of its values switches tracing on; add a \
                       value that means on, or name one in `enables`";
        return Some(format!("flag `{name}` {message}"));
    }
    None
}

/// Returns what is wrong with the contract of a flag; `None` if nothing is wrong. `secrets` has the names that
/// the spec lists as secrets.
fn contract_problem(flag: &Flag, secrets: &Secrets) -> Option<String> {
    let Flag { name, kind, on, off, each, .. } = flag;
    if let Some(problem) = kind_problem(flag) {
        return Some(format!("flag `{name}`: {problem}"));
    }
    for (key, effects) in flag.effects() {
        if let Some(problem) = effects_problem(flag, effects, secrets) {
            return Some(format!("flag `{name}`: `{key}` {problem}"));
        }
    }
    let is_switched = |on: bool| flag.values.iter().any(|value| flag.is_on(value) == on);
    if *kind == FlagKind::Switch && (on.is_some() || off.is_some()) {
        for (state, word) in [(true, "on"), (false, "off")] {
            if !is_switched(state) {
                return Some(format!(
                    "flag `{name}` has `on` or `off`, but none of its values means {word}, so no case can \
                     show the effects; add such a value"
                ));
            }
        }
    }
    if each.is_some() && flag.choices().count() < 2 {
        return Some(format!(
            "flag `{name}` has `each`, but fewer than two of its values are {}; add values",
            if *kind == FlagKind::Number { "numbers" } else { "non-empty strings" }
        ));
    }
    let key = common_effect(on.as_ref()?, off.as_ref()?)?;
    Some(format!(
        "flag `{name}`: `on` and `off` have the same `{key}`, so each forbids what the other requires; \
         remove one"
    ))
}

/// Returns a problem if a key does not fit the kind of the flag; `None` if all keys fit.
fn kind_problem(flag: &Flag) -> Option<String> {
    let switch_keys = [
        ("enables", flag.enables.is_some()),
        ("disables", flag.disables.is_some()),
        ("on", flag.on.is_some()),
        ("off", flag.off.is_some()),
    ];
    let switch_key = switch_keys.iter().find(|(_, is_set)| *is_set).map(|(key, _)| *key);
    let word = match flag.kind {
        FlagKind::Switch if flag.each.is_some() => {
            let what = "`each` is for numbers and choices; add `kind = \"number\"` or `kind = \
                        \"choice\"`, or use `on` and `off`";
            return Some(what.to_owned());
        }
        FlagKind::Switch => return None,
        FlagKind::Number => "number",
        FlagKind::Choice => "choice",
    };
    if flag.tracing {
        return Some(format!("a flag with `tracing = true` is a switch, not a {word}"));
    }
    let key = switch_key?;
    Some(format!("`{key}` is for switches, and the flag is a {word}; use `each`, or remove `kind`"))
}

/// Returns what is wrong with a table of effects; `None` if nothing is wrong.
fn effects_problem(flag: &Flag, effects: &Effects, secrets: &Secrets) -> Option<String> {
    if effects.is_empty() {
        let keys = "`startup`, `log`, `spans`, `requests` or `rows`";
        return Some(format!("names no effect; add {keys}, or remove it"));
    }
    let Effects { startup, log, spans, requests, rows } = effects;
    let path = match requests {
        Some(Requests::Path(pattern)) => Some(pattern),
        _ => None,
    };
    let patterns: Vec<&Pattern> = startup.iter().chain(log).chain(path).collect();
    if flag.each.as_ref() == Some(effects) {
        let is_same_for_all =
            !spans.is_empty() || rows.is_some() || *requests == Some(Requests::Any);
        if is_same_for_all || !patterns.iter().all(|pattern| pattern.names_value()) {
            let what = "can contain only patterns with `{value}`, which stands for the value: any other \
                        effect would be the same for every value";
            return Some(what.to_owned());
        }
    }
    let is_masked =
        |value: &Value| value.text().is_some_and(|text| secrets.has_name(&flag.name, text));
    if flag.values.iter().any(is_masked) && patterns.iter().any(|pattern| pattern.names_value()) {
        let what = "has `{value}` in a pattern, but the value is masked in all output, because the \
                    name is that of a secret; remove `{value}`";
        return Some(what.to_owned());
    }
    let rows = rows.as_ref().filter(|rows| !is_query(rows))?;
    TableName::parse(rows).err()
}

/// Whether the text of `rows` is a query and not the name of a table.
pub(crate) fn is_query(text: &str) -> bool {
    let word = text.split_whitespace().next().unwrap_or_default().to_ascii_lowercase();
    ["select", "with", "table", "values"].contains(&word.as_str())
        && text.contains(char::is_whitespace)
}

/// Returns the hash of a table's name or a query in `rows`; the row counts use it as their key.
pub(crate) fn rows_hash(text: &str) -> String {
    format!("{:x}", Sha256::digest(text))[..16].to_owned()
}

/// Returns a key with the same effect in both tables; `None` if there is none.
fn common_effect(on: &Effects, off: &Effects) -> Option<&'static str> {
    let both = [
        ("startup", on.startup.is_some() && on.startup == off.startup),
        ("log", on.log.is_some() && on.log == off.log),
        ("spans", on.spans.iter().any(|name| off.spans.contains(name))),
        ("requests", on.requests.is_some() && on.requests == off.requests),
        ("rows", on.rows.is_some() && on.rows == off.rows),
    ];
    both.into_iter().find_map(|(key, same)| same.then_some(key))
}

/// Returns what is wrong with `needs`; `None` if nothing is wrong.
fn needs_problem(flag: &Flag, all: &[Spanned<Flag>]) -> Option<String> {
    let name = &flag.name;
    let find = |name: &str| all.iter().map(Spanned::get_ref).find(|flag| flag.name == name);
    for (needed, values) in flag.needs.terms() {
        let Some(other) = find(needed) else {
            let names = all.iter().map(|flag| flag.get_ref().name.as_str());
            let hint = suggestion(needed, names);
            return Some(format!("flag `{name}` needs `{needed}`, which is not a flag{hint}"));
        };
        if let Some(value) = values.iter().find(|value| !other.values.contains(value)) {
            let list: Vec<_> = other.values.iter().map(ToString::to_string).collect();
            return Some(format!(
                "flag `{name}` needs `{needed}` to be {value}, which is not one of its values: {}",
                list.join(", ")
            ));
        }
        let is_masked = |value: &Value| value.text().is_some_and(|text| is_secret(needed, text));
        if values.iter().any(is_masked) {
            return Some(format!(
                "flag `{name}` needs a value of `{needed}`, but stored evidence masks its values, \
                 because its name is that of a secret; remove it from `needs`"
            ));
        }
    }
    if flag.kind != FlagKind::Switch && flag.needs != Condition::default() {
        return Some(format!(
            "flag `{name}`: `needs` is for switches; remove it, or remove `kind`"
        ));
    }
    let mut path = vec![name.as_str()];
    let cycle = cycle(&find, &mut path)?;
    Some(format!("flags need each other in a cycle: {}; remove one `needs`", cycle.join(" needs ")))
}

/// Returns the names in a cycle of flags that need each other, which starts and ends with the first flag
/// of `path`; `None` if there is none.
fn cycle<'a>(
    find: &impl Fn(&str) -> Option<&'a Flag>,
    path: &mut Vec<&'a str>,
) -> Option<Vec<&'a str>> {
    let flag = find(path.last()?)?;
    for (needed, _) in flag.needs.terms() {
        if needed == path[0] {
            return Some([path.as_slice(), &[needed]].concat());
        }
        if path.contains(&needed) {
            continue;
        }
        path.push(needed);
        if let Some(found) = cycle(find, path) {
            return Some(found);
        }
        path.pop();
    }
    None
}

#[cfg(test)]
mod tests {
    use crate::spec::try_example;

    #[test]
    fn a_pattern_can_not_contain_a_value_that_the_spec_lists_as_a_secret() {
        let secrets = "name = \"runner\"\nsecrets = [\"POOL\"]";
        let flag = "\n[[flag]]\nname = 'POOL'\nkind = 'number'\nvalues = ['1000', '2000']\n\
                    each = { startup = 'pool {value}' }\n";
        let change = |text: String| text.replace("name = \"runner\"", secrets) + flag;
        let error = try_example(change).unwrap_err().to_string();
        assert!(error.contains("the value is masked in all output"), "{error}");
    }
}
