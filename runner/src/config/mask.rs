//! Masks the secrets of a URL before it is printed.

/// Returns the URL with its password and secret query parameters replaced by `***`.
///
/// Works on a string instead of a parsed URL, because error messages contain URLs that can't be
/// parsed. A value without `://` becomes `***`.
pub fn mask_url(url: &str) -> String {
    if url.is_empty() {
        return String::new();
    }
    let Some((scheme, rest)) = url.split_once("://") else { return "***".into() };
    let (rest, query) = match rest.split_once('?') {
        // A `?` before the last `@` is part of a password.
        Some((rest, query)) if !query.contains('@') => (rest, Some(query)),
        _ => (rest, None),
    };
    let authority = match rest.rsplit_once('@') {
        None => rest.to_owned(),
        Some((user, host)) => match user.split_once(':') {
            None => format!("{user}@{host}"),
            Some((name, _)) => format!("{name}:***@{host}"),
        },
    };
    let query = query.map(|query| format!("?{}", mask_query(query))).unwrap_or_default();
    format!("{scheme}://{authority}{query}")
}

fn mask_query(query: &str) -> String {
    let pairs = query.split('&').map(|pair| match pair.split_once('=') {
        Some((key, _)) if is_secret(key) => format!("{key}=***"),
        _ => pair.to_owned(),
    });
    pairs.collect::<Vec<_>>().join("&")
}

fn is_secret(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    ["password", "token", "secret", "key"].iter().any(|word| key.contains(word))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::mask_url;

    #[rstest]
    #[case("postgres://u:secret@h:5432/db", "postgres://u:***@h:5432/db")]
    #[case("postgres://u@h/db", "postgres://u@h/db")]
    #[case("postgres://u:p@ss/w?rd@h/db", "postgres://u:***@h/db")]
    #[case("postgres://h/db?user=u&password=secret", "postgres://h/db?user=u&password=***")]
    #[case("http://127.0.0.1:9/", "http://127.0.0.1:9/")]
    // This text is not a URL, so it is masked completely.
    #[case("host=h password=secret", "***")]
    #[case("", "")]
    fn secrets_are_masked(#[case] url: &str, #[case] masked: &str) {
        assert_eq!(mask_url(url), masked);
    }
}
