//! Compares a JSON document with a document of an earlier version. Keys may be added, but nothing
//! else may change.

use serde_json::{Value as Json, json};

/// Checks that `found` has every key and value of `frozen`. Values at a JSON pointer in `varying`
/// need only the same type. `*` in a pointer stands for any key or index.
///
/// # Errors
/// If the documents differ. The error has the JSON pointer of the first difference, and both values.
pub(crate) fn compare(frozen: &Json, found: &Json, varying: &[&str]) -> Result<(), String> {
    compare_at(frozen, found, varying, "")
}

/// Compares the values at the JSON pointer `at`.
fn compare_at(frozen: &Json, found: &Json, varying: &[&str], at: &str) -> Result<(), String> {
    let differs = || Err(format!("{at}: expected {frozen}, found {found}"));
    if varying.iter().any(|pattern| matches(pattern, at)) {
        let same = std::mem::discriminant(frozen) == std::mem::discriminant(found);
        return if same { Ok(()) } else { differs() };
    }
    match (frozen, found) {
        (Json::Object(frozen), Json::Object(found)) => {
            frozen.iter().try_for_each(|(key, value)| {
                let at = format!("{at}/{}", key.replace('~', "~0").replace('/', "~1"));
                let now =
                    found.get(key).ok_or(format!("{at}: expected {value}, found no such key"))?;
                compare_at(value, now, varying, &at)
            })
        }
        (Json::Array(frozen), Json::Array(found)) if frozen.len() == found.len() => {
            frozen.iter().zip(found).enumerate().try_for_each(|(n, (value, now))| {
                compare_at(value, now, varying, &format!("{at}/{n}"))
            })
        }
        _ if frozen == found => Ok(()),
        _ => differs(),
    }
}

/// Returns whether the JSON pointer `at` matches a pattern with `*`.
fn matches(pattern: &str, at: &str) -> bool {
    let (pattern, at): (Vec<_>, Vec<_>) = (pattern.split('/').collect(), at.split('/').collect());
    let step = |(step, name): (&&str, &&str)| *step == "*" || step == name;
    pattern.len() == at.len() && pattern.iter().zip(&at).all(step)
}

#[test]
fn a_key_may_be_added_but_nothing_else_may_change() {
    let frozen = json!({"schema": 1, "cases": [{"id": "a", "took": 3, "a/b": null}]});
    let added =
        json!({"new": 1, "schema": 1, "cases": [{"x": 0, "id": "a", "took": 3, "a/b": null}]});
    assert_eq!(compare(&frozen, &added, &[]), Ok(()));
    for (found, at) in [
        (json!({"schema": 2, "cases": [{"id": "a", "took": 3, "a/b": null}]}), "/schema: "),
        (json!({"schema": 1}), "/cases: "),
        (json!({"schema": 1, "cases": []}), "/cases: "),
        (json!({"schema": 1, "cases": [{"took": 3, "a/b": null}]}), "/cases/0/id: "),
        (json!({"schema": 1, "cases": [{"id": "a", "took": 3, "a/b": 1}]}), "/cases/0/a~1b: "),
        (json!({"schema": "1", "cases": [{"id": "a", "took": 3, "a/b": null}]}), "/schema: "),
    ] {
        let error = compare(&frozen, &found, &[]).unwrap_err();
        assert!(error.starts_with(at), "expected {at}\nfound {error}");
    }
}

#[test]
fn varying_values_need_only_the_same_type() {
    let frozen = json!({"cases": [{"took": 3}, {"took": 4}]});
    let varying = ["/cases/*/took"];
    assert_eq!(compare(&frozen, &json!({"cases": [{"took": 5}, {"took": 6}]}), &varying), Ok(()));
    let result = compare(&frozen, &json!({"cases": [{"took": 5}, {"took": "6"}]}), &varying);
    assert_eq!(result, Err("/cases/1/took: expected 4, found \"6\"".to_owned()));
    let result = compare(&frozen, &json!({"cases": [{"took": 5}, {}]}), &varying);
    assert_eq!(result, Err("/cases/1/took: expected 4, found no such key".to_owned()));
}
