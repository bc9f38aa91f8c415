//! Startup lines (lines that report whether tracing is on) that the service may have written or only quoted,
//! because their message begins with something else. A service may print words before its startup line, so
//! this is decided after the whole log was read.

use super::quotation::Context;
use crate::log::Entry;

/// Maximum number of lines that are kept until the whole log has been read.
const MAX_LINES: usize = 64;
/// Maximum distance in lines between a removed and an added line of a diff.
const MAX_DIFF_DISTANCE: u64 = 10;

/// A startup line whose message has something else before the text that a probe (a pattern for lines)
/// matches.
#[derive(Debug, Clone)]
pub(super) struct DoubtfulLine {
    /// Line number, from 1.
    pub(super) number: u64,
    /// The whole line.
    pub(super) entry: Entry,
    /// The text that the probe matches.
    pub(super) text: String,
    /// What is before that text in the message.
    pub(super) context: Context,
    /// Whether the line says that tracing is on.
    pub(super) enabled: bool,
}

/// The doubtful startup lines of a log.
#[derive(Debug, Default)]
pub(super) struct DoubtfulClaims(Vec<DoubtfulLine>);

impl DoubtfulClaims {
    pub(super) fn add(&mut self, line: DoubtfulLine) {
        if self.0.len() < MAX_LINES {
            self.0.push(line);
        }
    }

    /// Returns the lines that the service wrote, and the lines of which this is not known. Drops lines that
    /// only quote a startup line. `own` has an element for each startup line without something before it:
    /// whether this line reports that tracing is on. If `own` is empty, a line that quotes another one is
    /// returned as not known.
    pub(super) fn decide(self, own: &[bool]) -> [Vec<DoubtfulLine>; 2] {
        let quoted = self.0.iter().filter(|line| line.context == Context::Quoted);
        let quoted: Vec<u64> = quoted.map(|line| line.number).collect();
        let is_near = |line: &DoubtfulLine| {
            quoted.iter().any(|number| number.abs_diff(line.number) <= MAX_DIFF_DISTANCE)
        };
        let (mut written, mut unclear) = (Vec::new(), Vec::new());
        for line in self.0 {
            let is_quoted = match line.context {
                Context::Quoted => true,
                Context::AfterDash => is_near(&line),
                Context::AfterWords | Context::Own => false,
            };
            let contradicts = own.iter().any(|enabled| *enabled != line.enabled);
            if !is_quoted && !contradicts {
                written.push(line);
            } else if !is_quoted || own.is_empty() {
                unclear.push(line);
            }
        }
        [written, unclear]
    }
}
