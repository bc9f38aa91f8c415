create table payments (
    id           uuid primary key default gen_random_uuid(),
    order_id     bigint not null references orders,
    provider     text not null,
    reference    text not null,
    amount       numeric(14, 4) not null,
    received_at  timestamptz not null default now(),
    raw          jsonb not null,
    unique (provider, reference)
);

create index payments_order on payments (order_id);
create index payments_received on payments using brin (received_at);
