//! Jobs as they arrive: a frame for a terminal, a line for whatever else reads.

use std::time::Duration;

use super::line::{cut, plain};
use super::table::table;
use crate::deployment::JobProgress;

/// A job with the time for which its work is there and no span of it.
pub type Watched = (JobProgress, Option<Duration>);

/// What stands where work leaves no spans.
fn alarm(dark: Option<Duration>) -> String {
    match dark {
        None => String::new(),
        Some(since) if since.as_secs() == 0 => "NO SPANS".into(),
        Some(since) => format!("NO SPANS for {} s", since.as_secs()),
    }
}

fn units(beat: &JobProgress) -> String {
    let units: Vec<_> =
        beat.units.iter().map(|(status, count)| format!("{count} {status}")).collect();
    if units.is_empty() { "0".into() } else { plain(&units.join(", ")) }
}

/// How many; `?` where they could not be looked for.
fn spans(beat: &JobProgress) -> String {
    beat.spans.map_or("?".into(), |count| count.to_string())
}

/// All jobs as a table, its lines no longer than `width` and no more than `height`.
pub fn frame(
    jobs: &[Watched],
    unit_table: &str,
    status: &str,
    (width, height): (usize, usize),
) -> Vec<String> {
    let rows: Vec<Vec<String>> = jobs
        .iter()
        .map(|(beat, dark)| {
            vec![plain(&beat.job), plain(&beat.status), units(beat), spans(beat), alarm(*dark)]
        })
        .collect();
    let text = table(&["job", "status", unit_table, "spans", ""], &rows);
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let room = height.saturating_sub(2).max(2);
    if lines.len() > room {
        // The newest are at the end.
        let gone = lines.len() - room;
        lines.drain(1..=gone);
    }
    lines.extend([String::new(), status.to_owned()]);
    lines.iter().map(|line| cut(line, width).trim_end().to_owned()).collect()
}

/// One job, where something of it has changed.
pub fn change(at: &str, unit_table: &str, (beat, dark): &Watched) -> String {
    let line = format!(
        "{at}  job {}  {}  {unit_table}: {}  spans: {}  {}",
        plain(&beat.job),
        plain(&beat.status),
        units(beat),
        spans(beat),
        alarm(*dark)
    );
    format!("{}\n", line.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn watched(job: usize, units: usize, spans: usize, dark: Option<u64>) -> Watched {
        let spans = Some(spans);
        let units = (units > 0).then(|| ("failed".to_owned(), units)).into_iter().collect();
        let beat = JobProgress { job: job.to_string(), status: "failed".into(), units, spans };
        (beat, dark.map(Duration::from_secs))
    }

    #[test]
    fn a_frame_fits_and_keeps_the_newest() {
        let jobs: Vec<_> = (469..=480).map(|job| watched(job, 4, 0, Some(3))).collect();
        let lines = frame(&jobs, "executions", "quiet", (44, 8));
        assert_eq!(lines.len(), 8);
        assert!(lines.iter().all(|line| line.chars().count() <= 44), "{lines:?}");
        assert_eq!(lines[0], "job  status  executions  spans");
        assert_eq!(lines[5], "480  failed  4 failed    0      NO SPANS fo…");
        assert_eq!(lines[7], "quiet");
    }

    #[test]
    fn a_change_is_a_line() {
        let line = change("12:00:03Z", "executions", &watched(469, 4, 0, Some(0)));
        assert_eq!(line, "12:00:03Z  job 469  failed  executions: 4 failed  spans: 0  NO SPANS\n");
        let line = change("12:00:03Z", "executions", &watched(470, 0, 0, None));
        assert_eq!(line, "12:00:03Z  job 470  failed  executions: 0  spans: 0\n");
    }
}
