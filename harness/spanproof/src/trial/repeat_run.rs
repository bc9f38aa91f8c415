//! Submits the job of a case several times while the service keeps running. A tracer may stop recording
//! after its first job, when a queue is full, or after its first error.

use std::time::{Duration, Instant};

use super::Error;
use super::repetition::JobRecord;
use super::run::Trial;
use crate::observation::{LineCounts, Submission};

/// The maximum number of submissions.
const MAX_JOBS: u32 = 5;
/// Time after which no further job is submitted.
const TIME_LIMIT: Duration = Duration::from_secs(20);
/// If this many jobs have fewer spans than the first job, no further job is submitted: they are enough to
/// show that the tracer stopped recording.
const SHORT_JOBS: usize = 2;

impl Trial {
    /// Submits the job repeatedly. Each time, waits for its end and its spans.
    pub(super) async fn repeat_job(&mut self) -> Result<(), Error> {
        self.run_job().await?;
        let start = Instant::now();
        let (mut stored, mut first_spans, mut short_jobs) = (0, None, 0);
        for number in 2..=MAX_JOBS {
            let accepted = self.job_run.submission.as_ref().is_some_and(Submission::is_accepted);
            if !accepted || self.service.has_exited() || start.elapsed() > TIME_LIMIT {
                return Ok(());
            }
            let record = self.record_job().await?;
            // The service may have deleted spans of earlier jobs. Then too few are counted, and the series may end early.
            let all = record.tables.spans.all().len();
            let spans = all.saturating_sub(stored);
            stored = all;
            short_jobs += usize::from(spans < *first_spans.get_or_insert(spans));
            if short_jobs == SHORT_JOBS {
                self.job_run = record.job_run;
                return Ok(());
            }
            let jobs = record.tables.jobs.clone();
            self.earlier_jobs.push(record);
            let job = self.world.repeated_job(&self.case.job, number)?;
            self.run_later_job(&job, &jobs).await?;
            self.wait_for_spans().await?;
        }
        Ok(())
    }

    /// Reads the rows, and the numbers of lines, log entries and requests at the end of a job.
    async fn record_job(&mut self) -> Result<JobRecord, Error> {
        let tables = self.own_tables().await?;
        let lines = LineCounts::count(&self.service.output());
        let log_length = self.log_length().await?;
        let request_count = self.service.upstream.request_count();
        let job_run = std::mem::take(&mut self.job_run);
        Ok(JobRecord { tables, job_run, lines, log_length, request_count })
    }
}
