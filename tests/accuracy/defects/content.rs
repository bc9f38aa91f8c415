//! Kinds of loss in which the row of a span is stored with wrong content.

use spanproof_format::Code;

use crate::accuracy::{Kind, NUMBERS, kinds, otel, runner, silent};

/// Adds a second value of the tracing flag that means on.
const TWO_ON: &[(&str, &str)] =
    &[("flag", "[{ name = 'TRACING', tracing = true, values = ['off', 'on', '1'] }]")];
/// Allows spans that end before they start.
const ALLOW_REVERSED_TIMES: &str =
    "alter table trace_spans drop constraint trace_spans_ends_after_it_starts";
const UNLINK: &str = "create function unlink() returns trigger language plpgsql as \
    $$ begin new.parcel_id = null; return new; end $$; \
    create trigger unlink before insert on spans for each row execute function unlink();";

pub(super) const KINDS: &[Kind] = kinds! {
    "the unit's own span has another name" [WrongAttributes] [] {
        silent("name-other");
        runner("renamed");
        otel("name-other");
    }
    "the inner span has another name" [WrongAttributes] [] {
        silent("name-inner-other");
        otel("name-inner-other");
    }
    "names are in capitals" [WrongAttributes] [] {
        silent("name-case");
        otel("name-case");
    }
    "names end with the id of the unit" [WrongAttributes] [] {
        silent("name-with-id");
        otel("name-with-id");
    }
    "the name of the service is the library's default" [WrongAttributes] [] {
        silent("service-other");
        otel("service-other").env(&[("OTEL_SERVICE_NAME", "")]);
    }
    "a span never ends: no end" [NotFinished] [] {
        silent("end-none");
        otel("end-none");
    }
    "the spans of failing units have no end" [NotFinished] [] {
        silent("end-none-failed");
        otel("end-none-failed");
    }
    "a row is written when the span begins, and never updated" [NotFinished] [] {
        silent("start-only");
        runner("start-only");
    }
    "the update that ends a span is refused" [NotFinished] [] {
        silent("update-refused");
    }
    "the end is before the start" [ImpossibleTimes] [] {
        silent("time-reversed");
        runner("ends-before-start").sql(ALLOW_REVERSED_TIMES);
        otel("time-reversed");
    }
    "the start is before the job" [ImpossibleTimes] [] {
        silent("time-before-job");
        otel("time-before-job");
    }
    "the end is in the future" [ImpossibleTimes] [] {
        silent("time-in-future");
        otel("time-in-future");
    }
    "the end is in the future, as a number since 1970" [ImpossibleTimes] [] {
        silent("time-in-future").sql(NUMBERS);
        otel("time-in-future").sql(NUMBERS);
    }
    "milliseconds are stored as seconds" [ImpossibleTimes] [] {
        silent("time-in-ms");
        otel("time-in-ms");
    }
    "the times are in 1970" [ImpossibleTimes] [] {
        silent("time-epoch");
        otel("time-epoch");
    }
    "the times are two hours off" [ImpossibleTimes] [] {
        silent("time-zone");
        otel("time-zone");
    }
    "only the start is in another zone" [ImpossibleTimes] [] {
        silent("time-zone-start");
        otel("time-zone-start");
    }
    "the duration does not fit the times" [ImpossibleTimes] [] {
        silent("duration-wrong");
    }
    "the duration is negative" [ImpossibleTimes] [] {
        silent("duration-negative");
    }
    "all spans share one id" [InvalidIds] [] {
        silent("id-shared").also(&[Code::BrokenTree]);
        otel("id-shared").also(&[Code::BrokenTree]);
    }
    "all ids are zero" [InvalidIds] [] {
        silent("id-zero").also(&[Code::BrokenTree]);
        otel("id-zero").also(&[Code::BrokenTree]);
        otel("id-generator-zero").also(&[Code::BrokenTree]);
    }
    "trace ids are zero" [InvalidIds] [] {
        silent("id-trace-zero").also(&[Code::BrokenTree]);
    }
    "span ids are constant" [InvalidIds] [] {
        otel("span-constant").also(&[Code::BrokenTree]);
    }
    "all ids are empty" [InvalidIds] [] {
        silent("id-empty").also(&[Code::BrokenTree]);
        otel("id-empty").also(&[Code::BrokenTree]);
    }
    "all processes use one trace id" [InvalidIds] [BrokenTree] {
        silent("trace-constant").spec(TWO_ON);
        otel("trace-constant").spec(TWO_ON);
    }
    "no span has the id of its unit" [Unlinked] [] {
        silent("unit-none");
        runner("not-linked");
        otel("unit-none");
    }
    "inner spans lack the id of their unit" [Unlinked] [] {
        silent("unit-none-inner");
        otel("unit-none-inner");
    }
    "the spans of failing units lack its id" [Unlinked] [] {
        silent("unit-none-failed");
        otel("unit-none-failed");
    }
    "spans have the id of something else" [Unlinked] [] {
        silent("unit-is-order");
        otel("unit-is-order");
    }
    "inner spans have the id of another unit" [Unlinked] [] {
        silent("unit-other")
            .also(&[Code::BrokenTree, Code::StatusDisagrees]);
    }
    "spans have the id of the unit before" [Unlinked] [] {
        silent("unit-shifted").also(&[Code::BrokenTree, Code::StatusDisagrees]);
        runner("links-crossed");
        otel("unit-shifted").also(&[Code::BrokenTree, Code::StatusDisagrees]);
    }
    "all spans have the id of the last unit" [Unlinked] [] {
        silent("unit-last");
    }
    "a trigger clears the id of the unit" [Unlinked] [] {
        silent("database").sql(UNLINK);
    }
    "an attribute is missing" [Unlinked] [] {
        silent("attribute-none");
        runner("region-lost");
        otel("attribute-none");
    }
    "a limit of the SDK drops the id of the unit" [Unlinked] [] {
        otel("attribute-limit");
    }
    "an attribute is wrong" [Unlinked] [] {
        silent("attribute-wrong");
        otel("attribute-wrong");
    }
    "every span reports success" [StatusDisagrees] [] {
        silent("status-always-ok");
        otel("status-always-ok");
    }
    "every span reports an error" [StatusDisagrees] [] {
        silent("status-always-error");
        otel("status-always-error");
    }
    "the status is set after the end" [StatusDisagrees] [NotFinished Unlinked] {
        otel("status-after-end");
    }
    "spans have no status" [StatusDisagrees] [NotFinished Unlinked] {
        silent("status-none");
        otel("status-none");
    }
    "a span is its own parent" [BrokenTree] [] {
        silent("parent-itself");
        otel("parent-itself");
    }
    "the parent is unknown" [BrokenTree] [] {
        silent("parent-unknown");
        runner("parent-lost");
        otel("parent-unknown");
    }
    "every span is a root" [BrokenTree] [] {
        silent("parent-none");
        runner("parent-null");
        otel("parent-none");
    }
    "the parent belongs to another unit" [BrokenTree] [] {
        silent("parent-other-unit");
        otel("parent-other-unit").also(&[Code::StatusDisagrees]);
    }
    "the context is lost in another thread" [BrokenTree] [] {
        otel("context-lost-in-thread");
    }
    "only the first unit has a tree" [BrokenTree] [] {
        silent("parent-first-unit-only");
    }
    "every span has a trace of its own" [BrokenTree] [] {
        silent("trace-each-span");
        runner("trace-split");
        otel("trace-each-span");
    }
    "the inner span is in another trace" [BrokenTree] [] {
        silent("trace-inner-other");
        otel("trace-inner-other");
    }
    "the upstream gets no trace id" [BrokenTree] [] {
        silent("no-header");
        runner("trace-not-passed");
        otel("no-header");
        otel("header-b3");
    }
    "the upstream gets another trace id" [BrokenTree] [] {
        silent("header-other");
    }
    "every row is written twice" [Duplicate] [] {
        silent("duplicate-all");
        otel("duplicate-all");
    }
    "two processors export every span" [Duplicate] [] {
        otel("exported-twice");
    }
    "the unit's own span is recorded twice" [Duplicate] [] {
        silent("duplicate-outer");
        runner("duplicate");
        otel("duplicate-outer");
    }
    "the inner span is recorded twice" [Duplicate] [] {
        silent("duplicate-inner");
        otel("duplicate-inner");
    }
};
