//! Why the log of an existing system may not show what happened to spans: its lines are in an unknown format
//! or time zone, of another time or of another service, or the log is not complete.

use super::facts::Facts;
use crate::observation::{DATE_DOUBTS, LogFacts};
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
        return unclear_lines(log).filter(|_| !log.unclear.is_empty()).or_else(|| cut_names(facts));
    }
    unclear_lines(log)
        .or_else(|| of_another_time(facts, log))
        .or_else(|| of_another_service(facts, log))
        .or_else(|| doubt_about_missing_lines(facts))
}

/// Returns why a line that the log does not have proves nothing; `None` if there is no reason, or no log.
pub(super) fn doubt_about_missing_lines(facts: &Facts<'_>) -> Option<String> {
    let log = &facts.observation.deployment()?.log.as_ref()?.facts;
    let doubt = || log.doubts.first().cloned();
    cut_names(facts).or_else(doubt).or_else(|| ends_early(facts, log))
}

/// Returns a message if lines about the start of spans contain only the beginning of a required name, or only
/// names that no rule of the spec has; `None` otherwise.
fn cut_names(facts: &Facts<'_>) -> Option<String> {
    let lacks_lines = |expected: &&str| facts.begin_line_count(expected) == 0;
    let lacking: Vec<&str> =
        facts.expected_spans.iter().map(|one| one.name).filter(lacks_lines).collect();
    let begun = facts.begin_lines.iter().filter(|line| line.report.enabled);
    let named: Vec<_> =
        begun.filter_map(|line| Some((line, line.report.name.as_deref()?))).collect();
    let is_unknown = |name: &str| !facts.spec.spans.iter().any(|rule| rule.matches(name));
    for (line, name) in named.iter().filter(|(_, name)| is_unknown(name)) {
        let is_beginning = |full: &&&str| is_cut_name(line.line.text, name, full);
        if let Some(full) = lacking.iter().find(is_beginning) {
            return Some(format!(
                "the lines of the log are cut off, and `{name}` may be the beginning of `{full}`: {}; give a log with \
                 whole lines",
                line.line
            ));
        }
    }
    let unknown: Vec<_> = named.iter().filter(|(_, name)| is_unknown(name)).collect();
    // Lines with other names may be among the dropped ones.
    let is_complete = facts.observation.dropped_bytes() == 0;
    let is_all = is_complete && unknown.len() == named.len() && unknown.len() > 1;
    let (line, name) = unknown.first().filter(|_| is_all && !lacking.is_empty())?;
    Some(format!(
        "the lines about the start of spans name `{name}`, which no `[[span]]` of the spec names: {}; correct the \
         probe `attempt` or the names of the spec",
        line.line
    ))
}

/// Whether `name` is the beginning of `full`, and the line ends after it, or has an ellipsis after it.
fn is_cut_name(line: &str, name: &str, full: &str) -> bool {
    let is_cut = line.trim_end().trim_end_matches(['.', '…']).ends_with(name)
        || ["…", "..."].iter().any(|dots| line.contains(&format!("{name}{dots}")));
    is_cut && full.starts_with(name) && full.len() > name.len()
}

/// Returns a message if the log ends before the last unit had ended; `None` otherwise.
fn ends_early(facts: &Facts<'_>, log: &LogFacts) -> Option<String> {
    let second = chrono::Duration::seconds(1);
    let last = log.last?;
    let started = facts.units.iter().filter_map(|unit| unit.started).max()?;
    let ended = facts.units.iter().filter_map(|unit| unit.ended).max()?;
    // The times of the log may be in whole seconds, and the last line may be from before the end.
    let is_whole_second = last.timestamp_subsec_nanos() == 0;
    let is_before_start = !is_whole_second && last < started;
    if !is_before_start && shifted(last, second) >= ended {
        return None;
    }
    Some(format!(
        "the log ends at {}, before the last unit ended at {}: lines may be missing; give the log up to the end of the job",
        last.format("%Y-%m-%d %H:%M:%SZ"),
        ended.format("%Y-%m-%d %H:%M:%SZ")
    ))
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

/// Returns why lines of the log may not have been found: their format, date or time zone is unknown. `None` if these
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
    log.unclear.first().map(|line| {
        if is_about_date(line) {
            return format!(
                "the dates of some lines of the log are not known, so these lines may be from the time of the jobs or \
                 not; give a log with dates such as `2025-10-22`: {line}"
            );
        }
        format!(
            "some lines of the log have other text before or after the part that a probe matches, and no known log format \
             explains this text, so the probe does not match the lines; remove the text, or change the probe, for instance \
             drop the `^` at its start or the `$` at its end: {line}"
        )
    })
}

/// Whether a text of [`LogFacts::unclear`] is about a date that is not known.
pub(super) fn is_about_date(line: &str) -> bool {
    DATE_DOUBTS.iter().any(|doubt| line.contains(doubt))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_advice_about_a_line_whose_date_is_not_known_is_about_dates() {
        for why in
            ["its date may begin with the day or the month", "its date may belong to several years"]
        {
            let unclear = vec![format!("log:3  {why}: begin span label")];
            let text = unclear_lines(&LogFacts { unclear, ..LogFacts::default() }).unwrap();
            assert!(
                text.contains("give a log with dates such as `2025-10-22`: log:3  its date"),
                "{text}"
            );
        }
    }

    #[test]
    fn a_name_is_cut_at_the_end_of_a_line_or_before_an_ellipsis() {
        for line in ["begin span l", "begin span l...", "begin span l…0"] {
            assert!(is_cut_name(line, "l", "label"), "{line}");
        }
        assert!(!is_cut_name("begin span l for parcel 1", "l", "label"));
        assert!(!is_cut_name("begin span label", "label", "label"));
        assert!(!is_cut_name("begin span x...", "x", "label"));
    }
}
