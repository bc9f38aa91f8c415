create table audit (
    id          bigint generated always as identity primary key,
    happened    timestamptz not null default clock_timestamp(),
    relation    text not null,
    operation   text not null,
    before_row  jsonb,
    after_row   jsonb
);

create index audit_relation on audit (relation, happened desc);

create function note_change() returns trigger language plpgsql as $$
begin
    insert into audit (relation, operation, before_row, after_row)
    values (tg_table_name, tg_op, to_jsonb(old), to_jsonb(new));
    return null;
end
$$;

create trigger orders_audit after insert or update or delete on orders
    for each row execute function note_change();
create trigger payments_audit after insert or update or delete on payments
    for each row execute function note_change();
