//! What each value of a flag does, found by comparing cases that differ only in that flag.
//!
//! Everything that a case leaves is compared: spans, results, requests, output and exit. What varies by
//! itself is no effect. Two trials of the same case show that it varies; a difference that was not seen
//! often enough to exclude it is reported as unknown, with the cases to run again.
//!
//! The interface is [`flag_effects`], for the cases of a run, [`case_effects`], for each of them with its
//! other flags, and [`readings`], for spellings of one flag. They are pure and judge nothing: verdicts, reports and guards decide what an effect means.

mod behaviour;
mod case_effect;
mod comparison;
mod flag_effect;
mod noise;
mod printed_value;
mod reading;
#[cfg(test)]
mod tests;

pub(crate) use case_effect::{CaseEffect, case_effects};
pub(crate) use flag_effect::{Change, ChangeKind, Effect, FlagEffects, ValueEffect, flag_effects};
pub(crate) use reading::{ReadAs, Reading, readings};
