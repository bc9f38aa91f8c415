//! Times in other notations than ISO 8601, such as those of mail, HTTP, C, JavaScript and of countries. Each
//! entry of the tables is a notation; the comment before it contains samples.

use std::sync::LazyLock;

use chrono::NaiveTime;
use regex::{Captures, Regex};

use super::date::{Date, NO_DATE, Time, full_year};
use super::first_byte::FirstBytes;
use super::pattern::compile;
use crate::timestamp::Fields;

/// Notations of times. `WEEKDAY`, `MONTH`, `CLOCK` and `ZONE` stand for their patterns. An earlier entry is
/// tried first.
const STAMPS: &[&str] = &[
    // `Wed 2025-10-22 12:00:01.123456 CEST` (systemd), `2025-10-22 12:00:01.123 +0200 CEST m=+0.01` (Go),
    // `2025-10-22, 1:00:01 PM`, `2025/10/22 - 12:00:01` (Gin).
    r"(?:WEEKDAY)?(?P<year>\d{4})[-/.](?P<number>\d\d)[-/.](?P<day>\d\d)(?:[T _:]|, | - | at )CLOCK(?:ZONE)?",
    // `20251022120001123`, `20251022T120001Z`, `20251022-120001.123`.
    r"(?P<year>(?:19|20)\d\d)(?P<number>[01]\d)(?P<day>[0-3]\d)[T -]?(?P<digits>[0-2]\d[0-5]\d[0-6]\d)(?:[.,]?(?P<fraction>\d{3}|\d{6}|\d{9}))?(?:ZONE)?",
    // `20251022 12:00:01.123` (Log4j's and QuickFIX's `20251022-12:00:01.123`).
    r"(?P<year>(?:19|20)\d\d)(?P<number>[01]\d)(?P<day>[0-3]\d)[T -]CLOCK(?:ZONE)?",
    // `Wed Oct 22 12:00:01 2025` (ctime), `Wed Oct 22 12:00:01 PM CEST 2025` (date), also with the zone at
    // the end.
    r"WEEKDAYMONTH {1,2}(?P<day>\d{1,2}),? CLOCK(?:ZONE)? (?P<year>\d{4})(?:ZONE2)?",
    // `Wed 22 Oct 12:00:01 CEST 2025` (date, in other countries).
    r"WEEKDAY(?P<day>\d{1,2})\.? MONTH,? CLOCK(?:ZONE)? (?P<year>\d{4})(?:ZONE2)?",
    // `Oct 22, 2025 12:00:01 PM` (java.util.logging), `Oct 22, 2025 @ 12:00:01.123` (Kibana),
    // `Oct 22 12:00:01` (syslog), `Wed Oct 22 2025 12:00:01 GMT+0200 (Central European Summer Time)`
    // (JavaScript).
    r"(?:WEEKDAY)?MONTH {1,2}(?P<day>\d{1,2})(?:,? (?P<year>\d{4}))?(?: @ | at |, | )CLOCK(?:ZONE)?",
    // `Wed, 22 Oct 2025 12:00:01 GMT` (RFC 1123), `Wednesday, 22-Oct-25 12:00:01 GMT` (RFC 850),
    // `22/Oct/2025:12:00:01 +0200` (Apache), `22-Oct-2025 12:00:01 Europe/Berlin` (PHP),
    // `22-Oct-2025::12:00:01` (Erlang), `22 Oct 12:00:01.123` (Redis).
    r"(?:WEEKDAY)?(?P<day>\d{1,2})[ /-]MONTH(?:[ /-](?P<year>\d{4})(?: at |, |::|[ :T])|[ /-](?P<year2>\d\d)(?: at |, | )|,? )CLOCK(?:ZONE)?",
    // `10/22/2025 12:00:01 PM`, `22.10.2025, 12:00:01`, `25/10/22 12:00:01` (Spark).
    r"(?P<first>\d{1,2})(?:/(?P<second>\d{1,2})/|\.(?P<second2>\d{1,2})\.|-(?P<second3>\d{1,2})-)(?:(?P<third>\d{4})(?:, | - | at |[ T:])|(?P<third2>\d\d)(?:, | - | at |[ T]))CLOCK(?:ZONE)?",
];
/// Notations of times that look like other numbers. They are read only at the place where a format has its
/// time.
const BARE: &[&str] = &[
    // `1022 12:00:01.123456` (glog), `10-22 12:00:01.123` (Android).
    r"(?P<number>\d\d)-?(?P<day>\d\d) CLOCK",
    // `251022 12:00:01` (Tornado).
    r"(?P<year>\d\d)(?P<number>\d\d)(?P<day>\d\d) CLOCK",
];

const WEEKDAY: &str =
    r"(?i:(?:Mon|Tues?|Wed(?:nes)?|Thu(?:rs)?|Fri|Sat(?:ur)?|Sun)(?:day)?[,.]{0,2} )";
const MONTH: &str = r"(?P<month>(?i:Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|Sept?(?:ember)?|Oct(?:ober)?|Nov(?:ember)?|Dec(?:ember)?))\.?";
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const CLOCK: &str = r"(?P<clock>\d{1,2}:\d\d(?::\d\d)?)(?:[.,:](?P<fraction>\d{1,9}))?(?:\s?(?P<half>[AaPp]\.?[Mm]\b\.?))?";
/// Offsets, names of zones, and what Go and JavaScript write after an offset.
const ZONE: &str = r"\s?(?:(?P<zone>Z|(?:UTC|GMT)?[+-]\d\d:?(?:\d\d)?)|(?P<name>NAMES|(?:Africa|America|Antarctica|Arctic|Asia|Atlantic|Australia|Europe|Indian|Pacific|Etc)/[A-Za-z_/+-]+))\b(?: (?:NAMES|[+-]\d\d(?:\d\d)?)\b)?(?: m=[+-]\d+\.\d+)?(?: \([^()]{1,60}\))?";

/// Names of zones with their offsets, as POSIX systems print them. The offset is empty if several zones have
/// this name; a time with such a name is read as a time without a zone.
const ZONES: [(&str, &str); 38] = [
    ("UTC", "+0000"),
    ("GMT", "+0000"),
    ("UT", "+0000"),
    ("Etc/UTC", "+0000"),
    ("WET", "+0000"),
    ("WEST", "+0100"),
    ("CET", "+0100"),
    ("CEST", "+0200"),
    ("EET", "+0200"),
    ("EEST", "+0300"),
    ("MSK", "+0300"),
    ("SAST", "+0200"),
    ("PKT", "+0500"),
    ("WIB", "+0700"),
    ("HKT", "+0800"),
    ("AWST", "+0800"),
    ("JST", "+0900"),
    ("KST", "+0900"),
    ("ACST", "+0930"),
    ("ACDT", "+1030"),
    ("AEST", "+1000"),
    ("AEDT", "+1100"),
    ("NZST", "+1200"),
    ("NZDT", "+1300"),
    ("NDT", "-0230"),
    ("ADT", "-0300"),
    ("EST", "-0500"),
    ("EDT", "-0400"),
    ("MST", "-0700"),
    ("MDT", "-0600"),
    ("PDT", "-0700"),
    ("AKST", "-0900"),
    ("AKDT", "-0800"),
    // Names of several zones: America, Cuba and China; India, Israel and Ireland; Britain and Bangladesh;
    // America and the Philippines.
    ("CST", ""),
    ("CDT", ""),
    ("IST", ""),
    ("BST", ""),
    ("PST", ""),
];

/// A notation of a time.
struct Stamp {
    pattern: Regex,
    first: FirstBytes,
}

impl Stamp {
    /// Compiles a notation with its placeholders.
    fn new(notation: &str) -> Option<Self> {
        let names: Vec<_> = ZONES.iter().map(|(name, _)| *name).collect();
        let zone = ZONE.replace("NAMES", &names.join("|"));
        // In a notation with two places for a zone, the groups of the second place need other names.
        let second = zone.replace("<zone>", "<zone2>").replace("<name>", "<name2>");
        let pattern = notation
            .replace("WEEKDAY", WEEKDAY)
            .replace("MONTH", MONTH)
            .replace("CLOCK", CLOCK)
            .replace("ZONE2", &second)
            .replace("ZONE", &zone);
        let pattern = format!(r"^\[?{pattern}\]?(?:\s+|$)");
        let first = FirstBytes::from_pattern(&pattern).ok()?;
        Some(Self { first, pattern: compile(&pattern)? })
    }

    fn compiled(notations: &[&str]) -> Vec<Self> {
        notations.iter().filter_map(|notation| Self::new(notation)).collect()
    }

    /// Splits a text into its time and the rest.
    fn split(&self, text: &str) -> Option<(Time, String)> {
        let found = self.pattern.captures(text)?;
        Some((time(&found)?, text.get(found.get(0)?.end()..)?.to_owned()))
    }
}

static COMPILED: LazyLock<Vec<Stamp>> = LazyLock::new(|| Stamp::compiled(STAMPS));
static COMPILED_BARE: LazyLock<Vec<Stamp>> = LazyLock::new(|| Stamp::compiled(BARE));

/// Splits a text into the time at its start and the rest; `None` if it does not start with a time in one of
/// these notations.
pub(super) fn stamp(text: &str) -> Option<(Time, String)> {
    split(&COMPILED, text)
}

/// Whether a text begins with what belongs to a time in ISO 8601 before it: `PM` or the name of a zone.
pub(super) fn is_rest_of_time(text: &str) -> bool {
    let word = text.split_ascii_whitespace().next().unwrap_or_default();
    let is_half = ["AM", "PM", "A.M.", "P.M."].iter().any(|half| word.eq_ignore_ascii_case(half));
    is_half || ZONES.iter().any(|(name, _)| *name == word)
}

/// Parses a whole text as a time in one of the notations that look like other numbers; `None` for any other
/// text.
pub(super) fn bare_stamp(text: &str) -> Option<Time> {
    split(&COMPILED_BARE, text).filter(|(_, rest)| rest.is_empty()).map(|(time, _)| time)
}

fn split(stamps: &[Stamp], text: &str) -> Option<(Time, String)> {
    let mut possible = stamps.iter().filter(|stamp| stamp.first.allow(text));
    possible.find_map(|stamp| stamp.split(text))
}

/// Returns the time in the groups of a notation; `None` if there is no such time.
fn time(found: &Captures<'_>) -> Option<Time> {
    let text = |name: &str| found.name(name).map(|part| part.as_str());
    let number = |name: &str| text(name)?.parse::<u32>().ok();
    let zone = zone(text("zone").or(text("zone2")), text("name").or(text("name2")));
    let date = NO_DATE?.to_string();
    let clock = clock(found)?;
    let fields =
        Fields { date: &date, clock: &clock, fraction: text("fraction"), zone: zone.as_deref() };
    let mut time = Time { has_zone: zone.is_some(), ..Time::whole(fields.time()?, true) };
    if let (Some(first), Some(third)) = (number("first"), number("third").or(number("third2"))) {
        let second = number("second").or(number("second2")).or(number("second3"))?;
        time.date = Date::Numbers([first, second, third]);
        return Some(time);
    }
    let month = match text("month") {
        Some(name) => {
            let start = name.get(..3)?;
            let index = MONTHS.iter().position(|month| month.eq_ignore_ascii_case(start))?;
            u32::try_from(index + 1).ok()?
        }
        None => number("number")?,
    };
    let day = number("day")?;
    time.date = Date::MonthDay(month, day);
    let Some(year) = number("year").or(number("year2")) else {
        // Without a year, the day must exist in a leap year.
        return time.in_year(2000).map(|_| time);
    };
    Some(Time::whole(time.in_year(full_year(year)?)?, time.has_zone))
}

/// Returns the time of day on the 24-hour clock; `None` if there is no such hour.
fn clock(found: &Captures<'_>) -> Option<String> {
    if let Some(digits) = found.name("digits") {
        return Some(NaiveTime::parse_from_str(digits.as_str(), "%H%M%S").ok()?.to_string());
    }
    let (hour, rest) = found.name("clock")?.as_str().split_once(':')?;
    let hour: u32 = hour.parse().ok()?;
    let half = found.name("half").map(|half| half.as_str().as_bytes()[0].to_ascii_lowercase());
    let hour = match half {
        Some(_) if !(1..=12).contains(&hour) => return None,
        Some(b'p') => hour % 12 + 12,
        Some(_) => hour % 12,
        None => hour,
    };
    let seconds = if rest.contains(':') { "" } else { ":00" };
    Some(format!("{hour:02}:{rest}{seconds}"))
}

/// Returns the offset of a zone, as [`Fields`] reads it; `None` if the offset is not known.
fn zone<'a>(offset: Option<&'a str>, name: Option<&str>) -> Option<String> {
    let known = name.and_then(|name| ZONES.iter().find(|(known, _)| *known == name));
    let known = known.map(|(_, offset)| *offset).filter(|offset| !offset.is_empty());
    let without_name = |offset: &'a str| offset.trim_start_matches("UTC").trim_start_matches("GMT");
    offset.map(without_name).or(known).map(str::to_owned)
}
