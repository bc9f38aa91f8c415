//! Kinds of loss in which tracing is off although it should be on, or on although it should be off.

use spanproof_format::Code;

use crate::accuracy::{Kind, kinds, otel, runner, silent};

const THREE_VALUES: &[(&str, &str)] =
    &[("flag", "[{ name = 'TRACING', tracing = true, values = ['off', 'on', '1'] }]")];

const RATIO: &[(&str, &str)] =
    &[("OTEL_TRACES_SAMPLER", "traceidratio"), ("OTEL_TRACES_SAMPLER_ARG", "0")];

pub(super) const KINDS: &[Kind] = kinds! {
    "the service reads another variable" [FlagUnset FlagIgnored] [] {
        silent("flag-other");
        runner("flag-dropped");
        otel("flag-other");
    }
    "only one spelling of on is read as on" [FlagUnrecognisedValue] [] {
        silent("flag-strict").spec(THREE_VALUES);
        runner("strict-flag");
        otel("flag-strict").spec(THREE_VALUES);
    }
    "no value of the flag is read as on" [FlagIgnored] [] {
        silent("flag-dead").spec(THREE_VALUES);
        otel("flag-dead").spec(THREE_VALUES);
    }
    "every value of the flag is read as on" [LeakedWhileOff] [] {
        silent("flag-always");
        runner("lenient-flag");
        otel("flag-always");
    }
    "the flag is inverted" [LeakedWhileOff FlagUnrecognisedValue FlagIgnored] [] {
        silent("flag-inverted");
        otel("flag-inverted");
    }
    "inner spans are recorded while tracing is off" [LeakedWhileOff] [] {
        silent("leak-inner");
    }
    "the tracer is never constructed" [TracerNotConstructed PathNotExecuted] [] {
        silent("all-untraced");
        runner("tracer-absent");
        otel("tracer-global").also(&[Code::BannerContradicts]);
    }
    "the startup line reports on, and no span is begun" [PathNotExecuted BannerContradicts] [] {
        runner("banner-lies");
        otel("all-untraced");
    }
    "the startup line is missing, and spans are recorded" [ClaimMissing] [] {
        runner("startup-line-lost");
    }
    "success lines are printed while tracing is off" [BannerContradicts] [] {
        runner("ok-while-disabled");
    }
    "the sampler drops every trace, and says so to the upstream" [SampledOut] [] {
        silent("not-sampled");
        otel("sampler-off").also(&[Code::BannerContradicts]);
    }
    "`OTEL_TRACES_SAMPLER` drops every trace" [SampledOut] [] {
        otel("plain").env(&[("OTEL_TRACES_SAMPLER", "always_off")]).also(&[Code::BannerContradicts]);
    }
    "`OTEL_TRACES_SAMPLER` has the ratio 0" [SampledOut] [] {
        otel("plain").env(RATIO).also(&[Code::BannerContradicts]);
    }
    "the sampler follows a parent that is not sampled" [SampledOut] [] {
        otel("parent-not-sampled").also(&[Code::BannerContradicts]);
    }
    "the sampler only records" [SampledOut] [] {
        otel("sampler-record-only").also(&[Code::BannerContradicts]);
    }
    "the sampler drops the inner span" [SampledOut] [] {
        otel("sampler-drops-inner");
    }
    "the sampler drops failing units" [SampledOut] [] {
        otel("sampler-drops-failed");
    }
    "the sampler drops the first unit" [SampledOut] [] {
        otel("sampler-drops-first");
    }
    "`OTEL_SDK_DISABLED` is true" [SdkDisabled] [] {
        otel("plain").env(&[("OTEL_SDK_DISABLED", "true")]).also(&[Code::BannerContradicts]);
    }
};
