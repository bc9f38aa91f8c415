//! Nothing outlives the last user of a lease, whoever is killed and when.
//!
//! The users are processes of their own: this program, started again with an order to be one.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test stops at the first surprise")]
#![expect(clippy::print_stdout, reason = "how a user answers, and a seed to repeat a run with")]

mod ends;
mod machine;
mod shared;
mod stress;
mod user;

/// Not a test: what the other tests start this program again for.
#[test]
fn a_user_when_one_is_asked_for() {
    user::serve();
}
