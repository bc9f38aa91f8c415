//! The reply of a database to one statement.

use crate::observation::{Row, Rows};

/// The result of a statement, or the reason `R` why the statement was refused. Functions return a
/// reply inside a `Result`, whose `Err` means that the connection is lost.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "a refusal must be handled or reported"]
pub(crate) enum Reply<T, R = String> {
    /// The result of a statement that was executed.
    Accepted(T),
    /// The server refused the statement, or spanproof did not send it because it would be too
    /// expensive.
    Refused(R),
}

impl<T, R> Reply<T, R> {
    /// Maps the result.
    pub(crate) fn map<U>(self, convert: impl FnOnce(T) -> U) -> Reply<U, R> {
        match self {
            Self::Accepted(result) => Reply::Accepted(convert(result)),
            Self::Refused(reason) => Reply::Refused(reason),
        }
    }

    /// Maps the reason.
    pub(crate) fn map_refused<S>(self, convert: impl FnOnce(R) -> S) -> Reply<T, S> {
        match self {
            Self::Accepted(result) => Reply::Accepted(result),
            Self::Refused(reason) => Reply::Refused(convert(reason)),
        }
    }

    /// Returns the result as `Ok`, the reason as `Err`.
    pub(crate) fn into_result(self) -> Result<T, R> {
        match self {
            Self::Accepted(result) => Ok(result),
            Self::Refused(reason) => Err(reason),
        }
    }

    /// Returns the result, or converts the reason into an error.
    ///
    /// # Errors
    /// If the statement was refused.
    pub(crate) fn accepted_or<E>(self, error: impl FnOnce(R) -> E) -> Result<T, E> {
        self.into_result().map_err(error)
    }

    /// Returns the result; `None` if the statement was refused.
    pub(crate) fn accepted(self) -> Option<T> {
        self.into_result().ok()
    }

    /// Returns the reason; `None` if the statement was executed.
    pub(crate) fn refused(self) -> Option<R> {
        self.into_result().err()
    }
}

impl<T: Default, R> Reply<T, R> {
    /// Returns the result; empty if the statement was refused.
    pub(crate) fn accepted_or_default(self) -> T {
        self.accepted().unwrap_or_default()
    }
}

impl Reply<Vec<Row>> {
    /// Converts the reply into evidence. A refusal means that the table can't be read.
    pub(crate) fn into_rows(self) -> Rows {
        self.into_result().map_or_else(Rows::Unreadable, Rows::from)
    }
}
