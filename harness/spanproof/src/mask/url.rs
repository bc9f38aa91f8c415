//! Finds passwords in URLs: `scheme://user:password@host`.

use super::name::is_harmless;
use super::text::Found;

/// Maximum length of a user and of a password, in bytes.
const MAX_LENGTH: usize = 1024;

/// Returns the passwords of the URLs in a text.
pub(super) fn find(text: &str) -> Vec<Found> {
    let mut all: Vec<Found> = Vec::new();
    for (at, _) in text.match_indices("://") {
        let is_in_earlier = all.last().is_some_and(|found| at < found.range.end);
        let has_scheme = text[..at].ends_with(|c: char| c.is_ascii_alphanumeric());
        if let (true, false, Some(range)) = (has_scheme, is_in_earlier, password(text, at + 3)) {
            all.push(range.into());
        }
    }
    all
}

/// Returns the range of the password in the URL whose user starts at `start`; `None` if it has none.
fn password(text: &str, start: usize) -> Option<std::ops::Range<usize>> {
    let rest = &text[start..text.floor_char_boundary(start.saturating_add(2 * MAX_LENGTH))];
    let user = rest.find(|c: char| c.is_whitespace() || ":/?#@".contains(c))?;
    let password = rest[user..].strip_prefix(':')?;
    let word = password.find(char::is_whitespace).map_or(password, |end| &password[..end]);
    let authority = word.find(['/', '?', '#']).map_or(word, |end| &word[..end]);
    let length = authority.rfind('@').or_else(|| {
        // The password contains a `/`, `?` or `#`. If only digits come before this character, they are a
        // port, and there is no password.
        let is_port = !authority.is_empty() && authority.bytes().all(|byte| byte.is_ascii_digit());
        let end = word.find(['"', '\'', '<', '>']).unwrap_or(word.len());
        let end = word.find("://").map_or(end, |other| end.min(other));
        word[..end].find('@').filter(|_| !is_port)
    })?;
    let start = start + user + 1;
    (length > 0 && !is_harmless(&word[..length])).then(|| start..start + length)
}
