//! Spans that are not begun, or that begin and are never sent to the server.

use spanproof_format::Code;

use crate::kinds::{Kind, kinds, python, runner, silent};

const SHORT_STOP: &[(&str, &str)] = &[("service.stop", "{ grace-ms = 1000 }")];

pub(super) const KINDS: &[Kind] = kinds! {
    "the inner span is not begun" [PathNotExecuted] [] {
        silent("inner-untraced");
    }
    "the unit's own span is not begun" [PathNotExecuted] [] {
        silent("outer-untraced").also(&[Code::BrokenTree]);
    }
    "the first unit is not traced" [PathNotExecuted] [] {
        silent("first-untraced").also(&[Code::BrokenTree]);
    }
    "the last unit is not traced" [PathNotExecuted] [] {
        silent("last-untraced").also(&[Code::BrokenTree]);
    }
    "only failing units are not traced" [PathNotExecuted] [] {
        silent("failed-untraced").also(&[Code::BrokenTree]);
    }
    "every span is lost in memory" [NeverSent] [] {
        silent("lost-all");
        runner("acknowledged-only").also(&[Code::BannerContradicts]);
    }
    "inner spans are lost in memory" [NeverSent] [] {
        silent("lost-inner");
    }
    "the units' own spans are lost in memory" [NeverSent] [] {
        silent("lost-outer").also(&[Code::BrokenTree]);
    }
    "the spans of failing units are lost in memory" [NeverSent] [] {
        silent("lost-failed");
    }
    "the spans of the first unit are lost in memory" [NeverSent] [] {
        silent("lost-first");
    }
    "the spans of the last unit are lost in memory" [NeverSent] [] {
        silent("lost-last");
    }
    "a full queue drops spans" [NeverSent] [] {
        silent("queue-full");
        runner("sampled").also(&[Code::BannerContradicts]);
    }
    "the buffer is never flushed" [NeverSent] [] {
        silent("never-flushed");
        python("unflushed");
    }
    "spans are written by a child process that exits early" [NeverSent] [] {
        silent("forgotten-child");
    }
    "the tracer connects to a port without a server" [NeverSent WriteFailedSilent] [] {
        silent("port-wrong");
    }
    "the service does not stop, and is killed with its buffer" [LostAtExit] [] {
        silent("killed-with-buffer").spec(SHORT_STOP).also(&[Code::NotStopped]);
    }
    "the service kills itself with its buffer" [LostAtExit] [] {
        silent("dies-with-buffer").also(&[Code::ProcessCrashed]);
    }
};
