//! The order of the lines of a log, which is not always that of the file.

use crate::observation::LogLine;

/// Sorts lines by time: a log may begin with the newest line, or consist of files in a different order. Lines
/// with equal times keep their order. In a log that begins with the newest line, their order is reversed.
/// Does nothing if a line has no time.
pub(super) fn sort_by_time(lines: &mut [LogLine]) {
    if lines.iter().any(|line| line.at.is_none()) {
        return;
    }
    let count_pairs = |matches: fn(&LogLine, &LogLine) -> bool| {
        lines.windows(2).filter(|pair| matches(&pair[0], &pair[1])).count()
    };
    if count_pairs(|one, next| one.at > next.at) > count_pairs(|one, next| one.at < next.at) {
        lines.reverse();
    }
    lines.sort_by_key(|line| line.at);
}
