//! Counts the spans that are stored before the service is asked to stop. A service may write further
//! spans only because it stops. If it were killed, these would be lost.

use super::flush::count_spans;
use super::reader::reader;
use super::run::Trial;

impl Trial {
    /// Returns the number of stored spans; `None` if the case need not record spans or has a fault, or if
    /// the service has already exited.
    pub(super) async fn spans_before_stop(&mut self) -> Option<u64> {
        let spec = self.world.spec();
        let is_running = self.service.ready.is_reached() && !self.service.has_exited();
        if !is_running || self.fault.is_some() || !self.case.records(spec) {
            return None;
        }
        let session = reader(&mut self.fault, &mut self.reader, &self.database).await.ok()?;
        let count = count_spans(session, spec).await?.unsigned_abs();
        Some(count.saturating_sub(self.earlier_rows.span_count()))
    }
}
