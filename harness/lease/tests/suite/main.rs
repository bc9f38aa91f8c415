//! Tests that no resource of a lease remains after its last user has ended, whichever process is
//! killed, and at whichever moment.
//!
//! A lease is a folder with a list of resources, and a user is a process that has opened it. For each
//! user, the tests start a new process of this test program. The user answers its test on standard
//! output.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test stops at the first surprise")]
#![expect(
    clippy::print_stdout,
    reason = "a user answers on standard output, and a random test prints its seed"
)]

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
