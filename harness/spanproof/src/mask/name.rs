//! Decides from the name of a value whether the value is a secret.

/// Maximum length of a secret whose name only hints at a secret, in bytes.
const MAX_KEY: usize = 1024;
/// Minimum length of such a secret, in bytes.
const MIN_KEY: usize = 16;
/// Minimum length of the longest part of such a secret between punctuation, in bytes.
const MIN_PART: usize = 12;
/// Minimum entropy of such a secret, in bits per byte. A repeated word has less.
const MIN_ENTROPY: f64 = 3.0;

/// Parts of words that name a secret.
const PARTS: [&str; 14] = [
    "PASSWORD",
    "PASSWD",
    "PASSPHRASE",
    "PASSCODE",
    "PASSKEY",
    "SECRET",
    "CREDENTIAL",
    "APIKEY",
    "ACCESSKEY",
    "ACCOUNTKEY",
    "AUTHKEY",
    "PRIVATEKEY",
    "ENCRYPTIONKEY",
    "CONNECTIONSTRING",
];
/// Suffixes of words that name a secret.
const ENDINGS: [&str; 5] = ["TOKEN", "TOKENS", "COOKIE", "COOKIES", "AUTHORIZATION"];
/// Whole words that name a secret.
const WORDS: [&str; 5] = ["PASS", "PWD", "PW", "JWT", "HMAC"];
/// Words that name a secret if the word `KEY` follows.
const KEY_KINDS: [&str; 24] = [
    "ACCESS",
    "ACCOUNT",
    "ADMIN",
    "API",
    "APP",
    "AUTH",
    "CLIENT",
    "CONSUMER",
    "COOKIE",
    "DEPLOY",
    "ENCRYPTION",
    "LICENSE",
    "MASTER",
    "PRIVATE",
    "ROOT",
    "SERVICE",
    "SESSION",
    "SHARED",
    "SIGNING",
    "SSH",
    "STORAGE",
    "SUBSCRIPTION",
    "WEBHOOK",
    "WRITE",
];
/// Last words of a name that hints at a secret: it is one if the value looks random.
const HINTS: [&str; 14] = [
    "KEY",
    "KEYS",
    "SIG",
    "SIGNATURE",
    "SID",
    "SESSION",
    "SESSIONID",
    "AUTH",
    "CSRF",
    "XSRF",
    "SALT",
    "SEED",
    "HASHKEY",
    "DSN",
];
/// Words in the names of keys that are not secrets, such as `CACHE_KEY`.
const OTHER_KEYS: [&str; 14] = [
    "CACHE",
    "COLUMN",
    "DEDUP",
    "FOREIGN",
    "GROUP",
    "HASH",
    "IDEMPOTENCY",
    "INDEX",
    "PARTITION",
    "PRIMARY",
    "PUBLIC",
    "ROUTING",
    "SORT",
    "TRACE",
];

/// Whether a value with this name is a secret: the name has a word for secrets and the value is not
/// harmless, or the name hints at a secret and the value looks random.
pub(crate) fn is_secret(name: &str, value: &str) -> bool {
    let words = words(name);
    if is_harmless(value) {
        return false;
    }
    match certainty(&words) {
        Certainty::Secret => !is_something_else(&words, value),
        Certainty::Hint => looks_random(value),
        Certainty::None => false,
    }
}

/// Whether some value with this name may be a secret.
pub(super) fn may_be_secret(name: &str) -> bool {
    certainty(&words(name)) != Certainty::None
}

/// What follows from a name about its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Certainty {
    /// The value is a secret, unless it is harmless.
    Secret,
    /// The value is a secret if it looks random.
    Hint,
    /// The value is not a secret.
    None,
}

fn certainty(words: &[String]) -> Certainty {
    let is_secret = words.iter().any(|word| {
        PARTS.iter().any(|part| word.contains(part))
            || ENDINGS.iter().any(|end| word.ends_with(end))
            || WORDS.contains(&word.as_str())
    }) || words.windows(2).any(|pair| {
        KEY_KINDS.contains(&pair[0].as_str()) && ["KEY", "KEYS"].contains(&pair[1].as_str())
    });
    let last = words.last().map_or("", String::as_str);
    if is_secret || (words.len() == 1 && last == "OLDPWD") {
        Certainty::Secret
    } else if HINTS.contains(&last) && !words.iter().any(|word| OTHER_KEYS.contains(&word.as_str()))
    {
        Certainty::Hint
    } else {
        Certainty::None
    }
}

/// Whether a value is a count, a path or a folder, although its name has a word for secrets.
fn is_something_else(words: &[String], value: &str) -> bool {
    let Some(last) = words.last() else { return true };
    let number = value.chars().all(|c| c.is_ascii_digit() || c == '.');
    let measures = ["COUNT", "LIMIT", "LENGTH", "SIZE", "TTL", "SECONDS", "MS", "MAX", "MIN"];
    if number && (measures.contains(&last.as_str()) || words.iter().any(|word| word == "TOKENS")) {
        return true;
    }
    let path = value.contains('/') && !value.contains("://");
    if path && ["FILE", "PATH", "DIR"].contains(&last.as_str()) {
        return true;
    }
    let is_folder = ["PASS", "PWD", "OLDPWD"].contains(&last.as_str()) && words.len() == 1;
    is_folder && (number || path)
}

/// Whether a value looks like a generated key: it has digits and no blanks, and one of its parts mixes at
/// least two of small letters, capital letters and digits. A UUID or a path does not look like a key.
pub(super) fn looks_random(value: &str) -> bool {
    let is_sign = |c: char| "+/=_.~-%".contains(c);
    if !(MIN_KEY..=MAX_KEY).contains(&value.len())
        || !value.chars().all(|c| c.is_ascii_alphanumeric() || is_sign(c))
        || value.starts_with(['/', '.'])
        || uuid::Uuid::try_parse(value).is_ok()
        || !value.contains(|c: char| c.is_ascii_digit())
    {
        return false;
    }
    let is_mixed = |part: &str| {
        let has = |test: fn(&char) -> bool| usize::from(part.chars().any(|c| test(&c)));
        part.len() >= MIN_PART
            && has(char::is_ascii_lowercase)
                + has(char::is_ascii_uppercase)
                + has(char::is_ascii_digit)
                > 1
    };
    value.split(is_sign).any(is_mixed) && entropy(value) >= MIN_ENTROPY
}

/// Returns the Shannon entropy in bits per byte.
fn entropy(value: &str) -> f64 {
    let mut counts = [0_u32; 256];
    for byte in value.bytes() {
        counts[usize::from(byte)] += 1;
    }
    let total = f64::from(u32::try_from(value.len()).unwrap_or(u32::MAX));
    let shares = counts.iter().filter(|count| **count > 0).map(|count| f64::from(*count) / total);
    shares.map(|share| -share * share.log2()).sum()
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

/// Whether a value, such as `true`, is not a secret even if its name is that of a secret.
pub(super) fn is_harmless(value: &str) -> bool {
    let words = ["true", "false", "yes", "no", "on", "off", "none", "null", "nil", "unset"];
    let value = value.trim();
    value.is_empty()
        || value == super::MASK
        || words.iter().any(|word| value.eq_ignore_ascii_case(word))
}
