//! Tests that parsers read damaged files without a panic, a hang or unlimited memory, and that their errors
//! name the file and, in a spec, the line. The parsers `packed_log` and `packed_dump` read compressed files
//! and files in UTF-16.
//!
//! Each parser runs for two seconds. This command runs them for longer, with different damage each time:
//! `SPANPROOF_FUZZ_SEED=random SPANPROOF_FUZZ_SECONDS=600 cargo test -p spanproof-cli --test suite fuzz -- --nocapture`.

mod corpus;
mod mutation;
mod parser;
mod run;

use rstest::rstest;

#[rstest]
#[case::spec("spec")]
#[case::behaviour("behaviour")]
#[case::job("job")]
#[case::migration("migration")]
#[case::manifest("manifest")]
#[case::log("log")]
#[case::packed_log("packed_log")]
#[case::dump("dump")]
#[case::packed_dump("packed_dump")]
#[case::bundle("bundle")]
#[case::evidence("evidence")]
#[case::run("run")]
#[case::document("document")]
fn a_damaged_file_causes_no_panic_no_hang_and_no_unlimited_memory(#[case] name: &str) {
    run::run_parser(name);
}

/// The inner process of the test above, which starts this test with limited memory. Without the variable that
/// names a parser, this test does nothing.
#[test]
fn run_the_parser_that_a_variable_names() {
    run::run_named_parser();
}
