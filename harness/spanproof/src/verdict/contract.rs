//! Checks the contracts of flags. A contract lists effects of a flag, such as lines or rows, that must appear
//! if the flag is on and must not appear if it is off, or the reverse.
//!
//! That an effect did *not* appear is checked only with a control: other evidence of the same case, such as
//! another line, which shows that the effect would have been seen. Without a control the check is not made.
//! The command lists the checks that were not made.

use std::collections::BTreeSet;

use super::evidence::{Evidence, limit};
use super::facts::Facts;
use super::finding::{Checks, Finding};
use crate::observation::{Line, Observation, Rows, WaitResult, unmasked_flags};
use crate::spec::{Effects, Flag, FlagState, Pattern, Requests, Spec, Value, is_query, rows_hash};
use crate::upstream::Exchange;
use spanproof_format::{Code, count, count_phrase};

/// The obstacle for a check of spans in a case with tracing off.
const NO_TRACING: &str = "tracing is off, so no span is stored";

/// A check of a contract in one case.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ContractCheck {
    /// What is checked, such as `that FLAG=0 leaves no line that matches …`.
    pub what: String,
    /// Why it could not be checked; `None` if it was checked.
    pub obstacle: Option<String>,
}

impl ContractCheck {
    /// Whether the check was not made because tracing is off in the case.
    pub(crate) fn lacks_tracing(&self) -> bool {
        self.obstacle.as_deref() == Some(NO_TRACING)
    }
}

/// Checks the contracts of all flags. Not called for a case with a fault: a fault may change any effect.
pub(super) fn check_contracts(facts: &Facts<'_>, checks: &mut Checks) {
    for rule in rules(facts) {
        match rule.result(facts) {
            Ok(None) => checks.count(1),
            Ok(Some(finding)) => checks.expect_each(false, || finding),
            Err(_) => {}
        }
    }
}

/// Returns the checks of contracts in a case, with those that could not be made.
pub(crate) fn contract_checks(spec: &Spec, observation: &Observation) -> Vec<ContractCheck> {
    let facts = Facts::read(spec, observation);
    let check = |rule: &Rule<'_>| {
        let obstacle = rule.result(&facts).err();
        ContractCheck { what: rule.description(), obstacle }
    };
    rules(&facts).iter().map(check).collect()
}

/// One effect that must or must not appear in a case.
struct Rule<'a> {
    flag: &'a Flag,
    /// The value of the flag in the case, masked if it is secret.
    printable: Value,
    /// The value of the flag for which the effect is expected.
    value: Value,
    effect: Effect<'a>,
    must_appear: bool,
    /// Whether the flag is on.
    is_on: bool,
}

/// One effect of a flag.
#[derive(Clone, Copy)]
enum Effect<'a> {
    /// A line before the service is ready that matches the pattern.
    Startup(&'a Pattern),
    /// A line at any time that matches the pattern.
    Log(&'a Pattern),
    /// A span with this name.
    Span(&'a str),
    /// A request to the fake upstream.
    Requests(&'a Requests),
    /// New rows of this table or query.
    Rows(&'a str),
}

/// Returns the effects that must appear in a case, and those that must not.
fn rules<'a>(facts: &Facts<'a>) -> Vec<Rule<'a>> {
    let unmasked = unmasked_flags(facts.spec, &facts.observation.case);
    let mut rules = Vec::new();
    for flag in &facts.spec.flags {
        let value = unmasked.flag(&flag.name);
        let printable = facts.observation.case.flag(&flag.name);
        let state = flag.state(&unmasked.facts());
        let rule = |effect, value: &Value, must_appear| Rule {
            flag,
            printable: printable.clone(),
            value: value.clone(),
            effect,
            must_appear,
            is_on: state == FlagState::On,
        };
        let sections = [(&flag.on, true, FlagState::On), (&flag.off, false, FlagState::Off)];
        for (effects, on, required_state) in sections {
            let Some(effects) = effects.as_ref().filter(|_| state != FlagState::Unspecified) else {
                continue;
            };
            for effect in list(effects) {
                if state == required_state {
                    rules.push(rule(effect, &value, true));
                } else if effect.names_value() {
                    // The pattern contains `{value}`. The effects of all values for the other state are
                    // forbidden.
                    let others = flag.values.iter().filter(|other| flag.is_on(other) == on);
                    rules.extend(others.map(|other| rule(effect, other, false)));
                } else {
                    rules.push(rule(effect, &value, false));
                }
            }
        }
        // If the variable is unset or has a different value, the service uses its default, which may be any
        // choice. Then nothing is checked.
        let Some(each) = flag.each.as_ref().filter(|_| flag.is_choice(&value)) else { continue };
        for effect in list(each) {
            let others = flag.choices().filter(|other| **other != value);
            rules.extend(others.map(|other| rule(effect, other, false)));
            rules.push(rule(effect, &value, true));
        }
    }
    rules
}

fn list(effects: &Effects) -> Vec<Effect<'_>> {
    let Effects { startup, log, spans, requests, rows } = effects;
    let startup = startup.iter().map(Effect::Startup);
    let log = log.iter().map(Effect::Log);
    let spans = spans.iter().map(|name| Effect::Span(name));
    let requests = requests.iter().map(Effect::Requests);
    let rows = rows.iter().map(|rows| Effect::Rows(rows));
    startup.chain(log).chain(spans).chain(requests).chain(rows).collect()
}

impl Effect<'_> {
    /// Whether the effect has a pattern that contains `{value}`, which stands for the flag's value.
    fn names_value(&self) -> bool {
        match self {
            Self::Startup(pattern) | Self::Log(pattern) => pattern.names_value(),
            Self::Requests(Requests::Path(pattern)) => pattern.names_value(),
            Self::Requests(Requests::Any) | Self::Span(_) | Self::Rows(_) => false,
        }
    }

    /// Returns the effect as a noun phrase in the singular, such as `line that matches …`.
    fn text(&self, value: &Value) -> String {
        let pattern = |pattern: &Pattern| {
            let text = pattern.to_string();
            if pattern.names_value() {
                text.replace("{value}", value.text().unwrap_or_default())
            } else {
                text
            }
        };
        match self {
            Self::Startup(found) => {
                format!("line at startup that matches `{}`", pattern(found))
            }
            Self::Log(found) => format!("line that matches `{}`", pattern(found)),
            Self::Span(name) => format!("span `{name}`"),
            Self::Requests(Requests::Any) => "request to the upstream".to_owned(),
            Self::Requests(Requests::Path(found)) => {
                format!("request to the upstream whose path matches `{}`", pattern(found))
            }
            Self::Rows(text) if is_query(text) => format!("new row of `{}`", one_line(text)),
            Self::Rows(table) => format!("new row in `{table}`"),
        }
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Where an effect appeared, and the controls for its absence.
struct Appearance {
    /// Where it appeared; empty if it did not appear.
    found: Vec<Evidence>,
    /// The control for an effect that must appear: why its absence is certain; the error is why it is not.
    absent: Result<String, String>,
    /// The control for an effect that must not appear. It must also show that effects of this kind are
    /// recorded, for example because another line was read.
    never: Result<String, String>,
}

impl Rule<'_> {
    fn setting(&self) -> String {
        format!("{}={}", self.flag.name, self.printable)
    }

    /// Returns what is checked, for a list of checks that were not made.
    fn description(&self) -> String {
        let effect = self.effect.text(&self.value);
        if self.must_appear {
            format!("that {} leaves a {effect}", self.setting())
        } else {
            format!("that {} leaves no {effect}", self.setting())
        }
    }

    /// Returns the finding; `None` if the contract is kept.
    ///
    /// # Errors
    /// If the check can't be made; the error is the reason.
    fn result(&self, facts: &Facts<'_>) -> Result<Option<Finding>, String> {
        let appearance = self.appearance(facts)?;
        let effect = self.effect.text(&self.value);
        let setting = self.setting();
        let name = self.flag.name.clone();
        let variable = Evidence::Variable { name, value: self.printable.clone() };
        let state = if self.is_on { "on" } else { "off" };
        if self.must_appear {
            if !appearance.found.is_empty() {
                return Ok(None);
            }
            let control = Evidence::Note(format!("control: {}", appearance.absent?));
            let message = if self.flag.each.is_some() {
                format!("{setting} leaves no {effect}, which each value must leave")
            } else {
                format!("{setting} is {state}, and leaves no {effect}, which `{state}` must leave")
            };
            return Ok(Some(Finding::new(
                Code::FlagWithoutEffect,
                message,
                vec![variable, control],
            )));
        }
        if appearance.found.is_empty() {
            return appearance.never.map(|_| None);
        }
        let other = if self.is_on { "off" } else { "on" };
        let message = if self.flag.each.is_some() {
            format!("{setting} leaves a {effect}, which only {} may leave", self.value)
        } else {
            let needs = self.unmet_needs(facts).map(|needs| format!(" without {needs}"));
            let needs = needs.unwrap_or_default();
            format!(
                "{setting} is {state}{needs}, and leaves a {effect}, which only `{other}` may leave"
            )
        };
        let evidence = [vec![variable], limit(appearance.found)].concat();
        Ok(Some(Finding::new(Code::FlagEffectWhileOff, message, evidence)))
    }

    /// Returns the unmet condition if the flag is off only because of it; `None` if the flag's own value
    /// decides.
    fn unmet_needs(&self, facts: &Facts<'_>) -> Option<String> {
        let unmasked = unmasked_flags(facts.spec, &facts.observation.case);
        let value = unmasked.flag(&self.flag.name);
        (self.flag.is_on(&value) && !self.is_on).then(|| self.flag.needs.to_string())
    }

    fn appearance(&self, facts: &Facts<'_>) -> Result<Appearance, String> {
        let unknown = || "its pattern can't be compiled with this value".to_owned();
        match self.effect {
            Effect::Startup(pattern) => {
                let regex = pattern.regex(&self.value).ok_or_else(unknown)?;
                Ok(lines(facts, &startup_lines(facts), |text| regex.is_match(text), true))
            }
            Effect::Log(pattern) => {
                let regex = pattern.regex(&self.value).ok_or_else(unknown)?;
                Ok(lines(facts, &facts.observation.lines(), |text| regex.is_match(text), false))
            }
            Effect::Span(name) => self.span(facts, name),
            Effect::Requests(Requests::Any) => Ok(requests(facts, |_| true, true)),
            Effect::Requests(Requests::Path(pattern)) => {
                let regex = pattern.regex(&self.value).ok_or_else(unknown)?;
                Ok(requests(facts, |exchange| regex.is_match(&exchange.path), false))
            }
            Effect::Rows(text) => rows(facts, text),
        }
    }

    /// Searches for spans of one name. For a flag other than the tracing flag, they are checked only if
    /// tracing is on.
    fn span(&self, facts: &Facts<'_>, name: &str) -> Result<Appearance, String> {
        if let Rows::Unreadable(why) = &facts.observation.tables.spans {
            return Err(format!("the spans can't be read: {why}"));
        }
        if !self.flag.tracing && !facts.observation.case.records(facts.spec) {
            return Err(NO_TRACING.to_owned());
        }
        let is_named = |span: &&crate::observation::Span| span.name.as_deref() == Some(name);
        let found: Vec<_> = facts.spans.iter().filter(is_named).collect();
        let found = limit(found.into_iter().map(|span| Evidence::span(facts, span, &[])));
        let others = facts.spans.len();
        let other_spans = count_phrase(others, "other span is", "other spans are");
        let absent = job_ended(facts).map(|()| format!("the job ended, and {other_spans} stored"));
        let never = match &absent {
            Ok(_) if others == 0 && !self.flag.tracing => {
                Err("no other span is stored, so spans may be lost".to_owned())
            }
            control => control.clone(),
        };
        Ok(Appearance { found, absent, never })
    }
}

/// The lines that the service printed before it was ready.
fn startup_lines<'a>(facts: &Facts<'a>) -> Vec<Line<'a>> {
    let Some(run) = facts.process_run() else { return Vec::new() };
    let is_startup = |line: &Line<'_>| match line.location {
        crate::observation::Location::Stdout(number) => number <= run.startup.stdout as u64,
        crate::observation::Location::Stderr(number) => number <= run.startup.stderr as u64,
        crate::observation::Location::Log(_) => false,
    };
    facts.observation.lines().into_iter().filter(is_startup).collect()
}

/// Searches for lines. The control is any other line.
fn lines(
    facts: &Facts<'_>,
    lines: &[Line<'_>],
    matches: impl Fn(&str) -> bool,
    is_startup: bool,
) -> Appearance {
    let (found, others): (Vec<&Line<'_>>, Vec<&Line<'_>>) =
        lines.iter().partition(|line| matches(line.text));
    let dropped = facts.observation.dropped_bytes();
    let noun = if is_startup { "startup line" } else { "line" };
    let complete = match dropped {
        0 if is_startup => Ok("the service became ready".to_owned()),
        0 => job_ended(facts).map(|()| "the job ended".to_owned()),
        bytes => Err(format!("{bytes} bytes of output exceeded the limit and were dropped")),
    };
    let count = others.len();
    let absent = complete.map(|why| {
        let suffix = if count == 1 { " was" } else { "s were" };
        format!("{why}, and {count} other {noun}{suffix} read")
    });
    let never = match &absent {
        Ok(_) if count == 0 => {
            Err(format!("no other {noun} was read, so the output may be switched off"))
        }
        control => control.clone(),
    };
    let found = found.into_iter().map(|line| Evidence::from(*line)).collect();
    Appearance { found, absent, never }
}

/// Searches for requests. If only some paths are searched, the control is a request to another path. `is_any`
/// is `true` if every request matches.
fn requests(facts: &Facts<'_>, matches: impl Fn(&Exchange) -> bool, is_any: bool) -> Appearance {
    let (found, others): (Vec<&Exchange>, Vec<&Exchange>) =
        facts.exchanges().iter().partition(|exchange| matches(exchange));
    let count = others.len();
    let other_requests = count_phrase(count, "other request", "other requests");
    let absent = job_ended(facts).map(|()| format!("the job ended with {other_requests}"));
    let never = match &absent {
        Ok(_) if count == 0 && !is_any => {
            Err("no other request arrived; use `requests = true` if none may arrive".to_owned())
        }
        control => control.clone(),
    };
    let paths: BTreeSet<String> =
        found.iter().map(|one| format!("request  {} {}", one.method, one.path)).collect();
    let found = paths.into_iter().map(Evidence::Note).collect();
    Appearance { found, absent, never }
}

/// Searches for new rows of a table or a query.
fn rows(facts: &Facts<'_>, text: &str) -> Result<Appearance, String> {
    let hash = rows_hash(text);
    let gains = facts.trial().map_or(&[][..], |trial| &trial.row_gains);
    let Some(gain) = gains.iter().find(|gain| gain.query == hash) else {
        return Err("its rows were not counted; run the case again".to_owned());
    };
    let added = gain.added().map_err(|why| format!("its rows can't be counted: {why}"))?;
    let table = one_line(text);
    let rows = count(added, "new row");
    let found = (added > 0).then(|| Evidence::Note(format!("{table}: {rows}")));
    let after = gain.after.unwrap_or_default();
    let control =
        job_ended(facts).map(|()| format!("the job ended, and then {after} rows were counted"));
    Ok(Appearance { found: found.into_iter().collect(), absent: control.clone(), never: control })
}

/// Whether the job ended with all of its units executed; the error says that it did not.
fn job_ended(facts: &Facts<'_>) -> Result<(), String> {
    let settled = facts.trial().and_then(|trial| trial.job_run.settled.as_ref());
    let executed = facts.units.len() >= facts.expected_units;
    match settled {
        Some(WaitResult::Reached) if executed => Ok(()),
        _ => Err("the job did not end with all of its units executed".to_owned()),
    }
}
