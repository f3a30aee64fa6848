-- What each customer bought: how often, and for how much.
select customer_id, count(*) as transactions, sum(total_minor) as total_minor
from transactions
group by customer_id
