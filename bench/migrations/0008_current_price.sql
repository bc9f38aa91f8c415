create function current_price(wanted bigint, in_currency char(3))
returns numeric language sql stable as $$
    select amount
    from prices
    where product_id = wanted and currency = in_currency and valid_from <= now()
    order by valid_from desc
    limit 1
$$;

create function reserve(wanted bigint, at_warehouse integer, pieces integer)
returns boolean language plpgsql as $$
begin
    update stock
    set reserved = reserved + pieces
    where product_id = wanted and warehouse_id = at_warehouse and on_hand - reserved >= pieces;
    return found;
end
$$;
