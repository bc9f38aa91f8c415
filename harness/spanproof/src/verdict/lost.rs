//! Stages 6 and 7 of the funnel: spans that were begun and have no row, and why.

use super::evidence::Evidence;
use super::expectation::Expected;
use super::facts::Facts;
use super::finding::{Checks, Finding};
use super::stage;
use super::witness::{Fate, Testimony};
use spanproof_format::Code;

/// Every span that was begun has a row.
pub(super) fn accepted(facts: &Facts<'_>, checks: &mut Checks) {
    for rule in &facts.rules {
        let stored = facts.stored(rule);
        let clean = checks.is_clean();
        if stored >= facts.wanted(rule) || !clean {
            checks.count(1);
            continue;
        }
        let loss = Loss { facts, operation: rule.name, stored, wanted: facts.wanted(rule) };
        let witness = facts.trial().and_then(|trial| trial.witness.as_ref());
        let finding = match (stage::renamed(facts, rule), witness) {
            (Some(finding), _) => finding,
            (None, None) => loss.by_own_words(),
            (None, Some(witness)) => {
                checks.unaided(loss.by_own_words().code);
                let testimony = Testimony::of(witness, &facts.span_place, facts.spans.len());
                loss.by_testimony(&testimony)
            }
        };
        checks.expect(false, || finding);
    }
}

/// What of each operation has fewer rows than units were begun.
pub(super) fn unbegun(facts: &Facts<'_>) -> Vec<String> {
    let of = |rule: &Expected<'_>| {
        let (rows, wanted) = (facts.stored(rule), facts.wanted(rule));
        (rows < wanted).then(|| format!("{rows} of {wanted} `{}` spans are there", rule.name))
    };
    facts.rules.iter().filter_map(of).collect()
}

/// Spans of one operation without a row.
#[derive(Debug, Clone, Copy)]
struct Loss<'a> {
    facts: &'a Facts<'a>,
    operation: &'a str,
    stored: usize,
    /// How many there should be.
    wanted: usize,
}

impl Loss<'_> {
    /// What is missing, in words.
    fn count(&self) -> String {
        let Self { facts, operation, stored, wanted } = self;
        if !facts.spec.probes.has_attempt() {
            let units = facts.units.len();
            let of = if *wanted == units { String::new() } else { format!(" of {wanted}") };
            return format!("{units} units left {stored}{of} `{operation}` spans");
        }
        let begun = facts.attempts(operation);
        format!("{begun} `{operation}` spans were begun and {stored} stored")
    }

    fn rows(&self) -> Evidence {
        match Evidence::span_count(self.facts) {
            Evidence::RowCount { table, rows, .. } => {
                let of = Some((self.operation.to_owned(), rows));
                Evidence::RowCount { table, rows: self.stored, of }
            }
            unreadable => unreadable,
        }
    }

    fn refused(&self) -> Vec<Evidence> {
        Evidence::lines(&self.facts.refused)
    }

    /// The lines about starts and successes.
    fn lines(&self) -> Vec<Evidence> {
        let Facts { attempts, acknowledged, .. } = self.facts;
        [Evidence::lines(attempts), Evidence::lines(acknowledged)].concat()
    }

    fn acknowledged(&self) -> bool {
        let Facts { spec, acknowledged, .. } = self.facts;
        spec.probes.has_attempt() && acknowledged.len() >= self.facts.all_attempts().max(1)
    }

    /// What would decide.
    fn next(&self) -> String {
        match self.facts.observation.deployment().and_then(|seen| seen.database.as_ref()) {
            None => "run the case with the server as a witness to decide".to_owned(),
            Some(place) => format!(
                "check that `{place}` is the database that the service is given: a preflight tries to write a span \
                 there, and a case with the server as a witness shows what becomes of one"
            ),
        }
    }

    /// What the service's own words leave.
    fn by_own_words(&self) -> Finding {
        let (count, rows) = (self.count(), vec![self.rows()]);
        let refused = self.refused();
        if !refused.is_empty() {
            let message = format!("{count}; the service reports the failures");
            return Finding::new(Code::WriteFailedReported, message, [refused, rows].concat());
        }
        let lines = [self.lines(), rows].concat();
        if !self.facts.spec.probes.has_attempt() {
            let message = format!(
                "{count}, and the service says nothing: never tried, refused and discarded look alike; {}",
                self.next()
            );
            return Finding::new(Code::Undetermined, message, lines);
        }
        if self.facts.unreadable.is_none() && self.acknowledged() {
            let message = format!(
                "{count}, and the service acknowledges them: written elsewhere, rolled back and discarded look \
                 alike; {}",
                self.next()
            );
            return Finding::new(Code::Undetermined, message, lines);
        }
        let message = format!("{count}, and the service reports no failure");
        Finding::new(Code::WriteFailedSilent, message, lines)
    }

    /// What the server's testimony leaves.
    fn by_testimony(&self, testimony: &Testimony<'_>) -> Finding {
        let fate = testimony.fate();
        let refused = self.refused();
        let failed =
            if refused.is_empty() { Code::WriteFailedSilent } else { Code::WriteFailedReported };
        let code = match fate {
            Fate::NeverTried => self.untried(),
            Fate::NeverConnected
            | Fate::Refused
            | Fate::CutOff
            | Fate::Rejected
            | Fate::LostAtCommit
            | Fate::Empty => failed,
            Fate::Poisoned => Code::BatchPoisoned,
            Fate::Undone => Code::RolledBack,
            Fate::Discarded => Code::SilentlyDiscarded,
            Fate::Elsewhere => Code::WrongDestination,
        };
        let reason = testimony.reason().unwrap_or_default();
        let why = match fate {
            Fate::NeverTried => "no statement for them ever reached the server".to_owned(),
            Fate::NeverConnected => format!("the server let nobody in, {reason}"),
            Fate::Refused => format!("the server refused the statement before it ran, {reason}"),
            Fate::CutOff => format!("the statement was ended from outside, {reason}"),
            Fate::Rejected => format!("the server rejected the row, {reason}"),
            Fate::Poisoned => format!("good rows were lost together with a bad one, {reason}"),
            Fate::LostAtCommit => format!("written, and lost at the commit, {reason}"),
            Fate::Undone => {
                "written in a transaction that was never committed, or removed again".to_owned()
            }
            Fate::Discarded => {
                "the server took the rows, told no error and kept none: a trigger, or a conflict that is \
                 to be ignored"
                    .to_owned()
            }
            Fate::Empty => "the inserting statements had no rows".to_owned(),
            Fate::Elsewhere => "the rows are in another schema".to_owned(),
        };
        let lines = [refused, testimony.lines(), self.lines(), vec![self.rows()]];
        Finding::new(code, format!("{}: {why}", self.count()), lines.concat())
    }

    /// The code where the server never heard of the spans.
    fn untried(&self) -> Code {
        if self.facts.killed() {
            return Code::LostAtExit;
        }
        match self.facts.spec.probes.has_attempt() {
            true if self.acknowledged() => Code::BannerContradicts,
            true => Code::WriteFailedSilent,
            false => Code::PathNotExecuted,
        }
    }
}
