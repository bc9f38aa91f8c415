//! The processes of a trial (one run of the service) besides the main process of the service: further
//! processes under test, and helpers, which are not under test, such as a broker.

use std::time::{Duration, Instant};

use super::Error;
use super::readiness::wait_until_ready;
use super::values::Values;
use crate::observation::WaitResult;
use crate::process::{Child, Exit, Launch, Output};
use crate::spec::Process;
use spanproof_lease::wait::{self, Attempt};
use tokio::sync::Mutex;

/// Lines of a helper's output that an error shows.
const TAIL: usize = 10;
/// Maximum time to wait until a process has started.
const LONGEST_START: Duration = Duration::from_secs(5);
/// A process that is idle for this long counts as started. While it is still starting, its pauses are
/// shorter.
const IDLE: Duration = Duration::from_millis(60);

/// A running process. Dropping it kills its process group.
#[derive(Debug)]
pub(super) struct RunningProcess {
    pub(super) rule: Process,
    pub(super) child: Child,
    pub(super) ready: WaitResult,
}

impl RunningProcess {
    /// Starts a process and waits until it is ready.
    pub(super) async fn start(
        rule: &Process,
        launch: &Launch,
        values: &Values,
    ) -> Result<Self, Error> {
        let child = values.resources.family.start(launch)?;
        let ready = match &rule.ready {
            Some(ready) => {
                let url = values.fill(&format!("http://127.0.0.1:{{port:{}}}", rule.name));
                let limit = Duration::from_millis(ready.timeout_ms);
                wait_until_ready(&child, ready, values, &url, limit).await
            }
            None => WaitResult::Reached,
        };
        Ok(Self { rule: rule.clone(), child, ready })
    }

    /// Starts a helper.
    ///
    /// # Errors
    /// When the helper can't be started, or does not become ready in time.
    pub(super) async fn start_helper(
        rule: &Process,
        launch: &Launch,
        values: &Values,
    ) -> Result<Self, Error> {
        let helper = Self::start(rule, launch, values).await?;
        match &helper.ready {
            WaitResult::Reached => Ok(helper),
            WaitResult::NotReached(reason) => {
                let what = format!("did not become ready: {reason}");
                Err(helper.stop_with_error(what).await)
            }
        }
    }

    /// Stops the helper, so that its output is read to its end, and returns an error with the last lines.
    async fn stop_with_error(self, what: String) -> Error {
        let name = self.rule.name.clone();
        match self.stop(Instant::now()).await {
            Ok((_, output)) => Error::Helper { name, what, tail: output.tail(TAIL) },
            Err(error) => error,
        }
    }

    /// Checks that the helper still runs.
    pub(super) fn check_running(&self) -> Result<(), Error> {
        if self.child.has_exited() {
            return Err(self.error("exited while the case ran".to_owned()));
        }
        Ok(())
    }

    fn error(&self, what: String) -> Error {
        let tail = self.child.output().tail(TAIL);
        Error::Helper { name: self.rule.name.clone(), what, tail }
    }

    /// Returns the output of the process so far, with the times of lines relative to `origin`.
    pub(super) fn output_since(&self, origin: Instant) -> Output {
        self.child.output().delayed(self.delay_from(origin)).with_process(&self.rule.name)
    }

    /// Returns how long after `origin` the process was started.
    fn delay_from(&self, origin: Instant) -> Duration {
        self.child.start().saturating_duration_since(origin)
    }

    /// Waits until a process that may still be starting is idle or has exited, so that it handles signals
    /// before it gets one; otherwise its exit could look like a crash. Does not wait for helpers, nor for
    /// processes whose readiness the spec defines.
    async fn wait_until_started(&self) {
        if self.rule.ready.is_some() || self.rule.helper {
            return;
        }
        let within = LONGEST_START.saturating_sub(self.child.start().elapsed());
        let state = Mutex::new((self.child.activity(), Instant::now()));
        let _still_busy = wait::until("the end of its start", within, || async {
            let (last, busy_at) = &mut *state.lock().await;
            let now = self.child.activity();
            if now.is_busy || now.ticks != last.ticks {
                (*last, *busy_at) = (now, Instant::now());
            }
            if busy_at.elapsed() >= IDLE || self.child.has_exited() {
                return Attempt::Done(());
            }
            Attempt::NotYet(String::new())
        })
        .await;
    }

    /// Stops the process as the spec says. Returns its exit, and its output with the times of lines relative
    /// to `origin`.
    pub(super) async fn stop(self, origin: Instant) -> Result<(Exit, Output), Error> {
        self.wait_until_started().await;
        let delay = self.delay_from(origin);
        let grace = Duration::from_millis(self.rule.stop.grace_ms);
        let (exit, output) = self.child.stop(self.rule.stop.signal(), grace).await?;
        let output = output.delayed(delay).with_process(&self.rule.name);
        Ok((Exit { process: Some(self.rule.name), ..exit }, output))
    }
}

/// Stops the helpers in the reverse order of their start. Returns the outputs that are not empty, in the
/// order of the start.
pub(super) async fn stop_helpers(helpers: Vec<RunningProcess>) -> Result<Vec<Output>, Error> {
    let mut outputs = Vec::new();
    for helper in helpers.into_iter().rev() {
        let origin = helper.child.start();
        outputs.push(helper.stop(origin).await?.1);
    }
    outputs.reverse();
    outputs.retain(|output| !output.lines.is_empty());
    Ok(outputs)
}
