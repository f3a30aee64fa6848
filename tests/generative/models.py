"""Random fold models: each is SQL text, and the same model as Python functions over plain rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import groupby
from typing import Any, TypeAlias

from hypothesis import strategies as st

from tillage.contracts.contract import Column, Dataset, FieldPath, Kind, Money

Row: TypeAlias = dict[str, Any]
"""Values by name as the SQL spells it: `o.paid_minor`, `l.price_minor`, `amount`."""
Tables: TypeAlias = Mapping[str, Sequence[Row]]
"""By dataset, its rows by column; lists of rows in list columns."""
State: TypeAlias = dict[tuple[Any, ...], tuple[Any, ...]]
"""Sums by keys."""


def _column(name: str, kind: Kind, money: Money | None = None, items: tuple[Column, ...] = ()) -> Column:
    return Column(name, (FieldPath((name,)),), kind, money=money, items=items)


def _money(name: str) -> Column:
    return _column(name, Kind.NUMBER, Money("EUR"))


SHOP, NAME = _column("shop", Kind.STRING), _column("name", Kind.STRING)
TABLE, GUESTS = _column("place", Kind.INTEGER), _column("guests", Kind.INTEGER)
WEIGHT, IS_PAID = _column("weight", Kind.NUMBER), _column("is_paid", Kind.BOOLEAN)
LINES = _column("lines", Kind.LIST, items=(NAME, _money("price"), GUESTS))
DATASETS = {
    "sales": Dataset("sales", (), (SHOP, TABLE, WEIGHT, IS_PAID, GUESTS, _money("paid"), LINES), key=()),
    "debts": Dataset("debts", (), (SHOP, TABLE, GUESTS, _money("owed")), key=()),
}


@dataclass(frozen=True)
class Term:
    """An expression as SQL and as a function of a row; None is NULL."""

    sql: str
    of: Callable[[Row], Any]


@dataclass(frozen=True)
class Sum:
    """An aggregate: its SQL, and its value over the rows of one group."""

    sql: str
    of: Callable[[Sequence[Row]], Any]


@dataclass(frozen=True)
class Model:
    sql: str
    state: Callable[[Tables], State]


def column(name: str) -> Term:
    return Term(name, lambda row: row[name])


def literal(sql: str, value: Any) -> Term:
    return Term(sql, lambda _: value)


def lifted(sql: str, apply: Callable[..., Any], *terms: Term) -> Term:
    """NULL where one of its terms is."""

    def of(row: Row) -> Any:
        values = [term.of(row) for term in terms]
        return None if None in values else apply(*values)

    return Term(sql.format(*(term.sql for term in terms)), of)


def case(condition: Term, then: Term, other: Term | None) -> Term:
    sql = f"case when {condition.sql} then {then.sql}" + (f" else {other.sql}" if other else "") + " end"
    return Term(sql, lambda row: then.of(row) if condition.of(row) else other.of(row) if other else None)


def negated(term: Term) -> Term:
    return lifted("not ({0})", lambda value: not value, term)


def both(left: Term, right: Term) -> Term:
    def of(row: Row) -> Any:
        values = (left.of(row), right.of(row))
        return False if False in values else None if None in values else True

    return Term(f"({left.sql} and {right.sql})", of)


def either(left: Term, right: Term) -> Term:
    def of(row: Row) -> Any:
        values = (left.of(row), right.of(row))
        return True if True in values else None if None in values else False

    return Term(f"({left.sql} or {right.sql})", of)


def is_null(term: Term) -> Term:
    return Term(f"{term.sql} is null", lambda row: term.of(row) is None)


def filled(term: Term, default: Term) -> Term:
    return Term(
        f"coalesce({term.sql}, {default.sql})",
        lambda row: default.of(row) if term.of(row) is None else term.of(row),
    )


@dataclass(frozen=True)
class Source:
    """What a FROM gives: its SQL, its rows, and its columns by kind."""

    sql: str
    rows: Callable[[Tables], Iterator[Row]]
    texts: tuple[Term, ...]
    integers: tuple[Term, ...]
    numbers: tuple[Term, ...]
    money: tuple[Term, ...]
    conditions: tuple[Term, ...]


def _dataset(dataset: str, *, is_unnested: bool) -> Source:
    def rows(tables: Tables) -> Iterator[Row]:
        for row in tables[dataset]:
            outer = {f"o.{name}": value for name, value in row.items()}
            if not is_unnested:
                yield outer
                continue
            for line in row["lines"] or ():
                yield outer | {f"l.{name}": value for name, value in line.items()}

    names = ["o.shop"], ["o.place", "o.guests"], list[str](), list[str](), list[str]()
    texts, integers, numbers, money, conditions = names
    if dataset == "sales":
        numbers.append("o.weight")
        money.append("o.paid_minor")
        conditions.append("o.is_paid")
    else:
        money.append("o.owed_minor")
    if is_unnested:
        texts.append("l.name")
        integers.append("l.guests")
        money.append("l.price_minor")
    sql = f"{dataset} as o" + (" cross join unnest(o.lines) as t(l)" if is_unnested else "")
    terms = [tuple(map(column, kind)) for kind in names]
    return Source(sql, rows, terms[0], terms[1], terms[2], terms[3], terms[4])


SOURCES = (
    _dataset("sales", is_unnested=False),
    _dataset("sales", is_unnested=True),
    _dataset("debts", is_unnested=False),
)


def conditions(source: Source) -> st.SearchStrategy[Term]:
    simple = [*source.conditions, *map(is_null, (*source.texts, *source.integers, *source.money))]
    for term in source.integers:
        simple += [lifted("{0} > 1", lambda value: value > 1, term), lifted("{0} = 0", lambda value: value == 0, term)]
    for term in source.texts:
        simple.append(lifted("{0} = 'a'", lambda value: value == "a", term))
    for term in source.money:
        simple.append(lifted("{0} < 0", lambda value: value < 0, term))
    return st.recursive(
        st.sampled_from(simple),
        lambda inner: st.one_of(
            st.builds(negated, inner), st.builds(both, inner, inner), st.builds(either, inner, inner)
        ),
        max_leaves=3,
    )


def keys(source: Source) -> st.SearchStrategy[Term]:
    text, integer = st.sampled_from(source.texts), st.sampled_from(source.integers)
    return st.one_of(
        text,
        integer,
        st.builds(filled, text, st.just(literal("'none'", "none"))),
        st.builds(case, conditions(source), text, st.none()),
        st.builds(case, conditions(source), integer, st.just(literal("-1", -1))),
    )


def values(source: Source) -> st.SearchStrategy[Term]:
    """Summands without a currency."""
    plain = [*source.integers, *source.numbers, literal("1", 1), literal("0", 0)]
    integer = st.sampled_from(source.integers)
    return _summands(source, plain) | st.one_of(
        st.builds(lambda left, right: lifted("({0} + {1})", int.__add__, left, right), integer, integer),
        st.builds(lambda left, right: lifted("({0} - {1})", int.__sub__, left, right), integer, integer),
        st.builds(lambda term: lifted("3 * {0}", lambda value: 3 * value, term), integer),
    )


def amounts(source: Source) -> st.SearchStrategy[Term]:
    """Summands in EUR."""
    return _summands(source, [*source.money, literal("0", 0), literal("cast(null as bigint)", None)])


def _summands(source: Source, plain: Sequence[Term]) -> st.SearchStrategy[Term]:
    term = st.sampled_from(plain)
    return st.one_of(
        term,
        st.builds(lambda term: lifted("-{0}", lambda value: -value, term), term),
        st.builds(case, conditions(source), term, st.none()),
        st.builds(case, conditions(source), term, st.just(literal("0", 0))),
    )


def summed(term: Term, condition: Term | None) -> Sum:
    def of(rows: Sequence[Row]) -> Any:
        found = [term.of(row) for row in rows if condition is None or condition.of(row)]
        present = [value for value in found if value is not None]
        return sum(present) if present else None

    return Sum(f"sum({term.sql}){_filter(condition)}", of)


def counted(term: Term | None, condition: Term | None) -> Sum:
    def of(rows: Sequence[Row]) -> Any:
        found = [row for row in rows if condition is None or condition.of(row)]
        return sum(1 for row in found if term is None or term.of(row) is not None)

    return Sum(f"count({term.sql if term else '*'}){_filter(condition)}", of)


def _filter(condition: Term | None) -> str:
    return f" filter (where {condition.sql})" if condition else ""


def sums(source: Source) -> st.SearchStrategy[Sum]:
    condition = st.none() | conditions(source)
    any_term = values(source) | amounts(source)
    return st.builds(summed, any_term, condition) | st.builds(counted, st.none() | any_term, condition)


@st.composite
def branches(draw: st.DrawFn) -> tuple[str, Callable[[Tables], Iterator[Row]]]:
    """A SELECT of two keys and three values, and its rows."""
    source = draw(st.sampled_from(SOURCES))
    text = draw(st.sampled_from(source.texts) | st.just(literal("cast(null as varchar)", None)))
    integer = draw(st.sampled_from(source.integers) | st.just(literal("7", 7)))
    size = draw(st.sampled_from(source.numbers or (literal("null::decimal(38,6)", None),)))
    selected = {"k": text, "n": integer, "amount": draw(amounts(source)), "guests": draw(values(source)), "size": size}
    condition = draw(st.none() | st.none() | conditions(source))
    sql = f"select {', '.join(f'{term.sql} as {name}' for name, term in selected.items())} from {source.sql}"
    sql += f" where {condition.sql}" if condition else ""

    def rows(tables: Tables) -> Iterator[Row]:
        for row in source.rows(tables):
            if condition is None or condition.of(row):
                yield {name: term.of(row) for name, term in selected.items()}

    return sql, rows


@st.composite
def unions(draw: st.DrawFn) -> Source:
    parts = draw(st.lists(branches(), min_size=1, max_size=3))
    sql = " union all ".join(part for part, _ in parts)

    def rows(tables: Tables) -> Iterator[Row]:
        for _, of in parts:
            yield from of(tables)

    number, amount = (column("size"),), (column("amount"),)
    return Source(f"({sql}) as m", rows, (column("k"),), (column("n"),), number, amount, ())


@st.composite
def models(draw: st.DrawFn) -> Model:
    """Grouped by one or two keys, over a dataset, the elements of its list, or a union of several."""
    source = draw(st.sampled_from(SOURCES) | unions())
    grouped = draw(st.lists(keys(source), min_size=1, max_size=2, unique_by=lambda key: key.sql))
    outputs = draw(st.lists(sums(source), min_size=1, max_size=4))
    condition = draw(st.none() | st.none() | conditions(source))
    names = [f"key{index}" for index in range(len(grouped))]
    selected = [f"{key.sql} as {name}" for key, name in zip(grouped, names, strict=True)]
    selected += [f"{output.sql} as sum{index}" for index, output in enumerate(outputs)]
    by = draw(st.sampled_from((names, [key.sql for key in grouped], [str(n + 1) for n in range(len(grouped))])))
    where = f" where {condition.sql}" if condition else ""
    sql = f"select {', '.join(selected)} from {source.sql}{where} group by {', '.join(by)}"

    def state(tables: Tables) -> State:
        keyed = [
            (tuple(key.of(row) for key in grouped), row)
            for row in source.rows(tables)
            if condition is None or condition.of(row)
        ]
        keyed.sort(key=lambda pair: str(pair[0]))
        groups = ((key, [row for _, row in rows]) for key, rows in groupby(keyed, key=lambda pair: pair[0]))
        return {key: tuple(output.of(rows) for output in outputs) for key, rows in groups}

    return Model(sql, state)


def _cents() -> st.SearchStrategy[int | None]:
    return st.sampled_from((None, 0, 1, -1, 541, -1024, 2**63 - 1, 1 - 2**63))


def _few() -> st.SearchStrategy[int | None]:
    return st.sampled_from((None, 0, 1, 2, -3))


def _texts() -> st.SearchStrategy[str | None]:
    return st.sampled_from((None, "a", "b", "", "null", '"', "\\.", "ü,\n", "\\N"))


def _lines() -> st.SearchStrategy[list[Row] | None]:
    line = st.fixed_dictionaries({"name": _texts(), "price_minor": _cents(), "guests": _few()})
    return st.none() | st.lists(line, max_size=3)


ROWS: dict[str, st.SearchStrategy[Row]] = {
    "sales": st.fixed_dictionaries(
        {
            "shop": _texts(),
            "place": _few(),
            "weight": st.sampled_from((None, Decimal("0.000001"), Decimal(-7), Decimal("12.5"), Decimal(0))),
            "is_paid": st.sampled_from((None, True, False)),
            "guests": _few(),
            "paid_minor": _cents(),
            "lines": _lines(),
        }
    ),
    "debts": st.fixed_dictionaries({"shop": _texts(), "place": _few(), "guests": _few(), "owed_minor": _cents()}),
}
