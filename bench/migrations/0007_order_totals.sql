create view order_totals as
select o.id,
       o.account_id,
       o.currency,
       o.state,
       coalesce(sum(l.quantity * l.amount), 0) as total,
       coalesce((select sum(p.amount) from payments p where p.order_id = o.id), 0) as paid
from orders o
left join order_lines l on l.order_id = o.id
group by o.id;

create view unpaid_orders as
select t.*, t.total - t.paid as missing
from order_totals t
where t.state = 'placed' and t.paid < t.total;
