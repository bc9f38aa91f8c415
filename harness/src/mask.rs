//! Secrets never reach an artefact: text is masked when it is written, not when it is shown.

use std::sync::LazyLock;

use regex::Regex;

/// What stands where a secret stood.
pub const MASK: &str = "***";

/// Shapes of secrets; in each, what stands between `head` and `tail` is the secret.
static SHAPES: LazyLock<Vec<Regex>> = LazyLock::new(|| {
    [
        // `scheme://user:password@`, up to the last `@` before the path.
        r"(?P<head>[A-Za-z][A-Za-z0-9+.-]*://[^\s:/?#@]*:)[^\s/?#]+(?P<tail>@)",
        // `password=…`, `"api_key": "…"` and their like, in query strings, DSNs and JSON.
        r#"(?i)(?P<head>\b[a-z0-9_-]*(?:password|passwd|pwd|secret|token|api[_-]?key|private[_-]?key)"?\s*[=:]\s*"?)[^\s"'&;,})]+(?P<tail>)"#,
        // `Authorization: Bearer …`.
        r"(?i)(?P<head>\b(?:bearer|basic)\s+)[A-Za-z0-9._~+/=-]{8,}(?P<tail>)",
    ]
    .iter()
    .filter_map(|shape| Regex::new(shape).ok())
    .collect()
});

/// Masks every secret that has a recognisable shape in `text`.
pub fn text(text: &str) -> String {
    let mut masked = text.to_owned();
    for shape in SHAPES.iter() {
        masked = shape.replace_all(&masked, format!("${{head}}{MASK}${{tail}}")).into_owned();
    }
    masked
}

/// Masks the value of an environment variable: wholly when its name says that it is a secret,
/// by shape otherwise.
pub fn variable(name: &str, value: &str) -> String {
    let name = name.to_ascii_uppercase();
    let secret = ["PASSWORD", "PASSWD", "SECRET", "TOKEN", "API_KEY", "APIKEY", "PRIVATE_KEY"];
    if !value.is_empty() && secret.iter().any(|word| name.contains(word)) {
        return MASK.to_owned();
    }
    text(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_tokens_and_keys_are_masked_where_they_stand() {
        for (before, after) in [
            ("postgres://u:p%40ss@h/db", "postgres://u:***@h/db"),
            ("postgres://u:p@ss@h:5432/db?x=1", "postgres://u:***@h:5432/db?x=1"),
            ("redis://:hunter2@cache:6379", "redis://:***@cache:6379"),
            ("host=h password=hunter2 dbname=d", "host=h password=*** dbname=d"),
            (r#"{"api_key": "abc", "n": 1}"#, r#"{"api_key": "***", "n": 1}"#),
            ("Authorization: Bearer abcdefgh.ijk", "Authorization: Bearer ***"),
            ("http://127.0.0.1:80/a@b", "http://127.0.0.1:80/a@b"),
            ("nothing to hide", "nothing to hide"),
        ] {
            assert_eq!(text(before), after, "{before}");
        }
    }

    #[test]
    fn a_variable_named_like_a_secret_is_masked_whole() {
        assert_eq!(variable("ADMIN_TOKEN", "x y z"), "***");
        assert_eq!(variable("ADMIN_TOKEN", ""), "");
        assert_eq!(variable("LOG_LEVEL", "info"), "info");
    }
}
