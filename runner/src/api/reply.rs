//! Error responses.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::jobspec::InvalidField;
use crate::store::SubmitError;

/// An error response: a status and the body `{"error": reason}`.
#[derive(Debug)]
pub(crate) struct ErrorReply {
    status: StatusCode,
    reason: String,
}

impl ErrorReply {
    pub(crate) fn new(status: StatusCode, reason: impl Into<String>) -> Self {
        Self { status, reason: reason.into() }
    }
}

impl IntoResponse for ErrorReply {
    fn into_response(self) -> Response {
        (self.status, Json(json!({ "error": self.reason }))).into_response()
    }
}

impl From<InvalidField> for ErrorReply {
    fn from(invalid: InvalidField) -> Self {
        Self::new(StatusCode::BAD_REQUEST, invalid.to_string())
    }
}

impl From<sqlx::Error> for ErrorReply {
    fn from(error: sqlx::Error) -> Self {
        tracing::error!(%error, "a request failed because of the database");
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "database error; see the runner's log")
    }
}

impl From<SubmitError> for ErrorReply {
    fn from(error: SubmitError) -> Self {
        match error {
            SubmitError::Duplicate(_) => Self::new(StatusCode::CONFLICT, error.to_string()),
            SubmitError::Database(error) => error.into(),
        }
    }
}
