//! The cases that try common spellings of the value of one flag.

use super::Case;
use super::experiment::simplest_case;
use super::product::cases;
use crate::mask::Secrets;
use crate::spec::{Flag, Spec, Value};

/// Spellings of on and off that people use. [`spelling_cases`] adds the unset flag.
const SPELLINGS: [&str; 12] =
    ["", "0", "1", "true", "TRUE", "True", "false", "yes", "on", "true ", "\"true\"", "true\n"];

/// Returns a case for each spelling, for the unset flag, and for each value that the spec lists. All other
/// inputs are those of the simplest case that records spans, except that other flags have the values that
/// this flag needs.
///
/// # Errors
/// If no case must record spans, if the cases of the spec are invalid, or if the values of the flag are
/// secrets.
pub(crate) fn spelling_cases(spec: &Spec, flag: &Flag) -> Result<Vec<Case>, String> {
    let name = &flag.name;
    let spellings = SPELLINGS.iter().map(|text| Value::Set((*text).to_owned()));
    let mut values: Vec<Value> = std::iter::once(Value::Unset).chain(spellings).collect();
    for value in &flag.values {
        if !values.contains(value) {
            values.push(value.clone());
        }
    }
    let listed = Secrets::default().with_names(&spec.service.secrets);
    let is_masked = |value: &Value| value.text().is_some_and(|text| listed.has_name(name, text));
    if values.iter().any(is_masked) {
        let why = if listed.is_named(name) {
            "the spec lists it as a secret"
        } else {
            "its name suggests a secret"
        };
        return Err(format!(
            "the spellings of `{name}` can't be compared: {why}, and secrets are not stored"
        ));
    }
    let all = cases(spec).map_err(|error| error.to_string())?;
    let simplest = simplest_case(spec, &all)
        .ok_or_else(|| format!("no case records spans, so `{name}` can't be tried"))?;
    let mut base = simplest.clone();
    let mut needing = vec![flag];
    while let Some(next) = needing.pop() {
        for (needed, values) in next.needs.terms() {
            let setting = base.flags.iter_mut().find(|(name, _)| name == needed);
            if let (Some((_, value)), Some(first)) = (setting, values.first()) {
                first.clone_into(value);
            }
            needing.extend(spec.flags.iter().find(|flag| flag.name == needed));
        }
    }
    let case = |value: Value| {
        let mut flags = base.flags.clone();
        for (_, old) in flags.iter_mut().filter(|(other, _)| other == name) {
            value.clone_into(old);
        }
        Case::new(spec, flags, [&base.route, &base.upstream, &base.job])
    };
    Ok(values.into_iter().map(case).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::example;

    #[test]
    fn the_spellings_of_a_secret_are_not_tried() {
        let spec = example(|text| text + "\n[[flag]]\nname = 'API_TOKEN'\nvalues = ['']\n");
        let error = spelling_cases(&spec, spec.flags.last().unwrap()).unwrap_err();
        assert!(error.contains("its name suggests a secret"), "{error}");
        let listed = |text: String| {
            text.replace("name = \"runner\"", "name = \"runner\"\nsecrets = [\"POOL\"]")
                + "\n[[flag]]\nname = 'POOL'\nvalues = ['']\n"
        };
        let spec = example(listed);
        let error = spelling_cases(&spec, spec.flags.last().unwrap()).unwrap_err();
        assert!(error.contains("the spec lists it as a secret"), "{error}");
    }

    #[test]
    fn each_spelling_is_tried_with_what_the_flag_needs() {
        let flag = "\n[[flag]]\nname = 'B'\nvalues = ['x', 'true']\n\
                    needs = { HYBRID_ROUTER_DISABLE = 'true' }\n";
        let spec = example(|text| text.replace("limit = 200", "limit = 500") + flag);
        let flag = spec.flags.last().unwrap();
        let cases = spelling_cases(&spec, flag).unwrap();
        let values: Vec<_> = cases.iter().map(|case| case.flag("B").to_string()).collect();
        assert_eq!(values.len(), 14);
        assert_eq!((values[0].as_str(), values[13].as_str()), ("unset", "x"));
        for case in &cases {
            assert_eq!(case.flag("HYBRID_ROUTER_DISABLE").text(), Some("true"));
            assert_eq!(case.flag("ENABLE_DB_TRACING").text(), Some("true"));
        }
        let ids: std::collections::BTreeSet<_> = cases.iter().map(|case| &case.id).collect();
        assert_eq!(ids.len(), cases.len());
    }
}
