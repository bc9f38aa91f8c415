//! JSON with placeholders: `"{name}"` for a value, `"{name:/json/pointer}"` for a part of it.
//!
//! A string that is only a placeholder becomes the value itself, of any type. In a longer string a
//! placeholder becomes text.

use serde_json::Value;

/// Replaces every placeholder of `name` in `template` with `value`, or with the part of `value`
/// that the pointer selects; `null` if there is no such part.
pub(crate) fn fill(template: &Value, name: &str, value: &Value) -> Value {
    match template {
        Value::String(text) => fill_text(text, name, value),
        Value::Array(items) => items.iter().map(|item| fill(item, name, value)).collect(),
        Value::Object(fields) => {
            let filled = fields.iter().map(|(key, item)| (key.clone(), fill(item, name, value)));
            Value::Object(filled.collect())
        }
        other => other.clone(),
    }
}

/// Replaces the placeholders in a string of the template.
fn fill_text(text: &str, name: &str, value: &Value) -> Value {
    let Some(Placeholder { before, pointer, after }) = placeholder(text, name) else {
        return Value::String(text.to_owned());
    };
    let found = if pointer.is_empty() { Some(value) } else { value.pointer(pointer) };
    let found = found.cloned().unwrap_or(Value::Null);
    if before.is_empty() && after.is_empty() {
        return found;
    }
    let rest = fill_text(after, name, value);
    Value::String(format!("{before}{}{}", to_text(&found), to_text(&rest)))
}

/// Returns a value as text, a string without its quotes.
pub(crate) fn to_text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// A string with a placeholder.
struct Placeholder<'a> {
    before: &'a str,
    pointer: &'a str,
    after: &'a str,
}

/// Finds the first placeholder of `name`; `None` if the text has no such placeholder.
fn placeholder<'a>(text: &'a str, name: &str) -> Option<Placeholder<'a>> {
    // A placeholder of a longer name, such as `{jobs}` for `job`, is skipped.
    text.match_indices(&format!("{{{name}")).find_map(|(start, begin)| {
        let inner = &text[start + begin.len()..];
        let end = inner.find('}')?;
        let pointer = match inner.as_bytes().first()? {
            b'}' => "",
            b':' => &inner[1..end],
            _ => return None,
        };
        Some(Placeholder { before: &text[..start], pointer, after: &inner[end + 1..] })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_placeholder_becomes_a_value_text_or_null() {
        let job = json!({"id": "j", "regions": ["a", "b"], "n": 2});
        for (template, filled) in [
            (json!("{job}"), job.clone()),
            (json!({"x": ["{job:/regions}", 1]}), json!({"x": [["a", "b"], 1]})),
            (json!("id {job:/id}, n {job:/n}."), json!("id j, n 2.")),
            (json!("{job:/none}"), json!(null)),
            (json!("{other} {jobs}"), json!("{other} {jobs}")),
            (json!("{jobs} {job:/n} {job"), json!("{jobs} 2 {job")),
        ] {
            assert_eq!(fill(&template, "job", &job), filled);
        }
    }
}
