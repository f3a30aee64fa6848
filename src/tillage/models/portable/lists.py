"""Lists: what is unnested, counted, chosen and gathered otherwise."""

from __future__ import annotations

from sqlglot import exp

from tillage.models.portable.difference import Difference, bare, leaves_nulls_out, outside, words
from tillage.models.portable.kind import Kind, Types

_EACH_UNIT = "left join lateral (select unnest(s.numbers) as n) as u on true"


def _is_left_unnest(node: exp.Expr, _: Types) -> bool:
    is_outer = str(node.args.get("side") or "").upper() in {"LEFT", "RIGHT", "FULL"}
    return isinstance(node.this, exp.Unnest) and (is_outer or node.args.get("on") is not None)


def _is_of_list(node: exp.Expr, types: Types) -> bool:
    return types.kind(node.this) is not Kind.TEXT


def _is_uncertain(node: exp.Expr, _: Types) -> bool:
    outer = outside(node)
    return not (isinstance(outer, exp.Coalesce) and [one.sql() for one in outer.expressions] == ["FALSE"])


def _is_in_list(node: exp.Expr, _: Types) -> bool:
    if isinstance(node, exp.Any | exp.All):
        return not isinstance(bare(node.this), exp.Query)
    return not node.expressions and not node.args.get("query")


def _is_second(node: exp.Expr, _: Types) -> bool:
    """Another unnest in the same SELECT."""
    select = node.find_ancestor(exp.Select)
    if select is None:
        return True
    beside = [one for one in select.find_all(exp.Explode) if one.find_ancestor(exp.Select) is select]
    return len(beside) > 1


def _has_no_name(node: exp.Expr, _: Types) -> bool:
    return not isinstance(outside(node), exp.Alias | exp.Select)


def _gathers_otherwise(node: exp.Expr, _: Types) -> bool:
    """Anything but `coalesce(list_sort(array_agg(x) filter (where x is not null)), [])`."""
    filtered = outside(node)
    if not isinstance(filtered, exp.Filter) or not leaves_nulls_out(filtered, node.this):
        return True
    ordered = outside(filtered)
    whole = outside(ordered) if isinstance(ordered, exp.ArraySort) else None
    return not (isinstance(whole, exp.Coalesce) and [one.sql() for one in whole.expressions] == ["ARRAY()"])


def _may_hold_structs(node: exp.Expr, types: Types) -> bool:
    found = types.named(node.this)
    return found is None or "STRUCT" in found


LISTS = (
    Difference(
        "`left join unnest(x) on true`, or a join of an unnest with a condition",
        "what has an empty list or none vanishes",
        "`left join lateral (select unnest(s.x) as e) as u on true`",
        "select s.id, u.n as x from samples as s left join unnest(s.numbers) as u(n) on true",
        f"select s.id, u.n as x from samples as s {_EACH_UNIT}",
        is_silent=True,
        nodes=(exp.Join,),
        found=_is_left_unnest,
    ),
    Difference(
        "`x[i]`, `x[i:j]`, `list_extract(x, i)`",
        "it is counted from 0, and beyond the end it fails",
        "without: unnest it and choose by what an element says; `list_min(x)`, `list_max(x)`",
        "numbers[1]",
        "list_min(numbers)",
        is_silent=True,
        gives="the least element",
        nodes=(exp.Bracket,),
        calls=words("list_extract list_element array_extract list_slice array_slice list_first list_last"),
    ),
    Difference(
        "`len(x)`, `length(x)` of a list",
        "it fails",
        "`array_length(x)`; `length(x)` of a text",
        "length(tags)",
        "array_length(tags)",
        is_silent=False,
        nodes=(exp.Length,),
        found=_is_of_list,
        calls=words("len"),
    ),
    Difference(
        "`list_contains(x, y)`",
        "it is null where a list without it holds a null",
        "`coalesce(list_contains(x, y), false)`",
        "list_contains(tags, 'a')",
        "coalesce(list_contains(tags, 'a'), false)",
        is_silent=True,
        gives="false for a list that is null",
        nodes=(exp.ArrayContains,),
        found=_is_uncertain,
    ),
    Difference(
        "`contains(x, y)` of a list, `y in x`, `y = any(x)`",
        "it fails, or is null where the list holds a null",
        "`coalesce(list_contains(x, y), false)`",
        "2 in numbers",
        "coalesce(list_contains(numbers, 2), false)",
        is_silent=True,
        gives="false for a list that is null",
        nodes=(exp.In, exp.Any, exp.All),
        found=_is_in_list,
    ),
    Difference(
        "`contains(x, y)` of a list",
        "it fails",
        "`coalesce(list_contains(x, y), false)`",
        "contains(tags, 'a')",
        "coalesce(list_contains(tags, 'a'), false)",
        is_silent=False,
        gives="false for a list that is null",
        nodes=(exp.Contains,),
        found=_is_of_list,
    ),
    Difference(
        "`list_sum(x)`, `list_avg(x)`, `list_distinct(x)` and other functions over lists",
        "there is no such function, or another order or a null comes out",
        f"unnest, and sum or count: `select s.id, sum(u.n) from samples as s {_EACH_UNIT} group by s.id`",
        "select id, list_sum(numbers) as x from samples",
        f"select s.id, sum(u.n) as x from samples as s {_EACH_UNIT} group by s.id",
        is_silent=False,
        calls=words(
            "list_sum list_avg list_count list_product list_median list_mode list_unique list_distinct array_distinct "
            "list_reduce list_aggregate list_aggr array_aggr list_any_value list_concat list_cat array_concat "
            "list_reverse list_resize list_zip list_intersect list_has_any list_has_all list_position list_indexof "
            "array_position flatten range generate_series generate_subscripts list_string_agg list_append "
            "list_prepend array_to_string array_append array_prepend list_reverse_sort list_grade_up list_dot_product"
        ),
    ),
    Difference(
        "`list_sort(x)` of a list of objects",
        "nulls inside of them come first, where DuckDB puts them last",
        "`list_sort(x)` of texts or numbers",
        "list_transform(list_sort(lines), lambda e: e.qty)",
        "list_sort(list_transform(lines, lambda e: e.qty))",
        is_silent=True,
        gives="the values in order",
        nodes=(exp.ArraySort,),
        found=_may_hold_structs,
    ),
    Difference(
        "`array_agg(x)`, `list(x)`",
        "nulls are left out, and so is `order by`; of nothing it is an empty list",
        "`coalesce(list_sort(array_agg(x) filter (where x is not null)), [])`, or `string_agg(x, ',' order by y)`",
        "select array_agg(whole order by whole) as x from samples",
        "select coalesce(list_sort(array_agg(whole) filter (where whole is not null)), []) as x from samples",
        is_silent=True,
        gives="the values without nulls, in their own order",
        nodes=(exp.ArrayAgg,),
        found=_gathers_otherwise,
        calls=words("list"),
    ),
    Difference(
        "two `unnest` in one SELECT",
        "each element of one comes with each of the other",
        "one of them in each SELECT",
        "select id, unnest(tags) as x, unnest(numbers) as y from samples",
        "select id, unnest(tags) as x from samples",
        is_silent=True,
        gives="the elements of one list",
        nodes=(exp.Explode,),
        found=_is_second,
    ),
    Difference(
        "`unnest(x).y`, or `unnest` inside another expression",
        "it fails",
        "`select l.y from samples as s cross join unnest(s.x) as t(l)`",
        "select id, unnest(numbers) + 1 as x from samples",
        "select s.id, n + 1 as x from samples as s cross join unnest(s.numbers) as t(n)",
        is_silent=False,
        nodes=(exp.Explode,),
        found=_has_no_name,
    ),
)
