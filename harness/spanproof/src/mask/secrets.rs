//! Secret values, such as those in the environment of the service, which are masked wherever they occur.

use aho_corasick::{AhoCorasick, MatchKind};
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value as Json};

use super::MASK;
use super::name::{is_harmless, is_secret};
use super::text::{has_hint, mask_text};

/// Minimum length of a secret, in characters; shorter strings occur by chance.
const MIN_LENGTH: usize = 4;

/// Secret values to be masked wherever they occur, and the names of secrets that the spec lists.
#[derive(Clone, Default)]
pub(crate) struct Secrets {
    values: Vec<String>,
    /// Finds the values; `None` if there are none.
    automaton: Option<AhoCorasick>,
    /// Names whose values are secrets, because the spec lists them.
    names: Vec<String>,
}

/// Prints only the number of secrets.
impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Secrets({})", self.values.len())
    }
}

impl Secrets {
    /// Collects the secrets of these variables: the whole value of a variable with a name for
    /// secrets, and secrets with a known shape in any value, such as the password in a URL.
    pub(crate) fn from_variables<'a>(
        variables: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Self {
        let mut values = Vec::new();
        for (name, value) in variables {
            if is_secret(name, value) {
                values.push(value.to_owned());
            }
            // A password that also occurs elsewhere in the value is not secret, as in
            // `postgres://postgres:postgres@…`.
            let (masked, found) = mask_text(value);
            let found = found.into_iter().filter(|secret| !masked.contains(secret.as_str()));
            values.extend(found.flat_map(|secret| [percent_decode(&secret), secret]));
        }
        Self::new(values)
    }

    /// Creates the secrets from their values.
    pub(crate) fn new(mut values: Vec<String>) -> Self {
        let escaped: Vec<_> = values.iter().map(|value| json_escape(value)).collect();
        values.extend(escaped);
        values.retain(|value| value.chars().count() >= MIN_LENGTH && !is_harmless(value));
        values.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        values.dedup();
        let automaton =
            AhoCorasick::builder().match_kind(MatchKind::LeftmostLongest).build(&values);
        let automaton = automaton.ok().filter(|_| !values.is_empty());
        Self { values, automaton, names: Vec::new() }
    }

    /// Sets the names whose values are secrets because the spec lists them.
    #[must_use]
    pub(crate) fn with_names(self, names: &[String]) -> Self {
        Self { names: names.to_vec(), ..self }
    }

    /// Returns the union of these and other secrets.
    #[must_use]
    pub(crate) fn and(&self, others: &Self) -> Self {
        let names = [self.names.clone(), others.names.clone()].concat();
        if others.values.is_empty() {
            return self.clone().with_names(&names);
        }
        Self::new([self.values.clone(), others.values.clone()].concat()).with_names(&names)
    }

    /// Whether a value with this name is a secret, because of words in the name or because the spec lists the
    /// name.
    pub(crate) fn has_name(&self, name: &str, value: &str) -> bool {
        is_secret(name, value) || (!is_harmless(value) && self.is_named(name))
    }

    /// Whether the spec lists this name as the name of a secret.
    pub(crate) fn is_named(&self, name: &str) -> bool {
        self.names.iter().any(|other| other.eq_ignore_ascii_case(name))
    }

    /// Masks these secrets in a text, and nothing else.
    pub(crate) fn mask_values(&self, text: &str) -> String {
        match &self.automaton {
            Some(automaton) => automaton.replace_all(text, &vec![MASK; self.values.len()]),
            None => text.to_owned(),
        }
    }

    /// Masks these secrets, and secrets with a known shape, in a text. JSON stays JSON.
    pub(crate) fn text(&self, text: &str) -> String {
        let masked = self.mask_values(text);
        if has_hint(&masked)
            && masked.trim_start().starts_with(['{', '['])
            && let Ok(before) = serde_json::from_str::<Json>(&masked)
        {
            let mut after = before.clone();
            self.json(&mut after);
            return if after == before { masked } else { after.to_string() };
        }
        mask_text(&masked).0
    }

    /// Masks the whole value if the name is a name for secrets, otherwise the secrets in it.
    pub(crate) fn variable(&self, name: &str, value: &str) -> String {
        if self.has_name(name, value) { MASK.to_owned() } else { self.text(value) }
    }

    /// Masks the secrets in a JSON value, and in the names of its fields.
    pub(crate) fn json(&self, value: &mut Json) {
        match value {
            Json::String(text) => *text = self.text(text),
            Json::Array(items) => items.iter_mut().for_each(|item| self.json(item)),
            Json::Object(fields) => {
                let all = std::mem::take(fields).into_iter().map(|(name, mut value)| {
                    self.field(&name, &mut value);
                    (self.text(&name), value)
                });
                *fields = all.collect::<Map<_, _>>();
            }
            Json::Null | Json::Bool(_) | Json::Number(_) => {}
        }
    }

    /// Masks the value of a field: the whole value if the field has a name for secrets.
    pub(crate) fn field(&self, name: &str, value: &mut Json) {
        match value {
            Json::String(text) => *text = self.variable(name, text),
            Json::Number(number) if self.has_name(name, &number.to_string()) => {
                *value = MASK.into();
            }
            Json::Array(items) => items.iter_mut().for_each(|item| self.field(name, item)),
            Json::Object(fields) if self.has_name(name, "{}") => {
                fields.values_mut().for_each(|field| self.field(name, field));
            }
            other => self.json(other),
        }
    }
}

/// Returns a value as written in a JSON string.
fn json_escape(value: &str) -> String {
    let quoted = Json::from(value).to_string();
    quoted.trim_start_matches('"').strip_suffix('"').unwrap_or(value).to_owned()
}

/// Decodes the percent encoding of a part of a URL.
fn percent_decode(part: &str) -> String {
    percent_decode_str(part).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::super::{text, variable};
    use super::*;

    /// Returns the rows whose first text, when masked, differs from the second.
    fn mismatches(table: &[(&str, &str)], masked: impl Fn(&str) -> String) -> Vec<String> {
        let mismatches = table.iter().filter(|(before, after)| masked(before) != *after);
        mismatches.map(|(before, _)| format!("{before}  =>  {}", masked(before))).collect()
    }

    #[test]
    fn masks_passwords_tokens_and_keys() {
        let table = [
            ("postgres://u:p%40ss@h/db", "postgres://u:***@h/db"),
            ("postgres://u:p@ss@h:5432/db?x=1", "postgres://u:***@h:5432/db?x=1"),
            ("redis://:hunter2@cache:6379", "redis://:***@cache:6379"),
            ("host=h password=hunter2 dbname=d", "host=h password=*** dbname=d"),
            ("password='x y' dbname=d", "password='***' dbname=d"),
            ("?a=1&sslpassword=xyz&b=2", "?a=1&sslpassword=***&b=2"),
            (r#"{"api_key": "abc", "n": 1}"#, r#"{"api_key": "***", "n": 1}"#),
            (r#"{"password": "a b", "n": 1}"#, r#"{"password": "***", "n": 1}"#),
            (r#"{"password": "a\"b c", "n": 1}"#, r#"{"password": "***", "n": 1}"#),
            (r#"{"password": "a b"#, r#"{"password": "***"#),
            (r#"{"token": 123456, "n": 1}"#, r#"{"token": "***", "n": 1}"#),
            (r#""{\"api_key\":\"x\"}""#, r#""{\"api_key\":\"***\"}""#),
            (r#""{\"api_key\":\"x y"#, r#""{\"api_key\":\"***"#),
            (
                r#"Config { password: Some("x"), n: 1 }"#,
                r#"Config { password: Some("***"), n: 1 }"#,
            ),
            (r#"password: Secret(Some("x y"))"#, r#"password: Secret(Some("***"))"#),
            ("Authorization: Bearer abcdefgh.ijk", "Authorization: Bearer ***"),
            ("authorization: abc", "authorization: ***"),
            ("got Bearer abcdefgh.ijk", "got Bearer ***"),
            ("cookie: a=b; c=d", "cookie: ***"),
            ("Set-Cookie: a=b; Path=/", "Set-Cookie: ***"),
            ("x-api-key: abc", "x-api-key: ***"),
            ("DB_PASS=abc AUTH_KEY=abc", "DB_PASS=*** AUTH_KEY=***"),
            ("key: password=abc", "key: password=***"),
            ("runner --admin-token abc --port 1", "runner --admin-token *** --port 1"),
            ("runner '--api-key=a b' x", "runner '--api-key=***' x"),
            ("create user u password 'a b'", "create user u password '***'"),
        ];
        assert_eq!(mismatches(&table, text), Vec::<String>::new());
        let twice = table.map(|(_, after)| (after, after));
        assert_eq!(mismatches(&twice, text), Vec::<String>::new(), "masking again changes nothing");
    }

    #[test]
    fn text_without_secrets_is_unchanged() {
        let table = [
            "http://127.0.0.1:80/a@b",
            "nothing to hide",
            r#"{"model":"m","max_tokens":500,"temperature":0.1}"#,
            "tokens_used: 5, token_count=7",
            "at src/token.rs:12:5",
            "crate::token::Token::parse",
            "PWD=/home/u/work",
            "DB_PASSWORD_FILE=/run/secrets/db",
            "use_token=false require_password: true",
            r#"{"password": null, "token": ""}"#,
            "password authentication failed for user \"u\"",
            "basic authentication is required",
            "key=value primary_key: id",
            "compass: north, bypass=x",
        ];
        assert_eq!(mismatches(&table.map(|line| (line, line)), text), Vec::<String>::new());
    }

    #[test]
    fn a_variable_with_the_name_of_a_secret_is_masked() {
        for name in [
            "ADMIN_TOKEN",
            "x-api-key",
            "authorization",
            "cookie",
            "DB_PASS",
            "AUTH_KEY",
            "PGPASSWORD",
            "GOOGLE_CREDENTIALS",
            "apiKey",
            "clientSecret",
            "set-cookie",
            "API_TOKENS",
        ] {
            assert_eq!(variable(name, "x y z"), "***", "{name}");
        }
        for (name, value) in [
            ("ADMIN_TOKEN", ""),
            ("LOG_LEVEL", "info"),
            ("MAX_TOKENS", "500"),
            ("PWD", "/home/u"),
            ("USE_TOKEN", "true"),
            ("KEYBOARD", "de"),
            ("COMPASS", "north"),
            ("PASSES", "three"),
        ] {
            assert_eq!(variable(name, value), value, "{name}");
        }
    }

    #[test]
    fn secret_values_of_the_environment_are_masked_everywhere() {
        let secrets = Secrets::from_variables([
            ("ADMIN_TOKEN", "hunter3"),
            ("ODD_SECRET", "a\"b\\c"),
            ("DATABASE_URL", "postgres://u:p%40ss@h/db?password=hunter2"),
            ("OTHER_URL", "postgres://postgres:postgres@h/postgres"),
            ("USE_TOKEN", "true"),
            ("PIN_SECRET", "123"),
            ("LOG_LEVEL", "info"),
        ]);
        let table = [
            ("it is hunter3!", "it is ***!"),
            ("p@ss or p%40ss or hunter2", "*** or *** or ***"),
            ("a\"b\\c", "***"),
            (r#"["a\"b\\c"]"#, r#"["***"]"#),
            ("true info 1234 postgres", "true info 1234 postgres"),
        ];
        assert_eq!(mismatches(&table, |before| secrets.text(before)), Vec::<String>::new());
        assert!(!format!("{secrets:?}").contains("hunter"));
    }

    #[test]
    fn masked_json_stays_json() {
        let secrets = Secrets::from_variables([("ADMIN_TOKEN", "hunter3")]);
        let table = [
            (r#"{"max_tokens":500, "n":1}"#, r#"{"max_tokens":500, "n":1}"#),
            (r#"{"tokens":["abc",7],"n":1}"#, r#"{"tokens":["***",7],"n":1}"#),
            (
                r#"{"credentials":{"user":"u","pin":1234}}"#,
                r#"{"credentials":{"user":"***","pin":"***"}}"#,
            ),
            (r#"{"a":{"x-api-key":"k"},"hunter3":[1]}"#, r#"{"a":{"x-api-key":"***"},"***":[1]}"#),
            (r#"{"password": "cut off"#, r#"{"password": "***"#),
        ];
        assert_eq!(mismatches(&table, |before| secrets.text(before)), Vec::<String>::new());
    }
}
