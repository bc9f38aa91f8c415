create table warehouses (
    id    integer generated always as identity primary key,
    code  text not null unique,
    city  text not null
);

create table stock (
    warehouse_id  integer not null references warehouses,
    product_id    bigint not null references products,
    on_hand       integer not null default 0 check (on_hand >= 0),
    reserved      integer not null default 0 check (reserved >= 0 and reserved <= on_hand),
    primary key (warehouse_id, product_id)
);

create index stock_low on stock (product_id) where on_hand - reserved < 5;

insert into warehouses (code, city) values ('ZRH', 'Zürich'), ('GOT', 'Göteborg'), ('OSA', '大阪');
