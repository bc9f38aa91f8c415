//! What the values of flags do, as text.

use std::fmt::Write as _;

use super::count::count;
use spanproof_format::{FlagEffect, FlagEffects, FlagValue};

/// Returns a line for each flag without an effect, and for each setting that takes the effect of a flag
/// away.
pub(super) fn flag_notices(flags: &[FlagEffects]) -> String {
    let mut text = String::new();
    for flag in flags {
        if flag.effect == FlagEffect::Nothing
            && let Some(FlagValue { text: value, compared_with, pairs, cases, .. }) = flag.example()
        {
            let _infallible = writeln!(
                text,
                "notice flag-ignored: {}={value} does the same as {compared_with} in {} of cases ({})",
                flag.name,
                count(*pairs, "pair"),
                cases.join(" and ")
            );
        }
        for line in masks(flag) {
            let _infallible = writeln!(text, "notice: {line}");
        }
    }
    text
}

/// Returns a sentence for each setting under which a flag has no effect.
pub(super) fn masks(flag: &FlagEffects) -> Vec<String> {
    let mut settings: Vec<&String> =
        flag.values.iter().flat_map(|value| &value.inert_under).collect();
    settings.sort_unstable();
    settings.dedup();
    // Only what holds for every value that has an effect is true of the flag.
    let effective = || flag.values.iter().filter(|value| value.effect == FlagEffect::Effective);
    settings.retain(|setting| effective().all(|value| value.inert_under.contains(setting)));
    settings.iter().map(|setting| format!("{setting} makes {} inert", flag.name)).collect()
}
