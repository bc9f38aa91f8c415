create table accounts (
    id          uuid primary key default gen_random_uuid(),
    email       text not null,
    name        text not null,
    locale      text not null default 'en',
    created_at  timestamptz not null default now(),
    closed_at   timestamptz,
    constraint  email_has_an_at check (position('@' in email) > 1)
);

create unique index accounts_email on accounts (lower(email)) where closed_at is null;
create index accounts_created on accounts (created_at desc);
