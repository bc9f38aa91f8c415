//! A database's reply to one statement.

use crate::observation::{Row, Rows};

/// A reply, with the reason `R` if the statement was refused. Functions return it in a `Result`,
/// whose `Err` means that the database is gone.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "a refusal is part of what was found"]
pub(crate) enum Reply<T, R = String> {
    /// The statement was carried out, with its result.
    Accepted(T),
    /// The server refused the statement, or it was not sent because it would have cost too much.
    Refused(R),
}

impl<T, R> Reply<T, R> {
    /// Converts the result.
    pub(crate) fn map<U>(self, convert: impl FnOnce(T) -> U) -> Reply<U, R> {
        match self {
            Self::Accepted(result) => Reply::Accepted(convert(result)),
            Self::Refused(reason) => Reply::Refused(reason),
        }
    }

    /// Converts the reason.
    pub(crate) fn map_refused<S>(self, convert: impl FnOnce(R) -> S) -> Reply<T, S> {
        match self {
            Self::Accepted(result) => Reply::Accepted(result),
            Self::Refused(reason) => Reply::Refused(convert(reason)),
        }
    }

    /// The result as `Ok`, the reason as `Err`.
    pub(crate) fn into_result(self) -> Result<T, R> {
        match self {
            Self::Accepted(result) => Ok(result),
            Self::Refused(reason) => Err(reason),
        }
    }

    /// The result, or an error made of the reason.
    ///
    /// # Errors
    /// If the statement was refused.
    pub(crate) fn accepted_or<E>(self, error: impl FnOnce(R) -> E) -> Result<T, E> {
        self.into_result().map_err(error)
    }

    /// The result; `None` if the statement was refused.
    pub(crate) fn accepted(self) -> Option<T> {
        self.into_result().ok()
    }

    /// The reason; `None` if the statement was accepted.
    pub(crate) fn refused(self) -> Option<R> {
        self.into_result().err()
    }
}

impl<T: Default, R> Reply<T, R> {
    /// The result, or an empty one if the statement was refused.
    pub(crate) fn accepted_or_default(self) -> T {
        self.accepted().unwrap_or_default()
    }
}

impl Reply<Vec<Row>> {
    /// The rows as evidence, in which a refusal is a table that can't be read.
    pub(crate) fn into_rows(self) -> Rows {
        self.into_result().map_or_else(Rows::Unreadable, Rows::Found)
    }
}
