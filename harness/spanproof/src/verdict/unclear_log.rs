//! Why the log of an existing system may not show what happened to spans: its lines are in an unknown format
//! or time zone, of another time or of another service, or the log is not complete.

use super::facts::Facts;
use crate::observation::LogFacts;
use crate::timestamp::shifted;

/// Returns why the log does not show what happened to the spans; `None` if it does.
pub(super) fn unclear(facts: &Facts<'_>, log: &LogFacts) -> Option<String> {
    if has_unsettled_zone(log) {
        return unclear_lines(log);
    }
    if let Some(why) = lines_of_others(facts, log) {
        return Some(why);
    }
    if !facts.refused_lines.is_empty() {
        return None;
    }
    if !facts.begin_lines.is_empty() {
        return unclear_lines(log).filter(|_| !log.unclear.is_empty());
    }
    unclear_lines(log)
        .or_else(|| of_another_time(facts, log))
        .or_else(|| of_another_service(facts, log))
        .or_else(|| log.doubts.first().cloned())
}

/// Returns a message if no line shows that the log is of this service; `None` if a line does.
pub(super) fn of_another_service(facts: &Facts<'_>, log: &LogFacts) -> Option<String> {
    (log.is_foreign && log.last_start.is_none() && !facts.jobs.is_empty()).then(|| {
        "the log may be of another service: no line matches a probe of the spec, and none has a name or an id of these \
         jobs that is long enough to be recognised; give the log of the process that does the work, or correct the \
         probes"
            .to_owned()
    })
}

/// Returns a message with the times of the log and of the units if these do not overlap; `None` if they
/// do, or if one of them is not known.
pub(super) fn of_another_time(facts: &Facts<'_>, log: &LogFacts) -> Option<String> {
    let begun = facts.units.iter().filter_map(|unit| unit.started).min()?;
    let ended = facts.units.iter().filter_map(|unit| unit.ended).max()?;
    let text = |at: chrono::DateTime<chrono::Utc>| at.format("%Y-%m-%d %H:%M:%SZ").to_string();
    let (first, last) = (log.first?, log.last?);
    // The times of the log may be in whole seconds.
    let second = chrono::Duration::seconds(1);
    if shifted(last, second) >= begun && first <= shifted(ended, second) {
        return None;
    }
    Some(format!(
        "the log is of another time: it is from {} to {}, and the units ran from {} to {}",
        text(first),
        text(last),
        text(begun),
        text(ended)
    ))
}

/// Returns a message if a log without times has more lines about the start of spans than these jobs can have;
/// `None` otherwise.
fn lines_of_others(facts: &Facts<'_>, log: &LogFacts) -> Option<String> {
    let expected = facts.expected_spans.iter();
    let counts = expected.map(|one| (one, facts.begin_line_count(one.name)));
    let (expected, begun) = counts
        .filter(|(one, _)| one.max_per_unit.is_some())
        .find(|(one, begun)| *begun > facts.required_count(one))?;
    log.first.is_none().then(|| {
        format!(
            "the log has no times, and {begun} lines about the start of `{}` for {} units: it also contains lines of other jobs",
            expected.name,
            facts.units.len()
        )
    })
}

/// Whether the times of the log name no zone, and the lines fit the units in a zone other than UTC, or
/// equally well in several zones.
fn has_unsettled_zone(log: &LogFacts) -> bool {
    log.lacks_zone && !["", "+00:00"].contains(&log.fitting_zone.as_str())
}

/// Returns why lines of the log may not have been found: their format or time zone is unknown. `None` if both
/// are known.
pub(super) fn unclear_lines(log: &LogFacts) -> Option<String> {
    if log.unclear.is_empty() && log.lacks_zone {
        let advice = match log.fitting_zone.as_str() {
            "" => "use `--log-zone`, such as `--log-zone +02:00`".to_owned(),
            zone => {
                format!(
                    "use `--log-zone`; with `--log-zone {zone}` most units have a line at their start"
                )
            }
        };
        return Some(format!(
            "the times of the log name no zone, and no line shows that they are in UTC; {advice}"
        ));
    }
    (!log.unclear.is_empty()).then(|| {
        "some lines of the log have other text before or after the part that a probe matches, and no known log format \
         explains this text, so the probe does not match the lines; remove the text, or change the probe"
            .to_owned()
    })
}
