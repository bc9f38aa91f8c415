//! Watched jobs as text: a screen for a terminal, or a line per change. A unit is one piece of a
//! job's work.

use super::line::{plain, truncate};
use super::table::table;
use spanproof_format::{WatchFrame, WatchedJob};

/// Returns the alarm of a job that has units but no spans; empty for other jobs.
fn alarm(without_spans_s: Option<u64>) -> String {
    match without_spans_s {
        None => String::new(),
        Some(0) => "NO SPANS".into(),
        Some(seconds) => format!("NO SPANS for {seconds} s"),
    }
}

/// Returns the number of units with each status; `0` if there are none.
fn units(job: &WatchedJob) -> String {
    let units: Vec<_> =
        job.units.iter().map(|(status, count)| format!("{count} {status}")).collect();
    if units.is_empty() { "0".into() } else { plain(&units.join(", ")) }
}

/// Returns the number of spans, or `?` if they can't be read.
fn spans(job: &WatchedJob) -> String {
    job.spans.map_or("?".into(), |count| count.to_string())
}

/// Returns a screen with a table of the jobs and a status line: at most `height` lines of `width`
/// columns.
pub fn frame(frame: &WatchFrame, (width, height): (usize, usize)) -> Vec<String> {
    let rows: Vec<Vec<String>> = frame
        .jobs
        .iter()
        .map(|job| {
            vec![
                plain(&job.id),
                plain(&job.status),
                units(job),
                spans(job),
                alarm(job.without_spans_s),
            ]
        })
        .collect();
    let text = table(&["job", "status", &frame.unit_table, "spans", ""], &rows);
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let room = height.saturating_sub(2).max(2);
    if lines.len() > room {
        // The newest jobs are at the end.
        let surplus = lines.len() - room;
        lines.drain(1..=surplus);
    }
    lines.extend([String::new(), frame.status.clone()]);
    lines.iter().map(|line| truncate(line, width).trim_end().to_owned()).collect()
}

/// Returns the line of a job that changed.
pub fn job_line(time: &str, unit_table: &str, job: &WatchedJob) -> String {
    let line = format!(
        "{time}  job {}  {}  {unit_table}: {}  spans: {}  {}",
        plain(&job.id),
        plain(&job.status),
        units(job),
        spans(job),
        alarm(job.without_spans_s)
    );
    format!("{}\n", line.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn watched(job: usize, units: usize, spans: usize, without_spans_s: Option<u64>) -> WatchedJob {
        let spans = Some(spans);
        let units = (units > 0).then(|| ("failed".to_owned(), units)).into_iter().collect();
        let mut watched = WatchedJob::new(job.to_string(), "failed");
        (watched.units, watched.spans, watched.without_spans_s) = (units, spans, without_spans_s);
        watched
    }

    #[test]
    fn a_screen_fits_the_terminal_and_has_the_newest_jobs() {
        let jobs = (469..=480).map(|job| watched(job, 4, 0, Some(3))).collect();
        let lines = frame(&WatchFrame::new(jobs, "executions", "quiet"), (44, 8));
        assert_eq!(lines.len(), 8);
        assert!(lines.iter().all(|line| line.chars().count() <= 44), "{lines:?}");
        assert_eq!(lines[0], "job  status  executions  spans");
        assert_eq!(lines[5], "480  failed  4 failed    0      NO SPANS fo…");
        assert_eq!(lines[7], "quiet");
    }

    #[test]
    fn a_changed_job_is_printed_as_one_line() {
        let line = job_line("12:00:03Z", "executions", &watched(469, 4, 0, Some(0)));
        assert_eq!(line, "12:00:03Z  job 469  failed  executions: 4 failed  spans: 0  NO SPANS\n");
        let line = job_line("12:00:03Z", "executions", &watched(470, 0, 0, None));
        assert_eq!(line, "12:00:03Z  job 470  failed  executions: 0  spans: 0\n");
    }
}
