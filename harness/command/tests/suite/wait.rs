//! Waits until a process or a database reaches a state.

use std::fmt::Debug;
use std::time::Duration;

use spanproof_lease::wait::block_until;

/// Calls `attempt` until it returns `Ok`, and returns the value. Panics after `timeout` with the last
/// `Err`, in a message that begins with `what`: the name of the awaited event.
pub(crate) fn wait_until<T, S: Debug>(
    what: &str,
    timeout: Duration,
    mut attempt: impl FnMut() -> Result<T, S>,
) -> T {
    let (mut value, mut last_state) = (None, None);
    block_until(timeout, || {
        match attempt() {
            Ok(found) => value = Some(found),
            Err(state) => last_state = Some(state),
        }
        value.is_some()
    });
    assert!(value.is_some(), "{what} did not happen; last state: {last_state:#?}");
    value.unwrap()
}
