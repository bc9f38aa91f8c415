//! Startup lines of a log that may be no claim of the service, because something is before them in their message. Only
//! the whole log decides: a service may print its line behind words.

use super::quotation::Standing;
use crate::log::Entry;

/// Maximum number of lines that are kept until the whole log was read.
const MAX_LINES: usize = 64;
/// A removed line of a diff is near an added one: at most this many lines away.
const NEAR: u64 = 10;

/// A line that a probe matches behind something else in its message.
#[derive(Debug, Clone)]
pub(super) struct DoubtfulLine {
    /// Line number, from 1.
    pub(super) number: u64,
    /// The whole line.
    pub(super) entry: Entry,
    /// The text that the probe matches.
    pub(super) text: String,
    /// How the text of the probe stands in it.
    pub(super) standing: Standing,
    /// Whether the line says that tracing is on.
    pub(super) enabled: bool,
}

/// The startup lines with something before them.
#[derive(Debug, Default)]
pub(super) struct DoubtfulClaims(Vec<DoubtfulLine>);

impl DoubtfulClaims {
    pub(super) fn add(&mut self, line: DoubtfulLine) {
        if self.0.len() < MAX_LINES {
            self.0.push(line);
        }
    }

    /// Decides about the lines. `own` are the claims of the other startup lines: whether tracing is on. Returns the lines
    /// that count, and those of which it is not known.
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
