//! The server accepts spans, and the table has no row.

use spanproof_format::Code;

use crate::kinds::{Kind, kinds, python, runner, silent};

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
    }
    "spans are written to another schema" [WrongDestination] [] {
        silent("schema-other").sql(TENANT);
        python("elsewhere");
        runner("elsewhere").also(&[Code::BannerContradicts]);
    }
    "the search path leads to another schema" [WrongDestination] [] {
        silent("database").sql(TENANT).env(TENANT_FIRST);
    }
    "spans are written to a temporary table" [WrongDestination] [] {
        silent("table-temporary");
    }
    "a rule redirects the rows to another table" [WrongDestination] [SilentlyDiscarded] {
        silent("database").sql(RULE_ELSEWHERE);
    }
    "each span is rolled back" [RolledBack] [] {
        silent("rolled-back");
        python("rolled-back");
        runner("rolled-back").also(&[Code::BannerContradicts]);
    }
    "the transaction is never committed" [RolledBack] [] {
        silent("never-committed");
    }
    "spans are rolled back to a savepoint" [RolledBack] [] {
        silent("savepoint");
    }
    "spans are rolled back with the work" [RolledBack] [] {
        silent("work-rolled-back");
    }
    "a trigger discards every row" [SilentlyDiscarded] [] {
        silent("database").sql(NULL_TRIGGER);
    }
    "a trigger discards the rows of failing units" [SilentlyDiscarded] [] {
        silent("database").sql(NULL_FOR_FAILED);
    }
    "a rule discards every row" [SilentlyDiscarded] [] {
        silent("database").sql(RULE_NOTHING);
    }
    "the table is a view that keeps nothing" [SilentlyDiscarded] [] {
        silent("database").sql(EMPTY_VIEW);
    }
    "rows with a known id are skipped" [SilentlyDiscarded] [] {
        silent("conflict").sql(UNIQUE).also(&[Code::InvalidIds, Code::BrokenTree]);
        python("ignored").also(&[Code::InvalidIds, Code::BrokenTree]);
    }
    "the statement inserts no row" [SilentlyDiscarded] [] {
        silent("no-row");
    }
    "each span is deleted at once" [RemovedLater] [] {
        silent("deleted");
    }
    "the table is truncated at the stop" [RemovedLater] [] {
        silent("truncated");
    }
    "a retention job deletes too much" [RemovedLater] [] {
        silent("retention");
    }
    "spans are moved to an archive" [RemovedLater] [WrongDestination] {
        silent("archived").sql(NEW_TABLE);
    }
    "a trigger deletes each span" [RemovedLater] [] {
        silent("database").sql(DELETE_TRIGGER);
    }
    "a trigger keeps only the newest spans" [RemovedLater] [] {
        silent("database").sql(KEEP_TWO).also(&[Code::BrokenTree]);
    }
    "spans are deleted when the job ends" [RemovedLater] [] {
        silent("database").sql(DELETE_WITH_ORDER);
    }
};
