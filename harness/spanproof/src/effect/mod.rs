//! What each value of a flag does, found by comparing cases that differ only in that flag.
//!
//! Everything that a case leaves is compared: spans, results, requests, output and exit. What differs from
//! run to run by chance is not an effect. Several trials (runs of the service) of the same case show what
//! varies. A difference that too few trials show is reported as unknown, with the cases to run again.
//!
//! [`flag_effects`] compares the cases of a run, [`case_effects`] reports the effect in each case with its
//! other flags, and [`readings`] compares spellings of the values of one flag. These functions are pure and
//! judge nothing: other modules decide whether an effect is right or wrong.

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
