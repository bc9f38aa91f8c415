//! Detects that another process took a port of a trial (one run of the service) before the service listened
//! on it. That is not the service's failure, so the trial runs again with other ports.

use std::sync::atomic::Ordering;
use std::time::Duration;

use super::Error;
use super::processes::RunningProcess;
use super::run::Trial;
use crate::observation::WaitResult;
use spanproof_lease::wait::{self, Attempt};

/// Maximum time to wait until a service notices that its port is taken.
const LIMIT: Duration = Duration::from_secs(5);

impl Trial {
    /// Checks that the helpers still run, and that no other process took a port. Records why the service
    /// can't use its folder, which matters only if the case fails.
    ///
    /// # Errors
    /// If a helper has exited, or another process may have taken a port.
    pub(super) async fn check_world(&self) -> Result<(), Error> {
        self.overrides.progress.set_folder_problem(self.resources.folder_problem());
        let running = self.helpers.iter().try_for_each(RunningProcess::check_running);
        let running = running.and_then(|()| self.world.check_shared_helpers());
        running.map_err(|error| error.masked(self.world.spec()))?;
        self.check_ports().await
    }

    /// Checks that no other process listens on a port of this trial. Does nothing if the service and its job
    /// worked.
    ///
    /// If the service runs in a container, a process outside the service, such as Docker's proxy, listens
    /// on the port for the service. This looks like a process that took the port. Only if the service has
    /// exited or reports that the port is in use, it is certain that the port was taken. Otherwise only one
    /// trial of a world returns the error; the others assume that the process listens for the service.
    ///
    /// # Errors
    /// If another process may have taken a port.
    async fn check_ports(&self) -> Result<(), Error> {
        if !self.has_failed() {
            return Ok(());
        }
        let port = self.service.values.port;
        let named = self.resources.ports().into_iter().map(|(_, port)| port);
        let mut found = std::iter::once(port)
            .chain(named)
            .filter_map(|port| Some((port, Some(self.resources.family.foreign_listener(port)?))));
        if let Some((port, process)) = found.next() {
            let is_certain = self.port_stops_service().await;
            if is_certain || self.may_try_other_ports() {
                return Err(Error::PortTaken { port, process, is_certain });
            }
            self.world.0.listens_elsewhere.store(true, Ordering::Relaxed);
        } else if self.reports_port_in_use() && self.may_try_other_ports() {
            return Err(Error::PortTaken { port, process: None, is_certain: false });
        }
        Ok(())
    }

    /// Whether a process of the service has exited, or reports that its port is in use. Waits for that,
    /// because the process that took the port may answer before the service notices. Does not wait if an
    /// earlier trial has shown that other processes listen for the service.
    async fn port_stops_service(&self) -> bool {
        let one_shot = self.world.spec().service.one_shot;
        let is_over = || (self.service.has_exited() && !one_shot) || self.reports_port_in_use();
        if !self.may_try_other_ports() && !self.overrides.is_retry {
            return is_over();
        }
        let over = wait::until("the end of the service", LIMIT, || async {
            if is_over() {
                Attempt::Done(())
            } else {
                Attempt::NotYet("it is still running".into())
            }
        });
        over.await.is_ok()
    }

    fn reports_port_in_use(&self) -> bool {
        self.service.output().lines.iter().any(|line| reports_port_in_use(&line.text))
    }

    /// Whether the service or its job did not do what a working service does.
    fn has_failed(&self) -> bool {
        let was_refused = self.job_run.submission.as_ref().is_some_and(|job| !job.is_accepted());
        let has_not_ended = matches!(self.job_run.settled, Some(WaitResult::NotReached(_)));
        let is_ready = self.service.ready.is_reached();
        !is_ready || self.service.has_exited() || was_refused || has_not_ended
    }

    /// Whether it is worth running the trial again with other ports: `false` if this trial is already such a
    /// retry, or if an earlier trial has shown that other processes listen for the service.
    fn may_try_other_ports(&self) -> bool {
        !self.overrides.is_retry && !self.world.0.listens_elsewhere.load(Ordering::Relaxed)
    }
}

/// Whether a line says that a port is in use, in the words of common runtimes.
fn reports_port_in_use(line: &str) -> bool {
    let line = line.to_lowercase();
    let has = |text: &str| line.contains(text);
    let is_number = ["eaddrinuse", "errno 98", "os error 98"].into_iter().any(has);
    let is_in_use = ["in use", "already allocated"].into_iter().any(has);
    is_number || (is_in_use && ["address", "port", "bind", "listen"].into_iter().any(has))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_of_common_runtimes_are_recognised() {
        for line in [
            "Error: listen EADDRINUSE: address already in use 127.0.0.1:10001",
            "OSError: [Errno 98] Address already in use",
            "Error: Os { code: 98, kind: AddrInUse, message: \"Address already in use\" }",
            "listen tcp 127.0.0.1:10001: bind: address already in use",
            "Web server failed to start. Port 10001 was already in use.",
            "java.net.BindException: Address already in use",
            "Bind for 127.0.0.1:10001 failed: port is already allocated",
        ] {
            assert!(reports_port_in_use(line), "{line}");
        }
        for line in ["the name `x` is already in use", "listens on port 98", "2 of 98 bytes"] {
            assert!(!reports_port_in_use(line), "{line}");
        }
    }
}
