//! Healthy ways to record spans, which must pass.

use super::{Kind, NUMBERS, SLOW_RATES, kinds, otel, silent};

const UNIQUE: &str = "alter table spans add unique (span_id);";
const PARTITIONED: &str = "alter table spans rename to old_spans; \
    create table spans (like old_spans) partition by range (started_at); \
    create table spans_old partition of spans for values from (minvalue) to ('2021-01-01'); \
    create table spans_new partition of spans for values from ('2021-01-01') to (maxvalue);";
const HASHED: &str = "alter table spans rename to old_spans; \
    create table spans (like old_spans) partition by hash (trace_id); \
    create table spans_0 partition of spans for values with (modulus 2, remainder 0); \
    create table spans_1 partition of spans for values with (modulus 2, remainder 1);";
const VIEW: &str = "alter table spans rename to all_spans; \
    create view spans as select * from all_spans;";
const VIEW_WITH_TRIGGER: &str = "alter table spans rename to all_spans; \
    create view spans as select * from all_spans; \
    create function take() returns trigger language plpgsql as \
    $$ begin insert into all_spans values (new.*); return new; end $$; \
    create trigger take instead of insert on spans for each row execute function take();";
const INHERITED: &str = "create table spans_today () inherits (spans); \
    create function take() returns trigger language plpgsql as \
    $$ begin insert into spans_today values (new.*); return null; end $$; \
    create trigger take before insert on spans for each row execute function take();";
const RECORD_SPAN: &str = "create function record_span(span spans) returns void language sql as \
    $$ insert into spans select span.* $$;";
const UNLOGGED: &str = "alter table spans set unlogged;";
const MORE_COLUMNS: &str = "alter table spans add column inserted_at timestamptz not null default now(), \
    add column labels jsonb not null default '{}';";
const FIXED_LENGTH: &str =
    "alter table spans alter column name type char(40), alter column status type char(20);";
const UUIDS: &str = "alter table spans alter column trace_id type uuid using trace_id::uuid;";
const COPY_OF_EACH_ROW: &str = "create schema audit; create table audit.spans (like spans); \
    create function keep() returns trigger language plpgsql as \
    $$ begin insert into audit.spans values (new.*); return new; end $$; \
    create trigger keep after insert on spans for each row execute function keep();";
const REPEATS: &[(&str, &str)] = &[(
    "span",
    "[{ name = 'carry parcel' }, { name = 'ask carrier', parent = 'carry parcel', repeats = true }]",
)];

/// The service prints no line about a span at this log level.
const QUIET: &[(&str, &str)] = &[(
    "probes",
    "{ tracer = '^tracing (?<state>.*)$', enabled = 'on', attempt = '^begin (?<name>.*)$' }",
)];
const OTEL_REPEATS: &[(&str, &str)] = &[(
    "span",
    "[{ name = 'bill customer' }, { name = 'fetch rate', parent = 'bill customer', repeats = true }]",
)];
const WITH_RUN: &[(&str, &str)] = &[(
    "span",
    "[{ name = 'run', unit = 'none' }, { name = 'bill customer' }, \
     { name = 'fetch rate', parent = 'bill customer' }]",
)];
const SECONDS: &str = "alter table spans alter started_at type timestamptz(0), \
    alter ended_at type timestamptz(0);";
const TENTHS: &str = "alter table spans alter started_at type timestamptz(1), \
    alter ended_at type timestamptz(1);";
const START_IN_SECONDS: &str = "alter table spans alter started_at type timestamptz(0);";
const END_IN_SECONDS: &str = "alter table spans alter ended_at type timestamptz(0);";
const DATES: &str = "alter table spans alter started_at type date, alter ended_at type date;";
const WORK_IN_SECONDS: &str = "alter table orders alter created_at type timestamptz(0); \
    alter table parcels alter started_at type timestamptz(0), alter completed_at type timestamptz(0);";
const DURATIONS_IN_SECONDS: &str = "create function shorten() returns trigger language plpgsql as \
    $$ begin new.duration_ms := round(new.duration_ms / 1000.0); return new; end $$; \
    create trigger shorten before insert on spans for each row execute function shorten();";
const UUID_UNITS: &str = "alter table invoices alter column id drop default, \
    alter column id type uuid using gen_random_uuid(), alter column id set default gen_random_uuid();";

pub(super) const KINDS: &[&[Kind]] = &[kinds! {
    "as its spec says" [] [] {
        silent("");
        otel("");
    }
    "a row for each span" [] [] {
        silent("plain");
        otel("one-by-one");
        otel("simple-processor");
    }
    "one statement for each job" [] [] {
        silent("batch-per-order");
        otel("plain");
    }
    "one statement when the service stops" [] [] {
        silent("batch-at-stop");
        otel("batch-at-stop");
    }
    "one transaction with a statement for each span" [] [] {
        silent("one-transaction");
        otel("transaction");
    }
    "spans in one transaction with the work" [] [] { silent("with-the-work"); }
    "`copy`" [] [] {
        silent("copy");
        otel("copy");
    }
    "prepared statements" [] [] {
        silent("prepared");
        otel("prepared");
        otel("many-at-once");
    }
    "spans that arrive after the job's end" [] [] {
        silent("late");
        otel("late");
    }
    "spans that arrive late, and not at the stop" [] [] {
        silent("late-and-never-at-stop").spec(QUIET);
    }
    "spans that arrive one by one, for longer than `flush-ms`" [] [] { otel("slow-writes"); }
    "a row at the start, and an update at the end" [] [] { silent("two-phases"); }
    "each row is inserted or updated, twice" [] [] {
        silent("upsert").sql(UNIQUE);
        otel("written-again").sql(UNIQUE);
    }
    "a staging table" [] [] { silent("staging-table"); }
    "a function of the database inserts the row" [] [] { silent("by-function").sql(RECORD_SPAN); }
    "ids in capitals" [] [] {
        silent("upper-case-ids");
    }
    "times are numbers since 1970" [] [] {
        silent("").sql(NUMBERS);
        otel("").sql(NUMBERS);
    }
    "times in whole seconds" [] [] {
        silent("").sql(SECONDS);
        otel("plain").sql(SECONDS);
    }
    "times in tenths of a second" [] [] {
        silent("").sql(TENTHS);
        otel("plain").sql(TENTHS);
    }
    "starts in whole seconds" [] [] {
        silent("").sql(START_IN_SECONDS);
        otel("plain").sql(START_IN_SECONDS);
    }
    "ends in whole seconds" [] [] {
        silent("").sql(END_IN_SECONDS);
        otel("plain").sql(END_IN_SECONDS);
    }
    "days instead of times" [] [] {
        silent("").sql(DATES);
        otel("plain").sql(DATES);
    }
    "times of the work in whole seconds" [] [] { silent("").sql(WORK_IN_SECONDS); }
    "durations in whole seconds" [] [] {
        silent("").sql(DURATIONS_IN_SECONDS);
        silent("slow-work").sql(DURATIONS_IN_SECONDS);
    }
    "the duration in microseconds" [] [] { silent("own-duration-unit"); }
    "more spans than the spec names" [] [] {
        silent("extra-spans");
        otel("more-spans");
    }
    "retries with a span each" [] [] {
        silent("retried").spec(REPEATS);
        otel("retried").spec(OTEL_REPEATS);
    }
    "one trace for all units" [] [] {
        silent("one-trace-per-order");
        otel("one-trace").spec(WITH_RUN);
    }
    "results that vary" [] [] {
        silent("varying-results");
        otel("varying-results");
    }
    "a slow start" [] [] {
        silent("slow-start");
        otel("slow-start");
    }
    "a slow upstream" [] [] { otel("plain").spec(SLOW_RATES); }
    "an inner span that does not wait for the answer" [] [] {
        otel("not-awaited").spec(SLOW_RATES);
    }
    "slow work" [] [] {
        silent("slow-work");
        otel("slow-work");
    }
    "a service that ends by the signal" [] [] { silent("ends-by-signal"); }
    "a new connection for each span" [] [] { silent("reconnects"); }
    "a session in another time zone" [] [] { silent("other-zone"); }
    "parents before their children" [] [] { silent("other-order"); }
    "a trial insert that is rolled back at the start" [] [] { silent("probes-the-table"); }
    "old spans are deleted" [] [] { silent("deletes-old-spans"); }
    "a table partitioned by time" [] [] {
        silent("plain").sql(PARTITIONED);
        otel("plain").sql(PARTITIONED);
    }
    "a table partitioned by hash" [] [] { silent("plain").sql(HASHED); }
    "a view" [] [] {
        silent("plain").sql(VIEW);
        otel("plain").sql(VIEW);
    }
    "a view with a trigger" [] [] {
        silent("plain").sql(VIEW_WITH_TRIGGER);
        otel("plain").sql(VIEW_WITH_TRIGGER);
    }
    "a trigger moves rows to an inheriting table" [] [] {
        silent("plain").sql(INHERITED);
        otel("plain").sql(INHERITED);
    }
    "columns of a fixed length, `char(n)`" [] [] { silent("plain").sql(FIXED_LENGTH); }
    "an unlogged table" [] [] { silent("plain").sql(UNLOGGED); }
    "more columns with defaults" [] [] {
        silent("plain").sql(MORE_COLUMNS);
        otel("plain").sql(MORE_COLUMNS);
    }
    "trace ids of the type `uuid`" [] [] {
        silent("plain").sql(UUIDS);
    }
    "a copy of each row in another schema" [] [] {
        silent("plain").sql(COPY_OF_EACH_ROW);
        otel("plain").sql(COPY_OF_EACH_ROW);
    }
    "the console gets every span, too" [] [] { otel("console-too"); }
    "units in parallel threads" [] [] { otel("parallel"); }
    "an inner span in another thread, with its context" [] [] { otel("context-in-thread"); }
    "events and links" [] [] { otel("events-and-links"); }
    "spans that are ended twice" [] [] { otel("ended-twice"); }
    "baggage" [] [] { otel("baggage"); }
    "a lost connection and a second attempt" [] [] { otel("retried-write"); }
    "much output" [] [] { otel("verbose"); }
    "an error that has nothing to do with spans" [] [] { otel("other-error"); }
    "an exporter variable that the service does not use" [] [] {
        otel("plain").env(&[("OTEL_TRACES_EXPORTER", "none")]);
    }
    "`OTEL_TRACES_SAMPLER` keeps every trace" [] [] {
        otel("plain").env(&[("OTEL_TRACES_SAMPLER", "parentbased_always_on")]);
    }
    "unit ids of the type `uuid`" [] [] { otel("plain").sql(UUID_UNITS); }
}];
