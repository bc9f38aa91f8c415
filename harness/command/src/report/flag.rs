//! What the values of flags do, as text.

use std::fmt::Write as _;

use super::line::plain;
use super::table::table;
use spanproof_format::{
    FlagEffect, FlagEffects, FlagRow, FlagSetting, FlagTable, FlagValue, Sweep, SweepReading,
    SweepRow, count,
};

/// Returns a line for each flag without an effect, and for each value of another flag under which a flag has
/// no effect.
pub(super) fn flag_notices(flags: &[FlagEffects]) -> String {
    let mut text = String::new();
    for flag in flags {
        if flag.effect == FlagEffect::Nothing
            && !flag.contract
            && let Some(FlagValue { text: value, compared_with, pairs, cases, .. }) = flag.example()
        {
            let _infallible = writeln!(
                text,
                "notice flag-ignored: {}={value} does the same as {compared_with} in {} of cases ({})",
                flag.name,
                count(*pairs, "pair"),
                cases.join(" and ")
            );
        }
        let is_flag = |setting: &str| {
            !["route=", "upstream=", "job="].iter().any(|start| setting.starts_with(start))
        };
        for line in inert_sentences(flag, is_flag) {
            let _infallible = writeln!(text, "notice: {line}");
        }
    }
    text
}

/// Returns a sentence for each setting (`NAME=value`) under which the flag has no effect, if `is_shown`
/// accepts the setting.
fn inert_sentences(flag: &FlagEffects, is_shown: impl Fn(&str) -> bool) -> Vec<String> {
    let mut settings: Vec<&String> =
        flag.values.iter().flat_map(|value| &value.inert_under).collect();
    settings.sort_unstable();
    settings.dedup();
    // The flag is inert under a setting only if each of its effective values is inert under this setting.
    let effective = || flag.values.iter().filter(|value| value.effect == FlagEffect::Effective);
    settings.retain(|setting| effective().all(|value| value.inert_under.contains(setting)));
    settings.retain(|setting| is_shown(setting));
    settings.iter().map(|setting| format!("{setting} makes {} inert", flag.name)).collect()
}

/// Returns the table of flags: where each one is named, who sets it, and what it does. Below it are the
/// effects, and the spellings that were tried.
pub fn flag_table(document: &FlagTable) -> String {
    let has_settings = document.flags.iter().any(|flag| !flag.settings.is_empty());
    let mut heading = vec!["flag", "in the spec", "documented", "source", "process", "last run"];
    heading.extend(has_settings.then_some("set to"));
    let rows: Vec<_> = document.flags.iter().map(|flag| row(flag, has_settings)).collect();
    let mut text = table(&heading, &rows);
    let details: String = document.flags.iter().flat_map(details).collect();
    if !details.is_empty() {
        let _infallible = write!(text, "\n{details}");
    }
    match &document.run {
        Some(run) => {
            let _infallible = writeln!(text, "\nlast run: {run}");
        }
        None => {
            text.push_str("\nno stored run shows what the flags do; `spanproof check` makes one\n");
        }
    }
    for sweep in &document.sweeps {
        let _infallible = write!(text, "\n{}", sweep_table(sweep));
    }
    text
}

fn row(flag: &FlagRow, has_settings: bool) -> Vec<String> {
    let place = |places: &[String]| match places {
        [] => "-".to_owned(),
        [only] => only.clone(),
        [first, rest @ ..] => format!("{first} +{}", rest.len()),
    };
    let source = match (flag.read.as_slice(), flag.named.as_slice()) {
        ([], []) => "-".to_owned(),
        ([], named) => format!("only named: {}", place(named)),
        (read, _) => place(read),
    };
    let (process, last_run) = match flag.effects.as_ref().map(|effects| effects.effect) {
        Some(FlagEffect::Effective) => ("read", "effective"),
        Some(FlagEffect::Printed) => ("read", "only printed"),
        Some(FlagEffect::Nothing) => ("not read", "inert"),
        Some(_) => ("cannot tell", "cannot tell"),
        None => ("cannot tell", "untested"),
    };
    let declared = if flag.declared { "yes" } else { "no" };
    let mut cells = vec![plain(&flag.name), declared.to_owned(), place(&flag.documented), source];
    cells.extend([process.to_owned(), last_run.to_owned()]);
    if has_settings {
        let settings: Vec<_> = flag.settings.iter().map(setting).collect();
        cells.push(if settings.is_empty() { "-".to_owned() } else { settings.join("; ") });
    }
    cells
}

fn setting(setting: &FlagSetting) -> String {
    // The reason is below the table.
    let value = if setting.known { &setting.value } else { "?" };
    let environment = setting.environment.iter().map(|name| format!("{name}: "));
    let environment: String = environment.collect();
    let place = if setting.place.is_empty() { &setting.manifest } else { &setting.place };
    let processes = setting.processes.join(", ");
    let owners = if processes.is_empty() { String::new() } else { format!("{processes}, ") };
    plain(&format!("{environment}{value} ({owners}{place})"))
}

/// Returns the lines below the table: what each value of the flag does, or why that is not known.
fn details(flag: &FlagRow) -> Vec<String> {
    let unknown = flag.settings.iter().filter(|setting| !setting.known);
    let unknown = unknown.map(|FlagSetting { manifest, value, .. }| {
        plain(&format!("{} in {manifest}: cannot tell: {value}", flag.name)) + "\n"
    });
    let mut lines: Vec<String> = unknown.collect();
    let Some(effects) = &flag.effects else { return lines };
    let line = |value: &FlagValue| {
        let FlagValue { text, compared_with, pairs, changes, cases, reason, .. } = value;
        let pair = cases.join(" and ");
        let what = match value.effect {
            FlagEffect::Effective => format!("{} ({pair})", changes.join("; ")),
            FlagEffect::Printed => format!("only printed: {} ({pair})", changes.join("; ")),
            FlagEffect::Nothing => {
                let pairs = count(*pairs, "pair");
                format!("the same as {compared_with} in {pairs} of cases ({pair})")
            }
            _ => format!("cannot tell: {reason}"),
        };
        plain(&format!("{}={text}: {what}", flag.name)) + "\n"
    };
    // If two values are compared with each other, one line describes both.
    let mut listed: Vec<&FlagValue> = Vec::new();
    for value in effects.values.iter().filter(|value| value.value.is_some()) {
        let is_opposite = |other: &&FlagValue| {
            other.text == value.compared_with && other.compared_with == value.text
        };
        if !listed.iter().any(is_opposite) {
            listed.push(value);
        }
    }
    lines.extend(listed.into_iter().map(line));
    lines.extend(inert_sentences(effects, |_| true).into_iter().map(|line| line + "\n"));
    lines
}

/// Returns the table of the spellings of one flag, with the findings below it.
fn sweep_table(sweep: &Sweep) -> String {
    let word = |on: Option<bool>| match on {
        Some(true) => "on",
        Some(false) => "off",
        None => "-",
    };
    let row = |row: &SweepRow| {
        let reading = match row.reading {
            SweepReading::On => "on".to_owned(),
            SweepReading::Off if row.announced => "off, value printed".to_owned(),
            SweepReading::Off => "off".to_owned(),
            SweepReading::Neither => "neither".to_owned(),
            SweepReading::Refused => format!("not ready: {}", row.reason),
            _ => "cannot tell".to_owned(),
        };
        // The first value with the same behaviour stands for all of them.
        let same = sweep.rows.iter().take_while(|other| other.text != row.text);
        let same = same.map(|other| &other.text).find(|text| row.same_as.contains(text));
        let same = same.map_or("-", String::as_str);
        let verdict = if row.finding.is_empty() { "" } else { "FAIL" };
        vec![
            plain(&row.text),
            word(row.meaning).to_owned(),
            word(row.promise).to_owned(),
            word(row.otel).to_owned(),
            reading,
            plain(same),
            verdict.to_owned(),
        ]
    };
    let rows: Vec<_> = sweep.rows.iter().map(row).collect();
    let heading = [&sweep.flag, "means", "spec", "OpenTelemetry", "service", "same as", ""];
    let mut text = table(&heading, &rows);
    for row in sweep.rows.iter().filter(|row| !row.finding.is_empty()) {
        let _infallible = writeln!(text, "FAIL {} (case {})", row.finding, row.case);
    }
    let is_unknown = |row: &&SweepRow| row.reading == SweepReading::Unknown;
    if let Some(row) = sweep.rows.iter().find(is_unknown) {
        let _infallible = writeln!(text, "cannot tell: {}", row.reason);
    }
    text
}
