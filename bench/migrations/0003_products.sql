create table products (
    id          bigint generated always as identity primary key,
    sku         text not null unique,
    title       text not null,
    attributes  jsonb not null default '{}',
    retired     boolean not null default false,
    changed_at  timestamptz not null default now()
);

create index products_attributes on products using gin (attributes jsonb_path_ops);
create index products_title on products using gin (to_tsvector('english', title));

create table prices (
    product_id  bigint not null references products on delete cascade,
    currency    char(3) not null references currencies,
    amount      numeric(14, 4) not null check (amount >= 0),
    valid_from  timestamptz not null default now(),
    primary key (product_id, currency, valid_from)
);
