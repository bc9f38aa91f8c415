//! Masks the secrets that can be recognised from a text alone.

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use super::name::is_secret;
use super::{MASK, assignment, pem, shape, token, url};

/// Matches the words and punctuation that announce a secret. All finders, except those of tokens and of
/// private keys, are slow and run only on texts that match.
const HINT: &str = "(?i)pass|pwd|pw|secret|token|key|credential|cookie|auth|bearer|basic|://|sig|sid|session|jwt|csrf|xsrf|hmac|salt|seed|dsn|connection|-u|--user";

static HINTS: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(HINT).ok());

/// A secret in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    /// The bytes to replace.
    pub(super) range: Range<usize>,
    /// The quotes that the mask needs, so that JSON stays JSON; empty if it needs none.
    pub(super) quote: String,
}

impl From<Range<usize>> for Found {
    fn from(range: Range<usize>) -> Self {
        Self { range, quote: String::new() }
    }
}

/// Sorts secrets, and removes those that start inside an earlier one. Of those with the same start, the
/// longest stays.
pub(super) fn without_overlaps(mut all: Vec<Found>) -> Vec<Found> {
    all.sort_by_key(|found| (found.range.start, std::cmp::Reverse(found.range.end)));
    let mut end = 0;
    all.retain(|found| {
        let is_free = found.range.start >= end;
        end = end.max(found.range.end);
        is_free
    });
    all
}

/// A function that returns the secrets in a text, in order and without overlaps.
type Finder = fn(&str) -> Vec<Found>;

/// The finders in the order in which they run; `true` if a finder needs a hint.
const FINDERS: [(Finder, bool); 5] = [
    (pem::find, false),
    (url::find, true),
    (assignment::find, true),
    (shape::find, true),
    (token::find, false),
];

/// Whether a text has a word or a sign that announces a secret.
pub(super) fn has_hint(text: &str) -> bool {
    HINTS.as_ref().is_none_or(|hints| hints.is_match(text))
}

/// Masks every secret that can be recognised from a text alone. Also returns the secrets.
pub(super) fn mask_text(text: &str) -> (String, Vec<String>) {
    let (mut masked, mut secrets) = (text.to_owned(), Vec::new());
    let has_hint = has_hint(text);
    for (finder, needs_hint) in FINDERS {
        if needs_hint && !has_hint {
            continue;
        }
        let found = finder(&masked);
        if found.is_empty() {
            continue;
        }
        let (mut after, mut copied) = (String::with_capacity(masked.len()), 0);
        for Found { range, quote } in found {
            debug_assert!(range.start >= copied, "overlapping secrets");
            if range.start < copied {
                continue;
            }
            after.push_str(&masked[copied..range.start]);
            for part in [&quote, MASK, &quote] {
                after.push_str(part);
            }
            secrets.push(masked[range.clone()].to_owned());
            copied = range.end;
        }
        after.push_str(&masked[copied..]);
        masked = after;
    }
    (masked, secrets)
}

/// Masks every secret that can be recognised from a text alone, such as `password=…`.
pub fn text(text: &str) -> String {
    mask_text(text).0
}

/// Returns the secrets that can be recognised from a text alone.
pub(crate) fn secrets_in(text: &str) -> Vec<String> {
    mask_text(text).1
}

/// Masks the value of an environment variable or a header: the whole value if the name is a name for
/// secrets, otherwise only secrets that can be recognised from the value alone.
pub(crate) fn variable(name: &str, value: &str) -> String {
    if is_secret(name, value) { MASK.to_owned() } else { text(value) }
}
