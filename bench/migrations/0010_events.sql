create table events (
    id           bigint generated always as identity,
    kind         text not null,
    payload      jsonb not null,
    occurred_at  timestamptz not null default now(),
    primary key (id, occurred_at)
) partition by range (occurred_at);

create table events_default partition of events default;
create table events_2025 partition of events for values from ('2025-01-01') to ('2026-01-01');
create table events_2026 partition of events for values from ('2026-01-01') to ('2027-01-01');

create index events_kind on events (kind, occurred_at desc);
create index events_payload on events using gin (payload);
