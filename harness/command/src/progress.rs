//! Progress: a bar on a terminal, plain lines elsewhere.

use std::io::IsTerminal;

use indicatif::{ProgressBar, ProgressStyle};

use super::output;
use spanproof::RunEvent;

/// Off a terminal a line is printed each time this share of the cases has ended.
const TENTHS: usize = 10;

/// What shows how far a run is.
pub(super) struct Progress {
    bar: Option<ProgressBar>,
    total: usize,
    ended: usize,
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
        Self { bar, total, ended: 0, failed: 0 }
    }

    pub(super) fn take(&mut self, event: &RunEvent) {
        let RunEvent::Ended { case, verdict, passed } = event;
        self.ended += 1;
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
        let tenth = |ended: usize| ended * TENTHS / self.total.max(1);
        if tenth(self.ended) != tenth(self.ended - 1) {
            output::note(&format!("{}/{} cases, {failed}", self.ended, self.total));
        }
    }

    pub(super) fn done(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
