//! Masks secrets in text before it is stored or printed.
//!
//! A secret is recognised by its name, by the syntax around it, or by its value if a variable in the
//! service's environment has this value.

use std::sync::LazyLock;

use percent_encoding::percent_decode_str;
use regex::{Captures, Regex};
use serde_json::{Map, Value as Json};

/// The text that replaces a secret.
pub(crate) const MASK: &str = "***";
/// Minimum length of a secret, in characters; shorter texts occur by chance.
const MIN_LENGTH: usize = 4;

/// Matches the words and signs that announce a secret. Each of the [`shapes`] requires at least one
/// of them. The shapes are slower, and are tried only on texts in which this pattern matches.
const HINT: &str = "(?i)pass|pwd|secret|token|key|credential|cookie|auth|bearer|basic|://";
/// Matches the name of a value that may be a secret; [`is_secret`] decides.
const NAME: &str =
    r"(?P<name>[a-z0-9_-]*(?:pass|pwd|secret|token|key|credential|cookie|auth)[a-z0-9_-]*)";
/// Matches a value in escaped quotes, in quotes or as a bare word. The value may be cut off before
/// its closing quote.
const VALUE: &str = concat!(
    r#"(?P<value>\\+".*?(?:\\+"|$)|"(?:[^"\\]|\\.)*(?:"|\\?$)|'(?:[^'\\]|\\.)*(?:'|\\?$)"#,
    r#"|[^\s"'&;,(){}\[\]\\](?:[^\s"'&;,)}\]\\]|\\[^\s"'])*)"#
);

/// The compiled [`HINT`].
static HINTS: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(HINT).ok());

/// Patterns of secrets with a known shape. The group `value` is the secret. If there is a group
/// `name`, [`is_secret`] decides whether the value is a secret.
static SHAPES: LazyLock<Vec<Regex>> =
    LazyLock::new(|| shapes().iter().filter_map(|shape| Regex::new(shape).ok()).collect());

/// Returns the patterns of [`SHAPES`] as texts.
fn shapes() -> [String; 8] {
    [
        // `scheme://user:password@`, up to the last `@` before the path.
        r"[A-Za-z][A-Za-z0-9+.-]*://[^\s:/?#@]*:(?P<value>[^\s/?#]+)@".to_owned(),
        // A whole cookie header.
        r#"(?i)\b(?:set-)?cookie\s*[:=]\s*(?P<value>[^\s"'][^\r\n"]*)"#.to_owned(),
        // `'--password=…'` on a command line. The next pattern must not match it first: there, a
        // value ends at a space.
        format!(r"(?is)'--?{NAME}=(?P<value>[^']+)"),
        // `password=…`, `"api_key": "…"`, `token: Some("…")`, `Authorization: Bearer …`.
        format!(
            r#"(?is){NAME}(?P<quote>\\*["'])?\s*(?:=>|:=|=|:)\s*(?:[a-z]+\()*(?:(?:bearer|basic|digest|token|apikey)\s+)?{VALUE}"#
        ),
        // `--password …` on a command line.
        format!(r"(?is)(?:^|\s)--?{NAME}\s+{VALUE}"),
        // `password '…'` in SQL.
        r"(?is)\b(?P<name>password)\s+(?P<value>'(?:[^'\\]|\\.)*(?:'|\\?$))".to_owned(),
        // `Bearer …` and `Basic …`.
        r"(?i)\b(?:bearer|basic)\s+(?P<value>[A-Za-z0-9._~+/=-]{8,})".to_owned(),
        r"(?s)-----BEGIN [A-Z ]*PRIVATE KEY-----(?P<value>.+?)(?:-----END|$)".to_owned(),
    ]
}

/// Whether a value with this name is a secret: the name has a word for secrets, and the value is
/// not harmless.
pub(crate) fn is_secret(name: &str, value: &str) -> bool {
    let words = words(name);
    let (Some(last), false) = (words.last(), is_harmless(value)) else { return false };
    let number = value.chars().all(|c| c.is_ascii_digit() || c == '.');
    let measures = ["COUNT", "LIMIT", "LENGTH", "SIZE", "TTL", "SECONDS", "MS", "MAX", "MIN"];
    if number && (measures.contains(&last.as_str()) || words.iter().any(|word| word == "TOKENS")) {
        return false;
    }
    let path = value.contains('/') && !value.contains("://");
    if path && ["FILE", "PATH", "DIR"].contains(&last.as_str()) {
        return false;
    }
    if let [only] = words.as_slice()
        && ["PASS", "PWD", "OLDPWD"].contains(&only.as_str())
    {
        return !number && !path;
    }
    let parts = ["PASSWORD", "PASSWD", "PASSPHRASE", "SECRET", "CREDENTIAL", "APIKEY"];
    let endings = ["TOKEN", "TOKENS", "COOKIE", "COOKIES", "AUTHORIZATION"];
    let key_kinds = ["API", "PRIVATE", "ACCESS", "AUTH", "ENCRYPTION", "SIGNING", "MASTER"];
    words.iter().any(|word| {
        parts.iter().any(|part| word.contains(part))
            || endings.iter().any(|end| word.ends_with(end))
            || ["PASS", "PWD"].contains(&word.as_str())
    }) || words.windows(2).any(|pair| {
        key_kinds.contains(&pair[0].as_str()) && ["KEY", "KEYS"].contains(&pair[1].as_str())
    })
}

/// Splits a name into words in upper case: `api-key`, `API_KEY` and `apiKey` all become `API` and
/// `KEY`.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut after_lowercase = false;
    for c in name.chars() {
        if !c.is_ascii_alphanumeric() || (after_lowercase && c.is_ascii_uppercase()) {
            words.push(String::new());
        }
        after_lowercase = c.is_ascii_lowercase();
        if let (true, Some(word)) = (c.is_ascii_alphanumeric(), words.last_mut()) {
            word.push(c.to_ascii_uppercase());
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

/// Whether a value is not a secret even if its name is a name for secrets, such as `true`.
fn is_harmless(value: &str) -> bool {
    let words = ["true", "false", "yes", "no", "on", "off", "none", "null", "nil", "unset"];
    let value = value.trim();
    value.is_empty() || value == MASK || words.iter().any(|word| value.eq_ignore_ascii_case(word))
}

/// Removes the quotes around a value.
fn trim_quotes(value: &str) -> &str {
    let quotes: &[char] = &['"', '\'', '\\'];
    value.trim_start_matches(quotes).trim_end_matches(quotes)
}

/// Whether the value in a match of a shape is a secret.
fn is_secret_match(shape: &Captures<'_>, value: &str) -> bool {
    let inner = trim_quotes(value);
    let Some(name) = shape.name("name") else {
        // A lower-case word after `basic` is prose, not a token.
        return !is_harmless(inner) && !inner.chars().all(|c| c.is_ascii_lowercase())
            || shape.get(0).is_some_and(|whole| whole.as_str().contains("://"));
    };
    // In `token::parse` and `--token --port` there is no value.
    !value.starts_with(':') && !value.starts_with("--") && is_secret(name.as_str(), inner)
}

/// Masks every secret in `text` that matches the shape, and adds it to `found`.
fn mask_shape(shape: &Regex, text: &str, found: &mut Vec<String>) -> String {
    let (mut masked, mut copied, mut at) = (String::new(), 0, 0);
    while let Some(captures) = shape.captures_at(text, at) {
        let Some(value) = captures.name("value") else { break };
        if !is_secret_match(&captures, value.as_str()) {
            // The value may itself be the name of a secret, as in `key: password=…`.
            at = value.start();
            continue;
        }
        let inner = trim_quotes(value.as_str());
        let (head, tail) = match value.as_str().split_once(inner) {
            Some((head, tail)) if !inner.is_empty() => (head, tail),
            _ => ("", ""),
        };
        // A bare value after a quoted name is a number in JSON. The mask needs quotes to be JSON.
        let quote = captures.name("quote").filter(|_| head.is_empty());
        let quote = quote.map_or("", |quote| quote.as_str());
        found.push(inner.to_owned());
        masked.push_str(&text[copied..value.start()]);
        masked = format!("{masked}{quote}{head}{MASK}{tail}{quote}");
        (copied, at) = (value.end(), value.end());
    }
    masked.push_str(&text[copied..]);
    masked
}

/// Masks every secret with a known shape, and also returns the secrets.
fn mask_shapes(text: &str) -> (String, Vec<String>) {
    let mut found = Vec::new();
    let mut masked = text.to_owned();
    if HINTS.as_ref().is_some_and(|hints| !hints.is_match(text)) {
        return (masked, found);
    }
    for shape in SHAPES.iter() {
        masked = mask_shape(shape, &masked, &mut found);
    }
    (masked, found)
}

/// Masks every secret in `text` that has a known shape, such as `password=…`.
pub fn text(text: &str) -> String {
    mask_shapes(text).0
}

/// Masks the value of an environment variable or a header: the whole value if the name is a name
/// for secrets, otherwise only secrets with a known shape.
pub(crate) fn variable(name: &str, value: &str) -> String {
    if is_secret(name, value) { MASK.to_owned() } else { text(value) }
}

/// The secret values in the environment of one run of the service, to be masked wherever they occur.
#[derive(Clone, Default)]
pub(crate) struct Secrets(Vec<String>);

/// Prints the number of secrets only.
impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Secrets({})", self.0.len())
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
            let (masked, found) = mask_shapes(value);
            let found = found.into_iter().filter(|secret| !masked.contains(secret.as_str()));
            values.extend(found.flat_map(|secret| [percent_decode(&secret), secret]));
        }
        let escaped: Vec<_> = values.iter().map(|value| json_escape(value)).collect();
        values.extend(escaped);
        values.retain(|value| value.chars().count() >= MIN_LENGTH && !is_harmless(value));
        values.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        values.dedup();
        Self(values)
    }

    /// Masks these secrets, and secrets with a known shape, in a text. JSON stays JSON.
    pub(crate) fn text(&self, text: &str) -> String {
        let mut masked = text.to_owned();
        for secret in self.0.iter().filter(|secret| text.contains(secret.as_str())) {
            masked = masked.replace(secret.as_str(), MASK);
        }
        let hinted = HINTS.as_ref().is_none_or(|hints| hints.is_match(&masked));
        if hinted
            && masked.trim_start().starts_with(['{', '['])
            && let Ok(before) = serde_json::from_str::<Json>(&masked)
        {
            let mut after = before.clone();
            self.json(&mut after);
            return if after == before { masked } else { after.to_string() };
        }
        mask_shapes(&masked).0
    }

    /// Masks the whole value if the name is a name for secrets, otherwise the secrets in it.
    pub(crate) fn variable(&self, name: &str, value: &str) -> String {
        if is_secret(name, value) { MASK.to_owned() } else { self.text(value) }
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
            Json::Number(number) if is_secret(name, &number.to_string()) => *value = MASK.into(),
            Json::Array(items) => items.iter_mut().for_each(|item| self.field(name, item)),
            Json::Object(fields) if is_secret(name, "{}") => {
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
    use super::*;

    /// Returns the rows in which masking the first text does not give the second text.
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
    fn every_shape_is_a_valid_regex() {
        assert_eq!(SHAPES.len(), shapes().len());
        assert!(HINTS.is_some());
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
