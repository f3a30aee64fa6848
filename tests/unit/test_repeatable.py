"""Tables of which an audit can say that they are wrong, and those of which nobody can."""

from __future__ import annotations

import pytest

from tillage.models.repeatable import doubt


@pytest.mark.parametrize(
    "text",
    [
        "select o.id, count(s.id) as n from o left join s on s.id = o.id group by o.id order by o.id",
        "select id, avg(x) as mean, max(y) as most from o group by id having count(*) > 1",
        "select id, rank() over (partition by kind order by x desc) as place from o",
        "select id, sum(x) over (order by day) as up_to from o",
        "select distinct kind from o -- limit 1, random()",
    ],
)
def test_table_that_gives_one_answer_for_the_same_rows_is_in_no_doubt(text: str) -> None:
    assert doubt(text) is None


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("select id, random() as r from o", "'random'"),
        ("select id, current_date as day from o", "'CURRENT_DATE'"),
        ("select first(id) as id from o", "'first'"),
        ("select id, row_number() over (order by x) as n from o", "'row_number'"),
        ("select distinct on (kind) kind, id from o", "DISTINCT ON"),
        ("select id from (select id from o limit 3)", "LIMIT"),
        ("select sum(x) over (order by day rows between 2 preceding and current row) as s from o", "a window"),
    ],
)
def test_what_may_come_out_otherwise_is_named(text: str, what: str) -> None:
    assert str(doubt(text)).startswith(what)
