//! Creates the triggers that are called the witness. They write each attempt to insert a span to the database
//! server's log.
//!
//! Spans can be inserted into a table, into its partitions or children, or through a view. Each of these
//! gets triggers. Event triggers add the triggers to tables that the service creates, and enable the triggers
//! again if the service disables them.

use sqlx::{AssertSqlSafe, Executor, PgConnection};

use super::Error;
use crate::identifier::{self, TableName};
use crate::json_path::JsonPath;
use crate::spec::SpanTable as Spans;
use spanproof_format::count;

/// Creates the functions and the triggers. An automatically updatable view passes inserts on to its table,
/// so it needs no triggers of its own. Row triggers run in the order of their names: `!` makes one run
/// before the user's triggers, `~` after them. The triggers are enabled `always`, so a service can't disable
/// them by `session_replication_role`. The role that fires a trigger needs no privilege on its function.
const TRIGGERS: &str = r#"
create schema spanproof_witness;

create function spanproof_witness.target() returns regclass language sql stable as
$$ select to_regclass({target}) $$;

create function spanproof_witness.log_event() returns trigger language plpgsql as $$
begin
    if tg_argv[0] = 'tried' then
        raise log 'spanproof witness: %', case when tg_argv[1] = 'target' then 'tried'
            when pg_trigger_depth() > 1 then 'passed on' else 'tried below' end;
    elsif tg_argv[0] = 'updated' and to_jsonb(old) ->> {id} <> to_jsonb(new) ->> {id} then
        raise log 'spanproof witness: overwritten';
    else
        raise log 'spanproof witness: %', tg_argv[0];
    end if;
    return case when tg_op = 'DELETE' then old else new end;
end $$;

-- The tables and views into which spans are inserted (`is_counted`), and the other tables under a view, from
-- which spans can be deleted.
create function spanproof_witness.places()
returns table (place regclass, kind "char", is_counted boolean, depth int)
language sql stable set search_path = pg_catalog as $$
    with recursive served as (
        select ev_class as view, pg_get_ruledef(oid) as rule from pg_rewrite
        where ev_type = '3' and is_instead and ev_qual = '<>'
    ), place as (
        select c.oid, c.relkind, true as is_counted, 0 as depth
        from pg_class c where c.oid = spanproof_witness.target()
        union
        select c.oid, c.relkind, p.is_counted and (p.relkind <> 'v' or case
                when exists (select from pg_trigger t where t.tgrelid = p.oid and t.tgtype & 68 = 68)
                    then false
                when exists (select from served s where s.view = p.oid)
                    then exists (select from served s where s.view = p.oid and to_regclass(
                        substring(s.rule from 'INSERT INTO ((?:"[^"]*"|[^ (])+)')) = c.oid)
                else pg_relation_is_updatable(p.oid, false) & 8 = 8
            end), p.depth + 1
        from place p cross join lateral (
            select inhrelid as oid from pg_inherits where inhparent = p.oid
            union
            select d.refobjid from pg_rewrite r join pg_depend d
                on d.classid = 'pg_rewrite'::regclass and d.objid = r.oid
            where r.ev_class = p.oid and p.relkind = 'v'
                and d.refclassid = 'pg_class'::regclass and d.refobjid <> p.oid
        ) as next join pg_class c on c.oid = next.oid
        where c.relkind in ('r', 'p', 'v') and p.depth < 32
    )
    select oid::regclass, relkind, bool_or(is_counted), min(depth)::int
    from place group by oid, relkind order by min(depth)
$$;

-- The triggers that each of these tables and views must have. An `instead of` trigger would change what a
-- view does, so it is only added to a view that already has an `instead of` trigger.
create function spanproof_witness.triggers()
returns table (place regclass, kind "char", name text, event text, firing text)
language sql stable set search_path = pg_catalog as $$
    select p.place, p.kind, t.name, t.event, t.firing
    from spanproof_witness.places() p cross join (values
        ('!spanproof_begun', 'begun', 'before insert on %s for each statement', 'counted view'),
        ('!spanproof_offered', 'offered', 'instead of insert on %s for each row', 'view'),
        ('!spanproof_updating', 'updating', 'before update on %s for each statement', 'counted'),
        ('!spanproof_tried', 'tried', 'before insert on %s for each row', 'counted'),
        ('~spanproof_written', 'written', 'after insert on %s for each row', 'counted'),
        ('~spanproof_stored', 'stored', 'after insert on %s for each row', 'other'),
        ('~spanproof_updated', 'updated', 'after update on %s for each row', 'counted'),
        ('~spanproof_removed', 'removed', 'after delete on %s for each row', 'counted other'),
        ('~spanproof_emptied', 'removed', 'after truncate on %s for each statement', 'counted other')
    ) as t (name, event, firing, roles)
    where t.roles ~ case
        when p.kind <> 'v' then case when p.is_counted then 'counted' else 'other' end
        when exists (select from pg_trigger g where g.tgrelid = p.place and g.tgtype & 68 = 68)
            then 'view'
        else 'none' end
    order by p.depth
$$;

create function spanproof_witness.watch() returns void
language plpgsql security definer set search_path = pg_catalog as $$
declare
    t record;
    state "char";
begin
    for t in select * from spanproof_witness.triggers() loop
        select tgenabled into state from pg_trigger where tgrelid = t.place and tgname = t.name;
        if not found then
            execute format('create trigger %I ' || t.firing ||
                ' execute function spanproof_witness.log_event(%L, %L)', t.name, t.place, t.event,
                case when t.place = spanproof_witness.target() then 'target' else 'other' end);
            state := 'O';
        end if;
        if state <> 'A' and t.kind <> 'v' then
            execute format('alter table only %s enable always trigger %I', t.place, t.name);
        end if;
    end loop;
end $$;

create function spanproof_witness.on_ddl() returns event_trigger
language plpgsql security definer set search_path = pg_catalog as $$
begin
    perform spanproof_witness.watch();
exception when others then
    raise log 'spanproof witness: unwatched %', sqlerrm;
end $$;

create function spanproof_witness.note_drop() returns event_trigger
language plpgsql security definer set search_path = pg_catalog as $$
begin
    if exists (select from pg_event_trigger_dropped_objects()
            where object_type = 'trigger' and object_identity like '"~spanproof_emptied" on %') then
        raise log 'spanproof witness: removed';
    end if;
end $$;

select spanproof_witness.watch();
create event trigger spanproof_ddl on ddl_command_end
    execute function spanproof_witness.on_ddl();
create event trigger spanproof_drop on sql_drop
    execute function spanproof_witness.note_drop();
alter event trigger spanproof_ddl enable always;
alter event trigger spanproof_drop enable always;

-- An insert in a function or a rule may fire no trigger, but the server can log the statement that uses the
-- function or the rule. So it logs all statements.
do $$ begin
    execute format('alter database %I set log_statement = ''all''', current_database());
end $$;
"#;

/// Counts the tables and views that lack one of their triggers, or on which it is not enabled `always`.
const MISSING: &str = "select count(distinct t.place) from spanproof_witness.triggers() t \
    where not exists (select from pg_trigger g where g.tgrelid = t.place and g.tgname = t.name \
    and (g.tgenabled = 'A' or t.kind = 'v'))";

/// Selects the schema and the name of the span table, even if the table does not exist yet.
const FULL_NAME: &str = "select n.nspname::text, c.relname::text from pg_class c \
    join pg_namespace n on n.oid = c.relnamespace where c.oid = to_regclass($1) \
    union all select coalesce($2, current_schema()::text), $3 where to_regclass($1) is null";

/// Creates the triggers. If the span table does not exist yet, it gets its triggers when it is created.
pub(super) async fn install(connection: &mut PgConnection, spans: &Spans) -> Result<(), Error> {
    let failed = |error: sqlx::Error| Error::Witness(error.into());
    let table = &spans.table;
    let (schema, name) = identifier::parts(table);
    let (schema, name): (Option<String>, String) = sqlx::query_as(FULL_NAME)
        .bind(identifier::table(table))
        .bind(&schema)
        .bind(&name)
        .fetch_one(&mut *connection)
        .await
        .map_err(failed)?;
    let target = TableName { schema, name }.sql();
    // If the id is in a JSON column, other attributes in that column may change when the span ends. So ids
    // are not compared then, and no row counts as overwritten.
    let id = if JsonPath::find(&spans.id).is_some() { "" } else { &spans.id };
    let sql = TRIGGERS
        .replace("{target}", &identifier::literal(&target))
        .replace("{id}", &identifier::literal(id));
    connection.execute(sqlx::raw_sql(AssertSqlSafe(sql))).await.map(drop).map_err(failed)
}

/// Returns why triggers are missing at the end of the case; `None` if none is missing.
pub(super) async fn missing_triggers(
    connection: &mut PgConnection,
) -> Result<Option<String>, sqlx::Error> {
    let exists = "select to_regprocedure('spanproof_witness.triggers()') is not null";
    if !sqlx::query_scalar(exists).fetch_one(&mut *connection).await? {
        return Ok(Some("the service removed the witness's triggers".to_owned()));
    }
    let missing: i64 = sqlx::query_scalar(MISSING).fetch_one(connection).await?;
    Ok((missing > 0).then(|| {
        format!("the service removed the witness's triggers on {}", count(missing, "table"))
    }))
}
