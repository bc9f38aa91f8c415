//! The example of the README, verbatim.

// README
use rstest::rstest;
use spanproof::{World, judge};

#[rstest]
#[case("true", 8)]
#[case("TRUE", 0)]
#[case("", 0)]
#[tokio::test]
async fn spans_need_exactly_the_value_true(#[case] value: &str, #[case] spans: usize) {
    let world =
        World::new("../spanproof.toml").binary(env!("CARGO_BIN_EXE_runner")).shared_server();
    let world = world.open().await.unwrap();
    let observation = world.trial().flag("ENABLE_DB_TRACING", value).run().await.unwrap();
    assert_eq!(observation.tables.spans.all().len(), spans);
    judge(world.spec(), &observation).passed().unwrap();
}
