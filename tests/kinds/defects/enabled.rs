//! Tracing is not on where it should be, or on where it should not.

use spanproof_format::Code;

use crate::kinds::{Kind, kinds, runner, silent};

const THREE_VALUES: &[(&str, &str)] =
    &[("flag", "[{ name = 'TRACING', tracing = true, values = ['off', 'on', '1'] }]")];

pub(super) const KINDS: &[Kind] = kinds! {
    "the service reads another variable" [FlagUnset FlagIgnored] [] {
        silent("flag-other");
        runner("flag-dropped");
    }
    "only one spelling of on is read as on" [FlagUnrecognisedValue] [] {
        silent("flag-strict").spec(THREE_VALUES);
        runner("strict-flag");
    }
    "no value of the flag is read as on" [FlagIgnored] [] {
        silent("flag-dead").spec(THREE_VALUES);
    }
    "every value of the flag is read as on" [LeakedWhileOff] [] {
        silent("flag-always");
        runner("lenient-flag");
    }
    "the flag is inverted" [LeakedWhileOff FlagUnrecognisedValue FlagIgnored] [] {
        silent("flag-inverted");
    }
    "inner spans are recorded while tracing is off" [LeakedWhileOff] [] {
        silent("leak-inner");
    }
    "the tracer is never constructed" [TracerNotConstructed PathNotExecuted] [] {
        silent("all-untraced");
        runner("tracer-absent");
    }
    "the startup line reports on, and no span is begun" [PathNotExecuted BannerContradicts] [] {
        runner("banner-lies");
    }
    "the startup line is missing, and spans are recorded" [ClaimMissing] [] {
        runner("startup-line-lost");
    }
    "success lines are printed while tracing is off" [BannerContradicts] [] {
        runner("ok-while-disabled");
    }
    "the sampler drops every trace, and says so to the upstream" [SampledOut] [] {
        silent("not-sampled");
    }
};
