"""The inner rows of a fold: what they may be made of, and the currency of each of their columns."""

from __future__ import annotations

from collections.abc import Mapping

from sqlglot import exp

from tillage.contracts.contract import Dataset
from tillage.errors import ModelError
from tillage.models.currency import Columns, Currency, Scope, currency_of, merged, scope_of_dataset

_NO_FOLD = ("having", "order", "limit", "offset", "distinct", "qualify", "windows", "with_", "with")


def no_fold(name: str, what: str) -> ModelError:
    return ModelError(
        f"models/{name}.sql is no fold: {what}. A fold is select, filter, unnest, union all over one dataset in each "
        "branch, under one group by with sum and count; other kinds of model are not built yet"
    )


def refuse_clauses(name: str, select: exp.Expr, *, allow_group: bool) -> None:
    """No clause that a fold, or its inner rows, cannot have.

    Raises:
        ModelError: names the clause.
    """
    for clause in (*_NO_FOLD, *(() if allow_group else ("group",))):
        if select.args.get(clause):
            raise no_fold(name, f"a select has {clause.strip('_')}")


def source_of(name: str, select: exp.Expr) -> exp.Expr:
    """What a SELECT reads from."""
    source = select.args.get("from_")
    if not isinstance(source, exp.From):
        raise no_fold(name, "a select reads nothing")
    found = source.this
    if not isinstance(found, exp.Expr):
        raise no_fold(name, "a select reads nothing")
    return found


class InnerRows:
    """Walks the inner rows, checks what they may be made of, and gives the currency of each of their columns."""

    def __init__(self, model: str, datasets: Mapping[str, Dataset]) -> None:
        self.model = model
        self.datasets = datasets
        self.used: set[str] = set()

    def source(self, node: exp.Expr) -> tuple[str, Columns, dict[tuple[str, str], Columns]]:
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
        raise no_fold(self.model, f"it reads from '{node.sql()[:60]}'")

    def rows(self, node: exp.Expr) -> Columns:
        """Columns of a SELECT or UNION ALL without aggregates, in order."""
        if isinstance(node, exp.Union):
            return self._union(node)
        if isinstance(node, exp.Subquery):
            return self.rows(node.this)
        if not isinstance(node, exp.Select):
            raise no_fold(self.model, f"it reads from '{node.sql()[:60]}'")
        return self._select(node)

    def _union(self, node: exp.Union) -> Columns:
        if node.args.get("distinct"):
            raise no_fold(self.model, "its union is not union all")
        if node.args.get("by_name"):
            raise no_fold(self.model, "its union is by name; write the columns out")
        left, right = self.rows(node.left), self.rows(node.right)
        if len(left) != len(right):
            raise ModelError(
                f"models/{self.model}.sql: the sides of a union all have {len(left)} and {len(right)} columns"
            )
        return {
            column: merged(self.model, currency, other, f"column '{column}' of the union")
            for (column, currency), other in zip(left.items(), right.values(), strict=True)
        }

    def _select(self, node: exp.Select) -> Columns:
        refuse_clauses(self.model, node, allow_group=False)
        scope = Scope()
        alias, columns, lists = self.source(source_of(self.model, node))
        scope.tables[alias] = columns
        scope.lists.update(lists)
        self.joins(node, scope)
        found: dict[str, Currency] = {}
        for index, projection in enumerate(node.expressions):
            if projection.find(exp.Star) or projection.find(exp.AggFunc) or projection.find(exp.Window):
                raise no_fold(self.model, "an inner select has *, an aggregate or a window; name each column")
            found[projection.alias_or_name or f"column{index}"] = currency_of(self.model, projection, scope)
        return found

    def joins(self, node: exp.Select, scope: Scope) -> None:
        """Each join is `cross join unnest(list) as t(element)` of a list in scope."""
        for join in node.args.get("joins") or ():
            unnest = join.this
            if not isinstance(unnest, exp.Unnest) or join.side or join.args.get("on") or join.args.get("using"):
                raise no_fold(self.model, "it joins something other than `cross join unnest(list) as t(element)`")
            alias = unnest.args.get("alias")
            if alias is None or len(alias.columns) != 1 or len(unnest.expressions) != 1:
                raise no_fold(self.model, "an unnest needs one list and one name, as in `unnest(o.lines) as t(l)`")
            source = unnest.expressions[0]
            if not isinstance(source, exp.Column):
                raise no_fold(self.model, "an unnest reads something other than a list column")
            tables = (
                [source.table] if source.table else [table for table, column in scope.lists if column == source.name]
            )
            if len(tables) != 1 or (tables[0], source.name) not in scope.lists:
                raise ModelError(f"models/{self.model}.sql: '{source.sql()}' is no list of a dataset that it reads")
            scope.tables[alias.columns[0].name] = scope.lists[tables[0], source.name]
