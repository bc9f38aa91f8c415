//! Tests that nothing outlives the last user of a lease, whichever process is killed, and when.
//!
//! A user is a process that uses a lease. The tests start this test program again as each user.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test stops at the first surprise")]
#![expect(clippy::print_stdout, reason = "a user's answers, and the seed of a random test")]

mod machine;
mod removal;
mod shared;
mod stress;
mod user;

/// Not a test: the other tests run it in the processes that they start.
#[test]
fn user_process() {
    user::serve();
}
