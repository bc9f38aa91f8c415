//! Completes the dates of a log from the whole log and from the rows: the year of `Oct 22`, and the order of
//! the numbers in `10/11/2025`. Does not guess: a date that neither the log nor the rows determine is not
//! known.

use std::collections::BTreeSet;

use chrono::{DateTime, Datelike, Duration, FixedOffset, Utc};

use super::log_zone::{NamedLines, OFFSETS, RowTimes};
use crate::log::{Date, DateOrder, Time};
use crate::observation::DATE_DOUBTS;
use crate::timestamp::shifted;

/// Hours before and after a row in which a line may be about this row, whatever the zone of the line.
const NEAR_HOURS: i64 = 24;

/// What is known about the dates of a log.
#[derive(Debug)]
pub(super) struct Calendar {
    /// The times of the rows, sorted.
    rows: Vec<DateTime<Utc>>,
    /// The years in which a line near a row may have been written.
    years: BTreeSet<i32>,
    now: DateTime<Utc>,
    /// The orders of the numbers in which every date of the log is valid, each with the number of log times
    /// that are then near a row.
    orders: Vec<(DateOrder, usize)>,
    /// The last time whose date consists of numbers without a known order.
    last: Option<Time>,
}

impl Calendar {
    /// Creates a calendar that knows the times of the rows. `now` is the latest possible time of a line; it
    /// is used only if there are no rows.
    pub(super) fn new(times: &RowTimes, now: DateTime<Utc>) -> Self {
        let named = times.names.iter().map(|(_, at)| *at);
        let mut rows: Vec<_> = times.starts.iter().copied().chain(named).collect();
        rows.sort_unstable();
        rows.dedup();
        let years = rows.iter().flat_map(|row| [-1, 0, 1].map(|by| row.year() + by)).collect();
        Self {
            rows,
            years,
            now,
            orders: DateOrder::ALL.map(|order| (order, 0)).to_vec(),
            last: None,
        }
    }

    /// Returns the point in time of a line, read as UTC if the line names no zone; `None` if its date is not
    /// known.
    pub(super) fn at(&self, time: Time) -> Option<DateTime<Utc>> {
        match time.date {
            Date::Whole => Some(time.at),
            Date::MonthDay(..) => self.in_likely_year(time),
            Date::Numbers(_) => {
                let mut all = self.possible_times(time);
                let first = all.next()?;
                all.all(|other| other == first).then_some(first)
            }
        }
    }

    /// Returns the point in time of a line, in UTC; `None` if its date is not known. `zone` is the zone of
    /// times that name none; if it is `None`, such times are read as UTC.
    pub(super) fn utc(&self, time: Time, zone: Option<FixedOffset>) -> Option<DateTime<Utc>> {
        let seconds = zone.filter(|_| !time.has_zone).map_or(0, |zone| zone.local_minus_utc());
        Some(shifted(self.at(time)?, Duration::seconds(-i64::from(seconds))))
    }

    /// Returns the points in time that a time may mean, one for each order of the numbers in its date.
    pub(super) fn possible_times(&self, time: Time) -> impl Iterator<Item = DateTime<Utc>> {
        self.orders.iter().filter_map(move |(order, _)| time.in_order(*order))
    }

    /// Whether the date of a time consists of numbers whose order is known only after the whole log was read.
    pub(super) fn is_ambiguous(time: Time) -> bool {
        matches!(time.date, Date::Numbers(_))
    }

    /// Returns why the date of a time is not known; `None` if it is known, or if there are no rows.
    pub(super) fn doubt(&self, time: Time) -> Option<&'static str> {
        let is_unknown = !self.rows.is_empty() && self.at(time).is_none();
        let [day_or_month, year] = DATE_DOUBTS;
        is_unknown.then_some(match time.date {
            Date::MonthDay(..) => year,
            _ => day_or_month,
        })
    }

    /// Returns what is not known about the order of the dates of the log; `None` if it is known, or if no
    /// date depends on it.
    pub(super) fn unknown_order(&self) -> Option<&'static str> {
        self.last.and_then(|time| self.doubt(time))
    }

    /// Excludes the orders in which the date of this time is not valid. Does nothing for dates in words.
    pub(super) fn learn(&mut self, time: Time) {
        if !Self::is_ambiguous(time) {
            return;
        }
        self.last = Some(time);
        self.orders.retain(|(order, _)| time.in_order(*order).is_some());
        let rows = &self.rows;
        for (order, near) in &mut self.orders {
            *near += usize::from(time.in_order(*order).is_some_and(|at| is_near(rows, at)));
        }
    }

    /// Decides on the order of the numbers in dates: the only order in which lines follow the rows that they
    /// name or, if that is not exactly one, the only order in which the log has times near the rows.
    /// Otherwise, all possible orders remain.
    pub(super) fn decide(&mut self, named: &NamedLines, times: &RowTimes) {
        let fits = |order: DateOrder| named.offset(times, |time| time.in_order(order)).is_some();
        let by_names: Vec<_> =
            self.orders.iter().filter(|(order, _)| fits(*order)).copied().collect();
        let by_rows: Vec<_> = self.orders.iter().filter(|(_, near)| *near > 0).copied().collect();
        let decided = [by_names, by_rows].into_iter().find(|orders| orders.len() == 1);
        self.orders = decided.unwrap_or_else(|| std::mem::take(&mut self.orders));
    }

    /// Returns the time in the year that brings it nearest to a row; `None` if it is near rows in several
    /// years. Without rows, uses the last year in which the time is not in the future.
    fn in_likely_year(&self, time: Time) -> Option<DateTime<Utc>> {
        if self.rows.is_empty() {
            let until = shifted(self.now, Duration::hours(NEAR_HOURS));
            // Eight years always include a leap year.
            let years = (until.year() - 8..=until.year()).rev();
            return { years }.filter_map(|year| time.in_year(year)).find(|at| *at <= until);
        }
        let possible = self.years.iter().filter_map(|year| time.in_year(*year));
        let mut all: Vec<_> = possible.map(|at| (distance(&self.rows, at), at)).collect();
        all.sort_unstable();
        let is_near = |(distance, _): &(i64, DateTime<Utc>)| *distance <= NEAR_HOURS * 3600;
        match all.as_slice() {
            [_, second, ..] if is_near(second) => None,
            [(_, at), ..] => Some(*at),
            [] => None,
        }
    }
}

/// Whether a time without a zone may be that of a row.
fn is_near(rows: &[DateTime<Utc>], at: DateTime<Utc>) -> bool {
    let [west, east] = OFFSETS.map(|offset| shifted(at, Duration::seconds(-offset)));
    let next = rows.partition_point(|row| *row < east);
    rows.get(next).is_some_and(|row| *row <= west)
}

/// Returns the number of seconds between a time and the nearest row.
fn distance(rows: &[DateTime<Utc>], at: DateTime<Utc>) -> i64 {
    let next = rows.partition_point(|row| *row < at);
    let near = rows[next.saturating_sub(1)..].iter().take(2);
    near.map(|row| (at - *row).num_seconds().abs()).min().unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        format!("{text}:00Z").parse().unwrap()
    }

    fn calendar(rows: &[&str]) -> Calendar {
        let rows = rows.iter().map(|row| at(row)).collect();
        let times = RowTimes { starts: rows, ..RowTimes::default() };
        Calendar::new(&times, at("2026-03-01T10:00"))
    }

    fn text(at: Option<DateTime<Utc>>) -> String {
        at.map(|at| at.format("%Y-%m-%dT%H:%M").to_string()).unwrap_or_default()
    }

    #[rstest]
    #[case::year_of_the_row(&["2024-10-22T12:00"], (10, 22), "2024-10-22T00:00")]
    #[case::before_new_year(&["2025-01-01T00:01"], (12, 31), "2024-12-31T00:00")]
    #[case::after_new_year(&["2024-12-31T23:59"], (1, 1), "2025-01-01T00:00")]
    #[case::leap_day(&["2024-03-01T00:00"], (2, 29), "2024-02-29T00:00")]
    #[case::no_leap_day(&["2026-03-01T00:00"], (2, 29), "")]
    #[case::rows_of_several_years(&["2024-05-01T00:00", "2025-10-22T12:00"], (10, 22), "2025-10-22T00:00")]
    #[case::near_rows_of_several_years(&["2024-10-22T12:00", "2025-10-22T12:00"], (10, 22), "")]
    #[case::without_rows(&[], (2, 28), "2026-02-28T00:00")]
    #[case::not_in_the_future(&[], (3, 3), "2025-03-03T00:00")]
    #[case::today_in_a_zone_east_of_utc(&[], (3, 2), "2026-03-02T00:00")]
    #[case::last_leap_day(&[], (2, 29), "2024-02-29T00:00")]
    fn the_rows_or_today_determine_the_year(
        #[case] rows: &[&str],
        #[case] (month, day): (u32, u32),
        #[case] expected: &str,
    ) {
        let date = Date::MonthDay(month, day);
        let time = Time { at: at("2000-01-01T00:00"), has_zone: false, date };
        assert_eq!(text(calendar(rows).at(time)), expected);
    }

    #[rstest]
    #[case::nothing_known(&[], &[[1, 2, 2026]], "")]
    #[case::month_first(&[], &[[1, 13, 2026], [1, 2, 2026]], "2026-01-02T00:00")]
    #[case::day_first(&[], &[[31, 1, 2026], [1, 2, 2026]], "2026-02-01T00:00")]
    #[case::contradicting(&[], &[[31, 1, 2026], [1, 31, 2026], [1, 2, 2026]], "")]
    #[case::the_same_in_each_order(&[], &[[3, 3, 2026]], "2026-03-03T00:00")]
    #[case::rows_in_january(&["2026-01-02T09:00"], &[[1, 2, 2026]], "2026-01-02T00:00")]
    #[case::rows_in_february(&["2026-02-01T09:00"], &[[1, 2, 2026]], "2026-02-01T00:00")]
    #[case::rows_in_both(&["2026-01-02T09:00", "2026-02-01T09:00"], &[[1, 2, 2026]], "")]
    #[case::rows_in_neither(&["2026-05-05T09:00"], &[[1, 2, 2026]], "")]
    #[case::year_first(&["2025-10-11T09:00"], &[[25, 10, 11]], "2025-10-11T00:00")]
    #[case::year_of_two_digits(&[], &[[25, 10, 11]], "")]
    fn evidence_determines_the_order_of_a_date(
        #[case] rows: &[&str],
        #[case] dates: &[[u32; 3]],
        #[case] expected: &str,
    ) {
        let mut calendar = calendar(rows);
        let time =
            |date| Time { at: at("2000-01-01T00:00"), has_zone: false, date: Date::Numbers(date) };
        for date in dates {
            calendar.learn(time(*date));
        }
        calendar.decide(&NamedLines::default(), &RowTimes::default());
        assert_eq!(text(calendar.at(time(*dates.last().unwrap()))), expected);
    }
}
