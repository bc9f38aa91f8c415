//! Tests of the exact startup output under each combination of flags. `spanproof check` compares
//! the output with the same snapshots.

use rstest::rstest;
use spanproof::Value;

use crate::world::{healthy, repository};

#[rstest]
#[case::unset(None)]
#[case::empty(Some(""))]
#[case::exactly_true(Some("true"))]
#[case::upper_case(Some("TRUE"))]
#[case::capital(Some("True"))]
#[case::one(Some("1"))]
#[case::zero(Some("0"))]
#[case::off(Some("false"))]
#[case::yes(Some("yes"))]
#[case::on(Some("on"))]
#[case::trailing_space(Some("true "))]
#[case::quoted(Some("\"true\""))]
#[tokio::test]
async fn the_startup_output_matches_its_snapshot(
    #[case] value: Option<&str>,
    #[values(None, Some("true"))] router_disable: Option<&str>,
) {
    let world = healthy().await;
    let flag_value =
        |value: Option<&str>| value.map_or(Value::Unset, |text| Value::Set(text.into()));
    let trial = world
        .trial()
        .value("ENABLE_DB_TRACING", flag_value(value))
        .value("HYBRID_ROUTER_DISABLE", flag_value(router_disable));
    let observation = trial.start().await.unwrap().finish().await.unwrap();
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(repository("fixtures/startup"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| {
        let name = observation.snapshot_name(world.spec());
        insta::assert_snapshot!(name, observation.startup_text(world.spec()).unwrap());
    });
}

#[tokio::test]
async fn the_startup_line_of_the_tracer_is_printed_at_log_level_error() {
    let world = healthy().await;
    let trial = world.trial().flag("ENABLE_DB_TRACING", "true").env("LOG_LEVEL", "error");
    let observation = trial.start().await.unwrap().finish().await.unwrap();
    let lines = &observation.trial().unwrap().run.output.lines;
    let lines: Vec<_> = lines.iter().map(|line| line.text.as_str()).collect();
    assert!(lines.contains(&"🔍 DBTracer: ENABLED (ENABLE_DB_TRACING=true)"), "{lines:#?}");
    assert!(!lines.iter().any(|line| line.contains("INFO")), "{lines:#?}");
}

#[tokio::test]
async fn passwords_are_masked_in_output_and_evidence() {
    let world = healthy().await;
    let url = "{database.url}&password=hunter2";
    let trial = world.trial().env("DATABASE_URL", url).env("ADMIN_TOKEN", "hunter3");
    let observation = trial.start().await.unwrap().finish().await.unwrap();
    let all = format!("{observation:?}");
    assert!(observation.trial().unwrap().run.ready.is_reached(), "{all}");
    assert!(!all.contains("hunter"), "{all}");
}

#[rstest]
#[case::missing("", "DATABASE_URL")]
#[case::unreachable("postgres://u:hunter2@127.0.0.1:1/db", "u:***@127.0.0.1:1")]
#[tokio::test]
async fn the_runner_does_not_start_without_a_database(#[case] url: &str, #[case] error: &str) {
    let world = healthy().await;
    let trial = world.trial().env("DATABASE_URL", url);
    let observation = trial.start().await.unwrap().finish().await.unwrap();
    let run = &observation.trial().unwrap().run;
    assert!(!run.exit.stop_requested, "the runner did not exit by itself");
    assert_eq!(run.exit.ending, spanproof::Ending::Code(1));
    let output = run.output.tail(100);
    assert!(output.contains(error) && !output.contains("hunter2"), "{output}");
}
