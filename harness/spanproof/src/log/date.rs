//! The time in a log line. The line may omit the zone or the year, or have the numbers of its date in an
//! unknown order.

use chrono::{DateTime, NaiveDate, Utc};

use crate::timestamp::shifted;

/// The time in a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Time {
    /// The point in time. A time without a zone is read as UTC. A time without a whole date is the time of
    /// day on [`NO_DATE`].
    pub at: DateTime<Utc>,
    /// Whether the line names the zone.
    pub has_zone: bool,
    /// How much the line says about the date.
    pub date: Date,
}

/// How much a line says about the date of its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Date {
    /// The whole date.
    Whole,
    /// Month and day: `Oct 22`.
    MonthDay(u32, u32),
    /// Three numbers in an order that the line does not show: `10/11/2025`.
    Numbers([u32; 3]),
}

/// The order of the three numbers in a date.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DateOrder {
    /// `10/22/2025`.
    MonthDayYear,
    /// `22/10/2025`.
    DayMonthYear,
    /// `25/10/22`.
    YearMonthDay,
}

impl DateOrder {
    pub(crate) const ALL: [Self; 3] = [Self::MonthDayYear, Self::DayMonthYear, Self::YearMonthDay];
}

/// The placeholder for the date in [`Time::at`] if the line does not contain the whole date.
pub(super) const NO_DATE: Option<NaiveDate> = NaiveDate::from_ymd_opt(2000, 1, 1);

impl Time {
    /// Creates a time with a whole date.
    pub(super) fn whole(at: DateTime<Utc>, has_zone: bool) -> Self {
        Self { at, has_zone, date: Date::Whole }
    }

    /// Returns the point in time if a [`Date::MonthDay`] is in this year; `None` if the year has no such day.
    /// For other dates, returns [`Time::at`].
    pub(crate) fn in_year(self, year: i32) -> Option<DateTime<Utc>> {
        match self.date {
            Date::MonthDay(month, day) => self.on_date(NaiveDate::from_ymd_opt(year, month, day)?),
            _ => Some(self.at),
        }
    }

    /// Returns the point in time if [`Date::Numbers`] have this order; `None` if there is no such date.
    /// For other dates, returns [`Time::at`].
    pub(crate) fn in_order(self, order: DateOrder) -> Option<DateTime<Utc>> {
        let Date::Numbers([first, second, third]) = self.date else { return Some(self.at) };
        let (year, month, day) = match order {
            DateOrder::MonthDayYear => (third, first, second),
            DateOrder::DayMonthYear => (third, second, first),
            DateOrder::YearMonthDay => (first, second, third),
        };
        // A year of four digits is always the last number.
        if order == DateOrder::YearMonthDay && third > 99 {
            return None;
        }
        self.on_date(NaiveDate::from_ymd_opt(full_year(year)?, month, day)?)
    }

    /// Replaces the placeholder date [`NO_DATE`] by this date.
    fn on_date(self, date: NaiveDate) -> Option<DateTime<Utc>> {
        Some(shifted(self.at, date.signed_duration_since(NO_DATE?)))
    }
}

/// Returns the full year for a number of two or four digits: 2068 for 68, and 1969 for 69.
pub(super) fn full_year(year: u32) -> Option<i32> {
    let year = i32::try_from(year).ok()?;
    Some(match year {
        0..=68 => year + 2000,
        69..=99 => year + 1900,
        _ => year,
    })
}
