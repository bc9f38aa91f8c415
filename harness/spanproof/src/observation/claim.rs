//! Selects the current startup lines of a log. A startup line reports whether tracing is on in the process
//! that wrote it. A log may contain the lines of several processes, which ran one after the other or at the
//! same time. A probe is a pattern of the spec for lines.

use std::collections::BTreeMap;

use chrono::Duration;

use super::{Line, LogLine};
use crate::spec::Probes;

/// Maximum time between the starts of processes that run at the same time. A process that starts later may be
/// a restart.
const TOGETHER: Duration = Duration::seconds(10);

/// Returns the indexes of the current startup lines: the last startup line of each process, unless a newer
/// process has replaced this process. `all` contains every line of the log that a probe matches, and
/// `startup` contains the startup lines among them. Both are sorted by time.
pub(crate) fn current_startup_lines(startup: &[Line<'_>], all: &[Line<'_>]) -> Vec<usize> {
    let mut last = BTreeMap::new();
    for (at, line) in startup.iter().enumerate() {
        last.insert(line.process, at);
    }
    // Positions in the order of time, which may differ from the order of line numbers.
    let mut last_seen = BTreeMap::new();
    let mut positions = BTreeMap::new();
    for (position, line) in all.iter().enumerate() {
        last_seen.insert(line.process, position);
        positions.insert(line.location, position);
    }
    let is_replaced = |at: usize| {
        let old = &startup[at];
        last.values().any(|newer| {
            let new = &startup[*newer];
            let is_same_group = process_name(new.process) == process_name(old.process);
            let is_together = old.at.zip(new.at).is_some_and(|(old, new)| new - old < TOGETHER);
            let start = positions.get(&new.location).copied().unwrap_or_default();
            let is_gone = last_seen.get(&old.process).is_none_or(|seen| *seen < start);
            *newer > at && is_same_group && is_gone && !is_together
        })
    };
    let mut current: Vec<_> = last.values().copied().filter(|at| !is_replaced(*at)).collect();
    current.sort_unstable();
    current
}

/// Returns the number of startup lines that contradict the last startup line of the same process. A process
/// that was restarted counts as the same process.
pub(crate) fn contradictions(probes: &Probes, lines: &[LogLine]) -> usize {
    let banners = lines.iter().filter_map(|line| {
        Some((process_name(line.process.as_deref()), probes.banner(&line.text)?))
    });
    let banners: Vec<_> = banners.collect();
    let last: BTreeMap<_, _> = banners.iter().map(|(process, banner)| (*process, banner)).collect();
    banners.iter().filter(|(process, banner)| last.get(process) != Some(&banner)).count()
}

/// Returns the name of a process without the part that changes at each start: `web-1 runner` for
/// `web-1 runner[812]`.
pub(crate) fn process_name(process: Option<&str>) -> &str {
    let process = process.unwrap_or_default();
    let instance = process.strip_suffix(']').and_then(|rest| rest.rsplit_once('['));
    instance.map_or(process, |(name, _)| name)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::observation::Location;

    /// Each line has the form `PROCESS@SECOND`. A line that starts with `!` is a startup line.
    #[rstest]
    #[case::one_process("!a@0 !a@100 a@200", &["!a@100"])]
    #[case::two_machines("!a@0 !b@100", &["!a@0", "!b@100"])]
    #[case::restarted("!web[1]@0 web[1]@50 !web[2]@100 web[2]@150", &["!web[2]@100"])]
    #[case::old_process_still_writes("!web[1]@0 !web[2]@100 web[1]@150", &["!web[1]@0", "!web[2]@100"])]
    #[case::started_together("!web[1]@0 !web[2]@1", &["!web[1]@0", "!web[2]@1"])]
    #[case::unnamed("!@0 !@100", &["!@100"])]
    fn the_last_startup_line_of_each_process_that_was_not_replaced_is_current(
        #[case] lines: &str,
        #[case] expected: &[&str],
    ) {
        let parse = |(number, text): (usize, &'static str)| {
            let (process, second) = text.trim_start_matches('!').split_once('@').unwrap();
            let at = chrono::DateTime::from_timestamp(second.parse().unwrap(), 0);
            let location = Location::Log(number as u64);
            Line { location, at, text, process: Some(process).filter(|name| !name.is_empty()) }
        };
        let lines: &'static str = String::leak(lines.to_owned());
        let all: Vec<_> = lines.split(' ').enumerate().map(parse).collect();
        let startup: Vec<_> =
            all.iter().copied().filter(|line| line.text.starts_with('!')).collect();
        let current = current_startup_lines(&startup, &all);
        assert_eq!(current.iter().map(|at| startup[*at].text).collect::<Vec<_>>(), expected);
    }
}
