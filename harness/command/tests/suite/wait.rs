//! Waits until a process or a database reaches a state.

use std::fmt::Debug;
use std::time::Duration;

use spanproof_lease::wait::block_until;

/// Calls `look` until it returns `Ok`, and returns the value. Panics after `timeout` with the last
/// `Err`.
pub(crate) fn wait_until<T, S: Debug>(
    what: &str,
    timeout: Duration,
    mut look: impl FnMut() -> Result<T, S>,
) -> T {
    let (mut value, mut seen) = (None, None);
    block_until(timeout, || {
        match look() {
            Ok(found) => value = Some(found),
            Err(state) => seen = Some(state),
        }
        value.is_some()
    });
    assert!(value.is_some(), "{what} did not happen; last seen: {seen:#?}");
    value.unwrap()
}
