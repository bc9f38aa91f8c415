//! Deduces the zone of log times that name no zone, by comparing the log with the rows: the first line that
//! names a job was written soon after the row of the job.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use chrono::{DateTime, Duration, FixedOffset, Utc};
use regex::Regex;

use super::window::Window;
use crate::log::{Entry, Time};
use crate::observation::{LogLine, has_id};

/// Offsets from UTC are multiples of this many seconds.
const STEP: i64 = 15 * 60;
/// The smallest and the largest offset from UTC, in seconds.
pub(super) const OFFSETS: [i64; 2] = [-12 * 3600, 14 * 3600];
/// The first line that names a job is written at most this many seconds after the row of the job, and not
/// before it.
const MAX_DELAY: i64 = 120;
/// A line that names a job more seconds after its end is probably not about its work.
const MAX_LATE: i64 = 600;
/// Seconds by which the clocks of the log and of the rows may differ.
const CLOCK_TOLERANCE: i64 = 2;
/// Minimum length of an id or a name that identifies a job in a line. A short number in a line may have any
/// meaning.
const MIN_LENGTH: usize = 8;

/// Maximum number of names to search for in the log: a few lines are enough to deduce the zone, and a search
/// for many names is slow.
const MAX_NAMES: usize = 32;

/// The times of the rows, to compare with times in the log.
#[derive(Debug, Clone, Default)]
pub(crate) struct RowTimes {
    /// Names and ids of jobs and of units (parts of a job's work) that lines may contain, each with the time
    /// of its row.
    pub(super) names: Vec<(String, DateTime<Utc>)>,
    /// The starts of the units.
    pub(super) starts: Vec<DateTime<Utc>>,
    /// Names and ids of jobs that wait according to their rows.
    pub(super) waiting: BTreeSet<String>,
    /// The ends of jobs whose units have all ended, each with the name of the job.
    pub(super) ends: BTreeMap<String, DateTime<Utc>>,
}

impl RowTimes {
    /// Adds the names and ids of a job or a unit that are long enough to identify it.
    pub(super) fn add(&mut self, names: impl Iterator<Item = String>, at: DateTime<Utc>) {
        let names = names.filter(|name| name.len() >= MIN_LENGTH);
        self.names.extend(names.map(|name| (name, at)));
    }

    /// Keeps an even sample of the names if there are more than [`MAX_NAMES`].
    pub(super) fn limit_names(&mut self) {
        let step = self.names.len().div_ceil(MAX_NAMES).max(1);
        let names = std::mem::take(&mut self.names);
        self.names = names.into_iter().step_by(step).collect();
        while self.waiting.len() > MAX_NAMES {
            self.waiting.pop_last();
        }
    }
}

/// Words in a line about the submission of a job, which does not show that a worker took it.
static SUBMISSION: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"(?i)\b(?:accept(?:ed|ing)|receiv(?:ed|ing)|submit(?:ted|ting)?|submission|en-?queued?|queued|created|POST|PUT)\b").ok()
});

/// Whether a line names a job that waits according to its row, and is not about its submission.
pub(super) fn names_waiting_job(times: &RowTimes, entry: &Entry) -> bool {
    let text = entry.text();
    !times.waiting.is_empty()
        && has_id(text, &times.waiting)
        && !SUBMISSION.as_ref().is_some_and(|words| words.is_match(text))
}

/// For each name of [`RowTimes`] that the log contains: its index, the number of the first line that contains
/// it, and the time of this line.
#[derive(Debug, Default)]
pub(super) struct NamedLines(Vec<(usize, u64, Time)>);

impl NamedLines {
    /// Adds a line if it is the first line that contains a name.
    pub(super) fn add(&mut self, times: &RowTimes, number: u64, text: &str, at: Time) {
        for (index, (name, _)) in times.names.iter().enumerate() {
            if text.contains(name.as_str()) && self.0.iter().all(|(known, ..)| *known != index) {
                self.0.push((index, number, at));
            }
        }
    }

    /// Describes a line that names a job or unit at a time that contradicts its row; `None` if there is none.
    /// `at` returns the time of a line.
    pub(super) fn contradiction(
        &self,
        times: &RowTimes,
        at: impl Fn(Time) -> Option<DateTime<Utc>>,
    ) -> Option<String> {
        self.0.iter().find_map(|(index, number, time)| {
            let (at, (name, row)) = (at(*time)?, times.names.get(*index)?);
            let (offset, delay) = offset_and_delay(at, *row);
            let is_other_zone = offset != 0 && (-CLOCK_TOLERANCE..=MAX_DELAY).contains(&delay);
            let late = times.ends.get(name).map_or(0, |end| (at - *end).num_seconds());
            if !is_other_zone && (CLOCK_TOLERANCE + 1..=MAX_LATE).contains(&late) {
                return Some(format!(
                    "log:{number} is the first line that names `{name}`, {late} seconds after the end of its last unit: the \
                     clocks of the service and the database may differ"
                ));
            }
            let early = (*row - at).num_seconds();
            if !is_other_zone && (CLOCK_TOLERANCE + 1..=STEP).contains(&early) {
                return Some(format!(
                    "log:{number} names `{name}` {early} seconds before the time of its row: the clocks of the service and \
                     the database differ"
                ));
            }
            let minutes = offset.abs() / 60;
            let direction = if offset > 0 { "after" } else { "before" };
            is_other_zone.then(|| {
                format!(
                    "log:{number} names `{name}` {minutes} minutes {direction} the time of its row: the log may be in \
                     another time zone; check `--log-zone`"
                )
            })
        })
    }

    /// Returns the offset from UTC at which lines follow the rows that they name, and the number of the first
    /// such line; `None` if there is no such line, or if the lines need different offsets. `at` returns the
    /// time of a line read as UTC.
    pub(super) fn offset(
        &self,
        times: &RowTimes,
        at: impl Fn(Time) -> Option<DateTime<Utc>>,
    ) -> Option<(FixedOffset, u64)> {
        let fitting = self.0.iter().filter_map(|(index, number, time)| {
            let (offset, delay) = offset_and_delay(at(*time)?, times.names.get(*index)?.1);
            let fits = (-CLOCK_TOLERANCE..=MAX_DELAY).contains(&delay)
                && (OFFSETS[0]..=OFFSETS[1]).contains(&offset);
            fits.then_some((offset, *number))
        });
        let fitting: Vec<_> = fitting.collect();
        let (offset, number) = *fitting.first()?;
        let agree = fitting.iter().all(|(other, _)| *other == offset);
        Some((fixed_offset(offset).filter(|_| agree)?, number))
    }
}

/// Returns the offset from UTC with which the delay of a line after a row is nearest to the middle of the
/// expected delays (0 to [`MAX_DELAY`] seconds), and this delay in seconds.
fn offset_and_delay(line: DateTime<Utc>, row: DateTime<Utc>) -> (i64, i64) {
    let seconds = (line - row).num_seconds();
    let offset = (seconds - MAX_DELAY / 2 + STEP / 2).div_euclid(STEP) * STEP;
    (offset, seconds - offset)
}

/// Returns the offsets from UTC at which most units have a line at their start: several offsets if they fit
/// equally well, and none if no unit has such a line at any offset.
pub(super) fn fitting_offsets(lines: &[LogLine], times: &RowTimes) -> Vec<FixedOffset> {
    let count = |offset: i64| {
        let has_line = |start: &&DateTime<Utc>| {
            lines.iter().filter_map(|line| line.at).any(|at| {
                (-CLOCK_TOLERANCE..=CLOCK_TOLERANCE)
                    .contains(&(at - **start).num_seconds().saturating_sub(offset))
            })
        };
        times.starts.iter().filter(has_line).count()
    };
    let offsets = (OFFSETS[0] / STEP..=OFFSETS[1] / STEP).map(|step| step * STEP);
    let counts: Vec<_> = offsets.map(|offset| (count(offset), offset)).collect();
    let best = counts.iter().map(|(count, _)| *count).max().filter(|best| *best > 0);
    let fitting = counts.iter().filter(|(count, _)| Some(*count) == best);
    fitting.filter_map(|(_, offset)| fixed_offset(*offset)).collect()
}

/// Widens a window by the smallest and the largest offset that an unknown zone may have.
pub(super) fn widened(window: Window) -> Window {
    Window {
        since: window.since.map(|since| since + Duration::seconds(OFFSETS[0])),
        until: window.until.map(|until| until + Duration::seconds(OFFSETS[1])),
    }
}

fn fixed_offset(seconds: i64) -> Option<FixedOffset> {
    FixedOffset::east_opt(i32::try_from(seconds).ok()?)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::log::Date;

    fn at(text: &str) -> DateTime<Utc> {
        format!("2025-10-22T{text}Z").parse().unwrap()
    }

    #[rstest]
    #[case::in_utc(&["12:00:01"], Some(0))]
    #[case::east(&["14:00:01"], Some(7200))]
    #[case::west(&["06:30:00"], Some(-19_800))]
    #[case::nepal(&["17:45:40"], Some(20_700))]
    #[case::late_line(&["14:05:00"], None)]
    #[case::other_day(&["23:59:00"], None)]
    #[case::contradicting(&["14:00:01", "15:00:01"], None)]
    fn the_offset_is_the_one_at_which_lines_follow_their_rows(
        #[case] lines: &[&str],
        #[case] expected: Option<i32>,
    ) {
        let mut times = RowTimes::default();
        let mut named = NamedLines::default();
        for (index, line) in lines.iter().enumerate() {
            let name = format!("bias-detection-{index}");
            times.add([name.clone(), "1".to_owned()].into_iter(), at("12:00:00"));
            let time = |text| Time { at: at(text), has_zone: false, date: Date::Whole };
            named.add(&times, 7, &format!("started {name}"), time(line));
            named.add(&times, 8, &format!("ended {name}"), time("20:00:00"));
        }
        let found = named.offset(&times, |time| Some(time.at));
        assert_eq!(found.map(|(offset, _)| offset.local_minus_utc()), expected);
        assert_eq!(times.names.len(), lines.len(), "a short id identifies nothing");
    }

    #[test]
    fn only_some_of_many_names_are_searched_for() {
        let mut times = RowTimes::default();
        for job in 0..5_000 {
            times.add([format!("bias-detection-{job}")].into_iter(), at("12:00:00"));
        }
        times.limit_names();
        let last = times.names.last().unwrap().0.strip_prefix("bias-detection-").unwrap();
        assert!(times.names.len() <= MAX_NAMES && last.parse::<usize>().unwrap() > 4_500, "{last}");
    }

    #[test]
    fn an_offset_fits_if_most_units_have_a_line_at_their_start() {
        let line =
            |text| LogLine { number: 1, at: Some(at(text)), text: String::new(), process: None };
        let starts = ["12:00:00", "12:30:00"].map(at).to_vec();
        let times = RowTimes { starts, ..RowTimes::default() };
        let fitting = |lines: &[LogLine]| {
            let offsets = fitting_offsets(lines, &times);
            offsets.iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        assert_eq!(fitting(&[line("14:00:00"), line("14:30:01")]), ["+02:00"]);
        assert_eq!(fitting(&[line("14:00:00")]), ["+01:30", "+02:00"], "it may be of either unit");
        assert!(fitting(&[line("14:07:00")]).is_empty());
    }
}
