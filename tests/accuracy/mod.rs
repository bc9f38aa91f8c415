//! Tests how good verdicts are. Each row of a table is a service of this repository with one defect,
//! which loses spans in one way (a kind of loss). The test runs every row and compares the code that
//! spanproof reports with the codes that are right for the defect. The results are the page
//! `docs/kinds.md`.
//!
//! Environment variables of the test:
//! - `SPANPROOF_KINDS=update` writes the page. Any other string, such as `otel-service/batch`, selects the
//!   rows whose names contain it, and prints their findings.
//! - `SPANPROOF_TEST_RUNS=20` runs all rows twenty times.
//! - `SPANPROOF_TEST_BUSY=2` keeps two processors busy during the test.

mod defects;
mod grade;
mod page;
mod service;
mod variants;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rstest::rstest;
use spanproof_format::{Code, Run};
use tokio::sync::Semaphore;
use tokio::task::{JoinSet, LocalSet};

use self::grade::Expected;
use self::page::Cell;
use self::service::{Row, Service};
use crate::world::repository;

/// Number of rows that run at the same time. It may be larger than the number of processors, because
/// rows mostly wait.
const CONCURRENT_ROWS: usize = 10;
/// The page with the results.
const PAGE: &str = "docs/kinds.md";

/// A way to lose spans, or a healthy way to record them.
#[derive(Debug, Clone, Copy)]
struct Kind {
    /// The description of the kind on the page.
    what: &'static str,
    /// The codes of which one must be reported; empty for a healthy service.
    right: &'static [Code],
    /// Codes that are also true, but less precise.
    near: &'static [Code],
    /// The services that have this kind of defect.
    rows: &'static [Row],
}

impl Kind {
    fn expected(&self, row: &Row) -> Expected {
        Expected { right: row.right.unwrap_or(self.right), near: self.near, also: row.also }
    }
}

/// Creates a list of kinds. The codes in the first brackets are [`Kind::right`], and those in the second
/// brackets are [`Kind::near`].
macro_rules! kinds {
    ($($what:literal [$($right:ident)*] [$($near:ident)*] { $($row:expr;)+ })+) => {
        &[$($crate::accuracy::Kind {
            what: $what,
            right: &[$(Code::$right),*],
            near: &[$(Code::$near),*],
            rows: &[$($row),+],
        }),+]
    };
}
use kinds;

/// Returns the row of the silent service with a defect.
const fn silent(defect: &'static str) -> Row {
    Row::new(Service::Silent, defect)
}

/// Returns the row of the service with OpenTelemetry's SDK and a defect.
const fn otel(defect: &'static str) -> Row {
    Row::new(Service::Otel, defect)
}

/// Returns the row of the Python service with a defect.
const fn python(defect: &'static str) -> Row {
    Row::new(Service::Python, defect)
}

/// Returns the row of the runner with a defect.
const fn runner(defect: &'static str) -> Row {
    Row::new(Service::Runner, defect)
}

/// SQL that makes the times of spans numbers: milliseconds since 1970.
const NUMBERS: &str = "create function since_1970(timestamptz) returns bigint language sql as \
    $$ select (extract(epoch from $1) * 1000)::bigint $$; \
    create cast (timestamptz as bigint) with function since_1970(timestamptz) as assignment; \
    alter table spans alter started_at type bigint using 0, alter ended_at type bigint using 0;";

/// A slow upstream for the service with OpenTelemetry's SDK.
const SLOW_RATES: &[(&str, &str)] =
    &[("upstream", "[{ name = 'rates', file = 'slow-rates.toml' }]")];

/// Returns all kinds: the defects, and then the healthy variants.
fn all() -> Vec<Kind> {
    [defects::KINDS, variants::KINDS].concat().into_iter().flatten().copied().collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_kind_of_loss_gets_its_code() {
    let request = variable("SPANPROOF_KINDS");
    let filter = request.as_deref().filter(|text| *text != "update");
    let (count, is_over) = (number("SPANPROOF_TEST_BUSY", 0), Arc::new(AtomicBool::new(false)));
    let busy: Vec<_> = (0..count).map(|_| keep_busy(is_over.clone())).collect();
    let mut problems = Vec::new();
    for round in 1..=number("SPANPROOF_TEST_RUNS", 1) {
        let cells = LocalSet::new().run_until(run(filter)).await;
        problems.extend(cells.iter().filter_map(Cell::problem));
        let text = page::text(&all(), &cells);
        if request.is_some() {
            println!("{}", cells.iter().map(Cell::details).collect::<String>());
        }
        match request.as_deref() {
            Some("update") => std::fs::write(repository(PAGE), text).unwrap(),
            Some(_) => {}
            None => problems.extend(difference(&text).map(|line| format!("round {round}: {line}"))),
        }
    }
    is_over.store(true, Ordering::Relaxed);
    for thread in busy {
        thread.join().unwrap();
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

/// Runs the selected rows. Returns their results in the order of the table.
async fn run(filter: Option<&str>) -> Vec<Cell> {
    let permits = Arc::new(Semaphore::new(CONCURRENT_ROWS));
    let mut running = JoinSet::new();
    for (index, kind) in all().into_iter().enumerate() {
        for row in kind.rows.iter().copied() {
            let name = format!("{}/{} {}", row.service.name(), row.defect, kind.what);
            if filter.is_some_and(|text| !name.contains(text)) {
                continue;
            }
            let permits = permits.clone();
            running.spawn_local(async move {
                let _permit = permits.acquire().await.unwrap();
                let run: Run = row.run().await;
                let grade = grade::grade(kind.expected(&row), &run);
                Cell::new((index, kind.what), row, grade, run)
            });
        }
    }
    let mut cells = running.join_all().await;
    cells.sort_by_key(|cell| (cell.kind, cell.row.service, cell.row.defect));
    assert!(!cells.is_empty(), "no row is selected");
    cells
}

/// Returns the lines in which a page differs from the page in the repository; `None` if they are equal.
fn difference(text: &str) -> Option<String> {
    let stored = std::fs::read_to_string(repository(PAGE)).unwrap_or_default();
    if text == stored {
        return None;
    }
    let lines = |page: &str, other: &str, mark: &str| -> String {
        let others: BTreeSet<&str> = other.lines().collect();
        let differing = page.lines().filter(|line| !others.contains(line));
        differing.map(|line| format!("{mark} {line}\n")).collect()
    };
    let (expected, found) = (lines(&stored, text, "-"), lines(text, &stored, "+"));
    let command = "SPANPROOF_KINDS=update cargo test -p runner --test suite accuracy";
    Some(format!("{PAGE} differs:\n{expected}{found}If this is right, run `{command}`"))
}

/// Keeps one processor busy until `is_over` is true.
fn keep_busy(is_over: Arc<AtomicBool>) -> std::thread::JoinHandle<()> {
    std::thread::spawn(move || {
        while !is_over.load(Ordering::Relaxed) {
            std::hint::spin_loop();
        }
    })
}

#[expect(clippy::disallowed_methods, reason = "environment variables select the runs")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

fn number(name: &str, default: usize) -> usize {
    variable(name).map_or(default, |text| text.parse().unwrap())
}

/// A faulty service that is started without a defect prints the names of its defects and variants.
#[rstest]
#[case(Service::Silent)]
#[case(Service::Otel)]
fn every_defect_has_a_row(#[case] service: Service) {
    let mut command = service.faulty_command();
    let output = command.output().unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    let names: BTreeSet<&str> = error.split_whitespace().collect();
    let kinds = all();
    let rows = kinds.iter().flat_map(|kind| kind.rows).filter(|row| row.service == service);
    let tested: BTreeSet<&str> =
        rows.map(|row| row.defect).filter(|name| !name.is_empty()).collect();
    assert_eq!(tested, names);
}

/// The table must not shrink.
#[test]
fn the_table_has_at_least_80_kinds_and_25_healthy_variants() {
    let (healthy, defects): (Vec<_>, Vec<_>) =
        all().into_iter().partition(|kind| kind.right.is_empty());
    assert!(defects.len() >= 80, "{} kinds", defects.len());
    let variants = healthy.iter().map(|kind| kind.rows.len()).sum::<usize>();
    assert!(variants >= 25, "{variants} variants");
}
