//! Database errors as one line of text, for the tracer's debug lines and for errors at startup.

/// Returns the server's message with its SQLSTATE, on one line. The `Display` of sqlx lacks the
/// SQLSTATE and contains a line number of the server's source.
pub(crate) fn one_line(error: &sqlx::Error) -> String {
    let text = match error {
        sqlx::Error::Database(error) => match error.code() {
            Some(code) => format!("{} ({code})", error.message()),
            None => error.message().to_owned(),
        },
        other => other.to_string(),
    };
    text.replace(['\n', '\r'], " ")
}
