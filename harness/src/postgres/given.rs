//! A server that runs already, named by a URL.

use reqwest::Url;

use super::Error;

/// `url` with another database in it.
pub(super) fn with_database(url: &str, database: &str) -> Result<String, Error> {
    let mut parsed = parse(url)?;
    parsed.set_path(&format!("/{database}"));
    Ok(parsed.into())
}

/// `url` as it may be shown.
pub(super) fn shown(url: &str) -> String {
    crate::mask::text(url)
}

fn parse(url: &str) -> Result<Url, Error> {
    Url::parse(url).map_err(|error| Error::Login {
        place: shown(url),
        reason: format!("it is not a URL ({error}); expected `postgres://user@host:port/database`"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_database_is_exchanged_and_all_else_stays() {
        for (url, other) in [
            (
                "postgres://u:p@h:5433/old?sslmode=disable",
                "postgres://u:p@h:5433/new?sslmode=disable",
            ),
            ("postgres://u@localhost/old?host=/run/pg", "postgres://u@localhost/new?host=/run/pg"),
            ("postgres://u@h", "postgres://u@h/new"),
        ] {
            assert_eq!(with_database(url, "new").unwrap(), other);
        }
    }

    #[test]
    fn a_text_that_is_no_url_is_named() {
        let error = with_database("postgres://[half", "x").unwrap_err().to_string();
        assert!(error.contains("it is not a URL"), "{error}");
    }
}
