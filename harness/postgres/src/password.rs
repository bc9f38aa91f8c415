//! Masks passwords in URLs and connection strings, so that they can be printed and logged.
//!
//! The URLs are not parsed: any text may surround them, and a URL with a password that is not
//! escaped is invalid but must be masked, too.

/// The text that replaces a password.
const MASK: &str = "***";

/// Returns the text with all passwords masked. In a URL a password is the part between the first `:`
/// and the last `@` after `://`, or the value of a query parameter whose name ends with `password`.
/// Outside URLs a password is the value after `password=`.
///
/// A URL ends at white space, a quote or an angle bracket. If an `@` follows anywhere later in the URL,
/// an unescaped `/`, `?` or `#` before it counts as a part of the password.
pub(crate) fn mask(text: &str) -> String {
    mask_keywords(&mask_urls(text))
}

/// Masks the value of `password=` outside URLs, as in `host=db password=secret`.
fn mask_keywords(text: &str) -> String {
    const KEY: &str = "password=";
    let mut masked = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.to_ascii_lowercase().find(KEY) {
        let (before, value) = rest.split_at(at + KEY.len());
        let end = match value.chars().next() {
            Some(quote @ ('\'' | '"')) => value[1..].find(quote).map(|end| end + 2),
            _ => value.find(|c: char| c.is_whitespace() || "&\"'`<>".contains(c)),
        };
        let (value, next) = value.split_at(end.unwrap_or(value.len()));
        masked.push_str(before);
        masked.push_str(if value.is_empty() { value } else { MASK });
        rest = next;
    }
    masked + rest
}

fn mask_urls(text: &str) -> String {
    let mut masked = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (before, after) = rest.split_at(at + 3);
        let end = after.find(|c: char| c.is_whitespace() || "\"'`<>".contains(c));
        let (url, next) = after.split_at(end.unwrap_or(after.len()));
        masked.push_str(before);
        masked.push_str(&mask_query(&mask_authority(url)));
        rest = next;
    }
    masked.push_str(rest);
    masked
}

fn mask_authority(url: &str) -> String {
    let Some((login, host)) = url.rsplit_once('@') else { return url.to_owned() };
    // If a slash comes before the first colon, the authority has ended, and the `@` belongs to the path.
    match login.split_once(':') {
        Some((user, _)) if !user.contains('/') => format!("{user}:{MASK}@{host}"),
        _ => url.to_owned(),
    }
}

fn mask_query(url: &str) -> String {
    let Some((path, parameters)) = url.split_once('?') else { return url.to_owned() };
    let parameters = parameters.split('&').map(|parameter| match parameter.split_once('=') {
        Some((name, value))
            if name.to_ascii_lowercase().ends_with("password") && !value.is_empty() =>
        {
            format!("{name}={MASK}")
        }
        _ => parameter.to_owned(),
    });
    format!("{path}?{}", parameters.collect::<Vec<_>>().join("&"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_every_password() {
        for (text, expected) in [
            ("host=db password=secret user=u", "host=db password=*** user=u"),
            ("PASSWORD='a b' dbname=d", "PASSWORD=*** dbname=d"),
            ("password=", "password="),
            ("postgres://u:p%40ss@h/db", "postgres://u:***@h/db"),
            ("postgres://u:p@ss@h:5432/db?x=1", "postgres://u:***@h:5432/db?x=1"),
            ("postgres://u:a/b#c?d@h/db", "postgres://u:***@h/db"),
            (
                "postgres://u@h/db?password=x&sslmode=require",
                "postgres://u@h/db?password=***&sslmode=require",
            ),
            ("postgres://u@h/db?sslpassword=x", "postgres://u@h/db?sslpassword=***"),
            ("tcp://h:2375", "tcp://h:2375"),
            // `80/a` may be a password with a slash, so it is masked, too.
            ("http://h:80/a@b", "http://h:***@b"),
            (
                "could not reach `http://u:p@h/x` or \"http://u:q@h\"",
                "could not reach `http://u:***@h/x` or \"http://u:***@h\"",
            ),
            ("no URL: a@b", "no URL: a@b"),
        ] {
            assert_eq!(mask(text), expected);
            assert_eq!(mask(expected), expected, "masking again changes nothing");
        }
    }
}
