create table currencies (
    code    char(3) primary key,
    digits  smallint not null check (digits between 0 and 4),
    symbol  text not null
);

insert into currencies (code, digits, symbol) values
    ('CHF', 2, 'Fr.'), ('EUR', 2, '€'), ('GBP', 2, '£'), ('JPY', 0, '¥'),
    ('KWD', 3, 'KD'), ('SEK', 2, 'kr'), ('USD', 2, '$');
