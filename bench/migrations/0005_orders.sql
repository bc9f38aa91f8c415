create type order_state as enum ('draft', 'placed', 'paid', 'shipped', 'cancelled');

create table orders (
    id          bigint generated always as identity primary key,
    account_id  uuid not null references accounts,
    currency    char(3) not null references currencies,
    state       order_state not null default 'draft',
    placed_at   timestamptz,
    note        text,
    constraint  placed_orders_have_a_time check (state = 'draft' or placed_at is not null)
);

create index orders_account on orders (account_id, placed_at desc);
create index orders_open on orders (state) where state in ('placed', 'paid');

create table order_lines (
    order_id    bigint not null references orders on delete cascade,
    line        smallint not null,
    product_id  bigint not null references products,
    quantity    integer not null check (quantity > 0),
    amount      numeric(14, 4) not null,
    primary key (order_id, line)
);

create index order_lines_product on order_lines (product_id);
