//! Startup lines of a log that may not be a claim of the service, because their message begins with something else.
//! Only the whole log decides: a service may print other words before its startup line.

use super::quotation::Standing;
use crate::log::Entry;

/// Maximum number of lines that are kept until the whole log has been read.
const MAX_LINES: usize = 64;
/// Maximum distance in lines between a removed and an added line of a diff.
const NEAR: u64 = 10;

/// A line whose message has something else before the text that a probe matches.
#[derive(Debug, Clone)]
pub(super) struct DoubtfulLine {
    /// Line number, from 1.
    pub(super) number: u64,
    /// The whole line.
    pub(super) entry: Entry,
    /// The text that the probe matches.
    pub(super) text: String,
    /// Where that text is in the message.
    pub(super) standing: Standing,
    /// Whether the line says that tracing is on.
    pub(super) enabled: bool,
}

/// Startup lines that have something before them.
#[derive(Debug, Default)]
pub(super) struct DoubtfulClaims(Vec<DoubtfulLine>);

impl DoubtfulClaims {
    pub(super) fn add(&mut self, line: DoubtfulLine) {
        if self.0.len() < MAX_LINES {
            self.0.push(line);
        }
    }

    /// Returns the lines that count, and those that may or may not count. `own` says for each other startup line whether
    /// it claims that tracing is on.
    pub(super) fn decide(self, own: &[bool]) -> [Vec<DoubtfulLine>; 2] {
        let quoted = self.0.iter().filter(|line| line.standing == Standing::Quoted);
        let quoted: Vec<u64> = quoted.map(|line| line.number).collect();
        let is_near =
            |line: &DoubtfulLine| quoted.iter().any(|number| number.abs_diff(line.number) <= NEAR);
        let (mut counted, mut unclear) = (Vec::new(), Vec::new());
        for line in self.0 {
            let is_quoted = match line.standing {
                Standing::Quoted => true,
                Standing::AfterDash => is_near(&line),
                Standing::AfterWords | Standing::Own => false,
            };
            let contradicts = own.iter().any(|enabled| *enabled != line.enabled);
            if !is_quoted && !contradicts {
                counted.push(line);
            } else if !is_quoted || own.is_empty() {
                unclear.push(line);
            }
        }
        [counted, unclear]
    }
}
