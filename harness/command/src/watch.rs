//! `spanproof watch`.

use std::collections::{HashMap, HashSet};
use std::io::{IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

use tokio::signal::unix::{SignalKind, signal};

use super::args::Watch;
use super::interval::Interval;
use super::sources::{self, refused};
use super::{Exit, Failure, output, runtime};
use crate::report;
use spanproof::Spec;
use spanproof::{DeploymentError, JobFeed, JobProgress, Moment};
use spanproof_format::{WatchFrame, WatchedJob};
use spanproof_lease::wait;

/// A database that went away is waited for so long.
const PATIENCE: Duration = Duration::from_secs(30);
/// Between two attempts to reach it.
const RETRY: Duration = Duration::from_secs(1);
/// On a terminal the seconds without spans are told anew so often.
const TICK: Duration = Duration::from_secs(1);

pub(super) fn watch(args: &Watch) -> Result<Exit, Failure> {
    let spec = sources::spec(&args.config)?;
    let url = sources::needed_database(args.database.as_ref())?;
    let runtime = runtime()?;
    runtime.block_on(async {
        let mut int = signal(SignalKind::interrupt()).map_err(Failure::world)?;
        let mut term = signal(SignalKind::terminate()).map_err(Failure::world)?;
        let channel = args.channel.as_deref().unwrap_or(spec.channel());
        let watching = async {
            let feed = JobFeed::open(&url, channel).await.map_err(refused)?;
            Watching::new(args, &spec, (&url, channel), feed).run().await
        };
        // The screen is put right by what is dropped here, whoever ends first.
        tokio::select! {
            ended = watching => ended,
            _ = int.recv() => Ok(Exit::Interrupted),
            _ = term.recv() => Ok(Exit::Terminated),
        }
    })
}

/// A terminal that is drawn on; it is as it was when this is dropped.
struct Screen;

impl Screen {
    fn take() -> Self {
        Self::write("\u{1b}[?1049h\u{1b}[?25l");
        Self
    }

    /// One frame, in one go, so that nothing flickers.
    fn draw(lines: &[String]) {
        let lines: Vec<_> = lines.iter().map(|line| format!("{line}\u{1b}[K")).collect();
        Self::write(&format!("\u{1b}[H{}\u{1b}[J", lines.join("\r\n")));
    }

    fn write(text: &str) {
        output::print(text);
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        Self::write("\u{1b}[?25h\u{1b}[?1049l");
    }
}

struct Watching<'a> {
    args: &'a Watch,
    spec: &'a Spec,
    url: &'a str,
    channel: &'a str,
    feed: JobFeed,
    interval: Interval,
    screen: Option<Screen>,
    jobs: Vec<JobProgress>,
    dark: HashMap<String, Instant>,
    /// Jobs whose work stayed dark for longer than a span may be on its way, which was told.
    told: HashSet<String>,
    unread: Vec<String>,
    start: Instant,
    changed: Instant,
}

impl<'a> Watching<'a> {
    fn new(
        args: &'a Watch,
        spec: &'a Spec,
        (url, channel): (&'a str, &'a str),
        feed: JobFeed,
    ) -> Self {
        let screen = std::io::stdout().is_terminal().then(Screen::take);
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
            dark: HashMap::new(),
            told: HashSet::new(),
            unread: Vec::new(),
            start,
            changed: start,
        }
    }

    async fn run(&mut self) -> Result<Exit, Failure> {
        let how = if self.feed.listens() { ", told of new jobs by the database" } else { "" };
        if self.screen.is_none() {
            output::note(&format!("watching {}{how}", self.feed.url()));
        }
        loop {
            let start = Instant::now();
            let polled = self.feed.poll(self.spec, usize::from(self.args.last)).await;
            self.interval.polled(start.elapsed());
            let jobs = match polled {
                Ok(jobs) => jobs,
                Err(DeploymentError::Gone { reason, .. }) => {
                    self.reopen(&reason).await?;
                    continue;
                }
                Err(error) => return Err(refused(error)),
            };
            self.note_unread();
            let Some(changed) = self.take(jobs) else { return Ok(Exit::Passed) };
            if changed {
                self.changed = Instant::now();
            }
            let interval = self.interval.next(changed);
            if self.wait(interval).await {
                return Ok(Exit::Passed);
            }
        }
    }

    /// Waits for the next look; says whether the time of the whole watch is over.
    async fn wait(&mut self, interval: Duration) -> bool {
        let start = Instant::now();
        let (mut next, mut told) = (start + interval, false);
        let end = self.end();
        loop {
            self.draw();
            let now = Instant::now();
            if end.is_some_and(|end| now >= end) {
                return true;
            }
            let until = end.map_or(next, |end| next.min(end));
            let step = until.saturating_duration_since(now);
            let step = if self.screen.is_some() { step.min(TICK) } else { step };
            // Told once, it looks soon, and listens no more until then.
            let news = async {
                if told { std::future::pending().await } else { self.feed.notified().await }
            };
            if wait::happens(step, news).await {
                told = true;
                next = next.min(start + self.interval.shortest());
            }
            if Instant::now() >= next {
                return false;
            }
        }
    }

    /// When the whole watch is over.
    fn end(&self) -> Option<Instant> {
        let during = self.args.during.map(|moment| self.start + amount(moment));
        let idle = self.args.until_idle.map(|moment| self.changed + amount(moment));
        during.into_iter().chain(idle).min()
    }

    /// Says once what can't be looked at.
    fn note_unread(&mut self) {
        for unread in self.feed.unread() {
            if !self.unread.contains(unread) {
                self.unread.push(unread.clone());
                if self.screen.is_none() {
                    output::note(&format!("not looked at: {unread}"));
                }
            }
        }
    }

    /// Takes what was seen; tells what is new where nobody draws. Says whether anything is; nothing
    /// where whoever read has gone.
    fn take(&mut self, jobs: Vec<JobProgress>) -> Option<bool> {
        for job in &jobs {
            if job.is_dark() {
                self.dark.entry(job.job.clone()).or_insert_with(Instant::now);
            } else {
                self.dark.remove(&job.job);
                self.told.remove(&job.job);
            }
        }
        let late = self.spec.flush_time();
        let mut new = Vec::new();
        for job in &jobs {
            let dark = self.dark.get(&job.job).is_some_and(|since| since.elapsed() >= late);
            let again = dark && self.told.insert(job.job.clone());
            if again || !self.jobs.contains(job) {
                new.push(job.clone());
            }
        }
        self.jobs = jobs;
        if self.screen.is_none() {
            let at = chrono::Utc::now().format("%H:%M:%SZ").to_string();
            for job in &new {
                let line = report::change(&at, self.spec.unit_table(), &self.watched(job));
                let mut out = std::io::stdout().lock();
                out.write_all(line.as_bytes()).and_then(|()| out.flush()).ok()?;
            }
        }
        Some(!new.is_empty())
    }

    fn watched(&self, job: &JobProgress) -> WatchedJob {
        let mut watched = WatchedJob::new(&job.job, &job.status);
        watched.units.clone_from(&job.units);
        watched.spans = job.spans;
        watched.dark_s = self.dark.get(&job.job).map(|since| since.elapsed().as_secs());
        watched
    }

    fn draw(&self) {
        let listens = if self.feed.listens() { "told of new jobs" } else { "polling" };
        let unread = self.unread.first().map(|why| format!("; not looked at: {why}"));
        let unread = unread.unwrap_or_default();
        self.frame(&format!("{}: {listens}; Ctrl-C ends{unread}", self.feed.url()));
    }

    fn frame(&self, status: &str) {
        if self.screen.is_none() {
            return;
        }
        let jobs = self.jobs.iter().map(|job| self.watched(job)).collect();
        let frame = WatchFrame::new(jobs, self.spec.unit_table(), status);
        Screen::draw(&report::frame(&frame, output::size().unwrap_or((100, 30))));
    }

    /// Waits until a database that went away lets us in again.
    async fn reopen(&mut self, reason: &str) -> Result<(), Failure> {
        let status = format!("the database went away ({reason}); trying to reach it again");
        if self.screen.is_none() {
            output::note(&status);
        }
        let gone = Instant::now();
        loop {
            self.frame(&status);
            match JobFeed::open(self.url, self.channel).await {
                Ok(feed) => {
                    self.feed = feed;
                    return Ok(());
                }
                Err(error) if gone.elapsed() >= PATIENCE => return Err(refused(error)),
                Err(_) => drop(wait::happens(RETRY, std::future::pending()).await),
            }
        }
    }
}

fn amount(moment: Moment) -> Duration {
    match moment {
        Moment::Ago(amount) => amount.to_std().unwrap_or_default(),
        Moment::At(at) => (at - chrono::Utc::now()).to_std().unwrap_or_default(),
    }
}
