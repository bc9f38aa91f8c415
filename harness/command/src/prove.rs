//! `spanproof check --prove`, which sabotages passing cases to show that the check can fail. A sabotage is a
//! change after which the case must fail, such as a trigger that discards spans.

use tokio::sync::watch;

use super::args::Check;
use super::check::workers;
use super::{Exit, Failure, output};
use crate::report;
use spanproof::{Case, ProofResult, World};

/// Sabotages passing cases and prints whether each sabotage was detected.
pub(super) async fn prove(
    args: &Check,
    world: World,
    cases: &[Case],
    cancelled: watch::Receiver<bool>,
) -> Result<Exit, Failure> {
    let result = spanproof::prove(&world, cases, workers(args), cancelled).await;
    let closed = world.close().await.map_err(Failure::world);
    let result = result.map_err(Failure::world)?;
    closed?;
    match result {
        None => Ok(Exit::Interrupted),
        Some(ProofResult::Unhealthy(judgements)) => {
            let text = "nothing was sabotaged, because these cases do not pass; \
                        run `spanproof check` for details";
            output::error(text);
            for (case, judgement) in judgements {
                if let Err(why) = judgement.passed() {
                    output::error(&format!("case {}: {why}", case.id));
                }
            }
            Ok(Exit::Findings)
        }
        Some(ProofResult::Done(proofs)) => {
            output::print(&report::proofs(&proofs));
            Ok(match (proofs.missed, proofs.caught) {
                (0, 0) => Exit::Nothing,
                (0, _) => Exit::Passed,
                _ => Exit::Unnoticed,
            })
        }
    }
}
