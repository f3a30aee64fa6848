"""A fold: sums and counts by key over one dataset in each branch, so that its change for a load is a sum over that load.

A model is read as inner rows (select, filter, unnest, union all) under one outer `group by`. From the two this module
writes the SQL of its delta (`sum(_sign * x)`, over whatever rows it is given) and the SQL that explains one key.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

import sqlglot
from sqlglot import exp

from tillage.contracts.contract import Dataset
from tillage.contracts.sql_text import name as quoted
from tillage.errors import ModelError
from tillage.models.currency import ANY, Columns, Currency, Scope, currency_of, merged, scope_of_dataset

ROWS = "_rows"
"""Hidden column of a state: how many inner rows a key has; at 0 the key is gone."""


@dataclass(frozen=True)
class Output:
    """One column of the model."""

    name: str
    is_key: bool
    currency: Currency

    @property
    def filled(self) -> str:
        """Hidden column beside a sum: how many of its inputs were not null; at 0 the sum is null."""
        return f"_n_{self.name}"


@dataclass(frozen=True)
class Fold:
    """A compiled model. The SQL texts read relations named like the datasets, with `_sign, _load, _record`."""

    name: str
    digest: str
    text: str
    description: str
    datasets: tuple[str, ...]
    outputs: tuple[Output, ...]
    delta_sql: str
    """Keys, sums (null never), counts of non-nulls, row count; one row for each key that changed."""
    explain_sql: str
    """One row for each inner row: the outputs' inputs, `_sign, _load, _record, _dataset, _line_no, _line`."""

    @property
    def keys(self) -> tuple[Output, ...]:
        return tuple(output for output in self.outputs if output.is_key)

    @property
    def sums(self) -> tuple[Output, ...]:
        return tuple(output for output in self.outputs if not output.is_key)


def read_fold(name: str, text: str, datasets: Mapping[str, Dataset]) -> Fold:
    """The fold in `text`, the content of `models/<name>.sql`.

    Raises:
        ModelError: not one SELECT, no fold, an unknown name, or two currencies in one column.
    """
    tree = _parse(name, text)
    inner = _inner(name, tree)
    scope = Scope()
    reader = _Inner(name, datasets)
    alias, columns, lists = reader.source(inner)
    scope.tables[alias] = columns
    for (table, column), element in lists.items():
        scope.lists[table, column] = element
    reader.joins(tree, scope)
    outputs, arguments = _outputs(name, tree, scope)
    delta, explain = tree.copy(), tree.copy()
    _carry(name, delta, is_explain=False)
    _carry(name, explain, is_explain=True)
    return Fold(
        name=name,
        digest=hashlib.sha256(text.encode()).hexdigest(),
        text=text,
        description=_description(text),
        datasets=tuple(sorted(reader.used)),
        outputs=outputs,
        delta_sql=_delta_sql(delta, outputs, arguments),
        explain_sql=_explain_sql(explain, outputs, arguments),
    )


def _parse(name: str, text: str) -> exp.Select:
    try:
        trees = [tree for tree in sqlglot.parse(text, dialect="duckdb") if tree is not None]
    except sqlglot.errors.ParseError as wrong:
        at = wrong.errors[0] if wrong.errors else {}
        raise ModelError(f"models/{name}.sql, line {at.get('line', 1)}: {at.get('description', 'not SQL')}") from None
    except sqlglot.errors.TokenError as wrong:
        raise ModelError(f"models/{name}.sql: not SQL: {str(wrong).splitlines()[0]}") from None
    if len(trees) != 1 or not isinstance(trees[0], exp.Select):
        raise ModelError(f"models/{name}.sql must hold one SELECT")
    return trees[0]


def _description(text: str) -> str:
    first = text.lstrip().splitlines()[0] if text.strip() else ""
    return first.removeprefix("--").strip() if first.startswith("--") else ""


def _no(name: str, what: str) -> ModelError:
    return ModelError(
        f"models/{name}.sql is no fold: {what}. A fold is select, filter, unnest, union all over one dataset in each "
        "branch, under one group by with sum and count; other kinds of model are not built yet"
    )


_NO_FOLD = ("having", "order", "limit", "offset", "distinct", "qualify", "windows", "with_", "with")


def _inner(name: str, tree: exp.Select) -> exp.Expression:
    for part in _NO_FOLD:
        if tree.args.get(part):
            raise _no(name, f"it has {part.strip('_')}")
    if not tree.args.get("group"):
        raise _no(name, "it has no group by")
    source = tree.args.get("from_") or tree.args.get("from")
    if source is None:
        raise _no(name, "it reads nothing")
    inner = source.this
    assert isinstance(inner, exp.Expression)  # noqa: S101  (what `FROM` holds)
    return inner


class _Inner:
    """Walks the inner rows, checks what they may be made of, and gives the currency of each of their columns."""

    def __init__(self, model: str, datasets: Mapping[str, Dataset]) -> None:
        self.model = model
        self.datasets = datasets
        self.used: set[str] = set()

    def source(self, node: exp.Expression) -> tuple[str, Columns, dict[tuple[str, str], Columns]]:
        """Alias, columns, and lists of what a FROM names."""
        if isinstance(node, exp.Table):
            dataset = self.datasets.get(node.name)
            if dataset is None or node.db:
                known = ", ".join(sorted(self.datasets))
                raise ModelError(f"models/{self.model}.sql reads '{node.sql()}'; the datasets are: {known}")
            self.used.add(node.name)
            columns, lists = scope_of_dataset(dataset)
            alias = node.alias_or_name
            return alias, columns, {(alias, column): element for column, element in lists.items()}
        if isinstance(node, exp.Subquery):
            return node.alias, self.rows(node.this), {}
        raise _no(self.model, f"it reads from '{node.sql()[:60]}'")

    def rows(self, node: exp.Expression) -> Columns:
        """Columns of a SELECT or UNION ALL without aggregates, in order."""
        if isinstance(node, exp.Union):
            if node.args.get("distinct"):
                raise _no(self.model, "its union is not union all")
            if node.args.get("by_name"):
                raise _no(self.model, "its union is by name; write the columns out")
            left, right = self.rows(node.left), self.rows(node.right)
            if len(left) != len(right):
                raise ModelError(f"models/{self.model}.sql: the sides of a union all have {len(left)} and {len(right)} columns")
            return {
                column: merged(self.model, currency, other, f"column '{column}' of the union")
                for (column, currency), other in zip(left.items(), right.values(), strict=True)
            }
        if isinstance(node, exp.Subquery):
            return self.rows(node.this)
        if not isinstance(node, exp.Select):
            raise _no(self.model, f"it reads from '{node.sql()[:60]}'")
        for part in (*_NO_FOLD, "group"):
            if node.args.get(part):
                raise _no(self.model, f"an inner select has {part.strip('_')}")
        source = node.args.get("from_") or node.args.get("from")
        if source is None:
            raise _no(self.model, "an inner select reads nothing")
        scope = Scope()
        alias, columns, lists = self.source(source.this)
        scope.tables[alias] = columns
        scope.lists.update(lists)
        self.joins(node, scope)
        found: dict[str, Currency] = {}
        for index, projection in enumerate(node.expressions):
            if projection.find(exp.Star) or projection.find(exp.AggFunc) or projection.find(exp.Window):
                raise _no(self.model, "an inner select has *, an aggregate or a window; name each column")
            found[projection.alias_or_name or f"column{index}"] = currency_of(self.model, projection, scope)
        return found

    def joins(self, node: exp.Select, scope: Scope) -> None:
        """Each join is `cross join unnest(list) as t(element)` of a list in scope."""
        for join in node.args.get("joins") or ():
            unnest = join.this
            if not isinstance(unnest, exp.Unnest) or join.side or join.args.get("on") or join.args.get("using"):
                raise _no(self.model, "it joins something other than `cross join unnest(list) as t(element)`")
            alias = unnest.args.get("alias")
            if alias is None or len(alias.columns) != 1 or len(unnest.expressions) != 1:
                raise _no(self.model, "an unnest needs one list and one name, as in `unnest(o.lines) as t(l)`")
            source = unnest.expressions[0]
            if not isinstance(source, exp.Column):
                raise _no(self.model, "an unnest reads something other than a list column")
            tables = [source.table] if source.table else [table for table, column in scope.lists if column == source.name]
            if len(tables) != 1 or (tables[0], source.name) not in scope.lists:
                raise ModelError(f"models/{self.model}.sql: '{source.sql()}' is no list of a dataset that it reads")
            scope.tables[alias.columns[0].name] = scope.lists[tables[0], source.name]


def _outputs(name: str, tree: exp.Select, scope: Scope) -> tuple[tuple[Output, ...], list[exp.Expression]]:
    grouped = {node.sql(dialect="duckdb") for node in tree.args["group"].expressions}
    positions = {str(index + 1) for index in range(len(tree.expressions))}
    outputs: list[Output] = []
    arguments: list[exp.Expression] = []
    for index, projection in enumerate(tree.expressions):
        inner = projection.unalias()
        if not projection.alias_or_name:
            raise ModelError(f"models/{name}.sql: column {index + 1} needs a name: `... as name`")
        is_key = not inner.find(exp.AggFunc)
        if is_key:
            spelled = {inner.sql(dialect="duckdb"), str(index + 1), projection.alias_or_name}
            if not spelled & grouped:
                raise ModelError(f"models/{name}.sql: '{inner.sql()}' is neither summed nor in group by")
            grouped -= spelled
            arguments.append(inner)
        else:
            arguments.append(_argument(name, inner))
        currency = None if isinstance(inner, exp.Count) else currency_of(name, inner, scope)
        outputs.append(Output(projection.alias_or_name, is_key, None if currency == ANY else currency))
    if grouped - positions:
        raise _no(name, f"it groups by {', '.join(sorted(grouped))}, which it does not select")
    if all(output.is_key for output in outputs):
        raise _no(name, "it sums and counts nothing")
    if len({output.name for output in outputs}) != len(outputs):
        raise ModelError(f"models/{name}.sql: two columns have one name")
    return tuple(outputs), arguments


def _argument(name: str, node: exp.Expression) -> exp.Expression:
    """What one inner row adds to an output; null where it adds nothing."""
    condition = None
    if isinstance(node, exp.Filter):
        condition = node.expression.this
        node = node.this
    if isinstance(node, exp.Sum) and not isinstance(node.this, exp.Distinct):
        argument = node.this
    elif isinstance(node, exp.Count) and not isinstance(node.this, exp.Distinct):
        counted = node.this
        argument = (
            exp.Literal.number(1)
            if isinstance(counted, exp.Star)
            else sqlglot.parse_one(f"case when {counted.sql('duckdb')} is not null then 1 else 0 end", dialect="duckdb")
        )
    else:
        raise _no(name, f"'{node.sql()}' is neither sum nor count")
    if condition is None:
        return argument
    return exp.Case(ifs=[exp.If(this=condition.copy(), true=argument.copy())])


def _carry(name: str, node: exp.Expression, *, is_explain: bool) -> None:
    """Adds to every inner SELECT the columns that each row carries up to the outer one."""
    for select in list(node.find_all(exp.Select)):
        if select is node:
            continue
        source = (select.args.get("from_") or select.args.get("from")).this
        alias = source.alias_or_name
        is_leaf = isinstance(source, exp.Table)
        select.select(exp.column("_sign", table=alias), copy=False)
        if not is_explain:
            continue
        select.select(exp.column("_load", table=alias), exp.column("_record", table=alias), copy=False)
        joins = select.args.get("joins") or []
        if not is_leaf:
            for carried in ("_dataset", "_line_no", "_line"):
                select.select(exp.column(carried, table=alias), copy=False)
            continue
        select.select(exp.Literal.string(source.name), copy=False)
        if joins:
            unnest = joins[-1].this
            element = unnest.args["alias"].columns[0]
            unnest.args["alias"].append("columns", exp.to_identifier("_element_no"))
            unnest.set("offset", True)
            line = sqlglot.parse_one(f"to_json({quoted(element.name)})::varchar", dialect="duckdb")
            select.select(exp.column("_element_no"), line, copy=False)
        else:
            select.select("cast(null as bigint)", "cast(null as varchar)", copy=False, dialect="duckdb")
    _name_first_branch(node, is_explain=is_explain)
    _ = name


def _name_first_branch(node: exp.Expression, *, is_explain: bool) -> None:
    """A union takes its names from its first branch; leaves are named everywhere, which does no harm."""
    carried = ["_sign", "_load", "_record", "_dataset", "_line_no", "_line"] if is_explain else ["_sign"]
    for select in node.find_all(exp.Select):
        if select is node:
            continue
        for projection, column in zip(select.expressions[-len(carried) :], carried, strict=True):
            projection.replace(exp.alias_(projection.copy(), column))


def _outer_from(tree: exp.Select) -> tuple[str, str]:
    """FROM with joins and WHERE of the outer SELECT, as SQL; and the alias that carries `_sign`."""
    source = tree.args.get("from_") or tree.args["from"]
    parts = [source.sql(dialect="duckdb")]
    parts += [join.sql(dialect="duckdb") for join in tree.args.get("joins") or ()]
    if tree.args.get("where"):
        parts.append(tree.args["where"].sql(dialect="duckdb"))
    return " ".join(parts), source.this.alias_or_name


def _delta_sql(tree: exp.Select, outputs: tuple[Output, ...], arguments: list[exp.Expression]) -> str:
    rows, alias = _outer_from(tree)
    prefix = f"{quoted(alias)}." if alias else ""
    columns, keys = [], []
    for output, argument in zip(outputs, arguments, strict=True):
        value = argument.sql(dialect="duckdb")
        if output.is_key:
            columns.append(f"{value} as {quoted(output.name)}")
            keys.append(value)
            continue
        columns.append(f"coalesce(sum({prefix}_sign * ({value})), 0) as {quoted(output.name)}")
        columns.append(f"sum(if(({value}) is null, 0, {prefix}_sign))::bigint as {quoted(output.filled)}")
    columns.append(f"sum({prefix}_sign)::bigint as {quoted(ROWS)}")
    return f"select {', '.join(columns)} {rows} group by {', '.join(keys)}"


def _explain_sql(tree: exp.Select, outputs: tuple[Output, ...], arguments: list[exp.Expression]) -> str:
    source = (tree.args.get("from_") or tree.args["from"]).this
    if isinstance(source, exp.Table):
        # No inner SELECT carries the columns: wrap the dataset's own.
        joins = tree.args.get("joins") or []
        line_no, line = "cast(null as bigint)", "cast(null as varchar)"
        if joins:
            unnest = joins[-1].this
            element = unnest.args["alias"].columns[0]
            unnest.args["alias"].append("columns", exp.to_identifier("_element_no"))
            unnest.set("offset", True)
            line_no, line = "_element_no", f"to_json({quoted(element.name)})::varchar"
        alias = quoted(source.alias_or_name)
        carried = (
            f"{alias}._sign, {alias}._load, {alias}._record, '{source.name}' as _dataset, "
            f"{line_no} as _line_no, {line} as _line"
        )
    else:
        carried = "_sign, _load, _record, _dataset, _line_no, _line"
    rows, _ = _outer_from(tree)
    values = [
        f"{argument.sql(dialect='duckdb')} as {quoted(output.name)}"
        for output, argument in zip(outputs, arguments, strict=True)
    ]
    return f"select {', '.join(values)}, {carried} {rows}"
