//! Kinds of loss in which the database server accepts spans, and no row is stored in the span table.

use spanproof_format::Code;

use super::BANNER_CONTRADICTS;
use crate::accuracy::{Kind, kinds, otel, python, runner, silent};

const NEW_TABLE: &str = "create table spans_new (like spans);";
const TENANT: &str = "create schema tenant; create table tenant.spans (like spans);";
const TENANT_FIRST: &[(&str, &str)] = &[("PGOPTIONS", "-c search_path=tenant,public")];
const RULE_ELSEWHERE: &str = "create table spans_new (like spans); \
    create rule elsewhere as on insert to spans do instead insert into spans_new values (new.*);";
const RULE_NOTHING: &str = "create rule nothing as on insert to spans do instead nothing;";
const NULL_TRIGGER: &str = "create function drop_span() returns trigger language plpgsql as \
    $$ begin return null; end $$; \
    create trigger drop_span before insert on spans for each row execute function drop_span();";
const NULL_FOR_FAILED: &str = "create function drop_span() returns trigger language plpgsql as \
    $$ begin return null; end $$; create trigger drop_span before insert on spans \
    for each row when (new.status = 'error') execute function drop_span();";
const NULL_FOR_FAILED_BY_OTEL: &str = "create function drop_span() returns trigger language plpgsql as \
    $$ begin return null; end $$; create trigger drop_span before insert on spans \
    for each row when (new.status = 'ERROR') execute function drop_span();";
const EMPTY_VIEW: &str = "alter table spans rename to all_spans; \
    create view spans as select * from all_spans; \
    create function take() returns trigger language plpgsql as $$ begin return new; end $$; \
    create trigger take instead of insert on spans for each row execute function take();";
const DELETE_TRIGGER: &str = "create function clean() returns trigger language plpgsql as \
    $$ begin delete from spans where span_id = new.span_id; return null; end $$; \
    create trigger clean after insert on spans for each row execute function clean();";
const KEEP_TWO: &str = "create function clean() returns trigger language plpgsql as \
    $$ begin delete from spans where span_id not in \
    (select span_id from spans order by started_at desc limit 2); return null; end $$; \
    create trigger clean after insert on spans for each statement execute function clean();";
const DELETE_WITH_ORDER: &str = "create function clean() returns trigger language plpgsql as \
    $$ begin delete from spans where order_id = new.id; return null; end $$; \
    create trigger clean after update on orders for each row execute function clean();";
const UNIQUE: &str = "alter table spans add unique (span_id);";

pub(super) const KINDS: &[Kind] = kinds! {
    "spans are written to another table" [WrongDestination] [] {
        silent("table-other").sql(NEW_TABLE);
        otel("table-other").sql(NEW_TABLE).also(BANNER_CONTRADICTS);
    }
    "spans are written to another schema" [WrongDestination] [] {
        silent("schema-other").sql(TENANT);
        python("elsewhere");
        runner("elsewhere").also(&[Code::BannerContradicts]);
        otel("schema-other").sql(TENANT).also(BANNER_CONTRADICTS);
    }
    "the search path leads to another schema" [WrongDestination] [] {
        silent("database").sql(TENANT).env(TENANT_FIRST);
        otel("database").sql(TENANT).env(TENANT_FIRST).also(BANNER_CONTRADICTS);
    }
    "spans are written to a temporary table" [WrongDestination] [] {
        silent("table-temporary");
        otel("table-temporary").also(BANNER_CONTRADICTS);
    }
    "a rule redirects the rows to another table" [WrongDestination] [SilentlyDiscarded] {
        silent("database").sql(RULE_ELSEWHERE);
        otel("database").sql(RULE_ELSEWHERE).also(BANNER_CONTRADICTS);
    }
    "each span is rolled back" [RolledBack] [] {
        silent("rolled-back");
        python("rolled-back");
        runner("rolled-back").also(&[Code::BannerContradicts]);
        otel("rolled-back").also(BANNER_CONTRADICTS);
    }
    "the transaction is never committed" [RolledBack] [] {
        silent("never-committed");
        otel("never-committed").also(BANNER_CONTRADICTS);
    }
    "spans are rolled back to a savepoint" [RolledBack] [] {
        silent("savepoint");
        otel("savepoint").also(BANNER_CONTRADICTS);
    }
    "spans are rolled back with the work" [RolledBack] [] {
        silent("work-rolled-back");
    }
    "a trigger discards every row" [SilentlyDiscarded] [] {
        silent("database").sql(NULL_TRIGGER);
        otel("database").sql(NULL_TRIGGER).also(BANNER_CONTRADICTS);
    }
    "a trigger discards the rows of failing units" [SilentlyDiscarded] [] {
        silent("database").sql(NULL_FOR_FAILED);
        otel("database").sql(NULL_FOR_FAILED_BY_OTEL);
    }
    "a rule discards every row" [SilentlyDiscarded] [] {
        silent("database").sql(RULE_NOTHING);
        otel("database").sql(RULE_NOTHING).also(BANNER_CONTRADICTS);
    }
    "the table is a view that keeps nothing" [SilentlyDiscarded] [] {
        silent("database").sql(EMPTY_VIEW);
        otel("database").sql(EMPTY_VIEW).also(BANNER_CONTRADICTS);
    }
    "rows with a known id are skipped" [SilentlyDiscarded] [] {
        silent("conflict").sql(UNIQUE).also(&[Code::InvalidIds, Code::BrokenTree]);
        python("ignored").also(&[Code::InvalidIds, Code::BrokenTree]);
        otel("conflict").sql(UNIQUE).also(&[Code::InvalidIds, Code::BrokenTree]);
    }
    "the statement inserts no row" [SilentlyDiscarded] [] {
        silent("no-row");
    }
    "each span is deleted at once" [RemovedLater] [] {
        silent("deleted");
        otel("deleted").also(BANNER_CONTRADICTS);
    }
    "the table is truncated at the stop" [RemovedLater] [] {
        silent("truncated");
        otel("truncated").also(BANNER_CONTRADICTS);
    }
    "a retention job deletes too much" [RemovedLater] [] {
        silent("retention");
    }
    "a clean-up deletes the spans of earlier jobs" [RemovedLater] [RecordingStopped] {
        silent("retention-too-strict");
    }
    "spans are moved to an archive" [RemovedLater] [WrongDestination] {
        silent("archived").sql(NEW_TABLE);
    }
    "a trigger deletes each span" [RemovedLater] [] {
        silent("database").sql(DELETE_TRIGGER);
        otel("database").sql(DELETE_TRIGGER).also(BANNER_CONTRADICTS);
    }
    "a trigger keeps only the newest spans" [RemovedLater] [] {
        silent("database").sql(KEEP_TWO).also(&[Code::BrokenTree]);
    }
    "spans are deleted when the job ends" [RemovedLater] [] {
        silent("database").sql(DELETE_WITH_ORDER);
    }
};
