//! The progress of `check` through its cases: a bar on a terminal, plain lines elsewhere.

use std::io::IsTerminal;

use indicatif::{ProgressBar, ProgressStyle};

use super::output;
use spanproof::RunEvent;

/// Maximum number of progress lines of a run if standard error is not a terminal.
const LINES: usize = 10;

/// The progress of a run.
pub(super) struct Progress {
    bar: Option<ProgressBar>,
    total: usize,
    finished: usize,
    failed: usize,
}

impl Progress {
    pub(super) fn new(total: usize) -> Self {
        let style = ProgressStyle::with_template("{bar:30} {pos}/{len} cases, {msg}");
        let bar = style.ok().filter(|_| std::io::stderr().is_terminal()).map(|style| {
            let bar = ProgressBar::new(total as u64).with_style(style);
            bar.set_message("0 failed");
            bar
        });
        Self { bar, total, finished: 0, failed: 0 }
    }

    pub(super) fn update(&mut self, event: &RunEvent) {
        let RunEvent::CaseFinished { case, verdict, passed } = event else {
            // The case was not run.
            self.total -= 1;
            if let Some(bar) = &self.bar {
                bar.set_length(self.total as u64);
            }
            return;
        };
        self.finished += 1;
        self.failed += usize::from(!passed);
        let failed = format!("{} failed", self.failed);
        if let Some(bar) = &self.bar {
            bar.set_message(failed);
            bar.inc(1);
            return;
        }
        if !passed {
            output::note(&format!("case {}: {verdict}", case.id));
        }
        let lines_due = |finished: usize| finished * LINES / self.total.max(1);
        if lines_due(self.finished) != lines_due(self.finished - 1) {
            output::note(&format!("{}/{} cases, {failed}", self.finished, self.total));
        }
    }

    pub(super) fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
