"""Queries over the samples of all that gives the same as it is written: each is taken, and comes out of both engines.

Each function that the table calls the same is in one of them.
"""

from __future__ import annotations

_GROUPED = "from samples group by is_paid"
_QUERIES = """
select is_paid, label, sum(whole) as a from samples group by grouping sets ((is_paid, label), (is_paid), ())
select is_paid, grouping(is_paid) as b, sum(whole) as a from samples group by rollup (is_paid)
select is_paid, label, sum(whole) as a from samples group by cube (is_paid, label)
select is_paid, sum(whole) as a from samples group by is_paid having sum(whole) > 1
select id, whole as a from samples order by whole, id limit 3 offset 1
select id, whole as a from samples order by whole desc nulls first, id limit 3
select id, label as a from samples order by label desc, id limit 5
select id, whole as a from samples qualify row_number() over (partition by is_paid order by id) = 1
select distinct on (is_paid) is_paid, id from samples order by is_paid, id
select distinct is_paid, other as a from samples
select s.id, s.whole as a from samples as s semi join samples as t on t.other = s.whole
select s.id, s.whole as a from samples as s anti join samples as t on t.other = s.whole
select s.id, t.id as a from samples as s full join samples as t on t.other = s.whole
select s.id, t.id as a from samples as s left join samples as t on t.other = s.whole and t.id > s.id
select s.id, t.whole as a from samples as s join samples as t using (id)
with a as (select id, whole from samples), b as (select id, whole // 3 as c from a) select id, c from b
select s.id, l.qty as a, l.name as b from samples as s cross join unnest(s.lines) as t(l)
select s.id, n as a from samples as s cross join unnest(s.numbers) as t(n) where n > 1
select id, u.l.qty as a from (select id, unnest(lines) as l from samples) as u
select id, unnest(tags) as a from samples
select s.id, u.n as a from samples as s left join lateral (select unnest(s.numbers) as n) as u on true
select id, whole as a from samples where whole in (select other from samples)
select id, whole as a from samples where whole not in (select other from samples where other is not null)
select id, whole as a from samples as s where exists (select 1 from samples as t where t.other = s.whole)
select id, whole as a from samples where (is_paid, id) in (select is_paid, max(id) from samples group by is_paid)
select id, whole as a from samples intersect select id, other from samples
select id, whole as a from samples except select id, other from samples
select is_paid as id, whole as a from samples union select is_paid, other from samples
select id, number as a from samples union all select id, whole from samples
select is_paid, count(*) as n, count(whole) as a, count(distinct other) as b from samples group by is_paid
"""
_OF_GROUPS = """
sum(whole);sum(number);min(label);max(sold);min(is_paid);avg(whole);median(whole);bool_and(whole > 1)
bool_or(whole > 1);stddev(whole);stddev_samp(whole);stddev_pop(whole);variance(whole);var_samp(whole);var_pop(whole)
sum(whole) filter (where other > 1);count(*) filter (where other > 1);sum(distinct other);sum(whole) // count(*)
string_agg(label, ',' order by id);group_concat(label, '|' order by id);listagg(label, '' order by id)
arg_max(label, id) filter (where label is not null);arg_min(whole, id) filter (where whole is not null)
max_by(label, id) filter (where label is not null);min_by(label, id) filter (where label is not null)
coalesce(list_sort(array_agg(whole) filter (where whole is not null)), []);sum(case when whole > 1 then 1 else 0 end)
cast(round(sum(number), 0) as bigint);sum(cast(round(whole * 0.07) as bigint));avg(cast(number as double))
"""
_WINDOWS = """
sum(whole) over (partition by is_paid order by id rows between 1 preceding and current row);count(*) over ()
rank() over (order by whole);dense_rank() over (order by whole);percent_rank() over (order by whole)
cume_dist() over (order by whole);ntile(3) over (order by id);lag(whole, 1, 0) over (order by id)
lead(whole) over (partition by is_paid order by id);first_value(whole) over (partition by is_paid order by id)
last_value(whole) over (order by id rows between current row and unbounded following)
nth_value(whole, 2) over (order by id);row_number() over (order by whole nulls first, id);avg(whole) over ()
sum(id) over (order by whole range between 1 preceding and current row);lag(whole ignore nulls) over (order by id)
first(whole) over (order by id);last(whole) over (order by id);max(label) over (partition by is_paid)
"""
_VALUES = r"""
whole + other;whole - other;whole * other;whole / 2;whole / nullif(other, 0);whole // -3;-whole // 3;whole % 3;-whole
mod(whole, 3);abs(number);round(number);round(number, 1);round(whole, -1);floor(number);ceil(number);ceiling(number)
cast(round(number, 0) as bigint);cast(whole as varchar);cast(number as varchar);cast(day as varchar);number * 2
whole * 0.07;cast(number as decimal(18,2));cast(is_paid as integer);cast(whole as boolean);cast(number as double) / 3
sqrt(abs(whole));exp(whole % 5);power(whole % 5, 2);pow(other, 2);case when whole > 0 then ln(whole) end;number % 3
coalesce(whole, other);ifnull(whole, 0);nullif(whole, other);if(whole > 1, other, whole);greatest(whole, other, 0)
least(number, whole);case when whole > 1 then 'a' when whole < 0 then 'b' else 'c' end;case whole when 5 then 1 end
whole is null;whole is distinct from other;whole is not distinct from other;whole between 1 and 5;whole in (1, 5)
whole not in (1, 5);is_paid and whole > 1;is_paid or whole > 1;not is_paid;is_paid is true;label = 'a';label < 'b'
number = whole;number <= whole;day < '2024-01-01';sold >= '2024-01-01';day = cast('2024-02-29' as date);sold > day
trim(part, ' ');ltrim(part, ' ');rtrim(part, ' ');trim(label, 'ab');length(part);char_length(part)
character_length(part);substring(part, 2);substring(part, 2, 3);substr(part, 1, 2);left(part, 2);right(part, 2)
substring(part, strpos(part, '-') + 1);lpad(part, 5, 'xy');rpad(part, 5, '-');contains(part, 'a');contains(part, label)
starts_with(part, 'a');ends_with(part, 'a');replace(part, 'a', 'b');split_part(label, '-', 2);split_part(label, '-', -1)
concat(part, label);concat_ws(',', part, label, code);part || '-' || whole;label || code;strpos(part, 'a')
instr(part, 'a');position('a' in part);md5(part);sha256(part);translate(part, 'aeß', 'AE');repeat(label, 2)
octet_length(encode(part));ascii(label);label like 'a%';label like '_-%';label not like 'a%'
label like 'a!%%' escape '!'
regexp_matches(part, '^[a-z]+\z');regexp_matches(part, '(?s)a.c');regexp_matches(label, 'a[^\n]c')
regexp_extract(part, '[0-9]+');regexp_extract(label, '([a-z])-([a-z])', 2)
regexp_replace(part, '[aeiou]', '#', 'g');regexp_replace(label, '(?:a|b)+', '', 'g')
case when regexp_matches(part, '^-?[0-9]{1,18}\z') then cast(part as bigint) end
case when regexp_matches(part, '^-?[0-9]{1,12}([.][0-9]{1,6})?\z') then cast(part as decimal(18,6)) end
case when regexp_matches(part, '^-?[0-9]{1,12}([.][0-9]{1,6})?\z') then try_cast(part as double) end
case when regexp_matches(code, '^[0-9]{4}-[0-9]{2}-[0-9]{2}\z') then try_cast(code as date) end
year(day);quarter(sold);month(day);day(sold);dayofmonth(day);dayofyear(day);weekofyear(day);hour(sold);minute(sold)
second(sold);last_day(day);extract(year from sold);extract(week from day);date_part('month', day)
datepart('quarter', day);date_diff('day', day, until);datediff('week', day, until);make_date(year(day), month(day), 1)
cast(date_trunc('month', day) as date);cast(date_trunc('week', sold) as date)
cast(date_trunc('hour', sold) as timestamp)
cast(datetrunc('quarter', day) as date);cast(day + interval 1 month as date);cast(day - interval 1 year as date)
sold + interval 2 hour;cast(date_add(day, interval 3 day) as date);day + 7;strftime(day, '%Y-%m-%d')
strftime(sold, '%d.%m.%Y %H:%M:%S');strftime(day, '%B %y');strftime(day, '%A, %-d.%-m');current_date is null
today() is null;cast(sold as date);cast(day as timestamp);cast(sold at time zone 'Europe/Berlin' as timestamp)
cast(sold at time zone 'America/New_York' as date);hour(sold at time zone 'Europe/Berlin')
cast(epoch(day) as bigint);cast(epoch(cast(date_trunc('second', settled) as timestamptz)) as bigint)
array_length(tags);cardinality(tags);coalesce(list_contains(tags, 'a'), false)
coalesce(array_contains(numbers, 1), false)
coalesce(list_has(tags, 'a'), false);coalesce(array_has(tags, 'b'), false);list_min(numbers);list_max(numbers)
list_sort(numbers);array_sort(tags);list_transform(numbers, lambda e: coalesce(e, 0))
list_filter(numbers, lambda e: e is not null);list_transform(lines, lambda e: e.qty)
'{"a": {"b": 1}}' ->> '$.a.b';cast('2024-01-31' as date);cast(1 as decimal(10,2))
"""


def _parts(text: str) -> list[str]:
    return [part for line in text.strip().splitlines() for part in line.split(";")]


SAME_AS_WRITTEN = [
    *_parts(_QUERIES),
    *(f"select is_paid, {one} as x {_GROUPED}" for one in _parts(_OF_GROUPS)),
    *(f"select id, {one} as x from samples" for one in _parts(_WINDOWS) + _parts(_VALUES)),
]
"""Of each the last column is what is compared; the first says of which rows."""
