//! `spanproof watch`: shows jobs and their spans as they arrive. A unit is one piece of a job's
//! work.

use std::collections::{HashMap, HashSet};
use std::io::{IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

use tokio::signal::unix::{SignalKind, signal};

use super::args::Watch;
use super::interval::Interval;
use super::sources::{self, deployment_failure};
use super::{Exit, Failure, output, runtime};
use crate::report;
use spanproof::Spec;
use spanproof::{DeploymentError, JobFeed, JobProgress};
use spanproof_format::{WatchFrame, WatchedJob};
use spanproof_lease::wait;

/// Time limit for reconnecting after the connection is lost.
const RECONNECT_TIMEOUT: Duration = Duration::from_secs(30);
/// Time between two attempts to reconnect.
const RECONNECT_INTERVAL: Duration = Duration::from_secs(1);
/// Redraw interval on a terminal, which shows for how many seconds a job has no spans.
const REDRAW_INTERVAL: Duration = Duration::from_secs(1);

pub(super) fn watch(args: &Watch) -> Result<Exit, Failure> {
    let spec = sources::spec_with_jobs(&args.config)?;
    let url = sources::required_database_url(args.database.as_ref())?;
    let runtime = runtime()?;
    runtime.block_on(async {
        let mut int = signal(SignalKind::interrupt()).map_err(Failure::world)?;
        let mut term = signal(SignalKind::terminate()).map_err(Failure::world)?;
        let channel = args.channel.as_deref().unwrap_or(spec.channel());
        let watch = async {
            let feed = JobFeed::open(&url, channel).await.map_err(deployment_failure)?;
            Watcher::new(args, &spec, (&url, channel), feed).run().await
        };
        // Dropping `watch` restores the screen, also after a signal.
        tokio::select! {
            result = watch => result,
            _ = int.recv() => Ok(Exit::Interrupted),
            _ = term.recv() => Ok(Exit::Terminated),
        }
    })
}

/// The alternate screen of a terminal. Dropping this value restores the terminal.
struct Screen;

impl Screen {
    /// Switches to the alternate screen and hides the cursor.
    fn enter() -> Self {
        output::print_raw("\u{1b}[?1049h\u{1b}[?25l");
        Self
    }

    /// Draws a frame in one write, so that the screen does not flicker.
    fn draw(lines: &[String]) {
        let lines: Vec<_> =
            lines.iter().map(|line| format!("{}\u{1b}[K", output::visible(line))).collect();
        output::print_raw(&format!("\u{1b}[H{}\u{1b}[J", lines.join("\r\n")));
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        output::print_raw("\u{1b}[?25h\u{1b}[?1049l");
    }
}

struct Watcher<'a> {
    args: &'a Watch,
    spec: &'a Spec,
    url: &'a str,
    channel: &'a str,
    feed: JobFeed,
    interval: Interval,
    screen: Option<Screen>,
    jobs: Vec<JobProgress>,
    /// Jobs that have units but no spans, with the time of the poll that first found no spans.
    without_spans: HashMap<String, Instant>,
    /// Jobs that were reported because they still had no spans after the flush time, the time that
    /// the service may take to write spans.
    reported: HashSet<String>,
    /// The tables that can't be read, with the reasons.
    unread: Vec<String>,
    start: Instant,
    last_change: Instant,
}

impl<'a> Watcher<'a> {
    fn new(
        args: &'a Watch,
        spec: &'a Spec,
        (url, channel): (&'a str, &'a str),
        feed: JobFeed,
    ) -> Self {
        let screen = std::io::stdout().is_terminal().then(Screen::enter);
        let start = Instant::now();
        Self {
            args,
            spec,
            url,
            channel,
            feed,
            interval: Interval::new(),
            screen,
            jobs: Vec::new(),
            without_spans: HashMap::new(),
            reported: HashSet::new(),
            unread: Vec::new(),
            start,
            last_change: start,
        }
    }

    async fn run(&mut self) -> Result<Exit, Failure> {
        if self.screen.is_none() {
            output::note(&format!("watching {} ({})", self.feed.url(), self.mode()));
        }
        loop {
            let start = Instant::now();
            let jobs = self.feed.poll(self.spec, usize::from(self.args.last)).await;
            self.interval.record_poll(start.elapsed());
            let jobs = match jobs {
                Ok(jobs) => jobs,
                Err(DeploymentError::ConnectionLost { reason, .. }) => {
                    self.reconnect(&reason).await?;
                    continue;
                }
                Err(error) => return Err(deployment_failure(error)),
            };
            self.report_unread();
            let Some(changed) = self.update(jobs) else { return Ok(Exit::Passed) };
            if changed {
                self.last_change = Instant::now();
            }
            let interval = self.interval.next(changed);
            if self.wait(interval).await {
                return Ok(Exit::Passed);
            }
        }
    }

    /// Waits until the next poll. Returns whether the watch is over.
    async fn wait(&mut self, interval: Duration) -> bool {
        let start = Instant::now();
        let (mut next, mut notified) = (start + interval, false);
        let end = self.end();
        loop {
            self.draw();
            let now = Instant::now();
            if end.is_some_and(|end| now >= end) {
                return true;
            }
            let until = end.map_or(next, |end| next.min(end));
            let step = until.saturating_duration_since(now);
            let step = if self.screen.is_some() { step.min(REDRAW_INTERVAL) } else { step };
            // After the first notification the next poll happens earlier. Later notifications have
            // no effect.
            let notification = async {
                if notified { std::future::pending().await } else { self.feed.wait_for_job().await }
            };
            if wait::happens_within(step, notification).await {
                notified = true;
                next = next.min(start + self.interval.min());
            }
            if Instant::now() >= next {
                return false;
            }
        }
    }

    /// Returns when the watch is over, according to `--for` and `--until-idle`; `None` without
    /// these options.
    fn end(&self) -> Option<Instant> {
        let limit = self.args.time_limit.map(|limit| self.start + limit);
        let idle = self.args.until_idle.map(|limit| self.last_change + limit);
        limit.into_iter().chain(idle).min()
    }

    /// Prints each table that can't be read, only once.
    fn report_unread(&mut self) {
        for unread in self.feed.unread() {
            if !self.unread.contains(unread) {
                self.unread.push(unread.clone());
                if self.screen.is_none() {
                    output::note(&format!("not read: {unread}"));
                }
            }
        }
    }

    /// Stores the jobs that a poll found. Without a screen, prints the jobs that changed. A job
    /// also changes when it has had no spans for the flush time. Returns whether a job changed;
    /// `None` if standard output is closed.
    fn update(&mut self, jobs: Vec<JobProgress>) -> Option<bool> {
        for job in &jobs {
            if job.has_no_spans() {
                self.without_spans.entry(job.job.clone()).or_insert_with(Instant::now);
            } else {
                self.without_spans.remove(&job.job);
                self.reported.remove(&job.job);
            }
        }
        let flush_time = self.spec.flush_time();
        let mut changed = Vec::new();
        for job in &jobs {
            let since = self.without_spans.get(&job.job);
            let overdue = since.is_some_and(|since| since.elapsed() >= flush_time);
            let newly_overdue = overdue && self.reported.insert(job.job.clone());
            if newly_overdue || !self.jobs.contains(job) {
                changed.push(job.clone());
            }
        }
        self.jobs = jobs;
        if self.screen.is_none() {
            let time = chrono::Utc::now().format("%H:%M:%SZ").to_string();
            for job in &changed {
                let line = report::job_line(&time, self.spec.unit_table(), &self.document(job));
                let mut out = std::io::stdout().lock();
                out.write_all(line.as_bytes()).and_then(|()| out.flush()).ok()?;
            }
        }
        Some(!changed.is_empty())
    }

    fn document(&self, job: &JobProgress) -> WatchedJob {
        let mut document = WatchedJob::new(&job.job, &job.status);
        document.units.clone_from(&job.units);
        document.spans = job.spans;
        let since = self.without_spans.get(&job.job);
        document.without_spans_s = since.map(|since| since.elapsed().as_secs());
        document
    }

    fn draw(&self) {
        let unread = self.unread.first().map(|unread| format!("; not read: {unread}"));
        let unread = unread.unwrap_or_default();
        self.draw_frame(&format!("{} ({}); Ctrl-C to stop{unread}", self.feed.url(), self.mode()));
    }

    /// Returns how the watcher learns of changes, as text.
    fn mode(&self) -> &'static str {
        if self.feed.is_listening() { "notifications and polling" } else { "polling" }
    }

    fn draw_frame(&self, status: &str) {
        if self.screen.is_none() {
            return;
        }
        let jobs = self.jobs.iter().map(|job| self.document(job)).collect();
        let frame = WatchFrame::new(jobs, self.spec.unit_table(), status);
        Screen::draw(&report::frame(&frame, output::terminal_size().unwrap_or((100, 30))));
    }

    /// Reconnects to the database after a lost connection.
    async fn reconnect(&mut self, reason: &str) -> Result<(), Failure> {
        let status = format!("lost the connection to the database ({reason}); reconnecting");
        if self.screen.is_none() {
            output::note(&status);
        }
        let lost = Instant::now();
        loop {
            self.draw_frame(&status);
            match JobFeed::open(self.url, self.channel).await {
                Ok(feed) => {
                    self.feed = feed;
                    return Ok(());
                }
                Err(error) if lost.elapsed() >= RECONNECT_TIMEOUT => {
                    return Err(deployment_failure(error));
                }
                Err(_) => {
                    let never = std::future::pending();
                    let _happened = wait::happens_within(RECONNECT_INTERVAL, never).await;
                }
            }
        }
    }
}
