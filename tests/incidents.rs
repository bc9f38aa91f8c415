//! Incidents from production, each as a spec of its own that shows it again.

use rstest::rstest;
use spanproof::matrix::cases;
use spanproof::trial::{Trial, World};
use spanproof::verdict::{Code, judge_all};

use crate::world::repository;

/// Jobs 469 to 472: four failed executions each, and no span although the flag was `true`.
#[rstest]
#[case::as_it_was(env!("CARGO_BIN_EXE_faulty-runner"), Some(Code::PathNotExecuted), 0)]
#[case::as_it_should_be(env!("CARGO_BIN_EXE_runner"), None, 8)]
#[tokio::test]
async fn zero_spans_on_the_cross_region_route(
    #[case] binary: &str,
    #[case] code: Option<Code>,
    #[case] spans: usize,
) {
    let spec = repository("fixtures/incidents/zero-spans/spanproof.toml");
    let world = World::of(spec).binary(binary).shared_server().open().await.unwrap();
    let cases = cases(world.spec()).unwrap();
    let jobs: Vec<_> = cases.iter().map(|case| case.job.as_str()).collect();
    assert_eq!(jobs, ["job-469", "job-470", "job-471", "job-472"]);
    let mut all = Vec::new();
    for case in &cases {
        all.push(Trial::run(&world, case).await.unwrap());
    }
    for (evidence, judgement) in all.iter().zip(judge_all(world.spec(), &all)) {
        assert_eq!(judgement.code(), code, "{judgement:#?}");
        assert_eq!(evidence.spans.all().len(), spans);
        let units = evidence.units.all();
        assert_eq!(units.len(), 4);
        for unit in units {
            // Refused at once, in one round trip, and the reason is kept.
            assert_eq!(unit["status"], "failed");
            assert_eq!(unit["output"]["error"], "No healthy providers available");
        }
        assert_eq!(evidence.exchanges.len(), 4);
        let banner = &evidence.output.lines.iter().find(|line| line.text.contains("DBTracer"));
        assert!(banner.unwrap().text.contains("ENABLED (ENABLE_DB_TRACING=true)"));
    }
}
