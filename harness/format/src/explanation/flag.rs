//! Explanations of the codes about flags in general: a flag without an effect, and effects that
//! contradict the effects that the spec declares for a flag.

use super::Explanation;

pub(super) const FLAG_IGNORED: Explanation = Explanation::new(
    &[
        "the tracer reports off for at least two values that mean on, and cases that differ only in \
         the flag record the same spans",
        "for any other flag: no pair of cases that differ only in the flag shows a difference in \
         spans, results, requests, output or exit",
    ],
    &[
        "spans are recorded with one of the values: the other values are `flag-unrecognised-value`",
        "the flag has an effect only while another flag has certain values: the effect is reported with \
         that flag",
    ],
    &[
        "the service reads a variable with a different name",
        "the tracer is constructed before the configuration is read",
        "a second switch, or the build, overrides the flag",
        "no job of the spec reaches the code that reads the flag",
    ],
);

pub(super) const FLAG_WITHOUT_EFFECT: Explanation = Explanation::new(
    &[
        "the spec declares an effect for this value under `on`, `off` or `each`, but the effect is missing",
        "the job ended, or the service became ready, so the effect would have been seen",
    ],
    &[
        "the job did not end: the check is not made",
        "another flag lacks the value that `needs` requires in this case: the flag is off",
    ],
    &[
        "the service reads this spelling as off, or does not read the variable",
        "the flag works only together with another flag, which `needs` does not name",
        "the wording of the line, or the name of the span or table, changed",
    ],
);

pub(super) const FLAG_EFFECT_WHILE_OFF: Explanation = Explanation::new(
    &[
        "the flag is off, or another flag lacks the value that `needs` requires, and an effect appears that \
         the spec lists only under `on`",
        "the flag is on, and an effect appears that the spec lists only under `off`",
    ],
    &["another part of the service has the same effect: the effect in the spec is too broad"],
    &[
        "the service reads this spelling as on",
        "a second code path does not check the flag",
        "the line is printed where the configuration is read, not where the work is done",
    ],
);
