//! Kinds of loss in which the database server refuses spans.

use spanproof_format::Code;

use super::BANNER_CONTRADICTS;
use crate::accuracy::{Kind, kinds, otel, python, runner, silent};

/// Gives the service a role without special rights, because privileges do not bind a superuser.
macro_rules! as_role {
    ($sql:literal) => {
        concat!(
            "do $$ begin create role spanproof_kinds; ",
            "exception when duplicate_object or unique_violation then null; end $$; ",
            "grant all on all tables in schema public to spanproof_kinds; ",
            "grant all on all sequences in schema public to spanproof_kinds; ",
            $sql
        )
    };
}

/// Raises an error before each insert.
macro_rules! before_insert {
    ($body:literal) => {
        concat!(
            "create function on_span() returns trigger language plpgsql as $$ begin ",
            $body,
            " return new; end $$; ",
            "create trigger on_span before insert on spans for each row execute function on_span();"
        )
    };
}

const ROLE: &[(&str, &str)] = &[("PGOPTIONS", "-c role=spanproof_kinds")];
const REVOKED: &str = as_role!("revoke insert on spans from spanproof_kinds;");
const ROW_SECURITY: &str = as_role!("alter table spans enable row level security;");
const TIMEOUT: &[(&str, &str)] = &[("PGOPTIONS", "-c statement_timeout=100")];
const SLOW: &str = before_insert!("perform pg_sleep(3);");
const RAISES: &str = before_insert!("raise exception 'no spans today';");
const AT_COMMIT: &str = "create function refuse() returns trigger language plpgsql as \
    $$ begin raise exception 'too late'; end $$; \
    create constraint trigger refuse after insert on spans deferrable initially deferred \
    for each row execute function refuse();";
const PARENT_FIRST: &str = "alter table spans add unique (span_id), \
    add foreign key (parent_span_id) references spans (span_id);";
const NO_PARTITION: &str = "alter table spans rename to old_spans; \
    create table spans (like old_spans) partition by range (started_at); \
    create table spans_2020 partition of spans for values from ('2020-01-01') to ('2021-01-01');";

/// All spans are written at the stop, so that no timer decides which spans share a batch.
const ONE_BATCH: &[(&str, &str)] = &[("OTEL_BSP_SCHEDULE_DELAY", "60000")];

pub(super) const KINDS: &[Kind] = kinds! {
    "the table is missing" [WriteFailedSilent] [] {
        silent("database").sql("alter table spans rename to old_spans;");
        otel("database").sql("alter table spans rename to old_spans;").right(&[Code::WriteFailedReported]);
        otel("database-quiet").sql("alter table spans rename to old_spans;").also(BANNER_CONTRADICTS);
    }
    "a column is missing" [WriteFailedSilent] [] {
        silent("database").sql("alter table spans rename column ended_at to finished;");
        otel("database").sql("alter table spans rename column ended_at to finished;").right(&[Code::WriteFailedReported]);
        otel("database-quiet").sql("alter table spans rename column ended_at to finished;").also(BANNER_CONTRADICTS);
    }
    "the service may not insert" [WriteFailedSilent] [] {
        silent("database").sql(REVOKED).env(ROLE);
        otel("database").sql(REVOKED).env(ROLE).right(&[Code::WriteFailedReported]);
        otel("database-quiet").sql(REVOKED).env(ROLE).also(BANNER_CONTRADICTS);
    }
    "row security refuses the rows" [WriteFailedSilent] [] {
        silent("database").sql(ROW_SECURITY).env(ROLE);
        otel("database").sql(ROW_SECURITY).env(ROLE).right(&[Code::WriteFailedReported]);
        otel("database-quiet").sql(ROW_SECURITY).env(ROLE).also(BANNER_CONTRADICTS);
    }
    "a check refuses one of two spans" [WriteFailedSilent] [] {
        silent("database").sql("alter table spans add check (parent_span_id is not null);");
        otel("one-by-one-quiet").sql("alter table spans add check (parent_span_id is not null);");
    }
    "a unique index refuses the second span of a trace" [WriteFailedSilent] [] {
        silent("database").sql("create unique index on spans (trace_id);");
        otel("one-by-one-quiet").sql("create unique index on spans (trace_id);");
    }
    "a foreign key refuses a span before its parent" [WriteFailedSilent] [] {
        silent("database").sql(PARENT_FIRST);
        otel("one-by-one-quiet").sql(PARENT_FIRST).also(BANNER_CONTRADICTS);
    }
    "a name is too long for its column" [WriteFailedSilent] [] {
        silent("database").sql("alter table spans alter column name type varchar(11);");
        otel("database").sql("alter table spans alter column name type varchar(11);").right(&[Code::WriteFailedReported]);
        otel("database-quiet").sql("alter table spans alter column name type varchar(11);").also(BANNER_CONTRADICTS);
    }
    "a trigger raises an error" [WriteFailedSilent] [] {
        silent("database").sql(RAISES);
        otel("database").sql(RAISES).right(&[Code::WriteFailedReported]);
        otel("database-quiet").sql(RAISES).also(BANNER_CONTRADICTS);
    }
    "the insert takes longer than the statement timeout" [WriteFailedSilent] [] {
        silent("database").sql(SLOW).env(TIMEOUT).also(&[Code::SlowedByTracing]);
        otel("database").sql(SLOW).env(TIMEOUT).right(&[Code::WriteFailedReported]);
        otel("database-quiet").sql(SLOW).env(TIMEOUT).also(BANNER_CONTRADICTS);
    }
    "an insert waits for a lock until the service exits" [WriteFailedSilent] [] {
        otel("locked").also(BANNER_CONTRADICTS);
    }
    "the commit is refused" [WriteFailedSilent] [ExportFailed] {
        silent("database").sql(AT_COMMIT);
        otel("database").sql(AT_COMMIT).right(&[Code::WriteFailedReported]);
        otel("database-quiet").sql(AT_COMMIT).also(BANNER_CONTRADICTS);
    }
    "no partition takes the rows" [WriteFailedSilent] [] {
        silent("database").sql(NO_PARTITION);
        otel("database").sql(NO_PARTITION).right(&[Code::WriteFailedReported]);
        otel("database-quiet").sql(NO_PARTITION).also(BANNER_CONTRADICTS);
    }
    "a value has the wrong type" [WriteFailedSilent] [] {
        silent("type-wrong");
        otel("type-wrong").right(&[Code::WriteFailedReported]);
    }
    "a required column gets null" [WriteFailedSilent] [] {
        silent("not-null");
        otel("not-null").right(&[Code::WriteFailedReported]);
    }
    "the statement names an unknown column" [WriteFailedSilent] [] {
        silent("column-unknown");
        otel("column-unknown").right(&[Code::WriteFailedReported]);
    }
    "the statement names an unknown schema" [WriteFailedSilent] [] {
        silent("table-unknown");
        otel("table-unknown").right(&[Code::WriteFailedReported]);
    }
    "the statement has a syntax error" [WriteFailedSilent] [] {
        silent("syntax");
        otel("syntax").right(&[Code::WriteFailedReported]);
    }
    "the transaction is read-only" [WriteFailedSilent] [] {
        silent("read-only");
        python("swallowed");
        otel("read-only").also(BANNER_CONTRADICTS);
    }
    "the span of one unit is refused" [WriteFailedSilent] [] {
        silent("one-row-refused");
    }
    "the server refuses the tracer's user" [WriteFailedSilent] [] {
        silent("wrong-password");
        runner("login-refused").right(&[Code::WriteFailedReported]);
        otel("wrong-password").right(&[Code::WriteFailedReported]);
        otel("wrong-password-quiet").also(BANNER_CONTRADICTS);
    }
    "the tracer's database does not exist" [WriteFailedSilent] [ExportFailed] {
        silent("database-unknown").on_own_server();
        otel("database-unknown").on_own_server().right(&[Code::WriteFailedReported]);
    }
    "the tracer uses another database, without the table" [WriteFailedSilent] [WrongDestination NeverSent] {
        silent("database-other").on_own_server();
        otel("database-other").on_own_server().right(&[Code::WriteFailedReported]);
    }
    "the tracer creates its table in another database" [WrongDestination] [] {
        silent("database-other-rows").on_own_server();
        otel("database-other-rows").on_own_server();
    }
    "one bad row spoils a statement with many rows" [BatchPoisoned] [WriteFailedSilent] {
        silent("batch-poisoned");
        python("poisoned");
        runner("batch").also(&[Code::BannerContradicts]);
        otel("batch-poisoned").env(ONE_BATCH).also(BANNER_CONTRADICTS);
    }
    "one bad row spoils a transaction of many statements" [BatchPoisoned] [WriteFailedSilent] {
        silent("transaction-poisoned");
        otel("transaction-poisoned").env(ONE_BATCH).also(BANNER_CONTRADICTS);
    }
};
