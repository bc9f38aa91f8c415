//! Collects errors, so that a user sees all of them at once.

use super::Error;

/// The errors found so far.
#[derive(Debug, Default)]
pub(super) struct Problems(Vec<Error>);

impl Problems {
    /// Returns the value of a result. If the result is an error, adds the error and returns `None`.
    pub(super) fn keep<T>(&mut self, result: Result<T, impl Into<Error>>) -> Option<T> {
        result.map_err(|error| self.0.push(error.into())).ok()
    }

    /// Collects the values of results and adds the errors.
    pub(super) fn collect<T, C: FromIterator<T>>(
        &mut self,
        results: impl Iterator<Item = Result<T, Error>>,
    ) -> C {
        results.filter_map(|result| self.keep(result)).collect()
    }

    /// Returns `Err` if there is at least one error. Several errors are combined into one.
    pub(super) fn into_result(mut self) -> Result<(), Error> {
        match (self.0.pop(), self.0.is_empty()) {
            (None, _) => Ok(()),
            (Some(only), true) => Err(only),
            (Some(last), false) => {
                self.0.push(last);
                Err(Error::Several { errors: self.0 })
            }
        }
    }
}
