//! The step of a trial that waits for the spans of its last job.

use super::Error;
use super::flush::wait_for_spans;
use super::reader::reader;
use super::run::Trial;

impl Trial {
    /// Waits for spans that the service writes after the job has ended.
    pub(super) async fn wait_for_spans(&mut self) -> Result<(), Error> {
        self.stopwatch.skip();
        let reader = reader(&mut self.fault, &mut self.reader, &self.database).await?;
        let spec = self.world.spec();
        let within = (self.timeouts.flush, self.arrival, &mut self.most_spans);
        let case = (&self.case, self.first_job.as_ref(), &self.earlier_rows);
        self.arrival = wait_for_spans(reader, spec, case, &self.service, within).await;
        self.stopwatch.lap("flush");
        Ok(())
    }
}
