//! Converts the trials of the spellings of a flag's value into a [`Sweep`] document, and compares how the
//! service reads each value with what the spec promises.

use spanproof_format::{Sweep, SweepReading, SweepRow};

use crate::effect::{ReadAs, Reading, readings};
use crate::observation::Observation;
use crate::spec::{Flag, FlagKind, Intent, Spec, Value};
use crate::suite::SweepResult;

impl SweepResult {
    /// Returns the table of spellings.
    pub fn document(&self, spec: &Spec) -> Sweep {
        let Some(flag) = spec.flags.iter().find(|flag| flag.name == self.flag) else {
            return Sweep::new(&self.flag, Vec::new());
        };
        let observations: Vec<&Observation> = self.observations.iter().collect();
        let rows = readings(spec, flag, &observations).into_iter().map(|reading| {
            let mut document = row(flag, &reading);
            document.case.clone_from(&observations[reading.index].case.id);
            document
        });
        let mut rows: Vec<_> = rows.collect();
        // The rows have the order of the trials, not of the spec.
        let place = |row: &SweepRow| observations.iter().position(|one| one.case.id == row.case);
        rows.sort_by_key(place);
        Sweep::new(&self.flag, rows)
    }
}

fn row(flag: &Flag, reading: &Reading) -> SweepRow {
    let Reading { value, read_as, announced, same_as, index: _ } = reading;
    let (kind, reason) = match read_as {
        ReadAs::On => (SweepReading::On, ""),
        ReadAs::Off => (SweepReading::Off, ""),
        ReadAs::Neither => (SweepReading::Neither, ""),
        ReadAs::Refused(ending) => (SweepReading::Refused, ending.as_str()),
        ReadAs::Unknown(why) => (SweepReading::Unknown, why.as_str()),
    };
    let mut row = SweepRow::new(value.text().map(str::to_owned), value.to_string(), kind);
    row.announced = *announced;
    row.same_as = same_as.iter().map(ToString::to_string).collect();
    reason.clone_into(&mut row.reason);
    if flag.kind == FlagKind::Switch {
        row.meaning = Some(value.intent() == Intent::On);
        row.promise = promise(flag, value);
        row.otel = Some(is_true_for_otel(value));
        row.finding = finding(flag, value, &row).unwrap_or_default();
    }
    row
}

/// Whether the spec promises that a value is read as on (`true`) or as off (`false`); `None` if it promises
/// nothing. Without `enables`, the spec promises something only for the values that it lists.
fn promise(flag: &Flag, value: &Value) -> Option<bool> {
    let is_listed = flag.values.contains(value);
    match (&flag.enables, &flag.disables) {
        _ if flag.is_on(value) => (is_listed || flag.enables.is_some()).then_some(true),
        (_, Some(off)) => off.contains(value).then_some(false),
        (Some(_), None) => Some(false),
        (None, None) => is_listed.then_some(false),
    }
}

/// Whether OpenTelemetry reads a Boolean variable as true: only `true`, in any letter case, is true
/// (<https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/#boolean>).
fn is_true_for_otel(value: &Value) -> bool {
    value.text().is_some_and(|text| text.eq_ignore_ascii_case("true"))
}

/// Returns what is wrong with the reading of a value; `None` if nothing is wrong, or the reading is unknown.
fn finding(flag: &Flag, value: &Value, row: &SweepRow) -> Option<String> {
    let name = &flag.name;
    let means_on = value.intent() == Intent::On;
    match (row.reading, row.promise) {
        (SweepReading::Off, Some(true)) => Some(format!(
            "flag-unrecognised-value: the spec promises that {name}={value} is on, but the service \
             reads it as off"
        )),
        (SweepReading::Off, _) if means_on && !row.announced => Some(format!(
            "flag-unrecognised-value: a person would read {name}={value} as on, but the service reads it \
             as off, and its startup output does not contain the value"
        )),
        (SweepReading::On, Some(false)) => Some(format!(
            "flag-effect-while-off: the spec promises that {name}={value} is off, but the service \
             reads it as on"
        )),
        (SweepReading::On, None) if !means_on => Some(format!(
            "flag-effect-while-off: a person would read {name}={value} as off, but the service reads it as on"
        )),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn result(flag: &str, value: &str, read_as: ReadAs, announced: bool) -> SweepRow {
        let flag: Flag =
            toml::from_str(&format!("name = 'A'\nvalues = ['true', '0']\n{flag}")).unwrap();
        let value = Value::Set(value.to_owned());
        row(&flag, &Reading { value, read_as, announced, same_as: Vec::new(), index: 0 })
    }

    #[rstest]
    #[case::promised("", "true", ReadAs::Off, true, "the spec promises that A=true is on")]
    #[case::silent(
        "",
        "TRUE",
        ReadAs::Off,
        false,
        "a person would read A=TRUE as on, but the service reads it as off"
    )]
    #[case::announced("", "TRUE", ReadAs::Off, true, "")]
    #[case::off_as_on(
        "",
        "false",
        ReadAs::On,
        true,
        "a person would read A=false as off, but the service reads it as on"
    )]
    #[case::not_enabled(
        "enables = ['true']",
        "yes",
        ReadAs::On,
        true,
        "promises that A=yes is off"
    )]
    #[case::unspecified("enables = ['true']\ndisables = ['0']", "yes", ReadAs::On, true, "")]
    #[case::unknown("", "true", ReadAs::Unknown(String::new()), true, "")]
    fn a_reading_is_compared_with_the_promise_of_the_spec_and_the_meaning_of_the_value(
        #[case] flag: &str,
        #[case] value: &str,
        #[case] read_as: ReadAs,
        #[case] announced: bool,
        #[case] expected: &str,
    ) {
        let row = result(flag, value, read_as, announced);
        assert_eq!(row.finding.is_empty(), expected.is_empty(), "{}", row.finding);
        assert!(row.finding.contains(expected), "{}", row.finding);
    }

    #[test]
    fn opentelemetry_reads_only_true_as_true() {
        let is_true = |text: &str| is_true_for_otel(&Value::Set(text.to_owned()));
        assert!(is_true("true") && is_true("TRUE") && is_true("True"));
        assert!(!["1", "yes", "true ", ""].into_iter().any(is_true));
        assert!(!is_true_for_otel(&Value::Unset));
    }
}
