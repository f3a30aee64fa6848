-- How often each product was bought, and for how much.
select l.sku as sku, sum(l.quantity) as quantity, sum(l.line_total_minor) as total_minor
from transactions as t cross join unnest(t.lines) as e(l)
group by l.sku
