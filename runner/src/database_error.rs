//! A database error as it is told: in a debug line, and when the start fails.

/// The server's message with its SQLSTATE, on one line. What sqlx shows by itself has no
/// SQLSTATE, and a line number of the server's own source.
pub(crate) fn told(error: &sqlx::Error) -> String {
    let text = match error {
        sqlx::Error::Database(refusal) => match refusal.code() {
            Some(code) => format!("{} ({code})", refusal.message()),
            None => refusal.message().to_owned(),
        },
        other => other.to_string(),
    };
    text.replace(['\n', '\r'], " ")
}
