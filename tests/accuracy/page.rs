//! Writes the page `docs/kinds.md`: a table of the ways in which services lose spans (kinds of loss), with
//! one column for each service and the grade of the verdict in each cell.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use spanproof_format::{Alternative, Code, Run, Verdict};

use super::Kind;
use super::grade::{Grade, findings};
use super::service::{Row, Service};

const INTRODUCTION: &str = "\
# Kinds of loss

How good are the verdicts? In this table, services in several languages lose spans in one way at a time. The defect
determines which code is right. A test runs every row as `spanproof check` does, and this page is its result. These
commands run the test twenty times on a busy machine, and update the page:

    SPANPROOF_TEST_RUNS=20 SPANPROOF_TEST_BUSY=2 cargo test -p runner --test suite accuracy
    SPANPROOF_KINDS=update cargo test -p runner --test suite accuracy

| grade | meaning |
|---|---|
| exact | the right code is reported, and no wrong one |
| near | a code is reported that is true, but less precise |
| undetermined | the case fails, and several reasons are left |
| likely wrong | a code that is not right is reported as `likely`, or the right one is ruled out |
| missed | every case passes |
| wrong | a code that is not right is reported as certain |
| healthy, false alarm | a healthy service passes, or fails |

";

/// The result of one service with one defect: a cell of the page's table.
#[derive(Debug)]
pub(super) struct Cell {
    /// The index of the kind of loss.
    pub(super) kind: usize,
    /// The description of the kind of loss.
    what: &'static str,
    pub(super) row: Row,
    pub(super) grade: Grade,
    run: Run,
}

impl Cell {
    /// Creates the result of a row. `kind` is the index of its kind of loss, and `what` the description.
    pub(super) fn new(
        (kind, what): (usize, &'static str),
        row: Row,
        grade: Grade,
        run: Run,
    ) -> Self {
        Self { kind, what, row, grade, run }
    }

    /// Returns the details of a result that fails the test; `None` if it passes.
    pub(super) fn problem(&self) -> Option<String> {
        self.grade.fails_the_test().then(|| self.details())
    }

    /// Returns the grade with the findings.
    pub(super) fn details(&self) -> String {
        let Row { service, defect, .. } = self.row;
        let (name, grade) = (service.name(), self.grade.text());
        let mut text = format!("== {name}/{defect}, {}: {grade}\n", self.what);
        for case in &self.run.cases {
            let _ = writeln!(text, "{} {:?} {:?}", case.settings, case.funnel, case.timings);
            if let Verdict::Broken(cause) = &case.verdict {
                let _ = writeln!(text, "  broken: {cause}");
            }
            for finding in case.verdict.findings() {
                let doubt = finding.doubt().unwrap_or_else(|| "certain".to_owned());
                let _ = writeln!(text, "  {} ({doubt}): {}", finding.code, finding.message);
                for line in finding.evidence.iter().chain(&finding.exclusions()) {
                    let _ = writeln!(text, "      {line}");
                }
            }
        }
        text
    }

    /// Returns the text of the cell: the grade, and the reported codes if they are not exactly right.
    fn text(&self) -> String {
        if [Grade::Exact, Grade::Healthy, Grade::Missed].contains(&self.grade) {
            return self.grade.text().to_owned();
        }
        let codes: BTreeSet<Code> = findings(&self.run)
            .into_iter()
            .flat_map(|finding| match finding.code {
                Code::Undetermined => Alternative::possible_codes(&finding.alternatives),
                code => vec![code],
            })
            .collect();
        let codes: Vec<_> = codes.into_iter().map(Code::text).collect();
        format!("{}: {}", self.grade.text(), codes.join(", "))
    }
}

/// Returns the text of the page.
pub(super) fn text(kinds: &[Kind], cells: &[Cell]) -> String {
    let mut text = INTRODUCTION.to_owned();
    text.push_str(&totals(cells));
    for (heading, is_healthy) in [("Defects", false), ("Healthy variants", true)] {
        let services = Service::ALL.map(Service::name).join(" | ");
        let _ = writeln!(
            text,
            "\n## {heading}\n\n| kind | right | {services} |\n|---|---|---|---|---|---|"
        );
        for (index, kind) in kinds.iter().enumerate() {
            if kind.right.is_empty() == is_healthy {
                text.push_str(&line(index, kind, cells));
            }
        }
    }
    text
}

/// Returns the line of the table for one kind of loss.
fn line(index: usize, kind: &Kind, cells: &[Cell]) -> String {
    let mut right: Vec<_> = kind.right.to_vec();
    right.extend(kind.rows.iter().flat_map(|row| row.right.unwrap_or_default()));
    right.dedup();
    let right: Vec<_> = right.into_iter().map(Code::text).collect();
    let right = if right.is_empty() { "pass".to_owned() } else { right.join(", ") };
    let column = |service: Service| {
        let here = |cell: &&Cell| cell.kind == index && cell.row.service == service;
        cells.iter().filter(here).map(Cell::text).collect::<Vec<_>>().join("; ")
    };
    let columns = Service::ALL.map(column).join(" | ");
    format!("| {} | {right} | {columns} |\n", kind.what)
}

/// Returns the numbers of rows with each grade, and the goals.
fn totals(cells: &[Cell]) -> String {
    let count = |grade: Grade| cells.iter().filter(|cell| cell.grade == grade).count();
    let all: usize = Grade::DEFECTS.map(count).iter().sum();
    let healthy = count(Grade::Healthy) + count(Grade::FalseAlarm);
    let mut text = String::from("| grade | rows | share | goal |\n|---|---|---|---|\n");
    for grade in Grade::DEFECTS {
        let goal = match grade {
            Grade::Exact => ">= 90 %",
            Grade::Missed => "<= 2 %",
            Grade::Wrong => "0",
            _ => "",
        };
        let (name, share) = (grade.text().trim_matches('*'), share(count(grade), all));
        let _ = writeln!(text, "| {name} | {} | {share} | {goal} |", count(grade));
    }
    let _ = writeln!(text, "| all defects | {all} | | |");
    let alarms = count(Grade::FalseAlarm);
    let _ =
        writeln!(text, "| false alarm | {alarms} of {healthy} | {} | 0 |", share(alarms, healthy));
    text
}

/// Returns `count` as a percentage of `all` with one decimal.
fn share(count: usize, all: usize) -> String {
    let tenths = (count * 1000 + all / 2) / all.max(1);
    format!("{}.{} %", tenths / 10, tenths % 10)
}
