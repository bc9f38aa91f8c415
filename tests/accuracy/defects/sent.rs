//! Kinds of loss in which spans do not begin, or begin and are never sent to the database server.

use spanproof_format::Code;

use super::BANNER_CONTRADICTS;
use crate::accuracy::{Kind, kinds, otel, python, runner, silent};

const SHORT_STOP: &[(&str, &str)] = &[("service.stop", "{ grace-ms = 1000 }")];

const SHORT_FLUSH: &[(&str, &str)] = &[("service.flush-ms", "100")];

/// A queue for one span. Further spans are dropped while a batch is written.
const SMALL_QUEUE: &[(&str, &str)] =
    &[("OTEL_BSP_MAX_QUEUE_SIZE", "1"), ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "1")];

pub(super) const KINDS: &[Kind] = kinds! {
    "the inner span is not begun" [PathNotExecuted] [] {
        silent("inner-untraced");
        otel("inner-untraced");
    }
    "the unit's own span is not begun" [PathNotExecuted] [] {
        silent("outer-untraced").also(&[Code::BrokenTree]);
    }
    "the first unit is not traced" [PathNotExecuted] [] {
        silent("first-untraced").also(&[Code::BrokenTree]);
        otel("first-untraced").also(&[Code::BrokenTree]);
    }
    "the last unit is not traced" [PathNotExecuted] [] {
        silent("last-untraced").also(&[Code::BrokenTree]);
        otel("last-untraced").also(&[Code::BrokenTree]);
    }
    "only failing units are not traced" [PathNotExecuted] [] {
        silent("failed-untraced").also(&[Code::BrokenTree]);
        otel("failed-untraced").also(&[Code::BrokenTree]);
    }
    "every span is lost in memory" [NeverSent] [] {
        silent("lost-all");
        runner("acknowledged-only").also(&[Code::BannerContradicts]);
        otel("lost-all").also(BANNER_CONTRADICTS);
    }
    "inner spans are lost in memory" [NeverSent] [] {
        silent("lost-inner");
        otel("lost-inner");
    }
    "the units' own spans are lost in memory" [NeverSent] [] {
        silent("lost-outer").also(&[Code::BrokenTree]);
        otel("lost-outer").also(&[Code::BrokenTree]);
    }
    "the spans of failing units are lost in memory" [NeverSent] [] {
        silent("lost-failed");
        otel("lost-failed");
    }
    "the spans of the first unit are lost in memory" [NeverSent] [] {
        silent("lost-first");
        otel("lost-first");
    }
    "the spans of the last unit are lost in memory" [NeverSent] [] {
        silent("lost-last");
        otel("lost-last");
    }
    "a full queue drops spans" [NeverSent] [] {
        silent("queue-full");
        runner("sampled").also(&[Code::BannerContradicts]);
        otel("queue-full").env(SMALL_QUEUE);
    }
    "the buffer is never flushed" [NeverSent] [] {
        silent("never-flushed");
        python("unflushed");
        otel("never-flushed").also(BANNER_CONTRADICTS);
    }
    "spans are written on a timer, later than `flush-ms`, and not at the stop" [LostAtExit] [] {
        python("on-timer").spec(SHORT_FLUSH);
        otel("exits-before-the-batch").also(BANNER_CONTRADICTS);
    }
    "spans are written by a child process that exits early" [NeverSent] [] {
        silent("forgotten-child");
    }
    "the tracer connects to a port without a server" [NeverSent WriteFailedSilent] [] {
        silent("port-wrong");
        otel("port-wrong").also(BANNER_CONTRADICTS);
    }
    "the service does not stop, and is killed with its buffer" [LostAtExit] [] {
        silent("killed-with-buffer").spec(SHORT_STOP).also(&[Code::NotStopped]);
        otel("killed-with-buffer").spec(SHORT_STOP).also(&[Code::NotStopped, Code::BannerContradicts]);
    }
    "the service exits by the signal to stop, with its buffer" [LostAtExit NeverSent] [] {
        otel("ends-by-signal-with-buffer").also(BANNER_CONTRADICTS);
    }
    "no processor hands spans to the exporter" [NeverSent] [] {
        otel("no-processor").also(BANNER_CONTRADICTS);
        otel("second-provider").also(BANNER_CONTRADICTS);
    }
    "the unit's own span is begun, and never ended" [NotFinished NeverSent] [] {
        otel("never-ended").also(&[Code::BrokenTree]);
    }
    "the exporter prints that no collector answers" [ExportFailed] [] {
        otel("export-failed");
    }
    "the service kills itself with its buffer" [LostAtExit] [] {
        silent("dies-with-buffer").also(&[Code::ProcessCrashed]);
    }
};
