-- models/customer_spend.sql: what each customer ordered and spent, net of VAT. Customers without orders stay, with 0.
select customer_id, sum(orders) as orders, sum(net_minor) as net_minor
from (select customer_id, 0 as orders, 0 as net_minor from customers
      union all select customer_id, 1, 0 from orders
      union all select o.customer_id, 0, l.net_minor from orders as o cross join unnest(o.lines) as t(l)) as movements
group by customer_id
